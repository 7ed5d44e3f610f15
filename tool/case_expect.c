/*
 * case_expect.c - what a case says is to come out.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "tool/case_expect.h"
#include "base/buffer.h"
#include "base/suggest.h"

#define WORDS_MAX 32

/* The words that a value is one of. */
struct words {
	const char *list[WORDS_MAX];
	size_t count;
};

enum value_kind { VALUE_ANY, VALUE_ACTION, VALUE_REASON, VALUE_REASONS, VALUE_KIND };

static const struct {
	const char *name;
	enum value_kind kind;
} value_kinds[] = {
	{ "action", VALUE_ACTION }, { "would", VALUE_ACTION },
	{ "reason", VALUE_REASON }, { "would_reason", VALUE_REASON },
	{ "failed", VALUE_REASONS }, { "would_failed", VALUE_REASONS },
	{ "rule_kind", VALUE_KIND },
};

static struct words
words_of(enum value_kind kind)
{
	struct words words = { .count = 0 };

	if (kind == VALUE_ACTION)
		for (int i = POLICY_ACCEPT; i <= POLICY_REJECT; i++)
			words.list[words.count++] =
			    policy_action_name((enum policy_action)i);
	else if (kind == VALUE_REASON || kind == VALUE_REASONS)
		for (enum policy_reason reason = policy_reason_next(REASON_NONE);
		    reason < REASON_COUNT; reason = policy_reason_next(reason))
			words.list[words.count++] = policy_reason_name(reason);
	else if (kind == VALUE_KIND)
		for (int i = RULE_CLIENT; i <= RULE_DEFAULT; i++)
			words.list[words.count++] =
			    policy_rule_kind_name((enum policy_rule_kind)i);
	return words;
}

static bool
is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* The number of "text" among the words; SIZE_MAX, reported, where it is none. */
static size_t
find_word(struct cases *cases, const struct words *words, const char *text,
    size_t length, const char *what)
{
	const char *meant;

	for (size_t i = 0; i < words->count; i++)
		if (is_word(text, length, words->list[i]))
			return i;
	meant = suggest_word(text, length, words->list, words->count);
	case_error(cases, cases->word.value, "unknown %s \"%.*s\"%s%s%s", what,
	    (int)length, text, meant != NULL ? ": did you mean \"" : "",
	    meant != NULL ? meant : "", meant != NULL ? "\"?" : "");
	return SIZE_MAX;
}

const char *
case_name(const struct word *word, const char *(*names)(size_t index))
{
	const char *name;

	for (size_t i = 0; (name = names(i)) != NULL; i++)
		if (is_word(word->name, word->name_length, name))
			return name;
	return NULL;
}

bool
case_is_action(const char *word)
{
	struct words words = words_of(VALUE_ACTION);

	for (size_t i = 0; i < words.count; i++)
		if (strcmp(word, words.list[i]) == 0)
			return true;
	return false;
}

static bool
is_expected(const struct test_case *test, const char *name)
{
	for (size_t i = 0; i < test->expected_count; i++)
		if (strcmp(test->expected[i].name, name) == 0)
			return true;
	return false;
}

/* "name" is a static string. */
static void
expect(struct cases *cases, const char *name, const char *value)
{
	struct test_case *test = &cases->now;

	if (test->expected_count == EXPECTATIONS_MAX || is_expected(test, name)) {
		case_error(cases, cases->word.start, "%s is given twice", name);
		return;
	}
	test->expected[test->expected_count++] =
	    (struct expectation){ name, test->values.length };
	buffer_add(&test->values, value, strlen(value) + 1);
}

bool
case_take_action(struct cases *cases)
{
	struct words words = words_of(VALUE_ACTION);
	const struct word *word = &cases->word;
	size_t found;

	if (word->type == WORD_BAD)
		return false;
	if (word->type != WORD_BARE) {
		case_error(cases, word->start,
		    "expected an action (accept, quarantine, tempfail or reject)");
		return false;
	}
	found = find_word(cases, &words, word->text.text, word->text.length, "action");
	if (found != SIZE_MAX)
		expect(cases, "action", words.list[found]);
	return found != SIZE_MAX;
}

void
case_take_reason(struct cases *cases)
{
	struct words words = words_of(VALUE_REASON);
	const struct word *word = &cases->word;
	size_t found;

	if (strcmp(word->text.text, "exempt") == 0) {
		cases->now.exempt = true;
		return;
	}
	/* For the suggestion. */
	words.list[words.count++] = "exempt";
	found = find_word(cases, &words, word->text.text, word->text.length, "reason");
	if (found != SIZE_MAX)
		expect(cases, "reason", words.list[found]);
}

/* A list of reasons, in any order, is expected in the record's. */
static void
expect_reasons(struct cases *cases, const char *name, const char *value)
{
	struct words words = words_of(VALUE_REASON);
	struct buffer text = BUFFER_INIT;
	unsigned long set = 0;

	while (*value != '\0') {
		size_t length = strcspn(value, ",");
		size_t found = find_word(cases, &words, value, length, "reason");

		if (found == SIZE_MAX)
			return;
		set |= 1ul << found;
		value += length;
		value += *value == ',';
	}
	buffer_string(&text, "");
	for (size_t i = 0; i < words.count; i++)
		if (set & 1ul << i) {
			buffer_string(&text, text.length > 0 ? "," : "");
			buffer_string(&text, words.list[i]);
		}
	if (!text.failed)
		expect(cases, name, text.text);
	cases->now.values.failed |= text.failed;
	buffer_free(&text);
}

static enum value_kind
kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof value_kinds / sizeof value_kinds[0]; i++)
		if (strcmp(value_kinds[i].name, name) == 0)
			return value_kinds[i].kind;
	return VALUE_ANY;
}

static void
unknown_result(struct cases *cases)
{
	const struct word *word = &cases->word;
	struct words words = { .count = 0 };
	const char *meant;

	if (case_name(word, journal_fact_name) != NULL) {
		case_error(cases, word->start, "%.*s is a fact: it stands before the "
		    "\"=>\"", (int)word->name_length, word->name);
		return;
	}
	while (words.count < WORDS_MAX &&
	    (words.list[words.count] = journal_result_name(words.count)) != NULL)
		words.count++;
	meant = suggest_word(word->name, word->name_length, words.list, words.count);
	case_error(cases, word->start, "a record has no \"%.*s\"%s%s%s",
	    (int)word->name_length, word->name,
	    meant != NULL ? ": did you mean \"" : "", meant != NULL ? meant : "",
	    meant != NULL ? "\"?" : "");
}

void
case_take_expected(struct cases *cases)
{
	const struct word *word = &cases->word;
	const char *name = case_name(word, journal_result_name);
	enum value_kind kind = name != NULL ? kind_of(name) : VALUE_ANY;
	struct words words = words_of(kind);

	if (name == NULL)
		unknown_result(cases);
	else if (strcmp(name, "time") == 0)
		case_error(cases, word->start, "the time of a record is not tested");
	else if (kind == VALUE_REASONS)
		expect_reasons(cases, name, word->text.text);
	else if (kind == VALUE_ANY || word->text.length == 0 ||
	    find_word(cases, &words, word->text.text, word->text.length,
	    kind == VALUE_ACTION ? "action" : kind == VALUE_REASON ? "reason" :
	    "kind of rule") != SIZE_MAX)
		expect(cases, name, word->text.text);
}
