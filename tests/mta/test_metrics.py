# SPDX-License-Identifier: ISC
"""The listener for metrics: formats, counts, health, and clients that misbehave."""

import http.client
import os
import signal
import socket
import sqlite3

from . import openmetrics, waiting
from .case import MilterCase
from .milter import SERVICE
from .test_service_crowd import PolicyClient, request
from .test_start import POLICY, StartCase

OURS = "someone@ours.example"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
CLIENTS = 32	# at a time
MEMORY = 65536	# more than a request may have


def fetch(port, path="/metrics", method="GET", host="127.0.0.1", **headers):
    """The answer with its body."""
    connection = http.client.HTTPConnection(host, port, timeout=waiting.PATIENCE)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode("utf-8")
        return answer
    finally:
        connection.close()


def figures(port):
    """What is told now."""
    return openmetrics.parse(fetch(port).text)


class MetricsCase(StartCase):
    """Each test has a daemon with a policy service and metrics."""

    def setUp(self):
        super().setUp()
        self.port = waiting.free_ports(1)[0]
        self.milter = self.make(metrics="127.0.0.1:%d" % self.port,
                                policy_service=SERVICE,
                                policy_service_answers="verdict")

    def value(self, name, **labels):
        return openmetrics.value(figures(self.port), name, **labels)

    def ask(self, count=1):
        """Asks the policy service about sessions in clear text."""
        client = PolicyClient(self.milter.service_socket)
        try:
            for i in range(count):
                client.write(request(port=1000 + i, instance=i))
                self.assertTrue(client.answer().startswith("action=530 5.7.0 "))
        finally:
            client.close()


class Watched(MetricsCase):
    """What tlsward watch counted in the journal."""

    def setUp(self):
        super().setUp()
        self.journal = os.path.join(os.path.dirname(self.milter.socket), "journal.db")
        self.milter = self.make(metrics="127.0.0.1:%d" % self.port,
                                policy_service=SERVICE,
                                policy_service_answers="verdict",
                                journal="sqlite:" + self.journal)
        self.milter.start()

    def test_totals(self):
        self.ask()
        waiting.until("the journal is there", lambda: self.value(
            "tlsward_journal_queue_length") == 0 and os.path.exists(self.journal))
        self.assertNotIn("tlsward_watch", fetch(self.port).text)
        database = sqlite3.connect(self.journal, isolation_level=None)
        self.addCleanup(database.close)
        database.executemany("INSERT INTO watched (name, value) VALUES (?, ?)", [
            ("handshakes in no-common-version", 3), ("handshakes out unknown-ca", 1),
            ("deliveries sent TLSv1.3 verified", 5), ("lag", 90500), ("lines", 77),
            ("trouble deferred tls-not-offered", 2), ("time", 1790000000000)])
        self.assertEqual(self.value("tlsward_watch_handshakes_failed_total",
                                    direction="in", reason="no-common-version"), 3)
        self.assertEqual(self.value("tlsward_watch_deliveries_total", result="sent",
                                    protocol="TLSv1.3", level="verified"), 5)
        self.assertEqual(self.value("tlsward_watch_deliveries_troubled_total",
                                    result="deferred", reason="tls-not-offered"), 2)
        self.assertEqual(self.value("tlsward_watch_lag_seconds"), 90.5)
        self.assertEqual(self.value("tlsward_watch_last_seen_timestamp_seconds"),
                         1790000000)
        openmetrics.parse(fetch(self.port, Accept="text/plain").text, plain=True)


