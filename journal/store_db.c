/*
 * store_db.c - the connection to the journal's database, for one thread.
 *
 * SPDX-License-Identifier: ISC
 */

#include <stdio.h>
#include <string.h>

#include "journal/store_room.h"

/* How long another connection may hold the lock before it is trouble. */
#define BUSY_MS 500

/* What is left of the write-ahead log's file when it begins anew. */
#define PRAGMAS "PRAGMA synchronous = NORMAL;" \
	"PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY;" \
	"PRAGMA foreign_keys = OFF"

static enum db_result
db_refuse(struct store_db *store, const char *why)
{
	(void)snprintf(store->error, sizeof(store->error), "%s", why);
	return DB_REFUSED;
}

static int
db_note_wal(void *context, sqlite3 *db, const char *name, int pages)
{
	struct store_db *store = context;

	(void)db;
	(void)name;
	store->wal_pages = pages;
	return SQLITE_OK;
}

static enum db_result
db_execute(struct store_db *store, const char *sql)
{
	int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? DB_DONE : store_db_fail(store, code);
}

static enum db_result
db_use_wal(struct store_db *store)
{
	sqlite3_stmt *statement = NULL;
	enum db_result result = DB_DONE;
	const unsigned char *mode = NULL;
	int code = sqlite3_prepare_v2(store->db, "PRAGMA journal_mode = WAL", -1,
	    &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		mode = sqlite3_column_text(statement, 0);
	if (code != SQLITE_ROW)
		result = store_db_fail(store, code);
	else if (mode == NULL || strcmp((const char *)mode, "wal") != 0)
		result = db_refuse(store, "this file system does not let SQLite keep a "
		    "write-ahead log");
	(void)sqlite3_finalize(statement);
	return result;
}

static enum db_result
db_make_tables(struct store_db *store)
{
	enum db_result result = db_use_wal(store);
	int code;

	if (result != DB_DONE)
		return result;
	code = schema_migrate(store->db);
	if (code != SQLITE_OK)
		return store_db_fail(store, code);
	/* So that whoever looks at the file's first bytes knows it. */
	(void)sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
	    NULL);
	return DB_DONE;
}

static enum db_result
db_take_schema(struct store_db *store)
{
	enum db_result result;

	switch (journal_look_at(store->db)) {
	case JOURNAL_FINE:
		return db_use_wal(store);
	case JOURNAL_EMPTY:
		result = db_execute(store, "PRAGMA auto_vacuum = INCREMENTAL");
		return result == DB_DONE ? db_make_tables(store) : result;
	case JOURNAL_OLDER:
		return db_make_tables(store);
	case JOURNAL_NEWER:
		return db_refuse(store, journal_look_text(JOURNAL_NEWER));
	case JOURNAL_FOREIGN:
		return db_refuse(store, journal_look_text(JOURNAL_FOREIGN));
	default:
		return store_db_fail(store, sqlite3_errcode(store->db));
	}
}

static enum db_result
db_connect(struct store_db *store, const char *path)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(path, &store->db, flags, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_open_v2(path, &store->second, flags, NULL);
	if (code != SQLITE_OK)
		return store_db_fail(store, code);
	(void)sqlite3_extended_result_codes(store->db, 1);
	(void)sqlite3_busy_timeout(store->db, BUSY_MS);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* In the place of SQLite's own, which would make checkpoints. */
	(void)sqlite3_wal_hook(store->db, db_note_wal, store);
	return db_execute(store, PRAGMAS);
}

