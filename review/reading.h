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
#include "base/intern.h"

/* Writes what is wrong into a char error[REVIEW_ERROR_MAX]. */
#define review_say(error, ...) \
	((void)snprintf((error), REVIEW_ERROR_MAX, __VA_ARGS__))

/* A protocol, a cipher and its bits: judged once. */
struct strength_row {
	struct policy_strength strength;
	bool encrypted;
	bool strong;		/* TLS 1.2, 128 bits and forward secrecy, or more */
};

/* What a row says of the rule that it reports. */
struct row_rule {
	bool any;
	enum policy_rule_kind kind;
	const char *rule, *name, *via, *partner;
};

/* A rule of several that name the same. */
struct named_rule {
	size_t rule;
	uint32_t next;
};

/* Beside a review_agreement, by its number. */
struct agreement_work {
	int rank;			/* of the rule whose place and state it has */
	struct review_agreement *shown;	/* in the end; NULL: it is not */
	int64_t refused_id, would_id;	/* of record */
	int64_t refused_ms, would_ms;	/* its time: so it is found sooner */
	/* Of the last days: */
	int64_t recent_met, recent_would;
	bool regressed;			/* a host that met it would have been refused */
	size_t but_for_room;
};

/* What is known of a sender's domain up to a moment, rows in the order of their time. */
struct sender_history {
	int64_t clear_ms;		/* the last clear text; 0: none */
	int64_t tls_ms, tls_messages;	/* TLS since then */
	uint32_t sender;		/* whose fall-back it is; INTERN_NONE: none */
};

/* What a message does for an agreement, and with which of its senders. */
struct party {
	uint32_t agreement, sender;	/* INTERN_NONE */
};

/* What the sessions of a row of facts, or of one record, have in common. */
struct session_facts {
	int64_t id;
	uint32_t strength, certificate, domain;
	struct party reported;
	bool has_applied;		/* a to or client rule is reported: */
	struct party applied;		/* then of the from rule */
	const char *host;		/* a verified name, an address or a network */
	const char *network;		/* or NULL */
	const char *address;		/* whole; NULL: unknown */
	bool ours;			/* local, or of a user who logged in */
	bool exempt;			/* of facts: an exemption let it in */
	bool verified;			/* its certificate was */
	/* What is known of it, not to look for it again with each row. */
	bool has_senders;		/* those of "reported" and "applied" are looked for */
	bool tls_noted;			/* its host is one that uses TLS */
	uint32_t host_number;		/* + 1; of its host for "reported"; 0: not found yet */
};

/* What a row tells: a fleet's may have one row for what was counted, others to follow. */
enum row_way { ROW_COUNTED, ROW_BOTH, ROW_FOLLOWED };

/* What is counted of one row. */
struct row_event {
	int64_t first_ms, last_ms;
	int64_t record;			/* its id; 0: it is rolled up */
	/* In all, for the agreement that is reported and for the one that applied, too. */
	int64_t messages, own, applied;
	enum policy_action action;
	bool refused, would, exempt;
	enum policy_reason reason, would_reason;
	uint32_t would_by;		/* the agreement under monitor; INTERN_NONE: none */
	uint32_t address;		/* of a handshake that failed; INTERN_NONE */
	bool uncharted;			/* it is several days' */
	enum row_way way;
};

/* A host of an agreement in the last days. */
struct host_row {
	uint32_t agreement;
	const char *host, *network;
	bool met;
	int64_t would;
};

#define RECENT 8192

/* Everything a review owns that is not in struct review itself. */
struct review_keep {
	sqlite3 *db;
	const struct review_options *options;
	struct policy_options judged;
	int64_t from_ms, to_ms;		/* what is looked at, counted or not */
	int64_t now_ms, recent_ms;	/* now, and the beginning of the last days */
	struct buffer key;
	bool failed;			/* memory was short */

	/* What rows have in common, by its number. */
	struct intern texts, strengths, certificates, session_ids;
	struct strength_row *strength_rows;
	struct review_certificate *certificate_rows;
	struct session_facts *sessions;
	size_t strength_room, certificate_room, session_room;
	uint64_t seen_refused[RECENT][2];	/* hashes of a transaction, of its recipient */

	/* Agreements, and what leads to them. */
	struct intern agreements, names;
	struct agreement_work *agreement_work;
	size_t agreement_room, agreement_work_room;
	uint32_t *rule_agreements;	/* by rule of the policy */
	size_t *client_rules, client_rule_count;	/* those that name clients */
	size_t default_rule;		/* SIZE_MAX: none */
	struct named_rule *named;
	size_t named_count, named_room;
	uint32_t *name_heads;
	size_t name_head_room;
	uint32_t only;			/* the one agreement asked for; INTERN_NONE: all */
	uint32_t of_domain;		/* the agreement of the domain asked for */

