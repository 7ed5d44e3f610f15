/*
 * diag.h - what is wrong with a file, and where.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_DIAG_H
#define TLSWARD_BASE_DIAG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

/* "info", "warning", "error". Static. */
const char *severity_name(enum severity severity);

/* One diagnostic. All strings but "id" live as long as the list they are in. */
struct diag {
	enum severity severity;
	const char *id;		/* static: what kind of warning it is; NULL: an error */
	const char *file;	/* as opened; NULL: it is about other diagnostics */
	unsigned line;		/* from 1; 0: the file as a whole */
	unsigned column;	/* in code points, from 1; a tab is one */
	const char *message;	/* one line of UTF-8, or what a file had that is not */
	const char *source;	/* the line in question, of a long one what is around
				   the column, between "..."; or NULL */
	int skipped;		/* how far "source" is moved to the left, in code points */
};

/* A growing list of diagnostics. Not safe to share between threads. */
struct diags;

/* Returns an empty list, or NULL when memory is short. */
struct diags *diags_new(void);

/* Frees *diags and all in it, and clears the pointer. NULL-safe. */
void diags_free(struct diags **diags);

/*
 * Adds a diagnostic; every string but "id" is copied, a long message is cut. "source" is
 * the text of the line, of "source_len" bytes, or NULL. What comes after so many that
 * nobody reads them, or when memory is short, is counted and its text is lost.
 */
void diags_add(struct diags *diags, enum severity severity, const char *id,
    const char *file, unsigned line, unsigned column,
    const char *source, size_t source_len, const char *format, ...)
    __attribute__((format(printf, 9, 10)));
void diags_vadd(struct diags *diags, enum severity severity, const char *id,
    const char *file, unsigned line, unsigned column,
    const char *source, size_t source_len, const char *format, va_list arguments)
    __attribute__((format(printf, 9, 0)));

/* How many there are in all, how many of them are errors, and how many warnings. */
size_t diags_count(const struct diags *diags);
size_t diags_errors(const struct diags *diags);
size_t diags_warnings(const struct diags *diags);

/* Whether memory was short for one of them. */
bool diags_failed(const struct diags *diags);

/* The diagnostic at "index", in the order they were found, or NULL. */
const struct diag *diags_at(const struct diags *diags, size_t index);

/* Takes those away for which "drop" says so. */
void diags_drop(struct diags *diags, bool (*drop)(const struct diag *diag, void *data),
    void *data);

/* Makes the warnings of a kind errors. */
void diags_raise(struct diags *diags, const char *id);

/*
 * Sorts the diagnostics from "first" on by file, as "files" lists them, then by
 * line and column, and drops what was said twice.
 */
void diags_sort(struct diags *diags, size_t first, const char *const *files,
    size_t file_count);

/* Where diagnostics go, one by one: to a stream, a log, JSON. */
typedef void diag_function(const struct diag *diag, void *to);

/*
 * Gives "show" the diagnostics: the first DIAGS_OF_KIND of each kind of warning and the
 * first DIAGS_ERRORS errors, or with "all" every one. Behind them comes for each kind,
 * and for the errors, a diagnostic without a file that tells how many more there are.
 */
#define DIAGS_OF_KIND 5
#define DIAGS_ERRORS 20
void diags_show(const struct diags *diags, bool all, diag_function *show, void *to);

/*
 * Writes one diagnostic as FILE:LINE:COLUMN: error|warning: MESSAGE [ID] and, where
 * the line is known, that line and a caret under the place. Control characters
 * of the source are shown as '?'. diags_print() is diags_show() with that.
 */
void diag_print(const struct diag *diag, FILE *out);
void diags_print(const struct diags *diags, bool all, FILE *out);

#endif
