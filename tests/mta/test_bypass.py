# SPDX-License-Identifier: ISC
"""A message that Postfix refuses at its end, and more recipients for it.

Until its fixes of August 2026 Postfix keeps the transaction when a rule of
smtpd_end_of_data_restrictions refused the message: RCPT and DATA may follow without
a MAIL. A milter that accepted before is not asked again; libmilter ignores a RCPT after
DATA, so that Postfix waits for the answer (milter_command_timeout) and then does as
milter_default_action says. A Postfix with the fixes wants another MAIL.
"""

import contextlib
import unittest

from .client import Lost
from .case import ACCEPTED, MilterCase
from .milter import SERVICE

FIRST = "first@ours.example"
PAYROLL = "payroll@ours.example"
CONTENT = "Subject: test\r\n\r\nText\r\n."


class BypassCase(MilterCase):
    """A Postfix that refuses mail to the first recipient when it is all there."""

    policy = "to payroll@ours.example { require tls; otherwise reject }\n"
    parameters = {"smtpd_end_of_data_restrictions": "check_recipient_access "
                  "inline:{ { first@ours.example = 550 5.7.1 not today } }",
                  "milter_command_timeout": "8s"}

    def refused_at_the_end(self, sender, *before):
        """A client whose message, to the first recipient, was refused at its end."""
        conversation = self.connect()
        self.assertTrue(conversation.command("MAIL FROM:<%s>" % sender).startswith("250"))
        for recipient in before:
            self.assert_refused(conversation.command("RCPT TO:<%s>" % recipient),
                                "530 5.7.0")
        self.assertEqual(conversation.command("RCPT TO:<%s>" % FIRST), ACCEPTED)
        self.assertTrue(conversation.command("DATA").startswith("354"))
        self.assertIn("not today", conversation.command(CONTENT))
        return conversation

    def assert_no_way_past(self, conversation, recipient):
        """It is not accepted now, and no message to it is."""
        reply = conversation.command("RCPT TO:<%s>" % recipient)
        self.assertRegex(reply, "^[45]")
        # Postfix 3.7 has not even a queue file by then, and may die of it.
        with contextlib.suppress(Lost):
            self.assertRegex(conversation.command("DATA"), "^[45]")
        self.assertFalse(self.milter.records(action="accept", to=recipient))


class Refused(BypassCase):
    """Who was refused at RCPT stays refused."""

    def test_before_a_message_that_is_accepted(self):
        conversation = self.refused_at_the_end("a@other.example", PAYROLL)
        self.assert_no_way_past(conversation, PAYROLL)

    def test_another_message_is_judged(self):
        conversation = self.refused_at_the_end("a@other.example", PAYROLL)
        self.assertTrue(conversation.command("RSET").startswith("250"))
        replies = conversation.message("a@other.example", PAYROLL, "b@ours.example")
        self.assert_refused(replies[PAYROLL], "530 5.7.0")
        self.assertEqual(replies["b@ours.example"], ACCEPTED)


class Followed(BypassCase):
    """With follow-accepted no one is heard of too late."""

    without_sanitizers = True
    settings = {"follow_accepted": "yes"}

    def test_who_was_not_named_before(self):
        self.assert_no_way_past(self.refused_at_the_end("a@other.example"), PAYROLL)


class Stamped(Followed):
    """So it is where messages are followed for their header."""

    settings = {"authentication_results": "mx.ours.example"}


class Verdicts(BypassCase):
    """A policy service that judges is asked for each recipient."""

    settings = {"policy_service": SERVICE, "policy_service_answers": "verdict"}

    @classmethod
    def main_parameters(cls):
        return {**super().main_parameters(), "smtpd_recipient_restrictions":
                "check_policy_service unix:%s/milter/run/policy.sock, "
                "permit_mynetworks, reject" % cls.folder}

    def test_who_was_not_named_before(self):
        self.assert_no_way_past(self.refused_at_the_end("a@other.example"), PAYROLL)


if __name__ == "__main__":
    unittest.main()
