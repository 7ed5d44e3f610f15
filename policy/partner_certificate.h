/*
 * partner_certificate.h - the certificates of partners, from a folder.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_PARTNER_CERTIFICATE_H
#define TLSWARD_POLICY_PARTNER_CERTIFICATE_H

#include "policy/rules.h"

struct partners;

/* policy_load_certificates(), by way of "tape" (NULL: from disk). */
enum policy_load_result partners_load(struct policy *policy, const char *folder,
    struct tape *tape, struct diags *diags);

/* Frees *partners and clears the pointer. NULL-safe. */
void partners_free(struct partners **partners);

#endif
