/*
 * doctor_pf_reach.c - whether Postfix reaches a socket: seen from its root, as its user.
 *
 * A relative path of a UNIX socket is below the queue directory, with a chroot and
 * without; an absolute one, with a chroot, is below that, too. A service runs as
 * mail_owner with all its groups (chroot_uid() of Postfix).
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/doctor_pf_reach.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/doctor_ours.h"
#include "base/netstring.h"

#define CONNECT_SECONDS 3

/* ------------------------------------------------------------------ *
 * Addresses
 * ------------------------------------------------------------------ */

const char *
pf_socket_path(const char *address)
{
	return strncmp(address, "unix:", 5) == 0 ? address + 5 :
	    strncmp(address, "local:", 6) == 0 ? address + 6 : NULL;
}

/* "inet:HOST:PORT" as libmilter has it. False: it is none. */
static bool
turn_round(const char *address, const char *family, char out[PF_PATH_MAX])
{
	const char *host = address + 5, *port = strrchr(address, ':');
	size_t length;

	if (strncmp(address, "inet:", 5) != 0 || port == address + 4 ||
	    strchr(address, '@') != NULL)
		return false;
	length = (size_t)(port - host);
	if (host[0] == '[' && length > 2) {
		host++;
		length -= 2;
	}
	(void)snprintf(out, PF_PATH_MAX, "%s:%s@%.*s", family, port + 1, (int)length, host);
	return true;
}

void
pf_real_path(const struct pf *pf, bool chroot, const char *path, char real[PF_PATH_MAX])
{
	const char *queue = pf_get(pf, NULL, "queue_directory");

	if (path[0] != '/')
		(void)snprintf(real, PF_PATH_MAX, "%s/%s", queue, path);
	else
		(void)snprintf(real, PF_PATH_MAX, "%s%s", chroot ? queue : "", path);
}

/*
 * The address as libmilter has it, with the path that it is for this host; of one of the
 * Internet there are two, by their family. False: it is none.
 */
static bool
as_libmilter(const struct pf *pf, bool chroot, const char *address, bool six,
    char out[PF_PATH_MAX])
{
	const char *path = pf_socket_path(address);
	char real[PF_PATH_MAX];

	if (path == NULL)
		return turn_round(address, six ? "inet6" : "inet", out);
	pf_real_path(pf, chroot, path, real);
	(void)snprintf(out, PF_PATH_MAX, "unix:%.4080s", real);
	return !six;
}

bool
pf_is_socket(const struct pf *pf, bool chroot, const char *address, const char *ours)
{
	char turned[PF_PATH_MAX];

	return (as_libmilter(pf, chroot, address, false, turned) &&
	    doctor_same_socket(ours, turned)) ||
	    (as_libmilter(pf, chroot, address, true, turned) &&
	    doctor_same_socket(ours, turned));
}

const char *
pf_listen(const struct pf *pf, size_t number)
{
	const struct settings_listen *listen = &pf->doctor->loaded.settings->listen;

	return number < listen->count ? listen->address[number] : NULL;
}

const char *
pf_ours(const struct pf *pf, bool chroot, const char *address)
{
	const struct settings *settings = pf->doctor->loaded.settings;
	const char *ours = NULL;
	char turned[PF_PATH_MAX];

	if (as_libmilter(pf, chroot, address, false, turned))
		ours = doctor_listen_of(settings, turned);
	if (ours == NULL && as_libmilter(pf, chroot, address, true, turned))
		ours = doctor_listen_of(settings, turned);
	return ours;
}

bool
pf_write_address(const struct pf *pf, bool chroot, const char *ours,
    char address[PF_PATH_MAX])
{
	const char *queue = pf_get(pf, NULL, "queue_directory");
	const char *path = doctor_socket_path(ours), *at = strchr(ours, '@');
	size_t length = strlen(queue);
	bool six = strncmp(ours, "inet6:", 6) == 0;
	const char *port = strchr(ours, ':');

	if (path != NULL && strncmp(path, queue, length) == 0 && path[length] == '/')
		(void)snprintf(address, PF_PATH_MAX, "unix:%s", path + length + 1);
	else if (path != NULL)
		(void)snprintf(address, PF_PATH_MAX, "unix:%s", path);
	else if (port != NULL && at != NULL && strcmp(at + 1, "0.0.0.0") == 0)
		(void)snprintf(address, PF_PATH_MAX, "inet:127.0.0.1:%.*s",
		    (int)(at - port - 1), port + 1);
	else if (port != NULL && at != NULL)
		(void)snprintf(address, PF_PATH_MAX, "inet:%s%s%s:%.*s", six ? "[" : "",
		    six && strcmp(at + 1, "::") == 0 ? "::1" : at + 1, six ? "]" : "",
		    (int)(at - port - 1), port + 1);
	return path == NULL || !chroot || strncmp(address + 5, "/", 1) != 0;
}

