/*
 * looser.c - settings that let pass what others would not.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "lint/warn.h"

static bool
looser_in(const struct settings_of_rule *a, const struct settings_of_rule *b,
    enum policy_reason kind, char *text, size_t size)
{
	const struct policy_requirement *mine = a->require[kind];
	const struct policy_requirement *theirs = b->require[kind];
	const char *name = policy_kind_name(kind);
	const char *version;
	enum policy_action wanted;

	if (theirs == NULL)
		return false;
	version = kind == REASON_TLS_VERSION ? protocol_version(theirs->u.version) : "";
	wanted = requirement_action(b, theirs);
	if (wanted == POLICY_ACCEPT)
		return false;
	if (mine == NULL) {
		(void)snprintf(text, size, "it does not require %s%s%s", name,
		    version[0] != '\0' ? " >= " : "", version);
		return !requirement_implied(a, theirs);
	}
	if (requirement_looser(mine, theirs)) {
		(void)snprintf(text, size, "it requires less for %s", name);
		return true;
	}
	(void)snprintf(text, size, "its action for %s is %s and not %s", name,
	    policy_action_name(requirement_action(a, mine)), policy_action_name(wanted));
	return requirement_action(a, mine) < wanted;
}

const char *
rule_looser(const struct settings_of_rule *a, const struct settings_of_rule *b,
    int64_t now, char *text, size_t size)
{
	bool restricts = false;

	if (period_active(&b->exempt, now) || period_active(&b->monitor, now))
		return NULL;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		restricts |= b->require[kind] != NULL &&
		    requirement_action(b, b->require[kind]) != POLICY_ACCEPT;
	if (!restricts)
		return NULL;
	if (period_active(&a->exempt, now))
		return "it exempts";
	if (period_active(&a->monitor, now))
		return "it is under monitor";
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (looser_in(a, b, (enum policy_reason)kind, text, size))
			return text;
	return NULL;
}

/* Warns where clear text gets a milder action than another failure. */
static void
lint_clear_text(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules[index];
	const struct settings_of_rule *settings = &rule->settings;
	const struct policy_requirement *lender;
	enum policy_action clear = clear_text_action(settings, &lender);

	for (int kind = KIND_FIRST; lender != NULL && kind < KIND_END; kind++) {
		const struct policy_requirement *each = settings->require[kind];

		if (each == NULL || requirement_action(settings, each) <= clear)
			continue;
		lint_warn(lint, &lint->written->rules[index].place, KIND(CLEAR_TEXT),
		    policy_action_name(clear),
		    policy_action_name(requirement_action(settings, each)),
		    policy_kind_name((enum policy_reason)kind));
		return;
	}
}

static void
lint_replaced(struct lint *lint)
{
	for (const struct replaced *each = lint->written->replaced; each != NULL; each = each->next) {
		const struct policy_requirement *before = each->before;
		bool looser = each->after == NULL ||
		    requirement_looser(each->after, before) ||
		    requirement_action(each->settings, each->after) <
		    requirement_action(each->settings, before);

		if (looser)
			lint_warn(lint, &each->place, KIND(LOOSENS), each->profile,
			    policy_kind_name(before->kind));
	}
}

/* Warns of a default that refuses clear text from everybody. */
static void
lint_public(struct lint *lint)
{
	const struct policy_rule *fallback = lint->policy->fallback;
	const struct policy_requirement *lender;
	enum policy_action clear;

	if (fallback == NULL || period_active(&fallback->settings.exempt, lint->now) ||
	    period_active(&fallback->settings.monitor, lint->now))
		return;
	clear = clear_text_action(&fallback->settings, &lender);
	if (lender != NULL && clear >= POLICY_TEMPFAIL)
		lint_warn(lint, &lint->written->rules[lint->policy->fallback_index].place,
		    KIND(PUBLIC), policy_action_name(clear));
}

void
lint_settings(struct lint *lint)
{
	for (size_t i = 0; i < lint->policy->rule_count; i++)
		lint_clear_text(lint, i);
	lint_replaced(lint);
	lint_public(lint);
}
