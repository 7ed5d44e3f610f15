/*
 * service_socket.c - the socket that clients of the policy service connect to.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/service_socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

#define CANNOT "cannot listen for the policy service on"

/* Binds and listens, or closes the socket. Returns it, or -1 with errno. */
static int
listen_on(int family, const struct sockaddr *address, socklen_t length)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, saved;

	if (fd == -1)
		return -1;
	if (family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, address, length) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

/* Not even for a moment may somebody connect whom the mode keeps out. */
static int
open_unix(const struct settings *settings, const struct identity *identity,
    struct stat *made, char *error)
{
	const char *path = settings->policy_service_path;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t before;
	int fd;

	if (!unix_socket_clear(path, error))
		return -1;
	/* The settings have seen to its length. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	before = umask(0777);
	fd = listen_on(AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
	(void)umask(before);
	if (fd == -1) {
		(void)unix_socket_fail(error, CANNOT, path, strerror(errno));
		return -1;
	}
	if (unix_socket_give(path, settings, identity, made, error))
		return fd;
	(void)unlink(path);
	(void)close(fd);
	return -1;
}

/* inet:port@host or inet6:port@host, as the settings write it. */
static int
open_inet(const char *where, char *error)
{
	const char *port = strchr(where, ':'), *host = strchr(where, '@');
	struct addrinfo wanted = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char number[8];
	int result, fd;

	wanted.ai_family = strncmp(where, "inet6:", 6) == 0 ? AF_INET6 : AF_INET;
	if (port == NULL || host == NULL) {
		(void)unix_socket_fail(error, CANNOT, where, "that is no address");
		return -1;
	}
	(void)snprintf(number, sizeof(number), "%.*s", (int)(host - port - 1), port + 1);
	result = getaddrinfo(host + 1, number, &wanted, &found);
	if (result != 0) {
		(void)unix_socket_fail(error, CANNOT, where, gai_strerror(result));
		return -1;
	}
	fd = listen_on(found->ai_family, found->ai_addr, found->ai_addrlen);
	if (fd == -1)
		(void)unix_socket_fail(error, CANNOT, where, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

int
service_socket_open(const struct settings *settings, const struct identity *identity,
    struct stat *made, char error[LISTENER_ERROR_MAX])
{
	if (settings->policy_service_path != NULL)
		return open_unix(settings, identity, made, error);
	return open_inet(settings->policy_service, error);
}
