# SPDX-License-Identifier: ISC
"""Start and end of the daemon: sockets, privileges, signals, exit status."""

import grp
import os
import pwd
import signal
import socket
import stat
import subprocess
import unittest

import runner

from . import process, waiting, workspace
from .case import MilterCase
from .client import Client
from .milter import USER, Milter, negotiates, program
from .postfix import Postfix, accounts

OURS = "someone@ours.example"
POLICY = "from strict.example { require tls; otherwise reject }\n"


class StartCase(unittest.TestCase):
    """Each test has a folder and a daemon of its own."""

    def setUp(self):
        self.folder = workspace.folder()
        self.addCleanup(workspace.remove, self.folder)

    def make(self, policy=POLICY, **settings):
        """A daemon that is not started yet; ended by the test."""
        milter = Milter(os.path.join(self.folder, "milter"), policy, **settings)
        self.addCleanup(milter.stop)
        return milter

    def run_to_end(self, milter, *options):
        """Starts it, waits for its own end; exit status and standard error."""
        server = milter.spawn(*options)
        status = server.wait()
        return status, server.error_text()

    def postfix(self, address, **parameters):
        """A Postfix in front of it, ended by the test."""
        made = Postfix(os.path.join(self.folder, "postfix"), workspace.pki(),
                       smtpd_milters=address, **parameters)
        self.addCleanup(made.stop)
        made.start()
        return made

    def reply(self, postfix):
        """What a strict sender is told in clear text."""
        with Client(postfix.port) as conversation:
            replies = conversation.open().message("a@strict.example", OURS)
            return list(replies.values())[-1]


