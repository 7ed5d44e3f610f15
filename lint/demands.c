/*
 * demands.c - warnings about what a rule demands: too little, and what nobody can meet.
 *
 * For the latter every suite that is known is held against the rule, under the newest
 * protocol that it can have.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <stdio.h>
#include <string.h>

/* Warns where clear text gets a milder action than another failure. */
static void
lint_clear_text(struct lint *lint, size_t index, const struct settings_of_rule *settings)
{
	const struct policy_requirement *lender;
	enum policy_action clear = clear_text_action(settings, &lender);

	for (int kind = KIND_FIRST; lender != NULL && kind < KIND_END; kind++) {
		const struct policy_requirement *each = settings->require[kind];

		/* Clear text has a client, too. */
		if (each == NULL || kind == REASON_CLIENT ||
		    requirement_action(settings, each) <= clear)
			continue;
		lint_warn(lint, &lint->written->rules[index].place, KIND(CLEAR_TEXT),
		    policy_action_name(clear),
		    policy_action_name(requirement_action(settings, each)),
		    policy_kind_name((enum policy_reason)kind));
		return;
	}
}

/* Warns of a default that refuses clear text from everybody. */
static void
lint_public(struct lint *lint, size_t index, const struct settings_of_rule *settings)
{
	const struct policy_requirement *lender;
	enum policy_action clear;

	if (period_active(&settings->exempt, lint->now) ||
	    period_active(&settings->monitor, lint->now))
		return;
	clear = clear_text_action(settings, &lender);
	if (lender != NULL && clear >= POLICY_TEMPFAIL)
		lint_warn(lint, &lint->written->rules[index].place, KIND(PUBLIC),
		    policy_action_name(clear));
}

/* Warns of requirements that are for nothing; the default's may be for the records. */
static void
lint_accepts(struct lint *lint, size_t index, const struct settings_of_rule *settings)
{
	if (settings_require_something(settings) && !period_active(&settings->exempt, lint->now) &&
	    !lint_restricts(settings, lint->now))
		lint_warn(lint, &lint->written->rules[index].place, KIND(ACCEPTS));
}

/* Which sessions can meet all. */
struct possible {
	bool old;		/* up to TLS 1.2 */
	bool new;		/* TLS 1.3 */
};

static struct possible
try_suites(const struct lint *lint, const struct settings_of_rule *settings)
{
	struct possible possible = { false, false };
	const struct cipher *cipher;

	for (size_t i = 0; (cipher = cipher_at(lint->policy->ciphers, i)) != NULL &&
	    !(possible.old && possible.new); i++) {
		bool *which = cipher->tls13 ? &possible.new : &possible.old;

		if (!*which && rule_met_by_suite(lint->policy, settings, cipher))
			*which = true;
	}
	return possible;
}

/*
 * "tls, bits, aead": without "but", and in "text". Where nothing else is required there
 * is still TLS, which each implies and a suite that does not encrypt does not meet.
 */
static const char *
kinds_of(const struct settings_of_rule *settings, enum policy_reason but, char *text,
    size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		bool limits = settings->require[kind] != NULL && kind != (int)but &&
		    requirement_is_of_suite((enum policy_reason)kind) &&
		    (kind != REASON_TLS_VERSION ||
		    settings->require[kind]->least != PROTOCOL_UNKNOWN);

		if (limits)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
			    used > 0 ? ", " : "",
			    policy_kind_name((enum policy_reason)kind));
	}
	return used > 0 ? text : policy_kind_name(REASON_TLS_VERSION);
}

static void
lint_list(struct lint *lint, size_t rule, const struct settings_of_rule *settings,
    enum policy_reason kind, const char *only)
{
	const struct setting *list = lint_setting(lint, lint_block_of(lint, rule),
	    settings->require[kind]);
	char text[128];

	if (list != NULL)
		lint_warn(lint, &list->value, KIND(IMPOSSIBLE_LIST),
		    kinds_of(settings, kind, text, sizeof(text)), only);
}

static void
lint_possible(struct lint *lint, size_t rule, const struct settings_of_rule *settings,
    struct possible possible)
{
	const struct policy_requirement *tls = settings->require[REASON_TLS_VERSION];
	bool tls13 = tls != NULL && tls->least == PROTOCOL_TLS_1_3;
	char text[128];

	if (!possible.old && !possible.new)
		lint_warn(lint, &lint->written->rules[rule].place, KIND(IMPOSSIBLE),
		    kinds_of(settings, KIND_END, text, sizeof(text)));
	else if (!possible.old && settings->require[REASON_CIPHER] != NULL && !tls13)
		lint_list(lint, rule, settings, REASON_CIPHER, "TLS 1.3");
	else if (!possible.new && settings->require[REASON_CIPHERSUITES] != NULL)
		lint_list(lint, rule, settings, REASON_CIPHERSUITES, "TLS 1.2 and below");
}

/* Without one of these every version has suites that do. */
static bool
limits_suites(const struct settings_of_rule *settings)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (kind != REASON_TLS_VERSION && settings->require[kind] != NULL &&
		    requirement_is_of_suite((enum policy_reason)kind))
			return true;
	return false;
}

/* The last settings that were held against the suites, and what came out. */
struct last_tried {
	const struct settings_of_rule *settings;	/* NULL: none so far */
	struct possible possible;
};

static void
lint_sessions(struct lint *lint, size_t index, const struct settings_of_rule *settings,
    struct last_tried *last)
{
	if (!limits_suites(settings))
		return;
	/* Most have their requirements from one profile, like the one before. */
	if (last->settings == NULL || memcmp(last->settings->require, settings->require,
	    sizeof(settings->require)) != 0)
		last->possible = try_suites(lint, settings);
	last->settings = settings;
	lint_possible(lint, index, settings, last->possible);
}

void
lint_demands(struct lint *lint)
{
	struct last_tried last = { .settings = NULL };

	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct policy_rule *rule = &lint->policy->rules[i];

		for (lint_begin(lint, &rule->settings, NULL); lint_next(lint);) {
			const struct settings_of_rule *settings =
			    stretches_at(&rule->settings, lint->now);

			lint_clear_text(lint, i, settings);
			if (rule->kind == RULE_DEFAULT)
				lint_public(lint, i, settings);
			else if (rule->kind != RULE_DELIVER)
				lint_accepts(lint, i, settings);
			lint_sessions(lint, i, settings, &last);
		}
	}
}
