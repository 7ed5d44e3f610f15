/*
 * counters.h - what the daemon has done since it started.
 *
 * Every counter is atomic: any thread may raise it, and a reader sees each one
 * whole, though not all of them at the same moment. metrics.h has what is told of
 * them. There is none for what a stranger can choose.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_COUNTERS_H
#define TLSWARD_MILTER_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

/* What sessions came with. All other names are one. */
enum protocol {
	COUNTED_NONE,			/* clear text */
	COUNTED_SSLV3, COUNTED_TLSV1, COUNTED_TLSV1_1, COUNTED_TLSV1_2,
	COUNTED_TLSV1_3, COUNTED_OTHER,
	COUNTED_UNKNOWN,		/* the MTA does not say */
	COUNTED_COUNT
};

enum counter {
	COUNTER_CONNECTIONS,		/* of the MTA to the milter */
	COUNTER_EXEMPT,			/* decisions */
	COUNTER_RELOADS, COUNTER_RELOADS_FAILED,
	COUNTER_INTERNAL_ERRORS,
	COUNTER_REQUESTS,		/* to the policy service */
	COUNTER_CLIENTS_CLOSED,		/* its clients that could not be served */
	COUNTER_CLIENTS,		/* that it has now */
	/* Look-ups in the TLS policy map, by reply; its clients, likewise. */
	COUNTER_LOOKUPS_OK, COUNTER_LOOKUPS_NOTFOUND, COUNTER_LOOKUPS_TEMP,
	COUNTER_LOOKUPS_PERM, COUNTER_MAP_CLIENTS_CLOSED, COUNTER_MAP_CLIENTS,
	/* What the service behind it replied; no reply is a TEMP. */
	COUNTER_NEXT_OK, COUNTER_NEXT_NOTFOUND, COUNTER_NEXT_TEMP, COUNTER_NEXT_PERM,
	COUNTER_COUNT
};

/* How long something took, by classes of duration; the last has no upper bound. */
#define HISTOGRAM_CLASSES 15

struct histogram {
	atomic_ulong classes[HISTOGRAM_CLASSES];	/* each without those below */
	atomic_ullong sum_ns;
};

typedef atomic_ulong counter_outcomes[POLICY_REJECT + 1][REASON_COUNT];

/* All zero is a good start. */
struct counters {
	atomic_ulong counts[COUNTER_COUNT];
	atomic_ulong protocols[COUNTED_COUNT];	/* of sessions that came to a message */
	counter_outcomes decisions;		/* by action and reason */
	counter_outcomes would;			/* let through by monitor alone: likewise */
	struct histogram judging;		/* each time that the policy was asked */
	struct histogram looking_up;		/* likewise for mail that goes out */
	atomic_llong loaded_ms;			/* when the policy in force was; Unix time */
	atomic_llong loading_ns;		/* how long that took */
	atomic_llong tried_ms;			/* when one was to be loaded last */
	atomic_bool last_failed;		/* and could not be */
};

/* The name of a protocol: "none", "TLSv1.2", "other". Static. */
const char *counters_protocol_name(enum protocol protocol);

void counters_add(struct counters *counters, enum counter counter);

/* Takes one away, of what there is now. */
void counters_take(struct counters *counters, enum counter counter);

/* Counts a decision that took effect: one for each record. */
void counters_decision(struct counters *counters, const struct verdict *verdict);

/*
 * Counts an SMTP session by its protocol, where it was not counted by that one yet:
 * *counted is 0 for a new session, and is kept for its next message. Mail that did
 * not come over SMTP has no session.
 */
void counters_session(struct counters *counters, const struct facts *facts,
    unsigned char *counted);

/* A policy was loaded at "now_ms", which took "nanoseconds"; or could not be. */
void counters_loaded(struct counters *counters, bool loaded, int64_t now_ms,
    int64_t nanoseconds);

/* Nanoseconds of a clock that nobody sets, to take differences of. */
int64_t histogram_clock(void);

/* Adds one duration. A negative one is none. */
void histogram_add(struct histogram *histogram, int64_t nanoseconds);

/* A class's upper bound, which belongs to it, in nanoseconds; INT64_MAX: the last. */
int64_t histogram_bound(size_t index);

#endif
