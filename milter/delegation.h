/*
 * delegation.h - one request of Postfix's policy delegation protocol.
 *
 * See SMTPD_POLICY_README: lines of name=value, ended by an empty line. This reads
 * them as they come, in pieces of any size, and bounds what a stranger can send.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_DELEGATION_H
#define TLSWARD_MILTER_DELEGATION_H

#include <stdbool.h>
#include <stddef.h>

/* Postfix sends some 30 lines, and addresses of at most some KB. */
#define DELEGATION_BYTES_MAX 16384
#define DELEGATION_LINES_MAX 128

/* The attributes that are read; others are passed over. */
enum attribute {
	ATTRIBUTE_REQUEST, ATTRIBUTE_PROTOCOL_STATE,
	ATTRIBUTE_CLIENT_ADDRESS, ATTRIBUTE_CLIENT_PORT,
	ATTRIBUTE_CLIENT_NAME, ATTRIBUTE_REVERSE_CLIENT_NAME,
	ATTRIBUTE_SERVER_ADDRESS, ATTRIBUTE_SERVER_PORT,
	ATTRIBUTE_HELO_NAME, ATTRIBUTE_SENDER, ATTRIBUTE_RECIPIENT,
	ATTRIBUTE_QUEUE_ID, ATTRIBUTE_INSTANCE, ATTRIBUTE_SASL_USERNAME,
	ATTRIBUTE_ENCRYPTION_PROTOCOL, ATTRIBUTE_ENCRYPTION_CIPHER,
	ATTRIBUTE_ENCRYPTION_KEYSIZE,
	ATTRIBUTE_CCERT_SUBJECT, ATTRIBUTE_CCERT_ISSUER,
	ATTRIBUTE_CCERT_FINGERPRINT, ATTRIBUTE_CCERT_PUBKEY_FINGERPRINT,
	ATTRIBUTE_COUNT
};

enum delegation_state {
	DELEGATION_EMPTY,	/* nothing came yet */
	DELEGATION_PARTIAL,
	DELEGATION_COMPLETE,
	/* What cannot be served; nothing after it can be understood. */
	DELEGATION_GARBAGE,	/* not name=value, a NUL, an attribute given twice... */
	DELEGATION_TOO_LARGE,
	DELEGATION_NO_MEMORY
};

/* All zero is an empty request. Not safe to share between threads. */
struct delegation {
	enum delegation_state state;
	char *text;			/* owned; NULL: nothing is kept */
	size_t length;
	size_t room;
	size_t line;			/* where the line under way begins */
	unsigned lines;
	size_t values[ATTRIBUTE_COUNT];	/* where each value begins; 0: absent */
};

/*
 * Takes what belongs to this request from the "length" bytes at "bytes", and returns
 * how many that was: fewer than "length" only where the request is complete or
 * cannot be served. Sets request->state.
 */
size_t delegation_feed(struct delegation *request, const char *bytes, size_t length);

/*
 * The value of an attribute of a complete request: NULL where it did not come, ""
 * where it came empty. Lives until the request is cleared.
 */
const char *delegation_get(const struct delegation *request, enum attribute attribute);

/* The same, and NULL for an empty one, too. */
const char *delegation_find(const struct delegation *request,
    enum attribute attribute);

/* Makes it empty again and gives its memory back. */
void delegation_clear(struct delegation *request);

#endif
