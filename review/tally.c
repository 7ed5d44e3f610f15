/*
 * tally.c - what another policy would change, counted: by domain and by rule.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"

/* Room for one more element behind "count"; the array, or NULL when memory is short. */
static void *
make_room(void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 64 : *room * 2;
	void *grown;

	if (count < *room)
		return array;
	grown = realloc(array, more * size);
	if (grown != NULL)
		*room = more;
	return grown;
}

static struct tally_domain *
domain_of(struct tally *tally, const struct tally_item *item)
{
	const char *from = item->facts->from;
	const char *name = item->verdict->from_domain;
	struct tally_domain *grown;
	uint32_t number;
	bool added;

	if (name[0] == '\0' && from != NULL && policy_same_address(from, "<>"))
		name = "<>";
	grown = make_room(tally->domains, tally->names.count, &tally->domain_room,
	    sizeof(*grown));
	if (grown == NULL)
		return NULL;
	tally->domains = grown;
	number = intern_add(&tally->names, name, strlen(name), &added);
	if (number == INTERN_NONE)
		return NULL;
	if (added)
		grown[number] = (struct tally_domain){
			.name = intern_text(&tally->names, number)
		};
	return &grown[number];
}

static struct tally_rule *
rule_of(struct tally *tally, const struct policy_place *place)
{
	struct tally_rule *grown;
	char key[2048];
	uint32_t number;
	bool added;

	/* "name" tells the entries of a line apart. */
	(void)snprintf(key, sizeof(key), "%s:%u %s", place->file, place->line,
	    place->name != NULL ? place->name : "");
	grown = make_room(tally->rules, tally->places.count, &tally->rule_room,
	    sizeof(*grown));
	if (grown == NULL)
		return NULL;
	tally->rules = grown;
	number = intern_add(&tally->places, key, strlen(key), &added);
	if (number == INTERN_NONE)
		return NULL;
	if (added)
		grown[number] = (struct tally_rule){ .place = *place };
	return &grown[number];
}

/* ------------------------------------------------------------------ *
 * Changes
 * ------------------------------------------------------------------ */

static bool
same_change(const struct tally_change *a, const struct tally_change *b)
{
	return a->from == b->from && a->to == b->to && a->monitored == b->monitored &&
	    a->reason == b->reason;
}

static void
forget_example(struct tally_change *change)
{
	free(change->tls_version);
	free(change->cipher);
	free(change->client);
	change->tls_version = change->cipher = change->client = NULL;
}

static char *
client_text(const struct facts *facts)
{
	char *text = NULL;

	if (facts->client_name == NULL && facts->client_addr == NULL)
		return strdup(facts->local ? "this host" : "unknown");
	if (facts->client_name == NULL || facts->client_addr == NULL)
		return strdup(facts->client_name != NULL ? facts->client_name :
		    facts->client_addr);
	if (asprintf(&text, "%s [%s]", facts->client_name, facts->client_addr) == -1)
		return NULL;
	return text;
}

static bool
keep_example(struct tally_change *change, const struct tally_item *item)
{
	const struct facts *facts = item->facts;

	forget_example(change);
	change->last_ms = item->last_ms;
	if (facts->tls_version != NULL &&
	    (change->tls_version = strdup(facts->tls_version)) == NULL)
		return false;
	if (facts->cipher != NULL && (change->cipher = strdup(facts->cipher)) == NULL)
		return false;
	change->client = client_text(facts);
	return change->client != NULL;
}

static bool
count_change(struct tally_domain *domain, const struct tally_change *wanted,
    const struct tally_item *item)
{
	struct tally_change *change = domain->changes;
	size_t i = 0;

	if (change == NULL)
		change = domain->changes = calloc(TALLY_CHANGES_MAX, sizeof(*change));
	if (change == NULL)
		return false;
	while (i < domain->change_count && !same_change(&change[i], wanted))
		i++;
	if (i == TALLY_CHANGES_MAX)
		i--;
	else if (i == domain->change_count)
		change[domain->change_count++] = *wanted;
	change[i].transactions += item->transactions;
	return (change[i].client != NULL && item->last_ms < change[i].last_ms) ||
	    keep_example(&change[i], item);
}

