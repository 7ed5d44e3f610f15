/*
 * known.h - the certificates of partners, from a folder.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_KNOWN_H
#define TLSWARD_POLICY_KNOWN_H

#include "policy/rules.h"

struct policy_certificates;

/* Frees *known and clears the pointer. NULL-safe. */
void known_free(struct policy_certificates **known);

/* The certificate at "i", in the order of their files; NULL: there are no more. */
const struct pinned_file *known_at(const struct policy_certificates *known, size_t i);

/* When the first of the certificates that are valid after "now" expires, or INT64_MAX. */
int64_t known_next_end(const struct policy_certificates *known, int64_t now);

#endif
