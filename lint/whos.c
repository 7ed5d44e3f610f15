/*
 * whos.c - warnings about what rules do to each other, by the names they are for.
 *
 * A rule has no effect where each of its WHOs would be judged alike without it, today and
 * on each day to come. Where that cannot be told of one of them, it has.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdlib.h>
#include <string.h>

/* What is known of a rule so far. */
struct rule_state {
	/* The last rule in whose place it was seen to stand: its index + 1. */
	uint32_t compared;
	enum { EFFECT_UNKNOWN, EFFECT_NONE, EFFECT_SOME } effect;
	bool alone;		/* it was seen to stand in no rule's place */
	const struct who *first;
	const struct who *instead;	/* in whose place "first" stands; NULL: nothing's */
	bool in_default_place;		/* "first" stands in the default's */
};

/* What the rules of a kind have in common. */
struct kind_of_rule {
	enum policy_rule_kind kind;
	const struct who_table *table;
	const struct policy_rule *fallback;	/* the default, where it is used; NULL */
};

/*
 * Whether lint_instead() finds all that would apply without this WHO; else what
 * stands in the way cannot be told from the names.
 */
static bool
is_certain(const struct kind_of_rule *of, const struct who *who)
{
	bool regexes = of->table->regexes.count + of->table->address_regexes.count > 0;

	switch (who->type) {
	case WHO_POSTMASTER:
	case WHO_NULL_SENDER:
	case WHO_NEXT_HOP:
		return true;
	case WHO_ADDRESS:
		/* "user+detail" is looked up as "user". */
		return !regexes && of->kind != RULE_TO;
	case WHO_DOMAIN:
	case WHO_SUBDOMAINS:
		/* A host has an address too. */
		return !regexes && of->kind != RULE_CLIENT;
	case WHO_NETWORK:
		return !regexes;
	default:
		return of->table->count == 1;
	}
}

/* Warns where a rule lets pass what the one in whose place it stands would not. */
static void
lint_pair(struct lint *lint, const struct who *who, const struct who *below,
    const struct policy_rule *other, struct rule_state *state)
{
	static const struct settings_of_rule no_rule = { .otherwise = NULL };
	const struct policy_rule *rule = &lint->policy->rules[who->rule];
	const struct stretches *others = other != NULL ? &other->settings : NULL;
	char why[LINT_WHY_MAX], mine[LINT_WHO_MAX], theirs[LINT_WHO_MAX];

	for (lint_begin(lint, &rule->settings, others); lint_next(lint);) {
		const struct settings_of_rule *a = stretches_at(&rule->settings, lint->now);
		const struct settings_of_rule *b = others == NULL ? &no_rule :
		    stretches_at(others, lint->now);
		const char *text = other == NULL ? NULL :
		    lint_looser(lint, who->rule, a, b, why);

		if (text != NULL)
			lint_warn_who(lint, who, KIND(LOOSER),
			    lint_who_name(lint, who, mine), below == NULL ?
			    "the default" : lint_who_name(lint, below, theirs), text);
		/* Records name the agreement. */
		if (!lint_same(a, b) || (other != NULL && other->partner != rule->partner))
			state->effect = EFFECT_SOME;
	}
	if (state->effect == EFFECT_UNKNOWN)
		state->effect = EFFECT_NONE;
}

/* What a WHO stands in the place of, and what that says of its rule. */
static void
lint_place(struct lint *lint, const struct kind_of_rule *of, const struct who *who,
    struct rule_state *state)
{
	const struct policy_rule *rules = lint->policy->rules;
	bool some;
	const struct who *below =
	    lint_instead(lint, of->table, who, rules[who->rule].via, &some);
	const struct policy_rule *other = below != NULL ? &rules[below->rule] :
	    of->fallback;
	uint32_t index = other == NULL ? 0 : (uint32_t)(other - rules) + 1;

	/* Of one name there is nothing to look for between two rules. */
	if (some || (!is_certain(of, who) && (below == NULL ||
	    strcmp(below->key, who->key) != 0)))
		state->effect = EFFECT_SOME;
	/* Once for a pair of rules, however many names they have. */
	if (other == NULL ? state->alone : state->compared == index)
		return;
	if (other == NULL)
		state->alone = true;
	else
		state->compared = index;
	if (state->first == NULL) {
		state->first = who;
		state->instead = below;
		state->in_default_place = below == NULL && other != NULL;
	}
	lint_pair(lint, who, below, other, state);
}

