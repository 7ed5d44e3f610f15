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
#ifndef MILTER_SERVICE_LISTENER_H
#define MILTER_SERVICE_LISTENER_H

#include "milter/service.h"

/* Limits; tests set smaller ones. Milliseconds. */
struct service_limits {
	size_t clients;
	int64_t first_ms;	/* from the connection to the first request's end */
	int64_t request_ms;	/* from a later request's begin to its end */
	int64_t answer_ms;	/* for a client to read its answers */
	int64_t idle_ms;	/* between requests; Postfix closes after 300 seconds */
};

extern const struct service_limits service_limits;

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

/* Tells it to. Any thread. */
void service_listener_stop(struct service_listener *listener);

/* Closes all connections and frees it. NULL-safe. It must not run any more. */
void service_listener_free(struct service_listener **listener);

#endif
