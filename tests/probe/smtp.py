# SPDX-License-Identifier: ISC
"""SMTP servers with STARTTLS that do what a test wants, and write down what they are told.

    with Server("127.0.0.5", port, tls=tls(certificate)) as server:
        ...
    server.sessions     each with its lines, its hello, its begin and its end
    server.crowded      whether a connection came before the client had closed the last one

TLS is that of Python's ssl module, at security level 0 unless the context says otherwise.
"legacy" is a hello.Legacy that is asked first: what it takes of a ClientHello is answered by
it. "steps" are what else becomes of a session, by its stage:

    banner ehlo starttls hello inside

The value is a function that is given the session, sends what it likes and returns whether
the session goes on as it would have; see say(), closes() and others. "hello" comes when the
ClientHello has been read, "inside" at the EHLO within TLS.
"""

import contextlib
import select
import socket
import ssl
import threading
import time

from . import hello

CHUNK = 16384
DRIP = 0.2	# seconds
LINE_MAX = 4096
VERSIONS = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1,
            "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def tls(*certificates, lowest="TLSv1.2", highest="TLSv1.3", suites=None, server_order=True,
        dh=None, curve=None, client=ssl.CERT_NONE, authority=None):
    """A context: "certificates" are (file of a chain as it is sent, file of a key).

    "suites" are of TLS 1.2 and older, as OpenSSL writes them; "dh" a file with parameters.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers((suites or "ECDHE+AESGCM:ECDHE+CHACHA20") + ":@SECLEVEL=0")
    context.minimum_version = VERSIONS[lowest]
    context.maximum_version = VERSIONS[highest]
    for chain, key in certificates:
        context.load_cert_chain(chain, key)
    if not server_order:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if dh:
        context.load_dh_params(dh)
    if curve:
        context.set_ecdh_curve(curve)
    context.verify_mode = client
    if authority:
        context.load_verify_locations(authority)
    return context


def is_open(connection):
    """Whether neither side has closed it."""
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1
    except OSError:	# it is closed
        return False


class Gone(Exception):
    """The client has closed the connection."""


class Session:
    """One connection. Times are those of time.monotonic()."""

    def __init__(self, server, number, connection):
        self.server, self.number, self.connection = server, number, connection
        self.lines, self.hello, self.inside, self.failure = [], None, False, None
        self.begin, self.end = time.monotonic(), None
        self._got, self._tls = b"", None

    # Bytes

    def send(self, data):
        """Sends bytes, within TLS where that is."""
        if self._tls:
            self._tls.write(data)
            self._flush()
        else:
            self.connection.sendall(data)

    def receive(self):
        """Some bytes of the connection; raises Gone at its end."""
        data = self.connection.recv(CHUNK)
        if not data:
            raise Gone
        return data

    def read_line(self):
        """The next line, without its end."""
        while b"\n" not in self._got:
            if len(self._got) > LINE_MAX:
                raise Gone
            self._got += self._read_inside() if self._tls else self.receive()
        line, self._got = self._got.split(b"\n", 1)
        return line.rstrip(b"\r").decode("ascii", "backslashreplace")

    def wait_end(self):
        """Waits until the client closes."""
        while True:
            self.receive()

    # TLS

    def read_record(self):
        """The bytes of the first record."""
        data, self._got = self._got, b""
        while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
            data += self.receive()
        return data

    def handshake(self, context, first):
        """Does the server's part; "first" are the client's bytes that were read."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._incoming.write(first)
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._pump(tls.do_handshake)
        self._tls, self.inside = tls, True

    def _flush(self):
        self.connection.sendall(self._outgoing.read())

    def _pump(self, function):
        while True:
            try:
                return function()
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(self.receive())
            finally:
                with contextlib.suppress(OSError):
                    self._flush()

    def _read_inside(self):
        data = self._pump(lambda: self._tls.read(CHUNK))
        if not data:
            raise Gone
        return data

    @property
    def version(self):
        return self._tls.version() if self._tls else None

    @property
    def cipher(self):
        return self._tls.cipher()[0] if self._tls else None

    # The dialogue

    def run(self):
        """Until it ends."""
        if not self._step("banner"):
            return
        self.reply(self.server.banner)
        self.answer_all()

    def answer_all(self):
        """Answers commands until one ends the session."""
        while self._command(self._next_line()):
            pass

    def reply(self, *lines):
        """Sends the lines of one reply, "250 text" each."""
        for line in lines[:-1]:
            self.send((line[:3] + "-" + line[4:] + "\r\n").encode())
        self.send((lines[-1] + "\r\n").encode())

    def verbs(self):
        """The commands that were given, in their order."""
        return [line.split(" ")[0].upper() for line in self.lines]

    def _next_line(self):
        line = self.read_line()
        self.lines.append(line)
        return line

    def _step(self, stage):
        step = self.server.steps.get(stage)
        return True if step is None else step(self)

    def _command(self, line):
        verb = line.split(" ")[0].upper()
        if verb == "EHLO":
            return self._greet()
        if verb == "STARTTLS" and self.server.tls and not self.inside:
            return self._begin_tls()
        if verb == "QUIT":
            self.reply("221 2.0.0 bye")
            return False
        self.reply("250 2.0.0 fine" if verb in ("HELO", "NOOP", "RSET")
                   else "502 5.5.2 not here")
        return True

    def _greet(self):
        if not self._step("inside" if self.inside else "ehlo"):
            return False
        offers = () if self.inside or not self.server.tls else ("250 STARTTLS",)
        self.reply("250 " + self.server.name, "250 SIZE 10000000", *offers, "250 8BITMIME")
        return True

    def _begin_tls(self):
        if not self._step("starttls"):
            return False
        self.reply("220 2.0.0 go ahead")
        return self.begin_handshake()

    def begin_handshake(self):
        """Reads a ClientHello and answers it; whether the session goes on."""
        first = self.read_record()
        with contextlib.suppress(hello.NoHello):
            self.hello = hello.read(first)
        if not self._step("hello"):
            return False
        legacy = self.server.legacy
        if legacy and self.hello and (self.server.tls is legacy or
                                      legacy.takes(self.hello)):
            self.send(legacy.answer(self.hello))
            self.wait_end()
        self.handshake(self.server.tls, first)
        return True


