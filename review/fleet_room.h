/*
 * fleet_room.h - what the parts of reading a fleet share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_FLEET_ROOM_H
#define TLSWARD_REVIEW_FLEET_ROOM_H

#include <libpq-fe.h>

#include "review/fleet.h"
#include "base/buffer.h"

/* The step of the schema that this program knows, of table version. */
#define FLEET_STEP 1

/* ------------------------------------------------------------------ *
 * A connection
 * ------------------------------------------------------------------ */

/* What every question has: $1 to $7; arrays of journals in the same order. */
enum fleet_parameter {
	FLEET_NUMBERS,		/* int[]: of the journals that are asked */
	FLEET_KEYS,		/* text[]: their journal and node, as one */
	FLEET_NODE,		/* text: the one node; NULL: all */
	FLEET_NODES,		/* text[] */
	FLEET_JOURNALS,		/* text[] */
	FLEET_APART,		/* int[]: the sets of facts whose rows fleet_sum() leaves apart */
	FLEET_OWN,		/* int[]: these, and those of agreements */
	FLEET_PARAMETERS
};

/* Rows of a table that are asked for by their id, in the order of that. */
struct fleet_block {
	PGresult *rows;
	const void *table;		/* struct fleet_table */
	int64_t first, last;		/* all ids in between are there, or there is no such */
	unsigned used;			/* when, by fleet->uses */
	int readers;
};
#define FLEET_BLOCKS 512
#define FLEET_BLOCK_ROWS 512

/* The tables of fleet_sum(). */
enum fleet_summed_table { FLEET_SPANS, FLEET_HOURS_LEFT, FLEET_TOTALS, FLEET_SETS, FLEET_SUMMED };

struct fleet {
	PGconn *connection;
	char *name;			/* without secrets */
	char *parameters[FLEET_PARAMETERS];
	PGresult *journals;		/* of each its number and its node */
	char trouble[REVIEW_ERROR_MAX];	/* what went wrong first; "": nothing */
	unsigned cursors;		/* how many there were: a name for the next */
	unsigned uses;
	struct fleet_block blocks[FLEET_BLOCKS];
	/* Those of fleet_sum(): the questions behind its tables; and one that was sent. */
	char *summed[FLEET_SUMMED];
	bool few;			/* they are of one domain */
	PGconn *second;			/* or NULL */
	char *sent;			/* on that, its answer not read yet; NULL: none */
};

/* The parameters' types, as PostgreSQL numbers them, which never change. */
#define FLEET_BYTEA 17
#define FLEET_INT8 20
#define FLEET_INT2 21
#define FLEET_INT4 23
#define FLEET_TEXT 25
#define FLEET_INT4_ARRAY 1007
#define FLEET_TEXT_ARRAY 1009
#define FLEET_INT8_ARRAY 1016
#define FLEET_TIMESTAMPTZ 1184

/* The type of $1 and so on. */
Oid fleet_parameter_type(enum fleet_parameter parameter);

/* Connects, and finds the journals. NULL: "error" says why. */
struct fleet *fleet_connect(const char *path, const char *node,
    char error[REVIEW_ERROR_MAX]);

/*
 * Connects once more, as "second", for what is to be read meanwhile, and of the same moment.
 * False: that cannot be had, and there is no second.
 */
bool fleet_connect_second(struct fleet *fleet);

void fleet_free(struct fleet **fleet);	/* NULL-safe, clears */

/*
 * The node of a record or of trouble by its id here, which has the journal's number above
 * so many bits; of 0, which is no id, the one node that is asked. NULL: there is none.
 */
#define FLEET_ID_BITS 40
const char *fleet_node_of(const struct fleet *fleet, int64_t id);

/* A member of an array, as PostgreSQL reads one; begin with "{" and end with "}". */
void fleet_array_add(struct buffer *array, const char *text);

/* ------------------------------------------------------------------ *
 * What went wrong
 * ------------------------------------------------------------------ */

/* Says why there is no connection; and why a question has no answer ("result" or NULL). */
void fleet_say_unconnected(const struct fleet *fleet, char error[REVIEW_ERROR_MAX]);
void fleet_say_failed(const struct fleet *fleet, const PGresult *result,
    char error[REVIEW_ERROR_MAX]);

/* ------------------------------------------------------------------ *
 * Tables
 * ------------------------------------------------------------------ */

enum fleet_unit {
	FLEET_PLAIN,
	FLEET_MS,		/* timestamptz; here milliseconds since the epoch */
	FLEET_HOURS		/* timestamptz; here hours since then */
};

/* A column that is not simply the one of that name. */
struct fleet_column {
	const char *table, *name;
	const char *sql;	/* NULL: the column of that name */
	enum fleet_unit unit;
	bool made;		/* of several rows: no condition of one */
};

