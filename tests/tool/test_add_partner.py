#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tlsward add-partner: an agreement from what a partner's mail was like."""

import datetime
import os
import re
import sys

from journals import Journal
from sample_journal import HOSTILE
from tool import Folder, main, run

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
NEW = {"tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256}
GOOD = {"tls_version": "TLSv1.2", "cipher": "ECDHE-RSA-AES128-GCM-SHA256", "bits": 128}
OLD = {"tls_version": "TLSv1", "cipher": "AES128-SHA", "bits": 128}
CLEAR = {"tls_version": "none"}
PIN = ["sha256:" + digit * 64 for digit in "abc"]


def ago(**span):
    return (NOW - datetime.timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Partner(Folder):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "journal.db")
        self.journal = Journal(self.path)
        self.policy = self.write("policy.conf", "default { require tls; monitor }\n")

    def mail(self, messages, host=None, network="192.0.2.0/24", domain="acme.example",
             days=3, **facts):
        self.journal.rollup(ago(days=days), ago(days=days), messages, client_name=host,
                            client_network=network, domain=domain, **facts)

    def call(self, *arguments, policy=None):
        return run("add-partner", "--journal", self.path, "--policy",
                   policy or self.policy, *arguments)

    def added(self, *arguments, status=0):
        """What is written, which is a policy and passes its own cases."""
        found, out, errors = self.call(*arguments)
        self.assertEqual((found, errors), (status, ""), out)
        self.hold(out)
        return out

    def hold(self, out):
        path = self.write("new.conf", out)
        found, _, errors = run("check", path)
        self.assertEqual((found, "error" in errors), (0, False), errors)
        cases = self.write("new.test", "".join(re.findall(r"^#\| (.*\n)", out, re.M)))
        found, said, errors = run("test", "--policy", path, cases)
        self.assertEqual((found, errors), (0, ""), said)
        self.assertNotIn("0 passed", said)

    def required(self, out):
        return re.findall(r"^\t\trequire (.*?)(?:\t.*)?$", out, re.M)


class Basis(Partner):
    def test_the_least_of_all_sessions(self):
        self.mail(500, "mx1.acme.example", **NEW)
        self.mail(20, "mx1.acme.example", **GOOD)
        out = self.added("Acme", "acme.example")
        self.assertEqual(self.required(out),
                         ["tls >= 1.2", "bits >= 128", "forward-secrecy"])
        today = datetime.date.fromisoformat(re.search(r" on (\S+)\.\n", out).group(1))
        self.assertLessEqual(abs(today - NOW.date()), datetime.timedelta(days=1))
        until = today + datetime.timedelta(days=30)
        self.assertIn(f"\t\tmonitor until {until}\n", out)
        self.assertIn('partner "Acme" {\n\tdomain acme.example\n', out)
        self.assertIn("# It rests on 520 of 520 messages since ", out)

    def test_old_sessions(self):
        self.mail(5, "mx1.acme.example", **OLD)
        self.assertEqual(self.required(self.added("Acme", "acme.example")),
                         ["tls >= 1.0", "bits >= 128"])

    def test_clear_text(self):
        self.mail(500, "mx1.acme.example", **NEW)
        self.mail(1, "mx1.acme.example", **CLEAR)
        out = self.added("Acme", "acme.example")
        self.assertEqual(self.required(out), ["nothing"])
        self.assertIn("501 messages, 1 of them in clear text\n", out)

    def test_strangers_do_not_count(self):
        self.mail(50, "mx1.acme.example", **NEW)
        self.mail(45, "mx2.acme.example", **NEW)
        self.mail(5, None, "198.51.100.0/24", **CLEAR)
        out = self.added("Acme", "acme.example")
        self.assertEqual(self.required(out),
                         ["tls >= 1.3", "bits >= 256", "forward-secrecy"])
        self.assertIn("# It rests on 95 of 100 messages", out)
        rest = out[out.index("# Not on these"):out.index("\npartner")]
        self.assertIn("#   198.51.100.0/24: 5 messages, 5 of them in clear text", rest)
        self.assertNotIn("mx2", rest)

    def test_hosts_that_are_named(self):
        self.mail(90, "mx.shop.example", client_addr="192.0.2.1", **OLD)
        self.mail(5, "mx2.acme.example", client_addr="192.0.2.2", **NEW)
        self.mail(5, None, "192.0.2.0/24", client_addr="192.0.2.77", **NEW)
        for clients in (("mx2.acme.example",), (".acme.example", "192.0.2.77"),
                        ("192.0.2.64/26", "mx2.acme.example")):
            for call in (("Acme", "acme.example", "--from", *clients),
                         ("--from", *clients, "--", "Acme", "acme.example"),
                         ("--from=" + clients[0], "Acme", "acme.example")):
                out = self.added(*call)
                self.assertEqual(self.required(out)[0], "tls >= 1.3", call)
                self.assertIn("the hosts that were named:", out)
        status, out, errors = self.call("Acme", "acme.example", "--from", "10.0.0.1")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("came from the hosts of --from", errors)

    def test_what_is_not_theirs(self):
        self.mail(5, "mx1.acme.example", **NEW)
        self.mail(500, "mx1.acme.example", days=40, **OLD)
        self.mail(500, "mail.ours.example", authenticated="yes", **OLD)
        self.mail(500, None, local="yes", **CLEAR)
        self.mail(500, "mx1.acme.example", domain="notacme.example", **OLD)
        self.journal.record(ago(days=1), "accept", domain="acme.example",
                            client_name="mx1.acme.example", direction="out", **OLD)
        self.journal.record(ago(days=1), "reject", domain="acme.example",
                            client_addr="198.51.100.7", **CLEAR)
        out = self.added("Acme", "acme.example")
        self.assertEqual(self.required(out)[0], "tls >= 1.3")
        self.assertIn("#   198.51.100.7: 0 messages, 1 attempt refused\n", out)

    def test_several_domains_and_what_is_below(self):
        self.mail(5, "mx1.acme.example", **NEW)
        self.mail(5, "mx1.acme.example", domain="news.acme.example", **GOOD)
        self.mail(5, "mx1.acme.example", domain="xn--bcher-kva.example", **OLD)
        out = self.added("Acme", "Acme.example.", "b\u00fccher.example")
        self.assertIn("\tdomain acme.example \\\n\t    xn--bcher-kva.example\n", out)
        self.assertIn("15 of 15 messages", out)
        self.assertEqual(self.required(out)[0], "tls >= 1.0")
        self.assertEqual(self.required(self.added("Acme", "acme.example"))[0], "tls >= 1.2")

    def test_records_in_full(self):
        for action in ("accept", "quarantine", "tempfail"):
            self.journal.record(ago(days=1), action, domain="acme.example",
                                client_addr="192.0.2.7", **GOOD)
        out = self.added("Acme", "acme.example")
        self.assertIn("#   192.0.2.7: TLSv1.2 or newer, 128 bits, 2 messages, "
                      "1 attempt refused\n", out)


class Keys(Partner):
    def test_one_key(self):
        self.mail(5, "mx1.acme.example", cert_pubkey_fingerprint=PIN[0],
                  cert_fingerprint=PIN[1], cert_cn="mx1.acme.example", **NEW)
        out = self.added("Acme", "acme.example")
        self.assertEqual(self.required(out)[3], "certificate fingerprint " + PIN[0])
        self.assertIn("mx1.acme.example, 5 messages\n", out)

    def test_two_certificates(self):
        for pin in PIN[:2]:
            self.mail(5, "mx1.acme.example", cert_fingerprint=pin, **NEW)
        out = self.added("Acme", "acme.example")
        self.assertIn(f"\t\trequire certificate fingerprint {PIN[0]} \\\n", out)
        self.assertIn(f"\n\t\t    {PIN[1]}\n", out)

    def test_not_all_of_the_mail_has_one(self):
        self.mail(5, "mx1.acme.example", cert_fingerprint=PIN[0], **NEW)
        self.mail(5, "mx1.acme.example", cert_fingerprint="none", **NEW)
        out = self.added("Acme", "acme.example")
        self.assertEqual(len(self.required(out)), 3)
        self.assertIn("# No key is required:", out)


class Text(Partner):
    def test_names(self):
        self.mail(5, "mx1.acme.example", **NEW)
        for name in ('Ac"me \\ & Co', "incoming", "B\u00fccher AG", "x" * 80):
            self.added(name, "acme.example")
        for name in ("", "a\nb", "a\x07", "x" * 81):
            status, out, errors = self.call(name, "acme.example")
            self.assertEqual((status, out), (2, ""), errors)

    def test_what_the_network_wrote(self):
        for text in (HOSTILE, "a\n}\npartner x { domain y.example incoming { exempt } }",
                     "a\\", "a # tlsward: allow all", "%s%n", "\" }"):
            self.mail(5, text, cert_fingerprint=PIN[0], cert_cn=text,
                      tls_version="TLSv1.3", cipher=text, bits=256)
        out = self.added("Acme", "acme.example")
        self.assertEqual(out.count("\npartner "), 1)
        self.assertNotIn("\x01", out)

    def test_calls(self):
        for call in ((), ("Acme",), ("Acme", ".acme.example"), ("Acme", "acme"),
                     ("Acme", "a b"), ("Acme", "acme.example", "--from", "a/b"),
                     ("Acme", "acme.example", "--from"),
                     ("Acme", "acme.example", "--from", "--template")):
            status, out, errors = self.call(*call)
            self.assertEqual((status, out), (2, ""), call)
            self.assertNotEqual(errors, "")


class Without(Partner):
    def test_no_mail(self):
        status, out, errors = self.call("Acme", "acme.example")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(errors, "no mail from acme.example was let in since .*--template")
        self.journal.record(ago(days=1), "reject", domain="acme.example", **CLEAR)
        self.assertIn("and 1 attempts were refused", self.call("Acme", "acme.example")[2])

    def test_no_journal(self):
        self.path = os.path.join(self.folder, "nowhere.db")
        status, out, errors = self.call("Acme", "acme.example")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("--template", errors)
        out = self.added("Acme", "acme.example", "--template")
        self.assertEqual(self.required(out),
                         ["tls >= 1.2", "bits >= 128", "forward-secrecy"])
        self.assertIn("# This is a template", out)

    def test_clashes(self):
        self.mail(5, "mx1.acme.example", **NEW)
        path = self.write("two.conf", "from acme.example { exempt }\n"
                          "partner ACME { domain b.example; incoming { require tls } }\n")
        status, out, errors = self.call("Acme", "acme.example", policy=path)
        self.assertEqual(status, 1)
        self.assertIn("it clashes with " + path, errors)
        clashes = [line for line in out.splitlines() if line.endswith(" (error)")]
        self.assertEqual(len(clashes), 2, out)
        self.assertIn("two.conf:1:6", "\n".join(clashes))
        self.hold(out)

    def test_a_policy_that_cannot_be_used(self):
        self.mail(5, "mx1.acme.example", **NEW)
        for path in (self.write("bad.conf", "x"), "/nowhere/policy.conf"):
            status, out, errors = self.call("Acme", "acme.example", policy=path)
            self.assertEqual(status, 0)
            self.assertIn("it was not looked whether", errors)
            self.hold(out)


if __name__ == "__main__":
    sys.exit(main())
