/*
 * store_db.c - the connection to the journal's database, and to its files.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_room.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * How long another connection may hold the lock before it is trouble. The daemon does not
 * sleep long: watch has the lock for a moment, and again soon.
 */
#define BUSY_MS 500
#define DOZES 100
#define DOZE_US 250
#define SLEEP_US 5000

/* What is left of the write-ahead log's file when it begins anew. */
#define PRAGMAS "PRAGMA synchronous = NORMAL;" \
	"PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY;" \
	"PRAGMA foreign_keys = OFF"

static int
db_note_wal(void *context, sqlite3 *db, const char *name, int pages)
{
	struct store_db *store = context;

	(void)db;
	(void)name;
	store->wal_pages = pages;
	return SQLITE_OK;
}

static bool
db_execute(struct store_db *store, const char *sql)
{
	return store_db_did(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

static bool
db_use_wal(struct store_db *store)
{
	sqlite3_stmt *statement = NULL;
	bool wal = false, ok;
	int code = sqlite3_prepare_v2(store->db, "PRAGMA journal_mode = WAL", -1,
	    &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	ok = store_db_did(store, code);
	if (code == SQLITE_ROW)
		wal = sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0),
		    "wal") == 0;
	(void)sqlite3_finalize(statement);
	if (ok && !wal)
		return store_db_refuse(store, DB_REFUSED, "this file system does not let "
		    "SQLite keep a write-ahead log");
	return ok;
}

static bool
db_make_tables(struct store_db *store)
{
	if (!db_use_wal(store) || !store_db_did(store, schema_migrate(store->db)))
		return false;
	/* So that whoever looks at the file's first bytes knows it. */
	(void)sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
	    NULL);
	return true;
}

static bool
db_take_schema(struct store_db *store)
{
	enum journal_look look = journal_look_at(store->db);

	switch (look) {
	case JOURNAL_FINE:
		return db_use_wal(store);
	case JOURNAL_EMPTY:
		return db_execute(store, "PRAGMA auto_vacuum = INCREMENTAL") &&
		    db_make_tables(store);
	case JOURNAL_OLDER:
		return db_make_tables(store);
	case JOURNAL_NEWER:
	case JOURNAL_FOREIGN:
		return store_db_refuse(store, DB_REFUSED, journal_look_text(look));
	default:
		return store_db_did(store, sqlite3_errcode(store->db));
	}
}

static int
db_await_lock(void *context, int times)
{
	const struct timespec pause = { 0, (times < DOZES ? DOZE_US : SLEEP_US) * 1000L };

	(void)context;
	(void)nanosleep(&pause, NULL);
	return times < DOZES + (BUSY_MS * 1000 - DOZES * DOZE_US) / SLEEP_US;
}

static bool
db_connect(struct store_db *store)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	if (!store_db_did(store, sqlite3_open_v2(store->path, &store->db, flags, NULL)))
		return false;
	(void)sqlite3_extended_result_codes(store->db, 1);
	(void)sqlite3_busy_timeout(store->db, BUSY_MS);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* In the place of SQLite's own, which would make checkpoints. */
	(void)sqlite3_wal_hook(store->db, db_note_wal, store);
	return db_execute(store, PRAGMAS);
}

/* Which files stand at the path now. False: one of them cannot be told. */
static bool
db_find_files(const char *path, struct store_files *files)
{
	static const char *const suffixes[] = STORE_SUFFIXES;
	char name[PATH_MAX];
	struct stat status;

	for (int i = 0; i < STORE_FILES; i++) {
		int length = snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);

		if (length < 0 || (size_t)length >= sizeof(name) ||
		    stat(name, &status) != 0)
			return false;
		files->devices[i] = status.st_dev;
		files->inodes[i] = status.st_ino;
	}
	return true;
}

