/*
 * service_socket.h - the socket that clients of the policy service connect to.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_SERVICE_SOCKET_H
#define MILTER_SERVICE_SOCKET_H

#include <sys/stat.h>

#include "milter/privileges.h"
#include "milter/unix_socket.h"
#include "settings/settings.h"

/*
 * Opens the socket that settings->policy_service names, in the way and with the
 * permissions of the milter's own. Returns it, non-blocking and listening, or -1 with
 * the reason in "error". "made" receives a UNIX socket's identity.
 */
int service_socket_open(const struct settings *settings,
    const struct identity *identity, struct stat *made,
    char error[LISTENER_ERROR_MAX]);

#endif
