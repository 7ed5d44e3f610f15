/*
 * unit-journal.c - the record's writers and the facts' reader.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <jansson.h>

#include "journal/journal.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "base/text.h"

#define NOON_MS INT64_C(1767268800123)	/* 2026-01-01T12:00:00.123Z */
#define HEX64 "9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c"

static const struct verdict accepted = {
	.action = POLICY_ACCEPT, .reported = -1, .would_by = -1
};

static char *
record_text(const struct facts *facts, const struct verdict *verdict,
    enum journal_format format, size_t value_max)
{
	const struct journal_record record = { NOON_MS, facts, verdict };
	struct buffer buffer = BUFFER_INIT;

	journal_record_write(&record, format, value_max, &buffer);
	assert_false(buffer.failed);
	assert_int_equal(strlen(buffer.text), buffer.length);
	return buffer.text;
}

static void
expect_record(const struct facts *facts, const struct verdict *verdict,
    enum journal_format format, const char *expected)
{
	char *text = record_text(facts, verdict, format, 0);

	assert_string_equal(text, expected);
	free(text);
}

/* A HELO as logfmt and JSON write it. */
static void
expect_helo(const char *value, const char *logfmt, const char *json)
{
	const struct facts facts = { .bits = -1, .helo = value };
	struct buffer line = BUFFER_INIT;

	buffer_format(&line, "time=2026-01-01T12:00:00.123Z helo=%s action=accept",
	    logfmt);
	expect_record(&facts, &accepted, JOURNAL_LOGFMT, line.text);
	buffer_clear(&line);
	buffer_format(&line, "{\"time\":\"2026-01-01T12:00:00.123Z\",\"helo\":%s,"
	    "\"action\":\"accept\"}", json);
	expect_record(&facts, &accepted, JOURNAL_JSON, line.text);
	buffer_free(&line);
}

static void
values_are_escaped(void **state)
{
	(void)state;
	expect_helo("mx.acme.example", "mx.acme.example", "\"mx.acme.example\"");
	expect_helo("", "\"\"", "\"\"");
	expect_helo("a b", "\"a b\"", "\"a b\"");
	expect_helo("a=b", "\"a=b\"", "\"a=b\"");
	expect_helo("a\"b", "\"a\\\"b\"", "\"a\\\"b\"");
	expect_helo("a\\b", "\"a\\\\b\"", "\"a\\\\b\"");
	expect_helo("a\nb\rc\td", "\"a\\nb\\rc\\td\"", "\"a\\nb\\rc\\td\"");
	expect_helo("\x01\x1b[31m\x7f", "\"\\u0001\\u001B[31m\\u007F\"",
	    "\"\\u0001\\u001B[31m\\u007F\"");
}

static void
unicode_is_kept_where_it_is_harmless(void **state)
{
	(void)state;
	expect_helo("b\xC3\xBC" "cher", "\"b\xC3\xBC" "cher\"", "\"b\\u00FCcher\"");
	expect_helo("\xF0\x9F\x94\x92", "\"\xF0\x9F\x94\x92\"",
	    "\"\\uD83D\\uDD12\"");
	/* C1, NEL, line and paragraph separators, bidi, marks, BOM. */
	expect_helo("\xC2\x80\xC2\x85\xC2\x9F", "\"\\u0080\\u0085\\u009F\"",
	    "\"\\u0080\\u0085\\u009F\"");
	expect_helo("\xE2\x80\xA8\xE2\x80\xA9", "\"\\u2028\\u2029\"",
	    "\"\\u2028\\u2029\"");
	expect_helo("\xE2\x80\x8E\xE2\x80\x8F\xE2\x80\xAA\xE2\x80\xAE",
	    "\"\\u200E\\u200F\\u202A\\u202E\"", "\"\\u200E\\u200F\\u202A\\u202E\"");
	expect_helo("\xE2\x81\xA6\xE2\x81\xA9\xEF\xBB\xBF\xD8\x9C",
	    "\"\\u2066\\u2069\\uFEFF\\u061C\"", "\"\\u2066\\u2069\\uFEFF\\u061C\"");
	/* Soft hyphen, Hangul filler, what is no character, a tag. */
	expect_helo("\xC2\xAD\xE3\x85\xA4\xEF\xBF\xBF\xF3\xA0\x81\x81",
	    "\"\\u00AD\\u3164\\uFFFF\\uDB40\\uDC41\"",
	    "\"\\u00AD\\u3164\\uFFFF\\uDB40\\uDC41\"");
}

