/*
 * explain_text.c - facts, rules and verdict in words.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "tool/explain.h"

#define REQUIRED_MAX 1024

/* Lines of a list of names are broken before this column. */
#define WIDTH 78

/* By kind of requirement: the facts that it was held against. */
static const char *const used[KIND_COUNT][4] = {
	[KIND_TLS] = { "tls_version" },
	[KIND_BITS] = { "bits", "cipher" },
	[KIND_CIPHER] = { "tls_version", "cipher" },
	[KIND_CIPHERSUITES] = { "tls_version", "cipher" },
	[KIND_FORWARD_SECRECY] = { "tls_version", "cipher" },
	[KIND_AEAD] = { "cipher" },
	[KIND_CERTIFICATE] = { "cert_verified" },
	[KIND_CERTIFICATE_NAME] = { "cert_verified", "cert_san", "cert_cn" },
	[KIND_CERTIFICATE_ISSUER] = { "cert_verified", "cert_issuer" },
	[KIND_CERTIFICATE_FINGERPRINT] = {
		"cert_fingerprint", "cert_pubkey_fingerprint"
	},
	[KIND_CERTIFICATE_KEY] = { "cert_key" },
	[KIND_CERTIFICATE_SIGNATURE] = { "cert_signature" },
	[KIND_CERTIFICATE_VALIDITY] = { "cert_not_after" },
};

static const char *const slot_names[OUTCOME_COUNT] = {
	[OUTCOME_CLIENT] = "client rule",
	[OUTCOME_TO] = "to rule",
	[OUTCOME_TO_RESOLVED] = "to rule, resolved recipient",
	[OUTCOME_FROM] = "from rule",
};

static void
add_absent(const struct facts *facts, struct buffer *text)
{
	struct buffer value = BUFFER_INIT;
	size_t column = WIDTH;
	const char *name, *before = "  not given: ";

	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++) {
		buffer_clear(&value);
		if (journal_fact_text(facts, name, &value))
			continue;
		if (column + strlen(name) + 2 > WIDTH) {
			buffer_string(text, before);
			column = strlen(before);
			before = ",\n    ";
		} else {
			buffer_string(text, ", ");
		}
		buffer_string(text, name);
		column += strlen(name) + 2;
	}
	buffer_string(text, "\n");
	buffer_free(&value);
}

/* Where a fact of the certificate came from. */
static void
add_source(const struct facts *given, const struct facts *facts, const char *name,
    struct buffer *text)
{
	struct buffer value = BUFFER_INIT;

	if (strncmp(name, "cert_", 5) != 0 || strcmp(name, "cert_source") == 0)
		return;
	if (journal_fact_text(given, name, &value))
		buffer_string(text, " (given)");
	else if (strcmp(name, "cert_verified") == 0)
		buffer_string(text, " (Postfix reports those that it verified)");
	else {
		buffer_string(text, " (known certificate ");
		journal_text_write(facts->cert_source, text);
		buffer_string(text, ")");
	}
	text->failed |= value.failed;
	buffer_free(&value);
}

void
explain_facts(const struct facts *given, const struct facts *facts,
    struct buffer *text)
{
	struct buffer value = BUFFER_INIT;
	const char *name;

	buffer_string(text, "facts\n");
	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++) {
		buffer_clear(&value);
		if (!journal_fact_text(facts, name, &value))
			continue;
		buffer_format(text, "  %-24s ", name);
		buffer_add(text, value.text, value.length);
		add_source(given, facts, name, text);
		buffer_string(text, "\n");
	}
	if (value.failed)
		text->failed = true;
	buffer_free(&value);
	add_absent(facts, text);
}

static const char *
check_text(enum policy_check check)
{
	switch (check) {
	case CHECK_MET:
		return "met";
	case CHECK_UNMET:
		return "not met";
	case CHECK_UNKNOWN:
		return "unknown, so not met";
	case CHECK_MOOT:
	case CHECK_ABSENT:
		break;
	}
	return "not looked at";
}

static void
add_used(enum policy_kind kind, const struct verdict *verdict,
    const struct facts *facts, struct buffer *text)
{
	buffer_string(text, "      session: ");
	for (size_t i = 0; i < 4 && used[kind][i] != NULL; i++) {
		const char *name = used[kind][i];

		buffer_format(text, "%s%s ", i > 0 ? ", " : "", name);
		if (journal_fact_text(facts, name, text))
			continue;
		if (strcmp(name, "bits") == 0 && verdict->bits >= 0)
			buffer_format(text, "%d by the cipher's name", verdict->bits);
		else
			buffer_string(text, "unknown");
	}
	buffer_string(text, "\n");
}

