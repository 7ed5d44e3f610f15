#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward import: what other systems have becomes a policy that says the same.

tests/cases/import/exchange/NAME has the files that are read, "expected" for standard output,
"errors" for standard error (none: what is counted there), and "decisions", cases for
tlsward test that the policy has to pass. $UPDATE writes "expected" and "errors" anew.
"""

import glob
import os
import random
import re
import sys
import unittest

from tool import Folder, main, run, runner

CASES = os.path.join(runner.TOP, "tests", "cases", "import")
SAID = ("expected", "errors", "decisions")


def case_folders():
    return sorted(glob.glob(os.path.join(CASES, "exchange", "*", "")))


def inputs(folder):
    return sorted(set(os.listdir(folder)) - set(SAID))


def read_case(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def import_case(folder):
    """What the command does in a case's folder."""
    return run("import", "exchange", *inputs(folder), cwd=folder)


class Imported(Folder):
    """A policy that was written holds."""

    def hold(self, policy, decisions=""):
        """It is one, of which check has nothing to say, and passes its cases."""
        path = self.write("policy.conf", policy)
        status, out, errors = run("check", "--all", "--strict", path)
        errors = re.sub(r"(?m)^.*\[allow-unused\]\n(.*\n.*\n)?", "", errors)
        self.assertEqual((status, errors), (0, ""), policy)
        own = "".join(re.findall(r"^#\| (.*\n)", policy, re.M))
        cases = self.write("policy.test", own + decisions)
        if own + decisions:
            status, out, errors = run("test", "--policy", path, cases)
            self.assertEqual((status, errors), (0, ""), out)
        status, printed, errors = run("check", "--print", path)
        self.assertEqual((status, errors), (0, ""), printed)

    def counted(self, policy, errors):
        """The first line and standard error tell how much was not taken over."""
        lost = len(re.findall(r"^# NOT TAKEN OVER: ", policy, re.M))
        first = policy.split("\n", 1)[0]
        self.assertRegex(first, "^# .*; (%s)" % (
            "all of it was taken over" if lost == 0 else
            "%d things? could not be taken over: see NOT TAKEN OVER" % lost))
        self.assertEqual(errors, "" if lost == 0 else
                         "tlsward: %d thing%s could not be taken over: see NOT TAKEN OVER "
                         "in what was written\n" % (lost, "" if lost == 1 else "s"))


class Cases(Imported):
    def test_each(self):
        self.assertGreater(len(case_folders()), 10)
        for folder in case_folders():
            with self.subTest(os.path.relpath(folder, CASES)):
                self.case(folder)

    def case(self, folder):
        status, out, errors = import_case(folder)
        if "built without" in errors:
            self.skipTest(errors.strip())
        if os.environ.get("UPDATE"):
            self.update(folder, out, errors)
        self.assertEqual(out, read_case(folder, "expected"))
        if out == "":
            self.assertEqual(status, 2)
            self.assertEqual(errors, read_case(folder, "errors"))
        else:
            self.assertEqual(status, 0)
            self.counted(out, errors)
            self.hold(out, read_case(folder, "decisions"))

    def update(self, folder, out, errors):
        for name, text in (("expected", out), ("errors", errors if out == "" else "")):
            path = os.path.join(folder, name)
            if text:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            elif os.path.exists(path):
                os.remove(path)

    def test_standard_input(self):
        folder = os.path.join(CASES, "exchange", "forms", "")
        text = read_case(folder, "inbound.json")
        for name in ((), ("-",)):
            status, out, _ = run("import", "exchange", *name, text=text)
            self.assertEqual((status, out), (0, read_case(folder, "expected").replace(
                "inbound.json", "standard input")))


class Encodings(Imported):
    """A text is the same in whatever a console or an editor of Windows writes it."""

    def test_all(self):
        folder = os.path.join(CASES, "exchange", "online-list", "")
        text = read_case(folder, "inbound.txt").replace("Name     ", "Name     ")
        text = text.replace(": Bank\n", ": Bank für Öl\n")
        wanted = read_case(folder, "expected")
        for name, data in (
                ("utf-8", text.encode()), ("utf-8 with a mark", b"\xEF\xBB\xBF" + text.encode()),
                ("utf-16", b"\xFF\xFE" + text.encode("utf-16-le")),
                ("big utf-16", b"\xFE\xFF" + text.encode("utf-16-be")),
                ("utf-16 without a mark", text.encode("utf-16-le")),
                ("big utf-16 without a mark", text.encode("utf-16-be")),
                ("windows-1252", text.encode("cp1252")),
                ("CR LF", text.replace("\n", "\r\n").encode())):
            with self.subTest(name):
                path = os.path.join(self.folder, "inbound.txt")
                with open(path, "wb") as file:
                    file.write(data)
                status, out, _ = run("import", "exchange", "inbound.txt", cwd=self.folder)
                self.assertEqual((status, out), (0, wanted.replace(
                    'Bank"', 'Bank für Öl"').replace('Bank\\"', 'Bank für Öl\\"')))

    def test_no_text(self):
        path = os.path.join(self.folder, "x")
        with open(path, "wb") as file:
            file.write(b"Name : a\0b\n" * 3)
        status, out, errors = run("import", "exchange", "x", cwd=self.folder)
        self.assertEqual((status, out), (2, ""))
        self.assertIn("NUL", errors)


class Calls(Imported):
    def test_wrong(self):
        for arguments, said in (
                (("exchnge",), 'did you mean "exchange"?'), ((), "usage:"),
                (("exchange", "/nowhere/x"), "cannot read /nowhere/x"),
                (("exchange", "--windows", "2003", "x"), "does not take --windows"),
                (("exchange", "--as-partner", "A", "a.example", "x"),
                 "does not take --as-partner"),
                (("schannel", "--as-partner", "A", self.write("acme.reg", "")),
                 "and not the file /"),
                (("--as-partner", "a.example", "schannel", "x"), "and not schannel"),
                (("schannel", "x", "--as-partner", "A"), "takes a name and a domain")):
            with self.subTest(arguments):
                status, out, errors = run("import", *arguments)
                self.assertEqual((status, out), (2, ""))
                self.assertIn(said, errors)


class Mutations(Imported):
    """Whatever is in a file, what comes is a policy that holds, or an error."""

    def test_random(self):
        random.seed(int(os.environ.get("SEED", "1")))
        for _ in range(int(os.environ.get("MUTATIONS", "150"))):
            folder = random.choice(case_folders())
            with self.subTest(folder):
                self.mutate(folder)

    def mutate(self, folder):
        name = random.choice(inputs(folder))
        with open(os.path.join(folder, name), "rb") as file:
            data = bytearray(file.read())
        for _ in range(random.choice((1, 3, 30))):
            self.change(data)
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        status, out, errors = run("import", "exchange", path)
        self.assertIn(status, (0, 2), errors)
        self.assertNotIn("an error of tlsward's", errors)
        if status == 0:
            self.hold(out)
        else:
            self.assertEqual(out, "")
            self.assertTrue(errors.startswith("tlsward: "), errors)

    @staticmethod
    def change(data):
        if not data:
            return
        at = random.randrange(len(data))
        end = at + random.choice((1, 1, 2, 10, 100))
        data[at:end] = random.choice((
            b"", bytes([random.randrange(256)]), b'"', b"{", b"}", b"\\", b"\n", b"#", b",",
            b"*.", b"<", b"]", data[at:end] * 2, b"tlsward: allow looser", b" : ", b"...",
            data[random.randrange(len(data)):][:random.randrange(60)]))


if __name__ == "__main__":
    sys.exit(main())
