/*
 * probe_say.c - a sentence of the probe's, with a stranger's words in it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_say.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

void
probe_say(char out[PROBE_TEXT], const char *words, const char *theirs)
{
	struct buffer buffer = BUFFER_INIT;
	size_t left = PROBE_TEXT - 1;

	buffer_string(&buffer, words);
	text_escape(&buffer, theirs, strnlen(theirs, PROBE_TEXT), TEXT_PLAIN);
	if (buffer.failed)
		(void)snprintf(out, PROBE_TEXT, "%s", words);
	else {
		struct text_piece piece = text_take(buffer.text, &left);

		memcpy(out, buffer.text, piece.length);
		out[piece.length] = '\0';
	}
	buffer_free(&buffer);
}
