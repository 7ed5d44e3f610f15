# SPDX-License-Identifier: ISC
"""A filter before the queue (smtpd_proxy_filter): no message is shown to its end."""

import json
import os
import re
import subprocess

from . import waiting
from .case import ACCEPTED, MilterCase
from .milter import SERVICE
from .replies import queue_id

CONF = os.path.join(os.path.dirname(__file__), "..", "..", "conf")
TLSWARD = os.path.abspath(os.environ.get("TLSWARD", "tlsward"))
OURS = "someone@ours.example"
TWO = "two@ours.example"

# The filter is its way back at once: what Postfix shows a milter is the same.
BACK = ("-o smtpd_milters= -o smtpd_proxy_filter= "
        "-o smtpd_recipient_restrictions=permit_mynetworks,reject "
        "-o smtpd_authorized_xforward_hosts=127.0.0.0/8")


class ProxyCase(MilterCase):
    """Listeners before a filter: as it comes, and with what could make a difference."""

    parameters = {"smtpd_proxy_filter": "127.0.0.1:$port_back"}
    listeners = {"back": BACK, "fast": "-o smtpd_proxy_options=speed_adjust",
                 "early": "-o smtpd_delay_reject=no",
                 "straight": "-o smtpd_proxy_filter="}
    proxied = ("smtp", "fast", "early")

    def send(self, sender, *recipients, context=None, listener="smtp", **more):
        """The replies, and the records of that connection."""
        conversation = self.connect(context, listener=listener)
        replies = conversation.message(sender, *(recipients or (OURS,)), **more)
        records = self.milter.wait_record(client_port=conversation.port) and \
            self.milter.records(client_port=conversation.port)
        conversation.close()
        return replies, records


class Verdicts(ProxyCase):
    policy = """
from watched.example { require tls; otherwise reject; monitor }
from held.example { require tls; otherwise quarantine }
from free.example { require tls; otherwise reject; exempt "ticket 4711" }
to vault.ours.example { require tls; otherwise quarantine }
"""
    settings = {"quarantine_as": "hold"}

    def test_followed_messages_have_their_record(self):
        for listener in self.proxied:
            for recipients in ((OURS,), (OURS, TWO)):
                with self.subTest(listener=listener, recipients=recipients):
                    replies, (record,) = self.send("a@watched.example", *recipients,
                                                   listener=listener)
                    self.assertTrue(replies["end"].startswith("250"), replies)
                    self.assert_record(record, action="accept", would="reject",
                                       nrcpt=len(recipients), queue_id=None)
                    _, (record,) = self.send("a@free.example", *recipients,
                                             listener=listener)
                    self.assert_record(record, exempt="ticket 4711")

    def test_several_on_one_connection(self):
        conversation = self.connect()
        for _ in range(3):
            conversation.message("a@watched.example", OURS)
        conversation.command("QUIT")
        records = self.milter.records(client_port=conversation.port)
        self.assertEqual([record["would"] for record in records], 3 * ["reject"])

    def test_pipelined_and_bdat(self):
        for last in ("DATA", "BDAT 0 LAST"):
            with self.subTest(last):
                conversation = self.connect()
                replies = conversation.pipeline("MAIL FROM:<a@watched.example>",
                                                "RCPT TO:<%s>" % OURS, last)
                self.assertIn(replies[2][:3], ("354", "250"))
                record = self.milter.wait_record(client_port=conversation.port)
                self.assert_record(record, would="reject", nrcpt=1)
                conversation.close()

    def test_what_cannot_be_held_is_put_off(self):
        for listener in self.proxied:
            for sender, recipients in (("a@held.example", (OURS,)),
                                       ("a@b.example", (OURS, "x@vault.ours.example"))):
                with self.subTest(listener=listener, sender=sender):
                    replies, (record,) = self.send(sender, *recipients,
                                                   listener=listener)
                    self.assert_refused(replies["data"], "451 4.7.0")
                    self.assert_record(record, action="tempfail", reason="tls")
        self.assertFalse(self.postfix.held())
        self.assertTrue([line for line in self.milter.lines()
                         if "to be held is tempfailed" in line.get("msg", "")])

    def test_bdat_is_put_off(self):
        conversation = self.connect()
        replies = conversation.pipeline("MAIL FROM:<a@held.example>",
                                        "RCPT TO:<%s>" % OURS, "BDAT 3 LAST\r\nx")
        self.assertTrue(replies[2].startswith("451 4.7.0"), replies)
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, action="tempfail")

    def test_without_the_filter_as_ever(self):
        for recipients in ((OURS,), (OURS, TWO)):
            replies, (record,) = self.send("a@held.example", *recipients,
                                           listener="straight")
            identity = queue_id(replies["end"])
            self.assertIn(identity, self.postfix.held())
            self.assert_record(record, action="quarantine", queue_id=identity)


