/*
 * allocation.h - allocations that fail when told to, and a count of those not freed.
 *
 * Link with -Wl,--wrap for malloc, calloc, realloc, free, strdup and strndup: it
 * reaches what is linked from this project, not the libraries.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef ALLOCATION_H
#define ALLOCATION_H

/* The calling thread's allocations are those that count, and may fail. */
void allocation_watch(void);

/* The n-th of them from now on fails, once; 0: none does. */
void allocation_fail(long n);

/* Counts an allocation, such as one of a library's own. True: it is to fail. */
int allocation_fails(void);

/* How many allocations there were since allocation_fail(). */
long allocation_count(void);

/* How many of theirs nobody has freed. */
long allocation_live(void);

/*
 * A function of a library, with --wrap, as an allocation: what it returns, and does,
 * when it is to fail.
 */
#define LIBRARY(type, name, parameters, arguments, fails) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters \
    { \
	return allocation_fails() ? fails : __real_##name arguments; \
    }

#endif
