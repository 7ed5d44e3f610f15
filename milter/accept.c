/*
 * accept.c - how libmilter and libmicrohttpd take connections.
 *
 * Both ask for the next one at once where no more files may be opened, and so spin,
 * without a word; libmilter gives up altogether after ten other errors in a row. So
 * this program has an accept() and an accept4() of its own, which stand before the C
 * library's.
 *
 * <sys/socket.h> is not included: its prototypes have types of their own.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/sockets.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/diag.h"
#include "milter/descriptors.h"
#include "milter/read_ahead.h"

int accept(int fd, void *address, void *length);
int accept4(int fd, void *address, void *length, int flags);

/* Set before threads start. */
static struct log *words_go_to;
static size_t shares;
static int plenty;			/* a lower descriptor leaves room for all others */
static int many = -1;			/* the epoll that is accepted from */
static unsigned short many_family;	/* sa_family_t */
static struct limiter limiter;

/* libmilter's connections have this one at most: its one thread that accepts knows. */
static int highest;

void
sockets_prepare_accept(struct log *log, size_t services)
{
	words_go_to = log;
	shares = services;
	plenty = (int)descriptors_room(shares * descriptors_share());
	many = -1;
}

void
sockets_accept_from_many(int epoll, int family)
{
	many = epoll;
	many_family = (unsigned short)family;
}

/*
 * Only these say that it would be of no use to come again: the socket is no more. Where
 * there is something else in its place (ENOTSOCK, sockets_stop()), nothing comes there.
 */
static bool
is_over(int error)
{
	return error == EBADF || error == EINVAL;
}

static int
refuse_for_now(void)
{
	log_limited(words_go_to, &limiter, SEVERITY_ERROR, DESCRIPTORS_SHORT,
	    descriptors_limit());
	(void)poll(NULL, 0, DESCRIPTORS_PAUSE_MS);
	errno = EMFILE;
	return -1;
}

int
accept4(int fd, void *address, void *length, int flags)
{
	long made = syscall(SYS_accept4, fd, address, length, flags);

	if (made == -1 && descriptors_short(errno))
		return refuse_for_now();
	return (int)made;
}

/*
 * The kernel names each socket that is ready in its turn (epoll_wait(2)), so that a busy
 * one does not keep the others waiting.
 */
static int
accept_from_many(int epoll, void *address)
{
	struct epoll_event ready;
	int made;

	if (epoll_wait(epoll, &ready, 1, 0) != 1) {
		errno = EAGAIN;
		return -1;
	}
	made = accept4(ready.data.fd, NULL, NULL, 0);
	if (made != -1)
		memcpy(address, &many_family, sizeof(many_family));
	return made;
}

/* libmilter's: the others look for room themselves, or have room of their own. */
int
accept(int fd, void *address, void *length)
{
	int made;

	if (highest >= plenty && !descriptors_left(fd, shares * descriptors_share()))
		return refuse_for_now();
	made = fd == many ? accept_from_many(fd, address) : accept4(fd, address, length, 0);
	/* An error of the connection that is gone already is none of the listener's. */
	if (made == -1 && !is_over(errno) && !descriptors_short(errno))
		errno = ECONNABORTED;
	if (made > highest)
		highest = made;
	read_ahead_of(made);
	return made;
}