/*
 * What a domain's WHO leaves out: all that is below it, or of these the domain itself.
 * False: nothing that could be meant.
 */
static bool
read_left_out(const struct kind_of_rule *of, const struct who *who, struct who *other,
    char key[LINT_WHO_MAX])
{
	bool domain = who->type == WHO_DOMAIN;

	/* Below an address literal there is nothing; and where mail goes is chosen here. */
	if ((!domain && who->type != WHO_SUBDOMAINS) || who->key[0] == '[' ||
	    (domain && of->kind == RULE_DELIVER) || strlen(who->key) + 2 > LINT_WHO_MAX)
		return false;
	key[0] = '.';
	(void)strcpy(key + domain, who->key);
	*other = *who;
	other->key = domain ? key : key + 1;
	other->type = domain ? WHO_SUBDOMAINS : WHO_DOMAIN;
	other->rule = UINT32_MAX;
	return strchr(key + 1, '.') != NULL;
}

/* Warns of requirements on a domain where nothing is said of what is left out. */
static void
lint_left_out(struct lint *lint, const struct kind_of_rule *of, const struct who *who)
{
	const struct policy_rule *rule = &lint->policy->rules[who->rule];
	char key[LINT_WHO_MAX], why[LINT_WHY_MAX];
	struct who other;

	if (!read_left_out(of, who, &other, key) ||
	    lint_instead(lint, of->table, &other, rule->via, NULL) != NULL)
		return;
	for (lint_begin(lint, &rule->settings, of->fallback == NULL ? NULL :
	    &of->fallback->settings); lint_next(lint);) {
		const struct settings_of_rule *mine =
		    stretches_at(&rule->settings, lint->now);
		const struct settings_of_rule *others = of->fallback == NULL ? NULL :
		    stretches_at(&of->fallback->settings, lint->now);

		if (!lint_restricts(mine, lint->now) || (others != NULL &&
		    lint_looser(lint, LINT_NO_RULE, others, mine, why) == NULL &&
		    !period_active(&others->monitor, lint->now) &&
		    lint_restricts(others, lint->now)))
			continue;
		if (other.type == WHO_SUBDOMAINS)
			lint_warn_who(lint, who, KIND(SUBDOMAINS), who->name, key);
		else
			lint_warn_who(lint, who, KIND(ITSELF), key, other.key);
	}
}

static void
lint_client_name(struct lint *lint, const struct who *who)
{
	const struct stretches *settings = &lint->policy->rules[who->rule].settings;

	if (who->type != WHO_DOMAIN && who->type != WHO_SUBDOMAINS &&
	    who->type != WHO_REGEX)
		return;
	for (lint_begin(lint, settings, NULL); lint_next(lint);)
		if (lint_restricts(stretches_at(settings, lint->now), lint->now))
			lint_warn_who(lint, who, KIND(CLIENT_NAME));
}

static void
lint_table(struct lint *lint, const struct kind_of_rule *of, struct rule_state *states)
{
	for (size_t i = 0; i < of->table->count; i++) {
		const struct who *who = &of->table->whos[i];

		lint_place(lint, of, who, &states[who->rule]);
		if (of->kind == RULE_CLIENT)
			lint_client_name(lint, who);
		else
			lint_left_out(lint, of, who);
	}
}

static void
lint_effects(struct lint *lint, const struct rule_state *states)
{
	char mine[LINT_WHO_MAX], theirs[LINT_WHO_MAX];

	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct rule_state *state = &states[i];

		if (state->effect != EFFECT_NONE)
			continue;
		/* Where mail goes out, any rule is told to the MTA. */
		if (state->instead == NULL &&
		    lint->policy->rules[i].kind == RULE_DELIVER)
			continue;
		if (state->instead == NULL && !state->in_default_place)
			lint_warn_who(lint, state->first, KIND(NOTHING));
		else
			lint_warn_who(lint, state->first, KIND(SAME),
			    lint_who_name(lint, state->first, mine),
			    state->instead == NULL ? "the default" :
			    lint_who_name(lint, state->instead, theirs));
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
	for (int kind = RULE_CLIENT; kind <= RULE_DELIVER; kind++) {
		const struct kind_of_rule of = {
			.kind = (enum policy_rule_kind)kind,
			.table = &lint->policy->tables[kind],
			.fallback = kind == RULE_FROM ? lint->policy->default_rule : NULL
		};

		lint_table(lint, &of, states);
		lint_regexes(lint, of.kind);
	}
	lint_effects(lint, states);
	free(states);
}
