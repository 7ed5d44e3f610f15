/*
 * mustache.c - text with places for values, filled from JSON.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/mustache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/screen.h"
#include "tool/tree.h"
#include "base/array.h"
#include "base/text.h"

enum piece_kind { PIECE_PLAIN, PIECE_VALUE, PIECE_SECTION, PIECE_INVERTED };
enum piece_form {
	FORM_ESCAPED, FORM_DIGITS, FORM_PLURAL, FORM_DAY, FORM_MINUTE, FORM_SECOND,
	FORM_RAW
};

struct piece {
	enum piece_kind kind;
	enum piece_form form;
	const char *text;		/* plain text, or where a section's tag is */
	size_t length;
	char name[MUSTACHE_NAME_MAX];
	size_t end;			/* the first piece behind a section */
};

struct mustache {
	struct piece *pieces;
	size_t count, room;
};

/* ------------------------------------------------------------------ *
 * Parsing
 * ------------------------------------------------------------------ */

struct parser {
	struct mustache *template;
	const char *name, *begin, *at;
	size_t open[MUSTACHE_DEPTH_MAX];	/* pieces: sections that have no end yet */
	size_t depth;
	char *error;
};

static bool
mustache_wrong(struct parser *parser, const char *at, const char *what)
{
	unsigned line = 1;

	for (const char *c = parser->begin; c < at; c++)
		line += *c == '\n';
	(void)snprintf(parser->error, MUSTACHE_ERROR_MAX, "%s:%u: %s", parser->name, line,
	    what);
	return false;
}

static bool
add_piece(struct parser *parser, struct piece piece)
{
	struct mustache *template = parser->template;

	if (!array_reserve(template->pieces, template->count + 1, &template->room))
		return mustache_wrong(parser, parser->at, "not enough memory");
	template->pieces[template->count++] = piece;
	return true;
}

static bool
add_plain(struct parser *parser, const char *end)
{
	return add_piece(parser, (struct piece){
		.kind = PIECE_PLAIN, .text = parser->at,
		.length = (size_t)(end - parser->at)
	});
}

/* A tag that writes nothing and is alone on its line takes the line with it. */
static void
take_tag_line(const struct parser *parser, const char **from, const char **to)
{
	const char *start = *from, *end = *to + strspn(*to, " \t");

	while (start > parser->at && strchr(" \t", start[-1]) != NULL)
		start--;
	if ((start == parser->begin || start[-1] == '\n') &&
	    (*end == '\n' || *end == '\0')) {
		*from = start;
		*to = end + (*end == '\n');
	}
}

static bool
read_form(const char *name, enum piece_form *form)
{
	static const char *const forms[] = { "", "plain", "s", "day", "minute", "second" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(name, forms[i]) == 0) {
			*form = (enum piece_form)i;
			return true;
		}
	return false;
}

/* Reads what is in a tag: a name and a form, from "text" to "end". */
static bool
read_tag_name(struct parser *parser, const char *text, const char *end, struct piece *piece)
{
	char form[8] = "";
	int length = 0;

	if (sscanf(text, " %63[A-Za-z0-9_.-] %n|%7[a-z] %n", piece->name, &length, form,
	    &length) < 1 || text + length != end || !read_form(form, &piece->form))
		return mustache_wrong(parser, piece->text,
		    "this is no name, or no form of a value");
	return true;
}

static bool
open_section(struct parser *parser, struct piece piece)
{
	if (parser->depth == MUSTACHE_DEPTH_MAX - 1)
		return mustache_wrong(parser, piece.text, "sections are nested too deeply");
	parser->open[parser->depth++] = parser->template->count;
	return add_piece(parser, piece);
}

static bool
close_section(struct parser *parser, struct piece end)
{
	struct piece *piece;

	if (parser->depth == 0)
		return mustache_wrong(parser, end.text, "a section ends that has not begun");
	piece = &parser->template->pieces[parser->open[--parser->depth]];
	if (strcmp(piece->name, end.name) != 0)
		return mustache_wrong(parser, end.text, "another section is to end first");
	piece->end = parser->template->count;
	return true;
}