/* The connection must be to the file that has the name. */
static enum db_result
db_note_files(struct store_db *store, const char *path)
{
	int moved = 0;

	if (store_file_note(path, store->files) && sqlite3_file_control(store->db, "main",
	    SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved == 0)
		return DB_DONE;
	(void)snprintf(store->error, sizeof(store->error), "removed while it was opened");
	return DB_LOST;
}

enum db_result
store_db_open(struct store_db *store, const char *path)
{
	enum db_result result;

	memset(store, 0, sizeof(*store));
	store_file_make(path);
	result = db_connect(store, path);
	if (result == DB_DONE)
		result = db_take_schema(store);
	if (result == DB_DONE)
		result = store_db_prepare(store);
	/* Until it has read the header it takes the log for none of its business. */
	if (result == DB_DONE && sqlite3_exec(store->second, "PRAGMA schema_version",
	    NULL, NULL, NULL) != SQLITE_OK)
		result = store_db_fail(store, sqlite3_errcode(store->second));
	if (result == DB_DONE)
		result = db_note_files(store, path);
	if (result != DB_DONE)
		store_db_close(store, result == DB_CORRUPT || result == DB_REFUSED);
	return result;
}

void
store_db_close(struct store_db *store, bool keep)
{
	for (int i = 0; i < DB_STATEMENTS; i++) {
		(void)sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
	if (keep && store->second != NULL)
		(void)sqlite3_db_config(store->second, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		    NULL);
	if (keep && store->db != NULL)
		(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		    NULL);
	(void)sqlite3_close(store->second);
	(void)sqlite3_close(store->db);
	store->second = NULL;
	store->db = NULL;
	store->wal_pages = 0;
}

/* ------------------------------------------------------------------ *
 * Whether somebody else wrote over the files
 * ------------------------------------------------------------------ */

/*
 * A writer that has its pages in memory reads little again, and would go on for long
 * with files that nobody can read. So it looks at their first bytes, by way of SQLite:
 * closing a descriptor of our own would release its locks. PRAGMA quick_check reads
 * the log by its index, in memory, and does not see that a log without its header is
 * nothing to the next process.
 *
 * SQLite's file format, sections 1.3 and 4.1: both salts are in every frame as well.
 */
#define LOG_HEADER 32
#define LOG_SALTS 16
#define FRAME_HEADER 24
#define FRAME_SALTS 8
#define SALTS_SIZE 8
#define PAGE_MIN 512

static bool
db_read_start(struct store_db *store, int which, void *bytes, int size,
    sqlite3_int64 *length)
{
	sqlite3_file *file = NULL;

	return sqlite3_file_control(store->db, "main", which, &file) == SQLITE_OK &&
	    file != NULL && file->pMethods != NULL &&
	    file->pMethods->xFileSize(file, length) == SQLITE_OK && *length >= size &&
	    file->pMethods->xRead(file, bytes, size, 0) == SQLITE_OK;
}

static bool
db_is_database(struct store_db *store)
{
	static const char magic[16] = "SQLite format 3";
	char start[sizeof(magic)];
	sqlite3_int64 length;

	return db_read_start(store, SQLITE_FCNTL_FILE_POINTER, start, sizeof(start),
	    &length) && length >= PAGE_MIN && memcmp(start, magic, sizeof(magic)) == 0;
}

static bool
db_is_log(struct store_db *store)
{
	static const unsigned char magic[3] = { 0x37, 0x7f, 0x06 };
	unsigned char start[LOG_HEADER + FRAME_HEADER];
	sqlite3_int64 length;

	return db_read_start(store, SQLITE_FCNTL_JOURNAL_POINTER, start, sizeof(start),
	    &length) && memcmp(start, magic, sizeof(magic)) == 0 &&
	    memcmp(start + LOG_SALTS, start + LOG_HEADER + FRAME_SALTS,
	    SALTS_SIZE) == 0 &&
	    length >= LOG_HEADER + (sqlite3_int64)store->wal_pages * PAGE_MIN;
}

bool
store_db_sound(struct store_db *store)
{
	const char *what = NULL;

	if (!db_is_database(store))
		what = "file";
	else if (store->wal_pages > 0 && !db_is_log(store))
		what = "write-ahead log";
	if (what != NULL)
		(void)snprintf(store->error, sizeof(store->error),
		    "its %s was overwritten or cut", what);
	return what == NULL;
}
