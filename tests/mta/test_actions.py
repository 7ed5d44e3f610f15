# SPDX-License-Identifier: ISC
"""What is done with a message: accept, tempfail, reject, quarantine, monitor, exempt."""

from .case import ACCEPTED, MilterCase
from .replies import queue_id

OURS = "someone@ours.example"


class Actions(MilterCase):
    policy = r"""
from held.example { require tls >= 1.3; otherwise quarantine }
to vault.example { require tls; otherwise quarantine }
from strict.example { require tls; otherwise reject }
from watched.example { require tls; otherwise reject; monitor }
from once.example { require tls; otherwise reject; monitor until 2020-01-01 }
from free.example { require tls; otherwise reject; exempt "ticket 4711" }
from past.example { require tls; otherwise reject; exempt until 2020-01-01 "over" }
from future.example { require tls; otherwise reject; exempt until 2999-01-01 "then" }
from let.example { require tls; otherwise accept }
from percent.example { require tls; otherwise reject 550 5.7.20 "100% %s %n 50%% done" }
from codes.example { require tls; otherwise tempfail 450 4.3.2 "later, {domain}" }
from quoted.example { require tls; otherwise reject "say \"TLS\" \\ {{x" }
from long.example { require tls; otherwise reject "TEXT" }
from told.example {
    require tls; otherwise reject; contact tls@ours.example; note "a 'b'" }
from needs.example { require tls >= 1.3; otherwise reject "{required}|{cipher}|{bits}" }
""".replace("TEXT", 400 * "x")
    parameters = {"default_transport": "keep", "relay_transport": "keep"}

    def ask(self, sender, context=None, recipient=OURS):
        conversation = self.connect(context)
        replies = conversation.message(sender, recipient)
        record = self.milter.wait_record(client_port=conversation.port)
        return replies, record

    # Quarantine

    def assert_held(self, replies, **fields):
        identity = queue_id(replies["end"])
        self.assertIn(identity, self.postfix.held())
        self.assertIn(identity + "!", self.postfix.queue_listing())
        record = self.milter.wait_record(queue_id=identity)
        self.assert_record(record, action="quarantine", reply=None, **fields)

    def test_quarantine(self):
        replies, _ = self.ask("a@held.example")
        self.assert_held(replies, reason="tls", failed=["tls"], rule_kind="from")
        replies, _ = self.ask("a@held.example", self.tls("1.2"))
        self.assert_held(replies, reason="tls-version", rule_kind="from", to=OURS)

    def test_no_quarantine(self):
        replies, record = self.ask("a@held.example", self.tls("1.3"))
        self.assert_record(record, action="accept")
        self.assertNotIn(queue_id(replies["end"]), self.postfix.held())

    def test_quarantine_for_one_recipient_holds_the_message(self):
        conversation = self.connect()
        replies = conversation.message("a@let.example", OURS, "x@vault.example",
                                       "y@ours.example")
        self.assertEqual({replies[to] for to in replies if "@" in to}, {ACCEPTED})
        self.assert_held(replies, rule_kind="to", rule_name="vault.example",
                         to="x@vault.example")
        self.assertEqual(len(self.milter.records(client_port=conversation.port)), 1)

    def test_refused_recipient_does_not_hold_the_message(self):
        conversation = self.connect()
        conversation.message("a@strict.example", "x@vault.example")
        conversation.command("RSET")
        replies = conversation.message("a@let.example", OURS)
        self.assertNotIn(queue_id(replies["end"]), self.postfix.held())

    def test_quarantine_of_each_message_of_a_connection(self):
        conversation = self.connect()
        held = queue_id(conversation.message("a@held.example", OURS)["end"])
        free = queue_id(conversation.message("a@let.example", OURS)["end"])
        self.assertIn(held, self.postfix.held())
        self.assertNotIn(free, self.postfix.held())

    def test_quarantine_that_is_aborted(self):
        conversation = self.connect()
        conversation.command("MAIL FROM:<a@held.example>")
        self.assertEqual(conversation.command("RCPT TO:<%s>" % OURS), ACCEPTED)
        conversation.command("RSET")
        replies = conversation.message("a@let.example", OURS)
        self.assertNotIn(queue_id(replies["end"]), self.postfix.held())

    # Monitor and exempt

    def test_monitor(self):
        replies, record = self.ask("a@watched.example")
        self.assertEqual(replies[OURS], ACCEPTED)
        self.assert_record(record, action="accept", would="reject", would_reason="tls",
                           would_failed=["tls"], would_rule="policy.conf:5")

    def test_monitor_met(self):
        replies, record = self.ask("a@watched.example", self.tls())
        self.assertEqual(replies[OURS], ACCEPTED)
        self.assert_record(record, action="accept", would=None, would_reason=None)

    def test_dates(self):
        self.assert_refused(self.ask("a@once.example")[0][OURS], "530 5.7.0")
        self.assert_refused(self.ask("a@past.example")[0][OURS], "530 5.7.0")
        self.assertEqual(self.ask("a@future.example")[0][OURS], ACCEPTED)

    def test_exempt(self):
        replies, record = self.ask("a@free.example")
        self.assertEqual(replies[OURS], ACCEPTED)
        self.assert_record(record, action="accept", exempt="ticket 4711")

    def test_otherwise_accept(self):
        replies, record = self.ask("a@let.example")
        self.assertEqual(replies[OURS], ACCEPTED)
        self.assert_record(record, action="accept", reason="tls", failed=["tls"])

    # Texts

    def assert_text(self, sender, reply, context=None):
        replies, record = self.ask(sender, context)
        self.assertEqual(replies[OURS], reply)
        self.assertEqual(record["reply"], reply)

    def test_percent(self):
        self.assert_text("a@percent.example", "550 5.7.20 100% %s %n 50%% done")

    def test_own_codes(self):
        self.assert_text("a@codes.example", "450 4.3.2 later, codes.example")

    def test_quotes_and_braces(self):
        self.assert_text("a@quoted.example", '530 5.7.0 say "TLS" \\ {x')

    def test_long_text(self):
        self.assert_text("a@long.example", "530 5.7.0 " + 400 * "x")

    def test_facts_in_text(self):
        reply = self.ask("a@needs.example",
                         self.tls("1.2", "ECDHE-RSA-AES128-GCM-SHA256"))[0][OURS]
        self.assertTrue(reply.endswith("|ECDHE-RSA-AES128-GCM-SHA256|128"), reply)
        self.assert_refused(reply, "554 5.7.0", "1.3")

    def test_contact_and_note(self):
        _, record = self.ask("a@told.example")
        self.assert_record(record, contact="tls@ours.example", note="a 'b'")


