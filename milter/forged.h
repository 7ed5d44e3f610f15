/*
 * forged.h - a message's Authentication-Results fields that claim to be ours, and
 * the way to be rid of them (RFC 8601, section 5).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_FORGED_H
#define MILTER_FORGED_H

#include <stdbool.h>
#include <stddef.h>
#include <libmilter/mfapi.h>

/* A message with more of them is not taken: removing one takes the MTA a search. */
#define FORGED_MAX 1000

/* All zero is a good start. */
struct forged {
	int seen;		/* fields of that name so far: MTAs count from 1 */
	int *at;		/* owned: which of them are to go, in order */
	size_t count;
	size_t room;
	bool lost;		/* too many, or memory was short: not all is known */
};

/* Looks at the next header field of the message; "id" is our authserv-id. */
void forged_look(struct forged *forged, const char *name, const char *value,
    const char *id);

/*
 * Removes them, at the end of the message. "allowed": the MTA takes such changes.
 * False where one of them is, or may be, still there.
 */
bool forged_remove(SMFICTX *ctx, const struct forged *forged, bool allowed);

/* Forgets them and frees what is owned. */
void forged_clear(struct forged *forged);

#endif
