/*
 * probe.h - what the files of `tlsward probe` share: what a server was found to offer.
 *
 * A probe is of one or more hosts, each at one or more addresses. Every byte of a server
 * and of a resolver is hostile: what is kept of it is bounded, and escaped where it is
 * written. None of this is thread-safe; the probe is one process with one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_H
#define TLSWARD_TOOL_PROBE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <openssl/x509.h>

#define PROBE_HOSTS_MAX 32
#define PROBE_ADDRESSES_MAX 16		/* of one host */
#define PROBE_SUITES_MAX 192
#define PROBE_AUTHORITIES_MAX 256
#define PROBE_TEXT 256			/* of a server's words, with the NUL */
#define PROBE_NAME 256			/* of a domain, with the NUL */

/* ------------------------------------------------------------------ *
 * How long, and how often (probe_wire.c)
 * ------------------------------------------------------------------ */

/* On which terms a session is wanted, where a rule says which suites. */
struct probe_wish {
	unsigned protocols;	/* 1 << enum probe_protocol: those that may be used */
	char ciphers[8192];	/* OpenSSL's list of suites up to TLS 1.2; "": all */
};

/* Milliseconds, by CLOCK_MONOTONIC where a point in time. All of one run of the probe. */
struct probe_budget {
	int64_t deadline;	/* of all of it: nothing begins after this */
	int pause_ms;		/* between two connections, but for those to loopback */
	int patience_ms;	/* for a banner and any other answer */
	int64_t last;		/* when the last connection ended; 0: none yet */
	unsigned connections;	/* that were made */
	bool full;		/* --full */
	const char *ehlo;	/* the host's own name */
	/* Not zero once a signal came: nothing begins after that, and waits end; or NULL. */
	const volatile sig_atomic_t *stopped;
	const struct probe_wish *wish;	/* to be asked on these terms too; NULL: none */
	/* Told before each connection, for a terminal; or NULL. */
	void (*progress)(const char *host, const char *what, void *data);
	void *progress_data;
};

/* Now, by CLOCK_MONOTONIC, in milliseconds. */
int64_t probe_clock_ms(void);

/* ------------------------------------------------------------------ *
 * What one address offers (probe_address.c)
 * ------------------------------------------------------------------ */

enum probe_protocol {
	PROBE_SSL_3, PROBE_TLS_1_0, PROBE_TLS_1_1, PROBE_TLS_1_2, PROBE_TLS_1_3,
	PROBE_PROTOCOLS
};

enum probe_offer {
	OFFER_UNKNOWN,		/* not asked, or no answer that tells */
	OFFER_NO, OFFER_YES
};

/* How far the first connection came. */
enum probe_reached {
	REACHED_NOTHING,	/* no connection: "error" has why (errno) */
	REACHED_CONNECTION,	/* no banner in time, or it closed, or what it says is no SMTP */
	REACHED_BANNER,		/* it was 4xx or 5xx (421), or EHLO was refused */
	REACHED_EHLO,		/* there is no STARTTLS, or it was refused: "said" has how */
	REACHED_STARTTLS,	/* "220" to it, but no handshake of ours succeeded */
	REACHED_TLS		/* at least one handshake succeeded */
};

struct probe_suite {
	uint16_t code;		/* IANA's */
	enum probe_protocol protocol;	/* the newest with which it was seen */
	char name[64];		/* OpenSSL's, or IANA's where that has none */
};

/* Where it is, which the caller sets, and what was found there. */
struct probe_address {
	char text[64];		/* the address alone: 192.0.2.7, 2001:db8::7 */
	struct sockaddr_storage socket;
	socklen_t socket_size;

	enum probe_reached reached;
	int error;		/* errno of the last thing that failed; 0: none */
	char said[PROBE_TEXT];	/* the reply or alert that ended it, escaped; "" */
	char banner[PROBE_TEXT];
	bool starttls;		/* it is announced */
	bool refused;		/* it said 421, or refused twice: no more was asked */
	bool cut_short;		/* the deadline came before all was asked */

