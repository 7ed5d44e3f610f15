# SPDX-License-Identifier: ISC
"""What goes wrong around the daemon: whatever it is, nothing that is to be refused is
accepted, the MTA defers where nobody judges, and it is over when its cause is."""

import contextlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import time
import unittest

from . import process, waiting
from .case import MilterCase, SendmailCase
from .faults import POLICY, Clock, Disk, Mailers, hang_milter, hang_smtp
from .milter import USER, has_sanitizer
from .rawmilter import Peer
from .test_descriptors import open_files, processor_seconds
from .test_metrics import fetch
from .test_start import StartCase

ROUNDS = 3
IDLE = 1000 if has_sanitizer() else 5000	# with one, memory is no measure
IDLE_KIB = 16		# at most, of the daemon's memory for an idle connection
YEAR = 365 * 86400


def files_of(milter):
    return sum(open_files(pid) for pid in milter.server.family())


class FaultCase(StartCase):
    """Each test has a daemon and a Postfix of its own."""

    def begin(self, limits=(), impatient=False, **settings):
        self.milter = self.make(POLICY, **settings)
        self.milter.limits = limits
        self.milter.start()
        self.server = self.postfix(self.milter.address, **(
            {"milter_connect_timeout": "2s", "milter_command_timeout": "2s"}
            if impatient else {}))

    @property
    def worker(self):
        pid, = self.milter.workers()
        return pid

    def must_judge(self):
        """Mail is refused again that is to be, after a while at most."""
        waiting.until("verdict", lambda: self.reply(self.server).startswith("530"),
                      self.milter.server.must_live)

    def end(self):
        self.assertEqual(self.milter.stop(), 0, self.milter.error_text())


class Restarts:
    """The daemon, and the MTA, are away for a while under load. For either MTA."""

    policy = POLICY

    def test_daemon(self):
        with Mailers(self.server.port) as mail:
            for _ in range(ROUNDS):
                mail.more("refused", "accepted")
                self.assertEqual(self.milter.stop(), 0)
                mail.more("deferred")
                self.milter.start()
            mail.more("refused", "accepted")
        self.assertEqual(mail.wrong, [])

    def test_mta(self):
        files = files_of(self.milter)
        with Mailers(self.server.port) as mail:
            for _ in range(ROUNDS):
                mail.more("refused", "accepted")
                self.server.stop()
                mail.more("away")
                self.server.start()
            mail.more("refused", "accepted")
        self.assertEqual(mail.wrong, [])
        self.server.stop()
        waiting.until("the end of what the MTA left open",
                      lambda: files_of(self.milter) <= files + 2)
        self.server.start()


class RestartsPostfix(Restarts, MilterCase):
    pass


class RestartsSendmail(Restarts, SendmailCase):
    pass


class Faults(FaultCase):
    """With one daemon each."""

    def test_socket_removed(self):
        port, = waiting.free_ports(1)
        self.begin(metrics="127.0.0.1:%d" % port)
        self.must_judge()
        os.unlink(self.milter.socket)
        waiting.until("deferred", lambda: self.reply(self.server).startswith("451"))
        answer = fetch(port, "/healthz")
        self.assertEqual(answer.status, 503)
        self.assertIn("%s is gone" % self.milter.socket, answer.text)
        self.milter.wait_message("%s is gone" % self.milter.socket)
        self.end()
        self.milter.start()
        self.must_judge()
        self.assertEqual(fetch(port, "/healthz").status, 200)
        self.end()

    def test_descriptors(self):
        self.begin(("--nofile=100",))
        idle = []
        with Mailers(self.server.port, 2) as mail:
            mail.more("refused", "accepted")
            for _ in range(150):
                idle.append(Peer(self.milter.socket))
                self.addCleanup(idle[-1].close)
                idle[-1].offer()
            self.milter.wait_message("no more files may be opened")
            for peer in idle:
                peer.close()
            mail.more("refused", "accepted")
        self.assertEqual(mail.wrong, [])
        self.end()

    @unittest.skipIf(has_sanitizer(), "a sanitizer takes all of the memory there is")
    def test_memory(self):
        """Room for so much more than an idle daemon has, the stacks of threads and all.

        A connection for which there is no thread is forgotten by libmilter, so that it is
        the MTA that gives it up.
        """
        self.begin(impatient=True)
        size = max(int(process.status(pid)["VmSize"].split()[0]) << 10
                   for pid in self.milter.server.family())
        self.end()
        for room in (64 << 20, 8 << 20, 1 << 20):
            with self.subTest(room=room):
                self.milter.limits = ("--as=%d" % (size + room),)
                self.milter.start()
                try:
                    self.starve()
                finally:
                    self.end()

    def starve(self):
        with Mailers(self.server.port, 8) as mail:
            for _ in range(3):
                peers = [Peer(self.milter.socket) for _ in range(64)]
                for peer in peers:
                    peer.offer()
                self.milter.server.send(signal.SIGHUP)
                mail.heard_more(50)
                for peer in peers:
                    peer.close()
                mail.more("refused", "accepted", count=10)
        self.assertEqual(mail.wrong, [])
        self.must_judge()

    def test_full_disk(self):
        disk = Disk(os.path.join(self.folder, "disk"), "8m")
        self.addCleanup(disk.unmount)
        if not disk.mounted:
            self.skipTest("no file system can be mounted here")
        log = os.path.join(disk.path, "records.json")
        journal = os.path.join(disk.path, "journal", "journal.db")
        os.makedirs(os.path.dirname(journal))
        shutil.chown(os.path.dirname(journal), USER)
        self.begin(log="file:" + log, journal="sqlite:" + journal)
        with Mailers(self.server.port, 2) as mail:
            mail.more("refused", "accepted")
            disk.fill()
            mail.more("refused", "accepted", count=200)
            self.assertEqual(mail.heard["deferred"], 0)
            disk.empty()
            waiting.until("the end of it in the log", lambda: all(
                any(part in message for message in messages(log))
                for part in ("log lines were lost", "written again")))
            mail.more("refused")
        self.assertEqual(mail.wrong, [])
        self.end()
        self.assertLess(len(messages(log)), 20, messages(log))
        self.assertGreaterEqual(rows(journal, "action = 'reject'"),
                                mail.heard["refused"])

    def test_clients_that_hang(self):
        self.begin()
        files = files_of(self.milter)
        hanging = []
        try:
            # Where nothing else goes on, libmilter may leave one of them in its queue.
            with Mailers(self.server.port) as mail:
                for _ in range(4):
                    hanging += hang_smtp(self.server.port)
                    hanging += hang_milter(self.milter.socket)
                mail.more("refused", "accepted", count=100)
            self.assertEqual((mail.wrong, mail.heard["deferred"]), ([], 0))
            # An end does not wait for them either.
            self.end()
            self.milter.start()
        finally:
            for each in hanging:
                each.close()
        waiting.until("the end of what hung",
                      lambda: files_of(self.milter) <= files + 2)
        self.must_judge()
        self.end()


