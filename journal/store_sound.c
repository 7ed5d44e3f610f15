/*
 * store_sound.c - whether somebody else wrote over the journal's files.
 *
 * A writer that has its pages in memory reads little again, and would go on for long
 * with files that nobody can read. So it looks at their first bytes. They are read by
 * way of SQLite: closing a descriptor of our own would release its locks.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_db.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* SQLite's file format, sections 1.3 and 4.1: both salts are in every frame as well. */
#define LOG_HEADER 32
#define LOG_SALTS 16
#define FRAME_HEADER 24
#define FRAME_SALTS 8
#define SALTS_SIZE 8
#define PAGE_MIN 512

static bool
read_start(struct store_db *store, int which, void *bytes, int size,
    sqlite3_int64 *length)
{
	sqlite3_file *file = NULL;

	return sqlite3_file_control(store->db, "main", which, &file) == SQLITE_OK &&
	    file != NULL && file->pMethods != NULL &&
	    file->pMethods->xFileSize(file, length) == SQLITE_OK && *length >= size &&
	    file->pMethods->xRead(file, bytes, size, 0) == SQLITE_OK;
}

static bool
is_database(struct store_db *store)
{
	static const char magic[16] = "SQLite format 3";
	char start[sizeof(magic)];
	sqlite3_int64 length;

	return read_start(store, SQLITE_FCNTL_FILE_POINTER, start, sizeof(start),
	    &length) && length >= PAGE_MIN && memcmp(start, magic, sizeof(magic)) == 0;
}

static bool
is_log(struct store_db *store)
{
	static const unsigned char magic[3] = { 0x37, 0x7f, 0x06 };
	unsigned char start[LOG_HEADER + FRAME_HEADER];
	sqlite3_int64 length;

	return read_start(store, SQLITE_FCNTL_JOURNAL_POINTER, start, sizeof(start),
	    &length) && memcmp(start, magic, sizeof(magic)) == 0 &&
	    memcmp(start + LOG_SALTS, start + LOG_HEADER + FRAME_SALTS, SALTS_SIZE) == 0 &&
	    length >= LOG_HEADER + (sqlite3_int64)store->wal_pages * PAGE_MIN;
}

bool
store_db_sound(struct store_db *store)
{
	const char *what = NULL;

	if (!is_database(store))
		what = "file";
	else if (store->wal_pages > 0 && !is_log(store))
		what = "write-ahead log";
	if (what != NULL)
		(void)snprintf(store->error, sizeof(store->error),
		    "its %s was overwritten or cut", what);
	return what == NULL;
}
