/*
 * counters.c - what the daemon has done since it started.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/counters.h"

#include <string.h>

#include "base/buffer.h"

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

const char *
counters_protocol_name(enum protocol protocol)
{
	return protocols[protocol];
}

static enum protocol
protocol_of(const struct facts *facts)
{
	if (facts->tls_version == NULL)
		return COUNTED_UNKNOWN;
	for (int i = COUNTED_NONE; i < COUNTED_OTHER; i++)
		if (strcmp(facts->tls_version, protocols[i]) == 0)
			return (enum protocol)i;
	return COUNTED_OTHER;
}

void
counters_session(struct counters *counters, const struct facts *facts,
    unsigned char *counted)
{
	enum protocol protocol = protocol_of(facts);

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
		raise_by_one(&counters->exempt);
}

void
counters_loaded(struct counters *counters, int64_t now_ms, int64_t nanoseconds)
{
	atomic_store(&counters->loaded_ms, now_ms);
	atomic_store(&counters->loading_ns, nanoseconds);
	atomic_store(&counters->tried_ms, now_ms);
	atomic_store(&counters->last_failed, false);
}

void
counters_reloaded(struct counters *counters, bool loaded, int64_t now_ms,
    int64_t nanoseconds)
{
	if (loaded) {
		raise_by_one(&counters->reloads);
		counters_loaded(counters, now_ms, nanoseconds);
		return;
	}
	raise_by_one(&counters->reloads_failed);
	atomic_store(&counters->tried_ms, now_ms);
	atomic_store(&counters->last_failed, true);
}

/* ------------------------------------------------------------------ *
 * As a line of text
 * ------------------------------------------------------------------ */

/* With this action, for any reason. */
static unsigned long
of_action(counter_outcomes outcomes, int action)
{
	unsigned long sum = 0;

	for (int reason = REASON_NONE; reason < REASON_COUNT; reason++)
		sum += atomic_load(&outcomes[action][reason]);
	return sum;
}

/* For this reason, with any action. */
static unsigned long
of_reason(counter_outcomes outcomes, int reason)
{
	unsigned long sum = 0;

	for (int action = POLICY_ACCEPT; action <= POLICY_REJECT; action++)
		sum += atomic_load(&outcomes[action][reason]);
	return sum;
}

static void
add(struct buffer *buffer, const char *name, unsigned long value)
{
	buffer_format(buffer, "%s%s=%lu", buffer->length > 0 ? " " : "", name, value);
}

static void
add_decisions(struct counters *counters, struct buffer *buffer)
{
	unsigned long would = 0;

	for (int i = POLICY_ACCEPT; i <= POLICY_REJECT; i++) {
		add(buffer, policy_action_name((enum policy_action)i),
		    of_action(counters->decisions, i));
		would += of_action(counters->would, i);
	}
	add(buffer, "would-refuse", would);
	add(buffer, "exempt", atomic_load(&counters->exempt));
	for (enum policy_reason reason = policy_reason_next(REASON_NONE);
	    reason < REASON_COUNT; reason = policy_reason_next(reason))
		add(buffer, policy_reason_name(reason),
		    of_reason(counters->decisions, (int)reason));
}

void
counters_text(struct counters *counters, unsigned long lines_lost,
    struct buffer *buffer)
{
	add(buffer, "sessions", atomic_load(&counters->sessions));
	add_decisions(counters, buffer);
	add(buffer, "reloads", atomic_load(&counters->reloads));
	add(buffer, "reloads-failed", atomic_load(&counters->reloads_failed));
	add(buffer, "internal-errors", atomic_load(&counters->internal_errors));
	add(buffer, "policy-requests", atomic_load(&counters->policy_requests));
	add(buffer, "policy-clients-closed",
	    atomic_load(&counters->policy_clients_closed));
	add(buffer, "log-lines-lost", lines_lost);
}
