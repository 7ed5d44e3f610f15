/*
 * store.c - the journal as the threads see it that decide.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/store_room.h"

/* When a row is to be written at the latest, in milliseconds. */
#define REFUSED_MS 0
#define KEPT_MS 50
#define ROLLED_MS 1000

/*
 * A refusal waits for a commit of its own, unless so many came within the time: then it
 * is put where it is safe, and committed with others.
 */
#define FLOOD_MS 100
#define FLOOD_REFUSALS 16

/* So many rows are not left lying. */
#define QUEUE_HIGH 1024

/* How long a refusal waits for a writer that does not answer. */
#define STUCK_MS 2000

/* ------------------------------------------------------------------ *
 * Start and end
 * ------------------------------------------------------------------ */

static void
store_release(struct journal_store *store)
{
	free(store->path);
	free(store->node);
	free(store->policy_file);
	free(store);
}

static bool
store_copy(char **copy, const char *text)
{
	*copy = text != NULL ? strdup(text) : NULL;
	return *copy != NULL || text == NULL;
}

void
journal_store_free(struct journal_store **store)
{
	struct journal_store *old = *store;

	if (old == NULL)
		return;
	rows_free(old->first);
	rows_free(old->writer.held);
	rollups_drop(&old->rollups, true);
	(void)pthread_cond_destroy(&old->ended);
	(void)pthread_cond_destroy(&old->filled);
	(void)pthread_mutex_destroy(&old->lock);
	store_release(old);
	*store = NULL;
}

static struct journal_store *
store_new(const struct journal_options *options)
{
	struct journal_store *store = calloc(1, sizeof(*store));

	if (store == NULL || !store_copy(&store->path, options->path) ||
	    !store_copy(&store->node, options->node) ||
	    !store_copy(&store->policy_file, options->policy)) {
		if (store != NULL)
			store_release(store);
		errno = ENOMEM;
		return NULL;
	}
	store->options = *options;
	store->retain.keep_ms = options->keep_ms;
	store->retain.max_bytes = options->max_bytes;
	store->last = &store->first;
	store->redo.fd = -1;
	store->writer.held_last = &store->writer.held;
	(void)pthread_mutex_init(&store->lock, NULL);
	store_cond_init(&store->filled);
	store_cond_init(&store->ended);
	return store;
}

struct journal_store *
journal_store_start(const struct journal_options *options)
{
	struct journal_store *store = store_new(options);
	int error;

	if (store == NULL)
		return NULL;
	error = pthread_create(&store->thread, NULL, writer_run, store);
	if (error != 0) {
		journal_store_free(&store);
		errno = error;
	}
	return store;
}

bool
journal_store_stop(struct journal_store *store, int milliseconds)
{
	const struct timespec until = store_until(store_clock_ms() + milliseconds);
	bool finished;

	if (store == NULL)
		return true;
	(void)pthread_mutex_lock(&store->lock);
	store->stopping = true;
	(void)pthread_cond_signal(&store->filled);
	while (!store->finished &&
	    pthread_cond_timedwait(&store->ended, &store->lock, &until) != ETIMEDOUT)
		continue;
	finished = store->finished;
	(void)pthread_mutex_unlock(&store->lock);
	if (finished)
		(void)pthread_join(store->thread, NULL);
	else
		(void)pthread_detach(store->thread);
	return finished;
}

/* ------------------------------------------------------------------ *
 * Putting
 * ------------------------------------------------------------------ */

/* Waits for the row's commit. False: the writer does not answer, which is new. */
static bool
store_await(struct journal_store *store, struct row *row)
{
	const struct timespec until = store_until(store_clock_ms() + STUCK_MS);
	struct row_waiter waiter = { .done = false };
	bool answered = true;

	store_cond_init(&waiter.ready);
	row->waiter = &waiter;
	while (!waiter.done && answered)
		answered = pthread_cond_timedwait(&waiter.ready, &store->lock, &until) !=
		    ETIMEDOUT;
	/* Not done: the writer still has the row, and must not find us any more. */
	if (!waiter.done)
		row->waiter = NULL;
	answered = waiter.done || store->stuck;
	store->stuck = store->stuck || !waiter.done;
	(void)pthread_cond_destroy(&waiter.ready);
	return answered;
}

static void
store_append(struct journal_store *store, struct row *row, int delay_ms)
{
	int64_t due = store->trouble || delay_ms > 0 ? store_clock_ms() +
	    (store->trouble ? ROLLED_MS : delay_ms) : 0;

	*store->last = row;
	store->last = &row->next;
	store->outstanding++;
	store->bytes += row->size;
	if (store->outstanding >= QUEUE_HIGH && !store->trouble)
		due = 0;
	if (due < store->due) {
		store->due = due;
		(void)pthread_cond_signal(&store->filled);
	}
}

