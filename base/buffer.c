/*
 * buffer.c - a growing string.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define BUFFER_LEAST 256

/* Room for "length" more bytes and the terminator. */
static bool
buffer_reserve(struct buffer *buffer, size_t length)
{
	size_t wanted = buffer->length + length + 1;

	if (buffer->failed || length >= SIZE_MAX / 4)
		goto fail;
	if (wanted <= buffer->room)
		return true;
	if (array_reserve(buffer->text, wanted < BUFFER_LEAST ? BUFFER_LEAST : wanted,
	    &buffer->room))
		return true;
fail:
	buffer->failed = true;
	return false;
}

void
buffer_add(struct buffer *buffer, const char *bytes, size_t length)
{
	if (!buffer_reserve(buffer, length))
		return;
	if (length > 0)
		memcpy(buffer->text + buffer->length, bytes, length);
	buffer->length += length;
	buffer->text[buffer->length] = '\0';
}

void
buffer_string(struct buffer *buffer, const char *string)
{
	buffer_add(buffer, string, strlen(string));
}

void
buffer_format(struct buffer *buffer, const char *format, ...)
{
	va_list args;
	size_t room;
	int length;

	if (!buffer_reserve(buffer, BUFFER_LEAST))
		return;
	room = buffer->room - buffer->length;
	va_start(args, format);
	length = vsnprintf(buffer->text + buffer->length, room, format, args);
	va_end(args);
	if (length < 0)
		goto fail;
	if ((size_t)length >= room) {
		room = (size_t)length + 1;
		buffer->text[buffer->length] = '\0';
		if (!buffer_reserve(buffer, room))
			return;
		va_start(args, format);
		(void)vsnprintf(buffer->text + buffer->length, room, format, args);
		va_end(args);
	}
	buffer->length += (size_t)length;
	return;
fail:
	buffer->text[buffer->length] = '\0';
	buffer->failed = true;
}

void
buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = false;
	if (buffer->text != NULL)
		buffer->text[0] = '\0';
}

void
buffer_free(struct buffer *buffer)
{
	free(buffer->text);
	*buffer = (struct buffer)BUFFER_INIT;
}
