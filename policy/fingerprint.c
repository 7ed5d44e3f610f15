/*
 * fingerprint.c - digests of certificates and public keys.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/fingerprint.h"

#include <string.h>
#include <strings.h>

#include "policy/policy.h"
#include "base/text.h"

#define SHA1_LENGTH 20
#define SHA256_LENGTH 32

/*
 * Reads pairs of hex digits with or without single colons between them. Keeps
 * the first bytes that there is room for; returns how many there were, 0 for
 * text that is none.
 */
static size_t
read_hex(const char *text, unsigned char *out, size_t room)
{
	size_t count = 0;

	while (*text != '\0') {
		int high, low;

		if (*text == ':' && count > 0)
			text++;
		if ((high = text_hex(text[0])) == -1 ||
		    (low = text_hex(text[1])) == -1)
			return 0;
		if (count < room)
			out[count] = (unsigned char)(high << 4 | low);
		count++;
		text += 2;
	}
	return count;
}

static enum digest_algorithm
algorithm_of(const char *name, size_t length)
{
	if (length == 6 && strncasecmp(name, "sha256", 6) == 0)
		return DIGEST_SHA256;
	if (length == 4 && strncasecmp(name, "sha1", 4) == 0)
		return DIGEST_SHA1;
	return DIGEST_OTHER;
}

enum fingerprint_error
fingerprint_read_pin(const char *text, struct fingerprint *fingerprint)
{
	const char *colon = strchr(text, ':');
	size_t expected;

	memset(fingerprint, 0, sizeof(*fingerprint));
	if (colon == NULL)
		return FINGERPRINT_NO_ALGORITHM;
	fingerprint->algorithm = algorithm_of(text, (size_t)(colon - text));
	if (fingerprint->algorithm == DIGEST_OTHER) {
		bool bare = colon - text == 2 && text_hex(text[0]) != -1 &&
		    text_hex(text[1]) != -1;

		return bare ? FINGERPRINT_NO_ALGORITHM : FINGERPRINT_ALGORITHM;
	}
	expected = fingerprint->algorithm == DIGEST_SHA1 ? SHA1_LENGTH : SHA256_LENGTH;
	fingerprint->length = read_hex(colon + 1, fingerprint->digest,
	    sizeof(fingerprint->digest));
	if (fingerprint->length == 0)
		return FINGERPRINT_HEX;
	return fingerprint->length == expected ? FINGERPRINT_OK : FINGERPRINT_LENGTH;
}

bool
fingerprint_read_fact(const char *text, struct fingerprint *fingerprint)
{
	const char *colon = strchr(text, ':');
	enum digest_algorithm named = DIGEST_NONE;
	const char *hex = text;

	memset(fingerprint, 0, sizeof(*fingerprint));
	/* A name, and not the colon after the first byte of a bare digest. */
	if (colon != NULL && colon - text > 2) {
		named = algorithm_of(text, (size_t)(colon - text));
		hex = colon + 1;
	}
	fingerprint->length = read_hex(hex, fingerprint->digest,
	    sizeof(fingerprint->digest));
	if (fingerprint->length == 0)
		return false;
	fingerprint->algorithm = fingerprint->length == SHA1_LENGTH ? DIGEST_SHA1 :
	    fingerprint->length == SHA256_LENGTH ? DIGEST_SHA256 : DIGEST_OTHER;
	if (named == DIGEST_OTHER)
		fingerprint->algorithm = DIGEST_OTHER;
	return named == DIGEST_NONE || named == fingerprint->algorithm;
}

bool
fingerprint_equal(const struct fingerprint *a, const struct fingerprint *b)
{
	return a->algorithm == b->algorithm && a->algorithm != DIGEST_OTHER &&
	    a->length == b->length && memcmp(a->digest, b->digest, a->length) == 0;
}

bool
fingerprint_write(const struct fingerprint *fingerprint, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const char *name = fingerprint->algorithm == DIGEST_SHA256 ? "sha256:" :
	    fingerprint->algorithm == DIGEST_SHA1 ? "sha1:" : NULL;
	char *next;

	if (name == NULL || size < strlen(name) + fingerprint->length * 2 + 1)
		return false;
	next = stpcpy(out, name);
	for (size_t i = 0; i < fingerprint->length; i++) {
		*next++ = digits[fingerprint->digest[i] >> 4];
		*next++ = digits[fingerprint->digest[i] & 0xf];
	}
	*next = '\0';
	return true;
}

bool
policy_fingerprint_normalize(const char *digest, char *out, size_t size)
{
	struct fingerprint fingerprint;

	return fingerprint_read_fact(digest, &fingerprint) &&
	    fingerprint_write(&fingerprint, out, size);
}
