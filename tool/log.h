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
#define LOG_COLUMNS 7
struct log_text {
	struct screen screen;
	int widths[LOG_COLUMNS];	/* 0: there is no room for it */
};

/* Looks at standard output, and what there is room for. */
void log_text_begin(struct log_text *text);

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

#endif
