# SPDX-License-Identifier: ISC
"""All that a probe sees: mail servers with names, in a DNS of the tests' own.

    world = World(folder)
    chain = world.chains.good("mx.acme.example")
    server = world.host("mx.acme.example", tls=smtp.tls(chain))
    with world:
        world.probe("mx.acme.example:%d" % server.port)

Each server has an address of loopback's to itself; its port is a free one unless the world
has one port for all. The root zone is signed, "plain." is a zone below it that is not.
"""

import atexit
import contextlib
import functools
import ipaddress
import itertools
import json
import os
import subprocess
import threading
from collections import namedtuple

import runner
from mta import waiting, workspace

from .chains import Chains
from .dnssec import Key, Zone
from .resolver import Unbound, program as unbound
from .smtp import Server

FIRST_ADDRESS = ipaddress.IPv4Address("127.0.1.1")
PLAIN = "plain"

# What a probe ended with: its status, its --json as an object or None, and its texts.
Outcome = namedtuple("Outcome", "status report output errors")


@functools.lru_cache(maxsize=None)
def obstacle():
    """Why there is no such world here, or None."""
    if not unbound():
        return "unbound is not installed"
    trouble = probe("probe", "--json", "--resolver", "127.0.0.1@1", "localhost").errors
    return trouble if "built without" in trouble else None


class World:
    """See the module. "addresses" are what servers get, one after the other."""

    def __init__(self, folder, port=None, addresses=None):
        self.folder, self.port = folder, port
        self.chains = Chains(folder)
        self.root, self.plain = Zone(), Zone(PLAIN)
        self.root.cut(PLAIN)
        self.servers = []
        self._addresses = iter(addresses or (
            str(FIRST_ADDRESS + number) for number in itertools.count()))
        self._key = Key(folder)
        self._stack = contextlib.ExitStack()
        self.anchor = os.path.join(folder, "anchor")
        with open(self.anchor, "w", encoding="ascii") as out:
            out.write(self._key.anchor())

    def zone(self, name):
        """The zone that a name is in."""
        return self.plain if name.endswith("." + PLAIN) else self.root

    def address(self):
        """An address that nobody has."""
        return next(self._addresses)

    def host(self, name, **behaviour):
        """A server of that name; see smtp.Server."""
        address = self.address()
        port = self.port or waiting.free_ports(1)[0]
        self.zone(name).address(name, address)
        server = Server(address, port, name=name, **behaviour)
        self.servers.append(server)
        self._stack.push(server)
        return server

    def __enter__(self):
        port, = waiting.free_ports(1)
        resolver = Unbound(self.folder, port, {
            "": self.root.text(self._key), PLAIN: self.plain.text()})
        for server in self.servers:
            server.__enter__()
        self._stack.enter_context(resolver)
        self.resolver = resolver.address
        return self

    def __exit__(self, *what):
        return self._stack.__exit__(*what)

    def probe(self, *arguments, anchor=True, **options):
        """Probes; --json is added unless other options of output are there."""
        words = ["probe", "--json", "--resolver", self.resolver, "--ca", self.chains.ca]
        if anchor:
            words += ["--anchor", self.anchor]
        return probe(*words, *arguments, **options)


class Shared:
    """One world for a file's tests, made when the first asks: calls return what "make"
    does, which is given the world that then begins and lasts as long as the tests."""

    def __init__(self, make):
        self._make, self._lock, self._made = make, threading.Lock(), None

    def __call__(self):
        if obstacle():
            raise runner.Skipped(obstacle())
        with self._lock:
            if not self._made:
                place = World(workspace.shared_folder())
                made = place, self._make(place)
                place.__enter__()
                atexit.register(place.__exit__, None, None, None)
                self._made = made
        return self._made


def expect(condition, what, outcome):
    if not condition:
        raise runner.Failure("%s\n%s\n%s" % (what, outcome.output, outcome.errors))


def probe(*words, timeout=runner.TIMEOUT, **options):
    """Runs tlsward with these words."""
    done = subprocess.run([runner.TLSWARD, *words], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=timeout, check=False,
                          env=dict(os.environ, PATH=runner.NO_POSTCONF), **options)
    output = done.stdout.decode("utf-8", "backslashreplace")
    try:
        report = json.loads(output)
    except ValueError:
        report = None
    return Outcome(done.returncode, report, output,
                   done.stderr.decode("utf-8", "backslashreplace"))
