/*
 * rollup.c - accepted messages, rolled up in memory until they are written.
 *
 * A set of facts is known by its columns' bytes here, and by a digest of them in the
 * database: the digest is made when a set is written first in an hour.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_room.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* The seed is the table's, and so it is quick whatever a stranger sends. */
static uint64_t
rollup_hash(const struct rollups *rollups, const struct row *row)
{
	struct hash_key key = rollups->table.seed;

	key.b ^= (uint64_t)journal_hour(row->time_ms);
	return hash_bytes(key, row->columns, row->key);
}

static bool
rollup_is(const void *owner, uint32_t number, const void *key, size_t length)
{
	const struct rollup *rollup = &((const struct rollups *)owner)->list[number];
	const struct row *row = key;

	return rollup->hour == journal_hour(row->time_ms) &&
	    rollup->row->key == length &&
	    memcmp(rollup->row->columns, row->columns, length) == 0;
}

/* Whether one more address of the rule is kept whole in this hour, or was before. */
static bool
rollup_keeps(struct rollup_addresses *addresses, int64_t hour, uint64_t rule,
    uint64_t address)
{
	const size_t slots = 2 * ROLLUPS_ADDRESSES;
	unsigned char *of_rule = &addresses->of_rule[rule % ROLLUPS_RULES];
	size_t at = address % slots;

	if (hour > addresses->hour)
		*addresses = (struct rollup_addresses){ .hour = hour };
	while (addresses->seen[at] != 0 && addresses->seen[at] != address)
		at = (at + 1) % slots;
	if (addresses->seen[at] == address)
		return true;
	if (addresses->count == ROLLUPS_ADDRESSES || *of_rule == ROLLUPS_ADDRESSES_RULE)
		return false;
	addresses->seen[at] = address;
	addresses->count++;
	(*of_rule)++;
	return true;
}

static void
rollup_bound_addresses(struct rollups *rollups, struct row *row)
{
	struct hash_key key = rollups->table.seed;
	struct row_value rule, address;
	uint64_t hash;
	const char *at;

	(void)row_find(row, "rule", &rule);
	at = row_find(row, "client_address", &address);
	if (address.type != ROW_TEXT)
		return;
	hash = hash_bytes(key, rule.text, rule.number);
	key.a ^= hash;
	if (!rollup_keeps(&rollups->addresses, journal_hour(row->time_ms), hash,
	    hash_bytes(key, address.text, address.number) | 1))
		row_forget(row, at);
}

