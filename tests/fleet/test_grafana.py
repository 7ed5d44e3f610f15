# SPDX-License-Identifier: ISC
"""The dashboards: made as Grafana has them, and each query answered by a filled database."""

import datetime
import json
import re
import unittest

from fleet import cluster, filled, grafana
from fleet.test_views import END, Filled

TYPES = {"stat", "table", "timeseries"}
UNITS = {"short", "s", "bytes", "percentunit", "reqps", "ops", "dateTimeFromNow"}
SINCE, UNTIL = END - datetime.timedelta(days=31), END + datetime.timedelta(hours=2)


def spots(panel):
    at = panel["gridPos"]
    return {(x, y) for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])}


class Model(unittest.TestCase):
    """What Grafana needs of a dashboard, and what whoever looks at it does."""

    boards = [(name, grafana.read(name)) for name in grafana.names()]

    def test_there_are_some(self):
        self.assertEqual(grafana.names(), [
            "tlsward-agreements.json", "tlsward-certificates.json", "tlsward-daemon.json",
            "tlsward-handshakes.json", "tlsward-nodes.json", "tlsward-refusals.json"])

    def test_dashboards(self):
        uids, titles = [], []
        for _, board in self.boards:
            self.assertTrue(board["title"] and board["panels"])
            self.assertGreaterEqual(board["schemaVersion"], 36)
            self.assertNotIn("id", board, "Grafana gives it one")
            self.assertLessEqual(len(board["uid"]), 40)
            self.assertRegex(board["time"]["from"], r"^now-\d+[hd]$")
            self.assertEqual(board["time"]["to"], "now")
            self.assertIn("tls", board["tags"])
            uids.append(board["uid"])
            titles.append(board["title"])
        self.assertEqual(len(uids), len(set(uids)))
        self.assertEqual(len(titles), len(set(titles)))

    def test_panels(self):
        for _, board in self.boards:
            source = grafana.variables(board)["datasource"]["query"]
            taken, ids = set(), set()
            for panel in board["panels"]:
                self.assertIn(panel["type"], TYPES)
                self.assertTrue(panel["title"] and panel["targets"], panel)
                self.assertEqual(panel["datasource"], {
                    "type": source, "uid": "${datasource}"}, panel["title"])
                self.assertIn(panel["fieldConfig"]["defaults"]["unit"], UNITS, panel["title"])
                self.assertFalse(taken & spots(panel), panel["title"])
                self.assertLessEqual(panel["gridPos"]["x"] + panel["gridPos"]["w"], 24)
                taken |= spots(panel)
                self.assertNotIn(panel["id"], ids)
                ids.add(panel["id"])
                letters = [target["refId"] for target in panel["targets"]]
                self.assertEqual(len(letters), len(set(letters)))

    def test_variables(self):
        """Each is there, each is used, and whoever has no data source is asked for one."""
        for name, board in self.boards:
            there = grafana.variables(board)
            self.assertIn(there["datasource"]["query"],
                          (grafana.POSTGRESQL, grafana.PROMETHEUS))
            used = set()
            for _, target in grafana.targets(board):
                self.assertEqual(target["datasource"]["uid"], "${datasource}")
                used |= set(re.findall(r"\$\{?([a-z]\w*)", target.get("rawSql") or
                                       target["expr"]))
            self.assertEqual(used, set(there) - {"datasource"})
            self.assertIn("node" if "daemon" not in name else "instance", there)
            for each in there.values():
                if each["type"] == "query":
                    self.assertEqual(each["datasource"]["uid"], "${datasource}")
                    self.assertTrue(each["includeAll"] and each["multi"] and each["allValue"])


