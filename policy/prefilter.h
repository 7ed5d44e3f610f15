/*
 * prefilter.h - which of many regular expressions can match at all.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_PREFILTER_H
#define TLSWARD_POLICY_PREFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With more than these there is no prefilter. */
#define PREFILTER_MAX 65536
#define PREFILTER_WORDS (PREFILTER_MAX / 64)

struct prefilter;

/* A regular expression as written, without its slashes. */
struct prefilter_text {
	const char *text;
	size_t length;
};

/* Of "count" expressions, at most PREFILTER_MAX. NULL when memory is short. */
struct prefilter *prefilter_new(const struct prefilter_text *regexes, size_t count);

/* Frees *prefilter and clears the pointer. NULL-safe. */
void prefilter_free(struct prefilter **prefilter);

/*
 * Sets the bit of each expression that may match "subject" and clears those of the
 * others. False for a subject that is not ASCII: then nothing is known of any.
 * Thread-safe; allocates nothing.
 */
bool prefilter_candidates(const struct prefilter *prefilter, const char *subject,
    size_t length, uint64_t candidates[PREFILTER_WORDS]);

/* Of how many expressions it is always unknown whether they can match. */
size_t prefilter_unfiltered(const struct prefilter *prefilter);

#endif
