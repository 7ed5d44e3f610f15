/*
 * service_listener.c - the server of the policy service: many clients, one thread.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/service_listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "milter/service_client.h"
#include "base/diag.h"
#include "base/limiter.h"

/* How often clients are looked at that are silent. */
#define LOOK_MS 1000

/* How long no connection is accepted when no more files may be opened. */
#define PAUSE_MS 200

#define EVENTS_AT_ONCE 64

/* What is not a client, in an event. */
#define THE_LISTENER UINT32_MAX
#define THE_STOP (UINT32_MAX - 1)

const struct service_limits service_limits = {
	.clients = 4096,
	.first_ms = 30000,
	.request_ms = 10000,
	.answer_ms = 10000,
	.idle_ms = 600000,
};

struct service_listener {
	int fd;
	int epoll;
	int stop;
	struct service *service;
	const struct service_limits *limits;
	uint64_t serial;
	size_t count;			/* of clients */
	size_t used;			/* places; there is nobody behind them */
	int64_t look_ms;		/* when to look at them next */
	int64_t resume_ms;		/* when to accept again; 0: it does */
	struct limiter limiters[CLIENT_ENDS];
	struct service_client clients[];
};

static int64_t
monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
watch(const struct service_listener *listener, int operation, int fd, uint32_t events,
    uint32_t what)
{
	struct epoll_event event = { .events = events, .data.u32 = what };

	return epoll_ctl(listener->epoll, operation, fd, &event);
}

struct service_listener *
service_listener_new(int fd, struct service *service,
    const struct service_limits *limits)
{
	struct service_listener *listener = calloc(1, sizeof(*listener) +
	    limits->clients * sizeof(listener->clients[0]));

	if (listener == NULL)
		return NULL;
	listener->fd = -1;
	listener->service = service;
	listener->limits = limits;
	listener->epoll = epoll_create1(EPOLL_CLOEXEC);
	listener->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (listener->epoll == -1 || listener->stop == -1 ||
	    watch(listener, EPOLL_CTL_ADD, fd, EPOLLIN, THE_LISTENER) != 0 ||
	    watch(listener, EPOLL_CTL_ADD, listener->stop, EPOLLIN, THE_STOP) != 0) {
		int saved = errno;

		service_listener_free(&listener);
		errno = saved;
		return NULL;
	}
	listener->fd = fd;
	return listener;
}

void
service_listener_free(struct service_listener **listener)
{
	struct service_listener *old = *listener;

	if (old == NULL)
		return;
	for (size_t i = 0; i < old->used; i++)
		service_client_close(&old->clients[i]);
	if (old->fd != -1)
		(void)close(old->fd);
	if (old->epoll != -1)
		(void)close(old->epoll);
	if (old->stop != -1)
		(void)close(old->stop);
	free(old);
	*listener = NULL;
}

void
service_listener_stop(struct service_listener *listener)
{
	uint64_t one = 1;

	(void)!write(listener->stop, &one, sizeof(one));
}

/* ------------------------------------------------------------------ *
 * Clients that go
 * ------------------------------------------------------------------ */

static const char *
reason_of(enum client_end end)
{
	switch (end) {
	case CLIENT_GARBAGE:
		return "what it sent is no policy delegation request";
	case CLIENT_TOO_LARGE:
		return "its request is too large";
	case CLIENT_TOO_SLOW:
		return "it is too slow";
	case CLIENT_TOO_MANY:
		return "there are too many, and it was silent longest";
	case CLIENT_NO_MEMORY:
		return "not enough memory";
	default:
		return NULL;
	}
}

static void
drop(struct service_listener *listener, struct service_client *client,
    enum client_end end)
{
	struct service *service = listener->service;

	if (reason_of(end) != NULL) {
		counters_add(&service->counters, COUNTER_CLIENTS_CLOSED);
		log_limited(service->log, &listener->limiters[end], SEVERITY_WARNING,
		    "policy service: a client is not served any more: %s", reason_of(end));
	}
	service_client_close(client);
	listener->count--;
}

static void
drop_overdue(struct service_listener *listener, int64_t now_ms)
{
	if (now_ms < listener->look_ms)
		return;
	listener->look_ms = now_ms + LOOK_MS;
	for (size_t i = 0; i < listener->used; i++) {
		struct service_client *client = &listener->clients[i];
		enum client_end end;

		if (client->fd == -1)
			continue;
		end = service_client_overdue(client, listener->limits, now_ms);
		if (end != CLIENT_GOES_ON)
			drop(listener, client, end);
	}
}

