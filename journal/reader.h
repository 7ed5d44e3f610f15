/*
 * reader.h - a journal opened for reading, while the daemon may be writing to it.
 *
 * Used by one thread at a time. Nothing here creates a journal or changes one;
 * SQLite may put its -shm and -wal files beside it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_READER_H
#define TLSWARD_JOURNAL_READER_H

#include <sqlite3.h>

#include "journal/journal.h"

#define READER_ERROR_MAX 512

/*
 * Opens the journal "path". NULL, with what is wrong and what can be done in
 * "error", where there is none, it cannot be read, it is not a journal, or is one
 * of another version than this program's. To be closed with reader_close().
 */
sqlite3 *reader_open(const char *path, char error[READER_ERROR_MAX]);

/* Closes and clears; NULL-safe. All statements must have been finalized. */
void reader_close(sqlite3 **db);

/*
 * Says in "error" why the last call failed, in the same words as reader_open().
 */
void reader_explain(sqlite3 *db, const char *path, char error[READER_ERROR_MAX]);

#endif
