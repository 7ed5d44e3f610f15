# SPDX-License-Identifier: ISC
"""A resolver that says of DNSSEC what a test wants, for a network of lan.py.

    zone = Zone()
    zone.mx("acme.example", "mx.acme.example")
    zone.host("mx.acme.example", "192.0.2.10", secure=True)
    zone.tlsa("mx.acme.example", digest, secure=True)
    Resolver(zone).start()

It answers on 127.0.0.1, where RESOLV_CONF has everybody ask, and over UDP alone. What
is "secure" has the AD bit, as if it was validated; for a name of which nothing is known
that is so too, so that it does not exist, provably.
"""

import socket
import struct
import threading

ADDRESS = "127.0.0.1"
A, NS, MX, TLSA = 1, 2, 15, 52
FAILED, NO_NAME = 2, 3
RESOLV_CONF = "nameserver %s\noptions trust-ad timeout:10 attempts:5\n" % ADDRESS


def wire(name):
    """A name's labels, as in a message."""
    return b"".join(bytes([len(label)]) + label.encode("ascii")
                    for label in name.split(".") if label) + b"\0"


class Zone:
    """All that is known: records of a name and a type, and whether they are secure."""

    def __init__(self):
        self._records = {("", NS): (True, [wire("ns.example")])}
        self._names = {""}
        self._failing = set()

    def _add(self, name, kind, secure, data):
        self._records.setdefault((name, kind), (secure, []))[1].append(data)
        self._names.add(name)

    def mx(self, name, *hosts, secure=False):
        """The hosts that take mail for it, the first one first."""
        for number, host in enumerate(hosts):
            self._add(name, MX, secure, struct.pack(">H", 10 * number + 10) + wire(host))

    def host(self, name, address, secure=False):
        """A host's address."""
        self._add(name, A, secure, socket.inet_aton(address))

    def tlsa(self, name, digest, secure=True):
        """DANE-EE of the public key with that SHA-256 digest, in hex, for port 25."""
        self._add("_25._tcp." + name, TLSA, secure, b"\3\1\1" + bytes.fromhex(digest))

    def fails(self, name):
        """There is no answer to be had on the host's TLSA records."""
        self._failing.add("_25._tcp." + name)

    def answer(self, name, kind):
        """Response code, secure, records."""
        if name in self._failing:
            return FAILED, False, []
        if (name, kind) in self._records:
            return (0, *self._records[name, kind])
        if name not in self._names:
            return NO_NAME, True, []
        # No such record, as secure as the others of that name.
        return 0, all(secure for (known, _), (secure, _) in self._records.items()
                      if known == name), []


def question(message):
    """The name that is asked of, the type, and where the question ends."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("ascii").lower())
        at += 1 + message[at]
    return ".".join(labels), struct.unpack_from(">H", message, at + 1)[0], at + 5


def reply(zone, message):
    """The answer to a query, both as bytes."""
    name, kind, end = question(message)
    code, secure, records = zone.answer(name, kind)
    # QR, RD and RA; AD; the question's name is where the answers' name is.
    flags = 0x8180 | (0x20 if secure else 0) | code
    return (message[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
            + message[12:end] + b"".join(
                b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
                for data in records))


class Resolver:
    """See the module. It ends with the process."""

    def __init__(self, zone):
        self._zone = zone
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((ADDRESS, 53))

    def start(self):
        """Begins to answer."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            message, client = self._socket.recvfrom(4096)
            self._socket.sendto(reply(self._zone, message), client)