#define BAD "\xEF\xBF\xBD"

static void
broken_utf8_is_replaced(void **state)
{
	(void)state;
	expect_helo("a\xFF" "b", "\"a" BAD "b\"", "\"a\\uFFFDb\"");
	expect_helo("\x80", "\"" BAD "\"", "\"\\uFFFD\"");
	/* Overlong, surrogate, beyond the last plane: one for each maximal part. */
	expect_helo("\xC0\x80", "\"" BAD BAD "\"", "\"\\uFFFD\\uFFFD\"");
	expect_helo("\xED\xA0\x80", "\"" BAD BAD BAD "\"",
	    "\"\\uFFFD\\uFFFD\\uFFFD\"");
	expect_helo("\xF4\x90\x80\x80", "\"" BAD BAD BAD BAD "\"",
	    "\"\\uFFFD\\uFFFD\\uFFFD\\uFFFD\"");
	expect_helo("\xE2\x82", "\"" BAD "\"", "\"\\uFFFD\"");
	expect_helo("\xF0\x9F\x94x", "\"" BAD "x\"", "\"\\uFFFDx\"");
	expect_helo("\xE2\x82\xC3\xBC", "\"" BAD "\xC3\xBC\"", "\"\\uFFFD\\u00FC\"");
}

/* Any value of 4 KB, of any bytes, gives one line that parses. */
static void
long_and_random_values_stay_one_line(void **state)
{
	char value[4097];
	struct facts facts = { .bits = -1, .helo = value };
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		char *text;
		json_t *parsed;

		for (size_t i = 0; i < sizeof value - 1; i++) {
			seed = seed * 1103515245u + 12345u;
			value[i] = (char)(seed >> 16 & 0xFF);
			if (value[i] == '\0')
				value[i] = ' ';
		}
		value[sizeof value - 1] = '\0';
		text = record_text(&facts, &accepted, JOURNAL_JSON, 0);
		parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(parsed);
		json_decref(parsed);
		for (const char *c = text; *c != '\0'; c++)
			assert_int_in_range(*c, 0x20, 0x7E);
		free(text);
		text = record_text(&facts, &accepted, JOURNAL_LOGFMT, 0);
		assert_null(strpbrk(text, "\n\r\t\x1b\x7f"));
		assert_int_equal(text_utf8_length(text, strlen(text)), strlen(text));
		free(text);
	}
}

static void
long_values_are_cut(void **state)
{
	static const char *const names[] = { "one.example", "two.example", NULL };
	struct facts facts = { .bits = -1, .helo = "aaaaaaaa",
		.cert_cn = "\xC3\xBC\xC3\xBC", .cert_san = names, .cert_san_count = 2 };
	char *text;

	(void)state;
	text = record_text(&facts, &accepted, JOURNAL_LOGFMT, 3);
	assert_string_equal(text, "time=202... helo=aaa... cert_cn=\"\xC3\xBC...\" "
	    "cert_san=one... action=acc...");
	free(text);
	facts.helo = facts.cert_cn = NULL;
	text = record_text(&facts, &accepted, JOURNAL_JSON, 24);
	assert_string_equal(text, "{\"time\":\"2026-01-01T12:00:00.123Z\",\"cert_san\":"
	    "[\"one.example\",\"two.example\"],\"action\":\"accept\"}");
	free(text);
	text = record_text(&facts, &accepted, JOURNAL_JSON, 14);
	assert_non_null(strstr(text, "[\"one.example\",\"two...\"]"));
	free(text);
}

