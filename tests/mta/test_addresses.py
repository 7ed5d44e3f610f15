# SPDX-License-Identifier: ISC
"""Whose mail it is and for whom, however the address is spelt."""

from .case import ACCEPTED, MilterCase

OURS = "someone@ours.example"

# All of these are user@strict.example to Postfix.
SENDERS = """
<user@strict.example>
<User@Strict.EXAMPLE>
<user@strict.example.>
<"user"@strict.example>
<"us\\er"@strict.example>
user@strict.example
<@relay.example,@other.example:user@strict.example>
< user@strict.example >
<user @ strict.example>
<(note)user@strict.example>
<user@strict.example(note)>
<user@(note)strict.example>
<user@"strict.example">
<"user@strict.example">
<user@strict\\.example>
<user@strict.example;>
<user@strict.example,>
<<user@strict.example>>
user@strict.example>
Group:user@strict.example;
<strict.example!user>
<user%strict.example>
<user%strict.example@[127.0.0.1]>
""".split("\n")[1:-1]

# Domains that look like it and are not it.
OTHERS = """
<user@sub.strict.example>
<user@notstrict.example>
<user@strict.example.org>
<strict.example@other.example>
<"user@strict.example"@other.example>
<user@[127.0.0.1]>
<user@[IPv6:2001:db8::1]>
""".split("\n")[1:-1]

NULL_SENDERS = ['<>', '<"">', "<@strict.example:>"]


class Senders(MilterCase):
    policy = """
from strict.example { require tls; otherwise reject }
from bl\u00e5.example { require tls; otherwise reject }
from boss@person.example { require tls; otherwise reject }
from <> { require tls; otherwise tempfail }
from test.example { require tls; otherwise reject }
"""

    def ask(self, sender, options=""):
        """MAIL with the sender as written, and RCPT; the last reply and its record."""
        conversation = self.connect()
        reply = conversation.command("MAIL FROM:%s%s" % (sender, options))
        self.assertEqual(reply, "250 2.1.0 Ok")
        reply = conversation.command("RCPT TO:<%s>" % OURS)
        conversation.command("RSET")
        return reply, conversation

    def assert_strict(self, sender, domain="strict.example", options=""):
        reply, conversation = self.ask(sender, options)
        self.assert_refused(reply, "530 5.7.0", domain)
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, action="reject", domain=domain)

    def test_spellings(self):
        for sender in SENDERS:
            with self.subTest(sender):
                self.assert_strict(sender)

    def test_other_domains(self):
        for sender in OTHERS:
            with self.subTest(sender):
                self.assertEqual(self.ask(sender)[0], ACCEPTED)

    def test_null_sender(self):
        for sender in NULL_SENDERS:
            with self.subTest(sender):
                reply, conversation = self.ask(sender)
                self.assert_refused(reply, "451 4.7.0")
                record = self.milter.wait_record(client_port=conversation.port)
                self.assert_record(record, action="tempfail", rule_name="<>", domain=None)

    def test_address_rule(self):
        for sender in ("<boss@person.example>", "<BOSS@Person.Example>",
                       '<"boss"@person.example>'):
            with self.subTest(sender):
                self.assert_strict(sender, "person.example")
        self.assertEqual(self.ask("<clerk@person.example>")[0], ACCEPTED)

    def test_internationalised_domain(self):
        for sender in ("<u@xn--bl-zia.example>", "<u@XN--BL-ZIA.example>"):
            with self.subTest(sender):
                self.assert_strict(sender, "xn--bl-zia.example")
        for sender in ("<u@bl\u00e5.example>", "<\u00fc@BL\u00c5.example>",
                       "<u@bla\u030a.example>", "<u@bl\u00e5\u3002example>"):
            with self.subTest(sender):
                self.assert_strict(sender, "xn--bl-zia.example", " SMTPUTF8")

    def test_full_width_domain(self):
        self.assert_strict("<u@\uff53trict.example>", options=" SMTPUTF8")

    def test_sender_without_a_domain(self):
        # Postfix adds its own, test.example; that makes it no sender of ours.
        self.assertEqual(self.ask("<user>")[0], ACCEPTED)
        self.assertEqual(self.ask("<postmaster>")[0], ACCEPTED)

    def test_long_local_part(self):
        self.assert_strict("<%s@strict.example>" % (200 * "x"))


