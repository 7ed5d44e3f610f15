/*
 * unit-mustache.c - documents of JSON, text that is filled from them, and its lines.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <time.h>

#include "tests/fake-milter/allocation.h"
#include "tool/mustache.h"
#include "tool/screen.h"
#include "tool/tool.h"
#include "tool/tree.h"

static char filled_text[4096], trouble[512];

int
tool_trouble(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(trouble, sizeof(trouble), format, arguments);
	va_end(arguments);
	return STATUS_TROUBLE;
}

int
tool_no_memory(void)
{
	return tool_trouble("not enough memory");
}

static bool
fill(enum mustache_use use, const char *text, json_t *values, struct buffer *out)
{
	struct mustache template = { .path = "t", .use = use };
	bool done;

	template.text = strdup(text);
	if (template.text == NULL)
		json_decref(values);
	done = template.text != NULL && mustache_fill(&template, values, out);
	free(template.text);
	return done;
}

static const char *
filled_for(enum mustache_use use, const char *text, const char *values)
{
	json_t *document = json_loads(values, 0, NULL);
	struct buffer out = BUFFER_INIT;

	assert_non_null(document);
	assert_true(fill(use, text, document, &out));
	(void)snprintf(filled_text, sizeof(filled_text), "%s",
	    out.text != NULL ? out.text : "");
	buffer_free(&out);
	return filled_text;
}

static const char *
filled(const char *text, const char *values)
{
	return filled_for(MUSTACHE_HTML, text, values);
}

static void
values_are_written_as_people_read_them(void **state)
{
	(void)state;
	assert_string_equal(filled("a {{n}} {{ n|plain }} {{r}} b", "{\"n\":1234567,"
	    "\"r\":1.5}"), "a 1,234,567 1234567 1.50 b");
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	assert_string_equal(filled("{{t|day}} {{t|minute}} {{no|day}} {{t|date}}",
	    "{\"t\":\"2026-01-31T23:34:56.000Z\"}"),
	    "2026-02-01 2026-02-01 00:34 CET \xE2\x80\x93 2026-01-31");
	assert_string_equal(filled("{{t|short}}, {{t|long}}, {{no|long}}",
	    "{\"t\":\"2003-07-31T22:34:56Z\"}"), "1 Aug 2003, 1 August 2003, \xE2\x80\x93");
	assert_string_equal(filled("{{a|s}}{{b|s}}{{c|s}}", "{\"a\":0,\"b\":1,\"c\":2}"),
	    "ss");
	assert_string_equal(filled("{{a.b.1.c}}", "{\"a\":{\"b\":[0,{\"c\":\"x\"}]}}"), "x");
	assert_string_equal(filled("", "{}"), "");
}

static void
what_is_missing_is_left_out(void **state)
{
	(void)state;
	assert_string_equal(filled("[{{no}}{{a.no}}{{s.no}}{{a}}{{f}}{{{a}}}]",
	    "{\"a\":{},\"s\":\"x\",\"f\":true}"), "[]");
}

static void
hostile_text_stays_text(void **state)
{
	char many[1000] = "{\"t\":\"", *end = many + strlen(many);

	(void)state;
	assert_string_equal(filled("{{t}}", "{\"t\":\"<b>&\\\"'\\u202E\\u0001\\n\"}"),
	    "&lt;b&gt;&amp;&quot;&#39;\\u202E\\u0001\\n");
	assert_string_equal(filled("{{t}}", "{\"t\":\"{{u}}\",\"u\":\"x\"}"), "{{u}}");
	assert_string_equal(filled("{{{t}}}", "{\"t\":\"<b>\"}"), "<b>");
	assert_string_equal(filled_for(MUSTACHE_SCREEN, "{{t}}",
	    "{\"t\":\"<\\u00E4\\u202E\\u001B\"}"), "<\xC3\xA4\\u202E\\u001B");
	assert_string_equal(filled_for(MUSTACHE_ASCII, "{{t}}", "{\"t\":\"<\\u00E4\"}"),
	    "<\\u00E4");
	assert_string_equal(filled_for(MUSTACHE_CSV, "{{t}},{{f}},{{n}},{{no}}",
	    "{\"t\":\"a,\\\"b\",\"f\":true,\"n\":1000}"), "\"a,\"\"b\",yes,1000,");
	memset(end, '<', 500);
	memcpy(end + 500, "\"}", 3);
	assert_int_equal(strlen(filled("{{t}}", many)), 4 * MUSTACHE_VALUE_MAX + 3);
}

static void
sections(void **state)
{
	(void)state;
	assert_string_equal(filled("{{#a}}<{{n}}{{o}}>{{/a}}{{^a}}none{{/a}}",
	    "{\"a\":[{\"n\":1},{\"n\":2,\"o\":\"in\"}],\"o\":\"out\"}"), "<1><2in>");
	assert_string_equal(filled("{{#a}}x{{/a}}{{^a}}none{{/a}}", "{\"a\":[]}"), "none");
	assert_string_equal(filled("{{#a}}{{b}}{{/a}}", "{\"a\":{\"b\":\"x\"}}"), "x");
	assert_string_equal(filled("{{#n}}{{.}},{{/n}}", "{\"n\":[1,2]}"), "1,2,");
	assert_string_equal(filled("{{#n}}{{#,}}, {{/,}}{{^,}}({{/,}}{{.}}{{/n}}",
	    "{\"n\":[1,2,3]}"), "(1, 2, 3");
	assert_string_equal(filled("{{#a}}{{#b}}{{#,}}, {{/,}}{{c}}{{/b}}{{/a}}",
	    "{\"a\":[{\"b\":{\"c\":1}},{\"b\":{\"c\":2}}]}"), "1, 2");
	for (const char *none = "0 \0\"\" \0false \0null \0"; *none != '\0';
	    none += strlen(none) + 1) {
		char values[64];

		(void)snprintf(values, sizeof(values), "{\"v\":%s}", none);
		assert_string_equal(filled("{{#v}}yes{{/v}}{{^v}}no{{/v}}", values), "no");
	}
	assert_string_equal(filled("{{#a}}{{#b}}{{^c}}{{d}}{{/c}}{{/b}}{{/a}}",
	    "{\"a\":true,\"b\":1,\"d\":\"deep\"}"), "deep");
}

static void
tags_alone_take_their_line(void **state)
{
	(void)state;
	assert_string_equal(filled("a\n  {{#v}}\nb {{! c }}\n  {{/v}}\n{{! d }}\ne\n",
	    "{\"v\":true}"), "a\nb \ne\n");
	assert_string_equal(filled("{{#v}}\n{{v}}\n{{/v}}", "{\"v\":7}"), "7\n");
}

/* Whatever it is filled with. */
static void
is_broken(const char *text, const char *expected)
{
	static const char *const values[] = {
		"{}", "{\"a\":{\"b\":1}}", "{\"a\":[1,{}]}"
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct buffer out = BUFFER_INIT;

		assert_false(fill(MUSTACHE_HTML, text, json_loads(values[i], 0, NULL),
		    &out));
		assert_string_equal(trouble, expected);
		buffer_free(&out);
	}
}

