/*
 * diag.c - the list of diagnostics and how one is shown.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/text.h"

#define MESSAGE_MAX 1024
#define SOURCE_MAX 160		/* of a line, in bytes */
#define CUT "..."

/* Of more than that the lines are not kept, and of more than that nothing is. */
#define SOURCES_MAX 10000
#define KEPT_MAX 1000000

#define SHOWS_ALL "\"tlsward check --all\" shows all"

/* Kinds that are counted; there are fewer. */
#define KINDS_MAX 128

struct kept {
	struct diag diag;
	unsigned rank;		/* of its file; for sorting */
	unsigned order;
};

struct diags {
	struct arena text;
	struct kept *list;
	size_t counts[SEVERITY_ERROR + 1];	/* with those whose text was lost */
	size_t kept;
	size_t room;
	bool failed;
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
	free((*diags)->list);
	free(*diags);
	*diags = NULL;
}

/* How far back the code point that "at" is within begins; none has more bytes. */
static const char *
text_back(const char *start, const char *at)
{
	const char *back = at;

	while (back > start && at - back < 3 && !text_begins(*back))
		back--;
	return text_begins(*back) ? back : at;
}

/*
 * The bytes of a long line around its "column"th code point, whole ones (of what is no
 * UTF-8, any). Returns how many code points are left out before them.
 */
static int
cut_source(const char **source, size_t *length, unsigned column)
{
	const char *place = *source, *end = place + *length, *from;
	unsigned at = 0;
	int skipped;

	while (place < end && (at += text_begins(*place)) < column)
		place++;
	skipped = at > 0 ? (int)at - 1 : 0;
	from = text_back(*source, place - *source < SOURCE_MAX / 2 ? *source :
	    place - SOURCE_MAX / 2);
	for (const char *before = place; before > from; before--)
		skipped -= text_begins(before[-1]);
	if (end - from > SOURCE_MAX)
		end = text_back(from, from + SOURCE_MAX);
	*source = from;
	*length = (size_t)(end - from);
	return skipped;
}

/* Keeps the line. False when memory is short. */
static bool
keep_source(struct diags *diags, struct diag *diag, const char *source, size_t length)
{
	const char *start = source, *end = source + length;
	char text[SOURCE_MAX + 2 * sizeof(CUT)];
	bool before, after;

	if (length <= SOURCE_MAX) {
		diag->source = arena_text(&diags->text, source, length);
		return diag->source != NULL;
	}
	diag->skipped = cut_source(&source, &length, diag->column);
	before = source > start;
	after = source + length < end;
	diag->skipped -= before ? (int)strlen(CUT) : 0;
	(void)snprintf(text, sizeof(text), "%s%.*s%s", before ? CUT : "", (int)length,
	    source, after ? CUT : "");
	diag->source = arena_text(&diags->text, text, strlen(text));
	return diag->source != NULL;
}

/* A copy of the text, or the one that the last diagnostic has: most are alike. */
static const char *
keep_text(struct diags *diags, const char *last, const char *text)
{
	return last != NULL && strcmp(last, text) == 0 ? last :
	    arena_text(&diags->text, text, strlen(text));
}

