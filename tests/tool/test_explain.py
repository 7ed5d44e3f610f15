#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of tlsward explain, from outside. TLSWARD names the program."""

import json
import os
import sqlite3
import sys
import unittest

from journals import Journal
from tool import HERE, main, run, runner

AT = ("--at", "2026-01-01")

SHORT = """\
Rejected: mail from a@acme.example to b@payroll.ours.example is refused for good \
(tls-version)
  rule      policy.conf:10 (from acme.example)
  required  TLS 1.3 or newer (policy.conf:12)
  session   TLSv1.2
  change    enable TLS 1.3 or newer on it
  contact   postmaster@acme.example
"""

VERBOSE = SHORT + """\
rules
  client mx2.acme.example 192.0.2.7: no rule
  recipient b@payroll.ours.example: policy.conf:16 (to payroll.ours.example)
      policy.conf:16: to payroll.ours.example .payroll.ours.example \
{ require tls; otherwise reject }
    require tls: met: TLS, otherwise reject
      session: tls_version TLSv1.2
    this rule: accept
  sender a@acme.example: policy.conf:10 (from acme.example)
      policy.conf:10: from acme.example .acme.example {
    require tls: unmet: TLS 1.3 or newer, otherwise reject
      policy.conf:12: require tls >= 1.3
      session: tls_version TLSv1.2
    require bits: met: a cipher of at least 128 bits, otherwise reject
      policy.conf:7: require bits >= 128
      session: bits 128 by the cipher's name, cipher AES128-SHA
    this rule: reject, reason tls-version
facts
  client_addr              192.0.2.7
  client_name              mx2.acme.example
  helo                     mx2
  from                     a@acme.example
  to                       b@payroll.ours.example
  tls_version              TLSv1.2
  cipher                   AES128-SHA
verdict
  domain                   acme.example
  action                   reject
  reason                   tls-version
  failed                   tls-version
  rule                     policy.conf:10
  rule_kind                from
  rule_name                acme.example
  reply                    554 5.7.0 Mail from acme.example must reach us over TLS 1.3 \
or newer; this session used TLSv1.2
  contact                  postmaster@acme.example
for the partner's postmaster
  Your server mx2.acme.example [192.0.2.7] connected on 2026-01-01 with TLSv1.2; \
mail from acme.example must reach us over TLS 1.3 or newer: please enable TLS 1.3 or \
newer on it.
"""

SESSION = ("from=a@acme.example", "tls_version=TLSv1.2", "to=b@payroll.ours.example",
           "cipher=AES128-SHA", "client_name=mx2.acme.example",
           "client_addr=192.0.2.7", "helo=mx2")

PIN = "sha256:9f2c1e5b7a3d4c6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f8"
KEY = "sha256:" + 32 * "b2"
TLS_1_2 = "tls_version=TLSv1.2"

