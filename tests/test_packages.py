#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What contrib/check and contrib/demo install, and that nothing goes for it.

usage: test_packages.py

contrib/common.sh is given an apt-get that writes down what it was asked for.
"""

import os
import subprocess
import sys
import unittest

import runner
from runner import TOP

APT = """#!/bin/sh
echo "$*" >> "$0.calls"
case "$*" in
*-s*) echo "Inst postfix (3.7.11 Debian:12 [amd64])"
	cat "$0.plan" ;;
*install*) ls "$0.denied" >> "$0.calls" 2>&1; exit "$(cat "$0.status")" ;;
esac
"""
STUBS = {"apt-get": APT, "id": "#!/bin/sh\necho 0\n", "dpkg-query": "#!/bin/sh\n"}
SCRIPT = """
top={top} work={folder}
. {top}/contrib/common.sh
denied={folder}/apt-get.denied
install_missing first second
"""
OURS = "#!/bin/sh\n# of tlsward, for a moment\nexit 101\n"


class Packages(unittest.TestCase):
    """install_missing."""

    def setUp(self):
        self.folder = runner.folder(self)
        self.denied = os.path.join(self.folder, "apt-get.denied")
        for name, text in STUBS.items():
            self.write(name, text)
            os.chmod(os.path.join(self.folder, name), 0o755)
        self.write("apt-get.plan", "")
        self.write("apt-get.status", "0")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as out:
            out.write(text)

    def install(self):
        """The exit status, what was said, and the calls of apt-get."""
        done = subprocess.run(
            ("sh", "-uc", SCRIPT.format(top=TOP, folder=self.folder)), check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PATH": self.folder + ":" + os.environ["PATH"]})
        with open(os.path.join(self.folder, "apt-get.calls"), encoding="ascii") as calls:
            return done.returncode, done.stdout, calls.read()

    def test_installs(self):
        status, said, calls = self.install()
        self.assertEqual(status, 0, said)
        self.assertRegex(calls, "(?m)install .*--no-remove first second$")
        self.assertIn("\n" + self.denied + "\n", calls)
        self.assertFalse(os.path.exists(self.denied))

    def test_something_would_go(self):
        self.write("apt-get.plan", "Remv exim4-daemon-light [4.96-15]\n"
                   "Remv exim4-base [4.96-15]\n")
        status, said, calls = self.install()
        self.assertEqual(status, 2)
        self.assertIn("would remove exim4-daemon-light exim4-base for first second", said)
        self.assertIn("nothing was installed", said)
        self.assertEqual(calls.count("\n"), 1, calls)
        self.assertIn(" -s ", calls)
        self.assertFalse(os.path.exists(self.denied))

    def test_apt_fails(self):
        self.write("apt-get.status", "100")
        status, said, _ = self.install()
        self.assertEqual(status, 2)
        self.assertIn("apt-get install failed", said)
        self.assertFalse(os.path.exists(self.denied))

    def test_left_by_a_run_that_was_killed(self):
        self.write("apt-get.denied", OURS)
        self.assertEqual(self.install()[0], 0)
        self.assertFalse(os.path.exists(self.denied))

    def test_of_the_machine_stays(self):
        self.write("apt-get.denied", "#!/bin/sh\nexit 101\n")
        self.assertEqual(self.install()[0], 0)
        self.assertTrue(os.path.exists(self.denied))


if __name__ == "__main__":
    sys.exit(runner.main())
