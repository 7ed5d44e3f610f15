/*
 * watch.c - the writer of what is read in the mail server's log.
 *
 * What was added is held as rows of strings, those that are counted together as one, and
 * each is bound to its statement as it is: SQLite makes numbers of the columns that are
 * numbers.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/store_room.h"
#include "base/arena.h"
#include "base/array.h"
#include "base/text.h"

/*
 * How many rows a commit has at most. 100 of strangers, each on a page of its own, take
 * some 3 ms. Peers that come again are one row within a batch, and of some hundred 800
 * rows do not become full within an hour of the log: so the limit grows while most rows
 * are known to the journal.
 */
#define ROWS_MIN 100
#define ROWS_MAX 800

/* A longer text is cut there. */
#define TEXT_MAX 1024

/* Pages of the write-ahead log that are left to the daemon, which has them moved. */
#define LEFT_PAGES 8000

struct watch_row {
	enum db_statement add;
	const char *key;		/* strings with their ends, in the arena */
	size_t length;
	const char *sample;		/* in the arena; NULL: it has none */
	int64_t count;
	int64_t first, last;		/* milliseconds in the hour */
};

struct journal_watch {
	char *path;
	struct store_db db;
	struct watch_row *rows;
	size_t count, room;
	size_t full;			/* so many rows are enough */
	size_t fresh;			/* of those written: new in the journal */
	struct table table;		/* of the rows, by statement and key */
	struct arena arena;
	struct buffer key;		/* under way */
	char *position;			/* as it was read or written last, or NULL */
	bool failed;			/* memory was short */
	char error[DB_ERROR_MAX + 256];
};

/* ------------------------------------------------------------------ *
 * Adding
 * ------------------------------------------------------------------ */

static void
watch_key_text(struct buffer *key, const char *text)
{
	size_t left = TEXT_MAX;
	struct text_piece piece = text_take(text != NULL ? text : "", &left);

	text_repair(key, text != NULL ? text : "", piece.length);
	if (piece.cut)
		buffer_string(key, "...");
	buffer_add(key, "", 1);
}

static void
watch_key_number(struct buffer *key, int64_t number)
{
	buffer_format(key, "%lld", (long long)number);
	buffer_add(key, "", 1);
}

/* Begins a key: what follows is added to it. */
static struct buffer *
watch_key(struct journal_watch *watch)
{
	buffer_clear(&watch->key);
	return &watch->key;
}

static bool
watch_row_is(const void *owner, uint32_t number, const void *key, size_t length)
{
	const struct journal_watch *watch = owner;
	const struct watch_row *row = &watch->rows[number];

	return row->length == length && memcmp(row->key, key, length) == 0;
}

/*
 * The row of the key that was put together, a new one where there is none; NULL where
 * memory is short. No two statements have keys of as many strings.
 */
static struct watch_row *
watch_row(struct journal_watch *watch, enum db_statement add)
{
	const struct buffer *key = &watch->key;
	struct watch_row *row;
	uint64_t hash;
	uint32_t number;

	if (watch->failed || key->failed || !table_reserve(&watch->table, 1) ||
	    !array_reserve(watch->rows, watch->count + 1, &watch->room)) {
		watch->failed = true;
		return NULL;
	}
	hash = table_hash(&watch->table, key->text, key->length);
	number = table_find(&watch->table, hash, key->text, key->length, watch_row_is,
	    watch);
	if (number != TABLE_NONE)
		return &watch->rows[number];
	row = &watch->rows[watch->count];
	*row = (struct watch_row){ .add = add, .length = key->length,
	    .key = arena_text(&watch->arena, key->text, key->length) };
	watch->failed = row->key == NULL;
	if (watch->failed)
		return NULL;
	table_add(&watch->table, hash, (uint32_t)watch->count++);
	return row;
}

/* Counts what happened at a time in the hour of the key that was put together. */
static struct watch_row *
watch_count(struct journal_watch *watch, enum db_statement add, int64_t time_ms)
{
	int64_t at = time_ms - journal_hour(time_ms) * JOURNAL_HOUR_MS;
	struct watch_row *row = watch_row(watch, add);

	if (row == NULL)
		return NULL;
	if (row->count++ == 0)
		row->first = row->last = at;
	row->first = at < row->first ? at : row->first;
	row->last = at > row->last ? at : row->last;
	return row;
}

