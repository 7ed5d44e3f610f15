/*
 * match.c - which rule applies to a sender, a recipient or a client.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/match.h"

#include <string.h>

/* ------------------------------------------------------------------ *
 * Clients
 * ------------------------------------------------------------------ */

/* A name is verified where it is Postfix's, or the MTA says no more of it, or "ok". */
static void
read_resolved(struct client *client, const struct facts *facts)
{
	const char *name = facts->client_name, *resolve = facts->client_resolve;
	bool ok = resolve != NULL && strcmp(resolve, "ok") == 0;
	bool temporarily = resolve != NULL && strcmp(resolve, "temp") == 0;
	bool postfix = facts->mta != NULL && strcmp(facts->mta, "postfix") == 0;

	client->has_name = (resolve == NULL || ok || postfix) && name != NULL &&
	    *name != '\0';
	client->name_known = client->has_name ||
	    (resolve == NULL ? client->has_address : !ok && !temporarily);
	client->unsure = temporarily && !client->has_name && !client->local;
}

int
client_read(struct client *client, const struct facts *facts)
{
	const char *name = facts->client_name;
	bool valid;

	client->authenticated = facts->sasl_username != NULL;
	client->local = facts->local;
	client->has_address = facts->client_addr != NULL &&
	    strchr(facts->client_addr, '/') == NULL &&
	    network_read(facts->client_addr, &client->address) == NETWORK_OK;
	read_resolved(client, facts);
	if (!client->has_name)
		return 0;
	return name_domain(name, strlen(name), &client->name, &valid);
}

void
client_free(struct client *client)
{
	if (client->has_name)
		name_free(&client->name);
}

static const struct who *
find_client(const struct who_table *table, const struct client *client, bool strictly)
{
	const struct name *name = &client->name;
	const struct who *who = NULL;

	if (client->authenticated && !(strictly && client->local))
		who = index_find(table, "=authenticated", 14);
	if (who == NULL && client->local)
		who = index_find(table, "=local", 6);
	if (strictly && client->local)
		return who;
	if (who == NULL && client->has_name &&
	    (who = index_find(table, name->text, name->length)) == NULL)
		who = index_find_above(table, name->text, name->length);
	if (who == NULL && client->has_address)
		who = index_find_network(table, &client->address, 129);
	return who;
}

/* How specific a client's WHO of each type is, in the order of client rules. */
static const unsigned client_ranks[] = {
	[WHO_AUTHENTICATED] = 6, [WHO_LOCAL] = 5, [WHO_DOMAIN] = 4,
	[WHO_SUBDOMAINS] = 3, [WHO_NETWORK] = 2, [WHO_REGEX] = 1
};

struct match
match_client(const struct policy *policy, const struct who_table *table,
    const struct client *client, bool strictly)
{
	struct match match = { .who = NULL };
	size_t number = 0;

	if (table->count == 0)
		return match;
	match.who = find_client(table, client, strictly);
	if (match.who == NULL && client->has_name && !(strictly && client->local)) {
		enum policy_tri found = index_find_regex(&table->regexes, policy->limits,
		    client->name.text, client->name.length, &number);

		match.unknown = found == POLICY_UNKNOWN;
		if (found != POLICY_NO)
			match.who = &table->whos[table->regexes.list[number].who];
	}
	return match;
}

/* ------------------------------------------------------------------ *
 * Steps
 * ------------------------------------------------------------------ */

/* What is looked for, and what was found. */
struct search {
	const struct policy *policy;
	const struct who_table *table;
	const struct client *client;
	struct match match;
};

/* Whether one client's WHO is more specific than another, or comes before none. */
static bool
comes_before(const struct who *a, const struct who *b)
{
	if (b == NULL || a->type != b->type)
		return b == NULL || client_ranks[a->type] > client_ranks[b->type];
	if (a->type == WHO_SUBDOMAINS)
		return strlen(a->key) > strlen(b->key);
	return a->type == WHO_NETWORK &&
	    network_key_prefix(a->key) > network_key_prefix(b->key);
}

