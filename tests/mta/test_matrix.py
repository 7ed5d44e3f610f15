# SPDX-License-Identifier: ISC
"""Every kind of session against every kind of rule, reply and record, behind both MTAs.

RULES is the whole expectation: a rule's settings, and which sessions it refuses,
with which codes and for which unmet requirements. All others are accepted. What is
not the same behind both, because Postfix tells no fingerprints, stands under the
MTA's name.
"""

import collections
import unittest

from .case import ACCEPTED, MilterCase, SendmailCase
from .pki import CA_NAME, CLIENT_NAME, ODD_NAME
from .replies import queue_id
from .sessions import (ALL, BITS128, CBC, ENCRYPTED, FAILED, GOOD_NAME, PLAIN,
                       RSA_EXCHANGE, SESSIONS, TLS10, TLS11, TLS12, TLS13, UNVERIFIED,
                       VERIFIED, tls_version)

Rule = collections.namedtuple("Rule", "name settings refusals")
Refusal = collections.namedtuple("Refusal", "sessions codes reason failed text")


def refuse(sessions, codes, *failed, reason=None, text=None):
    return Refusal(sessions, codes, reason or failed[0], list(failed), text)


NO_TLS = refuse(PLAIN, "530 5.7.0", "tls")
NO_CERTIFICATE = refuse(UNVERIFIED, "550 5.7.1", "certificate")
NO_FINGERPRINT = refuse(ENCRYPTED, "451 4.7.0", "certificate-fingerprint",
                        reason="unknown-fact")

RECIPIENT = "someone@ours.example"
NAMES = {"good": CLIENT_NAME, "good-rsa": CLIENT_NAME, "nocn": "",
         "second": "second.test.example", "wildcard": "*.test.example",
         "oddcn": ODD_NAME}
PIN = "sha256:" + 32 * "5a"


def pinned(*sessions):
    """What becomes of a rule with the pins of these sessions' certificates."""
    return {"postfix": [NO_TLS, NO_FINGERPRINT],
            "sendmail": [NO_TLS, refuse(ENCRYPTED - set(sessions), "550 5.7.1",
                                        "certificate-fingerprint")]}


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
    # Postfix tells the daemon no fingerprint: it cannot know, so it defers.
    Rule("pin", "require certificate fingerprint %s; otherwise reject" % PIN, pinned()),
    Rule("pin-good", "require certificate fingerprint {good}; otherwise reject",
         pinned("tls12-good", "good")),
    # Who has the key need not have a certificate that anybody verifies.
    Rule("pin-failed", "require certificate fingerprint {expired} {selfsigned} {rogue}; "
         "otherwise reject", pinned(*FAILED)),
    Rule("pin-verified", "require certificate; "
         "require certificate fingerprint {rogue} {second}; otherwise reject",
         {"postfix": [NO_TLS,
                      refuse(UNVERIFIED, "550 5.7.1", "certificate",
                             "certificate-fingerprint"),
                      refuse(VERIFIED, "451 4.7.0", "certificate-fingerprint",
                             reason="unknown-fact")],
          "sendmail": [NO_TLS,
                       refuse({"rogue"}, "550 5.7.1", "certificate"),
                       refuse(UNVERIFIED - {"rogue"}, "550 5.7.1", "certificate",
                              "certificate-fingerprint"),
                       refuse(VERIFIED - {"second"}, "550 5.7.1",
                              "certificate-fingerprint")]}),
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


def policy(pki):
    """One rule on one line each, so that RULES[n] stands in line n + 1."""
    lines = "".join("from %s.example { %s }\n" % (rule.name, rule.settings)
                    for rule in RULES)
    for name, certificate in pki.clients.items():
        lines = lines.replace("{%s}" % name, certificate.fingerprint())
    return lines


def refusals_of(rule, mta):
    """The rule's refusals behind this MTA."""
    return rule.refusals[mta] if isinstance(rule.refusals, dict) else rule.refusals


def refusal_of(rule, session, mta):
    """How the rule refuses the session, or None."""
    found = [refusal for refusal in refusals_of(rule, mta)
             if session.name in refusal.sessions]
    assert len(found) <= 1, (rule.name, session.name)
    return found[0] if found else None