/* Counts one more in a total of up to four words. */
static void
watch_total(struct journal_watch *watch, const char *const words[4])
{
	struct buffer *key = watch_key(watch);
	struct watch_row *row;

	for (int i = 0; i < 4 && words[i] != NULL; i++)
		buffer_format(key, "%s%s", i > 0 ? " " : "",
		    words[i][0] != '\0' ? words[i] : "unknown");
	buffer_add(key, "", 1);
	row = watch_row(watch, DB_WATCHED_ADD);
	if (row != NULL)
		row->count++;
}

void
journal_watch_handshake(struct journal_watch *watch,
    const struct journal_handshake *handshake)
{
	struct buffer *key = watch_key(watch);
	struct watch_row *row;

	watch_key_number(key, journal_hour(handshake->time_ms));
	watch_key_text(key, handshake->direction);
	watch_key_text(key, handshake->host);
	watch_key_text(key, handshake->address);
	watch_key_text(key, handshake->next_hop);
	watch_key_text(key, handshake->reason);
	row = watch_count(watch, DB_HANDSHAKE_ADD, handshake->time_ms);
	if (row != NULL && row->sample == NULL) {
		watch_key_text(watch_key(watch), handshake->sample);
		row->sample = key->failed ? NULL :
		    arena_text(&watch->arena, key->text, key->length);
		watch->failed = row->sample == NULL;
	}
	watch_total(watch, (const char *const[4]){ "handshakes", handshake->direction,
	    handshake->reason });
}

/* What totals tell apart: a log may have any word there. */
static const char *const protocols[] = {
	"none", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", NULL
};
static const char *const levels[] = {
	"none", "anonymous", "untrusted", "trusted", "verified", NULL
};

static const char *
watch_word(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (text != NULL && strcmp(text, *words) == 0)
			return *words;
	return "unknown";
}

static void
watch_trouble(struct journal_watch *watch, const struct journal_delivery *delivery)
{
	const char *const texts[] = {
		delivery->queue_id, delivery->to, delivery->next_hop, delivery->relay,
		delivery->address, delivery->tls_version, delivery->cipher,
		delivery->verification, delivery->result, delivery->tls_reason,
		delivery->dsn, delivery->text, delivery->rule, delivery->partner
	};
	struct buffer *key = watch_key(watch);

	watch_key_number(key, delivery->time_ms);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		watch_key_text(key, texts[i]);
	watch_key_number(key, delivery->bits);
	watch_key_text(key, delivery->rule_kind);
	watch_key_text(key, delivery->rule_name);
	watch_key_text(key, delivery->verdict);
	watch_key_text(key, delivery->reason);
	(void)watch_count(watch, DB_TROUBLE_ADD, delivery->time_ms);
}

void
journal_watch_delivery(struct journal_watch *watch,
    const struct journal_delivery *delivery)
{
	const char *const texts[] = {
		delivery->verification, delivery->result, delivery->tls_reason,
		delivery->rule, delivery->rule_kind, delivery->rule_name,
		delivery->partner, delivery->verdict, delivery->reason
	};
	const bool is_trouble = delivery->tls_reason != NULL &&
	    delivery->tls_reason[0] != '\0';
	struct buffer *key = watch_key(watch);

	watch_key_number(key, journal_hour(delivery->time_ms));
	watch_key_text(key, delivery->next_hop);
	watch_key_text(key, delivery->relay);
	watch_key_text(key, delivery->address);
	watch_key_text(key, delivery->tls_version);
	watch_key_text(key, delivery->cipher);
	watch_key_number(key, delivery->bits);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		watch_key_text(key, texts[i]);
	(void)watch_count(watch, DB_DELIVERY_ADD, delivery->time_ms);
	watch_total(watch, (const char *const[4]){ "deliveries", delivery->result,
	    watch_word(delivery->tls_version, protocols),
	    watch_word(delivery->verification, levels) });
	watch_total(watch, (const char *const[4]){ "judged", delivery->verdict });
	if (delivery->below)
		watch_total(watch, (const char *const[4]){ "below",
		    strcmp(delivery->verdict, "would") == 0 ? "monitored" : "enforced",
		    delivery->reason });
	if (is_trouble || delivery->below)
		watch_trouble(watch, delivery);
	if (is_trouble)
		watch_total(watch, (const char *const[4]){ "trouble", delivery->result,
		    delivery->tls_reason });
}

bool
journal_watch_is_full(const struct journal_watch *watch)
{
	return watch->count >= watch->full;
}

/* ------------------------------------------------------------------ *
 * The journal
 * ------------------------------------------------------------------ */

struct journal_watch *
journal_watch_open(const char *path)
{
	struct journal_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->full = ROWS_MIN;
	if ((watch->path = strdup(path)) == NULL)
		journal_watch_close(&watch);
	return watch;
}

