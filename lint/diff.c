/*
 * diff.c - which rules apply to the WHOs of two policies, and where they differ.
 *
 * The WHOs go by pairs of rules, one of each policy: however many names a list has, two
 * rules are compared once.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/table.h"

/* A rule of a policy that applies to a WHO: its index + 1, 0 for none. */
struct pair {
	uint32_t rules[2];
	bool named[2];
};

struct differ {
	const struct policy *policies[2];
	bool *kept[2];			/* by rule: the other policy names a WHO of it */
	int64_t now;
	struct lint_diff *diff;
	struct pair *pairs;		/* by index of the differences */
	size_t room, pair_room;
	struct table keys;		/* of the pairs */
	size_t hints[2];		/* where an agreement was found last */
	const char *last;		/* the last domain, of the difference */
	size_t last_of;			/* with this index */
	bool no_memory;
};

/* ------------------------------------------------------------------ *
 * Pairs of rules
 * ------------------------------------------------------------------ */

static bool
is_pair(const void *owner, uint32_t number, const void *key, size_t length)
{
	return memcmp(&((const struct differ *)owner)->pairs[number], key, length) == 0;
}

/* The difference between two rules, which may be none yet. NULL: memory is short. */
static struct lint_difference *
find_pair(struct differ *differ, const struct pair *pair)
{
	struct lint_diff *diff = differ->diff;
	uint64_t hash;
	uint32_t number;

	if (!table_reserve(&differ->keys, 1) ||
	    !array_reserve(differ->pairs, diff->count + 1, &differ->pair_room) ||
	    !array_reserve(diff->list, diff->count + 1, &differ->room)) {
		differ->no_memory = true;
		return NULL;
	}
	hash = table_hash(&differ->keys, pair, sizeof(*pair));
	number = table_find(&differ->keys, hash, pair, sizeof(*pair), is_pair, differ);
	if (number != TABLE_NONE)
		return &diff->list[number];
	table_add(&differ->keys, hash, (uint32_t)diff->count);
	differ->pairs[diff->count] = *pair;
	diff->list[diff->count] = (struct lint_difference){
		.named = { pair->named[0], pair->named[1] }
	};
	return &diff->list[diff->count++];
}

static void
keep_name(struct differ *differ, struct lint_difference *difference, size_t at,
    const char *name)
{
	if (at < LINT_NAMES_MAX && (difference->names[at] =
	    arena_text(&differ->diff->arena, name, strlen(name))) == NULL)
		differ->no_memory = true;
}

/* Adds a WHO; a domain and all that is below it are one. */
static void
add_name(struct differ *differ, struct lint_difference *difference,
    const struct subject *subject)
{
	const struct who *who = subject->who, *via = subject->via;
	size_t number = (size_t)(difference - differ->diff->list);
	const char *name = who->type == WHO_SUBDOMAINS ? who->key : who->name;
	const char *domain = differ->last_of == number ? differ->last : NULL;
	bool below = who->type == WHO_SUBDOMAINS && domain != NULL && via == NULL &&
	    strcmp(domain, who->key + 1) == 0;
	char text[DIFF_NAME_MAX];

	(void)snprintf(text, sizeof(text), "%s%s%s%s", below ? "domain " : "",
	    below ? domain : name, via != NULL ? " via " : "",
	    via == NULL ? "" : via->type == WHO_SUBDOMAINS ? via->key : via->name);
	if (!below)
		difference->name_count++;
	keep_name(differ, difference, difference->name_count - 1, text);
	differ->last = who->type == WHO_DOMAIN && via == NULL ? who->key : NULL;
	differ->last_of = number;
}

static uint32_t
pair_number(const struct policy *policy, const struct policy_rule *rule)
{
	return rule == NULL ? 0 : (uint32_t)(rule - policy->rules) + 1;
}

/* Whether a rule names the WHO, for whatever clients. */
static bool
is_named(const struct policy *policy, const struct subject *subject,
    const struct policy_rule *rule)
{
	const struct who_table *table = &policy->tables[subject->kind];
	const struct who *each = diff_first_named(policy, subject);

	while (each != NULL && &policy->rules[each->rule] != rule)
		each = index_next(table, each);
	return each != NULL;
}