static void
all_facts_are_written_in_order(void **state)
{
	static const char *const names[] = { "mx.example", "a,b\\c" };
	const struct facts facts = { .mta = "postfix", .session = "s1",
		.client_addr = "192.0.2.1", .client_port = 2525,
		.client_name = "mx.example", .client_ptr = "ptr.example", .local = true, .helo = "helo",
		.sasl_username = "alice", .from = "", .to = "b@ours.example",
		.to_resolved = "c@ours.example", .nrcpt = 2, .queue_id = "4Z",
		.tls_version = "TLSv1.3", .cipher = "TLS_AES_128_GCM_SHA256", .bits = 0,
		.cert_verified = POLICY_NO, .cert_cn = "", .cert_san = names,
		.cert_san_count = 2, .cert_issuer = "CA", .cert_subject_dn = "/O=x/CN=",
		.cert_issuer_dn = "/CN=CA", .cert_fingerprint = "none",
		.cert_pubkey_fingerprint = "SHA256:" HEX64 };
	struct verdict verdict = accepted;

	(void)state;
	(void)strcpy(verdict.from_domain, "acme.example");
	expect_record(&facts, &verdict, JOURNAL_LOGFMT,
	    "time=2026-01-01T12:00:00.123Z mta=postfix session=s1 "
	    "client_addr=192.0.2.1 client_port=2525 client_name=mx.example "
	    "client_ptr=ptr.example local=yes helo=helo sasl_username=alice from=<> "
	    "to=b@ours.example to_resolved=c@ours.example nrcpt=2 queue_id=4Z "
	    "domain=acme.example tls_version=TLSv1.3 cipher=TLS_AES_128_GCM_SHA256 "
	    "bits=0 cert_verified=no cert_cn=\"\" "
	    "cert_san=\"mx.example,a\\\\,b\\\\\\\\c\" cert_issuer=CA "
	    "cert_subject_dn=\"/O=x/CN=\" cert_issuer_dn=\"/CN=CA\" "
	    "cert_fingerprint=none cert_pubkey_fingerprint=sha256:" HEX64
	    " action=accept");
	expect_record(&facts, &verdict, JOURNAL_JSON,
	    "{\"time\":\"2026-01-01T12:00:00.123Z\",\"mta\":\"postfix\","
	    "\"session\":\"s1\",\"client_addr\":\"192.0.2.1\",\"client_port\":2525,"
	    "\"client_name\":\"mx.example\",\"client_ptr\":\"ptr.example\","
	    "\"local\":\"yes\",\"helo\":\"helo\",\"sasl_username\":\"alice\","
	    "\"from\":\"<>\",\"to\":\"b@ours.example\","
	    "\"to_resolved\":\"c@ours.example\",\"nrcpt\":2,\"queue_id\":\"4Z\","
	    "\"domain\":\"acme.example\",\"tls_version\":\"TLSv1.3\","
	    "\"cipher\":\"TLS_AES_128_GCM_SHA256\",\"bits\":0,"
	    "\"cert_verified\":\"no\",\"cert_cn\":\"\","
	    "\"cert_san\":[\"mx.example\",\"a,b\\\\c\"],\"cert_issuer\":\"CA\","
	    "\"cert_subject_dn\":\"/O=x/CN=\",\"cert_issuer_dn\":\"/CN=CA\","
	    "\"cert_fingerprint\":\"none\","
	    "\"cert_pubkey_fingerprint\":\"sha256:" HEX64 "\","
	    "\"action\":\"accept\"}");
}

