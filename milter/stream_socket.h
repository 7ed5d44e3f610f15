/*
 * stream_socket.h - a socket that listens.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_STREAM_SOCKET_H
#define MILTER_STREAM_SOCKET_H

#include <sys/socket.h>

/*
 * Makes a socket, non-blocking, that listens at "address" with room for "backlog"
 * connections that are not accepted yet. Returns it, or -1 with errno set.
 */
int stream_socket_listen(const struct sockaddr *address, socklen_t length, int backlog);

/*
 * The same for inet:port@host or inet6:port@host, as the settings write it. Returns
 * the socket, or -1 with "CANNOT WHERE: why" in "error", of LISTENER_ERROR_MAX bytes.
 */
int stream_socket_open_inet(const char *where, int backlog, const char *cannot,
    char *error);

#endif
