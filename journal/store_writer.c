/*
 * store_writer.c - the thread that writes the journal.
 *
 * It takes all that is queued, rolls up in memory what is to be rolled up, and writes
 * one group after the other, each a transaction. Rows are its own from the moment they
 * are taken, and are freed when they are committed; so what could not be written is
 * still there, in its order, when the journal can be.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include "journal/store_room.h"

/* How much one transaction takes: what comes meanwhile waits for its end. */
#define GROUP_RECORDS 256
#define GROUP_ROLLUPS 128

/* How long roll-ups gather, and a look at what is to be thrown away. */
#define FLUSH_MS 1000
#define CHORES_MS 60000
#define CHORES_ROWS 512		/* or after so many: a flood fills a journal sooner */
#define CHORES_PAUSE_MS 5
#define CHORES_RETRY_MS 1000

/* ------------------------------------------------------------------ *
 * A group
 * ------------------------------------------------------------------ */

/* What was lost, as the journal itself tells it. */
static void
add_dropped(struct store_db *db, const struct dropped *dropping)
{
	if (dropping->records + dropping->messages > 0)
		store_db_discard(db, "memory", dropping);
}

/* The group is committed: its rows are nobody's any more. */
static void
finish_group(struct journal_store *store, size_t count, size_t unfit)
{
	struct writer *writer = &store->writer;
	struct row *done = writer->held, *row = done;
	int64_t redo = 0;
	bool stuck;

	/* Who is woken may look. */
	atomic_fetch_add(&store->lost, unfit);
	atomic_fetch_add(&store->written, count - unfit);
	(void)pthread_mutex_lock(&store->lock);
	if (store->trouble)
		writer->held_before = store->outstanding + store->rollups.messages;
	for (size_t i = 0; i < count; i++, row = row->next) {
		trouble_wake(row);
		redo = row->redo != 0 ? row->redo : redo;
		store->outstanding--;
		store->bytes -= row->size;
	}
	redo_done(&store->redo, redo);
	stuck = store->stuck;
	store->stuck = false;
	store->dropped.records -= writer->dropping.records;
	store->dropped.messages -= writer->dropping.messages;
	writer->dropping = (struct dropped){ 0 };
	(void)pthread_mutex_unlock(&store->lock);
	writer->held = row;
	writer->since_chores += count;
	if (writer->since_chores >= CHORES_ROWS)
		writer->chores_at = 0;
	if (row == NULL)
		writer->held_last = &writer->held;
	while (done != row) {
		struct row *next = done->next;

		free(done);
		done = next;
	}
	atomic_fetch_add(&store->written, rollups_written(&store->rollups));
	atomic_store(&store->rolled, store->rollups.messages);
	if (stuck)
		store_say(store, SEVERITY_WARNING, "answers again");
}

/*
 * Writes one transaction, where there is anything to write. It counts only if the
 * files still have their names when it is committed, and nobody wrote over them: it
 * could not be found.
 */
static void
write_group(struct journal_store *store, bool flush)
{
	struct store_db *db = &store->db;
	size_t count = 0, unfit = 0;

	store_db_begin(db);
	store_db_records(db, store->writer.held, GROUP_RECORDS, &count, &unfit);
	if (flush)
		rollups_write(&store->rollups, db, GROUP_ROLLUPS);
	add_dropped(db, &store->writer.dropping);
	if (store_db_commit(db))
		store_db_look(db);
	if (db->result != DB_DONE) {
		rollups_forget(&store->rollups);
		return;
	}
	finish_group(store, count, unfit);
	trouble_over(store);
	checkpointer_want(store);
}

/* ------------------------------------------------------------------ *
 * What is not urgent
 * ------------------------------------------------------------------ */

static void
warn_of_downgrades(struct journal_store *store)
{
	struct buffer text = BUFFER_INIT;

	if (store->downgrades.waiting_count == 0)
		return;
	downgrade_look(&store->downgrades, &store->db, store_now_ms(store), &text);
	if (!text.failed && text.length > 0) {
		atomic_fetch_add(&store->downgrades_told, 1);
		if (store->options.say != NULL)
			store->options.say(store->options.context, SEVERITY_WARNING,
			    text.text);
	}
	buffer_free(&text);
}

static void
writer_throw_away(struct journal_store *store, int64_t now)
{
	struct writer *writer = &store->writer;
	struct retain *retain = &store->retain;
	bool more;

	store_db_look(&store->db);
	if (store->db.result != DB_DONE)
		return;
	more = retain_step(retain, &store->db, retain_clock(retain,
	    store_now_ms(store), now));
	writer->since_chores = 0;
	writer->chores_at = now + (more ? CHORES_PAUSE_MS : CHORES_MS);
	atomic_fetch_add(&store->discarded, retain->discarded);
	if (retain->facts_removed)
		rollups_forget(&store->rollups);
}

