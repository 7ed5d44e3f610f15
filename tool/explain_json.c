/*
 * explain_json.c - a verdict and its steps, for scripts.
 *
 * The names of the members are documented in tlsward(1); what does not apply is left
 * out.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/explain.h"
#include "tool/quote.h"
#include "base/buffer.h"
#include "base/text.h"

#define REQUIRED_MAX 1024

static void
add_text(const char *before, const char *value, struct buffer *text)
{
	buffer_string(text, before);
	text_json(text, value);
}

/* A buffer as a member, which is left out where it is empty. */
static void
add_buffer(const char *before, struct buffer *value, struct buffer *text)
{
	if (value->length > 0 && !value->failed)
		add_text(before, value->text, text);
	text->failed |= value->failed;
	buffer_free(value);
}

/* Where something stands, and the line that is there. */
static void
add_place(const struct explained *explained, const char *name,
    const struct policy_place *place, struct buffer *text)
{
	struct buffer where = BUFFER_INIT, line = BUFFER_INIT;

	buffer_format(&where, "%s:%u", place->file, place->line);
	add_buffer(name, &where, text);
	(void)quote_line(explained->path, place, &line);
	add_buffer(",\"line\":", &line, text);
}

static const char *
status(unsigned char check)
{
	switch ((enum policy_check)check) {
	case CHECK_MET:
		return "met";
	case CHECK_UNMET:
		return "unmet";
	case CHECK_UNKNOWN:
		return "unknown";
	case CHECK_MOOT:
	case CHECK_ABSENT:
		break;
	}
	return "moot";
}

/* The facts that it was held against, as an object of texts. */
static void
add_session(const struct explained *explained, enum policy_kind kind,
    struct buffer *text)
{
	const struct journal_record record = { .facts = explained->facts };
	const char *before = "";

	buffer_string(text, ",\"session\":{");
	for (size_t i = 0; i < EXPLAIN_USED_MAX && explain_used[kind][i] != NULL; i++) {
		struct buffer value = BUFFER_INIT;

		if (journal_record_text(&record, explain_used[kind][i], &value)) {
			buffer_format(text, "%s\"%s\":", before, explain_used[kind][i]);
			text_json(text, value.text != NULL ? value.text : "");
			before = ",";
		}
		text->failed |= value.failed;
		buffer_free(&value);
	}
	buffer_string(text, "}");
}

static void
add_requirement(const struct explained *explained, const struct policy_outcome *outcome,
    enum policy_kind kind, struct buffer *text)
{
	char required[REQUIRED_MAX];
	struct policy_place place;

	add_text("{\"kind\":", policy_kind_name(kind), text);
	add_text(",\"status\":", status(outcome->check[kind]), text);
	/* TLS that another requirement implies has neither. */
	if (policy_required_text(outcome, kind, required, sizeof required)) {
		add_text(",\"required\":", required, text);
		add_text(",\"action\":",
		    policy_action_name(policy_required_action(outcome, kind)), text);
	}
	if (policy_required_place(outcome, kind, &place))
		add_place(explained, ",\"place\":", &place, text);
	add_session(explained, kind, text);
	buffer_string(text, "}");
}

static void
add_requirements(const struct explained *explained, const struct policy_outcome *outcome,
    struct buffer *text)
{
	const char *before = "";

	buffer_string(text, ",\"requirements\":[");
	for (unsigned kind = 0; kind < KIND_COUNT && !outcome->exempt; kind++) {
		if (outcome->check[kind] == CHECK_ABSENT)
			continue;
		buffer_string(text, before);
		add_requirement(explained, outcome, (enum policy_kind)kind, text);
		before = ",";
	}
	buffer_string(text, "]");
}

static void
add_bool(const char *name, bool value, struct buffer *text)
{
	buffer_format(text, ",\"%s\":%s", name, value ? "true" : "false");
}

static void
add_rule(const struct explained *explained, int slot, struct buffer *text)
{
	const struct policy_outcome *outcome = &explained->verdict->outcome[slot];
	struct policy_place statement;

	add_text("{\"for\":", explain_slots[slot], text);
	add_place(explained, ",\"rule\":", &outcome->place, text);
	add_text(",\"rule_kind\":", policy_rule_kind_name(outcome->place.kind), text);
	if (outcome->place.name != NULL)
		add_text(",\"rule_name\":", outcome->place.name, text);
	policy_rule_place(explained->policy,
	    policy_outcome_rule(explained->policy, outcome), &statement);
	buffer_format(text, ",\"statement\":{\"kind\":\"%s\"",
	    policy_rule_kind_name(statement.kind));
	add_place(explained, ",\"place\":", &statement, text);
	buffer_string(text, "}");
	add_bool("reported", explained->verdict->reported == slot, text);
	add_bool("exempt", outcome->exempt, text);
	add_bool("monitored", outcome->monitored, text);
	add_bool("undecided", outcome->undecided, text);
	if (!outcome->exempt) {
		add_text(",\"action\":", policy_action_name(outcome->action), text);
		if (outcome->reason != REASON_NONE)
			add_text(",\"reason\":", policy_reason_name(outcome->reason), text);
	}
	add_requirements(explained, outcome, text);
	buffer_string(text, "}");
}

static void
add_reply(const struct explained *explained, struct buffer *text)
{
	struct policy_reply reply;
	struct buffer whole = BUFFER_INIT;

	if (!policy_reply(explained->verdict, explained->facts, &reply))
		return;
	buffer_format(&whole, "%s %s %s", reply.code, reply.enhanced, reply.text);
	add_buffer(",\"reply\":", &whole, text);
}

void
explain_json(const struct explained *explained, struct buffer *text)
{
	const struct journal_record record = {
		.time_ms = explained->time_ms, .facts = explained->facts,
		.verdict = explained->verdict
	};
	const struct policy_outcome *blamed = explain_blamed(explained->verdict);
	struct buffer sentence = BUFFER_INIT;
	const char *before = "";

	buffer_string(text, "{\"record\":");
	journal_record_write(&record, JOURNAL_JSON, 0, text);
	buffer_string(text, ",\"rules\":[");
	for (int slot = 0; slot < OUTCOME_COUNT; slot++) {
		if (explained->verdict->outcome[slot].rule == NULL)
			continue;
		buffer_string(text, before);
		add_rule(explained, slot, text);
		before = ",";
	}
	buffer_string(text, "]");
	add_reply(explained, text);
	if (explain_sentence(explained, &sentence))
		add_text(",\"sentence_for\":", explain_is_ours(blamed) ? "us" : "partner",
		    text);
	add_buffer(",\"sentence\":", &sentence, text);
	buffer_string(text, "}");
}
