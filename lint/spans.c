/*
 * spans.c - warnings about what dates do to the requirements of a block.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdio.h>

#include "base/date.h"

/* "from DAY until DAY", as far as there are days. */
#define DAYS_MAX (2 * DATE_DAY_SIZE + 16)

static const char *
write_days(const struct span *span, char text[DAYS_MAX])
{
	char from[DATE_DAY_SIZE] = "", until[DATE_DAY_SIZE] = "";

	if (span->from != INT64_MIN)
		date_write_day(span->from, from);
	if (span->until != INT64_MAX)
		date_write_day(span->until, until);
	(void)snprintf(text, DAYS_MAX, "%s%s%s%s%s", from[0] != '\0' ? "from " : "", from,
	    from[0] != '\0' && until[0] != '\0' ? " " : "",
	    until[0] != '\0' ? "until " : "", until);
	return text;
}

/* The days to come on which both count. False: there are none. */
static bool
common_days(const struct lint *lint, const struct setting *a, const struct setting *b,
    struct span *days)
{
	const struct span *x = &a->span, *y = &b->span;

	days->from = x->from > y->from ? x->from : y->from;
	days->until = x->until < y->until ? x->until : y->until;
	if (days->from <= lint->today)
		days->from = INT64_MIN;
	return days->from < days->until && lint->today < days->until;
}

static bool
is_list(enum policy_reason kind)
{
	switch (kind) {
	case REASON_CLIENT:
	case REASON_CIPHER:
	case REASON_CIPHERSUITES:
	case REASON_CERTIFICATE_NAME:
	case REASON_CERTIFICATE_ISSUER:
	case REASON_CERTIFICATE_FINGERPRINT:
		return true;
	default:
		return false;
	}
}

/* Whether a later line takes the place of an earlier list for a while. */
static bool
overlaps(const struct lint *lint, const struct setting *earlier,
    const struct setting *later, struct span *days)
{
	const struct policy_requirement *was = earlier->require, *is = later->require;

	return later->type == SET_REQUIRE &&
	    (later->span.from != INT64_MIN || later->span.until != INT64_MAX) &&
	    is->kind == was->kind && is_list(is->kind) && !requirement_looser(is, was) &&
	    !requirement_same(is, was) && common_days(lint, earlier, later, days);
}

/* What the two were probably meant to be is one list. */
static bool
lint_overlap(struct lint *lint, const struct setting *earlier)
{
	const struct setting *later = earlier->next;
	char text[DAYS_MAX];
	struct span days;

	while (later != NULL && !overlaps(lint, earlier, later, &days))
		later = later->next;
	if (later == NULL)
		return false;
	lint_warn(lint, &later->place, KIND(OVERLAP), write_days(&days, text),
	    earlier->place.line);
	return true;
}

/* Whether a line counts on one of the days to come. */
static bool
counts_ever(const struct lint *lint, const struct setting *setting,
    const struct stretches *stretches)
{
	enum policy_reason kind = setting->require->kind;

	for (size_t i = stretches_index(stretches, lint->today); i < stretches->count; i++)
		if (stretches->list[i].settings.require[kind] == setting->require)
			return true;
	return false;
}

/* How a setting takes the place of an earlier requirement on some day; NULL: never. */
static const char *
replaces(const struct lint *lint, const struct setting *setting,
    const struct setting *earlier)
{
	enum policy_reason kind = earlier->require->kind;
	struct span days;

	if (!common_days(lint, earlier, setting, &days))
		return NULL;
	if (setting->type == SET_NOTHING)
		return "is dropped";
	if (setting->type == SET_REQUIRE)
		return setting->require->kind == kind ? "is set again" : NULL;
	if (setting->type != SET_USE || setting->profile == NULL)
		return NULL;
	for (size_t i = 0; i < setting->profile->settings.count; i++)
		if (setting->profile->settings.list[i].settings.require[kind] != NULL)
			return "comes from a profile";
	return NULL;
}

static void
lint_replaced(struct lint *lint, const struct setting *earlier)
{
	const char *how = NULL;

	for (const struct setting *each = earlier->next; each != NULL && how == NULL;
	    each = each->next)
		if ((how = replaces(lint, each, earlier)) != NULL)
			lint_warn(lint, &earlier->place, KIND(OVERRIDDEN),
			    each->place.line, policy_kind_name(earlier->require->kind),
			    how);
}

/* Whether the block drops its requirements on some of these days. */
static bool
drops(const struct block *block, const struct span *days)
{
	for (const struct setting *each = block->first; each != NULL; each = each->next)
		if (each->type == SET_NOTHING && each->span.from < days->until &&
		    days->from < each->span.until)
			return true;
	return false;
}

/* Days before a line counts on which nothing of its kind is required, though it was. */
static void
lint_gap(struct lint *lint, const struct block *block, const struct setting *setting,
    const struct stretches *stretches)
{
	enum policy_reason kind = setting->require->kind;
	size_t at = stretches_index(stretches, setting->span.from), before = at;
	struct span days = { .until = setting->span.from };
	char text[DAYS_MAX];

	if (stretches->list[at].settings.require[kind] != setting->require)
		return;
	while (before > 0 && stretches->list[before - 1].settings.require[kind] == NULL)
		before--;
	if (before == 0 || before == at)
		return;
	days.from = stretches->list[before].from;
	if (!drops(block, &days))
		lint_warn(lint, &setting->place, KIND(GAP), write_days(&days, text),
		    policy_kind_name(kind));
}

/* Warns where a line is the last that requires anything, and ends. */
static bool
lint_end(struct lint *lint, const struct block *block, const struct setting *setting,
    const struct stretches *stretches)
{
	struct span days = { setting->span.until, INT64_MAX };
	char day[DATE_DAY_SIZE];
	size_t at = stretches_index(stretches, setting->span.until);

	for (; at < stretches->count; at++)
		if (settings_require_something(&stretches->list[at].settings))
			return false;
	if (drops(block, &days))
		return false;
	date_write_day(setting->span.until, day);
	lint_warn(lint, &setting->place, KIND(ENDS), day);
	return true;
}

void
lint_spans(struct lint *lint, const struct block *block,
    const struct stretches *stretches, bool in_rule)
{
	bool ended = !in_rule;

	for (const struct setting *each = block->first; each != NULL; each = each->next) {
		bool counts;

		if (each->type != SET_REQUIRE || each->span.until <= lint->today)
			continue;
		counts = counts_ever(lint, each, stretches);
		/* Of two lists with dates it is said where the later one is. */
		if (!lint_overlap(lint, each) && !counts)
			lint_replaced(lint, each);
		if (counts && each->span.from > lint->today)
			lint_gap(lint, block, each, stretches);
		if (counts && !ended && each->span.until != INT64_MAX)
			ended = lint_end(lint, block, each, stretches);
	}
}
