/*
 * schema.c - the journal's tables: what is in them, their versions, what a file holds.
 *
 * A step is never changed once it was released: a new version is a new step. The
 * columns of fields that came since are added by the list of fields, behind the others.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "journal/record.h"
#include "journal/store.h"
#include "base/buffer.h"

/*
 * record: one row for each decision that is kept in full. "time" is milliseconds since
 * the epoch; lists are JSON arrays; what is unknown or does not apply is NULL.
 * "exempted" is 1 where an exemption let the message in, whether or not it gave a
 * reason.
 *
 * certificate, facts, rollup: accepted messages, one row of rollup for each hour and
 * distinct set of facts. A set is found by "digest", of all its columns but "id". What
 * a set leaves out: the addresses (only their domain, whether the sender is null, and
 * the client's network, /24 or /64, or, in "client_address", its address where a rule
 * other than the default applied), the HELO and the recipient. "exemption" is the reason
 * of one, which may be empty. "hour" is hours since
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

/*
 * What "tlsward watch" reads in the mail server's log. Texts are '' where unknown.
 *
 * handshake: handshakes that failed, by hour. "host" is the client's verified name, or
 * that of the server that mail was to go to ("out"); "reason" is an entry's id of the
 * table of diagnoses, "sample" the text of one line.
 *
 * delivery: attempts to deliver over SMTP, by hour and all that stands before "count".
 * "next_hop" is the recipient's domain in A-labels; "tls_version" is 'none' for clear
 * text, "bits" -1 where unknown; "verification" is 'none', 'anonymous', 'untrusted',
 * 'trusted' or 'verified'; "result" 'sent', 'deferred' or 'bounced'; "tls_reason" an
 * entry's id where TLS was the trouble. "rule" to "reason" are of the policy that was
 * in force when the line was read: "verdict" is 'met', 'exempt', 'would', 'refused',
 * 'unmet', 'accepted', 'none' or 'uncertain', "reason" the record's word for why.
 *
 * trouble: deliveries with trouble over TLS, and those that were sent below their
 * agreement ('would', 'unmet'), in full; "time" as in record.
 *
 * watched: totals since the journal began, and times in milliseconds, neither of which
 * is thrown away; and about how many bytes the three tables take.
 *
 * position: one row: where watch goes on, in its own words, written with what was
 * counted.
 *
 * discarded: "watched" are rows of trouble, and the handshakes and deliveries of the other
 * two, one by one.
 */
