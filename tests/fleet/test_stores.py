# SPDX-License-Identifier: ISC
"""The tests of the review, over a journal and over PostgreSQL: see twice.py.

With TLSWARD_LONG=1, as in "contrib/check all", all of them, which takes half an hour.
"""

import os
import subprocess
import sys
import unittest

import runner
from fleet import cluster, filled

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = ("add_partner", "diff", "explain", "html", "log", "outgoing", "replay", "report")
LONG = os.environ.get("TLSWARD_LONG") == "1"


class BothStores(unittest.TestCase):
    """Whatever a journal answers, PostgreSQL does, to the last byte."""

    nodes = 1
    slow = True
    without_sanitizers = True

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster())
        filled.schema(cls.pg)

    def run_tests(self, name):
        environment = dict(
            os.environ, TLSWARD=os.path.join(HERE, "twice.py"), TWICE_PROGRAM=runner.TLSWARD,
            READ_MAILLOG=runner.find_program("tests/tool/read-maillog"),
            TWICE_DATABASE=self.pg.conninfo(), TWICE_NODES=str(self.nodes),
            TWICE_LOCK=os.path.join(self.pg.folder, "lock"),
            PATH=cluster.programs() + ":" + os.environ["PATH"])
        done = subprocess.run(
            [sys.executable, os.path.join(runner.TOP, "tests", "tool", "test_%s.py" % name)],
            env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, self.differences() or
                         (done.stdout + done.stderr)[-20000:])

    def differences(self):
        """What was answered differently: tests show not all of it."""
        path = os.path.join(self.pg.folder, "lock.log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as log:
            said = log.read()
        os.unlink(path)
        return said[:20000]

    def test_agreements(self):
        self.run_tests("agreements")


class NodesAsOne(BothStores):
    """The same sessions at three nodes are what they are at one."""

    nodes = 3


def add_tests():
    """The other tests of the review: at one node, and of several what can be split."""
    for name in TESTS:
        def test(self, name=name):
            self.run_tests(name)
        setattr(BothStores, "test_" + name, test)
        if name != "replay":
            setattr(NodesAsOne, "test_" + name, None)


if LONG:
    add_tests()
