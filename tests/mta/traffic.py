# SPDX-License-Identifier: ISC
"""Traffic with known outcomes, through a real MTA: mail that arrives, handshakes that
fail before it could, and mail that goes out.
"""

import collections
import os
import ssl

from . import client
from .milter import Milter
from .postfix import Postfix
from .sendmail import Sendmail
from .sink import Sink, server_tls

OURS, PAYROLL = "someone@ours.example", "payroll@ours.example"
POLICY = """
default { require tls >= 1.2; monitor; otherwise reject }
partner "Acme" {
    domain acme.example
    incoming { require tls >= 1.2; otherwise reject }
    incoming via mx.acme.example 198.51.100.11 { require tls >= 1.2; otherwise reject }
    outgoing { require tls >= 1.2; require certificate name in.acme.example }
    contact postmaster@acme.example
}
partner "Beta" {
    domain beta.example
    incoming { require tls >= 1.3; monitor; otherwise reject }
    outgoing { require tls >= 1.2 }
}
partner "Delta" {
    domain delta.example
    incoming { require tls; otherwise reject }
    incoming via 198.51.100.61 { exempt "their forwarder" }
    outgoing { require certificate name in.delta.example; require tls >= 1.2 }
}
partner "Epsilon" {
    domain epsilon.example
    incoming { require tls >= 1.2; monitor; otherwise reject }
}
from zeta.example { require tls; otherwise reject }
from gamma.example { require tls; otherwise quarantine }
from old.example { exempt "an old box" }
to payroll@ours.example { require tls >= 1.3; otherwise tempfail }
client 203.0.113.0/24 { require tls; otherwise reject }
deliver clear.example { require tls; monitor }
deliver bare.example { require tls >= 1.2 }
"""

ACME, BETA, GAMMA, OLD = ("198.51.100.%d" % n for n in (10, 20, 30, 40))
DELTA, FORWARDER, EPSILON, EPSILON_OLD, ZETA = (
    "198.51.100.%d" % n for n in (60, 61, 50, 51, 80))
SCANNER, STRANGER, OTHER = "198.51.100.66", "203.0.113.5", "198.51.100.70"
NAMES = {ACME: "mx.acme.example", BETA: "mx.beta.example", GAMMA: "mx.gamma.example",
         OLD: "mx.old.example", STRANGER: "mx.stranger.example", SCANNER: None,
         OTHER: "mx.other.example", DELTA: "mx.delta.example", FORWARDER: None,
         EPSILON: "mx.epsilon.example", EPSILON_OLD: "old.epsilon.example",
         ZETA: "mx.zeta.example",
         "192.0.2.10": "in.acme.example", "192.0.2.20": "in.beta.example",
         "192.0.2.30": "in.anon.example", "192.0.2.40": "in.clear.example",
         "192.0.2.50": "in.bare.example", "192.0.2.60": "in.delta.example",
         "192.0.2.70": "in.broken.example", "192.0.2.80": "in.strict.example"}

# From where, with which version (None: clear text), sender, recipients, how often, and
# how the answers to the recipients begin.
ARRIVING = (
    (ACME, "1.3", "a@acme.example", [OURS], 3, ["250"]),
    (ACME, None, "a@acme.example", [OURS], 2, ["530"]),
    (ACME, None, "b@acme.example", [OURS, "other@ours.example"], 1, ["530", "530"]),
    (ACME, "1.2", "a@acme.example", [PAYROLL], 1, ["4"]),
    (BETA, "1.3", "a@beta.example", [OURS], 4, ["250"]),
    (BETA, "1.2", "a@beta.example", [OURS], 3, ["250"]),
    (BETA, None, "a@beta.example", [OURS], 1, ["250"]),
    (GAMMA, "1.2", "a@gamma.example", [OURS], 2, ["250"]),
    (GAMMA, None, "a@gamma.example", [OURS], 2, ["250"]),
    (OLD, None, "a@old.example", [OURS], 3, ["250"]),
    (DELTA, "1.2", "a@delta.example", [OURS], 1, ["250"]),
    (FORWARDER, None, "a@delta.example", [OURS], 1, ["250"]),
    (EPSILON, "1.3", "a@epsilon.example", [OURS], 10, ["250"]),
    (EPSILON_OLD, None, "a@epsilon.example", [OURS], 2, ["250"]),
    (ZETA, "1.2", "a@zeta.example", [OURS], 1, ["250"]),
    (ZETA, None, "a@zeta.example", [OURS], 2, ["530"]),
    (STRANGER, None, "a@stranger.example", [OURS], 2, ["530"]),
    (STRANGER, "1.2", "a@stranger.example", [OURS], 1, ["250"]),
    (OTHER, "1.3", "a@other.example", [OURS], 2, ["250"]),
    (OTHER, None, "a@other.example", [OURS], 1, ["250"]),
)

