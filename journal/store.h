/*
 * store.h - the journal: decisions in an SQLite database, and a thread that writes it.
 *
 * The promise: when journal_store_put() returns from a refusal or a quarantine, its
 * record is committed, or in a flood in a file beside the journal, so that the end of the
 * process (not of the power) no longer takes it away. Other messages that are kept in full follow within 50 ms, rolled-up
 * ones within a second or so.
 *
 * Where the journal cannot be written, put waits no longer: records are held in memory
 * up to a bound, what is beyond is counted, and the thread tries again every second.
 * Nothing here ever fails a message.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_STORE_H
#define TLSWARD_JOURNAL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

struct buffer;
struct journal_record;
struct journal_store;
struct sqlite3;
struct sqlite3_stmt;

/* What is held in memory for want of a journal: no more than this. */
#define JOURNAL_HELD_MAX 10000
#define JOURNAL_HELD_BYTES_MAX (16u << 20)

/* Strings are copied; zero in a number is "no limit". */
struct journal_options {
	const char *path;
	const char *node;		/* this host's name in a fleet; NULL: it has none */
	bool node_is_set;		/* else a journal keeps one with less or more domain */
	const char *policy;		/* the policy's file, as the settings name it; NULL */
	bool accepted_full;		/* no roll-ups */
	int64_t keep_ms;		/* how old a record becomes */
	int64_t max_bytes;		/* how large the journal becomes */
	/* Says something to the administrator; any of the store's threads, and put's. */
	void (*say)(void *context, enum severity level, const char *text);
	/* Milliseconds since the epoch, for retention; NULL: the system's clock. */
	int64_t (*now)(void *context);
	void *context;
};

struct journal_stats {
	unsigned long queue;		/* decisions that are on their way */
	unsigned long held;		/* those that wait for the end of trouble */
	unsigned long written;		/* decisions that are in the journal */
	unsigned long errors;		/* attempts to write that failed */
	unsigned long lost;		/* decisions that never got into the journal */
	unsigned long discarded;	/* that went by age and size, messages */
	unsigned long downgrades;	/* warnings */
	bool trouble;
};

/*
 * Starts the thread, which opens the journal or makes it: that it cannot is said, not
 * returned. Returns NULL with errno set when there is no memory or no thread. A
 * process that forks must do so before.
 */
struct journal_store *journal_store_start(const struct journal_options *options);

/*
 * Takes a decision over. Waits for the commit of what refuses or holds, unless it is safe
 * beside the journal already, or the journal is in trouble. Any thread; a store that is
 * NULL takes nothing.
 */
void journal_store_put(struct journal_store *store,
    const struct journal_record *record);

/*
 * Says which policy is in force, by its digest (policy_digest()), since when in Unix
 * milliseconds: the journal has it soon, where it is another than the one before, and a
 * new journal at its start. Any thread, waits for nothing; a store that is NULL takes
 * nothing.
 */
void journal_store_policy(struct journal_store *store, const char *digest,
    int64_t since_ms);

/* Any thread. All zero for a store that is NULL. */
void journal_store_stats(struct journal_store *store, struct journal_stats *stats);

/*
 * Writes what is held and ends the thread, within "milliseconds". False: it is stuck,
 * and left behind for the end of the process. What is put from then on is lost.
 */
bool journal_store_stop(struct journal_store *store, int milliseconds);

/* Frees *store, which must have stopped (true), and clears the pointer. NULL-safe. */
void journal_store_free(struct journal_store **store);

/* What stands at a journal's path, or in an open database. */
enum journal_look {
	JOURNAL_FINE,			/* a journal, or what may become one */
	JOURNAL_EMPTY,			/* a new file: nothing is in it */
	JOURNAL_OLDER,			/* to be made current by the daemon */
	JOURNAL_ABSENT,			/* no file, though a folder */
	JOURNAL_NO_FOLDER,
	JOURNAL_UNUSABLE,		/* errno, or sqlite3_errmsg(), says why */
	JOURNAL_NEWER,			/* of a newer tlsward */
	JOURNAL_FOREIGN			/* a database of another program, or no file */
};

