/*
 * rule.c - a policy and its rules: beginnings, ends, names and actions.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/rules.h"

#include <stdlib.h>

#include "policy/index.h"
#include "policy/partner_certificate.h"
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
	for (struct clients *each = p->clients; each != NULL; each = each->next)
		index_free(&each->table);
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
	static const char *const names[] = {
		"client", "to", "from", "deliver", "default"
	};

	return names[kind];
}

bool
period_active(const struct period *period, int64_t now)
{
	return period->set && (!period->limited || now < period->until);
}

size_t
stretches_index(const struct stretches *stretches, int64_t now)
{
	size_t i = stretches->count - 1;

	while (i > 0 && now < stretches->list[i].from)
		i--;
	return i;
}

const struct settings_of_rule *
stretches_at(const struct stretches *stretches, int64_t now)
{
	return &stretches->list[stretches_index(stretches, now)].settings;
}

/* Lowers *next to the end of a period behind "now". */
static void
lower_to_end(const struct period *period, int64_t now, int64_t *next)
{
	if (period->limited && period->until > now && period->until < *next)
		*next = period->until;
}

int64_t
stretches_next(const struct stretches *stretches, int64_t now)
{
	size_t at = stretches_index(stretches, now) + 1;
	int64_t next = at < stretches->count ? stretches->list[at].from : INT64_MAX;

	for (size_t i = 0; i < stretches->count; i++) {
		lower_to_end(&stretches->list[i].settings.exempt, now, &next);
		lower_to_end(&stretches->list[i].settings.monitor, now, &next);
	}
	return next;
}
