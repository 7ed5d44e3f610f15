/*
 * warn.c - warnings at places of a policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/diag.h"

static const struct {
	const char *id;
	enum severity severity;
} kinds[LINT_COUNT] = {
#define LINT_ROW(name, id, severity, text) [LINT_##name] = { id, SEVERITY_##severity },
	LINT_KINDS(LINT_ROW)
};

/* ------------------------------------------------------------------ *
 * Moments
 * ------------------------------------------------------------------ */

void
lint_begin(struct lint *lint, const struct stretches *a, const struct stretches *b)
{
	lint->looked_at[0] = a;
	lint->looked_at[1] = b;
	lint->begins = true;
	lint->said = diags_count(lint->diags);
}

bool
lint_next(struct lint *lint)
{
	int64_t next = lint->begins ? lint->today : INT64_MAX;

	for (int i = 0; i < 2 && !lint->begins; i++)
		if (lint->looked_at[i] != NULL) {
			int64_t date = stretches_next(lint->looked_at[i], lint->now);

			next = date < next ? date : next;
		}
	lint->begins = false;
	lint->now = next != INT64_MAX ? next : lint->today;
	return next != INT64_MAX;
}

/* ------------------------------------------------------------------ *
 * What was written
 * ------------------------------------------------------------------ */

const struct block *
lint_block_of(const struct lint *lint, size_t index)
{
	return lint->policy->rules[index].kind == RULE_DEFAULT ?
	    &lint->written->default_block->block : &lint->written->rules[index].block;
}

const struct setting *
lint_setting(const struct lint *lint, const struct block *block,
    const struct policy_requirement *requirement)
{
	const struct setting *each = block->first;

	while (each != NULL) {
		if (each->type == SET_REQUIRE && each->require == requirement)
			return each;
		if (each->type == SET_USE && each->profile != NULL &&
		    stretches_at(&each->profile->settings, lint->now)->
		    require[requirement->kind] ==
		    requirement)
			each = each->profile->block.first;
		else
			each = each->next;
	}
	return NULL;
}

/* ------------------------------------------------------------------ *
 * Warnings
 * ------------------------------------------------------------------ */

/* Whether it was said at that place of an earlier moment. */
static bool
was_said(const struct lint *lint, const struct kept_place *place, enum lint_kind kind)
{
	for (size_t i = lint->said; i < diags_count(lint->diags); i++) {
		const struct diag *each = diags_at(lint->diags, i);

		/* One whose text was lost, for memory was short, may have been that. */
		if (each == NULL || (each->id == kinds[kind].id &&
		    each->line == place->line && each->column == place->column &&
		    strcmp(each->file, place->file) == 0))
			return true;
	}
	return false;
}

/* As diags_vadd(); a warning of a "day" to come begins with it. */
static void warn(struct diags *diags, const char *day, const struct kept_place *place,
    enum lint_kind kind, const char *format, va_list arguments)
    __attribute__((format(printf, 5, 0)));

static void
warn(struct diags *diags, const char *day, const struct kept_place *place,
    enum lint_kind kind, const char *format, va_list arguments)
{
	size_t length = place->text != NULL ? strcspn(place->text, "\r\n") : 0;
	char message[LINT_WHO_MAX * 3];

	if (day == NULL) {
		diags_vadd(diags, kinds[kind].severity, kinds[kind].id, place->file,
		    place->line, place->column, place->text, length, format, arguments);
		return;
	}
	(void)vsnprintf(message, sizeof(message), format, arguments);
	diags_add(diags, kinds[kind].severity, kinds[kind].id, place->file, place->line,
	    place->column, place->text, length, "from %s on: %s", day, message);
}

void
lint_warn_kept(struct diags *diags, const struct kept_place *place,
    enum lint_kind kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	warn(diags, NULL, place, kind, format, arguments);
	va_end(arguments);
}

static void warn_now(struct lint *lint, const struct kept_place *place,
    enum lint_kind kind, const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));

static void
warn_now(struct lint *lint, const struct kept_place *place, enum lint_kind kind,
    const char *format, va_list arguments)
{
	char day[DATE_DAY_SIZE];

	if (lint->now == lint->today) {
		warn(lint->diags, NULL, place, kind, format, arguments);
		return;
	}
	date_write_day(lint->now, day);
	if (!was_said(lint, place, kind))
		warn(lint->diags, day, place, kind, format, arguments);
}

void
lint_warn_place(struct lint *lint, const struct kept_place *place,
    enum lint_kind kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	warn_now(lint, place, kind, format, arguments);
	va_end(arguments);
}

const char *
lint_who_name(const struct lint *lint, const struct who *who, char text[LINT_WHO_MAX])
{
	const struct policy_rule *rule = &lint->policy->rules[who->rule];
	const struct clients *via = rule->via;

	(void)snprintf(text, LINT_WHO_MAX, "%s%s%s%s%s%s",
	    rule->partner != NULL && rule->kind == RULE_DELIVER ? "outgoing mail to " : "",
	    who->type == WHO_SUBDOMAINS && who->name[0] != '.' ? "." : "", who->name,
	    via != NULL ? " via " : "", via != NULL ? via->table.whos[0].name : "",
	    via != NULL && via->written->next != NULL ? " ..." : "");
	return text;
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
 * is put together again. To be freed; NULL: memory is short.
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

bool
lint_find_who(struct lint *lint, const struct who *who, bool of_rule)
{
	const struct place *block = &lint->written->rules[who->rule].place;
	const struct source_node *node = lint->written->sources;
	struct kept_place *place = &lint->place;

	if (of_rule && lint->policy->rules[who->rule].partner != NULL && !who->listed) {
		*place = (struct kept_place){
			block->source->path, block->start, block->line, block->column
		};
		return true;
	}
	while (node != NULL && node->file != who->file)
		node = node->next;
	if (node == NULL)
		return false;
	*place = (struct kept_place){
		.file = node->source.path, .line = who->line, .column = who->column
	};
	if (!who->listed)
		place->text = find_line(lint, &node->source, who);
	else {
		free(lint->listed);
		place->text = lint->listed = listed_line(lint, &node->source, who);
	}
	return place->text != NULL;
}
