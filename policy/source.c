/*
 * source.c - reading a policy file or a list file, and reporting places in it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "policy/messages.h"
#include "base/diag.h"
#include "base/tape.h"
#include "base/text.h"

/*
 * Replaces NUL and broken UTF-8 in the line, which ends at "end", and reports the first
 * of them; so is the control character that stands for them, where it was there before.
 */
static void
source_check_line(struct place place, char *line, const char *end, struct diags *diags)
{
	uint32_t code, damage = ' ';
	unsigned column = 1;
	size_t took;

	for (char *c = line; c < end; c += took, column++) {
		took = 1;
		/* Most are these. */
		if (*c >= ' ' && *c <= '~')
			continue;
		took = text_next(c, (size_t)(end - c), &code);
		if (code != '\0' && code != SOURCE_BAD && code != TEXT_BROKEN)
			continue;
		memset(c, SOURCE_BAD, took);
		if (damage == ' ') {
			damage = code;
			place.column = column;
		}
	}
	if (damage != ' ')
		source_error(diags, &place, "%s", damage == '\0' ? MSG_NUL :
		    damage == SOURCE_BAD ? MSG_CONTROL : MSG_UTF8);
}

static void
check_bytes(struct source *source, struct diags *diags)
{
	char *line = source->text, *end = line + source->length, *newline;

	for (unsigned number = 1; line < end; number++) {
		newline = memchr(line, '\n', (size_t)(end - line));
		source_check_line((struct place){ source, line, number, 1 }, line,
		    newline != NULL ? newline : end, diags);
		line = newline != NULL ? newline + 1 : end;
	}
}

int
source_read(const char *path, struct tape *tape, struct diags *diags,
    struct source *source)
{
	struct file file;
	enum file_result result = strcmp(path, "-") == 0 ?
	    file_read_input(TAPE_FILE_MAX, &file) : tape_ask(tape, TAPE_FILE, path, &file);

	memset(source, 0, sizeof(*source));
	if (result != FILE_READ)
		return result == FILE_NO_MEMORY ? ENOMEM : result == FILE_LARGE ? EFBIG :
		    errno;
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
source_verror(struct diags *diags, const struct place *place, const char *format,
    va_list arguments)
{
	const char *end = place->source->text + place->source->length;
	const char *newline = memchr(place->start, '\n', (size_t)(end - place->start));
	size_t length = (size_t)((newline != NULL ? newline : end) - place->start);

	if (length > 0 && place->start[length - 1] == '\r')
		length--;
	diags_vadd(diags, SEVERITY_ERROR, NULL, place->source->path, place->line,
	    place->column, place->start, length, format, arguments);
}

void
source_error(struct diags *diags, const struct place *place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	source_verror(diags, place, format, arguments);
	va_end(arguments);
}
