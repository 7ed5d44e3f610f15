/*
 * explain_model.c - a verdict and its steps, as a document: what scripts are given, and
 * what the words are made of.
 *
 * The names of the members for scripts are documented in tlsward(1); what does not apply
 * is left out.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "policy/tls_policy.h"

#define FILE_MAX (1 << 24)	/* bytes of a policy file, to quote from it */

/* The rules that apply: for scripts; for people, by which facts. */
static const struct {
	const char *name, *words, *facts[2];
} slots[OUTCOME_COUNT] = {
	[OUTCOME_CLIENT] = { "client", "client", { "client_name", "client_addr" } },
	[OUTCOME_TO] = { "to", "recipient", { "to", NULL } },
	[OUTCOME_TO_RESOLVED] = { "to_resolved", "resolved recipient",
	    { "to_resolved", NULL } },
	[OUTCOME_FROM] = { "from", "sender", { "from", NULL } },
	[OUTCOME_FROM_OTHER] = { "from", "sender", { "from", NULL } },
};

/* ------------------------------------------------------------------ *
 * The rules and their requirements
 * ------------------------------------------------------------------ */

/* The path of a file that the policy names, which is beside it. */
static void
add_file_path(const char *policy, const char *file, struct buffer *path)
{
	const char *slash = strrchr(policy, '/');

	if (file[0] != '/' && slash != NULL)
		buffer_add(path, policy, (size_t)(slash - policy) + 1);
	buffer_string(path, file);
}

/* Puts a line of a text, without the white space around it. */
static void
put_line_of(struct tree *tree, char *text, unsigned number)
{
	struct buffer line = BUFFER_INIT;

	while (--number > 0 && (text = strchr(text, '\n')) != NULL)
		text++;
	if (text == NULL)
		return;
	text += strspn(text, " \t");
	text[strcspn(text, "\n")] = '\0';
	for (size_t end = strlen(text); end > 0 && strchr(" \t\r", text[end - 1]); end--)
		text[end - 1] = '\0';
	text_visible(&line, text);
	tree_buffer(tree, "line", &line);
}

/* Where something stands, and the line that is there, if it can be read. */
static void
put_place_and_line(const struct explained *explained, const char *name,
    const struct policy_place *place, struct tree *tree)
{
	struct buffer path = BUFFER_INIT;
	enum file_result read = FILE_NO_MEMORY;
	struct file file;

	tree_place(tree, name, place);
	if (place->file == NULL || place->line == 0)
		return;
	add_file_path(explained->loaded->path, place->file, &path);
	if (!path.failed)
		read = file_read(path.text, FILE_MAX, true, &file);
	if (read == FILE_READ) {
		put_line_of(tree, file.text, place->line);
		free(file.text);
	}
	tree->failed |= read == FILE_NO_MEMORY;
	buffer_free(&path);
}

static bool
is_same_line(const struct policy_place *a, const struct policy_place *b)
{
	return a->line == b->line && a->file != NULL && b->file != NULL &&
	    strcmp(a->file, b->file) == 0;
}

/* The facts that it was held against, as an object of texts. */
static void
put_session_facts(const struct explained *explained, enum policy_reason kind,
    struct tree *tree)
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
put_requirement(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome, enum policy_reason kind,
    const struct policy_place *statement)
{
	static const char *const statuses[] = {
		[CHECK_ABSENT] = "moot", [CHECK_MOOT] = "moot", [CHECK_MET] = "met",
		[CHECK_UNMET] = "unmet", [CHECK_UNKNOWN] = "unknown"
	};
	char required[EXPLAIN_REQUIRED_MAX];
	struct buffer session = BUFFER_INIT;
	struct policy_place place;

	tree_open_object(tree, NULL);
	tree_text(tree, "kind", policy_kind_name(kind));
	tree_text(tree, "status", statuses[outcome->check[kind]]);
	/* TLS that another requirement implies has neither. */
	if (policy_required_text(outcome, kind, required, sizeof(required))) {
		tree_text(tree, "required", required);
		tree_text(tree, "action",
		    policy_action_name(policy_required_action(outcome, kind)));
		explain_day(tree, "until", policy_required_until(outcome, kind,
		    explained->time_ms / 1000));
	}
	/* Clear text fails "tls", also where no line says so. */
	if (policy_required_place(outcome, kind, &place)) {
		put_place_and_line(explained, "place", &place, tree);
		if (statement != NULL)
			tree_flag(tree, "is_apart", !is_same_line(&place, statement));
	}
	if (statement != NULL) {
		explain_session(kind, explained->verdict, explained->facts, &session);
		tree_buffer(tree, "held_against", &session);
	} else
		put_session_facts(explained, kind, tree);
	tree_close(tree);
}

/* Where its statement begins, which for an entry of a list is elsewhere. */
static void
put_statement(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome, const struct policy_place *statement,
    bool people)
{
	if (people)
		tree_flag(tree, "is_entry", !is_same_line(statement, &outcome->place));
	tree_open_object(tree, "statement");
	tree_text(tree, "kind", policy_rule_kind_name(statement->kind));
	put_place_and_line(explained, "place", statement, tree);
	tree_close(tree);
}

