# SPDX-License-Identifier: ISC
"""Who speaks to the milter socket: a client of our own instead of an MTA."""

import concurrent.futures
import os
import unittest

from . import rawmilter, workspace
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


class Pieces(PeerCase):
    """The daemon reads what came, and libmilter what it wants of it."""

    MESSAGES = 300	# together more than is read at once, several times

    def talk(self, peer):
        """A session of many messages, every other one refused, as bytes."""
        commands = [rawmilter.frame(b"C", b"a.example\0" + b"4\x12\x67192.0.2.1\0"),
                    rawmilter.frame(b"H", b"a.example\0")]
        for number in range(self.MESSAGES):
            domain = b"strict" if number % 2 else b"other"
            commands += [
                rawmilter.frame(b"D", b"M" + rawmilter.strings("i", "4bXYZ%d" % number)),
                rawmilter.frame(b"M", b"<%d@%s.example>\0" % (number, domain))]
            if number % 2:
                commands += [rawmilter.frame(b"D", b"R" + rawmilter.strings("i", "4bXYZ")),
                             rawmilter.frame(b"R", OURS.encode() + b"\0")]
            commands.append(rawmilter.frame(b"A"))
        return commands

    def assert_answers(self, peer):
        for number in range(self.MESSAGES):
            if number % 2:
                self.assertEqual(peer.answer(), "continue")
                self.assertIn("TLS", peer.answer())
            else:
                self.assertEqual(peer.answer(), "accept")

    def test_all_at_once(self):
        peer = self.peer()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            sent = pool.submit(peer.raw, b"".join(self.talk(peer)))
            self.assert_answers(peer)
            self.assertTrue(sent.result())
        peer.quit()
        self.assertIsNone(peer.receive())

    def test_in_pieces_of_any_length(self):
        for size in (1, 2, 3, 5, 7, 4095, 4096, 4097):
            with self.subTest(size=size):
                peer = self.peer()
                talk = b"".join(self.talk(peer))
                with concurrent.futures.ThreadPoolExecutor() as pool:
                    sent = pool.submit(lambda: all(
                        peer.raw(talk[at:at + size]) for at in range(0, len(talk), size)))
                    self.assert_answers(peer)
                    self.assertTrue(sent.result())

    def test_left_behind(self):
        """What nobody asked for is not the next connection's, which has the same number."""
        for _ in range(50):
            peer = self.peer()
            peer.raw(b"".join(self.talk(peer)[:4]) + rawmilter.frame(b"Q") + b"\0" * 4000)
            self.assertEqual(peer.answer(), "accept")
            self.assertIsNone(peer.receive())
            peer.close()

    def test_closed_in_the_middle(self):
        for command in self.talk(self.peer())[:8]:
            for cut in range(1, len(command)):
                peer = self.peer()
                peer.raw(command[:cut])
                peer.close()
        peer = self.peer()
        peer.connect("192.0.2.1", 4711, macros=POSTFIX)
        peer.helo("a.example")
        self.assertEqual(peer.mail("<a@other.example>"), "accept")


def client(address, port=25000):
    """The macros of MAIL that both MTAs give of a client."""
    return {"{client_addr}": address, "{client_port}": str(port)}


class SecondSession(PeerCase):
    """A connection that is used again: what libmilter tells of it is the first's."""

    policy = """
client 192.0.2.1 { exempt }
default { require tls; otherwise reject }
"""
    WORDS = "a milter connection was used for a second session"

    def begun(self, version="Postfix 3.7.11"):
        """A session of the trusted client, in clear text."""
        peer = self.peer()
        peer.connect("192.0.2.1", 25000, macros={"v": version})
        peer.helo("trusted.example")
        return peer

    def assert_second_is_deferred(self, peer, macros=None, **more):
        """It begins, for another client, and is not judged by the first one's facts."""
        peer.connect("198.51.100.1", 25001, macros={"v": "Postfix 3.7.11"})
        if more.get("helo", True):
            peer.helo("stranger.example")
        for sender in "<a@acme.example>", "<b@acme.example>":
            self.assertEqual(peer.mail(sender, macros=macros or client(
                "198.51.100.1", 25001)), "451 4.3.0 Internal error, please try again later")
        lines = [line["msg"] for line in self.milter.messages()]
        # The limiter lets one line in a minute through.
        self.assertFalse([line for line in lines if "memory" in line], lines)
        self.assertEqual(self.milter.records(client_addr="192.0.2.1",
                                             **{"from": sender[1:-1]}), [])


