/*
 * ship_room.h - what sends the journal, from inside: streams, their source and target.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_SHIP_ROOM_H
#define TLSWARD_JOURNAL_SHIP_ROOM_H

#include <sqlite3.h>
#include <stddef.h>

#include "journal/record.h"
#include "journal/ship.h"
#include "base/buffer.h"

/* ------------------------------------------------------------------ *
 * Streams: what is read here and written there
 * ------------------------------------------------------------------ */

/* How a column comes from SQLite, and what it is in PostgreSQL. */
enum ship_type {
	SHIP_TEXT,			/* text */
	SHIP_INT,			/* int or bigint */
	SHIP_MOMENT,			/* milliseconds, timestamptz */
	SHIP_HOUR,			/* hours since the epoch, timestamptz */
	SHIP_BYTES			/* blob, bytea */
};

/* Which part of the row of a roll-up, whose facts are in tables of their own. */
enum ship_part { SHIP_OWN, SHIP_FACTS, SHIP_CERTIFICATE };

struct ship_column {
	const char *name;		/* in both databases */
	enum ship_type type;
	enum ship_part part;
};

#define SHIP_COLUMNS_MAX 80

struct ship_columns {
	struct ship_column list[SHIP_COLUMNS_MAX];
	size_t count;
};

/* In which order rows are sent, and what the cursor of that is. */
enum ship_order {
	SHIP_BY_ID,			/* an id that no two rows ever had */
	SHIP_BY_CHANGED,		/* a number that each change gives anew */
	SHIP_BY_KEY			/* rows without such a number, by their hour and key */
};

struct ship_stream {
	const char *name;		/* in the database's table "cursor" */
	const char *table;
	enum ship_order order;
	const char *key;		/* columns of the table's key, the hour first */
	bool hours;			/* whether it has one */
};

extern const struct ship_stream ship_streams[SHIP_STREAMS];

/* What the cursor is before anything was sent. */
int64_t ship_cursor_start(const struct ship_stream *stream);

void ship_stream_columns(const struct ship_stream *stream, struct ship_columns *columns);

/*
 * Appends the statement that reads rows: the place, the columns of the key (SHIP_BY_KEY),
 * then ship_stream_columns(). Its parameters are the place behind which it begins or all
 * columns of a key, then how many rows.
 */
void ship_stream_read(const struct ship_stream *stream, struct buffer *sql);

/*
 * Appends one that counts what is behind a cursor, up to SHIP_LAG_MAX rows: their number
 * and the time of the first in milliseconds, or NULL.
 */
void ship_stream_lag(const struct ship_stream *stream, struct buffer *sql);

/* How many columns a key's list has. */
size_t ship_key_count(const struct ship_stream *stream);

/* ------------------------------------------------------------------ *
 * The source: an open journal
 * ------------------------------------------------------------------ */

#define SHIP_KEY_MAX 16

struct ship_reader {
	sqlite3_stmt *read;
	struct ship_columns columns;
	int64_t cursor;			/* of what the database has */
	size_t keys;
	/* SHIP_BY_KEY: of the last row that was sent; NULL: the cursor tells. */
	sqlite3_value *after[SHIP_KEY_MAX];
	bool ended;			/* SHIP_BY_KEY: there are no more, and will be none */
};

struct ship_source {
	const char *path;
	sqlite3 *db;			/* NULL: it is not open */
	char journal[SHIP_JOURNAL_SIZE];
	char node[SHIP_NODE_SIZE];	/* "": it does not tell */
	int data_version;
	struct ship_reader readers[SHIP_STREAMS];
};

/*
 * Opens the journal for reading. False: "error" says why not, such as that it is not there
 * yet; it is worth another try.
 */
bool ship_source_open(struct ship_source *source, const char *path,
    char error[SHIP_ERROR_MAX]);
void ship_source_close(struct ship_source *source);

/* Whether it is still the journal at its path. */
bool ship_source_stands(struct ship_source *source);

/* Whether something was written since this was asked last. */
bool ship_source_changed(struct ship_source *source);

/* Begins anew behind these. */
void ship_source_seek(struct ship_source *source, const int64_t cursors[SHIP_STREAMS]);

/*
 * Whether the journal never came to the cursor of a stream: it is one from before, put in
 * the place of the one that was sent.
 */
bool ship_source_is_older(struct ship_source *source, enum ship_number number);

/* Rows of one stream, as COPY takes them. */
struct ship_batch {
	struct buffer text;
	size_t rows;
	int64_t cursor;			/* once it was taken */
	int64_t place;			/* of the first row: its id, or its number of a change */
	bool more;			/* there are rows behind it */
	sqlite3_value *after[SHIP_KEY_MAX];
};

struct ship_limits {
	size_t rows, bytes;
};

/* Reads the next rows of a stream, none or more. False: "error" says why not. */
bool ship_source_read(struct ship_source *source, enum ship_number number,
    struct ship_limits limits, struct ship_batch *batch, char error[SHIP_ERROR_MAX]);

/* Goes on behind a batch, which was taken. */
void ship_source_took(struct ship_source *source, enum ship_number number,
    struct ship_batch *batch);

void ship_batch_free(struct ship_batch *batch);

/* Counts what is behind the cursors. An SQLite result code. */
int ship_lag_of(sqlite3 *db, const int64_t cursors[SHIP_STREAMS], struct ship_lag *lag);

/* ------------------------------------------------------------------ *
 * Texts
 * ------------------------------------------------------------------ */

/*
 * Appends a text as a value of COPY's text format. PostgreSQL takes no text that is not
 * UTF-8, and no NUL: there, and of the code points themselves, each byte becomes
 * U+10FF00 and its value.
 */
void ship_text(struct buffer *line, const char *text, size_t length);

#endif
