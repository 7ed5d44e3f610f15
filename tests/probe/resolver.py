# SPDX-License-Identifier: ISC
"""A resolver of the tests' own: the real unbound, with zones that no other has.

    with Unbound(folder, port, {"": text, "plain": text}) as resolver:
        resolver.address        ADDRESS@PORT

It validates nothing, so that what is wrongly signed comes to who asks. Where unbound is
not installed, it is that of $TLSWARD_TOOLS.
"""

import os
import shutil
import socket
import struct

from mta import waiting
from mta.process import Server

from .dnssec import SOA, wire

UNPACKED = os.environ.get("TLSWARD_TOOLS", "") + "/usr/sbin/unbound"
CONFIG = """
server:
    interface: 127.0.0.1@{port}
    port: {port}
    access-control: 127.0.0.0/8 allow
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    logfile: ""
    verbosity: 1
    num-threads: 1
    do-ip6: no
    do-daemonize: no
    do-not-query-localhost: no
    module-config: "iterator"
    qname-minimisation: no
    use-caps-for-id: no
    root-hints: ""
    cache-max-ttl: 0
remote-control:
    control-enable: no
"""
ZONE = """
auth-zone:
    name: "{name}."
    zonefile: "{path}"
    for-upstream: yes
    for-downstream: no
    fallback-enabled: no
"""


def program():
    """The path of unbound, or None."""
    return UNPACKED if os.path.exists(UNPACKED) else shutil.which("unbound")


class Unbound:
    """See the module."""

    def __init__(self, folder, port, zones):
        self._port = port
        self.address = "127.0.0.1@%d" % port
        self._folder = folder
        self._config = os.path.join(folder, "unbound.conf")
        text = CONFIG.format(port=port, folder=folder)
        for number, (name, records) in enumerate(zones.items()):
            path = os.path.join(folder, "zone-%d" % number)
            with open(path, "w", encoding="ascii") as out:
                out.write(records)
            text += ZONE.format(name=name, path=path)
        with open(self._config, "w", encoding="ascii") as out:
            out.write(text)

    def __enter__(self):
        self._server = Server("unbound", (program(), "-d", "-c", self._config),
                              os.path.join(self._folder, "unbound.log"))
        try:
            waiting.until("an answer of unbound", self._answers, self._server.must_live)
        except BaseException:
            self._server.stop()
            raise
        return self

    def __exit__(self, *_):
        self._server.stop()

    def _answers(self):
        query = struct.pack(">6H", 4711, 0x0100, 1, 0, 0, 0) + wire("") + \
            struct.pack(">HH", SOA, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(1)
            asker.connect(("127.0.0.1", self._port))
            try:
                asker.send(query)
                return struct.unpack_from(">6H", asker.recv(4096))[3] > 0
            except OSError:
                return False
