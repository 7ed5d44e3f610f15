# SPDX-License-Identifier: ISC
"""The tables of many MTAs in a throw-away PostgreSQL, as "tlsward ship" makes them.

    with tables.cluster_with_tables() as pg:
        pg.psql("INSERT INTO tlsward.journal ...", tables.WRITER)
"""

import contextlib

import runner
from fleet import cluster

WRITER, READER, OWNER = "mx1", "grafana", "keeper"
TABLES = ("record", "trouble", "rollup", "handshake", "delivery")


def schema():
    """What tlsward ship --schema prints."""
    status, out, err = runner.run("ship", "--schema")
    if status != 0 or err:
        raise RuntimeError(err)
    return out


def make(pg, user=cluster.SUPERUSER, database=cluster.DATABASE):
    """The tables, and a user in each role, where they are not there yet."""
    pg.psql(schema(), user, database)
    for name, role in ((WRITER, "writer"), (READER, "reader"), (OWNER, "owner")):
        if not pg.rows("SELECT 1 FROM pg_roles WHERE rolname = '%s'" % name):
            pg.psql("CREATE ROLE %s LOGIN IN ROLE tlsward_%s" % (name, role))


@contextlib.contextmanager
def cluster_with_tables(**more):
    with cluster.Cluster(**more) as pg:
        make(pg)
        yield pg


def maintain(pg, *arguments, user=OWNER, database=cluster.DATABASE):
    """Status, standard output and standard error of tlsward ship --maintain."""
    return runner.run("ship", "--maintain", "--to",
                      "postgresql:" + pg.conninfo(user, database), *arguments)
