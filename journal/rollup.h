/*
 * rollup.h - accepted messages, rolled up in memory until they are written.
 *
 * For one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_ROLLUP_H
#define TLSWARD_JOURNAL_ROLLUP_H

#include "journal/record.h"
#include "journal/store_db.h"
#include "base/hash.h"

/* How many sets of facts an hour may be open at a time. */
#define ROLLUPS_MAX 4096
#define ROLLUPS_BYTES_MAX (4u << 20)

struct rollup;

/* All zero is a good start. */
struct rollups {
	struct hash_key seed;
	struct rollup *buckets[ROLLUPS_MAX];
	struct rollup *dirty;		/* with messages that are not written, */
	struct rollup *dirty_last;	/* the oldest first; unset where none is */
	struct rollup *writing;		/* those of the transaction under way */
	size_t count;
	size_t bytes;
	size_t dirty_count;
	unsigned long messages;		/* not written */
};

/* Takes the row over and returns true, or returns false: there is no room. */
bool rollups_add(struct rollups *rollups, struct row *row);

/* Writes at most "max" of them in the transaction that was begun. */
enum db_result rollups_write(struct rollups *rollups, struct store_db *db, size_t max);

/* The transaction was committed; returns how many messages it wrote. */
unsigned long rollups_written(struct rollups *rollups);

/* The transaction was undone: nothing of it is known to be in the journal. */
void rollups_undo(struct rollups *rollups);

/* Another database, or rows are gone: what is known of it is wrong. */
void rollups_forget(struct rollups *rollups);

/* Frees those that have nothing to write, or all. */
void rollups_drop(struct rollups *rollups, bool all);

#endif
