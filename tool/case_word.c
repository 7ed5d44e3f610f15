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

#include "base/file.h"
#include "base/suggest.h"
#include "base/text.h"
#include "tool/tool.h"

/* The longest line that is taken, without its newline. */

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
	    cases->line, (size_t)(cases->end - cases->line), "%s", message);
	cases->item = CASE_WRONG;
}

void
case_unknown(struct cases *cases, const char *at, const char *what, const char *text,
    size_t length, const struct review_words *words)
{
	const char *meant = suggest_word(text, length, words->list, words->count);

	case_error(cases, at, "%s \"%.*s\"%s%s%s", what, (int)length, text,
	    meant != NULL ? ": did you mean \"" : "", meant != NULL ? meant : "",
	    meant != NULL ? "\"?" : "");
}

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

/* Nothing has a control character or what is no UTF-8: the rest of that is lost. */
static void
check_line(struct cases *cases)
{
	const char *c = cases->line;
	const char *damage = c + text_utf8_length(c, (size_t)(cases->end - c));

	while (c < damage && ((unsigned char)*c >= 0x20 || *c == '\t') && *c != 0x7f)
		c++;
	if (c == cases->end)
		return;
	case_error(cases, c, "%s", c < damage ? "a control character has no place here" :
	    "broken UTF-8: save the file as UTF-8");
	cases->lost = true;
}

/* How long a line is waited for to end: some have none that does. */
#define CASE_LINE_END (64 * CASE_LINE_MAX)

/*
 * Reads a line; of one that is too long what shows that. 0: the end; -1: trouble, with
 * errno set.
 */
static ssize_t
read_case_line(struct cases *cases)
{
	size_t length = 0, seen = 0;
	int c = 0;

	while (c != '\n' && (c = getc_unlocked(cases->file)) != EOF) {
		if (length <= CASE_LINE_MAX || (c == '\n' && length == CASE_LINE_MAX + 1))
			cases->text[length++] = (char)c;
		if (++seen > CASE_LINE_END) {
			errno = EFBIG;
			return -1;
		}
	}
	return ferror(cases->file) ? -1 : (ssize_t)length;
}

bool
case_line(struct cases *cases)
{
	ssize_t length = read_case_line(cases);
	const char *line = cases->text, *end;

	if (length <= 0) {
		cases->item = length < 0 ? CASE_TROUBLE : CASE_END;
		if (cases->item == CASE_TROUBLE)
			(void)tool_trouble("cannot read \"%s\": %s", cases->path,
			    file_why(errno));
		return false;
	}
	end = line + length - (line[length - 1] == '\n');
	cases->number++;
	if ((size_t)(end - line) > CASE_LINE_MAX) {
		line_error(cases, "the line is longer than 1 MiB");
		return false;
	}
	if (cases->number == 1 && end - line >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	cases->line = cases->next = line;
	cases->end = end > line && end[-1] == '\r' ? end - 1 : end;
	check_line(cases);
	return true;
}

/* The line ends at "end": keeps what is written, for those who see the case fail. */
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

/* Neither the end of the line nor white space is here. */
static bool
inside_word(const struct cases *cases, const char *at)
{
	return at < cases->end && *at != ' ' && *at != '\t';
}

/* A backslash at the very end of the line. */
static bool
joins(const struct cases *cases, const char *at)
{
	return at + 1 == cases->end && *at == '\\';
}

/* After an error: up to the next white space. */
static void
pass_over(struct cases *cases)
{
	while (inside_word(cases, cases->next))
		cases->next++;
	cases->word.type = WORD_BAD;
}

/* "..." with \" and \\; NULL, reported, where it has no end. */
static const char *
string_end(struct cases *cases, const char *open)
{
	const char *c = open + 1;

	for (; c < cases->end && *c != '"'; c++) {
		if (*c == '\\' && (++c == cases->end || (*c != '"' && *c != '\\'))) {
			case_error(cases, c - 1, "a backslash in a string stands "
			    "only before \" or another backslash");
			return NULL;
		}
		buffer_add(&cases->word.text, c, 1);
	}
	if (c < cases->end)
		return c + 1;
	case_error(cases, open, "the string has no closing quote on its line");
	return NULL;
}

static void
read_string(struct cases *cases)
{
	const char *end = string_end(cases, cases->next);

	cases->next = end != NULL ? end : cases->end;
	if (end == NULL)
		cases->word.type = WORD_BAD;
	else if (inside_word(cases, end) && !joins(cases, end)) {
		case_error(cases, end, "expected white space after the string");
		pass_over(cases);
	}
}

/* What is not quoted, up to white space. */
static void
read_plain(struct cases *cases)
{
	const char *c = cases->next;

	for (; inside_word(cases, c) && !joins(cases, c); c++)
		if (*c == '"' || *c == '#') {
			case_error(cases, c, *c == '#' ?
			    "a \"#\" in a word: put white space before a comment, or "
			    "the value into double quotes" :
			    "a quote in a word: put the whole value into double quotes");
			pass_over(cases);
			return;
		}
	buffer_add(&cases->word.text, cases->next, (size_t)(c - cases->next));
	cases->next = c;
}

static void
read_word(struct cases *cases)
{
	struct word *word = &cases->word;
	const char *equals = word->start;

	while (inside_word(cases, equals) && memchr("=\"#", *equals, 3) == NULL)
		equals++;
	word->type = inside_word(cases, equals) && *equals == '=' ? WORD_FIELD : WORD_BARE;
	if (word->type == WORD_FIELD) {
		word->name_length = (size_t)(equals - word->start);
		word->value = cases->next = equals + 1;
	}
	if (!inside_word(cases, cases->next) || *cases->next != '"') {
		read_plain(cases);
		return;
	}
	if (word->type == WORD_BARE)
		word->type = WORD_STRING;
	read_string(cases);
}

/* The next word of the line. */
static void
word_of_line(struct cases *cases)
{
	struct word *word = &cases->word;

	while (cases->next < cases->end && !inside_word(cases, cases->next))
		cases->next++;
	buffer_clear(&word->text);
	buffer_add(&word->text, "", 0);
	word->start = word->value = cases->next;
	if (cases->next == cases->end || *cases->next == '#')
		word->type = WORD_END;
	else if (joins(cases, cases->next))
		word->type = WORD_JOIN;
	else if (cases->end - cases->next >= 2 && memcmp(cases->next, "=>", 2) == 0) {
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
	cases->lost |= word->type == WORD_BAD && cases->next == cases->end;
	do {
		word_of_line(cases);
		cases->no_memory |= word->text.failed;
		cases->lost |= cases->no_memory;
		if (word->type == WORD_END || word->type == WORD_JOIN)
			keep_written(cases, word->value);
		if (word->type == WORD_JOIN && !case_line(cases)) {
			if (cases->item == CASE_END)
				line_error(cases,
				    "there is no line to join to the last one");
			cases->lost = true;
			word->type = WORD_END;
		}
	} while (word->type != WORD_END && (cases->lost || word->type == WORD_JOIN));
	return word->type;
}
