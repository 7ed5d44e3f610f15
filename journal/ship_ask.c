/*
 * ship_ask.c - asking PostgreSQL, without being held by one that does not answer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/ship_target.h"
#include "journal/store_room.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define BEAT_MS 1000

/* ------------------------------------------------------------------ *
 * What went wrong
 * ------------------------------------------------------------------ */

/* One line, whatever it holds: lines are set apart by semicolons. */
static void
ask_words(struct ship_target *target, const char *text)
{
	struct buffer line = BUFFER_INIT, words = BUFFER_INIT;

	while (*(text += strspn(text, " \t\r\n")) != '\0') {
		size_t length = strcspn(text, "\n");

		buffer_string(&line, line.length > 0 ? "; " : "");
		buffer_add(&line, text, length);
		text += length;
	}
	text_visible(&words, line.text != NULL ? line.text : "");
	(void)snprintf(target->error, sizeof(target->error), "%s",
	    words.text != NULL && !words.failed ? words.text : "not enough memory");
	/* Nothing is cut within a character. */
	target->error[text_utf8_length(target->error, strlen(target->error))] = '\0';
	buffer_free(&line);
	buffer_free(&words);
}

bool
ship_target_fail(struct ship_target *target, enum ship_trouble trouble,
    const char *format, ...)
{
	char text[SHIP_ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	target->trouble = trouble;
	ask_words(target, text);
	return false;
}

/* By PostgreSQL's error codes (its manual, appendix A); the first that fits. */
static const struct {
	const char *code;
	enum ship_trouble trouble;
} ask_codes[] = {
	{ "40001", SHIP_AGAIN }, { "40P01", SHIP_AGAIN }, { "23514", SHIP_AGAIN },
	{ "57014", SHIP_SLOW }, { "55P03", SHIP_SLOW },
	{ "22", SHIP_REFUSED }, { "54", SHIP_REFUSED },
	{ "28", SHIP_SETUP }, { "3D", SHIP_SETUP }, { "3F", SHIP_SETUP }, { "42", SHIP_SETUP },
	{ "23", SHIP_SETUP },
};

static enum ship_trouble
ask_judge(const char *code)
{
	for (size_t i = 0; code != NULL && i < sizeof(ask_codes) / sizeof(ask_codes[0]); i++)
		if (strncmp(code, ask_codes[i].code, strlen(ask_codes[i].code)) == 0)
			return ask_codes[i].trouble;
	return SHIP_AWAY;
}

/* What somebody has to do. */
static const char *
ask_remedy(const char *code)
{
	if (code == NULL)
		return "";
	if (strcmp(code, "3F000") == 0 || strcmp(code, "42P01") == 0 ||
	    strcmp(code, "42703") == 0 || strcmp(code, "42883") == 0)
		return ": their owner makes or renews the tables by \"tlsward ship --schema |"
		    " psql -v ON_ERROR_STOP=1 DATABASE\"";
	if (strcmp(code, "42501") == 0)
		return ": its owner lets this user in by \"GRANT tlsward_writer TO USER\"";
	return "";
}

static bool
ask_failed(struct ship_target *target, const PGresult *result)
{
	const char *code = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *text = result != NULL ? PQresultErrorField(result,
	    PG_DIAG_MESSAGE_PRIMARY) : NULL;

	if (text == NULL)
		text = PQerrorMessage(target->conn);
	return ship_target_fail(target, PQstatus(target->conn) != CONNECTION_OK ? SHIP_AWAY :
	    ask_judge(code), "%s%s", text, ask_remedy(code));
}

/* ------------------------------------------------------------------ *
 * Waiting
 * ------------------------------------------------------------------ */

/* Waits for the socket. False where the connection is lost, or a signal asks for the end. */
static bool
ask_wait(struct ship_target *target, bool writing, int64_t since_ms)
{
	struct pollfd poller = { .fd = PQsocket(target->conn),
	    .events = (short)(POLLIN | (writing ? POLLOUT : 0)) };
	int ready;

	if (target->options->signals->ends)
		return ship_target_fail(target, SHIP_STOPPED, "told to end");
	ready = poll(&poller, 1, BEAT_MS);
	if (ready == -1 && errno != EINTR)
		return ship_target_fail(target, SHIP_AWAY, "%s", strerror(errno));
	if (ready == 0)
		target->waits(target->context, store_clock_ms() - since_ms);
	if (ready > 0 && (poller.revents & ~POLLOUT) != 0 && PQconsumeInput(target->conn) == 0)
		return ask_failed(target, NULL);
	return true;
}

static bool
ask_flush(struct ship_target *target)
{
	int64_t since_ms = store_clock_ms();
	int left;

	while ((left = PQflush(target->conn)) == 1)
		if (!ask_wait(target, true, since_ms))
			return false;
	return left == 0 || ask_failed(target, NULL);
}

/* The next result, which may be NULL: there is none any more. */
static bool
ask_next(struct ship_target *target, PGresult **result)
{
	int64_t since_ms = store_clock_ms();

	while (PQisBusy(target->conn) != 0)
		if (!ask_wait(target, false, since_ms))
			return false;
	*result = PQgetResult(target->conn);
	return true;
}

/* Takes all that is answered; the first failure counts, or the last result. */
static PGresult *
ask_results(struct ship_target *target)
{
	PGresult *kept = NULL, *result;
	bool failed = false;

	for (;;) {
		if (!ask_next(target, &result)) {
			PQclear(kept);
			return NULL;
		}
		if (result == NULL)
			break;
		if (!failed) {
			PQclear(kept);
			kept = result;
		} else
			PQclear(result);
		failed = PQresultStatus(kept) != PGRES_COMMAND_OK &&
		    PQresultStatus(kept) != PGRES_TUPLES_OK;
	}
	if (failed || kept == NULL) {
		(void)ask_failed(target, kept);
		PQclear(kept);
		return NULL;
	}
	return kept;
}

/* ------------------------------------------------------------------ *
 * Asking
 * ------------------------------------------------------------------ */

PGresult *
ship_target_run(struct ship_target *target, const char *name, const char *sql,
    const char *const *parameters)
{
	int count = 0, sent;

	while (parameters != NULL && parameters[count] != NULL)
		count++;
	sent = name != NULL ? PQsendQueryPrepared(target->conn, name, count, parameters, NULL,
	    NULL, 0) : PQsendQueryParams(target->conn, sql, count, NULL, parameters, NULL, NULL,
	    0);
	if (sent != 1) {
		(void)ask_failed(target, NULL);
		return NULL;
	}
	return ask_flush(target) ? ask_results(target) : NULL;
}

bool
ship_target_do(struct ship_target *target, const char *sql)
{
	PGresult *result = ship_target_run(target, NULL, sql, NULL);
	bool fine = result != NULL;

	PQclear(result);
	return fine;
}

bool
ship_target_prepare(struct ship_target *target, const char *name, const char *sql)
{
	PGresult *result = NULL;
	bool fine;

	if (PQsendPrepare(target->conn, name, sql, 0, NULL) != 1)
		return ask_failed(target, NULL);
	if (ask_flush(target))
		result = ask_results(target);
	fine = result != NULL;
	PQclear(result);
	return fine;
}

/* Gives the rows over; what the server says meanwhile, as that it ends, is looked at. */
static bool
ask_put(struct ship_target *target, const struct buffer *text)
{
	int64_t since_ms = store_clock_ms();
	int put;

	while ((put = PQputCopyData(target->conn, text->text, (int)text->length)) == 0)
		if (!ask_wait(target, true, since_ms))
			return false;
	while (put == 1 && (put = PQputCopyEnd(target->conn, NULL)) == 0)
		if (!ask_wait(target, true, since_ms))
			return false;
	return put == 1 ? ask_flush(target) : ask_failed(target, NULL);
}

bool
ship_target_copy(struct ship_target *target, const char *sql, const struct buffer *text)
{
	PGresult *result = NULL;
	bool fine;

	if (PQsendQuery(target->conn, sql) != 1)
		return ask_failed(target, NULL);
	if (!ask_flush(target) || !ask_next(target, &result))
		return false;
	fine = PQresultStatus(result) == PGRES_COPY_IN;
	if (!fine)
		(void)ask_failed(target, result);
	PQclear(result);
	if (!fine) {
		enum ship_trouble trouble = target->trouble;
		char error[SHIP_ERROR_MAX];

		/* What is left to be read does not change what went wrong. */
		(void)memcpy(error, target->error, sizeof(error));
		PQclear(ask_results(target));
		return target->trouble == SHIP_STOPPED ? false :
		    ship_target_fail(target, trouble, "%s", error);
	}
	if (!ask_put(target, text))
		return false;
	result = ask_results(target);
	fine = result != NULL;
	PQclear(result);
	return fine;
}
