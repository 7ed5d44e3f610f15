/*
 * unit.c - the daemon's smaller parts, each by itself.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "allocation.h"
#include "fake.h"
#include "milter/decision.h"
#include "milter/descriptors.h"
#include "milter/facts.h"
#include "milter/load.h"
#include "milter/log.h"
#include "milter/macros.h"
#include "milter/callbacks.h"
#include "milter/session.h"
#include "milter/sink.h"
#include "milter/snapshot.h"
#include "base/diag.h"

static void
test_percent_is_doubled(void **state)
{
	char out[16];

	(void)state;
	reply_escape("100% sure", out, sizeof(out));
	assert_string_equal(out, "100%% sure");
	reply_escape("%%%%%%%%%%%%%%%%%", out, sizeof(out));
	assert_string_equal(out, "%%%%%%%%%%%%%%");
	reply_escape("12345678901234%", out, sizeof(out));
	assert_string_equal(out, "12345678901234");
	reply_escape("", out, sizeof(out));
	assert_string_equal(out, "");
}

static void
test_addresses_are_trimmed(void **state)
{
	static const char *const cases[][2] = {
		{ "<a@b>", "a@b" }, { "a@b", "a@b" }, { "<>", "<>" }, { "", "<>" },
		{ "<a@b", "a@b" }, { "a@b>", "a@b" }, { "<<a@b>>", "<a@b>" },
		{ "<\"a>b\"@c>", "\"a>b\"@c" }, { "<", "" }, { ">", "" },
		{ "< a@b >", "a@b" }, { "<a@b> ", "a@b" }, { " <a@b>", "a@b" },
		{ "\t<\ta@b \t>\r\n", "a@b" }, { "  a@b\t", "a@b" }, { "< >", "<>" },
		{ " ", "<>" }, { "<\t", "" }, { " <> ", "<>" },
		{ "< \" a \"@b >", "\" a \"@b" }, { "\" \"@b", "\" \"@b" },
		{ "<\" a\t\">", "\" a\t\"" }, { "<a b@c d>", "a b@c d" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char address[32];

		(void)snprintf(address, sizeof(address), "%s", cases[i][0]);
		assert_string_equal(address_trim(address), cases[i][1]);
	}
}

static void
test_no_stage_has_too_many_macros(void **state)
{
	char list[MACROS_LIST_MAX];

	(void)state;
	for (int stage = SMFIM_FIRST; stage <= SMFIM_LAST; stage++) {
		int count = macros_list(stage, SETTINGS_MTA_AUTO, list);

		assert_true(count >= 0);
		assert_true(count <= MACROS_PER_STAGE_MAX);
		assert_true(strlen(list) < MACROS_LIST_MAX - 1);
	}
	assert_int_equal(macros_list(SMFIM_HELO, SETTINGS_MTA_AUTO, list), 0);
	assert_int_equal(macros_list(99, SETTINGS_MTA_AUTO, list), -1);
}

static void
test_only_what_the_mta_has_is_asked_for(void **state)
{
	static const char *const sendmails[] = { "{verify}", "{cn_subject}",
		"{cn_issuer}", "{cert_fp}", "{cert_md5}" };
	char both[MACROS_LIST_MAX], postfix[MACROS_LIST_MAX], sendmail[MACROS_LIST_MAX];

	(void)state;
	(void)macros_list(SMFIM_ENVFROM, SETTINGS_MTA_AUTO, both);
	(void)macros_list(SMFIM_ENVFROM, SETTINGS_MTA_POSTFIX, postfix);
	(void)macros_list(SMFIM_ENVFROM, SETTINGS_MTA_SENDMAIL, sendmail);
	assert_string_equal(both, sendmail);
	for (size_t i = 0; i < sizeof(sendmails) / sizeof(sendmails[0]); i++) {
		assert_non_null(strstr(both, sendmails[i]));
		assert_null(strstr(postfix, sendmails[i]));
	}
	assert_non_null(strstr(postfix, "{cert_subject} {cert_issuer}"));
}

static void
expect_decoded(encoded_decoder *decode, const char *encoded, const char *expected)
{
	char out[32];

	assert_string_equal(decode(encoded, out, sizeof(out)), expected);
}

static void
test_xtext_is_decoded(void **state)
{
	(void)state;
	expect_decoded(encoded_text, "a+20b+2Bc+C3+A5", "a b+c\xC3\xA5");
	/* Not what Sendmail writes: left as it is. */
	expect_decoded(encoded_text, "a+b+2+zz+2b", "a+b+2+zz+2b");
	expect_decoded(encoded_text, "a+", "a+");
	expect_decoded(encoded_text, "a+00b", "");
	expect_decoded(encoded_text, "1234567890123456789012345678901",
	    "1234567890123456789012345678901");
	expect_decoded(encoded_text, "12345678901234567890123456789012", "");
	expect_decoded(encoded_text, "", "");
}

