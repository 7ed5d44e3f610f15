/*
 * lately.c - what the daemon decided in the last hour, and which MTA asked it last.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/lately.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "milter/counters.h"

#define MINUTE_NS INT64_C(60000000000)

uint32_t
lately_minute(void)
{
	return (uint32_t)(histogram_clock() / MINUTE_NS);
}

/* A place of the ring that has another minute's count begins anew. */
void
lately_decision(struct lately *lately, enum policy_action action, uint32_t minute)
{
	atomic_ullong *place = &lately->decisions[minute % LATELY_RING][action];
	unsigned long long was = atomic_load_explicit(place, memory_order_relaxed), is;

	do {
		is = was >> 32 == minute ? was + 1 : ((unsigned long long)minute << 32) + 1;
	} while (!atomic_compare_exchange_weak_explicit(place, &was, is,
	    memory_order_relaxed, memory_order_relaxed));
}

uint64_t
lately_count(struct lately *lately, enum policy_action action, uint32_t minute)
{
	uint64_t count = 0;

	for (size_t i = 0; i < LATELY_RING; i++) {
		unsigned long long place = atomic_load_explicit(
		    &lately->decisions[i][action], memory_order_relaxed);

		if (minute - (uint32_t)(place >> 32) < LATELY_MINUTES)
			count += place & UINT32_MAX;
	}
	return count;
}

void
lately_asked(struct lately *lately, const char *mta, const char *version, int64_t now_ms)
{
	bool named = version != NULL && version[0] >= '0' && version[0] <= '9';

	if (atomic_flag_test_and_set_explicit(&lately->busy, memory_order_acquire))
		return;
	lately->asked_ms = now_ms;
	/* Sendmail gives its version alone. */
	(void)snprintf(lately->mta, sizeof(lately->mta), "%s%s",
	    named && mta != NULL && strcmp(mta, "sendmail") == 0 ? "Sendmail " : "",
	    version != NULL ? version : mta != NULL ? mta : "");
	atomic_flag_clear_explicit(&lately->busy, memory_order_release);
}

int64_t
lately_mta(struct lately *lately, char mta[LATELY_MTA_SIZE])
{
	int64_t asked_ms;

	while (atomic_flag_test_and_set_explicit(&lately->busy, memory_order_acquire))
		(void)sched_yield();
	asked_ms = lately->asked_ms;
	memcpy(mta, lately->mta, LATELY_MTA_SIZE);
	atomic_flag_clear_explicit(&lately->busy, memory_order_release);
	return asked_ms;
}
