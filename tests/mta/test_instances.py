# SPDX-License-Identifier: ISC
"""One daemon behind several instances of Postfix: a `listen` line for each."""

import collections
import contextlib
import os
import pwd
import signal
import socket

from . import waiting, workspace
from .client import Client
from .milter import SERVICE, USER
from .postfix import Postfix
from .rawmilter import Peer
from .test_ends import OURS, STRICT, Crowd, EndsCase, talk

REFUSED = "550 5.7.9 policy one"
ONES = ("mx", "out")	# what the instances are called

# What a crowd of clients asks.
Door = collections.namedtuple("Door", "socket service_socket")


class InstancesCase(EndsCase):
    """A daemon with a socket below each of two queue directories."""

    def setUp(self):
        super().setUp()
        self.postfixes = {}
        self.sockets = {name: os.path.join(self.folder, name, "queue", "tlsward",
                                           "milter.sock") for name in ONES}

    def make_several(self, *more, **settings):
        """The daemon, not started; "more" are addresses beside those of the instances."""
        user = pwd.getpwnam(USER)
        for path in self.sockets.values():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.chown(os.path.dirname(path), user.pw_uid, user.pw_gid)
        lines = ["unix:" + path for path in self.sockets.values()] + list(more)
        self.make(listen="\nlisten ".join(lines), **settings)
        self.milter.where = (socket.AF_UNIX, self.sockets["out"])
        return self.milter

    def start_postfixes(self):
        """Each names its socket in the same words."""
        for name in ONES:
            made = Postfix(os.path.join(self.folder, name), workspace.pki(),
                           smtpd_milters="unix:tlsward/milter.sock")
            self.addCleanup(made.stop)
            made.start()
            self.postfixes[name] = made

    def ask_at(self, address):
        """What a client in clear text is told there."""
        with Peer(address) as peer:
            return talk(peer, "a@strict.example")

    def assert_all_serve(self, *more):
        for address in (*self.sockets.values(), *more):
            self.assertEqual(self.ask_at(address), REFUSED, address)


class Addresses(InstancesCase):
    """All forms of them, and what becomes of each."""

    def test_each_serves_until_the_end(self):
        port, = waiting.free_ports(1)
        where = ("127.0.0.1", port)
        milter = self.make_several("inet:127.0.0.1:%d" % port)
        milter.start()
        self.assert_all_serve(where)
        self.assertEqual(sum("serving on" in line["msg"] for line in milter.messages()), 3)
        for _ in range(2):
            self.kill_worker()
            self.assert_all_serve(where)
        self.assertTrue(milter.reload()["msg"].startswith("policy reloaded"))
        self.assert_all_serve(where)
        self.assertEqual(milter.stop(), 0)
        self.assertFalse([path for path in self.sockets.values() if os.path.exists(path)])
        self.assertFalse(waiting.answers(socket.AF_INET, where))

    def test_the_first_of_the_internet(self):
        """libmilter takes connections of another kind than its own."""
        port, = waiting.free_ports(1)
        milter = self.make(listen="inet:127.0.0.1:%d\nlisten unix:%s" % (
            port, os.path.join(self.folder, "milter", "run", "milter.sock")))
        milter.start()
        for address in (("127.0.0.1", port), milter.socket) * 3:
            self.assertEqual(self.ask_at(address), REFUSED, address)

    def test_a_busy_one_keeps_nobody_waiting(self):
        self.make_several().start()
        with contextlib.ExitStack() as crowd:
            for number in range(300):
                crowd.enter_context(Peer(self.sockets["mx"]))
                if number % 50 == 0:
                    self.assertEqual(self.ask_at(self.sockets["out"]), REFUSED)

    def test_a_start_after_a_kill(self):
        """The worker of the dead one answers on both for a moment."""
        self.make_several().start()
        for _ in range(2):
            self.leave().send(signal.SIGKILL)
            self.milter.start()
            self.assert_all_serve()

    def test_a_file_that_is_gone(self):
        milter = self.make_several()
        milter.start()
        os.unlink(self.sockets["out"])
        milter.wait_message("the socket %s is gone" % self.sockets["out"])
        self.assertEqual(self.ask_at(self.sockets["mx"]), REFUSED)

    def assert_fails(self, *words):
        server = self.milter.spawn()
        self.assertEqual(server.wait(), 1)
        text = server.error_text()
        for word in words:
            self.assertIn(word, text)
        self.assertEqual(len(text.splitlines()), 1, text)
        self.assertFalse([path for path in self.sockets.values()
                          if os.path.exists(path) and path not in words])

    def test_one_in_use(self):
        self.make_several()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.sockets["out"])
            other.listen(1)
            self.assert_fails(self.sockets["out"], "in use by ",
                              "(process %d)" % os.getpid())

    def test_one_without_a_folder(self):
        self.make_several()
        folder = os.path.dirname(self.sockets["out"])
        os.rmdir(folder)
        self.assert_fails("cannot listen on %s: its folder is missing: make one: install "
                          "-d -o %s " % (self.sockets["out"], USER), " %s\n" % folder)

    def test_one_socket_by_two_names(self):
        self.make_several()
        self.make_several("unix:" + self.sockets["mx"].replace("/queue/", "/queue//"))
        self.assert_fails("another line of the settings is the same socket")


class Instances(InstancesCase):
    """With Postfix before it."""

    def reply(self, name):
        with Client(self.postfixes[name].port) as client:
            replies = client.open().message("a@strict.example", OURS)
            return list(replies.values())[-1]

    def test_both_are_enforced(self):
        self.make_several().start()
        self.start_postfixes()
        for name in ONES:
            self.assertTrue(self.reply(name).startswith(REFUSED), name)
        self.milter.write_policy(STRICT % "policy two")
        self.milter.reload()
        for name in ONES:
            self.assertTrue(self.reply(name).startswith("550 5.7.9 policy two"), name)

    def test_no_refusal_without_a_record(self):
        self.make_several(policy_service=SERVICE, policy_service_answers="verdict")
        self.milter.start()
        self.start_postfixes()
        doors = [(Door(self.sockets[name], self.milter.service_socket),
                  self.postfixes[name]) for name in ONES]
        with Crowd(*doors[0]) as one, Crowd(*doors[1]) as other:
            crowds = (one, other)
            for way in (self.milter.reload, self.restart, self.kill_worker, self.restart):
                seen = [len(crowd.refused) for crowd in crowds]
                for crowd, before in zip(crowds, seen):
                    waiting.until("refusals", lambda crowd=crowd, before=before:
                                  crowd.errors or len(crowd.refused) > before + 20)
                way()
        self.assertEqual(self.milter.stop(), 0)
        recorded = self.recorded()
        for crowd in crowds:
            self.assertFalse(crowd.errors)
            self.assertFalse(crowd.accepted)
            self.assertFalse(crowd.refused - recorded)

    def restart(self):
        self.assertEqual(self.milter.stop(signal.SIGTERM), 0)
        self.milter.start()
