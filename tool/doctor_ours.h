/*
 * doctor_ours.h - whether an address that a mail server names is one that the daemon
 * listens on.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_DOCTOR_OURS_H
#define TLSWARD_TOOL_DOCTOR_OURS_H

#include "settings/settings.h"

/*
 * Whether two addresses in libmilter's form lead to the same socket. "ours" may be any
 * address of this host.
 */
bool doctor_same_socket(const char *ours, const char *theirs);

/*
 * The "listen", as settings have it, that an address in libmilter's form ("unix:/path",
 * "local:/path", "/path", "inet:port@host", "inet6:...") leads to, by whatever name of a
 * file or of a host; NULL: it is none of ours.
 */
const char *doctor_listen_of(const struct settings *settings, const char *theirs);

/* The path of a UNIX socket's address in any of these forms; NULL: it is none. */
const char *doctor_socket_path(const char *address);

#endif
