/*
 * case.c - the cases of policy tests, from their files.
 *
 * Each word is taken when it is read, so that every error has its line at hand and
 * a case that runs over many lines needs none of them kept.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/case.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/tool.h"
#include "base/date.h"

/* The name of a field as one of "names" has it, by number; NULL: it is none of them. */
static const char *
field_name(const struct word *word, const char *(*names)(size_t index))
{
	const char *name;

	for (size_t i = 0; (name = names(i)) != NULL; i++)
		if (strlen(name) == word->name_length &&
		    memcmp(word->name, name, word->name_length) == 0)
			return name;
	return NULL;
}

/* ------------------------------------------------------------------ *
 * What is to be judged
 * ------------------------------------------------------------------ */

void
case_quote(const char *value, struct buffer *text)
{
	buffer_string(text, "'");
	for (; *value != '\0'; value++) {
		if (*value == '\'')
			buffer_string(text, "'\\''");
		else
			buffer_add(text, value, 1);
	}
	buffer_string(text, "'");
}

/* Adds an argument as a shell takes it. */
static void
add_argument(struct buffer *text, const char *name, const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789._-:/@+,%";

	buffer_format(text, " %s=", name);
	if (value[strspn(value, plain)] == '\0')
		buffer_string(text, value);
	else
		case_quote(value, text);
}

/* Whether a fact was given, before this word, on this case. */
static bool
fact_given(const struct cases *cases, const char *name)
{
	struct buffer value = BUFFER_INIT;
	bool given = journal_fact_text(journal_facts_get(cases->now.facts), name,
	    &value);

	buffer_free(&value);
	return given;
}

static void
case_fact(struct cases *cases)
{
	struct word *word = &cases->word;
	const char *fact = field_name(word, journal_fact_name);
	char name[64] = "", error[JOURNAL_ERROR_MAX];

	if (field_name(word, journal_result_name) != NULL) {
		case_error(cases, word->start, "%.*s is what comes out: it stands after "
		    "the \"=>\"", (int)word->name_length, word->name);
		return;
	}
	if (fact != NULL && fact_given(cases, fact)) {
		case_error(cases, word->start, "%s is given twice", fact);
		return;
	}
	memcpy(name, word->name, word->name_length < sizeof(name) ? word->name_length :
	    sizeof(name) - 1);
	if (!journal_facts_set(cases->now.facts, fact != NULL ? fact : name,
	    word->text.text, error))
		case_error(cases, fact != NULL ? word->value : word->start, "%s", error);
	else if (fact != NULL)
		add_argument(&cases->now.arguments, fact, word->text.text);
}

/* Before the "=>". False where there is none. */
static bool
case_facts(struct cases *cases)
{
	struct review_words actions = review_action_words();
	const struct word *word = &cases->word;

	for (; word->type != WORD_ARROW; (void)case_word(cases)) {
		if (word->type == WORD_END) {
			if (!cases->lost)
				case_error(cases, word->value, "expected \"=>\" and what is to "
				    "come out");
			return false;
		}
		if (word->type == WORD_FIELD)
			case_fact(cases);
		else if (word->type != WORD_BAD && review_words_find(&actions,
		    word->text.text, word->text.length) < actions.count) {
			case_error(cases, word->start, "expected \"=>\" before \"%s\"",
			    word->text.text);
			cases->lost = true;
		} else if (word->type != WORD_BAD)
			case_error(cases, word->start, "expected NAME=VALUE or \"=>\", found "
			    "\"%s\"", word->text.text);
	}
	(void)case_word(cases);
	return true;
}

/* ------------------------------------------------------------------ *
 * What is to come out
 * ------------------------------------------------------------------ */

static struct review_words
rule_kind_words(void)
{
	struct review_words words = { .count = 0 };

	for (int i = RULE_CLIENT; i <= RULE_DEFAULT; i++)
		words.list[words.count++] = policy_rule_kind_name((enum policy_rule_kind)i);
	return words;
}

