#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of what tlsward report counts by agreement: its JSON and CSV. TLSWARD names it."""

import csv
import datetime
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

import sample_journal
from tool import TIMEOUT, TLSWARD, main
from journals import Journal
from sample_journal import CLEAR, TLS12, TLS13

DAY = 86400
# In the middle of an hour, so that what belongs together is in one.
NOW = int(time.time()) // 3600 * 3600 - 1800
HOSTILE = "=\r\nBcc: evil@evil.example\x1b[31m<script>\u202e"
LINES = (
    "default { require tls; monitor }",
    'partner "Acme" { domain acme.example; contact tls@acme.example; note "call Ann"',
    "    incoming { require tls >= 1.2; otherwise reject }",
    "    incoming via relay.hub.example { require tls }",
    "    outgoing { require tls } }",
    "from beta.example { require tls; monitor until 2999-01-01 }",
    "from gamma.example { require tls; exempt until 2999-03-01 \"gateway\" }",
    'from file "list.txt" { require tls; otherwise tempfail }',
    "to payroll@ours.example { require tls >= 1.3; otherwise reject }",
    "to hr@ours.example { require tls >= 1.3; monitor; otherwise reject }",
    "client 192.0.2.0/28 { require tls; otherwise tempfail }",
    "deliver strict.example { require tls }",
    "from delta.example { require client mx.delta-host.example; monitor }",
    "from free.example { }",
    "from silent.example { require tls; require tls >= 1.3 from 2999-05-01 }",
)
WHOS = {"acme.example": 3, "beta.example": 6, "gamma.example": 7, "payroll@ours.example": 9,
        "hr@ours.example": 10, "192.0.2.0/28": 11, "strict.example": 12, "delta.example": 13}
LISTED = ("one.example", "two.example")


