/*
 * json.c - a record as a JSON object.
 *
 * Written by hand: a document tree of jansson's costs ten times what the line
 * does. The text is pure ASCII, so that no line splitter sees more than one line.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/record.h"
#include "base/buffer.h"
#include "base/text.h"

static struct text_piece
add_text(struct buffer *buffer, const char *text, size_t *left)
{
	struct text_piece piece = text_take(text, left);

	buffer_add(buffer, "\"", 1);
	text_escape(buffer, text, piece.length, TEXT_QUOTED_ASCII);
	if (piece.cut)
		buffer_add(buffer, "...", 3);
	buffer_add(buffer, "\"", 1);
	return piece;
}

static void
write_name(struct buffer *buffer, const char *name, bool first)
{
	buffer_string(buffer, first ? "\"" : ",\"");
	buffer_string(buffer, name);
	buffer_add(buffer, "\":", 2);
}

static void
write_text(struct buffer *buffer, const char *text, size_t value_max)
{
	size_t left = text_limit(value_max);

	(void)add_text(buffer, text, &left);
}

static void
write_list(struct buffer *buffer, const char *const *list, size_t count,
    size_t value_max)
{
	size_t left = text_limit(value_max);

	buffer_add(buffer, "[", 1);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_add(buffer, ",", 1);
		if (add_text(buffer, list[i], &left).cut)
			break;
	}
	buffer_add(buffer, "]", 1);
}

const struct record_writer record_json = {
	.open = "{",
	.close = "}",
	.name = write_name,
	.text = write_text,
	.list = write_list,
};

void
journal_error_write(const char *error, size_t line, struct buffer *buffer)
{
	buffer_add(buffer, "{", 1);
	write_name(buffer, "error", true);
	write_text(buffer, error, 0);
	write_name(buffer, "line", false);
	buffer_format(buffer, "%zu}", line);
}
