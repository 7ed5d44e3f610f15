/*
 * session.c - what the facts say of a session, and whether it meets a requirement.
 *
 * Each question has three answers; "unknown" never becomes "yes".
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/session.h"

#include <string.h>

static enum policy_tri
yes_or_no(bool yes)
{
	return yes ? POLICY_YES : POLICY_NO;
}

static bool
encrypts(const struct session *session, const char *cipher)
{
	if (session->cipher != NULL)
		return session->cipher->bits > 0;
	return !cipher_name_is_null(cipher);
}

/* Whether the session is encrypted; a cipher's name shows it where nothing else does. */
static enum policy_tri
is_encrypted(const struct session *session, const struct facts *facts)
{
	if (facts->tls_version != NULL && strcmp(facts->tls_version, "none") == 0)
		return POLICY_NO;
	if (facts->cipher != NULL)
		return yes_or_no(encrypts(session, facts->cipher));
	return facts->tls_version != NULL ? POLICY_YES : POLICY_UNKNOWN;
}

/*
 * Postfix reports certificates only when they are verified: without a word on
 * one, none was.
 */
static enum policy_tri
is_verified(const struct facts *facts)
{
	bool silent = facts->cert_verified == POLICY_UNKNOWN && facts->cert_cn == NULL &&
	    facts->cert_san == NULL && facts->cert_issuer == NULL;

	if (silent && facts->mta != NULL && strcmp(facts->mta, "postfix") == 0)
		return POLICY_NO;
	return facts->cert_verified;
}

void
session_read(struct session *session, const struct policy *policy,
    const struct facts *facts)
{
	memset(session, 0, sizeof(*session));
	session->policy = policy;
	session->facts = facts;
	session->version_given = facts->tls_version != NULL;
	if (session->version_given)
		session->version = tls_version_from_fact(facts->tls_version);
	if (facts->cipher != NULL)
		session->cipher = cipher_find(policy->ciphers, facts->cipher);
	session->encrypted = is_encrypted(session, facts);
	session->tls13 = session->version_given ? session->version == TLS_1_3 :
	    session->cipher != NULL && session->cipher->tls13;
	session->bits = facts->bits >= 0 ? facts->bits :
	    session->cipher != NULL ? session->cipher->bits : -1;
	session->verified = is_verified(facts);
}

static enum policy_tri
meets_version(const struct session *session, enum tls_version least)
{
	if (least == TLS_ANY)
		return POLICY_YES;
	if (!session->version_given)
		return POLICY_UNKNOWN;
	/* A protocol's name that is not known is TLS_ANY, below all. */
	return yes_or_no(session->version >= least);
}

static enum policy_tri
meets_bits(const struct session *session, int least)
{
	if (session->bits < 0)
		return POLICY_UNKNOWN;
	return yes_or_no(session->bits >= least);
}

static enum policy_tri
meets_ciphers(const struct session *session, const struct policy_requirement *requirement)
{
	if (session->tls13 != (requirement->kind == KIND_CIPHERSUITES))
		return POLICY_YES;
	if (session->facts->cipher == NULL)
		return POLICY_UNKNOWN;
	return yes_or_no(session->cipher != NULL &&
	    cipher_in_set(session->policy->ciphers, session->cipher,
	    &requirement->u.ciphers.set));
}

static enum policy_tri
meets_forward_secrecy(const struct session *session)
{
	if (session->tls13)
		return POLICY_YES;
	if (session->facts->cipher == NULL)
		return POLICY_UNKNOWN;
	return yes_or_no(session->cipher != NULL && session->cipher->forward_secrecy);
}

static enum policy_tri
meets_aead(const struct session *session)
{
	if (session->facts->cipher == NULL)
		return POLICY_UNKNOWN;
	return yes_or_no(session->cipher != NULL && session->cipher->aead);
}

/* Whether one of the patterns matches one of the names. */
static enum policy_tri
any_matches(const struct session *session, const struct policy_requirement *requirement,
    const char *const *names, size_t count)
{
	enum policy_tri result = POLICY_NO;

	for (size_t i = 0; i < requirement->u.patterns.count; i++) {
		for (size_t j = 0; j < count; j++) {
			enum policy_tri match = pattern_match(
			    &requirement->u.patterns.list[i],
			    session->policy->limits, names[j]);

			if (match == POLICY_YES)
				return POLICY_YES;
			if (match == POLICY_UNKNOWN)
				result = POLICY_UNKNOWN;
		}
	}
	return result;
}

static enum policy_tri
meets_name(const struct session *session, const struct policy_requirement *requirement)
{
	const struct facts *facts = session->facts;

	if (session->verified != POLICY_YES)
		return session->verified;
	if (facts->cert_san != NULL && facts->cert_san_count > 0)
		return any_matches(session, requirement, facts->cert_san,
		    facts->cert_san_count);
	if (facts->cert_cn == NULL)
		return POLICY_UNKNOWN;
	return any_matches(session, requirement, &facts->cert_cn, 1);
}

static enum policy_tri
meets_issuer(const struct session *session, const struct policy_requirement *requirement)
{
	if (session->verified != POLICY_YES)
		return session->verified;
	if (session->facts->cert_issuer == NULL)
		return POLICY_UNKNOWN;
	return any_matches(session, requirement, &session->facts->cert_issuer, 1);
}

/* Whether one of the pins is among the session's digests. */
static enum policy_tri
any_pinned(const struct policy_requirement *requirement,
    const struct fingerprint *digests, size_t count)
{
	enum policy_tri result = POLICY_NO;

	for (size_t i = 0; i < requirement->u.pins.count; i++) {
		const struct fingerprint *pin = &requirement->u.pins.list[i];
		bool comparable = false;

		for (size_t j = 0; j < count; j++) {
			if (fingerprint_equal(pin, &digests[j]))
				return POLICY_YES;
			comparable |= pin->algorithm == digests[j].algorithm;
		}
		/* The MTA does not report this pin's algorithm. */
		if (!comparable)
			result = POLICY_UNKNOWN;
	}
	return result;
}

static enum policy_tri
meets_pin(const struct session *session, const struct policy_requirement *requirement)
{
	const char *reported[2] = {
		session->facts->cert_fingerprint,
		session->facts->cert_pubkey_fingerprint
	};
	struct fingerprint digests[2];
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		if (reported[i] == NULL)
			continue;
		if (strcmp(reported[i], "none") == 0)
			return POLICY_NO;
		if (fingerprint_read_fact(reported[i], &digests[count]))
			count++;
	}
	return count == 0 ? POLICY_UNKNOWN : any_pinned(requirement, digests, count);
}

enum policy_tri
session_meets(const struct session *session, const struct policy_requirement *requirement)
{
	switch (requirement->kind) {
	case KIND_TLS:
		return meets_version(session, requirement->u.version);
	case KIND_BITS:
		return meets_bits(session, requirement->u.bits);
	case KIND_CIPHER:
	case KIND_CIPHERSUITES:
		return meets_ciphers(session, requirement);
	case KIND_FORWARD_SECRECY:
		return meets_forward_secrecy(session);
	case KIND_AEAD:
		return meets_aead(session);
	case KIND_CERTIFICATE:
		return session->verified;
	case KIND_CERTIFICATE_NAME:
		return meets_name(session, requirement);
	case KIND_CERTIFICATE_ISSUER:
		return meets_issuer(session, requirement);
	case KIND_CERTIFICATE_FINGERPRINT:
		return meets_pin(session, requirement);
	case KIND_COUNT:
		break;
	}
	return POLICY_UNKNOWN;
}
