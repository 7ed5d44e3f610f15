/*
 * fleet_scan.c - a question to PostgreSQL, and its rows, a piece at a time.
 *
 * Several may be open at once: each is a cursor of PostgreSQL's. How many rows a piece
 * has goes by how large they are, so that memory is bounded. What fleet_sum() asked for on a
 * second connection comes as a whole.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet_room.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "review/reading.h"
#include "journal/database.h"
#include "base/text.h"

/* The first piece has so many rows; others about so many bytes. */
#define FIRST_ROWS 64
#define MOST_ROWS 8192
#define PIECE_BYTES (1u << 20)

/* More values than a question of SQLite's has conditions. */
#define VALUES_MAX 40

/* What PostgreSQL has as a time: later and earlier ones are none. */
#define SCAN_MS_MIN INT64_C(-200000000000000)
#define SCAN_MS_MAX INT64_C(9000000000000000)

int
fleet_fail(struct fleet_vtab *vtab, const PGresult *result)
{
	struct fleet *fleet = vtab->fleet;

	/* What comes behind the first failure is that it was one. */
	if (fleet->trouble[0] == '\0')
		fleet_say_failed(fleet, result, fleet->trouble);
	sqlite3_free(vtab->base.zErrMsg);
	vtab->base.zErrMsg = sqlite3_mprintf("%s", fleet->trouble);
	return SQLITE_IOERR;
}

/* ------------------------------------------------------------------ *
 * Values
 * ------------------------------------------------------------------ */

struct scan_values {
	Oid types[FLEET_PARAMETERS + VALUES_MAX];
	const char *texts[FLEET_PARAMETERS + VALUES_MAX];
	struct buffer rooms[VALUES_MAX];
	int count;			/* of rooms */
	bool failed;			/* memory was short */
	bool nothing;			/* no row can meet that */
};

/* Whether PostgreSQL takes it for the same text. */
static bool
can_be_text(sqlite3_value *value)
{
	const char *text = (const char *)sqlite3_value_text(value);
	size_t length = (size_t)sqlite3_value_bytes(value);

	return sqlite3_value_type(value) == SQLITE_TEXT && text != NULL &&
	    strlen(text) == length && text_utf8_length(text, length) == length &&
	    strstr(text, DATABASE_BYTE) == NULL;
}

static int64_t
scan_clamp(int64_t number, int64_t least, int64_t most)
{
	return number < least ? least : number > most ? most : number;
}

static void
scan_number(struct buffer *room, int64_t number, char letter)
{
	if (letter == 'm')
		number = scan_clamp(number, SCAN_MS_MIN, SCAN_MS_MAX);
	else if (letter == 'h')
		number = scan_clamp(number, SCAN_MS_MIN / JOURNAL_HOUR_MS,
		    SCAN_MS_MAX / JOURNAL_HOUR_MS);
	buffer_format(room, "%" PRId64, number);
}

#if SQLITE_VERSION_NUMBER >= 3038000
/* A list. False: one of them is of another type, and SQLite has to look itself. */
static bool
scan_list(struct buffer *room, sqlite3_value *list, char letter)
{
	sqlite3_value *value = NULL;
	int result = sqlite3_vtab_in_first(list, &value);

	buffer_string(room, "{");
	for (; result == SQLITE_OK && value != NULL; result = sqlite3_vtab_in_next(list, &value)) {
		int type = sqlite3_value_type(value);

		if (type == SQLITE_NULL)
			continue;
		if (letter == 'T' && can_be_text(value))
			fleet_array_add(room, (const char *)sqlite3_value_text(value));
		else if (letter == 'I' && type == SQLITE_INTEGER)
			buffer_format(room, "%s%" PRId64, room->length > 1 ? "," : "",
			    (int64_t)sqlite3_value_int64(value));
		else
			return false;
	}
	buffer_string(room, "}");
	room->failed |= result != SQLITE_DONE && result != SQLITE_OK;
	return true;
}
#else
static bool
scan_list(struct buffer *room, sqlite3_value *list, char letter)
{
	(void)room;
	(void)list;
	(void)letter;
	return false;
}
#endif

/* Takes a value; one of another type than the column's is left to SQLite to look at. */
static void
scan_value(struct scan_values *values, char letter, sqlite3_value *value)
{
	struct buffer *room = &values->rooms[values->count];
	int at = FLEET_PARAMETERS + values->count++;
	bool list = letter == 'T' || letter == 'I', taken;

	*room = (struct buffer)BUFFER_INIT;
	values->types[at] = letter == 'T' ? FLEET_TEXT_ARRAY : letter == 'I' ?
	    FLEET_INT8_ARRAY : letter == 't' || letter == 'u' ? FLEET_TEXT : FLEET_INT8;
	if (list)
		taken = scan_list(room, value, letter);
	else if (letter == 't' || letter == 'u') {
		taken = can_be_text(value);
		buffer_string(room, taken ? (const char *)sqlite3_value_text(value) : "");
	} else {
		taken = sqlite3_value_type(value) == SQLITE_INTEGER;
		scan_number(room, sqlite3_value_int64(value), letter);
	}
	values->failed |= room->failed;
	values->texts[at] = taken ? room->text : NULL;
	values->nothing |= !list && letter != 'j' && letter != 'u' &&
	    sqlite3_value_type(value) == SQLITE_NULL;
}

