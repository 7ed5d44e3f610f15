/*
 * case.c - the cases of policy tests, from their files.
 *
 * Each word is taken when it is read, so that every error has its line at hand and
 * a case that runs over many lines needs none of them kept.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/case.h"
#include "tool/case_expect.h"
#include "tool/tool.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/diag.h"
#include "base/suggest.h"
#include "base/text.h"

/* What the next word of a statement may be. */
enum state {
	AT_START, AT_FACT, AT_ACTION, AT_REASON, AT_EXPECTED,
	AT_POLICY, AT_SETTINGS, AT_DATE, AT_LAST,	/* of a directive */
	AT_NOTHING					/* after an error */
};

static const char *const directives[] = { "policy", "settings", "at" };
static const enum state after_directive[] = { AT_POLICY, AT_SETTINGS, AT_DATE };
#define DIRECTIVES (sizeof directives / sizeof directives[0])

static void
clear_case(struct test_case *test)
{
	buffer_clear(&test->written);
	buffer_clear(&test->arguments);
	buffer_clear(&test->values);
	journal_facts_clear(test->facts);
	test->expected_count = 0;
	test->exempt = false;
	test->wrong = false;
	test->line = 0;
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

/* Adds an argument as a shell takes it. */
static void
add_argument(struct buffer *text, const char *name, const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789._-:/@+,%";

	buffer_format(text, " %s=", name);
	if (value[strspn(value, plain)] == '\0') {
		buffer_string(text, value);
		return;
	}
	buffer_string(text, "'");
	for (; *value != '\0'; value++) {
		if (*value == '\'')
			buffer_string(text, "'\\''");
		else
			buffer_add(text, value, 1);
	}
	buffer_string(text, "'");
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
take_fact(struct cases *cases)
{
	struct word *word = &cases->word;
	const char *fact = case_name(word, journal_fact_name);
	char name[64] = "", error[JOURNAL_ERROR_MAX];

	if (case_name(word, journal_result_name) != NULL) {
		case_error(cases, word->start, "%.*s is what comes out: it stands after "
		    "the \"=>\"", (int)word->name_length, word->name);
		return;
	}
	if (fact != NULL && fact_given(cases, fact)) {
		case_error(cases, word->start, "%s is given twice", fact);
		return;
	}
	memcpy(name, word->name, word->name_length < sizeof name ? word->name_length :
	    sizeof name - 1);
	if (!journal_facts_set(cases->now.facts, fact != NULL ? fact : name,
	    word->text.text, error))
		case_error(cases, fact != NULL ? word->value : word->start, "%s", error);
	else if (fact != NULL)
		add_argument(&cases->now.arguments, fact, word->text.text);
}

/* Begins a statement: a case, or one of the directives. */
static void
take_first(struct cases *cases)
{
	const struct word *word = &cases->word;
	const char *meant = NULL;

	cases->now.line = cases->number;
	if (word->type == WORD_FIELD || word->type == WORD_ARROW ||
	    word->type == WORD_BAD) {
		cases->state = AT_FACT;
		cases->count++;
		return;
	}
	for (size_t i = 0; word->type == WORD_BARE && i < DIRECTIVES; i++)
		if (strcmp(word->text.text, directives[i]) == 0) {
			cases->state = (int)after_directive[i];
			return;
		}
	if (word->type == WORD_BARE)
		meant = suggest_word(word->text.text, word->text.length, directives,
		    DIRECTIVES);
	case_error(cases, word->start, "expected a fact (NAME=VALUE) or policy, settings "
	    "or at, found \"%s\"%s%s%s", word->text.text,
	    meant != NULL ? ": did you mean \"" : "", meant != NULL ? meant : "",
	    meant != NULL ? "\"?" : "");
	cases->state = AT_NOTHING;
}

/* Before the "=>". */
static void
take_left(struct cases *cases)
{
	const struct word *word = &cases->word;

	if (word->type == WORD_FIELD)
		take_fact(cases);
	else if (word->type == WORD_ARROW)
		cases->state = AT_ACTION;
	else if (word->type != WORD_BAD && case_is_action(word->text.text)) {
		case_error(cases, word->start, "expected \"=>\" before \"%s\"",
		    word->text.text);
		cases->state = AT_NOTHING;
	} else if (word->type != WORD_BAD)
		case_error(cases, word->start, "expected NAME=VALUE or \"=>\", found "
		    "\"%s\"", word->text.text);
}

/* After the "=>". */
static void
take_right(struct cases *cases)
{
	const struct word *word = &cases->word;

	if (cases->state == AT_ACTION) {
		cases->state = case_take_action(cases) ? AT_REASON : AT_NOTHING;
		return;
	}
	if (word->type == WORD_FIELD)
		case_take_expected(cases);
	else if (word->type == WORD_ARROW)
		case_error(cases, word->start, "a case has one \"=>\"");
	else if (word->type == WORD_BARE && cases->state == AT_REASON)
		case_take_reason(cases);
	else if (word->type != WORD_BAD)
		case_error(cases, word->start, "expected NAME=VALUE, found \"%s\"",
		    word->text.text);
	cases->state = AT_EXPECTED;
}

/* A path beside the file; "path" alone where it is absolute. NULL: no memory. */
static char *
beside(const struct cases *cases, const char *path)
{
	const char *slash = strrchr(cases->path, '/');
	struct buffer text = BUFFER_INIT;

	if (path[0] != '/' && slash != NULL)
		buffer_add(&text, cases->path, (size_t)(slash - cases->path) + 1);
	buffer_string(&text, path);
	if (text.failed)
		buffer_free(&text);
	return text.text;
}

static void
take_path(struct cases *cases, char **path, const char *directive)
{
	const struct word *word = &cases->word;

	if (word->type == WORD_BAD)
		return;
	if (word->type != WORD_STRING || word->text.length == 0)
		case_error(cases, word->start, "expected the path in double quotes");
	else if (*path != NULL)
		case_error(cases, word->start, "%s is given twice", directive);
	else if (cases->count > 0)
		case_error(cases, word->start, "%s stands before the first case",
		    directive);
	else if ((*path = beside(cases, word->text.text)) == NULL)
		case_error(cases, word->start, "not enough memory");
}

/* The argument of a directive. */
static void
take_argument(struct cases *cases)
{
	const struct word *word = &cases->word;

	if (cases->state == AT_POLICY)
		take_path(cases, &cases->policy, "policy");
	else if (cases->state == AT_SETTINGS)
		take_path(cases, &cases->settings, "settings");
	else if (date_read_day(word->text.text, &cases->at))
		cases->has_at = true;
	else
		case_error(cases, word->start, "\"%s\" is not a date of the form "
		    "YYYY-MM-DD", word->text.text);
	cases->state = AT_LAST;
}

static void
take(struct cases *cases)
{
	if (cases->state == AT_START)
		take_first(cases);
	else if (cases->state == AT_POLICY || cases->state == AT_SETTINGS ||
	    cases->state == AT_DATE) {
		take_argument(cases);
		return;
	} else if (cases->state == AT_LAST) {
		if (cases->word.type != WORD_BAD)
			case_error(cases, cases->word.start, "expected the end of the "
			    "line");
		cases->state = AT_NOTHING;
	}
	if (cases->state == AT_FACT)
		take_left(cases);
	else if (cases->state == AT_ACTION || cases->state == AT_REASON ||
	    cases->state == AT_EXPECTED)
		take_right(cases);
	/* What a string without its end took with it is not known. */
	if (cases->word.type == WORD_BAD && cases->next == cases->line + cases->length)
		cases->state = AT_NOTHING;
}

/* The end of a statement: is it whole? */
static void
finish(struct cases *cases)
{
	const char *end = cases->word.value;
	bool is_case = cases->state >= AT_FACT && cases->state <= AT_EXPECTED;

	if (cases->state == AT_FACT)
		case_error(cases, end, "expected \"=>\" and what is to come out");
	else if (cases->state == AT_ACTION)
		case_error(cases, end, "expected an action (accept, quarantine, tempfail "
		    "or reject)");
	else if (cases->state == AT_POLICY || cases->state == AT_SETTINGS)
		case_error(cases, end, "expected the path in double quotes");
	else if (cases->state == AT_DATE)
		case_error(cases, end, "expected a date (YYYY-MM-DD)");
	if (is_case && !cases->now.wrong &&
	    journal_facts_get(cases->now.facts)->from == NULL)
		case_error(cases, end, "from is missing (the null sender is \"<>\")");
}

/* Keeps what is written, for whoever is shown a case that fails. */
static void
keep_written(struct cases *cases, const char *from, const char *to)
{
	while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\\'))
		to--;
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	if (cases->now.written.length > 0 && from < to)
		buffer_add(&cases->now.written, " ", 1);
	buffer_add(&cases->now.written, from, (size_t)(to - from));
}

/* Reads one line. True where the next belongs to it. */
static bool
take_line(struct cases *cases)
{
	for (;;) {
		case_word(cases);
		if (cases->word.type == WORD_END || cases->word.type == WORD_JOIN)
			break;
		if (cases->state != AT_NOTHING)
			take(cases);
	}
	keep_written(cases, cases->line, cases->word.value);
	if (cases->word.type == WORD_JOIN)
		return true;
	finish(cases);
	return false;
}

/* What no text has: the place of the first, or NULL. */
static const char *
find_damage(const char *line, size_t length, const char **why)
{
	size_t good = text_utf8_length(line, length);

	for (size_t i = 0; i < good; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			*why = "a control character has no place here";
			return line + i;
		}
	}
	*why = "broken UTF-8: save the file as UTF-8";
	return good < length ? line + good : NULL;
}

/* Prepares the line that was read. */
static void
start_line(struct cases *cases)
{
	const char *why, *damage;

	cases->number = (unsigned)cases->lines.number;
	if (cases->number == 1 && cases->length >= 3 &&
	    memcmp(cases->line, "\xef\xbb\xbf", 3) == 0) {
		cases->line += 3;
		cases->length -= 3;
	}
	if (cases->length > 0 && cases->line[cases->length - 1] == '\r')
		cases->length--;
	cases->next = cases->line;
	damage = find_damage(cases->line, cases->length, &why);
	if (damage == NULL)
		return;
	case_error(cases, damage, "%s", why);
	cases->state = AT_NOTHING;
}

/* Gets the next line. CASE_READ: there is one; CASE_WRONG: it is too long. */
static enum case_item
next_line(struct cases *cases)
{
	for (;;) {
		switch (lines_next(&cases->lines, &cases->line, &cases->length)) {
		case LINE_READ:
			return CASE_READ;
		case LINE_LONG:
			cases->number = (unsigned)cases->lines.number;
			diags_add(cases->diags, SEVERITY_ERROR, NULL, cases->path,
			    cases->number, 1, NULL, 0,
			    "the line is longer than 1 MiB");
			return CASE_WRONG;
		case LINE_END:
			return CASE_END;
		case LINE_MORE:
			if (lines_fill(&cases->lines))
				break;
			(void)tool_trouble("cannot read \"%s\": %s", cases->path,
			    strerror(errno));
			return CASE_UNREADABLE;
		}
	}
}

static bool
short_of_memory(const struct cases *cases)
{
	const struct test_case *now = &cases->now;

	return now->written.failed || now->arguments.failed || now->values.failed ||
	    cases->word.text.failed;
}

/* Reads a statement, over as many lines as it has. */
static enum case_item
next_statement(struct cases *cases)
{
	bool joined = false;
	enum case_item item;

	clear_case(&cases->now);
	cases->state = AT_START;
	do {
		item = next_line(cases);
		if (item == CASE_END && joined) {
			diags_add(cases->diags, SEVERITY_ERROR, NULL, cases->path,
			    cases->number, 1, NULL, 0,
			    "there is no line to join to the last one");
			return CASE_WRONG;
		}
		if (item != CASE_READ)
			return item;
		start_line(cases);
		joined = take_line(cases);
	} while (joined);
	if (short_of_memory(cases)) {
		(void)tool_trouble("not enough memory");
		return CASE_UNREADABLE;
	}
	return cases->now.wrong ? CASE_WRONG : CASE_READ;
}

enum case_item
cases_next(struct cases *cases, struct diags *diags)
{
	enum case_item item;

	cases->diags = diags;
	do
		item = next_statement(cases);
	while (item == CASE_READ && (cases->state < AT_FACT ||
	    cases->state > AT_EXPECTED));
	cases->has_errors |= item == CASE_WRONG;
	return item;
}
