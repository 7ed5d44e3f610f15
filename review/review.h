/*
 * review.h - what the journal and the mail server's logs say, as models without output.
 *
 * The one public header of the room review/. All strings hold whatever the network sent
 * and are to be escaped where they are written; NULL is unknown, or none. Times are
 * milliseconds since the epoch; 0: none. Nothing here is shared between threads, and
 * nothing is kept between calls.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_H
#define TLSWARD_REVIEW_H

#include <sqlite3.h>

#include "journal/journal.h"

/* ------------------------------------------------------------------ *
 * A journal opened for reading, while the daemon may be writing to it. Nothing here
 * creates a journal or changes one; SQLite may put its -shm and -wal files beside it.
 * ------------------------------------------------------------------ */

#define REVIEW_ERROR_MAX 512

/*
 * Opens the journal "path". NULL, with what is wrong and what can be done in
 * "error", where there is none, it cannot be read, it is not a journal, or is one
 * of another version than this program's. To be closed with review_close().
 */
sqlite3 *review_open(const char *path, char error[REVIEW_ERROR_MAX]);

/* Closes and clears; NULL-safe. All statements must have been finalized. */
void review_close(sqlite3 **db);

/*
 * Says in "error" why a call failed with "result", in the same words as review_open();
 * more may have been called since. "db" may be NULL.
 */
void review_explain(sqlite3 *db, int result, const char *path,
    char error[REVIEW_ERROR_MAX]);

/* ------------------------------------------------------------------ *
 * What it says of a period: in all, over time, and by domain
 *
 * Gathered in two passes over the rows of the period, in memory that grows with the
 * distinct domains, sets of facts and certificates, not with the messages. What is
 * counted are transactions: whether the MTA delivered one is not known. A refusal is
 * a recipient (or a MAIL command) that was refused; the refusals of one sender in one
 * session are one transaction. Accepted transactions are taken from roll-ups, which
 * begin and end with the hour: the period is exact to the hour for these. Everything
 * belongs to the review.
 * ------------------------------------------------------------------ */

/* More domains than this are counted together, in "others". */
#define REVIEW_DOMAINS_MAX 100000

/* So many certificates and ciphers of a domain are told apart; others are counted. */
#define REVIEW_LIST_MAX 32

struct review_options {
	int64_t since_ms, until_ms;	/* the period: until_ms is not in it */
	/* As the journal has it; ".acme.example": all below; NULL: all domains. */
	const char *domain;
	size_t domains_max;		/* 0: REVIEW_DOMAINS_MAX */
	/* These have their entry whatever the limit, and without any transaction too. */
	const char *const *partners;
	size_t partner_count;
	/* The policy whose tables of ciphers are used; may have any rules. */
	const struct policy *policy;
};

