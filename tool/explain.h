/*
 * explain.h - the parts of what explain prints.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_EXPLAIN_H
#define TLSWARD_EXPLAIN_H

#include "journal/journal.h"
#include "policy/policy.h"

/*
 * What is known, and the names of what is not. Of a certificate's facts it is said
 * whether they were "given", or come from the known certificate.
 */
void explain_facts(const struct facts *given, const struct facts *facts,
    struct buffer *text);

/* Which rules applied, and how each of their requirements came out. */
void explain_rules(const struct verdict *verdict, const struct facts *facts,
    struct buffer *text);

/* The verdict, where it came from, and the reply. */
void explain_verdict(const struct verdict *verdict, const struct facts *facts,
    struct buffer *text);

#endif
