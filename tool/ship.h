/*
 * ship.h - what the parts of tlsward ship share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_SHIP_H
#define TLSWARD_TOOL_SHIP_H

#include "tool/tool.h"

enum ship_what { SHIP_ALL, SHIP_SCHEMA, SHIP_MAINTAIN };

/* The call. */
struct ship_run {
	const char *config;	/* -c; NULL: not given */
	const char *journal;	/* --journal; NULL: the settings' */
	const char *to;		/* --to: "postgresql:CONNINFO"; NULL: the settings' */
	int64_t keep_since;	/* --keep; 0: not given */
	int what;		/* enum ship_what */
	bool once;
	struct loaded loaded;	/* the settings, but for --schema */
};

/* Writes the SQL that makes the tables in a database, or brings them up to date. */
int ship_schema(const struct ship_run *run);

#ifdef TLSWARD_LIBPQ

/*
 * Makes partitions ahead, and drops those whose time is over, as the tables' owner, in the
 * database that CONNINFO names, as libpq takes it.
 */
int ship_maintain(const struct ship_run *run, const char *conninfo);

#endif

#endif
