#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Holds the manual pages and the shipped configuration against the source.

usage: test_manual.py

Every message, setting, field, macro, command and reply that the source has must be
in the page that explains it. Without mandoc the exit status is 77.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import runner
from runner import STRING, TOP, TLSWARD, Failure, expect, read

PAGES = ("man/tlsward.1", "man/tlsward-policy.5", "man/tlsward.conf.5",
         "man/tlsward-milter.8")
CONVERSION = re.compile(r"%(?:%|\.\*s|z?u|[sdc])")


def folded(text):
    return re.sub(r"\s+", " ", text)


def rendered(page):
    """The page's text, without overstrikes, on lines as long as can be."""
    text = subprocess.run(("mandoc", "-T", "utf8", "-O", "width=900",
                           os.path.join(TOP, page)), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout.decode("utf-8")
    return folded(re.sub(".\b", "", text))


def c_string(literals):
    """The text of C string literals that stand behind one another."""
    return re.sub(r"\\(.)", r"\1", "".join(re.findall(STRING, literals)))


def longest(text, conversion=CONVERSION):
    """The longest part of a format that every message from it has."""
    return folded(max(conversion.split(text), key=len)).strip()


def check(*arguments):
    """What tlsward check finds wrong."""
    run = subprocess.run((TLSWARD, "check") + arguments, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, check=False,
                         env=dict(os.environ, PATH=runner.NO_POSTCONF))
    # Who looks, and what a start would find, is of this host.
    said = re.sub("^.*: info: .*\n", "", run.stderr.decode("utf-8", "replace"), flags=re.M)
    return said or (
        "" if run.returncode == 0 else "exit status %d" % run.returncode)


# What the source has

def messages():
    """The diagnostics of the policy language: name and format."""
    text = read("policy/messages.h").replace("\\\n", " ")
    found = re.findall(r"^#define (MSG_\w+)\s+((?:%s\s*)+)$" % STRING, text, re.M)
    names = re.findall(r"^#define (MSG_\w+)", text, re.M)
    if not names or [name for name, *_ in found] != names:
        raise Failure("messages.h is not written as this test expects")
    text = read("lint/kinds.h").replace("\\\n", " ")
    kinds = re.findall(r'KIND\([A-Z_]+, "([a-z-]+)", (?:WARNING|INFO),\s*((?:%s\s*)+)\)' % STRING,
                       text)
    if len(kinds) != len(re.findall(r"\tKIND\(", text)):
        raise Failure("kinds.h is not written as this test expects")
    return [(name, c_string(literals)) for name, literals, *_ in found + kinds]


def settings():
    """The settings of the schema: name and default (None: there is no value)."""
    text = read("settings/settings.h").replace("\\\n", "\n")
    found = re.findall(r'SETTING\([^"]*?,\s*"([a-z-]+)",\s*\w+,\s*%s,\s*'
                       r'(?:%s|NULL)' % (STRING, STRING), text)
    if len(found) != len(re.findall(r"\tSETTING\(", text)):
        raise Failure("settings.h is not written as this test expects")
    return [(name, fallback or None) for name, _, fallback in found]


def replies():
    """The default texts of replies."""
    return [c_string(literals) for _, literals in runner.requirements()[1]]


def headings(page):
    """The words that head the entries of a page's lists, as written."""
    return re.findall(r"^\.It (.*)$", read(page), re.M)


# The tests

def test_lint():
    """mandoc has nothing to say but that it does not know the other pages."""
    run = subprocess.run(("mandoc", "-T", "lint", "-W", "style") + PAGES, cwd=TOP,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    said = [line for line in run.stdout.decode("utf-8").splitlines()
            if "referenced manual not found" not in line and
            "mandoc.db" not in line]
    expect(said, "lint")


def test_distributed():
    listed = read("man/Makefile.inc")
    expect([page for page in PAGES if page not in listed], "not in man/Makefile.inc")
    here = sorted(os.path.join("man", name) for name in os.listdir(
        os.path.join(TOP, "man")) if re.search(r"\.\d$", name))
    expect([page for page in here if page not in PAGES], "not tested")


def test_messages():
    text = rendered("man/tlsward-policy.5")
    text = text[text.index(" DIAGNOSTICS "):]
    expect(["%s (\"%s\")" % (name, longest(message)) for name, message in messages()
            if longest(message) not in text], "not in tlsward-policy(5)")
    expect([name for name, _ in messages() if not name.startswith("MSG_") and
            " [%s] " % name not in text], "no name in tlsward-policy(5)")


def test_other_warnings():
    """Those that lint/ does not give have a name, too, and an entry."""
    listed = re.search(r"#define LINT_OTHER_IDS((?:.*\\\n)*.*)", read("lint/kinds.h"))
    listed = re.findall(r'"([a-z-]+)"', listed.group(1))
    used = []
    for room in ("base", "journal", "milter", "policy", "review", "settings", "tool"):
        for name in sorted(os.listdir(os.path.join(TOP, room))):
            if name.endswith(".c"):
                used += re.findall(r"(?:diags_add|complain|complain_all|complain_at)\([^;]*?"
                                   r"SEVERITY_WARNING,\s*([^,]*),",
                                   read(room + "/" + name))
    defined = dict(re.findall(r'#define (\w+) ("[a-z-]+")', read("settings/check.c")))
    used = {defined.get(each, each).strip('"') for each in used if each != "kind"}
    used |= set(re.findall(r'"(certificate-\w+|not-a-certificate)"',
                           read("policy/partner_certificate.c")))
    expect(sorted(used ^ set(listed)), "in LINT_OTHER_IDS or given, not both")
    text = rendered("man/tlsward-policy.5")
    expect([name for name in listed if " [%s] " % name not in text],
           "no name in tlsward-policy(5)")


def test_case_messages():
    """What the tool says of a file of cases."""
    text = rendered("man/tlsward-policy.5")
    text = text[text.index(" POLICY TESTS "):text.index(" EXAMPLES ")]
    source = "".join(read("tool/" + name) for name in
                     ("case.c", "case_word.c", "test.c"))
    found = [c_string(literals) for literals, *_ in re.findall(
        r'(?:case_error|case_unknown|line_error|diags_add)\((?:[^;"]*?[,?:])\s*((?:%s\s*)+)' % STRING,
        source)]
    if len(found) < 25:
        raise Failure("tool/case*.c is not written as this test expects")
    expect([message for message in found if longest(message) not in
            ("%s", "", "not enough memory") and longest(message) not in text],
           "not in tlsward-policy(5)")


def test_replies():
    text = rendered("man/tlsward-policy.5")
    found = replies()
    expect([reply for reply in found if folded(reply) not in text],
           "not in tlsward-policy(5)")


def test_limits():
    text = rendered("man/tlsward-policy.5")
    limit = re.search(r"define PATTERN_MATCH_LIMIT (\d+)", read("policy/pattern.h"))
    if limit is None or limit.group(1) not in text:
        raise Failure("PATTERN_MATCH_LIMIT is not in tlsward-policy(5)")


def test_settings_manual():
    documented = [words.split()[1] for words in headings("man/tlsward.conf.5")
                  if re.match(r"Cm [a-z-]+ ", words)]
    names = [name for name, _ in settings()]
    expect([name for name in names if name not in documented],
           "not in tlsward.conf(5)")
    expect([name for name in documented if name not in names],
           "in tlsward.conf(5) and no setting")


def test_settings_defaults():
    page = read("man/tlsward.conf.5")
    wrong = []
    for name, fallback in settings():
        entry = re.search(r"^\.It Cm %s (.*?)(?=^\.It Cm [a-z-]+ |^\.Sh)" % name, page,
                          re.M | re.S)
        default = re.search(r"[Tt]he default(?:, and the only value,)? is\n\.Cm (\S+(?: [A-Za-z]+)?)",
                            entry.group(1), re.M) if entry else None
        if fallback is not None and (default is None or default.group(1) != fallback):
            wrong.append("%s: %s" % (name, fallback))
    expect(wrong, "defaults that tlsward.conf(5) has not")


def test_settings_file():
    written = dict(re.findall(r"^#([a-z-]+) (\S+(?: \S+)?)$", read("conf/tlsward.conf"),
                              re.M))
    found = settings()
    expect([name for name, _ in found if name not in written], "not in tlsward.conf")
    names = [name for name, _ in found]
    expect([name for name in written if name not in names],
           "in tlsward.conf and no setting")
    expect(["%s: %s" % (name, fallback) for name, fallback in found
            if fallback is not None and written[name] != fallback],
           "defaults that tlsward.conf has not")


def test_fields():
    """The record's fields: their order, and which are numbers and lists."""
    facts = re.findall(r"^\tX\((\w+), (\w+), \w+\)", read("policy/policy.h"), re.M)
    results = re.findall(r"^\t(?:TEXT|NUMBER)\((\w+), (\w+), IN_BOTH",
                         read("journal/record.c"), re.M)
    before = [name for name, _ in facts].index("tls_version")
    fields = facts[:before] + results[:1] + facts[before:]
    fields += [("time", "")] + results[1:]
    types = {"NUMBER": "a number", "PORT": "a number", "BITS": "a number",
             "LIST": "a list", "REASONS": "a list"}
    documented = [(words.split()[1], words.rpartition("; ")[2])
                  for words in headings("man/tlsward.1")
                  if re.match(r"Li \w+ Ta ", words)]
    if [name for name, _ in fields] != [name for name, _ in documented]:
        raise Failure("tlsward(1) has the fields\n%s\nand the source has\n%s" %
                      ([name for name, _ in documented], [name for name, _ in fields]))
    expect([name for (name, kind), (_, last) in zip(fields, documented)
            if types.get(kind) != (last if last in types.values() else None)],
           "another type in tlsward(1)")
    if len(fields) < 30:
        raise Failure("the list of fields is not written as this test expects")


def test_commands():
    names = re.findall(r'\.name = "(\w+)"', "".join(
        read("tool/" + name) for name in sorted(os.listdir(os.path.join(TOP, "tool")))
        if name.endswith(".c")))
    page = read("man/tlsward.1")
    expect([name for name in names if not re.search(
        r"^\.It Cm (?:\w+ , )*%s\b" % name, page, re.M)], "not in tlsward(1)")


def test_macros():
    names = re.findall(r'\[MACRO_\w+\] = %s' % STRING, read("milter/macros.c"))
    text = rendered("man/tlsward-milter.8")
    expect([name for name in names if name.startswith("{") and name not in text],
           "not in tlsward-milter(8)")


def test_shipped():
    wrong = [check("-c", os.path.join(TOP, "conf", "tlsward.conf")),
             check(os.path.join(TOP, "conf", "policy.conf"))]
    expect([text for text in wrong if text], "tlsward check")


def test_profiles():
    """Each shipped profile is in the page, in the README and in the policy."""
    names = [name.removesuffix(".conf")
             for name in sorted(os.listdir(os.path.join(TOP, "conf", "profiles")))]
    page = [words.split()[1] for words in headings("man/tlsward-policy.5")
            if len(words.split()) > 1]
    for where, known in (("tlsward-policy(5)", page),
                         ("README.md", re.findall(r"`([a-z0-9-]+)`", read("README.md"))),
                         ("policy.conf", re.findall(r"[a-z0-9-]+",
                                                    read("conf/policy.conf")))):
        expect([name for name in names if name not in known], "not in " + where)


def test_defaults_as_written():
    """The shipped settings mean the same with every line uncommented."""
    with tempfile.TemporaryDirectory() as folder:
        # Without the permissions: those of a distribution are read-only.
        shutil.copyfile(os.path.join(TOP, "conf", "policy.conf"),
                        os.path.join(folder, "policy.conf"))
        os.mkdir(os.path.join(folder, "policy.d"))
        path = os.path.join(folder, "tlsward.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(re.sub(r"^#([a-z-]+ \S+(?: \S+)?)$", r"\1", read("conf/tlsward.conf"),
                             flags=re.M))
        expect([text for text in [check("-c", path)] if text], "tlsward check")


# The examples' outgoing rules say what Sendmail cannot be told.
FOR_POSTFIX = "# tlsward: allow outgoing-postfix\n"


def test_examples():
    """The policies in the page are policies, and without a warning."""
    blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$",
                        read("man/tlsward-policy.5"), re.M | re.S)
    wrong, count = [], 0
    for block in blocks:
        if not re.search(r"^(?:from|to|client|default|profile|partner|deliver) .*\{", block,
                         re.M):
            continue
        count += 1
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "policy.d"))
            os.symlink(os.path.abspath(os.path.join(TOP, "conf", "profiles")),
                       os.path.join(folder, "profiles"))
            for name in ("partners.txt", "policy.d/a.conf"):
                with open(os.path.join(folder, name), "w", encoding="utf-8"):
                    pass
            path = os.path.join(folder, "policy.conf")
            with open(path, "w", encoding="utf-8") as out:
                out.write(FOR_POSTFIX + block.replace("\\e", "\\"))
            wrong.append(check(path))
    expect([text for text in wrong if text], "tlsward check")
    if count < 4:
        raise Failure("where are the examples?")