static void
a_refusal_says_why(void **state)
{
	const struct facts facts = { .bits = -1, .from = "a@acme.example",
		.tls_version = "none" };
	struct verdict verdict = { .action = POLICY_REJECT, .reason = REASON_TLS,
		.failed = 1u << REASON_TLS, .reported = OUTCOME_FROM, .would_by = -1,
		.contact = "postmaster@acme.example", .note = "see contract" };
	struct policy_outcome *outcome = &verdict.outcome[OUTCOME_FROM];
	char *text;

	(void)state;
	outcome->reason = REASON_TLS;
	outcome->place = (struct policy_place){ "policy.d/acme.conf", 12,
		"acme.example", RULE_FROM };
	text = record_text(&facts, &verdict, JOURNAL_LOGFMT, 0);
	assert_non_null(strstr(text, " from=a@acme.example tls_version=none "
	    "action=reject reason=tls failed=tls rule=policy.d/acme.conf:12 "
	    "rule_kind=from rule_name=acme.example reply=\"530 5.7.0 "));
	assert_non_null(strstr(text,
	    "\" contact=postmaster@acme.example note=\"see contract\""));
	assert_null(strstr(text, "would"));
	free(text);
}

static void
what_a_monitored_rule_would_do_is_written(void **state)
{
	const struct facts facts = { .bits = -1, .from = "a@acme.example" };
	struct verdict verdict = { .action = POLICY_ACCEPT, .reported = OUTCOME_FROM,
		.would = POLICY_TEMPFAIL, .would_by = OUTCOME_TO };

	(void)state;
	verdict.outcome[OUTCOME_FROM].place = (struct policy_place){ "policy.conf", 3,
		NULL, RULE_DEFAULT };
	verdict.outcome[OUTCOME_TO].place = (struct policy_place){ "policy.conf", 9,
		"ours.example", RULE_TO };
	verdict.outcome[OUTCOME_TO].reason = REASON_AEAD;
	verdict.outcome[OUTCOME_TO].failed =
	    1u << REASON_AEAD | 1u << REASON_TLS_VERSION;
	expect_record(&facts, &verdict, JOURNAL_JSON,
	    "{\"time\":\"2026-01-01T12:00:00.123Z\",\"from\":\"a@acme.example\","
	    "\"action\":\"accept\",\"rule\":\"policy.conf:3\","
	    "\"rule_kind\":\"default\",\"enforced\":\"no\",\"would\":\"tempfail\","
	    "\"would_reason\":\"aead\",\"would_failed\":[\"tls-version\",\"aead\"],"
	    "\"would_rule\":\"policy.conf:9\"}");
}

static void
an_exemption_is_written_with_its_reason(void **state)
{
	const struct facts facts = FACTS_INIT;
	struct verdict verdict = accepted;

	(void)state;
	verdict.exempt = true;
	expect_record(&facts, &verdict, JOURNAL_LOGFMT,
	    "time=2026-01-01T12:00:00.123Z action=accept");
	verdict.exempt_reason = "ticket 4711";
	expect_record(&facts, &verdict, JOURNAL_LOGFMT,
	    "time=2026-01-01T12:00:00.123Z action=accept exempt=\"ticket 4711\"");
}

static void
messages_and_errors_are_lines_too(void **state)
{
	struct buffer buffer = BUFFER_INIT;

	(void)state;
	journal_message_write(-1, SEVERITY_ERROR, "a\nb", JOURNAL_LOGFMT, 0, &buffer);
	assert_string_equal(buffer.text,
	    "time=1969-12-31T23:59:59.999Z level=error msg=\"a\\nb\"");
	buffer_clear(&buffer);
	journal_message_write(0, SEVERITY_INFO, "a\xFF", JOURNAL_JSON, 0, &buffer);
	assert_string_equal(buffer.text, "{\"time\":\"1970-01-01T00:00:00.000Z\","
	    "\"level\":\"info\",\"msg\":\"a\\uFFFD\"}");
	buffer_clear(&buffer);
	journal_error_write("say \"x\"", 7, &buffer);
	assert_string_equal(buffer.text, "{\"error\":\"say \\\"x\\\"\",\"line\":7}");
	buffer_clear(&buffer);
	text_visible(&buffer, "\"a\\\x1b\n");
	assert_string_equal(buffer.text, "\"a\\\\u001B\\n");
	buffer_free(&buffer);
	assert_null(buffer.text);
}

