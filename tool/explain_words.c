/*
 * explain_words.c - a rule's place, what of it is not met and what to ask for, in
 * words; a failed test and the message to a partner have them too.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/explain.h"

#include <string.h>

#include "base/date.h"
#include "base/text.h"

void
explain_place(const struct policy_place *place, struct buffer *text)
{
	text_visible(text, place->file != NULL ? place->file : "");
	buffer_format(text, ":%u (%s", place->line, policy_rule_kind_name(place->kind));
	if (place->name != NULL) {
		buffer_string(text, " ");
		text_visible(text, place->name);
	}
	buffer_string(text, ")");
}

void
explain_rule(const struct policy_outcome *outcome, struct buffer *text)
{
	int64_t until = policy_outcome_until(outcome);
	char day[DATE_DAY_SIZE];

	explain_place(&outcome->place, text);
	if (outcome->partner != NULL) {
		buffer_string(text, ", partner ");
		text_visible(text, outcome->partner);
	}
	if (outcome->via != NULL) {
		buffer_string(text, ", via ");
		text_visible(text, outcome->via);
	}
	buffer_string(text, outcome->exempt ? ", which exempts" :
	    outcome->monitored ? ", under monitor" : "");
	if (until != INT64_MAX) {
		date_write_day(until, day);
		buffer_format(text, " until %s", day);
	}
}

void
explain_day(struct tree *tree, const char *name, int64_t when)
{
	char day[DATE_DAY_SIZE];

	if (when == INT64_MIN || when == INT64_MAX)
		return;
	date_write_day(when, day);
	tree_text(tree, name, day);
}

void
explain_session(enum policy_reason kind, const struct verdict *verdict,
    const struct facts *facts, struct buffer *text)
{
	const char *const *names = policy_kind_facts(kind);

	for (size_t i = 0; names[i] != NULL; i++) {
		const char *name = names[i];

		buffer_format(text, "%s%s ", i > 0 ? ", " : "", name);
		if (journal_fact_text(facts, name, text))
			continue;
		if (strcmp(name, "bits") == 0 && verdict->bits >= 0)
			buffer_format(text, "%d by the cipher's name", verdict->bits);
		else
			buffer_string(text, "unknown");
	}
}

void
explain_unmet(const struct policy_outcome *outcome, const struct verdict *verdict,
    const struct facts *facts, const char *indent, struct buffer *text)
{
	char required[EXPLAIN_REQUIRED_MAX];

	if (outcome->undecided) {
		buffer_format(text, "%swhether the rule ", indent);
		explain_place(&outcome->place, text);
		buffer_string(text, " applies is unknown: its regular expression hit "
		    "the limit\n");
	}
	for (enum policy_reason kind = KIND_FIRST; kind < KIND_END; kind++) {
		bool unknown = outcome->check[kind] == CHECK_UNKNOWN;
		struct policy_place place;

		if (!unknown && outcome->check[kind] != CHECK_UNMET)
			continue;
		buffer_format(text, "%srequire %s", indent, policy_kind_name(kind));
		if (policy_required_place(outcome, kind, &place)) {
			buffer_string(text, " (");
			text_visible(text, place.file);
			buffer_format(text, ":%u)", place.line);
		}
		buffer_string(text, unknown ? ": unknown: " : ": not met: ");
		if (!policy_required_text(outcome, kind, required, sizeof(required)))
			(void)strcpy(required, "TLS, which another requirement implies");
		text_visible(text, required);
		buffer_string(text, "; this session: ");
		explain_session(kind, verdict, facts, text);
		buffer_string(text, "\n");
	}
}

bool
explain_field(struct tree *tree, const char *member, const struct explained *explained,
    const char *name)
{
	const struct journal_record record = {
		.time_ms = explained->time_ms, .facts = explained->facts,
		.verdict = explained->verdict
	};
	struct buffer value = BUFFER_INIT;
	bool known = journal_fact_text(explained->facts, name, &value) ||
	    journal_record_text(&record, name, &value);

	if (known)
		tree_text(tree, member, value.text != NULL ? value.text : "");
	tree->failed |= value.failed;
	buffer_free(&value);
	return known;
}

/* What stands for %s: of clear text, which version STARTTLS is to have, if any. */
static void
add_required_words(enum policy_reason reason, const struct policy_outcome *rule,
    struct buffer *text)
{
	char required[EXPLAIN_REQUIRED_MAX];
	bool known = rule->rule != NULL && policy_required_text(rule, REASON_TLS_VERSION,
	    required, sizeof(required)) && strcmp(required, "TLS") != 0;

	if (reason == REASON_TLS && known)
		buffer_string(text, " with ");
	if (known)
		text_visible(text, required);
	else if (reason != REASON_TLS)
		buffer_string(text, "TLS");
}

void
explain_advice(struct tree *tree, const char *name, enum policy_reason reason,
    const struct policy_outcome *rule, const struct facts *facts)
{
	const char *ask = policy_advice(reason, facts);
	size_t plain = strcspn(ask, "%");
	struct buffer text = BUFFER_INIT;

	buffer_add(&text, ask, plain);
	if (ask[plain] != '\0') {
		add_required_words(reason, rule, &text);
		buffer_string(&text, ask + plain + 2);
	}
	tree_buffer(tree, name, &text);
}
