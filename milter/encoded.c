/*
 * encoded.c - text as Sendmail encodes it for its macros, and Postfix for policies.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/encoded.h"

#include <stdbool.h>
#include <string.h>

static int
encoded_digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *found = c != '\0' ? strchr(digits, c) : NULL;

	return found != NULL ? (int)(found - digits) : -1;
}

/* The byte that two upper-case hex digits stand for, or -1. */
static int
encoded_byte(const char *text)
{
	int high = encoded_digit(text[0]);
	int low = high >= 0 ? encoded_digit(text[1]) : -1;

	return low >= 0 ? high * 16 + low : -1;
}

const char *
encoded_text(const char *encoded, char *out, size_t size)
{
	size_t length = 0;

	out[0] = '\0';
	while (*encoded != '\0') {
		int byte = encoded[0] == '+' ? encoded_byte(encoded + 1) : -1;

		if (byte == 0 || length + 1 >= size) {
			out[0] = '\0';
			return out;
		}
		out[length++] = byte > 0 ? (char)byte : encoded[0];
		encoded += byte > 0 ? 3 : 1;
	}
	out[length] = '\0';
	return out;
}

const char *
encoded_common_name(const char *encoded, char *out, size_t size)
{
	if (strncmp(encoded, "BadCertificate", 14) == 0)
		encoded = "";
	return encoded_text(encoded, out, size);
}

/* What X509_NAME_oneline() writes as \xXX; any other \xXX was in the name itself. */
static bool
is_escaped_byte(int byte)
{
	return (byte > 0 && byte < ' ') || byte > '~';
}

const char *
encoded_full_name(const char *encoded, char *out, size_t size)
{
	const char *in = encoded_text(encoded, out, size);
	size_t length = 0;

	while (*in != '\0') {
		int byte = strncmp(in, "\\x", 2) == 0 ? encoded_byte(in + 2) : -1;

		if (is_escaped_byte(byte)) {
			out[length++] = (char)byte;
			in += 4;
			continue;
		}
		if (in[0] == '\\' && (in[1] == '/' || in[1] == '+'))
			in++;
		out[length++] = *in++;
	}
	out[length] = '\0';
	return out;
}
