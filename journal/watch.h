/*
 * watch.h - what is read in the mail server's log, written into the journal.
 *
 * A writer beside the daemon, with a connection of its own. It neither makes nor
 * converts a journal, nor sets one aside: that is the daemon's, and until it is done
 * what was added is held here. What is committed is whole: what was counted, and the
 * position from which to go on. A commit holds the write lock for a few milliseconds.
 *
 * For one thread. Times are milliseconds since the epoch; texts are borrowed for the
 * call, NULL where unknown, and need not be valid UTF-8.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_WATCH_H
#define TLSWARD_JOURNAL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* A handshake that failed. What each member holds stands with the tables in schema.c. */
struct journal_handshake {
	int64_t time_ms;
	const char *direction;	/* "in" or "out" */
	const char *host;	/* in: the client's verified name; out: the relay's */
	const char *address;
	const char *next_hop;
	const char *reason;	/* the id of an entry of the table of diagnoses */
	const char *sample;	/* the text of a log line; the hour's first is kept */
};

/* An attempt to deliver a message over SMTP. */
struct journal_delivery {
	int64_t time_ms;
	const char *queue_id, *to, *dsn, *text;	/* kept with a tls_reason, or "below" */
	const char *next_hop, *relay, *address;
	const char *tls_version;	/* "none": clear text */
	const char *cipher;
	int bits;			/* -1: unknown */
	const char *verification;
	const char *result;		/* "sent", "deferred", "bounced" */
	const char *tls_reason;		/* NULL: TLS was no trouble */
	const char *rule, *rule_kind, *rule_name, *partner;
	const char *verdict;		/* "met", "exempt", "would", "refused", ... */
	const char *reason;
	bool below;			/* it was sent all the same: kept in full, too */
};

/* Where the reader is once all that was added before is counted. */
struct journal_position {
	const char *state;		/* watch's own words for it */
	int64_t now_ms;			/* when this is written */
	int64_t line_ms;		/* of the newest line read; 0: none yet */
	int64_t lag_ms;			/* how old that is; 0: all there is was read */
	/* Lines since the commit before, and those of them that nobody could read. */
	int64_t lines, lines_unread;
};

struct journal_watch;

/* "path" is copied; nothing is opened yet. NULL when memory is short. */
struct journal_watch *journal_watch_open(const char *path);

/* What is not committed is forgotten. NULL-safe, clears the pointer. */
void journal_watch_close(struct journal_watch **watch);

/*
 * Appends the state of the last commit; nothing where there is none yet. To be asked
 * before the first commit. False: it cannot be told now.
 */
bool journal_watch_position(struct journal_watch *watch, struct buffer *state);

/*
 * Add what is to be committed. Where memory is short commits are JOURNAL_WATCH_STALE from
 * then on.
 */
void journal_watch_handshake(struct journal_watch *watch,
    const struct journal_handshake *handshake);
void journal_watch_delivery(struct journal_watch *watch,
    const struct journal_delivery *delivery);

/*
 * Whether so much was added that a commit is due, before the next line is read. A
 * reader that goes on all the same makes refusals wait.
 */
bool journal_watch_is_full(const struct journal_watch *watch);

/*
 * Writes what was added and the position, all of it or nothing. JOURNAL_WATCH_HELD: not
 * now; what was added (but not the position and its lines) is held, and it is to be tried
 * again a second later. Where the journal was replaced since, this goes on with the new
 * one. JOURNAL_WATCH_STALE: the position in the journal is not the one that was read or
 * written here last, so that somebody else counts the same lines, or it is an older copy:
 * the process begins anew. After a commit a reader that has more to add sleeps for
 * JOURNAL_WATCH_PAUSE_MS: the daemon writes meanwhile.
 */
#define JOURNAL_WATCH_PAUSE_MS 5
enum journal_watch_result {
	JOURNAL_WATCH_DONE, JOURNAL_WATCH_HELD, JOURNAL_WATCH_STALE
};
enum journal_watch_result journal_watch_commit(struct journal_watch *watch,
    const struct journal_position *position);

/*
 * Gives all that the table "watched" tells, in the order of names, to "take": "lines",
 * "handshakes in REASON", "deliveries RESULT PROTOCOL LEVEL", "judged VERDICT", "below
 * STATE REASON" and "trouble RESULT REASON" are totals; "time", "line_time" and "lag"
 * milliseconds, as of the last commit. What comes from a log is one of a few words in
 * these. False: it cannot be told now. Any thread; "store" is the daemon's.
 */
struct journal_store;
typedef void journal_watched(void *context, const char *name, int64_t value);
bool journal_store_watched(const struct journal_store *store, journal_watched *take,
    void *context);

/* Why the last call failed, what to do included; names the journal. */
const char *journal_watch_error(const struct journal_watch *watch);

#endif
