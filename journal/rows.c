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

static const char *const extra[] = { "messages", "first", "last", "client_network" };
enum { EXTRA_MESSAGES, EXTRA_FIRST, EXTRA_LAST, EXTRA_NETWORK, EXTRA_COUNT };

void
journal_row_columns(struct buffer *sql)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, IN_LINE)) != NULL)
		buffer_format(sql, "\"%s\", ", field->name);
	buffer_string(sql, "NULL, NULL, NULL, NULL, id");
}

/* What a roll-up has of a field. */
static void
rows_add_rolled_up(struct buffer *sql, const struct record_field *field)
{
	if (field->places & IN_FACTS)
		buffer_format(sql, "facts.\"%s\", ", field->name);
	else if (field->places & IN_CERTIFICATE)
		buffer_format(sql, "certificate.\"%s\", ", field->name);
	else if (field->places & IN_ROLLUP)
		buffer_format(sql, "rollup.\"%s\", ", field->name);
	else if (strcmp(field->name, "time") == 0)
		buffer_string(sql, "rollup.hour * 3600000 + rollup.last, ");
	else if (strcmp(field->name, "action") == 0)
		buffer_string(sql, "'accept', ");
	else if (strcmp(field->name, "from") == 0)
		buffer_string(sql, "CASE facts.null_sender WHEN 'yes' THEN '<>' END, ");
	else
		buffer_string(sql, "NULL, ");
}

void
journal_row_rollup_columns(struct buffer *sql)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, IN_LINE)) != NULL)
		rows_add_rolled_up(sql, field);
	buffer_string(sql, "rollup.messages, rollup.hour * 3600000 + rollup.first,"
	    " rollup.hour * 3600000 + rollup.last, facts.client_network, 0");
}

/* ------------------------------------------------------------------ *
 * Columns
 * ------------------------------------------------------------------ */

struct rows_column {
	int at;
	const char *name;
	bool is_time, is_list;
	const struct record_field *field;	/* NULL behind the record's fields */
};
#define ROWS_BEFORE_FIRST { .at = -1 }

static bool
rows_next_extra(struct rows_column *column)
{
	int which = column->at - record_field_count(IN_LINE);

	column->name = which < EXTRA_COUNT ? extra[which] : NULL;
	column->is_time = which == EXTRA_FIRST || which == EXTRA_LAST;
	column->is_list = false;
	return column->name != NULL;
}

/* Goes on to the next column of a row; the id is none. */
static bool
rows_next(struct rows_column *column)
{
	const struct record_field *field = column->field;

	if (column->at++ < 0 || field != NULL)
		field = record_field_next(field, IN_LINE);
	column->field = field;
	if (field != NULL) {
		column->name = field->name;
		column->is_time = column->at == 0;
		column->is_list = record_field_is_list(field);
		return true;
	}
	return rows_next_extra(column);
}

static const char *
rows_text_at(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

const char *
journal_row_text(sqlite3_stmt *row, const char *name)
{
	struct rows_column column = ROWS_BEFORE_FIRST;

	while (rows_next(&column))
		if (strcmp(column.name, name) == 0)
			return rows_text_at(row, column.at);
	return NULL;
}

int64_t
journal_row_time(sqlite3_stmt *row)
{
	return sqlite3_column_int64(row, 0);
}

int64_t
journal_row_id(sqlite3_stmt *row)
{
	return sqlite3_column_int64(row, record_field_count(IN_LINE) + EXTRA_COUNT);
}

int64_t
journal_row_messages(sqlite3_stmt *row)
{
	return sqlite3_column_int64(row, record_field_count(IN_LINE) + EXTRA_MESSAGES);
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

static void
rows_write_value(sqlite3_stmt *row, const struct rows_column *column,
    struct buffer *line)
{
	char time[DATE_MS_SIZE];

	if (column->is_time) {
		date_write_ms(sqlite3_column_int64(row, column->at), time);
		text_json(line, time);
	} else if (sqlite3_column_type(row, column->at) == SQLITE_INTEGER)
		buffer_format(line, "%lld",
		    (long long)sqlite3_column_int64(row, column->at));
	else if (column->is_list)
		rows_write_list(rows_text_at(row, column->at), line);
	else
		text_json(line, rows_text_at(row, column->at));
}

void
journal_row_json(sqlite3_stmt *row, struct buffer *line)
{
	struct rows_column column = ROWS_BEFORE_FIRST;

	while (rows_next(&column)) {
		if (sqlite3_column_type(row, column.at) == SQLITE_NULL)
			continue;
		/* The time is always there, and the first. */
		buffer_string(line, column.at == 0 ? "{" : ",");
		buffer_format(line, "\"%s\":", column.name);
		rows_write_value(row, &column, line);
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
	struct rows_column column = ROWS_BEFORE_FIRST;

	while (rows_next(&column))
		buffer_format(line, "%s%s", column.at == 0 ? "" : ",", column.name);
	buffer_string(line, "\r\n");
}

void
journal_row_csv(sqlite3_stmt *row, struct buffer *line)
{
	struct rows_column column = ROWS_BEFORE_FIRST;
	char time[DATE_MS_SIZE];

	while (rows_next(&column)) {
		if (column.at > 0)
			buffer_add(line, ",", 1);
		if (sqlite3_column_type(row, column.at) == SQLITE_NULL)
			continue;
		if (column.is_time)
			date_write_ms(sqlite3_column_int64(row, column.at), time);
		journal_row_csv_value(column.is_time ? time :
		    rows_text_at(row, column.at), line);
	}
	buffer_string(line, "\r\n");
}
