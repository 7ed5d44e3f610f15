/*
 * service_listener.h - the server of the policy service: many clients, one thread.
 *
 * No client waits for another: nothing here blocks but the wait for all of them, and
 * from each at most one piece is read in turn. What a client can cost is bounded, in
 * memory by the request's size and in time by the limits below; the number of clients
 * is, too, and one more than that takes the place of the one that was silent longest,
 * of those first that never asked anything.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SERVICE_LISTENER_H
#define TLSWARD_MILTER_SERVICE_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "milter/delegation.h"
#include "milter/service.h"

/* Limits; tests set smaller ones. Milliseconds. */
struct service_limits {
	size_t clients;		/* at most a share of the files that may be open */
	int64_t first_ms;	/* from the connection to the first request's end */
	int64_t request_ms;	/* from a later request's begin to its end */
	int64_t answer_ms;	/* for a client to read its answers */
	int64_t idle_ms;	/* between requests; Postfix closes after 300 seconds */
};

extern const struct service_limits service_limits;

/* Why a client is not served any more. */
enum client_end {
	CLIENT_GOES_ON,
	CLIENT_LEFT,		/* it closed the connection, or that broke */
	CLIENT_IDLE,
	/* These are told in the log. */
	CLIENT_GARBAGE, CLIENT_TOO_LARGE, CLIENT_TOO_SLOW, CLIENT_TOO_MANY,
	CLIENT_NO_MEMORY,
	CLIENT_ENDS
};

struct service_client {
	int fd;				/* -1: the place is free */
	uint32_t events;		/* what is waited for */
	bool asked;			/* it had a request answered */
	int64_t since_ms;		/* the last change of what it does */
	struct answer_state state;
	struct delegation request;	/* the one under way */
	struct buffer answers;		/* not yet written */
	size_t written;			/* of them */
};

/* Whether a client took longer than it may. */
enum client_end service_client_overdue(const struct service_client *client,
    const struct service_limits *limits, int64_t now_ms);

/* Closes the connection and frees all; the place is free then. */
void service_client_close(struct service_client *client);

struct service_listener;

/*
 * Takes over "fd", which is non-blocking and listens, and serves with "service" and
 * within "limits", which must outlive it. Returns NULL with errno set where that
 * fails: then the socket is still the caller's.
 */
struct service_listener *service_listener_new(int fd, struct service *service,
    const struct service_limits *limits);

/* Serves until it is told to stop: for a thread, whose argument is the listener. */
void *service_listener_run(void *listener);

/*
 * Tells it to. Any thread. For tests: the socket itself is shut down, for all processes
 * that have it. Where only that is done, no more connections are accepted.
 */
void service_listener_stop(struct service_listener *listener);

/* Closes all connections and frees it. NULL-safe. It must not run any more. */
void service_listener_free(struct service_listener **listener);

#endif