	/* Senders, hosts and addresses. */
	struct intern senders, histories, hosts, tls_hosts, addresses;
	struct review_domain *sender_list;
	size_t sender_count, sender_room;
	struct sender_history *history;
	size_t history_room;
	struct host_row *host_rows;
	size_t host_room;
	int64_t *tls_since_ms;		/* beside tls_hosts: when each used TLS first */
	size_t tls_host_room;
	uint32_t *address_agreements;	/* by address of a handshake */
	size_t address_room, handshake_room;
	int64_t strangers;		/* handshakes without an agreement */
};

/* The agreements of the policy. False: memory is short. */
bool review_agreements_start(struct review *review);

/* Finds those that were asked for. */
void review_agreements_ask(struct review *review);

/*
 * The agreement that a row reports; that of a sender (partner: as the row has it, or
 * NULL); and of the to or client rule at a place as records have it. INTERN_NONE: none,
 * or keep->failed.
 */
uint32_t review_agreement_of(struct review *review, const struct row_rule *row);
uint32_t review_agreement_of_sender(struct review *review, const char *partner,
    const struct facts *facts);
uint32_t review_agreement_at(struct review *review, const char *place);

/*
 * The numbers of a domain, among an agreement's senders (INTERN_NONE: beyond the limit)
 * and among all of which something is told over time.
 */
uint32_t review_sender_number(struct review *review, uint32_t agreement,
    const char *domain);
uint32_t review_history_number(struct review *review, const char *domain);

/*
 * What stands behind FROM for roll-ups with their facts and certificates; "few": those of
 * a few sets of facts, which are gone through first. All columns have one name each, but
 * for id, digest and changed, of which only facts.digest is to be asked for.
 */
const char *review_accepted(sqlite3 *db, bool few);

/* The number of a handshake's address, or INTERN_NONE. */
uint32_t review_address_find(struct review *review, const char *address);

/* Reads all rows in the order of their time; takes each. */
int review_pass(struct review *review);
void review_take(struct review *review, struct session_facts *session,
    const struct row_event *event);

/*
 * Whether a rule under monitor would have refused what was let in (one that was held was
 * not); whether nothing was unmet, and no exemption counted.
 */
bool review_is_would(const struct row_event *event);
bool review_is_met(const struct row_event *event);

/* Follows what a sender uses, and which hosts met an agreement in the last days. */
void review_follow(struct review *review, struct session_facts *session,
    const struct row_event *event);
void review_find_ready(struct review *review);

/* Finds whether the hosts of new clear text had used TLS before. */
void review_find_known(struct review *review);

/* What went out, and what failed before it could come in. */
int review_deliveries(struct review *review);
int review_handshake_addresses(struct review *review);
int review_handshakes(struct review *review);

/* Frees what is its own. */
void review_agreement_clear(struct review_agreement *agreement);

/* Sessions, senders, order: what is left once all is counted. */
int review_settle(struct review *review);

/*
 * The number of a row's protocol, cipher and bits, from the column "first" on; of its
 * certificate (INTERN_NONE: none), whose first column is "first".
 */
uint32_t review_strength_number(struct review *review, sqlite3_stmt *row, int first);
uint32_t review_certificate_number(struct review *review, sqlite3_stmt *row, int first);

/* Sets keep->key: a number, and a text behind it (NULL: an empty one). */
void review_key(struct review_keep *keep, uint32_t number, const char *text);

/*
 * The number of keep->key in a table of which "rows", of which there are *room, has a row
 * for each: zeroed, where it was added. INTERN_NONE and keep->failed: memory is short.
 */
#define review_row(keep, table, rows, room, added) \
	review_row_number((keep), (table), &(rows), sizeof(*(rows)), (room), (added))
uint32_t review_row_number(struct review_keep *keep, struct intern *table, void *rows,
    size_t size, size_t *room, bool *added);

/* That of one that is there, or INTERN_NONE. */
uint32_t review_row_find(struct review_keep *keep, const struct intern *table);

/* A copy that is the review's; NULL for NULL. */
const char *review_text(struct review *review, const char *text);

/* The reason of that name; REASON_NONE for NULL and for what is none. */
enum policy_reason review_reason_called(const char *name);

/* Widens a span to a first and a last moment. */
void review_note_times(int64_t *first_ms, int64_t *last_ms, int64_t first, int64_t last);

/*
 * Reads "192.0.2.1", all of whose bits count, or "192.0.2.0/24". Whether an address or a
 * network, NULL: none, is within that one or around it.
 */
bool review_network_read(const char *text, struct review_network *network,
    bool *has_prefix);
bool review_network_has(const struct review_network *network, const char *text);

/*
 * Asks about the period, from ?1 to before ?2, and about ?3, the domain, as far as the
 * question has them. SQLITE_DONE: each row was taken.
 */
int review_each(struct review *review, const char *sql,
    void (*take)(struct review *review, sqlite3_stmt *row));

/* A column's text, NULL where it is NULL. */
const char *review_column(sqlite3_stmt *row, int column);

#endif