static bool
scan_values_take(struct scan_values *values, const struct fleet_vtab *vtab, const char *letters,
    int count, sqlite3_value **given)
{
	*values = (struct scan_values){ .count = 0 };
	for (int i = 0; i < FLEET_PARAMETERS; i++) {
		values->types[i] = fleet_parameter_type((enum fleet_parameter)i);
		/* The sets of facts may be many, and are for these questions alone. */
		values->texts[i] = i >= FLEET_APART && vtab->table->from != NULL ? NULL :
		    vtab->fleet->parameters[i];
	}
	for (int i = 0; i < count && i < VALUES_MAX; i++)
		scan_value(values, letters[i], given[i]);
	return !values->failed && count <= VALUES_MAX;
}

static void
scan_values_free(struct scan_values *values)
{
	for (int i = 0; i < values->count; i++)
		buffer_free(&values->rooms[i]);
}

/* ------------------------------------------------------------------ *
 * Rows
 * ------------------------------------------------------------------ */

/* Whether the connection can be asked anything more. */
static bool
can_ask(const struct fleet *fleet)
{
	return fleet->trouble[0] == '\0' && PQstatus(fleet->connection) == CONNECTION_OK;
}

void
fleet_scan_end(struct fleet_cursor *cursor)
{
	struct fleet *fleet = ((struct fleet_vtab *)cursor->base.pVtab)->fleet;
	char sql[64];

	if (cursor->block != NULL)
		cursor->block->readers--;
	else
		PQclear(cursor->rows);
	if (cursor->number != 0 && can_ask(fleet)) {
		(void)snprintf(sql, sizeof(sql), "CLOSE tlsward_%u", cursor->number);
		PQclear(PQexec(fleet->connection, sql));
	}
	cursor->block = NULL;
	cursor->rows = NULL;
	cursor->number = 0;
	cursor->row = 0;
	cursor->ended = true;
}

int
fleet_scan_more(struct fleet_cursor *cursor)
{
	struct fleet_vtab *vtab = (struct fleet_vtab *)cursor->base.pVtab;
	char sql[64];

	if (cursor->rows != NULL && PQresultMemorySize(cursor->rows) < PIECE_BYTES / 2 &&
	    cursor->wanted < MOST_ROWS)
		cursor->wanted *= 2;
	else if (cursor->rows != NULL && PQresultMemorySize(cursor->rows) > PIECE_BYTES * 2 &&
	    cursor->wanted > 1)
		cursor->wanted /= 2;
	PQclear(cursor->rows);
	(void)snprintf(sql, sizeof(sql), "FETCH FORWARD %d FROM tlsward_%u", cursor->wanted,
	    cursor->number);
	cursor->rows = PQexecParams(vtab->fleet->connection, sql, 0, NULL, NULL, NULL, NULL, 1);
	cursor->row = 0;
	if (PQresultStatus(cursor->rows) != PGRES_TUPLES_OK)
		return fleet_fail(vtab, cursor->rows);
	cursor->ended = PQntuples(cursor->rows) < cursor->wanted;
	return SQLITE_OK;
}

/* The answer to what was sent, where that is the question; NULL: it is another, or failed. */
static PGresult *
scan_sent(struct fleet *fleet, const char *question)
{
	PGresult *result, *next;

	if (fleet->sent == NULL || strcmp(fleet->sent, question) != 0)
		return NULL;
	free(fleet->sent);
	fleet->sent = NULL;
	result = PQgetResult(fleet->second);
	while ((next = PQgetResult(fleet->second)) != NULL)
		PQclear(next);
	PQfinish(fleet->second);
	fleet->second = NULL;
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	PQclear(result);
	return NULL;
}

/* Asks, for rows that come when they are fetched. */
static int
scan_declare(struct fleet_cursor *cursor, const char *question, const struct scan_values *values)
{
	struct fleet_vtab *vtab = (struct fleet_vtab *)cursor->base.pVtab;
	struct buffer sql = BUFFER_INIT;
	PGresult *result;
	int code = SQLITE_OK;

	cursor->number = ++vtab->fleet->cursors;
	buffer_format(&sql, "DECLARE tlsward_%u NO SCROLL CURSOR FOR ", cursor->number);
	buffer_string(&sql, question);
	if (sql.failed) {
		buffer_free(&sql);
		return SQLITE_NOMEM;
	}
	if (vtab->table->from == NULL)
		fleet_sum_plans(vtab->fleet->connection, vtab->fleet->few, true);
	result = PQexecParams(vtab->fleet->connection, sql.text, FLEET_PARAMETERS +
	    values->count, values->types, values->texts, NULL, NULL, 1);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		code = fleet_fail(vtab, result);
	PQclear(result);
	if (vtab->table->from == NULL && code == SQLITE_OK)
		fleet_sum_plans(vtab->fleet->connection, vtab->fleet->few, false);
	buffer_free(&sql);
	return code;
}

int
fleet_scan_begin(struct fleet_cursor *cursor, const char *plan, int count,
    sqlite3_value **given)
{
	struct fleet_vtab *vtab = (struct fleet_vtab *)cursor->base.pVtab;
	const char *letters, *question;
	struct scan_values values;
	char *end;
	int code;

	cursor->used = strtoull(plan, &end, 16);
	letters = end + 1;
	question = strchr(letters, ' ') + 1;
	cursor->wanted = FIRST_ROWS;
	/* Behind a failure there are no answers, and never fewer rows. */
	if (vtab->fleet->trouble[0] != '\0')
		return fleet_fail(vtab, NULL);
	code = scan_values_take(&values, vtab, letters, count, given) ? SQLITE_OK : SQLITE_NOMEM;
	if (code == SQLITE_OK && !values.nothing)
		cursor->rows = scan_sent(vtab->fleet, question);
	if (code == SQLITE_OK && !values.nothing && cursor->rows == NULL)
		code = scan_declare(cursor, question, &values);
	if (code == SQLITE_OK && cursor->number != 0)
		code = fleet_scan_more(cursor);
	scan_values_free(&values);
	return code;
}
