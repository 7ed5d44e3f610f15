/*
 * unit-memory.c - each allocation of journal/ and settings/ fails once.
 *
 * Those that jansson makes are left alone: its parser (2.14) goes on with a
 * buffer that did not grow. Only the tool reads JSON; the daemon never does.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <sqlite3.h>
#include <unistd.h>

#include "tests/fake-milter/allocation.h"
#include "settings/settings.h"
#include "journal/journal.h"
#include "journal/record.h"
#include "base/buffer.h"
#include "base/diag.h"

#define LINE "{\"from\":\"a@acme.example\",\"cert_san\":[\"a\",\"b\"],\"bits\":256," \
	"\"helo\":\"mx.acme.example\"}"

/* Never more allocations than this, or a failure is not passed on. */
#define ALLOCATIONS_MAX 1000

/* True where the work was done as if memory had been enough. */
typedef bool work_function(void);

/* Fails one allocation after the other until there is none left to fail. */
static void
fail_each(work_function *work)
{
	allocation_fail(0);
	assert_true(work());
	assert_int_equal(allocation_live(), 0);
	for (long n = 1; n < ALLOCATIONS_MAX; n++) {
		bool done;

		allocation_fail(n);
		done = work();
		assert_int_equal(allocation_live(), 0);
		if (allocation_count() < n) {
			assert_true(done);
			return;
		}
		assert_false(done);
	}
	fail_msg("there is no end of allocations");
}

static bool
read_and_write(void)
{
	struct journal_facts *facts = journal_facts_new();
	const struct verdict verdict = { .reported = 0, .would_by = -1,
		.outcome[0].place = { "policy.conf", 1, NULL, RULE_DEFAULT },
		.failed = 1u << REASON_TLS | 1u << REASON_BITS };
	struct journal_record record = { .verdict = &verdict };
	struct buffer buffer = BUFFER_INIT;
	char error[JOURNAL_ERROR_MAX];
	bool done = false;

	if (facts == NULL)
		return false;
	done = journal_facts_read(facts, LINE, strlen(LINE), error);
	if (!done)
		assert_string_equal(error, "not enough memory");
	if (done) {
		record.facts = journal_facts_get(facts);
		journal_record_write(&record, JOURNAL_LOGFMT, 0, &buffer);
		journal_record_write(&record, JOURNAL_JSON, 0, &buffer);
		done = !buffer.failed;
	}
	buffer_free(&buffer);
	journal_facts_free(&facts);
	return done;
}

static bool
set(void)
{
	struct journal_facts *facts = journal_facts_new();
	char error[JOURNAL_ERROR_MAX];
	bool done;

	if (facts == NULL)
		return false;
	done = journal_facts_set(facts, "from", "a@acme.example", error) &&
	    journal_facts_set(facts, "cert_san", "a,b,c,d,e,f", error);
	if (!done)
		assert_string_equal(error, "not enough memory");
	if (done && !journal_facts_set(facts, "form", "a", error))
		done = strcmp(error, "not enough memory") != 0;
	journal_facts_free(&facts);
	return done;
}

static char path[] = "/tmp/unit-memory-XXXXXX";

static bool
load(void)
{
	struct diags *diags = diags_new();
	struct settings *settings = NULL;
	enum settings_load_result result;

	if (diags == NULL)
		return false;
	result = settings_load(path, &settings, diags);
	assert_int_equal(diags_errors(diags), 0);
	assert_int_equal(settings != NULL, result == SETTINGS_LOADED);
	assert_true(result == SETTINGS_LOADED || result == SETTINGS_NO_MEMORY);
	settings_free(&settings);
	diags_free(&diags);
	return result == SETTINGS_LOADED;
}

static bool
make_rows(void)
{
	const struct verdict verdict = { .would = POLICY_REJECT, .would_by = 0,
		.outcome[0].place = { "policy.conf", 1, NULL, RULE_DEFAULT },
		.failed = 1u << REASON_TLS | 1u << REASON_BITS };
	struct facts facts = FACTS_INIT;
	const struct journal_record record = { 0, &facts, &verdict };
	static const char *const names[] = { "a", "b" };
	struct row *kept, *rolled;
	bool done;

	facts.from = "a@acme.example";
	facts.client_addr = "2001:db8::1";
	facts.cert_san = names;
	facts.cert_san_count = 2;
	kept = row_new(&record, ROW_RECORD);
	rolled = row_new(&record, ROW_MESSAGE);
	done = kept != NULL && rolled != NULL;
	free(kept);
	free(rolled);
	return done;
}