/* ------------------------------------------------------------------ *
 * As its user
 * ------------------------------------------------------------------ */

/* Becomes the user, in that root. False with errno. */
static bool
become_mail_owner(const char *user, const char *root)
{
	const struct passwd *entry = getpwnam(user);

	if (entry == NULL)
		return errno = ENOENT, false;
	if (geteuid() != 0)
		return true;
	return initgroups(user, entry->pw_gid) == 0 &&
	    (root == NULL || (chdir(root) == 0 && chroot(root) == 0)) &&
	    setgid(entry->pw_gid) == 0 && setuid(entry->pw_uid) == 0;
}

/* A question over a connection, and where its answer goes. */
struct map_question {
	const char *text;	/* NULL: none is asked */
	int reply;		/* a pipe */
};

/* Asks, with what the connection and the pipe take at once. */
static void
ask_over(int fd, const struct map_question *question)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char text[PF_REPLY_MAX];
	int length = snprintf(text, sizeof(text), "%zu:%s,", strlen(question->text),
	    question->text);
	ssize_t got;

	if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length ||
	    poll(&poll_fd, 1, CONNECT_SECONDS * 1000) != 1)
		return;
	got = recv(fd, text, sizeof(text), 0);
	if (got > 0)
		(void)!write(question->reply, text, (size_t)got);
}

/* Connects. Returns 0 or errno. */
static int
connect_to(const struct sockaddr *address, socklen_t length,
    const struct map_question *question)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof(error);

	if (fd == -1)
		return errno;
	if (connect(fd, address, length) == -1)
		error = errno;
	if (error == EINPROGRESS && (poll(&poll_fd, 1, CONNECT_SECONDS * 1000) != 1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1))
		error = ETIMEDOUT;
	if (error == 0 && question->text != NULL)
		ask_over(fd, question);
	(void)close(fd);
	/* A full queue is one that somebody takes from. */
	return error == EAGAIN ? 0 : error;
}

static int
connect_to_path(const char *path, const struct map_question *question)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat status;

	if (strlen(path) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	(void)strcpy(address.sun_path, path);
	if (stat(path, &status) == -1)
		return errno;
	if (!S_ISSOCK(status.st_mode))
		return ENOTSOCK;
	return connect_to((const struct sockaddr *)&address, sizeof(address), question);
}

static int
connect_to_host(const char *turned, const struct map_question *question)
{
	struct addrinfo *found = NULL;
	int error = EHOSTUNREACH;

	if (settings_look_up(turned, &found) == NULL)
		for (const struct addrinfo *each = found; each != NULL && error != 0;
		    each = each->ai_next)
			error = connect_to(each->ai_addr, each->ai_addrlen, question);
	if (found != NULL)
		freeaddrinfo(found);
	return error;
}

static int
try_path(const struct pf *pf, bool chroot, const char *path,
    const struct map_question *question)
{
	const char *queue = pf_get(pf, NULL, "queue_directory");
	bool root = geteuid() == 0;
	char real[PF_PATH_MAX];

	if (!become_mail_owner(pf_get(pf, NULL, "mail_owner"), chroot && root ? queue : NULL))
		return errno;
	if (chroot && root)
		return chdir("/") == 0 ? connect_to_path(path, question) : errno;
	if (path[0] != '/')
		return chdir(queue) == 0 ? connect_to_path(path, question) : errno;
	pf_real_path(pf, chroot, path, real);
	return connect_to_path(real, question);
}

static int
try_address(const struct pf *pf, bool chroot, const char *address,
    const struct map_question *question)
{
	const char *path = pf_socket_path(address);
	char text[PF_PATH_MAX];

	if (path != NULL)
		return try_path(pf, chroot, path, question);
	if (turn_round(address, "inet", text) && connect_to_host(text, question) == 0)
		return 0;
	return turn_round(address, "inet6", text) ? connect_to_host(text, question) : EINVAL;
}

/* In a process of its own, for what it becomes it stays. */
static int
try_apart(const struct pf *pf, bool chroot, const char *address,
    const struct map_question *question)
{
	int status = 0;
	pid_t child = fork();

	if (child == -1)
		return errno;
	if (child == 0) {
		(void)alarm(3 * CONNECT_SECONDS);
		_exit(try_address(pf, chroot, address, question));
	}
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ETIMEDOUT;
}

/*
 * Connects as the user that Postfix becomes, in its root, where this process is root's;
 * else as whoever this is. Returns 0, or the errno of what failed; ENOTSOCK is a file of
 * another kind. Nothing is sent.
 */
static int
reach_socket(const struct pf *pf, bool chroot, const char *address)
{
	const struct map_question none = { .text = NULL };

	return try_apart(pf, chroot, address, &none);
}

