/*
 * ship_send.c - a batch, in one transaction: into a temporary table by COPY, from there
 * into the tables, and the cursor.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/ship_target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 24

/* What takes the place of what was there, by table; NULL: such rows never change. */
static const struct send_table {
	const char *table, *key;
	const char *sets[6];
} send_tables[] = {
	{ "record", "node, journal, id, time", { NULL } },
	{ "trouble", "node, journal, id, time", { NULL } },
	{ "rollup", "hour, facts, journal", { "messages", "first", "last", "session",
	    "client_addr", "sender" } },
	{ "handshake", "hour, journal, key", { "count", "first", "last", "sample" } },
	{ "delivery", "hour, journal, key", { "count", "first", "last" } },
	{ "discarded", "journal, why", { "records", "messages", "watched", "last" } },
	{ "watched", "journal, name", { "value" } },
	{ "policies", "journal, since", { "digest", "file", "changed" } },
};

static const struct send_table *
send_table(const char *name)
{
	const struct send_table *table = send_tables;

	while (strcmp(table->table, name) != 0)
		table++;
	return table;
}

static bool
send_has_node(const char *table)
{
	return strcmp(table, "record") == 0 || strcmp(table, "trouble") == 0;
}

/* ------------------------------------------------------------------ *
 * Making what it is written by
 * ------------------------------------------------------------------ */

/* The parts of a roll-up stand in one line, with names that tell them apart. */
static const char *const send_prefixes[] = {
	[SHIP_OWN] = "", [SHIP_FACTS] = "facts ", [SHIP_CERTIFICATE] = "certificate "
};

/* Appends the columns of one part, with what stands before their names. */
static void
send_add_columns(struct buffer *sql, const struct ship_columns *columns,
    enum ship_part part, const char *before)
{
	for (size_t i = 0; i < columns->count; i++)
		if (columns->list[i].part == part)
			buffer_format(sql, ", \"%s%s\"", before, columns->list[i].name);
}

/* Nothing that is temporary outlives a batch, but the empty table. */
static void
send_add_staging(struct buffer *sql, const char *table, const struct ship_columns *columns)
{
	static const char *const types[] = {
		[SHIP_TEXT] = "text COLLATE \"C\"", [SHIP_INT] = "bigint",
		[SHIP_MOMENT] = "timestamptz", [SHIP_HOUR] = "timestamptz",
		[SHIP_BYTES] = "bytea"
	};

	buffer_format(sql, "CREATE TEMPORARY TABLE IF NOT EXISTS ship_%s (", table);
	for (size_t i = 0; i < columns->count; i++)
		buffer_format(sql, "%s\"%s%s\" %s", i > 0 ? ", " : "",
		    send_prefixes[columns->list[i].part], columns->list[i].name,
		    types[columns->list[i].type]);
	buffer_string(sql, ") ON COMMIT DELETE ROWS");
}

/*
 * Which of what is there and what comes is taken; NULL: the latter. A journal that is short
 * of room may have dropped an hour that goes on, and counts anew: what was counted stays.
 */
static const char *
send_kept(const struct send_table *table, const char *column)
{
	bool hours = strncmp(table->key, "hour, ", 6) == 0;

	return hours && strcmp(column, "first") == 0 ? "least" : hours && (strcmp(column,
	    "messages") == 0 || strcmp(column, "count") == 0 || strcmp(column, "last") == 0) ?
	    "greatest" : NULL;
}

/* What is there already takes the row's values. */
static void
send_add_conflict(struct buffer *sql, const struct send_table *table)
{
	buffer_format(sql, " ON CONFLICT (%s) DO %s", table->key,
	    table->sets[0] == NULL ? "NOTHING" : "UPDATE SET");
	for (size_t i = 0; i < sizeof(table->sets) / sizeof(table->sets[0]) &&
	    table->sets[i] != NULL; i++) {
		const char *column = table->sets[i], *kept = send_kept(table, column);

		buffer_format(sql, "%s \"%s\" = ", i > 0 ? "," : "", column);
		if (kept != NULL)
			buffer_format(sql, "%s(t.\"%s\", excluded.\"%s\")", kept, column, column);
		else
			buffer_format(sql, "excluded.\"%s\"", column);
	}
}

/* $1 is the journal's number or, with the node's name as $2, the journal. */
static void
send_add_insert(struct buffer *sql, const char *table, const struct ship_columns *columns)
{
	bool rollup = strcmp(table, "rollup") == 0, node = send_has_node(table);

	buffer_format(sql, "INSERT INTO tlsward.%s AS t (journal%s%s", table,
	    node ? ", node" : "", rollup ? ", facts" : "");
	send_add_columns(sql, columns, SHIP_OWN, "");
	buffer_format(sql, ") SELECT %s%s", node ? "$1::text, $2::text" : "$1::int",
	    rollup ? ", f.id" : "");
	send_add_columns(sql, columns, SHIP_OWN, "");
	buffer_format(sql, " FROM ship_%s AS s%s", table,
	    rollup ? " JOIN tlsward.facts AS f ON f.digest = s.\"facts digest\"" : "");
	send_add_conflict(sql, send_table(table));
}

