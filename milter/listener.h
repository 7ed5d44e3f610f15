/*
 * listener.h - the socket that the MTA connects to.
 *
 * libmilter opens it; what libmilter does not look after is done here.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_LISTENER_H
#define MILTER_LISTENER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "milter/privileges.h"
#include "milter/unix_socket.h"
#include "settings/settings.h"

/*
 * Registers with libmilter and opens the socket: a stale UNIX socket is removed,
 * one that somebody answers on is an error; mode, owner and group are set before
 * anybody can connect who may not. "made" receives the UNIX socket's identity.
 * False with the reason in "error".
 */
bool listener_open(const struct settings *settings, const struct identity *identity,
    struct stat *made, char error[LISTENER_ERROR_MAX]);

#endif
