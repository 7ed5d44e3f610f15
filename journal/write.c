/*
 * write.c - a record as a line: name=value pairs (logfmt), or a JSON object.
 *
 * JSON is written by hand: every decision writes a record, and a document tree of
 * jansson's costs ten times what the line does. It is pure ASCII, so that no line
 * splitter sees more than one line.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "journal/record.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/diag.h"
#include "base/text.h"

/* ------------------------------------------------------------------ *
 * JSON
 * ------------------------------------------------------------------ */

/* Returns whether it was cut. */
static bool
json_add_text(struct buffer *buffer, const char *text, size_t *left)
{
	struct text_piece piece = text_take(text, left);

	buffer_add(buffer, "\"", 1);
	text_escape(buffer, text, piece.length, TEXT_QUOTED_ASCII);
	if (piece.cut)
		buffer_add(buffer, "...", 3);
	buffer_add(buffer, "\"", 1);
	return piece.cut;
}

void
record_json_list(struct buffer *buffer, struct fact_list list, size_t value_max)
{
	size_t left = text_limit(value_max);

	buffer_add(buffer, "[", 1);
	for (size_t i = 0; i < list.count; i++) {
		if (i > 0)
			buffer_add(buffer, ",", 1);
		if (json_add_text(buffer, list.strings[i], &left))
			break;
	}
	buffer_add(buffer, "]", 1);
}

/* ------------------------------------------------------------------ *
 * logfmt
 * ------------------------------------------------------------------ */

static bool
logfmt_needs_quotes(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7F || strchr("\"=\\", text[i]))
			return true;
	return false;
}

/* A value is quoted where it is more than a run of harmless ASCII, or is empty. */
static void
logfmt_add(struct buffer *buffer, const char *text, struct text_piece piece)
{
	bool quotes = logfmt_needs_quotes(text, piece.length) ||
	    (piece.length == 0 && !piece.cut);

	if (quotes) {
		buffer_add(buffer, "\"", 1);
		text_escape(buffer, text, piece.length, TEXT_QUOTED);
	} else {
		buffer_add(buffer, text, piece.length);
	}
	if (piece.cut)
		buffer_add(buffer, "...", 3);
	if (quotes)
		buffer_add(buffer, "\"", 1);
}

/* One element, with a backslash before what separates elements. */
static void
logfmt_add_element(struct buffer *buffer, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == ',' || text[i] == '\\')
			buffer_add(buffer, "\\", 1);
		buffer_add(buffer, &text[i], 1);
	}
}

/* The elements have commas between, and then all of it is quoted as one value. */
static void
logfmt_add_list(struct buffer *buffer, struct fact_list list, size_t value_max)
{
	struct buffer whole = BUFFER_INIT;
	struct text_piece piece = { 0, false };
	size_t left = text_limit(value_max);

	buffer_string(&whole, "");
	for (size_t i = 0; i < list.count && !piece.cut; i++) {
		piece = text_take(list.strings[i], &left);
		if (i > 0)
			buffer_add(&whole, ",", 1);
		logfmt_add_element(&whole, list.strings[i], piece.length);
	}
	if (whole.failed)
		buffer->failed = true;
	else
		logfmt_add(buffer, whole.text,
		    (struct text_piece){ whole.length, piece.cut });
	buffer_free(&whole);
}

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

static void
log_line_name(struct buffer *buffer, enum journal_format format, const char *name,
    bool first)
{
	bool json = format == JOURNAL_JSON;

	buffer_string(buffer, json ? first ? "{\"" : ",\"" : first ? "" : " ");
	buffer_string(buffer, name);
	buffer_string(buffer, json ? "\":" : "=");
}

static void
log_line_text(struct buffer *buffer, enum journal_format format, const char *text,
    size_t value_max)
{
	size_t left = text_limit(value_max);

	if (format == JOURNAL_JSON)
		(void)json_add_text(buffer, text, &left);
	else
		logfmt_add(buffer, text, text_take(text, &left));
}

static void
log_line_value(struct buffer *buffer, enum journal_format format,
    const struct record_value *value, size_t value_max)
{
	if (value->type == VALUE_TEXT)
		log_line_text(buffer, format, value->text, value_max);
	else if (value->type == VALUE_NUMBER)
		text_decimal(buffer, value->number);
	else if (format == JOURNAL_JSON)
		record_json_list(buffer, value->list, value_max);
	else
		logfmt_add_list(buffer, value->list, value_max);
}

