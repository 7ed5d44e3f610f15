/*
 * sockets.h - what the daemon listens on: for the MTA, the policy service, metrics.
 *
 * For a process with one thread: umask(2) is changed for a moment.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SOCKETS_H
#define TLSWARD_MILTER_SOCKETS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "milter/log.h"
#include "milter/privileges.h"
#include "settings/settings.h"

#define SOCKETS_ERROR_MAX 512

/* The file of a UNIX socket as it was made. */
struct socket_file {
	const char *path;		/* the settings'; NULL: there is no such file */
	struct stat made;
};

#define SOCKETS_FILES 2

struct sockets {
	struct socket_file files[SOCKETS_FILES];	/* libmilter's; the policy service's */
	int service_fd;			/* the policy service's; -1: there is none */
	int metrics_fd;			/* what metrics are fetched from; -1: likewise */
};
#define SOCKETS_INIT { .service_fd = -1, .metrics_fd = -1 }

/*
 * Registers the callbacks with libmilter and opens all sockets that the settings name,
 * non-blocking and listening. A stale UNIX socket is removed, one that somebody answers
 * on is an error; mode, owner and group are set before anybody can connect who may
 * not. What libmilter has to say meanwhile goes to standard error, and to "log" from
 * then on. False with the reason in "error": then no file is left behind.
 */
bool sockets_open(struct sockets *sockets, const struct settings *settings,
    const struct identity *identity, struct log *log, char error[SOCKETS_ERROR_MAX]);

/*
 * Connections are accepted as long as files may be opened (accept.c); "log" hears where
 * they are not. Beside a policy service libmilter leaves that one its share.
 */
void sockets_prepare_accept(struct log *log, bool beside_service);

/* A UNIX socket that was made and is not where it was any more, or NULL. */
const char *sockets_lost(const struct sockets *sockets);

/* Removes the files of UNIX sockets that are still where they were made. */
void sockets_remove(const struct sockets *sockets);

/* Closes those that libmilter does not have; its words go to standard error again. */
void sockets_close(struct sockets *sockets);

#endif
