/*
 * replay.h - what tlsward replay found, and its writers.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REPLAY_H
#define TLSWARD_REPLAY_H

#include <stdio.h>

#include "review/review.h"
#include "review/tally.h"

/* Borrowed. */
struct replay_result {
	const struct tally *tally;
	const char *policy;			/* its path */
	int64_t since_ms, until_ms;		/* since_ms INT64_MIN: from the first on */
	const struct maillog_totals *maillog;	/* NULL: it was the journal's */
	bool all;				/* all domains and rules, not the first */
};

/* Return false when memory is short. */
bool replay_write_text(const struct replay_result *result, FILE *out);
bool replay_write_json(const struct replay_result *result, FILE *out);

#endif
