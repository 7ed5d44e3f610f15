/*
 * allocation.c - allocations that fail when told to, and a count of those not freed.
 *
 * SPDX-License-Identifier: ISC
 */
#include "allocation.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#define TRACKED_MAX 65536

static atomic_long count, failing;
static _Thread_local int watched;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *tracked[TRACKED_MAX];
static long live;

void *__real_malloc(size_t size);
void *__real_calloc(size_t members, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
char *__real_strdup(const char *string);
char *__real_strndup(const char *string, size_t length);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t members, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);
char *__wrap_strdup(const char *string);
char *__wrap_strndup(const char *string, size_t length);

void
allocation_watch(void)
{
	watched = 1;
}

void
allocation_fail(long n)
{
	atomic_store(&count, 0);
	atomic_store(&failing, n);
}

long
allocation_count(void)
{
	return atomic_load(&count);
}

long
allocation_live(void)
{
	long result;

	(void)pthread_mutex_lock(&lock);
	result = live;
	(void)pthread_mutex_unlock(&lock);
	return result;
}

int
allocation_fails(void)
{
	long n;

	if (!watched)
		return 0;
	n = atomic_fetch_add(&count, 1) + 1;
	if (n != atomic_load(&failing))
		return 0;
	errno = ENOMEM;
	return 1;
}

static void *
track(void *memory)
{
	if (memory == NULL || !watched)
		return memory;
	(void)pthread_mutex_lock(&lock);
	if (live == TRACKED_MAX)
		abort();
	tracked[live++] = memory;
	(void)pthread_mutex_unlock(&lock);
	return memory;
}

/* Whoever frees: what a callback made may be freed by another thread. */
static void
forget(const void *memory)
{
	(void)pthread_mutex_lock(&lock);
	for (long i = live - 1; i >= 0; i--) {
		if (tracked[i] != memory)
			continue;
		tracked[i] = tracked[--live];
		break;
	}
	(void)pthread_mutex_unlock(&lock);
}

void *
__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : track(__real_malloc(size));
}

void *
__wrap_calloc(size_t members, size_t size)
{
	return allocation_fails() ? NULL : track(__real_calloc(members, size));
}

void *
__wrap_realloc(void *memory, size_t size)
{
	if (allocation_fails())
		return NULL;
	forget(memory);
	return track(__real_realloc(memory, size));
}

void
__wrap_free(void *memory)
{
	if (memory != NULL)
		forget(memory);
	__real_free(memory);
}

char *
__wrap_strdup(const char *string)
{
	return allocation_fails() ? NULL : track(__real_strdup(string));
}

char *
__wrap_strndup(const char *string, size_t length)
{
	return allocation_fails() ? NULL : track(__real_strndup(string, length));
}
