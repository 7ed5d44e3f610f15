/*
 * case_word.c - the lines and words of policy tests.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/case.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tool/tool.h"
#include "base/suggest.h"
#include "base/text.h"

/* ------------------------------------------------------------------ *
 * Errors
 * ------------------------------------------------------------------ */

/* "message" of the line as a whole, which is not there to be shown. */
static void
line_error(struct cases *cases, const char *message)
{
	diags_add(cases->diags, SEVERITY_ERROR, NULL, cases->path, cases->number, 1, NULL, 0,
	    "%s", message);
	cases->item = CASE_WRONG;
}

void
case_error(struct cases *cases, const char *at, const char *format, ...)
{
	char message[JOURNAL_ERROR_MAX + 256];
	unsigned column = 1;
	va_list args;

	/* In code points. */
	for (const char *c = cases->line; c < at; c++)
		column += text_begins(*c);
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	diags_add(cases->diags, SEVERITY_ERROR, NULL, cases->path, cases->number, column,
	    cases->line, cases->length, "%s", message);
	cases->item = CASE_WRONG;
}

void
case_suggest(struct cases *cases, const char *at, const struct review_words *words,
    const char *text, size_t length, const char *format, ...)
{
	const char *meant = suggest_word(text, length, words->list, words->count);
	char message[JOURNAL_ERROR_MAX + 256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	case_error(cases, at, "%s%s%s%s", message, meant != NULL ? ": did you mean \"" : "",
	    meant != NULL ? meant : "", meant != NULL ? "\"?" : "");
}

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

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
	cases->lost = true;
}

bool
case_line(struct cases *cases)
{
	for (;;) {
		switch (lines_next(&cases->lines, &cases->line, &cases->length)) {
		case LINE_READ:
			start_line(cases);
			return true;
		case LINE_LONG:
			cases->number = (unsigned)cases->lines.number;
			line_error(cases, "the line is longer than 1 MiB");
			return false;
		case LINE_END:
			cases->item = CASE_END;
			return false;
		case LINE_MORE:
			if (lines_fill(&cases->lines))
				break;
			(void)tool_trouble("cannot read \"%s\": %s", cases->path,
			    strerror(errno));
			cases->item = CASE_UNREADABLE;
			return false;
		}
	}
}

/* The line ends at "end": keeps what is written, for whoever sees the case fail. */
static void
keep_written(struct cases *cases, const char *end)
{
	const char *from = cases->line;

	while (end > from && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\\'))
		end--;
	while (from < end && (*from == ' ' || *from == '\t'))
		from++;
	if (cases->now.written.length > 0 && from < end)
		buffer_add(&cases->now.written, " ", 1);
	buffer_add(&cases->now.written, from, (size_t)(end - from));
}

/* ------------------------------------------------------------------ *
 * Words
 * ------------------------------------------------------------------ */

static const char *
line_end(const struct cases *cases)
{
	return cases->line + cases->length;
}

static bool
is_word_end(char c)
{
	return c == ' ' || c == '\t';
}

/* Nothing but the end of the line is here. */
static bool
at_end(const struct cases *cases, const char *at)
{
	return at == line_end(cases);
}

/* A backslash at the very end of the line. */
static bool
joins(const struct cases *cases, const char *at)
{
	return at + 1 == line_end(cases) && *at == '\\';
}

/* After an error: up to the next white space. */
static void
pass_over(struct cases *cases)
{
	while (!at_end(cases, cases->next) && !is_word_end(*cases->next))
		cases->next++;
	cases->word.type = WORD_BAD;
}

/* "..." with \" and \\; cases->next is behind the opening quote. */
static bool
read_string(struct cases *cases)
{
	const char *open = cases->next - 1, *c = cases->next;

	for (; !at_end(cases, c) && *c != '"'; c++) {
		if (*c == '\\') {
			if (at_end(cases, c + 1) || (c[1] != '"' && c[1] != '\\')) {
				case_error(cases, c, "a backslash in a string stands "
				    "only before \" or another backslash");
				goto fail;
			}
			c++;
		}
		buffer_add(&cases->word.text, c, 1);
	}
	if (at_end(cases, c)) {
		case_error(cases, open, "the string has no closing quote on its line");
		goto fail;
	}
	cases->next = c + 1;
	if (at_end(cases, c + 1) || is_word_end(c[1]) || joins(cases, c + 1))
		return true;
	case_error(cases, c + 1, "expected white space after the string");
	pass_over(cases);
	return false;
fail:
	/* Where the string was meant to end is not known. */
	cases->next = line_end(cases);
	cases->word.type = WORD_BAD;
	return false;
}

/* What is not quoted, up to white space. */
static void
read_plain(struct cases *cases)
{
	const char *c = cases->next;

	while (!at_end(cases, c) && !is_word_end(*c) && !joins(cases, c)) {
		if (*c == '"' || *c == '#') {
			case_error(cases, c, *c == '#' ?
			    "a \"#\" in a word: put white space before a comment, or "
			    "the value into double quotes" :
			    "a quote in a word: put the whole value into double quotes");
			pass_over(cases);
			return;
		}
		c++;
	}
	buffer_add(&cases->word.text, cases->next, (size_t)(c - cases->next));
	cases->next = c;
}

/* The "=" of NAME=, or NULL where there is none: of "=>" the word is no field. */
static const char *
find_equals(const struct cases *cases)
{
	const char *c = cases->next;

	while (!at_end(cases, c) && !is_word_end(*c) && *c != '=' && *c != '"' && *c != '#')
		c++;
	return at_end(cases, c) || *c != '=' ? NULL : c;
}

static void
read_word(struct cases *cases)
{
	struct word *word = &cases->word;
	const char *equals = find_equals(cases);

	word->type = WORD_BARE;
	if (equals != NULL) {
		word->type = WORD_FIELD;
		word->name = cases->next;
		word->name_length = (size_t)(equals - cases->next);
		cases->next = equals + 1;
	}
	word->value = cases->next;
	if (!at_end(cases, cases->next) && *cases->next == '"') {
		if (equals == NULL)
			word->type = WORD_STRING;
		cases->next++;
		(void)read_string(cases);
	} else
		read_plain(cases);
}

/* The next word of the line. */
static void
word_of_line(struct cases *cases)
{
	struct word *word = &cases->word;

	while (!at_end(cases, cases->next) && is_word_end(*cases->next))
		cases->next++;
	buffer_clear(&word->text);
	buffer_add(&word->text, "", 0);
	word->start = word->value = cases->next;
	if (at_end(cases, cases->next) || *cases->next == '#')
		word->type = WORD_END;
	else if (joins(cases, cases->next))
		word->type = WORD_JOIN;
	else if (line_end(cases) - cases->next >= 2 &&
	    memcmp(cases->next, "=>", 2) == 0) {
		word->type = WORD_ARROW;
		cases->next += 2;
	} else
		read_word(cases);
}

enum word_type
case_word(struct cases *cases)
{
	struct word *word = &cases->word;
	/* A string without its end takes the rest of its line with it. */
	bool open = word->type == WORD_BAD && at_end(cases, cases->next);

	cases->lost |= open;
	do {
		word_of_line(cases);
		if (word->type != WORD_END && word->type != WORD_JOIN)
			continue;
		keep_written(cases, word->value);
		if (word->type == WORD_END)
			break;
		if (!case_line(cases)) {
			if (cases->item == CASE_END)
				line_error(cases,
				    "there is no line to join to the last one");
			cases->lost = true;
			word->type = WORD_END;
			break;
		}
	} while (cases->lost || word->type == WORD_JOIN);
	return word->type;
}
