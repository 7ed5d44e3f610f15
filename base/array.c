/*
 * array.c - arrays that grow.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>

void *
array_grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room == 0 ? 8 : *room * 2;
	void *moved;

	if (count < *room)
		return array;
	if (wanted > SIZE_MAX / 2 / size ||
	    (moved = realloc(array, wanted * size)) == NULL)
		return NULL;
	*room = wanted;
	return moved;
}
