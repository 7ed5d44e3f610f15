# SPDX-License-Identifier: ISC
"""What Postfix is told of mail that goes out: that it takes each value, and that what it
delivers by it meets the rule.

A Postfix delivers to itself, by a port of its own for each rule.
"""

import json
import os
import random
import re
import subprocess
import unittest

import runner

from . import workspace
from .client import Client
from .postfix import Postfix

NAME = "mx.test.example"	# of the servers' certificates
RULES = 48
SENT, KEPT = "sent", "deferred"


def plain_rules(pki):
    """Rules, and what becomes of mail by them."""
    pins = [pki.server.fingerprint(), pki.server_ec.fingerprint()]
    keys = [pki.server.key_fingerprint(), pki.server_ec.key_fingerprint()]
    other = "sha256:" + "ab" * 32
    return [
        ("require tls", SENT),
        ("require tls >= 1.3", SENT),
        ('require ciphersuites "TLS_AES_256_GCM_SHA384"; require tls >= 1.2', SENT),
        ("require bits >= 256", SENT),
        ("require certificate", KEPT),	# the host's name is its address here
        ("require certificate name %s" % NAME, SENT),
        ("require certificate name mx.other.example %s" % NAME.upper(), SENT),
        ("require certificate name mx.other.example", KEPT),
        ("require certificate fingerprint " + " ".join(pins), SENT),
        ("require certificate fingerprint %s" % " ".join([other] + keys), SENT),
        ("require certificate fingerprint " + other, KEPT),
        ('require certificate file "%s" "%s"' % (pki.server.cert, pki.server_ec.cert),
         SENT),
        ("require dane", KEPT),
        ("require tls otherwise accept", SENT),
        ("exempt", SENT),
        ("require tls >= 1.0; require aead", SENT),
        # Nothing is left, by itself and by main.cf.
        ('require cipher "RC4-SHA"; require ciphersuites "TLS_AES_256_GCM_SHA384"', KEPT),
        ('require cipher "AES128-SHA256"; require bits >= 129', KEPT),
    ]


def random_rule(chance, pki):
    """One that may be said, of anything that can be told."""
    lines = chance.sample([
        "require tls >= " + chance.choice("1.0 1.1 1.2 1.3".split()),
        "require bits >= %d" % chance.choice((112, 128)), "require forward-secrecy",
        "require aead", "require tls",
        'require cipher "%s"' % chance.choice((
            "ECDHE+AESGCM", "HIGH:!PSK", "AES256-SHA:ECDHE-RSA-AES256-GCM-SHA384",
            "RC4-SHA"))], chance.randrange(1, 4))
    lines += chance.choice((
        [], [], ["require certificate"], ["require dane"],
        ["require certificate name " + " ".join(
            chance.sample([NAME, "mx2.test.example", "mx3.\u00f6.example"], 2))],
        ["require certificate fingerprint %s" % pki.server_ec.key_fingerprint()],
        ['require certificate file "%s"' % pki.server_ec.cert]))
    return "; ".join(line + chance.choice(("", "", "", " otherwise accept"))
                     for line in lines)


