/*
 * lines.c - lines from a file descriptor, in constant memory.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (64u * 1024u)
#define ROOM (LINE_LENGTH_MAX + CHUNK)

bool
lines_open(struct lines *lines, int fd)
{
	*lines = (struct lines){ .fd = fd, .text = malloc(ROOM) };
	return lines->text != NULL;
}

void
lines_close(struct lines *lines)
{
	free(lines->text);
	lines->text = NULL;
}

/* A line is complete; it takes "length" bytes. */
static enum line_result
lines_give(struct lines *lines, const char **line, size_t length, size_t newline)
{
	bool is_long = lines->skipping || length > LINE_LENGTH_MAX;

	*line = lines->text + lines->start;
	lines->start += length + newline;
	lines->scanned = lines->start;
	lines->skipping = false;
	lines->number++;
	return is_long ? LINE_LONG : LINE_READ;
}

enum line_result
lines_next(struct lines *lines, const char **line, size_t *length)
{
	const char *newline = memchr(lines->text + lines->scanned, '\n',
	    lines->end - lines->scanned);

	if (newline != NULL) {
		*length = (size_t)(newline - lines->text) - lines->start;
		return lines_give(lines, line, *length, 1);
	}
	lines->scanned = lines->end;
	*length = lines->end - lines->start;
	if (lines->ended)
		return *length > 0 || lines->skipping ? lines_give(lines, line, *length, 0) :
		    LINE_END;
	if (*length > LINE_LENGTH_MAX) {
		lines->skipping = true;
		lines->start = lines->scanned = lines->end = 0;
	}
	return LINE_MORE;
}

bool
lines_ready(const struct lines *lines)
{
	struct pollfd pollfd = { .fd = lines->fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) != 0;
}

static bool
wait_for(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, -1) >= 0 || errno == EINTR;
}

bool
lines_fill(struct lines *lines)
{
	if (lines->start > 0) {
		memmove(lines->text, lines->text + lines->start,
		    lines->end - lines->start);
		lines->scanned -= lines->start;
		lines->end -= lines->start;
		lines->start = 0;
	}
	for (;;) {
		size_t room = ROOM - lines->end;
		ssize_t got = read(lines->fd, lines->text + lines->end,
		    room < CHUNK ? room : CHUNK);

		if (got >= 0) {
			lines->end += (size_t)got;
			lines->ended = got == 0;
			return true;
		}
		if ((errno == EAGAIN || errno == EWOULDBLOCK) && wait_for(lines->fd))
			continue;
		if (errno != EINTR)
			return false;
	}
}
