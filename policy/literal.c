/*
 * literal.c - what a regular expression's matches must contain.
 *
 * A scanner of the part of pcre2pattern(3) that names of hosts need. Literals are runs of
 * characters that stand for themselves; all else only ends a run, and what is unknown
 * here (back references, recursion, conditions, \Q, \K, verbs, other flags than i, named
 * groups) makes the whole expression one without literals.
 *
 * Flags: (?i) and /i need no care, for comparing is in lower case, and the subjects are
 * ASCII (beyond it "k" and "s" have further forms).
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/literal.h"

#include <string.h>

/* Groups within groups; beyond that nothing is found. */
#define DEPTH_MAX 12

#define LITERAL_MIN 2

struct scan {
	const char *at;
	const char *end;
	unsigned depth;
	bool failed;		/* something that is not known here */
};

/* One atom of a sequence. */
struct atom {
	enum { ATOM_CHAR, ATOM_GROUP, ATOM_OTHER } type;
	char c;
	unsigned least;		/* how often it occurs at least */
	bool repeated;		/* not exactly once */
};

static void alternatives(struct scan *s, struct literals *found);

static char
peek(const struct scan *s, size_t ahead)
{
	return (size_t)(s->end - s->at) > ahead ? s->at[ahead] : '\0';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_ascii(char c)
{
	return (unsigned char)c < 0x80;
}

/* Goes over "text" if it comes next. */
static bool
skip(struct scan *s, const char *text)
{
	size_t length = strlen(text);

	if ((size_t)(s->end - s->at) < length || memcmp(s->at, text, length) != 0)
		return false;
	s->at += length;
	return true;
}

static void
end_run(struct literals *found, struct literal *run)
{
	if (run->length >= LITERAL_MIN && found->count < LITERAL_SETS) {
		found->sets[found->count].literals[0] = *run;
		found->sets[found->count++].count = 1;
	}
	run->length = 0;
}

static void
add_char(struct literals *found, struct literal *run, char c)
{
	if (run->length == LITERAL_MAX)
		end_run(found, run);
	run->text[run->length++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void
read_escape(struct scan *s, struct atom *atom)
{
	char c = peek(s, 1);

	if (c != '\0' && is_ascii(c) && !is_alphanumeric(c)) {
		atom->type = ATOM_CHAR;
		atom->c = c;
	} else if (c == '\0' || strchr("dDwWsShHvVNRXbBAzZG", c) == NULL ||
	    (c == 'N' && peek(s, 2) == '{'))
		s->failed = true;
	s->at += 2;
}

/* A class by name within a class, [:alpha:]. */
static bool
skip_named(struct scan *s)
{
	const char *before = s->at;

	if (!skip(s, "[:"))
		return false;
	(void)skip(s, "^");
	while (peek(s, 0) >= 'a' && peek(s, 0) <= 'z')
		s->at++;
	if (skip(s, ":]"))
		return true;
	s->at = before;
	return false;
}

/* A class; one with a single character, "[.]", is that character. */
static void
read_class(struct scan *s, struct atom *atom)
{
	bool negated;
	size_t count = 0;
	char c = '\0';

	s->at++;
	negated = skip(s, "^");
	while (!s->failed && (peek(s, 0) != ']' || count == 0)) {
		if (skip_named(s)) {
			count += 2;
			continue;
		}
		c = peek(s, 0);
		if (c == '\\') {
			s->at++;
			c = peek(s, 0);
			/* One that stands for others, or \Q, which hides the end. */
			if (is_alphanumeric(c)) {
				count++;
				s->failed = strchr("dDwWsShHvV", c) == NULL;
			}
		}
		/* A bracket that other versions may read otherwise; the end. */
		s->failed |= c == '[' || c == '\0' || s->at >= s->end;
		s->at++;
		count++;
	}
	s->at++;
	if (count == 1 && !negated && is_ascii(c)) {
		atom->type = ATOM_CHAR;
		atom->c = c;
	}
}

static void
read_group(struct scan *s, struct atom *atom, struct literals *inner)
{
	if (skip(s, "(?i)"))
		return;
	if (skip(s, "(?=") || skip(s, "(?!") || skip(s, "(?<=") || skip(s, "(?<!"))
		atom->type = ATOM_OTHER;
	else if (skip(s, "(?:") || skip(s, "(?i:") || skip(s, "(?>") || skip(s, "(?|"))
		atom->type = ATOM_GROUP;
	else if (peek(s, 1) == '?' || peek(s, 1) == '*') {
		s->failed = true;
		return;
	} else {
		s->at++;
		atom->type = ATOM_GROUP;
	}
	alternatives(s, inner);
	if (peek(s, 0) != ')')
		s->failed = true;
	s->at++;
}

/* {N}, {N,} or {N,M}: anything else means different things to different versions. */
static void
read_braces(struct scan *s, struct atom *atom)
{
	unsigned least = 0;

	s->at++;
	if (!is_digit(peek(s, 0)))
		s->failed = true;
	for (; is_digit(peek(s, 0)); s->at++)
		if (least == 0)
			least = (unsigned)(*s->at - '0');
	if (skip(s, ","))
		while (is_digit(peek(s, 0)))
			s->at++;
	if (!skip(s, "}"))
		s->failed = true;
	atom->least = least;
}

static void
read_quantifier(struct scan *s, struct atom *atom)
{
	char c = peek(s, 0);

	if (c == '\0' || strchr("*+?{", c) == NULL)
		return;
	atom->repeated = true;
	if (c == '{')
		read_braces(s, atom);
	else {
		atom->least = c == '+';
		s->at++;
	}
	/* Lazy or possessive is the same here. */
	if (peek(s, 0) == '?' || peek(s, 0) == '+')
		s->at++;
	c = peek(s, 0);
	if (c != '\0' && strchr("*+?{", c) != NULL)
		s->failed = true;
}

static struct atom
read_atom(struct scan *s, struct literals *inner)
{
	struct atom atom = { .type = ATOM_OTHER, .least = 1 };
	char c = peek(s, 0);

	if (c == '\\')
		read_escape(s, &atom);
	else if (c == '[')
		read_class(s, &atom);
	else if (c == '(')
		read_group(s, &atom, inner);
	else if (c == '\0' || strchr("*+?{", c) != NULL)
		s->failed = true;
	else {
		if (is_ascii(c) && strchr("^$.", c) == NULL) {
			atom.type = ATOM_CHAR;
			atom.c = c;
		}
		s->at++;
	}
	if (!s->failed)
		read_quantifier(s, &atom);
	return atom;
}

/* Takes over what every match of a group contains. */
static void
add_group(struct literals *found, const struct literals *inner)
{
	for (size_t i = 0; i < inner->count && found->count < LITERAL_SETS; i++)
		found->sets[found->count++] = inner->sets[i];
}

/* Up to a "|", a ")" or the end. */
static void
sequence(struct scan *s, struct literals *found)
{
	struct literal run = { .length = 0 };

	found->count = 0;
	while (!s->failed && s->at < s->end && *s->at != '|' && *s->at != ')') {
		struct literals inner = { .count = 0 };
		struct atom atom = read_atom(s, &inner);
		bool kept = atom.least > 0;

		if (atom.type == ATOM_CHAR && kept)
			add_char(found, &run, atom.c);
		if (atom.type != ATOM_CHAR || atom.repeated)
			end_run(found, &run);
		/* The last of the repeated ones stands before what follows. */
		if (atom.type == ATOM_CHAR && kept && atom.repeated)
			add_char(found, &run, atom.c);
		if (atom.type == ATOM_GROUP && kept)
			add_group(found, &inner);
	}
	end_run(found, &run);
}

size_t
literal_shortest(const struct literal_set *set)
{
	size_t shortest = LITERAL_MAX;

	for (size_t i = 0; i < set->count; i++)
		if (set->literals[i].length < shortest)
			shortest = set->literals[i].length;
	return shortest;
}

/* Of several branches one matches: one set, of the best of each. */
static bool
add_branch(struct literal_set *all, const struct literals *branch)
{
	const struct literal_set *best = NULL;

	for (size_t i = 0; i < branch->count; i++)
		if (best == NULL || literal_shortest(&branch->sets[i]) >
		    literal_shortest(best))
			best = &branch->sets[i];
	if (best == NULL || all->count + best->count > LITERAL_ALTERNATIVES)
		return false;
	memcpy(&all->literals[all->count], best->literals,
	    best->count * sizeof(best->literals[0]));
	all->count += best->count;
	return true;
}

static void
alternatives(struct scan *s, struct literals *found)
{
	struct literals branch;
	struct literal_set all = { .count = 0 };
	bool whole;

	if (++s->depth > DEPTH_MAX) {
		s->failed = true;
		return;
	}
	sequence(s, found);
	if (peek(s, 0) == '|') {
		whole = add_branch(&all, found);
		while (!s->failed && skip(s, "|")) {
			sequence(s, &branch);
			whole = whole && add_branch(&all, &branch);
		}
		found->count = whole;
		found->sets[0] = all;
	}
	s->depth--;
}

void
literal_find(const char *regex, size_t length, struct literals *found)
{
	struct scan s = { .at = regex, .end = regex + length };

	alternatives(&s, found);
	if (s.failed || s.at < s.end)
		found->count = 0;
}
