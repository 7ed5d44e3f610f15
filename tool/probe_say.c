/*
 * probe_say.c - what strangers say, as text that can be shown.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_say.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>

#include "base/text.h"

bool
probe_take_text(char *room, size_t size, struct buffer *text)
{
	struct text_piece piece = { .length = 0 };
	size_t left = size - 1;
	bool ok = !text->failed;

	if (ok && text->length > 0) {
		piece = text_take(text->text, &left);
		memcpy(room, text->text, piece.length);
	}
	room[piece.length] = '\0';
	buffer_free(text);
	return ok;
}

bool
probe_text(char *room, size_t size, const void *bytes, size_t length)
{
	struct buffer text = BUFFER_INIT;

	text_escape(&text, bytes, length, TEXT_PLAIN);
	return probe_take_text(room, size, &text);
}

bool
probe_name_text(char room[PROBE_TEXT], const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	long length = 0;
	bool ok = bio != NULL && X509_NAME_print_ex(bio, name, 0,
	    XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0;

	if (ok)
		length = BIO_get_mem_data(bio, &bytes);
	ok &= probe_text(room, PROBE_TEXT, length > 0 ? bytes : "",
	    length > 0 ? (size_t)length : 0);
	BIO_free(bio);
	return ok;
}

void
probe_say(char out[PROBE_TEXT], const char *words, const char *theirs)
{
	struct buffer text = BUFFER_INIT;

	buffer_string(&text, words);
	text_escape(&text, theirs, strnlen(theirs, PROBE_TEXT), TEXT_PLAIN);
	if (!probe_take_text(out, PROBE_TEXT, &text))
		(void)snprintf(out, PROBE_TEXT, "%s", words);
}
