# SPDX-License-Identifier: ISC
"""The views over a fleet: their numbers are the report's, and they ask no more than they must."""

import datetime
import json
import os
import re
import sys
import unittest

import runner
from fleet import cluster, filled
from mta import workspace

sys.path.append(os.path.join(runner.TOP, "tests", "tool"))

import sample_journal  # noqa: E402
from journals import Journal  # noqa: E402

VIEWS = ("agreements", "certificates", "certificates_ending", "deliveries",
         "delivery_troubles", "failed_handshakes", "held", "hosts", "incoming",
         "new_clear_text", "node_policies", "nodes", "not_kept", "not_taken", "partners",
         "refusals", "would_be_refusals")
# The members of a side that are columns, too.
BOTH = ("messages", "encrypted", "met", "exempt", "held", "refused", "refused_elsewhere",
        "tempfailed", "would_be_refused")
OUT = ("sent", "deferred", "bounced", "deferred_for_tls", "verified", "sent_unmet")
END = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
TLS13 = {"tls_version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256}
CLEAR = {"tls_version": "none"}

POLICY = """default { require tls }
partner "Acme" { domain acme.example; incoming { require tls; otherwise reject };
    outgoing { require tls >= 1.2 } }
partner "O'Neil \\\\ Sons" { domain oneil.example; incoming { require tls; monitor } }
to boss@ours.example { require tls >= 1.3; otherwise reject }
to late@ours.example { require tls >= 1.3; monitor }
client 192.0.2.0/25 { require tls; otherwise tempfail }
from list.example { require tls; otherwise quarantine }
from file "many.txt" { require tls; otherwise tempfail }
"""
ACME = {"domain": "acme.example", "partner": "Acme", "rule": "policy.conf:2",
        "rule_kind": "from", "rule_name": "acme.example"}
ONEIL = {"domain": "oneil.example", "partner": "O'Neil \\ Sons", "rule": "policy.conf:4",
         "rule_kind": "from", "rule_name": "oneil.example"}
BOSS = {"rule": "policy.conf:5", "rule_kind": "to", "rule_name": "boss@ours.example"}
NEAR = {"rule": "policy.conf:7", "rule_kind": "client", "rule_name": "192.0.2.0/25"}
LIST = {"domain": "list.example", "rule": "policy.conf:8", "rule_kind": "from",
        "rule_name": "list.example"}
DEFAULT = {"rule": "policy.conf:1", "rule_kind": "default"}


def stamp(hours, seconds=0):
    return (END - datetime.timedelta(hours=hours) + datetime.timedelta(
        seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def many(place, name):
    return {"domain": name, "rule": "many.txt:%d" % place, "rule_kind": "from",
            "rule_name": name}


def refusal(journal, hours, second, session, recipient, rule, action="reject", **more):
    journal.record(stamp(hours, second), action=action, session=session, to=recipient,
                   client_addr="192.0.2.9", **{
                       "sender": "a@acme.example", "reason": "tls",
                       "failed": ["tls"]} | rule | more)


def odd_refusals(journal):
    """Several recipients of a message, some of them again, by several rules."""
    for second, to in enumerate(("a", "b", "c", "a", "b", "d", "a")):
        refusal(journal, 30, second, "s1", to + "@ours.example", ACME, **CLEAR)
    # One after the other of another rule, with the partner's name in both.
    elsewhere = BOSS | {"domain": "acme.example", "partner": "Acme"}
    for second, (to, rule) in enumerate((("boss", elsewhere), ("b", ACME), ("boss", elsewhere),
                                         ("b", ACME), ("c", ACME))):
        refusal(journal, 20, second, "s2", to + "@ours.example", rule, **CLEAR)
    refusal(journal, 19, 0, "s2", "boss@ours.example", elsewhere, sender="b@acme.example",
            reason="tls-version", failed=["tls-version"], **TLS13)
    refusal(journal, 18, 0, None, "x@ours.example", ACME, **CLEAR)
    refusal(journal, 18, 0, None, "y@ours.example", ACME, **CLEAR)
    refusal(journal, 18, 1, "s3", None, ACME, **CLEAR)
    for second in range(3):
        refusal(journal, 17, second, "s4", "q%d@ours.example" % second, NEAR,
                action="tempfail", domain="elsewhere.example", sender="q@elsewhere.example",
                **CLEAR)
    refusal(journal, 16, 0, "s5", "a@ours.example", many(1, "one.example"), "tempfail",
            sender="m@one.example", **CLEAR)
    journal.record(stamp(15), action="quarantine", sender="h@list.example", session="s6",
                   reason="tls", failed=["tls"], queue_id="Q1", **LIST, **CLEAR)


def odd_messages(journal):
    """Let in by monitor and by exemptions; suites that do not encrypt; bounces."""
    for hours, would_rule in ((40, ONEIL["rule"]), (39, None), (38, "policy.conf:6")):
        journal.record(stamp(hours), action="accept", session="w%d" % hours, would="reject",
                       sender="w@oneil.example", would_reason="tls", would_failed=["tls"],
                       would_rule=would_rule, to="late@ours.example", **ONEIL, **CLEAR)
    journal.record(stamp(37), action="accept", exempted=1, session="e1",
                   sender="e@acme.example", **ACME, **CLEAR)
    journal.record(stamp(36), action="accept", direction="out", session="o1", **ACME, **TLS13)
    journal.rollup(stamp(35), stamp(35, 99), 7, exemption="", **ACME, **CLEAR)
    for at, facts in enumerate((
            {"tls_version": "TLSv1.2", "cipher": "NULL-SHA256", "bits": 0},
            {"tls_version": "TLSv1.2", "cipher": "ECDHE-RSA-NULL-SHA", "bits": 0},
            {"tls_version": "TLSv1.2", "cipher": "X-NULLED-SHA", "bits": 128},
            {"tls_version": "SSLv3", "cipher": "AES128-SHA", "bits": 128},
            {"tls_version": "TLSv1", "cipher": "AES128-SHA", "bits": 128},
            {"tls_version": "TLS", "cipher": "TLS_AES_128_GCM_SHA256", "bits": 128},
            {"cipher": "TLS_AES_128_GCM_SHA256"}, {"tls_version": "TLSv9"}, {},
            {"tls_version": "TLSv1.2", "cipher": "(NONE)"}, TLS13)):
        journal.rollup(stamp(34 - at, 1), stamp(34 - at, 3000), 10 + at, **ACME, **facts)
        journal.rollup(stamp(34 - at), stamp(34 - at, 9), 3, null_sender="yes", **DEFAULT,
                       **facts)
    elsewhere = BOSS | {"domain": "acme.example", "partner": "Acme"}
    journal.rollup(stamp(12), stamp(12, 20), 5, **elsewhere, **TLS13)
    journal.rollup(stamp(11), stamp(11, 20), 6, local="yes", **many(2, "two.example"), **TLS13)
    journal.rollup(stamp(11), stamp(11, 20), 8, **many(1, "one.example"), **TLS13)
    journal.rollup(stamp(10), stamp(10, 20), 2, authenticated="yes", **TLS13)


def odd_deliveries(journal):
    rule = {"rule": "policy.conf:3", "rule_kind": "deliver", "rule_name": "acme.example",
            "partner": "Acme"}
    for at, (result, verdict, columns) in enumerate((
            ("sent", "met", TLS13), ("sent", "would", CLEAR), ("deferred", "would", CLEAR),
            ("sent", "unmet", CLEAR), ("deferred", "refused", CLEAR),
            ("bounced", "refused", CLEAR), ("sent", "exempt", CLEAR), ("bounced", "met", TLS13),
            ("deferred", "uncertain", {}))):
        journal.delivery(stamp(9), "acme.example", result=result, count=1 << at,
                         verdict=verdict, verification="verified" if at % 2 else "none",
                         reason="" if verdict == "met" else "tls", last=stamp(9, at),
                         tls_reason="tls-not-offered" if at % 3 == 1 else "", **rule,
                         **columns)
    journal.delivery(stamp(9), "nobody.example", count=9, **TLS13)


class Filled(unittest.TestCase):
    """The sample site as mx1, the odd rows as mx2."""

    without_sanitizers = True

    # pylint: disable=invalid-name
    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster())
        filled.schema(cls.pg)
        cls.pg.psql("CREATE ROLE reader LOGIN IN ROLE tlsward_reader")
        cls.folders = {}
        for node in ("mx1", "mx2"):
            cls.folders[node] = folder = workspace.folder()
            cls.addClassCleanup(workspace.remove, folder)
            if node == "mx1":
                sample_journal.site(folder, END)
            else:
                cls.odd(folder)
            filled.fill(cls.pg, node, os.path.join(folder, "journal.db"))
        cls.pg.psql("VACUUM ANALYZE")

    @staticmethod
    def odd(folder):
        for name, text in (("policy.conf", POLICY), ("many.txt", "one.example\ntwo.example\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        journal = Journal(os.path.join(folder, "journal.db"))
        for part in (odd_refusals, odd_messages, odd_deliveries):
            part(journal)
        journal.close()

    def report(self, node, since, until):
        """The report of the node's own journal; with no node that of the fleet."""
        folder = self.folders[node or "mx2"]
        done = runner.run("report", "--json", "--utc", "--journal",
                          os.path.join(folder, "journal.db") if node else
                          "postgresql:" + self.pg.conninfo("reader"), "--policy",
                          os.path.join(folder, "policy.conf"), "--since", since,
                          "--until", until, cwd=folder)
        self.assertIn(done[0], (0, 1), done)
        return json.loads(done[1])

    def rows(self, sql):
        """What a member of the reader's role is told."""
        return self.pg.rows(sql, user="reader")


def millis(text):
    """A moment as the report has it, of PostgreSQL's milliseconds."""
    if text is None:
        return None
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=int(text))
    return when.isoformat(timespec="milliseconds") + "Z"


def is_of(row, agreement):
    """Whether a row is of an agreement of the report."""
    if agreement["name"] is not None:
        return row["partner"] == agreement["name"]
    if agreement["rule_kind"] == "default":
        return row["agreement"] == "default"
    who = agreement["who"]
    if who.startswith("file "):
        return (row["rule"] or "").partition(":")[0] == who[5:].strip('"')
    return row["agreement"] in ("%s %s" % (agreement["rule_kind"], who),
                                "rule %s" % agreement["rule"])


class Numbers(Filled):
    """They are those of "tlsward report --json"."""

    def hold_report(self, node, since, until):
        """Each agreement, number for number; and no row is of none."""
        report = self.report(node, since, until)
        rows = self.counted(node, since, until)
        left = list(rows)
        for agreement in report["partners"]:
            for side in ("in", "out"):
                mine = [row for row in rows
                        if row["direction"] == side and is_of(row, agreement)]
                left = [row for row in left if row not in mine]
                self.hold(agreement, side, mine)
        self.assertEqual(left, [])
        return report

    def counted(self, node, since, until):
        """The rows, added up by what the report tells apart."""
        by, names = ("direction", "agreement", "partner", "rule", "protocol", "reason",
                     "would_reason"), BOTH + OUT
        return [dict(zip(by, row)) | dict(zip(names, map(int, row[len(by):-2])))
                | {"first": int(row[-2]), "last": int(row[-1])} for row in self.rows(
                    "SELECT %s, %s, (extract(epoch FROM min(first)) * 1000)::bigint,"
                    " (extract(epoch FROM max(last)) * 1000)::bigint FROM tlsward.agreements"
                    " WHERE node LIKE '%s' AND time >= '%s' AND time < '%s' GROUP BY %s" % (
                        ", ".join(by), ", ".join("sum(%s)" % name for name in names),
                        node or "%", since, until, ", ".join(by)))]

    def hold(self, agreement, side, rows):
        told, who = agreement[side], (agreement["name"], agreement["who"], side)
        # Without a policy nobody knows which from rule without a partner applied, too.
        if agreement["name"] is None and told["refused_elsewhere"] > 0:
            self.assertEqual(sum(row["refused"] for row in rows), told["refused"], who)
            return
        if not rows:
            self.assertEqual(told["messages"], 0, who)
            return
        names = BOTH + (OUT if side == "out" else ())
        self.assertEqual(
            {name: sum(row[name] for row in rows) for name in names}
            | {"first": millis(min(row["first"] for row in rows)),
               "last": millis(max(row["last"] for row in rows))},
            {name: told[name] for name in (*names, "first", "last")}, who)
        for member, column, name in (("reasons", "reason", "refused"),
                                     ("would_reasons", "would_reason", "would_be_refused"),
                                     ("protocols", "protocol", "messages")):
            sums = {row[column]: 0 for row in rows if row[column] and row[name]}
            for row in rows:
                if row[column] in sums:
                    sums[row[column]] += row[name]
            self.assertEqual(sums, told[member], (who, member))

    def test_a_site(self):
        report = self.hold_report("mx1", stamp(24 * 31), stamp(0))
        self.assertGreater(len(report["partners"]), 20)

    def test_a_part_of_the_time(self):
        self.hold_report("mx1", stamp(24 * 4), stamp(36))

    def test_odd_rows(self):
        report = self.hold_report("mx2", stamp(24 * 3), stamp(0))
        acme = report["partners"][0]["in"]
        self.assertEqual((acme["refused"], acme["refused_elsewhere"]), (13, 3), acme)
        # Let in by one rule, and by another only since that is under monitor.
        self.assertEqual(self.rows(
            "SELECT sum(would_be_refused), sum(messages) FROM tlsward.agreements"
            " WHERE agreement = 'rule policy.conf:6'"), [["1", "1"]])

    def test_a_fleet(self):
        """Both nodes, by the policy of the second: partners are known by their names."""
        rows = self.counted(None, stamp(24 * 31), stamp(0))
        partners = [each for each in self.report(None, stamp(24 * 31), stamp(0))["partners"]
                    if each["name"] is not None]
        self.assertIn("O'Neil \\ Sons", [each["name"] for each in partners])
        for agreement in partners:
            for side in ("in", "out"):
                self.hold(agreement, side, [row for row in rows if row["direction"] == side
                                            and is_of(row, agreement)])

    def test_totals(self):
        """In all; what several recipients were refused of is one transaction."""
        for node in ("mx1", "mx2"):
            told = self.report(node, stamp(24 * 31), stamp(0))["totals"]["in"]
            [[messages, encrypted, refused]] = self.rows(
                "SELECT sum(transactions) FILTER (WHERE action NOT IN ('reject', 'tempfail'))"
                ", sum(transactions) FILTER (WHERE encrypted AND action NOT IN ('reject',"
                " 'tempfail')), count(*) FILTER (WHERE action IN ('reject', 'tempfail'))"
                " FROM tlsward.incoming WHERE node = '%s' AND time >= '%s' AND time < '%s'"
                % (node, stamp(24 * 31), stamp(0)))
            self.assertEqual(int(refused), told["refused"])
            self.assertEqual(self.rows(
                "SELECT count(*) FROM tlsward.refusals WHERE node = '%s'" % node), [[refused]])
            self.assertEqual(self.rows("SELECT count(*) FROM tlsward.would_be_refusals WHERE"
                                       " node = '%s'" % node), [[str(told["would_be_refused"])]])
            self.assertEqual(self.rows("SELECT count(*) FROM tlsward.held WHERE node = '%s'" %
                                       node), [[str(told["held"])]])
            if node == "mx1":	# where each refusal is a transaction
                self.assertEqual(int(messages) + int(refused), told["messages"])

    def test_deliveries(self):
        for node in ("mx1", "mx2"):
            told = self.report(node, stamp(24 * 31), stamp(0))["totals"]["out"]
            self.assertEqual(self.rows(
                "SELECT sum(deliveries), sum(deliveries) FILTER (WHERE encrypted),"
                " sum(deliveries) FILTER (WHERE verification = 'verified'),"
                " sum(deliveries) FILTER (WHERE result = 'deferred' AND tls_reason IS NOT NULL)"
                " FROM tlsward.deliveries WHERE node = '%s'" % node),
                [[str(told[name]) for name in (
                    "messages", "encrypted", "verified", "deferred_for_tls")]])

    def test_handshakes(self):
        told = self.report("mx1", stamp(24 * 31), stamp(0))["handshakes"]
        self.assertEqual([
            [each["direction"], each["host"], each["address"], each["next_hop"],
             each["reason"], str(each["count"])] for each in told], self.rows(
                 "SELECT direction, host, address, next_hop, reason, sum(handshakes)"
                 " FROM tlsward.failed_handshakes GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC"))

    def test_certificates(self):
        told = self.report("mx1", stamp(24 * 31), stamp(0))["partners"][0]
        self.assertEqual(told["name"], "Sparbank")
        self.assertEqual([[
            each["cert_cn"], each["cert_fingerprint"], each["cert_not_after"],
            str(each["transactions"]), each["last"]] for each in told["certificates"]], [
                [*row[:4], millis(row[4])] for row in self.rows(
                    "SELECT cert_cn, cert_fingerprint, to_char(cert_not_after AT TIME ZONE"
                    " 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), sum(transactions),"
                    " (extract(epoch FROM max(last)) * 1000)::bigint FROM tlsward.certificates"
                    " WHERE partner = 'Sparbank' GROUP BY 1, 2, 3 ORDER BY 5 DESC")])
        self.assertEqual(self.rows("SELECT agreement, cert_fingerprint, transactions FROM"
                                   " tlsward.certificates_ending"),
                         [["Sparbank", sample_journal.OLD_KEY, "806"]])

    def test_new_clear_text(self):
        report = self.report("mx1", stamp(24 * 30), stamp(-1))
        told = [each["new_clear_text"] for agreement in report["partners"]
                for each in agreement["senders"]]
        told += [each["new_clear_text"] for each in report["domains"]]
        told = [each for each in told if each is not None]
        self.assertGreater(len(told), 4)
        self.assertEqual(sorted([
            each["domain"], each["since"], each["last"], str(each["messages"]),
            each["tls_since"], str(each["tls_messages"])] for each in told), [
                [row[0], millis(row[1]), millis(row[2]), row[3], millis(row[4]), row[5]]
                for row in self.rows(
                    "SELECT domain, (extract(epoch FROM time) * 1000)::bigint,"
                    " (extract(epoch FROM last) * 1000)::bigint, messages,"
                    " (extract(epoch FROM tls_since) * 1000)::bigint, tls_messages"
                    " FROM tlsward.new_clear_text WHERE node = 'mx1' ORDER BY 1")])


def scanned(plan, inner=True):
    """The tables that a plan reads, and the indexes that it reads them by.

    inner: with those that are asked again for a row, which choose partitions then.
    """
    tables, indexes = set(), set()
    if "Relation Name" in plan:
        tables.add(plan["Relation Name"])
    if "Index Name" in plan:
        indexes.add(plan["Index Name"])
    for part in plan.get("Plans", ()):
        if not inner and part.get("Parent Relationship") == "SubPlan":
            continue
        more = scanned(part, inner)
        tables |= more[0]
        indexes |= more[1]
    return tables, indexes


class Plans(unittest.TestCase):
    """A year's decisions by day and roll-ups by month: a day is found without the others."""

    without_sanitizers = True

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster())
        filled.schema(cls.pg)
        sql = []
        for table, step, count in (("record", "day", 60), ("trouble", "day", 60),
                                   ("rollup", "month", 12), ("handshake", "month", 12),
                                   ("delivery", "month", 12)):
            for at in range(count):
                day = datetime.date(2024, 1, 1) + datetime.timedelta(days=at)
                if step == "month":
                    day = datetime.date(2024, at + 1, 1)
                until = day + datetime.timedelta(days=1) if step == "day" else (
                    day + datetime.timedelta(days=31)).replace(day=1)
                sql.append("CREATE TABLE tlsward.%s_%s PARTITION OF tlsward.%s FOR VALUES"
                           " FROM ('%s+00') TO ('%s+00');" % (
                               table, day.strftime("%m%d"), table, day, until))
        cls.pg.psql("SET timezone = 'UTC';" + "\n".join(sql) + """
            INSERT INTO tlsward.journal (node, journal) VALUES ('mx1', 'a'), ('mx2', 'b');
            INSERT INTO tlsward.certificate (used, digest, cert_fingerprint)
                SELECT '2024-01-01', int4send(n), 'sha256:' || n FROM generate_series(1, 500) n;
            INSERT INTO tlsward.facts (used, digest, domain, partner, rule_kind, certificate,
                    tls_version)
                SELECT '2024-01-01', int4send(n), 'd' || n || '.example', 'p' || n % 1000,
                    'from', n % 500 + 1, 'TLSv1.3' FROM generate_series(1, 4000) n;
            INSERT INTO tlsward.rollup (hour, journal, facts, messages, first, last)
                SELECT '2024-01-01'::timestamptz + n % 8000 * interval '1 hour', n % 2,
                    n % 4000 + 1, 1, 0, 1 FROM generate_series(0, 159999) n
                ON CONFLICT DO NOTHING;
            INSERT INTO tlsward.record (node, journal, id, time, action, session, domain,
                    partner, rule_kind, "to", "from")
                SELECT 'mx' || n % 2 + 1, 'a', n,
                    '2024-01-01'::timestamptz + n * interval '1 minute', 'reject', 's' || n,
                    'd' || n % 4000 || '.example', 'p' || n % 1000, 'from', 't', 'f'
                FROM generate_series(0, 80000) n;
            INSERT INTO tlsward.handshake (hour, journal, direction, host, address, next_hop,
                    reason, count, first, last, sample)
                SELECT '2024-01-01'::timestamptz + n * interval '1 hour', 0, 'in', 'h', 'a', '',
                    'r', 1, 0, 0, '' FROM generate_series(0, 8000) n;
            INSERT INTO tlsward.delivery (hour, journal, next_hop, relay, address, tls_version,
                    cipher, bits, verification, result, tls_reason, rule, rule_kind, rule_name,
                    partner, verdict, reason, count, first, last)
                SELECT '2024-01-01'::timestamptz + n * interval '1 hour', 0, 'h', '', '', '',
                    '', -1, '', 'sent', '', '', '', '', 'p', 'met', '', 1, 0, 0
                FROM generate_series(0, 8000) n;""")
        cls.pg.psql("VACUUM ANALYZE")

    def plan(self, sql, inner=False):
        [[text]] = self.pg.rows("SET timezone = 'UTC'; EXPLAIN (FORMAT JSON) " + sql)
        return scanned(json.loads(text)[0]["Plan"], inner)

    def partitions(self, sql):
        return sorted(name for name in self.plan(sql)[0] if re.search(
            "^(record|trouble|rollup|handshake|delivery)_", name))

    def test_a_time_range_leaves_out_partitions(self):
        day = {"record_0210"}
        month = {"rollup_0201"}
        for view, wanted in (
                ("incoming", day | month), ("hosts", day | month), ("certificates", day | month),
                ("agreements", day | month | {"delivery_0201"}), ("refusals", day),
                ("would_be_refusals", day), ("held", day), ("deliveries", {"delivery_0201"}),
                ("delivery_troubles", {"trouble_0210"}),
                ("failed_handshakes", {"handshake_0201"})):
            for since, until in (("'2024-02-10T03:00:00Z'", "'2024-02-10T15:00:00Z'"),
                                 ("'2024-02-10Z'::timestamptz + interval '1 hour'",
                                  "'2024-02-10Z'::timestamptz + interval '9 hours'")):
                for node in ("", " AND node = 'mx1'"):
                    sql = "SELECT count(*), max(time), max(node) FROM tlsward.%s WHERE time" \
                        " BETWEEN %s AND %s%s" % (view, since, until, node)
                    with self.subTest(sql):
                        self.assertEqual(self.partitions(sql), sorted(wanted))

    def test_refusals_leave_out_accepted_messages(self):
        """They are in the journals' records alone, which are few."""
        for column in ("refused", "refused_elsewhere", "would_be_refused", "held", "tempfailed"):
            self.assertEqual(self.partitions(
                "SELECT agreement, sum(%s) FROM tlsward.agreements WHERE direction = 'in' AND"
                " %s > 0 AND time >= '2024-02-10Z' AND time < '2024-02-11Z' GROUP BY 1" % (
                    column, column)), ["record_0210"], column)

    def test_views_of_now_leave_out_what_is_old(self):
        for view in ("certificates_ending", "new_clear_text", "partners"):
            with self.subTest(view):
                self.assertEqual([name for name in self.partitions("SELECT * FROM tlsward." +
                                                                   view)
                                  if not name.endswith("_default")], [])

    def test_messages_of_refusals_look_at_a_day(self):
        """What came before in the session is asked by its index, in two days at most."""
        sql = "SELECT sum(messages) FROM tlsward.agreements WHERE time >= '2024-02-10Z' AND" \
            " time < '2024-02-11Z' AND direction = 'in'"
        self.assertIn("record_0210_session_idx", self.plan(sql, inner=True)[1])
        [[text]] = self.pg.rows("SET timezone = 'UTC'; EXPLAIN (ANALYZE, FORMAT JSON) " + sql)
        ran = [plan for plan in every(json.loads(text)[0]["Plan"])
               if plan.get("Index Name", "").endswith("_session_idx")
               and plan["Actual Loops"] > 0]
        self.assertEqual({plan["Index Name"] for plan in ran},
                         {"record_0209_session_idx", "record_0210_session_idx"})

    def test_one_partner_and_one_domain_by_their_index(self):
        for view, where, index in (
                ("agreements", "partner = 'p7' AND direction = 'in'", "partner"),
                ("refusals", "partner = 'p7'", "partner"),
                ("incoming", "domain = 'd7.example'", "domain"),
                ("refusals", "domain = 'd7.example'", "domain")):
            sql = "SELECT count(*) FROM tlsward.%s WHERE %s AND time >= '2024-01-10Z' AND" \
                " time < '2024-02-10Z'" % (view, where)
            with self.subTest(sql):
                tables, indexes = self.plan(sql)
                self.assertNotIn("record_0210", tables)
                self.assertIn("record_0201_%s_time_idx" % index, indexes)


def every(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from every(inner)


class Nodes(unittest.TestCase):
    """What is told of the nodes; who may read; what everything is."""

    without_sanitizers = True

    @classmethod
    def setUpClass(cls):
        cls.pg = cls.enterClassContext(cluster.Cluster())
        filled.schema(cls.pg)
        cls.pg.psql("""
            CREATE ROLE reader LOGIN IN ROLE tlsward_reader;
            CREATE ROLE stranger LOGIN;
            INSERT INTO tlsward.journal (node, journal, seen, behind_rows, behind_since) VALUES
                ('mx1', 'a', now() - interval '9 days', 7, now() - interval '10 days'),
                ('mx1', 'b', now() - interval '20 s', 0, NULL),
                ('mx2', 'c', now() - interval '10 s', 40, now() - interval '1 hour'),
                ('mx3', 'd', now() - interval '1 day', 0, NULL);
            INSERT INTO tlsward.watched (journal, name, value)
                VALUES (1, 'line_time', 1700000000000), (1, 'lines', 3), (0, 'line_time', 5);
            INSERT INTO tlsward.policies (journal, since, digest, file, changed) VALUES
                (0, '2026-04-01Z', 'sha256:00', 'policy.conf', 9),
                (1, '2026-05-01Z', 'sha256:11', 'policy.conf', 1),
                (1, '2026-03-01Z', 'sha256:22', 'policy.conf', 2),
                (2, '2026-03-02Z', 'sha256:22', '/etc/policy.conf', 1),
                (3, '2026-03-03Z', 'sha256:33', NULL, 1);
            INSERT INTO tlsward.discarded (journal, why, records, messages, watched, last)
                VALUES (2, 'size', 1, 2, 3, '2026-03-04Z'), (2, 'fire', 0, 0, 0,
                '2026-03-05Z')""")

    def rows(self, sql):
        return self.pg.rows(sql, "reader")

    def test_seen_and_lag(self):
        self.assertEqual(self.rows(
            "SELECT node, journal, journals, behind_rows, lag_seconds BETWEEN 20 AND 200,"
            " lag_seconds BETWEEN 3600 AND 3800, lag_seconds BETWEEN 86400 AND 86600,"
            " extract(epoch FROM log_read)::bigint FROM tlsward.nodes ORDER BY node"), [
                ["mx1", "b", "2", "0", "t", "f", "f", "1700000000"],
                ["mx2", "c", "1", "40", "f", "t", "f", None],
                ["mx3", "d", "1", "0", "f", "f", "t", None]])

    def test_times_that_are_none(self):
        """A clock was far off, or a row was damaged: the others are told."""
        self.pg.psql("""
            INSERT INTO tlsward.journal (node, journal, behind_rows, behind_since)
                VALUES ('odd', 'e', 1, '-infinity'), ('odder', 'f', 1, 'infinity');
            INSERT INTO tlsward.watched (journal, name, value)
                SELECT number, 'line_time', 9223372036854775807 - number FROM tlsward.journal
                WHERE node LIKE 'odd%';
            INSERT INTO tlsward.record (time, id, node, journal, action, domain, tls_version)
                SELECT t, 1, 'odd', 'e', 'accept', 'a.example', 'none' FROM unnest(ARRAY[
                '-infinity', 'infinity', now() - interval '1 hour']::timestamptz[]) t;
            INSERT INTO tlsward.facts (used, digest, domain, tls_version)
                VALUES ('2026-01-01', 'x', 'a.example', 'TLSv1.3');
            INSERT INTO tlsward.rollup (hour, journal, facts, messages, first, last)
                SELECT t, 4, (SELECT max(id) FROM tlsward.facts), 30, 0, 0 FROM unnest(ARRAY[
                '-infinity', 'infinity', now() - interval '1 day']::timestamptz[]) t""")
        self.assertEqual(self.rows("SELECT node, lag_seconds, log_read FROM tlsward.nodes"
                                   " WHERE node LIKE 'odd%' ORDER BY 1"),
                         [["odd", None, None], ["odder", None, None]])
        self.assertEqual(self.rows("SELECT domain, messages, tls_messages FROM"
                                   " tlsward.new_clear_text"), [["a.example", "1", "30"]])
        for view in VIEWS:
            self.rows("SELECT * FROM tlsward." + view)
        self.pg.psql("DELETE FROM tlsward.record; DELETE FROM tlsward.rollup;"
                     "DELETE FROM tlsward.watched WHERE value > 9e18;"
                     "DELETE FROM tlsward.journal WHERE node LIKE 'odd%'")

    def test_policies(self):
        """The last one, whatever the clock said."""
        self.assertEqual(self.rows(
            "SELECT node, digest, nodes_alike, differ FROM tlsward.node_policies"
            " WHERE until IS NULL ORDER BY node"), [
                ["mx1", "sha256:22", "2", "t"], ["mx2", "sha256:22", "2", "t"],
                ["mx3", "sha256:33", "1", "t"]])
        self.assertEqual(self.rows("SELECT count(*) FROM tlsward.node_policies"), [["5"]])
        self.pg.psql("UPDATE tlsward.policies SET digest = 'sha256:22' WHERE journal = 3")
        self.assertEqual(self.rows("SELECT DISTINCT nodes_alike, differ FROM"
                                   " tlsward.node_policies WHERE until IS NULL"), [["3", "f"]])
        self.pg.psql("UPDATE tlsward.policies SET digest = 'sha256:33' WHERE journal = 3")

    def test_not_kept(self):
        self.assertEqual(self.rows("SELECT node, why, meaning, records, messages, watched FROM"
                                   " tlsward.not_kept ORDER BY why"), [
            ["mx2", "fire", "lost", "0", "0", "0"],
            ["mx2", "size", "removed since the journal had reached its size", "1", "2", "3"]])

    def test_texts_that_are_no_times(self):
        texts = ("2026-02-30T12:00:00Z", "2026-12-31T23:59:59.999Z", "0000-01-01T00:00:00Z",
                 "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01", "", "now",
                 "infinity", "2026-01-01T00:00:00Z\n", "'; DROP TABLE x", "9999-12-31T00:00:00Z")
        self.assertEqual(self.rows(
            "SELECT tlsward.moment(t) AT TIME ZONE 'UTC' FROM unnest(ARRAY[%s]) WITH ORDINALITY"
            " AS u(t, n) ORDER BY n" % ", ".join("'%s'" % text.replace("'", "''")
                                                 for text in texts)),
            [["2026-03-02 12:00:00"], ["2026-12-31 23:59:59"], *[[None]] * 9,
             ["9999-12-31 00:00:00"]])

    def test_names_of_protocols(self):
        self.assertEqual(self.rows(
            "SELECT tlsward.is_encrypted(NULL, NULL), tlsward.protocol(NULL, NULL),"
            " tlsward.protocol(NULL, 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'),"
            " tlsward.protocol('TLSv1.3', 'TLS_SHA256_SHA256')"),
            [[None, "unknown", "unknown", "clear text"]])

    def test_a_reader_reads_and_no_more(self):
        for view in VIEWS:
            with self.subTest(view):
                self.pg.psql("SELECT * FROM tlsward." + view, "reader")
                with self.assertRaisesRegex(RuntimeError, "permission denied"):
                    self.pg.psql("SELECT * FROM tlsward." + view, "stranger")
        for sql in ("DELETE FROM tlsward.refusals", "UPDATE tlsward.held SET node = 'x'",
                    "INSERT INTO tlsward.delivery_troubles (node) VALUES ('x')",
                    "CREATE TABLE tlsward.mine (n int)"):
            with self.subTest(sql), self.assertRaisesRegex(RuntimeError, "permission denied"):
                self.pg.psql(sql, "reader")

    def test_everything_says_what_it_is(self):
        """A comment on each view, and on its time and node."""
        with open(os.path.join(runner.TOP, "conf", "postgresql", "views.sql"),
                  encoding="utf-8") as file:
            self.assertEqual(sorted(re.findall(r"^CREATE OR REPLACE VIEW tlsward\.(\w+)",
                                               file.read(), re.M)), sorted(VIEWS))
        bare = self.rows("""
            SELECT c.relname, a.attname FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('time', 'node')
            WHERE n.nspname = 'tlsward' AND c.relkind = 'v' AND c.relname IN (%s)
            AND (obj_description(c.oid, 'pg_class') IS NULL
            OR a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL)""" % ", ".join("'%s'" % name for name in VIEWS))
        self.assertEqual(bare, [])
        for name in set(VIEWS) - {"partners"}:
            self.assertEqual(self.rows(
                "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'tlsward'"
                " AND table_name = '%s' AND column_name IN ('time', 'node')" % name),
                [["2"]], name)

    def test_again(self):
        """A new version's views are put over those that are there."""
        self.pg.psql("CREATE VIEW ours AS SELECT * FROM tlsward.agreements")
        filled.schema(self.pg)
        self.pg.psql("SELECT * FROM ours")
