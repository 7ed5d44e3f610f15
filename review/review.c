/*
 * review.c - what the journal says of a period.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/review.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "review/reading.h"
#include "journal/journal.h"
#include "base/buffer.h"
#include "base/intern.h"

#define DAY_MS (24 * JOURNAL_HOUR_MS)

/* Longer periods are shown by the day. */
#define HOURLY_MS (3 * DAY_MS)

/* No chart has more bars. */
#define BUCKETS_MAX 20000

/* The oldest and the newest time in the journal. */
static int
read_extent(struct review *review)
{
	static const char sql[] =
	    "SELECT (SELECT min(time) FROM record), (SELECT min(hour) * 3600000 FROM rollup),"
	    " (SELECT max(time) FROM record), (SELECT max(hour * 3600000 + last) FROM rollup"
	    "  WHERE hour = (SELECT max(hour) FROM rollup))";
	sqlite3_stmt *row = NULL;
	int result = sqlite3_prepare_v2(review->keep->db, sql, -1, &row, NULL);

	if (result == SQLITE_OK && (result = sqlite3_step(row)) == SQLITE_ROW) {
		int64_t record = sqlite3_column_int64(row, 0);
		int64_t rollup = sqlite3_column_int64(row, 1);

		review->oldest_ms = record == 0 || (rollup != 0 && rollup < record) ?
		    rollup : record;
		record = sqlite3_column_int64(row, 2);
		rollup = sqlite3_column_int64(row, 3);
		review->newest_ms = record > rollup ? record : rollup;
		result = SQLITE_DONE;
	}
	(void)sqlite3_finalize(row);
	return result;
}

/* Nothing is charted before the journal begins. */
static bool
make_buckets(struct review *review)
{
	int64_t since = review->since_ms, until = review->until_ms;
	int64_t count;

	if (since < review->oldest_ms)
		since = review->oldest_ms;
	if (review->oldest_ms == 0 || until <= since)
		return true;
	review->bucket_ms = until - since <= HOURLY_MS ? JOURNAL_HOUR_MS : DAY_MS;
	since -= since % review->bucket_ms;
	count = (until - 1 - since) / review->bucket_ms + 1;
	if (count > BUCKETS_MAX)
		count = BUCKETS_MAX;
	review->buckets = calloc((size_t)count, sizeof(*review->buckets));
	if (review->buckets == NULL)
		return false;
	review->bucket_count = (size_t)count;
	for (int64_t i = 0; i < count; i++)
		review->buckets[i].start_ms = since + i * review->bucket_ms;
	return true;
}

static const char *
meaning_of(const char *why)
{
	if (strcmp(why, "age") == 0)
		return "older than the journal keeps: they were removed";
	if (strcmp(why, "size") == 0)
		return "removed since the journal had reached its size";
	if (strcmp(why, "memory") == 0)
		return "never written: the journal was out of order for too long";
	return "lost";
}

static int
read_discarded(struct review *review)
{
	sqlite3_stmt *rows = NULL;
	int result = sqlite3_prepare_v2(review->keep->db,
	    "SELECT why, records, messages, last FROM discarded ORDER BY why", -1, &rows,
	    NULL);

	while (result == SQLITE_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
		struct review_discarded *grown = realloc(review->discarded,
		    (review->discarded_count + 1) * sizeof(*grown));
		struct review_discarded *row;

		result = SQLITE_OK;
		if (grown == NULL) {
			result = SQLITE_NOMEM;
			break;
		}
		review->discarded = grown;
		row = &grown[review->discarded_count++];
		row->why = review_text(review, review_column(rows, 0));
		row->meaning = row->why == NULL ? NULL : meaning_of(row->why);
		row->records = sqlite3_column_int64(rows, 1);
		row->messages = sqlite3_column_int64(rows, 2);
		row->last_ms = sqlite3_column_int64(rows, 3);
	}
	(void)sqlite3_finalize(rows);
	return result;
}

