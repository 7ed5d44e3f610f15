/*
 * retain.c - what the journal throws away, in small steps.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/retain.h"

#include "journal/store.h"

/* Rows a step: a few milliseconds. */
#define STEP_RECORDS 64
#define STEP_ROLLUPS 128
#define STEP_SWEEP 128

/* A sweep looks at all sets of facts. */
#define SWEEP_EVERY_MS JOURNAL_HOUR_MS

/* Free pages that are worth giving back to the file system. */
#define FREE_PAGES_MAX 4096

struct pages {
	sqlite3_int64 all, free, size;
};

struct gone {
	sqlite3_int64 records, messages, last_ms;
};

static enum db_result
count_pages(struct store_db *db, struct pages *pages)
{
	enum db_result result;

	result = store_db_number(db, store_db_statement(db, DB_PAGES), 0, &pages->all);
	if (result == DB_DONE)
		result = store_db_number(db, store_db_statement(db, DB_FREE_PAGES), 0,
		    &pages->free);
	if (result == DB_DONE)
		result = store_db_number(db, store_db_statement(db, DB_PAGE_SIZE), 4096,
		    &pages->size);
	return result;
}

/* ------------------------------------------------------------------ *
 * Throwing away
 * ------------------------------------------------------------------ */

static enum db_result
delete_records(struct store_db *db, int64_t before_ms, struct gone *gone)
{
	sqlite3_stmt *statement = store_db_statement(db, DB_RECORD_DELETE);
	enum db_result result;
	bool row;

	(void)sqlite3_bind_int64(statement, 1, before_ms);
	(void)sqlite3_bind_int(statement, 2, STEP_RECORDS);
	while ((result = store_db_step(db, statement, &row)) == DB_DONE && row) {
		sqlite3_int64 time = sqlite3_column_int64(statement, 0);

		gone->records++;
		gone->last_ms = time > gone->last_ms ? time : gone->last_ms;
	}
	return result;
}

static enum db_result
delete_rollups(struct store_db *db, int64_t before_hour, struct gone *gone)
{
	sqlite3_stmt *statement = store_db_statement(db, DB_ROLLUP_DELETE);
	enum db_result result;
	bool row;

	(void)sqlite3_bind_int64(statement, 1, before_hour);
	(void)sqlite3_bind_int(statement, 2, STEP_ROLLUPS);
	while ((result = store_db_step(db, statement, &row)) == DB_DONE && row) {
		sqlite3_int64 hour = sqlite3_column_int64(statement, 0),
		    time = hour * JOURNAL_HOUR_MS + sqlite3_column_int64(statement, 1);

		gone->messages += sqlite3_column_int64(statement, 2);
		gone->last_ms = time > gone->last_ms ? time : gone->last_ms;
	}
	return result;
}

/* One of the two, in a transaction with the account of it. */
static enum db_result
throw_away(struct retain *retain, struct store_db *db, const char *why, bool records,
    int64_t before)
{
	struct gone gone = { 0, 0, 0 };
	enum db_result result = store_db_begin(db);

	if (result == DB_DONE)
		result = records ? delete_records(db, before, &gone) :
		    delete_rollups(db, before, &gone);
	if (result == DB_DONE && gone.records + gone.messages > 0)
		result = store_db_discard(db, why, gone.records, gone.messages,
		    gone.last_ms);
	if (result == DB_DONE)
		result = store_db_commit(db);
	if (result != DB_DONE) {
		store_db_undo(db);
		return result;
	}
	retain->discarded = (unsigned long)(gone.records + gone.messages);
	retain->orphans = retain->orphans || gone.messages > 0;
	return DB_DONE;
}

static enum db_result
step_age(struct retain *retain, struct store_db *db, int64_t now_ms, bool *more)
{
	int64_t before = now_ms - retain->keep_ms, hour = before / JOURNAL_HOUR_MS;
	sqlite3_int64 oldest;
	enum db_result result;

	if (retain->keep_ms == 0)
		return DB_DONE;
	result = store_db_number(db, store_db_statement(db, DB_RECORD_OLDEST), INT64_MAX,
	    &oldest);
	if (result != DB_DONE)
		return result;
	*more = oldest < before;
	if (*more)
		return throw_away(retain, db, "age", true, before);
	result = store_db_number(db, store_db_statement(db, DB_ROLLUP_OLDEST), INT64_MAX,
	    &oldest);
	*more = result == DB_DONE && oldest < hour;
	return *more ? throw_away(retain, db, "age", false, hour) : result;
}

/* ------------------------------------------------------------------ *
 * Size
 * ------------------------------------------------------------------ */

/*
 * Bytes that the records take. Ids are given in a row and go from the oldest on, so
 * that they count the rows.
 */
