/*
 * lint.c - warnings about a policy that is valid and has a hole.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/lint.h"

#include <stdlib.h>
#include <string.h>

#include "policy/resolve.h"

/* The place of a WHO, with its line, or of none when its file is not known. */
static bool
place_of(struct parser *p, const struct who *who, struct place *place)
{
	const struct source_node *node = p->sources;
	unsigned line = 1;
	const char *start;

	while (node != NULL && strcmp(node->source.name, who->file) != 0)
		node = node->next;
	if (node == NULL)
		return false;
	start = node->source.text;
	/* Most come in order: on from where the last one was found. */
	if (p->linted.source == &node->source && p->linted.line <= who->line) {
		start = p->linted.start;
		line = p->linted.line;
	}
	for (; line < who->line; line++) {
		if ((start = strchr(start, '\n')) == NULL)
			return false;
		start++;
	}
	*place = (struct place){ &node->source, start, who->line, who->column };
	p->linted = *place;
	return true;
}

#define lint_who(p, who, ...) \
    do { \
	struct place lint_place; \
	if (place_of((p), (who), &lint_place)) \
		parse_warn((p), &lint_place, __VA_ARGS__); \
    } while (0)

static const struct settings_of_rule *
settings_of(const struct parser *p, const struct who *who)
{
	return &p->policy->rules[who->rule].settings;
}

static bool
restricts(const struct settings_of_rule *settings, int64_t now)
{
	if (period_active(&settings->exempt, now))
		return false;
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (settings->require[kind] != NULL &&
		    requirement_action(settings, settings->require[kind]) >
		    POLICY_ACCEPT)
			return true;
	return false;
}

/* The WHO in whose place a name of a from or to rule stands, or NULL. */
static const struct who *
less_specific_name(const struct parser *p, const struct who_table *table,
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
		found = index_find_regex(table, p->policy->limits, domain,
		    strlen(domain), &unknown);
	return found;
}

static const struct who *
less_specific(const struct parser *p, const struct who_table *table,
    const struct who *who)
{
	struct network network;

	switch (who->type) {
	case WHO_ADDRESS:
	case WHO_DOMAIN:
	case WHO_SUBDOMAINS:
		return less_specific_name(p, table, who);
	case WHO_NETWORK:
		if (network_read(who->name, &network) == NETWORK_OK)
			return index_find_network(table, &network, network.prefix);
		return NULL;
	default:
		return NULL;
	}
}

/* Warns of a rule that is looser than the one in whose place it stands. */
static void
lint_looser(struct parser *p, const struct who_table *table, const struct who *who,
    const struct policy_rule *fallback, uint32_t *compared)
{
	const struct who *below = less_specific(p, table, who);
	const struct policy_rule *rules = p->policy->rules;
	const struct policy_rule *other =
	    below != NULL ? &rules[below->rule] : fallback;
	char text[128];
	const char *why;

	if (other == NULL || other == &rules[who->rule])
		return;
	/* Once for a pair of rules, however many names they have. */
	if (compared[who->rule] == (uint32_t)(other - rules) + 1)
		return;
	compared[who->rule] = (uint32_t)(other - rules) + 1;
	why = rule_looser(settings_of(p, who), &other->settings, p->now, text,
	    sizeof(text));
	if (why != NULL)
		lint_who(p, who, MSG_LINT_LOOSER, who->name,
		    below != NULL ? below->name : "the default", why);
}

/* Warns of a domain with requirements whose subdomains have none. */
static void
lint_subdomains(struct parser *p, const struct who_table *table, const struct who *who,
    const struct policy_rule *fallback)
{
	const struct settings_of_rule *settings = settings_of(p, who);
	char key[NAME_INLINE], text[128];
	size_t length;

	/* Below an address literal there is nothing. */
	if (who->type != WHO_DOMAIN || who->key[0] == '[' ||
	    !restricts(settings, p->now))
		return;
	length = strlen(who->key);
	if (length + 2 > sizeof(key))
		return;
	key[0] = '.';
	memcpy(key + 1, who->key, length + 1);
	if (index_find(table, key, length + 1) != NULL ||
	    index_find_above(table, key, length + 1) != NULL)
		return;
	if (fallback != NULL && rule_looser(&fallback->settings, settings, p->now, text,
	    sizeof(text)) == NULL && !period_active(&fallback->settings.monitor, p->now) &&
	    restricts(&fallback->settings, p->now))
		return;
	lint_who(p, who, MSG_LINT_SUBDOMAINS, who->name, who->key);
}

