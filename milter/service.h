/*
 * service.h - what the callbacks work with: one of it in a process.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_SERVICE_H
#define TLSWARD_MILTER_SERVICE_H

#include <stdatomic.h>

#include "base/limiter.h"
#include "milter/authres.h"
#include "milter/correlation.h"
#include "milter/counters.h"
#include "milter/lately.h"
#include "milter/log.h"
#include "milter/nonce.h"
#include "milter/snapshot.h"
#include "settings/settings.h"

/* Why mail cannot be judged. */
enum fault {
	FAULT_NONE,
	FAULT_MEMORY,		/* it was short */
	FAULT_REUSED,		/* the connection serves a second session */
	FAULT_UNKNOWN,		/* nothing is known of the session */
	FAULT_MACROS,		/* those of a command did not come */
	FAULT_ORDER,		/* recipients or content came without a MAIL */
	FAULT_COUNT
};

/* How far the end has come. */
enum service_stage {
	SERVICE_OPEN,
	SERVICE_ENDING,		/* messages that have begun go on, others are tempfailed */
	SERVICE_CLOSED,		/* nothing is decided or recorded any more: tempfailed */
	SERVICE_OVER		/* the journal is ending: no answer may leave */
};

struct service {
	const struct settings *settings;
	struct snapshots *snapshots;
	struct log *log;
	struct correlation *correlation;	/* NULL: no policy service */
	struct authres *authres;	/* NULL: header fields are not looked at */
	struct journal_store *journal;	/* NULL: none */
	struct tls_policy_next *next;	/* the service behind that; NULL: none */
	struct counters counters;
	struct lately lately;
	struct nonces nonces;		/* for doctor's sessions */
	struct limiter unknown[KIND_END];	/* by the first unknown requirement */
	struct limiter faults[FAULT_COUNT];
	struct limiter forged;			/* fields that cannot be removed */
	struct limiter unadded;			/* fields that cannot be added */
	struct limiter unheld;			/* messages that cannot be held */
	atomic_bool unseen_told;		/* header fields out of reach */
	struct limiter digest;			/* fingerprints of no use */
	struct limiter unjudged;		/* requests that nobody judges */
	struct limiter lookup;			/* look-ups that cannot be answered */
	struct limiter useless;			/* replies of the service behind */
	atomic_bool milter_asked;		/* of an SMTP client, since the start */
	atomic_bool beyond_told;		/* of clients whom it does not see */
	/* Who decides counts itself first and looks at the stage then. */
	atomic_int active;			/* callbacks and requests under way */
	atomic_int stage;			/* an enum service_stage; it only goes up */
};

#endif
