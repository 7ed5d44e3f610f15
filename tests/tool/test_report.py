#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of tlsward report, from outside. TLSWARD names the program."""

import csv
import email
import email.policy
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

from tool import TIMEOUT, TLSWARD, main
from journals import Journal

HOSTILE = "\r\nBcc: evil@evil.example\r\n\r\n\x1b[31m<script>\u202e"
DAY = 86400
POLICY = """
default { require tls >= 1.2; monitor }
from acme.example { require tls >= 1.3; otherwise reject
    contact "postmaster@acme.example mailto:tls@acme.example" }
from beta.example { require tls; monitor until 2999-01-01 }
from gamma.example { require tls; exempt until 2999-03-01 "gateway" }
from silent.example { require tls }
"""


def at(days, seconds=0):
    """RFC 3339, so many days before now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ",
                         time.gmtime(NOW - days * DAY + seconds))


# In the middle of an hour, so that what belongs together is in one.
NOW = int(time.time()) // 3600 * 3600 - 1800
TLS13 = {"tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256}
TLS12 = {"tls_version": "TLSv1.2", "cipher": "ECDHE-RSA-AES128-GCM-SHA256", "bits": 128}
RSA = {"tls_version": "TLSv1.2", "cipher": "AES128-SHA", "bits": 128}
CLEAR = {"tls_version": "none"}


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "journal.db")
        self.policy = os.path.join(folder.name, "policy.conf")
        with open(self.policy, "w") as file:
            file.write(POLICY)
        self.journal = Journal(self.path)
        self.addCleanup(self.journal.close)

    def run_report(self, *arguments, **environment):
        done = subprocess.run([TLSWARD, "report", "--policy", self.policy, "--journal",
                               self.path, *arguments], capture_output=True,
                              timeout=TIMEOUT, env={**os.environ, **environment})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def output(self, *arguments, **environment):
        status, output, errors = self.run_report(*arguments, **environment)
        self.assertEqual((status, errors), (0, ""))
        return output

    def json(self, *arguments):
        report = json.loads(self.output("--json", *arguments))
        return report, {row["domain"]: row for row in report["domains"]}

    def fill(self):
        rollup, record = self.journal.rollup, self.journal.record
        rollup(at(20), at(20, 60), 100, domain="acme.example", client_name="mx.acme.example",
               client_network="192.0.2.0/24", cert_cn="mx.acme.example",
               cert_fingerprint="sha256:" + "ab" * 32, cert_verified="yes",
               cert_not_after=at(-10), **TLS13)
        rollup(at(10), at(10, 60), 7, domain="acme.example", client_network="192.0.2.0/24",
               **TLS12)
        for to in ("one", "two"):
            record(at(5), "reject", domain="acme.example", sender="a@acme.example",
                   session="s1", to=f"{to}@ours.example", client_addr="192.0.2.7",
                   client_name="mx2.acme.example", reason="tls", failed=["tls"],
                   rule="policy.conf:3", reply="530 5.7.0 TLS please", **CLEAR)
        record(at(3), "tempfail", domain="acme.example", session="s2",
               sender="a@acme.example", client_addr="192.0.2.8", reason="tls-version",
               failed=["tls-version"], **TLS12)
        rollup(at(40), at(40, 5), 3, domain="beta.example", client_network="10.0.0.0/24",
               **TLS12)
        rollup(at(2), at(2, 5), 3, domain="beta.example", client_network="10.0.0.0/24",
               **TLS12)
        record(at(1), "accept", domain="gamma.example", sender="g@gamma.example",
               exempted=1, exempt="gateway", client_addr="203.0.113.9", **CLEAR)
        rollup(at(6), at(6, 5), 50, domain="strong.example", **TLS12)
        rollup(at(6), at(6, 5), 50, domain="weak.example", **RSA)
        rollup(at(6), at(6, 5), 9, domain="few.example", **TLS13)
        record(at(1), "accept", domain="would.example", sender="w@would.example",
               would="tempfail", would_reason="tls", would_failed=["tls"],
               would_rule="policy.conf:2", client_addr="203.0.113.1", **CLEAR)
        rollup(at(400), at(400, 5), 4, domain="would.example", client_network="10.9.9.0/24",
               **TLS13)
        rollup(at(6), at(6, 5), 2, null_sender="yes", **TLS13)
        self.journal.insert("discarded", why="age", records=3, messages=40, last=1)

    def test_counts(self):
        self.fill()
        report, domains = self.json()
        acme = domains["acme.example"]
        self.assertEqual(acme["transactions"], 100 + 7 + 1 + 1)
        self.assertEqual(acme["encrypted"], 108)
        self.assertEqual(acme["protocols"], {"TLSv1.3": 100, "TLSv1.2": 8, "clear text": 1})
        self.assertEqual((acme["accepted"], acme["rejected"], acme["tempfailed"]), (107, 2, 1))
        self.assertEqual(acme["refused"], {"tls": 2, "tls-version": 1})
        self.assertEqual([(c["cipher"], c["transactions"]) for c in acme["ciphers"]],
                         [(TLS13["cipher"], 100), (TLS12["cipher"], 8)])
        self.assertEqual(acme["weakest"]["protocol"], "clear text")
        self.assertEqual(acme["weakest"]["host"], "mx2.acme.example")
        self.assertEqual(acme["last_refused"]["reason"], "tls-version")
        self.assertEqual(acme["certificates"][0]["cert_cn"], "mx.acme.example")
        self.assertTrue(acme["certificates"][0]["transactions"], 100)
        self.assertEqual(domains["<>"]["transactions"], 2)
        self.assertEqual(report["totals"]["transactions"],
                         sum(row["transactions"] for row in domains.values()))
        self.assertEqual(report["totals"]["transactions"],
                         sum(sum(b["protocols"].values()) for b in report["series"]))
        self.assertEqual(sum(b["refused"] for b in report["series"]), 3)
        self.assertEqual(report["series_seconds"], DAY)
        self.assertEqual(report["discarded"][0]["messages"], 40)

    def test_a_raw_public_key(self):
        key = "sha256:" + "cd" * 32
        self.journal.rollup(at(2), at(2, 60), 3, domain="raw.example", cert_verified="no",
                            cert_fingerprint="none", cert_pubkey_fingerprint=key, **TLS13)
        self.journal.rollup(at(2), at(2, 60), 4, domain="none.example", cert_verified="no",
                            cert_fingerprint="none", cert_pubkey_fingerprint="none",
                            **TLS13)
        _, domains = self.json()
        (shown,) = domains["raw.example"]["certificates"]
        self.assertEqual((shown["raw_key"], shown.get("cert_fingerprint"),
                          shown["cert_pubkey_fingerprint"], shown["transactions"]),
                         (True, None, key, 3))
        self.assertEqual(domains["none.example"]["certificates"], [])
        self.assertRegex(self.output("--domain", "raw.example"),
                         "raw public key\\s+" + key)

    def test_policy(self):
        self.fill()
        _, domains = self.json()
        self.assertEqual([domains[name]["policy"] for name in (
            "acme.example", "beta.example", "gamma.example", "silent.example",
            "strong.example")], ["enforced", "monitored", "exempt", "enforced", "monitored"])
        self.assertEqual(domains["acme.example"]["rule"], "policy.conf:3")
        self.assertEqual(domains["gamma.example"]["until"], "2999-03-01T00:00:00.000Z")
        self.assertEqual(domains["silent.example"]["transactions"], 0)
        self.assertEqual({name for name, row in domains.items() if row.get("ready")},
                         {"beta.example"})
        self.assertEqual({name for name, row in domains.items() if row["candidate"]},
                         {"strong.example"})

    def test_ready_days(self):
        self.fill()
        ready = {name for name, row in self.json("--ready-days", "60")[1].items()
                 if row.get("ready")}
        self.assertEqual(ready, set())
        self.journal.record(at(13), "accept", domain="beta.example", would="reject",
                            would_reason="tls", **CLEAR)
        self.assertFalse(self.json("--since", "3d")[1]["beta.example"]["ready"])
        self.assertTrue(self.json("--since", "3d", "--ready-days",
                                  "7")[1]["beta.example"]["ready"])

    def test_downgrades(self):
        self.fill()
        _, domains = self.json()
        acme = domains["acme.example"]["downgrade"]
        self.assertEqual((acme["transactions"], acme["same_network"], acme["network"]),
                         (1, True, "192.0.2.0/24"))
        # TLS before the period, from another network.
        self.assertFalse(domains["would.example"]["downgrade"]["same_network"])
        self.assertNotIn("downgrade", domains["gamma.example"])
        self.assertEqual(domains["would.example"]["state"], "would be refused")

    def test_tls_after_clear_text(self):
        self.journal.record(at(9), "accept", domain="a.example",
                            client_addr="192.0.2.1", **CLEAR)
        self.journal.record(at(8), "accept", domain="a.example",
                            client_addr="192.0.2.1", **TLS13)
        self.assertNotIn("downgrade", self.json()[1]["a.example"])

    def test_order_within_a_second(self):
        for domain, clear, encrypted in (("first.example", ".100Z", ".500Z"),
                                         ("then.example", ".500Z", ".100Z")):
            self.journal.record(at(9).replace("Z", clear), "accept", domain=domain,
                                client_addr="192.0.2.1", **CLEAR)
            time = at(9).replace("Z", encrypted)
            self.journal.rollup(time, time, 1, client_network="192.0.2.0/24",
                                domain=domain, **TLS13)
        self.assertNotIn("downgrade", self.json()[1]["first.example"])
        self.assertIn("downgrade", self.json()[1]["then.example"])

    def test_filter_and_period(self):
        self.fill()
        for name in ("acme.example", "ACME.example"):
            self.assertEqual(list(self.json("--domain", name)[1]), ["acme.example"])
        self.assertEqual(self.json("--domain", ".example")[0]["totals"]["transactions"],
                         self.json()[0]["totals"]["transactions"] - 2)
        self.assertEqual(list(self.json("--domain", "<>")[1]), ["<>"])
        report, domains = self.json("--since", "4d")
        self.assertEqual(domains["acme.example"]["transactions"], 1)
        self.assertEqual(self.json("--since", "2d")[0]["series_seconds"], 3600)

    def test_worst_first(self):
        self.fill()
        states = [row["state"] for row in self.json()[0]["domains"]]
        order = ["refused", "downgrade", "would be refused", "certificate ends",
                 "clear text from elsewhere", "some clear text", "nothing failed"]
        self.assertEqual(states, sorted(states, key=order.index))
        self.assertEqual(states[0], "refused")

    def test_text(self):
        self.fill()
        output = self.output()
        for text in ("these sessions", "transactions, not messages delivered",
                     "acme.example: enforced, policy.conf:3, contact",
                     "109 transactions, 99.0 % encrypted: TLSv1.3 100, TLSv1.2 8",
                     "refused: 3 (tls 2, tls-version 1)", "from the same network",
                     "monitored until 2999-01-01, ready", "strong.example, 50 transactions",
                     "(SOON)", "40 messages of roll-ups"):
            self.assertIn(" ".join(text.split()), " ".join(output.split()))
        self.assertNotIn("safe", output)
        for width in (40, 80):
            for line in self.output(COLUMNS=str(width)).splitlines():
                if " " in line.strip():
                    self.assertLessEqual(len(line), max(width, 6 + max(
                        len(word) for word in line.split())), line)

    def test_others(self):
        for i in range(25):
            self.journal.rollup(at(1), at(1, 1), 1, domain=f"d{i}.example", **TLS13)
        self.assertIn("... and 5 more domains: --all", self.output())
        self.assertNotIn("more domains", self.output("--all"))
        self.assertIn("\nd24.example: ", self.output("--all"))

    def test_csv(self):
        self.fill()
        rows = {row["domain"]: row for row in csv.DictReader(
            io.StringIO(self.output("--csv"), newline=""))}
        self.assertEqual(rows["acme.example"]["rejected"], "2")
        self.assertEqual(rows["acme.example"]["last_refused_reason"], "tls-version")
        self.assertEqual(rows["beta.example"]["ready"], "yes")
        self.assertTrue(all(None not in row for row in rows.values()))

    def test_empty(self):
        self.assertIn("0 transactions", self.output())
        self.assertEqual(self.json()[0]["series"], [])

    def test_hostile(self):
        self.journal.record(at(1), "reject", domain="=" + HOSTILE, helo=HOSTILE,
                            client_name=HOSTILE, cipher=HOSTILE, tls_version="TLSv1.2",
                            cert_cn=HOSTILE, reason="tls", session=HOSTILE)
        text = self.output()
        for character in "\x1b\r\u202e":
            self.assertNotIn(character, text)
        self.assertIn("=" + HOSTILE, self.json()[1])
        row = list(csv.reader(io.StringIO(self.output("--csv"), newline="")))[1]
        self.assertTrue(row[0].startswith("'=\\r\\nBcc"), row)

    def mail(self, *arguments):
        output = self.output("--partner", "acme.example", "--mail", *arguments)
        self.assertTrue(output.isascii())
        for line in output.splitlines():
            self.assertLessEqual(len(line), 78)
        return email.message_from_string(output, policy=email.policy.default)

    def test_mail(self):
        self.fill()
        message = self.mail()
        self.assertEqual(message["To"], "postmaster@acme.example, tls@acme.example")
        self.assertEqual(set(message.keys()), {
            "To", "Date", "Subject", "MIME-Version", "Content-Type",
            "Content-Transfer-Encoding", "Auto-Submitted"})
        body = " ".join(message.get_content().split())
        for text in ("109 transactions, 108 of them encrypted", "tls: 2 refused",
                     "tls-version: 1 refused", "TLS 1.3", "STARTTLS",
                     f"What failed, since {at(5)[:10]}", "these sessions alone"):
            self.assertIn(text, body)
        message = self.mail("--to", "x@y.example", "--from", "me@ours.example")
        self.assertEqual((message["To"], message["From"]), ("x@y.example", "me@ours.example"))

    def test_mail_with_nothing_wrong(self):
        self.journal.rollup(at(2), at(2, 5), 3, domain="acme.example", **TLS13)
        self.assertIn("there is nothing to change", " ".join(self.mail().get_content().split()))

    def test_mail_hostile(self):
        self.journal.record(at(1), "reject", domain="acme.example", helo=HOSTILE,
                            client_name=HOSTILE + "x" * 300, cipher=HOSTILE, cert_cn=HOSTILE,
                            tls_version="TLSv1.2", reason="tls-version")
        message = self.mail()
        self.assertIsNone(message["Bcc"])
        self.assertNotIn("\nBcc", message.get_content())
        self.assertNotIn("\x1b", message.get_content())

    def fails(self, text, *arguments):
        status, output, errors = self.run_report(*arguments)
        self.assertEqual((status, output), (2, ""))
        self.assertIn(text, errors)

    def test_wrong_calls(self):
        self.fails('set "contact"', "--partner", "beta.example", "--mail")
        self.fails("no mail address", "--partner", "acme.example", "--mail", "--to",
                   "a@b.example\nBcc: c@d.example")
        self.fails("no mail address", "--partner", "acme.example", "--mail", "--from",
                   "a@b.example, c@d.example")
        self.fails("has no rule", "--partner", "nobody.example", "--mail", "--to", "a@b")
        self.fails("needs --partner", "--mail")
        self.fails("go with --mail", "--to", "a@b.example")
        self.fails("ends before", "--since", "1d", "--until", "2d")
        self.fails("is no number", "--ready-days", "x")
        self.journal.db.execute("PRAGMA user_version = 9999")
        self.fails("of a newer tlsward")


if __name__ == "__main__":
    sys.exit(main())
