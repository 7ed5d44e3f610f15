/*
 * counters.c - what the daemon has done since it started.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/counters.h"

#include <string.h>
#include <time.h>

static const char *const protocols[COUNTED_COUNT] = {
	[COUNTED_NONE] = "none",
	[COUNTED_SSLV3] = "SSLv3",
	[COUNTED_TLSV1] = "TLSv1",
	[COUNTED_TLSV1_1] = "TLSv1.1",
	[COUNTED_TLSV1_2] = "TLSv1.2",
	[COUNTED_TLSV1_3] = "TLSv1.3",
	[COUNTED_OTHER] = "other",
	[COUNTED_UNKNOWN] = "unknown",
};

static void
raise_by_one(atomic_ulong *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void
counters_add(struct counters *counters, enum counter counter)
{
	raise_by_one(&counters->counts[counter]);
}

void
counters_take(struct counters *counters, enum counter counter)
{
	atomic_fetch_sub_explicit(&counters->counts[counter], 1, memory_order_relaxed);
}

const char *
counters_protocol_name(enum protocol protocol)
{
	return protocols[protocol];
}

static enum protocol
counted_protocol(const struct facts *facts)
{
	if (policy_encrypted(facts) == POLICY_NO)
		return COUNTED_NONE;
	if (facts->tls_version == NULL)
		return COUNTED_UNKNOWN;
	for (int i = COUNTED_NONE + 1; i < COUNTED_OTHER; i++)
		if (strcmp(facts->tls_version, protocols[i]) == 0)
			return (enum protocol)i;
	return COUNTED_OTHER;
}

void
counters_session(struct counters *counters, const struct facts *facts,
    unsigned char *counted)
{
	enum protocol protocol = counted_protocol(facts);

	if (facts->local || *counted == protocol + 1)
		return;
	*counted = (unsigned char)(protocol + 1);
	raise_by_one(&counters->protocols[protocol]);
}

void
counters_decision(struct counters *counters, const struct verdict *verdict)
{
	raise_by_one(&counters->decisions[verdict->action][verdict->reason]);
	if (verdict->would != POLICY_ACCEPT && verdict->would_by >= 0)
		raise_by_one(&counters->would[verdict->would]
		    [verdict->outcome[verdict->would_by].reason]);
	if (verdict->exempt)
		counters_add(counters, COUNTER_EXEMPT);
}

void
counters_loaded(struct counters *counters, bool loaded, int64_t now_ms,
    int64_t nanoseconds)
{
	atomic_store(&counters->tried_ms, now_ms);
	atomic_store(&counters->last_failed, !loaded);
	if (!loaded)
		return;
	atomic_store(&counters->loaded_ms, now_ms);
	atomic_store(&counters->loading_ns, nanoseconds);
}

/* ------------------------------------------------------------------ *
 * Durations
 * ------------------------------------------------------------------ */

/* From less than a decision should take to what a client would begin to notice. */
static const int64_t bounds[HISTOGRAM_CLASSES] = {
	500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
	1000000, 2500000, 5000000, 10000000, INT64_MAX
};

int64_t
histogram_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void
histogram_add(struct histogram *histogram, int64_t nanoseconds)
{
	size_t i = 0;

	if (nanoseconds < 0)
		nanoseconds = 0;
	while (nanoseconds > bounds[i])
		i++;
	atomic_fetch_add_explicit(&histogram->classes[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum_ns, (unsigned long long)nanoseconds,
	    memory_order_relaxed);
}

int64_t
histogram_bound(size_t index)
{
	return bounds[index];
}
