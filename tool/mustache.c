/*
 * mustache.c - text with places for values, filled from JSON.
 *
 * A template is interpreted as it stands: what is not to be written is read all the
 * same, so that each filling finds every broken tag.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/mustache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool/screen.h"
#include "tool/tool.h"
#include "tool/tree.h"
#include "journal/journal.h"
#include "base/date.h"
#include "base/file.h"
#include "base/text.h"

#define TEMPLATE_MAX (1 << 20)	/* bytes of a file */
#define DEPTH_MAX 16		/* of sections in each other, and what is around them */
#define TAG_NAME_MAX 64

enum form { FORM_PEOPLE, FORM_PLAIN, FORM_PLURAL, FORM_DAY, FORM_MINUTE, FORM_SHORT,
	FORM_LONG, FORM_DATE, FORM_RAW };

struct tag {
	const char *from, *to;	/* what of the text it takes */
	char sign;		/* one of #^/!{ or '\0' */
	enum form form;
	char name[TAG_NAME_MAX];
};

struct filler {
	const struct mustache *template;
	json_t *values[DEPTH_MAX];	/* the innermost is the last */
	bool later[DEPTH_MAX];		/* within an element that is not the first */
	size_t depth;
	struct buffer *text;
};

static const char *
mustache_wrong(const struct filler *filler, const char *at, const char *what)
{
	unsigned line = 1;

	for (const char *c = filler->template->text; c < at; c++)
		line += *c == '\n';
	(void)tool_trouble("%s:%u: %s", filler->template->path, line, what);
	return NULL;
}

/* ------------------------------------------------------------------ *
 * Tags
 * ------------------------------------------------------------------ */

/* A tag that writes nothing and is alone on its line takes the line with it. */
static void
take_tag_line(const char *begin, const char *at, struct tag *tag)
{
	const char *start = tag->from, *end = tag->to + strspn(tag->to, " \t");

	while (start > at && strchr(" \t", start[-1]) != NULL)
		start--;
	if ((start == begin || start[-1] == '\n') && (*end == '\n' || *end == '\0')) {
		tag->from = start;
		tag->to = end + (*end == '\n');
	}
}

/* Reads a name and a form, from "text" to "end". */
static bool
read_tag_name(const char *text, const char *end, struct tag *tag)
{
	static const char *const forms[] = {
		"", "plain", "s", "day", "minute", "short", "long", "date"
	};
	const char *name = text + strspn(text, " "), *form;
	size_t length = strcspn(name, " |}"), written;

	form = name + length + strspn(name + length, " ");
	written = *form == '|' ? strcspn(++form, " }") : 0;
	if (length == 0 || length >= sizeof(tag->name) ||
	    form + written + strspn(form + written, " ") != end)
		return false;
	(void)memcpy(tag->name, name, length);
	tag->name[length] = '\0';
	for (size_t i = form[-1] == '|'; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strlen(forms[i]) == written &&
		    memcmp(form, forms[i], written) == 0) {
			tag->form = (enum form)i;
			return true;
		}
	return false;
}

/* Reads the tag at "found", behind what was written up to "at". */
static bool
read_tag(const struct filler *filler, const char *at, const char *found,
    struct tag *tag)
{
	const char *end = strstr(found, "}}");

	*tag = (struct tag){ .from = found };
	if (found[2] != '\0' && strchr("#^/!{", found[2]) != NULL)
		tag->sign = found[2];
	if (end == NULL)
		return mustache_wrong(filler, found, "a tag has no end") != NULL;
	tag->to = end + 2;
	if (tag->sign != '!' &&
	    !read_tag_name(found + 2 + (tag->sign != '\0'), end, tag))
		return mustache_wrong(filler, found,
		    "this is not a name or a form of a value") != NULL;
	if (tag->sign == '{') {
		tag->form = FORM_RAW;
		if (*tag->to++ != '}')
			return mustache_wrong(filler, found,
			    "a tag has no end") != NULL;
	} else if (tag->sign != '\0')
		take_tag_line(filler->template->text, at, tag);
	return true;
}

/* ------------------------------------------------------------------ *
 * Values
 * ------------------------------------------------------------------ */

