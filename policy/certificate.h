/*
 * certificate.h - certificates from PEM files, and how strong they are.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_CERTIFICATE_H
#define TLSWARD_POLICY_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "policy/fingerprint.h"
#include "base/arena.h"
#include "base/date.h"

/* More names than this are not kept, nor are longer ones. */
#define CERTIFICATE_NAMES_MAX 256
#define CERTIFICATE_NAME_MAX 511

/* With their terminators: ec:brainpoolP256r1 and the like. */
#define CERTIFICATE_KEY_SIZE 40
#define CERTIFICATE_SIGNATURE_SIZE 24

/* Of each sha256's comes first. */
enum certificate_digest {
	OF_CERTIFICATE_SHA256, OF_CERTIFICATE_SHA1, OF_KEY_SHA256, OF_KEY_SHA1,
	CERTIFICATE_DIGESTS
};

/* What a certificate says, in the form of the facts. */
struct certificate {
	const char *const *san;	/* DNS subjectAltNames as A-labels; NULL: none */
	size_t san_count;
	const char *cn;		/* "": none, or one that is no text */
	const char *issuer;	/* the issuer's common name, likewise */
	int64_t not_before;	/* seconds since the epoch */
	int64_t not_after;
	char not_after_text[DATE_TIME_SIZE];
	char key[CERTIFICATE_KEY_SIZE];		/* "rsa:2048", "ec:P-256" */
	char signature[CERTIFICATE_SIGNATURE_SIZE]; /* "sha256", "ed25519" */
	struct fingerprint digests[CERTIFICATE_DIGESTS]; /* of their DER */
	/* OpenSSL takes it for a client's: its extensions leave that open or say so. */
	bool for_clients;
	/* What else was in the file. */
	size_t certificates;	/* how many; the first is the one that was read */
	bool private_key;
};

/* The problem when memory is short. */
extern const char certificate_no_memory[];

/* OpenSSL in a context of its own, which no openssl.cnf reaches. */
struct certificate_reader;
struct tape;

/*
 * NULL when memory is short. One thread at a time. Files are read by way of "tape", which
 * must outlive it (NULL: from disk).
 */
struct certificate_reader *certificate_reader_new(struct tape *tape);

/* Frees *reader and clears the pointer. NULL-safe. */
void certificate_reader_free(struct certificate_reader **reader);

/*
 * Reads the first certificate of a PEM file. Its strings are put in "arena", with
 * which they live. What the file holds is not trusted: whatever it is, it gives a
 * certificate, NULL, or else what is wrong with it, in words: static, or strerror()'s.
 */
const char *certificate_read(struct certificate_reader *reader, const char *path,
    struct arena *arena, struct certificate *certificate);

/*
 * The same of a certificate that is read already, into zeros. False where it has no DER,
 * or memory is short (arena->failed tells of its strings).
 */
bool certificate_take(const struct certificate_reader *reader, X509 *x509,
    struct arena *arena, struct certificate *certificate);

/*
 * The strength of a key as the facts write it, as the size of an RSA key that is as
 * strong (NIST SP 800-57 Part 1 Rev. 5, table 2). 0 where that is not known.
 */
int certificate_key_strength(const char *key);

/*
 * The rank of a signature's digest as the facts write it, in order of strength; 0
 * where it is not known.
 */
int certificate_signature_rank(const char *signature);

#endif
