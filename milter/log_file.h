/*
 * log_file.h - the log file: whole lines, from many threads.
 *
 * All functions but new and free are thread-safe, without a lock: O_APPEND keeps
 * the lines of several threads, and of several processes, apart.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_LOG_FILE_H
#define MILTER_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct log_file;

/* Opens the file, creating it where there is none. NULL with errno set. */
struct log_file *log_file_new(const char *path);
void log_file_free(struct log_file **file);	/* NULL-safe, clears */

/*
 * Opens "path" anew and goes on in it. Returns -1 with errno set where that fails:
 * then the old file goes on.
 */
int log_file_reopen(struct log_file *file, const char *path);

/*
 * Writes one line, newline included. False with errno set where it is not in the
 * file as a whole: the disk is full, for one. Half a line that such a write left is
 * ended by the next one.
 */
bool log_file_write(struct log_file *file, const char *line, size_t length);

#endif
