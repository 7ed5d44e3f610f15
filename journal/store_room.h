/*
 * store_room.h - the store from inside: files, database, what is in memory, threads.
 *
 * What is said to be for one thread is the writer's.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_STORE_ROOM_H
#define TLSWARD_JOURNAL_STORE_ROOM_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "journal/record.h"
#include "policy/policy.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/table.h"

/* ------------------------------------------------------------------ *
 * The database: for one thread
 * ------------------------------------------------------------------ */

/* What is to be done after a call. */
enum db_result {
	DB_DONE,
	DB_AGAIN,		/* not now: locked, full, no memory */
	DB_LOST,		/* the connection is of no use any more */
	DB_MOVED,		/* the files were removed or renamed */
	DB_CORRUPT,		/* nor is the file */
	DB_REFUSED,		/* a file that is not ours to touch */
	DB_UNFIT		/* this row cannot be written, others can */
};

enum db_statement {
	DB_BEGIN, DB_COMMIT, DB_ROLLBACK,
	DB_RECORD_ADD, DB_CERTIFICATE_FIND, DB_CERTIFICATE_ADD, DB_FACTS_FIND,
	DB_FACTS_ADD, DB_ROLLUP_ADD, DB_DISCARD,
	DB_USED_BYTES, DB_FREE_PAGES, DB_VACUUM,
	DB_RECORD_OLDEST, DB_RECORD_BYTES, DB_RECORD_DELETE,
	DB_ROLLUP_OLDEST, DB_ROLLUP_DELETE,
	DB_FACTS_SOME, DB_FACTS_SWEEP, DB_CERTIFICATE_SOME, DB_CERTIFICATE_SWEEP,
	DB_TLS_SEEN,
	DB_HANDSHAKE_ADD, DB_HANDSHAKE_OLDEST, DB_HANDSHAKE_DELETE,
	DB_DELIVERY_ADD, DB_DELIVERY_OLDEST, DB_DELIVERY_DELETE,
	DB_TROUBLE_ADD, DB_TROUBLE_OLDEST, DB_TROUBLE_DELETE,
	DB_WATCHED_GET, DB_WATCHED_ADD, DB_WATCHED_SET,
	DB_POSITION_GET, DB_POSITION_SET,
	DB_REDO_SET, DB_NODE_SET, DB_POLICY_ADD, DB_POLICY_DELETE,
	DB_STATEMENTS
};

/* The database, its write-ahead log and the index of that. */
#define STORE_SUFFIXES { "", "-wal", "-shm" }
#define STORE_FILES 3

struct store_files {
	dev_t devices[STORE_FILES];
	ino_t inodes[STORE_FILES];
};

#define DB_ERROR_MAX 256

/*
 * Once a call failed, those that run statements do nothing, until the writer begins
 * anew and sets "result" to DB_DONE.
 */
struct store_db {
	const char *path;		/* borrowed */
	sqlite3 *db;			/* NULL: not open */
	sqlite3 *second;		/* for checkpoints in another thread */
	sqlite3_stmt *statements[DB_STATEMENTS];
	struct store_files files;
	int wal_pages;			/* after the last commit */
	enum db_result result;		/* of the call that failed, or DB_DONE, */
	char error[DB_ERROR_MAX];	/* and the words for it */
};

/*
 * Opens the journal at "path", or makes it, or migrates it. The other opens what is
 * there already and as it is, for another process than the daemon.
 */
void store_db_open(struct store_db *store, const char *path);
void store_db_join(struct store_db *store, const char *path);

/* Closes it. With "keep", the write-ahead log is left as it is. */
void store_db_close(struct store_db *store, bool keep);

/* Prepares all statements. */
bool store_db_prepare(struct store_db *store);

/* The statement, reset, with "count" numbers bound from the first parameter on. */
sqlite3_stmt *store_db_statement(struct store_db *store, enum db_statement which,
    int count, const int64_t *numbers);

/*
 * Binds the columns of a table, from the parameter "first" on; returns where the next
 * ones are.
 */
