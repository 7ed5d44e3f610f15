#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Who reads what is new in a journal by its numbers misses none of it.

A daemon and tlsward watch write, of refusals, roll-ups, handshakes and deliveries, into a
journal that may become 1 MB large; somebody deletes the newest rows; all are killed (-9,
KILLS times) and started again. Meanwhile a reader asks each table for a few rows with
numbers above the last one that it saw, and never looks back. In the end each row that is
there must be among those that it saw, as it saw it last.
"""

import collections
import contextlib
import functools
import random
import sqlite3
import subprocess
import sys
import time

import runner
import test_journal
from mta import rawmilter, waiting, workspace

# By table: the column of the number.
TABLES = {"record": "id", "trouble": "id", "rollup": "changed", "handshake": "changed",
          "delivery": "changed", "discarded": "changed", "watched": "changed",
          "policies": "changed"}
BATCH = 7	# so that it ends within what was committed together
TLSWARD = runner.find_program("tlsward")


class Follower(runner.Threads):
    """Reads on and on; "seen" has the last row of each key, by table."""

    def __init__(self, path):
        self.path = path
        self.seen = {table: {} for table in TABLES}
        self.last = collections.Counter()
        self.error = None
        super().__init__([self._run])

    def keys(self, db, table):
        """The places of the columns of a table's key."""
        rows = db.execute("PRAGMA table_info(%s)" % table).fetchall()
        return [number for number, row in enumerate(rows) if row[5]]

    def poll(self, db):
        """Takes what is new, of each table a little. Whether there was anything."""
        found = False
        for table, number in TABLES.items():
            keys = self.keys(db, table)
            rows = db.execute("SELECT *, %s FROM %s WHERE %s > 0 AND %s > ? ORDER BY %s"
                              " LIMIT %d" % (number, table, number, number, number, BATCH),
                              (self.last[table],)).fetchall()
            for row in rows:
                assert row[-1] > self.last[table], (table, row)
                self.last[table] = row[-1]
                self.seen[table][tuple(row[at] for at in keys)] = row[:-1]
            found = found or bool(rows)
        return found

    def _run(self):
        while not self._stop.is_set() and self.error is None:
            try:
                with contextlib.closing(connect(self.path)) as db:
                    while not self._stop.is_set():
                        if not self.poll(db):
                            time.sleep(0.005)
            except sqlite3.OperationalError:
                time.sleep(0.01)	# it is not there yet
            except Exception as error:	# pylint: disable=broad-except
                self.error = error

    def must_agree(self):
        """To be called once nothing is written any more."""
        assert self.error is None, self.error
        with contextlib.closing(connect(self.path)) as db:
            while self.poll(db):
                pass
            for table, number in TABLES.items():
                keys = self.keys(db, table)
                for row in db.execute("SELECT * FROM %s" % table):
                    key = tuple(row[at] for at in keys)
                    assert self.seen[table].get(key) == row, (
                        table, row, self.seen[table].get(key), self.last[table])
                unread = db.execute("SELECT count(*) FROM %s WHERE %s <= 0" % (
                    table, number)).fetchone()[0]
                assert unread == 0 and self.seen[table], (table, unread)


def connect(path):
    return sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=waiting.PATIENCE)


class Accepted(runner.Threads):
    """A client whose messages are accepted, of some domains more than of others."""

    def __init__(self, address):
        self.address = address
        super().__init__([self._run])

    def _run(self):
        chance = random.Random()
        while not self._stop.is_set():
            domain = int(chance.expovariate(0.02))
            try:
                with rawmilter.Peer(self.address) as peer:
                    peer.negotiate()
                    peer.connect("192.0.2.9", 4711)
                    peer.helo("a.example")
                    if peer.mail("<a@d%d.example>" % domain) != "accept" and \
                            peer.rcpt("<b@ours.example>") != "accept":
                        peer.end()
            except OSError:
                time.sleep(0.01)	# it is dead, or was killed


