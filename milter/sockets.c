/*
 * sockets.c - what the daemon listens on.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
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
#define CONTROL_BACKLOG 64

/* Whose the files are, behind those of the milter. */
enum {
	SERVICE_FILE = SETTINGS_LISTEN_MAX, MAP_FILE, CONTROL_FILE
};

/*
 * Seconds that a connection may be idle. Between DATA and the end of a message the
 * MTA is silent towards us for as long as its client takes to send it (Postfix
 * passes the content on afterwards), so this is long on purpose.
 */
#define IDLE_SECONDS 7210

/* libmilter's socket is among the first ones; a start has hardly any others. */
#define FILES_LOOKED_AT 1024

#define CANNOT_LISTEN "cannot listen on"
#define CANNOT_SERVE "cannot listen for the policy service on"
#define CANNOT_MAP "cannot listen for the TLS policy map on"
#define CANNOT_CONTROL "cannot listen for tlsward status and reload on"
#define CANNOT_FIND "cannot look up the service of tls-policy-next"
#define CANNOT_MEASURE "cannot listen for metrics on"

/* What all that is opened needs, and where the reason goes that something is not. */
struct opening {
	struct sockets *sockets;
	const struct settings *settings;
	const struct identity *identity;
	char *error;
};

const char *
sockets_lost(const struct sockets *sockets)
{
	for (size_t i = 0; i < SOCKETS_FILES; i++) {
		const struct socket_file *file = &sockets->files[i];

		if (file->path != NULL && !file->spare && !socket_file_is_there(file))
			return file->path;
	}
	return NULL;
}

void
sockets_remove(struct sockets *sockets)
{
	for (size_t i = 0; i < SOCKETS_FILES; i++) {
		struct socket_file *file = &sockets->files[i];

		if (file->path != NULL && socket_file_is_there(file))
			(void)unlink(file->path);
		file->path = NULL;
	}
}

/* ------------------------------------------------------------------ *
 * Opening
 * ------------------------------------------------------------------ */

/* Of a socket for the MTA. */
static struct socket_place
place_for_mta(const struct opening *opening, const char *address, const char *cannot)
{
	return (struct socket_place){
		.address = address, .cannot = cannot, .identity = opening->identity,
		.group = opening->identity->socket_gid,
		.chosen = opening->settings->socket_group != NULL,
		.mode = opening->settings->socket_mode
	};
}

/* As settings_listen_at(); one that is in use may be a dead daemon's: it is waited for. */
static int
await_listen_at(const struct sockaddr *address, socklen_t length, int backlog)
{
	int64_t since = 0;
	int fd;

	do {
		fd = settings_listen_at(address, length, backlog);
	} while (fd == -1 && errno == EADDRINUSE &&
	    socket_have_patience(&since, SOCKET_UNKNOWN_MS));
	return fd;
}

/* inet:port@host or inet6:port@host, as the settings write it. */
static int
listen_inet(const struct socket_place *place, int backlog, char *error)
{
	struct addrinfo *found;
	const char *why = settings_look_up(place->address, &found);
	char shown[SETTINGS_SHOWN_MAX];
	int fd;

	if (why != NULL) {
		settings_show_address(place->address, shown);
		(void)snprintf(error, SOCKETS_ERROR_MAX, "%s %s: %s" SETTINGS_NO_HOST,
		    place->cannot, shown, why);
		return -1;
	}
	fd = await_listen_at(found->ai_addr, found->ai_addrlen, backlog);
	if (fd == -1)
		(void)socket_fail(place, errno, error);
	freeaddrinfo(found);
	return fd;
}

