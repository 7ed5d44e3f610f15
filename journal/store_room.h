/*
 * store_room.h - the store from inside: what its threads share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_STORE_ROOM_H
#define TLSWARD_JOURNAL_STORE_ROOM_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "journal/downgrade.h"
#include "journal/journal.h"
#include "journal/retain.h"
#include "journal/rollup.h"
#include "journal/record.h"
#include "journal/store_db.h"

/* A thread that waits for its row's commit. Under the store's lock. */
struct row_waiter {
	pthread_cond_t ready;
	bool done;
};

/* What never got into the journal, until the journal could be told. */
struct dropped {
	sqlite3_int64 records, messages, last_ms;
};

/* The thread that moves what is in the write-ahead log into the database. */
struct checkpointer {
	pthread_t thread;
	sem_t wanted;
	pthread_mutex_t lock;		/* held while it works on db.second */
	atomic_bool working;
	atomic_bool stopping;
	atomic_int result;		/* SQLite's, of the last time */
};

/* The writer's own: no other thread looks at it. */
struct writer {
	struct row *held;		/* records that are not committed yet */
	struct row **held_last;
	struct dropped dropping;	/* in the transaction under way */
	int64_t wake_at;		/* monotonic milliseconds, as all of these */
	int64_t retry_at;
	int64_t flush_at;
	size_t flush_left;		/* roll-ups that this flush has yet to write */
	int64_t chores_at;
	size_t since_chores;		/* records that came since then */
	int64_t own_checkpoint_at;
	int64_t aside_at;		/* when a file was last set aside; 0: never */
	int64_t said_at;		/* when trouble was last told; 0: never */
	int64_t trouble_since;
	bool said;			/* this trouble was told */
	bool more;			/* there is work that need not wait */
	unsigned long held_before;	/* how many waited for the end of trouble */
	unsigned long lost_before;	/* stats.lost when it began */
};

struct journal_store {
	char *path;
	struct journal_options options;

	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_cond_t ended;
	/* Under the lock. */
	struct row *first;
	struct row **last;
	size_t outstanding;		/* rows that are queued or held, */
	size_t bytes;			/* and what they take */
	int64_t due;			/* when the queue is to be looked at */
	struct dropped dropped;
	bool trouble;
	bool stuck;			/* the writer does not answer */
	bool stopping;
	bool finished;
	bool full_said;

	pthread_t thread;
	struct checkpointer checkpointer;
	struct writer writer;
	struct store_db db;
	struct rollups rollups;
	struct downgrades downgrades;
	struct retain retain;

	atomic_ulong written, errors, lost, discarded, downgrades_told;
	atomic_ulong rolled;		/* messages in "rollups" that are not written */
};

/* Monotonic. */
int64_t store_clock_ms(void);

/* An absolute monotonic time for pthread_cond_timedwait(). */
struct timespec store_until(int64_t ms);

/* A condition that waits by that clock. */
void store_cond_init(pthread_cond_t *cond);

/* Milliseconds since the epoch, by the options. */
int64_t store_now_ms(const struct journal_store *store);

void store_say(struct journal_store *store, enum journal_level level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Accounts for a decision that never gets into the journal. Under the lock. */
void store_drop(struct journal_store *store, enum row_kind kind, int64_t time_ms);

/* The writer's thread. */
void *writer_run(void *store);

/* What the writer does between two looks at the queue. */
void writer_work(struct journal_store *store, bool stopping);

/* Takes rows that were queued. */
void writer_take(struct journal_store *store, struct row *rows);

/* In store_trouble.c: what went wrong, and what is to be done about it. */
void trouble_handle(struct journal_store *store, enum db_result result);
void trouble_over(struct journal_store *store);
void trouble_release(struct journal_store *store);

/* Closes the database once the checkpointer has let go of it. */
void writer_close(struct journal_store *store, bool keep);

/* The checkpointer. Starting returns 0 or an error. */
int checkpointer_start(struct journal_store *store);
void checkpointer_stop(struct journal_store *store);

/* Has it work, unless it does. */
void checkpointer_kick(struct journal_store *store);

/* After a commit: sees to it that the write-ahead log does not grow for ever. */
enum db_result checkpointer_want(struct journal_store *store);

#endif
