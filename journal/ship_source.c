/*
 * ship_source.c - the journal as it is sent: what is read of it, a batch at a time.
 *
 * A batch is one statement that is read to its end at once: so long, and no longer, the
 * writer's log cannot begin anew. Nothing here ever waits for PostgreSQL.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/ship_room.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"

#define BUSY_MS 2000

/* Of the years that PostgreSQL and RFC 3339 both have; others become an infinity. */
#define MOMENT_MIN INT64_C(-62135596800000)
#define MOMENT_MAX INT64_C(253402300799999)

static bool
source_fail(struct ship_source *source, char error[SHIP_ERROR_MAX], const char *why)
{
	(void)snprintf(error, SHIP_ERROR_MAX, "the journal %s: %s", source->path, why);
	return false;
}

static bool
source_did(struct ship_source *source, int code, char error[SHIP_ERROR_MAX])
{
	return code == SQLITE_OK || source_fail(source, error,
	    source->db != NULL ? sqlite3_errmsg(source->db) : sqlite3_errstr(code));
}

/* ------------------------------------------------------------------ *
 * Opening
 * ------------------------------------------------------------------ */

/* Reads the one value of a statement with at most one parameter. */
static int
source_number(sqlite3 *db, const char *sql, const char *parameter, int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (code == SQLITE_OK && parameter != NULL)
		code = sqlite3_bind_text(statement, 1, parameter, -1, SQLITE_STATIC);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		*number = sqlite3_column_int64(statement, 0);
		code = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
source_identity(sqlite3 *db, char journal[SHIP_JOURNAL_SIZE], char node[SHIP_NODE_SIZE])
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, "SELECT journal, ifnull(node, '') FROM identity"
	    " WHERE id = 1", -1, &statement, NULL);

	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		(void)snprintf(journal, SHIP_JOURNAL_SIZE, "%s",
		    (const char *)sqlite3_column_text(statement, 0));
		(void)snprintf(node, SHIP_NODE_SIZE, "%s",
		    (const char *)sqlite3_column_text(statement, 1));
		code = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement);
	return code;
}

static int
source_prepare(struct ship_source *source, const struct ship_stream *stream,
    struct ship_reader *reader)
{
	struct buffer sql = BUFFER_INIT;
	int code = SQLITE_NOMEM;

	ship_stream_columns(stream, &reader->columns);
	reader->keys = stream->order == SHIP_BY_KEY ? ship_key_count(stream) : 0;
	reader->cursor = ship_cursor_start(stream);
	ship_stream_read(stream, &sql);
	if (!sql.failed)
		code = sqlite3_prepare_v3(source->db, sql.text, -1, SQLITE_PREPARE_PERSISTENT,
		    &reader->read, NULL);
	buffer_free(&sql);
	return code;
}

static int
source_connect(const char *path, sqlite3 **db)
{
	int code = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_busy_timeout(*db, BUSY_MS);
	if (code == SQLITE_OK)
		code = sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return code;
}

bool
ship_source_open(struct ship_source *source, const char *path, char error[SHIP_ERROR_MAX])
{
	enum journal_look look;
	bool fine;

	memset(source, 0, sizeof(*source));
	source->path = path;
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return source_fail(source, error, journal_look_text(JOURNAL_ABSENT));
	fine = source_did(source, source_connect(path, &source->db), error);
	if (fine) {
		look = journal_look_at(source->db);
		if (look != JOURNAL_FINE)
			fine = source_fail(source, error, look == JOURNAL_UNUSABLE ?
			    sqlite3_errmsg(source->db) : journal_look_text(look));
	}
	fine = fine && source_did(source, source_identity(source->db, source->journal,
	    source->node), error);
	for (int i = 0; fine && i < SHIP_STREAMS; i++)
		fine = source_did(source, source_prepare(source, &ship_streams[i],
		    &source->readers[i]), error);
	if (!fine)
		ship_source_close(source);
	return fine;
}

static void
after_free(sqlite3_value *after[SHIP_KEY_MAX])
{
	for (int i = 0; i < SHIP_KEY_MAX; i++) {
		sqlite3_value_free(after[i]);
		after[i] = NULL;
	}
}

void
ship_source_close(struct ship_source *source)
{
	for (int i = 0; i < SHIP_STREAMS; i++) {
		(void)sqlite3_finalize(source->readers[i].read);
		source->readers[i].read = NULL;
		after_free(source->readers[i].after);
	}
	(void)sqlite3_close(source->db);
	source->db = NULL;
}

