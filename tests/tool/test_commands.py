#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of the tool's commands, from outside. TLSWARD names the program."""

import contextlib
import glob
import json
import os
import pwd
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from tool import (HERE, NO_POSTCONF, TIMEOUT, TLSWARD, Folder, find_program, main,
                  run, runner)

MILTER = find_program("tlsward-milter")

AT = ("--at", "2026-01-01")


def decide(text, *arguments):
    status, output, errors = run("decide", "--policy", "policy.conf", *AT, *arguments,
                                 text=text)
    return status, [json.loads(line) for line in output.split("\n")[:-1]], errors


def memory_of(pid):
    """The most that a process has used so far, in KiB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file
                    if line.startswith("VmHWM:"))


class Call(unittest.TestCase):
    def test_help(self):
        for call in (["help"], ["--help"], ["-h"]):
            status, output, errors = run(*call)
            self.assertEqual((status, errors), (0, ""))
            for name in ("check", "explain", "decide", "test", "log", "report",
                         "replay", "diff", "add-partner", "export"):
                self.assertRegex(output, rf"\n  {name} ")

    def test_help_of_a_command(self):
        for name in ("check", "explain", "decide", "test", "log", "report",
                     "replay", "diff", "add-partner", "export", "help"):
            status, output, errors = run("help", name)
            self.assertEqual((status, errors), (0, ""))
            self.assertTrue(output.startswith(f"usage: tlsward {name} "), output)
            self.assertEqual(run(name, "--help"), (0, output, ""))

    def test_help_of_settings(self):
        output = run("help", "settings")[1]
        self.assertIn("\nreply-at rcpt | mail\n", output)
        names = [line.split()[0] for line in output.splitlines()
                 if line and not line.startswith(" ")]
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual(output.count("\n    default: "), len(names))

    def test_check_of_a_journal(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "journal.db")
            with open(os.path.join(folder, "policy.conf"), "w") as file:
                file.write("default { require tls; monitor }\n")
            settings = os.path.join(folder, "tlsward.conf")
            with open(settings, "w") as file:
                file.write(f"journal sqlite:{path}\n")
            self.assertEqual(run("check", "-c", settings)[0], 0)
            self.assertFalse(os.path.exists(path))
            for pragmas, words in (("application_id = 1414288215; PRAGMA "
                                    "user_version = 99", "by a newer version"),
                                   ("application_id = 1", "not a journal")):
                database = sqlite3.connect(path)
                database.executescript(f"PRAGMA {pragmas}; CREATE TABLE IF "
                                       "NOT EXISTS a (b)")
                database.close()
                status, _, errors = run("check", "-c", settings)
                self.assertEqual(status, 1, errors)
                self.assertIn(words, errors)

    def test_version(self):
        for call in (["--version"], ["-V"], ["check", "--version"]):
            self.assertRegex(run(*call)[1], r"^tlsward \d+\.\d+\.\d+\n$")

    def test_wrong_calls(self):
        for call in ([], ["--nonsense"], ["check", "--nonsense"], ["check", "a", "b"],
                     ["check", "-c", "a", "b"], ["check", "-c"], ["decide", "x"],
                     ["explain"], ["test"], ["test", "--json"], ["help", "a", "b"]):
            status, output, errors = run(*call)
            self.assertEqual((call, status, output), (call, 2, ""))
            self.assertIn("usage: tlsward ", errors)

    def test_stray_words(self):
        for call, meant in ((["log", "acme.example"], "--domain acme.example"),
                            (["report", "acme.example"], "--domain acme.example"),
                            (["replay", "new.conf"], "--policy new.conf")):
            status, output, errors = run(*call)
            self.assertEqual((status, output), (2, ""))
            self.assertTrue(errors.startswith(f'tlsward: unexpected "{call[1]}": did you '
                                              f"mean {meant}?\nusage: "), errors)

    def test_unknown_command(self):
        self.assertEqual(run("chekc"), (2, "", "tlsward: there is no command "
                                        "\"chekc\": did you mean \"check\"?\n"))
        self.assertEqual(run("xyzzy"), (2, "", "tlsward: there is no command "
                                        "\"xyzzy\": see tlsward help\n"))

    def test_options_behind_operands(self):
        for first, behind in ((["check", "--print", "policy.conf"],
                               ["check", "policy.conf", "--print"]),
                              (["explain", "--policy", "policy.conf", "from=a@b.example"],
                               ["explain", "from=a@b.example", "--policy", "policy.conf"])):
            self.assertEqual(run(*behind), run(*first))
            self.assertEqual(run(*first)[0], 0)
        # Behind "--" there is none.
        self.assertEqual(run("check", "--", "--print")[0], 2)

    def test_output_that_cannot_be_written(self):
        facts = '{"from":"a@b.example"}\n'
        for call in (["help"], ["check", "--print", "policy.conf"],
                     ["decide", "--policy", "policy.conf"],
                     ["explain", "--policy", "policy.conf", "from="]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([TLSWARD, *call], cwd=HERE, stdout=full,
                                      stderr=subprocess.PIPE, input=facts.encode())
            self.assertEqual((call, done.returncode), (call, 2))
            self.assertIn(b"No space left on device", done.stderr)


class Endless(Folder):
    def test_what_has_no_end(self):
        """Devices, streams of rubbish, a FIFO without a writer: errors, and soon."""
        fifo, good = os.path.join(self.folder, "fifo"), self.write("policy.conf", "")
        os.mkfifo(fifo)
        log = ["--policy", good, "--maillog"]
        watch = ["watch", "--once", "--journal", os.path.join(self.folder, "journal.db"), *log]
        for odd, why in (("/dev/zero", "it is a device"), ("/dev/urandom", "it is a device"),
                         (self.folder, "it is a folder"), (fifo, "nobody writes to it")):
            for call in (["check"], ["check", "-c"], ["test"], ["diff", good],
                         ["explain", "from=", "--policy"], ["replay", *log], watch):
                status, _, errors = run(*call, odd)
                self.assertEqual((status, why in errors), (2, True), (call, odd, errors))
        for text in (b"\0" * (70 << 20), b"rubbish\n" * 200000):
            for call in (["check", "-"], ["test", "/dev/stdin"], ["replay", *log, "-"],
                         ["decide", "--policy", good], [*watch, "-"],
                         ["explain", "--record", "--policy", good]):
                done = subprocess.run([TLSWARD, *call], input=text, timeout=TIMEOUT,
                                      capture_output=True)
                self.assertIn(done.returncode, (1, 2), (call, done.stderr[:500]))
                self.assertLess(len(done.stderr), 200000, call)


class Check(unittest.TestCase):
    def test_summary(self):
        status, output, _ = run("check", "policy.conf")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"^policy\.conf: 4 rules(, \d warnings?)?\n$")

    def written(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".conf")
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        return file.name

    def test_thousands_alike(self):
        """Each is told of once, and the time grows with their number alone."""
        count = 2000 if runner.has_sanitizer() else 20000
        for one in ("from a.example { require tls }\n", "client 192.0.2.1 { require tls }\n",
                    "to /^a@/ { require tls }\n"):
            errors = run("check", self.written(one * count))[2]
            self.assertEqual(errors[-70:].partition("and ")[2], "%d more errors: \"tlsward "
                             "check --all\" shows all\n" % (count - 21))
        path = self.written("# tlsward: allow one-key\n" + "".join(
            "from a%d.example { require tls >= 1.2 }  # tlsward: allow dot\n" % number
            for number in range(count)))
        self.assertIn(": %d rules, " % count, run("check", path)[1])
        path = self.written("".join(
            'partner "P%d" { domain a%d.example; incoming { require tls } }\n' % (number,
                                                                              number)
            for number in range(count)))
        self.assertIn(": %d rules, " % count, run("check", path)[1])

    def test_no_default(self):
        path = self.written("from acme.example .acme.example { require tls }\n")
        self.assertEqual(run("check", path), (0, f"{path}: 1 rule, no default: mail "
                                              "without a rule is accepted\n", ""))

    def test_errors(self):
        path = self.written("form acme.example { }\n")
        status, output, errors = run("check", path)
        self.assertEqual((status, output),
                         (1, f"{path}: 1 error: nothing of it is used\n"))
        self.assertTrue(errors.startswith(f"{path}:1:1: error: "), errors)
        status, output, _ = run("check", "--print", path)
        self.assertEqual((status, output), (1, ""))

    def test_unreadable(self):
        for call in (["check", "nowhere.conf"], ["check", "-c", "nowhere.conf"]):
            status, output, errors = run(*call)
            self.assertEqual((call, status, output), (call, 2, ""))
            self.assertTrue(errors.startswith("nowhere.conf: error: "), errors)

    def test_print(self):
        status, output, _ = run("check", "--print", "policy.conf")
        self.assertEqual(status, 0)
        path = self.written(output)
        self.assertEqual(run("check", "--print", path)[:2], (0, output))

    # Without subdomains: a warning each.
    THIRTY = "".join(f"from d{i}.example {{ require tls; otherwise reject }}\n"
                     for i in range(30))

    def test_five_of_a_kind_are_shown(self):
        path = self.written(self.THIRTY + "profile unused { }\n")
        status, output, errors = run("check", path)
        self.assertEqual((status, errors.count(" [no-subdomains]\n"),
                          errors.count(" [profile-unused]\n")), (0, 5, 1))
        self.assertTrue(errors.endswith("\nand 25 more [no-subdomains]: \"tlsward check "
                                        "--all\" shows all\n"), errors)
        self.assertIn(", 31 warnings, ", output)
        errors = run("check", "--all", path)[2]
        self.assertEqual(errors.count(" [no-subdomains]\n"), 30)
        self.assertNotIn("more", errors)

    def test_twenty_errors_are_shown(self):
        path = self.written("form a.example { }\n" * 25)
        status, output, errors = run("check", path)
        self.assertEqual((status, errors.count(": error: ")), (1, 20))
        self.assertIn("\nand 5 more errors: ", errors)
        self.assertIn(": 25 errors", output)
        status, _, errors = run("check", "--all", path)
        self.assertEqual((status, errors.count(": error: ")), (1, 25))
        self.assertNotIn("more", errors)

    def test_what_is_no_text_is_told_shortly(self):
        with tempfile.NamedTemporaryFile() as file:
            for _ in range(300):
                file.write(bytes(range(256)) * 40 + b"\n")
            file.flush()
            status, _, errors = run("check", file.name)
            self.assertEqual((status, errors.count(": error: ")), (1, 20))
            self.assertLess(len(errors), 20000)
            status, output, _ = run("check", "--json", file.name)
            found = [json.loads(line) for line in output.splitlines()]
            self.assertEqual(status, 1)
            self.assertIn(f"and {len(found) - 20} more errors: ", errors)

    def test_strict(self):
        path = self.written(self.THIRTY)
        self.assertEqual(run("check", "--strict", path)[0], 1)
        path = self.written("default { require tls; otherwise accept }\n")
        self.assertEqual(run("check", "--strict", path)[0], 0)

    def test_json(self):
        path = self.written(self.THIRTY)
        status, output, errors = run("check", "--json", path)
        self.assertEqual((status, errors), (0, ""))
        found = [json.loads(line) for line in output.splitlines()]
        self.assertEqual(len(found), 30)
        self.assertEqual(found[29], {
            "file": path, "line": 30, "column": 6, "severity": "warning",
            "id": "no-subdomains", "message": "d29.example has requirements, and the "
            "domains below it have none: add .d29.example"})
        path = self.written("form a.example { }\n")
        status, output, errors = run("check", "--json", path)
        self.assertEqual((status, errors), (1, ""))
        self.assertEqual({**json.loads(output), "message": ""}, {
            "file": path, "line": 1, "column": 1, "severity": "error", "id": None,
            "message": ""})
        status, output, errors = run("check", "--json", "nowhere.conf")
        self.assertEqual((status, errors), (2, ""))
        self.assertEqual({**json.loads(output), "message": ""}, {
            "file": "nowhere.conf", "line": None, "column": None, "severity": "error",
            "id": None, "message": ""})
        self.assertEqual(run("check", "--json", "--print", path)[0], 2)

    def test_allowed(self):
        path = self.written("# tlsward: allow one-key\n" + self.THIRTY.replace(
            "\n", " # tlsward: allow no-subdomains\n"))
        self.assertEqual(run("check", "--strict", path)[::2], (0, ""))
        self.assertEqual(run("check", "--json", path)[1], "")
        errors = run("check", "--all", path)[2]
        self.assertEqual((errors.count("[allow-unused]"), errors.count(path)), (1, 1))
        self.assertIn(f'{path}:1:1: info: nothing is warned of that "allow one-key" ', errors)

    def test_the_first_line_is_one_like_others_where_it_has_a_rule(self):
        path = self.written(self.THIRTY.replace(
            "\n", " # tlsward: allow no-subdomains\n", 1))
        self.assertEqual(len(run("check", "--json", path)[1].splitlines()), 29)

    def test_what_is_allowed_is_printed_the_same_again(self):
        path = self.written("partner p { # tlsward: allow via-only\n"
                            "domain b.example # tlsward: allow looser\n"
                            "incoming { require tls } }\n")
        output = run("check", "--print", path)[1]
        self.assertIn("# tlsward: allow looser via-only\n", output)
        self.assertEqual(run("check", "--print", self.written(output))[1], output)

    def test_print_keeps_what_is_allowed(self):
        path = self.written(
            "\nfrom a.example { # tlsward: allow no-subdomains\n"
            "require tls; otherwise reject # tlsward: allow clear-text-milder\n"
            "exempt until 2020-01-01 # tlsward: allow date-past\n}\n"
            "partner p { # tlsward: allow looser\ndomain b.example\n"
            "incoming {\nrequire tls >= 1.2 # tlsward: allow one-key\n} }\n")
        status, output, errors = run("check", "--print", "--strict", path)
        self.assertEqual(status, 0, errors)
        self.assertEqual(output, """from a.example { # tlsward: allow no-subdomains
	require tls # tlsward: allow clear-text-milder
	otherwise reject # tlsward: allow clear-text-milder
	exempt until 2020-01-01 # tlsward: allow date-past
}