/* All of it, in one read transaction. SQLITE_DONE is success. */
static int
read_all(struct review *review)
{
	int result = read_extent(review);

	if (result == SQLITE_DONE && !make_buckets(review))
		return SQLITE_NOMEM;
	for (size_t i = 0; i < review->keep->options->partner_count; i++)
		(void)review_domain_number(review, review->keep->options->partners[i], false);
	if (result == SQLITE_DONE)
		result = read_discarded(review);
	if (result == SQLITE_DONE)
		result = review_scan_rollups(review);
	if (result == SQLITE_DONE)
		result = review_scan_records(review);
	if (result == SQLITE_DONE)
		result = review_finish(review);
	return review->keep->failed ? SQLITE_NOMEM : result;
}

static struct review *
new_report(sqlite3 *db, const struct review_options *options)
{
	struct review *review = calloc(1, sizeof(*review));

	if (review == NULL)
		return NULL;
	review->keep = calloc(1, sizeof(*review->keep));
	if (review->keep == NULL) {
		free(review);
		return NULL;
	}
	review->keep->db = db;
	review->keep->options = options;
	review->since_ms = options->since_ms;
	review->until_ms = options->until_ms;
	return review;
}

struct review *
review_read(sqlite3 *db, const char *path, const struct review_options *options,
    char error[REVIEW_ERROR_MAX])
{
	struct review *review = new_report(db, options);
	int result;

	if (review == NULL) {
		(void)snprintf(error, REVIEW_ERROR_MAX, "not enough memory");
		return NULL;
	}
	review->domain = review_text(review, options->domain);
	result = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = read_all(review);
	if (result != SQLITE_DONE)
		review_explain(db, result, path, error);
	if (sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	if (result != SQLITE_DONE)
		review_free(&review);
	return review;
}

static void
free_keep(struct review_keep *keep)
{
	intern_free(&keep->domains);
	intern_free(&keep->strengths);
	intern_free(&keep->certificates);
	intern_free(&keep->clears);
	intern_free(&keep->texts);
	intern_free(&keep->facts);
	free(keep->work);
	free(keep->strength_rows);
	free(keep->certificate_rows);
	free(keep->clear_rows);
	free(keep->facts_rows);
	buffer_free(&keep->key);
	free(keep);
}

void
review_free(struct review **review)
{
	if (*review == NULL)
		return;
	for (size_t i = 0; i < (*review)->domain_count; i++) {
		free((*review)->domains[i].ciphers);
		free((*review)->domains[i].certificates);
	}
	free((*review)->domains);
	free((*review)->buckets);
	free((*review)->discarded);
	free_keep((*review)->keep);
	free(*review);
	*review = NULL;
}

bool
review_history(sqlite3 *db, const char *domain, int64_t *last_would_ms,
    int64_t *first_ms)
{
	static const char sql[] =
	    "SELECT (SELECT max(time) FROM (SELECT time FROM record WHERE domain = ?1"
	    "  AND would IS NOT NULL ORDER BY time DESC LIMIT 1)),"
	    " (SELECT min(time) FROM record WHERE domain = ?1),"
	    " (SELECT min((SELECT hour FROM rollup WHERE rollup.facts = facts.id"
	    "  ORDER BY hour LIMIT 1)) * 3600000 FROM facts WHERE domain = ?1)";
	sqlite3_stmt *row = NULL;
	bool ok = sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(row, 1, domain, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(row) == SQLITE_ROW;

	*last_would_ms = *first_ms = 0;
	if (ok) {
		int64_t rollup = sqlite3_column_int64(row, 2);

		*last_would_ms = sqlite3_column_int64(row, 0);
		*first_ms = sqlite3_column_int64(row, 1);
		if (rollup != 0 && (*first_ms == 0 || rollup < *first_ms))
			*first_ms = rollup;
	}
	(void)sqlite3_finalize(row);
	return ok;
}
