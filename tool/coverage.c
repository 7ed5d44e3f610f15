/*
 * coverage.c - which rules of a policy the tests have reached.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>

#include "tool/coverage.h"
#include "base/buffer.h"
#include "base/text.h"

bool
coverage_open(struct coverage *coverage, const struct policy *policy)
{
	coverage->rules = policy_rule_count(policy);
	coverage->reached = calloc(coverage->rules + 1, sizeof *coverage->reached);
	return coverage->reached != NULL;
}

void
coverage_close(struct coverage *coverage)
{
	free(coverage->reached);
	coverage->reached = NULL;
}

void
coverage_count(struct coverage *coverage, const struct policy *policy,
    const struct verdict *verdict)
{
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		const struct policy_outcome *outcome = &verdict->outcome[i];
		size_t rule = policy_outcome_rule(policy, outcome);

		if (rule < coverage->rules && (!verdict->exempt || outcome->exempt))
			coverage->reached[rule] = true;
	}
}

static size_t
count_reached(const struct coverage *coverage)
{
	size_t count = 0;

	for (size_t i = 0; i < coverage->rules; i++)
		count += coverage->reached[i];
	return count;
}

void
coverage_text(const struct coverage *coverage, const struct policy *policy,
    const char *path, struct buffer *text)
{
	size_t reached = count_reached(coverage);
	struct policy_place place;

	text_visible(text, path);
	buffer_format(text, ": %zu of %zu rule%s reached", reached, coverage->rules,
	    coverage->rules == 1 ? "" : "s");
	/* Rounded down: 100 % is all of them. */
	if (coverage->rules > 0)
		buffer_format(text, " (%zu %%)", reached * 100 / coverage->rules);
	buffer_string(text, "\n");
	for (size_t i = 0; i < coverage->rules; i++) {
		if (coverage->reached[i])
			continue;
		policy_rule_place(policy, i, &place);
		buffer_string(text, "  not reached: ");
		text_visible(text, place.file);
		buffer_format(text, ":%u (%s%s", place.line,
		    policy_rule_kind_name(place.kind), place.name != NULL ? " " : "");
		text_visible(text, place.name != NULL ? place.name : "");
		buffer_string(text, ")\n");
	}
}

static void
add_place(const struct policy_place *place, struct buffer *text)
{
	struct buffer rule = BUFFER_INIT;

	buffer_format(&rule, "%s:%u", place->file, place->line);
	buffer_string(text, "{\"rule\":");
	text_json(text, rule.failed ? "" : rule.text);
	buffer_string(text, ",\"rule_kind\":");
	text_json(text, policy_rule_kind_name(place->kind));
	if (place->name != NULL) {
		buffer_string(text, ",\"rule_name\":");
		text_json(text, place->name);
	}
	buffer_string(text, "}");
	text->failed |= rule.failed;
	buffer_free(&rule);
}

void
coverage_json(const struct coverage *coverage, const struct policy *policy,
    const char *path, struct buffer *text)
{
	const char *before = "";
	struct policy_place place;

	buffer_string(text, "{\"policy\":");
	text_json(text, path);
	buffer_format(text, ",\"rules\":%zu,\"reached\":%zu,\"not_reached\":[",
	    coverage->rules, count_reached(coverage));
	for (size_t i = 0; i < coverage->rules; i++) {
		if (coverage->reached[i])
			continue;
		policy_rule_place(policy, i, &place);
		buffer_string(text, before);
		add_place(&place, text);
		before = ",";
	}
	buffer_string(text, "]}");
}
