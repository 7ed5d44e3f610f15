/*
 * compare.c - which of two rules demands more.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdio.h>
#include <string.h>

bool
lint_restricts(const struct settings_of_rule *settings, int64_t now)
{
	if (period_active(&settings->exempt, now))
		return false;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (settings->require[kind] != NULL &&
		    requirement_action(settings, settings->require[kind]) >
		    POLICY_ACCEPT)
			return true;
	return false;
}

static bool
looser_in(const struct settings_of_rule *a, const struct settings_of_rule *b,
    enum policy_reason kind, char text[LINT_WHY_MAX])
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
		(void)snprintf(text, LINT_WHY_MAX, "it does not require %s%s%s", name,
		    version[0] != '\0' ? " >= " : "", version);
		return !requirement_implied(a, theirs);
	}
	if (requirement_looser(mine, theirs)) {
		(void)snprintf(text, LINT_WHY_MAX, "it requires less for %s", name);
		return true;
	}
	(void)snprintf(text, LINT_WHY_MAX, "its action for %s is %s and not %s", name,
	    policy_action_name(requirement_action(a, mine)), policy_action_name(wanted));
	return requirement_action(a, mine) < wanted;
}

/* ------------------------------------------------------------------ *
 * What ends by itself
 * ------------------------------------------------------------------ */

/* Whether a block, or a profile that it uses, drops its requirements for a while. */
static bool
drops_for_a_while(const struct lint *lint, const struct block *block)
{
	const struct setting *each = block->first;

	while (each != NULL) {
		if (each->type == SET_NOTHING && each->span.until != INT64_MAX &&
		    span_has(&each->span, lint->now))
			return true;
		if (each->type == SET_USE && each->profile != NULL &&
		    drops_for_a_while(lint, &each->profile->block))
			return true;
		each = each->next;
	}
	return false;
}

/*
 * Whether that a rule lets more pass for a kind is nothing to tell: it ends by its own
 * date, or all that is for its clients alone has the client that is required.
 */
static bool
is_meant(const struct lint *lint, size_t rule, enum policy_reason kind,
    const struct settings_of_rule *settings, const struct settings_of_rule *others)
{
	const struct policy_requirement *mine = settings->require[kind];
	const struct clients *via = lint->policy->rules[rule].via;
	const struct block *block = lint_block_of(lint, rule);
	const struct setting *setting;

	if (kind == REASON_CLIENT && via != NULL &&
	    clients_include(others->require[kind]->u.clients, via))
		return true;
	if (mine == NULL)
		return drops_for_a_while(lint, block);
	setting = lint_setting(lint, block, mine);
	return setting != NULL && setting->span.until != INT64_MAX;
}

static bool
by_address(const struct clients *clients)
{
	for (size_t i = 0; clients != NULL && i < clients->table.count; i++) {
		enum who_type type = (enum who_type)clients->table.whos[i].type;

		if (type == WHO_DOMAIN || type == WHO_SUBDOMAINS || type == WHO_REGEX)
			return false;
	}
	return clients != NULL;
}

const char *
lint_looser(const struct lint *lint, size_t rule, const struct settings_of_rule *a,
    const struct settings_of_rule *b, char text[LINT_WHY_MAX])
{
	bool of_rule = rule != LINT_NO_RULE;

	if (!lint_restricts(b, lint->now) || period_active(&b->monitor, lint->now) ||
	    (of_rule && by_address(lint->policy->rules[rule].via)))
		return NULL;
	if (period_active(&a->exempt, lint->now))
		return of_rule && a->exempt.limited ? NULL : "it exempts";
	if (period_active(&a->monitor, lint->now))
		return of_rule && a->monitor.limited ? NULL : "it is under monitor";
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (looser_in(a, b, (enum policy_reason)kind, text) &&
		    !(of_rule && is_meant(lint, rule, (enum policy_reason)kind, a, b)))
			return text;
	return NULL;
}

/* ------------------------------------------------------------------ *
 * What is the same
 * ------------------------------------------------------------------ */

bool
lint_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool
lint_same_otherwise(const struct otherwise *a, const struct otherwise *b)
{
	static const struct otherwise none = { .action = POLICY_TEMPFAIL };

	if (a == NULL)
		a = &none;
	if (b == NULL)
		b = &none;
	return a->action == b->action && strcmp(a->code, b->code) == 0 &&
	    strcmp(a->enhanced, b->enhanced) == 0 && lint_same_text(a->text, b->text);
}

static bool
same_requirement(const struct settings_of_rule *a, const struct settings_of_rule *b,
    int kind)
{
	const struct policy_requirement *x = a->require[kind], *y = b->require[kind];

	if (x == NULL || y == NULL)
		return x == y;
	return requirement_same(x, y) &&
	    lint_same_otherwise(requirement_otherwise(a, x), requirement_otherwise(b, y));
}

static bool
same_period(const struct period *a, const struct period *b)
{
	return a->set == b->set && a->limited == b->limited && a->until == b->until;
}

bool
lint_same(const struct settings_of_rule *a, const struct settings_of_rule *b)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (!same_requirement(a, b, kind))
			return false;
	return same_period(&a->monitor, &b->monitor) &&
	    same_period(&a->exempt, &b->exempt) &&
	    lint_same_text(a->exempt_reason, b->exempt_reason) &&
	    lint_same_text(a->contact, b->contact) && lint_same_text(a->note, b->note);
}
