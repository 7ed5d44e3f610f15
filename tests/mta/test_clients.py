# SPDX-License-Identifier: ISC
"""Where mail comes from: addresses, names, logins, programs and filters."""

import os
import unittest

from . import sasl
from .client import Client
from .case import ACCEPTED, MilterCase
from .replies import queue_id
from .postfix import has_ipv6

OURS = "someone@ours.example"
STRICT = "a@strict.example"


class Clients(MilterCase):
    """Client rules, by what Postfix and XCLIENT say of the client."""

    policy = """
from strict.example { require tls >= 1.2; otherwise reject }
client 192.0.2.0/24 { exempt "the lab" }
client 192.0.2.128/25 { require tls >= 1.3; otherwise reject }
client 2001:db8::/32 { exempt }
client mx.friend.example .friends.example { exempt }
client 127.0.0.66 { require tls; otherwise tempfail }
client ::1 { exempt "the loopback" }
"""
    parameters = {"smtpd_authorized_xclient_hosts": "127.0.0.0/8"}
    listeners = {"proxied": "-o smtpd_upstream_proxy_protocol=haproxy"}

    def test_behind_haproxy(self):
        """Macros and connect tell of the same client: no second session."""
        for line, address, port in ((b"TCP4 192.0.2.7 192.0.2.1 4720 25", "192.0.2.7", 4720),
                                    (b"TCP6 2001:db8::7 2001:db8::1 4721 25",
                                     "2001:db8::7", 4721)):
            with Client(self.postfix.ports["proxied"],
                        before=b"PROXY %s\r\n" % line) as conversation:
                conversation.open()
                self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
                self.assert_record(self.milter.wait_record(client_port=port),
                                   client_addr=address)

    def xclient(self, attributes, context=None):
        """A client that Postfix takes for somebody else."""
        conversation = self.connect(context)
        reply = conversation.command("XCLIENT " + attributes)
        self.assertTrue(reply.startswith("220"), reply)
        conversation.ehlo()
        return conversation

    def test_loopback(self):
        conversation = self.connect()
        reply = conversation.message(STRICT, OURS)[OURS]
        self.assert_refused(reply, "530 5.7.0")
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           client_addr="127.0.0.1", client_name="localhost",
                           client_ptr="localhost", local=None, rule_kind="from")

    def test_address_without_a_name(self):
        conversation = self.connect(source="127.0.0.66")
        reply = conversation.message("a@open.example", OURS)[OURS]
        self.assert_refused(reply, "451 4.7.0")
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           client_addr="127.0.0.66", client_name=None,
                           rule_kind="client", rule_name="127.0.0.66")

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    def test_ipv6(self):
        conversation = self.connect(host="::1")
        self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           client_addr="::1", rule_kind="client", rule_name="::1",
                           exempt="the loopback")

    def test_network(self):
        conversation = self.xclient("ADDR=192.0.2.7 NAME=x.example PORT=4711")
        self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
        self.assert_record(self.milter.wait_record(client_port=4711),
                           client_addr="192.0.2.7", client_name="x.example",
                           rule_kind="client", rule_name="192.0.2.0/24",
                           exempt="the lab")

    def test_longest_network(self):
        conversation = self.xclient("ADDR=192.0.2.200 PORT=4712", self.tls("1.2"))
        reply = conversation.message(STRICT, OURS)[OURS]
        self.assert_refused(reply, "554 5.7.0")
        self.assert_record(self.milter.wait_record(client_port=4712),
                           rule_name="192.0.2.128/25", reason="tls-version")

    def test_ipv6_network(self):
        conversation = self.xclient("ADDR=IPV6:2001:db8::9 PORT=4713")
        self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
        self.assert_record(self.milter.wait_record(client_port=4713),
                           client_addr="2001:db8::9", rule_name="2001:db8::/32")

    def test_names(self):
        cases = (("mx.friend.example", True), ("MX.Friend.Example", True),
                 ("a.mx.friend.example", False), ("a.b.friends.example", True),
                 ("friends.example", False), ("notfriends.example", False))
        for name, exempt in cases:
            with self.subTest(name):
                conversation = self.xclient("ADDR=198.51.100.1 NAME=" + name)
                reply = conversation.message(STRICT, OURS)[OURS]
                self.assertEqual(reply == ACCEPTED, exempt, reply)

    def test_name_that_is_not_confirmed(self):
        conversation = self.xclient("ADDR=198.51.100.1 NAME=[UNAVAILABLE] "
                                    "REVERSE_NAME=mx.friend.example PORT=4714")
        self.assert_refused(conversation.message(STRICT, OURS)[OURS], "530 5.7.0")
        self.assert_record(self.milter.wait_record(client_port=4714),
                           client_name=None, client_ptr="mx.friend.example",
                           client_addr="198.51.100.1")

    def test_proxy_is_not_local(self):
        for attributes in ("ADDR=198.51.100.2 PORT=[UNAVAILABLE]",
                           "ADDR=127.0.0.1 PORT=[UNAVAILABLE]"):
            with self.subTest(attributes):
                conversation = self.xclient(attributes)
                reply = conversation.message(STRICT, OURS)[OURS]
                self.assert_refused(reply, "530 5.7.0")
        self.assertFalse(self.milter.records(local="yes"))

    def test_macros_of_the_session_before_xclient_are_gone(self):
        conversation = self.xclient("ADDR=198.51.100.3 PORT=4715")
        conversation.message("a@open.example", OURS)
        self.assert_record(self.milter.wait_record(client_port=4715),
                           tls_version="none", client_addr="198.51.100.3")

    def test_tls_after_xclient(self):
        conversation = self.xclient("ADDR=198.51.100.3 PORT=4716")
        conversation.starttls(self.tls("1.2"))
        self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
        self.assert_record(self.milter.wait_record(client_port=4716),
                           tls_version="TLSv1.2")


