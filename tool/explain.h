/*
 * explain.h - the parts of what explain prints.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_EXPLAIN_H
#define TLSWARD_TOOL_EXPLAIN_H

#include "tool/tree.h"
#include "journal/journal.h"
#include "policy/policy.h"
#include "base/buffer.h"

#define EXPLAIN_REQUIRED_MAX 1024	/* bytes of a requirement in words */

/* A verdict, and what it was made of. All of it is borrowed. */
struct explained {
	const struct policy *policy;
	const char *path;		/* the policy's */
	const struct facts *given;	/* without what a known certificate adds */
	const struct facts *facts;
	const struct verdict *verdict;
	int64_t time_ms;		/* as of which it was judged */
	bool has_day;			/* the session was on that day */
	bool has_time;			/* and at that time */
	/* What a record said when it was written; NULL: the facts are of none. */
	const char *recorded_action;
	const char *recorded_reason;
};

/*
 * The document: for scripts, or for people, which is what the words are made of; with
 * the sentence, whose buffer is freed. NULL where memory is short.
 */
json_t *explain_model(const struct explained *explained, struct buffer *sentence,
    bool people);

/*
 * Appends the one sentence for whoever must act, on one line: for the partner's
 * postmaster, or where a fact is missing on our side, for ourselves; nothing where
 * there is nothing to ask for. What came from the network is escaped. False, having said why,
 * where that fails.
 */
bool explain_sentence(const struct explained *explained, struct buffer *text);

/* The rule of which something is to be said: the one that refused, or would have. */
const struct policy_outcome *explain_blamed(const struct verdict *verdict);

/* Whether that sentence is for ourselves. */
bool explain_is_ours(const struct policy_outcome *blamed);

/* FILE:LINE (KIND WHO) of a rule. */
void explain_place(const struct policy_place *place, struct buffer *text);

/* The facts that a requirement was held against, with their values. */
void explain_session(enum policy_reason kind, const struct verdict *verdict,
    const struct facts *facts, struct buffer *text);

/*
 * One line for each requirement of the outcome that is not met, each behind
 * "indent".
 */
void explain_unmet(const struct policy_outcome *outcome, const struct verdict *verdict,
    const struct facts *facts, const char *indent, struct buffer *text);

/*
 * Puts what to ask of a partner, said of its server, as "enable TLS 1.3 or newer on
 * it"; what is required is taken from the outcome of the rule, where that still has such a
 * requirement.
 */
void explain_advice(struct tree *tree, const char *name, enum policy_reason reason,
    const struct policy_outcome *rule);

#endif
