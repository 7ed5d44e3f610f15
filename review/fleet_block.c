/*
 * fleet_block.c - rows of small tables that are asked for by their id, one after another.
 *
 * Ids that are asked for together were mostly given together: so the rows behind one are
 * got with it, and kept as long as there is room.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet_room.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "review/reading.h"

/* The id is a column of 32 bits, in the order of the network. */
static int64_t
block_id(const PGresult *rows, int row, int column)
{
	const unsigned char *at = (const unsigned char *)PQgetvalue(rows, row, column);

	return (int64_t)at[0] << 24 | (int64_t)at[1] << 16 | (int64_t)at[2] << 8 | at[3];
}

static int
id_column(const struct fleet_vtab *vtab)
{
	int column = 0;

	while (strcmp(vtab->fields[column].name, "id") != 0)
		column++;
	return column;
}

/* The block that knows of an id, or NULL. */
static struct fleet_block *
block_of(struct fleet_vtab *vtab, int64_t id)
{
	for (size_t i = 0; i < FLEET_BLOCKS; i++) {
		struct fleet_block *block = &vtab->fleet->blocks[i];

		if (block->table == vtab->table && block->rows != NULL && block->first <= id &&
		    id <= block->last)
			return block;
	}
	return NULL;
}

/* The one that was not used for the longest time; that of a reader is kept. */
static struct fleet_block *
block_to_fill(struct fleet *fleet)
{
	struct fleet_block *oldest = NULL;

	for (size_t i = 0; i < FLEET_BLOCKS; i++) {
		struct fleet_block *block = &fleet->blocks[i];

		if (block->readers == 0 && (oldest == NULL || block->rows == NULL ||
		    (oldest->rows != NULL && block->used < oldest->used)))
			oldest = block;
	}
	return oldest;
}

/* Gets the rows from an id on. */
static int
block_fill(struct fleet_vtab *vtab, int64_t id, struct fleet_block **filled)
{
	struct fleet_block *block = block_to_fill(vtab->fleet);
	struct buffer sql = BUFFER_INIT;
	int code = SQLITE_NOMEM, count;

	*filled = block;
	if (block == NULL)
		return SQLITE_FULL;
	buffer_string(&sql, "SELECT ");
	for (int i = 0; i < vtab->count; i++) {
		buffer_string(&sql, i > 0 ? ", " : "");
		fleet_plan_column(&sql, &vtab->fields[i]);
	}
	buffer_format(&sql, " FROM %s WHERE id >= %" PRId64 " ORDER BY id LIMIT %d",
	    vtab->table->from, id, FLEET_BLOCK_ROWS);
	PQclear(block->rows);
	block->rows = sql.failed ? NULL : PQexecParams(vtab->fleet->connection, sql.text, 0, NULL,
	    NULL, NULL, NULL, 1);
	if (!sql.failed) {
		count = PQresultStatus(block->rows) == PGRES_TUPLES_OK ? PQntuples(block->rows) : -1;
		code = count >= 0 ? SQLITE_OK : fleet_fail(vtab, block->rows);
		block->table = code == SQLITE_OK ? vtab->table : NULL;
		block->first = id;
		block->last = count < FLEET_BLOCK_ROWS ? INT64_MAX :
		    block_id(block->rows, count - 1, id_column(vtab));
	}
	buffer_free(&sql);
	return code;
}

/* The row of an id; -1: there is none. */
static int
row_of(const struct fleet_block *block, int column, int64_t id)
{
	int low = 0, high = PQntuples(block->rows);

	while (low < high) {
		int middle = low + (high - low) / 2;
		int64_t there = block_id(block->rows, middle, column);

		if (there == id)
			return middle;
		if (there < id)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

int
fleet_block_find(struct fleet_cursor *cursor, sqlite3_value *value)
{
	struct fleet_vtab *vtab = (struct fleet_vtab *)cursor->base.pVtab;
	int64_t id = sqlite3_value_int64(value);
	struct fleet_block *block;
	int code = SQLITE_OK, row;

	if (vtab->fleet->trouble[0] != '\0')
		return fleet_fail(vtab, NULL);
	if (sqlite3_value_type(value) != SQLITE_INTEGER || id < 0)
		return SQLITE_OK;
	block = block_of(vtab, id);
	if (block == NULL)
		code = block_fill(vtab, id - id % FLEET_BLOCK_ROWS, &block);
	/* Where ids are few and far between. */
	if (code == SQLITE_OK && id > block->last)
		code = block_fill(vtab, id, &block);
	if (code != SQLITE_OK)
		return code;
	block->used = ++vtab->fleet->uses;
	row = row_of(block, id_column(vtab), id);
	if (row < 0)
		return SQLITE_OK;
	block->readers++;
	cursor->block = block;
	cursor->rows = block->rows;
	cursor->used = (UINT64_C(1) << vtab->count) - 1;
	cursor->row = row;
	cursor->ended = false;
	return SQLITE_OK;
}
