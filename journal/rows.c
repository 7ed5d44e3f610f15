/*
 * rows.c - rows of the journal as the records they were.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store.h"

#include <string.h>

#include <jansson.h>
#include <sqlite3.h>

#include "journal/record.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/text.h"

/* What a row has: a record's fields, and what other rows have; then the id. */
#define ROWS_COLUMNS (IN_LINE | IN_ROWS)

/* What a delivery was by its agreement, as records have it. */
#define ROWS_JUDGED(table) \
	{ table, "kind", "'delivery'" }, \
	{ table, "direction", "'out'" }, \
	{ table, "bits", "nullif(bits, -1)" }, \
	{ table, "action", JOURNAL_SENT_ACTION }, \
	{ table, "enforced", "CASE WHEN result = 'sent' AND verdict = 'would' THEN 'no' END" }, \
	{ table, "would", "CASE WHEN " JOURNAL_SENT_BELOW " THEN 'tempfail' END" }, \
	{ table, "would_reason", "CASE WHEN " JOURNAL_SENT_BELOW " THEN reason END" }, \
	{ table, "would_rule", "CASE WHEN " JOURNAL_SENT_BELOW " THEN rule END" }

/* What no column of a row's own tables is called. */
static const struct rows_made {
	enum journal_table table;
	const char *name, *sql;
} rows_made[] = {
	{ JOURNAL_RECORD, "kind", "'decision'" },
	{ JOURNAL_ROLLUP, "kind", "'decision'" },
	{ JOURNAL_ROLLUP, "time", "hour * 3600000 + last" },
	{ JOURNAL_ROLLUP, "from", "CASE null_sender WHEN 'yes' THEN '<>' END" },
	{ JOURNAL_ROLLUP, "action", "'accept'" },
	{ JOURNAL_ROLLUP, "messages", "messages" },
	{ JOURNAL_ROLLUP, "first", "hour * 3600000 + first" },
	{ JOURNAL_ROLLUP, "last", "hour * 3600000 + last" },
	{ JOURNAL_ROLLUP, "client_network", "CASE WHEN client_address IS NULL THEN client_network"
	    " ELSE client_address || iif(instr(client_address, ':'), '/128', '/32') END" },
	{ JOURNAL_ROLLUP, "client_resolve", "client_resolve" },
	{ JOURNAL_ROLLUP, "exempt", "nullif(exemption, '')" },
	{ JOURNAL_HANDSHAKE, "kind", "'handshake'" },
	{ JOURNAL_HANDSHAKE, "time", "hour * 3600000 + last" },
	{ JOURNAL_HANDSHAKE, "first", "hour * 3600000 + first" },
	{ JOURNAL_HANDSHAKE, "last", "hour * 3600000 + last" },
	ROWS_JUDGED(JOURNAL_DELIVERY),
	{ JOURNAL_DELIVERY, "time", "hour * 3600000 + last" },
	{ JOURNAL_DELIVERY, "first", "hour * 3600000 + first" },
	{ JOURNAL_DELIVERY, "last", "hour * 3600000 + last" },
	ROWS_JUDGED(JOURNAL_TROUBLE),
	{ JOURNAL_TROUBLE, "time", "time" },
};

/* The columns of tables that are no records: "" is unknown. */
static const char *const rows_own[] = {
	[JOURNAL_HANDSHAKE] = " direction host address next_hop reason count sample ",
	[JOURNAL_DELIVERY] = " next_hop relay address tls_version cipher verification result"
	    " tls_reason rule rule_kind rule_name partner verdict reason count ",
	[JOURNAL_TROUBLE] = " queue_id to next_hop relay address tls_version cipher"
	    " verification result tls_reason dsn text rule rule_kind rule_name partner verdict"
	    " reason ",
};

/* Whether a field of a table that is no record has a column. */
static bool
rows_is_own(enum journal_table table, const char *name)
{
	size_t length = strlen(name);
	const char *at = rows_own[table];

	while ((at = strstr(at, name)) != NULL && (at[-1] != ' ' || at[length] != ' '))
		at += length;
	return at != NULL;
}

static void
rows_add_column(struct buffer *sql, enum journal_table table,
    const struct record_field *field)
{
	for (size_t i = 0; i < sizeof(rows_made) / sizeof(rows_made[0]); i++)
		if (rows_made[i].table == table && strcmp(rows_made[i].name, field->name) == 0) {
			buffer_string(sql, rows_made[i].sql);
			return;
		}
	if (table == JOURNAL_RECORD && field->places & IN_LINE)
		buffer_format(sql, "\"%s\"", field->name);
	else if (table == JOURNAL_ROLLUP && field->places & (IN_FACTS | IN_CERTIFICATE |
	    IN_ROLLUP))
		buffer_format(sql, "\"%s\"", field->name);
	else if (table >= JOURNAL_HANDSHAKE && rows_is_own(table, field->name))
		buffer_format(sql, "nullif(\"%s\", '')", field->name);
	else
		buffer_string(sql, "NULL");
}

void
journal_row_columns(struct buffer *sql, enum journal_table table)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, ROWS_COLUMNS)) != NULL) {
		rows_add_column(sql, table, field);
		buffer_string(sql, ", ");
	}
	buffer_string(sql, table == JOURNAL_RECORD || table == JOURNAL_TROUBLE ? "id" : "0");
}

/* ------------------------------------------------------------------ *
 * Columns
 * ------------------------------------------------------------------ */

