# SPDX-License-Identifier: ISC
"""contrib/prometheus and the dashboard ask for nothing that the daemon does not tell."""

import json
import os
import re

from . import openmetrics
from runner import TOP
from .test_metrics import MetricsCase, fetch

FOLDER = os.path.join(TOP, "contrib", "prometheus")
DASHBOARD = os.path.join(TOP, "contrib", "grafana", "tlsward-daemon.json")
MANUAL = os.path.join(TOP, "man", "tlsward-milter.8")
NAME = re.compile(r"\b(?:tlsward|process)_[a-z_]+\b")

# The daemon tells these once it has a journal, what tlsward watch counted in it, and with
# "ship-to" what tlsward ship does.
NOT_TOLD_YET = {"tlsward_journal_queue_length", "tlsward_journal_errors_total",
                "tlsward_journal_lost_total"} | {"tlsward_watch_" + name for name in (
                    "handshakes_failed_total", "deliveries_total",
                    "deliveries_troubled_total", "deliveries_below_total",
                    "deliveries_judged_total",
                    "lines_total", "lines_unread_total",
                    "lag_seconds", "last_seen_timestamp_seconds")} | {
                        "tlsward_ship_" + name for name in (
                            "up", "lag_rows", "lag_seconds", "refused_total",
                            "last_seen_timestamp_seconds")}


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def yaml_of(text):
    """What a YAML file holds; None where nothing here can read it."""
    try:
        import yaml
    except ImportError:
        return None
    return yaml.safe_load(text)


def expressions(value):
    """All "expr" of a dashboard."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "expr":
                yield inner
            else:
                yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


def names(text):
    """The metrics in an expression, not the labels' values in it."""
    return set(NAME.findall(re.sub(r'"[^"]*"', '""', text)))


class Dashboards(MetricsCase):
    without_sanitizers = True

    def setUp(self):
        super().setUp()
        self.milter.start()
        families = openmetrics.parse(fetch(self.port).text)
        self.told = {each.name for family in families.values()
                     for each in family.samples} | {
                         name for name, family in families.items()
                         if family.type == "gauge"}

    def assert_told(self, asked, what):
        self.assertGreater(len(asked), 5, what)
        self.assertEqual(asked - self.told - NOT_TOLD_YET, set(), what)

    def test_journal_is_not_told_yet(self):
        self.assertEqual(self.told & NOT_TOLD_YET, set(),
                         "empty NOT_TOLD_YET, and say in the manual that it is built")

    def test_rules(self):
        text = read(os.path.join(FOLDER, "tlsward.rules.yml"))
        alerts = re.findall(r"^ +- alert: (\w+)$", text, re.M)
        self.assertEqual(len(alerts), len(set(alerts)))
        asked = set()
        for block in re.findall(r"^ +expr: (.*(?:\n {10,}\S.*)*)", text, re.M):
            for opening, closing in ("()", "{}", "[]"):
                self.assertEqual(block.count(opening), block.count(closing), block)
            asked |= names(block)
        self.assert_told(asked, "rules")
        parsed = yaml_of(text)
        if parsed is None:
            self.skipTest("no yaml for python3")
        rules = parsed["groups"][0]["rules"]
        self.assertEqual([rule["alert"] for rule in rules], alerts)
        for rule in rules:
            self.assertIn(rule["labels"]["severity"], ("warning", "critical"))
            self.assertTrue(rule["annotations"]["summary"])

    def test_scrape(self):
        parsed = yaml_of(read(os.path.join(FOLDER, "scrape.yml")))
        if parsed is None:
            self.skipTest("no yaml for python3")
        self.assertEqual(parsed["scrape_configs"][0]["job_name"], "tlsward")

    def test_dashboard(self):
        parsed = json.loads(read(DASHBOARD))
        asked = set()
        for expression in expressions(parsed):
            for opening, closing in ("()", "{}", "[]"):
                self.assertEqual(expression.count(opening), expression.count(closing))
            asked |= names(expression)
        self.assert_told(asked, "dashboard")

    def test_manual(self):
        """The manual has all names, and no others."""
        page = read(MANUAL)
        listed = set(re.findall(r"^\.It Li ((?:tlsward|process)_\w+)", page, re.M))
        told = {re.sub("_(bucket|count|sum)$", "", name) if "duration" in name
                else name for name in self.told}
        told.discard("tlsward_build")
        self.assertEqual(listed, told | NOT_TOLD_YET)
