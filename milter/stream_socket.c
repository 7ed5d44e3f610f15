/*
 * stream_socket.c - a socket that listens.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/stream_socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "milter/unix_socket.h"

int
stream_socket_listen(const struct sockaddr *address, socklen_t length, int backlog)
{
	int family = address->sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, saved;

	if (fd == -1)
		return -1;
	if (family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, address, length) == 0 && listen(fd, backlog) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

int
stream_socket_open_inet(const char *where, int backlog, const char *cannot, char *error)
{
	const char *port = strchr(where, ':'), *host = strchr(where, '@');
	struct addrinfo wanted = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char number[8];
	int result, fd;

	wanted.ai_family = strncmp(where, "inet6:", 6) == 0 ? AF_INET6 : AF_INET;
	if (port == NULL || host == NULL) {
		(void)unix_socket_fail(error, cannot, where, "that is no address");
		return -1;
	}
	(void)snprintf(number, sizeof(number), "%.*s", (int)(host - port - 1), port + 1);
	result = getaddrinfo(host + 1, number, &wanted, &found);
	if (result != 0) {
		(void)unix_socket_fail(error, cannot, where, gai_strerror(result));
		return -1;
	}
	fd = stream_socket_listen(found->ai_addr, found->ai_addrlen, backlog);
	if (fd == -1)
		(void)unix_socket_fail(error, cannot, where, strerror(errno));
	freeaddrinfo(found);
	return fd;
}