def indented_blocks(path):
    """What a Markdown file shows as code."""
    return [re.sub(r"^    ", "", block, flags=re.M) for block in re.findall(
        r"^(?:    [^\n]*\n|\n(?=    ))+", read(path), re.M)]


def test_readme_policies():
    wrong, count = [], 0
    for block in indented_blocks("README.md"):
        if not re.search(r"^(?:from|partner) ", block, re.M):
            continue
        count += 1
        with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as out:
            out.write(FOR_POSTFIX + block)
            out.flush()
            wrong.append(check(out.name))
    expect([text for text in wrong if text], "tlsward check")
    if count < 2:
        raise Failure("where are the policies?")


def test_main_cf():
    """README.md and tlsward-milter(8) set Postfix up in the same way."""
    lines = re.findall(r"^ *(\w+ = .*)$", "".join(
        block for block in indented_blocks("README.md") if "smtpd_milters" in block),
        re.M)
    page = read("man/tlsward-milter.8").splitlines()
    expect([line for line in lines if line not in page], "not in tlsward-milter(8)")
    if len(lines) < 5:
        raise Failure("where are the lines of main.cf?")


def test_sendmail_mc():
    """And Sendmail, which takes a filter that stands on one line alone."""
    lines = re.findall(r"^    (INPUT_MAIL_FILTER\(.*\))$", read("README.md"), re.M)
    page = read("man/tlsward-milter.8").splitlines()
    expect([line for line in lines if line not in page], "not in tlsward-milter(8)")
    if not lines:
        raise Failure("where is the filter of sendmail.mc?")


def main():
    if shutil.which("mandoc") is None:
        print("mandoc is not installed")
        return 77
    return runner.main()


if __name__ == "__main__":
    sys.exit(main())
