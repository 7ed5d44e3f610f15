/*
 * pattern.h - regular expressions and the patterns for certificate names.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_PATTERN_H
#define TLSWARD_POLICY_PATTERN_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "policy/policy.h"

/* How much a match may cost before it is given up as unknown (PCRE2's unit). */
#define PATTERN_MATCH_LIMIT 100000

enum pattern_type {
	PATTERN_EXACT,		/* byte for byte */
	PATTERN_NAME,		/* without case */
	PATTERN_WILDCARD,	/* "*.rest", for one label and "rest" without case */
	PATTERN_REGEX
};

struct pattern {
	enum pattern_type type;
	bool caseless;		/* as written: the flag i */
	const char *text;	/* as written; a regular expression's without slashes */
	const char *a_labels;	/* a name beyond ASCII, where it is a domain */
	uint32_t line;		/* where it is written */
	uint32_t column;
	/* Of regular expressions, and of names beyond ASCII; then of what follows the star. */
	pcre2_code *code;
};

enum pattern_use {
	PATTERN_FOR_WHO,	/* unanchored, case as written */
	PATTERN_FOR_NAME,	/* the whole name, without case */
	PATTERN_FOR_ISSUER,	/* the whole name, case as written */
	PATTERN_LITERAL		/* no expression: the whole name, without case */
};

/*
 * Compiles a regular expression, with JIT where there is one. Returns NULL with
 * PCRE2's words in "error" and the place in the pattern in *offset; *no_memory is
 * set where memory was short.
 */
pcre2_code *pattern_compile(const char *text, bool caseless, enum pattern_use use,
    char *error, size_t error_size, size_t *offset, bool *no_memory);

/* The limits that every match has, or NULL when memory is short. */
pcre2_match_context *pattern_limits(void);

/*
 * Whether "subject" matches. POLICY_UNKNOWN when a limit was hit. Allocates for
 * very deep patterns only. Thread-safe.
 */
enum policy_tri pattern_regex(pcre2_code *code, pcre2_match_context *limits,
    const char *subject, size_t length);

/*
 * The same of the first of "count" patterns that matches, or of which it is not
 * known; *first is its index.
 */
enum policy_tri pattern_first(pcre2_code *const *codes, size_t count,
    pcre2_match_context *limits, const char *subject, size_t length, size_t *first);

/*
 * Writes an exact name as a host has it: lower case, A-labels, no trailing dot. False
 * where it is none. Allocates nothing for what is one.
 */
bool pattern_host(const struct pattern *pattern, char name[256]);

/* Whether a certificate's name matches. Thread-safe. */
enum policy_tri pattern_match(const struct pattern *pattern,
    pcre2_match_context *limits, const char *name);

/*
 * Whether the regular expression, as written, holds the whole name at both
 * ends in each of its alternatives: ^...$ or \A...\z.
 */
bool pattern_anchored(const char *text);

/*
 * Whether the regular expression, as written, is one on whole addresses: there is an "@"
 * in it, escaped or not, that is not in a negated class.
 */
bool pattern_on_address(const char *text);

#endif
