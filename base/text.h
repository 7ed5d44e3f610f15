/*
 * text.h - text that may hold anything, made safe where it is written.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_TEXT_H
#define TLSWARD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* What text_next() gives for bytes that are not UTF-8. */
#define TEXT_BROKEN UINT32_MAX

/*
 * Reads one code point of the "length" (at least 1) bytes at "text" and returns
 * how many bytes it took. Overlong forms, surrogates and cut sequences are
 * TEXT_BROKEN, one for each maximal part of a sequence, as Unicode recommends.
 */
size_t text_next(const char *text, size_t length, uint32_t *code);

/* How many of the bytes at "text" are well-formed UTF-8, from the first on. */
size_t text_utf8_length(const char *text, size_t length);

enum text_style {
	TEXT_QUOTED,		/* inside quotes; UTF-8 stays where it is harmless */
	TEXT_QUOTED_ASCII,	/* inside quotes; all but ASCII is escaped */
	TEXT_PLAIN		/* not quoted: quotes and backslashes stay */
};

/*
 * Appends "text" with the escapes that JSON knows: \" \\ \n \r \t and \uXXXX for
 * whatever a terminal, a pager or a line splitter could take for more than a
 * letter (controls, line and paragraph separators, invisible and bidirectional
 * marks). Broken UTF-8 becomes U+FFFD. The result is always one line.
 */
void text_escape(struct buffer *buffer, const char *text, size_t length,
    enum text_style style);

/*
 * Appends "text" as it is, but for broken UTF-8, which becomes U+FFFD: for a reader
 * that takes any text, as a database does.
 */
void text_repair(struct buffer *buffer, const char *text, size_t length);

/*
 * Appends "text" for people to read: what is not a visible character as \n, \r,
 * \t or \uXXXX, invalid UTF-8 as U+FFFD. The result is always one line.
 */
void text_visible(struct buffer *buffer, const char *text);

/* Appends "text" as a JSON string, in ASCII, with its quotes. */
void text_json(struct buffer *buffer, const char *text);

/* In lower case, where it is a letter of ASCII, whatever the locale. */
static inline char
text_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether a byte begins a code point, and does not go on with one. */
static inline bool
text_begins(char c)
{
	return ((unsigned char)c & 0xC0) != 0x80;
}

/* What a hexadecimal digit is worth; -1: it is none. */
static inline int
text_hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    text_lower(c) >= 'a' && text_lower(c) <= 'f' ? text_lower(c) - 'a' + 10 : -1;
}

/* Whether it is an address of IPv4 or IPv6, and nothing else. */
bool text_is_address(const char *text);

/* Appends to the terminated "text" that has room for "size" bytes, cut where it is full. */
void text_append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends a number: without a format's cost, for what is written every time. */
void text_decimal(struct buffer *buffer, unsigned number);

/* A value's first bytes, as many as a limit leaves. */
struct text_piece {
	size_t length;
	bool cut;		/* there was more */
};

/* A limit as it is written down (0: none) as a number that can be counted down. */
size_t text_limit(size_t value_max);

/* What of "text" fits into *left; never cuts within a code point. Lowers *left. */
struct text_piece text_take(const char *text, size_t *left);

#endif
