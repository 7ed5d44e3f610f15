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
#include "base/text.h"

static const char *const extra[] = { "messages", "first", "last", "client_network" };
enum { EXTRA_MESSAGES, EXTRA_FIRST, EXTRA_LAST, EXTRA_NETWORK, EXTRA_COUNT };

static bool
is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}
#define IS_ONE_OF(name, names) \
    is_one_of((name), (names), sizeof(names) / sizeof((names)[0]))

static int
extra_column(int which)
{
	return (int)record_field_count + which;
}

void
journal_row_columns(struct buffer *sql)
{
	for (size_t i = 0; i < record_field_count; i++)
		buffer_format(sql, "%s\"%s\"", i == 0 ? "" : ", ", record_fields[i].name);
	buffer_string(sql, ", NULL, NULL, NULL, NULL, id");
}

void
journal_row_rollup_columns(struct buffer *sql)
{
	static const char *const of_facts[] = {
		"mta", "client_name", "local", "domain", "tls_version", "cipher", "bits",
		"cert_verified", "rule", "rule_kind", "rule_name"
	};
	static const char *const of_rollup[] = { "session", "client_addr" };

	for (size_t i = 0; i < record_field_count; i++) {
		const char *name = record_fields[i].name;

		buffer_string(sql, i == 0 ? "" : ", ");
		if (strcmp(name, "time") == 0)
			buffer_string(sql, "rollup.hour * 3600000 + rollup.last");
		else if (strcmp(name, "action") == 0)
			buffer_string(sql, "'accept'");
		else if (strcmp(name, "from") == 0)
			buffer_string(sql, "CASE facts.null_sender WHEN 'yes' THEN '<>' END");
		else if (IS_ONE_OF(name, of_facts))
			buffer_format(sql, "facts.%s", name);
		else if (IS_ONE_OF(name, of_rollup))
			buffer_format(sql, "rollup.%s", name);
		else if (strncmp(name, "cert_", 5) == 0)
			buffer_format(sql, "certificate.%s", name);
		else
			buffer_string(sql, "NULL");
	}
	buffer_string(sql, ", rollup.messages, rollup.hour * 3600000 + rollup.first,"
	    " rollup.hour * 3600000 + rollup.last, facts.client_network, 0");
}

static bool
is_list(const char *name)
{
	static const char *const lists[] = { "cert_san", "failed", "would_failed" };

	return IS_ONE_OF(name, lists);
}

static const char *
text_at(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

/* An array is written anew, whatever the journal holds. */
static void
write_list(const char *text, struct buffer *line)
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
write_value(sqlite3_stmt *row, int column, const char *name, bool is_time,
    struct buffer *line)
{
	char time[JOURNAL_TIME_SIZE];

	if (is_time) {
		journal_time(sqlite3_column_int64(row, column), time);
		text_json(line, time);
	} else if (sqlite3_column_type(row, column) == SQLITE_INTEGER)
		buffer_format(line, "%lld", (long long)sqlite3_column_int64(row, column));
	else if (is_list(name))
		write_list(text_at(row, column), line);
	else
		text_json(line, text_at(row, column));
}

/* The name of a column, and whether it is a time. */
static const char *
column_name(int column, bool *is_time)
{
	int which = column - (int)record_field_count;

	if (which < 0) {
		*is_time = column == 0;
		return record_fields[column].name;
	}
	*is_time = which == EXTRA_FIRST || which == EXTRA_LAST;
	return extra[which];
}

void
journal_row_json(sqlite3_stmt *row, struct buffer *line)
{
	bool is_time;

	buffer_add(line, "{", 1);
	for (int column = 0; column < extra_column(EXTRA_COUNT); column++) {
		const char *name = column_name(column, &is_time);

		if (sqlite3_column_type(row, column) == SQLITE_NULL)
			continue;
		/* The time is always there, and the first. */
		buffer_format(line, "%s\"%s\":", column == 0 ? "" : ",", name);
		write_value(row, column, name, is_time, line);
	}
	buffer_add(line, "}", 1);
}

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
	bool is_time;

	for (int column = 0; column < extra_column(EXTRA_COUNT); column++)
		buffer_format(line, "%s%s", column == 0 ? "" : ",",
		    column_name(column, &is_time));
	buffer_string(line, "\r\n");
}

void
journal_row_csv(sqlite3_stmt *row, struct buffer *line)
{
	char time[JOURNAL_TIME_SIZE];
	bool is_time;

	for (int column = 0; column < extra_column(EXTRA_COUNT); column++) {
		(void)column_name(column, &is_time);
		if (column > 0)
			buffer_add(line, ",", 1);
		if (sqlite3_column_type(row, column) == SQLITE_NULL)
			continue;
		if (is_time)
			journal_time(sqlite3_column_int64(row, column), time);
		journal_row_csv_value(is_time ? time : text_at(row, column), line);
	}
	buffer_string(line, "\r\n");
}

const char *
journal_row_text(sqlite3_stmt *row, const char *name)
{
	bool is_time;

	for (int column = 0; column < extra_column(EXTRA_COUNT); column++)
		if (strcmp(column_name(column, &is_time), name) == 0)
			return text_at(row, column);
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
	return sqlite3_column_int64(row, extra_column(EXTRA_COUNT));
}

int64_t
journal_row_messages(sqlite3_stmt *row)
{
	return sqlite3_column_int64(row, extra_column(EXTRA_MESSAGES));
}
