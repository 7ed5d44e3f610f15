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
#include "base/arena.h"
#include "base/diag.h"

/* ------------------------------------------------------------------ *
 * A journal opened for reading, while the daemon may be writing to it. Nothing here
 * creates a journal or changes one; SQLite may put its -shm and -wal files beside it.
 * ------------------------------------------------------------------ */

#define REVIEW_ERROR_MAX 512

/*
 * Opens the journal "path", of this program's version or an older one; or those of a fleet
 * in PostgreSQL ("postgresql:CONNINFO", or libpq's URI), of all nodes or of one ("node",
 * NULL: all): then all that is read is of the moment at which it was opened. NULL, with what
 * is wrong and what can be done in "error", where there is none, it cannot be read, it
 * is not a journal, or is one of a newer version. To be closed with review_close().
 */
sqlite3 *review_open(const char *path, const char *node, char error[REVIEW_ERROR_MAX]);

/* What to call it where people read it, without secrets; to be freed. NULL: no memory. */
char *review_journal_name(const char *path);

/* Whether it is PostgreSQL. */
bool review_is_fleet(sqlite3 *db);

/* Closes and clears; NULL-safe. All statements must have been finalized. */
void review_close(sqlite3 **db);

/*
 * Says in "error" why a call failed with "result", in the same words as review_open();
 * more may have been called since. "db" may be NULL.
 */
void review_explain(sqlite3 *db, int result, const char *path,
    char error[REVIEW_ERROR_MAX]);

/* ------------------------------------------------------------------ *
 * What it says of a period: by agreement, both ways, in all and over time
 *
 * An agreement is a partner, else a rule; a list file is one. A message counts under
 * the rule that its record reports, and so does a refusal; for partners, from rules and
 * the default what other rules decided counts too, as below. A message is a transaction
 * that came in, each attempt counted: whether the MTA delivered it is not known; of what
 * goes out, a try to deliver that the MTA's log tells of. A refusal is a recipient (or a
 * MAIL command) that was refused; the refusals of one sender in one session are one
 * transaction. Accepted ones are taken from roll-ups, which begin and end with the hour:
 * the period is exact to the hour for these. Memory grows with distinct things, not with
 * messages. Everything belongs to the review.
 * ------------------------------------------------------------------ */

/* More senders and domains than this are counted together, in "others". */
#define REVIEW_DOMAINS_MAX 100000

/* So many certificates of an agreement and hosts are told apart; others are counted. */
#define REVIEW_LIST_MAX 32

struct diagnoses;

struct review_options {
	int64_t since_ms, until_ms;	/* the period: until_ms is not in it */
	int64_t now_ms;			/* 0: until_ms */
	int ready_days;			/* 0: REVIEW_READY_DAYS */
	/* As the journal has it; ".acme.example": all below; NULL: all domains. */
	const char *domain;
	const char *partner;		/* a name, by case or not; NULL: all agreements */
	size_t domains_max;		/* 0: REVIEW_DOMAINS_MAX */
	/* The policy in force. */
	const struct policy *policy;
	struct policy_options judged;	/* how it is applied now; its "now" is now_ms's */
	const struct diagnoses *diagnoses;	/* NULL: handshakes have no meaning */
};

/* Without a would-be refusal so long, and with so many messages, it can be ready. */
#define REVIEW_READY_DAYS 14
#define REVIEW_READY_MESSAGES 10

/* Of what goes out, what arrived. */
struct review_sent {
	int64_t encrypted, verified;
	int64_t met, unmet;		/* unmet: although the agreement is enforced */
	int64_t unmet_for[REASON_COUNT];
	int64_t first_unmet_ms, last_unmet_ms;
	int64_t protocol[PROTOCOL_COUNT];
	int64_t first_ms, last_ms;
};

