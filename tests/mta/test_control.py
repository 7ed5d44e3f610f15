# SPDX-License-Identifier: ISC
"""The control socket of a daemon that runs, and tlsward status and reload."""

import concurrent.futures
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import unittest

import runner

from . import waiting, workspace
from .case import MilterCase
from .milter import USER, Milter

OURS = "someone@ours.example"
POLICY = """partner "Acme" {
	domain acme.example
	incoming { require tls >= 1.2; otherwise reject 550 5.7.9 "Acme" }
}
from other.example { require tls; otherwise tempfail }
default { exempt until 2098-01-01 }
"""
BROKEN = POLICY + "from x.example { require tsl }\n"
CROWD = 100
RELOADS = 8


class Said:
    """How a call of the tool ended, and what it said."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.errors = done.stderr.decode("utf-8", "replace")

    def __repr__(self):
        return "%d\n%s\n%s" % (self.status, self.out, self.errors)


def tool(*call, user=None):
    """Runs tlsward, as that user id."""
    path = runner.find_program("tlsward")
    return Said(subprocess.run(
        (path,) + call, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, check=False, timeout=waiting.PATIENCE, user=user,
        group=user, extra_groups=[] if user else None,
        env=dict(os.environ, TZ="UTC", COLUMNS="")))


class ControlCase(unittest.TestCase):
    """A daemon for each test."""

    settings = {}

    def setUp(self):
        self.folder = workspace.folder()
        self.addCleanup(workspace.remove, self.folder)
        self.milter = Milter(os.path.join(self.folder, "milter"), POLICY, **self.settings)
        self.milter.start()
        self.addCleanup(self.milter.stop)

    def tool(self, command, *options, user=None):
        return tool(command, "-c", self.milter.settings, *options, user=user)

    def status(self):
        """The status as JSON, with the exit status."""
        said = self.tool("status", "--json")
        self.assertIn(said.status, (0, 1), said)
        found = json.loads(said.out)
        self.assertEqual(said.status, 1 if found["trouble"] else 0, said)
        return found

    def trouble(self):
        return [each["id"] for each in self.status()["trouble"]]

    def worker(self):
        return waiting.until("a worker", self.milter.workers)[0]

    def dial(self):
        made = waiting.connected(self.milter.control)
        self.addCleanup(made.close)
        return made

    def ask(self, command):
        """The answer to a request that is made by hand."""
        with self.dial() as asked, asked.makefile("rb") as answers:
            asked.sendall(b'{"command":"%s"}\n' % command.encode())
            return json.loads(answers.readline())


class Status(ControlCase):
    """What tlsward status tells."""

    def test_well(self):
        said = self.tool("status")
        self.assertEqual(said.status, 0, said)
        self.assertRegex(said.out, r"\Atlsward \S+ serves since \d{4}-.* UTC\n\n")
        for part in (self.milter.socket, self.milter.control, self.milter.policy,
                     "3 rules, 1 partner", "on disk is the same",
                     "none has asked", "none since the start", "0 accepted",
                     "next date       2098-01-01 00:00 UTC: a rule changes"):
            self.assertIn(part, said.out)
        found = self.status()
        self.assertTrue(found["serving"])
        self.assertEqual(found["pid"], self.milter.server.pid)
        self.assertEqual(found["worker"]["pid"], self.worker())
        self.assertEqual(found["settings"], self.milter.settings)
        self.assertIsNone(found["mta"])
        self.assertIsNone(found["reload"])
        self.assertIsNone(found["journal"])
        self.assertRegex(found["policy"]["digest"], "^sha256:[0-9a-f]{64}$")
        self.assertEqual(found["next"], {"certificate": None,
                                         "period": "2098-01-01T00:00:00Z"})

    def test_other_policy_on_disk(self):
        digest = self.status()["policy"]["digest"]
        self.milter.write_policy(POLICY)
        self.assertEqual(self.trouble(), [])
        self.milter.write_policy(POLICY + "# changed\n")
        found = self.status()
        self.assertEqual([each["id"] for each in found["trouble"]], ["policy-changed"])
        self.assertEqual(found["policy"]["on_disk"], "other")
        self.assertEqual(found["policy"]["digest"], digest)
        said = self.tool("status")
        self.assertEqual(said.status, 1)
        self.assertIn("1 thing needs somebody:\n  - the policy on disk is not the one in",
                      said.out)
        self.assertEqual(self.tool("reload").status, 0)
        self.assertEqual(self.trouble(), [])
        self.assertNotEqual(self.status()["policy"]["digest"], digest)

    def test_other_files_on_disk(self):
        self.milter.write_policy('include "policy.d/*.conf"\n'
                                 'from file "list.txt" { require tls; otherwise reject }\n',
                                 {"list.txt": "one.example\n", "policy.d/a.conf": ""})
        self.assertEqual(self.tool("reload").status, 0)
        self.assertEqual(self.trouble(), [])
        for name, text in (("list.txt", "one.example\ntwo.example\n"),
                           ("policy.d/b.conf", "")):
            self.milter.write_policy('include "policy.d/*.conf"\n'
                                     'from file "list.txt" { require tls; otherwise reject }\n',
                                     {name: text})
            self.assertEqual(self.trouble(), ["policy-changed"], name)
            self.assertEqual(self.tool("reload").status, 0)
            self.assertEqual(self.trouble(), [], name)
        os.unlink(os.path.join(self.milter.policies, "list.txt"))
        self.assertEqual(self.trouble(), ["policy-broken"])

    def test_broken_policy_on_disk(self):
        self.milter.write_policy(BROKEN)
        found = self.status()
        self.assertEqual([each["id"] for each in found["trouble"]], ["policy-broken"])
        self.assertEqual(found["policy"]["on_disk"], "broken")
        self.assertIn('policy.conf:7:26: unknown requirement "tsl"',
                      found["trouble"][0]["text"])
        # A reload that was not taken is the same thing.
        self.assertEqual(self.tool("reload").status, 1)
        self.assertEqual(self.trouble(), ["policy-broken"])
        self.assertIn("not taken", self.tool("status").out)
        # With the file as it was nothing is to be done any more.
        self.milter.write_policy(POLICY)
        self.assertEqual(self.trouble(), [])
        self.assertFalse(self.status()["reload"]["taken"])

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_policy_that_the_daemon_may_not_read(self):
        os.chmod(self.milter.policy, 0o600)
        self.assertEqual(self.trouble(), ["policy-broken"])
        self.assertEqual(self.tool("reload").status, 1)

    def test_dead_worker(self):
        before = self.worker()
        os.kill(before, signal.SIGKILL)
        found = waiting.until("another worker", lambda: self.of_another(before))
        self.assertEqual([each["id"] for each in found["trouble"]], ["worker-died"])
        self.assertEqual(found["worker"]["deaths"], 1)
        self.assertTrue(found["serving"])

    def of_another(self, before):
        found = json.loads(self.tool("status", "--json").out or "{}")
        return found if found and found["worker"]["pid"] != before and \
            found["serving"] else None

    def test_what_a_new_worker_knows(self):
        self.milter.write_policy(BROKEN)
        self.assertEqual(self.tool("reload").status, 1)
        before, pid = self.status(), self.worker()
        os.kill(pid, signal.SIGKILL)
        found = waiting.until("another worker", lambda: self.of_another(pid))
        for name in ("since", "policy", "pid"):
            self.assertEqual(found[name], before[name])
        self.assertEqual(found["reload"]["taken"], False)
        self.assertEqual(found["policy"]["on_disk"], "broken")

    def test_lost_socket(self):
        os.rename(self.milter.socket, self.milter.socket + ".moved")
        said = self.tool("status")
        self.assertEqual(said.status, 1)
        self.assertRegex(said.out, r"\Atlsward \S+ does not serve:\n  - the socket %s is "
                         "gone" % self.milter.socket)
        self.assertFalse(self.status()["serving"])

    def test_nobody_runs(self):
        self.milter.stop()
        said = self.tool("status")
        self.assertEqual((said.status, said.out), (2, ""))
        self.assertIn("no daemon runs with these settings: there is no socket "
                      + self.milter.control, said.errors)
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.milter.control)
        said = self.tool("reload")
        self.assertEqual(said.status, 2)
        self.assertIn("no daemon runs: one that has died left", said.errors)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_who_may_ask(self):
        stranger = pwd.getpwnam("daemon").pw_uid
        for command in ("status", "reload"):
            said = self.tool(command, user=stranger)
            self.assertEqual((said.status, said.out), (2, ""), said)
            self.assertIn("you may not ask the daemon at " + self.milter.control,
                          said.errors)
        # Opened for all it is for nobody else.
        os.chmod(self.milter.control, 0o666)
        said = self.tool("status", user=stranger)
        self.assertEqual(said.status, 2, said)
        self.assertIn("only root, the daemon's user and its group", said.errors)
        user = pwd.getpwnam(USER)
        self.assertEqual(self.tool("status", user=user.pw_uid).status, 0)

    def test_another_program(self):
        self.milter.stop()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.milter.control)
            other.listen()
            with concurrent.futures.ThreadPoolExecutor() as pool:
                for answer in (b"220 hello\n", b"[]\n", b"\xff\n"):
                    said = pool.submit(self.tool, "status")
                    with other.accept()[0] as asker:
                        asker.sendall(answer)
                        self.assertEqual(said.result().status, 2)
                    self.assertIn("is no tlsward-milter", said.result().errors)

    def test_settings_with_errors(self):
        with open(self.milter.settings, "a", encoding="utf-8") as out:
            out.write("nonsense yes\n")
        said = self.tool("status")
        self.assertIn("unknown setting", said.errors)
        self.assertEqual(said.status, 2, said)


class Journal(ControlCase):
    """The journal, and the reader of the MTA's log."""

    def setUp(self):
        self.settings = {"journal": "sqlite:" + os.path.join(workspace.folder(), "j.db")}
        self.kept = os.path.dirname(self.settings["journal"][7:])
        self.addCleanup(workspace.remove, self.kept)
        shutil.chown(self.kept, USER)
        self.settings["maillog"] = "file:" + os.path.join(self.kept, "mail.log")
        super().setUp()

    def test_journal(self):
        found = waiting.until("a journal", lambda: self.status_with("watch"))
        self.assertEqual(found["journal"]["file"], self.settings["journal"][7:])
        self.assertGreater(found["journal"]["bytes"], 4096)
        self.assertFalse(found["journal"]["trouble"])
        self.assertEqual(self.trouble(), ["watch-silent"])

    def status_with(self, name):
        found = self.status()
        return found if found[name] else None

    def test_watch(self):
        with open(os.path.join(self.kept, "mail.log"), "w", encoding="utf-8") as out:
            out.write("Nov 21 10:00:00 mx postfix/smtpd[1]: connect from a[192.0.2.1]\n")
        waiting.until("a journal", lambda: self.status_with("watch"))
        self.assertEqual(self.tool("watch", "--once").status, 0)
        found = self.status()
        self.assertEqual(found["trouble"], [])
        self.assertEqual(found["watch"]["maillog"], os.path.join(self.kept, "mail.log"))
        self.assertEqual(found["watch"]["lines"], 1)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class NoJournal(ControlCase):
    """A journal that cannot be written."""

    def setUp(self):
        self.kept = workspace.folder()
        self.addCleanup(workspace.remove, self.kept)
        os.chmod(self.kept, 0o755)
        self.settings = {"journal": "sqlite:" + os.path.join(self.kept, "j.db")}
        super().setUp()

    def test_trouble_and_its_end(self):
        waiting.until("trouble", lambda: self.trouble() == ["journal"])
        said = self.tool("status")
        self.assertEqual(said.status, 1)
        self.assertIn("j.db: ", said.out)
        self.assertIn(", cannot be written", said.out)
        self.assertTrue(self.status()["journal"]["trouble"])
        shutil.chown(self.kept, USER)
        waiting.until("its end", lambda: self.trouble() == [])


