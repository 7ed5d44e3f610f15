/*
 * via.c - warnings about rules for some clients, and what other clients can do.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdlib.h>
#include <string.h>

/* Whether a rule refuses mail now. */
static bool
refuses(const struct lint *lint, const struct stretches *stretches)
{
	const struct settings_of_rule *settings = stretches_at(stretches, lint->now);

	return lint_restricts(settings, lint->now) &&
	    !period_active(&settings->monitor, lint->now);
}

/* ------------------------------------------------------------------ *
 * Exemptions by what the sender writes
 * ------------------------------------------------------------------ */

/* A rule on recipients or clients that refuses, today if there is one; NULL: none does. */
static const struct policy_rule *
find_refusing(struct lint *lint)
{
	const struct policy_rule *later = NULL;

	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct policy_rule *rule = &lint->policy->rules[i];

		if (rule->kind != RULE_TO && rule->kind != RULE_CLIENT)
			continue;
		if (refuses(lint, &rule->settings))
			return rule;
		for (lint_begin(lint, &rule->settings, NULL); lint_next(lint);)
			if (later == NULL && refuses(lint, &rule->settings))
				later = rule;
	}
	return later;
}

static void
lint_exempting(struct lint *lint, size_t index, const struct policy_rule *refusing)
{
	const struct policy_rule *rule = &lint->policy->rules[index];

	for (lint_begin(lint, &rule->settings, &refusing->settings); lint_next(lint);) {
		const struct settings_of_rule *settings =
		    stretches_at(&rule->settings, lint->now);

		if (period_active(&settings->exempt, lint->now) &&
		    refuses(lint, &refusing->settings))
			lint_warn(lint, &lint->written->rules[index].place,
			    KIND(EXEMPT_SENDER), policy_rule_kind_name(refusing->kind),
			    refusing->line, refusing->file);
	}
}

static void
lint_exemptions(struct lint *lint)
{
	const struct policy_rule *refusing = find_refusing(lint);

	for (size_t i = 0; refusing != NULL && i < lint->policy->rule_count; i++)
		if (lint->policy->rules[i].kind == RULE_FROM &&
		    lint->policy->rules[i].via == NULL)
			lint_exempting(lint, i, refusing);
}

/* ------------------------------------------------------------------ *
 * Rules with "via"
 * ------------------------------------------------------------------ */

/* A WHO of one, and what applies from other clients. */
struct via_who {
	const struct who *who;
	const struct who *other;	/* NULL: the default, or nothing */
	const struct stretches *settings;	/* of the other; NULL: there are none */
	bool beside;			/* the other is for the same name */
	bool by_name;			/* one of the clients is told by its name */
};

/* Whether less is refused now from other clients. */
static bool
is_milder(const struct lint *lint, const struct via_who *via)
{
	const struct stretches *mine = &lint->policy->rules[via->who->rule].settings;
	const struct settings_of_rule *others;
	char why[LINT_WHY_MAX];

	if (!refuses(lint, mine))
		return false;
	if (via->settings == NULL || !refuses(lint, via->settings))
		return true;
	others = stretches_at(via->settings, lint->now);
	return lint_looser(lint, LINT_NO_RULE, others, stretches_at(mine, lint->now),
	    why) != NULL;
}

/* Whether it is said of an earlier rule for the same WHO. */
static bool
has_earlier(const struct lint *lint, const struct who_table *table, const struct who *who)
{
	const struct who *each = index_find(table, who->key, strlen(who->key));

	while (each != NULL && each != who &&
	    !refuses(lint, &lint->policy->rules[each->rule].settings))
		each = index_next(table, each);
	return each != who;
}

/* The rule that exempts a client now, whatever else it is; NULL: that is not known. */
static const struct policy_rule *
exempts_client(const struct lint *lint, const struct who *client)
{
	const struct who_table *table = &lint->policy->tables[RULE_CLIENT];
	const struct who *who = index_find(table, client->key, strlen(client->key));
	const struct policy_rule *rule;
	struct network network;

	/* An address may have a name, which comes first. */
	if (client->type == WHO_NETWORK && (table->has_names || table->regexes.count > 0))
		return NULL;
	if (who == NULL && client->type == WHO_NETWORK &&
	    network_read(client->name, &network) == NETWORK_OK)
		who = index_find_network(table, &network, network.prefix);
	if (who == NULL)
		return NULL;
	rule = &lint->policy->rules[who->rule];
	return period_active(&stretches_at(&rule->settings, lint->now)->exempt,
	    lint->now) ? rule : NULL;
}

/* Warns of a rule that refuses nothing, for all of its clients are exempt. */
static void
lint_exempt_clients(struct lint *lint, const struct who *who)
{
	const struct policy_rule *mine = &lint->policy->rules[who->rule], *rule = mine;
	const struct who_table *clients = &mine->via->table;

	for (size_t i = 0; rule != NULL && i < clients->count; i++)
		rule = exempts_client(lint, &clients->whos[i]);
	if (rule != NULL && rule != mine && refuses(lint, &mine->settings))
		lint_warn_who(lint, who, KIND(EXEMPT_CLIENT), rule->line, rule->file);
}

static void
lint_via_who(struct lint *lint, const struct who_table *table, const struct via_who *via)
{
	const struct policy_rule *rule = &lint->policy->rules[via->who->rule];
	char name[LINT_WHO_MAX], other[LINT_WHO_MAX];

	for (lint_begin(lint, &rule->settings, via->settings); lint_next(lint);) {
		lint_exempt_clients(lint, via->who);
		if (!is_milder(lint, via))
			continue;
		if (via->beside && via->by_name)
			lint_warn_who(lint, via->who, KIND(VIA_NAME));
		else if (!via->beside && !has_earlier(lint, table, via->who))
			lint_warn_who(lint, via->who, KIND(VIA_ONLY),
			    lint_who_name(lint, via->who, name), via->other != NULL ?
			    lint_who_name(lint, via->other, other) :
			    via->settings != NULL ? "the default" : "no rule");
	}
}

static void
look_at_via(struct lint *lint, enum policy_rule_kind kind, const struct who *who)
{
	const struct who_table *table = &lint->policy->tables[kind];
	const struct policy_rule *fallback =
	    kind == RULE_FROM ? lint->policy->default_rule : NULL;
	const struct clients *clients = lint->policy->rules[who->rule].via;
	struct via_who via = { .who = who };

	via.other = lint_instead(lint, table, who, NULL, NULL);
	if (via.other != NULL) {
		fallback = &lint->policy->rules[via.other->rule];
		via.beside = strcmp(via.other->key, who->key) == 0;
	}
	via.settings = fallback == NULL ? NULL : &fallback->settings;
	via.by_name = clients->table.has_names || clients->table.regexes.count > 0;
	lint_via_who(lint, table, &via);
}

void
lint_via(struct lint *lint)
{
	bool *said = calloc(lint->policy->rule_count + 1, sizeof(*said));

	if (said == NULL) {
		lint->no_memory = true;
		return;
	}
	lint_exemptions(lint);
	for (int kind = RULE_TO; kind <= RULE_FROM; kind++) {
		const struct who_table *table = &lint->policy->tables[kind];

		for (size_t i = 0; i < table->count; i++) {
			const struct who *who = &table->whos[i];
			size_t before = diags_count(lint->diags);

			if (said[who->rule] || lint->policy->rules[who->rule].via == NULL)
				continue;
			look_at_via(lint, (enum policy_rule_kind)kind, who);
			said[who->rule] = diags_count(lint->diags) > before;
		}
	}
	free(said);
}
