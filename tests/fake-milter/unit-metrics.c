/*
 * unit-metrics.c - what is counted, and the text that tells it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <unistd.h>

#include "allocation.h"
#include "fake.h"
#include "milter/delegation.h"
#include "milter/callbacks.h"
#include "milter/load.h"
#include "milter/metrics.h"
#include "base/buffer.h"
#include "base/diag.h"

static char folder[] = "/tmp/tlsward-metrics-XXXXXX";
static const char *const names[] = { "policy.conf", "tlsward.conf" };

static const char policy_text[] =
    "from acme.example { require tls >= 1.2; otherwise reject }\n"
    "from trial.example {\n"
    "	require tls; otherwise reject\n"
    "	monitor until 2099-01-01\n"
    "}\n"
    "from held.example { require tls; otherwise quarantine }\n"
    "from exempt.example { require tls; exempt until 2098-01-01 }\n";

/* ------------------------------------------------------------------ *
 * A service
 * ------------------------------------------------------------------ */

struct bench {
	struct settings *settings;
	struct service service;
	struct metrics_source source;
	struct buffer text;
};

static const char *
write_file(const char *name, const char *text)
{
	static char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
	return path;
}

static struct policy *
make_policy(const struct bench *bench)
{
	struct diags *diags = diags_new();
	struct policy *policy = load_policy(bench->settings, "tlsward.conf", NULL, diags);

	diags_free(&diags);
	assert_non_null(policy);
	return policy;
}

static int
set_up(void **state)
{
	struct diags *diags = diags_new();
	struct bench *bench = calloc(1, sizeof(*bench));
	struct policy *policy;

	assert_non_null(bench);
	(void)write_file("policy.conf", policy_text);
	assert_int_equal(settings_load(write_file("tlsward.conf",
	    "log file:/dev/null\npolicy-service unix:/nowhere\n"), &bench->settings,
	    diags), SETTINGS_LOADED);
	diags_free(&diags);
	policy = make_policy(bench);
	bench->service.settings = bench->settings;
	bench->service.log = log_open(bench->settings, true);
	bench->service.snapshots = snapshots_new(&policy);
	bench->source.service = &bench->service;
	callbacks_serve(&bench->service);
	*state = bench;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(snapshots_references(bench->service.snapshots), 1);
	correlation_free(&bench->service.correlation);
	snapshots_free(&bench->service.snapshots);
	log_free(&bench->service.log);
	settings_free(&bench->settings);
	buffer_free(&bench->text);
	free(bench);
	return fake_faults() > 0 ? 1 : 0;
}

static const char *
render(struct bench *bench, enum metrics_format format)
{
	buffer_clear(&bench->text);
	metrics_write(&bench->source, format, 1800000000123, &bench->text);
	assert_false(bench->text.failed);
	return bench->text.text;
}

/* Whether the text has this line. */
static bool
has_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (; text != NULL; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, line, length) == 0 && text[length] == '\n')
			return true;
		if (*text == '\0')
			break;
	}
	return false;
}

static void
expect(struct bench *bench, const char *line)
{
	if (!has_line(render(bench, METRICS_OPENMETRICS), line))
		fail_msg("no line \"%s\" in\n%s", line, bench->text.text);
}

