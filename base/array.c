/*
 * array.c - arrays that grow.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEAST 8

bool
array_fit(void *array, size_t size, size_t wanted, size_t *room)
{
	size_t more = *room < ARRAY_LEAST / 2 ? ARRAY_LEAST : *room * 2;
	void *elements;

	if (wanted <= *room)
		return true;
	if (more < wanted)
		more = wanted;
	if (more > SIZE_MAX / 2 / size)
		return false;
	/* Whatever the elements' type, their pointer's bytes are a void pointer's. */
	memcpy(&elements, array, sizeof(elements));
	elements = realloc(elements, more * size);
	if (elements == NULL)
		return false;
	memcpy(array, &elements, sizeof(elements));
	*room = more;
	return true;
}
