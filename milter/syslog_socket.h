/*
 * syslog_socket.h - the system's log, without waiting for it.
 *
 * syslog(3) blocks, holding a lock, when the system's log does not read. This
 * speaks the same protocol to /dev/log and gives up when told to. Not safe to
 * share between threads.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_SYSLOG_SOCKET_H
#define MILTER_SYSLOG_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

struct syslog_socket {
	int fd;			/* -1: not connected */
	bool stream;
};
#define SYSLOG_SOCKET_INIT { -1, false }

/*
 * Sends one line with "priority" (facility and level), connecting first where
 * needed. Waits at most "milliseconds" (-1: for ever) for a log that is full.
 * Returns false with errno set where the line was not sent.
 */
bool syslog_socket_send(struct syslog_socket *sock, int priority,
    const char *line, size_t length, int milliseconds);

/* Closes it; the next line connects anew. */
void syslog_socket_close(struct syslog_socket *sock);

#endif
