/*
 * arena.c - memory that lives and dies with one thing.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A block is as large as the one before it and half of it more, within these bounds. */
#define BLOCK_LEAST ((size_t)64 * 1024)
#define BLOCK_MOST ((size_t)1024 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	max_align_t data[];
};

static size_t
arena_block_size(const struct arena_block *before, size_t size)
{
	size_t room = before == NULL ? BLOCK_LEAST : before->size + before->size / 2;

	if (room < BLOCK_LEAST)
		room = BLOCK_LEAST;
	if (room > BLOCK_MOST)
		room = BLOCK_MOST;
	return size > room ? size : room;
}

static char *
arena_take(struct arena *arena, size_t size, size_t align)
{
	struct arena_block *block = arena->blocks;
	size_t start = 0;
	char *data;

	if (block != NULL)
		start = (block->used + align - 1) & ~(align - 1);
	if (block == NULL || start > block->size || block->size - start < size) {
		size_t room = arena_block_size(block, size);

		if (size > SIZE_MAX / 2 ||
		    (block = malloc(sizeof(*block) + room)) == NULL) {
			arena->failed = true;
			return NULL;
		}
		block->next = arena->blocks;
		block->size = room;
		arena->blocks = block;
		start = 0;
	}
	data = (char *)block->data + start;
	block->used = start + size;
	return data;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	char *data = arena_take(arena, size, alignof(max_align_t));

	if (data != NULL)
		memset(data, 0, size);
	return data;
}

char *
arena_text(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_take(arena, length + 1, 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

struct arena_mark
arena_mark(const struct arena *arena)
{
	return (struct arena_mark){
		arena->blocks, arena->blocks != NULL ? arena->blocks->used : 0
	};
}

void
arena_rewind(struct arena *arena, struct arena_mark mark)
{
	struct arena_block *block = arena->blocks;

	while (block != mark.block && block->next != mark.block) {
		arena->blocks = block->next;
		free(block);
		block = arena->blocks;
	}
	if (block != NULL)
		block->used = block == mark.block ? mark.used : 0;
}

void
arena_release(struct arena *arena)
{
	while (arena->blocks != NULL) {
		struct arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}
