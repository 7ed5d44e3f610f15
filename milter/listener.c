/*
 * listener.c - the socket that the MTA connects to.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "milter/callbacks.h"

/*
 * Connections waiting to be accepted: an MTA opens one for each client, all at
 * once after a pause; one that finds no room is an MTA without a milter. The
 * kernel cuts it to net.core.somaxconn.
 */
#define BACKLOG 4096

/*
 * Seconds that a connection may be idle. Between DATA and the end of a message the
 * MTA is silent towards us for as long as its client takes to send it (Postfix
 * passes the content on afterwards), so this is long on purpose.
 */
#define IDLE_SECONDS 7210

/*
 * libmilter spins when it may open no more files. One connection is one file; this
 * many are more than an MTA has processes.
 */
#define FILES_MAX 65536

static bool
fail(char *error, const char *what, const char *path, const char *why)
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

static bool
remove_stale(const char *path, char *error)
{
	struct stat found;

	if (lstat(path, &found) != 0)
		return errno == ENOENT || fail(error, "socket", path, strerror(errno));
	if (!S_ISSOCK(found.st_mode))
		return fail(error, "socket", path, "something else has that name");
	switch (answers(path)) {
	case 1:
		return fail(error, "socket", path,
		    "in use: another program answers on it");
	case 0:
		return unlink(path) == 0 || errno == ENOENT ||
		    fail(error, "cannot remove the stale socket", path, strerror(errno));
	default:
		return fail(error, "socket", path, strerror(errno));
	}
}

static bool
set_access(const struct settings *settings, const struct identity *identity,
    struct stat *made, char *error)
{
	const char *path = settings->listen_path;
	uid_t owner = identity->change ? identity->uid : (uid_t)-1;

	if ((identity->change || settings->socket_group != NULL) &&
	    lchown(path, owner, identity->socket_gid) != 0)
		return fail(error, "cannot give away the socket", path, strerror(errno));
	if (chmod(path, settings->socket_mode) != 0)
		return fail(error, "cannot set the mode of the socket", path,
		    strerror(errno));
	if (lstat(path, made) != 0)
		return fail(error, "socket", path, strerror(errno));
	return true;
}

static bool
register_milter(const struct settings *settings)
{
	return smfi_register(callbacks_description()) == MI_SUCCESS &&
	    smfi_setconn(settings->listen) == MI_SUCCESS &&
	    smfi_setbacklog(BACKLOG) == MI_SUCCESS &&
	    smfi_settimeout(IDLE_SECONDS) == MI_SUCCESS;
}

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FILES_MAX)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Not even for a moment may somebody connect whom the mode keeps out. */
static bool
open_socket(const struct settings *settings)
{
	mode_t before = umask(settings->listen_path != NULL ? 0777 : 0077);
	bool opened = smfi_opensocket(false) == MI_SUCCESS;

	(void)umask(before);
	return opened;
}

bool
listener_open(const struct settings *settings, const struct identity *identity,
    struct stat *made, char error[LISTENER_ERROR_MAX])
{
	raise_file_limit();
	if (settings->listen_path != NULL && !remove_stale(settings->listen_path, error))
		return false;
	if (!register_milter(settings))
		return fail(error, "cannot start", "libmilter", "not enough memory");
	if (!open_socket(settings))
		return fail(error, "cannot listen on", settings->listen,
		    "libmilter has said why");
	if (settings->listen_path == NULL ||
	    set_access(settings, identity, made, error))
		return true;
	(void)unlink(settings->listen_path);
	return false;
}