/* One direction of an agreement. */
struct review_side {
	int64_t messages;		/* all, in: transactions; out: deliveries */
	int64_t encrypted;
	int64_t met;			/* nothing unmet, and no exemption */
	int64_t exempt;
	int64_t held;			/* quarantined, by the agreement itself */
	int64_t refused;		/* by the agreement itself, a recipient each */
	int64_t refused_elsewhere;	/* by a to or client rule */
	int64_t tempfailed;		/* of "refused" */
	int64_t would_be_refused;	/* let in, or delivered, by monitor alone */
	/* Of what goes out: */
	int64_t deferred_for_tls;
	int64_t verified;
	int64_t sent, deferred, bounced;
	struct review_sent went;	/* of "sent" */
	int64_t protocol[PROTOCOL_COUNT];	/* messages, by enum policy_protocol */
	int64_t refused_for[REASON_COUNT];	/* by reason; [REASON_NONE]: others */
	int64_t would_for[REASON_COUNT];
	int64_t first_ms, last_ms;
	int64_t first_refused_ms, last_refused_ms;
	int64_t first_would_ms, last_would_ms;
};

/* One bar of the chart. */
struct review_bucket {
	int64_t start_ms;
	int64_t protocol[PROTOCOL_COUNT];	/* messages that came in */
	int64_t refused;			/* refusals */
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
	int64_t messages, last_ms;
};

/* A session that is worth being looked at. */
struct review_session {
	int64_t time_ms;		/* 0: there was none */
	enum policy_protocol protocol;
	const char *tls_version, *cipher;
	int bits;			/* -1: unknown */
	/* client_name or else an address or (of roll-ups) a network */
	const char *host;
	const char *client_addr;	/* an address or a network; NULL: unknown */
	const char *helo;		/* of records alone */
	const char *from, *to, *queue_id;
	enum policy_action action;	/* what was done; of a would-be refusal: "would" */
	const char *reason;		/* as the record has it; NULL: none */
	const char *failed;		/* a JSON array; NULL: none */
	const char *rule;
	const char *reply;
};

/* A sender that used TLS alone, and then clear text. */
struct review_fall_back {
	const char *domain;		/* the sender's, or the next hop */
	int64_t since_ms, last_ms;	/* the first clear text, and the last in the period */
	int64_t messages;		/* in clear text since then, in the period */
	int64_t tls_ms, tls_messages;	/* TLS before: since when, and how much at least */
	const char *host, *network;	/* of the last; NULL: unknown */
	bool known_host;		/* it or its network had used TLS; or it may be forged */
};

/* Messages of one host. */
struct review_but_for {
	const char *host;		/* a verified name, an address or a network */
	int64_t messages;
};

/* What was wrong with TLS where mail went out. */
struct review_trouble {
	const char *reason;		/* an id of the table of diagnoses */
	const char *meaning;		/* NULL: it has none */
	int64_t deliveries;
};

/* A domain below an agreement, or one without an agreement. */
struct review_domain {
	uint32_t agreement;		/* its number; UINT32_MAX: none */
	const char *name;		/* A-labels; "<>": bounces; "": no domain */
	struct review_side in, out;
	struct review_fall_back *new_clear_text;	/* NULL: none */
	bool strong;			/* all that came in had TLS 1.2, 128 bits and
					   forward secrecy, or more */
};

struct review_agreement {
	uint32_t number;		/* among the agreements of the review */
	const char *name;		/* the partner's; NULL: a rule of no partner */
	enum policy_rule_kind kind;	/* of a partner RULE_FROM */
	struct policy_place place;	/* in the policy in force; file NULL: it has none */
	const char *who;		/* what it names, or named; NULL: the default */
	const char *contact, *note;
	enum policy_state state;	/* STATE_NO_RULE: not in the policy in force */
	bool demands;			/* it requires something */
	int64_t until_ms;		/* of monitor or an exemption; 0: without an end */
	int64_t next_ms;		/* the next date at which it becomes another; 0 */
	struct review_side in, out;
	struct review_trouble *troubles;	/* of "out", most first */
	size_t trouble_count;
	int64_t handshakes_failed;
	bool ready;			/* monitored, and could be enforced */
	struct review_but_for *ready_but_for;	/* hosts that never met it */
	size_t ready_but_for_count;
	struct review_fall_back *new_clear_text;	/* the latest; NULL: none */
	struct review_session last_refused, last_would;
	struct review_certificate *certificates;	/* latest first */
	size_t certificate_count;
	int64_t other_certificates;	/* messages with certificates not listed */
	/* The domains of its senders, most messages first; of the default none. */
	struct review_domain *senders;
	size_t sender_count;
	int64_t *refused_over_time;	/* refusals, by bucket; NULL: none */
};