	enum probe_offer offers[PROBE_PROTOCOLS];
	/*
	 * What it took, with --full in its own order where "ordered" (else in ours: it takes
	 * the client's); without, those that were seen.
	 */
	struct probe_suite suites[PROBE_SUITES_MAX];
	size_t suite_count;
	bool suites_whole;	/* all that it takes are there (--full), not just those asked */
	enum probe_offer ordered;
	/* By hand-written hellos, each a kind of suite that OpenSSL has not or does not offer. */
	enum probe_offer takes_rc4, takes_3des, takes_des, takes_export, takes_null,
	    takes_anonymous;

	/* Of the best handshake, as of a client of today. */
	enum probe_protocol protocol;
	char cipher[64];	/* OpenSSL's name */
	int bits;
	char group[32];		/* of the key exchange: "X25519", "ffdhe2048"; "": none */
	int dh_bits;		/* of its DHE group, asked for on purpose; 0: none, -1: unknown */
	bool renegotiation;	/* RFC 5746 is there */
	STACK_OF(X509) *chain;	/* as sent, the leaf first; NULL: none */
	/* Leaves that other handshakes showed (ECDSA and RSA), each once; NULL: none. */
	STACK_OF(X509) *others;
	/* Whether a session on the terms of budget.wish comes about, and which one. */
	struct {
		enum probe_offer taken;
		enum probe_protocol protocol;
		char cipher[64];
		int bits;
	} wish;
	enum probe_offer wants_certificate;	/* it asks for a client certificate */
	bool requires_certificate;	/* and ends without one */
	char **authorities;	/* of which CAs, names as text; NULL: it does not say */
	size_t authority_count;
};

/*
 * Asks one address, politely: one connection at a time, with pauses, never MAIL. "name" is
 * sent as SNI unless it is an address. Returns false where memory is short.
 */
bool probe_address_ask(struct probe_budget *budget, const char *name,
    struct probe_address *address);

/* Frees what is in it. */
void probe_address_free(struct probe_address *address);

/* "SSLv3", "TLSv1" ... as the record has it: "SSLv3", "TLSv1.0", "TLSv1.1". Static. */
const char *probe_protocol_name(enum probe_protocol protocol);

/* ------------------------------------------------------------------ *
 * Where to, and what DNS says (probe_names.c)
 * ------------------------------------------------------------------ */

struct probe_tlsa {
	uint8_t usage, selector, matching;
	uint8_t data[4096];
	size_t size;		/* over the size of data: cut */
};

enum probe_secure {
	SECURE_UNKNOWN,		/* no validation in this build, or no trust anchor */
	SECURE_NO,		/* the zone is not signed */
	SECURE_YES,
	SECURE_BOGUS		/* it is signed, and wrong */
};

struct probe_host {
	char name[PROBE_NAME];	/* of the MX or the host, A-labels; an address in text */
	unsigned preference;
	unsigned short port;
	enum probe_secure secure;	/* of its addresses */
	bool is_alias;		/* a CNAME */
	char alias_of[PROBE_NAME];	/* where it leads; "" */
	struct probe_address addresses[PROBE_ADDRESSES_MAX];
	size_t address_count;
	char trouble[PROBE_TEXT];	/* why there are none; "" */

	char tlsa_base[PROBE_NAME];	/* whose these are: the name, or where its CNAME leads */
	enum probe_secure tlsa_secure;
	struct probe_tlsa tlsa[16];
	size_t tlsa_count;
	char tlsa_trouble[PROBE_TEXT];
};

/* MTA-STS (RFC 8461). */
enum probe_sts_mode { STS_NONE, STS_TESTING, STS_ENFORCE };
struct probe_sts {
	bool asked;		/* false: this build has no libcurl, or it is no domain */
	bool record;		/* _mta-sts has one */
	char id[64];
	bool fetched;		/* a policy was had, and is valid */
	enum probe_sts_mode mode;
	int64_t max_age;
	char mx[32][PROBE_NAME];
	size_t mx_count;
	char trouble[PROBE_TEXT];	/* what is wrong with it; "" */
};

