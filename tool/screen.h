/*
 * screen.h - text in columns for people, as wide as their terminal.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_SCREEN_H
#define TLSWARD_TOOL_SCREEN_H

#include <stdbool.h>

#include "journal/journal.h"
#include "base/buffer.h"

enum screen_colour {
	COLOUR_NONE, COLOUR_BOLD, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_DIM
};

struct screen {
	bool terminal;
	int height;		/* of the terminal, in lines; 0: unknown */
	int width;		/* of a line; 0: nothing is cut */
	bool colours;
};

/*
 * What standard output is: a terminal's width, or that of $COLUMNS; colours on a
 * terminal unless $NO_COLOR is set.
 */
void screen_open(struct screen *screen);

/*
 * Appends "text", escaped, padded with blanks to "width" columns and, where "cut" is
 * set, cut to that with an ellipsis.
 */
void screen_cell(struct buffer *line, const char *text, int width, bool cut);

/* How many columns that text takes in "line"; 0 where memory is short: line->failed. */
int screen_width(struct buffer *line, const char *text);

/* What comes until screen_plain() is shown so. */
void screen_colour(const struct screen *screen, struct buffer *line,
    enum screen_colour colour);
void screen_plain(const struct screen *screen, struct buffer *line);

/* A number with its thousands apart: 4,310; and appends that. */
struct screen_digits {
	char text[32];
};
struct screen_digits screen_digits(int64_t number);
void screen_number(struct buffer *line, int64_t number);

/* Appends a time, to the minute, as its reader's clocks have it: "2026-01-31 12:00 CET". */
void screen_time(struct buffer *line, int64_t time_ms);

/*
 * Appends "text" with the lines that are wider than "width" broken between words, what
 * goes on indented two more than the line itself, or as what stands behind two blanks
 * or more. "hard", for a letter in ASCII: words
 * that are wider than a line are broken too, and what goes on is indented as its line,
 * or as the words behind its bullet.
 */
void screen_fold(const struct buffer *text, int width, bool hard, struct buffer *out);

/* Writes all of "buffer" to standard output and clears it. */
enum screen_result {
	SCREEN_WRITTEN,
	SCREEN_GONE,		/* nobody reads it any more */
	SCREEN_FAILED		/* tool_trouble() was called */
};
enum screen_result screen_write(struct buffer *buffer);

#endif
