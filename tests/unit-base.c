/*
 * unit-base.c - base/, with memory that runs short at each of its allocations.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/intern.h"
#include "base/limiter.h"
#include "base/netstring.h"
#include "base/suggest.h"
#include "base/table.h"
#include "base/tape.h"
#include "base/text.h"
#include "tests/fake-milter/allocation.h"

#define DAY INT64_C(86400)
#define EXPIRES INT64_C(4733510400)	/* 2120-01-01T00:00:00Z */
#define JUNE_2026 INT64_C(1781481600)	/* 2026-06-15T00:00:00Z */

/* Does it with every allocation failing in turn, until there are no more. */
static void
fail_each(bool (*work)(void))
{
	bool done = false;

	for (long n = 1; !done; n++) {
		allocation_fail(n);
		done = work();
		assert_true(n < 1000);
		assert_true(done == (allocation_count() < n));
		assert_int_equal(allocation_live(), 0);
	}
	allocation_fail(0);
}

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

static void
times(void **state)
{
	static const struct {
		const char *text;
		int64_t when;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 }, { "2026-06-15T00:00:00Z", JUNE_2026 },
		{ "2026-06-15t01:02:03z", JUNE_2026 + 3723 },
		{ "2026-06-15T01:02:03.999Z", JUNE_2026 + 3723 },
		{ "2026-06-15T02:30:00+02:30", JUNE_2026 },
		{ "2026-06-14T22:00:00.0-02:00", JUNE_2026 }
	};
	static const char *const bad[] = {
		"", "2026-06-15", "2026-06-15T00:00:00", "2026-06-15 00:00:00Z",
		"2026-06-15T24:00:00Z", "2026-06-15T00:60:00Z", "2026-06-15T00:00:61Z",
		"2026-06-31T00:00:00Z", "2026-06-15T00:00:00.Z", "2026-06-15T00:00:00ZZ",
		"2026-06-15T00:00:00+2:00", "2026-06-15T00:00:00+24:00",
		"2026-06-15T00:00:00+00:60", "2026-06-15T00-00:00Z"
	};
	char text[21];
	int64_t when;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(date_read_time(good[i].text, &when));
		assert_int_equal(when, good[i].when);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (date_read_time(bad[i], &when))
			fail_msg("%s is taken for a time", bad[i]);
	for (when = 0; when < EXPIRES * 2; when += DAY * 13 + 4567) {
		int64_t again;

		date_write_time(when, text);
		assert_true(date_read_time(text, &again));
		assert_int_equal(again, when);
	}
	date_write_time(-1, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	date_write_time(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
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
	/* Words that nobody mistypes ours as. */
	assert_string_equal(suggest("PFS"), "forward-secrecy");
	assert_string_equal(suggest("starttls"), "tls");
	assert_string_equal(suggest("subject"), "name");
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
	assert_int_in_range(strlen(diags_at(diags, 0)->source), 80, 200);
	free(word);
	diags_free(&diags);
}

/* What is under the caret. */
static void
assert_caret(const struct diag *diag, const char *expected)
{
	const char *at = diag->source;

	for (int column = diag->skipped + 1; column < (int)diag->column; column++)
		do
			at++;
		while (!text_begins(*at));
	assert_memory_equal(at, expected, strlen(expected));
}

/* Only what is around the place, and the caret is under it. */
static void
a_long_line_is_cut_around_its_place(void **state)
{
	static const char sign[] = "\xc3\xa4";
	const unsigned columns[] = { 1, 2, 700, 40000, 79999, 80000, 80001, 90000 };
	struct diags *diags = diags_new();
	char *line = malloc(160001);

	(void)state;
	assert_non_null(diags);
	assert_non_null(line);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		const struct diag *diag;
		size_t place = ((size_t)columns[i] - 1) * 2;

		for (size_t at = 0; at < 160000; at += 2)
			memcpy(line + at, at == place ? "!!" : sign, 2);
		/* Of the place's two signs only the first is at the column. */
		diags_add(diags, SEVERITY_ERROR, NULL, "f", 1, columns[i], line, 160000,
		    "m");
		diag = diags_at(diags, i);
		assert_int_in_range(strlen(diag->source), 80, 200);
		assert_true(diag->skipped < (int)columns[i]);
		if (columns[i] <= 80000)
			assert_caret(diag, "!!");
	}
	free(line);
	diags_free(&diags);
}

static void
count_shown(const struct diag *diag, void *to)
{
	size_t *counts = to;

	counts[diag->file == NULL ? 3 : diag->severity]++;
}

