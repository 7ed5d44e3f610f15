# SPDX-License-Identifier: ISC
"""What tests/memory/shortage.c shares with a test: memory that runs out when told to.

TLSWARD_SHORTAGE_LIBRARY names what it was built as.
"""

import mmap
import os
import random
import struct
import tempfile

import runner

LIBRARY = os.environ.get("TLSWARD_SHORTAGE_LIBRARY") or runner.find_program(
    "tests/memory/preload.so")
EVERYBODYS, OURS, LIBRARIES = range(3)
WORDS = ("failing", "lasting", "process", "whose", "count", "live", "failed", "telling",
         "now")
SIZES = (256, 2048)
NOW = 1796000000


def spread(count, tried):
    """So many numbers up to count, from one taken at random; None: 25, always the same."""
    step = max(1, count // (25 if tried is None else int(tried) or max(1, count)))
    first = (step - 1) // 2 if tried is None else random.randrange(step)
    return range(first + 1, count + 1, step)


class Shortage:
    """The shared file. Its words are attributes; "environment" is for the program."""

    def __init__(self, beside, **words):
        handle, self.path = tempfile.mkstemp(prefix="shortage", dir=beside)
        os.ftruncate(handle, 8 * len(WORDS) + sum(SIZES))
        os.fchmod(handle, 0o666)
        self.__dict__["shared"] = mmap.mmap(handle, 0)
        os.close(handle)
        for name, value in words.items():
            setattr(self, name, value)
        self.environment = {**os.environ, "LD_PRELOAD": LIBRARY,
                            "TLSWARD_SHORTAGE": self.path}

    def __getattr__(self, name):
        if name not in WORDS:
            raise AttributeError(name)
        return struct.unpack_from("=q", self.shared, 8 * WORDS.index(name))[0]

    def __setattr__(self, name, value):
        if name in WORDS:
            struct.pack_into("=q", self.shared, 8 * WORDS.index(name), value)
        elif name == "folder":
            struct.pack_into("=%ds" % SIZES[0], self.shared, 8 * len(WORDS),
                             os.fsencode(value))
        else:
            super().__setattr__(name, value)

    @property
    def where(self):
        """The functions that were told no first, innermost first."""
        start = 8 * len(WORDS) + SIZES[0]
        return self.shared[start:].split(b"\0")[0].decode()

    def fail(self, number, lasting=False):
        """The allocation of that number from now on fails, and all after it."""
        self.failing = 0
        self.lasting = int(lasting)
        self.count = self.failed = 0
        self.failing = number
