# SPDX-License-Identifier: ISC
"""An SMTP client that does exactly what it is told, bytes and all.

    with Client(port) as client:
        client.greet()
        client.starttls(tls(version="1.3"))
        client.command("MAIL FROM:<a@acme.example>")	-> "250 2.1.0 Ok"

A reply is a list of lines; Reply.text joins them, Reply.code is the number.
"""

import _ssl
import ctypes
import socket
import ssl
import struct
import warnings

PATIENCE = 60.0	# seconds for one reply

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


class Lost(Exception):
    """The server closed the connection."""


class Reply(list):
    """The lines of one reply, without CR LF."""

    @property
    def text(self):
        return "\n".join(self)

    @property
    def code(self):
        return int(self[0][:3])

    @property
    def keywords(self):
        """The extensions that an EHLO reply offers."""
        return {line[4:].split(" ")[0].upper() for line in self[1:]}


class _PyContext(ctypes.Structure):
    """The start of CPython's _ssl._SSLContext: a PyObject's head, then SSL_CTX."""
    _fields_ = [("refcount", ctypes.c_ssize_t), ("type", ctypes.c_void_p),
                ("ctx", ctypes.c_void_p)]


def _set_suites(context, suites):
    """What Python's ssl does not offer: the cipher suites of TLS 1.3."""
    # The libssl that Python itself uses, whichever that is.
    library = ctypes.CDLL(getattr(_ssl, "__file__", None))
    library.SSL_CTX_set_ciphersuites.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    raw = _PyContext.from_address(id(context)).ctx
    if library.SSL_CTX_set_ciphersuites(raw, suites.encode("ascii")) != 1:
        raise ValueError("cipher suites " + suites)


def tls(version=None, cipher=None, certificate=None):
    """A context for exactly this protocol, cipher or suite, and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if version is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = VERSIONS[version]
            context.maximum_version = VERSIONS[version]
    if cipher is not None and cipher.startswith("TLS_"):
        _set_suites(context, cipher)
    elif cipher is not None:
        context.set_ciphers(cipher + ":@SECLEVEL=0")
    if certificate is not None:
        context.load_cert_chain(certificate.cert, certificate.key)
    return context


def connected(port, host, source, source_port):
    """A connected socket."""
    if not source_port:
        return socket.create_connection((host, port), timeout=PATIENCE,
                                        source_address=source and (source, 0))
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.settimeout(PATIENCE)
        made.bind((source or host, source_port))
        made.connect((host, port))
    except BaseException:
        made.close()
        raise
    return made


class Client:
    """One connection."""

    def __init__(self, port, host="127.0.0.1", source=None, source_port=0, before=b""):
        """"source_port" is bound even where a connection with it was just ended.

        "before" is what a proxy says before the server does.
        """
        self.socket = connected(port, host, source, source_port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        self._lines = self.socket.makefile("rb")
        try:
            self.write(before)
            self.banner = self.reply()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def reset(self):
        """Closes so that the port is free at once (RST, no TIME_WAIT)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        """Closes without a QUIT."""
        self._lines.close()
        self.socket.close()

    # One command at a time

    def write(self, data):
        """Sends bytes, or text as UTF-8, as they are."""
        self.socket.sendall(data.encode("utf-8") if isinstance(data, str) else data)

    def reply(self):
        """Reads one reply."""
        lines = Reply()
        while True:
            try:
                line = self._lines.readline()
            except OSError as error:
                raise Lost(str(error)) from error
            if not line.endswith(b"\n"):
                raise Lost(repr(line))
            lines.append(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))
            if line[3:4] != b"-":
                return lines

    def send(self, command):
        """Sends one command and returns the whole reply."""
        line = command if isinstance(command, bytes) else command.encode("utf-8")
        self.write(line + b"\r\n")
        return self.reply()

    def command(self, command):
        """Sends one command and returns the reply's text."""
        return self.send(command).text

    def pipeline(self, *commands):
        """Sends all the commands in one write; returns the replies' texts."""
        self.write("".join(command + "\r\n" for command in commands))
        return [self.reply().text for _ in commands]

    # Steps of a session

    def ehlo(self, name="client.test.example"):
        return self.send("EHLO " + name)

    def starttls(self, context, ehlo="client.test.example", session=None):
        """STARTTLS and, unless "ehlo" is None, a second EHLO."""
        answer = self.send("STARTTLS")
        if answer.code != 220:
            raise Lost(answer.text)
        self._lines.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="mx.test.example",
                                          session=session)
        self._lines = self.socket.makefile("rb")
        if ehlo is not None:
            return self.ehlo(ehlo)
        return None

    def open(self, context=None, ehlo="client.test.example", session=None):
        """EHLO, and STARTTLS and EHLO again with a context. Returns self."""
        self.ehlo(ehlo)
        if context is not None:
            self.starttls(context, ehlo, session)
        return self

    def message(self, sender, *recipients, body="Subject: test\r\n\r\ntest\r\n"):
        """One message, as far as it gets. Returns the replies' texts by command.

        Keys: "mail", each recipient's address, "data", "end".
        """
        replies = {"mail": self.command("MAIL FROM:<%s>" % sender)}
        if not replies["mail"].startswith("250"):
            return replies
        for recipient in recipients:
            replies[recipient] = self.command("RCPT TO:<%s>" % recipient)
        if any(replies[recipient].startswith("25") for recipient in recipients):
            replies["data"] = self.command("DATA")
            if replies["data"].startswith("354"):
                self.write(body)
                replies["end"] = self.command(".")
        return replies

    def quit(self):
        return self.command("QUIT")
