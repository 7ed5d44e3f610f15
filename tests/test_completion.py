#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Drives the completions for bash and zsh.

usage: test_completion.py

The programs are $TLSWARD and $TLSWARD_MILTER. Without one of the shells, its part
is skipped, and says so.
"""

import os
import re
import shutil
import subprocess
import sys

import runner
from runner import TIMEOUT, TOP, Failure, Skipped, c_names, expect, find_program, read

BASH = "contrib/completion/tlsward.bash"
ZSH = "contrib/completion/_tlsward"


def programs():
    found = find_program("tlsward"), find_program("tlsward-milter")
    if None in found:
        raise Skipped("no tlsward or tlsward-milter")
    return found


def shell(name):
    path = shutil.which(name)
    if path is None:
        raise Skipped("no " + name)
    return path


def run(*call, **environment):
    done = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, check=False, timeout=TIMEOUT,
                          cwd=os.path.join(TOP, "conf"),
                          env=dict(os.environ, **environment))
    return done.returncode, done.stdout.decode("utf-8", "replace")


def complete_bash(line):
    """What bash offers at the end of LINE, with = and : among the word breaks."""
    tool, daemon = programs()
    line = re.sub("^tlsward-milter", daemon, re.sub(r"^tlsward\b(?!-)", tool, line))
    status, said = run(shell("bash"), "--norc", "-c", '''
        COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
        . "$1"
        COMP_LINE=$2 COMP_POINT=${#2}
        read -r -a COMP_WORDS <<< "$2"
        _tlsward
        printf '%s\\n' "${COMPREPLY[@]}"''', "bash", os.path.join(TOP, BASH), line)
    if status != 0:
        raise Failure(said)
    return sorted(word for word in said.split("\n") if word)


def commands():
    return re.findall(r"^  ([a-z-]+) ", run(programs()[0], "help")[1], re.M)


def options(command):
    """The options in the help of a command."""
    return set(re.findall(r"(?:^  |, )(--?[a-z-]+)", run(
        programs()[0], "help", command)[1], re.M)) | {"--help", "--version"}


def kinds():
    """What tlsward import reads, as its table has them."""
    return re.findall(r'^\t\{ "([a-z]+)", "', read("tool/import.c"), re.M)


def same(line, wanted):
    found = complete_bash(line)
    if found != sorted(wanted):
        raise Failure("%r: %s, not %s" % (line, found, sorted(wanted)))


def test_bash_commands():
    if "check" not in commands():
        raise Failure("where are the commands?")
    same("tlsward ", commands() + ["--help", "--version"])
    same("tlsward ex", ["explain", "export"])
    same("tlsward export ", ["postfix", "sendmail"])
    same("tlsward help ", commands() + ["settings"])
    same("tlsward import ", kinds())
    same("tlsward import exchange pol", ["policy.conf", "policy.test"])


def test_bash_options():
    for command in commands():
        missing = options(command) - set(complete_bash("tlsward %s -" % command))
        expect(sorted(missing), "tlsward %s -" % command)
    same("tlsward check --p", ["--print"])
    same("tlsward-milter -", ["-c", "-f", "-h", "-t", "--help", "--version"])


def test_bash_files():
    same("tlsward check pol", ["policy.conf", "policy.test"])
    same("tlsward diff policy.conf pol", ["policy.conf", "policy.test"])
    same("tlsward check -c tls", ["tlsward.conf"])
    same("tlsward check --config tls", ["tlsward.conf"])
    same("tlsward explain --policy=pol", ["policy.conf", "policy.test"])
    same("tlsward explain --at ", [])
    same("tlsward-milter -f -c tls", ["tlsward.conf"])


def test_bash_facts():
    same("tlsward explain tls_v", ["tls_version="])
    same("tlsward explain --policy policy.conf cert_ver", ["cert_verified="])
    same("tlsward explain from=a@b.example tls_version=TLSv1.", [
        "TLSv1.1", "TLSv1.2", "TLSv1.3"])
    same("tlsward explain from=", [])


def test_lists():
    """What the help does not list is as the source has it."""
    facts = re.findall(r"^\tX\((\w+), \w+, \w+\)", read("policy/policy.h"), re.M)
    if len(facts) < 20:
        raise Failure("policy.h is not written as this test expects")
    reasons = list(dict.fromkeys(word for word, _ in runner.requirements()[1]))
    actions = c_names("policy/parse_require.c", "action_names")
    bash = {name: words.split() for name, words in re.findall(
        r'^_tlsward_(\w+)="([^"]*)"', read(BASH), re.M)}
    zsh = read(ZSH)
    for name, words in (("facts", facts), ("reasons", reasons), ("actions", actions)):
        if sorted(bash[name]) != sorted(words):
            raise Failure("%s of bash: %s" % (name, set(bash[name]) ^ set(words)))
    lists = {name: words.split() for name, words in (
        ("facts", re.search(r"facts=\((.*?)\)", zsh, re.S).group(1)),
        ("actions", re.search(r"\(ACTION\) reply='\((.*?)\)'", zsh).group(1)),
        ("reasons", re.search(r"\(REASON\) reply='\((.*?)\)'", zsh).group(1)))}
    for name, words in (("facts", facts), ("reasons", reasons), ("actions", actions)):
        if sorted(lists[name]) != sorted(words):
            raise Failure("%s of zsh: %s" % (name, set(lists[name]) ^ set(words)))


def test_zsh_syntax():
    status, said = run(shell("zsh"), "-n", os.path.join(TOP, ZSH))
    if status != 0 or said:
        raise Failure(said)


def specs_of_zsh(*words):
    """What _arguments, here a function that prints, is called with."""
    return run(shell("zsh"), "-f", "-c", '''
        _arguments() { print -rl -- "$@" }
        _describe() { print -rl -- "${(@P)2}" }
        compadd() { print -rl -- "$@" }
        file=$1; shift
        words=("$@") CURRENT=$#
        _tlsward_load() { source $file }
        words=("$@"); source $file''', "zsh", os.path.join(TOP, ZSH), *words)[1]


def test_zsh_specs():
    tool, daemon = programs()
    said = specs_of_zsh(tool, "")
    expect([name for name in commands() if name + ":" not in said], "commands")
    said = specs_of_zsh(tool, "explain", "")
    expect([word for word in ("--policy=[", ":FILE:_files", "--at=[", "-c[",
                              "NAME=VALUE:_tlsward_facts") if word not in said], said)
    said = specs_of_zsh(tool, "check", "")
    expect([word for word in ("--print[", "-c[", "POLICY:_files")
            if word not in said], said)
    said = specs_of_zsh(tool, "import", "")
    expect([word for word in ("1:KIND:(%s)" % " ".join(kinds()), "*:FILE:_files", "--windows=[")
            if word not in said], said)
    said = specs_of_zsh(tool, "diff", "")
    expect([word for word in ("--at=[", "*:OLD:_files") if word not in said], said)
    said = specs_of_zsh(daemon, "-")
    expect([word for word in ("-c[", ":FILE:_files", "-f[", "-t[")
            if word not in said], said)


if __name__ == "__main__":
    sys.exit(runner.main())
