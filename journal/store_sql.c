/*
 * store_sql.c - the statements of the journal's writer: their text, and running them.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "journal/store_room.h"

/* About what a row takes, in a page that is not full and with its entries in indexes. */
#define HANDSHAKE_KEY "hour, direction, host, address, next_hop, reason"
#define HANDSHAKE_BYTES "130 + 2 * (length(host) + length(address) + length(next_hop) +" \
	" length(reason)) + length(sample)"
#define DELIVERY_KEY "hour, next_hop, relay, address, tls_version, cipher, bits," \
	" verification, result, tls_reason, rule, rule_kind, rule_name, partner, verdict," \
	" reason"
#define DELIVERY_BYTES "210 + 2 * (length(next_hop) + length(relay) + length(address) +" \
	" length(cipher) + length(tls_reason) + length(rule) + length(rule_name) +" \
	" length(partner))"
#define TROUBLE_BYTES "140 + 2 * length(queue_id) + length(\"to\") + length(next_hop) +" \
	" length(relay) + length(address) + length(cipher) + length(text) + length(rule) +" \
	" length(partner)"

/* The number that nothing of the table ever had: of "id", or of "changed". */
#define NEXT(table, number) \
	"(SELECT 1 + max(ifnull((SELECT max(" number ") FROM " table " WHERE " number \
	" > 0), 0), ifnull((SELECT value FROM highest WHERE name = '" table "'), 0)))"

#define COUNTED \
	" ON CONFLICT DO UPDATE SET count = count + excluded.count," \
	" first = min(first, excluded.first), last = max(last, excluded.last)," \
	" changed = excluded.changed RETURNING count"

#define WATCHED "INSERT INTO watched (name, value, changed) VALUES (?, ?, " \
	NEXT("watched", "changed") ") ON CONFLICT DO UPDATE SET changed = excluded.changed," \
	" value = "

/* One at a time: an hour may have many, which none of this is to look through. */
#define DELETE_FIRST(table, key) \
	"DELETE FROM " table " WHERE (" key ") = (SELECT " key " FROM " table \
	" WHERE hour < ? ORDER BY " key " LIMIT 1)" \
	" RETURNING hour * 3600000 + last, count, "

