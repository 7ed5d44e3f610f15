/*
 * slow.c - whether a regular expression backtracks badly.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <ctype.h>
#include <string.h>

#include "lint/regex_name.h"

/*
 * How many that look slow are tried, and on what: names as long as there are, of a few
 * characters that the expression has itself, with an end that does not fit.
 */
#define SLOW_TRIES 50
#define SLOW_LENGTH 250
#define SLOW_PIECES 8

/* Whether what ends before "c" is repeated without bound. */
static bool
unbounded(const char *c)
{
	if (*c == '{')
		return strspn(c + 1, "0123456789") > 0 &&
		    strncmp(c + 1 + strspn(c + 1, "0123456789"), ",}", 2) == 0;
	/* A possessive one gives nothing back. */
	return (*c == '*' || *c == '+') && c[1] != '+';
}

/* The "]" of a class, or its "[" where there is none: quoted, it is no class. */
static const char *
class_end(const char *open)
{
	const char *c = open + 1;

	if (*c == '^')
		c++;
	/* The first may be a "]" itself. */
	if (*c != '\0')
		c++;
	c = strchr(c, ']');
	return c != NULL ? c : open;
}

/*
 * Whether it has what a pattern that backtracks badly has: a repetition or alternatives
 * in what is repeated itself, or three repetitions in a row. Most that look so are
 * harmless.
 */
static bool
looks_slow(const char *text)
{
	bool inside[32] = { false };	/* by depth: it has one of these */
	size_t depth = 0, repetitions = 0;

	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\\' && c[1] != '\0')
			c++;
		else if (*c == '[')
			c = class_end(c);
		else if (*c == '|')
			inside[depth] = true;
		else if (*c == '(' && depth + 1 < sizeof(inside))
			inside[++depth] = false;
		else if (*c == ')' && depth > 0) {
			bool had = inside[depth--];

			if (had && unbounded(c + 1))
				return true;
			inside[depth] |= had;
		}
		if (unbounded(c + 1)) {
			inside[depth] = true;
			repetitions++;
		}
	}
	return repetitions >= 3;
}

/* Single characters that the expression may be about: its own, and common ones. */
static size_t
pieces_of(const char *text, char pieces[SLOW_PIECES + 1])
{
	static const char common[] = "a0.-";
	size_t count = 0;

	(void)strcpy(pieces, common);
	count = strlen(common);
	for (; *text != '\0' && count < SLOW_PIECES; text++) {
		bool plain = isalnum((unsigned char)*text) && strchr(pieces, *text) == NULL;

		if (plain) {
			pieces[count++] = *text;
			pieces[count] = '\0';
		}
	}
	return count;
}

/* The literal characters with which an expression begins. */
static size_t
literal_start(const char *text, char *subject, size_t room)
{
	size_t used = 0;

	if (*text == '^')
		text++;
	while (used < room && *text != '\0') {
		size_t step = *text == '\\' && ispunct((unsigned char)text[1]) ? 2 : 1;

		if (step == 1 && !isalnum((unsigned char)*text) && *text != '-')
			break;
		if (text[step] != '\0' && strchr("*+?{", text[step]) != NULL)
			break;
		subject[used++] = text[step - 1];
		text += step;
	}
	return used;
}

bool
lint_is_slow(const struct policy *policy, const char *text, pcre2_code *code, unsigned *tries)
{
	char subject[SLOW_LENGTH + 4 + REGEX_NAME_MAX * 2], pieces[SLOW_PIECES + 1];
	size_t start, count;

	if (strlen(text) >= REGEX_NAME_MAX * 2 || !looks_slow(text) ||
	    *tries >= SLOW_TRIES)
		return false;
	(*tries)++;
	start = literal_start(text, subject, SLOW_LENGTH / 4);
	count = pieces_of(text, pieces);
	for (size_t i = 0; i < count * 2; i++) {
		size_t at = start;

		/* Runs of one character, and of it between others. */
		while (at < SLOW_LENGTH) {
			subject[at++] = pieces[i / 2];
			if (i % 2 == 1)
				subject[at++] = pieces[i / 2] == 'a' ? '.' : 'a';
		}
		/* PCRE2 looks first whether what is needed at all is there. */
		subject[at++] = '!';
		for (const char *c = text; *c != '\0'; c++)
			if (isalnum((unsigned char)*c))
				subject[at++] = *c;
		subject[at++] = '!';
		if (pattern_regex(code, policy->limits, subject, at) == POLICY_UNKNOWN)
			return true;
	}
	return false;
}
