/*
 * parse.c - the table of settings, and the text of a settings file.
 *
 * SPDX-License-Identifier: ISC
 */
#include "settings/table.h"

#include <stdarg.h>
#include <string.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "base/suggest.h"
#include "base/text.h"

#define SETTING_ROW(type, member, name, take, values, fallback, without, about) \
	{ name, setting_take_##take, offsetof(struct settings, member), sizeof(type), \
	    _Generic(((struct settings *)0)->member, char *: true, default: false), \
	    values, fallback, without, about },

const struct setting settings_table[SETTING_COUNT] = { SETTINGS(SETTING_ROW) };

void
settings_describe(FILE *out)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *setting = &settings_table[i];

		(void)fprintf(out, "%s %s\n    %s\n    default: %s\n", setting->name,
		    setting->values, setting->about,
		    setting->fallback != NULL ? setting->fallback : setting->without);
	}
}

/* ------------------------------------------------------------------ *
 * Lines
 * ------------------------------------------------------------------ */

struct parser {
	const char *file;
	struct settings *settings;
	struct diags *diags;
	const char *text;		/* of the line, of "length" bytes */
	size_t length;
	unsigned number;
	struct setting_place place;	/* of its name */
	struct buffer name, value, error;
	bool failed;				/* memory was short */
};

static bool
line_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The column of the byte at "at", in code points. */
static unsigned
line_column(const struct parser *parser, size_t at)
{
	unsigned column = 1;

	for (size_t i = 0; i < at; i++)
		column += text_begins(parser->text[i]);
	return column;
}

static void __attribute__((format(printf, 3, 4)))
line_fault(struct parser *parser, size_t at, const char *format, ...)
{
	char message[SETTING_ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	buffer_clear(&parser->error);
	text_visible(&parser->error, message);
	if (parser->error.failed) {
		parser->failed = true;
		return;
	}
	diags_add(parser->diags, SEVERITY_ERROR, NULL, parser->file, parser->number,
	    line_column(parser, at), parser->text, parser->length, "%s",
	    parser->error.text);
}

/* Faults that make it pointless to look at the line's words. */
static bool
line_check(struct parser *parser)
{
	size_t valid = text_utf8_length(parser->text, parser->length);

	for (size_t i = 0; i < valid; i++) {
		unsigned char c = (unsigned char)parser->text[i];

		if (c == '\0') {
			line_fault(parser, i, "the line holds a NUL");
			return false;
		}
		if ((c < 0x20 && c != '\t') || c == 0x7F) {
			line_fault(parser, i, "the line holds a control character");
			return false;
		}
	}
	if (valid < parser->length)
		line_fault(parser, valid, "this is not UTF-8");
	return valid == parser->length;
}

static size_t
line_skip(const struct parser *parser, size_t at)
{
	while (at < parser->length && line_blank(parser->text[at]))
		at++;
	return at;
}

/* A quoted value from the byte after its quote on. */
static bool
line_quoted(struct parser *parser, size_t at)
{
	size_t start = at - 1;

	for (; at < parser->length && parser->text[at] != '"'; at++) {
		if (parser->text[at] == '\\') {
			at++;
			if (at == parser->length ||
			    strchr("\"\\", parser->text[at]) == NULL) {
				line_fault(parser, at - 1, "in quotes a backslash "
				    "stands before a quote or a backslash only");
				return false;
			}
		}
		buffer_add(&parser->value, &parser->text[at], 1);
	}
	if (at == parser->length) {
		line_fault(parser, start, "the closing quote is missing");
		return false;
	}
	at = line_skip(parser, at + 1);
	if (at < parser->length && parser->text[at] != '#') {
		line_fault(parser, at, "nothing may follow the closing quote");
		return false;
	}
	return true;
}

static bool
line_value(struct parser *parser, size_t at)
{
	size_t end = at;

	buffer_clear(&parser->value);
	buffer_string(&parser->value, "");
	if (at < parser->length && parser->text[at] == '"')
		return line_quoted(parser, at + 1);
	while (end < parser->length &&
	    !(parser->text[end] == '#' && line_blank(parser->text[end - 1])))
		end++;
	while (end > at && line_blank(parser->text[end - 1]))
		end--;
	for (size_t i = at; i < end; i++)
		if (parser->text[i] == '"') {
			line_fault(parser, i,
			    "a quote within a value: quote the whole of it");
			return false;
		}
	buffer_add(&parser->value, parser->text + at, end - at);
	return true;
}

/* The setting called "name", or NULL. */
static const struct setting *
setting_find(const char *name)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (strcmp(settings_table[i].name, name) == 0)
			return &settings_table[i];
	return NULL;
}

