/*
 * case.h - the cases of policy tests, from their files.
 *
 * The language is that of tlsward-policy(5), POLICY TESTS. A file is read line by
 * line, in constant memory.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_CASE_H
#define TLSWARD_TOOL_CASE_H

#include "tool/lines.h"
#include "review/review.h"
#include "base/buffer.h"
#include "base/diag.h"

/* A field of the record that a case speaks of. */
struct expectation {
	const char *name;	/* of the result. Static. */
	size_t value;		/* where its text begins in "values"; "": no value */
};

#define EXPECTATIONS_MAX 32

/* What to judge, and what is to come out. */
struct test_case {
	unsigned line;			/* where it begins */
	struct buffer written;		/* as it is written, on one line */
	struct buffer arguments;	/* the facts, quoted for a shell */
	struct journal_facts *facts;
	bool exempt;			/* a rule is to exempt */
	struct expectation expected[EXPECTATIONS_MAX];
	size_t expected_count;
	struct buffer values;
};

enum word_type {
	WORD_BARE, WORD_STRING, WORD_FIELD, WORD_ARROW, WORD_JOIN, WORD_END,
	WORD_BAD		/* it has been reported */
};

/* One word of a line. */
struct word {
	enum word_type type;
	const char *start;	/* in the line */
	const char *name;	/* of a field: what is before the "=" */
	size_t name_length;
	const char *value;	/* of a field where its value begins; else as "start" */
	struct buffer text;	/* the value, with escapes undone */
};

enum case_item {
	CASE_READ,		/* a case that can be judged */
	CASE_WRONG,		/* one with errors; they are in the diagnostics */
	CASE_END,
	CASE_UNREADABLE		/* the file, or memory is short: it has been said */
};

struct cases {
	const char *path;
	struct lines lines;
	struct diags *diags;		/* borrowed */
	const char *line;		/* the one that is being read */
	size_t length;
	const char *next;		/* in it */
	struct word word;
	unsigned number;		/* of the line */
	enum case_item item;		/* what the statement that is being read is */
	bool lost;			/* what the rest of it means is not known */
	bool is_case;			/* it is one, not a directive */
	size_t count;			/* of cases, also those with errors */
	bool has_errors;
	struct test_case now;
	/* What the file itself says. */
	char *policy;			/* resolved against its folder; NULL: nothing */
	char *settings;			/* likewise */
	int64_t at;
	bool has_at;
};

/* False, having said so, where the file cannot be read. cases_close() in any case. */
bool cases_open(struct cases *cases, const char *path);
void cases_close(struct cases *cases);

/*
 * Reads the next case into cases->now. Adds to "diags" what is wrong, which may have
 * been added before the item it belongs to is complete.
 */
enum case_item cases_next(struct cases *cases, struct diags *diags);

/* The value that an expectation names. */
const char *case_value(const struct test_case *test, const struct expectation *expected);

/* Appends a value in single quotes, as a shell takes it. */
void case_quote(const char *value, struct buffer *text);

/* ------------------------------------------------------------------ *
 * Between case.c and case_word.c
 * ------------------------------------------------------------------ */

/* Gets the first line of a statement, or sets what the item is without one. */
bool case_line(struct cases *cases);

/*
 * The next word of the statement, over as many lines as it has; WORD_END at its end.
 * What is lost is read, for its own errors, but passed over.
 */
enum word_type case_word(struct cases *cases);

/* Reports an error at "at", which points into the line. */
void case_error(struct cases *cases, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with the one of the words that "text" was meant to be. */
void case_suggest(struct cases *cases, const char *at, const struct review_words *words,
    const char *text, size_t length, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif
