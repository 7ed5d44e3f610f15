/*
 * parse.c - the text of a settings file.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdarg.h>
#include <string.h>

#include "settings/table.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "base/text.h"

struct parser {
	const char *file;
	struct settings *settings;
	struct diags *diags;
	struct buffer name, value, error;
	bool failed;				/* memory was short */
};

struct line {
	const char *text;
	size_t length;
	unsigned number;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* The column of the byte at "at", in code points. */
static unsigned
column_of(const struct line *line, size_t at)
{
	unsigned column = 1;

	for (size_t i = 0; i < at; i++)
		if (((unsigned char)line->text[i] & 0xC0) != 0x80)
			column++;
	return column;
}

static void __attribute__((format(printf, 4, 5)))
complain(struct parser *parser, const struct line *line, size_t at, const char *format,
    ...)
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
	diags_add(parser->diags, SEVERITY_ERROR, NULL, parser->file, line->number,
	    column_of(line, at), line->text, line->length, "%s", parser->error.text);
}

/* Faults that make it pointless to look at the line's words. */
static bool
check_bytes(struct parser *parser, const struct line *line)
{
	size_t valid = text_utf8_length(line->text, line->length);

	for (size_t i = 0; i < valid; i++) {
		unsigned char c = (unsigned char)line->text[i];

		if (c == '\0') {
			complain(parser, line, i, "the line holds a NUL");
			return false;
		}
		if ((c < 0x20 && c != '\t') || c == 0x7F) {
			complain(parser, line, i, "the line holds a control character");
			return false;
		}
	}
	if (valid < line->length)
		complain(parser, line, valid, "this is not UTF-8");
	return valid == line->length;
}

static size_t
skip_space(const struct line *line, size_t at)
{
	while (at < line->length && is_space(line->text[at]))
		at++;
	return at;
}

/* A quoted value from the byte after its quote on. */
static bool
read_quoted(struct parser *parser, const struct line *line, size_t at)
{
	size_t start = at - 1;

	for (; at < line->length && line->text[at] != '"'; at++) {
		if (line->text[at] == '\\') {
			at++;
			if (at == line->length ||
			    strchr("\"\\", line->text[at]) == NULL) {
				complain(parser, line, at - 1, "in quotes a backslash "
				    "stands before a quote or a backslash only");
				return false;
			}
		}
		buffer_add(&parser->value, &line->text[at], 1);
	}
	if (at == line->length) {
		complain(parser, line, start, "the closing quote is missing");
		return false;
	}
	at = skip_space(line, at + 1);
	if (at < line->length && line->text[at] != '#') {
		complain(parser, line, at, "nothing may follow the closing quote");
		return false;
	}
	return true;
}

static bool
read_value(struct parser *parser, const struct line *line, size_t at)
{
	size_t end = at;

	buffer_clear(&parser->value);
	buffer_string(&parser->value, "");
	if (at < line->length && line->text[at] == '"')
		return read_quoted(parser, line, at + 1);
	while (end < line->length &&
	    !(line->text[end] == '#' && is_space(line->text[end - 1])))
		end++;
	while (end > at && is_space(line->text[end - 1]))
		end--;
	for (size_t i = at; i < end; i++)
		if (line->text[i] == '"') {
			complain(parser, line, i,
			    "a quote within a value: quote the whole of it");
			return false;
		}
	buffer_add(&parser->value, line->text + at, end - at);
	return true;
}

static void
complain_of_name(struct parser *parser, const struct line *line, size_t at)
{
	const char *name = parser->name.text;
	const char *meant;

	parser->name.text[strcspn(name, "=")] = '\0';
	meant = setting_suggest(name);
	if (setting_find(name) != NULL)
		complain(parser, line, at, "a setting is written without \"=\": %s VALUE",
		    name);
	else if (meant != NULL)
		complain(parser, line, at, "unknown setting \"%.60s\": did you mean "
		    "\"%s\"?", name, meant);
	else
		complain(parser, line, at, "unknown setting \"%.60s\"", name);
}

/* Was this setting seen before? If not, it is now. */
static bool
is_first(struct parser *parser, const struct line *line, size_t at,
    const struct setting *setting)
{
	size_t number = (size_t)(setting - settings_table);
	unsigned *seen = &parser->settings->set_at[number].line;
	unsigned *column = &parser->settings->set_at[number].column;

	if (*seen != 0) {
		complain(parser, line, at, "%s is set twice: first at %.200s:%u:%u",
		    setting->name, parser->file, *seen, *column);
		return false;
	}
	*seen = line->number;
	*column = column_of(line, at);
	return true;
}

static void
take_value(struct parser *parser, const struct line *line, size_t at,
    const struct setting *setting)
{
	struct setting_value value = {
		setting, parser->settings, NULL, parser->value.text, ""
	};

	/* Of all settings, only the delimiter means something when it is empty. */
	if (parser->value.length == 0 && setting->take != setting_take_delimiter)
		complain(parser, line, at, "%s needs a value: %s", setting->name,
		    setting->values);
	else if (setting_give(&value))
		return;
	else if (value.error[0] == '\0')
		parser->failed = true;
	else
		complain(parser, line, at, "%s", value.error);
}

static void
parse_line(struct parser *parser, const struct line *line)
{
	size_t start, end, value;
	const struct setting *setting;

	if (!check_bytes(parser, line))
		return;
	start = skip_space(line, 0);
	if (start == line->length || line->text[start] == '#')
		return;
	for (end = start; end < line->length && !is_space(line->text[end]); )
		end++;
	value = skip_space(line, end);
	buffer_clear(&parser->name);
	buffer_add(&parser->name, line->text + start, end - start);
	if (parser->name.failed) {
		parser->failed = true;
		return;
	}
	setting = setting_find(parser->name.text);
	if (setting == NULL)
		complain_of_name(parser, line, start);
	else if (is_first(parser, line, start, setting) &&
	    read_value(parser, line, value)) {
		if (parser->value.failed)
			parser->failed = true;
		else
			take_value(parser, line, value, setting);
	}
}

bool
settings_parse(const char *file, const char *text, size_t length,
    struct settings *settings, struct diags *diags)
{
	struct parser parser = { .file = file, .settings = settings, .diags = diags };
	struct line line = { .number = 0 };
	size_t at = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	while (at < length && !parser.failed) {
		const char *end = memchr(text + at, '\n', length - at);
		size_t taken = end == NULL ? length - at : (size_t)(end - text) - at;

		line.number++;
		line.text = text + at;
		line.length = taken;
		if (taken > 0 && line.text[taken - 1] == '\r')
			line.length--;
		parse_line(&parser, &line);
		at += taken + 1;
	}
	buffer_free(&parser.name);
	buffer_free(&parser.value);
	buffer_free(&parser.error);
	return !parser.failed;
}
