#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs the cases of the policy language with $TLSWARD (default ./tlsward).

cases/policy/good/NAME: policy.conf gives for each line of facts.jsonl the fields
of that line of expected.jsonl (null: the field is absent). "at" holds the day to
judge at, "tlsward.conf" the settings. What `check --print` prints must parse to
itself and judge alike.

cases/policy/bad/NAME, warn/NAME: `check policy.conf` writes exactly "expected" to
standard error and exits with 1, of warn with 0; "at" holds the day on which it is
looked at. Every text of policy/messages.h and lint/kinds.h has a case.

cases/policy/small.txt: small policies, and where each has its one error.

A case is called good/NAME.
"""

import concurrent.futures
import difflib
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import runner
from runner import Failure

TESTS = pathlib.Path(__file__).resolve().parent
CASES = TESTS / "cases" / "policy"
MESSAGES = TESTS.parent / "policy" / "messages.h"
KINDS = TESTS.parent / "lint" / "kinds.h"
DEFAULT_DAY = "2026-06-15"
PRINTED_FIELDS = ("action", "reason", "failed", "would", "would_reason",
                  "would_failed", "exempt", "reply", "contact", "note", "partner",
                  "rule_via", "enforced")
ENVIRONMENT = dict(os.environ, PATH=runner.NO_POSTCONF)


def run(folder, *arguments, text=b""):
    return subprocess.run([runner.TLSWARD, *arguments], cwd=folder, input=text,
                          capture_output=True, timeout=runner.TIMEOUT, env=ENVIRONMENT)


def text_of(data):
    return data.decode("utf-8", "backslashreplace")


def same_text(what, expected, found):
    if expected == found:
        return
    lines = difflib.unified_diff(text_of(expected).splitlines(),
                                 text_of(found).splitlines(),
                                 f"{what}, expected", f"{what}, found", lineterm="")
    raise Failure("\n".join(lines) or f"{what}: the ends of the lines differ")


def same_status(what, expected, done):
    if done.returncode != expected:
        raise Failure(f"{what}: exit status {done.returncode} instead of {expected}\n"
                     + text_of(done.stderr + done.stdout))


def json_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def at(case):
    """The day of a case."""
    day = case / "at"
    return ["--at", day.read_text().strip() if day.exists() else DEFAULT_DAY]


def decide(case, policy):
    """The records for the facts of a case."""
    arguments = ["decide", "--policy", str(policy), *at(case)]
    settings = case / "tlsward.conf"
    if settings.exists():
        arguments += ["-c", str(settings)]
    done = run(case, *arguments, text=(case / "facts.jsonl").read_bytes())
    same_status("decide", 0, done)
    return [json.loads(line) for line in text_of(done.stdout).splitlines()]


def differences(number, expected, record):
    for name, value in expected.items():
        if record.get(name) != value:
            yield (f"line {number}: {name}\n    expected {json.dumps(value)}\n"
                   f"    found    {json.dumps(record.get(name))}")


def same_records(what, expected, records):
    if len(expected) != len(records):
        raise Failure(f"{what}: {len(records)} records for {len(expected)} lines")
    found = [difference for number, pair in enumerate(zip(expected, records), 1)
             for difference in differences(number, *pair)]
    if found:
        raise Failure("\n".join([what, *found]))


def printed_fields(record):
    return {name: record.get(name) for name in PRINTED_FIELDS}


def check_printed(case, records):
    """The policy as printed, in another folder, is the same policy."""
    with tempfile.TemporaryDirectory(prefix="tlsward-case.") as folder:
        done = run(case, "check", "--print", "policy.conf")
        same_status("check --print", 0, done)
        printed = pathlib.Path(folder) / "printed.conf"
        printed.write_bytes(done.stdout)
        again = run(folder, "check", "--print", "printed.conf")
        same_status("check --print of the printed policy", 0, again)
        same_text("the policy printed once more", done.stdout, again.stdout)
        same_records("decide with the printed policy",
                     [printed_fields(record) for record in records],
                     decide(case, printed))


def run_good(case):
    expected = json_lines(case / "expected.jsonl")
    facts = json_lines(case / "facts.jsonl")
    if len(expected) != len(facts):
        raise Failure(f"{len(facts)} facts, {len(expected)} expected")
    records = decide(case, "policy.conf")
    same_records("decide", expected, records)
    check_printed(case, records)


def run_check(case, status):
    done = run(case, "check", "--all", *at(case), "policy.conf")
    same_text("standard error", (case / "expected").read_bytes(), done.stderr)
    same_status("check", status, done)


RUNNERS = {
    "good": run_good,
    "bad": lambda case: run_check(case, 1),
    "warn": lambda case: run_check(case, 0),
}


def run_case(name):
    RUNNERS[name.split("/")[0]](CASES / name)


def messages():
    """Name and regular expression of every diagnostic's text."""
    errors, warnings = (path.read_text("utf-8").replace("\\\n", " ")
                        for path in (MESSAGES, KINDS))
    for name, value in (re.findall(r"#define (MSG_\w+) (.*)", errors) +
                        re.findall(r'KIND\([A-Z_]+, "([a-z-]+)", (?:WARNING|INFO), ((?:\s*%s)+)\)' %
                                   r'"(?:[^"\\]|\\.)*"', warnings)):
        parts = re.findall(r'"((?:[^"\\]|\\.)*)"', value)
        plain = "".join(parts).replace('\\"', '"').replace("\\\\", "\\")
        pieces = re.split(r"%%|%(?:\.\*)?z?[a-z]", plain)
        end = "$" if name.startswith("MSG_") else r" \[%s\]$" % name
        yield name, re.compile(".*".join(re.escape(piece) for piece in pieces) + end,
                               re.MULTILINE)


def places_of_errors(policy):
    """Of a policy, "ok" where it has none."""
    with tempfile.TemporaryDirectory(prefix="tlsward-case.") as folder:
        (pathlib.Path(folder) / "policy.conf").write_text(policy, "utf-8")
        done = run(folder, "check", "--at", DEFAULT_DAY, "policy.conf")
    return " ".join(re.findall(r"^policy\.conf:(\d+:\d+): error: ", text_of(done.stderr),
                               re.MULTILINE)) or "ok"


def test_small_policies():
    cases = [line.split(maxsplit=1) for line in
             (CASES / "small.txt").read_text("utf-8").splitlines() if line[0] != "#"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(places_of_errors,
                         [policy.replace("⏎", "\n") + "\n" for _, policy in cases])
    runner.expect([f"{policy}\n    expected {expected}, found {place}"
                   for (expected, policy), place in zip(cases, found)
                   if place != expected], "errors stand elsewhere")


def test_every_diagnostic_has_a_case():
    """Those of a map's alone, MSG_MAP_, are seen by tests/tool/test_export.py."""
    expected = "\n".join(text_of(path.read_bytes()) for kind in ("bad", "warn")
                         for path in sorted(CASES.glob(f"{kind}/*/expected")))
    runner.expect([name for name, pattern in messages()
                   if not name.startswith("MSG_MAP_") and not pattern.search(expected)],
                  "no case has")


def all_names():
    return sorted(f"{kind}/{case.name}" for kind in RUNNERS
                  for case in (CASES / kind).glob("*") if case.is_dir())


def main():
    cases = [(name, functools.partial(run_case, name)) for name in all_names()]
    return runner.main(cases=cases, threads=os.cpu_count())


if __name__ == "__main__":
    sys.exit(main())