/* By statement; NULL: an insert, below. */
static const char *const store_sql[DB_STATEMENTS] = {
	[DB_BEGIN] = "BEGIN IMMEDIATE",
	[DB_COMMIT] = "COMMIT",
	[DB_ROLLBACK] = "ROLLBACK",
	[DB_CERTIFICATE_FIND] = "SELECT id FROM certificate WHERE digest = ?",
	[DB_FACTS_FIND] = "SELECT id FROM facts WHERE digest = ?",
	[DB_DISCARD] =
	    "INSERT INTO discarded (records, messages, watched, last, why, changed)"
	    " VALUES (?, ?, ?, ?, ?, " NEXT("discarded", "changed") ")"
	    " ON CONFLICT (why) DO UPDATE SET records = records + excluded.records,"
	    " messages = messages + excluded.messages,"
	    " watched = watched + excluded.watched, last = max(last, excluded.last),"
	    " changed = excluded.changed",

	[DB_USED_BYTES] =
	    "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count,"
	    " pragma_freelist_count, pragma_page_size",
	[DB_FREE_PAGES] = "PRAGMA freelist_count",
	[DB_VACUUM] = "PRAGMA incremental_vacuum(64)",
	[DB_RECORD_OLDEST] = "SELECT min(time) FROM record",
	/*
	 * Ids are given in a row and go from the oldest on, so they count the rows.
	 * A row takes what the last ones do, with their entries in the indexes.
	 */
	[DB_RECORD_BYTES] =
	    "SELECT ((SELECT max(id) FROM record) - (SELECT min(id) FROM record) + 1) *"
	    " CAST(avg(260 + 2 * (ifnull(length(domain), 0) + ifnull(length(rule), 0) +"
	    " ifnull(length(client_addr), 0) + ifnull(length(client_name), 0)) +"
	    " 2 * (ifnull(length(session), 0) + ifnull(length(queue_id), 0)) +"
	    " ifnull(length(helo), 0) +"
	    " ifnull(length(\"from\"), 0) + ifnull(length(\"to\"), 0) +"
	    " ifnull(length(cert_san), 0) + ifnull(length(cert_subject_dn), 0) +"
	    " ifnull(length(cert_issuer_dn), 0) + ifnull(length(reply), 0) +"
	    " ifnull(length(note), 0) + ifnull(length(cert_fingerprint), 0))"
	    " AS INTEGER)"
	    " FROM (SELECT * FROM record ORDER BY id DESC LIMIT 64)",
	[DB_RECORD_DELETE] =
	    "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE time < ?"
	    " ORDER BY time LIMIT ?) RETURNING time, 1",
	[DB_ROLLUP_OLDEST] = "SELECT min(hour) FROM rollup",
	[DB_ROLLUP_DELETE] =
	    "DELETE FROM rollup WHERE (hour, facts) IN (SELECT hour, facts FROM rollup"
	    " WHERE hour < ? ORDER BY hour LIMIT ?)"
	    " RETURNING hour * 3600000 + last, messages",
	/* The last id of the next ones, and those up to it that nothing refers to. */
	[DB_FACTS_SOME] =
	    "SELECT max(id) FROM"
	    " (SELECT id FROM facts WHERE id > ? ORDER BY id LIMIT 128)",
	[DB_FACTS_SWEEP] =
	    "DELETE FROM facts WHERE id > ? AND id <= ? AND NOT EXISTS"
	    " (SELECT 1 FROM rollup WHERE rollup.facts = facts.id)",
	[DB_CERTIFICATE_SOME] =
	    "SELECT max(id) FROM"
	    " (SELECT id FROM certificate WHERE id > ? ORDER BY id LIMIT 128)",
	[DB_CERTIFICATE_SWEEP] =
	    "DELETE FROM certificate WHERE id > ? AND id <= ? AND NOT EXISTS"
	    " (SELECT 1 FROM facts WHERE facts.certificate = certificate.id)",

	/* Where a domain came from when it used TLS, and when it last did. */
	[DB_TLS_SEEN] =
	    "SELECT * FROM (SELECT client_network, (SELECT hour * 3600000 + last"
	    "   FROM rollup WHERE rollup.facts = facts.id ORDER BY hour DESC LIMIT 1),"
	    "  tls_version, cipher"
	    "  FROM facts WHERE domain = ?1 AND tls_version <> 'none' LIMIT 1000)"
	    " UNION ALL SELECT * FROM (SELECT client_addr, time, tls_version, cipher"
	    "  FROM record WHERE domain = ?1 ORDER BY time DESC LIMIT 200)"
	    " WHERE tls_version <> 'none'",

	[DB_HANDSHAKE_ADD] = "INSERT INTO handshake (" HANDSHAKE_KEY ", count, first, last,"
	    " sample, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	    NEXT("handshake", "changed") ")" COUNTED ", " HANDSHAKE_BYTES,
	[DB_HANDSHAKE_OLDEST] = "SELECT min(hour) FROM handshake",
	[DB_HANDSHAKE_DELETE] = DELETE_FIRST("handshake", HANDSHAKE_KEY) HANDSHAKE_BYTES,
	[DB_DELIVERY_ADD] = "INSERT INTO delivery (" DELIVERY_KEY ", count, first, last,"
	    " changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	    NEXT("delivery", "changed") ")" COUNTED ", " DELIVERY_BYTES,
	[DB_DELIVERY_OLDEST] = "SELECT min(hour) FROM delivery",
	[DB_DELIVERY_DELETE] = DELETE_FIRST("delivery", DELIVERY_KEY) DELIVERY_BYTES,
	[DB_TROUBLE_ADD] = "INSERT INTO trouble (time, queue_id, \"to\", next_hop, relay,"
	    " address, tls_version, cipher, verification, result, tls_reason, dsn, text,"
	    " rule, partner, bits, rule_kind, rule_name, verdict, reason, id)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	    NEXT("trouble", "id") ")"
	    " RETURNING 1, " TROUBLE_BYTES,
	[DB_TROUBLE_OLDEST] = "SELECT min(time) FROM trouble",
	[DB_TROUBLE_DELETE] = "DELETE FROM trouble WHERE id = (SELECT id FROM trouble"
	    " WHERE time < ? ORDER BY time LIMIT 1) RETURNING time, 1, " TROUBLE_BYTES,
	[DB_WATCHED_GET] = "SELECT value FROM watched WHERE name = ?",
	[DB_WATCHED_ADD] = WATCHED "value + excluded.value",
	[DB_WATCHED_SET] = WATCHED "excluded.value",
	[DB_POSITION_GET] = "SELECT state FROM position WHERE id = 1",
	[DB_POSITION_SET] = "INSERT OR REPLACE INTO position (id, state) VALUES (1, ?)",
	[DB_REDO_SET] = "INSERT INTO highest (name, value) VALUES ('" REDO_NAME "', ?)"
	    " ON CONFLICT DO UPDATE SET value = excluded.value",
	/* "mx1" and "mx1.example" are one host, whose domain could be told or not. */
	[DB_NODE_SET] = "UPDATE identity SET node = ?2 WHERE node IS NOT ?2 AND"
	    " (?1 OR node IS NULL OR (instr(node || '.', ?2 || '.') <> 1 AND"
	    " instr(?2 || '.', node || '.') <> 1))",
	/* What was there before has a lower number: the clock may have been set back. */
	[DB_POLICY_ADD] =
	    "INSERT INTO policies (since, digest, file, changed)"
	    " SELECT ?1, ?2, ?3, " NEXT("policies", "changed") " WHERE NOT EXISTS"
	    " (SELECT 1 FROM (SELECT digest, file FROM policies WHERE changed > 0"
	    "  ORDER BY changed DESC LIMIT 1) WHERE digest IS ?2 AND file IS ?3)"
	    " ON CONFLICT (since) DO UPDATE SET digest = excluded.digest,"
	    " file = excluded.file, changed = excluded.changed",
	[DB_POLICY_DELETE] = "DELETE FROM policies WHERE changed <="
	    " (SELECT max(changed) FROM policies WHERE changed > 0) - 10000",
};

