# SPDX-License-Identifier: ISC
"""Partners' certificates: what a fingerprint says of the certificate behind it."""

import os

from . import workspace
from .case import ACCEPTED
from .test_service import ServiceCase

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
