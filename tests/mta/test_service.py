# SPDX-License-Identifier: ISC
"""The policy service: fingerprints for the milter, and verdicts without one."""

import os
import signal
import socket
import unittest

from . import waiting, workspace
from .case import ACCEPTED, MilterCase
from .replies import queue_id
from .milter import SERVICE
from .postfix import accounts, has_ipv6
from .test_start import StartCase

OURS = "someone@ours.example"
OWN = ("good", "second", "expired", "selfsigned", "rogue")

# What policy clients do to a recipient: first in the list, before any permit.
RESTRICTIONS = ("check_policy_service unix:{folder}/milter/run/policy.sock, "
                "permit_mynetworks, reject")


def pins(pki):
    """A rule for each certificate, by its own digest and by its key's."""
    lines = ["from %s.cert.example { require certificate fingerprint %s; "
             "otherwise reject }" % (name, pki.clients[name].fingerprint())
             for name in OWN]
    lines += ["from %s.key.example { require certificate fingerprint %s; "
              "otherwise reject }" % (name, pki.clients[name].key_fingerprint())
              for name in OWN]
    return "\n".join(lines) + """
from verified.example { require certificate; otherwise reject }
from named.example { require certificate name client.test.example; otherwise reject }
from strict.example { require tls >= 1.3; otherwise reject }
from open.example { require nothing }
"""


class ServiceCase(MilterCase):
    """A Postfix that asks the policy service, with and without the milter."""

    rules = ""	# of its policy, after those with pins
    has_pins = True
    settings = {"policy_service": SERVICE}
    asks_milter = True

    @classmethod
    def setUpClass(cls):
        cls.policy = (pins(workspace.pki()) if cls.has_pins else "") + cls.rules
        super().setUpClass()

    @classmethod
    def milter_settings(cls):
        """Where there is no milter, it is the policy service that judges."""
        return {**({} if cls.asks_milter else {"policy_service_answers": "verdict"}),
                **cls.settings}

    @classmethod
    def main_parameters(cls):
        parameters = {**super().main_parameters(), "smtpd_recipient_restrictions":
                      RESTRICTIONS.format(folder=cls.folder), **cls.parameters}
        if not cls.asks_milter:
            del parameters["smtpd_milters"]
        return parameters

    def ask(self, sender, certificate=None, version="1.3", context=None, **where):
        """The reply to a recipient, and the record."""
        if context is None and version is not None:
            context = self.tls(version, certificate=certificate)
        conversation = self.connect(context, **where)
        reply = conversation.message(sender, OURS)[OURS]
        record = self.milter.wait_record(client_port=conversation.port,
                                         **{"from": sender})
        conversation.close()
        return reply, record

    def refused(self, reply, codes, *parts):
        """As the milter's replies, or as Postfix writes those of a policy service."""
        if not self.asks_milter:
            parts = ("Recipient address rejected: ",) + parts
        self.assert_refused(reply, codes, *parts)


