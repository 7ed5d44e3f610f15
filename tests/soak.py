#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Many sessions on one daemon: its memory and its open files stay what they are.

usage: soak.py [SESSIONS]	20000; 5000 where sanitizers make of memory no measure

Each session has a client and a sender of its own; a part each is refused, accepted at
once, held and followed to its end, with a journal, a log and a reload now and then. The
daemon is $TLSWARD_MILTER, or that of the current folder, and so is tests/bench/load.
What the daemon has is printed as it goes; the last line is "N passed, N failed".
"""

import os
import pwd
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from mta import process, waiting, workspace	# noqa: E402
from mta.milter import USER, Milter	# noqa: E402
from mta.test_descriptors import open_files, processor_seconds	# noqa: E402
from mta.milter import has_sanitizer	# noqa: E402

POLICY = """
from .strict.example { require tls >= 1.3; require certificate name x.example
    otherwise reject }
from .held.example { require certificate name x.example; otherwise quarantine }
from .watched.example { monitor; require certificate name x.example }
"""
# What a round sends, and the one of the milter's replies but "c", continue, that comes of
# it, once a session, by the protocol's letter.
KINDS = {"strict": "y", "held": "q", "watched": None, "open": "a"}
OURS = "someone@ours.example"
ROUNDS = 20
WARM = 8		# rounds after which memory is what it is
GROWTH_KIB = 4096	# that is none: arenas of threads come and go
PARALLEL = 24


class Soak:
    """A daemon, and what it had after each round."""

    def __init__(self, folder, sessions):
        self.part = max(1, sessions // ROUNDS // len(KINDS))
        self.milter = Milter(os.path.join(folder, "milter"), POLICY,
                             journal="sqlite:" + os.path.join(folder, "db", "journal.db"),
                             journal_max="16 MB", log_accepted="yes")
        os.makedirs(os.path.join(folder, "db"))
        if os.geteuid() == 0:
            os.chown(os.path.join(folder, "db"), pwd.getpwnam(USER).pw_uid, -1)
        self.load = os.environ.get("BENCH_LOAD") or "tests/bench/load"
        self.sizes = []
        self.files = []

    def worker(self):
        pid, = [pid for pid in self.milter.server.family()
                if pid != self.milter.server.pid]
        return pid

    def run(self):
        self.milter.start()
        worker = self.worker()
        try:
            for number in range(ROUNDS):
                self.round(number)
            if self.worker() != worker:
                raise AssertionError("the worker is another one")
        finally:
            status = self.milter.stop()
        if status != 0:
            raise AssertionError("ended with %s: %s" % (
                status, self.milter.error_text()))
        self.judge()

    def round(self, number):
        began = time.monotonic()
        for kind, reply in KINDS.items():
            self.send("a#@r%dn#.%s.example" % (number, kind), reply)
        # The reload begins a new log; the journal has a bound of its own.
        os.unlink(self.milter.log)
        self.milter.reload()
        worker = self.worker()
        waiting.until("the end of the sessions", lambda: open_files(worker)
                      <= max(self.files or [10000]))
        self.files.append(open_files(worker))
        self.sizes.append(process.resident_kib([worker]))
        print("%8d sessions %6.0f/s %7d KiB %4d files %6.1f s of processors" % (
            (number + 1) * self.part * len(KINDS),
            self.part * len(KINDS) / (time.monotonic() - began), self.sizes[-1],
            self.files[-1], processor_seconds(worker)), flush=True)

    def send(self, sender, reply):
        done = subprocess.run((self.load, self.milter.socket, str(self.part),
                               str(PARALLEL), sender, OURS), check=False,
                              capture_output=True, text=True)
        counts = dict(re.findall(r"(.)=(\d+)", done.stdout))
        counts.pop("c", None)
        if done.returncode != 0 or counts != ({reply: str(self.part)} if reply else {}):
            raise AssertionError("%s: %s %s" % (sender, done.stdout, done.stderr))

    def judge(self):
        growth = self.sizes[-1] - max(self.sizes[:WARM])
        if growth > GROWTH_KIB and not has_sanitizer():
            raise AssertionError("memory grew by %d KiB: %s" % (growth, self.sizes))
        if max(self.files[WARM:]) > max(self.files[:WARM]):
            raise AssertionError("open files: %s" % self.files)


def main(arguments):
    if len(arguments) > 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = workspace.folder()
    try:
        Soak(folder, int(arguments[0]) if arguments else
             5000 if has_sanitizer() else 20000).run()
    except (AssertionError, waiting.NeverCame) as error:
        print("FAILED %s\n0 passed, 1 failed" % error)
        return 1
    finally:
        workspace.remove(folder)
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