partner "p" { # tlsward: allow looser
	domain b.example # tlsward: allow looser
	incoming {
		require tls >= 1.2 # tlsward: allow one-key
	}
}
""")
        path = self.written(output)
        self.assertEqual(run("check", "--print", "--strict", path), (0, output, ""))

    def test_standard_input(self):
        text = "include \"policy.conf\"\n"
        status, output, errors = run("check", "-", text=text)
        self.assertEqual((status, output[:10]), (0, "-: 4 rules"), errors)
        status, _, errors = run("check", "-", text="\n form x.example { }\n")
        self.assertEqual((status, errors[:14]), (1, "-:2:2: error: "))
        status, _, errors = run("check", "-", text='from file "-" { }\n')
        self.assertEqual((status, errors[:14]), (1, "-:1:11: error:"))
        with open("/dev/zero", "rb") as endless:
            done = subprocess.run([TLSWARD, "check", "-"], stdin=endless,
                                  capture_output=True, timeout=TIMEOUT)
        self.assertEqual((done.returncode, done.stderr),
                         (2, b"-: error: cannot be read: it is too large, or has no end\n"))

    def test_at(self):
        path = self.written("to x.example .x.example { require tls; "
                            "exempt until 2026-03-01 }\n")
        for day, words in (("2026-02-14", ""), ("2026-02-15", "is in 14 days: "),
                           ("2026-02-28", "is in 1 day: "), ("2026-03-01", "is past: ")):
            errors = run("check", "--at", day, path)[2]
            self.assertIn(words, errors)
            self.assertEqual(errors == "", words == "", errors)
        status, output, errors = run("check", "--at", "2026-02-30", path)
        self.assertEqual((status, output), (2, ""))
        self.assertIn("is not a date", errors)


class Start(Folder):
    """What check and tlsward-milter -t find of what a start needs: the same."""

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.write("policy.conf", "default { require tls; otherwise accept }\n")

    def both(self, status, *lines):
        """What both say of these settings; nothing is made or removed by it."""
        path = self.write("tlsward.conf", "\n".join((
            f"user {self.user}", "journal none", "mta sendmail", *lines, "")))
        before = sorted(os.walk(self.folder))
        checked = run("check", "-c", path, env=dict(os.environ, PATH=NO_POSTCONF))
        done = subprocess.run([MILTER, "-t", "-c", path], capture_output=True, text=True,
                              timeout=TIMEOUT, env=dict(os.environ, PATH=NO_POSTCONF))
        self.assertEqual((done.returncode, done.stderr), checked[::2])
        self.assertEqual(checked[0], status, checked)
        self.assertEqual(sorted(os.walk(self.folder)), before)
        return done.stderr

    def listen(self, name="m.sock"):
        return f"listen unix:{self.folder}/{name}"

    def test_fine(self):
        self.assertEqual(self.both(0, self.listen(), f"log file:{self.folder}/l",
                                   f"pid-file {self.folder}/p")
                         if os.geteuid() != 0 else self.both(0, self.listen()), "")

    def test_folders_that_are_not_there(self):
        said = self.both(1, self.listen("no/m.sock"), f"log file:{self.folder}/no/l",
                         f"pid-file {self.folder}/no/p")
        for words in (":4:1: error: cannot listen on ",
                      ":5:1: error: cannot open the log ",
                      ":6:1: error: cannot write the pid file "):
            self.assertIn(words, said)

    def test_something_else_has_the_name(self):
        self.write("m.sock", "precious")
        self.assertIn("something else has that name", self.both(1, self.listen()))

    def test_service_that_is_nowhere(self):
        said = self.both(1, self.listen(), f"tls-policy-map unix:{self.folder}/t.sock",
                         "tls-policy-next inet:no-such-host.invalid:8642 QUERY")
        self.assertIn(":6:1: error: cannot look up inet:no-such-host.invalid:8642: ", said)

    def test_what_is_left_of_a_socket_is_left(self):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(os.path.join(self.folder, "m.sock"))
        self.assertEqual(self.both(0, self.listen()), "")

    def test_addresses_in_use(self):
        # A daemon whose descriptors nobody shows us might be the one that listens.
        for comm in glob.glob("/proc/[0-9]*/comm"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(comm) as file:
                    ours = file.read() == "tlsward-milter\n"
                if ours and not os.access(os.path.dirname(comm) + "/fd", os.R_OK):
                    self.skipTest("a daemon of another user runs")
        with socket.socket(socket.AF_UNIX) as path, socket.socket() as port:
            path.bind(os.path.join(self.folder, "m.sock"))
            path.listen()
            port.bind(("127.0.0.1", 0))
            port.listen()
            number = port.getsockname()[1]
            said = self.both(1, self.listen(), f"policy-service inet:127.0.0.1:{number}")
            self.assertEqual(said.count(f"(process {os.getpid()})"), 2, said)
        self.both(0, self.listen("n.sock"), f"policy-service inet:127.0.0.1:{number}")

    def test_a_daemon_that_runs(self):
        path = self.write("tlsward.conf", "\n".join((
            f"user {self.user}", "journal none", "mta sendmail", "log stderr",
            self.listen(), "")))
        daemon = subprocess.Popen([MILTER, "-f", "-c", path], stderr=subprocess.PIPE,
                                  text=True)
        try:
            self.until(daemon, "serving on")
            said = self.both(0, self.listen())
        finally:
            daemon.terminate()
            daemon.communicate(timeout=TIMEOUT)
        self.assertIn(":4:1: info: ", said)
        self.assertIn("is in use by a tlsward-milter that runs", said)

    def test_a_policy_that_is_not_taken_is_told_shortly(self):
        path = self.write("tlsward.conf", "\n".join((
            f"user {self.user}", "journal none", "log stderr", self.listen(), "")))
        wrong = "form a.example { }\n" * 25
        holes = "".join(f"from d{i}.example {{ require tls; otherwise reject }}\n"
                        for i in range(9))

        def errors(lines):
            return [line for line in lines if ": error: " in line]

        self.write("policy.conf", wrong)
        done = subprocess.run([MILTER, "-f", "-c", path], capture_output=True, text=True,
                              timeout=TIMEOUT)
        self.assertEqual((done.returncode, len(errors(done.stderr.splitlines()))), (1, 20))
        self.assertIn("and 5 more errors: ", done.stderr)
        self.write("policy.conf", holes)
        daemon = subprocess.Popen([MILTER, "-f", "-c", path], stderr=subprocess.PIPE,
                                  text=True)
        try:
            said = self.until(daemon, "serving on")
            self.write("policy.conf", wrong)
            daemon.send_signal(signal.SIGHUP)
            said += self.until(daemon, "policy not reloaded")
        finally:
            daemon.terminate()
            daemon.communicate(timeout=TIMEOUT)
        self.assertEqual(len(errors(said)), 20)
        self.assertEqual([line for line in said if "no-subdomains" in line], [])
        self.assertEqual(len([line for line in said if "and 5 more errors" in line]), 1)

    def until(self, daemon, words):
        """The daemon's lines up to the one with these words."""
        lines = [""]
        while words not in lines[-1]:
            lines.append(daemon.stderr.readline())
            self.assertNotEqual(lines[-1], "", lines)
        return lines

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_what_the_user_cannot_read(self):
        policy = os.path.join(self.folder, "policy.conf")
        os.chmod(policy, 0o600)
        path = self.write("tlsward.conf", f"user {self.user}\n{self.listen()}\n"
                          "journal none\nmta sendmail\n")
        for call in ((TLSWARD, "check", "-c", path), (MILTER, "-t", "-c", path)):
            done = subprocess.run(call, capture_output=True, text=True, timeout=TIMEOUT)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("policy.conf: error: cannot be read: Permission denied",
                          done.stderr)
        os.chmod(policy, 0o644)
        certificates = os.path.join(self.folder, "partners")
        os.mkdir(certificates, 0o700)
        self.write("list.txt", "a.example\n")
        os.chmod(os.path.join(self.folder, "list.txt"), 0o600)
        said = self.both(1, self.listen(), "partner-certificates partners")
        self.assertIn("partners: error: the folder of partner-certificates cannot be "
                      "read: Permission denied", said)
        os.chmod(certificates, 0o755)
        os.chmod(self.write("partners/a.pem", "x"), 0o600)
        said = self.both(1, self.listen(), "partner-certificates partners")
        self.assertIn("partners/a.pem: error: no partner's certificate: Permission denied",
                      said)
        self.write("policy.conf", 'from file "list.txt" { }\ninclude "no/*.conf"\n')
        os.mkdir(os.path.join(self.folder, "no"), 0o700)
        said = self.both(1, self.listen())
        self.assertEqual(said.count("Permission denied"), 2, said)


