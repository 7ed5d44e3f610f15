/*
 * session.h - what the facts say of a session.
 *
 * Each question has three answers; "unknown" never becomes "yes".
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_POLICY_SESSION_H
#define TLSWARD_POLICY_SESSION_H

#include "policy/rules.h"

struct client;

struct session {
	const struct policy *policy;
	const struct facts *facts;
	const struct client *client;	/* NULL: nobody asks for it */
	enum policy_tri encrypted;
	bool version_given;
	enum policy_protocol version;	/* PROTOCOL_UNKNOWN: not known */
	bool tls13;			/* the protocol, or the suite where it is not given */
	const struct cipher *cipher;	/* NULL: not given, or not known */
	int bits;			/* -1: unknown */
	enum policy_tri verified;
	enum policy_presented presented;
	int64_t now;
};

static inline enum policy_tri
session_answer(bool yes)
{
	return yes ? POLICY_YES : POLICY_NO;
}

/* Reads the facts. Borrows from both. "now" is in seconds since the epoch. */
void session_read(struct session *session, const struct policy *policy,
    const struct facts *facts, int64_t now);

/* Whether the client's certificate was verified, by all that the facts say. */
enum policy_tri session_verified(const struct facts *facts);

#endif