class Fetching(MetricsCase):
    """What HTTP clients get."""

    def setUp(self):
        super().setUp()
        self.milter.start()

    def test_openmetrics(self):
        answer = fetch(self.port)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], OPENMETRICS)
        families = openmetrics.parse(answer.text)
        self.assertEqual(openmetrics.value(families, "tlsward_policy_rules"), 1)
        self.assertEqual(openmetrics.value(
            families, "tlsward_policy_last_reload_successful"), 1)

    def test_text(self):
        answer = fetch(self.port, Accept="text/plain")
        self.assertEqual(answer.headers["Content-Type"], TEXT)
        families = openmetrics.parse(answer.text, plain=True)
        known = openmetrics.parse(fetch(self.port).text)
        self.assertEqual(len(families), len(known))

    def test_head(self):
        answer = fetch(self.port, method="HEAD")
        self.assertEqual((answer.status, answer.text), (200, ""))
        self.assertEqual(answer.headers["Content-Type"], OPENMETRICS)
        self.assertGreater(int(answer.headers["Content-Length"]), 1000)

    def test_paths_and_methods(self):
        for path in ("/", "/metrics/", "/metricsx", "/healthz/x", "//metrics",
                     "/../etc/passwd", "/METRICS"):
            self.assertEqual(fetch(self.port, path).status, 404, path)
        for path in ("/metrics", "/healthz", "/nothing"):
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"):
                answer = fetch(self.port, path, method)
                self.assertEqual(answer.status, 405, method)
                self.assertEqual(answer.headers["Allow"], "GET, HEAD")
        self.assertEqual(fetch(self.port, "/metrics?x=y").status, 200)

    def test_health(self):
        waiting.until("all of it runs", lambda: fetch(self.port, "/healthz").status == 200)
        self.assertEqual(fetch(self.port, "/healthz").text, "ok\n")
        for path in (self.milter.socket, self.milter.service_socket):
            os.rename(path, path + ".moved")
            answer = fetch(self.port, "/healthz")
            self.assertEqual(answer.status, 503)
            self.assertEqual(answer.text, "the socket %s is gone\n" % path)
            os.rename(path + ".moved", path)
            self.assertEqual(fetch(self.port, "/healthz").status, 200)

    def test_policy_service_is_counted(self):
        self.ask(3)
        self.assertEqual(self.value("tlsward_decisions_total", action="reject",
                                    reason="tls", enforced="yes"), 3)
        self.assertEqual(self.value("tlsward_sessions_total", protocol="none"), 3)
        self.assertEqual(self.value("tlsward_policy_service_requests_total"), 3)
        self.assertEqual(self.value("tlsward_decision_duration_seconds_count"), 3)

    def test_reloads(self):
        self.ask()
        loaded = self.value("tlsward_policy_loaded_timestamp_seconds")
        self.milter.write_policy("from x.example { require tsl }\n")
        self.milter.reload()
        families = figures(self.port)

        def now(name, **labels):
            return openmetrics.value(families, name, **labels)
        self.assertEqual(now("tlsward_policy_last_reload_successful"), 0)
        self.assertEqual(now("tlsward_policy_reloads_total", result="failure"), 1)
        self.assertEqual(now("tlsward_policy_loaded_timestamp_seconds"), loaded)
        self.assertGreater(now("tlsward_policy_last_reload_timestamp_seconds"), loaded)
        self.assertEqual(fetch(self.port, "/healthz").status, 200)
        self.milter.write_policy(POLICY + "default { exempt until 2099-01-01 }\n")
        self.milter.reload()
        families = figures(self.port)
        self.assertEqual(now("tlsward_policy_last_reload_successful"), 1)
        self.assertEqual(now("tlsward_policy_reloads_total", result="success"), 1)
        self.assertGreater(now("tlsward_policy_loaded_timestamp_seconds"), loaded)
        self.assertEqual(now("tlsward_policy_rules"), 2)
        self.assertEqual(now("tlsward_period_next_end_timestamp_seconds"), 4070908800)
        # What was counted stays.
        self.assertEqual(now("tlsward_decisions_total", action="reject", reason="tls",
                             enforced="yes"), 1)

    def test_new_worker(self):
        self.ask()
        started = self.value("process_start_time_seconds")
        for pid in self.milter.workers():
            os.kill(pid, signal.SIGKILL)
        # Who connects meanwhile waits; whom the old one had accepted is cut off.
        waiting.until("another worker", self.another_start(started),
                      self.milter.server.must_live)
        self.assertEqual(self.value("tlsward_policy_service_requests_total"), 0)
        waiting.until("health", lambda: fetch(self.port, "/healthz").status == 200)

    def another_start(self, started):
        def comes():
            try:
                return self.value("process_start_time_seconds") > started
            except (OSError, http.client.HTTPException):
                return False
        return comes


