/*
 * unit-journal-watch.c - what is read in the mail log, written beside the daemon.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/journal-file.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "journal/journal.h"
#include "journal/record.h"
#include "base/buffer.h"

#define HOUR INT64_C(500000)
#define NOW (HOUR * JOURNAL_HOUR_MS)

static atomic_int complaints;

static void
say(void *context, enum severity level, const char *text)
{
	(void)context;
	if (level >= SEVERITY_WARNING)
		(void)fprintf(stderr, "%s\n", text);
	atomic_fetch_add(&complaints, 1);
}

static int
set_up(void **state)
{
	(void)state;
	atomic_store(&complaints, 0);
	return clear_folder();
}

static struct journal_store *
start(void)
{
	return start_store(&(const struct journal_options){ .path = path, .say = say });
}

static void
do_sql(const char *sql)
{
	sqlite3 *db = connect_to(path);

	run_sql(db, sql);
	(void)sqlite3_close(db);
}

/* A journal that no daemon has open. */
static void
make_journal(void)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(schema_migrate(db), SQLITE_OK);
	(void)sqlite3_close(db);
	do_sql("PRAGMA journal_mode = WAL");
}

#define assert_sql(sql, expected) assert_answer((sql), (expected), "")

static struct journal_watch *
open_watch(void)
{
	struct journal_watch *watch = journal_watch_open(path);

	assert_non_null(watch);
	return watch;
}

static enum journal_watch_result
commit(struct journal_watch *watch, const char *state)
{
	const struct journal_position position = { state, NOW + 5000, NOW + 4000, 1000,
		10, 1 };

	return journal_watch_commit(watch, &position);
}

static void
assert_held(struct journal_watch *watch, const char *why)
{
	assert_int_equal(commit(watch, "held"), JOURNAL_WATCH_HELD);
	if (strstr(journal_watch_error(watch), why) == NULL)
		fail_msg("\"%s\" is not in: %s", why, journal_watch_error(watch));
}

static void
assert_position(struct journal_watch *watch, const char *expected)
{
	struct buffer state = BUFFER_INIT;

	assert_true(journal_watch_position(watch, &state));
	assert_string_equal(state.text != NULL ? state.text : "", expected);
	buffer_free(&state);
}

static void
add_handshake(struct journal_watch *watch, int64_t time_ms, const char *address,
    const char *sample)
{
	const struct journal_handshake handshake = {
		.time_ms = time_ms, .direction = "in", .address = address,
		.reason = "no-version", .sample = sample
	};

	journal_watch_handshake(watch, &handshake);
}

static void
add_delivery(struct journal_watch *watch, int64_t time_ms, const char *tls_reason)
{
	const struct journal_delivery delivery = {
		.time_ms = time_ms, .queue_id = "4F1", .to = "a@acme.example",
		.dsn = "4.7.5", .text = "not \xff trusted", .next_hop = "acme.example",
		.relay = "mx.acme.example", .address = "192.0.2.1",
		.tls_version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384", .bits = 256,
		.verification = "untrusted", .result = tls_reason != NULL ? "deferred" : "sent",
		.tls_reason = tls_reason, .rule = "policy.conf:3", .rule_kind = "deliver",
		.rule_name = "acme.example", .partner = "Acme", .verdict = "refused"
	};

	journal_watch_delivery(watch, &delivery);
}

/* ------------------------------------------------------------------ *
 * What is written
 * ------------------------------------------------------------------ */