/* Of two clients the one that is missed less. */
static bool
is_worse(const struct service_client *a, const struct service_client *b)
{
	return a->asked != b->asked ? b->asked : a->since_ms < b->since_ms;
}

static void
drop_worst(struct service_listener *listener)
{
	struct service_client *worst = NULL;

	for (size_t i = 0; i < listener->used; i++) {
		struct service_client *client = &listener->clients[i];

		if (client->fd != -1 && (worst == NULL || is_worse(client, worst)))
			worst = client;
	}
	if (worst != NULL)
		drop(listener, worst, CLIENT_TOO_MANY);
}

/* ------------------------------------------------------------------ *
 * Clients that come
 * ------------------------------------------------------------------ */

static struct service_client *
free_place(struct service_listener *listener)
{
	if (listener->count == listener->limits->clients)
		drop_worst(listener);
	for (size_t i = 0; i < listener->used; i++)
		if (listener->clients[i].fd == -1)
			return &listener->clients[i];
	return &listener->clients[listener->used++];
}

static void
admit(struct service_listener *listener, int fd, int64_t now_ms)
{
	struct service_client *client = free_place(listener);
	int on = 1;

	client->fd = -1;
	if (watch(listener, EPOLL_CTL_ADD, fd, EPOLLIN,
	    (uint32_t)(client - listener->clients)) != 0) {
		(void)close(fd);
		return;
	}
	/* An answer is small and waited for. It is an error on a UNIX socket. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	client->fd = fd;
	client->events = EPOLLIN;
	client->since_ms = now_ms;
	client->state.serial = ++listener->serial;
	listener->count++;
}

/* So many at once that the others' turn comes. */
static void
accept_clients(struct service_listener *listener, int64_t now_ms)
{
	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd != -1) {
			admit(listener, fd, now_ms);
			continue;
		}
		/* Short of files or memory: trying again at once would be for nothing. */
		if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) && watch(listener, EPOLL_CTL_MOD, listener->fd, 0,
		    THE_LISTENER) == 0)
			listener->resume_ms = now_ms + PAUSE_MS;
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static void
resume(struct service_listener *listener, int64_t now_ms)
{
	if (listener->resume_ms != 0 && now_ms >= listener->resume_ms &&
	    watch(listener, EPOLL_CTL_MOD, listener->fd, EPOLLIN, THE_LISTENER) == 0)
		listener->resume_ms = 0;
}

/* ------------------------------------------------------------------ *
 * Serving
 * ------------------------------------------------------------------ */

static void
serve(struct service_listener *listener, struct service_client *client, int64_t now_ms)
{
	enum client_end end;
	uint32_t events;

	if (client->fd == -1)
		return;
	atomic_fetch_add(&listener->service->active, 1);
	end = service_client_serve(client, listener->service, now_ms);
	atomic_fetch_sub(&listener->service->active, 1);
	events = service_client_is_full(client) ? EPOLLOUT : EPOLLIN;
	if (end == CLIENT_GOES_ON && events != client->events) {
		client->events = events;
		if (watch(listener, EPOLL_CTL_MOD, client->fd, events,
		    (uint32_t)(client - listener->clients)) != 0)
			end = CLIENT_NO_MEMORY;
	}
	if (end != CLIENT_GOES_ON)
		drop(listener, client, end);
}

/* How long to wait: for ever where there is nobody to look at. */
static int
patience(const struct service_listener *listener, int64_t now_ms)
{
	if (listener->resume_ms != 0)
		return PAUSE_MS;
	if (listener->count == 0)
		return -1;
	return listener->look_ms > now_ms ? (int)(listener->look_ms - now_ms) : 0;
}

void *
service_listener_run(void *argument)
{
	struct service_listener *listener = argument;
	struct epoll_event events[EVENTS_AT_ONCE];
	bool connecting, stopping = false;

	while (!stopping) {
		int count = epoll_wait(listener->epoll, events, EVENTS_AT_ONCE,
		    patience(listener, monotonic_ms()));
		int64_t now_ms = monotonic_ms();

		connecting = false;
		for (int i = 0; i < count; i++) {
			uint32_t what = events[i].data.u32;

			if (what == THE_LISTENER)
				connecting = true;
			else if (what == THE_STOP)
				stopping = true;
			else
				serve(listener, &listener->clients[what], now_ms);
		}
		drop_overdue(listener, now_ms);
		resume(listener, now_ms);
		/* Last: a new client may take the place of one that an event is for. */
		if (connecting)
			accept_clients(listener, now_ms);
	}
	return NULL;
}
