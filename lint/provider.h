/*
 * provider.h - the list of names that the customers of a mail service have in common.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_LINT_PROVIDER_H
#define TLSWARD_LINT_PROVIDER_H

#include "base/diag.h"

struct providers;

/*
 * Reads conf/shared-providers where it is installed, or from the folder that the
 * environment's TLSWARD_DATADIR names. Without the file the list is empty; lines that
 * are broken are errors. NULL: memory is short.
 */
struct providers *providers_read(struct diags *diags);
void providers_free(struct providers **providers);	/* NULL-safe, clears */

/*
 * The mail service whose servers present a certificate with that name, whichever
 * customer they send for, or NULL. "name" has "length" bytes and may be a wildcard's
 * rest. Without case. Borrowed from the list.
 */
const char *provider_of(const struct providers *providers, const char *name,
    size_t length);

#endif
