#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of tlsward test, from outside. TLSWARD names the program.

tests/cases/tests/NAME holds cases.test and what it needs. `tlsward test` with the
arguments in the file "arguments" (each on a line; without it cases.test alone) must
write the file "output" to standard output and "diagnostics" to standard error, and
exit with what is in "status"; a file that is not there is empty, or 0. With --update,
writes what is said now.
"""

import json
import os
import subprocess
import sys
import unittest

from tool import HERE, TIMEOUT, TLSWARD, Folder, main, run

CASES = os.path.join(HERE, "..", "cases", "tests")
CONF = os.path.join(HERE, "..", "..", "conf")
AT = ("--at", "2026-01-01")


def read(folder, name, default=""):
    try:
        with open(os.path.join(CASES, folder, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return default


def run_case(name):
    arguments = read(name, "arguments", "cases.test\n").splitlines()
    return run("test", *AT, *arguments, cwd=os.path.join(CASES, name))


def update():
    for name in sorted(os.listdir(CASES)):
        status, output, diagnostics = run_case(name)
        for file, text in (("output", output), ("diagnostics", diagnostics),
                           ("status", f"{status}\n" if status else "")):
            path = os.path.join(CASES, name, file)
            if text:
                with open(path, "w", encoding="utf-8") as out:
                    out.write(text)
            elif os.path.exists(path):
                os.remove(path)
    return 0


class Data(unittest.TestCase):
    maxDiff = None

    def test_cases(self):
        names = sorted(os.listdir(CASES))
        self.assertGreater(len(names), 8)
        for name in names:
            with self.subTest(name):
                status, output, diagnostics = run_case(name)
                self.assertEqual(output, read(name, "output"))
                self.assertEqual(diagnostics, read(name, "diagnostics"))
                self.assertEqual(status, int(read(name, "status", "0")))

    def test_hints_are_commands(self):
        """What a failure says to type explains the same verdict."""
        output = read("differences", "output")
        hints = [line.split("more: ")[1] for line in output.splitlines()
                 if "more: " in line]
        self.assertGreater(len(hints), 3)
        for hint in hints:
            done = subprocess.run(["sh", "-c", hint.replace("tlsward", '"$TLSWARD"', 1)],
                                  cwd=os.path.join(CASES, "differences"),
                                  env=dict(os.environ, TLSWARD=TLSWARD),
                                  capture_output=True, timeout=TIMEOUT)
            self.assertEqual((hint, done.returncode, done.stderr), (hint, 0, b""))
            self.assertIn(b": mail from ", done.stdout)


class Shipped(unittest.TestCase):
    def test_every_case(self):
        """The shipped files of cases pass, and reach all of the shipped policy."""
        files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(CONF)
                       for name in names if name.endswith(".test"))
        self.assertIn(os.path.join(CONF, "policy.test"), files)
        for file in files:
            with self.subTest(file):
                status, output, errors = run("test", "--coverage", file)
                self.assertEqual((status, errors), (0, ""), output)
                self.assertIn(" reached (100 %)\n", output)


class Written(Folder):
    """Cases against tests/tool/policy.conf, or files in a folder of their own."""

    def judge(self, text, *arguments):
        path = self.write("written.test", text)
        return run("test", "--policy", "policy.conf", *arguments, path)

    def test_status(self):
        good = "from= tls_version=TLSv1.3 => accept\n"
        for text, status in ((good, 0), (good + "from= => reject\n", 1),
                             (good + "from=\n", 2), ("from= => reject\nfrom=\n", 2)):
            self.assertEqual((text, self.judge(text)[0]), (text, status))

    def test_unreadable(self):
        path = self.write("a.test", "from= tls_version=TLSv1.3 => accept\n")
        status, output, errors = run("test", "--policy", "policy.conf", "nowhere", path,
                                     self.folder)
        self.assertEqual((status, output), (2, "1 passed, 0 failed\n"))
        self.assertEqual(errors, "tlsward: cannot read \"nowhere\": No such file or "
                         f"directory\ntlsward: cannot read \"{self.folder}\": it is a "
                         "folder: name a file in it\n")

    def test_the_policy_beside(self):
        refuse, accept = ("default { require tls; otherwise reject }\n",
                          "default { require nothing }\n")
        self.write("policy.conf", refuse)
        self.write("acme.conf", accept)
        case = "from= tls_version=none => "
        for name, action in (("other.test", "reject"), ("acme.test", "accept"),
                             ("policy.test", "reject"), ("cases", "reject"),
                             (".test", "reject"), ("acme", "reject")):
            path = self.write(name, case + action)
            self.assertEqual((name, *run("test", path)),
                             (name, 0, "1 passed, 0 failed\n", ""))
            done = run("test", name, cwd=self.folder)
            self.assertEqual((name, *done), (name, 0, "1 passed, 0 failed\n", ""))

    def test_a_policy_that_is_named(self):
        self.write("policy.conf", "nonsense\n")
        self.write("a/other.conf", "default { require tls; otherwise reject }\n")
        self.write("tlsward.conf", "policy a/other.conf\nmode monitor\n")
        case = "from= tls_version=none => "
        for before, action in (
                ('policy "../a/other.conf"\n', "reject"),
                ('settings "../tlsward.conf"\n', "accept would=reject"),
                ('settings "../tlsward.conf"\npolicy "../a/other.conf"\n', "accept")):
            path = self.write("b/a.test", before + case + action)
            self.assertEqual(run("test", path)[:2], (0, "1 passed, 0 failed\n"))

    def test_the_command_line_goes_before_the_file(self):
        self.write("policy.conf", "nonsense\n")
        named = self.write("named.conf", "default { require tls; otherwise reject }\n")
        settings = self.write("tlsward.conf", "policy named.conf\nmode monitor\n")
        for text, arguments in (
                ('policy "policy.conf"\nfrom= tls_version=none => reject\n',
                 ["--policy", named]),
                ('policy "policy.conf"\nfrom= tls_version=none => accept would=reject\n',
                 ["-c", settings]),
                ('settings "tlsward.conf"\nfrom= tls_version=none => accept\n',
                 ["--policy", named])):
            path = self.write("a.test", text)
            self.assertEqual(run("test", *arguments, path)[:2],
                             (0, "1 passed, 0 failed\n"))

    def test_a_policy_that_cannot_be_used(self):
        conf = self.write("policy.conf", "nonsense\n")
        path = self.write("a.test", "from= => accept\nfrom= =>\n")
        status, output, errors = run("test", path, path)
        self.assertEqual((status, output), (2, "0 passed, 0 failed, 2 not valid\n"))
        self.assertEqual(errors.count(f"{conf}:1:1: error: "), 1)
        self.assertEqual(errors.count(f"{path}:2:9: error: "), 2)

    def test_days(self):
        self.write("policy.conf", "default { require tls; otherwise reject\n"
                   "monitor until 2027-03-01 }\n")
        case = "from= tls_version=none => "
        path = self.write("a.test", f"{case}accept\nat 2027-02-28\n{case}accept\n"
                          f"at 2027-03-01\n{case}reject\n")
        self.assertEqual(run("test", "--at", "2026-01-01", path)[:2],
                         (0, "3 passed, 0 failed\n"))
        output = run("test", "--at", "2027-03-02", path)[1]
        self.assertIn(f"{path}:1: failed\n", output)
        self.assertIn(" --at 2027-03-02 from=", output)
        self.assertTrue(output.endswith("2 passed, 1 failed\n"), output)

    def test_json(self):
        status, output, errors = self.judge(
            "from=a@acme.example tls_version=TLSv1.2 bits=256 => reject bits\n"
            "from= tls_version=none => accept exempt would=reject\nfrom=\n"
            "from=a@acme.example tls_version=TLSv1.3 bits=256 => accept\n",
            *AT, "--json", "--coverage")
        self.assertEqual(status, 2)
        self.assertIn(":3:6: error: ", errors)
        *cases, summary = [json.loads(line) for line in output.splitlines()]
        self.assertEqual([(case["line"], case["passed"]) for case in cases],
                         [(1, False), (2, False), (4, True)])
        self.assertEqual(cases[0]["differences"], [
            {"name": "reason", "expected": "bits", "got": "tls-version"}])
        self.assertEqual(cases[1]["differences"], [
            {"name": "would", "expected": "reject", "got": "tempfail"},
            {"name": "exempt", "expected": "exempt", "got": ""}])
        self.assertEqual(list(cases[2]), ["file", "line", "passed", "case", "record"])
        self.assertEqual(cases[2]["record"]["rule"], "policy.conf:10")
        self.assertEqual(summary, {"passed": 1, "failed": 2, "invalid": 1, "coverage": [
            {"policy": "policy.conf", "rules": 4, "reached": 2, "not_reached": [
                {"rule": "policy.conf:16", "rule_kind": "to",
                 "rule_name": "payroll.ours.example"},
                {"rule": "policy.conf:17", "rule_kind": "to",
                 "rule_name": "postmaster@ours.example"}]}]})

    def test_coverage_is_that_of_all_files(self):
        self.write("policy.conf", "default { require tls }\n"
                   "from a.example .a.example { require tls }\nfrom <> { exempt }\n")
        one = self.write("one.test", "from=x@y.a.example tls_version=none => tempfail\n")
        two = self.write("two.test", "from=<> => accept\n")
        self.assertIn("1 of 3 rules reached (33 %)\n",
                      run("test", "--coverage", one)[1])
        self.assertIn("2 of 3 rules reached (66 %)\n  not reached: policy.conf:1 "
                      "(default)\n2 passed", run("test", "--coverage", one, two)[1])

    def test_an_exemption_reaches_itself_alone(self):
        self.write("policy.conf", "default { require tls }\nclient local { exempt }\n"
                   "to a@b.example { exempt }\nto c@d.example { exempt }\n")
        for case, missing in (("from= local=yes => accept", "134"),
                              ("from= local=yes to=a@b.example => accept", "14"),
                              ("from= to=a@b.example to_resolved=c@d.example => accept",
                               "12"),
                              # half an exemption is none
                              ("from= to=a@b.example to_resolved=e@f.example => tempfail",
                               "234")):
            path = self.write("a.test", case)
            status, output, _ = run("test", "--coverage", path)
            self.assertEqual((case, status), (case, 0))
            self.assertEqual(set(missing), {line.split(":")[2][0]
                                            for line in output.splitlines()
                                            if "not reached" in line}, case)

    def test_known_certificates(self):
        case = os.path.join(HERE, "..", "cases", "policy", "good", "known-certificates")
        with open(os.path.join(case, "facts.jsonl"), encoding="utf-8") as lines:
            digest = json.loads(next(lines))["cert_fingerprint"]
        facts = f"from=a@key.example tls_version=TLSv1.3 cert_fingerprint={digest}"
        path = self.write("a.test", f"settings \"{case}/tlsward.conf\"\n"
                          f"policy \"{case}/policy.conf\"\n{facts} => accept\n")
        self.assertEqual(run("test", *AT, path)[:2], (0, "1 passed, 0 failed\n"))

    def test_long_lines(self):
        status, output, errors = self.judge("# " + "x" * (2 << 20) + "\n"
                                            "from= tls_version=TLSv1.3 => accept\n")
        self.assertEqual((status, output), (2, "1 passed, 0 failed, 1 not valid\n"))
        self.assertIn(":1:1: error: the line is longer than 1 MiB\n", errors)
        self.assertEqual(run("test", "--policy", "policy.conf", "/dev/zero"),
                         (2, "0 passed, 0 failed\n",
                          "tlsward: cannot read \"/dev/zero\": it is a device: name a file\n"))

    def test_output_that_cannot_be_written(self):
        path = self.write("a.test", "from= tls_version=TLSv1.3 => accept\n")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([TLSWARD, "test", "--policy", "policy.conf", path],
                                  cwd=HERE, stdout=full, stderr=subprocess.PIPE,
                                  timeout=TIMEOUT)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"No space left on device", done.stderr)

    def test_memory_is_constant(self):
        """Ten times the cases, good, failing and not valid, and no more memory."""
        sizes = []
        for count in (2000, 20000):
            path = self.write("many.test", (
                "from=a@acme.example tls_version=TLSv1.3 bits=256 => accept\n"
                "from=a@acme.example tls_version=none => accept\nfrom=\n") * count)
            measure = ("import resource, subprocess, sys\n"
                       "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL,"
                       " stderr=subprocess.DEVNULL)\n"
                       "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n")
            done = subprocess.run([sys.executable, "-c", measure, TLSWARD, "test",
                                   "--policy", "policy.conf", path], cwd=HERE,
                                  capture_output=True, timeout=TIMEOUT, check=True,
                                  env=dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1"
                                           ":detect_leaks=0"))
            sizes.append(int(done.stdout))
        self.assertLess(sizes[1] - sizes[0], 1024)


if __name__ == "__main__":
    sys.exit(update() if sys.argv[1:] == ["--update"] else main())