struct probe_target {
	char asked[PROBE_NAME];	/* as it was named, without port and brackets */
	bool is_domain;		/* MX were looked up (or the domain itself is its MX) */
	bool null_mx;		/* RFC 7505 */
	bool implicit_mx;	/* it has no MX: it is its own (or it is just a host) */
	enum probe_secure secure;	/* of the MX set */
	struct probe_host hosts[PROBE_HOSTS_MAX];
	size_t host_count;
	char trouble[PROBE_TEXT];	/* why there is none, or not all; "" */
	char unvalidated[PROBE_TEXT];	/* why nothing is known of DNSSEC; "": it is */
	struct probe_sts sts;
};

/* How names are found. */
struct probe_names {
	const char *resolver;	/* ADDRESS[@PORT]; NULL: those of /etc/resolv.conf */
	const char *anchor;	/* file of DNSSEC's root keys; NULL: where Debian has it */
	const char *authorities;	/* of --ca, for MTA-STS too; NULL: the system's */
};

/*
 * Finds what to probe: a domain's MX hosts in their order with addresses, TLSA records and
 * MTA-STS, or, with a port (0: none was given), in brackets or for an address or a name
 * without MX, that host alone. "localhost" and addresses are asked of no resolver. False where memory is
 * short; trouble is in the target.
 */
bool probe_target_find(const struct probe_names *names, struct probe_budget *budget,
    const char *asked, unsigned short port, struct probe_target *target);
void probe_target_free(struct probe_target *target);

/* ------------------------------------------------------------------ *
 * What a chain is worth (probe_chain.c; of OpenSSL alone, without a network)
 * ------------------------------------------------------------------ */

struct probe_chain {
	bool ordered;		/* those that lead to a root are sent in that order */
	bool complete;		/* up to a root, or to one that a root there signed */
	char missing[PROBE_TEXT];	/* else: whose certificate would be next; "" */
	size_t unneeded;	/* that are no link of it: sent twice, or another's */
	bool root_sent;		/* a self-signed one that is not the leaf */
	bool self_signed;	/* the leaf */
	bool verified;		/* by the authorities at hand, for a server, at "now" */
	int verify_error;	/* X509_V_ERR_...; X509_V_OK */
	int verify_depth;	/* of the certificate that it is about */
	bool names_host;	/* RFC 6125, as Postfix matches: the host's name */
	bool names_domain;	/* the domain's */
	char names[1024];	/* of subjectAltName (or the CN), ", " between, escaped, cut */
	int64_t not_before, not_after;	/* of the leaf, seconds since the epoch */
	int64_t first_end;	/* the first end of any link but the root */
	char key[32];		/* "rsa:2048", as the fact cert_key has it */
	char signature[32];	/* "sha256" */
	char weak_signature[8];	/* "sha1", "md5": of the first link but a root with one; "" */
	char issuer[PROBE_TEXT];
	char sha256[72], key_sha256[72];	/* "sha256:hex" of certificate and key */
	/*
	 * TLSA: how many are usable (RFC 7672: 2 and 3), whether one is of this chain, and
	 * whether one verifies it: of usage 2 only where names and dates are good too.
	 */
	size_t tlsa_usable;
	bool tlsa_of_chain;
	bool tlsa_matches;
};

/*
 * Looks at a chain as it was sent by the host; "domain" may be NULL; "authorities" a file,
 * or NULL for the system's. "now" in seconds. False where memory is short.
 */
bool probe_chain_look(STACK_OF(X509) *sent, const struct probe_host *host,
    const char *domain, const char *authorities, int64_t now, struct probe_chain *chain);

/* Whether there are authorities in that file; of the system's (NULL) it is not looked at. */
bool probe_authorities_there(const char *authorities);

/* "none", "testing", "enforce" (probe_sts.c). Static. */
const char *probe_sts_mode_name(enum probe_sts_mode mode);

/* Whether a host's name fits a pattern of an MTA-STS policy (RFC 8461 section 4.1). */
bool probe_sts_fits(const struct probe_sts *sts, const char *host);

#endif
