/*
 * probe_findings.c - what is wrong with a server, or worth knowing, and what to do.
 *
 * A fault: whoever asks for what is usual (TLS 1.2 or newer, a certificate that can be
 * verified) cannot have it, or what is offered is known to be broken. A warning: it is to
 * be mended, but mail is safe without. Information: the rest.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/date.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SOON (INT64_C(14) * 86400)

/* What is looked at: an address, or a host alone, or nothing but the target. */
struct finder {
	struct probe_result *result;
	struct probe_each each;
	bool failed;		/* memory was short */
};

/* What is said of a kind. "%s" in the text is what the finder has of it. */
struct finding_kind {
	const char *id;
	enum probe_level level;
	const char *text, *fix;
	/* NULL: found by another way. May change the level. */
	bool (*is)(const struct probe_result *result, const struct probe_each *each,
	    char *detail, enum probe_level *level);
};

#define DETAIL(...) probe_append(detail, PROBE_WORDS, __VA_ARGS__)

static const char fix_reach[] = "see whether its name, its address and the firewalls on the "
    "way let port 25 through";
static const char fix_protocols[] = "let its TLS library and its settings offer TLS 1.2 and "
    "1.3; a server that cannot needs a new version, or another in front of it";
static const char fix_suites[] = "take these suites out of its list of ciphers";
static const char fix_chain[] = "install the certificate file that has the server's "
    "certificate first and then each authority that signed the one before, without the root";

/* ------------------------------------------------------------------ *
 * How far it came
 * ------------------------------------------------------------------ */

#define FINDS(name) \
	static bool \
	name(const struct probe_result *result, const struct probe_each *each, \
	    char *detail, enum probe_level *level)
#define UNUSED_HERE \
	(void)result; \
	(void)detail; \
	(void)level

