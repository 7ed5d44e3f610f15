/*
 * partner.h - the certificates of partners, from a folder.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_PARTNER_H
#define TLSWARD_POLICY_PARTNER_H

#include "policy/rules.h"

struct partners;

/* Frees *partners and clears the pointer. NULL-safe. */
void partners_free(struct partners **partners);

#endif
