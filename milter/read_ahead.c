/*
 * read_ahead.c - what libmilter reads from an MTA, in as few calls as it came in.
 *
 * libmilter waits for the five bytes before each packet, reads them, waits for the rest
 * and reads that, though an MTA sends several packets at once: four calls a packet, of
 * a dozen in a session, and half of what a session costs. So this program has a poll(),
 * a read() and a close() of its own, which stand before the C library's: once a
 * connection that accept() took has something to read, all of it is taken, and kept until
 * it is asked for. Other descriptors are the kernel's alone.
 *
 * One thread at a time reads a connection, and libmilter's locks stand between one and
 * the next.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/read_ahead.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "milter/descriptors.h"

/* A command with its macros, as a rule; and what malloc() gives at once, with the head. */
#define AT_ONCE 1008

/* What was taken and not asked for. */
struct ahead {
	size_t at, end;			/* end 0: the connection was closed there */
	char bytes[AT_ONCE];
};

/* By descriptor. NULL: none of ours. &nothing: ours, and nothing was taken. */
static _Atomic(struct ahead *) all[DESCRIPTORS_MAX];
static struct ahead nothing, closed;

static struct ahead *
ahead_of(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS_MAX ?
	    atomic_load_explicit(&all[fd], memory_order_acquire) : NULL;
}

static bool
is_taken(const struct ahead *ahead)
{
	return ahead != NULL && ahead != &nothing;
}

static void
ahead_set(int fd, struct ahead *ahead)
{
	struct ahead *old = atomic_exchange_explicit(&all[fd], ahead, memory_order_acq_rel);

	if (old != &nothing && old != &closed)
		free(old);
}

void
read_ahead_of(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS_MAX)
		ahead_set(fd, &nothing);
}

/* What fails here, read() will be told. */
static void
take(int fd)
{
	struct ahead *ahead = malloc(sizeof(*ahead));
	ssize_t got;

	if (ahead == NULL)
		return;
	got = recv(fd, ahead->bytes, sizeof(ahead->bytes), MSG_DONTWAIT);
	if (got > 0) {
		ahead->at = 0;
		ahead->end = (size_t)got;
		ahead_set(fd, ahead);
		return;
	}
	free(ahead);
	if (got == 0)
		ahead_set(fd, &closed);
}

ssize_t
read(int fd, void *bytes, size_t wanted)
{
	struct ahead *ahead = ahead_of(fd);
	size_t left;

	if (!is_taken(ahead))
		return syscall(SYS_read, fd, bytes, wanted);
	left = ahead->end - ahead->at;
	if (wanted > left)
		wanted = left;
	memcpy(bytes, ahead->bytes + ahead->at, wanted);
	ahead->at += wanted;
	if (ahead->at == ahead->end && ahead != &closed)
		ahead_set(fd, &nothing);
	return (ssize_t)wanted;
}

static int
kernel_poll(struct pollfd *waiting, nfds_t count, int milliseconds)
{
	const struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };

	return ppoll(waiting, count, milliseconds < 0 ? NULL : &time, NULL);
}

/*
 * One connection, before it is read or written. A reply is sent at once: there is room
 * for one, or write() waits for it as poll() would.
 */
static int
poll_connection(struct pollfd *waiting, const struct ahead *ahead, int milliseconds)
{
	int ready = 1;

	waiting->revents = waiting->events & (is_taken(ahead) ? POLLIN | POLLOUT : POLLOUT);
	if (waiting->revents == 0)
		ready = kernel_poll(waiting, 1, milliseconds);
	if (ready == 1 && waiting->revents == POLLIN && !is_taken(ahead))
		take(waiting->fd);
	return ready;
}

/* Of those that are watched, some may have been read already. */
static int
poll_many(struct pollfd *waiting, nfds_t count, int milliseconds)
{
	nfds_t taken = 0;
	int ready;

	for (nfds_t i = 0; i < count; i++)
		taken += is_taken(ahead_of(waiting[i].fd));
	ready = kernel_poll(waiting, count, taken > 0 ? 0 : milliseconds);
	for (nfds_t i = 0; i < count && taken > 0 && ready != -1; i++) {
		if (!is_taken(ahead_of(waiting[i].fd)) || (waiting[i].events & POLLIN) == 0)
			continue;
		ready += waiting[i].revents == 0;
		waiting[i].revents |= POLLIN;
	}
	return ready;
}

/* <poll.h> says that poll() only writes there. */
int poll_ahead(struct pollfd *waiting, nfds_t count, int milliseconds) __asm__("poll");

int
poll_ahead(struct pollfd *waiting, nfds_t count, int milliseconds)
{
	const struct ahead *ahead = count == 1 ? ahead_of(waiting->fd) : NULL;

	return ahead != NULL ? poll_connection(waiting, ahead, milliseconds) :
	    poll_many(waiting, count, milliseconds);
}

/* Before the number is another's. */
int
close(int fd)
{
	if (ahead_of(fd) != NULL)
		ahead_set(fd, NULL);
	return (int)syscall(SYS_close, fd);
}
