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
#include <sys/socket.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/limiter.h"
#include "milter/descriptors.h"

/* How often clients are looked at that are silent. */
#define LOOK_MS 1000

#define EVENTS_AT_ONCE 64

/* One piece: several requests of Postfix's fit. */
#define PIECE 4096

/* What is not a client, in an event. */
#define THE_LISTENER UINT32_MAX

const struct service_limits service_limits = {
	.clients = 4096,
	.first_ms = 30000,
	.request_ms = 10000,
	.answer_ms = 10000,
	.idle_ms = 600000,
};

struct service_listener {
	atomic_int fd;			/* -1: no connections are accepted any more */
	int epoll;
	atomic_bool stopping;
	struct service *service;
	const struct service_limits *limits;
	size_t most;			/* clients */
	uint64_t serial;
	size_t count;			/* of clients */
	size_t used;			/* places; there is nobody behind them */
	int64_t look_ms;		/* when to look at them next */
	int64_t resume_ms;		/* when to accept again; 0: it does */
	struct limiter limiters[CLIENT_ENDS];
	struct limiter shortage;
	struct service_client clients[];
};

/* ------------------------------------------------------------------ *
 * One client
 * ------------------------------------------------------------------ */

/* Whether answers wait to be read: then no more requests are. */
static bool
has_answers(const struct service_client *client)
{
	return client->answers.length > client->written;
}

