/*
 * histogram.c - how long something took, counted by classes of duration.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/histogram.h"

#include <time.h>

/* From less than a decision should take to what a client would begin to notice. */
static const struct {
	int64_t nanoseconds;
	const char *seconds;
} bounds[HISTOGRAM_CLASSES] = {
	{ 500, "5e-07" },
	{ 1000, "1e-06" },
	{ 2500, "2.5e-06" },
	{ 5000, "5e-06" },
	{ 10000, "1e-05" },
	{ 25000, "2.5e-05" },
	{ 50000, "5e-05" },
	{ 100000, "0.0001" },
	{ 250000, "0.00025" },
	{ 500000, "0.0005" },
	{ 1000000, "0.001" },
	{ 2500000, "0.0025" },
	{ 5000000, "0.005" },
	{ 10000000, "0.01" },
	{ INT64_MAX, "+Inf" },
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
	while (nanoseconds > bounds[i].nanoseconds)
		i++;
	atomic_fetch_add_explicit(&histogram->classes[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum_ns, (unsigned long long)nanoseconds,
	    memory_order_relaxed);
}

const char *
histogram_bound(size_t index)
{
	return bounds[index].seconds;
}
