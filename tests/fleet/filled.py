# SPDX-License-Identifier: ISC
"""A fleet's database filled from journals, by statements of its own and no shipper's.

    filled.schema(pg)
    filled.fill(pg, "mx1", "journal.db")
"""

import datetime
import os
import sqlite3

import runner

HOUR = 3600000
# Columns that are a moment in PostgreSQL, and what one of the journal is of it, in
# milliseconds.
MOMENTS = {"time": 1, "since": 1, "hour": HOUR}
# By journal's number; the others have the journal's name and its node.
NUMBERED = ("rollup", "handshake", "delivery", "discarded", "watched", "policies")


def schema(pg):
    """Makes the tables and the views, or renews them."""
    status, sql, said = runner.run("ship", "--schema", env=dict(
        os.environ, TLSWARD_DATADIR=os.path.join(runner.TOP, "conf")))
    if status != 0:
        raise RuntimeError(said)
    pg.psql(sql)


def moment(ms):
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return when.isoformat() + "+00"


def cell(value):
    """A value as COPY reads it."""
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    text = str(value)
    for plain, escaped in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escaped)
    return text.replace("\0", "")


def copy(pg, table, rows):
    """Rows are dictionaries of the same columns, values as Python has them."""
    if not rows:
        return
    lines = ["\t".join(map(cell, row.values())) for row in rows]
    pg.psql("COPY tlsward.%s (%s) FROM STDIN;\n%s\n\\.\n" % (
        table, ", ".join('"%s"' % name for name in rows[0]), "\n".join(lines)))


def row_of(table, row, more):
    made = dict(more)
    for name in row.keys():
        value = row[name]
        if name in MOMENTS or (table == "discarded" and name == "last"):
            value = moment(value * MOMENTS.get(name, 1))
        if name != "changed" or table == "policies":
            made[name] = value
    return made


def fill(pg, node, path, journal=None, part=None):
    """Adds a journal's rows as those of a node, and answers its number.

    part(table, rows): those of them that the node is to have; then nodes share their
    facts, by ids that stay as they are.
    """
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    journal = journal or "%032x" % abs(hash((node, path)))
    number = int(pg.psql("INSERT INTO tlsward.journal (node, journal) VALUES ('%s', '%s')"
                         " RETURNING number" % (node, journal)))
    shift = number * 1000000 if part is None else 0
    there = {name for name, in db.execute("SELECT name FROM sqlite_schema")}
    for table in ("certificate", "facts", "record", "trouble", *NUMBERED):
        rows = []
        for row in db.execute("SELECT * FROM " + table) if table in there else ():
            if table in NUMBERED:
                more = {"journal": number}
            elif table in ("certificate", "facts"):
                more = {"used": "2020-01-01"}
            else:
                more = {"node": node, "journal": journal}
            made = row_of(table, row, more)
            for name in ("id", "certificate") if "used" in more else ("facts",):
                if made.get(name) is not None:
                    made[name] += shift
            rows.append(made)
        copy(pg, table, part(table, rows) if part else rows)
    db.close()
    return number