static void
put_outcome(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome, bool people)
{
	const struct verdict *verdict = explained->verdict;
	const struct policy *policy = explained->loaded->policy;
	struct policy_place statement;

	put_place_and_line(explained, "rule", &outcome->place, tree);
	tree_text(tree, "rule_kind", policy_rule_kind_name(outcome->place.kind));
	tree_text(tree, "rule_name", outcome->place.name);
	tree_text(tree, "rule_via", outcome->via);
	tree_text(tree, "partner", outcome->partner);
	policy_rule_place(policy, policy_outcome_rule(policy, outcome), &statement);
	put_statement(tree, explained, outcome, &statement, people);
	tree_flag(tree, "reported", verdict->reported >= 0 &&
	    &verdict->outcome[verdict->reported] == outcome);
	tree_flag(tree, "exempt", outcome->exempt);
	tree_flag(tree, "monitored", outcome->monitored);
	explain_day(tree, "until", policy_outcome_until(outcome));
	tree_flag(tree, "undecided", outcome->undecided);
	if (!outcome->exempt)
		tree_text(tree, "action", policy_action_name(outcome->action));
	if (!outcome->exempt && outcome->reason != REASON_NONE)
		tree_text(tree, "reason", policy_reason_name(outcome->reason));
	tree_open_array(tree, "requirements");
	for (unsigned kind = KIND_FIRST; kind < KIND_END && !outcome->exempt; kind++)
		if (outcome->check[kind] != CHECK_ABSENT)
			put_requirement(tree, explained, outcome, (enum policy_reason)kind,
			    people ? &statement : NULL);
	tree_close(tree);
}

/* By what a rule was looked for, and which that is. */
static void
put_slot(struct tree *tree, const struct explained *explained, int slot)
{
	bool out = explained->facts->direction != NULL && slot == OUTCOME_FROM;
	const struct policy_outcome *outcome = &explained->verdict->outcome[slot];
	struct buffer rule = BUFFER_INIT;

	tree_text(tree, "slot", out ? "next hop" : slots[slot].words);
	tree_open_array(tree, "by");
	if (out)
		(void)explain_field(tree, NULL, explained, "next_hop");
	for (size_t i = 0; i < 2 && slots[slot].facts[i] != NULL && !out; i++)
		(void)explain_field(tree, NULL, explained, slots[slot].facts[i]);
	tree_close(tree);
	if (outcome->rule != NULL)
		explain_rule(outcome, &rule);
	tree_buffer(tree, "named", &rule);
}

static void
put_rules(struct tree *tree, const struct explained *explained, bool people)
{
	bool out = explained->facts->direction != NULL;

	tree_open_array(tree, "rules");
	for (int slot = 0; slot < OUTCOME_COUNT; slot++) {
		const struct policy_outcome *outcome = &explained->verdict->outcome[slot];

		if (outcome->rule == NULL && (!people || slot == OUTCOME_TO_RESOLVED ||
		    slot == OUTCOME_FROM_OTHER || (out && slot != OUTCOME_FROM)))
			continue;
		tree_open_object(tree, NULL);
		if (people)
			put_slot(tree, explained, slot);
		else
			tree_text(tree, "for", out ? "next_hop" : slots[slot].name);
		if (outcome->rule != NULL)
			put_outcome(tree, explained, outcome, people);
		tree_close(tree);
	}
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * For people
 * ------------------------------------------------------------------ */

/* Where a fact of the certificate came from. */
static void
put_source(struct tree *tree, const struct explained *explained, const char *name)
{
	struct buffer value = BUFFER_INIT;
	bool given = journal_fact_text(explained->given, name, &value);

	buffer_free(&value);
	if (strncmp(name, "cert_", 5) != 0 || strcmp(name, "cert_source") == 0)
		return;
	if (given)
		tree_flag(tree, "given", true);
	else if (strcmp(name, "cert_verified") == 0)
		tree_flag(tree, "reported", true);
	else
		(void)explain_field(tree, "source", explained, "cert_source");
}

/* All that is known, a line each. */
static void
put_fields(struct tree *tree, const struct explained *explained, const char *list,
    const char *(*name_at)(size_t index))
{
	const char *name;
	char padded[32];

	tree_open_array(tree, list);
	for (size_t i = 0; (name = name_at(i)) != NULL; i++) {
		tree_open_object(tree, NULL);
		if (strcmp(name, "time") != 0 && explain_field(tree, "value", explained, name)) {
			(void)snprintf(padded, sizeof(padded), "%-24s", name);
			tree_text(tree, "name", padded);
			if (name_at == journal_fact_name)
				put_source(tree, explained, name);
		}
		tree_close(tree);
	}
	tree_close(tree);
}

/* The rule that the first lines are about, and how it is with what it requires. */
static void
put_shown(struct tree *tree, const struct explained *explained)
{
	const struct verdict *verdict = explained->verdict;
	const struct policy_outcome *shown = explain_blamed(verdict);
	struct buffer rule = BUFFER_INIT;
	bool requires = false, unmet = false;

	if (shown == NULL && verdict->reported >= 0)
		shown = &verdict->outcome[verdict->reported];
	if (shown == NULL)
		return;
	explain_rule(shown, &rule);
	tree_buffer(tree, "rule", &rule);
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		requires |= shown->check[kind] != CHECK_ABSENT;
		unmet |= shown->check[kind] == CHECK_UNMET ||
		    shown->check[kind] == CHECK_UNKNOWN;
	}
	if (explain_is_to_be_sent(verdict))
		explain_required(explained, shown, ~(1u << CHECK_ABSENT), tree);
	else if (!verdict->exempt) {
		tree_flag(tree, "met", requires && !unmet);
		tree_flag(tree, "free", !requires);
		tree_flag(tree, "let", unmet && verdict->action == POLICY_ACCEPT &&
		    verdict->would == POLICY_ACCEPT);
	}
}

