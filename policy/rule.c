/*
 * rule.c - a policy and its rules: beginnings, ends, names and actions.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/rules.h"

#include <stdlib.h>
#include <string.h>

#include "policy/index.h"
#include "policy/partner.h"
#include "base/arena.h"

struct policy *
policy_new(void)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (policy == NULL)
		return NULL;
	policy->ciphers = cipher_table_new();
	policy->limits = pattern_limits();
	if (policy->ciphers == NULL || policy->limits == NULL)
		policy_free(&policy);
	return policy;
}

void
policy_free(struct policy **policy)
{
	struct policy *p;

	if (policy == NULL || *policy == NULL)
		return;
	p = *policy;
	for (size_t i = 0; i < p->code_count; i++)
		pcre2_code_free(p->codes[i]);
	free(p->codes);
	free(p->files);
	for (struct policy_text *each = p->texts; each != NULL; each = each->next)
		free(each->text);
	for (size_t i = 0; i < sizeof(p->tables) / sizeof(p->tables[0]); i++)
		index_free(&p->tables[i]);
	pcre2_match_context_free(p->limits);
	cipher_table_free(&p->ciphers);
	free(p->rules);
	partners_free(&p->partners);
	arena_release(&p->arena);
	free(p);
	*policy = NULL;
}

const char *
policy_action_name(enum policy_action action)
{
	static const char *const names[] = {
		"accept", "quarantine", "tempfail", "reject"
	};

	return names[action];
}

const char *
policy_rule_kind_name(enum policy_rule_kind kind)
{
	static const char *const names[] = { "client", "to", "from", "default" };

	return names[kind];
}

bool
period_active(const struct period *period, int64_t now)
{
	return period->set && (!period->limited || now < period->until);
}

/* ------------------------------------------------------------------ *
 * The rules, one by one
 * ------------------------------------------------------------------ */

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

	if (first == NULL)
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

const char *
policy_partner_next(const struct policy *policy, size_t *index)
{
	const struct who_table *table = &policy->tables[RULE_FROM];

	while (*index < table->count) {
		const struct who *who = &table->whos[(*index)++];

		if (!who->listed &&
		    (who->type == WHO_DOMAIN || who->type == WHO_SUBDOMAINS))
			return who->key;
	}
	return NULL;
}
