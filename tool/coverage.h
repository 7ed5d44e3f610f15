/*
 * coverage.h - which rules of a policy the tests have reached.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_COVERAGE_H
#define TLSWARD_COVERAGE_H

#include "journal/journal.h"
#include "policy/policy.h"
#include "base/buffer.h"

struct coverage {
	bool *reached;		/* by the rule's index */
	size_t rules;
};

/* False where memory is short. */
bool coverage_open(struct coverage *coverage, const struct policy *policy);
void coverage_close(struct coverage *coverage);

/*
 * Counts the rules that a verdict was made of: those that applied, and of a verdict
 * that exempts those alone that exempt, for the others had no say.
 */
void coverage_count(struct coverage *coverage, const struct policy *policy,
    const struct verdict *verdict);

/* Appends how many were reached, and which were not. "path" is the policy's. */
void coverage_text(const struct coverage *coverage, const struct policy *policy,
    const char *path, struct buffer *text);
void coverage_json(const struct coverage *coverage, const struct policy *policy,
    const char *path, struct buffer *text);

#endif
