# SPDX-License-Identifier: ISC
"""Folders for throw-away servers, and the certificates that all of them share."""

import atexit
import functools
import os
import shutil
import tempfile

from .pki import Pki

MEMORY = "/dev/shm"	# where fsync costs nothing
KEEP = "TLSWARD_KEEP"	# set it to look at the folders after a run


def folder():
    """A new folder that every user may enter, in memory where possible."""
    within = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else None
    path = tempfile.mkdtemp(prefix="tlsward-", dir=within)
    os.chmod(path, 0o755)
    return path


def remove(path):
    """Removes a folder, unless the environment says to keep it."""
    if not os.environ.get(KEEP):
        shutil.rmtree(path, ignore_errors=True)


def shared_folder():
    """A new folder that is removed when this process ends, and not one forked off."""
    path = folder()
    owner = os.getpid()
    atexit.register(lambda: os.getpid() == owner and remove(path))
    return path


@functools.lru_cache(maxsize=None)
def pki():
    """The certificates of this run."""
    return Pki(shared_folder())