class Reload(ControlCase):
    """What tlsward reload does."""

    def test_taken(self):
        self.milter.write_policy("from acme.example { require tls; otherwise reject }\n")
        said = self.tool("reload")
        self.assertEqual((said.status, said.errors), (0, ""))
        self.assertRegex(said.out, r"\Areloaded: %s is in force, 1 rule, 0 partners, sha256:"
                         r"[0-9a-f]{64}, no default" % self.milter.policy)
        found = self.status()
        self.assertTrue(found["reload"]["taken"])
        self.assertIn(found["policy"]["digest"], said.out)

    def test_not_taken(self):
        before = self.status()["policy"]
        self.milter.write_policy(BROKEN)
        said = self.tool("reload")
        self.assertEqual(said.status, 1, said)
        # As check prints it: the line, and a mark under the place.
        check = tool("check", self.milter.policy)
        self.assertEqual(said.errors, check.errors)
        self.assertRegex(said.out, r"\Anot reloaded, 1 error; the policy of \S+ is still in"
                         " force, 3 rules, 1 partner, " + before["digest"])
        self.assertEqual(self.status()["policy"]["digest"], before["digest"])

    def test_logs_are_opened_anew(self):
        os.rename(self.milter.log, self.milter.log + ".1")
        self.assertEqual(self.tool("reload").status, 0)
        self.milter.wait_message("policy reloaded")
        os.kill(self.worker(), signal.SIGKILL)
        # That is said by the supervisor.
        self.milter.wait_message("was killed by signal 9")

    def test_many_at_once(self):
        """Each hears of a reload that read what was there when it asked."""
        policies = {}
        with concurrent.futures.ThreadPoolExecutor(RELOADS) as pool:
            for turn in range(5):
                text = POLICY + "# %d\n" % turn
                self.milter.write_policy(text)
                for said in pool.map(lambda _: self.tool("reload"), range(RELOADS)):
                    self.assertEqual(said.status, 0, said)
                    policies.setdefault(turn, set()).add(
                        said.out.partition("sha256:")[2][:64])
        self.assertEqual({len(found) for found in policies.values()}, {1}, policies)
        self.assertEqual(len(set.union(*policies.values())), 5)

    def test_worker_dies_meanwhile(self):
        """Every call comes to an end, and the next one to an answer."""
        with concurrent.futures.ThreadPoolExecutor(RELOADS) as pool:
            for turn in range(3):
                calls = [pool.submit(self.tool, "reload") for _ in range(RELOADS)]
                os.kill(self.worker(), signal.SIGKILL)
                for call in calls:
                    said = call.result()
                    self.assertIn(said.status, (0, 2), said)
                    if said.status == 2:
                        self.assertIn("ended before it answered", said.errors)
        self.assertEqual(self.tool("reload").status, 0)
        self.assertEqual(self.trouble(), ["worker-died"])

    def test_signal_and_request(self):
        before = len(self.milter.reloads())
        self.milter.server.send(signal.SIGHUP)
        self.assertEqual(self.tool("reload").status, 0)
        self.assertGreater(len(self.milter.reloads()), before)

    def test_control_none(self):
        self.milter.stop()
        other = Milter(os.path.join(self.folder, "other"), POLICY, control="none")
        other.start()
        self.addCleanup(other.stop)
        for command in ("status", "reload"):
            said = tool(command, "-c", other.settings)
            self.assertEqual(said.status, 2)
            self.assertIn('"control none"', said.errors)
            self.assertIn("kill -HUP", said.errors)
        said = tool("reload", "-c", other.settings, "--pid", str(other.server.pid))
        self.assertEqual(said.status, 0, said)
        self.assertIn("SIGHUP", said.out)
        other.wait_message("policy reloaded")
        for pid in ("0", "1", "-1", "x", "", str(2 ** 40)):
            self.assertEqual(tool("reload", "-c", other.settings, "--pid=" + pid).status, 2)