class Log(runner.Threads):
    """Writes a mail server's log: handshakes that fail, and deliveries."""

    def __init__(self, path):
        self.path = path
        super().__init__([self._run])

    def _run(self):
        chance = random.Random()
        with open(self.path, "a", encoding="utf-8", buffering=1) as log:
            while not self._stop.is_set():
                log.write(lines(chance))
                time.sleep(0.005)


def lines(chance):
    """Of a handshake and a delivery, some hours ago at most."""
    when = time.localtime(time.time() - chance.choice((0, 0, 0, 3600, 3 * 3600)))
    stamp = time.strftime("%b %d %H:%M:%S mx postfix/", when)
    client = "client.example[198.51.100.%d]" % min(254, chance.expovariate(0.05))
    number = int(chance.expovariate(0.05))
    smtpd = "%ssmtpd[%d]: " % (stamp, chance.randrange(1000, 9000))
    status, dsn, why = chance.choice((
        ("sent", "2.0.0", "250 ok"), ("deferred", "4.7.5", "Server certificate not trusted")))
    return "".join(line + "\n" for line in (
        smtpd + "connect from " + client,
        smtpd + "SSL_accept error from %s: -1" % client,
        smtpd + "warning: TLS library problem: error:0A000102:SSL routines::unsupported "
        "protocol:../ssl/statem/statem_srvr.c:1657:",
        smtpd + "lost connection after STARTTLS from " + client,
        smtpd + "disconnect from %s ehlo=1 starttls=0/1 commands=1/2" % client,
        "%ssmtp[%d]: 4bX%04d: to=<b@d%d.example>, relay=mx.d%d.example[192.0.2.7]:25, delay=1,"
        " delays=0/0/0/1, dsn=%s, status=%s (%s)" % (
            stamp, number + 1000, number, number, number, dsn, status, why)))


class Watch:
    """tlsward watch, which is killed and started again."""

    def __init__(self, journal, log):
        self.arguments = [TLSWARD, "watch", "--policy", journal.milter.policy, "--journal",
                          journal.path, "--maillog", log]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


def take_newest(journal, chance):
    """Whoever has a right to do so deletes rows; they are not given their numbers again."""
    with contextlib.closing(sqlite3.connect(journal.path, timeout=waiting.PATIENCE)) as db:
        for table in ("record", "rollup", "trouble", "delivery", "handshake"):
            number = TABLES[table]
            db.execute("DELETE FROM %s WHERE %s > (SELECT max(%s) FROM %s) - ?" % (
                table, number, number, table), (chance.choice((0, 1, 5, 1000000)),))
            db.commit()


def followed(folder, arguments):
    chance = random.Random()
    journal = test_journal.Journal(folder, journal_max="1 MB", journal_keep="2 hours")
    log = journal.path + ".log"
    watch = Watch(journal, log)
    address = journal.milter.socket
    with open(log, "w", encoding="utf-8") as file:
        file.write(lines(chance))
    waiting.until("journal", lambda: journal.messages("serving"))
    watch.start()
    with Follower(journal.path) as follower:
        with test_journal.Load(address, 1000, "f") as load, Accepted(address), Log(log):
            for kill in range(arguments.kills):
                load.await_more(chance.randrange(700, 1500))
                waiting.until("all tables", lambda: all(follower.seen.values()) or
                              follower.error)
                watch.kill()
                journal.kill()
                take_newest(journal, chance)
                journal.milter.write_policy(test_journal.POLICY + "# %d\n" % kill)
                journal.milter.start()
                watch.start()
            load.await_more(500)
        watch.kill()
        journal.end()
    assert not load.wrong, load.wrong[:3]
    follower.must_agree()
    journal.must_be_sound()
    print(", ".join("%d of %s" % (follower.last[table], table) for table in TABLES))


def main():
    parser = runner.parser()
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    return runner.main(options, [("followed", functools.partial(
        test_journal.run, followed, options))])


if __name__ == "__main__":
    sys.exit(main())
