/*
 * ship_target.c - a session with the database: who it is, what is there, how far it was.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/ship_target.h"
#include "journal/store_room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/database.h"

/* ------------------------------------------------------------------ *
 * The connection
 * ------------------------------------------------------------------ */

static void
target_no_notice(void *context, const char *message)
{
	(void)context;
	(void)message;
}

static PGconn *
target_dial(const struct ship_options *options)
{
	PGconn *conn;

	options->signals->connecting = 1;
	conn = options->signals->ends ? NULL : database_connect(options->conninfo, "tlsward ship");
	options->signals->connecting = 0;
	return conn;
}

static bool
target_connect(struct ship_target *target)
{
	const char *encoding;

	target->conn = target_dial(target->options);
	if (target->conn == NULL)
		return ship_target_fail(target, target->options->signals->ends ? SHIP_STOPPED :
		    SHIP_AWAY, "not enough memory");
	if (PQstatus(target->conn) != CONNECTION_OK)
		return ship_target_fail(target, SHIP_AWAY, "%s", PQerrorMessage(target->conn));
	(void)PQsetNoticeProcessor(target->conn, target_no_notice, NULL);
	if (PQsetnonblocking(target->conn, 1) != 0)
		return ship_target_fail(target, SHIP_AWAY, "%s", PQerrorMessage(target->conn));
	encoding = PQparameterStatus(target->conn, "server_encoding");
	if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
		return ship_target_fail(target, SHIP_SETUP, "the database is in %s, which does not "
		    "have every character: make it by \"createdb --encoding=UTF8 --template="
		    "template0\"", encoding != NULL ? encoding : "an unknown encoding");
	target->opened_ms = store_clock_ms();
	return true;
}

/* Reads the first value of a result into "text"; false: there is none. */
static bool
target_value(const PGresult *result, char *text, size_t size)
{
	if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0) != 0)
		return false;
	(void)snprintf(text, size, "%s", PQgetvalue(result, 0, 0));
	return true;
}

/* Asks for one value; "" where there is none. */
static bool
target_ask(struct ship_target *target, const char *sql, const char *const *parameters,
    char *text, size_t size)
{
	PGresult *result = ship_target_run(target, NULL, sql, parameters);

	text[0] = '\0';
	if (result == NULL)
		return false;
	(void)target_value(result, text, size);
	PQclear(result);
	return true;
}

/* ------------------------------------------------------------------ *
 * What it finds there
 * ------------------------------------------------------------------ */

/*
 * A commit that the server loses with its power is lost with its cursor, and sent again: so
 * none waits for the disk, but where somebody waits for the word that all is there.
 * Batches are small beside the tables, and look up what they join by an index. The server
 * finds out soon, too, that a host is gone whose lock it holds.
 */
static bool
target_settle(struct ship_target *target)
{
	return ship_target_do(target, target->options->once ?
	    "SELECT set_config('search_path', 'tlsward, pg_temp', false)" :
	    "SELECT set_config('search_path', 'tlsward, pg_temp', false),"
	    " set_config('synchronous_commit', 'off', false)") &&
	    ship_target_do(target, "SELECT set_config('enable_hashjoin', 'off', false),"
	    " set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false),"
	    " set_config('tcp_keepalives_idle', '30', false),"
	    " set_config('tcp_keepalives_interval', '10', false),"
	    " set_config('tcp_keepalives_count', '3', false),"
	    " set_config('idle_in_transaction_session_timeout', '300000', false)");
}

static bool
target_look_at_tables(struct ship_target *target)
{
	char step[16];
	long found;

	if (!target_ask(target, "SELECT max(step) FROM tlsward.version", NULL, step,
	    sizeof(step)))
		return false;
	found = strtol(step, NULL, 10);
	if (found < SHIP_SCHEMA_STEP)
		return ship_target_fail(target, SHIP_SETUP, "the tables there are of step %ld, and "
		    "this tlsward needs step %d: their owner renews them by \"tlsward ship --schema "
		    "| psql -v ON_ERROR_STOP=1 DATABASE\"", found, SHIP_SCHEMA_STEP);
	if (found > SHIP_SCHEMA_STEP)
		return ship_target_fail(target, SHIP_SETUP, "the tables there are of step %ld, and "
		    "this tlsward knows those up to step %d: install a newer one here", found,
		    SHIP_SCHEMA_STEP);
	return true;
}

