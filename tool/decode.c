/*
 * decode.c - text of whatever encoding Windows and others write, as UTF-8.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/decode.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

static void
add_code(struct buffer *text, uint32_t code)
{
	unsigned char bytes[4];
	size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char leads[] = { 0, 0, 0xC0, 0xE0, 0xF0 };

	for (size_t i = length - 1; i > 0; i--) {
		bytes[i] = (unsigned char)(0x80 | (code & 0x3F));
		code >>= 6;
	}
	bytes[0] = (unsigned char)(leads[length] | code);
	if (bytes[0] != '\r')
		buffer_add(text, (const char *)bytes, length);
}

static uint32_t
utf16_unit(const char *bytes, bool big)
{
	unsigned char one = (unsigned char)bytes[0], other = (unsigned char)bytes[1];

	return big ? (uint32_t)one << 8 | other : (uint32_t)other << 8 | one;
}

static void
decode_utf16(const char *bytes, size_t length, bool big, struct buffer *text)
{
	for (size_t i = 0; i + 1 < length; i += 2) {
		uint32_t code = utf16_unit(bytes + i, big), next;

		if (code >= 0xD800 && code < 0xDC00 && i + 3 < length) {
			next = utf16_unit(bytes + i + 2, big);
			if (next >= 0xDC00 && next < 0xE000) {
				code = 0x10000 + ((code - 0xD800) << 10) + (next - 0xDC00);
				i += 2;
			}
		}
		add_code(text, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
	}
}

/* What is not ISO 8859-1 in windows-1252: 0x80 to 0x9F. */
static void
decode_ansi(const char *bytes, size_t length, struct buffer *text)
{
	static const uint16_t codes[32] = {
		0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030,
		0x160, 0x2039, 0x152, 0x8D, 0x17D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D,
		0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178
	};

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		add_code(text, byte >= 0x80 && byte < 0xA0 ? codes[byte - 0x80] : byte);
	}
}

/*
 * Whether the bytes are UTF-16 without a mark: of ASCII text every second one is 0, and
 * the first ones of a file are such.
 */
static bool
looks_utf16(const char *bytes, size_t length, bool big)
{
	size_t looked = length < 64 ? length : 64;

	for (size_t i = 0; i + 1 < looked; i += 2)
		if (bytes[i + big] == '\0' || bytes[i + !big] != '\0')
			return false;
	return length >= 2 && length % 2 == 0;
}

void
decode_text(const char *bytes, size_t length, struct buffer *text)
{
	bool little = length >= 2 && memcmp(bytes, "\xFF\xFE", 2) == 0;
	bool big = length >= 2 && memcmp(bytes, "\xFE\xFF", 2) == 0;
	bool mark = length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0;

	if (little || big)
		decode_utf16(bytes + 2, length - 2, big, text);
	else if (looks_utf16(bytes, length, false) || looks_utf16(bytes, length, true))
		decode_utf16(bytes, length, bytes[0] == '\0', text);
	else if (text_utf8_length(bytes, length) == length)
		for (size_t i = mark ? 3 : 0; i < length; i++) {
			if (bytes[i] != '\r')
				buffer_add(text, bytes + i, 1);
		}
	else
		decode_ansi(bytes, length, text);
	buffer_string(text, "");
}