/* The first day of the month for which a set of facts, or a certificate, is needed. */
#define MONTH "date_trunc('month', hour AT TIME ZONE 'UTC')::date"

/*
 * Those that are not there yet, or not for so late a month, in the order of their digests:
 * two shippers that add the same ones wait for each other, and never both.
 */
static void
send_add_known(struct buffer *sql, enum ship_part part, const struct ship_columns *columns)
{
	bool facts = part == SHIP_FACTS;
	const char *table = facts ? "facts" : "certificate";

	buffer_format(sql, "INSERT INTO tlsward.%s AS t (used%s", table,
	    facts ? ", certificate" : "");
	send_add_columns(sql, columns, part, "");
	buffer_format(sql, ") SELECT DISTINCT ON (\"%s digest\") " MONTH "%s", table,
	    facts ? ", c.id" : "");
	send_add_columns(sql, columns, part, send_prefixes[part]);
	buffer_format(sql, " FROM ship_rollup AS s%s WHERE \"%s digest\" IS NOT NULL AND NOT"
	    " EXISTS (SELECT FROM tlsward.%s AS t WHERE t.digest = s.\"%s digest\" AND"
	    " t.used >= " MONTH ") ORDER BY \"%s digest\", hour DESC ON CONFLICT (digest)"
	    " DO UPDATE SET used = greatest(t.used, excluded.used)",
	    facts ? " LEFT JOIN tlsward.certificate AS c ON c.digest ="
	    " s.\"certificate digest\"" : "", table, table, table, table);
}

/* Makes a statement of the session, or a table where there is no name. */
static bool
send_make(struct ship_target *target, const char *name, struct buffer *sql)
{
	bool fine = sql->failed ? ship_target_fail(target, SHIP_AWAY, "not enough memory") :
	    name != NULL ? ship_target_prepare(target, name, sql->text) :
	    ship_target_do(target, sql->text);

	buffer_free(sql);
	return fine;
}

/* Makes what the rows of a stream are written by. */
static bool
send_prepare(struct ship_target *target, enum ship_number number)
{
	const struct ship_stream *stream = &ship_streams[number];
	struct buffer sql = BUFFER_INIT;
	struct ship_columns columns;
	char name[NUMBER_SIZE];
	bool fine;

	if (target->prepared[number])
		return true;
	ship_stream_columns(stream, &columns);
	send_add_staging(&sql, stream->table, &columns);
	fine = send_make(target, NULL, &sql);
	for (int part = SHIP_CERTIFICATE; fine && strcmp(stream->table, "rollup") == 0 &&
	    part > SHIP_OWN; part--) {
		send_add_known(&sql, (enum ship_part)part, &columns);
		(void)snprintf(name, sizeof(name), "known %d %d", number, part);
		fine = send_make(target, name, &sql);
	}
	if (fine) {
		send_add_insert(&sql, stream->table, &columns);
		(void)snprintf(name, sizeof(name), "insert %d", number);
		fine = send_make(target, name, &sql);
	}
	target->prepared[number] = fine;
	/* What was prepared until then stays: only a new session can begin anew. */
	if (!fine && target->trouble == SHIP_SLOW)
		target->trouble = SHIP_AGAIN;
	return fine;
}

/* ------------------------------------------------------------------ *
 * A batch
 * ------------------------------------------------------------------ */

/*
 * First of all, since it locks the row: no two write what is behind the same cursor. One
 * that is no longer what it was is somebody else's doing.
 */
static bool
send_cursor(struct ship_target *target, const struct ship_stream *stream, int64_t before,
    int64_t cursor)
{
	char old[NUMBER_SIZE], fresh[NUMBER_SIZE];
	const char *const parameters[] = { target->number, stream->name, fresh, old, NULL };
	PGresult *result;
	bool ours;

	(void)snprintf(old, sizeof(old), "%" PRId64, before);
	(void)snprintf(fresh, sizeof(fresh), "%" PRId64, cursor);
	result = ship_target_run(target, NULL, "INSERT INTO tlsward.cursor AS c (journal,"
	    " stream, value) VALUES ($1::int, $2, $3::bigint) ON CONFLICT (journal, stream)"
	    " DO UPDATE SET value = excluded.value WHERE c.value = $4::bigint", parameters);
	if (result == NULL)
		return false;
	ours = strcmp(PQcmdTuples(result), "1") == 0;
	PQclear(result);
	return ours || ship_target_fail(target, SHIP_OTHER, "somebody else has sent of this "
	    "journal meanwhile");
}

