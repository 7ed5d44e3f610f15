/*
 * intern.h - strings and other keys as small numbers, in the order they were added.
 *
 * Used by one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_INTERN_H
#define TLSWARD_BASE_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/table.h"

#define INTERN_NONE TABLE_NONE

/* Start from a zeroed one. */
struct intern {
	struct table table;
	struct arena text;
	struct intern_key *keys;	/* by number */
	size_t count, room;
};

/*
 * The number of the key of "length" bytes, which is copied where it is new;
 * INTERN_NONE where memory is short. *added: it is new.
 */
uint32_t intern_add(struct intern *intern, const void *key, size_t length,
    bool *added);

/* The number of a key, or INTERN_NONE. */
uint32_t intern_find(const struct intern *intern, const void *key, size_t length);

/* The key, with a NUL behind it; lives as long as the table. */
const char *intern_text(const struct intern *intern, uint32_t number);

void intern_free(struct intern *intern);	/* to a zeroed one */

#endif
