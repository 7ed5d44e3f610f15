# SPDX-License-Identifier: ISC
"""A milter client that sends what it is told to, in any order, right or wrong.

    with Peer(milter.socket) as peer:
        peer.negotiate()
        peer.connect("192.0.2.1", 4711, macros={"v": "Postfix 3.7.11"})
        peer.helo("a.example")
        peer.mail("<a@a.example>", macros={"{client_name}": "a.example"})
        peer.rcpt("<b@ours.example>")       # "continue", "tempfail", "550 5.7.1 No"

A command returns the milter's answer as a word or as the text of its reply: "" where
none was agreed on, and None where the milter closed the connection. What comes before the
answer (a quarantine, header fields) is in "edits" afterwards. Below that: send() sends
any packet, raw() any bytes, receive() takes a packet. The protocol is that of
libmilter/mfdef.h, version 6.
"""

import contextlib
import socket
import struct

from . import waiting

VERSION = 6
ALL_ACTIONS = 0x1ff
ALL_STEPS = 0x1fffff
LONGEST = 1 << 20	# of the packets that are taken from a milter

ANSWERS = {b"a": "accept", b"c": "continue", b"d": "discard", b"r": "reject",
           b"s": "skip", b"t": "tempfail", b"4": "shutdown", b"f": "fail"}
EDITS = {b"+": "add recipient", b"-": "delete recipient", b"2": "add recipient",
         b"b": "replace body", b"e": "change sender", b"h": "add header",
         b"i": "insert header", b"m": "change header", b"p": "progress",
         b"q": "quarantine"}
STAGES = ("connect", "helo", "mail", "rcpt", "data", "end", "header end")

# Commands that are not answered where the step has been agreed on (SMFIP_NR_...).
NO_REPLY = {b"C": 0x1000, b"H": 0x2000, b"M": 0x4000, b"R": 0x8000, b"T": 0x10000,
            b"U": 0x20000, b"N": 0x40000, b"B": 0x80000, b"L": 0x80}
NEVER_ANSWERED = b"DAQK"


class Options:
    """What a milter said in the negotiation."""

    def __init__(self, data):
        self.version, self.actions, self.steps = struct.unpack(">III", data[:12])
        self.macros = {}	# the lists that it asked for, by stage
        rest = data[12:]
        while rest:
            stage, = struct.unpack(">I", rest[:4])
            names, _, rest = rest[4:].partition(b"\0")
            self.macros[STAGES[stage]] = names.decode("ascii").split()


class Peer:
    """One connection to a milter: a path, or a host and a port."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.options = None
        self.edits = []
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(waiting.PATIENCE)
        try:
            self._socket.connect(address)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection without a word."""
        self._socket.close()

    # Packets

    def raw(self, data):
        """Sends these bytes as they are. Whether they could be sent."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)
            return True
        return False

    def send(self, command, data=b""):
        """Sends a packet; "command" is its one byte. Whether it could be sent."""
        return self.raw(frame(command, data))

    def receive(self):
        """The next packet, as its command and data; None at the connection's end."""
        head = self._read(4)
        if head is None:
            return None
        length, = struct.unpack(">I", head)
        if not 0 < length <= LONGEST:
            raise ValueError("a packet of %d bytes" % length)
        body = self._read(length)
        return body and (body[:1], body[1:])

    def _read(self, count):
        data = b""
        while len(data) < count:
            try:
                more = self._socket.recv(count - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            data += more
        return data

    def answer(self):
        """The answer to a command."""
        self.edits = []
        while True:
            packet = self.receive()
            if packet is None:
                return None
            command, data = packet
            if command in EDITS:
                self.edits.append((EDITS[command], data))
            elif command == b"y":
                return data.rstrip(b"\0").decode("utf-8")
            else:
                return ANSWERS[command]

    def say(self, command, data=b"", macros=None):
        """Sends a command, with its macros before it, and returns the answer."""
        if macros is not None:
            self.macros(command, macros)
        sent = self.send(command, data)
        agreed = self.options.steps if self.options else 0
        if command in NEVER_ANSWERED or NO_REPLY.get(command, 0) & agreed:
            return "" if sent else None
        return self.answer()

    # What an MTA says

    def negotiate(self, version=VERSION, actions=ALL_ACTIONS, steps=ALL_STEPS):
        """Offers this and returns what the milter wants of it, or None."""
        self.offer(version, actions, steps)
        return self.agreed()

    def offer(self, version=VERSION, actions=ALL_ACTIONS, steps=ALL_STEPS):
        """The first half of negotiate()."""
        self.send(b"O", struct.pack(">III", version, actions, steps))

    def agreed(self):
        """The second half."""
        packet = self.receive()
        if packet is not None:
            self.options = Options(packet[1])
        return self.options

    def macros(self, command, values):
        """Macros for a command: a dictionary, or a list of strings, odd or even."""
        if isinstance(values, dict):
            values = [text for pair in values.items() for text in pair]
        self.send(b"D", command + strings(*values))

    def connect(self, address="192.0.2.1", port=4711, name="client.example", macros=None):
        """A client. "address": IPv4, IPv6, the path of a UNIX socket, or None."""
        family = b"U" if address is None else b"L" if address.startswith("/") else \
            b"6" if ":" in address else b"4"
        where = b"" if address is None else struct.pack(">H", port) + strings(address)
        return self.say(b"C", strings(name) + family + where, macros)

    def helo(self, name="client.example", macros=None):
        return self.say(b"H", strings(name), macros)

    def mail(self, sender, *parameters, macros=None):
        return self.say(b"M", strings(sender, *parameters), macros)

    def rcpt(self, recipient, *parameters, macros=None):
        return self.say(b"R", strings(recipient, *parameters), macros)

    def data(self, macros=None):
        return self.say(b"T", macros=macros)

    def header(self, name, value, macros=None):
        return self.say(b"L", strings(name, value), macros)

    def header_end(self, macros=None):
        return self.say(b"N", macros=macros)

    def body(self, text):
        return self.say(b"B", text)

    def end(self, macros=None):
        return self.say(b"E", macros=macros)

    def abort(self):
        return self.say(b"A")

    def quit(self):
        return self.say(b"Q")

    def quit_nc(self):
        """Ends the session; the connection is to be used for another one."""
        return self.say(b"K")


def strings(*values):
    """Strings as they stand in packets, each with a NUL."""
    return b"".join((value.encode("utf-8") if isinstance(value, str) else value) + b"\0"
                    for value in values)


def frame(command, data=b""):
    """A packet as it stands in the connection."""
    return struct.pack(">I", len(command) + len(data)) + command + data
