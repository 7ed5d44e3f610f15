/*
 * table.h - a hash table of numbers: those of the keys that its owner keeps.
 *
 * Open addressing, at most three quarters full, linear probing. Used by one thread
 * while it is filled; then any number may look things up.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_TABLE_H
#define TLSWARD_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

#define TABLE_NONE UINT32_MAX

struct table_slot;

/* Start from a zeroed one. */
struct table {
	struct hash_key seed;
	struct table_slot *slots;
	size_t slot_count;
	size_t count;
};

/* Whether the key of "number" is that one. "owner" is as table_find() was given it. */
typedef bool table_is(const void *owner, uint32_t number, const void *key,
    size_t length);

/* Makes room for "more" keys; the first time it seeds. False when memory is short. */
bool table_reserve(struct table *table, size_t more);

/* The hash of a key in a table that has been made room in. */
uint64_t table_hash(const struct table *table, const void *key, size_t length);

/* The number of a key, whose hash that is, or TABLE_NONE. */
uint32_t table_find(const struct table *table, uint64_t hash, const void *key,
    size_t length, table_is *is, const void *owner);

/* Adds the number of a key that is not in the table, which has room for it. */
void table_add(struct table *table, uint64_t hash, uint32_t number);

void table_free(struct table *table);	/* to a zeroed one */

#endif
