# SPDX-License-Identifier: ISC
"""Every kind of session against every kind of rule, reply and record.

RULES is the whole expectation: a rule's settings, and which sessions it refuses,
with which codes and for which unmet requirements. All others are accepted.
"""

import collections
import unittest

from .case import ACCEPTED, MilterCase
from .pki import CA_NAME, CLIENT_NAME, ODD_NAME
from .sessions import (ALL, BITS128, CBC, ENCRYPTED, GOOD_NAME, PLAIN, RSA_EXCHANGE,
                       SESSIONS, TLS10, TLS11, TLS12, TLS13, UNVERIFIED, VERIFIED,
                       tls_version)

Rule = collections.namedtuple("Rule", "name settings refusals")
Refusal = collections.namedtuple("Refusal", "sessions codes reason failed text")


def refuse(sessions, codes, *failed, reason=None, text=None):
    return Refusal(sessions, codes, reason or failed[0], list(failed), text)


NO_TLS = refuse(PLAIN, "530 5.7.0", "tls")
NO_CERTIFICATE = refuse(UNVERIFIED, "550 5.7.1", "certificate")
PIN = "sha256:" + 32 * "5a"

RULES = [
    Rule("nothing", "require nothing", []),
    Rule("empty", "", []),
    Rule("tls", "require tls; otherwise reject", [NO_TLS]),
    Rule("deferred", "require tls", [refuse(PLAIN, "451 4.7.0", "tls")]),
    Rule("tls11", "require tls >= 1.1; otherwise reject",
         [NO_TLS, refuse(TLS10, "554 5.7.0", "tls-version")]),
    Rule("tls12", "require tls >= 1.2",
         [refuse(PLAIN, "451 4.7.0", "tls"),
          refuse(TLS10 | TLS11, "451 4.7.0", "tls-version")]),
    Rule("tls13", "require tls >= 1.3; otherwise reject",
         [NO_TLS, refuse(ENCRYPTED - TLS13, "554 5.7.0", "tls-version")]),
    Rule("bits", "require bits >= 256; otherwise reject",
         [NO_TLS, refuse(BITS128, "554 5.7.0", "bits")]),
    Rule("cipher", 'require cipher "ECDHE+AESGCM:ECDHE+CHACHA20"; otherwise reject',
         [NO_TLS, refuse(CBC | {"tls12-rsa-gcm"}, "554 5.7.0", "cipher")]),
    Rule("suites", "require ciphersuites "
         '"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"; otherwise reject',
         [NO_TLS, refuse({"tls13-128"}, "554 5.7.0", "cipher")]),
    Rule("secrecy", "require forward-secrecy; otherwise reject",
         [NO_TLS, refuse(RSA_EXCHANGE, "554 5.7.0", "forward-secrecy")]),
    Rule("aead", "require aead; otherwise reject",
         [NO_TLS, refuse(CBC, "554 5.7.0", "aead")]),
    Rule("certificate", "require certificate; otherwise reject",
         [NO_TLS, NO_CERTIFICATE]),
    Rule("name", "require certificate name %s; otherwise reject" % CLIENT_NAME,
         [NO_TLS, NO_CERTIFICATE,
          refuse(VERIFIED - GOOD_NAME, "550 5.7.1", "certificate-name")]),
    Rule("names", "require certificate name CLIENT.test.example second.test.example; "
         "otherwise tempfail",
         [refuse(PLAIN, "451 4.7.0", "tls"),
          refuse(UNVERIFIED, "451 4.7.1", "certificate"),
          refuse({"wildcard", "nocn", "oddcn"}, "451 4.7.1", "certificate-name")]),
    Rule("pattern", "require certificate name /blå .*/i; otherwise reject",
         [NO_TLS, NO_CERTIFICATE,
          refuse(VERIFIED - {"oddcn"}, "550 5.7.1", "certificate-name")]),
    Rule("part", "require certificate name /test/; otherwise reject",
         [NO_TLS, NO_CERTIFICATE, refuse(VERIFIED, "550 5.7.1", "certificate-name")]),
    Rule("issuer", 'require certificate issuer "%s"; otherwise reject' % CA_NAME,
         [NO_TLS, NO_CERTIFICATE]),
    Rule("other-issuer", 'require certificate issuer "%s"; otherwise reject'
         % CA_NAME.upper(),
         [NO_TLS, NO_CERTIFICATE, refuse(VERIFIED, "550 5.7.1", "certificate-issuer")]),
    # Nothing tells the daemon a fingerprint here: it cannot know, so it defers.
    Rule("pin", "require certificate fingerprint %s; otherwise reject" % PIN,
         [NO_TLS, refuse(ENCRYPTED, "451 4.7.0", "certificate-fingerprint",
                         reason="unknown-fact")]),
    Rule("several", "require tls >= 1.2; require bits >= 256; require aead; "
         "otherwise reject",
         [NO_TLS,
          refuse({"tls10-rsa"}, "554 5.7.0", "tls-version", "bits", "aead"),
          refuse((TLS10 | TLS11) - BITS128, "554 5.7.0", "tls-version", "aead"),
          refuse({"tls12-rsa", "tls12-cbc"}, "554 5.7.0", "bits", "aead"),
          refuse({"tls12-gcm", "tls13-128"}, "554 5.7.0", "bits"),
          refuse({"tls12-dhe"}, "554 5.7.0", "aead")]),
    Rule("strictest", "require tls >= 1.2 otherwise tempfail; "
         "require forward-secrecy otherwise reject",
         [refuse(PLAIN, "451 4.7.0", "tls"),
          refuse({"tls10-rsa"}, "554 5.7.0", "tls-version", "forward-secrecy",
                 reason="forward-secrecy"),
          refuse((TLS10 | TLS11) - RSA_EXCHANGE, "451 4.7.0", "tls-version"),
          refuse(RSA_EXCHANGE & TLS12, "554 5.7.0", "forward-secrecy")]),
    Rule("own", 'require tls >= 1.3; otherwise reject 553 5.7.9 '
         '"{domain}: {reason}, {tls_version} 100%s sure {{x"',
         [refuse(PLAIN, "553 5.7.9", "tls",
                 text="own.example: tls, none 100%s sure {x"),
          refuse(TLS10, "553 5.7.9", "tls-version",
                 text="own.example: tls-version, TLSv1 100%s sure {x"),
          refuse(TLS11, "553 5.7.9", "tls-version",
                 text="own.example: tls-version, TLSv1.1 100%s sure {x"),
          refuse(TLS12, "553 5.7.9", "tls-version",
                 text="own.example: tls-version, TLSv1.2 100%s sure {x")]),
]


