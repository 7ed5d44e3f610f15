# SPDX-License-Identifier: ISC
"""Our side of mail that goes out: a Postfix that is told how by a daemon and by tables,
in a network with a resolver and all the partners' servers.

A Site is made and played in the process that lan.run() starts.
"""

import collections
import contextlib
import json
import os
import pwd
import re
import subprocess
import unittest

from . import lan, milter, partner_hosts, resolver, waiting, workspace
from .client import Client
from .outgoing_model import CELLS, PROFILES, RULES
from .partner_hosts import HOSTS, SERVERS, mx
from .postfix import Postfix

TLSWARD = os.path.abspath(os.environ.get("TLSWARD", "tlsward"))
OURS = "a@ours.example"
SOCKET = "tlsward/tls.sock"	# below the queue's folder, which is the chroot
# How Postfix is told, each by a transport that a recipient's local part is the name of;
# what is behind a "+" there tells messages apart.
MAPS = {"socket": "socketmap:unix:%s:tlsward" % SOCKET,
        "table": "texthash:{tables}/table",
        "wrong": "socketmap:unix:%s:tlswarb" % SOCKET}

Delivery = collections.namedtuple("Delivery", "status text")


# How a rule is written down: alone, with all below, in an agreement, in a list.
FORMS = ("deliver {domain} {{ {rule} }}", "deliver domain {domain} {{ {rule} }}",
         'partner "{domain}" {{\n domain {domain}\n outgoing {{ {rule} }}\n}}',
         'deliver file "lists/{domain}" {{ {rule} }}')


def _named(cell):
    """The domain that has a rule, by the rule's name and its server."""
    return "%s-%s.example" % cell


def _form(cell):
    return FORMS[sum(_named(cell).encode("ascii")) % len(FORMS)]


def domain(cell):
    """A domain whose mail goes out by a cell's rule, to its server."""
    below = "domain {domain}" in _form(cell) and len(cell[1]) % 2
    return ("at." if below else "") + _named(cell)


def cell_of(recipient):
    """The cell of a recipient."""
    return tuple(recipient.split(".")[-2].rpartition("@")[2].split("-"))


def words(text, server, pki):
    """What a rule says, written out for a server; None is nothing."""
    pinned = partner_hosts.certificates(pki)["pinned"].certificate
    return text and text.format(
        names=" ".join(map(mx, SERVERS[server])), pin=pinned.fingerprint(),
        other="sha256:" + "ab" * 32, keypin=pinned.key_fingerprint(), file=pinned.cert)


def policy(cells, pki, rules=RULES):
    """The policy of these cells, of rules by name, and its list files."""
    lines = ["profile %s { %s }" % pair for pair in PROFILES.items()]
    lists = {}
    for cell in cells:
        rule = words(rules[cell[0]], cell[1], pki)
        if rule is None:
            continue
        lines.append(_form(cell).format(domain=_named(cell), rule=rule))
        if "file" in _form(cell):
            lists["lists/" + _named(cell)] = _named(cell) + "\n"
    return "\n".join(lines) + "\n", lists


def came(taken):
    """By recipient, where the messages came to and over what."""
    found = {}
    for host, messages in taken.items():
        for recipients, version, cipher in messages:
            for recipient in recipients:
                found.setdefault(recipient, []).append((host, (version, cipher)))
    return found


def played(test, play):
    """What play(folder, pki) returns, in a network with addresses for all partners."""
    pki, folder = workspace.pki(), workspace.folder()
    test.addClassCleanup(workspace.remove, folder)
    partner_hosts.certificates(pki)		# before it forks
    try:
        return lan.run({partner_hosts.address(name): mx(name) for name in HOSTS},
                       play, folder, pki)
    except lan.Refused as error:
        raise unittest.SkipTest(str(error)) from error


def tlsward(daemon, command, *more):
    """What a command prints with a daemon's settings; it must end well."""
    done = subprocess.run((TLSWARD, command, "-c", daemon.settings, *more),
                          timeout=waiting.PATIENCE, capture_output=True, text=True,
                          check=False, env=daemon.environment)
    if done.returncode != 0:
        raise AssertionError("tlsward %s: %d %s" % (command, done.returncode, done.stderr))
    return done.stdout


def journal(folder):
    """Settings of who watches the log of the MTA in that folder."""
    return {"journal": "sqlite:%s/milter/log/journal.db" % folder,
            "maillog": "file:%s/mta/mail.log" % folder}


def report(daemon):
    """What watch and report make of the log."""
    tlsward(daemon, "watch", "--once")
    return json.loads(tlsward(daemon, "report", "--json"))


FIGURES = ("messages", "sent", "sent_encrypted", "deferred", "deferred_for_tls",
           "bounced")


def figures(kinds, cell, taken):
    """What the report is to count of messages to a cell, by what the servers took."""
    sessions = [session for kind in kinds
                for _, session in taken.get("%s@%s" % (kind, domain(cell)), ())]
    waiting = len(kinds) - len(sessions)
    encrypted = sum(version is not None for version, _ in sessions)
    return dict(zip(FIGURES, (len(kinds), len(sessions), encrypted, waiting, waiting, 0)))


def agreements(told):
    """By cell, what the report has of mail that went out by its rule."""
    return {cell_of(each["senders"][0]["domain"]): each["out"]
            for each in told["partners"]}