static void
test_sentinels_are_no_names(void **state)
{
	(void)state;
	expect_decoded(encoded_common_name, "BadCertificateUnknown", "");
	expect_decoded(encoded_common_name, "BadCertificateContainsNUL", "");
	expect_decoded(encoded_common_name, "BadCertificateTooLong", "");
	expect_decoded(encoded_common_name, "not+20BadCertificate", "not BadCertificate");
	/* In a common name a backslash is one. */
	expect_decoded(encoded_common_name, "a+5C/b+5CxC3", "a\\/b\\xC3");
}

static void
test_full_names_are_decoded(void **state)
{
	(void)state;
	expect_decoded(encoded_full_name, "/O=Test+20Org/CN=Bl+5CxC3+5CxA5",
	    "/O=Test Org/CN=Bl\xC3\xA5");
	expect_decoded(encoded_full_name, "/O=Inc+5C/Co+5C+2BA", "/O=Inc/Co+A");
	/* Of printable bytes OpenSSL writes no \xXX, so that this one is the name's. */
	expect_decoded(encoded_full_name, "/CN=+5Cx41+5Cx00+5Cx1+5C", "/CN=\\x41\\x00\\x1\\");
	expect_decoded(encoded_full_name, "/CN=a+00b", "");
}

static void
test_idle_connections_are_small(void **state)
{
	(void)state;
	/* With what malloc adds to both of its pieces. */
	assert_true(sizeof(struct session) + SESSION_HELO_MAX + 1 + 32 <= 512);
}

static void
test_session_ids_differ(void **state)
{
	struct session *one = session_new(), *two = session_new();

	(void)state;
	assert_non_null(one);
	assert_non_null(two);
	assert_string_not_equal(one->id, two->id);
	session_free(&one, NULL);
	session_free(&two, NULL);
	assert_null(one);
}

/* ------------------------------------------------------------------ *
 * The queue
 * ------------------------------------------------------------------ */

struct reader {
	pthread_mutex_t blocked;	/* held by the test: the writer waits */
	size_t lines;
	char last[32];
};

static void
read_line(void *context, int priority, const char *line, size_t length)
{
	struct reader *reader = context;

	(void)priority;
	(void)pthread_mutex_lock(&reader->blocked);
	reader->lines++;
	(void)snprintf(reader->last, sizeof(reader->last), "%.*s", (int)length, line);
	(void)pthread_mutex_unlock(&reader->blocked);
}

static void
test_queue_never_waits(void **state)
{
	static struct reader reader = { .blocked = PTHREAD_MUTEX_INITIALIZER };
	struct queue *queue;
	size_t taken = 0;

	(void)state;
	(void)pthread_mutex_lock(&reader.blocked);
	queue = queue_new(read_line, &reader);
	assert_non_null(queue);
	for (int i = 0; i < QUEUE_LINES_MAX * 2; i++)
		taken += queue_put(queue, 6, "line", 4);
	assert_int_equal(taken, QUEUE_LINES_MAX);
	(void)pthread_mutex_unlock(&reader.blocked);
	while (!queue_put(queue, 6, "last", 4))
		(void)usleep(1000);
	assert_true(queue_stop(&queue, 60000));
	assert_null(queue);
	assert_int_equal(reader.lines, taken + 1);
	assert_string_equal(reader.last, "last");
}

