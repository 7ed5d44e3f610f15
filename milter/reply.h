/*
 * reply.h - what the MTA is told of a verdict, and has to do with the message.
 *
 * Thread-safe. No text from the network but a domain and TLS names is in a reply.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_REPLY_H
#define TLSWARD_MILTER_REPLY_H

#include <libmilter/mfapi.h>

#include "milter/decision.h"
#include "milter/session.h"

/* What libmilter takes as one line of text, after "%" was doubled. */
#define REPLY_TEXT_MAX 980

/*
 * Sets the reply to a verdict that refuses, and returns SMFIS_REJECT or
 * SMFIS_TEMPFAIL to match. Where the reply cannot be set the message is refused
 * all the same, in the MTA's words.
 */
sfsistat reply_refuse(SMFICTX *ctx, const struct judgement *judgement);

/* The same for what went wrong on our side: SMFIS_TEMPFAIL. */
sfsistat reply_internal_error(SMFICTX *ctx);

/* Has the MTA hold the message. False where it does not take that. */
bool reply_hold(SMFICTX *ctx, const struct verdict *verdict);

/*
 * Removes the header fields that claim to be ours, and adds the one that is, where the
 * settings want that. False where the message must not go on: with a field that is not
 * true.
 */
bool reply_edit_header(SMFICTX *ctx, struct service *service,
    const struct session *session);

/*
 * Copies "text" with every "%" doubled, as the MTAs use it as a format; cuts it
 * where "size" ends, never in the middle of a pair.
 */
void reply_escape(const char *text, char *out, size_t size);

#endif
