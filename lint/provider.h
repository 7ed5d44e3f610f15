/*
 * provider.h - names that the customers of a mail service have in common.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_PROVIDER_H
#define TLSWARD_POLICY_PROVIDER_H

#include <stddef.h>

/*
 * The mail service whose servers present a certificate with that name, whichever
 * customer they send for, or NULL. "name" has "length" bytes and may be a wildcard's
 * rest. Without case. The table is not complete. Static.
 */
const char *provider_of(const char *name, size_t length);

#endif