class SecondSessions(SecondSession):
    """All the ways to it."""

    def test_after_messages(self):
        """Between messages, within one, after one, after an ABORT, without HELO."""
        def nothing(_):
            pass

        def sender(peer):
            peer.mail("<a@acme.example>", macros=client("192.0.2.1"))

        def recipient(peer):
            sender(peer)
            peer.rcpt(OURS)

        def whole(peer):
            recipient(peer)
            peer.data()
            self.assertEqual(peer.end(), "continue")

        def aborted(peer):
            recipient(peer)
            peer.abort()

        for before in nothing, sender, recipient, whole, aborted:
            for quits in True, False:
                for helo in True, False:
                    with self.subTest(before=before.__name__, quits=quits, helo=helo):
                        peer = self.begun()
                        before(peer)
                        if quits:
                            peer.quit_nc()
                        self.assert_second_is_deferred(peer, helo=helo)

    def test_without_macros_of_the_client(self):
        """Then a second connect shows, once there was a message."""
        peer = self.begun()
        peer.mail("<a@acme.example>", macros={"{client_name}": "x"})
        peer.abort()
        peer.mail("<a@acme.example>", macros={"{client_name}": "x"})
        peer.rcpt(OURS)
        peer.data()
        self.assertEqual(peer.end(), "continue")
        peer.quit_nc()
        self.assert_second_is_deferred(peer, macros={"{client_name}": "y"})

    def test_without_any_macros(self):
        """After a whole message and after an ABORT within one libmilter hears of it."""
        for ends in Peer.end, Peer.abort:
            with self.subTest(ends.__name__):
                peer = self.peer()
                peer.connect("192.0.2.1", 25000)
                peer.mail("<a@acme.example>")
                peer.rcpt(OURS)
                peer.data()
                ends(peer)
                peer.quit_nc()
                peer.connect("198.51.100.1", 25001)
                peer.helo("stranger.example")
                self.assertRegex(peer.mail("<a@acme.example>"), "^451 ")
                self.assertRegex(peer.mail("<b@acme.example>"), "^451 ")

    def test_one_session_of_many_messages(self):
        """What is the first one's, however it is told."""
        for macros in (client("192.0.2.1"), client("[192.0.2.1]"), {}, client("unknown", 0),
                       client("IPv6:::ffff:192.0.2.1"),
                       {"v": "Postfix 3.7.11", **client("192.0.2.1")}):
            with self.subTest(macros):
                peer = self.begun()
                for name in "first.example", "second.example", None:
                    if name is not None:
                        peer.helo(name, macros=macros)
                    self.assertEqual(peer.mail("<a@acme.example>", macros=macros),
                                     "continue")
                    self.assertEqual(peer.rcpt(OURS, macros=macros), "continue")
                    self.assertEqual(peer.data(macros=macros), "continue")
                    self.assertEqual(peer.end(macros=macros), "continue")
                    peer.abort()

    def test_without_a_negotiation(self):
        peer = Peer(self.milter.socket)
        self.addCleanup(peer.close)
        peer.macros(b"M", client("192.0.2.1"))
        self.assertRegex(peer.mail("<a@acme.example>"), "^451 ")


class Floods(PeerCase):
    """What libmilter says of nonsense: a line of each kind in a minute."""

    def test_kinds_are_limited_each(self):
        for _ in range(50):
            with Peer(self.milter.socket) as peer:
                self.assertIsNone(peer.negotiate(version=1))
        with Peer(self.milter.socket) as peer:
            self.assertIsNotNone(peer.negotiate())
            # NR_CONN was agreed on: the connection's end is what is heard.
            peer.send(b"C", b"client.example\0" + b"4" + b"\0\x19" + b"not-an-address\0")
            self.assertIsNone(peer.receive())
        self.milter.wait_message("inet_aton failed")
        lines = [line["msg"] for line in self.milter.messages()
                 if "protocol version too old" in line["msg"]]
        self.assertEqual(len(lines), 1, lines)


class Words(SecondSession):
    """One line in a minute: hence a daemon of its own."""

    def test_words(self):
        peer = self.begun()
        peer.mail("<a@acme.example>", macros=client("192.0.2.1"))
        peer.rcpt(OURS)
        peer.data()
        self.assertEqual(peer.end(), "continue")
        peer.quit_nc()
        self.assert_second_is_deferred(peer)
        self.milter.wait_message(self.WORDS)


if __name__ == "__main__":
    unittest.main()
