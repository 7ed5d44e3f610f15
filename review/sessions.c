/*
 * sessions.c - the sessions of a period that a journal holds, to be judged again.
 *
 * Roll-ups are added up over the hours first: a set of facts is judged once, however
 * many hours it was seen in.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"

/* The facts that policies read, as both tables have them; see struct columns. */
#define TLS_COLUMNS "tls_version, cipher, bits, cert_verified"
#define FACT_CERTIFICATE "cert_cn, cert_san, cert_issuer, cert_fingerprint," \
    " cert_pubkey_fingerprint, cert_key, cert_signature, cert_not_after"

static const char records_sql[] =
    "SELECT time, action, domain, mta, session, client_addr, client_name, local, helo,"
    " sasl_username, \"from\", \"to\", to_resolved, " TLS_COLUMNS ", "
    FACT_CERTIFICATE " FROM record WHERE time >= ?1 AND time < ?2 ORDER BY time";

static const char rollups_sql[] =
    "SELECT hour, facts, messages, last FROM rollup"
    " WHERE hour >= ?1 AND hour < ?2 ORDER BY hour";

static const char facts_sql[] =
    "SELECT ?2, 'accept', f.domain, f.mta, r.session, r.client_addr, f.client_name,"
    " f.local, NULL, f.authenticated,"
    " CASE WHEN f.null_sender IS NOT NULL THEN '<>'"
    "  WHEN f.domain IS NULL THEN coalesce(r.sender, 'unknown')"
    "  ELSE coalesce(r.sender, 'unknown') || '@' || f.domain END,"
    " NULL, NULL, " TLS_COLUMNS ", " FACT_CERTIFICATE ", f.client_network"
    " FROM facts f LEFT JOIN certificate c ON c.id = f.certificate"
    " LEFT JOIN rollup r ON r.hour = ?3 AND r.facts = f.id WHERE f.id = ?1";

/* The columns of both queries, in their order. */
static const char *const fact_names[] = {
	"mta", "session", "client_addr", "client_name", "local", "helo",
	"sasl_username", "from", "to", "to_resolved", "tls_version", "cipher", "bits",
	"cert_verified", "cert_cn", "cert_san", "cert_issuer", "cert_fingerprint",
	"cert_pubkey_fingerprint", "cert_key", "cert_signature", "cert_not_after"
};
#define FACT_COUNT (sizeof(fact_names) / sizeof(fact_names[0]))
enum { COLUMN_TIME, COLUMN_ACTION, COLUMN_DOMAIN, COLUMN_FACTS };
#define COLUMN_NETWORK ((int)(COLUMN_FACTS + FACT_COUNT))

/* Of one set of facts, over all hours. */
struct sum {
	int64_t messages;
	int64_t hour;		/* the last */
	int64_t last_ms;
};

struct reading {
	sqlite3 *db;
	struct journal_facts *facts;
	review_decision_taker *take;
	void *context;
	struct sum *sums;	/* by the id of a set of facts */
	size_t sum_count;
};

static const char *
column_text(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

/* What is no fact is left out: "error" is of no use to anybody. Lists are JSON. */
static void
set_facts(struct journal_facts *facts, sqlite3_stmt *statement)
{
	char error[JOURNAL_ERROR_MAX];

	journal_facts_clear(facts);
	for (size_t i = 0; i < FACT_COUNT; i++) {
		const char *text = column_text(statement, COLUMN_FACTS + (int)i);

		if (text == NULL)
			continue;
		if (strcmp(fact_names[i], "cert_san") == 0)
			(void)journal_facts_set_json(facts, fact_names[i], text, error);
		else
			(void)journal_facts_set(facts, fact_names[i], text, error);
	}
}

static bool
hand_over(struct reading *reading, sqlite3_stmt *statement, const struct sum *sum)
{
	struct review_decision session = {
		.rolled_up = sum != NULL,
		.domain = column_text(statement, COLUMN_DOMAIN),
		.messages = sum != NULL ? sum->messages : 1,
		.last_ms = sqlite3_column_int64(statement, COLUMN_TIME),
		.action = journal_action(column_text(statement, COLUMN_ACTION)),
	};

	set_facts(reading->facts, statement);
	session.facts = journal_facts_get(reading->facts);
	if (sum != NULL)
		session.client_network = column_text(statement, COLUMN_NETWORK);
	return reading->take(reading->context, &session);
}

static int
read_records(struct reading *reading, int64_t since_ms, int64_t until_ms)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(reading->db, records_sql, -1, &statement, NULL);

	if (result != SQLITE_OK)
		return result;
	(void)sqlite3_bind_int64(statement, 1, since_ms);
	(void)sqlite3_bind_int64(statement, 2, until_ms);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW)
		if (!hand_over(reading, statement, NULL)) {
			result = SQLITE_ABORT;
			break;
		}
	(void)sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* The sum for that id; NULL when memory is short. */
