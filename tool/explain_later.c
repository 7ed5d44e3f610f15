/*
 * explain_later.c - what happens to mail, on the day itself and at dates to come, and
 * what a record says happened.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/explain.h"

#include <string.h>

#include "tool/screen.h"
#include "base/date.h"
#include "policy/tls_policy.h"

#define DATES_MAX 8		/* so many are told of */

/* The date behind "now" at which one of the rules becomes another. */
static int64_t
next_date(const struct verdict *verdict, int64_t now)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < OUTCOME_COUNT; i++) {
		int64_t date = verdict->outcome[i].rule == NULL ? INT64_MAX :
		    policy_outcome_next(&verdict->outcome[i], now);

		if (date < next)
			next = date;
	}
	return next;
}

/* The reason of what was done, or of what a rule under monitor would do. */
static enum policy_reason
reason_of(const struct verdict *verdict)
{
	return verdict->would != POLICY_ACCEPT && verdict->action == POLICY_ACCEPT ?
	    verdict->outcome[verdict->would_by].reason : verdict->reason;
}

/* What is done, in a headline, and what that means; then of mail that goes out. */
static const char *const words_of_actions[][3] = {
	[POLICY_ACCEPT] = { "Accepted", "accepted", "sent" },
	[POLICY_QUARANTINE] = { "Quarantined", "held", "kept back, to be tried again" },
	[POLICY_TEMPFAIL] = { "Tempfail", "refused for now, and may be tried again",
	    "kept back, to be tried again" },
	[POLICY_REJECT] = { "Rejected", "refused for good", "kept back, to be tried again" },
};

/* Whether it goes out, and nobody knows as yet how. */
bool
explain_is_to_be_sent(const struct verdict *verdict)
{
	const struct policy_outcome *outcome = &verdict->outcome[OUTCOME_FROM];

	return outcome->rule != NULL && outcome->place.kind == RULE_DELIVER &&
	    outcome->reason == REASON_UNKNOWN_FACT;
}

void
explain_action(struct tree *tree, const struct explained *explained,
    const struct verdict *verdict, bool people)
{
	bool out = explained->facts->direction != NULL;
	enum policy_reason reason = reason_of(verdict);
	int words = out ? 2 : 1;

	if (people)
		tree_text(tree, "happened", !out ? words_of_actions[verdict->action][0] :
		    verdict->action != POLICY_ACCEPT ? "Kept back" :
		    explain_is_to_be_sent(verdict) ? "To be sent" : "Sent");
	tree_text(tree, "action", policy_action_name(verdict->action));
	if (reason != verdict->reason)
		tree_text(tree, "would", policy_action_name(verdict->would));
	if (people && reason != verdict->reason)
		tree_text(tree, "would_be", words_of_actions[verdict->would][words]);
	if (people && !explain_is_to_be_sent(verdict))
		tree_text(tree, "is", words_of_actions[verdict->action][words]);
	if (reason != REASON_NONE && !(people && explain_is_to_be_sent(verdict)))
		tree_text(tree, "reason", policy_reason_name(reason));
	tree_flag(tree, "exempt", verdict->exempt);
}

/* Puts what Postfix is told then, unless that is what it was told before. */
static bool
put_told(struct tree *tree, const struct verdict *before, const struct verdict *later)
{
	struct buffer was = BUFFER_INIT, is = BUFFER_INIT;
	bool other;

	if (!policy_tls_policy(before, &was))
		buffer_string(&was, "NOTFOUND");
	if (!policy_tls_policy(later, &is))
		buffer_string(&is, "NOTFOUND");
	tree->failed |= was.failed;
	other = !was.failed && !is.failed && strcmp(was.text, is.text) != 0;
	buffer_free(&was);
	if (other)
		tree_buffer(tree, "tls_policy", &is);
	tree->failed |= is.failed;
	buffer_free(&is);
	return other;
}