bool
pf_ask_map(const struct pf *pf, bool chroot, const char *address, const char *question,
    char reply[PF_REPLY_MAX])
{
	struct netstring answer = { .length = 0 };
	int fds[2];
	ssize_t got = 0;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return false;
	if (try_apart(pf, chroot, address,
	    &(struct map_question){ question, fds[1] }) == 0 && close(fds[1]) == 0)
		got = read(fds[0], reply, PF_REPLY_MAX - 1);
	else
		(void)close(fds[1]);
	(void)close(fds[0]);
	if (got > 0)
		(void)netstring_feed(&answer, PF_REPLY_MAX, reply, (size_t)got);
	(void)snprintf(reply, PF_REPLY_MAX, "%s", answer.state == NETSTRING_COMPLETE ?
	    answer.string.text : "what is no reply");
	netstring_clear(&answer);
	return got > 0;
}

/* Whether the user may do that with what has these owners and this mode. */
static bool
is_granted(const struct passwd *user, const struct stat *status, mode_t wanted)
{
	gid_t groups[256];
	int count = sizeof(groups) / sizeof(groups[0]);

	if (status->st_uid == user->pw_uid)
		return (status->st_mode >> 6 & wanted) == wanted;
	if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) == -1)
		count = 0;
	for (int i = 0; i < count; i++)
		if (groups[i] == status->st_gid)
			return (status->st_mode >> 3 & wanted) == wanted;
	return (status->st_mode & wanted) == wanted;
}

/* The folder, or the socket itself, that denies that user the way to it. False: none. */
static bool
find_denial(const struct pf *pf, const char *real, char denies[PF_PATH_MAX])
{
	const struct passwd *user = getpwnam(pf_get(pf, NULL, "mail_owner"));
	struct stat status;

	for (const char *slash = real; user != NULL && slash != NULL;) {
		slash = strchr(slash + 1, '/');
		(void)snprintf(denies, PF_PATH_MAX, "%.*s",
		    slash != NULL ? (int)(slash - real) : (int)strlen(real), real);
		if (stat(denies, &status) == 0 &&
		    !is_granted(user, &status, slash != NULL ? 1 : 2))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ *
 * What is said of it
 * ------------------------------------------------------------------ */

static void
say_denied(const struct pf *pf, const struct pf_service *owner, const char *id,
    const char *what, const char *address, const char *real, const char *denies)
{
	const char *user = pf_get(pf, NULL, "mail_owner");
	bool socket = strcmp(denies, real) == 0;

	pf_say(pf, owner, DOCTOR_FAULT, id, "%s %s cannot be reached by %s, as whom Postfix "
	    "runs: %s does not let it %s", what, address, user, denies,
	    socket ? "connect" : "through");
	if (socket)
		doctor_fix(pf->doctor, "%s: socket-group %s, and socket-mode 0660, then start the "
		    "daemon again", pf->doctor->loaded.settings_path, user);
	else
		doctor_fix(pf->doctor, "chgrp %s %s && chmod g+x %s", user, denies, denies);
}

void
pf_check_socket(const struct pf *pf, const struct pf_service *owner, bool chroot,
    const char *id, const char *what, const char *address)
{
	const char *path = pf_socket_path(address);
	char real[PF_PATH_MAX] = "", denies[PF_PATH_MAX];
	int error = reach_socket(pf, chroot, address);

	if (path != NULL)
		pf_real_path(pf, chroot, path, real);
	if (path != NULL && (error == 0 || error == EACCES) &&
	    find_denial(pf, real, denies)) {
		say_denied(pf, owner, id, what, address, real, denies);
		return;
	}
	if (path != NULL && getpwnam(pf_get(pf, NULL, "mail_owner")) == NULL) {
		pf_say(pf, NULL, DOCTOR_FAULT, "postfix", "mail_owner = %s: there is no such user",
		    pf_get(pf, NULL, "mail_owner"));
		return;
	}
	if (error == EACCES && geteuid() != 0) {
		pf_say(pf, owner, DOCTOR_WARNING, id, "%s %s cannot be tried by this user", what,
		    address);
		doctor_fix(pf->doctor, "run tlsward doctor as root");
		return;
	}
	if (error == 0) {
		pf_say(pf, owner, DOCTOR_OK, id, "%s %s is there, and %s, as whom Postfix runs, "
		    "reaches it", what, address, pf_get(pf, NULL, "mail_owner"));
		return;
	}
	pf_say(pf, owner, DOCTOR_FAULT, id, "%s %s%s%s %s", what, address,
	    path != NULL ? ", which is " : "", real,
	    error == ENOENT ? "is not there" :
	    error == ENOTSOCK ? "is something else, and not a socket" :
	    error == ECONNREFUSED ? "is not listened on" : strerror(error));
	doctor_fix(pf->doctor, "start the daemon (systemctl start tlsward), or see why it does "
	    "not start: tlsward-milter -t -c %s", pf->doctor->loaded.settings_path);
}
