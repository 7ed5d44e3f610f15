/*
 * requirement.c - the table of the kinds of requirement, and what it answers.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/requirement.h"

#include <string.h>

#include "policy/session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct requirement_kind *const families[] = {
	requirements_tls, requirements_cipher, requirements_certificate, requirements_pin
};

/* The reasons that are no kind. */
static const struct reason no_reason = {
	"", "", "", "", "see our replies in its log", ""
};
static const struct reason clear_text = {
	"tls", "530", "7.0",
	"{domain} must reach us over {required}; this session was not encrypted",
	"let it use STARTTLS%s",
	"Postfix: smtp_tls_security_level = encrypt for our domain"
};
static const struct reason unknown_fact = {
	"unknown-fact", "554", "7.0",
	"{domain} cannot be judged: a fact about this session is missing on our side; "
	"please try again later",
	"nothing: we could not see what we needed, and look into that ourselves", ""
};

const struct requirement_kind *
requirement_kind(enum policy_reason kind)
{
	for (size_t i = 0; i < COUNT(families); i++)
		for (const struct requirement_kind *row = families[i]; row->name != NULL;
		    row++)
			if (row->kind == kind)
				return row;
	return NULL;
}

const struct reason *
requirement_reason(enum policy_reason reason)
{
	const struct requirement_kind *kind = requirement_kind(reason);

	if (kind != NULL)
		return &kind->why;
	return reason == REASON_TLS ? &clear_text :
	    reason == REASON_UNKNOWN_FACT ? &unknown_fact : &no_reason;
}

/* What of a name stands behind "before", one word; NULL where the name is another. */
static const char *
word_behind(const char *name, const char *before)
{
	size_t length = strlen(before);

	if (strncmp(name, before, length) != 0 || strchr(name + length, ' ') != NULL)
		return NULL;
	return name + length;
}

const struct requirement_kind *
requirement_find(const char *before, const char *word, const char *words[], size_t *count)
{
	*count = 0;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const struct requirement_kind *row =
		    requirement_kind((enum policy_reason)kind);
		const char *const names[2] = { row->name, row->other_name };

		for (size_t i = 0; i < 2; i++) {
			const char *behind = word_behind(names[i], before);

			if (behind == NULL || (i > 0 && strcmp(names[i], names[0]) == 0))
				continue;
			if (word != NULL && strcmp(behind, word) == 0)
				return row;
			words[(*count)++] = behind;
		}
	}
	return NULL;
}

