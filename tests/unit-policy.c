/*
 * unit-policy.c - the functions of policy/ that cases do not reach.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/policy-text.h"

#include "policy/pattern.h"
#include "base/arena.h"
#include "base/array.h"
#include "base/date.h"
#include "base/diag.h"
#include "base/suggest.h"

#define HEX40 "0123456789abcdef0123456789abcdef01234567"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
dates(void **state)
{
	static const struct {
		const char *text;
		int64_t when;
	} good[] = {
		{ "1970-01-01", 0 }, { "1969-12-31", -86400 },
		{ "2000-02-29", INT64_C(951782400) },
		{ "2026-06-15", JUNE_2026 },
		{ "0001-01-01", INT64_C(-62135596800) },
		{ "9999-12-31", INT64_C(253402214400) },
		{ "2100-03-01", INT64_C(4107542400) }
	};
	static const char *const bad[] = {
		"", "2026", "2026-6-15", "2026-06-15 ", " 2026-06-15", "2026/06/15",
		"2026-00-10", "2026-13-01", "2026-01-00", "2026-01-32", "2026-04-31",
		"2025-02-29", "1900-02-29", "0000-01-01", "-001-01-01", "+026-06-15",
		"2026-06-1x", "20260615", "2026-06-015", "2026-0x-15"
	};
	int64_t when = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(date_read_day(good[i].text, &when));
		assert_int_equal(when, good[i].when);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (date_read_day(bad[i], &when))
			fail_msg("\"%s\" is taken as a date", bad[i]);
}

static const char *
suggest(const char *word)
{
	static const char *const words[] = {
		"tls", "bits", "forward-secrecy", "certificate", "name", "no"
	};

	return suggest_word(word, strlen(word), words, sizeof(words) / sizeof(words[0]));
}

static void
suggestions(void **state)
{
	static const char *const words[] = { "abcd", "abce" };

	(void)state;
	assert_string_equal(suggest("tls"), "tls");
	assert_string_equal(suggest("TLS"), "tls");
	assert_string_equal(suggest("tsl"), "tls");
	assert_string_equal(suggest("forward_secrecy"), "forward-secrecy");
	assert_string_equal(suggest("forwardsecrecy"), "forward-secrecy");
	assert_string_equal(suggest("certifcate"), "certificate");
	assert_string_equal(suggest("Certifikat"), "certificate");
	assert_null(suggest(""));
	assert_null(suggest("x"));
	assert_null(suggest("xyzzy-plugh"));
	assert_null(suggest("a word that is longer than any that can be a keyword"));
	/* Not terminated: only "length" bytes are read. */
	assert_string_equal(suggest_word("abcdX", 4, words, 2), "abcd");
	/* Of two as close the first. */
	assert_string_equal(suggest_word("abcf", 4, words, 2), "abcd");
	assert_null(suggest_word("abcd", 4, words, 0));
}

static void
expect_digest(const char *text, const char *expected)
{
	char out[72];

	if (!policy_fingerprint_normalize(text, out, sizeof(out)))
		fail_msg("\"%s\" is taken for none", text);
	assert_string_equal(out, expected);
}

static void
fingerprints(void **state)
{
	static const char *const bad[] = {
		"", ":", "none", "xx", "sha256:", "sha1:", "sha256:" HEX40, "sha1:" HEX64,
		"sha512:" HEX64, "md5:0123456789abcdef0123456789abcdef", HEX64 "0",
		HEX64 "00", HEX40 ":", ":" HEX40, HEX64 "\n", " " HEX64, "sha256: " HEX64,
		"sha256:sha256:" HEX64, "0123456789abcdef0123456789abcdef", "01::23",
		"01:2:3"
	};
	char out[72];

	(void)state;
	expect_digest(HEX64, "sha256:" HEX64);
	expect_digest(HEX40, "sha1:" HEX40);
	expect_digest("sha256:" HEX64, "sha256:" HEX64);
	expect_digest("SHA1:" HEX40, "sha1:" HEX40);
	expect_digest("01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:ef:01:23:45:67",
	    "sha1:" HEX40);
	expect_digest("sha1:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:ef:01:23:45:67",
	    "sha1:" HEX40);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (policy_fingerprint_normalize(bad[i], out, sizeof(out)))
			fail_msg("\"%s\" is taken as %s", bad[i], out);
	/* Room for the sha1 alone. */
	assert_true(policy_fingerprint_normalize(HEX40, out, sizeof("sha1:" HEX40)));
	assert_false(policy_fingerprint_normalize(HEX64, out, sizeof("sha1:" HEX40)));
}