static void
add_requirement(const struct policy_outcome *outcome, enum policy_kind kind,
    const struct verdict *verdict, const struct facts *facts, struct buffer *text)
{
	char required[REQUIRED_MAX];

	if (outcome->check[kind] == CHECK_ABSENT)
		return;
	buffer_format(text, "    require %s: %s\n", policy_kind_name(kind),
	    check_text((enum policy_check)outcome->check[kind]));
	if (policy_required_text(outcome, kind, required, sizeof required)) {
		buffer_string(text, "      required: ");
		journal_text_write(required, text);
		buffer_format(text, "; otherwise %s\n",
		    policy_action_name(policy_required_action(outcome, kind)));
	}
	add_used(kind, verdict, facts, text);
}

static void
add_failed(unsigned failed, struct buffer *text)
{
	const char *before = "";

	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		if ((failed & 1u << r) == 0)
			continue;
		buffer_format(text, "%s%s", before,
		    policy_reason_name((enum policy_reason)r));
		before = ", ";
	}
}

static void
add_place(const struct policy_outcome *outcome, struct buffer *text)
{
	const struct policy_place *place = &outcome->place;

	journal_text_write(place->file != NULL ? place->file : "", text);
	buffer_format(text, ":%u (%s", place->line, policy_rule_kind_name(place->kind));
	if (place->name != NULL) {
		buffer_string(text, " ");
		journal_text_write(place->name, text);
	}
	buffer_string(text, ")");
}

static void
add_result(const struct policy_outcome *outcome, struct buffer *text)
{
	buffer_format(text, "    this rule: %s", policy_action_name(outcome->action));
	if (outcome->reason != REASON_NONE)
		buffer_format(text, ", reason %s", policy_reason_name(outcome->reason));
	if (outcome->failed != 0) {
		buffer_string(text, ", failed ");
		add_failed(outcome->failed, text);
	}
	buffer_string(text, outcome->monitored ?
	    "; under monitor, so it counts as accept\n" : "\n");
}

static void
add_rule(const struct policy_outcome *outcome, const char *name,
    const struct verdict *verdict, const struct facts *facts, struct buffer *text)
{
	if (outcome->rule == NULL) {
		buffer_format(text, "  %s: none applies\n", name);
		return;
	}
	buffer_format(text, "  %s: ", name);
	add_place(outcome, text);
	buffer_string(text, "\n");
	if (outcome->undecided)
		buffer_string(text, "    its regular expression hit the limit: it is "
		    "unknown whether the rule applies\n");
	if (outcome->exempt) {
		buffer_string(text, "    exempt: accept, whatever another rule says\n");
		return;
	}
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		add_requirement(outcome, (enum policy_kind)kind, verdict, facts, text);
	add_result(outcome, text);
}

void
explain_rules(const struct verdict *verdict, const struct facts *facts,
    struct buffer *text)
{
	buffer_string(text, "rules\n");
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		if (i == OUTCOME_TO_RESOLVED && verdict->outcome[i].rule == NULL)
			continue;
		add_rule(&verdict->outcome[i], slot_names[i], verdict, facts, text);
	}
}

static void
add_would(const struct verdict *verdict, struct buffer *text)
{
	const struct policy_outcome *outcome;

	if (verdict->would == POLICY_ACCEPT || verdict->would_by < 0)
		return;
	outcome = &verdict->outcome[verdict->would_by];
	buffer_format(text, "  would    %s, reason %s, by ",
	    policy_action_name(verdict->would), policy_reason_name(outcome->reason));
	add_place(outcome, text);
	buffer_string(text, "\n");
}

static void
add_line(const char *name, const char *value, struct buffer *text)
{
	if (value == NULL)
		return;
	buffer_format(text, "  %-8s ", name);
	journal_text_write(value, text);
	buffer_string(text, "\n");
}

void
explain_verdict(const struct verdict *verdict, const struct facts *facts,
    struct buffer *text)
{
	struct policy_reply reply;

	buffer_format(text, "verdict: %s%s\n", policy_action_name(verdict->action),
	    verdict->soft_bounced ? " (soft-bounce: it was a reject)" : "");
	if (verdict->reported >= 0) {
		buffer_string(text, "  rule     ");
		add_place(&verdict->outcome[verdict->reported], text);
		buffer_string(text, "\n");
	} else {
		buffer_string(text, "  rule     none applies\n");
	}
	if (verdict->reason != REASON_NONE)
		add_line("reason", policy_reason_name(verdict->reason), text);
	if (verdict->failed != 0) {
		buffer_string(text, "  failed   ");
		add_failed(verdict->failed, text);
		buffer_string(text, "\n");
	}
	add_line("exempt", verdict->exempt ? verdict->exempt_reason : NULL, text);
	add_would(verdict, text);
	if (policy_reply(verdict, facts, &reply))
		buffer_format(text, "  reply    %s %s %s\n", reply.code, reply.enhanced,
		    reply.text);
	add_line("contact", verdict->contact, text);
	add_line("note", verdict->note, text);
}