/* A table, and what it is in PostgreSQL. */
struct fleet_table {
	const char *name;
	const char *of[3];	/* the journal's tables whose columns it has; or: */
	const char *declared;	/* what it has; the first column is its key */
	const char *from, *where, *group;	/* from NULL: fleet->summed[made] */
	enum fleet_summed_table made;
	/* Where columns of of[2] are asked for, too: */
	const char *more_from, *more_group;
	double rows;		/* a guess of how many */
	bool blocks;		/* its rows are kept by id */
};

/* Those there are, up to one without a name. */
extern const struct fleet_table fleet_tables[];

/* What is special about a column, or NULL. */
const struct fleet_column *fleet_column_find(const char *table, const char *name);

struct fleet_field {
	char *name;
	const struct fleet_column *special;	/* or NULL */
	bool is_text;		/* else an integer */
	bool filled;		/* never NULL */
	bool more;		/* of the table of[2] */
	int key;		/* its place in the key; 0: none */
};

/* A column that is asked for has a bit in what SQLite tells of them. */
#define FLEET_FIELDS_MAX 63

struct fleet_vtab {
	sqlite3_vtab base;
	struct fleet *fleet;
	const struct fleet_table *table;
	struct fleet_field fields[FLEET_FIELDS_MAX];
	int count;
};

/* ------------------------------------------------------------------ *
 * Roll-ups that PostgreSQL adds up
 * ------------------------------------------------------------------ */

#define FLEET_CUTS 3
#define FLEET_UNTIL 1		/* the one that begins the hour in which the period ends */

/* What is to be added up. Times are hours since the epoch. */
struct fleet_summed {
	int64_t from, to;
	int64_t since, until;		/* of the period; "until" is not in it */
	int64_t hourly_from, hourly_to;	/* where each hour is a row of its own */
	bool daily;			/* each day is */
	bool by_rule;			/* sets of facts of the default rule alone may be left out */
	const char *domain;		/* as a review has it; NULL: all */
	int64_t recent;			/* nor of hosts under agreements across this */
	int64_t cuts[FLEET_CUTS];	/* nothing is put together across these */
};

/*
 * Makes the tables "summed_spans" and "summed_hours" (together roll-ups, in the order of
 * (first, summed) as good as those of each hour and journal; "way" is an enum row_way),
 * "summed_total" (what of these is not "charted", by day and by TLS) and "summed_set" (the
 * sets of facts that rows are of, but of a few). Returns how many summaries are read; 0: none,
 * and there are no such tables; -1: it failed, see "trouble", or memory is short.
 */
int fleet_sum(struct fleet *fleet, const struct fleet_summed *asked);

/* Has its questions planned as they are best done ("few": for a few sets), or others again. */
void fleet_sum_plans(PGconn *connection, bool few, bool ours);
void fleet_sum_clear(struct fleet *fleet);

/* ------------------------------------------------------------------ *
 * Questions
 * ------------------------------------------------------------------ */

/*
 * How a question is put down for SQLite to keep: the columns that are asked for, in
 * hexadecimal; a letter for each value that is to come; what PostgreSQL is asked; with a
 * blank between them. Letters: of an integer i, of milliseconds m, of hours h, of a text t: no
 * row where it is NULL; of IS j and u; and lists I and T.
 */
#define FLEET_PLAN_SCAN 0
#define FLEET_PLAN_ID 1		/* one row by its id, of what is kept in blocks */

/* xBestIndex of SQLite's. */
int fleet_plan(sqlite3_vtab *base, sqlite3_index_info *info);

/* Appends a column as PostgreSQL is asked for it. */
void fleet_plan_column(struct buffer *sql, const struct fleet_field *field);

/* ------------------------------------------------------------------ *
 * Answers
 * ------------------------------------------------------------------ */

/* A question that was asked, and the rows of it that are here. */
struct fleet_cursor {
	sqlite3_vtab_cursor base;
	unsigned number;		/* of the cursor in PostgreSQL; 0: there is none */
	uint64_t used;			/* the columns that the rows have */
	PGresult *rows;
	struct fleet_block *block;	/* or: the rows are its */
	int row, wanted;		/* so many were asked for at a time */
	bool ended;			/* there are no more than these */
};

/* Begins to read what a plan and its values ask for. An SQLite result code. */
int fleet_scan_begin(struct fleet_cursor *cursor, const char *plan, int count,
    sqlite3_value **values);

/* Gets further rows. */
int fleet_scan_more(struct fleet_cursor *cursor);
void fleet_scan_end(struct fleet_cursor *cursor);

/* The row of an id, out of a block. */
int fleet_block_find(struct fleet_cursor *cursor, sqlite3_value *id);

/* Gives SQLite the value of a column. */
void fleet_value(sqlite3_context *context, const struct fleet_field *field,
    const PGresult *rows, int row, int column);

/* Notes what failed, for fleet_trouble() and SQLite. Returns SQLITE_IOERR. */
int fleet_fail(struct fleet_vtab *vtab, const PGresult *result);

#endif
