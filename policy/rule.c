/*
 * rule.c - a policy and its rules: beginnings, ends, names and actions.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/index.h"
#include "policy/partner.h"
#include "base/arena.h"
#include "base/array.h"

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

pcre2_code *
policy_compile(struct policy *policy, const char *text, bool caseless,
    enum pattern_use use, char *error, size_t error_size, size_t *offset)
{
	pcre2_code *code;

	*offset = 0;
	(void)snprintf(error, error_size, "out of memory");
	if (!array_reserve(policy->codes, policy->code_count + 1, &policy->code_room)) {
		policy->arena.failed = true;
		return NULL;
	}
	code = pattern_compile(text, caseless, use, error, error_size, offset,
	    &policy->arena.failed);
	if (code != NULL)
		policy->codes[policy->code_count++] = code;
	return code;
}

static const struct {
	const char *fact;
	const char *policy;
	enum policy_protocol protocol;
} versions[] = {
	{ "SSLv2", NULL, PROTOCOL_SSL }, { "SSLv3", NULL, PROTOCOL_SSL },
	{ "TLSv1", "1.0", PROTOCOL_TLS_1_0 }, { "TLSv1.0", "1.0", PROTOCOL_TLS_1_0 },
	{ "TLSv1.1", "1.1", PROTOCOL_TLS_1_1 }, { "TLSv1.2", "1.2", PROTOCOL_TLS_1_2 },
	{ "TLSv1.3", "1.3", PROTOCOL_TLS_1_3 }
};

enum policy_protocol
protocol_from_fact(const char *name)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strcmp(versions[i].fact, name) == 0)
			return versions[i].protocol;
	return PROTOCOL_UNKNOWN;
}

enum policy_protocol
protocol_from_policy(const char *text)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i].policy != NULL &&
		    (strcmp(versions[i].policy, text) == 0 ||
		    strcmp(versions[i].fact, text) == 0))
			return versions[i].protocol;
	return PROTOCOL_UNKNOWN;
}

const char *
protocol_version(enum policy_protocol protocol)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i].protocol == protocol && versions[i].policy != NULL)
			return versions[i].policy;
	return "";
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
