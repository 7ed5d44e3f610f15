#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward import schannel and domino: what a host speaks, and an agreement to match.

A case is a folder of tests/cases/import/KIND: its files input* are read with the words
of "arguments". What comes out has each line of "expected" in it, blanks and line ends
taken for one blank; none that stands behind "! ". `tlsward check` finds nothing in it,
its own cases are met, and so are those of sessions.test, written by hand.
"""

import glob
import os
import random
import re
import shlex
import sys
import unittest

from tool import Folder, main, run, runner

CASES = os.path.join(runner.TOP, "tests", "cases", "import")
KINDS = ("schannel", "domino")
REG = "Windows Registry Editor Version 5.00\r\n"
KEY = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL"


def flat(text):
    """Without the marks of comments, with one blank for each run of blanks."""
    text = re.sub(r"(?m)^#\|? ?|  # tlsward: allow.*$", "", text)
    return re.sub(r"\s+", " ", text)


class Written(Folder):
    """What an import wrote is tried."""

    def imported(self, *arguments, cwd=None):
        status, out, errors = run("import", *arguments, cwd=cwd or self.folder)
        self.assertEqual(status, 0, errors)
        for line in errors.splitlines():
            self.assertRegex(line, r"^tlsward: \d+ things? could not be taken over: ")
        return out

    def hold(self, out, sessions=None):
        policy = self.write("new.conf", out)
        self.assertEqual(run("check", "--all", policy)[::2], (0, ""), out)
        cases = re.findall(r"^#\| (.*\n)", out, re.M)
        self.assertEqual(bool(cases), 'partner "' in out)
        for path in ([self.write("new.test", "".join(cases))] if cases else []) + \
                ([sessions] if sessions else []):
            status, said, errors = run("test", "--policy", policy, path)
            self.assertEqual((status, errors), (0, ""), said + out)


class Cases(Written):
    """Each folder is a test, put in below."""


def add_case(kind, name):
    def test(self):
        folder = os.path.join(CASES, kind, name)
        arguments = shlex.split(runner.read(os.path.join(folder, "arguments")))
        inputs = sorted(os.path.basename(path)
                        for path in glob.glob(os.path.join(folder, "input*")))
        out = self.imported(kind, *arguments, *inputs, cwd=folder)
        text = flat(out)
        for line in runner.read(os.path.join(folder, "expected")).splitlines():
            if line.startswith("! "):
                self.assertNotIn(line[2:], text)
            else:
                self.assertIn(line, text)
        sessions = os.path.join(folder, "sessions.test")
        self.hold(out, sessions if os.path.exists(sessions) else None)

    setattr(Cases, "test_%s_%s" % (kind, name.replace("-", "_").replace(".", "_")), test)


for each_kind in KINDS:
    for each_name in sorted(os.listdir(os.path.join(CASES, each_kind))):
        add_case(each_kind, each_name)


class Registry(Written):
    def reg(self, text, *arguments):
        return flat(self.imported("schannel", *arguments,
                                  self.write("in.reg", REG + text)))

    def test_profiles_that_cannot_be_read(self):
        data = os.path.join(self.folder, "conf")
        os.mkdir(data)
        for name in os.listdir(os.environ["TLSWARD_DATADIR"]):
            os.symlink(os.path.join(os.environ["TLSWARD_DATADIR"], name),
                       os.path.join(data, name))
        path = self.write("host.reg", REG + "\r\n[%s]\r\n" % KEY)
        os.unlink(os.path.join(data, "profiles"))
        with open(os.path.join(data, "profiles"), "w", encoding="ascii"):
            pass
        self.assertEqual(run("import", "schannel", "--windows", "2019", path,
                             env=dict(os.environ, TLSWARD_DATADIR=data)),
                         (2, "", "tlsward: cannot read the folder of profiles %s/profiles: "
                          "Not a directory\n" % data))

    def test_encodings_are_one(self):
        text = REG + "\r\n[%s\\Protocols\\TLS 1.0\\Client]\r\n\"Enabled\"=dword:0\r\n" % KEY
        found = set()
        for name, data in (("le", b"\xff\xfe" + text.encode("utf-16le")),
                           ("be", b"\xfe\xff" + text.encode("utf-16be")),
                           ("without", text.encode("utf-16le")),
                           ("8", text.encode("utf-8"))):
            path = os.path.join(self.folder, "in.reg")
            with open(path, "wb") as out:
                out.write(data)
            found.add(self.imported("schannel", "--windows", "2012", path))
            self.assertEqual(len(found), 1, name)
        self.assertIn("TLS 1.0 off", flat(found.pop()))

    def test_strings_of_regedit4_are_bytes(self):
        key = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Cryptography" \
            r"\Configuration\SSL\00010002"
        data = ",".join("%02x" % byte for byte in b"TLS_RSA_WITH_AES_128_GCM_SHA256\0"
                        b"TLS_RSA_WITH_AES_128_CBC_SHA\0\0")
        path = self.write("in.reg", "REGEDIT4\n\n[%s]\n\"Functions\"=hex(7):%s\n" %
                          (key, data))
        self.assertIn("in its order: AES128-GCM-SHA256 AES128-SHA As",
                      re.sub(r" the strictest.*? As", " As", flat(
                          self.imported("schannel", "--windows", "2016", path))))

    def test_enabled_is_anything_but_0(self):
        for data, on in (("dword:00000000", False), ("dword:00000001", True),
                         ("dword:ffffffff", True), ("dword:00000100", True),
                         ("hex(4):00,01,00,00", True), ("hex(4):00,00,00,00", False)):
            out = self.reg("[%s\\Protocols\\TLS 1.1\\Server]\n\"Enabled\"=%s\n" % (KEY, data),
                           "--windows", "2019")
            self.assertIn("as a server TLS 1.0, TLS 1.1 and TLS 1.2," if on else
                          "as a server TLS 1.0 and TLS 1.2,", out)

    def test_each_windows_has_its_defaults(self):
        for year, client, server in (
                ("2003R2", "SSL 2.0, SSL 3.0 and TLS 1.0,", "SSL 2.0, SSL 3.0 and TLS 1.0,"),
                ("2008", "SSL 3.0 and TLS 1.0,", "SSL 2.0, SSL 3.0 and TLS 1.0,"),
                ("2008R2", "SSL 3.0 and TLS 1.0,", "SSL 2.0, SSL 3.0 and TLS 1.0,"),
                ("2012", "SSL 3.0, TLS 1.0, TLS 1.1 and TLS 1.2,",
                 "SSL 3.0, TLS 1.0, TLS 1.1 and TLS 1.2,"),
                ("2012R2", "SSL 3.0, TLS 1.0, TLS 1.1 and TLS 1.2,",
                 "SSL 3.0, TLS 1.0, TLS 1.1 and TLS 1.2,"),
                ("2016", "TLS 1.0, TLS 1.1 and TLS 1.2,", "TLS 1.0, TLS 1.1 and TLS 1.2,"),
                ("2022", "TLS 1.0, TLS 1.1, TLS 1.2 and TLS 1.3,",
                 "TLS 1.0, TLS 1.1, TLS 1.2 and TLS 1.3,"),
                ("2025", "TLS 1.2 and TLS 1.3,", "TLS 1.2 and TLS 1.3,")):
            out = self.reg("[%s]\n\"EventLogging\"=dword:1\n" % KEY, "--windows", year)
            self.assertIn("as a client it speaks " + client, out, year)
            self.assertIn("as a server " + server, out, year)

    def test_a_year_without_a_windows(self):
        path = self.write("in.reg", REG + "[%s]\n" % KEY)
        status, _, errors = run("import", "schannel", "--windows", "2007", path)
        self.assertEqual(status, 2)
        self.assertIn('a Windows "2007" are not known, but those of 2003, 2003R2,', errors)
        for year in ("2004", "2009", "2013", "R2", "2012R3", "20x", "", "2012 R2 ", "2016R2"):
            status, _, errors = run("import", "schannel", "--windows", year, path)
            self.assertEqual(status, 2, year)
            self.assertIn('a Windows "%s" are not known' % year, errors)
        self.assertEqual(run("import", "schannel", "--windows", "2012 r2", path)[0], 0)

    def test_a_short_key_that_is_not_known(self):
        self.assertIn("enabled is nothing that is known of Schannel here", flat(self.reg(
            "[%s\\Ciphers\\x]\n\"Enabled\"=dword:1\n" % KEY, "--windows", "2016")))

    def test_removed_and_set_again(self):
        key = "%s\\Protocols\\TLS 1.0\\%%s]\n" % KEY
        off = "[" + key % "Client" + "\"Enabled\"=dword:0\n"
        for text, has in ((off, False), (off + "[-%s]\n" % KEY, True),
                          (off + "[-%s]\n" % KEY.upper() + off, False),
                          (off + "[-" + key % "Server", False),
                          (off + "[-%s\\Proto]\n" % KEY, False)):
            out = self.reg("[%s]\n\"EventLogging\"=dword:1\n%s[%s\\Ciphers]\n" % (
                KEY, text, KEY), "--windows", "2016")
            self.assertIn("as a client it speaks " + ("TLS 1.0, " if has else "TLS 1.1"),
                          out, text)

    def test_a_later_file_wins(self):
        one = self.write("1.reg", REG + "[%s\\Protocols\\TLS 1.1\\Client]\n"
                         "\"Enabled\"=dword:0\n" % KEY)
        other = self.write("2.reg", REG + "[-%s\\Protocols\\TLS 1.1]\n"
                           "[%s\\Protocols]\n" % (KEY, KEY))
        words = "as a client it speaks TLS 1.0, TLS 1.1 and TLS 1.2,"
        self.assertIn(words, flat(self.imported("schannel", "--windows", "2016", one, other)))
        self.assertNotIn(words, flat(self.imported("schannel", "--windows", "2016", other,
                                                   one)))

    def test_what_is_none(self):
        for text, words in (("", "is not an export of a registry"),
                            ("some text\n", "is not an export of a registry"),
                            (REG, "has nothing of what is read"),
                            (REG + "[HKEY_CURRENT_USER\\Schannel]\n\"a\"=\"b\"\n",
                             "has nothing of what is read")):
            status, out, errors = run("import", "schannel", self.write("in.reg", text))
            self.assertEqual((status, out), (2, ""))
            self.assertIn(words, errors)

    def test_damaged_values(self):
        out = self.reg("[%s\\Protocols\\TLS 1.1\\Client]\n\"Enabled\"=dword:xyz\n"
                       "\"DisabledByDefault=dword:1\n\"Enabled\"=hex(4):0\n"
                       "[%s\\Protocols\n" % (KEY, KEY), "--windows", "2016")
        for words in ("line 3: the data of this value cannot be read",
                      "line 4: this is no value", "line 5: the data of this value",
                      "line 6: the name of a key does not end"):
            self.assertIn(words, out)


class Hostile(Written):
    """Whatever is in the files: a policy that check passes, or an error."""

    def mutate(self, data, chance):
        data = bytearray(data)
        for _ in range(chance.randint(1, 12)):
            at = chance.randrange(len(data))
            how = chance.randrange(4)
            if how == 0:
                data[at] = chance.randrange(256)
            elif how == 1:
                del data[at:at + chance.randrange(1, 40)]
            elif how == 2:
                data[at:at] = data[chance.randrange(len(data)):][:chance.randrange(1, 200)]
            else:
                data[at:at] = chance.choice(
                    (b"\0", b"\\", b"\"", b"]", b"[-", b"=hex(7):", b"\r\n", b"\xff",
                     b"#| ", b"tlsward:", b"}", b"=", b","))
            if not data:
                data = bytearray(b"x")
        return bytes(data)

    def test_mutations(self):
        chance = random.Random(int(os.environ.get("IMPORT_SEED", "1")))
        inputs = [(kind, path) for kind in KINDS
                  for path in sorted(glob.glob(os.path.join(CASES, kind, "*", "input*")))]
        for _ in range(int(os.environ.get("IMPORT_ROUNDS", "25"))):
            kind, path = chance.choice(inputs)
            with open(path, "rb") as file:
                data = file.read()
            if data[1:2] == b"\0" and chance.random() < 0.7:
                data = data.decode("utf-16le").encode("utf-8")
            changed = os.path.join(self.folder, "in")
            with open(changed, "wb") as out:
                out.write(self.mutate(data, chance))
            status, out, errors = run("import", kind, "--as-partner", "Acme",
                                      "acme.example", changed)
            self.assertIn(status, (0, 2), errors)
            if status == 0:
                self.hold(out)


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    sys.exit(main())