/* ------------------------------------------------------------------ *
 * Facts
 * ------------------------------------------------------------------ */

static void
expect_read(struct journal_facts *facts, const char *line)
{
	char error[JOURNAL_ERROR_MAX] = "";

	if (!journal_facts_read(facts, line, strlen(line), error))
		fail_msg("%s: %s", line, error);
}

static void
a_line_of_facts_is_read(void **state)
{
	struct journal_facts *owned = journal_facts_new();
	const struct facts *facts = journal_facts_get(owned);

	(void)state;
	expect_read(owned, "{\"from\":\"\",\"mta\":\"sendmail\",\"bits\":128,"
	    "\"client_port\":\"25\",\"local\":\"yes\",\"cert_verified\":\"no\","
	    "\"cert_san\":[\"a\",\"b\"],\"client_addr\":\"2001:db8::1\","
	    "\"cipher\":null,\"action\":\"reject\",\"time\":1,\"domain\":[]}");
	assert_string_equal(facts->from, "<>");
	assert_string_equal(facts->mta, "sendmail");
	assert_int_equal(facts->bits, 128);
	assert_int_equal(facts->client_port, 25);
	assert_true(facts->local);
	assert_int_equal(facts->cert_verified, POLICY_NO);
	assert_int_equal(facts->cert_san_count, 2);
	assert_string_equal(facts->cert_san[1], "b");
	assert_null(facts->cipher);
	/* The next line starts from nothing. */
	expect_read(owned, "{\"from\":\"a\",\"local\":\"no\"}");
	assert_false(facts->local);
	assert_int_equal(facts->bits, -1);
	assert_null(facts->cert_san);
	journal_facts_free(&owned);
	assert_null(owned);
	journal_facts_free(&owned);
}

static void
expect_error(const char *line, const char *expected)
{
	struct journal_facts *owned = journal_facts_new();
	char error[JOURNAL_ERROR_MAX] = "";

	if (journal_facts_read(owned, line, strlen(line), error))
		fail_msg("%s: taken", line);
	assert_string_equal(error, expected);
	assert_null(journal_facts_get(owned)->from);
	journal_facts_free(&owned);
}

#define FROM "{\"from\":\"a\","

static void
wrong_lines_are_refused(void **state)
{
	(void)state;
	expect_error("[]", "not a JSON object");
	expect_error("3", "not a JSON object");
	expect_error("{}", "from is missing (the null sender is \"<>\")");
	expect_error("{\"from\":null}", "from is missing (the null sender is \"<>\")");
	expect_error("{\"from\":3}", "from must be a string");
	expect_error(FROM "\"tls_verison\":\"x\"}",
	    "unknown fact \"tls_verison\": did you mean \"tls_version\"?");
	expect_error(FROM "\"xyzzy\":1}", "unknown fact \"xyzzy\"");
	expect_error(FROM "\"tls_version\":\"\"}", "tls_version is empty: clear text "
	    "is \"none\"; leave it out when it is unknown");
	expect_error(FROM "\"sasl_username\":\"\"}", "sasl_username is empty: leave it "
	    "out when it is unknown or does not apply");
	expect_error(FROM "\"mta\":\"exim\"}",
	    "mta must be \"postfix\" or \"sendmail\"");
	expect_error(FROM "\"client_addr\":\"[192.0.2.1]\"}",
	    "client_addr must be an IPv4 or IPv6 address");
	expect_error(FROM "\"helo\":\"a\\u0000b\"}", "helo holds a NUL");
	expect_error(FROM "\"cert_san\":[\"a\\u0000b\"]}", "cert_san holds a NUL");
	expect_error(FROM "\"cert_san\":\"a\"}", "cert_san must be a list of strings");
	expect_error(FROM "\"cert_san\":[1]}", "cert_san must be a list of strings");
	expect_error(FROM "\"local\":true}", "local must be \"yes\" or \"no\"");
	expect_error(FROM "\"cert_verified\":\"maybe\"}",
	    "cert_verified must be \"yes\" or \"no\"");
	expect_error(FROM "\"helo\":{}}", "helo must be a string");
	expect_error(FROM "\"from\":\"b\"}",
	    "not valid JSON at column 18: duplicate object key near '\"from\"'");
}

