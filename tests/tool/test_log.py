#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of tlsward log, from outside. TLSWARD names the program."""

import contextlib
import csv
import fcntl
import io
import json
import os
import pty
import select
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unicodedata
import unittest

from tool import HERE, TIMEOUT, TLSWARD, main, run
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
               tls_version="TLSv1.2", bits=112, sender="y@a.acme.example",
               would="reject", would_reason="tls-version", would_rule="policy.conf:7")
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
            "rule": "policy.d/acme.conf:3", "kind": "decision"})
        self.assertEqual(rows["e"]["messages"], 120)
        self.assertEqual(rows["e"]["first"], "2026-01-03T11:00:05.000Z")
        self.assertEqual(rows["e"]["time"], rows["e"]["last"])
        self.assertEqual(rows["e"]["cert_san"], ["a.example", "b.example"])


    def test_text(self):
        lines = self.log("--action", "reject,accept").splitlines()
        self.assertRegex(lines[0], r"^2026-01-03 11:59 UTC accept 120 +- +TLSv1\.3 +acme")
        self.assertRegex(lines[1], r"^2026-01-03 10:00 UTC \(reject\) +tls-version +TLSv1 ")
        self.assertRegex(lines[2], r"^2026-01-01 10:00 UTC reject +tls +clear text "
                         r"x@acme.example +mx.acme.example +policy.d/acme.conf:3$")
        self.assertNotIn("\x1b", "".join(lines))
        self.assertRegex(self.log("--action", "tempfail"), "UTC tempfail +bits +TLSv1.2 "
                         r"+y@a.acme.example +192.0.3.1 +policy.d/acme.conf:12$")

    def test_records(self):
        """They are judged again as they are."""
        line = self.log("--json", "--session", "a")
        status, output, errors = run("decide", "--policy", os.path.join(HERE, "policy.conf"),
                                     text=line)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(json.loads(output)["session"], "a")

    def test_time_zone(self):
        zone = {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}
        first = ("--action", "reject", "-n", "1")
        self.assertIn("2026-01-01 11:00 CET", self.log(*first, **zone))
        self.assertIn("2026-01-01 10:00 UTC", self.log(*first, "--utc", **zone))
        for since, utc, count in (("2026-01-01 11:00", (), 1), ("2026-01-01 11:01", (), 0),
                                  ("2026-01-01 10:00:00", ("--utc",), 1),
                                  ("2026-01-01 10:01", ("--utc",), 0),
                                  ("2026-01-01T10:00:00Z", (), 1)):
            with self.subTest(since=since, utc=utc):
                rows = self.log("--json", "--action", "reject", "--since", since, *utc, **zone)
                self.assertEqual(rows.count("\n"), count)

    def test_days(self):
        # Where it is about noon, so that no day ends meanwhile.
        ahead = 12 - time.gmtime().tm_hour
        start = (time.time() + ahead * 3600) // 86400 * 86400 - ahead * 3600
        for name, when in (("before", start - 86401), ("yesterday", start - 86400),
                           ("today", start)):
            self.journal.record(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
                                session=name)
        for words, name in ((("--since", "today"), "today"),
                            (("--since", "yesterday", "--until", "today"), "yesterday")):
            rows = self.log("--json", *words, TZ="XXX%d" % -ahead)
            self.assertEqual([json.loads(row)["session"] for row in rows.splitlines()],
                             [name])

    def test_width(self):
        self.journal.record("2026-01-05T10:00:00Z", sender=WIDE * 4 + "@a.example",
                            client_name="m" * 200, session="w")
        for width in (40, 80, 120):
            for line in self.log("--limit", "1", COLUMNS=str(width)).splitlines():
                wide = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
                self.assertLessEqual(wide, width)


