#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of tlsward log, from outside. TLSWARD names the program."""

import csv
import io
import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unicodedata
import unittest

from tool import TIMEOUT, TLSWARD, main, run
from journals import Journal, ms

HOSTILE = "=cmd|'\x1b[31m\r\n\",<script>\u202e"
WIDE = "\u90f5\u4fbf\u90f5\u4fbf\u90f5\u4fbf\u90f5\u4fbf"


def run_log(*arguments, **environment):
    return run("log", *arguments, env={**os.environ, **environment})


class WithJournal(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "journal.db")
        self.journal = Journal(self.path)
        self.addCleanup(self.journal.close)

    def log(self, *arguments, **environment):
        status, output, errors = run_log("--journal", self.path, *arguments, **environment)
        self.assertEqual((status, errors), (0, ""))
        return output

    def json(self, *arguments):
        return [json.loads(line) for line in self.log("--json", *arguments).splitlines()]

    def sessions(self, *arguments):
        return [row["session"] for row in self.json(*arguments)]


class Filters(WithJournal):
    def setUp(self):
        super().setUp()
        record, rollup = self.journal.record, self.journal.rollup
        record("2026-01-01T10:00:00.250Z", "reject", session="a", sender="x@acme.example",
               domain="acme.example", client_addr="192.0.2.1", reason="tls",
               client_name="mx.acme.example", tls_version="none", failed=["tls"],
               rule="policy.d/acme.conf:3", client_port=2525, to="us@ours.example")
        record("2026-01-02T10:00:00Z", "tempfail", session="b", domain="a.acme.example",
               client_addr="192.0.3.1", reason="bits", rule="policy.d/acme.conf:12",
               tls_version="TLSv1.2", bits=112, sender="y@a.acme.example")
        record("2026-01-03T10:00:00Z", "accept", session="c", domain="xn--bcher-kva.example",
               client_addr="2001:db8::1", client_name="mx.other.example",
               would="reject", would_reason="tls-version", would_rule="policy.conf:7",
               tls_version="TLSv1", sender="z@xn--bcher-kva.example", rule="policy.conf:9")
        record("2026-01-04T10:00:00Z", "quarantine", session="d", client_addr="198.51.100.7",
               sender="<>", reason="certificate", rule="policy.d/acme.conf2:1")
        rollup("2026-01-03T11:00:05Z", "2026-01-03T11:59:05Z", 120, session="e",
               domain="acme.example", client_network="192.0.2.0/24",
               client_addr="192.0.2.9", tls_version="TLSv1.3", rule="policy.conf:9",
               cipher="TLS_AES_256_GCM_SHA384", cert_cn="mx.acme.example",
               cert_san=["a.example", "b.example"])

    def test_newest_first(self):
        self.assertEqual(self.sessions(), ["d", "c", "b", "a"])
        self.assertEqual(self.sessions("--limit", "2"), ["d", "c"])

    def test_filters(self):
        for arguments, expected in (
                (("--action", "reject"), "a"), (("--action", "reject,tempfail"), "ba"),
                (("--action", "accept"), "ec"), (("--action", "accept,reject"), "eca"),
                (("--reason", "tls"), "a"), (("--reason", "bits,tls"), "ba"),
                (("--domain", "acme.example"), "a"), (("--domain", "ACME.example."), "a"),
                (("--domain", ".acme.example"), "b"), (("--domain", "b\u00fccher.example"), "c"),
                (("--domain", "<>"), "d"), (("--client", "192.0.2.1"), "a"),
                (("--client", "192.0.2.0/24"), "a"), (("--client", "192.0.0.0/14"), "ba"),
                (("--client", "0.0.0.0/0"), "dba"), (("--client", "2001:DB8:0::1"), "c"),
                (("--client", "2001:db8::/32"), "c"), (("--client", "mx.acme.example"), "a"),
                (("--client", "192.0.2.1/32"), "a"),
                (("--client", ".example"), "ca"), (("--rule", "policy.d/acme.conf"), "ba"),
                (("--rule", "policy.d/acme.conf:1"), ""),
                (("--rule", "policy.d/acme.conf:12"), "b"), (("--would",), "c"),
                (("--would", "--rule", "policy.conf:7"), "c"),
                (("--would", "--reason", "tls-version"), "c"),
                (("--would", "--reason", "tls"), ""),
                (("--since", "2026-01-02T10:00:00Z"), "dcb"), (("--until", "2026-01-02"), "a"),
                (("--since", "2026-01-02", "--until", "2026-01-03", "--action", "tempfail"), "b"),
                (("--since", "1h"), ""),
                (("--domain", "acme.example", "--action", "accept"), "e"),
                (("--client", "192.0.2.77", "--action", "accept"), "e"),
                (("--client", "192.0.3.77", "--action", "accept"), ""),
                (("--rule", "policy.conf", "--action", "accept"), "ec"),
                (("--domain", "acme.example", "--reason", "bits"), ""),
                (("--domain", ".acme.example", "--client", "192.0.3.0/24",
                  "--rule", "policy.d/acme.conf"), "b")):
            with self.subTest(arguments=arguments):
                self.assertEqual("".join(self.sessions(*arguments)), expected)

    def test_json(self):
        rows = {row["session"]: row for row in self.json("--action", "reject,accept")}
        self.assertEqual(rows["a"], {
            "time": "2026-01-01T10:00:00.250Z", "session": "a", "client_addr": "192.0.2.1",
            "client_port": 2525, "client_name": "mx.acme.example",
            "from": "x@acme.example", "to": "us@ours.example", "domain": "acme.example",
            "tls_version": "none", "action": "reject", "reason": "tls", "failed": ["tls"],
            "rule": "policy.d/acme.conf:3"})
        self.assertEqual(rows["e"]["messages"], 120)
        self.assertEqual(rows["e"]["first"], "2026-01-03T11:00:05.000Z")
        self.assertEqual(rows["e"]["time"], rows["e"]["last"])
        self.assertEqual(rows["e"]["cert_san"], ["a.example", "b.example"])


    def test_text(self):
        lines = self.log("--action", "reject,accept").splitlines()
        self.assertTrue(lines[0].startswith("TIME (UTC)"), lines)
        self.assertRegex(lines[1], r"^2026-01-03 11:59:05 accept 120 +- +TLSv1\.3 +acme")
        self.assertRegex(lines[2], r"^2026-01-03 10:00:00 \(reject\) +tls-version +TLSv1 ")
        self.assertRegex(lines[3], r"^2026-01-01 10:00:00 reject +tls +clear text "
                         r"x@acme.example +mx.acme.example +policy.d/acme.conf:3$")
        self.assertNotIn("\x1b", "".join(lines))

    def test_width(self):
        self.journal.record("2026-01-05T10:00:00Z", sender=WIDE * 4 + "@a.example",
                            client_name="m" * 200, session="w")
        for width in (40, 80, 120):
            for line in self.log("--limit", "1", COLUMNS=str(width)).splitlines():
                wide = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
                self.assertLessEqual(wide, width)


