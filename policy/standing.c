/*
 * standing.c - what reports want to know of a policy, and of a session's strength.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "policy/index.h"
#include "policy/session.h"

static const char *const protocol_names[PROTOCOL_COUNT] = {
	[PROTOCOL_CLEAR] = "clear text",
	[PROTOCOL_UNKNOWN] = "unknown",
	[PROTOCOL_SSL] = "SSL",
	[PROTOCOL_TLS_1_0] = "TLSv1.0",
	[PROTOCOL_TLS_1_1] = "TLSv1.1",
	[PROTOCOL_TLS_1_2] = "TLSv1.2",
	[PROTOCOL_TLS_1_3] = "TLSv1.3"
};

const char *
policy_protocol_name(enum policy_protocol protocol)
{
	return protocol_names[protocol];
}

static enum policy_protocol
protocol_of(const struct session *session)
{
	if (session->encrypted == POLICY_NO)
		return PROTOCOL_CLEAR;
	if (session->tls13)
		return PROTOCOL_TLS_1_3;
	return session->version_given ? session->version : PROTOCOL_UNKNOWN;
}

void
policy_strength(const struct policy *policy, const struct facts *facts,
    struct policy_strength *strength)
{
	struct session session;

	session_read(&session, policy, facts, 0);
	strength->protocol = protocol_of(&session);
	strength->bits = session.bits;
	strength->forward_secrecy = session.tls13 ||
	    (session.cipher != NULL && session.cipher->forward_secrecy);
}

static bool
demands_something(const struct settings_of_rule *settings)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (settings->require[kind] != NULL)
			return true;
	return false;
}

static void
set_period(struct policy_standing *standing, enum policy_state state,
    const struct period *period)
{
	standing->state = state;
	standing->limited = period->limited;
	standing->until = period->limited ? period->until : 0;
}

static void
set_state(const struct policy_outcome *outcome, int64_t now,
    struct policy_standing *standing)
{
	const struct settings_of_rule *settings = &outcome->rule->settings;

	standing->state = STATE_ENFORCED;
	if (outcome->exempt)
		set_period(standing, STATE_EXEMPT, &settings->exempt);
	else if (outcome->monitored) {
		set_period(standing, STATE_MONITORED, &settings->monitor);
		/* By the setting "mode": the rule's date does not count. */
		if (!period_active(&settings->monitor, now))
			standing->limited = false;
	}
	standing->demands = demands_something(settings);
	standing->place = outcome->place;
	standing->exempt_reason = outcome->exempt ? settings->exempt_reason : NULL;
	standing->contact = settings->contact;
	standing->note = settings->note;
}

int
policy_standing(const struct policy *policy, const char *sender,
    const struct policy_options *options, struct policy_standing *standing)
{
	struct facts facts = FACTS_INIT;
	struct verdict verdict;

	*standing = (struct policy_standing){ .state = STATE_NO_RULE };
	facts.from = sender;
	if (policy_decide(policy, &facts, options, &verdict) != 0)
		return -1;
	if (verdict.outcome[OUTCOME_FROM].rule != NULL)
		set_state(&verdict.outcome[OUTCOME_FROM], options->now, standing);
	return 0;
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

bool
policy_domain(const char *text, char *out, size_t size)
{
	size_t dot = text[0] == '.';
	struct name name;
	bool valid, fits;

	if (name_domain(text + dot, strlen(text + dot), &name, &valid) != 0)
		return false;
	fits = (size_t)snprintf(out, size, "%s%s", dot != 0 ? "." : "", name.text) < size;
	valid = valid && fits && name_is_domain(name.text, name.length);
	name_free(&name);
	return valid;
}
