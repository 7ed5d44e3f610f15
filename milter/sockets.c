/*
 * sockets.c - what the daemon listens on.
 *
 * <syslog.h> is not included: with _FORTIFY_SOURCE it defines syslog() itself.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/diag.h"
#include "milter/callbacks.h"
#include "milter/descriptors.h"

/*
 * Connections waiting to be accepted: an MTA opens one for each client, all at
 * once after a pause; one that finds no room is an MTA without a milter. The
 * kernel cuts it to net.core.somaxconn.
 */
#define BACKLOG 4096
#define METRICS_BACKLOG 64

/* Which of the files is the control socket's. */
#define CONTROL_FILE 3

/*
 * Seconds that a connection may be idle. Between DATA and the end of a message the
 * MTA is silent towards us for as long as its client takes to send it (Postfix
 * passes the content on afterwards), so this is long on purpose.
 */
#define IDLE_SECONDS 7210

/* libmilter's socket is among the first ones; a start has hardly any others. */
#define FILES_LOOKED_AT 1024

/*
 * How often, and for how long at most, a start looks whether an address becomes free: of
 * a dead daemon, whose worker ends as soon as it sees that, and of nobody knows whom.
 */
#define LOOK_MS 50
#define ORPHAN_MS 15000
#define UNKNOWN_MS 5000
#define LIVES_MS 2000

#define CANNOT_LISTEN "cannot listen on"
#define CANNOT_SERVE "cannot listen for the policy service on"
#define CANNOT_MAP "cannot listen for the TLS policy map on"
#define CANNOT_CONTROL "cannot listen for tlsward status and reload on"
#define CANNOT_FIND "cannot look up the service of tls-policy-next"
#define CANNOT_MEASURE "cannot listen for metrics on"

static bool
sockets_fail(char *error, const char *what, const char *path, const char *why)
{
	(void)snprintf(error, SOCKETS_ERROR_MAX, "%s %s: %s", what, path, why);
	return false;
}

/* ------------------------------------------------------------------ *
 * What libmilter has to say
 *
 * It speaks through syslog(3) alone. That would block its threads, and with them
 * mail, when the system's log does not read; and "cannot bind" would be seen where
 * nobody who starts a daemon looks. So this program has a syslog() of its own,
 * which stands before the C library's. Whoever may connect can make libmilter speak:
 * a line of a kind comes once a minute.
 * ------------------------------------------------------------------ */

/* The numbers of RFC 5424, section 6.2.1. */
enum { PRIORITY_MASK = 7, PRIORITY_ERROR = 3, PRIORITY_WARNING = 4 };

/* NULL: standard error. Set before threads start. */
static struct log *words_go_to;

/* What libmilter has to say is of some 80 kinds; its formats are constants. */
#define KINDS 128

static struct {
	const char *_Atomic format;
	struct limiter limiter;
} kinds[KINDS + 1];

/* The limiter of a kind of line; those that find no place share the last one. */
static struct limiter *
limiter_of(const char *format)
{
	size_t i;

	for (i = 0; i < KINDS; i++) {
		const char *there = NULL;

		if (atomic_compare_exchange_strong(&kinds[i].format, &there, format) ||
		    there == format)
			break;
	}
	return &kinds[i].limiter;
}