class Refusals(StartCase):
    """What keeps it from starting: exit status 1, and why on standard error."""

    def assert_fails(self, milter, *parts, options=()):
        status, errors = self.run_to_end(milter, *options)
        self.assertEqual(status, 1, errors)
        for part in parts:
            self.assertIn(part, errors)
        self.assertFalse(milter.answers())

    def test_broken_policy(self):
        self.assert_fails(self.make("\nfrom x.example { require tsl }\n"),
                          "policy.conf:2:", "error")

    def test_missing_policy(self):
        milter = self.make()
        os.unlink(milter.policy)
        self.assert_fails(milter, "policy.conf")

    def test_policy_that_the_user_cannot_read(self):
        milter = self.make()
        os.chmod(milter.policy, 0o600)
        self.assert_fails(milter, "policy.conf")

    def test_unknown_setting(self):
        self.assert_fails(self.make(lisen="x"), "tlsward.conf:", "lisen")

    def test_missing_settings(self):
        milter = self.make()
        os.unlink(milter.settings)
        self.assert_fails(milter, "tlsward.conf")

    def test_unknown_user(self):
        self.assert_fails(self.make(user="no-such-user"), "user no-such-user: there is no "
                          "such user: make it (useradd --system ")

    def test_unknown_group(self):
        self.assert_fails(self.make(socket_group="no-such"), "group no-such: there is no "
                          "such group: make it (groupadd --system no-such), or name "
                          'another in "socket-group"')

    def assert_cannot_listen(self, address, *parts):
        """In one line, which libmilter does not repeat."""
        milter = self.make(listen=address)
        self.assert_fails(milter, "tlsward-milter: cannot listen on ", *parts)
        self.assertEqual(len(milter.error_text().splitlines()), 1)

    def test_address_of_another_host(self):
        self.assert_cannot_listen("inet:192.0.2.1:8893", "192.0.2.1 is not an address of "
                                  'this host: "ip address" shows')

    def test_host_that_is_nowhere(self):
        self.assert_cannot_listen("inet:no-such-host.invalid:8893", "write its address, or "
                                  "name it in /etc/hosts")

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            self.assert_cannot_listen("inet:127.0.0.1:%d" % other.getsockname()[1],
                                      "in use by ", "(process %d)" % os.getpid())

    def test_folder_that_is_missing(self):
        folder = os.path.join(self.folder, "no")
        self.assert_cannot_listen("unix:%s/m.sock" % folder, "/m.sock: its folder is "
                                  "missing: make one: install -d -o %s " % USER,
                                  " %s\n" % folder)

    def test_file_on_the_way(self):
        path = os.path.join(self.folder, "file")
        with open(path, "w", encoding="ascii"):
            pass
        self.assert_cannot_listen("unix:%s/m.sock" % path, "%s is not a folder" % path)

    def test_not_started_as_root(self):
        """Whose folder it is not, and whose port."""
        root = os.path.join(self.folder, "root")
        os.mkdir(root)
        os.mkdir(os.path.join(root, "closed"), 0o700)
        for address, words in (
                ("unix:%s/m.sock" % root, "user %s may not make files in the folder %s, "
                 "and needs one of its own: make one: install -d -o %s " % (
                     USER, root, USER)),
                ("unix:%s/closed/m.sock" % root, "user %s may not go into the folder "
                 "%s/closed: chmod a+x" % (USER, root)),
                ("inet:127.0.0.1:1", "user %s may not take port 1, which is root's" % USER)):
            with self.subTest(address):
                milter = self.make(listen=address)
                milter.limits = ("--nofile=1024", "setpriv", "--reuid=" + USER,
                                 "--regid=%d" % pwd.getpwnam(USER).pw_gid,
                                 "--clear-groups")
                self.assert_fails(milter, "cannot listen on ", words)

    def test_settings_against_the_policy(self):
        self.assert_fails(self.make("to a@b.example { exempt }\n", reply_at="mail"))

    def test_socket_for_everybody(self):
        milter = self.make(socket_mode="0666", socket_world_writable=None)
        self.assert_fails(milter, "tlsward.conf:2:", "socket-world-writable yes")
        self.assert_fails(milter, "socket-world-writable yes", options=("-t",))

    def test_socket_in_use(self):
        milter = self.make()
        milter.start()
        second = Milter(os.path.join(self.folder, "milter"), POLICY,
                        pid_file=os.path.join(self.folder, "second.pid"))
        status, errors = self.run_to_end(second)
        self.assertNotEqual(status, 0)
        self.assertIn(milter.socket, errors)
        self.assertTrue(milter.answers())

    def test_file_in_place_of_the_socket(self):
        milter = self.make()
        with open(milter.socket, "w", encoding="ascii") as file:
            file.write("precious")
        status, _ = self.run_to_end(milter)
        self.assertNotEqual(status, 0)
        with open(milter.socket, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_control_socket_in_use(self):
        milter = self.make()
        milter.start()
        second = Milter(os.path.join(self.folder, "second"), POLICY,
                        control="unix:" + milter.control)
        self.assert_fails(second, milter.control, "in use")
        self.assertFalse(os.path.exists(second.socket))
        self.assertTrue(stat.S_ISSOCK(os.stat(milter.control).st_mode))

    def test_control_socket_that_cannot_be_made(self):
        milter = self.make(control="unix:/no-such-folder/control.sock")
        self.assert_fails(milter, "/no-such-folder/control.sock: its folder is missing: "
                          "make one: install -d ")
        self.assertFalse(os.path.exists(milter.socket))
        self.assert_fails(milter, "/no-such-folder", options=("-t",))

    def test_check_only(self):
        status, errors = self.run_to_end(self.make(), "-t")
        self.assertEqual(status, 0, errors)
        milter = self.make("from x.example { require tsl }\n")
        status, errors = self.run_to_end(milter, "-t")
        self.assertEqual(status, 1, errors)
        self.assertIn("policy.conf:1:", errors)
        self.assertFalse(os.path.exists(milter.socket))
        status, errors = self.run_to_end(self.make(user="no-such-user"), "-t")
        self.assertEqual(status, 1, errors)

    def test_unknown_option(self):
        self.assertNotEqual(self.run_to_end(self.make(), "-Z")[0], 0)


class Starts(StartCase):
    def test_stale_socket(self):
        milter = self.make()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
            stale.bind(milter.socket)
        milter.start()
        self.assertTrue(milter.answers())

    def test_start_again_after_a_kill(self):
        milter = self.make()
        milter.start()
        self.assertNotEqual(milter.stop(signal.SIGKILL), 0)
        milter.start()
        self.assertEqual(milter.stop(), 0)

    def test_socket_mode_and_group(self):
        milter = self.make(socket_mode="0660", socket_group=accounts().owner)
        milter.start()
        found = os.stat(milter.socket)
        self.assertEqual(stat.S_IMODE(found.st_mode), 0o660)
        self.assertEqual(grp.getgrgid(found.st_gid).gr_name,
                         accounts().owner)
        self.assertTrue(self.reply(self.postfix(milter.address)).startswith("530"))

    def test_control_socket_is_the_daemon_s(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
            milter = self.make(socket_group=accounts().owner)
            stale.bind(milter.control)
        milter.start()
        found, user = os.stat(milter.control), pwd.getpwnam(USER)
        self.assertEqual(stat.S_IMODE(found.st_mode), 0o660)
        self.assertEqual((found.st_uid, found.st_gid), (user.pw_uid, user.pw_gid))
        self.assertEqual(milter.stop(), 0)
        self.assertFalse(os.path.exists(milter.control))

    @unittest.skipIf(os.path.isdir("/run/tlsward"), "there is a folder for it here")
    def test_default_control_socket_may_be_missing(self):
        milter = self.make(control=None)
        self.assertNotIn("control", self.run_to_end(milter, "-t")[1])
        milter.start()
        for text in (milter.error_text(), milter.wait_message("control")["msg"]):
            self.assertIn("/run/tlsward/control.sock: its folder is missing", text)

    def test_inet_socket(self):
        for form in ("inet:127.0.0.1:%d", "inet:%d@127.0.0.1"):
            with self.subTest(form):
                port, = waiting.free_ports(1)
                milter = self.make(listen=form % port)
                server = milter.spawn()
                waiting.until("port %d" % port, lambda: negotiates(
                    socket.AF_INET, ("127.0.0.1", port)), server.must_live)
                postfix = self.postfix("inet:127.0.0.1:%d" % port)
                self.assertTrue(self.reply(postfix).startswith("530"))
                postfix.stop()
                self.assertEqual(milter.stop(), 0)

    def test_privileges_are_dropped(self):
        milter = self.make()
        milter.start()
        user = pwd.getpwnam(USER)
        servers = milter.workers()
        self.assertTrue(servers)
        for pid in (milter.server.pid, *servers):
            status = process.status(pid)
            self.assertEqual(set(status["Uid"].split()), {str(user.pw_uid)})
            self.assertEqual(set(status["Gid"].split()), {str(user.pw_gid)})
            self.assertNotIn("0", status["Groups"].split())
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[name], 16), 0, name)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "2")

    def test_confinement_can_be_switched_off(self):
        milter = self.make(confine="no")
        milter.start()
        for pid in milter.server.family():
            status = process.status(pid)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "0")

    def test_a_new_worker_is_confined_and_serves(self):
        milter = self.make(metrics="127.0.0.1:%d" % waiting.free_ports(1)[0])
        milter.start()
        # Before that it is a start that fails.
        milter.wait_message("serving on")
        first, = milter.workers()
        os.kill(first, signal.SIGKILL)
        waiting.until("another worker", lambda: set(milter.workers()) - {first},
                      milter.server.must_live)
        waiting.until("answer", milter.answers, milter.server.must_live)
        for pid in milter.workers():
            self.assertEqual(process.status(pid)["Seccomp"], "2")

    def test_policy_without_a_default_is_told(self):
        milter = self.make()
        milter.start()
        milter.wait_message("default")

    def test_log_to_syslog_that_is_not_there(self):
        milter = self.make(log="syslog:mail")
        milter.start()
        self.assertTrue(self.reply(self.postfix(milter.address)).startswith("530"))

    @unittest.skipIf(os.path.exists("/dev/log"), "there is a syslog here")
    def test_missing_syslog_is_told_once(self):
        milter = self.make(log="syslog:mail")
        milter.start()
        text = milter.error_text()
        self.assertEqual(text.count("/dev/log"), 1, text)
        self.assertIn("no syslog: nobody listens on /dev/log (No such file", text)
        self.assertIn('set "log file:/var/log/tlsward/tlsward.log"', text)
        self.assertNotIn("cannot write to the log", text)

    def test_log_to_standard_error_in_logfmt(self):
        milter = self.make(log="stderr", log_format="logfmt")
        milter.start()
        self.reply(self.postfix(milter.address))
        line = waiting.until("record", lambda: [
            each for each in milter.error_text().splitlines() if "action=" in each])[0]
        for word in ("action=reject", "reason=tls", "from=a@strict.example",
                     "rule=policy.conf:1", "tls_version=none"):
            self.assertIn(word, line.split(" "))

    def test_pid_file(self):
        path = os.path.join(self.folder, "milter", "run", "milter.pid")
        milter = self.make(pid_file=path)
        milter.start()
        waiting.until(path, lambda: os.path.exists(path) and os.path.getsize(path))
        with open(path, encoding="ascii") as file:
            self.assertEqual(int(file.read()), milter.server.pid)
        milter.stop()
        self.assertFalse(os.path.exists(path))

    def test_background(self):
        path = os.path.join(self.folder, "milter", "run", "milter.pid")
        milter = self.make(pid_file=path)
        server = process.Server("tlsward-milter",
                                (program(), "-c", milter.settings),
                                os.path.join(self.folder, "errors"))
        self.assertEqual(server.wait(), 0, server.error_text())
        with open(path, encoding="ascii") as file:
            pid = int(file.read())
        try:
            self.assertTrue(milter.answers())
            for each in process.family(pid):
                self.assertEqual(os.readlink("/proc/%d/fd/2" % each), "/dev/null")
        finally:
            os.kill(pid, signal.SIGTERM)
            waiting.until("end of %d" % pid, lambda: process.birth(pid) is None)