/* Of each kind the first ones; but all with "all". */
static void
diagnostics_are_limited(void **state)
{
	struct diags *diags = diags_new();
	size_t shown[4] = { 0 };

	(void)state;
	assert_non_null(diags);
	for (unsigned i = 1; i <= 30; i++) {
		diags_add(diags, SEVERITY_WARNING, "one", "f", i, 1, NULL, 0, "w");
		diags_add(diags, SEVERITY_ERROR, NULL, "f", i, 2, NULL, 0, "e");
		if (i <= DIAGS_OF_KIND)
			diags_add(diags, SEVERITY_WARNING, "two", "f", i, 3, NULL, 0, "v");
		if (i == 1)
			diags_add(diags, SEVERITY_INFO, NULL, "f", i, 3, NULL, 0, "i");
	}
	diags_show(diags, false, count_shown, shown);
	assert_int_equal(shown[SEVERITY_INFO], 1);
	assert_int_equal(shown[SEVERITY_WARNING], 2 * DIAGS_OF_KIND);
	assert_int_equal(shown[SEVERITY_ERROR], DIAGS_ERRORS);
	assert_int_equal(shown[3], 2);
	diags_show(diags, true, count_shown, shown);
	assert_int_equal(shown[SEVERITY_WARNING], 3 * DIAGS_OF_KIND + 30);
	assert_int_equal(shown[SEVERITY_ERROR], DIAGS_ERRORS + 30);
	assert_int_equal(shown[3], 2);
	assert_int_equal(diags_count(diags), 66);
	assert_int_equal(diags_warnings(diags), 35);
	diags_free(&diags);
}