class Misbehaving(MetricsCase):
    """Clients that cost no more than they may, and mail goes on."""

    def setUp(self):
        super().setUp()
        self.milter.start()

    def connect(self):
        made = socket.create_connection(("127.0.0.1", self.port), waiting.PATIENCE)
        self.addCleanup(made.close)
        return made

    @staticmethod
    def is_closed(client):
        """Whether the other side has closed; what it said is thrown away."""
        client.setblocking(False)
        try:
            while client.recv(4096):
                pass
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True

    def descriptors(self):
        return sum(len(os.listdir("/proc/%d/fd" % pid))
                   for pid in self.milter.workers())

    def await_descriptors(self, count):
        """Waits until no more than that are open; a probe of ours may have been, too."""
        waiting.until("closed files", lambda: self.descriptors() <= count,
                      self.milter.server.must_live)

    def test_garbage(self):
        before = self.descriptors()
        for garbage in (b"\0\1\2\3\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
                        b"GET\r\n\r\n", b"GET /metrics\r\n\r\n", b"\r\n" * 1000,
                        b"GET /metrics HTTP/9.9\r\n\r\n",
                        b"POST /metrics HTTP/1.1\r\nHost: x\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\nzzzz\r\n",
                        b"GET /" + MEMORY * b"x" + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                        b"GET / HTTP/1.1\r\nX: " + MEMORY * b"y" + b"\r\n\r\n",
                        b"GET / HTTP/1.1\r\n" + MEMORY * b"a: b\r\n" + b"\r\n"):
            client = self.connect()
            try:
                client.sendall(garbage)
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            waiting.until("end", lambda: self.is_closed(client))
            self.assertEqual(fetch(self.port).status, 200, garbage[:40])
        self.await_descriptors(before)

    def test_slow_and_many(self):
        """All places taken by clients that send a byte now and then."""
        before = self.descriptors()
        slow = [self.connect() for _ in range(CLIENTS)]
        for client in slow:
            client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        crowd = [self.connect() for _ in range(60)]
        self.ask(50)
        self.assertTrue(self.milter.answers())

        def dropped():
            left = [client for client in slow if not self.is_closed(client)]
            for client in left:
                try:
                    client.sendall(b"x")
                except OSError:
                    pass
            return not left
        waiting.until("their end", dropped, self.milter.server.must_live)
        for client in crowd:
            client.close()
        self.assertEqual(fetch(self.port).status, 200)
        self.assertEqual(self.value("tlsward_policy_service_requests_total"), 50)
        self.await_descriptors(before)

    def test_answers_that_nobody_reads(self):
        for _ in range(CLIENTS * 2):
            client = self.connect()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        self.ask(20)
        self.assertTrue(self.milter.answers())
        self.assertEqual(fetch(self.port).status, 200)

    def test_sudden_ends(self):
        before = self.descriptors()
        for i in range(300):
            client = self.connect()
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"[:i % 40])
            client.close()
        self.assertEqual(fetch(self.port).status, 200)
        self.await_descriptors(before)

    def tearDown(self):
        self.assertEqual(self.milter.stop(), 0)
        errors = self.milter.error_text()
        self.assertNotIn("Sanitizer", errors)
        self.assertNotIn("runtime error", errors)
        super().tearDown()


class Starting(MetricsCase):
    """The listener's socket."""

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", self.port)):
            status, errors = self.run_to_end(self.milter)
        self.assertEqual(status, 1)
        self.assertRegex(errors, r"cannot listen for metrics on inet:127.0.0.1:%d: in use "
                         r"by \S+ \(process %d\)" % (self.port, os.getpid()))
        self.assertFalse(os.path.exists(self.milter.socket))
        self.assertFalse(os.path.exists(self.milter.service_socket))

    def test_same_address(self):
        address = "127.0.0.1:%d" % self.port
        status, errors = self.run_to_end(self.make(metrics=address,
                                                   listen="inet:" + address))
        self.assertEqual(status, 1)
        self.assertIn("listen and metrics are the same address", errors)

    def test_beyond_loopback(self):
        status, errors = self.run_to_end(self.make(metrics="0.0.0.0:8894"), "-t")
        self.assertEqual(status, 0)
        self.assertIn("warning: metrics are not kept to this host", errors)
        status, errors = self.run_to_end(self.make(metrics="localhost:8894"), "-t")
        self.assertEqual(errors.count("not kept to this host"), 1)

    def test_ipv6(self):
        try:
            port = waiting.free_ports(1, "::1")[0]
        except OSError as error:
            self.skipTest(str(error))
        milter = self.make(metrics="[::1]:%d" % port)
        milter.start()
        self.assertEqual(fetch(port, "/healthz", host="::1").text, "ok\n")

    def test_none(self):
        milter = self.make()
        milter.start()
        self.assertFalse([line for line in milter.messages()
                          if "metrics" in line["msg"]])


class Counting(MilterCase):
    """Behind a Postfix."""

    policy = ("from strict.example { require tls; otherwise reject }\n"
              "from trial.example { require tls; otherwise reject; monitor }\n"
              "default { require tls >= 1.2; monitor }\n")

    @classmethod
    def milter_settings(cls):
        cls.metrics_port = waiting.free_ports(1)[0]
        return {"metrics": "127.0.0.1:%d" % cls.metrics_port}

    def test_messages(self):
        self.connect().message("a@strict.example", OURS)
        self.connect().message("a@trial.example", OURS)
        encrypted = self.connect(self.tls("1.3"))
        encrypted.message("a@strict.example", OURS)
        encrypted.message("a@other.example", OURS)
        waiting.until("records", lambda: len(self.milter.records()) == 4)
        families = figures(self.metrics_port)

        def decisions(action, reason, enforced):
            return openmetrics.value(families, "tlsward_decisions_total", action=action,
                                     reason=reason, enforced=enforced)
        self.assertEqual(decisions("reject", "tls", "yes"), 1)
        self.assertEqual(decisions("reject", "tls", "no"), 1)
        self.assertEqual(decisions("accept", "none", "yes"), 3)
        self.assertEqual(sum(each.value for each in
                             families["tlsward_decisions"].samples
                             if each.labels["enforced"] == "yes"), 4)
        for protocol, count in (("none", 2), ("TLSv1.3", 1), ("TLSv1.2", 0)):
            self.assertEqual(openmetrics.value(
                families, "tlsward_sessions_total", protocol=protocol), count)
