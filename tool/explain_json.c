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
#include "tool/tree.h"

#define REQUIRED_MAX 1024

/* Where something stands, and the line that is there. */
static void
add_place(const struct explained *explained, const char *name,
    const struct policy_place *place, struct tree *tree)
{
	struct buffer line = BUFFER_INIT;

	tree_place(tree, name, place);
	(void)quote_line(explained->path, place, &line);
	tree_buffer(tree, "line", &line);
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
add_session(const struct explained *explained, enum policy_reason kind, struct tree *tree)
{
	const struct journal_record record = { .facts = explained->facts };
	const char *const *names = policy_kind_facts(kind);

	tree_open_object(tree, "session");
	for (size_t i = 0; names[i] != NULL; i++) {
		struct buffer value = BUFFER_INIT;

		if (journal_record_text(&record, names[i], &value)) {
			tree->failed |= value.failed;
			tree_text(tree, names[i], value.text != NULL ? value.text : "");
		}
		buffer_free(&value);
	}
	tree_close(tree);
}

static void
add_requirement(const struct explained *explained, const struct policy_outcome *outcome,
    enum policy_reason kind, struct tree *tree)
{
	char required[REQUIRED_MAX];
	struct policy_place place;

	tree_open_object(tree, NULL);
	tree_text(tree, "kind", policy_kind_name(kind));
	tree_text(tree, "status", status(outcome->check[kind]));
	/* TLS that another requirement implies has neither. */
	if (policy_required_text(outcome, kind, required, sizeof(required))) {
		tree_text(tree, "required", required);
		tree_text(tree, "action",
		    policy_action_name(policy_required_action(outcome, kind)));
	}
	if (policy_required_place(outcome, kind, &place))
		add_place(explained, "place", &place, tree);
	add_session(explained, kind, tree);
	tree_close(tree);
}

static void
add_rule(const struct explained *explained, int slot, struct tree *tree)
{
	const struct policy_outcome *outcome = &explained->verdict->outcome[slot];
	struct policy_place statement;

	tree_open_object(tree, NULL);
	tree_text(tree, "for", explain_slots[slot]);
	add_place(explained, "rule", &outcome->place, tree);
	tree_text(tree, "rule_kind", policy_rule_kind_name(outcome->place.kind));
	tree_text(tree, "rule_name", outcome->place.name);
	policy_rule_place(explained->policy,
	    policy_outcome_rule(explained->policy, outcome), &statement);
	tree_open_object(tree, "statement");
	tree_text(tree, "kind", policy_rule_kind_name(statement.kind));
	add_place(explained, "place", &statement, tree);
	tree_close(tree);
	tree_flag(tree, "reported", explained->verdict->reported == slot);
	tree_flag(tree, "exempt", outcome->exempt);
	tree_flag(tree, "monitored", outcome->monitored);
	tree_flag(tree, "undecided", outcome->undecided);
	if (!outcome->exempt)
		tree_text(tree, "action", policy_action_name(outcome->action));
	if (!outcome->exempt && outcome->reason != REASON_NONE)
		tree_text(tree, "reason", policy_reason_name(outcome->reason));
	tree_open_array(tree, "requirements");
	for (unsigned kind = KIND_FIRST; kind < KIND_END && !outcome->exempt; kind++)
		if (outcome->check[kind] != CHECK_ABSENT)
			add_requirement(explained, outcome, (enum policy_reason)kind, tree);
	tree_close(tree);
	tree_close(tree);
}

static void
add_reply(const struct explained *explained, struct tree *tree)
{
	struct policy_reply reply;
	struct buffer whole = BUFFER_INIT;

	if (!policy_reply(explained->verdict, explained->facts, &reply))
		return;
	buffer_format(&whole, "%s %s %s", reply.code, reply.enhanced, reply.text);
	tree_buffer(tree, "reply", &whole);
}

/* As decide writes it. */
static json_t *
record_of(const struct explained *explained)
{
	const struct journal_record record = {
		.time_ms = explained->time_ms, .facts = explained->facts,
		.verdict = explained->verdict
	};
	struct buffer line = BUFFER_INIT;
	json_t *value = NULL;

	journal_record_write(&record, JOURNAL_JSON, 0, &line);
	if (!line.failed)
		value = json_loads(line.text, 0, NULL);
	buffer_free(&line);
	return value;
}

void
explain_json(const struct explained *explained, struct buffer *text)
{
	const struct policy_outcome *blamed = explain_blamed(explained->verdict);
	struct buffer sentence = BUFFER_INIT;
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	tree_value(&tree, "record", record_of(explained));
	tree_open_array(&tree, "rules");
	for (int slot = 0; slot < OUTCOME_COUNT; slot++)
		if (explained->verdict->outcome[slot].rule != NULL)
			add_rule(explained, slot, &tree);
	tree_close(&tree);
	add_reply(explained, &tree);
	if (explain_sentence(explained, &sentence))
		tree_text(&tree, "sentence_for", explain_is_ours(blamed) ? "us" : "partner");
	tree_buffer(&tree, "sentence", &sentence);
	tree_write(tree_take(&tree), false, text);
}
