# SPDX-License-Identifier: ISC
"""The tables of many MTAs: what tlsward ship --schema prints, and who may do what."""

import os
import sqlite3
import subprocess
import unittest

import runner
from fleet import cluster, tables

# Columns that the journal has and the tables have not, and the other way round.
LEFT_OUT = {"rollup": {"changed"}, "handshake": {"changed"}, "delivery": {"changed"},
            "discarded": {"changed"}, "watched": {"changed"}}
MORE = {"record": {"node", "journal"}, "trouble": {"node", "journal"},
        "facts": {"used", "one"}, "certificate": {"used"},
        "rollup": {"journal"}, "handshake": {"journal", "key"},
        "delivery": {"journal", "key"}, "discarded": {"journal"}, "watched": {"journal"},
        "policies": {"journal"}}
NUMBERS = {"time", "hour", "since", "last"}	# timestamptz here, or int in an hour

WRITER_MAY = (
    "INSERT INTO tlsward.record (time, id, node, journal, action)"
    " VALUES ('2026-01-31', 1, 'n', 'j', 'accept')"
    " ON CONFLICT (node, journal, id, time) DO NOTHING",
    "INSERT INTO tlsward.trouble (time, id, node, journal, queue_id, \"to\", next_hop, relay,"
    " address, tls_version, cipher, verification, result, tls_reason, dsn, text, rule, partner)"
    " VALUES ('2026-01-31', 1, 'n', 'j', '', '', '', '', '', '', '', '', '', '', '', '', '', '')"
    " ON CONFLICT (node, journal, id, time) DO NOTHING",
    "SELECT node, journal, id, time FROM tlsward.record",
    "INSERT INTO tlsward.journal (node, journal) VALUES ('n', 'j')"
    " ON CONFLICT (node, journal) DO UPDATE SET seen = now()",
    "INSERT INTO tlsward.cursor VALUES (0, 'record', 1)"
    " ON CONFLICT (journal, stream) DO UPDATE SET value = excluded.value",
    "INSERT INTO tlsward.certificate (digest, used) VALUES ('d', '2026-01-01')"
    " ON CONFLICT (digest) DO UPDATE SET used = excluded.used",
    "INSERT INTO tlsward.facts (digest, used) VALUES ('d', '2026-01-01')"
    " ON CONFLICT (digest) DO UPDATE SET used = excluded.used",
    "INSERT INTO tlsward.rollup (hour, facts, journal, messages, first, last)"
    " VALUES ('2026-01-31', 1, 0, 1, 0, 0)"
    " ON CONFLICT (hour, facts, journal) DO UPDATE SET messages = excluded.messages",
    "INSERT INTO tlsward.handshake (hour, journal, direction, host, address, next_hop, reason,"
    " count, first, last, sample) VALUES ('2026-01-31', 0, 'in', '', '', '', '', 1, 0, 0, '')"
    " ON CONFLICT (hour, journal, key) DO UPDATE SET count = excluded.count",
    "INSERT INTO tlsward.discarded (journal, why, records, messages, last)"
    " VALUES (0, 'age', 1, 1, now()) ON CONFLICT (journal, why) DO UPDATE SET records = 2",
    "INSERT INTO tlsward.watched VALUES (0, 'lines', 1)"
    " ON CONFLICT (journal, name) DO UPDATE SET value = 2",
    "INSERT INTO tlsward.policies VALUES (0, now(), 'd', 'f', 1)"
    " ON CONFLICT (journal, since) DO UPDATE SET digest = excluded.digest",
    "INSERT INTO tlsward.refused (journal, stream, \"at\", why, row) VALUES (0, 's', 1, 'w', '{}')",
    "CREATE TEMPORARY TABLE staging (n int) ON COMMIT DELETE ROWS",
    "SELECT max(step) FROM tlsward.version",
)
WRITER_MAY_NOT = (
    "SELECT helo FROM tlsward.record", "SELECT * FROM tlsward.refused",
    "SELECT dsn FROM tlsward.trouble",
    "UPDATE tlsward.record SET note = 'x'", "UPDATE tlsward.version SET step = 9",
    "INSERT INTO tlsward.version (step) VALUES (9)",
    "INSERT INTO tlsward.record_default (time, id, node, journal, action)"
    " VALUES (now(), 1, 'n', 'j', 'accept')",
    "CREATE TABLE tlsward.mine (n int)", "ALTER TABLE tlsward.record ADD COLUMN mine int",
    "CREATE INDEX mine ON tlsward.facts (mta)",
    "CALL tlsward.maintain('1 day', 0, 0, 0, 0, 0)",
    "SELECT tlsward.partition_make('record', '2026-01-31')",
    "SELECT tlsward.remove_some('facts', now())",
    "SET ROLE tlsward_owner",
) + tuple("%s tlsward.%s" % (verb, table) for table in (
    "journal", "cursor", "record", "certificate", "facts", "rollup", "handshake", "delivery",
    "trouble", "discarded", "watched", "policies") for verb in
          ("DELETE FROM", "TRUNCATE", "DROP TABLE"))
