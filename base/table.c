/*
 * table.c - a hash table of numbers.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/table.h"

#include <stdlib.h>

#define TABLE_LEAST 64
/* Keys; with as many, no product below is too large on 32 bits. */
#define TABLE_MOST (SIZE_MAX / 16 < TABLE_NONE ? SIZE_MAX / 16 : TABLE_NONE - 1)

struct table_slot {
	uint32_t hash;
	uint32_t number;	/* + 1; 0: free */
};

/* Where a hash is looked for first: so slots need not be a power of two. */
static size_t
table_start(size_t slot_count, uint32_t hash)
{
	return (size_t)((uint64_t)hash * slot_count >> 32);
}

static void
table_put(struct table_slot *slots, size_t count, struct table_slot slot)
{
	size_t at = table_start(count, slot.hash);

	while (slots[at].number != 0)
		at = at + 1 < count ? at + 1 : 0;
	slots[at] = slot;
}

bool
table_reserve(struct table *table, size_t more)
{
	size_t wanted, count;
	struct table_slot *slots;

	if (more > TABLE_MOST - table->count)
		return false;
	wanted = table->count + more;
	if (wanted <= table->slot_count / 4 * 3)
		return true;
	count = (wanted > table->slot_count ? wanted : table->slot_count) / 2 * 3;
	if (count < TABLE_LEAST)
		count = TABLE_LEAST;
	if ((slots = calloc(count, sizeof(*slots))) == NULL)
		return false;
	hash_seed(&table->seed);
	for (size_t i = 0; i < table->slot_count; i++)
		if (table->slots[i].number != 0)
			table_put(slots, count, table->slots[i]);
	free(table->slots);
	table->slots = slots;
	table->slot_count = count;
	return true;
}

uint64_t
table_hash(const struct table *table, const void *key, size_t length)
{
	return hash_bytes(table->seed, key, length);
}

uint32_t
table_find(const struct table *table, uint64_t hash, const void *key, size_t length,
    table_is *is, const void *owner)
{
	uint32_t wanted = (uint32_t)(hash >> 32);
	size_t at;

	if (table->count == 0)
		return TABLE_NONE;
	at = table_start(table->slot_count, wanted);
	for (; table->slots[at].number != 0;
	    at = at + 1 < table->slot_count ? at + 1 : 0)
		if (table->slots[at].hash == wanted &&
		    is(owner, table->slots[at].number - 1, key, length))
			return table->slots[at].number - 1;
	return TABLE_NONE;
}

void
table_add(struct table *table, uint64_t hash, uint32_t number)
{
	table_put(table->slots, table->slot_count,
	    (struct table_slot){ (uint32_t)(hash >> 32), number + 1 });
	table->count++;
}

void
table_free(struct table *table)
{
	free(table->slots);
	*table = (struct table){ 0 };
}