class HelpDesk(WithJournal):
    """What a help desk has of a message, and what the mail server's log has added."""

    def setUp(self):
        super().setUp()
        record = self.journal.record
        record("2026-01-01T10:00:00Z", session="a", sender="Alice@acme.example", queue_id="4bXa",
               domain="acme.example", partner="Acme", to="Bob@ours.example", reason="tls",
               reply="550 5.7.1 100% of mail is to be sent over TLS", tls_version="none")
        record("2026-01-01T11:00:00Z", session="b", sender="carol@acme.example", queue_id="4bXb",
               domain="acme.example", partner="Acme", to="dave@ours.example", reason="bits",
               reply="550 5.7.1 the_cipher is too weak", client_name="mx.acme.example")
        record("2026-01-01T12:00:00Z", session="c", sender="alice@b.example",
               domain="b.example", to="bob@b\u00fccher.example", reason="bits",
               to_resolved="bob@here.example")
        self.journal.rollup("2026-01-01T12:10:00Z", "2026-01-01T12:20:00Z", 7, session="e",
                            domain="acme.example", client_address="192.0.2.9", partner="Acme",
                            client_name="mx.acme.example", sender="erin")
        self.handshake("2026-01-01T13:00:00Z", 3)
        self.handshake("2026-01-01T13:30:00Z", 2, host="mx3.acme.example",
                       address="192.0.2.9", reason="no-common-cipher")
        self.handshake("2026-01-01T14:00:00Z", 1, direction="out", host="mx.c.example",
                       next_hop="c.example", reason="certificate",
                       address="192.0.2.44", sample="certificate verification failed")
        self.handshake("2026-01-01T14:10:00Z", 1, host="mx.sub.c.example", reason="not-tls")
        self.handshake("2026-01-01T14:20:00Z", 1, host="mx.notc.example", reason="unknown-ca")
        self.delivery("2026-01-01T15:00:00Z", 40)
        self.delivery("2026-01-01T15:30:00Z", 2, tls_version="none", cipher="", bits=-1,
                      verification="none", result="deferred", tls_reason="not-offered",
                      verdict="refused", reason="tls")
        self.journal.insert(
            "trouble", time=ms("2026-01-01T15:30:00Z"), queue_id="4bXt", to="Eve@c.example",
            next_hop="c.example", relay="mx.c.example", address="192.0.2.44",
            tls_version="none", cipher="", verification="none", result="deferred",
            tls_reason="not-offered", dsn="4.7.4", rule="policy.conf:3", partner="C",
            text="TLS is required, but was not offered by host mx.c.example")

    def handshake(self, time, count, **columns):
        hour, last = divmod(ms(time), 3600000)
        self.journal.insert("handshake", **{
            "hour": hour, "direction": "in", "host": "", "address": "198.51.100.9",
            "next_hop": "", "reason": "no-common-version", "count": count, "first": 0, "last": last,
            "sample": "SSL_accept error from unknown[198.51.100.9]: -1", **columns})

    def delivery(self, time, count, **columns):
        hour, last = divmod(ms(time), 3600000)
        self.journal.insert("delivery", **{
            "hour": hour, "next_hop": "c.example", "relay": "mx.c.example",
            "address": "192.0.2.44", "tls_version": "TLSv1.3", "bits": 256,
            "cipher": "TLS_AES_256_GCM_SHA384", "verification": "trusted", "result": "sent",
            "tls_reason": "", "rule": "policy.conf:3", "rule_kind": "deliver",
            "rule_name": "c.example", "partner": "C", "verdict": "met", "reason": "",
            "count": count, "first": 0, "last": last, **columns})

    def names(self, *arguments):
        """Sessions of decisions, reasons of handshakes, results of deliveries."""
        return " ".join(row.get("session") or row.get("result") or row["reason"]
                        for row in self.json(*arguments))

    def test_older_journal(self):
        """One of version 1, from before some of the fields, is read as it is."""
        self.journal.db.executescript(
            "DROP INDEX record_queue_id; DROP INDEX record_session; DROP TABLE handshake;"
            "DROP TABLE delivery; DROP TABLE trouble; DROP TABLE watched;"
            "DROP TABLE position; ALTER TABLE discarded DROP COLUMN watched;"
            "ALTER TABLE record DROP COLUMN partner; ALTER TABLE facts DROP COLUMN partner;"
            "ALTER TABLE facts DROP COLUMN client_address; PRAGMA user_version = 1")
        for arguments, expected in (
                ((), "c b a"), (("--kind", "delivery"), ""), (("--queue-id", "4bXa"), "a"),
                (("--session", "b"), "b"), (("--domain", ".example"), "c b a"),
                (("--from", "alice@acme.example", "--action", "accept"), "e"),
                (("--partner", "Acme"), "")):
            with self.subTest(arguments):
                self.assertEqual(self.names(*arguments), expected)

    def test_filters(self):
        every = "deferred unknown-ca not-tls certificate no-common-cipher no-common-version c b a"
        for arguments, expected in (
                ((), every), (("--kind", "decision"), "c b a"),
                (("--kind", "handshake"), "unknown-ca not-tls certificate no-common-cipher no-common-version"),
                (("--kind", "delivery"), "deferred sent"),
                (("--kind", "delivery,decision"), "deferred sent c b a"),
                (("--from", "alice@acme.example"), "a"), (("--from", "ALICE@ACME.example"), "a"),
                (("--from", "<alice@acme.example>"), "a"), (("--from", "acme.example"), "b a"),
                (("--from", "alice"), "c a"), (("--from", "lice@acme.example"), ""),
                (("--from", ".example"), "c b a"), (("--from", "<>"), ""),
                (("--from", "%@acme.example"), ""), (("--from", "a_ice@acme.example"), ""),
                (("--from", "alice@acme.example", "--action", "accept"), "e"),
                (("--to", "bob@ours.example"), "a"), (("--to", "ours.example"), "b a"),
                (("--to", "bob"), "c a"), (("--to", "bob@b\u00fccher.example"), "c"),
                (("--to", "bob@xn--bcher-kva.example"), "c"), (("--to", ".example"), "deferred c b a"),
                (("--to", "bob@here.example"), "c"),
                (("--to", "eve@c.example"), "deferred"), (("--to", "c.example"), "deferred"),
                (("--to", "eve@c.example", "--kind", "delivery"), "deferred sent"),
                (("--to", "rs.example"), ""),
                (("--partner", "Acme"), "no-common-cipher b a"), (("--partner", "ACME"), "no-common-cipher b a"),
                (("--partner", "C"), "deferred not-tls certificate"),
                (("--partner", "Acme", "--action", "accept"), "e"),
                (("--queue-id", "4bXa"), "a"), (("--queue-id", "4bXt"), "deferred"),
                (("--queue-id", "4bXA"), ""), (("--session", "b"), "b"),
                (("--session", "e", "--action", "accept"), "e"),
                (("--text", "OVER tls"), "a"), (("--text", "100%"), "a"),
                (("--text", "0% of"), "a"), (("--text", "the_cipher"), "b"),
                (("--text", "the%cipher"), ""), (("--text", "e_cipher' OR 1"), ""),
                (("--text", "ssl_ACCEPT"), "unknown-ca not-tls no-common-cipher no-common-version"),
                (("--text", "not offered by"), "deferred"), (("--text", "MX.acme"), "b"),
                (("--domain", "c.example"), "deferred certificate"),
                (("--domain", ".acme.example"), "no-common-cipher"),
                (("--client", "198.51.100.9"), "unknown-ca not-tls no-common-version"),
                (("--client", "192.0.2.0/24"), "deferred certificate no-common-cipher"),
                (("--client", ".acme.example"), "no-common-cipher b"),
                (("--reason", "bits,no-common-cipher"), "no-common-cipher c b"), (("--rule", "policy.conf"), "deferred"),
                (("--since", "2026-01-01 13:15", "--until", "2026-01-01 14:00"), "no-common-cipher"),
                (("--kind", "handshake", "--limit", "1"), "unknown-ca")):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.names(*arguments), expected)

    def test_json(self):
        rows = {row["time"]: row for row in self.json("--kind", "handshake,delivery")}
        self.assertEqual(rows["2026-01-01T13:30:00.000Z"], {
            "kind": "handshake", "time": "2026-01-01T13:30:00.000Z",
            "first": "2026-01-01T13:00:00.000Z", "last": "2026-01-01T13:30:00.000Z",
            "direction": "in", "host": "mx3.acme.example", "address": "192.0.2.9",
            "reason": "no-common-cipher", "count": 2,
            "sample": "SSL_accept error from unknown[198.51.100.9]: -1"})
        self.assertEqual(rows["2026-01-01T15:00:00.000Z"], {
            "kind": "delivery", "direction": "out", "time": "2026-01-01T15:00:00.000Z",
            "first": "2026-01-01T15:00:00.000Z", "last": "2026-01-01T15:00:00.000Z",
            "next_hop": "c.example", "relay": "mx.c.example", "address": "192.0.2.44",
            "tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256,
            "verification": "trusted", "result": "sent", "rule": "policy.conf:3",
            "rule_kind": "deliver", "rule_name": "c.example", "partner": "C",
            "verdict": "met", "action": "accept", "count": 40})
        self.assertEqual(rows["2026-01-01T15:30:00.000Z"], {
            "kind": "delivery", "direction": "out", "time": "2026-01-01T15:30:00.000Z",
            "queue_id": "4bXt", "to": "Eve@c.example", "next_hop": "c.example",
            "relay": "mx.c.example", "address": "192.0.2.44", "tls_version": "none",
            "verification": "none", "result": "deferred", "tls_reason": "not-offered",
            "dsn": "4.7.4", "rule": "policy.conf:3", "partner": "C",
            "text": "TLS is required, but was not offered by host mx.c.example"})

    def test_csv(self):
        output = self.log("--csv", "--kind", "delivery,handshake")
        rows = list(csv.DictReader(io.StringIO(output, newline="")))
        self.assertEqual([row["kind"] for row in rows],
                         ["delivery"] * 2 + ["handshake"] * 5)
        self.assertEqual([row["count"] for row in rows], ["", "40", "1", "1", "1", "2", "3"])
        self.assertEqual(rows[0]["to"], "Eve@c.example")
        self.assertNotIn(None, rows[0])

    def test_text(self):
        lines = self.log("--kind", "handshake,delivery", COLUMNS="140").splitlines()
        for line, pattern in zip(lines, (
                r"^2026-01-01 15:30 UTC deferred +not-offered +clear text to Eve@c\.example "
                r"+mx\.c\.example +policy\.conf:3$",
                r"^2026-01-01 15:00 UTC sent 40 +- +TLSv1\.3 +to c\.example +mx\.c\.example ",
                r"^2026-01-01 14:20 UTC failed 1 +unknown-ca +- +- +mx\.notc\.example",
                r"^2026-01-01 14:10 UTC failed 1 +not-tls +- +- +mx\.sub\.c\.example",
                r"^2026-01-01 14:00 UTC failed 1 +certificate +- +to c\.example +mx\.c\.ex",
                r"^2026-01-01 13:30 UTC failed 2 +no-common-cipher +- +- +mx3\.acme\.example",
                r"^2026-01-01 13:00 UTC failed 3 +no-common-version +- +- +198\.51\.100\.9"),
                strict=True):
            self.assertRegex(line, pattern)

    def test_narrow(self):
        """The reason stays, and the date goes."""
        self.journal.record("2026-01-02T10:00:00Z", reason="certificate-fingerprint",
                            sender="very-long-address@somewhere.example")
        for width, reason in (("60", "certificate-fingerprint"), ("50", "certificate-fingerprint"),
                              ("40", "certificate-fingerprint")):
            with self.subTest(width=width):
                output = self.log(COLUMNS=width)
                self.assertTrue(output.startswith("10:00 reject     " + reason), output)
                self.assertNotIn("2026", output)
                self.assertIn(" deferred   not-offered", output)
        self.assertIn("mx3.acme.example", self.log(COLUMNS="60"))
        self.assertIn("01-01 10:00 reject ", self.log(COLUMNS="80"))


