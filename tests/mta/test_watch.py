# SPDX-License-Identifier: ISC
"""tlsward watch beside a real Postfix: killed again and again while the log is written
and rotated, it counts each handshake, each delivery and each line once.
"""

import collections
import glob
import os
import re
import signal
import sqlite3
import subprocess
import unittest

from . import lan, traffic, waiting, workspace
from .process import Server

TLSWARD = os.path.abspath(os.environ.get("TLSWARD", "tlsward"))
ROUNDS = 20
ROTATES = 4	# in every so many rounds
FAILURES = 5	# handshakes that fail in each


def sums(journal, *columns):
    """How often each value of these columns of a table was counted."""
    table, columns = columns[0], ", ".join(columns[1:])
    with sqlite3.connect("file:%s?mode=ro" % journal, uri=True,
                         timeout=waiting.PATIENCE) as database:
        return {row[:-1]: row[-1] for row in database.execute(
            "SELECT %s, sum(count) FROM %s GROUP BY %s" % (columns, table, columns))}


class Rounds(traffic.PostfixTraffic):
    """A round is five handshakes that fail and a message to each relay."""

    def play(self):
        with self.milter, self.server:
            for sink in traffic.sinks(self.pki):
                sink.start()
            for number in range(ROUNDS):
                self._round(number)
            self.wait_all(self.failure, FAILURES * ROUNDS)
            for row in traffic.LEAVING:
                self.wait_all(self.delivery(row), ROUNDS)

    def log_text(self):
        """What all files of the log have."""
        text = ""
        for path in glob.glob(self.server.log + "*"):
            with open(path, encoding="utf-8") as log:
                text += log.read()
        return text

    def wait_all(self, pattern, count):
        """Waits until so many lines match, in all files."""
        waiting.until("%d log lines %s" % (count, pattern), lambda: len(
            re.findall(pattern, self.log_text())) >= count)

    def _counted(self):
        return sum(sums(self.journal, "handshake", "direction").values()) + \
            sum(sums(self.journal, "delivery", "result").values())

    def _round(self, number):
        before = self._counted() if number > 0 else 0	# there may be no journal yet
        watch = Server("tlsward watch", (TLSWARD, "watch", "-c", self.milter.settings),
                       os.path.join(self.milter.folder, "watch-errors"))
        try:
            self.fail_handshakes()
            if number % ROTATES == ROTATES - 1:
                os.rename(self.server.log, "%s.%d" % (self.server.log, number))
                self.server.reload()
            for row in traffic.LEAVING:
                self.submit("a@%s.example" % row.name)
            # Killed at the start, or at any moment of what it does.
            waiting.until("more that is counted", lambda: number % 3 == 0 or
                          self._counted() > before + number % 10, watch.must_live)
        finally:
            watch.send(signal.SIGKILL)
            watch.wait()


class WatchKilled(unittest.TestCase):
    mta = "postfix"
    slow = True

    def test_all_is_counted_once(self):
        folder = workspace.folder()
        self.addCleanup(workspace.remove, folder)
        try:
            lan.run(traffic.NAMES, traffic.play, Rounds, folder, workspace.pki())
        except lan.Refused as error:
            raise unittest.SkipTest(str(error)) from error
        done = subprocess.run(
            (TLSWARD, "watch", "--once", "-c",
             os.path.join(folder, "milter", "tlsward.conf")),
            capture_output=True, text=True, check=False, timeout=waiting.PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        journal = os.path.join(folder, "milter", "log", "journal.db")
        self.assertEqual(sums(journal, "handshake", "direction", "reason"), {
            ("in", "no-common-version"): 2 * ROUNDS, ("in", "unknown-ca"): ROUNDS,
            ("in", "not-tls"): ROUNDS, ("in", "lost-connection"): ROUNDS,
            ("out", "version-refused"): ROUNDS})
        self.assertEqual(sums(journal, "delivery", "next_hop", "result"), {
            (row.name + ".example", row.status): ROUNDS for row in traffic.LEAVING})
        lines = collections.Counter()
        for path in glob.glob(os.path.join(folder, "mta", "mail.log*")):
            with open(path, "rb") as log:
                lines["lines"] += len(log.readlines())
        with sqlite3.connect(journal) as database:
            self.assertEqual(dict(database.execute(
                "SELECT name, value FROM watched WHERE name = 'lines'")), lines)