/* The connection must be to the file that has the name. */
static bool
db_note_files(struct store_db *store)
{
	int moved = 0;

	return (db_find_files(store->path, &store->files) &&
	    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
	    SQLITE_OK && moved == 0) ||
	    store_db_refuse(store, DB_LOST, "removed while it was opened");
}

static bool
db_connect_second(struct store_db *store)
{
	return store_db_did(store, sqlite3_open_v2(store->path, &store->second,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)) &&
	    /* Until it has read the header it takes the log for none of its business. */
	    (sqlite3_exec(store->second, "PRAGMA schema_version", NULL, NULL, NULL) ==
	    SQLITE_OK || store_db_did(store, sqlite3_errcode(store->second)));
}

/* Only the daemon's writer has many who wait for it. */
static bool
db_hurry(struct store_db *store)
{
	return store_db_did(store, sqlite3_busy_handler(store->db, db_await_lock, NULL));
}

static void
db_close_failed(struct store_db *store)
{
	store_db_close(store, store->result == DB_CORRUPT || store->result == DB_REFUSED);
}

void
store_db_open(struct store_db *store, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	/* With the journal's permissions, where there is none. */
	if (fd != -1)
		(void)close(fd);
	memset(store, 0, sizeof(*store));
	store->path = path;
	if (!db_connect(store) || !db_hurry(store) || !db_take_schema(store) ||
	    !store_db_prepare(store) || !db_connect_second(store) || !db_note_files(store))
		db_close_failed(store);
}

/* Whether the journal can be written as it is; all else is the daemon's to mend. */
static bool
db_is_ready(struct store_db *store)
{
	enum journal_look look = journal_look_at(store->db);

	if (look == JOURNAL_UNUSABLE)
		return store_db_did(store, sqlite3_errcode(store->db));
	return look == JOURNAL_FINE || store_db_refuse(store, DB_REFUSED,
	    journal_look_text(look));
}

void
store_db_join(struct store_db *store, const char *path)
{
	memset(store, 0, sizeof(*store));
	store->path = path;
	if (access(path, F_OK) != 0 && errno == ENOENT)
		(void)store_db_refuse(store, DB_REFUSED,
		    journal_look_text(JOURNAL_ABSENT));
	else if (!db_connect(store) || !db_is_ready(store) || !db_use_wal(store) ||
	    !store_db_prepare(store) || !db_note_files(store))
		db_close_failed(store);
}

static void
db_disconnect(sqlite3 **db, bool keep)
{
	if (keep && *db != NULL)
		(void)sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	(void)sqlite3_close(*db);
	*db = NULL;
}

void
store_db_close(struct store_db *store, bool keep)
{
	for (int i = 0; i < DB_STATEMENTS; i++) {
		(void)sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
	db_disconnect(&store->second, keep);
	db_disconnect(&store->db, keep);
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

/*
 * Another writer that begins the log anew has its header written, and waits for the disk
 * before the first frame: that it is killed there spoils nothing. A commit of our own
 * comes after that, and makes it whole.
 */
static bool
db_is_log_whole(struct store_db *store)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "BEGIN IMMEDIATE; PRAGMA user_version = %d;"
	    " COMMIT", SCHEMA_VERSION);
	for (int i = 0; i < 3; i++) {
		int code;

		if (store->wal_pages == 0 || db_is_log(store))
			return true;
		code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
		store_db_undo(store);
		if (store_db_judge(code) == DB_AGAIN)
			return true;
	}
	return false;
}

void
store_db_look(struct store_db *store)
{
	struct store_files now;

	if (!db_find_files(store->path, &now) ||
	    memcmp(&now, &store->files, sizeof(now)) != 0)
		(void)store_db_refuse(store, DB_MOVED, "removed or renamed");
	else if (!db_is_database(store))
		(void)store_db_refuse(store, DB_CORRUPT,
		    "its file was overwritten or cut");
	else if (!db_is_log_whole(store))
		(void)store_db_refuse(store, DB_CORRUPT,
		    "its write-ahead log was overwritten or cut");
}
