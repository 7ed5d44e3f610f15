/*
 * reply.h - from a verdict to what the MTA answers its client.
 *
 * Thread-safe. No text from the network but a domain and TLS names is in a reply.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_REPLY_H
#define MILTER_REPLY_H

#include <libmilter/mfapi.h>

#include "policy/policy.h"

/* What libmilter takes as one line of text, after "%" was doubled. */
#define REPLY_TEXT_MAX 980

/*
 * Sets the reply to a verdict that refuses, and returns SMFIS_REJECT or
 * SMFIS_TEMPFAIL to match. Where the reply cannot be set the message is refused
 * all the same, in the MTA's words.
 */
sfsistat reply_refuse(SMFICTX *ctx, const struct verdict *verdict,
    const struct facts *facts);

/* The same for what went wrong on our side: SMFIS_TEMPFAIL. */
sfsistat reply_internal_error(SMFICTX *ctx);

/*
 * Copies "text" with every "%" doubled, as the MTAs use it as a format; cuts it
 * where "size" ends, never in the middle of a pair.
 */
void reply_escape(const char *text, char *out, size_t size);

#endif
