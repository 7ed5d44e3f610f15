/*
 * maillog_files.h - the lines of several log files, in the order of time.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MAILLOG_FILES_H
#define TLSWARD_MAILLOG_FILES_H

#include <stdbool.h>
#include <time.h>

/*
 * Takes a line, which it may change, without its newline. "latest" is when the file
 * was written last. Returns false to end the reading.
 */
typedef bool maillog_line_taker(void *context, char *line, time_t latest);

/*
 * Reads the files, plain or compressed by gzip ("-": standard input), in the order of
 * the first time that is found in each, and where that is the same of when they were
 * written last, whatever the order of "paths". A line that is
 * too long is cut off. False, having said why, where a file cannot be read or is named
 * twice, or memory is short; false also where the taker ended it.
 */
bool maillog_files_read(const char *const *paths, int count, maillog_line_taker *take,
    void *context);

#endif
