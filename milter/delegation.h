/*
 * delegation.h - a request of Postfix's policy delegation protocol, and its answer.
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
#include <stdint.h>

#include "base/buffer.h"
#include "milter/service.h"
#include "milter/session.h"

/* Postfix sends some 30 lines, and addresses of at most some KB. */
#define DELEGATION_BYTES_MAX 16384
#define DELEGATION_LINES_MAX 128

/* The attributes that are read; others are passed over. */
#define ATTRIBUTES(X) \
	X(REQUEST, "request") \
	X(PROTOCOL_STATE, "protocol_state") \
	X(CLIENT_ADDRESS, "client_address") \
	X(CLIENT_PORT, "client_port") \
	X(CLIENT_NAME, "client_name") \
	X(REVERSE_CLIENT_NAME, "reverse_client_name") \
	X(SERVER_ADDRESS, "server_address") \
	X(SERVER_PORT, "server_port") \
	X(HELO_NAME, "helo_name") \
	X(SENDER, "sender") \
	X(RECIPIENT, "recipient") \
	X(QUEUE_ID, "queue_id") \
	X(INSTANCE, "instance") \
	X(SASL_USERNAME, "sasl_username") \
	X(ENCRYPTION_PROTOCOL, "encryption_protocol") \
	X(ENCRYPTION_CIPHER, "encryption_cipher") \
	X(ENCRYPTION_KEYSIZE, "encryption_keysize") \
	X(CCERT_SUBJECT, "ccert_subject") \
	X(CCERT_ISSUER, "ccert_issuer") \
	X(CCERT_FINGERPRINT, "ccert_fingerprint") \
	X(CCERT_PUBKEY_FINGERPRINT, "ccert_pubkey_fingerprint")

enum attribute {
#define ENUMERATOR(name, text) ATTRIBUTE_##name,
	ATTRIBUTES(ENUMERATOR)
#undef ENUMERATOR
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

/*
 * What is kept between the requests of one client, which is one Postfix process and
 * does one message after the other. All zero but its serial is a good start.
 */
struct answer_state {
	uint64_t serial;		/* tells clients apart */
	struct connection connection;		/* of the SMTP session asked about last */
	char session[SESSION_ID_SIZE];	/* its id; "": none yet */
	char instance[128];		/* the message last recorded; "": none */
	int rank;			/* and how much its record said */
	unsigned char counted;		/* by its protocol: see counters_session() */
};

/* What the settings let it answer, in words for the log. */
const char *answer_manner(const struct settings *settings);

/*
 * Appends the answer to a complete request, with its empty line, to "out". Beside the
 * milter that is always DUNNO, and what was heard goes into the correlation; alone it
 * is the verdict, with its record. Only requests at RCPT matter: there the recipient
 * is known, and all that Postfix will know of the session. False
 * where the request lacks what Postfix always sends: then there is none. Thread-safe
 * as long as no two threads share an state. Failure of memory is answered as
 * on-internal-error says, or shows in out->failed.
 */
bool answer_request(struct service *service, struct answer_state *state,
    const struct delegation *request, struct buffer *out);

#endif
