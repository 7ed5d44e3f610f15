/*
 * service_socket.c - the socket that clients of the policy service connect to.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/service_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "milter/stream_socket.h"

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

#define CANNOT "cannot listen for the policy service on"

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
	fd = stream_socket_listen((const struct sockaddr *)&address, sizeof(address),
	    BACKLOG);
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

int
service_socket_open(const struct settings *settings, const struct identity *identity,
    struct stat *made, char error[LISTENER_ERROR_MAX])
{
	if (settings->policy_service_path != NULL)
		return open_unix(settings, identity, made, error);
	return stream_socket_open_inet(settings->policy_service, BACKLOG, CANNOT, error);
}
