#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Holds the TextMate grammars and vim's syntax files against the language.

usage: test_editor.py

All keywords and settings of the source must be in them, and they must colour the
shipped policies and those of the test cases as the oracle's reader understands
them. Without a vim (or nvim) that has syntax its part is skipped, and says so.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "editor"))
import reference  # noqa: E402
import textmate  # noqa: E402
import runner  # noqa: E402
from runner import TOP, Failure, Skipped, c_names, expect, read  # noqa: E402

POLICY = ("contrib/textmate/tlsward-policy.tmLanguage.json",
          "contrib/vim/syntax/tlswardpolicy.vim")
SETTINGS = ("contrib/textmate/tlsward-settings.tmLanguage.json",
            "contrib/vim/syntax/tlsward.vim")
OTHER_WORDS = ("file", "until", "otherwise", "authenticated", "local", "postmaster",
               "day", "days")
SCOPES = (("comment.", "comment"), ("string.regexp", "regex"),
          ("string.quoted", "string"), ("keyword.", "keyword"))
GROUPS = (("Comment|Todo", "comment"), ("Regex", "regex"), ("String|Reply", "string"),
          ("Statement|Setting|Enforce", "keyword"))


def policy_words():
    words = list(OTHER_WORDS)
    for path, array in (("policy/parse.c", "statement_names"),
                        ("policy/parse_set.c", "setting_names"),
                        ("policy/parse_require.c", "action_names"),
                        ("policy/requirement_certificate.c", "signature_names")):
        words += c_names(path, array)
    names = c_names("policy/template.c", "template_names")
    words += names[:names.index("client")]	# the others are for our own texts alone
    return words + ["nothing"] + [name.split()[-1] for name in runner.requirements()[0]]


def setting_words():
    rows = re.findall(r'SETTING\([^"]*?,\s*"([a-z-]+)",\s*(\w+),[^"]*?"([^"]*)"',
                      read("settings/settings.h"))
    values = [word for _, take, values in rows if take in ("word", "yes", "second")
              for word in values.split(" | ")]
    if len(rows) < 20 or len(values) < 10:
        raise Failure("settings.h is not written as this test expects")
    return [name for name, *_ in rows] + values


def paths():
    return (glob.glob(os.path.join(TOP, "conf", "policy.conf")) +
            glob.glob(os.path.join(TOP, "conf", "examples", "*.conf")) +
            sorted(glob.glob(os.path.join(TOP, "conf", "profiles", "*.conf"))) +
            sorted(glob.glob(os.path.join(TOP, "tests/cases/policy/good/*/policy.conf"))))


def colours(names, table, match):
    for pattern, kind in table:
        if any(match(pattern, name) for name in names):
            return kind
    return "other" if len(names) > 0 else None


def differences(path, text, kinds, found):
    """Where what an editor shows is not what a policy says."""
    for i, kind in enumerate(kinds):
        if text[i] in " \t\n" or kind is None:
            continue
        wrong = found[i] in ("comment", "regex", "string") if kind == "word" else \
            found[i] != kind
        if wrong or (kind == "word" and found[i] is None):
            line = text.count("\n", 0, i) + 1
            yield "%s:%d: %r is %s, not %s" % (os.path.relpath(path, TOP), line,
                                               text[i:i + 20], found[i], kind)
            return


def test_words():
    for files, words in ((POLICY, policy_words()), (SETTINGS, setting_words())):
        for path in files:
            text = read(path)
            expect([word for word in words if not re.search(
                r"(?<![\w-])%s(?![\w-])" % re.escape(word), text)], "not in " + path)


def test_textmate_grammars():
    for path in POLICY[:1] + SETTINGS[:1]:
        textmate.Grammar(read(path))


def test_textmate_policies():
    grammar = textmate.Grammar(read(POLICY[0]))
    wrong, count = [], 0
    for path, text, kinds in reference.policies(paths()):
        scopes = grammar.colour(text)
        found = [colours(names, SCOPES, lambda start, name: name.startswith(start))
                 for names in scopes]
        wrong += differences(path, text, kinds, found)
        wrong += ["%s: %r is illegal" % (path, text[i]) for i, names in
                  enumerate(scopes) if any("invalid" in name for name in names)][:1]
        count += 1
    expect(wrong[:20], "colours")
    if count < 50:
        raise Failure("where are the policies?")


