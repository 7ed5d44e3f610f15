/*
 * reading.h - what the parts of reading a review share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_READING_H
#define TLSWARD_REVIEW_READING_H

#include <stdio.h>

#include "review/review.h"
#include "base/buffer.h"
#include "base/hash.h"
#include "base/intern.h"

/* Writes what is wrong into a char error[REVIEW_ERROR_MAX]. */
#define review_say(error, ...) \
	((void)snprintf((error), REVIEW_ERROR_MAX, __VA_ARGS__))

/* A row that is worth a second look, once all have been seen. */
struct row_place {
	bool is_record;
	int64_t id;		/* of record, or of facts; 0: there is none */
};

/* What is known of a domain while rows are counted; beside its review_domain. */
struct domain_work {
	struct row_place weakest;
	int64_t refused_id, would_id;
	int64_t clear_last_ms;
};

/* A protocol, a cipher and its bits: judged once. */
struct strength_row {
	struct policy_strength strength;
	const char *cipher;	/* NULL: none */
};

/* Clear text from one network of one domain. */
struct clear_row {
	uint32_t domain;
	const char *network;	/* "": unknown */
	int64_t transactions, last_ms;
};

/* The numbers of what a row says of its session; INTERN_NONE: none. */
struct session_row {
	uint32_t domain;		/* INTERN_NONE: one that is not listed */
	uint32_t strength, certificate, clear;
};

/* What all roll-ups of one row of facts have. */
struct facts_row {
	int64_t id;
	struct session_row session;
};

/* One row of the journal, of whichever table. */
struct seen {
	struct row_place place;
	int64_t first_ms, last_ms;
	int64_t transactions;		/* 0: one that was counted before */
	struct session_row session;
};

#define RECENT 8192

/* Everything a review owns that is not in struct review itself. */
struct review_keep {
	sqlite3 *db;
	const struct review_options *options;
	struct intern domains, strengths, certificates, clears, texts, facts;
	size_t domain_room, strength_room, certificate_room, clear_room, facts_room;
	struct domain_work *work;
	size_t work_room;
	struct strength_row *strength_rows;
	struct review_certificate *certificate_rows;
	struct clear_row *clear_rows;
	struct facts_row *facts_rows;
	struct hash_key seed;
	uint64_t recent[RECENT];	/* hashes of refused transactions */
	struct buffer key;
	bool failed;			/* memory was short */
};

/*
 * The columns that review_session_read() reads: the first ones of a row, of the table
 * record or of facts. "null" is whether it is a bounce; "client" an address or network.
 */
enum {
	SESSION_DOMAIN, SESSION_NULL, SESSION_CLIENT, SESSION_STRENGTH, SESSION_VERIFIED =
	    SESSION_STRENGTH + 3, SESSION_CERTIFICATE, SESSION_COLUMN_COUNT =
	    SESSION_CERTIFICATE + 7
};
#define SESSION_COLUMNS(null, client) \
	"domain, " null ", " client ", tls_version, cipher, bits, cert_verified, " \
	"cert_cn, cert_issuer, cert_fingerprint, cert_pubkey_fingerprint, " \
	"cert_key, cert_signature, cert_not_after"

/* Reads what a row says of its session. keep->failed where memory is short. */
void review_session_read(struct review *review, sqlite3_stmt *row,
    struct session_row *session);

/*
 * These give the number of a thing, adding it where it is new; INTERN_NONE where memory
 * is short (keep->failed) or, of a domain, beyond the limit. "first" is the column of
 * the version, before those of the cipher and the bits. A network in clear text, by a
 * client's address or network, is only looked for where "find" is set.
 */
uint32_t review_domain_number(struct review *review, const char *domain, bool null);
uint32_t review_strength_number(struct review *review, sqlite3_stmt *row, int first);
uint32_t review_clear_number(struct review *review, uint32_t domain, const char *client,
    bool find);

/* A copy that is the review's; NULL for NULL. */
const char *review_text(struct review *review, const char *text);

/* Counts a row in that says which session it was: totals, domain, certificate. */
void review_count(struct review *review, const struct seen *seen);

/* The bucket of a time, or NULL. */
struct review_bucket *review_bucket_at(struct review *review, int64_t time_ms);

/* The passes over the rows. SQLite's result code; SQLITE_DONE is success. */
int review_scan_rollups(struct review *review);
int review_scan_records(struct review *review);

/* What is looked up once all rows are counted. Likewise. */
int review_finish(struct review *review);

/* A column's text, NULL where it is NULL. */
const char *review_column(sqlite3_stmt *row, int column);

#endif
