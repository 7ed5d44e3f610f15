/*
 * array.h - arrays that grow.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_ARRAY_H
#define TLSWARD_BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes room for at least "wanted" elements in "array", a variable that points to
 * malloc'd elements (NULL: none yet) of which there is room for *room. It at least
 * doubles. False when memory is short or the size too large: nothing has changed.
 */
#define array_reserve(array, wanted, room) \
    array_fit(&(array), sizeof(*(array)), (wanted), (room))

/* The same: "array" is the address of a pointer to elements of "size" bytes. */
bool array_fit(void *array, size_t size, size_t wanted, size_t *room);

#endif
