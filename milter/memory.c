/*
 * memory.c - what the C library does with memory that was given back to it.
 *
 * The GNU C library raises the size from which on a block is mapped on its own each time
 * that such a block is freed: a second policy would then lie in the heap, and what comes
 * to lie behind it would keep all of it. Other C libraries need no such care.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/memory.h"

#include <stdlib.h>		/* defines __GLIBC__ where it is that library */

#ifdef __GLIBC__
#include <malloc.h>

/* In bytes. */
#define MAPPED_FROM (128 * 1024)
#endif

void
memory_prepare(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
	(void)mallopt(M_TRIM_THRESHOLD, MAPPED_FROM);
#endif
}

void
memory_give_back(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}
