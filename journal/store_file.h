/*
 * store_file.h - the journal's files: which they are, and what is in them.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_STORE_FILE_H
#define TLSWARD_JOURNAL_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The database, its write-ahead log and the index of that. */
#define STORE_FILES 3

struct store_file {
	dev_t device;
	ino_t inode;
};

/* Makes the file with the journal's permissions where there is none. */
void store_file_make(const char *path);

/* Notes which files stand at "path" now. False: one of them cannot be told. */
bool store_file_note(const char *path, struct store_file files[STORE_FILES]);

/* Whether they still stand there. */
bool store_file_same(const char *path, const struct store_file files[STORE_FILES]);

/*
 * Renames a damaged journal, with what belongs to it, to PATH.corrupt-TIME; "name"
 * (of "size" bytes) is that name. Only a regular file of our own. Returns 0, or -1
 * with errno set.
 */
int store_file_set_aside(const char *path, int64_t now_ms, char *name, size_t size);

#endif
