# SPDX-License-Identifier: ISC
"""Partners: what is agreed with them, and whose certificates are known.

Behind both MTAs: 127.0.0.1 has a verified name, and by their networks others are known.
"""

import os

from . import replies, workspace
from .case import ACCEPTED, MilterCase, SendmailCase
from .test_service import ServiceCase

OURS = "someone@ours.example"
AGREEMENTS = """
default { require tls >= 1.3; monitor }
partner "Acme GmbH" {
    domain acme.example
    incoming {
        require client 127.0.0.96/28
        require tls >= 1.2
        require tls >= 1.3 from 9999-01-01
        otherwise reject "{domain}: {reason} in {session}"
    }
    incoming via 127.0.0.64/28 127.0.0.70 { require tls >= 1.3; otherwise quarantine }
    incoming via 127.0.0.80/28 { require tls >= 1.2; monitor; otherwise reject }
    incoming via authenticated { exempt }
    note "contract 14"
}
partner named {
    domain named.example
    incoming { require tls; otherwise reject }
    incoming via localhost mx.named.example { require tls >= 1.2; otherwise reject }
    contact "P. M." postmaster@named.example
}
from /^(hr|payroll)-[a-z]+@people\\.example$/ { require tls >= 1.3; otherwise reject }
"""

KNOWN = ("good", "good-rsa", "expired", "selfsigned")
RULES = """
from file.example { require certificate file "partners/good.pem"; otherwise reject }
from rolled.example {
    require certificate file "partners/good.pem" "partners/selfsigned.pem"
    otherwise reject
}
from key.example { require certificate key >= 3072; otherwise reject }
from signed.example { require certificate signature >= sha256; otherwise reject }
from valid.example { require certificate valid-for >= 7 days; otherwise reject }
from far.example { require certificate valid-for >= 300 days; otherwise reject }
"""
OK = None
# By the sender's domain: the reason for which each certificate is refused.
EXPECTED = {
    "file": {"good": OK, "expired": "certificate-fingerprint",
             "rogue": "certificate-fingerprint", None: "certificate-fingerprint"},
    "rolled": {"good": OK, "selfsigned": OK, "rogue": "certificate-fingerprint"},
    "key": {"good": OK, "good-rsa": "certificate-key", "rogue": "unknown-fact",
            None: "certificate"},
    "signed": {"good": OK, "selfsigned": OK, "rogue": "unknown-fact"},
    "valid": {"good": OK, "expired": "certificate-validity", "rogue": "unknown-fact"},
    "far": {"good": "certificate-validity", "second": "unknown-fact"},
}


class AgreementsOfAnyServer:
    """One partner by networks, one by a verified name, and people by their addresses."""

    policy = AGREEMENTS
    settings = {"reply_suffix": "see https://ours.example/tls, {session}"}

    def send(self, sender, version=None, **where):
        """The recipient's reply, and the record."""
        conversation = self.connect(version and self.tls(version), **where)
        reply = conversation.message(sender, OURS)[OURS]
        return reply, self.milter.wait_record(client_port=conversation.port)

    def accepted(self, sender, version=None, **where):
        reply, record = self.send(sender, version, **where)
        self.assertEqual(reply, self.taken)
        return record

    def test_clients_that_are_not_theirs(self):
        reply, record = self.send("a@acme.example", "1.3")
        self.assert_refused(reply, "550 5.7.1", "acme.example: client in " +
                            record["session"])
        self.assertNotIn("GmbH", reply)
        self.assertNotIn("https:", reply)
        self.assert_record(record, partner="Acme GmbH", rule_name="acme.example",
                           rule_via=None, failed=["client"], reason="client",
                           note="contract 14", enforced=None)

    def test_clients_that_are_required(self):
        record = self.accepted("a@acme.example", "1.2", source="127.0.0.97")
        self.assert_record(record, action="accept", partner="Acme GmbH", rule_via=None)
        reply, record = self.send("a@ACME.example", source="127.0.0.98")
        self.assert_refused(reply, "530 5.7.0", "acme.example: tls in ")
        self.assert_record(record, failed=["tls"], partner="Acme GmbH")

    def test_via_a_network(self):
        for source, via in (("127.0.0.66", "127.0.0.64/28"),
                            ("127.0.0.70", "127.0.0.70")):
            record = self.accepted("a@acme.example", "1.3", source=source)
            self.assert_record(record, action="accept", partner="Acme GmbH",
                               rule_via=via)
        reply, record = self.send("a@acme.example", source="127.0.0.66")
        self.assertEqual(reply, self.taken)
        self.assert_record(record, action="quarantine", reason="tls")

    def test_via_that_is_monitored(self):
        record = self.accepted("a@acme.example", source="127.0.0.81")
        self.assert_record(record, action="accept", reason=None, failed=None,
                           would="reject", would_reason="tls", enforced="no",
                           partner="Acme GmbH", rule_via="127.0.0.80/28")

    def test_via_a_name(self):
        record = self.accepted("a@named.example", "1.2")
        self.assert_record(record, partner="named", rule_via="localhost",
                           contact="P. M. postmaster@named.example")
        reply, record = self.send("a@named.example", "1.1")
        self.assert_refused(reply, "554 5.7.0", "https://ours.example/tls, " +
                            record["session"])
        self.assert_record(record, partner="named", rule_via="localhost",
                           reason="tls-version")

    def test_addresses(self):
        for sender in ("hr-a@people.example", '"Payroll-b"@PEOPLE.example'):
            reply, record = self.send(sender, "1.2")
            self.assert_refused(reply, "554 5.7.0", record["session"])
            self.assert_record(record, rule_kind="from", partner=None,
                               reason="tls-version", enforced=None)
        for sender in ("hr-a+b@people.example", "x-hr-a@people.example",
                       '"hr-a@people.example"@other.example'):
            record = self.accepted(sender, "1.2")
            self.assert_record(record, rule_kind="default", would="tempfail",
                               enforced="no", partner=None)


