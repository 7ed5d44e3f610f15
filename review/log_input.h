/*
 * log_input.h - the lines of one file, whatever it is compressed with, or not.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_REVIEW_LOG_INPUT_H
#define TLSWARD_REVIEW_LOG_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define LOG_LINE_MAX 65536

/* All zero but "fd", which is -1, is one that is closed. Offsets are of what was packed. */
struct log_input {
	int fd;
	struct stat status;	/* as it was opened; of what is not packed, read last */
	struct archive *archive;	/* NULL: it is read as it is */
	const char *block;	/* of the archive's, what is not in "buffer" */
	size_t block_size;
	char *buffer;		/* of 2 * LOG_LINE_MAX, and what is packed behind them */
	size_t at, end;		/* in it: what is not a line yet */
	int64_t offset;		/* in the file, of "at" */
	bool no_wait;		/* the owner's: a pipe is not waited for */
	bool begun;		/* what it is packed with, if at all, is known */
	bool skipping;		/* up to the next newline, */
	int64_t skipped;	/* over so much */
	bool done;		/* an archive's end was read, or it is damaged */
	bool damaged;
};
#define LOG_INPUT_INIT { .fd = -1 }

/*
 * Opens a file, a pipe or a terminal ("-": standard input) in the place of the one that
 * was open, but no folder and no device. False with errno, which file_why() has words for.
 * "wait": a FIFO to which nobody writes is an error some seconds later, not one that may
 * still be written to.
 */
bool log_input_open(struct log_input *input, const char *path, bool wait);

void log_input_close(struct log_input *input);

/*
 * A line without its newline, in the buffer until the next call, or NULL: there is no
 * more, or no more as yet, or the file is damaged. What is too long of a line is left
 * out, and what never ends is damage, but in a file that is not packed. "rest": so is a
 * last line without a newline a line.
 */
char *log_input_line(struct log_input *input, bool rest);

/*
 * Goes to a line's start, or to the first after "offset" where there is none. False
 * where the file is shorter.
 */
bool log_input_seek(struct log_input *input, int64_t offset);

/*
 * Up to so many bytes from "offset" on; returns how many there are. What is packed is
 * to be sought in afterwards; else nothing has changed.
 */
size_t log_input_bytes(struct log_input *input, int64_t offset, char *bytes, size_t size);

/* The next bytes, whatever is in them, at most "size"; 0: the end, or it is damaged. */
size_t log_input_read(struct log_input *input, char *bytes, size_t size);

/* Why it is damaged. */
const char *log_input_problem(const struct log_input *input);

#endif
