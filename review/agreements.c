/*
 * agreements.c - the agreements of a review: those of the policy in force, and those
 * that rows of the journal name beside them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"

/* What an agreement is known by, and what leads to a rule: of which kind, and what it is. */
enum {
	KEY_PARTNER = 'p',	/* its name */
	KEY_RULE = 'r',		/* a rule of the policy: its index */
	KEY_GONE = 'g',		/* a rule that the policy lacks: its name and client */
	KEY_NAME = 'n',		/* what a rule names */
	KEY_LIST = 'l',		/* the file of its list */
	KEY_PLACE = 'a'		/* where a to or client rule, or its list, stands */
};

/* ------------------------------------------------------------------ *
 * Their numbers
 * ------------------------------------------------------------------ */

/* The agreement of the key that keep->key holds. */
static uint32_t
agreement_number(struct review *review, bool *added)
{
	struct review_keep *keep = review->keep;
	uint32_t number = INTERN_NONE;

	*added = false;
	if (array_reserve(keep->agreement_work, keep->agreements.count + 1,
	    &keep->agreement_work_room))
		number = review_row(keep, &keep->agreements, review->agreements,
		    &keep->agreement_room, added);
	else
		keep->failed = true;
	if (*added) {
		keep->agreement_work[number] = (struct agreement_work){ .rank = 0 };
		review->agreements[number].number = number;
		review->agreement_count = keep->agreements.count;
	}
	return keep->failed ? INTERN_NONE : number;
}

static void
key_set(struct review_keep *keep, char letter, enum policy_rule_kind kind, const char *text,
    size_t length)
{
	char head[] = { letter, (char)kind };

	buffer_clear(&keep->key);
	buffer_add(&keep->key, head, sizeof(head));
	buffer_add(&keep->key, text, length);
}

static uint32_t
partner_number(struct review *review, const char *partner, bool *added)
{
	uint32_t number;

	key_set(review->keep, KEY_PARTNER, RULE_FROM, partner, strlen(partner));
	number = agreement_number(review, added);
	if (*added && number != INTERN_NONE) {
		review->agreements[number].name = review_text(review, partner);
		review->agreements[number].kind = RULE_FROM;
	}
	return number;
}

/* ------------------------------------------------------------------ *
 * Those of the policy
 * ------------------------------------------------------------------ */

/* Of the rules of a partner that counts which is for mail that comes in, from anywhere. */
static int
rank_of(const struct policy *policy, size_t rule, enum policy_rule_kind kind)
{
	return kind != RULE_FROM ? 1 : policy_rule_is_via(policy, rule, NULL) ? 3 : 2;
}

static void
set_who(struct review *review, struct review_agreement *agreement, size_t rule)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	bool any = out != NULL && policy_print_who(review->keep->options->policy, rule, out);

	if (out == NULL || fclose(out) != 0 || text == NULL)
		review->keep->failed = true;
	else if (any)
		agreement->who = review_text(review, text + (text[0] == ' '));
	free(text);
}

static void
take_standing(struct review *review, uint32_t number, size_t rule,
    const struct policy_standing *standing)
{
	struct review_agreement *agreement = &review->agreements[number];
	struct agreement_work *work = &review->keep->agreement_work[number];
	int rank = rank_of(review->keep->options->policy, rule, standing->place.kind);
	int64_t next = standing->next == INT64_MAX ? 0 : standing->next * 1000;

	if (next != 0 && (agreement->next_ms == 0 || next < agreement->next_ms))
		agreement->next_ms = next;
	agreement->demands |= standing->demands;
	if (agreement->contact == NULL)
		agreement->contact = standing->contact;
	if (agreement->note == NULL)
		agreement->note = standing->note;
	if (rank <= work->rank)
		return;
	work->rank = rank;
	agreement->kind = standing->partner != NULL ? RULE_FROM : standing->place.kind;
	agreement->place = standing->place;
	agreement->state = standing->state;
	agreement->until_ms = standing->limited ? standing->until * 1000 : 0;
	if (agreement->who == NULL)
		set_who(review, agreement, rule);
}

/* Lets the key lead to a rule, among others. */
static void
lead_to(struct review_keep *keep, size_t rule)
{
	bool added;
	uint32_t number = review_row(keep, &keep->names, keep->name_heads,
	    &keep->name_head_room, &added);

	if (number == INTERN_NONE ||
	    !array_reserve(keep->named, keep->named_count + 1, &keep->named_room)) {
		keep->failed = true;
		return;
	}
	keep->named[keep->named_count] = (struct named_rule){
		rule, added ? INTERN_NONE : keep->name_heads[number]
	};
	keep->name_heads[number] = (uint32_t)keep->named_count++;
}

