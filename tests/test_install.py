#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What make install does with the administrator's files.

usage: test_install.py

It is called in the folder that was built in.
"""

import os
import shutil
import subprocess
import sys
import unittest

import runner

CONF = "etc/tlsward"


class Install(unittest.TestCase):
    def setUp(self):
        if not os.path.exists("Makefile"):
            self.skipTest("nothing was built here")
        self.folder = runner.folder(self)
        self.make("install-data-local")

    def make(self, target):
        """What it says."""
        outer = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR")
        done = subprocess.run(
            ("make", "-s", target, "DESTDIR=" + self.folder, "sysconfdir=/etc",
             "datadir=/share"), check=False, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=runner.TIMEOUT,
            env={name: text for name, text in os.environ.items() if name not in outer})
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def path(self, name):
        return os.path.join(self.folder, CONF, name)

    def files(self):
        """All that there are below the folder of settings."""
        found = []
        for folder, _, names in os.walk(self.path("")):
            found += [os.path.relpath(os.path.join(folder, name), self.path(""))
                      for name in names]
        return sorted(found)

    def test_first(self):
        """Settings, a policy and profiles; nothing about any partner."""
        self.assertEqual([name for name in self.files() if "profiles/" not in name],
                         ["policy.conf", "policy.test", "tlsward.conf"])
        self.assertIn("profiles/rfc9325.conf", self.files())
        self.assertEqual(os.listdir(self.path("policy.d")), [])

    def test_again(self):
        before = self.files()
        self.assertEqual(self.make("install-data-local"), "")
        self.assertEqual(self.files(), before)

    def test_changed(self):
        """What was changed stays, and the new one is beside it."""
        with open(self.path("policy.conf"), "w", encoding="ascii") as policy:
            policy.write("default { require tls }\n")
        self.assertIn("keeping ", self.make("install-data-local"))
        with open(self.path("policy.conf"), encoding="ascii") as policy:
            self.assertEqual(policy.read(), "default { require tls }\n")
        self.assertTrue(os.path.exists(self.path("policy.conf.new")))

    def test_deleted(self):
        """What was deleted stays away; so does what came from elsewhere."""
        for name in ("profiles/legacy.conf", "policy.test"):
            os.unlink(self.path(name))
        with open(self.path("policy.d/ours.conf"), "w", encoding="ascii"):
            pass
        before = self.files()
        for _ in range(2):
            self.assertIn("not bringing back ", self.make("install-data-local"))
            self.assertEqual(self.files(), before)

    def test_anew(self):
        """With the whole folder gone it is a first installation."""
        before = self.files()
        os.rename(self.path(""), self.path("") + "../old")
        self.make("install-data-local")
        self.assertEqual(self.files(), before)

    def test_uninstall(self):
        with open(self.path("policy.d/ours.conf"), "w", encoding="ascii"):
            pass
        self.make("uninstall-local")
        self.assertEqual(self.files(), ["policy.d/ours.conf"])
        self.make("install-data-local")
        os.unlink(self.path("policy.d/ours.conf"))
        self.make("uninstall-local")
        self.assertFalse(os.path.exists(self.path("")))
        self.assertEqual(os.listdir(os.path.join(self.folder, "share", "tlsward")), [])

    def test_moved(self):
        """A program that was moved with its files finds them."""
        os.mkdir(os.path.join(self.folder, "bin"))
        program = shutil.copy(runner.find_program("tlsward"), os.path.join(self.folder, "bin"))
        for target in "tlswarddata", "page", "postgresql":
            self.make(f"install-dist_{target}DATA")
        plain = {name: text for name, text in os.environ.items() if name != "TLSWARD_DATADIR"}
        for more, status in (({}, 0), ({"TLSWARD_DATADIR": "/nonexistent"}, 2)):
            for words in ("diagnose", "SSL alert number 48"), ("ship", "--schema"):
                done = subprocess.run((program, *words), check=False, env=plain | more,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      timeout=runner.TIMEOUT)
                self.assertEqual(done.returncode, status, done.stderr)


if __name__ == "__main__":
    sys.exit(runner.main())
