/*
 * explain_text.c - what came and what is required, in words.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "tool/explain.h"
#include "tool/quote.h"
#include "base/buffer.h"
#include "base/text.h"

#define REQUIRED_MAX 1024

/* Lines of a list of names are broken before this column. */
#define WIDTH 78

const char *const explain_slots[OUTCOME_COUNT] = {
	[OUTCOME_CLIENT] = "client",
	[OUTCOME_TO] = "to",
	[OUTCOME_TO_RESOLVED] = "to_resolved",
	[OUTCOME_FROM] = "from",
};

static const char *const slot_names[OUTCOME_COUNT] = {
	[OUTCOME_CLIENT] = "client rule",
	[OUTCOME_TO] = "to rule",
	[OUTCOME_TO_RESOLVED] = "to rule, resolved recipient",
	[OUTCOME_FROM] = "from rule",
};

/* A fact behind some words; nothing where it is not known. */
static bool
add_fact(const char *before, const struct facts *facts, const char *name,
    const char *after, struct buffer *text)
{
	struct buffer value = BUFFER_INIT;
	bool known = journal_fact_text(facts, name, &value);

	if (known && !value.failed) {
		buffer_string(text, before);
		buffer_add(text, value.text, value.length);
		buffer_string(text, after);
	}
	text->failed |= value.failed;
	buffer_free(&value);
	return known;
}

static void
add_client(const struct facts *facts, struct buffer *text)
{
	bool known = false;

	buffer_string(text, "  client:      ");
	if (facts->local) {
		buffer_string(text, "a program on this host, not over SMTP\n");
		return;
	}
	known |= add_fact("", facts, "client_name", " ", text);
	known |= add_fact("[", facts, "client_addr", "]", text);
	if (!known)
		buffer_string(text, "not known");
	(void)add_fact(", which calls itself ", facts, "helo", "", text);
	(void)add_fact(", authenticated as ", facts, "sasl_username", "", text);
	buffer_string(text, "\n");
}

static void
add_session(const struct facts *facts, const struct verdict *verdict,
    struct buffer *text)
{
	buffer_string(text, "  session:     ");
	if (facts->tls_version != NULL && strcmp(facts->tls_version, "none") == 0)
		buffer_string(text, "clear text, not encrypted\n");
	else if (facts->tls_version == NULL && facts->cipher == NULL)
		buffer_string(text, "whether it was encrypted is not known\n");
	else {
		if (!add_fact("", facts, "tls_version", "", text))
			buffer_string(text, "a protocol that is not known");
		if (!add_fact(", cipher ", facts, "cipher", "", text))
			buffer_string(text, ", a cipher that is not known");
		if (verdict->bits >= 0)
			buffer_format(text, ", %d bits", verdict->bits);
		buffer_string(text, "\n");
	}
}

static void
add_certificate(const struct facts *facts, struct buffer *text)
{
	bool known = false;

	buffer_string(text, "  certificate: ");
	if (facts->cert_verified != POLICY_UNKNOWN) {
		buffer_string(text, facts->cert_verified == POLICY_YES ? "verified" :
		    "none that was verified");
		known = true;
	}
	known |= add_fact(known ? ", name " : "name ", facts, "cert_cn", "", text);
	known |= add_fact(known ? ", issued by " : "issued by ", facts, "cert_issuer",
	    "", text);
	known |= add_fact(known ? ", " : "", facts, "cert_fingerprint", "", text);
	buffer_string(text, known ? "\n" : "nothing is known of one\n");
}

/* When a record says that it was. */
static void
add_time(const struct explained *explained, struct buffer *text)
{
	const struct journal_record record = {
		.time_ms = explained->time_ms, .facts = explained->facts
	};
	struct buffer time = BUFFER_INIT;

	if (explained->has_time && journal_record_text(&record, "time", &time) &&
	    !time.failed)
		buffer_format(text, "  when:        %.10s %.8s UTC\n", time.text,
		    time.text + 11);
	text->failed |= time.failed;
	buffer_free(&time);
}

static void
add_words(const struct explained *explained, struct buffer *text)
{
	const struct facts *facts = explained->facts;

	add_time(explained, text);
	add_client(facts, text);
	(void)add_fact("  mail:        from ", facts, "from", "", text);
	(void)add_fact(" to ", facts, "to", "", text);
	(void)add_fact(", resolved to ", facts, "to_resolved", "", text);
	buffer_string(text, "\n");
	add_session(facts, explained->verdict, text);
	add_certificate(facts, text);
}

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
add_source(const struct explained *explained, const char *name, struct buffer *text)
{
	struct buffer value = BUFFER_INIT;

	if (strncmp(name, "cert_", 5) != 0 || strcmp(name, "cert_source") == 0)
		return;
	if (journal_fact_text(explained->given, name, &value))
		buffer_string(text, " (given)");
	else if (strcmp(name, "cert_verified") == 0)
		buffer_string(text, " (Postfix reports those that it verified)");
	else
		(void)add_fact(" (known certificate ", explained->facts, "cert_source",
		    ")", text);
	text->failed |= value.failed;
	buffer_free(&value);
}

