/*
 * correlation.h - what the policy service heard of a session, for the milter's side.
 *
 * Postfix tells a milter no fingerprint, and tells a policy service no session. Both
 * are told the client's address and port, and those of the server; together they
 * name a TCP connection, as long as it lives. Postfix's processes may still work on
 * one that is gone while another does on a new one between the same ports, so that
 * for a while two sessions have one name.
 *
 * What makes it right: Postfix waits for the milter's answer to MAIL, then asks the
 * policy service about a recipient, then tells the milter of it. So
 *
 *  - a milter session has a window for each message: from its MAIL on, until a newer
 *    session of the same name begins. Its own requests are within it.
 *  - only requests within the window are looked at, and of these only those whose
 *    protocol, cipher, bits and kind of certificate are the session's.
 *  - requests of one Postfix process are of one session, the newest counts. Where
 *    there may have been another session within the window (one was open at MAIL, or
 *    requests came from more than one process), sender and recipient must be the
 *    session's too.
 *  - where what is left does not agree, nothing is known.
 *
 * In doubt facts are unknown, and a message is tempfailed. All functions are safe to
 * call from any thread; none waits for more than another's walk along a short chain.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_CORRELATION_H
#define TLSWARD_MILTER_CORRELATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* So many requests are kept; the oldest goes first. */
#define CORRELATION_REQUESTS_MAX 4096

/* And none longer than this: Postfix has long asked the milter by then. */
#define CORRELATION_LIFE_MS 600000

/* With the terminator, as policy_fingerprint_normalize() writes them; or "none". */
#define CORRELATION_DIGEST_SIZE 72

/* The names of protocols and ciphers that are kept; longer ones are none. */
#define CORRELATION_PROTOCOL_SIZE 16
#define CORRELATION_CIPHER_SIZE 64

/* One end of a connection. IPv4 addresses are mapped into IPv6. */
struct endpoint {
	unsigned char address[16];
	uint16_t port;			/* 0: unknown */
	bool known;			/* the address */
};

/* What names a TCP connection. The server's end may be unknown; then it fits any. */
struct connection {
	struct endpoint client;
	struct endpoint server;
};

/* What both sides know of a session's TLS. */
struct correlation_tls {
	char protocol[CORRELATION_PROTOCOL_SIZE];	/* "": clear text */
	char cipher[CORRELATION_CIPHER_SIZE];
	int bits;				/* -1: unknown */
	bool verified;				/* a certificate, and that */
};

/* What a milter cannot get. "": unknown; "none": see policy_presented(). */
struct correlation_digests {
	char certificate[CORRELATION_DIGEST_SIZE];
	char pubkey[CORRELATION_DIGEST_SIZE];
};

/* A request at RCPT. The addresses are borrowed. */
struct correlation_request {
	struct connection connection;
	uint64_t process;		/* whatever tells Postfix's processes apart */
	struct correlation_tls tls;
	struct correlation_digests digests;
	const char *sender;
	const char *recipient;
};

/*
 * A milter session as the table knows it. It belongs to the session; all zero is a good
 * start. What is in it is the table's, under its lock.
 */
struct correlation_session {
	LIST_ENTRY(correlation_session) same;	/* of this bucket */
	struct connection connection;
	uint64_t begin;			/* of the window */
	uint64_t end;			/* 0: open */
	bool known;			/* it is in the table */
	bool contested;			/* another session was there at MAIL */
};

/* What a milter session asks with. Addresses: NULL where there is no such. */
struct correlation_question {
	struct correlation_tls tls;
	const char *from, *from_resolved;
	const char *to, *to_resolved;
};

struct correlation;

/* NULL when memory is short. */
struct correlation *correlation_new(void);

/* Frees *table and clears the pointer. NULL-safe. No session may be in it any more. */
void correlation_free(struct correlation **table);

/*
 * Reads an end: an address as text, as Postfix and Sendmail write it ("IPv6:" and
 * brackets too), and a port. NULL is unknown, and so is what is neither.
 */
void endpoint_read(struct endpoint *end, const char *address, const char *port);

/* A number of at most 65535, as bits and ports are written; -1: it is none. */
int correlation_number(const char *text);

/* Whether both may be the same connection. */
bool connection_same(const struct connection *a, const struct connection *b);

/* Copies a text that fits; what does not, or is NULL, becomes "". */
void correlation_text(char *out, size_t size, const char *text);

/*
 * A milter session begins: it comes into the table, and the windows of older ones of
 * the same connection end. It must not be there. One whose client's address is unknown
 * stays outside.
 */
void correlation_begin(struct correlation *table, struct correlation_session *session,
    const struct connection *connection);

/* At MAIL: a new window for this session. Does nothing where it is not in the table. */
void correlation_mail(struct correlation *table, struct correlation_session *session);

/* The session ends, or begins anew. Does nothing where it is not in the table. */
void correlation_end(struct correlation *table, struct correlation_session *session);

/* Whether a milter session has that connection. An unknown port fits that alone. */
bool correlation_has(struct correlation *table, const struct connection *connection);

/*
 * Keeps a request. It takes the place of an older one of the same process and
 * connection. One without a client's port is of no use and is not kept.
 */
void correlation_add(struct correlation *table,
    const struct correlation_request *request, int64_t now_ms);

/*
 * At RCPT: what is known for this session. False, and "digests" are all unknown,
 * where that is nothing.
 */
bool correlation_find(struct correlation *table,
    const struct correlation_session *session,
    const struct correlation_question *question, int64_t now_ms,
    struct correlation_digests *digests);

#endif