static struct sum *
sum_for(struct reading *reading, int64_t id)
{
	size_t count = reading->sum_count;
	struct sum *grown;

	if (id < 0 || id >= INT64_C(1) << 32)
		return NULL;
	if ((size_t)id < count)
		return &reading->sums[id];
	count = count < 512 ? 1024 : count * 2;
	if (count <= (size_t)id)
		count = (size_t)id + 1;
	grown = realloc(reading->sums, count * sizeof(*grown));
	if (grown == NULL)
		return NULL;
	memset(grown + reading->sum_count, 0,
	    (count - reading->sum_count) * sizeof(*grown));
	reading->sums = grown;
	reading->sum_count = count;
	return &grown[id];
}

static bool
add_rollup(struct reading *reading, sqlite3_stmt *statement)
{
	int64_t hour = sqlite3_column_int64(statement, 0);
	struct sum *sum = sum_for(reading, sqlite3_column_int64(statement, 1));

	if (sum == NULL)
		return false;
	sum->messages += sqlite3_column_int64(statement, 2);
	sum->hour = hour;
	sum->last_ms = hour * JOURNAL_HOUR_MS + sqlite3_column_int64(statement, 3);
	return true;
}

static int
add_up(struct reading *reading, int64_t since_ms, int64_t until_ms)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(reading->db, rollups_sql, -1, &statement, NULL);

	if (result != SQLITE_OK)
		return result;
	(void)sqlite3_bind_int64(statement, 1, journal_hour(since_ms));
	(void)sqlite3_bind_int64(statement, 2, journal_hour(until_ms - 1) + 1);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW)
		if (!add_rollup(reading, statement)) {
			result = SQLITE_NOMEM;
			break;
		}
	(void)sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* One set of facts, with the sum of its messages. */
static int
read_set(struct reading *reading, sqlite3_stmt *statement, size_t id)
{
	const struct sum *sum = &reading->sums[id];
	int result;

	(void)sqlite3_bind_int64(statement, 1, (int64_t)id);
	(void)sqlite3_bind_int64(statement, 2, sum->last_ms);
	(void)sqlite3_bind_int64(statement, 3, sum->hour);
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		result = hand_over(reading, statement, sum) ? SQLITE_DONE : SQLITE_ABORT;
	(void)sqlite3_reset(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int
read_sets(struct reading *reading)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(reading->db, facts_sql, -1, &statement, NULL);

	for (size_t id = 0; result == SQLITE_OK && id < reading->sum_count; id++)
		if (reading->sums[id].messages > 0)
			result = read_set(reading, statement, id);
	(void)sqlite3_finalize(statement);
	return result;
}

int
review_decisions_read(sqlite3 *db, int64_t since_ms, int64_t until_ms,
    review_decision_taker *take, void *context)
{
	struct reading reading = { .db = db, .take = take, .context = context };
	int result = SQLITE_NOMEM;

	if ((reading.facts = journal_facts_new()) != NULL)
		/* One moment for all tables: the daemon goes on writing. */
		result = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
	if (result == SQLITE_OK) {
		result = read_records(&reading, since_ms, until_ms);
		if (result == SQLITE_OK)
			result = add_up(&reading, since_ms, until_ms);
		if (result == SQLITE_OK)
			result = read_sets(&reading);
		if (sqlite3_get_autocommit(db) == 0)
			(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	}
	free(reading.sums);
	journal_facts_free(&reading.facts);
	return result;
}
