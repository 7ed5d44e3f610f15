/*
 * probe_ask.h - one question to an address, and what its answer adds to what is known.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_ASK_H
#define TLSWARD_TOOL_PROBE_ASK_H

#include "tool/probe.h"
#include "tool/probe_hello.h"
#include "tool/suites.h"
#include "tool/probe_tls.h"

/* An address while it is asked. */
struct ask_run {
	struct probe_budget *budget;
	struct probe_address *address;
	struct tls_client *client;
	struct hello_answer *answer;	/* of the last hello */
	const char *host;		/* for progress */
	const char *name;		/* for SNI; NULL: none */
	unsigned refusals;		/* connections that led nowhere */
	bool told;			/* how it speaks SMTP is in the address */
	bool stop;			/* nothing more is asked */
	bool no_memory;
};

enum ask_result {
	ASK_TAKEN,		/* a ServerHello, noted in the address */
	ASK_REFUSED,		/* an alert, or the end of the connection */
	ASK_UNKNOWN		/* it was not asked, or the answer does not tell */
};

/*
 * A handshake of OpenSSL's. What it negotiated is noted; the rest is in the answer, to be
 * freed by tls_answer_free() in any case.
 */
enum ask_result ask_handshake(struct ask_run *run, const struct tls_ask *ask,
    const char *what, struct tls_answer *answer);

/* A hello by hand, which offers these suites. */
enum ask_result ask_hello(struct ask_run *run, enum probe_protocol version,
    const uint16_t *suites, size_t count, const char *what);

/*
 * All suites of these kinds (1 << SUITE_...) that can be offered for that version and
 * not for TLS 1.3 where it is an older one. Returns how many.
 */
size_t ask_suites(enum probe_protocol version, unsigned kinds, uint16_t suites[SUITES_MAX]);

/* What is known of the suites of a kind. */
enum probe_offer *ask_takes(struct probe_address *address, enum suite_kind kind);

/* The newest version that it has of those up to "most"; PROBE_PROTOCOLS: none. */
enum probe_protocol ask_newest(const struct probe_address *address,
    enum probe_protocol most);

/*
 * Tells in whose order a version's suites are taken, and with --full finds all that it
 * takes, in that order (probe_order.c).
 */
void ask_order(struct ask_run *run);
void ask_all_suites(struct ask_run *run);

/* Which kinds of weak suites it takes, whatever is not known yet (probe_more.c). */
void ask_weaknesses(struct ask_run *run);

/* A session on the terms of the budget's wish, where there is one (probe_more.c). */
void ask_wish(struct ask_run *run);

/*
 * Whether it has a certificate with the other kind of key, RSA or ECDSA, and how large
 * the group of its DHE suites is (probe_more.c).
 */
void ask_other_leaf(struct ask_run *run);
void ask_dh(struct ask_run *run);

#endif
