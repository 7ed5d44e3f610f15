# SPDX-License-Identifier: ISC
"""What the tests of the tool's commands share, beside tests/runner.py."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import runner  # noqa: E402
from runner import TIMEOUT, TLSWARD, main  # noqa: E402,F401


def run(*arguments, cwd=HERE, **options):
    """The command's status, standard output and standard error, in this folder."""
    return runner.run(*arguments, cwd=cwd, **options)
