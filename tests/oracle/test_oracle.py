# SPDX-License-Identifier: ISC
"""Cases from the contract's text that pin the oracle itself."""

import datetime
import os
import random
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = HERE, os.path.dirname(HERE)

import compare
import facts
import generate
import language
import lexer
import names
import oracle
import runner

TODAY = datetime.date(2026, 11, 21)
MODERN = {"tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256}
TLS12 = {"tls_version": "TLSv1.2", "cipher": "ECDHE-RSA-AES128-GCM-SHA256", "bits": 128}
OLD = {"tls_version": "TLSv1", "cipher": "AES128-SHA", "bits": 128}
CLEAR = {"tls_version": "none"}
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SHA1 = "sha1:" + "c" * 40


class Case(unittest.TestCase):
    def judge(self, policy, *parts, files=None, **named):
        given = {"from": "user@acme.example"}
        for part in parts:
            given.update(part)
        given.update({"from" if k == "sender" else k: v for k, v in named.items()})
        with tempfile.TemporaryDirectory() as folder:
            for path, text in dict(files or {}, **{"policy.conf": policy}).items():
                full = os.path.join(folder, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8", newline="") as stream:
                    stream.write(text)
            path = os.path.join(folder, "policy.conf")
            return oracle.Oracle(path, TODAY).judge(given)

    def expect(self, verdict, **fields):
        self.assertEqual({k: verdict.get(k) for k in fields}, fields)

    def who(self, policy, **facts):
        return self.judge(policy, MODERN, **facts).get("rule_name")


class Names(Case):
    def test_domains(self):
        self.assertEqual(names.domain("ACME.Example."), "acme.example")
        self.assertEqual(names.domain("Bücher.example"), "xn--bcher-kva.example")
        self.assertEqual(names.domain("faß.example"), "xn--fa-hia.example")
        self.assertEqual(names.domain("日本。example"), "xn--wgv71a.example")

    def test_addresses(self):
        self.assertEqual(names.address('"HR"@acme.example'), ("hr", "acme.example"))
        self.assertEqual(names.address(r'"a\@\"b"@x.example'), ('a@"b', "x.example"))
        self.assertEqual(names.address("@a,@b:hr@acme.example"), ("hr", "acme.example"))
        self.assertEqual(names.address("hr"), ("hr", None))

    def test_without_detail(self):
        self.assertEqual(names.without_detail("user+a+b", "-+"), "user")
        self.assertIsNone(names.without_detail("user", "+"))


class Lexical(Case):
    def test_spacing_and_comments(self):
        policy = ("\ufeff# c\r\nfrom acme.example # { \r\n  \"other.example\" {"
                  "require tls >=TLSv1.2;otherwise reject } # end\r\n")
        self.expect(self.judge(policy, OLD), action="reject", reason="tls-version",
                    rule="policy.conf:2")

    def test_joined_lines(self):
        policy = ("from acme.example {\n require certificate fingerprint \\\n"
                  f"  {A} \\\n {B} otherwise reject\n}}")
        self.expect(self.judge(policy, MODERN, cert_fingerprint=B), action="accept")

    def test_string_is_no_keyword(self):
        self.assertEqual(self.who('from "file" { }', sender="a@file"), "file")

    def test_literals_inside_a_regex(self):
        self.assertEqual(self.who('from /[{};#"]|acme/ { }'), '/[{};#"]|acme/')

    def test_version_names(self):
        for version in ("1.0", "TLSv1", "TLSv1.0"):
            verdict = self.judge(f"default {{ require tls >= {version} }}", OLD)
            self.expect(verdict, action="accept")

    def test_unreadable(self):
        for policy in ("frm a.example {}", "default { require tls extra }",
                       "default { } default { }",
                       "from a.example { } from A.example. { }"):
            with self.assertRaises(lexer.PolicyError):
                self.judge(policy)


class Sender(Case):
    def test_most_specific(self):
        whos = ["user@acme.example", "acme.example", ".example", "/acme/"]
        while whos:
            rules = "".join(f"from {who} {{ }}\n" for who in reversed(whos))
            self.assertEqual(self.who(rules), whos.pop(0))

    def test_first_regex_in_reading_order(self):
        self.assertEqual(self.who("from /me/ { }\nfrom /acme/ { }"), "/me/")

    def test_longest_suffix_and_not_itself(self):
        policy = "from .example { }\nfrom .acme.example { }\n"
        self.assertEqual(self.who(policy, sender="a@x.y.acme.example"), ".acme.example")
        self.assertEqual(self.who(policy), ".example")

    def test_null_sender(self):
        policy = "default { }\nfrom /./ { }\n"
        for sender in ("<>", ""):
            self.expect(self.judge(policy, MODERN, sender=sender), rule_kind="default",
                        rule="policy.conf:1", rule_name=None)
            self.assertEqual(self.who(policy + "from <> { }", sender=sender), "<>")

    def test_without_domain(self):
        verdict = self.judge("from /./ { }\ndefault { }", MODERN, sender="postmaster")
        self.expect(verdict, rule_kind="default")

    def test_without_a_rule(self):
        self.expect(self.judge("", CLEAR), action="accept", rule=None, reason=None)

    def test_internationalised(self):
        policy = "from Bücher.example { }\n"
        self.assertEqual(self.who(policy, sender="a@XN--BCHER-KVA.example."),
                         "Bücher.example")

    def test_detail_is_for_recipients(self):
        self.assertIsNone(self.who("from hr@acme.example { }",
                                   sender="hr+x@acme.example"))


class Recipient(Case):
    RULES = ("to hr@a.example { require tls; otherwise reject }\n"
             "to hr+x@a.example { exempt }\nto postmaster { exempt }\n")

    def test_detail(self):
        self.expect(self.judge(self.RULES, CLEAR, to="HR+x@A.example"), action="accept")
        self.expect(self.judge(self.RULES, CLEAR, to='"hr+y"@a.example'),
                    action="reject", rule_name="hr@a.example")

    def test_bare_postmaster_alone(self):
        verdict = self.judge(self.RULES, CLEAR, to="Postmaster",
                             to_resolved="hr@a.example")
        self.expect(verdict, action="accept", rule_name="postmaster")

    def test_bare_other(self):
        self.expect(self.judge(self.RULES, CLEAR, to="hr"), action="accept", rule=None)

    def test_resolved_stricter(self):
        self.expect(self.judge(self.RULES, CLEAR, to="b@b.example",
                               to_resolved="hr@a.example"), action="reject")
        self.expect(self.judge(self.RULES, CLEAR, to="b@b.example", to_resolved="hr"),
                    action="accept")

    def test_exemption_applies_to_both(self):
        self.expect(self.judge(self.RULES, CLEAR, to="hr+x@a.example",
                               to_resolved="hr@a.example"),
                    action="reject", rule_name="hr@a.example")
        self.expect(self.judge(self.RULES, MODERN, to="hr+x@a.example",
                               to_resolved="b@b.example"), action="accept", rule=None)


class Client(Case):
    ORDER = ["authenticated", "local", "mx.acme.example", ".acme.example",
             "192.0.2.0/24", "192.0.0.0/16", "/^mx/"]

    def test_order(self):
        facts = {"client_addr": "192.0.2.1", "client_name": "MX.acme.example.",
                 "sasl_username": "alice", "local": "yes"}
        whos = list(self.ORDER)
        while whos:
            rules = [f"client {who} {{ require tls }}\n" for who in reversed(whos)]
            verdict = self.judge("".join(rules), CLEAR, facts)
            self.expect(verdict, rule_name=whos.pop(0), rule_kind="client")

    def test_unverified_name_matches_nothing(self):
        verdict = self.judge("client /mx/ { exempt }", client_ptr="mx.acme.example")
        self.expect(verdict, rule=None)

    def test_loopback_is_not_local(self):
        verdict = self.judge("client local { exempt }", client_addr="127.0.0.1")
        self.expect(verdict, rule=None)


class Structure(Case):
    def test_include_and_list(self):
        files = {"policy.d/b.conf": "from /acme/ { }", "list.txt":
                 "# us\n\n.acme.example # them\nUser@b.example\n",
                 "policy.d/a.conf": "\nfrom\n file \"list.txt\" { note \"a\" }"}
        policy = 'include "policy.d/*.conf"\n'
        self.expect(self.judge(policy, MODERN, files=files), rule="policy.d/b.conf:1")
        verdict = self.judge(policy, MODERN, files=files, sender="user@B.example")
        self.expect(verdict, rule="list.txt:4", rule_name="User@b.example", note="a",
                    rule_kind="from")

    def test_use_in_place(self):
        policy = ("profile p { require bits >= 256; require tls >= 1.3;"
                  " otherwise reject; contact a@b c@d }\n"
                  "from acme.example { use p; require bits >= 128;"
                  " otherwise quarantine }")
        self.expect(self.judge(policy, TLS12), action="quarantine",
                    failed=["tls-version"], contact="a@b c@d")

    def test_use_default(self):
        policy = "from acme.example { use default }\ndefault { require tls }"
        self.expect(self.judge(policy, CLEAR), action="tempfail", rule_kind="from")

    def test_rule_starts_empty(self):
        policy = "from acme.example { }\ndefault { require tls }"
        self.expect(self.judge(policy, CLEAR), action="accept", reason=None)

    def test_require_nothing(self):
        policy = "default { require aead; require nothing; require bits >= 256 }"
        self.expect(self.judge(policy, OLD), failed=["bits"])

    def test_kinds_replace(self):
        policy = ("default { require tls >= 1.3 otherwise reject; require tls >= 1.2;"
                  " require certificate; require certificate name x }")
        self.expect(self.judge(policy, OLD, cert_verified="yes", cert_cn="y"),
                    action="tempfail", failed=["tls-version", "certificate-name"])

    def test_enforce(self):
        policy = "profile p { monitor; exempt }\nfrom acme.example { use p; %s }"
        self.expect(self.judge(policy % "require tls; enforce", CLEAR),
                    action="tempfail")
        self.expect(self.judge(policy % "require tls", CLEAR), action="accept",
                    reason=None)


class Verdict(Case):
    def test_strictest_and_first_of_it(self):
        policy = ("default { require tls >= 1.3; require bits >= 256 otherwise reject;"
                  " require aead otherwise reject }")
        self.expect(self.judge(policy, OLD), action="reject", reason="bits",
                    failed=["tls-version", "bits", "aead"])

    def test_clear_text_alone(self):
        policy = "default { require tls otherwise accept; require bits >= 1 }"
        self.expect(self.judge(policy, CLEAR), action="accept", reason="tls",
                    failed=["tls"])

    def test_null_cipher_is_clear_text(self):
        verdict = self.judge("default { require tls }", tls_version="TLSv1.2",
                             cipher="NULL-SHA256")
        self.expect(verdict, reason="tls")

    def test_implied_tls_lends_reply(self):
        policy = ('default { require aead otherwise reject 550 5.7.9 "aead";'
                  ' require bits >= 1 otherwise reject "bits {domain}";'
                  ' require cipher "ALL" otherwise tempfail }')
        verdict = self.judge(policy, CLEAR)
        self.expect(verdict, action="reject", reason="tls")
        self.assertEqual(verdict["reply"][:2], ("530", "5.7.0"))
        self.assertTrue(verdict["reply"].text.fullmatch("bits acme.example"))

    def test_default_replies(self):
        for requirement, facts, reply in (
                ("tls", CLEAR, ("530", "5.7.0")),
                ("bits >= 256", OLD, ("554", "5.7.0")),
                ("certificate", dict(MODERN, cert_verified="no"), ("550", "5.7.1"))):
            for action in ("reject", "tempfail"):
                policy = f"default {{ require {requirement} otherwise {action} }}"
                wanted = reply if action == "reject" else ("451", "4" + reply[1][1:])
                self.assertEqual(self.judge(policy, facts)["reply"][:2], wanted)

    def test_monitor(self):
        policy = "default { require tls; otherwise reject; monitor }"
        self.expect(self.judge(policy, CLEAR), action="accept", reason=None,
                    failed=None, enforced="no", would="reject", would_reason="tls",
                    would_failed=["tls"], would_rule="policy.conf:1")

    def test_strictest_monitored_rule(self):
        policy = ("default { require tls; otherwise reject; monitor }\n"
                  "client local { require tls; otherwise quarantine; monitor }\n"
                  "to .example { require aead otherwise accept }")
        self.expect(self.judge(policy, CLEAR, local="yes", to="a@b.example"),
                    action="accept", rule_kind="to", would="reject",
                    would_rule="policy.conf:1")

    def test_until(self):
        for date, action in (("2026-11-21", "tempfail"), ("2026-11-22", "accept")):
            for setting in ("exempt", "monitor"):
                policy = f"default {{ require tls; {setting} until {date} }}"
                self.expect(self.judge(policy, CLEAR), action=action)

    def test_past_date_cancels(self):
        policy = "default { require tls; exempt; exempt until 2020-01-01 }"
        self.expect(self.judge(policy, CLEAR), action="tempfail")

    def test_exempt_order_and_reason(self):
        policy = ('from acme.example { exempt "sender" }\nclient local { exempt }\n'
                  'to .example { exempt "to" }')
        verdict = self.judge(policy, CLEAR, to="a@b.example")
        self.expect(verdict, exempt="to", rule_kind="to", action="accept")
        verdict = self.judge(policy, CLEAR, to="a@b.example", local="yes")
        self.expect(verdict, exempt=None, rule_kind="client")

    def test_equals(self):
        policy = ("client local { require bits >= 1 otherwise accept }\n"
                  "to .example { require tls otherwise accept }\ndefault { }")
        self.expect(self.judge(policy, OLD, to="a@b.example", local="yes"),
                    rule_kind="default")
        self.expect(self.judge(policy, CLEAR, to="a@b.example"), rule_kind="to",
                    reason="tls")


class Cryptography(Case):
    def failed(self, requirement, *facts, **named):
        policy = f"default {{ require {requirement} otherwise reject }}"
        return self.judge(policy, *facts, **named).get("failed")

    def test_versions(self):
        for protocol in ("SSLv2", "SSLv3", "UNKNOWN", "TLSv1.4"):
            self.assertEqual(self.failed("tls >= 1.0", tls_version=protocol),
                             ["tls-version"])

    def test_bits_from_the_table(self):
        self.assertIsNone(self.failed("bits >= 256", tls_version="TLSv1.2",
                                      cipher="AES256-SHA"))

    def test_cipher(self):
        self.assertIsNone(self.failed('cipher "ECDHE+AESGCM"', TLS12))
        self.assertIsNone(self.failed('cipher "NULL"', MODERN))
        self.assertEqual(self.failed('cipher "ECDHE+AESGCM"', OLD), ["cipher"])
        self.assertEqual(self.failed('cipher "ALL"', MODERN, tls_version="FOO"),
                         ["cipher"])

    def test_ciphersuites(self):
        suites = 'ciphersuites "TLS_AES_128_GCM_SHA256"'
        self.assertIsNone(self.failed(suites, OLD))
        self.assertEqual(self.failed(suites, MODERN), ["cipher"])

    def test_forward_secrecy(self):
        self.assertIsNone(self.failed("forward-secrecy", tls_version="TLSv1.3"))
        self.assertIsNone(self.failed("forward-secrecy", tls_version="TLSv1.2",
                                      cipher="ADH-AES256-SHA"))
        self.assertEqual(self.failed("forward-secrecy", OLD), ["forward-secrecy"])

    def test_aead(self):
        self.assertIsNone(self.failed("aead", TLS12))
        self.assertEqual(self.failed("aead", OLD), ["aead"])


class Unknown(Case):
    def unknown(self, requirement, failed, *facts, **named):
        policy = (f"default {{ require {requirement} "
                  'otherwise reject 550 5.7.9 "own" }')
        verdict = self.judge(policy, *facts, **named)
        self.expect(verdict, action="tempfail", reason="unknown-fact", failed=[failed])
        self.assertEqual(verdict["reply"][:3], ("451", "4.7.0", None))

    def test_encryption(self):
        self.unknown("tls", "tls")
        self.unknown("certificate", "tls", cert_verified="no", bits=128)

    def test_protocol_alone(self):
        self.unknown("tls >= 1.2", "tls-version", cipher="TLS_AES_128_GCM_SHA256")
        policy = 'default { require cipher "NULL"; require forward-secrecy }'
        self.expect(self.judge(policy, cipher="TLS_AES_128_GCM_SHA256"), reason=None)
        self.expect(self.judge("default { require tls }", cipher="NULL-SHA"),
                    reason="tls")

    def test_cipher_name(self):
        for requirement, failed in (('cipher "ALL"', "cipher"), ("aead", "aead"),
                                    ("forward-secrecy", "forward-secrecy"),
                                    ("bits >= 1", "bits")):
            self.unknown(requirement, failed, tls_version="TLSv1.2")
        self.unknown("aead", "aead", tls_version="TLSv1.3")
        self.unknown('ciphersuites "TLS_AES_128_GCM_SHA256"', "cipher",
                     tls_version="TLSv1.3")
        self.unknown("bits >= 1", "bits", tls_version="TLSv1.2", cipher="FOO")

    def test_certificate(self):
        for kind in ("", " name x", ' issuer "x"', " fingerprint " + A):
            self.unknown("certificate" + kind, ("certificate" + kind).replace(
                " ", "-", 1).split(" ")[0], MODERN)

    def test_action_of_unknown(self):
        for action in ("quarantine", "accept"):
            policy = f"default {{ require certificate otherwise {action} }}"
            self.expect(self.judge(policy, MODERN), action=action,
                        reason="unknown-fact")


class Certificate(Case):
    GOOD = dict(MODERN, cert_verified="yes", cert_cn="mx.acme.example",
                cert_issuer="Test Root CA")

    def failed(self, requirement, **facts):
        policy = f"default {{ require certificate {requirement} }}"
        return self.judge(policy, self.GOOD, facts).get("failed")

    def test_names(self):
        for pattern in ("MX.acme.example", "*.ACME.example", r"/MX\..*/",
                        "x mx.acme.example"):
            self.assertIsNone(self.failed("name " + pattern))
        for pattern in ("acme.example", "*.example", "/mx/", "*.mx.acme.example"):
            self.assertEqual(self.failed("name " + pattern), ["certificate-name"])

    def test_alternative_names_come_first(self):
        self.assertEqual(self.failed("name mx.acme.example", cert_san=["x"]),
                         ["certificate-name"])
        self.assertIsNone(self.failed("name mx.acme.example", cert_san=[]))

    def test_empty_is_without_and_left_out_is_unknown(self):
        verified = dict(MODERN, cert_verified="yes")
        for kind, fact in (("name", "cert_cn"), ("issuer", "cert_issuer")):
            policy = f"default {{ require certificate {kind} x }}"
            self.expect(self.judge(policy, verified), reason="unknown-fact",
                        failed=["certificate-" + kind])
            self.expect(self.judge(policy, verified, {fact: ""}),
                        reason="certificate-" + kind)
            self.assertEqual(self.failed(f"{kind} /.*/", **{fact: ""}),
                             ["certificate-" + kind])

    def test_issuer(self):
        self.assertIsNone(self.failed('issuer "Test Root CA"'))
        self.assertIsNone(self.failed("issuer /test root ca/i"))
        for pattern in ('"test root ca"', "/Test/", "/test root ca/"):
            self.assertEqual(self.failed("issuer " + pattern), ["certificate-issuer"])

    def test_not_verified(self):
        policy = ("default { require certificate otherwise accept;"
                  " require certificate name x otherwise reject;"
                  " require certificate issuer y }")
        self.expect(self.judge(policy, self.GOOD, cert_verified="no"), action="reject",
                    reason="certificate", failed=["certificate"])

    def test_names_of_unknown_verification(self):
        for kind in ("name user.example", 'issuer "My CA"'):
            policy = f"default {{ require certificate {kind} }}"
            facts = dict(self.GOOD, cert_cn="user.example", cert_issuer="My CA")
            del facts["cert_verified"]
            self.expect(self.judge(policy, facts), action="tempfail",
                        reason="unknown-fact")
            self.expect(self.judge(policy, facts, mta="postfix"),
                        reason="unknown-fact")

    def test_postfix_reports_verified_ones_only(self):
        policy = "default { require certificate }"
        self.expect(self.judge(policy, MODERN, mta="postfix"), reason="certificate")
        self.expect(self.judge(policy, MODERN, mta="sendmail"), reason="unknown-fact")

    def test_pins(self):
        pins = "fingerprint " + A.upper().replace("SHA", "sha")
        self.assertIsNone(self.failed(pins, cert_fingerprint=A, cert_verified="no"))
        self.assertIsNone(self.failed(pins, cert_fingerprint=B,
                                      cert_pubkey_fingerprint=A))
        for digest in (B, "none"):
            self.assertEqual(self.failed(pins, cert_fingerprint=digest),
                             ["certificate-fingerprint"])

    def test_pin_of_another_algorithm(self):
        policy = f"default {{ require certificate fingerprint {A} }}"
        self.expect(self.judge(policy, self.GOOD, cert_fingerprint=SHA1),
                    reason="unknown-fact", failed=["certificate-fingerprint"])


class Via(Case):
    ORDER = ["authenticated", "mx.acme.example", ".acme.example", "192.0.2.0/24",
             "192.0.0.0/16", "/^mx/"]
    CLIENT = {"client_addr": "192.0.2.1", "client_name": "mx.acme.example",
              "sasl_username": "alice"}

    def test_the_most_specific_client(self):
        vias = list(self.ORDER)
        while vias:
            rules = "".join(f"from acme.example via {via} {{ }}\n"
                            for via in reversed(vias)) + "from acme.example { }"
            verdict = self.judge(rules, MODERN, self.CLIENT)
            self.expect(verdict, rule_via=vias.pop(0), rule_name="acme.example")

    def test_the_next_step_where_no_client_matches(self):
        policy = ("from user@acme.example via 198.51.100.1 { }\n"
                  "from domain acme.example { note \"domain\" }")
        self.expect(self.judge(policy, self.CLIENT), note="domain", rule_via=None)
        self.expect(self.judge(policy, client_addr="198.51.100.1"),
                    rule_via="198.51.100.1", rule_name="user@acme.example")

    def test_local_mail_is_local_alone(self):
        policy = "from acme.example via 192.0.2.0/24 authenticated { }\n"
        self.expect(self.judge(policy, self.CLIENT, local="yes"), rule=None)
        verdict = self.judge(policy + "from acme.example via local { }", self.CLIENT,
                             local="yes")
        self.expect(verdict, rule_via="local")

    def test_failed_look_up(self):
        rest = " { require tls; otherwise reject 550 5.7.9 \"own\" }"
        for policy, soft in (
                ("from acme.example via mx.x.example { exempt }\ndefault" + rest, True),
                ("from acme.example via /x/ { }\nfrom acme.example" + rest, True),
                ("from acme.example via 192.0.2.9 { }\nfrom acme.example" + rest,
                 False),
                ("from acme.example via /x/ { }\n"
                 "from acme.example via 192.0.2.0/24" + rest, False),
                ("from acme.example via x.example 192.0.2.0/24" + rest, False)):
            facts_of = dict(CLEAR, client_addr="192.0.2.1", client_resolve="temp")
            verdict = self.judge(policy, facts_of)
            action, reason = (("tempfail", "unknown-fact") if soft else
                              ("reject", "tls"))
            self.expect(verdict, action=action, reason=reason, failed=["tls"])
            self.assertEqual(verdict["reply"][1], "4.7.0" if soft else "5.7.9")
            self.expect(self.judge(policy, facts_of, client_resolve="fail"),
                        action="reject")

    def test_the_same_twice(self):
        for second in ("from acme.example via 192.0.2.1/32 { }", "from acme.example { }"):
            with self.assertRaises(lexer.PolicyError):
                self.judge("from acme.example via 192.0.2.1 { }\n"
                           "from Acme.example. { }\n" + second)


class RequiredClient(Case):
    def test_first_and_without_tls(self):
        policy = ("default { require client 192.0.2.0/24 otherwise reject;"
                  " require aead otherwise reject }")
        self.expect(self.judge(policy, CLEAR, client_addr="198.51.100.1"),
                    reason="client", failed=["client", "tls"])
        self.expect(self.judge(policy, client_addr="192.0.2.1"),
                    failed=["tls"], reason="unknown-fact")

    def test_what_is_known(self):
        for client, named, failed in (
                ("mx.acme.example", {}, None),
                ("mx.acme.example", {"client_addr": "192.0.2.1"}, "client"),
                ("mx.acme.example", {"client_resolve": "forged"}, "client"),
                ("mx.acme.example", {"client_resolve": "temp",
                                     "client_addr": "192.0.2.1"}, None),
                ("192.0.2.1", {"client_name": "mx.acme.example"}, None),
                ("authenticated", {}, "client"),
                ("/x/ 192.0.2.1", {"local": "yes"}, "client")):
            policy = f"default {{ require client {client}; otherwise reject }}"
            verdict = self.judge(policy, MODERN, **named)
            self.expect(verdict, reason=failed or "unknown-fact", failed=["client"])


class Dates(Case):
    def test_edges(self):
        for dates, reason in (("from 2026-11-21", "tls-version"),
                              ("from 2026-11-22", None),
                              ("until 2026-11-22", "tls-version"),
                              ("until 2026-11-21", None),
                              ("from 2026-11-20 until 2026-11-21", None)):
            policy = f"default {{ require tls; require tls >= 1.3 {dates} }}"
            self.expect(self.judge(policy, OLD), reason=reason)

    def test_lists_end_at_dates(self):
        policy = "default { require client 192.0.2.1 from 2026-11-22 otherwise reject }"
        self.expect(self.judge(policy, client_addr="192.0.2.2"), action="accept")


class Expressions(Case):
    def test_what_they_are_about(self):
        for written, about in (("/@/", True), (r"/\@x/", True), ("/[@]x/", True),
                               ("/[^@]+/", False), ("/[^a@]+/", False), ("/x/", False),
                               ("/^[^@]+@x/", True), (r"/[^\]@]x/", False)):
            self.assertIs(lexer.is_about_addresses(written), about, written)

    def test_between_address_and_domain(self):
        whos = ["user@acme.example", "/@acme/", "/^user@/", "acme.example"]
        while whos:
            rules = "".join(f"from {who} {{ }}\n" for who in sorted(whos))
            self.assertEqual(self.who(rules), whos.pop(0))

    def test_quotes_that_stay(self):
        policy = 'from /^"a@b"@/ { }\nfrom /^a b@/ { }'
        self.assertEqual(self.who(policy, sender=r'"a\@b"@x.example'), '/^"a@b"@/')
        self.assertEqual(self.who(policy, sender='"A b"@x.example'), "/^a b@/")

    def test_detail(self):
        policy = "to /^hr@/ { require tls }\nfrom /^user@/ { exempt }"
        self.expect(self.judge(policy, CLEAR, to="hr+x@a.example",
                               sender="user+x@a.example"), rule_name="/^hr@/")


class Agreements(Case):
    POLICY = ("profile p { require tls; contact profile; note \"profile\" }\n"
              "partner \"A & B\" {\n  domain acme.example hr@b.example\n"
              "  domain file \"list\"\n"
              "  incoming { use p; note \"own\" }\n"
              "  incoming via 192.0.2.1 { exempt }\n"
              "  outgoing { require bits >= 256; use p; otherwise tempfail }\n"
              "  contact partner\n}\nclient 192.0.2.2 { exempt }\n")
    FILES = {"list": "\nc.example\n"}

    def verdict(self, *parts, **named):
        return self.judge(self.POLICY, *parts, files=self.FILES, **named)

    def test_incoming(self):
        self.expect(self.verdict(CLEAR, sender="a@x.acme.example"), partner="A & B",
                    rule="policy.conf:5", rule_name="acme.example", note="own",
                    contact="partner", reason="tls", rule_kind="from")
        self.expect(self.verdict(CLEAR, sender="a@x.c.example"), rule="list:2")
        self.expect(self.verdict(CLEAR, sender="a@b.example"), rule=None, partner=None)
        self.expect(self.verdict(CLEAR, client_addr="192.0.2.1"),
                    rule="policy.conf:6", rule_via="192.0.2.1", note=None)

    def test_whichever_rule_is_reported(self):
        self.expect(self.verdict(CLEAR, client_addr="192.0.2.2"), partner="A & B",
                    rule_kind="client")

    def test_outgoing(self):
        facts_of = {"direction": "out", "next_hop": "x.acme.example:25"}
        self.expect(self.verdict(facts_of, CLEAR), action="tempfail", reply=None,
                    rule_kind="deliver", rule="policy.conf:7", note="profile")
        self.expect(self.verdict(facts_of), action="accept", reason="unknown-fact",
                    failed=["tls"], partner="A & B")
        self.expect(self.verdict(facts_of, next_hop="[acme.example]"), rule=None)

    def test_next_hops(self):
        policy = ('deliver "[mx.a.example]:587" { note "hop" }\n'
                  "deliver domain a.example { }")
        for hop, name in (("[MX.a.example]:587", "[mx.a.example]:587"),
                          ("[mx.a.example]", None), ("mx.a.example:587", "a.example")):
            verdict = self.judge(policy, direction="out", next_hop=hop)
            self.expect(verdict, rule_name=name)

    def test_of_what_is_known(self):
        policy = ("deliver a.example { require tls >= 1.2; require bits >= 256;"
                  " require dane }")
        verdict = self.judge(policy, direction="out", next_hop="a.example",
                             cipher="AES128-SHA")
        self.expect(verdict, action="tempfail", reason="bits",
                    failed=["tls-version", "bits", "dane"])


class Replies(Case):
    def test_names(self):
        policy = ('default { require tls >= 1.3; otherwise reject'
                  ' "{session}|{tls_version}|{cipher}|{bits}|{domain}" }')
        for named, text in (
                ({"session": "s1", "cipher": "AES128-SHA", "bits": 128},
                 "s1|TLSv1|AES128-SHA|128|acme.example"),
                ({"sender": "<>"}, "|TLSv1|||<>"), ({"sender": "x"}, "|TLSv1|||")):
            reply = self.judge(policy, tls_version="TLSv1", **named)["reply"]
            self.assertTrue(reply.text.fullmatch(text), reply)


class Generated(unittest.TestCase):
    def test_every_policy_can_be_read(self):
        for number in range(100):
            rng = random.Random(number)
            with tempfile.TemporaryDirectory() as folder:
                policy = generate.Policy(rng)
                compare.write_policy(folder, policy)
                judge = oracle.Oracle(os.path.join(folder, "policy.conf"), TODAY).judge
                for _ in range(20):
                    self.assertIn(judge(facts.facts(rng, policy))["action"],
                                  oracle.ACTIONS)


if __name__ == "__main__":
    sys.exit(runner.main())
