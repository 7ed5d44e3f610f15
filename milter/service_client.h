/*
 * service_client.h - one client of the policy service.
 *
 * For the one thread that serves them all.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_SERVICE_CLIENT_H
#define MILTER_SERVICE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/answer.h"
#include "milter/delegation.h"
#include "milter/service_listener.h"
#include "base/buffer.h"

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

/* Reads one piece and answers what is complete; then writes what the client takes. */
enum client_end service_client_serve(struct service_client *client,
    struct service *service, int64_t now_ms);

/* Whether it took longer than it may. */
enum client_end service_client_overdue(const struct service_client *client,
    const struct service_limits *limits, int64_t now_ms);

/* Whether answers wait to be read: then no more requests are. */
bool service_client_is_full(const struct service_client *client);

/* Closes the connection and frees all; the place is free then. */
void service_client_close(struct service_client *client);

#endif
