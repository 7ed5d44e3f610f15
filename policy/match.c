/*
 * match.c - which rule applies to a sender, a recipient or a client.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/match.h"

#include <string.h>

static struct match
matched(const struct who *who)
{
	return (struct match){ .who = who };
}

/* The exact domain, the longest leading-dot domain, the first regular expression. */
static struct match
match_domain(const struct policy *policy, const struct who_table *table,
    const char *domain, size_t length)
{
	struct match match = matched(index_find(table, domain, length));

	if (match.who == NULL)
		match.who = index_find_above(table, domain, length);
	if (match.who == NULL && table->regex_count > 0)
		match.who = index_find_regex(table, policy->limits, domain, length,
		    &match.unknown);
	return match;
}

struct match
match_sender(const struct policy *policy, const struct address *sender)
{
	const struct who_table *table = &policy->tables[RULE_FROM];
	const struct who *who;

	if (sender->null)
		return matched(index_find(table, "<>", 2));
	if (sender->domain == NULL)
		return matched(NULL);
	if (table->has_addresses && (who = index_find(table, sender->name.text,
	    sender->name.length)) != NULL)
		return matched(who);
	return match_domain(policy, table, sender->domain, sender->domain_length);
}

/* user+detail@domain as user@domain, or NULL where it has no detail or no rule. */
static const struct who *
match_without_detail(const struct who_table *table, const struct address *recipient,
    const char *delimiters)
{
	const char *text = recipient->name.text;
	size_t local = strcspn(text, delimiters), after;
	char key[WHO_KEY_MAX];

	if (local == 0 || local >= recipient->local_length)
		return NULL;
	after = recipient->domain_length + 1;
	if (local + after >= sizeof(key))
		return NULL;
	memcpy(key, text, local);
	memcpy(key + local, recipient->domain - 1, after);
	return index_find(table, key, local + after);
}

bool
match_is_postmaster(const struct address *recipient)
{
	return recipient->domain == NULL && recipient->local_length == 10 &&
	    memcmp(recipient->name.text, "postmaster", 10) == 0;
}

struct match
match_recipient(const struct policy *policy, const struct address *recipient,
    const char *delimiters)
{
	const struct who_table *table = &policy->tables[RULE_TO];
	const struct who *who = NULL;

	if (recipient->domain == NULL)
		return matched(match_is_postmaster(recipient) ?
		    index_find(table, "postmaster@", 11) : NULL);
	if (table->has_addresses) {
		who = index_find(table, recipient->name.text, recipient->name.length);
		if (who == NULL && delimiters != NULL && *delimiters != '\0')
			who = match_without_detail(table, recipient, delimiters);
	}
	if (who != NULL)
		return matched(who);
	return match_domain(policy, table, recipient->domain, recipient->domain_length);
}

/* The name's rules: with "regex" the regular expressions, else those before networks. */
static int
match_client_name(const struct policy *policy, const char *client, bool regex,
    struct match *match)
{
	const struct who_table *table = &policy->tables[RULE_CLIENT];
	struct name name;
	bool valid;

	if (client == NULL || *client == '\0')
		return 0;
	if (name_domain(client, strlen(client), &name, &valid) == -1)
		return -1;
	if (regex)
		match->who = index_find_regex(table, policy->limits, name.text,
		    name.length, &match->unknown);
	else if ((match->who = index_find(table, name.text, name.length)) == NULL)
		match->who = index_find_above(table, name.text, name.length);
	name_free(&name);
	return 0;
}

int
match_client(const struct policy *policy, const struct facts *facts, struct match *match)
{
	const struct who_table *table = &policy->tables[RULE_CLIENT];
	struct network address;

	*match = matched(NULL);
	if (table->count == 0)
		return 0;
	if (facts->sasl_username != NULL)
		match->who = index_find(table, "=authenticated", 14);
	if (match->who == NULL && facts->local)
		match->who = index_find(table, "=local", 6);
	if (match->who == NULL &&
	    match_client_name(policy, facts->client_name, false, match) == -1)
		return -1;
	if (match->who == NULL && facts->client_addr != NULL &&
	    strchr(facts->client_addr, '/') == NULL &&
	    network_read(facts->client_addr, &address) == NETWORK_OK)
		match->who = index_find_network(table, &address, 129);
	if (match->who == NULL && table->regex_count > 0)
		return match_client_name(policy, facts->client_name, true, match);
	return 0;
}