static void
lint_client_name(struct parser *p, const struct who *who)
{
	bool by_name = who->type == WHO_DOMAIN || who->type == WHO_SUBDOMAINS ||
	    who->type == WHO_REGEX;

	if (by_name && restricts(settings_of(p, who), p->now))
		lint_who(p, who, "%s", MSG_LINT_CLIENT_NAME);
}

static void
lint_regexes(struct parser *p, const struct who_table *table)
{
	for (size_t i = 0; i < table->regex_count; i++) {
		const struct who *who = &table->whos[table->regexes[i].who];

		if (!table->regexes[i].anchored &&
		    period_active(&settings_of(p, who)->exempt, p->now))
			lint_who(p, who, "%s", MSG_LINT_UNANCHORED);
	}
}

static void
lint_table(struct parser *p, enum policy_rule_kind kind, uint32_t *compared,
    bool *said)
{
	const struct who_table *table = &p->policy->tables[kind];
	const struct policy_rule *fallback = kind == RULE_FROM ? p->policy->fallback : NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct who *who = &table->whos[i];
		size_t before;

		lint_looser(p, table, who, fallback, compared);
		if (who->listed && said[who->rule])
			continue;
		before = policy_diags_count(p->diags);
		if (kind == RULE_CLIENT)
			lint_client_name(p, who);
		else
			lint_subdomains(p, table, who, fallback);
		if (who->listed && policy_diags_count(p->diags) > before)
			said[who->rule] = true;
	}
	lint_regexes(p, table);
}

/* Warns where clear text gets a milder action than another failure. */
static void
lint_clear_text(struct parser *p, size_t index)
{
	const struct policy_rule *rule = &p->policy->rules[index];
	const struct settings_of_rule *settings = &rule->settings;
	const struct policy_requirement *lender;
	enum policy_action clear = clear_text_action(settings, &lender);

	for (int kind = 0; lender != NULL && kind < KIND_COUNT; kind++) {
		const struct policy_requirement *each = settings->require[kind];

		if (each == NULL || requirement_action(settings, each) <= clear)
			continue;
		parse_warn(p, &p->pending[index].place, MSG_LINT_CLEAR_TEXT,
		    policy_action_name(clear),
		    policy_action_name(requirement_action(settings, each)),
		    policy_kind_name((enum policy_kind)kind));
		return;
	}
}

static void
lint_replaced(struct parser *p)
{
	for (const struct replaced *each = p->replaced; each != NULL; each = each->next) {
		const struct policy_requirement *before = each->before;
		bool looser = each->after == NULL ||
		    requirement_looser(each->after, before) ||
		    requirement_action(each->settings, each->after) <
		    requirement_action(each->settings, before);

		if (looser)
			parse_warn(p, &each->place, MSG_LINT_LOOSENS, each->profile,
			    policy_kind_name(before->kind));
	}
}

void
lint_policy(struct parser *p)
{
	size_t rules = p->policy->rule_count;
	uint32_t *compared = calloc(rules + 1, sizeof(*compared));
	bool *said = calloc(rules + 1, sizeof(*said));	/* of a rule's lists */

	if (compared != NULL && said != NULL) {
		for (int kind = RULE_CLIENT; kind <= RULE_FROM; kind++)
			lint_table(p, (enum policy_rule_kind)kind, compared, said);
		for (size_t i = 0; i < rules; i++)
			lint_clear_text(p, i);
		lint_replaced(p);
	} else
		p->no_memory = true;
	free(compared);
	free(said);
}