class Hostile(WithJournal):
    def setUp(self):
        super().setUp()
        self.journal.record("2026-01-01T10:00:00Z", sender=HOSTILE, helo=HOSTILE,
                            client_ptr="-1+1", cert_san=[HOSTILE], rule="@x")

    def test_text(self):
        output = self.log()
        self.assertEqual(len(output.splitlines()), 2)
        for character in "\x1b\r\u202e":
            self.assertNotIn(character, output)

    def test_json(self):
        row = self.json()[0]
        self.assertEqual((row["helo"], row["cert_san"]), (HOSTILE, [HOSTILE]))

    def test_csv(self):
        output = self.log("--csv")
        self.assertTrue(output.endswith("\r\n"))
        rows = list(csv.DictReader(io.StringIO(output, newline="")))
        self.assertEqual(len(rows), 1)
        self.assertTrue(rows[0]["helo"].startswith("'=cmd|'\\u001B[31m\\r\\n\","), rows)
        self.assertEqual(rows[0]["client_ptr"], "'-1+1")
        self.assertEqual(rows[0]["rule"], "'@x")
        self.assertNotIn(None, rows[0])
        for line in output.split("\r\n"):
            self.assertNotIn("\n", line)


class Call(WithJournal):
    def fails(self, message, *arguments, path=None):
        status, output, errors = run_log("--journal", path or self.path, *arguments)
        self.assertEqual((status, output), (2, ""))
        self.assertIn(message, errors)

    def test_values(self):
        for message, arguments in (
                ('there is no action "rejct": did you mean "reject"?', ("--action", "rejct")),
                ('there is no reason "tsl"', ("--reason", "tsl")),
                ("is no time", ("--since", "yesterday")), ("is no domain", ("--domain", "a b")),
                ("is no network", ("--client", "192.0.2.0/33")),
                ("neither an address", ("--client", "a b")),
                ("is no number", ("--limit", "0")),
                ("has no end", ("--follow", "--until", "2026-01-01"))):
            with self.subTest(arguments=arguments):
                self.fails(message, *arguments)

    def test_journals(self):
        folder = os.path.dirname(self.path)
        self.fails("there is no journal", path=os.path.join(folder, "none.db"))
        other = os.path.join(folder, "other.db")
        with open(other, "w"):
            pass
        self.fails("is empty", path=other)
        with open(other, "w") as file:
            file.write("no database at all, whatever its name may say\n" * 100)
        self.fails("no SQLite database", path=other)
        os.unlink(other)
        database = sqlite3.connect(other)
        database.execute("CREATE TABLE t (x)")
        database.commit()
        database.close()
        self.fails("another program's", path=other)
        self.fails("no regular file", path=folder)

    def test_newer(self):
        self.journal.db.execute("PRAGMA user_version = 9999")
        before = self.bytes()
        self.fails("of a newer tlsward")
        self.assertEqual(self.bytes(), before)

    def bytes(self):
        with open(self.path, "rb") as file:
            return file.read()

    def test_no_reader(self):
        for i in range(5000):
            self.journal.record("2026-01-01T10:00:00Z", sender=f"{i}@a.example")
        log = subprocess.Popen([TLSWARD, "log", "--journal", self.path, "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        log.stdout.readline()
        log.stdout.close()
        self.assertEqual(log.wait(TIMEOUT), 0)
        self.assertEqual(log.stderr.read(), b"")
        log.stderr.close()


class Follow(WithJournal):
    def follow(self, *arguments):
        log = subprocess.Popen([TLSWARD, "log", "--journal", self.path, "--json",
                                "--follow", *arguments], stdout=subprocess.PIPE)
        self.addCleanup(log.stdout.close)
        self.addCleanup(log.wait, TIMEOUT)
        return log

    def next(self, log):
        ready = select.select([log.stdout], [], [], TIMEOUT)[0]
        self.assertTrue(ready, "nothing came")
        return json.loads(log.stdout.readline())["session"]

    def test_follow(self):
        self.journal.record("2026-01-01T10:00:00Z", session="old")
        log = self.follow("--since", "2025-01-01", "--action", "reject")
        self.assertEqual(self.next(log), "old")
        for i in range(3):
            self.journal.record("2026-01-01T10:00:00Z", "tempfail", session="other")
            self.journal.record("2026-01-01T10:00:00Z", session=f"new{i}")
            self.assertEqual(self.next(log), f"new{i}")
        log.send_signal(signal.SIGINT)
        self.assertEqual(log.wait(TIMEOUT), 0)

    def test_limit(self):
        self.journal.record("2026-01-01T10:00:00Z", session="one")
        log = self.follow("--since", "2025-01-01", "--limit", "1")
        self.assertEqual(self.next(log), "one")
        self.assertEqual(log.wait(TIMEOUT), 0)

    def test_reader_goes(self):
        self.journal.record("2026-01-01T10:00:00Z", session="one")
        log = self.follow("--since", "2025-01-01")
        self.assertEqual(self.next(log), "one")
        log.stdout.close()
        self.assertEqual(log.wait(TIMEOUT), 0)


if __name__ == "__main__":
    sys.exit(main())
