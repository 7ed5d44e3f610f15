/*
 * schema.h - the journal's tables: what is in them, and their versions.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_SCHEMA_H
#define TLSWARD_JOURNAL_SCHEMA_H

#include <sqlite3.h>

/*
 * "TLSW" in the file's header (PRAGMA application_id), so that another program's
 * database is never taken for a journal.
 */
#define SCHEMA_APPLICATION_ID 0x544c5357

/* The version that this program writes (PRAGMA user_version); 0 is an empty file. */
#define SCHEMA_VERSION 1

/*
 * Makes an empty or older journal one of SCHEMA_VERSION, in one transaction: either
 * all of it is done or nothing. Returns an SQLite result code.
 */
int schema_migrate(sqlite3 *db);

#endif
