/*
 * idle.c - warnings about rules without which nothing would change.
 *
 * A rule is idle where each of its WHOs would be judged alike without it. Where that
 * cannot be told of one of them, the rule is not.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include "lint/warn.h"

/* What is known of a rule so far. */
struct idle_rule {
	enum { IDLE_UNKNOWN, IDLE_SAME, IDLE_CHANGES } state;
	uint32_t compared;	/* the index of the rule in whose place it stands, + 1 */
	const struct who *first;
	const char *instead;	/* what the first stands in the place of; NULL: nothing */
};

struct idle {
	size_t count;
	struct idle_rule rules[];	/* as many as the policy has */
};

struct idle *
idle_new(size_t rules)
{
	struct idle *idle = calloc(1, sizeof(*idle) + rules * sizeof(idle->rules[0]));

	if (idle != NULL)
		idle->count = rules;
	return idle;
}

void
idle_free(struct idle **idle)
{
	free(*idle);
	*idle = NULL;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
same_otherwise(const struct otherwise *a, const struct otherwise *b)
{
	static const struct otherwise none = { .action = POLICY_TEMPFAIL };

	if (a == NULL)
		a = &none;
	if (b == NULL)
		b = &none;
	return a->action == b->action && strcmp(a->code, b->code) == 0 &&
	    strcmp(a->enhanced, b->enhanced) == 0 && same_text(a->text, b->text);
}

static bool
same_requirement(const struct settings_of_rule *a, const struct settings_of_rule *b,
    int kind)
{
	const struct policy_requirement *x = a->require[kind], *y = b->require[kind];

	if (x == NULL || y == NULL)
		return x == y;
	return requirement_same(x, y) &&
	    same_otherwise(requirement_otherwise(a, x), requirement_otherwise(b, y));
}

static bool
same_period(const struct period *a, const struct period *b)
{
	return a->set == b->set && a->limited == b->limited && a->until == b->until;
}

static bool
same_settings(const struct settings_of_rule *a, const struct settings_of_rule *b)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (!same_requirement(a, b, kind))
			return false;
	return same_period(&a->monitor, &b->monitor) &&
	    same_period(&a->exempt, &b->exempt) &&
	    same_text(a->exempt_reason, b->exempt_reason) &&
	    same_text(a->contact, b->contact) && same_text(a->note, b->note);
}

void
idle_changes(struct idle *idle, const struct who *who)
{
	idle->rules[who->rule].state = IDLE_CHANGES;
}

void
idle_instead(struct idle *idle, const struct policy *policy, const struct who *who,
    const struct policy_rule *other, const char *name)
{
	static const struct settings_of_rule nothing = { 0 };
	struct idle_rule *rule = &idle->rules[who->rule];
	const struct policy_rule *rules = policy->rules;
	uint32_t index = other == NULL ? UINT32_MAX : (uint32_t)(other - rules) + 1;

	/* One WHO of a rule may stand below another of it. */
	if (rule->state == IDLE_CHANGES || rule->compared == index ||
	    other == &rules[who->rule])
		return;
	rule->compared = index;
	if (rule->first == NULL) {
		rule->first = who;
		rule->instead = name;
	}
	rule->state = same_settings(&rules[who->rule].settings,
	    other == NULL ? &nothing : &other->settings) ? IDLE_SAME : IDLE_CHANGES;
}

void
lint_idle(struct lint *lint, const struct idle *idle)
{
	for (size_t i = 0; i < idle->count; i++) {
		const struct idle_rule *rule = &idle->rules[i];

		if (rule->state != IDLE_SAME)
			continue;
		if (rule->instead == NULL)
			lint_warn_who(lint, rule->first, KIND(NOTHING));
		else
			lint_warn_who(lint, rule->first, KIND(SAME), rule->first->name,
			    rule->instead);
	}
}
