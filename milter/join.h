/*
 * join.h - what the policy service heard of a session, for the milter's side of it.
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
 * In doubt facts are unknown, and a message is put off. All functions are safe to
 * call from any thread; none waits for more than another's walk along a short chain.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_JOIN_H
#define MILTER_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many requests are kept; the oldest goes first. */
#define JOIN_REQUESTS_MAX 4096

/* And none longer than this: Postfix has long asked the milter by then. */
#define JOIN_LIFE_MS 600000

/* With the terminator, as policy_fingerprint_normalize() writes them; or "none". */
#define JOIN_DIGEST_SIZE 72

/* The names of protocols and ciphers that are kept; longer ones are none. */
#define JOIN_PROTOCOL_SIZE 16
#define JOIN_CIPHER_SIZE 64

/* One end of a connection. IPv4 addresses are mapped into IPv6. */
struct join_end {
	unsigned char address[16];
	uint16_t port;			/* 0: unknown */
	bool known;			/* the address */
};

/* A connection's name. The server's end may be unknown; then it fits any. */
struct join_key {
	struct join_end client;
	struct join_end server;
};

/* What both sides know of a session's TLS. */
struct join_tls {
	char protocol[JOIN_PROTOCOL_SIZE];	/* "": clear text */
	char cipher[JOIN_CIPHER_SIZE];
	int bits;				/* -1: unknown */
	bool verified;				/* a certificate, and that */
};

/* What a milter cannot get. "": unknown; "none": no certificate was presented. */
struct join_digests {
	char certificate[JOIN_DIGEST_SIZE];
	char pubkey[JOIN_DIGEST_SIZE];
};

/* A request at RCPT. The addresses are borrowed. */
struct join_request {
	struct join_key key;
	uint64_t process;		/* whatever tells Postfix's processes apart */
	struct join_tls tls;
	struct join_digests digests;
	const char *sender;
	const char *recipient;
};

/*
 * A milter session's place. It belongs to the session; all zero is a good start.
 * What is in it is the table's, under its lock.
 */
struct join_seat {
	struct join_seat *next;
	struct join_key key;
	uint64_t begin;			/* of the window */
	uint64_t end;			/* 0: open */
	bool taken;			/* it is in the table */
	bool contested;			/* another session was there at MAIL */
};

/* What a milter session asks with. Addresses: NULL where there is no such. */
struct join_question {
	struct join_tls tls;
	const char *from, *from_resolved;
	const char *to, *to_resolved;
};

struct join;

/* NULL when memory is short. */
struct join *join_new(void);

/* Frees *join and clears the pointer. NULL-safe. No seat may be taken any more. */
void join_free(struct join **join);

/*
 * Reads an end: an address as text, as Postfix and Sendmail write it ("IPv6:" and
 * brackets too), and a port. NULL is unknown, and so is what is neither.
 */
void join_end_set(struct join_end *end, const char *address, const char *port);

/* Whether two names may be of one connection. */
bool join_same(const struct join_key *a, const struct join_key *b);

/* Copies a text that fits; what does not, or is NULL, becomes "". */
void join_text(char *out, size_t size, const char *text);

/*
 * A milter session begins: it is given a place, and the windows of older ones of the
 * same name end. It must have none. An address that is unknown gets none.
 */
void join_enter(struct join *join, struct join_seat *seat, const struct join_key *key);

/* At MAIL: a new window for this session. Does nothing where it has no place. */
void join_mail(struct join *join, struct join_seat *seat);

/* The session ends, or begins anew. Does nothing where it has no place. */
void join_leave(struct join *join, struct join_seat *seat);

/* Whether a milter session has that name. A port that is unknown fits that alone. */
bool join_sees(struct join *join, const struct join_key *key);

/*
 * Keeps a request. It takes the place of an older one of the same process and name.
 * One without a client's port is of no use and is not kept.
 */
void join_put(struct join *join, const struct join_request *request, int64_t now_ms);

/*
 * At RCPT: what is known for this session. False, and "digests" are all unknown,
 * where that is nothing.
 */
bool join_take(struct join *join, const struct join_seat *seat,
    const struct join_question *question, int64_t now_ms, struct join_digests *digests);

#endif
