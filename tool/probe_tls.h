/*
 * probe_tls.h - a handshake with OpenSSL, at security level 0, as a client of today makes
 * it or as one that knows less.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_TLS_H
#define TLSWARD_TOOL_PROBE_TLS_H

#include "tool/probe.h"
#include "tool/probe_wire.h"

/* What all handshakes share. NULL: no memory. */
struct tls_client;
struct tls_client *tls_client_new(void);
void tls_client_free(struct tls_client **client);

/*
 * The codes of the suites up to TLS 1.2 that OpenSSL's list selects, as far as OpenSSL
 * has them. Returns how many of "room" were written.
 */
size_t tls_list(const struct tls_client *client, const char *list, uint16_t *suites,
    size_t room);

struct tls_ask {
	enum probe_protocol least, most;	/* TLS 1.0 and newer */
	const char *ciphers;	/* OpenSSL's list of suites up to TLS 1.2; NULL: all */
	const char *signatures;	/* of SSL_set1_sigalgs_list(3); NULL: all */
	const char *name;	/* for SNI; NULL: none */
};

enum tls_result {
	TLS_SHAKEN,		/* and it answered an EHLO after that */
	TLS_ALERT,		/* which one is in "alert" */
	TLS_CLOSED,
	TLS_SILENT,
	TLS_NONSENSE,		/* or what OpenSSL does not stand */
	TLS_DEADLINE,
	TLS_NO_MEMORY
};

/* What came of it; of a handshake that failed, what was seen before. */
struct tls_answer {
	enum tls_result result;
	bool shaken;		/* the handshake itself was whole */
	bool hello;		/* it chose a version and a suite */
	enum probe_protocol protocol;
	uint16_t suite;
	char cipher[64];
	int bits;
	char group[32];
	int dh_bits;		/* where a DHE group was used; 0: none */
	bool renegotiation;
	STACK_OF(X509) *chain;
	bool wants_certificate, requires_certificate;
	char **authorities;
	size_t authority_count;
	uint8_t alert;
	int code;		/* of its reply to EHLO within TLS; 0: none came */
	char said[PROBE_TEXT];	/* why it failed, or that reply where it is no 2xx */
};

/*
 * Speaks TLS on a connection that is ready for it, and says QUIT in the end. To be freed
 * in any case.
 */
void tls_shake(struct tls_client *client, struct wire *wire, const struct tls_ask *ask,
    struct tls_answer *answer);
void tls_answer_free(struct tls_answer *answer);

/* A name as text, as RFC 4514 has it, escaped and cut; malloc'd. NULL: no memory. */
char *tls_name_text(const X509_NAME *name);

#endif
