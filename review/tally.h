/*
 * tally.h - what another policy would change, counted: by domain and by rule.
 *
 * Used by one thread. All strings belong to the tally.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_TALLY_H
#define TLSWARD_REVIEW_TALLY_H

#include "policy/policy.h"
#include "base/intern.h"

/* How many kinds of change of one domain are told apart; others are counted together. */
#define TALLY_CHANGES_MAX 16

/* Messages that the other policy judges otherwise, for one reason. */
struct tally_change {
	enum policy_action from, to;
	bool monitored;			/* "to" is what a rule under monitor would do */
	enum policy_reason reason;
	int64_t transactions;
	/* The last of them. */
	int64_t last_ms;		/* 0: unknown */
	char *tls_version, *cipher;	/* NULL: unknown */
	char *client;			/* name and address; NULL: unknown */
};

struct tally_domain {
	const char *name;		/* A-labels; "<>": bounces; "": no domain */
	int64_t transactions;
	int64_t tls, clear, unknown;	/* of those; */
	int64_t local;			/* mail of the host itself: none of the three */
	int64_t changed;		/* by a rule that is enforced */
	int64_t would;			/* by a rule under monitor */
	int64_t uncertain;		/* that another address could have changed */
	struct tally_change *changes;
	size_t change_count;
};

struct tally_rule {
	struct policy_place place;	/* the policy's */
	int64_t transactions;		/* of which it decided the verdict */
	int64_t changed, would, uncertain;
};

struct tally {
	struct tally_domain total;	/* "changes" too, without "client" */
	struct intern names;		/* of domains */
	struct tally_domain *domains;	/* by their number */
	size_t domain_room;
	struct intern places;		/* of rules */
	struct tally_rule *rules;
	size_t rule_room;
};

/* Some messages, as they were and as they would be. */
struct tally_item {
	const struct facts *facts;
	int64_t transactions;
	int64_t last_ms;
	enum policy_action was;
	const struct verdict *verdict;
	bool certain;
};

/* False where memory is short. */
bool tally_add(struct tally *tally, const struct tally_item *item);

/*
 * The domains: those that most changes for first, then those with most transactions. An
 * array of pointers, the caller's, to be given to free(); NULL when memory is short.
 */
const struct tally_domain **tally_sorted(const struct tally *tally);

/* The rules in the same order. */
const struct tally_rule **tally_sorted_rules(const struct tally *tally);

void tally_free(struct tally *tally);

#endif
