/*
 * report.h - warnings about certificates and dates that need somebody's attention.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_REPORT_H
#define TLSWARD_POLICY_REPORT_H

#include "policy/rules.h"
#include "base/diag.h"

/*
 * Warns of a certificate that has expired or soon will, that is not valid yet, or
 * that is weak. "pinned" says where it is pinned; without a "line" it is none of the
 * policy's, and "file" is its own.
 */
void report_certificate(const struct pinned_file *pinned, int64_t now,
    struct diags *diags);

/* Warns of what else is in its file. */
void report_file(const struct pinned_file *pinned, const struct certificate_file *file,
    struct diags *diags);

/* Warns of all certificates that are pinned by file. */
void report_pinned(const struct policy *policy, int64_t now,
    struct diags *diags);

/* Warns of a date that is past or near. */
void report_date(const struct dated *dated, int64_t now, struct diags *diags);

#endif
