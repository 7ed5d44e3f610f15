/*
 * sessions.c - the sessions of a period that a journal holds, to be judged again.
 *
 * A set of facts is judged once, however many hours it was seen in.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <string.h>

/* Both questions have these columns: TIME, ACTION, ..., and then the facts. */
enum { DECISION_TIME, DECISION_ACTION, DECISION_MESSAGES, DECISION_NETWORK, DECISION_FACTS };

static const char *const fact_names[] = {
	"mta", "session", "client_addr", "client_name", "local", "helo",
	"sasl_username", "from", "to", "to_resolved", "tls_version", "cipher", "bits",
	"cert_verified", "cert_cn", "cert_san", "cert_issuer", "cert_fingerprint",
	"cert_pubkey_fingerprint", "cert_key", "cert_signature", "cert_not_after"
};
#define FACT_COUNT (sizeof(fact_names) / sizeof(fact_names[0]))

#define TLS_FACTS \
	"tls_version, cipher, bits, cert_verified, cert_cn, cert_san, cert_issuer," \
	" cert_fingerprint, cert_pubkey_fingerprint, cert_key, cert_signature," \
	" cert_not_after"

static const char records_sql[] =
    "SELECT time, action, 0, NULL, mta, session, client_addr, client_name, local, helo,"
    " sasl_username, \"from\", \"to\", to_resolved, " TLS_FACTS " FROM record"
    " WHERE time >= ?1 AND time < ?2 ORDER BY time";

/* What stands beside max(hour) is of the row that has it. */
static const char rollups_sql[] =
    "SELECT r.hour * 3600000 + r.last, 'accept', r.sum, f.client_network, f.mta,"
    " r.session, r.client_addr, f.client_name, f.local, NULL, f.authenticated,"
    " CASE WHEN f.null_sender IS NOT NULL THEN '<>'"
    "  WHEN f.domain IS NULL THEN coalesce(r.sender, 'unknown')"
    "  ELSE coalesce(r.sender, 'unknown') || '@' || f.domain END,"
    " NULL, NULL, " TLS_FACTS
    " FROM (SELECT facts, sum(messages) AS sum, max(hour) AS hour, last, session,"
    "  client_addr, sender FROM rollup WHERE hour >= ?1 AND hour < ?2 GROUP BY facts) r"
    " JOIN facts f ON f.id = r.facts LEFT JOIN certificate c ON c.id = f.certificate";

/* What is no fact is left out: "error" is of no use to anybody. Lists are JSON. */
static void
set_facts(struct journal_facts *facts, sqlite3_stmt *row)
{
	char error[JOURNAL_ERROR_MAX];

	journal_facts_clear(facts);
	for (size_t i = 0; i < FACT_COUNT; i++) {
		const char *text = review_column(row, DECISION_FACTS + (int)i);

		if (text == NULL)
			continue;
		if (strcmp(fact_names[i], "cert_san") == 0)
			(void)journal_facts_set_json(facts, fact_names[i], text, error);
		else
			(void)journal_facts_set(facts, fact_names[i], text, error);
	}
}

static bool
hand_row_over(struct journal_facts *facts, sqlite3_stmt *row, review_decision_taker *take,
    void *context)
{
	int64_t rolled_up = sqlite3_column_int64(row, DECISION_MESSAGES);
	struct review_decision decision = {
		.rolled_up = rolled_up > 0,
		.client_network = review_column(row, DECISION_NETWORK),
		.messages = rolled_up > 0 ? rolled_up : 1,
		.last_ms = sqlite3_column_int64(row, DECISION_TIME),
		.action = journal_action(review_column(row, DECISION_ACTION)),
	};

	set_facts(facts, row);
	decision.facts = journal_facts_get(facts);
	return take(context, &decision);
}

static int
read_decisions(sqlite3 *db, const char *sql, int64_t since, int64_t until,
    review_decision_taker *take, void *context)
{
	struct journal_facts *facts = journal_facts_new();
	sqlite3_stmt *row = NULL;
	int result = facts == NULL ? SQLITE_NOMEM :
	    sqlite3_prepare_v2(db, sql, -1, &row, NULL);

	if (result == SQLITE_OK) {
		(void)sqlite3_bind_int64(row, 1, since);
		(void)sqlite3_bind_int64(row, 2, until);
		while ((result = sqlite3_step(row)) == SQLITE_ROW)
			if (!hand_row_over(facts, row, take, context)) {
				result = SQLITE_ABORT;
				break;
			}
	}
	(void)sqlite3_finalize(row);
	journal_facts_free(&facts);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

int
review_decisions_read(sqlite3 *db, int64_t since_ms, int64_t until_ms,
    review_decision_taker *take, void *context)
{
	/* One moment for all tables: the daemon goes on writing. */
	int result = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);

	if (result == SQLITE_OK)
		result = read_decisions(db, records_sql, since_ms, until_ms, take, context);
	if (result == SQLITE_OK)
		result = read_decisions(db, rollups_sql, journal_hour(since_ms),
		    journal_hour(until_ms - 1) + 1, take, context);
	if (sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return result;
}
