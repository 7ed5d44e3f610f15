/*
 * places.c - where rules and requirements stand.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/rules.h"

#include <string.h>

size_t
policy_rule_count(const struct policy *policy)
{
	return policy->rule_count;
}

/* The first regular expression of a rule, with its slashes. */
static const char *
first_regex(const struct policy *policy, size_t rule)
{
	const struct who_table *table = &policy->tables[policy->rules[rule].kind];

	for (size_t i = 0; i < table->count; i++)
		if (table->whos[i].rule == rule && table->whos[i].type == WHO_REGEX)
			return table->whos[i].name;
	return NULL;
}

/* The first WHO of a rule: a list is called as its file is. */
static const char *
first_who(const struct policy *policy, size_t rule)
{
	const struct who_written *first = policy->rules[rule].written;
	const char *slash;

	if (policy->rules[rule].written_count == 0)
		return NULL;
	if (first->form == WRITTEN_REGEX)
		return first_regex(policy, rule);
	slash = first->form == WRITTEN_FILE ? strrchr(first->text, '/') : NULL;
	return slash != NULL ? slash + 1 : first->text;
}

void
policy_rule_place(const struct policy *policy, size_t index, struct policy_place *place)
{
	const struct policy_rule *rule = &policy->rules[index];

	*place = (struct policy_place){
		.file = rule->file, .line = rule->line, .kind = rule->kind,
		.name = first_who(policy, index)
	};
}

size_t
policy_outcome_rule(const struct policy *policy, const struct policy_outcome *outcome)
{
	return outcome->rule == NULL ? SIZE_MAX : (size_t)(outcome->rule - policy->rules);
}
