/*
 * resolve.h - what resolving a block leaves for lint to look at.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_RESOLVE_H
#define TLSWARD_POLICY_RESOLVE_H

#include "policy/parse.h"

/* A requirement that took the place of a used profile's. */
struct replaced {
	struct replaced *next;
	struct place place;
	const char *profile;
	const struct settings_of_rule *settings;	/* that both count for */
	const struct policy_requirement *before;
	const struct policy_requirement *after;	/* NULL: "require nothing" */
};

/* What a profile that a resolved "use" names comes to by itself. */
const struct settings_of_rule *resolved_settings(const struct profile *profile);

#endif