/* Whether a rule but the one taken has a name that might have come before. */
static bool
is_unsure(const struct search *search, const struct who *first)
{
	const struct match *match = &search->match;
	unsigned taken = match->via != NULL ? client_ranks[match->via->type] : 0;

	if (!search->client->unsure)
		return false;
	for (const struct who *each = first; each != NULL;
	    each = index_next(search->table, each)) {
		const struct clients *via = search->policy->rules[each->rule].via;

		if (via == NULL || each == match->who)
			continue;
		if ((via->table.has_names && taken < client_ranks[WHO_DOMAIN]) ||
		    (via->table.regexes.count > 0 && taken < client_ranks[WHO_REGEX]))
			return true;
	}
	return false;
}

/*
 * Takes the rule of one name or expression, "first" of those that are for it: the one
 * whose client is the most specific, else the one for all. False: there is none.
 */
static bool
match_step(struct search *search, const struct who *first)
{
	const struct who *plain = NULL;
	struct match *match = &search->match;

	for (const struct who *each = first; each != NULL;
	    each = index_next(search->table, each)) {
		const struct clients *via = search->policy->rules[each->rule].via;
		struct match client;

		if (via == NULL) {
			plain = each;
			continue;
		}
		client = match_client(search->policy, &via->table, search->client, true);
		if (client.who == NULL || !comes_before(client.who, match->via))
			continue;
		match->who = each;
		match->via = client.who;
		match->unknown = client.unknown;
	}
	if (match->who == NULL)
		match->who = plain;
	match->unsure |= is_unsure(search, first);
	return match->who != NULL;
}

static bool
step_key(struct search *search, const char *key, size_t length)
{
	return match_step(search, index_find(search->table, key, length));
}

/* The domains above, the longest first. */
static bool
step_above(struct search *search, const char *domain, size_t length)
{
	const struct who *who = index_find_above(search->table, domain, length);

	while (who != NULL && !match_step(search, who))
		who = index_find_above(search->table, who->key + 1, strlen(who->key + 1));
	return who != NULL;
}

/* What expressions are held against; NULL: nothing, or (with a length) too long. */
struct subject {
	const char *text;
	size_t length;
};

/* The first expression that matches one of the two. */
static enum policy_tri
first_of_two(const struct search *search, const struct regexes *regexes,
    const struct subject subjects[2], size_t *number)
{
	enum policy_tri found = POLICY_NO;
	size_t first = regexes->count;

	for (int i = 0; i < 2; i++) {
		size_t at = *number;
		enum policy_tri match = subjects[i].text != NULL ?
		    index_find_regex(regexes, search->policy->limits, subjects[i].text,
		    subjects[i].length, &at) :
		    subjects[i].length > 0 ? POLICY_UNKNOWN : POLICY_NO;

		/* Of the same expression what is known counts. */
		if (match == POLICY_NO || at > first || (at == first && found == POLICY_YES))
			continue;
		first = at;
		found = match;
	}
	*number = first;
	return found;
}

static bool
step_regexes(struct search *search, const struct regexes *regexes,
    const struct subject subjects[2])
{
	for (size_t number = 0; number < regexes->count; number++) {
		enum policy_tri found = first_of_two(search, regexes, subjects, &number);

		if (found == POLICY_NO)
			return false;
		if (match_step(search, &search->table->whos[regexes->list[number].who])) {
			search->match.unknown |= found == POLICY_UNKNOWN;
			return true;
		}
	}
	return false;
}

/* The exact domain, the longest leading-dot domain, the first regular expression. */
static struct match
match_domain(struct search *search, const char *domain, size_t length)
{
	const struct subject subjects[2] = { { domain, length }, { NULL, 0 } };

	(void)(step_key(search, domain, length) || step_above(search, domain, length) ||
	    step_regexes(search, &search->table->regexes, subjects));
	return search->match;
}

/* ------------------------------------------------------------------ *
 * Addresses
 * ------------------------------------------------------------------ */

/* Room for an address in quotes: what is longer is not known to match. */
#define QUOTED_MAX 1100

/*
 * The address as expressions see it: a local part with an "@" or a control character in
 * it is in quotes.
 */