enum review_by { BY_NOTHING, BY_VIA, BY_CLIENT, BY_ADDRESS, BY_NAME, BY_NEXT_HOP };

/* A handshake that failed, of one peer and for one reason. */
struct review_handshake {
	bool out;
	const char *host, *address;	/* NULL: unknown */
	const char *next_hop;		/* of one that went out */
	uint32_t number;		/* of the agreement; UINT32_MAX: none */
	const struct review_agreement *agreement;	/* NULL: none */
	enum review_by by;		/* how that is known */
	const char *reason;		/* an id of the table of diagnoses */
	const char *meaning, *cause, *fix, *side;	/* of the entry; NULL: it has none */
	int64_t count, first_ms, last_ms;
	const char *sample;		/* a line of the log */
	int64_t others;			/* so many peers and ways, of no name; 0: it is one */
};

/* So many handshakes without an agreement are told apart, those with the most. */
#define REVIEW_STRANGERS_MAX 1000

/* A policy that nodes of a fleet run. */
struct review_running {
	const char *node, *digest, *file;	/* NULL: unknown */
	int64_t since_ms;
};

/* What is no longer in the journal, or never got into it. */
struct review_discarded {
	const char *why;		/* "age", "size", "memory" */
	const char *meaning;		/* for people */
	int64_t records, messages;
	int64_t watched;		/* what was read in the mail log */
	int64_t last_ms;		/* the newest of them */
};

struct review {
	int64_t since_ms, until_ms;	/* as asked for */
	int64_t oldest_ms, newest_ms;	/* in the journal; 0: it is empty */
	int64_t watched_ms;		/* of the last line that watch read; 0: never */
	const char *domain, *partner;	/* the filters; NULL: none */
	struct review_side in, out;	/* in all */
	/* Every hour or day (UTC) of the period, from the journal's oldest row on. */
	int64_t bucket_ms;		/* how long one is */
	struct review_bucket *buckets;
	size_t bucket_count;
	struct review_agreement *agreements;	/* worst first, the default last */
	size_t agreement_count;
	struct review_domain *domains;	/* without an agreement, by messages, most first */
	size_t domain_count;
	int64_t others;			/* messages of domains that are not listed */
	struct review_handshake *handshakes;	/* by count, most first */
	size_t handshake_count;
	struct review_discarded *discarded;
	size_t discarded_count;
	/* By digest, then by node, where the nodes run different policies now; else none. */
	struct review_running *running;
	size_t running_count;
	struct review_keep *keep;	/* what the strings are in */
};

/*
 * Reads the review of a period, as of one moment. NULL where that failed: then
 * "error" says why. To be freed with review_free(), before the journal is closed or
 * after; the policy is to live as long as it.
 */
struct review *review_read(sqlite3 *db, const char *path,
    const struct review_options *options, char error[REVIEW_ERROR_MAX]);

/*
 * The agreement that the rule at "index" of the policy in force is of; NULL: it is none
 * of those in the review.
 */
const struct review_agreement *review_agreement_of_rule(const struct review *review,
    size_t index);

/*
 * Whether a handshake that failed is of the partner that the review was read for, with its
 * policy and its options still there; of it direction, names and addresses count.
 */
bool review_is_handshake_of(struct review *review,
    const struct review_handshake *handshake);

void review_free(struct review **review);	/* NULL-safe, clears */

/* ------------------------------------------------------------------ *
 * The hosts that mail of some domains came from
 * ------------------------------------------------------------------ */

#define REVIEW_KEYS_MAX 8

/* A key that sessions presented, or a certificate of which no more is known. */
struct review_key {
	const char *digest;		/* "sha256:..." as the record has it */
	bool of_key;
	const char *cn;			/* of the certificate */
	int64_t messages;
};