static bool
count_changes(struct tally_domain *domain, const struct tally_item *item)
{
	const struct verdict *verdict = item->verdict;
	const struct tally_change change = {
		.from = item->was, .to = verdict->action, .reason = verdict->reason
	};
	const struct tally_change would = {
		.from = verdict->action, .to = verdict->would, .monitored = true,
		.reason = verdict->would_by >= 0 ?
		    verdict->outcome[verdict->would_by].reason : REASON_NONE
	};

	if (verdict->action != item->was) {
		domain->changed += item->transactions;
		if (!count_change(domain, &change, item))
			return false;
	}
	if (verdict->would > verdict->action) {
		domain->would += item->transactions;
		return count_change(domain, &would, item);
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * Adding
 * ------------------------------------------------------------------ */

static void
count_protocol(struct tally_domain *domain, const struct tally_item *item)
{
	const struct facts *facts = item->facts;
	enum policy_tri encrypted = policy_encrypted(facts);

	domain->transactions += item->transactions;
	if (!item->certain)
		domain->uncertain += item->transactions;
	if (facts->local)
		domain->local += item->transactions;
	else if (encrypted == POLICY_UNKNOWN)
		domain->unknown += item->transactions;
	else if (encrypted == POLICY_NO)
		domain->clear += item->transactions;
	else
		domain->tls += item->transactions;
}

static void
count_rule(struct tally_rule *rule, const struct tally_item *item)
{
	rule->transactions += item->transactions;
	if (item->verdict->action != item->was)
		rule->changed += item->transactions;
	if (item->verdict->would > item->verdict->action)
		rule->would += item->transactions;
	if (!item->certain)
		rule->uncertain += item->transactions;
}

bool
tally_add(struct tally *tally, const struct tally_item *item)
{
	const struct verdict *verdict = item->verdict;
	int by = verdict->would > verdict->action ? verdict->would_by :
	    verdict->reported;
	struct tally_domain *domain = domain_of(tally, item);
	struct tally_rule *rule = NULL;

	if (domain == NULL)
		return false;
	if (by >= 0 && (rule = rule_of(tally, &verdict->outcome[by].place)) == NULL)
		return false;
	count_protocol(domain, item);
	count_protocol(&tally->total, item);
	if (rule != NULL)
		count_rule(rule, item);
	return count_changes(domain, item) && count_changes(&tally->total, item);
}

/* ------------------------------------------------------------------ *
 * Sorting, and the end
 * ------------------------------------------------------------------ */

static int
compare_counts(int64_t a, int64_t b)
{
	return (a < b) - (a > b);
}

static int
compare_domains(const void *a, const void *b)
{
	const struct tally_domain *one = *(const struct tally_domain *const *)a;
	const struct tally_domain *other = *(const struct tally_domain *const *)b;
	int order = compare_counts(one->changed, other->changed);

	if (order == 0)
		order = compare_counts(one->would, other->would);
	if (order == 0)
		order = compare_counts(one->transactions, other->transactions);
	return order != 0 ? order : strcmp(one->name, other->name);
}

static int
compare_rules(const void *a, const void *b)
{
	const struct tally_rule *one = *(const struct tally_rule *const *)a;
	const struct tally_rule *other = *(const struct tally_rule *const *)b;
	int order = compare_counts(one->changed, other->changed);

	if (order == 0)
		order = compare_counts(one->would, other->would);
	if (order == 0)
		order = compare_counts(one->transactions, other->transactions);
	if (order == 0)
		order = strcmp(one->place.file, other->place.file);
	return order != 0 ? order : (one->place.line > other->place.line) -
	    (one->place.line < other->place.line);
}

const struct tally_domain **
tally_sorted(const struct tally *tally)
{
	size_t count = tally->names.count;
	const struct tally_domain **sorted = calloc(count + 1, sizeof(const void *));

	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &tally->domains[i];
	qsort(sorted, count, sizeof(const void *), compare_domains);
	return sorted;
}

const struct tally_rule **
tally_sorted_rules(const struct tally *tally)
{
	size_t count = tally->places.count;
	const struct tally_rule **sorted = calloc(count + 1, sizeof(const void *));

	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &tally->rules[i];
	qsort(sorted, count, sizeof(const void *), compare_rules);
	return sorted;
}

static void
free_changes(struct tally_domain *domain)
{
	for (size_t i = 0; i < domain->change_count; i++)
		forget_example(&domain->changes[i]);
	free(domain->changes);
}

void
tally_free(struct tally *tally)
{
	for (size_t i = 0; i < tally->names.count; i++)
		free_changes(&tally->domains[i]);
	free_changes(&tally->total);
	free(tally->domains);
	free(tally->rules);
	intern_free(&tally->names);
	intern_free(&tally->places);
	*tally = (struct tally){ .domains = NULL };
}