# Facts, and the sentence: one for each reason at least.
SENTENCES = (
    (["from=a@x.example", "tls_version=none"],
     "Your server connected without encryption; mail from x.example must reach us over "
     "TLS 1.2 or newer: please let it use STARTTLS with TLS 1.2 or newer."),
    (["from=a@x.example", "tls_version=TLSv1", "client_addr=2001:db8::1"],
     "Your server [2001:db8::1] connected with TLSv1; mail from x.example must reach us "
     "over TLS 1.2 or newer: please enable TLS 1.2 or newer on it."),
    (["from=a@bits.example", TLS_1_2, "cipher=AES128-SHA"],
     "Your server connected with TLSv1.2 and the cipher AES128-SHA of 128 bits; mail "
     "from bits.example must reach us with a cipher of at least 256 bits: please enable "
     "such ciphers on it."),
    (["from=a@cipher.example", TLS_1_2, "cipher=AES128-SHA"],
     "Your server connected with TLSv1.2 and the cipher AES128-SHA; mail from "
     "cipher.example must reach us with one of the ciphers ECDHE+AESGCM: please enable "
     "one of these ciphers on it."),
    (["from=a@cipher.example", "tls_version=TLSv1.3", "cipher=TLS_AES_128_GCM_SHA256"],
     "Your server connected with TLSv1.3 and the cipher TLS_AES_128_GCM_SHA256; mail "
     "from cipher.example must reach us with one of the TLS 1.3 cipher suites "
     "TLS_AES_256_GCM_SHA384: please enable one of these cipher suites on it."),
    (["from=a@fs.example", TLS_1_2, "cipher=AES128-SHA"],
     "Your server connected with TLSv1.2 and the cipher AES128-SHA; mail from "
     "fs.example must reach us with a key exchange that gives forward secrecy: please "
     "enable cipher suites with an ephemeral key exchange (ECDHE) on it."),
    (["from=a@aead.example", TLS_1_2, "cipher=AES128-SHA"],
     "Your server connected with TLSv1.2 and the cipher AES128-SHA; mail from "
     "aead.example must reach us over TLS 1.3 or newer and with authenticated "
     "encryption (AEAD): please enable TLS 1.3 or newer on it, and enable cipher suites "
     "with AES-GCM or ChaCha20-Poly1305 on it."),
    (["from=a@aead.example", "tls_version=TLSv1.3", "cipher=AES128-SHA"],
     "Your server connected with TLSv1.3 and the cipher AES128-SHA; mail from "
     "aead.example must reach us with authenticated encryption (AEAD): please enable "
     "cipher suites with AES-GCM or ChaCha20-Poly1305 on it."),
    (["from=a@cert.example", TLS_1_2, "mta=postfix"],
     "Your server connected with TLSv1.2 and presented no client certificate that we "
     "could verify; mail from cert.example must reach us with a verified client "
     "certificate: please let it present its certificate, with the intermediate ones, "
     "when our server asks for it."),
    (["from=a@name.example", TLS_1_2, "cert_verified=yes", "cert_cn=other\nexample"],
     "Your server connected with TLSv1.2 and presented a client certificate for "
     "\"other\\nexample\"; mail from name.example must reach us with a verified client "
     "certificate for *.name.example: please let it present a certificate with that "
     "name, with the intermediate ones, when our server asks for it."),
    (["from=a@name.example", TLS_1_2, "cert_verified=yes", "cert_san=a.b,c.d,e.f,g.h"],
     "Your server connected with TLSv1.2 and presented a client certificate for a.b, "
     "c.d, e.f and 1 more; mail from name.example must reach us with a verified client "
     "certificate for *.name.example: please let it present a certificate with that "
     "name, with the intermediate ones, when our server asks for it."),
    (["from=a@issuer.example", TLS_1_2, "cert_verified=yes", "cert_issuer=CA"],
     "Your server connected with TLSv1.2 and presented a client certificate issued by "
     "CA; mail from issuer.example must reach us with a verified client certificate "
     "issued by Example CA: please let it present a certificate of that issuer, with "
     "the intermediate ones, or tell us of the change."),
    (["from=a@pin.example", TLS_1_2, "cert_fingerprint=none"],
     "Your server connected with TLSv1.2 and presented no client certificate; mail from "
     "pin.example must reach us with the client certificate or key that is registered "
     "with us: please let it present that certificate when our server asks for it, or "
     "give us its new one in person."),
    (["from=a@pin.example", TLS_1_2, "cert_pubkey_fingerprint=" + PIN],
     "Your server connected with TLSv1.2 and presented a client certificate whose key "
     "has the fingerprint " + PIN + "; mail from pin.example must reach us with the "
     "client certificate or key that is registered with us: please let it present that "
     "certificate when our server asks for it, or give us its new one in person."),
    (["from=a@key.example", TLS_1_2, "cert_key=rsa:1024"],
     "Your server connected with TLSv1.2 and presented a client certificate with the "
     "key rsa:1024; mail from key.example must reach us with a client certificate whose "
     "key is as strong as RSA with 2048 bits: please replace its certificate by one "
     "with such a key."),
    (["from=a@sig.example", TLS_1_2, "cert_signature=sha1"],
     "Your server connected with TLSv1.2 and presented a client certificate with the "
     "signature sha1; mail from sig.example must reach us with a client certificate "
     "signed with sha256 or better: please replace its certificate by one with such a "
     "signature."),
    (["from=a@valid.example", TLS_1_2, "cert_not_after=2026-01-09T00:00:00Z"],
     "Your server connected with TLSv1.2 and presented a client certificate that "
     "expires on 2026-01-09T00:00:00Z; mail from valid.example must reach us with a "
     "client certificate that is valid for another 30 days: please renew its "
     "certificate."),
    (["from=a@listed.example", TLS_1_2, "cert_fingerprint=none"],
     "Your server connected with TLSv1.2 and presented no client certificate; mail from "
     "listed.example must reach us with a client certificate whose key is as strong as "
     "RSA with 2048 bits and with a client certificate signed with sha256 or better: "
     "please let it present its certificate, with the intermediate ones, when our "
     "server asks for it."),
    (["from=a@quar.example", TLS_1_2],
     "Your server connected with TLSv1.2; mail from quar.example must reach us over TLS "
     "1.3 or newer: please enable TLS 1.3 or newer on it."),
    (["from=a@acc.example", TLS_1_2],
     "Your server connected with TLSv1.2; mail from acc.example should reach us over "
     "TLS 1.3 or newer: please enable TLS 1.3 or newer on it."),
    (["from=a@watched.example", TLS_1_2],
     "Your server connected with TLSv1.2; mail from watched.example will have to reach "
     "us over TLS 1.3 or newer: please enable TLS 1.3 or newer on it."),
    (["from=", TLS_1_2, "client_addr=192.0.2.99"],
     "Your server [192.0.2.99] connected with TLSv1.2; its mail must reach us over TLS "
     "1.3 or newer: please enable TLS 1.3 or newer on it."),
    (["from=a@fs.example", "tls_version=none", "to=b@pay.example"],
     "Your server connected without encryption; mail to pay.example must reach us over "
     "TLS: please let it use STARTTLS."),
    (["from=a@known.example", TLS_1_2, "client_addr=192.0.2.9", "client_resolve=fail"],
     "Your server [192.0.2.9] connected with TLSv1.2; mail from known.example must reach "
     "us from a client that is registered: please send it from the servers that you "
     "registered with us, or register this one."),
    (["from=", "tls_version=none"],
     "Your server connected without encryption; mail with the null sender <> must reach "
     "us over TLS 1.2 or newer: please let it use STARTTLS with TLS 1.2 or newer."),
)

