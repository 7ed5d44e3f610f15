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
	requirements_client, requirements_tls, requirements_cipher,
	requirements_certificate, requirements_pin
};

/* The reasons that are no kind. */
static const struct reason no_reason = {
	"", "", "", "", "see our replies in its log"
};
static const struct reason clear_text = {
	"tls", "530", "7.0",
	"{domain} must reach us over {required}; this session was not encrypted",
	"let it use STARTTLS%s"
};
static const struct reason unknown_fact = {
	"unknown-fact", "554", "7.0",
	"{domain} cannot be judged: a fact about this session is missing on our side; "
	"please try again later",
	"nothing: we could not see what we needed, and look into that ourselves"
};

const struct requirement_kind *
requirement_kind(enum policy_reason kind)
{
	/* Clear text is no kind of its own: it is what "require tls" is not met by. */
	if (kind == REASON_TLS)
		kind = REASON_TLS_VERSION;
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

	if (reason == REASON_TLS)
		return &clear_text;
	if (kind != NULL)
		return &kind->why;
	return reason == REASON_UNKNOWN_FACT ? &unknown_fact : &no_reason;
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

		for (size_t i = 0; kind != REASON_TLS && i < 2; i++) {
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

/* ------------------------------------------------------------------ *
 * Names
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
	while (kind != NULL && reason != REASON_TLS && kind->reason != reason);
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

/* ------------------------------------------------------------------ *
 * A rule's requirements
 * ------------------------------------------------------------------ */

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
	for (int kind = REASON_TLS_VERSION; kind < KIND_END; kind++) {
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
	return a->row->covers(a, b) && !a->row->covers(b, a);
}

bool
requirement_same(const struct policy_requirement *a, const struct policy_requirement *b)
{
	return a->row->covers(a, b) && a->row->covers(b, a);
}

bool
requirement_implied(const struct settings_of_rule *settings,
    const struct policy_requirement *lacking)
{
	return lacking->row->implied(settings, lacking);
}

bool
settings_require_something(const struct settings_of_rule *settings)
{
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (settings->require[kind] != NULL)
			return true;
	return false;
}

bool
requirement_needs(const struct requirement_kind *kind, const char *fact)
{
	for (size_t i = 0; kind->facts[i] != NULL; i++)
		if (strncmp(kind->facts[i], fact, strlen(fact)) == 0)
			return true;
	return false;
}

/* Whether a kind is judged by the protocol and the suite alone. */
static bool
is_of_suite(const struct requirement_kind *row)
{
	return row->kind != REASON_CLIENT && !requirement_needs(row, "cert_");
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