static void
wrong_numbers_are_refused(void **state)
{
	static const char *const wrong[] = { "-1", "65536", "1.0", "\"\"", "\"1x\"",
		"\" 1\"", "\"99999999999999999999\"", "true", "[]" };
	char line[100];

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		(void)snprintf(line, sizeof line, FROM "\"bits\":%s}", wrong[i]);
		expect_error(line, "bits must be an integer from 0 to 65535");
	}
	expect_error(FROM "\"nrcpt\":-1}",
	    "nrcpt must be an integer from 0 to 2147483647");
}

static void
broken_json_is_refused(void **state)
{
	static const char *const lines[] = { "{", "{\"from\":\"a\"", "nonsense",
		"{\"from\":\"a\"} x", "{\"from\":\"\xFF\"}", "{\"from\":\"\xC0\x80\"}",
		"{\"from\":\"\\ud800\"}", "{'from':'a'}", "{\"from\":\"a\",}",
		"{\"bits\":99999999999999999999}" };
	struct journal_facts *owned = journal_facts_new();
	char error[JOURNAL_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		assert_false(journal_facts_read(owned, lines[i], strlen(lines[i]),
		    error));
		assert_memory_equal(error, "not valid JSON at column ", 25);
	}
	assert_false(journal_facts_read(owned, "{\"from\":\"a\0\"}", 13, error));
	journal_facts_free(&owned);
}

static void
digests_are_checked(void **state)
{
	static const char *const good[] = { "none", HEX64, "sha256:" HEX64,
		"SHA256:" HEX64,
		"sha1:0123456789012345678901234567890123456789",
		"0123456789abcdef0123456789ABCDEF",
		"md5:01:23:45:67:89:ab:cd:ef:01:23:45:67:89:ab:cd:ef",
		"01:23:45:67:89:ab:cd:ef:01:23:45:67:89:ab:cd:ef",
		"sha512:" HEX64 HEX64 };
	static const char *const bad[] = { "", "x", "sha256:", "sha256:" HEX64 "00",
		"sha1:" HEX64, "sha256:0123456789abcdef0123456789abcdef", HEX64 "0",
		"0123456789abcdef", "0123456789abcdef0123456789abcdeg",
		"md5::0123456789abcdef0123456789abcdef",
		"0:1:23456789abcdef0123456789abcdef0" };
	struct journal_facts *owned = journal_facts_new();
	char error[JOURNAL_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!journal_facts_set(owned, "cert_fingerprint", good[i], error))
			fail_msg("%s: %s", good[i], error);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (journal_facts_set(owned, "cert_pubkey_fingerprint", bad[i], error))
			fail_msg("%s: taken", bad[i]);
		assert_string_equal(error, "cert_pubkey_fingerprint must be a digest "
		    "(\"sha256:\" and 64 hex digits) or \"none\"");
	}
	journal_facts_free(&owned);
}

static void
facts_are_set_from_text(void **state)
{
	struct journal_facts *owned = journal_facts_new();
	const struct facts *facts = journal_facts_get(owned);
	struct buffer buffer = BUFFER_INIT;
	char error[JOURNAL_ERROR_MAX];

	(void)state;
	assert_true(journal_facts_set(owned, "from", "", error));
	assert_string_equal(facts->from, "<>");
	assert_true(journal_facts_set(owned, "cert_san", "a,b\\,c\\\\,", error));
	assert_int_equal(facts->cert_san_count, 2);
	assert_string_equal(facts->cert_san[1], "b,c\\");
	assert_true(journal_facts_set(owned, "cert_san", "", error));
	assert_int_equal(facts->cert_san_count, 0);
	assert_non_null(facts->cert_san);
	assert_true(journal_facts_set(owned, "helo", "a\xFF", error));
	assert_true(journal_fact_text(facts, "helo", &buffer));
	assert_string_equal(buffer.text, "a" BAD);
	assert_false(journal_fact_text(facts, "cipher", &buffer));
	assert_true(journal_facts_set(owned, "reason", "x", error));
	assert_false(journal_facts_set(owned, "form", "a", error));
	assert_string_equal(error, "unknown fact \"form\": did you mean \"from\"?");
	assert_false(journal_facts_set(owned, "bits", "many", error));
	journal_facts_clear(owned);
	assert_null(facts->from);
	buffer_free(&buffer);
	journal_facts_free(&owned);
}

