/*
 * service_listener.c - a server of short requests: many clients, one thread.
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

/* With so many bytes of answers a client's next request waits until they are read. */
#define ANSWERS_MOST 16384

/* One piece: several requests of Postfix's fit. */
#define PIECE 4096

/* What is not a client, in an event. */
#define THE_LISTENER UINT32_MAX

/* A client's serial is its number, above that of its place. */
#define PLACE_BITS 16

struct service_listener {
	atomic_int fd;			/* -1: no connections are accepted any more */
	int epoll;
	atomic_bool stopping;
	struct service *service;
	const struct service_protocol *protocol;
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
			return errno == EAGAIN ? CLIENT_GOES_ON : CLIENT_LEFT;
		client->written += (size_t)sent;
		client->since_ms = now_ms;
	}
	buffer_free(&client->answers);
	client->written = 0;
	return CLIENT_GOES_ON;
}

/* Takes requests, as many as can be answered now; what is left is kept. */
static enum client_end
take_piece(const struct service_listener *listener, struct service_client *client,
    const char *piece, size_t length, int64_t now_ms)
{
	enum client_end end = CLIENT_GOES_ON;

	while (length > 0 && end == CLIENT_GOES_ON && !client->waiting &&
	    client->answers.length < ANSWERS_MOST) {
		size_t taken = 0;

		/* A request's time runs from its first byte, whatever comes after. */
		if (!client->under_way && client->asked)
			client->since_ms = now_ms;
		end = listener->protocol->take(listener->service, client, piece, length,
		    &taken);
		if (client->answers.failed)
			return CLIENT_NO_MEMORY;
		client->asked |= !client->under_way;
		piece += taken;
		length -= taken;
	}
	if (!client->under_way)
		client->since_ms = now_ms;
	if (end != CLIENT_GOES_ON)
		return end;
	if (length > 0)
		buffer_add(&client->unread, piece, length);
	return client->unread.failed ? CLIENT_NO_MEMORY : CLIENT_GOES_ON;
}

/* The same with what was kept, until it is taken or has to be kept again. */
static enum client_end
take_unread(const struct service_listener *listener, struct service_client *client,
    int64_t now_ms)
{
	struct buffer unread = client->unread;
	enum client_end end;

	client->unread = (struct buffer)BUFFER_INIT;
	end = take_piece(listener, client, unread.text, unread.length, now_ms);
	buffer_free(&unread);
	return end;
}

static enum client_end
read_piece(const struct service_listener *listener, struct service_client *client,
    int64_t now_ms)
{
	char piece[PIECE];
	ssize_t got = recv(client->fd, piece, sizeof(piece), 0);

	if (got > 0)
		return take_piece(listener, client, piece, (size_t)got, now_ms);
	return got == -1 && (errno == EAGAIN || errno == EINTR) ? CLIENT_GOES_ON :
	    CLIENT_LEFT;
}

/* Reads one piece and answers what is complete; then writes what the client takes. */
static enum client_end
read_and_answer(const struct service_listener *listener, struct service_client *client,
    int64_t now_ms)
{
	enum client_end end = CLIENT_GOES_ON, written = CLIENT_GOES_ON;

	if (!has_answers(client) && !client->waiting && client->unread.length == 0)
		end = read_piece(listener, client, now_ms);
	for (;;) {
		if (end == CLIENT_NO_MEMORY || end == CLIENT_LEFT)
			return end;
		/* It was not waited for any more, nor is its record. */
		if (atomic_load(&listener->service->stage) == SERVICE_OVER)
			return CLIENT_LEFT;
		/* What was asked before the garbage is answered. */
		written = flush_answers(client, now_ms);
		if (end != CLIENT_GOES_ON || written != CLIENT_GOES_ON ||
		    has_answers(client) || client->waiting || client->unread.length == 0)
			return end != CLIENT_GOES_ON ? end : written;
		end = take_unread(listener, client, now_ms);
	}
}

enum client_end
service_client_overdue(const struct service_client *client,
    const struct service_limits *limits, int64_t now_ms)
{
	int64_t passed = now_ms - client->since_ms;

	if (client->waiting)
		return CLIENT_GOES_ON;
	if (has_answers(client))
		return passed > limits->answer_ms ? CLIENT_TOO_SLOW : CLIENT_GOES_ON;
	if (!client->asked)
		return passed <= limits->first_ms ? CLIENT_GOES_ON :
		    client->under_way ? CLIENT_TOO_SLOW : CLIENT_IDLE;
	if (client->under_way)
		return passed > limits->request_ms ? CLIENT_TOO_SLOW : CLIENT_GOES_ON;
	return passed > limits->idle_ms ? CLIENT_IDLE : CLIENT_GOES_ON;
}

