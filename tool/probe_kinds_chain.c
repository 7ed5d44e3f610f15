/*
 * probe_kinds_chain.c - findings on the certificates that a server sends.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"

#define SOON (INT64_C(14) * 86400)

static const char fix_chain[] = "install the certificate file that has the server's "
    "certificate first and then each authority that signed the one before, without the root";

static bool
has_chain(const struct probe_each *each)
{
	return sk_X509_num(each->address->chain) > 0;
}

/* Who verifies by DANE does not ask an authority; who does by MTA-STS, does. */
static void
soften_by_dane(const struct probe_result *result, const struct probe_each *each,
    enum probe_level *level)
{
	if (probe_dane(&result->target, each) == POLICY_YES && !result->target.sts.record)
		*level = PROBE_INFO;
}

static bool
failed_by(const struct probe_result *result, const struct probe_each *each, int error,
    enum probe_level *level)
{
	soften_by_dane(result, each, level);
	return has_chain(each) && !each->seen->chain.verified &&
	    each->seen->chain.verify_error == error;
}

static bool
is_past(const struct probe_result *result, const struct probe_each *each)
{
	return has_chain(each) && each->seen->chain.not_after < result->now;
}

static bool
is_future(const struct probe_result *result, const struct probe_each *each)
{
	return has_chain(each) && each->seen->chain.not_before > result->now;
}

static void
detail_day(int64_t when, char *detail)
{
	char day[DATE_DAY_SIZE];

	date_write_day(when, day);
	DETAIL("%s", day);
}

FINDS(is_expired)
{
	const struct probe_chain *chain = &each->seen->chain;
	bool leaf = is_past(result, each);

	if (leaf)
		detail_day(chain->not_after, detail);
	else
		detail_day(chain->first_end, detail);
	if (!leaf)
		DETAIL(", that of an authority in the chain");
	return failed_by(result, each, X509_V_ERR_CERT_HAS_EXPIRED, level) || leaf;
}

FINDS(is_not_yet)
{
	detail_day(each->seen->chain.not_before, detail);
	return failed_by(result, each, X509_V_ERR_CERT_NOT_YET_VALID, level) ||
	    is_future(result, each);
}

FINDS(is_self_signed)
{
	soften_by_dane(result, each, level);
	return has_chain(each) && each->seen->chain.self_signed &&
	    !each->seen->chain.verified;
}

static bool
has_no_issuer(int error)
{
	return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	    error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	    error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
	    error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
	    error == X509_V_ERR_CERT_UNTRUSTED;
}

/*
 * Its root is not known here: it is there, or the authority that is missing is most likely
 * that, for one that it signed was sent.
 */
static bool
is_of_unknown_root(const struct probe_each *each)
{
	const struct probe_chain *chain = &each->seen->chain;

	return chain->complete || sk_X509_num(each->address->chain) - (int)chain->unneeded > 1;
}

static bool
has_no_root(const struct probe_each *each)
{
	const struct probe_chain *chain = &each->seen->chain;

	return has_chain(each) && !chain->verified && !chain->self_signed &&
	    has_no_issuer(chain->verify_error);
}

static void
detail_missing(const struct probe_each *each, char *detail)
{
	const struct probe_chain *chain = &each->seen->chain;

	DETAIL("%s", chain->missing[0] != '\0' ? chain->missing : chain->issuer);
}

FINDS(is_untrusted)
{
	soften_by_dane(result, each, level);
	detail_missing(each, detail);
	return has_no_root(each) && is_of_unknown_root(each);
}

FINDS(lacks_intermediate)
{
	soften_by_dane(result, each, level);
	detail_missing(each, detail);
	return has_no_root(each) && !is_of_unknown_root(each);
}

/* Any other reason. */
FINDS(is_invalid)
{
	const struct probe_chain *chain = &each->seen->chain;

	soften_by_dane(result, each, level);
	DETAIL("%s", X509_verify_cert_error_string(chain->verify_error));
	return has_chain(each) && !chain->verified && !chain->self_signed &&
	    !has_no_issuer(chain->verify_error) &&
	    chain->verify_error != X509_V_ERR_CERT_HAS_EXPIRED &&
	    chain->verify_error != X509_V_ERR_CERT_NOT_YET_VALID &&
	    chain->verify_error != X509_V_OK;
}

FINDS(has_wrong_name)
{
	const struct probe_chain *chain = &each->seen->chain;

	soften_by_dane(result, each, level);
	DETAIL("%s", chain->names[0] != '\0' ? chain->names : "no name at all");
	return has_chain(each) && !chain->names_host && !probe_is_nameless(each->host->name);
}