class Postconf(Folder):
    """What check says of the Postfix on its host: a script that stands for it."""

    NAMED = ("from a.example .a.example { require certificate name mx.a.example }\n")
    PINNED = ("from a.example .a.example { require certificate fingerprint "
              f"sha256:{'ab' * 32} sha256:{'cd' * 32} }}\n")

    def setUp(self):
        super().setUp()
        self.calls = os.path.join(self.folder, "calls")

    def check(self, policy, script, settings=None):
        self.write("postconf", f"#!/bin/sh\necho \"$*\" >> {self.calls}\n{script}",
                   0o755)
        path = self.write("policy.conf", policy)
        call = [path]
        if settings is not None:
            call = ["-c", self.write("tlsward.conf", settings)]
        environment = dict(os.environ,
                           PATH=f"{self.folder}:{os.environ['PATH']}")
        status, _, errors = run("check", *call, env=environment)
        self.assertEqual(status, 0, errors)
        return errors

    @staticmethod
    def says(master="", **parameters):
        """A script that answers as postconf does: with -h a value, with -P lines."""
        values = {"smtpd_tls_ask_ccert": "no", "smtpd_tls_req_ccert": "no",
                  "smtpd_tls_security_level": "may", "smtpd_enforce_tls": "no",
                  "smtpd_tls_fingerprint_digest": "sha256", **parameters}
        lines = "".join(f'"-h {name}"|"-h -x {name}") echo "{value}";;\n'
                        for name, value in values.items())
        return (f'case "$*" in\n{lines}'
                f"\"-P */inet/\"*) printf '%s' '{master}'; exit 0;;\n"
                "*) exit 1;;\nesac\n")

    def test_asks_no_client(self):
        errors = self.check(self.NAMED, self.says())
        self.assertRegex(errors, r"/policy\.conf: warning: postconf says "
                                 r"smtpd_tls_ask_ccert = no: ")
        self.assertEqual(errors.count("\n"), 1)
        # Without TLS being mandatory Postfix ignores this.
        self.assertIn("ask_ccert", self.check(self.NAMED, self.says(
            smtpd_tls_req_ccert="yes")))
        self.assertIn("ask_ccert", self.check(self.NAMED, self.says(
            "submission/inet/smtpd_tls_ask_ccert = no\n")))

    def test_asks(self):
        for script in (
                self.says(smtpd_tls_ask_ccert="yes"),
                self.says(smtpd_tls_ask_ccert="$other"),
                self.says("smtp/inet/smtpd_tls_ask_ccert = yes\n"),
                self.says("smtp/inet/smtpd_tls_ask_ccert = no\n"
                          "2525/inet/smtpd_tls_ask_ccert = yes\n"),
                self.says(smtpd_tls_req_ccert="yes", smtpd_tls_security_level="encrypt"),
                self.says(smtpd_tls_req_ccert="yes", smtpd_enforce_tls="yes")):
            self.assertEqual(self.check(self.NAMED, script), "")
            self.assertEqual(self.check(self.PINNED, script), "")

    def test_digest(self):
        script = self.says(smtpd_tls_ask_ccert="yes", smtpd_tls_fingerprint_digest="md5")
        self.assertEqual(self.check(self.NAMED, script), "")
        self.assertIn("postconf says smtpd_tls_fingerprint_digest = md5",
                      self.check(self.PINNED, script))

    def test_no_answer(self):
        for script in ("echo no; exit 1", "kill -9 $$", "exit 0", "yes no",
                       "printf '%05000d'", "exec sleep 60", "exec >&-; exec sleep 100000"):
            self.assertEqual(self.check(self.NAMED, script), "")

    def test_not_asked(self):
        plain = "from a.example .a.example { require tls }\n"
        self.assertEqual(self.check(plain, self.says()), "")
        self.check(self.NAMED, self.says(), "mta sendmail\n")
        self.assertFalse(os.path.exists(self.calls))
        self.assertIn("postconf says", self.check(self.NAMED, self.says(),
                                                  "mta postfix\n"))