static void
is_counted_by_hour(void **state)
{
	struct journal_watch *watch = open_watch();

	(void)state;
	make_journal();
	assert_position(watch, "");
	add_handshake(watch, NOW + 2000, "192.0.2.1", "first");
	add_handshake(watch, NOW + 1000, "192.0.2.1", "second");
	add_handshake(watch, NOW + 3000, "192.0.2.2", NULL);
	add_handshake(watch, NOW + JOURNAL_HOUR_MS, "192.0.2.1", "third");
	add_delivery(watch, NOW, NULL);
	add_delivery(watch, NOW + 1, "not-trusted");
	add_delivery(watch, NOW + 2, "not-trusted");
	assert_int_equal(commit(watch, "one"), JOURNAL_WATCH_DONE);
	add_handshake(watch, NOW + 9000, "192.0.2.1", "fourth");
	add_delivery(watch, NOW + 3, NULL);
	assert_int_equal(commit(watch, "two"), JOURNAL_WATCH_DONE);
	journal_watch_close(&watch);
	assert_null(watch);
	assert_sql("SELECT group_concat(hour || ' ' || address || ' ' || count || ' ' ||"
	    " first || ' ' || last || ' ' || sample, ', ') FROM handshake"
	    " WHERE direction = 'in' AND host = '' AND reason = 'no-version'",
	    "500000 192.0.2.1 3 1000 9000 first, 500000 192.0.2.2 1 3000 3000 ,"
	    " 500001 192.0.2.1 1 0 0 third");
	assert_sql("SELECT group_concat(result || ' ' || bits || ' ' || typeof(bits) ||"
	    " ' ' || count || ' ' || first || ' ' || last || ' ' || tls_reason, ', ')"
	    " FROM delivery WHERE verdict = 'refused' AND reason = ''",
	    "deferred 256 integer 2 1 2 not-trusted, sent 256 integer 2 0 3 ");
	assert_sql("SELECT group_concat(time || queue_id || \"to\" || dsn || text, ', ')"
	    " FROM trouble", "18000000000014F1a@acme.example4.7.5not \xef\xbf\xbd trusted, "
	    "18000000000024F1a@acme.example4.7.5not \xef\xbf\xbd trusted");
	assert_sql("SELECT group_concat(name || '=' || value, ', ') FROM watched"
	    " WHERE name NOT LIKE 'bytes %'",
	    "deliveries deferred TLSv1.3 untrusted=2, deliveries sent TLSv1.3 untrusted=2,"
	    " handshakes in no-version=5, judged refused=4, lag=1000, line_time=1800000004000, lines=20,"
	    " lines_unread=2, time=1800000005000, trouble deferred not-trusted=2");
	watch = open_watch();
	assert_position(watch, "two");
	journal_watch_close(&watch);
}

static void
long_texts_are_cut(void **state)
{
	struct journal_watch *watch = open_watch();
	char sample[5000];

	(void)state;
	make_journal();
	memset(sample, 'x', sizeof(sample) - 1);
	sample[sizeof(sample) - 1] = '\0';
	add_handshake(watch, NOW, sample, sample);
	assert_int_equal(commit(watch, "one"), JOURNAL_WATCH_DONE);
	journal_watch_close(&watch);
	assert_sql("SELECT length(address) || ' ' || length(sample) FROM handshake",
	    "1027 1027");
}

static void
a_batch_is_full(void **state)
{
	struct journal_watch *watch = open_watch();
	int count = 0;

	(void)state;
	make_journal();
	for (int i = 0; i < 1000; i++)
		add_handshake(watch, NOW + i, "192.0.2.1", "the same");
	assert_false(journal_watch_is_full(watch));
	for (; !journal_watch_is_full(watch); count++)
		add_handshake(watch, NOW + count * JOURNAL_HOUR_MS, "192.0.2.9", "another");
	assert_true(count > 10 && count < 1000);
	assert_int_equal(commit(watch, "one"), JOURNAL_WATCH_DONE);
	assert_false(journal_watch_is_full(watch));
	journal_watch_close(&watch);
	assert_sql("SELECT sum(count) - 1000 = max(hour) - min(hour) + 1 FROM handshake", "1");
}

/* Peers that come again are written by many, and those that are new by few. */
static void
a_batch_of_known_peers_is_larger(void **state)
{
	struct journal_watch *watch = open_watch();
	int size[6] = { 0 };

	(void)state;
	make_journal();
	for (int round = 0; round < 6; round++) {
		int64_t hours = round < 4 ? 0 : round * 10000;

		for (; !journal_watch_is_full(watch); size[round]++)
			add_handshake(watch, NOW + (hours + size[round]) * JOURNAL_HOUR_MS,
			    "192.0.2.9", "peer");
		assert_int_equal(commit(watch, "one"), JOURNAL_WATCH_DONE);
	}
	assert_true(size[0] <= 100 && size[1] == size[0]);
	assert_true(size[2] > size[1] && size[3] >= size[2]);
	assert_true(size[5] < size[4]);
	journal_watch_close(&watch);
}

/* ------------------------------------------------------------------ *
 * What is thrown away
 * ------------------------------------------------------------------ */

static void
await_sql(const char *sql)
{
	const struct timespec pause = { 0, 10000000 };
	sqlite3 *db = NULL;
	sqlite3_stmt *row = NULL;
	bool yes = false;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	for (int i = 0; i < 6000 && !yes; i++) {
		yes = sqlite3_step(row) == SQLITE_ROW && sqlite3_column_int(row, 0) != 0;
		(void)sqlite3_reset(row);
		(void)nanosleep(&pause, NULL);
	}
	(void)sqlite3_finalize(row);
	(void)sqlite3_close(db);
	if (!yes)
		fail_msg("never so: %s", sql);
}

