/*
 * downgrade.h - senders that fall back to clear text though they have used TLS before.
 *
 * Each domain is told of once a day. What a stranger can provoke is bounded: the look
 * into the journal by a rate, the domains that are remembered by a number. For one
 * thread.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_JOURNAL_DOWNGRADE_H
#define TLSWARD_JOURNAL_DOWNGRADE_H

#include "journal/journal.h"
#include "journal/record.h"
#include "journal/store_db.h"
#include "base/buffer.h"
#include "base/hash.h"

#define DOWNGRADE_WAITING 32		/* domains to look up */
#define DOWNGRADE_KNOWN 4096		/* looked up lately; a power of two */
#define DOWNGRADE_TOLD 4096		/* domains told of today */
/* What was said over TLS a moment before is then in the journal. */
#define DOWNGRADE_DELAY_MS 2000

#define DOWNGRADE_DOMAIN_MAX 256
#define DOWNGRADE_CLIENT_MAX 64

struct downgrade_case {
	char domain[DOWNGRADE_DOMAIN_MAX];
	char client[DOWNGRADE_CLIENT_MAX];	/* address; "": unknown */
	int64_t noted_ms;			/* as "now_ms" below */
	bool refused;
};

/* All zero is a good start. */
struct downgrades {
	struct hash_key seed;
	struct downgrade_case waiting[DOWNGRADE_WAITING];
	size_t waiting_count;
	uint64_t known[DOWNGRADE_KNOWN];	/* hashes of a domain and a time */
	uint64_t told[DOWNGRADE_TOLD];
	size_t told_count;
	int64_t day;				/* of "told" */
	int64_t second;				/* of "looked" */
	int looked;
};

/* Remembers a decision in clear text, to be looked up a little later. */
void downgrade_note(struct downgrades *downgrades, const struct row *row,
    int64_t now_ms);

/*
 * Looks one case up, where one is due. Appends a warning to "text" where it is a
 * downgrade. DB_AGAIN and the like: the case is forgotten.
 */
enum db_result downgrade_look(struct downgrades *downgrades, struct store_db *db,
    int64_t now_ms, struct buffer *text);

#endif
