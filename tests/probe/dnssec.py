# SPDX-License-Identifier: ISC
"""Zones, signed by a key that is made for them (RFC 4034, RSASHA256, NSEC).

    zone = Zone()
    zone.address("mx.acme.test", "127.0.0.5")
    zone.mx("acme.test", (10, "mx.acme.test"))
    key = Key(folder)
    text = zone.text(key)       as a file of that zone, records in RFC 3597's form
    key.anchor()                what validates it

The zone is the root unless another name is given.
"""

import base64
import hashlib
import os
import re
import struct
import time

from mta.pki import openssl

A, NS, CNAME, SOA, MX, TXT, AAAA, RRSIG, NSEC, DNSKEY, TLSA = (
    1, 2, 5, 6, 15, 16, 28, 46, 47, 48, 52)
IN, TTL, DAY = 1, 300, 86400
RSASHA256, SECURE_ENTRY = 8, 257
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def labels(name):
    """A name's labels, the last one first."""
    return [label.encode("ascii") for label in reversed(name.lower().split(".")) if label]


def wire(name):
    """A name as in a message."""
    return b"".join(bytes((len(label),)) + label
                    for label in reversed(labels(name))) + b"\0"


def bitmap(types):
    """The types of an NSEC record, all of which are below 256."""
    bits = bytearray(max(types) // 8 + 1)
    for kind in types:
        bits[kind // 8] |= 0x80 >> kind % 8
    return bytes((0, len(bits))) + bytes(bits)


class Key:
    """A key that signs a zone."""

    def __init__(self, folder):
        path = os.path.join(folder, "zone.key")
        openssl("genrsa", "-out", path, "1024")
        text = re.sub(r"\n\s+", "", openssl("rsa", "-in", path, "-noout", "-text"))
        numbers = dict(re.findall(r"^(\w+):\s*([\da-f:]+)", text, re.M))
        self._modulus, self._private = [
            int(numbers[name].replace(":", ""), 16)
            for name in ("modulus", "privateExponent")]
        self._size = self._modulus.bit_length() // 8
        self.record = struct.pack(">HBB", SECURE_ENTRY, 3, RSASHA256) + \
            b"\3\1\0\1" + self._modulus.to_bytes(self._size, "big")
        total = sum(struct.unpack(">%dH" % (len(self.record) // 2), self.record))
        self.tag = (total + (total >> 16)) & 0xffff

    def sign(self, data):
        """A signature (RFC 8017, PKCS #1 version 1.5)."""
        end = b"\0" + SHA256_INFO + hashlib.sha256(data).digest()
        padded = b"\0\1" + b"\xff" * (self._size - 2 - len(end)) + end
        return pow(int.from_bytes(padded, "big"), self._private,
                   self._modulus).to_bytes(self._size, "big")

    def anchor(self, zone=""):
        """A line of a file of trust anchors."""
        return "%s. %d IN DNSKEY %d 3 %d %s\n" % (
            zone, TTL, SECURE_ENTRY, RSASHA256,
            base64.b64encode(self.record[4:]).decode())


class Zone:
    """See the module."""

    def __init__(self, name=""):
        self.name = name
        self._sets = {}
        self._cuts, self._bogus, self._late = set(), set(), set()
        self._add(name, SOA, wire("ns") + wire("hostmaster") +
                  struct.pack(">5I", 1, DAY, DAY, DAY, TTL))
        self._add(name, NS, wire("ns"))
        if not name:
            self.address("ns", "127.0.0.1")

    def _add(self, name, kind, data):
        self._sets.setdefault((name.lower(), kind), []).append(data)

    # Records

    def address(self, name, *addresses):
        """IPv4 addresses."""
        for address in addresses:
            self._add(name, A, bytes(map(int, address.split("."))))

    def mx(self, name, *hosts):
        """Pairs of a preference and a host."""
        for preference, host in hosts:
            self._add(name, MX, struct.pack(">H", preference) + wire(host))

    def alias(self, name, target):
        self._add(name, CNAME, wire(target))

    def text_record(self, name, text):
        self._add(name, TXT, bytes((len(text),)) + text.encode("ascii"))

    def tlsa(self, name, port, usage, selector, matching, data):
        """For a host's port."""
        self._add("_%d._tcp.%s" % (port, name), TLSA,
                  bytes((usage, selector, matching)) + data)

    def cut(self, name):
        """Below it is another zone, which is not signed."""
        self._add(name, NS, wire("ns"))
        self._cuts.add(name)

    def break_signature(self, name, kind):
        """What signs these records is wrong."""
        self._bogus.add((name, kind))

    def end_signature(self, name, kind):
        """What signs these records was valid until yesterday."""
        self._late.add((name, kind))

    # As a file

    def text(self, key=None):
        """All records; signed where there is a key."""
        sets = dict(self._sets)
        if key:
            sets[self.name, DNSKEY] = [key.record]
            sets.update(self._denials(sets))
            sets.update({(name, RRSIG): data
                         for name, data in self._signatures(sets, key).items()})
        return "".join("%s. %d IN TYPE%d \\# %d %s\n" % (
            name, TTL, kind, len(data), data.hex())
            for (name, kind), records in sorted(sets.items(), key=self._first_soa)
            for data in records)

    @staticmethod
    def _first_soa(item):
        (name, kind), _ = item
        return kind != SOA, labels(name), kind

    def _denials(self, sets):
        names = sorted({name for name, _ in sets}, key=labels)
        for name, following in zip(names, names[1:] + names[:1]):
            types = [kind for other, kind in sets if other == name] + [RRSIG, NSEC]
            yield (name, NSEC), [wire(following) + bitmap(types)]

    def _signatures(self, sets, key):
        signatures = {}
        for (name, kind), records in sets.items():
            if not (name in self._cuts and kind == NS):
                signatures.setdefault(name, []).append(
                    self._signature(name, kind, records, key))
        return signatures

    def _signature(self, name, kind, records, key):
        now = int(time.time())
        end = now - DAY if (name, kind) in self._late else now + 7 * DAY
        head = struct.pack(">HBBIIIH", kind, RSASHA256, len(labels(name)), TTL, end,
                           now - 7 * DAY, key.tag) + wire(self.name)
        owner = wire(name) + struct.pack(">HHI", kind, IN, TTL)
        signature = key.sign(head + b"".join(
            owner + struct.pack(">H", len(data)) + data for data in sorted(records)))
        if (name, kind) in self._bogus:
            signature = bytes((signature[0] ^ 1,)) + signature[1:]
        return head + signature