static int64_t
now_is(void *context)
{
	(void)context;
	return NOW + JOURNAL_HOUR_MS;
}

/* Failed handshakes of as many addresses, in "hours" hours before NOW. */
static void
add_flood(struct journal_watch *watch, int addresses, int hours)
{
	char address[32];

	for (int i = 0; i < addresses; i++) {
		(void)snprintf(address, sizeof(address), "10.%d.%d.%d", i / 62500,
		    i / 250 % 250, i % 250);
		add_handshake(watch, NOW - i % hours * JOURNAL_HOUR_MS, address,
		    "a line that is as long as those of a mail server are, more or less");
	}
	assert_int_equal(commit(watch, "flood"), JOURNAL_WATCH_DONE);
}

static void
what_is_old_goes(void **state)
{
	const struct journal_options options = { .path = path, .say = say, .now = now_is,
		.keep_ms = 12 * JOURNAL_HOUR_MS };
	struct journal_watch *watch = open_watch();
	struct journal_store *store;

	(void)state;
	make_journal();
	assert_position(watch, "");
	add_flood(watch, 1000, 20);
	for (int i = 0; i < 20; i++)
		add_delivery(watch, NOW - i * JOURNAL_HOUR_MS, i % 2 ? "not-trusted" : NULL);
	assert_int_equal(commit(watch, "all"), JOURNAL_WATCH_DONE);
	store = journal_store_start(&options);
	await_sql("SELECT sum(watched) = 400 + 8 + 4 FROM discarded WHERE why = 'age'"
	    " AND records = 0 AND messages = 0");
	stop_store(&store);
	journal_watch_close(&watch);
	assert_sql("SELECT group_concat(count) FROM (SELECT sum(count) AS count FROM handshake"
	    " UNION ALL SELECT sum(count) FROM delivery UNION ALL SELECT count(*) FROM"
	    " trouble)", "600,12,6");
	assert_sql("SELECT max(last) / 3600000 FROM discarded", "499988");
	/* What their bytes are is told by the rows that are left. */
	assert_sql("SELECT sum(130 + 2 * length(address || reason) + length(sample)) ="
	    " (SELECT value FROM watched WHERE name = 'bytes handshake') FROM handshake", "1");
}

static void
a_flood_does_not_push_out_deliveries(void **state)
{
	const struct journal_options options = { .path = path, .say = say, .now = now_is,
		.max_bytes = 2 << 20 };
	struct journal_watch *watch = open_watch();
	struct journal_store *store;

	(void)state;
	make_journal();
	assert_position(watch, "");
	for (int i = 0; i < 1000; i++)
		add_delivery(watch, NOW - (100 + i) * JOURNAL_HOUR_MS,
		    i % 2 ? "not-trusted" : NULL);
	add_flood(watch, 40000, 3);
	assert_sql("SELECT page_count > 1000 FROM pragma_page_count", "1");
	store = journal_store_start(&options);
	await_sql("SELECT page_count * 4096 <= 2 << 20 FROM (SELECT page_count - freelist_count"
	    " AS page_count FROM pragma_page_count, pragma_freelist_count)");
	stop_store(&store);
	journal_watch_close(&watch);
	assert_sql("SELECT sum(count) FROM delivery", "1000");
	assert_sql("SELECT count(*) FROM trouble", "500");
	assert_sql("SELECT sum(count) > 5000 FROM handshake", "1");
	assert_sql("SELECT (SELECT sum(count) FROM handshake) + sum(watched) FROM discarded"
	    " WHERE why = 'size'", "40000");
	assert_sql("PRAGMA integrity_check", "ok");
}

/* ------------------------------------------------------------------ *
 * Trouble
 * ------------------------------------------------------------------ */

static void
waits_for_its_journal(void **state)
{
	struct journal_watch *watch = open_watch();
	struct buffer text = BUFFER_INIT;
	struct journal_store *store;
	struct stat status;

	(void)state;
	assert_false(journal_watch_position(watch, &text));
	add_handshake(watch, NOW, "192.0.2.1", "one");
	assert_held(watch, "it is not there yet: tlsward-milter makes it");
	assert_int_equal(stat(path, &status), -1);
	do_sql("VACUUM");
	assert_held(watch, "it is not there yet");
	make_journal();
	do_sql("PRAGMA user_version = 1");
	assert_held(watch, "of an older version: tlsward-milter of this version converts it");
	do_sql("PRAGMA user_version = 77");
	assert_held(watch, "by a newer version");
	do_sql("PRAGMA application_id = 5");
	assert_held(watch, "not a journal");
	assert_int_equal(set_up(state), 0);
	store = start();
	stop_store(&store);
	assert_int_equal(commit(watch, "one"), JOURNAL_WATCH_DONE);
	assert_sql("SELECT sum(count) FROM handshake", "1");
	assert_sql("SELECT value FROM watched WHERE name = 'lines'", "10");
	journal_watch_close(&watch);
	buffer_free(&text);
}

