/*
 * quote.c - a line of a policy file, as it is written there.
 *
 * SPDX-License-Identifier: ISC
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tool/lines.h"
#include "tool/quote.h"
#include "base/buffer.h"
#include "base/text.h"

static int
open_beside(const char *policy, const char *file)
{
	const char *slash = strrchr(policy, '/');
	struct buffer path = BUFFER_INIT;
	int fd = -1;

	if (file[0] != '/' && slash != NULL)
		buffer_add(&path, policy, (size_t)(slash - policy) + 1);
	buffer_string(&path, file);
	if (!path.failed)
		fd = open(path.text, O_RDONLY | O_CLOEXEC);
	buffer_free(&path);
	return fd;
}

/* Finds the line with that number. */
static bool
find_line(struct lines *lines, unsigned number, const char **line, size_t *length)
{
	for (;;) {
		switch (lines_next(lines, line, length)) {
		case LINE_READ:
			if (lines->number == number)
				return true;
			break;
		case LINE_LONG:
			if (lines->number == number)
				return false;
			break;
		case LINE_MORE:
			if (!lines_fill(lines))
				return false;
			break;
		case LINE_END:
			return false;
		}
	}
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void
add_trimmed(const char *line, size_t length, struct buffer *text)
{
	struct buffer copy = BUFFER_INIT;

	while (length > 0 && is_space(line[length - 1]))
		length--;
	while (length > 0 && is_space(*line)) {
		line++;
		length--;
	}
	buffer_add(&copy, line, length);
	if (copy.failed)
		text->failed = true;
	else
		text_visible(text, copy.text);
	buffer_free(&copy);
}

bool
quote_line(const char *policy, const struct policy_place *place, struct buffer *text)
{
	int fd = place->file != NULL ? open_beside(policy, place->file) : -1;
	struct lines lines;
	const char *line;
	size_t length;
	bool found;

	if (fd == -1)
		return false;
	found = lines_open(&lines, fd) && find_line(&lines, place->line, &line, &length);
	if (found)
		add_trimmed(line, length, text);
	lines_close(&lines);
	(void)close(fd);
	return found;
}
