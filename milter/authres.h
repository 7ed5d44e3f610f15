/*
 * authres.h - the header field Authentication-Results (RFC 8601): whose it is, and
 * how ours is written.
 *
 * Knows no libmilter. Thread-safe.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_AUTHRES_H
#define TLSWARD_MILTER_AUTHRES_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

#define AUTHRES_FIELD "Authentication-Results"

/* Room for any value that authres_write() makes. */
#define AUTHRES_VALUE_MAX 4096

enum authres_claim { AUTHRES_OTHER, AUTHRES_OURS, AUTHRES_NO_MEMORY };

/* Whether "name" names the field: without case, blanks at its end aside. */
bool authres_is_field(const char *name);

/* Knows our authserv-id. Immutable, to be shared by threads. */
struct authres;

/* "id" must outlive it. NULL: memory is short. */
struct authres *authres_new(const char *id);

/* Frees *authres and clears the pointer. NULL-safe. */
void authres_free(struct authres **authres);

/*
 * Whether a field with this value claims to come from us (RFC 8601, sections 2.2, 2.5
 * and 5). "value" may be anything the network sent, folded or not.
 *
 * A value that begins as the grammar wants it ([CFWS] authserv-id [CFWS version],
 * then ";" or the end) is ours exactly when its authserv-id, with comments and
 * quoting undone, is our id: without case, without a dot at its end, U-labels read as
 * A-labels. Of one that does not, whatever some reader might take for ours is ours:
 * our id as a word of its own before the first ";" (anywhere, where a comment or a
 * quoted string is not closed), with or without comments, quotes and blanks, and an
 * encoded word, or nothing at all, where the authserv-id should be. And so is one that
 * takes too long to read.
 */
enum authres_claim authres_claims(const struct authres *authres, const char *value);

/* A message with more of them is not taken: removing one takes the MTA a search. */
#define FORGED_MAX 1000

/* A message's fields that claim to be ours. All zero is a good start. */
struct forged {
	int seen;		/* fields of that name so far: MTAs count from 1 */
	int *at;		/* owned: which of them are to go, in order */
	size_t count;
	size_t room;
	bool lost;		/* too many, or memory was short: not all is known */
};

/* Looks at the next header field of the message. */
void forged_look(struct forged *forged, const char *name, const char *value,
    const struct authres *authres);

/* Forgets them and frees what is owned. */
void forged_clear(struct forged *forged);

/*
 * Writes the value of our field into "out" of "size" bytes: folded (LF, tab) so
 * that lines have less than 78 columns where words allow it, and always less than
 * 998; printable ASCII but for that. False, and nothing is written, where it does
 * not fit.
 *
 *	ID; x-tls=pass smtp.version=V smtp.cipher=C smtp.bits=N smtp.cert-cn=NAME
 *	    policy.tlsward=ACTION policy.reason=REASON policy.rule="FILE:LINE"
 *	    policy.exempt=yes policy.would=ACTION policy.would-reason=REASON
 *	    policy.would-rule="FILE:LINE"
 *
 * The last two are there where it is another rule than the reported one. x-tls is
 * "none" in clear text and "permerror" where the MTA does not tell. What
 * is not known, does not apply, or could not be written safely is left out; the
 * certificate's name is that of a verified one. Values that are no token (RFC 2045)
 * are quoted.
 */
bool authres_write(const char *id, const struct facts *facts,
    const struct verdict *verdict, char *out, size_t size);

#endif