/*
 * Inserts of a number of columns by name, of a table's of the list of fields, and of one
 * more with what is behind the values.
 */
static const struct insert {
	enum db_statement statement;
	const char *into;
	int named;
	unsigned table;
	const char *number, *tail;
} inserts[] = {
	{ DB_RECORD_ADD, "record (time", 1, IN_RECORD, ", id",
	    ", " NEXT("record", "id") ")" },
	{ DB_CERTIFICATE_ADD, "certificate (digest", 1, IN_CERTIFICATE, "", ")" },
	{ DB_FACTS_ADD, "facts (digest, certificate", 2, IN_FACTS, "", ")" },
	{ DB_ROLLUP_ADD, "rollup (hour, facts, messages, first, last", 5, IN_ROLLUP,
	    ", changed", ", " NEXT("rollup", "changed") ")"
	    " ON CONFLICT (hour, facts) DO UPDATE SET"
	    " messages = messages + excluded.messages, changed = excluded.changed,"
	    " first = min(first, excluded.first), last = max(last, excluded.last)" },
};

/* ------------------------------------------------------------------ *
 * What went wrong
 * ------------------------------------------------------------------ */

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

bool
store_db_refuse(struct store_db *store, enum db_result result, const char *why)
{
	store->result = result;
	(void)snprintf(store->error, sizeof(store->error), "%s", why);
	return false;
}

/* Keeps what went wrong, and the words for it. */
static bool
sql_fail(struct store_db *store, int code)
{
	/* What came after the failure, as a rollback, has words of its own. */
	const char *text = store->db != NULL &&
	    (sqlite3_errcode(store->db) & 0xff) == (code & 0xff) ?
	    sqlite3_errmsg(store->db) : sqlite3_errstr(code);
	int error = store->db != NULL ? sqlite3_system_errno(store->db) : errno;
	int kind = code & 0xff;

	(void)store_db_refuse(store, store_db_judge(code), text);
	if (error != 0 && (kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN ||
	    kind == SQLITE_FULL))
		(void)snprintf(store->error, sizeof(store->error), "%s: %s", text,
		    strerror(error));
	return false;
}

bool
store_db_did(struct store_db *store, int code)
{
	return store_db_judge(code) == DB_DONE || sql_fail(store, code);
}

bool
store_db_was_unfit(struct store_db *store)
{
	if (store->result != DB_UNFIT)
		return false;
	store->result = DB_DONE;
	return true;
}

/* ------------------------------------------------------------------ *
 * Preparing
 * ------------------------------------------------------------------ */

static bool
sql_prepare(struct store_db *store, enum db_statement which, const char *sql)
{
	int code = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    &store->statements[which], NULL);

	if (store_db_did(store, code))
		return true;
	/* A journal by its version, without a journal's tables. */
	if (code == SQLITE_ERROR)
		store->result = DB_CORRUPT;
	return false;
}

