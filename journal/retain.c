/*
 * retain.c - what the journal throws away, in small steps.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_room.h"

/* Rows a step: a few milliseconds. */
#define STEP_RECORDS 64
#define STEP_ROLLUPS 128

/* A sweep looks at all sets of facts. */
#define SWEEP_EVERY_MS JOURNAL_HOUR_MS

/* Free pages that are worth giving back to the file system. */
#define FREE_PAGES_MAX 4096

/* A time of day that moves by less than this is corrected, not set. */
#define SLEW_MS 60000

/* A step that lasts as long is no mistake. */
#define BELIEVED_MS JOURNAL_HOUR_MS

static bool
is_slew(int64_t a, int64_t b)
{
	return a - b <= SLEW_MS && b - a <= SLEW_MS;
}

int64_t
retain_clock(struct retain *retain, int64_t now_ms, int64_t steady_ms)
{
	int64_t ahead = now_ms - steady_ms;

	if (!retain->clocked || is_slew(ahead, retain->ahead)) {
		retain->clocked = true;
		retain->stepped = retain->ahead = ahead;
	} else if (!is_slew(ahead, retain->stepped)) {
		retain->stepped = ahead;
		retain->stepped_at = steady_ms;
	} else if (steady_ms - retain->stepped_at >= BELIEVED_MS) {
		retain->ahead = ahead;
	}
	return steady_ms + retain->ahead;
}

static sqlite3_int64
retain_number(struct store_db *db, enum db_statement which, sqlite3_int64 none)
{
	return store_db_number(db, store_db_statement(db, which, 0, NULL), none);
}

/* ------------------------------------------------------------------ *
 * Throwing away
 * ------------------------------------------------------------------ */

/*
 * Records before a time or roll-ups before an hour, in a transaction with the account
 * of it: each row that goes gives its time and its messages.
 */
static void
retain_discard(struct retain *retain, struct store_db *db, const char *why,
    bool records, int64_t before)
{
	sqlite3_stmt *statement = store_db_statement(db,
	    records ? DB_RECORD_DELETE : DB_ROLLUP_DELETE, 2,
	    (const int64_t[]){ before, records ? STEP_RECORDS : STEP_ROLLUPS });
	sqlite3_int64 count = 0, last_ms = 0;

	store_db_begin(db);
	while (store_db_step(db, statement)) {
		sqlite3_int64 time = sqlite3_column_int64(statement, 0);

		count += sqlite3_column_int64(statement, 1);
		last_ms = time > last_ms ? time : last_ms;
	}
	if (count > 0)
		store_db_discard(db, why, records ? count : 0, records ? 0 : count,
		    last_ms);
	if (!store_db_commit(db))
		return;
	retain->discarded = (unsigned long)count;
	retain->orphans = retain->orphans || (!records && count > 0);
}

/* All of these return whether there is more to do. */
static bool
retain_age(struct retain *retain, struct store_db *db, int64_t now_ms)
{
	int64_t before = now_ms - retain->keep_ms, hour = before / JOURNAL_HOUR_MS;
	bool records, rollups;

	if (retain->keep_ms == 0)
		return false;
	records = retain_number(db, DB_RECORD_OLDEST, INT64_MAX) < before;
	rollups = !records && retain_number(db, DB_ROLLUP_OLDEST, INT64_MAX) < hour;
	if (records || rollups)
		retain_discard(retain, db, "age", records, records ? before : hour);
	return records || rollups;
}

static bool
retain_size(struct retain *retain, struct store_db *db)
{
	sqlite3_int64 used, records;

	if (retain->max_bytes == 0)
		return false;
	used = retain_number(db, DB_USED_BYTES, 0);
	if (db->result != DB_DONE)
		return false;
	if (used > retain->max_bytes)
		retain->shrinking = true;
	else if (used <= retain->max_bytes - retain->max_bytes / 64)
		retain->shrinking = false;
	if (!retain->shrinking)
		return false;
	records = retain_number(db, DB_RECORD_BYTES, 0);
	retain_discard(retain, db, "size", records > used / 2, INT64_MAX);
	/* Where one of them is empty, the other has it all. */
	if (retain->discarded == 0)
		retain_discard(retain, db, "size", records <= used / 2, INT64_MAX);
	if (retain->discarded == 0 && db->result == DB_DONE)
		retain->shrinking = false;
	return retain->discarded > 0;
}

static bool
retain_vacuum(struct store_db *db)
{
	bool more = retain_number(db, DB_FREE_PAGES, 0) > FREE_PAGES_MAX;

	if (more)
		store_db_run(db, store_db_statement(db, DB_VACUUM, 0, NULL));
	return more;
}

/* ------------------------------------------------------------------ *
 * What nothing refers to any more
 * ------------------------------------------------------------------ */

/* All facts first, then all certificates, some ids at a time. */
static bool
retain_sweep(struct retain *retain, struct store_db *db, int64_t now_ms)
{
	bool certificates = retain->sweeping_certificates;
	sqlite3_int64 to;

	if (!retain->orphans || now_ms < retain->sweep_at)
		return false;
	to = store_db_number(db, store_db_statement(db,
	    certificates ? DB_CERTIFICATE_SOME : DB_FACTS_SOME, 1, &retain->swept), 0);
	if (db->result == DB_DONE && to == 0) {
		retain->swept = 0;
		retain->sweeping_certificates = !certificates;
		retain->orphans = !certificates;
		retain->sweep_at = certificates ? now_ms + SWEEP_EVERY_MS : 0;
		return true;
	}
	store_db_run(db, store_db_statement(db,
	    certificates ? DB_CERTIFICATE_SWEEP : DB_FACTS_SWEEP, 2,
	    (const int64_t[]){ retain->swept, to }));
	if (db->result == DB_DONE) {
		retain->facts_removed = !certificates && sqlite3_changes(db->db) > 0;
		retain->swept = to;
	}
	return true;
}

bool
retain_step(struct retain *retain, struct store_db *db, int64_t now_ms)
{
	retain->discarded = 0;
	retain->facts_removed = false;
	return retain_age(retain, db, now_ms) || retain_size(retain, db) ||
	    retain_sweep(retain, db, now_ms) || retain_vacuum(db);
}
