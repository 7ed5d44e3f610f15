/*
 * report_dates.c - the dates to come of a report's page: at which the policy is another,
 * and at which certificates end, those that were seen and those that are registered.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Certificates are listed so long before they end, if they were seen so late. */
#define ENDS_MS (INT64_C(90) * 86400 * 1000)
#define IN_USE_MS (INT64_C(14) * 86400 * 1000)
#define DAY_MS (INT64_C(86400) * 1000)

/* So many dates of a rule, and bytes of what it requires. */
#define RULE_DATES_MAX 16
#define REQUIRED_MAX 512

/* A date of a rule, or (cn not NULL) the end of a certificate. */
struct to_come {
	int64_t when_ms;
	const struct review_agreement *agreement;	/* NULL: of none that is known */
	size_t rule;
	const char *cn;
	const char *file;		/* in which it is registered; NULL: it was seen */
};

struct calendar {
	const struct report_view *view;
	struct to_come *dates;
	size_t count, room;
	bool failed;
};

static void
expect_date(struct calendar *calendar, const struct to_come *date)
{
	if (!array_reserve(calendar->dates, calendar->count + 1, &calendar->room))
		calendar->failed = true;
	else
		calendar->dates[calendar->count++] = *date;
}

/* ------------------------------------------------------------------ *
 * What is expected
 * ------------------------------------------------------------------ */

static void
expect_seen(struct calendar *calendar, const struct review_agreement *agreement)
{
	const struct review_certificate *all = agreement->certificates;
	int64_t now_ms = calendar->view->now_ms;

	/* A certificate that was replaced since is none to wait for. */
	for (size_t i = 0; i < agreement->certificate_count &&
	    agreement->kind != RULE_DEFAULT; i++)
		if (all[i].not_after_ms != 0 && all[i].not_after_ms - now_ms < ENDS_MS &&
		    all[0].last_ms - all[i].last_ms < IN_USE_MS &&
		    (i == 0 || all[i].last_ms > all[i].not_after_ms ||
		    all[i].not_after_ms > now_ms))
			expect_date(calendar, &(struct to_come){
				.when_ms = all[i].not_after_ms, .agreement = agreement,
				.cn = all[i].cn == NULL ? "" : all[i].cn
			});
}

/* One that was seen too is one date. */
static void
expect_registered(struct calendar *calendar, const struct policy_registered *registered,
    const struct review_agreement *agreement)
{
	int64_t when_ms = registered->not_after * 1000;

	for (size_t i = 0; i < calendar->count; i++) {
		struct to_come *date = &calendar->dates[i];

		if (date->cn == NULL || date->when_ms != when_ms ||
		    strcmp(date->cn, registered->cn) != 0)
			continue;
		if (agreement != NULL && date->agreement != agreement)
			continue;
		date->file = registered->file;
		return;
	}
	expect_date(calendar, &(struct to_come){
		.when_ms = when_ms, .agreement = agreement, .cn = registered->cn,
		.file = registered->file
	});
}

/* A rule's own dates, and the ends of the certificates that it demands. */
static void
expect_rule(struct calendar *calendar, size_t rule)
{
	const struct report_view *view = calendar->view;
	const struct policy *policy = view->loaded->policy;
	struct policy_options options = settings_policy_options(view->loaded->settings,
	    view->now_ms / 1000);
	int64_t end = (view->now_ms + ENDS_MS) / 1000, now = options.now;
	const struct review_agreement *agreement = review_agreement_of_rule(view->report,
	    rule);
	struct policy_standing standing;
	struct policy_registered registered;
	const struct pinned_file *at = NULL;

	if (agreement == NULL)
		return;
	policy_rule_standing(policy, rule, &options, &standing);
	for (int i = 0; i < RULE_DATES_MAX && standing.next != INT64_MAX; i++) {
		expect_date(calendar, &(struct to_come){
			.when_ms = standing.next * 1000, .agreement = agreement, .rule = rule
		});
		options.now = standing.next;
		policy_rule_standing(policy, rule, &options, &standing);
	}
	while (policy_registered_next(policy, rule, now, end, &at, &registered))
		expect_registered(calendar, &registered, agreement);
}

static int
soonest_first(const void *a, const void *b)
{
	const struct to_come *one = a, *other = b;

	if (one->when_ms != other->when_ms)
		return one->when_ms < other->when_ms ? -1 : 1;
	if (one->agreement != other->agreement)
		return one->agreement < other->agreement ? -1 : 1;
	return (one->cn != NULL) - (other->cn != NULL);
}

static void
expect_all(struct calendar *calendar)
{
	const struct report_view *view = calendar->view;
	const struct policy *policy = view->loaded->policy;
	int64_t now = view->now_ms / 1000, end = (view->now_ms + ENDS_MS) / 1000;
	struct policy_registered registered;
	const struct pinned_file *at = NULL;

	for (size_t i = 0; i < view->report->agreement_count; i++)
		expect_seen(calendar, &view->report->agreements[i]);
	for (size_t i = 0; i < policy_rule_count(policy); i++)
		expect_rule(calendar, i);
	/* Those of the folder that no rule demands. */
	while (view->only == NULL && view->report->domain == NULL &&
	    policy_registered_next(policy, SIZE_MAX, now, end, &at, &registered))
		expect_registered(calendar, &registered, NULL);
	if (calendar->count > 0)
		qsort(calendar->dates, calendar->count, sizeof(*calendar->dates),
		    soonest_first);
}

