/*
 * regex_name.c - regular expressions: those that spell a name out, those that are slow.
 *
 * No more is read than what people write who mean a name: anything else is
 * REGEX_OTHER, of which nothing can be said.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Steps over the first of the words that the text begins with. */
static bool
skip(const char **text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(words[i]);

		if (strncmp(*text, words[i], length) == 0) {
			*text += length;
			return true;
		}
	}
	return false;
}

static void
regex_start(const char **text, struct regex_name *regex)
{
	static const char *const anchors[] = { "^", "\\A" };
	static const char *const boundaries[] = {
		"(^|\\.)", "(\\.|^)", "(?:^|\\.)", "(?:\\.|^)", "(|.*\\.)", "(.*\\.|)",
		"(.*\\.)?", "(.+\\.)?", "(?:.*\\.)?", "(?:.+\\.)?"
	};
	static const char *const anything[] = { ".*", ".+", "(.*)", "(.+)" };
	static const char *const dot[] = { "\\." };
	const char *before;

	regex->from_start = skip(text, anchors, COUNT(anchors));
	before = *text;
	if (skip(text, boundaries, COUNT(boundaries))) {
		/* An optional group says nothing unless the start is held. */
		regex->at_label = regex->or_itself = regex->from_start ||
		    memchr(before, '^', (size_t)(*text - before)) != NULL;
		regex->from_start = false;
		return;
	}
	if (skip(text, anything, COUNT(anything)))
		regex->from_start = false;
	/* "^\." matches no name at all. */
	if (!regex->from_start)
		regex->at_label = skip(text, dot, COUNT(dot));
}

/* The characters of a name, and what dots there are between them. */
static void
regex_plain(const char **text, struct regex_name *regex)
{
	size_t used = 0;
	const char *c = *text;

	while (used < REGEX_NAME_MAX - 1) {
		size_t step = c[0] == '\\' && (c[1] == '.' || c[1] == '-') ? 2 : 1;
		char character = c[step - 1];
		bool plain = isalnum((unsigned char)character) || character == '-' ||
		    character == '.';

		/* What a quantifier is about is no part of a name. */
		if (!plain || (c[step] != '\0' && strchr("*+?{", c[step]) != NULL))
			break;
		regex->loose_dot |= character == '.' && step == 1;
		regex->name[used++] = character;
		c += step;
	}
	regex->name[used] = '\0';
	*text = c;
}

static bool
is_name(const char *name)
{
	const char *last = strrchr(name, '.');

	if (last == NULL || last == name || name[0] == '.' || strstr(name, "..") != NULL)
		return false;
	/* A top-level domain has two letters at least (RFC 3696 section 2). */
	return isalpha((unsigned char)last[1]) && last[2] != '\0';
}

void
regex_name_read(const char *text, struct regex_name *regex)
{
	static const char *const ends[] = { "$", "\\z", "\\Z" };
	static const char *const anything[] = { ".*", "(.*)" };
	const char *whole = text;
	bool more;

	memset(regex, 0, sizeof(*regex));
	regex_start(&text, regex);
	regex->start = (size_t)(text - whole);
	regex_plain(&text, regex);
	regex->end = (size_t)(text - whole);
	more = skip(&text, anything, COUNT(anything));
	regex->to_end = skip(&text, ends, COUNT(ends)) && !more;
	if (*text != '\0')
		return;
	if (is_name(regex->name))
		regex->shape = REGEX_NAME;
	else if (regex->name[0] == '\0' && !regex->at_label &&
	    !(regex->from_start && regex->to_end))
		regex->shape = REGEX_ALL;
}

/* The "@" of an expression that is in no class; NULL: there is none, or are several. */
static const char *
only_at(const char *text)
{
	const char *found = NULL;
	bool class = false;

	for (; *text != '\0'; text++) {
		if (*text == '\\' && text[1] != '\0' && text[1] != '@')
			text++;
		else if (*text == '[' || *text == ']')
			class = *text == '[';
		else if (*text == '@' && !class && found != NULL)
			return NULL;
		else if (*text == '@' && !class)
			found = text;
	}
	return found;
}

void
regex_address_domain(const struct who *who, struct regex_name *domain)
{
	char text[REGEX_NAME_MAX * 2] = "";
	const char *at = only_at(who->name + 1);
	const char *end = strrchr(who->name, '/');

	if (who->type == WHO_REGEX && at != NULL && (size_t)(end - at) < sizeof(text))
		memcpy(text, at + 1, (size_t)(end - at) - 1);
	regex_name_read(text, domain);
	if (text[0] == '\0')
		domain->shape = REGEX_OTHER;
}

bool
regex_needs_upper_case(const char *text)
{
	bool class = false, found = false;

	for (; *text != '\0'; text++) {
		if (*text == '\\') {
			text++;
			/* What else begins with a backslash may have letters behind it. */
			if (isalnum((unsigned char)*text) && strchr("wWdDsSbBAzZ", *text) == NULL)
				return false;
			if (*text == '\0')
				break;
		} else if (*text == '[' || *text == ']') {
			class = *text == '[';
		} else if (!class && (*text == '|' || strncmp(text, "(?", 2) == 0)) {
			return false;
		} else if (!class && isupper((unsigned char)*text) &&
		    (text[1] == '\0' || strchr("?*{", text[1]) == NULL)) {
			found = true;
		}
	}
	return found;
}

/* The ")" of a group whose plain alternatives begin at "first"; NULL: it is none. */
static const char *
group_end(const char *first)
{
	const char *c = first;

	while (isalnum((unsigned char)*c) || *c == '-' || *c == '|' ||
	    (c[0] == '\\' && c[1] == '.'))
		c += *c == '\\' ? 2 : 1;
	return *c == ')' && (c[1] == '\0' || strchr("*+?{", c[1]) == NULL) ? c : NULL;
}

void
regex_name_first(const char *text, char *plain)
{
	while (*text != '\0') {
		const char *first = text + (strncmp(text, "(?:", 3) == 0 ? 3 : 1);
		const char *end = *text == '(' ? group_end(first) : NULL;
		size_t length = *text == '\\' && text[1] != '\0' ? 2 : 1;

		if (end != NULL)
			length = strcspn(first, "|)");
		memcpy(plain, end != NULL ? first : text, length);
		plain += length;
		text = end != NULL ? end + 1 : text + length;
	}
	*plain = '\0';
}

/* ------------------------------------------------------------------ *
 * Those that backtrack badly
 * ------------------------------------------------------------------ */

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