OURS = (
    (["from=a@pin.example", TLS_1_2],
     "This session could not be judged by the rule reasons.conf:10 (from pin.example), "
     "for nothing told us cert_fingerprint, cert_pubkey_fingerprint: please configure "
     "the MTA or the policy service to report it (see \"Unknown facts\" in "
     "tlsward-policy(5))."),
    (["from=a@x.example"],
     "This session could not be judged by the rule reasons.conf:2 (default), for "
     "nothing told us tls_version: please configure the MTA or the policy service to "
     "report it (see \"Unknown facts\" in tlsward-policy(5))."),
    (["from=a@name.example", TLS_1_2, "cert_verified=yes", "cert_issuer=CA"],
     "This session could not be judged by the rule reasons.conf:8 (from name.example), "
     "for nothing told us cert_san, cert_cn: the certificate has no common name, and no "
     "MTA tells the names in subjectAltName; please put the certificate into "
     "partner-certificates, or require its fingerprint."),
    (["from=a@" + ".".join(["a" * 60] * 3) + ".b.example", TLS_1_2],
     "This session could not be judged by the rule reasons.conf:16 (from /(a+)+$/), "
     "whose regular expression hit the limit: please write a simpler one."),
)


def explain(*arguments, policy="policy.conf", text="", **options):
    return run("explain", "--policy", policy, *arguments, text=text, **options)