static void
complain_of_name(struct parser *parser, size_t at)
{
	const char *names[SETTING_COUNT], *name = parser->name.text, *meant;

	for (size_t i = 0; i < SETTING_COUNT; i++)
		names[i] = settings_table[i].name;
	parser->name.text[strcspn(name, "=")] = '\0';
	meant = suggest_word(name, strlen(name), names, SETTING_COUNT);
	if (setting_find(name) != NULL)
		line_fault(parser, at, "a setting is written without \"=\": %s VALUE",
		    name);
	else if (meant != NULL)
		line_fault(parser, at, "unknown setting \"%.60s\": did you mean "
		    "\"%s\"?", name, meant);
	else
		line_fault(parser, at, "unknown setting \"%.60s\"", name);
}

/* Was this setting seen before? If not, it is now. One of them may have several lines. */
static bool
is_first(struct parser *parser, size_t at, const struct setting *setting)
{
	struct setting_place *first =
	    &parser->settings->set_at[setting - settings_table];

	parser->place = (struct setting_place){ parser->number, line_column(parser, at) };
	if (first->line != 0 && setting->take == setting_take_listen)
		return true;
	if (first->line != 0) {
		line_fault(parser, at, "%s is set twice: first at %.200s:%u:%u",
		    setting->name, parser->file, first->line, first->column);
		return false;
	}
	*first = parser->place;
	return true;
}

static void
take_value(struct parser *parser, size_t at, const struct setting *setting)
{
	struct setting_value value = {
		.setting = setting, .settings = parser->settings, .text = parser->value.text,
		.at = parser->place
	};

	if (parser->value.failed) {
		parser->failed = true;
		return;
	}
	/* Of all settings, only the delimiter means something when it is empty. */
	if (parser->value.length == 0 && setting->take != setting_take_delimiter)
		line_fault(parser, at, "%s needs a value: %s", setting->name,
		    setting->values);
	else if (setting_give(&value))
		return;
	else if (value.error[0] == '\0')
		parser->failed = true;
	else
		line_fault(parser, at, "%s", value.error);
}

static void
parse_line(struct parser *parser)
{
	size_t start, end, value;
	const struct setting *setting;

	if (!line_check(parser))
		return;
	start = line_skip(parser, 0);
	if (start == parser->length || parser->text[start] == '#')
		return;
	for (end = start; end < parser->length && !line_blank(parser->text[end]); )
		end++;
	value = line_skip(parser, end);
	buffer_clear(&parser->name);
	buffer_add(&parser->name, parser->text + start, end - start);
	if (parser->name.failed) {
		parser->failed = true;
		return;
	}
	setting = setting_find(parser->name.text);
	if (setting == NULL)
		complain_of_name(parser, start);
	else if (is_first(parser, start, setting) && line_value(parser, value))
		take_value(parser, value, setting);
}

bool
settings_parse(const char *file, const char *text, size_t length,
    struct settings *settings, struct diags *diags)
{
	struct parser parser = { .file = file, .settings = settings, .diags = diags };
	size_t at = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	while (at < length && !parser.failed) {
		const char *end = memchr(text + at, '\n', length - at);
		size_t taken = end == NULL ? length - at : (size_t)(end - text) - at;

		parser.number++;
		parser.text = text + at;
		parser.length = taken;
		if (taken > 0 && parser.text[taken - 1] == '\r')
			parser.length--;
		parse_line(&parser);
		at += taken + 1;
	}
	buffer_free(&parser.name);
	buffer_free(&parser.value);
	buffer_free(&parser.error);
	return !parser.failed;
}
