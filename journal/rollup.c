/*
 * rollup.c - accepted messages, rolled up in memory until they are written.
 *
 * A set of facts is known by its columns' bytes here, and by a digest of them in the
 * database: the digest is made once for each set and hour.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_room.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>


struct rollup {
	struct rollup *next;		/* in its bucket */
	struct rollup *next_listed;	/* dirty or being written */
	struct row *row;		/* the first message's */
	uint64_t hash;
	int64_t hour;
	sqlite3_int64 facts;		/* the row's id; 0: not known */
	unsigned long messages;
	int first, last;		/* milliseconds in the hour */
};

/* The seed is the table's, and so chains are short whatever a stranger sends. */
static uint64_t
rollup_hash(struct rollups *rollups, const struct row *row, int64_t hour)
{
	struct hash_key key;

	hash_seed(&rollups->seed);
	key = rollups->seed;
	key.b ^= (uint64_t)hour;
	return hash_bytes(key, row->columns, row->key);
}

static struct rollup *
rollup_find(const struct rollups *rollups, const struct row *row, uint64_t hash,
    int64_t hour)
{
	struct rollup *rollup = rollups->buckets[hash % ROLLUPS_MAX];

	for (; rollup != NULL; rollup = rollup->next)
		if (rollup->hash == hash && rollup->hour == hour &&
		    rollup->row->key == row->key &&
		    memcmp(rollup->row->columns, row->columns, row->key) == 0)
			return rollup;
	return NULL;
}

static struct rollup *
rollup_add_new(struct rollups *rollups, struct row *row, uint64_t hash, int64_t hour)
{
	struct rollup **bucket = &rollups->buckets[hash % ROLLUPS_MAX], *rollup;

	if (rollups->count >= ROLLUPS_MAX ||
	    rollups->bytes + row->size > ROLLUPS_BYTES_MAX)
		return NULL;
	rollup = calloc(1, sizeof(*rollup));
	if (rollup == NULL)
		return NULL;
	rollup->row = row;
	rollup->hash = hash;
	rollup->hour = hour;
	rollup->next = *bucket;
	*bucket = rollup;
	rollups->count++;
	rollups->bytes += row->size;
	return rollup;
}

/* The sample is that of the first message which is not written yet. */
static void
rollup_take_sample(struct rollups *rollups, struct rollup *rollup, struct row *row)
{
	if (rollup->row == row)
		return;
	if (rollup->messages == 0) {
		struct row *old = rollup->row;

		rollups->bytes += row->size - old->size;
		rollup->row = row;
		row = old;
	}
	free(row);
}

static void
rollup_append_dirty(struct rollups *rollups, struct rollup *rollup)
{
	rollup->next_listed = NULL;
	if (rollups->dirty == NULL)
		rollups->dirty = rollup;
	else
		rollups->dirty_last->next_listed = rollup;
	rollups->dirty_last = rollup;
	rollups->dirty_count++;
}

bool
rollups_add(struct rollups *rollups, struct row *row)
{
	int64_t hour = journal_hour(row->time_ms);
	int at = (int)(row->time_ms - hour * JOURNAL_HOUR_MS);
	uint64_t hash = rollup_hash(rollups, row, hour);
	struct rollup *rollup = rollup_find(rollups, row, hash, hour);

	if (rollup == NULL)
		rollup = rollup_add_new(rollups, row, hash, hour);
	if (rollup == NULL)
		return false;
	rollup_take_sample(rollups, rollup, row);
	if (rollup->messages++ == 0) {
		rollup->first = rollup->last = at;
		rollup_append_dirty(rollups, rollup);
	}
	rollup->first = at < rollup->first ? at : rollup->first;
	rollup->last = at > rollup->last ? at : rollup->last;
	rollups->messages++;
	return true;
}

/* ------------------------------------------------------------------ *
 * Writing
 * ------------------------------------------------------------------ */

struct digest {
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned length;
};

/* The id of the row of a set of columns, by their digest; 0: there is none. */
static enum db_result
rollup_find_set(struct store_db *db, enum db_statement find, const char *columns,
    size_t length, struct digest *digest, sqlite3_int64 *id)
{
	sqlite3_stmt *statement = store_db_statement(db, find);

	*id = 0;
	if (EVP_Digest(columns, length, digest->bytes, &digest->length, EVP_sha256(),
	    NULL) != 1)
		return DB_AGAIN;
	(void)sqlite3_bind_blob(statement, 1, digest->bytes, (int)digest->length,
	    SQLITE_STATIC);
	return store_db_number(db, statement, 0, id);
}

/* Binds what comes before the columns, and adds the row. */
static enum db_result
rollup_add_set(struct store_db *db, sqlite3_stmt *add, const struct digest *digest,
    sqlite3_int64 *id)
{
	enum db_result result;

	(void)sqlite3_bind_blob(add, 1, digest->bytes, (int)digest->length,
	    SQLITE_STATIC);
	result = store_db_run(db, add);
	*id = sqlite3_last_insert_rowid(db->db);
	return result;
}

