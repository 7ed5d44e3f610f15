/*
 * ship_streams.c - what of the journal is sent, in which order, and how it is read.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/ship_room.h"

#include <inttypes.h>
#include <string.h>

#define HANDSHAKE_KEYS "hour, direction, host, address, next_hop, reason"
#define DELIVERY_KEYS "hour, next_hop, relay, address, tls_version, cipher, bits," \
	" verification, result, tls_reason, rule, rule_kind, rule_name, partner, verdict," \
	" reason"

const struct ship_stream ship_streams[SHIP_STREAMS] = {
	[SHIP_POLICIES] = { "policies", "policies", SHIP_BY_CHANGED, "since", false },
	[SHIP_RECORD] = { "record", "record", SHIP_BY_ID, "id", false },
	[SHIP_TROUBLE] = { "trouble", "trouble", SHIP_BY_ID, "id", false },
	[SHIP_ROLLUP] = { "rollup", "rollup", SHIP_BY_CHANGED, "hour, facts", true },
	[SHIP_HANDSHAKE] = { "handshake", "handshake", SHIP_BY_CHANGED, HANDSHAKE_KEYS, true },
	[SHIP_DELIVERY] = { "delivery", "delivery", SHIP_BY_CHANGED, DELIVERY_KEYS, true },
	[SHIP_DISCARDED] = { "discarded", "discarded", SHIP_BY_CHANGED, "why", false },
	[SHIP_WATCHED] = { "watched", "watched", SHIP_BY_CHANGED, "name", false },
	[SHIP_ROLLUP_BEFORE] = { "rollup before", "rollup", SHIP_BY_KEY, "hour, facts", true },
	[SHIP_HANDSHAKE_BEFORE] = { "handshake before", "handshake", SHIP_BY_KEY,
	    HANDSHAKE_KEYS, true },
	[SHIP_DELIVERY_BEFORE] = { "delivery before", "delivery", SHIP_BY_KEY, DELIVERY_KEYS,
	    true },
	[SHIP_DISCARDED_BEFORE] = { "discarded before", "discarded", SHIP_BY_KEY, "why",
	    false },
	[SHIP_WATCHED_BEFORE] = { "watched before", "watched", SHIP_BY_KEY, "name", false },
};

int64_t
ship_cursor_start(const struct ship_stream *stream)
{
	/* An hour may be before the epoch, where a clock was wrong. */
	return stream->order == SHIP_BY_KEY ? INT64_MIN : 0;
}

size_t
ship_key_count(const struct ship_stream *stream)
{
	size_t count = 1;

	for (const char *at = stream->key; (at = strchr(at, ',')) != NULL; at++)
		count++;
	return count;
}

/* ------------------------------------------------------------------ *
 * Columns
 * ------------------------------------------------------------------ */

