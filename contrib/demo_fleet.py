# SPDX-License-Identifier: ISC
"""What "contrib/demo fleet" shows: three MTAs, one PostgreSQL, one review.

Each MTA is a throw-away Postfix with a daemon, a journal and a shipper of its own; one has
last month's policy. While PostgreSQL is down mail goes on, and afterwards all is there
once. What is expected stands beside what is sent, so that the demo is a test too.
"""

import collections
import contextlib
import json
import os
import shutil
import sqlite3
import sys
import textwrap

import demo
from demo import LATER, NO, OK, Session, heading, paint

from fleet import cluster
from mta import process, waiting, workspace
from mta.milter import USER, Milter
from mta.postfix import Postfix

AGREEMENTS = """
default {{ require nothing }}
partner "Bank" {{
    domain bank.example
    incoming {{
        require tls >= 1.3
        otherwise reject "contract 2026-14 with {{domain}}: TLS 1.3"
        {monitor}
    }}
    contact tls@bank.example
}}
partner "Supplier" {{
    domain supplier.example
    incoming {{ require tls >= 1.2; require aead; otherwise tempfail }}
    contact noc@supplier.example
}}
"""
NEW = AGREEMENTS.format(monitor="")
OLD = AGREEMENTS.format(monitor="monitor")
POLICIES = {"mx1": NEW, "mx2": NEW, "mx3": OLD}

CLEAR = Session("clear text", None, None, None)
CBC = Session("TLS 1.2, CBC", "1.2", "ECDHE-RSA-AES256-SHA384", None)
GCM = Session("TLS 1.2, AES-GCM", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", None)
MODERN = Session("TLS 1.3", "1.3", None, None)

Mail = collections.namedtuple("Mail", "node domain session count expected")
BEFORE = [
    Mail("mx1", "bank.example", MODERN, 3, OK),
    Mail("mx1", "supplier.example", CBC, 2, LATER),
    Mail("mx1", "other.example", CLEAR, 1, OK),
    Mail("mx2", "bank.example", GCM, 2, NO),
    Mail("mx2", "supplier.example", MODERN, 2, OK),
    Mail("mx3", "bank.example", GCM, 2, OK),
    Mail("mx3", "supplier.example", GCM, 3, OK),
]
WHILE_AWAY = [
    Mail("mx1", "bank.example", GCM, 1, NO),
    Mail("mx2", "supplier.example", CBC, 1, LATER),
    Mail("mx3", "bank.example", MODERN, 2, OK),
]
WRITER, READER = "mx", "postmaster"	# who log in; their rights are the roles'
SHIPPED = """
SELECT j.node,
    (SELECT count(*) FROM tlsward.record r WHERE r.node = j.node),
    (SELECT coalesce(sum(messages), 0) FROM tlsward.rollup u WHERE u.journal = j.number)
FROM tlsward.journal j ORDER BY j.node"""
KEPT = "SELECT (SELECT count(*) FROM record), (SELECT coalesce(sum(messages), 0) FROM rollup)"

VIEWS = """\\pset format aligned
\\pset tuples_only off
\\pset footer off
SELECT node, agreement, sum(messages) AS messages, sum(met) AS met, sum(refused) AS refused,
    sum(would_be_refused) AS would_be_refused
FROM tlsward.agreements WHERE time >= now() - interval '1 day' GROUP BY 1, 2 ORDER BY 2, 1;
SELECT node, substr(digest, 8, 12) AS policy, nodes_alike FROM tlsward.node_policies
WHERE until IS NULL ORDER BY node;
"""


class Node:
    """An MTA with its daemon, journal and shipper."""

    def __init__(self, name, folder, pki, ship_to):
        home = os.path.join(folder, name)
        self.name = name
        self.journal = os.path.join(home, "log", "journal.db")
        self.milter = Milter(home, POLICIES[name], node=name, ship_to=ship_to,
                             journal="sqlite:" + self.journal)
        self.postfix = Postfix(os.path.join(home, "postfix"), pki,
                               smtpd_milters=self.milter.address)
        self.shipper = None

    def __enter__(self):
        self.milter.start()
        self.postfix.start()
        return self

    def __exit__(self, *_):
        for server in (self.shipper, self.postfix, self.milter):
            if server is not None:
                server.stop()

    def ship(self):
        """Starts what sends the journal to PostgreSQL, as the user whose journal it is."""
        path, environment = demo.command()
        self.shipper = process.Server(
            "tlsward ship", ["setpriv", "--reuid=" + USER, "--regid=nogroup",
                             "--clear-groups", path, "ship", "-c", self.milter.settings],
            os.path.join(self.milter.folder, "ship.errors"),
            {**environment, "HOME": self.milter.folder})

    def send(self, mail, pki):
        """Whether all of it is answered as the node's policy says; the last reply."""
        done = []
        for _ in range(mail.count):
            reply, port = demo.send(self.postfix, pki, mail.session, "sales@" + mail.domain)
            done.append(demo.done_by(reply, self.postfix))
            self.milter.wait_record(client_port=port)
        return set(done) == {mail.expected}, reply

    def shipping(self):
        """What its shipper has written down of how far it is; {}: nothing yet."""
        try:
            with open(self.journal + ".ship", encoding="utf-8") as state:
                return json.load(state)
        except FileNotFoundError:
            return {}

    def kept(self):
        """How many records there are in its journal, and messages in its roll-ups."""
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.journal,
                                                uri=True)) as database:
            return [str(count) for count in database.execute(KEPT).fetchone()]


