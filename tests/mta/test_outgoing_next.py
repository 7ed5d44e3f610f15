# SPDX-License-Identifier: ISC
"""A Postfix that the daemon tells how mail goes out, with a service for DANE and MTA-STS
behind it: the stricter of both holds, whatever that service says.
"""

import os
import re
import socket
import socketserver
import threading
import unittest

from . import outgoing_model, partner_hosts, workspace
from .outgoing_site import Site, came, cell_of, domain, played, words
from .partner_hosts import mx
from .test_outgoing_servers import as_expected

SERVERS = ("clear", "modern", "gcm128", "selfsigned", "wrongname", "daneright",
           "danewrong", "clearmodern")
# By a rule's name: our rule, what the service says of its domains, and the words of the
# rule that both amount to, or that all such mail waits.
CASES = {
    # Domains without a rule: untouched.
    "none": (None, "NOTFOUND ", None),
    "nonemay": (None, "OK may", "exempt"),
    "noneencrypt": (None, "OK encrypt", "require tls"),
    "nonedane": (None, "OK dane-only", "require dane"),
    "nonesecure": (None, "OK secure match={names} servername=hostname",
                   "require certificate name {names}"),
    "nonetemp": (None, "TEMP no answer from the resolver", "waits"),
    # What asks for less is ours.
    "tls": ("require tls", "NOTFOUND ", "require tls"),
    "tlsmay": ("require tls", "OK may", "require tls"),
    "tlsnone": ("require tls >= 1.2", "OK none", "require tls >= 1.2"),
    "tlsdane": ("require tls >= 1.3", "OK dane", "require tls >= 1.3"),
    "tlstemp": ("require tls", "TEMP no answer from the resolver", "waits"),
    # What asks for more, with what is ours added.
    "and": ("require tls >= 1.3", "OK dane-only", "require dane; require tls >= 1.3"),
    "aead": ("require aead; require bits >= 256", "OK dane-only",
             "require dane; require aead; require bits >= 256"),
    "sts": ("require tls >= 1.3", "OK secure match={names} servername=hostname",
            "require certificate name {names}; require tls >= 1.3"),
    "verify": ("require forward-secrecy", "OK verify match={names}",
               "require certificate name {names}; require forward-secrecy"),
    # A rule on the certificate is ours alone, and so is one that is exempt.
    "name": ("require certificate name {names}", "OK dane-only",
             "require certificate name {names}"),
    "namemay": ("require certificate name {names}", "OK may",
                "require certificate name {names}"),
    "nametemp": ("require certificate name {names}", "TEMP no answer",
                 "require certificate name {names}"),
    "dane": ("require dane", "OK secure match=mx.elsewhere.example", "require dane"),
    "exempt": ('exempt "agreed"', "OK dane-only", "exempt"),
    # Under monitor there is no rule.
    "monitor": ("require tls >= 1.3; monitor", "OK dane-only", "require dane"),
    # What cannot be understood is no answer.
    "odd": (None, "WHAT is this", "waits"),
    "oddtls": ("require tls", "WHAT is this", "waits"),
}
CELLS = [(rule, server) for rule in CASES for server in SERVERS]
# Tried while the service is down, too.
GONE = [cell for cell in CELLS if cell[1] in ("modern", "clear")]
UNTOLD = "4.7.5 client TLS configuration problem"


class Service(socketserver.ThreadingUnixStreamServer):
    """A socketmap's server that says what CASES has, and of others NOTFOUND."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path, asked=()):
        super().__init__(path, Asked)
        self.path, self.asked = path, list(asked)
        self.open = []
        self.said = {domain((rule, server)): CASES[rule][1].format(
            names=":".join(map(mx, partner_hosts.SERVERS[server])))
                     for rule, server in CELLS}
        os.chmod(path, 0o666)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def end(self):
        """As if it was killed: its socket is gone, and all of its connections."""
        os.unlink(self.path)
        self.shutdown()
        self.server_close()
        for connection in self.open:
            connection.shutdown(socket.SHUT_RDWR)


class Asked(socketserver.StreamRequestHandler):
    """A connection of many requests."""

    def handle(self):
        self.server.open.append(self.connection)
        while True:
            digits = b""
            while not digits.endswith(b":"):
                digit = self.rfile.read(1)
                if not digit:
                    return
                digits += digit
            name, _, key = self.rfile.read(int(digits[:-1])).decode().partition(" ")
            self.rfile.read(1)
            self.server.asked.append((name, key))
            said = self.server.said.get(key, "NOTFOUND ").encode()
            self.wfile.write(b"%d:%s," % (len(said), said))


def play(folder, pki):
    """What became of the cells, with the service and without it; what was taken; what it
    was asked; the daemon's messages."""
    path = os.path.join(folder, "next.sock")
    site = Site(folder, pki, CELLS, {name: case[0] for name, case in CASES.items()},
                tls_policy_next="unix:%s QUERY" % path)
    service = Service(path)
    with site.running():
        there = site.send("socket", CELLS)
        service.end()
        gone = site.send("socket+gone", GONE)
        service = Service(path, service.asked)
        back = site.send("socket+back", GONE)
    return (there, gone, back, site.taken(), service.asked,
            [line["msg"] for line in site.milter.lines() if "msg" in line])


class Next(unittest.TestCase):
    """Played once; each test looks at what happened."""

    without_sanitizers = True
    mta = "postfix"
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pki = workspace.pki()
        (cls.there, cls.gone, cls.back, cls.taken, cls.asked,
         cls.messages) = played(cls, play)

    def expected(self, cell):
        """What is to become of it; None: all of it waits."""
        rule, server = cell
        text = words(CASES[rule][2], server, self.pki)
        return None if text == "waits" else outgoing_model.expected(
            text, server, partner_hosts.certificates(self.pki))

    def assert_all(self, deliveries):
        wrong = []
        for cell, delivery in deliveries.items():
            outcome = self.expected(cell)
            if not (as_expected(delivery, outcome) if outcome else
                    delivery == ("deferred", UNTOLD)):
                wrong.append((cell, delivery, outcome))
        self.assertEqual(wrong, [])

    def test_the_stricter_of_both_holds(self):
        self.assertEqual(len(self.there), len(CELLS))
        self.assert_all(self.there)
        self.assert_all(self.back)

    def test_over_what_it_went(self):
        for recipient, there in came(self.taken).items():
            outcome = self.expected(cell_of(recipient))
            self.assertIsNotNone(outcome, recipient)
            for host, session in there:
                self.assertEqual(host, outcome.host, recipient)
                self.assertIn(session, outcome.sessions, recipient)

    def test_without_the_service_only_what_does_not_ask_it_goes_out(self):
        for cell, delivery in self.gone.items():
            if alone(cell[0]):
                self.assertTrue(as_expected(delivery, self.expected(cell)), cell)
            else:
                self.assertEqual(delivery, ("deferred", UNTOLD), cell)

    def test_who_is_asked_for(self):
        """By the map's name, and for no rule that is ours alone."""
        asked = {key for name, key in self.asked if name == "QUERY"}
        self.assertEqual({name for name, _ in self.asked}, {"QUERY"})
        self.assertEqual(asked, {domain(cell) for cell in CELLS if not alone(cell[0])})


def alone(rule):
    """Whether the rule has the service not asked."""
    return re.search("certificate|dane|exempt", CASES[rule][0] or "") is not None


if __name__ == "__main__":
    unittest.main()
