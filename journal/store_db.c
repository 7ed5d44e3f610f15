/*
 * store_db.c - the connection to the journal's database, for one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "journal/record.h"
#include "journal/record.h"
#include "journal/record.h"
#include "journal/store_sql.h"
#include "base/buffer.h"

/* How long another connection may hold the lock before it is trouble. */
#define BUSY_MS 500

/* What is left of the write-ahead log's file when it begins anew. */
#define PRAGMAS "PRAGMA synchronous = NORMAL;" \
	"PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY;" \
	"PRAGMA foreign_keys = OFF"

enum db_result
store_db_judge(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return DB_DONE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_NOMEM:
	case SQLITE_INTERRUPT:
		return DB_AGAIN;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return DB_CORRUPT;
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return DB_UNFIT;
	default:
		return DB_LOST;
	}
}

/* Keeps the words for what went wrong. */
static enum db_result
fail(struct store_db *store, int code)
{
	/* What came after the failure, as a rollback, has words of its own. */
	const char *text = store->db != NULL &&
	    (sqlite3_errcode(store->db) & 0xff) == (code & 0xff) ?
	    sqlite3_errmsg(store->db) : sqlite3_errstr(code);
	int error = store->db != NULL ? sqlite3_system_errno(store->db) : errno;
	int kind = code & 0xff;

	if (error != 0 && (kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN ||
	    kind == SQLITE_FULL))
		(void)snprintf(store->error, sizeof(store->error), "%s: %s", text,
		    strerror(error));
	else
		(void)snprintf(store->error, sizeof(store->error), "%s", text);
	return store_db_judge(code);
}

static enum db_result
refuse(struct store_db *store, const char *why)
{
	(void)snprintf(store->error, sizeof(store->error), "%s", why);
	return DB_REFUSED;
}

/* ------------------------------------------------------------------ *
 * Statements
 * ------------------------------------------------------------------ */

sqlite3_stmt *
store_db_statement(struct store_db *store, enum db_statement which)
{
	sqlite3_stmt *statement = store->statements[which];

	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return statement;
}

const char *
store_db_bind(sqlite3_stmt *statement, int first, unsigned table, const char *columns)
{
	struct row_value value;

	for (int i = record_field_count(table); i > 0; i--, first++) {
		columns = row_column(columns, &value);
		if (value.type == ROW_NUMBER)
			(void)sqlite3_bind_int64(statement, first, value.number);
		else if (value.type == ROW_TEXT)
			(void)sqlite3_bind_text(statement, first, value.text,
			    (int)value.number, SQLITE_STATIC);
	}
	return columns;
}

enum db_result
store_db_step(struct store_db *store, sqlite3_stmt *statement, bool *row)
{
	int code = sqlite3_step(statement);
	enum db_result result = DB_DONE;

	*row = code == SQLITE_ROW;
	if (*row)
		return DB_DONE;
	if (code != SQLITE_DONE)
		result = fail(store, code);
	(void)sqlite3_reset(statement);
	return result;
}

enum db_result
store_db_run(struct store_db *store, sqlite3_stmt *statement)
{
	enum db_result result;
	bool row;

	do {
		result = store_db_step(store, statement, &row);
	} while (row);
	return result;
}

enum db_result
store_db_number(struct store_db *store, sqlite3_stmt *statement, sqlite3_int64 none,
    sqlite3_int64 *number)
{
	enum db_result result;
	bool row;

	*number = none;
	result = store_db_step(store, statement, &row);
	if (row && sqlite3_column_type(statement, 0) != SQLITE_NULL)
		*number = sqlite3_column_int64(statement, 0);
	if (row)
		(void)sqlite3_reset(statement);
	return result;
}

enum db_result
store_db_begin(struct store_db *store)
{
	return store_db_run(store, store_db_statement(store, DB_BEGIN));
}

enum db_result
store_db_commit(struct store_db *store)
{
	return store_db_run(store, store_db_statement(store, DB_COMMIT));
}

void
store_db_undo(struct store_db *store)
{
	if (store->db == NULL)
		return;
	for (int i = 0; i < DB_STATEMENTS; i++)
		(void)sqlite3_reset(store->statements[i]);
	if (sqlite3_get_autocommit(store->db) == 0)
		(void)sqlite3_step(store->statements[DB_ROLLBACK]);
	(void)sqlite3_reset(store->statements[DB_ROLLBACK]);
}

enum db_result
store_db_discard(struct store_db *store, const char *why, sqlite3_int64 records,
    sqlite3_int64 messages, sqlite3_int64 last_ms)
{
	sqlite3_stmt *statement = store_db_statement(store, DB_DISCARD);

	(void)sqlite3_bind_text(statement, 1, why, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(statement, 2, records);
	(void)sqlite3_bind_int64(statement, 3, messages);
	(void)sqlite3_bind_int64(statement, 4, last_ms);
	return store_db_run(store, statement);
}

/* ------------------------------------------------------------------ *
 * Opening
 * ------------------------------------------------------------------ */

static int
note_wal(void *context, sqlite3 *db, const char *name, int pages)
{
	struct store_db *store = context;

	(void)db;
	(void)name;
	store->wal_pages = pages;
	return SQLITE_OK;
}

static enum db_result
prepare(struct store_db *store, enum db_statement which, const char *sql)
{
	int code = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    &store->statements[which], NULL);

	if (code == SQLITE_OK)
		return DB_DONE;
	(void)fail(store, code);
	/* A journal by its version, without a journal's tables. */
	return code == SQLITE_ERROR ? DB_CORRUPT : store_db_judge(code);
}

