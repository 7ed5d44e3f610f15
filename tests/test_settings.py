#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Checks the settings files below tests/cases/settings.

good/NAME and bad/NAME hold tlsward.conf and its policy. What `tlsward check -c`
says on standard error must be the file "diagnostics" (nothing, where there is
none), and what it says on standard output the file "summary", where there is
one. With --update,
writes what is said now.
"""

import functools
import os
import re
import subprocess
import sys

import runner

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases/settings")
ENVIRONMENT = dict(os.environ, PATH=runner.NO_POSTCONF)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def update(folder, done):
    for name, text in (("diagnostics", done.stderr), ("summary", done.stdout)):
        if text:
            with open(os.path.join(folder, name), "wb") as file:
                file.write(text)


def differences(folder, done, good):
    """What is wrong, one string each."""
    statuses = (0,) if good else (1, 2)
    if done.returncode not in statuses:
        yield f"status {done.returncode}"
    texts = (("diagnostics", done.stderr, ""), ("summary", done.stdout, None))
    for name, said, default in texts:
        expected = read(os.path.join(folder, name))
        expected = default if expected is None else expected
        said = said.decode("utf-8", "surrogateescape")
        # Who looks, and what a start would find, is of this host.
        said = re.sub("^.*: info: .*\n", "", said, flags=re.M)
        if expected is not None and said != expected:
            yield f"{name}: expected\n{expected}got\n{said}"


def check(kind, name, updating):
    folder = os.path.join(CASES, kind, name)
    done = subprocess.run([runner.TLSWARD, "check", "-c", "tlsward.conf"], cwd=folder,
                          capture_output=True, env=ENVIRONMENT)
    if updating:
        update(folder, done)
    wrong = [text.encode("utf-8", "backslashreplace").decode()
             for text in differences(folder, done, kind == "good")]
    if wrong:
        raise runner.Failure("\n".join(wrong))


def main():
    parser = runner.parser()
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    cases = [(f"{kind}/{name}", functools.partial(check, kind, name, options.update))
             for kind in ("good", "bad") for name in sorted(os.listdir(
                 os.path.join(CASES, kind)))]
    return runner.main(options, cases, os.cpu_count())


if __name__ == "__main__":
    sys.exit(main())
