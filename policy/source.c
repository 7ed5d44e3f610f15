/*
 * source.c - reading a policy file or a list file, and reporting places in it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/messages.h"
#include "base/diag.h"
#include "base/file.h"


static bool
continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t
utf8_length(const char *text, size_t room)
{
	const unsigned char *u = (const unsigned char *)text;
	size_t length = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 :
	    u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;

	if (length > room)
		return 0;
	for (size_t i = 1; i < length; i++)
		if (!continues(text[i]))
			return 0;
	/* Overlong forms, surrogates, beyond U+10FFFF (RFC 3629 section 4). */
	if (length == 3 && ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f)))
		return 0;
	if (length == 4 && ((u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f)))
		return 0;
	return length;
}

/* Replaces NUL and broken UTF-8 from "c" to the end of its line. */
static void
clean_line(char *c, const char *end)
{
	while (c < end && *c != '\n') {
		size_t length = utf8_length(c, (size_t)(end - c));

		if (length == 0 || *c == '\0') {
			*c = SOURCE_BAD;
			length = 1;
		}
		c += length;
	}
}

static const char *
damage(char byte)
{
	return byte == '\0' ? MSG_NUL : byte == SOURCE_BAD ? MSG_CONTROL : MSG_UTF8;
}

/* Over all that is ASCII and neither NUL nor the byte that stands for errors. */
static char *
skip_ascii(char *c, const char *end)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
	uint64_t word;

	for (; end - c >= (ptrdiff_t)sizeof(word); c += sizeof(word)) {
		memcpy(&word, c, sizeof(word));
		if (((word | ((word - ones * 2) & ~word)) & high) != 0)
			break;
	}
	while (c < end && (unsigned char)*c < 0x80 && *c != '\0' && *c != SOURCE_BAD)
		c++;
	return c;
}

/* Moves a place on to "at". */
static void
find_place(struct place *place, const char *at)
{
	const char *newline;

	while ((newline = memchr(place->start, '\n', (size_t)(at - place->start))) != NULL) {
		place->line++;
		place->start = newline + 1;
	}
	place->column = 1;
	for (const char *c = place->start; c < at; c++)
		place->column += !continues(*c);
}

/*
 * Replaces NUL and broken UTF-8, reporting the first of each line; so is the
 * control character that stands for them, where it was there before.
 */
static void
check_bytes(struct source *source, struct diags *diags)
{
	struct place place = { source, source->text, 1, 1 };
	const char *end = source->text + source->length;
	char *c = source->text;

	while ((c = skip_ascii(c, end)) < end) {
		size_t length = utf8_length(c, (size_t)(end - c));
		const char *message;

		if (length != 0 && *c != '\0' && *c != SOURCE_BAD) {
			c += length;
			continue;
		}
		find_place(&place, c);
		message = damage(*c);
		clean_line(c, end);
		source_error(diags, &place, "%s", message);
		c = memchr(c, '\n', (size_t)(end - c));
		if (c == NULL)
			return;
	}
}

int
source_read(const char *path, struct diags *diags, struct source *source)
{
	struct file file;
	enum file_result result = file_read(path, SIZE_MAX, false, &file);

	memset(source, 0, sizeof(*source));
	if (result != FILE_READ)
		return result == FILE_NO_MEMORY ? ENOMEM : errno;
	source->text = file.text;
	source->length = file.length;
	source->device = file.device;
	source->inode = file.inode;
	if ((source->path = strdup(path)) == NULL) {
		source_free(source);
		return ENOMEM;
	}
	source->name = source->path;
	if (source->length >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0) {
		source->length -= 3;
		memmove(source->text, source->text + 3, source->length + 1);
	}
	check_bytes(source, diags);
	return 0;
}

char *
source_take(struct source *source)
{
	char *fitted = realloc(source->text, source->length + 1);

	if (fitted != NULL)
		source->text = fitted;
	source->taken = true;
	return source->text;
}

void
source_free(struct source *source)
{
	if (!source->taken)
		free(source->text);
	free(source->path);
	memset(source, 0, sizeof(*source));
}

void
source_error(struct diags *diags, const struct place *place, const char *format, ...)
{
	const char *end = place->source->text + place->source->length;
	const char *newline = memchr(place->start, '\n', (size_t)(end - place->start));
	size_t length = (size_t)((newline != NULL ? newline : end) - place->start);
	va_list arguments;

	if (length > 0 && place->start[length - 1] == '\r')
		length--;
	va_start(arguments, format);
	diags_vadd(diags, SEVERITY_ERROR, NULL, place->source->path, place->line,
	    place->column, place->start, length, format, arguments);
	va_end(arguments);
}
