/*
 * row.c - a decision as it goes into the journal's tables.
 *
 * What a column holds is what the record's JSON would: invalid UTF-8 is replaced, a
 * long value cut, a list an array. It is put together by the thread that decided, so
 * that the writer has nothing but SQLite to wait for.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include "journal/record.h"
#include "base/buffer.h"
#include "base/text.h"

/* ------------------------------------------------------------------ *
 * Columns
 * ------------------------------------------------------------------ */

static void
row_add_head(struct buffer *columns, enum row_type type, uint32_t number)
{
	char head[1 + sizeof(number)] = { (char)type };

	memcpy(head + 1, &number, sizeof(number));
	buffer_add(columns, head, type == ROW_NULL ? 1 : sizeof(head));
}

static void
row_add_null(struct buffer *columns)
{
	row_add_head(columns, ROW_NULL, 0);
}

/* Puts in the length of the text that was added behind the head at "at". */
static void
row_end_text(struct buffer *columns, size_t at)
{
	uint32_t length;

	if (columns->failed)
		return;
	length = (uint32_t)(columns->length - at - 1 - sizeof(length));
	memcpy(columns->text + at + 1, &length, sizeof(length));
}

static void
row_add_text(struct buffer *columns, const char *text)
{
	size_t at = columns->length, left = ROW_VALUE_MAX;
	struct text_piece piece;

	if (text == NULL) {
		row_add_null(columns);
		return;
	}
	row_add_head(columns, ROW_TEXT, 0);
	piece = text_take(text, &left);
	text_repair(columns, text, piece.length);
	if (piece.cut)
		buffer_add(columns, "...", 3);
	row_end_text(columns, at);
}

static void
row_add_list(struct buffer *columns, const struct record_value *value)
{
	size_t at = columns->length;

	row_add_head(columns, ROW_TEXT, 0);
	record_json_list(columns, value->list, value->count, ROW_VALUE_MAX);
	row_end_text(columns, at);
}

static void
row_add_value(struct buffer *columns, const struct record_value *value)
{
	if (value->type == VALUE_NUMBER)
		row_add_head(columns, ROW_NUMBER, value->number);
	else if (value->type == VALUE_LIST)
		row_add_list(columns, value);
	else
		row_add_text(columns, value->text);
}

/* All columns of a table. */
static void
row_add(struct buffer *columns, struct record_view *view, unsigned table)
{
	const struct record_field *field = NULL;
	struct record_value value = { 0 };

	while ((field = record_field_next(field, table)) != NULL) {
		if (!record_field_value(field, view, &value))
			row_add_null(columns);
		else
			row_add_value(columns, &value);
	}
}

const char *
row_column(const char *at, struct row_value *value)
{
	value->type = (enum row_type)*at++;
	value->number = 0;
	value->text = NULL;
	if (value->type == ROW_NULL)
		return at;
	memcpy(&value->number, at, sizeof(value->number));
	at += sizeof(value->number);
	if (value->type == ROW_TEXT) {
		value->text = at;
		at += value->number;
	}
	return at;
}

static const char *
row_find_in(const char *at, unsigned table, const char *name, struct row_value *value)
{
	const struct record_field *field = NULL;

	while ((field = record_field_next(field, table)) != NULL) {
		at = row_column(at, value);
		if (strcmp(field->name, name) == 0)
			return NULL;
	}
	return at;
}

struct row_value
row_find(const struct row *row, const char *name)
{
	struct row_value value = { ROW_NULL, 0, NULL };
	const char *at = row->columns;

	if (row->kind == ROW_RECORD) {
		(void)row_find_in(at, IN_RECORD, name, &value);
		return value;
	}
	at = row_find_in(at, IN_FACTS, name, &value);
	if (at != NULL)
		at = row_find_in(at, IN_CERTIFICATE, name, &value);
	if (at != NULL)
		(void)row_find_in(at, IN_ROLLUP, name, &value);
	return value;
}

/* ------------------------------------------------------------------ *
 * The row
 * ------------------------------------------------------------------ */

/* Whoever sends through us with a name and a password is no partner's host. */
static bool
row_is_clear(const struct journal_record *record)
{
	const struct facts *facts = record->facts;

	return policy_encrypted(facts) == POLICY_NO && !facts->local &&
	    facts->sasl_username == NULL && record->verdict->from_domain[0] != '\0';
}

bool
row_is_kept(const struct verdict *verdict)
{
	return verdict->action != POLICY_ACCEPT || verdict->would != POLICY_ACCEPT ||
	    verdict->exempt;
}

struct row *
row_new(const struct journal_record *record, enum row_kind kind)
{
	struct record_view view = { .record = record, .text = BUFFER_INIT };
	struct buffer block = BUFFER_INIT;
	const enum policy_action action = record->verdict->action;
	struct row head = {
		.time_ms = record->time_ms,
		.kind = kind,
		.refused = action == POLICY_REJECT || action == POLICY_TEMPFAIL,
		.clear = row_is_clear(record),
	};
	struct row *row = NULL;

	buffer_add(&block, (const char *)&head, offsetof(struct row, columns));
	if (kind == ROW_RECORD) {
		row_add(&block, &view, IN_RECORD);
	} else {
		row_add(&block, &view, IN_FACTS);
		row_add(&block, &view, IN_CERTIFICATE);
		head.key = block.length - offsetof(struct row, columns);
		row_add(&block, &view, IN_ROLLUP);
	}
	if (block.failed || view.text.failed) {
		buffer_free(&block);
	} else {
		head.length = block.length - offsetof(struct row, columns);
		head.size = block.room;
		memcpy(block.text, &head, offsetof(struct row, columns));
		row = (struct row *)(void *)block.text;
	}
	buffer_free(&view.text);
	return row;
}
