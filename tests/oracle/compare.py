#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Compares `tlsward decide` with the oracle on random policies and facts.

Each policy is judged as written and as `tlsward check --print` prints it; what
differs is printed, and the last line counts the facts. Exit status 1 when
anything differs. `make check` has a small number; before a release
--policies 200 --facts 500, with several a --seed.
"""

import argparse
import datetime
import json
import os
import random
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import runner	# noqa: E402
import facts	# noqa: E402
import generate	# noqa: E402
import oracle	# noqa: E402
import outgoing	# noqa: E402

PRINTED = "printed.conf"
PRINTED_FIELDS = ("action", "reason", "failed", "rule_kind", "rule_name", "rule_via",
                  "partner", "enforced", "would", "would_reason", "would_failed",
                  "exempt", "tls_policy", "contact", "note", "reply")


def arguments():
    default = os.environ.get("TLSWARD", os.path.join(HERE, "..", "..", "tlsward"))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tlsward", default=os.path.normpath(default))
    parser.add_argument("--policies", type=int, help="60; 20 with sanitizers")
    parser.add_argument("--facts", type=int, default=250)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", type=int, help="this policy alone, by its number")
    parser.add_argument("--show", type=int, default=20, help="how many to print")
    parser.add_argument("--keep", help="an empty folder in which the policies stay")
    options = parser.parse_args()
    if options.policies is None:
        options.policies = 20 if runner.has_sanitizer(options.tlsward) else 60
    return options


def write_policy(folder, policy):
    for path, text in policy.files.items():
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)


class ToolFailed(Exception):
    pass


def run(command, text=""):
    done = subprocess.run(command, input=text.encode(), capture_output=True)
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        errors = done.stderr.decode("utf-8", "replace")
        raise ToolFailed(f"{command[1]}: exit {done.returncode}\n{errors or output}")
    return output


def write_settings(folder, options):
    path = os.path.join(folder, "tlsward.conf")
    with open(path, "w", encoding="utf-8") as stream:
        for name, value in options._asdict().items():
            if value is not None:
                stream.write(f"{name.replace('_', '-')} {value}\n")
    return path


def decide(tlsward, policy, day, settings, lines):
    output = run([tlsward, "decide", "-c", settings, "--policy", policy, "--at", day],
                 lines)
    records = [json.loads(line) for line in output.splitlines()]
    if len(records) != lines.count("\n"):
        raise ToolFailed(f"decide: {len(records)} records, "
                         f"expected {lines.count(chr(10))}")
    return records


def print_policy(tlsward, folder):
    text = run([tlsward, "check", "--print", os.path.join(folder, "policy.conf")])
    path = os.path.join(folder, PRINTED)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    if run([tlsward, "check", "--print", path]) != text:
        raise ToolFailed("check: the printed policy prints as another")
    return path


def reply_difference(expected, got):
    """None, or how the reply that was got is not the one expected."""
    if expected is None or got is None:
        return None if expected is got is None else (expected, got)
    code, enhanced, text = (got.split(" ", 2) + ["", ""])[:3]
    same = (code, enhanced) == expected[:2] and text != ""
    if same and expected.text:
        same = expected.text.fullmatch(text) is not None
    elif same and expected.suffix:
        same = re.search(f" {expected.suffix.pattern}$", text) is not None
    return None if same else (expected, got)


def differences(expected, record):
    """The fields that differ: name to (expected, got)."""
    found = {}
    for name in oracle.FIELDS:
        wanted, got = expected.get(name), record.get(name)
        if wanted != got:
            found[name] = (wanted, got)
    told, value = expected.get("tls_policy"), record.get("tls_policy")
    if (told is None) != (value is None) or told and not outgoing.is_wanted(told, value):
        found["tls_policy"] = (told, value)
    reply = reply_difference(expected.get("reply"), record.get("reply"))
    if reply:
        found["reply"] = reply
    return found


def printed_differences(record, again):
    return {"printed " + name: (record.get(name), again.get(name))
            for name in PRINTED_FIELDS if record.get(name) != again.get(name)}


def statement(policy, where):
    """The text of the rule or the list entry at FILE:LINE."""
    path, _, line = where.rpartition(":")
    lines = policy.files.get(path, "").splitlines()[int(line) - 1:]
    shown = []
    for text in lines:
        shown.append(f"    {path}:{int(line) + len(shown)}: {text}")
        if "{" not in policy.files[path] or text.rstrip().endswith("}"):
            break
    return shown


def show(number, policy, fact, found, verdicts):
    print(f"policy {number}, {policy.at}: {json.dumps(fact, ensure_ascii=False)}")
    for name, (wanted, got) in found.items():
        print(f"  {name}: expected {wanted!r}, got {got!r}")
    rules = {v.get(name) for v in verdicts for name in ("rule", "would_rule")}
    for where in sorted(rules - {None}):
        print("\n".join(statement(policy, where)))


class Comparison:
    def __init__(self, options):
        self.options = options
        self.passed = self.failed = self.shown = 0

    def run(self):
        numbers = range(self.options.policies)
        if self.options.only is not None:
            numbers = [self.options.only]
        for number in numbers:
            with tempfile.TemporaryDirectory() as folder:
                if self.options.keep:
                    folder = os.path.join(self.options.keep, str(number))
                self.policy(number, folder)
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0

    def policy(self, number, folder):
        rng = random.Random(f"{self.options.seed}/{number}")
        policy = generate.Policy(rng)
        lines = [facts.facts(rng, policy) for _ in range(self.options.facts)]
        write_policy(folder, policy)
        try:
            self.judge(number, policy, folder, lines)
        except ToolFailed as error:
            self.failed += len(lines)
            self.report(lambda: print(f"policy {number}: {error}"))

    def judge(self, number, policy, folder, objects):
        path = os.path.join(folder, "policy.conf")
        options = oracle.Options(**policy.options)
        today = datetime.date.fromisoformat(policy.at)
        judge = oracle.Oracle(path, today, options).judge
        settings = write_settings(folder, options)
        lines = "".join(json.dumps(each, ensure_ascii=i % 2 == 0) + "\n"
                        for i, each in enumerate(objects))
        records = decide(self.options.tlsward, path, policy.at, settings, lines)
        printed = print_policy(self.options.tlsward, folder)
        again = decide(self.options.tlsward, printed, policy.at, settings, lines)
        for each, record, second in zip(objects, records, again):
            expected = judge(each)
            found = differences(expected, record)
            found.update(printed_differences(record, second))
            self.count(found, lambda: show(number, policy, each, found,
                                           (expected, record)))

    def count(self, found, report):
        if not found:
            self.passed += 1
            return
        self.failed += 1
        self.report(report)

    def report(self, report):
        if self.shown < self.options.show:
            report()
        self.shown += 1


def main():
    return Comparison(arguments()).run()


if __name__ == "__main__":
    sys.exit(main())
