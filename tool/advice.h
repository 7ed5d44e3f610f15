/*
 * advice.h - what to ask of a partner whose sessions do not meet a requirement.
 *
 * Said of the partner's server, "it": for explain's sentence and for the message to the
 * partner alike.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_ADVICE_H
#define TLSWARD_TOOL_ADVICE_H

#include "policy/policy.h"
#include "base/buffer.h"

/*
 * Appends what to ask for, as "enable TLS 1.3 or newer on it"; what is required is taken
 * from the outcome of the rule, where that still has such a requirement.
 */
void advice_write(enum policy_reason reason, const struct policy_outcome *rule,
    struct buffer *text);

#endif
