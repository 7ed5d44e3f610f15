/*
 * whos.c - warnings about what rules do to each other, by the names they are for.
 *
 * A rule has no effect where each of its WHOs would be judged alike without it. Where
 * that cannot be told of one of them, it has.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known of a rule so far. */
struct rule_state {
	/* The rule in whose place it stands: its index + 1; UINT32_MAX: none. */
	uint32_t compared;
	enum { EFFECT_UNKNOWN, EFFECT_NONE, EFFECT_SOME } effect;
	bool said;		/* of a name in one of its lists: not of each */
	const struct who *first;
	const char *instead;	/* what "first" stands in the place of; NULL: nothing */
};

static const struct settings_of_rule *
settings_of(const struct lint *lint, const struct who *who)
{
	return &lint->policy->rules[who->rule].settings;
}

static bool
restricts(const struct settings_of_rule *settings, int64_t now)
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

/*
 * Why rule "a" lets pass what rule "b" would not at "now", in words, or NULL where it
 * does not or where that cannot be told. "text" holds the words.
 */
static const char *
rule_looser(const struct settings_of_rule *a, const struct settings_of_rule *b,
    int64_t now, char *text, size_t size)
{
	if (!restricts(b, now) || period_active(&b->monitor, now))
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

/* Whether both demand the same, with the same actions, dates, contact and note. */
static bool
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

/* The WHO in whose place a name of a from or to rule stands, or NULL. */
static const struct who *
less_specific_name(const struct lint *lint, const struct who_table *table,
    const struct who *who)
{
	const char *domain = who->key;
	const struct who *found = NULL;
	bool unknown;

	if (who->type == WHO_ADDRESS) {
		domain = strrchr(who->key, '@') + 1;
		found = index_find(table, domain, strlen(domain));
	}
	if (found == NULL)
		found = index_find_above(table, domain, strlen(domain));
	if (found == NULL && who->type != WHO_SUBDOMAINS && table->regex_count > 0)
		found = index_find_regex(table, lint->policy->limits, domain,
		    strlen(domain), &unknown);
	return found;
}

static const struct who *
less_specific(const struct lint *lint, const struct who_table *table,
    const struct who *who)
{
	struct network network;

	switch (who->type) {
	case WHO_ADDRESS:
	case WHO_DOMAIN:
	case WHO_SUBDOMAINS:
		return less_specific_name(lint, table, who);
	case WHO_NETWORK:
		if (network_read(who->name, &network) == NETWORK_OK)
			return index_find_network(table, &network, network.prefix);
		return NULL;
	default:
		return NULL;
	}
}

/*
 * Whether less_specific() finds all that would apply without this WHO; else what
 * stands in the way cannot be told from the names.
 */
static bool
is_certain(const struct who_table *table, const struct who *who,
    enum policy_rule_kind kind)
{
	switch (who->type) {
	case WHO_POSTMASTER:
	case WHO_NULL_SENDER:
		return true;
	case WHO_ADDRESS:
	case WHO_DOMAIN:
		/* A host has an address too, and "user+detail" is looked up as "user". */
		return kind != RULE_CLIENT && table->regex_count == 0 &&
		    (kind != RULE_TO || who->type == WHO_DOMAIN);
	case WHO_SUBDOMAINS:
		return kind != RULE_CLIENT && table->regex_count == 0;
	case WHO_NETWORK:
		return table->regex_count == 0;
	default:
		return table->count == 1;
	}
}

/* What a WHO stands in the place of, and what that says of its rule. */
static void
lint_instead(struct lint *lint, enum policy_rule_kind kind, const struct who *who,
    struct rule_state *state)
{
	static const struct settings_of_rule nothing = { 0 };
	const struct who_table *table = &lint->policy->tables[kind];
	const struct policy_rule *rules = lint->policy->rules;
	const struct who *below = less_specific(lint, table, who);
	const struct policy_rule *other = below != NULL ? &rules[below->rule] :
	    kind == RULE_FROM ? lint->policy->default_rule : NULL;
	const char *name = below != NULL ? below->name :
	    other != NULL ? "the default" : NULL;
	uint32_t index = other == NULL ? 0 : (uint32_t)(other - rules) + 1;
	char text[128];
	const char *why;

	if (!is_certain(table, who, kind))
		state->effect = EFFECT_SOME;
	/* Once for a pair of rules, however many names they have, and none for one rule. */
	if (other == &rules[who->rule] || (other != NULL && state->compared == index))
		return;
	if (other != NULL)
		state->compared = index;
	why = other == NULL ? NULL : rule_looser(settings_of(lint, who),
	    &other->settings, lint->now, text, sizeof(text));
	if (why != NULL)
		lint_warn_who(lint, who, KIND(LOOSER), who->name, name, why);
	if (state->effect == EFFECT_SOME)
		return;
	if (state->first == NULL) {
		state->first = who;
		state->instead = name;
	}
	state->effect = rule_same(settings_of(lint, who),
	    other == NULL ? &nothing : &other->settings) ? EFFECT_NONE : EFFECT_SOME;
}

/* Warns of a domain with requirements whose subdomains have none. */
static void
lint_subdomains(struct lint *lint, const struct who_table *table, const struct who *who,
    const struct policy_rule *default_rule)
{
	const struct settings_of_rule *settings = settings_of(lint, who);
	char key[512], text[128];
	size_t length;

	/* Below an address literal there is nothing. */
	if (who->type != WHO_DOMAIN || who->key[0] == '[' ||
	    !restricts(settings, lint->now))
		return;
	length = strlen(who->key);
	if (length + 2 > sizeof(key))
		return;
	key[0] = '.';
	memcpy(key + 1, who->key, length + 1);
	if (index_find(table, key, length + 1) != NULL ||
	    index_find_above(table, key, length + 1) != NULL)
		return;
	if (default_rule != NULL && rule_looser(&default_rule->settings, settings,
	    lint->now, text, sizeof(text)) == NULL &&
	    !period_active(&default_rule->settings.monitor, lint->now) &&
	    restricts(&default_rule->settings, lint->now))
		return;
	lint_warn_who(lint, who, KIND(SUBDOMAINS), who->name, who->key);
}

static void
lint_client_name(struct lint *lint, const struct who *who)
{
	bool by_name = who->type == WHO_DOMAIN || who->type == WHO_SUBDOMAINS ||
	    who->type == WHO_REGEX;

	if (by_name && restricts(settings_of(lint, who), lint->now))
		lint_warn_who(lint, who, KIND(CLIENT_NAME));
}

static void
lint_table(struct lint *lint, enum policy_rule_kind kind, struct rule_state *states)
{
	const struct who_table *table = &lint->policy->tables[kind];
	const struct policy_rule *default_rule =
	    kind == RULE_FROM ? lint->policy->default_rule : NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct who *who = &table->whos[i];
		struct rule_state *state = &states[who->rule];
		size_t before;

		lint_instead(lint, kind, who, state);
		if (who->listed && state->said)
			continue;
		before = diags_count(lint->diags);
		if (kind == RULE_CLIENT)
			lint_client_name(lint, who);
		else
			lint_subdomains(lint, table, who, default_rule);
		state->said |= who->listed && diags_count(lint->diags) > before;
	}
	lint_regexes(lint, kind);
}

static void
lint_effects(struct lint *lint, const struct rule_state *states)
{
	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct rule_state *state = &states[i];

		if (state->effect == EFFECT_NONE && state->instead == NULL)
			lint_warn_who(lint, state->first, KIND(NOTHING));
		else if (state->effect == EFFECT_NONE)
			lint_warn_who(lint, state->first, KIND(SAME), state->first->name,
			    state->instead);
	}
}

void
lint_whos(struct lint *lint)
{
	struct rule_state *states = calloc(lint->policy->rule_count + 1, sizeof(*states));

	if (states == NULL) {
		lint->no_memory = true;
		return;
	}
	for (int kind = RULE_CLIENT; kind <= RULE_FROM; kind++)
		lint_table(lint, (enum policy_rule_kind)kind, states);
	lint_effects(lint, states);
	free(states);
}