/*
 * Takes a WHO that one policy at least names, with the client or, where "by_name" is set,
 * whatever the client.
 */
static void
take_subject(struct differ *differ, const struct subject *subject, bool by_name)
{
	const struct policy_rule *rules[2];
	struct lint_difference *difference;
	struct pair pair;

	memset(&pair, 0, sizeof(pair));	/* with what is between its members */
	for (int i = 0; i < 2; i++) {
		differ->no_memory |= !diff_rule_for(differ->policies[i], subject,
		    differ->now, &rules[i]);
		pair.rules[i] = pair_number(differ->policies[i], rules[i]);
		pair.named[i] = rules[i] != NULL &&
		    diff_rule_naming(differ->policies[i], subject) == rules[i];
	}
	for (int i = 0; i < 2 && pair.named[0] && pair.named[1]; i++)
		differ->kept[i][pair.rules[i] - 1] = true;
	/* Where the client is another rule's, whose place the WHO's takes. */
	for (int i = 0; i < 2 && by_name; i++)
		pair.named[i] = rules[i] != NULL &&
		    is_named(differ->policies[i], subject, rules[i]);
	if ((difference = find_pair(differ, &pair)) != NULL)
		add_name(differ, difference, subject);
}

/* ------------------------------------------------------------------ *
 * All WHOs
 * ------------------------------------------------------------------ */

/*
 * Takes what the other policy says of a WHO that it does not name: by its rules on the
 * domains above, which may be for some clients alone.
 */
static void
take_above(struct differ *differ, const struct policy *other, struct subject subject)
{
	const struct who_table *table = &other->tables[subject.kind];
	const char *key = subject.who->key;
	const char *domain = subject.who->type == WHO_ADDRESS ? strrchr(key, '@') + 1 : key;
	const struct who *above = index_find_above(table, domain, strlen(domain));

	for (; above != NULL; above = index_next(table, above)) {
		const struct clients *via = other->rules[above->rule].via;

		for (size_t i = 0; via != NULL && i < via->table.count; i++) {
			subject.via = &via->table.whos[i];
			take_subject(differ, &subject, true);
		}
	}
}

static void
take_who(struct differ *differ, int which, struct subject subject)
{
	const struct policy *policy = differ->policies[which];
	const struct policy *other = differ->policies[1 - which];
	const struct clients *via = policy->rules[subject.who->rule].via;

	for (size_t i = 0; via != NULL && i < via->table.count; i++) {
		subject.via = &via->table.whos[i];
		if (which == 0 || diff_rule_naming(other, &subject) == NULL)
			take_subject(differ, &subject, false);
	}
	if (via != NULL)
		return;
	if (which == 0 || diff_rule_naming(other, &subject) == NULL)
		take_subject(differ, &subject, false);
	if (diff_first_named(other, &subject) == NULL && subject.who->type <= WHO_SUBDOMAINS)
		take_above(differ, other, subject);
}

static void
take_default(struct differ *differ)
{
	static const struct who everybody = { .name = "everybody else" };
	const struct subject subject = { RULE_DEFAULT, &everybody, NULL };
	struct lint_difference *difference;
	struct pair pair;

	memset(&pair, 0, sizeof(pair));
	for (int i = 0; i < 2; i++) {
		pair.rules[i] = pair_number(differ->policies[i],
		    differ->policies[i]->default_rule);
		pair.named[i] = pair.rules[i] != 0;
		if (pair.named[i])
			differ->kept[i][pair.rules[i] - 1] = true;
	}
	if ((pair.named[0] || pair.named[1]) &&
	    (difference = find_pair(differ, &pair)) != NULL)
		add_name(differ, difference, &subject);
}

static void
take_all(struct differ *differ)
{
	for (int kind = RULE_CLIENT; kind < RULE_DEFAULT; kind++)
		for (int which = 0; which < 2; which++) {
			const struct who_table *table =
			    &differ->policies[which]->tables[kind];

			for (size_t i = 0; i < table->count && !differ->no_memory; i++)
				take_who(differ, which, (struct subject){
				    (enum policy_rule_kind)kind, &table->whos[i], NULL });
		}
	take_default(differ);
}

