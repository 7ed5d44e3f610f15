/*
 * passage_cut.c - lines of a passage, and which of them were one.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/passage.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/text.h"

/* Longer lines are cut, at a blank where there is one: what a pattern costs is bounded. */
#define LINE_MOST 4000
/* Nothing is joined to more, or of more lines. */
#define PIECE_MOST 16000
#define PIECE_LINES 200
/* Terminals and mail programs break lines at these widths. */
#define WIDTH_LEAST 60
#define WIDTH_MOST 200

/* What is being cut. */
struct cutting {
	const struct passage_rules *rules;
	struct passage_pieces *pieces;
	size_t paragraph, width;
	bool stamped;		/* the piece's first line is */
	bool event;		/* it is one */
	struct passage_part field;	/* that began it */
	bool open;		/* a line can go on with it */
};

void
passage_pieces_free(struct passage_pieces *pieces)
{
	free(pieces->text);
	free(pieces->lines);
	free(pieces->pieces);
	*pieces = (struct passage_pieces){ .text = NULL };
}

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

/* The character of ASCII that stands for one that programs like to make of it; 0: none. */
static char
plain_character(uint32_t code)
{
	switch (code) {
	case 0: case 0x09: case 0x0B: case 0xA0: case 0x2007: case 0x202F: case 0x3000:
		return ' ';
	case 0x2018: case 0x2019: case 0x201A: case 0xB4:
		return '\'';
	case 0x201C: case 0x201D: case 0x201E:
		return '"';
	case 0x2010: case 0x2011: case 0x2012: case 0x2013:
		return '-';
	case 0x0C: case 0x85: case 0x2028: case 0x2029:
		return '\n';
	default:
		return '\0';
	}
}

/* Copies the text in plain characters; every end of a line is a newline. */
static char *
plain_text(const char *text, size_t length)
{
	char *plain = malloc(length + 2), *to = plain;
	uint32_t code;
	size_t size;

	for (; plain != NULL && length > 0; text += size, length -= size) {
		size = text_next(text, length, &code);
		if (code == '\r') {
			if (length > 1 && text[1] == '\n')
				size++;
			*to++ = '\n';
		} else if (code == TEXT_BROKEN || plain_character(code) == '\0') {
			memcpy(to, text, size);
			to += size;
		} else
			*to++ = plain_character(code);
	}
	if (plain != NULL) {
		*to++ = '\n';
		*to = '\0';
	}
	return plain;
}

/* How much of a line is the mark of a quoted message. */
static size_t
quote_length(const char *line)
{
	size_t length = 0;

	while (line[length] == '>' || (line[length] == ' ' && length > 0))
		length++;
	return length;
}

static bool
add_line(struct passage_pieces *pieces, const char *text, size_t length, size_t number)
{
	while (length > 0 && text[length - 1] == ' ')
		length--;
	if (!array_reserve(pieces->lines, pieces->line_count + 1, &pieces->line_room))
		return false;
	pieces->lines[pieces->line_count++] = (struct passage_line){ text, length, number };
	return true;
}

/* Where a line that is too long is cut. */
static size_t
cut_length(const char *text)
{
	size_t length = LINE_MOST;

	while (length > LINE_MOST / 2 && text[length] != ' ')
		length--;
	if (text[length] == ' ')
		return length;
	for (length = LINE_MOST; !text_begins(text[length]); )
		length--;
	return length;
}

