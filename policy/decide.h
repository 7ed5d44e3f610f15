/*
 * decide.h - the verdict, for those of this room that know more than facts.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_DECIDE_H
#define TLSWARD_POLICY_DECIDE_H

#include "policy/session.h"

/*
 * Makes of *verdict, which knew no recipient, what it would be if the to rule "rule"
 * were the recipient's. The places in it are then not to be used. Thread-safe.
 */
void decide_with_recipient(const struct policy_rule *rule,
    const struct session *session, const struct policy_options *options,
    struct verdict *verdict);

#endif