class Pins:
    """Pins hold for the certificate that they name, whoever issued it."""

    def test_pins(self):
        for pinned in OWN:
            for shown in OWN + (None,):
                for kind in ("cert", "key"):
                    with self.subTest(pinned=pinned, shown=shown, kind=kind):
                        sender = "a@%s.%s.example" % (pinned, kind)
                        reply, record = self.ask(sender, shown)
                        if shown == pinned:
                            self.assertEqual(reply, ACCEPTED)
                        else:
                            self.refused(reply, "550 5.7.1")
                        self.check_record(record, shown, shown == pinned)

    def check_record(self, record, shown, accepted):
        certificate = self.pki.clients.get(shown)
        self.assert_record(
            record, action="accept" if accepted else "reject", mta="postfix",
            cert_fingerprint=certificate.fingerprint() if certificate else "none",
            cert_pubkey_fingerprint=certificate.key_fingerprint() if certificate
            else "none", cert_verified="yes" if shown in ("good", "second") else "no",
            reason=None if accepted else "certificate-fingerprint")

    def test_clear_text(self):
        reply, record = self.ask("a@good.cert.example", version=None)
        self.refused(reply, "530 5.7.0")
        self.assert_record(record, reason="tls", tls_version="none",
                           cert_fingerprint=None)

    def test_impostors(self):
        for shown in ("rogue", "selfsigned", "expired"):
            for domain in ("verified", "named"):
                with self.subTest(shown=shown, domain=domain):
                    reply, record = self.ask("a@%s.example" % domain, shown)
                    self.refused(reply, "550 5.7.1")
                    self.assert_record(record, reason="certificate",
                                       cert_verified="no")

    def test_verified(self):
        for domain in ("verified", "named"):
            self.assertEqual(self.ask("a@%s.example" % domain, "good")[0], ACCEPTED)

    def test_older_protocols(self):
        reply, record = self.ask("a@good.cert.example", "good", version="1.2")
        self.assertEqual(reply, ACCEPTED)
        self.assert_record(record, tls_version="TLSv1.2")
        reply, _ = self.ask("a@strict.example", "good", version="1.2")
        self.refused(reply, "554 5.7.0", "must reach us over TLS 1.3")

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    def test_ipv6(self):
        for shown, expected in (("good", True), ("rogue", False)):
            reply, _ = self.ask("a@good.cert.example", shown, host="::1")
            self.assertEqual(reply == ACCEPTED, expected, reply)

    def test_several_messages(self):
        conversation = self.connect(self.tls(certificate="rogue"))
        for sender, expected in (("a@rogue.cert.example", True),
                                 ("a@good.cert.example", False),
                                 ("a@rogue.key.example", True)):
            reply = conversation.message(sender, OURS, "two@ours.example")[OURS]
            self.assertEqual(reply == ACCEPTED, expected, reply)
            conversation.command("RSET")

    def test_starttls_in_the_middle(self):
        conversation = self.connect()
        reply = conversation.message("a@good.cert.example", OURS)[OURS]
        self.refused(reply, "530 5.7.0")
        conversation.starttls(self.tls(certificate="good"), ehlo=None)
        self.assertEqual(conversation.message("a@good.cert.example", OURS)[OURS],
                         ACCEPTED)

    def test_odd_addresses(self):
        for sender, to in (("", OURS), ('"a b"@good.cert.example', OURS),
                           ("a@good.cert.example", '"x y"@ours.example')):
            conversation = self.connect(self.tls(certificate="good"))
            self.assertEqual(conversation.message(sender, to)[to], ACCEPTED)


class Beside(ServiceCase, Pins):
    """Beside the milter, as both come by default."""

    def test_nothing_is_said_twice(self):
        conversation = self.connect(self.tls(certificate="good"))
        conversation.message("a@open.example", OURS)
        self.milter.wait_record(client_port=conversation.port)
        self.refused(self.ask("a@strict.example", version=None)[0], "530 5.7.0")
        self.assertEqual(len(self.milter.records(client_port=conversation.port)), 1)
        self.assertNotIn("Recipient address rejected", self.postfix.log_text())


class BesideAtOnce(ServiceCase, Pins):
    """The same where Postfix asks at each command."""

    parameters = {"smtpd_delay_reject": "no"}


class Everywhere(ServiceCase, Pins):
    """Where Postfix asks at each command and in each of its lists."""

    @classmethod
    def main_parameters(cls):
        ask = "check_policy_service unix:%s/milter/run/policy.sock" % cls.folder
        return {**super().main_parameters(), "smtpd_delay_reject": "no",
                **{"smtpd_%s_restrictions" % name: ask for name in (
                    "client", "helo", "sender", "data", "end_of_data")}}


class BesideFacts(ServiceCase, Pins):
    """With the setting that says so, over TCP."""

    @classmethod
    def milter_settings(cls):
        cls.service = "inet:127.0.0.1:%d" % waiting.free_ports(1)[0]
        return {"policy_service": cls.service, "policy_service_answers": "facts"}

    @classmethod
    def main_parameters(cls):
        return {**super().main_parameters(), "smtpd_recipient_restrictions":
                "check_policy_service %s, permit_mynetworks, reject" % cls.service}


class Resumed(ServiceCase):
    """A resumed session has the fingerprints of the first."""

    parameters = {"smtpd_tls_session_cache_database":
                  "btree:${data_directory}/smtpd_scache"}

    def test_resumed(self):
        for shown in ("good", "rogue"):
            for version in ("1.2", "1.3"):
                with self.subTest(shown=shown, version=version):
                    self.check(shown, version)

    def check(self, shown, version):
        context = self.tls(version, certificate=shown)
        sender = "a@%s.cert.example" % shown
        first = self.connect(context)
        self.assertEqual(first.message(sender, OURS)[OURS], ACCEPTED)
        second = self.connect(context, session=first.socket.session)
        self.assertTrue(second.socket.session_reused)
        self.assertEqual(second.message(sender, OURS)[OURS], ACCEPTED)
        reply = second.message("a@second.cert.example", OURS)[OURS]
        self.refused(reply, "550 5.7.1")


