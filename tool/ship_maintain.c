/*
 * ship_maintain.c - the care of a fleet's tables, which are the database's own to do: its
 * procedure tlsward.maintain() is called as their owner, and what it did is told.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/ship.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/database.h"

/* Where neither the call nor settings say: as the setting journal-keep has it. */
#define KEEP_MS INT64_C(34560000000)

/* What maintain() gives back, in its order. */
enum { MADE, MOVED, DROPPED, REMOVED, UNDONE, MAINTAINED };

/* ------------------------------------------------------------------ *
 * The database
 * ------------------------------------------------------------------ */

/* The database's words, in one line. */
static int
maintain_trouble(const char *what, const char *words)
{
	char line[512];
	int length = snprintf(line, sizeof(line), "%s", words);

	for (char *end = line + strlen(line); length > 0 && end > line && end[-1] == '\n';)
		*--end = '\0';
	for (char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	return tool_trouble("%s: %s", what, line);
}

/* Why it went wrong, and what to do. */
static int
maintain_failed(PGconn *connection, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *what = "this broke off; what was done stays, and it may be called again";

	if (state == NULL)
		state = "";
	if (strcmp(state, "42501") == 0)
		what = "this is for a member of the role tlsward_owner: --to names a user";
	/* No such role, schema, procedure; and what a procedure misses. */
	else if (strcmp(state, "22023") == 0 || strcmp(state, "3F000") == 0 ||
	    strcmp(state, "42883") == 0 || strcmp(state, "42P01") == 0)
		what = "the tables are not there, or older: tlsward ship --schema has the SQL";
	return maintain_trouble(what, PQerrorMessage(connection));
}

/* True where it worked; else it has been said. */
static bool
maintain_sql(PGconn *connection, const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	bool fine = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!fine)
		(void)maintain_failed(connection, result);
	PQclear(result);
	return fine;
}

/* One that is the owner's. NULL, having said why. */
static PGconn *
maintain_connect(const char *conninfo)
{
	PGconn *connection = database_connect(conninfo, "tlsward ship --maintain");

	if (connection == NULL)
		(void)tool_no_memory();
	else if (PQstatus(connection) != CONNECTION_OK)
		(void)maintain_trouble("no connection to PostgreSQL",
		    PQerrorMessage(connection));
	else if (maintain_sql(connection, "SET ROLE tlsward_owner") &&
	    maintain_sql(connection, "SET statement_timeout = 0;"
	    " SET client_min_messages = warning"))
		return connection;
	PQfinish(connection);
	return NULL;
}

/* ------------------------------------------------------------------ *
 * What it did
 * ------------------------------------------------------------------ */

static void
print_maintained(const char *count, const char *one, const char *many, const char *what)
{
	if (strcmp(count, "0") != 0)
		(void)printf("%s %s %s\n", count, strcmp(count, "1") == 0 ? one : many, what);
}

static int
tell_maintained(PGresult *result)
{
	const char *did[MAINTAINED];

	for (int i = 0; i < MAINTAINED; i++)
		did[i] = PQgetvalue(result, 0, i);
	if (strcmp(did[UNDONE], "-1") == 0) {
		(void)puts("another tlsward ship --maintain is at work: nothing was done");
		return STATUS_FINE;
	}
	(void)puts(strcmp(did[UNDONE], "0") == 0 ? "the tables are in order" :
	    "some is left to do: others had the tables locked; call it again");
	print_maintained(did[UNDONE], "partition", "partitions", "could be neither made nor "
	    "dropped");
	print_maintained(did[MADE], "partition", "partitions", "made");
	print_maintained(did[MOVED], "row", "rows", "moved out of the default partitions");
	print_maintained(did[DROPPED], "partition", "partitions", "dropped, by age");
	print_maintained(did[REMOVED], "row", "rows", "removed, by age");
	return strcmp(did[UNDONE], "0") == 0 ? STATUS_FINE : STATUS_NO;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

/* For how long rows are kept, in seconds; NULL: for ever. */
static const char *
maintain_keep(const struct ship_run *run, char keep[32])
{
	int64_t ms = run->keep_since != 0 ? tool_now_ms() - run->keep_since :
	    run->loaded.settings != NULL ? run->loaded.settings->journal_keep_ms : KEEP_MS;

	(void)snprintf(keep, 32, "%" PRId64 " seconds", ms / 1000);
	return run->keep_since == 0 && ms == 0 ? NULL : keep;
}

int
ship_maintain(const struct ship_run *run, const char *conninfo)
{
	char room[32];
	const char *keep = maintain_keep(run, room);
	PGconn *connection = maintain_connect(conninfo);
	PGresult *result;
	int status;

	if (connection == NULL)
		return STATUS_TROUBLE;
	result = PQexecParams(connection, "CALL tlsward.maintain($1::interval, 0, 0, 0, 0, 0)",
	    1, NULL, &keep, NULL, NULL, 0);
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
	    PQnfields(result) == MAINTAINED)
		status = tell_maintained(result);
	else
		status = maintain_failed(connection, result);
	PQclear(result);
	PQfinish(connection);
	return status;
}