static void
watch_forget(struct journal_watch *watch)
{
	watch->count = 0;
	table_free(&watch->table);
	arena_rewind(&watch->arena, (struct arena_mark){ NULL, 0 });
}

void
journal_watch_close(struct journal_watch **watch)
{
	struct journal_watch *old = *watch;

	if (old == NULL)
		return;
	store_db_close(&old->db, false);
	table_free(&old->table);
	arena_release(&old->arena);
	buffer_free(&old->key);
	free(old->rows);
	free(old->position);
	free(old->path);
	free(old);
	*watch = NULL;
}

const char *
journal_watch_error(const struct journal_watch *watch)
{
	return watch->error;
}

static enum journal_watch_result
watch_stale(struct journal_watch *watch, const char *why)
{
	(void)snprintf(watch->error, sizeof(watch->error), "the journal %s: %s",
	    watch->path, why);
	return JOURNAL_WATCH_STALE;
}

/* What is of no use any more is closed, so that the next try looks anew. */
static bool
watch_hold(struct journal_watch *watch)
{
	struct store_db *db = &watch->db;
	const char *more = "";

	if (db->result == DB_CORRUPT)
		more = ": tlsward-milter sets a damaged journal aside";
	else if (db->result == DB_MOVED)
		more = ": tlsward-milter makes another one";
	(void)snprintf(watch->error, sizeof(watch->error), "the journal %s: %s%s",
	    watch->path, db->error, more);
	store_db_undo(db);
	if (db->result != DB_AGAIN)
		store_db_close(db, db->result != DB_LOST);
	return false;
}

/* Opens the journal where it is not, or no longer, the one at the path. */
static bool
watch_connect(struct journal_watch *watch)
{
	struct store_db *db = &watch->db;

	db->result = DB_DONE;
	if (db->db != NULL)
		store_db_look(db);
	if (db->result != DB_DONE)
		(void)watch_hold(watch);
	if (db->db == NULL)
		store_db_join(db, watch->path);
	return db->result == DB_DONE || watch_hold(watch);
}

/* The journal's position, the caller's, or NULL; false: it could not be read. */
static bool
watch_ask_position(struct store_db *db, char **position)
{
	sqlite3_stmt *ask = store_db_statement(db, DB_POSITION_GET, 0, NULL);
	const char *text;

	*position = NULL;
	if (store_db_step(db, ask)) {
		text = (const char *)sqlite3_column_text(ask, 0);
		*position = text != NULL ? strdup(text) : NULL;
		if (*position == NULL)
			(void)store_db_did(db, SQLITE_NOMEM);
		(void)sqlite3_reset(ask);
	}
	return db->result == DB_DONE;
}

bool
journal_watch_position(struct journal_watch *watch, struct buffer *state)
{
	char *position = NULL;

	if (!watch_connect(watch))
		return false;
	if (!watch_ask_position(&watch->db, &position))
		return watch_hold(watch);
	free(watch->position);
	watch->position = position;
	if (position != NULL)
		buffer_string(state, position);
	return true;
}

/* ------------------------------------------------------------------ *
 * Committing
 * ------------------------------------------------------------------ */

/* Returns how many bytes more there are for it. */
static int64_t
watch_write_row(struct store_db *db, const struct watch_row *row)
{
	sqlite3_stmt *add = store_db_statement(db, row->add, 0, NULL);
	const int64_t numbers[] = { row->count, row->first, row->last };
	int at = 1, parameters = sqlite3_bind_parameter_count(add);
	int64_t bytes = 0;

	for (const char *text = row->key; text < row->key + row->length;
	    text += strlen(text) + 1)
		(void)sqlite3_bind_text(add, at++, text, -1, SQLITE_STATIC);
	for (size_t i = 0; i < 3 && at <= parameters; i++)
		(void)sqlite3_bind_int64(add, at++, numbers[i]);
	if (at <= parameters)
		(void)sqlite3_bind_text(add, at, row->sample, -1, SQLITE_STATIC);
	/* A new row has what was counted here, and no more. */
	if (store_db_step(db, add)) {
		if (sqlite3_column_int64(add, 0) == row->count)
			bytes = sqlite3_column_int64(add, 1);
		store_db_run(db, add);
	}
	(void)store_db_was_unfit(db);
	return bytes;
}

