/*
 * unix_socket.h - a UNIX socket's file: whether its name is free, and who may use it.
 *
 * Both functions return false with the reason in "error", of LISTENER_ERROR_MAX bytes.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_UNIX_SOCKET_H
#define MILTER_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/stat.h>

#include "milter/privileges.h"
#include "settings/settings.h"

#define LISTENER_ERROR_MAX 512

/* Removes a stale socket; one that somebody answers on is an error. */
bool unix_socket_clear(const char *path, char *error);

/*
 * Sets owner, group and mode, as the settings say. "made" receives the socket's
 * identity. It must have been made with no permissions.
 */
bool unix_socket_give(const char *path, const struct settings *settings,
    const struct identity *identity, struct stat *made, char *error);

/* Writes "WHAT PATH: WHY" as the error and returns false. */
bool unix_socket_fail(char *error, const char *what, const char *path,
    const char *why);

/* Whether the socket that was made is still where it was. */
bool unix_socket_is(const char *path, const struct stat *made);

#endif
