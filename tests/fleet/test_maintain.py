# SPDX-License-Identifier: ISC
"""tlsward ship --maintain: partitions, retention, and that nobody minds it."""

import subprocess
import threading
import unittest

import runner
from mta import waiting
from fleet import cluster, tables

EMPTY = "DO $$ DECLARE p record; BEGIN FOR p IN SELECT name FROM tlsward.partition LOOP" \
    " EXECUTE format('DROP TABLE tlsward.%I', p.name); END LOOP; END $$;" \
    "TRUNCATE tlsward.record, tlsward.trouble, tlsward.rollup, tlsward.handshake," \
    " tlsward.delivery, tlsward.facts, tlsward.certificate, tlsward.touched," \
    " tlsward.summarized, tlsward.rollup_day, tlsward.rollup_part, tlsward.rollup_day_total," \
    " tlsward.mixed"
# Rows of these days or months ago, each of which has a text of its own.
FILL = {
    "record": "INSERT INTO tlsward.record (time, id, node, journal, action, note) SELECT"
              " now() - i * interval '%s', i, 'n', 'j', 'reject', md5(i::text)",
    "trouble": "INSERT INTO tlsward.trouble (time, id, node, journal, queue_id, \"to\","
               " next_hop, relay, address, tls_version, cipher, verification, result,"
               " tls_reason, dsn, text, rule, partner) SELECT now() - i * interval '%s', i,"
               " 'n', 'j', md5(i::text), '', '', '', '', '', '', '', '', '', '', '', '', ''",
    "rollup": "INSERT INTO tlsward.rollup (hour, facts, journal, messages, first, last,"
              " sender) SELECT date_trunc('hour', now()) - i * interval '%s', i, 0, i, 0, 1,"
              " md5(i::text)",
    "handshake": "INSERT INTO tlsward.handshake (hour, journal, count, first, last,"
                 " direction, host, address, next_hop, reason, sample) SELECT"
                 " date_trunc('hour', now()) - i * interval '%s', 0, i, 0, 1, 'in',"
                 " md5(i::text), '', '', 'r', ''",
    "delivery": "INSERT INTO tlsward.delivery (hour, journal, count, first, last, bits,"
                " next_hop, relay, address, tls_version, cipher, verification, result,"
                " tls_reason, rule, rule_kind, rule_name, partner, verdict, reason) SELECT"
                " date_trunc('hour', now()) - i * interval '%s', 0, i, 0, 1, 256,"
                " md5(i::text), '', '', '', '', '', '', '', '', '', '', '', '', ''",
}
TIME = {"record": "time", "trouble": "time"}


def fill(pg, table, count, step, user=tables.WRITER):
    pg.psql(FILL[table] % step + " FROM generate_series(1, %d) AS i" % count, user)


def content(pg, table):
    """How many rows there are, and one number that tells their content."""
    return pg.psql("SELECT count(*), sum(hashtextextended(t::text, 0)) FROM tlsward.%s AS t"
                   % table)


def all_content(pg):
    return {table: content(pg, table) for table in tables.TABLES}


def partitions(pg, table):
    return [name for name, in pg.rows(
        "SELECT name FROM tlsward.partition WHERE parent = '%s' ORDER BY lower" % table)]


class Session:
    """A psql that stays, and holds what its transaction locked."""

    def __init__(self, pg, user=cluster.SUPERUSER):
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-A", "-t", "-d", pg.conninfo(user)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=cluster.environment())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.psql.communicate()

    def does(self, sql):
        """Returns once it is done."""
        self.psql.stdin.write(sql + ";\n\\echo done\n")
        self.psql.stdin.flush()
        while True:
            line = self.psql.stdout.readline()
            if line in ("done\n", ""):
                return


class Care(unittest.TestCase):
    """Each test begins with empty tables."""

    without_sanitizers = True

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(tables.cluster_with_tables())

    def setUp(self):
        self.pg.psql(EMPTY)

    def maintained(self, *arguments):
        status, out, err = tables.maintain(self.pg, *arguments)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out.splitlines()[0], "the tables are in order")
        return out

    def in_default(self):
        return {table: self.pg.psql("SELECT count(*) FROM tlsward.%s_default" % table)
                for table in tables.TABLES}