/* One host, by its verified name or else its network (/24, /64). */
struct review_host {
	const char *name, *network;
	const char *address;		/* the only one; NULL: several, or unknown */
	int64_t messages;		/* accepted, or held */
	int64_t refused;		/* attempts */
	int64_t clear;			/* messages in clear text, or not known to be in TLS */
	/* Of the others: */
	enum policy_protocol protocol;	/* the oldest; PROTOCOL_COUNT: there are none */
	int bits_least;			/* -1: not known of all */
	bool forward_secrecy;		/* all have it */
	struct review_key keys[REVIEW_KEYS_MAX];
	size_t key_count;
	int64_t other_keys;		/* messages with others */
	int64_t without_key;		/* messages with none, or with none that is known */
	/* A session with the oldest protocol. */
	const char *tls_version, *cipher;
	int bits;			/* -1: unknown */
};

struct review_hosts {
	struct review_host *list;	/* by messages, most first */
	size_t count;
	int64_t messages, refused;
	struct arena arena;		/* what the strings are in */
};

/*
 * Reads what came in from the domains and from below them, since options->since_ms, but
 * for local mail and that of users who logged in; of the options "policy" counts too.
 * NULL where that failed: then "error" says why. To be freed with review_hosts_free().
 */
struct review_hosts *review_hosts_read(sqlite3 *db, const char *path,
    const struct review_options *options, const char *const *domains, size_t count,
    char error[REVIEW_ERROR_MAX]);

void review_hosts_free(struct review_hosts **hosts);	/* NULL-safe, clears */

/* What people call it: its name, its address or its network. */
const char *review_host_name(const struct review_host *host);

/* ------------------------------------------------------------------ *
 * Its rows, as tlsward log shows them
 * ------------------------------------------------------------------ */

#define REVIEW_WORDS_MAX 32

/* Words that a value is one of. Static strings. */
struct review_words {
	const char *list[REVIEW_WORDS_MAX];
	size_t count;
};

/* All actions; what rows are of; all reasons that verdicts give. */
struct review_words review_action_words(void);
struct review_words review_kind_words(void);
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

/* An address of the envelope, or its local part or its domain alone. */
struct review_address {
	bool given;
	char text[512];			/* without its brackets */
	size_t local;			/* bytes of the local part and its "@"; 0: none */
	char domain[256];		/* as that of struct review_filter */
};

/* Which rows are wanted; of all zero every one that somebody should look at. */
struct review_filter {
	int64_t since_ms, until_ms;	/* 0: none; until_ms is not in it */
	struct review_words kinds, actions, reasons;
	char domain[256];		/* "": any; ".acme.example": all below; "<>" */
	enum review_client client;
	char client_text[256];		/* as the journal has it; names as "domain" */
	struct review_network network;	/* of an address or a network */
	const char *rule;		/* FILE or FILE:LINE; NULL: any */
	struct review_address from, to;
	const char *partner, *queue_id, *session;	/* NULL: any */
	const char *text;		/* in any of its columns, in any case; NULL: any */
	const char *direction;		/* "in" or "out"; NULL: both */
	/* Those that a rule under monitor would refuse, and what was sent below one. */
	bool would;
	/*
	 * Read for "partner": handshakes are whose review_is_handshake_of() says; NULL: where
	 * there is no policy, whose the journal's other rows tell.
	 */
	struct review *partners;
	/* review_rows() alone sets these: no index can be named; PostgreSQL chooses one. */
	bool older, fleet;
};

/* Sets the client: an address, a network or a name. False where it is none. */
bool review_filter_client(struct review_filter *filter, const char *text);

/* Reads an address: a@acme.example, acme.example, a; "<>". False where it is none. */
bool review_filter_address(struct review_address *address, const char *text);

/* Whether a host is the client, or its network holds it or is in it. */
bool review_filter_host(const struct review_filter *filter,
    const struct review_host *host);

/*
 * Prepares the question for the rows of a table, newest first; "after" not negative: for
 * those with an id above it or, of a table without, of that time or later, oldest first.
 * *rows is NULL where none can be meant. It is the caller's to finalize; its
 * rows are read by journal_row_text() and its like. A text remains to be looked for, by
 * review_filter_meets(). SQLITE_OK or an error.
 */
