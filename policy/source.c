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
#include "base/text.h"

/* Steps over one code point. False: it is NUL, or broken. */
static bool
step_over(char **c, const char *end)
{
	uint32_t code;

	*c += text_next(*c, (size_t)(end - *c), &code);
	return code != 0 && code != TEXT_BROKEN;
}

/* Replaces NUL and broken UTF-8 from "c" to the end of its line. */
static void
clean_line(char *c, const char *end)
{
	while (c < end && *c != '\n') {
		char *start = c;

		if (!step_over(&c, end))
			memset(start, SOURCE_BAD, (size_t)(c - start));
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
		place->column += text_begins(*c);
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
		char *next = c;
		const char *message;

		if (step_over(&next, end) && *c != SOURCE_BAD) {
			c = next;
			continue;
		}
		find_place(&place, c);
		message = damage(*c);
		clean_line(c, end);
		source_error(diags, &place, "%s", message);
		if ((c = memchr(c, '\n', (size_t)(end - c))) == NULL)
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
