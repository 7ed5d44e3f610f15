/*
 * report.c - what the journal says of a period.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/report_room.h"
#include "journal/schema.h"

#define DAY_MS (24 * MS_PER_HOUR)

/* Longer periods are shown by the day. */
#define HOURLY_MS (3 * DAY_MS)

/* No chart has more bars. */
#define BUCKETS_MAX 20000

int
report_prepare(struct report *report, const char *before, const char *null_sender,
    sqlite3_stmt **statement)
{
	const struct report_options *options = report->keep->options;
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
		result = sqlite3_prepare_v2(report->keep->db, sql.text, -1, statement, NULL);
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

/* One number of one row; 0 where there is none. */
static int
read_number(sqlite3 *db, const char *sql, int64_t *number)
{
	sqlite3_stmt *row = NULL;
	int result = sqlite3_prepare_v2(db, sql, -1, &row, NULL);

	*number = 0;
	if (result == SQLITE_OK && (result = sqlite3_step(row)) == SQLITE_ROW) {
		*number = sqlite3_column_int64(row, 0);
		result = SQLITE_DONE;
	}
	(void)sqlite3_finalize(row);
	return result;
}

/* The oldest and the newest time in the journal. */
static int
read_extent(struct report *report)
{
	sqlite3 *db = report->keep->db;
	int64_t record, rollup;
	int result = read_number(db, "SELECT min(time) FROM record", &record);

	if (result == SQLITE_DONE)
		result = read_number(db, "SELECT min(hour) * 3600000 FROM rollup", &rollup);
	if (result != SQLITE_DONE)
		return result;
	report->oldest_ms = record == 0 || (rollup != 0 && rollup < record) ?
	    rollup : record;
	result = read_number(db, "SELECT max(time) FROM record", &record);
	if (result == SQLITE_DONE)
		result = read_number(db, "SELECT max(hour * 3600000 + last) FROM rollup"
		    " WHERE hour = (SELECT max(hour) FROM rollup)", &rollup);
	report->newest_ms = record > rollup ? record : rollup;
	return result;
}

/* Nothing is charted before the journal begins. */
static bool
make_buckets(struct report *report)
{
	int64_t since = report->since_ms, until = report->until_ms;
	int64_t count;

	if (since < report->oldest_ms)
		since = report->oldest_ms;
	if (report->oldest_ms == 0 || until <= since)
		return true;
	report->bucket_ms = until - since <= HOURLY_MS ? MS_PER_HOUR : DAY_MS;
	since -= since % report->bucket_ms;
	count = (until - 1 - since) / report->bucket_ms + 1;
	if (count > BUCKETS_MAX)
		count = BUCKETS_MAX;
	report->buckets = calloc((size_t)count, sizeof *report->buckets);
	if (report->buckets == NULL)
		return false;
	report->bucket_count = (size_t)count;
	for (int64_t i = 0; i < count; i++)
		report->buckets[i].start_ms = since + i * report->bucket_ms;
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
read_discarded(struct report *report)
{
	sqlite3_stmt *rows = NULL;
	int result = sqlite3_prepare_v2(report->keep->db,
	    "SELECT why, records, messages, last FROM discarded ORDER BY why", -1, &rows,
	    NULL);

	while (result == SQLITE_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
		struct report_discarded *grown = realloc(report->discarded,
		    (report->discarded_count + 1) * sizeof *grown);
		struct report_discarded *row;

		result = SQLITE_OK;
		if (grown == NULL) {
			result = SQLITE_NOMEM;
			break;
		}
		report->discarded = grown;
		row = &grown[report->discarded_count++];
		row->why = report_text(report, report_column(rows, 0));
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
read_all(struct report *report)
{
	int result = read_extent(report);

	if (result == SQLITE_DONE && !make_buckets(report))
		return SQLITE_NOMEM;
	for (size_t i = 0; i < report->keep->options->partner_count; i++)
		(void)report_domain_number(report, report->keep->options->partners[i], false);
	if (result == SQLITE_DONE)
		result = read_discarded(report);
	if (result == SQLITE_DONE)
		result = report_scan_rollups(report);
	if (result == SQLITE_DONE)
		result = report_scan_records(report);
	if (result == SQLITE_DONE)
		result = report_finish(report);
	return report->keep->failed ? SQLITE_NOMEM : result;
}

static struct report *
new_report(sqlite3 *db, const struct report_options *options)
{
	struct report *report = calloc(1, sizeof *report);

	if (report == NULL)
		return NULL;
	report->keep = calloc(1, sizeof *report->keep);
	if (report->keep == NULL) {
		free(report);
		return NULL;
	}
	report->keep->db = db;
	report->keep->options = options;
	report->since_ms = options->since_ms;
	report->until_ms = options->until_ms;
	return report;
}

struct report *
report_read(sqlite3 *db, const char *path, const struct report_options *options,
    char error[READER_ERROR_MAX])
{
	struct report *report = new_report(db, options);
	int result;

	if (report == NULL) {
		(void)snprintf(error, READER_ERROR_MAX, "not enough memory");
		return NULL;
	}
	report->domain = report_text(report, options->domain);
	result = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = read_all(report);
	if (result == SQLITE_NOMEM)
		(void)snprintf(error, READER_ERROR_MAX, "not enough memory");
	else if (result != SQLITE_DONE)
		reader_explain(db, path, error);
	if (sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	if (result != SQLITE_DONE)
		report_free(&report);
	return report;
}

static void
free_keep(struct report_keep *keep)
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
report_free(struct report **report)
{
	if (*report == NULL)
		return;
	for (size_t i = 0; i < (*report)->domain_count; i++) {
		free((*report)->domains[i].ciphers);
		free((*report)->domains[i].certificates);
	}
	free((*report)->domains);
	free((*report)->buckets);
	free((*report)->discarded);
	free_keep((*report)->keep);
	free(*report);
	*report = NULL;
}

bool
report_history(sqlite3 *db, const char *domain, int64_t *last_would_ms,
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