class Queries(Filled):
    """As the reader's role, of all nodes and of one, of all partners and of one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pg.psql("""
            INSERT INTO tlsward.policies (journal, since, digest, file, changed)
                VALUES (0, now(), 'sha256:00', 'policy.conf', 1), (1, now(), 'sha256:11', 'p', 1);
            INSERT INTO tlsward.discarded (journal, why, records, messages, watched, last)
                VALUES (0, 'size', 1, 2, 3, now());
            INSERT INTO tlsward.refused (journal, stream, "at", why, row)
                VALUES (0, 'record', 7, 'no', 'x');
            INSERT INTO tlsward.trouble (time, id, node, journal, queue_id, "to", next_hop,
                relay, address, tls_version, cipher, verification, result, tls_reason, dsn, text,
                rule, partner) VALUES (now(), 1, 'mx1', 'x', 'Q', 'a@b', 'b', '', '', '', '',
                '', 'deferred', 'tls-not-offered', '4.7.4', 'no', '', '')""")

    def ask(self, questions):
        """The rows of each: lists of names with values.

        A question is a dashboard, its query, and what is chosen there.
        """
        statements = []
        for board, sql, chosen in questions:
            sql = grafana.expand(grafana.interpolate(sql, board, chosen), SINCE, UNTIL)
            self.assertNotIn("$", re.sub("'[^']*'", "", sql))
            statements.append("SELECT replace(coalesce(json_agg(row_to_json(asked)), '[]')"
                              "::text, E'\\n', ' ') FROM (%s) AS asked;" % sql)
        told = self.pg.psql("\n".join(statements), "reader").split("\n")
        self.assertEqual(len(told), len(statements))
        return [json.loads(line, object_pairs_hook=list) for line in told]

    def panels(self):
        for name in grafana.names():
            board = grafana.read(name)
            if grafana.variables(board)["datasource"]["query"] == grafana.POSTGRESQL:
                for panel, target in grafana.targets(board):
                    yield board, panel, target

    def test_each_panel_has_its_figures(self):
        panels = list(self.panels())
        for (board, panel, target), rows in zip(panels, self.ask(
                [(board, target["rawSql"], {}) for board, _, target in panels])):
            with self.subTest(board["title"], panel=panel["title"]):
                self.assertTrue(rows)
                self.hold(panel, target, [name for name, _ in rows[0]],
                          [[value for _, value in row] for row in rows])

    def hold(self, panel, target, columns, rows):
        if panel["type"] == "timeseries":
            self.assertEqual((target["format"], columns[:2], len(columns)),
                             ("time_series", ["time", "metric"], 3))
            times = [float(row[0]) for row in rows]
            self.assertEqual(times, sorted(times))
            self.assertTrue(all(SINCE.timestamp() - 86400 <= when <= UNTIL.timestamp()
                                for when in times))
            return
        self.assertEqual(target["format"], "table")
        if panel["type"] == "stat":
            self.assertEqual((len(rows), len(columns)), (1, 1))
        self.assertEqual(len(columns), len(set(columns)))
        for override in panel["fieldConfig"]["overrides"]:
            self.assertIn(override["matcher"]["options"], columns)

    def test_what_is_chosen(self):
        """A node that is none has nothing; names are only ever text."""
        nowhere = {"node": ["'; DROP TABLE tlsward.record; --"]}
        asked = [(panel, target, chosen, (board, target["rawSql"], chosen))
                 for board, panel, target in self.panels()
                 for chosen in (
                     {"node": ["mx1", "mx2"]}, {"node": ["mx2"]}, nowhere,
                     {"partner": ["Acme", "O'Neil \\ Sons"]}, {"partner": ["nobody's"]})
                 if set(chosen) <= set(grafana.variables(board))]
        for (panel, target, chosen, _), rows in zip(asked, self.ask(
                [question for *_, question in asked])):
            if chosen == nowhere and "$node" in target["rawSql"]:
                with self.subTest(panel["title"]):
                    self.assertIn([value for row in rows for _, value in row],
                                  ([], [0], [None]))

    def test_one_partner(self):
        """The same number as the view has."""
        board = grafana.read("tlsward-agreements.json")
        asked = [(title, column, partner) for title, column in (
            ("Refused", "refused"), ("Would be refused", "would_be_refused"), ("Held", "held"))
                 for partner in ("Sparbank", "O'Neil \\ Sons", "Clinic-West", "Freight")]
        queries = {panel["title"]: target["rawSql"] for panel, target in grafana.targets(board)}
        told = self.ask([(board, queries[title], {"partner": [partner]})
                         for title, _, partner in asked])
        self.assertEqual(
            [rows[0][0][1] for rows in told], [rows[0][0][1] for rows in self.ask([
                (board, "SELECT sum(%s)::bigint FROM tlsward.agreements WHERE partner = '%s'"
                 " AND direction = 'in'" % (column, partner.replace("'", "''")), {})
                for _, column, partner in asked])])
        self.assertIn(113, [rows[0][0][1] for rows in told])

    def test_lists_to_choose_from(self):
        boards = {board["uid"]: board for board, _, _ in self.panels()}.values()
        asked = [(board, each) for board in boards
                 for each in grafana.variables(board).values() if each["type"] == "query"]
        for (board, each), rows in zip(asked, self.ask(
                [(board, each["query"], {}) for board, each in asked])):
            with self.subTest(board["title"], variable=each["name"]):
                self.assertEqual({len(row) for row in rows}, {1})
                self.assertIn("mx1" if each["name"] == "node" else "Acme",
                              [row[0][1] for row in rows])


class Expanding(unittest.TestCase):
    """The macros are those of Grafana's documentation."""

    def test_macros(self):
        since = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        until = since + datetime.timedelta(hours=1)
        for text, wanted in (
                ("$__timeFilter(a.time)",
                 "a.time BETWEEN '2026-01-02T03:04:05Z' AND '2026-01-02T04:04:05Z'"),
                ("$__timeGroupAlias(time, '6h', 0), x",
                 'floor(extract(epoch from time)/21600)*21600 AS "time", x'),
                ("$__timeFrom() $__timeTo()",
                 "'2026-01-02T03:04:05Z' '2026-01-02T04:04:05Z'")):
            self.assertEqual(grafana.expand(text, since, until), wanted)
        with self.assertRaises(ValueError):
            grafana.expand("$__timeNothing(x)", since, until)

    def test_variables(self):
        board = {"templating": {"list": [
            {"name": "node", "includeAll": True, "allValue": "'(all)'"},
            {"name": "bucket", "current": {"value": "1h"}}]}}
        for chosen, wanted in (({}, "IN ('(all)') 1h"),
                               ({"node": ["a'b", "c"], "bucket": "1d"}, "IN ('a''b','c') 1d")):
            self.assertEqual(grafana.interpolate("IN ($node) ${bucket}", board, chosen), wanted)
