/*
 * sockets.h - what the daemon listens on: for the MTA, the policy service, the TLS policy
 * map, metrics.
 *
 * For a process with one thread: umask(2) is changed for a moment.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SOCKETS_H
#define TLSWARD_MILTER_SOCKETS_H

#include <stdbool.h>

#include "milter/log.h"
#include "milter/privileges.h"
#include "milter/socket_file.h"
#include "settings/settings.h"

struct sockaddr;

/* The milter's, and those of the policy service, the TLS policy map and control. */
#define SOCKETS_FILES (SETTINGS_LISTEN_MAX + 3)

struct sockets {
	struct socket_file files[SOCKETS_FILES];
	/*
	 * That libmilter listens on; -1: none yet. Where there are several sockets it is an
	 * epoll of all "listeners"; there are none where it is the one socket.
	 */
	int milter_fd;
	int listeners[SETTINGS_LISTEN_MAX];
	size_t listeners_count;
	int service_fd;			/* the policy service's; -1: there is none */
	int map_fd;			/* the TLS policy map's; -1: likewise */
	int control_fd;			/* that `tlsward status` and `reload` ask; -1: likewise */
	struct sockaddr *next;		/* the service that the map asks; NULL: there is none */
	unsigned next_length;
	int metrics_fd;			/* what metrics are fetched from; -1: likewise */
};
#define SOCKETS_INIT { .milter_fd = -1, .service_fd = -1, .map_fd = -1, \
    .control_fd = -1, .metrics_fd = -1 }

/*
 * Registers the callbacks with libmilter and opens all sockets that the settings name,
 * non-blocking and listening; looks up whom the TLS policy map asks. A stale UNIX socket
 * is removed, one that somebody answers on is an error; but what a dead daemon's worker
 * still listens on is waited for. Mode, owner and group are set before anybody can
 * connect who may not; the control socket is for the daemon's user and group alone. What
 * libmilter has to say meanwhile goes to standard error, and to "log" from then on. False
 * with the reason in "error": then no file is left behind. True with a warning in "error",
 * or with "": where nobody has set the control socket, and it could not be made.
 */
bool sockets_open(struct sockets *sockets, const struct settings *settings,
    const struct identity *identity, struct log *log, char error[SOCKETS_ERROR_MAX]);

/*
 * Connections are accepted as long as files may be opened (accept.c); "log" hears where
 * they are not. libmilter leaves "services" beside it a share each.
 */
void sockets_prepare_accept(struct log *log, size_t services);

/*
 * accept() on "epoll" takes from one of the sockets in it, each in its turn, and says that
 * the peer's address is of "family": libmilter looks at no more of it.
 */
void sockets_accept_from_many(int epoll, int family);

/* Where libmilter's words go; NULL: to standard error. Before threads start. */
void sockets_hear_libmilter(struct log *log);

/*
 * A UNIX socket that was made and is not where it was any more, or NULL; of the control
 * socket only where it is set.
 */
const char *sockets_lost(const struct sockets *sockets);

/*
 * Lets the UNIX sockets tell whoever connects that this process is their owner
 * (SO_PEERCRED): by that a later start sees whether it lives.
 */
void sockets_own(const struct sockets *sockets);

/*
 * Removes the files of UNIX sockets that are still where they were made, and forgets
 * them: a file of that name is another daemon's from now on.
 */
void sockets_remove(struct sockets *sockets);

/*
 * No more connections, in a process whose threads wait for them. "quiet", on which
 * nothing ever comes, takes the place of libmilter's socket; libmilter's thread must be
 * woken then. "for_all": the others accept no more in any process.
 */
void sockets_stop(const struct sockets *sockets, int quiet, bool for_all);

/* Closes them; libmilter's words go to standard error again. */
void sockets_close(struct sockets *sockets);

#endif
