/*
 * store_trouble.c - when the journal cannot be written, and when it can be again.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_room.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS 1000

/* A disk that spoils one file after the other is not to be filled with them. */
#define ASIDE_EVERY_MS 10000

/* Trouble that comes and goes is told no more often than that. */
#define SAY_EVERY_MS 60000

void
trouble_wake(struct row *row)
{
	if (row->waiter == NULL)
		return;
	row->waiter->done = true;
	(void)pthread_cond_signal(&row->waiter->ready);
	row->waiter = NULL;
}

void
trouble_release(struct journal_store *store)
{
	for (struct row *row = store->writer.held; row != NULL; row = row->next)
		trouble_wake(row);
	for (struct row *row = store->first; row != NULL; row = row->next)
		trouble_wake(row);
}

static void
trouble_begin(struct journal_store *store, int64_t now)
{
	struct writer *writer = &store->writer;
	bool began;

	(void)pthread_mutex_lock(&store->lock);
	began = !store->trouble;
	store->trouble = true;
	trouble_release(store);
	(void)pthread_mutex_unlock(&store->lock);
	if (!began)
		return;
	writer->trouble_since = now;
	writer->said = false;
	writer->held_before = 0;
	writer->lost_before = atomic_load(&store->lost);
}

static void
trouble_say(struct journal_store *store, int64_t now, const char *what)
{
	struct writer *writer = &store->writer;

	if (writer->said || (writer->said_at != 0 && now - writer->said_at < SAY_EVERY_MS))
		return;
	writer->said = true;
	writer->said_at = now;
	store_say(store, SEVERITY_ERROR,
	    "%s: mail goes on by the policy, records are in "
	    "the log and held in memory until it can be written", what);
}

static void
trouble_enter(struct journal_store *store, const char *what)
{
	int64_t now = store_clock_ms();

	trouble_begin(store, now);
	trouble_say(store, now, what);
	store->writer.retry_at = now + RETRY_MS;
	store->writer.wake_at = store->writer.retry_at;
}

/* Try again at once: the cause is gone, or it will turn out what it is. */
static void
trouble_try_again(struct journal_store *store)
{
	store->writer.retry_at = 0;
	store->writer.wake_at = 0;
}

/* A name that nothing has yet. */
static bool
file_find_name(const char *path, int64_t now_ms, char *name, size_t size)
{
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm = { 0 };
	struct stat status;
	char stamp[32];

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	for (int i = 1; i < 100; i++) {
		int length = i == 1 ?
		    snprintf(name, size, "%s.corrupt-%s", path, stamp) :
		    snprintf(name, size, "%s.corrupt-%s-%d", path, stamp, i);

		if (length < 0 || (size_t)length >= size)
			break;
		if (lstat(name, &status) != 0 && errno == ENOENT)
			return true;
	}
	errno = ENAMETOOLONG;
	return false;
}

/* Whether renaming it does no harm to anybody else. */
static bool
file_is_ours(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return false;
	errno = EPERM;
	return S_ISREG(status.st_mode) && status.st_uid == geteuid();
}

/*
 * Renames a damaged journal, with what belongs to it, to PATH.corrupt-TIME; "name" (of
 * "size" bytes) is that name. Only a regular file of our own. False with errno set.
 */
static bool
file_set_aside(const char *path, int64_t now_ms, char *name, size_t size)
{
	static const char *const suffixes[] = STORE_SUFFIXES;
	char from[PATH_MAX + 8], to[PATH_MAX + 8];	/* and a suffix */

	if (!file_is_ours(path) || !file_find_name(path, now_ms, name, size) ||
	    rename(path, name) != 0)
		return false;
	/* Together they may yet be read; alone the old log would spoil a new journal. */
	for (int i = 1; i < STORE_FILES; i++) {
		(void)snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
		(void)snprintf(to, sizeof(to), "%s%s", name, suffixes[i]);
		if (rename(from, to) != 0 && errno != ENOENT)
			return false;
	}
	return true;
}

static void
trouble_set_aside(struct journal_store *store)
{
	struct writer *writer = &store->writer;
	int64_t now = store_clock_ms();
	char name[PATH_MAX], what[DB_ERROR_MAX + 64];

	checkpointer_close(store, true);
	if (writer->aside_at != 0 && now - writer->aside_at < ASIDE_EVERY_MS) {
		(void)snprintf(what, sizeof(what), "damaged again (%s)", store->db.error);
		trouble_enter(store, what);
		return;
	}
	if (!file_set_aside(store->path, store_now_ms(store), name, sizeof(name))) {
		(void)snprintf(what, sizeof(what), "damaged (%s), and cannot be renamed: "
		    "%s", store->db.error, strerror(errno));
		trouble_enter(store, what);
		return;
	}
	writer->aside_at = now;
	store_say(store, SEVERITY_ERROR,
	    "damaged (%s): set aside as %s, a new one is begun",
	    store->db.error, name);
	trouble_try_again(store);
}

/* What was committed to the old files is made whole there, for whoever has them. */
static void
trouble_leave_moved(struct journal_store *store)
{
	(void)checkpointer_join(store);
	(void)sqlite3_wal_checkpoint_v2(store->db.db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
	    NULL, NULL);
	checkpointer_close(store, true);
	store_say(store, SEVERITY_WARNING,
	    "removed or renamed while it was in use: opened "
	    "anew");
	trouble_try_again(store);
}

void
trouble_handle(struct journal_store *store)
{
	atomic_fetch_add(&store->errors, 1);
	switch (store->db.result) {
	case DB_MOVED:
		trouble_leave_moved(store);
		break;
	case DB_CORRUPT:
		trouble_set_aside(store);
		break;
	case DB_AGAIN:
		trouble_enter(store, store->db.error);
		/* On a full disk the log's file may yet have room, if it begins anew. */
		checkpointer_kick(store);
		break;
	default:
		trouble_enter(store, store->db.error);
		if (store->db.db != NULL)
			checkpointer_close(store, false);
		break;
	}
}

void
trouble_over(struct journal_store *store)
{
	struct writer *writer = &store->writer;
	unsigned long lost;
	bool over;

	(void)pthread_mutex_lock(&store->lock);
	over = store->trouble;
	store->trouble = false;
	store->full_said = false;
	(void)pthread_mutex_unlock(&store->lock);
	writer->retry_at = 0;
	if (!over || !writer->said)
		return;
	lost = atomic_load(&store->lost) - writer->lost_before;
	store_say(store, SEVERITY_WARNING,
	    "written again after %lld seconds: %lu decisions "
	    "were held in memory, %lu were lost",
	    (long long)((store_clock_ms() - writer->trouble_since + 500) / 1000),
	    writer->held_before, lost);
}
