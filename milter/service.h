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
#include "milter/log.h"
#include "milter/snapshot.h"
#include "settings/settings.h"

/* Why mail cannot be judged. */
enum fault {
	FAULT_NONE,
	FAULT_MEMORY,		/* it was short */
	FAULT_REUSED,		/* the connection serves a second session */
	FAULT_UNKNOWN,		/* nothing is known of the session */
	FAULT_ORDER,		/* recipients or content came without a MAIL */
	FAULT_COUNT
};

struct service {
	const struct settings *settings;
	struct snapshots *snapshots;
	struct log *log;
	struct correlation *correlation;	/* NULL: no policy service */
	struct authres *authres;	/* NULL: header fields are not looked at */
	struct journal_store *journal;	/* NULL: none */
	struct counters counters;
	struct limiter unknown[KIND_END];	/* by the first unknown requirement */
	struct limiter faults[FAULT_COUNT];
	struct limiter forged;			/* fields that cannot be removed */
	struct limiter unadded;			/* fields that cannot be added */
	struct limiter unheld;			/* messages that cannot be held */
	atomic_bool unseen_told;		/* header fields out of reach */
	struct limiter digest;			/* fingerprints of no use */
	struct limiter unjudged;		/* requests that nobody judges */
	atomic_bool milter_asked;		/* of an SMTP client, since the start */
	atomic_bool beyond_told;		/* of clients whom it does not see */
	atomic_int active;			/* callbacks under way */
};

#endif
