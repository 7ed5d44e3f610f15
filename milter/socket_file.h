/*
 * socket_file.h - the file of a UNIX socket: made, given away, looked after.
 *
 * For a process with one thread: umask(2) is changed for a moment. All that fails says why
 * in "error", of SOCKETS_ERROR_MAX bytes, in one line and with what to do.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SOCKET_FILE_H
#define TLSWARD_MILTER_SOCKET_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "settings/settings.h"

#define SOCKETS_ERROR_MAX 1024

/* How long it is waited for what nobody knows whom it belongs to. */
#define SOCKET_UNKNOWN_MS 5000

/* The file as it was made. */
struct socket_file {
	int fd;				/* of the socket, which is not this one's to close */
	bool spare;			/* the daemon serves all the same without it */
	const char *path;		/* the settings'; NULL: there is no such file */
	dev_t device;
	ino_t inode;
};

/* Where a socket is to be, and who may connect to it. */
struct socket_place {
	const char *address;		/* the settings' */
	const char *cannot;		/* "cannot listen on" */
	const struct identity *identity;	/* its owner */
	gid_t group;
	bool chosen;			/* the settings name that group */
	mode_t mode;
};

/* Writes "what path: why". Returns false. */
bool socket_say(char *error, const char *what, const char *path, const char *why);

/* The same of the error "number", with what to do. */
bool socket_fail(const struct socket_place *place, int number, char *error);

/*
 * Waits a little. False: it is long enough, "most" milliseconds, since *since (0: it begins).
 */
bool socket_have_patience(int64_t *since, int64_t most);

/* The settings have seen to the length of a path. */
struct sockaddr_un socket_file_address(const char *path);

/*
 * Removes a socket that nobody answers on, and waits for one whose daemon is dead or ends.
 * False: somebody goes on answering, or there is something else.
 */
bool socket_file_clear(const struct socket_place *place, char *error);

/*
 * Sets owner, group and mode of a socket that was made without any permission, and notes
 * which file it is. Where that fails the file goes.
 */
bool socket_file_give(struct socket_file *file, const struct socket_place *place,
    char *error);

/*
 * All of it: a socket that listens there, or -1. Not even for a moment may somebody connect
 * whom the mode keeps out.
 */
int socket_file_listen(struct socket_file *file, const struct socket_place *place,
    int backlog, char *error);

/* Whether the file is still where it was made. */
bool socket_file_is_there(const struct socket_file *file);

#endif