/* Counts that totals, domains and times share. */
struct review_counts {
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
struct review_bucket {
	int64_t start_ms;
	int64_t protocol[PROTOCOL_COUNT];	/* transactions */
	int64_t refused;			/* refusals */
};

struct review_cipher {
	const char *name;
	int64_t transactions;
};

/* A certificate that sessions presented. */
struct review_certificate {
	uint32_t number;		/* among the certificates of the review */
	bool raw_key;			/* it is none, but a public key (RFC 7250) */
	const char *fingerprint, *pubkey_fingerprint;
	const char *cn, *issuer;
	const char *key, *signature;
	const char *not_after;		/* RFC 3339; NULL: unknown */
	int64_t not_after_ms;		/* 0: unknown */
	bool verified;			/* in one session at least */
	int64_t transactions, last_ms;
};

/* A session that is worth being looked at. "time_ms" 0: there was none. */
struct review_session {
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
struct review_downgrade {
	int64_t transactions;		/* in clear text, in the period; 0: none */
	bool same_network;		/* from a network (/24, /64) that had used TLS */
	const char *network;		/* of the last of them */
	int64_t last_ms;
	int64_t tls_ms;			/* when the sender was first seen with TLS */
};

struct review_domain {
	const char *name;		/* A-labels; "<>": bounces; "": no domain */
	struct review_counts counts;
	int64_t first_ms, last_ms;	/* in the period */
	int64_t first_failed_ms;	/* refused, or would be; 0: none */
	int64_t refused[REASON_COUNT];	/* refusals by reason; [REASON_NONE]: others */
	int64_t would[REASON_COUNT];	/* would-be refusals by reason, likewise */
	struct review_cipher *ciphers;	/* most used first */
	size_t cipher_count;
	int64_t other_ciphers;		/* transactions with ciphers not listed */
	struct review_certificate *certificates;	/* latest first */
	size_t certificate_count;
	int64_t other_certificates;	/* transactions with certificates not listed */
	struct review_session weakest;	/* the latest of those as weak */
	struct review_session last_refused;
	struct review_session last_would;
	struct review_downgrade downgrade;
	int bits_least;			/* of encrypted transactions; -1: unknown */
	/*
	 * Every session of the period had TLS 1.2 or newer, a cipher of 128 bits or
	 * more, and forward secrecy: a rule that requires these would have passed.
	 */
	bool strong;
};

/* What is no longer in the journal, or never got into it. */
struct review_discarded {
	const char *why;		/* "age", "size", "memory" */
	const char *meaning;		/* for people */
	int64_t records, messages;
	int64_t last_ms;		/* the newest of them */
};

struct review {
	int64_t since_ms, until_ms;	/* as asked for */
	int64_t oldest_ms, newest_ms;	/* in the journal; 0: it is empty */
	const char *domain;		/* the filter; NULL: none */
	struct review_counts totals;
	int64_t refused[REASON_COUNT];	/* as in struct review_domain */
	int64_t would[REASON_COUNT];
	/* Every hour or day (UTC) of the period, from the journal's oldest row on. */
	int64_t bucket_ms;		/* how long one is */
	struct review_bucket *buckets;
	size_t bucket_count;
	struct review_domain *domains;	/* by transactions, most first */
	size_t domain_count;
	int64_t others;			/* transactions of domains that are not listed */
	struct review_discarded *discarded;
	size_t discarded_count;
	struct review_keep *keep;	/* what the strings are in */
};

/*
 * Reads the review of a period, as of one moment. NULL where that failed: then
 * "error" says why. To be freed with review_free(), before the journal is closed or
 * after.
 */
struct review *review_read(sqlite3 *db, const char *path,
    const struct review_options *options, char error[REVIEW_ERROR_MAX]);

void review_free(struct review **review);	/* NULL-safe, clears */

/*
 * When a domain's mail would last have been refused by a rule under monitor, in all
 * of the journal: *last_ms, 0: never. When it was first seen: *first_ms, 0: never.
 * False where the journal could not be read.
 */
bool review_history(sqlite3 *db, const char *domain, int64_t *last_would_ms,
    int64_t *first_ms);

/* ------------------------------------------------------------------ *
 * Its rows, as tlsward log shows them
 * ------------------------------------------------------------------ */

#define REVIEW_WORDS_MAX 32

/* Words that a value is one of. Static strings. */
struct review_words {
	const char *list[REVIEW_WORDS_MAX];
	size_t count;
};

/* All actions; all reasons that verdicts give. */
struct review_words review_action_words(void);
struct review_words review_reason_words(void);

/* The number of a word; words->count where it is none of them. */
size_t review_words_find(const struct review_words *words, const char *text,
    size_t length);

enum review_client { CLIENT_ANY, CLIENT_ADDR, CLIENT_NETWORK, CLIENT_NAME };

struct review_network {
	unsigned char bytes[16];	/* IPv4: the first four */
	bool is_v4;
	unsigned prefix;
};

/* Which rows are wanted; of all zero every one. */
struct review_filter {
	int64_t since_ms, until_ms;	/* 0: none; until_ms is not in it */
	struct review_words actions, reasons;
	char domain[256];		/* "": any; ".acme.example": all below; "<>" */
	enum review_client client;
	char client_text[256];		/* as the journal has it; names as "domain" */
	struct review_network network;	/* of an address or a network */
	const char *rule;		/* FILE or FILE:LINE; NULL: any */
	bool would;			/* those that a rule under monitor would refuse */
	int64_t limit;			/* 0: none */
};

/* Sets the client: an address, a network or a name. False where it is none. */
bool review_filter_client(struct review_filter *filter, const char *text);

/*
 * Prepares the question for records, newest first, or for those with an id above
 * "after" (not negative) and by it; for roll-ups, newest first, with *rows NULL where
 * none can be meant. They borrow from the filter, and are the caller's to finalize; their
 * rows are read by journal_row_text() and its like. A network remains to be looked at,
 * by review_filter_meets(). SQLITE_OK or an error.
 */
int review_records(sqlite3 *db, const struct review_filter *filter, int64_t after,
    sqlite3_stmt **rows);
int review_rollups(sqlite3 *db, const struct review_filter *filter,
    sqlite3_stmt **rows);
bool review_filter_meets(const struct review_filter *filter, sqlite3_stmt *row);

/* ------------------------------------------------------------------ *
 * What another policy would have done
 * ------------------------------------------------------------------ */

/* Transactions that the other policy judges otherwise, for one reason. */
struct tally_change {
	enum policy_action from, to;
	bool monitored;			/* "to" is what a rule under monitor would do */
	enum policy_reason reason;
	int64_t transactions;
	/* The last of them. */
	int64_t last_ms;		/* 0: unknown */
	char *tls_version, *cipher;	/* NULL: unknown */
	char *client;			/* name and address */
};

/* The transactions of a domain, or those whose verdict a rule decided. */
struct tally_row {
	char *name;			/* A-labels; "<>": bounces; "": no domain */
	struct policy_place place;	/* of a rule: then "name" is NULL */
	int64_t transactions;
	int64_t tls, clear, unknown;	/* of those; */
	int64_t local;			/* mail of the host itself: none of the three */
	int64_t changed;		/* by a rule that is enforced */
	int64_t would;			/* by a rule under monitor */
	int64_t uncertain;		/* that another address could have changed */
	struct tally_change *changes;	/* not of a rule; the first kinds of them */
	size_t change_count;
};

/* Those that most changes for first, then those with most transactions. */
struct tally_list {
	struct tally_row *rows;
	size_t count, room;
};

/* All strings belong to it, but for the places', which are the policy's. */
struct tally {
	struct tally_row total;
	struct tally_list domains, rules;
};

/* The other policy, how it is to be asked, and when what is judged came in. */
struct review_replay {
	const struct policy *policy;
	struct policy_options options;
	int64_t since_ms, until_ms;
};

/* What was seen in all files, for people to know what the log could tell. */
struct maillog_totals {
	int64_t lines;			/* of Postfix */
	int64_t other_lines;		/* that are not, or not to be understood */
	int64_t messages;		/* handed over */
	int64_t refused;		/* recipients and messages that Postfix refused */
	int64_t unfinished;		/* came in, and no sender was logged */
	int64_t reinjected;		/* came back from a content filter: not counted */
	int64_t without_client;		/* made on the host, or came before the log begins */
	int64_t tls_lines;		/* "TLS connection established from" */
	int64_t certificates;		/* sessions that presented one */
};

/*
 * Judges all decisions that a journal has of the period: those kept in full exactly,
 * rolled-up messages by whole hours. A value that is no fact (somebody edited the
 * journal) is unknown. Returns an SQLite result code; SQLITE_NOMEM where memory was
 * short. tally_free() in any case.
 */
int review_replay_journal(sqlite3 *db, const struct review_replay *replay,
    struct tally *tally);

/*
 * The same with the messages that Postfix logs tell of: those that smtpd or pickup took
 * and qmgr named the sender of. The files are plain or by gzip ("-": standard input),
 * and are read in the order of their first lines. False, with why in "error", where one
 * could not be read or memory was short.
 */
bool review_replay_maillog(const char *const *paths, int count,
    const struct review_replay *replay, struct tally *tally,
    struct maillog_totals *totals, char error[REVIEW_ERROR_MAX]);

void tally_free(struct tally *tally);

/* ------------------------------------------------------------------ *
 * What Postfix is set to tell of certificates
 * ------------------------------------------------------------------ */

enum review_postconf {
	POSTCONF_FINE,		/* or not known */
	POSTCONF_NEVER_ASKS,	/* no client is asked for its certificate */
	POSTCONF_MD5		/* fingerprints are of a digest that no pin has */
};

/*
 * Asks postconf(1), and of the digest only where "fingerprints" are wanted. Where it is
 * not there, fails or takes longer than some seconds nothing is known.
 */
enum review_postconf review_postconf(bool fingerprints);

#endif