/* The fields whose values are words. */
static const struct value_kind {
	const char *name;
	const char *what;
	struct review_words (*words)(void);
	bool is_list;
} value_kinds[] = {
	{ "action", "action", review_action_words, false },
	{ "would", "action", review_action_words, false },
	{ "reason", "reason", review_reason_words, false },
	{ "would_reason", "reason", review_reason_words, false },
	{ "failed", "reason", review_reason_words, true },
	{ "would_failed", "reason", review_reason_words, true },
	{ "rule_kind", "kind of rule", rule_kind_words, false },
};

/* The word among "words"; NULL, reported, where it is none. */
static const char *
find_word(struct cases *cases, const struct review_words *words, const char *text,
    size_t length, const char *what)
{
	size_t found = review_words_find(words, text, length);

	if (found < words->count)
		return words->list[found];
	case_suggest(cases, cases->word.value, words, text, length,
	    "unknown %s \"%.*s\"", what, (int)length, text);
	return NULL;
}

/* "name" is a static string. */
static void
expect(struct cases *cases, const char *name, const char *value)
{
	struct test_case *test = &cases->now;
	size_t i = 0;

	while (i < test->expected_count && strcmp(test->expected[i].name, name) != 0)
		i++;
	if (i < test->expected_count || i == EXPECTATIONS_MAX) {
		case_error(cases, cases->word.start, "%s is given twice", name);
		return;
	}
	test->expected[test->expected_count++] =
	    (struct expectation){ name, test->values.length };
	buffer_add(&test->values, value, strlen(value) + 1);
}

/* A list of reasons, in any order, is expected in the record's. */
static void
expect_list(struct cases *cases, const struct value_kind *kind, const char *name)
{
	struct review_words words = kind->words();
	bool chosen[REVIEW_WORDS_MAX] = { false };
	struct buffer text = BUFFER_INIT;

	for (const char *value = cases->word.text.text; *value != '\0'; ) {
		size_t length = strcspn(value, ",");

		if (find_word(cases, &words, value, length, kind->what) == NULL)
			return;
		chosen[review_words_find(&words, value, length)] = true;
		value += length;
		value += *value == ',';
	}
	buffer_string(&text, "");
	for (size_t i = 0; i < words.count; i++)
		if (chosen[i])
			buffer_format(&text, "%s%s", text.length > 0 ? "," : "",
			    words.list[i]);
	if (!text.failed)
		expect(cases, name, text.text);
	cases->now.values.failed |= text.failed;
	buffer_free(&text);
}

static void
unknown_result(struct cases *cases)
{
	const struct word *word = &cases->word;
	struct review_words words = { .count = 0 };

	if (field_name(word, journal_fact_name) != NULL) {
		case_error(cases, word->start, "%.*s is a fact: it stands before the "
		    "\"=>\"", (int)word->name_length, word->name);
		return;
	}
	while (words.count < REVIEW_WORDS_MAX &&
	    (words.list[words.count] = journal_result_name(words.count)) != NULL)
		words.count++;
	case_suggest(cases, word->start, &words, word->name, word->name_length,
	    "a record has no \"%.*s\"", (int)word->name_length, word->name);
}

static void
take_expected(struct cases *cases)
{
	const struct word *word = &cases->word;
	const char *name = field_name(word, journal_result_name);
	const struct value_kind *kind = NULL;
	struct review_words words;

	for (size_t i = 0; i < sizeof(value_kinds) / sizeof(value_kinds[0]); i++)
		if (name != NULL && strcmp(value_kinds[i].name, name) == 0)
			kind = &value_kinds[i];
	if (name == NULL)
		unknown_result(cases);
	else if (strcmp(name, "time") == 0)
		case_error(cases, word->start, "the time of a record is not tested");
	else if (kind == NULL || word->text.length == 0)
		expect(cases, name, word->text.text);
	else if (kind->is_list)
		expect_list(cases, kind, name);
	else {
		words = kind->words();
		if (find_word(cases, &words, word->text.text, word->text.length,
		    kind->what) != NULL)
			expect(cases, name, word->text.text);
	}
}