def policy():
    """One rule on one line each, so that RULES[n] stands in line n + 1."""
    return "".join("from %s.example { %s }\n" % (rule.name, rule.settings)
                   for rule in RULES)


def refusal_of(rule, session):
    """How the rule refuses the session, or None."""
    found = [refusal for refusal in rule.refusals if session.name in refusal.sessions]
    assert len(found) <= 1, (rule.name, session.name)
    return found[0] if found else None


class Matrix(MilterCase):
    """The sessions of one group; its tests are added below."""

    policy = policy()

    def check(self, session, rule):
        context = session.version and self.tls(session.version, session.cipher,
                                               session.certificate)
        conversation = self.connect(context)
        recipient = "someone@ours.example"
        replies = conversation.message("user@%s.example" % rule.name, recipient)
        record = self.milter.wait_record(client_port=conversation.port)
        self.check_facts(session, rule, record)
        refusal = refusal_of(rule, session)
        if refusal is None:
            self.assertEqual(replies[recipient], ACCEPTED)
            self.assertTrue(replies["end"].startswith("250 2.0.0 Ok: queued as "))
            self.assert_record(record, action="accept", reason=None, failed=None,
                               reply=None)
        else:
            self.check_refusal(refusal, rule, replies[recipient], record)

    def check_facts(self, session, rule, record):
        self.assert_record(
            record, mta="postfix", client_addr="127.0.0.1", client_name="localhost",
            local=None, helo="client.test.example", sasl_username=None,
            **{"from": "user@%s.example" % rule.name}, domain=rule.name + ".example",
            tls_version=tls_version(session), cipher=session.cipher, bits=session.bits,
            rule="policy.conf:%d" % (RULES.index(rule) + 1), rule_kind="from",
            rule_name=rule.name + ".example", would=None, exempt=None)
        if session.name in VERIFIED:
            names = {"good": CLIENT_NAME, "good-rsa": CLIENT_NAME, "nocn": "",
                     "second": "second.test.example", "wildcard": "*.test.example",
                     "oddcn": ODD_NAME}
            self.assert_record(record, cert_verified="yes", cert_issuer=CA_NAME,
                               cert_cn=names[session.certificate])
        elif session.version:
            self.assert_record(record, cert_verified="no", cert_cn=None,
                               cert_issuer=None)

    def check_refusal(self, refusal, rule, reply, record):
        self.assert_refused(reply, refusal.codes, rule.name + ".example")
        if refusal.text:
            self.assertEqual(reply, "%s %s" % (refusal.codes, refusal.text))
        self.assert_record(
            record, to="someone@ours.example", reason=refusal.reason,
            action="reject" if refusal.codes.startswith("5") else "tempfail",
            failed=refusal.failed, reply=reply)


