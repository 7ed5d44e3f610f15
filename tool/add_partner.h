/*
 * add_partner.h - what the two files of `tlsward add-partner` share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_ADD_PARTNER_H
#define TLSWARD_TOOL_ADD_PARTNER_H

#include "tool/tree.h"
#include "review/review.h"
#include "base/buffer.h"

/* What is written, and what it rests on. */
struct agreed {
	const char *name;		/* of the partner */
	const char *const *domains;	/* A-labels */
	size_t domain_count;
	int64_t now, since;		/* seconds since the epoch */
	struct review_hosts *hosts;	/* NULL: nothing but a template */
	const bool *chosen;		/* by host: whether it rests on it */
	bool named;			/* they were named, not found by their share */
};

/* So long mail is looked back at, and so long the agreement is under monitor: in days. */
#define AGREED_DAYS 30

/*
 * Appends the file for policy.d. "clashes": an array of what the policy has against it,
 * whose reference is taken; NULL: no memory. False, having said why, where that fails.
 */
bool agreed_write(const struct agreed *agreed, json_t *clashes, struct buffer *text);

#endif
