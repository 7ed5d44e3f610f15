/*
 * slow.c - whether a regular expression backtracks badly.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/*
 * How many that may be slow are tried, and on what: names as long as there are, of a few
 * characters that the expression has itself or that are common, with an end that does
 * not fit.
 */
#define SLOW_TRIES 200
#define SLOW_LENGTH 250
#define SLOW_COMMON "a0.-"
#define SLOW_PIECES 10

/* One that backtracks badly has two repetitions or alternatives at least. */
static bool
may_be_slow(const char *text)
{
	size_t count = 0;

	while ((text = strpbrk(text, "*+{|")) != NULL) {
		count++;
		text++;
	}
	return count >= 2;
}

/* The characters with which an expression begins, as far as they are plain. */
static size_t
plain_start(const char *text, char *start, size_t room)
{
	size_t used = 0;

	for (text += *text == '^'; used < room; text++) {
		if (*text == '\\' && ispunct((unsigned char)text[1]))
			text++;
		else if (!isalnum((unsigned char)*text) && *text != '-')
			break;
		start[used++] = *text;
	}
	return used;
}

bool
lint_is_slow(const struct policy *policy, const char *text, pcre2_code *code,
    unsigned *tries)
{
	char subject[SLOW_LENGTH + 4 + REGEX_NAME_MAX * 2];
	char pieces[sizeof(SLOW_COMMON) + REGEX_NAME_MAX * 2] = SLOW_COMMON;
	const char *own = pieces + strlen(SLOW_COMMON);
	size_t start, count = strlen(SLOW_COMMON);

	if (strlen(text) >= REGEX_NAME_MAX * 2 || !may_be_slow(text) ||
	    *tries >= SLOW_TRIES)
		return false;
	(*tries)++;
	start = plain_start(text, subject, SLOW_LENGTH / 4);
	for (const char *c = text; *c != '\0'; c++)
		if (isalnum((unsigned char)*c))
			pieces[count++] = *c;
	for (size_t i = 0; i < SLOW_PIECES * 2 && i < count * 2; i++) {
		size_t at = start;

		/* Runs of one character, and of it between others. */
		while (at < SLOW_LENGTH) {
			subject[at++] = pieces[i / 2];
			if (i % 2 == 1)
				subject[at++] = pieces[i / 2] == 'a' ? '.' : 'a';
		}
		/* PCRE2 looks first whether what is needed at all is there. */
		at += (size_t)sprintf(subject + at, "!%s!", own);
		if (pattern_regex(code, policy->limits, subject, at) == POLICY_UNKNOWN)
			return true;
	}
	return false;
}
