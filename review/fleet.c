/*
 * fleet.c - tables of PostgreSQL as virtual ones of SQLite.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "review/fleet_room.h"
#include "review/reading.h"

/* ------------------------------------------------------------------ *
 * A table
 * ------------------------------------------------------------------ */

static void
free_vtab(struct fleet_vtab *vtab)
{
	for (int i = 0; i < vtab->count; i++)
		sqlite3_free(vtab->fields[i].name);
	sqlite3_free(vtab);
}

/* Adds the columns that a question of pragma_table_info()'s tells of. */
static int
add_fields(sqlite3 *db, struct fleet_vtab *vtab, const char *of, bool more)
{
	bool joined = strcmp(vtab->table->name, of) != 0;
	sqlite3_stmt *rows = NULL;
	int result = sqlite3_prepare_v2(db, "SELECT name, type, \"notnull\", pk FROM"
	    " pragma_table_info(?1, 'main')", -1, &rows, NULL);

	if (result == SQLITE_OK)
		(void)sqlite3_bind_text(rows, 1, of, -1, SQLITE_STATIC);
	while (result == SQLITE_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
		const char *name = review_column(rows, 0);
		struct fleet_field *field = &vtab->fields[vtab->count];

		result = SQLITE_OK;
		/* Of what is joined by them. */
		if (joined && (strcmp(name, "id") == 0 || (more && strcmp(name, "digest") == 0)))
			continue;
		if (vtab->count == FLEET_FIELDS_MAX) {
			result = SQLITE_TOOBIG;
			break;
		}
		field->name = sqlite3_mprintf("%s", name);
		field->special = fleet_column_find(vtab->table->name, name);
		field->is_text = strcmp(review_column(rows, 1), "INTEGER") != 0;
		field->key = joined && strcmp(of, "rollup") != 0 ? 0 : sqlite3_column_int(rows, 3);
		field->filled = sqlite3_column_int(rows, 2) != 0 || field->key > 0;
		field->more = more;
		vtab->count++;
		result = field->name == NULL ? SQLITE_NOMEM : SQLITE_OK;
	}
	(void)sqlite3_finalize(rows);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* The columns of a table that a journal has not, as CREATE TABLE has them. */
static int
add_declared(struct fleet_vtab *vtab)
{
	const char *at = vtab->table->declared;

	for (; at != NULL && vtab->count < FLEET_FIELDS_MAX; vtab->count++) {
		struct fleet_field *field = &vtab->fields[vtab->count];
		int length = (int)strcspn(at, " ");

		field->name = sqlite3_mprintf("%.*s", length, at);
		if (field->name == NULL)
			return SQLITE_NOMEM;
		field->special = fleet_column_find(vtab->table->name, field->name);
		field->is_text = strncmp(at + length, " TEXT", 5) == 0;
		field->key = vtab->count == 0;
		at = strstr(at, ", ");
		at = at != NULL ? at + 2 : NULL;
	}
	return SQLITE_OK;
}

/* Without a row id: its key tells one row from another. */
static int
declare_vtab(sqlite3 *db, const struct fleet_vtab *vtab)
{
	struct buffer sql = BUFFER_INIT;
	int keys = 0, result = SQLITE_NOMEM;

	buffer_string(&sql, "CREATE TABLE x(");
	for (int i = 0; i < vtab->count; i++) {
		buffer_format(&sql, "\"%s\" %s, ", vtab->fields[i].name,
		    vtab->fields[i].is_text ? "TEXT" : "INTEGER");
		keys += vtab->fields[i].key > 0;
	}
	buffer_string(&sql, "PRIMARY KEY (");
	for (int key = 1; key <= keys; key++)
		for (int i = 0; i < vtab->count; i++)
			if (vtab->fields[i].key == key)
				buffer_format(&sql, "%s\"%s\"", key > 1 ? ", " : "",
				    vtab->fields[i].name);
	buffer_string(&sql, ")) WITHOUT ROWID");
	if (!sql.failed)
		result = sqlite3_declare_vtab(db, sql.text);
	buffer_free(&sql);
	return result;
}

static int
fleet_module_connect(sqlite3 *db, void *fleet, int count, const char *const *words,
    sqlite3_vtab **made, char **error)
{
	struct fleet_vtab *vtab = sqlite3_malloc(sizeof(*vtab));
	const struct fleet_table *table = fleet_tables;
	int result = SQLITE_OK;

	(void)count;
	(void)error;
	if (vtab == NULL)
		return SQLITE_NOMEM;
	while (strcmp(table->name, words[2]) != 0)
		table++;
	*vtab = (struct fleet_vtab){ .fleet = fleet, .table = table };
	for (int i = 0; i < 3 && table->of[i] != NULL && result == SQLITE_OK; i++)
		result = add_fields(db, vtab, table->of[i], i == 2);
	if (result == SQLITE_OK)
		result = add_declared(vtab);
	if (result == SQLITE_OK)
		result = declare_vtab(db, vtab);
	if (result != SQLITE_OK)
		free_vtab(vtab);
	else
		*made = &vtab->base;
	return result;
}

static int
fleet_module_disconnect(sqlite3_vtab *base)
{
	free_vtab((struct fleet_vtab *)base);
	return SQLITE_OK;
}

/* ------------------------------------------------------------------ *
 * Its rows
 * ------------------------------------------------------------------ */

static int
fleet_module_open(sqlite3_vtab *base, sqlite3_vtab_cursor **made)
{
	struct fleet_cursor *cursor = sqlite3_malloc(sizeof(*cursor));

	(void)base;
	if (cursor == NULL)
		return SQLITE_NOMEM;
	*cursor = (struct fleet_cursor){ .ended = true };
	*made = &cursor->base;
	return SQLITE_OK;
}

static int
fleet_module_close(sqlite3_vtab_cursor *base)
{
	fleet_scan_end((struct fleet_cursor *)base);
	sqlite3_free(base);
	return SQLITE_OK;
}

static int
fleet_module_filter(sqlite3_vtab_cursor *base, int how, const char *plan, int count,
    sqlite3_value **values)
{
	struct fleet_cursor *cursor = (struct fleet_cursor *)base;

	fleet_scan_end(cursor);
	return how == FLEET_PLAN_ID ? fleet_block_find(cursor, values[0]) :
	    fleet_scan_begin(cursor, plan, count, values);
}

/* Of a block it is one row. */
static int
fleet_module_next(sqlite3_vtab_cursor *base)
{
	struct fleet_cursor *cursor = (struct fleet_cursor *)base;

	if (cursor->block != NULL) {
		fleet_scan_end(cursor);
		return SQLITE_OK;
	}
	if (++cursor->row < PQntuples(cursor->rows) || cursor->ended)
		return SQLITE_OK;
	return fleet_scan_more(cursor);
}

static int
fleet_module_eof(sqlite3_vtab_cursor *base)
{
	const struct fleet_cursor *cursor = (const struct fleet_cursor *)base;

	return cursor->rows == NULL || cursor->row >= PQntuples(cursor->rows);
}

/* Behind those before it that were asked for. */
static int
fleet_module_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int number)
{
	const struct fleet_cursor *cursor = (const struct fleet_cursor *)base;
	const struct fleet_vtab *vtab = (const struct fleet_vtab *)base->pVtab;
	uint64_t bit = UINT64_C(1) << number;

	if ((cursor->used & bit) != 0)
		fleet_value(context, &vtab->fields[number], cursor->rows, cursor->row,
		    __builtin_popcountll(cursor->used & (bit - 1)));
	return SQLITE_OK;
}

