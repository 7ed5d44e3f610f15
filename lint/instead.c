/*
 * instead.c - what would apply if a WHO were not there.
 *
 * The steps are those of match.c: a name or an expression after the other, and at each
 * the rules with a "via" before the one without.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <string.h>

/* So many rules for one name are held against each other; more look like a list. */
#define CHAIN_MOST 64

/* Who is looked for. */
struct lacking {
	const struct lint *lint;
	const struct who_table *table;
	size_t rule;			/* that is thought away */
	const struct clients *via;	/* whose sessions they are; NULL: of any others */
	bool some;			/* on the way are rules for some other sessions */
};

/* Which of the rules for one name it would be; NULL: the next step's. */
static const struct who *
instead_step(struct lacking *lacking, const struct who *first)
{
	const struct policy_rule *rules = lacking->lint->policy->rules;
	const struct who *plain = NULL;
	unsigned count = 0;

	for (const struct who *each = first; each != NULL;
	    each = index_next(lacking->table, each)) {
		const struct clients *via = rules[each->rule].via;

		if (each->rule == lacking->rule)
			continue;
		if (via == NULL)
			plain = each;
		else if (lacking->via == via || (lacking->via != NULL &&
		    count++ < CHAIN_MOST && clients_include(via, lacking->via)))
			return each;
		else
			lacking->some = true;
	}
	return plain;
}

static const struct who *
instead_key(struct lacking *lacking, const char *key)
{
	return instead_step(lacking, index_find(lacking->table, key, strlen(key)));
}

static const struct who *
instead_above(struct lacking *lacking, const char *domain)
{
	const struct who *who = index_find_above(lacking->table, domain, strlen(domain));
	const struct who *found = NULL;

	while (who != NULL && (found = instead_step(lacking, who)) == NULL)
		who = index_find_above(lacking->table, who->key + 1, strlen(who->key + 1));
	return found;
}

/* What may match counts. */
static const struct who *
instead_regex(struct lacking *lacking, const struct regexes *regexes, const char *text)
{
	for (size_t number = 0; number < regexes->count; number++) {
		const struct who *found;

		if (index_find_regex(regexes, lacking->lint->policy->limits, text,
		    strlen(text), &number) == POLICY_NO)
			return NULL;
		found = instead_step(lacking,
		    &lacking->table->whos[regexes->list[number].who]);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static const struct who *
instead_domain(struct lacking *lacking, const char *domain)
{
	const struct who *found = instead_key(lacking, domain);

	if (found == NULL)
		found = instead_above(lacking, domain);
	return found != NULL ? found :
	    instead_regex(lacking, &lacking->table->regexes, domain);
}

/* Of an expression on addresses their domain, where it is told. */
static const struct who *
instead_address_regex(struct lacking *lacking, const struct who *who)
{
	struct regex_name domain;

	regex_address_domain(who, &domain);
	return domain.shape != REGEX_NAME || !domain.to_end || domain.start > 0 ? NULL :
	    instead_domain(lacking, domain.name);
}

/* Of a next hop with a port its domain. */
static const struct who *
instead_next_hop(struct lacking *lacking, const char *key)
{
	char domain[REGEX_NAME_MAX];
	size_t length = strcspn(key, ":");

	if (key[0] == '[' || length >= sizeof(domain))
		return NULL;
	memcpy(domain, key, length);
	domain[length] = '\0';
	return instead_domain(lacking, domain);
}

static const struct who *
instead_network(struct lacking *lacking, const struct who *who)
{
	struct network network;

	if (network_read(who->name, &network) != NETWORK_OK)
		return NULL;
	return index_find_network(lacking->table, &network, network.prefix);
}

static const struct who *
instead_address(struct lacking *lacking, const char *key)
{
	const struct who *found =
	    instead_regex(lacking, &lacking->table->address_regexes, key);

	return found != NULL ? found : instead_domain(lacking, strrchr(key, '@') + 1);
}

static const struct who *
instead_of(struct lacking *lacking, const struct who *who)
{
	const struct who *found = instead_key(lacking, who->key);

	if (found != NULL)
		return found;
	switch (who->type) {
	case WHO_ADDRESS:
		return instead_address(lacking, who->key);
	case WHO_DOMAIN:
		return instead_domain(lacking, who->key);
	case WHO_SUBDOMAINS:
		return instead_above(lacking, who->key);
	case WHO_NEXT_HOP:
		return instead_next_hop(lacking, who->key);
	case WHO_NETWORK:
		return instead_network(lacking, who);
	case WHO_REGEX:
		return instead_address_regex(lacking, who);
	default:
		return NULL;
	}
}

const struct who *
lint_instead(const struct lint *lint, const struct who_table *table,
    const struct who *who, const struct clients *via, bool *some)
{
	struct lacking lacking = { lint, table, who->rule, via, false };
	const struct who *found = instead_of(&lacking, who);

	if (some != NULL)
		*some = lacking.some;
	return found;
}