class Partner(WithJournal):
    def test_handshakes_of_a_partner(self):
        """They are whose the report says, by the policy and by what the journal has."""
        policy = os.path.join(os.path.dirname(self.path), "policy.conf")
        with open(policy, "w", encoding="utf-8") as out:
            out.write("""partner "Acme" {
    domain acme.example
    incoming { require tls >= 1.2 }
    incoming via 203.0.113.0/29 relay.example { require tls >= 1.2 }
    outgoing { require tls }
}
""")
        now = time.strftime("%Y-%m-%dT%H:10:00Z", time.gmtime(time.time() - 7200))
        known = {"tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256,
                 "rule": "policy.conf:3", "rule_kind": "from", "rule_name": "acme.example"}
        self.journal.rollup(now, now, 7,
                            domain="acme.example", client_address="192.0.2.9",
                            client_addr="192.0.2.9", partner="Acme", **known)
        ours = ({"address": "203.0.113.3"}, {"host": "relay.example"}, {"address": "192.0.2.9"},
                {"host": "mx.acme.example"}, {"direction": "out", "next_hop": "acme.example"})
        for number, columns in enumerate(ours + ({"address": "203.0.113.9"},
                                                 {"host": "mx.b.example"})):
            self.journal.handshake(now, "not-tls", count=number + 1,
                                   **columns)
        call = ("--policy", policy, "--journal", self.path, "--since", "1d",
                "--partner", "acme", "--json")
        rows = [json.loads(line) for line in run_log(*call, "--kind", "handshake")[1].split("\n")
                if line]
        found = sorted(row["count"] for row in rows)
        self.assertEqual(found, [1, 2, 3, 4, 5])
        report = json.loads(run("report", *call)[1])
        self.assertEqual(sorted(row["count"] for row in report["handshakes"]), found)


