# SPDX-License-Identifier: ISC
"""The TLS policy map before a service for DANE and MTA-STS, as Postfix's own postmap(1) and
others ask it: the stricter of both is what they hear."""

import os
import re
import signal
import unittest

from . import postfix, workspace
from .client import Client as SmtpClient
from .test_start import StartCase
from .test_tls_policy_map import MapCase, request
from .tlspol import Tlspol

POLICY = """
default { require tls }
deliver plain.example dane.example sts.example temp.example { require tls }
deliver new.example { require tls >= 1.2 }
deliver name.example { require certificate name mx.name.example }
deliver may.example { exempt }
deliver watched.example { require tls; monitor }
"""
STS = "secure match=mx.sts.example:.pool.example servername=hostname"
# What the service has to say.
VALUES = {
    "dane.example": "dane-only", "new.example": "dane-only", "sts.example": STS,
    "name.example": "dane-only", "may.example": "dane-only", "watched.example": STS,
    "other.example": "dane", "strict.example": "dane-only", "[mx.other.example]:587": STS,
    "other.example:25": "verify", "temp.example": "TEMP ", "gone.example": "TEMP ",
    "odd.example": "raw:HTTP/1.0 400 Bad Request\r\n", "two.example": "raw:6:OK may,4:oops,",
}
FOUND = {
    "plain.example": "encrypt", "dane.example": "dane-only", "sts.example": STS,
    "new.example": "dane-only protocols=>=TLSv1.2",
    "name.example": "secure match=mx.name.example", "may.example": "may",
    "watched.example": STS, "other.example": "dane", "strict.example": "dane-only",
    "[mx.other.example]:587": STS, "other.example:25": "verify", "two.example": "may",
}
OURS_ALONE = ("name.example", "may.example")
CROWD = 150


class TlsPolicyNext(MapCase):
    policy = POLICY

    def behind(self):
        self.next = Tlspol(dict(VALUES), os.path.join(self.folder, "tlspol.sock"))
        self.next.start()
        self.addCleanup(self.next.release)
        return {"tls_policy_next": self.next.address}

    def start_anew(self, address):
        self.milter.stop()
        self.start(tls_policy_next=address)

    def ask(self, key):
        return self.dial().ask(key)

    def test_postmap(self):
        for key, value in FOUND.items():
            self.assertEqual(self.postmap(key), value, key)
        self.assertIsNone(self.postmap("unknown.example"))
        for key in ("temp.example", "gone.example", "odd.example"):
            with self.assertRaisesRegex(LookupError, "temporary error", msg=key):
                self.postmap(key)
        self.milter.wait_message("not a socketmap's answer")
        # Parents are ours: who has a rule has been found already.
        self.assertIsNone(self.postmap(".other.example"))
        asked = set(self.next.asked)
        self.assertLessEqual(set(FOUND) - set(OURS_ALONE) | {"unknown.example"}, asked)
        self.assertFalse(asked & {*OURS_ALONE, ".other.example"})

    def test_over_tcp(self):
        """The confined daemon comes to that port."""
        self.next = Tlspol(VALUES)
        self.next.start()
        self.start_anew(self.next.address)
        self.assertEqual(self.postmap("dane.example"), "dane-only")
        self.assertIsNone(self.postmap("unknown.example"))

    def test_nobody_waits_for_another(self):
        """Not even those of whom there are more than connections."""
        keys = ["d%d.example" % number for number in range(CROWD)]
        self.next.hold(*keys)
        self.next.values.update((key, "secure match=" + key) for key in keys)
        clients = [self.dial() for _ in keys]
        for client, key in zip(clients, keys):
            client.socket.sendall(request(key) + request("may.example"))
        self.next.wait_asked(*keys[:90])
        self.assertEqual(self.ask("name.example"), "OK secure match=mx.name.example")
        for gone in clients[::10]:
            gone.close()
        self.next.release()
        for number, (client, key) in enumerate(zip(clients, keys)):
            if number % 10:
                self.assertEqual(client.read(), "OK secure match=" + key)
                self.assertEqual(client.read(), "OK may")
        self.assertEqual(self.ask("dane.example"), "OK dane-only")

    def test_service_ends(self):
        """It is missed, but for what is ours alone, until it is there again."""
        client = self.dial()
        self.assertEqual(client.ask("other.example"), "OK dane")
        self.next.stop()
        for key in ("other.example", "plain.example"):
            self.assertRegex(client.ask(key), "^TEMP ")
        self.assertEqual(client.ask("name.example"), "OK secure match=mx.name.example")
        self.assertEqual(client.ask("may.example"), "OK may")
        self.milter.wait_message("tls-policy-next: it cannot be connected to")
        with self.assertRaisesRegex(LookupError, "temporary error"):
            self.postmap("plain.example")
        self.next.start()
        self.assertEqual(client.ask("plain.example"), "OK encrypt")
        # It was started anew while nobody asked.
        self.next.stop()
        self.next.start()
        self.assertEqual(client.ask("other.example"), "OK dane")

    def test_another_map(self):
        self.start_anew(self.next.address.replace("QUERY", "QUERIES"))
        self.assertRegex(self.ask("plain.example"), "^TEMP ")
        self.assertRegex(self.ask("other.example"), "^PERM")
        self.assertEqual(self.ask("may.example"), "OK may")

    def hold_one(self):
        """A client whose question is with the service."""
        self.next.hold("sts.example")
        client = self.dial()
        client.socket.sendall(request("sts.example"))
        self.next.wait_asked("sts.example")
        return client

    def test_reload(self):
        """What is answered is by the policy that is in force then."""
        client = self.hold_one()
        self.milter.write_policy("deliver sts.example { require tls >= 1.3 }\n")
        self.assertIn("policy reloaded", self.milter.reload()["msg"])
        self.next.release()
        self.assertEqual(client.read(), "OK " + STS + " protocols=>=TLSv1.3")

    def test_worker_dies_while_it_asks(self):
        client = self.hold_one()
        worker, = self.milter.workers()
        os.kill(worker, signal.SIGKILL)
        try:
            self.assertEqual(client.read(), "")
        except ConnectionResetError:
            pass
        self.assertEqual(self.ask("dane.example"), "OK dane-only")


