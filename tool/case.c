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

#include "tool/tool.h"
#include "base/date.h"
#include "base/file.h"

/* The name of a field as one of "names" has it, by number; NULL: it is none of them. */
static const char *
field_name(const struct word *word, const char *(*names)(size_t index))
{
	const char *name;

	for (size_t i = 0; (name = names(i)) != NULL; i++)
		if (strlen(name) == word->name_length &&
		    memcmp(word->start, name, word->name_length) == 0)
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
	const struct word *word = &cases->word;
	bool known = field_name(word, journal_fact_name) != NULL;
	char name[64], error[JOURNAL_ERROR_MAX];

	(void)snprintf(name, sizeof(name), "%.*s", (int)word->name_length, word->start);
	if (field_name(word, journal_result_name) != NULL)
		case_error(cases, word->start, "%s is what comes out: it stands after "
		    "the \"=>\"", name);
	else if (known && fact_given(cases, name))
		case_error(cases, word->start, "%s is given twice", name);
	else if (!journal_facts_set_written(cases->now.facts, name,
	    word->text.text, error))
		case_error(cases, known ? word->value : word->start, "%s", error);
	else if (known)
		add_argument(&cases->now.arguments, name, word->text.text);
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

/* The one value that the field has. */
static struct review_words
enforced_words(void)
{
	return (struct review_words){ .list = { "no" }, .count = 1 };
}

/* Beside the reasons, for the suggestion. */
static struct review_words
bare_reason_words(void)
{
	struct review_words words = review_reason_words();

	words.list[words.count++] = "exempt";
	return words;
}

/* A field whose value is one of some words. */
struct word_field {
	const char *name;
	const char *unknown;	/* what another word is */
	struct review_words (*words)(void);
	bool is_list;		/* of them */
};

static const struct word_field word_fields[] = {
	{ "action", "unknown action", review_action_words, false },
	{ "would", "unknown action", review_action_words, false },
	{ "reason", "unknown reason", review_reason_words, false },
	{ "would_reason", "unknown reason", review_reason_words, false },
	{ "failed", "unknown reason", review_reason_words, true },
	{ "would_failed", "unknown reason", review_reason_words, true },
	{ "rule_kind", "unknown kind of rule", rule_kind_words, false },
	{ "enforced", "enforced is \"no\" or nothing, not", enforced_words, false },
};

static const struct word_field bare_reason = {
	"reason", "unknown reason", bare_reason_words, false
};

/* "name" is a static string; its value is to follow in "values". */
static bool
expect(struct cases *cases, const char *name)
{
	struct test_case *test = &cases->now;
	size_t i = 0;

	while (i < test->expected_count && strcmp(test->expected[i].name, name) != 0)
		i++;
	if (i < test->expected_count || i == EXPECTATIONS_MAX) {
		case_error(cases, cases->word.start, "%s is given twice", name);
		return false;
	}
	test->expected[test->expected_count++] =
	    (struct expectation){ name, test->values.length };
	return true;
}

/* The members of a list, in any order, as the record has them. False: it has none such. */
static bool
expect_words(struct cases *cases, const struct word_field *field)
{
	struct review_words words = field->words();
	const char *text = cases->word.text.text, *before = "";
	bool chosen[REVIEW_WORDS_MAX] = { false };

	do {
		size_t length = field->is_list ? strcspn(text, ",") : strlen(text);
		size_t found = review_words_find(&words, text, length);

		if (found == words.count) {
			case_unknown(cases, cases->word.value, field->unknown, text, length,
			    &words);
			return false;
		}
		chosen[found] = true;
		text += length + (text[length] == ',');
	} while (*text != '\0');
	if (!expect(cases, field->name))
		return true;
	for (size_t i = 0; i < words.count; i++)
		if (chosen[i]) {
			buffer_format(&cases->now.values, "%s%s", before, words.list[i]);
			before = ",";
		}
	buffer_add(&cases->now.values, "", 1);
	return true;
}

static void
unknown_result(struct cases *cases)
{
	const struct word *word = &cases->word;
	struct review_words words = { .count = 0 };

	if (field_name(word, journal_fact_name) != NULL) {
		case_error(cases, word->start, "%.*s is a fact: it stands before the "
		    "\"=>\"", (int)word->name_length, word->start);
		return;
	}
	while (words.count < REVIEW_WORDS_MAX &&
	    (words.list[words.count] = journal_result_name(words.count)) != NULL)
		words.count++;
	case_unknown(cases, word->start, "a record has no", word->start,
	    word->name_length, &words);
}

static void
take_expected(struct cases *cases)
{
	const struct word *word = &cases->word;
	const char *name = field_name(word, journal_result_name);
	const struct word_field *field = word_fields;
	const struct word_field *end = field + sizeof(word_fields) / sizeof(word_fields[0]);

	if (name == NULL) {
		unknown_result(cases);
		return;
	}
	while (field < end && strcmp(field->name, name) != 0)
		field++;
	if (strcmp(name, "time") == 0)
		case_error(cases, word->start, "the time of a record is not tested");
	else if (field < end && word->text.length > 0)
		(void)expect_words(cases, field);
	else if (expect(cases, name))
		buffer_add(&cases->now.values, word->text.text, word->text.length + 1);
}

/* False where what follows makes no sense without it. */
static bool
take_action(struct cases *cases)
{
	const struct word *word = &cases->word;

	if (word->type == WORD_BAD || cases->lost)
		return false;
	if (word->type == WORD_BARE)
		return expect_words(cases, &word_fields[0]);
	case_error(cases, word->start, "expected an action (accept, quarantine, tempfail or "
	    "reject)");
	return false;
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
		if (strcmp(word->text.text, "exempt") == 0)
			cases->now.exempt = true;
		else
			(void)expect_words(cases, &bare_reason);
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
	char error[JOURNAL_ERROR_MAX];

	cases->is_case = true;
	cases->count++;
	if (!case_facts(cases))
		return;
	take_results(cases);
	if (cases->item == CASE_READ &&
	    !journal_facts_whole(journal_facts_get(cases->now.facts), error))
		case_error(cases, cases->word.value, "%s", error);
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

static const struct review_words directives = { { "policy", "settings", "at" }, 3 };

/* The directive of that number, its argument, and the end. */
static void
take_directive(struct cases *cases, size_t number)
{
	const struct word *word = &cases->word;

	(void)case_word(cases);
	if (cases->lost)
		return;
	if (word->type != WORD_BAD && number == 2)
		take_date(cases);
	else if (word->type != WORD_BAD)
		take_path(cases, number == 0 ? &cases->policy : &cases->settings,
		    directives.list[number]);
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
	const struct word *word = &cases->word;
	struct review_words words = directives;
	size_t found;

	if (word->type == WORD_FIELD || word->type == WORD_ARROW ||
	    word->type == WORD_BAD) {
		take_case(cases);
		return;
	}
	if (word->type == WORD_STRING)
		words.count = 0;
	found = review_words_find(&words, word->text.text, word->text.length);
	if (found < words.count) {
		take_directive(cases, found);
		return;
	}
	case_unknown(cases, word->start, "expected a fact (NAME=VALUE) or policy, settings "
	    "or at, found", word->text.text, word->text.length, &words);
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
	    cases->no_memory) {
		(void)tool_no_memory();
		return CASE_TROUBLE;
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
	cases->wrong += item == CASE_WRONG;
	return item;
}

/* So long somebody may take to write to a FIFO. */
#define WRITER_MS 2000

bool
cases_open(struct cases *cases, const char *path)
{
	struct stat status;
	int fd;

	*cases = (struct cases){ .path = path, .line = "", .end = "" };
	fd = file_open(path, WRITER_MS, &status);
	cases->file = fd != -1 && fcntl(fd, F_SETFL, O_RDONLY) == 0 ? fdopen(fd, "r") : NULL;
	cases->text = malloc(CASE_LINE_MAX + 2);
	cases->now.facts = journal_facts_new();
	if (cases->file != NULL && cases->text != NULL && cases->now.facts != NULL)
		return true;
	if (cases->file == NULL)
		(void)tool_trouble("cannot read \"%s\": %s", path, file_why(errno));
	else
		(void)tool_no_memory();
	return false;
}

void
cases_close(struct cases *cases)
{
	if (cases->file != NULL)
		(void)fclose(cases->file);
	free(cases->text);
	journal_facts_free(&cases->now.facts);
	buffer_free(&cases->now.written);
	buffer_free(&cases->now.arguments);
	buffer_free(&cases->now.values);
	buffer_free(&cases->word.text);
	free(cases->policy);
	free(cases->settings);
}