/* Inserts of a number of columns by name, and of a table's of the list of fields. */
static const struct insert {
	enum db_statement statement;
	const char *into;
	int named;
	unsigned table;
	const char *tail;
} inserts[] = {
	{ DB_RECORD_ADD, "record (time", 1, IN_RECORD, "" },
	{ DB_CERTIFICATE_ADD, "certificate (digest", 1, IN_CERTIFICATE, "" },
	{ DB_FACTS_ADD, "facts (digest, certificate", 2, IN_FACTS, "" },
	{ DB_ROLLUP_ADD, "rollup (hour, facts, messages, first, last", 5, IN_ROLLUP,
	    " ON CONFLICT (hour, facts) DO UPDATE SET"
	    " messages = messages + excluded.messages,"
	    " first = min(first, excluded.first), last = max(last, excluded.last)" },
};

static enum db_result
prepare_insert(struct store_db *store, const struct insert *insert)
{
	const struct record_field *field = NULL;
	struct buffer sql = BUFFER_INIT;
	enum db_result result;

	buffer_format(&sql, "INSERT INTO %s", insert->into);
	while ((field = record_field_next(field, insert->table)) != NULL)
		buffer_format(&sql, ", \"%s\"", field->name);
	buffer_string(&sql, ") VALUES (?");
	for (int i = 1; i < insert->named + record_field_count(insert->table); i++)
		buffer_string(&sql, ", ?");
	buffer_format(&sql, ")%s", insert->tail);
	result = sql.failed ? DB_AGAIN : prepare(store, insert->statement, sql.text);
	buffer_free(&sql);
	return result;
}

static enum db_result
prepare_all(struct store_db *store)
{
	const size_t count = sizeof(inserts) / sizeof(inserts[0]);
	enum db_result result = DB_DONE;

	for (size_t i = 0; i < count && result == DB_DONE; i++)
		result = prepare_insert(store, &inserts[i]);
	for (int i = 0; i < DB_STATEMENTS && result == DB_DONE; i++)
		if (store_sql[i] != NULL)
			result = prepare(store, (enum db_statement)i, store_sql[i]);
	return result;
}

static enum db_result
execute(struct store_db *store, const char *sql)
{
	int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? DB_DONE : fail(store, code);
}

static enum db_result
use_wal(struct store_db *store)
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
		result = fail(store, code);
	else if (mode == NULL || strcmp((const char *)mode, "wal") != 0)
		result = refuse(store, "this file system does not let SQLite keep a "
		    "write-ahead log");
	(void)sqlite3_finalize(statement);
	return result;
}

static enum db_result
make_tables(struct store_db *store)
{
	enum db_result result = use_wal(store);
	int code;

	if (result != DB_DONE)
		return result;
	code = schema_migrate(store->db);
	if (code != SQLITE_OK)
		return fail(store, code);
	/* So that whoever looks at the file's first bytes knows it. */
	(void)sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
	    NULL);
	return DB_DONE;
}

static enum db_result
take_schema(struct store_db *store)
{
	enum db_result result;

	switch (journal_look_at(store->db)) {
	case JOURNAL_FINE:
		return use_wal(store);
	case JOURNAL_EMPTY:
		result = execute(store, "PRAGMA auto_vacuum = INCREMENTAL");
		return result == DB_DONE ? make_tables(store) : result;
	case JOURNAL_OLDER:
		return make_tables(store);
	case JOURNAL_NEWER:
		return refuse(store, journal_look_text(JOURNAL_NEWER));
	case JOURNAL_FOREIGN:
		return refuse(store, journal_look_text(JOURNAL_FOREIGN));
	default:
		return fail(store, sqlite3_errcode(store->db));
	}
}

static enum db_result
connect_both(struct store_db *store, const char *path)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	int code = sqlite3_open_v2(path, &store->db, flags, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_open_v2(path, &store->second, flags, NULL);
	if (code != SQLITE_OK)
		return fail(store, code);
	(void)sqlite3_extended_result_codes(store->db, 1);
	(void)sqlite3_busy_timeout(store->db, BUSY_MS);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* In the place of SQLite's own, which would make checkpoints. */
	(void)sqlite3_wal_hook(store->db, note_wal, store);
	return execute(store, PRAGMAS);
}

/* The connection must be to the file that has the name. */
static enum db_result
note_files(struct store_db *store, const char *path)
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
	result = connect_both(store, path);
	if (result == DB_DONE)
		result = take_schema(store);
	if (result == DB_DONE)
		result = prepare_all(store);
	/* Until it has read the header it takes the log for none of its business. */
	if (result == DB_DONE && sqlite3_exec(store->second, "PRAGMA schema_version",
	    NULL, NULL, NULL) != SQLITE_OK)
		result = fail(store, sqlite3_errcode(store->second));
	if (result == DB_DONE)
		result = note_files(store, path);
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
