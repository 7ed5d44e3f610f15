# SPDX-License-Identifier: ISC
"""The daemon writes, the shipper sends, and both are ended and killed meanwhile."""

import itertools
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
import unittest

from fleet import both, cluster
from mta import waiting, workspace
from mta.milter import Milter
from mta.rawmilter import Peer

NODE = "mx1.example"
POLICY = """from acme.example { require tls >= 1.2; otherwise reject 550 5.7.9 "No" }
from tried.example { require tls; otherwise reject; monitor }
default { exempt until 2098-01-01 }
"""


class Mail(threading.Thread):
    """Sessions, of which some are refused, until stop()."""

    def __init__(self, milter):
        super().__init__(daemon=True)
        self.milter = milter
        self.ended = threading.Event()
        self.refused = 0

    def run(self):
        rng = random.Random(1)
        for number in itertools.count():
            if self.ended.is_set():
                return
            try:
                self.session(rng, number)
            except (OSError, TypeError):	# the daemon is being started anew, or ends
                time.sleep(0.05)

    def session(self, rng, number):
        domain = rng.choice(["acme", "tried", "d%d" % rng.randrange(50)]) + ".example"
        tls = {"{tls_version}": "TLSv1.3", "{cipher}": "TLS_AES_256_GCM_SHA384",
               "{cipher_bits}": "256"} if rng.random() < 0.5 else {}
        with Peer(self.milter.socket) as peer:
            peer.negotiate()
            peer.connect("192.0.2.%d" % rng.randrange(1, 250), 1000 + number % 60000,
                         macros={"v": "Postfix 3.7.11", "j": "mx1.example"})
            peer.helo("h\u00e4%d.example" % number, macros=tls)
            # Who is accepted there is asked about no recipient.
            if peer.mail("<s%d@%s>" % (number, domain),
                         macros={"i": "Q%d" % number, **tls}) == "continue":
                answer = peer.rcpt("<r@ours.example>") or ""
                self.refused += answer.startswith("5")

    def stop(self):
        self.ended.set()
        self.join()


class WithTheDaemon(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster())
        both.make_tables(cls.pg)

    def setUp(self):
        self.folder = workspace.folder()
        self.addCleanup(workspace.remove, self.folder)
        home = os.path.join(self.folder, "milter")
        self.journal = os.path.join(home, "run", "journal.db")
        self.milter = Milter(home, POLICY, node=NODE, ship_to=both.to(self.pg),
                             journal="sqlite:" + self.journal)
        self.milter.start()
        self.addCleanup(self.milter.stop)

    def ship(self, *more):
        return subprocess.Popen([both.TLSWARD, "ship", "-c", self.milter.settings, *more],
                                stdin=subprocess.DEVNULL)

    def test_all_of_them_are_ended(self):
        mail = Mail(self.milter)
        mail.start()
        rng = random.Random(2)
        ends = itertools.cycle((self.pg.kill, None, self.milter.stop, None, self.pg.stop, None))
        for _, end in zip(range(12), ends):
            ship = self.ship()
            time.sleep(rng.uniform(0.1, 0.7))	# at a random point, of which nothing waits
            if end is not None:
                end()
            ship.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            ship.wait()
            if not self.pg.running():
                self.pg.start()
            if end == self.milter.stop:
                self.milter.start()
        mail.stop()
        self.assertGreater(mail.refused, 10)
        self.milter.stop()
        self.assertEqual(self.ship("--once").wait(waiting.PATIENCE), 0)
        db = sqlite3.connect(self.journal)
        self.addCleanup(db.close)
        self.assertGreaterEqual(both.count(db)["record"], mail.refused)
        self.assertEqual(both.differences(self.pg, db, NODE), [])


if __name__ == "__main__":
    unittest.main()
