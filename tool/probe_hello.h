/*
 * probe_hello.h - a hello written by hand, for what OpenSSL does not speak, and a reader
 * of what comes back.
 *
 * SSL 3 to TLS 1.2: RFC 6101, 2246, 4346, 5246; TLS 1.3: RFC 8446. Nothing is decrypted:
 * of TLS 1.3 the ServerHello is read, of the older ones all up to ServerHelloDone. What
 * is read is hostile: nothing is read past its end, and all of it is bounded.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_HELLO_H
#define TLSWARD_TOOL_PROBE_HELLO_H

#include "tool/probe.h"
#include "tool/suites.h"

/* What both have. */
enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22 };
enum { EXTENSION_VERSIONS = 43, EXTENSION_RENEGOTIATION = 0xff01 };

/* ------------------------------------------------------------------ *
 * Ours (probe_hello.c)
 * ------------------------------------------------------------------ */

#define HELLO_SIZE 2048
#define HELLO_RANDOM 96

struct hello_ask {
	enum probe_protocol version;	/* the newest; of TLS 1.3 that alone */
	uint16_t suites[SUITES_MAX];	/* in the order in which they are offered */
	size_t count;
	const char *name;		/* for SNI, not with SSL 3; NULL: none */
	uint8_t random[HELLO_RANDOM];	/* bytes that nobody can guess */
};

/*
 * Writes the record into "room". Returns its size; 0: it has no place there. The hello
 * has no length of 256 to 511 bytes, which some servers do not stand (RFC 7685).
 */
size_t hello_write(const struct hello_ask *ask, uint8_t room[HELLO_SIZE]);

/* ------------------------------------------------------------------ *
 * Theirs (probe_hello_read.c)
 * ------------------------------------------------------------------ */

#define HELLO_FLIGHT_MAX ((size_t)1 << 17)	/* of their messages */
#define HELLO_RECORDS_MAX 4096

enum hello_said {
	HELLO_NOTHING,		/* as yet */
	HELLO_SERVER,		/* a ServerHello: version and suite were chosen */
	HELLO_ALERT,		/* a fatal one, or the end, and no ServerHello before */
	HELLO_GARBAGE		/* no TLS, and no ServerHello before */
};

struct hello_part {
	size_t at, length;	/* in the flight */
};

/* What they answer, as it comes. Begins as zeros. */
struct hello_answer {
	enum hello_said said;
	bool whole;		/* no more is to be read */
	uint8_t alert;
	/* Of a ServerHello. */
	bool known;		/* the version is one of enum probe_protocol */
	enum probe_protocol version;
	uint16_t suite;
	bool renegotiation;	/* RFC 5746 */
	/* Of what follows it up to TLS 1.2. */
	struct hello_part chain;	/* certificates, each behind 3 bytes of length */
	bool wants_certificate;
	struct hello_part authorities;	/* names in DER, each behind 2 bytes of length */
	int dh_bits;		/* of the prime of a DHE group; 0: none was seen */
	uint16_t group;		/* of ECDHE (IANA's); 0: none was seen */

	/* The reader's own. */
	uint8_t header[5];
	size_t header_size, left;	/* of the present record */
	size_t records;
	uint8_t flight[HELLO_FLIGHT_MAX];
	size_t size, at;	/* of the flight, and what of it is read */
};

/* Takes bytes as they come. False: it needs no more. */
bool hello_take(struct hello_answer *answer, const uint8_t *bytes, size_t length);

/*
 * The next one of the chain, or of the authorities: *part, which begins as the whole, is
 * what is left behind it. NULL: there are no more.
 */
const uint8_t *hello_next_certificate(const struct hello_answer *answer,
    struct hello_part *part, size_t *length);
const uint8_t *hello_next_authority(const struct hello_answer *answer,
    struct hello_part *part, size_t *length);

#endif
