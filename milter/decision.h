/*
 * decision.h - asking the policy, and making its answer one that can be given.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_MILTER_DECISION_H
#define TLSWARD_MILTER_DECISION_H

#include <stdbool.h>

#include "milter/service.h"
#include "milter/snapshot.h"

/* What is to be judged. */
struct question {
	const struct snapshot *snapshot;
	const struct facts *facts;
	const char *from_resolved;	/* the sender as the MTA reads it, or NULL */
	bool can_quarantine;		/* the MTA takes it */
	bool unrecorded;		/* nothing is kept of it */
};

/* And what came of it. The strings of the facts are those of the question and policy. */
struct judgement {
	struct facts facts;		/* those that counted */
	struct verdict verdict;
	bool unrecorded;
};

/*
 * Judges the sender as the client spelt it and, where the MTA understood it as
 * another address, as that too; the stricter verdict counts (of equals, the client's
 * spelling), and an exemption only where it applies to both. The judgement's facts have
 * the sender that counted, and what partners' certificates tell. A quarantine that the
 * MTA cannot be told of becomes a tempfail. How long it takes is counted, of what is
 * recorded. Returns 0, or -1 when memory was short.
 */
int decision_make(struct service *service, const struct question *question,
    struct judgement *judgement);

/* Whether the verdict is a refusal, to be given as a reply. */
bool decision_refuses(const struct verdict *verdict);

/*
 * Accounts for a verdict that took effect: counts it, writes its record into the log
 * (unless the settings leave it out) and the journal, and complains of facts that the
 * policy asks for and nobody supplies. Nothing of it for one that is unrecorded. Call it
 * before the reply leaves: a refusal is in the journal when it returns.
 */
void decision_record(struct service *service, const struct judgement *judgement);

/* What the log says of a fault; not of FAULT_NONE. */
const char *decision_fault(enum fault fault);

/* Says, at most once a minute, that a message was tempfailed and why, and counts it. */
void decision_put_off(struct service *service, struct limiter *limiter,
    const char *why, const char *session);

/*
 * Whether mail that cannot be judged is let through: where memory was short and the
 * settings say so. What makes no sense never is: it may be a way past the policy.
 * Counts it and logs it: what is let through in each case, what is tempfailed at most
 * once a minute for each fault. "session" is its id.
 */
bool decision_error_accepts(struct service *service, enum fault fault,
    const char *session);

/*
 * What is said, behind 451, where nothing was decided: something went wrong here, or the
 * daemon ends. The enhanced status code, and the text.
 */
#define DECISION_FAILED_CODE "4.3.0"
#define DECISION_FAILED_TEXT "Internal error, please try again later"
#define DECISION_ENDING_CODE "4.3.2"
#define DECISION_ENDING_TEXT "Service is restarting, please try again later"

/* Why a message is held. The text names nothing that came from the network. */
#define DECISION_REASON_SIZE 128
void decision_hold_reason(const struct verdict *verdict,
    char reason[DECISION_REASON_SIZE]);

#endif
