#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs the tests of this folder, each class with a throw-away PostgreSQL of its own.

usage: run.py [PATTERN...]    a pattern is a part of a test's name

Test classes run in parallel. The programs are $TLSWARD, $TLSWARD_MILTER and
$MAKE_JOURNAL, else those of the current folder; PostgreSQL's are found as cluster.py
says. TLSWARD_KEEP=1 keeps the folders of the servers. The exit status is 77 where
the tests cannot run. Those behind an MTA are skipped where there is none.
"""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from fleet import cluster	# noqa: E402
from mta import run	# noqa: E402


def main(patterns):
    why = cluster.obstacle() or run.obstacle_to_any()
    if why:
        print("skipped: " + why)
        return 77
    return run.conclude(*run.run_all(run.classes(patterns, folder=HERE)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