static bool
cut_lines(struct passage_pieces *pieces)
{
	const char *next = pieces->text, *line, *end;

	for (size_t number = 1; (end = strchr(next, '\n')) != NULL; number++) {
		line = next + quote_length(next);
		next = end + 1;
		while (end - line > LINE_MOST) {
			size_t length = cut_length(line);

			if (!add_line(pieces, line, length, number))
				return false;
			line += length;
		}
		if (!add_line(pieces, line, (size_t)(end - line), number))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * Pieces
 * ------------------------------------------------------------------ */

/* The longest line of the paragraph that begins there. */
static size_t
paragraph_width(const struct passage_pieces *pieces, size_t line)
{
	size_t width = 0;

	for (; line < pieces->line_count && pieces->lines[line].length > 0; line++)
		if (pieces->lines[line].length > width)
			width = pieces->lines[line].length;
	return width;
}

static bool
meets(const struct cutting *cutting, enum passage_rule rule, size_t line,
    struct passage_part *part)
{
	const struct passage_line *this = &cutting->pieces->lines[line];

	return passage_rule_meets(cutting->rules, rule, this->text, this->length, part);
}

/*
 * Whether the line's first word did not fit behind the one before it; where it looks like
 * a beginning, on a terminal's line that is full.
 */
static bool
looks_wrapped(const struct cutting *cutting, size_t line)
{
	const struct passage_line *this = &cutting->pieces->lines[line];
	size_t before = this[-1].length;

	return cutting->width >= WIDTH_LEAST && cutting->width <= WIDTH_MOST &&
	    before >= WIDTH_LEAST - 10 &&
	    before + 1 + strcspn(this->text, " \n") > cutting->width &&
	    ((before == cutting->width && (before == 80 || before == 79 || before == 132)) ||
	    !meets(cutting, RULE_START, line, NULL));
}

/* Whether it is the next line of a reply of SMTP, which has its code before "-". */
static bool
goes_on_with_reply(const struct passage_line *line)
{
	return line->length > 3 && line[-1].length > 3 && line[-1].text[3] == '-' &&
	    strspn(line->text, "12345") >= 1 && memcmp(line->text, line[-1].text, 3) == 0 &&
	    strspn(line->text, "0123456789") == 3;
}

/* Whether a line that is not empty goes on with the piece that is open. */
static bool
goes_on(struct cutting *cutting, size_t line, bool stamped)
{
	const struct passage_line *this = &cutting->pieces->lines[line];
	struct passage_part field;

	if (!cutting->open || (stamped && !cutting->event))
		return false;
	if (cutting->event)
		return !(meets(cutting, RULE_EVENT, line, &field) &&
		    field.length == cutting->field.length &&
		    strncasecmp(field.text, cutting->field.text, field.length) == 0) &&
		    !meets(cutting, RULE_PROCESS, line, NULL);
	if (goes_on_with_reply(this))
		return true;
	if (meets(cutting, RULE_EVENT, line, NULL))
		return false;
	if (looks_wrapped(cutting, line))
		return true;
	return !meets(cutting, RULE_START, line, NULL) && (cutting->stamped ||
	    this->text[0] == ' ' || this->text[0] == '(');
}

static size_t
piece_length(const struct passage_pieces *pieces, const struct passage_piece *piece)
{
	const struct passage_line *first = &pieces->lines[piece->first];
	const struct passage_line *last = first + piece->count - 1;

	return (size_t)(last->text + last->length - first->text);
}

/* Takes a line that is not empty. False: memory is short. */
static bool
take_passage_line(struct cutting *cutting, size_t line)
{
	struct passage_pieces *all = cutting->pieces;
	bool stamped = meets(cutting, RULE_STAMP, line, NULL);
	struct passage_piece *last = all->count > 0 ? &all->pieces[all->count - 1] : NULL;

	if (last != NULL && last->count < PIECE_LINES &&
	    piece_length(all, last) + all->lines[line].length < PIECE_MOST &&
	    goes_on(cutting, line, stamped)) {
		last->count = line - last->first + 1;
		return true;
	}
	if (!array_reserve(all->pieces, all->count + 1, &all->room))
		return false;
	all->pieces[all->count++] = (struct passage_piece){ line, 1, cutting->paragraph };
	cutting->open = true;
	cutting->stamped = stamped;
	cutting->event = meets(cutting, RULE_EVENT, line, &cutting->field);
	return true;
}

/* An empty line ends what is open, but for an event of which the text is to come. */
static void
end_of_paragraph(struct cutting *cutting, size_t line)
{
	const struct passage_line *lines = cutting->pieces->lines;
	const struct passage_line *before = line > 0 ? &lines[line - 1] : NULL;

	if (cutting->event && before != NULL && (before->length == 0 ||
	    before->text[before->length - 1] == ':'))
		return;
	cutting->open = cutting->event = false;
	cutting->paragraph++;
}

bool
passage_cut(const struct passage_rules *rules, const char *text, size_t length,
    struct passage_pieces *pieces)
{
	struct cutting cutting = { .rules = rules, .pieces = pieces };

	pieces->text = plain_text(text, length);
	if (pieces->text == NULL || !cut_lines(pieces))
		return false;
	for (size_t i = 0; i < pieces->line_count; i++) {
		if (pieces->lines[i].length == 0) {
			end_of_paragraph(&cutting, i);
			continue;
		}
		if (i == 0 || pieces->lines[i - 1].length == 0)
			cutting.width = paragraph_width(pieces, i);
		if (!take_passage_line(&cutting, i))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * The texts of a piece
 * ------------------------------------------------------------------ */

/* Appends a line, without what only says that it goes on with another. */
static void
join_line(const struct passage_line *line, bool first, const char *between,
    struct buffer *text)
{
	size_t skip = 0;

	if (!first) {
		if (goes_on_with_reply(line))
			skip = 4;
		while (skip < line->length && line->text[skip] == ' ')
			skip++;
		buffer_string(text, between);
	}
	buffer_add(text, line->text + skip, line->length - skip);
}

bool
passage_text(const struct passage_pieces *pieces, const struct passage_piece *piece,
    size_t number, struct buffer *text)
{
	const struct passage_line *lines = &pieces->lines[piece->first];
	size_t pairs = piece->count - 1, first = 0, count = piece->count;
	const char *between = number % 2 == 0 ? " " : "";

	buffer_clear(text);
	if (piece->count == 1 && number > 0)
		return false;
	if (number >= 2 && piece->count > 1) {
		if (number < 2 + 2 * pairs) {
			first = (number - 2) / 2;
			count = 2;
		} else {
			first = number - 2 - 2 * pairs;
			count = 1;
		}
	}
	if (first + count > piece->count)
		return false;
	for (size_t i = first; i < first + count; i++)
		if (lines[i].length > 0 || i == first)
			join_line(&lines[i], i == first, between, text);
	return true;
}
