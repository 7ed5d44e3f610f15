/*
 * lint.h - warnings about a policy that is valid and has a hole.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_LINT_H
#define TLSWARD_POLICY_LINT_H

#include "policy/rule.h"

struct parser;

/* Reports the holes of a policy that has no errors, as warnings. */
void lint_policy(struct parser *p);

/*
 * Whether a requirement lets sessions pass that another of its kind does not:
 * a lower bound, or a list that has all of the other's entries and more.
 */
bool requirement_looser(const struct policy_requirement *a,
    const struct policy_requirement *b);

/*
 * Why rule "a" lets pass what rule "b" would not at "now", in words, or NULL where it
 * does not or where that cannot be told. "text" holds the words.
 */
const char *rule_looser(const struct settings_of_rule *a,
    const struct settings_of_rule *b, int64_t now, char *text, size_t size);

#endif