def group(name, sessions):
    """A class with one test for each of these sessions and each rule."""
    tests = {}
    for session in sessions:
        for rule in RULES:
            def test(self, session=session, rule=rule):
                self.check(session, rule)
            title = "test_%s_%s" % (session.name, rule.name)
            tests[title.replace("-", "_")] = test
    return type(name, (Matrix,), {"__module__": __name__, **tests})


def groups():
    """The classes: one for each protocol, and one for the certificates."""
    found = collections.defaultdict(list)
    for session in SESSIONS:
        if session.certificate:
            found["Certificates"].append(session)
        else:
            found["Tls" + session.version.replace(".", "")
                  if session.version else "Plain"].append(session)
    return {"Matrix" + name: group("Matrix" + name, sessions)
            for name, sessions in found.items()}


globals().update(groups())


class OddCiphers(MilterCase):
    """Cipher suites that do not encrypt, and those that nobody signs."""

    policy = """
from tls.example { require tls; otherwise reject }
from bits.example { require bits >= 1; otherwise reject }
from secrecy.example { require forward-secrecy; require aead; otherwise reject }
from list.example { require cipher "HIGH:!aNULL"; otherwise reject }
"""
    listeners = {
        "null": "-o smtpd_tls_ciphers=null "
                "-o tls_null_cipherlist=eNULL:!aNULL:@SECLEVEL=0",
        "anonymous": "-o smtpd_tls_ask_ccert=no "
                     "-o tls_medium_cipherlist=ALL:@SECLEVEL=0",
    }

    def ask(self, listener, cipher, sender):
        conversation = self.connect(self.tls("1.2", cipher), listener=listener)
        replies = conversation.message(sender, "someone@ours.example")
        return (replies["someone@ours.example"],
                self.milter.wait_record(client_port=conversation.port))

    def test_null_is_clear_text(self):
        for domain in ("tls", "bits", "secrecy", "list"):
            with self.subTest(domain):
                reply, record = self.ask("null", "NULL-SHA256", "a@%s.example" % domain)
                self.assert_refused(reply, "530 5.7.0", domain + ".example")
                self.assert_record(record, action="reject", failed=["tls"],
                                   cipher="NULL-SHA256", tls_version="TLSv1.2")

    def test_anonymous(self):
        cipher = "ADH-AES256-GCM-SHA384"
        for domain in ("tls", "bits", "secrecy"):
            reply, _ = self.ask("anonymous", cipher, "a@%s.example" % domain)
            self.assertEqual(reply, ACCEPTED, domain)
        reply, record = self.ask("anonymous", cipher, "a@list.example")
        self.assert_refused(reply, "554 5.7.0")
        self.assert_record(record, failed=["cipher"], cipher=cipher)


class Table(unittest.TestCase):
    """The table itself: every session of it exists, and no two refusals overlap."""

    def test_sessions(self):
        for rule in RULES:
            for refusal in rule.refusals:
                self.assertLessEqual(set(refusal.sessions), set(ALL), rule.name)
            for session in SESSIONS:
                refusal_of(rule, session)
