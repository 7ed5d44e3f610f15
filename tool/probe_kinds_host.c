/*
 * probe_kinds_host.c - findings on a host's names in DNS, DANE and MTA-STS.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_kinds.h"

FINDS(has_no_address)
{
	DETAIL("%s", each->host->trouble[0] != '\0' ? each->host->trouble : "none is there");
	return each->host->address_count == 0 && each->host->secure != SECURE_BOGUS;
}

FINDS(is_bogus)
{
	return each->host->secure == SECURE_BOGUS;
}

FINDS(is_mx_alias)
{
	DETAIL("%s", each->host->alias_of);
	return result->target.is_domain && !result->target.implicit_mx &&
	    each->host->is_alias;
}

FINDS(has_bogus_tlsa)
{
	if (each->host->tlsa_trouble[0] != '\0')
		DETAIL(" (%s)", each->host->tlsa_trouble);
	return each->host->tlsa_secure == SECURE_BOGUS && each->host->secure != SECURE_BOGUS;
}

FINDS(has_unsigned_tlsa)
{
	return each->host->tlsa_count > 0 && each->host->tlsa_secure == SECURE_NO;
}

/* Only of the MX of a domain. */
FINDS(is_not_of_sts)
{
	const struct probe_sts *sts = &result->target.sts;

	if (sts->mode == STS_TESTING)
		*level = PROBE_WARNING;
	return sts->fetched && sts->mode != STS_NONE &&
	    !probe_sts_fits(sts, each->host->name);
}

const struct finding_kind probe_kinds_of_host[] = {
	{ "no-host", PROBE_FAULT, "it has no address: %s",
	    "give its name an A or AAAA record, or take it out of the MX records",
	    has_no_address },
	{ "bogus", PROBE_FAULT, "DNSSEC says that its address is forged, or the zone is signed "
	    "wrongly: a resolver that validates does not give it out%s",
	    "sign the zone anew, or correct the DS record at its parent", is_bogus },
	{ "mx-alias", PROBE_WARNING, "the MX record names an alias (CNAME) of %s, which RFC 2181 "
	    "does not allow", "name the host itself in the MX record", is_mx_alias },
	{ "tlsa-bogus", PROBE_FAULT, "its TLSA records cannot be validated%s: a sender that uses "
	    "DANE keeps the mail", "sign the zone anew, or correct the DS record at its parent",
	    has_bogus_tlsa },
	{ "tlsa-unsigned", PROBE_WARNING, "it has TLSA records in a zone that is not signed: "
	    "nobody uses them%s", "sign the zone with DNSSEC, or take the records out",
	    has_unsigned_tlsa },
	{ "sts-mx", PROBE_FAULT, "the MTA-STS policy does not name it: senders that keep to the "
	    "policy do not deliver to it%s", "add its name to the policy's mx lines, and change "
	    "the id in the _mta-sts record", is_not_of_sts },
	{ NULL, PROBE_INFO, NULL, NULL, NULL }
};