static void
test_queue_bounds_bytes(void **state)
{
	static struct reader reader = { .blocked = PTHREAD_MUTEX_INITIALIZER };
	static char line[1 << 20];
	struct queue *queue;
	size_t taken = 0;

	(void)state;
	(void)pthread_mutex_lock(&reader.blocked);
	queue = queue_new(read_line, &reader);
	assert_non_null(queue);
	for (int i = 0; i < 16; i++)
		taken += queue_put(queue, 6, line, sizeof(line));
	assert_int_equal(taken, QUEUE_BYTES_MAX / sizeof(line));
	(void)pthread_mutex_unlock(&reader.blocked);
	assert_true(queue_stop(&queue, 60000));
}

static void
test_queue_that_is_stuck_is_left(void **state)
{
	/* Stays: its thread does, too. */
	static struct reader reader = { .blocked = PTHREAD_MUTEX_INITIALIZER };
	static struct queue *volatile left;
	struct queue *queue;

	(void)state;
	(void)pthread_mutex_lock(&reader.blocked);
	queue = left = queue_new(read_line, &reader);
	assert_non_null(left);
	assert_true(queue_put(queue, 6, "line", 4));
	assert_false(queue_stop(&queue, 50));
	assert_null(queue);
	(void)pthread_mutex_unlock(&reader.blocked);
	(void)usleep(20000);
}

/* ------------------------------------------------------------------ *
 * The log
 * ------------------------------------------------------------------ */

static char log_path[] = "/tmp/tlsward-unit-XXXXXX";

static struct settings
file_settings(char *path)
{
	struct settings settings;

	memset(&settings, 0, sizeof(settings));
	settings.log = SETTINGS_LOG_FILE;
	settings.log_path = path;
	return settings;
}

static size_t
count_lines(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	char line[4096];
	size_t count = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, text) != NULL;
	(void)fclose(file);
	return count;
}

static void
test_log_is_reopened(void **state)
{
	struct settings settings = file_settings(log_path);
	struct log *log;
	char moved[64];

	(void)state;
	log = log_open(&settings, false);
	assert_non_null(log);
	log_message(log, SEVERITY_INFO, "before %d", 1);
	(void)snprintf(moved, sizeof(moved), "%s.1", log_path);
	assert_int_equal(rename(log_path, moved), 0);
	log_message(log, SEVERITY_INFO, "still the old file");
	log_reopen(log);
	log_message(log, SEVERITY_WARNING, "after");
	assert_int_equal(count_lines(moved, "msg"), 2);
	assert_int_equal(count_lines(log_path, "level=warning"), 1);
	log_free(&log);
	assert_null(log);
	(void)unlink(moved);
	(void)unlink(log_path);
}

static void
test_log_keeps_its_file(void **state)
{
	char folder[] = "/tmp/tlsward-unitd-XXXXXX";
	char path[128], moved[64];
	struct settings settings = file_settings(path);
	struct log *log;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	(void)snprintf(moved, sizeof(moved), "%s.gone", folder);
	log = log_open(&settings, false);
	assert_non_null(log);
	assert_int_equal(rename(folder, moved), 0);
	log_reopen(log);
	log_message(log, SEVERITY_INFO, "still there");
	(void)snprintf(path, sizeof(path), "%s/log", moved);
	assert_int_equal(count_lines(path, "the old file goes on"), 1);
	assert_int_equal(count_lines(path, "still there"), 1);
	log_free(&log);
	(void)unlink(path);
	(void)rmdir(moved);
}

