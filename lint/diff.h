/*
 * diff.h - what the files of lint_diff() share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_LINT_DIFF_H
#define TLSWARD_LINT_DIFF_H

#include "lint/warn.h"

/* What a WHO is called at most; longer ones are cut. */
#define DIFF_NAME_MAX 600

/* A WHO, in sessions of a client (NULL: of any that no rule names). */
struct subject {
	enum policy_rule_kind kind;
	const struct who *who;
	const struct who *via;
};

/* The first WHO of that key, of an expression as it is written; NULL: there is none. */
const struct who *diff_first_named(const struct policy *policy,
    const struct subject *subject);

/* The rule that names just that WHO and that client, or NULL. */
const struct policy_rule *diff_rule_naming(const struct policy *policy,
    const struct subject *subject);

/*
 * The rule that applies, which may be for a less specific WHO: *rule, NULL where there is
 * none. False where memory was short.
 */
bool diff_rule_for(const struct policy *policy, const struct subject *subject, int64_t now,
    const struct policy_rule **rule);

/*
 * Adds to a difference what is another under rule "new" than under "old" (NULL: there is
 * none) from "now" on. The arena has failed where memory was short.
 */
void diff_compare(const struct policy_rule *old, const struct policy_rule *new,
    int64_t now, struct lint_difference *difference, struct arena *arena);

#endif
