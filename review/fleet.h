/*
 * fleet.h - the journals of many nodes, in PostgreSQL, asked as one journal of SQLite's.
 *
 * The tables of a journal are virtual ones over those of conf/postgresql/: what is asked
 * of a table's columns, in which order, is asked of PostgreSQL, and its rows come in
 * pieces, as they are gone through. All that one opening reads is of one moment. What
 * nodes counted of the same things is added up to one row, as one journal would have it;
 * the id of a record or of trouble is its journal's number and, in the lower 40 bits, its
 * id there. There are two tables more: "accepted", which is rollup with its facts and
 * their certificate, and "running": the policy that each node runs.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_FLEET_H
#define TLSWARD_REVIEW_FLEET_H

#include <string.h>

#include "review/review.h"

/* Whether "path" names PostgreSQL: "postgresql:CONNINFO", or libpq's URI. */
static inline bool
fleet_named(const char *path)
{
	return strncmp(path, "postgresql:", 11) == 0 || strncmp(path, "postgres://", 11) == 0;
}

/*
 * Opens what "path" names, of all nodes or of one ("node", NULL: all). NULL, with why and
 * what to do in "error". To be closed by sqlite3_close().
 */
#ifdef TLSWARD_LIBPQ
sqlite3 *fleet_open(const char *path, const char *node, char error[REVIEW_ERROR_MAX]);
#endif

#endif
