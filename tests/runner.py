# SPDX-License-Identifier: ISC
"""What the tests of the source tree in Python share: programs, counting, names.

A file of tests has classes of unittest and functions test_..., or gives cases, and
ends in

    if __name__ == "__main__":
        sys.exit(runner.main())

It is called with the names of the tests to run, or parts of them; without any all run.
--list prints the names, --first stops at the first failure. The last line is "N passed,
N failed", the exit status 0 where nothing failed.

The programs are those of $TLSWARD, $TLSWARD_MILTER and $MAKE_JOURNAL, else those of the
current folder or of the top of the source tree.
"""

import argparse
import concurrent.futures
import ctypes
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STRING = r'"((?:[^"\\]|\\.)*)"'
# A PATH on which postconf knows nothing: the Postfix of this host is no test's concern.
NO_POSTCONF = os.path.join(TOP, "tests", "no-postconf") + ":" + os.environ["PATH"]
TIMEOUT = 180
NEW_MOUNTS = 0x00020000	# of unshare(2)
# The programs read the data files of the source tree, wherever they are called from and
# whatever the time is there.
os.environ["TZ"] = "UTC0"
os.environ.setdefault("TLSWARD_DATADIR", os.path.join(TOP, "conf"))
# A program that gave up root cannot write down what of it was run, and would say so.
os.environ["GCOV_ERROR_FILE"] = os.devnull


def _hide_installed():
    """What is installed here, a daemon's user and settings, is no test's concern.

    Root has its tests see neither; nothing is mounted where others would see it too.
    """
    with open("/etc/passwd", "rb") as file:
        accounts = file.read()
    others = re.sub(rb"(?m)^tlsward:.*\n", b"", accounts)
    if os.geteuid() != 0 or (others == accounts and not os.path.isdir("/etc/tlsward")) or \
            ctypes.CDLL(None).unshare(NEW_MOUNTS) != 0:
        return

    def mount(*words):
        return subprocess.run(["mount", *words], capture_output=True, check=False).returncode

    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        if " shared:" in mounts.read() and mount("--make-rprivate", "/") != 0:
            return
    with tempfile.NamedTemporaryFile() as file:
        file.write(others)
        file.flush()
        os.chmod(file.name, 0o644)
        mount("--bind", file.name, "/etc/passwd")
    if os.path.isdir("/etc/tlsward"):
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/etc/tlsward")


_hide_installed()


class Threads:
    """Functions that run, each in a thread, from the block's begin on.

    They return once self._stop is set, which is at its end.
    """

    def __init__(self, functions):
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True)
                         for each in functions]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Failure(AssertionError):
    """A test's reason for failing, which needs no place in the source."""


class Skipped(unittest.SkipTest):
    """What a test would need and is not there."""


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as stream:
        return stream.read()


def expect(missing, what):
    if missing:
        raise Failure("%s: %s" % (what, "; ".join(missing)))


def find_program(path):
    """The path of a program, given as in the build directory, or None."""
    name = os.path.basename(path)
    for found in (os.environ.get(name.upper().replace("-", "_")), path,
                  os.path.join(TOP, path)):
        if found and os.path.exists(found):
            return os.path.abspath(found)
    return None


TLSWARD = find_program("tlsward") or os.path.abspath("tlsward")


@functools.lru_cache(maxsize=None)
def has_sanitizer(program=TLSWARD):
    """Whether a program is built with ASan: its memory is no measure, and all takes longer."""
    with open(program, "rb") as binary:
        return b"__asan_init" in binary.read()


def run(*arguments, text="", **options):
    """tlsward's status, standard output and standard error."""
    done = subprocess.run([TLSWARD, *arguments], input=text.encode("utf-8"),
                          capture_output=True, timeout=TIMEOUT, **options)
    return (done.returncode, done.stdout.decode("utf-8", "backslashreplace"),
            done.stderr.decode("utf-8", "backslashreplace"))


def folder(test):
    """A new folder that goes with the test."""
    path = tempfile.mkdtemp(prefix="tlsward-")
    test.addCleanup(shutil.rmtree, path, ignore_errors=True)
    return path


def c_names(path, array):
    """The strings of an array of the C source, in their order."""
    found = re.search(r"\b%s\[\w*\] = \{(.*?)\}(?:;|,\n)" % array, read(path), re.S)
    names = re.findall(STRING, found.group(1)) if found else []
    if not names:
        raise Failure("%s: %s is not written as this test expects" % (path, array))
    return names