class Decide(unittest.TestCase):
    def test_records(self):
        status, records, errors = decide(
            '{"from":"a@acme.example","tls_version":"TLSv1.2","bits":256}\n'
            '{"from":"","tls_version":"none","to":"postmaster@ours.example"}\n')
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(list(records[0]), [
            "time", "from", "domain", "tls_version", "bits", "action", "reason",
            "failed", "rule", "rule_kind", "rule_name", "reply", "contact"])
        self.assertEqual(records[0]["time"], "2026-01-01T00:00:00.000Z")
        self.assertEqual(records[0]["rule"], "policy.conf:10")
        self.assertEqual(records[1]["from"], "<>")
        self.assertEqual(records[1]["exempt"], "RFC 5321")

    def test_a_record_is_taken_back(self):
        _, records, _ = decide('{"from":"a@other.example","tls_version":"none"}\n')
        again = decide(json.dumps(records[0]) + "\n")
        self.assertEqual(again, (0, records, ""))

    def test_error_objects(self):
        status, records, _ = decide(
            '{"from":"a@b.example"}\n\n \t\r\n[]\n{"from":"c@b.example","x":1}\n'
            '{"from":"d@b.example"}')
        self.assertEqual(status, 1)
        self.assertEqual([record.get("from", record.get("line"))
                          for record in records],
                         ["a@b.example", 2, 3, 4, 5, "d@b.example"])
        self.assertEqual(records[3], {"error": "not a JSON object", "line": 4})

    def test_hostile_values(self):
        value = "a\r\nb\x1b[2J\u2028\u0085\u202e\"\\\U0001f512"
        status, output, _ = run("decide", "--policy", "policy.conf",
                                text=json.dumps({"from": "a", "helo": value}) + "\n")
        self.assertEqual((status, len(output.splitlines())), (0, 1))
        self.assertEqual(json.loads(output)["helo"], value)
        self.assertTrue(output.isascii())

    def test_long_lines(self):
        longest = '{"from":"a","helo":"%s"}'
        fits = longest % ("x" * ((1 << 20) - len(longest) + 2))
        self.assertEqual(len(fits), 1 << 20)
        status, records, _ = decide(f'{fits}\n{fits} \n{fits * 5}\n{{"from":"z"}}\n')
        self.assertEqual(status, 1)
        error = "the line is longer than 1 MiB"
        self.assertEqual(records[0]["from"], "a")
        self.assertEqual(records[1:3], [{"error": error, "line": 2},
                                        {"error": error, "line": 3}])
        self.assertEqual(records[3]["from"], "z")
        self.assertEqual(decide("x" * (3 << 20))[:2],
                         (1, [{"error": error, "line": 1}]))

    def test_empty_input(self):
        self.assertEqual(decide(""), (0, [], ""))

    def test_answers_are_not_held_back(self):
        with subprocess.Popen([TLSWARD, "decide", "--policy", "policy.conf"], cwd=HERE,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            for number in range(5):
                line = json.dumps({"from": f"u{number}@b.example"}) + "\n"
                half = len(line) // 2
                for part in (line[:half], line[half:]):
                    process.stdin.write(part.encode())
                    process.stdin.flush()
                ready, _, _ = select.select([process.stdout], [], [], TIMEOUT)
                self.assertTrue(ready, "no answer")
                record = json.loads(process.stdout.readline())
                self.assertEqual(record["from"], f"u{number}@b.example")
            process.stdin.close()
            self.assertEqual(process.wait(TIMEOUT), 0)

    def test_a_reader_that_goes_away(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([TLSWARD, "decide", "--policy", "policy.conf"], cwd=HERE,
                              input=b'{"from":""}\n', stdout=writer,
                              stderr=subprocess.PIPE)
        os.close(writer)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"Broken pipe", done.stderr)

    def test_memory_is_constant(self):
        line = json.dumps({"from": "a@acme.example", "helo": "x" * 500,
                           "cert_san": ["a.example"] * 20}).encode() + b"\n"
        environment = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1")
        with subprocess.Popen([TLSWARD, "decide", "--policy", "policy.conf"], cwd=HERE,
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              env=environment) as process:
            sizes = []
            for _ in range(2):
                process.stdin.write(line * 10000)
                process.stdin.flush()
                sizes.append(memory_of(process.pid))
            process.stdin.close()
            self.assertEqual(process.wait(TIMEOUT), 0)
        self.assertLess(sizes[1] - sizes[0], 1024)

    def test_policy_that_cannot_be_used(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("nonsense\n")
            file.flush()
            status, output, errors = run("decide", "--policy", file.name)
            self.assertEqual((status, output), (2, ""))
            self.assertIn(f"{file.name}:1:1: error: ", errors)
        self.assertEqual(run("decide", "--policy", "nowhere.conf")[0], 2)
        self.assertEqual(run("decide", "-c", "nowhere.conf")[0], 2)

    def test_date(self):
        for date in ("2026-02-30", "today", "", "2026-1-1"):
            self.assertEqual(run("decide", "--at", date), (2, "", "tlsward: "
                             f"\"{date}\" is not a date of the form YYYY-MM-DD\n"))

    def test_settings_count(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tlsward.conf")
            with open(path, "w") as file:
                file.write(f"policy {HERE}/policy.conf\nmode monitor\n")
            facts = '{"from":"a@acme.example","tls_version":"none"}\n'
            status, output, errors = run("decide", "-c", path, text=facts)
        record = json.loads(output)
        self.assertEqual((status, errors, record["action"], record["would"]),
                         (0, "", "accept", "reject"))


if __name__ == "__main__":
    sys.exit(main())
