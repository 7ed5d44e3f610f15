/*
 * fake.h - a libmilter without a network: the same smfi_ functions, and an MTA's
 * side that a test speaks for.
 *
 * Each callback runs on a thread of its own, as in a libmilter with a pool of
 * workers. What a milter must not do (a reply of the wrong class, a quarantine
 * before the end, a pointer left behind at close...) is a fault, which is printed
 * and counted.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef FAKE_H
#define FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <libmilter/mfapi.h>

/* Not a status of libmilter's: the callback was not called. */
#define FAKE_NOT_CALLED (-1)

enum fake_mta { FAKE_POSTFIX, FAKE_SENDMAIL };

struct fake_options {
	enum fake_mta mta;
	bool no_symlist;	/* an MTA that cannot be told which macros to send */
	bool no_quarantine;
	bool no_add;		/* of header fields */
	bool no_change;
	bool no_version;	/* does not say what it is */
	bool failing_symlist;
	bool failing_reply;
	bool failing_quarantine;
	bool failing_add;
	bool failing_change;
	bool one_thread;	/* callbacks run on the caller's: faster */
};

/* One connection of the MTA's. NULL when memory is short. */
SMFICTX *fake_new(const struct smfiDesc *milter, const struct fake_options *options);
void fake_free(SMFICTX **ctx);		/* NULL-safe */

/* Has the next packet of macros that comes be passed over, as for want of memory. */
void fake_lose_macros(SMFICTX *ctx);

/* Sets a macro from now on, or (value NULL) takes it away. */
void fake_macro(SMFICTX *ctx, const char *name, const char *value);

/*
 * The queue id, which each MTA gives at other stages. NULL: there is none, as where
 * Postfix has a filter before the queue.
 */
void fake_queue_id(SMFICTX *ctx, const char *id);

/* The callbacks. "address": NULL, "unix", or an IPv4 or IPv6 address. */
sfsistat fake_negotiate(SMFICTX *ctx);
sfsistat fake_connect(SMFICTX *ctx, const char *host, const char *address, int port);
sfsistat fake_helo(SMFICTX *ctx, const char *name);
sfsistat fake_mail(SMFICTX *ctx, const char *address);
sfsistat fake_rcpt(SMFICTX *ctx, const char *address);
sfsistat fake_data(SMFICTX *ctx);
/* FAKE_NOT_CALLED where the milter does not want header fields. */
sfsistat fake_header(SMFICTX *ctx, const char *name, const char *value);
sfsistat fake_end(SMFICTX *ctx);
sfsistat fake_abort(SMFICTX *ctx);
sfsistat fake_close(SMFICTX *ctx);

/* The reply of the last callback as the client sees it; "": the MTA's own words. */
const char *fake_reply(const SMFICTX *ctx);

/* Why the last message is held; "": it is not. */
const char *fake_held(const SMFICTX *ctx);

/*
 * The header field at "index" (from 0) of the last message as it is now, as
 * "NAME: VALUE" in "out"; false where it has no more of them.
 */
bool fake_field(const SMFICTX *ctx, size_t index, char *out, size_t size);

/* How many faults there were in this process. */
unsigned fake_faults(void);

#endif
