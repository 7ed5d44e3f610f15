# SPDX-License-Identifier: ISC
"""Waiting for a condition, never for a time."""

import os
import socket
import time

PATIENCE = float(os.environ.get("TLSWARD_PATIENCE", "30"))	# seconds until "never"
PAUSE = 0.01


class NeverCame(Exception):
    """A condition did not come true."""


def until(what, condition, alive=None):
    """Returns the first true result of condition(); "alive" may raise."""
    end = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if alive is not None:
            alive()
        if time.monotonic() > end:
            raise NeverCame(what)
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
    """Different ports on which nobody listens now."""
    probes = [socket.create_server((host, 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