static void
add_place(struct review_keep *keep, const struct policy_place *place, size_t rule)
{
	key_set(keep, KEY_PLACE, RULE_TO, place->file, strlen(place->file));
	buffer_format(&keep->key, ":%u", place->line);
	lead_to(keep, rule);
}

static void
add_rule(struct review *review, size_t rule)
{
	struct review_keep *keep = review->keep;
	struct policy_standing standing;
	uint32_t number;
	bool added;

	policy_rule_standing(keep->options->policy, rule, &keep->judged, &standing);
	if (standing.partner != NULL)
		number = partner_number(review, standing.partner, &added);
	else {
		key_set(keep, KEY_RULE, standing.place.kind, (const char *)&rule, sizeof(rule));
		number = agreement_number(review, &added);
	}
	if (number == INTERN_NONE)
		return;
	take_standing(review, number, rule, &standing);
	keep->rule_agreements[rule] = number;
	if (standing.place.kind == RULE_DEFAULT)
		keep->default_rule = rule;
	if (standing.place.kind == RULE_TO || standing.place.kind == RULE_CLIENT)
		add_place(keep, &standing.place, rule);
	if (policy_rule_client(keep->options->policy, rule, NULL, keep->judged.now) >
	    NAMES_NO_CLIENT)
		keep->client_rules[keep->client_rule_count++] = rule;
}

static void
add_rule_name(struct review_keep *keep, enum policy_rule_kind kind,
    const struct policy_named *named)
{
	key_set(keep, named->is_list ? KEY_LIST : KEY_NAME, kind, named->name,
	    strlen(named->name));
	lead_to(keep, named->rule);
	if (!named->is_list || (kind != RULE_TO && kind != RULE_CLIENT))
		return;
	key_set(keep, KEY_PLACE, RULE_TO, named->name, strlen(named->name));
	lead_to(keep, named->rule);
}

bool
review_agreements_start(struct review *review)
{
	struct review_keep *keep = review->keep;
	const struct policy *policy = keep->options->policy;
	size_t count = policy_rule_count(policy);
	struct policy_named named;

	keep->default_rule = SIZE_MAX;
	keep->rule_agreements = calloc(count + 1, sizeof(*keep->rule_agreements));
	keep->client_rules = calloc(count + 1, sizeof(*keep->client_rules));
	if (keep->rule_agreements == NULL || keep->client_rules == NULL)
		return false;
	for (size_t i = 0; i < count && !keep->failed; i++)
		add_rule(review, i);
	for (int kind = 0; kind < RULE_DEFAULT; kind++)
		for (size_t i = 0; !keep->failed &&
		    policy_named_next(policy, (enum policy_rule_kind)kind, &i, &named); )
			add_rule_name(keep, (enum policy_rule_kind)kind, &named);
	return !keep->failed;
}

/* ------------------------------------------------------------------ *
 * Those of a row
 * ------------------------------------------------------------------ */

/* The rule that the key leads to, of several the one for that client; SIZE_MAX: none. */
static size_t
rule_named(struct review_keep *keep, const char *via)
{
	uint32_t number = review_row_find(keep, &keep->names);
	size_t rule = SIZE_MAX;

	if (number == INTERN_NONE)
		return SIZE_MAX;
	for (uint32_t i = keep->name_heads[number]; i != INTERN_NONE; i = keep->named[i].next) {
		if (policy_rule_is_via(keep->options->policy, keep->named[i].rule, via))
			return keep->named[i].rule;
		if (rule == SIZE_MAX ||
		    policy_rule_is_via(keep->options->policy, keep->named[i].rule, NULL))
			rule = keep->named[i].rule;
	}
	return rule;
}

/* The from rule of a sender and its client by the policy in force; SIZE_MAX: none. */
static size_t
rule_of_sender(struct review *review, const struct facts *facts, const char *named)
{
	struct verdict verdict;
	const struct policy_outcome *outcome = &verdict.outcome[OUTCOME_FROM];

	if (policy_decide(review->keep->options->policy, facts, &review->keep->judged,
	    &verdict) != 0) {
		review->keep->failed = true;
		return SIZE_MAX;
	}
	if (named != NULL && (outcome->place.name == NULL ||
	    strcmp(outcome->place.name, named) != 0))
		return SIZE_MAX;
	return policy_outcome_rule(review->keep->options->policy, outcome);
}

