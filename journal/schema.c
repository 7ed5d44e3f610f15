/*
 * schema.c - the journal's tables: what is in them, and their versions.
 *
 * A step is never changed once it was released: a new version is a new step. The
 * columns of fields that came since are added by the list of fields, behind the others.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>

#include <sqlite3.h>

#include "journal/record.h"
#include "journal/store.h"

/*
 * record: one row for each decision that is kept in full. "time" is milliseconds since
 * the epoch; lists are JSON arrays; what is unknown or does not apply is NULL.
 * "exempted" is 1 where an exemption let the message in, whether or not it gave a
 * reason.
 *
 * certificate, facts, rollup: accepted messages, one row of rollup for each hour and
 * distinct set of facts. A set is found by "digest", of all its columns but "id". What
 * a set leaves out: the addresses (only their domain, whether the sender is null, and
 * the client's network, /24 or /64), the HELO and the recipient. "hour" is hours since
 * the epoch, "first" and "last" are milliseconds in that hour. "session", "client_addr"
 * and "sender" (the local part) are those of one of the messages, for a look into the
 * log.
 *
 * discarded: what is no longer in the journal, or never got into it, and why: "age",
 * "size", "memory". "messages" counts rolled-up messages one by one. "last" is the
 * newest of them, milliseconds since the epoch.
 */
static const char step_1[] =
    "CREATE TABLE record ("
    " id INTEGER PRIMARY KEY,"
    " time INTEGER NOT NULL,"
    " mta TEXT, session TEXT, client_addr TEXT, client_port INTEGER,"
    " client_name TEXT, client_ptr TEXT, local TEXT, helo TEXT,"
    " sasl_username TEXT, \"from\" TEXT, \"to\" TEXT, to_resolved TEXT,"
    " nrcpt INTEGER, queue_id TEXT, domain TEXT,"
    " tls_version TEXT, cipher TEXT, bits INTEGER,"
    " cert_verified TEXT, cert_cn TEXT, cert_san TEXT, cert_issuer TEXT,"
    " cert_subject_dn TEXT, cert_issuer_dn TEXT,"
    " cert_fingerprint TEXT, cert_pubkey_fingerprint TEXT,"
    " cert_key TEXT, cert_signature TEXT, cert_not_after TEXT, cert_source TEXT,"
    " action TEXT NOT NULL, reason TEXT, failed TEXT,"
    " rule TEXT, rule_kind TEXT, rule_name TEXT,"
    " would TEXT, would_reason TEXT, would_failed TEXT, would_rule TEXT,"
    " exempt TEXT, reply TEXT, contact TEXT, note TEXT,"
    " exempted INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX record_time ON record (time);"
    "CREATE INDEX record_domain ON record (domain, time);"
    "CREATE INDEX record_client_addr ON record (client_addr, time);"
    "CREATE INDEX record_client_name ON record (client_name, time)"
    " WHERE client_name IS NOT NULL;"
    "CREATE INDEX record_action ON record (action, time);"
    "CREATE INDEX record_reason ON record (reason, time) WHERE reason IS NOT NULL;"
    "CREATE INDEX record_rule ON record (rule, time);"
    "CREATE INDEX record_would ON record (would, time) WHERE would IS NOT NULL;"

    "CREATE TABLE certificate ("
    " id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,"
    " cert_cn TEXT, cert_san TEXT, cert_issuer TEXT,"
    " cert_subject_dn TEXT, cert_issuer_dn TEXT,"
    " cert_fingerprint TEXT, cert_pubkey_fingerprint TEXT,"
    " cert_key TEXT, cert_signature TEXT, cert_not_after TEXT, cert_source TEXT"
    ") STRICT;"

    "CREATE TABLE facts ("
    " id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,"
    " mta TEXT, client_name TEXT, client_network TEXT,"
    " local TEXT, authenticated TEXT, null_sender TEXT, domain TEXT,"
    " tls_version TEXT, cipher TEXT, bits INTEGER,"
    " cert_verified TEXT, certificate INTEGER REFERENCES certificate (id),"
    " rule TEXT, rule_kind TEXT, rule_name TEXT"
    ") STRICT;"
    "CREATE INDEX facts_domain ON facts (domain);"
    "CREATE INDEX facts_certificate ON facts (certificate)"
    " WHERE certificate IS NOT NULL;"

    "CREATE TABLE rollup ("
    " hour INTEGER NOT NULL, facts INTEGER NOT NULL REFERENCES facts (id),"
    " messages INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " session TEXT, client_addr TEXT, sender TEXT,"
    " PRIMARY KEY (hour, facts)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX rollup_facts ON rollup (facts, hour);"

    "CREATE TABLE discarded ("
    " why TEXT PRIMARY KEY, records INTEGER NOT NULL, messages INTEGER NOT NULL,"
    " last INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;";

/* steps[N] makes a journal of version N one of version N + 1. */
static const char *const steps[SCHEMA_VERSION] = { step_1 };

