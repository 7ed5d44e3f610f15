/*
 * outgoing.c - warnings about mail that goes out: where an MTA is told more or less than
 * the policy says.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/warn.h"

#include <string.h>

#include "policy/tls_policy.h"

/* A rule on mail that goes out, and what of it is told. */
struct outgoing {
	struct lint *lint;
	size_t index;			/* of the rule */
	const struct settings_of_rule *settings;
	struct settings_of_rule told;	/* without what may be unmet */
};

static const char verify[] = "that the certificate has the MX host's name, too; "
    "if it has another, write that with certificate name";
static const char old_tls[] = "TLS 1.2 at the most: it cannot leave out single suites "
    "of TLS 1.3";

static void
lint_stricter(const struct outgoing *outgoing, enum policy_reason kind, const char *what)
{
	const struct setting *setting = lint_setting(outgoing->lint,
	    lint_block_of(outgoing->lint, outgoing->index), outgoing->told.require[kind]);

	if (setting != NULL)
		lint_warn(outgoing->lint, &setting->kind, KIND(OUTGOING_STRICTER), what);
}

static const char main_cf[] = "none of the protocols that "
    "smtp_tls_mandatory_protocols in main.cf leaves out";

static const char new_tls[] = "TLS 1.3 alone: main.cf leaves no older cipher suite that "
    "meets it";

/* The requirements on suites, by which only TLS 1.3 is left of what main.cf allows. */
static void
lint_suites(const struct outgoing *outgoing)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (kind != REASON_TLS_VERSION &&
		    requirement_is_of_suite((enum policy_reason)kind) &&
		    outgoing->told.require[kind] != NULL)
			lint_stricter(outgoing, (enum policy_reason)kind, new_tls);
}

/* What takes the place of main.cf's protocols is never below them. */
static void
lint_protocols(const struct outgoing *outgoing)
{
	const struct lint *lint = outgoing->lint;
	const struct policy_postfix nothing = { .version = 0 };
	struct policy_postfix all_suites = lint->postfix;
	unsigned asked, offered, told;

	memset(all_suites.unoffered, 0, sizeof(all_suites.unoffered));
	asked = settings_protocols_told(lint->policy, &nothing, outgoing->settings);
	offered = settings_protocols_told(lint->policy, &all_suites, outgoing->settings);
	told = settings_protocols_told(lint->policy, &lint->postfix, outgoing->settings);
	if (told == 0)
		lint_warn(outgoing->lint, &lint->written->rules[outgoing->index].place,
		    KIND(OUTGOING_NOTHING));
	else if (told != offered)
		lint_suites(outgoing);
	else if (told != asked && outgoing->told.require[REASON_TLS_VERSION] != NULL)
		lint_stricter(outgoing, REASON_TLS_VERSION, main_cf);
}

/* What Postfix can be told is not always just what is asked for. */
static void
lint_approximations(const struct outgoing *outgoing)
{
	const struct policy_requirement *const *told = outgoing->told.require;

	if (told[REASON_CERTIFICATE] != NULL && told[REASON_CERTIFICATE_NAME] == NULL &&
	    told[REASON_CERTIFICATE_FINGERPRINT] == NULL && told[REASON_DANE] == NULL)
		lint_stricter(outgoing, REASON_CERTIFICATE, verify);
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (told[kind] != NULL && kind != REASON_TLS_VERSION &&
		    requirement_is_of_suite(told[kind]->kind) &&
		    !requirement_met_by_tls13(outgoing->lint->policy, told[kind]))
			lint_stricter(outgoing, told[kind]->kind, old_tls);
}

/* What Sendmail's access map has no words for. */
static void
lint_one_mta(const struct outgoing *outgoing)
{
	char text[200];

	settings_unsaid(outgoing->lint->policy, &outgoing->told, text, sizeof(text));
	if (*text != '\0')
		lint_warn(outgoing->lint, &outgoing->lint->written->rules[outgoing->index].
		    place, KIND(OUTGOING_POSTFIX), text);
}

/* What is "may" takes the place of what main.cf and DNS ask for. */
static void
lint_may(const struct outgoing *outgoing, bool exempt)
{
	lint_warn(outgoing->lint, &outgoing->lint->written->rules[outgoing->index].place,
	    KIND(OUTGOING_MAY), exempt ? "exempt" :
	    settings_require_something(outgoing->settings) ?
	    "nothing but otherwise accept" : "require nothing");
}

static void
lint_rule_outgoing(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules[index];
	struct outgoing outgoing = { .lint = lint, .index = index };

	outgoing.settings = stretches_at(&rule->settings, lint->now);
	outgoing.told = settings_enforced(outgoing.settings);
	if (period_active(&outgoing.settings->exempt, lint->now)) {
		lint_may(&outgoing, true);
		return;
	}
	if (settings_require_something(&outgoing.told)) {
		lint_approximations(&outgoing);
		lint_protocols(&outgoing);
		lint_one_mta(&outgoing);
	} else if (!rule_is_between_dates(rule, outgoing.settings) &&
	    !period_active(&outgoing.settings->monitor, lint->now))
		lint_may(&outgoing, false);
}

void
lint_outgoing(struct lint *lint)
{
	bool asked = lint->asked == NULL;

	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct policy_rule *rule = &lint->policy->rules[i];

		if (rule->kind != RULE_DELIVER)
			continue;
		if (!asked)
			lint->postfix = lint->asked->ask(lint->asked->context);
		asked = true;
		for (lint_begin(lint, &rule->settings, NULL); lint_next(lint);)
			lint_rule_outgoing(lint, i);
	}
}
