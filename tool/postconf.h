/*
 * postconf.h - whether Postfix tells what a policy requires of certificates.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POSTCONF_H
#define TLSWARD_POSTCONF_H

#include "settings/settings.h"
#include "policy/policy.h"
#include "base/diag.h"

/*
 * Asks postconf(1), where it is there, the settings allow for Postfix and the policy
 * requires something of certificates, and warns in "diags" of what no certificate
 * can meet for the way Postfix is set up. "path" is the policy's. Where postconf is
 * not there, fails or takes longer than some seconds nothing is said.
 */
void postconf_check(const struct settings *settings, const struct policy *policy,
    const char *path, struct diags *diags);

#endif
