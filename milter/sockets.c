/*
 * sockets.c - what the daemon listens on: for the MTA, the policy service, metrics.
 *
 * <syslog.h> is not included: with _FORTIFY_SOURCE it defines syslog() itself.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/sockets.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/*
 * Seconds that a connection may be idle. Between DATA and the end of a message the
 * MTA is silent towards us for as long as its client takes to send it (Postfix
 * passes the content on afterwards), so this is long on purpose.
 */
#define IDLE_SECONDS 7210

#define CANNOT_SERVE "cannot listen for the policy service on"
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

/* Whether somebody answers there: 1 yes, 0 nobody, -1 with errno. */
static int
somebody_answers(const char *path)
{
	const struct sockaddr_un address = unix_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result = -1;

	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
	    errno == EAGAIN)
		result = 1;
	else if (errno == ECONNREFUSED || errno == ENOENT)
		result = 0;
	(void)close(fd);
	return result;
}

static bool
make_way(const char *path, char *error)
{
	struct stat found;

	if (lstat(path, &found) != 0)
		return errno == ENOENT ||
		    sockets_fail(error, "socket", path, strerror(errno));
	if (!S_ISSOCK(found.st_mode))
		return sockets_fail(error, "socket", path,
		    "something else has that name");
	switch (somebody_answers(path)) {
	case 1:
		return sockets_fail(error, "socket", path,
		    "in use: another program answers on it");
	case 0:
		return unlink(path) == 0 || errno == ENOENT ||
		    sockets_fail(error, "cannot remove the stale socket", path,
		    strerror(errno));
	default:
		return sockets_fail(error, "socket", path, strerror(errno));
	}
}

/*
 * Sets owner, group and mode of a socket that was made without any permission, and
 * notes which file it is. Where that fails the file goes.
 */
static bool
give_away(struct socket_file *file, const char *path, const struct settings *settings,
    const struct identity *identity, char *error)
{
	uid_t owner = identity->change ? identity->uid : (uid_t)-1;
	bool given = false;

	if ((identity->change || settings->socket_group != NULL) &&
	    lchown(path, owner, identity->socket_gid) != 0)
		(void)sockets_fail(error, "cannot give away the socket", path,
		    strerror(errno));
	else if (chmod(path, settings->socket_mode) != 0)
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
	for (size_t i = 0; i < SOCKETS_FILES; i++)
		if (sockets->files[i].path != NULL && !is_there(&sockets->files[i]))
			return sockets->files[i].path;
	return NULL;
}

void
sockets_remove(const struct sockets *sockets)
{
	for (size_t i = 0; i < SOCKETS_FILES; i++)
		if (sockets->files[i].path != NULL && is_there(&sockets->files[i]))
			(void)unlink(sockets->files[i].path);
}

/* ------------------------------------------------------------------ *
 * Opening
 * ------------------------------------------------------------------ */

/* A socket that listens, or -1 with errno set. */
static int
listen_at(const struct sockaddr *address, socklen_t length, int backlog)
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

/* inet:port@host or inet6:port@host, as the settings write it. */
static int
listen_inet(const char *where, int backlog, const char *cannot, char *error)
{
	const char *port = strchr(where, ':'), *host = strchr(where, '@');
	struct addrinfo wanted = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char number[8];
	int result, fd;

	wanted.ai_family = strncmp(where, "inet6:", 6) == 0 ? AF_INET6 : AF_INET;
	if (port == NULL || host == NULL) {
		(void)sockets_fail(error, cannot, where, "that is no address");
		return -1;
	}
	(void)snprintf(number, sizeof(number), "%.*s", (int)(host - port - 1), port + 1);
	result = getaddrinfo(host + 1, number, &wanted, &found);
	if (result != 0) {
		(void)sockets_fail(error, cannot, where, gai_strerror(result));
		return -1;
	}
	fd = listen_at(found->ai_addr, found->ai_addrlen, backlog);
	if (fd == -1)
		(void)sockets_fail(error, cannot, where, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

/* Not even for a moment may somebody connect whom the mode keeps out. */
static int
listen_unix(struct socket_file *file, const char *path, const struct settings *settings,
    const struct identity *identity, char *error)
{
	const struct sockaddr_un address = unix_address(path);
	mode_t before;
	int fd;

	if (!make_way(path, error))
		return -1;
	before = umask(0777);
	fd = listen_at((const struct sockaddr *)&address, sizeof(address), BACKLOG);
	(void)umask(before);
	if (fd == -1) {
		(void)sockets_fail(error, CANNOT_SERVE, path, strerror(errno));
		return -1;
	}
	if (give_away(file, path, settings, identity, error))
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
	sockets_prepare_accept(log, settings->policy_service != NULL);
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

/* libmilter opens it; what libmilter does not look after is done here. */
static bool
open_milter(struct socket_file *file, const struct settings *settings,
    const struct identity *identity, char *error)
{
	const char *path = settings_unix_path(settings->listen);
	mode_t before;
	bool opened;

	if (path != NULL && !make_way(path, error))
		return false;
	if (!register_milter(settings))
		return sockets_fail(error, "cannot start", "libmilter",
		    "not enough memory");
	before = umask(path != NULL ? 0777 : 0077);
	opened = smfi_opensocket(false) == MI_SUCCESS;
	(void)umask(before);
	if (!opened)
		return sockets_fail(error, "cannot listen on", settings->listen,
		    "libmilter has said why");
	return path == NULL || give_away(file, path, settings, identity, error);
}

bool
sockets_open(struct sockets *sockets, const struct settings *settings,
    const struct identity *identity, struct log *log, char error[SOCKETS_ERROR_MAX])
{
	const char *path = settings_unix_path(settings->policy_service);

	prepare_descriptors(settings, log);
	if (!open_milter(&sockets->files[0], settings, identity, error))
		return false;
	words_go_to = log;
	if (path != NULL)
		sockets->service_fd = listen_unix(&sockets->files[1], path, settings,
		    identity, error);
	else if (settings->policy_service != NULL)
		sockets->service_fd = listen_inet(settings->policy_service, BACKLOG,
		    CANNOT_SERVE, error);
	if (settings->policy_service != NULL && sockets->service_fd == -1)
		goto fail;
	if (settings->metrics != NULL)
		sockets->metrics_fd = listen_inet(settings->metrics, METRICS_BACKLOG,
		    CANNOT_MEASURE, error);
	if (settings->metrics == NULL || sockets->metrics_fd != -1)
		return true;
fail:
	sockets_remove(sockets);
	return false;
}

void
sockets_close(struct sockets *sockets)
{
	words_go_to = NULL;
	sockets_prepare_accept(NULL, false);
	if (sockets->service_fd != -1)
		(void)close(sockets->service_fd);
	if (sockets->metrics_fd != -1)
		(void)close(sockets->metrics_fd);
	sockets->service_fd = -1;
	sockets->metrics_fd = -1;
}