class ResumedAlone(Resumed):
    asks_milter = False


class Unasked(ServiceCase):
    """Clients about whom Postfix does not ask the service."""

    settings = {"policy_service": SERVICE}
    listeners = {"permits": "-o smtpd_recipient_restrictions=permit_mynetworks,reject"}

    def test_fingerprints_are_unknown(self):
        reply, record = self.ask("a@good.cert.example", "good", listener="permits")
        self.assert_refused(reply, "451 4.7.0")
        self.assert_record(record, reason="unknown-fact", cert_fingerprint=None)

    def test_everything_else_is_known(self):
        reply, _ = self.ask("a@verified.example", "good", listener="permits")
        self.assertEqual(reply, ACCEPTED)

    def test_one_port_on_two_listeners(self):
        """Two connections at once, from one address and port."""
        here = {"source": "127.0.0.1", "source_port": waiting.free_ports(1)[0]}
        asked = self.connect(self.tls(certificate="good"), **here)
        other = self.connect(self.tls(certificate="rogue"), listener="permits",
                             **here)
        self.assertEqual(other.port, asked.port)
        for conversation in (asked, other):
            conversation.command("MAIL FROM:<a@good.cert.example>")
        self.assertEqual(asked.command("RCPT TO:<%s>" % OURS), ACCEPTED)
        self.assert_refused(other.command("RCPT TO:<%s>" % OURS), "451 4.7.0")


class Alone(ServiceCase, Pins):
    """Without a milter."""

    asks_milter = False
    rules = """
from held.example { require tls; otherwise quarantine }
from later.example { require tls; otherwise tempfail 450 4.3.2 "50% later, {domain}" }
from watched.example { require tls; otherwise reject; monitor }
from free.example { require tls; otherwise reject; exempt "ticket 4711" }
to payroll.ours.example { require tls; otherwise reject }
to vault.ours.example { require tls; otherwise quarantine }
client 127.0.0.66 { exempt "the lab" }
"""
    parameters = {"default_transport": "keep", "relay_transport": "keep"}

    def test_reply(self):
        reply, record = self.ask("a@strict.example", version=None)
        self.assertEqual(
            reply, "530 5.7.0 <%s>: Recipient address rejected: Mail from "
            "strict.example must reach us over TLS 1.3 or newer; this session was not "
            "encrypted" % OURS)
        self.assert_record(
            record, action="reject", reason="tls", mta="postfix", to=OURS,
            client_addr="127.0.0.1", client_name="localhost", client_ptr="localhost",
            helo="client.test.example", tls_version="none", rule_kind="from",
            domain="strict.example", local=None)
        self.assertTrue(record["reply"].startswith("530 5.7.0 Mail from"))

    def test_tempfail(self):
        reply, record = self.ask("a@later.example", version=None)
        self.refused(reply, "450 4.3.2", "50% later, later.example")
        self.assert_record(record, action="tempfail")

    def test_held(self):
        conversation = self.connect()
        replies = conversation.message("a@held.example", OURS, "two@ours.example")
        identity = queue_id(replies["end"])
        self.assertIn(identity, self.postfix.held())
        self.postfix.wait_log(r"hold: RCPT from .*tlsward: tls \(policy.conf:\d+\)")
        self.milter.wait_record(client_port=conversation.port)
        records = self.milter.records(client_port=conversation.port)
        self.assertEqual([record["action"] for record in records], ["quarantine"])

    def test_held_for_one_recipient(self):
        conversation = self.connect()
        replies = conversation.message("a@open.example", OURS, "x@vault.ours.example",
                                       "y@vault.ours.example")
        self.assertIn(queue_id(replies["end"]), self.postfix.held())
        records = self.milter.records(client_port=conversation.port)
        self.assertEqual([(record["action"], record["to"]) for record in records],
                         [("accept", OURS), ("quarantine", "x@vault.ours.example")])

    def test_one_record_for_each_message(self):
        conversation = self.connect(self.tls())
        for _ in range(2):
            replies = conversation.message("a@strict.example", OURS, "b@ours.example")
            self.assertTrue(replies["end"].startswith("250"))
            self.assertNotIn(queue_id(replies["end"]), self.postfix.held())
        records = self.milter.records(client_port=conversation.port)
        self.assertEqual([record["action"] for record in records], 2 * ["accept"])
        self.assertEqual(len({record["session"] for record in records}), 1)

    def test_one_record_for_each_refused_recipient(self):
        conversation = self.connect()
        replies = conversation.message("a@open.example", "a@payroll.ours.example", OURS,
                                       "b@payroll.ours.example")
        self.assertTrue(replies["end"].startswith("250"))
        records = self.milter.records(client_port=conversation.port)
        self.assertEqual([(record["action"], record["to"]) for record in records],
                         [("reject", "a@payroll.ours.example"), ("accept", OURS),
                          ("reject", "b@payroll.ours.example")])

    def test_monitor(self):
        reply, record = self.ask("a@watched.example", version=None)
        self.assertEqual(reply, ACCEPTED)
        self.assert_record(record, action="accept", would="reject", would_reason="tls")

    def test_exempt(self):
        reply, record = self.ask("a@free.example", version=None)
        self.assertEqual(reply, ACCEPTED)
        self.assert_record(record, action="accept", exempt="ticket 4711")

    def test_client(self):
        reply, record = self.ask("a@strict.example", version=None, source="127.0.0.66")
        self.assertEqual(reply, ACCEPTED)
        self.assert_record(record, client_addr="127.0.0.66", client_name=None,
                           exempt="the lab", rule_kind="client")

    def test_names_are_decoded(self):
        _, record = self.ask("a@verified.example", "oddcn")
        self.assert_record(record, cert_cn='Bl\u00e5 +1/<x>(y)"z" a=b',
                           cert_issuer="Test Root CA", cert_verified="yes")
        _, record = self.ask("a@verified.example", "nocn")
        self.assert_record(record, cert_cn="", cert_verified="yes", action="accept")


