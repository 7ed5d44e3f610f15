/*
 * service_listener.h - a server of short requests: many clients, one thread.
 *
 * The policy service is one, and so is the TLS policy map: a protocol says how a request
 * is read and answered. No client waits for another: nothing here blocks but the wait for
 * all of them, and from each at most one piece is read in turn. What a client can cost is
 * bounded, in memory by the request's size and in time by the limits below; the number of
 * clients is, too, and one more than that takes the place of the one that was silent
 * longest, of those first that never asked anything.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SERVICE_LISTENER_H
#define TLSWARD_MILTER_SERVICE_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/netstring.h"
#include "milter/delegation.h"
#include "milter/service.h"

/* Limits; tests set smaller ones. Milliseconds. */
struct service_limits {
	size_t clients;		/* at most a share of the files that may be open */
	int64_t first_ms;	/* from the connection to the first request's end */
	int64_t request_ms;	/* from a later request's begin to its end */
	int64_t answer_ms;	/* for a client to read its answers */
	int64_t idle_ms;	/* between requests; Postfix closes before that */
};

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
	bool under_way;			/* a request has begun */
	bool waiting;			/* one waits for somebody else: no more are taken */
	int64_t since_ms;		/* the last change of what it does */
	struct answer_state state;
	struct delegation request;	/* the one under way, of the policy service */
	struct netstring lookup;	/* or of the TLS policy map */
	struct buffer unread;		/* what came, and is not taken yet */
	struct buffer answers;		/* not yet written */
	size_t written;			/* of them */
};

struct service_listener;

/* What clients speak. All functions are called by the listener's thread. */
struct service_protocol {
	const char *name;		/* for the log */
	const char *garbage;		/* likewise, of what is not understood */
	enum counter closed;		/* counts clients who could not be served */
	enum counter clients;		/* how many there are now */
	struct service_limits limits;
	/*
	 * Takes what belongs to one request from the "length" bytes at "bytes" into *taken,
	 * says in client->under_way whether more is to come, and appends the answer of a
	 * complete one to client->answers, or sets client->waiting.
	 */
	enum client_end (*take)(struct service *service, struct service_client *client,
	    const char *bytes, size_t length, size_t *taken);
	/*
	 * Of what else waits in the same loop (service_listener_epoll()), or NULL: an event
	 * that is no client's, by its data.u64; now and then; a client that goes while it
	 * waits.
	 */
	void (*event)(struct service_listener *listener, struct service *service,
	    uint64_t which, int64_t now_ms);
	void (*tick)(struct service_listener *listener, struct service *service,
	    int64_t now_ms);
	void (*leave)(struct service *service, struct service_client *client);
};

extern const struct service_protocol policy_service;

/* Whether a client took longer than it may. */
enum client_end service_client_overdue(const struct service_client *client,
    const struct service_limits *limits, int64_t now_ms);

/* Closes the connection and frees all; the place is free then. */
void service_client_close(struct service_client *client);

/*
 * Takes over "fd", which is non-blocking and listens, and serves with "service" and
 * within "limits" (NULL: the protocol's), which must outlive it. Returns NULL with errno
 * set where that fails: then the socket is still the caller's.
 */
struct service_listener *service_listener_new(int fd, struct service *service,
    const struct service_protocol *protocol, const struct service_limits *limits);

/*
 * For others who want to wait there: the listener's own events have no bit of data.u64
 * that is above the lower 32.
 */
int service_listener_epoll(const struct service_listener *listener);

/* The client with that client->state.serial, if it waits; or NULL. */
struct service_client *service_listener_waiting(struct service_listener *listener,
    uint64_t serial);

/* It waits no more, and has its answer: goes on with it. The client may be gone then. */
void service_listener_go_on(struct service_listener *listener,
    struct service_client *client, int64_t now_ms);

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
