/*
 * metrics.h - the daemon's figures, for Prometheus and its like and as a line of text.
 *
 * OpenMetrics 1.0, or Prometheus's text format 0.0.4, which older readers know. No
 * label has a value that comes from the network: how many lines there are does not
 * depend on who connects. What "tlsward watch" counts is read in the journal. All
 * functions are thread-safe.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_METRICS_H
#define TLSWARD_MILTER_METRICS_H

#include "base/buffer.h"
#include "journal/journal.h"
#include "milter/health.h"
#include "milter/service.h"

enum metrics_format { METRICS_OPENMETRICS, METRICS_TEXT };

/* Where the figures come from. */
struct metrics_source {
	struct service *service;
	int64_t started_ms;		/* the worker's start; Unix time */
	/* Fills in the journal's figures, as journal_store_stats() does. Thread-safe. */
	void (*journal)(struct journal_store *store, struct journal_stats *stats);
	/* Likewise journal_store_watched(). */
	bool (*watched)(const struct journal_store *store, journal_watched *take,
	    void *context);
	const char *shipped;		/* the journal that is sent to PostgreSQL, or NULL */
};

/* The value of Content-Type for a format. Static. */
const char *metrics_content_type(enum metrics_format format);

/*
 * The format for a client that says it accepts "accept" (NULL: it does not say):
 * OpenMetrics, unless plain text is named and OpenMetrics is not.
 */
enum metrics_format metrics_choose(const char *accept);

/* Appends all figures at "now_ms" (Unix time). Failure shows in out->failed. */
void metrics_write(const struct metrics_source *source, enum metrics_format format,
    int64_t now_ms, struct buffer *out);

/* Appends the counts as "name=number" words. Failure shows in out->failed. */
void metrics_line(const struct metrics_source *source, struct buffer *out);

/*
 * The listener that they are fetched from: HTTP for whoever is let near it, /metrics,
 * and /healthz, which is 200 while the daemon serves mail and else 503. One thread of
 * its own serves all connections, and shares no lock with mail but the moment's one on
 * the policy in force. What a client can cost is bounded, in memory, in connections,
 * and in time: each connection has one request, and METRICS_HTTP_SECONDS for all of it.
 */
#define METRICS_HTTP_CLIENTS 32
#define METRICS_HTTP_SECONDS 10

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
