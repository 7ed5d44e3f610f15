# SPDX-License-Identifier: ISC
"""SIGHUP: a new policy at once, the old one when the new is broken, and no harm."""

import itertools
import os
import signal

import runner

from . import process, waiting
from .case import ACCEPTED, MilterCase
from .client import Client
from .milter import has_sanitizer

OURS = "someone@ours.example"
HUPS = 300
SENDERS = 4
GROWTH_KIB = 4096


def strict(text):
    """A policy that refuses clear text in its own words."""
    return 'from strict.example { require tls; otherwise reject 550 5.7.9 "%s" }\n' % text


class Asking(MilterCase):
    policy = strict("policy one")

    def ask(self):
        return self.connect().message("a@strict.example", OURS)[OURS]


class Reload(Asking):
    """Each reload is waited for: none of one test is left over for the next."""

    def setUp(self):
        super().setUp()
        self.milter.write_policy(self.policy)
        self.milter.reload()

    def test_new_policy(self):
        self.assertEqual(self.ask(), "550 5.7.9 policy one")
        self.milter.write_policy(strict("policy two"))
        self.assertEqual(self.ask(), "550 5.7.9 policy one")
        self.milter.reload()
        self.assertEqual(self.ask(), "550 5.7.9 policy two")

    def test_included_file(self):
        self.milter.write_policy('include "policy.d/*.conf"\n',
                                 {"policy.d/a.conf": strict("from a file")})
        self.milter.reload()
        self.assertEqual(self.ask(), "550 5.7.9 from a file")

    def test_new_policy_within_a_connection(self):
        conversation = self.connect()
        first = conversation.message("a@strict.example", OURS)[OURS]
        conversation.command("RSET")
        self.milter.write_policy(strict("policy two"))
        self.milter.reload()
        second = conversation.message("a@strict.example", OURS)[OURS]
        self.assertEqual([first, second],
                         ["550 5.7.9 policy one", "550 5.7.9 policy two"])

    def test_broken_policy_keeps_the_old(self):
        for text in ("from strict.example { require tsl }\n", "nonsense", "{", "\0",
                     'include "not-there.conf"\n', 'default { require cipher "XYZ" }\n'):
            with self.subTest(text):
                self.milter.write_policy(text)
                self.milter.reload()
                self.assertEqual(self.ask(), "550 5.7.9 policy one")

    def test_broken_policy_is_told(self):
        self.milter.write_policy("\n\nfrom strict.example { require tsl }\n")
        self.milter.reload()
        self.milter.wait_message("policy.conf:3:")

    def test_emptied_policy_is_told(self):
        self.milter.write_policy("# nothing\n")
        self.milter.reload()
        self.assertEqual(self.ask(), ACCEPTED)
        self.assertEqual(self.milter.wait_message("the policy has no rules")["level"],
                         "error")

    def test_missing_policy_keeps_the_old(self):
        os.unlink(self.milter.policy)
        self.milter.reload()
        self.assertEqual(self.ask(), "550 5.7.9 policy one")

    def test_policy_that_the_user_cannot_read_keeps_the_old(self):
        self.milter.write_policy(strict("policy two"))
        os.chmod(self.milter.policy, 0o600)
        self.milter.reload()
        self.assertEqual(self.ask(), "550 5.7.9 policy one")

    def test_log_is_reopened(self):
        aside = self.milter.log + ".1"
        os.rename(self.milter.log, aside)
        self.milter.reload()
        self.ask()
        self.milter.wait_record(action="reject")
        os.unlink(aside)


class Storms(Asking):
    """More reloads than are waited for, of a daemon of their own: some are left over."""

    def setUp(self):
        super().setUp()
        self.end_with(self.policy, "550 5.7.9 policy one")

    def test_under_traffic(self):
        texts = ["policy %d" % number for number in range(7)]
        allowed = {"550 5.7.9 " + text for text in texts + ["policy one"]}
        traffic = Traffic(self.postfix.port, SENDERS)
        sizes = []
        with traffic:
            for number, text in zip(range(HUPS), itertools.cycle(texts)):
                self.milter.write_policy(strict(text))
                if number % 3:
                    self.milter.reload()
                else:	# do not wait: signals may meet, and none may be lost
                    self.milter.server.send(signal.SIGHUP)
                if number in (HUPS // 3, HUPS - 1):
                    sizes.append(process.resident_kib(self.milter.server.family()))
            self.end_with(strict("policy one"), "550 5.7.9 policy one")
            waiting.until("traffic", lambda: (
                traffic.errors or len(traffic.replies) > HUPS))
        self.assertFalse(traffic.errors)
        self.assertLessEqual(set(traffic.replies), allowed)
        if not has_sanitizer():
            self.assertLess(sizes[1] - sizes[0], GROWTH_KIB, sizes)

    def test_bursts(self):
        for _ in range(HUPS):
            self.milter.server.send(signal.SIGHUP)
        self.end_with(strict("after the burst"), "550 5.7.9 after the burst")

    def end_with(self, policy, reply):
        """A last reload counts, whatever reloads are still under way."""
        self.milter.write_policy(policy)
        self.milter.server.send(signal.SIGHUP)
        waiting.until("reply " + reply, lambda: self.ask() == reply)


class Traffic(runner.Threads):
    """Clients in threads that send until the block ends."""

    def __init__(self, port, clients):
        self.port = port
        self.replies = []
        self.errors = []
        super().__init__([self._run] * clients)

    def _run(self):
        try:
            while not self._stop.is_set():
                with Client(self.port) as conversation:
                    conversation.open()
                    self._messages(conversation)
        except Exception as error:	# pylint: disable=broad-except
            self.errors.append(repr(error))

    def _messages(self, conversation):
        for _ in range(3):
            reply = conversation.message("a@strict.example", OURS)[OURS]
            self.replies.append(reply)
            conversation.command("RSET")
            other = conversation.message("a@open.example", OURS)[OURS]
            if other != ACCEPTED:
                self.errors.append(other)
