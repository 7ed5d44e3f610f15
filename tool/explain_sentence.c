/*
 * explain_sentence.c - one sentence that can be mailed to whoever must act.
 *
 * It speaks of this session and of nothing else: what other sessions of the partner
 * are like is not known.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "tool/explain.h"
#include "base/buffer.h"
#include "tool/advice.h"
#include "base/text.h"

#define REQUIRED_MAX 1024

/* So many names of a certificate are told. */
#define NAMES_SHOWN 3

/* What the network said: in quotes where it is more than a name. */
static void
add_value(const char *value, struct buffer *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789._-:*@+";

	if (value[0] != '\0' && value[strspn(value, plain)] == '\0')
		buffer_string(text, value);
	else
		text_json(text, value);
}

/* A fact between some words, where it is of the matter and known. */
static void
add_detail(bool matters, const char *before, const char *value, const char *after,
    struct buffer *text)
{
	if (!matters || value == NULL)
		return;
	buffer_string(text, before);
	add_value(value, text);
	buffer_string(text, after);
}

static void
add_server(const struct facts *facts, struct buffer *text)
{
	buffer_string(text, "Your server");
	add_detail(true, " ", facts->client_name, "", text);
	add_detail(true, " [", facts->client_addr, "]", text);
	add_detail(facts->client_name == NULL, ", which called itself ", facts->helo, ",",
	    text);
}

/* The day that a record's time begins with, and where it is known the time. */
static void
add_time(const struct explained *explained, struct buffer *text)
{
	const struct journal_record record = {
		.time_ms = explained->time_ms, .facts = explained->facts
	};
	struct buffer time = BUFFER_INIT;

	if (!explained->has_day && !explained->has_time)
		return;
	if (journal_record_text(&record, "time", &time) && !time.failed) {
		buffer_format(text, " on %.10s", time.text);
		if (explained->has_time)
			buffer_format(text, " at %.8s UTC", time.text + 11);
	}
	text->failed |= time.failed;
	buffer_free(&time);
}

/* Whether one of the kinds from "first" to "last" is not met. */
static bool
any_unmet(const struct policy_outcome *outcome, enum policy_reason first,
    enum policy_reason last)
{
	for (unsigned kind = first; kind <= last; kind++)
		if (outcome->check[kind] == CHECK_UNMET)
			return true;
	return false;
}

static bool
is_unmet(const struct policy_outcome *outcome, enum policy_reason kind)
{
	return outcome->check[kind] == CHECK_UNMET;
}

static void
add_names(const struct facts *facts, struct buffer *text)
{
	size_t count = facts->cert_san != NULL ? facts->cert_san_count : 0;

	if (count == 0)
		add_detail(true, " for ", facts->cert_cn != NULL ? facts->cert_cn : "", "",
		    text);
	for (size_t i = 0; i < count && i < NAMES_SHOWN; i++)
		add_detail(true, i == 0 ? " for " : ", ", facts->cert_san[i], "", text);
	if (count > NAMES_SHOWN)
		buffer_format(text, " and %zu more", count - NAMES_SHOWN);
}

static bool
says_none(const char *digest)
{
	return digest != NULL && strcmp(digest, "none") == 0;
}

static void
add_certificate(const struct policy_outcome *outcome, const struct facts *facts,
    struct buffer *text)
{
	const char *digest = facts->cert_fingerprint != NULL ? facts->cert_fingerprint :
	    facts->cert_pubkey_fingerprint;
	bool unverified =
	    any_unmet(outcome, REASON_CERTIFICATE, REASON_CERTIFICATE_ISSUER) &&
	    facts->cert_verified != POLICY_YES;

	if (says_none(facts->cert_fingerprint) ||
	    says_none(facts->cert_pubkey_fingerprint)) {
		buffer_string(text, " and presented no client certificate");
		return;
	}
	buffer_string(text, unverified ?
	    " and presented no client certificate that we could verify" :
	    " and presented a client certificate");
	if (!unverified && is_unmet(outcome, REASON_CERTIFICATE_NAME))
		add_names(facts, text);
	add_detail(!unverified && is_unmet(outcome, REASON_CERTIFICATE_ISSUER),
	    " issued by ", facts->cert_issuer, "", text);
	add_detail(is_unmet(outcome, REASON_CERTIFICATE_FINGERPRINT),
	    facts->cert_fingerprint != NULL ? " with the fingerprint " :
	    " whose key has the fingerprint ", digest, "", text);
	add_detail(is_unmet(outcome, REASON_CERTIFICATE_KEY), " with the key ",
	    facts->cert_key, "", text);
	add_detail(is_unmet(outcome, REASON_CERTIFICATE_SIGNATURE),
	    " with the signature ", facts->cert_signature, "", text);
	add_detail(is_unmet(outcome, REASON_CERTIFICATE_VALIDITY), " that expires on ",
	    facts->cert_not_after, "", text);
}

/* How the session was. */
static void
add_how(const struct explained *explained, const struct policy_outcome *outcome,
    struct buffer *text)
{
	const struct facts *facts = explained->facts;

	if (outcome->reason == REASON_TLS) {
		buffer_string(text, " without encryption");
		return;
	}
	add_detail(true, " with ", facts->tls_version, "", text);
	add_detail(any_unmet(outcome, REASON_BITS, REASON_AEAD),
	    facts->tls_version != NULL ? " and the cipher " : " with the cipher ",
	    facts->cipher, "", text);
	if (is_unmet(outcome, REASON_BITS) && explained->verdict->bits >= 0)
		buffer_format(text, " of %d bits", explained->verdict->bits);
	if (any_unmet(outcome, REASON_CERTIFICATE, REASON_CERTIFICATE_VALIDITY))
		add_certificate(outcome, facts, text);
}