static enum db_result
weigh_records(struct store_db *db, sqlite3_int64 *bytes)
{
	sqlite3_int64 rows, each;
	enum db_result result;

	result = store_db_number(db, store_db_statement(db, DB_RECORD_SPAN), 0, &rows);
	if (result == DB_DONE)
		result = store_db_number(db, store_db_statement(db, DB_RECORD_SAMPLE), 0,
		    &each);
	*bytes = result == DB_DONE ? rows * each : 0;
	return result;
}

static enum db_result
step_size(struct retain *retain, struct store_db *db, bool *more)
{
	struct pages pages = { 0, 0, 0 };
	sqlite3_int64 used, records = 0;
	enum db_result result;

	if (retain->max_bytes == 0)
		return DB_DONE;
	result = count_pages(db, &pages);
	used = (pages.all - pages.free) * pages.size;
	if (used > retain->max_bytes)
		retain->shrinking = true;
	else if (used <= retain->max_bytes - retain->max_bytes / 64)
		retain->shrinking = false;
	if (result != DB_DONE || !retain->shrinking)
		return result;
	result = weigh_records(db, &records);
	if (result != DB_DONE)
		return result;
	result = throw_away(retain, db, "size", records > used / 2, INT64_MAX);
	/* Where one of them is empty, the other has it all. */
	if (result == DB_DONE && retain->discarded == 0)
		result = throw_away(retain, db, "size", records <= used / 2, INT64_MAX);
	*more = retain->discarded > 0;
	if (!*more)
		retain->shrinking = false;
	return result;
}

static enum db_result
step_vacuum(struct store_db *db, bool *more)
{
	struct pages pages = { 0, 0, 0 };
	enum db_result result = count_pages(db, &pages);

	*more = result == DB_DONE && pages.free > FREE_PAGES_MAX;
	return *more ? store_db_run(db, store_db_statement(db, DB_VACUUM)) : result;
}

/* ------------------------------------------------------------------ *
 * What nothing refers to any more
 * ------------------------------------------------------------------ */

struct sweep {
	enum db_statement look, remove;
	sqlite3_int64 orphans[STEP_SWEEP];
	int seen, found;
};

static enum db_result
look_for_orphans(struct store_db *db, struct sweep *sweep, sqlite3_int64 *swept)
{
	sqlite3_stmt *statement = store_db_statement(db, sweep->look);
	enum db_result result;
	bool row;

	(void)sqlite3_bind_int64(statement, 1, *swept);
	(void)sqlite3_bind_int(statement, 2, STEP_SWEEP);
	while ((result = store_db_step(db, statement, &row)) == DB_DONE && row) {
		*swept = sqlite3_column_int64(statement, 0);
		sweep->seen++;
		if (sqlite3_column_int(statement, 1) == 0 && sweep->found < STEP_SWEEP)
			sweep->orphans[sweep->found++] = *swept;
	}
	return result;
}

static enum db_result
sweep_some(struct store_db *db, struct sweep *sweep, sqlite3_int64 *swept)
{
	enum db_result result = store_db_begin(db);

	if (result == DB_DONE)
		result = look_for_orphans(db, sweep, swept);
	for (int i = 0; i < sweep->found && result == DB_DONE; i++) {
		sqlite3_stmt *statement = store_db_statement(db, sweep->remove);

		(void)sqlite3_bind_int64(statement, 1, sweep->orphans[i]);
		result = store_db_run(db, statement);
	}
	if (result == DB_DONE)
		result = store_db_commit(db);
	if (result != DB_DONE)
		store_db_undo(db);
	return result;
}

static enum db_result
step_sweep(struct retain *retain, struct store_db *db, int64_t now_ms, bool *more)
{
	bool certificates = retain->sweeping_certificates;
	struct sweep sweep = {
		.look = certificates ? DB_CERTIFICATE_SWEEP : DB_FACTS_SWEEP,
		.remove = certificates ? DB_CERTIFICATE_DELETE : DB_FACTS_DELETE,
	};
	enum db_result result;

	*more = retain->orphans && now_ms >= retain->sweep_at;
	if (!*more)
		return DB_DONE;
	result = sweep_some(db, &sweep, &retain->swept);
	if (result != DB_DONE)
		return result;
	retain->facts_removed = !certificates && sweep.found > 0;
	if (sweep.seen < STEP_SWEEP) {
		retain->swept = 0;
		retain->sweeping_certificates = !certificates;
		retain->orphans = !certificates;
		retain->sweep_at = certificates ? now_ms + SWEEP_EVERY_MS : 0;
	}
	return DB_DONE;
}

enum db_result
retain_step(struct retain *retain, struct store_db *db, int64_t now_ms, bool *more)
{
	enum db_result result;

	*more = false;
	retain->discarded = 0;
	retain->facts_removed = false;
	result = step_age(retain, db, now_ms, more);
	if (result == DB_DONE && !*more)
		result = step_size(retain, db, more);
	if (result == DB_DONE && !*more)
		result = step_sweep(retain, db, now_ms, more);
	if (result == DB_DONE && !*more)
		result = step_vacuum(db, more);
	return result;
}
