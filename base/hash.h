/*
 * hash.h - the house's one hash function: SipHash-1-3, for keys that strangers choose.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_HASH_H
#define TLSWARD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* What makes a hash unpredictable: of one table or of one process. */
struct hash_key {
	uint64_t a, b;
};

/* Fills in a random key where it is all zero. Never blocks, never fails. */
void hash_seed(struct hash_key *key);

/* All bits of the result are equally good. */
uint64_t hash_bytes(struct hash_key key, const void *bytes, size_t length);

#endif
