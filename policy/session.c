/*
 * session.c - what the facts say of a session.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/session.h"

#include <string.h>

#include "policy/delivery.h"

/* ------------------------------------------------------------------ *
 * Protocols
 * ------------------------------------------------------------------ */

static const char *const protocol_names[PROTOCOL_COUNT] = {
	[PROTOCOL_CLEAR] = "clear text",
	[PROTOCOL_UNKNOWN] = "unknown",
	[PROTOCOL_SSL] = "SSL",
	[PROTOCOL_TLS_1_0] = "TLSv1.0",
	[PROTOCOL_TLS_1_1] = "TLSv1.1",
	[PROTOCOL_TLS_1_2] = "TLSv1.2",
	[PROTOCOL_TLS_1_3] = "TLSv1.3"
};

/* Where its version begins in the name of one that has any. */
#define VERSION_AT 4

const char *
policy_protocol_name(enum policy_protocol protocol)
{
	return protocol_names[protocol];
}

const char *
protocol_version(enum policy_protocol protocol)
{
	return protocol < PROTOCOL_TLS_1_0 ? "" : protocol_names[protocol] + VERSION_AT;
}

enum policy_protocol
protocol_from_policy(const char *text)
{
	for (int i = PROTOCOL_TLS_1_0; i < PROTOCOL_COUNT; i++)
		if (strcmp(text, protocol_names[i]) == 0 ||
		    strcmp(text, protocol_names[i] + VERSION_AT) == 0)
			return (enum policy_protocol)i;
	return strcmp(text, "TLSv1") == 0 ? PROTOCOL_TLS_1_0 : PROTOCOL_UNKNOWN;
}

/* The version that a protocol's name stands for. */
static enum policy_protocol
protocol_from_fact(const char *name)
{
	if (strcmp(name, "SSLv2") == 0 || strcmp(name, "SSLv3") == 0)
		return PROTOCOL_SSL;
	return strncmp(name, "TLSv", VERSION_AT) == 0 ? protocol_from_policy(name) :
	    PROTOCOL_UNKNOWN;
}

/* ------------------------------------------------------------------ *
 * Sessions
 * ------------------------------------------------------------------ */

enum policy_tri
policy_encrypted(const struct facts *facts)
{
	if (facts->tls_version != NULL && strcmp(facts->tls_version, "none") == 0)
		return POLICY_NO;
	if (facts->cipher != NULL)
		return session_answer(!cipher_name_is_null(facts->cipher));
	return facts->tls_version != NULL ? POLICY_YES : POLICY_UNKNOWN;
}

static bool
session_says_none(const char *fingerprint)
{
	return fingerprint != NULL && strcmp(fingerprint, "none") == 0;
}

enum policy_presented
policy_presented(const struct facts *facts)
{
	bool no_certificate = session_says_none(facts->cert_fingerprint);
	bool no_key = session_says_none(facts->cert_pubkey_fingerprint);

	if (facts->cert_fingerprint != NULL && !no_certificate)
		return PRESENTED_CERTIFICATE;
	if (no_certificate && facts->cert_pubkey_fingerprint != NULL && !no_key)
		return PRESENTED_RAW_KEY;
	return no_certificate || no_key ? PRESENTED_NOTHING : PRESENTED_UNKNOWN;
}

/*
 * Postfix reports certificates only when they are verified: without a word on
 * one, none was; but of mail that goes out its log shows none at all. A raw key is
 * no certificate, whoever vouches for it.
 */
enum policy_tri
session_verified(const struct facts *facts)
{
	bool silent = facts->cert_verified == POLICY_UNKNOWN && facts->cert_cn == NULL &&
	    facts->cert_san == NULL && facts->cert_issuer == NULL;

	if (policy_presented(facts) == PRESENTED_RAW_KEY)
		return POLICY_NO;
	if (facts->direction != NULL)
		return delivery_verified(facts);
	if (silent && facts->mta != NULL && strcmp(facts->mta, "postfix") == 0)
		return POLICY_NO;
	return facts->cert_verified;
}

void
session_read(struct session *session, const struct policy *policy,
    const struct facts *facts, int64_t now)
{
	memset(session, 0, sizeof(*session));
	session->policy = policy;
	session->facts = facts;
	session->version_given = facts->tls_version != NULL &&
	    strcmp(facts->tls_version, "TLS") != 0;
	if (session->version_given)
		session->version = protocol_from_fact(facts->tls_version);
	if (facts->cipher != NULL)
		session->cipher = cipher_find(policy->ciphers, facts->cipher);
	session->encrypted = policy_encrypted(facts);
	session->tls13 = session->version_given ? session->version == PROTOCOL_TLS_1_3 :
	    session->cipher != NULL && session->cipher->tls13;
	session->bits = facts->bits;
	/*
	 * A suite that encrypts has secret bits, whatever the MTA was told of them; and
	 * those of its key, not of its tag, as OpenSSL 3.5 tells the MTA.
	 */
	if (session->cipher != NULL && (session->bits <= 0 ||
	    (session->bits == 64 && session->cipher->short_tag)))
		session->bits = session->cipher->bits;
	session->verified = session_verified(facts);
	session->presented = delivery_has(facts, "anonymous") ? PRESENTED_NOTHING :
	    policy_presented(facts);
	session->now = now;
}
