/*
 * lint.c - warnings about a policy that is valid and has a hole.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/lint.h"

#include <stdlib.h>
#include <string.h>

#include "policy/resolve.h"
#include "base/diag.h"

/*
 * The place of an entry of a list. Names are terminated where they stand in the list,
 * so the line is put together again.
 */
static bool
place_listed(struct parser *p, const struct source_node *node, const struct who *who,
    struct place *place)
{
	const char *start = who->name, *after = start + strlen(start) + 1;
	size_t head, rest = 0;
	struct source *line;

	while (start > node->source.text && strchr(" \t\r", start[-1]) != NULL &&
	    start[-1] != '\0')
		start--;
	if (who->listed != '\n')
		rest = strcspn(after, "\n");
	head = (size_t)(after - start);
	if ((line = parse_scratch(p, sizeof(*line))) == NULL ||
	    (line->text = parse_scratch(p, head + rest + 1)) == NULL)
		return false;
	memcpy(line->text, start, head + rest);
	line->text[head - 1] = (char)who->listed;
	line->length = head + rest;
	line->path = node->source.path;
	*place = (struct place){ line, line->text, who->line, who->column };
	return true;
}

bool
lint_place(struct parser *p, const struct who *who, struct place *place)
{
	const struct source_node *node = p->sources;
	unsigned line = 1;
	const char *start;

	while (node != NULL && node->file != who->file)
		node = node->next;
	if (node == NULL)
		return false;
	if (who->listed)
		return place_listed(p, node, who, place);
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
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
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
lint_looser(struct parser *p, const struct who *who, const struct who *below,
    const struct policy_rule *other, uint32_t *compared)
{
	const struct policy_rule *rules = p->policy->rules;
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
lint_instead(struct parser *p, enum policy_rule_kind kind, const struct who *who,
    uint32_t *compared, struct idle *idle)
{
	const struct who_table *table = &p->policy->tables[kind];
	const struct who *below = less_specific(p, table, who);
	const struct policy_rule *other = below != NULL ?
	    &p->policy->rules[below->rule] :
	    kind == RULE_FROM ? p->policy->fallback : NULL;

	lint_looser(p, who, below, other, compared);
	if (is_certain(table, who, kind))
		idle_instead(idle, p, who, other, below != NULL ? below->name :
		    other != NULL ? "the default" : NULL);
	else
		idle_changes(idle, who);
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
lint_table(struct parser *p, enum policy_rule_kind kind, uint32_t *compared,
    bool *said, struct idle *idle)
{
	const struct who_table *table = &p->policy->tables[kind];
	const struct policy_rule *fallback = kind == RULE_FROM ? p->policy->fallback : NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct who *who = &table->whos[i];
		size_t before;

		lint_instead(p, kind, who, compared, idle);
		if (who->listed && said[who->rule])
			continue;
		before = diags_count(p->diags);
		if (kind == RULE_CLIENT)
			lint_client_name(p, who);
		else
			lint_subdomains(p, table, who, fallback);
		if (who->listed && diags_count(p->diags) > before)
			said[who->rule] = true;
	}
	lint_regexes(p, kind);
}

/* Warns where clear text gets a milder action than another failure. */
static void
lint_clear_text(struct parser *p, size_t index)
{
	const struct policy_rule *rule = &p->policy->rules[index];
	const struct settings_of_rule *settings = &rule->settings;
	const struct policy_requirement *lender;
	enum policy_action clear = clear_text_action(settings, &lender);

	for (int kind = KIND_FIRST; lender != NULL && kind < KIND_END; kind++) {
		const struct policy_requirement *each = settings->require[kind];

		if (each == NULL || requirement_action(settings, each) <= clear)
			continue;
		parse_warn(p, &p->pending[index].place, MSG_LINT_CLEAR_TEXT,
		    policy_action_name(clear),
		    policy_action_name(requirement_action(settings, each)),
		    policy_kind_name((enum policy_reason)kind));
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

/* Warns of a default that refuses clear text from everybody. */
static void
lint_public(struct parser *p)
{
	const struct policy_rule *fallback = p->policy->fallback;
	const struct policy_requirement *lender;
	enum policy_action clear;

	if (fallback == NULL || period_active(&fallback->settings.exempt, p->now) ||
	    period_active(&fallback->settings.monitor, p->now))
		return;
	clear = clear_text_action(&fallback->settings, &lender);
	if (lender != NULL && clear >= POLICY_TEMPFAIL)
		parse_warn(p, &p->pending[p->policy->fallback_index].place,
		    MSG_LINT_PUBLIC, policy_action_name(clear));
}

/* What can be told from the settings alone, without the names. */
static void
lint_settings(struct parser *p)
{
	for (size_t i = 0; i < p->policy->rule_count; i++)
		lint_clear_text(p, i);
	lint_replaced(p);
	lint_public(p);
	lint_blocks(p);
	lint_sessions(p);
	lint_certificates(p);
}

void
lint_policy(struct parser *p)
{
	size_t rules = p->policy->rule_count;
	uint32_t *compared = calloc(rules + 1, sizeof(*compared));
	bool *said = calloc(rules + 1, sizeof(*said));	/* of a rule's lists */
	struct idle *idle = idle_new(rules);

	if (compared != NULL && said != NULL && idle != NULL) {
		for (int kind = RULE_CLIENT; kind <= RULE_FROM; kind++)
			lint_table(p, (enum policy_rule_kind)kind, compared, said, idle);
		lint_idle(p, idle);
		lint_settings(p);
	} else
		p->no_memory = true;
	free(compared);
	free(said);
	idle_free(&idle);
}
