# SPDX-License-Identifier: ISC
"""Summaries of days: a report says the same with and without them."""

import datetime
import json
import os
import random
import unittest

import runner
from fleet import cluster, filled
from mta import workspace

NOW = datetime.datetime.now(datetime.timezone.utc)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
DAYS = 45
HOUR_MS = 3600000

POLICY = """default { require tls; monitor }
partner "Acme" { domain acme.example; incoming { require tls; monitor } }
partner "Bank" { domain bank.example; incoming { require tls; otherwise reject } }
to boss@ours.example { require tls >= 1.3; monitor }
"""
TLS = {"tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256}
OLD = {"tls_version": "TLSv1.2", "cipher": "ECDHE-RSA-AES128-GCM-SHA256", "bits": 128}
CLEAR = {"tls_version": "none"}
NULL_CIPHER = {"tls_version": "TLSv1.2", "cipher": "NULL-SHA256", "bits": 0}
UNKNOWN = {}
DEFAULT = {"rule": "policy.conf:1", "rule_kind": "default"}
ACME = {"domain": "acme.example", "partner": "Acme", "rule": "policy.conf:2",
        "rule_kind": "from", "rule_name": "acme.example"}
BANK = {"domain": "bank.example", "partner": "Bank", "rule": "policy.conf:3",
        "rule_kind": "from", "rule_name": "bank.example"}
BOSS = {"rule": "policy.conf:4", "rule_kind": "to", "rule_name": "boss@ours.example"}

FACTS = ("client_name", "client_network", "client_address", "local", "authenticated",
         "null_sender", "domain", "tls_version", "cipher", "bits", "rule", "rule_kind",
         "rule_name", "partner", "exemption", "certificate")
RECORD = ("session", "client_addr", "client_name", "local", "from", "to", "domain",
          "tls_version", "cipher", "bits", "action", "reason", "rule", "rule_kind",
          "rule_name", "partner", "would", "would_reason", "would_rule")

# What sessions have in common, and how many days ago they came, from and to.
SETS = [
    ({"domain": "tls.example", **TLS, **DEFAULT}, 45, 0),
    ({"domain": "tls.example", **OLD, **DEFAULT}, 40, 2),
    ({"domain": "clear.example", **CLEAR, **DEFAULT}, 45, 0),
    ({"domain": "mixed.example", **TLS, **DEFAULT}, 45, 0),
    ({"domain": "mixed.example", **CLEAR, **DEFAULT}, 45, 0),
    ({"domain": "sub.mixed.example", **OLD, **DEFAULT}, 45, 0),
    ({"domain": "sub.mixed.example", **CLEAR, **DEFAULT}, 9, 0),
    ({"domain": "late.example", **TLS, **DEFAULT}, 45, 3),
    ({"domain": "late.example", **CLEAR, **DEFAULT}, 12, 0),
    ({"domain": "long.example", **TLS, **DEFAULT}, 45, 6),
    ({"domain": "long.example", **CLEAR, **DEFAULT}, 5, 0),
    ({"domain": "null.example", **NULL_CIPHER, **DEFAULT}, 45, 0),
    ({"domain": "null.example", **TLS, **DEFAULT}, 45, 0),
    ({"domain": "unknown.example", **UNKNOWN, **DEFAULT}, 45, 0),
    ({"domain": "unknown.example", **TLS, **DEFAULT}, 45, 10),
    ({"domain": "unknown.example", **CLEAR, **DEFAULT}, 8, 0),
    ({"null_sender": "yes", **TLS, **DEFAULT}, 45, 0),
    ({"null_sender": "yes", **CLEAR, **DEFAULT}, 20, 0),
    ({**TLS, **DEFAULT}, 45, 0),
    ({"domain": "ours.example", "local": "yes", **CLEAR}, 45, 0),
    ({"domain": "ours.example", "authenticated": "yes", **TLS}, 45, 0),
    ({"domain": "ours.example", **TLS, **DEFAULT}, 30, 0),
    ({**ACME, **TLS, "client_address": "192.0.2.7"}, 45, 0),
    ({**ACME, **TLS, "certificate": 1}, 45, 0),
    ({**ACME, **TLS, "certificate": 2}, 14, 0),
    ({**ACME, **CLEAR, "exemption": "till the end"}, 45, 0),
    ({**ACME, **OLD}, 15, 13),
    ({**BANK, **TLS, "client_address": "192.0.2.9", "client_name": "mx.bank.example"}, 45, 0),
    ({**BANK, **TLS}, 30, 0),
    ({"domain": "bank.example", **TLS, **BOSS}, 30, 0),
    ({"domain": "late.example", **TLS, **BOSS}, 30, 0),
]


def stamp(when):
    return when.strftime("%Y-%m-%d %H:%M:%S.%f+00")


class Summaries(unittest.TestCase):
    """The same data, read with and without."""

    @classmethod
    def setUpClass(cls):
        cls.random = random.Random(16)
        cls.pg = cls.enterClassContext(cluster.Cluster())
        filled.schema(cls.pg)
        cls.folder = workspace.folder()
        cls.addClassCleanup(workspace.remove, cls.folder)
        cls.policy = os.path.join(cls.folder, "policy.conf")
        with open(cls.policy, "w", encoding="utf-8") as out:
            out.write(POLICY)
        cls.pg.psql("INSERT INTO tlsward.journal (node, journal) VALUES"
                    " ('mx1', repeat('1', 32)), ('mx2', repeat('2', 32))")
        filled.copy(cls.pg, "certificate", [
            {"id": n, "used": "2026-01-01", "digest": b"c%d" % n, "cert_cn": "mx%d.acme.example" % n,
             "cert_fingerprint": "sha256:%064x" % n, "cert_not_after": "2030-01-01T00:00:00Z"}
            for n in (1, 2)])
        # Of each set there are some, from several hosts.
        cls.sets = [(number, 3 * row + host + 1, *what) for row, what in enumerate(SETS)
                    for host in range(3) for number in [3 * row + host + 1]]
        filled.copy(cls.pg, "facts", [cls.facts(number, *what[:1]) for number, _, *what in cls.sets])
        cls.there = set()
        cls.add_rollups(range(DAYS + 1), 4)
        cls.add_records(400)
        filled.copy(cls.pg, "handshake", [
            {"hour": stamp(TODAY - datetime.timedelta(days=days)), "count": days, "journal": 0,
             "first": 1000, "last": 2000, "direction": "in", "host": "", "address": address,
             "next_hop": "", "reason": "no-shared-version", "sample": "x"}
            for days, address in ((3, "192.0.2.7"), (4, "198.51.100.3"), (5, "198.51.100.12"),
                                  (6, "192.0.2.9"))])

    @staticmethod
    def facts(number, what):
        host = "mx%d.%s" % (number, what.get("domain", "void.example"))
        # Those that were used late are read at once, others one by one.
        row = {"id": number, "used": "%s-01-01" % (9999 if number % 2 else 2020),
               "digest": b"f%d" % number}
        row.update(dict.fromkeys(FACTS))
        row.update({"client_name": host if number % 3 else None,
                    "client_network": "198.51.%d.0/24" % (100 + number % 7)})
        row.update(what)
        return row

    @classmethod
    def add_rollups(cls, days, each):
        """Adds rows of the days (so many ago): "each" a set and day, of both nodes."""
        rows = []
        for number, _, what, since, until in cls.sets:
            for day in (day for day in days if until <= day <= since):
                for _ in range(cls.random.randrange(each + 1)):
                    hour = TODAY - datetime.timedelta(
                        days=day, hours=-cls.random.randrange(24))
                    journal = cls.random.randrange(2)
                    if hour + datetime.timedelta(hours=1) > NOW or (hour, number, journal) in cls.there:
                        continue
                    cls.there.add((hour, number, journal))
                    first = cls.random.randrange(HOUR_MS)
                    rows.append({
                        "hour": stamp(hour), "messages": cls.random.choice((1, 1, 2, 30)),
                        "facts": number, "journal": journal, "first": first,
                        "last": cls.random.randrange(first, HOUR_MS), "session": "s%d" % first,
                        "client_addr": what.get("client_address") or
                        "198.51.100.%d" % cls.random.randrange(20), "sender": "ann"})
        filled.copy(cls.pg, "rollup", rows)

    @classmethod
    def add_records(cls, count, first=0):
        rows = []
        for number in range(first, first + count):
            what = {key: value for key, value in cls.random.choice(SETS)[0].items()
                    if key in RECORD}
            what.setdefault("action", cls.random.choice(("accept", "accept", "reject", "tempfail")))
            if what["action"] != "accept":
                what["reason"] = "no-tls"
            elif number % 2:
                what.update(would="reject", would_reason="no-tls", would_rule="policy.conf:2")
            journal = number % 2
            row = {"time": stamp(NOW - datetime.timedelta(days=cls.random.random() * DAYS)),
                   "id": number, "node": "mx%d" % (journal + 1),
                   "journal": str(journal + 1) * 32, **dict.fromkeys(RECORD)}
            sender = "ann@" + what["domain"] if "domain" in what else "<>"
            row.update({"session": "r%d" % number, "from": sender, "to": "b%d@ours.example" %
                        (number % 3), "client_addr": "198.51.100.%d" % (number % 20)})
            row.update(what)
            rows.append(row)
        filled.copy(cls.pg, "record", rows)

    def summarize(self):
        self.pg.psql("CALL tlsward.find_alike(); CALL tlsward.summarize_days()")

    def report(self, *words):
        status, text, said = runner.run(
            "report", "--json", "--policy", self.policy, "--journal",
            "postgresql:" + self.pg.conninfo(), *words)
        self.assertEqual((status, said), (0, ""))
        tree = json.loads(text)
        return json.dumps(tree, indent=1, sort_keys=True)

    def questions(self, whole):
        """Periods that begin and end anywhere, and what else is asked; or some of these."""
        def ago(days):
            return stamp(NOW - datetime.timedelta(days=days))[:19].replace(" ", "T") + "Z"
        asked = [("--since", ago(40)), ("--since", stamp(TODAY - datetime.timedelta(days=30))[:10]),
                 ("--since", stamp(TODAY - datetime.timedelta(days=20))[:10],
                  "--until", stamp(TODAY - datetime.timedelta(days=4))[:10]),
                 ("--since", ago(2)), ("--since", ago(9.3), "--until", ago(7.1)),
                 ("--since", ago(30), "--ready-days", "3")]
        for _ in range(2):
            since, until = sorted((self.random.random() * DAYS for _ in range(2)), reverse=True)
            asked.append(("--since", ago(since + 0.1), "--until", ago(until)))
        for more in (("--domain", "late.example"), ("--domain", ".mixed.example"),
                     ("--domain", "<>"), ("--partner", "acme"), ("--partner", "Bank"),
                     ("--node", "mx2")):
            asked.extend(((*more, "--since", ago(38)), (*more, "--since", ago(25.4), "--until",
                                                        ago(3.2))))
        asked = [words if "--until" in words else (*words, "--until", ago(0)) for words in asked]
        return asked if whole and not runner.has_sanitizer() else asked[::4]

    def must_be_equal(self, whole=False):
        """What is read by the summaries as they are is what is read without."""
        asked = self.questions(whole)
        with_them = [self.report(*words) for words in asked]
        kept = self.pg.psql("COPY tlsward.summarized TO STDOUT")
        self.pg.psql("DELETE FROM tlsward.summarized")
        for words, answer in zip(asked, with_them):
            with self.subTest(asked=words):
                self.assertEqual(answer.split("\n"), self.report(*words).split("\n"))
        if kept:
            self.pg.psql("COPY tlsward.summarized FROM STDIN;\n%s\n\\.\n" % kept)
        return dict(zip(asked, with_them))

    def test_1_the_same_with_and_without(self):
        self.summarize()
        self.assertEqual(self.pg.psql("SELECT count(*) >= %d FROM tlsward.summarized WHERE"
                                      " hours = 24" % (DAYS - 1)), "t")
        answers = self.must_be_equal(whole=True)
        whole = next(iter(answers))	# of more than a month
        self.assertIn('"new_clear_text"', answers[whole])
        self.assertIn("late.example", answers[whole])
        # They are what was read.
        right = self.report(*whole)
        for change in ("rollup_day SET messages = messages + 1000 WHERE hours = 24",
                       "rollup_day SET messages = messages + 1000 WHERE hours = 96",
                       "rollup_part SET messages = messages + 1000"):
            self.pg.psql("UPDATE tlsward." + change)
            wrong = self.report(*whole)
            self.assertFalse(wrong == right, change)
            right = wrong
        asked = (whole, ("--domain", "tls.example", *whole), ("--partner", "Acme", *whole))
        wrong = [self.report(*words) for words in asked]
        self.pg.psql("DELETE FROM tlsward.summarized")
        for words, answer in zip(asked, wrong):
            self.assertFalse(answer == self.report(*words), words)

    def test_2_late_rows_make_a_summary_void(self):
        self.add_rollups(range(2, DAYS), 1)
        self.add_records(60, 1000)
        self.must_be_equal()
        self.summarize()
        self.must_be_equal()

    def add_set(self, number, what, ago, first=5):
        """A set of facts that is new, and messages of it, so many days ago at midnight."""
        filled.copy(self.pg, "facts", [self.facts(number, what)])
        filled.copy(self.pg, "rollup", [
            {"hour": stamp(TODAY - datetime.timedelta(days=ago)), "messages": 3, "facts": number,
             "journal": 0, "first": first, "last": first + 50, "session": "new",
             "client_addr": "192.0.2.200", "sender": "eve"}])

    def test_3_a_domain_that_mixes_now(self):
        self.summarize()
        self.assertEqual(self.pg.psql("SELECT count(*) FROM tlsward.facts WHERE one IS NULL"), "0")
        self.assertEqual(self.pg.psql("SELECT count(*) > 0 FROM tlsward.facts WHERE one <> id"), "t")
        self.add_set(1001, {"domain": "tls.example", **CLEAR, **DEFAULT}, 1)
        self.add_set(1002, {"domain": "clear.example", **TLS, **DEFAULT}, 3)
        self.must_be_equal(whole=True)
        self.assertIn("tls.example", self.pg.psql("SELECT name FROM tlsward.mixed_of("
                                                  "'2026-01-01', now())"))
        self.summarize()
        self.must_be_equal()

    def test_4_four_days_of_days_that_are_void(self):
        self.summarize()
        span = self.pg.psql("SELECT max(since) FROM tlsward.summarized WHERE hours = 96")
        there = "SELECT count(*) FROM tlsward.summarized_now WHERE since = '%s' AND hours = 96" % span
        self.assertEqual(self.pg.psql(there), "1")
        self.pg.psql("UPDATE tlsward.touched SET version = version + 1 WHERE part = '%s';"
                     " SELECT tlsward.summarize('%s', 96)" % (span, span))
        self.assertEqual(self.pg.psql(there), "0")
        self.summarize()
        self.assertEqual(self.pg.psql(there), "1")

    def test_5_without_a_second_connection(self):
        self.pg.psql("CREATE ROLE alone LOGIN CONNECTION LIMIT 1; GRANT tlsward_reader TO alone")
        words = ("--since", stamp(TODAY - datetime.timedelta(days=30))[:10], "--until",
                 stamp(NOW)[:19].replace(" ", "T") + "Z")
        here = self.report(*words)
        status, text, said = runner.run(
            "report", "--json", "--policy", self.policy, "--journal",
            "postgresql:" + self.pg.conninfo("alone"), *words)
        self.assertEqual((status, said), (0, ""))
        self.assertEqual(json.dumps(json.loads(text), indent=1, sort_keys=True).split("\n"),
                         here.split("\n"))

    def test_6_the_end_within_an_hour(self):
        """Of sets that are alike one came before it, the other after."""
        for number, minutes in ((1003, 10), (1004, 50)):
            self.add_set(number, {"domain": "end.example", **TLS, **DEFAULT}, 4, minutes * 60000)
        self.summarize()
        end = TODAY - datetime.timedelta(days=4, minutes=-30)
        self.questions = lambda whole: [("--since", stamp(end - datetime.timedelta(days=20))[:10],
                                         "--until", stamp(end)[:19].replace(" ", "T") + "Z")]
        answers = self.must_be_equal()
        self.assertIn("end.example", next(iter(answers.values())))

    def test_7_rows_that_come_in_meanwhile(self):
        day = stamp(TODAY - datetime.timedelta(days=5))
        row = ("INSERT INTO tlsward.rollup AS r (hour, messages, facts, journal, first, last)"
               " VALUES ('%s', 77, 1, 0, 5, 6) ON CONFLICT (hour, facts, journal)"
               " DO UPDATE SET messages = r.messages + 77" % day)
        there = "SELECT version = (SELECT sum(version) FROM tlsward.touched WHERE part >="\
                " '%s' AND part < '%s'::timestamptz + interval '1 day')" \
                " FROM tlsward.summarized WHERE since = '%s' AND hours = 24" % (day, day, day)
        self.summarize()
        with open(os.path.join(self.folder, "row.sql"), "w", encoding="utf-8") as out:
            out.write(row)
        self.pg.psql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM tlsward.rollup;\n"
                     "\\! psql -X -q -d \"%s\" -f %s\n"
                     "SELECT tlsward.summarize('%s', 24); COMMIT;" % (
                         self.pg.conninfo(), os.path.join(self.folder, "row.sql"), day))
        self.assertEqual(self.pg.psql(there), "f")
        self.must_be_equal()
        self.summarize()
        self.assertEqual(self.pg.psql(there), "t")
        self.must_be_equal()