/* An entry of a list: by the list's file, or as the sender that it names. */
static size_t
rule_listing(struct review *review, const struct row_rule *row)
{
	const char *colon = row->rule == NULL ? NULL : strrchr(row->rule, ':');
	struct facts facts = FACTS_INIT;
	size_t rule = SIZE_MAX;
	char sender[512];

	if (colon != NULL) {
		key_set(review->keep, KEY_LIST, row->kind, row->rule, (size_t)(colon - row->rule));
		rule = rule_named(review->keep, row->via);
	}
	if (rule != SIZE_MAX || row->kind != RULE_FROM)
		return rule;
	(void)snprintf(sender, sizeof(sender), "%s%s",
	    strchr(row->name, '@') == NULL ? "?@" : "", row->name);
	facts.from = sender;
	return rule_of_sender(review, &facts, row->name);
}

/* A rule that the policy in force lacks. */
static uint32_t
rule_gone(struct review *review, const struct row_rule *row)
{
	struct review_keep *keep = review->keep;
	uint32_t number;
	bool added;

	key_set(keep, KEY_GONE, row->kind, row->name == NULL ? "" : row->name,
	    row->name == NULL ? 1 : strlen(row->name) + 1);
	buffer_string(&keep->key, row->via == NULL ? "" : row->via);
	number = agreement_number(review, &added);
	if (added && number != INTERN_NONE) {
		review->agreements[number].kind = row->kind;
		review->agreements[number].who = review_text(review, row->name);
	}
	return number;
}

uint32_t
review_agreement_of(struct review *review, const struct row_rule *row)
{
	struct review_keep *keep = review->keep;
	size_t rule = SIZE_MAX;
	bool added;

	if (!row->any)
		return INTERN_NONE;
	if (row->partner != NULL && (row->kind == RULE_FROM || row->kind == RULE_DELIVER))
		return partner_number(review, row->partner, &added);
	if (row->kind == RULE_DEFAULT)
		rule = keep->default_rule;
	else if (row->name != NULL) {
		key_set(keep, KEY_NAME, row->kind, row->name, strlen(row->name));
		rule = rule_named(keep, row->via);
		if (rule == SIZE_MAX)
			rule = rule_listing(review, row);
	}
	if (keep->failed)
		return INTERN_NONE;
	return rule == SIZE_MAX ? rule_gone(review, row) : keep->rule_agreements[rule];
}

uint32_t
review_agreement_of_sender(struct review *review, const char *partner,
    const struct facts *facts)
{
	size_t rule;
	bool added;

	if (partner != NULL)
		return partner_number(review, partner, &added);
	rule = rule_of_sender(review, facts, NULL);
	return rule == SIZE_MAX ? INTERN_NONE : review->keep->rule_agreements[rule];
}

uint32_t
review_agreement_at(struct review *review, const char *place)
{
	struct review_keep *keep = review->keep;
	const char *colon = strrchr(place, ':');
	size_t rule;

	key_set(keep, KEY_PLACE, RULE_TO, place, strlen(place));
	rule = rule_named(keep, NULL);
	if (rule == SIZE_MAX && colon != NULL) {
		key_set(keep, KEY_PLACE, RULE_TO, place, (size_t)(colon - place));
		rule = rule_named(keep, NULL);
	}
	return rule == SIZE_MAX ? INTERN_NONE : keep->rule_agreements[rule];
}

/* Whether an agreement is called so: by its partner's name or what it names. */
static bool
is_called(const struct review_agreement *agreement, const char *name)
{
	const char *called = agreement->name != NULL ? agreement->name : agreement->who;

	return called != NULL && strcasecmp(called, name) == 0;
}

void
review_agreements_ask(struct review *review)
{
	const struct review_options *options = review->keep->options;
	struct facts facts = FACTS_INIT;
	char sender[512];

	review->keep->only = review->keep->of_domain = INTERN_NONE;
	for (size_t i = 0; options->partner != NULL && i < review->agreement_count; i++)
		if (is_called(&review->agreements[i], options->partner))
			review->keep->only = (uint32_t)i;
	if (options->domain == NULL)
		return;
	(void)snprintf(sender, sizeof(sender), options->domain[0] == '<' ? "%s" :
	    options->domain[0] == '.' ? "?@?%s" : "?@%s", options->domain);
	facts.from = sender;
	review->keep->of_domain = review_agreement_of_sender(review, NULL, &facts);
}

void
review_agreement_clear(struct review_agreement *agreement)
{
	free(agreement->refused_over_time);
	free(agreement->certificates);
	free(agreement->ready_but_for);
	free(agreement->troubles);
}
