/*
 * diag.h - what is wrong with a file, and where.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_DIAG_H
#define TLSWARD_BASE_DIAG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

/* "info", "warning", "error". Static. */
const char *severity_name(enum severity severity);

/* One diagnostic. All strings but "id" live as long as the list they are in. */
struct diag {
	enum severity severity;
	const char *id;		/* static, of a warning: what kind it is; or NULL */
	const char *file;	/* as opened */
	unsigned line;		/* from 1; 0: the file as a whole */
	unsigned column;	/* in code points, from 1; a tab is one */
	const char *message;
	const char *source;	/* the line in question, of a long one what is around
				   the column; or NULL */
	unsigned skipped;	/* code points of the line before "source" */
};

/* A growing list of diagnostics. Not safe to share between threads. */
struct diags;

/* Returns an empty list, or NULL when memory is short. */
struct diags *diags_new(void);

/* Frees *diags and all in it, and clears the pointer. NULL-safe. */
void diags_free(struct diags **diags);

/*
 * Adds a diagnostic; every string but "id" is copied. "source" is the text of the
 * line, of "source_len" bytes, or NULL. When memory is short the diagnostic is
 * counted, its text is lost, and diags_errors() says so by its count.
 */
void diags_add(struct diags *diags, enum severity severity, const char *id,
    const char *file, unsigned line, unsigned column,
    const char *source, size_t source_len, const char *format, ...)
    __attribute__((format(printf, 9, 10)));
void diags_vadd(struct diags *diags, enum severity severity, const char *id,
    const char *file, unsigned line, unsigned column,
    const char *source, size_t source_len, const char *format, va_list arguments)
    __attribute__((format(printf, 9, 0)));

/* How many there are in all, and how many of them are errors. */
size_t diags_count(const struct diags *diags);
size_t diags_errors(const struct diags *diags);

/* The diagnostic at "index", in the order they were found, or NULL. */
const struct diag *diags_at(const struct diags *diags, size_t index);

/*
 * Sorts the diagnostics from "first" on by file, as "files" lists them, then by
 * line and column, and drops what was said twice.
 */
void diags_sort(struct diags *diags, size_t first, const char *const *files,
    size_t file_count);

/*
 * Writes one diagnostic as FILE:LINE:COLUMN: error|warning: MESSAGE and, where
 * the line is known, that line and a caret under the place. Control characters
 * of the source are shown as '?'.
 */
void diag_print(const struct diag *diag, FILE *out);
void diags_print(const struct diags *diags, FILE *out);

#endif