# To whom, how often, what the log says of it, and Postfix's and Sendmail's rules.
Leaving = collections.namedtuple("Leaving", "name count status postfix sendmail")
LEAVING = [Leaving(*row) for row in (
    ("acme", 3, "sent", "secure match=in.acme.example", "VERIFY"),	# verified
    ("beta", 2, "sent", "encrypt", None),		# encrypted, not verified
    ("anon", 2, "sent", "may", None),			# encrypted, anonymous
    ("clear", 2, "sent", "may", None),			# clear text
    ("bare", 2, "deferred", "encrypt", "ENCR:112"),	# required and not offered
    ("delta", 1, "deferred", "secure match=in.delta.example", "VERIFY"),
    ("broken", 1, "deferred", "encrypt", "ENCR:112"),	# the handshake fails
    ("strict", 1, "bounced", "none", None),		# they require TLS of us
)]
RELAYS = {name.split(".")[1]: address for address, name in NAMES.items()
          if name and name.startswith("in.")}


def sinks(pki):
    """The servers that mail goes out to, by the names of LEAVING."""
    rogue = pki.clients["rogue"]
    contexts = {"acme": server_tls(pki.relay), "beta": server_tls(rogue),
                "anon": server_tls(), "delta": server_tls(rogue),
                "broken": server_tls(pki.relay,
                                     minimum_version=ssl.TLSVersion.TLSv1_3)}
    return [Sink(address, context=contexts.get(name), refuses=name == "strict" and
                 "550 5.7.10 Must issue a STARTTLS command first")
            for name, address in RELAYS.items()]


def inline(pairs):
    """A table of Postfix within main.cf."""
    return "inline:{ %s }" % " ".join("{ %s = %s }" % pair for pair in pairs)


class Traffic:
    """Through an MTA that a subclass makes; to be played in a network of lan.py.

    "failure" is in the log once for each handshake that failed.
    """

    failure = None

    def __init__(self, folder, pki):
        self.pki = pki
        self.journal = os.path.join(folder, "milter", "log", "journal.db")
        self.milter = Milter(os.path.join(folder, "milter"), POLICY,
                             journal="sqlite:" + self.journal,
                             maillog="file:" + os.path.join(folder, "mta", "mail.log"))
        self.server = self.make_server(os.path.join(folder, "mta"))

    def make_server(self, folder):
        raise NotImplementedError

    def submit(self, recipient):
        """A message of ours to somebody elsewhere."""
        raise NotImplementedError

    def delivery(self, row):
        """What the log has of each delivery of a row of LEAVING: an expression."""
        raise NotImplementedError

    def wait_log(self, pattern, count):
        """Waits until so many lines of the log match."""
        self.server.wait_log("(?s)(%s.*){%d}" % (pattern, count))

    def play(self):
        """Plays all of it."""
        with self.milter, self.server:
            for sink in sinks(self.pki):
                sink.start()
            self.arrive()
            self.fail_handshakes()
            self.wait_log(self.failure, 5)
            for row in LEAVING:
                for _ in range(row.count):
                    self.submit("a@%s.example" % row.name)
            for row in LEAVING:
                self.wait_log(self.delivery(row), row.count)

    def arrive(self):
        for source, version, sender, recipients, count, answers in ARRIVING:
            for _ in range(count):
                with client.Client(self.server.port, source=source) as session:
                    session.open(version and client.tls(version))
                    replies = session.message(sender, *recipients)
                    session.quit()
                for recipient, answer in zip(recipients, answers):
                    if not replies[recipient].startswith(answer):
                        raise AssertionError("%s %s: %s" % (source, sender, replies))

    def fail_handshakes(self):
        for _ in range(2):
            self._handshake(ACME, client.tls("1.1"))
        picky = ssl.create_default_context(cafile=self.pki.rogue_ca.cert)
        self._handshake(BETA, picky)
        with client.Client(self.server.port, source=SCANNER) as session:
            session.ehlo()
            session.command("STARTTLS")
            session.write(b"this is no TLS at all\r\n" * 3)
            self._ended(session)
        with client.Client(self.server.port, source=SCANNER) as session:
            session.ehlo()
            session.command("STARTTLS")

    def _handshake(self, source, context):
        with client.Client(self.server.port, source=source) as session:
            session.ehlo()
            try:
                session.starttls(context, ehlo=None)
            except ssl.SSLError:
                return
            raise AssertionError("a handshake from %s went well" % source)

    @staticmethod
    def _ended(session):
        """Reads until the server closes the connection."""
        try:
            while session.socket.recv(100):
                pass
        except ConnectionResetError:
            pass


