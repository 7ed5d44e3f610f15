/*
 * decision.h - asking the policy, and making its answer one that can be given.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef MILTER_DECISION_H
#define MILTER_DECISION_H

#include <stdbool.h>

#include "milter/service.h"
#include "milter/snapshot.h"

/* What is to be judged. */
struct question {
	const struct snapshot *snapshot;
	struct facts *facts;
	const char *from_resolved;	/* the sender as the MTA reads it, or NULL */
	bool can_quarantine;		/* the MTA takes it */
};

/*
 * Judges the sender as the client spelt it and, where the MTA understood it as
 * another address, as that too; the stricter verdict counts, and an exemption only
 * where it applies to both. What partners' certificates tell is added to the facts
 * first. question->facts->from is then the one that counted (of equals, the
 * client's). A quarantine that the MTA cannot be told of becomes a tempfail. How long it
 * takes is counted. Returns 0, or -1 when memory was short.
 */
int decision_make(struct service *service, const struct question *question,
    struct verdict *verdict);

/* Whether the verdict is a refusal, to be given as a reply. */
bool decision_refuses(const struct verdict *verdict);

/*
 * Accounts for a verdict that took effect: counts it, writes its record into the log
 * (unless the settings leave it out) and the journal, and complains of facts that the
 * policy asks for and nobody supplies. Call it before the reply leaves: a refusal is in
 * the journal when it returns.
 */
void decision_record(struct service *service, const struct facts *facts,
    const struct verdict *verdict);

/*
 * Whether mail that cannot be judged is let through: memory was short, or what the
 * MTA does makes no sense. Counts it and logs it: what is let through in each case,
 * what is put off at most once a minute. "session" is its id.
 */
bool decision_error_accepts(struct service *service, const char *session);

/* Why a message is held. The text names nothing that came from the network. */
#define DECISION_REASON_SIZE 128
void decision_hold_reason(const struct verdict *verdict,
    char reason[DECISION_REASON_SIZE]);

#endif
