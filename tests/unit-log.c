/*
 * unit-log.c - each filter of tlsward log leads by an index of its own.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include "review/review.h"
#include "journal/record.h"
#include "base/buffer.h"

static void
take_actions(struct review_filter *filter, const char *action)
{
	filter->actions.list[filter->actions.count++] = action;
}

static void
take_domain(struct review_filter *filter, const char *domain)
{
	assert_true(policy_domain(domain, filter->domain, sizeof(filter->domain)));
}

static sqlite3 *
new_journal(void)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(schema_migrate(db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO record (time, action, rule,"
	    " domain, client_addr, client_name) VALUES"
	    " (1, 'reject', 'a.conf:1', 'a.acme.example', '192.0.2.9', 'mx.acme.example'),"
	    " (2, 'reject', 'a.conf:2', 'acme.example', '192.0.3.9', NULL)", NULL, NULL, NULL),
	    SQLITE_OK);
	return db;
}

/* The plan's lines, one behind the other. */
static void
explain(sqlite3 *db, sqlite3_stmt *statement, struct buffer *plan)
{
	char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sqlite3_sql(statement));
	sqlite3_stmt *row = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	while (sqlite3_step(row) == SQLITE_ROW)
		buffer_format(plan, "%s\n", (const char *)sqlite3_column_text(row, 3));
	(void)sqlite3_finalize(row);
	sqlite3_free(sql);
}

static void
expect(const struct review_filter *options, int64_t after, const char *index, bool sorts)
{
	struct buffer plan = BUFFER_INIT;
	sqlite3_stmt *rows = NULL;
	sqlite3 *db = new_journal();

	assert_int_equal(review_rows(db, options, JOURNAL_RECORD, after,
	    &rows), SQLITE_OK);
	explain(db, rows, &plan);
	if (strstr(plan.text, index) == NULL || strstr(plan.text, "SCAN record\n") != NULL ||
	    (strstr(plan.text, "TEMP B-TREE") != NULL) != sorts)
		fail_msg("not by %s:\n%s", index, plan.text);
	(void)sqlite3_finalize(rows);
	buffer_free(&plan);
	(void)sqlite3_close(db);
}

static void
filters_use_their_index(void **state)
{
	struct review_filter options = { 0 };

	(void)state;
	expect(&options, -1, "USING INDEX record_time", false);
	options.since_ms = 1;
	expect(&options, -1, "USING INDEX record_time (time>?)", false);
	take_actions(&options, "reject");
	expect(&options, -1, "USING INDEX record_action (action=?", false);
	take_actions(&options, "tempfail");
	expect(&options, -1, "USING INDEX record_action (action=?", false);
	options.reasons = (struct review_words){ { "tls", "bits" }, 2 };
	expect(&options, -1, "USING INDEX record_reason (reason=?", false);
	options.rule = "a.conf";
	expect(&options, -1, "USING COVERING INDEX record_rule (rule>?", true);
	options.rule = "a.conf:1";
	expect(&options, -1, "USING COVERING INDEX record_rule (rule>?", true);
	take_domain(&options, "acme.example");
	expect(&options, -1, "USING INDEX record_domain (domain=?", false);
	assert_true(review_filter_client(&options, "mx.acme.example"));
	expect(&options, -1, "USING INDEX record_client_name (client_name=?", false);
	assert_true(review_filter_client(&options, "192.0.2.1"));
	expect(&options, -1, "USING INDEX record_client_addr (client_addr=?", false);
	expect(&options, 7, "USING INTEGER PRIMARY KEY (rowid>?)", false);
}

static void
would_uses_its_index(void **state)
{
	struct review_filter options = { .would = true, .rule = "a.conf" };

	(void)state;
	expect(&options, -1, "USING INDEX record_would (would=?", false);
}

/* Of these the rows are found first, and their numbers sorted. */
static void
parts_of_names_use_an_index(void **state)
{
	struct review_filter options = { 0 };

	(void)state;
	take_domain(&options, ".acme.example");
	expect(&options, -1, "COVERING INDEX record_domain", true);
	options.domain[0] = '\0';
	assert_true(review_filter_client(&options, ".acme.example"));
	expect(&options, -1, "COVERING INDEX record_client_name", true);
}

static void
ids_use_an_index(void **state)
{
	struct review_filter options = { .queue_id = "4bXy2Q" };

	(void)state;
	expect(&options, -1, "USING INDEX record_queue_id (queue_id=?)", true);
	options = (struct review_filter){ .session = "s1" };
	expect(&options, -1, "USING INDEX record_session (session=?)", true);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_use_their_index),
		cmocka_unit_test(would_uses_its_index),
		cmocka_unit_test(parts_of_names_use_an_index),
		cmocka_unit_test(ids_use_an_index),
	};

	return UNIT_RUN(argc, argv, tests);
}