/* The columns of tables that are not the record's, or beside its fields. */
static const struct ship_own {
	const char *table;
	struct ship_column columns[24];
} ship_own[] = {
	{ "policies", { { "since", SHIP_MOMENT, SHIP_OWN }, { "digest", SHIP_TEXT, SHIP_OWN },
	    { "file", SHIP_TEXT, SHIP_OWN }, { "changed", SHIP_INT, SHIP_OWN } } },
	{ "record", { { "id", SHIP_INT, SHIP_OWN }, { "time", SHIP_MOMENT, SHIP_OWN } } },
	{ "trouble", { { "id", SHIP_INT, SHIP_OWN }, { "time", SHIP_MOMENT, SHIP_OWN },
	    { "queue_id", SHIP_TEXT, SHIP_OWN }, { "to", SHIP_TEXT, SHIP_OWN },
	    { "next_hop", SHIP_TEXT, SHIP_OWN }, { "relay", SHIP_TEXT, SHIP_OWN },
	    { "address", SHIP_TEXT, SHIP_OWN }, { "tls_version", SHIP_TEXT, SHIP_OWN },
	    { "cipher", SHIP_TEXT, SHIP_OWN }, { "bits", SHIP_INT, SHIP_OWN },
	    { "verification", SHIP_TEXT, SHIP_OWN }, { "result", SHIP_TEXT, SHIP_OWN },
	    { "tls_reason", SHIP_TEXT, SHIP_OWN }, { "dsn", SHIP_TEXT, SHIP_OWN },
	    { "text", SHIP_TEXT, SHIP_OWN }, { "rule", SHIP_TEXT, SHIP_OWN },
	    { "rule_kind", SHIP_TEXT, SHIP_OWN }, { "rule_name", SHIP_TEXT, SHIP_OWN },
	    { "partner", SHIP_TEXT, SHIP_OWN }, { "verdict", SHIP_TEXT, SHIP_OWN },
	    { "reason", SHIP_TEXT, SHIP_OWN } } },
	{ "rollup", { { "hour", SHIP_HOUR, SHIP_OWN }, { "messages", SHIP_INT, SHIP_OWN },
	    { "first", SHIP_INT, SHIP_OWN }, { "last", SHIP_INT, SHIP_OWN } } },
	{ "handshake", { { "hour", SHIP_HOUR, SHIP_OWN }, { "direction", SHIP_TEXT, SHIP_OWN },
	    { "host", SHIP_TEXT, SHIP_OWN }, { "address", SHIP_TEXT, SHIP_OWN },
	    { "next_hop", SHIP_TEXT, SHIP_OWN }, { "reason", SHIP_TEXT, SHIP_OWN },
	    { "count", SHIP_INT, SHIP_OWN }, { "first", SHIP_INT, SHIP_OWN },
	    { "last", SHIP_INT, SHIP_OWN }, { "sample", SHIP_TEXT, SHIP_OWN } } },
	{ "delivery", { { "hour", SHIP_HOUR, SHIP_OWN }, { "next_hop", SHIP_TEXT, SHIP_OWN },
	    { "relay", SHIP_TEXT, SHIP_OWN }, { "address", SHIP_TEXT, SHIP_OWN },
	    { "tls_version", SHIP_TEXT, SHIP_OWN }, { "cipher", SHIP_TEXT, SHIP_OWN },
	    { "bits", SHIP_INT, SHIP_OWN }, { "verification", SHIP_TEXT, SHIP_OWN },
	    { "result", SHIP_TEXT, SHIP_OWN }, { "tls_reason", SHIP_TEXT, SHIP_OWN },
	    { "rule", SHIP_TEXT, SHIP_OWN }, { "rule_kind", SHIP_TEXT, SHIP_OWN },
	    { "rule_name", SHIP_TEXT, SHIP_OWN }, { "partner", SHIP_TEXT, SHIP_OWN },
	    { "verdict", SHIP_TEXT, SHIP_OWN }, { "reason", SHIP_TEXT, SHIP_OWN },
	    { "count", SHIP_INT, SHIP_OWN }, { "first", SHIP_INT, SHIP_OWN },
	    { "last", SHIP_INT, SHIP_OWN } } },
	{ "discarded", { { "why", SHIP_TEXT, SHIP_OWN }, { "records", SHIP_INT, SHIP_OWN },
	    { "messages", SHIP_INT, SHIP_OWN }, { "watched", SHIP_INT, SHIP_OWN },
	    { "last", SHIP_MOMENT, SHIP_OWN } } },
	{ "watched", { { "name", SHIP_TEXT, SHIP_OWN }, { "value", SHIP_INT, SHIP_OWN } } },
};

static void
ship_add_column(struct ship_columns *columns, const char *name, enum ship_type type,
    enum ship_part part)
{
	if (columns->count < SHIP_COLUMNS_MAX)
		columns->list[columns->count++] = (struct ship_column){ name, type, part };
}

static void
ship_add_fields(struct ship_columns *columns, unsigned place, enum ship_part part)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, place)) != NULL)
		ship_add_column(columns, field->name,
		    record_field_is_number(field) ? SHIP_INT : SHIP_TEXT, part);
}

void
ship_stream_columns(const struct ship_stream *stream, struct ship_columns *columns)
{
	columns->count = 0;
	for (size_t i = 0; i < sizeof(ship_own) / sizeof(ship_own[0]); i++)
		for (const struct ship_column *own = ship_own[i].columns;
		    strcmp(ship_own[i].table, stream->table) == 0 && own->name != NULL; own++)
			ship_add_column(columns, own->name, own->type, SHIP_OWN);
	if (strcmp(stream->table, "record") == 0)
		ship_add_fields(columns, IN_RECORD, SHIP_OWN);
	if (strcmp(stream->table, "rollup") != 0)
		return;
	ship_add_fields(columns, IN_ROLLUP, SHIP_OWN);
	ship_add_column(columns, "digest", SHIP_BYTES, SHIP_FACTS);
	ship_add_fields(columns, IN_FACTS, SHIP_FACTS);
	ship_add_column(columns, "digest", SHIP_BYTES, SHIP_CERTIFICATE);
	ship_add_fields(columns, IN_CERTIFICATE, SHIP_CERTIFICATE);
}