static struct subject
address_subject(const struct address *address, char room[QUOTED_MAX])
{
	const char *text = address->name.text;
	size_t length = address->name.length, local = address->local_length;
	bool quoted = false;

	for (size_t i = 0; i < local; i++)
		quoted |= text[i] == '@' || (unsigned char)text[i] < ' ' || text[i] == 0x7f;
	if (!quoted)
		return (struct subject){ text, length };
	if (length + 2 >= QUOTED_MAX)
		return (struct subject){ NULL, length };
	room[0] = '"';
	memcpy(room + 1, text, local);
	room[local + 1] = '"';
	memcpy(room + local + 2, text + local, length - local);
	return (struct subject){ room, length + 2 };
}

/* The expressions on the address, as given and (NULL: there is none) without its detail. */
static bool
step_address_regexes(struct search *search, const struct address *address,
    const struct subject *plain)
{
	const struct regexes *regexes = &search->table->address_regexes;
	char room[QUOTED_MAX];
	struct subject subjects[2] = { { NULL, 0 }, { NULL, 0 } };

	if (regexes->count == 0)
		return false;
	subjects[0] = address_subject(address, room);
	if (plain->length > 0)
		subjects[1] = *plain;
	return step_regexes(search, regexes, subjects);
}

struct match
match_sender(const struct policy *policy, const struct client *client,
    const struct address *sender)
{
	struct search search = { policy, &policy->tables[RULE_FROM], client, { 0 } };
	const struct subject none = { NULL, 0 };

	if (sender->null)
		(void)step_key(&search, "<>", 2);
	if (sender->null || sender->domain == NULL ||
	    (search.table->has_addresses && step_key(&search, sender->name.text,
	    sender->name.length)) || step_address_regexes(&search, sender, &none))
		return search.match;
	return match_domain(&search, sender->domain, sender->domain_length);
}

/* user+detail@domain as user@domain; of length 0 where it has no detail. */
static struct subject
without_detail(const struct address *recipient, const char *delimiters,
    char room[WHO_KEY_MAX])
{
	const char *text = recipient->name.text;
	size_t local, after = recipient->domain_length + 1;

	if (delimiters == NULL || *delimiters == '\0')
		return (struct subject){ room, 0 };
	local = strcspn(text, delimiters);
	if (local == 0 || local >= recipient->local_length || local + after >= WHO_KEY_MAX)
		return (struct subject){ room, 0 };
	memcpy(room, text, local);
	memcpy(room + local, recipient->domain - 1, after);
	room[local + after] = '\0';
	return (struct subject){ room, local + after };
}

bool
match_is_postmaster(const struct address *recipient)
{
	return recipient->domain == NULL && recipient->local_length == 10 &&
	    memcmp(recipient->name.text, "postmaster", 10) == 0;
}

struct match
match_recipient(const struct policy *policy, const struct client *client,
    const struct address *recipient, const char *delimiters)
{
	struct search search = { policy, &policy->tables[RULE_TO], client, { 0 } };
	char room[WHO_KEY_MAX];
	struct subject plain;

	if (match_is_postmaster(recipient))
		(void)step_key(&search, "postmaster@", 11);
	if (recipient->domain == NULL)
		return search.match;
	plain = without_detail(recipient, delimiters, room);
	if ((search.table->has_addresses && (step_key(&search, recipient->name.text,
	    recipient->name.length) || (plain.length > 0 &&
	    step_key(&search, plain.text, plain.length)))) ||
	    step_address_regexes(&search, recipient, &plain))
		return search.match;
	return match_domain(&search, recipient->domain, recipient->domain_length);
}

int
match_next_hop(const struct policy *policy, const char *next_hop, struct match *match)
{
	const struct who_table *table = &policy->tables[RULE_DELIVER];
	char key[NEXT_HOP_MAX];
	int result = next_hop_key(next_hop, key);
	struct name name;
	bool valid;

	*match = (struct match){ .who = NULL };
	/* Postfix looks for parents by itself; the longest has been found already. */
	if (next_hop[0] == '.')
		return 0;
	if (result == 0)
		match->who = index_find(table, key, strlen(key));
	if (result == -1)
		return -1;
	if (match->who != NULL || next_hop[0] == '[')
		return 0;
	if (name_domain(next_hop, strcspn(next_hop, ":"), &name, &valid) == -1)
		return -1;
	if ((match->who = index_find(table, name.text, name.length)) == NULL)
		match->who = index_find_above(table, name.text, name.length);
	name_free(&name);
	return 0;
}