class Partitions(Care):
    """They are made ahead, and take what came before them."""

    def test_ahead_and_for_what_is_late(self):
        # Two of days, five of months: those of 400 days, and this one to the second next.
        self.assertRegex(self.maintained(), "(%d|%d) partitions made\n" % (
            2 * 22 + 5 * 16, 2 * 22 + 5 * 17))
        for table in tables.TABLES:
            units = (-7, 14, "day") if table in TIME else (-1, 2, "month")
            first, last = self.pg.rows(
                "SELECT min(lower) <= now() + '%d %s', max(upper) > now() + '%d %s'"
                " FROM tlsward.partition WHERE parent = '%s'" % (
                    units[0], units[2], units[1], units[2], table))[0]
            self.assertEqual((first, last), ("t", "t"), table)
            fill(self.pg, table, 5, "1 day")
        self.assertEqual(set(self.in_default().values()), {"0"})
        self.assertEqual(self.maintained(), "the tables are in order\n")

    def test_rows_leave_the_default_partition(self):
        for table in tables.TABLES:
            fill(self.pg, table, 200, "12 hours")
        before = all_content(self.pg)
        self.assertEqual(set(self.in_default().values()), {"200"})
        self.assertIn("1000 rows moved out of the default partitions\n", self.maintained())
        self.assertEqual(all_content(self.pg), before)
        self.assertEqual(set(self.in_default().values()), {"0"})

    def test_days_are_those_of_utc(self):
        self.pg.psql("ALTER ROLE keeper SET timezone = 'Asia/Kolkata'")
        self.addCleanup(self.pg.psql, "ALTER ROLE keeper RESET timezone")
        self.maintained()
        self.assertEqual(self.pg.rows(
            "SELECT name FROM tlsward.partition WHERE extract(hour FROM lower AT TIME ZONE"
            " 'UTC') <> 0 OR name <> parent || to_char(lower AT TIME ZONE 'UTC',"
            " CASE WHEN parent IN ('record', 'trouble') THEN '_YYYYMMDD' ELSE '_YYYYMM' END)"),
                         [])

    def test_rows_of_a_day_to_come_wait_for_it(self):
        self.pg.psql("INSERT INTO tlsward.record (time, id, node, journal, action)"
                     " VALUES (now() + interval '3 years', 1, 'n', 'j', 'accept')")
        self.maintained()
        self.assertEqual(self.in_default()["record"], "1")

    def test_one_that_was_detached_by_hand_is_left_alone(self):
        self.maintained()
        name = partitions(self.pg, "record")[3]
        self.pg.psql("ALTER TABLE tlsward.record DETACH PARTITION tlsward.%s" % name)
        self.addCleanup(self.pg.psql, "DROP TABLE tlsward.%s" % name)
        self.maintained()
        self.assertEqual(partitions(self.pg, "record")[3], name + "_")