# A rule, what the service says, and what becomes of the message; then over what it went.
NAME = "mx.test.example"
OLD = 'require ciphersuites "TLS_AES_256_GCM_SHA384"; require tls >= 1.2'
MAIL = (
    ("require tls >= 1.2", "secure match=%s servername=%s" % (NAME, NAME), "sent", "TLSv1.3"),
    (OLD, "secure match=" + NAME, "sent", "TLSv1.2"),
    (OLD, "secure match=%s protocols=!TLSv1 exclude=aNULL:RC4 ciphers=high" % NAME, "sent",
     "TLSv1.2"),
    ("require forward-secrecy", "verify match=" + NAME, "sent", "TLSv1.3"),
    ("require tls", "secure match=mx.other.example", "deferred", None),
    ("require tls", "dane-only", "deferred", None),
    ("require tls", "TEMP ", "deferred", None),
    ("require tls", "none", "sent", "TLSv1.3"),
    (None, "encrypt protocols=TLSv1.2", "sent", "TLSv1.2"),
    (None, None, "sent", None),
)


@unittest.skipIf(postfix.obstacle(), postfix.obstacle())
class Delivery(StartCase):
    """Postfix reads what both have said together, and delivers by it."""

    def setUp(self):
        super().setUp()
        pki = workspace.pki()
        path = os.path.join(self.folder, "milter", "run", "tls.sock")
        options = ("-o myhostname=peer.example -o content_filter=discard: "
                   "-o smtpd_tls_ask_ccert=no")
        self.transport = os.path.join(self.folder, "transport")
        self.mta = postfix.Postfix(
            os.path.join(self.folder, "postfix"), pki,
            {"r%d" % number: options for number in range(len(MAIL))},
            transport_maps="texthash:" + self.transport,
            smtp_tls_policy_maps="socketmap:unix:%s:tlsward" % path,
            smtp_tls_CAfile=pki.ca.cert, smtp_tls_loglevel="1",
            smtp_tls_security_level="none", relay_domains="")
        self.ports = [self.mta.ports["r%d" % number] for number in range(len(MAIL))]
        hops = ["[127.0.0.1]:%d" % port for port in self.ports]
        values = {hop: theirs for hop, (_, theirs, _, _) in zip(hops, MAIL) if theirs}
        it = Tlspol(values, os.path.join(self.folder, "tlspol.sock"))
        it.start()
        self.addCleanup(it.stop)
        self.make("".join('deliver "%s" { %s }\n' % (hop, rule)
                          for hop, (rule, _, _, _) in zip(hops, MAIL) if rule),
                  tls_policy_map="unix:" + path, tls_policy_next=it.address).start()
        with open(self.transport, "w", encoding="utf-8") as out:
            out.writelines("r%d.example smtp:%s\n" % pair for pair in enumerate(hops))
        self.addCleanup(self.mta.stop)
        self.mta.start()

    def test_deliveries(self):
        with SmtpClient(self.mta.port) as client:
            client.open()
            for number in range(len(MAIL)):
                client.message("a@ours.example", "to@r%d.example" % number)
        for number, (rule, theirs, status, version) in enumerate(MAIL):
            found = self.mta.wait_log(
                r"to=<to@r%d\.example>.* status=(\w+) \((.*)\)$" % number).groups()
            self.assertEqual(found[0], status, (rule, theirs, found))
            over = re.findall(r"TLS connection established to \S+\]:%d: (\S+)" %
                              self.ports[number], self.mta.log_text())
            self.assertEqual(over[:1] if status == "sent" else [],
                             [version] if version else [], (rule, theirs, found))
        # Nothing in a value is wrong to Postfix.
        self.assertEqual(set(re.findall(r"smtp_tls_policy_maps, .*?: (.*)",
                                        self.mta.log_text())),
                         {"policy table lookup error"})


if __name__ == "__main__":
    unittest.main()