/* A quarter of a low limit is kept, 64 of a higher one, and what is set aside. */
static void
test_files_are_kept(void **state)
{
	static const struct {
		size_t limit, kept, share;
	} cases[] = { { 40, 10, 10 }, { 255, 63, 63 }, { 256, 64, 64 }, { 600, 64, 150 } };
	struct rlimit before, limit;
	int next = dup(STDERR_FILENO);

	(void)state;
	assert_true(next > 0 && next < 25);
	assert_int_equal(close(next), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t most = cases[i].limit - cases[i].kept - (size_t)next - 1;

		limit.rlim_cur = cases[i].limit;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(descriptors_limit(), cases[i].limit);
		assert_int_equal(descriptors_share(), cases[i].share);
		assert_true(descriptors_left(STDERR_FILENO, 0));
		assert_true(descriptors_left(STDERR_FILENO, most));
		assert_false(descriptors_left(STDERR_FILENO, most + 1));
	}
	limit.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_false(descriptors_left(STDERR_FILENO, 0));
	limit.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(descriptors_share(), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(descriptors_short(EMFILE) && descriptors_short(ENFILE));
	assert_false(descriptors_short(EAGAIN));
}

/* What a full disk does: a line is written in part, the next ones not at all. */
static void
test_full_disk(void **state)
{
	struct settings settings = file_settings(log_path);
	struct rlimit limit, small;
	struct log *log;
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	(void)state;
	assert_true(saved != -1 && null != -1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)unlink(log_path);
	log = log_open(&settings, true);
	assert_non_null(log);
	small = limit;
	small.rlim_cur = 100;
	(void)dup2(null, STDERR_FILENO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 10; i++)
		log_message(log, SEVERITY_INFO, "number %d", i);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)dup2(saved, STDERR_FILENO);
	assert_int_equal(log_lost(log), 9);
	log_message(log, SEVERITY_INFO, "flows again");
	/* The half line is a line of its own, and the loss is told. */
	assert_int_equal(count_lines(log_path, "msg=\"number 0\""), 1);
	assert_int_equal(count_lines(log_path, "9 log lines were lost"), 1);
	assert_int_equal(count_lines(log_path, "time="), 4);
	assert_int_equal(count_lines(log_path, ""), 4);
	(void)close(null);
	(void)close(saved);
	log_free(&log);
	(void)unlink(log_path);
}

static void *
write_lines(void *argument)
{
	struct sink *file = argument;

	for (int i = 0; i < 2000; i++)
		assert_true(sink_write(file, 6, "a whole line\n", 13, 0));
	return NULL;
}

static void
test_lines_of_threads_are_whole(void **state)
{
	struct settings settings = file_settings(log_path);
	struct sink file;
	pthread_t threads[8];

	(void)state;
	(void)unlink(log_path);
	assert_true(sink_open(&file, &settings));
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &file), 0);
	for (size_t i = 0; i < 8; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(count_lines(log_path, "a whole line\n"), 16000);
	assert_int_equal(count_lines(log_path, ""), 16000);
	sink_close(&file);
	(void)unlink(log_path);
}

static void *
hold_and_release(void *argument)
{
	struct snapshots *snapshots = argument;

	for (int i = 0; i < 20000; i++) {
		struct snapshot *snapshot = snapshots_acquire(snapshots);

		assert_non_null(snapshot->policy);
		assert_int_equal(snapshot->summary.rules, 1);
		snapshots_release(snapshots, &snapshot);
	}
	return NULL;
}

static struct policy *
small_policy(void)
{
	struct diags *diags = diags_new();
	struct policy *policy = NULL;
	FILE *file = fopen(log_path, "w");

	assert_non_null(file);
	(void)fputs("default { require nothing }\n", file);
	(void)fclose(file);
	assert_int_equal(policy_load(log_path, &policy, diags), POLICY_LOADED);
	diags_free(&diags);
	(void)unlink(log_path);
	return policy;
}

