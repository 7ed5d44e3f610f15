/*
 * lines.h - lines from a file descriptor, in constant memory.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_LINES_H
#define TLSWARD_TOOL_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* The longest line that is taken, without its newline. */
#define LINE_LENGTH_MAX (1024u * 1024u)

enum line_result {
	LINE_READ,
	LINE_LONG,	/* one that is too long has been passed over */
	LINE_MORE,	/* there is no whole line: call lines_fill() */
	LINE_END
};

struct lines {
	int fd;
	char *text;
	size_t start, scanned, end;
	size_t number;		/* of the line last given */
	bool skipping;		/* within a line that is too long */
	bool ended;
};

/* False where memory is short. */
bool lines_open(struct lines *lines, int fd);
void lines_close(struct lines *lines);

/* Gives the next line, which is valid until lines_fill(); never waits. */
enum line_result lines_next(struct lines *lines, const char **line, size_t *length);

/* Can lines_fill() be called without waiting? */
bool lines_ready(const struct lines *lines);

/* Waits for more. False, with errno set, where reading failed. */
bool lines_fill(struct lines *lines);

#endif
