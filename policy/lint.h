/*
 * lint.h - warnings about a policy that is valid and has a hole.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_LINT_H
#define TLSWARD_POLICY_LINT_H

#include "policy/parse.h"

/* Reports the holes of a policy that has no errors, as warnings. */
void lint_policy(struct parser *p);

/* The same of one kind of warning each; lint_policy() calls them. */
void lint_blocks(struct parser *p);		/* settings as written, profiles */
void lint_sessions(struct parser *p);		/* requirements that contradict */
void lint_certificates(struct parser *p);	/* certificates that prove little */
void lint_regexes(struct parser *p, enum policy_rule_kind kind);

/*
 * Of a rule's WHOs, one after the other: whether the rule changes anything. "other"
 * is the rule in whose place the WHO stands, by the name "name"; NULL: none.
 */
struct idle;
struct idle *idle_new(size_t rules);
void idle_free(struct idle **idle);
void idle_changes(struct idle *idle, const struct who *who);
void idle_instead(struct idle *idle, const struct parser *p, const struct who *who,
    const struct policy_rule *other, const char *name);
void lint_idle(struct parser *p, const struct idle *idle);

/*
 * Whether there is a name on which the expression "text", without its slashes, is given
 * up: where it looks so it is tried, with the limits of every match. *tries counts
 * that: after some it is not tried any more.
 */
bool lint_is_slow(const struct parser *p, const char *text, pcre2_code *code,
    unsigned *tries);

/* The place of a WHO, with its line, or of none when its file is not known. */
bool lint_place(struct parser *p, const struct who *who, struct place *place);

/*
 * The setting of a rule's block, or of a profile that it uses, which wrote the
 * requirement; NULL: not found.
 */
const struct setting *lint_setting(const struct block *block,
    const struct policy_requirement *requirement);

/* Warns at a WHO. */
#define lint_who(p, who, ...) \
    do { \
	struct place lint_place_; \
	if (lint_place((p), (who), &lint_place_)) \
	    parse_warn((p), &lint_place_, __VA_ARGS__); \
    } while (0)

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
