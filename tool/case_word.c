/*
 * case_word.c - the words of a line of policy tests.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tool/case.h"
#include "base/buffer.h"
#include "base/diag.h"

static const char *
line_end(const struct cases *cases)
{
	return cases->line + cases->length;
}

/* In code points, from 1. */
static unsigned
column_of(const struct cases *cases, const char *at)
{
	unsigned column = 1;

	for (const char *c = cases->line; c < at; c++)
		column += ((unsigned char)*c & 0xc0) != 0x80;
	return column;
}

void
case_error(struct cases *cases, const char *at, const char *format, ...)
{
	char message[JOURNAL_ERROR_MAX + 256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof message, format, args);
	va_end(args);
	diags_add(cases->diags, SEVERITY_ERROR, NULL, cases->path, cases->number,
	    column_of(cases, at), cases->line, cases->length, "%s", message);
	cases->now.wrong = true;
}

static bool
is_space(char c)
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
	while (!at_end(cases, cases->next) && !is_space(*cases->next))
		cases->next++;
	cases->word.type = WORD_BAD;
}

/* "..." with \" and \\; cases->next is behind the opening quote. */
static bool
take_string(struct cases *cases)
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
	if (at_end(cases, c + 1) || is_space(c[1]) || joins(cases, c + 1))
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
take_plain(struct cases *cases)
{
	const char *c = cases->next;

	while (!at_end(cases, c) && !is_space(*c) && !joins(cases, c)) {
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

	while (!at_end(cases, c) && !is_space(*c) && *c != '=' && *c != '"' && *c != '#')
		c++;
	return at_end(cases, c) || *c != '=' ? NULL : c;
}

static void
take_word(struct cases *cases)
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
		(void)take_string(cases);
	} else
		take_plain(cases);
}

void
case_word(struct cases *cases)
{
	struct word *word = &cases->word;

	while (!at_end(cases, cases->next) && is_space(*cases->next))
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
		take_word(cases);
}
