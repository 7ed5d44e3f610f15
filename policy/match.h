/*
 * match.h - which rule applies to a sender, a recipient or a client.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_MATCH_H
#define TLSWARD_POLICY_MATCH_H

#include "policy/index.h"

struct match {
	const struct who *who;		/* NULL: no rule names it */
	bool unknown;			/* whether its pattern matches is not known */
};

/* The from rule for an address, without the default. */
struct match match_sender(const struct policy *policy, const struct address *sender);

/*
 * The to rule for an address. "delimiters" are those that set a recipient's
 * detail off, or NULL.
 */
struct match match_recipient(const struct policy *policy,
    const struct address *recipient, const char *delimiters);

/* Whether it is the recipient without a domain of RFC 5321 section 4.5.1. */
bool match_is_postmaster(const struct address *recipient);

/* The client rule. Returns 0, or -1 when memory is short. */
int match_client(const struct policy *policy, const struct facts *facts,
    struct match *match);

#endif