void syslog(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void __syslog_chk(int priority, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void __attribute__((format(printf, 2, 0)))
say_words(int priority, const char *format, va_list arguments)
{
	int level = priority & PRIORITY_MASK;
	enum severity severity = level <= PRIORITY_ERROR ? SEVERITY_ERROR :
	    level == PRIORITY_WARNING ? SEVERITY_WARNING : SEVERITY_INFO;
	char text[1024];

	(void)vsnprintf(text, sizeof(text), format, arguments);
	if (words_go_to != NULL)
		log_limited(words_go_to, limiter_of(format), severity, "libmilter: %s",
		    text);
	else
		log_message(NULL, severity, "libmilter: %s", text);
}

void
syslog(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_words(priority, format, arguments);
	va_end(arguments);
}

void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	va_start(arguments, format);
	say_words(priority, format, arguments);
	va_end(arguments);
}

/* ------------------------------------------------------------------ *
 * The file of a UNIX socket
 * ------------------------------------------------------------------ */

/* The settings have seen to the length of a path. */
static struct sockaddr_un
unix_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

/* Who answers on a UNIX socket. */
enum answerer {
	ANSWERER_NONE,
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
	const struct sockaddr_un address = unix_address(path);
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

/* Waits a little. False: long enough since *since (0: it begins), in milliseconds. */
static bool
have_patience(int64_t *since, int64_t most)
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
try_way(const char *path, int64_t *since, bool *again, char *error)
{
	enum answerer found;
	struct stat there;

	*again = false;
	if (lstat(path, &there) != 0)
		return errno == ENOENT ||
		    sockets_fail(error, "socket", path, strerror(errno));
	if (!S_ISSOCK(there.st_mode))
		return sockets_fail(error, "socket", path,
		    "something else has that name");
	found = look_who_answers(path);
	if (found == ANSWERER_ERROR)
		return sockets_fail(error, "socket", path, strerror(errno));
	if (found == ANSWERER_NONE)
		return unlink(path) == 0 || errno == ENOENT ||
		    sockets_fail(error, "cannot remove the stale socket", path,
		    strerror(errno));
	/* One that lives may have been told to end a moment ago. */
	*again = have_patience(since, found == ANSWERER_ORPHAN ? ORPHAN_MS :
	    found == ANSWERER_LIVES ? LIVES_MS : UNKNOWN_MS);
	return *again || sockets_fail(error, "socket", path,
	    "in use: another program answers on it");
}

static bool
make_way(const char *path, char *error)
{
	int64_t since = 0;
	bool again, free;

	do {
		free = try_way(path, &since, &again, error);
	} while (free && again);
	return free;
}

/* Whose a socket is, and who may connect to it. */
struct permissions {
	uid_t owner;			/* -1: as it is; so with the group */
	gid_t group;
	mode_t mode;
};

/* Of a socket for the MTA. */
static struct permissions
permissions_of_mta(const struct settings *settings, const struct identity *identity)
{
	bool group = identity->change || settings->socket_group != NULL;

	return (struct permissions){
		.owner = identity->change ? identity->uid : (uid_t)-1,
		.group = group ? identity->socket_gid : (gid_t)-1,
		.mode = settings->socket_mode
	};
}

/*
 * Sets owner, group and mode of a socket that was made without any permission, and
 * notes which file it is. Where that fails the file goes.
 */
static bool
give_away(struct socket_file *file, const char *path,
    const struct permissions *permissions, char *error)
{
	bool given = false;

	if (lchown(path, permissions->owner, permissions->group) != 0)
		(void)sockets_fail(error, "cannot give away the socket", path,
		    strerror(errno));
	else if (chmod(path, permissions->mode) != 0)
		(void)sockets_fail(error, "cannot set the mode of the socket", path,
		    strerror(errno));
	else if (lstat(path, &file->made) != 0)
		(void)sockets_fail(error, "socket", path, strerror(errno));
	else
		given = true;
	if (given)
		file->path = path;
	else
		(void)unlink(path);
	return given;
}

static bool
is_there(const struct socket_file *file)
{
	struct stat now;

	return lstat(file->path, &now) == 0 && S_ISSOCK(now.st_mode) &&
	    now.st_dev == file->made.st_dev && now.st_ino == file->made.st_ino;
}

const char *
sockets_lost(const struct sockets *sockets)
{
	for (size_t i = 0; i < SOCKETS_FILES; i++) {
		const struct socket_file *file = &sockets->files[i];

		if (file->path != NULL && !file->spare && !is_there(file))
			return file->path;
	}
	return NULL;
}

void
sockets_remove(struct sockets *sockets)
{
	for (size_t i = 0; i < SOCKETS_FILES; i++) {
		struct socket_file *file = &sockets->files[i];

		if (file->path != NULL && is_there(file))
			(void)unlink(file->path);
		file->path = NULL;
	}
}

/* ------------------------------------------------------------------ *
 * Opening
 * ------------------------------------------------------------------ */

/* As settings_listen_at(); one that is in use may be a dead daemon's: it is waited for. */
static int
await_listen_at(const struct sockaddr *address, socklen_t length, int backlog)
{
	int64_t since = 0;
	int fd;

	do {
		fd = settings_listen_at(address, length, backlog);
	} while (fd == -1 && errno == EADDRINUSE && have_patience(&since, UNKNOWN_MS));
	return fd;
}

/* inet:port@host or inet6:port@host, as the settings write it. */
static int
listen_inet(const char *where, int backlog, const char *cannot, char *error)
{
	struct addrinfo *found;
	const char *why = settings_look_up(where, &found);
	int fd;

	if (why != NULL) {
		(void)sockets_fail(error, cannot, where, why);
		return -1;
	}
	fd = await_listen_at(found->ai_addr, found->ai_addrlen, backlog);
	if (fd == -1)
		(void)sockets_fail(error, cannot, where, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

/* Not even for a moment may somebody connect whom the mode keeps out. */
static int
listen_unix(struct socket_file *file, const char *path,
    const struct permissions *permissions, const char *cannot, char *error)
{
	const struct sockaddr_un address = unix_address(path);
	mode_t before;
	int fd;

	if (!make_way(path, error))
		return -1;
	before = umask(0777);
	fd = settings_listen_at((const struct sockaddr *)&address, sizeof(address), BACKLOG);
	(void)umask(before);
	if (fd == -1) {
		(void)sockets_fail(error, cannot, path, strerror(errno));
		return -1;
	}
	if (give_away(file, path, permissions, error))
		return fd;
	(void)close(fd);
	return -1;
}

static void
prepare_descriptors(const struct settings *settings, struct log *log)
{
	size_t limit;

	descriptors_raise();
	limit = descriptors_limit();
	sockets_prepare_accept(log, (settings->policy_service != NULL ? 1u : 0) +
	    (settings->tls_policy_map != NULL ? 1u : 0));
	if (limit < DESCRIPTORS_LOW)
		log_message(log, SEVERITY_WARNING, "only %zu files may be open at a time,"
		    " and each connection of the MTA is one: allow %d or more"
		    " (LimitNOFILE=, ulimit -n)", limit, DESCRIPTORS_LOW);
}

static bool
register_milter(const struct settings *settings)
{
	return smfi_register(callbacks_description()) == MI_SUCCESS &&
	    smfi_setconn(settings->listen) == MI_SUCCESS &&
	    smfi_setbacklog(BACKLOG) == MI_SUCCESS &&
	    smfi_settimeout(IDLE_SECONDS) == MI_SUCCESS;
}

/* Whether libmilter will be able to bind it: it would not wait for that. */
static bool
await_way(const struct settings *settings, char *error)
{
	const char *path = settings_unix_path(settings->listen);
	int fd;

	if (path != NULL)
		return make_way(path, error);
	fd = listen_inet(settings->listen, 0, CANNOT_LISTEN, error);
	if (fd != -1)
		(void)close(fd);
	return fd != -1;
}

static bool
is_listening(int fd)
{
	int on = 0;
	socklen_t length = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &length) == 0 && on != 0;
}

/* Has libmilter open its socket. Returns it, or -1: libmilter does not tell which it is. */
static int
open_unknown(void)
{
	bool before[FILES_LOOKED_AT];
	int fd = 0;

	for (int i = 0; i < FILES_LOOKED_AT; i++)
		before[i] = is_listening(i);
	if (smfi_opensocket(false) != MI_SUCCESS)
		return -1;
	while (fd < FILES_LOOKED_AT && (before[fd] || !is_listening(fd)))
		fd++;
	return fd < FILES_LOOKED_AT &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) == 0 ? fd : -1;
}

/* libmilter opens it; what libmilter does not look after is done here. */
static bool
open_milter(struct sockets *sockets, const struct settings *settings,
    const struct permissions *permissions, char *error)
{
	const char *path = settings_unix_path(settings->listen);
	mode_t before;

	if (!await_way(settings, error))
		return false;
	if (!register_milter(settings))
		return sockets_fail(error, "cannot start", "libmilter",
		    "not enough memory");
	before = umask(path != NULL ? 0777 : 0077);
	sockets->milter_fd = open_unknown();
	(void)umask(before);
	if (sockets->milter_fd == -1)
		return sockets_fail(error, CANNOT_LISTEN, settings->listen,
		    "libmilter has said why");
	return path == NULL ||
	    give_away(&sockets->files[0], path, permissions, error);
}

/* Notes whom the TLS policy map asks: nothing can be looked up later. */
static bool
keep_next(struct sockets *sockets, const void *address, unsigned length)
{
	sockets->next = malloc(length);
	if (sockets->next == NULL)
		return false;
	memcpy(sockets->next, address, length);
	sockets->next_length = length;
	return true;
}

static bool
find_next(struct sockets *sockets, const char *where, char *error)
{
	const char *path = settings_unix_path(where), *why;
	const struct sockaddr_un address = unix_address(path != NULL ? path : "");
	struct addrinfo *found;
	bool kept;

	if (where == NULL)
		return true;
	if (path != NULL) {
		kept = keep_next(sockets, &address, sizeof(address));
	} else {
		if ((why = settings_look_up(where, &found)) != NULL)
			return sockets_fail(error, CANNOT_FIND, where, why);
		kept = keep_next(sockets, found->ai_addr, found->ai_addrlen);
		freeaddrinfo(found);
	}
	return kept || sockets_fail(error, CANNOT_FIND, where, "not enough memory");
}

/* Nobody's mail depends on it: what nobody has set may be missing. */
static bool
open_control(struct sockets *sockets, const struct settings *settings,
    const struct identity *identity, char *error)
{
	const char *path = settings_unix_path(settings->control);
	size_t length;
	const struct permissions permissions = {
		.owner = identity->change ? identity->uid : (uid_t)-1,
		.group = identity->change ? identity->gid : (gid_t)-1,
		.mode = 0660
	};
	struct socket_file *file = &sockets->files[CONTROL_FILE];

	if (path == NULL)
		return true;
	file->spare = settings->set_at[SETTING_control].line == 0;
	sockets->control_fd = listen_unix(file, path, &permissions, CANNOT_CONTROL, error);
	if (sockets->control_fd != -1 || !file->spare)
		return sockets->control_fd != -1;
	length = strlen(error);
	(void)snprintf(error + length, SOCKETS_ERROR_MAX - length, ": tlsward status and "
	    "reload cannot ask this daemon; \"control unix:/path\" names another place, and "
	    "\"control none\" does without");
	return true;
}

bool
sockets_open(struct sockets *sockets, const struct settings *settings,
    const struct identity *identity, struct log *log, char error[SOCKETS_ERROR_MAX])
{
	const struct {
		int *fd;
		const char *address, *cannot;
		int backlog;
	} others[] = {
		{ &sockets->service_fd, settings->policy_service, CANNOT_SERVE, BACKLOG },
		{ &sockets->map_fd, settings->tls_policy_map, CANNOT_MAP, BACKLOG },
		{ &sockets->metrics_fd, settings->metrics, CANNOT_MEASURE, METRICS_BACKLOG },
	};

	const struct permissions permissions = permissions_of_mta(settings, identity);

	error[0] = '\0';
	prepare_descriptors(settings, log);
	if (!find_next(sockets, settings->tls_policy_next, error))
		return false;
	if (!open_milter(sockets, settings, &permissions, error))
		return false;
	words_go_to = log;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const char *path = settings_unix_path(others[i].address);

		if (others[i].address == NULL)
			continue;
		*others[i].fd = path == NULL ? listen_inet(others[i].address,
		    others[i].backlog, others[i].cannot, error) :
		    listen_unix(&sockets->files[i + 1], path, &permissions,
		    others[i].cannot, error);
		if (*others[i].fd == -1) {
			sockets_remove(sockets);
			return false;
		}
	}
	if (open_control(sockets, settings, identity, error))
		return true;
	sockets_remove(sockets);
	return false;
}

void
sockets_own(const struct sockets *sockets)
{
	const int fds[SOCKETS_FILES] = { sockets->milter_fd, sockets->service_fd,
	    sockets->map_fd, sockets->control_fd };

	for (size_t i = 0; i < SOCKETS_FILES; i++)
		if (sockets->files[i].path != NULL)
			(void)listen(fds[i], BACKLOG);
}

/*
 * Shutting libmilter's down would end libmilter at once, with all sessions. The library
 * that metrics have does not see that its socket is none any more.
 */
void
sockets_stop(const struct sockets *sockets, int quiet, bool for_all)
{
	(void)dup3(quiet, sockets->milter_fd, O_CLOEXEC);
	if (!for_all)
		return;
	if (sockets->service_fd != -1)
		(void)shutdown(sockets->service_fd, SHUT_RDWR);
	if (sockets->map_fd != -1)
		(void)shutdown(sockets->map_fd, SHUT_RDWR);
	if (sockets->control_fd != -1)
		(void)shutdown(sockets->control_fd, SHUT_RDWR);
	if (sockets->metrics_fd != -1) {
		(void)shutdown(sockets->metrics_fd, SHUT_RDWR);
		(void)dup3(quiet, sockets->metrics_fd, O_CLOEXEC);
	}
}

static void
close_one(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

void
sockets_close(struct sockets *sockets)
{
	words_go_to = NULL;
	sockets_prepare_accept(NULL, 0);
	close_one(&sockets->milter_fd);
	close_one(&sockets->service_fd);
	close_one(&sockets->map_fd);
	close_one(&sockets->control_fd);
	close_one(&sockets->metrics_fd);
	free(sockets->next);
	sockets->next = NULL;
}