FINDS(is_out_of_order)
{
	return has_chain(each) && !each->seen->chain.ordered;
}

FINDS(sends_root)
{
	return has_chain(each) && each->seen->chain.root_sent;
}

FINDS(ends_soon)
{
	int64_t end = each->seen->chain.first_end;

	detail_day(end, detail);
	return has_chain(each) && end >= result->now && end - result->now < SOON &&
	    !is_past(result, each);
}

FINDS(has_weak_key)
{
	const char *key = each->seen->chain.key;

	DETAIL("%s", key);
	return has_chain(each) && ((strncmp(key, "rsa:", 4) == 0 && atoi(key + 4) < 2048) ||
	    strncmp(key, "dsa", 3) == 0);
}

FINDS(has_weak_signature)
{
	const struct probe_chain *chain = &each->seen->chain;
	const char *weak = chain->weak_signature;

	DETAIL(strcmp(chain->signature, weak) == 0 ? "%s" : "%s, that of an authority in the "
	    "chain", weak);
	return has_chain(each) && !chain->self_signed && weak[0] != '\0';
}

FINDS(has_unusable_tlsa)
{
	return has_chain(each) && each->host->tlsa_count > 0 &&
	    each->host->tlsa_secure != SECURE_BOGUS && each->seen->chain.tlsa_usable == 0;
}

/* Nobody uses those of a zone that is not signed, which is a finding of its own. */
FINDS(mismatches_tlsa)
{
	return has_chain(each) && each->seen->chain.tlsa_usable > 0 &&
	    each->host->tlsa_secure != SECURE_BOGUS &&
	    each->host->tlsa_secure != SECURE_NO && !each->seen->chain.tlsa_of_chain;
}

const struct finding_kind probe_kinds_of_chain[] = {
	{ "expired", PROBE_FAULT, "its certificate has expired: %s",
	    "install the renewed one, and let the server read it", is_expired },
	{ "not-yet-valid", PROBE_FAULT, "its certificate is valid from %s on alone",
	    "wait until then or have it issued anew; see to the clocks of both machines",
	    is_not_yet },
	{ "self-signed", PROBE_FAULT, "its certificate is self-signed: nobody can verify it%s",
	    "have one issued by a known authority, publish TLSA records, or give partners its "
	    "fingerprint", is_self_signed },
	{ "missing-intermediate", PROBE_FAULT, "an intermediate certificate is missing: "
	    "that of %s was not sent, and is not known here", fix_chain, lacks_intermediate },
	{ "untrusted", PROBE_FAULT, "its certificate is of an authority that is not known here: "
	    "%s", "have one issued by a public authority, or give partners that root (--ca "
	    "verifies by it)", is_untrusted },
	{ "invalid", PROBE_FAULT, "its certificate cannot be verified: %s",
	    "replace the certificate", is_invalid },
	{ "wrong-name", PROBE_FAULT, "its certificate is not for its name; it has: %s",
	    "have one issued that has the name of the MX record in subjectAltName",
	    has_wrong_name },
	{ "wrong-order", PROBE_WARNING, "its certificates are sent in the wrong order, at which "
	    "some clients fail%s", fix_chain, is_out_of_order },
	{ "root-sent", PROBE_INFO, "it sends the root certificate, too, which is of no use%s",
	    "leave it out of the file", sends_root },
	{ "ends-soon", PROBE_WARNING, "a certificate that it sends ends on %s",
	    "renew it, and let the server read the new one", ends_soon },
	{ "weak-key", PROBE_FAULT, "its key is too weak: %s",
	    "make a new key, of RSA with 2048 bits or more or of P-256, and have a certificate "
	    "issued for it", has_weak_key },
	{ "weak-signature", PROBE_WARNING, "a certificate that it sends has a signature that can "
	    "be forged: %s", "have it issued anew, signed with SHA-256", has_weak_signature },
	{ "tlsa-unusable", PROBE_WARNING, "none of its TLSA records can be used for SMTP: that "
	    "takes usage 2 or 3 (RFC 7672)%s", "publish a record \"3 1 1\" of its key",
	    has_unusable_tlsa },
	{ "tlsa-mismatch", PROBE_FAULT, "no TLSA record matches its certificate: a sender that "
	    "uses DANE keeps the mail%s", "publish the record of the certificate in use, before "
	    "each change of it", mismatches_tlsa },
	{ NULL, PROBE_INFO, NULL, NULL, NULL }
};
