/*
 * callbacks.h - the daemon as libmilter sees it, and what it tells of a verdict.
 *
 * Thread-safe. No text from the network but a domain and TLS names is in a reply.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_CALLBACKS_H
#define TLSWARD_MILTER_CALLBACKS_H

#include <libmilter/mfapi.h>

#include "milter/decision.h"
#include "milter/service.h"
#include "milter/session.h"

/* What smfi_register() takes. The name is "tlsward". */
struct smfiDesc callbacks_description(void);

/*
 * What the callbacks work with from now on. libmilter hands no pointer through, so
 * that this is the one thing that is global; it must be set before smfi_main() and
 * outlive all callbacks.
 */
void callbacks_serve(struct service *service);

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

/* The same for what comes when the daemon ends. */
sfsistat reply_ending(SMFICTX *ctx);

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