/* Puts what the same session comes to on a day, unless it is what it came to before. */
static bool
put_day_to_come(struct tree *tree, const struct explained *explained,
    const struct verdict *before, const struct verdict *later, bool people)
{
	bool other = later->action != before->action || later->would != before->would ||
	    reason_of(later) != reason_of(before);

	if (explained->facts->direction != NULL)
		other |= put_told(tree, before, later);
	if (other)
		explain_action(tree, explained, later, people);
	return other;
}

static void
add_days_to_come(struct tree *days, const struct explained *explained, bool people)
{
	int64_t when = explained->time_ms / 1000, now = tool_now_ms() / 1000;
	struct verdict before = *explained->verdict, later;

	for (int i = 0; i < DATES_MAX; i++, before = later) {
		struct facts facts = *explained->given;
		struct tree day = { .depth = 0 };
		json_t *value;

		when = next_date(&before, when);
		if (when == INT64_MAX)
			return;
		if (!judge_facts(explained->loaded, when, &facts, &later)) {
			days->failed = true;
			return;
		}
		tree_open_object(&day, NULL);
		explain_day(&day, "from", when);
		tree_flag(&day, "past", !explained->has_day && when <= now);
		if (put_day_to_come(&day, explained, &before, &later, people))
			tree_value(days, NULL, tree_take(&day));
		else {
			value = tree_take(&day);
			days->failed |= value == NULL;
			json_decref(value);
		}
	}
}

/* All dates of the rules that apply; nothing where there are none. */
void
explain_later(struct tree *tree, const struct explained *explained, bool people)
{
	struct tree days = { .depth = 0 };
	json_t *list;

	tree_open_array(&days, NULL);
	add_days_to_come(&days, explained, people);
	list = tree_take(&days);
	if (list == NULL || json_array_size(list) > 0)
		tree_value(tree, "later", list);
	else
		json_decref(list);
}

void
explain_mail(struct tree *tree, const struct explained *explained, bool is_dated)
{
	static const char *const names[] = { "from", "to", "next_hop" };
	const char *recorded = explained->record == NULL ? NULL :
	    journal_facts_result(explained->record, "time");
	int64_t time = 0;
	bool has_time = is_dated && recorded != NULL && date_read_time(recorded, &time);
	struct buffer when = BUFFER_INIT;

	if (has_time)
		screen_time(&when, time * 1000);
	tree_buffer(tree, "when", &when);
	if (has_time)
		tree_text(tree, "node", journal_facts_result(explained->record, "node"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)explain_field(tree, names[i], explained, names[i]);
}

/* Whether the record says something else than is said now. */
static bool
is_otherwise(const struct explained *explained)
{
	const struct verdict *verdict = explained->verdict;
	const char *reason = journal_facts_result(explained->record, "reason");
	const char *would = journal_facts_result(explained->record, "would");

	return journal_action(journal_facts_result(explained->record, "action")) !=
	    verdict->action || journal_action(would) != verdict->would ||
	    strcmp(reason != NULL ? reason : "", verdict->reason == REASON_NONE ? "" :
	    policy_reason_name(verdict->reason)) != 0;
}

/* True where there is something to tell. */
bool
explain_recorded(struct tree *tree, const struct explained *explained, bool people)
{
	static const char *const names[] = {
		"action", "reason", "would", "would_reason", "exempt", "rule", "rule_kind",
		"rule_name", "rule_via", "partner", "reply"
	};

	if (explained->record == NULL ||
	    journal_facts_result(explained->record, "action") == NULL ||
	    (!explained->blind && !is_otherwise(explained)))
		return false;
	tree_open_object(tree, "recorded");
	if (people) {
		tree_text(tree, "happened", words_of_actions[journal_action(
		    journal_facts_result(explained->record, "action"))][0]);
		tree_flag(tree, "blind", explained->blind);
		explain_mail(tree, explained, true);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tree_text(tree, names[i], journal_facts_result(explained->record, names[i]));
	tree_close(tree);
	return true;
}

