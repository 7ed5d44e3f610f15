/*
 * screen.c - text in columns for people, as wide as their terminal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/screen.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "tool/tool.h"
#include "journal/journal.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/text.h"

#define WIDTH_LEAST 40
#define WIDTH_MOST 1000

static const char ellipsis[] = "\xE2\x80\xA6";

void
screen_open(struct screen *screen)
{
	const char *columns = getenv("COLUMNS"), *no_colour = getenv("NO_COLOR");
	struct winsize size = { 0 };

	/* For the width of characters: the text is UTF-8 wherever this runs. */
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		(void)setlocale(LC_CTYPE, "");
	*screen = (struct screen){ .terminal = isatty(STDOUT_FILENO) == 1 };
	if (screen->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		screen->height = size.ws_row;
	if (columns != NULL && columns[0] != '\0')
		screen->width = atoi(columns);
	else
		screen->width = size.ws_col;
	if (screen->width < 0 || screen->width > WIDTH_MOST)
		screen->width = 0;
	else if (screen->width > 0 && screen->width < WIDTH_LEAST)
		screen->width = WIDTH_LEAST;
	screen->colours = screen->terminal && (no_colour == NULL || no_colour[0] == '\0');
}

static int
width_of_code(uint32_t code)
{
	int width;

	if (code == TEXT_BROKEN || code < 0x80)
		return 1;
	width = wcwidth((wchar_t)code);
	return width < 0 ? 1 : width;
}

static int
width_of_text(const char *text, size_t length)
{
	size_t at = 0;
	int width = 0;
	uint32_t code;

	while (at < length) {
		at += text_next(text + at, length - at, &code);
		width += width_of_code(code);
	}
	return width;
}

/* How many bytes of "text" fit into "width" columns; *used: how many they take. */
static size_t
bytes_that_fit(const char *text, int width, int *used)
{
	size_t length = strlen(text), at = 0;
	uint32_t code;

	*used = 0;
	while (at < length) {
		size_t took = text_next(text + at, length - at, &code);

		if (*used + width_of_code(code) > width)
			break;
		*used += width_of_code(code);
		at += took;
	}
	return at;
}

int
screen_width(struct buffer *line, const char *text)
{
	struct buffer safe = BUFFER_INIT;
	int width;

	buffer_string(&safe, "");
	text_visible(&safe, text);
	width = safe.failed ? 0 : width_of_text(safe.text, safe.length);
	line->failed |= safe.failed;
	buffer_free(&safe);
	return width;
}

void
screen_cell(struct buffer *line, const char *text, int width, bool cut)
{
	struct buffer safe = BUFFER_INIT;
	int used;

	buffer_string(&safe, "");
	text_visible(&safe, text);
	if (safe.failed) {
		line->failed = true;
		buffer_free(&safe);
		return;
	}
	used = width_of_text(safe.text, strlen(safe.text));
	if (cut && used > width) {
		buffer_add(line, safe.text, bytes_that_fit(safe.text, width - 1, &used));
		buffer_string(line, ellipsis);
		used++;
	} else
		buffer_add(line, safe.text, safe.length);
	while (used++ < width)
		buffer_add(line, " ", 1);
	buffer_free(&safe);
}

void
screen_colour(const struct screen *screen, struct buffer *line,
    enum screen_colour colour)
{
	static const char *const codes[] = {
		[COLOUR_BOLD] = "\033[1m", [COLOUR_RED] = "\033[31m",
		[COLOUR_GREEN] = "\033[32m", [COLOUR_YELLOW] = "\033[33m",
		[COLOUR_DIM] = "\033[2m"
	};

	if (screen->colours && colour != COLOUR_NONE)
		buffer_string(line, codes[colour]);
}

void
screen_plain(const struct screen *screen, struct buffer *line)
{
	if (screen->colours)
		buffer_string(line, "\033[0m");
}

struct screen_digits
screen_digits(int64_t number)
{
	struct screen_digits digits = { "" };
	char plain[24];
	int length = snprintf(plain, sizeof(plain), "%lld", (long long)number);
	char *at = digits.text;

	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*at++ = ',';
		*at++ = plain[i];
	}
	return digits;
}

void
screen_number(struct buffer *line, int64_t number)
{
	buffer_string(line, screen_digits(number).text);
}

void
screen_time(struct buffer *line, int64_t time_ms)
{
	struct date_local time = date_local(time_ms);

	buffer_format(line, "%.16s %s", time.text, time.zone);
}

/* A word, broken where it has to be. Returns the column behind it. */
static int
fold_word(struct buffer *out, const char *word, size_t length, int column, int indent,
    int width)
{
	while (length > (size_t)(width - column)) {
		size_t fits = (size_t)(width - column);

		while (fits > 1 && (word[fits] & 0xC0) == 0x80)
			fits--;
		buffer_add(out, word, fits);
		buffer_format(out, "\n%*s", indent, "");
		word += fits;
		length -= fits;
		column = indent;
	}
	buffer_add(out, word, length);
	return column + (int)length;
}

/* Where what goes on begins: behind a bullet or a heading with blanks behind it. */
static int
hang_of(const char *line, size_t length, int indent, int width, bool hard)
{
	const char *gap = hard ? NULL : strstr(line + indent, "  ");
	int behind = gap == NULL || gap >= line + length ? 0 :
	    (int)(gap - line) + (int)strspn(gap, " ");

	if (behind > 0 && behind < width / 2)
		return behind;
	return hard && line[indent] != '*' ? indent : indent + 2;
}

static void
fold_line(const char *line, size_t length, int width, bool hard, struct buffer *out)
{
	const char *end = line + length;
	int indent = (int)strspn(line, " "), column = indent, blanks = 0;
	int hang = hang_of(line, length, indent, width, hard);

	buffer_add(out, line, (size_t)indent);
	for (line += indent; line < end; ) {
		size_t word = strcspn(line, " \n");
		int wide = width_of_text(line, word);

		if (blanks > 0 && column + blanks + wide > width) {
			buffer_format(out, "\n%*s", hang, "");
			column = hang;
		} else {
			buffer_format(out, "%*s", blanks, "");
			column += blanks;
		}
		if (hard)
			column = fold_word(out, line, word, column, hang, width);
		else {
			buffer_add(out, line, word);
			column += wide;
		}
		line += word;
		blanks = (int)strspn(line, " ");
		line += strspn(line, " ");
		blanks = hard && blanks > 1 ? 1 : blanks;
	}
	buffer_add(out, "\n", 1);
}

void
screen_fold(const struct buffer *text, int width, bool hard, struct buffer *out)
{
	const char *line = text->failed || text->text == NULL ? "" : text->text;

	out->failed |= text->failed;
	while (*line != '\0') {
		size_t length = strcspn(line, "\n");

		fold_line(line, length, width, hard, out);
		line += length + (line[length] == '\n');
	}
}

enum screen_result
screen_write(struct buffer *buffer)
{
	size_t at = 0;

	if (buffer->failed) {
		(void)tool_no_memory();
		return SCREEN_FAILED;
	}
	while (at < buffer->length) {
		ssize_t written = write(STDOUT_FILENO, buffer->text + at,
		    buffer->length - at);

		if (written >= 0)
			at += (size_t)written;
		else if (errno == EPIPE)
			return SCREEN_GONE;
		else if (errno != EINTR) {
			(void)tool_trouble("cannot write to standard output: %s",
			    strerror(errno));
			return SCREEN_FAILED;
		}
	}
	buffer_clear(buffer);
	return SCREEN_WRITTEN;
}
