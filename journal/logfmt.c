/*
 * logfmt.c - a record as name=value pairs.
 *
 * A value is quoted where it is more than a run of harmless ASCII, and inside
 * quotes the escapes are JSON's. The elements of a list stand behind one another
 * with commas between; a comma or a backslash within an element has a backslash
 * before it, and that is done before the value as a whole is quoted.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "journal/record.h"
#include "base/buffer.h"
#include "base/text.h"

static bool
needs_quotes(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7F || strchr("\"=\\", text[i]))
			return true;
	return length == 0;
}

static void
add_value(struct buffer *buffer, const char *text, size_t length)
{
	if (!needs_quotes(text, length)) {
		buffer_add(buffer, text, length);
		return;
	}
	buffer_add(buffer, "\"", 1);
	text_escape(buffer, text, length, TEXT_QUOTED);
	buffer_add(buffer, "\"", 1);
}

static void
write_name(struct buffer *buffer, const char *name, bool first)
{
	if (!first)
		buffer_add(buffer, " ", 1);
	buffer_string(buffer, name);
	buffer_add(buffer, "=", 1);
}

static void
write_text(struct buffer *buffer, const char *text, size_t value_max)
{
	struct buffer whole = BUFFER_INIT;
	size_t left = text_limit(value_max);
	struct text_piece piece = text_take(text, &left);

	if (!piece.cut) {
		add_value(buffer, text, piece.length);
		return;
	}
	buffer_add(&whole, text, piece.length);
	buffer_add(&whole, "...", 3);
	if (whole.failed)
		buffer->failed = true;
	else
		add_value(buffer, whole.text, whole.length);
	buffer_free(&whole);
}

/* One element, with what separates elements escaped. */
static void
add_element(struct buffer *buffer, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == ',' || text[i] == '\\')
			buffer_add(buffer, "\\", 1);
		buffer_add(buffer, &text[i], 1);
	}
}

static void
write_list(struct buffer *buffer, const char *const *list, size_t count,
    size_t value_max)
{
	struct buffer whole = BUFFER_INIT;
	size_t left = text_limit(value_max);

	buffer_string(&whole, "");
	for (size_t i = 0; i < count; i++) {
		struct text_piece piece = text_take(list[i], &left);

		if (i > 0)
			buffer_add(&whole, ",", 1);
		add_element(&whole, list[i], piece.length);
		if (piece.cut) {
			buffer_add(&whole, "...", 3);
			break;
		}
	}
	if (whole.failed)
		buffer->failed = true;
	else
		add_value(buffer, whole.text, whole.length);
	buffer_free(&whole);
}

const struct record_writer record_logfmt = {
	.open = "",
	.close = "",
	.name = write_name,
	.text = write_text,
	.list = write_list,
};