static const char step_2[] =
    "CREATE INDEX record_queue_id ON record (queue_id) WHERE queue_id IS NOT NULL;"
    "CREATE INDEX record_session ON record (session) WHERE session IS NOT NULL;"

    "CREATE TABLE handshake ("
    " hour INTEGER NOT NULL, direction TEXT NOT NULL, host TEXT NOT NULL,"
    " address TEXT NOT NULL, next_hop TEXT NOT NULL, reason TEXT NOT NULL,"
    " count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " sample TEXT NOT NULL,"
    " PRIMARY KEY (hour, direction, host, address, next_hop, reason)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE delivery ("
    " hour INTEGER NOT NULL, next_hop TEXT NOT NULL, relay TEXT NOT NULL,"
    " address TEXT NOT NULL, tls_version TEXT NOT NULL, cipher TEXT NOT NULL,"
    " bits INTEGER NOT NULL, verification TEXT NOT NULL, result TEXT NOT NULL,"
    " tls_reason TEXT NOT NULL, rule TEXT NOT NULL, rule_kind TEXT NOT NULL,"
    " rule_name TEXT NOT NULL, partner TEXT NOT NULL, verdict TEXT NOT NULL,"
    " reason TEXT NOT NULL,"
    " count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " PRIMARY KEY (hour, next_hop, relay, address, tls_version, cipher, bits,"
    "  verification, result, tls_reason, rule, rule_kind, rule_name, partner, verdict,"
    "  reason)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE trouble ("
    " id INTEGER PRIMARY KEY, time INTEGER NOT NULL, queue_id TEXT NOT NULL,"
    " \"to\" TEXT NOT NULL, next_hop TEXT NOT NULL, relay TEXT NOT NULL,"
    " address TEXT NOT NULL, tls_version TEXT NOT NULL, cipher TEXT NOT NULL,"
    " verification TEXT NOT NULL, result TEXT NOT NULL, tls_reason TEXT NOT NULL,"
    " dsn TEXT NOT NULL, text TEXT NOT NULL, rule TEXT NOT NULL, partner TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX trouble_time ON trouble (time);"
    "CREATE INDEX trouble_queue_id ON trouble (queue_id);"

    "CREATE TABLE watched (name TEXT PRIMARY KEY, value INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE position (id INTEGER PRIMARY KEY CHECK (id = 1),"
    " state TEXT NOT NULL) STRICT;"

    "ALTER TABLE discarded ADD COLUMN watched INTEGER NOT NULL DEFAULT 0;";

static const char step_3[] =
    "ALTER TABLE trouble ADD COLUMN bits INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE trouble ADD COLUMN rule_kind TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE trouble ADD COLUMN rule_name TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE trouble ADD COLUMN verdict TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE trouble ADD COLUMN reason TEXT NOT NULL DEFAULT '';";

/*
 * For those who bring many journals together: what is new, and whose it is.
 *
 * identity: one row. "journal" is a random number that the file was born with, or
 * converted; "node" the setting of the daemon that wrote it last, NULL before that.
 *
 * changed: each row that is written gets the next number of its table, so that who reads
 * what is above the highest that was seen misses none. 0: not since the conversion. The
 * index is of no use without "changed > 0": it is not to be taken for the table, which
 * is in another order.
 *
 * highest: the highest number that a row had which is no more, of "id" of record and
 * trouble, and of "changed" of the others: none is given twice. And of the file of
 * refusals beside the journal ("redo"): the one that got into record last.
 *
 * policies: which policy was in force since when (milliseconds), by its digest; "file" as
 * the settings name it.
 *
 * What handshakes and deliveries take is told anew: their keys are in an index now.
 */
#define GONE(table, number) \
	"CREATE TRIGGER " table "_gone AFTER DELETE ON " table \
	" WHEN old." number " > ifnull((SELECT max(" number ") FROM " table \
	" WHERE " number " > 0), 0)" \
	" BEGIN INSERT INTO highest VALUES ('" table "', old." number ")" \
	" ON CONFLICT DO UPDATE SET value = max(value, excluded.value); END;"
#define CHANGED(table) \
	"ALTER TABLE " table " ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;" \
	"CREATE INDEX " table "_changed ON " table " (changed) WHERE changed > 0;" \
	GONE(table, "changed")

static const char step_4[] =
    "CREATE TABLE identity (id INTEGER PRIMARY KEY CHECK (id = 1),"
    " journal TEXT NOT NULL, node TEXT) STRICT;"
    "INSERT INTO identity (id, journal) VALUES (1, lower(hex(randomblob(16))));"

    "CREATE TABLE highest (name TEXT PRIMARY KEY, value INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    GONE("record", "id") GONE("trouble", "id")
    CHANGED("rollup") CHANGED("handshake") CHANGED("delivery") CHANGED("discarded")
    CHANGED("watched")

    "CREATE TABLE policies (since INTEGER PRIMARY KEY, digest TEXT NOT NULL, file TEXT"
    ") STRICT;"
    CHANGED("policies")

    "UPDATE watched SET value = (SELECT total(130 + 2 * (length(host) + length(address) +"
    " length(next_hop) + length(reason)) + length(sample)) FROM handshake)"
    " WHERE name = 'bytes handshake';"
    "UPDATE watched SET value = (SELECT total(210 + 2 * (length(next_hop) +"
    " length(relay) + length(address) + length(cipher) + length(tls_reason) +"
    " length(rule) + length(rule_name) + length(partner))) FROM delivery)"
    " WHERE name = 'bytes delivery';";

/* steps[N] makes a journal of version N one of version N + 1. */
static const char *const steps[SCHEMA_VERSION] = { step_1, step_2, step_3, step_4 };

/* Reads one integer into *value. Returns an SQLite result code. */
static int
schema_integer(sqlite3 *db, const char *sql, int *value)
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

/*
 * Looks for the columns of all fields, and adds those that are not there, or says that
 * they are not. Returns an SQLite result code.
 */
static int
schema_columns(sqlite3 *db, bool add, bool *whole)
{
	const struct record_field *field = NULL;
	char sql[160];

	*whole = true;
	for (size_t i = 0; i < SCHEMA_TABLES; i++) {
		/* A journal by its version, without a journal's tables. */
		if (add && sqlite3_table_column_metadata(db, "main",
		    schema_tables[i].name, NULL, NULL, NULL, NULL, NULL, NULL) ==
		    SQLITE_ERROR)
			return SQLITE_CORRUPT;
		while ((field = record_field_next(field, schema_tables[i].place)) != NULL) {
			const char *table = schema_tables[i].name;
			int code = sqlite3_table_column_metadata(db, "main", table,
			    field->name, NULL, NULL, NULL, NULL, NULL);

			if (code == SQLITE_ERROR && add) {
				(void)snprintf(sql, sizeof(sql),
				    "ALTER TABLE %s ADD COLUMN \"%s\" %s", table,
				    field->name, record_field_is_number(field) ?
				    "INTEGER" : "TEXT");
				code = sqlite3_exec(db, sql, NULL, NULL, NULL);
			} else if (code == SQLITE_ERROR) {
				*whole = false;
				code = SQLITE_OK;
			}
			if (code != SQLITE_OK)
				return code;
		}
	}
	return SQLITE_OK;
}

/* ------------------------------------------------------------------ *
 * Versions
 * ------------------------------------------------------------------ */

enum journal_look
journal_look_at(sqlite3 *db)
{
	int application, version, tables;
	bool whole;

	if (schema_integer(db, "PRAGMA application_id", &application) != SQLITE_OK ||
	    schema_integer(db, "PRAGMA user_version", &version) != SQLITE_OK ||
	    schema_integer(db, "SELECT count(*) FROM sqlite_schema", &tables) !=
	    SQLITE_OK)
		return JOURNAL_UNUSABLE;
	if (application == 0 && version == 0 && tables == 0)
		return JOURNAL_EMPTY;
	if (application != SCHEMA_APPLICATION_ID || version < 1)
		return JOURNAL_FOREIGN;
	if (version > SCHEMA_VERSION)
		return JOURNAL_NEWER;
	if (schema_columns(db, false, &whole) != SQLITE_OK)
		return JOURNAL_UNUSABLE;
	return version < SCHEMA_VERSION || !whole ? JOURNAL_OLDER : JOURNAL_FINE;
}

int64_t
journal_hour(int64_t time_ms)
{
	return time_ms / JOURNAL_HOUR_MS - (time_ms % JOURNAL_HOUR_MS < 0);
}

/* Takes all steps that are left, inside a transaction. */
static int
schema_take_steps(sqlite3 *db)
{
	char pragmas[96];
	int version = 0, result;
	bool whole;

	/* Read again: another process may have been here first. */
	result = schema_integer(db, "PRAGMA user_version", &version);
	if (result == SQLITE_OK && (version < 0 || version > SCHEMA_VERSION))
		return SQLITE_MISMATCH;
	for (; result == SQLITE_OK && version < SCHEMA_VERSION; version++)
		result = sqlite3_exec(db, steps[version], NULL, NULL, NULL);
	/* A journal by its version, whose tables are not there, or others. */
	if (result == SQLITE_ERROR)
		result = SQLITE_CORRUPT;
	if (result == SQLITE_OK)
		result = schema_columns(db, true, &whole);
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
	result = schema_take_steps(db);
	if (result == SQLITE_OK)
		result = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (result != SQLITE_OK && sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return result;
}

/* ------------------------------------------------------------------ *
 * What stands at a path
 * ------------------------------------------------------------------ */

static enum journal_look
look_at_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - path);
	char *folder = slash == NULL ? strdup(".") :
	    strndup(path, length > 0 ? length : 1);
	enum journal_look look = JOURNAL_UNUSABLE;
	int saved;

	if (folder != NULL && faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
		look = JOURNAL_ABSENT;
	else if (folder != NULL && errno == ENOENT)
		look = JOURNAL_NO_FOLDER;
	saved = errno;
	free(folder);
	errno = saved;
	return look;
}

static void
schema_uri(const char *path, const char *how, struct buffer *uri)
{
	buffer_string(uri, path[0] == '/' ? "file://" : "file:");
	for (; *path != '\0'; path++)
		if (strchr("%?#", *path) != NULL)
			buffer_format(uri, "%%%02X", (unsigned)*path);
		else
			buffer_add(uri, path, 1);
	buffer_string(uri, how);
}

/* Opens it as it stands on the disk: no lock, no log, nothing is made beside it. */
static int
look_open(const char *path, sqlite3 **db)
{
	struct buffer uri = BUFFER_INIT;
	int result = SQLITE_NOMEM;

	schema_uri(path, "?immutable=1", &uri);
	if (!uri.failed)
		result = sqlite3_open_v2(uri.text, db,
		    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	buffer_free(&uri);
	return result;
}

/* What is no database, or not yet, is set aside or filled. */
static enum journal_look
look_at_numbers(sqlite3 *db, int result)
{
	int application = 0, version = 0;

	if (result == SQLITE_OK)
		result = schema_integer(db, "PRAGMA application_id", &application);
	if (result == SQLITE_OK)
		result = schema_integer(db, "PRAGMA user_version", &version);
	if (result == SQLITE_NOTADB || result == SQLITE_CORRUPT)
		return JOURNAL_FINE;
	if (result != SQLITE_OK) {
		errno = result == SQLITE_NOMEM ? ENOMEM : sqlite3_system_errno(db);
		if (errno == 0)
			errno = EIO;
		return JOURNAL_UNUSABLE;
	}
	/* A journal that was made a moment before the power failed. */
	if (application == 0 && version == 0)
		return JOURNAL_FINE;
	if (application != SCHEMA_APPLICATION_ID)
		return JOURNAL_FOREIGN;
	return version > SCHEMA_VERSION ? JOURNAL_NEWER : JOURNAL_FINE;
}

enum journal_look
journal_store_look(const char *path)
{
	enum journal_look look = look_at_folder(path);
	struct stat status;
	sqlite3 *db = NULL;
	int result, saved;

	if (look != JOURNAL_ABSENT)
		return look;
	if (stat(path, &status) != 0 ||
	    faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0)
		return errno == ENOENT ? JOURNAL_ABSENT : JOURNAL_UNUSABLE;
	if (!S_ISREG(status.st_mode))
		return JOURNAL_FOREIGN;
	result = look_open(path, &db);
	look = look_at_numbers(db, result);
	saved = errno;
	(void)sqlite3_close(db);
	errno = saved;
	return look;
}

/* ------------------------------------------------------------------ *
 * An older journal, read as a current one
 * ------------------------------------------------------------------ */

/* Makes a view of a table as it is now of what an older one has of it. */
static int
older_view(sqlite3 *db, const char *table)
{
	struct buffer sql = BUFFER_INIT;
	sqlite3_stmt *columns = NULL;
	int result = sqlite3_prepare_v2(db, "SELECT now.name, was.name FROM"
	    " pragma_table_info(?1, 'main') AS now LEFT JOIN pragma_table_info(?1, 'older')"
	    " AS was ON was.name = now.name", -1, &columns, NULL);
	bool any = false;

	buffer_format(&sql, "CREATE TEMP VIEW %s AS SELECT ", table);
	if (result == SQLITE_OK)
		(void)sqlite3_bind_text(columns, 1, table, -1, SQLITE_STATIC);
	for (int i = 0; result == SQLITE_OK &&
	    (result = sqlite3_step(columns)) == SQLITE_ROW; i++) {
		bool has = sqlite3_column_type(columns, 1) != SQLITE_NULL;
		const char *name = (const char *)sqlite3_column_text(columns, 0);

		buffer_format(&sql, has ? "%s\"%s\"" : "%sNULL AS \"%s\"", i > 0 ? ", " : "",
		    name);
		any |= has;
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(columns);
	buffer_format(&sql, " FROM older.%s", table);
	if (result == SQLITE_DONE)
		result = sql.failed ? SQLITE_NOMEM : !any ? SQLITE_OK :
		    sqlite3_exec(db, sql.text, NULL, NULL, NULL);
	buffer_free(&sql);
	return result;
}

static int
attach_older(sqlite3 *db, const char *path)
{
	struct buffer uri = BUFFER_INIT;
	sqlite3_stmt *attach = NULL;
	int result = SQLITE_NOMEM;

	schema_uri(path, "?mode=ro", &uri);
	if (!uri.failed)
		result = sqlite3_prepare_v2(db, "ATTACH ?1 AS older", -1, &attach, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_bind_text(attach, 1, uri.text, -1, SQLITE_STATIC);
	if (result == SQLITE_OK && (result = sqlite3_step(attach)) == SQLITE_DONE)
		result = SQLITE_OK;
	(void)sqlite3_finalize(attach);
	buffer_free(&uri);
	return result;
}

int
journal_open_model(sqlite3 **db)
{
	int result = sqlite3_open_v2(":memory:", db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);

	return result == SQLITE_OK ? schema_migrate(*db) : result;
}

int
journal_open_older(const char *path, sqlite3 **db)
{
	static const char *const tables[] = {
		"record", "certificate", "facts", "rollup", "discarded", "handshake",
		"delivery", "trouble", "watched", "position", "identity", "policies"
	};
	int result = journal_open_model(db);

	/* What is made here is nobody's. */
	if (result == SQLITE_OK)
		result = sqlite3_exec(*db, "DELETE FROM identity", NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = attach_older(*db, path);
	for (size_t i = 0; result == SQLITE_OK && i < sizeof(tables) / sizeof(tables[0]); i++)
		result = older_view(*db, tables[i]);
	return result;
}

bool
journal_is_older(sqlite3 *db)
{
	return sqlite3_db_readonly(db, "older") != -1;
}

const char *
journal_look_text(enum journal_look look)
{
	static const char *const texts[] = {
		[JOURNAL_EMPTY] = "it is not there yet: tlsward-milter makes it",
		[JOURNAL_ABSENT] = "it is not there yet: tlsward-milter makes it",
		[JOURNAL_OLDER] = "it is of an older version: tlsward-milter of this version "
		    "converts it when it starts",
		[JOURNAL_NO_FOLDER] = "its folder is not there",
		[JOURNAL_UNUSABLE] = "it cannot be written",
		[JOURNAL_NEWER] = "it was written by a newer version of tlsward",
		[JOURNAL_FOREIGN] = "it is not a journal of tlsward",
	};

	return texts[look] != NULL ? texts[look] : "it can be written";
}
