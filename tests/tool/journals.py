# SPDX-License-Identifier: ISC
"""Journals for the tests: made by the project's own schema, filled by hand.

MAKE_JOURNAL names the program that makes an empty one.
"""

import datetime
import json
import os
import sqlite3
import subprocess

from tool import runner

MAKE = runner.find_program("tests/tool/make-journal")

CERTIFICATE = ("cert_cn", "cert_san", "cert_issuer", "cert_subject_dn",
               "cert_issuer_dn", "cert_fingerprint", "cert_pubkey_fingerprint",
               "cert_key", "cert_signature", "cert_not_after", "cert_source")


def ms(text):
    """Milliseconds since the epoch of 2026-01-31T12:00:00[.000]Z."""
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(when.timestamp() * 1000)


def text_of(value):
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value


class Journal:
    def __init__(self, path):
        self.path = path
        subprocess.run([MAKE, path], check=True)
        self.db = sqlite3.connect(path, isolation_level=None)

    def insert(self, table, **columns):
        names = ",".join(f'"{name}"' for name in columns)
        marks = ",".join("?" * len(columns))
        return self.db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})",
                               [text_of(value) for value in columns.values()]).lastrowid

    def record(self, time, action="reject", **columns):
        """One record; "sender" is the column "from"."""
        if "sender" in columns:
            columns["from"] = columns.pop("sender")
        return self.insert("record", time=ms(time), action=action, **columns)

    def rollup(self, first, last, messages, client_addr=None, session=None,
               sender=None, **facts):
        """Accepted messages of one hour; certificate columns make their row."""
        certificate = {name: facts.pop(name) for name in CERTIFICATE if name in facts}
        if certificate:
            facts["certificate"] = self.insert("certificate", digest=os.urandom(16),
                                               **certificate)
        number = self.insert("facts", digest=os.urandom(16), **facts)
        hour, from_ms = divmod(ms(first), 3600000)
        self.insert("rollup", hour=hour, facts=number, messages=messages,
                    first=from_ms, last=ms(last) % 3600000,
                    session=session, client_addr=client_addr, sender=sender)

    def handshake(self, first, reason, direction="in", count=1, last=None, **columns):
        """Failed handshakes of one hour: host, address, next_hop, sample."""
        hour, from_ms = divmod(ms(first), 3600000)
        row = dict.fromkeys(("host", "address", "next_hop", "sample"), "")
        self.insert("handshake", hour=hour, direction=direction, reason=reason,
                    count=count, first=from_ms, last=ms(last or first) % 3600000,
                    **(row | columns))

    def delivery(self, first, next_hop, result="sent", count=1, last=None, **columns):
        """Deliveries of one hour; the columns are those of the table."""
        hour, from_ms = divmod(ms(first), 3600000)
        row = dict.fromkeys(("relay", "address", "tls_version", "cipher",
                             "verification", "tls_reason", "rule", "rule_kind",
                             "rule_name", "partner", "reason"), "")
        self.insert("delivery", hour=hour, next_hop=next_hop, result=result, count=count,
                    first=from_ms, last=ms(last or first) % 3600000,
                    **(row | {"bits": -1, "verdict": "none"} | columns))

    def trouble(self, time, next_hop, tls_reason, result="deferred", **columns):
        """A delivery with trouble over TLS, in full; "to" is the column."""
        row = dict.fromkeys(("queue_id", "to", "relay", "address", "tls_version", "cipher",
                             "verification", "dsn", "text", "rule", "partner"), "")
        self.insert("trouble", time=ms(time), next_hop=next_hop, result=result,
                    tls_reason=tls_reason, **(row | columns))

    def watched(self, name, value):
        self.insert("watched", name=name, value=value)

    def close(self):
        self.db.close()