class Authenticated(MilterCase):
    """SASL sessions, by the fake Dovecot of sasl.py or by XCLIENT."""

    policy = """
from strict.example { require tls; otherwise reject }
client authenticated { exempt "one of us" }
client 127.0.0.0/8 { require tls; otherwise tempfail }
"""
    parameters = {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
                  "smtpd_sasl_path": "private/auth", "smtpd_tls_auth_only": "no",
                  "smtpd_authorized_xclient_hosts": "127.0.0.0/8"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server = sasl.AuthServer(os.path.join(cls.postfix.queue, "private", "auth"))
        cls.addClassCleanup(server.close)

    def test_not_authenticated(self):
        reply = self.connect().message("a@open.example", OURS)[OURS]
        self.assert_refused(reply, "451 4.7.0")

    def test_in_clear(self):
        conversation = self.connect()
        self.assertTrue(conversation.command(sasl.plain("carol")).startswith("235"))
        self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           sasl_username="carol", rule_kind="client",
                           rule_name="authenticated", exempt="one of us")

    def test_over_tls(self):
        conversation = self.connect(self.tls())
        conversation.command(sasl.plain("carol"))
        self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           sasl_username="carol", tls_version="TLSv1.3")

    def test_starttls_ends_authentication(self):
        conversation = self.connect()
        conversation.command(sasl.plain("carol"))
        conversation.starttls(self.tls())
        self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           sasl_username=None, rule_name="strict.example", exempt=None)

    def test_second_message(self):
        conversation = self.connect()
        reply = conversation.message(STRICT, OURS)[OURS]
        self.assert_refused(reply, "530 5.7.0")
        conversation.command("RSET")
        conversation.command(sasl.plain("carol"))
        self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)

    def test_odd_user_names(self):
        for user in ("carol@x.example", 'a"b', "b\u00e5", "x=y z"):
            with self.subTest(user):
                conversation = self.connect()
                conversation.command(sasl.plain(user))
                self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
                self.assert_record(
                    self.milter.wait_record(client_port=conversation.port),
                    sasl_username=user)

    def test_auth_parameter_of_mail_is_no_login(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<%s> AUTH=<carol@ours.example>" % STRICT)
        reply = conversation.command("RCPT TO:<%s>" % OURS)
        self.assert_refused(reply, "530 5.7.0")

    def test_login_by_xclient(self):
        conversation = self.connect()
        conversation.command("XCLIENT LOGIN=dave")
        conversation.ehlo()
        self.assertEqual(conversation.message(STRICT, OURS)[OURS], ACCEPTED)
        self.milter.wait_record(sasl_username="dave")


class Local(MilterCase):
    """Mail of local programs, by the sendmail command and non_smtpd_milters."""

    policy = """
from strict.example { require tls; otherwise reject }
from later.example { require tls }
from held.example { require tls; otherwise quarantine }
to payroll.example { require tls; otherwise reject }
"""

    @classmethod
    def main_parameters(cls):
        return {**super().main_parameters(), "non_smtpd_milters": cls.milter.address,
                "default_transport": "keep"}

    def submit(self, sender, *recipients):
        done = self.postfix.command("sendmail", "-f", sender, *recipients,
                                    input=b"Subject: x\n\nx\n")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_accepted(self):
        self.submit("open@open.example", OURS)
        record = self.milter.wait_record(**{"from": "open@open.example"})
        self.assert_record(record, action="accept", local="yes", tls_version="none",
                           client_addr="127.0.0.1", helo="localhost")
        self.postfix.wait_log("from=<open@open.example>.*queue active")

    def test_null_sender(self):
        self.submit("", "null@ours.example")
        self.milter.wait_record(local="yes", **{"from": "<>"})

    def test_rejected_is_bounced(self):
        self.submit("bounced@strict.example", OURS)
        self.milter.wait_record(action="reject", **{"from": "bounced@strict.example"})
        self.postfix.wait_log("milter-reject: .*from=<bounced@strict.example>")
        self.postfix.wait_log("status=bounced")

    def test_deferred_stays(self):
        self.submit("waits@later.example", OURS)
        self.milter.wait_record(action="tempfail", **{"from": "waits@later.example"})
        self.postfix.wait_log("milter-reject: .*from=<waits@later.example>")
        self.assertIn("waits@later.example", self.postfix.queue_listing())

    def test_held(self):
        self.submit("held@held.example", OURS)
        self.milter.wait_record(action="quarantine", **{"from": "held@held.example"})
        self.postfix.wait_log("milter-hold: .*from=<held@held.example>")

    def test_refused_recipient_does_not_wait_for_ever(self):
        self.submit("open@payer.example", "boss@payroll.example")
        self.milter.wait_record(action="reject", to="boss@payroll.example")
        self.postfix.wait_log("status=bounced")
        self.assertNotIn("can't reject recipient", self.postfix.log_text())


class LocalExempt(MilterCase):
    """The rule for local mail."""

    policy = """
default { require tls; otherwise reject }
client local { exempt "our own" }
"""

    @classmethod
    def main_parameters(cls):
        return {**super().main_parameters(), "non_smtpd_milters": cls.milter.address}

    def test_local(self):
        done = self.postfix.command("sendmail", "-f", STRICT, OURS, input=b"\nx\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_record(self.milter.wait_record(local="yes"), action="accept",
                           exempt="our own", rule_kind="client", rule_name="local")

    def test_loopback_is_not_local(self):
        self.assert_refused(self.connect().message(STRICT, OURS)[OURS], "530 5.7.0")


class ContentFilter(MilterCase):
    """Mail that a filter hands back over loopback: exempt by the client's address."""

    policy = """
from strict.example { require tls; otherwise reject }
client 127.0.0.1 { exempt "the filter" }
"""
    listeners = {"after": "-o content_filter= "
                          "-o smtpd_authorized_xforward_hosts=127.0.0.0/8"}
    services = ("filter unix - - n - - smtp -o smtp_send_xforward_command=yes "
                "-o smtp_tls_security_level=none",)
    parameters = {"content_filter": "filter:[127.0.0.1]:$port_after",
                  "default_transport": "keep", "relay_transport": "keep"}

    def test_both_passes(self):
        conversation = self.connect(self.tls(), source="127.0.0.9")
        replies = conversation.message(STRICT, OURS)
        self.assertEqual(replies[OURS], ACCEPTED)
        first = self.milter.wait_record(client_addr="127.0.0.9")
        self.assert_record(first, action="accept", tls_version="TLSv1.3", exempt=None)
        second = self.milter.wait_record(client_addr="127.0.0.1")
        self.assert_record(second, action="accept", tls_version="none",
                           exempt="the filter", helo="mx.test.example")
        found = self.postfix.wait_log("%s: .*status=sent .*queued as ([0-9A-F]+)"
                                      % queue_id(replies["end"]))
        self.postfix.wait_kept(found.group(1))

    def test_first_pass_is_judged(self):
        conversation = self.connect(source="127.0.0.9")
        self.assert_refused(conversation.message(STRICT, OURS)[OURS], "530 5.7.0")