/* Whatever it is. Its file, if it has one, is noted. */
static int
listen_anywhere(struct socket_file *file, const struct socket_place *place, int backlog,
    char *error)
{
	int fd = settings_unix_path(place->address) != NULL ?
	    socket_file_listen(file, place, backlog, error) :
	    listen_inet(place, backlog, error);

	if (file != NULL)
		file->fd = fd;
	return fd;
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
register_milter(char *address)
{
	return smfi_register(callbacks_description()) == MI_SUCCESS &&
	    smfi_setconn(address) == MI_SUCCESS &&
	    smfi_setbacklog(BACKLOG) == MI_SUCCESS &&
	    smfi_settimeout(IDLE_SECONDS) == MI_SUCCESS;
}

/*
 * Whether libmilter will be able to bind it: it would not wait for that, and does not say
 * well why not. So it is bound here first, for a moment.
 */
static bool
await_way(const struct socket_place *place, char *error)
{
	const char *path = settings_unix_path(place->address);
	struct sockaddr_un address;
	int fd;

	if (path == NULL) {
		fd = listen_inet(place, 0, error);
	} else {
		if (!socket_file_clear(place, error))
			return false;
		address = socket_file_address(path);
		fd = settings_listen_at((const struct sockaddr *)&address, sizeof(address), 0);
		if (fd == -1)
			(void)socket_fail(place, errno, error);
		else
			(void)unlink(path);
	}
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

/* libmilter opens the first; what libmilter does not look after is done here. */
static bool
open_first(const struct opening *opening)
{
	struct sockets *sockets = opening->sockets;
	char *address = opening->settings->listen.address[0];
	const struct socket_place place = place_for_mta(opening, address, CANNOT_LISTEN);
	bool has_file = settings_unix_path(address) != NULL;
	mode_t before;

	if (!await_way(&place, opening->error))
		return false;
	if (!register_milter(address))
		return socket_say(opening->error, "cannot start", "libmilter",
		    "not enough memory");
	before = umask(has_file ? 0777 : 0077);
	sockets->milter_fd = open_unknown();
	(void)umask(before);
	if (sockets->milter_fd == -1)
		return socket_say(opening->error, CANNOT_LISTEN, address,
		    "libmilter has said why");
	sockets->files[0].fd = sockets->milter_fd;
	return !has_file || socket_file_give(&sockets->files[0], &place, opening->error);
}

/*
 * libmilter listens on one descriptor. Where there are several sockets it becomes one that
 * can be read when any of them can, and our accept() takes from one of these.
 */
static bool
gather_listeners(struct sockets *sockets)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), family = AF_UNSPEC;
	socklen_t length = sizeof(family);
	bool gathered;

	sockets->listeners[0] = fcntl(sockets->milter_fd, F_DUPFD_CLOEXEC, 0);
	sockets->files[0].fd = sockets->listeners[0];
	gathered = epoll != -1 && sockets->listeners[0] != -1 &&
	    getsockopt(sockets->milter_fd, SOL_SOCKET, SO_DOMAIN, &family, &length) == 0;
	for (size_t i = 0; gathered && i < sockets->listeners_count; i++) {
		struct epoll_event event = { .events = EPOLLIN,
		    .data.fd = sockets->listeners[i] };

		gathered = epoll_ctl(epoll, EPOLL_CTL_ADD, sockets->listeners[i],
		    &event) == 0;
	}
	gathered = gathered && dup3(epoll, sockets->milter_fd, O_CLOEXEC) != -1;
	if (epoll != -1)
		(void)close(epoll);
	if (gathered)
		sockets_accept_from_many(sockets->milter_fd, family);
	return gathered;
}

