/*
 * explain.h - the parts of what explain prints.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_EXPLAIN_H
#define TLSWARD_TOOL_EXPLAIN_H

#include "tool/tool.h"
#include "tool/tree.h"
#include "journal/journal.h"
#include "base/buffer.h"

#define EXPLAIN_REQUIRED_MAX 1024	/* bytes of a requirement in words */

/* A verdict, and what it was made of. All of it is borrowed. */
struct explained {
	const struct loaded *loaded;
	const struct facts *given;	/* without what a known certificate adds */
	const struct facts *facts;
	const struct verdict *verdict;
	int64_t time_ms;		/* as of which it was judged */
	bool has_day;			/* the session was on that day */
	bool has_time;			/* and at that time */
	/* The record that the facts are of, with what it says came out; NULL: none. */
	const struct journal_facts *record;
	bool blind;			/* there is no verdict: the record alone is told */
};

/*
 * The document for scripts, as tlsward(1) has it, and for people. NULL, having said
 * why, where memory is short or the words cannot be read.
 */
json_t *explain_model(const struct explained *explained);
json_t *explain_people(const struct explained *explained, bool verbose);

/*
 * Puts what happens by a verdict: the action, the reason, and for people its words; of
 * whose mail, and when, where that is to be told; at which dates to come the same session
 * would come to something else; and what the record says came out, where that is
 * something else (true) or all that is known.
 */
void explain_action(struct tree *tree, const struct explained *explained,
    const struct verdict *verdict, bool people);
void explain_mail(struct tree *tree, const struct explained *explained, bool is_dated);
void explain_later(struct tree *tree, const struct explained *explained, bool people);
bool explain_recorded(struct tree *tree, const struct explained *explained,
    bool people);

/* Whether it goes out, and nobody knows as yet how. */
bool explain_is_to_be_sent(const struct verdict *verdict);

/* Puts a fact or a result as people read it. False, and nothing, where it is unknown. */
bool explain_field(struct tree *tree, const char *member,
    const struct explained *explained, const char *name);

/*
 * Appends the one sentence for whom must act, on one line: for the partner's
 * postmaster, or where a fact is missing on our side, for ourselves; nothing where
 * there is nothing to ask for. What came from the network is escaped. False, having said why,
 * where that fails.
 */
bool explain_sentence(const struct explained *explained, struct buffer *text);

/*
 * Puts what that sentence is made of: "ours" or "theirs", with what is required, how
 * the session was and what is asked for. False as above.
 */
bool explain_blame(const struct explained *explained, struct tree *tree);

/* Puts the requirements of a rule that came out so: bits 1u << enum policy_check. */
void explain_required(const struct explained *explained,
    const struct policy_outcome *outcome, unsigned checks, struct tree *tree);

/*
 * The rule of which something is to be said: the one that refused, or would have. NULL:
 * none.
 */
const struct policy_outcome *explain_blamed(const struct verdict *verdict);

/* Whether that sentence is for ourselves. */
bool explain_is_ours(const struct policy_outcome *blamed);

/* FILE:LINE (KIND WHO) of a rule; then also whose agreement, via which client, and that
 * it is under monitor or exempts, until when. */
void explain_place(const struct policy_place *place, struct buffer *text);
void explain_rule(const struct policy_outcome *outcome, struct buffer *text);

/* The facts that a requirement was held against, with their values. */
void explain_session(enum policy_reason kind, const struct verdict *verdict,
    const struct facts *facts, struct buffer *text);

/*
 * One line for each requirement of the outcome that is not met, each behind
 * "indent".
 */
void explain_unmet(const struct policy_outcome *outcome, const struct verdict *verdict,
    const struct facts *facts, const char *indent, struct buffer *text);

/* Puts a day, as YYYY-MM-DD; INT64_MIN and INT64_MAX are left out. */
void explain_day(struct tree *tree, const char *name, int64_t when);

/*
 * Puts what to ask of a partner, said of its server, as "enable TLS 1.3 or newer on
 * it"; what is required is taken from the outcome of the rule, where that still has such a
 * requirement, and what is known from the facts (NULL: of several sessions).
 */
void explain_advice(struct tree *tree, const char *name, enum policy_reason reason,
    const struct policy_outcome *rule, const struct facts *facts);

#endif
