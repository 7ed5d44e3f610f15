#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of what tlsward report writes for people: its text, and the message to a partner."""

import email
import email.policy
import json
import os
import re
import sys
import time
import unicodedata

from tool import Folder, main, run
from journals import Journal

HOSTILE = "\r\nBcc: evil@evil.example\r\n\r\n\x1b[31m<script>\u202e"
DAY = 86400
PIN, OTHER = "sha256:" + "0a" * 32, "sha256:" + "ab" * 32
POLICY = f"""
default {{ require tls >= 1.2; monitor }}
partner "Sparbank" {{
    domain sparbank.example cards.example
    incoming {{ require tls >= 1.2; require certificate fingerprint {PIN}; otherwise reject }}
    outgoing {{ require tls >= 1.2 }}
    contact "maildesk@sparbank.example mailto:tls@sparbank.example"
    note "ticket 4711"
}}
partner "B\u00fccher" {{
    domain buecher.example
    incoming {{ require tls >= 1.3; monitor until 2999-01-01 }}
    contact it@buecher.example
}}
from silent.example {{ require tls }}
to payroll@ours.example {{ require tls >= 1.3; otherwise tempfail }}
"""
SPARBANK = {"domain": "sparbank.example", "rule": "policy.conf:5", "rule_kind": "from",
            "rule_name": "sparbank.example", "partner": "Sparbank"}
BUECHER = {"domain": "buecher.example", "rule": "policy.conf:12", "rule_kind": "from",
           "rule_name": "buecher.example", "partner": "B\u00fccher"}
