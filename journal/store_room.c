/*
 * store_room.c - what the store's threads share: a clock, a voice, what was lost.
 *
 * SPDX-License-Identifier: ISC
 */
#include "journal/store_room.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

int64_t
store_clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec
store_until(int64_t ms)
{
	struct timespec until = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	return until;
}

void
store_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t clock;

	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &clock);
	(void)pthread_condattr_destroy(&clock);
}

int64_t
store_now_ms(const struct journal_store *store)
{
	struct timespec now;

	if (store->options.now != NULL)
		return store->options.now(store->options.context);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
store_say(struct journal_store *store, enum severity level, const char *format,
    ...)
{
	char text[1024];
	va_list arguments;
	int length = snprintf(text, sizeof(text), "journal %s: ", store->path);

	if (store->options.say == NULL || length < 0 || (size_t)length >= sizeof(text))
		return;
	va_start(arguments, format);
	(void)vsnprintf(text + length, sizeof(text) - (size_t)length, format,
	    arguments);
	va_end(arguments);
	store->options.say(store->options.context, level, text);
}

void
store_drop(struct journal_store *store, enum row_kind kind, int64_t time_ms)
{
	if (kind == ROW_RECORD)
		store->dropped.records++;
	else
		store->dropped.messages++;
	if (time_ms > store->dropped.last_ms)
		store->dropped.last_ms = time_ms;
	atomic_fetch_add(&store->lost, 1);
}