/* Whether refusals come in such numbers now. */
static bool
store_is_flooded(struct journal_store *store)
{
	int64_t window = store_clock_ms() / FLOOD_MS;

	if (window != store->window) {
		store->flood = window == store->window + 1 &&
		    store->refusals >= FLOOD_REFUSALS;
		store->window = window;
		store->refusals = 0;
	}
	store->refusals++;
	return store->flood || store->refusals > FLOOD_REFUSALS;
}

static bool
store_has_room(const struct journal_store *store, const struct row *row)
{
	return !store->stopping && store->outstanding < JOURNAL_HELD_MAX &&
	    store->bytes + row->size <= JOURNAL_HELD_BYTES_MAX;
}

/* Under the lock. What is to be said of it afterwards. */
enum news { NEWS_NONE, NEWS_STUCK, NEWS_FULL };

static enum news
store_put_row(struct journal_store *store, struct row **row, bool waits, int delay_ms)
{
	enum news news = NEWS_NONE;

	if (store_has_room(store, *row)) {
		struct row *put = *row;

		*row = NULL;
		if (waits && store_is_flooded(store) && redo_add(&store->redo, put)) {
			waits = false;
			delay_ms = KEPT_MS;
		}
		store_append(store, put, delay_ms);
		if (waits && !store->trouble && !store->stuck &&
		    !store_await(store, put))
			news = NEWS_STUCK;
		return news;
	}
	store_drop(store, (*row)->kind, (*row)->time_ms);
	if (!store->full_said && !store->stopping)
		news = NEWS_FULL;
	store->full_said = true;
	return news;
}

static void
store_say_news(struct journal_store *store, enum news news)
{
	if (news == NEWS_STUCK)
		store_say(store, SEVERITY_ERROR,
		    "no answer within %d seconds: mail goes on"
		    " by the policy, records are in the log and held in memory",
		    STUCK_MS / 1000);
	if (news == NEWS_FULL)
		store_say(store, SEVERITY_ERROR,
		    "as many records wait for it as are held"
		    " in memory (%d, or %u MB): those that come now will be missing in it",
		    JOURNAL_HELD_MAX, JOURNAL_HELD_BYTES_MAX >> 20);
}

void
journal_store_put(struct journal_store *store, const struct journal_record *record)
{
	const struct verdict *verdict;
	enum row_kind kind = ROW_MESSAGE;
	enum news news = NEWS_NONE;
	struct row *row;
	bool waits;

	if (store == NULL)
		return;
	verdict = record->verdict;
	waits = verdict->action != POLICY_ACCEPT;
	/*
	 * What could have been refused is kept in full, whatever the settings say, but our
	 * own mail, of which there is much.
	 */
	if (store->options.accepted_full || waits || verdict->would != POLICY_ACCEPT ||
	    (verdict->exempt && !record->facts->local &&
	    record->facts->sasl_username == NULL))
		kind = ROW_RECORD;
	row = row_new(record, kind);
	(void)pthread_mutex_lock(&store->lock);
	if (row == NULL)
		store_drop(store, kind, record->time_ms);
	else
		news = store_put_row(store, &row, waits, waits ? REFUSED_MS :
		    kind == ROW_RECORD ? KEPT_MS : ROLLED_MS);
	(void)pthread_mutex_unlock(&store->lock);
	free(row);
	store_say_news(store, news);
}

void
journal_store_policy(struct journal_store *store, const char *digest, int64_t since_ms)
{
	if (store == NULL)
		return;
	(void)pthread_mutex_lock(&store->lock);
	store->policy.since_ms = since_ms;
	(void)snprintf(store->policy.digest, sizeof(store->policy.digest), "%s", digest);
	atomic_store(&store->untold, true);
	store->due = 0;
	(void)pthread_cond_signal(&store->filled);
	(void)pthread_mutex_unlock(&store->lock);
}

void
journal_store_stats(struct journal_store *store, struct journal_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (store == NULL)
		return;
	(void)pthread_mutex_lock(&store->lock);
	stats->queue = store->outstanding;
	stats->trouble = store->trouble || store->stuck;
	(void)pthread_mutex_unlock(&store->lock);
	stats->queue += atomic_load(&store->rolled);
	stats->held = stats->trouble ? stats->queue : 0;
	stats->written = atomic_load(&store->written);
	stats->errors = atomic_load(&store->errors);
	stats->lost = atomic_load(&store->lost);
	stats->discarded = atomic_load(&store->discarded);
	stats->downgrades = atomic_load(&store->downgrades_told);
}
