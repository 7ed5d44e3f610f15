/*
 * fingerprint.h - digests of certificates and public keys.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_FINGERPRINT_H
#define TLSWARD_POLICY_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>

enum digest_algorithm { DIGEST_NONE, DIGEST_SHA1, DIGEST_SHA256, DIGEST_OTHER };

struct fingerprint {
	enum digest_algorithm algorithm;
	size_t length;			/* of the digest, in bytes */
	unsigned char digest[32];
};

enum fingerprint_error {
	FINGERPRINT_OK, FINGERPRINT_NO_ALGORITHM, FINGERPRINT_ALGORITHM,
	FINGERPRINT_HEX, FINGERPRINT_LENGTH
};

/* Reads a pin of the policy, ALG:HEX with colons between bytes or without. */
enum fingerprint_error fingerprint_read_pin(const char *text,
    struct fingerprint *fingerprint);

/*
 * Reads a digest as an MTA reports it, with or without its algorithm's name;
 * one of another length than sha1's and sha256's is DIGEST_OTHER. False where
 * it is no digest.
 */
bool fingerprint_read_fact(const char *text, struct fingerprint *fingerprint);

bool fingerprint_equal(const struct fingerprint *a, const struct fingerprint *b);

/* Writes "sha256:hex" in lower case, at most "size" bytes. False: no room. */
bool fingerprint_write(const struct fingerprint *fingerprint, char *out, size_t size);

#endif
