# SPDX-License-Identifier: ISC
"""Writes into a journal as the daemon and tlsward watch do, of everything something."""

import os
import random
import sqlite3
import string
import subprocess
import threading

import runner

MAKE_JOURNAL = runner.find_program("tests/tool/make-journal")

START_MS = 1790000000000
HOUR_MS = 3600000
ODD = "ä\\ \t\n\r\"'|€𝄞\u2028\x7f\x01"
NEXT = ("(SELECT 1 + max(ifnull((SELECT max({0}) FROM {1}), 0),"
        " ifnull((SELECT value FROM highest WHERE name = '{1}'), 0)))")


def _word(rng, odd=0.1, most=12):
    if rng.random() < odd:
        return "".join(rng.choice(ODD + string.ascii_letters) for _ in range(rng.randint(0, most)))
    return "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(1, most)))


class Writer:
    """A journal, and what is written into it: rows that are new, and that grow."""

    def __init__(self, path, seed=1):
        self.rng = random.Random(seed)
        self.path = path
        subprocess.run([MAKE_JOURNAL, path], check=True)
        self.db = self._connect()
        self.now = START_MS
        self._names = {table: [row[1] for row in self.db.execute(
            "PRAGMA table_info(%s)" % table)] for table in ("record", "facts", "certificate")}
        self._stop = threading.Event()
        self._thread = None
        self.error = None

    def _connect(self):
        db = sqlite3.connect(self.path, isolation_level=None, timeout=30,
                             check_same_thread=False)
        db.execute("PRAGMA synchronous = OFF")
        return db

    def record(self):
        row = {name: _word(self.rng) if self.rng.random() < 0.8 else None
               for name in self._names["record"]}
        for name in ("client_port", "nrcpt", "bits"):
            row[name] = self.rng.choice([None, 0, 128, 65535])
        row.update(time=self.now, action="reject", exempted=0, cert_san='["a","ü\\\\u0000"]')
        del row["id"]
        self.db.execute("INSERT INTO record (%s, id) VALUES (%s, %s)" % (
            ", ".join('"%s"' % name for name in row), ", ".join("?" * len(row)),
            NEXT.format("id", "record")), list(row.values()))

    def _facts(self, digest):
        number = self.db.execute("SELECT id FROM facts WHERE digest = ?", (digest,)).fetchone()
        if number:
            return number[0]
        rng = random.Random(digest)
        certificate = None
        if rng.random() < 0.5:
            mark = bytes([rng.randrange(20)]) * 32
            found = self.db.execute("SELECT id FROM certificate WHERE digest = ?",
                                    (mark,)).fetchone()
            certificate = found[0] if found else self._add("certificate", random.Random(mark),
                                                           digest=mark)
        return self._add("facts", rng, digest=digest, certificate=certificate,
                         bits=rng.choice([None, 256]))

    def _add(self, table, rng, **known):
        row = {name: _word(rng) if rng.random() < 0.7 else None
               for name in self._names[table] if name != "id"}
        row |= known
        return self.db.execute("INSERT INTO %s (%s) VALUES (%s)" % (
            table, ", ".join('"%s"' % name for name in row), ", ".join("?" * len(row))),
            list(row.values())).lastrowid

    def rollup(self):
        digest = self.rng.randrange(60).to_bytes(2, "big") * 16
        self.db.execute(
            "INSERT INTO rollup (hour, facts, messages, first, last, session, client_addr,"
            " sender, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, %s) ON CONFLICT DO UPDATE SET"
            " messages = messages + excluded.messages, last = max(last, excluded.last),"
            " changed = excluded.changed" % NEXT.format("changed", "rollup"),
            (self.now // HOUR_MS, self._facts(digest), self.rng.randint(1, 9),
             self.now % HOUR_MS, self.now % HOUR_MS, _word(self.rng), None, _word(self.rng)))

    def _count(self, table, key):
        names = list(key) + ["count", "first", "last"] + (
            ["sample"] if table == "handshake" else [])
        values = list(key.values()) + [1, self.now % HOUR_MS, self.now % HOUR_MS] + (
            [_word(self.rng, 0.5)] if table == "handshake" else [])
        self.db.execute(
            "INSERT INTO %s (%s, changed) VALUES (%s, %s) ON CONFLICT DO UPDATE SET"
            " count = count + 1, last = max(last, excluded.last), changed = excluded.changed"
            % (table, ", ".join(names), ", ".join("?" * len(values)),
               NEXT.format("changed", table)), values)

    def handshake(self):
        self._count("handshake", {
            "hour": self.now // HOUR_MS, "direction": self.rng.choice(["in", "out"]),
            "host": self.rng.choice(["", "a.example", ODD, "x" * 1000]), "address": "192.0.2.1",
            "next_hop": "", "reason": self.rng.choice(["no-cipher", "old"])})

    def delivery(self):
        key = dict.fromkeys(("relay", "address", "cipher", "tls_reason", "rule", "rule_kind",
                             "partner", "reason"), "")
        long = self.rng.choice(["", "y" * 1000])
        self._count("delivery", {
            "hour": self.now // HOUR_MS, "next_hop": "b.example", "tls_version": "none",
            "bits": -1, "verification": "none", "verdict": "met", "result": "sent",
            "rule_name": self.rng.choice(["", ODD, "z" * 1000]), **key,
            "relay": long, "rule": long, "cipher": long})

    def trouble(self):
        row = {name: _word(self.rng) for name in (
            "queue_id", "to", "next_hop", "relay", "address", "tls_version", "cipher",
            "verification", "result", "tls_reason", "dsn", "text", "rule", "partner",
            "rule_kind", "rule_name", "verdict", "reason")}
        self.db.execute("INSERT INTO trouble (%s, time, id) VALUES (%s, ?, %s)" % (
            ", ".join('"%s"' % name for name in row), ", ".join("?" * len(row)),
            NEXT.format("id", "trouble")), [*row.values(), self.now])

    def _note(self):
        self.db.execute(
            "INSERT INTO watched (name, value, changed) VALUES (?, 1, %s) ON CONFLICT DO"
            " UPDATE SET value = value + 1, changed = excluded.changed"
            % NEXT.format("changed", "watched"), (self.rng.choice(["lines", "time", ODD]),))
        self.db.execute(
            "INSERT INTO discarded (why, records, messages, watched, last, changed) VALUES"
            " (?, 1, 2, 3, ?, %s) ON CONFLICT DO UPDATE SET records = records + 1, last ="
            " excluded.last, changed = excluded.changed" % NEXT.format("changed", "discarded"),
            (self.rng.choice(["age", "size"]), self.now))

    def policy(self):
        self.db.execute("INSERT OR REPLACE INTO policies (since, digest, file, changed) VALUES"
                        " (?, ?, ?, %s)" % NEXT.format("changed", "policies"),
                        (self.now, _word(self.rng), "policy.conf"))

    def group(self, rows=20):
        """One transaction, as a writer makes it."""
        kinds = [self.record] * 6 + [self.rollup] * 6 + [
            self.handshake, self.delivery, self.delivery, self.trouble, self._note, self.policy]
        self.db.execute("BEGIN IMMEDIATE")
        for _ in range(rows):
            self.now += self.rng.choice([1, 50, 900000])
            self.rng.choice(kinds)()
        self.db.execute("COMMIT")

    def fill(self, rows):
        for _ in range(0, rows, 20):
            self.group()

    # Beside the test

    def _run(self, pause):
        try:
            self.db = self._connect()
            while not self._stop.wait(pause):
                self.group()
            self.db.close()
        except sqlite3.Error as error:	# told by stop()
            self.error = error

    def start(self, pause=0.01):
        """Writes on and on, until stop()."""
        self.db.close()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(pause,), daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()
        if self.error:
            raise self.error
        self.db = self._connect()

    def wal(self):
        """How large the write-ahead log is."""
        return os.path.getsize(self.path + "-wal")