static void
tell_policy(struct journal_store *store, const struct policy_in_force *policy)
{
	struct store_db *db = &store->db;
	sqlite3_stmt *add = store_db_statement(db, DB_POLICY_ADD, 1, &policy->since_ms);

	(void)sqlite3_bind_text(add, 2, policy->digest, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(add, 3, store->policy_file, -1, SQLITE_STATIC);
	store_db_run(db, add);
	store_db_run(db, store_db_statement(db, DB_POLICY_DELETE, 0, NULL));
}

/* Whose journal it is, and which policy is in force. */
static void
writer_tell(struct journal_store *store)
{
	struct store_db *db = &store->db;
	struct policy_in_force policy;
	sqlite3_stmt *set;

	if (!atomic_exchange(&store->untold, false))
		return;
	(void)pthread_mutex_lock(&store->lock);
	policy = store->policy;
	(void)pthread_mutex_unlock(&store->lock);
	store_db_begin(db);
	set = store_db_statement(db, DB_NODE_SET, 1,
	    (const int64_t[]){ store->options.node_is_set });
	(void)sqlite3_bind_text(set, 2, store->node, -1, SQLITE_STATIC);
	if (store->node != NULL)
		store_db_run(db, set);
	if (policy.since_ms != 0)
		tell_policy(store, &policy);
	if (store_db_commit(db))
		store_db_look(db);
	if (db->result != DB_DONE)
		atomic_store(&store->untold, true);
}

/* What a process left that was killed is written before all else. */
static void
open_redo(struct journal_store *store)
{
	struct writer *writer = &store->writer;
	struct row *rows, **last = &rows;

	(void)pthread_mutex_lock(&store->lock);
	rows = redo_open(&store->redo, store->path, store->db.db);
	for (; *last != NULL; last = &(*last)->next) {
		store->outstanding++;
		store->bytes += (*last)->size;
	}
	(void)pthread_mutex_unlock(&store->lock);
	if (rows == NULL)
		return;
	*last = writer->held;
	if (writer->held == NULL)
		writer->held_last = last;
	writer->held = rows;
}

/* What can wait until it is possible is no trouble. */
static void
do_chores(struct journal_store *store, int64_t now)
{
	warn_of_downgrades(store);
	if (store->db.result == DB_DONE)
		writer_tell(store);
	if (store->db.result == DB_DONE && now >= store->writer.chores_at) {
		if (store->redo.fd == -1)
			open_redo(store);
		writer_throw_away(store, now);
	}
	if (store->db.result == DB_AGAIN || store->db.result == DB_UNFIT) {
		atomic_fetch_add(&store->errors, 1);
		store_db_undo(&store->db);
		store->writer.chores_at = now + CHORES_RETRY_MS;
		store->db.result = DB_DONE;
	}
}

/* ------------------------------------------------------------------ *
 * The loop
 * ------------------------------------------------------------------ */

static void
open_journal(struct journal_store *store)
{
	store_db_open(&store->db, store->path);
	rollups_forget(&store->rollups);
	atomic_store(&store->untold, true);
	if (store->db.result != DB_DONE)
		return;
	store->writer.chores_at = 0;
	open_redo(store);
}

/* When to look again, if nothing comes before. */
static void
writer_plan(struct writer *writer, const struct journal_store *store)
{
	int64_t look_at = store_clock_ms() + DOWNGRADE_DELAY_MS / 4;

	writer->wake_at = writer->held != NULL ? 0 : writer->chores_at;
	if (store->rollups.dirty > 0 && writer->flush_at < writer->wake_at)
		writer->wake_at = writer->flush_at;
	if (store->downgrades.waiting_count > 0 && look_at < writer->wake_at)
		writer->wake_at = look_at;
}

/* Whether roll-ups are to be written now; some at a time, and not those that come. */
static bool
must_flush(struct journal_store *store, int64_t now, bool stopping)
{
	struct writer *writer = &store->writer;
	struct rollups *rollups = &store->rollups;

	if (rollups->dirty == 0)
		return false;
	if (writer->flush_left == 0 && (stopping || now >= writer->flush_at ||
	    rollups->dirty > ROLLUPS_MAX / 2)) {
		writer->flush_left = rollups->dirty;
		writer->flush_at = now;
	}
	return writer->flush_left > 0;
}

static void
note_flush(struct journal_store *store, int64_t now)
{
	struct writer *writer = &store->writer;

	writer->flush_left = writer->flush_left > GROUP_ROLLUPS ?
	    writer->flush_left - GROUP_ROLLUPS : 0;
	if (writer->flush_left == 0)
		writer->flush_at = now + FLUSH_MS;
}

static void
writer_work(struct journal_store *store, bool stopping)
{
	struct writer *writer = &store->writer;
	struct store_db *db = &store->db;
	int64_t now = store_clock_ms();
	bool flush, opening = db->db == NULL;

	if (now < writer->retry_at && !stopping) {
		writer->wake_at = writer->retry_at;
		return;
	}
	db->result = DB_DONE;
	if (opening)
		open_journal(store);
	flush = must_flush(store, now, stopping);
	if (db->result == DB_DONE && (writer->held != NULL || flush ||
	    writer->dropping.records + writer->dropping.messages > 0))
		write_group(store, flush);
	else if (db->result == DB_DONE && opening)
		trouble_over(store);
	if (db->result == DB_DONE && flush)
		note_flush(store, now);
	if (db->result == DB_DONE && !stopping)
		do_chores(store, now);
	if (db->result != DB_DONE) {
		trouble_handle(store);
		return;
	}
	writer->retry_at = 0;
	writer_plan(writer, store);
	if (stopping)
		writer->wake_at = writer->held != NULL || store->rollups.dirty > 0 ? 0 :
		    INT64_MAX;
}

/* Roll-ups that have no room are lost while they cannot be written. */
static void
writer_roll_up(struct journal_store *store, struct row *row)
{
	int64_t time_ms = row->time_ms;
	size_t size = row->size;
	bool added;

	added = rollups_add(&store->rollups, row);
	if (!added) {
		rollups_drop(&store->rollups, false);
		added = rollups_add(&store->rollups, row);
	}
	if (!added && store->db.db != NULL && store->writer.retry_at == 0) {
		store->writer.flush_at = 0;
		while (store->rollups.dirty > 0 && store->writer.retry_at == 0)
			writer_work(store, false);
		rollups_drop(&store->rollups, false);
		added = rollups_add(&store->rollups, row);
	}
	(void)pthread_mutex_lock(&store->lock);
	store->outstanding--;
	store->bytes -= size;
	if (!added)
		store_drop(store, ROW_MESSAGE, time_ms);
	(void)pthread_mutex_unlock(&store->lock);
	if (!added)
		free(row);
}

static void
writer_take(struct journal_store *store, struct row *rows)
{
	struct writer *writer = &store->writer;

	while (rows != NULL) {
		struct row *row = rows;

		rows = row->next;
		row->next = NULL;
		if (row->clear)
			downgrade_note(&store->downgrades, row, store_now_ms(store));
		if (row->kind == ROW_MESSAGE) {
			writer_roll_up(store, row);
			continue;
		}
		*writer->held_last = row;
		writer->held_last = &row->next;
	}
	atomic_store(&store->rolled, store->rollups.messages);
	(void)pthread_mutex_lock(&store->lock);
	writer->dropping = store->dropped;
	(void)pthread_mutex_unlock(&store->lock);
}

/* Waits until there is something to do; returns what was queued. */
static struct row *
writer_await(struct journal_store *store, bool *stopping)
{
	struct writer *writer = &store->writer;
	struct row *rows;

	(void)pthread_mutex_lock(&store->lock);
	while (!store->stopping) {
		int64_t until = store->due < writer->wake_at ? store->due :
		    writer->wake_at;
		struct timespec time = store_until(until);

		if (until <= store_clock_ms())
			break;
		(void)pthread_cond_timedwait(&store->filled, &store->lock, &time);
	}
	rows = store->first;
	store->first = NULL;
	store->last = &store->first;
	store->due = INT64_MAX;
	*stopping = store->stopping;
	(void)pthread_mutex_unlock(&store->lock);
	return rows;
}

/* What is left when nothing more can be done about it. */
static void
writer_give_up(struct journal_store *store)
{
	unsigned long left = store->rollups.messages;

	for (const struct row *row = store->writer.held; row != NULL; row = row->next)
		left += row->redo == 0;
	atomic_fetch_add(&store->lost, left);
	if (left > 0)
		store_say(store, SEVERITY_ERROR,
		    "%lu decisions could not be written to it "
		    "before the end: refusals among them are in the log", left);
}

void *
writer_run(void *argument)
{
	struct journal_store *store = argument;
	bool stopping = false;

	writer_work(store, false);
	while (!stopping || store->writer.wake_at == 0) {
		writer_take(store, writer_await(store, &stopping));
		writer_work(store, stopping);
	}
	writer_give_up(store);
	checkpointer_close(store, false);
	(void)pthread_mutex_lock(&store->lock);
	redo_close(&store->redo, store->writer.held == NULL);
	trouble_release(store);
	store->finished = true;
	(void)pthread_cond_signal(&store->ended);
	(void)pthread_mutex_unlock(&store->lock);
	return NULL;
}
