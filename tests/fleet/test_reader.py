# SPDX-License-Identifier: ISC
"""What a review over PostgreSQL says of the fleet itself, and where it cannot be read."""

import json
import os
import subprocess
import sys
import unittest

import runner
from fleet import cluster, filled

sys.path.append(os.path.join(runner.TOP, "tests", "tool"))

from journals import Journal  # noqa: E402

POLICY = 'partner "Acme" { domain acme.example; incoming { require tls; otherwise reject } }\n'
SECRET = "hunter2"
DAY = "2026-01-05T10:00:00Z"
SINCE = ("--since", "2026-01-01", "--until", "2026-02-01")


class Spoken:
    """A database of the cluster whose letters are those of a language."""

    def __init__(self, pg):
        self._pg = pg
        filled.schema(self)

    def psql(self, sql, **more):
        return self._pg.psql(sql, **{"database": "spoken", **more})


class Fleet(unittest.TestCase):
    """Two nodes with a record each, and many of one."""

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster())
        filled.schema(cls.pg)
        cls.policy = os.path.join(cls.pg.folder, "policy.conf")
        with open(cls.policy, "w", encoding="utf-8") as out:
            out.write(POLICY)
        for node, many in (("mx1", 1), ("mx2", 20000)):
            path = os.path.join(cls.pg.folder, node + ".db")
            journal = Journal(path)
            journal.db.execute("BEGIN")
            for i in range(many):
                journal.record(DAY, domain="acme.example", reply="x" * 500,
                               sender="%d@acme.example" % i)
            journal.db.execute("COMMIT")
            journal.close()
            filled.fill(cls.pg, node, path)
        cls.pg.psql("CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN IN ROLE tlsward_reader")

    def tlsward(self, *arguments, user="bob", **more):
        return runner.run(*arguments, "--journal",
                          "postgresql:" + self.pg.conninfo(user, password=SECRET, **more))

    def fails(self, said, *arguments, **more):
        status, out, errors = self.tlsward(*arguments, **more)
        self.assertEqual((status, out), (2, ""), errors)
        self.assertIn(said, errors)
        self.assertNotIn(SECRET, errors)

    def report(self, *arguments):
        status, out, errors = self.tlsward("report", "--policy", self.policy, *SINCE, *arguments)
        self.assertEqual((status, errors), (0, ""))
        return " ".join(out.split())

    def run_policies(self, *digests):
        self.pg.psql("DELETE FROM tlsward.policies;" + "".join(
            "INSERT INTO tlsward.policies VALUES (%d, '2026-01-0%d', '%s', 'policy.conf', %d);"
            % (number % 2, 1 + number, digest, number) for number, digest in enumerate(digests)))

    def test_policies_that_differ(self):
        self.run_policies("a" * 64, "b" * 64)
        self.assertIn("2 different policies are in force: aaaaaaaaaaaa at mx1 (since 1 Jan 2026); "
                      "bbbbbbbbbbbb at mx2 (since 2 Jan 2026)", self.report())
        self.assertEqual(
            [(each["digest"][0], each["nodes"][0]["node"])
             for each in json.loads(self.report("--json"))["policies"]],
            [("a", "mx1"), ("b", "mx2")])
        self.assertIn("2 different policies are in force", self.report("--html", "-"))
        self.assertNotIn("policies", json.loads(self.report("--json", "--node", "mx1")))

    def test_policies_that_are_one_by_now(self):
        self.run_policies("a" * 64, "b" * 64, "b" * 64)
        self.assertNotIn("different policies", self.report())
        self.assertNotIn("policies", json.loads(self.report("--json")))

    def test_a_node(self):
        for option, messages in (((), 20001), (("--node", "mx1"), 1), (("--mta", "mx2"), 20000)):
            with self.subTest(option):
                found = json.loads(self.report("--json", *option))
                self.assertEqual(found["totals"]["transactions"], messages)
        self.fails('no journal of a node "mx9": there are mx1, mx2', "log", "--node", "mx9")
        self.assertIn("--node goes with", runner.run(
            "log", "--node", "mx1", "--journal", os.path.join(self.pg.folder, "mx1.db"))[2])

    def test_diff(self):
        """Whose mail a change touches, of the fleet, of a node, and of its journal."""
        path = os.path.join(self.pg.folder, "new.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(POLICY.replace("tls;", "tls >= 1.3;"))
        call = ("diff", "--json", self.policy, path, "--since", "2026-01-01")
        there = [self.tlsward(*call, *node) for node in ((), ("--node", "mx1"))]
        there.append(runner.run(*call, "--journal", os.path.join(self.pg.folder, "mx1.db")))
        traffic = []
        for status, out, errors in there:
            self.assertEqual((status, errors), (1, ""))
            traffic.append(json.loads(out)["traffic"])
            del traffic[-1]["until"]
        self.assertEqual([each["transactions"] for each in traffic], [20001, 1, 1])
        self.assertEqual(traffic[1], traffic[2])

    def test_whose_record_it_is(self):
        """Text, JSON and CSV tell the node; those of a file have no such member."""
        status, out, _ = self.tlsward("log", "--from", "0@acme.example", "--utc")
        self.assertEqual((status, [line.split()[3] for line in out.splitlines()]),
                         (0, ["mx2", "mx1"]))
        lines = self.tlsward("log", "--from", "0@acme.example", "--json")[1].splitlines()
        self.assertEqual([json.loads(line)["node"] for line in lines], ["mx2", "mx1"])
        self.assertEqual([line.rsplit(",", 1)[1] for line in self.tlsward(
            "log", "--from", "0@acme.example", "--csv")[1].splitlines()],
                         ["node", "mx2", "mx1"])
        for form in "--json", "--csv", "--utc":
            self.assertNotIn("node", runner.run("log", form, "--journal", os.path.join(
                self.pg.folder, "mx1.db"))[1])
        for policy in self.policy, "/nonexistent":
            self.assertIn(" at mx1: mail from", self.tlsward(
                "explain", "--policy", policy, "--node", "mx1", "--last", "Acme.example")[1])
        self.assertEqual(json.loads(self.tlsward(
            "explain", "--policy", self.policy, "--node", "mx1", "--last", "acme.example",
            "--json")[1])["node"], "mx1")
        self.assertEqual(runner.run("explain", "--policy", self.policy, "--record",
                                    text=lines[0])[0], 0)

    def test_capitals_that_are_not_ascii(self):
        """The database's own language folds them, SQLite does not."""
        self.pg.psql("CREATE DATABASE spoken TEMPLATE template0 ENCODING 'UTF8'"
                     " LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
        path = os.path.join(self.pg.folder, "spoken.db")
        journal = Journal(path)
        journal.record(DAY, domain="acme.example", partner="\u00d6BB")
        journal.close()
        filled.fill(Spoken(self.pg), "mx1", path)
        for partner, count in (("\u00d6BB", 1), ("\u00f6BB", 0), ("\u00d6bb", 1)):
            for where in path, "postgresql:" + self.pg.conninfo("bob", database="spoken"):
                with self.subTest((partner, where)):
                    status, out, errors = runner.run(
                        "log", "--json", "--partner", partner, "--since", "2026-01-01",
                        "--journal", where)
                    self.assertEqual(len(out.splitlines()), count, (status, errors))

    def test_what_cannot_be_read(self):
        self.fails("GRANT tlsward_reader", "log", user="ann")
        self.fails("cannot connect", "log", user="nobody-there")
        self.fails("has no schema tlsward", "log", user="bob", database="postgres")
        self.fails("--follow reads the journal of one host", "log", "--follow")
        for wrong in ("password=%s nonsense", "postgresql://u:%s@[", "nonsense %s"):
            with self.subTest(wrong):
                _, _, errors = runner.run("log", "--journal", "postgresql:" + wrong % SECRET)
                self.assertIn("no connection string", errors)
                self.assertNotIn(SECRET, errors)

    def test_another_version(self):
        for step, said in ((0, "of an older tlsward"), (99, "of a newer tlsward")):
            self.pg.psql("UPDATE tlsward.version SET step = %d" % step)
            try:
                self.fails(said, "log")
            finally:
                self.pg.psql("UPDATE tlsward.version SET step = 1")

    def test_times_beyond_all_others(self):
        status, out, _ = self.tlsward("log", "--since", "0001-01-01", "-n", "1", "--json")
        self.assertEqual((status, out.count("\n")), (0, 1))
        status, out, _ = self.tlsward("log", "--domain", "acme.example", "--until",
                                      "9999-01-01", "-n", "1", "--json")
        self.assertEqual((status, out.count("\n")), (0, 1))

    def test_a_connection_that_breaks(self):
        """It is an error, and never a short answer."""
        with subprocess.Popen([runner.TLSWARD, "log", "--json", "--journal", "postgresql:" +
                               self.pg.conninfo("bob")], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdout.readline()
            self.pg.kill()
            out, errors = process.communicate()
        self.pg.start()
        self.assertEqual(process.returncode, 2, out[-200:])
        self.assertLess(out.count(b"\n"), 20000)
        self.assertIn(b"broke before all was read", errors)