/* ------------------------------------------------------------------ *
 * Statements
 * ------------------------------------------------------------------ */

static const char *
ship_place(const struct ship_stream *stream)
{
	return stream->order == SHIP_BY_ID ? "id" :
	    stream->order == SHIP_BY_CHANGED ? "changed" : stream->hours ? "hour" : "0";
}

/* What follows FROM. */
static void
ship_add_tables(const struct ship_stream *stream, struct buffer *sql)
{
	buffer_format(sql, " FROM %s", stream->table);
	/* In this order, whatever SQLite thinks of it: it is that of the index. */
	if (strcmp(stream->table, "rollup") == 0)
		buffer_string(sql, " CROSS JOIN facts ON facts.id = rollup.facts"
		    " LEFT JOIN certificate ON certificate.id = facts.certificate");
}

static void
ship_add_parameters(size_t count, struct buffer *sql)
{
	for (size_t i = 0; i < count; i++)
		buffer_string(sql, i > 0 ? ", ?" : "?");
}

void
ship_stream_read(const struct ship_stream *stream, struct buffer *sql)
{
	static const char *const parts[] = {
		[SHIP_FACTS] = "facts", [SHIP_CERTIFICATE] = "certificate"
	};
	const char *place = ship_place(stream);
	bool by_key = stream->order == SHIP_BY_KEY;
	struct ship_columns columns;

	ship_stream_columns(stream, &columns);
	buffer_format(sql, "SELECT %s%s%s", place, by_key ? ", " : "",
	    by_key ? stream->key : "");
	for (size_t i = 0; i < columns.count; i++)
		buffer_format(sql, ", %s.\"%s\"", columns.list[i].part == SHIP_OWN ?
		    stream->table : parts[columns.list[i].part], columns.list[i].name);
	ship_add_tables(stream, sql);
	if (by_key) {
		buffer_format(sql, " WHERE changed = 0 AND (%s) > (", stream->key);
		ship_add_parameters(ship_key_count(stream), sql);
		buffer_format(sql, ") ORDER BY %s LIMIT ?", stream->key);
	} else
		/* The index is of those alone. */
		buffer_format(sql, " WHERE %s%s.%s > ? ORDER BY %s.%s LIMIT ?",
		    stream->order == SHIP_BY_CHANGED ? "changed > 0 AND " : "",
		    stream->table, place, stream->table, place);
}

/* When a row was written last, as far as it tells. */
static const char *
ship_time(const struct ship_stream *stream)
{
	static const char *const times[][2] = {
		{ "record", "time" }, { "trouble", "time" }, { "policies", "since" },
		{ "discarded", "last" },
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (strcmp(times[i][0], stream->table) == 0)
			return times[i][1];
	return stream->hours ? "hour * 3600000 + last" : "NULL";
}

void
ship_stream_lag(const struct ship_stream *stream, struct buffer *sql)
{
	const char *time = ship_time(stream), *table = stream->table;

	/* Rows are wide there, ids without gaps, and those that are gone the oldest. */
	if (stream->order == SHIP_BY_ID)
		buffer_format(sql, "SELECT max(ifnull((SELECT max(id) FROM %s) - max(?1,"
		    " (SELECT min(id) FROM %s) - 1), 0), 0), (SELECT time FROM %s WHERE id > ?1"
		    " ORDER BY id LIMIT 1)", table, table, table);
	else if (stream->order == SHIP_BY_CHANGED)
		buffer_format(sql, "SELECT (SELECT count(*) FROM (SELECT 1 FROM %s WHERE"
		    " changed > 0 AND changed > ?1 LIMIT %d)), (SELECT %s FROM %s WHERE"
		    " changed > 0 AND changed > ?1 ORDER BY changed LIMIT 1)", table,
		    SHIP_LAG_MAX, time, table);
	else if (stream->hours)
		/* No index has them: no more is looked through. */
		buffer_format(sql, "SELECT count(*), min(time) FROM (SELECT changed,"
		    " %s AS time FROM %s WHERE hour > ?1 ORDER BY hour LIMIT %d)"
		    " WHERE changed = 0", time, table, SHIP_LAG_MAX);
	else
		/* They are few, and go with what is told of changes. */
		buffer_string(sql, "SELECT 0, NULL WHERE ?1 IS NOT NULL");
}