static void
anchors(void **state)
{
	static const char *const anchored[] = {
		"^a$", "\\Aa\\z", "^a\\Z", "^a$|^b$", "^(a|b)$", "^[|]$", "^[]|]$",
		"^[^]|]$", "^\\|$", "^a\\$$", "^[\\]|]$", "^$"
	};
	static const char *const open[] = {
		"", "a", "^a", "a$", "^a|b$", "^a$|b", "a|^b$", "^a\\$", "\\^a$",
		"^a[$]", "[^]a$", "^a$|", "|^a$", "^a\\\\\\$", "(^a$)b"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(anchored) / sizeof(anchored[0]); i++)
		if (!pattern_anchored(anchored[i]))
			fail_msg("/%s/ is taken as open", anchored[i]);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (pattern_anchored(open[i]))
			fail_msg("/%s/ is taken as anchored", open[i]);
}

static void
arena_gives_aligned_zeroed_memory(void **state)
{
	struct arena arena = { 0 };
	unsigned char *last = NULL;

	(void)state;
	for (size_t size = 0; size < 3000; size += 7) {
		unsigned char *memory = arena_alloc(&arena, size);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xff, size);
		assert_ptr_not_equal(memory, last);
		last = size > 0 ? memory : last;
		assert_string_equal(arena_text(&arena, "abc\0def", 3), "abc");
	}
	assert_non_null(arena_alloc(&arena, 1 << 20));
	assert_false(arena.failed);
	assert_null(arena_alloc(&arena, SIZE_MAX - 8));
	assert_true(arena.failed);
	arena_release(&arena);
	arena_release(&arena);
}

