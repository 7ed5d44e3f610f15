/*
 * test_result.c - how a case came out, and how that is shown.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/case.h"

#include <string.h>

#include "tool/explain.h"
#include "tool/tree.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/text.h"

struct difference {
	const char *name, *expected, *got;	/* "": nothing */
};

/* The name of the field that has another rule's place: what is missing is none of it. */
static const char missing_exempt[] = "exempt";

/*
 * The next difference from *index on, which moves behind it; with "found" to be freed,
 * which once it failed stays so.
 */
static bool
next_difference(const struct test_result *result, size_t *index, struct buffer *found,
    struct difference *difference)
{
	const struct test_case *test = result->test;

	for (; *index < test->expected_count; ) {
		const struct expectation *expected = &test->expected[(*index)++];
		bool failed = found->failed;

		buffer_clear(found);
		found->failed = failed;
		buffer_string(found, "");
		(void)journal_record_text(result->record, expected->name, found);
		*difference = (struct difference){ expected->name,
		    test->values.text + expected->value,
		    found->failed ? "" : found->text };
		if (strcmp(difference->expected, difference->got) != 0)
			return true;
	}
	*difference = (struct difference){ missing_exempt, missing_exempt, "" };
	return (*index)++ == test->expected_count && test->exempt &&
	    !result->record->verdict->exempt;
}

bool
test_passed(const struct test_result *result, bool *failed)
{
	struct buffer found = BUFFER_INIT;
	struct difference difference;
	size_t index = 0;
	bool passed = !next_difference(result, &index, &found, &difference);

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
add_differences(const struct test_result *result, struct buffer *text)
{
	struct buffer found = BUFFER_INIT;
	struct difference difference;

	for (size_t i = 0; next_difference(result, &i, &found, &difference); ) {
		buffer_format(text, "  %s: expected", difference.name);
		if (difference.name == missing_exempt) {
			buffer_string(text, ", got none\n");
			continue;
		}
		buffer_string(text, " ");
		add_result_value(difference.expected, text);
		buffer_string(text, ", got ");
		add_result_value(difference.got, text);
		buffer_string(text, "\n");
	}
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
	explain_rule(&verdict->outcome[index], text);
	buffer_string(text, "\n");
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
put_differences(const struct test_result *result, struct tree *tree)
{
	struct buffer found = BUFFER_INIT;
	struct difference difference;

	tree_open_array(tree, "differences");
	for (size_t i = 0; next_difference(result, &i, &found, &difference); ) {
		tree_open_object(tree, NULL);
		tree_text(tree, "name", difference.name);
		tree_text(tree, "expected", difference.expected);
		tree_text(tree, "got", difference.got);
		tree_close(tree);
	}
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