READER_MAY_NOT = (
    "INSERT INTO tlsward.watched VALUES (0, 'lines', 1)",
    "UPDATE tlsward.facts SET domain = 'x'", "DELETE FROM tlsward.record",
    "CREATE TABLE tlsward.mine (n int)", "CALL tlsward.maintain('1 day', 0, 0, 0, 0, 0)",
)


def dump(pg, database=cluster.DATABASE):
    """All that is in a database, as SQL."""
    out = cluster.run([cluster.programs() + "/pg_dump", "-d",
                       pg.conninfo(database=database)])
    # Newer ones have a word that is another one each time.
    return [line for line in out.splitlines() if not line.startswith(("\\restrict",
                                                                      "\\unrestrict"))]


def part(name):
    """One of the files that it is made of."""
    return runner.read(os.path.join(runner.TOP, "conf", "postgresql", name))


class TheTables(unittest.TestCase):
    """As they are made in an empty database."""

    without_sanitizers = True

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(tables.cluster_with_tables())

    def refused(self, sql, user):
        with self.assertRaisesRegex(RuntimeError, "permission denied|must be owner", msg=sql):
            self.pg.psql(sql, user)

    def test_columns_are_the_journals(self):
        path = os.path.join(runner.folder(self), "journal.db")
        subprocess.run([runner.find_program("tests/tool/make-journal"), path], check=True)
        journal = sqlite3.connect(path)
        self.addCleanup(journal.close)
        for table, more in MORE.items():
            with self.subTest(table):
                kinds = {row[1]: row[2] for row in
                         journal.execute("PRAGMA table_info(%s)" % table)}
                ours = dict(self.pg.rows(
                    "SELECT column_name, data_type FROM information_schema.columns"
                    " WHERE table_schema = 'tlsward' AND table_name = '%s'" % table))
                self.assertEqual(set(kinds) - LEFT_OUT.get(table, set()), set(ours) - more)
                for name in set(kinds) & set(ours) - NUMBERS:
                    self.assertEqual({"TEXT": "text", "BLOB": "bytea", "INTEGER": "int"}
                                     [kinds[name]], ours[name].replace("big", "")[:5]
                                     .replace("integ", "int"), name)

    def test_texts_are_compared_byte_by_byte(self):
        self.assertEqual(self.pg.rows(
            "SELECT table_name, column_name FROM information_schema.columns WHERE"
            " table_schema = 'tlsward' AND data_type = 'text' AND collation_name IS"
            " DISTINCT FROM 'C' AND table_name IN (SELECT relname FROM pg_class WHERE"
            " relnamespace = 'tlsward'::regnamespace AND relkind IN ('r', 'p'))"), [])

    def test_all_is_the_owners(self):
        self.assertEqual(self.pg.rows(
            "SELECT DISTINCT relowner::regrole FROM pg_class"
            " WHERE relnamespace = 'tlsward'::regnamespace"), [["tlsward_owner"]])

    def test_what_the_writer_may(self):
        for sql in WRITER_MAY:
            with self.subTest(sql):
                self.pg.psql(sql, tables.WRITER)
                self.pg.psql(sql, tables.WRITER)
        self.pg.psql("UPDATE tlsward.rollup SET messages = messages + 1", tables.WRITER)

    def test_what_the_writer_may_not(self):
        for sql in WRITER_MAY_NOT:
            with self.subTest(sql):
                self.refused(sql, tables.WRITER)

    def test_the_reader_reads_everything_and_nothing_more(self):
        for name, in self.pg.rows("SELECT relname FROM pg_class WHERE relkind IN"
                                  " ('r', 'p', 'v') AND relnamespace = 'tlsward'::regnamespace"):
            self.pg.psql("SELECT count(*) FROM tlsward.\"%s\"" % name, tables.READER)
        for sql in READER_MAY_NOT:
            with self.subTest(sql):
                self.refused(sql, tables.READER)

    def test_each_column_of_a_long_key_counts(self):
        keys = {"handshake": ["direction", "host", "address", "next_hop", "reason"],
                "delivery": ["next_hop", "relay", "address", "tls_version", "cipher", "bits",
                             "verification", "result", "tls_reason", "rule", "rule_kind",
                             "rule_name", "partner", "verdict", "reason"]}
        more = {"handshake": ", sample", "delivery": ""}
        for table, names in keys.items():
            for other in [None, *names]:
                values = ["7" if name == other else "'%s'" % ("x" * 3000) if name != "bits"
                          else "0" for name in names]
                self.pg.psql("INSERT INTO tlsward.%s (hour, journal, count, first, last, %s%s)"
                             " VALUES ('2026-03-01', 9, 1, 0, 0, %s%s)" % (
                                 table, ", ".join(names), more[table], ", ".join(values),
                                 more[table] and ", ''"), tables.WRITER)
            self.assertEqual(self.pg.psql("SELECT count(DISTINCT key) FROM tlsward.%s"
                                          " WHERE journal = 9" % table), str(len(names) + 1))

    def test_again_changes_nothing(self):
        before = dump(self.pg)
        tables.make(self.pg)
        self.assertEqual(dump(self.pg), before)


