#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A guard by instructions: what tlsward does most must not cost more by and by.

    guard.py [--renew]

valgrind's callgrind counts the instructions of tests/guard/work: a decision among 1,000
rules, a message with all its callbacks, a refusal's record written to the journal, a
reload of 100,000 domains. Counted are the instructions of tlsward's own functions, of all
threads; not those of libraries (so that another glibc or SQLite changes nothing), nor
those of tests/. Of a record those in SQLite count as well, in a figure of their own, which
has SQLite's version in its name: an index more is seen there alone. Each figure is the difference between two runs, of which one does more of
the same: what comes once, at the start, is not in it.

The figures that are compared are in the file "figures" beside this, by architecture,
compiler and its options; for others nothing is compared. More than 5 % above one fails. Whoever
means it renews them: make guard-renew.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

FIGURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "figures")
TOLERANCE = 0.05
RULES = 1000
DOMAINS = 100000
# How often: less and more.
WORKS = {"decide": (1000, 11000), "message": (20, 220), "record": (20, 220), "reload": (1, 2)}
TITLES = {"decide": "a decision", "message": "a message's callbacks",
          "record": "a refusal's record", "reload": "a reload of 100,000 domains",
          "sqlite": "a refusal's record, in SQLite"}


def make_settings(folder, work):
    """The settings' path, with a policy beside it and a journal that is new."""
    if work == "reload":
        with open(f"{folder}/list.txt", "w", encoding="ascii") as file:
            file.writelines(f"customer{number}.example\n" for number in range(DOMAINS))
        policy = 'from file "list.txt" { require tls >= 1.2; otherwise reject }\n'
    else:
        policy = "".join(
            f"from partner{number}.example .partner{number}.example "
            "{ require tls >= 1.2; otherwise reject }\n" for number in range(RULES - 1))
    with open(f"{folder}/policy.conf", "w", encoding="ascii") as file:
        file.write(policy + "default { require nothing }\n")
    with open(f"{folder}/tlsward.conf", "w", encoding="ascii") as file:
        file.write(f"listen unix:/nowhere\npolicy policy.conf\nlog file:{folder}/log\n"
                   f"journal sqlite:{folder}/journal.db\n"
                   "authentication-results mx.ours.example\n")
    return f"{folder}/tlsward.conf"


class Names:
    """Callgrind writes a name once, and a number for it from then on."""

    def __init__(self):
        self.known = {}

    def find(self, text):
        number, _, name = text.partition(" ")
        return self.known.setdefault(number, name) if number.startswith("(") else text


def instructions(path, program):
    """The instructions in functions of "program" that are not of tests/, and in SQLite."""
    objects, files = Names(), Names()
    within = own = called = False
    totals = [0, 0]
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            kind, equals, rest = line.rstrip("\n").partition("=")
            if kind == "ob" and equals:
                within = objects.find(rest)
            elif kind == "cob" and equals:
                objects.find(rest)
            elif kind in ("cfi", "cfl") and equals:
                files.find(rest)
            elif kind in ("fl", "fi", "fe") and equals:
                name = files.find(rest)
                own = not re.search("tests/(guard|fake-milter)/", name) and name != "???"
            elif kind == "calls" and equals:
                called = True		# the next line is what the callee took
            elif re.match(r"[0-9+*-]", line):
                cost = 0 if called else int(line.split()[1])
                totals[0] += cost if within == program and own else 0
                totals[1] += cost if "/libsqlite3." in within else 0
                called = False
    return totals


def count(folder, work, times):
    """The instructions of a run: tlsward's and SQLite's."""
    program = os.environ["GUARD_WORK"]
    inner = tempfile.mkdtemp(dir=folder)
    out = f"{inner}/callgrind.out"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--error-exitcode=0", f"--callgrind-out-file={out}",
         program, work, str(times), make_settings(inner, work)],
        capture_output=True, text=True, check=False)
    if done.returncode != 0 or not os.path.exists(out):
        raise SystemExit(f"{work} {times}: {done.stdout}{done.stderr}")
    totals = instructions(out, os.path.realpath(program))
    shutil.rmtree(inner)
    return totals


def measure(work):
    """Instructions of one, by the figure's name."""
    folder = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        less, more = WORKS[work]
        own, in_sqlite = ((b - a) / (more - less) for a, b in zip(
            count(folder, work, less), count(folder, work, more)))
    finally:
        shutil.rmtree(folder)
    if work != "record":
        return {work: round(own)}
    version = subprocess.run([os.environ["GUARD_WORK"], "sqlite"], capture_output=True,
                             text=True, check=True).stdout.strip()
    return {work: round(own), f"sqlite {version}": round(in_sqlite)}


def key():
    """What the figures depend on: "x86_64 gcc 12 -g -O2"."""
    text = subprocess.run(
        os.environ["GUARD_CC"].split() + ["-dM", "-E", "-x", "c", "/dev/null"],
        capture_output=True, text=True, check=True).stdout
    known = dict(re.findall(r"^#define (\w+) (.*)$", text, re.M))
    compiler = "clang " + known["__clang_major__"] if "__clang__" in known else \
        "gcc " + known.get("__GNUC__", "?")
    machine = "x86_64" if known.get("__LP64__") and "__x86_64__" in known else \
        "another machine"
    return f"{machine} {compiler} {os.environ['GUARD_CFLAGS'].strip()}"


def judge(work, was, now):
    """What there is to say of one, and whether it is well."""
    change = now / was - 1
    text = f"{TITLES[work.split()[0]]}: {now:,} instructions, {was:,} in the file ({change:+.1%})"
    if change > TOLERANCE:
        return f"{text}: too many; where it must be so: make guard-renew", False
    if change < -TOLERANCE:
        return f"{text}: fewer; make guard-renew, so that they stay so", True
    return text, True


def renew(all_figures, name, found):
    all_figures.setdefault(name, {}).update(found)
    with open(FIGURES, "w", encoding="ascii") as file:
        json.dump(all_figures, file, indent=1, sort_keys=True)
        file.write("\n")
    print(f"{name}: {found}")


def compare(known, found):
    """Prints each; how many passed and failed."""
    results = [judge(work, known[work], now) for work, now in found.items() if work in known]
    for text, _ in results:
        print(text)
    for work in found.keys() - known.keys():
        print(f"nothing is compared: there is no figure for {work}")
    return sum(good for _, good in results), sum(not good for _, good in results)


def test_itself(found):
    """What is a tenth above its figure fails, and nothing else does."""
    for work in found:
        for other in found:
            known = found[other] * (0.9 if other == work else 1)
            assert judge(other, round(known), found[other])[1] == (other != work), other


def main():
    if shutil.which("valgrind") is None:
        print("skipped: no valgrind")
        sys.exit(77)
    with open(FIGURES, encoding="ascii") as file:
        all_figures = json.load(file)
    name = key()
    if "--renew" not in sys.argv and name not in all_figures:
        print(f"nothing is compared: there are no figures for {name}, only for "
              f"{', '.join(all_figures)}\n0 passed, 0 failed")
        return
    found = {}
    for work in WORKS:
        found.update(measure(work))
    if "--renew" in sys.argv:
        renew(all_figures, name, found)
        return
    test_itself(found)
    passed, failed = compare(all_figures[name], found)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