/* Its tables have no row id. */
static int
fleet_module_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
	(void)base;
	*id = 0;
	return SQLITE_ERROR;
}

static const sqlite3_module fleet_module = {
	.iVersion = 0,
	.xCreate = fleet_module_connect, .xConnect = fleet_module_connect,
	.xBestIndex = fleet_plan,
	.xDisconnect = fleet_module_disconnect, .xDestroy = fleet_module_disconnect,
	.xOpen = fleet_module_open, .xClose = fleet_module_close,
	.xFilter = fleet_module_filter, .xNext = fleet_module_next, .xEof = fleet_module_eof,
	.xColumn = fleet_module_column, .xRowid = fleet_module_rowid,
};

/* ------------------------------------------------------------------ *
 * All tables
 * ------------------------------------------------------------------ */

/* fleet_trouble(), for SQL: by it a database of ours is known. */
static void
sql_fleet_trouble(sqlite3_context *context, int count, sqlite3_value **values)
{
	const struct fleet *fleet = sqlite3_user_data(context);

	(void)count;
	(void)values;
	sqlite3_result_text(context, fleet->trouble, -1, SQLITE_TRANSIENT);
}

/* fleet_node(ID), for SQL: see fleet_node_of(). */
static void
sql_fleet_node(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *node = fleet_node_of(sqlite3_user_data(context),
	    sqlite3_value_int64(values[0]));

	(void)count;
	sqlite3_result_text(context, node, -1, SQLITE_TRANSIENT);
}

