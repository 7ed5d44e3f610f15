/*
 * html.h - HTML that is also well-formed XML, and numbers as people read them.
 *
 * Whatever is not markup of ours goes through html_text(): there is no other way
 * for a value to get into a page. Failure shows in buffer->failed. Thread-safe as
 * long as no two threads share one buffer.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_HTML_H
#define TLSWARD_HTML_H

#include "journal/journal.h"
#include "base/buffer.h"

/*
 * Appends "text" as text, for an element or a quoted attribute: the five characters
 * of markup as entities, whatever is not visible, or turns text around, as \uXXXX,
 * broken UTF-8 as U+FFFD. Cut after "limit" bytes (0: none), with an ellipsis.
 */
void html_text(struct buffer *buffer, const char *text, size_t limit);

/*
 * Appends "format", which is markup, with values in it: %s is a text as above,
 * shortened to HTML_VALUE_MAX bytes (NULL: nothing), %d, %zu and int64_t's PRId64
 * are numbers, %% is a percent sign. Nothing else is known.
 */
#define HTML_VALUE_MAX 320
void html_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Appends a value from the network, or "unknown" for NULL: as html_text(), set
 * apart from the direction of the text around it.
 */
void html_value(struct buffer *buffer, const char *text);

struct html_number {
	char text[32];
};

/* 1234567 is "1,234,567". */
struct html_number html_count(int64_t count);

/*
 * "98.7%"; only all of them are "100%", and only none "0%"; of nothing: an en dash.
 */
struct html_number html_share(int64_t part, int64_t whole);

/* The day of milliseconds since the epoch, YYYY-MM-DD, and with the minute; "-": 0. */
struct html_number html_day(int64_t ms);
struct html_number html_minute(int64_t ms);

#endif
