/*
 * counters.h - what the daemon has done since it started.
 *
 * Every counter is atomic: any thread may raise it, and a reader sees each one
 * whole, though not all of them at the same moment. SIGUSR1 logs them, and the
 * listener for metrics tells them. There is none for what a stranger can choose.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_COUNTERS_H
#define MILTER_COUNTERS_H

#include <stdatomic.h>

#include "milter/histogram.h"
#include "journal/journal.h"
#include "policy/policy.h"
#include "base/buffer.h"

/* What sessions came with. All other names are one. */
enum protocol {
	COUNTED_NONE,			/* clear text */
	COUNTED_SSLV3, COUNTED_TLSV1, COUNTED_TLSV1_1, COUNTED_TLSV1_2,
	COUNTED_TLSV1_3, COUNTED_OTHER,
	COUNTED_UNKNOWN,		/* the MTA does not say */
	COUNTED_COUNT
};

typedef atomic_ulong counter_outcomes[POLICY_REJECT + 1][REASON_COUNT];

/* All zero is a good start. */
struct counters {
	atomic_ulong sessions;			/* connections of the MTA to the milter */
	atomic_ulong protocols[COUNTED_COUNT];	/* of sessions that came to a message */
	counter_outcomes decisions;		/* by action and reason */
	counter_outcomes would;			/* let through by monitor alone: likewise */
	atomic_ulong exempt;
	atomic_ulong reloads;
	atomic_ulong reloads_failed;
	atomic_ulong internal_errors;
	atomic_ulong policy_requests;		/* to the policy service */
	atomic_ulong policy_clients_closed;	/* that could not be served */
	struct histogram judging;		/* each time that the policy was asked */
	atomic_llong loaded_ms;			/* when the policy in force was; Unix time */
	atomic_llong loading_ns;		/* how long that took */
	atomic_llong tried_ms;			/* when one was to be loaded last */
	atomic_bool last_failed;		/* and could not be */
};

/* The name of a protocol: "none", "TLSv1.2", "other". Static. */
const char *counters_protocol_name(enum protocol protocol);

/* Counts a decision that took effect: one for each record. */
void counters_decision(struct counters *counters, const struct verdict *verdict);

/*
 * Counts an SMTP session by its protocol, where it was not counted by that one yet:
 * *counted is 0 for a new session, and is kept for its next message. Mail that did
 * not come over SMTP has no session.
 */
void counters_session(struct counters *counters, const struct facts *facts,
    unsigned char *counted);

/*
 * A policy was loaded at "now_ms", which took "nanoseconds": at the start; or at a
 * reload, unless "loaded" is false.
 */
void counters_loaded(struct counters *counters, int64_t now_ms, int64_t nanoseconds);
void counters_reloaded(struct counters *counters, bool loaded, int64_t now_ms,
    int64_t nanoseconds);

/* Appends all of them as "name=number" words. Failure shows in buffer->failed. */
void counters_text(struct counters *counters, unsigned long lines_lost,
    struct buffer *buffer);

#endif
