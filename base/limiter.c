/*
 * limiter.c - lines that a stranger could provoke, at most once a minute each.
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/limiter.h"

bool
limiter_allows(struct limiter *limiter, int64_t now_ms, unsigned long *held)
{
	long long last = atomic_load(&limiter->last);

	/* A clock that was set back must not silence the line until it caught up. */
	if ((last != 0 && now_ms >= last && now_ms - last < LIMITER_PERIOD_MS) ||
	    !atomic_compare_exchange_strong(&limiter->last, &last, now_ms)) {
		atomic_fetch_add(&limiter->held, 1);
		return false;
	}
	*held = atomic_exchange(&limiter->held, 0);
	return true;
}