class Nothing(WithJournal):
    """An empty result says so, and what was probably meant."""

    def setUp(self):
        super().setUp()
        self.journal.record("2026-01-01T10:00:00Z", session="a", sender="alice@acme.example",
                            domain="acme.example", partner="Acme", to="bob@ours.example",
                            queue_id="4bXy2Q", rule="policy.d/acme.conf:3", reason="tls",
                            client_name="mx.acme.example")
        self.journal.record("2026-01-02T10:00:00Z", domain="mail.b.example")
        self.journal.rollup("2026-01-03T12:10:00Z", "2026-01-03T12:20:00Z", 7,
                            domain="c.example")

    def says(self, message, *arguments):
        status, output, errors = run_log("--journal", self.path, *arguments)
        self.assertEqual((status, output), (0, ""))
        self.assertEqual(errors, f"tlsward: {message}\n")

    def test_nothing(self):
        for arguments, message in (
                (("--domain", "acme.exmaple"), 'nothing of --domain "acme.exmaple": did you mean '
                                               '--domain "acme.example"?'),
                (("--domain", "b.example"), 'nothing of --domain "b.example": did you mean '
                                            '--domain ".b.example"?'),
                (("--domain", ".acme.example"), 'nothing of --domain ".acme.example": did you '
                                                'mean --domain "acme.example"?'),
                (("--domain", "nowhere.test"), 'nothing of --domain "nowhere.test": the journal '
                                               'does not have it'),
                (("--partner", "Acmee"), 'nothing of --partner "Acmee": did you mean --partner '
                                         '"Acme"?'),
                (("--queue-id", "4bXy2q"), 'nothing of --queue-id "4bXy2q": did you mean '
                                           '--queue-id "4bXy2Q"?'),
                (("--session", "zz9"), 'nothing of --session "zz9": the journal does not have it; '
                                       'accepted messages are in roll-ups, which have no ids '
                                       '(journal-accepted)'),
                (("--from", "alcie@acme.example"), 'nothing of --from "alcie@acme.example": did '
                                                   'you mean --from "alice@acme.example"?'),
                (("--from", "alice@acme.exampl"), 'nothing of --from "acme.exampl": did you mean '
                                                  '--from "acme.example"?'),
                (("--to", "bbo@ours.example"), 'nothing of --to "bbo@ours.example": did you mean '
                                               '--to "bob@ours.example"?'),
                (("--rule", "policy.d/acmee.conf"), 'nothing of --rule "policy.d/acmee.conf": did '
                                                    'you mean --rule "policy.d/acme.conf"?'),
                (("--client", "mx.acme.exmple"), 'nothing of --client "mx.acme.exmple": did you '
                                                 'mean --client "mx.acme.example"?'),
                (("--until", "2025-12-31"), "nothing found: the journal begins "
                                            "2026-01-01 10:00 UTC"),
                (("--since", "2026-02-01"), "nothing found: the journal ends "
                                            "2026-01-03 12:20 UTC"),
                (("--domain", "c.example"), "nothing found: accepted messages are in roll-ups: "
                 "--action accept shows them (the newest: 2026-01-03 12:20 UTC)"),
                (("--domain", "acme.example", "--since", "2026-01-02"), "nothing found: what "
                 "there is, is of another time (the newest: 2026-01-01 10:00 UTC)"),
                (("--domain", "acme.example", "--action", "tempfail"), "nothing found: what there "
                 "is, has another --action (the newest: 2026-01-01 10:00 UTC)"),
                (("--kind", "handshake", "--domain", "acme.example"), "nothing found: what there "
                 "is, is of another --kind (the newest: 2026-01-01 10:00 UTC)"),
                (("--text", "nowhere"), "nothing found: what there is, has another --text "
                 "(the newest: 2026-01-02 10:00 UTC)"),
                (("--client", "192.0.2.1"), "nothing found: what there is, is of another --client "
                 "(the newest: 2026-01-02 10:00 UTC)"),
                (("--domain", "mail.b.example", "--to", "bob@ours.example"), "nothing found: each "
                 "filter has something, all of them together have nothing "
                 "(the newest: 2026-01-02 10:00 UTC)")):
            with self.subTest(arguments=arguments):
                self.says(message, *arguments)
        self.assertEqual(run_log("--journal", self.path, "--domain", "c.example", "--json"),
                         (0, "", ""))

    def test_empty(self):
        for table in ("record", "rollup"):
            self.journal.db.execute("DELETE FROM " + table)
        self.says("nothing found: the journal is empty")