class PostfixTraffic(Traffic):
    failure = "lost connection after STARTTLS"

    def make_server(self, folder):
        return Postfix(folder, self.pki, {"ours": "-o smtpd_milters="}, **{
            "smtpd_milters": self.milter.address,
            "smtpd_tls_protocols": ">=TLSv1.2",
            "smtp_tls_loglevel": "1",
            "smtp_tls_security_level": "may",
            "smtp_tls_mandatory_protocols": ">=TLSv1.2, <=TLSv1.2",
            "smtp_tls_CAfile": self.pki.ca.cert,
            "smtp_tls_policy_maps": inline(
                ("[in.%s.example]:25" % row.name, row.postfix) for row in LEAVING),
            "transport_maps": inline(
                ("%s.example" % row.name, "smtp:[in.%s.example]:25" % row.name)
                for row in LEAVING),
            "minimal_backoff_time": "3600s",
            # A server is tried for each message, however the one before went.
            "default_destination_concurrency_failed_cohort_limit": "1000",
            "inet_interfaces": "127.0.0.1",
        })

    def submit(self, recipient):
        with client.Client(self.server.ports["ours"]) as session:
            session.open().message(OURS, recipient)
            session.quit()

    def delivery(self, row):
        return r"to=<a@%s\.example>[^\n]*status=%s" % (row.name, row.status)


class SendmailTraffic(Traffic):
    failure = "STARTTLS=server, error: "
    STATUS = {"sent": "stat=Sent", "deferred": "stat=Deferred", "bounced": "reply=550"}

    def make_server(self, folder):
        tables = os.path.dirname(self.milter.folder)
        self._write(tables, "relays", (
            "%s.example\tesmtp:[%s]" % (row.name, RELAYS[row.name]) for row in LEAVING))
        self._write(tables, "access", (
            "TLS_Srv:%s\t%s" % (RELAYS[row.name], row.sendmail) for row in LEAVING
            if row.sendmail))
        return Sendmail(folder, self.pki, self.milter.address, (
            "define(`confDONT_PROBE_INTERFACES', `True')",
            "define(`confSERVER_SSL_OPTIONS', `+SSL_OP_NO_TLSv1 +SSL_OP_NO_TLSv1_1')",
            "define(`confCLIENT_SSL_OPTIONS', `+SSL_OP_NO_TLSv1_3')",
            "FEATURE(`mailertable', `text -o -k0 -v1 %s/relays')" % tables,
            "FEATURE(`access_db', `text -o -T<TMPF> -k0 -v1 %s/access')" % tables))

    @staticmethod
    def _write(folder, name, lines):
        with open(os.path.join(folder, name), "w", encoding="ascii") as out:
            out.writelines(line + "\n" for line in lines)

    def submit(self, recipient):
        self.server.deliver("<>", recipient)	# so that nothing comes back

    def delivery(self, row):
        return r"to=<?a@%s\.example\b[^\n]*%s" % (row.name, self.STATUS[row.status])


def play(kind, folder, pki):
    """Plays a kind of traffic; for lan.run()."""
    kind(folder, pki).play()