const char *store_db_bind(sqlite3_stmt *statement, int first, unsigned table,
    const char *columns);

/* Runs a statement that gives no row (or whose rows do not matter). */
void store_db_run(struct store_db *store, sqlite3_stmt *statement);

/* Takes one step: whether there is a row. The statement is reset where there is none. */
bool store_db_step(struct store_db *store, sqlite3_stmt *statement);

/* The one number that the statement gives; "none" where it gives none. */
sqlite3_int64 store_db_number(struct store_db *store, sqlite3_stmt *statement,
    sqlite3_int64 none);

/*
 * A transaction that writes. A commit returns whether it was one: where anything failed
 * all is undone. Undoing cannot fail.
 */
void store_db_begin(struct store_db *store);
bool store_db_commit(struct store_db *store);
void store_db_undo(struct store_db *store);

/* Whether the row was unfit; that is no failure any more. */
bool store_db_was_unfit(struct store_db *store);

/*
 * Adds at most "max" records of a list in the transaction that was begun; "count" is how
 * many, "unfit" how many of them the database does not take: they are given up, for others
 * wait behind them.
 */
void store_db_records(struct store_db *store, const struct row *rows, size_t max,
    size_t *count, size_t *unfit);

/*
 * Looks whether the files still have their names (else DB_MOVED), and whether nobody
 * wrote over them, or cut them (DB_CORRUPT).
 */
void store_db_look(struct store_db *store);

/* What is not in the journal, or no longer: messages that were rolled up, one by one. */
struct dropped {
	int64_t records, messages, watched, last_ms;
};

/* Adds to what the table "discarded" tells. */
void store_db_discard(struct store_db *store, const char *why,
    const struct dropped *dropped);

/* Adds to a value of the table "watched" (DB_WATCHED_ADD), or sets it (DB_WATCHED_SET). */
void store_db_note(struct store_db *store, enum db_statement how, const char *name,
    int64_t value);
#define NOTE_HANDSHAKE_BYTES "bytes handshake"
#define NOTE_DELIVERY_BYTES "bytes delivery"
#define NOTE_TROUBLE_BYTES "bytes trouble"

/* What an SQLite result code means to us. */
enum db_result store_db_judge(int code);

/* Whether the code is no failure; one is kept. The other keeps one, and is false. */
bool store_db_did(struct store_db *store, int code);
bool store_db_refuse(struct store_db *store, enum db_result result, const char *why);

/* ------------------------------------------------------------------ *
 * What is thrown away, in small steps
 * ------------------------------------------------------------------ */
/*
 * By age: what is older than "keep_ms". By size: while the journal takes more than
 * "max_bytes", the largest of its parts (records, roll-ups, handshakes, deliveries, those
 * of them with trouble) gives up its oldest; so that refusals and handshakes, which are
 * written at a stranger's pace, never push out the history of partners below a fifth of
 * the room, and the other way round.
 */

struct retain {
	int64_t keep_ms;		/* 0: for ever */
	int64_t max_bytes;		/* 0: no limit */
	/* The rest is its own; all zero is a good start. */
	bool shrinking;			/* until it is well below the limit */
	bool orphans;			/* facts may be without a roll-up */
	bool sweeping_certificates;
	int64_t swept;			/* up to this id */
	int64_t sweep_at;		/* not before, milliseconds */
	unsigned long discarded;	/* by the last step */
	bool facts_removed;		/* by the last step */
	/* How far the time of day is ahead of the clock that is never set, milliseconds. */
	bool clocked;			/* there is one */
	int64_t ahead;			/* believed */
	int64_t stepped;		/* not yet, */
	int64_t stepped_at;		/* by the clock that is never set */
};

/*
 * The time of day as far as it is believed, given what it is said to be and a clock that
 * is never set. What is thrown away does not come back: a step counts after an hour.
 */
int64_t retain_clock(struct retain *retain, int64_t now_ms, int64_t steady_ms);

/*
 * Takes one step, in a transaction of its own; some milliseconds at most. Returns
 * whether there is more to do. What fails is undone.
 */
