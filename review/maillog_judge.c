/*
 * maillog_judge.c - a delivery that a log tells of, judged by the policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/maillog.h"

#include <stdio.h>
#include <string.h>

#include "policy/tls_policy.h"
#include "base/buffer.h"

#define NEXT_HOP_SIZE 300

const struct maillog_port maillog_ports[] = {
	{ 25, "" }, { 25, ":smtp" }, { 25, ":25" }, { 465, ":submissions" },
	{ 465, ":smtps" }, { 465, ":465" }, { 587, ":submission" }, { 587, ":587" },
	{ 0, NULL }
};

/* ------------------------------------------------------------------ *
 * The rule
 * ------------------------------------------------------------------ */

/* A delivery that is judged: by one spelling of its next hop after another. */
struct judging {
	const struct policy *policy;
	const struct policy_options *options;
	struct facts facts;
	struct verdict *verdict;
	bool failed;			/* memory was short */
};

static bool
judge_next_hop(struct judging *judging, const char *next_hop)
{
	judging->facts.next_hop = next_hop;
	judging->failed = judging->failed || policy_decide(judging->policy, &judging->facts,
	    judging->options, judging->verdict) != 0;
	return !judging->failed && judging->verdict->reported >= 0;
}

/* By a rule on just that: "[HOST]:PORT", or without a bracket to open it "HOST:PORT". */
static bool
judge_relay_as(struct judging *judging, const char *open, const char *host,
    const char *port)
{
	char next_hop[NEXT_HOP_SIZE];

	if (open[0] == '\0' && (host[0] == '\0' || port[0] == '\0'))
		return false;
	(void)snprintf(next_hop, sizeof(next_hop), "%s%s%s%s", open, host,
	    open[0] == '\0' ? "" : "]", port);
	return judge_next_hop(judging, next_hop) && (open[0] == '[' || strchr(judging->
	    verdict->outcome[judging->verdict->reported].place.name, ':') != NULL);
}

static bool
judge_relay_at(struct judging *judging, const struct maillog_delivery *delivery,
    const char *domain, const char *port)
{
	const char *hosts[] = { delivery->relay, delivery->address };

	for (size_t i = 0; i < 2; i++)
		if (hosts[i] != NULL && hosts[i][0] != '\0' &&
		    (judge_relay_as(judging, "[", hosts[i], port) ||
		    judge_relay_as(judging, "", hosts[i], port)))
			return true;
	return (delivery->address != NULL && strchr(delivery->address, ':') != NULL &&
	    judge_relay_as(judging, "[ipv6:", delivery->address, port)) ||
	    (delivery->port != 25 && judge_relay_as(judging, "", domain, port));
}

/* By a rule that names the relay, as next hops of a transport do. */
static bool
judge_relay(struct judging *judging, const struct maillog_delivery *delivery,
    const char *domain)
{
	bool listed = false;
	char port[16];

	if (delivery->port == 0)
		return judge_relay_at(judging, delivery, domain, "");
	for (const struct maillog_port *each = maillog_ports; each->port != 0; each++)
		if (each->port == delivery->port) {
			listed = true;
			if (judge_relay_at(judging, delivery, domain, each->suffix))
				return true;
		}
	(void)snprintf(port, sizeof(port), ":%d", delivery->port);
	return !listed && judge_relay_at(judging, delivery, domain, port);
}

static bool
judge_delivery(struct judging *judging, const struct maillog_delivery *delivery,
    const char *domain)
{
	(void)((policy_names_next_hops(judging->policy) &&
	    judge_relay(judging, delivery, domain)) || judge_next_hop(judging, domain));
	return !judging->failed;
}

/* ------------------------------------------------------------------ *
 * What was verified
 * ------------------------------------------------------------------ */

/*
 * What "verified" is of where the level is known at which it was: at that of the rule, of
 * all that the rule asks for; else of what that level looks for.
 */
static bool
verified_at_level(const char *level, const struct verdict *verdict, const char **word)
{
	struct buffer told = BUFFER_INIT;
	bool dane = strcmp(level, "dane") == 0 || strcmp(level, "dane-only") == 0;
	/* "dane-only" is "dane" once there are records. */
	const char *of_rule = dane ? "dane-only" : level;
	bool same, failed;

	(void)policy_tls_policy(verdict, &told);
	same = told.text != NULL && strcspn(told.text, " ") == strlen(of_rule) &&
	    strncmp(told.text, of_rule, strlen(of_rule)) == 0;
	failed = told.failed;
	buffer_free(&told);
	if (!same)
		*word = dane ? "dane" : strcmp(level, "secure") == 0 ||
		    strcmp(level, "verify") == 0 ? "trusted" : NULL;
	return !failed;
}