static void
every_fact_has_a_name(void **state)
{
	const struct facts facts = FACTS_INIT;
	struct buffer buffer = BUFFER_INIT;
	size_t count = 0;

	(void)state;
	for (; journal_fact_name(count) != NULL; count++)
		assert_false(journal_fact_text(&facts, journal_fact_name(count),
		    &buffer));
	assert_int_equal(count, 34);
	assert_string_equal(journal_fact_name(0), "mta");
	assert_int_equal(buffer.length, 0);
	buffer_free(&buffer);
}

/* A value that the fact called "name" takes. */
static void
set_some_value(struct journal_facts *facts, const char *name)
{
	static const char *const values[] = {
		"yes", "7", "192.0.2.7", "postfix", "none", "2026-01-31T12:00:00Z",
		"ok", "out"
	};
	char error[JOURNAL_ERROR_MAX];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (journal_facts_set(facts, name, values[i], error))
			return;
	fail_msg("%s takes none of the values: %s", name, error);
}

static void
expect_same_facts(const struct facts *facts, const struct facts *other)
{
	struct buffer text = BUFFER_INIT, same = BUFFER_INIT;
	const char *name;

	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++) {
		buffer_format(&text, "%s=", name);
		assert_true(journal_fact_text(facts, name, &text));
		buffer_format(&same, "%s=", name);
		assert_true(journal_fact_text(other, name, &same));
	}
	assert_string_equal(text.text, same.text);
	buffer_free(&text);
	buffer_free(&same);
}

/* Whatever facts there are: the copy has them all, and borrows none. */
static void
a_copy_of_facts_has_all_of_them(void **state)
{
	struct journal_facts *facts = journal_facts_new(), *again = journal_facts_new();
	struct facts copy;
	const char *name;
	char *room;
	size_t size;

	(void)state;
	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++) {
		set_some_value(facts, name);
		set_some_value(again, name);
	}
	size = facts_copy_size(journal_facts_get(facts));
	/* At whatever address the room begins. */
	for (size_t off = 0; off < 8; off++) {
		room = malloc(size + off);
		assert_non_null(room);
		facts_copy(&copy, journal_facts_get(facts), room + off);
		if (off == 7)
			journal_facts_free(&facts);
		expect_same_facts(&copy, journal_facts_get(again));
		free(room);
	}
	journal_facts_free(&again);
}

static void
a_copy_of_unknown_facts_knows_nothing(void **state)
{
	const struct facts unknown = FACTS_INIT;
	struct buffer text = BUFFER_INIT;
	struct facts copy;
	char room[64];

	(void)state;
	assert_true(facts_copy_size(&unknown) <= sizeof(room));
	facts_copy(&copy, &unknown, room);
	for (size_t i = 0; journal_fact_name(i) != NULL; i++)
		assert_false(journal_fact_text(&copy, journal_fact_name(i), &text));
	buffer_free(&text);
}

static void
expect_field(const struct facts *facts, const struct verdict *verdict,
    const char *name, const char *expected)
{
	const struct journal_record record = { NOON_MS, facts, verdict };
	struct buffer buffer = BUFFER_INIT;

	buffer_string(&buffer, "");
	assert_int_equal(journal_record_text(&record, name, &buffer), expected != NULL);
	assert_string_equal(buffer.text, expected != NULL ? expected : "");
	buffer_free(&buffer);
}

