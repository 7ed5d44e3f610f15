/*
 * counters.h - what the daemon has done since it started.
 *
 * Every counter is atomic: any thread may raise it, and a reader sees each one
 * whole, though not all of them at the same moment. SIGUSR1 logs them.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_COUNTERS_H
#define MILTER_COUNTERS_H

#include <stdatomic.h>

#include "journal/journal.h"
#include "policy/policy.h"

/* All zero is a good start. */
struct counters {
	atomic_ulong sessions;
	atomic_ulong actions[POLICY_REJECT + 1];	/* by enum policy_action */
	atomic_ulong reasons[REASON_COUNT];		/* of what was not met */
	atomic_ulong would;			/* let through by monitor alone */
	atomic_ulong exempt;
	atomic_ulong reloads;
	atomic_ulong reloads_failed;
	atomic_ulong internal_errors;
	atomic_ulong policy_requests;		/* to the policy service */
	atomic_ulong policy_clients_closed;	/* that could not be served */
};

/* Counts a decision that took effect: one for each record. */
void counters_decision(struct counters *counters, const struct verdict *verdict);

/* Appends all of them as "name=number" words. Failure shows in buffer->failed. */
void counters_text(struct counters *counters, unsigned long lines_lost,
    struct buffer *buffer);

#endif
