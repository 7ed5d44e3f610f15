/*
 * intern.c - strings and other keys as small numbers.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/intern.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/table.h"

struct intern_key {
	const char *bytes;
	size_t length;
};

static bool
intern_is(const void *owner, uint32_t number, const void *key, size_t length)
{
	const struct intern_key *known = &((const struct intern *)owner)->keys[number];

	return known->length == length && memcmp(known->bytes, key, length) == 0;
}

uint32_t
intern_add(struct intern *intern, const void *key, size_t length, bool *added)
{
	const char *copy;
	uint32_t number;
	uint64_t hash;

	*added = false;
	if (!table_reserve(&intern->table, 1) ||
	    !array_reserve(intern->keys, intern->count + 1, &intern->room))
		return INTERN_NONE;
	hash = table_hash(&intern->table, key, length);
	number = table_find(&intern->table, hash, key, length, intern_is, intern);
	if (number != TABLE_NONE)
		return number;
	if ((copy = arena_text(&intern->text, key, length)) == NULL)
		return INTERN_NONE;
	number = (uint32_t)intern->count++;
	intern->keys[number] = (struct intern_key){ copy, length };
	table_add(&intern->table, hash, number);
	*added = true;
	return number;
}

uint32_t
intern_find(const struct intern *intern, const void *key, size_t length)
{
	return table_find(&intern->table, table_hash(&intern->table, key, length), key,
	    length, intern_is, intern);
}

const char *
intern_text(const struct intern *intern, uint32_t number)
{
	return intern->keys[number].bytes;
}

void
intern_free(struct intern *intern)
{
	table_free(&intern->table);
	arena_release(&intern->text);
	free(intern->keys);
	*intern = (struct intern){ 0 };
}