# PostgreSQL

def make_database(pg):
    """The tables and roles, as a DBA makes them; who logs in, and with which password."""
    pg.psql(demo.run_tool("ship", "--schema"))
    for name, role in ((WRITER, "tlsward_writer"), (READER, "tlsward_reader")):
        pg.psql("CREATE ROLE %s LOGIN PASSWORD '%s-secret' IN ROLE %s" % (name, name, role))


def passfile(pg, user, owner):
    """A file with the user's password, which its owner alone may read."""
    path = os.path.join(pg.folder, user + ".pgpass")
    with open(path, "w", encoding="ascii") as out:
        out.write("*:*:*:%s:%s-secret\n" % (user, user))
    os.chmod(path, 0o600)
    shutil.chown(path, owner)
    return path


def address(pg, user, owner="root"):
    """What names the database in settings and options: by TCP, over TLS."""
    return "postgresql:" + pg.conninfo(user, tcp=True, passfile=passfile(pg, user, owner))


def all_is_there(pg, nodes, sent):
    """The journals' counts by node where PostgreSQL has the same; None: not yet."""
    kept = {node.name: node.kept() for node in nodes}
    if sum(sum(map(int, counts)) for counts in kept.values()) < sent:
        return None		# what is rolled up is written once a second
    return kept if kept == {name: counts for name, *counts in pg.rows(SHIPPED)} else None


def wait_shipped(pg, nodes, mails):
    """Waits until each row is there, and once, and tells of it."""
    sent = sum(mail.count for mail in mails)
    counts = waiting.until("the journals' rows in PostgreSQL",
                           lambda: all_is_there(pg, nodes, sent),
                           alive=lambda: [node.shipper.must_live() for node in nodes],
                           progress=lambda: {node.shipping().get("error") for node in nodes})
    for name, (records, rolled_up) in counts.items():
        print("  %-5s%3s full records and %s messages rolled up, as many in PostgreSQL" % (
            name, records, rolled_up))


# What is shown

def send_all(nodes, mails, pki):
    """Sends it, a line for each; whether all was answered as it should be."""
    right = True
    for mail in mails:
        node = next(each for each in nodes if each.name == mail.node)
        as_expected, reply = node.send(mail, pki)
        right = right and as_expected
        print("  %-5s%2d from %-18s%-20s%s" % (
            mail.node, mail.count, mail.domain, mail.session.title,
            paint(mail.expected if as_expected else "WRONG: " + reply,
                  demo.COLOURS[mail.expected] if as_expected else "7")))
    return right


