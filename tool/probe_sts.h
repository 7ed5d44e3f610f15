/*
 * probe_sts.h - MTA-STS (RFC 8461): records and policies as they are written.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_PROBE_STS_H
#define TLSWARD_TOOL_PROBE_STS_H

#include "tool/probe.h"
#include "tool/probe_dns.h"

#define STS_POLICY_MAX 65536		/* bytes, section 3.3 */
#define STS_AGE_MAX 31557600		/* seconds, section 3.2 */

/*
 * Whether a TXT record is one of MTA-STS, its strings joined: others are ignored (section
 * 3.1).
 */
bool sts_is_record(const char *text, size_t length);

/*
 * Reads such a record's id. False where it has none, or is not one by the grammar of section
 * 3.1: sts->trouble has why.
 */
bool sts_read_record(const char *text, size_t length, struct probe_sts *sts);

/*
 * Reads a policy by the grammar of section 3.2. False where it is none: sts->trouble has
 * why, and what else of *sts was read is of no use.
 */
bool sts_read_policy(const char *text, size_t length, struct probe_sts *sts);

/*
 * Finds what a domain, in A-labels, has: its record, and the policy of its policy host
 * (section 3.3), where this build can fetch. False where memory is short; sts->trouble
 * tells of all else.
 */
bool sts_find(const struct probe_names *names, const struct probe_budget *budget,
    struct dns *dns, const char *domain, struct probe_sts *sts);

#endif
