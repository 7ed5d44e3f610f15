# SPDX-License-Identifier: ISC
"""What the tests of the tool's commands share, beside tests/runner.py."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import runner  # noqa: E402
from runner import (NO_POSTCONF, TIMEOUT, TLSWARD, find_program,  # noqa: E402,F401
                    main)  # noqa: E402,F401


def run(*arguments, cwd=HERE, **options):
    """The command's status, standard output and standard error, in this folder.

    It runs without the Postfix of this host, unless with another environment.
    """
    options.setdefault("env", dict(os.environ, PATH=NO_POSTCONF))
    return runner.run(*arguments, cwd=cwd, **options)


class Folder(unittest.TestCase):
    """A test with files in a folder of its own."""

    def setUp(self):
        self.folder = runner.folder(self)

    def write(self, name, text, mode=None):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        if mode is not None:
            os.chmod(path, mode)
        return path
