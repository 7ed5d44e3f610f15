/*
 * delivery.c - what the MTA's word for the other server proves, of mail that went out.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/delivery.h"

#include <string.h>

#include "policy/session.h"

bool
delivery_has(const struct facts *facts, const char *word)
{
	return facts->direction != NULL && facts->verification != NULL &&
	    strcmp(facts->verification, word) == 0;
}

enum policy_tri
delivery_verified(const struct facts *facts)
{
	if (facts->cert_verified != POLICY_UNKNOWN || facts->verification == NULL ||
	    delivery_has(facts, "dane"))
		return facts->cert_verified;
	return session_answer(delivery_has(facts, "trusted") ||
	    delivery_has(facts, "verified"));
}

bool
delivery_proves(const struct facts *facts, const struct requirement_kind *row,
    const struct policy_outcome *outcome, enum policy_action action)
{
	if (row->outbound <= LEVEL_ENCRYPT)
		return false;
	return delivery_has(facts, "dane") ? row->kind == REASON_DANE :
	    delivery_has(facts, "verified") && !outcome->monitored &&
	    action != POLICY_ACCEPT;
}