class Cells(unittest.TestCase):
    """What becomes of each cell, played once; each test looks at what it did."""

    without_sanitizers = True
    maxDiff = None

    @staticmethod
    def outcomes(expected):
        """What the model "expected" says of each."""
        pki = workspace.pki()
        made = partner_hosts.certificates(pki)
        return {(rule, server): expected(words(RULES[rule], server, pki), server, made)
                for rule, server in CELLS}

    def assert_went(self, there, outcome, what):
        """It came to the right host, if to any, over what the words allow."""
        self.assertEqual([host for host, _ in there],
                         [outcome.host] if outcome.sent else [], what)
        for _, session in there:
            self.assertIn(session, outcome.sessions, what)


class Site:
    """See the module. "parameters" are further ones of main.cf, "settings" of the daemon.

    What Postfix can be told of it is for postconf to say, of this one.
    """

    def __init__(self, folder, pki, cells, rules=RULES, parameters=None, **settings):
        self.pki, self.cells, self.parameters = pki, cells, parameters or {}
        self.tables = os.path.join(folder, "tables")
        os.makedirs(self.tables)
        self.server = self._make_server(os.path.join(folder, "mta"))
        self.milter = milter.Milter(
            os.path.join(folder, "milter"), *policy(cells, pki, rules), **{
                "tls_policy_map": "unix:" + self._make_place(),
                **journal(folder), **settings})
        self.milter.environment = self.server.postconf_environment()

    def _make_server(self, folder):
        self.write("transport", (r"/^%s(\+\w+)?@/ %s:" % (kind, kind)
                                 for kind in MAPS))
        return Postfix(
            folder, self.pki, services=[
                # Chrooted, as in Debian.
                "%s unix - - y - 12 smtp -o inet_protocols=ipv4 "
                "-o smtp_tls_policy_maps=%s" % (kind, table.format(tables=self.tables))
                for kind, table in MAPS.items()],
            transport_maps="regexp:%s/transport" % self.tables,
            disable_dns_lookups="no", smtp_host_lookup="dns",
            smtp_dns_support_level="dnssec", smtp_tls_security_level="dane",
            smtp_tls_CAfile=self.pki.ca.cert, smtp_tls_loglevel="1",
            smtp_tls_fingerprint_digest="sha256", smtpd_peername_lookup="no",
            smtp_tls_session_cache_database="btree:${data_directory}/smtp_scache",
            # Each message says how it went, however the one before did.
            default_destination_concurrency_failed_cohort_limit="1000",
            smtpd_recipient_limit="10000", relay_domains="", smtpd_timeout="300s",
            **self.parameters)

    def _make_place(self):
        """The folder of the daemon's socket, and resolv.conf, in the chroot."""
        path = os.path.join(self.server.queue, SOCKET)
        os.makedirs(os.path.dirname(path))
        os.chown(os.path.dirname(path), pwd.getpwnam(milter.USER).pw_uid, -1)
        os.makedirs(os.path.join(self.server.queue, "etc"))
        with open(os.path.join(self.server.queue, "etc", "resolv.conf"), "w",
                  encoding="ascii") as out:
            out.write(resolver.RESOLV_CONF)
        return path

    def write(self, name, lines):
        """A table of Postfix's."""
        with open(os.path.join(self.tables, name), "w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in lines)

    @contextlib.contextmanager
    def running(self):
        """All of it; the daemon is to end as it should."""
        self._start_partners()
        with self.milter, self.server:
            yield self
            status = self.milter.stop()
        errors = self.milter.error_text()
        if status != 0 or "Sanitizer" in errors or "runtime error" in errors:
            raise AssertionError("tlsward-milter ended with %s: %s" % (status, errors))

    def _start_partners(self):
        """The servers, and the resolver that knows them."""
        zone = resolver.Zone()
        partner_hosts.tell_hosts(zone, self.pki)
        for cell in self.cells:
            partner_hosts.tell(zone, domain(cell), cell[1])
        resolver.Resolver(zone).start()
        self.sinks = {name: partner_hosts.sink(host, self.pki)
                      for name, host in HOSTS.items()}
        for sink in self.sinks.values():
            sink.start()

    def taken(self):
        """What each server took."""
        return {name: list(sink.taken) for name, sink in self.sinks.items()}

    def export(self):
        """Writes the rules as the table that is in the place of a socket."""
        self.write("table", tlsward(self.milter, "export", "postfix").splitlines())

    def submit(self, kind, cells):
        """A message to each of the cells, to be told of by that map."""
        with Client(self.server.port) as client:
            client.open().message(OURS, *("%s@%s" % (kind, domain(cell))
                                          for cell in cells))
            client.quit()

    def mark(self):
        """Where Postfix's log ends now."""
        return os.path.getsize(self.server.log) if os.path.exists(self.server.log) else 0

    def send(self, kind, cells):
        """Submits; what became of it, by cell."""
        mark = self.mark()
        self.submit(kind, cells)
        return self.outcomes(kind, cells, mark)

    def outcomes(self, kind, cells, mark):
        """Waits for the end of an attempt at each cell since the mark: by cell."""
        line = re.compile(r"to=<%s@([\w.-]+)>, .* dsn=(\S+), status=(\w+) \((.*)\)$"
                          % re.escape(kind), re.M)
        found, left = {}, {domain(cell) for cell in cells}
        with open(self.server.log, encoding="utf-8") as log:
            log.seek(mark)
            text = ""
            while left:
                text += waiting.until("the next of %d deliveries" % len(left), log.read)
                whole, _, text = text.rpartition("\n")
                for name, dsn, status, why in line.findall(whole):
                    if name in left:
                        left.remove(name)
                        found[cell_of(name)] = Delivery(status, dsn + " " + why)
        return found

    def queued(self):
        """The recipients that mail waits for in the queue, in order."""
        listed = self.server.command("postqueue", "-j").stdout.decode().splitlines()
        return sorted(recipient["address"] for line in listed
                      for recipient in json.loads(line)["recipients"])
