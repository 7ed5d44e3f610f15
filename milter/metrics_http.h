/*
 * metrics_http.h - the listener that metrics are fetched from.
 *
 * HTTP for whoever is let near it: /metrics, and /healthz, which is 200 while the
 * daemon serves mail and else 503. One thread of its own serves all connections, and
 * shares no lock with mail but the moment's one on the policy in force. What a client
 * can cost is bounded, in memory, in connections, and in time: each connection has one
 * request, and METRICS_HTTP_SECONDS for all of it.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_METRICS_HTTP_H
#define TLSWARD_MILTER_METRICS_HTTP_H

#include <stdatomic.h>

#include "milter/metrics.h"
#include "milter/sockets.h"

#define METRICS_HTTP_CLIENTS 32
#define METRICS_HTTP_SECONDS 10

/* Whether the worker serves. Each flag is set by the thread that knows. */
struct health {
	const struct settings *settings;
	const struct sockets *sockets;
	atomic_bool policy;		/* one is in force */
	atomic_bool milter;		/* libmilter's thread runs */
	atomic_bool policy_service;	/* the policy service's does */
	atomic_bool ending;
};

struct metrics_http;

/*
 * Serves from now on on "fd", which is non-blocking and listens and stays the
 * caller's; "source" and "health" must outlive it. NULL where it cannot be started.
 */
struct metrics_http *metrics_http_new(int fd, const struct metrics_source *source,
    const struct health *health);

/* Ends connections in time, for ever: for a thread, whose argument is the listener. */
void *metrics_http_run(void *http);

#endif