class Agreements(AgreementsOfAnyServer, MilterCase):
    """Behind Postfix; XCLIENT gives any name."""

    taken = ACCEPTED
    parameters = {"smtpd_authorized_xclient_hosts": "127.0.0.0/8"}

    def test_names_that_are_not_verified(self):
        for given, via in (("NAME=MX.named.example", "mx.named.example"),
                           ("NAME=x.mx.named.example", None),
                           ("NAME=[UNAVAILABLE] REVERSE_NAME=mx.named.example", None)):
            conversation = self.connect(self.tls("1.1"))
            conversation.command("XCLIENT ADDR=198.51.100.1 " + given)
            conversation.ehlo()
            reply = conversation.message("a@named.example", OURS)[OURS]
            with self.subTest(given):
                record = self.milter.wait_record(client_addr="198.51.100.1")
                self.milter.mark()
                self.assert_record(record, rule_via=via, partner="named",
                                   action="reject" if via else "accept")
                self.assertEqual(reply == ACCEPTED, via is None, reply)


class AgreementsBehindSendmail(AgreementsOfAnyServer, SendmailCase):
    """Behind Sendmail."""

    without_sanitizers = True
    taken = replies.SENDMAIL.recipient(OURS)


class Partners(ServiceCase):
    """Beside the milter."""

    has_pins = False
    rules = RULES

    @classmethod
    def setUpClass(cls):
        clients = workspace.pki().clients
        cls.files = {}
        for name in KNOWN:
            with open(clients[name].cert, encoding="ascii") as file:
                cls.files["partners/%s.pem" % name] = file.read()
        super().setUpClass()

    @classmethod
    def milter_settings(cls):
        return {**super().milter_settings(), "partner_certificates":
                os.path.join(cls.folder, "milter", "policy", "partners")}

    def test_requirements(self):
        for domain, sessions in EXPECTED.items():
            for shown, reason in sessions.items():
                with self.subTest(domain=domain, shown=shown):
                    self.check("a@%s.example" % domain, shown, reason)

    def check(self, sender, shown, reason):
        reply, record = self.ask(sender, shown)
        if reason is OK:
            self.assertEqual(reply, ACCEPTED)
        elif reason == "unknown-fact":
            self.refused(reply, "451 4.7.0")
        else:
            self.refused(reply, "550 5.7.1")
        self.assert_record(record, reason=reason,
                           cert_source=shown + ".pem" if shown in KNOWN else None)

    def test_facts(self):
        _, record = self.ask("a@key.example", "good-rsa")
        self.assert_record(record, cert_key="rsa:2048", cert_signature="sha256")
        _, record = self.ask("a@valid.example", "expired")
        self.assert_record(record, cert_key="ec:P-256", cert_verified="no",
                           cert_not_after="2020-02-01T00:00:00Z")

    def test_reported_at_start(self):
        self.assertTrue([line for line in self.milter.lines()
                         if line.get("level") == "warning" and
                         "expired.pem" in line.get("msg", "")])


class PartnersAlone(Partners):
    """Without the milter."""

    asks_milter = False
