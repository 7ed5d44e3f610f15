# SPDX-License-Identifier: ISC
"""Who speaks to the milter socket: a client of our own instead of an MTA."""

import os
import unittest

from . import workspace
from .milter import Milter
from .rawmilter import Peer

OURS = "<someone@ours.example>"
POLICY = "from strict.example { require tls; otherwise reject }\n"
POSTFIX = {"v": "Postfix 3.7.11"}


class PeerCase(unittest.TestCase):
    """One daemon for all tests of a class."""

    policy = POLICY
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = workspace.folder()
        cls.addClassCleanup(workspace.remove, cls.folder)
        cls.milter = Milter(os.path.join(cls.folder, "milter"), cls.policy,
                            **cls.settings)
        cls.addClassCleanup(cls.milter.stop)
        cls.milter.start()

    def setUp(self):
        self.milter.mark()

    def peer(self):
        """A connection after the negotiation."""
        made = Peer(self.milter.socket)
        self.addCleanup(made.close)
        self.assertIsNotNone(made.negotiate())
        return made


class Sessions(PeerCase):
    """As an MTA would."""

    def test_refused_and_accepted(self):
        peer = self.peer()
        peer.connect("192.0.2.1", 4711, macros=POSTFIX)
        peer.helo("a.example")
        self.assertEqual(peer.mail("<a@strict.example>"), "continue")
        self.assertIn("TLS", peer.rcpt(OURS))
        peer.abort()
        self.assertEqual(peer.mail("<a@other.example>"), "accept")
        record = self.milter.wait_record(action="reject")
        self.assertEqual(record["client_port"], 4711)


if __name__ == "__main__":
    unittest.main()
