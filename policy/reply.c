/*
 * reply.c - what the other side is told.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "policy/requirement.h"
#include "policy/template.h"

/* What {required} stands for. */
static void
required_value(const struct policy_outcome *outcome, char *text, size_t size)
{
	text[0] = '\0';
	if (outcome->reason == REASON_TLS || outcome->reason == REASON_UNKNOWN_FACT) {
		if (!policy_required_text(outcome, REASON_TLS_VERSION, text, size))
			requirement_append(text, size, "TLS");
	} else if (outcome->requirement != NULL)
		requirement_describe(outcome->requirement, text, size);
}

static const char *
domain_value(const struct verdict *verdict, const struct facts *facts)
{
	bool recipient = verdict->outcome[verdict->reported].place.kind == RULE_TO;
	const char *domain = verdict->reported == OUTCOME_TO_RESOLVED ?
	    verdict->to_resolved_domain : recipient ? verdict->to_domain :
	    verdict->from_domain;
	bool null = facts->from == NULL || *facts->from == '\0' ||
	    strcmp(facts->from, "<>") == 0;

	if (*domain != '\0')
		return domain;
	return !recipient && null ? "<>" : "an address without a domain";
}

static void
write_text(const struct verdict *verdict, const struct facts *facts,
    const struct otherwise *otherwise, char *out, size_t size)
{
	const struct policy_outcome *outcome = &verdict->outcome[verdict->reported];
	bool recipient = outcome->place.kind == RULE_TO;
	char required[POLICY_REPLY_MAX], bits[16] = "unknown";
	const char *const values[TEMPLATE_COUNT] = {
		[TEMPLATE_DOMAIN] = domain_value(verdict, facts),
		[TEMPLATE_REASON] = policy_reason_name(verdict->reason),
		[TEMPLATE_REQUIRED] = required,
		[TEMPLATE_TLS_VERSION] =
		    facts->tls_version != NULL ? facts->tls_version : "unknown",
		[TEMPLATE_CIPHER] = facts->cipher != NULL ? facts->cipher : "unknown",
		[TEMPLATE_BITS] = bits
	};
	size_t used = 0;

	required_value(outcome, required, sizeof(required));
	if (verdict->bits >= 0)
		(void)snprintf(bits, sizeof(bits), "%d", verdict->bits);
	if (otherwise != NULL && otherwise->text != NULL) {
		template_fill(otherwise->text, values, out, size);
		return;
	}
	used = (size_t)snprintf(out, size, "Mail %s ", recipient ? "to" : "from");
	template_fill(requirement_reason(verdict->reason)->reply, values, out + used,
	    size - used);
}

bool
policy_reply(const struct verdict *verdict, const struct facts *facts,
    struct policy_reply *reply)
{
	bool reject = verdict->action == POLICY_REJECT || verdict->soft_bounced;
	const struct policy_outcome *outcome;
	const struct reason *why;
	const struct otherwise *otherwise = NULL;
	size_t used;

	memset(reply, 0, sizeof(*reply));
	if (verdict->action < POLICY_TEMPFAIL || verdict->reported < 0)
		return false;
	outcome = &verdict->outcome[verdict->reported];
	why = requirement_reason(verdict->reason);
	if (outcome->requirement != NULL)
		otherwise = requirement_otherwise(&outcome->rule->settings,
		    outcome->requirement);
	if (otherwise != NULL && otherwise->code[0] != '\0')
		(void)strcpy(reply->code, otherwise->code);
	else
		(void)strcpy(reply->code, reject ? why->code : "451");
	if (otherwise != NULL && otherwise->enhanced[0] != '\0')
		(void)strcpy(reply->enhanced, otherwise->enhanced);
	else
		(void)snprintf(reply->enhanced, sizeof(reply->enhanced), "%c.%s",
		    reject ? '5' : '4', why->detail);
	if (verdict->soft_bounced)	/* as Postfix's soft_bounce: the class alone */
		reply->code[0] = reply->enhanced[0] = '4';
	used = strlen(reply->code) + strlen(reply->enhanced) + 2;
	write_text(verdict, facts, otherwise, reply->text, POLICY_REPLY_MAX + 1 - used);
	return true;
}