/*
 * fleet_sum(FROM, TO, SINCE, UNTIL, HOURLY FROM, HOURLY TO, DAILY, BY RULE, DOMAIN, RECENT,
 * CUT...), for SQL. Of one node there are no summaries.
 */
static void
sql_fleet_sum(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct fleet *fleet = sqlite3_user_data(context);
	struct fleet_summed asked = {
		.from = sqlite3_value_int64(values[0]), .to = sqlite3_value_int64(values[1]),
		.since = sqlite3_value_int64(values[2]), .until = sqlite3_value_int64(values[3]),
		.hourly_from = sqlite3_value_int64(values[4]),
		.hourly_to = sqlite3_value_int64(values[5]),
		.daily = sqlite3_value_int(values[6]) != 0,
		.by_rule = sqlite3_value_int(values[7]) != 0,
		.domain = (const char *)sqlite3_value_text(values[8]),
		.recent = sqlite3_value_int64(values[9])
	};

	for (int i = 10; i < count && i < 10 + FLEET_CUTS; i++)
		asked.cuts[i - 10] = sqlite3_value_int64(values[i]);
	sqlite3_result_int(context, fleet->parameters[FLEET_NODE] != NULL ? 0 :
	    fleet_sum(fleet, &asked));
}

static void
free_fleet(void *fleet)
{
	struct fleet *owned = fleet;

	fleet_free(&owned);
}

/* The tables go by the name of those that a journal has, which stay empty. */
static int
make_tables(sqlite3 *db)
{
	char sql[128];
	int result = SQLITE_OK;

	for (const struct fleet_table *table = fleet_tables; table->name != NULL &&
	    result == SQLITE_OK; table++) {
		(void)snprintf(sql, sizeof(sql), "CREATE VIRTUAL TABLE temp.%s USING fleet",
		    table->name);
		result = sqlite3_exec(db, sql, NULL, NULL, NULL);
	}
	return result;
}

sqlite3 *
fleet_open(const char *path, const char *node, char error[REVIEW_ERROR_MAX])
{
	struct fleet *fleet = fleet_connect(path, node, error);
	sqlite3 *db = NULL;
	int result;

	if (fleet == NULL)
		return NULL;
	result = journal_open_model(&db);
	/* The module has it from here on, also where it cannot be made. */
	if (db == NULL)
		fleet_free(&fleet);
	else if (sqlite3_create_module_v2(db, "fleet", &fleet_module, fleet, free_fleet) !=
	    SQLITE_OK)
		result = SQLITE_NOMEM;
	if (result == SQLITE_OK)
		result = sqlite3_create_function(db, "fleet_trouble", 0, SQLITE_UTF8, fleet,
		    sql_fleet_trouble, NULL, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_create_function(db, "fleet_node", 1, SQLITE_UTF8, fleet,
		    sql_fleet_node, NULL, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_create_function(db, "fleet_sum", 10 + FLEET_CUTS, SQLITE_UTF8 |
		    SQLITE_DIRECTONLY, fleet, sql_fleet_sum, NULL, NULL);
	if (result == SQLITE_OK)
		result = make_tables(db);
	if (result == SQLITE_OK)
		return db;
	review_say(error, "cannot read PostgreSQL: %s", result == SQLITE_NOMEM ?
	    "not enough memory" : sqlite3_errmsg(db));
	(void)sqlite3_close(db);
	return NULL;
}
