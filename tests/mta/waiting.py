# SPDX-License-Identifier: ISC
"""Waiting for a condition, never for a time."""

import errno
import fcntl
import functools
import itertools
import os
import random
import socket
import tempfile
import time

PATIENCE = float(os.environ.get("TLSWARD_PATIENCE", "120"))	# seconds until "never"
PAUSE = 0.01
FIRST_PORT = 12000	# below it is where content filters listen


class NeverCame(Exception):
    """A condition did not come true."""


def until(what, condition, alive=None, progress=lambda: None):
    """Returns the first true result of condition(); "alive" may raise.

    Where progress() changes, patience begins anew: a slow machine takes what it takes.
    """
    seen, end = progress(), time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if alive is not None:
            alive()
        if progress() != seen:
            seen, end = progress(), time.monotonic() + PATIENCE
        if time.monotonic() > end:
            raise NeverCame(what if seen is None else "%s, but %s" % (what, seen))
        time.sleep(PAUSE)


def answers(family, address):
    """Whether somebody accepts a connection there."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
        return True


def connected(path):
    """A socket that is connected to a UNIX socket."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(PATIENCE)
    try:
        made.connect(path)
    except BaseException:
        made.close()
        raise
    return made


def free_ports(count, host="127.0.0.1"):
    """Different ports on which nobody listens, ours until this process ends."""
    found = list(itertools.islice(filter(
        functools.partial(_is_free, host), _ports()), count))
    if len(found) < count:
        raise OSError("no %d ports are free" % count)
    return found


@functools.lru_cache(maxsize=None)
def _ports():
    """Each of the ports that the kernel gives to no client, once, and again."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as text:
            low, high = map(int, text.read().split())
    except OSError:
        low, high = 32768, 60999
    ports = [port for port in range(FIRST_PORT, 65536) if not low <= port <= high]
    random.shuffle(ports)
    return itertools.chain.from_iterable(itertools.repeat(ports, 10))


@functools.lru_cache(maxsize=None)
def _register():
    """A file whose bytes stand for ports; whoever uses one has locked its byte."""
    path = os.path.join(tempfile.gettempdir(), "tlsward-ports-%d" % os.geteuid())
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _is_free(host, port):
    try:
        fcntl.lockf(_register(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:	# it is another process's
        return False
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return True