bool
ship_source_stands(struct ship_source *source)
{
	int moved = 0;

	return sqlite3_file_control(source->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
	    SQLITE_OK && moved == 0;
}

bool
ship_source_changed(struct ship_source *source)
{
	int64_t version = 0;
	int before = source->data_version;

	/* What cannot be asked may have changed: reading tells what is wrong. */
	if (source_number(source->db, "PRAGMA data_version", NULL, &version) != SQLITE_OK)
		return true;
	source->data_version = (int)version;
	return before != source->data_version;
}

/* ------------------------------------------------------------------ *
 * Where it begins
 * ------------------------------------------------------------------ */

/* The highest number that a stream's rows ever had. */
static int64_t
source_highest(struct ship_source *source, const struct ship_stream *stream)
{
	int64_t rows = 0, gone = 0;
	char sql[96];

	(void)snprintf(sql, sizeof(sql), stream->order == SHIP_BY_ID ?
	    "SELECT max(id) FROM %s" : "SELECT max(changed) FROM %s WHERE changed > 0",
	    stream->table);
	if (source_number(source->db, sql, NULL, &rows) != SQLITE_OK ||
	    source_number(source->db, "SELECT value FROM highest WHERE name = ?",
	    stream->table, &gone) != SQLITE_OK)
		return INT64_MAX;
	return rows > gone ? rows : gone;
}

void
ship_source_seek(struct ship_source *source, const int64_t cursors[SHIP_STREAMS])
{
	for (int i = 0; i < SHIP_STREAMS; i++) {
		const struct ship_stream *stream = &ship_streams[i];
		struct ship_reader *reader = &source->readers[i];

		after_free(reader->after);
		reader->cursor = cursors[i];
		reader->ended = stream->order == SHIP_BY_KEY && cursors[i] == INT64_MAX;
	}
}

bool
ship_source_is_older(struct ship_source *source, enum ship_number number)
{
	const struct ship_stream *stream = &ship_streams[number];

	return stream->order != SHIP_BY_KEY &&
	    source->readers[number].cursor > source_highest(source, stream);
}

/* ------------------------------------------------------------------ *
 * Rows
 * ------------------------------------------------------------------ */

static void
row_moment(struct buffer *line, int64_t ms)
{
	char text[DATE_MS_SIZE];

	if (ms < MOMENT_MIN || ms > MOMENT_MAX) {
		buffer_string(line, ms < 0 ? "-infinity" : "infinity");
		return;
	}
	date_write_ms(ms, text);
	buffer_string(line, text);
}

static void
row_bytes(struct buffer *line, const unsigned char *bytes, int length)
{
	static const char digits[] = "0123456789abcdef";

	buffer_string(line, "\\\\x");
	for (int i = 0; i < length; i++) {
		const char hex[] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

		buffer_add(line, hex, sizeof(hex));
	}
}

static void
row_value(struct buffer *line, enum ship_type type, sqlite3_stmt *row, int at)
{
	int64_t number;

	if (sqlite3_column_type(row, at) == SQLITE_NULL) {
		buffer_string(line, "\\N");
		return;
	}
	number = type == SHIP_TEXT || type == SHIP_BYTES ? 0 : sqlite3_column_int64(row, at);
	switch (type) {
	case SHIP_TEXT:
		ship_text(line, (const char *)sqlite3_column_text(row, at),
		    (size_t)sqlite3_column_bytes(row, at));
		break;
	case SHIP_INT:
		buffer_format(line, "%" PRId64, number);
		break;
	case SHIP_MOMENT:
		row_moment(line, number);
		break;
	case SHIP_HOUR:
		row_moment(line, number > MOMENT_MAX / JOURNAL_HOUR_MS ? INT64_MAX :
		    number < MOMENT_MIN / JOURNAL_HOUR_MS ? INT64_MIN :
		    number * JOURNAL_HOUR_MS);
		break;
	case SHIP_BYTES:
		row_bytes(line, sqlite3_column_blob(row, at), sqlite3_column_bytes(row, at));
		break;
	}
}

/* One line; the first columns are those that tell where the row stands. */
static void
row_line(struct buffer *text, const struct ship_reader *reader)
{
	int first = 1 + (int)reader->keys;

	for (size_t i = 0; i < reader->columns.count; i++) {
		if (i > 0)
			buffer_add(text, "\t", 1);
		row_value(text, reader->columns.list[i].type, reader->read, first + (int)i);
	}
	buffer_add(text, "\n", 1);
}

/* ------------------------------------------------------------------ *
 * Batches
 * ------------------------------------------------------------------ */

/* A blob is behind all texts and numbers. */
static void
read_bind(struct ship_reader *reader, size_t rows)
{
	int at = 1;

	(void)sqlite3_reset(reader->read);
	(void)sqlite3_clear_bindings(reader->read);
	if (reader->keys == 0 || reader->after[0] == NULL)
		(void)sqlite3_bind_int64(reader->read, at++, reader->cursor);
	for (size_t i = (size_t)at - 1; i < reader->keys; i++, at++)
		if (reader->after[i] != NULL)
			(void)sqlite3_bind_value(reader->read, at, reader->after[i]);
		else
			(void)sqlite3_bind_zeroblob(reader->read, at, 0);
	/* One more tells that there are more. */
	(void)sqlite3_bind_int64(reader->read, at, (int64_t)rows + 1);
}

/* Where the batch ends now. */
static void
batch_note(struct ship_batch *batch, const struct ship_reader *reader)
{
	int64_t place = sqlite3_column_int64(reader->read, 0);

	if (batch->rows++ == 0)
		batch->place = place;
	batch->cursor = place;
}

static bool
batch_keep_key(struct ship_batch *batch, const struct ship_reader *reader)
{
	after_free(batch->after);
	for (size_t i = 0; i < reader->keys; i++)
		if ((batch->after[i] = sqlite3_value_dup(sqlite3_column_value(reader->read,
		    1 + (int)i))) == NULL)
			return false;
	return true;
}

/* An hour whose end is not known is not behind it yet. */
static void
batch_end(struct ship_batch *batch, const struct ship_stream *stream,
    const struct ship_reader *reader)
{
	if (stream->order != SHIP_BY_KEY)
		return;
	if (!batch->more)
		batch->cursor = INT64_MAX;
	else
		batch->cursor = stream->hours ? batch->cursor - 1 : reader->cursor;
}

bool
ship_source_read(struct ship_source *source, enum ship_number number,
    struct ship_limits limits, struct ship_batch *batch, char error[SHIP_ERROR_MAX])
{
	const struct ship_stream *stream = &ship_streams[number];
	struct ship_reader *reader = &source->readers[number];
	int code = SQLITE_DONE;

	buffer_clear(&batch->text);
	batch->rows = 0;
	batch->more = false;
	batch->cursor = reader->cursor;
	if (reader->ended)
		return true;
	read_bind(reader, limits.rows);
	while (!batch->text.failed && (code = sqlite3_step(reader->read)) == SQLITE_ROW) {
		batch->more = batch->rows == limits.rows || batch->text.length >= limits.bytes;
		if (batch->more)
			break;
		row_line(&batch->text, reader);
		batch_note(batch, reader);
		if (!batch_keep_key(batch, reader))
			batch->text.failed = true;
	}
	(void)sqlite3_reset(reader->read);
	batch_end(batch, stream, reader);
	if (batch->text.failed)
		return source_fail(source, error, "not enough memory");
	return code == SQLITE_DONE || code == SQLITE_ROW || source_did(source, code, error);
}

void
ship_source_took(struct ship_source *source, enum ship_number number,
    struct ship_batch *batch)
{
	struct ship_reader *reader = &source->readers[number];

	reader->cursor = batch->cursor;
	after_free(reader->after);
	memcpy(reader->after, batch->after, sizeof(reader->after));
	memset(batch->after, 0, sizeof(batch->after));
	reader->ended = ship_streams[number].order == SHIP_BY_KEY && !batch->more;
}

void
ship_batch_free(struct ship_batch *batch)
{
	buffer_free(&batch->text);
	after_free(batch->after);
}

/* ------------------------------------------------------------------ *
 * What is behind
 * ------------------------------------------------------------------ */

static int
lag_of_stream(sqlite3 *db, const struct ship_stream *stream, int64_t cursor,
    struct ship_lag *lag)
{
	struct buffer sql = BUFFER_INIT;
	sqlite3_stmt *count = NULL;
	int code = SQLITE_NOMEM;
	int64_t since;

	ship_stream_lag(stream, &sql);
	if (!sql.failed)
		code = sqlite3_prepare_v2(db, sql.text, -1, &count, NULL);
	buffer_free(&sql);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(count, 1, cursor);
	if (code == SQLITE_OK && (code = sqlite3_step(count)) == SQLITE_ROW) {
		code = SQLITE_OK;
		lag->rows += sqlite3_column_int64(count, 0);
		since = sqlite3_column_int64(count, 1);
		if (since > 0 && (lag->since_ms == 0 || since < lag->since_ms))
			lag->since_ms = since;
	}
	(void)sqlite3_finalize(count);
	return code;
}

int
ship_lag_of(sqlite3 *db, const int64_t cursors[SHIP_STREAMS], struct ship_lag *lag)
{
	int code = SQLITE_OK;

	*lag = (struct ship_lag){ 0, 0 };
	for (int i = 0; i < SHIP_STREAMS && code == SQLITE_OK; i++)
		code = lag_of_stream(db, &ship_streams[i], cursors[i], lag);
	return code;
}

bool
ship_lag_read(const char *path, const struct ship_state *state, struct ship_lag *lag)
{
	int64_t cursors[SHIP_STREAMS];
	char journal[SHIP_JOURNAL_SIZE] = "", node[SHIP_NODE_SIZE];
	sqlite3 *db = NULL;
	int code = source_connect(path, &db);
	bool known;

	if (code == SQLITE_OK)
		code = source_identity(db, journal, node);
	known = state != NULL && state->known && strcmp(state->journal, journal) == 0;
	for (int i = 0; i < SHIP_STREAMS; i++)
		cursors[i] = known ? state->cursors[i] : ship_cursor_start(&ship_streams[i]);
	if (code == SQLITE_OK)
		code = ship_lag_of(db, cursors, lag);
	(void)sqlite3_close(db);
	return code == SQLITE_OK;
}
