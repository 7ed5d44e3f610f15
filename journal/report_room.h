/*
 * report_room.h - what the parts of reading a report share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_REPORT_ROOM_H
#define TLSWARD_JOURNAL_REPORT_ROOM_H

#include "journal/intern.h"
#include "journal/report.h"

/* A row that is worth a second look, once all have been seen. */
struct row_place {
	bool is_record;
	int64_t id;		/* of record, or of facts; 0: there is none */
};

/* What is known of a domain while rows are counted; beside its report_domain. */
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

/* What roll-ups of one row of facts have in common. */
struct facts_row {
	int64_t id;
	uint32_t domain, strength, certificate, clear;
};

/* One row of the journal, of whichever table. */
struct seen {
	struct row_place place;
	int64_t first_ms, last_ms;
	int64_t transactions;		/* 0: one that was counted before */
	uint32_t domain;		/* INTERN_NONE: one that is not listed */
	uint32_t strength, certificate, clear;	/* INTERN_NONE: none */
};

#define RECENT 8192

/* Everything a report owns that is not in struct report itself. */
struct report_keep {
	sqlite3 *db;
	const struct report_options *options;
	struct intern domains, strengths, certificates, clears, texts, facts;
	size_t domain_room, strength_room, certificate_room, clear_room, facts_room;
	struct domain_work *work;
	size_t work_room;
	struct strength_row *strength_rows;
	struct report_certificate *certificate_rows;
	struct clear_row *clear_rows;
	struct facts_row *facts_rows;
	uint64_t recent[RECENT];	/* hashes of refused transactions */
	struct buffer key;
	bool failed;			/* memory was short */
};

/*
 * These give the number of a thing by the row's columns, adding it where it is new;
 * INTERN_NONE where memory is short (keep->failed) or, of a domain, beyond the limit.
 */
uint32_t report_domain_number(struct report *report, const char *domain, bool null);
uint32_t report_strength_number(struct report *report, const char *tls_version,
    const char *cipher, int bits);
/* "first" is the first of CERTIFICATE_COLUMNS. */
uint32_t report_certificate_number(struct report *report, sqlite3_stmt *row, int first);
uint32_t report_clear_number(struct report *report, uint32_t domain,
    const char *network);
const char *report_text(struct report *report, const char *text);

/* cert_cn, cert_issuer, ... as report_certificate_number() reads them. */
#define CERTIFICATE_COLUMNS \
	"cert_cn, cert_issuer, cert_fingerprint, cert_pubkey_fingerprint, " \
	"cert_key, cert_signature, cert_not_after"

/* Counts a row in that says which session it was: totals, domain, certificate. */
void report_count(struct report *report, const struct seen *seen);

/* The bucket of a time, or NULL. */
struct report_bucket *report_bucket_at(struct report *report, int64_t time_ms);

/* The passes over the rows. SQLite's result code; SQLITE_DONE is success. */
int report_scan_rollups(struct report *report);
int report_scan_records(struct report *report);

/* What is looked up once all rows are counted. Likewise. */
int report_finish(struct report *report);

/*
 * Prepares "before" and the filter on the domain; binds these and the period.
 * "null_sender" is the table's condition for a bounce. SQLITE_OK or an error.
 */
int report_prepare(struct report *report, const char *before,
    const char *null_sender, sqlite3_stmt **statement);

/* A column's text, NULL where it is NULL. */
const char *report_column(sqlite3_stmt *row, int column);

#endif
