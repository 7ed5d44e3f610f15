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

/* So long before the period is looked at, too. */
#define HISTORY_MS (90 * DAY_MS)

static void
take_line_time(struct review *review, sqlite3_stmt *row)
{
	review->watched_ms = sqlite3_column_int64(row, 0);
}

/* The oldest and the newest time in the journal, and how far the log was read. */
static int
read_extent(struct review *review)
{
	int result = review_find_extent(review->keep->db, &review->oldest_ms,
	    &review->newest_ms);

	return result != SQLITE_OK ? result : review_each(review,
	    "SELECT value FROM watched WHERE name = 'line_time'", take_line_time);
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

static void
take_discarded(struct review *review, sqlite3_stmt *row)
{
	struct review_discarded *grown = realloc(review->discarded,
	    (review->discarded_count + 1) * sizeof(*grown));
	const char *why = review_text(review, review_column(row, 0));

	if (grown != NULL)
		review->discarded = grown;
	if (grown == NULL || why == NULL) {
		review->keep->failed = true;
		return;
	}
	grown[review->discarded_count++] = (struct review_discarded){
		.why = why, .meaning = meaning_of(why),
		.records = sqlite3_column_int64(row, 1),
		.messages = sqlite3_column_int64(row, 2),
		.last_ms = sqlite3_column_int64(row, 3), .watched = sqlite3_column_int64(row, 4)
	};
}

static void
take_running(struct review *review, sqlite3_stmt *row)
{
	struct review_running *grown = realloc(review->running,
	    (review->running_count + 1) * sizeof(*grown));

	if (grown == NULL) {
		review->keep->failed = true;
		return;
	}
	review->running = grown;
	grown[review->running_count++] = (struct review_running){
		.node = review_text(review, review_column(row, 0)),
		.digest = review_text(review, review_column(row, 1)),
		.file = review_text(review, review_column(row, 2)),
		.since_ms = sqlite3_column_int64(row, 3)
	};
}

/* The policies that nodes run, where these are not all the same. */
static int
read_running(struct review *review)
{
	int result = !review_is_fleet(review->keep->db) ? SQLITE_DONE : review_each(review,
	    "SELECT node, digest, file, since FROM running WHERE digest IS NOT NULL"
	    " ORDER BY digest, node", take_running);

	/* The texts are in one table: the same text is the same pointer. */
	if (review->running_count > 0 && review->running[0].digest ==
	    review->running[review->running_count - 1].digest)
		review->running_count = 0;
	return result;
}

/* All of it, in one read transaction. SQLITE_DONE is success. */
static int
read_all(struct review *review)
{
	int result = read_extent(review);

	if (result == SQLITE_DONE &&
	    (!make_buckets(review) || !review_agreements_start(review)))
		return SQLITE_NOMEM;
	review_agreements_ask(review);
	if (result == SQLITE_DONE)
		result = review_handshake_addresses(review);
	if (result == SQLITE_DONE)
		result = review_pass(review);
	if (result == SQLITE_DONE)
		result = review_deliveries(review);
	if (result == SQLITE_DONE)
		result = review_handshakes(review);
	if (result == SQLITE_DONE)
		result = review_settle(review);
	if (result == SQLITE_DONE)
		result = review_each(review, "SELECT why, records, messages, last, watched"
		    " FROM discarded ORDER BY why", take_discarded);
	if (result == SQLITE_DONE)
		result = read_running(review);
	return review->keep->failed ? SQLITE_NOMEM : result;
}

/* What is looked at: before the period, for what can only be told over time. */
static void
set_spans(struct review *review)
{
	struct review_keep *keep = review->keep;
	const struct review_options *options = keep->options;
	int days = options->ready_days > 0 ? options->ready_days : REVIEW_READY_DAYS;

	keep->now_ms = options->now_ms != 0 ? options->now_ms : options->until_ms;
	keep->recent_ms = keep->now_ms - days * DAY_MS;
	keep->from_ms = options->since_ms < keep->recent_ms ? options->since_ms :
	    keep->recent_ms;
	keep->from_ms -= keep->from_ms > HISTORY_MS ? HISTORY_MS : keep->from_ms;
	keep->to_ms = options->until_ms > keep->now_ms ? options->until_ms : keep->now_ms + 1;
	keep->judged = options->judged;
	keep->judged.now = keep->now_ms / 1000;
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
	set_spans(review);
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
	struct intern *interns[] = {
		&keep->strengths, &keep->certificates, &keep->texts, &keep->session_ids,
		&keep->agreements, &keep->names, &keep->senders,
		&keep->histories, &keep->hosts, &keep->tls_hosts, &keep->addresses
	};
	void *arrays[] = {
		keep->strength_rows, keep->certificate_rows, keep->sessions,
		keep->agreement_work, keep->rule_agreements, keep->client_rules,
		keep->named, keep->name_heads, keep->sender_list,
		keep->history, keep->host_rows, keep->address_agreements, keep->tls_since_ms
	};

	for (size_t i = 0; i < keep->sender_count; i++)
		free(keep->sender_list[i].new_clear_text);
	for (size_t i = 0; i < sizeof(interns) / sizeof(interns[0]); i++)
		intern_free(interns[i]);
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		free(arrays[i]);
	buffer_free(&keep->key);
	free(keep);
}

void
review_free(struct review **review)
{
	if (*review == NULL)
		return;
	for (size_t i = 0; i < (*review)->agreement_count; i++)
		review_agreement_clear(&(*review)->agreements[i]);
	free((*review)->agreements);
	free((*review)->handshakes);
	free((*review)->buckets);
	free((*review)->discarded);
	free((*review)->running);
	free_keep((*review)->keep);
	free(*review);
	*review = NULL;
}