class Retention(Care):
    """What is older than is asked for goes, and nothing else."""

    def test_by_age(self):
        for table in tables.TABLES:
            fill(self.pg, table, 100, "1 day")
        self.maintained()
        out = self.maintained("--keep", "30d")
        self.assertRegex(out, r"\d+ partitions dropped, by age\n")
        for table in tables.TABLES:
            column, unit = ("time", "day") if table in TIME else ("hour", "month")
            missing, extra = self.pg.rows(
                "SELECT (SELECT count(*) FROM tlsward.%s WHERE %s >= now() - interval '30 days'),"
                " count(*) FROM tlsward.%s WHERE %s < date_trunc('%s',"
                " now() - interval '30 days', 'UTC')" % (table, column, table, column, unit))[0]
            self.assertIn(missing, ("29", "30"), table)
            self.assertEqual(extra, "0", table)

    def test_rows_without_a_partition(self):
        for table in tables.TABLES:
            fill(self.pg, table, 11000, "1 hour")
        self.maintained("--keep", "5d")
        for table in TIME:
            self.assertEqual(self.pg.psql("SELECT count(*) FROM tlsward.%s WHERE time <"
                                          " now() - interval '6 days'" % table), "0")
        self.assertEqual(set(self.in_default().values()), {"0"})

    def test_without_settings_it_is_400_days(self):
        fill(self.pg, "rollup", 20, "1 month")
        self.maintained()
        self.assertIn(self.pg.psql("SELECT count(*) FROM tlsward.rollup"), ("13", "14"))

    def test_journal_keep(self):
        folder = runner.folder(self)
        for keep, since in (("60 days", "now() - interval '60 days'"),
                            ("forever", "'-infinity'")):
            settings = folder + "/tlsward.conf"
            with open(settings, "w", encoding="utf-8") as out:
                out.write("journal-keep %s\n" % keep)
            self.pg.psql("TRUNCATE tlsward.rollup")
            fill(self.pg, "rollup", 20, "1 month")
            self.maintained("-c", settings)
            self.assertEqual(
                self.pg.psql("SELECT count(*) FROM tlsward.rollup"),
                self.pg.psql("SELECT count(*) FROM generate_series(1, 20) AS i WHERE"
                             " date_trunc('hour', now()) - i * interval '1 month' >="
                             " date_trunc('month', (%s)::timestamptz)" % since), keep)

    def test_facts_that_nothing_counts(self):
        self.pg.psql(
            "INSERT INTO tlsward.certificate (digest, used) SELECT int4send(i),"
            " date_trunc('month', now()) - i * interval '1 month' FROM generate_series(0, 20) i;"
            "INSERT INTO tlsward.facts (digest, used, certificate) SELECT int4send(i),"
            " c.used, c.id FROM tlsward.certificate AS c, generate_series(1, 900) AS i"
            " WHERE int4send(i) = c.digest OR c.digest = int4send(20)"
            " ON CONFLICT DO NOTHING", tables.WRITER)
        # One that is like another, which is used.
        self.pg.psql("INSERT INTO tlsward.facts (digest, used, domain, rule_kind) VALUES"
                     " ('old', '2020-01-01', 'a.example', 'default'),"
                     " ('new', date_trunc('month', now()), 'a.example', 'default'),"
                     " ('other', '2020-01-01', 'b.example', 'default'),"
                     " ('rule', '2020-01-01', 'a.example', 'from')", tables.WRITER)
        self.pg.psql("CALL tlsward.find_alike(); UPDATE tlsward.facts SET used = '2020-01-01'"
                     " WHERE digest = 'old'")
        self.maintained("--keep", "100d")
        for table in "facts", "certificate":
            self.assertEqual(self.pg.psql(
                "SELECT count(*) FROM tlsward.%s WHERE used < date_trunc('month',"
                " now() - interval '100 days')" % table), "0")
            self.assertNotEqual(self.pg.psql("SELECT count(*) FROM tlsward.%s" % table), "0")
        self.assertEqual(self.pg.rows(
            "SELECT convert_from(f.digest, 'UTF8'), convert_from(o.digest, 'UTF8'), f.used ="
            " date_trunc('month', now()) FROM tlsward.facts AS f JOIN tlsward.facts AS o ON"
            " o.id = f.one WHERE f.domain IS NOT NULL ORDER BY 1"),
            [["new", "old", "t"], ["old", "old", "t"]])