class Ends(ControlCase):
    """The end of the daemon, with clients on the socket."""

    def test_end(self):
        silent = self.dial()
        half = self.dial()
        half.sendall(b'{"command":')
        self.assertEqual(self.milter.stop(), 0)
        for asker in (silent, half):
            self.assertEqual(asker.recv(1000), b"")
        self.assertFalse(os.path.exists(self.milter.control))
        self.assertEqual([line for line in self.milter.lines()
                          if line.get("level") == "error"], [])

    def test_end_with_reloads(self):
        """Whoever waits then is told, or sees the end."""
        askers = [self.dial() for _ in range(RELOADS)]
        for asker in askers:
            asker.sendall(b'{"command":"reload"}\n')
        self.assertEqual(self.milter.stop(), 0)
        for asker in askers:
            try:
                with asker.makefile("rb") as answers:
                    answer = answers.readline()
            except ConnectionResetError:
                continue
            if answer:
                self.assertTrue({"error", "taken"} & set(json.loads(answer)))


class Hostile(MilterCase):
    """Clients of the control socket that mean no good, and mail beside them."""

    policy = POLICY

    def mail(self):
        return self.connect().message("a@acme.example", OURS)[OURS]

    def dial_control(self):
        made = waiting.connected(self.milter.control)
        self.addCleanup(made.close)
        return made

    def assert_all_is_well(self):
        self.assertEqual(self.mail(), "550 5.7.9 Acme")
        said = tool("status", "-c", self.milter.settings, "--json")
        self.assertEqual(said.status, 0, said)
        return json.loads(said.out)

    def test_mail_is_seen(self):
        before = self.assert_all_is_well()["decisions"]["reject"]
        found = self.assert_all_is_well()
        self.assertEqual(found["decisions"]["reject"], before + 1)
        self.assertRegex(found["mta"]["name"], r"^Postfix \d+\.\d+")

    def test_garbage(self):
        for garbage in (bytes(range(256)), b"\0" * 1000, b"\n" * 500, os.urandom(900),
                        b'{"command":' * 80, b"[" * 1000 + b"\n", b"%s%n%n%s\n",
                        b'{"command":"status"}' * 40):
            asker = self.dial_control()
            asker.sendall(garbage + b"\n")
            with asker.makefile("rb") as answers:
                self.assertIn("error", json.loads(answers.readline()))
        self.assert_all_is_well()

    def test_endless_line(self):
        asker = self.dial_control()
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            while True:
                asker.sendall(b"x" * 65536)
        self.assert_all_is_well()

    def test_who_never_reads(self):
        """Requests without end whose answers nobody takes."""
        asker = self.dial_control()
        asker.setblocking(False)
        sent = 0
        try:
            while sent < 10 << 20:
                sent += asker.send(b'{"command":"status"}\n' * 100)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
        self.assertLess(sent, 10 << 20)
        self.assert_all_is_well()

    def test_crowd(self):
        crowd = [self.dial_control() for _ in range(CROWD)]
        self.assert_all_is_well()
        for asker in crowd[::2]:
            # All but a few have had to go.
            with contextlib.suppress(BrokenPipeError):
                asker.sendall(b"{")
        self.assert_all_is_well()
        for asker in crowd:
            asker.close()
        self.assert_all_is_well()

    def test_half_closed(self):
        asker = self.dial_control()
        asker.sendall(b'{"command":"reload"}')
        asker.shutdown(socket.SHUT_WR)
        with asker.makefile("rb") as answers:
            self.assertTrue(json.loads(answers.readline())["taken"])
            self.assertEqual(answers.read(), b"")
        for _ in range(CROWD):
            asker = self.dial_control()
            asker.sendall(b'{"command":"reload"}\n')
            asker.close()
        self.assert_all_is_well()
