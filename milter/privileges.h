/*
 * privileges.h - whom the daemon becomes, and giving up root for good.
 *
 * For a process with one thread. All functions that fail write why into "error",
 * of PRIVILEGES_ERROR_MAX bytes.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_PRIVILEGES_H
#define TLSWARD_MILTER_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "settings/settings.h"

#define PRIVILEGES_ERROR_MAX 256

struct identity {
	const char *user;		/* the settings' */
	uid_t uid;
	gid_t gid;
	gid_t socket_gid;
	bool change;			/* started as root: become that user */
	bool other;			/* not root, and not that user either */
};

/*
 * Looks up the user and the groups that the settings name. Not started as root,
 * the daemon stays who it is, and the user need not exist.
 */
bool privileges_resolve(const struct settings *settings, struct identity *identity,
    char *error);

/* Acts as that user for a while: what it cannot read cannot be read. */
bool privileges_assume(const struct identity *identity, char *error);

/* Ends that. */
bool privileges_resume(const struct identity *identity, char *error);

/*
 * Becomes that user for good, without any capability and without a way to gain
 * privileges by running another program, and makes sure that it cannot be undone.
 */
bool privileges_drop(const struct identity *identity, char *error);

#endif