int review_rows(sqlite3 *db, const struct review_filter *filter, enum journal_table table,
    int64_t after, sqlite3_stmt **rows);
bool review_filter_meets(const struct review_filter *filter, sqlite3_stmt *row);

/* ------------------------------------------------------------------ *
 * Single records
 * ------------------------------------------------------------------ */

/* Which: those of a queue id or a session, or of a domain, its sender's or recipient's
 * ("<>": of bounces), or a partner. */
struct review_find {
	const char *text;
	bool is_domain;
};

/*
 * Append the newest records, "most" of them, as lines of JSON; and how many messages that
 * were rolled up are of the domain or partner, and when the last was. SQLITE_OK or an
 * error.
 */
int review_find_records(sqlite3 *db, const struct review_find *find, int most,
    struct buffer *lines, int *count);
int review_find_rollups(sqlite3 *db, const struct review_find *find, int64_t *messages,
    int64_t *last_ms);

/* What a name is one of. */
enum review_name {
	NAME_DOMAIN_OR_PARTNER, NAME_ID, NAME_DOMAIN, NAME_PARTNER, NAME_CLIENT, NAME_RULE,
	NAME_FROM, NAME_TO
};

/*
 * Appends the name itself, where the journal has it in whatever case (or what is below it,
 * where it has a dot before it); else what was probably meant, or nothing. SQLITE_OK or an
 * error.
 */
int review_find_meant(sqlite3 *db, enum review_name kind, const char *text,
    struct buffer *meant);

/* Of all tables, the time of the oldest and of the newest row; 0: there is none. */
int review_find_extent(sqlite3 *db, int64_t *oldest_ms, int64_t *newest_ms);

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
	const struct policy *before;	/* what it was judged by then; NULL: as recorded */
	struct policy_options options;
	int64_t since_ms, until_ms;
};