bool retain_step(struct retain *retain, struct store_db *db, int64_t now_ms);

/* ------------------------------------------------------------------ *
 * Accepted messages, rolled up in memory until they are written: for one thread
 * ------------------------------------------------------------------ */

/* How many sets of facts an hour may be open at a time. */
#define ROLLUPS_MAX 4096
#define ROLLUPS_BYTES_MAX (4u << 20)

/*
 * Whole addresses make sets of their own: so many an hour, of one rule and of all. What
 * comes from others is kept by its network.
 */
#define ROLLUPS_ADDRESSES 2048
#define ROLLUPS_ADDRESSES_RULE 128
#define ROLLUPS_RULES 1024		/* that are told apart; a power of two */

struct rollup_addresses {
	int64_t hour;
	size_t count;
	uint64_t seen[2 * ROLLUPS_ADDRESSES];	/* hashes of a rule and an address; 0: none */
	unsigned char of_rule[ROLLUPS_RULES];
};

struct rollup {
	struct row *row;		/* the first message's */
	int64_t hour;
	int64_t facts;			/* the row's id; 0: not known */
	unsigned long messages;		/* not written */
	int first, last;		/* milliseconds in the hour */
	bool writing;			/* in the transaction under way */
};

/* All zero is a good start. */
struct rollups {
	struct table table;		/* of the list, by facts and hour */
	struct rollup list[ROLLUPS_MAX];
	size_t count;
	size_t next;			/* where writing goes on */
	size_t bytes;
	size_t dirty;			/* those with messages that no one writes yet */
	unsigned long messages;		/* not written */
	struct rollup_addresses addresses;
};

/* Takes the row over and returns true, or returns false: there is no room. */
bool rollups_add(struct rollups *rollups, struct row *row);

/* Writes at most "max" of them in the transaction that was begun. */
void rollups_write(struct rollups *rollups, struct store_db *db, size_t max);

/* The transaction was committed; returns how many messages it wrote. */
unsigned long rollups_written(struct rollups *rollups);

/*
 * The transaction was undone, it is another database, or rows are gone: nothing is
 * known to be in the journal.
 */
void rollups_forget(struct rollups *rollups);

/* Frees those that have nothing to write, or all. */
void rollups_drop(struct rollups *rollups, bool all);

/* ------------------------------------------------------------------ *
 * Senders that fall back to clear text: for one thread
 * ------------------------------------------------------------------ */

/*
 * Each domain that used TLS before is told of once a day. What a stranger can provoke
 * is bounded: the look into the journal by a rate, the domains that are remembered by
 * a number.
 */
#define DOWNGRADE_WAITING 32		/* domains to look up */
#define DOWNGRADE_KNOWN 4096		/* looked up lately; a power of two */
#define DOWNGRADE_TOLD 4096		/* domains told of today */
/* What was said over TLS a moment before is then in the journal. */
#define DOWNGRADE_DELAY_MS 2000

#define DOWNGRADE_DOMAIN_MAX 256
#define DOWNGRADE_CLIENT_MAX 64

struct downgrade_case {
	char domain[DOWNGRADE_DOMAIN_MAX];
	char client[DOWNGRADE_CLIENT_MAX];	/* address; "": unknown */
	int64_t noted_ms;			/* as "now_ms" below */
	bool refused;
};

/* All zero is a good start. */
struct downgrades {
	struct hash_key seed;
	struct downgrade_case waiting[DOWNGRADE_WAITING];
	size_t waiting_count;
	uint64_t known[DOWNGRADE_KNOWN];	/* hashes of a domain and a time */
	uint64_t told[DOWNGRADE_TOLD];
	size_t told_count;
	int64_t day;				/* of "told" */
	int64_t second;				/* of "looked" */
	int looked;
};

/* Remembers a decision in clear text, to be looked up a little later. */
void downgrade_note(struct downgrades *downgrades, const struct row *row,
    int64_t now_ms);