/* Takes the tag that begins at "tag", and the text before it. */
static bool
take_tag(struct parser *parser, const char *tag)
{
	struct piece piece = { .text = tag };
	const char *end = strstr(tag, "}}"), *from = tag, *to;
	char sign = tag[2] != '\0' && strchr("#^/!{", tag[2]) != NULL ? tag[2] : '\0';

	if (end == NULL)
		return mustache_wrong(parser, tag, "a tag has no end");
	if (sign != '!' && !read_tag_name(parser, tag + 2 + (sign != '\0'), end, &piece))
		return false;
	if (sign == '{' && end[2] != '}')
		return mustache_wrong(parser, tag, "a tag has no end");
	to = end + (sign == '{' ? 3 : 2);
	if (sign != '\0' && sign != '{')
		take_tag_line(parser, &from, &to);
	if (!add_plain(parser, from))
		return false;
	parser->at = to;
	piece.kind = sign == '#' ? PIECE_SECTION :
	    sign == '^' ? PIECE_INVERTED : PIECE_VALUE;
	if (sign == '{')
		piece.form = FORM_RAW;
	return sign == '!' ? true : sign == '/' ? close_section(parser, piece) :
	    piece.kind != PIECE_VALUE ? open_section(parser, piece) :
	    add_piece(parser, piece);
}

static bool
parse_template(struct parser *parser)
{
	const char *tag;

	while ((tag = strstr(parser->at, "{{")) != NULL)
		if (!take_tag(parser, tag))
			return false;
	if (parser->depth > 0)
		return mustache_wrong(parser,
		    parser->template->pieces[parser->open[parser->depth - 1]].text,
		    "a section has no end");
	return add_plain(parser, parser->at + strlen(parser->at));
}

struct mustache *
mustache_parse(const char *name, const char *text, char error[MUSTACHE_ERROR_MAX])
{
	struct mustache *template = calloc(1, sizeof(*template));
	struct parser parser = {
		.template = template, .name = name, .begin = text, .at = text,
		.error = error
	};

	if (template == NULL)
		(void)mustache_wrong(&parser, text, "not enough memory");
	else if (!parse_template(&parser))
		mustache_free(&template);
	return template;
}

void
mustache_free(struct mustache **template)
{
	if (*template != NULL)
		free((*template)->pieces);
	free(*template);
	*template = NULL;
}

/* ------------------------------------------------------------------ *
 * Filling
 * ------------------------------------------------------------------ */

struct filler {
	const struct mustache *template;
	json_t *values[MUSTACHE_DEPTH_MAX];	/* the innermost is the last */
	size_t depth;
	enum mustache_use use;
	struct buffer *text;
};

/* What an object does not have is not looked for around it. */
static json_t *
find_value(const struct filler *filler, const char *name)
{
	size_t at = filler->depth - 1;

	if (strcmp(name, ".") == 0)
		return filler->values[at];
	while (at > 0 && !json_is_object(filler->values[at]))
		at--;
	return tree_at(filler->values[at], name);
}

static void
fill_html(const char *value, struct buffer *text)
{
	static const char *const entities[] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;",
		['\''] = "&#39;"
	};
	struct buffer visible = BUFFER_INIT;
	size_t left = text_limit(MUSTACHE_VALUE_MAX);
	struct text_piece piece = text_take(value, &left);

	text_escape(&visible, value, piece.length, TEXT_PLAIN);
	for (size_t at = 0; at < visible.length; ) {
		size_t plain = strcspn(visible.text + at, "&<>\"'");

		buffer_add(text, visible.text + at, plain);
		at += plain;
		if (at < visible.length)
			buffer_string(text, entities[(unsigned char)visible.text[at++]]);
	}
	buffer_string(text, piece.cut ? "\xE2\x80\xA6" : "");
	text->failed |= visible.failed;
	buffer_free(&visible);
}

