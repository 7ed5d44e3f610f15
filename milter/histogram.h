/*
 * histogram.h - how long something took, counted by classes of duration.
 *
 * Any thread may add to it without a lock; a reader sees each number whole, though
 * not all of them at the same moment.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_HISTOGRAM_H
#define MILTER_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* The last class has no upper bound. */
#define HISTOGRAM_CLASSES 15

/* All zero is a good start. */
struct histogram {
	atomic_ulong classes[HISTOGRAM_CLASSES];	/* each without those below */
	atomic_ullong sum_ns;
};

/* Nanoseconds of a clock that nobody sets, to take differences of. */
int64_t histogram_clock(void);

/* Adds one duration. A negative one is none. */
void histogram_add(struct histogram *histogram, int64_t nanoseconds);

/* A class's upper bound, which belongs to it, in seconds as OpenMetrics writes it. */
const char *histogram_bound(size_t index);

#endif
