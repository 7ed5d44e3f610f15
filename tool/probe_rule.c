/*
 * probe_rule.c - the rule on mail to what is probed, and what it lets Postfix use.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_result.h"

#include <stdio.h>
#include <string.h>

#include "policy/tls_policy.h"
#include "base/buffer.h"

/* What Postfix takes where no more is said (its "medium" grade), and no certificate lacks. */
#define GRADE "HIGH:MEDIUM:!aNULL"

/* ------------------------------------------------------------------ *
 * The rule
 * ------------------------------------------------------------------ */

/* The next hops by which mail may go there, the most exact one first; "": no more. */
static void
possible_next_hop(const struct probe_result *result, int at, char *text, size_t size)
{
	const struct probe_target *target = &result->target;
	const char *bare = target->asked;

	text[0] = '\0';
	if (target->is_domain && at == 0)
		text_append(text, size, "%s", bare);
	if (target->is_domain && at == 1 && target->implicit_mx)
		text_append(text, size, "[%s]", bare);
	if (target->is_domain)
		return;
	if (result->port == 0)
		at++;
	if (at == 0)
		text_append(text, size, "[%s]:%u", bare, result->port);
	else if (at == 1)
		text_append(text, size, "[%s]", bare);
	else if (at == 2 && result->port != 0)
		text_append(text, size, "%s:%u", bare, result->port);
	else if (at == 2)
		text_append(text, size, "%s", bare);
}

static void
keep_probe_rule(struct probe_rule *rule, const struct policy_outcome *outcome)
{
	rule->found = true;
	rule->monitored = outcome->monitored;
	rule->exempt = outcome->exempt;
	if (outcome->partner != NULL)
		text_append(rule->partner, sizeof(rule->partner), "%s", outcome->partner);
	text_append(rule->place, sizeof(rule->place), "%s:%u", outcome->place.file,
	    outcome->place.line);
}

/* Finds the rule, if there is one. */
static bool
find_rule(struct probe_result *result, const struct loaded *loaded,
    struct verdict *verdict)
{
	struct probe_rule *rule = &result->rule;
	struct facts facts;

	for (int i = 0; !rule->found; i++) {
		possible_next_hop(result, i, rule->next_hop, sizeof(rule->next_hop));
		if (rule->next_hop[0] == '\0')
			return true;
		facts = (struct facts)FACTS_INIT;
		facts.direction = "out";
		facts.next_hop = rule->next_hop;
		if (!judge_facts(loaded, result->now, &facts, verdict))
			return false;
		if (verdict->outcome[OUTCOME_FROM].rule != NULL)
			keep_probe_rule(rule, &verdict->outcome[OUTCOME_FROM]);
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * What Postfix may use
 * ------------------------------------------------------------------ */

enum policy_protocol
probe_policy_protocol(enum probe_protocol protocol)
{
	static const enum policy_protocol protocols[PROBE_PROTOCOLS] = {
		[PROBE_SSL_3] = PROTOCOL_SSL, [PROBE_TLS_1_0] = PROTOCOL_TLS_1_0,
		[PROBE_TLS_1_1] = PROTOCOL_TLS_1_1, [PROBE_TLS_1_2] = PROTOCOL_TLS_1_2,
		[PROBE_TLS_1_3] = PROTOCOL_TLS_1_3
	};

	return protocols[protocol];
}

unsigned
probe_rule_protocols(const struct loaded *loaded, const struct verdict *verdict)
{
	const struct policy_postfix *postfix = &verdict->options.postfix;

	/* What it is told takes the place of main.cf's, but keeps out what that does. */
	return settings_protocols_told(loaded->policy, postfix,
	    verdict->outcome[OUTCOME_FROM].settings) & ~postfix->refused;
}

/* Writes what is behind "exclude=" as OpenSSL's list. False: it excludes nothing. */
static bool
write_grade(const char *value, char *list, size_t size)
{
	const char *exclude = strstr(value, " exclude=");

	if (exclude == NULL)
		return false;
	(void)snprintf(list, size, "%s", GRADE);
	exclude += strlen(" exclude=");
	while (*exclude != '\0' && *exclude != ' ') {
		size_t length = strcspn(exclude, ": ");

		if (strlen(list) + length + 3 > size)
			return false;
		text_append(list, size, ":!%.*s", (int)length, exclude);
		exclude += length + (exclude[length] == ':');
	}
	return true;
}

/* As the rule would have it, under monitor too. */
static bool
find_wish(const struct loaded *loaded, struct verdict *verdict, struct probe_wish *wish)
{
	struct buffer value = BUFFER_INIT;
	unsigned told = probe_rule_protocols(loaded, verdict);
	bool ok;

	verdict->outcome[OUTCOME_FROM].monitored = false;
	if (policy_tls_policy(verdict, &value) && !value.failed &&
	    write_grade(value.text, wish->ciphers, sizeof(wish->ciphers)))
		for (int i = 0; i < PROBE_PROTOCOLS; i++)
			wish->protocols |= (told >> probe_policy_protocol(
			    (enum probe_protocol)i) & 1) << i;
	ok = !value.failed;
	buffer_free(&value);
	return ok;
}

bool
probe_find_rule(struct probe_result *result, const struct loaded *loaded,
    struct probe_wish *wish)
{
	struct verdict verdict;

	*wish = (struct probe_wish){ .protocols = 0 };
	result->rule.policy = loaded != NULL;
	if (loaded == NULL)
		return true;
	return find_rule(result, loaded, &verdict) && (!result->rule.found ||
	    result->rule.exempt || find_wish(loaded, &verdict, wish));
}