class Matrix:
    """The sessions of one group; its tests are added below."""

    without_sanitizers = True

    @classmethod
    def policy_text(cls):
        return policy(cls.pki)

    def check(self, session, rule):
        context = session.version and self.tls(session.version, session.cipher,
                                               session.certificate)
        conversation = self.connect(context)
        replies = conversation.message("user@%s.example" % rule.name, RECIPIENT)
        record = self.milter.wait_record(client_port=conversation.port)
        self.check_facts(session, rule, record)
        refusal = refusal_of(rule, session, self.mta)
        if refusal is None:
            self.assertEqual(replies[RECIPIENT], self.server.replies.recipient(RECIPIENT))
            self.assertTrue(queue_id(replies["end"]))
            self.assert_record(record, action="accept", reason=None, failed=None,
                               reply=None)
        else:
            self.check_refusal(refusal, rule, replies[RECIPIENT], record)

    def check_facts(self, session, rule, record):
        self.assert_record(
            record, mta=self.mta, client_addr="127.0.0.1", client_name="localhost",
            local=None, helo="client.test.example", sasl_username=None,
            **{"from": "user@%s.example" % rule.name}, domain=rule.name + ".example",
            tls_version=tls_version(session), cipher=session.cipher, bits=session.bits,
            rule="policy.conf:%d" % (RULES.index(rule) + 1), rule_kind="from",
            rule_name=rule.name + ".example", would=None, exempt=None,
            **self.certificate_facts(session))

    def certificate_facts(self, session):
        """What the record has of the certificate."""
        facts = dict.fromkeys(("cert_verified", "cert_cn", "cert_issuer",
                               "cert_fingerprint", "cert_pubkey_fingerprint",
                               "cert_subject_dn"))
        if session.version:
            facts["cert_verified"] = "yes" if session.name in VERIFIED else "no"
        if session.name in VERIFIED:
            facts.update(cert_cn=NAMES[session.certificate], cert_issuer=CA_NAME)
        return facts

    def check_refusal(self, refusal, rule, reply, record):
        said = record["reply"]
        self.assertEqual(reply, self.server.replies.refusal(said, RECIPIENT))
        self.assert_refused(said, refusal.codes, rule.name + ".example")
        if refusal.text:
            self.assertEqual(said, "%s %s" % (refusal.codes, refusal.text))
        self.assert_record(
            record, to=RECIPIENT, reason=refusal.reason, failed=refusal.failed,
            action="reject" if refusal.codes.startswith("5") else "tempfail")


class PostfixMatrix(Matrix, MilterCase):
    """Postfix tells of no certificate that is not verified, and no fingerprint."""


class SendmailMatrix(Matrix, SendmailCase):
    """Sendmail tells of every certificate, which proves nothing by itself."""

    options = ("define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')",)

    def certificate_facts(self, session):
        facts = super().certificate_facts(session)
        if session.certificate:
            certificate = self.pki.clients[session.certificate]
            facts.update(cert_fingerprint=certificate.fingerprint(),
                         cert_subject_dn=certificate.subject)
        elif session.version:
            facts.update(cert_fingerprint="none", cert_pubkey_fingerprint="none")
        if session.name in FAILED:
            facts.update(cert_cn=CLIENT_NAME, cert_issuer=CLIENT_NAME if
                         session.name == "selfsigned" else CA_NAME)
        return facts


def group(base, name, sessions):
    """A class with one test for each of these sessions and each rule."""
    tests = {}
    for session in sessions:
        for rule in RULES:
            def test(self, session=session, rule=rule):
                self.check(session, rule)
            title = "test_%s_%s" % (session.name, rule.name)
            tests[title.replace("-", "_")] = test
    return type(name, (base,), {"__module__": __name__, **tests})


def groups():
    """The classes: one for each MTA and protocol, and one for the certificates."""
    found = collections.defaultdict(list)
    for session in SESSIONS:
        if session.certificate:
            found["Certificates"].append(session)
        else:
            found["Tls" + session.version.replace(".", "")
                  if session.version else "Plain"].append(session)
    return {base.__name__ + name: group(base, base.__name__ + name, sessions)
            for base in (PostfixMatrix, SendmailMatrix)
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
        for mta in ("postfix", "sendmail"):
            for rule in RULES:
                for refusal in refusals_of(rule, mta):
                    self.assertLessEqual(set(refusal.sessions), set(ALL), rule.name)
                for session in SESSIONS:
                    refusal_of(rule, session, mta)
