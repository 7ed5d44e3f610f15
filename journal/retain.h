/*
 * retain.h - what the journal throws away, in small steps.
 *
 * By age: what is older than "keep_ms". By size: while the journal takes more than
 * "max_bytes", the larger of its two halves, records and roll-ups, gives up its
 * oldest; so that refusals, which are written at a stranger's pace, never push out
 * the history of partners below half of the room, and the other way round.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_RETAIN_H
#define TLSWARD_JOURNAL_RETAIN_H

#include "journal/store_db.h"

struct retain {
	int64_t keep_ms;		/* 0: for ever */
	int64_t max_bytes;		/* 0: no limit */
	/* The rest is its own; all zero is a good start. */
	bool shrinking;			/* until it is well below the limit */
	bool orphans;			/* facts may be without a roll-up */
	bool sweeping_certificates;
	sqlite3_int64 swept;		/* up to this id */
	int64_t sweep_at;		/* not before, milliseconds */
	unsigned long discarded;	/* by the last step */
	bool facts_removed;		/* by the last step */
};

/*
 * Takes one step, in a transaction of its own; some milliseconds at most. *more:
 * there is more to do. What fails is undone.
 */
enum db_result retain_step(struct retain *retain, struct store_db *db, int64_t now_ms,
    bool *more);

#endif
