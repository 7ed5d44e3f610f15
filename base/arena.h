/*
 * arena.h - memory that lives and dies with one thing.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_ARENA_H
#define TLSWARD_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

/* Start from a zeroed one. Used by one thread while it is filled. */
struct arena {
	struct arena_block *blocks;
	bool failed;		/* memory was short at least once */
};

/* Returns zeroed memory for any type, or NULL (and sets "failed"). */
void *arena_alloc(struct arena *arena, size_t size);

/* Returns "length" bytes of "text", terminated, or NULL. Not aligned. */
char *arena_text(struct arena *arena, const char *text, size_t length);

/* How much of an arena is in use. */
struct arena_mark {
	struct arena_block *block;
	size_t used;
};

struct arena_mark arena_mark(const struct arena *arena);

/* Gives back what was taken since the mark; a block to go on with may stay. */
void arena_rewind(struct arena *arena, struct arena_mark mark);

/* Gives all of it back. */
void arena_release(struct arena *arena);

#endif