/* Writes what the client takes. Memory goes when all is written. */
static enum client_end
flush_answers(struct service_client *client, int64_t now_ms)
{
	while (has_answers(client)) {
		ssize_t sent = send(client->fd, client->answers.text + client->written,
		    client->answers.length - client->written, MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return errno == EAGAIN || errno == EWOULDBLOCK ? CLIENT_GOES_ON :
			    CLIENT_LEFT;
		client->written += (size_t)sent;
		client->since_ms = now_ms;
	}
	buffer_free(&client->answers);
	client->written = 0;
	return CLIENT_GOES_ON;
}

/* Answers the request when it is complete. */
static enum client_end
take_request(struct service_client *client, struct service *service)
{
	static const enum client_end ends[] = {
		[DELEGATION_EMPTY] = CLIENT_GOES_ON, [DELEGATION_PARTIAL] = CLIENT_GOES_ON,
		[DELEGATION_GARBAGE] = CLIENT_GARBAGE,
		[DELEGATION_TOO_LARGE] = CLIENT_TOO_LARGE,
		[DELEGATION_NO_MEMORY] = CLIENT_NO_MEMORY,
	};
	bool answered;

	if (client->request.state != DELEGATION_COMPLETE)
		return ends[client->request.state];
	answered = answer_request(service, &client->state, &client->request,
	    &client->answers);
	delegation_clear(&client->request);
	client->asked = true;
	if (!answered)
		return CLIENT_GARBAGE;
	return client->answers.failed ? CLIENT_NO_MEMORY : CLIENT_GOES_ON;
}

static enum client_end
take_piece(struct service_client *client, struct service *service, const char *piece,
    size_t length, int64_t now_ms)
{
	enum client_end end = CLIENT_GOES_ON;

	while (length > 0 && end == CLIENT_GOES_ON) {
		size_t taken;

		/* A request's time runs from its first byte, whatever comes after. */
		if (client->request.state == DELEGATION_EMPTY && client->asked)
			client->since_ms = now_ms;
		taken = delegation_feed(&client->request, piece, length);
		piece += taken;
		length -= taken;
		end = take_request(client, service);
	}
	if (client->request.state == DELEGATION_EMPTY)
		client->since_ms = now_ms;
	return end;
}

/* Reads one piece and answers what is complete; then writes what the client takes. */
static enum client_end
read_and_answer(struct service_client *client, struct service *service,
    int64_t now_ms)
{
	enum client_end end = CLIENT_GOES_ON, written;
	char piece[PIECE];
	ssize_t got;

	if (!has_answers(client)) {
		got = recv(client->fd, piece, sizeof(piece), 0);
		if (got == -1)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ?
			    CLIENT_GOES_ON : CLIENT_LEFT;
		if (got == 0)
			return CLIENT_LEFT;
		end = take_piece(client, service, piece, (size_t)got, now_ms);
	}
	if (end == CLIENT_NO_MEMORY)
		return end;
	/* It was not waited for any more, nor is its record. */
	if (atomic_load(&service->stage) == SERVICE_OVER)
		return CLIENT_LEFT;
	/* What was asked before the garbage is answered. */
	written = flush_answers(client, now_ms);
	return end != CLIENT_GOES_ON ? end : written;
}

enum client_end
service_client_overdue(const struct service_client *client,
    const struct service_limits *limits, int64_t now_ms)
{
	int64_t passed = now_ms - client->since_ms;

	if (has_answers(client))
		return passed > limits->answer_ms ? CLIENT_TOO_SLOW : CLIENT_GOES_ON;
	if (!client->asked)
		return passed <= limits->first_ms ? CLIENT_GOES_ON :
		    client->request.state == DELEGATION_EMPTY ? CLIENT_IDLE :
		    CLIENT_TOO_SLOW;
	if (client->request.state != DELEGATION_EMPTY)
		return passed > limits->request_ms ? CLIENT_TOO_SLOW : CLIENT_GOES_ON;
	return passed > limits->idle_ms ? CLIENT_IDLE : CLIENT_GOES_ON;
}

void
service_client_close(struct service_client *client)
{
	if (client->fd != -1)
		(void)close(client->fd);
	delegation_clear(&client->request);
	buffer_free(&client->answers);
	memset(client, 0, sizeof(*client));
	client->fd = -1;
}

/* ------------------------------------------------------------------ *
 * All of them
 * ------------------------------------------------------------------ */

static int
watch_fd(const struct service_listener *listener, int operation, int fd, uint32_t events,
    uint32_t what)
{
	struct epoll_event event = { .events = events, .data.u32 = what };

	return epoll_ctl(listener->epoll, operation, fd, &event);
}

struct service_listener *
service_listener_new(int fd, struct service *service,
    const struct service_limits *limits)
{
	size_t share = descriptors_share();
	size_t most = limits->clients < share ? limits->clients : share;
	struct service_listener *listener = calloc(1, sizeof(*listener) +
	    most * sizeof(listener->clients[0]));

	if (listener == NULL)
		return NULL;
	listener->fd = -1;
	listener->most = most;
	listener->service = service;
	listener->limits = limits;
	listener->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (listener->epoll == -1 ||
	    watch_fd(listener, EPOLL_CTL_ADD, fd, EPOLLIN, THE_LISTENER) != 0) {
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
	free(old);
	*listener = NULL;
}

void
service_listener_stop(struct service_listener *listener)
{
	atomic_store(&listener->stopping, true);
	(void)shutdown(listener->fd, SHUT_RDWR);
}

/* ------------------------------------------------------------------ *
 * Clients that go
 * ------------------------------------------------------------------ */

/* NULL: nobody needs to be told. */
static const char *const reasons[CLIENT_ENDS] = {
	[CLIENT_GARBAGE] = "what it sent is no policy delegation request",
	[CLIENT_TOO_LARGE] = "its request is too large",
	[CLIENT_TOO_SLOW] = "it is too slow",
	[CLIENT_TOO_MANY] = "there are too many, and it was silent longest",
	[CLIENT_NO_MEMORY] = "not enough memory",
};

static void
drop_client(struct service_listener *listener, struct service_client *client,
    enum client_end end)
{
	struct service *service = listener->service;

	if (reasons[end] != NULL) {
		counters_add(&service->counters, COUNTER_CLIENTS_CLOSED);
		log_limited(service->log, &listener->limiters[end], SEVERITY_WARNING,
		    "policy service: a client is not served any more: %s", reasons[end]);
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
			drop_client(listener, client, end);
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
		drop_client(listener, worst, CLIENT_TOO_MANY);
}

/* ------------------------------------------------------------------ *
 * Clients that come
 * ------------------------------------------------------------------ */

static struct service_client *
free_place(struct service_listener *listener)
{
	if (listener->count == listener->most)
		drop_worst(listener);
	for (size_t i = 0; i < listener->used; i++)
		if (listener->clients[i].fd == -1)
			return &listener->clients[i];
	return &listener->clients[listener->used++];
}

static void
admit_client(struct service_listener *listener, int fd, int64_t now_ms)
{
	struct service_client *client = free_place(listener);
	int on = 1;

	client->fd = -1;
	if (watch_fd(listener, EPOLL_CTL_ADD, fd, EPOLLIN,
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

/* A connection, or -1 with errno. What is kept of files is not taken. */
static int
accept_client(const struct service_listener *listener)
{
	if (descriptors_left(listener->fd, 0))
		return accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	errno = EMFILE;
	return -1;
}

/* Short of files or memory. */
static void
pause_accepting(struct service_listener *listener, int64_t now_ms)
{
	log_limited(listener->service->log, &listener->shortage, SEVERITY_ERROR,
	    "policy service: " DESCRIPTORS_SHORT, descriptors_limit());
	if (watch_fd(listener, EPOLL_CTL_MOD, listener->fd, 0, THE_LISTENER) == 0)
		listener->resume_ms = now_ms + DESCRIPTORS_PAUSE_MS;
}

/* So many at once that the others' turn comes. */
static void
accept_clients(struct service_listener *listener, int64_t now_ms)
{
	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		int fd = accept_client(listener);

		if (fd != -1) {
			admit_client(listener, fd, now_ms);
			continue;
		}
		if (descriptors_short(errno)) {
			pause_accepting(listener, now_ms);
			return;
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static void
resume_accepting(struct service_listener *listener, int64_t now_ms)
{
	if (listener->resume_ms != 0 && now_ms >= listener->resume_ms &&
	    watch_fd(listener, EPOLL_CTL_MOD, listener->fd, EPOLLIN, THE_LISTENER) == 0)
		listener->resume_ms = 0;
}

/* The socket was shut down: whoever is connected is served on. */
static void
stop_accepting(struct service_listener *listener)
{
	(void)watch_fd(listener, EPOLL_CTL_DEL, listener->fd, 0, THE_LISTENER);
	(void)close(listener->fd);
	listener->fd = -1;
	listener->resume_ms = 0;
}

/* ------------------------------------------------------------------ *
 * Serving
 * ------------------------------------------------------------------ */

static void
serve_client(struct service_listener *listener, struct service_client *client,
    int64_t now_ms)
{
	enum client_end end;
	uint32_t events;

	if (client->fd == -1)
		return;
	atomic_fetch_add(&listener->service->active, 1);
	end = read_and_answer(client, listener->service, now_ms);
	atomic_fetch_sub(&listener->service->active, 1);
	events = has_answers(client) ? EPOLLOUT : EPOLLIN;
	if (end == CLIENT_GOES_ON && events != client->events) {
		client->events = events;
		if (watch_fd(listener, EPOLL_CTL_MOD, client->fd, events,
		    (uint32_t)(client - listener->clients)) != 0)
			end = CLIENT_NO_MEMORY;
	}
	if (end != CLIENT_GOES_ON)
		drop_client(listener, client, end);
}

/* How long to wait: for ever where there is nobody to look at. */
static int
patience(const struct service_listener *listener, int64_t now_ms)
{
	if (listener->resume_ms != 0)
		return DESCRIPTORS_PAUSE_MS;
	if (listener->count == 0)
		return -1;
	return listener->look_ms > now_ms ? (int)(listener->look_ms - now_ms) : 0;
}

void *
service_listener_run(void *argument)
{
	struct service_listener *listener = argument;
	struct epoll_event events[EVENTS_AT_ONCE];
	bool connecting, serving = true;

	while (serving) {
		int count = epoll_wait(listener->epoll, events, EVENTS_AT_ONCE,
		    patience(listener, histogram_clock() / 1000000));
		int64_t now_ms = histogram_clock() / 1000000;

		connecting = false;
		for (int i = 0; i < count; i++) {
			uint32_t what = events[i].data.u32;

			if (what != THE_LISTENER)
				serve_client(listener, &listener->clients[what], now_ms);
			else if ((events[i].events & EPOLLHUP) != 0)
				stop_accepting(listener);
			else
				connecting = true;
		}
		serving = !atomic_load(&listener->stopping);
		drop_overdue(listener, now_ms);
		resume_accepting(listener, now_ms);
		/* Last: a new client may take the place of one that an event is for. */
		if (connecting && listener->fd != -1)
			accept_clients(listener, now_ms);
	}
	return NULL;
}