def requirements():
    """The table of requirements: their names, and reasons with their replies."""
    text = "".join(read(path) for path in sorted(
        os.path.relpath(path, TOP) for path in glob.glob(
            os.path.join(TOP, "policy", "requirement*.c"))))
    text = re.sub(r"\\\n", "", text)
    for name, literal, _ in re.findall(r"#define (OTHER_\w+)\s+(%s)" % STRING, text):
        text = text.replace(name, literal)
    names = [name for pair in re.findall(r'\.name = "(.*?)", \.other_name = "(.*?)"', text)
             for name in pair]
    reasons = re.findall(r'"([a-z-]+)", "\d+", "[\d.]+",\s*((?:%s\s*)+),' % STRING, text)
    if len(names) < 20 or len(reasons) < 13:
        raise Failure("policy/requirement*.c are not written as this test expects")
    return names, [(word, literals) for word, literals, *_ in reasons]


class Case(unittest.TestCase):
    """A function as a test of that name; what it raises is why it fails."""

    def __init__(self, name, function):
        super().__init__()
        self.name, self.function = name, function

    def runTest(self):
        self.function()

    def id(self):
        return self.name


def name_of(test):
    """The name that a test is called by: without that of the file."""
    return test.id().replace("__main__.", "", 1)


def printable(text):
    """The text without control characters; tests have hostile ones in their names."""
    return "".join(char if char == "\n" or char.isprintable() else "?" for char in text)


class Result(unittest.TestResult):
    """Counts, and says what failed or was skipped as it happens."""

    def __init__(self, first=False):
        super().__init__()
        self.passed, self.bad, self.failfast = 0, {}, first

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addError(self, test, err):
        self._bad(test, err)
        super().addError(test, err)

    def addFailure(self, test, err):
        self._bad(test, err)
        super().addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._bad(test, err, str(subtest))
        super().addSubTest(test, subtest, err)

    def addUnexpectedSuccess(self, test):
        self.bad[name_of(test)] = "passed"
        super().addUnexpectedSuccess(test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print("skipped: %s (%s)" % (name_of(test), reason), flush=True)

    def _bad(self, test, error, what=None):
        if error[0] is Failure:
            text = str(error[1])
        else:
            text = "\n" + self._exc_info_to_string(error, test)
        self.bad[name_of(test)] = text
        print(printable("FAILED %s: %s" % (what or name_of(test), text)), flush=True)

    def summary(self):
        return "%d passed, %d failed" % (self.passed, len(self.bad))


def flat(suite):
    """All tests of a suite."""
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from flat(each)
        else:
            yield each


def tests_of_file(cases):
    """The tests of the program's own file: its classes, functions and cases."""
    module = sys.modules["__main__"]
    classes = list(flat(unittest.defaultTestLoader.loadTestsFromModule(module)))
    functions = [Case(name, value) for name, value in sorted(vars(module).items())
                 if name.startswith("test_") and callable(value)]
    return classes, functions + [Case(*case) for case in cases]


def parser():
    """A parser of the arguments that every file of tests takes."""
    made = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("names", nargs="*", metavar="NAME", help="a part of a test's name")
    made.add_argument("--list", action="store_true", help="the names")
    made.add_argument("--first", action="store_true", help="until one fails")
    return made


def selected(tests, names):
    """Those named; else all but, with a program that has sanitizers, what gains nothing by them."""
    if names:
        return [test for test in tests if any(name in name_of(test) for name in names)]
    return [test for test in tests
            if not (getattr(test, "without_sanitizers", False) and has_sanitizer())]


def run_threads(cases, result, threads):
    def one(case):
        if not result.shouldStop:
            case.run(result)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, cases))


def main(options=None, cases=(), threads=1):
    """Runs the tests of the program's file; returns the exit status.

    "options" are of parser(); "cases" pairs of a name and a function; these and the
    functions test_... run so many at a time.
    """
    options = options or parser().parse_args()
    classes, functions = [selected(tests, options.names)
                          for tests in tests_of_file(cases)]
    if options.list:
        print("\n".join(map(name_of, classes + functions)))
        return 0
    if not classes and not functions:
        print("no test has this in its name: " + " ".join(options.names))
        return 2
    result = Result(options.first)
    unittest.TestSuite(classes).run(result)
    run_threads(functions, result, threads)
    print(result.summary())
    return 1 if result.bad else 0
