/*
 * strength.c - how strong a certificate's key and signature are.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>

#include "policy/certificate.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* NIST SP 800-57 Part 1 Rev. 5, table 2: by the size of the curve's order. */
static const struct {
	const char *key;
	int strength;
} curves[] = {
	{ "ec:P-192", 1024 }, { "ec:P-224", 2048 }, { "ec:P-256", 3072 },
	{ "ec:P-384", 7680 }, { "ec:P-521", 15360 },
	{ "ec:secp256k1", 3072 },
	{ "ec:brainpoolP256r1", 3072 }, { "ec:brainpoolP256t1", 3072 },
	{ "ec:brainpoolP384r1", 7680 }, { "ec:brainpoolP384t1", 7680 },
	{ "ec:brainpoolP512r1", 15360 }, { "ec:brainpoolP512t1", 15360 },
	{ "ed25519", 3072 }, { "x25519", 3072 }, { "ed448", 7680 }, { "x448", 7680 }
};

static const struct {
	const char *signature;
	int rank;
} signatures[] = {
	{ "md5", 1 }, { "sha1", 2 }, { "sha224", 3 }, { "sha256", 4 }, { "sha384", 5 },
	{ "sha512", 6 }, { "ed25519", 7 }, { "ed448", 7 },
	{ "md5-sha1", 1 }, { "sha512-224", 3 }, { "sha512-256", 4 },
	{ "sha3-224", 3 }, { "sha3-256", 4 }, { "sha3-384", 5 }, { "sha3-512", 6 }
};

/* The size behind the colon of "rsa:2048"; 0 where it is none. */
static int
size_of_key(const char *key)
{
	const char *colon = strchr(key, ':');
	size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;

	if (digits == 0 || digits > 5 || colon[1 + digits] != '\0')
		return 0;
	return atoi(colon + 1);
}

int
certificate_key_strength(const char *key)
{
	if (strncmp(key, "rsa:", 4) == 0 || strncmp(key, "rsa-pss:", 8) == 0 ||
	    strncmp(key, "dsa:", 4) == 0)
		return size_of_key(key);
	for (size_t i = 0; i < COUNT(curves); i++)
		if (strcmp(curves[i].key, key) == 0)
			return curves[i].strength;
	return 0;
}

int
certificate_signature_rank(const char *signature)
{
	for (size_t i = 0; i < COUNT(signatures); i++)
		if (strcmp(signatures[i].signature, signature) == 0)
			return signatures[i].rank;
	return 0;
}