static void
test_snapshots_under_reload(void **state)
{
	struct policy *policy = small_policy();
	struct snapshots *snapshots = snapshots_new(&policy);
	pthread_t threads[4];

	(void)state;
	assert_non_null(snapshots);
	assert_null(policy);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold_and_release,
		    snapshots), 0);
	for (int i = 0; i < 50; i++) {
		policy = small_policy();
		assert_int_equal(snapshots_replace(snapshots, &policy), 0);
		(void)snapshots_collect(snapshots);
	}
	for (size_t i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
	assert_false(snapshots_collect(snapshots));
	assert_int_equal(snapshots_references(snapshots), 1);
	snapshots_free(&snapshots);
	assert_null(snapshots);
}

static void
test_daily_report(void **state)
{
	const int64_t start = INT64_C(1781481600000), hour = 3600000;
	struct daily daily = { 0 };
	int reports = 0;

	(void)state;
	daily.last = start;
	assert_false(daily_due(&daily, start));
	assert_int_equal(daily_wait(&daily, start), hour);
	/* Three days pass, in steps as long as it waits. */
	for (int64_t now = start; now <= start + 3 * DAILY_MS;
	    now += daily_wait(&daily, now))
		reports += daily_due(&daily, now);
	assert_int_equal(reports, 3);
	assert_int_equal(daily_wait(&daily, start + 4 * DAILY_MS - 5), 5);
	/* The host slept, and woke late. */
	assert_true(daily_due(&daily, start + 9 * DAILY_MS));
	assert_false(daily_due(&daily, start + 9 * DAILY_MS + 1));
	/* A clock that is set back begins the day anew. */
	assert_false(daily_due(&daily, start));
	assert_true(daily_due(&daily, start + DAILY_MS));
}

/* All that ends is one line at a start and at a reload; a check tells of each. */
static void
test_dates_are_one_line_at_a_start(void **state)
{
	static const char text[] =
	    "from a.example { require tls; exempt until 2020-01-01 }\n"
	    "from b.example { require tls; monitor until 2020-01-01 }\n"
	    "from c.example { require tls; exempt until 2020-01-02 }\n"
	    "from d.example { require tls; monitor until 2020-01-01 }\n"
	    "from e.example { require tls; exempt until 2020-01-01 }\n"
	    "from f.example { require tls; exempt until 2020-01-01 }\n"
	    "from g.example { require tls; exempt until 2020-01-01 }\n";
	struct settings settings = { 0 };
	char path[] = "/tmp/tlsward-unit-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	(void)close(fd);
	settings.policy = path;
	for (int lint = 0; lint < 2; lint++) {
		struct diags *diags = diags_new();
		struct policy *policy = lint == 1 ?
		    load_checked(&settings, NULL, diags) :
		    load_policy(&settings, NULL, NULL, diags);

		assert_non_null(policy);
		assert_true(lint == 1 ? diags_count(diags) > 7 :
		    diags_count(diags) == 1);
		assert_int_equal(diags_at(diags, 0)->line, lint);
		if (lint == 0)
			assert_non_null(strstr(diags_at(diags, 0)->message,
			    ":5: 2020-01-01 is past: this exempt does nothing any more; "
			    "and 2 more"));
		policy_free(&policy);
		diags_free(&diags);
	}
	(void)unlink(path);
}

/* ------------------------------------------------------------------ *
 * Callbacks out of turn
 * ------------------------------------------------------------------ */

