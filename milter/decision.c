/*
 * decision.c - asking the policy, and making its answer one that can be given.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/decision.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "base/limiter.h"

bool
decision_refuses(const struct verdict *verdict)
{
	return verdict->action == POLICY_REJECT || verdict->action == POLICY_TEMPFAIL;
}

/* Whether "a" is the stricter of two verdicts on the same recipient. */
static bool
is_stricter(const struct verdict *a, const struct verdict *b)
{
	if (a->action != b->action)
		return a->action > b->action;
	if (a->exempt != b->exempt)
		return b->exempt;
	if ((a->reason == REASON_NONE) != (b->reason == REASON_NONE))
		return a->reason != REASON_NONE;
	return a->would > b->would;
}

/*
 * What the one that did not count would have done under monitor is told, where it is
 * stricter; of equals that of the sender as given.
 */
static void
keep_would(const struct verdict *from, bool as_given, struct verdict *verdict)
{
	if (from->would_by != OUTCOME_FROM || from->would < verdict->would ||
	    (from->would == verdict->would && !(as_given &&
	    verdict->would_by == OUTCOME_FROM)))
		return;
	verdict->would = from->would;
	verdict->would_by = OUTCOME_FROM_OTHER;
	verdict->outcome[OUTCOME_FROM_OTHER] = from->outcome[OUTCOME_FROM];
}

/*
 * Both spellings count because neither is the one that all receivers will see: the
 * MTA rewrites what the client sent, and a client chooses what it sends. The MTA's
 * is told only where it is the one that counted.
 */
static int
judge_resolved(const struct question *question, const struct policy_options *options,
    struct judgement *judgement)
{
	struct judgement other = { .facts = judgement->facts };
	bool stricter;

	other.facts.from = question->from_resolved;
	if (policy_decide(question->snapshot->policy, &other.facts, options,
	    &other.verdict) != 0)
		return -1;
	stricter = is_stricter(&other.verdict, &judgement->verdict);
	keep_would(stricter ? &judgement->verdict : &other.verdict, stricter,
	    stricter ? &other.verdict : &judgement->verdict);
	if (stricter)
		*judgement = other;
	return 0;
}

int
decision_make(struct service *service, const struct question *question,
    struct judgement *judgement)
{
	const struct policy *policy = question->snapshot->policy;
	int64_t began = histogram_clock();
	const struct policy_options options = settings_policy_options(
	    service->settings, log_time_ms() / 1000);
	int result;

	judgement->facts = policy_complete_facts(policy, question->facts);
	result = policy_decide(policy, &judgement->facts, &options, &judgement->verdict);
	if (result == 0 && question->from_resolved != NULL)
		result = judge_resolved(question, &options, judgement);
	judgement->unrecorded = question->unrecorded;
	if (!question->unrecorded)
		histogram_add(&service->counters.judging, histogram_clock() - began);
	if (result == 0 && judgement->verdict.action == POLICY_QUARANTINE &&
	    !question->can_quarantine)
		judgement->verdict.action = POLICY_TEMPFAIL;
	return result == 0 ? 0 : -1;
}

/* The outcome that an unknown fact decided, in force or under monitor; or NULL. */
static const struct policy_outcome *
unknown_outcome(const struct verdict *verdict)
{
	if (verdict->reason == REASON_UNKNOWN_FACT && verdict->reported >= 0)
		return &verdict->outcome[verdict->reported];
	if (verdict->would != POLICY_ACCEPT && verdict->would_by >= 0 &&
	    verdict->outcome[verdict->would_by].reason == REASON_UNKNOWN_FACT)
		return &verdict->outcome[verdict->would_by];
	return NULL;
}

/* The names of all requirements on facts that nobody supplied. */
static int
list_unknown(const struct policy_outcome *outcome, struct buffer *names)
{
	int first = -1;

	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		if (outcome->check[kind] != CHECK_UNKNOWN)
			continue;
		if (first == -1)
			first = kind;
		else
			buffer_string(names, ", ");
		buffer_string(names, policy_kind_name((enum policy_reason)kind));
	}
	return first;
}

static void
complain_of_unknown(struct service *service, const struct policy_outcome *outcome)
{
	struct buffer names = BUFFER_INIT;
	int first = list_unknown(outcome, &names);

	if (first >= 0 && !names.failed)
		log_limited(service->log, &service->unknown[first], SEVERITY_ERROR,
		    "configuration: %s:%u requires %s, and the MTA does not report what"
		    " that needs", outcome->place.file, outcome->place.line, names.text);
	buffer_free(&names);
}

void
decision_record(struct service *service, const struct judgement *judgement)
{
	const struct verdict *verdict = &judgement->verdict;
	const struct policy_outcome *unknown = unknown_outcome(verdict);
	struct journal_record record = { .facts = &judgement->facts,
	    .verdict = verdict };

	if (judgement->unrecorded)
		return;
	counters_decision(&service->counters, verdict);
	lately_decision(&service->lately, verdict->action, lately_minute());
	if (unknown != NULL)
		complain_of_unknown(service, unknown);
	record.time_ms = log_time_ms();
	if (verdict->action != POLICY_ACCEPT || service->settings->log_accepted ||
	    verdict->would != POLICY_ACCEPT || verdict->exempt)
		log_record(service->log, &record);
	journal_store_put(service->journal, &record);
}

void
decision_put_off(struct service *service, struct limiter *limiter, const char *why,
    const char *session)
{
	counters_add(&service->counters, COUNTER_INTERNAL_ERRORS);
	log_limited(service->log, limiter, SEVERITY_ERROR, "%s: tempfailed; session %s", why,
	    session);
}

const char *
decision_fault(enum fault fault)
{
	static const char *const words[FAULT_COUNT] = {
		[FAULT_NONE] = "",
		[FAULT_MEMORY] = "internal error (out of memory)",
		[FAULT_REUSED] = "a milter connection was used for a second session",
		[FAULT_UNKNOWN] = "a milter connection was used for a second session, or"
		    " without a negotiation",
		[FAULT_MACROS] = "the macros of a command of the MTA's did not come",
		[FAULT_ORDER] = "a recipient or content came after the end of its message,"
		    " without another MAIL",
	};

	return words[fault];
}

bool
decision_error_accepts(struct service *service, enum fault fault, const char *session)
{
	if (fault != FAULT_MEMORY ||
	    service->settings->on_internal_error != SETTINGS_ON_ERROR_ACCEPT) {
		decision_put_off(service, &service->faults[fault], decision_fault(fault),
		    session);
		return false;
	}
	counters_add(&service->counters, COUNTER_INTERNAL_ERRORS);
	log_message(service->log, SEVERITY_ERROR, "%s: accepted undecided, as"
	    " on-internal-error says; session %s", decision_fault(fault), session);
	return true;
}

void
decision_hold_reason(const struct verdict *verdict, char reason[DECISION_REASON_SIZE])
{
	const struct policy_outcome *outcome = verdict->reported >= 0 ?
	    &verdict->outcome[verdict->reported] : NULL;

	(void)snprintf(reason, DECISION_REASON_SIZE, "tlsward: %s (%s:%u)",
	    policy_reason_name(verdict->reason),
	    outcome != NULL ? outcome->place.file : "policy",
	    outcome != NULL ? outcome->place.line : 0);
}
