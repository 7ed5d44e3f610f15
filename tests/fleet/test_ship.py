# SPDX-License-Identifier: ISC
"""tlsward ship: whatever is killed, full or slow, what a journal has is there once."""

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import time
import unittest

from fleet import both, cluster, writer
from mta import waiting, workspace

NODE = "mx1.example"
KILLS = 20


class ShipCase(unittest.TestCase):
    """A journal and a database, for each class; each test has a journal of its own."""

    size = 0
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster(size=cls.size, **cls.settings))
        both.make_tables(cls.pg)

    def setUp(self):
        self.folder = workspace.folder()
        self.addCleanup(workspace.remove, self.folder)
        self.path = os.path.join(self.folder, "journal.db")
        self.conf = os.path.join(self.folder, "tlsward.conf")
        self.to = both.to(self.pg)
        self.configure()
        self.ships = []
        self.addCleanup(self.end_all)
        if not self.pg.running():
            self.pg.start()

    def configure(self):
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write("journal sqlite:%s\nnode %s\nlog stderr\nship-to %s\n" % (
                self.path, NODE, self.to))

    def writer(self, rows=0, **more):
        made = writer.Writer(self.path, seed=random.random(), **more)
        made.fill(rows)
        self.addCleanup(lambda: made.db.close())
        return made

    # Running it

    def start(self, *more):
        log = open(os.path.join(self.folder, "log"), "ab")	# noqa: SIM115
        ship = subprocess.Popen([both.TLSWARD, "ship", "-c", self.conf, *more], stderr=log,
                                stdout=log, stdin=subprocess.DEVNULL)
        log.close()
        self.ships.append(ship)
        return ship

    def end_all(self):
        for ship in self.ships:
            if ship.poll() is None:
                ship.kill()
            ship.wait()

    def end(self, ship):
        """As systemd ends it."""
        ship.terminate()
        self.assertEqual(ship.wait(waiting.PATIENCE), 0, self.said())

    def said(self):
        with contextlib.suppress(FileNotFoundError), \
                open(os.path.join(self.folder, "log"), encoding="utf-8") as text:
            return text.read()
        return ""

    def once(self, *more):
        done = subprocess.run([both.TLSWARD, "ship", "--once", "-c", self.conf, *more],
                              capture_output=True, text=True, check=False,
                              timeout=waiting.PATIENCE)
        return done.returncode, done.stdout + done.stderr

    def state(self):
        with open(self.path + ".ship", encoding="utf-8") as text:
            return json.load(text)

    # What is there

    def await_all(self, written):
        """Waits until the database has all; what differs then is told."""
        journal, = written.db.execute("SELECT journal FROM identity").fetchone()

        def here():
            with contextlib.suppress(RuntimeError):
                return not self.missing(written, journal)
            return False
        waiting.until("all rows in the database: " + self.said(), here, self.must_live)
        self.agree(written)

    def must_live(self):
        """One of those that were started at least has not ended."""
        self.assertTrue([ship for ship in self.ships if ship.poll() is None], self.said())

    def missing(self, written, journal):
        there = dict(self.pg.rows(
            "SELECT stream, value FROM tlsward.cursor JOIN tlsward.journal ON number ="
            " cursor.journal WHERE journal.journal = '%s'" % journal))
        return [table for table, number in (
            ("record", "id"), ("trouble", "id"), ("rollup", "changed"),
            ("handshake", "changed"), ("delivery", "changed"), ("discarded", "changed"),
            ("watched", "changed"), ("policies", "changed"))
            if int(there.get(table, 0)) < (written.db.execute(
                "SELECT max(%s) FROM %s" % (number, table)).fetchone()[0] or 0)]

    def agree(self, written):
        self.assertEqual(both.differences(self.pg, written.db, NODE), [])

    def sent_once(self, written):
        status, said = self.once()
        self.assertEqual((status, said), (0, ""))
        self.agree(written)


