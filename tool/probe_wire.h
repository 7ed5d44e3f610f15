/*
 * probe_wire.h - one connection to a server, in the time that there is for it.
 *
 * Nothing here waits longer than the budget allows, and nothing is signalled (SIGPIPE).
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_WIRE_H
#define TLSWARD_TOOL_PROBE_WIRE_H

#include "tool/probe.h"

enum wire_result {
	WIRE_DONE,
	WIRE_CLOSED,		/* by the other side; "error" where it was not in order */
	WIRE_SILENT,		/* patience has ended */
	WIRE_DEADLINE,		/* the time for all has */
	WIRE_FAILED		/* errno is in "error" */
};

struct wire {
	struct probe_budget *budget;
	int fd;			/* -1: not open */
	int error;		/* errno; 0: none */
	int64_t until;		/* so long an answer is waited for */
	uint8_t bytes[4096];	/* what came and was given back: from "at" on, "have" */
	size_t at, have;
};

/*
 * Connects, after the pause that is due (none to loopback's addresses) and having told
 * progress of "what". wire_close() in any case.
 */
enum wire_result wire_open(struct wire *wire, struct probe_budget *budget,
    const struct probe_address *address, const char *host, const char *what);
void wire_close(struct wire *wire);

/* From now on the patience for an answer runs: for all of it, in however many pieces. */
void wire_expect(struct wire *wire);

/* No longer than until then. */
void wire_expect_until(struct wire *wire, int64_t until);

/* Sends all of it. */
enum wire_result wire_send(struct wire *wire, const void *bytes, size_t length);

/* Waits for some bytes: *length is the room for them, and then how many there are. */
enum wire_result wire_receive(struct wire *wire, void *bytes, size_t *length);

/* Gives bytes back that were received last (not more): the next is to have them. */
void wire_give_back(struct wire *wire, const void *bytes, size_t length);

#endif
