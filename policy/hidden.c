/*
 * hidden.c - judging sessions of which some addresses were not kept.
 *
 * What was not kept can only matter where the policy names it: each address that it
 * names in the place of a hidden one is tried, and so is one that it does not name.
 *
 * SPDX-License-Identifier: ISC
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/index.h"
#include "policy/match.h"
#include "policy/session.h"

/* A from rule's address, by its domain. */
struct named_sender {
	const char *domain;
	const char *address;
};

/* An address: its family, then its bytes, so that they are in order. */
struct edge {
	unsigned char key[17];
};

struct policy_ranges {
	const struct policy *policy;
	struct named_sender *senders;	/* sorted by domain */
	size_t sender_count;
	struct edge *edges;		/* sorted: where client rules begin and end */
	size_t edge_count;
	const struct policy_rule **to_rules;
	size_t to_count;
};

static int
compare_senders(const void *a, const void *b)
{
	const struct named_sender *one = a, *other = b;

	return strcmp(one->domain, other->domain);
}

static int
compare_edges(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct edge));
}

/* The first of "count" sorted elements that is not before "key". */
static size_t
lower_bound(const void *list, size_t count, size_t size, const void *key,
    int (*compare)(const void *, const void *))
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;

		if (compare((const char *)list + middle * size, key) < 0)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

static unsigned
address_bits(const struct network *network)
{
	return network->family == 0 ? 32 : 128;
}

static struct edge
edge_first(const struct network *network)
{
	struct edge edge;

	edge.key[0] = (unsigned char)network->family;
	memcpy(edge.key + 1, network->bytes, sizeof(network->bytes));
	return edge;
}

static struct edge
edge_last(const struct network *network)
{
	struct edge edge = edge_first(network);

	for (unsigned bit = network->prefix; bit < address_bits(network); bit++)
		edge.key[1 + bit / 8] |= (unsigned char)(0x80u >> bit % 8);
	return edge;
}

/* The first address that one client rule names, and the one behind the last. */
static void
add_edges(struct policy_ranges *ranges, const char *name)
{
	struct network network;
	struct edge behind;

	if (network_read(name, &network) != NETWORK_OK)
		return;
	ranges->edges[ranges->edge_count++] = edge_first(&network);
	behind = edge_last(&network);
	for (unsigned i = address_bits(&network) / 8; i > 0; i--) {
		if (++behind.key[i] == 0)
			continue;
		ranges->edges[ranges->edge_count++] = behind;
		return;
	}
}

static void
add_table_edges(struct policy_ranges *ranges, const struct who_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->whos[i].type == WHO_NETWORK)
			add_edges(ranges, table->whos[i].name);
}

/* How many WHOs of clients there are, wherever they are named. */
static size_t
count_clients(const struct policy *policy)
{
	size_t count = policy->tables[RULE_CLIENT].count;

	for (const struct clients *each = policy->clients; each != NULL; each = each->next)
		count += each->table.count;
	return count;
}

static void
collect(struct policy_ranges *ranges)
{
	const struct who_table *from = &ranges->policy->tables[RULE_FROM];
	const struct who_table *client = &ranges->policy->tables[RULE_CLIENT];

	for (size_t i = 0; i < from->count; i++)
		if (from->whos[i].type == WHO_ADDRESS)
			ranges->senders[ranges->sender_count++] = (struct named_sender){
				strrchr(from->whos[i].key, '@') + 1, from->whos[i].key
			};
	add_table_edges(ranges, client);
	for (const struct clients *each = ranges->policy->clients; each != NULL;
	    each = each->next)
		add_table_edges(ranges, &each->table);
	for (size_t i = 0; i < ranges->policy->rule_count; i++)
		if (ranges->policy->rules[i].kind == RULE_TO)
			ranges->to_rules[ranges->to_count++] = &ranges->policy->rules[i];
	qsort(ranges->senders, ranges->sender_count, sizeof(*ranges->senders),
	    compare_senders);
	qsort(ranges->edges, ranges->edge_count, sizeof(*ranges->edges), compare_edges);
}

struct policy_ranges *
policy_ranges_new(const struct policy *policy)
{
	struct policy_ranges *ranges = calloc(1, sizeof(*ranges));

	if (ranges == NULL)
		return NULL;
	ranges->policy = policy;
	/* Room for all that there can be: what is not used takes no memory. */
	ranges->senders = calloc(policy->tables[RULE_FROM].count + 1,
	    sizeof(*ranges->senders));
	ranges->edges = calloc(2 * count_clients(policy) + 1,
	    sizeof(*ranges->edges));
	ranges->to_rules = calloc(policy->rule_count + 1, sizeof(const void *));
	if (ranges->senders == NULL || ranges->edges == NULL || ranges->to_rules == NULL)
		policy_ranges_free(&ranges);
	else
		collect(ranges);
	return ranges;
}

