/*
 * unix_socket.c - a UNIX socket's file: whether its name is free, and who may use it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/unix_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool
unix_socket_fail(char *error, const char *what, const char *path, const char *why)
{
	(void)snprintf(error, LISTENER_ERROR_MAX, "%s %s: %s", what, path, why);
	return false;
}

/* Whether somebody answers there: 1 yes, 0 nobody, -1 with errno. */
static int
answers(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, result = -1;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	    errno == EAGAIN)
		result = 1;
	else if (errno == ECONNREFUSED || errno == ENOENT)
		result = 0;
	(void)close(fd);
	return result;
}

bool
unix_socket_clear(const char *path, char *error)
{
	struct stat found;

	if (lstat(path, &found) != 0)
		return errno == ENOENT ||
		    unix_socket_fail(error, "socket", path, strerror(errno));
	if (!S_ISSOCK(found.st_mode))
		return unix_socket_fail(error, "socket", path,
		    "something else has that name");
	switch (answers(path)) {
	case 1:
		return unix_socket_fail(error, "socket", path,
		    "in use: another program answers on it");
	case 0:
		return unlink(path) == 0 || errno == ENOENT ||
		    unix_socket_fail(error, "cannot remove the stale socket", path,
		    strerror(errno));
	default:
		return unix_socket_fail(error, "socket", path, strerror(errno));
	}
}

bool
unix_socket_give(const char *path, const struct settings *settings,
    const struct identity *identity, struct stat *made, char *error)
{
	uid_t owner = identity->change ? identity->uid : (uid_t)-1;

	if ((identity->change || settings->socket_group != NULL) &&
	    lchown(path, owner, identity->socket_gid) != 0)
		return unix_socket_fail(error, "cannot give away the socket", path,
		    strerror(errno));
	if (chmod(path, settings->socket_mode) != 0)
		return unix_socket_fail(error, "cannot set the mode of the socket", path,
		    strerror(errno));
	if (lstat(path, made) != 0)
		return unix_socket_fail(error, "socket", path, strerror(errno));
	return true;
}

bool
unix_socket_is(const char *path, const struct stat *made)
{
	struct stat now;

	return lstat(path, &now) == 0 && S_ISSOCK(now.st_mode) &&
	    now.st_dev == made->st_dev && now.st_ino == made->st_ino;
}