/* What libmilter calls at times when nothing was negotiated finds no session. */
static void
test_callbacks_without_a_session(void **state)
{
	const struct fake_options options = { .mta = FAKE_POSTFIX, .one_thread = true };
	struct settings settings = file_settings(log_path);
	static struct service served;
	struct smfiDesc milter = callbacks_description();
	char name[] = "Subject", value[] = "x", address[] = "<a@acme.example>";
	char *arguments[] = { address, NULL };
	struct policy *policy = small_policy();
	SMFICTX *ctx = fake_new(&milter, &options);

	(void)state;
	assert_non_null(ctx);
	served.settings = &settings;
	served.log = log_open(&settings, true);
	served.snapshots = snapshots_new(&policy);
	callbacks_serve(&served);
	assert_int_equal(milter.xxfi_abort(ctx), SMFIS_CONTINUE);
	assert_int_equal(milter.xxfi_header(ctx, name, value), SMFIS_CONTINUE);
	assert_int_equal(milter.xxfi_eoh(ctx), SMFIS_CONTINUE);
	assert_int_equal(milter.xxfi_envrcpt(ctx, arguments), SMFIS_TEMPFAIL);
	assert_int_equal(milter.xxfi_data(ctx), SMFIS_TEMPFAIL);
	assert_int_equal(milter.xxfi_eom(ctx), SMFIS_TEMPFAIL);
	/* A session for it cannot be made; then one can, and lacks what came before. */
	allocation_watch();
	allocation_fail(1);
	assert_int_equal(milter.xxfi_envfrom(ctx, arguments), SMFIS_TEMPFAIL);
	allocation_fail(0);
	assert_int_equal(milter.xxfi_abort(ctx), SMFIS_CONTINUE);
	assert_int_equal(milter.xxfi_envfrom(ctx, arguments), SMFIS_TEMPFAIL);
	assert_int_equal(milter.xxfi_close(ctx), SMFIS_CONTINUE);
	assert_int_equal(milter.xxfi_close(ctx), SMFIS_CONTINUE);
	assert_int_equal(snapshots_references(served.snapshots), 1);
	snapshots_free(&served.snapshots);
	log_free(&served.log);
	fake_free(&ctx);
}

/* A verdict that no rule decided is given, in words of the MTA's. */
static void
test_verdicts_of_no_rule(void **state)
{
	const struct fake_options options = { .mta = FAKE_POSTFIX, .one_thread = true };
	struct smfiDesc milter = callbacks_description();
	SMFICTX *ctx = fake_new(&milter, &options);
	const struct judgement reject = {
		.facts = FACTS_INIT, .verdict = { .action = POLICY_REJECT, .reported = -1 }
	};
	const struct judgement tempfail = {
		.facts = FACTS_INIT, .verdict = { .action = POLICY_TEMPFAIL, .reported = -1 }
	};
	char reason[DECISION_REASON_SIZE];

	(void)state;
	assert_int_equal(reply_refuse(ctx, &reject), SMFIS_REJECT);
	assert_int_equal(reply_refuse(ctx, &tempfail), SMFIS_TEMPFAIL);
	assert_string_equal(fake_reply(ctx), "");
	decision_hold_reason(&reject.verdict, reason);
	assert_non_null(strstr(reason, "(policy:0)"));
	fake_free(&ctx);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percent_is_doubled),
		cmocka_unit_test(test_addresses_are_trimmed),
		cmocka_unit_test(test_no_stage_has_too_many_macros),
		cmocka_unit_test(test_files_are_kept),
		cmocka_unit_test(test_only_what_the_mta_has_is_asked_for),
		cmocka_unit_test(test_xtext_is_decoded),
		cmocka_unit_test(test_sentinels_are_no_names),
		cmocka_unit_test(test_full_names_are_decoded),
		cmocka_unit_test(test_idle_connections_are_small),
		cmocka_unit_test(test_session_ids_differ),
		cmocka_unit_test(test_daily_report),
		cmocka_unit_test(test_dates_are_one_line_at_a_start),
		cmocka_unit_test(test_queue_never_waits),
		cmocka_unit_test(test_queue_bounds_bytes),
		cmocka_unit_test(test_queue_that_is_stuck_is_left),
		cmocka_unit_test(test_log_is_reopened),
		cmocka_unit_test(test_log_keeps_its_file),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_lines_of_threads_are_whole),
		cmocka_unit_test(test_snapshots_under_reload),
		cmocka_unit_test(test_callbacks_without_a_session),
		cmocka_unit_test(test_verdicts_of_no_rule),
	};
	int fd = mkstemp(log_path), status;

	if (fd == -1)
		return 1;
	(void)close(fd);
	status = UNIT_RUN(argc, argv, tests);
	(void)unlink(log_path);
	return status;
}
