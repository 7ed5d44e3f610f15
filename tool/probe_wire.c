/*
 * probe_wire.c - one connection to a server, in the time that there is for it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* So often a wait looks whether a signal ended it: one may come just before it begins. */
#define LOOK_MS 200

int64_t
probe_clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
wire_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Whether no more is to be asked. */
static bool
probe_is_over(const struct probe_budget *budget)
{
	return probe_clock_ms() >= budget->deadline ||
	    (budget->stopped != NULL && *budget->stopped != 0);
}

void
wire_expect(struct wire *wire)
{
	wire->until = wire_earlier(probe_clock_ms() + wire->budget->patience_ms,
	    wire->budget->deadline);
}

void
wire_expect_until(struct wire *wire, int64_t until)
{
	wire->until = wire_earlier(wire->until, until);
}

static enum wire_result
wire_fail(struct wire *wire, int error)
{
	wire->error = error;
	return error == ECONNRESET || error == EPIPE ? WIRE_CLOSED : WIRE_FAILED;
}

/* Waits until that can be done with the socket. */
static enum wire_result
wire_wait(struct wire *wire, short events)
{
	for (;;) {
		struct pollfd poll_fd = { .fd = wire->fd, .events = events };
		int64_t left = wire->until - probe_clock_ms();
		int ready;

		if (probe_is_over(wire->budget))
			return WIRE_DEADLINE;
		if (left <= 0)
			return WIRE_SILENT;
		ready = poll(&poll_fd, 1, (int)wire_earlier(left, LOOK_MS));
		if (ready > 0)
			return WIRE_DONE;
		if (ready < 0 && errno != EINTR)
			return wire_fail(wire, errno);
	}
}

/* ------------------------------------------------------------------ *
 * Connections
 * ------------------------------------------------------------------ */

static bool
is_loopback(const struct probe_address *address)
{
	const struct sockaddr *socket = (const struct sockaddr *)&address->socket;

	if (socket->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)socket)->sin6_addr);
	return socket->sa_family == AF_INET &&
	    ntohl(((const struct sockaddr_in *)socket)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* A server is left alone for a while between two connections, unless it is of this host. */
static void
wire_pause(const struct probe_budget *budget, const struct probe_address *address)
{
	int64_t until = wire_earlier(budget->last + budget->pause_ms, budget->deadline);
	int64_t left;

	if (budget->last == 0 || is_loopback(address))
		return;
	while ((left = until - probe_clock_ms()) > 0 && !probe_is_over(budget))
		(void)poll(NULL, 0, (int)wire_earlier(left, LOOK_MS));
}

static enum wire_result
wire_connect(struct wire *wire, const struct probe_address *address)
{
	socklen_t size = sizeof(wire->error);
	enum wire_result result;

	wire->fd = socket(address->socket.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (wire->fd < 0)
		return wire_fail(wire, errno);
	wire->budget->connections++;
	if (connect(wire->fd, (const struct sockaddr *)&address->socket,
	    address->socket_size) == 0)
		return WIRE_DONE;
	if (errno != EINPROGRESS)
		return wire_fail(wire, errno);
	if ((result = wire_wait(wire, POLLOUT)) != WIRE_DONE) {
		wire->error = result == WIRE_FAILED ? wire->error : ETIMEDOUT;
		return result;
	}
	if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &wire->error, &size) < 0)
		return wire_fail(wire, errno);
	return wire->error == 0 ? WIRE_DONE : WIRE_FAILED;
}

enum wire_result
wire_open(struct wire *wire, struct probe_budget *budget,
    const struct probe_address *address, const char *host, const char *what)
{
	wire->budget = budget;
	wire->fd = -1;
	wire->error = 0;
	wire->at = wire->have = 0;
	if (budget->progress != NULL)
		budget->progress(host, what, budget->progress_data);
	wire_pause(budget, address);
	if (probe_is_over(budget))
		return WIRE_DEADLINE;
	wire_expect(wire);
	return wire_connect(wire, address);
}

void
wire_close(struct wire *wire)
{
	if (wire->fd < 0)
		return;
	(void)close(wire->fd);
	wire->fd = -1;
	wire->budget->last = probe_clock_ms();
}

/* ------------------------------------------------------------------ *
 * Bytes
 * ------------------------------------------------------------------ */

enum wire_result
wire_send(struct wire *wire, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0) {
		ssize_t sent = send(wire->fd, at, length, MSG_NOSIGNAL);
		enum wire_result result;

		if (sent >= 0) {
			at += sent;
			length -= (size_t)sent;
		} else if (errno == EAGAIN) {
			if ((result = wire_wait(wire, POLLOUT)) != WIRE_DONE)
				return result;
		} else if (errno != EINTR) {
			return wire_fail(wire, errno);
		}
	}
	return WIRE_DONE;
}

static enum wire_result
wire_take_back(struct wire *wire, void *bytes, size_t *length)
{
	if (*length > wire->have)
		*length = wire->have;
	memcpy(bytes, wire->bytes + wire->at, *length);
	wire->at += *length;
	wire->have -= *length;
	return WIRE_DONE;
}

enum wire_result
wire_receive(struct wire *wire, void *bytes, size_t *length)
{
	size_t room = *length;

	*length = 0;
	if (wire->have > 0) {
		*length = room;
		return wire_take_back(wire, bytes, length);
	}
	for (;;) {
		enum wire_result result = wire_wait(wire, POLLIN);
		ssize_t got;

		if (result != WIRE_DONE)
			return result;
		got = recv(wire->fd, bytes, room, 0);
		if (got == 0)
			return WIRE_CLOSED;
		if (got > 0) {
			*length = (size_t)got;
			return WIRE_DONE;
		}
		if (errno != EINTR && errno != EAGAIN)
			return wire_fail(wire, errno);
	}
}

void
wire_give_back(struct wire *wire, const void *bytes, size_t length)
{
	if (length > sizeof(wire->bytes))
		length = sizeof(wire->bytes);
	memcpy(wire->bytes, bytes, length);
	wire->at = 0;
	wire->have = length;
}