/* The roll-up of the row's hour and facts, a new one where there is none, or NULL. */
static struct rollup *
rollup_of(struct rollups *rollups, struct row *row)
{
	uint64_t hash;
	uint32_t number;

	if (!table_reserve(&rollups->table, 1))
		return NULL;
	rollup_bound_addresses(rollups, row);
	hash = rollup_hash(rollups, row);
	number = table_find(&rollups->table, hash, row, row->key, rollup_is, rollups);
	if (number != TABLE_NONE)
		return &rollups->list[number];
	if (rollups->count >= ROLLUPS_MAX ||
	    rollups->bytes + row->size > ROLLUPS_BYTES_MAX)
		return NULL;
	number = (uint32_t)rollups->count++;
	table_add(&rollups->table, hash, number);
	rollups->bytes += row->size;
	rollups->list[number] = (struct rollup){ .row = row,
	    .hour = journal_hour(row->time_ms) };
	return &rollups->list[number];
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

bool
rollups_add(struct rollups *rollups, struct row *row)
{
	struct rollup *rollup = rollup_of(rollups, row);
	int at;

	if (rollup == NULL)
		return false;
	at = (int)(row->time_ms - rollup->hour * JOURNAL_HOUR_MS);
	rollup_take_sample(rollups, rollup, row);
	if (rollup->messages++ == 0) {
		rollup->first = rollup->last = at;
		rollups->dirty++;
	}
	rollup->first = at < rollup->first ? at : rollup->first;
	rollup->last = at > rollup->last ? at : rollup->last;
	rollups->messages++;
	return true;
}

/* ------------------------------------------------------------------ *
 * Writing
 * ------------------------------------------------------------------ */

/* The columns of a table, and what follows: without what came later and is unknown. */
static bool
rollup_digest(EVP_MD_CTX *context, unsigned table, const char *columns, const char *end,
    unsigned char digest[EVP_MAX_MD_SIZE])
{
	const struct record_field *field = NULL;
	struct row_value value;
	bool fine = EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

	while (fine && (field = record_field_next(field, table)) != NULL) {
		const char *next = row_column(columns, &value);

		if (value.type != ROW_NULL || (field->places & IN_LATER) == 0)
			fine = EVP_DigestUpdate(context, columns,
			    (size_t)(next - columns)) == 1;
		columns = next;
	}
	return fine && EVP_DigestUpdate(context, columns, (size_t)(end - columns)) == 1 &&
	    EVP_DigestFinal_ex(context, digest, NULL) == 1;
}

/* A statement whose first parameter is the digest of columns from a table's on. */
static sqlite3_stmt *
rollup_by_digest(struct store_db *db, enum db_statement which, unsigned table,
    const char *columns, const char *end)
{
	sqlite3_stmt *statement = store_db_statement(db, which, 0, NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (context == NULL || !rollup_digest(context, table, columns, end, digest))
		(void)store_db_did(db, SQLITE_NOMEM);
	else
		(void)sqlite3_bind_blob(statement, 1, digest, EVP_MD_get_size(EVP_sha256()),
		    SQLITE_TRANSIENT);
	EVP_MD_CTX_free(context);
	return statement;
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

/* The id of the certificate in the columns, added where it is new; 0: there is none. */
static int64_t
rollup_certificate(struct store_db *db, const char *columns, const char *end)
{
	sqlite3_stmt *add;
	int64_t id;

	if (!rollup_has_certificate(columns))
		return 0;
	id = store_db_number(db,
	    rollup_by_digest(db, DB_CERTIFICATE_FIND, IN_CERTIFICATE, columns, end), 0);
	if (id != 0)
		return id;
	add = rollup_by_digest(db, DB_CERTIFICATE_ADD, IN_CERTIFICATE, columns, end);
	(void)store_db_bind(add, 2, IN_CERTIFICATE, columns);
	store_db_run(db, add);
	return sqlite3_last_insert_rowid(db->db);
}

static int64_t
rollup_facts(struct store_db *db, const struct row *row)
{
	const char *columns = row->columns, *certificate, *end = columns + row->key;
	int64_t id = store_db_number(db,
	    rollup_by_digest(db, DB_FACTS_FIND, IN_FACTS, columns, end), 0);
	sqlite3_stmt *add;

	if (id != 0)
		return id;
	add = rollup_by_digest(db, DB_FACTS_ADD, IN_FACTS, columns, end);
	certificate = store_db_bind(add, 3, IN_FACTS, columns);
	id = rollup_certificate(db, certificate, end);
	if (id != 0)
		(void)sqlite3_bind_int64(add, 2, id);
	store_db_run(db, add);
	return sqlite3_last_insert_rowid(db->db);
}

static void
rollup_write(struct store_db *db, struct rollup *rollup)
{
	sqlite3_stmt *add;

	if (rollup->facts == 0)
		rollup->facts = rollup_facts(db, rollup->row);
	if (db->result != DB_DONE) {
		rollup->facts = 0;
		return;
	}
	add = store_db_statement(db, DB_ROLLUP_ADD, 5, (const int64_t[]){ rollup->hour,
	    rollup->facts, (int64_t)rollup->messages, rollup->first, rollup->last });
	(void)store_db_bind(add, 6, IN_ROLLUP, rollup->row->columns + rollup->row->key);
	store_db_run(db, add);
}

/* What no table takes is given up, and not tried for ever. */
void
rollups_write(struct rollups *rollups, struct store_db *db, size_t max)
{
	for (size_t n = rollups->count; n > 0 && max > 0; n--) {
		struct rollup *rollup = &rollups->list[rollups->next % rollups->count];

		rollups->next = (rollups->next + 1) % rollups->count;
		if (rollup->messages == 0 || rollup->writing)
			continue;
		rollup_write(db, rollup);
		(void)store_db_was_unfit(db);
		if (db->result != DB_DONE)
			return;
		rollup->writing = true;
		rollups->dirty--;
		max--;
	}
}

unsigned long
rollups_written(struct rollups *rollups)
{
	unsigned long messages = 0;

	for (struct rollup *r = rollups->list; r < rollups->list + rollups->count; r++)
		if (r->writing) {
			messages += r->messages;
			r->messages = 0;
			r->writing = false;
		}
	rollups->messages -= messages;
	if (rollups->dirty == 0 && rollups->count > ROLLUPS_MAX / 2)
		rollups_drop(rollups, false);
	return messages;
}

void
rollups_forget(struct rollups *rollups)
{
	for (struct rollup *r = rollups->list; r < rollups->list + rollups->count; r++) {
		r->facts = 0;
		rollups->dirty += r->writing;
		r->writing = false;
	}
}

void
rollups_drop(struct rollups *rollups, bool all)
{
	size_t count = rollups->count;

	table_free(&rollups->table);
	rollups->count = rollups->next = 0;
	for (struct rollup *r = rollups->list; r < rollups->list + count; r++)
		if (r->messages > 0 && !all) {
			rollups->list[rollups->count++] = *r;
		} else {
			rollups->bytes -= r->row->size;
			free(r->row);
		}
	/* What is not found again is written beside what comes. */
	if (!table_reserve(&rollups->table, rollups->count))
		return;
	for (size_t i = 0; i < rollups->count; i++)
		table_add(&rollups->table, rollup_hash(rollups, rollups->list[i].row),
		    (uint32_t)i);
}