/* What was seen in all files, for people to know what the log could tell. */
struct maillog_totals {
	int64_t lines;			/* of a mail server */
	int64_t other_lines;		/* of other programs */
	int64_t unread_lines;		/* not understood */
	int64_t newest_ms;		/* of a mail server's lines; 0: none has a time */
	int64_t messages;		/* handed over */
	int64_t refused;		/* recipients and messages that the server refused */
	int64_t unfinished;		/* came in, and no sender was logged */
	int64_t reinjected;		/* came back from a content filter: not counted */
	int64_t without_client;		/* made on the host, or came before the log begins */
	int64_t tls_lines;		/* "TLS connection established from" */
	int64_t certificates;		/* sessions that presented one */
	int64_t handshakes_failed;	/* of sessions that came in */
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
 * The same with the messages that logs of Postfix and Sendmail tell of, those whose
 * sender was logged. The files are read as maillog_files_read() does, plain or
 * compressed ("-": standard input), in the order of their first lines. False, with why in "error", where one
 * could not be read or memory was short.
 */
bool review_replay_maillog(const char *const *paths, int count,
    const struct review_replay *replay, struct tally *tally,
    struct maillog_totals *totals, char error[REVIEW_ERROR_MAX]);

void tally_free(struct tally *tally);

/* ------------------------------------------------------------------ *
 * What an error of TLS means, as mail servers and their libraries log it
 * ------------------------------------------------------------------ */

/* How near to the root what an entry tells of is; the nearest counts. */
enum diagnosis_rank {
	DIAGNOSIS_CAUSE,		/* what a library or an alert says */
	DIAGNOSIS_VERIFICATION,		/* what was found when a certificate was verified */
	DIAGNOSIS_CONSEQUENCE,		/* that a handshake or a session ended */
	DIAGNOSIS_INFORMATION,		/* no error */
	DIAGNOSIS_RANKS
};

/* An entry of the file "diagnoses". */
struct diagnosis {
	const char *id;		/* one word, which stays the same: journals hold it */
	const char *meaning;	/* goes on after a name: "it does not trust ..." */
	const char *cause, *fix;	/* sentences; NULL: none */
	const char *check;	/* a command that makes sure; NULL: none */
	const char *source;	/* where it is confirmed; NULL: unknown */
	/* Where the cause is, seen from who logged it: local, remote, either, network, none. */
	const char *side;
	enum diagnosis_rank rank;
	uint32_t systems;	/* whose texts these are: bits of diagnoses_systems(); 0: any */
};

struct diagnoses;

/*
 * Reads the entries that came with tlsward, and before those of the same rank one's own:
 * the file "diagnoses" beside the settings file "settings" (NULL: the default one), where
 * there is one. What is wrong with them is told in "diags", and such an entry left out.
 * NULL when memory is short. All strings belong to it.
 */
struct diagnoses *diagnoses_read(const char *settings, struct diags *diags);

void diagnoses_free(struct diagnoses **diagnoses);	/* NULL-safe, clears */

/*
 * What an error means, of one line or of all lines that a handshake that failed has, as a
 * log of Postfix or Sendmail has them: the entry that matches and is nearest to the root;
 * "unknown" where none does. Allocates nothing. One thread at a time.
 */
const struct diagnosis *diagnoses_find(struct diagnoses *diagnoses, const char *text);

/* The entry of an id; "unknown" where there is none any more. */
const struct diagnosis *diagnoses_entry(const struct diagnoses *diagnoses,
    const char *id);

/* The systems whose texts entries are about. Static. */
struct review_words diagnoses_systems(void);

/* An example of an entry: a line that it is to match, or not. */
struct diagnosis_example {
	const char *text;
	const struct diagnosis *entry;
	bool unlike;
};

/* The example of that number; "text" is NULL behind the last. */
struct diagnosis_example diagnoses_example(const struct diagnoses *diagnoses,
    size_t number);

/* Whether a pattern of the entry matches a line. As diagnoses_find(). */
bool diagnoses_match(struct diagnoses *diagnoses, const struct diagnosis *entry,
    const char *text);

/* ------------------------------------------------------------------ *
 * A passage of a log, a console, a bounce or an event viewer
 * ------------------------------------------------------------------ */

/* So many lines of a finding are kept. */
#define PASSAGE_LINES_MAX 20

struct passage_said {
	const char *text;	/* one line, whose parts may have been several */
	size_t number;		/* of its first line, from 1 on */
};

/* What lines of a passage mean. */
struct passage_finding {
	const struct diagnosis *entry;	/* NULL: they are not known */
	const char *system;		/* whose log it is; NULL: unknown */
	const char *peer;		/* NAME[ADDRESS]; NULL: unknown, or several */
	bool root;			/* of the passage: one finding is */
	size_t groups;			/* of lines, of which it is the root */
	size_t count;			/* of lines */
	struct passage_said lines[PASSAGE_LINES_MAX];
	size_t line_count;
};

struct passage {
	struct passage_finding *findings;	/* roots of groups first, then the others */
	size_t count;
	/* What looks like an error; where nothing is known, all, but of a log. */
	struct passage_finding unknown;
	size_t pieces;			/* lines that are not empty, wrapped ones joined */
	const char *costly;		/* an entry with a pattern that had to be left out */
	struct arena arena;		/* what the strings are in */
};

/*
 * Says what a text in UTF-8 tells of. Lines that belong together (of a process, a thread,
 * a session; else a paragraph) are a group, whose root is what counts most of them; wrapped
 * lines are joined. "system": whose log it is, of which entries count before all others;
 * NULL: unknown. Of more than 1 MiB what looks like an error is looked at, and no more.
 * NULL: memory is short. The entries live as long as "diagnoses"; passage_free().
 */
struct passage *passage_read(struct diagnoses *diagnoses, const char *system,
    const char *text, size_t length);

/*
 * Appends what is in a file, packed (gzip, bzip2, xz, zstd) or not, or in standard input
 * ("-"), of at most "most" bytes. NULL, or why that cannot be done.
 */
const char *passage_load(const char *path, size_t most, struct buffer *bytes);

void passage_free(struct passage **passage);	/* NULL-safe, clears */

#endif
