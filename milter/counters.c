/*
 * counters.c - what the daemon has done since it started.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/counters.h"

static void
raise_by_one(atomic_ulong *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void
counters_decision(struct counters *counters, const struct verdict *verdict)
{
	raise_by_one(&counters->actions[verdict->action]);
	if (verdict->reason != REASON_NONE)
		raise_by_one(&counters->reasons[verdict->reason]);
	if (verdict->would != POLICY_ACCEPT)
		raise_by_one(&counters->would);
	if (verdict->exempt)
		raise_by_one(&counters->exempt);
}

static void
add(struct buffer *buffer, const char *name, unsigned long value)
{
	buffer_format(buffer, "%s%s=%lu", buffer->length > 0 ? " " : "", name, value);
}

void
counters_text(struct counters *counters, unsigned long lines_lost,
    struct buffer *buffer)
{
	add(buffer, "sessions", atomic_load(&counters->sessions));
	for (int i = POLICY_ACCEPT; i <= POLICY_REJECT; i++)
		add(buffer, policy_action_name((enum policy_action)i),
		    atomic_load(&counters->actions[i]));
	add(buffer, "would-refuse", atomic_load(&counters->would));
	add(buffer, "exempt", atomic_load(&counters->exempt));
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		add(buffer, policy_reason_name((enum policy_reason)i),
		    atomic_load(&counters->reasons[i]));
	add(buffer, "reloads", atomic_load(&counters->reloads));
	add(buffer, "reloads-failed", atomic_load(&counters->reloads_failed));
	add(buffer, "internal-errors", atomic_load(&counters->internal_errors));
	add(buffer, "policy-requests", atomic_load(&counters->policy_requests));
	add(buffer, "policy-clients-closed",
	    atomic_load(&counters->policy_clients_closed));
	add(buffer, "log-lines-lost", lines_lost);
}