class TheWay(unittest.TestCase):
    """By whom they are made, and from what."""

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster())

    def database(self, name, options=""):
        self.pg.psql("CREATE DATABASE %s %s" % (name, options))
        self.addCleanup(self.pg.psql, "DROP DATABASE %s" % name)
        return name

    def test_from_each_step_before(self):
        fresh, older = self.database("fresh"), self.database("older")
        self.pg.psql(tables.schema(), database=fresh)
        self.pg.psql("BEGIN;" + part("roles.sql") + part("step-1.sql") + "COMMIT;",
                     database=older)
        self.pg.psql("INSERT INTO tlsward.watched VALUES (0, 'lines', 1)", database=older)
        self.pg.psql(tables.schema(), database=older)
        self.assertEqual(self.pg.psql("SELECT * FROM tlsward.watched", database=older),
                         "0|lines|1")
        for name in fresh, older:
            self.pg.psql("DELETE FROM tlsward.watched; DELETE FROM tlsward.version",
                         database=name)
        self.assertEqual(dump(self.pg, older), dump(self.pg, fresh))

    def test_by_who_is_no_superuser(self):
        # In a cluster of its own, as the roles are the cluster's.
        with cluster.Cluster() as pg:
            pg.psql("CREATE ROLE dba LOGIN CREATEROLE; ALTER DATABASE tlsward OWNER TO dba;"
                    "REVOKE ALL ON DATABASE tlsward FROM PUBLIC")
            for _ in range(2):
                tables.make(pg, "dba")
            self.assertEqual(tables.maintain(pg)[0], 0)
            pg.psql("CREATE TEMPORARY TABLE staging (n int)", tables.WRITER)
            pg.psql("SELECT * FROM tlsward.record", tables.READER)

    def test_all_or_nothing(self):
        name = self.database("nothing")
        self.pg.psql("CREATE ROLE nobody LOGIN")
        self.addCleanup(self.pg.psql, "DROP ROLE nobody")
        with self.assertRaises(RuntimeError):
            self.pg.psql(tables.schema(), "nobody", name)
        self.assertEqual(self.pg.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'tlsward'",
                                      database=name), [])

    def test_another_encoding(self):
        name = self.database("latin", "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
                             " TEMPLATE template0")
        with self.assertRaisesRegex(RuntimeError, "is LATIN1, and has to be UTF8"):
            self.pg.psql(tables.schema(), database=name)

    def test_nothing_is_printed_where_a_part_is_missing(self):
        status, out, err = runner.run("ship", "--schema", env=dict(
            os.environ, TLSWARD_DATADIR=runner.folder(self)))
        self.assertEqual((status, out), (2, ""))
        self.assertIn("roles.sql cannot be read", err)