class OnDisk(StartCase):
    """Settings that are others on disk than at the start."""

    def told(self):
        """What the log says of settings at a reload; the policy is taken all the same."""
        milter = self.milter
        milter.mark()
        self.assertTrue(milter.reload()["msg"].startswith("policy reloaded"))
        return [line["msg"] for line in milter.messages() if "tlsward.conf" in line["msg"]]

    def setUp(self):
        super().setUp()
        self.milter = self.make(POLICY + "default { exempt }\n", reply_suffix="none",
                                log_accepted="no")
        self.milter.start()
        with open(self.milter.settings, encoding="ascii") as file:
            self.text = file.read()

    def write(self, text):
        with open(self.milter.settings, "w", encoding="ascii") as file:
            file.write(text)

    def changed(self, name, line, more=""):
        return ("%s:%d:1: warning: %s has changed since the start%s: restart tlsward for it "
                "[settings-changed]" % (self.milter.settings, line, name, more))

    def test_nothing_has_changed(self):
        self.assertEqual(self.told(), [])
        self.write("# a comment\n" + self.text)
        self.assertEqual(self.told(), [])

    def test_each_that_has_is_named(self):
        self.write("mode monitor\n" + self.text.replace("log-accepted no\n", "") +
                   "listen inet:127.0.0.1:8893\n")
        self.assertEqual(self.told(), [
            self.changed("listen", 2), self.changed("mode", 1),
            "%s: warning: log-accepted has changed since the start (no line sets it now): "
            "restart tlsward for it [settings-changed]" % self.milter.settings])
        self.assertTrue(self.milter.answers())

    def test_errors_in_them(self):
        self.write(self.text + "mdoe monitor\n")
        first, second = self.told()
        self.assertIn("tlsward.conf:%d:1: error: unknown setting \"mdoe\"" % (
            self.text.count("\n") + 1), first)
        self.assertIn("the daemon goes on with the settings of its start", second)

    def test_the_daemon_s_user_cannot_read_them(self):
        os.chmod(self.milter.settings, 0o600)
        told, = self.told()
        self.assertIn("info: cannot be read by the daemon: whether", told)
        os.unlink(self.milter.settings)
        self.assertIn("cannot be read: No such file", self.told()[0])

    def test_status_tells_it(self):
        tlsward = (runner.TLSWARD, "status", "-c", self.milter.settings)
        self.assertEqual(subprocess.run(tlsward, capture_output=True).returncode, 0)
        self.write("soft-bounce yes\n" + self.text)
        done = subprocess.run(tlsward, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("tlsward.conf:1: soft-bounce has changed since the start", done.stdout)


class Ends(StartCase):
    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                milter = self.make()
                milter.start()
                self.assertEqual(milter.stop(number), 0)
                self.assertFalse(os.path.exists(milter.socket))

    def test_end_within_a_session(self):
        milter = self.make()
        milter.start()
        postfix = self.postfix(milter.address)
        with Client(postfix.port) as conversation:
            conversation.open().command("MAIL FROM:<a@strict.example>")
            self.assertEqual(milter.stop(), 0)
            # Without its milter Postfix defers: nothing slips through.
            reply = conversation.command("RCPT TO:<%s>" % OURS)
            self.assertTrue(reply.startswith("4"), reply)

    def test_worker_is_replaced(self):
        milter = self.make()
        milter.start()
        postfix = self.postfix(milter.address)
        first = milter.workers()
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        waiting.until("another worker", lambda: milter.workers()
                      and not set(first) & set(milter.workers()),
                      milter.server.must_live)
        # What was connected to the old one is deferred, what comes now is judged.
        waiting.until("verdict", lambda: self.reply(postfix).startswith("530"))
        self.assertEqual(milter.stop(), 0)

    def test_nothing_stays_when_the_supervisor_is_killed(self):
        milter = self.make()
        milter.start()
        self.assertEqual(milter.stop(signal.SIGKILL), -signal.SIGKILL)
        self.assertFalse(milter.answers())

    def test_absent_daemon_defers(self):
        milter = self.make()
        with Client(self.postfix(milter.address).port) as conversation:
            reply = conversation.open().command("MAIL FROM:<a@open.example>")
        self.assertTrue(reply.startswith("451 4.7.1"), reply)

    def test_counters(self):
        milter = self.make()
        milter.start()
        before = len(milter.messages())
        milter.server.send(signal.SIGUSR1)
        waiting.until("counters", lambda: len(milter.messages()) > before,
                      milter.server.must_live)
        self.assertEqual(milter.stop(), 0)


class Crowd(MilterCase):
    """Many connections at once."""

    policy = POLICY

    def test_hundred_connections(self):
        conversations = [self.connect() for _ in range(100)]
        for conversation in conversations:
            conversation.write("MAIL FROM:<a@strict.example>\r\nRCPT TO:<%s>\r\n" % OURS)
        for conversation in conversations:
            self.assertEqual(conversation.reply().text, "250 2.1.0 Ok")
            self.assert_refused(conversation.reply().text, "530 5.7.0")
        self.assertEqual(len(self.milter.records(action="reject")), 100)
