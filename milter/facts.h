/*
 * facts.h - from the MTA's macros to the facts that a policy is held against.
 *
 * The one place that knows that the same macro means different things in Postfix
 * and in Sendmail. Thread-safe.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_FACTS_H
#define TLSWARD_MILTER_FACTS_H

#include <libmilter/mfapi.h>

#include "milter/correlation.h"
#include "milter/session.h"
#include "policy/policy.h"
#include "settings/settings.h"

/* Where text is decoded to. A name that is longer is the empty one. */
struct facts_room {
	char subject[512];
	char issuer[512];
	char subject_dn[512];
	char issuer_dn[512];
	char fingerprint[64];
	char user[512];
};

/*
 * Gathers what is known at the MAIL command. "from" is the command's address as
 * address_trim() left it. All strings are borrowed, from the session, from "room"
 * and from libmilter, whose own last until the callback returns.
 */
void facts_gather(SMFICTX *ctx, const struct session *session,
    enum settings_mta setting, const char *from, struct facts_room *room,
    struct facts *facts);

/*
 * The sender as the MTA understood it, where that may name another domain than
 * the address that the client spelt ("from", trimmed): an MTA repairs addresses
 * (comments, quoted domains, %-hacks). NULL where there is nothing more to judge.
 */
const char *facts_from_resolved(SMFICTX *ctx, const char *from);

/*
 * The recipient as the MTA resolved it, where that is a full address and another
 * one than the client gave ("to", trimmed). NULL otherwise.
 */
const char *facts_to_resolved(SMFICTX *ctx, const char *to);

/*
 * Whether the MAIL command is one of another session than xxfi_connect told of. A
 * milter connection is good for one, and libmilter ignores a second CONNECT (and a
 * QUIT_NC, outside a message): all that is known of the client is the first's then.
 * It shows where the macros name another client, or where those of the connect are not
 * the ones that were there at the first MAIL. Macros that an MTA does not give tell
 * nothing.
 */
bool facts_of_another(SMFICTX *ctx, struct session *session);

/*
 * Whether the macros of this MAIL, or of this RCPT, did not come: libmilter passes over
 * a packet of macros for which it has no memory, and gives those of the message before,
 * or none. Once for each such command.
 */
bool facts_are_lost(SMFICTX *ctx, struct session *session);
bool facts_of_recipient_are_lost(SMFICTX *ctx, struct session *session);

/* What correlates: those that both the milter and the policy service hear. */
void facts_tls(const struct facts *facts, struct correlation_tls *tls);

/*
 * Puts the fingerprints in that the policy service heard for this recipient, where
 * the MTA told none. They are borrowed from "digests".
 */
void facts_correlate(struct correlation *correlation,
    const struct correlation_session *session,
    const char *from_resolved, struct facts *facts,
    struct correlation_digests *digests);

/* The queue id, or NULL where the message has none yet. */
const char *facts_queue_id(SMFICTX *ctx);

/*
 * Takes the outer angle brackets off an address, and the blanks around it and within
 * them, within its own bytes. The null sender is "<>" afterwards, also where it came as
 * nothing at all.
 */
const char *address_trim(char *address);

/*
 * Text as Sendmail encodes it for its macros, and Postfix for policies. Either writes
 * a byte that is not a plain one as + and two hex digits (xtext). A full name went
 * through OpenSSL's X509_NAME_oneline() before: a byte that is not printable ASCII is
 * \x and two hex digits there, and since OpenSSL 3 a / or + within a value has a \
 * before it. All decoders write to "out", which has "size" bytes, and return it. Text
 * that does not fit, or that hides a NUL, becomes the empty text.
 */
typedef const char *encoded_decoder(const char *encoded, char *out, size_t size);

/* Undoes +XX, of {auth_authen} and Postfix's ccert_subject and the like. */
encoded_decoder encoded_text;

/*
 * The same of {cn_subject} and {cn_issuer}. What Sendmail puts in the place of a name
 * that it could not read (BadCertificate...) becomes the empty name, which no pattern
 * matches.
 */
encoded_decoder encoded_common_name;

/*
 * Of {cert_subject} and {cert_issuer}: for people to read. What was a / within a value
 * looks like the beginning of the next one, so no part of it proves anything.
 */
encoded_decoder encoded_full_name;

#endif
