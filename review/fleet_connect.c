/*
 * fleet_connect.c - a connection to PostgreSQL, of one moment, and the journals in it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet_room.h"

#include <stdlib.h>
#include <string.h>

#include "review/reading.h"
#include "journal/database.h"

/* So many nodes are named where one is not known. */
#define NAMED_MAX 20

#define OLDEST_SERVER 140000

/* More options than libpq has. */
#define OPTIONS_MAX 100

Oid
fleet_parameter_type(enum fleet_parameter parameter)
{
	return parameter == FLEET_NUMBERS || parameter >= FLEET_APART ? FLEET_INT4_ARRAY :
	    parameter == FLEET_NODE ? FLEET_TEXT : FLEET_TEXT_ARRAY;
}

void
fleet_array_add(struct buffer *array, const char *text)
{
	buffer_string(array, array->length > 1 ? ",\"" : "\"");
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buffer_add(array, "\\", 1);
		buffer_add(array, text, 1);
	}
	buffer_add(array, "\"", 1);
}

/* ------------------------------------------------------------------ *
 * What is there
 * ------------------------------------------------------------------ */

/* The answer to a question without parameters. NULL: "error" says why there is none. */
static PGresult *
ask_fleet(struct fleet *fleet, const char *sql, char error[REVIEW_ERROR_MAX])
{
	PGresult *result = PQexec(fleet->connection, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return result;
	fleet_say_failed(fleet, result, error);
	PQclear(result);
	return NULL;
}

/*
 * Names of ours are qualified; those of PostgreSQL cannot be taken by others'. Rows move
 * from default partitions into others: not while this reads, nor between the moment that it
 * reads and the plan of a question. LOCK does not set that moment.
 */
static bool
begin_reading(struct fleet *fleet, char error[REVIEW_ERROR_MAX])
{
	PGresult *result = ask_fleet(fleet, "SET search_path = pg_catalog; SET jit = off;"
	    " BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE"
	    " tlsward.record_default, tlsward.trouble_default, tlsward.rollup_default,"
	    " tlsward.handshake_default, tlsward.delivery_default, tlsward.rollup_day_default,"
	    " tlsward.rollup_part_default IN ACCESS SHARE MODE", error);

	PQclear(result);
	return result != NULL;
}

/* As that connection, whatever its options were. NULL: memory is short. */
static PGconn *
connect_as(PGconn *connection)
{
	PQconninfoOption *options = PQconninfo(connection);
	const char *keys[OPTIONS_MAX + 1], *values[OPTIONS_MAX + 1];
	PGconn *made = NULL;
	int count = 0;

	for (int i = 0; options != NULL && options[i].keyword != NULL; i++)
		if (options[i].val != NULL && count < OPTIONS_MAX) {
			keys[count] = options[i].keyword;
			values[count++] = options[i].val;
		}
	keys[count] = values[count] = NULL;
	if (options != NULL)
		made = PQconnectdbParams(keys, values, 0);
	PQconninfoFree(options);
	return made;
}

bool
fleet_connect_second(struct fleet *fleet)
{
	char sql[512];
	PGresult *begun = NULL;
	PGresult *snapshot = ask_fleet(fleet, "SELECT pg_export_snapshot()", fleet->trouble);
	bool fine;

	if (snapshot == NULL)
		return false;
	PQfinish(fleet->second);
	fleet->second = connect_as(fleet->connection);
	/* Maintenance that waits for a lock of the first one would hold this up: not for long. */
	(void)snprintf(sql, sizeof(sql), "SET search_path = pg_catalog; SET jit = off;"
	    " SET lock_timeout = '3s'; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
	    " SET TRANSACTION SNAPSHOT '%.64s'", PQgetvalue(snapshot, 0, 0));
	if (PQstatus(fleet->second) == CONNECTION_OK)
		begun = PQexec(fleet->second, sql);
	fine = PQresultStatus(begun) == PGRES_COMMAND_OK;
	PQclear(begun);
	PQclear(snapshot);
	if (!fine) {
		PQfinish(fleet->second);
		fleet->second = NULL;
	}
	return fine;
}

static bool
check_step(struct fleet *fleet, char error[REVIEW_ERROR_MAX])
{
	PGresult *result = ask_fleet(fleet, "SELECT coalesce(max(step), 0) FROM tlsward.version",
	    error);
	int step = result != NULL ? atoi(PQgetvalue(result, 0, 0)) : 0;

	if (result != NULL && step < FLEET_STEP)
		review_say(error, "the schema of %s is of an older tlsward (step %d, not %d): have "
		    "its owner run this version's: tlsward ship --schema | psql -v "
		    "ON_ERROR_STOP=1 DATABASE", fleet->name, step, FLEET_STEP);
	else if (result != NULL && step > FLEET_STEP)
		review_say(error, "the schema of %s is of a newer tlsward (step %d, not %d): read "
		    "it with that", fleet->name, step, FLEET_STEP);
	PQclear(result);
	return result != NULL && step == FLEET_STEP;
}

/* A name once, however many journals a node has had: rows are in the order of nodes. */
static bool
is_other_node(const PGresult *result, int row)
{
	return row == 0 || strcmp(PQgetvalue(result, row, 1), PQgetvalue(result, row - 1, 1)) != 0;
}

static void
say_unknown_node(struct fleet *fleet, const PGresult *result, const char *node,
    char error[REVIEW_ERROR_MAX])
{
	struct buffer names = BUFFER_INIT;
	int count = 0;

	for (int row = 0; row < PQntuples(result); row++)
		if (is_other_node(result, row) && count++ < NAMED_MAX)
			buffer_format(&names, "%s%s", count == 1 ? "" : ", ",
			    PQgetvalue(result, row, 1));
	if (names.failed)
		review_say(error, "not enough memory");
	else if (count == 0)
		review_say(error, "%s has no journal of a node \"%s\", nor of any other: has "
		    "tlsward ship run?", fleet->name, node);
	else
		review_say(error, "%s has no journal of a node \"%s\": there %s %.300s%s",
		    fleet->name, node, count == 1 ? "is" : "are", names.text,
		    count > NAMED_MAX || names.length > 300 ? ", ..." : "");
	buffer_free(&names);
}

/* What the parameters are of the rows of the node, or of all. False: memory is short. */
static bool
take_journals(struct fleet *fleet, const PGresult *result, const char *node, int *count)
{
	struct buffer arrays[FLEET_PARAMETERS] = { BUFFER_INIT };
	bool failed = false;

	*count = 0;
	for (int i = 0; i < FLEET_PARAMETERS; i++)
		buffer_string(&arrays[i], "{");
	for (int row = 0; row < PQntuples(result); row++) {
		if (node != NULL && strcmp(PQgetvalue(result, row, 1), node) != 0)
			continue;
		++*count;
		fleet_array_add(&arrays[FLEET_NUMBERS], PQgetvalue(result, row, 0));
		fleet_array_add(&arrays[FLEET_NODES], PQgetvalue(result, row, 1));
		fleet_array_add(&arrays[FLEET_JOURNALS], PQgetvalue(result, row, 2));
		fleet_array_add(&arrays[FLEET_KEYS], PQgetvalue(result, row, 3));
	}
	buffer_clear(&arrays[FLEET_NODE]);
	buffer_string(&arrays[FLEET_NODE], node == NULL ? "" : node);
	for (int i = 0; i < FLEET_PARAMETERS; i++) {
		buffer_string(&arrays[i], i == FLEET_NODE ? "" : "}");
		failed |= arrays[i].failed;
		fleet->parameters[i] = arrays[i].text;
	}
	if (node == NULL) {
		free(fleet->parameters[FLEET_NODE]);
		fleet->parameters[FLEET_NODE] = NULL;
	}
	return !failed;
}

static bool
find_journals(struct fleet *fleet, const char *node, char error[REVIEW_ERROR_MAX])
{
	PGresult *result = ask_fleet(fleet, "SELECT number, node, journal, journal || node"
	    " FROM tlsward.journal ORDER BY node, number", error);
	bool found = result != NULL;
	int count;

	if (result != NULL && !take_journals(fleet, result, node, &count)) {
		review_say(error, "not enough memory");
		found = false;
	} else if (result != NULL && node != NULL && count == 0) {
		say_unknown_node(fleet, result, node, error);
		found = false;
	}
	fleet->journals = result;
	return found;
}

const char *
fleet_node_of(const struct fleet *fleet, int64_t id)
{
	if (id == 0)
		return fleet->parameters[FLEET_NODE];
	for (int row = 0; row < PQntuples(fleet->journals); row++)
		if (atoll(PQgetvalue(fleet->journals, row, 0)) == id >> FLEET_ID_BITS)
			return PQgetvalue(fleet->journals, row, 1);
	return NULL;
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

static bool
open_fleet(struct fleet *fleet, const char *path, const char *node,
    char error[REVIEW_ERROR_MAX])
{
	if (fleet->name == NULL) {
		review_say(error, "not enough memory");
		return false;
	}
	/* libpq would quote what may be a password. */
	if (fleet->name[0] == '\0') {
		review_say(error, "what stands behind \"postgresql:\" is no connection string of "
		    "libpq: write \"postgresql:host=HOST dbname=NAME user=USER\" or "
		    "\"postgresql://USER@HOST/NAME\"");
		return false;
	}
	fleet->connection = database_connect(database_conninfo(path), "tlsward");
	if (PQstatus(fleet->connection) != CONNECTION_OK) {
		fleet_say_unconnected(fleet, error);
		return false;
	}
	if (PQserverVersion(fleet->connection) < OLDEST_SERVER) {
		review_say(error, "%s is PostgreSQL of version %d: 14 is the oldest that can be read",
		    fleet->name, PQserverVersion(fleet->connection) / 10000);
		return false;
	}
	return begin_reading(fleet, error) && check_step(fleet, error) &&
	    find_journals(fleet, node, error);
}

struct fleet *
fleet_connect(const char *path, const char *node, char error[REVIEW_ERROR_MAX])
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));

	if (fleet == NULL) {
		review_say(error, "not enough memory");
		return NULL;
	}
	fleet->name = database_name(database_conninfo(path));
	if (!open_fleet(fleet, path, node, error))
		fleet_free(&fleet);
	return fleet;
}

void
fleet_sum_clear(struct fleet *fleet)
{
	for (size_t i = 0; i < FLEET_SUMMED; i++) {
		free(fleet->summed[i]);
		fleet->summed[i] = NULL;
	}
	free(fleet->sent);
	fleet->sent = NULL;
}

void
fleet_free(struct fleet **fleet)
{
	if (*fleet == NULL)
		return;
	for (size_t i = 0; i < FLEET_BLOCKS; i++)
		PQclear((*fleet)->blocks[i].rows);
	PQfinish((*fleet)->second);
	PQfinish((*fleet)->connection);
	for (int i = 0; i < FLEET_PARAMETERS; i++)
		free((*fleet)->parameters[i]);
	fleet_sum_clear(*fleet);
	PQclear((*fleet)->journals);
	free((*fleet)->name);
	free(*fleet);
	*fleet = NULL;
}