static void
goes_on_with_a_new_journal(void **state)
{
	struct journal_watch *watch = open_watch();

	(void)state;
	make_journal();
	add_handshake(watch, NOW, "192.0.2.1", "one");
	assert_int_equal(commit(watch, "one"), JOURNAL_WATCH_DONE);
	assert_int_equal(set_up(state), 0);
	add_handshake(watch, NOW, "192.0.2.1", "two");
	add_handshake(watch, NOW, "192.0.2.1", "three");
	assert_held(watch, "not there");
	make_journal();
	assert_int_equal(commit(watch, "three"), JOURNAL_WATCH_DONE);
	assert_sql("SELECT sum(count) FROM handshake", "2");
	assert_sql("SELECT state FROM position", "three");
	journal_watch_close(&watch);
}

static void
a_damaged_journal_is_left_to_the_daemon(void **state)
{
	struct journal_watch *watch = open_watch();
	FILE *file;

	(void)state;
	make_journal();
	file = fopen(path, "r+");
	assert_non_null(file);
	for (int i = 0; i < 8192; i++)
		(void)fputc('x', file);
	assert_int_equal(fclose(file), 0);
	add_handshake(watch, NOW, "192.0.2.1", "one");
	assert_held(watch, "tlsward-milter sets a damaged journal aside");
	assert_int_equal(set_up(state), 0);
	make_journal();
	assert_int_equal(commit(watch, "one"), JOURNAL_WATCH_DONE);
	assert_sql("SELECT sum(count) FROM handshake", "1");
	journal_watch_close(&watch);
}

static void
two_do_not_count_the_same(void **state)
{
	struct journal_watch *one = open_watch(), *other = open_watch();

	(void)state;
	make_journal();
	assert_position(one, "");
	assert_position(other, "");
	add_handshake(one, NOW, "192.0.2.1", "one");
	add_handshake(other, NOW, "192.0.2.1", "one");
	assert_int_equal(commit(one, "one"), JOURNAL_WATCH_DONE);
	assert_int_equal(commit(other, "one"), JOURNAL_WATCH_STALE);
	assert_non_null(strstr(journal_watch_error(other), "another tlsward watch"));
	assert_int_equal(commit(one, "two"), JOURNAL_WATCH_DONE);
	assert_sql("SELECT sum(count) FROM handshake", "1");
	journal_watch_close(&one);
	journal_watch_close(&other);
}

static void
locked_by_somebody_else(void **state)
{
	struct journal_watch *watch = open_watch();
	sqlite3 *db = NULL;

	(void)state;
	make_journal();
	assert_position(watch, "");
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	add_handshake(watch, NOW, "192.0.2.1", "one");
	assert_held(watch, "database is locked");
	add_handshake(watch, NOW, "192.0.2.1", "two");
	(void)sqlite3_close(db);
	assert_int_equal(commit(watch, "two"), JOURNAL_WATCH_DONE);
	assert_sql("SELECT sum(count) FROM handshake", "2");
	journal_watch_close(&watch);
}

/* The journal's files may grow no more, as on a full disk. */
static void
full_in_child(void)
{
	struct rlimit limit = { 200000, RLIM_INFINITY };
	struct journal_watch *watch = journal_watch_open(path);
	char address[32];
	int held = 0;			/* from which handshake on */

	(void)signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		_exit(2);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
		add_handshake(watch, NOW, address, "one");
		if (held == 0 && i % 100 == 0 && commit(watch, "some") != JOURNAL_WATCH_DONE)
			held = i;
	}
	if (held == 0 || strstr(journal_watch_error(watch), "disk") == NULL)
		_exit(3);
	limit.rlim_cur = RLIM_INFINITY;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	_exit(commit(watch, "all") == JOURNAL_WATCH_DONE ? 0 : 4);
}

static void
disk_full(void **state)
{
	int status;
	pid_t child;

	(void)state;
	make_journal();
	child = fork();
	if (child == 0)
		full_in_child();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_sql("SELECT sum(count) FROM handshake", "3000");
	assert_sql("SELECT state FROM position", "all");
	assert_sql("PRAGMA integrity_check", "ok");
}