class Once(ShipCase):
    """What is there, and no more."""

    def test_all_that_is_there(self):
        written = self.writer(2500)
        self.sent_once(written)
        written.fill(100)
        self.sent_once(written)
        self.sent_once(written)

    def test_an_empty_journal(self):
        self.sent_once(self.writer())

    def test_rows_from_before_changes_were_counted(self):
        written = self.writer(3000)
        for table in ("rollup", "handshake", "delivery", "discarded", "watched"):
            written.db.execute("UPDATE %s SET changed = 0" % table)
        self.sent_once(written)
        written.fill(200)
        self.sent_once(written)

    def test_rows_of_one_hour(self):
        """More than a batch has, with one cursor."""
        written = self.writer()
        written.db.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)"
            " INSERT INTO handshake (hour, direction, host, address, next_hop, reason, count,"
            " first, last, sample) SELECT 400000, 'in', 'h' || n, '', '', 'x', 1, 0, 0, ''"
            " FROM n")
        self.sent_once(written)

    def test_rows_that_went_by_age(self):
        written = self.writer(600)
        self.sent_once(written)
        written.db.execute("DELETE FROM record")
        written.db.execute("DELETE FROM rollup")
        written.db.execute("DELETE FROM facts")
        written.db.execute("DELETE FROM certificate")
        written.fill(300)
        self.assertEqual(self.once(), (0, ""))
        for table, number in (("record", "id"), ("rollup", "changed")):
            least, = written.db.execute("SELECT min(%s) FROM %s" % (number, table)).fetchone()
            self.assertGreater(least, 100)
        self.assertEqual(self.missing(written, *written.db.execute(
            "SELECT journal FROM identity").fetchone()), [])

    def test_an_hour_that_was_dropped_and_goes_on(self):
        """As where the journal is short of room: counts begin anew here, and not there."""
        written = self.writer()
        for table in ("rollup", "handshake", "delivery"):
            getattr(written, table)()
        self.sent_once(written)
        sums = ("SELECT sum(%s), max(last), min(first) FROM %s WHERE journal = (SELECT number"
                " FROM tlsward.journal WHERE journal = '%s')")
        identity, = written.db.execute("SELECT journal FROM identity").fetchone()
        for table, count in (("rollup", "messages"), ("handshake", "count"),
                             ("delivery", "count")):
            names = [name for name in both.columns(written.db, table) if name != "changed"]
            kept = written.db.execute("SELECT %s FROM %s" % (", ".join(names), table)).fetchone()
            row = dict(zip(names, kept)) | {"first": kept[names.index("first")] + 60000,
                                            "last": kept[names.index("last")] + 60000}
            for now in (1, kept[names.index(count)] + 1):
                row[count] = now
                written.db.execute("DELETE FROM " + table)
                written.db.execute("INSERT INTO %s (%s, changed) VALUES (%s, %s)" % (
                    table, ", ".join(row), ", ".join("?" * len(row)),
                    writer.NEXT.format("changed", table)), list(row.values()))
                self.assertEqual(self.once(), (0, ""))
                self.assertEqual(
                    [int(each) for each in self.pg.rows(sums % (
                        count, "tlsward." + table, identity))[0]],
                    [max(now, kept[names.index(count)]), row["last"],
                     kept[names.index("first")]], table)

    def test_a_journal_put_back_from_a_copy(self):
        written = self.writer(500)
        self.sent_once(written)
        copy = sqlite3.connect(self.path + ".copy")
        written.db.backup(copy)
        copy.close()
        written.fill(500)
        self.sent_once(written)
        written.db.close()
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path + suffix)
        os.rename(self.path + ".copy", self.path)
        written.db = sqlite3.connect(self.path, isolation_level=None)
        written.now += 10 ** 9
        written.fill(100)
        status, said = self.once()
        self.assertEqual(status, 0)
        self.assertIn("older than what was sent", said)
        self.assertEqual(self.missing(written, *written.db.execute(
            "SELECT journal FROM identity").fetchone()), [])

    def test_a_host_that_was_started_anew(self):
        """Its last rows may be others than those that were sent."""
        written = self.writer(600)
        self.sent_once(written)
        written.db.execute("DELETE FROM record WHERE id > 20")
        written.db.execute("DELETE FROM highest")
        written.fill(2000)
        self.pg.psql("UPDATE tlsward.cursor SET value = value - 9999 WHERE stream = 'boot'")
        self.assertEqual(self.once(), (0, ""))
        here, = written.db.execute("SELECT count(*) FROM record").fetchone()
        ids = [str(row[0]) for row in written.db.execute("SELECT id FROM record")]
        found = self.pg.psql("SELECT count(*) FROM tlsward.record WHERE id IN (%s) AND time >="
                             " to_timestamp(%d / 1000.0) AND journal = '%s'" % (
                                 ",".join(ids), writer.START_MS, *written.db.execute(
                                     "SELECT journal FROM identity").fetchone()))
        self.assertGreaterEqual(int(found), here)

    def test_texts_that_are_none(self):
        """Whoever wrote them: they stop nothing, and can be told again."""
        written = self.writer(40)
        for number, text in enumerate((b"\xff\xc3(", b"a\x00b", "\U0010ff41".encode(),
                                       b"\xed\xa0\x80", b"\\N", b"\\.")):
            written.db.execute("INSERT INTO record (time, action, reply) VALUES"
                               " (?, 'reject', CAST(? AS TEXT))", (number, text))
        written.db.execute("INSERT INTO record (time, action) VALUES (?, 'reject')",
                           (2 ** 62,))
        written.db.execute("INSERT INTO record (time, action) VALUES (?, 'reject')",
                           (-2 ** 62,))
        status, said = self.once()
        self.assertEqual((status, said), (0, ""))

        def undone(text):
            """What the manual says of them."""
            return b"".join(bytes([ord(c) & 0xff]) if 0x10ff00 <= ord(c) <= 0x10ffff
                            else c.encode() for c in text)
        rows = self.pg.rows(
            "SELECT encode(convert_to(reply, 'UTF8'), 'hex') FROM tlsward.record WHERE reply"
            " IS NOT NULL AND time < to_timestamp(1) AND journal = '%s' ORDER BY id" %
            written.db.execute("SELECT journal FROM identity").fetchone())
        self.assertEqual([undone(bytes.fromhex(row[0]).decode()) for row in rows],
                         [b"\xff\xc3(", b"a\x00b", "\U0010ff41".encode(), b"\xed\xa0\x80",
                          b"\\N", b"\\."])
        here, there = [subprocess.run(
            [both.TLSWARD, "log", "--csv", "--since", "1969-12-31", "--until", "1970-01-02",
             "--journal", journal, *node], check=True, capture_output=True).stdout.splitlines()
            for journal, *node in ((self.path,), ("postgresql:" + self.pg.conninfo(),
                                                  "--node", NODE))]
        self.assertEqual(len(here), 7)
        self.assertEqual([line.rsplit(b",", 1)[0] for line in there], here)

    def test_times(self):
        written = self.writer()
        moments = (-62135596800000, -1, 0, 1, 999, 253402300799999)
        for moment in moments:
            written.db.execute("INSERT INTO record (time, action) VALUES (?, 'reject')",
                               (moment,))
        self.sent_once(written)

    def test_a_row_that_is_not_taken(self):
        written = self.writer(100)
        bad = 2 ** 40
        written.db.execute("INSERT INTO record (time, action, nrcpt) VALUES"
                           " (1790000000000, 'reject', ?)", (bad,))
        written.fill(100)
        status, said = self.once()
        self.assertEqual(status, 1, said)
        self.assertIn("does not take row", said)
        row, = self.pg.rows("SELECT stream, row FROM tlsward.refused")
        self.assertEqual(row[0], "record")
        self.assertIn(str(bad), row[1])
        written.db.execute("DELETE FROM record WHERE nrcpt = ?", (bad,))
        self.agree(written)