static bool
rollup_has_certificate(const char *columns)
{
	struct row_value value;

	for (int i = record_field_count(IN_CERTIFICATE); i > 0; i--) {
		columns = row_column(columns, &value);
		if (value.type != ROW_NULL)
			return true;
	}
	return false;
}

/* *id: 0 where there is no certificate. */
static enum db_result
rollup_write_certificate(struct store_db *db, const char *columns, size_t length,
    sqlite3_int64 *id)
{
	sqlite3_stmt *add = store_db_statement(db, DB_CERTIFICATE_ADD);
	struct digest digest;
	enum db_result result;

	*id = 0;
	if (!rollup_has_certificate(columns))
		return DB_DONE;
	result = rollup_find_set(db, DB_CERTIFICATE_FIND, columns, length, &digest, id);
	if (result != DB_DONE || *id != 0)
		return result;
	(void)store_db_bind(add, 2, IN_CERTIFICATE, columns);
	return rollup_add_set(db, add, &digest, id);
}

static enum db_result
rollup_write_facts(struct store_db *db, const struct row *row, sqlite3_int64 *id)
{
	const char *certificate, *end = row->columns + row->key;
	sqlite3_int64 certificate_id;
	struct digest digest;
	enum db_result result;
	sqlite3_stmt *add;

	result = rollup_find_set(db, DB_FACTS_FIND, row->columns, row->key, &digest,
	    id);
	if (result != DB_DONE || *id != 0)
		return result;
	add = store_db_statement(db, DB_FACTS_ADD);
	certificate = store_db_bind(add, 3, IN_FACTS, row->columns);
	result = rollup_write_certificate(db, certificate, (size_t)(end - certificate),
	    &certificate_id);
	if (result != DB_DONE)
		return result;
	if (certificate_id != 0)
		(void)sqlite3_bind_int64(add, 2, certificate_id);
	return rollup_add_set(db, add, &digest, id);
}

static enum db_result
rollup_write(struct store_db *db, struct rollup *rollup)
{
	enum db_result result = DB_DONE;
	sqlite3_stmt *add;

	if (rollup->facts == 0)
		result = rollup_write_facts(db, rollup->row, &rollup->facts);
	if (result != DB_DONE) {
		rollup->facts = 0;
		return result;
	}
	add = store_db_statement(db, DB_ROLLUP_ADD);
	(void)sqlite3_bind_int64(add, 1, rollup->hour);
	(void)sqlite3_bind_int64(add, 2, rollup->facts);
	(void)sqlite3_bind_int64(add, 3, (sqlite3_int64)rollup->messages);
	(void)sqlite3_bind_int(add, 4, rollup->first);
	(void)sqlite3_bind_int(add, 5, rollup->last);
	(void)store_db_bind(add, 6, IN_ROLLUP, rollup->row->columns + rollup->row->key);
	return store_db_run(db, add);
}

/* What no table takes is given up, and not tried for ever. */
enum db_result
rollups_write(struct rollups *rollups, struct store_db *db, size_t max)
{
	enum db_result result = DB_DONE;

	for (; rollups->dirty != NULL && max > 0; max--) {
		struct rollup *rollup = rollups->dirty;

		result = rollup_write(db, rollup);
		if (result != DB_DONE && result != DB_UNFIT)
			return result;
		rollups->dirty = rollup->next_listed;
		rollup->next_listed = rollups->writing;
		rollups->writing = rollup;
		rollups->dirty_count--;
	}
	return DB_DONE;
}

unsigned long
rollups_written(struct rollups *rollups)
{
	unsigned long messages = 0;

	for (struct rollup *r = rollups->writing; r != NULL; r = r->next_listed) {
		messages += r->messages;
		r->messages = 0;
	}
	rollups->writing = NULL;
	rollups->messages -= messages;
	if (rollups->dirty == NULL && rollups->count > ROLLUPS_MAX / 2)
		rollups_drop(rollups, false);
	return messages;
}

void
rollups_undo(struct rollups *rollups)
{
	struct rollup *rollup;

	while ((rollup = rollups->writing) != NULL) {
		rollups->writing = rollup->next_listed;
		rollup_append_dirty(rollups, rollup);
	}
	rollups_forget(rollups);
}

void
rollups_forget(struct rollups *rollups)
{
	for (size_t i = 0; i < ROLLUPS_MAX; i++)
		for (struct rollup *r = rollups->buckets[i]; r != NULL; r = r->next)
			r->facts = 0;
}

void
rollups_drop(struct rollups *rollups, bool all)
{
	for (size_t i = 0; i < ROLLUPS_MAX; i++) {
		struct rollup **place = &rollups->buckets[i], *rollup;

		while ((rollup = *place) != NULL) {
			if (!all && rollup->messages > 0) {
				place = &rollup->next;
				continue;
			}
			*place = rollup->next;
			rollups->count--;
			rollups->bytes -= rollup->row->size;
			free(rollup->row);
			free(rollup);
		}
	}
	if (all)
		memset(rollups, 0, sizeof(*rollups));
}
