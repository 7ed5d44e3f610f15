/*
 * lint.h - what advises: warnings about a policy that is valid and has a hole.
 *
 * For `tlsward check` and `tlsward-milter -t`; of what it finds the daemon looks at
 * dates alone, now and then. Nothing here changes a verdict.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_LINT_H
#define TLSWARD_LINT_H

#include "policy/policy.h"
#include "base/diag.h"

/*
 * As policy_load(), with the warnings of what is so at "now" (seconds since the
 * epoch), in the order of the policy's lines. They include those of lint_dates(), but
 * for the folder of partner certificates, which is not there yet. Beside errors there
 * is no warning but of what is not there to be read.
 */
enum policy_load_result lint_load(const char *path, int64_t now,
    struct policy **policy, struct diags *diags);

/* As policy_load_certificates(), with warnings of the certificates likewise. */
enum policy_load_result lint_load_certificates(struct policy *policy,
    const char *folder, int64_t now, struct diags *diags);

/*
 * Warns of what will need its partner's or the administrator's attention at "now":
 * certificates of the folder and of pins by file that have expired or soon will, keys
 * and signatures that are weak, and dates of "exempt until" and "monitor until" that
 * are past or within 14 days. Thread-safe.
 */
void lint_dates(const struct policy *policy, int64_t now, struct diags *diags);

#endif
