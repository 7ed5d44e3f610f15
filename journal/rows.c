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

/* What a row has: a record's fields, and what roll-ups alone have; then the id. */
#define ROWS_COLUMNS (IN_LINE | IN_ROWS)

/* What is no column of a roll-up's own tables. */
static const struct {
	const char *name, *sql;
} rolled_up[] = {
	{ "time", "rollup.hour * 3600000 + rollup.last" },
	{ "from", "CASE facts.null_sender WHEN 'yes' THEN '<>' END" },
	{ "action", "'accept'" },
	{ "messages", "rollup.messages" },
	{ "first", "rollup.hour * 3600000 + rollup.first" },
	{ "last", "rollup.hour * 3600000 + rollup.last" },
	{ "client_network", "facts.client_network" },
};

void
journal_row_columns(struct buffer *sql)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, ROWS_COLUMNS)) != NULL)
		if (field->places & IN_LINE)
			buffer_format(sql, "\"%s\", ", field->name);
		else
			buffer_string(sql, "NULL, ");
	buffer_string(sql, "id");
}

static const char *
rows_rolled_up(const struct record_field *field)
{
	for (size_t i = 0; i < sizeof(rolled_up) / sizeof(rolled_up[0]); i++)
		if (strcmp(field->name, rolled_up[i].name) == 0)
			return rolled_up[i].sql;
	return "NULL";
}

void
journal_row_rollup_columns(struct buffer *sql)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, ROWS_COLUMNS)) != NULL)
		if (field->places & IN_FACTS)
			buffer_format(sql, "facts.\"%s\", ", field->name);
		else if (field->places & IN_CERTIFICATE)
			buffer_format(sql, "certificate.\"%s\", ", field->name);
		else if (field->places & IN_ROLLUP)
			buffer_format(sql, "rollup.\"%s\", ", field->name);
		else
			buffer_format(sql, "%s, ", rows_rolled_up(field));
	buffer_string(sql, "0");
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

int64_t
journal_row_messages(sqlite3_stmt *row)
{
	return sqlite3_column_int64(row, rows_column("messages"));
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
journal_row_csv_names(struct buffer *line)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, ROWS_COLUMNS)) != NULL)
		buffer_format(line, "%s%s", field == record_fields ? "" : ",",
		    field->name);
	buffer_string(line, "\r\n");
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
	buffer_string(line, "\r\n");
}
