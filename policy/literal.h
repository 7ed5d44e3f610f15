/*
 * literal.h - what a regular expression's matches must contain.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_LITERAL_H
#define TLSWARD_POLICY_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

#define LITERAL_MAX 32		/* bytes of one */
#define LITERAL_ALTERNATIVES 16	/* literals of a set */
#define LITERAL_SETS 8

struct literal {
	unsigned char length;	/* at least 2 */
	char text[LITERAL_MAX];	/* ASCII, in lower case; not terminated */
};

/* Every match contains one of these. */
struct literal_set {
	size_t count;
	struct literal literals[LITERAL_ALTERNATIVES];
};

/* Every match contains one of each set. */
struct literals {
	size_t count;
	struct literal_set sets[LITERAL_SETS];
};

/*
 * Finds literals of which a match in a subject of ASCII alone must contain one of each
 * set, when both are compared in lower case. "regex" is one that PCRE2 compiled, without
 * options that change its syntax; of what this scanner does not know for sure it finds
 * nothing. Thread-safe; allocates nothing.
 */
void literal_find(const char *regex, size_t length, struct literals *found);

/* The length of a set's shortest literal. */
size_t literal_shortest(const struct literal_set *set);

#endif
