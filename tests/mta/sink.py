# SPDX-License-Identifier: ISC
"""An SMTP server that takes all mail and does with TLS what it is told.

    Sink("192.0.2.10", context=server_tls(pki.server)).start()

Without a context it does not offer STARTTLS. It ends with the process. What it took is
in "taken".
"""

import collections
import socket
import ssl
import threading


def server_tls(certificate=None, **settings):
    """A context with that certificate; without one, of anonymous suites alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        context.load_cert_chain(certificate.cert, certificate.key)
    else:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("aNULL:@SECLEVEL=0")
    for name, value in settings.items():
        setattr(context, name, value)
    return context


# A message: to whom, and over what; None where that was clear text.
Taken = collections.namedtuple("Taken", "recipients version cipher")


class Sink:
    """See the module. "refuses": what MAIL in clear text is answered, if not 250.

    "starttls" is what STARTTLS is answered, and None closes the connection in place of a
    handshake.
    """

    def __init__(self, host, port=25, context=None, refuses=None, starttls="220 go"):
        self.context, self.refuses, self.starttls = context, refuses, starttls
        self.taken = []
        self._server = socket.create_server((host, port), backlog=64)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self):
        """Begins to take connections."""
        self._thread.start()

    def _serve(self):
        while True:
            connection, _ = self._server.accept()
            threading.Thread(target=self._session, args=(connection,),
                             daemon=True).start()

    def _session(self, connection):
        try:
            self._talk(connection)
        except OSError:		# ssl.SSLError too: the client's log tells
            pass
        finally:
            connection.close()

    def _talk(self, connection):
        lines = connection.makefile("rb")
        connection.sendall(b"220 sink ESMTP\r\n")
        in_clear, recipients = True, []
        while True:
            line = lines.readline()
            command = line[:4].upper()
            if command == b"EHLO" and in_clear and self.context is not None:
                answer = "250-sink\r\n250 STARTTLS"
            elif command == b"STAR" and not (self.starttls or "220").startswith("220"):
                answer = self.starttls
            elif command == b"STAR":
                connection.sendall(b"220 go\r\n")
                lines.close()
                if self.starttls is None:
                    return
                connection = self.context.wrap_socket(connection, server_side=True)
                lines, in_clear = connection.makefile("rb"), False
                continue
            elif command == b"MAIL" and in_clear and self.refuses:
                answer = self.refuses
            elif command == b"DATA":
                connection.sendall(b"354 go\r\n")
                self._take(lines, recipients, None if in_clear else connection)
                recipients = []
                answer = "250 2.0.0 taken"
            else:
                if command == b"RCPT":
                    recipients.append(line.decode("utf-8").split("<")[1].split(">")[0])
                answer = "221 bye" if command == b"QUIT" else "250 fine"
            connection.sendall(answer.encode("ascii") + b"\r\n")
            if command in (b"QUIT", b""):
                return

    def _take(self, lines, recipients, session):
        """Reads a message to its end; half of one is none."""
        line = b""
        while line != b".\r\n":
            line = lines.readline()
            if not line:
                raise ConnectionResetError
        self.taken.append(Taken(recipients, session and session.version(),
                                session and session.cipher()[0]))