/*
 * Looks one case up, where one is due. Appends a warning to "text" where it is a
 * downgrade. Where looking fails the case is forgotten.
 */
void downgrade_look(struct downgrades *downgrades, struct store_db *db,
    int64_t now_ms, struct buffer *text);

/* ------------------------------------------------------------------ *
 * Refusals that are safe, and not in the tables yet: under the store's lock
 * ------------------------------------------------------------------ */

/* The table "highest" has the number of the last one that is in the tables, by this name. */
#define REDO_NAME "redo"

struct redo_half {
	size_t size;			/* 0: to be filled */
	int64_t last;			/* number in it */
};

struct redo {
	int fd;				/* -1: none, or it is another process's */
	uint64_t journal;		/* a hash of whose it is */
	int64_t next;			/* number */
	struct redo_half halves[2];
	unsigned filling;
};

/*
 * Opens the file beside the journal at "path", which is open in "db", and has the lock of
 * it then: one process may. Returns the caller's rows that one left which was killed, in
 * their order. Where it is open already, only tells it which journal this is.
 */
struct row *redo_open(struct redo *redo, const char *path, sqlite3 *db);

/* Safe from the end of this process from now on. False: there is no room, or no file. */
bool redo_add(struct redo *redo, struct row *row);

/* All up to this number are in the tables. */
void redo_done(struct redo *redo, int64_t sequence);

/* With "empty", nothing is left in it. */
void redo_close(struct redo *redo, bool empty);

/* ------------------------------------------------------------------ *
 * What the threads share
 * ------------------------------------------------------------------ */

/* A thread that waits for its row's commit. Under the store's lock. */
struct row_waiter {
	pthread_cond_t ready;
	bool done;
};

/* The thread that moves what is in the write-ahead log into the database. */
struct checkpointer {
	pthread_t thread;
	bool started;			/* and not joined yet */
	atomic_bool working;		/* on db.second */
	int result;			/* SQLite's, once it works no more */
};

/* The writer's own: no other thread looks at it. */
struct writer {
	struct row *held;		/* records that are not committed yet */
	struct row **held_last;
	struct dropped dropping;	/* by the next transaction */
	int64_t wake_at;		/* monotonic milliseconds, as all of these; 0: now */
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
	unsigned long held_before;	/* how many waited for the end of trouble */
	unsigned long lost_before;	/* stats.lost when it began */
};

/* All zero: it was not said. */
struct policy_in_force {
	int64_t since_ms;
	char digest[POLICY_DIGEST_SIZE];
};

struct journal_store {
	char *path, *node, *policy_file;	/* of the options, which have others' */
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
	struct dropped dropped;		/* until the journal could be told */
	struct policy_in_force policy;
	struct redo redo;
	int64_t window;			/* of FLOOD_MS, and refusals in it, */
	int refusals;
	bool flood;			/* and whether they were many in the one before */
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
	atomic_bool untold;		/* the journal knows not yet whose it is, or the policy */
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

void store_say(struct journal_store *store, enum severity level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Accounts for a decision that never gets into the journal. Under the lock. */
void store_drop(struct journal_store *store, enum row_kind kind, int64_t time_ms);

/* The writer's thread. */
void *writer_run(void *store);

/* In store_trouble.c: what went wrong, and what is to be done about it. */
void trouble_handle(struct journal_store *store);
void trouble_over(struct journal_store *store);

/* Whoever waits for the row, or for any row, waits no more. Under the lock. */
void trouble_wake(struct row *row);
void trouble_release(struct journal_store *store);

/* Starts the checkpointer, unless it works. All of these are for the writer's thread. */
void checkpointer_kick(struct journal_store *store);

/* Waits for its end. Returns SQLite's code of its work; SQLITE_OK where it had none. */
int checkpointer_join(struct journal_store *store);

/* After a commit: sees to it that the write-ahead log does not grow for ever. */
void checkpointer_want(struct journal_store *store);

/* Closes the database once it has let go of it. */
void checkpointer_close(struct journal_store *store, bool keep);

#endif
