/*
 * diag.h - putting diagnostics in order.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_DIAG_H
#define TLSWARD_POLICY_DIAG_H

#include "policy/policy.h"

/*
 * Sorts the diagnostics from "first" on by file, as "files" lists them, then by
 * line and column, and drops what was said twice.
 */
void diags_sort(struct policy_diags *diags, size_t first, const char *const *files,
    size_t file_count);

#endif
