/*
 * decide.c - the verdict on one recipient.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/decide.h"

#include <string.h>

#include "policy/delivery.h"
#include "policy/match.h"

static unsigned
bit(enum policy_reason reason)
{
	return 1u << reason;
}

/* What not knowing leads to: nothing is refused for good on a guess. */
static enum policy_action
soften(enum policy_action action)
{
	return action == POLICY_REJECT ? POLICY_TEMPFAIL : action;
}

/* The same of a session: of mail that goes out, what is not known is no verdict. */
static enum policy_action
soften_unknown(const struct session *session, enum policy_action action)
{
	return session->facts->direction != NULL ? POLICY_ACCEPT : soften(action);
}

/* Counts an unmet requirement in; the first of the strictest is the reason. */
static void
count_unmet(struct policy_outcome *outcome, enum policy_reason named,
    enum policy_action action, bool unknown, const struct policy_requirement *lender)
{
	bool first = outcome->failed == 0;

	outcome->failed |= bit(named);
	if (!first && action <= outcome->action)
		return;
	outcome->action = action;
	outcome->reason = unknown ? REASON_UNKNOWN_FACT : named;
	outcome->requirement = unknown ? NULL : lender;
}

/* Clear text fails "tls" alone; so does not knowing whether it is. */
static void
evaluate_unencrypted(const struct settings_of_rule *settings,
    const struct session *session, struct policy_outcome *outcome)
{
	bool unknown = session->encrypted == POLICY_UNKNOWN;
	const struct policy_requirement *lender;
	enum policy_action action = clear_text_action(settings, &lender);

	for (int kind = REASON_TLS_VERSION; kind < KIND_END; kind++)
		if (settings->require[kind] != NULL)
			outcome->check[kind] = CHECK_MOOT;
	if (lender == NULL)
		return;
	outcome->check[REASON_TLS_VERSION] = unknown ? CHECK_UNKNOWN : CHECK_UNMET;
	count_unmet(outcome, REASON_TLS, unknown ? soften_unknown(session, action) : action,
	    unknown, lender);
}

/* Whether the session has what a kind presumes. */
static enum policy_tri
presumed(const struct session *session, enum requirement_presumes presumes)
{
	switch (presumes) {
	case PRESUMES_NOTHING:
		break;
	case PRESUMES_PRESENTED:
		return session_answer(session->presented != PRESENTED_NOTHING &&
		    session->presented != PRESENTED_RAW_KEY);
	case PRESUMES_VERIFIED:
		return session->verified;
	}
	return POLICY_YES;
}

static void
evaluate_requirement(const struct settings_of_rule *settings,
    const struct policy_requirement *requirement, const struct session *session,
    struct policy_outcome *outcome)
{
	const struct requirement_kind *row = requirement->row;
	enum policy_action action = requirement_action(settings, requirement);
	enum policy_tri basis = presumed(session, row->presumes);

	switch (delivery_proves(session->facts, row, outcome, action) ? POLICY_YES :
	    basis == POLICY_YES ? row->meets(session, requirement) : basis) {
	case POLICY_YES:
		outcome->check[row->kind] = CHECK_MET;
		break;
	case POLICY_NO:
		outcome->check[row->kind] = CHECK_UNMET;
		count_unmet(outcome, basis == POLICY_NO ? REASON_CERTIFICATE : row->reason,
		    action, false, requirement);
		break;
	case POLICY_UNKNOWN:
		outcome->check[row->kind] = CHECK_UNKNOWN;
		count_unmet(outcome, row->reason, soften_unknown(session, action), true,
		    requirement);
		break;
	}
}

static void
evaluate_encrypted(const struct settings_of_rule *settings,
    const struct session *session, struct policy_outcome *outcome)
{
	for (int kind = REASON_TLS_VERSION; kind < KIND_END; kind++)
		if (settings->require[kind] != NULL)
			evaluate_requirement(settings, settings->require[kind], session,
			    outcome);
}

static void
evaluate_all(const struct settings_of_rule *settings, const struct session *session,
    struct policy_outcome *outcome)
{
	if (settings->require[REASON_CLIENT] != NULL)
		evaluate_requirement(settings, settings->require[REASON_CLIENT], session,
		    outcome);
	if (session->encrypted == POLICY_YES)
		evaluate_encrypted(settings, session, outcome);
	else
		evaluate_unencrypted(settings, session, outcome);
}

/*
 * What a rule says of which it is not known whether it applies: it must neither
 * exempt, nor as a rule under monitor stand in the place of one that enforces.
 */
static void
evaluate_undecided(const struct policy_options *options, struct policy_outcome *outcome)
{
	outcome->undecided = true;
	outcome->exempt = false;
	outcome->monitored = options->monitor;
	outcome->action = POLICY_TEMPFAIL;
	outcome->reason = REASON_UNKNOWN_FACT;
}

/*
 * Of a rule that another might have come before, had a name been looked up: it refuses
 * nothing for good.
 */