/* False where what follows makes no sense without it. */
static bool
take_action(struct cases *cases)
{
	struct review_words words = review_action_words();
	const struct word *word = &cases->word;
	const char *action;

	if (word->type == WORD_BAD || (word->type == WORD_END && cases->lost))
		return false;
	if (word->type != WORD_BARE) {
		case_error(cases, word->type == WORD_END ? word->value : word->start,
		    "expected an action (accept, quarantine, tempfail or reject)");
		return false;
	}
	action = find_word(cases, &words, word->text.text, word->text.length, "action");
	if (action != NULL)
		expect(cases, "action", action);
	return action != NULL;
}

static void
take_reason(struct cases *cases)
{
	struct review_words words = review_reason_words();
	const struct word *word = &cases->word;
	const char *reason;

	/* Beside the reasons, for the suggestion. */
	words.list[words.count++] = "exempt";
	reason = find_word(cases, &words, word->text.text, word->text.length, "reason");
	if (reason == words.list[words.count - 1])
		cases->now.exempt = true;
	else if (reason != NULL)
		expect(cases, "reason", reason);
}

/* After the "=>". */
static void
take_results(struct cases *cases)
{
	const struct word *word = &cases->word;

	if (!take_action(cases))
		cases->lost = true;
	if (word->type == WORD_END)
		return;
	if (case_word(cases) == WORD_BARE) {
		take_reason(cases);
		(void)case_word(cases);
	}
	for (; word->type != WORD_END; (void)case_word(cases)) {
		if (word->type == WORD_FIELD)
			take_expected(cases);
		else if (word->type == WORD_ARROW)
			case_error(cases, word->start, "a case has one \"=>\"");
		else if (word->type != WORD_BAD)
			case_error(cases, word->start, "expected NAME=VALUE, found \"%s\"",
			    word->text.text);
	}
}

static void
take_case(struct cases *cases)
{
	cases->is_case = true;
	cases->count++;
	if (!case_facts(cases))
		return;
	take_results(cases);
	if (cases->item == CASE_READ && journal_facts_get(cases->now.facts)->from == NULL)
		case_error(cases, cases->word.value,
		    "from is missing (the null sender is \"<>\")");
}

/* ------------------------------------------------------------------ *
 * Directives
 * ------------------------------------------------------------------ */

/* A path beside the file; "path" alone where it is absolute. NULL: no memory. */
static char *
path_beside(const struct cases *cases, const char *path)
{
	const char *slash = strrchr(cases->path, '/');
	int folder = slash == NULL || path[0] == '/' ? 0 : (int)(slash + 1 - cases->path);
	char *text;

	return asprintf(&text, "%.*s%s", folder, cases->path, path) != -1 ? text : NULL;
}

static void
take_path(struct cases *cases, char **path, const char *directive)
{
	const struct word *word = &cases->word;

	if (word->type != WORD_STRING || word->text.length == 0)
		case_error(cases, word->start, "expected the path in double quotes");
	else if (*path != NULL)
		case_error(cases, word->start, "%s is given twice", directive);
	else if (cases->count > 0)
		case_error(cases, word->start, "%s stands before the first case",
		    directive);
	else if ((*path = path_beside(cases, word->text.text)) == NULL)
		case_error(cases, word->start, "not enough memory");
}

static void
take_date(struct cases *cases)
{
	const struct word *word = &cases->word;

	if (word->type == WORD_END)
		case_error(cases, word->start, "expected a date (YYYY-MM-DD)");
	else if (date_read_day(word->text.text, &cases->at))
		cases->has_at = true;
	else
		case_error(cases, word->start, "\"%s\" is not a date of the form "
		    "YYYY-MM-DD", word->text.text);
}