static void
put_verbose(struct tree *tree, const struct explained *explained,
    struct buffer *sentence)
{
	const struct policy_outcome *blamed = explain_blamed(explained->verdict);

	tree_open_object(tree, "verbose");
	put_rules(tree, explained, true);
	put_fields(tree, explained, "facts", journal_fact_name);
	put_fields(tree, explained, "results", journal_result_name);
	tree_flag(tree, "is_ours", blamed != NULL && explain_is_ours(blamed));
	tree_buffer(tree, "sentence", sentence);
	tree_close(tree);
}

/* The document. NULL, having said why: where not all was made that has been said. */
static json_t *
take_document(struct tree *tree, bool made)
{
	json_t *document;

	tree->failed |= !made;
	document = tree_take(tree);
	if (document == NULL && made)
		(void)tool_no_memory();
	return document;
}

/*
 * Puts what Sendmail's access map has for the next hop, and for people whether Postfix may
 * get more. False, having said why, where memory is short.
 */
static bool
put_other_words(struct tree *tree, const struct explained *explained, bool people)
{
	const struct verdict *verdict = explained->verdict;
	const struct settings *settings = explained->loaded->settings;
	const char *next_hop = explained->facts->next_hop;
	struct buffer text = BUFFER_INIT;

	if (explained->facts->direction == NULL || next_hop == NULL)
		return true;
	if (people)
		tree_flag(tree, "behind", settings->tls_policy_next != NULL &&
		    policy_tls_policy_asks_next(verdict));
	if (people && settings->mta == SETTINGS_MTA_POSTFIX)
		return true;
	if (policy_access_line(verdict->policy, next_hop, &verdict->options, &text)) {
		tree_buffer(tree, "sendmail", &text);
		return true;
	}
	buffer_free(&text);
	(void)tool_no_memory();
	return false;
}

json_t *
explain_people(const struct explained *explained, bool verbose)
{
	const struct verdict *verdict = explained->verdict;
	bool made, out = explained->facts->direction != NULL;
	struct buffer sentence = BUFFER_INIT, told = BUFFER_INIT;
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	explain_mail(&tree, explained, !explain_recorded(&tree, explained, true) &&
	    explained->has_time);
	if (explained->blind)
		return take_document(&tree, true);
	tree_flag(&tree, "out", out);
	if (out && !policy_tls_policy(verdict, &told))
		buffer_string(&told, "NOTFOUND: main.cf decides");
	tree_buffer(&tree, "tls_policy", &told);
	tree_flag(&tree, "refused", !out && verdict->action != POLICY_ACCEPT);
	explain_action(&tree, explained, verdict, true);
	tree_flag(&tree, "soft_bounced", verdict->soft_bounced);
	tree_text(&tree, "exempt_reason", verdict->exempt ? verdict->exempt_reason : NULL);
	put_shown(&tree, explained);
	explain_later(&tree, explained, true);
	tree_text(&tree, "contact", verdict->contact);
	made = put_other_words(&tree, explained, true) && explain_blame(explained, &tree);
	if (made && verbose)
		made = explain_sentence(explained, &sentence);
	if (made && verbose)
		put_verbose(&tree, explained, &sentence);
	return take_document(&tree, made);
}

/* ------------------------------------------------------------------ *
 * For scripts
 * ------------------------------------------------------------------ */

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

json_t *
explain_model(const struct explained *explained)
{
	const struct policy_outcome *blamed = explain_blamed(explained->verdict);
	struct tree tree = { .depth = 0 };
	struct buffer sentence = BUFFER_INIT;
	bool made;

	tree_open_object(&tree, NULL);
	tree_value(&tree, "record", record_of(explained));
	if (explained->record != NULL)
		tree_text(&tree, "node", journal_facts_result(explained->record, "node"));
	put_rules(&tree, explained, false);
	(void)explain_field(&tree, "reply", explained, "reply");
	if (blamed != NULL)
		tree_text(&tree, "sentence_for", explain_is_ours(blamed) ? "us" :
		    "partner");
	made = put_other_words(&tree, explained, false) &&
	    explain_sentence(explained, &sentence);
	tree_buffer(&tree, "sentence", &sentence);
	explain_later(&tree, explained, false);
	(void)explain_recorded(&tree, explained, false);
	return take_document(&tree, made);
}