class Refused(ProxyCase):
    """By the setting, what would be held is refused, each recipient by itself."""

    policy = Verdicts.policy
    settings = {"quarantine_as": "reject"}

    def test_refused(self):
        conversation = self.connect()
        replies = conversation.message("a@b.example", OURS, "x@vault.ours.example")
        self.assertEqual(replies[OURS], ACCEPTED)
        self.assert_refused(replies["x@vault.ours.example"], "530 5.7.0")
        self.assertTrue(replies["end"].startswith("250"), replies)


class Fields(ProxyCase):
    """Header fields are out of reach: that is told, and the rest is as it should be."""

    policy = "from strict.example { require tls; otherwise reject }\n"
    settings = {"authentication_results": "mx.ours.example"}
    parameters = {**ProxyCase.parameters, "default_transport": "keep",
                  "relay_transport": "keep"}
    forged = b"Authentication-Results: mx.ours.example; x-tls=pass (forged)"

    def test_told_once_and_recorded(self):
        for sender in ("a@strict.example", "a@other.example"):
            _, (record,) = self.send(sender, context=self.tls())
            self.assert_record(record, action="accept", tls_version="TLSv1.3")
        told = [line for line in self.milter.lines()
                if "claim to be ours are not removed" in line.get("msg", "")]
        self.assertEqual(len(told), 1)

    def test_without_the_filter_as_ever(self):
        conversation = self.connect(self.tls(), listener="straight")
        conversation.command("MAIL FROM:<a@strict.example>")
        conversation.command("RCPT TO:<%s>" % OURS)
        conversation.command("DATA")
        end = conversation.command(self.forged + b"\r\n\r\nx\r\n.")
        message = self.postfix.wait_kept(queue_id(end))
        self.assertNotIn(b"forged", message)
        self.assertIn(b"Authentication-Results: mx.ours.example; x-tls=pass", message)


class Shipped(ProxyCase):
    """The policy that is installed: what comes in clear text is in the report."""

    @classmethod
    def policy_text(cls):
        with open(os.path.join(CONF, "policy.conf"), encoding="utf-8") as text:
            return text.read()

    @classmethod
    def milter_settings(cls):
        return {"journal": "sqlite:%s/milter/run/journal.db" % cls.folder}

    def test_report(self):
        for listener in self.proxied:
            self.send("a@clear.example", listener=listener)
            self.send("a@encrypted.example", context=self.tls(), listener=listener)
        # Accepted messages are written within the second.
        waiting.until("the journal", lambda: json.loads(
            self.report("--json"))["totals"]["transactions"] == 6)
        self.assertTrue(re.search(r"\b50(\.0)? ?%", self.report()), self.report())

    def report(self, *options):
        """What the command prints."""
        return subprocess.run((TLSWARD, "report", "-c", self.milter.settings, *options),
                              stdout=subprocess.PIPE, check=True).stdout.decode()


class Alone(ProxyCase):
    """A policy service without the milter: its HOLD would be ignored there."""

    policy = Verdicts.policy
    settings = {"policy_service": SERVICE, "policy_service_answers": "verdict",
                "quarantine_as": "tempfail"}

    @classmethod
    def main_parameters(cls):
        return {**cls.parameters, "smtpd_recipient_restrictions":
                "check_policy_service unix:%s/milter/run/policy.sock, "
                "permit_mynetworks, reject" % cls.folder}

    def test_put_off(self):
        replies, records = self.send("a@held.example")
        self.assertTrue(replies[OURS].startswith("451 4.7.0"), replies)
        self.assertEqual([record["action"] for record in records], ["tempfail"])