/* Errors that are of this machine: it has no way there. */
static bool
is_of_ours(int error)
{
	return error == ENETUNREACH || error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

static void
detail_said(const struct probe_address *address, char *detail)
{
	if (address->said[0] != '\0')
		DETAIL(" (%s)", address->said);
	else if (address->error != 0)
		DETAIL(" (%s)", strerror(address->error));
}

FINDS(is_unreachable)
{
	UNUSED_HERE;
	detail_said(each->address, detail);
	return each->address->reached == REACHED_NOTHING && !each->address->cut_short &&
	    !is_of_ours(each->address->error);
}

FINDS(has_no_route)
{
	UNUSED_HERE;
	detail_said(each->address, detail);
	return each->address->reached == REACHED_NOTHING && is_of_ours(each->address->error);
}

FINDS(has_no_banner)
{
	UNUSED_HERE;
	return each->address->reached == REACHED_CONNECTION &&
	    each->address->error == ETIMEDOUT;
}

/* Whether what ended it are a server's words, and not ours on what it did. */
static bool
is_reply(const char *said)
{
	return said[0] == '4' || said[0] == '5';
}

FINDS(speaks_no_smtp)
{
	UNUSED_HERE;
	detail_said(each->address, detail);
	return (each->address->reached == REACHED_CONNECTION &&
	    each->address->error != ETIMEDOUT) ||
	    (each->address->reached == REACHED_BANNER && !is_reply(each->address->said));
}

FINDS(is_refused)
{
	UNUSED_HERE;
	detail_said(each->address, detail);
	return each->address->reached == REACHED_BANNER && is_reply(each->address->said);
}

FINDS(has_no_starttls)
{
	UNUSED_HERE;
	return each->address->reached == REACHED_EHLO && !each->address->starttls;
}

FINDS(refuses_starttls)
{
	UNUSED_HERE;
	detail_said(each->address, detail);
	return each->address->reached == REACHED_EHLO && each->address->starttls;
}

static bool
speaks_old(const struct probe_address *address)
{
	return address->offers[PROBE_SSL_3] == OFFER_YES ||
	    address->offers[PROBE_TLS_1_0] == OFFER_YES ||
	    address->offers[PROBE_TLS_1_1] == OFFER_YES;
}

static bool
speaks_new(const struct probe_address *address)
{
	return address->offers[PROBE_TLS_1_2] == OFFER_YES ||
	    address->offers[PROBE_TLS_1_3] == OFFER_YES;
}

/* Some answers to hellos may be nonsense: that it speaks a version proves little then. */
static bool
comes_to_nothing(const struct probe_address *address)
{
	return address->reached == REACHED_STARTTLS && !address->requires_certificate &&
	    !(speaks_old(address) && !speaks_new(address));
}

FINDS(fails_handshakes)
{
	UNUSED_HERE;
	detail_said(each->address, detail);
	return comes_to_nothing(each->address);
}

FINDS(asks_no_more)
{
	const struct probe_address *address = each->address;

	UNUSED_HERE;
	if (address->refused)
		DETAIL("it refused further connections");
	else
		DETAIL("the time was over");
	return address->cut_short || (address->reached >= REACHED_EHLO && address->refused);
}

/* ------------------------------------------------------------------ *
 * Protocols and suites
 * ------------------------------------------------------------------ */

FINDS(is_old_alone)
{
	(void)result;
	(void)level;
	probe_offers_text(each->address, detail, PROBE_WORDS);
	return speaks_old(each->address) && !speaks_new(each->address);
}

FINDS(has_old)
{
	const struct probe_address *address = each->address;
	bool tls10 = address->offers[PROBE_TLS_1_0] == OFFER_YES;
	bool tls11 = address->offers[PROBE_TLS_1_1] == OFFER_YES;

	UNUSED_HERE;
	DETAIL("%s", tls10 && tls11 ? "TLS 1.0 and 1.1" : tls10 ? "TLS 1.0" : "TLS 1.1");
	return (tls10 || tls11) && speaks_new(address);
}

FINDS(has_ssl)
{
	UNUSED_HERE;
	return each->address->offers[PROBE_SSL_3] == OFFER_YES;
}

FINDS(takes_rc4)
{
	UNUSED_HERE;
	return each->address->takes_rc4 == OFFER_YES;
}

FINDS(takes_3des)
{
	UNUSED_HERE;
	return each->address->takes_3des == OFFER_YES;
}

FINDS(takes_des)
{
	UNUSED_HERE;
	return each->address->takes_des == OFFER_YES;
}

FINDS(takes_export)
{
	UNUSED_HERE;
	return each->address->takes_export == OFFER_YES;
}

FINDS(takes_null)
{
	UNUSED_HERE;
	return each->address->takes_null == OFFER_YES;
}

FINDS(takes_anonymous)
{
	UNUSED_HERE;
	return each->address->takes_anonymous == OFFER_YES;
}

FINDS(has_weak_dh)
{
	int bits = each->address->dh_bits;

	(void)result;
	DETAIL("%d", bits);
	if (bits < 1024)
		*level = PROBE_FAULT;
	return bits > 0 && bits < 2048;
}

/* TLS 1.3 has none, and does not need it. */
FINDS(cannot_renegotiate)
{
	const struct probe_address *address = each->address;

	UNUSED_HERE;
	return (speaks_old(address) || address->offers[PROBE_TLS_1_2] == OFFER_YES) &&
	    address->offers[PROBE_TLS_1_3] != OFFER_YES && !address->renegotiation &&
	    !comes_to_nothing(address);
}

FINDS(requires_certificate)
{
	UNUSED_HERE;
	return each->address->requires_certificate;
}

/* ------------------------------------------------------------------ *
 * The certificate
 * ------------------------------------------------------------------ */

static bool
has_chain(const struct probe_each *each)
{
	return sk_X509_num(each->address->chain) > 0;
}

static bool
is_in_safe_zone(const struct probe_result *result, const struct probe_host *host)
{
	return host->tlsa_secure == SECURE_YES && host->secure == SECURE_YES &&
	    (!result->target.is_domain || result->target.secure == SECURE_YES);
}

/* Who verifies by DANE does not ask an authority; who does by MTA-STS, does. */
static void
soften_by_dane(const struct probe_result *result, const struct probe_each *each,
    enum probe_level *level)
{
	if (each->seen->chain.tlsa_matches && is_in_safe_zone(result, each->host) &&
	    !result->target.sts.record)
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
	(void)detail;
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
	UNUSED_HERE;
	return has_chain(each) && !each->seen->chain.ordered;
}

FINDS(sends_root)
{
	UNUSED_HERE;
	return has_chain(each) && each->seen->chain.root_sent;
}

FINDS(ends_soon)
{
	int64_t end = each->seen->chain.first_end;

	(void)level;
	detail_day(end, detail);
	return has_chain(each) && end >= result->now && end - result->now < SOON &&
	    !is_past(result, each);
}

FINDS(has_weak_key)
{
	const char *key = each->seen->chain.key;

	UNUSED_HERE;
	DETAIL("%s", key);
	return has_chain(each) && ((strncmp(key, "rsa:", 4) == 0 && atoi(key + 4) < 2048) ||
	    strncmp(key, "dsa", 3) == 0);
}

FINDS(has_weak_signature)
{
	const char *signature = each->seen->chain.signature;

	UNUSED_HERE;
	DETAIL("%s", signature);
	return has_chain(each) && !each->seen->chain.self_signed &&
	    (strcmp(signature, "sha1") == 0 || strncmp(signature, "md", 2) == 0);
}

/* ------------------------------------------------------------------ *
 * DNS
 * ------------------------------------------------------------------ */

FINDS(has_no_address)
{
	UNUSED_HERE;
	DETAIL("%s", each->host->trouble[0] != '\0' ? each->host->trouble : "none is there");
	return each->host->address_count == 0 && each->host->secure != SECURE_BOGUS;
}

FINDS(is_bogus)
{
	(void)detail;
	(void)level;
	(void)result;
	return each->host->secure == SECURE_BOGUS;
}

FINDS(is_mx_alias)
{
	(void)level;
	DETAIL("%s", each->host->alias_of);
	return result->target.is_domain && !result->target.implicit_mx &&
	    each->host->is_alias;
}

FINDS(has_bogus_tlsa)
{
	UNUSED_HERE;
	if (each->host->tlsa_trouble[0] != '\0')
		DETAIL(" (%s)", each->host->tlsa_trouble);
	return each->host->tlsa_secure == SECURE_BOGUS && each->host->secure != SECURE_BOGUS;
}

FINDS(has_unsigned_tlsa)
{
	UNUSED_HERE;
	return each->host->tlsa_count > 0 && each->host->tlsa_secure == SECURE_NO;
}

FINDS(has_unusable_tlsa)
{
	UNUSED_HERE;
	return has_chain(each) && each->host->tlsa_count > 0 &&
	    each->host->tlsa_secure != SECURE_BOGUS && each->seen->chain.tlsa_usable == 0;
}

FINDS(mismatches_tlsa)
{
	UNUSED_HERE;
	return has_chain(each) && each->seen->chain.tlsa_usable > 0 &&
	    each->host->tlsa_secure != SECURE_BOGUS && !each->seen->chain.tlsa_of_chain;
}

/* Only of the MX of a domain. */
FINDS(is_not_of_sts)
{
	const struct probe_sts *sts = &result->target.sts;

	(void)detail;
	if (sts->mode == STS_TESTING)
		*level = PROBE_WARNING;
	return sts->fetched && sts->mode != STS_NONE &&
	    !probe_sts_fits(sts, each->host->name);
}

/* ------------------------------------------------------------------ *
 * The tables
 * ------------------------------------------------------------------ */

/* Of each host. */
static const struct finding_kind kinds_of_host[] = {
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

/* Of each address. */
static const struct finding_kind kinds_of_address[] = {
	{ "unreachable", PROBE_FAULT, "there is no connection to it%s", fix_reach,
	    is_unreachable },
	{ "no-route", PROBE_INFO, "this machine has no way to it%s, and says nothing of it",
	    "probe from a machine that has such an address", has_no_route },
	{ "no-banner", PROBE_FAULT, "it takes the connection, but no greeting came in time%s",
	    "see why it waits: often for DNS, or a blocklist that does not answer",
	    has_no_banner },
	{ "no-smtp", PROBE_FAULT, "it takes the connection, but does not speak SMTP%s",
	    "see what listens on that port, and whether it ended the connection for our "
	    "address", speaks_no_smtp },
	{ "refused", PROBE_FAULT, "it refuses us%s",
	    "see its log for why; probe from an address that it lets in", is_refused },
	{ "no-starttls", PROBE_FAULT, "it does not offer STARTTLS: mail to it goes in clear "
	    "text%s", "give it a certificate and turn TLS on for incoming SMTP; a firewall that "
	    "inspects SMTP may hide the word, too", has_no_starttls },
	{ "starttls-refused", PROBE_FAULT, "it offers STARTTLS and then refuses it%s",
	    "see its log: most often it cannot read its key or certificate",
	    refuses_starttls },
	{ "handshake-fails", PROBE_FAULT, "it offers STARTTLS, but no handshake succeeds%s",
	    "see its log: key and certificate that do not belong together, or no suite that "
	    "is left", fails_handshakes },
	{ "client-certificate", PROBE_FAULT, "it ends each session in which no client "
	    "certificate is shown: other servers have none%s",
	    "let it ask for one, but not require it, on port 25", requires_certificate },
	{ "old-tls-only", PROBE_FAULT, "the newest that it offers is too old: %s",
	    fix_protocols, is_old_alone },
	{ "ssl-3", PROBE_FAULT, "it accepts SSL 3, which is broken (RFC 7568)%s",
	    "turn SSL 3 off", has_ssl },
	{ "old-tls", PROBE_INFO, "it accepts %s, too (RFC 8996): of use to old senders alone",
	    "turn it off when no log shows it any more", has_old },
	{ "null", PROBE_FAULT, "it accepts suites that do not encrypt (NULL)%s", fix_suites,
	    takes_null },
	{ "export", PROBE_FAULT, "it accepts export suites, which anybody can break%s",
	    fix_suites, takes_export },
	{ "des", PROBE_FAULT, "it accepts single DES, which anybody can break%s", fix_suites,
	    takes_des },
	{ "rc4", PROBE_WARNING, "it accepts RC4, which is broken (RFC 7465)%s", fix_suites,
	    takes_rc4 },
	{ "3des", PROBE_WARNING, "it accepts 3DES, which is too weak for much data (SWEET32)%s",
	    fix_suites, takes_3des },
	{ "anonymous", PROBE_INFO, "it accepts suites without a certificate (anonymous "
	    "ones): whoever offers them cannot know whom he speaks to%s",
	    "take aNULL out of its list of ciphers (Postfix: smtpd_tls_exclude_ciphers = aNULL)",
	    takes_anonymous },
	{ "weak-dh", PROBE_WARNING, "its Diffie-Hellman group has %s bits alone",
	    "give it a group of 2048 bits or more, or leave DHE out and offer ECDHE",
	    has_weak_dh },
	{ "renegotiation", PROBE_WARNING, "it does not know RFC 5746 (secure renegotiation): "
	    "clients with OpenSSL 3 may refuse it%s", "update its TLS library",
	    cannot_renegotiate },
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
	{ "weak-signature", PROBE_WARNING, "its certificate is signed with %s, which can be "
	    "forged", "have it issued anew, signed with SHA-256", has_weak_signature },
	{ "tlsa-unusable", PROBE_WARNING, "none of its TLSA records can be used for SMTP: that "
	    "takes usage 2 or 3 (RFC 7672)%s", "publish a record \"3 1 1\" of its key",
	    has_unusable_tlsa },
	{ "tlsa-mismatch", PROBE_FAULT, "no TLSA record matches its certificate: a sender that "
	    "uses DANE keeps the mail%s", "publish the record of the certificate in use, before "
	    "each change of it", mismatches_tlsa },
	{ "not-all-asked", PROBE_INFO, "not all was asked: %s", "ask again later",
	    asks_no_more },
	{ NULL, PROBE_INFO, NULL, NULL, NULL }
};

/* ------------------------------------------------------------------ *
 * Finding
 * ------------------------------------------------------------------ */

/* A new one; NULL: memory is short. */
static struct probe_finding *
new_finding(struct finder *finder, const char *id, enum probe_level level)
{
	struct probe_result *result = finder->result;
	struct probe_finding *finding;

	if (!array_reserve(result->findings, result->finding_count + 1,
	    &result->finding_room)) {
		finder->failed = true;
		return NULL;
	}
	finding = &result->findings[result->finding_count++];
	*finding = (struct probe_finding){ .id = id, .level = level };
	if (finder->each.host != NULL)
		finding->host = finder->each.host->name;
	if (finder->each.address != NULL)
		finding->address = finder->each.address->text;
	return finding;
}

static void
add_finding(struct finder *finder, const char *id, enum probe_level level,
    const char *text, const char *detail, const char *fix)
{
	struct probe_finding *finding = new_finding(finder, id, level);
	const char *value = strstr(text, "%s");

	if (finding == NULL)
		return;
	if (value != NULL)
		probe_append(finding->text, sizeof(finding->text), "%.*s%s%s",
		    (int)(value - text), text, detail, value + 2);
	else
		probe_append(finding->text, sizeof(finding->text), "%s", text);
	probe_append(finding->fix, sizeof(finding->fix), "%s", fix);
}

static void
find_by(struct finder *finder, const struct finding_kind *kinds)
{
	for (; kinds->id != NULL; kinds++) {
		char detail[PROBE_WORDS] = "";
		enum probe_level level = kinds->level;

		if (kinds->is(finder->result, &finder->each, detail, &level))
			add_finding(finder, kinds->id, level, kinds->text, detail, kinds->fix);
	}
}

static void
find_of_target(struct finder *finder)
{
	const struct probe_target *target = &finder->result->target;

	if (target->null_mx)
		add_finding(finder, "null-mx", PROBE_FAULT, "it takes no mail: its MX record says "
		    "so (RFC 7505)", "", "send no mail there, or have the record replaced");
	else if (target->secure == SECURE_BOGUS)
		add_finding(finder, "bogus", PROBE_FAULT, "DNSSEC says that its MX records are "
		    "forged, or the zone is signed wrongly", "",
		    "sign the zone anew, or correct the DS record at its parent");
	else if (target->host_count == 0)
		add_finding(finder, "no-host", PROBE_FAULT, "there is no host to ask: %s",
		    target->trouble[0] != '\0' ? target->trouble : "none was found",
		    "see whether the name is right, and whether the resolver answers");
	if (target->sts.asked && target->sts.record && !target->sts.fetched)
		add_finding(finder, "sts-policy", PROBE_FAULT, "it has an MTA-STS record, but no "
		    "policy that could be used: %s", target->sts.trouble,
		    "serve a policy as RFC 8461 has it, at https://mta-sts.DOMAIN/"
		    ".well-known/mta-sts.txt, without a redirect");
}

/* ------------------------------------------------------------------ *
 * Differences
 * ------------------------------------------------------------------ */

static bool
has_own(const struct probe_result *result, const struct probe_address *address)
{
	for (size_t i = 0; i < result->finding_count; i++)
		if (result->findings[i].address == address->text &&
		    result->findings[i].level != PROBE_INFO)
			return true;
	return false;
}

/* What it offers, as text that is the same for the same. */
static void
describe_offer(const struct probe_address *address, char *text, size_t size)
{
	probe_offers_text(address, text, size);
	if (address->wants_certificate == OFFER_YES)
		probe_append(text, size, ", asks for a client certificate");
	probe_append(text, size, ", takes %s first", address->suite_count > 0 &&
	    address->ordered == OFFER_YES ? address->suites[0].name : address->cipher);
}

/* Of those without a fault or a warning, which say for themselves what is other there. */
static void
find_differences(struct finder *finder)
{
	struct probe_result *result = finder->result;
	char first[PROBE_WORDS] = "", other[PROBE_WORDS], text[PROBE_WORDS] = "";
	const struct probe_each none = { .host = NULL };
	struct probe_each each = none, one = none;

	while (probe_next(result, &each)) {
		if (each.address->reached != REACHED_TLS || has_own(result, each.address))
			continue;
		other[0] = '\0';
		describe_offer(each.address, other, sizeof(other));
		if (one.host == NULL) {
			one = each;
			memcpy(first, other, sizeof(first));
		} else if (strcmp(first, other) != 0) {
			probe_append(text, sizeof(text), "%s [%s]: %s; %s [%s]: %s",
			    one.host->name, one.address->text, first, each.host->name,
			    each.address->text, other);
			finder->each = none;
			add_finding(finder, "hosts-differ", PROBE_WARNING,
			    "hosts offer different things: %s", text,
			    "set them up alike: which one a sender comes to is chance");
			return;
		}
	}
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/* The gravest first; else as they were found. */
static void
sort_findings(struct probe_result *result)
{
	for (size_t i = 1; i < result->finding_count; i++) {
		struct probe_finding finding = result->findings[i];
		size_t at = i;

		while (at > 0 && result->findings[at - 1].level < finding.level) {
			result->findings[at] = result->findings[at - 1];
			at--;
		}
		result->findings[at] = finding;
	}
}

bool
probe_find(struct probe_result *result)
{
	struct finder finder = { .result = result };

	find_of_target(&finder);
	for (size_t i = 0; i < result->target.host_count; i++) {
		struct probe_host *host = &result->target.hosts[i];

		finder.each = (struct probe_each){ .host = host };
		find_by(&finder, kinds_of_host);
		for (size_t j = 0; j < host->address_count; j++) {
			finder.each.address = &host->addresses[j];
			finder.each.seen = &result->seen[i][j];
			find_by(&finder, kinds_of_address);
		}
	}
	find_differences(&finder);
	sort_findings(result);
	return !finder.failed;
}
