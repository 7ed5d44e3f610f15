/*
 * ship_target.h - the database that a journal is sent to: a session of one shipper.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_SHIP_TARGET_H
#define TLSWARD_JOURNAL_SHIP_TARGET_H

#include <libpq-fe.h>

#include "journal/ship_room.h"

/* What kept a call from being done. But for the last three, the session is over. */
enum ship_trouble {
	SHIP_NO_TROUBLE,
	SHIP_STOPPED,		/* a signal asks for the end */
	SHIP_AWAY,		/* it is not there, or full, or of no use now */
	SHIP_SETUP,		/* somebody has to make or allow something there */
	SHIP_BUSY,		/* another shipper sends this journal */
	SHIP_OTHER,		/* another shipper sent meanwhile: ask for the cursors again */
	SHIP_AGAIN,		/* two were in each other's way */
	SHIP_SLOW,		/* it took longer than it may */
	SHIP_REFUSED		/* a row is none that it takes */
};

struct ship_target {
	const struct ship_options *options;
	/* Called about each second while an answer is waited for, with how long it is now. */
	void (*waits)(void *context, int64_t ms);
	void *context;

	PGconn *conn;			/* NULL: there is no session */
	int64_t opened_ms;		/* by a clock that never steps */
	const char *node;
	char journal[SHIP_JOURNAL_SIZE];
	char number[16];		/* the journal's there */
	bool rebooted;			/* this host was started anew since the last session */
	bool prepared[SHIP_STREAMS];	/* statements and the temporary table */
	enum ship_trouble trouble;	/* of the call that failed */
	char error[SHIP_ERROR_MAX];	/* and the words for it */
};

/*
 * Begins a session for the node's journal (borrowed): its tables and rights are looked at, this
 * shipper is the only one of the journal from then on, and *cursors are how far it was sent. False
 * with "trouble" and "error", as for all of these.
 */
bool ship_target_open(struct ship_target *target, const char *node, const char *journal,
    int64_t cursors[SHIP_STREAMS]);
void ship_target_close(struct ship_target *target);

/* Whether the session is still there, as far as can be seen without asking. */
bool ship_target_stands(struct ship_target *target);

/*
 * Writes a batch that is behind "cursor", and its new cursor, in one transaction; all of
 * it, or nothing.
 */
bool ship_target_send(struct ship_target *target, enum ship_number number,
    int64_t cursor, const struct ship_batch *batch);

/* Writes a batch of one row that is not taken among what was refused, the same way. */
bool ship_target_refuse(struct ship_target *target, enum ship_number number,
    int64_t cursor, const struct ship_batch *batch, const char *why);

/* Writes that what comes of a start of this host was seen to. */
bool ship_target_booted(struct ship_target *target);

/* Writes that this shipper is here, and what it has not sent. */
bool ship_target_seen(struct ship_target *target, const struct ship_lag *lag);

/* ------------------------------------------------------------------ *
 * For the session's own files
 * ------------------------------------------------------------------ */

/*
 * Runs a statement with text parameters, NULL behind the last; "name": a prepared one. The
 * result is the caller's, or NULL where that failed.
 */
PGresult *ship_target_run(struct ship_target *target, const char *name, const char *sql,
    const char *const *parameters);

/* Prepares a statement; runs one without a result; COPY of a text. */
bool ship_target_prepare(struct ship_target *target, const char *name, const char *sql);
bool ship_target_do(struct ship_target *target, const char *sql);
bool ship_target_copy(struct ship_target *target, const char *sql,
    const struct buffer *text);

/* Fails with these words. */
bool ship_target_fail(struct ship_target *target, enum ship_trouble trouble,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
