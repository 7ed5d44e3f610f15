#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Holds the unit for systemd and the AppArmor profile, neither of them started.

systemd-analyze and apparmor_parser are those of this host, or of packages unpacked below
$TLSWARD_TOOLS. The daemon, as an ordinary user, serves behind the unit's filter of system
calls, with its own inside.
"""

import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import unittest

import runner
from mta import milter, process, waiting
from runner import TOP, Failure, Skipped, find_program, folder, read

UNIT = "contrib/systemd/tlsward.service"
WATCH = "contrib/systemd/tlsward-watch.service"
PROFILE = "contrib/apparmor/usr.sbin.tlsward-milter"
PROFILES = (PROFILE, "contrib/apparmor/tlsward-watch", "contrib/apparmor/tlsward-ship")
SHIP = "contrib/systemd/tlsward-ship.service"
MAINTAIN = "contrib/systemd/tlsward-ship-maintain"
# Tenths of what `systemd-analyze security` says.
EXPOSURE = 12
TOOLS = os.environ.get("TLSWARD_TOOLS", "")
ACT_ERRNO, EPERM = 0x00050000, 1
ALLOW = 0x7fff0000


def tool(name):
    """The path of a tool; one that is installed comes first."""
    places = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    found = shutil.which(name, path=":".join(
        places + [TOOLS + place for place in places if TOOLS]))
    if not found:
        raise Skipped("no " + name)
    return found


def said(name, *arguments):
    """A tool's exit status and all that it says."""
    path = tool(name)
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    if TOOLS and path.startswith(TOOLS):
        environment["SYSTEMD_UNIT_PATH"] = TOOLS + "/lib/systemd/system:" + \
            TOOLS + "/usr/lib/systemd/system"
    done = subprocess.run([path, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=environment,
                          timeout=runner.TIMEOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def must_succeed(name, *arguments):
    status, text = said(name, *arguments)
    if status != 0:
        raise Failure("%s: %s" % (name, text))
    return text


class Unit(unittest.TestCase):
    """What systemd says of the unit."""

    def test_exposure(self):
        for unit in (UNIT, WATCH):
            must_succeed("systemd-analyze", "security", "--no-pager", "--offline=true",
                         "--threshold=%d" % EXPOSURE, os.path.join(TOP, unit))

    def test_threshold_is_looked_at(self):
        status, _ = said("systemd-analyze", "security", "--no-pager", "--offline=true",
                         "--threshold=1", os.path.join(TOP, UNIT))
        self.assertNotEqual(status, 0)

    def verify(self, text, name="tlsward.service"):
        """The unit as it would be with programs that there are."""
        path = os.path.join(folder(self), name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(re.sub(r"^(Exec\w+=)\S+", r"\1" + sys.executable, text, flags=re.M))
        return said("systemd-analyze", "verify", "--man=no", path)

    def test_verify(self):
        status, text = self.verify(read(UNIT))
        self.assertEqual((status, text), (0, ""))
        self.assertNotEqual(self.verify(read(UNIT).replace("KillMode=", "KilMode="))[1], "")

    def test_verify_watch(self):
        self.verify(read(UNIT))
        self.assertEqual(self.verify(read(WATCH), "tlsward-watch.service"), (0, ""))

    def test_verify_ship(self):
        self.verify(read(UNIT))
        self.assertEqual(self.verify(read(SHIP), "tlsward-ship.service"), (0, ""))
        for kind in ".service", ".timer":
            self.assertEqual(self.verify(read(MAINTAIN + kind), "tlsward-ship-maintain" + kind),
                             (0, ""))

    def test_ship_reloads_with_the_daemon(self):
        self.assertIn("\nReloadPropagatedFrom=tlsward.service\n", read(SHIP))
        self.assertIn("\nExecStart=/usr/bin/tlsward ship\n", read(SHIP))

    def test_watch_reloads_with_the_daemon(self):
        self.assertIn("\nReloadPropagatedFrom=tlsward.service\n", read(WATCH))
        self.assertIn("\nExecStart=/usr/bin/tlsward watch\n", read(WATCH))

    def test_paths_are_those_of_an_installation(self):
        text = read(UNIT)
        self.assertIn("\nExecStart=/usr/sbin/tlsward-milter -f\n", text)
        for word in ("User=tlsward", "RuntimeDirectory=tlsward", "StateDirectory=tlsward"):
            self.assertIn("\n%s\n" % word, text)


class Profile(unittest.TestCase):
    """What AppArmor's parser says of the profile."""

    def parse(self, path):
        base = os.path.join(TOOLS, "etc/apparmor.d") if TOOLS else ""
        bases = ["--base", base] if os.path.isdir(base) else []
        return said("apparmor_parser", "--skip-kernel-load", "--skip-cache",
                    "--config-file=/dev/null", *bases, path)

    def test_parse(self):
        for profile in PROFILES:
            status, text = self.parse(os.path.join(TOP, profile))
            self.assertEqual(status, 0, text)

    def test_errors_are_seen(self):
        path = os.path.join(folder(self), "profile")
        with open(path, "w", encoding="utf-8") as out:
            out.write(read(PROFILE).replace("rwk,", "rwkq,"))
        self.assertNotEqual(self.parse(path)[0], 0)

    def test_one_program_is_run(self):
        """postconf, by the daemon, under the profile that it has itself."""
        rules = [line.split("#")[0].strip() for profile in PROFILES
                 for line in read(profile).splitlines()]
        self.assertEqual([rule for rule in rules
                          if re.search(r"^(owner\s+)?[/@]\S*\s+\w*x\w*,$", rule)],
                         ["/usr/sbin/postconf ixmr,"])


def calls_of(words):
    """The names of system calls that the words of a SystemCallFilter= stand for."""
    names = set()
    for word in words:
        if word.startswith("@"):
            text = must_succeed("systemd-analyze", "syscall-filter", "--no-pager", word)
            names |= calls_of(line.strip() for line in text.splitlines()[1:]
                              if line.strip() and not line.strip().startswith("#"))
        else:
            names.add(word)
    return names


def calls_of_unit():
    """What is left of the unit's lines, read in their order."""
    names = calls_of(["@default"])
    for value in re.findall(r"^SystemCallFilter=(.*)$", read(UNIT), re.M):
        if value.startswith("~"):
            names -= calls_of(value[1:].split())
        else:
            names |= calls_of(value.split())
    return names


def filter_calls(names):
    """Leaves this process those alone, as systemd does, with EPERM for others."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ACT_ERRNO | EPERM))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != -1:
            library.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, 0, None)
    if library.seccomp_load(context) != 0:
        os._exit(126)


class Behind(unittest.TestCase):
    """The daemon behind the unit's filter, as the unit's user would be."""

    def setUp(self):
        found = find_program("tlsward-milter")
        if not found:
            raise Skipped("no tlsward-milter")
        self.folder = folder(self)
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.program = shutil.copy(found, self.folder)
        self.log = os.path.join(self.folder, "log")
        self.socket = os.path.join(self.folder, "milter.sock")
        self.write("policy.conf", "from /^a+\\.example$/ { require tls; otherwise reject }\n"
                   "default { exempt }\n")
        self.write("tlsward.conf", "listen unix:%s\nlog file:%s\njournal sqlite:%s/j.db\n"
                   "control none\n"
                   % (self.socket, self.log, self.folder))
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, 0o644)

    def become(self, names):
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        filter_calls(names)

    def has_said(self, text):
        with open(self.log, encoding="utf-8") as log:
            return text in log.read()

    def must_live(self):
        if self.server.poll() is not None:
            raise Failure("it ended with %d" % self.server.returncode)

    def stop(self):
        if self.server.poll() is None:
            self.server.kill()
            self.server.wait()

    def test_serves_and_reloads(self):
        names = calls_of_unit()
        self.assertIn("seccomp", names)
        self.assertNotIn("setpriority", names)
        self.assertNotIn("ptrace", names)
        self.server = subprocess.Popen(
            [self.program, "-f", "-c", os.path.join(self.folder, "tlsward.conf")],
            preexec_fn=lambda: self.become(names), cwd="/",
            env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        self.addCleanup(self.stop)
        waiting.until("answer", lambda: milter.negotiates(socket.AF_UNIX, self.socket),
                      self.must_live)
        for pid in process.family(self.server.pid):
            self.assertEqual(process.status(pid)["Seccomp"], "2")
        self.server.send_signal(signal.SIGHUP)
        waiting.until("reload", lambda: self.has_said("policy reloaded"), self.must_live)
        self.server.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(waiting.PATIENCE), 0)
        self.assertFalse(self.has_said("level=error"))


if __name__ == "__main__":
    sys.exit(runner.main())
