# SPDX-License-Identifier: ISC
"""What each MTA answers, in its own words: the one place that knows.

Every method takes the address that the command was about.
"""

import re


def queue_id(reply):
    """The queue id in either MTA's reply to the end of a message."""
    found = re.fullmatch(r"250 2\.0\.0 (?:Ok: queued as (\w+)|"
                         r"(\w+) Message accepted for delivery)", reply)
    if found is None:
        raise ValueError("no queue id in: " + reply)
    return found.group(1) or found.group(2)


class PostfixReplies:
    """Postfix hands on what a milter says."""

    name = "postfix"

    @staticmethod
    def sender(_address):
        return "250 2.1.0 Ok"

    @staticmethod
    def recipient(_address):
        return "250 2.1.5 Ok"

    @staticmethod
    def refusal(reply, _address):
        """How a milter's reply, with its codes, reaches the client."""
        return reply


class SendmailReplies:
    """Sendmail names the address, in refusals where it has certain codes."""

    name = "sendmail"
    naming = ("450", "550", "553")

    @staticmethod
    def sender(address):
        return "250 2.1.0 <%s>... Sender ok" % address

    @staticmethod
    def recipient(address):
        return "250 2.1.5 <%s>... Recipient ok" % address

    @classmethod
    def refusal(cls, reply, address):
        """How a milter's reply, with its codes, reaches the client."""
        code, enhanced, text = reply.split(" ", 2)
        if code in cls.naming:
            text = "<%s>... %s" % (address, text)
        return " ".join((code, enhanced, text))


POSTFIX = PostfixReplies()
SENDMAIL = SendmailReplies()