/* What an object does not have is not looked for around it. */
static json_t *
find_value(const struct filler *filler, const char *name)
{
	size_t at = filler->depth - 1;

	if (strcmp(name, ".") == 0)
		return filler->values[at];
	while (at > 0 && !json_is_object(filler->values[at]))
		at--;
	if (strcmp(name, ",") == 0)
		return json_boolean(filler->later[filler->depth - 1]);
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

/* "31 January 2026", the month cut to three letters where it is short. */
static void
fill_day_in_words(int64_t when_ms, bool is_short, struct buffer *text)
{
	static const char *const months[] = {
		"January", "February", "March", "April", "May", "June", "July", "August",
		"September", "October", "November", "December"
	};
	struct date_local day = date_local(when_ms);
	int64_t away = (int64_t)time(NULL) * 1000 - when_ms;

	buffer_format(text, "%d %.*s", atoi(day.text + 8), is_short ? 3 : 9,
	    months[day.month - 1]);
	if (away > MUSTACHE_YEAR_MS || away < -MUSTACHE_YEAR_MS)
		buffer_format(text, " %.4s", day.text);
}

static void
fill_time(const char *time, enum form form, struct buffer *text)
{
	int64_t when;

	if (time == NULL || !date_read_time(time, &when))
		buffer_string(text, "\xE2\x80\x93");
	else if (form == FORM_DATE)
		buffer_format(text, "%.10s", time);
	else if (form == FORM_DAY)
		buffer_format(text, "%.10s", date_local(when * 1000).text);
	else if (form == FORM_MINUTE)
		screen_time(text, when * 1000);
	else
		fill_day_in_words(when * 1000, form == FORM_SHORT, text);
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

static void
fill_string(const struct filler *filler, enum form form, const json_t *value)
{
	const char *string = json_string_value(value);
	struct buffer *text = filler->text;

	if (form == FORM_RAW)
		buffer_string(text, string);
	else if (filler->template->use == MUSTACHE_HTML)
		fill_html(string, text);
	else if (filler->template->use == MUSTACHE_CSV)
		journal_row_csv_value(string, text);
	else
		text_escape(text, string, strlen(string),
		    filler->template->use == MUSTACHE_ASCII ? TEXT_QUOTED_ASCII :
		    TEXT_PLAIN);
}

static void
fill_number(const struct filler *filler, enum form form, json_int_t number)
{
	if (form == FORM_PLURAL)
		buffer_string(filler->text, number == 1 ? "" : "s");
	else if (form == FORM_PLAIN || filler->template->use == MUSTACHE_CSV)
		buffer_format(filler->text, "%lld", (long long)number);
	else
		screen_number(filler->text, number);
}

static void
fill_value(const struct filler *filler, const struct tag *tag)
{
	const json_t *value = find_value(filler, tag->name);

	if (tag->form >= FORM_DAY && tag->form <= FORM_DATE)
		fill_time(json_string_value(value), tag->form, filler->text);
	else if (json_is_string(value))
		fill_string(filler, tag->form, value);
	else if (json_is_integer(value))
		fill_number(filler, tag->form, json_integer_value(value));
	else if (json_is_real(value))
		buffer_format(filler->text, "%.2f", json_real_value(value));
	else if (json_is_boolean(value) && filler->template->use == MUSTACHE_CSV)
		buffer_string(filler->text, json_is_true(value) ? "yes" : "no");
}

/* ------------------------------------------------------------------ *
 * Sections
 * ------------------------------------------------------------------ */

static const char *fill_block(struct filler *filler, const struct tag *open,
    json_t *value, bool writing);

static const char *
fill_section(struct filler *filler, const struct tag *tag, bool writing)
{
	json_t *value = writing ? find_value(filler, tag->name) : NULL, *element;
	const char *end = tag->to;
	size_t i;

	if (filler->depth == DEPTH_MAX)
		return mustache_wrong(filler, tag->from,
		    "sections are nested too deeply");
	filler->later[filler->depth] = filler->later[filler->depth - 1];
	if (tag->sign == '^')
		return fill_block(filler, tag, filler->values[filler->depth - 1],
		    writing && !is_true_value(value));
	if (json_array_size(value) == 0)
		return fill_block(filler, tag, value, writing && is_true_value(value));
	json_array_foreach(value, i, element)
		if (end != NULL) {
			filler->later[filler->depth] = i > 0;
			end = fill_block(filler, tag, element, true);
		}
	return end;
}

/* The block ends: with the text, or with the tag of its section's end. */
static const char *
end_block(const struct filler *filler, const struct tag *open, const struct tag *end,
    const char *at)
{
	if (end == NULL)
		return open->sign == '\0' ? at :
		    mustache_wrong(filler, open->from, "a section has no end");
	if (open->sign == '\0')
		return mustache_wrong(filler, end->from,
		    "a section ends that has not begun");
	return strcmp(open->name, end->name) == 0 ? end->to :
	    mustache_wrong(filler, end->from, "another section is to end first");
}

/* What is behind the tag "open", to its end. Returns what is behind that; or NULL. */
static const char *
fill_block(struct filler *filler, const struct tag *open, json_t *value, bool writing)
{
	const char *at = open->to, *found;
	struct tag tag = { .sign = '\0' };

	filler->values[filler->depth++] = value;
	while (at != NULL && tag.sign != '/' && (found = strstr(at, "{{")) != NULL) {
		if (!read_tag(filler, at, found, &tag))
			return NULL;
		if (writing)
			buffer_add(filler->text, at, (size_t)(tag.from - at));
		at = tag.to;
		if (tag.sign == '#' || tag.sign == '^')
			at = fill_section(filler, &tag, writing);
		else if (writing && (tag.sign == '\0' || tag.sign == '{'))
			fill_value(filler, &tag);
	}
	filler->depth--;
	if (at != NULL && tag.sign != '/' && writing)
		buffer_string(filler->text, at);
	return at == NULL ? NULL :
	    end_block(filler, open, tag.sign == '/' ? &tag : NULL, at);
}

bool
mustache_fill(const struct mustache *template, json_t *values, struct buffer *text)
{
	struct filler filler = { .template = template, .text = text };
	const struct tag whole = { .to = template->text };
	bool filled = values != NULL && !text->failed;

	if (!filled)
		(void)tool_no_memory();
	else
		filled = fill_block(&filler, &whole, values, true) != NULL;
	if (filled && text->failed) {
		(void)tool_no_memory();
		filled = false;
	}
	json_decref(values);
	return filled;
}

/* ------------------------------------------------------------------ *
 * Files
 * ------------------------------------------------------------------ */

bool
mustache_read(const char *name, enum mustache_use use, struct mustache *template)
{
	struct file file;

	template->use = use;
	file_data_path(name, template->path, sizeof(template->path));
	switch (file_read(template->path, TEMPLATE_MAX, true, &file)) {
	case FILE_READ:
		template->text = file.text;
		if (file.length > 0 && strlen(file.text) == file.length)
			return true;
		free(file.text);
		(void)tool_trouble("%s is empty or no text: install tlsward again",
		    template->path);
		break;
	case FILE_NO_MEMORY:
		(void)tool_no_memory();
		break;
	case FILE_LARGE:
		(void)tool_trouble("%s is too large: install tlsward again",
		    template->path);
		break;
	case FILE_IRREGULAR:
		(void)tool_trouble("%s is not a file: install tlsward again", template->path);
		break;
	case FILE_UNREADABLE:
		(void)tool_trouble("cannot read %s: %s: install tlsward again, or set "
		    "TLSWARD_DATADIR", template->path, strerror(errno));
		break;
	}
	template->text = NULL;
	return false;
}

bool
mustache_fill_file(const char *name, enum mustache_use use, json_t *values,
    struct buffer *text)
{
	struct mustache template;
	bool filled = false;

	if (mustache_read(name, use, &template))
		filled = mustache_fill(&template, values, text);
	else
		json_decref(values);
	free(template.text);
	return filled;
}

int
mustache_print(const char *name, json_t *values)
{
	struct buffer text = BUFFER_INIT;
	bool made = true;

	if (name != NULL)
		made = mustache_fill_file(name, MUSTACHE_SCREEN, values, &text);
	else {
		tree_write(values, false, &text);
		buffer_string(&text, "\n");
	}
	made = made && screen_write(&text) != SCREEN_FAILED;
	buffer_free(&text);
	return made ? STATUS_FINE : STATUS_TROUBLE;
}
