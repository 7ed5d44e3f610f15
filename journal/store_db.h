/*
 * store_db.h - the connection to the journal's database, for one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_STORE_DB_H
#define TLSWARD_JOURNAL_STORE_DB_H

#include <sqlite3.h>

#include "journal/store_file.h"

/* What is to be done after a call. */
enum db_result {
	DB_DONE,
	DB_AGAIN,		/* not now: locked, full, no memory */
	DB_LOST,		/* the connection is of no use any more */
	DB_MOVED,		/* the files were removed or renamed */
	DB_CORRUPT,		/* nor is the file */
	DB_REFUSED,		/* a file that is not ours to touch */
	DB_UNFIT		/* this row cannot be written, others can */
};

enum db_statement {
	DB_BEGIN, DB_COMMIT, DB_ROLLBACK,
	DB_RECORD_ADD, DB_CERTIFICATE_FIND, DB_CERTIFICATE_ADD, DB_FACTS_FIND,
	DB_FACTS_ADD, DB_ROLLUP_ADD, DB_DISCARD,
	DB_PAGES, DB_FREE_PAGES, DB_PAGE_SIZE, DB_VACUUM,
	DB_RECORD_OLDEST, DB_RECORD_SPAN, DB_RECORD_SAMPLE, DB_RECORD_DELETE,
	DB_ROLLUP_OLDEST, DB_ROLLUP_DELETE,
	DB_FACTS_SWEEP, DB_FACTS_DELETE, DB_CERTIFICATE_SWEEP, DB_CERTIFICATE_DELETE,
	DB_TLS_ROLLUPS, DB_TLS_RECORDS,
	DB_STATEMENTS
};

#define DB_ERROR_MAX 256

struct store_db {
	sqlite3 *db;			/* NULL: not open */
	sqlite3 *second;		/* for checkpoints in another thread */
	sqlite3_stmt *statements[DB_STATEMENTS];
	struct store_file files[STORE_FILES];
	int wal_pages;			/* after the last commit */
	char error[DB_ERROR_MAX];	/* of the last call that failed */
};

/* Opens the journal at "path", or makes it, or migrates it. */
enum db_result store_db_open(struct store_db *store, const char *path);

/* Closes it. With "keep", the write-ahead log is left as it is. */
void store_db_close(struct store_db *store, bool keep);

/* The statement, reset and with no parameter bound. */
sqlite3_stmt *store_db_statement(struct store_db *store, enum db_statement which);

/*
 * Binds the columns of a table, from the parameter "first" on; returns where the next
 * ones are.
 */
const char *store_db_bind(sqlite3_stmt *statement, int first, unsigned table,
    const char *columns);

/* Runs a statement that gives no row (or whose rows do not matter). */
enum db_result store_db_run(struct store_db *store, sqlite3_stmt *statement);

/*
 * Takes one step: *row says whether there is a row. The statement is reset where
 * there is none.
 */
enum db_result store_db_step(struct store_db *store, sqlite3_stmt *statement,
    bool *row);

/* The one number that the statement gives; "none" where it gives none. */
enum db_result store_db_number(struct store_db *store, sqlite3_stmt *statement,
    sqlite3_int64 none, sqlite3_int64 *number);

/* A transaction that writes. Undoing cannot fail. */
enum db_result store_db_begin(struct store_db *store);
enum db_result store_db_commit(struct store_db *store);
void store_db_undo(struct store_db *store);

/* False: somebody else wrote over the files' first bytes, or cut them; error says so. */
bool store_db_sound(struct store_db *store);

/* Adds to what the table "discarded" tells. */
enum db_result store_db_discard(struct store_db *store, const char *why,
    sqlite3_int64 records, sqlite3_int64 messages, sqlite3_int64 last_ms);

/* What an SQLite result code means to us. */
enum db_result store_db_judge(int code);

#endif