/* ------------------------------------------------------------------ *
 * The verdict
 * ------------------------------------------------------------------ */

/* As the verdict has it; where what is unmet may be, and more is unknown, the first of that. */
static enum policy_reason
known_unmet(const struct policy_outcome *outcome)
{
	if (outcome->reason != REASON_UNKNOWN_FACT)
		return outcome->reason;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (outcome->check[kind] == CHECK_UNMET)
			return (enum policy_reason)kind;
	return REASON_NONE;
}

/* What a server's certificate or its records were to be, where that was the trouble. */
static enum policy_reason
waited_for(const struct policy_outcome *outcome, const char *trouble,
    enum policy_reason known)
{
	static const enum policy_reason kinds[] = {
		REASON_DANE, REASON_CERTIFICATE_FINGERPRINT, REASON_CERTIFICATE_NAME,
		REASON_CERTIFICATE
	};

	if (known != REASON_NONE && known != REASON_TLS)
		return known;
	if (strstr(trouble, "certificate") == NULL && strstr(trouble, "TLSA") == NULL &&
	    strstr(trouble, "DNSSEC") == NULL && strstr(trouble, "dnssec") == NULL)
		return known;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (outcome->check[kinds[i]] != CHECK_ABSENT)
			return kinds[i];
	return known;
}

/* Whether the MTA is to keep what does not meet the rule. */
static bool
is_enforced(const struct policy_outcome *outcome)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (outcome->check[kind] != CHECK_ABSENT && policy_required_action(outcome,
		    (enum policy_reason)kind) != POLICY_ACCEPT)
			return !outcome->exempt && !outcome->monitored;
	return false;
}

static bool
is_uncertain(const struct policy_outcome *outcome)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (outcome->check[kind] == CHECK_UNKNOWN ||
		    outcome->check[kind] == CHECK_MOOT)
			return true;
	return false;
}

static const char *
judged_word(const struct maillog_delivery *delivery, const struct verdict *verdict,
    enum policy_reason unmet)
{
	const struct policy_outcome *outcome = &verdict->outcome[verdict->reported];
	/* The sender asked for REQUIRETLS (RFC 8689), no agreement did. */
	bool asked = strncmp(delivery->text != NULL ? delivery->text : "",
	    "Sender requested REQUIRETLS", 27) == 0;

	if (delivery->trouble != NULL && strcmp(delivery->result, "sent") != 0 &&
	    is_enforced(outcome))
		return asked ? "uncertain" : "refused";
	if (outcome->exempt)
		return "exempt";
	if (verdict->action != POLICY_ACCEPT)
		return "unmet";
	if (verdict->would != POLICY_ACCEPT)
		return "would";
	if (unmet != REASON_NONE)
		return "accepted";
	return is_uncertain(outcome) ? "uncertain" : "met";
}

bool
maillog_judge(const struct policy *policy, const struct policy_options *options,
    const struct maillog_delivery *delivery, const char *domain,
    struct maillog_judged *judged)
{
	struct judging judging = { policy, options, FACTS_INIT, &judged->verdict, false };
	struct facts *facts = &judging.facts;

	facts->mta = delivery->mta;
	facts->direction = "out";
	facts->relay = delivery->relay;
	facts->tls_version = delivery->tls_version;
	facts->cipher = delivery->cipher;
	facts->bits = delivery->bits;
	facts->verification = delivery->verification;
	*judged = (struct maillog_judged){ .word = "uncertain" };
	if (!judge_delivery(&judging, delivery, domain))
		return false;
	if (delivery->level != NULL && delivery->verification != NULL &&
	    strcmp(delivery->verification, "verified") == 0 && (!verified_at_level(
	    delivery->level, &judged->verdict, &facts->verification) ||
	    policy_decide(policy, facts, options, &judged->verdict) != 0))
		return false;
	if (judged->verdict.reported < 0) {
		judged->word = "none";
		return true;
	}
	judged->reason = known_unmet(&judged->verdict.outcome[judged->verdict.reported]);
	judged->word = judged_word(delivery, &judged->verdict, judged->reason);
	if (strcmp(judged->word, "uncertain") == 0)
		judged->reason = REASON_NONE;
	if (strcmp(judged->word, "refused") == 0)
		judged->reason = waited_for(&judged->verdict.outcome[judged->verdict.reported],
		    delivery->trouble, judged->reason);
	judged->below = strcmp(delivery->result, "sent") == 0 &&
	    (strcmp(judged->word, "unmet") == 0 || strcmp(judged->word, "would") == 0);
	return true;
}