static void
arrays_grow(void **state)
{
	size_t room = 0;
	int *array = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(array_reserve(array, (size_t)i + 1, &room));
		assert_true(room > (size_t)i);
		array[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(array[i], i);
	room = SIZE_MAX / 4;
	assert_false(array_reserve(array, room + 1, &room));
	assert_int_equal(room, SIZE_MAX / 4);
	free(array);
}

static void
diagnostics(void **state)
{
	struct diags *diags = diags_new();
	const struct diag *diag;

	(void)state;
	assert_non_null(diags);
	assert_int_equal(diags_count(diags), 0);
	assert_null(diags_at(diags, 0));
	diags_add(diags, SEVERITY_WARNING, NULL, "a.conf", 3, 4, "line three, and more", 10,
	    "a %s of %d", "warning", 1);
	diags_add(diags, SEVERITY_ERROR, NULL, "b.conf", 0, 0, NULL, 0, "an error");
	assert_int_equal(diags_count(diags), 2);
	assert_int_equal(diags_errors(diags), 1);
	assert_null(diags_at(diags, 2));
	diag = diags_at(diags, 0);
	assert_non_null(diag);
	assert_int_equal(diag->severity, SEVERITY_WARNING);
	assert_string_equal(diag->file, "a.conf");
	assert_int_equal(diag->line, 3);
	assert_int_equal(diag->column, 4);
	assert_string_equal(diag->message, "a warning of 1");
	assert_string_equal(diag->source, "line three");
	diag = diags_at(diags, 1);
	assert_non_null(diag);
	assert_null(diag->source);
	diags_free(&diags);
	assert_null(diags);
	diags_free(&diags);
	diags_free(NULL);
}

static void
addresses_that_are_the_same(void **state)
{
	static const char *const same[][2] = {
		{ "a@acme.example", "A@ACME.example." }, { "<>", "" },
		{ "\"a\"@acme.example", "<@relay.example:a@acme.example>" },
		{ "a@b\xC3\xBC" "cher.example", "a@xn--bcher-kva.example" },
		{ "postmaster", "\"PostMaster\"" }
	};
	static const char *const different[][2] = {
		{ "a@acme.example", "b@acme.example" }, { "a@acme.example", "a@acme.test" },
		{ "a@acme.example", "a" }, { "", "a" }, { "a", "a@" },
		{ "a@acme.example", "a+b@acme.example" }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (!policy_same_address(same[i][0], same[i][1]))
			fail_msg("%s is not %s", same[i][0], same[i][1]);
	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++)
		if (policy_same_address(different[i][0], different[i][1]))
			fail_msg("%s is %s", different[i][0], different[i][1]);
}

static void
expect_shown(const char *source, unsigned column, const char *expected)
{
	struct diag diag = {
		.severity = SEVERITY_ERROR, .file = "f", .line = 7, .column = column,
		.message = "m", .source = source
	};
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	diag_print(&diag, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void
diagnostics_are_shown_with_a_caret(void **state)
{
	(void)state;
	expect_shown(NULL, 3, "f:7:3: error: m\n");
	expect_shown("abc", 1, "f:7:1: error: m\nabc\n^\n");
	expect_shown("abc", 4, "f:7:4: error: m\nabc\n   ^\n");
	expect_shown("\ta\tb", 4, "f:7:4: error: m\n\ta\tb\n\t \t^\n");
	expect_shown("\xC3\xBC" "b", 2, "f:7:2: error: m\n\xC3\xBC" "b\n ^\n");
	expect_shown("\x1b[31m\x7f", 2, "f:7:2: error: m\n?[31m?\n ^\n");
	expect_shown("", 1, "f:7:1: error: m\n\n^\n");
	expect_shown("ab", 5, "f:7:5: error: m\nab\n    ^\n");
}

static void
a_whole_file_has_no_line(void **state)
{
	const struct diag diag = {
		.severity = SEVERITY_WARNING, .file = "f", .message = "m"
	};
	char text[64] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	diag_print(&diag, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "f: warning: m\n");
}

static void
a_very_long_diagnostic_is_cut(void **state)
{
	struct diags *diags = diags_new();
	char *word = malloc(100001);

	(void)state;
	assert_non_null(diags);
	assert_non_null(word);
	memset(word, 'x', 100000);
	word[100000] = '\0';
	diags_add(diags, SEVERITY_ERROR, NULL, "f", 1, 1, word, 100000, "\"%s\"", word);
	assert_true(strlen(diags_at(diags, 0)->message) > 500);
	assert_int_equal(strlen(diags_at(diags, 0)->source), 100000);
	free(word);
	diags_free(&diags);
}

static void
unreadable_and_invalid_policies_are_none(void **state)
{
	struct diags *diags = diags_new();
	struct policy *policy = (struct policy *)diags;
	char path[32];
	int fd;

	(void)state;
	assert_non_null(diags);
	assert_int_equal(policy_load("/nonesuch/policy.conf", &policy, diags),
	    POLICY_UNREADABLE);
	assert_null(policy);
	assert_int_equal(diags_errors(diags), 1);
	policy_text_file("from", 4, &fd, path);
	policy = (struct policy *)diags;
	assert_int_equal(policy_load(path, &policy, diags), POLICY_INVALID);
	assert_null(policy);
	assert_int_equal(diags_errors(diags), 2);
	(void)close(fd);
	policy_free(&policy);
	policy_free(NULL);
	diags_free(&diags);
}

static void
summaries(void **state)
{
	struct policy_summary summary;
	struct policy *policy = policy_text_load("");

	(void)state;
	policy_summarize(policy, &summary);
	assert_int_equal(summary.rules, 0);
	assert_false(summary.has_default);
	assert_false(summary.has_to_rules);
	policy_free(&policy);
	policy = policy_text_load("default { require certificate }\n"
	    "to a.example .a.example { exempt }\nfrom <> { }\n");
	policy_summarize(policy, &summary);
	assert_int_equal(summary.rules, 3);
	assert_int_equal(summary.listed, 0);
	assert_true(summary.has_default);
	assert_true(summary.has_to_rules);
	assert_true(summary.has_to_exempt);
	assert_true(summary.needs_certificate);
	assert_false(summary.needs_fingerprint);
	policy_free(&policy);
	policy = policy_text_load("from <> { require certificate fingerprint sha1:"
	    HEX40 " }\nto a.example .a.example { }\n");
	policy_summarize(policy, &summary);
	assert_false(summary.has_default);
	assert_false(summary.has_to_exempt);
	assert_true(summary.needs_certificate);
	assert_true(summary.needs_fingerprint);
	assert_true(summary.uses_fingerprint);
	assert_false(summary.needs_known);
	policy_free(&policy);
}

static void
names_of_enumerations(void **state)
{
	(void)state;
	assert_string_equal(policy_action_name(POLICY_ACCEPT), "accept");
	assert_string_equal(policy_action_name(POLICY_REJECT), "reject");
	assert_string_equal(policy_reason_name(REASON_CERTIFICATE_FINGERPRINT),
	    "certificate-fingerprint");
	assert_string_equal(policy_reason_name(REASON_UNKNOWN_FACT), "unknown-fact");
	assert_string_equal(policy_rule_kind_name(RULE_CLIENT), "client");
	assert_string_equal(policy_rule_kind_name(RULE_DEFAULT), "default");
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		assert_true(*policy_kind_name((enum policy_reason)kind) != '\0');
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates),
		cmocka_unit_test(suggestions),
		cmocka_unit_test(fingerprints),
		cmocka_unit_test(anchors),
		cmocka_unit_test(addresses_that_are_the_same),
		cmocka_unit_test(arena_gives_aligned_zeroed_memory),
		cmocka_unit_test(arrays_grow),
		cmocka_unit_test(diagnostics),
		cmocka_unit_test(diagnostics_are_shown_with_a_caret),
		cmocka_unit_test(a_whole_file_has_no_line),
		cmocka_unit_test(a_very_long_diagnostic_is_cut),
		cmocka_unit_test(unreadable_and_invalid_policies_are_none),
		cmocka_unit_test(summaries),
		cmocka_unit_test(names_of_enumerations)
	};

	return UNIT_RUN(argc, argv, tests);
}