class WhatIsWrong(ShipCase):
    """Each has words of its own, and the status of a call that could not be done."""

    def assert_fails(self, *words, call=()):
        status, said = self.once(*call)
        self.assertEqual(status, 2, said)
        for word in words:
            self.assertIn(word, said)
        self.assertEqual(said.count("\n"), 1, said)

    def test_no_journal(self):
        self.assert_fails("is not there yet")

    def test_an_older_journal(self):
        written = self.writer()
        written.db.execute("PRAGMA user_version = 3")
        self.assert_fails("older version", "converts it")

    def test_another_program_s_file(self):
        sqlite3.connect(self.path).execute("CREATE TABLE t (n)")
        self.assert_fails("not a journal")

    def test_no_database_there(self):
        self.writer()
        self.assert_fails("nowhere", call=("--to", "postgresql:" + self.pg.conninfo(
            both.WRITER, "nowhere")))

    def test_no_server_there(self):
        self.writer()
        self.assert_fails("cannot be sent to", call=(
            "--to", "postgresql:host=/nonexistent dbname=x"))

    def test_no_tables_there(self):
        self.writer()
        self.pg.psql("CREATE DATABASE empty")
        self.assert_fails("ship --schema", call=("--to", both.to(self.pg, database="empty")))

    def test_a_user_who_may_not(self):
        self.writer()
        self.pg.psql("CREATE ROLE stranger LOGIN")
        self.assert_fails("GRANT tlsward_writer", call=(
            "--to", "postgresql:" + self.pg.conninfo("stranger")))

    def test_tables_that_are_newer(self):
        self.writer()
        self.pg.psql("INSERT INTO tlsward.version (step) VALUES (99)")
        self.addCleanup(self.pg.psql, "DELETE FROM tlsward.version WHERE step = 99")
        self.assert_fails("step 99", "install a newer one")

    def test_tables_that_are_older(self):
        self.writer()
        self.pg.psql("CREATE TABLE kept AS SELECT * FROM tlsward.version;"
                     "DELETE FROM tlsward.version; INSERT INTO tlsward.version VALUES (0)")
        self.addCleanup(self.pg.psql, "DELETE FROM tlsward.version; INSERT INTO"
                        " tlsward.version SELECT * FROM kept; DROP TABLE kept")
        self.assert_fails("step 0", "ship --schema")

    def test_another_encoding(self):
        self.writer()
        self.pg.psql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        self.assert_fails("LATIN1", "UTF8", call=("--to", both.to(self.pg, database="latin")))

    def test_no_setting(self):
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write("journal sqlite:%s\n" % self.path)
        self.assert_fails("ship-to")

    def test_two_of_them(self):
        written = self.writer(20)
        first = self.start()
        self.await_all(written)
        self.assert_fails("another tlsward ship")
        self.end(first)
        self.sent_once(written)


