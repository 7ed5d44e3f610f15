/*
 * decode.h - text of whatever encoding Windows and others write, as UTF-8.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_DECODE_H
#define TLSWARD_TOOL_DECODE_H

#include "base/buffer.h"

/*
 * Appends bytes as UTF-8 without a byte order mark and without CR: UTF-16 with a mark or
 * with the zeros of ASCII text, UTF-8 with or without a mark, and what is neither as
 * windows-1252. NULs stay.
 */
void decode_text(const char *bytes, size_t length, struct buffer *text);

#endif
