/*
 * session.c - what the facts say of a session.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/session.h"

#include <string.h>

#include "base/date.h"

enum policy_tri
policy_encrypted(const struct facts *facts)
{
	if (facts->tls_version != NULL && strcmp(facts->tls_version, "none") == 0)
		return POLICY_NO;
	if (facts->cipher != NULL)
		return session_answer(!cipher_name_is_null(facts->cipher));
	return facts->tls_version != NULL ? POLICY_YES : POLICY_UNKNOWN;
}

/*
 * Postfix reports certificates only when they are verified: without a word on
 * one, none was.
 */
enum policy_tri
session_verified(const struct facts *facts)
{
	bool silent = facts->cert_verified == POLICY_UNKNOWN && facts->cert_cn == NULL &&
	    facts->cert_san == NULL && facts->cert_issuer == NULL;

	if (silent && facts->mta != NULL && strcmp(facts->mta, "postfix") == 0)
		return POLICY_NO;
	return facts->cert_verified;
}

static bool
says_none(const char *fingerprint)
{
	return fingerprint != NULL && strcmp(fingerprint, "none") == 0;
}

void
session_read(struct session *session, const struct policy *policy,
    const struct facts *facts, int64_t now)
{
	memset(session, 0, sizeof(*session));
	session->policy = policy;
	session->facts = facts;
	session->version_given = facts->tls_version != NULL;
	if (session->version_given)
		session->version = protocol_from_fact(facts->tls_version);
	if (facts->cipher != NULL)
		session->cipher = cipher_find(policy->ciphers, facts->cipher);
	session->encrypted = policy_encrypted(facts);
	session->tls13 = session->version_given ? session->version == PROTOCOL_TLS_1_3 :
	    session->cipher != NULL && session->cipher->tls13;
	session->bits = facts->bits;
	/* A suite that encrypts has secret bits, whatever the MTA was told of them. */
	if (session->bits <= 0 && session->cipher != NULL)
		session->bits = session->cipher->bits;
	session->verified = session_verified(facts);
	session->no_certificate = says_none(facts->cert_fingerprint) ||
	    says_none(facts->cert_pubkey_fingerprint);
	session->now = now;
}