class Several(ShipCase):
    """Each with what the others have, too."""

    def test_one_takes_over(self):
        written = self.writer(100)
        first = self.start()
        self.await_all(written)
        second = self.start()
        waiting.until("its words", lambda: "another tlsward ship" in self.said())
        first.kill()
        written.fill(100)
        second.send_signal(signal.SIGHUP)
        self.await_all(written)
        self.end(second)

    def test_the_same_facts_at_once(self):
        made = []
        for number in range(6):
            path = os.path.join(self.folder, "%d.db" % number)
            each = writer.Writer(path, seed=number)
            self.addCleanup(each.db.close)
            each.fill(1500)
            made.append((each, self.start("--once", "--journal", path)))
        for each, ship in made:
            self.assertEqual(ship.wait(waiting.PATIENCE), 0, self.said())
        self.assertEqual(self.said(), "")
        for each, _ in made:
            self.agree(each)
        self.assertNotIn("deadlock", self.pg.log_text())
        burnt = self.pg.psql("SELECT max(id) - count(*) FROM tlsward.facts")
        self.assertLess(int(burnt), 2000)


class Killed(ShipCase):
    """The journal is written meanwhile."""

    def test_the_shipper(self):
        written = self.writer(2000)
        written.start()
        rng = random.Random(1)
        for _ in range(KILLS):
            ship = self.start()
            time.sleep(rng.uniform(0.02, 0.5))	# the point is random, nothing waits for it
            ship.kill()
            ship.wait()
        written.stop()
        self.start()
        self.await_all(written)

    def test_its_sessions(self):
        written = self.writer(500)
        written.start()
        self.start()
        waiting.until("a state", lambda: os.path.exists(self.path + ".ship"))
        for _ in range(KILLS):
            self.pg.psql("SELECT pg_terminate_backend(pid), pg_sleep(0.1) FROM"
                         " pg_stat_activity WHERE usename = '%s'" % both.WRITER)
            self.ships[0].send_signal(signal.SIGHUP)
        written.stop()
        self.hurry()
        self.await_all(written)

    def hurry(self):
        self.ships[0].send_signal(signal.SIGHUP)

    def test_postgresql(self):
        written = self.writer(500)
        written.start()
        self.start()
        for end in (self.pg.kill, self.pg.stop, self.pg.kill):
            waiting.until("rows", lambda: os.path.exists(self.path + ".ship") and
                          self.state()["error"] == "" and self.state()["rows"] > 0)
            end()
            waiting.until("trouble", lambda: self.state()["error"] != "")
            self.pg.start()
            self.hurry()
        written.stop()
        self.await_all(written)
        said = self.said()
        self.assertEqual(said.count("cannot be sent to"), 3, said)
        self.assertEqual(said.count("is sent to again"), 3, said)

    def test_a_journal_that_is_replaced(self):
        written = self.writer(100)
        self.start()
        self.await_all(written)
        written.db.close()
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(self.path + suffix, self.path + ".old" + suffix)
        written = self.writer(100)
        self.await_all(written)

    def test_a_journal_that_comes_later(self):
        self.start()
        waiting.until("its words", lambda: "not there yet" in self.said())
        self.await_all(self.writer(100))