/* The directive's argument, and the end. */
static void
take_directive(struct cases *cases, const char *directive)
{
	const struct word *word = &cases->word;

	(void)case_word(cases);
	if (cases->lost || word->type == WORD_BAD)
		return;
	if (strcmp(directive, "at") == 0)
		take_date(cases);
	else
		take_path(cases, strcmp(directive, "policy") == 0 ? &cases->policy :
		    &cases->settings, directive);
	if (word->type == WORD_END)
		return;
	if (case_word(cases) != WORD_END && word->type != WORD_BAD)
		case_error(cases, word->start, "expected the end of the line");
	cases->lost = true;
}

/* ------------------------------------------------------------------ *
 * The file
 * ------------------------------------------------------------------ */

/* Begins with the first word: a case, or one of the directives. */
static void
take_statement(struct cases *cases)
{
	static const struct review_words directives = { { "policy", "settings", "at" }, 3 };
	static const struct review_words none = { { NULL }, 0 };
	const struct word *word = &cases->word;
	const char *text = word->text.text;
	size_t length = word->text.length, found;

	if (word->type == WORD_FIELD || word->type == WORD_ARROW ||
	    word->type == WORD_BAD) {
		take_case(cases);
		return;
	}
	found = review_words_find(&directives, text, length);
	if (word->type == WORD_BARE && found < directives.count) {
		take_directive(cases, directives.list[found]);
		return;
	}
	case_suggest(cases, word->start, word->type == WORD_BARE ? &directives : &none,
	    text, length, "expected a fact (NAME=VALUE) or policy, settings or at, found "
	    "\"%s\"", text);
	cases->lost = true;
}

static void
clear_case(struct test_case *test)
{
	buffer_clear(&test->written);
	buffer_clear(&test->arguments);
	buffer_clear(&test->values);
	journal_facts_clear(test->facts);
	test->expected_count = 0;
	test->exempt = false;
	test->line = 0;
}

/* Reads a statement, over as many lines as it has. */
static enum case_item
next_statement(struct cases *cases)
{
	const struct test_case *now = &cases->now;

	clear_case(&cases->now);
	cases->item = CASE_READ;
	cases->lost = cases->is_case = false;
	cases->word.type = WORD_END;
	if (!case_line(cases))
		return cases->item;
	cases->now.line = cases->number;
	if (case_word(cases) != WORD_END) {
		cases->now.line = cases->number;
		take_statement(cases);
		while (cases->word.type != WORD_END)
			(void)case_word(cases);
	}
	if (now->written.failed || now->arguments.failed || now->values.failed ||
	    cases->word.text.failed) {
		(void)tool_trouble("not enough memory");
		return CASE_UNREADABLE;
	}
	return cases->item;
}

enum case_item
cases_next(struct cases *cases, struct diags *diags)
{
	enum case_item item;

	cases->diags = diags;
	do
		item = next_statement(cases);
	while (item == CASE_READ && !cases->is_case);
	cases->has_errors |= item == CASE_WRONG;
	return item;
}

bool
cases_open(struct cases *cases, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*cases = (struct cases){ .path = path, .lines = { .fd = fd } };
	if (fd == -1) {
		(void)tool_trouble("cannot read \"%s\": %s", path, strerror(errno));
		return false;
	}
	cases->now.facts = journal_facts_new();
	if (cases->now.facts != NULL && lines_open(&cases->lines, fd))
		return true;
	(void)tool_trouble("not enough memory");
	return false;
}

void
cases_close(struct cases *cases)
{
	if (cases->lines.fd != -1)
		(void)close(cases->lines.fd);
	lines_close(&cases->lines);
	journal_facts_free(&cases->now.facts);
	buffer_free(&cases->now.written);
	buffer_free(&cases->now.arguments);
	buffer_free(&cases->now.values);
	buffer_free(&cases->word.text);
	free(cases->policy);
	free(cases->settings);
}

const char *
case_value(const struct test_case *test, const struct expectation *expected)
{
	return test->values.text + expected->value;
}
