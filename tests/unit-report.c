/*
 * unit-report.c - what a report does not list, and keys that are numbers.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <unistd.h>

#include "review/review.h"
#include "journal/journal.h"
#include "journal/record.h"
#include "base/diag.h"

static struct policy *
empty_policy(void)
{
	struct diags *diags = diags_new();
	char path[] = "/tmp/unit-report-XXXXXX";
	struct policy *policy = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(policy_load(path, &policy, diags), POLICY_LOADED);
	(void)unlink(path);
	diags_free(&diags);
	return policy;
}

/* Strangers cannot make a report grow; what it leaves out, it counts. */
static void
domains_beyond_the_limit_are_counted(void **state)
{
	struct policy *policy = empty_policy();
	struct review_options options = {
		.until_ms = 1000, .domains_max = 3, .policy = policy
	};
	char error[REVIEW_ERROR_MAX];
	struct review *report;
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(schema_migrate(db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL"
	    " SELECT i + 1 FROM n WHERE i < 10) INSERT INTO record (time, action, domain,"
	    " tls_version) SELECT i, 'accept', 'd' || i || '.example', 'TLSv1.3' FROM n"
	    " UNION ALL SELECT 20, 'accept', 'partner.example', 'TLSv1.3'", NULL, NULL,
	    NULL), SQLITE_OK);
	report = review_read(db, "memory", &options, error);
	assert_non_null(report);
	assert_int_equal(report->in.messages, 11);
	assert_int_equal(report->domain_count, 3);
	assert_int_equal(report->others, 8);
	for (size_t i = 0; i < report->domain_count; i++)
		assert_int_equal(report->domains[i].in.messages, 1);
	review_free(&report);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	policy_free(&policy);
}

static void
networks_are_those_of_roll_ups(void **state)
{
	static const char *const cases[][2] = {
		{ "192.0.2.77", "192.0.2.0/24" }, { "2001:db8:1:2:3::4", "2001:db8:1:2::/64" },
		{ "::ffff:192.0.2.77", "192.0.2.0/24" }
	};
	char network[JOURNAL_NETWORK_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(journal_network(cases[i][0], network));
		assert_string_equal(network, cases[i][1]);
	}
	assert_false(journal_network("mx.acme.example", network));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains_beyond_the_limit_are_counted),
		cmocka_unit_test(networks_are_those_of_roll_ups),
	};

	return UNIT_RUN(argc, argv, tests);
}
