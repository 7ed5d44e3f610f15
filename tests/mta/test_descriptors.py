# SPDX-License-Identifier: ISC
"""Few files may be open, or none more: what goes on, what waits, what is said."""

import contextlib
import os
import pwd
import resource
import socket
import subprocess
import time
import unittest

from . import process, waiting, workspace
from .milter import SERVICE, USER, Milter
from .rawmilter import Peer
from .test_metrics import fetch

POLICY = "from strict.example { require tls; otherwise reject }\n"
SHORT = "no more files may be opened"
LOW = "files may be open at a time"


def processor_seconds(pid):
    """What a process has used of processors so far."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


class DescriptorsCase(unittest.TestCase):
    """Each test has a daemon of its own."""

    def start(self, files, **settings):
        folder = workspace.folder()
        self.addCleanup(workspace.remove, folder)
        milter = Milter(os.path.join(folder, "milter"), POLICY, **settings)
        milter.limits = ("--nofile=%d" % files,) if files else ()
        self.addCleanup(milter.stop)
        milter.start()
        self.milter = milter
        self.worker, = milter.workers()
        return milter

    def peers(self, count):
        """So many connections of an MTA, each of which has said its options."""
        made = []
        for _ in range(count):
            peer = Peer(self.milter.socket)
            self.addCleanup(peer.close)
            peer.offer()
            made.append(peer)
        return made

    def crowd(self, count):
        """So many clients of the policy service, which are silent."""
        made = []
        for _ in range(count):
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.connect(self.milter.service_socket)
            made.append(client)
        return made

    def lines(self, part):
        return [line["msg"] for line in self.milter.messages() if part in line["msg"]]

    def assert_does_not_spin(self):
        """Whoever cannot be served costs next to nothing."""
        began, used = time.monotonic(), processor_seconds(self.worker)
        waiting.until("a second", lambda: time.monotonic() > began + 1)
        passed = time.monotonic() - began
        self.assertLess(processor_seconds(self.worker) - used, passed / 4)

    def assert_judges(self, peer):
        """A session on a connection that is there already."""
        peer.connect("192.0.2.1", 25000, macros={"v": "Postfix 3.7.11"})
        peer.helo()
        self.assertEqual(peer.mail("<a@strict.example>"), "continue")
        self.assertIn("TLS", peer.rcpt("<someone@ours.example>"))


class Descriptors(DescriptorsCase):
    """At a low limit."""

    def test_milter_connections_leave_some(self):
        port, = waiting.free_ports(1)
        milter = self.start(100, metrics="127.0.0.1:%d" % port)
        first = Peer(milter.socket)
        self.addCleanup(first.close)
        self.assertIsNotNone(first.negotiate())
        peers = self.peers(150)
        milter.wait_message(SHORT)
        self.assert_does_not_spin()
        self.assertEqual(fetch(port, "/healthz").text, "ok\n")
        self.assertTrue(milter.reload()["msg"].startswith("policy reloaded"))
        self.assert_judges(first)
        self.assertLess(open_files(self.worker), 90)
        self.assertEqual(len(self.lines(SHORT)), 1)
        self.assertFalse(self.lines("anew"))
        for peer in peers:
            peer.close()
        with Peer(milter.socket) as peer:
            self.assertIsNotNone(peer.negotiate())
            self.assert_judges(peer)

    def test_policy_service_has_a_share(self):
        port, = waiting.free_ports(1)
        milter = self.start(100, metrics="127.0.0.1:%d" % port, policy_service=SERVICE)
        before = open_files(self.worker)
        clients = self.crowd(150)
        milter.wait_message("there are too many")
        # One that is taken has one that is silent go, which is a moment later.
        waiting.until("a share", lambda: open_files(self.worker) <= before + 25)
        with Peer(milter.socket) as peer:
            self.assertIsNotNone(peer.negotiate())
            self.assert_judges(peer)
        self.assertEqual(fetch(port, "/healthz").text, "ok\n")
        for client in clients:
            client.close()

    def test_milter_leaves_the_share(self):
        milter = self.start(100, policy_service=SERVICE)
        self.peers(150)
        milter.wait_message(SHORT)
        client, = self.crowd(1)
        client.settimeout(waiting.PATIENCE)
        client.sendall(b"request=smtpd_access_policy\nprotocol_state=RCPT\n"
                       b"client_address=192.0.2.1\nclient_port=25\nsender=a@x.example\n"
                       b"recipient=b@ours.example\n\n")
        self.assertEqual(client.recv(100), b"action=DUNNO\n\n")

    def test_low_limit_is_told_at_the_start(self):
        milter = self.start(1023)
        self.assertIn("only 1023 files", milter.wait_message(LOW)["msg"])
        self.assertEqual(milter.stop(), 0)
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 1024:
            self.start(1024).wait_message("serving on")
            self.assertFalse(self.lines(LOW))


class NoneLeft(DescriptorsCase):
    """Not even what is kept: the limit falls below what is open."""

    @contextlib.contextmanager
    def nothing_left(self):
        """None of the daemon's processes can open anything meanwhile."""
        # poll(2) of more files than the limit is an error: it is of three at most.
        self.limit(5)
        try:
            yield
        finally:
            self.limit(512)

    def limit(self, files):
        """Sets the limit in force, as the user that the processes have become."""
        user = pwd.getpwnam(USER)
        for pid in self.milter.server.family():
            subprocess.run(("prlimit", "--pid=%d" % pid, "--nofile=%d:" % files),
                           check=True, user=user.pw_uid, group=user.pw_gid,
                           extra_groups=[])

    def test_what_was_in_force_stays(self):
        port, = waiting.free_ports(1)
        milter = self.start(None, metrics="127.0.0.1:%d" % port, policy_service=SERVICE)
        with Peer(milter.socket) as there, Peer(milter.socket) as other:
            self.assertIsNotNone(there.negotiate())
            self.assertIsNotNone(other.negotiate())
            milter.write_policy("default { require tls; otherwise tempfail }\n")
            with self.nothing_left():
                peers = self.peers(3)
                clients = self.crowd(3)
                with socket.create_connection(("127.0.0.1", port)) as health:
                    milter.wait_message(SHORT)
                    milter.wait_message("policy service: " + SHORT)
                    self.assert_does_not_spin()
                    self.assertEqual(milter.reload()["msg"], "policy not reloaded: the "
                                     "one in force is kept")
                    self.assert_judges(there)
                self.assertEqual(process.birth(self.worker) is None, False)
            for peer in peers:
                self.assertIsNotNone(peer.agreed())
            self.assertEqual(fetch(port, "/healthz").text, "ok\n")
            self.assert_judges(other)
            self.assertTrue(milter.reload()["msg"].startswith("policy reloaded"))
            for client in clients:
                client.close()


if __name__ == "__main__":
    unittest.main()
