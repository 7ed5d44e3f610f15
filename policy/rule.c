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
policy_reason_name(enum policy_reason reason)
{
	static const char *const names[REASON_COUNT] = {
		"", "tls", "tls-version", "bits", "cipher", "cipher", "forward-secrecy",
		"aead", "certificate", "certificate-name", "certificate-issuer",
		"certificate-fingerprint", "certificate-key", "certificate-signature",
		"certificate-validity", "unknown-fact"
	};

	return names[reason];
}

enum policy_reason
policy_reason_next(enum policy_reason reason)
{
	reason++;
	return reason == REASON_CIPHERSUITES ? reason + 1 : reason;
}

const char *
policy_rule_kind_name(enum policy_rule_kind kind)
{
	static const char *const names[] = { "client", "to", "from", "default" };

	return names[kind];
}

const char *
policy_kind_name(enum policy_reason kind)
{
	static const char *const names[KIND_END] = {
		[KIND_FIRST] = "tls", "bits", "cipher", "ciphersuites",
		"forward-secrecy", "aead", "certificate", "certificate name",
		"certificate issuer", "certificate fingerprint", "certificate key",
		"certificate signature", "certificate valid-for"
	};

	return names[kind];
}

bool
period_active(const struct period *period, int64_t now)
{
	return period->set && (!period->limited || now < period->until);
}

const struct otherwise *
requirement_otherwise(const struct settings_of_rule *settings,
    const struct policy_requirement *requirement)
{
	return requirement->own != NULL ? requirement->own : settings->otherwise;
}

enum policy_action
requirement_action(const struct settings_of_rule *settings,
    const struct policy_requirement *requirement)
{
	const struct otherwise *otherwise = requirement_otherwise(settings, requirement);

	/* Forgetting it loses no mail. */
	return otherwise != NULL ? otherwise->action : POLICY_TEMPFAIL;
}

enum policy_action
clear_text_action(const struct settings_of_rule *settings,
    const struct policy_requirement **lender)
{
	enum policy_action strictest = POLICY_ACCEPT;

	*lender = settings->require[REASON_TLS_VERSION];
	if (*lender != NULL)
		return requirement_action(settings, *lender);
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const struct policy_requirement *each = settings->require[kind];
		enum policy_action action;

		if (each == NULL)
			continue;
		action = requirement_action(settings, each);
		if (*lender == NULL || action > strictest) {
			*lender = each;
			strictest = action;
		}
	}
	return strictest;
}

void
policy_summarize(const struct policy *policy, struct policy_summary *summary)
{
	*summary = (struct policy_summary){
		.rules = policy->rule_count, .listed = policy->listed,
		.has_default = policy->fallback != NULL
	};
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		const struct policy_requirement *const *require = rule->settings.require;

		if (rule->kind == RULE_TO) {
			summary->has_to_rules = true;
			summary->has_to_exempt |= rule->settings.exempt.set;
		}
		for (int kind = REASON_CERTIFICATE; kind < KIND_END; kind++)
			summary->needs_certificate |= require[kind] != NULL;
		summary->needs_fingerprint |=
		    require[REASON_CERTIFICATE_FINGERPRINT] != NULL;
		for (int kind = REASON_CERTIFICATE_KEY; kind < KIND_END; kind++)
			summary->needs_known |= require[kind] != NULL;
	}
	summary->uses_fingerprint = summary->needs_fingerprint ||
	    (policy->partners != NULL && summary->needs_certificate);
}
