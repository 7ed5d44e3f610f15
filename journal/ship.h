/*
 * ship.h - the journal, sent to a fleet's PostgreSQL.
 *
 * The journal is only read, in short transactions, and only what is there once is sent:
 * how far it was sent stands in the database, in the same transaction as the rows. Rows
 * that can still change are sent again as they are then, and take the place of what was
 * there. So whoever is killed, and whenever, goes on with nothing missing and nothing
 * twice.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_SHIP_H
#define TLSWARD_JOURNAL_SHIP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

/* The newest step of conf/postgresql/ that this program knows, and needs. */
#define SHIP_SCHEMA_STEP 1

/* Long enough for what PostgreSQL says in several lines. */
#define SHIP_ERROR_MAX 512

/* ------------------------------------------------------------------ *
 * How far it is: a file beside the journal, for whoever wants to know
 * ------------------------------------------------------------------ */

/* What is sent, each part for itself. "BEFORE": rows from before a journal counted changes. */
enum ship_number {
	SHIP_POLICIES, SHIP_RECORD, SHIP_TROUBLE, SHIP_ROLLUP, SHIP_HANDSHAKE, SHIP_DELIVERY,
	SHIP_DISCARDED, SHIP_WATCHED, SHIP_ROLLUP_BEFORE, SHIP_HANDSHAKE_BEFORE,
	SHIP_DELIVERY_BEFORE, SHIP_DISCARDED_BEFORE, SHIP_WATCHED_BEFORE,
	SHIP_STREAMS
};

#define SHIP_NODE_SIZE 256
#define SHIP_JOURNAL_SIZE 33		/* 32 hex digits */

struct ship_state {
	int64_t time_ms;		/* when this was so; 0: it is not known */
	int64_t sent_ms;		/* when rows were sent last; 0: not since the start */
	int64_t rows;			/* sent since the start */
	int64_t refused;		/* rows that the database did not take, since then */
	char journal[SHIP_JOURNAL_SIZE];
	int64_t cursors[SHIP_STREAMS];	/* as the database has them */
	bool known;			/* whether it was asked for them */
	int64_t error_ms;		/* since when nothing could be sent; 0: it can */
	char error[SHIP_ERROR_MAX];	/* and why */
};

/* What of the journal is not in the database. */
struct ship_lag {
	int64_t rows;			/* roll-ups and the like: up to SHIP_LAG_MAX each */
	int64_t since_ms;		/* how old the oldest of it is; 0: there is none */
};
#define SHIP_LAG_MAX 100000

/*
 * Reads the state of what sends the journal "path". False: there is none, or it is none.
 * It need not be of the journal that is there now.
 */
bool ship_state_read(const char *path, struct ship_state *state);

/* Writes it, by rename. False with errno set. */
bool ship_state_write(const char *path, const struct ship_state *state);

/*
 * How much of the journal "path" is not sent yet, by a state whose cursors are known, and
 * all of it where "state" is NULL or of another journal. Opens the journal for the moment.
 * False: it cannot be read.
 */
bool ship_lag_read(const char *path, const struct ship_state *state, struct ship_lag *lag);

/* How the sending of a journal is, as it is told. */
struct ship_standing {
	struct ship_state state;	/* all zero: there is none */
	struct ship_lag lag;
	bool up;			/* it was seen lately, and nothing is in its way */
	int64_t behind_ms;		/* how long the oldest row that is not sent has waited */
};

/* So long it may be silent: it tells each ten seconds that it is there. */
#define SHIP_SILENT_MS (INT64_C(60) * 1000)

/* Looks at it. False: the journal cannot be read, so that the lag is not known. */
bool ship_standing_read(const char *path, int64_t now_ms, struct ship_standing *standing);

/* ------------------------------------------------------------------ *
 * Sending; only where there is libpq
 * ------------------------------------------------------------------ */

/* What signals ask for: set by their handlers. */
struct ship_signals {
	volatile sig_atomic_t ends;	/* come to an end */
	volatile sig_atomic_t hurries;	/* do not wait any longer for another try */
	/* Set here: a handler may end the process, as what is waited for does not stop. */
	volatile sig_atomic_t connecting;
};

/* All of it is borrowed. */
struct ship_options {
	const char *path;		/* the journal */
	const char *node;		/* NULL: as the journal tells */
	const char *fallback;		/* the node where that does not tell, either */
	const char *conninfo;		/* as libpq takes it */
	const char *name;		/* the same without secrets, for messages */
	bool once;			/* end when what is there now was sent */
	struct ship_signals *signals;
	void (*say)(void *context, enum severity level, const char *text);
	void *context;
};

enum ship_end {
	SHIP_ENDED,			/* all is sent (once), or a signal came */
	SHIP_SOME_REFUSED,		/* but rows that the database does not take */
	SHIP_FAILED			/* it has been said why */
};

/* Sends. Only "once" can it fail: else what is in the way is said, and tried again. */
enum ship_end ship_run(const struct ship_options *options);

#endif
