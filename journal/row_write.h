/*
 * row_write.h - rows of the journal as the records they were, for readers of it.
 *
 * A row has the columns of row_write_columns() or row_write_rollup_columns(): first
 * those of the record's fields in their order (the time in milliseconds), then
 * messages, first, last, client_network, which a roll-up alone has, then the id.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_ROW_WRITE_H
#define TLSWARD_JOURNAL_ROW_WRITE_H

#include <sqlite3.h>

#include "journal/journal.h"
#include "base/buffer.h"

/* Append what follows SELECT: of the table record; of rollup, facts, certificate. */
void row_write_columns(struct buffer *sql);
void row_write_rollup_columns(struct buffer *sql);

/* Appends the row as an object, as decide writes records: one line without its end. */
void row_write_json(sqlite3_stmt *row, struct buffer *line);

/*
 * Appends the row, or the names of its columns, as a line of CSV (RFC 4180, with its
 * CRLF). Lists are JSON arrays. Control characters are escaped. A value that a
 * spreadsheet would take for a formula has an apostrophe before it.
 */
void row_write_csv(sqlite3_stmt *row, struct buffer *line);
void row_write_csv_names(struct buffer *line);

/* One value of a line of CSV, in the same way; no comma. "" for NULL. */
void row_write_csv_value(const char *text, struct buffer *line);

/* One JSON string with its quotes, ASCII alone. */
void row_write_json_string(const char *text, struct buffer *line);

/* The column's text by the field's name, or NULL. */
const char *row_write_text(sqlite3_stmt *row, const char *name);

/* The row's time in milliseconds, its id, and its messages (0: no roll-up). */
int64_t row_write_time(sqlite3_stmt *row);
int64_t row_write_id(sqlite3_stmt *row);
int64_t row_write_messages(sqlite3_stmt *row);

#endif
