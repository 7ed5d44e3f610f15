/*
 * doctor_pf_reach.h - the addresses that Postfix's settings name, and whether Postfix
 * reaches them.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_DOCTOR_PF_REACH_H
#define TLSWARD_TOOL_DOCTOR_PF_REACH_H

#include "tool/doctor_pf.h"

/* The path of "unix:PATH" or "local:PATH"; NULL: it is of another kind. */
const char *pf_socket_path(const char *address);

/* Where that path of a setting is for this host. */
void pf_real_path(const struct pf *pf, bool chroot, const char *path,
    char real[PF_PATH_MAX]);

/* Whether an address as Postfix has it is that one of ours, as settings have it. */
bool pf_is_socket(const struct pf *pf, bool chroot, const char *address,
    const char *ours);

/* The daemon's "listen" of that number; NULL: there are no more. */
const char *pf_listen(const struct pf *pf, size_t number);

/* Which of them an address as Postfix has it is; NULL: none. */
const char *pf_ours(const struct pf *pf, bool chroot, const char *address);

/*
 * How Postfix names an address of ours. False: a service with that chroot does not see it
 * under any name.
 */
bool pf_write_address(const struct pf *pf, bool chroot, const char *ours,
    char address[PF_PATH_MAX]);

#define PF_REPLY_MAX 1024

/*
 * Asks a socketmap "NAME KEY", as the user that Postfix becomes, in its root, where this
 * process is root's; else as whoever this is. False where no reply came, of which
 * pf_check_socket() says why.
 */
bool pf_ask_map(const struct pf *pf, bool chroot, const char *address,
    const char *question, char reply[PF_REPLY_MAX]);

/*
 * Says whether Postfix reaches that address, which is ours: "what" begins the message, as
 * "the milter's socket".
 */
void pf_check_socket(const struct pf *pf, const struct pf_service *owner, bool chroot,
    const char *id, const char *what, const char *address);

#endif