class Terminal(WithJournal):
    def on_terminal(self, rows, *arguments):
        """What is written to a terminal of 100 columns and so many rows."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 100, 0, 0))
        environment = {**os.environ, "NO_COLOR": "1", "TZ": "UTC0"}
        environment.pop("COLUMNS", None)
        log = subprocess.Popen([TLSWARD, "log", "--journal", self.path, *arguments],
                               stdout=theirs, stdin=subprocess.DEVNULL, env=environment)
        os.close(theirs)
        output = b""
        with contextlib.suppress(OSError):     # the end of a terminal
            while part := os.read(ours, 65536):
                output += part
        os.close(ours)
        self.assertEqual(log.wait(TIMEOUT), 0)
        return output.decode().splitlines()

    def test_screen(self):
        for i in range(50):
            self.journal.record("2026-01-01T10:00:00Z", session=f"s{i}",
                                sender=f"user{i}@" + "a" * 100 + ".example")
        lines = self.on_terminal(24)
        self.assertEqual(len(lines), 23)
        self.assertTrue(lines[0].startswith("TIME  "), lines[0])
        self.assertEqual(lines[-1], "29 more; -n N shows N, a pipe shows all")
        self.assertTrue(all(len(line) <= 100 for line in lines))
        self.assertEqual(len(self.on_terminal(24, "-n", "3")), 5)
        self.assertEqual(self.on_terminal(24, "-n", "3")[-1],
                         "47 more; -n N shows N, a pipe shows all")
        self.assertEqual(len(self.on_terminal(24, "-n", "50")), 51)
        self.assertEqual(len(self.on_terminal(24, "--json")), 50)
        self.assertEqual(len(self.log().splitlines()), 50)
        self.assertEqual(len(self.log("-n", "3").splitlines()), 3)


class Hostile(WithJournal):
    def setUp(self):
        super().setUp()
        self.journal.record("2026-01-01T10:00:00Z", sender=HOSTILE, helo=HOSTILE,
                            client_ptr="-1+1", cert_san=[HOSTILE], rule="@x")

    def test_text(self):
        output = self.log()
        self.assertEqual(len(output.splitlines()), 1)
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
                ('there is no kind "deliver": did you mean "delivery"?', ("--kind", "deliver")),
                ("is neither an address nor a domain", ("--from", "a@b c")),
                ("is neither an address nor a domain", ("--to", "")),
                ('there is no reason "tsl"', ("--reason", "tsl")),
                ("is not a time", ("--since", "tomorrow")), ("is not a domain", ("--domain", "a b")),
                ("is not a network", ("--client", "192.0.2.0/33")),
                ("neither an address", ("--client", "a b")),
                ("is not a number", ("--limit", "0")),
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
        self.fails("not an SQLite database", path=other)
        os.unlink(other)
        database = sqlite3.connect(other)
        database.execute("CREATE TABLE t (x)")
        database.commit()
        database.close()
        self.fails("another program's", path=other)
        self.fails("not a regular file", path=folder)

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
                                "--follow", *arguments], stdout=subprocess.PIPE, bufsize=0)
        self.addCleanup(log.stdout.close)
        self.addCleanup(log.wait, TIMEOUT)
        return log

    def row(self, log):
        ready = select.select([log.stdout], [], [], TIMEOUT)[0]
        self.assertTrue(ready, "nothing came")
        return json.loads(log.stdout.readline())

    def next(self, log):
        return self.row(log)["session"]

    def other(self, log):
        """The next row that is not of a decision."""
        while "session" in (row := self.row(log)):
            pass
        return row

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

    def test_other_kinds(self):
        handshake = dict(hour=500000, direction="in", host="", address="192.0.2.1", next_hop="",
                         reason="no-common-version", first=0, last=1000, sample="s")
        self.journal.insert("handshake", count=1, **handshake)
        log = self.follow()
        for number in range(TIMEOUT * 20):
            self.journal.record("2026-01-01T10:00:00Z", session=f"try{number}")
            if select.select([log.stdout], [], [], .05)[0]:
                break
        self.journal.insert("handshake", count=1, **{**handshake, "reason": "no-common-cipher"})
        row = self.other(log)
        self.assertEqual((row["reason"], row["count"]), ("no-common-cipher", 1))
        self.journal.db.execute("UPDATE handshake SET count = 2, last = 2000"
                                " WHERE reason = 'no-common-version'")
        row = self.other(log)
        self.assertEqual((row["reason"], row["count"]), ("no-common-version", 2))
        for number in ("q1", "q2"):
            self.journal.insert(
                "trouble", time=1, queue_id=number, to="", next_hop="c.example", relay="",
                address="", tls_version="none", cipher="", verification="", result="deferred",
                tls_reason="not-offered", dsn="", text="", rule="", partner="")
            self.assertEqual(self.other(log)["queue_id"], number)
        self.journal.record("2026-01-01T10:00:00Z", session="new")
        self.assertEqual(self.next(log), "new")
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
