#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward diagnose: passages of logs, consoles, bounces and event viewers.

tests/cases/diagnose/expected.tsv has a line for each passage beside it: its file, what
--system is given (or -), the entry that is the root (or -: none is known), its side, the
exit status, and how many lines are not known (-: any).
"""

import glob
import gzip
import json
import os
import sys

from tool import HERE, Folder, main, run

CASES = os.path.join(HERE, "..", "cases", "diagnose")

# Entries by which the tests tell what counts; no text of a real system is like these.
ENTRIES = r"""
entry    zz-cause
pattern  zzcause\b
side     remote
meaning  a cause
cause    Something.
fix      Do it.
check    run it
like     zzcause
unlike   zzother
source   not confirmed

entry    zz-second
pattern  zzsecond
side     local
meaning  it has a second cause

entry    zz-seen
rank     verification
pattern  zzseen
meaning  seen

entry    zz-end
rank     consequence
pattern  zzend
side     network
meaning  an end

entry    zz-note
rank     information
pattern  zznote
side     none
meaning  a note

entry    zz-long
pattern  zzlong one two three four five
meaning  long

entry    zz-domino
system   Domino
pattern  zzboth
meaning  as Domino has it

entry    zz-java
system   Java
pattern  zzboth
meaning  as Java has it
"""


class Diagnose(Folder):
    def setUp(self):
        super().setUp()
        self.settings = self.write("tlsward.conf", "")
        self.write("diagnoses", ENTRIES)

    def diagnose(self, *operands, **options):
        """The status and the findings, of operands or of "input"."""
        status, out, errors = run("diagnose", "--json", "-c", self.settings, *operands,
                                  **options)
        self.assertEqual(errors, "")
        found = json.loads(out)
        self.assertEqual(out.count("\n"), 1)
        self.assertEqual(sum(each["root"] for each in found), any(
            each["entry"] and each["rank"] != "information" for each in found), out)
        return status, found

    def roots(self, text, *options):
        """The entries that are roots of groups, and how often; the first is the root."""
        _, found = self.diagnose(*options, self.write("passage", text))
        return [(each["entry"], each["groups"]) for each in found if each["groups"]]

    def unknown(self, text):
        status, found = self.diagnose(self.write("passage", text))
        counts = [each["count"] for each in found if each["entry"] is None]
        self.assertEqual(status, 1 if counts else 0)
        return counts[0] if counts else 0


class Passages(Folder):
    """Those of real systems."""

    def test_the_root_and_its_side(self):
        wrong = []
        listed = set()
        with open(os.path.join(CASES, "expected.tsv"), encoding="utf-8") as cases:
            for line in cases:
                if line.startswith("#"):
                    continue
                name, system, entry, side, status, unknown = line.rstrip("\n").split("\t")
                listed.add(name)
                options = () if system == "-" else ("--system", system)
                got = run("diagnose", "--json", *options, os.path.join(CASES, name))
                found = json.loads(got[1])
                root = [each for each in found if each["root"]] or [
                    {"entry": "-", "side": "-"}]
                lines = sum(each["count"] for each in found if each["entry"] is None)
                result = (root[0]["entry"], root[0]["side"], got[0], lines)
                expected = (entry, side, result[2] if status == "-" else int(status),
                            result[3] if unknown == "-" else int(unknown))
                if result != expected:
                    wrong.append(f"{name}: {result} and not {expected}")
        self.assertEqual(wrong, [])
        self.assertEqual(listed, {os.path.basename(path) for path in glob.glob(
            os.path.join(CASES, "*")) if not path.endswith("expected.tsv")})


class Roots(Diagnose):
    def test_the_nearest_counts(self):
        self.assertEqual(self.roots("zzend\nzznote\nzzseen\nzzcause\n"), [("zz-cause", 1)])
        self.assertEqual(self.roots("zzend\nzzseen\nzznote\n"), [("zz-seen", 1)])
        self.assertEqual(self.roots("zznote\nzzend\n"), [("zz-end", 1)])
        self.assertEqual(self.roots("zznote\n"), [("zz-note", 1)])
        self.assertEqual(self.roots("zzsecond\nzzcause\n"), [("zz-cause", 1)])

    def test_what_a_finding_has(self):
        status, found = self.diagnose("zzend", "zzcause here")
        self.assertEqual(status, 0)
        self.assertEqual(found[0], {
            "lines": ["zzcause here"], "system": None, "entry": "zz-cause",
            "meaning": "a cause", "side": "remote", "cause": "Something.", "fix": "Do it.",
            "check": "run it", "root": True, "rank": "cause", "source": "not confirmed",
            "groups": 1, "count": 1, "first_line": 2})
        self.assertEqual((found[1]["entry"], found[1]["root"], found[1]["groups"],
                          found[1]["fix"]), ("zz-end", False, 0, None))

    def test_paragraphs(self):
        self.assertEqual(self.roots("zzend\nzzcause\n\nzzend\n"),
                         [("zz-cause", 1), ("zz-end", 1)])
        self.assertEqual(self.roots("zzcause\n\nzzsecond\n\nzzsecond\n"),
                         [("zz-second", 2), ("zz-cause", 1)])

    def test_processes_and_sessions(self):
        line = "Nov 30 10:00:01 mx postfix/smtpd[%d]: %s\n"
        self.assertEqual(self.roots("".join(line % each for each in (
            (1, "connect from a.example[192.0.2.1]"), (2, "zzend"), (1, "zzcause"),
            (2, "zzseen"), (1, "zzend")))), [("zz-cause", 1), ("zz-seen", 1)])
        self.assertEqual(self.roots("".join(line % each for each in (
            (1, "connect from a.example[192.0.2.1]"), (1, "zzcause"),
            (1, "connect from b.example[192.0.2.2]"), (1, "zzseen")))),
            [("zz-cause", 1), ("zz-seen", 1)])
        self.assertEqual(self.roots("".join(line % each for each in (
            (1, "zzend to a.example[192.0.2.1]:25: -1"), (1, "zzcause"),
            (1, "zzend to b.example[192.0.2.2]:25: -1"), (1, "zzsecond")))),
            [("zz-cause", 1), ("zz-second", 1)])

    def test_threads(self):
        self.assertEqual(self.roots(
            "[0A34:0012-0B1C] 05/17/2016 10:23:45 zzend\n"
            "[0A34:0013-0B1D] 05/17/2016 10:23:45 zzsecond\n"
            "[0A34:0012-0B1C] 05/17/2016 10:23:45 zzcause\n"
            "[0A34:0013-0B1D] 05/17/2016 10:23:45 zzend\n"),
            [("zz-cause", 1), ("zz-second", 1)])

    def test_events(self):
        event = ("Log Name:      System\nSource:        Schannel\nEvent ID:      36888\n"
                 "Description:\n\n%s\n")
        self.assertEqual(self.roots(event % "zzlong one two three\nfour five" +
                                    event % "zzcause\nzzend"),
                         [("zz-cause", 1), ("zz-long", 1)])
        self.assertEqual(self.roots("Error  17.05.2016 10:23:45  Schannel  36888  None\n"
                                    "zzlong one\ntwo three four five\n"), [("zz-long", 1)])

    def test_a_peer(self):
        line = "Nov 30 10:00:01 mx postfix/smtp[%d]: zzcause to %s:25: -1\n"
        _, found = self.diagnose(line % (1, "a.example[192.0.2.1]"))
        self.assertEqual(found[0]["peer"], "a.example[192.0.2.1]")
        _, found = self.diagnose(line % (1, "a.example[192.0.2.1]"),
                                 line % (1, "b.example[192.0.2.2]"))
        self.assertNotIn("peer", found[0])
        self.assertEqual(found[0]["groups"], 2)


class Lines(Diagnose):
    def test_wrapped_ones(self):
        stamp = "[0A34:0012-0B1C] 05/17/2016 10:23:45 AM  "
        for text in (stamp + "zzlong one two th\nree four five\nzzend\n",
                     stamp + "zzlong one two\nthree four\nfive\n",
                     stamp + "zzlong one two \nthree four five\n",
                     "550-zzlong one two\n550 three four five\n",
                     "Diagnostic-Code: smtp; zzlong one\n   two three four five\n",
                     f"{'x' * 50} zzlong one\ntwo {'y' * 58}\n".replace(
                         "y" * 58, "three four five " + "y" * 42)):
            self.assertEqual(self.roots(text), [("zz-long", 1)], text)

    def test_lines_of_their_own(self):
        for text in ("zzlong one two\nthree four five\n",
                     "Nov 30 10:00:01 mx x[1]: zzlong one two\n"
                     "Nov 30 10:00:01 mx x[1]: three four five\n",
                     "zzlong one two\n\n  three four five\n"):
            self.assertEqual(self.roots(text), [], text)

    def test_quotes_and_blanks(self):
        self.assertEqual(self.roots("> > zzlong one\u00a0two three\u2003".replace(
            "\u2003", "\u202f") + "four five\r\n"), [("zz-long", 1)])

    def test_encodings(self):
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp1252"):
            path = self.write("file", "")
            with open(path, "wb") as out:
                out.write("Gr\u00fc\u00dfe: zzcause\r\nzzend\r\n".encode(encoding))
            if encoding in ("utf-16-le", "utf-16-be"):
                with open(path, "wb") as out:
                    out.write(("zzcause und so weiter, " * 5 + "\r\n").encode(encoding))
            _, found = self.diagnose(path)
            self.assertEqual(found[0]["entry"], "zz-cause", encoding)

    def test_packed_and_standard_input(self):
        path = os.path.join(self.folder, "log.gz")
        with gzip.open(path, "wb") as out:
            out.write(b"zzcause\n")
        self.assertEqual(self.diagnose(path)[1][0]["entry"], "zz-cause")
        for operands in ((), ("-",)):
            self.assertEqual(self.diagnose(*operands, text="zzcause\n")[1][0]["entry"],
                             "zz-cause")

    def test_controls(self):
        status, out, errors = run("diagnose", "-c", self.settings, "zzcause \x1b[31m\u202e")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("zzcause \\u001B[31m\\u202E", out)

    def test_no_end(self):
        """What is long is cut, and nothing is looked at for ever."""
        self.write("diagnoses", ENTRIES + "\nentry evil\npattern (x+)+[yz]\nmeaning evil\n")
        _, out, errors = run("diagnose", "--json", "-c", self.settings, self.write(
            "long", ("x" * 100000 + " zzcause: failed\n") + "".join(
                "x" * 300 + " error %d\n" % number for number in range(4000))))
        self.assertEqual(json.loads(out)[0]["entry"], "zz-cause")
        self.assertIn('"evil" takes too long', errors)

    def test_a_log(self):
        """Of a long text what looks like an error is looked at."""
        line = "Nov 30 10:00:01 mx postfix/qmgr[1]: 4ABC: from=<a@b.example>, size=1\n"
        _, found = self.diagnose(self.write("log", line * 20000 +
                                            line[:31] + "zzcause: an error\n" +
                                            line * 20000))
        self.assertEqual([(each["entry"], each["first_line"]) for each in found],
                         [("zz-cause", 20001)])
        status, out, errors = run("diagnose", "-c", self.settings,
                                  self.write("log", line * 20000))
        self.assertEqual((status, out, errors),
                         (0, "Nothing in it looks like an error.\n", ""))


class Unknown(Diagnose):
    def test_they_are_counted(self):
        self.assertEqual(self.unknown("one\ntwo\n\nthree\n"), 3)
        self.assertEqual(self.unknown("zzcause\nfrobnication failed\nall is well\n"), 1)
        self.assertEqual(self.unknown("zzcause\nall is well\n"), 0)
        self.assertEqual(self.unknown("zznote\n\nError: quux\nquux has failed\n"), 2)

    def test_they_are_said(self):
        status, out, _ = run("diagnose", "-c", self.settings, "one", "two", "three")
        self.assertEqual(status, 1)
        self.assertEqual(out.splitlines()[0], "3 lines are not known to tlsward:")
        status, out, _ = run("diagnose", "-c", self.settings, "zzcause", "this failed")
        self.assertEqual(status, 1)
        self.assertIn("\n1 line is not known to tlsward:\n", out)

    def test_no_text(self):
        self.assertEqual(run("diagnose", "-c", self.settings, " \n")[0], 2)
        status, out, errors = run("diagnose", "-c", self.settings, "/nonexistent/log")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("cannot read /nonexistent/log: No such file", errors)

    def test_a_file_that_is_not_there(self):
        """What can be nothing but a file's name is not taken for text."""
        self.write("logs/mail.log", "zzcause\n")
        for name in ("mial.log", "console.txt", "./x", os.path.join(self.folder, "logs", "x"),
                     "bounce.eml", "mail.log.1"):
            status, out, errors = run("diagnose", "-c", self.settings, name)
            self.assertEqual((status, out), (2, ""), name)
            self.assertIn(f"cannot read {name}: No such file", errors)
        for text in ("javax.net.ssl.SSLException", "mx.acme.example", "0x80090331",
                     "SSL/TLS", "zzcause", "tls=may/!requiretls:nostarttls", "1C7Ah"):
            self.assertIn(run("diagnose", "-c", self.settings, text)[0], (0, 1), text)

    def test_nothing_is_known(self):
        """Without the entries that come with tlsward it gives no answer."""
        for options in ((), ("--json",)):
            status, out, errors = run("diagnose", *options, "zzcause", env=dict(
                os.environ, TLSWARD_DATADIR=self.folder + "/none"))
            self.assertEqual((status, out), (2, ""))
            self.assertIn("install tlsward again", errors)


