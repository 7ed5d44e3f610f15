/*
 * diag.c - the list of diagnostics and how one is shown.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/text.h"

#define MESSAGE_MAX 1024
#define SOURCE_MAX 1024	/* of a line, in bytes */

struct diags {
	struct arena text;
	struct diag *diags;
	size_t count;		/* with those whose text was lost */
	size_t kept;
	size_t room;
	size_t errors;
};

const char *
severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_INFO] = "info", [SEVERITY_WARNING] = "warning",
		[SEVERITY_ERROR] = "error",
	};

	return names[severity];
}

struct diags *
diags_new(void)
{
	return calloc(1, sizeof(struct diags));
}

void
diags_free(struct diags **diags)
{
	if (diags == NULL || *diags == NULL)
		return;
	arena_release(&(*diags)->text);
	free((*diags)->diags);
	free(*diags);
	*diags = NULL;
}

/*
 * What is kept of a long line: the bytes around the "column"th code point, whole ones.
 * Returns how many code points are left out before them.
 */
static unsigned
cut_source(const char **source, size_t *length, unsigned column)
{
	const char *place = *source, *end = place + *length, *from;
	unsigned at = 0, skipped;

	if (*length <= SOURCE_MAX)
		return 0;
	while (place < end && (at += text_begins(*place)) < column)
		place++;
	skipped = at > 0 ? at - 1 : 0;
	from = place;
	while (from > *source && (place - from < SOURCE_MAX / 2 || !text_begins(*from)))
		skipped -= text_begins(*--from);
	if (end - from > SOURCE_MAX) {
		end = from + SOURCE_MAX;
		while (!text_begins(*end))
			end--;
	}
	*source = from;
	*length = (size_t)(end - from);
	return skipped;
}

void
diags_vadd(struct diags *diags, enum severity severity, const char *id,
    const char *file, unsigned line, unsigned column, const char *source,
    size_t source_len, const char *format, va_list arguments)
{
	struct diag diag = {
		.severity = severity, .id = id, .line = line, .column = column
	};
	char message[MESSAGE_MAX];

	diags->count++;
	if (severity == SEVERITY_ERROR)
		diags->errors++;
	(void)vsnprintf(message, sizeof(message), format, arguments);
	diag.file = arena_text(&diags->text, file, strlen(file));
	diag.message = arena_text(&diags->text, message, strlen(message));
	if (source != NULL) {
		diag.skipped = cut_source(&source, &source_len, column);
		diag.source = arena_text(&diags->text, source, source_len);
	}
	if (diag.file == NULL || diag.message == NULL ||
	    (source != NULL && diag.source == NULL) ||
	    !array_reserve(diags->diags, diags->kept + 1, &diags->room))
		return;
	diags->diags[diags->kept++] = diag;
}

void
diags_add(struct diags *diags, enum severity severity, const char *id,
    const char *file, unsigned line, unsigned column, const char *source,
    size_t source_len, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	diags_vadd(diags, severity, id, file, line, column, source, source_len, format,
	    arguments);
	va_end(arguments);
}

size_t
diags_count(const struct diags *diags)
{
	return diags->count;
}

size_t
diags_errors(const struct diags *diags)
{
	return diags->errors;
}

const struct diag *
diags_at(const struct diags *diags, size_t index)
{
	return index < diags->kept ? &diags->diags[index] : NULL;
}

static size_t
rank(const struct diag *diag, const char *const *files, size_t count)
{
	size_t i = 0;

	while (i < count && strcmp(files[i], diag->file) != 0)
		i++;
	return i;
}

static bool
comes_after(const struct diag *a, const struct diag *b,
    const char *const *files, size_t count)
{
	size_t rank_a = rank(a, files, count), rank_b = rank(b, files, count);

	if (rank_a != rank_b)
		return rank_a > rank_b;
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

/* A file that is read twice is wrong in the same places. */
static void
drop_twins(struct diags *diags, size_t first)
{
	size_t kept = first;

	for (size_t i = first; i < diags->kept; i++) {
		const struct diag *diag = &diags->diags[i];
		const struct diag *last = &diags->diags[kept - (kept > first)];

		if (kept > first && diag->line == last->line &&
		    diag->column == last->column &&
		    strcmp(diag->file, last->file) == 0 &&
		    strcmp(diag->message, last->message) == 0) {
			diags->count--;
			diags->errors -= diag->severity == SEVERITY_ERROR;
			continue;
		}
		diags->diags[kept++] = *diag;
	}
	diags->kept = kept;
}

void
diags_sort(struct diags *diags, size_t first, const char *const *files,
    size_t file_count)
{
	/* By insertion: they come nearly sorted. */
	for (size_t i = first + 1; i < diags->kept; i++) {
		struct diag diag = diags->diags[i];
		size_t at = i;

		for (; at > first && comes_after(&diags->diags[at - 1], &diag, files,
		    file_count); at--)
			diags->diags[at] = diags->diags[at - 1];
		diags->diags[at] = diag;
	}
	drop_twins(diags, first);
}

/* The line, and a caret under its "column"th code point; tabs stay aligned. */
static void
print_source(const char *source, unsigned column, FILE *out)
{
	unsigned at = 1;

	for (const char *c = source; *c != '\0'; c++) {
		bool control = ((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f;
		/* U+0080 to U+009F, which some terminals obey too. */
		bool control1 = *c == '\xc2' && (unsigned char)c[1] >= 0x80 &&
		    (unsigned char)c[1] < 0xa0;

		(void)putc(control || control1 ? '?' : *c, out);
		c += control1;
	}
	(void)putc('\n', out);
	for (const char *c = source; *c != '\0' && at < column; c++) {
		if (!text_begins(*c))
			continue;
		(void)putc(*c == '\t' ? '\t' : ' ', out);
		at++;
	}
	for (; at < column; at++)
		(void)putc(' ', out);
	(void)fputs("^\n", out);
}

void
diag_print(const struct diag *diag, FILE *out)
{
	const char *severity = severity_name(diag->severity);

	if (diag->line == 0)
		(void)fprintf(out, "%s: %s: %s\n", diag->file, severity, diag->message);
	else
		(void)fprintf(out, "%s:%u:%u: %s: %s\n", diag->file, diag->line,
		    diag->column, severity, diag->message);
	if (diag->source != NULL)
		print_source(diag->source, diag->column - diag->skipped, out);
}

void
diags_print(const struct diags *diags, FILE *out)
{
	for (size_t i = 0; i < diags->kept; i++)
		diag_print(&diags->diags[i], out);
	if (diags->kept < diags->count)
		(void)fprintf(out, "%zu more diagnostics are lost: not enough memory\n",
		    diags->count - diags->kept);
}
