/*
 * store_checkpoint.c - moving what is in the write-ahead log into the database.
 *
 * It waits for the disk, and so each has a thread, and they a connection, of their own:
 * the writer goes on meanwhile. A writer that never pauses outruns it, though, and the log's file
 * begins anew only where nothing was left behind: so the writer helps once the file is
 * large.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_room.h"

/* Pages of the log, of 4 KB. */
#define WANTED_PAGES 4000
#define LARGE_PAGES 16384

#define OWN_EVERY_MS 1000

static int
checkpoint(sqlite3 *db)
{
	return sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void *
checkpointer_run(void *argument)
{
	struct journal_store *store = argument;

	store->checkpointer.result = checkpoint(store->db.second);
	atomic_store(&store->checkpointer.working, false);
	return NULL;
}

int
checkpointer_join(struct journal_store *store)
{
	struct checkpointer *checkpointer = &store->checkpointer;

	if (!checkpointer->started)
		return SQLITE_OK;
	(void)pthread_join(checkpointer->thread, NULL);
	checkpointer->started = false;
	return checkpointer->result;
}

void
checkpointer_kick(struct journal_store *store)
{
	struct checkpointer *checkpointer = &store->checkpointer;

	if (atomic_load(&checkpointer->working) || store->db.second == NULL)
		return;
	(void)checkpointer_join(store);
	atomic_store(&checkpointer->working, true);
	checkpointer->started = pthread_create(&checkpointer->thread, NULL,
	    checkpointer_run, store) == 0;
	if (!checkpointer->started)
		atomic_store(&checkpointer->working, false);
}

/* Only damage is trouble: of what cannot be moved yet, nothing is lost. */
void
checkpointer_want(struct journal_store *store)
{
	int64_t now = store_clock_ms();
	int code;

	if (atomic_load(&store->checkpointer.working))
		return;
	code = checkpointer_join(store);
	if (store_db_judge(code) == DB_DONE && store->db.wal_pages >= LARGE_PAGES) {
		/* Little is left to do where the other thread has just been at it. */
		if (now < store->writer.own_checkpoint_at)
			return;
		store->writer.own_checkpoint_at = now + OWN_EVERY_MS;
		code = checkpoint(store->db.db);
	} else if (store->db.wal_pages >= WANTED_PAGES) {
		checkpointer_kick(store);
	}
	if (store_db_judge(code) == DB_CORRUPT)
		(void)store_db_refuse(&store->db, DB_CORRUPT, sqlite3_errstr(code));
}

void
checkpointer_close(struct journal_store *store, bool keep)
{
	(void)checkpointer_join(store);
	store_db_close(&store->db, keep);
}
