#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of the tool's commands, from outside. TLSWARD names the program."""

import json
import os
import select
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from tool import HERE, TIMEOUT, TLSWARD, main, run

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
                         "replay"):
                self.assertRegex(output, rf"\n  {name} ")

    def test_help_of_a_command(self):
        for name in ("check", "explain", "decide", "test", "log", "report",
                     "replay", "help"):
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


class Postconf(unittest.TestCase):
    """What check says of the Postfix on its host: a script that stands for it."""

    NAMED = ("from a.example .a.example { require certificate name mx.a.example }\n")
    PINNED = ("from a.example .a.example { require certificate fingerprint "
              f"sha256:{'ab' * 32} sha256:{'cd' * 32} }}\n")

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.calls = os.path.join(self.folder.name, "calls")

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path

    def check(self, policy, script, settings=None):
        self.write("postconf", f"#!/bin/sh\necho \"$*\" >> {self.calls}\n{script}")
        path = self.write("policy.conf", policy)
        call = [path]
        if settings is not None:
            call = ["-c", self.write("tlsward.conf", settings)]
        environment = dict(os.environ,
                           PATH=f"{self.folder.name}:{os.environ['PATH']}")
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
                       "printf '%05000d'", "exec sleep 60"):
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
