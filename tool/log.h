/*
 * log.h - what the parts of tlsward log share.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_LOG_H
#define TLSWARD_TOOL_LOG_H

#include "tool/screen.h"
#include "tool/tool.h"
#include "base/buffer.h"

/* Rows in columns for people. */
#define LOG_COLUMNS 8
struct log_text {
	struct screen screen;
	int widths[LOG_COLUMNS];	/* 0: there is no room for it */
};

/* Looks at standard output, and what there is room for; "of_nodes": beside the node. */
void log_text_begin(struct log_text *text, bool of_nodes);

/* Append the line of names, and that of a row. */
void log_text_names(const struct log_text *text, struct buffer *line);
void log_text_row(const struct log_text *text, sqlite3_stmt *row, struct buffer *line);

/*
 * Says that no row meets the filter, and why that probably is: a name that the journal
 * has otherwise, a period before it begins, or what one filter alone leaves out. Returns
 * STATUS_FINE, or STATUS_TROUBLE where the journal could not be read.
 */
int log_say_nothing(const struct tool_journal *journal,
    const struct review_filter *filter);

/* ------------------------------------------------------------------ *
 * Words of options (log_words.c). False, having said what is wrong with one.
 * ------------------------------------------------------------------ */

/* Adds each word of a list separated by commas, all of "words", to those chosen. */
bool log_take_words(const char *what, const char *text, const struct review_words *words,
    struct review_words *chosen);

/*
 * Adds reasons: of a verdict, or (where there are more words) of the diagnoses beside the
 * settings "config", which are the caller's to free; the words live as long.
 */
bool log_take_reasons(const char *reasons, const char *config,
    struct diagnoses **diagnoses, struct review_words *chosen);

bool log_take_address(const char *text, struct review_address *address);
bool log_take_client(const char *text, struct review_filter *filter);

#endif
