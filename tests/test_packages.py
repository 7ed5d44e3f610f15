#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What contrib/check and contrib/demo install, that nothing goes for it, and that what
debian/ says is what the rest of the tree says.

usage: test_packages.py

contrib/common.sh is given an apt-get that writes down what it was asked for, and postinst
settings to make of those that are shipped.
"""

import importlib.machinery
import importlib.util
import os
import re
import subprocess
import sys
import unittest

import runner
from runner import TOP, read

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


# What debhelper and build-essential bring.
IMPLIED = {"autoconf", "automake", "build-essential", "debhelper", "gcc", "libc6-dev", "make"}
FOR_DEBHELPER = {"debhelper-compat", "dh-sequence-installsysusers"}
# What postinst calls that looks at the host or changes it.
POSTINST_STUBS = {
    "deb-systemd-invoke": "", "systemd-sysusers": "", "ucfr": "",
    "getent": 'exit "$(cat "$0.status")"\n',
    "systemd-tmpfiles": 'echo "$*"\n',
    "ucf": 'cp "$2" "$3"\n',
}


def control_field(name):
    """The packages that a field of debian/control lists, with what is said of each."""
    field = re.search(rf"(?m)^{name}:((?:\n? .*)*)", read("debian/control"))[1]
    return [entry.strip() for entry in field.split(",") if entry.strip()]


def listed(name):
    """The packages of a list in contrib/common.sh."""
    words = re.search(rf'(?m)^{name}="([^"]*)"', read("contrib/common.sh"))[1]
    return set(words.split())


class Debian(unittest.TestCase):
    """debian/."""

    def test_build_depends(self):
        """They are what contrib/package installs; what tests need is not for a build."""
        entries = control_field("Build-Depends")
        packages = {entry.split()[0] for entry in entries}
        tests = {entry.split()[0] for entry in entries if entry.endswith("<!nocheck>")}
        build = listed("BUILD_PACKAGES")
        for_tests = listed("PACKAGE_TEST_PACKAGES") | listed("CLIENT_PACKAGES")
        self.assertEqual(packages - tests - FOR_DEBHELPER,
                         (build | listed("PACKAGE_PACKAGES")) - IMPLIED)
        self.assertEqual(tests, for_tests)

    def test_readme(self):
        """It names the packages to build with."""
        named = re.search(r"apt-get install ([^#]*?)\n    autoreconf", read("README.md"))[1]
        self.assertEqual(set(named.replace("\\", " ").split()), listed("BUILD_PACKAGES"))

    def test_version(self):
        version = re.search(r"AC_INIT\(\[tlsward\], \[([^]]*)\]", read("configure.ac"))[1]
        self.assertTrue(read("debian/changelog").startswith(f"tlsward ({version}) "))

    def test_files(self):
        """What debian/ installs is there."""
        for name in "install", "docs", "examples":
            for line in read(f"debian/tlsward.{name}").splitlines():
                path = os.path.join(TOP, line.split()[0].rstrip("*"))
                self.assertTrue(os.path.exists(path), line)

    @staticmethod
    def autopkgtest(name):
        """A program of debian/tests, as a module."""
        loader = importlib.machinery.SourceFileLoader(
            name, os.path.join(TOP, "debian/tests", name))
        loaded = importlib.util.module_from_spec(
            importlib.util.spec_from_loader(name, loader))
        sys.dont_write_bytecode = True
        loader.exec_module(loaded)
        return loaded

    def test_fleet(self):
        """debian/tests/fleet finds the commands and settings of README.md, in their order."""
        loaded = self.autopkgtest("fleet")
        blocks = loaded.readme_blocks(read("README.md"))
        self.assertEqual([loaded.is_settings(block) for block in blocks],
                         [False, True, False, False])
        for word in loaded.SITE:
            self.assertTrue(any(word in block for block in blocks), word)
        for block in blocks:
            if not loaded.is_settings(block):
                done = subprocess.run(("bash", "-n", "-c", loaded.PRELUDE + block),
                                      check=False, stderr=subprocess.PIPE, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""), block)

    def test_attaching(self):
        """debian/tests/postfix finds what README.md has for main.cf."""
        loaded = self.autopkgtest("postfix")
        lines = loaded.readme_lines(read("README.md"))
        self.assertIn("smtpd_milters = unix:tlsward/milter.sock", lines)
        self.assertIn("milter_default_action = tempfail", lines)
        for line in lines:
            self.assertRegex(line, "^[A-Za-z_]+ = [^ ].*$")


class Postinst(unittest.TestCase):
    """The settings that it writes, from those that are shipped."""

    @staticmethod
    def write(folder, name, text):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def postinst(self, postfix, *arguments):
        """What it says, and the settings."""
        folder = runner.folder(self)
        spool = os.path.join(folder, "spool")
        os.mkdir(spool)
        self.write(folder, "getent.status", "0" if postfix else "2")
        for name, text in POSTINST_STUBS.items():
            os.chmod(self.write(folder, name, "#!/bin/sh\n" + text), 0o755)
        text = read("debian/tlsward.postinst").replace("#DEBHELPER#", "")
        for name, value in (("shipped", os.path.join(TOP, "conf/tlsward.conf")),
                            ("settings", folder + "/settings"), ("spool", spool)):
            text = re.sub(f"(?m)^{name}=.*", f"{name}={value}", text)
        done = subprocess.run(
            ("sh", self.write(folder, "postinst", text), *arguments), check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PATH": folder + ":" + os.environ["PATH"]})
        self.assertEqual(done.returncode, 0, done.stdout)
        with open(folder + "/settings", encoding="utf-8") as settings:
            return done.stdout, settings.read(), spool

    def test_without_postfix(self):
        said, settings, spool = self.postinst(False, "configure", "")
        self.assertEqual(settings, read("conf/tlsward.conf"))
        self.assertEqual(said, f"--create --exclude-prefix={spool} tlsward.conf\n")

    def test_with_postfix(self):
        """Two lines take effect, and no more."""
        for action in ("configure", ""), ("triggered", "/usr/sbin/postfix"):
            said, settings, spool = self.postinst(True, *action)
            lines = [line for line in settings.splitlines() if line[:1] not in ("", "#")]
            self.assertEqual(lines, [f"listen unix:{spool}/tlsward/milter.sock",
                                     "socket-group postfix"])
            self.assertEqual(said, "--create tlsward.conf\n")


if __name__ == "__main__":
    sys.exit(runner.main())
