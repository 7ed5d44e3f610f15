/*
 * quote.h - a line of a policy file, as it is written there.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_QUOTE_H
#define TLSWARD_QUOTE_H

#include "journal/journal.h"
#include "policy/policy.h"
#include "base/buffer.h"

/*
 * Appends the line at "place" for people to read, without the white space around it.
 * "policy" is the path of the policy file, beside which the place's file is. False,
 * and nothing is written, where it cannot be read.
 */
bool quote_line(const char *policy, const struct policy_place *place,
    struct buffer *text);

#endif
