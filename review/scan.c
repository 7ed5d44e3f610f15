/*
 * scan.c - the two passes over the rows of a review's period.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"
#include "base/array.h"
#include "base/hash.h"
#include "base/intern.h"

/*
 * Prepares "before" and the filter on the domain; binds these and the period.
 * "null_sender" is the table's condition for a bounce.
 */
static int
prepare_rows(struct review *review, const char *before, const char *null_sender,
    sqlite3_stmt **statement)
{
	const struct review_options *options = review->keep->options;
	const char *domain = options->domain;
	struct buffer sql = BUFFER_INIT;
	int result = SQLITE_NOMEM;

	buffer_string(&sql, before);
	if (domain != NULL && strcmp(domain, "<>") == 0)
		buffer_format(&sql, " AND domain IS NULL AND %s", null_sender);
	else if (domain != NULL && domain[0] == '.')
		buffer_string(&sql, " AND substr(domain, -length(?3)) = ?3");
	else if (domain != NULL)
		buffer_string(&sql, " AND domain = ?3");
	if (!sql.failed)
		result = sqlite3_prepare_v2(review->keep->db, sql.text, -1, statement, NULL);
	buffer_free(&sql);
	if (result != SQLITE_OK)
		return result;
	(void)sqlite3_bind_int64(*statement, 1, options->since_ms);
	(void)sqlite3_bind_int64(*statement, 2, options->until_ms);
	/* There is no ?3 without a domain: that this fails does not matter. */
	if (domain != NULL)
		(void)sqlite3_bind_text(*statement, 3, domain, -1, SQLITE_STATIC);
	return SQLITE_OK;
}

/* ------------------------------------------------------------------ *
 * Roll-ups
 * ------------------------------------------------------------------ */

static const char facts_sql[] =
    "SELECT " SESSION_COLUMNS("null_sender IS NOT NULL", "client_network")
    " FROM facts LEFT JOIN certificate ON certificate.id = facts.certificate"
    " WHERE facts.id = ?1";

/* Finds the facts numbered "id", reading them the first time; NULL: an error. */
static const struct facts_row *
find_facts(struct review *review, sqlite3_stmt *by_id, int64_t id, int *result)
{
	struct review_keep *keep = review->keep;
	bool added;
	uint32_t number = intern_add(&keep->facts, &id, sizeof(id), &added);

	if (number == INTERN_NONE || (added && !array_reserve(keep->facts_rows,
	    (size_t)number + 1, &keep->facts_room))) {
		keep->failed = true;
		return NULL;
	}
	if (!added)
		return &keep->facts_rows[number];
	(void)sqlite3_bind_int64(by_id, 1, id);
	*result = sqlite3_step(by_id);
	if (*result == SQLITE_ROW) {
		keep->facts_rows[number].id = id;
		review_session_read(review, by_id, &keep->facts_rows[number].session);
		*result = SQLITE_OK;
	} else if (*result == SQLITE_DONE)
		*result = SQLITE_CORRUPT;
	(void)sqlite3_reset(by_id);
	return *result == SQLITE_OK && !keep->failed ? &keep->facts_rows[number] : NULL;
}

static void
count_rollup(struct review *review, const struct facts_row *facts, sqlite3_stmt *row)
{
	int64_t hour = sqlite3_column_int64(row, 0) * JOURNAL_HOUR_MS;
	int64_t messages = sqlite3_column_int64(row, 2);
	struct seen seen = {
		.place = { false, facts->id },
		.first_ms = hour + sqlite3_column_int64(row, 3),
		.last_ms = hour + sqlite3_column_int64(row, 4),
		.transactions = messages,
		.session = facts->session
	};

	review_count(review, &seen);
	review->totals.accepted += messages;
	if (seen.session.domain != INTERN_NONE)
		review->domains[seen.session.domain].counts.accepted += messages;
}

int
review_scan_rollups(struct review *review)
{
	sqlite3_stmt *rows = NULL, *by_id = NULL;
	const bool filtered = review->keep->options->domain != NULL;
	int result = prepare_rows(review, filtered ?
	    "SELECT rollup.hour, rollup.facts, rollup.messages, rollup.first,"
	    " rollup.last FROM facts CROSS JOIN rollup ON rollup.facts = facts.id"
	    " WHERE rollup.hour BETWEEN ?1 / 3600000 AND (?2 - 1) / 3600000" :
	    "SELECT hour, facts, messages, first, last FROM rollup"
	    " WHERE hour BETWEEN ?1 / 3600000 AND (?2 - 1) / 3600000",
	    "facts.null_sender = 'yes'", &rows);

	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(review->keep->db, facts_sql, -1, &by_id, NULL);
	while (result == SQLITE_OK && !review->keep->failed &&
	    (result = sqlite3_step(rows)) == SQLITE_ROW) {
		const struct facts_row *facts;

		result = SQLITE_OK;
		facts = find_facts(review, by_id, sqlite3_column_int64(rows, 1), &result);
		if (facts != NULL)
			count_rollup(review, facts, rows);
	}
	(void)sqlite3_finalize(rows);
	(void)sqlite3_finalize(by_id);
	return result;
}

