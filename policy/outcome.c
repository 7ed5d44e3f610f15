/*
 * outcome.c - what a rule that applied requires, until when, and what to ask for.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "policy/requirement.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The requirement of that kind of the rule that an outcome is of, or NULL. */
static const struct policy_requirement *
required(const struct policy_outcome *outcome, enum policy_reason kind)
{
	return outcome->rule == NULL ? NULL : outcome->settings->require[kind];
}

bool
policy_required_text(const struct policy_outcome *outcome, enum policy_reason kind,
    char *text, size_t size)
{
	const struct policy_requirement *requirement = required(outcome, kind);
	char *client;

	text[0] = '\0';
	if (requirement == NULL)
		return false;
	requirement_describe(requirement, text, size);
	/* Of mail that goes out it is the server's. */
	client = outcome->rule->kind != RULE_DELIVER ? NULL :
	    strstr(text, "client certificate");
	if (client != NULL)
		memmove(client, client + strlen("client "),
		    strlen(client) - strlen("client ") + 1);
	return true;
}

enum policy_action
policy_required_action(const struct policy_outcome *outcome, enum policy_reason kind)
{
	const struct policy_requirement *requirement = required(outcome, kind);

	return requirement == NULL ? POLICY_ACCEPT :
	    requirement_action(outcome->settings, requirement);
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

int64_t
policy_required_until(const struct policy_outcome *outcome, enum policy_reason kind,
    int64_t now)
{
	const struct stretches *all = &outcome->rule->settings;
	const struct policy_requirement *is = outcome->settings->require[kind];

	for (size_t i = stretches_index(all, now) + 1; i < all->count; i++) {
		const struct policy_requirement *next = all->list[i].settings.require[kind];

		if ((is == NULL) != (next == NULL) ||
		    (is != next && !requirement_same(is, next)))
			return all->list[i].from;
	}
	return INT64_MAX;
}

/* ------------------------------------------------------------------ *
 * Dates
 * ------------------------------------------------------------------ */

static int64_t
period_end(const struct period *period)
{
	return period->set && period->limited ? period->until : INT64_MAX;
}

int64_t
policy_outcome_until(const struct policy_outcome *outcome)
{
	return outcome->exempt ? period_end(&outcome->settings->exempt) :
	    outcome->monitored ? period_end(&outcome->settings->monitor) : INT64_MAX;
}

int64_t
policy_outcome_next(const struct policy_outcome *outcome, int64_t now)
{
	return stretches_next(&outcome->rule->settings, now);
}

/* ------------------------------------------------------------------ *
 * What partners are asked for
 * ------------------------------------------------------------------ */

/* Of a server to which our mail goes; NULL: as of a client. */
static const char *
advice_out(enum policy_reason reason)
{
	static const struct {
		enum policy_reason reason;
		const char *advice;
	} rows[] = {
		{ REASON_TLS, "let it offer STARTTLS%s" },
		{ REASON_CERTIFICATE, "let it present a certificate that we can verify, with "
		    "the intermediate ones" },
		{ REASON_CERTIFICATE_NAME, "let it present a certificate with that name, with "
		    "the intermediate ones" },
		{ REASON_CERTIFICATE_FINGERPRINT, "let it present that certificate, or give us "
		    "its new one in person" }
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].reason == reason)
			return rows[i].advice;
	return NULL;
}

/* Of a client's certificate, by what was shown of it; NULL: as always. */
static const char *
advice_shown(enum policy_reason reason, const struct facts *facts)
{
	bool verified = facts->cert_verified == POLICY_YES;
	bool named = facts->cert_san != NULL ||
	    (facts->cert_cn != NULL && *facts->cert_cn != '\0');
	bool of_verified = reason == REASON_CERTIFICATE ||
	    reason == REASON_CERTIFICATE_NAME || reason == REASON_CERTIFICATE_ISSUER;

	if (of_verified && !verified && policy_presented(facts) == PRESENTED_CERTIFICATE)
		return "let it present a certificate that we can verify, of an authority that "
		    "we know and for client authentication too, with the intermediate ones, "
		    "while it is valid; or give us that certificate, or its fingerprint, in "
		    "person";
	if (reason == REASON_CERTIFICATE_NAME && verified && !named)
		return "give us its certificate, or its fingerprint, in person: no common name "
		    "of it is shown to us, and names in its subjectAltName never are";
	return NULL;
}

const char *
policy_advice(enum policy_reason reason, const struct facts *facts)
{
	const char *advice = facts == NULL ? NULL : facts->direction != NULL ?
	    advice_out(reason) : advice_shown(reason, facts);

	return advice != NULL ? advice : requirement_reason(reason)->advice;
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