static void
soften_unsure(struct policy_outcome *outcome)
{
	outcome->action = soften(outcome->action);
	outcome->reason = REASON_UNKNOWN_FACT;
	outcome->requirement = NULL;
}

static void
evaluate(const struct policy_rule *rule, const struct match *match,
    const struct session *session, const struct policy_options *options,
    struct policy_outcome *outcome)
{
	const struct settings_of_rule *settings = stretches_at(&rule->settings,
	    options->now);
	const struct who *who = match->who;
	bool listed = who != NULL && who->listed != 0;

	outcome->rule = rule;
	outcome->settings = settings;
	if (who != NULL && rule->kind == RULE_TO)
		outcome->mailbox = who->type == WHO_ADDRESS ? who->key :
		    who->type == WHO_POSTMASTER ? who->name : NULL;
	outcome->place = (struct policy_place){
		.file = listed ? policy_file(session->policy, who) : rule->file,
		.line = listed ? who->line : rule->line,
		.name = who != NULL ? who->name : NULL,
		.kind = rule->kind
	};
	outcome->partner = rule->partner != NULL ? rule->partner->name : NULL;
	outcome->via = match->via != NULL ? match->via->name : NULL;
	outcome->exempt = period_active(&settings->exempt, options->now);
	outcome->monitored = options->monitor ||
	    period_active(&settings->monitor, options->now);
	if (match->unknown)
		evaluate_undecided(options, outcome);
	else
		evaluate_all(settings, session, outcome);
	if (match->unsure && outcome->action == POLICY_REJECT)
		soften_unsure(outcome);
}

/* Evaluates the rule that matched, if any. */
static void
apply_match(const struct policy *policy, const struct match *match,
    const struct session *session, const struct policy_options *options,
    struct policy_outcome *outcome)
{
	if (match->who != NULL)
		evaluate(&policy->rules[match->who->rule], match, session, options,
		    outcome);
}

static void
keep_domain(char out[256], const struct address *address)
{
	size_t length = address->domain_length;

	if (address->domain == NULL)
		return;
	if (length > 255)
		length = 255;
	memcpy(out, address->domain, length);
	out[length] = '\0';
}

static int
apply_sender(const struct policy *policy, const struct client *client,
    const struct session *session, const struct policy_options *options,
    struct verdict *verdict)
{
	struct policy_outcome *outcome = &verdict->outcome[OUTCOME_FROM];
	const char *from = session->facts->from;
	struct address sender;
	struct match match;

	if (address_parse(from != NULL ? from : "", &sender) == -1)
		return -1;
	match = match_sender(policy, client, &sender);
	apply_match(policy, &match, session, options, outcome);
	if (match.who == NULL && policy->default_rule != NULL)
		evaluate(policy->default_rule, &match, session, options, outcome);
	keep_domain(verdict->from_domain, &sender);
	address_free(&sender);
	return 0;
}

/*
 * The rule of the recipient, or of what the MTA resolved it to: that counts where it is
 * a full address, and the recipient itself no bare postmaster.
 */
static int
apply_recipient(const struct policy *policy, const struct client *client,
    const struct session *session, const struct policy_options *options,
    struct verdict *verdict, int which, bool *counts)
{
	const char *text = which == OUTCOME_TO ? session->facts->to :
	    session->facts->to_resolved;
	char *domain = which == OUTCOME_TO ? verdict->to_domain :
	    verdict->to_resolved_domain;
	struct address recipient;
	struct match match;

	if (text == NULL)
		return 0;
	if (address_parse(text, &recipient) == -1)
		return -1;
	*counts = which == OUTCOME_TO || recipient.domain != NULL;
	if (*counts) {
		match = match_recipient(policy, client, &recipient,
		    options->recipient_delimiter);
		apply_match(policy, &match, session, options, &verdict->outcome[which]);
		keep_domain(domain, &recipient);
	}
	*counts &= !match_is_postmaster(&recipient);
	address_free(&recipient);
	return 0;
}

/*
 * A recipient that the MTA resolved to another is exempt only when both are; a
 * rule that exempts but one of them is as if it did not apply.
 */
static void
drop_half_exemption(struct verdict *verdict)
{
	struct policy_outcome *to = &verdict->outcome[OUTCOME_TO];
	struct policy_outcome *resolved = &verdict->outcome[OUTCOME_TO_RESOLVED];

	if (to->exempt && resolved->exempt)
		return;
	if (to->exempt)
		memset(to, 0, sizeof(*to));
	if (resolved->exempt)
		memset(resolved, 0, sizeof(*resolved));
}

static int
apply_recipients(const struct policy *policy, const struct client *client,
    const struct session *session, const struct policy_options *options,
    struct verdict *verdict)
{
	bool may_be_resolved = true, resolved = false;

	if (apply_recipient(policy, client, session, options, verdict, OUTCOME_TO,
	    &may_be_resolved) == -1)
		return -1;
	if (may_be_resolved && apply_recipient(policy, client, session, options, verdict,
	    OUTCOME_TO_RESOLVED, &resolved) == -1)
		return -1;
	if (resolved)
		drop_half_exemption(verdict);
	return 0;
}