/* Runs a prepared statement; *rows, if any, is how many rows it wrote. */
static bool
send_run(struct ship_target *target, const char *name, const char *const *parameters,
    size_t *rows)
{
	PGresult *result = ship_target_run(target, name, NULL, parameters);

	if (result == NULL)
		return false;
	if (rows != NULL)
		*rows = strtoul(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return true;
}

static bool
send_rows(struct ship_target *target, enum ship_number number,
    const struct ship_batch *batch)
{
	const char *table = ship_streams[number].table;
	const char *const numbered[] = { target->number, NULL };
	const char *const named[] = { target->journal, target->node, NULL };
	char name[NUMBER_SIZE];
	size_t rows = 0;

	for (int part = SHIP_CERTIFICATE; strcmp(table, "rollup") == 0 && part > SHIP_OWN;
	    part--) {
		(void)snprintf(name, sizeof(name), "known %d %d", number, part);
		if (!send_run(target, name, NULL, NULL))
			return false;
	}
	(void)snprintf(name, sizeof(name), "insert %d", number);
	if (!send_run(target, name, send_has_node(table) ? named : numbered, &rows))
		return false;
	/* A set of facts was taken away in between: the next time it is added again. */
	return rows == batch->rows || send_table(table)->sets[0] == NULL ||
	    ship_target_fail(target, SHIP_AGAIN, "%zu rows of %s were written, of %zu", rows,
	    table, batch->rows);
}

/* After a failure, the session goes on where it can. */
static bool
send_undo(struct ship_target *target)
{
	enum ship_trouble trouble = target->trouble;
	char error[SHIP_ERROR_MAX];

	(void)memcpy(error, target->error, sizeof(error));
	if (trouble < SHIP_OTHER || PQstatus(target->conn) != CONNECTION_OK ||
	    !ship_target_do(target, "ROLLBACK"))
		return false;
	return ship_target_fail(target, trouble, "%s", error);
}

bool
ship_target_send(struct ship_target *target, enum ship_number number, int64_t cursor,
    const struct ship_batch *batch)
{
	const struct ship_stream *stream = &ship_streams[number];
	char copy[64];

	(void)snprintf(copy, sizeof(copy), "COPY ship_%s FROM STDIN", stream->table);
	return (send_prepare(target, number) && ship_target_do(target, "BEGIN") &&
	    send_cursor(target, stream, cursor, batch->cursor) &&
	    (batch->rows == 0 || (ship_target_copy(target, copy, &batch->text) &&
	    send_rows(target, number, batch))) &&
	    ship_target_do(target, "COMMIT")) || send_undo(target);
}

/* ------------------------------------------------------------------ *
 * Beside the batches
 * ------------------------------------------------------------------ */

bool
ship_target_refuse(struct ship_target *target, enum ship_number number, int64_t cursor,
    const struct ship_batch *batch, const char *why)
{
	const struct ship_stream *stream = &ship_streams[number];
	char at[NUMBER_SIZE];
	const char *const parameters[] = { target->number, stream->name, at, why,
	    batch->text.text, NULL };
	PGresult *result = NULL;

	(void)snprintf(at, sizeof(at), "%" PRId64, batch->place);
	if (ship_target_do(target, "BEGIN") &&
	    send_cursor(target, stream, cursor, batch->cursor))
		result = ship_target_run(target, NULL, "INSERT INTO tlsward.refused (journal,"
		    " stream, \"at\", why, \"row\") VALUES ($1::int, $2, $3::bigint, $4, $5)",
		    parameters);
	if (result == NULL)
		return send_undo(target);
	PQclear(result);
	return ship_target_do(target, "COMMIT") || send_undo(target);
}

bool
ship_target_seen(struct ship_target *target, const struct ship_lag *lag)
{
	char rows[NUMBER_SIZE], since[NUMBER_SIZE];
	const char *const parameters[] = { target->number, rows, since, NULL };
	PGresult *result;

	(void)snprintf(rows, sizeof(rows), "%" PRId64, lag->rows);
	(void)snprintf(since, sizeof(since), "%" PRId64, lag->since_ms);
	result = ship_target_run(target, NULL, "UPDATE tlsward.journal SET seen ="
	    " clock_timestamp(), behind_rows = $2::bigint, behind_since = CASE WHEN"
	    " $3::bigint > 0 THEN to_timestamp($3::bigint / 1000.0) END WHERE number ="
	    " $1::int", parameters);
	if (result == NULL)
		return false;
	PQclear(result);
	return true;
}