class Systems(Diagnose):
    def test_whose_entries_count(self):
        self.assertEqual(self.roots("zzboth\n")[0][0], "zz-domino")
        self.assertEqual(self.roots("zzboth\n", "--system", "jAVA")[0][0], "zz-java")
        _, found = self.diagnose("--system", "java", "zzboth")
        self.assertEqual(found[0]["system"], "Java")
        self.assertEqual(self.roots("zzcause zzboth\n", "--system", "Domino")[0][0],
                         "zz-cause")

    def test_no_system(self):
        status, out, errors = run("diagnose", "--system", "Groupwise", "x")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("Exchange Online", errors)


class Text(Diagnose):
    def test_the_answer_comes_first(self):
        for text, first in (
                ("zzcause", "A cause. The cause is on the other side."),
                ("zzsecond", "The other side: it has a second cause. "
                             "The cause is here, on the side that logged it."),
                ("zzend\n\nzzend", "An end. The cause is in the network between. (2 times)"),
                ("zznote", "A note. This is not an error.")):
            status, out, errors = run("diagnose", "-c", self.settings, text=text)
            self.assertEqual((status, errors), (0, ""))
            self.assertEqual(" ".join(out.split())[:len(first)], first)

    def test_long_lines(self):
        """They are folded, and go on below the words of their first line."""
        words = " ".join(["word"] * 30)
        self.write("diagnoses", f"entry long\npattern zzlong\nmeaning {words}\n"
                                f"cause {words}\nfix {words}\ncheck {words}\n")
        _, out, _ = run("diagnose", "-c", self.settings, "zzlong " + words)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)
        for word in ("cause", "fix", "check"):
            self.assertRegex(out, rf"\n  {word:<6} word.*\n {{9}}word")
        self.assertEqual(out.lower().count("word"), 150)

    def test_a_file_of_ones_own_that_is_wrong(self):
        self.write("diagnoses", "entry a\npattern (\nmeaning m\n")
        _, out, errors = run("diagnose", "-c", self.settings, "quux")
        self.assertIn("missing closing parenthesis", errors)
        self.assertIn("1 line is not known", out)


if __name__ == "__main__":
    sys.exit(main())
