/*
 * netstring.h - strings that say their length: `5:hello,`.
 *
 * See http://cr.yp.to/proto/netstrings.txt; a length has no zero before it. Not safe to
 * share between threads.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_NETSTRING_H
#define TLSWARD_BASE_NETSTRING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum netstring_state {
	NETSTRING_EMPTY,	/* nothing came yet */
	NETSTRING_PARTIAL,
	NETSTRING_COMPLETE,
	/* What is of no use; nothing after it can be understood. */
	NETSTRING_GARBAGE,	/* not a netstring */
	NETSTRING_TOO_LARGE,
	NETSTRING_NO_MEMORY
};

/* One that is being read. All zero is an empty one. */
struct netstring {
	enum netstring_state state;
	struct buffer string;	/* when complete; may hold NUL, and is terminated */
	size_t length;		/* as it says, or the digits so far */
	bool begun;		/* its length is there, and the colon */
};

/*
 * Takes what belongs to this netstring from the "length" bytes at "bytes", and returns how
 * many that was: fewer than "length" only where it is complete or of no use. Sets its
 * state. A string of more than "most" bytes, which fit into 15 digits, is too large: that
 * is told by its length, before any memory is taken for it.
 */
size_t netstring_feed(struct netstring *netstring, size_t most, const char *bytes,
    size_t length);

/* Makes it empty again and gives its memory back. */
void netstring_clear(struct netstring *netstring);

/* Appends the "length" bytes at "bytes" as a netstring. */
void netstring_append(struct buffer *buffer, const char *bytes, size_t length);

#endif
