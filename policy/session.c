/*
 * session.c - what the facts say of a session, and whether it meets a requirement.
 *
 * Each question has three answers; "unknown" never becomes "yes".
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/session.h"

#include <string.h>

#include "base/date.h"

static enum policy_tri
yes_or_no(bool yes)
{
	return yes ? POLICY_YES : POLICY_NO;
}

enum policy_tri
policy_encrypted(const struct facts *facts)
{
	if (facts->tls_version != NULL && strcmp(facts->tls_version, "none") == 0)
		return POLICY_NO;
	if (facts->cipher != NULL)
		return yes_or_no(!cipher_name_is_null(facts->cipher));
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

static enum policy_tri
meets_version(const struct session *session, enum policy_protocol least)
{
	if (least == PROTOCOL_UNKNOWN)
		return POLICY_YES;
	if (!session->version_given)
		return POLICY_UNKNOWN;
	/* A protocol's name that is not known is below all. */
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
	if (session->tls13 != (requirement->kind == REASON_CIPHERSUITES))
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

/* Whether a pin is one of the digests; unknown where none is of its algorithm. */
static enum policy_tri
is_pinned(const struct fingerprint *pin, const struct fingerprint *digests,
    size_t count)
{
	enum policy_tri result = POLICY_UNKNOWN;

	for (size_t i = 0; i < count; i++) {
		if (fingerprint_equal(pin, &digests[i]))
			return POLICY_YES;
		if (pin->algorithm == digests[i].algorithm)
			result = POLICY_NO;
	}
	return result;
}

/* Whether one of the pins is among the session's digests. */
static enum policy_tri
any_pinned(const struct policy_requirement *requirement,
    const struct fingerprint *digests, size_t count)
{
	size_t of_one = requirement->u.pins.file_count > 0 ? CERTIFICATE_DIGESTS : 1;
	enum policy_tri result = POLICY_NO;

	for (size_t i = 0; i < requirement->u.pins.count; i += of_one) {
		bool comparable = false;

		for (size_t j = i; j < i + of_one; j++) {
			enum policy_tri pinned = is_pinned(
			    &requirement->u.pins.list[j], digests, count);

			if (pinned == POLICY_YES)
				return POLICY_YES;
			comparable |= pinned == POLICY_NO;
		}
		/* The MTA reports no algorithm that this pin has. */
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
		if (says_none(reported[i]))
			return POLICY_NO;
		if (fingerprint_read_fact(reported[i], &digests[count]))
			count++;
	}
	return count == 0 ? POLICY_UNKNOWN : any_pinned(requirement, digests, count);
}

static enum policy_tri
meets_key(const struct session *session, int least)
{
	const char *key = session->facts->cert_key;

	if (session->no_certificate)
		return POLICY_NO;
	if (key == NULL)
		return POLICY_UNKNOWN;
	/* A kind of key that is not known is weaker than all. */
	return yes_or_no(certificate_key_strength(key) >= least);
}

static enum policy_tri
meets_signature(const struct session *session, int least)
{
	const char *signature = session->facts->cert_signature;

	if (session->no_certificate)
		return POLICY_NO;
	if (signature == NULL)
		return POLICY_UNKNOWN;
	return yes_or_no(certificate_signature_rank(signature) >= least);
}

static enum policy_tri
meets_validity(const struct session *session, int days)
{
	const char *text = session->facts->cert_not_after;
	int64_t not_after;

	if (session->no_certificate)
		return POLICY_NO;
	if (text == NULL || !date_read_time(text, &not_after))
		return POLICY_UNKNOWN;
	return yes_or_no(not_after - session->now >= (int64_t)days * 86400);
}

enum policy_tri
session_meets(const struct session *session, const struct policy_requirement *requirement)
{
	switch (requirement->kind) {
	case REASON_TLS_VERSION:
		return meets_version(session, requirement->u.version);
	case REASON_BITS:
		return meets_bits(session, requirement->u.bits);
	case REASON_CIPHER:
	case REASON_CIPHERSUITES:
		return meets_ciphers(session, requirement);
	case REASON_FORWARD_SECRECY:
		return meets_forward_secrecy(session);
	case REASON_AEAD:
		return meets_aead(session);
	case REASON_CERTIFICATE:
		return session->verified;
	case REASON_CERTIFICATE_NAME:
		return meets_name(session, requirement);
	case REASON_CERTIFICATE_ISSUER:
		return meets_issuer(session, requirement);
	case REASON_CERTIFICATE_FINGERPRINT:
		return meets_pin(session, requirement);
	case REASON_CERTIFICATE_KEY:
		return meets_key(session, requirement->u.key);
	case REASON_CERTIFICATE_SIGNATURE:
		return meets_signature(session, requirement->u.signature.rank);
	case REASON_CERTIFICATE_VALIDITY:
		return meets_validity(session, requirement->u.days);
	case REASON_NONE:
	case REASON_TLS:
	case REASON_UNKNOWN_FACT:
	case REASON_COUNT:
		break;
	}
	return POLICY_UNKNOWN;
}
