/*
 * hash.c - SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF").
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/hash.h"

#include <string.h>
#include <sys/random.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

void
hash_seed(struct hash_key *key)
{
	if ((key->a | key->b) != 0)
		return;
	/* Early at boot there may be none yet: then addresses, which are random too. */
	if (getrandom(key, sizeof(*key), GRND_NONBLOCK) != (ssize_t)sizeof(*key))
		*key = (struct hash_key){ (uintptr_t)&key, (uintptr_t)&getrandom };
	key->a |= 1;
}

static uint64_t
sip_rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = sip_rotate(s->v1, 13) ^ s->v0;
	s->v3 = sip_rotate(s->v3, 16) ^ s->v2;
	s->v0 = sip_rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = sip_rotate(s->v1, 17) ^ s->v2;
	s->v3 = sip_rotate(s->v3, 21) ^ s->v0;
	s->v2 = sip_rotate(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

uint64_t
hash_bytes(struct hash_key key, const void *bytes, size_t length)
{
	struct sip s = {
		key.a ^ UINT64_C(0x736f6d6570736575), key.b ^ UINT64_C(0x646f72616e646f6d),
		key.a ^ UINT64_C(0x6c7967656e657261), key.b ^ UINT64_C(0x7465646279746573)
	};
	const unsigned char *byte = bytes;
	uint64_t word, last = 0;
	size_t left = length;

	for (; left >= sizeof(word); byte += sizeof(word), left -= sizeof(word)) {
		memcpy(&word, byte, sizeof(word));
		sip_word(&s, word);
	}
	/* In the machine's order of bytes: no hash ever leaves the process. */
	if (left > 0)
		memcpy(&last, byte, left);
	sip_word(&s, last ^ (uint64_t)length << 56);
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
