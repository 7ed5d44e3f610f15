# SPDX-License-Identifier: ISC
"""ClientHellos as they come, and answers to them that no OpenSSL gives.

A Legacy is a server of 2003: it takes the protocols and suites of its own choice and answers
with a ServerHello, its certificate and, where the suite wants one, a key exchange. No more
of a handshake is done: who asks has seen by then what there is to see.
"""

import collections
import struct

ALERT, HANDSHAKE, APPLICATION = 21, 22, 23
SERVER_HELLO, CERTIFICATE, KEY_EXCHANGE, HELLO_DONE = 2, 11, 12, 14
SSL3, TLS10, TLS11, TLS12 = 0x0300, 0x0301, 0x0302, 0x0303
FATAL = 2
HANDSHAKE_FAILURE, PROTOCOL_VERSION = 40, 70

RC4, RC4_MD5, TRIPLE_DES, DES = 0x0005, 0x0004, 0x000a, 0x0009
EXPORT, EXPORT_DES = 0x0003, 0x0008
NULL_SHA, NULL_MD5 = 0x0002, 0x0001
ANONYMOUS, ANONYMOUS_RC4 = 0x0034, 0x0018
AES128, AES256 = 0x002f, 0x0035
EPHEMERAL_AES128 = 0x0033
MODERN = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xc02f, 0xc030}
EPHEMERAL = {0x0015, 0x0016, 0x0014, 0x0033, 0x0039}
WITHOUT_CERTIFICATE = {ANONYMOUS, ANONYMOUS_RC4, 0x001a, 0x001b, 0x003a, 0x006c, 0x006d}

# version: of the record and of the hello; suites: numbers; versions: of the extension
# supported_versions; name: of SNI, or None; extensions: their numbers.
ClientHello = collections.namedtuple("ClientHello", "version suites versions name extensions")


class NoHello(ValueError):
    """These bytes are none."""


class _Reader:
    """What is left of bytes."""

    def __init__(self, data):
        self.rest = data

    def take(self, count):
        if count > len(self.rest):
            raise NoHello("cut")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def vector(self, size):
        return self.take(self.number(size))


def _numbers(data):
    return [number for number, in struct.iter_unpack(">H", data[:len(data) // 2 * 2])]


def _extensions(data):
    reader, found = _Reader(data), {}
    while reader.rest:
        number = reader.number(2)
        found[number] = reader.vector(2)
    return found


def read(record):
    """The ClientHello in a first record; raises NoHello."""
    reader = _Reader(record)
    if reader.number(1) != HANDSHAKE:
        raise NoHello("no handshake")
    reader.number(2)
    reader = _Reader(reader.vector(2))
    if reader.number(1) != 1:
        raise NoHello("no ClientHello")
    reader = _Reader(reader.vector(3))
    version = reader.number(2)
    reader.take(32)
    reader.vector(1)
    suites = _numbers(reader.vector(2))
    reader.vector(1)
    extensions = _extensions(reader.vector(2)) if reader.rest else {}
    name = extensions[0][5:].decode("ascii", "replace") if extensions.get(0) else None
    return ClientHello(version, suites, _numbers(extensions.get(43, b"")[1:]), name,
                       list(extensions))


def record(kind, version, data):
    """A record with these bytes."""
    return struct.pack(">BHH", kind, version, len(data)) + data


def alert(number, level=FATAL, version=TLS10):
    """An alert of any number."""
    return record(ALERT, version, bytes((level, number)))


def message(kind, data):
    """A message of a handshake."""
    return bytes((kind,)) + len(data).to_bytes(3, "big") + data


def vector(data, size):
    return len(data).to_bytes(size, "big") + data


def server_hello(version, suite, extensions=b"", compression=0, session=b""):
    """A ServerHello that takes this suite."""
    return message(SERVER_HELLO, struct.pack(">H", version) + b"\x5a" * 32 +
                   vector(session, 1) + struct.pack(">HB", suite, compression) + extensions)


def certificate(*chain):
    """The message of that name; each certificate is DER."""
    return message(CERTIFICATE, vector(b"".join(vector(each, 3) for each in chain), 3))


def diffie_hellman(bits, signature=b""):
    """A key exchange of a group of so many bits; the signature is nobody's."""
    prime = (1 << bits) - 1
    size = bits // 8
    return message(KEY_EXCHANGE, vector(prime.to_bytes(size, "big"), 2) + vector(b"\2", 2) +
                   vector((prime // 3).to_bytes(size, "big"), 2) + signature)


class Legacy:
    """See the module. "suites" are its own order; "renegotiation": whether it has RFC 5746."""

    def __init__(self, chain, suites, versions=(TLS10,), dh_bits=1024, renegotiation=False):
        self.chain, self.suites, self.versions = chain, suites, versions
        self.dh_bits, self.renegotiation = dh_bits, renegotiation

    def chosen(self, hello):
        """The version and suite that it takes of a ClientHello, or None for either."""
        version = max((each for each in self.versions if each <= hello.version),
                      default=None)
        return version, next((each for each in self.suites if each in hello.suites), None)

    def takes(self, hello):
        """Whether it answers with a ServerHello, beside a server of today."""
        return None not in self.chosen(hello) and \
            (hello.version == SSL3 or not MODERN & set(hello.suites))

    def answer(self, hello):
        """What it sends."""
        version, suite = self.chosen(hello)
        if version is None:
            return alert(PROTOCOL_VERSION)
        if suite is None:
            return alert(HANDSHAKE_FAILURE, version=version)
        return record(HANDSHAKE, version, self._flight(hello, version, suite))

    def _flight(self, hello, version, suite):
        asked = 0xff01 in hello.extensions or 0x00ff in hello.suites
        extensions = vector(b"\xff\x01\x00\x01\x00", 2) \
            if self.renegotiation and asked else b""
        flight = server_hello(version, suite, extensions)
        if suite not in WITHOUT_CERTIFICATE:
            flight += certificate(*self.chain)
        if suite in EPHEMERAL or suite in WITHOUT_CERTIFICATE:
            flight += diffie_hellman(self.dh_bits, b"" if suite in WITHOUT_CERTIFICATE
                                     else vector(b"\x11" * 256, 2))
        return flight + message(HELLO_DONE, b"")
