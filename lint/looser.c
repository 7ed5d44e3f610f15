/*
 * looser.c - settings that let pass what others would not.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "lint/warn.h"

static bool
same_pattern(const struct pattern *a, const struct pattern *b)
{
	return a->type == b->type && a->caseless == b->caseless &&
	    strcmp(a->text, b->text) == 0;
}

/* Whether the list "a" has all of "b" and more. */
static bool
more_patterns(const struct policy_requirement *a, const struct policy_requirement *b)
{
	for (size_t i = 0; i < b->u.patterns.count; i++) {
		size_t j = 0;

		while (j < a->u.patterns.count && !same_pattern(&a->u.patterns.list[j],
		    &b->u.patterns.list[i]))
			j++;
		if (j == a->u.patterns.count)
			return false;
	}
	return a->u.patterns.count > b->u.patterns.count;
}

/* A pin by file against one by its digest is not compared: it is both digests. */
static bool
more_pins(const struct policy_requirement *a, const struct policy_requirement *b)
{
	if ((a->u.pins.file_count > 0) != (b->u.pins.file_count > 0))
		return false;
	for (size_t i = 0; i < b->u.pins.count; i++) {
		size_t j = 0;

		while (j < a->u.pins.count &&
		    !fingerprint_equal(&a->u.pins.list[j], &b->u.pins.list[i]))
			j++;
		if (j == a->u.pins.count)
			return false;
	}
	return a->u.pins.count > b->u.pins.count;
}

static bool
more_ciphers(const struct policy_requirement *a, const struct policy_requirement *b)
{
	bool more = false;

	for (size_t i = 0; i < CIPHERS_MAX / 64; i++) {
		uint64_t in_a = a->u.ciphers.set.bits[i], in_b = b->u.ciphers.set.bits[i];

		if ((in_b & ~in_a) != 0)
			return false;
		more |= (in_a & ~in_b) != 0;
	}
	return more;
}

bool
requirement_looser(const struct policy_requirement *a, const struct policy_requirement *b)
{
	switch (a->kind) {
	case REASON_TLS_VERSION:
		return a->u.version < b->u.version;
	case REASON_BITS:
		return a->u.bits < b->u.bits;
	case REASON_CIPHER:
	case REASON_CIPHERSUITES:
		return more_ciphers(a, b);
	case REASON_CERTIFICATE_NAME:
	case REASON_CERTIFICATE_ISSUER:
		return more_patterns(a, b);
	case REASON_CERTIFICATE_FINGERPRINT:
		return more_pins(a, b);
	case REASON_CERTIFICATE_KEY:
		return a->u.key < b->u.key;
	case REASON_CERTIFICATE_SIGNATURE:
		return a->u.signature.rank < b->u.signature.rank;
	case REASON_CERTIFICATE_VALIDITY:
		return a->u.days < b->u.days;
	default:
		return false;
	}
}

/* Whether what "a" requires otherwise includes the requirement of "b" that it lacks. */
static bool
implied(const struct settings_of_rule *a, const struct policy_requirement *lacking)
{
	const struct policy_requirement *tls = a->require[REASON_TLS_VERSION];
	bool tls13 = tls != NULL && tls->u.version == PROTOCOL_TLS_1_3;
	bool pinned = a->require[REASON_CERTIFICATE_FINGERPRINT] != NULL;

	switch (lacking->kind) {
	case REASON_TLS_VERSION:
		for (int kind = KIND_FIRST; kind < KIND_END; kind++)
			if (a->require[kind] != NULL)
				return lacking->u.version == PROTOCOL_UNKNOWN;
		return false;
	case REASON_BITS:		/* every TLS 1.3 suite has 128 at least */
		return tls13 && lacking->u.bits <= 128;
	case REASON_CIPHER:
	case REASON_FORWARD_SECRECY:
	case REASON_AEAD:
		return tls13;
	case REASON_CERTIFICATE:
		return pinned || a->require[REASON_CERTIFICATE_NAME] != NULL ||
		    a->require[REASON_CERTIFICATE_ISSUER] != NULL;
	case REASON_CERTIFICATE_NAME:
	case REASON_CERTIFICATE_ISSUER:
	case REASON_CERTIFICATE_KEY:
	case REASON_CERTIFICATE_SIGNATURE:
		return pinned;
	default:
		return false;
	}
}

