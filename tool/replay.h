/*
 * replay.h - what tlsward replay found, for people.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_REPLAY_H
#define TLSWARD_TOOL_REPLAY_H

#include "review/review.h"
#include "base/buffer.h"

/* Borrowed. */
struct replay_result {
	const struct tally *tally;
	const char *policy;			/* its path */
	int64_t since_ms, until_ms;		/* INT64_MIN, INT64_MAX: from, to the ends */
	const struct maillog_totals *maillog;	/* NULL: it was the journal's */
	bool all;				/* all domains and rules, not the first */
};

void replay_text_write(const struct replay_result *result, struct buffer *text);

#endif
