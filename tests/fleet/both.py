# SPDX-License-Identifier: ISC
"""A journal and the database that it was sent to, compared row by row.

What is compared is every column that the journal's tables have, by its name, but ids of
sets of facts, which each side gives by itself.
"""

import json
import os
import subprocess

import runner

from fleet import cluster

TLSWARD = runner.find_program("tlsward")
SQL = os.path.join(runner.TOP, "conf")
WRITER = "mx1"

HOURS = {"hour": 3600000}
MOMENTS = {"record": ("time",), "trouble": ("time",), "discarded": ("last",),
           "policies": ("since",)}
SINGLE = ("record", "trouble", "handshake", "delivery", "discarded", "watched", "policies")
CERTIFICATE = "certificate"


def make_tables(pg):
    """The tables, as their owner makes them, and a role that may send."""
    schema = subprocess.run([TLSWARD, "ship", "--schema"], check=True, capture_output=True,
                            text=True, env=dict(os.environ, TLSWARD_DATADIR=SQL)).stdout
    pg.psql(schema)
    pg.psql("CREATE ROLE %s LOGIN IN ROLE tlsward_writer" % WRITER)


def to(pg, **more):
    """What --to takes."""
    return "postgresql:" + pg.conninfo(WRITER, **more)


def columns(db, table):
    return [row[1] for row in db.execute("PRAGMA table_info(%s)" % table)]


def _there(table, name, alias=""):
    """How PostgreSQL tells what the journal has of a column."""
    column = alias + '"%s"' % name
    if name == "hour":
        return "(extract(epoch FROM %s) / 3600)::bigint" % column
    if name in MOMENTS.get(table, ()):
        return "(extract(epoch FROM %s) * 1000)::bigint" % column
    if name == "digest" and table in ("facts", CERTIFICATE):
        return "encode(%s, 'hex')" % column
    return column


def _rows_there(pg, what, source):
    text = pg.psql("SELECT json_build_array(%s) FROM %s" % (", ".join(what), source))
    return sorted(text.split("\n")) if text else []


def _text(row):
    return json.dumps([value.hex() if isinstance(value, bytes) else value for value in row],
                      separators=(",", ":"), ensure_ascii=False)


def _here(rows):
    return sorted(_text(row) for row in rows)


def _number(pg, db, node):
    journal, = db.execute("SELECT journal FROM identity").fetchone()
    return pg.psql("SELECT number FROM tlsward.journal WHERE journal = '%s' AND node = '%s'"
                   % (journal, node)), journal


def _single(pg, db, table, node):
    number, journal = _number(pg, db, node)
    names = [name for name in columns(db, table)
             if name != "changed" or table == "policies"]
    here = db.execute("SELECT %s FROM %s" % (
        ", ".join('"%s"' % name for name in names), table))
    where = "node = '%s' AND journal = '%s'" % (node, journal) \
        if table in ("record", "trouble") else "journal = %s" % number
    there = _rows_there(pg, [_there(table, name) for name in names],
                        "tlsward.%s WHERE %s" % (table, where))
    return _here(here), there


def _rollups(pg, db, node):
    """Roll-ups with their facts and certificates in one row."""
    number, _ = _number(pg, db, node)
    parts = [("rollup", [name for name in columns(db, "rollup")
                         if name not in ("facts", "changed")]),
             ("facts", [name for name in columns(db, "facts")
                        if name not in ("id", CERTIFICATE)]),
             (CERTIFICATE, [name for name in columns(db, CERTIFICATE) if name != "id"])]
    here = db.execute("SELECT %s FROM rollup JOIN facts ON facts.id = facts LEFT JOIN"
                      " certificate ON certificate.id = certificate" % ", ".join(
                          '%s."%s"' % (table, name) for table, names in parts
                          for name in names))
    there = _rows_there(
        pg, [_there(table, name, table + ".") for table, names in parts for name in names],
        "tlsward.rollup JOIN tlsward.facts ON facts.id = rollup.facts LEFT JOIN"
        " tlsward.certificate ON certificate.id = facts.certificate WHERE rollup.journal ="
        " %s" % number)
    return _here(here), there


def _normal(rows):
    return sorted(json.dumps(json.loads(row), ensure_ascii=False) for row in rows)


def differences(pg, db, node):
    """What one side has and the other has not, as lines; none where they agree."""
    found = []
    sides = {table: _single(pg, db, table, node) for table in SINGLE}
    sides["rollup"] = _rollups(pg, db, node)
    for table, (here, there) in sides.items():
        here, there = _normal(here), _normal(there)
        if here == there:
            continue
        only, more = set(here) - set(there), set(there) - set(here)
        found.append("%s: %d rows here, %d there; only here %s, only there %s" % (
            table, len(here), len(there), sorted(only)[:2], sorted(more)[:2]))
    return found


def count(db):
    """How many rows the journal has, by table."""
    return {table: db.execute("SELECT count(*) FROM %s" % table).fetchone()[0]
            for table in SINGLE + ("rollup",)}


__all__ = ["TLSWARD", "WRITER", "cluster", "columns", "count", "differences", "make_tables",
           "to"]