static bool
find_exempt(struct verdict *verdict)
{
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		const struct policy_outcome *outcome = &verdict->outcome[i];

		if (outcome->rule == NULL || !outcome->exempt)
			continue;
		verdict->exempt = true;
		verdict->exempt_reason = outcome->settings->exempt_reason;
		verdict->reported = i;
		return true;
	}
	return false;
}

/* What a rule's action is given as. */
static enum policy_action
given_action(const struct policy_outcome *outcome, const struct policy_options *options)
{
	return outcome->action == POLICY_QUARANTINE &&
	    options->quarantine_as != POLICY_ACCEPT ? options->quarantine_as :
	    outcome->action;
}

/* The strictest outcome; of equals one with something unmet, then in order. */
static void
find_strictest(struct verdict *verdict, const struct policy_options *options)
{
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		const struct policy_outcome *outcome = &verdict->outcome[i];
		enum policy_action action;

		if (outcome->rule == NULL)
			continue;
		action = given_action(outcome, options);
		/* What is under monitor is told of in "would" alone. */
		if (outcome->monitored && action > verdict->would) {
			verdict->would = action;
			verdict->would_by = i;
		}
		if (!outcome->monitored && outcome->reason != REASON_NONE &&
		    (verdict->reason == REASON_NONE || action > verdict->action)) {
			verdict->action = action;
			verdict->reason = outcome->reason;
			verdict->failed = outcome->failed;
			verdict->reported = i;
		}
	}
	/* Where nothing was unmet it is the sender's rule that is reported. */
	if (verdict->reason == REASON_NONE &&
	    verdict->outcome[OUTCOME_FROM].rule != NULL)
		verdict->reported = OUTCOME_FROM;
}

static void
report(struct verdict *verdict, const struct policy_options *options)
{
	const struct settings_of_rule *settings;

	if (verdict->reported >= 0) {
		settings = verdict->outcome[verdict->reported].settings;
		verdict->contact = settings->contact;
		verdict->note = settings->note;
	}
	if (options->soft_bounce && verdict->action == POLICY_REJECT) {
		verdict->action = POLICY_TEMPFAIL;
		verdict->soft_bounced = true;
	}
}

/* The verdict, when all rules that apply have been evaluated. */
static void
conclude(struct verdict *verdict, const struct policy_options *options)
{
	if (!find_exempt(verdict))
		find_strictest(verdict, options);
	report(verdict, options);
}

/* Mail that goes out has one rule: that of where it goes. */
static int
apply_next_hop(const struct policy *policy, const struct session *session,
    const struct policy_options *options, struct verdict *verdict)
{
	const char *next_hop = session->facts->next_hop;
	struct match match;

	if (match_next_hop(policy, next_hop != NULL ? next_hop : "", &match) == -1)
		return -1;
	apply_match(policy, &match, session, options, &verdict->outcome[OUTCOME_FROM]);
	conclude(verdict, options);
	return 0;
}

int
policy_decide(const struct policy *policy, const struct facts *facts,
    const struct policy_options *options, struct verdict *verdict)
{
	const struct facts all = policy_complete_facts(policy, facts);
	struct session session;
	struct client client;
	struct match match;
	int result;

	memset(verdict, 0, sizeof(*verdict));
	verdict->reported = -1;
	verdict->would_by = -1;
	verdict->policy = policy;
	verdict->options = *options;
	session_read(&session, policy, &all, options->now);
	verdict->bits = session.bits;
	if (client_read(&client, facts) == -1)
		return -1;
	session.client = &client;
	if (facts->direction != NULL) {
		result = apply_next_hop(policy, &session, options, verdict);
		client_free(&client);
		return result;
	}
	match = match_client(policy, &policy->tables[RULE_CLIENT], &client, false);
	apply_match(policy, &match, &session, options, &verdict->outcome[OUTCOME_CLIENT]);
	result = apply_recipients(policy, &client, &session, options, verdict);
	if (result == 0)
		result = apply_sender(policy, &client, &session, options, verdict);
	client_free(&client);
	if (result == 0)
		conclude(verdict, options);
	return result;
}

void
decide_with_recipient(const struct policy_rule *rule, const struct session *session,
    const struct policy_options *options, struct verdict *verdict)
{
	const struct match match = { .who = NULL };

	verdict->action = POLICY_ACCEPT;
	verdict->reason = REASON_NONE;
	verdict->failed = 0;
	verdict->exempt = false;
	verdict->soft_bounced = false;
	verdict->reported = -1;
	verdict->would = POLICY_ACCEPT;
	verdict->would_by = -1;
	memset(&verdict->outcome[OUTCOME_TO], 0, sizeof(verdict->outcome[OUTCOME_TO]));
	evaluate(rule, &match, session, options, &verdict->outcome[OUTCOME_TO]);
	conclude(verdict, options);
}
