/*
 * ends.c - when the next certificate, exemption or trial ends.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/known.h"
#include "policy/rules.h"

/* Takes an end that comes before the one so far, and after "now". */
static void
take_end(int64_t *first, int64_t end, int64_t now)
{
	if (end > now && end < *first)
		*first = end;
}

static void
take_period(int64_t *first, const struct period *period, int64_t now)
{
	if (period->set && period->limited)
		take_end(first, period->until, now);
}

void
policy_next_ends(const struct policy *policy, int64_t now, struct policy_ends *ends)
{
	*ends = (struct policy_ends){ INT64_MAX, INT64_MAX };
	for (const struct pinned_file *each = policy->pinned; each != NULL;
	    each = each->next)
		take_end(&ends->certificate, each->certificate.not_after, now);
	if (policy->known != NULL)
		take_end(&ends->certificate, known_next_end(policy->known, now), now);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct settings_of_rule *settings = &policy->rules[i].settings;

		take_period(&ends->period, &settings->exempt, now);
		take_period(&ends->period, &settings->monitor, now);
	}
}