void
policy_ranges_free(struct policy_ranges **ranges)
{
	if (*ranges == NULL)
		return;
	free((*ranges)->senders);
	free((*ranges)->edges);
	free((*ranges)->to_rules);
	free(*ranges);
	*ranges = NULL;
}

/* ------------------------------------------------------------------ *
 * Trying
 * ------------------------------------------------------------------ */

struct trial {
	const struct policy_ranges *ranges;
	const struct policy_options *options;
	const struct verdict *verdict;	/* of what is known */
	bool differs;
};

static bool
same_verdict(const struct verdict *a, const struct verdict *b)
{
	return a->action == b->action && a->would == b->would;
}

/* Judges "facts", which name another address in the place of a hidden one. */
static int
try_facts(struct trial *trial, const struct facts *facts)
{
	struct verdict verdict;

	if (trial->differs)
		return 0;
	if (policy_decide(trial->ranges->policy, facts, trial->options, &verdict) != 0)
		return -1;
	trial->differs = !same_verdict(&verdict, trial->verdict);
	return 0;
}

/* Whether a to rule, if it were the recipient's, would change the verdict. */
static int
try_recipients(struct trial *trial, const struct facts *facts)
{
	const struct policy_ranges *ranges = trial->ranges;
	const struct facts all = policy_complete_facts(ranges->policy, facts);
	struct session session;
	struct client client;

	if (client_read(&client, facts) == -1)
		return -1;
	session_read(&session, ranges->policy, &all, trial->options->now);
	session.client = &client;
	for (size_t i = 0; i < ranges->to_count && !trial->differs; i++) {
		struct verdict other = *trial->verdict;

		decide_with_recipient(ranges->to_rules[i], &session, trial->options,
		    &other);
		trial->differs = !same_verdict(&other, trial->verdict);
	}
	client_free(&client);
	return 0;
}

static int
try_senders(struct trial *trial, const struct facts *facts)
{
	const struct policy_ranges *ranges = trial->ranges;
	const struct named_sender of_domain = { trial->verdict->from_domain, NULL };
	struct facts other = *facts;
	char nobody[300];
	bool any = false;

	for (size_t i = lower_bound(ranges->senders, ranges->sender_count,
	    sizeof(of_domain), &of_domain, compare_senders); i < ranges->sender_count &&
	    strcmp(ranges->senders[i].domain, of_domain.domain) == 0; i++) {
		any = true;
		other.from = ranges->senders[i].address;
		if (try_facts(trial, &other) != 0)
			return -1;
	}
	/* And one that no rule names: no local part is empty. */
	(void)snprintf(nobody, sizeof(nobody), "@%s", of_domain.domain);
	other.from = nobody;
	/* Which local parts an expression matches is not gone through. */
	trial->differs |= ranges->policy->tables[RULE_FROM].address_regexes.count > 0;
	return any ? try_facts(trial, &other) : 0;
}

static int
try_edge(struct trial *trial, const struct facts *facts, const struct edge *edge)
{
	struct facts other = *facts;
	char address[INET6_ADDRSTRLEN];

	if (inet_ntop(edge->key[0] == 0 ? AF_INET : AF_INET6, edge->key + 1, address,
	    sizeof(address)) == NULL)
		return 0;
	other.client_addr = address;
	return try_facts(trial, &other);
}

/* Between two edges there is no difference: each of them stands for all up to the next. */
static int
try_clients(struct trial *trial, const struct facts *facts, const char *text)
{
	const struct policy_ranges *ranges = trial->ranges;
	struct network network;
	struct edge first, last;
	bool any = false;

	/* Where it is from cannot be told. */
	trial->differs |= network_read(text, &network) != NETWORK_OK;
	if (trial->differs)
		return 0;
	first = edge_first(&network);
	last = edge_last(&network);
	for (size_t i = lower_bound(ranges->edges, ranges->edge_count, sizeof(first),
	    &first, compare_edges); i < ranges->edge_count &&
	    compare_edges(&ranges->edges[i], &last) <= 0; i++) {
		any = true;
		if (try_edge(trial, facts, &ranges->edges[i]) != 0)
			return -1;
	}
	return any ? try_edge(trial, facts, &first) : 0;
}

int
policy_decide_hidden(const struct policy_ranges *ranges, const struct facts *facts,
    const struct policy_hidden *hidden, const struct policy_options *options,
    struct verdict *verdict, bool *certain)
{
	struct trial trial = { ranges, options, verdict, false };

	if (policy_decide(ranges->policy, facts, options, verdict) != 0)
		return -1;
	if (hidden->sender && verdict->from_domain[0] != '\0' &&
	    try_senders(&trial, facts) != 0)
		return -1;
	if (hidden->network != NULL && try_clients(&trial, facts, hidden->network) != 0)
		return -1;
	if (hidden->recipient && try_recipients(&trial, facts) != 0)
		return -1;
	*certain = !trial.differs;
	return 0;
}