class AloneSoft(ServiceCase):
    """The setting "verdict", soft-bounce; a milter may be there as well."""

    settings = {"policy_service": SERVICE, "policy_service_answers": "verdict",
                "soft_bounce": "yes"}
    asks_milter = False

    def test_soft_bounce(self):
        reply, record = self.ask("a@strict.example", version=None)
        self.refused(reply, "430 4.7.0")
        self.assert_record(record, action="tempfail", reason="tls")


class AloneMonitor(ServiceCase):
    settings = {"policy_service": SERVICE, "mode": "monitor", "log_accepted": "no"}
    asks_milter = False

    def test_monitor(self):
        reply, record = self.ask("a@strict.example", version=None)
        self.assertEqual(reply, ACCEPTED)
        self.assert_record(record, action="accept", would="reject")
        conversation = self.connect(self.tls())
        self.assertEqual(conversation.message("a@strict.example", OURS)[OURS], ACCEPTED)
        self.assertFalse(self.milter.records(client_port=conversation.port))


class Auto(ServiceCase):
    """One daemon, one listener with the milter and one without: the milter judges."""

    listeners = {"alone": "-o smtpd_milters="}

    def test_who_judges(self):
        conversation = self.connect(listener="alone")
        replies = conversation.message("a@strict.example", OURS)
        self.assertTrue(replies["end"].startswith("250"), replies)
        told = [line["msg"] for line in self.milter.lines() if "msg" in line]
        self.assertTrue([line for line in told if "policy service on unix:" in line and
                         line.endswith("(auto, with listen)")], told)
        seen = self.connect()
        self.assert_refused(seen.message("a@strict.example", OURS)[OURS], "530 5.7.0",
                            "Mail from")
        self.milter.wait_record(client_port=seen.port)
        self.assertFalse(self.milter.records(client_port=conversation.port))

    def test_unjudged_is_told(self):
        for listener in ("alone", "smtp", "alone"):
            self.connect(listener=listener).message("a@open.example", OURS)
        told = [line.get("msg", "") for line in self.milter.lines()]
        self.assertTrue([line for line in told if "nothing is judged" in line or
                         "whom the milter does not see" in line], told)


class FilterBack(ServiceCase):
    """A content filter's way back with the restrictions of main.cf: nothing bounces."""

    listeners = {"after": "-o content_filter= -o smtpd_milters="}
    services = ("filter unix - - n - - smtp -o smtp_tls_security_level=none",)
    parameters = {"content_filter": "filter:[127.0.0.1]:$port_after",
                  "default_transport": "keep", "relay_transport": "keep"}

    def test_accepted_mail_is_delivered(self):
        conversation = self.connect(self.tls())
        replies = conversation.message("a@strict.example", OURS)
        found = self.postfix.wait_log("%s: to=<%s>.*status=(.*)$" % (
            queue_id(replies["end"]), OURS))
        self.assertTrue(found.group(1).startswith("sent"), found.group(0))