static void
fields_are_given_as_they_are(void **state)
{
	static const char *const names[] = { "a.example", "b, c" };
	const struct facts facts = {
		.from = "", .helo = "a\"\n", .bits = 128, .cert_san = names,
		.cert_san_count = 2
	};
	struct verdict verdict = accepted;

	(void)state;
	verdict.failed = 1u << REASON_BITS | 1u << REASON_TLS_VERSION;
	expect_field(&facts, &verdict, "time", "2026-01-01T12:00:00.123Z");
	expect_field(&facts, &verdict, "from", "<>");
	expect_field(&facts, &verdict, "helo", "a\"\n");
	expect_field(&facts, &verdict, "bits", "128");
	expect_field(&facts, &verdict, "cert_san", "a.example,b, c");
	expect_field(&facts, &verdict, "action", "accept");
	expect_field(&facts, &verdict, "failed", "tls-version,bits");
	expect_field(&facts, &verdict, "would", NULL);
	expect_field(&facts, &verdict, "cipher", NULL);
	expect_field(&facts, &verdict, "nonsense", NULL);
}

static void
every_result_has_a_name(void **state)
{
	const char *name;
	size_t count = 0;

	(void)state;
	for (; (name = journal_result_name(count)) != NULL; count++)
		for (size_t i = 0; journal_fact_name(i) != NULL; i++)
			assert_string_not_equal(name, journal_fact_name(i));
	assert_string_equal(journal_result_name(0), "time");
	assert_string_equal(journal_result_name(count - 1), "note");
}

static void
a_record_tells_what_came_out(void **state)
{
	static const char line[] = "{\"from\":\"a\",\"action\":\"reject\","
	    "\"failed\":[\"tls\"],\"reason\":null}";
	struct journal_facts *facts = journal_facts_new();
	char error[JOURNAL_ERROR_MAX];

	(void)state;
	assert_non_null(facts);
	assert_null(journal_facts_result(facts, "action"));
	assert_true(journal_facts_read(facts, line, strlen(line), error));
	assert_string_equal(journal_facts_result(facts, "action"), "reject");
	assert_null(journal_facts_result(facts, "failed"));
	assert_null(journal_facts_result(facts, "reason"));
	assert_null(journal_facts_result(facts, "would"));
	assert_null(journal_facts_result(facts, "from"));
	assert_null(journal_facts_result(facts, "nonsense"));
	assert_true(journal_facts_set(facts, "helo", "x", error));
	assert_string_equal(journal_facts_result(facts, "action"), "reject");
	journal_facts_clear(facts);
	assert_true(journal_facts_set(facts, "from", "a", error));
	assert_null(journal_facts_result(facts, "action"));
	journal_facts_free(&facts);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(unicode_is_kept_where_it_is_harmless),
		cmocka_unit_test(broken_utf8_is_replaced),
		cmocka_unit_test(long_and_random_values_stay_one_line),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(all_facts_are_written_in_order),
		cmocka_unit_test(a_refusal_says_why),
		cmocka_unit_test(what_a_monitored_rule_would_do_is_written),
		cmocka_unit_test(an_exemption_is_written_with_its_reason),
		cmocka_unit_test(messages_and_errors_are_lines_too),
		cmocka_unit_test(a_line_of_facts_is_read),
		cmocka_unit_test(wrong_lines_are_refused),
		cmocka_unit_test(wrong_numbers_are_refused),
		cmocka_unit_test(broken_json_is_refused),
		cmocka_unit_test(digests_are_checked),
		cmocka_unit_test(facts_are_set_from_text),
		cmocka_unit_test(every_fact_has_a_name),
		cmocka_unit_test(a_copy_of_facts_has_all_of_them),
		cmocka_unit_test(a_copy_of_unknown_facts_knows_nothing),
		cmocka_unit_test(every_result_has_a_name),
		cmocka_unit_test(fields_are_given_as_they_are),
		cmocka_unit_test(a_record_tells_what_came_out)
	};

	return UNIT_RUN(argc, argv, tests);
}
