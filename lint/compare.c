/*
 * compare.c - two rules, compared: what one lets pass and the other does not.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdio.h>
#include <string.h>

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
	version = kind != REASON_TLS_VERSION ? "" :
	    protocol_version((enum policy_protocol)theirs->least);
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

bool
rule_same(const struct settings_of_rule *a, const struct settings_of_rule *b)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (!same_requirement(a, b, kind))
			return false;
	return same_period(&a->monitor, &b->monitor) &&
	    same_period(&a->exempt, &b->exempt) &&
	    same_text(a->exempt_reason, b->exempt_reason) &&
	    same_text(a->contact, b->contact) && same_text(a->note, b->note);
}