/* Formats a message and cuts a long one, but not within a code point. */
static void
cut_message(char message[MESSAGE_MAX], const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void
cut_message(char message[MESSAGE_MAX], const char *format, va_list arguments)
{
	size_t end = MESSAGE_MAX - sizeof(CUT);

	if (vsnprintf(message, MESSAGE_MAX, format, arguments) < MESSAGE_MAX)
		return;
	while (end > 0 && !text_begins(message[end]))
		end--;
	(void)strcpy(message + end, CUT);
}

void
diags_vadd(struct diags *diags, enum severity severity, const char *id,
    const char *file, unsigned line, unsigned column, const char *source,
    size_t source_len, const char *format, va_list arguments)
{
	struct diag diag = {
		.severity = severity, .id = id, .line = line, .column = column
	};
	struct diag none = { .file = NULL };
	const struct diag *last = diags->kept > 0 ? &diags->list[diags->kept - 1].diag :
	    &none;
	char message[MESSAGE_MAX];

	diags->counts[severity]++;
	if (diags->kept == KEPT_MAX)
		return;
	cut_message(message, format, arguments);
	diag.file = keep_text(diags, last->file, file);
	diag.message = keep_text(diags, last->message, message);
	if (diag.file == NULL || diag.message == NULL ||
	    (source != NULL && diags->kept < SOURCES_MAX &&
	    !keep_source(diags, &diag, source, source_len)) ||
	    !array_reserve(diags->list, diags->kept + 1, &diags->room)) {
		diags->failed = true;
		return;
	}
	diags->list[diags->kept++] = (struct kept){ .diag = diag };
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
	size_t count = 0;

	for (size_t i = 0; i <= SEVERITY_ERROR; i++)
		count += diags->counts[i];
	return count;
}

size_t
diags_errors(const struct diags *diags)
{
	return diags->counts[SEVERITY_ERROR];
}

size_t
diags_warnings(const struct diags *diags)
{
	return diags->counts[SEVERITY_WARNING];
}

bool
diags_failed(const struct diags *diags)
{
	return diags->failed;
}

const struct diag *
diags_at(const struct diags *diags, size_t index)
{
	return index < diags->kept ? &diags->list[index].diag : NULL;
}

void
diags_drop(struct diags *diags, bool (*drop)(const struct diag *diag, void *data),
    void *data)
{
	size_t kept = 0;

	for (size_t i = 0; i < diags->kept; i++) {
		if (drop(&diags->list[i].diag, data))
			diags->counts[diags->list[i].diag.severity]--;
		else
			diags->list[kept++] = diags->list[i];
	}
	diags->kept = kept;
}

void
diags_raise(struct diags *diags, const char *id)
{
	for (size_t i = 0; i < diags->kept; i++) {
		struct diag *diag = &diags->list[i].diag;

		if (diag->id == NULL || strcmp(diag->id, id) != 0)
			continue;
		diags->counts[diag->severity]--;
		diags->counts[SEVERITY_ERROR]++;
		diag->severity = SEVERITY_ERROR;
		diag->id = NULL;
	}
}

static unsigned
rank(const struct diag *diag, const char *const *files, size_t count)
{
	unsigned i = 0;

	while (i < count && strcmp(files[i], diag->file) != 0)
		i++;
	return i;
}

static int
comes_after(const void *one, const void *other)
{
	const struct kept *a = one, *b = other;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->diag.line != b->diag.line)
		return a->diag.line < b->diag.line ? -1 : 1;
	if (a->diag.column != b->diag.column)
		return a->diag.column < b->diag.column ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static bool
is_twin(const struct diag *diag, const struct diag *last)
{
	return diag->line == last->line && diag->column == last->column &&
	    strcmp(diag->file, last->file) == 0 &&
	    strcmp(diag->message, last->message) == 0;
}

/* A file that is read twice is wrong in the same places. */
static void
drop_twins(struct diags *diags, size_t first)
{
	size_t kept = first;

	for (size_t i = first; i < diags->kept; i++) {
		const struct diag *diag = &diags->list[i].diag;

		if (kept > first && is_twin(diag, &diags->list[kept - 1].diag))
			diags->counts[diag->severity]--;
		else
			diags->list[kept++] = diags->list[i];
	}
	diags->kept = kept;
}

void
diags_sort(struct diags *diags, size_t first, const char *const *files,
    size_t file_count)
{
	struct kept *list = diags->list;

	if (first >= diags->kept)
		return;
	for (size_t i = first; i < diags->kept; i++) {
		bool same = i > first && list[i].diag.file == list[i - 1].diag.file;

		list[i].rank = same ? list[i - 1].rank :
		    rank(&list[i].diag, files, file_count);
		list[i].order = (unsigned)i;
	}
	qsort(list + first, diags->kept - first, sizeof(*list), comes_after);
	drop_twins(diags, first);
}

/* The line, and a caret under its "column"th code point; tabs stay aligned. */
static void
print_source(const char *source, int column, FILE *out)
{
	int at = 1;

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
	if (diag->file == NULL) {
		(void)fprintf(out, "%s\n", diag->message);
		return;
	}
	(void)fprintf(out, "%s:", diag->file);
	if (diag->line > 0)
		(void)fprintf(out, "%u:%u:", diag->line, diag->column);
	(void)fprintf(out, " %s: %s", severity_name(diag->severity), diag->message);
	if (diag->id != NULL)
		(void)fprintf(out, " [%s]", diag->id);
	(void)putc('\n', out);
	if (diag->source != NULL)
		print_source(diag->source, (int)diag->column - diag->skipped, out);
}

/* How many of a kind there are; of errors and of what has no kind likewise. */
struct shown {
	enum severity severity;
	const char *id;
	size_t count;
};

static bool
same_kind(const struct shown *shown, const struct diag *diag)
{
	if (diag->severity == SEVERITY_ERROR || shown->severity == SEVERITY_ERROR)
		return shown->severity == diag->severity;
	return shown->id == diag->id || (shown->id != NULL && diag->id != NULL &&
	    strcmp(shown->id, diag->id) == 0);
}

/* The counter of a kind: one of "kinds", of which *count are in use. */
static struct shown *
kind_of(struct shown kinds[KINDS_MAX], size_t *count, const struct diag *diag)
{
	size_t i = 0;

	while (i < *count && !same_kind(&kinds[i], diag))
		i++;
	if (i == *count && i < KINDS_MAX - 1)
		kinds[(*count)++] = (struct shown){ diag->severity, diag->id, 0 };
	return &kinds[i];
}

static size_t
limit_of(const struct shown *kind)
{
	return kind->severity == SEVERITY_ERROR ? DIAGS_ERRORS :
	    kind->id != NULL ? DIAGS_OF_KIND : SIZE_MAX;
}

static void
show_rest(const struct shown *kind, diag_function *show, void *to)
{
	char message[160];
	struct diag diag = { .severity = kind->severity, .id = kind->id,
	    .message = message };
	size_t more = kind->count - limit_of(kind);

	if (kind->id != NULL)
		(void)snprintf(message, sizeof(message), "and %zu more [%s]: %s", more,
		    kind->id, SHOWS_ALL);
	else
		(void)snprintf(message, sizeof(message), "and %zu more error%s: %s", more,
		    more == 1 ? "" : "s", SHOWS_ALL);
	show(&diag, to);
}

/* Those of which there is nothing but the number. */
static void
show_lost(const struct diags *diags, diag_function *show, void *to)
{
	char message[160];
	struct diag diag = { .severity = SEVERITY_ERROR, .message = message };

	(void)snprintf(message, sizeof(message), "%zu more diagnostics are %s",
	    diags_count(diags) - diags->kept, diags->failed ?
	    "lost: not enough memory" : "not shown: they are only counted");
	show(&diag, to);
}

void
diags_show(const struct diags *diags, bool all, diag_function *show, void *to)
{
	struct shown kinds[KINDS_MAX] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < diags->kept; i++) {
		const struct diag *diag = &diags->list[i].diag;
		struct shown *kind = kind_of(kinds, &count, diag);

		if (kind->count++ < limit_of(kind) || all)
			show(diag, to);
	}
	for (size_t i = 0; i < count; i++) {
		if (kinds[i].severity == SEVERITY_ERROR && !diags->failed)
			kinds[i].count = diags->counts[SEVERITY_ERROR];
		if (!all && kinds[i].count > limit_of(&kinds[i]))
			show_rest(&kinds[i], show, to);
	}
	if (diags->kept < diags_count(diags) && (all || diags->failed))
		show_lost(diags, show, to);
}

static void
print_to(const struct diag *diag, void *to)
{
	diag_print(diag, to);
}

void
diags_print(const struct diags *diags, bool all, FILE *out)
{
	diags_show(diags, all, print_to, out);
}