static void
log_line_end(struct buffer *buffer, enum journal_format format)
{
	if (format == JOURNAL_JSON)
		buffer_add(buffer, "}", 1);
}

void
journal_record_write(const struct journal_record *record, enum journal_format format,
    size_t value_max, struct buffer *buffer)
{
	struct record_view view = { .record = record, .text = BUFFER_INIT };
	const struct record_field *field = NULL;
	struct record_value value;
	bool first = true;

	while ((field = record_field_next(field, IN_LINE)) != NULL) {
		value = record_field_value(field, &view);
		if (value.type == VALUE_NONE)
			continue;
		log_line_name(buffer, format, field->name, first);
		log_line_value(buffer, format, &value, value_max);
		first = false;
	}
	log_line_end(buffer, format);
	buffer->failed |= view.text.failed;
	buffer_free(&view.text);
}

void
journal_message_write(int64_t time_ms, enum severity level, const char *message,
    enum journal_format format, size_t value_max, struct buffer *buffer)
{
	char time[DATE_MS_SIZE];

	date_write_ms(time_ms, time);
	log_line_name(buffer, format, "time", true);
	log_line_text(buffer, format, time, value_max);
	log_line_name(buffer, format, "level", false);
	log_line_text(buffer, format, severity_name(level), value_max);
	log_line_name(buffer, format, "msg", false);
	log_line_text(buffer, format, message, value_max);
	log_line_end(buffer, format);
}

void
journal_error_write(const char *error, size_t line, struct buffer *buffer)
{
	log_line_name(buffer, JOURNAL_JSON, "error", true);
	log_line_text(buffer, JOURNAL_JSON, error, 0);
	log_line_name(buffer, JOURNAL_JSON, "line", false);
	buffer_format(buffer, "%zu}", line);
}

/* ------------------------------------------------------------------ *
 * One value
 * ------------------------------------------------------------------ */

/* The name of the field at "index" of those that are facts, or are not. */
static const char *
field_name_at(size_t index, bool facts)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, IN_LINE)) != NULL)
		if (record_field_is_fact(field) == facts && index-- == 0)
			return field->name;
	return NULL;
}

const char *
journal_fact_name(size_t index)
{
	return field_name_at(index, true);
}

const char *
journal_result_name(size_t index)
{
	return field_name_at(index, false);
}

/* The value as it is, or for people: then a list has spaces behind its commas. */
static void
record_add_value(const struct record_value *value, bool visible, struct buffer *buffer)
{
	void (*add)(struct buffer *, const char *) =
	    visible ? text_visible : buffer_string;

	if (value->type == VALUE_NUMBER)
		text_decimal(buffer, value->number);
	else if (value->type == VALUE_TEXT)
		add(buffer, visible && value->text[0] == '\0' ? "\"\"" : value->text);
	else if (visible && value->list.count == 0)
		buffer_string(buffer, "(none)");
	for (size_t i = 0; i < value->list.count; i++) {
		buffer_string(buffer, i == 0 ? "" : visible ? ", " : ",");
		add(buffer, value->list.strings[i]);
	}
}

static bool
record_show(const struct journal_record *record, const struct record_field *field,
    bool visible, struct buffer *buffer)
{
	struct record_view view = { .record = record, .text = BUFFER_INIT };
	struct record_value value = record_field_value(field, &view);

	if (value.type != VALUE_NONE)
		record_add_value(&value, visible, buffer);
	buffer->failed |= view.text.failed;
	buffer_free(&view.text);
	return value.type != VALUE_NONE;
}

bool
journal_fact_text(const struct facts *facts, const char *name, struct buffer *buffer)
{
	const struct journal_record record = { .facts = facts };
	const struct record_field *field = record_field_find(name, NULL);

	return field != NULL && record_field_is_fact(field) &&
	    record_show(&record, field, true, buffer);
}

bool
journal_record_text(const struct journal_record *record, const char *name,
    struct buffer *buffer)
{
	const struct record_field *field = record_field_find(name, NULL);

	return field != NULL && record_show(record, field, false, buffer);
}