/* The lock goes with the session, however that ends. */
static bool
target_lock(struct ship_target *target)
{
	const char *const parameters[] = { target->node, target->journal, NULL };
	char got[8];

	if (!target_ask(target, "SELECT pg_try_advisory_lock(hashtextextended("
	    "'tlsward ship ' || $1 || ' ' || $2, 0))", parameters, got, sizeof(got)))
		return false;
	return got[0] == 't' || ship_target_fail(target, SHIP_BUSY, "another tlsward ship sends "
	    "this journal (the advisory locks in pg_locks tell which one)");
}

/* The numbers of journals are few: none is used up by one that is known. */
static bool
target_number(struct ship_target *target)
{
	const char *const parameters[] = { target->node, target->journal, NULL };

	if (!target_ask(target, "SELECT number FROM tlsward.journal WHERE node = $1 AND"
	    " journal = $2", parameters, target->number, sizeof(target->number)))
		return false;
	if (target->number[0] != '\0')
		return true;
	return target_ask(target, "INSERT INTO tlsward.journal (node, journal) VALUES ($1, $2)"
	    " RETURNING number", parameters, target->number, sizeof(target->number));
}

/* The stream that is none: when the host of the journal was started, in seconds. */
#define BOOT_STREAM "boot"

/* Clocks are set, and run away from each other. */
#define BOOT_SLACK_S 30

static int64_t
target_boot_time(void)
{
	struct timespec now, up;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_BOOTTIME, &up);
	return (int64_t)now.tv_sec - (int64_t)up.tv_sec;
}

static bool
target_cursors(struct ship_target *target, int64_t cursors[SHIP_STREAMS])
{
	const char *const parameters[] = { target->number, NULL };
	PGresult *result = ship_target_run(target, NULL,
	    "SELECT stream, value FROM tlsward.cursor WHERE journal = $1::int", parameters);

	if (result == NULL)
		return false;
	for (int i = 0; i < SHIP_STREAMS; i++)
		cursors[i] = ship_cursor_start(&ship_streams[i]);
	target->rebooted = false;
	for (int row = 0; row < PQntuples(result); row++) {
		const char *stream = PQgetvalue(result, row, 0);
		int64_t value = strtoll(PQgetvalue(result, row, 1), NULL, 10);

		for (int i = 0; i < SHIP_STREAMS; i++)
			if (strcmp(stream, ship_streams[i].name) == 0)
				cursors[i] = value;
		if (strcmp(stream, BOOT_STREAM) == 0)
			target->rebooted = llabs(target_boot_time() - value) > BOOT_SLACK_S;
	}
	PQclear(result);
	return true;
}

bool
ship_target_booted(struct ship_target *target)
{
	char value[24];
	const char *const parameters[] = { target->number, value, NULL };
	PGresult *result;

	(void)snprintf(value, sizeof(value), "%" PRId64, target_boot_time());
	result = ship_target_run(target, NULL, "INSERT INTO tlsward.cursor (journal, stream,"
	    " value) VALUES ($1::int, '" BOOT_STREAM "', $2::bigint) ON CONFLICT (journal,"
	    " stream) DO UPDATE SET value = excluded.value", parameters);
	PQclear(result);
	return result != NULL;
}

bool
ship_target_open(struct ship_target *target, const char *node, const char *journal,
    int64_t cursors[SHIP_STREAMS])
{
	bool fine;

	target->node = node;
	memset(target->prepared, 0, sizeof(target->prepared));
	(void)snprintf(target->journal, sizeof(target->journal), "%s", journal);
	fine = target_connect(target) && target_settle(target) &&
	    target_look_at_tables(target) && target_lock(target) &&
	    target_number(target) && target_cursors(target, cursors);
	if (!fine)
		ship_target_close(target);
	return fine;
}

void
ship_target_close(struct ship_target *target)
{
	PQfinish(target->conn);
	target->conn = NULL;
}

bool
ship_target_stands(struct ship_target *target)
{
	if (PQconsumeInput(target->conn) == 1 && PQstatus(target->conn) == CONNECTION_OK)
		return true;
	return ship_target_fail(target, SHIP_AWAY, "%s", PQerrorMessage(target->conn));
}