static void
broken_templates(void **state)
{
	static const char *const broken[][2] = {
		{ "\n\n{{a", "t:3: a tag has no end" },
		{ "{{", "t:1: a tag has no end" },
		{ "{{a}", "t:1: a tag has no end" },
		{ "{{{a}}", "t:1: a tag has no end" },
		{ "\n{{}}", "t:2: this is not a name or a form of a value" },
		{ "{{a b}}", "t:1: this is not a name or a form of a value" },
		{ "{{a|loud}}", "t:1: this is not a name or a form of a value" },
		{ "{{a|}}", "t:1: this is not a name or a form of a value" },
		{ "{{#a}}\n{{/b}}", "t:2: another section is to end first" },
		{ "{{/a}}", "t:1: a section ends that has not begun" },
		{ "\n{{#a}}\n\n", "t:2: a section has no end" },
		{ "{{^a}}{{#b}}{{/a}}", "t:1: another section is to end first" },
	};
	char deep[16 * 6 + 1] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		is_broken(broken[i][0], broken[i][1]);
	for (int i = 0; i < 16; i++)
		(void)strcat(deep, "{{#a}}");
	is_broken(deep, "t:1: sections are nested too deeply");
	memset(deep, 'a', sizeof(deep) - 1);
	memcpy(deep, "{{", 2);
	memcpy(deep + sizeof(deep) - 3, "}}", 2);
	is_broken(deep, "t:1: this is not a name or a form of a value");
}