def sample():
    """Lines of a policy; under each, what each of its parts must be."""
    return [entry for entry in json.loads(read("tests/editor/sample.json"))]


def test_textmate_sample():
    grammar = textmate.Grammar(read(POLICY[0]))
    wrong = []
    for text, parts in sample():
        scopes = grammar.colour(text)
        for part, scope, _ in parts:
            at = text.index(part)
            wrong += ["%r in %r: %s" % (part, text, scopes[i])
                      for i in (at, at + len(part) - 1)
                      if not any(name.startswith(scope) for name in scopes[i])]
    expect(wrong, "scopes")


def test_textmate_settings():
    grammar = textmate.Grammar(read(SETTINGS[0]))
    text = re.sub(r"(?m)^#([a-z-]+ \S+)$", r"\1", read("conf/tlsward.conf"))
    scopes = grammar.colour(text)
    wrong = []
    for line in re.finditer(r"[^\n]+", text):
        kind = "comment." if line.group().startswith("#") else "keyword.other.setting"
        if not any(name.startswith(kind) for name in scopes[line.start()]):
            wrong.append(line.group())
        if kind != "comment." and len(scopes[line.end() - 1]) == 0:
            wrong.append(line.group())
    expect(wrong, "scopes")
    if "invalid" not in str(grammar.colour("lisen unix:/a\n")[0]):
        raise Failure("an unknown setting is not shown as one")


def vim():
    """A vim that has syntax."""
    for name in ("vim", "nvim"):
        path = shutil.which(name)
        said = path and subprocess.run((path, "--version"), stdout=subprocess.PIPE,
                                       check=False).stdout.decode("utf-8")
        if said and ("+syntax" in said or name == "nvim"):
            return path
    raise Skipped("no vim with syntax, and no nvim")


def vim_colour(filetype, texts):
    """For each text, for each of its bytes, the names of vim's syntax groups."""
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            with open("%s/%d.in" % (folder, number), "w", encoding="utf-8") as out:
                out.write(text)
        script = os.path.join(folder, "script.vim")
        with open(script, "w", encoding="utf-8") as out:
            out.write(read("tests/editor/colours.vim"))
        subprocess.run((vim(), "-u", "NONE", "-i", "NONE", "-N", "-n", "-es",
                        "--cmd", "let g:syntax_file = '%s/contrib/vim/syntax/%s.vim'" %
                        (TOP, filetype), "--cmd", "let g:folder = '%s'" % folder,
                        "-S", script), stdin=subprocess.DEVNULL, check=False,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        for number, text in enumerate(texts):
            path = "%s/%d.out" % (folder, number)
            if not os.path.exists(path):
                raise Failure("vim did not colour anything")
            with open(path, encoding="utf-8") as lines:
                groups = [line.rstrip("\n").split(",") for line in lines]
            yield [[] if name == [""] else name for name in groups]


def by_character(text, groups):
    """The groups of each character, from those of the bytes of lines."""
    found, at = [], 0
    for char in text:
        found.append([] if char == "\n" else groups[at])
        at += 0 if char == "\n" else len(char.encode("utf-8"))
    return found


def test_vim_policies():
    known = list(reference.policies(paths()))
    wrong = []
    for (path, text, kinds), groups in zip(known, vim_colour(
            "tlswardpolicy", [text for _, text, _ in known])):
        found = [colours(names, GROUPS, lambda end, name: re.search(
            "(?:%s)$" % end, name.replace("BadEscape", "").replace(
                "RegexEscape", "Regex"))) for names in by_character(text, groups)]
        wrong += differences(path, text, kinds, found)
    expect(wrong[:20], "colours")


def test_vim_sample():
    entries = sample()
    wrong = []
    for (text, parts), groups in zip(entries, vim_colour(
            "tlswardpolicy", [text for text, _ in entries])):
        found = by_character(text, groups)
        for part, _, group in parts:
            at = text.index(part)
            wrong += ["%r in %r: %s" % (part, text, found[i])
                      for i in (at, at + len(part) - 1)
                      if "tlswardpolicy" + group not in found[i]]
    expect(wrong, "groups")


if __name__ == "__main__":
    sys.exit(runner.main())