/* ------------------------------------------------------------------ *
 * Records
 * ------------------------------------------------------------------ */

enum {
	RECORD_ID = SESSION_COLUMN_COUNT, RECORD_TIME, RECORD_FROM, RECORD_ACTION,
	RECORD_REASON, RECORD_WOULD, RECORD_WOULD_REASON, RECORD_EXEMPTED, RECORD_SESSION
};

static const char records_sql[] =
    "SELECT " SESSION_COLUMNS("\"from\" = '<>'", "client_addr") ", id, time, \"from\","
    " action, reason, would, would_reason, exempted, session"
    " FROM record WHERE time >= ?1 AND time < ?2";

static enum policy_reason
reason_called(const char *name)
{
	for (int reason = REASON_NONE + 1; name != NULL && reason < REASON_COUNT; reason++)
		if (strcmp(name, policy_reason_name((enum policy_reason)reason)) == 0)
			return (enum policy_reason)reason;
	return REASON_NONE;
}

/* Has a recipient of the same transaction been refused a moment ago? */
static bool
is_counted(struct review_keep *keep, sqlite3_stmt *row)
{
	const char *session = review_column(row, RECORD_SESSION);
	const char *from = review_column(row, RECORD_FROM);
	struct hash_key key;
	uint64_t hash, *slot;

	if (session == NULL)
		return false;
	hash_seed(&keep->seed);
	key = keep->seed;
	key.b ^= hash_bytes(keep->seed, session, strlen(session));
	hash = hash_bytes(key, from != NULL ? from : "", from != NULL ? strlen(from) : 0);
	slot = &keep->recent[hash & (RECENT - 1)];
	if (*slot == hash)
		return true;
	*slot = hash;
	return false;
}

static void
count_action(struct review_counts *counts, enum policy_action action, bool exempted,
    bool would)
{
	if (action == POLICY_REJECT)
		counts->rejected++;
	else if (action == POLICY_TEMPFAIL)
		counts->tempfailed++;
	else if (action == POLICY_QUARANTINE)
		counts->held++;
	else
		counts->accepted++;
	counts->exempted += exempted;
	counts->would += would;
}

static void
count_outcome(struct review *review, sqlite3_stmt *row, const struct seen *seen,
    enum policy_action action)
{
	bool refused = action == POLICY_REJECT || action == POLICY_TEMPFAIL;
	bool would = review_column(row, RECORD_WOULD) != NULL;
	bool exempted = sqlite3_column_int(row, RECORD_EXEMPTED) != 0;
	enum policy_reason reason = reason_called(review_column(row, RECORD_REASON));
	enum policy_reason other = reason_called(review_column(row, RECORD_WOULD_REASON));
	struct review_bucket *bucket = review_bucket_at(review, seen->first_ms);
	struct review_domain *domain;

	count_action(&review->totals, action, exempted, would);
	review->refused[reason] += refused;
	review->would[other] += would;
	if (bucket != NULL)
		bucket->refused += refused;
	if (seen->session.domain == INTERN_NONE)
		return;
	domain = &review->domains[seen->session.domain];
	count_action(&domain->counts, action, exempted, would);
	domain->refused[reason] += refused;
	domain->would[other] += would;
	if ((refused || would) && (domain->first_failed_ms == 0 ||
	    seen->first_ms < domain->first_failed_ms))
		domain->first_failed_ms = seen->first_ms;
	if (refused && seen->last_ms >= domain->last_refused.time_ms) {
		domain->last_refused.time_ms = seen->last_ms;
		review->keep->work[seen->session.domain].refused_id = seen->place.id;
	}
	if (would && seen->last_ms >= domain->last_would.time_ms) {
		domain->last_would.time_ms = seen->last_ms;
		review->keep->work[seen->session.domain].would_id = seen->place.id;
	}
}

static void
count_record(struct review *review, sqlite3_stmt *row)
{
	enum policy_action action = journal_action(review_column(row, RECORD_ACTION));
	bool refused = action == POLICY_REJECT || action == POLICY_TEMPFAIL;
	struct seen seen = {
		.place = { true, sqlite3_column_int64(row, RECORD_ID) },
		.first_ms = sqlite3_column_int64(row, RECORD_TIME),
		.last_ms = sqlite3_column_int64(row, RECORD_TIME),
		.transactions = refused && is_counted(review->keep, row) ? 0 : 1
	};

	review_session_read(review, row, &seen.session);
	if (review->keep->failed)
		return;
	review_count(review, &seen);
	count_outcome(review, row, &seen, action);
}

int
review_scan_records(struct review *review)
{
	sqlite3_stmt *rows = NULL;
	int result = prepare_rows(review, records_sql, "\"from\" = '<>'", &rows);

	if (result != SQLITE_OK)
		return result;
	while (!review->keep->failed && (result = sqlite3_step(rows)) == SQLITE_ROW)
		count_record(review, rows);
	(void)sqlite3_finalize(rows);
	return result;
}