static bool
requirement_needs(const struct requirement_kind *kind, const char *fact)
{
	for (size_t i = 0; kind->facts[i] != NULL; i++)
		if (strcmp(kind->facts[i], fact) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------ *
 * Names, and what partners are told
 * ------------------------------------------------------------------ */

const char *
policy_reason_name(enum policy_reason reason)
{
	return requirement_reason(reason)->word;
}

enum policy_reason
policy_reason_next(enum policy_reason reason)
{
	const struct requirement_kind *kind;

	do
		kind = requirement_kind(++reason);
	while (kind != NULL && kind->reason != reason);
	return reason;
}

const char *
policy_kind_name(enum policy_reason kind)
{
	return requirement_kind(kind)->name;
}

const char *const *
policy_kind_facts(enum policy_reason kind)
{
	return requirement_kind(kind)->facts;
}

const char *
policy_advice(enum policy_reason reason)
{
	return requirement_reason(reason)->advice;
}

const char *
policy_advice_hint(enum policy_reason reason)
{
	const char *hint = requirement_reason(reason)->hint;

	return *hint != '\0' ? hint : NULL;
}

enum policy_reason
policy_asked_for(const struct policy_outcome *outcome, enum policy_reason kind)
{
	/* A certificate that was not presented cannot be replaced. */
	if (outcome->reason == REASON_CERTIFICATE &&
	    requirement_kind(kind)->presumes == PRESUMES_PRESENTED)
		return REASON_CERTIFICATE;
	return kind;
}

/* ------------------------------------------------------------------ *
 * A rule's requirements
 * ------------------------------------------------------------------ */

/* The requirement of that kind of the rule that an outcome is of, or NULL. */
static const struct policy_requirement *
required(const struct policy_outcome *outcome, enum policy_reason kind)
{
	return outcome->rule == NULL ? NULL : outcome->rule->settings.require[kind];
}

bool
policy_required_text(const struct policy_outcome *outcome, enum policy_reason kind,
    char *text, size_t size)
{
	const struct policy_requirement *requirement = required(outcome, kind);

	text[0] = '\0';
	if (requirement != NULL)
		requirement_describe(requirement, text, size);
	return requirement != NULL;
}

enum policy_action
policy_required_action(const struct policy_outcome *outcome, enum policy_reason kind)
{
	const struct policy_requirement *requirement = required(outcome, kind);

	return requirement == NULL ? POLICY_ACCEPT :
	    requirement_action(&outcome->rule->settings, requirement);
}

bool
policy_required_place(const struct policy_outcome *outcome, enum policy_reason kind,
    struct policy_place *place)
{
	const struct policy_requirement *requirement = required(outcome, kind);

	if (requirement == NULL)
		return false;
	*place = outcome->place;
	place->file = requirement->file;
	place->line = requirement->line;
	return true;
}

const struct otherwise *
requirement_otherwise(const struct settings_of_rule *settings,
    const struct policy_requirement *requirement)
{
	return requirement->own != NULL ? requirement->own : settings->otherwise;
}

enum policy_action
requirement_action(const struct settings_of_rule *settings,
    const struct policy_requirement *requirement)
{
	const struct otherwise *otherwise = requirement_otherwise(settings, requirement);

	/* Forgetting it loses no mail. */
	return otherwise != NULL ? otherwise->action : POLICY_TEMPFAIL;
}

enum policy_action
clear_text_action(const struct settings_of_rule *settings,
    const struct policy_requirement **lender)
{
	enum policy_action strictest = POLICY_ACCEPT;

	*lender = settings->require[REASON_TLS_VERSION];
	if (*lender != NULL)
		return requirement_action(settings, *lender);
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const struct policy_requirement *each = settings->require[kind];
		enum policy_action action;

		if (each == NULL)
			continue;
		action = requirement_action(settings, each);
		if (*lender == NULL || action > strictest) {
			*lender = each;
			strictest = action;
		}
	}
	return strictest;
}

bool
requirement_looser(const struct policy_requirement *a, const struct policy_requirement *b)
{
	return a->row->looser(a, b);
}

bool
requirement_same(const struct policy_requirement *a, const struct policy_requirement *b)
{
	return a->row->same(a, b);
}

bool
requirement_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	return lacking->row->implied(settings, lacking);
}

/* Whether a kind is judged by the protocol and the suite alone. */
static bool
is_of_suite(const struct requirement_kind *row)
{
	for (size_t i = 0; row->facts[i] != NULL; i++)
		if (strncmp(row->facts[i], "cert_", 5) == 0)
			return false;
	return true;
}

bool
requirement_is_of_suite(enum policy_reason kind)
{
	return is_of_suite(requirement_kind(kind));
}

bool
rule_met_by_suite(const struct policy *policy, const struct settings_of_rule *settings,
    const struct cipher *cipher)
{
	const struct facts facts = {
		.tls_version = cipher->tls13 ? "TLSv1.3" : "TLSv1.2",
		.cipher = cipher->name, .bits = -1
	};
	struct session session;

	session_read(&session, policy, &facts, 0);
	if (session.encrypted != POLICY_YES)
		return false;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const struct policy_requirement *each = settings->require[kind];

		if (each != NULL && is_of_suite(each->row) &&
		    each->row->meets(&session, each) != POLICY_YES)
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ *
 * All rules' requirements
 * ------------------------------------------------------------------ */

/* Notes the facts that requirements of a kind are judged by. */
static void
note_needs(const struct requirement_kind *row, struct policy_summary *summary)
{
	summary->needs_certificate |= !is_of_suite(row);
	summary->needs_fingerprint |= requirement_needs(row, "cert_fingerprint");
	summary->needs_known |= requirement_needs(row, "cert_key") ||
	    requirement_needs(row, "cert_signature") ||
	    requirement_needs(row, "cert_not_after");
}

void
policy_summarize(const struct policy *policy, struct policy_summary *summary)
{
	bool required_by_any[KIND_END] = { false };

	*summary = (struct policy_summary){
		.rules = policy->rule_count, .listed = policy->listed,
		.has_default = policy->default_rule != NULL
	};
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (rule->kind == RULE_TO) {
			summary->has_to_rules = true;
			summary->has_to_exempt |= rule->settings.exempt.set;
		}
		for (int kind = KIND_FIRST; kind < KIND_END; kind++)
			required_by_any[kind] |= rule->settings.require[kind] != NULL;
	}
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (required_by_any[kind])
			note_needs(requirement_kind((enum policy_reason)kind), summary);
	summary->uses_fingerprint = summary->needs_fingerprint ||
	    (policy->partners != NULL && summary->needs_certificate);
}
