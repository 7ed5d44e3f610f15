/*
 * case.h - the cases of policy tests, from their files, and how they came out.
 *
 * The language is that of tlsward-policy(5), POLICY TESTS.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_CASE_H
#define TLSWARD_TOOL_CASE_H

#include "review/review.h"
#include "base/buffer.h"
#include "base/diag.h"

/* A field of the record that a case speaks of. */
struct expectation {
	const char *name;	/* of the result. Static. */
	size_t value;		/* where its text begins in "values"; "": no value */
};

#define EXPECTATIONS_MAX 32
#define CASE_LINE_MAX ((size_t)1024 * 1024)

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
	const char *start;	/* in the line; there a field has its name */
	size_t name_length;	/* of a field: what is before the "=" */
	const char *value;	/* of a field where its value begins; else as "start" */
	struct buffer text;	/* the value, with escapes undone */
};

enum case_item {
	CASE_READ,		/* a case that can be judged */
	CASE_WRONG,		/* one with errors; they are in the diagnostics */
	CASE_END,
	CASE_TROUBLE		/* memory is short, or the file cannot be read: it was said */
};

struct cases {
	const char *path;
	FILE *file;
	struct diags *diags;		/* borrowed */
	char *text;			/* of a line, as it is in the file */
	const char *line, *end;		/* the one that is being read */
	const char *next;		/* in it */
	struct word word;
	unsigned number;		/* of the line */
	enum case_item item;		/* what the statement that is being read is */
	bool lost;			/* what the rest of it means is not known */
	bool no_memory;
	bool is_case;			/* it is one, not a directive */
	size_t count;			/* of cases, also those with errors */
	int wrong;			/* statements with errors */
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

/* Reports "what" a text is, and the one of the words that it was meant to be. */
void case_unknown(struct cases *cases, const char *at, const char *what,
    const char *text, size_t length, const struct review_words *words);

/* ------------------------------------------------------------------ *
 * How one came out
 * ------------------------------------------------------------------ */

/* A case that was judged. All of it is borrowed. */
struct test_result {
	const char *file;		/* of cases */
	const struct test_case *test;
	const struct journal_record *record;
	const char *policy;		/* for explain: the file */
	const char *config;		/* for explain: the settings; NULL: none named */
	bool has_day;			/* it was judged as on a day that is named */
};

/* Whether all came out that was expected. Failure of memory shows in *failed. */
bool test_passed(const struct test_result *result, bool *failed);

/* Appends what differs, for people. */
void test_text(const struct test_result *result, struct buffer *text);

/* Appends a line of JSON, without the newline, of a case that passed or did not. */
void test_json(const struct test_result *result, bool passed, struct buffer *text);

#endif