static bool
looser_in(const struct settings_of_rule *a, const struct settings_of_rule *b,
    enum policy_reason kind, char *text, size_t size)
{
	const struct policy_requirement *mine = a->require[kind];
	const struct policy_requirement *theirs = b->require[kind];
	const char *name = policy_kind_name(kind);
	const char *version;
	enum policy_action wanted;

	if (theirs == NULL)
		return false;
	version = kind == REASON_TLS_VERSION ? protocol_version(theirs->u.version) : "";
	wanted = requirement_action(b, theirs);
	if (wanted == POLICY_ACCEPT)
		return false;
	if (mine == NULL) {
		(void)snprintf(text, size, "it does not require %s%s%s", name,
		    version[0] != '\0' ? " >= " : "", version);
		return !implied(a, theirs);
	}
	if (requirement_looser(mine, theirs)) {
		(void)snprintf(text, size, "it requires less for %s", name);
		return true;
	}
	(void)snprintf(text, size, "its action for %s is %s and not %s", name,
	    policy_action_name(requirement_action(a, mine)), policy_action_name(wanted));
	return requirement_action(a, mine) < wanted;
}

const char *
rule_looser(const struct settings_of_rule *a, const struct settings_of_rule *b,
    int64_t now, char *text, size_t size)
{
	bool restricts = false;

	if (period_active(&b->exempt, now) || period_active(&b->monitor, now))
		return NULL;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		restricts |= b->require[kind] != NULL &&
		    requirement_action(b, b->require[kind]) != POLICY_ACCEPT;
	if (!restricts)
		return NULL;
	if (period_active(&a->exempt, now))
		return "it exempts";
	if (period_active(&a->monitor, now))
		return "it is under monitor";
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (looser_in(a, b, (enum policy_reason)kind, text, size))
			return text;
	return NULL;
}

/* Warns where clear text gets a milder action than another failure. */
static void
lint_clear_text(struct lint *lint, size_t index)
{
	const struct policy_rule *rule = &lint->policy->rules[index];
	const struct settings_of_rule *settings = &rule->settings;
	const struct policy_requirement *lender;
	enum policy_action clear = clear_text_action(settings, &lender);

	for (int kind = KIND_FIRST; lender != NULL && kind < KIND_END; kind++) {
		const struct policy_requirement *each = settings->require[kind];

		if (each == NULL || requirement_action(settings, each) <= clear)
			continue;
		lint_warn(lint, &lint->written->rules[index].place, KIND(CLEAR_TEXT),
		    policy_action_name(clear),
		    policy_action_name(requirement_action(settings, each)),
		    policy_kind_name((enum policy_reason)kind));
		return;
	}
}

static void
lint_replaced(struct lint *lint)
{
	for (const struct replaced *each = lint->written->replaced; each != NULL; each = each->next) {
		const struct policy_requirement *before = each->before;
		bool looser = each->after == NULL ||
		    requirement_looser(each->after, before) ||
		    requirement_action(each->settings, each->after) <
		    requirement_action(each->settings, before);

		if (looser)
			lint_warn(lint, &each->place, KIND(LOOSENS), each->profile,
			    policy_kind_name(before->kind));
	}
}

/* Warns of a default that refuses clear text from everybody. */
static void
lint_public(struct lint *lint)
{
	const struct policy_rule *fallback = lint->policy->fallback;
	const struct policy_requirement *lender;
	enum policy_action clear;

	if (fallback == NULL || period_active(&fallback->settings.exempt, lint->now) ||
	    period_active(&fallback->settings.monitor, lint->now))
		return;
	clear = clear_text_action(&fallback->settings, &lender);
	if (lender != NULL && clear >= POLICY_TEMPFAIL)
		lint_warn(lint, &lint->written->rules[lint->policy->fallback_index].place,
		    KIND(PUBLIC), policy_action_name(clear));
}

void
lint_settings(struct lint *lint)
{
	for (size_t i = 0; i < lint->policy->rule_count; i++)
		lint_clear_text(lint, i);
	lint_replaced(lint);
	lint_public(lint);
}
