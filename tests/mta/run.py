#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs the tests of this folder behind a real Postfix and a real Sendmail; needs root.

usage: run.py [PATTERN...]    a pattern is a part of a test's name; none: $TLSWARD_CLASSES

Test classes run in parallel, each with servers of its own; the times are those from
its start to its end. The daemon is
$TLSWARD_MILTER, or tlsward-milter in the current folder. TLSWARD_KEEP=1 keeps
the folders of the servers. The exit status is 77 where the tests cannot run. Where
Sendmail alone cannot be had, the tests behind it are left out, and that is said.
"""

import concurrent.futures
import io
import multiprocessing
import os
import shutil
import sys
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import runner	# noqa: E402
from mta import milter, postfix, sendmail, workspace	# noqa: E402


def obstacle():
    """Why the tests cannot run here, or None."""
    if postfix.obstacle():
        return postfix.obstacle()
    return obstacle_to_any()


def obstacle_to_any():
    """Why no test with a daemon can run here, or None."""
    if shutil.which("openssl") is None:
        return "openssl is not installed"
    try:
        milter.program()
    except FileNotFoundError as error:
        return str(error)
    return None


def classes(patterns, left_out=None, folder=HERE):
    """The tests to run, as lists of names, one list for each class, the longest first.

    They are those of the files in "folder", beside this one. Those behind the MTA
    "left_out" are not among them, nor, with a daemon that has sanitizers and unless they
    are named, those of what it does in the same way without.
    """
    patterns = patterns or os.environ.get("TLSWARD_CLASSES", "").split()
    sanitized = not patterns and milter.has_sanitizer()
    slow = set()
    found = {}
    suite = unittest.defaultTestLoader.discover(folder, top_level_dir=os.path.dirname(HERE))
    for test in runner.flat(suite):
        if left_out and getattr(test, "mta", None) == left_out:
            continue
        if sanitized and getattr(test, "without_sanitizers", False):
            continue
        if not patterns or any(pattern in test.id() for pattern in patterns):
            found.setdefault(test.id().rpartition(".")[0], []).append(test.id())
            slow.update([test.id()] if getattr(test, "slow", False) else [])
    return sorted(found.values(), reverse=True,
                  key=lambda names: (names[0] in slow, len(names)))


def run_class(names):
    """Runs the tests of one class: passed, failed, skipped, seconds, and a report."""
    began, stream = time.monotonic(), io.StringIO()
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(stream, verbosity=0).run(suite)
    bad = {str(getattr(test, "test_case", test))
           for test, _ in result.failures + result.errors}
    bad.update(map(str, result.unexpectedSuccesses))
    skipped = len(result.skipped)
    passed = max(0, result.testsRun - skipped - len(bad))
    return (passed, len(bad), skipped, time.monotonic() - began,
            runner.printable(stream.getvalue()) if bad else "")


def run_all(work):
    """Runs the classes, some at a time; how many passed, failed, were skipped."""
    totals = [0, 0, 0]
    context = multiprocessing.get_context("fork")
    # Most of them wait most of the time.
    processes = (os.cpu_count() or 1) + 1
    with concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
        jobs = {pool.submit(run_class, names): names for names in work}
        for job in concurrent.futures.as_completed(jobs):
            *counts, seconds, report = job.result()
            totals = [sum(pair) for pair in zip(totals, counts)]
            print("%-45s %4d passed %3d failed %6.1f s" % (
                jobs[job][0].rpartition(".")[0], *counts[:2], seconds), flush=True)
            if report:
                print(report, flush=True)
    return totals


def conclude(passed, failed, skipped):
    """Prints the last lines; returns the exit status."""
    if skipped:
        print("%d skipped" % skipped)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


def main(patterns):
    why = obstacle()
    if why:
        print("skipped: " + why)
        return 77
    # Fetched and unpacked once, before the processes for the classes are forked off.
    left_out = None if sendmail.obstacle() is None else "sendmail"
    work = classes(patterns, left_out)
    workspace.pki()
    totals = run_all(work)
    if left_out:
        print("skipped: all behind Sendmail: " + sendmail.obstacle())
    return conclude(*totals)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
