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

/* The addresses that one client rule names, the first and the one behind the last. */
struct edge {
	int family;
	unsigned char bytes[16];
};

struct policy_ranges {
	const struct policy *policy;
	struct named_sender *senders;	/* sorted by domain */
	size_t sender_count;
	struct edge *edges;		/* sorted */
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
	const struct edge *one = a, *other = b;

	if (one->family != other->family)
		return one->family - other->family;
	return memcmp(one->bytes, other->bytes, sizeof(one->bytes));
}

static size_t
address_bytes(int family)
{
	return family == 0 ? 4 : 16;
}

/* The address behind the last of "network"; false where there is none. */
static bool
edge_behind(const struct network *network, struct edge *edge)
{
	unsigned prefix = network->prefix;

	*edge = (struct edge){ .family = network->family };
	memcpy(edge->bytes, network->bytes, sizeof(edge->bytes));
	while (prefix > 0) {
		unsigned byte = (prefix - 1) / 8;
		unsigned char one = (unsigned char)(0x80u >> (prefix - 1) % 8);

		if ((edge->bytes[byte] & one) == 0) {
			edge->bytes[byte] |= one;
			return true;
		}
		edge->bytes[byte] &= (unsigned char)~one;
		prefix--;
	}
	return false;
}

static void
add_edges(struct policy_ranges *ranges, const struct who *who)
{
	struct edge *edge = &ranges->edges[ranges->edge_count];
	struct network network;

	if (network_read(who->name, &network) != NETWORK_OK)
		return;
	*edge = (struct edge){ .family = network.family };
	memcpy(edge->bytes, network.bytes, sizeof(edge->bytes));
	ranges->edge_count++;
	if (edge_behind(&network, edge + 1))
		ranges->edge_count++;
}

static size_t
count_type(const struct who_table *table, enum who_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++)
		count += table->whos[i].type == type;
	return count;
}

/* Memory for "count" elements, of which there may be none. */
static void *
room_for(size_t count, size_t size)
{
	return calloc(count > 0 ? count : 1, size);
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
	for (size_t i = 0; i < client->count; i++)
		if (client->whos[i].type == WHO_NETWORK)
			add_edges(ranges, &client->whos[i]);
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
	ranges->senders = room_for(count_type(&policy->tables[RULE_FROM], WHO_ADDRESS),
	    sizeof(*ranges->senders));
	ranges->edges = room_for(2 * count_type(&policy->tables[RULE_CLIENT],
	    WHO_NETWORK), sizeof(*ranges->edges));
	ranges->to_rules = room_for(policy->rule_count, sizeof(const void *));
	if (ranges->senders == NULL || ranges->edges == NULL || ranges->to_rules == NULL) {
		policy_ranges_free(&ranges);
		return NULL;
	}
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
static bool
recipient_matters(const struct trial *trial, const struct facts *facts)
{
	const struct policy_ranges *ranges = trial->ranges;
	const struct facts all = policy_complete_facts(ranges->policy, facts);
	struct session session;

	session_read(&session, ranges->policy, &all, trial->options->now);
	for (size_t i = 0; i < ranges->to_count; i++) {
		struct verdict other = *trial->verdict;

		decide_with_recipient(ranges->to_rules[i], &session, trial->options,
		    &other);
		if (!same_verdict(&other, trial->verdict))
			return true;
	}
	return false;
}

/* The first sender of the domain among those that rules name. */
static size_t
first_sender(const struct policy_ranges *ranges, const char *domain)
{
	size_t low = 0, high = ranges->sender_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(ranges->senders[middle].domain, domain) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
try_senders(struct trial *trial, const struct facts *facts)
{
	const struct policy_ranges *ranges = trial->ranges;
	const char *domain = trial->verdict->from_domain;
	struct facts other = *facts;
	char nobody[300];

	for (size_t i = first_sender(ranges, domain); i < ranges->sender_count &&
	    strcmp(ranges->senders[i].domain, domain) == 0; i++) {
		other.from = ranges->senders[i].address;
		if (try_facts(trial, &other) != 0)
			return -1;
		/* And one that no rule names: no local part is empty. */
		(void)snprintf(nobody, sizeof(nobody), "@%s", domain);
		other.from = nobody;
		if (try_facts(trial, &other) != 0)
			return -1;
	}
	return 0;
}

static bool
within(const struct edge *edge, const struct network *network)
{
	struct edge last;

	if (edge->family != network->family || memcmp(edge->bytes, network->bytes,
	    sizeof(edge->bytes)) < 0)
		return false;
	return !edge_behind(network, &last) || compare_edges(edge, &last) < 0;
}

static int
try_edge(struct trial *trial, const struct facts *facts, const struct edge *edge)
{
	struct facts other = *facts;
	char address[INET6_ADDRSTRLEN];

	if (inet_ntop(edge->family == 0 ? AF_INET : AF_INET6, edge->bytes, address,
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
	struct edge start;
	size_t low = 0, high = ranges->edge_count;
	bool any = false;

	if (network_read(text, &network) != NETWORK_OK)
		return 0;
	start = (struct edge){ .family = network.family };
	memcpy(start.bytes, network.bytes, address_bytes(network.family));
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_edges(&ranges->edges[middle], &start) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < ranges->edge_count && within(&ranges->edges[low], &network); low++) {
		any = true;
		if (try_edge(trial, facts, &ranges->edges[low]) != 0)
			return -1;
	}
	return any ? try_edge(trial, facts, &start) : 0;
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
	if (hidden->recipient && !trial.differs)
		trial.differs = recipient_matters(&trial, facts);
	*certain = !trial.differs;
	return 0;
}