static bool
sql_prepare_insert(struct store_db *store, const struct insert *insert)
{
	const struct record_field *field = NULL;
	struct buffer sql = BUFFER_INIT;
	bool ok;

	buffer_format(&sql, "INSERT INTO %s", insert->into);
	while ((field = record_field_next(field, insert->table)) != NULL)
		buffer_format(&sql, ", \"%s\"", field->name);
	buffer_format(&sql, "%s) VALUES (?", insert->number);
	for (int i = 1; i < insert->named + record_field_count(insert->table); i++)
		buffer_string(&sql, ", ?");
	buffer_string(&sql, insert->tail);
	ok = sql.failed ? store_db_did(store, SQLITE_NOMEM) :
	    sql_prepare(store, insert->statement, sql.text);
	buffer_free(&sql);
	return ok;
}

bool
store_db_prepare(struct store_db *store)
{
	for (size_t i = 0; i < sizeof(inserts) / sizeof(inserts[0]); i++)
		if (!sql_prepare_insert(store, &inserts[i]))
			return false;
	for (int i = 0; i < DB_STATEMENTS; i++)
		if (store_sql[i] != NULL &&
		    !sql_prepare(store, (enum db_statement)i, store_sql[i]))
			return false;
	return true;
}

/* ------------------------------------------------------------------ *
 * Running
 * ------------------------------------------------------------------ */

sqlite3_stmt *
store_db_statement(struct store_db *store, enum db_statement which, int count,
    const int64_t *numbers)
{
	sqlite3_stmt *statement = store->statements[which];

	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	for (int i = 0; i < count; i++)
		(void)sqlite3_bind_int64(statement, i + 1, numbers[i]);
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

bool
store_db_step(struct store_db *store, sqlite3_stmt *statement)
{
	int code;

	if (store->result != DB_DONE)
		return false;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		return true;
	(void)store_db_did(store, code);
	(void)sqlite3_reset(statement);
	return false;
}

void
store_db_run(struct store_db *store, sqlite3_stmt *statement)
{
	while (store_db_step(store, statement))
		continue;
}

sqlite3_int64
store_db_number(struct store_db *store, sqlite3_stmt *statement, sqlite3_int64 none)
{
	if (!store_db_step(store, statement))
		return none;
	if (sqlite3_column_type(statement, 0) != SQLITE_NULL)
		none = sqlite3_column_int64(statement, 0);
	(void)sqlite3_reset(statement);
	return none;
}

void
store_db_records(struct store_db *store, const struct row *rows, size_t max,
    size_t *count, size_t *unfit)
{
	int64_t redo = 0;

	for (; rows != NULL && *count < max; rows = rows->next, (*count)++) {
		sqlite3_stmt *add = store_db_statement(store, DB_RECORD_ADD, 1,
		    &rows->time_ms);

		(void)store_db_bind(add, 2, IN_RECORD, rows->columns);
		store_db_run(store, add);
		*unfit += store_db_was_unfit(store);
		if (store->result != DB_DONE)
			return;
		if (rows->redo != 0)
			redo = rows->redo;
	}
	if (redo != 0)
		store_db_run(store, store_db_statement(store, DB_REDO_SET, 1, &redo));
}

void
store_db_begin(struct store_db *store)
{
	store_db_run(store, store_db_statement(store, DB_BEGIN, 0, NULL));
}

bool
store_db_commit(struct store_db *store)
{
	store_db_run(store, store_db_statement(store, DB_COMMIT, 0, NULL));
	if (store->result != DB_DONE)
		store_db_undo(store);
	return store->result == DB_DONE;
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

void
store_db_discard(struct store_db *store, const char *why, const struct dropped *dropped)
{
	sqlite3_stmt *statement = store_db_statement(store, DB_DISCARD, 4,
	    (const int64_t[]){ dropped->records, dropped->messages, dropped->watched,
	    dropped->last_ms });

	(void)sqlite3_bind_text(statement, 5, why, -1, SQLITE_STATIC);
	store_db_run(store, statement);
}

void
store_db_note(struct store_db *store, enum db_statement how, const char *name,
    int64_t value)
{
	sqlite3_stmt *statement = store_db_statement(store, how, 0, NULL);

	(void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(statement, 2, value);
	store_db_run(store, statement);
}