/* Reads one integer into *value. Returns an SQLite result code. */
static int
read_integer(sqlite3 *db, const char *sql, int *value)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		*value = sqlite3_column_int(statement, 0);
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement);
	return result;
}

/* ------------------------------------------------------------------ *
 * Columns
 * ------------------------------------------------------------------ */

static const struct schema_table {
	const char *name;
	unsigned place;
} schema_tables[] = {
	{ "record", IN_RECORD }, { "facts", IN_FACTS },
	{ "certificate", IN_CERTIFICATE }, { "rollup", IN_ROLLUP },
};
#define SCHEMA_TABLES (sizeof(schema_tables) / sizeof(schema_tables[0]))

/* Whether the table has a column of each of its fields. */
static int
has_columns(sqlite3 *db, const struct schema_table *table, bool *has)
{
	const struct record_field *field = NULL;
	struct buffer sql = BUFFER_INIT;
	int found = 0, result;

	buffer_format(&sql, "SELECT count(*) FROM pragma_table_info('%s')"
	    " WHERE name IN (''", table->name);
	while ((field = record_field_next(field, table->place)) != NULL)
		buffer_format(&sql, ", '%s'", field->name);
	buffer_string(&sql, ")");
	result = sql.failed ? SQLITE_NOMEM : read_integer(db, sql.text, &found);
	buffer_free(&sql);
	*has = found == record_field_count(table->place);
	return result;
}

/* Adds the column of a field, where it is not there yet. */
static int
add_column(sqlite3 *db, const struct schema_table *table,
    const struct record_field *field)
{
	char sql[160];
	int found = 0, result;

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_info('%s')"
	    " WHERE name = '%s'", table->name, field->name);
	result = read_integer(db, sql, &found);
	if (result != SQLITE_OK || found > 0)
		return result;
	(void)snprintf(sql, sizeof(sql), "ALTER TABLE %s ADD COLUMN \"%s\" %s",
	    table->name, field->name,
	    record_field_is_number(field) ? "INTEGER" : "TEXT");
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int
add_columns(sqlite3 *db)
{
	const struct record_field *field = NULL;
	int result = SQLITE_OK;

	for (size_t i = 0; i < SCHEMA_TABLES && result == SQLITE_OK; i++)
		while (result == SQLITE_OK && (field = record_field_next(field,
		    schema_tables[i].place)) != NULL)
			result = add_column(db, &schema_tables[i], field);
	return result;
}

/* ------------------------------------------------------------------ *
 * Versions
 * ------------------------------------------------------------------ */

enum journal_look
journal_look_at(sqlite3 *db)
{
	int application, version, tables;
	bool has = true;

	if (read_integer(db, "PRAGMA application_id", &application) != SQLITE_OK ||
	    read_integer(db, "PRAGMA user_version", &version) != SQLITE_OK ||
	    read_integer(db, "SELECT count(*) FROM sqlite_schema", &tables) != SQLITE_OK)
		return JOURNAL_UNUSABLE;
	if (application == 0 && version == 0 && tables == 0)
		return JOURNAL_EMPTY;
	if (application != SCHEMA_APPLICATION_ID || version < 1)
		return JOURNAL_FOREIGN;
	if (version > SCHEMA_VERSION)
		return JOURNAL_NEWER;
	for (size_t i = 0; i < SCHEMA_TABLES && has; i++)
		if (has_columns(db, &schema_tables[i], &has) != SQLITE_OK)
			return JOURNAL_UNUSABLE;
	return version < SCHEMA_VERSION || !has ? JOURNAL_OLDER : JOURNAL_FINE;
}

int64_t
journal_hour(int64_t time_ms)
{
	return time_ms / JOURNAL_HOUR_MS - (time_ms % JOURNAL_HOUR_MS < 0);
}

/* Takes all steps that are left, inside a transaction. */
static int
take_steps(sqlite3 *db)
{
	char pragmas[96];
	int version = 0, result;

	/* Read again: another process may have been here first. */
	result = read_integer(db, "PRAGMA user_version", &version);
	if (result == SQLITE_OK && (version < 0 || version > SCHEMA_VERSION))
		return SQLITE_MISMATCH;
	for (; result == SQLITE_OK && version < SCHEMA_VERSION; version++)
		result = sqlite3_exec(db, steps[version], NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = add_columns(db);
	if (result != SQLITE_OK)
		return result;
	(void)snprintf(pragmas, sizeof(pragmas),
	    "PRAGMA application_id = %d; PRAGMA user_version = %d",
	    SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
	return sqlite3_exec(db, pragmas, NULL, NULL, NULL);
}

int
schema_migrate(sqlite3 *db)
{
	int result = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (result != SQLITE_OK)
		return result;
	result = take_steps(db);
	if (result == SQLITE_OK)
		result = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (result != SQLITE_OK && sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return result;
}
