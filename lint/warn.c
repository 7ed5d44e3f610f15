/*
 * warn.c - warnings at places of a policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"

static const struct {
	const char *id;
	enum severity severity;
} kinds[LINT_COUNT] = {
#define LINT_ROW(name, id, severity, text) [LINT_##name] = { id, SEVERITY_##severity },
	LINT_KINDS(LINT_ROW)
};

static void warn(struct diags *diags, const struct kept_place *place,
    enum lint_kind kind, const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));

static void
warn(struct diags *diags, const struct kept_place *place, enum lint_kind kind,
    const char *format, va_list arguments)
{
	size_t length = place->text != NULL ? strcspn(place->text, "\r\n") : 0;

	diags_vadd(diags, kinds[kind].severity, kinds[kind].id, place->file, place->line,
	    place->column, place->text, length, format, arguments);
}

void
lint_warn_kept(struct diags *diags, const struct kept_place *place,
    enum lint_kind kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	warn(diags, place, kind, format, arguments);
	va_end(arguments);
}

/* The line of a WHO in a policy file, or NULL. */
static const char *
find_line(struct lint *lint, const struct source *source, const struct who *who)
{
	const char *start = source->text;
	unsigned line = 1;

	/* Most come in order: on from where the last one was found. */
	if (lint->last.source == source && lint->last.line <= who->line) {
		start = lint->last.start;
		line = lint->last.line;
	}
	for (; line < who->line; line++) {
		if ((start = strchr(start, '\n')) == NULL)
			return NULL;
		start++;
	}
	lint->last = (struct place){ source, start, who->line, who->column };
	return start;
}

/*
 * The line of a list's entry. Names are terminated where they stand in the list, so it
 * is put together again. The caller frees it; NULL: memory is short.
 */
static char *
listed_line(struct lint *lint, const struct source *source, const struct who *who)
{
	const char *start = who->name, *after = start + strlen(start) + 1;
	size_t head, rest = who->listed != '\n' ? strcspn(after, "\n") : 0;
	char *line;

	while (start > source->text && strchr(" \t\r", start[-1]) != NULL &&
	    start[-1] != '\0')
		start--;
	head = (size_t)(after - start);
	if ((line = malloc(head + rest + 1)) == NULL) {
		lint->no_memory = true;
		return NULL;
	}
	memcpy(line, start, head + rest);
	line[head - 1] = (char)who->listed;
	line[head + rest] = '\0';
	return line;
}

void
lint_warn_who(struct lint *lint, const struct who *who, enum lint_kind kind,
    const char *format, ...)
{
	const struct source_node *node = lint->written->sources;
	struct kept_place at = { .line = who->line, .column = who->column };
	char *listed = NULL;
	va_list arguments;

	while (node != NULL && node->file != who->file)
		node = node->next;
	if (node == NULL)
		return;
	at.file = node->source.path;
	if (who->listed)
		at.text = listed = listed_line(lint, &node->source, who);
	else
		at.text = find_line(lint, &node->source, who);
	if (at.text != NULL) {
		va_start(arguments, format);
		warn(lint->diags, &at, kind, format, arguments);
		va_end(arguments);
	}
	free(listed);
}