static void
fill_text(const char *value, enum mustache_use use, struct buffer *text)
{
	if (use == MUSTACHE_HTML)
		fill_html(value, text);
	else
		text_escape(text, value, strlen(value), use == MUSTACHE_ASCII ?
		    TEXT_QUOTED_ASCII : TEXT_PLAIN);
}

/* YYYY-MM-DDThh:mm:ss: so many characters of it. */
static void
fill_time(const char *time, enum piece_form form, struct buffer *text)
{
	if (time == NULL || strlen(time) < 19)
		buffer_string(text, "\xE2\x80\x93");
	else if (form == FORM_DAY)
		buffer_format(text, "%.10s", time);
	else
		buffer_format(text, "%.10s %.*s", time, form == FORM_MINUTE ? 5 : 8,
		    time + 11);
}

static void
fill_number(json_int_t number, enum piece_form form, struct buffer *text)
{
	if (form == FORM_PLURAL)
		buffer_string(text, number == 1 ? "" : "s");
	else if (form == FORM_DIGITS)
		buffer_format(text, "%lld", (long long)number);
	else
		screen_number(text, number);
}

static void
fill_value(const struct filler *filler, const struct piece *piece)
{
	const json_t *value = find_value(filler, piece->name);
	struct buffer *text = filler->text;

	if (piece->form >= FORM_DAY && piece->form <= FORM_SECOND)
		fill_time(json_string_value(value), piece->form, text);
	else if (json_is_string(value) && piece->form == FORM_RAW)
		buffer_add(text, json_string_value(value), json_string_length(value));
	else if (json_is_string(value))
		fill_text(json_string_value(value), filler->use, text);
	else if (json_is_integer(value))
		fill_number(json_integer_value(value), piece->form, text);
	else if (json_is_real(value))
		buffer_format(text, "%.2f", json_real_value(value));
}

static bool
is_true_value(const json_t *value)
{
	if (json_is_array(value))
		return json_array_size(value) > 0;
	if (json_is_integer(value))
		return json_integer_value(value) != 0;
	if (json_is_string(value))
		return json_string_length(value) > 0;
	return value != NULL && !json_is_false(value) && !json_is_null(value);
}

static void fill_pieces(struct filler *filler, size_t from, size_t to);

static void
fill_with(struct filler *filler, json_t *value, size_t from, size_t to)
{
	filler->values[filler->depth++] = value;
	fill_pieces(filler, from, to);
	filler->depth--;
}

static void
fill_section(struct filler *filler, size_t at)
{
	const struct piece *piece = &filler->template->pieces[at];
	json_t *value = find_value(filler, piece->name), *element;
	size_t i;

	if (piece->kind == PIECE_INVERTED) {
		if (!is_true_value(value))
			fill_pieces(filler, at + 1, piece->end);
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, element)
			fill_with(filler, element, at + 1, piece->end);
	} else if (is_true_value(value))
		fill_with(filler, value, at + 1, piece->end);
}

static void
fill_pieces(struct filler *filler, size_t from, size_t to)
{
	const struct piece *pieces = filler->template->pieces;

	while (from < to) {
		const struct piece *piece = &pieces[from];

		if (piece->kind == PIECE_PLAIN)
			buffer_add(filler->text, piece->text, piece->length);
		else if (piece->kind == PIECE_VALUE)
			fill_value(filler, piece);
		else
			fill_section(filler, from);
		from = piece->end > from ? piece->end : from + 1;
	}
}

void
mustache_fill(const struct mustache *template, json_t *values, enum mustache_use use,
    struct buffer *text)
{
	struct filler filler = {
		.template = template, .values = { values }, .depth = 1, .use = use,
		.text = text
	};

	fill_pieces(&filler, 0, template->count);
}
