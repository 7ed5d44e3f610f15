/*
 * retain.c - what the journal throws away, in small steps.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_room.h"

/*
 * What is thrown away on its own. A statement that deletes takes a time or an hour and,
 * but for "one", how many; each row that goes gives its time, what it counted, and, where
 * they are kept by a name in the table "watched", its bytes. A step of so many rows takes
 * a few milliseconds.
 */
enum { PART_RECORDS, PART_ROLLUPS, PART_HANDSHAKES, PART_DELIVERIES, PART_TROUBLE, PARTS };

static const struct part {
	enum db_statement oldest, delete;
	int64_t unit_ms;
	int step;
	bool one;			/* the statement deletes one row */
	const char *bytes;
} parts[PARTS] = {
	[PART_RECORDS] = { DB_RECORD_OLDEST, DB_RECORD_DELETE, 1, 256, false, NULL },
	[PART_ROLLUPS] = { DB_ROLLUP_OLDEST, DB_ROLLUP_DELETE, JOURNAL_HOUR_MS, 128, false,
	    NULL },
	[PART_HANDSHAKES] = { DB_HANDSHAKE_OLDEST, DB_HANDSHAKE_DELETE, JOURNAL_HOUR_MS, 64,
	    true, NOTE_HANDSHAKE_BYTES },
	[PART_DELIVERIES] = { DB_DELIVERY_OLDEST, DB_DELIVERY_DELETE, JOURNAL_HOUR_MS, 64,
	    true, NOTE_DELIVERY_BYTES },
	[PART_TROUBLE] = { DB_TROUBLE_OLDEST, DB_TROUBLE_DELETE, 1, 64, true,
	    NOTE_TROUBLE_BYTES },
};

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

/* What a part lost in a step. */
struct loss {
	int64_t count, last_ms, bytes;
};

static void
retain_take_rows(struct store_db *db, sqlite3_stmt *statement, struct loss *loss)
{
	while (store_db_step(db, statement)) {
		int64_t time = sqlite3_column_int64(statement, 0);

		loss->count += sqlite3_column_int64(statement, 1);
		loss->bytes += sqlite3_column_int64(statement, 2);
		loss->last_ms = time > loss->last_ms ? time : loss->last_ms;
	}
}

/* Rows of a part before a time or an hour, in a transaction with the account of them. */
static void
retain_discard(struct retain *retain, struct store_db *db, const char *why, int which,
    int64_t before)
{
	const struct part *part = &parts[which];
	sqlite3_stmt *statement = store_db_statement(db, part->delete, part->one ? 1 : 2,
	    (const int64_t[]){ before, part->step });
	struct loss loss = { 0 };
	int64_t count = -1;

	store_db_begin(db);
	for (int i = 0; i < (part->one ? part->step : 1) && loss.count > count; i++) {
		count = loss.count;
		retain_take_rows(db, statement, &loss);
	}
	if (loss.count > 0)
		store_db_discard(db, why, &(struct dropped){
		    .records = which == PART_RECORDS ? loss.count : 0,
		    .messages = which == PART_ROLLUPS ? loss.count : 0,
		    .watched = which > PART_ROLLUPS ? loss.count : 0,
		    .last_ms = loss.last_ms });
	if (loss.bytes > 0)
		store_db_note(db, DB_WATCHED_ADD, part->bytes, -loss.bytes);
	if (!store_db_commit(db))
		return;
	retain->discarded = (unsigned long)loss.count;
	retain->orphans = retain->orphans || (which == PART_ROLLUPS && loss.count > 0);
}

/* All of these return whether there is more to do. */
static bool
retain_age(struct retain *retain, struct store_db *db, int64_t now_ms)
{
	int64_t before = now_ms - retain->keep_ms;

	for (int i = 0; i < PARTS && retain->keep_ms != 0; i++)
		if (retain_number(db, parts[i].oldest, INT64_MAX) <
		    before / parts[i].unit_ms) {
			retain_discard(retain, db, "age", i, before / parts[i].unit_ms);
			return true;
		}
	return false;
}

/* How much each part takes of what is used; roll-ups are the rest. */
static void
retain_measure(struct store_db *db, int64_t used, int64_t bytes[PARTS])
{
	for (int i = 0; i < PARTS; i++) {
		sqlite3_stmt *statement = store_db_statement(db, DB_WATCHED_GET, 0, NULL);

		if (i == PART_ROLLUPS)
			continue;
		(void)sqlite3_bind_text(statement, 1, parts[i].bytes, -1, SQLITE_STATIC);
		bytes[i] = i == PART_RECORDS ? retain_number(db, DB_RECORD_BYTES, 0) :
		    store_db_number(db, statement, 0);
		used -= bytes[i];
	}
	bytes[PART_ROLLUPS] = used;
}

/* The largest part gives some; where it has nothing, the next one does. */
static void
retain_shrink(struct retain *retain, struct store_db *db, int64_t used)
{
	int64_t bytes[PARTS];
	int largest;

	retain_measure(db, used, bytes);
	for (int n = 0; n < PARTS && retain->discarded == 0; n++) {
		largest = 0;
		for (int i = 1; i < PARTS; i++)
			if (bytes[i] > bytes[largest])
				largest = i;
		retain_discard(retain, db, "size", largest, INT64_MAX);
		bytes[largest] = INT64_MIN;
	}
}

static bool
retain_size(struct retain *retain, struct store_db *db)
{
	int64_t used;

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
	retain_shrink(retain, db, used);
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
