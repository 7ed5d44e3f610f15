# SPDX-License-Identifier: ISC
"""What the tests of the source tree in Python share."""

import os
import re
import sys
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STRING = r'"((?:[^"\\]|\\.)*)"'


class Failure(Exception):
    """A test's reason for failing."""


class Skipped(Exception):
    """What a test would need and is not there."""


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as stream:
        return stream.read()


def expect(missing, what):
    if missing:
        raise Failure("%s: %s" % (what, "; ".join(missing)))


def find_tool(name="tlsward", variable="TLSWARD"):
    """The path of one of the programs, or None."""
    for path in (os.environ.get(variable), name, os.path.join(TOP, name)):
        if path and os.path.exists(path):
            return os.path.abspath(path)
    return None


def c_names(path, array):
    """The strings of an array of the C source, in their order."""
    found = re.search(r"\b%s\[\w*\] = \{(.*?)\}(?:;|,\n)" % array, read(path), re.S)
    names = re.findall(STRING, found.group(1)) if found else []
    if not names:
        raise Failure("%s: %s is not written as this test expects" % (path, array))
    return names


def run_all(namespace):
    """Runs what is called test_*, says what came of it, returns the exit status."""
    passed = failed = 0
    for name, test in sorted(namespace.items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
            passed += 1
        except Skipped as reason:
            print("skipped: %s (%s)" % (name, reason))
        except Failure as failure:
            print("FAILED %s: %s" % (name, failure))
            failed += 1
        except Exception:
            print("FAILED %s" % name)
            traceback.print_exc(file=sys.stdout)
            failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0
