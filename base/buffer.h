/*
 * buffer.h - a growing string.
 *
 * A buffer is its owner's alone: no two threads share one.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_BUFFER_H
#define TLSWARD_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* Start from BUFFER_INIT; "text" is always terminated once anything was added. */
struct buffer {
	char *text;
	size_t length;
	size_t room;
	bool failed;		/* memory was short: the text is not whole */
};
#define BUFFER_INIT { NULL, 0, 0, false }

void buffer_add(struct buffer *buffer, const char *bytes, size_t length);
void buffer_string(struct buffer *buffer, const char *string);
void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_clear(struct buffer *buffer);	/* keeps its memory */
void buffer_free(struct buffer *buffer);	/* to BUFFER_INIT again */

#endif
