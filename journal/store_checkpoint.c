/*
 * store_checkpoint.c - moving what is in the write-ahead log into the database.
 *
 * It waits for the disk, and so has a thread and a connection of its own: the writer
 * goes on meanwhile. A writer that never pauses outruns it, though, and the log's file
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

static void *
checkpointer_run(void *argument)
{
	struct journal_store *store = argument;
	struct checkpointer *checkpointer = &store->checkpointer;
	int result = SQLITE_OK;

	for (;;) {
		while (sem_wait(&checkpointer->wanted) != 0)
			continue;
		if (atomic_load(&checkpointer->stopping))
			return NULL;
		(void)pthread_mutex_lock(&checkpointer->lock);
		if (store->db.second != NULL)
			result = sqlite3_wal_checkpoint_v2(store->db.second, NULL,
			    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		(void)pthread_mutex_unlock(&checkpointer->lock);
		atomic_store(&checkpointer->result, result);
		atomic_store(&checkpointer->working, false);
	}
}

int
checkpointer_start(struct journal_store *store)
{
	struct checkpointer *checkpointer = &store->checkpointer;
	int error;

	(void)sem_init(&checkpointer->wanted, 0, 0);
	(void)pthread_mutex_init(&checkpointer->lock, NULL);
	error = pthread_create(&checkpointer->thread, NULL, checkpointer_run, store);
	if (error != 0) {
		(void)pthread_mutex_destroy(&checkpointer->lock);
		(void)sem_destroy(&checkpointer->wanted);
	}
	return error;
}

void
checkpointer_stop(struct journal_store *store)
{
	struct checkpointer *checkpointer = &store->checkpointer;

	atomic_store(&checkpointer->stopping, true);
	(void)sem_post(&checkpointer->wanted);
	(void)pthread_join(checkpointer->thread, NULL);
}

void
checkpointer_kick(struct journal_store *store)
{
	if (!atomic_exchange(&store->checkpointer.working, true))
		(void)sem_post(&store->checkpointer.wanted);
}

/* Little is left to do where the other thread has just been at it. */
static int
checkpointer_help(struct journal_store *store)
{
	struct checkpointer *checkpointer = &store->checkpointer;
	int64_t now = store_clock_ms();
	int result;

	if (now < store->writer.own_checkpoint_at ||
	    pthread_mutex_trylock(&checkpointer->lock) != 0)
		return SQLITE_OK;
	store->writer.own_checkpoint_at = now + OWN_EVERY_MS;
	result = sqlite3_wal_checkpoint_v2(store->db.db, NULL, SQLITE_CHECKPOINT_PASSIVE,
	    NULL, NULL);
	(void)pthread_mutex_unlock(&checkpointer->lock);
	return result;
}

/* Only damage is trouble: of what cannot be moved yet, nothing is lost. */
void
checkpointer_want(struct journal_store *store)
{
	int code = atomic_load(&store->checkpointer.result);

	if (store_db_judge(code) == DB_DONE && store->db.wal_pages >= LARGE_PAGES)
		code = checkpointer_help(store);
	else if (store->db.wal_pages >= WANTED_PAGES)
		checkpointer_kick(store);
	if (store_db_judge(code) == DB_CORRUPT)
		(void)store_db_refuse(&store->db, DB_CORRUPT, sqlite3_errstr(code));
}

void
checkpointer_close(struct journal_store *store, bool keep)
{
	(void)pthread_mutex_lock(&store->checkpointer.lock);
	store_db_close(&store->db, keep);
	(void)pthread_mutex_unlock(&store->checkpointer.lock);
}