static void
documents(void **state)
{
	struct tree tree = { .depth = 0 };
	const struct policy_place place = { .file = "f", .line = 3 };
	struct buffer text = BUFFER_INIT, empty = BUFFER_INIT;

	(void)state;
	tree_open_object(&tree, NULL);
	tree_number(&tree, "n", -3);
	tree_text(&tree, "t", "\"\xC3\xA4\x7F\xFF\n");
	tree_text(&tree, "none", NULL);
	tree_time(&tree, "none", 0);
	tree_time(&tree, "time", 1000);
	tree_buffer(&tree, "none", &empty);
	tree_place(&tree, "place", &place);
	tree_open_array(&tree, "a");
	tree_flag(&tree, NULL, true);
	tree_close(&tree);
	tree_close(&tree);
	tree_write(tree_take(&tree), false, &text);
	assert_string_equal(text.text, "{\"n\":-3,\"t\":\"\\\"\\u00E4\\u007F\\uFFFD\\n\","
	    "\"time\":\"1970-01-01T00:00:01.000Z\",\"place\":\"f:3\",\"a\":[true]}");
	buffer_free(&text);
	for (int i = 0; i <= TREE_DEPTH_MAX; i++)
		tree_open_object(&tree, i == 0 ? NULL : "o");
	tree_write(tree_take(&tree), false, &text);
	assert_true(text.failed);
	buffer_free(&text);
}

static void
folds_to(int width, bool hard, char *text, const char *expected)
{
	const struct buffer whole = { .text = text, .length = strlen(text) };
	struct buffer out = BUFFER_INIT;

	screen_fold(&whole, width, hard, &out);
	assert_string_equal(out.text != NULL ? out.text : "", expected);
	buffer_free(&out);
}

static void
lines_are_folded(void **state)
{
	struct screen screen;

	(void)state;
	screen_open(&screen);
	folds_to(10, false, "", "");
	folds_to(10, false, "aa bb\n\ncc", "aa bb\n\ncc\n");
	folds_to(10, false, "aaaa bbbb cccc\n", "aaaa bbbb\n  cccc\n");
	folds_to(10, false, "  aaaa bbb cccc dd", "  aaaa bbb\n    cccc\n    dd\n");
	folds_to(5, false, "aaaaaaaa b", "aaaaaaaa\n  b\n");
	folds_to(5, true, "aaaaaaaa b", "aaaaa\naaa b\n");
	folds_to(6, true, "  aaaaaa b", "  aaaa\n  aa b\n");
	folds_to(9, true, "  * aaaaaa b", "  *\n    aaaaa\n    a b\n");
	folds_to(8, false, "\xE6\xBC\xA2\xE5\xAD\x97 \xE6\xBC\xA2\xE5\xAD\x97",
	    "\xE6\xBC\xA2\xE5\xAD\x97\n  \xE6\xBC\xA2\xE5\xAD\x97\n");
}

/* True where all of it was made; nothing is written of one that was not. */
static bool
make_and_fill(void)
{
	struct tree tree = { .depth = 0 };
	struct buffer text = BUFFER_INIT;
	bool done;

	tree_open_object(&tree, NULL);
	tree_open_object(&tree, "o");
	tree_text(&tree, "t", "<text>");
	tree_number(&tree, "n", 1);
	tree_close(&tree);
	done = fill(MUSTACHE_HTML, "{{#o}}{{t}} {{n}}{{/o}}", tree_take(&tree), &text);
	if (done)
		assert_string_equal(text.text, "&lt;text&gt; 1");
	buffer_free(&text);
	return done;
}

static void *
counted_malloc(size_t size)
{
	return malloc(size);
}

static void
counted_free(void *memory)
{
	free(memory);
}

/* jansson's own allocations among them. */
static void
failed_allocations(void **state)
{
	(void)state;
	json_set_alloc_funcs(counted_malloc, counted_free);
	allocation_watch();
	for (long n = 1; ; n++) {
		bool done;

		allocation_fail(n);
		done = make_and_fill();
		assert_int_equal(allocation_live(), 0);
		assert_int_equal(done, allocation_count() < n);
		if (done)
			break;
		assert_true(n < 1000);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_written_as_people_read_them),
		cmocka_unit_test(what_is_missing_is_left_out),
		cmocka_unit_test(hostile_text_stays_text),
		cmocka_unit_test(sections),
		cmocka_unit_test(tags_alone_take_their_line),
		cmocka_unit_test(broken_templates),
		cmocka_unit_test(documents),
		cmocka_unit_test(lines_are_folded),
		cmocka_unit_test(failed_allocations),
	};

	return UNIT_RUN(argc, argv, tests);
}
