/*
 * report.h - what the journal says of a period: in all, over time, and by domain.
 *
 * Gathered in two passes over the rows of the period, in memory that grows with the
 * distinct domains, sets of facts and certificates, not with the messages. What is
 * counted are transactions: whether the MTA delivered one is not known. A refusal is
 * a recipient (or a MAIL command) that was refused; the refusals of one sender in one
 * session are one transaction. Accepted transactions are taken from roll-ups, which
 * begin and end with the hour: the period is exact to the hour for these.
 *
 * All strings hold whatever the network sent and are to be escaped where they are
 * written; NULL is unknown, or none. Times are milliseconds since the epoch; 0: none.
 * Everything belongs to the report. Used by one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_REPORT_H
#define TLSWARD_JOURNAL_REPORT_H

#include <sqlite3.h>

#include "journal/journal.h"
#include "journal/reader.h"

/* More domains than this are counted together, in "others". */
#define REPORT_DOMAINS_MAX 100000

/* So many certificates and ciphers of a domain are told apart; others are counted. */
#define REPORT_LIST_MAX 32

struct report_options {
	int64_t since_ms, until_ms;	/* the period: until_ms is not in it */
	/* As the journal has it; ".acme.example": all below; NULL: all domains. */
	const char *domain;
	size_t domains_max;		/* 0: REPORT_DOMAINS_MAX */
	/* These have their entry whatever the limit, and without any transaction too. */
	const char *const *partners;
	size_t partner_count;
	/* The policy whose tables of ciphers are used; may have any rules. */
	const struct policy *policy;
};

/* Counts that totals, domains and times share. */
struct report_counts {
	int64_t transactions;
	int64_t encrypted;		/* transactions over TLS */
	int64_t protocol[PROTOCOL_COUNT];	/* transactions, by enum policy_protocol */
	int64_t accepted;		/* transactions, held ones not among them */
	int64_t held;			/* quarantined */
	int64_t exempted;		/* accepted since a rule exempts */
	int64_t rejected, tempfailed;	/* refusals, a recipient each */
	int64_t would;			/* accepted; a rule under monitor would not have */
};

/* One bar of the chart. */
struct report_bucket {
	int64_t start_ms;
	int64_t protocol[PROTOCOL_COUNT];	/* transactions */
	int64_t refused;			/* refusals */
};

struct report_cipher {
	const char *name;
	int64_t transactions;
};

/* A certificate that sessions presented. */
struct report_certificate {
	uint32_t number;		/* among the certificates of the report */
	const char *fingerprint, *pubkey_fingerprint;
	const char *cn, *issuer;
	const char *key, *signature;
	const char *not_after;		/* RFC 3339; NULL: unknown */
	int64_t not_after_ms;		/* 0: unknown */
	bool verified;			/* in one session at least */
	int64_t transactions, last_ms;
};

/* A session that is worth being looked at. "time_ms" 0: there was none. */
struct report_session {
	int64_t time_ms;
	enum policy_protocol protocol;
	const char *tls_version, *cipher;
	int bits;			/* -1: unknown */
	/* client_name or else an address or (of roll-ups) a network */
	const char *host;
	const char *client_addr;	/* an address or a network; NULL: unknown */
	const char *helo;		/* of records alone */
	enum policy_action action;	/* what was done; of a would-be refusal: "would" */
	const char *reason;		/* as the record has it; NULL: none */
	const char *failed;		/* a JSON array; NULL: none */
	const char *rule;
	const char *reply;
};

/*
 * Clear text from a sender who had used TLS before. From another network it may
 * have been forged: the envelope sender is anybody's choice.
 */
struct report_downgrade {
	int64_t transactions;		/* in clear text, in the period; 0: none */
	bool same_network;		/* from a network (/24, /64) that had used TLS */
	const char *network;		/* of the last of them */
	int64_t last_ms;
	int64_t tls_ms;			/* when the sender was first seen with TLS */
};

struct report_domain {
	const char *name;		/* A-labels; "<>": bounces; "": no domain */
	struct report_counts counts;
	int64_t first_ms, last_ms;	/* in the period */
	int64_t first_failed_ms;	/* refused, or would be; 0: none */
	int64_t refused[REASON_COUNT];	/* refusals by reason; [REASON_NONE]: others */
	int64_t would[REASON_COUNT];	/* would-be refusals by reason, likewise */
	struct report_cipher *ciphers;	/* most used first */
	size_t cipher_count;
	int64_t other_ciphers;		/* transactions with ciphers not listed */
	struct report_certificate *certificates;	/* latest first */
	size_t certificate_count;
	int64_t other_certificates;	/* transactions with certificates not listed */
	struct report_session weakest;	/* the latest of those as weak */
	struct report_session last_refused;
	struct report_session last_would;
	struct report_downgrade downgrade;
	int bits_least;			/* of encrypted transactions; -1: unknown */
	/*
	 * Every session of the period had TLS 1.2 or newer, a cipher of 128 bits or
	 * more, and forward secrecy: a rule that requires these would have passed.
	 */
	bool strong;
};

/* What is no longer in the journal, or never got into it. */
struct report_discarded {
	const char *why;		/* "age", "size", "memory" */
	const char *meaning;		/* for people */
	int64_t records, messages;
	int64_t last_ms;		/* the newest of them */
};

struct report {
	int64_t since_ms, until_ms;	/* as asked for */
	int64_t oldest_ms, newest_ms;	/* in the journal; 0: it is empty */
	const char *domain;		/* the filter; NULL: none */
	struct report_counts totals;
	int64_t refused[REASON_COUNT];	/* as in struct report_domain */
	int64_t would[REASON_COUNT];
	/* Every hour or day (UTC) of the period, from the journal's oldest row on. */
	int64_t bucket_ms;		/* how long one is */
	struct report_bucket *buckets;
	size_t bucket_count;
	struct report_domain *domains;	/* by transactions, most first */
	size_t domain_count;
	int64_t others;			/* transactions of domains that are not listed */
	struct report_discarded *discarded;
	size_t discarded_count;
	struct report_keep *keep;	/* what the strings are in */
};

/*
 * Reads the report of a period, as of one moment. NULL where that failed: then
 * "error" says why. To be freed with report_free(), before the journal is closed or
 * after.
 */
struct report *report_read(sqlite3 *db, const char *path,
    const struct report_options *options, char error[READER_ERROR_MAX]);

void report_free(struct report **report);	/* NULL-safe, clears */

/*
 * When a domain's mail would last have been refused by a rule under monitor, in all
 * of the journal: *last_ms, 0: never. When it was first seen: *first_ms, 0: never.
 * False where the journal could not be read.
 */
bool report_history(sqlite3 *db, const char *domain, int64_t *last_would_ms,
    int64_t *first_ms);

#endif
