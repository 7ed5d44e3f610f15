/*
 * lint_regex.c - warnings about regular expressions of a WHO.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/lint.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "policy/regex_name.h"

/*
 * How many that look slow are tried, and on what: names as long as there are, of a
 * few characters that the expression has itself, with an end that does not fit.
 */
#define SLOW_TRIES 50
#define SLOW_LENGTH 250
#define SLOW_PIECES 8

struct regex {
	const struct who *who;
	size_t index;
	bool anchored;
	bool caseless;
	char text[REGEX_NAME_MAX * 2];	/* without slashes; "": too long */
	struct regex_name name;
};

/* "/TEXT/FLAGS" as the WHO's name has it. */
static void
read_regex(const struct who_table *table, size_t index, struct regex *regex)
{
	const char *name, *end;

	memset(regex, 0, sizeof(*regex));
	regex->index = index;
	regex->who = &table->whos[table->regexes[index].who];
	regex->anchored = table->regexes[index].anchored;
	name = regex->who->name + 1;
	end = strrchr(name, '/');
	regex->caseless = end[1] == 'i';
	if ((size_t)(end - name) < sizeof(regex->text))
		memcpy(regex->text, name, (size_t)(end - name));
	if (regex->text[0] != '\0' || end == name)
		regex_name_read(regex->text, &regex->name);
}

static void
lint_shadow(struct parser *p, const struct regex *regex, const struct who *by)
{
	lint_who(p, regex->who, MSG_LINT_REGEX_SHADOWED, by->name, by->line,
	    policy_file(p->policy, by));
}

/* The WHO that applies to all that the expression can match, or NULL. */
static const struct who *
applies_before(const struct parser *p, const struct who_table *table,
    const struct regex *regex)
{
	const struct regex_name *name = &regex->name;
	size_t length = strlen(name->name);
	char below[REGEX_NAME_MAX + 1];
	const struct who *who;
	bool unknown = false;

	if (name->shape != REGEX_NAME || name->loose_dot || !name->to_end)
		return NULL;
	if (name->at_label && !name->or_itself) {
		(void)snprintf(below, sizeof(below), ".%s", name->name);
		who = index_find(table, below, length + 1);
		return who != NULL ? who : index_find_above(table, name->name, length);
	}
	if (!name->from_start)
		return NULL;
	if ((who = index_find(table, name->name, length)) == NULL)
		who = index_find_above(table, name->name, length);
	if (who == NULL)
		who = index_find_regex(table, p->policy->limits, name->name, length,
		    &unknown);
	return unknown || who == regex->who ? NULL : who;
}

static void
lint_name(struct parser *p, const struct regex *regex, bool exempts)
{
	const struct regex_name *name = &regex->name;
	char other[REGEX_NAME_MAX + 32], meant[REGEX_NAME_MAX * 2 + 8];
	size_t used;

	if (name->shape != REGEX_NAME)
		return;
	if (name->loose_dot)
		lint_who(p, regex->who, "%s", MSG_LINT_REGEX_DOT);
	/* That one which exempts is not anchored is said elsewhere. */
	if (exempts || (name->to_end && (name->from_start || name->at_label)))
		return;
	(void)snprintf(other, sizeof(other), "%s%s%s",
	    name->from_start ? "" : name->at_label ? "mx." : "not", name->name,
	    name->to_end ? "" : ".evil.example");
	used = (size_t)snprintf(meant, sizeof(meant), "%s", name->from_start ? "^" :
	    name->at_label && !name->or_itself ? "\\." : "(^|\\.)");
	for (const char *c = name->name; *c != '\0'; c++) {
		if (*c == '.')
			meant[used++] = '\\';
		meant[used++] = *c;
	}
	meant[used++] = '$';
	meant[used] = '\0';
	lint_who(p, regex->who, MSG_LINT_REGEX_END, other, meant);
}

static bool
has_upper_case(const char *text)
{
	for (; *text != '\0'; text++)
		if (isupper((unsigned char)*text))
			return true;
	return false;
}

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
 * Whether it has what a pattern that backtracks badly has: a repetition in one that
 * is repeated itself, or three in a row. Most that look so are harmless.
 */
static bool
looks_slow(const char *text)
{
	bool inside[32] = { false };	/* by depth: it has a repetition */
	size_t depth = 0, repetitions = 0;

	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\\' && c[1] != '\0')
			c++;
		else if (*c == '[')
			c = class_end(c);
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

/*
 * Whether there is a name on which the expression is given up: it is tried, with the
 * limits of every match.
 */
static bool
is_slow(const struct parser *p, const struct who_table *table, const struct regex *regex)
{
	char subject[SLOW_LENGTH + 4 + REGEX_NAME_MAX * 2], pieces[SLOW_PIECES + 1];
	size_t start = literal_start(regex->text, subject, SLOW_LENGTH / 4);
	size_t count = pieces_of(regex->text, pieces);

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
		for (const char *c = regex->text; *c != '\0'; c++)
			if (isalnum((unsigned char)*c))
				subject[at++] = *c;
		subject[at++] = '!';
		if (pattern_regex(table->regex_codes[regex->index], p->policy->limits,
		    subject, at) == POLICY_UNKNOWN)
			return true;
	}
	return false;
}

void
lint_regexes(struct parser *p, enum policy_rule_kind kind)
{
	const struct who_table *table = &p->policy->tables[kind];
	const struct who *all = NULL, *by;
	unsigned tries = 0;
	struct regex regex;

	for (size_t i = 0; i < table->regex_count; i++) {
		bool exempts;

		read_regex(table, i, &regex);
		exempts = period_active(
		    &p->policy->rules[regex.who->rule].settings.exempt, p->now);
		if (!regex.anchored && exempts)
			lint_who(p, regex.who, "%s", MSG_LINT_UNANCHORED);
		lint_name(p, &regex, exempts);
		if (regex.name.shape == REGEX_NAME && !regex.caseless &&
		    has_upper_case(regex.name.name))
			lint_who(p, regex.who, "%s", MSG_LINT_REGEX_CASE);
		else if ((by = all != NULL ? all : applies_before(p, table, &regex)) != NULL)
			lint_shadow(p, &regex, by);
		if (all == NULL && regex.name.shape == REGEX_ALL)
			all = regex.who;
		if (looks_slow(regex.text) && tries++ < SLOW_TRIES &&
		    is_slow(p, table, &regex))
			lint_who(p, regex.who, "%s", MSG_LINT_REGEX_SLOW);
	}
}