TLS13 = {"tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256}
TLS10 = {"tls_version": "TLSv1", "cipher": "ECDHE-RSA-AES256-SHA", "bits": 256}
CLEAR = {"tls_version": "none"}
# In the middle of an hour, so that what belongs together is in one.
NOW = int(time.time()) // 3600 * 3600 - 1800


def at(days, seconds=0):
    """RFC 3339, so many days before now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - days * DAY + seconds))


def short(days):
    """The same as text has it."""
    return time.strftime("%-d %b", time.gmtime(NOW - days * DAY))


def long(days):
    return time.strftime("%-d %B", time.gmtime(NOW - days * DAY))


def words(text):
    return " ".join(text.split())


def width_of(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


class Report(Folder):
    def setUp(self):
        super().setUp()
        self.policy = self.write("policy.conf", POLICY)
        self.path = os.path.join(self.folder, "journal.db")
        self.journal = Journal(self.path)
        self.addCleanup(self.journal.close)

    def report(self, *arguments, **environment):
        return run("report", "--policy", self.policy, "--journal", self.path, *arguments,
                   env={**os.environ, **environment})

    def output(self, *arguments, **environment):
        status, output, errors = self.report(*arguments, **environment)
        self.assertEqual((status, errors), (0, ""))
        return output

    def refuse(self, days, **columns):
        """One of Sparbank's that is refused."""
        self.journal.record(at(days), columns.pop("action", "reject"), **(SPARBANK | {
            "sender": "a@sparbank.example", "to": "us@ours.example", "session": f"s{days}",
            "client_addr": "192.0.2.7", "client_name": "mx.sparbank.example",
            "reason": "certificate-fingerprint", "failed": ["certificate-fingerprint"],
            "reply": "550 5.7.5 the key is not the registered one", "cert_verified": "yes",
            "cert_cn": "mx.sparbank.example", "cert_fingerprint": OTHER,
            "cert_not_after": at(-300)} | TLS13 | columns))

    def fill(self):
        self.journal.rollup(at(20), at(20, 60), 100, client_network="192.0.2.0/24",
                            client_name="mx.sparbank.example", **SPARBANK, **TLS13)
        self.refuse(4)
        self.refuse(2, failed=["tls-version", "certificate-fingerprint"],
                    reason="tls-version", **TLS10)
        self.journal.rollup(at(20), at(20, 60), 40, client_network="198.51.100.0/24",
                            **BUECHER, **TLS13)
        self.journal.record(at(3), "accept", sender="b@buecher.example", would="reject",
                            would_reason="tls-version", would_failed=["tls-version"],
                            would_rule="policy.conf:12", client_addr="198.51.100.9",
                            to="us@ours.example", **BUECHER, **TLS10)
        self.journal.rollup(at(9), at(9, 60), 50, domain="strong.example",
                            client_network="203.0.113.0/24", rule="policy.conf:2",
                            rule_kind="default", **TLS13)


class Text(Report):
    def points(self, output):
        """What is before the table: a line for each thing, unfolded."""
        head = output.split("\n\nTLS with ")[0]
        return re.sub(r"\n +", " ", head).strip().splitlines()

    def rows(self, output):
        table = output.split("\nAGREEMENT")[1].split("\n\n")[0].splitlines()[1:]
        return [re.split(r" {2,}|(?<=\S) (?=[-\d])", row) for row in table]

    def test_what_needs_somebody(self):
        self.fill()
        self.assertEqual(self.points(self.output()), [
            "1 partner had mail refused: Sparbank (2 of 102: TLS older than agreed (1), key is "
            f"not the registered one (1), since {short(4)}; maildesk@sparbank.example "
            "mailto:tls@sparbank.example)",
            "1 would lose mail if monitor ended today: B\u00fccher (1 of 41: TLS older than "
            f"agreed, since {short(3)}; it@buecher.example)"])

    def test_whose_mail_it_was(self):
        for domain, count in (("a", 1), ("b", 3), ("c", 2), ("d", 1), ("e", 1)):
            for i in range(count):
                who = {"domain": f"{domain}.example", "sender": f"x@{domain}.example",
                       "session": f"{domain}{i}", "client_addr": "192.0.2.1"}
                self.journal.record(at(1), "tempfail", reason="tls", failed=["tls"],
                                    rule="policy.conf:16", rule_kind="to",
                                    rule_name="payroll@ours.example",
                                    to="payroll@ours.example", **who, **CLEAR)
                self.journal.record(at(2), "accept", rule="policy.conf:2", would="reject",
                                    rule_kind="default", would_rule="policy.conf:2",
                                    would_reason="tls", would_failed=["tls"], **who, **CLEAR)
        output = words(self.output())
        self.assertIn("to payroll@ours.example (8 of 8 attempts: clear text, since "
                      f"{short(1)}; mail of b.example, c.example and 3 more)",
                      output)
        self.assertIn("everybody else (default) (8 of 16: clear text, since "
                      f"{short(2)}; mail of b.example, c.example and 3 more)",
                      output)

    def test_attempts(self):
        self.refuse(4, action="tempfail")
        self.assertIn("(1 of 1 attempts: ", self.output())

    def test_agreements(self):
        self.fill()
        self.assertEqual([row[:2] for row in self.rows(self.output())], [
            ["Sparbank", "enforced"], ["B\u00fccher", "monitored"],
            ["silent.example", "enforced"], ["to payroll@ours.example", "enforced"],
            ["everybody else (default) monitored", "50"]])
        self.assertRegex(self.output(), r"\nSparbank +enforced +102 +98\.0% +2 +- ")
        self.assertRegex(self.output(), r"\nB\u00fccher +monitored +41 +97\.6% +- +1 ")

    def test_all_is_well(self):
        self.journal.rollup(at(20), at(20, 60), 100, **SPARBANK, **TLS13)
        self.assertEqual(self.points(self.output()), [
            "All is well: of 100 messages that came in none was refused, and none would be "
            "if monitor ended; what went out is not recorded; no handshake of theirs failed."])

    def test_strangers(self):
        """Whose handshakes fail, and who has no agreement, needs nobody."""
        self.journal.rollup(at(20), at(20, 60), 100, **SPARBANK, **TLS13)
        self.journal.handshake(at(3), "not-tls", count=31, address="203.0.113.66")
        self.journal.handshake(at(3), "connection-lost", count=2, address="203.0.113.67")
        self.assertIn("All is well: ", self.output())
        self.assertIn("33 handshakes of hosts without an agreement failed: 203.0.113.66, 31 "
                      "times: what it sent is not TLS; 203.0.113.67, 2 times: ",
                      words(self.output()))

    def test_many_strangers(self):
        """Those with the most are told apart; of the others nothing is lost but names."""
        self.journal.rollup(at(20), at(20, 60), 100, **SPARBANK, **TLS13)
        for number in range(1500):
            self.journal.handshake(at(3), "not-tls", count=9 if number == 1400 else 1,
                                   address="203.0.%d.%d" % divmod(number, 250))
        self.journal.handshake(at(3), "not-tls", host="mx.sparbank.example")
        self.assertIn("1,508 handshakes of hosts without an agreement failed: 203.0.5.150, 9 "
                      "times: ", words(self.output()))
        rows = json.loads(self.output("--json"))["handshakes"]
        self.assertEqual(len(rows), 1002)
        self.assertEqual(sum(row["count"] for row in rows), 1509)
        self.assertEqual([row["count"] for row in rows if row["partner"] == "Sparbank"], [1])
        others = rows[-1]
        self.assertEqual((others["others"], others["count"], others["host"],
                          others["reason"]), (500, 500, None, "not-tls"))

    def test_nothing(self):
        output = words(self.output())
        self.assertIn(f"Nothing was recorded in this time. The journal {self.path} is empty.",
                      output)
        self.assertTrue(output.startswith("Nothing was recorded"), output)
        for way in ("tlsward check", "smtpd_milters", "tlsward watch"):
            self.assertIn(way, output)
        # What watch alone has put there is something, too.
        self.journal.delivery(at(300), "acme.example", last=at(300, 60))
        self.assertIn(f"The journal {self.path} has something of ", words(self.output()))

    def test_in_all(self):
        self.fill()
        self.assertIn("In all 193 messages came in (100% over TLS).",
                      words(self.output()))
        self.journal.record(at(1), "accept", domain="new.example", rule_kind="default",
                            rule="policy.conf:2", session="clear", **CLEAR)
        self.journal.delivery(at(1), "sparbank.example", count=3, tls_version="TLSv1.3",
                              verification="verified")
        self.assertIn("In all 194 messages came in (99.5% over TLS), and 3 went out (100%).", words(self.output()))

    def test_loglevel(self):
        """Of what the log does not tell nothing is said, but how it would."""
        for version in ("", "TLSv1.3", "none"):
            self.journal.delivery(at(1), "lax.example", count=3, tls_version=version,
                                  rule="policy.conf:9", rule_kind="deliver",
                                  rule_name="lax.example")
        self.assertIn("and 9 went out (50.0%). Of 3 that went out the log does not tell "
                      "whether over TLS: is smtp_tls_loglevel 0 in main.cf? Set it to 1.",
                      words(self.output()))
        self.assertRegex(self.output(), r"(?m)lax\.example .* 9 +50\.0% +-")

    def test_widths(self):
        self.fill()
        for width in (60, 80, 132):
            lines = self.output(COLUMNS=str(width)).splitlines()
            with self.subTest(width=width):
                self.assertLessEqual(max(map(width_of, lines)), width)
        self.assertIn("CONTACT", self.output(COLUMNS="132"))

    def test_a_screen_for_twenty(self):
        with open(self.policy, "a", encoding="utf-8") as policy:
            for i in range(20):
                policy.write(f'partner "Partner {i}" {{ domain p{i}.example\n incoming {{ '
                             f'require tls }}\n contact "postmaster@p{i}.example" }}\n')
        for i in range(20):
            self.journal.record(at(1), "reject", domain=f"p{i}.example", reason="tls",
                                rule_kind="from", rule_name=f"p{i}.example",
                                partner=f"Partner {i}", failed=["tls"], **CLEAR)
        output = self.output(COLUMNS="80")
        self.assertLessEqual(output.count("\n"), 50)
        self.assertIn("20 partners had mail refused: ", output)
        self.assertIn("and 17 more", words(output))
        self.assertNotIn("more: --all", output)
        with open(self.policy, "a", encoding="utf-8") as policy:
            policy.write("".join(f"from q{i}.example {{ require tls }}\n"
                                 for i in range(30)))
        output = self.output(COLUMNS="80")
        self.assertLessEqual(output.count("\n"), 50)
        self.assertRegex(output, r"\n\.\.\. and \d+ more: --all lists them\n")
        self.assertNotIn("more: --all", self.output("--all"))

    def test_time_zone(self):
        self.fill()
        zone = {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}
        self.assertRegex(self.output(**zone), r"\d\d:\d\d CES?T to ")
        self.assertRegex(self.output("--utc", **zone), r"\d\d:\d\d UTC to ")

    def test_partner(self):
        self.fill()
        for name in ("Sparbank", "sparbank", "cards.example", "policy.conf:5"):
            with self.subTest(name=name):
                output = words(self.output("--partner", name))
                self.assertIn("102 messages: 102 over TLS, 100 met the agreement, 2 refused",
                              output)
                self.assertIn("the last " + at(2)[:16].replace("T", " ") +
                              " UTC from mx.sparbank.example [192.0.2.7], TLSv1.0 "
                              "ECDHE-RSA-AES256-SHA: 550 5.7.5 the key is", output)
                self.assertIn(OTHER, output)
                self.assertIn("note ticket 4711", output)
                self.assertNotIn("B\u00fccher", output)
        self.assertIn("to payroll@ours.example: enforced", self.output("--partner",
                                                               "payroll@ours.example"))

    def test_raw_key(self):
        key = "sha256:" + "cd" * 32
        self.refuse(1, cert_cn=None, cert_not_after=None, cert_fingerprint="none",
                    cert_verified="no", cert_pubkey_fingerprint=key)
        self.assertIn(f"raw key without a name {key}", words(self.output("--partner",
                                                                         "Sparbank")))

    def test_what_was_meant(self):
        self.fill()
        self.assertIn("everybody else (default)", self.output("--partner", "default"))
        for name, meant in (("Sparbnk", "Sparbank"), ("spar", "Sparbank"), ("BUCHER", "B\u00fccher"),
                            ("payrol@ours.example", "payroll@ours.example")):
            with self.subTest(name=name):
                status, output, errors = self.report("--partner", name)
                self.assertEqual((status, output), (2, ""))
                self.assertIn(f'did you mean "{meant}"?', errors)
        self.assertIn("Did you mean sparbank.example?",
                      self.output("--domain", "sparbankk.example"))

    def test_domain(self):
        self.fill()
        first = self.output("--domain", "strong.example").split("\n\n")[0]
        self.assertEqual(words(first), words(
            "TLS with strong.example: incoming yes, outgoing not known. From it all 50 "
            f"messages came over TLS, since {short(9)}, the last {short(9)} (TLSv1.3 50). "
            "What went to it cannot be told: no delivery is in the journal. tlsward watch, "
            "which reads the mail server's log, records them."))
        self.journal.record(at(1), "accept", domain="new.example", sender="n@new.example",
                            rule="policy.conf:2", rule_kind="default", **CLEAR)
        first = words(self.output("--domain", "new.example").split("\n\n")[0])
        self.assertIn("incoming no, outgoing not known", first)
        self.assertIn("So few say little.", first)

    def test_hostile(self):
        self.refuse(1, sender=HOSTILE, client_name=HOSTILE, cipher=HOSTILE, cert_cn=HOSTILE,
                    reply=HOSTILE, domain="=" + HOSTILE, session=HOSTILE)
        for call in ((), ("-v",), ("--partner", "Sparbank"), ("--domain", "sparbank.example")):
            for character in "\x1b\r\u202e":
                self.assertNotIn(character, self.output(*call))


class Outgoing(Report):
    """What watch has read: deliveries, and handshakes that failed."""

    def setUp(self):
        super().setUp()
        deliver = {"partner": "Sparbank", "rule": "policy.conf:6", "rule_kind": "deliver",
                   "rule_name": "sparbank.example"}
        self.journal.watched("line_time", NOW * 1000)
        self.journal.delivery(at(5), "sparbank.example", count=2097, verdict="met",
                              tls_version="TLSv1.3", verification="verified", **deliver)
        self.journal.delivery(at(5), "sparbank.example", result="deferred", count=3,
                              tls_version="none", verification="none", verdict="refused",
                              reason="tls", tls_reason="tls-not-offered", **deliver)
        self.journal.handshake(at(3), "no-common-version", count=14,
                               host="mx3.sparbank.example", address="192.0.2.3",
                               sample="postfix/smtpd[1]: SSL_accept error")
        self.journal.handshake(at(3), "version-refused", direction="out", count=2,
                               host="in.sparbank.example", address="192.0.2.4",
                               next_hop="sparbank.example")

    def test_points(self):
        output = words(self.output())
        for text in ("14 handshakes failed before mail could be offered: "
                     "mx3.sparbank.example (Sparbank): no version in common",
                     "2 handshakes with servers that we send to failed: "
                     "in.sparbank.example (Sparbank): no version in common",
                     "to Sparbank: 3 of 2,100 deliveries waited for TLS: it does not offer TLS, "
                     "and we require it; maildesk@"):
            self.assertIn(text, output)
        self.assertRegex(output, r" Sparbank enforced - - - - 2,100 100% 3 ")
        self.assertNotIn("tlsward watch", output)

    def test_domain(self):
        first = words(self.output("--domain", "sparbank.example").split("\n\n")[0])
        self.assertEqual(first, "TLS with sparbank.example: incoming no mail, outgoing yes. "
                         "From it no mail was recorded in this time. To it all 2,097 messages "
                         f"went over TLS, 2,097 to a verified server, since {short(5)}, the "
                         f"last {short(5)} (TLSv1.3 2,097). 3 other attempts to send failed; 3 "
                         "waited for TLS.")

        self.assertTrue(self.output("--domain", "nowhere.example").startswith(
            "No mail from nowhere.example or to it was recorded in this time.\n"))

    def test_below(self):
        """What went out below its agreement, and what arrived over an unnamed version."""
        rule = {"rule": "policy.conf:9", "rule_kind": "deliver", "rule_name": "lax.example"}
        self.journal.delivery(at(4), "lax.example", count=2, tls_version="none",
                              verification="none", verdict="unmet", reason="tls", **rule)
        self.journal.delivery(at(4), "lax.example", result="deferred", verdict="uncertain",
                              **rule)
        self.assertIn("to lax.example: 2 of 2 messages went out below the agreement: clear "
                      f"text, since {short(4)}: was the policy in force with the mail server?",
                      words(self.output()))
        out = {row["who"]: row["out"] for row in json.loads(self.output("--json"))["partners"]
               }["lax.example"]
        self.assertEqual((out["sent_unmet"], out["unmet_reasons"]), (2, {"tls": 2}))
        self.journal.delivery(at(4), "dane.example", tls_version="TLS",
                              verification="verified")
        first = words(self.output("--domain", "dane.example").split("\n\n")[0])
        self.assertIn("outgoing yes", first)
        self.assertIn("To it all 1 message went over TLS", first)
        self.assertNotIn("did not tell", first)

    def test_a_server_that_a_rule_names(self):
        with open(self.policy, "a", encoding="utf-8") as policy:
            policy.write('deliver "[relay.c.example]:587" { require tls }\n'
                         'deliver "[relay.d.example]:submission" { require tls }\n')
        self.journal.handshake(at(3), "version-refused", direction="out", count=2,
                               host="relay.c.example", address="192.0.2.5",
                               next_hop="x.example")
        self.journal.handshake(at(3), "version-refused", direction="out", count=3,
                               host="relay.d.example", address="192.0.2.6",
                               next_hop="x.example")
        partners = json.loads(self.output("--json"))["partners"]
        self.assertEqual(sorted(row["handshakes_failed"] for row in partners
                                if row["rule_kind"] == "deliver"), [2, 3])

    def test_mail_before_monitor_ends(self):
        """Mail to them that waits once the rule is enforced."""
        self.journal.delivery(at(4), "trial.example", count=2, tls_version="none",
                              verification="none", verdict="would", reason="tls",
                              rule="policy.conf:9", rule_kind="deliver", rule_name="trial.example",
                              partner="Trial")
        self.journal.delivery(at(4), "trial.example", verdict="met", rule="policy.conf:9",
                              rule_kind="deliver", rule_name="trial.example", partner="Trial")
        with open(self.policy, "a", encoding="utf-8") as policy:
            policy.write('partner "Trial" { domain trial.example; contact "x@trial.example"; '
                         "outgoing { require tls >= 1.2; monitor until 2999-03-01 } }\n")
        status, output, errors = self.report("--partner", "Trial", "--mail")
        self.assertEqual((status, errors), (0, ""))
        message = email.message_from_string(output, policy=email.policy.default)
        self.assertEqual(message["Subject"], "Our mail to trial.example will wait for TLS from "
                         f"2999-03-01 on (2 of 3 since {long(4)})")
        body = words(message.get_content())
        for text in ("2 of 3 messages from us to you went out though they were not as agreed "
                     "(of your server: clear text). Until 2999-03-01 we send them all the same; "
                     "from that day on our server does not",
                     "agreed: TLS 1.2 or newer", "openssl s_client"):
            self.assertIn(text, body)

    def test_mail_of_the_newest_version(self):
        """Where TLS 1.3 is agreed, how to have 1.2 helps nobody."""
        self.journal.delivery(at(4), "trial.example", count=2, verdict="would",
                              reason="tls-version", rule="policy.conf:9", rule_kind="deliver",
                              rule_name="trial.example", partner="Trial")
        for wanted, there, absent in (("1.3", "* TLS 1.3: ", "* TLS 1.2 or newer: "),
                                      ("1.2", "* TLS 1.2 or newer: ", "* TLS 1.3: ")):
            with open(self.policy, "w", encoding="utf-8") as policy:
                policy.write('partner "Trial" { domain trial.example; contact "x@trial.example"; '
                             f"outgoing {{ require tls >= {wanted}; monitor }} }}\n")
            _, output, errors = self.report("--partner", "Trial", "--mail")
            self.assertEqual(errors, "")
            body = words(email.message_from_string(
                output, policy=email.policy.default).get_content())
            self.assertIn(there, body)
            self.assertNotIn(absent, body)

    def test_mail(self):
        status, output, errors = self.report("--partner", "Sparbank", "--mail")
        self.assertEqual((status, errors), (0, ""))
        message = email.message_from_string(output, policy=email.policy.default)
        self.assertEqual(message["Subject"], "Our mail to sparbank.example waits for TLS (3 of "
                         f"2100 since {long(5)})")
        body = words(message.get_content())
        for text in (f"Since {long(5)}, 3 of 2,100 messages from us to you could not be "
                     "delivered over TLS as agreed (of your server: it does not offer TLS, and "
                     "we require it).",
                     "14 connections of your server mx3.sparbank.example [192.0.2.3] to ours "
                     "came to no TLS session: no version in common",
                     "2 connections of our server to your server in.sparbank.example",
                     "postfix/smtpd[1]: SSL_accept error", "let it offer STARTTLS with TLS 1.2",
                     "smtpd_tls_security_level = may", "openssl s_client -starttls smtp",
                     "What to do (\"the other side\" is your server): The other side enables "
                     "TLS 1.2; ",
                     "Domino \"SSL negotiated over TCP/IP port\" = Enabled"):
            self.assertIn(text, body)

    def test_how_it_is_known_whose_a_handshake_is(self):
        self.assertIn("14 handshakes from mx3.sparbank.example (by its verified name): ",
                      words(self.output("--partner", "Sparbank")))

    def test_handshakes_of_what_is_not_agreed(self):
        """What a handshake fails for is no agreement; where it is ours, nothing is to do."""
        self.journal.db.execute("DELETE FROM delivery")
        self.journal.handshake(at(3), "no-common-cipher", host="mx4.sparbank.example")
        self.journal.handshake(at(3), "unknown-ca", host="mx5.sparbank.example")
        output = words(self.output("--partner", "Sparbank", "--mail"))
        self.assertIn("does not trust the issuer of our certificate", output)
        self.assertIn(": Compare the suites of both; ", output)
        self.assertNotIn("Send the whole chain", output)
        self.assertIn("How to have better cipher suites when sending", output)
        self.assertIn("Domino: no SSLCipherSpec in notes.ini", output)
        for text in ("enable one of these", "cipher is not one agreed", "no verified certificate",
                     "How to set the certificate"):
            self.assertNotIn(text, output)

    def test_handshakes_alone(self):
        self.journal.db.execute("DELETE FROM delivery")
        status, output, errors = self.report("--partner", "Sparbank", "--mail")
        self.assertEqual((status, errors), (0, ""))
        message = email.message_from_string(output, policy=email.policy.default)
        self.assertEqual(message["Subject"], "TLS between mx3.sparbank.example and our server "
                         f"fails (14 times since {long(3)})")


class Mail(Report):
    def message(self, *arguments, partner="Sparbank"):
        output = self.output("--partner", partner, "--mail", *arguments)
        for line in output.splitlines():
            self.assertLessEqual(len(line), 78)
        message = email.message_from_bytes(output.encode(),
                                           policy=email.policy.default)
        self.assertEqual([part.defects for part in message.walk()], [[]])
        return message

    def body(self, message):
        return message.get_content()

    def test_refused(self):
        self.fill()
        message = self.message()
        self.assertEqual(message["To"], "maildesk@sparbank.example, tls@sparbank.example")
        self.assertEqual(message["Subject"], "Your mail to ours.example is being refused "
                         f"(2 of 102 since {long(4)})")
        body = words(self.body(message))
        for text in ("550 5.7.5 the key is not the registered one", "mx.sparbank.example",
                     f"Since {long(4)}, 2 of 102 messages from you to us were refused",
                     "agreed: TLS 1.2 or newer we saw: TLSv1.0 (1)", "TLS 1.2 or newer on it",
                     OTHER, "Postfix:", "Exim:", "Sendmail:", "Exchange:",
                     "Domino: 9.0.1 with FP3 IF2 or newer", "Domino: the TLS credentials",
                     "ticket 4711",
                     "To test it", "Please answer to this message"):
            self.assertIn(text, body)
        self.assertIn(f"we saw: mx.sparbank.example, {OTHER}", body)
        self.assertNotIn("one day", body)
        self.assertEqual(body.count("agreed:"), 2)

    def test_addresses(self):
        self.fill()
        message = self.message("--to", "x@y.example, Mail Desk <z@y.example>", "--from",
                               "J\u00fcrgen M\u00fcller <me@ours.example>")
        self.assertEqual([a.addr_spec for a in message["To"].addresses],
                         ["x@y.example", "z@y.example"])
        self.assertEqual(message["From"].addresses[0].display_name, "J\u00fcrgen M\u00fcller")
        self.assertIn("Please answer to J\u00fcrgen M\u00fcller <me@ours.example>",
                      words(self.body(message)))

    def test_temporarily(self):
        self.refuse(2, action="tempfail")
        message = self.message()
        self.assertIn("is being refused (1 of 1 since", message["Subject"])
        self.assertIn("were temporarily refused: ", words(self.body(message)))
        self.assertIn("Your server tries again", words(self.body(message)))
        self.assertNotIn("tempfail", message.as_string())

    def test_monitored(self):
        self.fill()
        message = self.message(partner="B\u00fccher")
        self.assertEqual(message["Subject"], "Your mail to ours.example will be refused from "
                         f"2999-01-01 on (1 of 41 since {long(3)})")
        self.assertIn("Until 2999-01-01 we accept such messages", words(self.body(message)))

    def test_several_blocks(self):
        """What was agreed is told by block, whichever refused last."""
        self.write("policy.conf", POLICY.replace('    note "ticket 4711"', """
    incoming via relay.sparbank.example { require tls >= 1.3; otherwise reject }
    note "ticket 4711\""""))
        self.refuse(3, client_name="mx.sparbank.example", reason="tls-version",
                    failed=["tls-version"], **TLS10)
        for relay in (False, True):
            if relay:
                self.refuse(1, client_name="relay.sparbank.example", rule="policy.conf:8",
                            rule_via="relay.sparbank.example", reason="tls-version",
                            failed=["tls-version"], tls_version="TLSv1.2")
            body = words(self.body(self.message()))
            self.assertIn("agreed: TLS 1.2 or newer agreed (by relay.sparbank.example): TLS "
                          "1.3 or newer we saw:", body)

    def test_our_own(self):
        """A rule on recipients is about us: nobody is written to whom nobody named."""
        self.journal.record(at(1), "reject", sender="a@b.example", to="payroll@ours.example",
                            rule="policy.conf:16", rule_kind="to", domain="b.example",
                            rule_name="payroll@ours.example", reason="tls-version",
                            failed=["tls-version"], reply="550 5.7.5 no", **TLS10)
        call = ("--partner", "payroll@ours.example", "--mail")
        status, output, errors = self.report(*call)
        self.assertEqual((status, output), (2, ""))
        self.assertIn("its contact is yours: who sent what it refused is told by tlsward log "
                      "--rule policy.conf:16; ", errors)
        self.assertIn("Your mail to ours.example is being refused",
                      self.output(*call, "--to", "x@b.example"))

    def test_nothing_failed(self):
        self.journal.rollup(at(2), at(2, 5), 3, **SPARBANK, **TLS13)
        status, output, errors = self.report("--partner", "Sparbank", "--mail")
        self.assertEqual((status, output), (1, ""))
        self.assertIn("nothing of it failed", errors)
        self.assertIn("There is nothing to change.", words(self.body(self.message("--force"))))

    def test_hostile(self):
        self.refuse(1, sender=HOSTILE, client_name=HOSTILE + "x" * 300, cipher=HOSTILE,
                    cert_cn=HOSTILE, reply=HOSTILE, to="us@" + HOSTILE)
        message = self.message()
        self.assertIsNone(message["Bcc"])
        self.assertIn("Your mail to us is being refused", message["Subject"])
        self.assertNotIn("\nBcc", self.body(message))
        self.assertNotIn("\x1b", self.body(message))

    def test_wrong_calls(self):
        for text, call in (
                ("set \"contact\"", ("--partner", "silent.example", "--mail", "--force")),
                ("not a mail address", ("--partner", "Sparbank", "--mail", "--force", "--to",
                                        "a@b.example\nBcc: c@d.example")),
                ("not a mail address", ("--partner", "Sparbank", "--mail", "--force",
                                        "--from", "a@b.example, c@d.example")),
                ("needs --partner", ("--mail",)), ("go with --mail", ("--to", "a@b.example")),
                ("go with --mail", ("--force",)),
                ("do not go together", ("--partner", "Sparbank", "--domain", "a.example")),
                ("ends before", ("--since", "1d", "--until", "2d")),
                ("is not a number", ("--ready-days", "x"))):
            with self.subTest(call=call):
                status, output, errors = self.report(*call)
                self.assertEqual((status, output), (2, ""))
                self.assertIn(text, errors)
        self.journal.db.execute("PRAGMA user_version = 9999")
        self.assertIn("of a newer tlsward", self.report()[2])


if __name__ == "__main__":
    sys.exit(main())
