/*
 * diff_rule.c - what is otherwise under one rule than under another, day by day.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is written of a requirement at most; of a long list it is where two differ. */
#define SHOWN_MAX 200

/* In order of strictness. */
enum standing { STANDS_EXEMPT, STANDS_MONITORED, STANDS_ENFORCED };

/* What holds under each of the two on one day, and what is said of it. */
struct day {
	const struct settings_of_rule *old, *new;
	enum standing was, is;
	const char *partners[2];
	int64_t now, from, until;
	bool alike;		/* rules for the same: their words are compared, too */
	struct lint_difference *difference;
	struct arena *arena;
};

static void
note_change(struct day *day, unsigned how, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Notes a change, or that one goes on; twice on a day it is said once. */
static void
note_change(struct day *day, unsigned how, const char *format, ...)
{
	struct lint_difference *difference = day->difference;
	struct lint_change *change, **last = &difference->changes;
	char text[3 * SHOWN_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	difference->how |= how;
	for (; (change = *last) != NULL; last = &change->next) {
		if (change->how != how || strcmp(change->text, text) != 0 ||
		    (change->until != day->from && change->until != day->until))
			continue;
		change->until = day->until;
		return;
	}
	if ((change = arena_alloc(day->arena, sizeof(*change))) == NULL)
		return;
	*change = (struct lint_change){
		NULL, day->from, day->until, how,
		arena_text(day->arena, text, strlen(text))
	};
	if (change->text != NULL)
		*last = change;
}

/* ------------------------------------------------------------------ *
 * Requirements
 * ------------------------------------------------------------------ */

/* A requirement as policies write it. The caller frees it; NULL: memory is short. */
static char *
requirement_text(const struct policy_requirement *requirement)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	requirement_print(requirement, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* "TEXT", of one that is too long what is there from "start" on. */
static void
cut_text(const char *text, size_t start, char shown[SHOWN_MAX])
{
	const char *before = "", *behind = "";
	size_t room = SHOWN_MAX - sizeof("... ...");

	if (strlen(text) <= room)
		start = 0;
	else if (start > 0)
		before = "... ";
	if (strlen(text + start) > room)
		behind = "...";
	(void)snprintf(shown, SHOWN_MAX, "%s%.*s%s", before, (int)room, text + start,
	    behind);
}

/* Where the word begins in which two texts first differ. */
static size_t
first_difference(const char *a, const char *b)
{
	size_t i = 0;

	while (a[i] != '\0' && a[i] == b[i])
		i++;
	while (i > 0 && a[i - 1] != ' ' && a[i - 1] != ':')
		i--;
	return i;
}

static void
note_replaced(struct day *day, unsigned how, const struct policy_requirement *was,
    const struct policy_requirement *is)
{
	char *old = requirement_text(was), *new = requirement_text(is);
	char shown[2][SHOWN_MAX];

	if (old == NULL || new == NULL) {
		day->arena->failed = true;
	} else {
		size_t start = first_difference(old, new);

		cut_text(old, start, shown[0]);
		cut_text(new, start, shown[1]);
		note_change(day, how, "%s (was %s)", shown[1], shown[0]);
	}
	free(old);
	free(new);
}

static void
note_requirement(struct day *day, unsigned how, const struct policy_requirement *one,
    const char *what)
{
	char *text = requirement_text(one), shown[SHOWN_MAX];

	if (text == NULL) {
		day->arena->failed = true;
		return;
	}
	cut_text(text, 0, shown);
	note_change(day, how, "%s %s", shown, what);
	free(text);
}

/* How a change counts that makes it stricter, or milder, on a day like this. */
static unsigned
weigh(const struct day *day, unsigned how, enum policy_action action)
{
	/* Where one of them is not enforced that is what counts. */
	return day->was != day->is || action == POLICY_ACCEPT ? LINT_OTHER : how;
}

static void
compare_actions(struct day *day, enum policy_action was, enum policy_action is,
    const char *of)
{
	if (was != is)
		note_change(day, day->was != day->is ? LINT_OTHER :
		    is > was ? LINT_STRICTER : LINT_MILDER, "action %s%s (was %s)",
		    policy_action_name(is), of, policy_action_name(was));
}

static void
compare_both(struct day *day, const struct policy_requirement *was,
    const struct policy_requirement *is)
{
	enum policy_action old = requirement_action(day->old, was);
	enum policy_action new = requirement_action(day->new, is);

	if (requirement_looser(is, was))
		note_replaced(day, weigh(day, LINT_MILDER, old), was, is);
	else if (requirement_looser(was, is))
		note_replaced(day, weigh(day, LINT_STRICTER, new), was, is);
	else if (!requirement_same(was, is))
		note_replaced(day, LINT_OTHER, was, is);
	compare_actions(day, old, new, "");
	if (day->alike && old == new && !lint_same_otherwise(
	    requirement_otherwise(day->old, was), requirement_otherwise(day->new, is)))
		note_change(day, LINT_OTHER, "another reply");
}

/*
 * Whether what else is required makes a requirement no difference: of what a pin says it
 * is warned as of one, but the one asks for a verified certificate.
 */
static bool
is_included(const struct settings_of_rule *settings, const struct policy_requirement *one)
{
	if (one->kind == REASON_CERTIFICATE)
		return settings->require[REASON_CERTIFICATE_NAME] != NULL ||
		    settings->require[REASON_CERTIFICATE_ISSUER] != NULL;
	return requirement_is_of_suite(one->kind) && requirement_implied(settings, one);
}

static void
compare_kind(struct day *day, int kind)
{
	const struct policy_requirement *was = day->old->require[kind];
	const struct policy_requirement *is = day->new->require[kind];

	if (was != NULL && is != NULL)
		compare_both(day, was, is);
	else if (is != NULL && !is_included(day->old, is))
		note_requirement(day, weigh(day, LINT_STRICTER,
		    requirement_action(day->new, is)), is, "(was not required)");
	else if (was != NULL && !is_included(day->new, was))
		note_requirement(day, weigh(day, LINT_MILDER,
		    requirement_action(day->old, was)), was, "is not required any more");
}

/* Whether requirements of both have these actions: then that has been told. */
static bool
has_actions(const struct day *day, enum policy_action old, enum policy_action new)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const struct policy_requirement *was = day->old->require[kind];
		const struct policy_requirement *is = day->new->require[kind];

		if (was != NULL && is != NULL && requirement_action(day->old, was) == old &&
		    requirement_action(day->new, is) == new)
			return true;
	}
	return false;
}

/* What clear text gets, which may be by requirements that imply TLS. */
static void
compare_clear_text(struct day *day)
{
	const struct policy_requirement *was, *is;
	enum policy_action old = clear_text_action(day->old, &was);
	enum policy_action new = clear_text_action(day->new, &is);

	if (was != NULL && is != NULL && !has_actions(day, old, new))
		compare_actions(day, old, new, " for clear text");
}

/* ------------------------------------------------------------------ *
 * Rules
 * ------------------------------------------------------------------ */

static enum standing
standing_of(const struct settings_of_rule *settings, int64_t now)
{
	return period_active(&settings->exempt, now) ? STANDS_EXEMPT :
	    period_active(&settings->monitor, now) ? STANDS_MONITORED : STANDS_ENFORCED;
}

static const char *
standing_word(enum standing standing, const struct settings_of_rule *settings,
    int64_t now)
{
	static const char *const words[] = { "exempt", "under monitor", "enforced" };

	return standing == STANDS_ENFORCED && !lint_restricts(settings, now) ?
	    "without requirements" : words[standing];
}

static void
compare_standings(struct day *day)
{
	bool stricter = day->is > day->was;
	enum standing less = stricter ? day->was : day->is;
	unsigned how = stricter ? LINT_STRICTER : LINT_MILDER;

	if (day->was == day->is || (less == STANDS_MONITORED &&
	    !lint_restricts(day->old, day->now) && !lint_restricts(day->new, day->now)))
		return;
	/* To monitor what required nothing is no more; an exemption is of all rules. */
	if (less == STANDS_MONITORED && !lint_restricts(stricter ? day->new : day->old, day->now))
		how = LINT_OTHER;
	note_change(day, how, "%s (was %s)", standing_word(day->is, day->new, day->now),
	    standing_word(day->was, day->old, day->now));
}

static void
compare_text(struct day *day, const char *what, const char *was, const char *is)
{
	if (day->alike && !lint_same_text(was, is))
		note_change(day, LINT_OTHER, "%s %.*s (was %.*s)", what, SHOWN_MAX,
		    is != NULL ? is : "none", SHOWN_MAX, was != NULL ? was : "none");
}

static void
compare_day(struct day *day)
{
	compare_standings(day);
	if (day->was != STANDS_EXEMPT && day->is != STANDS_EXEMPT) {
		for (int kind = KIND_FIRST; kind < KIND_END; kind++)
			compare_kind(day, kind);
		compare_clear_text(day);
	} else if (day->was == day->is) {
		compare_text(day, "reason", day->old->exempt_reason,
		    day->new->exempt_reason);
	}
	/* That a whole agreement comes or goes is told in any case. */
	day->alike |= day->difference->changes == NULL;
	compare_text(day, "agreement", day->partners[0], day->partners[1]);
	day->alike = day->difference->named[0] && day->difference->named[1];
	compare_text(day, "contact", day->old->contact, day->new->contact);
	compare_text(day, "note", day->old->note, day->new->note);
}

static const char *
partner_name(const struct policy_rule *rule)
{
	return rule == NULL || rule->partner == NULL ? NULL : rule->partner->name;
}

void
diff_compare(const struct policy_rule *old, const struct policy_rule *new, int64_t now,
    struct lint_difference *difference, struct arena *arena)
{
	struct stretch nothing = { .from = INT64_MIN };
	const struct stretches none = { &nothing, 1 };
	const struct stretches *was = old != NULL ? &old->settings : &none;
	const struct stretches *is = new != NULL ? &new->settings : &none;
	int64_t next;

	for (int64_t from = now; from != INT64_MAX; from = next) {
		struct day day = {
			.old = stretches_at(was, from), .new = stretches_at(is, from),
			.now = from, .from = from == now ? INT64_MIN : from,
			.alike = difference->named[0] && difference->named[1],
			.partners = { partner_name(old), partner_name(new) },
			.difference = difference, .arena = arena
		};

		next = stretches_next(was, from);
		if (stretches_next(is, from) < next)
			next = stretches_next(is, from);
		day.until = next;
		day.was = standing_of(day.old, from);
		day.is = standing_of(day.new, from);
		compare_day(&day);
	}
}