void
service_client_close(struct service_client *client)
{
	if (client->fd != -1)
		(void)close(client->fd);
	delegation_clear(&client->request);
	netstring_clear(&client->lookup);
	buffer_free(&client->unread);
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
	struct epoll_event event = { .events = events, .data.u64 = what };

	return epoll_ctl(listener->epoll, operation, fd, &event);
}

struct service_listener *
service_listener_new(int fd, struct service *service,
    const struct service_protocol *protocol, const struct service_limits *limits)
{
	size_t share = descriptors_share();
	size_t most;
	struct service_listener *listener;

	if (limits == NULL)
		limits = &protocol->limits;
	most = limits->clients < share ? limits->clients : share;
	if (most > UINT64_C(1) << PLACE_BITS)
		most = UINT64_C(1) << PLACE_BITS;
	listener = calloc(1, sizeof(*listener) + most * sizeof(listener->clients[0]));
	if (listener == NULL)
		return NULL;
	listener->fd = -1;
	listener->most = most;
	listener->service = service;
	listener->protocol = protocol;
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

/* NULL: nobody needs to be told, or the protocol has it. */
static const char *const reasons[CLIENT_ENDS] = {
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
	const struct service_protocol *protocol = listener->protocol;
	const char *why = end == CLIENT_GARBAGE ? protocol->garbage : reasons[end];

	if (why != NULL) {
		counters_add(&service->counters, protocol->closed);
		log_limited(service->log, &listener->limiters[end], SEVERITY_WARNING,
		    "%s: a client is not served any more: %s", protocol->name, why);
	}
	counters_take(&service->counters, protocol->clients);
	if (client->waiting && protocol->leave != NULL)
		protocol->leave(service, client);
	service_client_close(client);
	listener->count--;
}

static void
drop_overdue(struct service_listener *listener, int64_t now_ms)
{
	if (now_ms < listener->look_ms)
		return;
	listener->look_ms = now_ms + LOOK_MS;
	if (listener->protocol->tick != NULL)
		listener->protocol->tick(listener, listener->service, now_ms);
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
	client->state.serial = ++listener->serial << PLACE_BITS |
	    (uint64_t)(client - listener->clients);
	listener->count++;
	counters_add(&listener->service->counters, listener->protocol->clients);
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
	    "%s: " DESCRIPTORS_SHORT, listener->protocol->name, descriptors_limit());
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

/* Nothing is read from one that waits: only its end is told. */
void
service_listener_go_on(struct service_listener *listener, struct service_client *client,
    int64_t now_ms)
{
	enum client_end end;
	uint32_t events;

	atomic_fetch_add(&listener->service->active, 1);
	end = client->waiting ? CLIENT_LEFT : read_and_answer(listener, client, now_ms);
	atomic_fetch_sub(&listener->service->active, 1);
	events = has_answers(client) ? EPOLLOUT : client->waiting ? 0 : EPOLLIN;
	if (end == CLIENT_GOES_ON && events != client->events) {
		client->events = events;
		if (watch_fd(listener, EPOLL_CTL_MOD, client->fd, events,
		    (uint32_t)(client - listener->clients)) != 0)
			end = CLIENT_NO_MEMORY;
	}
	if (end != CLIENT_GOES_ON)
		drop_client(listener, client, end);
}

int
service_listener_epoll(const struct service_listener *listener)
{
	return listener->epoll;
}

struct service_client *
service_listener_waiting(struct service_listener *listener, uint64_t serial)
{
	size_t place = serial & ((UINT64_C(1) << PLACE_BITS) - 1);
	struct service_client *client = &listener->clients[place];

	return place < listener->used && client->fd != -1 && client->waiting &&
	    client->state.serial == serial ? client : NULL;
}

/* What an event is for. False: somebody wants to connect. */
static bool
serve_event(struct service_listener *listener, const struct epoll_event *event,
    int64_t now_ms)
{
	const struct service_protocol *protocol = listener->protocol;
	uint64_t what = event->data.u64;

	if (what > THE_LISTENER)
		protocol->event(listener, listener->service, what, now_ms);
	else if (what != THE_LISTENER && listener->clients[what].fd != -1)
		service_listener_go_on(listener, &listener->clients[what], now_ms);
	else if (what == THE_LISTENER && (event->events & EPOLLHUP) != 0)
		stop_accepting(listener);
	return what != THE_LISTENER || (event->events & EPOLLHUP) != 0;
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
		for (int i = 0; i < count; i++)
			connecting |= !serve_event(listener, &events[i], now_ms);
		serving = !atomic_load(&listener->stopping);
		drop_overdue(listener, now_ms);
		resume_accepting(listener, now_ms);
		/* Last: a new client may take the place of one that an event is for. */
		if (connecting && listener->fd != -1)
			accept_clients(listener, now_ms);
	}
	return NULL;
}
