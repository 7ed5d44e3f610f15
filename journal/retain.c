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

static enum db_result
retain_number(struct store_db *db, enum db_statement which, sqlite3_int64 none,
    sqlite3_int64 *number)
{
	return store_db_number(db, store_db_statement(db, which), none, number);
}

/* ------------------------------------------------------------------ *
 * Throwing away
 * ------------------------------------------------------------------ */

/* Deletes some, and counts decisions: each row gives its time and its messages. */
static enum db_result
retain_delete(struct store_db *db, bool records, int64_t before, sqlite3_int64 *count,
    sqlite3_int64 *last_ms)
{
	sqlite3_stmt *statement = store_db_statement(db,
	    records ? DB_RECORD_DELETE : DB_ROLLUP_DELETE);
	enum db_result result;
	bool row;

	(void)sqlite3_bind_int64(statement, 1, before);
	(void)sqlite3_bind_int(statement, 2, records ? STEP_RECORDS : STEP_ROLLUPS);
	while ((result = store_db_step(db, statement, &row)) == DB_DONE && row) {
		sqlite3_int64 time = sqlite3_column_int64(statement, 0);

		*count += sqlite3_column_int64(statement, 1);
		*last_ms = time > *last_ms ? time : *last_ms;
	}
	return result;
}

/*
 * Records before a time or roll-ups before an hour, in a transaction with the account
 * of it.
 */
static enum db_result
retain_discard(struct retain *retain, struct store_db *db, const char *why,
    bool records, int64_t before)
{
	sqlite3_int64 count = 0, last_ms = 0;
	enum db_result result = store_db_begin(db);

	if (result == DB_DONE)
		result = retain_delete(db, records, before, &count, &last_ms);
	if (result == DB_DONE && count > 0)
		result = store_db_discard(db, why, records ? count : 0,
		    records ? 0 : count, last_ms);
	if (result == DB_DONE)
		result = store_db_commit(db);
	if (result != DB_DONE) {
		store_db_undo(db);
		return result;
	}
	retain->discarded = (unsigned long)count;
	retain->orphans = retain->orphans || (!records && count > 0);
	return DB_DONE;
}

static enum db_result
retain_age(struct retain *retain, struct store_db *db, int64_t now_ms, bool *more)
{
	int64_t before = now_ms - retain->keep_ms, hour = before / JOURNAL_HOUR_MS;
	sqlite3_int64 oldest;
	enum db_result result;

	if (retain->keep_ms == 0)
		return DB_DONE;
	result = retain_number(db, DB_RECORD_OLDEST, INT64_MAX, &oldest);
	if (result != DB_DONE)
		return result;
	*more = oldest < before;
	if (*more)
		return retain_discard(retain, db, "age", true, before);
	result = retain_number(db, DB_ROLLUP_OLDEST, INT64_MAX, &oldest);
	*more = result == DB_DONE && oldest < hour;
	return *more ? retain_discard(retain, db, "age", false, hour) : result;
}

static enum db_result
retain_size(struct retain *retain, struct store_db *db, bool *more)
{
	sqlite3_int64 used, records = 0;
	enum db_result result;

	if (retain->max_bytes == 0)
		return DB_DONE;
	result = retain_number(db, DB_USED_BYTES, 0, &used);
	if (used > retain->max_bytes)
		retain->shrinking = true;
	else if (used <= retain->max_bytes - retain->max_bytes / 64)
		retain->shrinking = false;
	if (result == DB_DONE && retain->shrinking)
		result = retain_number(db, DB_RECORD_BYTES, 0, &records);
	if (result != DB_DONE || !retain->shrinking)
		return result;
	result = retain_discard(retain, db, "size", records > used / 2, INT64_MAX);
	/* Where one of them is empty, the other has it all. */
	if (result == DB_DONE && retain->discarded == 0)
		result = retain_discard(retain, db, "size", records <= used / 2,
		    INT64_MAX);
	*more = retain->discarded > 0;
	if (!*more)
		retain->shrinking = false;
	return result;
}

static enum db_result
retain_vacuum(struct store_db *db, bool *more)
{
	sqlite3_int64 pages;
	enum db_result result = retain_number(db, DB_FREE_PAGES, 0, &pages);

	*more = result == DB_DONE && pages > FREE_PAGES_MAX;
	return *more ? store_db_run(db, store_db_statement(db, DB_VACUUM)) : result;
}

/* ------------------------------------------------------------------ *
 * What nothing refers to any more
 * ------------------------------------------------------------------ */

/* All facts first, then all certificates, some ids at a time. */
static enum db_result
retain_sweep(struct retain *retain, struct store_db *db, int64_t now_ms, bool *more)
{
	bool certificates = retain->sweeping_certificates;
	sqlite3_stmt *look = store_db_statement(db,
	    certificates ? DB_CERTIFICATE_SOME : DB_FACTS_SOME);
	sqlite3_stmt *sweep = store_db_statement(db,
	    certificates ? DB_CERTIFICATE_SWEEP : DB_FACTS_SWEEP);
	sqlite3_int64 to;
	enum db_result result;

	*more = retain->orphans && now_ms >= retain->sweep_at;
	if (!*more)
		return DB_DONE;
	(void)sqlite3_bind_int64(look, 1, retain->swept);
	result = store_db_number(db, look, 0, &to);
	if (result == DB_DONE && to == 0) {
		retain->swept = 0;
		retain->sweeping_certificates = !certificates;
		retain->orphans = !certificates;
		retain->sweep_at = certificates ? now_ms + SWEEP_EVERY_MS : 0;
		return DB_DONE;
	}
	(void)sqlite3_bind_int64(sweep, 1, retain->swept);
	(void)sqlite3_bind_int64(sweep, 2, to);
	if (result == DB_DONE)
		result = store_db_run(db, sweep);
	if (result == DB_DONE) {
		retain->facts_removed = !certificates && sqlite3_changes(db->db) > 0;
		retain->swept = to;
	}
	return result;
}

enum db_result
retain_step(struct retain *retain, struct store_db *db, int64_t now_ms, bool *more)
{
	enum db_result result;

	*more = false;
	retain->discarded = 0;
	retain->facts_removed = false;
	result = retain_age(retain, db, now_ms, more);
	if (result == DB_DONE && !*more)
		result = retain_size(retain, db, more);
	if (result == DB_DONE && !*more)
		result = retain_sweep(retain, db, now_ms, more);
	if (result == DB_DONE && !*more)
		result = retain_vacuum(db, more);
	return result;
}
