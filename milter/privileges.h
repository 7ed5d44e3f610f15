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

#define PRIVILEGES_ERROR_MAX IDENTITY_ERROR_MAX

/*
 * Becomes that user for good, without any capability and without a way to gain
 * privileges by running another program, and makes sure that it cannot be undone.
 */
bool privileges_drop(const struct identity *identity, char *error);

#endif
