# SPDX-License-Identifier: ISC
"""A Dovecot authentication server that lets everybody in, for SASL PLAIN.

Postfix: smtpd_sasl_type=dovecot, smtpd_sasl_path=PATH, smtpd_sasl_auth_enable=yes.
"""

import base64
import os
import socket
import threading

GREETING = ("VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
            "COOKIE\t0123456789abcdef0123456789abcdef\nDONE\n")


class AuthServer:
    """Serves on a UNIX socket until it is closed."""

    def __init__(self, path):
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        os.chmod(path, 0o666)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # shutdown() wakes the thread in accept(); close() alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        os.unlink(self.path)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection):
        with connection, connection.makefile("r", encoding="utf-8") as requests:
            connection.sendall(GREETING.encode("ascii"))
            for request in requests:
                words = request.rstrip("\n").split("\t")
                if words[0] == "AUTH":
                    connection.sendall(answer(words).encode("utf-8"))


def answer(words):
    """The reply to one AUTH request."""
    given = dict(word.split("=", 1) for word in words[3:] if "=" in word)
    user = base64.b64decode(given.get("resp", "")).split(b"\0")[1]
    return "OK\t%s\tuser=%s\n" % (words[1], user.decode("utf-8"))


def plain(user, password="secret"):
    """The command that authenticates."""
    secret = "\0%s\0%s" % (user, password)
    return "AUTH PLAIN " + base64.b64encode(secret.encode("utf-8")).decode("ascii")