class AtTheSameTime(Care):
    """Others work with the tables, or end it."""

    def test_two(self):
        with Session(self.pg) as other:
            other.does("SELECT pg_advisory_lock(hashtext('tlsward.maintain'))")
            status, out, err = tables.maintain(self.pg)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, "another tlsward ship --maintain is at work: nothing was done\n")
        self.assertEqual(partitions(self.pg, "record"), [])

    def test_many(self):
        fill(self.pg, "record", 100, "12 hours")
        before, done = all_content(self.pg), []
        threads = [threading.Thread(target=lambda: done.append(tables.maintain(self.pg)))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({(status, err) for status, _, err in done}, {(0, "")})
        self.maintained()
        self.assertEqual(all_content(self.pg), before)

    def test_killed(self):
        """The caller, then the server, at ever later moments."""
        for table in tables.TABLES:
            fill(self.pg, table, 400, "6 hours")
        before = all_content(self.pg)
        for made in 2, 15, 60:
            run = subprocess.Popen(
                [runner.find_program("tlsward"), "ship", "--maintain", "--to",
                 "postgresql:" + self.pg.conninfo(tables.OWNER)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            waiting.until("partitions", lambda n=made, r=run: r.poll() is not None or len(
                self.pg.rows("SELECT 1 FROM tlsward.partition")) >= n)
            run.kill()
            run.wait()
            if made % 2 == 0:
                self.pg.kill()
                self.pg.start()
            self.assertEqual(all_content(self.pg), before)
        waiting.until("the end of the last call", lambda: not self.pg.rows(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'tlsward ship%'"))
        self.maintained()
        self.assertEqual(all_content(self.pg), before)
        self.assertEqual(set(self.in_default().values()), {"0"})

    def test_what_is_locked_is_left_for_later(self):
        fill(self.pg, "record", 10, "1 day")
        with Session(self.pg, tables.READER) as reader:
            reader.does("BEGIN; LOCK TABLE tlsward.record_default IN ACCESS SHARE MODE")
            status, out, err = tables.maintain(self.pg)
            self.assertEqual((status, err), (1, ""))
            self.assertIn("some is left to do", out.splitlines()[0])
            self.assertEqual(partitions(self.pg, "record"), [])
            self.assertEqual(len(partitions(self.pg, "trouble")), 22)
        self.maintained()
        self.assertEqual(self.in_default()["record"], "0")

    def test_shippers_never_fail(self):
        """They upsert and read on, a second's wait for a lock would be an error to them."""
        stop, errors, rounds = threading.Event(), [], []
        for table in tables.TABLES:
            fill(self.pg, table, 300, "8 hours")

        def ship(number):
            while not stop.is_set():
                try:
                    self.pg.psql(
                        "SET lock_timeout = '20s'; BEGIN;"
                        "INSERT INTO tlsward.record (time, id, node, journal, action)"
                        " SELECT now() - i * interval '1 day', %d, 'n%d', 'j', 'reject'"
                        " FROM generate_series(0, 120) AS i;"
                        "INSERT INTO tlsward.rollup (hour, facts, journal, messages, first, last)"
                        " SELECT date_trunc('hour', now()) - i * interval '10 days', i, %d, 1, 0,"
                        " 1 FROM generate_series(0, 12) AS i ON CONFLICT (hour, facts, journal)"
                        " DO UPDATE SET messages = rollup.messages + 1; COMMIT" % (
                            len(rounds), number, number), tables.WRITER)
                    rounds.append(number)
                except RuntimeError as error:
                    errors.append(str(error))
        threads = [threading.Thread(target=ship, args=(n,)) for n in (1, 2)]
        for thread in threads:
            thread.start()
        try:
            waiting.until("the shippers", lambda: len(rounds) > 2 or errors)
            out = [tables.maintain(self.pg, "--keep", keep)[::2]
                   for keep in ("400d", "100d", "50d")]
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])
        self.assertEqual({err for _, err in out}, {""})
        self.assertEqual(self.pg.psql("SELECT sum(messages) FROM tlsward.rollup WHERE"
                                      " journal > 0 AND facts = 0"), str(len(rounds)))


class TheCall(unittest.TestCase):
    """What it says where it cannot be."""

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster())

    def trouble(self, *words, **more):
        status, out, err = tables.maintain(self.pg, **more)
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(len(err.splitlines()), 1, err)
        for word in words:
            self.assertIn(word, err)

    def test_before_there_are_tables(self):
        self.trouble("tlsward ship --schema", user=cluster.SUPERUSER)

    def test_by_who_may_not(self):
        tables.make(self.pg)
        self.trouble("member of the role tlsward_owner", user=tables.WRITER)
        self.pg.psql("CREATE DATABASE empty")
        self.trouble("tlsward ship --schema", user=tables.OWNER, database="empty")

    def test_where_nobody_answers(self):
        self.pg.stop()
        self.addCleanup(self.pg.start)
        self.trouble("no connection to PostgreSQL")
