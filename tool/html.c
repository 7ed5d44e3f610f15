/*
 * html.c - HTML that is also well-formed XML, and numbers as people read them.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/html.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/date.h"
#include "base/text.h"

static const char *
entity_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void
html_text(struct buffer *buffer, const char *text, size_t limit)
{
	struct buffer visible = BUFFER_INIT;
	size_t left = text_limit(limit);
	struct text_piece piece = text_take(text, &left);
	size_t from = 0;

	text_escape(&visible, text, piece.length, TEXT_PLAIN);
	for (size_t at = 0; at < visible.length; at++) {
		const char *entity = entity_of(visible.text[at]);

		if (entity == NULL)
			continue;
		buffer_add(buffer, visible.text + from, at - from);
		buffer_string(buffer, entity);
		from = at + 1;
	}
	if (visible.length > from)
		buffer_add(buffer, visible.text + from, visible.length - from);
	if (piece.cut)
		buffer_string(buffer, "\xE2\x80\xA6");
	if (visible.failed)
		buffer->failed = true;
	buffer_free(&visible);
}

void
html_value(struct buffer *buffer, const char *text)
{
	if (text == NULL)
		buffer_string(buffer, "<span class=\"unknown\">unknown</span>");
	else
		html_format(buffer, "<bdi>%s</bdi>", text);
}

/* Appends the value of the conversion at "format"; returns what is behind it. */
static const char *
add_value(struct buffer *buffer, const char *format, va_list *args)
{
	const char *text;

	if (strncmp(format, "%s", 2) == 0) {
		text = va_arg(*args, const char *);
		if (text != NULL)
			html_text(buffer, text, HTML_VALUE_MAX);
		return format + 2;
	}
	if (strncmp(format, "%d", 2) == 0) {
		buffer_format(buffer, "%d", va_arg(*args, int));
		return format + 2;
	}
	if (strncmp(format, "%zu", 3) == 0) {
		buffer_format(buffer, "%zu", va_arg(*args, size_t));
		return format + 3;
	}
	if (strncmp(format, "%" PRId64, sizeof PRId64) == 0) {
		buffer_format(buffer, "%" PRId64, va_arg(*args, int64_t));
		return format + sizeof PRId64;
	}
	if (strncmp(format, "%%", 2) != 0)
		buffer->failed = true;
	else
		buffer_add(buffer, "%", 1);
	return format + 2;
}

void
html_format(struct buffer *buffer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	while (*format != '\0' && !buffer->failed) {
		size_t plain = strcspn(format, "%");

		if (plain > 0)
			buffer_add(buffer, format, plain);
		format += plain;
		if (*format != '\0')
			format = add_value(buffer, format, &args);
	}
	va_end(args);
}

struct html_number
html_count(int64_t count)
{
	struct html_number number = { "" };
	char digits[24];
	size_t length, at = 0;

	length = (size_t)snprintf(digits, sizeof digits, "%" PRId64, count);
	for (size_t i = 0; i < length; i++) {
		number.text[at++] = digits[i];
		if (digits[i] != '-' && i + 1 < length && (length - 1 - i) % 3 == 0)
			number.text[at++] = ',';
	}
	return number;
}

struct html_number
html_share(int64_t part, int64_t whole)
{
	struct html_number number = { "" };
	int tenths;

	if (whole <= 0) {
		(void)snprintf(number.text, sizeof number.text, "\xE2\x80\x93");
		return number;
	}
	tenths = (int)((double)part / (double)whole * 1000 + 0.5);
	if (tenths >= 1000 && part < whole)
		tenths = 999;
	if (tenths <= 0 && part > 0)
		(void)snprintf(number.text, sizeof number.text, "under 0.1%%");
	else if (tenths % 1000 == 0)
		(void)snprintf(number.text, sizeof number.text, "%d%%", tenths / 10);
	else
		(void)snprintf(number.text, sizeof number.text, "%d.%d%%", tenths / 10,
		    tenths % 10);
	return number;
}

struct html_number
html_day(int64_t ms)
{
	struct html_number number = { "\xE2\x80\x93" };

	if (ms != 0) {
		date_write_time(ms / 1000, number.text);
		number.text[10] = '\0';
	}
	return number;
}

struct html_number
html_minute(int64_t ms)
{
	struct html_number number = { "\xE2\x80\x93" };

	if (ms != 0) {
		/* YYYY-MM-DDTHH:MM:SSZ */
		date_write_time(ms / 1000, number.text);
		number.text[10] = ' ';
		number.text[16] = '\0';
	}
	return number;
}
