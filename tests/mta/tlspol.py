# SPDX-License-Identifier: ISC
"""A service for DANE and MTA-STS that answers as postfix-tlspol does.

    service = Tlspol({"sts.example": "secure match=mx.sts.example servername=hostname"}, path)
    service.start()
    service.address     what tlsward-milter is to ask, over TCP where there is no path
    service.asked       the keys that were, in order
    service.hold("a")   answers about this key wait ...
    service.release()   ... until then

It takes one request at a time from a connection, which it keeps. What it does not know is
NOTFOUND; a value that begins with "raw:" is sent as the rest says, whatever that is. Another
map than QUERY is PERM, and the connection's end.
"""

import os
import socket
import threading

from .test_tls_policy_map import read_netstring


def netstring(text):
    return b"%d:%s," % (len(text), text.encode())


class Tlspol:

    def __init__(self, values, path=None):
        self.values, self.path = values, path
        self.asked = []
        self._held = set()
        self._changed = threading.Condition()
        self._connections = []

    def start(self):
        if self.path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(self.path)
            os.chmod(self.path, 0o666)
            self.address = "unix:%s QUERY" % self.path
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.address = "inet:localhost:%d QUERY" % self._listener.getsockname()[1]
        self._listener.listen(200)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self):
        """Ends, and closes all connections."""
        self.release()
        if self.path:
            os.unlink(self.path)
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass	# it is closed
        self._connections = []

    def hold(self, *keys):
        with self._changed:
            self._held.update(keys)

    def release(self):
        with self._changed:
            self._held.clear()
            self._changed.notify_all()

    def wait_asked(self, *keys):
        """Until each of the keys has been asked for."""
        with self._changed:
            if not self._changed.wait_for(lambda: set(keys) <= set(self.asked), 60):
                raise AssertionError("not asked: %s" % (set(keys) - set(self.asked)))

    def _accept(self, listener):
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            try:
                while self._answer(connection, read_netstring(stream)):
                    pass
            except OSError:
                pass

    def _answer(self, connection, request):
        name, _, key = request.partition(" ")
        if name != "QUERY":
            if request:
                connection.sendall(netstring("PERM "))
            return False
        with self._changed:
            self.asked.append(key)
            self._changed.notify_all()
            self._changed.wait_for(lambda: key not in self._held)
        value = self.values.get(key)
        if value is not None and value.startswith("raw:"):
            connection.sendall(value[4:].encode())
        else:
            connection.sendall(netstring("NOTFOUND " if value is None else
                                         value if value == "TEMP " else "OK " + value))
        return True