class Server:
    """See the module. A Legacy as "tls" does all of it."""

    def __init__(self, host, port, tls=None, legacy=None, steps=None,
                 banner="220 mx ESMTP ready", name="mx"):
        self.host, self.port, self.tls, self.steps = host, port, tls, steps or {}
        self.legacy = tls if isinstance(tls, hello.Legacy) else legacy
        self.banner, self.name = banner, name
        self.sessions, self.crowded = [], False
        self.asking = threading.Lock()	# is held by who probes it
        self._open = set()
        self._listener = socket.create_server((host, port), backlog=16)
        self.stopping = threading.Event()
        self._awake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self._waker.close()
        self._thread.join()
        self._listener.close()
        self._awake.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self):
        while True:
            ready, _, _ = select.select([self._listener, self._awake], [], [])
            if self._awake in ready:
                return
            connection, _ = self._listener.accept()
            self.crowded |= any(map(is_open, list(self._open)))
            session = Session(self, len(self.sessions) + 1, connection)
            self.sessions.append(session)
            self._open.add(connection)
            threading.Thread(target=self._session, args=(session,), daemon=True).start()

    def _session(self, session):
        try:
            session.run()
        except (Gone, OSError) as error:	# ssl.SSLError too
            session.failure = error
        finally:
            session.end = time.monotonic()
            session.connection.close()
            self._open.discard(session.connection)


# Steps

def closes(session):
    """Closes the connection."""
    return False


def silent(session):
    """Says nothing any more."""
    session.wait_end()


def as_always(session):
    """Goes on as if nothing was."""
    return True


def drips(data):
    """These bytes and others, with some time between, never a line's end."""
    def step(session):
        session.send(data)
        while not session.server.stopping.wait(DRIP):
            session.send(b"x")
    return step


def resets(session):
    """Ends the connection with a reset."""
    session.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return False


def says(*lines, then=closes):
    """One reply in the place of the right one."""
    def step(session):
        session.reply(*lines)
        return then(session)
    return step


def goes_on(session):
    """Nothing comes of it: whatever the client says next is answered as always."""
    session.answer_all()
    return False


def sends(data, then=closes):
    """Bytes, and what follows."""
    def step(session):
        session.send(data)
        return then(session)
    return step


def endless(data):
    """The same bytes until the client has had enough."""
    def step(session):
        while True:
            session.send(data)
    return step


def after(count, step):
    """The step, from the connection after so many on."""
    return lambda session: True if session.number <= count else step(session)


def at_once(session):
    """TLS straight away, without any SMTP before."""
    return session.begin_handshake()
