#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of tlsward explain, from outside. TLSWARD names the program."""

import json
import os
import sys
import unittest

from tool import HERE, main, run, runner

AT = ("--at", "2026-01-01")

EXPLAINED = """\
what came
  client:      mx2.acme.example [192.0.2.7], which calls itself mx2
  mail:        from a@acme.example to b@payroll.ours.example
  session:     TLSv1.2, cipher AES128-SHA, 128 bits
  certificate: nothing is known of one
facts
  client_addr              192.0.2.7
  client_name              mx2.acme.example
  helo                     mx2
  from                     a@acme.example
  to                       b@payroll.ours.example
  tls_version              TLSv1.2
  cipher                   AES128-SHA
  not given: mta, session, client_port, client_ptr, local, sasl_username,
    to_resolved, nrcpt, queue_id, bits, cert_verified, cert_cn, cert_san,
    cert_issuer, cert_subject_dn, cert_issuer_dn, cert_fingerprint,
    cert_pubkey_fingerprint, cert_key, cert_signature, cert_not_after,
    cert_source
what is required
  client rule: none applies
  to rule: policy.conf:16 (to payroll.ours.example)
      policy.conf:16: to payroll.ours.example .payroll.ours.example \
{ require tls; otherwise reject }
    require tls: met
      required: TLS; otherwise reject
      session: tls_version TLSv1.2
    this rule: accept
  from rule: policy.conf:10 (from acme.example)
      policy.conf:10: from acme.example .acme.example {
    require tls: not met
      policy.conf:12: require tls >= 1.3
      required: TLS 1.3 or newer; otherwise reject
      session: tls_version TLSv1.2
    require bits: met
      policy.conf:7: require bits >= 128
      required: a cipher of at least 128 bits; otherwise reject
      session: bits 128 by the cipher's name, cipher AES128-SHA
    this rule: reject, reason tls-version
what is not met
  require tls (policy.conf:12): not met: TLS 1.3 or newer; \
this session: tls_version TLSv1.2
verdict: reject
  rule     policy.conf:10 (from acme.example)
  reason   tls-version
  failed   tls-version
  reply    554 5.7.0 Mail from acme.example must reach us over TLS 1.3 or newer; \
this session used TLSv1.2
  contact  postmaster@acme.example
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
    (["from=a@" + ".".join(["a" * 60] * 3) + ".b.example", TLS_1_2],
     "This session could not be judged by the rule reasons.conf:16 (from /(a+)+$/), "
     "whose regular expression hit the limit: please write a simpler one."),
)


def explain(*arguments, policy="policy.conf", text=""):
    return run("explain", "--policy", policy, *arguments, text=text)


class Explain(unittest.TestCase):
    maxDiff = None

    def test_step_by_step(self):
        self.assertEqual(explain(*AT, *SESSION), (0, EXPLAINED, ""))

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
            "explain", "--policy", os.path.join(case, "policy.conf"), "-c",
            os.path.join(case, "tlsward.conf"), *AT, "from=a@key.example",
            "tls_version=TLSv1.3", "mta=postfix", "cert_issuer=Given",
            "cert_fingerprint=" + digest)
        self.assertEqual((status, errors), (0, ""))
        for line in ("cert_issuer              Given (given)",
                     "cert_fingerprint         " + digest + " (given)",
                     "cert_key                 ec:P-256 (known certificate acme.pem)",
                     "cert_source              acme.pem",
                     "  not given: session,"):
            self.assertIn(line + "\n" if "given:" not in line else line, output)

    def test_monitor(self):
        output = explain(*AT, "from=a@other.example", "tls_version=none")[1]
        self.assertIn("under monitor, so it counts as accept\n", output)
        self.assertIn("verdict: accept\n", output)
        self.assertIn("  would    tempfail, reason tls, by policy.conf:1 (default)\n",
                      output)

    def test_exempt(self):
        output = explain(*AT, "from=", "to=postmaster@ours.example")[1]
        self.assertIn("    exempt: accept, whatever another rule says\n", output)
        self.assertIn("what is not met\n  a rule exempts: no requirement counts\n",
                      output)
        self.assertIn("  exempt   RFC 5321\n", output)
        self.assertTrue(output.endswith("RFC 5321\n"), output)

    def test_unknown_facts(self):
        output = explain(*AT, "from=a@acme.example")[1]
        self.assertIn("    require tls: unknown, so not met\n", output)
        self.assertIn("    require bits: not looked at\n", output)
        self.assertIn("  reason   unknown-fact\n", output)

    def test_all_is_met(self):
        output = explain("from=a@acme.example", "tls_version=TLSv1.3",
                         "cipher=TLS_AES_256_GCM_SHA384")[1]
        self.assertIn("what is not met\n  nothing\nverdict: accept\n", output)
        self.assertNotIn("postmaster\n  ", output)

    def test_what_came_in_words(self):
        for facts, line in (
                (["local=yes"], "client:      a program on this host, not over SMTP"),
                (["sasl_username=carol"], "client:      not known, authenticated as "
                                          "carol"),
                (["tls_version=none"], "session:     clear text, not encrypted"),
                ([], "session:     whether it was encrypted is not known"),
                (["cipher=AES128-SHA"], "session:     a protocol that is not known, "
                                        "cipher AES128-SHA, 128 bits"),
                (["cert_verified=yes", "cert_cn=a", "cert_issuer=b"],
                 "certificate: verified, name a, issued by b"),
                (["cert_fingerprint=none", "cert_pubkey_fingerprint=" + KEY],
                 "certificate: a raw public key: " + KEY),
                (["cert_verified=no"], "certificate: none that was verified")):
            self.assertIn(f"  {line}\n", explain("from=", *facts)[1])

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
            output = run("explain", "--policy", path, "from=x@a.example", *shown)[1]
            if words is None:
                self.assertIn("verdict: accept", output)
            else:
                self.assertIn("and presented a raw public key%s; mail" % words, output)
                self.assertIn("reply    " + asked, output)

    def test_an_entry_of_a_list(self):
        output = explain("from=a@listed.example", TLS_1_2, policy="reasons.conf")[1]
        self.assertIn("  from rule: reasons.txt:3 (from listed.example)\n"
                      "      reasons.txt:3: listed.example\n"
                      "      reasons.conf:19: from file \"reasons.txt\" {", output)

    def test_lines_that_cannot_be_read_are_left_out(self):
        with open(os.path.join(HERE, "policy.conf"), encoding="utf-8") as file:
            text = file.read()
        read, write = os.pipe()
        os.write(write, text.encode())
        os.close(write)
        status, output, errors = run("explain", "--policy", f"/dev/fd/{read}", "from=",
                                     "tls_version=none", pass_fds=[read])
        os.close(read)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("(default)\n    require tls: not met\n      required: ", output)

    def test_wrong_facts(self):
        for facts, error in (
                (["from"], '"from" is not of the form NAME=VALUE'),
                (["=x"], '"=x" is not of the form NAME=VALUE'),
                (["to=x"], 'from= is missing (the null sender is "<>")'),
                (["form=x"], 'unknown fact "form": did you mean "from"?'),
                (["from=", "bits=x"], "bits must be an integer from 0 to 65535")):
            self.assertEqual(explain(*facts), (2, "", f"tlsward: {error}\n"))

    def test_control_characters_are_shown(self):
        output = explain("from=a@b.example", "helo=\x1b[2J\nx")[1]
        self.assertIn("  helo                     \\u001B[2J\\nx\n", output)
        self.assertNotIn("\x1b", output)


class Sentences(unittest.TestCase):
    maxDiff = None

    def sentence(self, heading, facts):
        status, output, errors = explain(*facts, policy="reasons.conf")
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
            seen.add(record.get("reason"))
            self.assertEqual(document["sentence_for"],
                             "us" if record["reason"] == "unknown-fact" else "partner")
            self.assertEqual(document["sentence"].replace(" on 2026-01-01", ""),
                             sentence)
        self.assertEqual(seen, {word for word, _ in runner.requirements()[1]})


RECORD = {"time": "2026-02-03T04:05:06.789Z", "client_addr": "192.0.2.7",
          "from": "a@acme.example", "domain": "acme.example", "tls_version": "TLSv1.2",
          "bits": 256, "action": "accept", "rule": "old.conf:1"}


class Record(unittest.TestCase):
    def test_of_a_log(self):
        status, output, errors = explain("--record", text=json.dumps(RECORD) + "\nrest")
        self.assertEqual((status, errors), (0, ""))
        self.assertTrue(output.startswith("what came\n  when:        2026-02-03 04:05:06 "
                                          "UTC\n  client:      [192.0.2.7]\n"), output)
        self.assertIn("  recorded accept: by another policy, or other settings\n", output)
        self.assertIn("  Your server [192.0.2.7] connected on 2026-02-03 at 04:05:06 UTC "
                      "with TLSv1.2; ", output)

    def test_same_as_recorded(self):
        record = json.dumps(dict(RECORD, action="reject"))
        self.assertNotIn("recorded", explain("--record", text=record)[1])

    def test_facts_go_before_those_of_the_record(self):
        output = explain("--record", "tls_version=TLSv1.3", text=json.dumps(RECORD))[1]
        self.assertIn("verdict: accept\n", output)

    def test_the_day_goes_before_that_of_the_record(self):
        output = explain(*AT, "--record", text=json.dumps(RECORD))[1]
        self.assertIn(" connected on 2026-01-01 with TLSv1.2; ", output)

    def test_none(self):
        for text, error in (("", "there is no record"), ("x\n", "not valid JSON"),
                            ("{}\n", "from is missing"), ("\n", "not valid JSON"),
                            ("x" * (2 << 20), "the line is longer than 1 MiB")):
            status, output, errors = explain("--record", text=text)
            self.assertEqual((status, output), (2, ""))
            self.assertTrue(errors.startswith("tlsward: standard input: " + error),
                            errors)


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