/* Where the column called "name" is, or -1. */
static int
rows_column(const char *name)
{
	const struct record_field *field = NULL;

	for (int at = 0; (field = record_field_next(field, ROWS_COLUMNS)) != NULL; at++)
		if (strcmp(field->name, name) == 0)
			return at;
	return -1;
}

static const char *
rows_text_at(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

const char *
journal_row_text(sqlite3_stmt *row, const char *name)
{
	return rows_text_at(row, rows_column(name));
}

int64_t
journal_row_time(sqlite3_stmt *row)
{
	return sqlite3_column_int64(row, 0);
}

int64_t
journal_row_id(sqlite3_stmt *row)
{
	return sqlite3_column_int64(row, record_field_count(ROWS_COLUMNS));
}

/* Behind the id, where it was asked for. */
static int
rows_node_column(sqlite3_stmt *row)
{
	int column = record_field_count(ROWS_COLUMNS) + 1;

	return sqlite3_column_count(row) > column ? column : -1;
}

const char *
journal_row_node(sqlite3_stmt *row)
{
	int column = rows_node_column(row);

	return column < 0 ? NULL : rows_text_at(row, column);
}

int64_t
journal_row_count(sqlite3_stmt *row)
{
	int64_t messages = sqlite3_column_int64(row, rows_column("messages"));

	return messages > 0 ? messages : sqlite3_column_int64(row, rows_column("count"));
}

bool
journal_row_has(sqlite3_stmt *row, const char *text)
{
	const struct record_field *field = NULL;

	for (int at = 0; (field = record_field_next(field, ROWS_COLUMNS)) != NULL; at++)
		if (sqlite3_column_type(row, at) == SQLITE_TEXT &&
		    strcasestr(rows_text_at(row, at), text) != NULL)
			return true;
	return false;
}

/* ------------------------------------------------------------------ *
 * JSON
 * ------------------------------------------------------------------ */

/* An array is written anew, whatever the journal holds. */
static void
rows_write_list(const char *text, struct buffer *line)
{
	json_t *list = json_loads(text, 0, NULL);
	bool first = true;
	json_t *value;
	size_t i;

	buffer_add(line, "[", 1);
	json_array_foreach(list, i, value) {
		if (!json_is_string(value))
			continue;
		buffer_string(line, first ? "" : ",");
		text_json(line, json_string_value(value));
		first = false;
	}
	buffer_add(line, "]", 1);
	json_decref(list);
}

/* The text of a column; of a time, as it is in the record. */
static const char *
rows_text(sqlite3_stmt *row, int at, const struct record_field *field,
    char time[DATE_MS_SIZE])
{
	if (field->kind != FIELD_MOMENT)
		return rows_text_at(row, at);
	date_write_ms(sqlite3_column_int64(row, at), time);
	return time;
}

void
journal_row_json(sqlite3_stmt *row, struct buffer *line)
{
	const struct record_field *field = NULL;
	const char *node = journal_row_node(row);
	char time[DATE_MS_SIZE];

	for (int at = 0; (field = record_field_next(field, ROWS_COLUMNS)) != NULL; at++) {
		if (sqlite3_column_type(row, at) == SQLITE_NULL)
			continue;
		/* The time is always there, and the first. */
		buffer_format(line, "%s\"%s\":", at == 0 ? "{" : ",", field->name);
		if (record_field_is_list(field))
			rows_write_list(rows_text_at(row, at), line);
		else if (field->kind != FIELD_MOMENT &&
		    sqlite3_column_type(row, at) == SQLITE_INTEGER)
			buffer_format(line, "%lld",
			    (long long)sqlite3_column_int64(row, at));
		else
			text_json(line, rows_text(row, at, field, time));
	}
	if (node != NULL) {
		buffer_string(line, ",\"node\":");
		text_json(line, node);
	}
	buffer_add(line, "}", 1);
}

/* ------------------------------------------------------------------ *
 * CSV
 * ------------------------------------------------------------------ */

void
journal_row_csv_value(const char *text, struct buffer *line)
{
	struct buffer safe = BUFFER_INIT;

	if (text == NULL)
		return;
	buffer_string(&safe, text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL ?
	    "'" : "");
	text_visible(&safe, text);
	if (safe.failed)
		line->failed = true;
	else if (strpbrk(safe.text, "\",") == NULL)
		buffer_add(line, safe.text, safe.length);
	else {
		buffer_add(line, "\"", 1);
		for (const char *at = safe.text; *at != '\0'; at++)
			buffer_add(line, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
		buffer_add(line, "\"", 1);
	}
	buffer_free(&safe);
}

void
journal_row_csv_names(struct buffer *line, bool of_nodes)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, ROWS_COLUMNS)) != NULL)
		buffer_format(line, "%s%s", field == record_fields ? "" : ",",
		    field->name);
	buffer_string(line, of_nodes ? ",node\r\n" : "\r\n");
}

void
journal_row_csv(sqlite3_stmt *row, struct buffer *line)
{
	const struct record_field *field = NULL;
	char time[DATE_MS_SIZE];

	for (int at = 0; (field = record_field_next(field, ROWS_COLUMNS)) != NULL; at++) {
		buffer_string(line, at == 0 ? "" : ",");
		if (sqlite3_column_type(row, at) != SQLITE_NULL)
			journal_row_csv_value(rows_text(row, at, field, time), line);
	}
	if (rows_node_column(row) >= 0) {
		buffer_string(line, ",");
		journal_row_csv_value(journal_row_node(row), line);
	}
	buffer_string(line, "\r\n");
}
