/*
 * array.h - arrays that grow.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_ARRAY_H
#define TLSWARD_BASE_ARRAY_H

#include <stddef.h>

/*
 * Makes room for one more in a malloc'd array of "count" elements of "size"
 * bytes. Returns the array, moved perhaps, or NULL with the old one unharmed.
 */
void *array_grow(void *array, size_t count, size_t *room, size_t size);

#endif
