#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The second try that contrib/check gives a test that failed, and how it counts.

contrib/steps.sh is run on a small build of automake's, with tests that fail at will.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import runner
from runner import TOP

CONFIGURE = """AC_INIT([small], [1])
AM_INIT_AUTOMAKE([foreign subdir-objects])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
"""
MAKEFILE = """TEST_EXTENSIONS = .py
PY_LOG_COMPILER = %s
TESTS = tests/one.py tests/two.py
check-local:
	test ! -e broken
""" % sys.executable
STEPS = """work=$PWD
. {top}/contrib/steps.sh
tests "small: tests" small
second_tries
cat counts
"""
# Each is told at which try it runs: what it prints and its exit status.
TEST = """import os, sys
name = os.path.basename(__file__)
tries = open(name + ".tries", "a+")
tries.write("x")
outcomes = %r
tries.flush()
text, status = outcomes[os.path.getsize(name + ".tries") - 1]
print(text.replace("CLASSES", os.environ.get("TLSWARD_CLASSES", "").strip()))
sys.exit(status)
"""
GOOD = ("2 passed, 0 failed", 0)
BAD = ("a reason\n1 passed, 1 failed", 1)
CLASS = "%-20s %4d passed %3d failed %6.1f s\n"
CLASSES = (CLASS % ("mta.test_a.One", 7, 0, 0.1) + CLASS % ("mta.test_a.Two", 3, 1, 2.5)
           + CLASS % ("mta.test_b.Three", 0, 2, 10) + "10 passed, 3 failed", 1)


@unittest.skipUnless(shutil.which("automake"), "no automake")
class SecondTry(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tlsward-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.build = os.path.join(cls.folder, "small")
        os.makedirs(os.path.join(cls.build, "tests"))
        for name in ("one", "two"):
            cls.write("tests/%s.py" % name, "")
        cls.write("configure.ac", CONFIGURE)
        cls.write("Makefile.am", MAKEFILE)
        subprocess.run("autoreconf -fi && ./configure -q", shell=True, check=True,
                       cwd=cls.build, capture_output=True)

    @classmethod
    def write(cls, name, text):
        with open(os.path.join(cls.build, name), "w", encoding="ascii") as file:
            file.write(text)

    def check(self, **tests):
        """What each test prints, with its status, at each try; what is said of all."""
        folder = os.path.join(runner.folder(self), "again")
        shutil.copytree(self.folder, folder)
        self.log = os.path.join(folder, "small", "tests", "one.log")
        for name, outcomes in {"two": [GOOD], **tests}.items():
            with open(os.path.join(folder, "small", "tests", name + ".py"), "w",
                      encoding="ascii") as file:
                file.write(TEST % (outcomes,))
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("MAKE", "MFLAGS", "TLSWARD", "TEST"))}
        done = subprocess.run(["bash", "-uc", STEPS.format(top=TOP)], cwd=folder,
                              env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        lines = done.stdout.splitlines()
        counts = [line for line in lines if line.replace(" ", "").isdigit()]
        self.totals = [sum(map(int, column)) for column in zip(*map(str.split, counts))]
        return [line.strip() for line in lines if line not in counts]

    def told(self, lines, *starts):
        return [line for line in lines if line.startswith(starts)]

    def test_nothing_failed(self):
        lines = self.check(one=[GOOD])
        self.assertEqual(self.told(lines, "passed at", "failed", "again"), [])
        self.assertEqual(self.totals, [1 + 4, 0])

    def test_passes_then(self):
        lines = self.check(one=[BAD, GOOD])
        self.assertEqual(self.told(lines, "passed at", "failed"), [
            "passed at the second try: small: tests/one; the first is above"])
        self.assertIn("a reason", lines[:lines.index(
            "passed at the second try: small: tests/one; the first is above")])
        self.assertEqual(self.totals, [1 + 2 + 2, 0])

    def test_fails_again(self):
        lines = self.check(one=[BAD, BAD], two=[BAD, GOOD])
        self.assertEqual(sorted(self.told(lines, "passed at", "failed")), [
            "failed twice: small: tests/one",
            "passed at the second try: small: tests/two; the first is above"])
        self.assertEqual(self.totals, [1 + 2, 1 + 1])

    def test_classes_that_failed_run_alone(self):
        lines = self.check(one=[CLASSES, ("for CLASSES\n6 passed, 0 failed", 0)])
        self.assertEqual(self.told(lines, "passed at", "failed"), [
            "passed at the second try: small: tests/one: mta.test_a.Two. mta.test_b.Three.; "
            "the first is above"])
        with open(self.log, encoding="ascii") as log:
            self.assertIn("for mta.test_a.Two. mta.test_b.Three.\n", log.read())
        self.assertEqual(self.totals, [1 + 7 + 6 + 2, 0])

    def test_of_classes_one_fails_again(self):
        self.check(one=[CLASSES, ("5 passed, 1 failed", 1)])
        self.assertEqual(self.totals, [7 + 5 + 2, 1 + 1])

    def test_no_second_try_that_tests_less(self):
        for second in (("0 passed, 0 failed", 0), ("1 passed, 0 failed", 0), ("", 0),
                       ("skipped: no reason", 77), ("2 passed, 0 failed", 99)):
            with self.subTest(second):
                self.check(one=[BAD, second])
                self.assertEqual(self.totals[1], 1 + 1)

    def test_what_was_skipped_is_no_success(self):
        self.check(one=[("skipped: x\n1 passed, 1 failed", 1), GOOD])
        self.assertEqual(self.totals[1], 1 + 1)

    def test_one_that_dies(self):
        """It has counted nothing."""
        self.check(one=[("", 1), GOOD])
        self.assertEqual(self.totals, [1 + 2 + 2, 0])
        self.check(one=[("", 1), ("", 1)])
        self.assertEqual(self.totals, [2, 1 + 1])

    def test_what_is_no_test_has_no_second_try(self):
        self.write("broken", "")
        self.addCleanup(os.unlink, os.path.join(self.build, "broken"))
        lines = self.check(one=[GOOD])
        self.assertEqual(self.told(lines, "passed at", "again"), [])
        self.assertEqual(self.totals[1], 1)
        lines = self.check(one=[BAD, GOOD])
        self.assertEqual(self.told(lines, "passed at"), [])
        self.assertGreater(self.totals[1], 0)


if __name__ == "__main__":
    sys.exit(runner.main())
