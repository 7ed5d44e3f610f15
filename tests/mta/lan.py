# SPDX-License-Identifier: ISC
"""A network of one host that has the addresses and names a test wants.

    lan.run({"192.0.2.10": "mx.acme.example"}, scenario, argument)

runs scenario(argument) in a process of its own, with a network and an /etc/hosts that
no other process sees, and returns what it returns, which must be picklable. So
Postfix has clients and relays at addresses that are not loopback's. Needs root.
"""

import ctypes
import os
import pickle
import subprocess
import traceback

NEW_NETWORK, NEW_MOUNTS = 0x40000000, 0x00020000	# of unshare(2)


class Refused(Exception):
    """This machine gives nobody a network of its own."""


def _command(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Refused("%s: not installed" % words[0]) from error
    if done.returncode != 0:
        raise Refused("%s: %s" % (" ".join(words), done.stderr.strip()))


def _enter(names):
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(NEW_NETWORK | NEW_MOUNTS) != 0:
        raise Refused("unshare: " + os.strerror(ctypes.get_errno()))
    # What is mounted from here on stays here; in a chroot "/" may be no mount at all.
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        if " shared:" in mounts.read():
            _command("mount", "--make-rprivate", "/")
    hosts = "/dev/shm/hosts-%d" % os.getpid()
    with open(hosts, "w", encoding="ascii") as out:
        out.write("127.0.0.1 localhost\n::1 localhost\n")
        out.writelines("%s %s\n" % pair for pair in names.items() if pair[1])
    _command("mount", "--bind", hosts, "/etc/hosts")
    os.unlink(hosts)
    _command("ip", "link", "set", "lo", "up")
    for address in names:
        _command("ip", "address", "add", address, "dev", "lo")


def _outcome(names, function, arguments):
    try:
        _enter(names)
        return True, function(*arguments)
    except Refused as error:
        return False, error
    except BaseException:	# whatever it was, the other process is to tell
        return False, AssertionError(traceback.format_exc())


def run(names, function, *arguments):
    """See the module. A name may be None. Raises Refused where it cannot be had."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "wb") as out:
            pickle.dump(_outcome(names, function, arguments), out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as result:
        text = result.read()
    os.waitpid(child, 0)
    good, value = pickle.loads(text)
    if not good:
        raise value
    return value
