/*
 * test_result.c - how a case came out, and how that is shown.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/test_result.h"

#include <string.h>

#include "tool/explain.h"
#include "tool/tree.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/text.h"

/* The value that came out; "" where there is none. In "found", to be freed. */
static const char *
found_value(const struct test_result *result, const char *name, struct buffer *found)
{
	buffer_clear(found);
	buffer_string(found, "");
	(void)journal_record_text(result->record, name, found);
	return found->failed ? "" : found->text;
}

static bool
as_expected(const struct test_result *result, const struct expectation *expected,
    struct buffer *found)
{
	return strcmp(case_value(result->test, expected),
	    found_value(result, expected->name, found)) == 0;
}

static bool
exempt_missing(const struct test_result *result)
{
	return result->test->exempt && !result->record->verdict->exempt;
}

bool
test_passed(const struct test_result *result, bool *failed)
{
	struct buffer found = BUFFER_INIT;
	bool passed = !exempt_missing(result);

	for (size_t i = 0; i < result->test->expected_count && passed; i++)
		passed = as_expected(result, &result->test->expected[i], &found);
	*failed = found.failed;
	buffer_free(&found);
	return passed;
}

/* A value in words: quoted where that is needed to see it. */
static void
add_result_value(const char *value, struct buffer *text)
{
	if (value[0] == '\0')
		buffer_string(text, "nothing");
	else if (strchr(value, ' ') != NULL) {
		buffer_string(text, "\"");
		text_visible(text, value);
		buffer_string(text, "\"");
	} else
		text_visible(text, value);
}

static void
add_difference(const char *name, const char *expected, const char *found,
    struct buffer *text)
{
	buffer_format(text, "  %s: expected ", name);
	add_result_value(expected, text);
	buffer_string(text, ", got ");
	add_result_value(found, text);
	buffer_string(text, "\n");
}

static void
add_differences(const struct test_result *result, struct buffer *text)
{
	struct buffer found = BUFFER_INIT;

	for (size_t i = 0; i < result->test->expected_count; i++) {
		const struct expectation *expected = &result->test->expected[i];

		if (!as_expected(result, expected, &found))
			add_difference(expected->name,
			    case_value(result->test, expected), found.text, text);
	}
	if (exempt_missing(result))
		buffer_string(text, "  exempt: expected, got none\n");
	text->failed |= found.failed;
	buffer_free(&found);
}

/* Which rule it was, and what of it was not met. */
static void
add_result_rule(const struct test_result *result, const char *name, int index,
    struct buffer *text)
{
	const struct verdict *verdict = result->record->verdict;

	if (index < 0)
		return;
	buffer_format(text, "  %s ", name);
	explain_place(&verdict->outcome[index].place, text);
	buffer_string(text, verdict->exempt ? ", which exempts\n" : "\n");
	if (!verdict->exempt)
		explain_unmet(&verdict->outcome[index], verdict, result->record->facts,
		    "    ", text);
}

static void
add_path(const char *option, const char *path, struct buffer *text)
{
	if (path == NULL)
		return;
	buffer_format(text, " %s ", option);
	case_quote(path, text);
}

static void
add_hint(const struct test_result *result, struct buffer *text)
{
	char time[DATE_MS_SIZE];

	buffer_string(text, "  more: tlsward explain");
	add_path("--policy", result->policy, text);
	add_path("-c", result->config, text);
	if (result->has_day) {
		date_write_ms(result->record->time_ms, time);
		buffer_format(text, " --at %.10s", time);
	}
	buffer_add(text, result->test->arguments.text, result->test->arguments.length);
	buffer_string(text, "\n");
}

void
test_text(const struct test_result *result, struct buffer *text)
{
	const struct verdict *verdict = result->record->verdict;

	buffer_format(text, "%s:%u: failed\n    ", result->file, result->test->line);
	text_visible(text, result->test->written.text);
	buffer_string(text, "\n");
	add_differences(result, text);
	if (verdict->reported < 0)
		buffer_string(text, "  no rule applies\n");
	add_result_rule(result, "rule:", verdict->reported, text);
	if (verdict->would != POLICY_ACCEPT && verdict->would_by != verdict->reported)
		add_result_rule(result, "under monitor:", verdict->would_by, text);
	add_hint(result, text);
}

static void
put_difference(struct tree *tree, const char *name, const char *expected,
    const char *got)
{
	tree_open_object(tree, NULL);
	tree_text(tree, "name", name);
	tree_text(tree, "expected", expected);
	tree_text(tree, "got", got);
	tree_close(tree);
}

static void
put_differences(const struct test_result *result, struct tree *tree)
{
	struct buffer found = BUFFER_INIT;

	tree_open_array(tree, "differences");
	for (size_t i = 0; i < result->test->expected_count; i++) {
		const struct expectation *expected = &result->test->expected[i];

		if (!as_expected(result, expected, &found))
			put_difference(tree, expected->name,
			    case_value(result->test, expected), found.text);
	}
	if (exempt_missing(result))
		put_difference(tree, "exempt", "exempt", "");
	tree_close(tree);
	tree->failed |= found.failed;
	buffer_free(&found);
}

void
test_json(const struct test_result *result, bool passed, struct buffer *text)
{
	struct buffer record = BUFFER_INIT;
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	tree_text(&tree, "file", result->file);
	tree_number(&tree, "line", result->test->line);
	tree_flag(&tree, "passed", passed);
	tree_text(&tree, "case", result->test->written.text);
	if (!passed)
		put_differences(result, &tree);
	journal_record_write(result->record, JOURNAL_JSON, 0, &record);
	tree_value(&tree, "record", record.failed ? NULL :
	    json_loads(record.text, 0, NULL));
	buffer_free(&record);
	tree_write(tree_take(&tree), false, text);
}
