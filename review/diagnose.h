/*
 * diagnose.h - the entries of the file "diagnoses", as they are kept.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_DIAGNOSE_H
#define TLSWARD_REVIEW_DIAGNOSE_H

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include "review/review.h"

/* Of the table of systems. */
enum diagnoses_system {
	SYSTEM_DOMINO, SYSTEM_SCHANNEL, SYSTEM_EXCHANGE, SYSTEM_EXCHANGE_ONLINE,
	SYSTEM_POSTFIX, SYSTEM_SENDMAIL, SYSTEM_EXIM, SYSTEM_OPENSSL, SYSTEM_GNUTLS,
	SYSTEM_DOTNET, SYSTEM_JAVA, SYSTEM_QMAIL, SYSTEM_GMAIL, SYSTEM_TLSRPT, SYSTEM_COUNT
};

/* A pattern of an entry. */
struct known {
	pcre2_code *code;
	size_t entry;
	bool compiled;		/* as far as that goes: it was needed */
	unsigned costly;	/* how often it ran into its limit */
};

/* A line of an entry that it matches, or not. */
struct known_example {
	const char *text;
	size_t entry;
	bool unlike;
};

struct diagnoses {
	char *texts[2];		/* of the files: what the strings are in */
	pcre2_match_context *limits;
	pcre2_jit_stack *stack;
	pcre2_match_data *found;
	struct diagnosis *entries;
	size_t count, room;
	struct known *patterns;	/* by rank, one's own first, then as they stand */
	size_t pattern_count, pattern_room;
	struct known_example *examples;
	size_t example_count, example_room;
};

/* Whether a pattern of them matches; what costs too much does not. */
bool diagnoses_pattern_matches(struct diagnoses *diagnoses, struct known *pattern,
    const char *text, size_t length);

/* The number of a system, by its name in any case; SYSTEM_COUNT where it is none. */
size_t diagnoses_system_find(const char *name, size_t length);

#endif