static size_t
count_lines(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

/* ------------------------------------------------------------------ *
 * The tests
 * ------------------------------------------------------------------ */

static void
test_classes_of_duration(void **state)
{
	static struct histogram histogram;

	(void)state;
	for (size_t i = 0; i < HISTOGRAM_CLASSES - 1; i++) {
		int64_t bound = histogram_bound(i);

		histogram_add(&histogram, bound);
		histogram_add(&histogram, bound + 1);
		/* The bound is its own class's; one more is the next one's. */
		assert_int_equal(atomic_load(&histogram.classes[i]), i == 0 ? 1 : 2);
		assert_int_equal(atomic_load(&histogram.classes[i + 1]), 1);
	}
	assert_true(histogram_bound(HISTOGRAM_CLASSES - 1) == INT64_MAX);
	histogram_add(&histogram, INT64_MAX / 2);
	assert_int_equal(atomic_load(&histogram.classes[HISTOGRAM_CLASSES - 1]), 2);
	histogram_add(&histogram, -5);
	assert_int_equal(atomic_load(&histogram.classes[0]), 2);
}

static void
count_session(struct counters *counters, const char *version, bool local,
    unsigned char *counted)
{
	struct facts facts = FACTS_INIT;

	facts.tls_version = version;
	facts.local = local;
	counters_session(counters, &facts, counted);
}

static void
test_sessions_by_protocol(void **state)
{
	static const struct {
		const char *version;
		enum protocol protocol;
	} cases[] = {
		{ "none", COUNTED_NONE }, { "SSLv3", COUNTED_SSLV3 },
		{ "TLSv1", COUNTED_TLSV1 }, { "TLSv1.1", COUNTED_TLSV1_1 },
		{ "TLSv1.2", COUNTED_TLSV1_2 }, { "TLSv1.3", COUNTED_TLSV1_3 },
		{ NULL, COUNTED_UNKNOWN },
	};
	static const char *const others[] = { "TLSv1.4", "", "tlsv1.3", "TLSv1.3 ",
	    "other", "unknown", "x\"} 1\n", "SSLv2" };
	struct counters *counters = &((struct bench *)*state)->service.counters;
	unsigned char counted = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* Twice the same session: once. */
		count_session(counters, cases[i].version, false, &counted);
		count_session(counters, cases[i].version, false, &counted);
		assert_int_equal(atomic_load(&counters->protocols[cases[i].protocol]), 1);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		counted = 0;
		count_session(counters, others[i], false, &counted);
		assert_int_equal(atomic_load(&counters->protocols[COUNTED_OTHER]), i + 1);
	}
	counted = 0;
	count_session(counters, "none", true, &counted);
	assert_int_equal(atomic_load(&counters->protocols[COUNTED_NONE]), 1);
	assert_int_equal(counted, 0);
}

