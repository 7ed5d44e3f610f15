/*
 * regex_name.h - regular expressions that spell a name out.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_LINT_REGEX_NAME_H
#define TLSWARD_LINT_REGEX_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define REGEX_NAME_MAX 256

/* What a regular expression is, where it is as simple as this. */
struct regex_name {
	enum {
		REGEX_OTHER,
		REGEX_ALL,	/* matches every name, as "^.*$" does */
		REGEX_NAME	/* a name of two labels at least */
	} shape;
	bool from_start;	/* nothing may stand before the name */
	bool at_label;		/* what stands before it ends with a dot */
	bool or_itself;		/* with "at_label": or is nothing at all */
	bool to_end;		/* nothing may stand behind it */
	bool loose_dot;		/* a dot in it stands for any character */
	char name[REGEX_NAME_MAX];	/* with loose dots as dots */
	size_t start, end;	/* where in the text the name is written */
};

/* Reads a regular expression as written, without its slashes. */
void regex_name_read(const char *text, struct regex_name *regex);

/*
 * Writes the expression to "plain", which has room for all of it, with the first of
 * the alternatives for each group of plain ones: "a\.com" for "a\.(com|net)".
 */
void regex_name_first(const char *text, char *plain);

#endif