/* The threads are others, whose allocations do not fail here. */
static bool
start_and_stop(void)
{
	const struct journal_options options = { .path = "/nonexistent/journal.db" };
	struct journal_store *store = journal_store_start(&options);
	bool started = store != NULL;

	if (started)
		assert_true(journal_store_stop(store, 60000));
	journal_store_free(&store);
	return started;
}

static char watched[] = "/tmp/unit-memory-watch-XXXXXX";

/* An empty journal, or how many handshakes and deliveries are in it. */
static int
watched_journal(bool anew)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *row = NULL;
	int sum = 0;

	assert_int_equal(sqlite3_open(watched, &db), SQLITE_OK);
	if (anew)
		assert_int_equal(schema_migrate(db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, anew ? "DELETE FROM handshake" :
	    "SELECT (SELECT count(*) FROM handshake) + (SELECT count(*) FROM delivery)", -1,
	    &row, NULL), SQLITE_OK);
	if (sqlite3_step(row) == SQLITE_ROW)
		sum = sqlite3_column_int(row, 0);
	(void)sqlite3_finalize(row);
	if (anew)
		(void)sqlite3_exec(db, "DELETE FROM delivery; DELETE FROM position;"
		    "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	return sum;
}

/* All of it is in the journal, or nothing. */
static bool
write_watched(void)
{
	const struct journal_handshake handshake = { .direction = "in", .reason = "why" };
	const struct journal_delivery delivery = { .result = "deferred",
		.tls_reason = "why", .bits = -1 };
	const struct journal_position position = { .state = "there" };
	struct journal_watch *watch = journal_watch_open(watched);
	struct buffer state = BUFFER_INIT;
	bool done = false;

	(void)watched_journal(true);
	if (watch != NULL && journal_watch_position(watch, &state)) {
		journal_watch_handshake(watch, &handshake);
		journal_watch_delivery(watch, &delivery);
		done = journal_watch_commit(watch, &position) == JOURNAL_WATCH_DONE;
	}
	journal_watch_close(&watch);
	buffer_free(&state);
	assert_int_equal(watched_journal(false), done ? 2 : 0);
	return done;
}

static void
what_is_watched(void **state)
{
	int file = mkstemp(watched);

	(void)state;
	assert_true(file >= 0);
	(void)close(file);
	fail_each(write_watched);
	(void)unlink(watched);
}

/* What cannot be kept for want of memory is counted. */
static void
a_lost_record_is_counted(void **state)
{
	const struct journal_options options = { .path = "/nonexistent/journal.db" };
	const struct verdict verdict = { .reported = -1, .would_by = -1 };
	const struct facts facts = FACTS_INIT;
	const struct journal_record record = { 0, &facts, &verdict };
	struct journal_store *store;
	struct journal_stats stats;

	(void)state;
	allocation_fail(0);
	store = journal_store_start(&options);
	assert_non_null(store);
	allocation_fail(1);
	journal_store_put(store, &record);
	allocation_fail(0);
	journal_store_stats(store, &stats);
	assert_int_equal(stats.lost, 1);
	assert_true(journal_store_stop(store, 60000));
	journal_store_free(&store);
}

static void
rows(void **state)
{
	(void)state;
	fail_each(make_rows);
}

static void
journals(void **state)
{
	(void)state;
	fail_each(start_and_stop);
}

static void
facts_and_records(void **state)
{
	(void)state;
	fail_each(read_and_write);
}

static void
facts_from_text(void **state)
{
	(void)state;
	fail_each(set);
}

static void
settings(void **state)
{
	(void)state;
	fail_each(load);
}

int
main(int argc, char **argv)
{
	static const char text[] = "# test\nlisten inet:localhost:25\nuser a\ngroup b\n"
	    "policy \"p.conf\"\nlog file:/var/log/x\npid-file /run/x\n";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_and_records),
		cmocka_unit_test(facts_from_text),
		cmocka_unit_test(settings),
		cmocka_unit_test(rows),
		cmocka_unit_test(journals),
		cmocka_unit_test(what_is_watched),
		cmocka_unit_test(a_lost_record_is_counted),
	};
	int file = mkstemp(path), status;

	if (file < 0 || write(file, text, sizeof text - 1) != sizeof text - 1)
		return EXIT_FAILURE;
	(void)close(file);
	allocation_watch();
	status = UNIT_RUN(argc, argv, tests);
	(void)unlink(path);
	return status;
}
