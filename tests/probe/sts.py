# SPDX-License-Identifier: ISC
"""A web server that has MTA-STS policies, on port 443 of an address.

    with Policies("127.0.0.9", context, {"mta-sts.acme.example": ok("version: STSv1\\n...")})

A value is the whole answer, bytes, or a function that is given the connection and sends it.
What was asked is in "asked": host and path.
"""

import contextlib
import socket
import threading

PATH = "/.well-known/mta-sts.txt"


def answer(status, body, **fields):
    """An answer of HTTP."""
    fields.setdefault("Content_Type", "text/plain")
    head = "".join("%s: %s\r\n" % (name.replace("_", "-"), value)
                   for name, value in fields.items())
    return ("HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s" % (
        status, len(body), head, body)).encode()


def policy(mode, *hosts, max_age=604800):
    """The answer that is a policy (RFC 8461 section 3.2)."""
    return answer("200 OK", "version: STSv1\r\nmode: %s\r\n%smax_age: %d\r\n" % (
        mode, "".join("mx: %s\r\n" % host for host in hosts), max_age))


def silent(connection):
    """Nothing, until the client closes."""
    while connection.recv(4096):
        pass


def endless(connection):
    """A policy without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
                       b"version: STSv1\r\nmode: enforce\r\nmax_age: 604800\r\n")
    while True:
        connection.sendall(b"mx: mx.acme.example\r\n" * 100)


class Policies:
    """See the module."""

    def __init__(self, host, context, answers, port=443):
        self._context, self._answers = context, answers
        self.asked = []
        self._listener = socket.create_server((host, port), backlog=16)

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._session, args=(connection,),
                                 daemon=True).start()

    def _session(self, connection):
        with connection, contextlib.suppress(OSError):
            with self._context.wrap_socket(connection, server_side=True) as inside:
                host, path = self._request(inside)
                self.asked.append((host, path))
                found = self._answers.get(host) if path == PATH else None
                if callable(found):
                    found(inside)
                else:
                    inside.sendall(found or answer("404 Not Found", "nothing here"))

    @staticmethod
    def _request(connection):
        lines = []
        with connection.makefile("r", encoding="latin-1", newline="\r\n") as file:
            for line in file:
                if line == "\r\n":
                    break
                lines.append(line.rstrip("\r\n"))
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        path = lines[0].split(" ")[1] if lines and lines[0].count(" ") > 1 else ""
        return fields.get("host", ""), path