static void
lost_diagnostics_are_counted(void **state)
{
	struct diags *diags = diags_new();
	static char text[200000];
	const char *end;
	FILE *out;

	(void)state;
	assert_non_null(diags);
	diags_add(diags, SEVERITY_ERROR, NULL, "f", 1, 1, NULL, 0, "kept");
	for (int i = 0; i < 100; i++) {
		allocation_fail(1);
		diags_add(diags, SEVERITY_ERROR, NULL, "f", 2, 1, NULL, 0, "%1000d", i);
	}
	allocation_fail(0);
	assert_int_equal(diags_count(diags), 101);
	assert_int_equal(diags_errors(diags), 101);
	out = fmemopen(text, sizeof(text), "w");
	assert_non_null(out);
	diags_print(diags, true, out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(strncmp(text, "f:1:1: error: kept\n", 19), 0);
	end = strstr(text, " more diagnostics are lost: not enough memory\n");
	assert_non_null(end);
	assert_null(diags_at(diags, 100));
	diags_free(&diags);
	assert_int_equal(allocation_live(), 0);
}

static void
buffers_grow(void **state)
{
	struct buffer buffer = BUFFER_INIT;
	char long_text[1000];

	(void)state;
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	for (int i = 0; i < 100; i++)
		buffer_format(&buffer, "%s,", long_text);
	assert_int_equal(buffer.length, 100000);
	assert_int_equal(strlen(buffer.text), 100000);
	buffer_add(&buffer, NULL, 0);
	buffer_add(&buffer, "x", SIZE_MAX / 2);
	assert_true(buffer.failed);
	buffer_add(&buffer, "x", 1);
	assert_int_equal(strlen(buffer.text), 100000);
	buffer_free(&buffer);
}

static void
json_strings_are_ascii(void **state)
{
	struct buffer buffer = BUFFER_INIT;

	(void)state;
	text_json(&buffer, "a\"\\\n\xc3\xa4\xff");
	assert_string_equal(buffer.text, "\"a\\\"\\\\\\n\\u00E4\\uFFFD\"");
	buffer_free(&buffer);
}

static void
interned_keys_keep_their_numbers(void **state)
{
	struct intern intern = { 0 };
	bool added;

	(void)state;
	assert_int_equal(intern_find(&intern, "a", 1), INTERN_NONE);
	for (uint32_t i = 0; i < 10000; i++) {
		assert_int_equal(intern_add(&intern, &i, sizeof i, &added), i);
		assert_true(added);
	}
	for (uint32_t i = 0; i < 10000; i++) {
		assert_int_equal(intern_add(&intern, &i, sizeof i, &added), i);
		assert_false(added);
		assert_int_equal(intern_find(&intern, &i, sizeof i), i);
	}
	assert_int_equal(intern_find(&intern, "a", 1), INTERN_NONE);
	assert_int_equal(intern_add(&intern, "", 0, &added), 10000);
	assert_string_equal(intern_text(&intern, 10000), "");
	intern_free(&intern);
}

static void
lines_are_limited(void **state)
{
	struct limiter limiter;
	unsigned long held = 99;

	(void)state;
	memset(&limiter, 0, sizeof(limiter));
	assert_true(limiter_allows(&limiter, 1000000, &held));
	assert_int_equal(held, 0);
	assert_false(limiter_allows(&limiter, 1000001, &held));
	assert_false(limiter_allows(&limiter, 1000000 + LIMITER_PERIOD_MS - 1, &held));
	assert_true(limiter_allows(&limiter, 1000000 + LIMITER_PERIOD_MS, &held));
	assert_int_equal(held, 2);
	/* A clock that was set back. */
	assert_true(limiter_allows(&limiter, 5000, &held));
}

static void
days_are_written(void **state)
{
	char text[DATE_DAY_SIZE], whole[DATE_MS_SIZE];

	(void)state;
	date_write_day(JUNE_2026 + DAY - 1, text);
	assert_string_equal(text, "2026-06-15");
	date_write_ms(-1, whole);
	assert_string_equal(whole, "1969-12-31T23:59:59.999Z");
	date_write_ms(JUNE_2026 * 1000 + 7, whole);
	assert_string_equal(whole, "2026-06-15T00:00:00.007Z");
	date_write_day(0, text);
	assert_string_equal(text, "1970-01-01");
}

static const char *
local(const char *zone, int64_t when)
{
	static char text[64];
	struct date_local local;

	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
	local = date_local(when * 1000);
	(void)snprintf(text, sizeof(text), "%s %s", local.text, local.zone);
	assert_int_equal(atoi(local.text + 5), local.month);
	return text;
}

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static void
times_are_those_of_the_readers_zone(void **state)
{
	const int64_t autumn = INT64_C(1792890000);	/* 2026-10-25T01:00:00Z */

	(void)state;
	assert_string_equal(local("UTC0", JUNE_2026), "2026-06-15 00:00:00 UTC");
	assert_string_equal(local("", JUNE_2026), "2026-06-15 00:00:00 UTC");
	assert_string_equal(local(BERLIN, JUNE_2026), "2026-06-15 02:00:00 CEST");
	assert_string_equal(local(BERLIN, autumn - 1), "2026-10-25 02:59:59 CEST");
	assert_string_equal(local(BERLIN, autumn), "2026-10-25 02:00:00 CET");
	assert_string_equal(local("EST5EDT,M3.2.0,M11.1.0", 0), "1969-12-31 19:00:00 EST");
	assert_string_equal(local("<+0545>-5:45", 0), "1970-01-01 05:45:00 UTC+05:45");
	assert_string_equal(local("<-03>3", 0), "1969-12-31 21:00:00 UTC-03");
	assert_string_equal(local("GMT0", 0), "1970-01-01 00:00:00 GMT");
	/* A zone that is not known is UTC, and is not called by its name. */
	assert_string_equal(local("Europe/Pariss", 0), "1970-01-01 00:00:00 UTC");
	assert_string_equal(local(":/dev/null", 0), "1970-01-01 00:00:00 UTC");
	assert_string_equal(local("\033[31m\n", 0), "1970-01-01 00:00:00 UTC");
	assert_string_equal(local("XXX12", INT64_MIN / 1000), "0000-01-01 00:00:00 UTC");
	assert_string_equal(local("XXX-12", INT64_MAX / 1000), "9999-12-31 23:59:59 UTC");
}

static void
times_of_the_readers_zone_are_read(void **state)
{
	static const struct { const char *text; int64_t when; } times[] = {
		{ "2026-06-15", JUNE_2026 - 7200 },
		{ "2026-06-15 00:00", JUNE_2026 - 7200 },
		{ "2026-06-15 02:00:07", JUNE_2026 + 7 },
		{ "2026-06-15T02:00", JUNE_2026 },
		{ "2026-10-25", INT64_C(1792879200) },
		{ "2026-10-26", INT64_C(1792969200) },
	};
	static const char *const none[] = {
		"", "2026-06-15 ", "2026-06-15 1:00", "2026-06-15 24:00", "2026-02-29",
		"2026-06-15 12:60", "2026-06-15x12:00", "2026-06-15 12:00:0", "today",
		"2026-06-15 12:00:00Z", "2026-06-15  2:00"
	};
	int64_t when = 0;

	(void)state;
	(void)local(BERLIN, 0);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_true(date_read_local(times[i].text, &when));
		assert_int_equal(when, times[i].when);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(date_read_local(none[i], &when));
	/* The day that summer time ends has 25 hours. */
	assert_int_equal(date_local_day(INT64_C(1792969199), 0), INT64_C(1792879200));
	assert_int_equal(date_local_day(INT64_C(1792969200), 0), INT64_C(1792969200));
	assert_int_equal(date_local_day(INT64_C(1792969200), -1), INT64_C(1792879200));
	(void)local("UTC0", 0);
}

/* ------------------------------------------------------------------ *
 * Hash, table, interned keys
 * ------------------------------------------------------------------ */

static void
a_hash_depends_on_all(void **state)
{
	const struct hash_key key = { 1, 2 }, other = { 1, 3 };
	struct hash_key seeded = { 0, 0 }, again = { 0, 0 };
	unsigned char bytes[40] = { 0 };
	size_t same = 0;

	(void)state;
	for (size_t length = 0; length < sizeof(bytes); length++) {
		uint64_t hash = hash_bytes(key, bytes, length);

		assert_true(hash == hash_bytes(key, bytes, length));
		assert_true(hash != hash_bytes(other, bytes, length));
		assert_true(hash != hash_bytes(key, bytes, length + 1));
		for (size_t bit = 0; bit < length * 8; bit++) {
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
			same += (hash_bytes(key, bytes, length) ^ hash) >> 44 == 0;
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
	}
	assert_true(same < 3);
	hash_seed(&seeded);
	hash_seed(&again);
	assert_true((seeded.a | seeded.b) != 0);
	assert_true(seeded.a != again.a && seeded.b != again.b);
	again = seeded;
	hash_seed(&again);
	assert_true(seeded.a == again.a && seeded.b == again.b);
}

/* Names of partners: they share their ends, and a beginning. */
static void
a_hash_spreads_names(void **state)
{
	static unsigned char used[4096];
	const struct hash_key key = { 5, 7 };
	size_t free_slots = 0;

	(void)state;
	for (int i = 0; i < 4096; i++) {
		char name[48];
		int length = snprintf(name, sizeof(name), "mail%d.partner.example", i);

		used[hash_bytes(key, name, (size_t)length) >> 52] = 1;
	}
	for (size_t i = 0; i < sizeof(used); i++)
		free_slots += used[i] == 0;
	/* By chance 4096 / e, that is 1507, plus or minus 20. */
	assert_int_in_range(free_slots, 1350, 1660);
}

static bool
number_is(const void *owner, uint32_t number, const void *key, size_t length)
{
	assert_int_equal(length, sizeof(int));
	return memcmp((const int *)owner + number, key, length) == 0;
}

static void
a_table_finds_what_was_added(void **state)
{
	static int keys[5000];
	struct table table = { 0 };

	(void)state;
	assert_true(table_find(&table, 0, keys, sizeof(int), number_is, keys) == TABLE_NONE);
	for (int i = 0; i < 5000; i++) {
		uint64_t hash;

		keys[i] = i * 7;
		assert_true(table_reserve(&table, 1));
		hash = table_hash(&table, &keys[i], sizeof(int));
		assert_true(table_find(&table, hash, &keys[i], sizeof(int), number_is,
		    keys) == TABLE_NONE);
		table_add(&table, hash, (uint32_t)i);
	}
	assert_int_equal(table.count, 5000);
	assert_true(table.slot_count >= 5000 / 3 * 4 && table.slot_count < 20000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(table_find(&table, table_hash(&table, &keys[i],
		    sizeof(int)), &keys[i], sizeof(int), number_is, keys), i);
	assert_false(table_reserve(&table, TABLE_NONE));
	table_free(&table);
	assert_int_equal(table.count, 0);
}

static bool
intern_some(void)
{
	struct intern intern = { 0 };
	bool added, done = true;

	for (uint32_t i = 0; i < 300 && done; i++) {
		done = intern_add(&intern, &i, sizeof(i), &added) == i;
		assert_true(added == done);
	}
	intern_free(&intern);
	return done;
}

static bool
grow_some(void)
{
	struct buffer buffer = BUFFER_INIT;
	size_t room = 0;
	char *array = NULL;
	bool done = array_reserve(array, 3, &room) && array_reserve(array, 300, &room);

	for (int i = 0; i < 300; i++)
		buffer_format(&buffer, "%d,", i);
	done = done && !buffer.failed;
	assert_true(buffer.text == NULL || strlen(buffer.text) == buffer.length);
	buffer_free(&buffer);
	free(array);
	return done;
}

static bool
read_some(void)
{
	struct file file;
	enum file_result result = file_read("/proc/self/maps", SIZE_MAX, true, &file);

	assert_true(result == FILE_READ || result == FILE_NO_MEMORY);
	assert_true((file.text != NULL) == (result == FILE_READ));
	free(file.text);
	return result == FILE_READ;
}

static bool
tape_some(void)
{
	struct tape *tape = tape_record(), *player = NULL;
	struct file names = { 0 }, again = { 0 };
	bool done = false;

	if (tape != NULL && tape_ask(tape, TAPE_FOLDER, "/dev", &names) == FILE_READ &&
	    (player = tape_play(tape_fd(tape))) != NULL)
		done = tape_ask(player, TAPE_FOLDER, "/dev", &again) == FILE_READ;
	assert_true(!done || (names.length > 0 && again.length == names.length));
	assert_true(names.text != NULL || tape == NULL || tape_failed(tape));
	free(names.text);
	free(again.text);
	tape_free(&player);
	tape_free(&tape);
	return done;
}

static bool
keep_some(void)
{
	struct diags *diags = diags_new();
	struct arena arena = { 0 };
	bool done = diags != NULL && arena_alloc(&arena, 100) != NULL &&
	    arena_text(&arena, "abc", 3) != NULL;

	if (diags != NULL)
		diags_add(diags, SEVERITY_ERROR, NULL, "f", 1, 1, "s", 1, "m");
	done = done && diags_at(diags, 0) != NULL && diags_at(diags, 0)->source != NULL;
	assert_true(arena.failed || done || diags == NULL || diags_count(diags) == 1);
	diags_free(&diags);
	arena_release(&arena);
	return done;
}

/* A damaged journal has any number for a time. */
static void
a_time_has_a_year_of_four_digits(void **state)
{
	char text[DATE_MS_SIZE];

	(void)state;
	date_write_ms(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00.000Z");
	date_write_ms(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	date_write_ms(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void
a_device_is_not_a_file(void **state)
{
	struct file file;

	(void)state;
	assert_int_equal(tape_ask(NULL, TAPE_FILE, "/dev/zero", &file), FILE_UNREADABLE);
	assert_int_equal(errno, ENOTBLK);
	assert_null(file.text);
}

static void
every_failure_is_seen(void **state)
{
	(void)state;
	fail_each(intern_some);
	fail_each(grow_some);
	fail_each(read_some);
	fail_each(keep_some);
	fail_each(tape_some);
}

/* ------------------------------------------------------------------ *
 * Files
 * ------------------------------------------------------------------ */

static void
files_are_read_whole(void **state)
{
	char path[] = "/tmp/unit-base.XXXXXX";
	int fd = mkstemp(path);
	static char text[200000];
	int ends[2];
	struct file file;

	(void)state;
	assert_true(fd != -1);
	memset(text, 'x', sizeof(text));
	assert_int_equal(file_read(path, 10, true, &file), FILE_READ);
	assert_string_equal(file.text, "");
	free(file.text);
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	assert_int_equal(file_read(path, sizeof(text), true, &file), FILE_READ);
	assert_int_equal(file.length, sizeof(text));
	assert_int_equal(strlen(file.text), sizeof(text));
	free(file.text);
	assert_int_equal(file_read(path, sizeof(text) - 1, false, &file), FILE_LARGE);
	assert_null(file.text);
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_read(path, 10, false, &file), FILE_UNREADABLE);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(file_read("/tmp", 10, true, &file), FILE_IRREGULAR);
	assert_int_equal(file_read("/tmp", SIZE_MAX, false, &file), FILE_UNREADABLE);
	assert_int_equal(errno, EISDIR);
	/* No size is told of it, and nobody writes to the other. */
	assert_int_equal(file_read("/proc/self/status", SIZE_MAX, true, &file), FILE_READ);
	assert_true(file.length > 0);
	free(file.text);
	assert_int_equal(file_read("/proc/self/status", 10, true, &file), FILE_LARGE);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, 10, true, &file), FILE_IRREGULAR);
	assert_int_equal(file_read(path, 10, false, &file), FILE_UNREADABLE);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(unlink(path), 0);
	/* A shell's <(command). */
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "some", 4), 4);
	assert_int_equal(close(ends[1]), 0);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	assert_int_equal(file_read(path, 10, false, &file), FILE_READ);
	assert_string_equal(file.text, "some");
	free(file.text);
	assert_int_equal(close(ends[0]), 0);
}

/* ------------------------------------------------------------------ *
 * Tapes
 * ------------------------------------------------------------------ */

#define KEY "-----BEGIN EC PRIVATE KEY-----\n%s\n-----END EC PRIVATE KEY-----\n"

/* What the tests ask of a folder that has two files, and what a tape is to answer. */
static const struct {
	enum tape_question question;
	const char *path;
	enum file_result result;
	int error;
	const char *text;		/* names with "|" for the NUL */
} asked[] = {
	{ TAPE_FILE, "b.conf", FILE_READ, 0, "some\ntext\n" },
	{ TAPE_FILE, "absent", FILE_UNREADABLE, ENOENT, NULL },
	{ TAPE_PEM, "a.pem", FILE_READ, 0, "x\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n"
	    "-----END EC PRIVATE KEY-----\n" },
	{ TAPE_PEM, ".", FILE_IRREGULAR, 0, NULL },
	{ TAPE_GLOB, "*.conf", FILE_READ, 0, "b.conf|" },
	{ TAPE_GLOB, "*", FILE_READ, 0, "a.pem|b.conf|" },
	{ TAPE_GLOB, "*.x", FILE_READ, 0, "" },
	{ TAPE_GLOB, "absent/*", FILE_READ, 0, "" },
	{ TAPE_FOLDER, ".", FILE_READ, 0, ".hidden|a.pem|b.conf|" },
	{ TAPE_FOLDER, "absent", FILE_UNREADABLE, ENOENT, NULL },
	{ TAPE_ABSOLUTE, "/dev/../dev/null", FILE_READ, 0, "/dev/null" },
	{ TAPE_ABSOLUTE, "absent", FILE_UNREADABLE, ENOENT, NULL },
	{ TAPE_PRESENT, "b.conf", FILE_READ, 0, "" },
	{ TAPE_PRESENT, "absent", FILE_UNREADABLE, ENOENT, NULL },
};
#define ASKED (sizeof(asked) / sizeof(asked[0]))

static void
put_text(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/* A new folder, into which the process goes. */
static void
enter_folder(char folder[])
{
	char key[200];

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	put_text("b.conf", "some\ntext\n");
	put_text(".hidden", "");
	(void)snprintf(key, sizeof(key), "x\n" KEY, "c2VjcmV0\nIGtleQ==");
	put_text("a.pem", key);
}

static void
leave_folder(const char *folder)
{
	(void)unlink("b.conf");
	(void)unlink("a.pem");
	(void)unlink(".hidden");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void
expect_text(const struct file *answer, const char *expected)
{
	char text[300];

	if (expected == NULL) {
		assert_null(answer->text);
		return;
	}
	assert_true(answer->length < sizeof(text));
	for (size_t i = 0; i < answer->length; i++)
		text[i] = (char)(answer->text[i] == '\0' ? '|' : answer->text[i]);
	text[answer->length] = '\0';
	assert_string_equal(text, expected);
}

static void
ask_all(struct tape *tape)
{
	for (size_t i = 0; i < ASKED; i++) {
		struct file answer;

		errno = 0;
		assert_int_equal(tape_ask(tape, asked[i].question, asked[i].path, &answer),
		    asked[i].result);
		if (asked[i].result == FILE_UNREADABLE)
			assert_int_equal(errno, asked[i].error);
		/* What is only looked for has no text on disk, and no use of one. */
		if (asked[i].question != TAPE_PRESENT)
			expect_text(&answer, asked[i].text);
		free(answer.text);
	}
}

static void
a_tape_answers_as_the_disk_did(void **state)
{
	char folder[] = "/tmp/unit-base.XXXXXX";
	struct tape *tape, *player;
	struct file answer;

	(void)state;
	enter_folder(folder);
	ask_all(NULL);
	tape = tape_record();
	assert_non_null(tape);
	ask_all(tape);
	assert_false(tape_failed(tape));
	leave_folder(folder);
	assert_true(tape_seal(tape_fd(tape)));
	assert_int_equal(write(tape_fd(tape), "x", 1), -1);
	player = tape_play(tape_fd(tape));
	tape_free(&tape);
	assert_null(tape);
	assert_non_null(player);
	ask_all(player);
	assert_false(tape_failed(player));
	/* Nothing comes after the end. */
	assert_int_equal(tape_ask(player, TAPE_FILE, "b.conf", &answer), FILE_NO_MEMORY);
	assert_null(answer.text);
	assert_true(tape_failed(player));
	tape_free(&player);
}

static void
another_question_has_no_answer(void **state)
{
	static const struct {
		enum tape_question question;
		const char *path;
	} others[] = {
		{ TAPE_PRESENT, "/dev/null" }, { TAPE_FILE, "/dev/nul" },
		{ TAPE_FILE, "/dev/nulll" }, { TAPE_FILE, "/dev/zero" }, { TAPE_FILE, "" },
	};
	struct tape *tape = tape_record();
	struct file answer;

	(void)state;
	assert_non_null(tape);
	assert_int_equal(tape_ask(tape, TAPE_FILE, "/dev/null", &answer), FILE_READ);
	free(answer.text);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct tape *player = tape_play(tape_fd(tape));

		assert_non_null(player);
		assert_int_equal(tape_ask(player, others[i].question, others[i].path,
		    &answer), FILE_NO_MEMORY);
		assert_true(tape_failed(player));
		assert_int_equal(errno, EBADMSG);
		assert_int_equal(tape_ask(player, TAPE_FILE, "/dev/null", &answer),
		    FILE_NO_MEMORY);
		tape_free(&player);
	}
	tape_free(&tape);
}

/* Cut anywhere, and with any of its bytes changed, it is read within its bounds. */
static void
a_damaged_tape_is_no_tape(void **state)
{
	struct tape *tape = tape_record();
	struct file answer;
	char bytes[200];
	ssize_t length;

	(void)state;
	assert_non_null(tape);
	assert_int_equal(tape_ask(tape, TAPE_ABSOLUTE, "/dev/null", &answer), FILE_READ);
	free(answer.text);
	length = pread(tape_fd(tape), bytes, sizeof(bytes), 0);
	assert_true(length > 0 && length < (ssize_t)sizeof(bytes));
	assert_null(tape_play(-1));
	for (ssize_t i = 0; i < 2 * length; i++) {
		size_t size = (size_t)(i < length ? i : length);
		int fd = memfd_create("damaged", MFD_CLOEXEC);
		struct tape *player;

		if (i >= length)
			bytes[i - length] ^= (char)0xff;
		assert_int_equal(write(fd, bytes, size), size);
		if (i >= length)
			bytes[i - length] ^= (char)0xff;
		player = tape_play(fd);
		assert_true((player == NULL) == (size == 0));
		(void)close(fd);
		if (player != NULL && tape_ask(player, TAPE_ABSOLUTE, "/dev/null",
		    &answer) == FILE_READ)
			assert_int_equal(answer.length, 9);
		if (player != NULL)
			free(answer.text);
		tape_free(&player);
	}
	tape_free(&tape);
}

/* No way of writing keys leaves one, and what is no key stays. */
static void
keys_are_cut(void **state)
{
	static const char *const cases[][2] = {
		{ "-----BEGIN PRIVATE KEY-----\nSECRET\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n" },
		{ "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----" },
		{ "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\n" },
		{ "-----BEGIN PUBLIC KEY-----\nPUBLIC\n-----END PUBLIC KEY-----\n",
		    "-----BEGIN PUBLIC KEY-----\nPUBLIC\n-----END PUBLIC KEY-----\n" },
		{ "-----BEGIN CERTIFICATE-----\nPRIVATE KEY\n-----END",
		    "-----BEGIN CERTIFICATE-----\nPRIVATE KEY\n-----END" },
		{ "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\r\nSECRET\r\n"
		    "-----END RSA PRIVATE KEY-----\r\n-----BEGIN PRIVATE KEY-----\nSECRET\n"
		    "-----END PRIVATE KEY-----\nx",
		    "-----BEGIN RSA PRIVATE KEY-----\r\nAAAA\n-----END RSA PRIVATE KEY-----\r\n"
		    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\nx" },
	};
	char path[] = "/tmp/unit-base.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd != -1);
	(void)close(fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct file answer;

		put_text(path, cases[i][0]);
		assert_int_equal(tape_ask(NULL, TAPE_PEM, path, &answer), FILE_READ);
		assert_string_equal(answer.text, cases[i][1]);
		assert_int_equal(answer.length, strlen(cases[i][1]));
		free(answer.text);
	}
	(void)unlink(path);
}

/* ------------------------------------------------------------------ *
 * Text
 * ------------------------------------------------------------------ */

static void
broken_utf8_is_told(void **state)
{
	static const struct {
		const char *text;
		size_t took;
		uint32_t code;
	} cases[] = {
		{ "a", 1, 'a' }, { "\xC3\xBC", 2, 0xFC }, { "\xE2\x82\xAC", 3, 0x20AC },
		{ "\xF0\x9F\x92\xA9", 4, 0x1F4A9 }, { "\xF4\x8F\xBF\xBF", 4, 0x10FFFF },
		{ "\x80", 1, TEXT_BROKEN }, { "\xC0\x80", 1, TEXT_BROKEN },
		{ "\xC3", 1, TEXT_BROKEN }, { "\xC3" "a", 1, TEXT_BROKEN },
		{ "\xE0\x80\x80", 1, TEXT_BROKEN }, { "\xE2\x82", 2, TEXT_BROKEN },
		{ "\xED\xA0\x80", 1, TEXT_BROKEN }, { "\xF4\x90\x80\x80", 1, TEXT_BROKEN },
		{ "\xF0\x9F\x92", 3, TEXT_BROKEN }, { "\xF5\x80\x80\x80", 1, TEXT_BROKEN }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t code = 0;

		assert_int_equal(text_next(cases[i].text, strlen(cases[i].text), &code),
		    cases[i].took);
		assert_true(code == cases[i].code);
	}
	assert_int_equal(text_utf8_length("a\xC3\xBC\xFF", 4), 3);
}

static void
text_is_cut_between_code_points(void **state)
{
	static const char text[] = "a\xC3\xBC" "b";
	size_t left = 2;
	struct text_piece piece = text_take(text, &left);

	(void)state;
	assert_int_equal(piece.length, 1);
	assert_true(piece.cut);
	assert_int_equal(left, 1);
	left = 4;
	piece = text_take(text, &left);
	assert_int_equal(piece.length, 4);
	assert_false(piece.cut);
	assert_int_equal(left, 0);
	assert_true(text_limit(0) == SIZE_MAX);
	assert_int_equal(text_limit(7), 7);
}

static void
text_is_made_safe(void **state)
{
	struct buffer buffer = BUFFER_INIT;

	(void)state;
	text_visible(&buffer, "\"a\\\x1b\n\xE2\x80\xAE");
	assert_string_equal(buffer.text, "\"a\\\\u001B\\n\\u202E");
	buffer_clear(&buffer);
	text_escape(&buffer, "\"\xC3\xBC", 3, TEXT_QUOTED);
	assert_string_equal(buffer.text, "\\\"\xC3\xBC");
	buffer_clear(&buffer);
	text_json(&buffer, "\xF0\x9F\x92\xA9");
	assert_string_equal(buffer.text, "\"\\uD83D\\uDCA9\"");
	buffer_clear(&buffer);
	text_repair(&buffer, "a\xFF\xE2\x82z", 5);
	assert_string_equal(buffer.text, "a\xEF\xBF\xBD\xEF\xBF\xBDz");
	buffer_clear(&buffer);
	text_decimal(&buffer, 0);
	text_decimal(&buffer, 4294967295u);
	assert_string_equal(buffer.text, "04294967295");
	buffer_free(&buffer);
	assert_int_equal(text_lower('Z'), 'z');
	assert_int_equal(text_lower('['), '[');
	assert_int_equal(text_hex(0x46), 15);
	assert_int_equal(text_hex(0x66), 15);
	assert_int_equal(text_hex(0x67), -1);
	assert_true(text_begins(0x41));
	assert_int_equal(text_lower('\xC4'), '\xC4');
}

static void
diagnostics_are_sorted(void **state)
{
	static const char *const files[] = { "b", "a" };
	struct diags *diags = diags_new();
	const char *const expected = "second first fourth third ";
	char said[64] = "";

	(void)state;
	assert_non_null(diags);
	diags_add(diags, SEVERITY_WARNING, "id", "a", 1, 1, NULL, 0, "fourth");
	diags_add(diags, SEVERITY_ERROR, NULL, "b", 9, 2, NULL, 0, "first");
	diags_add(diags, SEVERITY_ERROR, NULL, "b", 9, 2, NULL, 0, "first");
	diags_add(diags, SEVERITY_WARNING, NULL, "b", 9, 1, NULL, 0, "second");
	diags_add(diags, SEVERITY_WARNING, NULL, "a", 2, 1, NULL, 0, "third");
	diags_sort(diags, 0, files, 2);
	assert_int_equal(diags_count(diags), 4);
	assert_int_equal(diags_errors(diags), 1);
	for (size_t i = 0; diags_at(diags, i) != NULL; i++)
		(void)strcat(strcat(said, diags_at(diags, i)->message), " ");
	assert_string_equal(said, expected);
	assert_string_equal(diags_at(diags, 2)->id, "id");
	assert_string_equal(severity_name(SEVERITY_INFO), "info");
	diags_free(&diags);
}

#define NETSTRING_MOST 12

static const struct netstring_case {
	const char *text;
	enum netstring_state state;
	size_t left;			/* bytes that are not its own */
	const char *string;
} netstrings[] = {
	{ "", NETSTRING_EMPTY, 0, NULL },
	{ "5:hello,", NETSTRING_COMPLETE, 0, "hello" },
	{ "5:hello,2:ab,", NETSTRING_COMPLETE, 5, "hello" },
	{ "0:,x", NETSTRING_COMPLETE, 1, "" },
	{ "12:hello, world,", NETSTRING_COMPLETE, 0, "hello, world" },
	{ "5:hello", NETSTRING_PARTIAL, 0, NULL },
	{ "5:hel", NETSTRING_PARTIAL, 0, NULL },
	{ "1", NETSTRING_PARTIAL, 0, NULL },
	{ "0", NETSTRING_PARTIAL, 0, NULL },
	{ "5:", NETSTRING_PARTIAL, 0, NULL },
	{ "5:hello;", NETSTRING_GARBAGE, 0, NULL },
	{ "5:hellow,", NETSTRING_GARBAGE, 1, NULL },
	{ "0:;", NETSTRING_GARBAGE, 0, NULL },
	{ ":,", NETSTRING_GARBAGE, 1, NULL },
	{ "05:hello,", NETSTRING_GARBAGE, 7, NULL },
	{ "00:,", NETSTRING_GARBAGE, 2, NULL },
	{ " 5:hello,", NETSTRING_GARBAGE, 8, NULL },
	{ "-5:hello,", NETSTRING_GARBAGE, 8, NULL },
	{ "5,hello,", NETSTRING_GARBAGE, 6, NULL },
	{ "\n", NETSTRING_GARBAGE, 0, NULL },
	{ "13:hello", NETSTRING_TOO_LARGE, 6, NULL },
	{ "99999999999999999999:", NETSTRING_TOO_LARGE, 19, NULL },
};

/* However it comes: in pieces of "piece" bytes. */
static void
check_netstring(const struct netstring_case *wanted, size_t piece)
{
	struct netstring netstring = { .state = NETSTRING_EMPTY };
	const char *text = wanted->text;
	size_t left = strlen(text), taken;

	do {
		taken = netstring_feed(&netstring, NETSTRING_MOST, text,
		    left < piece ? left : piece);
		text += taken;
		left -= taken;
	} while (taken > 0);
	assert_int_equal(netstring.state, wanted->state);
	assert_int_equal(left, wanted->left);
	if (wanted->string != NULL)
		assert_string_equal(netstring.string.text, wanted->string);
	netstring_clear(&netstring);
	assert_int_equal(netstring.state, NETSTRING_EMPTY);
	assert_null(netstring.string.text);
}

static void
netstrings_are_read_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(netstrings) / sizeof(netstrings[0]); i++)
		for (size_t piece = 1; piece <= 24; piece++)
			check_netstring(&netstrings[i], piece);
}

static bool
read_netstring(void)
{
	struct netstring netstring = { .state = NETSTRING_EMPTY };
	struct buffer written = BUFFER_INIT;
	bool done = false;

	netstring_append(&written, "a\0b", 3);
	netstring_append(&written, "", 0);
	if (!written.failed) {
		assert_string_equal(written.text, "3:a");
		assert_int_equal(written.length, 9);
		assert_memory_equal(written.text, "3:a\0b,0:,", 10);
		(void)netstring_feed(&netstring, 3, written.text, written.length);
		done = netstring.state == NETSTRING_COMPLETE;
		if (done)
			assert_memory_equal(netstring.string.text, "a\0b", 4);
		else
			assert_int_equal(netstring.state, NETSTRING_NO_MEMORY);
	}
	netstring_clear(&netstring);
	buffer_free(&written);
	return done;
}

static void
netstrings_hold_any_byte(void **state)
{
	(void)state;
	fail_each(read_netstring);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates),
		cmocka_unit_test(times),
		cmocka_unit_test(suggestions),
		cmocka_unit_test(arena_gives_aligned_zeroed_memory),
		cmocka_unit_test(arrays_grow),
		cmocka_unit_test(diagnostics),
		cmocka_unit_test(diagnostics_are_shown_with_a_caret),
		cmocka_unit_test(a_whole_file_has_no_line),
		cmocka_unit_test(a_very_long_diagnostic_is_cut),
		cmocka_unit_test(a_long_line_is_cut_around_its_place),
		cmocka_unit_test(diagnostics_are_limited),
		cmocka_unit_test(lost_diagnostics_are_counted),
		cmocka_unit_test(buffers_grow),
		cmocka_unit_test(json_strings_are_ascii),
		cmocka_unit_test(netstrings_are_read_in_pieces),
		cmocka_unit_test(netstrings_hold_any_byte),
		cmocka_unit_test(interned_keys_keep_their_numbers),
		cmocka_unit_test(lines_are_limited),
		cmocka_unit_test(days_are_written),
		cmocka_unit_test(times_are_those_of_the_readers_zone),
		cmocka_unit_test(times_of_the_readers_zone_are_read),
		cmocka_unit_test(a_hash_depends_on_all),
		cmocka_unit_test(a_hash_spreads_names),
		cmocka_unit_test(a_table_finds_what_was_added),
		cmocka_unit_test(a_time_has_a_year_of_four_digits),
		cmocka_unit_test(a_device_is_not_a_file),
		cmocka_unit_test(every_failure_is_seen),
		cmocka_unit_test(files_are_read_whole),
		cmocka_unit_test(a_tape_answers_as_the_disk_did),
		cmocka_unit_test(another_question_has_no_answer),
		cmocka_unit_test(a_damaged_tape_is_no_tape),
		cmocka_unit_test(keys_are_cut),
		cmocka_unit_test(broken_utf8_is_told),
		cmocka_unit_test(text_is_cut_between_code_points),
		cmocka_unit_test(text_is_made_safe),
		cmocka_unit_test(diagnostics_are_sorted),
	};

	allocation_watch();
	return UNIT_RUN(argc, argv, tests);
}