def at(days, seconds=0):
    """RFC 3339, so many days before now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ",
                         time.gmtime(NOW - days * DAY + seconds))


def rule(name, kind="from", partner=None, line=None):
    if name in LISTED:
        place = f"list.txt:{LISTED.index(name) + 1}"
    else:
        place = f"policy.conf:{line or WHOS.get(name, 1)}"
    return {"rule": place, "rule_kind": kind, "rule_name": name, **(
        {"partner": partner} if partner else {})}


ACME = rule("acme.example", partner="Acme")
BETA = rule("beta.example")
DEFAULT = rule(None, "default")


def some(side):
    """The numbers of a side that are not 0."""
    return {name: value for name, value in side.items() if value and
            not isinstance(value, (str, dict))}


class Agreements(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(self.folder, "journal.db")
        self.write("policy.conf", "\n".join(LINES) + "\n")
        self.write("list.txt", "\n".join(LISTED) + "\n")
        self.journal = Journal(self.path)
        self.addCleanup(self.journal.close)
        self.count = 0

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def output(self, *arguments):
        done = subprocess.run([TLSWARD, "report", "--policy",
                               os.path.join(self.folder, "policy.conf"), "--journal",
                               self.path, *arguments], capture_output=True,
                              timeout=TIMEOUT)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()

    def json(self, *arguments):
        """The report, and its agreements by their partner or what they name."""
        report = json.loads(self.output("--json", *arguments))
        return report, {row["name"] or row["who"]: row for row in report["partners"]}

    def record(self, time, domain, action="reject", reason="tls", rule=DEFAULT, **columns):
        """One of a session and a sender of its own."""
        self.count += 1
        failed = {} if action == "accept" else {"reason": reason, "failed": [reason]}
        self.journal.record(time, action, **({
            "domain": domain, "sender": f"a@{domain}", "to": "b@ours.example",
            "session": f"s{self.count}"} | failed | rule | columns))

    def rollup(self, time, messages, domain, rule=DEFAULT, **facts):
        self.journal.rollup(time, time, messages, domain=domain, **(rule | facts))

    def would(self, time, domain, rule=BETA, **columns):
        self.record(time, domain, "accept", rule=rule, **({
            "would": "reject", "would_reason": "tls", "would_failed": ["tls"],
            "would_rule": rule["rule"]} | columns))

    # -- Under which agreement a message counts ----------------------------------------

    def test_a_rule_that_refuses_mail_of_many_senders(self):
        for i in range(16):
            self.record(at(5, i), f"d{i}.example", reason="tls-version",
                        rule=rule("payroll@ours.example", "to"), **TLS12)
        report, rows = self.json()
        payroll = rows["payroll@ours.example"]
        self.assertEqual(some(payroll["in"]), {"messages": 16, "encrypted": 16,
                                               "refused": 16})
        self.assertEqual(payroll["in"]["reasons"], {"tls-version": 16})
        self.assertEqual({row["domain"] for row in payroll["senders"]},
                         {f"d{i}.example" for i in range(16)})
        self.assertEqual([row["who"] for row in report["partners"] if
                          row["in"]["refused"]], ["payroll@ours.example"])
        self.assertEqual(some(report["partners"][-1]["in"]), {
            "messages": 16, "encrypted": 16, "refused_elsewhere": 16})

    def test_a_partner_has_all_of_its_mail(self):
        self.rollup(at(9), 7, "acme.example", ACME, **TLS13)
        self.record(at(8), "acme.example", "tempfail", rule=ACME, **CLEAR)
        other = {"partner": "Acme"}
        self.record(at(7), "acme.example", rule=rule("payroll@ours.example", "to") | other,
                    **TLS12)
        # Of a journal that does not name the partner yet: by the policy.
        self.record(at(6), "acme.example", rule=rule("192.0.2.0/28", "client"), **CLEAR)
        self.record(at(5), "acme.example", "quarantine", rule=rule(
            "payroll@ours.example", "to") | other, **TLS12)
        self.record(at(4), "acme.example", "accept", exempted=1, rule=rule(
            "192.0.2.0/28", "client") | other, **CLEAR)
        _, rows = self.json()
        self.assertEqual(some(rows["Acme"]["in"]), {
            "messages": 12, "encrypted": 9, "met": 7, "refused": 1, "tempfailed": 1,
            "refused_elsewhere": 2, "exempt": 1})
        self.assertEqual(some(rows["payroll@ours.example"]["in"]), {
            "messages": 2, "encrypted": 2, "refused": 1, "held": 1})
        self.assertEqual(some(rows["192.0.2.0/28"]["in"]), {
            "messages": 2, "refused": 1, "exempt": 1})
        self.assertEqual([row["domain"] for row in rows["Acme"]["senders"]],
                         ["acme.example"])
        self.assertEqual((rows["Acme"]["rule"], rows["Acme"]["contact"],
                          rows["Acme"]["note"], rows["Acme"]["state"]),
                         ("policy.conf:3", "tls@acme.example", "call Ann", "enforced"))

    def test_recipients_and_attempts(self):
        for to in ("b@ours.example", "c@ours.example", "b@ours.example"):
            self.record(at(5), "acme.example", rule=ACME, session="one", to=to, **CLEAR)
        # Another rule refused one of the transaction, which is the partner's too.
        self.record(at(5), "acme.example", session="one", to="payroll@ours.example",
                    rule=rule("payroll@ours.example", "to") | {"partner": "Acme"}, **CLEAR)
        report, rows = self.json()
        self.assertEqual(some(rows["Acme"]["in"]), {"messages": 2, "refused": 3,
                                                    "refused_elsewhere": 1})
        self.assertEqual(some(rows["payroll@ours.example"]["in"]),
                         {"messages": 1, "refused": 1})
        self.assertEqual(report["totals"]["in"]["messages"], 2)
        self.assertEqual(report["totals"]["in"]["refused"], 4)

    def test_would_be_refused_is_what_was_let_in(self):
        self.would(at(5), "beta.example", **CLEAR)
        self.record(at(4), "beta.example", reason="client", rule=BETA, would="reject",
                    would_reason="tls", would_rule=BETA["rule"], **CLEAR)
        self.would(at(3), "beta.example", rule=BETA, would_rule="policy.conf:10", **TLS12)
        _, rows = self.json()
        self.assertEqual(some(rows["beta.example"]["in"]), {
            "messages": 3, "encrypted": 1, "would_be_refused": 1, "refused": 1})
        self.assertEqual(rows["beta.example"]["in"]["would_reasons"], {"tls": 1})
        self.assertEqual(some(rows["hr@ours.example"]["in"]), {
            "messages": 1, "encrypted": 1, "would_be_refused": 1})
        self.assertEqual(rows["hr@ours.example"]["last_would"]["time"][:19] + "Z", at(3))
        self.assertEqual(rows["hr@ours.example"]["senders"][0]["domain"], "beta.example")

    def test_rules_over_time(self):
        """Lines move, entries of a list are one agreement, what is gone has no state."""
        self.rollup(at(9), 2, "beta.example", rule("beta.example", line=99), **TLS13)
        for name in LISTED:
            self.rollup(at(8), 3, name, rule(name), **TLS13)
        self.rollup(at(7), 4, "gone.example", rule("gone.example"), **TLS13)
        self.rollup(at(6), 5, "old.example", rule("old.example", partner="Old Ltd"), **TLS13)
        _, rows = self.json()
        self.assertEqual((rows["beta.example"]["in"]["messages"],
                          rows["beta.example"]["rule"]), (2, "policy.conf:6"))
        listed = rows['file "list.txt"']
        self.assertEqual((listed["in"]["messages"], listed["in"]["met"]), (6, 6))
        self.assertEqual([row["domain"] for row in listed["senders"]], list(LISTED))
        self.assertEqual([(rows[name]["state"], rows[name]["rule"], rows[name]["in"]["met"])
                          for name in ("gone.example", "Old Ltd")],
                         [("none", None, 4), ("none", None, 5)])

    def test_what_has_no_agreement(self):
        self.rollup(at(9), 2, "x.example", **TLS13)
        self.rollup(at(9), 3, "y.example", {}, **CLEAR)
        self.rollup(at(8), 4, None, null_sender="yes", **TLS13)
        self.journal.delivery(at(7), "x.example", count=5, **TLS13)
        report, rows = self.json()
        self.assertEqual({row["domain"]: (row["in"]["messages"], row["out"]["messages"])
                          for row in report["domains"]},
                         {"x.example": (2, 5), "y.example": (3, 0), "<>": (4, 0)})
        self.assertEqual((report["partners"][-1]["who"], rows[None]["in"]["messages"],
                          rows[None]["senders"], rows["free.example"]["state"]),
                         (None, 6, [], "none"))

    def test_exemptions(self):
        self.rollup(at(9), 6, "gamma.example", rule("gamma.example"), exemption="gateway",
                    local="yes", **CLEAR)
        self.record(at(8), "gamma.example", "accept", rule=rule("gamma.example"),
                    exempted=1, exempt="gateway", **CLEAR)
        _, rows = self.json()
        self.assertEqual(some(rows["gamma.example"]["in"]), {"messages": 7, "exempt": 7})
        self.assertEqual((rows["gamma.example"]["state"], rows["gamma.example"]["until"]),
                         ("exempt", "2999-03-01T00:00:00.000Z"))
        self.assertEqual(rows["silent.example"]["next"], "2999-05-01T00:00:00.000Z")

    # -- Over time ---------------------------------------------------------------------

    def test_ready(self):
        self.rollup(at(5), 9, "beta.example", BETA, client_address="203.0.113.5", **TLS13)
        self.assertFalse(self.json()[1]["beta.example"]["ready"])
        self.rollup(at(4), 1, "beta.example", BETA, client_network="203.0.113.0/24", **TLS13)
        self.would(at(20), "beta.example", client_addr="203.0.113.5", **CLEAR)
        row = self.json()[1]["beta.example"]
        self.assertEqual((row["ready"], row["ready_but_for"]), (True, []))
        self.assertFalse(self.json("--ready-days", "30")[1]["beta.example"]["ready"])
        for i in range(3):
            self.would(at(3, i), "beta.example", client_addr="198.51.100.9", **CLEAR)
        row = self.json("--since", "2d")[1]["beta.example"]
        self.assertEqual((row["ready"], row["ready_but_for"]), (True, [
            {"host": "198.51.100.9", "messages": 3}]))
        self.assertEqual(self.json()[1]["Acme"]["ready"], False)
        # A host that had met it is no stranger, by its network too.
        self.would(at(2), "beta.example", client_addr="203.0.113.77", **CLEAR)
        self.assertFalse(self.json()[1]["beta.example"]["ready"])

    def fall_back(self, *arguments, who="Acme"):
        return self.json(*arguments)[1][who]["new_clear_text"]

    def test_new_fall_back(self):
        self.rollup(at(6), 19, "acme.example", ACME, client_network="192.0.2.0/24", **TLS13)
        self.record(at(3), "acme.example", rule=ACME, client_addr="192.0.2.9", **CLEAR)
        self.assertIsNone(self.fall_back())
        self.rollup(at(5), 1, "acme.example", ACME, client_network="192.0.2.0/24", **TLS12)
        self.record(at(2), "acme.example", rule=ACME, client_addr="198.51.100.3", **CLEAR)
        news = self.fall_back()
        self.assertEqual((news["since"][:19] + "Z", news["last"][:19] + "Z",
                          news["messages"], news["tls_messages"], news["host"],
                          news["known_host"], news["domain"]),
                         (at(3), at(2), 2, 20, "198.51.100.3", False, "acme.example"))
        # By its name it is known wherever it comes from.
        self.rollup(at(4), 1, "acme.example", ACME, client_name="mx.acme.example", **TLS12)
        self.record(at(1), "acme.example", rule=ACME, client_addr="198.51.100.3",
                    client_name="mx.acme.example", **CLEAR)
        self.assertTrue(self.fall_back()["known_host"])
        # It began before that period.
        self.assertIsNone(self.fall_back("--since", at(2)))

    def test_fall_back_after_thirty_days(self):
        self.record(at(60), "acme.example", rule=ACME, **CLEAR)
        self.rollup(at(45), 1, "acme.example", ACME, **TLS13)
        self.record(at(14, -60), "acme.example", rule=ACME, **CLEAR)
        self.assertEqual(self.fall_back()["tls_since"][:10], at(45)[:10])

    def test_steady_mixers_are_no_news(self):
        for day in range(25):
            self.rollup(at(day + 1), 30, "acme.example", ACME, **TLS13)
            self.rollup(at(day + 1, 60), 1, "acme.example", ACME, **CLEAR)
        self.assertIsNone(self.fall_back())
        self.assertIsNone(self.fall_back("--since", "20d"))
        # After TLS alone for long, one that mixes from then on is news.
        self.rollup(at(27), 300, "beta.example", BETA, **TLS13)
        for day in range(25):
            self.rollup(at(day + 1), 1, "beta.example", BETA, **TLS13)
            self.rollup(at(day + 1, 60), 1, "beta.example", BETA, **CLEAR)
        self.assertEqual(self.fall_back(who="beta.example")["messages"], 25)

    def test_what_makes_no_history(self):
        self.rollup(at(9), 30, "acme.example", ACME, authenticated="yes", **TLS13)
        self.rollup(at(9), 30, "acme.example", ACME, exemption="x", **TLS13)
        self.record(at(3), "acme.example", rule=ACME, **CLEAR)
        self.assertIsNone(self.fall_back())
        self.rollup(at(9), 30, "gamma.example", rule("gamma.example"), **TLS13)
        self.record(at(3), "gamma.example", "accept", rule=rule("gamma.example"),
                    exempted=1, **CLEAR)
        self.assertIsNone(self.fall_back(who="gamma.example"))

    def test_order_within_a_second(self):
        for domain, clear, encrypted in (("first.example", ".100Z", ".500Z"),
                                         ("then.example", ".500Z", ".100Z")):
            self.record(at(9).replace("Z", clear), domain, "accept", **CLEAR)
            self.rollup(at(9).replace("Z", encrypted), 20, domain, **TLS13)
        rows = {row["domain"]: row for row in self.json()[0]["domains"]}
        self.assertIsNone(rows["first.example"]["new_clear_text"])
        self.assertEqual(rows["then.example"]["new_clear_text"]["messages"], 1)

    # -- What watch read ---------------------------------------------------------------

    def test_deliveries(self):
        acme = rule("acme.example", "deliver", "Acme")
        strict = rule("strict.example", "deliver")
        deliver = self.journal.delivery
        deliver(at(5), "acme.example", count=30, verdict="met", verification="verified",
                **acme, **TLS13)
        deliver(at(4), "acme.example", "deferred", count=3, verdict="refused",
                tls_reason="unknown-ca", verification="untrusted", reason="certificate",
                **acme, **TLS13)
        deliver(at(3), "acme.example", "deferred", count=2, verdict="met", **acme, **TLS13)
        deliver(at(3), "strict.example", "bounced", tls_reason="tls-not-offered",
                verdict="refused", reason="tls", **strict, **CLEAR)
        deliver(at(2), "strict.example", verdict="would", reason="tls", **strict, **CLEAR)
        deliver(at(2), "strict.example", verdict="exempt", **strict, **CLEAR)
        deliver(at(2), "bare.example", "deferred", tls_reason="tls-not-offered", **CLEAR)
        deliver(at(40), "acme.example", **acme, **TLS13)
        report, rows = self.json()
        self.assertEqual(some(rows["Acme"]["out"]), {
            "messages": 35, "encrypted": 35, "met": 32, "refused": 3, "tempfailed": 3,
            "deferred_for_tls": 3, "verified": 30, "sent": 30, "deferred": 5,
            "sent_encrypted": 30, "sent_verified": 30})
        self.assertEqual((rows["Acme"]["out"]["reasons"], rows["Acme"]["tls_reasons"]),
                         ({"certificate": 3}, {"unknown-ca": 3}))
        self.assertEqual(some(rows["strict.example"]["out"]), {
            "messages": 3, "refused": 1, "bounced": 1, "sent": 2, "exempt": 1,
            "would_be_refused": 1})
        self.assertEqual([(row["domain"], some(row["out"])) for row in report["domains"]], [
            ("bare.example", {"messages": 1, "deferred": 1, "deferred_for_tls": 1})])
        self.assertEqual(report["totals"]["out"]["messages"], 39)
        self.assertEqual(report["partners"][0]["name"], "Acme")

    def test_whose_handshake_failed(self):
        self.rollup(at(80), 3, "acme.example", ACME, client_addr="203.0.113.9", **TLS13)
        self.rollup(at(100), 3, "acme.example", ACME, client_addr="203.0.113.8", **TLS13)
        self.rollup(at(3), 3, "acme.example", ACME, client_addr="203.0.113.7", **TLS13)
        self.rollup(at(3), 3, "beta.example", BETA, client_addr="203.0.113.7", **TLS13)
        self.rollup(at(3), 3, "x.example", client_addr="203.0.113.6", **TLS13)
        self.record(at(3), "acme.example", rule=ACME, client_addr="203.0.113.5", **CLEAR)
        fail = self.journal.handshake
        fail(at(2), "no-common-version", count=9, host="mx3.acme.example", address="192.0.2.1")
        fail(at(1), "no-common-version", count=5, host="mx3.acme.example", address="192.0.2.1")
        fail(at(1), "unknown-ca", count=8, address="203.0.113.9", sample="a line")
        fail(at(1), "unknown-ca", count=7, host="relay.hub.example", address="192.0.2.2")
        fail(at(1), "unknown-ca", count=6, host="mx.delta-host.example")
        for last in (8, 7, 6, 5):
            fail(at(1), "unknown-ca", address=f"203.0.113.{last}")
        fail(at(1), "version-refused", "out", count=4, next_hop="acme.example",
             host="mx.hoster.example")
        fail(at(1), "version-refused", "out", count=3, next_hop="x.example")
        fail(at(40), "version-refused", "out", count=3, next_hop="acme.example")
        report, rows = self.json()
        self.assertEqual([(row["count"], row["partner"] or row["who"], row["by"])
                          for row in report["handshakes"][:7]],
                         [(14, "Acme", "name"), (8, "Acme", "address"), (7, "Acme", "via"),
                          (6, "delta.example", "client"), (4, "Acme", "next-hop"),
                          (3, None, None), (1, None, None)])
        self.assertEqual(len(report["handshakes"]), 10)
        self.assertEqual((rows["Acme"]["handshakes_failed"],
                          rows["delta.example"]["handshakes_failed"]), (33, 6))
        first, second = report["handshakes"][:2]
        self.assertEqual((first["first"][:10], first["last"][:10], second["sample"]),
                         (at(2)[:10], at(1)[:10], "a line"))
        self.assertIn("version", first["meaning"])
        self.assertEqual({row["partner"] for row in self.json(
            "--domain", "acme.example")[0]["handshakes"]}, {"Acme"})

    # -- The document ------------------------------------------------------------------

    def test_members(self):
        """What the contract names is always there, null where there is none."""
        report, rows = self.json()
        for name in ("partners", "domains", "totals", "handshakes", "period", "since",
                     "until", "series", "discarded", "others", "ready_days"):
            self.assertIn(name, report)
        row = rows["silent.example"]
        for name in ("name", "rule", "who", "contact", "state", "until", "in", "out",
                     "handshakes_failed", "ready", "new_clear_text", "last_refused",
                     "last_would", "certificates"):
            self.assertIn(name, row)
        for side in ("in", "out"):
            for name in ("messages", "encrypted", "met", "exempt", "held", "refused",
                         "would_be_refused", "reasons"):
                self.assertIn(name, row[side])
        self.assertIn("deferred_for_tls", row["out"])
        self.assertIn("verified", row["out"])
        self.assertEqual((report["series"], row["last_refused"], row["name"]),
                         ([], None, None))

    def test_sums(self):
        self.rollup(at(9), 2, "acme.example", ACME, **TLS13)
        self.record(at(5), "beta.example", rule=BETA, **CLEAR)
        self.would(at(5), "beta.example", **CLEAR)
        self.journal.insert("discarded", why="age", records=3, messages=40, last=1)
        report, rows = self.json()
        self.assertEqual(report["totals"]["transactions"], 4)
        self.assertEqual(sum(sum(b["protocols"].values()) for b in report["series"]), 4)
        self.assertEqual(sum(b["refused"] for b in report["series"]), 1)
        self.assertEqual(report["discarded"][0]["messages"], 40)
        self.assertEqual([report["totals"][name] for name in (
            "accepted", "rejected", "tempfailed", "would")], [3, 1, 0, 1])
        refused = rows["beta.example"]["last_refused"]
        self.assertEqual((refused["time"][:19] + "Z", refused["reason"]), (at(5), "tls"))

    def test_certificates(self):
        key = "sha256:" + "cd" * 32
        self.rollup(at(3), 3, "acme.example", ACME, cert_cn="mx.acme.example",
                    cert_verified="yes", cert_fingerprint="sha256:" + "ab" * 32, **TLS13)
        self.rollup(at(2), 3, "acme.example", ACME, cert_verified="no",
                    cert_fingerprint="none", cert_pubkey_fingerprint=key, **TLS13)
        self.rollup(at(1), 4, "acme.example", ACME, cert_verified="no",
                    cert_fingerprint="none", cert_pubkey_fingerprint="none", **TLS13)
        raw, known = self.json()[1]["Acme"]["certificates"]
        self.assertEqual((raw["raw_key"], raw.get("cert_fingerprint"),
                          raw["cert_pubkey_fingerprint"], raw["transactions"]),
                         (True, None, key, 3))
        self.assertEqual((known["cert_cn"], known["verified"]), ("mx.acme.example", True))

    def test_period_and_domain(self):
        self.rollup(at(9), 2, "acme.example", ACME, **TLS13)
        self.record(at(3), "acme.example", rule=ACME, **CLEAR)
        self.rollup(at(9), 2, "x.acme.example", **TLS13)
        self.rollup(at(9), 2, None, null_sender="yes", **TLS13)
        self.assertEqual(self.json("--since", "4d")[1]["Acme"]["in"]["messages"], 1)
        for name in ("acme.example", "ACME.example"):
            report, rows = self.json("--domain", name)
            self.assertEqual((list(rows), report["domains"]), (["Acme"], []))
        report = self.json("--domain", ".example")[0]
        self.assertEqual(report["totals"]["transactions"], 5)
        self.assertEqual([row["domain"] for row in
                          self.json("--domain", "<>")[0]["domains"]], ["<>"])
        self.assertEqual(self.json("--since", "2d")[0]["series_seconds"], 3600)

    def test_csv(self):
        self.rollup(at(9), 2, "acme.example", ACME, **TLS13)
        self.record(at(3), "acme.example", reason="tls-version", rule=ACME, **TLS12)
        self.journal.delivery(at(3), "acme.example", count=4, verification="verified",
                              **rule("acme.example", "deliver", "Acme"), **TLS13)
        rows = {row["name"] or row["who"]: row for row in csv.DictReader(
            io.StringIO(self.output("--csv"), newline=""))}
        self.assertEqual(set(rows), {row or "" for row in self.json()[1]})
        acme = rows["Acme"]
        self.assertEqual([acme[name] for name in (
            "state", "in_messages", "in_met", "in_refused", "out_messages", "out_verified",
            "last_refused_reason", "ready")],
            ["enforced", "3", "2", "1", "4", "4", "tls-version", "no"])
        self.assertTrue(all(None not in row for row in rows.values()))

    def test_hostile(self):
        self.record(at(1), HOSTILE, helo=HOSTILE, client_name=HOSTILE, cipher=HOSTILE,
                    rule=rule(HOSTILE), tls_version="TLSv1.2", cert_cn=HOSTILE,
                    cert_fingerprint="sha256:00")
        self.journal.handshake(at(1), HOSTILE, host=HOSTILE, sample=HOSTILE)
        self.journal.delivery(at(1), HOSTILE, relay=HOSTILE, reason=HOSTILE,
                              **rule(HOSTILE, "deliver", HOSTILE))
        report, rows = self.json()
        self.assertEqual(rows[HOSTILE]["senders"][0]["domain"], HOSTILE)
        self.assertEqual(report["handshakes"][0]["sample"], HOSTILE)
        for row in csv.reader(io.StringIO(self.output("--csv"), newline="")):
            for cell in row:
                self.assertFalse(cell.startswith("=") or "\r" in cell, cell)

    def test_an_older_journal(self):
        self.rollup(at(9), 2, "acme.example", rule("acme.example"), **TLS13)
        self.record(at(3), "acme.example", rule=rule("acme.example"), **CLEAR)
        self.record(at(3), "acme.example", rule=rule("payroll@ours.example", "to"), **CLEAR)
        for sql in ("ALTER TABLE record DROP COLUMN partner",
                    "ALTER TABLE facts DROP COLUMN partner", "DROP TABLE handshake",
                    "DROP TABLE delivery", "DROP TABLE trouble", "DROP TABLE watched",
                    "DROP TABLE position", "PRAGMA user_version = 1"):
            self.journal.db.execute(sql)
        _, rows = self.json()
        self.assertEqual(some(rows["Acme"]["in"]), {
            "messages": 4, "encrypted": 2, "met": 2, "refused": 1, "refused_elsewhere": 1})
        self.assertEqual(rows["Acme"]["out"]["messages"], 0)

    def test_a_site(self):
        end = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)
        self.path = os.path.join(self.folder, "journal.db")
        self.journal.close()
        os.unlink(self.path)
        sample_journal.site(self.folder, end)
        report, rows = self.json()
        self.assertEqual([row["name"] or row["who"] for row in report["partners"][:4]],
                         ["Sparbank", "payroll@ours.example", "Acme", "192.0.2.128/25"])
        bank = rows["Sparbank"]["in"]
        self.assertEqual((bank["messages"], bank["met"], bank["refused"], bank["reasons"]),
                         (919, 806, 113, {"certificate-fingerprint": 113}))
        self.assertEqual(len(rows["payroll@ours.example"]["senders"]), 16)
        self.assertEqual({name: row["in"]["would_be_refused"] for name, row in rows.items()
                          if row["in"]["would_be_refused"]},
                         {"Clinic-West": 9, "City-Works": 2, "Lawyers": 3})
        self.assertEqual({name: row["ready_but_for"] for name, row in rows.items()
                          if row["ready"]},
                         {"Lawyers": [{"host": "192.0.2.9", "messages": 3}]})
        self.assertEqual(rows["Museum"]["new_clear_text"]["messages"], 1)
        self.assertEqual((rows["Acme"]["handshakes_failed"],
                          rows["Acme"]["out"]["deferred_for_tls"]), (14, 3))


if __name__ == "__main__":
    sys.exit(main())