class Both(ServiceCase):
    """One daemon, one listener with the milter and one without, and verdicts."""

    settings = {"policy_service": SERVICE, "policy_service_answers": "verdict"}
    listeners = {"alone": "-o smtpd_milters="}

    def test_one_port_on_both(self):
        here = {"source": "127.0.0.1", "source_port": waiting.free_ports(1)[0]}
        seen = self.connect(**here)
        alone = self.connect(listener="alone", **here)
        seen.command("MAIL FROM:<a@open.example>")
        reply = alone.message("a@strict.example", OURS)[OURS]
        self.assert_refused(reply, "530 5.7.0", "Recipient address rejected")
        reply = seen.command("RCPT TO:<%s>" % OURS)
        self.assertEqual(reply, ACCEPTED)


class NoPins(ServiceCase):
    """Without a pin nothing waits for the service: messages are accepted at MAIL."""

    rules = "from strict.example { require tls >= 1.3; otherwise reject }\n"
    has_pins = False

    def test_accepted_at_mail(self):
        _, record = self.ask("a@strict.example", "good")
        self.assert_record(record, action="accept", to=None, cert_fingerprint=None)

    def test_refusals_have_fingerprints(self):
        _, record = self.ask("a@strict.example", "rogue", version="1.2")
        self.assert_record(record, action="reject", to=OURS,
                           cert_fingerprint=self.pki.clients["rogue"].fingerprint())


class Starts(StartCase):
    """The second socket, at the start and at the end."""

    def service(self, **settings):
        return self.make(**{"policy_service": SERVICE, **settings})

    def answers(self, milter):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(waiting.PATIENCE)
            client.connect(milter.service_socket)
            client.sendall(b"request=smtpd_access_policy\nprotocol_state=DATA\n\n")
            return client.recv(100) == b"action=DUNNO\n\n"

    def test_stale_socket(self):
        milter = self.service()
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(milter.service_socket)
        milter.start()
        self.assertTrue(self.answers(milter))
        self.assertEqual(milter.stop(), 0)
        self.assertFalse(os.path.exists(milter.service_socket))
        self.assertFalse(os.path.exists(milter.socket))

    def test_socket_in_use(self):
        milter = self.service()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(milter.service_socket)
            other.listen(1)
            status, text = self.run_to_end(milter)
        self.assertEqual(status, 1)
        self.assertIn("policy.sock: in use by ", text)
        self.assertFalse(os.path.exists(milter.socket))
        self.assertTrue(os.path.exists(milter.service_socket))

    def test_no_socket(self):
        milter = self.service()
        with open(milter.service_socket, "w", encoding="ascii"):
            pass
        status, text = self.run_to_end(milter)
        self.assertEqual(status, 1)
        self.assertIn("something else has that name", text)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            milter = self.service(policy_service="inet:127.0.0.1:%d" % port)
            status, text = self.run_to_end(milter)
        self.assertEqual(status, 1)
        self.assertIn("cannot listen for the policy service on inet:127.0.0.1:%d" % port, text)
        self.assertFalse(os.path.exists(milter.socket))

    def test_mode_and_group(self):
        milter = self.service(socket_mode="0660", socket_group=accounts().owner)
        milter.start()
        first, second = (os.stat(path) for path in (
            milter.socket, milter.service_socket))
        self.assertEqual(second.st_mode & 0o777, 0o660)
        self.assertEqual((first.st_mode, first.st_uid, first.st_gid),
                         (second.st_mode, second.st_uid, second.st_gid))

    def test_worker_that_dies(self):
        milter = self.service()
        milter.start()
        (worker,) = milter.workers()
        os.kill(worker, signal.SIGKILL)
        milter.wait_message("starting a new one")
        self.assertTrue(self.answers(milter))
        self.assertEqual(milter.stop(), 0)


class Digest(ServiceCase):
    """A Postfix that reports MD5."""

    parameters = {"smtpd_tls_fingerprint_digest": "md5"}

    def test_told(self):
        reply, record = self.ask("a@good.cert.example", "good")
        self.assert_refused(reply, "451 4.7.0")
        self.assert_record(record, reason="unknown-fact", cert_fingerprint=None)
        self.milter.wait_message("smtpd_tls_fingerprint_digest = sha256")
