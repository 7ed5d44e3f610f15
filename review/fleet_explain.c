/*
 * fleet_explain.c - what PostgreSQL and libpq say, in words with what to do.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet_room.h"

#include <string.h>

#include "review/reading.h"
#include "base/text.h"

#define MAKE_SCHEMA "have its owner run: tlsward ship --schema | psql -v ON_ERROR_STOP=1 DATABASE"

/* By SQLSTATE, or the class of several: what it means here. "%s" is what was read. */
static const struct {
	const char *state, *meaning;
} fleet_states[] = {
	{ "3F000", "%s has no schema tlsward: " MAKE_SCHEMA },
	{ "42P01", "%s has not all tables of the schema tlsward: " MAKE_SCHEMA },
	{ "42703", "%s has not all columns of the schema tlsward: " MAKE_SCHEMA },
	{ "42501", "this user has no right to read %s: have its owner GRANT tlsward_reader to "
	    "this user" },
	{ "57014", "%s ended a question that took it too long (statement_timeout): ask about a "
	    "shorter time, or raise the limit for this user" },
	{ "57P01", "%s was shut down while it was read: try again when it runs" },
	{ "25P03", "%s ended the connection, since nothing was asked for too long "
	    "(idle_in_transaction_session_timeout): raise the limit for this user" },
	{ "53", "%s is short of memory, disk space or connections: free some, and try again" },
	{ "XX", "%s has damaged data: see its log" },
};

/* Appends what PostgreSQL said, as one visible line. */
static void
add_said(struct buffer *text, const char *said)
{
	struct buffer line = BUFFER_INIT;
	size_t length = strlen(said);

	while (length > 0 && strchr(" \n", said[length - 1]) != NULL)
		length--;
	for (size_t i = 0; i < length; i++)
		buffer_add(&line, said[i] == '\n' || said[i] == '\t' ? " " : &said[i], 1);
	if (line.text != NULL && !line.failed)
		text_visible(text, line.text);
	buffer_free(&line);
}

static void
give_text(struct buffer *text, char error[REVIEW_ERROR_MAX])
{
	review_say(error, "%s", text->failed || text->text == NULL ? "not enough memory" :
	    text->text);
	buffer_free(text);
}

void
fleet_say_unconnected(const struct fleet *fleet, char error[REVIEW_ERROR_MAX])
{
	struct buffer text = BUFFER_INIT;

	buffer_format(&text, "cannot connect to %s: ", fleet->name);
	add_said(&text, fleet->connection == NULL ? "not enough memory" :
	    PQerrorMessage(fleet->connection));
	give_text(&text, error);
}

/* What its SQLSTATE means; NULL: nothing that is known here. */
static const char *
meaning_of_state(const char *state)
{
	for (size_t i = 0; i < sizeof(fleet_states) / sizeof(fleet_states[0]); i++)
		if (strncmp(state, fleet_states[i].state, strlen(fleet_states[i].state)) == 0)
			return fleet_states[i].meaning;
	return NULL;
}

void
fleet_say_failed(const struct fleet *fleet, const PGresult *result,
    char error[REVIEW_ERROR_MAX])
{
	const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *said = result != NULL ? PQresultErrorField(result,
	    PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *meaning = state != NULL ? meaning_of_state(state) : NULL, *name;
	struct buffer text = BUFFER_INIT;

	if (said == NULL)
		said = PQerrorMessage(fleet->connection);
	if (meaning != NULL) {
		name = strstr(meaning, "%s");
		buffer_add(&text, meaning, (size_t)(name - meaning));
		buffer_string(&text, fleet->name);
		buffer_string(&text, name + 2);
	} else if (PQstatus(fleet->connection) != CONNECTION_OK)
		buffer_format(&text, "the connection to %s broke before all was read: try again",
		    fleet->name);
	else
		buffer_format(&text, "cannot read %s", fleet->name);
	buffer_string(&text, " (");
	add_said(&text, said);
	buffer_string(&text, ")");
	give_text(&text, error);
}