static void
watch_write_rows(struct journal_watch *watch)
{
	struct store_db *db = &watch->db;
	const struct watch_row *rows = watch->rows;
	/* Whose room is to be told, by the statement that adds to it. */
	struct {
		enum db_statement add;
		const char *name;
		int64_t more;
	} bytes[] = {
		{ DB_HANDSHAKE_ADD, NOTE_HANDSHAKE_BYTES, 0 },
		{ DB_DELIVERY_ADD, NOTE_DELIVERY_BYTES, 0 },
		{ DB_TROUBLE_ADD, NOTE_TROUBLE_BYTES, 0 },
	};

	watch->fresh = 0;
	for (size_t n = 0; n < watch->count; n++) {
		int64_t more = watch_write_row(db, &rows[n]);

		watch->fresh += more > 0;
		for (size_t i = 0; i < 3; i++)
			bytes[i].more += bytes[i].add == rows[n].add ? more : 0;
	}
	for (size_t i = 0; i < 3; i++)
		if (bytes[i].more > 0)
			store_db_note(db, DB_WATCHED_ADD, bytes[i].name, bytes[i].more);
}

static void
watch_write_position(struct store_db *db, const struct journal_position *position)
{
	sqlite3_stmt *set = store_db_statement(db, DB_POSITION_SET, 0, NULL);

	(void)sqlite3_bind_text(set, 1, position->state, -1, SQLITE_STATIC);
	store_db_run(db, set);
	store_db_note(db, DB_WATCHED_ADD, "lines", position->lines);
	store_db_note(db, DB_WATCHED_ADD, "lines_unread", position->lines_unread);
	store_db_note(db, DB_WATCHED_SET, "time", position->now_ms);
	store_db_note(db, DB_WATCHED_SET, "lag", position->lag_ms);
	if (position->line_ms != 0)
		store_db_note(db, DB_WATCHED_SET, "line_time", position->line_ms);
}

/* Whether the position in the journal, if any, is still the one that is known here. */
static bool
watch_is_ours(struct journal_watch *watch)
{
	char *position;
	bool ours = watch_ask_position(&watch->db, &position) && (position == NULL ||
	    (watch->position != NULL && strcmp(position, watch->position) == 0));

	free(position);
	return ours;
}

static enum journal_watch_result
watch_write(struct journal_watch *watch, const struct journal_position *position)
{
	struct store_db *db = &watch->db;

	store_db_begin(db);
	if (!watch_is_ours(watch) && db->result == DB_DONE) {
		store_db_undo(db);
		return watch_stale(watch, "the position in it is not the one that was left "
		    "there: does another tlsward watch write to it?");
	}
	watch_write_rows(watch);
	watch_write_position(db, position);
	/* It counts only if it can be found. */
	if (store_db_commit(db))
		store_db_look(db);
	if (db->result == DB_DONE)
		return JOURNAL_WATCH_DONE;
	(void)watch_hold(watch);
	return JOURNAL_WATCH_HELD;
}

/* What the daemon has moved otherwise, where it runs; one who keeps it from that waits. */
static void
watch_checkpoint(struct store_db *db)
{
	if (db->wal_pages >= LEFT_PAGES)
		(void)sqlite3_wal_checkpoint_v2(db->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
		    NULL, NULL);
}

enum journal_watch_result
journal_watch_commit(struct journal_watch *watch, const struct journal_position *position)
{
	char *state = strdup(position->state);
	enum journal_watch_result result = JOURNAL_WATCH_HELD;

	if (watch->failed || state == NULL)
		result = watch_stale(watch, "not enough memory");
	else if (watch_connect(watch))
		result = watch_write(watch, position);
	if (result != JOURNAL_WATCH_DONE) {
		free(state);
		return result;
	}
	free(watch->position);
	watch->position = state;
	if (watch->fresh > watch->count / 2)
		watch->full = watch->full / 2 > ROWS_MIN ? watch->full / 2 : ROWS_MIN;
	else if (watch->count >= watch->full && watch->full < ROWS_MAX)
		watch->full *= 2;
	watch_forget(watch);
	watch_checkpoint(&watch->db);
	return result;
}

/* ------------------------------------------------------------------ *
 * What was watched
 * ------------------------------------------------------------------ */

bool
journal_store_watched(const struct journal_store *store, journal_watched *take,
    void *context)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *row = NULL;
	int code = sqlite3_open_v2(store->path, &db, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_NOMUTEX, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(db, "SELECT name, value FROM watched ORDER BY name",
		    -1, &row, NULL);
	while (code == SQLITE_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(row, 0);

		if (name != NULL)
			take(context, name, sqlite3_column_int64(row, 1));
		code = SQLITE_OK;
	}
	(void)sqlite3_finalize(row);
	(void)sqlite3_close(db);
	return code == SQLITE_DONE;
}