void
explain_came(const struct explained *explained, struct buffer *text)
{
	struct buffer value = BUFFER_INIT;
	const char *name;

	buffer_string(text, "what came\n");
	add_words(explained, text);
	buffer_string(text, "facts\n");
	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++) {
		buffer_clear(&value);
		if (!journal_fact_text(explained->facts, name, &value))
			continue;
		buffer_format(text, "  %-24s ", name);
		buffer_add(text, value.text, value.length);
		add_source(explained, name, text);
		buffer_string(text, "\n");
	}
	text->failed |= value.failed;
	buffer_free(&value);
	add_absent(explained->facts, text);
}

static const char *
check_text(unsigned char check)
{
	switch ((enum policy_check)check) {
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

void
explain_session(enum policy_reason kind, const struct verdict *verdict,
    const struct facts *facts, struct buffer *text)
{
	const char *const *names = policy_kind_facts(kind);

	for (size_t i = 0; names[i] != NULL; i++) {
		const char *name = names[i];

		buffer_format(text, "%s%s ", i > 0 ? ", " : "", name);
		if (journal_fact_text(facts, name, text))
			continue;
		if (strcmp(name, "bits") == 0 && verdict->bits >= 0)
			buffer_format(text, "%d by the cipher's name", verdict->bits);
		else
			buffer_string(text, "unknown");
	}
}

static bool
same_line(const struct policy_place *a, const struct policy_place *b)
{
	return a->line == b->line && a->file != NULL && b->file != NULL &&
	    strcmp(a->file, b->file) == 0;
}

/* FILE:LINE: the line. */
static void
add_quote(const struct explained *explained, const struct policy_place *place,
    struct buffer *text)
{
	struct buffer line = BUFFER_INIT;

	if (quote_line(explained->path, place, &line)) {
		buffer_string(text, "      ");
		text_visible(text, place->file);
		buffer_format(text, ":%u: %s\n", place->line, line.text);
	}
	text->failed |= line.failed;
	buffer_free(&line);
}

static void
add_requirement(const struct explained *explained, const struct policy_outcome *outcome,
    enum policy_reason kind, const struct policy_place *statement, struct buffer *text)
{
	char required[REQUIRED_MAX];
	struct policy_place place;

	if (outcome->check[kind] == CHECK_ABSENT)
		return;
	buffer_format(text, "    require %s: %s\n", policy_kind_name(kind),
	    check_text(outcome->check[kind]));
	/* Clear text fails "tls", also where no line says so. */
	if (policy_required_place(outcome, kind, &place) && !same_line(&place, statement))
		add_quote(explained, &place, text);
	if (policy_required_text(outcome, kind, required, sizeof required)) {
		buffer_string(text, "      required: ");
		text_visible(text, required);
		buffer_format(text, "; otherwise %s\n",
		    policy_action_name(policy_required_action(outcome, kind)));
	}
	buffer_string(text, "      session: ");
	explain_session(kind, explained->verdict, explained->facts, text);
	buffer_string(text, "\n");
}

void
explain_place(const struct policy_place *place, struct buffer *text)
{
	text_visible(text, place->file != NULL ? place->file : "");
	buffer_format(text, ":%u (%s", place->line, policy_rule_kind_name(place->kind));
	if (place->name != NULL) {
		buffer_string(text, " ");
		text_visible(text, place->name);
	}
	buffer_string(text, ")");
}

/* Where the rule's statement begins, which for an entry of a list is elsewhere. */
static void
statement_place(const struct explained *explained, const struct policy_outcome *outcome,
    struct policy_place *place)
{
	policy_rule_place(explained->policy,
	    policy_outcome_rule(explained->policy, outcome), place);
}

static void
add_result(const struct policy_outcome *outcome, struct buffer *text)
{
	buffer_format(text, "    this rule: %s", policy_action_name(outcome->action));
	if (outcome->reason != REASON_NONE)
		buffer_format(text, ", reason %s", policy_reason_name(outcome->reason));
	buffer_string(text, outcome->monitored ?
	    "; under monitor, so it counts as accept\n" : "\n");
}

static void
add_rule(const struct explained *explained, const struct policy_outcome *outcome,
    struct buffer *text)
{
	struct policy_place statement;

	explain_place(&outcome->place, text);
	buffer_string(text, "\n");
	statement_place(explained, outcome, &statement);
	if (!same_line(&statement, &outcome->place))
		add_quote(explained, &outcome->place, text);
	add_quote(explained, &statement, text);
	if (outcome->undecided)
		buffer_string(text, "    its regular expression hit the limit: it is "
		    "unknown whether the rule applies\n");
	if (outcome->exempt) {
		buffer_string(text, "    exempt: accept, whatever another rule says\n");
		return;
	}
	for (unsigned kind = KIND_FIRST; kind < KIND_END; kind++)
		add_requirement(explained, outcome, (enum policy_reason)kind, &statement,
		    text);
	add_result(outcome, text);
}

void
explain_rules(const struct explained *explained, struct buffer *text)
{
	buffer_string(text, "what is required\n");
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		const struct policy_outcome *outcome = &explained->verdict->outcome[i];

		if (i == OUTCOME_TO_RESOLVED && outcome->rule == NULL)
			continue;
		buffer_format(text, "  %s: ", slot_names[i]);
		if (outcome->rule != NULL)
			add_rule(explained, outcome, text);
		else
			buffer_string(text, "none applies\n");
	}
}