/* What the verdict takes for clear text is counted as that. */
static void
test_sessions_by_cipher(void **state)
{
	static const struct {
		const char *cipher;
		int bits;
		enum protocol protocol;
	} cases[] = {
		{ "(NONE)", 0, COUNTED_NONE }, { "NULL-SHA256", 0, COUNTED_NONE },
		{ "ECDHE-RSA-NULL-SHA", -1, COUNTED_NONE },
		{ "ECDHE-RSA-AES256-GCM-SHA384", 0, COUNTED_TLSV1_2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct counters counters;
		struct facts facts = FACTS_INIT;
		unsigned char counted = 0;

		memset(&counters, 0, sizeof(counters));
		facts.tls_version = "TLSv1.2";
		facts.cipher = cases[i].cipher;
		facts.bits = cases[i].bits;
		counters_session(&counters, &facts, &counted);
		assert_int_equal(atomic_load(&counters.protocols[cases[i].protocol]), 1);
	}
}

static void
test_formats(void **state)
{
	struct bench *bench = *state;
	const char *text = render(bench, METRICS_OPENMETRICS);

	assert_true(has_line(text, "# TYPE tlsward_exemptions counter"));
	assert_true(has_line(text, "tlsward_exemptions_total 0"));
	assert_true(has_line(text, "# TYPE tlsward_build info"));
	assert_true(has_line(text, "# UNIT tlsward_decision_duration_seconds seconds"));
	assert_string_equal(text + strlen(text) - 7, "\n# EOF\n");
	text = render(bench, METRICS_TEXT);
	assert_true(has_line(text, "# TYPE tlsward_exemptions_total counter"));
	assert_true(has_line(text, "tlsward_exemptions_total 0"));
	assert_true(has_line(text, "# TYPE tlsward_build_info gauge"));
	assert_null(strstr(text, "# UNIT"));
	assert_null(strstr(text, "# EOF"));
}

static void
test_format_is_chosen(void **state)
{
	(void)state;
	assert_int_equal(metrics_choose(NULL), METRICS_OPENMETRICS);
	assert_int_equal(metrics_choose(""), METRICS_OPENMETRICS);
	assert_int_equal(metrics_choose("*/*"), METRICS_OPENMETRICS);
	assert_int_equal(metrics_choose("text/html,*/*;q=0.8"), METRICS_OPENMETRICS);
	assert_int_equal(metrics_choose("application/openmetrics-text;version=1.0.0;q=0.5,"
	    "text/plain;version=0.0.4;q=0.4,*/*;q=0.1"), METRICS_OPENMETRICS);
	assert_int_equal(metrics_choose("Text/Plain"), METRICS_TEXT);
	assert_int_equal(metrics_choose("text/plain;version=0.0.4;q=1,*/*;q=0.1"),
	    METRICS_TEXT);
}

static void
test_histogram_is_cumulative(void **state)
{
	struct bench *bench = *state;
	struct histogram *judging = &bench->service.counters.judging;

	histogram_add(judging, 400);
	histogram_add(judging, 700);
	histogram_add(judging, 3000000000);
	expect(bench, "tlsward_decision_duration_seconds_bucket{le=\"5e-07\"} 1");
	expect(bench, "tlsward_decision_duration_seconds_bucket{le=\"1e-06\"} 2");
	expect(bench, "tlsward_decision_duration_seconds_bucket{le=\"0.01\"} 2");
	expect(bench, "tlsward_decision_duration_seconds_bucket{le=\"+Inf\"} 3");
	expect(bench, "tlsward_decision_duration_seconds_count 3");
	expect(bench, "tlsward_decision_duration_seconds_sum 3.000001100");
}

static void
test_policy_and_its_loading(void **state)
{
	struct bench *bench = *state;
	struct counters *counters = &bench->service.counters;

	counters_loaded(counters, true, 1700000000045, 1500000);
	expect(bench, "tlsward_policy_load_duration_seconds 0.001500000");
	expect(bench, "tlsward_policy_loaded_timestamp_seconds 1700000000.045");
	expect(bench, "tlsward_policy_last_reload_timestamp_seconds 1700000000.045");
	expect(bench, "tlsward_policy_last_reload_successful 1");
	expect(bench, "tlsward_policy_reloads_total{result=\"success\"} 0");
	counters_add(counters, COUNTER_RELOADS_FAILED);
	counters_loaded(counters, false, 1700000001000, 7);
	expect(bench, "tlsward_policy_load_duration_seconds 0.001500000");
	expect(bench, "tlsward_policy_loaded_timestamp_seconds 1700000000.045");
	expect(bench, "tlsward_policy_last_reload_timestamp_seconds 1700000001.000");
	expect(bench, "tlsward_policy_last_reload_successful 0");
	expect(bench, "tlsward_policy_reloads_total{result=\"failure\"} 1");
	counters_add(counters, COUNTER_RELOADS);
	counters_loaded(counters, true, 1700000002000, 2000000000);
	expect(bench, "tlsward_policy_load_duration_seconds 2.000000000");
	expect(bench, "tlsward_policy_loaded_timestamp_seconds 1700000002.000");
	expect(bench, "tlsward_policy_last_reload_successful 1");
	expect(bench, "tlsward_policy_reloads_total{result=\"success\"} 1");
	expect(bench, "tlsward_policy_rules 4");
	expect(bench, "tlsward_policy_listed_entries 0");
}

/* Of the two periods the first counts; there is no certificate, so no sample. */
static void
test_ends(void **state)
{
	struct bench *bench = *state;
	const char *text;

	expect(bench, "tlsward_period_next_end_timestamp_seconds 4039372800");
	text = render(bench, METRICS_OPENMETRICS);
	assert_true(has_line(text,
	    "# TYPE tlsward_certificate_next_expiry_timestamp_seconds gauge"));
	assert_null(strstr(text, "\ntlsward_certificate_next_expiry"));
}

static void
tell_journal(struct journal_store *store, struct journal_stats *stats)
{
	memcpy(stats, store, sizeof(*stats));
}

static bool
tell_nothing(const struct journal_store *store, journal_watched *take, void *context)
{
	(void)store;
	(void)take;
	(void)context;
	return true;
}

static bool
tell_totals(const struct journal_store *store, journal_watched *take, void *context)
{
	(void)store;
	take(context, "below enforced certificate-name", 9);
	take(context, "bytes handshake", 500);
	take(context, "deliveries sent TLSv1.3 verified", 7);
	take(context, "deliveries sent none none", 8);
	take(context, "handshakes in no-common-version", 3);
	take(context, "handshakes in of\"one's-own", 3);
	take(context, "judged met", 11);
	take(context, "lag", 1500);
	take(context, "lines", 100);
	take(context, "lines_unread", 4);
	take(context, "time", 1790000000250);
	take(context, "trouble deferred tls-not-offered", 2);
	return true;
}

static bool
tell_half(const struct journal_store *store, journal_watched *take, void *context)
{
	(void)tell_totals(store, take, context);
	return false;
}

static void
test_watched(void **state)
{
	struct bench *bench = *state;
	struct journal_stats journal = { .queue = 0 };

	bench->source.journal = tell_journal;
	bench->source.watched = tell_half;
	bench->service.journal = (void *)&journal;
	assert_null(strstr(render(bench, METRICS_OPENMETRICS), "watch"));
	bench->source.watched = tell_totals;
	expect(bench, "tlsward_watch_deliveries_total{result=\"sent\",protocol=\"TLSv1.3\","
	    "level=\"verified\"} 7");
	expect(bench, "tlsward_watch_deliveries_total{result=\"sent\",protocol=\"none\","
	    "level=\"none\"} 8");
	expect(bench, "tlsward_watch_handshakes_failed_total{direction=\"in\","
	    "reason=\"no-common-version\"} 3");
	assert_null(strstr(bench->text.text, "one's-own"));
	expect(bench, "tlsward_watch_deliveries_troubled_total{result=\"deferred\","
	    "reason=\"tls-not-offered\"} 2");
	expect(bench, "tlsward_watch_deliveries_judged_total{verdict=\"met\"} 11");
	expect(bench, "tlsward_watch_deliveries_below_total{state=\"enforced\","
	    "reason=\"certificate-name\"} 9");
	expect(bench, "tlsward_watch_lines_total 100");
	expect(bench, "tlsward_watch_lines_unread_total 4");
	expect(bench, "# UNIT tlsward_watch_lag_seconds seconds");
	expect(bench, "tlsward_watch_lag_seconds 1.500");
	expect(bench, "tlsward_watch_last_seen_timestamp_seconds 1790000000.250");
	bench->source.watched = tell_nothing;
	assert_null(strstr(render(bench, METRICS_OPENMETRICS), "watch"));
}

static void
test_journal(void **state)
{
	struct bench *bench = *state;
	struct journal_stats journal = { .queue = 3, .errors = 2, .lost = 1 };

	bench->source.watched = tell_nothing;

	assert_null(strstr(render(bench, METRICS_OPENMETRICS), "journal"));
	bench->source.journal = tell_journal;
	bench->service.journal = (void *)&journal;
	expect(bench, "tlsward_journal_queue_length 3");
	expect(bench, "tlsward_journal_errors_total 2");
	expect(bench, "tlsward_journal_lost_total 1");
}

static sfsistat
send_message(SMFICTX *ctx, const char *from)
{
	sfsistat status = fake_mail(ctx, from);

	if (status == SMFIS_CONTINUE)
		status = fake_rcpt(ctx, "<u@ours.example>");
	if (status == SMFIS_CONTINUE)
		status = fake_data(ctx);
	if (status == SMFIS_CONTINUE)
		status = fake_end(ctx);
	return status;
}

static void
test_milter_counts(void **state)
{
	static const struct fake_options options = { .mta = FAKE_POSTFIX };
	struct bench *bench = *state;
	struct smfiDesc milter = callbacks_description();
	SMFICTX *ctx = fake_new(&milter, &options);

	(void)fake_negotiate(ctx);
	(void)fake_connect(ctx, "c.example", "192.0.2.1", 25000);
	(void)fake_helo(ctx, "c.example");
	assert_int_equal(send_message(ctx, "<a@acme.example>"), SMFIS_REJECT);
	(void)fake_abort(ctx);
	assert_int_equal(send_message(ctx, "<a@trial.example>"), SMFIS_ACCEPT);
	assert_int_equal(send_message(ctx, "<a@held.example>"), SMFIS_ACCEPT);
	assert_int_equal(send_message(ctx, "<a@exempt.example>"), SMFIS_ACCEPT);
	expect(bench, "tlsward_sessions_total{protocol=\"none\"} 1");
	fake_macro(ctx, "{tls_version}", "TLSv1.1");
	fake_macro(ctx, "{cipher}", "AES128-SHA");
	fake_macro(ctx, "{cipher_bits}", "128");
	assert_int_equal(send_message(ctx, "<a@acme.example>"), SMFIS_REJECT);
	(void)fake_abort(ctx);
	assert_int_equal(send_message(ctx, "<a@held.example>"), SMFIS_ACCEPT);
	(void)fake_close(ctx);
	fake_free(&ctx);
	expect(bench, "tlsward_sessions_total{protocol=\"none\"} 1");
	expect(bench, "tlsward_sessions_total{protocol=\"TLSv1.1\"} 1");
	expect(bench, "tlsward_milter_connections_total 1");
	expect(bench, "tlsward_decisions_total{action=\"reject\",reason=\"tls\","
	    "enforced=\"yes\"} 1");
	expect(bench, "tlsward_decisions_total{action=\"reject\",reason=\"tls-version\","
	    "enforced=\"yes\"} 1");
	expect(bench, "tlsward_decisions_total{action=\"reject\",reason=\"tls\","
	    "enforced=\"no\"} 1");
	expect(bench, "tlsward_decisions_total{action=\"quarantine\",reason=\"tls\","
	    "enforced=\"yes\"} 1");
	expect(bench, "tlsward_decisions_total{action=\"accept\",reason=\"none\","
	    "enforced=\"yes\"} 3");
	expect(bench, "tlsward_exemptions_total 1");
	/* SIGUSR1 tells the same. */
	buffer_clear(&bench->text);
	metrics_line(&bench->source, &bench->text);
	assert_non_null(strstr(bench->text.text, "sessions=1 accept=3 quarantine=1 "
	    "tempfail=0 reject=2 would-refuse=1 exempt=1 client=0 tls=2 "
	    "tls-version=1 "));
}

/* A session with a nonce as macro; whether it was counted. */
static bool
counts_session(struct bench *bench, const char *nonce)
{
	static const struct fake_options options = { .mta = FAKE_POSTFIX };
	struct smfiDesc milter = callbacks_description();
	SMFICTX *ctx = fake_new(&milter, &options);
	char *before = strdup(render(bench, METRICS_TEXT));
	bool counted;

	(void)fake_negotiate(ctx);
	fake_macro(ctx, "{tlsward_nonce}", nonce);
	(void)fake_connect(ctx, "c.example", "192.0.2.1", 25000);
	(void)fake_helo(ctx, "c.example");
	assert_int_equal(send_message(ctx, "<a@acme.example>"), SMFIS_REJECT);
	assert_non_null(strstr(fake_reply(ctx), "TLS"));
	(void)fake_abort(ctx);
	assert_int_equal(send_message(ctx, "<a@held.example>"), SMFIS_ACCEPT);
	assert_int_equal(send_message(ctx, "<a@other.example>"), SMFIS_ACCEPT);
	(void)fake_close(ctx);
	fake_free(&ctx);
	counted = strcmp(before, render(bench, METRICS_TEXT)) != 0;
	free(before);
	return counted;
}

/* Doctor's own session is answered and leaves no trace; one of any other nonce does. */
static void
test_doctors_session_is_not_counted(void **state)
{
	struct bench *bench = *state;
	struct nonces *nonces = &bench->service.nonces;
	char nonce[NONCE_SIZE], other[NONCE_SIZE];

	assert_true(counts_session(bench, "0000000000000000"));
	atomic_store(&bench->service.milter_asked, false);
	assert_true(nonces_issue(nonces, nonce) && nonces_issue(nonces, other));
	assert_true(counts_session(bench, "0000000000000000"));
	assert_true(atomic_exchange(&bench->service.milter_asked, false));
	assert_false(counts_session(bench, nonce));
	assert_false(atomic_load(&bench->service.milter_asked));
	assert_true(counts_session(bench, nonce));
	assert_true(nonces_open(nonces));
	atomic_store(&nonces->list[1].until, 0);
	assert_true(counts_session(bench, other));
	assert_false(nonces_open(nonces));
}

static void
test_nonces_are_few(void **state)
{
	struct nonces nonces = { 0 };
	char first[NONCE_SIZE], nonce[NONCE_SIZE];

	(void)state;
	assert_true(nonces_issue(&nonces, first));
	for (int i = 0; i < NONCES_MAX; i++)
		assert_true(nonces_issue(&nonces, nonce));
	assert_int_equal(atomic_load(&nonces.open), NONCES_MAX);
	assert_false(nonces_take(&nonces, first));
	assert_false(nonces_take(&nonces, NULL));
	assert_false(nonces_take(&nonces, ""));
	assert_true(nonces_take(&nonces, nonce));
	assert_false(nonces_take(&nonces, nonce));
	assert_int_equal(atomic_load(&nonces.open), NONCES_MAX - 1);
}

static void
ask(struct bench *bench, struct answer_state *client, int port, const char *from,
    const char *protocol)
{
	struct delegation request = { .state = DELEGATION_EMPTY };
	struct buffer out = BUFFER_INIT;
	char text[512];
	int length = snprintf(text, sizeof(text), "request=smtpd_access_policy\n"
	    "protocol_state=RCPT\nclient_address=192.0.2.7\nclient_port=%d\n"
	    "sender=%s\nrecipient=u@ours.example\ninstance=%d.1.%s\n"
	    "encryption_protocol=%s\n\n", port, from, port, from, protocol);

	(void)delegation_feed(&request, text, (size_t)length);
	assert_true(answer_request(&bench->service, client, &request, &out));
	delegation_clear(&request);
	buffer_free(&out);
}

static void
test_policy_service_counts(void **state)
{
	struct bench *bench = *state;
	struct answer_state client = { .serial = 1 };

	bench->service.correlation = correlation_new();
	ask(bench, &client, 1001, "a@acme.example", "");
	ask(bench, &client, 1001, "a@acme.example", "");
	ask(bench, &client, 1002, "a@acme.example", "");
	ask(bench, &client, 1002, "a@acme.example", "TLSv1.3");
	expect(bench, "tlsward_sessions_total{protocol=\"none\"} 2");
	expect(bench, "tlsward_sessions_total{protocol=\"TLSv1.3\"} 1");
	expect(bench, "tlsward_policy_service_requests_total 4");
	expect(bench, "tlsward_decisions_total{action=\"reject\",reason=\"tls\","
	    "enforced=\"yes\"} 3");
	expect(bench, "tlsward_decisions_total{action=\"accept\",reason=\"none\","
	    "enforced=\"yes\"} 1");
	expect(bench, "tlsward_decision_duration_seconds_count 4");
	expect(bench, "tlsward_milter_connections_total 0");
}

/* How much there is to read does not depend on who sends. */
static void
test_strangers_add_no_lines(void **state)
{
	struct bench *bench = *state;
	size_t before = count_lines(render(bench, METRICS_OPENMETRICS));
	struct answer_state client = { .serial = 1 };
	char from[64], protocol[32];

	bench->service.correlation = correlation_new();
	for (int i = 0; i < 500; i++) {
		(void)snprintf(from, sizeof(from), "a@sub%d.acme.example", i);
		(void)snprintf(protocol, sizeof(protocol), "TLSv%d", i);
		ask(bench, &client, 1000 + i, from, i % 2 == 0 ? "" : protocol);
	}
	assert_int_equal(count_lines(render(bench, METRICS_OPENMETRICS)), before);
	assert_null(strstr(bench->text.text, "example"));
}

static void
test_memory_is_short(void **state)
{
	struct bench *bench = *state;
	long failing = 0;
	bool failed;

	allocation_watch();
	do {
		struct buffer out = BUFFER_INIT;

		allocation_fail(++failing);
		metrics_write(&bench->source, METRICS_TEXT, 0, &out);
		allocation_fail(0);
		failed = out.failed;
		buffer_free(&out);
	} while (failed);
	assert_true(failing > 1);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes_of_duration),
		cmocka_unit_test(test_format_is_chosen),
		TEST(test_sessions_by_protocol),
		TEST(test_sessions_by_cipher),
		TEST(test_formats),
		TEST(test_histogram_is_cumulative),
		TEST(test_policy_and_its_loading),
		TEST(test_ends),
		TEST(test_journal),
		TEST(test_watched),
		TEST(test_milter_counts),
		TEST(test_doctors_session_is_not_counted),
		cmocka_unit_test(test_nonces_are_few),
		TEST(test_policy_service_counts),
		TEST(test_strangers_add_no_lines),
		TEST(test_memory_is_short),
	};
	char path[64];
	int status;

	if (mkdtemp(folder) == NULL)
		return 1;
	status = UNIT_RUN(argc, argv, tests);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
	return status;
}
