/*
 * schema.h - the journal's tables: what is in them, and their versions.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_SCHEMA_H
#define TLSWARD_JOURNAL_SCHEMA_H

#include <sqlite3.h>
#include <stdint.h>

/*
 * "TLSW" in the file's header (PRAGMA application_id), so that another program's
 * database is never taken for a journal.
 */
#define SCHEMA_APPLICATION_ID 0x544c5357

/* The version that this program writes (PRAGMA user_version); 0 is an empty file. */
#define SCHEMA_VERSION 1

#define MS_PER_HOUR INT64_C(3600000)

/* The hour in which a time is, as roll-ups have it; before the epoch too. */
static inline int64_t
schema_hour(int64_t time_ms)
{
	return time_ms / MS_PER_HOUR - (time_ms % MS_PER_HOUR < 0);
}

enum schema_state {
	SCHEMA_CURRENT,
	SCHEMA_EMPTY,		/* a new file: nothing is in it */
	SCHEMA_OLDER,		/* schema_migrate() makes it current */
	SCHEMA_NEWER,		/* of a newer tlsward: to be left alone */
	SCHEMA_FOREIGN,		/* a database, but no journal */
	SCHEMA_UNREADABLE	/* sqlite3_errmsg() says why */
};

/* What "db" holds. Reads only. */
enum schema_state schema_state(sqlite3 *db);

/*
 * Makes an empty or older journal one of SCHEMA_VERSION, in one transaction: either
 * all of it is done or nothing. Returns an SQLite result code.
 */
int schema_migrate(sqlite3 *db);

#endif
