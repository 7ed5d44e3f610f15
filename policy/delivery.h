/*
 * delivery.h - what the MTA's word for the other server proves, of mail that went out.
 *
 * It is the fact "verification", which session_read() has not read: "trusted" is a
 * certificate of a CA, "verified" all that the MTA was told to look for.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_DELIVERY_H
#define TLSWARD_POLICY_DELIVERY_H

#include "policy/requirement.h"

/* Whether mail goes out, and the word is that one. */
bool delivery_has(const struct facts *facts, const char *word);

/* As session_verified(). */
enum policy_tri delivery_verified(const struct facts *facts);

/*
 * Whether it proves a requirement with that action, of a rule that is an outcome's. The
 * MTA is told nothing of a rule under monitor, nor of what may be unmet.
 */
bool delivery_proves(const struct facts *facts, const struct requirement_kind *row,
    const struct policy_outcome *outcome, enum policy_action action);

#endif
