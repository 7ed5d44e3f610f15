/*
 * socket_file.c - the file of a UNIX socket.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/socket_file.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * How often, and for how long at most, a start looks whether an address becomes free: of
 * a dead daemon, whose worker ends as soon as it sees that, and of nobody knows whom.
 */
#define LOOK_MS 50
#define ORPHAN_MS 15000
#define LIVES_MS 2000

bool
socket_say(char *error, const char *what, const char *path, const char *why)
{
	(void)snprintf(error, SOCKETS_ERROR_MAX, "%s %s: %s", what, path, why);
	return false;
}

bool
socket_fail(const struct socket_place *place, int number, char *error)
{
	const char *path = settings_unix_path(place->address);
	char why[SETTINGS_WHY_MAX], shown[SETTINGS_SHOWN_MAX];

	settings_why_not(place->identity, place->group, place->address, number, why);
	settings_show_address(place->address, shown);
	return socket_say(error, place->cannot, path != NULL ? path : shown, why);
}

/* The settings have seen to the length of a path. */
struct sockaddr_un
socket_file_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

/* Who answers on a UNIX socket. */
enum answerer {
	ANSWERER_NONE,
	ANSWERER_OURSELVES,
	ANSWERER_LIVES,
	ANSWERER_ORPHAN,		/* whoever made it is dead: its worker is ending */
	ANSWERER_UNKNOWN,
	ANSWERER_ERROR			/* errno says why that cannot be told */
};

/* Whether the process that called listen() lives; a zombie does not. */
static enum answerer
look_at_owner(int fd)
{
	struct ucred owner = { .pid = 0 };
	socklen_t length = sizeof(owner);
	struct pollfd ended = { .events = POLLIN };
	enum answerer found = ANSWERER_UNKNOWN;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &length) != 0 || owner.pid <= 0)
		return ANSWERER_UNKNOWN;
	if (owner.pid == getpid())
		return ANSWERER_OURSELVES;
	ended.fd = pidfd_open(owner.pid, 0);
	if (ended.fd == -1)
		return errno == ESRCH ? ANSWERER_ORPHAN : ANSWERER_UNKNOWN;
	if (poll(&ended, 1, 0) != -1)
		found = ended.revents != 0 ? ANSWERER_ORPHAN : ANSWERER_LIVES;
	(void)close(ended.fd);
	return found;
}

static enum answerer
look_who_answers(const char *path)
{
	const struct sockaddr_un address = socket_file_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	enum answerer found = ANSWERER_ERROR;

	if (fd == -1)
		return ANSWERER_ERROR;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		found = look_at_owner(fd);
	else if (errno == EAGAIN)
		found = ANSWERER_UNKNOWN;
	else if (errno == ECONNREFUSED || errno == ENOENT)
		found = ANSWERER_NONE;
	(void)close(fd);
	return found;
}

bool
socket_have_patience(int64_t *since, int64_t most)
{
	struct timespec now;
	int64_t now_ms;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (*since == 0)
		*since = now_ms;
	if (now_ms - *since >= most)
		return false;
	(void)poll(NULL, 0, LOOK_MS);
	return true;
}

/* One look. True: the way is free, or (*again) it may be soon. */
static bool
try_way(const struct socket_place *place, const char *path, int64_t *since, bool *again,
    char *error)
{
	enum answerer found;
	struct stat there;

	*again = false;
	if (lstat(path, &there) != 0)
		return errno == ENOENT || socket_fail(place, errno, error);
	if (!S_ISSOCK(there.st_mode))
		return socket_say(error, "socket", path,
		    "something else has that name");
	found = look_who_answers(path);
	if (found == ANSWERER_ERROR)
		return socket_fail(place, errno, error);
	if (found == ANSWERER_NONE)
		return unlink(path) == 0 || errno == ENOENT ||
		    socket_say(error, "cannot remove the stale socket", path,
		    strerror(errno));
	/* One that lives may have been told to end a moment ago. */
	*again = found != ANSWERER_OURSELVES && socket_have_patience(since,
	    found == ANSWERER_ORPHAN ? ORPHAN_MS :
	    found == ANSWERER_LIVES ? LIVES_MS : SOCKET_UNKNOWN_MS);
	if (found == ANSWERER_OURSELVES)
		return socket_say(error, place->cannot, path,
		    "another line of the settings is the same socket");
	return *again || socket_fail(place, EADDRINUSE, error);
}

bool
socket_file_clear(const struct socket_place *place, char *error)
{
	const char *path = settings_unix_path(place->address);
	int64_t since = 0;
	bool again, free;

	do {
		free = try_way(place, path, &since, &again, error);
	} while (free && again);
	return free;
}

bool
socket_file_give(struct socket_file *file, const struct socket_place *place, char *error)
{
	const char *path = settings_unix_path(place->address);
	uid_t owner = place->identity->change ? place->identity->uid : (uid_t)-1;
	gid_t group = place->identity->change || place->chosen ? place->group : (gid_t)-1;
	bool given = false;
	struct stat made;

	if (lchown(path, owner, group) != 0)
		(void)socket_say(error, "cannot give away the socket", path,
		    strerror(errno));
	else if (chmod(path, place->mode) != 0)
		(void)socket_say(error, "cannot set the mode of the socket", path,
		    strerror(errno));
	else if (lstat(path, &made) != 0)
		(void)socket_say(error, "socket", path, strerror(errno));
	else
		given = true;
	if (given) {
		file->path = path;
		file->device = made.st_dev;
		file->inode = made.st_ino;
	} else {
		(void)unlink(path);
	}
	return given;
}

bool
socket_file_is_there(const struct socket_file *file)
{
	struct stat now;

	return lstat(file->path, &now) == 0 && S_ISSOCK(now.st_mode) &&
	    now.st_dev == file->device && now.st_ino == file->inode;
}

int
socket_file_listen(struct socket_file *file, const struct socket_place *place,
    int backlog, char *error)
{
	const struct sockaddr_un address =
	    socket_file_address(settings_unix_path(place->address));
	mode_t before;
	int fd;

	if (!socket_file_clear(place, error))
		return -1;
	before = umask(0777);
	fd = settings_listen_at((const struct sockaddr *)&address, sizeof(address), backlog);
	(void)umask(before);
	if (fd == -1) {
		(void)socket_fail(place, errno, error);
		return -1;
	}
	if (socket_file_give(file, place, error))
		return fd;
	(void)close(fd);
	return -1;
}