static bool
open_milter(const struct opening *opening)
{
	const struct settings_listen *listen = &opening->settings->listen;
	struct sockets *sockets = opening->sockets;

	if (!open_first(opening))
		return false;
	if (listen->count == 1)
		return true;
	sockets->listeners[sockets->listeners_count++] = -1;
	for (size_t i = 1; i < listen->count; i++) {
		const struct socket_place place = place_for_mta(opening, listen->address[i],
		    CANNOT_LISTEN);
		int fd = listen_anywhere(&sockets->files[i], &place, BACKLOG, opening->error);

		if (fd == -1)
			return false;
		sockets->listeners[sockets->listeners_count++] = fd;
	}
	return gather_listeners(sockets) || socket_say(opening->error, CANNOT_LISTEN,
	    "several addresses", strerror(errno));
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
find_next(const struct opening *opening)
{
	const char *where = opening->settings->tls_policy_next;
	const char *path = settings_unix_path(where), *why;
	const struct sockaddr_un address = socket_file_address(path != NULL ? path : "");
	struct addrinfo *found;
	bool kept;

	if (where == NULL)
		return true;
	if (path != NULL) {
		kept = keep_next(opening->sockets, &address, sizeof(address));
	} else {
		if ((why = settings_look_up(where, &found)) != NULL)
			return socket_say(opening->error, CANNOT_FIND, where, why);
		kept = keep_next(opening->sockets, found->ai_addr, found->ai_addrlen);
		freeaddrinfo(found);
	}
	return kept || socket_say(opening->error, CANNOT_FIND, where, "not enough memory");
}

/* The services beside the milter. */
static bool
open_services(const struct opening *opening)
{
	const struct settings *settings = opening->settings;
	struct sockets *sockets = opening->sockets;
	const struct {
		int *fd;
		struct socket_file *file;
		const char *address, *cannot;
		int backlog;
	} services[] = {
		{ &sockets->service_fd, &sockets->files[SERVICE_FILE],
		    settings->policy_service, CANNOT_SERVE, BACKLOG },
		{ &sockets->map_fd, &sockets->files[MAP_FILE],
		    settings->tls_policy_map, CANNOT_MAP, BACKLOG },
		{ &sockets->metrics_fd, NULL, settings->metrics, CANNOT_MEASURE,
		    METRICS_BACKLOG },
	};

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		const struct socket_place place = place_for_mta(opening, services[i].address,
		    services[i].cannot);

		if (place.address == NULL)
			continue;
		*services[i].fd = listen_anywhere(services[i].file, &place,
		    services[i].backlog, opening->error);
		if (*services[i].fd == -1)
			return false;
	}
	return true;
}

/* Nobody's mail depends on it: what nobody has set may be missing. */
static bool
open_control(const struct opening *opening)
{
	const struct settings *settings = opening->settings;
	const struct socket_place place = {
		.address = settings->control, .cannot = CANNOT_CONTROL,
		.identity = opening->identity, .group = opening->identity->gid, .mode = 0660
	};
	struct sockets *sockets = opening->sockets;
	struct socket_file *file = &sockets->files[CONTROL_FILE];
	size_t length;

	if (settings->control == NULL)
		return true;
	file->spare = settings->set_at[SETTING_control].line == 0;
	sockets->control_fd = listen_anywhere(file, &place, CONTROL_BACKLOG, opening->error);
	if (sockets->control_fd != -1 || !file->spare)
		return sockets->control_fd != -1;
	length = strlen(opening->error);
	(void)snprintf(opening->error + length, SOCKETS_ERROR_MAX - length, "; or \"control "
	    "unix:/path\" names another place, and \"control none\" does without: until then "
	    "tlsward status and reload cannot ask this daemon");
	return true;
}

bool
sockets_open(struct sockets *sockets, const struct settings *settings,
    const struct identity *identity, struct log *log, char error[SOCKETS_ERROR_MAX])
{
	const struct opening opening = { sockets, settings, identity, error };

	error[0] = '\0';
	prepare_descriptors(settings, log);
	if (find_next(&opening) && open_milter(&opening)) {
		sockets_hear_libmilter(log);
		if (open_services(&opening) && open_control(&opening))
			return true;
	}
	sockets_remove(sockets);
	return false;
}

void
sockets_own(const struct sockets *sockets)
{
	for (size_t i = 0; i < SOCKETS_FILES; i++)
		if (sockets->files[i].path != NULL)
			(void)listen(sockets->files[i].fd, BACKLOG);
}

/*
 * Shutting libmilter's down would end libmilter at once, with all sessions. The library
 * that metrics have does not see that its socket is none any more.
 */
void
sockets_stop(const struct sockets *sockets, int quiet, bool for_all)
{
	(void)dup3(quiet, sockets->milter_fd, O_CLOEXEC);
	for (size_t i = 0; i < sockets->listeners_count; i++)
		(void)dup3(quiet, sockets->listeners[i], O_CLOEXEC);
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
	sockets_hear_libmilter(NULL);
	sockets_prepare_accept(NULL, 0);
	close_one(&sockets->milter_fd);
	for (size_t i = 0; i < sockets->listeners_count; i++)
		close_one(&sockets->listeners[i]);
	close_one(&sockets->service_fd);
	close_one(&sockets->map_fd);
	close_one(&sockets->control_fd);
	close_one(&sockets->metrics_fd);
	free(sockets->next);
	sockets->next = NULL;
}
