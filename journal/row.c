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
row_add_text(struct buffer *columns, const char *text)
{
	size_t left = ROW_VALUE_MAX;
	struct text_piece piece = text_take(text, &left);

	text_repair(columns, text, piece.length);
	if (piece.cut)
		buffer_add(columns, "...", 3);
}

/* The length of what is text is known, and put in, behind it. */
static void
row_add_value(struct buffer *columns, const struct record_value *value)
{
	size_t at = columns->length;
	uint32_t length;

	if (value->type == VALUE_NONE || value->type == VALUE_NUMBER) {
		row_add_head(columns, value->type == VALUE_NONE ? ROW_NULL : ROW_NUMBER,
		    value->number);
		return;
	}
	row_add_head(columns, ROW_TEXT, 0);
	if (value->type == VALUE_LIST)
		record_json_list(columns, value->list, ROW_VALUE_MAX);
	else
		row_add_text(columns, value->text);
	if (columns->failed)
		return;
	length = (uint32_t)(columns->length - at - 1 - sizeof(length));
	memcpy(columns->text + at + 1, &length, sizeof(length));
}

/* The tables in whose order a row has its columns. */
static const unsigned row_tables[][4] = {
	[ROW_RECORD] = { IN_RECORD },
	[ROW_MESSAGE] = { IN_FACTS, IN_CERTIFICATE, IN_ROLLUP },
};

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

const char *
row_find(const struct row *row, const char *name, struct row_value *value)
{
	const struct record_field *field = NULL;
	const char *at = row->columns, *next;

	for (const unsigned *table = row_tables[row->kind]; *table != 0; table++)
		for (; (field = record_field_next(field, *table)) != NULL; at = next) {
			next = row_column(at, value);
			if (strcmp(field->name, name) == 0)
				return at;
		}
	*value = (struct row_value){ ROW_NULL, 0, NULL };
	return NULL;
}

void
row_forget(struct row *row, const char *at)
{
	struct row_value value;
	const char *behind = row_column(at, &value), *end = row->columns;
	size_t less = (size_t)(behind - at) - 1;
	const struct record_field *field = NULL;

	for (const unsigned *table = row_tables[row->kind]; *table != 0; table++)
		while ((field = record_field_next(field, *table)) != NULL)
			end = row_column(end, &value);
	row->columns[at - row->columns] = ROW_NULL;
	memmove(row->columns + (at - row->columns) + 1, behind, (size_t)(end - behind));
	row->key -= less;
}

/* Puts the columns behind the row's head. */
static void
row_fill(struct buffer *block, struct record_view *view, struct row *head)
{
	const struct record_field *field = NULL;
	struct record_value value;

	for (const unsigned *table = row_tables[head->kind]; *table != 0; table++) {
		if (*table == IN_ROLLUP)
			head->key = block->length - offsetof(struct row, columns);
		while ((field = record_field_next(field, *table)) != NULL) {
			value = record_field_value(field, view);
			row_add_value(block, &value);
		}
	}
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
	row_fill(&block, &view, &head);
	if (block.failed || view.text.failed) {
		buffer_free(&block);
	} else {
		head.size = block.room;
		head.length = block.length - offsetof(struct row, columns);
		memcpy(block.text, &head, offsetof(struct row, columns));
		row = (struct row *)(void *)block.text;
	}
	buffer_free(&view.text);
	return row;
}

/* Only what row_new() put together is whole: as many columns, none of them cut. */
static bool
row_is_whole(const char *columns, size_t length)
{
	const struct record_field *field = NULL;
	size_t at = 0;

	while ((field = record_field_next(field, IN_RECORD)) != NULL) {
		size_t left = length - at;
		uint32_t number = 0;

		if (left == 0 || columns[at] < ROW_NULL || columns[at] > ROW_TEXT ||
		    (columns[at] != ROW_NULL && left < 1 + sizeof(number)))
			return false;
		if (columns[at] == ROW_TEXT)
			memcpy(&number, columns + at + 1, sizeof(number));
		if (columns[at] == ROW_TEXT && number > left - 1 - sizeof(number))
			return false;
		at += columns[at] == ROW_NULL ? 1 : 1 + sizeof(number) + number;
	}
	return at == length;
}

struct row *
row_restore(const char *columns, size_t length)
{
	struct row *row = row_is_whole(columns, length) ?
	    malloc(offsetof(struct row, columns) + length) : NULL;

	if (row == NULL)
		return NULL;
	*row = (struct row){ .kind = ROW_RECORD, .length = length,
	    .size = offsetof(struct row, columns) + length };
	memcpy(row->columns, columns, length);
	return row;
}

void
rows_free(struct row *row)
{
	while (row != NULL) {
		struct row *next = row->next;

		free(row);
		row = next;
	}
}
