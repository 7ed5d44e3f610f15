/*
 * ship_text.c - texts as PostgreSQL takes them, whatever they hold.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/ship_room.h"

#include "base/text.h"

/* Of the second supplementary private use area, to which no standard gives characters. */
#define STANDS_FOR_BYTE 0x10FF00u

static void
ship_byte(struct buffer *line, unsigned char byte)
{
	const uint32_t code = STANDS_FOR_BYTE + byte;
	const char bytes[] = {
		(char)(0xF0 | code >> 18), (char)(0x80 | (code >> 12 & 0x3F)),
		(char)(0x80 | (code >> 6 & 0x3F)), (char)(0x80 | (code & 0x3F))
	};

	buffer_add(line, bytes, sizeof(bytes));
}

/* How many bytes from here on are UTF-8 that stands for itself, and need no escape. */
static size_t
ship_plain(const char *text, size_t length)
{
	size_t at = 0, step;
	uint32_t code;

	for (; at < length; at += step) {
		unsigned char byte = (unsigned char)text[at];

		step = 1;
		if (byte >= 0x20 && byte < 0x7F && byte != '\\')
			continue;
		if (byte < 0x80)
			break;
		step = text_next(text + at, length - at, &code);
		if (code == TEXT_BROKEN || (code & ~0xFFu) == STANDS_FOR_BYTE)
			break;
	}
	return at;
}

void
ship_text(struct buffer *line, const char *text, size_t length)
{
	while (length > 0) {
		size_t plain = ship_plain(text, length), taken = 1;
		uint32_t code;

		buffer_add(line, text, plain);
		text += plain;
		length -= plain;
		if (length == 0)
			return;
		if ((unsigned char)text[0] >= 0x80)
			taken = text_next(text, length, &code);
		if (text[0] == '\\')
			buffer_string(line, "\\\\");
		else if (text[0] == '\0' || (unsigned char)text[0] >= 0x80)
			for (size_t i = 0; i < taken; i++)
				ship_byte(line, (unsigned char)text[i]);
		else if (text[0] == '\n' || text[0] == '\r' || text[0] == '\t')
			buffer_string(line, text[0] == '\n' ? "\\n" : text[0] == '\r' ? "\\r" :
			    "\\t");
		else
			buffer_add(line, text, 1);
		text += taken;
		length -= taken;
	}
}
