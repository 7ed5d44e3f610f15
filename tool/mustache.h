/*
 * mustache.h - text with places for values, filled from JSON: a part of Mustache.
 *
 *   {{name}}               the value: text, escaped, a whole number with its thousands
 *                          apart, a real one with two digits behind the point, and of
 *                          anything else nothing
 *   {{name|plain}}         a whole number in digits alone
 *   {{name|s}}             the "s" of a plural, for any number but 1
 *   {{name|day}}           of a time of RFC 3339 the day: 2026-01-31; the day and minute:
 *   {{name|minute}}        2026-01-31 12:00 CET; the day in words: 31 Jan, 31 January, with
 *   {{name|short}}         the year where it is ten months from now; all in the
 *   {{name|long}}          reader's time zone; an en dash where there is none
 *   {{name|date}}          of the start of a day in UTC, as policies have it, that day
 *   {{{name}}}             text as it is: for what is markup itself
 *   {{#name}}...{{/name}}  once for each element of an array, or once for any other
 *                          value but false, 0 and ""
 *   {{^name}}...{{/name}}  once where {{#name}} writes nothing
 *   {{#,}}, {{/,}}         in an array's element: for all but the first
 *   {{! ... }}             nothing
 *
 * A name is a path: {{totals.held}}; {{.}} is the innermost value itself. Names are those
 * of the innermost object, and what that has not is not looked for around it: one row's
 * missing value is never taken from elsewhere. A section's tag
 * or a comment that is alone on its line takes the line with it. Text is made visible
 * where it is escaped: what turns text around or cannot be seen is written as \uXXXX.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_MUSTACHE_H
#define TLSWARD_TOOL_MUSTACHE_H

#include <limits.h>
#include <stdbool.h>

#include <jansson.h>

#include "base/buffer.h"

#define MUSTACHE_VALUE_MAX 320	/* bytes of a value in HTML, then an ellipsis */
#define MUSTACHE_YEAR_MS (INT64_C(300) * 86400 * 1000)	/* so far away, a day has its year */

/* What text is escaped for. */
enum mustache_use {
	MUSTACHE_HTML,		/* and XML: without their markup */
	MUSTACHE_SCREEN,
	MUSTACHE_ASCII,		/* without a letter beyond ASCII */
	MUSTACHE_CSV		/* numbers are plain, and flags "yes" or "no" */
};

/* A template. */
struct mustache {
	char path[PATH_MAX];	/* for what is said of it */
	char *text;
	enum mustache_use use;
};

/*
 * Reads one of the program's data files, as "page/report.html". "template->text" is to
 * be freed in any case. False, having said why, where that fails.
 */
bool mustache_read(const char *name, enum mustache_use use, struct mustache *template);

/*
 * Appends the text with the values of an object, whose reference is taken; NULL: no
 * memory for it. False, having said why, where a tag is broken or memory is short.
 */
bool mustache_fill(const struct mustache *template, json_t *values,
    struct buffer *text);

/* Both, of a file that is filled once. */
bool mustache_fill_file(const char *name, enum mustache_use use, json_t *values,
    struct buffer *text);

/*
 * Writes the values to standard output, filled into that file or, where "name" is NULL, as
 * one line of JSON. Their reference is taken. Returns the status.
 */
int mustache_print(const char *name, json_t *values);

#endif