/* Whose mail it is about: that is what the rule is for. */
static void
add_mail(const struct explained *explained, const struct policy_outcome *outcome,
    struct buffer *text)
{
	const struct verdict *verdict = explained->verdict;
	const char *domain = verdict->from_domain;
	bool recipient = outcome->place.kind == RULE_TO;

	if (outcome->place.kind == RULE_CLIENT) {
		buffer_string(text, "its mail");
		return;
	}
	if (recipient)
		domain = outcome == &verdict->outcome[OUTCOME_TO_RESOLVED] ?
		    verdict->to_resolved_domain : verdict->to_domain;
	if (domain[0] != '\0')
		add_detail(true, recipient ? "mail to " : "mail from ", domain, "", text);
	else if (recipient)
		buffer_string(text, "mail to that recipient");
	else
		buffer_string(text, strcmp(explained->facts->from, "<>") == 0 ?
		    "mail with the null sender <>" : "mail from that sender");
}

/* The text of a requirement; of TLS that is only implied, "TLS". */
static void
required_text(const struct policy_outcome *outcome, enum policy_reason kind,
    char required[REQUIRED_MAX])
{
	if (!policy_required_text(outcome, kind, required, REQUIRED_MAX))
		(void)strcpy(required, "TLS");
}

static void
add_required(const struct policy_outcome *outcome, struct buffer *text)
{
	const char *before = " ";

	for (unsigned kind = KIND_FIRST; kind < KIND_END; kind++) {
		char required[REQUIRED_MAX];

		if (!is_unmet(outcome, (enum policy_reason)kind))
			continue;
		required_text(outcome, (enum policy_reason)kind, required);
		buffer_string(text, before);
		buffer_string(text, kind == REASON_TLS_VERSION ? "over " : "with ");
		text_visible(text, required);
		before = " and ";
	}
}

static void
add_advice(const struct policy_outcome *outcome, struct buffer *text)
{
	const char *before = ": please ";
	enum policy_reason last = REASON_NONE;

	if (outcome->reason == REASON_TLS) {
		buffer_string(text, before);
		advice_write(REASON_TLS, outcome, text);
	}
	for (int k = KIND_FIRST; k < KIND_END && outcome->reason != REASON_TLS; k++) {
		enum policy_reason kind = (enum policy_reason)k;
		enum policy_reason asked = policy_asked_for(outcome, kind);

		if (!is_unmet(outcome, kind) || asked == last)
			continue;
		buffer_string(text, before);
		advice_write(asked, outcome, text);
		before = ", and ";
		last = asked;
	}
	buffer_string(text, ".");
}

const struct policy_outcome *
explain_blamed(const struct verdict *verdict)
{
	if (verdict->exempt)
		return NULL;
	if (verdict->action == POLICY_ACCEPT && verdict->would != POLICY_ACCEPT)
		return &verdict->outcome[verdict->would_by];
	return verdict->reason == REASON_NONE || verdict->reported < 0 ? NULL :
	    &verdict->outcome[verdict->reported];
}

bool
explain_is_ours(const struct policy_outcome *blamed)
{
	return blamed->reason == REASON_UNKNOWN_FACT;
}

/* The facts that a requirement wants and nobody told. */
static void
add_missing(const struct explained *explained, const struct policy_outcome *outcome,
    struct buffer *text)
{
	struct buffer value = BUFFER_INIT;
	const char *before = "";

	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const char *const *names = policy_kind_facts((enum policy_reason)kind);

		for (size_t i = 0; outcome->check[kind] == CHECK_UNKNOWN &&
		    names[i] != NULL; i++) {
			const char *name = names[i];

			if (journal_fact_text(explained->facts, name, &value))
				continue;
			buffer_format(text, "%s%s", before, name);
			before = ", ";
		}
	}
	if (before[0] == '\0')
		buffer_string(text, "a fact of the form that the policy asks for");
	text->failed |= value.failed;
	buffer_free(&value);
}

static void
add_ours(const struct explained *explained, const struct policy_outcome *outcome,
    struct buffer *text)
{
	buffer_string(text, "This session could not be judged by the rule ");
	explain_place(&outcome->place, text);
	if (outcome->undecided) {
		buffer_string(text, ", whose regular expression hit the limit: please "
		    "write a simpler one.");
		return;
	}
	buffer_string(text, ", for nothing told us ");
	add_missing(explained, outcome, text);
	buffer_string(text, ": please configure the MTA or the policy service to report "
	    "it (see \"Unknown facts\" in tlsward-policy(5)).");
}

static const char *
must(const struct policy_outcome *outcome)
{
	if (outcome->action == POLICY_ACCEPT)
		return " should reach us";
	return outcome->monitored ? " will have to reach us" : " must reach us";
}

bool
explain_sentence(const struct explained *explained, struct buffer *text)
{
	const struct policy_outcome *outcome = explain_blamed(explained->verdict);

	if (outcome == NULL)
		return false;
	if (explain_is_ours(outcome)) {
		add_ours(explained, outcome, text);
		return true;
	}
	add_server(explained->facts, text);
	buffer_string(text, " connected");
	add_time(explained, text);
	add_how(explained, outcome, text);
	buffer_string(text, "; ");
	add_mail(explained, outcome, text);
	buffer_string(text, must(outcome));
	add_required(outcome, text);
	add_advice(outcome, text);
	return true;
}
