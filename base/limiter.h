/*
 * limiter.h - lines that a stranger could provoke, at most once a minute each.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_BASE_LIMITER_H
#define TLSWARD_BASE_LIMITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LIMITER_PERIOD_MS 60000

/* One kind of line. All zero is a good start. */
struct limiter {
	atomic_llong last;		/* milliseconds since the epoch; 0: never */
	atomic_ulong held;		/* since then */
};

/*
 * Whether a line may be written now. *held is how many were not since the last
 * one. Any thread; one of those that ask at the same time is let through.
 */
bool limiter_allows(struct limiter *limiter, int64_t now_ms, unsigned long *held);

#endif