/* ------------------------------------------------------------------ *
 * What is told
 * ------------------------------------------------------------------ */

/* Puts what a state becomes. */
static void
put_state_change(struct tree *changes, enum policy_state was, enum policy_state is)
{
	if (was == is)
		return;
	tree_open_object(changes, NULL);
	tree_flag(changes, "exemption_ends", was == STATE_EXEMPT);
	tree_flag(changes, "exemption_begins", is == STATE_EXEMPT);
	tree_flag(changes, "monitor_ends", was == STATE_MONITORED && is == STATE_ENFORCED);
	tree_flag(changes, "monitor_begins", was == STATE_ENFORCED && is == STATE_MONITORED);
	tree_close(changes);
}

/* Puts what a rule is from a date on that it was not before. */
static void
put_rule_changes(struct tree *changes, const struct report_view *view,
    const struct to_come *date)
{
	const struct policy *policy = view->loaded->policy;
	int64_t when = date->when_ms / 1000;
	struct policy_options options = settings_policy_options(view->loaded->settings,
	    when - 1);
	struct policy_standing before, then;
	char was[REQUIRED_MAX], is[REQUIRED_MAX];

	policy_rule_standing(policy, date->rule, &options, &before);
	options.now = when;
	policy_rule_standing(policy, date->rule, &options, &then);
	put_state_change(changes, before.state, then.state);
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		bool had = kind != REASON_TLS && policy_rule_required(policy, date->rule,
		    (enum policy_reason)kind, when - 1, was, sizeof(was));
		bool has = kind != REASON_TLS && policy_rule_required(policy, date->rule,
		    (enum policy_reason)kind, when, is, sizeof(is));

		if (had == has && (!had || strcmp(was, is) == 0))
			continue;
		tree_open_object(changes, NULL);
		tree_flag(changes, "out", then.place.kind == RULE_DELIVER);
		tree_text(changes, "was", had ? was : NULL);
		tree_text(changes, "is", has ? is : NULL);
		tree_close(changes);
	}
}

/* Says each once, though several rules of an agreement change alike. */
static void
put_day_changes(struct tree *row, json_t *all)
{
	json_t *once = json_array();

	for (size_t i = 0; once != NULL && i < json_array_size(all); i++) {
		json_t *one = json_array_get(all, i);
		bool said = false;

		for (size_t j = 0; j < i && !said; j++)
			said = json_equal(json_array_get(all, j), one) != 0;
		if (!said && json_array_append_new(once, json_copy(one)) != 0)
			row->failed = true;
	}
	for (size_t i = 1; i < json_array_size(once); i++)
		if (json_object_set_new(json_array_get(once, i), "then", json_true()) != 0)
			row->failed = true;
	row->failed |= all == NULL;
	json_decref(all);
	tree_value(row, "changes", once);
}

static void
put_name(struct tree *rows, const struct report_view *view, const struct to_come *date)
{
	const char *slash;

	if (date->agreement != NULL) {
		report_people_name(rows, view, date->agreement);
		return;
	}
	slash = strrchr(date->file, '/');
	tree_text(rows, "label", slash == NULL ? date->file : slash + 1);
}

/* Puts the dates of an agreement that are one; returns how many they are. */
static size_t
put_date_row(struct tree *rows, const struct calendar *calendar, size_t at)
{
	const struct to_come *date = &calendar->dates[at];
	int64_t left = date->when_ms - calendar->view->now_ms;
	struct tree changes = { .depth = 0 };
	size_t together = 1;

	tree_open_object(rows, NULL);
	put_name(rows, calendar->view, date);
	tree_time(rows, date->cn == NULL ? "policy_day" : "day", date->when_ms);
	tree_flag(rows, "past", left < 0);
	tree_flag(rows, "near", left >= 0 && left < 4 * ENDS_MS);
	tree_flag(rows, "soon", left >= 0 && left < REPORT_SOON_MS);
	tree_number(rows, "days", left / DAY_MS);
	if (date->cn != NULL) {
		tree_text(rows, "certificate", *date->cn != '\0' ? date->cn : "without a name");
		tree_text(rows, "file", date->file);
	} else {
		tree_open_array(&changes, NULL);
		put_rule_changes(&changes, calendar->view, date);
		while (at + together < calendar->count && date[together].cn == NULL &&
		    date[together].agreement == date->agreement &&
		    date[together].when_ms == date->when_ms)
			put_rule_changes(&changes, calendar->view, &date[together++]);
		put_day_changes(rows, tree_take(&changes));
	}
	tree_close(rows);
	return together;
}

json_t *
report_dates(const struct report_view *view)
{
	struct calendar calendar = { .view = view };
	struct tree rows = { .depth = 0 };

	expect_all(&calendar);
	tree_open_array(&rows, NULL);
	for (size_t i = 0; i < calendar.count; )
		i += put_date_row(&rows, &calendar, i);
	rows.failed |= calendar.failed;
	free(calendar.dates);
	return tree_take(&rows);
}
