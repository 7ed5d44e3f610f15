# SPDX-License-Identifier: ISC
"""A real Prometheus fetches the metrics, and answers the dashboard and the alert rules.

It is that of $TLSWARD_TOOLS, a folder with Debian's package unpacked in it, or that of PATH.
"""

import http.client
import json
import os
import shutil
import sqlite3
import urllib.parse

from fleet import grafana
from . import process, waiting, workspace
from .milter import SERVICE
from .test_dashboards import DASHBOARD, FOLDER, expressions, read
from .test_metrics import MetricsCase
from .test_start import POLICY

UNPACKED = os.environ.get("TLSWARD_TOOLS", "") + "/usr/bin/"
PROGRAM = next((path for path in (UNPACKED + "prometheus", shutil.which("prometheus"))
                if path and os.path.exists(path)), None)
# A row of "watched" each, so that all that watch counts is told.
WATCHED = (("handshakes in no-common-version", 3), ("deliveries sent TLSv1.3 verified", 5),
           ("trouble deferred tls-not-offered", 2), ("below unmet tls", 1),
           ("judged met", 4), ("lag", 90500), ("lines", 77), ("lines_unread", 1),
           ("time", 1790000000000))


class InPrometheus(MetricsCase):
    """What is fetched twice has a rate."""

    without_sanitizers = True

    def setUp(self):
        if PROGRAM is None:
            self.skipTest("no Prometheus")
        super().setUp()
        self.journal = os.path.join(os.path.dirname(self.milter.socket), "journal.db")
        self.milter = self.make(
            POLICY + 'from a.example { require tls; exempt until 2999-01-01 "old" }\n',
            metrics="127.0.0.1:%d" % self.port, policy_service=SERVICE,
            policy_service_answers="verdict", journal="sqlite:" + self.journal,
            files={"partners/a.pem": read(workspace.pki().server.cert)},
            partner_certificates=os.path.join(self.folder, "milter", "policy", "partners"),
            ship_to="postgresql:host=127.0.0.1 port=1")
        self.milter.start()
        self.ask()
        waiting.until("the journal is there", lambda: os.path.exists(self.journal) and
                      self.value("tlsward_journal_queue_length") == 0)
        with sqlite3.connect(self.journal) as database:
            database.executemany("INSERT INTO watched (name, value) VALUES (?, ?)", WATCHED)
        database.close()
        self.start_prometheus()

    def start_prometheus(self):
        """With the scrape configuration as it is, but for the address and the interval."""
        settings = os.path.join(self.folder, "prometheus.yml")
        with open(settings, "w", encoding="utf-8") as out:
            out.write(read(os.path.join(FOLDER, "scrape.yml")).replace(
                "127.0.0.1:8894", "127.0.0.1:%d" % self.port).replace(
                    "scrape_interval: 30s", "scrape_interval: 1s") +
                "\nglobal:\n  evaluation_interval: 1s\n")
        shutil.copy(os.path.join(FOLDER, "tlsward.rules.yml"), self.folder)
        self.asked = waiting.free_ports(1)[0]
        self.prometheus = process.Server("prometheus", [
            PROGRAM, "--config.file=" + settings,
            "--storage.tsdb.path=" + os.path.join(self.folder, "data"),
            "--web.listen-address=127.0.0.1:%d" % self.asked, "--log.level=warn"],
            os.path.join(self.folder, "prometheus.log"))
        self.addCleanup(self.prometheus.stop)
        waiting.until("three fetches", lambda: float(self.query(
            'count_over_time(tlsward_build_info{job="tlsward"}[5m])') or 0) >= 3,
                      self.prometheus.must_live)

    def get(self, path, **parameters):
        """The data of an answer; None: nobody answers yet."""
        connection = http.client.HTTPConnection("127.0.0.1", self.asked,
                                                timeout=waiting.PATIENCE)
        try:
            connection.request("GET", path + "?" + urllib.parse.urlencode(parameters))
            answer = json.load(connection.getresponse())
        except (ConnectionError, ValueError):
            return None
        finally:
            connection.close()
        self.assertEqual(answer["status"], "success", (parameters, answer))
        return answer["data"]

    def query(self, expression):
        """The first value; None: there is none."""
        data = self.get("/api/v1/query", query=expression)
        return data["result"][0]["value"][1] if data and data["result"] else None

    def test_the_dashboard(self):
        board = json.loads(read(DASHBOARD))
        everything = {"instance": grafana.ALL}
        for expression in expressions(board):
            asked = grafana.interpolate(expression, board, everything)
            self.assertNotIn("$", asked)
            with self.subTest(asked):
                self.assertIsNotNone(self.query(asked))
                self.get("/api/v1/query", query=grafana.interpolate(
                    expression, board, {"instance": "127.0.0.1:%d" % self.port}))

    def test_the_rules(self):
        def rules():
            groups = self.get("/api/v1/rules")["groups"]
            return groups and groups[0]["rules"]
        waiting.until("the rules were asked", lambda: all(
            not rule["lastEvaluation"].startswith("0001") for rule in rules()),
                      self.prometheus.must_live)
        for rule in rules():
            with self.subTest(rule["name"]):
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))
        self.assertNotIn("TlswardDown", [rule["name"] for rule in rules()
                                         if rule["state"] != "inactive"])
