/*
 * text.c - UTF-8 and escaping.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT 0xFFFDu

/* Code points that show as nothing, as a line's end, or turn the text around. */
static const struct {
	uint32_t first, last;
} hazards[] = {
	{ 0x0000, 0x001F },	/* C0 */
	{ 0x007F, 0x009F },	/* DEL, C1 */
	{ 0x00AD, 0x00AD },	/* soft hyphen */
	{ 0x061C, 0x061C },	/* Arabic letter mark */
	{ 0x115F, 0x1160 },	/* Hangul fillers */
	{ 0x180E, 0x180E },	/* Mongolian vowel separator */
	{ 0x200B, 0x200F },	/* zero width; left-to-right, right-to-left mark */
	{ 0x2028, 0x202E },	/* line, paragraph separator; embeddings, overrides */
	{ 0x2060, 0x206F },	/* isolates and other invisible formats */
	{ 0x3164, 0x3164 },	/* Hangul filler */
	{ 0xFEFF, 0xFEFF },	/* byte order mark */
	{ 0xFFA0, 0xFFA0 },	/* Hangul filler, half width */
	{ 0xFFF9, 0xFFFB },	/* interlinear annotation */
	{ 0xFFFE, 0xFFFF },	/* no characters: XML must not have them */
	{ 0xE0000, 0xE007F },	/* tags */
};

static bool
text_is_hazard(uint32_t code)
{
	for (size_t i = 0; i < sizeof(hazards) / sizeof(hazards[0]); i++)
		if (code >= hazards[i].first && code <= hazards[i].last)
			return true;
	return false;
}

/* How many bytes follow a first one; 0: it cannot be one of several. */
static size_t
text_more(unsigned char first)
{
	return first < 0xC2 || first > 0xF4 ? 0 :
	    first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
}

size_t
text_next(const char *text, size_t length, uint32_t *code)
{
	const unsigned char *byte = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xBF;
	size_t more = text_more(byte[0]);
	uint32_t value = byte[0] & (0x3Fu >> more);

	*code = byte[0] < 0x80 ? byte[0] : TEXT_BROKEN;
	if (more == 0)
		return 1;
	/* Unicode, table 3-7: what the second byte may be. */
	if (byte[0] == 0xE0 || byte[0] == 0xF0)
		low = byte[0] == 0xE0 ? 0xA0 : 0x90;
	if (byte[0] == 0xED || byte[0] == 0xF4)
		high = byte[0] == 0xED ? 0x9F : 0x8F;
	for (size_t i = 1; i <= more; i++) {
		if (i >= length || byte[i] < low || byte[i] > high)
			return i;
		value = value << 6 | (byte[i] & 0x3Fu);
		low = 0x80;
		high = 0xBF;
	}
	*code = value;
	return more + 1;
}

size_t
text_utf8_length(const char *text, size_t length)
{
	size_t at = 0;
	uint32_t code;

	while (at < length) {
		size_t took = text_next(text + at, length - at, &code);

		if (code == TEXT_BROKEN)
			break;
		at += took;
	}
	return at;
}

static bool
text_is_plain(char c)
{
	return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static void
text_escape_unit(struct buffer *buffer, uint32_t unit)
{
	static const char digit[] = "0123456789ABCDEF";
	char escape[6] = { '\\', 'u', digit[unit >> 12 & 15], digit[unit >> 8 & 15],
		digit[unit >> 4 & 15], digit[unit & 15] };

	buffer_add(buffer, escape, sizeof(escape));
}

/* As \uXXXX, beyond the first plane as a pair of surrogates. */
static void
text_escape_code(struct buffer *buffer, uint32_t code)
{
	if (code < 0x10000) {
		text_escape_unit(buffer, code);
		return;
	}
	code -= 0x10000;
	text_escape_unit(buffer, 0xD800 + (code >> 10));
	text_escape_unit(buffer, 0xDC00 + (code & 0x3FF));
}

static void
text_write_code(struct buffer *buffer, uint32_t code, const char *bytes, size_t length,
    enum text_style style)
{
	bool quoted = style != TEXT_PLAIN;

	if (code == TEXT_BROKEN) {
		code = REPLACEMENT;
		bytes = "\xEF\xBF\xBD";
		length = 3;
	}
	if (code == '\n')
		buffer_add(buffer, "\\n", 2);
	else if (code == '\r')
		buffer_add(buffer, "\\r", 2);
	else if (code == '\t')
		buffer_add(buffer, "\\t", 2);
	else if (text_is_hazard(code) || (style == TEXT_QUOTED_ASCII && code >= 0x80))
		text_escape_code(buffer, code);
	else {
		if (quoted && (code == '"' || code == '\\'))
			buffer_add(buffer, "\\", 1);
		buffer_add(buffer, bytes, length);
	}
}

void
text_escape(struct buffer *buffer, const char *text, size_t length,
    enum text_style style)
{
	size_t at = 0;

	while (at < length) {
		size_t run = at;
		uint32_t code;

		while (run < length && text_is_plain(text[run]))
			run++;
		if (run > at)
			buffer_add(buffer, text + at, run - at);
		if (run == length)
			break;
		at = run + text_next(text + run, length - run, &code);
		text_write_code(buffer, code, text + run, at - run, style);
	}
}

void
text_repair(struct buffer *buffer, const char *text, size_t length)
{
	size_t at = 0;
	uint32_t code;

	while (at < length) {
		size_t sound = text_utf8_length(text + at, length - at);

		buffer_add(buffer, text + at, sound);
		at += sound;
		if (at == length)
			break;
		at += text_next(text + at, length - at, &code);
		buffer_add(buffer, "\xEF\xBF\xBD", 3);
	}
}

void
text_decimal(struct buffer *buffer, unsigned number)
{
	char digits[3 * sizeof(number)];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buffer_add(buffer, digits + at, sizeof(digits) - at);
}

void
text_visible(struct buffer *buffer, const char *text)
{
	text_escape(buffer, text, strlen(text), TEXT_PLAIN);
}

void
text_json(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, "\"", 1);
	text_escape(buffer, text, strlen(text), TEXT_QUOTED_ASCII);
	buffer_add(buffer, "\"", 1);
}

bool
text_is_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

void
text_append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text + used, size - used, format, ap);
	va_end(ap);
}

size_t
text_limit(size_t value_max)
{
	return value_max == 0 ? SIZE_MAX : value_max;
}

struct text_piece
text_take(const char *text, size_t *left)
{
	struct text_piece piece = { strlen(text), false };

	if (piece.length > *left) {
		size_t at = 0;
		uint32_t code;

		for (;;) {
			size_t took = text_next(text + at, piece.length - at, &code);

			if (took > *left - at)
				break;
			at += took;
		}
		piece.length = at;
		piece.cut = true;
	}
	*left -= piece.length;
	return piece;
}