class Hanging(ShipCase):
    """It answers late, or not for a while."""

    def test_a_pause(self):
        written = self.writer(300)
        written.start()
        self.start()
        waiting.until("rows", lambda: os.path.exists(self.path + ".ship") and
                      self.state()["rows"] > 0)
        with self.pg.paused():
            time.sleep(1)
        written.stop()
        self.await_all(written)

    def test_ends_while_it_hangs(self):
        written = self.writer(300)
        ship = self.start()
        self.await_all(written)
        with self.pg.paused():
            written.fill(20)
            time.sleep(1.5)
            self.end(ship)

    def test_a_time_limit(self):
        """Batches become as small as the limit has them."""
        written = self.writer(3000)
        self.pg.psql("ALTER ROLE %s SET statement_timeout = '40ms'" % both.WRITER)
        self.addCleanup(self.pg.psql, "ALTER ROLE %s RESET ALL" % both.WRITER)
        self.start()
        self.await_all(written)

    def test_a_log_that_does_not_grow(self):
        """The daemon's checkpoints find no reader in their way."""
        written = self.writer(300)
        self.start()
        waiting.until("rows", lambda: os.path.exists(self.path + ".ship"))
        with self.pg.paused():
            for _ in range(30):
                written.fill(200)
                busy, log, moved = written.db.execute(
                    "PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self.assertEqual((busy, log, moved), (0, 0, 0))
        self.await_all(written)


class Dumb(ShipCase):
    """What takes connections, and never says a word."""

    def setUp(self):
        super().setUp()
        self.dumb = socket.socket()
        self.addCleanup(self.dumb.close)
        self.dumb.bind(("127.0.0.1", 0))
        self.dumb.listen(5)
        self.to = "postgresql:host=127.0.0.1 port=%d user=x dbname=x connect_timeout=2" % \
            self.dumb.getsockname()[1]
        self.configure()
        self.writer(20)

    def test_once(self):
        status, said = self.once()
        self.assertEqual(status, 2)
        self.assertIn("timeout expired", said)

    def test_an_end_while_it_connects(self):
        ship = self.start()
        asked, _ = self.dumb.accept()
        self.end(ship)
        asked.close()


class Secure(ShipCase):
    """TLS and passwords are libpq's."""

    settings = {"tls": True, "hba": [cluster.SECURE_TLS]}

    def test_a_password_file(self):
        self.pg.psql("ALTER ROLE %s PASSWORD 'geheim'" % both.WRITER)
        passwords = os.path.join(self.folder, "pgpass")
        written = self.writer(100)
        for password, status in (("falsch", 2), ("geheim", 0)):
            with open(passwords, "w", encoding="utf-8") as out:
                out.write("*:*:*:*:%s\n" % password)
            os.chmod(passwords, 0o600)
            self.to = both.to(self.pg, tcp=True, passfile=passwords)
            self.configure()
            found, said = self.once()
            self.assertEqual(found, status, said)
            self.assertNotIn("geheim", said)
        self.agree(written)

    def test_a_certificate_of_somebody_else(self):
        self.writer(20)
        self.to = both.to(self.pg, tcp=True, sslrootcert=os.path.join(self.folder, "none"))
        self.configure()
        status, said = self.once()
        self.assertEqual(status, 2)
        self.assertIn("root certificate", said)


class Full(ShipCase):
    """No room on its disk, for a while."""

    size = 192 << 20

    @classmethod
    def setUpClass(cls):
        if not cluster.Cluster.can_fill():
            raise unittest.SkipTest("no file system of its own can be had here")
        super().setUpClass()

    def test_a_full_disk(self):
        written = self.writer(500)
        written.start()
        self.start()
        waiting.until("rows", lambda: os.path.exists(self.path + ".ship") and
                      self.state()["rows"] > 0)
        self.pg.fill()
        waiting.until("trouble", lambda: self.state()["error"] != "")
        self.pg.empty()
        if not self.pg.running() or self.pg.server.ended():
            self.pg.stop()
            self.pg.start()
        written.stop()
        self.ships[0].send_signal(signal.SIGHUP)
        self.await_all(written)


if __name__ == "__main__":
    unittest.main()