/* ------------------------------------------------------------------ *
 * Beside the daemon
 * ------------------------------------------------------------------ */

static atomic_bool over;
static atomic_int committed;

/* A log that begins anew as often as it can, which the checkpoints here see to. */
static void *
write_beside(void *argument)
{
	struct journal_watch *watch = argument;
	const struct timespec pause = { 0, JOURNAL_WATCH_PAUSE_MS * 1000000L };
	char address[32];
	sqlite3 *db = NULL;
	int n = 0;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		return NULL;
	while (!atomic_load(&over)) {
		for (int i = 0; i < 60; i++, n++) {
			(void)snprintf(address, sizeof(address), "10.%d.%d.%d", n % 7,
			    n / 250 % 250, n % 250);
			add_handshake(watch, NOW + n, address, "a line of some log");
		}
		if (commit(watch, "beside") == JOURNAL_WATCH_DONE)
			atomic_store(&committed, n);
		(void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
		    NULL);
		(void)nanosleep(&pause, NULL);
	}
	while (commit(watch, "over") != JOURNAL_WATCH_DONE)
		(void)nanosleep(&pause, NULL);
	atomic_store(&committed, n);
	(void)sqlite3_close(db);
	return NULL;
}

static int
compare_times(const void *one, const void *other)
{
	return *(const int *)one < *(const int *)other ? -1 : 1;
}

static int
microseconds_of_a_refusal(struct journal_store *store)
{
	static const struct verdict refusing = { .reported = 0, .would_by = -1,
		.action = POLICY_REJECT, .reason = REASON_TLS, .failed = 1u << REASON_TLS,
		.outcome[0].place = { "policy.conf", 12, "acme.example", RULE_FROM },
		.outcome[0].reason = REASON_TLS, .from_domain = "acme.example" };
	struct facts facts = FACTS_INIT;
	const struct journal_record record = { NOW, &facts, &refusing };
	struct timespec begin, end;

	facts.from = "a@acme.example";
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	journal_store_put(store, &record);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	return (int)((end.tv_sec - begin.tv_sec) * 1000000 +
	    (end.tv_nsec - begin.tv_nsec) / 1000);
}

/* The times are for people to read: they depend on the machine. */
static void
beside_the_daemon(void **state)
{
	enum { COUNT = 2000 };
	static int times[COUNT];
	const struct timespec pause = { 0, 1000000 };
	struct journal_store *store = start();
	struct journal_watch *watch = open_watch();
	struct buffer text = BUFFER_INIT;
	pthread_t thread;
	char sum[32];

	(void)state;
	while (!journal_watch_position(watch, &text))
		(void)nanosleep(&pause, NULL);
	assert_int_equal(pthread_create(&thread, NULL, write_beside, watch), 0);
	for (int i = 0; i < COUNT; i++) {
		times[i] = microseconds_of_a_refusal(store);
		(void)nanosleep(&pause, NULL);
	}
	atomic_store(&over, true);
	(void)pthread_join(thread, NULL);
	stop_store(&store);
	journal_watch_close(&watch);
	buffer_free(&text);
	qsort(times, COUNT, sizeof(times[0]), compare_times);
	print_message("a refusal waits %d us (median), %d us (p99), %d us (max) beside %d "
	    "lines\n", times[COUNT / 2], times[COUNT * 99 / 100], times[COUNT - 1],
	    atomic_load(&committed));
	(void)snprintf(sum, sizeof(sum), "%d", atomic_load(&committed));
	assert_sql("SELECT sum(count) FROM handshake", sum);
	assert_sql("SELECT count(*) FROM record", "2000");
	assert_sql("PRAGMA integrity_check", "ok");
	/* Nothing was taken for damage. */
	assert_int_equal(atomic_load(&complaints), 0);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
		TEST(is_counted_by_hour),
		TEST(long_texts_are_cut),
		TEST(a_batch_is_full),
		TEST(a_batch_of_known_peers_is_larger),
		TEST(what_is_old_goes),
		TEST(a_flood_does_not_push_out_deliveries),
		TEST(waits_for_its_journal),
		TEST(goes_on_with_a_new_journal),
		TEST(a_damaged_journal_is_left_to_the_daemon),
		TEST(two_do_not_count_the_same),
		TEST(locked_by_somebody_else),
		TEST(disk_full),
		TEST(beside_the_daemon),
	};

	return run_on_journal(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