/* ------------------------------------------------------------------ *
 * Agreements, and what has changed
 * ------------------------------------------------------------------ */

/*
 * The index of the first rule of an agreement of that name, looked for from *hint on,
 * which it becomes; SIZE_MAX: there is none.
 */
static size_t
find_agreement(const struct policy *policy, const char *name, size_t *hint)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		size_t at = (*hint + i) % policy->rule_count;
		const struct agreement *partner = policy->rules[at].partner;

		if (partner == NULL || strcasecmp(partner->name, name) != 0)
			continue;
		while (at > 0 && policy->rules[at - 1].partner == partner)
			at--;
		*hint = at;
		return at;
	}
	return SIZE_MAX;
}

static const struct agreement *
agreement_of(const struct differ *differ, const struct pair *pair, int which)
{
	return !pair->named[which] ? NULL :
	    differ->policies[which]->rules[pair->rules[which] - 1].partner;
}

/* Says which rule or agreement a difference is about, and what has become of it. */
static void
set_unit(struct differ *differ, const struct pair *pair,
    struct lint_difference *difference)
{
	const struct agreement *partners[2] = {
		agreement_of(differ, pair, 0), agreement_of(differ, pair, 1)
	};
	size_t others[2] = { SIZE_MAX, SIZE_MAX };
	bool lost;
	int which;

	for (int i = 0; i < 2; i++)
		if (partners[i] != NULL)
			others[i] = find_agreement(differ->policies[1 - i],
			    partners[i]->name, &differ->hints[1 - i]);
	/* It is about the new rule, unless that takes the place of a whole agreement. */
	lost = partners[0] != NULL && others[0] == SIZE_MAX;
	which = pair->named[1] && !(lost && partners[1] == NULL);
	difference->unit = pair->rules[which] - 1;
	if (partners[which] != NULL) {
		difference->partner = partners[which]->name;
		difference->unit = find_agreement(differ->policies[which],
		    partners[which]->name, &differ->hints[which]);
	}
	difference->state = which == 1 ? LINT_NEW : LINT_GONE;
	if (partners[which] != NULL ? others[which] != SIZE_MAX || (which == 1 && lost) :
	    differ->kept[which][pair->rules[which] - 1])
		difference->state = LINT_KEPT;
	/* One that both have is the new policy's, and those of the old come behind. */
	if (which == 0 && others[0] != SIZE_MAX)
		difference->unit = others[0];
	else if (which == 0)
		difference->unit += differ->policies[1]->rule_count;
}

static const struct policy_rule *
pair_rule(const struct differ *differ, const struct pair *pair, int which)
{
	return pair->rules[which] == 0 ? NULL :
	    &differ->policies[which]->rules[pair->rules[which] - 1];
}

static void
set_places(const struct differ *differ, const struct pair *pair,
    struct lint_difference *difference)
{
	for (int which = 0; which < 2; which++)
		if (pair->rules[which] != 0)
			policy_rule_place(differ->policies[which], pair->rules[which] - 1,
			    &difference->places[which]);
}

/* Compares each pair, and leaves those that differ. */
static void
compare_pairs(struct differ *differ)
{
	struct lint_diff *diff = differ->diff;
	size_t left = 0;

	for (size_t i = 0; i < diff->count; i++) {
		struct lint_difference *difference = &diff->list[i];
		const struct pair *pair = &differ->pairs[i];

		if (!pair->named[0] && !pair->named[1])
			continue;
		diff_compare(pair_rule(differ, pair, 0), pair_rule(differ, pair, 1),
		    differ->now, difference, &diff->arena);
		if (difference->changes == NULL)
			continue;
		set_places(differ, pair, difference);
		set_unit(differ, pair, difference);
		diff->list[left++] = *difference;
	}
	diff->count = left;
}

/* ------------------------------------------------------------------ *
 * Expressions, of which the first counts that matches
 * ------------------------------------------------------------------ */

