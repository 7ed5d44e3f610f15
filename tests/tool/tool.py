# SPDX-License-Identifier: ISC
"""What the tests of the tool's commands share. TLSWARD names the program."""

import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TLSWARD = os.path.abspath(os.environ.get("TLSWARD", "./tlsward"))
TIMEOUT = 60


def run(*arguments, text="", cwd=HERE, **options):
    """The command's status, standard output and standard error."""
    done = subprocess.run([TLSWARD, *arguments], input=text.encode("utf-8"),
                          capture_output=True, cwd=cwd, timeout=TIMEOUT, **options)
    return (done.returncode, done.stdout.decode("utf-8", "backslashreplace"),
            done.stderr.decode("utf-8", "backslashreplace"))


def main(module="__main__"):
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[module])
    result = unittest.TextTestRunner(verbosity=1, stream=sys.stdout).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 0 if failed == 0 else 1
