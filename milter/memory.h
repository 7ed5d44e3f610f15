/*
 * memory.h - what the C library does with memory that was given back to it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_MEMORY_H
#define MILTER_MEMORY_H

/*
 * Has large blocks come from the system one by one, however often some were freed, so
 * that they go back to it at once. To be called before the first policy is loaded.
 */
void memory_prepare(void);

/* Gives memory that is free back to the system: after much was freed. Thread-safe. */
void memory_give_back(void);

#endif