/* Looks at the file as the effective user. Creates and changes nothing. */
enum journal_look journal_store_look(const char *path);

/* What is wrong there, in words. */
const char *journal_look_text(enum journal_look look);

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

/* What the open database holds, and of which version. Reads only. */
enum journal_look journal_look_at(struct sqlite3 *db);

/*
 * Opens an empty journal in memory, for what has the same tables. To be closed whatever
 * comes. Returns an SQLite result code.
 */
int journal_open_model(struct sqlite3 **db);

/*
 * Opens a journal of an older version for reading: what is asked of it by the tables of
 * today is answered by what it has, the rest is NULL, and it is not changed. To be closed
 * whatever comes. Returns an SQLite result code.
 */
int journal_open_older(const char *path, struct sqlite3 **db);

/* Whether it was opened so: its tables are views then, of which no index can be named. */
bool journal_is_older(struct sqlite3 *db);

/*
 * Waits, a second at most, until the journal at "path", open in "db", has all refusals that
 * were answered; those that a daemon left which was killed it writes itself. False: some
 * are still missing. A transaction that was begun before does not see them.
 */
bool journal_settle(struct sqlite3 *db, const char *path);

/* The hour in which a time is, as roll-ups have it; before the epoch too. */
#define JOURNAL_HOUR_MS INT64_C(3600000)
int64_t journal_hour(int64_t time_ms);

/*
 * Writes the network around an address, as roll-ups have it: the /24 or the /64
 * ("192.0.2.0/24"). False where it is no address.
 */
#define JOURNAL_NETWORK_SIZE 64
bool journal_network(const char *address, char network[JOURNAL_NETWORK_SIZE]);

/* Of a delivery: that it was sent below its agreement, and the record's action; as SQL. */
#define JOURNAL_SENT_BELOW "result = 'sent' AND verdict IN ('unmet', 'would')"
#define JOURNAL_SENT_ACTION \
	"CASE WHEN verdict = 'refused' THEN 'tempfail' WHEN result = 'sent' THEN 'accept' END"

/*
 * Rows as the records they were. A row has the columns of journal_row_columns(): first
 * those of the record's fields in their order (the time in milliseconds), then what
 * other rows have (kind: decision, handshake, delivery), then the id. It appends what
 * follows SELECT, of a table; of JOURNAL_ROLLUP that is rollup joined with facts and
 * certificate. Of several nodes' journals the caller adds one column: the node, or NULL.
 */
enum journal_table {
	JOURNAL_RECORD, JOURNAL_ROLLUP, JOURNAL_HANDSHAKE, JOURNAL_DELIVERY,
	JOURNAL_TROUBLE, JOURNAL_TABLES
};
void journal_row_columns(struct buffer *sql, enum journal_table table);

/* Appends the row as an object, as decide writes records: one line without its end. */
void journal_row_json(struct sqlite3_stmt *row, struct buffer *line);

/*
 * Appends the row, or the names of its columns, as a line of CSV (RFC 4180, with its
 * CRLF). Lists are JSON arrays. Control characters are escaped. A value that a
 * spreadsheet would take for a formula has an apostrophe before it.
 */
void journal_row_csv(struct sqlite3_stmt *row, struct buffer *line);
void journal_row_csv_names(struct buffer *line, bool of_nodes);

/* One value of a line of CSV, in the same way; no comma. "" for NULL. */
void journal_row_csv_value(const char *text, struct buffer *line);

/* The node; NULL: it is not known, or there is but one. */
const char *journal_row_node(struct sqlite3_stmt *row);

/* The column's text by the field's name, or NULL. */
const char *journal_row_text(struct sqlite3_stmt *row, const char *name);

/* Whether one of its texts has this one, whatever the case. */
bool journal_row_has(struct sqlite3_stmt *row, const char *text);

/* The row's time in milliseconds, its id, and how many it counts (0: it is one). */
int64_t journal_row_time(struct sqlite3_stmt *row);
int64_t journal_row_id(struct sqlite3_stmt *row);
int64_t journal_row_count(struct sqlite3_stmt *row);

#endif
