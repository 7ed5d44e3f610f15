#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward watch: every line of a log is counted once, whatever becomes of its file."""

import bz2
import contextlib
import gzip
import json
import lzma
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import unittest

from journals import Journal
from tool import NO_POSTCONF, TIMEOUT, TLSWARD, Folder, main, runner

from mta.waiting import until

POLICY = """partner "Acme" {
    domain acme.example
    outgoing { require tls >= 1.2; require certificate name mx.acme.example }
}
deliver old.example { require tls >= 1.2; monitor }
deliver gone.example { exempt }
"""


def failed(number):
    """A handshake that failed, of a client of its own: "host" tells which."""
    address = "198.51.%d.%d" % (number // 250 % 250, number % 250 + 1)
    pid = 1000 + number
    stamp = "Nov 30 08:%02d:%02d mx postfix/smtpd[%d]: " % (
        number // 60 % 60, number % 60, pid)
    client = "h%d.example[%s]" % (number, address)
    return "".join(stamp + text + "\n" for text in (
        "connect from " + client,
        "SSL_accept error from %s: -1" % client,
        "warning: TLS library problem: error:0A000102:SSL routines::unsupported "
        "protocol:../ssl/statem/statem_srvr.c:1657:",
        "lost connection after STARTTLS from " + client,
        "disconnect from %s ehlo=1 starttls=0/1 commands=1/2" % client))


class Watch(Folder):
    def setUp(self):
        super().setUp()
        self.journal = os.path.join(self.folder, "journal.db")
        self.db = Journal(self.journal).db
        self.log = os.path.join(self.folder, "mail.log")
        self.policy = self.write("policy.conf", POLICY)
        self.errors = os.path.join(self.folder, "errors")
        self.watched = []

    def tearDown(self):
        for process in self.watched:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.db.close()

    def arguments(self, *more):
        return ["watch", "--policy", self.policy, "--journal", self.journal, *more]

    def once(self, *logs, text="", status=0):
        """Reads what is there: what it says."""
        result = runner.run(*self.arguments("--once", "--maillog", *(logs or (self.log,))),
                            text=text, env=dict(os.environ, PATH=NO_POSTCONF))
        self.assertEqual(result[0], status, result)
        return result[1] if status == 0 else result[2]

    def start(self, *more):
        process = subprocess.Popen(
            [TLSWARD, *self.arguments(*(more or ("--maillog", self.log)))],
            stdin=subprocess.DEVNULL, stderr=self.errors_to())
        self.watched.append(process)
        return process

    def errors_to(self):
        out = open(self.errors, "ab")
        self.addCleanup(out.close)
        return out

    def said(self, text):
        with open(self.errors, encoding="utf-8") as errors:
            return text in errors.read()

    def end(self, process, number=signal.SIGTERM):
        process.send_signal(number)
        return process.wait(TIMEOUT)

    def append(self, text, log=None):
        with open(log or self.log, "a", encoding="utf-8") as out:
            out.write(text)

    def counted(self):
        """How often each host failed."""
        return dict(self.db.execute("SELECT address, sum(count) FROM handshake GROUP BY 1"))

    def value(self, name):
        row = self.db.execute("SELECT value FROM watched WHERE name = ?", (name,)).fetchone()
        return row[0] if row else 0

    def position(self):
        return json.loads(self.db.execute("SELECT state FROM position").fetchone()[0])

    def wait_for(self, count, process=None):
        def seen():
            return sum(self.counted().values())

        def alive():
            if process is not None and process.poll() is not None:
                with open(self.errors, encoding="utf-8") as errors:
                    self.fail("watch ended: " + errors.read())
        until("%d counted" % count, lambda: seen() >= count, alive, seen)

    def assert_each_once(self, count):
        counted = self.counted()
        self.assertEqual({host: n for host, n in counted.items() if n != 1}, {})
        self.assertEqual(len(counted), count)

    def rotate(self, name="mail.log.1"):
        os.rename(self.log, os.path.join(self.folder, name))

    def shift(self, pack=None):
        """mail.log becomes mail.log.1, and so on, as by logrotate."""
        old = sorted((name for name in os.listdir(self.folder)
                      if name.startswith("mail.log.")),
                     key=lambda name: -int(name.split(".")[2]))
        for name in old:
            parts = name.split(".")
            parts[2] = str(int(parts[2]) + 1)
            os.rename(os.path.join(self.folder, name),
                      os.path.join(self.folder, ".".join(parts)))
        self.rotate()
        if pack:
            self.pack(*pack)

    def pack(self, name, opener, suffix):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return
        status = os.stat(path)
        with open(path, "rb") as whole, opener(path + suffix, "wb") as out:
            shutil.copyfileobj(whole, out)
        os.utime(path + suffix, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.unlink(path)


class Once(Watch):
    def test_what_is_new_is_counted(self):
        self.append("".join(map(failed, range(3))))
        self.assertEqual(self.once(), "15 lines read: 3 handshakes failed, 0 deliveries, "
                         "0 lines not understood\n")
        self.assertEqual(self.once(), "0 lines read: 0 handshakes failed, 0 deliveries, "
                         "0 lines not understood\n")
        self.append(failed(3))
        self.once()
        self.assert_each_once(4)
        self.assertEqual((self.value("lines"), self.value("lines_unread")), (20, 0))

    def test_open_at_the_end(self):
        """What is not finished is counted at the end, and no second time."""
        lines = failed(1).splitlines(True)
        for cut in range(2, 6):
            self.append("".join(lines[0 if cut == 2 else cut - 1:cut]))
            self.once()
            self.assertEqual(sum(self.counted().values()), 1, cut)

    def test_last_line_without_newline(self):
        whole = failed(1) + failed(2)
        for end in (len(whole) - 30, len(whole) - 1, len(whole)):
            self.write("mail.log", whole[:end])
            self.once()
        self.assert_each_once(2)
        self.assertEqual(self.value("lines"), 10)

    def test_rotated_and_packed_meanwhile(self):
        for opener, suffix in ((gzip.open, ".gz"), (bz2.open, ".bz2"), (lzma.open, ".xz")):
            with self.subTest(suffix):
                self.db.execute("DELETE FROM handshake")
                self.db.execute("DELETE FROM position")
                self.append("".join(map(failed, range(10))))
                self.once()
                self.append("".join(map(failed, range(10, 20))))
                self.shift()
                self.append("".join(map(failed, range(20, 30))))
                self.shift(("mail.log.2", opener, suffix))
                self.append("".join(map(failed, range(30, 40))))
                self.once()
                self.assert_each_once(40)
                for name in os.listdir(self.folder):
                    if name.startswith("mail.log"):
                        os.unlink(os.path.join(self.folder, name))

    def test_rotated_by_date(self):
        self.append("".join(map(failed, range(5))))
        self.once()
        for day, first in ((20261128, 5), (20261129, 10)):
            self.append("".join(map(failed, range(first, first + 5))))
            self.rotate("mail.log-%d" % day)
        self.pack("mail.log-20261128", lzma.open, ".xz")
        self.append(failed(15))
        self.once()
        self.assert_each_once(16)

    def test_rotated_with_numbers_that_rise(self):
        self.append("".join(map(failed, range(5))))
        self.once()
        for number in range(1, 12):
            self.append("".join(map(failed, range(5 * number, 5 * number + 5))))
            self.rotate("mail.log.%d" % number)
            if number % 4 == 0:
                self.once()
        self.append(failed(60))
        self.once()
        self.assert_each_once(61)

    def test_rotated_and_nothing_written_since(self):
        self.append(failed(1))
        self.once()
        self.append(failed(2))
        self.shift()
        self.append("")
        self.once()
        self.shift(("mail.log.2", gzip.open, ".gz"))
        self.append("")
        self.once()
        self.append(failed(3))
        self.once()
        self.assert_each_once(3)

    def test_files_that_were_rotated_are_named(self):
        self.append(failed(0))
        self.shift()
        self.append(failed(1)[:-40])
        self.shift(("mail.log.2", gzip.open, ".gz"))
        self.append(failed(2))
        names = [os.path.join(self.folder, name) for name in
                 ("mail.log", "mail.log.1", "mail.log.2.gz")]
        self.once(*names)
        self.assert_each_once(3)
        self.once(*names)
        self.once()
        self.assert_each_once(3)

    def test_the_same_file_by_another_name(self):
        self.append("".join(map(failed, range(5))))
        self.once()
        copy = os.path.join(self.folder, "copy")
        shutil.copyfile(self.log, copy)
        self.append(failed(5), copy)
        self.once(copy)
        self.assert_each_once(6)

    def test_copies_beside_it(self):
        self.append("".join(map(failed, range(5))))
        self.once()
        self.append("".join(map(failed, range(5, 8))))
        self.shift()
        other = os.path.join(self.folder, "other")
        shutil.copy2(self.log + ".1", self.log + ".1.bak")
        self.append(failed(8))
        shutil.copy2(self.log, other)
        self.append(failed(9), other)
        self.once(self.log, other)
        self.assert_each_once(10)

    def test_files_that_are_alike(self):
        """Lines that are the same in each of them are others, while it is rotated."""
        for rotations in range(4):
            self.append(failed(1) * 3)
            self.once()
            self.append(failed(1) * 2)
            self.shift(("mail.log.2", gzip.open, ".gz"))
            self.append(failed(1))
            self.once()
            self.assertEqual(self.counted(), {"198.51.0.2": 6 * (rotations + 1)})

    def test_another_file_of_that_name(self):
        self.append("".join(map(failed, range(5))))
        self.once()
        os.unlink(self.log)
        self.append("".join(map(failed, range(5, 9))))
        self.once()
        self.assert_each_once(9)

    def test_standard_input(self):
        text = "".join(map(failed, range(3)))
        self.once("-", text=text)
        self.assert_each_once(3)
        self.assertEqual(self.position(), [])

    def test_entries_of_ones_own(self):
        with open(os.path.join(self.folder, "diagnoses"), "w", encoding="utf-8") as out:
            out.write("entry ours\npattern unsupported protocol\nmeaning an odd box\n\n"
                      "entry bad\npattern (\nmeaning m\n")
        self.append(failed(1))
        settings = self.write("tlsward.conf", "policy %s\njournal sqlite:%s\n" % (
            self.policy, self.journal))
        status, _, said = runner.run("watch", "-c", settings, "--once", "--maillog",
                                     self.log, env=dict(os.environ, PATH=NO_POSTCONF))
        self.assertEqual(status, 0, said)
        self.assertIn("diagnoses:6:10: error: missing closing parenthesis; "
                      "the entry is left out", said)
        self.assertEqual(self.db.execute("SELECT reason FROM handshake").fetchall(),
                         [("ours",)])

    def test_what_cannot_be_read(self):
        self.assertIn("cannot read %s: No such file" % self.log, self.once(status=2))
        self.write("mail.log", "this is no log\nnor is this\n")
        self.assertIn("no line of a mail log in " + self.log, self.once(status=2))
        self.append("".join(map(failed, range(3))))
        self.pack("mail.log", gzip.open, ".gz")
        with open(self.log + ".gz", "rb") as whole:
            packed = whole.read()
        with open(self.log + ".gz", "wb") as out:
            out.write(packed[:-20])
        said = self.once(self.log + ".gz", status=2)
        self.assertEqual(said, "tlsward watch: cannot read all of %s.gz: it ends in the "
                         "middle\n" % self.log)
        self.append("".join(map(failed, range(3, 5))))
        os.rename(self.log + ".gz", self.log + ".1.gz")
        os.utime(self.log + ".1.gz", (0, 0))
        self.db.execute("DELETE FROM position")
        result = runner.run(*self.arguments("--once", "--maillog", self.log + ".1.gz",
                                            self.log))
        self.assertEqual(result[::2], (0, "tlsward watch: cannot read all of %s.1.gz: it "
                                       "ends in the middle; goes on with what comes after "
                                       "it\n" % self.log))
        self.assertIn("did you mean --maillog", runner.run("watch", self.log)[2])
        self.assertIn("name one with --maillog", runner.run(*self.arguments("--once"))[2])

    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_root_becomes_the_owner(self):
        """It writes as the journal's owner, and reads what root alone may."""
        for path in (self.folder, self.journal):
            os.chown(path, 12345, 12345)
        self.append(failed(0))
        os.chmod(self.log, 0o600)
        watch = self.start()
        self.wait_for(1, watch)
        with open("/proc/%d/status" % watch.pid, encoding="ascii") as text:
            status = dict(line.split(":", 1) for line in text.read().splitlines())
        self.assertEqual(set(status["Uid"].split() + status["Gid"].split()), {"12345"})
        self.assertIn(int(status["CapEff"], 16), (0, 4))
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        for name in os.listdir(self.folder):
            if name.startswith("journal.db"):
                self.assertEqual(os.stat(os.path.join(self.folder, name)).st_uid, 12345)

    def test_folder_that_cannot_be_read(self):
        """What the log was rotated into could not be found."""
        log = self.write("logs/mail.log", failed(0))
        logs = os.path.dirname(log)
        os.chmod(logs, 0o311)
        self.addCleanup(os.chmod, logs, 0o700)
        for path in (self.folder, self.journal):
            os.chmod(path, 0o777)
        user = {"user": 12345, "group": 12345} if os.geteuid() == 0 else {}
        try:
            said = runner.run(*self.arguments("--once", "--maillog", log), **user)
        except PermissionError:
            self.skipTest("the program is not everybody's to run")
        self.assertEqual(said[::2], (
            2, "tlsward watch: cannot read %s/: Permission denied\n" % logs))

    def test_a_line_that_is_too_long(self):
        self.append(failed(1) + "x" * 300000 + "\n" + failed(2))
        self.once()
        self.assert_each_once(2)
        self.assertEqual((self.value("lines"), self.value("lines_unread")), (11, 1))


class Followed(Watch):
    def test_written_and_rotated(self):
        self.append(failed(0))
        watch = self.start()
        self.wait_for(1, watch)
        self.append(failed(1)[:-20])
        self.append(failed(1)[-20:] + failed(2))
        self.wait_for(3, watch)
        with open(self.log, "a", encoding="utf-8") as old:
            self.shift()
            old.write(failed(3))
            old.flush()
            self.append("")
            self.wait_for(4, watch)
            old.write(failed(4))
        self.append(failed(5))
        self.wait_for(6, watch)
        self.assertEqual(self.end(watch), 0)
        self.assert_each_once(6)
        self.assertTrue(self.said("follows %s, from its start" % self.log))
        self.wait_for(6, self.start())
        until("goes on", lambda: self.said("from where it was"))
        self.assert_each_once(6)

    def test_rotated_several_times_while_it_is_stopped(self):
        self.append(failed(0))
        watch = self.start()
        self.wait_for(1, watch)
        watch.send_signal(signal.SIGSTOP)
        for number in range(1, 4):
            self.append(failed(number))
            self.shift(("mail.log.2", gzip.open, ".gz"))
        self.append(failed(4))
        watch.send_signal(signal.SIGCONT)
        self.wait_for(5, watch)
        self.assert_each_once(5)

    def test_not_there_yet_and_gone(self):
        watch = self.start()
        until("waits", lambda: self.said("waits for " + self.log))
        self.append(failed(0))
        self.wait_for(1, watch)
        os.unlink(self.log)
        self.append(failed(1))
        self.wait_for(2, watch)
        self.assert_each_once(2)

    def test_truncated(self):
        self.append("".join(map(failed, range(4))))
        watch = self.start()
        self.wait_for(4, watch)
        watch.send_signal(signal.SIGSTOP)
        self.append(failed(4))
        shutil.copyfile(self.log, self.log + ".1")
        with open(self.log, "w", encoding="utf-8") as out:
            out.write("".join(map(failed, range(5, 15))))
        watch.send_signal(signal.SIGCONT)
        self.wait_for(15, watch)
        self.assert_each_once(15)
        self.assertTrue(self.said("was truncated in place"))
        with open(self.log, "w", encoding="utf-8") as out:
            out.write(failed(15))
        self.wait_for(16, watch)
        self.assert_each_once(16)

    def test_standard_input(self):
        process = subprocess.Popen([TLSWARD, *self.arguments("--maillog", "-")],
                                   stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        self.watched.append(process)
        for number in range(3):
            process.stdin.write((failed(number) + "half a li").encode())
            process.stdin.flush()
            self.wait_for(number + 1, process)
            process.stdin.write(b"ne\n")
        process.stdin.close()
        self.assertEqual(process.wait(TIMEOUT), 0)
        self.assert_each_once(3)

    def test_two_logs(self):
        other = os.path.join(self.folder, "other")
        self.append(failed(0))
        self.append(failed(1), other)
        watch = self.start("--maillog", self.log, other)
        self.wait_for(2, watch)
        self.append(failed(2))
        self.append(failed(3), other)
        self.wait_for(4, watch)
        self.end(watch)
        self.append(failed(4))
        self.append(failed(5), other)
        self.wait_for(6, self.start("--maillog", self.log, other))
        self.assert_each_once(6)
        self.assertEqual(len(self.position()), 2)

    def test_settings_and_reload(self):
        settings = self.write("tlsward.conf", "policy policy.conf\njournal sqlite:%s\n"
                              "maillog file:%s\n" % (self.journal, self.log))
        self.append(failed(0))
        watch = subprocess.Popen([TLSWARD, "watch", "-c", settings],
                                 stderr=self.errors_to())
        self.watched.append(watch)
        self.wait_for(1, watch)
        watch.send_signal(signal.SIGHUP)
        until("loads again", lambda: self.said("the policy was loaded again"))
        self.write("policy.conf", "deliver { what }\n")
        watch.send_signal(signal.SIGHUP)
        until("refuses", lambda: self.said("the policy that was in force before stays"))
        self.assertTrue(self.said("policy.conf:1:"))
        self.append(failed(1))
        self.wait_for(2, watch)

    def test_a_position_that_was_edited(self):
        self.append(failed(0))
        self.once()
        first = self.position()[0]
        for state in ("", "{}", "[[[", '[{}, null, 5, "x"]', '[{"log": 5}]',
                      json.dumps([dict(first, log=None)]),
                      json.dumps([dict(first, hosts=[], needed="x")])):
            self.db.execute("UPDATE position SET state = ?", (state,))
            self.once()
            self.assertEqual([row["log"] for row in self.position()], [self.log], state)

    def test_a_log_without_a_line(self):
        self.append("")
        self.assertIn("0 lines read", self.once())
        self.assertEqual(self.value("lines"), 0)

    def test_clocks_that_are_wrong(self):
        """What is said to be of a year to come is kept no longer than what is of now."""
        tail = failed(0).split(" mx ", 1)[1].splitlines()
        for stamp in ("2026-11-30T08:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"):
            self.append("".join("%s mx %s\n" % (stamp, line.split(" mx ")[-1])
                                for line in tail))
        self.once()
        hours = [row[0] for row in self.db.execute("SELECT hour FROM handshake")]
        self.assertEqual(sum(self.counted().values()), 3)
        self.assertEqual(set(hours), {498896})
        self.assertEqual(self.value("line_time"), 498896 * 3600000)

    def test_two_at_once(self):
        """The second to write sees that the lines are counted by another."""
        self.append(failed(0))
        watches = [self.start(), self.start()]
        self.wait_for(1)
        number = 1
        while all(watch.poll() is None for watch in watches):
            self.append(failed(number))
            number += 1
            self.wait_for(number)
        self.assertIn(2, [watch.poll() for watch in watches])
        self.wait_for(number)
        self.assert_each_once(number)

    def test_journal_that_is_not_there(self):
        """It is made, or its folder waited for."""
        self.db.close()
        self.journal = os.path.join(self.folder, "folder", "journal.db")
        self.append(failed(0))
        watch = self.start()
        until("says so", lambda: self.said(self.journal))
        os.mkdir(os.path.dirname(self.journal))
        Journal(self.journal).db.close()
        self.db = sqlite3.connect(self.journal)
        self.wait_for(1, watch)
        self.end(watch)
        self.db.close()
        os.unlink(self.journal)
        self.once()
        self.assertEqual(os.stat(self.journal).st_mode & 0o777, 0o640)
        self.db = sqlite3.connect(self.journal)
        self.assert_each_once(1)


# Of what is unpacked in $TLSWARD_TOOLS, or installed.
REMOTE = shutil.which("systemd-journal-remote", path=":".join(
    root + folder for root in (os.environ.get("TLSWARD_TOOLS", ""), "")
    for folder in ("/usr/lib/systemd", "/lib/systemd")))

JUDGED = """partner "Acme" {
    domain acme.example
    outgoing { require tls >= 1.2; require certificate name mx.acme.example }
}
deliver trial.example { require tls; require certificate name mx.trial.example; monitor }
deliver gone.example { exempt }
deliver soft.example { require tls otherwise accept; require certificate otherwise accept }
deliver pin.example { require certificate fingerprint sha256:%s }
deliver dane.example { require dane }
deliver chain.example { require certificate }
deliver "[relay.c.example]:587" { require tls >= 1.3 }
deliver "[192.0.2.99]" { require tls }
deliver "[sub.c.example]:submission" { require tls }
deliver "port.example:587" { require tls }
deliver port.example { require tls >= 1.3 }
deliver dated.example {
    require tls from 2026-11-30
    exempt until 2026-11-28 "as agreed"
}
""" % ("aa" * 32)


def sent(number, domain, relay, tls, more="", status="status=sent (250 ok)", dsn="2.0.0",
         day="30"):
    """
    A delivery, its queue id by a number. "tls": Postfix's word, "-" for TLS without one;
    None: it logs none.
    """
    head = "2026-11-%sT08:%02d:%02d+00:00 mx postfix/" % (
        day, number // 60, number % 60)
    lines = [] if tls is None else [
        "smtp[%d]: %s TLS connection established to %s: TLSv1.2 with cipher "
        "ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)" % (number, tls, relay)]
    lines.append("smtp[%d]: Q%05X: to=<u@%s>, relay=%s, delay=1, delays=0/0/0/1%s, dsn=%s, %s"
                 % (number, number, domain, relay, more, dsn, status))
    return "".join(head + line + "\n" for line in lines)


class Judged(Watch):
    """Mail that went out, by the rules for it."""

    def setUp(self):
        super().setUp()
        self.policy = self.write("policy.conf", JUDGED)

    def rows(self, *arguments):
        """Those of tlsward log, by the last number of the relay's address."""
        status, output, _ = runner.run("log", "--journal", self.journal, "--json", "--kind",
                                       "delivery", *arguments)
        rows = [json.loads(line) for line in output.splitlines()]
        return {int(row["address"].rpartition(".")[2]): row for row in rows}

    def judge(self, *deliveries):
        """
        Deliveries are (domain, relay's name and port, Postfix's word, its level); what
        became of each, with what was said.
        """
        for number, (domain, relay, word, level) in enumerate(deliveries, 1):
            name, _, port = relay.partition(":")
            self.append(sent(number, domain, "%s[192.0.2.%d]:%s" % (name, number, port or 25),
                             word, ", tls=" + level if level else ""))
        # TLS is logged by this host, if nowhere else.
        self.append(sent(200, "else.example", "mx.else.example[192.0.2.200]:25", "Untrusted"))
        said = runner.run(*self.arguments("--once", "--maillog", self.log),
                          env=dict(os.environ, PATH=NO_POSTCONF))
        self.assertEqual(said[0], 0, said)
        return self.rows(), said[2]

    def test_words(self):
        acme = "acme.example", "mx.acme.example"
        cases = (
            (acme + ("Verified", ""), "met", None),
            (acme + ("Trusted", ""), "uncertain", None),
            (acme + ("Untrusted", ""), "unmet", "certificate"),
            (acme + ("Anonymous", ""), "unmet", "certificate"),
            (acme + (None, ""), "unmet", "tls"),
            # From Postfix 3.11 on the level is known: whether this is what we told it.
            (acme + ("Verified", "secure"), "met", None),
            (acme + ("Verified", "secure/requiretls"), "met", None),
            (acme + ("Verified", "sec"), "uncertain", None),
            (acme + ("Verified", "verify"), "uncertain", None),
            (acme + ("Verified", "dane"), "uncertain", None),
            (acme + ("Verified", "fingerprint"), "uncertain", None),
            (acme + (None, "may:none"), "unmet", "tls"),
            (acme + (None, "encrypt"), "uncertain", None),
            (("trial.example", "mx.trial.example", "Verified", ""), "uncertain", None),
            (("trial.example", "mx.trial.example", "Untrusted", ""), "would", "certificate"),
            (("trial.example", "mx.trial.example", None, ""), "would", "tls"),
            (("gone.example", "mx.gone.example", None, ""), "exempt", None),
            (("soft.example", "mx.soft.example", None, ""), "accepted", "tls"),
            (("soft.example", "mx.soft.example", "Untrusted", ""), "accepted", "certificate"),
            (("soft.example", "mx.soft.example", "Trusted", ""), "met", None),
            (("pin.example", "mx.pin.example", "Verified", ""), "met", None),
            (("pin.example", "mx.pin.example", "Verified", "fingerprint"), "met", None),
            (("pin.example", "mx.pin.example", "Verified", "secure"), "uncertain", None),
            (("pin.example", "mx.pin.example", "Untrusted", ""), "uncertain", None),
            (("pin.example", "mx.pin.example", "Anonymous", ""), "unmet",
             "certificate-fingerprint"),
            (("dane.example", "mx.dane.example", "Verified", ""), "met", None),
            (("dane.example", "mx.dane.example", "Verified", "dane"), "met", None),
            (("dane.example", "mx.dane.example", "Verified", "secure"), "uncertain", None),
            (("dane.example", "mx.dane.example", "Trusted", ""), "uncertain", None),
            (("chain.example", "mx.chain.example", "Trusted", ""), "met", None),
            (("chain.example", "mx.chain.example", "Verified", ""), "met", None),
            (("other.example", "mx.other.example", None, ""), "none", None),
        )
        rows, said = self.judge(*(case[0] for case in cases))
        for number, (delivery, verdict, reason) in enumerate(cases, 1):
            with self.subTest(delivery):
                row = rows[number]
                below = verdict in ("unmet", "would")
                self.assertEqual((row["verdict"], row.get("reason"), row["action"]),
                                 (verdict, reason, "accept"))
                self.assertEqual((row.get("would"), row.get("would_reason"),
                                  row.get("queue_id"), row.get("enforced")),
                                 ("tempfail", reason, "Q%05X" % number,
                                  "no" if verdict == "would" else None) if below else
                                 (None, None, None, None))
                self.assertEqual("Q%05X to %s went out by %s below its agreement (%s" % (
                    number, delivery[0], delivery[1], reason) in said, below, said)
        self.assertIn("; rule policy.conf:3): the mail server did not keep to it, and had "
                      "the level may\n", said)
        self.assertIn("; rule policy.conf:5), which is under monitor\n", said)
        self.assertIn("required is TLS 1.2 or newer", said)
        below = [number for number, case in enumerate(cases, 1)
                 if case[1] in ("unmet", "would")]
        self.assertEqual(sorted(self.rows("--would")), below)
        self.assertEqual(sum(row["direction"] == "out" for row in self.rows(
            "--direction", "out").values()), len(cases) + 1)
        self.assertEqual(self.rows("--direction", "in"), {})
        self.assertIn("of the other --direction", runner.run(
            "log", "--journal", self.journal, "--direction", "in", "--would")[2])
        self.assertEqual(self.rows("--action", "tempfail"), {})
        self.assertEqual(self.value("below enforced tls"), 2)
        self.assertEqual(self.value("below monitored certificate"), 1)
        self.assertEqual(self.value("judged exempt"), 1)

    def test_decide_says_the_same(self):
        """Of what tlsward log has of a delivery."""
        rows, _ = self.judge(*((domain, "mx." + domain, word, "") for domain in (
            "acme.example", "trial.example", "gone.example", "soft.example", "pin.example",
            "dane.example", "chain.example", "other.example") for word in (
                "Verified", "Trusted", "Untrusted", "Anonymous", None)))
        text = "".join(json.dumps(row) + "\n" for row in rows.values())
        status, output, errors = runner.run("decide", "--policy", self.policy, text=text)
        self.assertEqual((status, errors), (0, ""))
        for row, line in zip(rows.values(), output.splitlines()):
            decided = json.loads(line)
            with self.subTest(row):
                self.assertEqual(decided["action"], "tempfail" if row["verdict"] == "unmet"
                                 else "accept")
                self.assertEqual(decided.get("would"),
                                 "tempfail" if row["verdict"] == "would" else None)
                self.assertEqual(decided.get("rule"), row.get("rule"))
                if row["verdict"] in ("unmet", "would", "accepted"):
                    self.assertEqual(decided.get("reason", decided.get("would_reason")),
                                     row["reason"])
                elif row["verdict"] == "uncertain" and row["next_hop"] != "trial.example":
                    self.assertEqual(decided["reason"], "unknown-fact")

    def test_rules_that_name_the_relay(self):
        lines = {number: row.get("rule") for number, row in self.judge(
            ("x.example", "relay.c.example:587", None, ""),
            ("x.example", "relay.c.example:25", None, ""),
            ("x.example", "sub.c.example:587", None, ""),
            ("port.example", "mx.port.example:587", None, ""),
            ("port.example", "mx.port.example:25", None, ""),
            ("x.example", "port.example:587", None, ""),
            # Its mail goes elsewhere, but not by its own rule's port.
            ("acme.example", "relay.c.example:587", None, ""))[0].items()}
        self.assertEqual([lines[number] for number in range(1, 8)],
                         ["policy.conf:11", None, "policy.conf:13", "policy.conf:14",
                          "policy.conf:15", "policy.conf:14", "policy.conf:11"])
        self.append(sent(99, "x.example", "192.0.2.99[192.0.2.99]:25", None))
        self.once()
        self.assertEqual(self.rows()[99]["rule"], "policy.conf:12")

    def test_the_days_of_deliveries(self):
        for number, day in ((2, "26"), (3, "30")):
            self.append(sent(number + 100, "else.example", "mx.else.example[192.0.2.200]:25",
                             "Trusted", day=day))
            self.append(sent(number, "dated.example", "mx.dated.example[192.0.2.%d]:25"
                             % number, None, day=day))
        rows, _ = self.judge(("else.example", "mx.else.example", "Trusted", ""))
        self.assertEqual([rows[number]["verdict"] for number in (2, 3)], ["exempt", "unmet"])

    def test_waited(self):
        """What was not sent is below nothing; REQUIRETLS is the sender's wish."""
        why = "TLS is required, but was not offered by host mx.acme.example[192.0.2.%d]"
        self.append(sent(50, "acme.example", "mx.acme.example[192.0.2.50]:25", None, "",
                         "status=deferred (%s)" % (why % 50), "4.7.4"))
        self.append(sent(51, "acme.example", "mx.acme.example[192.0.2.51]:25", None, "",
                         "status=bounced (Sender requested REQUIRETLS, but TLS service was "
                         "not offered by host mx.acme.example[192.0.2.51])", "5.7.30"))
        self.append(sent(52, "acme.example", "mx.acme.example[192.0.2.52]:25", None, "",
                         "status=deferred (host mx.acme.example[192.0.2.52] said: 450 4.2.0 "
                         "Greylisted (in reply to RCPT TO command))", "4.2.0"))
        for number, domain, word, why in (
                (53, "pin.example", "Untrusted", "Server certificate not verified"),
                (54, "dane.example", None, "non DNSSEC destination"),
                (55, "acme.example", "Trusted", "Server certificate not verified"),
                # The rule asks for nothing, or for nothing now: others do.
                (56, "trial.example", None, "TLS is required, but was not offered by host"),
                (57, "gone.example", None, "TLS is required, but was not offered by host"),
                (58, "soft.example", None, "TLS is required, but was not offered by host")):
            self.append(sent(number, domain, "mx.%s[192.0.2.%d]:25" % (domain, number), word,
                             "", "status=deferred (%s)" % why, "4.7.5"))
        rows, said = self.judge()
        self.assertEqual({number: (row["verdict"], row.get("action"), row.get("reason"))
                          for number, row in rows.items() if number < 60}, {
            50: ("refused", "tempfail", "tls"), 51: ("uncertain", None, None),
            52: ("unmet", None, "tls"),
            53: ("refused", "tempfail", "certificate-fingerprint"),
            54: ("refused", "tempfail", "dane"),
            55: ("refused", "tempfail", "certificate-name"),
            56: ("would", None, "tls"), 57: ("exempt", None, None),
            58: ("accepted", None, "tls")})
        self.assertNotIn("below", said)
        self.assertEqual({row.get("would") for row in rows.values()}, {None})
        self.assertEqual(sorted(self.rows("--action", "tempfail")), [50, 53, 54, 55])
        # The text has what was wrong, where that is known.
        self.assertRegex(runner.run("log", "--journal", self.journal, "--queue-id", "Q00032")[1],
                         r" deferred +tls-not-offered +clear text to u@acme\.example ")

    def test_not_required(self):
        """TLS-Required: no, where header_checks(5) have it logged."""
        for number, header in ((1, "TLS-Required: no"), (2, "tls-required:  No"),
                               (3, "TLS-Required: yes"), (4, "Subject: TLS-Required: no")):
            self.append("2026-11-30T08:00:00+00:00 mx postfix/pickup[9]: Q%05X: uid=0 "
                        "from=<a@ours.example>\n2026-11-30T08:00:00+00:00 mx postfix/"
                        "cleanup[9]: Q%05X: info: header %s from local; from=<a@ours.example> "
                        "to=<u@acme.example>\n" % (number, number, header))
        said = self.judge(*[("acme.example", "mx.acme.example", None, "")] * 4)[1]
        for number in range(1, 5):
            self.assertEqual("Q%05X to acme.example went out by mx.acme.example below its "
                             "agreement (tls, required is TLS 1.2 or newer; rule "
                             'policy.conf:3): its header has "TLS-Required: no"' % number
                             in said, number < 3, said)

    def test_many(self):
        said = self.judge(*[("acme.example", "mx.acme.example", None, "")] * 30)[1]
        self.assertEqual(said.count("below its agreement"), 20)
        self.assertIn("warning: 10 more went out below their agreements", said)
        self.assertEqual(len(self.rows("--would")), 30)

    def test_sendmail(self):
        """No more than TLSA records is known to be verified."""
        for number, (domain, word) in enumerate((
                ("dane.example", "TRUSTED"), ("acme.example", "TRUSTED"),
                ("chain.example", "OK"), ("chain.example", "FAIL"),
                ("acme.example", "OK")), 1):
            head = "2026-11-30T08:00:0%d+00:00 mx sendmail[%d]: " % (number, number)
            self.append(
                head + "STARTTLS=client, relay=mx.%s., version=TLSv1.3, verify=%s, "
                "cipher=TLS_AES_256_GCM_SHA384, bits=256/256\n" % (domain, word) +
                head + "9BKA00Tg00020%d: to=<u@%s>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, "
                "pri=1, relay=mx.%s. [192.0.2.%d], dsn=2.0.0, stat=Sent (ok)\n" % (
                    number, domain, domain, number))
        self.once()
        self.assertEqual([row["verdict"] for _, row in sorted(self.rows().items())],
                         ["met", "uncertain", "met", "unmet", "uncertain"])


class Journald(Watch):
    """The systemd journal, in files that systemd-journal-remote makes."""

    def setUp(self):
        super().setUp()
        self.entries = os.path.join(self.folder, "entries")
        os.mkdir(self.entries)
        error = runner.run(*self.follow("--once"))[2]
        if "built without libsystemd" in error or not REMOTE:
            self.skipTest("no libsystemd, or no systemd-journal-remote")
        self.assertIn("no line of a mail log in the systemd journal", error)

    def follow(self, *more):
        return self.arguments("--journald-folder", self.entries, *more)

    def write_entries(self, numbers):
        """A file of the journal, named by the first of them."""
        text = ""
        for number in numbers:
            for count, line in enumerate(failed(number).splitlines()):
                program, message = line.split(" ", 4)[4].split(": ", 1)
                name, pid = program[:-1].split("[")
                time = 1796026595000000 + number * 1000000 + count
                text += ("__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n"
                         "_HOSTNAME=mx\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=%s\n"
                         "SYSLOG_PID=%s\nMESSAGE=%s\n\n" % (time, time, 1, name, pid,
                                                           message))
        subprocess.run([REMOTE, "-o", os.path.join(
            self.entries, "%d.journal" % numbers[0]), self.write("text", text)],
                       check=True, capture_output=True, timeout=TIMEOUT)

    def test_once_and_followed(self):
        self.write_entries(range(3))
        for lines in (15, 0):
            self.assertEqual(runner.run(*self.follow("--once"))[:2], (
                0, "%d lines read: %d handshakes failed, 0 deliveries, "
                "0 lines not understood\n" % (lines, lines // 5)))
        self.write_entries(range(3, 5))
        watch = self.start("--journald-folder", self.entries)
        self.wait_for(5, watch)
        self.write_entries(range(5, 9))
        self.wait_for(9, watch)
        self.end(watch, signal.SIGKILL)
        self.write_entries(range(9, 12))
        self.wait_for(12, self.start("--journald-folder", self.entries))
        self.assert_each_once(12)


class Killed(Watch):
    """SIGKILL at any moment, while the log is written, rotated and packed."""

    ROUNDS = 20
    ROTATIONS = 8	# in a round, however long that takes: hundreds of files are none's

    def test_killed(self):
        done = threading.Event()
        written, rotations = [], []

        def write():
            chance = random.Random(20)
            number = 1
            while not done.wait(0.002) or number < 100:
                text = failed(number)
                cut = chance.randrange(len(text))
                self.append(text[:cut])
                self.append(text[cut:])
                number += 1
                if chance.random() < 0.02 and len(rotations) < self.ROTATIONS:
                    rotations.append(number)
                    packed = chance.choice((None, ("mail.log.2", gzip.open, ".gz"),
                                            ("mail.log.1", lzma.open, ".xz")))
                    self.shift(packed)
            written.append(number)

        self.append(failed(0))
        self.once()
        writer = threading.Thread(target=write)
        writer.start()
        try:
            chance = random.Random(21)
            for _ in range(self.ROUNDS):
                rotations.clear()
                watch = self.start()
                if chance.random() < 0.7:
                    self.wait_for(sum(self.counted().values()) + 1, watch)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    watch.wait(chance.random() / 5)
                self.assertEqual(self.end(watch, signal.SIGKILL), -signal.SIGKILL)
        finally:
            done.set()
            writer.join()
        watch = self.start()
        self.wait_for(written[0], watch)
        # The last lines may be of the next commit.
        until("all lines", lambda: self.value("lines") >= 5 * written[0])
        self.assert_each_once(written[0])
        self.assertEqual(self.value("lines"), 5 * written[0])


if __name__ == "__main__":
    sys.exit(main())