class Idle(FaultCase):
    """Thousands of connections that say nothing."""

    slow = True

    def setUp(self):
        super().setUp()
        wanted = IDLE + 1000
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limits[1] != resource.RLIM_INFINITY and limits[1] < wanted:
            self.skipTest("no %d open files are to be had here" % wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], wanted), limits[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)

    def served(self, sessions=100):
        """The worker's memory after so many sessions of others."""
        with Mailers(self.server.port, 1) as mail:
            mail.more("refused", "accepted", count=sessions)
        self.assertEqual((mail.wrong, mail.heard["deferred"]), ([], 0))
        return process.resident_kib([self.worker])

    def assert_rests(self):
        """Those that say nothing cost nothing."""
        began, used = time.monotonic(), processor_seconds(self.worker)
        waiting.until("a second", lambda: time.monotonic() > began + 1)
        passed = time.monotonic() - began
        self.assertLess(processor_seconds(self.worker) - used, passed / 4)

    def test_idle(self):
        self.begin()
        self.served()
        alone = self.served()
        idle = []
        try:
            for _ in range(IDLE):
                idle.append(Peer(self.milter.socket))
                self.assertIsNotNone(idle[-1].negotiate())
            crowded = self.served()
            again = self.served()
            self.assert_rests()
        finally:
            for peer in idle:
                peer.close()
        if not has_sanitizer():
            self.assertLess(crowded - alone, IDLE * IDLE_KIB)
            self.assertLess(again - crowded, IDLE)
        waiting.until("the end of those that were idle",
                      lambda: open_files(self.worker) < 100)
        self.must_judge()
        self.end()


def messages(log):
    """What stands in a log beside records; half a line that had no room is passed over."""
    found = []
    with open(log, encoding="utf-8") as lines:
        for line in lines:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line).get("msg"))
    return [text for text in found if text]


def rows(journal, condition):
    database = sqlite3.connect(journal)
    try:
        return database.execute("SELECT COUNT(*) FROM record WHERE "
                                + condition).fetchone()[0]
    finally:
        database.close()


@unittest.skipIf(shutil.which("cc") is None, "no C compiler")
class Stepped(FaultCase):
    """The wall clock is set, forward and back, while mail goes on.

    libmilter takes a session that waits while the clock goes hours ahead for one that was
    idle as long, and ends it: the MTA defers then. Those between two steps are not.
    """

    STEPS = (3600, -3600, 2 * 86400, -10 * 86400, YEAR, 0, -60 * YEAR, 0)

    def test_steps(self):
        clock = Clock(self.folder)
        port, = waiting.free_ports(1)
        journal = os.path.join(self.folder, "milter", "log", "journal.db")
        self.milter = self.make(POLICY, metrics="127.0.0.1:%d" % port,
                                journal="sqlite:" + journal, journal_keep="100 years")
        self.milter.environment = clock.environment
        self.milter.start()
        self.server = self.postfix(self.milter.address)
        with Mailers(self.server.port, 2) as mail:
            for step in self.STEPS[:4]:
                clock.step(step)
                mail.more("refused", "accepted", count=30)
        self.assertEqual(mail.wrong, [])
        refused = mail.heard["refused"]
        for step in self.STEPS:
            clock.step(step)
            with Mailers(self.server.port, 2) as mail:
                mail.more("refused", "accepted", count=30)
                self.milter.reload()
                self.assertEqual(fetch(port).status, 200)
                self.assertEqual(fetch(port, "/healthz").text.strip(), "ok")
            self.assertEqual((mail.wrong, mail.heard["deferred"]), ([], 0))
            refused += mail.heard["refused"]
        self.assertGreaterEqual(len(self.milter.records(action="reject")), refused)
        self.end()
        self.assertGreaterEqual(rows(journal, "action = 'reject'"), refused)