class MonitorAll(MilterCase):
    """mode monitor: nothing is refused."""

    policy = """
from strict.example { require tls; otherwise reject }
to held.example { require tls; otherwise quarantine }
"""
    settings = {"mode": "monitor"}

    def test_monitor(self):
        conversation = self.connect()
        replies = conversation.message("a@strict.example", OURS)
        self.assertEqual(replies[OURS], ACCEPTED)
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           action="accept", would="reject", would_reason="tls")

    def test_no_quarantine(self):
        conversation = self.connect()
        replies = conversation.message("a@open.example", "x@held.example")
        self.assertNotIn(queue_id(replies["end"]), self.postfix.held())
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           action="accept", would="quarantine")


class SoftBounce(MilterCase):
    policy = "from strict.example { require tls; otherwise reject }"
    settings = {"soft_bounce": "yes"}

    def test_soft_bounce(self):
        conversation = self.connect()
        reply = conversation.message("a@strict.example", OURS)[OURS]
        self.assertTrue(reply.startswith("4") and reply[4:6] == "4.", reply)
        self.assert_record(self.milter.wait_record(client_port=conversation.port),
                           action="tempfail", reason="tls", reply=reply)


class Following(MilterCase):
    """follow-accepted yes: the record tells queue id and number of recipients."""

    policy = "default { require nothing }"
    settings = {"follow_accepted": "yes"}

    def test_followed(self):
        conversation = self.connect()
        replies = conversation.message("a@open.example", OURS, "two@ours.example")
        record = self.milter.wait_record(client_port=conversation.port)
        self.assert_record(record, action="accept", nrcpt=2,
                           queue_id=queue_id(replies["end"]))


class Silent(MilterCase):
    """log-accepted no: only refusals are recorded."""

    policy = "from strict.example { require tls; otherwise reject }"
    settings = {"log_accepted": "no"}

    def test_silent(self):
        conversation = self.connect()
        conversation.message("a@open.example", OURS)
        conversation.message("a@strict.example", OURS)
        self.milter.wait_record(action="reject")
        self.assertFalse(self.milter.records(action="accept"))