def show(title, *words, lawful=(0,)):
    """What a command says, below its name; None when it fails."""
    heading(title)
    said = demo.run_tool(*words, lawful=lawful)
    print(textwrap.indent((said or "").rstrip(), "  "))
    return said


def totals(*words):
    """A report's numbers of mail that came in."""
    said = demo.run_tool("report", "--json", *words)
    return json.loads(said or "{}").get("totals", {}).get("in")


def report(review, nodes):
    """The report of all and of one, by mx1's policy; whether they count what was sent."""
    journal = ("-c", nodes[0].milter.settings, "--journal", review)
    told = show("Who complies, and who does not: tlsward report --journal postgresql:...",
                "report", *journal)
    show("At one of them: tlsward report --journal postgresql:... --node mx3",
         "report", *journal, "--node", "mx3")
    show("Who was refused where: tlsward log --journal postgresql:... --action reject,tempfail",
         "log", *journal, "--action", "reject,tempfail")
    sent = sum(mail.count for mail in BEFORE + WHILE_AWAY)
    counted = totals(*journal)
    warned = "2 different policies are in force" in " ".join((told or "").split())
    right = warned and counted is not None and counted["messages"] == sent
    for each in nodes:
        here = totals("-c", each.milter.settings)
        right = right and here == totals(*journal, "--node", each.name)
    print("\n  " + (f"Each node's numbers are those of its own journal, and {sent} messages "
                    "in all." if right else paint("WRONG: other numbers, or no word of the two policies.", "7")))
    return right


def show_views(pg):
    """The same without tlsward, by psql, as somebody who may only read."""
    heading("Without tlsward: psql, and so Grafana")
    told = pg.psql(VIEWS, READER, tcp=True, passfile=passfile(pg, READER, "root"))
    print(textwrap.indent(told, "  "))
    return "mx3" in told


def away(pg, nodes, pki):
    """Mail goes on without PostgreSQL; whether as the policies say."""
    heading("PostgreSQL is killed (kill -9), and mail comes all the same")
    pg.kill()
    right = send_all(nodes, WHILE_AWAY, pki)
    waiting.until("the word that mx1 is behind", lambda: nodes[0].shipping()["rows"])
    show("What mx1 says meanwhile: tlsward status", "status", "-c",
         nodes[0].milter.settings, lawful=(0, 1))
    heading("PostgreSQL is started again")
    pg.start()
    wait_shipped(pg, nodes, BEFORE + WHILE_AWAY)
    return right


def demonstrate(folder):
    """Shows it all; whether everything went as it should."""
    pki = workspace.pki()
    with contextlib.ExitStack() as stack:
        pg = stack.enter_context(cluster.Cluster(tls=True, hba=[cluster.SECURE_TLS]))
        make_database(pg)
        nodes = [stack.enter_context(Node(name, folder, pki, address(pg, WRITER, USER)))
                 for name in POLICIES]
        heading("Three MTAs; mx3 still has last month's policy, where the bank is under monitor")
        right = send_all(nodes, BEFORE, pki)
        heading("tlsward ship, beside each of them")
        for node in nodes:
            node.ship()
        wait_shipped(pg, nodes, BEFORE)
        right = away(pg, nodes, pki) and right
        reported = report(address(pg, READER), nodes)
        views = show_views(pg)
    print("\n%d messages, %s" % (sum(mail.count for mail in BEFORE + WHILE_AWAY),
                                 "all as the policies say" if right else
                                 "not all as the policies say"))
    if not reported or not views:
        print("the review does not tell all of it")
    return right and reported and views


if __name__ == "__main__":
    sys.exit(demo.main(demonstrate))