class Explain(unittest.TestCase):
    maxDiff = None

    def test_short(self):
        self.assertEqual(explain(*AT, *SESSION), (0, SHORT, ""))

    def test_step_by_step(self):
        for option in ("-v", "--verbose"):
            self.assertEqual(explain(option, *AT, *SESSION), (0, VERBOSE, ""))

    def test_as_wide_as_a_phone(self):
        output = explain(*AT, *SESSION, env=dict(os.environ, COLUMNS="40"))[1]
        self.assertLessEqual(max(map(len, output.splitlines())), 40)
        self.assertIn("\n  change    enable TLS 1.3 or newer on\n            it\n", output)
        words = " ".join(SHORT.split())
        self.assertEqual(" ".join(output.split()), words)
        self.assertNotIn("\x1b", output)

    def test_without_its_words(self):
        policy = ("--policy", "policy.conf", "from=a@acme.example", "tls_version=none")
        for arguments in ((), ("--json",)):
            status, out, errors = run("explain", *policy, *arguments, env={
                **os.environ, "TLSWARD_DATADIR": "/nonexistent"})
            self.assertEqual((status, out, errors), (
                2, "", "tlsward: cannot read /nonexistent/page/sentence.txt: "
                "No such file or directory: install tlsward again, or set "
                "TLSWARD_DATADIR\n"))

    def test_sources_of_a_certificates_facts(self):
        case = os.path.join(HERE, "..", "cases", "policy", "good", "known-certificates")
        with open(os.path.join(case, "facts.jsonl"), encoding="utf-8") as lines:
            digest = json.loads(next(lines))["cert_fingerprint"]
        status, output, errors = run(
            "explain", "-v", "--policy", os.path.join(case, "policy.conf"), "-c",
            os.path.join(case, "tlsward.conf"), *AT, "from=a@key.example",
            "tls_version=TLSv1.3", "mta=postfix", "cert_issuer=Given",
            "cert_fingerprint=" + digest)
        self.assertEqual((status, errors), (0, ""))
        for line in ("cert_issuer              Given (given)",
                     "cert_fingerprint         " + digest + " (given)",
                     "cert_key                 ec:P-256 (known certificate acme.pem)",
                     "cert_source              acme.pem"):
            self.assertIn(line + "\n", output)

    def test_monitor(self):
        output = explain("-v", *AT, "from=a@other.example", "tls_version=none")[1]
        self.assertTrue(output.startswith(
            "Accepted: mail from a@other.example, but only by monitor: without it, it "
            "would be refused for now, and may be tried again (tls)\n"
            "  rule      policy.conf:1 (default), under monitor\n"), output)
        self.assertIn("under monitor, so it counts as accept\n", output)
        self.assertIn("  would                    tempfail\n", output)

    def test_exempt(self):
        output = explain("-v", *AT, "from=", "to=postmaster@ours.example")[1]
        self.assertTrue(output.startswith(
            "Accepted: mail from <> to postmaster@ours.example, exempt: RFC 5321\n"
            "  rule      policy.conf:17 (to postmaster@ours.example), which exempts\n"),
            output)
        self.assertIn("    this rule: accept, whatever another rule says\n", output)

    def test_unknown_facts(self):
        output = explain("-v", *AT, "from=a@acme.example")[1]
        self.assertIn("\n  unknown   tls_version\n  change    let the MTA or ", output)
        self.assertIn("    require tls: unknown: TLS 1.3 or newer", output)
        self.assertIn("    require bits: moot: ", output)

    def test_all_is_met(self):
        output = explain("from=a@acme.example", "tls_version=TLSv1.3",
                         "cipher=TLS_AES_256_GCM_SHA384")[1]
        self.assertEqual(output, "Accepted: mail from a@acme.example, which meets all "
                         "that is required\n  rule      policy.conf:10 (from "
                         "acme.example)\n  contact   postmaster@acme.example\n")

    def judge(self, policy, *facts):
        path = os.path.join(runner.folder(self), "policy.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(policy)
        status, output, errors = run("explain", "--policy", path, *AT, *facts)
        self.assertEqual((status, errors), (0, ""))
        return output

    def test_without_a_rule_and_without_a_requirement(self):
        self.assertEqual(self.judge("", "from=a@b.example"), "Accepted: mail from "
                         "a@b.example, for which there is no rule\n")
        self.assertEqual(self.judge("default { }\n", "from=a@b.example"), "Accepted: "
                         "mail from a@b.example, of which nothing is required\n"
                         "  rule      policy.conf:1 (default)\n")

    def test_dates(self):
        for settings, now, lines in (
                ("require tls; otherwise reject; monitor until 2026-03-01", "none", (
                    "under monitor until 2026-03-01",
                    "  later     from 2026-03-01 on: refused for good (tls)")),
                ("require tls; monitor until 2026-03-01", "1.2", (
                    "under monitor until 2026-03-01",)),
                ("require tls; exempt until 2026-03-01", "none", (
                    "which exempts until 2026-03-01",
                    "  later     from 2026-03-01 on: refused for now, and may be tried "
                    "again (tls)")),
                ("require tls >= 1.2; require tls >= 1.0 until 2026-03-01", "1.1", (
                    "which meets all that is required",
                    "  later     from 2026-03-01 on: refused for now, and may be tried "
                    "again (tls-version)")),
                ("require tls >= 1.2; require tls >= 1.0 until 2026-03-01", "none", (
                    "  required  TLS 1.0 or newer until 2026-03-01 (policy.conf:1)",)),
                ("require tls >= 1.3; monitor until 2026-03-01; require tls >= 1.2 until "
                 "2026-04-01", "1.2", ("on: accepted by monitor alone",) * 0 + (
                    "  later     from 2026-04-01 on: refused for now",))):
            output = self.judge("default { %s }\n" % settings, "from=a@b.example",
                                "tls_version=" + now)
            for line in lines:
                self.assertIn(line, output)

    def test_agreements(self):
        policy = ("partner \"Acme\" {\n domain acme.example\n incoming via 192.0.2.0/24 {"
                  " require client 192.0.2.7 otherwise reject; require tls >= 1.3 }\n"
                  " outgoing { require tls >= 1.2; require certificate name "
                  "mx.acme.example }\n}\n")
        output = self.judge(policy, "from=a@acme.example", "client_addr=192.0.2.9",
                            "client_resolve=ok", "tls_version=1.2")
        self.assertTrue(output.startswith(
            "Rejected: mail from a@acme.example is refused for good (client)\n"
            "  rule      policy.conf:3 (from acme.example), partner Acme, via "
            "192.0.2.0/24\n"), output)
        self.assertIn("\n  client    [192.0.2.9]\n", output)
        output = self.judge(policy, "direction=out", "next_hop=acme.example")
        self.assertTrue(output.startswith(
            "To be sent: mail to the next hop acme.example\n"
            "  rule      policy.conf:4 (deliver acme.example), partner Acme\n"
            "  Postfix   secure match=mx.acme.example "
            "protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1\n"), output)
        self.assertIn("\n  required  TLS 1.2 or newer (policy.conf:4)\n"
                      "  required  a verified certificate for mx.acme.example ", output)
        self.assertNotIn("change", output)
        output = self.judge(policy, "-v", "direction=out", "next_hop=acme.example",
                            "relay=mx.acme.example", "tls_version=none")
        self.assertTrue(output.startswith("Kept back: mail to the next hop "), output)
        self.assertNotIn("reply", output)
        self.assertIn("Your server mx.acme.example took our mail on 2026-01-01 without encryption; "
                      "mail to acme.example must go over TLS", output)

    def test_a_look_up_that_failed(self):
        for policy in ("from b.example { require tls >= 1.3 otherwise reject }\n"
                       "from b.example via relay.example { exempt }\n",
                       "from b.example { require client relay.example }\n"):
            output = self.judge(policy, "-v", "from=a@b.example", "tls_version=1.2",
                                "client_addr=192.0.2.1", "client_resolve=temp")
            self.assertTrue(output.startswith("Tempfail: mail "), output)
            self.assertIn("\n  unknown   the client's name: its look-up failed for the "
                          "time being\n  change    see to the resolver\n", output)
            self.assertIn(", for the look-up of the client's name failed ", output)

    def test_what_postfix_gets(self):
        for settings, hop, lines in (
                ("exempt", "a.example", ("  Postfix   may",)),
                ("require tls; monitor until 2026-03-01", "a.example", (
                    "To be sent: mail ", "  Postfix   NOTFOUND: main.cf decides",
                    "  later     from 2026-03-01 on: Postfix gets encrypt")),
                ("require tls", "b.example", (", for which there is no rule\n",
                                              "  Postfix   NOTFOUND: main.cf decides"))):
            output = self.judge("deliver a.example { %s }\n" % settings, "direction=out",
                                "next_hop=" + hop)
            for line in lines:
                self.assertIn(line, output)
            self.assertIn("\n  Sendmail  no line\n", output)

    def test_what_sendmail_finds(self):
        policy = ("deliver a.example { require tls >= 1.2; require aead; require "
                  "certificate name mx.a.example }\ndeliver free.a.example { exempt }\n")
        for hop, line in (
                ("a.example:25", "TLS_Rcpt:a.example VERIFY:1+CN:mx.a.example; not said: "
                 "tls >= ..., aead"),
                ("sub.a.example", "TLS_Rcpt:a.example VERIFY:1+CN:mx.a.example"),
                ("free.a.example", "no line can say it beside that of a.example: see "
                 "tlsward export"),
                ("[mx.a.example]", "no line")):
            self.assertIn("\n  Sendmail  " + line + "\n", self.judge(
                policy, "direction=out", "next_hop=" + hop) + "\n")
        folder = runner.folder(self)
        path = os.path.join(folder, "tlsward.conf")
        for name, text in (("policy.conf", policy), (
                "tlsward.conf", "mta postfix\npolicy policy.conf\ntls-policy-map "
                "unix:/tmp/none\ntls-policy-next inet:127.0.0.1:1 QUERY\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        behind = "; the service behind (tls-policy-next) may make it stricter\n"
        for hop, told in (("free.a.example", "may\n"),
                          ("[mx.a.example]", "NOTFOUND: main.cf decides" + behind)):
            output = run("explain", "-c", path, *AT, "direction=out", "next_hop=" + hop)[1]
            self.assertIn("\n  Postfix   " + told, output)
            self.assertNotIn("Sendmail", output)

    def test_what_is_let_through(self):
        output = self.judge("default { require tls; otherwise accept }\n",
                            "from=a@b.example", "tls_version=none")
        self.assertIn(", though it does not meet all that is required (tls)\n", output)

    def test_a_certificate_that_was_not_verified(self):
        policy = "default { require certificate name a.example }\n"
        for facts, words in (
                (["mta=postfix"], "no client certificate that we could verify"),
                (["cert_verified=no", "cert_fingerprint=" + KEY],
                 "a client certificate with the fingerprint " + KEY + ", which we could "
                 "not verify (by its authority, its dates or its purpose, which must be "
                 "client authentication)"),
                (["cert_verified=no", "cert_fingerprint=none"], "no client certificate"),
                (["cert_verified=yes", "cert_cn="], "a client certificate without a "
                 "common name (the names in its subjectAltName are not shown to us)")):
            output = self.judge(policy, "from=a@b.example", "tls_version=1.3", *facts)
            self.assertIn(f"\n  session   TLSv1.3 and presented {words}\n", output)
        output = self.judge(policy, "from=a@b.example", "tls_version=1.3", "mta=postfix",
                            "cert_verified=yes", "cert_issuer=Some CA")
        self.assertIn("\n  session   its certificate has no common name, and no MTA tells "
                      "the names in subjectAltName\n  change    put the certificate into "
                      "partner-certificates, or require its fingerprint\n", output)

    def test_a_raw_public_key(self):
        """It is no certificate, and not nothing."""
        shown = ("tls_version=TLSv1.3", "cipher=TLS_AES_256_GCM_SHA384",
                 "cert_verified=no", "cert_fingerprint=none",
                 "cert_pubkey_fingerprint=" + KEY)
        for rule, words, asked in (
                ("certificate name a.example", " (no client certificate)", "550 5.7.1"),
                ("certificate fingerprint sha256:" + 64 * "0",
                 " (no client certificate) with the fingerprint " + KEY, "550 5.7.1"),
                ("certificate fingerprint " + KEY, None, None)):
            path = os.path.join(runner.folder(self), "policy.conf")
            with open(path, "w", encoding="ascii") as file:
                file.write("from a.example { require %s; otherwise reject }\n" % rule)
            output = run("explain", "-v", "--policy", path, "from=x@a.example",
                         *shown)[1]
            if words is None:
                self.assertIn("Accepted: mail", output)
            else:
                self.assertIn("and presented a raw public key%s; mail" % words, output)
                self.assertIn("  reply                    " + asked, output)

    def test_an_entry_of_a_list(self):
        output = explain("-v", "from=a@listed.example", TLS_1_2,
                         policy="reasons.conf")[1]
        self.assertIn("  sender a@listed.example: reasons.txt:3 (from listed.example)\n"
                      "      reasons.txt:3: listed.example\n"
                      "      reasons.conf:19: from file \"reasons.txt\" {", output)

    def test_lines_that_cannot_be_read_are_left_out(self):
        with open(os.path.join(HERE, "policy.conf"), encoding="utf-8") as file:
            text = file.read()
        read, write = os.pipe()
        os.write(write, text.encode())
        os.close(write)
        status, output, errors = run("explain", "-v", "--policy", f"/dev/fd/{read}",
                                     "from=", "tls_version=none", pass_fds=[read])
        os.close(read)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("monitor\n    require tls: unmet: TLS 1.2 or newer, ", output)

    def test_wrong_facts(self):
        for facts, error in (
                (["from"], '"from" is not of the form NAME=VALUE'),
                (["=x"], '"=x" is not of the form NAME=VALUE'),
                (["to=x"], 'from is missing (the null sender is "<>")'),
                (["form=x"], 'unknown fact "form": did you mean "from"?'),
                (["sender=x"], 'unknown fact "sender": did you mean "from"?'),
                (["protocol=1.2"], 'unknown fact "protocol": did you mean "tls_version"?'),
                (["id=4bXy2Q"], 'unknown fact "id": did you mean "queue_id"?'),
                (["from=acme.example"], 'from cannot be "acme.example", which has no "@": '
                 'did you mean "user@acme.example"?'),
                (["from=a@acme.example,"], 'from cannot be "a@acme.example,": facts are '
                 "separated by spaces, without commas"),
                (["next_hop=a@acme.example"], 'next_hop cannot be "a@acme.example": did '
                 'you mean "acme.example"?'),
                (["queue_id=4bXy2Q"], 'from is missing (the null sender is "<>")\n'
                 "tlsward: for a record of the journal give its id alone, without a name "
                 'and "="'),
                (["tls-version=1.2"],
                 'unknown fact "tls-version": did you mean "tls_version"?'),
                (["tls_version=1.4"],
                 'tls_version cannot be "1.4": did you mean "TLSv1.3"?'),
                (["tls_version=TSLv1.2"],
                 'tls_version cannot be "TSLv1.2": did you mean "TLSv1.2"?'),
                (["tls_version=yes"], 'tls_version must be "TLSv1.3", "TLSv1.2", '
                 '"TLSv1.1", "TLSv1", "SSLv3", "SSLv2" or "none"'),
                (["mta=posfix"], 'mta cannot be "posfix": did you mean "postfix"?'),
                (["cert_verified=maybe"], 'cert_verified must be "yes" or "no"'),
                (["next_hop=a.example"], "direction=out is missing: next_hop is of mail "
                 "that goes out"),
                (["direction=out"], "next_hop is missing: where the mail goes"),
                (["client_addr=192.0.2"], "client_addr must be an IPv4 or IPv6 address"),
                (["from=", "bits=x"], "bits must be an integer from 0 to 65535")):
            self.assertEqual(explain(*facts), (2, "", f"tlsward: {error}\n"))

    def test_facts_as_people_write_them(self):
        for fact, name, value in (
                *((f"tls_version={text}", "tls_version", "TLSv1.2") for text in (
                    "1.2", "TLS1.2", "tls1.2", "TLSv1.2", "tlsv1.2", "TLS 1.2")),
                *((f"tls_version={text}", "tls_version", "none") for text in (
                    "none", "clear", "cleartext", "Clear Text", "plaintext")),
                ("tls_version=1.0", "tls_version", "TLSv1"),
                ("from=<a@b.example>", "from", "a@b.example"),
                ("from=<>", "from", "<>"), ("to=<c@d.example>", "to", "c@d.example"),
                ("client_addr=[192.0.2.1]", "client_addr", "192.0.2.1"),
                ("client_addr=[IPv6:2001:db8::1]", "client_addr", "2001:db8::1"),
                ("client_resolve=TEMP", "client_resolve", "temp"),
                ("mta=Postfix", "mta", "postfix"), ("local=true", "local", "yes"),
                ("cert_verified=NO", "cert_verified", "no"),
                ("bits=128", "bits", 128), ("direction=in", "direction", None)):
            facts = [fact] if fact.startswith("from=") else ["from=a@b.example", fact]
            with self.subTest(fact):
                record = json.loads(explain("--json", *facts)[1])["record"]
                self.assertEqual(record.get(name), value)

    def test_control_characters_are_shown(self):
        output = explain("-v", "from=a@b.example", "helo=\x1b[2J\nx")[1]
        self.assertIn("  helo                     \\u001B[2J\\nx\n", output)
        self.assertNotIn("\x1b", output)


class Sentences(unittest.TestCase):
    maxDiff = None

    def sentence(self, heading, facts):
        status, output, errors = explain("-v", *facts, policy="reasons.conf")
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(output.split("\n")[-3], heading)
        return output.split("\n")[-2].strip()

    def test_for_the_partner(self):
        for facts, sentence in SENTENCES:
            with self.subTest(facts):
                self.assertEqual(
                    self.sentence("for the partner's postmaster", [*AT, *facts]),
                    sentence.replace("connected", "connected on 2026-01-01"))

    def test_no_day_that_nobody_named(self):
        facts, sentence = SENTENCES[0]
        self.assertEqual(self.sentence("for the partner's postmaster", facts), sentence)

    def test_for_ourselves(self):
        for facts, sentence in OURS:
            with self.subTest(facts):
                self.assertEqual(self.sentence("for ourselves", facts), sentence)

    def test_each_reason_has_one(self):
        seen = set()
        for facts, sentence in (*SENTENCES, *OURS):
            document = json.loads(explain("--json", *AT, *facts,
                                          policy="reasons.conf")[1])
            record = document["record"]
            reason = record.get("reason", record.get("would_reason"))
            seen.add(reason)
            self.assertEqual(document["sentence_for"],
                             "us" if reason == "unknown-fact" else "partner")
            self.assertEqual(document["sentence"].replace(" on 2026-01-01", ""),
                             sentence)
        # What goes out has no such sentence for others than its tests.
        self.assertEqual(seen, {word for word, _ in runner.requirements()[1]} - {"dane"})


RECORD = {"time": "2026-02-03T04:05:06.789Z", "client_addr": "192.0.2.7",
          "from": "a@acme.example", "domain": "acme.example", "tls_version": "TLSv1.2",
          "bits": 256, "action": "accept", "rule": "old.conf:1"}


class Record(unittest.TestCase):
    def test_of_a_log(self):
        status, output, errors = explain("--record", "-v", "--utc",
                                         text=json.dumps(RECORD) + "\nrest")
        self.assertEqual((status, errors), (0, ""))
        self.assertTrue(output.startswith(
            "Accepted on 2026-02-03 04:05 UTC: mail from a@acme.example\n"
            "  rule      old.conf:1\nThe policy of today decides otherwise:\n"
            "Rejected: mail from a@acme.example is refused for good (tls-version)\n"),
            output)
        self.assertIn("  Your server [192.0.2.7] connected on 2026-02-03 at 04:05:06 UTC "
                      "with TLSv1.2; ", output)

    def test_same_as_recorded(self):
        record = json.dumps(dict(RECORD, action="reject", reason="tls-version"))
        for zone, time in (("UTC", "2026-02-03 04:05 UTC"),
                           ("XYZ-2", "2026-02-03 06:05 XYZ")):
            output = explain("--record", text=record, env=dict(os.environ, TZ=zone))[1]
            self.assertTrue(output.startswith(
                f"Rejected on {time}: mail from a@acme.example was refused for good "), output)
            self.assertNotIn("otherwise", output)

    def test_facts_go_before_those_of_the_record(self):
        output = explain("--record", "tls_version=TLSv1.3", text=json.dumps(RECORD))[1]
        self.assertTrue(output.startswith("Accepted: mail from a@acme.example, which "
                                          "meets all"), output)
        self.assertNotIn("otherwise", output)

    def test_the_day_goes_before_that_of_the_record(self):
        output = explain(*AT, "-v", "--record", text=json.dumps(RECORD))[1]
        self.assertIn(" connected on 2026-01-01 with TLSv1.2; ", output)

    def test_none(self):
        for text, error in (("", "there is no record"), ("x\n", "not valid JSON"),
                            ("{}\n", "from is missing"), ("\n", "not valid JSON"),
                            ("x" * (2 << 20), "the line is longer than 1 MiB")):
            status, output, errors = explain("--record", text=text)
            self.assertEqual((status, output), (2, ""))
            self.assertTrue(errors.startswith("tlsward: standard input: " + error),
                            errors)


class Records(unittest.TestCase):
    """From the journal."""

    def setUp(self):
        self.path = os.path.join(runner.folder(self), "journal.db")
        journal = Journal(self.path)
        common = {"sender": "a@acme.example", "domain": "acme.example",
                  "tls_version": "TLSv1.2", "rule": "policy.conf:10",
                  "rule_kind": "from", "rule_name": "acme.example"}
        journal.record("2026-11-01T12:03:04Z", queue_id="4bXy2Q", session="5678.1",
                       to="b@ours.example", reason="tls-version", partner="Acme Ltd",
                       **common)
        journal.record("2026-11-02T12:03:04Z", "tempfail", session="5678.1", to="c@Ours.example",
                       reason="bits", rule_via="192.0.2.7", reply="451 4.7.0 Not so", **common)
        journal.record("2026-11-03T12:03:04Z", "accept", session="5678.2", sender="<>",
                       tls_version="none", enforced="no", would="tempfail",
                       would_reason="tls", rule="policy.conf:1", rule_kind="default")
        for hour in (1, 23):
            journal.rollup(f"2026-11-02T{hour:02}:00:00Z", f"2026-11-02T{hour:02}:09:00Z", 17,
                           domain="rolled.example", tls_version="TLSv1.3")
        journal.rollup("2026-11-09T01:00:00Z", "2026-11-09T01:09:00Z", 3,
                       domain="acme.example", tls_version="TLSv1.3")
        journal.db.close()

    def explain(self, *arguments, policy="policy.conf"):
        return run("explain", "--utc", "--journal", self.path, "--policy", policy,
                   *arguments)

    def test_queue_id(self):
        self.assertEqual(self.explain("4bXy2Q"), (
            0, "Rejected on 2026-11-01 12:03 UTC: mail from a@acme.example to "
            "b@ours.example was refused for good (tls-version)\n" +
            SHORT.split("\n", 1)[1], ""))

    def test_session(self):
        status, output, errors = self.explain("5678.1")
        self.assertEqual((status, errors), (0, ""))
        last, first = output.split("\n\n")
        self.assertTrue(last.startswith(
            "Tempfail on 2026-11-02 12:03 UTC: mail from a@acme.example to c@Ours.example "
            "(bits)\n  rule      policy.conf:10 (from acme.example), via 192.0.2.7\n"
            "  reply     451 4.7.0 Not so\n"
            "The policy of today decides otherwise:\n"
            "Rejected: mail from a@acme.example to c@Ours.example is refused for good "
            "(tls-version)\n"), last)
        self.assertTrue(first.startswith("Rejected on 2026-11-01 "), first)
        lines = self.explain("5678.1", "--json")[1].splitlines()
        documents = [json.loads(line) for line in lines]
        self.assertEqual([document.get("recorded", {}).get("action")
                          for document in documents], ["tempfail", None])

    def test_last(self):
        for name, when in (("acme.example", "2026-11-02"), ("ACME.example.", "2026-11-02"),
                           ("x@acme.example", "2026-11-02"), ("acme ltd", "2026-11-01"),
                           ("ours.example", "2026-11-02"), ("<>", "2026-11-03")):
            status, output, errors = self.explain("--last", name)
            self.assertEqual((name, status, errors), (name, 0, ""))
            self.assertIn(f" on {when} 12:03 UTC: ", output.split("\n")[0])
        self.assertIn("Messages of acme.example were accepted later, the last on "
                      "2026-11-09: they are in roll-ups",
                      self.explain("--last", "acme.example")[1])

    def test_on_another_day(self):
        output = self.explain(*AT, "5678.1")[1]
        self.assertTrue(output.startswith("Tempfail on 2026-11-02 12:03 UTC: "), output)
        self.assertIn("\nRejected: mail from a@acme.example to c@Ours.example is ", output)

    def test_with_another_fact(self):
        for arguments in (("4bXy2Q",), ("--last", "acme ltd")):
            self.assertTrue(self.explain(*arguments, "tls_version=1.3", "bits=256")[1]
                            .startswith("Accepted: mail from a@acme.example to "
                                        "b@ours.example, which meets all "))
        self.assertIn('did you mean "tls_version"?', self.explain("4bXy2Q", "tls=1")[2])

    def test_monitor(self):
        self.assertEqual(self.explain("5678.2")[1].split("\n")[0], (
            "Accepted on 2026-11-03 12:03 UTC: mail from <>, but only by monitor: without "
            "it, it would be refused for now, and may be tried again (tls)"))

    def test_not_found(self):
        for arguments, words in (
                (["4bXy2q"], 'has no record of "4bXy2q": did you mean "4bXy2Q"?'),
                (["AAAAAAAA"], 'of a queue id or session "AAAAAAAA": accepted messages '
                 'may be in roll-ups, which have no ids (journal-accepted)'),
                (["a@acme.example"], "did you mean --last acme.example?"),
                (["acme.example"], "did you mean --last acme.example?"),
                (["acme ltd"], "did you mean --last acme ltd?"),
                (["192.0.2.1"], "did you mean tlsward log --client 192.0.2.1?"),
                (["--last", "192.0.2.1"], "did you mean tlsward log --client 192.0.2.1?"),
                (["--last", "acme.exmple"], 'did you mean "acme.example"?'),
                (["--last", "nowhere.invalid"],
                 'has no record of a domain or partner "nowhere.invalid"'),
                (["--last", "rolled.example"],
                 '"rolled.example": all 34 messages were accepted, and are in roll-ups')):
            status, output, errors = self.explain(*arguments)
            self.assertEqual((status, output), (1, ""))
            self.assertIn(words, errors)
            self.assertEqual(errors.count("\n"), 1)

    def test_wrong_calls(self):
        self.assertEqual(self.explain()[:2], (2, ""))
        self.assertIn("not of the form NAME=VALUE", self.explain("from")[2])
        status, output, errors = run("explain", "--journal", "/nonexistent", "4bXy2Q")
        self.assertEqual((status, output), (2, ""))
        self.assertIn("there is no journal /nonexistent", errors)

    def test_without_a_policy(self):
        status, output, errors = self.explain("4bXy2Q", policy="/nonexistent")
        self.assertEqual(status, 2)
        self.assertIn("/nonexistent", errors)
        self.assertEqual(output, "Rejected on 2026-11-01 12:03 UTC: mail from "
                         "a@acme.example to b@ours.example (tls-version)\n  rule      "
                         "policy.conf:10 (from acme.example), partner Acme Ltd\n")

    def test_many(self):
        journal = Journal.__new__(Journal)
        journal.db = sqlite3.connect(self.path, isolation_level=None)
        for minute in range(12):
            journal.record(f"2026-11-05T12:{minute:02}:00Z", session="many",
                           sender="a@acme.example", tls_version="none")
        journal.db.close()
        output = self.explain("many")[1]
        self.assertEqual(output.count(" on 2026-11-05 "), 10)
        self.assertTrue(output.endswith(
            "There are more records of it; these are the newest 10.\n"), output)


class Json(unittest.TestCase):
    maxDiff = None

    def document(self, *arguments, policy="policy.conf"):
        status, output, errors = explain("--json", *AT, *arguments, policy=policy)
        self.assertEqual((status, errors, output.count("\n")), (0, "", 1))
        self.assertTrue(output.isascii())
        return json.loads(output)

    def test_members(self):
        document = self.document(*SESSION)
        self.assertEqual(list(document), ["record", "rules", "reply", "sentence_for",
                                          "sentence"])
        decided = run("decide", "--policy", "policy.conf", *AT, text=json.dumps(
            dict(fact.split("=", 1) for fact in SESSION)))
        self.assertEqual(document["record"], json.loads(decided[1]))
        self.assertEqual(document["reply"], document["record"]["reply"])
        to, sender = document["rules"]
        self.assertEqual({name: value for name, value in sender.items()
                          if name != "requirements"}, {
            "for": "from", "rule": "policy.conf:10",
            "line": "from acme.example .acme.example {", "rule_kind": "from",
            "rule_name": "acme.example", "statement": {
                "kind": "from", "place": "policy.conf:10",
                "line": "from acme.example .acme.example {"},
            "reported": True, "exempt": False, "monitored": False, "undecided": False,
            "action": "reject", "reason": "tls-version"})
        self.assertEqual(sender["requirements"], [
            {"kind": "tls", "status": "unmet", "required": "TLS 1.3 or newer",
             "action": "reject", "place": "policy.conf:12",
             "line": "require tls >= 1.3", "session": {"tls_version": "TLSv1.2"}},
            {"kind": "bits", "status": "met", "required": "a cipher of at least 128 bits",
             "action": "reject", "place": "policy.conf:7",
             "line": "require bits >= 128", "session": {"cipher": "AES128-SHA"}}])
        self.assertEqual((to["for"], to["reported"], to["action"]),
                         ("to", False, "accept"))

    def test_what_does_not_apply_is_left_out(self):
        document = self.document("from=", "to=postmaster@ours.example")
        self.assertEqual(list(document), ["record", "rules"])
        self.assertNotIn("action", document["rules"][0])
        self.assertEqual(document["rules"][0]["exempt"], True)
        self.assertEqual(document["rules"][0]["requirements"], [])

    def test_statuses(self):
        document = self.document("from=a@acme.example")
        self.assertEqual([each["status"] for each in document["rules"][0]["requirements"]],
                         ["unknown", "moot"])

    def test_an_entry_of_a_list(self):
        rule = self.document("from=a@listed.example", TLS_1_2,
                             policy="reasons.conf")["rules"][0]
        self.assertEqual((rule["rule"], rule["line"], rule["statement"]["place"]),
                         ("reasons.txt:3", "listed.example", "reasons.conf:19"))

    def test_tls_that_is_only_implied(self):
        tls, cert = self.document("from=a@cert.example", "tls_version=none",
                                  policy="reasons.conf")["rules"][0]["requirements"]
        self.assertEqual(tls, {"kind": "tls", "status": "unmet",
                               "session": {"tls_version": "none"}})
        self.assertEqual((cert["kind"], cert["status"]), ("certificate", "moot"))


if __name__ == "__main__":
    sys.exit(main())
