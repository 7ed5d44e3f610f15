/*
 * lately.h - what the daemon decided in the last hour, and which MTA asked it last.
 *
 * Any thread notes and reads, and none waits for another: what is noted at every message
 * takes no lock that a reader could hold for long. All zero is a good start.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_LATELY_H
#define TLSWARD_MILTER_LATELY_H

#include <stdatomic.h>
#include <stdint.h>

#include "policy/policy.h"

/* Minutes of which is counted, the one under way included; the ring has a few more. */
#define LATELY_MINUTES 60
#define LATELY_RING 64

/* An MTA's name and version; longer ones are cut. */
#define LATELY_MTA_SIZE 64

struct lately {
	/* By minute and action: the minute's number above, how many in the lower half. */
	atomic_ullong decisions[LATELY_RING][POLICY_REJECT + 1];
	atomic_flag busy;		/* somebody writes or reads the rest */
	int64_t asked_ms;		/* Unix time; 0: nobody has */
	char mta[LATELY_MTA_SIZE];
};

/* The number of the minute now, by a clock that nobody sets. */
uint32_t lately_minute(void);

/* Counts a decision. */
void lately_decision(struct lately *lately, enum policy_action action, uint32_t minute);

/* How many of that action there were in the last LATELY_MINUTES. */
uint64_t lately_count(struct lately *lately, enum policy_action action, uint32_t minute);

/*
 * Notes that an MTA asked about a message: "mta" is what it is taken for ("postfix"; NULL:
 * unknown), "version" what it says of itself (NULL: nothing). Where somebody else notes
 * one in the same moment this one is passed over.
 */
void lately_asked(struct lately *lately, const char *mta, const char *version,
    int64_t now_ms);

/* When one asked last (0: none has), and which. */
int64_t lately_mta(struct lately *lately, char mta[LATELY_MTA_SIZE]);

#endif
