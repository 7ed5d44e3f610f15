/*
 * intern.c - strings and other keys as small numbers.
 *
 * Open addressing at most half full, linear probing; FNV-1a from a random start,
 * and its bits mixed in the end, for keys that differ in their last byte alone.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/intern.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_SLOTS 256

struct intern_key {
	uint64_t hash;
	size_t length;
	char bytes[];
};

static uint64_t
hash_of(const struct intern *intern, const void *key, size_t length)
{
	const unsigned char *byte = key;
	uint64_t hash = intern->seed;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static bool
is_key(const struct intern_key *key, uint64_t hash, const void *bytes, size_t length)
{
	return key->hash == hash && key->length == length &&
	    memcmp(key->bytes, bytes, length) == 0;
}

/* The slot where the key is, or would be. */
static size_t
find_slot(const struct intern *intern, uint64_t hash, const void *key, size_t length)
{
	size_t at = hash & (intern->slot_count - 1);

	while (intern->slots[at] != INTERN_NONE &&
	    !is_key(intern->keys[intern->slots[at]], hash, key, length))
		at = (at + 1) & (intern->slot_count - 1);
	return at;
}

static bool
grow_slots(struct intern *intern)
{
	size_t count = intern->slot_count == 0 ? FIRST_SLOTS : intern->slot_count * 2;
	uint32_t *slots = malloc(count * sizeof *slots);

	if (slots == NULL)
		return false;
	memset(slots, 0xFF, count * sizeof *slots);
	for (size_t i = 0; i < intern->count; i++) {
		size_t at = intern->keys[i]->hash & (count - 1);

		while (slots[at] != INTERN_NONE)
			at = (at + 1) & (count - 1);
		slots[at] = (uint32_t)i;
	}
	free(intern->slots);
	intern->slots = slots;
	intern->slot_count = count;
	return true;
}

static bool
grow_keys(struct intern *intern)
{
	size_t room = intern->room == 0 ? FIRST_SLOTS / 2 : intern->room * 2;
	struct intern_key **keys = realloc(intern->keys, room * sizeof(*keys));

	if (keys == NULL)
		return false;
	intern->keys = keys;
	intern->room = room;
	return true;
}

/* Room for one more key; the first one seeds the hash. */
static bool
make_room(struct intern *intern)
{
	if (intern->seed == 0 &&
	    (getentropy(&intern->seed, sizeof intern->seed) != 0 || intern->seed == 0))
		intern->seed = UINT64_C(0xcbf29ce484222325);
	if (intern->count >= INTERN_NONE)
		return false;
	if (intern->count == intern->room && !grow_keys(intern))
		return false;
	return intern->count < intern->slot_count / 2 || grow_slots(intern);
}

uint32_t
intern_add(struct intern *intern, const void *key, size_t length, bool *added)
{
	struct intern_key *new;
	uint64_t hash;
	size_t at;

	*added = false;
	if (!make_room(intern))
		return INTERN_NONE;
	hash = hash_of(intern, key, length);
	at = find_slot(intern, hash, key, length);
	if (intern->slots[at] != INTERN_NONE)
		return intern->slots[at];
	new = malloc(sizeof *new + length + 1);
	if (new == NULL)
		return INTERN_NONE;
	new->hash = hash;
	new->length = length;
	memcpy(new->bytes, key, length);
	new->bytes[length] = '\0';
	intern->keys[intern->count] = new;
	intern->slots[at] = (uint32_t)intern->count;
	*added = true;
	return (uint32_t)intern->count++;
}

uint32_t
intern_find(const struct intern *intern, const void *key, size_t length)
{
	if (intern->slot_count == 0)
		return INTERN_NONE;
	return intern->slots[find_slot(intern, hash_of(intern, key, length), key,
	    length)];
}

const char *
intern_text(const struct intern *intern, uint32_t number)
{
	return intern->keys[number]->bytes;
}

void
intern_free(struct intern *intern)
{
	for (size_t i = 0; i < intern->count; i++)
		free(intern->keys[i]);
	free(intern->keys);
	free(intern->slots);
	*intern = (struct intern){ 0 };
}