class Outgoing(unittest.TestCase):
    without_sanitizers = True

    @classmethod
    def setUpClass(cls):
        cls.pki = workspace.pki()
        cls.folder = workspace.folder()
        cls.addClassCleanup(workspace.remove, cls.folder)
        chance = random.Random(11)
        plain = plain_rules(cls.pki)
        cls.expected = [status for _, status in plain]
        cls.rules = [rule for rule, _ in plain]
        while len(cls.rules) < RULES:
            cls.rules.append(random_rule(chance, cls.pki))
        cls.make_server()
        cls.tell()
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.send()

    @classmethod
    def make_server(cls):
        """Each rule's port takes all mail, says another name than ours, and keeps none."""
        options = ("-o myhostname=peer.example -o content_filter=discard: "
                   "-o smtpd_client_connection_rate_limit=0")
        cls.maps = os.path.join(cls.folder, "maps")
        os.makedirs(cls.maps)
        cls.server = Postfix(
            os.path.join(cls.folder, "mta"), cls.pki,
            {"r%d" % number: options for number in range(RULES)},
            transport_maps="texthash:%s/transport" % cls.maps,
            smtp_tls_policy_maps="texthash:%s/tls" % cls.maps,
            smtp_tls_CAfile=cls.pki.ca.cert, smtp_tls_fingerprint_digest="sha256",
            smtp_tls_loglevel="1", smtp_dns_support_level="dnssec",
            smtp_host_lookup="dns", disable_dns_lookups="no",
            smtpd_peername_lookup="no", smtp_tls_security_level="none",
            relay_domains="", smtpd_tls_ask_ccert="no",
            smtp_tls_mandatory_protocols="!SSLv2, !SSLv3, !TLSv1 >=TLSv1.1",
            smtp_tls_exclude_ciphers="aNULL, RC4:MD5",
            smtp_tls_mandatory_exclude_ciphers="CAMELLIA kRSA+SHA1",
            # Each message says how it went, and is not tried again.
            smtp_destination_concurrency_failed_cohort_limit="0")
        cls.ports = [cls.server.ports["r%d" % number] for number in range(RULES)]
        cls.hops = ["[127.0.0.1]:%d" % port for port in cls.ports]

    @classmethod
    def decide(cls, facts):
        """The records of lines of facts, by the rules."""
        done = subprocess.run(
            [runner.TLSWARD, "decide", "--policy", cls.policy, "-c", cls.settings],
            input="".join(json.dumps({"direction": "out", **line}) + "\n"
                          for line in facts), text=True, capture_output=True,
            check=False, timeout=runner.TIMEOUT,
            env=cls.server.postconf_environment())
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    @classmethod
    def write(cls, name, lines):
        path = os.path.join(cls.maps, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))
        return path

    @classmethod
    def tell(cls):
        """The map that the policy comes to, for this Postfix."""
        cls.policy = cls.write("policy.conf", [
            'deliver "%s" { %s }' % pair for pair in zip(cls.hops, cls.rules)])
        version = cls.server.command("postconf", "-hd", "mail_version").stdout.decode()
        cls.settings = cls.write("tlsward.conf", [
            "postfix-version " + version.strip(), "postfix-tls-digest sha256"])
        cls.values = [record["tls_policy"]
                      for record in cls.decide({"next_hop": hop} for hop in cls.hops)]
        cls.write("tls", map(" ".join, zip(cls.hops, cls.values)))
        cls.write("transport", ("r%d.example smtp:%s" % pair
                                for pair in enumerate(cls.hops)))

    @classmethod
    def send(cls):
        """A message for each rule; "statuses" are what became of them."""
        client = Client(cls.server.port)
        client.open()
        for number in range(RULES):
            client.message("a@ours.example", "to@r%d.example" % number)
        client.close()
        cls.statuses = [cls.server.wait_log(
            r"to=<to@r%d\.example>.* status=(\w+) \((.*)\)$" % number).groups()
            for number in range(RULES)]
        cls.log = cls.server.log_text()

    def sessions(self):
        """The TLS facts of each rule's delivery, where there was one over TLS."""
        found = re.findall(r"TLS connection established to \S+\]:(\d+): (\S+) with cipher "
                           r"(\S+) \((\d+)/", self.log)
        return {int(port): {"tls_version": version, "cipher": cipher, "bits": int(bits)}
                for port, version, cipher, bits in found}

    def test_every_value_is_taken(self):
        self.assertEqual(re.findall(r".*smtp_tls_policy_maps.*", self.log), [])
        for rule, value, status in zip(self.rules, self.values, self.statuses):
            self.assertNotIn("4.7.5 client TLS configuration problem", status[1],
                             (rule, value))

    def test_main_cf_comes_along(self):
        excluded = [value for value in self.values if " exclude=" in value]
        protocols = [value for value in self.values if " protocols=" in value]
        self.assertTrue(excluded and protocols)
        for value in excluded:
            self.assertTrue(value.endswith(":aNULL:RC4:MD5:CAMELLIA:kRSA+SHA1"), value)
        for value in protocols:
            self.assertRegex(value, r" protocols=(>=TLSv1\.[123]|!SSLv2:!SSLv3:!TLSv1)")

    def test_what_becomes_of_it(self):
        for rule, value, status, expected in zip(self.rules, self.values, self.statuses,
                                                 self.expected):
            self.assertEqual(status[0], expected, (rule, value, status))

    def test_what_is_delivered_meets_the_rule(self):
        sessions = self.sessions()
        sent = [number for number in range(RULES) if self.statuses[number][0] == SENT]
        records = self.decide({"next_hop": self.hops[number], **sessions.get(
            self.ports[number], {"tls_version": "none"})} for number in sent)
        self.assertGreater(len(sent), len(self.expected))
        for number, record in zip(sent, records):
            self.assertEqual(record["action"], "accept", (self.rules[number], record))


if __name__ == "__main__":
    unittest.main()