class Recipients(MilterCase):
    policy = """
to strict.example { require tls; otherwise reject }
to hr@strict2.example { require tls; otherwise reject }
to b\u00fcro.example { require tls; otherwise reject }
to postmaster { exempt }
to abuse@strict.example { exempt }
to test.example { require tls; otherwise reject }
default { require tls; otherwise tempfail }
from open.example { require nothing }
"""
    parameters = {
        "virtual_alias_maps": "inline:{ { alias@open2.example = user@strict.example } }",
        "canonical_maps": "inline:{ { canon@open2.example = user@strict.example } }",
    }

    def ask(self, recipient, sender="a@open.example", options=""):
        conversation = self.connect()
        conversation.command("MAIL FROM:<%s>%s" % (sender, options))
        return conversation.command("RCPT TO:" + recipient), conversation

    def test_spellings(self):
        for spelling in SENDERS:
            with self.subTest(spelling):
                reply, conversation = self.ask(spelling)
                self.assert_refused(reply, "530 5.7.0", "strict.example")
                self.milter.wait_record(client_port=conversation.port, action="reject",
                                        rule_kind="to", rule_name="strict.example")

    def test_other_domains(self):
        for spelling in OTHERS:
            with self.subTest(spelling):
                self.assertEqual(self.ask(spelling)[0], ACCEPTED)

    def test_bare_postmaster(self):
        for spelling in ("<postmaster>", "<Postmaster>", "<POSTMASTER>"):
            with self.subTest(spelling):
                reply, conversation = self.ask(spelling, "a@default.example")
                self.assertEqual(reply, ACCEPTED)
                conversation.command("DATA")
                conversation.write("Subject: x\r\n\r\nx\r\n")
                conversation.command(".")
                record = self.milter.wait_record(client_port=conversation.port)
                self.assert_record(record, action="accept", rule_kind="to",
                                   rule_name="postmaster")

    def test_postmaster_of_a_domain_is_not_bare(self):
        self.assert_refused(self.ask("<postmaster@test.example>")[0], "530 5.7.0")

    def test_recipient_without_a_domain_is_resolved(self):
        reply, conversation = self.ask("<user>")
        self.assert_refused(reply, "530 5.7.0", "test.example")
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, to="user", to_resolved="user@test.example",
                           rule_name="test.example")

    def test_address_extension(self):
        for spelling in ("<hr@strict2.example>", "<hr+x@strict2.example>",
                         "<HR+x@strict2.example>", '<"hr"@strict2.example>',
                         '<"hr+x"@strict2.example>'):
            with self.subTest(spelling):
                self.assert_refused(self.ask(spelling)[0], "530 5.7.0")
        self.assertEqual(self.ask("<hrx@strict2.example>")[0], ACCEPTED)

    def test_exempt_address_is_not_its_domain(self):
        self.assertEqual(self.ask("<abuse@strict.example>", "a@default.example")[0],
                         ACCEPTED)
        self.assert_refused(self.ask("<abusex@strict.example>")[0], "530 5.7.0")

    def test_exemption_must_hold_for_the_resolved_address_too(self):
        # As given it has no domain; as resolved it is another address.
        reply, _ = self.ask("<abuse%strict.example@[127.0.0.1]>", "a@default.example")
        self.assert_refused(reply, "451 4.7.0")

    def test_aliases_are_not_known_at_rcpt(self):
        self.assertEqual(self.ask("<alias@open2.example>")[0], ACCEPTED)
        self.assertEqual(self.ask("<canon@open2.example>")[0], ACCEPTED)

    def test_internationalised_domain(self):
        self.assert_refused(self.ask("<u@xn--bro-hoa.example>")[0], "530 5.7.0",
                            "xn--bro-hoa.example")
        reply, conversation = self.ask("<u@b\u00fcro.example>", options=" SMTPUTF8")
        self.assert_refused(reply, "530 5.7.0", "xn--bro-hoa.example")
        self.milter.wait_record(client_port=conversation.port,
                                to="u@b\u00fcro.example")

    def test_stricter_of_sender_and_recipient(self):
        reply, _ = self.ask("<user@strict.example>", "a@default.example")
        self.assert_refused(reply, "530 5.7.0")
        reply, _ = self.ask("<user@open3.example>", "a@default.example")
        self.assert_refused(reply, "451 4.7.0")


class Hostile(MilterCase):
    """Whatever the network says, a record is one line that parses."""

    policy = "from strict.example { require tls; otherwise reject }"
    listeners = {"bytes": "-o smtputf8_enable=no"}

    HELOS = ('a\u001b[31mb', 'x" action="accept', "{}", "a=b c=d", "\u00e9\u202e\u2028",
             "<script>", "%s%n", "h" * 400, "\\", "'", "\u0001\u007f")

    def test_helo(self):
        for helo in self.HELOS:
            with self.subTest(helo):
                conversation = self.connect(ehlo=helo)
                reply = conversation.message("a@strict.example", OURS)[OURS]
                self.assert_refused(reply, "530 5.7.0")
                record = self.milter.wait_record(client_port=conversation.port)
                self.assertNotIn(helo, reply)
                self.assertTrue(record["helo"].startswith(helo[:40]), record["helo"])
        self.assert_no_control_characters()

    def test_addresses(self):
        for local in ('"a\\"b"', '"a\\\\b"', '"x= y"', "{}", "%s", '"a@b"', "a=b",
                      '"\u00e9"', "l" * 300):
            sender = "%s@strict.example" % local
            with self.subTest(sender):
                conversation = self.connect()
                conversation.command("MAIL FROM:<%s> SMTPUTF8" % sender)
                reply = conversation.command("RCPT TO:<%s@ours.example>" % local)
                self.assert_refused(reply, "530 5.7.0")
                self.assertNotIn(local, reply)
                record = self.milter.wait_record(client_port=conversation.port)
                # Postfix may have undone the quotes of the sender.
                self.assertIn(local.strip("\"")[:40], record["from"])
                self.assertTrue(record["to"].startswith(local[:40]), record)
        self.assert_no_control_characters()

    def test_bytes_that_are_not_utf8(self):
        conversation = self.connect()
        self.assertEqual(conversation.send(b"EHLO \xff\xfe").code, 500)
        self.assertEqual(conversation.send(b"MAIL FROM:<\xff@strict.example>").code, 500)
        reply = conversation.message("a@strict.example", OURS)[OURS]
        self.assert_refused(reply, "530 5.7.0")

    def test_bytes_that_are_not_utf8_reach_us(self):
        # With smtputf8_enable=no Postfix lets them through, but for addresses.
        conversation = self.dial(listener="bytes")
        conversation.send(b"EHLO \xff\xfe\x01")
        reply = conversation.message("a@strict.example", OURS)[OURS]
        self.assert_refused(reply, "530 5.7.0")
        record = self.milter.wait_record(client_port=conversation.port)
        self.assertEqual(record["helo"], "\ufffd\ufffd\u0001")

    def assert_no_control_characters(self):
        """No raw control character is in the log, but for the newlines."""
        with open(self.milter.log, "rb") as log:
            text = log.read()
        self.assertFalse(set(text) & (set(range(32)) - {10} | {127}))