/* The expressions that the other policy has too, in order. Returns how many. */
static size_t
common_regexes(const struct policy *policy, const struct policy *other, int kind,
    bool on_addresses, const struct who **list)
{
	const struct who_table *table = &policy->tables[kind];
	const struct regexes *regexes =
	    on_addresses ? &table->address_regexes : &table->regexes;
	size_t count = 0;

	for (size_t i = 0; i < regexes->count; i++) {
		const struct who *who = &table->whos[regexes->list[i].who];

		if (index_find(&other->tables[kind], who->key, strlen(who->key)) != NULL)
			list[count++] = who;
	}
	return count;
}

/* Tells of expressions that are tried in another order, as of one difference. */
static void
compare_order(struct differ *differ, enum policy_rule_kind kind, const struct who **old,
    const struct who **new, size_t count)
{
	struct lint_diff *diff = differ->diff;
	struct lint_difference *difference = NULL;
	struct pair pair = { .named = { true, true } };

	for (size_t i = 0; i < count; i++) {
		const struct subject subject = { kind, new[i], NULL };

		if (strcmp(old[i]->key, new[i]->key) == 0)
			continue;
		if (difference == NULL) {
			if (!array_reserve(diff->list, diff->count + 1, &differ->room)) {
				differ->no_memory = true;
				return;
			}
			pair.rules[0] = old[i]->rule + 1;
			pair.rules[1] = new[i]->rule + 1;
			difference = &diff->list[diff->count++];
			*difference = (struct lint_difference){
				.named = { true, true }, .how = LINT_OTHER,
				.changes = arena_alloc(&diff->arena, sizeof(struct lint_change))
			};
			set_places(differ, &pair, difference);
			set_unit(differ, &pair, difference);
			difference->state = LINT_KEPT;
			if (difference->changes != NULL)
				*difference->changes = (struct lint_change){
					.from = INT64_MIN, .until = INT64_MAX, .how = LINT_OTHER,
					.text = "expressions are tried in another order"
				};
		}
		add_name(differ, difference, &subject);
	}
}

static void
compare_orders(struct differ *differ)
{
	const struct policy *old = differ->policies[0], *new = differ->policies[1];

	for (int i = 0; i < 2 * RULE_DEFAULT && !differ->no_memory; i++) {
		int kind = i / 2;
		const struct who **lists[2] = {
			calloc(old->tables[kind].count + 1, sizeof(**lists)),
			calloc(new->tables[kind].count + 1, sizeof(**lists))
		};

		if (lists[0] == NULL || lists[1] == NULL) {
			differ->no_memory = true;
		} else {
			size_t count = common_regexes(old, new, kind, i % 2 == 1, lists[0]);

			(void)common_regexes(new, old, kind, i % 2 == 1, lists[1]);
			compare_order(differ, (enum policy_rule_kind)kind, lists[0], lists[1],
			    count);
		}
		free(lists[0]);
		free(lists[1]);
	}
}

void
lint_diff_free(struct lint_diff **diff)
{
	if (*diff == NULL)
		return;
	arena_release(&(*diff)->arena);
	free((*diff)->list);
	free(*diff);
	*diff = NULL;
}

struct lint_diff *
lint_diff(const struct policy *old, const struct policy *new, int64_t now)
{
	struct differ differ = {
		.policies = { old, new }, .now = now,
		.kept = { calloc(old->rule_count + 1, sizeof(bool)),
		    calloc(new->rule_count + 1, sizeof(bool)) },
		.diff = calloc(1, sizeof(struct lint_diff))
	};

	differ.no_memory = differ.kept[0] == NULL || differ.kept[1] == NULL ||
	    differ.diff == NULL;
	if (!differ.no_memory)
		take_all(&differ);
	if (!differ.no_memory)
		compare_pairs(&differ);
	if (!differ.no_memory)
		compare_orders(&differ);
	differ.no_memory |= differ.diff != NULL && differ.diff->arena.failed;
	free(differ.kept[0]);
	free(differ.kept[1]);
	free(differ.pairs);
	table_free(&differ.keys);
	if (differ.no_memory)
		lint_diff_free(&differ.diff);
	return differ.diff;
}
