# SPDX-License-Identifier: ISC
"""The throw-away PostgreSQL keeps what was committed, and ends as it is told to."""

import os
import unittest

from fleet import cluster


class ACluster(unittest.TestCase):
    """What tests of other files rely on."""

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster(tls=True, hba=[cluster.SECURE_TLS]))
        cls.pg.psql("CREATE ROLE ann LOGIN PASSWORD 'it''s'; CREATE TABLE kept(n int)")

    def test_what_was_committed_is_there_after_kill(self):
        self.pg.psql("INSERT INTO kept VALUES (1), (NULL)")
        self.pg.kill()
        self.assertFalse(self.pg.running())
        with self.assertRaises(RuntimeError):
            self.pg.psql("SELECT 1")
        self.pg.start()
        self.assertEqual(self.pg.rows("SELECT * FROM kept"), [["1"], [None]])

    def test_a_password_by_tls(self):
        def by_tls(**more):
            return self.pg.psql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
                                "ann", tcp=True, **more)
        self.assertEqual(by_tls(password="it's"), "t")
        for refused in ({"password": "no"}, {"password": "it's", "sslmode": "disable"}):
            with self.subTest(**refused), self.assertRaises(RuntimeError):
                by_tls(**refused)

    def test_goes_on_after_a_pause(self):
        with self.pg.paused():
            self.assertTrue(self.pg.running())
        self.assertEqual(self.pg.psql("SELECT 1"), "1")


class AFullDisk(unittest.TestCase):
    """A file system of its own, which others do not see."""

    def test_full_and_not_full_any_more(self):
        if not cluster.Cluster.can_fill():
            self.skipTest("nothing may be mounted here")
        with cluster.Cluster(size=100 << 20) as pg:
            pg.psql("CREATE TABLE much(t text)")
            more = "INSERT INTO much SELECT repeat('x', 1000) FROM generate_series(1, %d)"
            pg.fill(leave=3 << 20)
            with self.assertRaisesRegex(RuntimeError, "No space left"):
                pg.psql(more % 100000)
            pg.empty()
            pg.psql(more % 100)
            self.assertEqual(pg.psql("SELECT count(*) FROM much"), "100")
        self.assertFalse(os.path.exists(pg.folder))
