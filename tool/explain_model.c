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

#include "tool/screen.h"
#include "base/file.h"
#include "base/text.h"

#define FILE_MAX (1 << 24)	/* bytes of a policy file, to quote from it */
#define WIDTH 78		/* of the list of what was not given */

/* The rules that apply: for scripts, and for people. */
static const struct {
	const char *name, *words;
} slots[OUTCOME_COUNT] = {
	[OUTCOME_CLIENT] = { "client", "client rule" },
	[OUTCOME_TO] = { "to", "to rule" },
	[OUTCOME_TO_RESOLVED] = { "to_resolved", "to rule, resolved recipient" },
	[OUTCOME_FROM] = { "from", "from rule" },
};

/* ------------------------------------------------------------------ *
 * What came, for people
 * ------------------------------------------------------------------ */

static bool
is_known(const struct facts *facts, const char *name)
{
	struct buffer value = BUFFER_INIT;
	bool known = journal_fact_text(facts, name, &value);

	buffer_free(&value);
	return known;
}

/* A fact as people read it, where it is known. */
static void
put_fact(struct tree *tree, const char *member, const struct facts *facts,
    const char *name)
{
	struct buffer value = BUFFER_INIT;

	if (journal_fact_text(facts, name, &value))
		tree_text(tree, member, value.text != NULL ? value.text : "");
	tree->failed |= value.failed;
	buffer_free(&value);
}

static void
put_known(struct tree *tree, const struct explained *explained)
{
	const struct facts *facts = explained->facts;
	enum policy_tri encrypted = policy_encrypted(facts);
	const char *name;

	tree_open_object(tree, "known");
	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++)
		put_fact(tree, name, facts, name);
	tree_flag(tree, "here", facts->local);
	tree_flag(tree, "clear", encrypted == POLICY_NO);
	tree_flag(tree, "untold", encrypted == POLICY_UNKNOWN);
	tree_flag(tree, "tls", encrypted == POLICY_YES);
	tree_flag(tree, "has_bits", explained->verdict->bits >= 0);
	tree_number(tree, "verdict_bits", explained->verdict->bits);
	tree_close(tree);
}

/* What is known of a certificate. */
static void
put_certificate_words(struct tree *tree, const struct facts *facts)
{
	bool raw_key = policy_presented(facts) == PRESENTED_RAW_KEY;
	const struct {
		const char *name, *before;
	} parts[] = {
		{ "cert_cn", "name " }, { "cert_issuer", "issued by " },
		{ raw_key ? "cert_pubkey_fingerprint" : "cert_fingerprint",
		    raw_key ? "a raw public key: " : "" }
	};

	tree_open_array(tree, "certificate");
	if (facts->cert_verified != POLICY_UNKNOWN)
		tree_text(tree, NULL, facts->cert_verified == POLICY_YES ? "verified" :
		    "none that was verified");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct buffer text = BUFFER_INIT;

		buffer_string(&text, parts[i].before);
		if (journal_fact_text(facts, parts[i].name, &text))
			tree_buffer(tree, NULL, &text);
		buffer_free(&text);
	}
	tree_close(tree);
}

/* Where a fact of the certificate came from. */
static void
put_source(struct tree *tree, const struct explained *explained, const char *name)
{
	if (strncmp(name, "cert_", 5) != 0 || strcmp(name, "cert_source") == 0)
		return;
	if (is_known(explained->given, name))
		tree_flag(tree, "given", true);
	else if (strcmp(name, "cert_verified") == 0)
		tree_flag(tree, "reported", true);
	else
		put_fact(tree, "source", explained->facts, "cert_source");
}

static void
put_facts(struct tree *tree, const struct explained *explained)
{
	const char *name;

	tree_open_array(tree, "facts");
	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++) {
		char padded[32];

		if (!is_known(explained->facts, name))
			continue;
		(void)snprintf(padded, sizeof(padded), "%-24s", name);
		tree_open_object(tree, NULL);
		tree_text(tree, "name", padded);
		put_fact(tree, "value", explained->facts, name);
		put_source(tree, explained, name);
		tree_close(tree);
	}
	tree_close(tree);
}

/* The names of those that are not known, in lines of their own. */
static void
put_not_given(struct tree *tree, const struct facts *facts)
{
	struct buffer list = BUFFER_INIT;
	const char *name, *before = "  not given: ";
	size_t column = WIDTH;

	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++) {
		if (is_known(facts, name))
			continue;
		if (column + strlen(name) + 2 > WIDTH) {
			buffer_string(&list, before);
			column = strlen(before);
			before = ",\n    ";
		} else
			buffer_string(&list, ", ");
		buffer_string(&list, name);
		column += strlen(name) + 2;
	}
	tree_buffer(tree, "not_given", &list);
}

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
	add_file_path(explained->path, place->file, &path);
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

/* How a requirement came out: for scripts, and for people. */
static const char *const statuses[][2] = {
	[CHECK_ABSENT] = { "moot", "not looked at" },
	[CHECK_MOOT] = { "moot", "not looked at" },
	[CHECK_MET] = { "met", "met" },
	[CHECK_UNMET] = { "unmet", "not met" },
	[CHECK_UNKNOWN] = { "unknown", "unknown, so not met" },
};

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
put_held_against(struct tree *tree, const struct explained *explained,
    enum policy_reason kind)
{
	struct buffer text = BUFFER_INIT;

	explain_session(kind, explained->verdict, explained->facts, &text);
	tree_buffer(tree, "held_against", &text);
}

static void
put_requirement(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome, enum policy_reason kind,
    const struct policy_place *statement)
{
	bool people = statement != NULL;
	char required[EXPLAIN_REQUIRED_MAX];
	struct policy_place place;

	tree_open_object(tree, NULL);
	tree_text(tree, "kind", policy_kind_name(kind));
	tree_text(tree, people ? "outcome" : "status",
	    statuses[outcome->check[kind]][people]);
	/* TLS that another requirement implies has neither. */
	if (policy_required_text(outcome, kind, required, sizeof(required))) {
		tree_text(tree, "required", required);
		tree_text(tree, "action",
		    policy_action_name(policy_required_action(outcome, kind)));
	}
	/* Clear text fails "tls", also where no line says so. */
	if (policy_required_place(outcome, kind, &place)) {
		put_place_and_line(explained, "place", &place, tree);
		if (people)
			tree_flag(tree, "is_apart", !is_same_line(&place, statement));
	}
	if (people)
		put_held_against(tree, explained, kind);
	else
		put_session_facts(explained, kind, tree);
	tree_close(tree);
}

static void
put_outcome(struct tree *tree, const struct explained *explained,
    const struct policy_outcome *outcome, bool people)
{
	struct policy_place statement;

	put_place_and_line(explained, "rule", &outcome->place, tree);
	tree_text(tree, "rule_kind", policy_rule_kind_name(outcome->place.kind));
	tree_text(tree, "rule_name", outcome->place.name);
	policy_rule_place(explained->policy,
	    policy_outcome_rule(explained->policy, outcome), &statement);
	/* Where its statement begins, which for an entry of a list is elsewhere. */
	if (people)
		tree_flag(tree, "is_entry", !is_same_line(&statement, &outcome->place));
	tree_open_object(tree, "statement");
	tree_text(tree, "kind", policy_rule_kind_name(statement.kind));
	put_place_and_line(explained, "place", &statement, tree);
	tree_close(tree);
	tree_flag(tree, "reported", explained->verdict->reported >= 0 &&
	    &explained->verdict->outcome[explained->verdict->reported] == outcome);
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
			put_requirement(tree, explained, outcome, (enum policy_reason)kind,
			    people ? &statement : NULL);
	tree_close(tree);
}

/* People are told of a rule that does not apply too. */
static void
put_rules(struct tree *tree, const struct explained *explained, bool people)
{
	tree_open_array(tree, "rules");
	for (int slot = 0; slot < OUTCOME_COUNT; slot++) {
		const struct policy_outcome *outcome = &explained->verdict->outcome[slot];
		bool none = outcome->rule == NULL;

		if (none && (!people || slot == OUTCOME_TO_RESOLVED))
			continue;
		tree_open_object(tree, NULL);
		tree_text(tree, people ? "slot" : "for", people ? slots[slot].words :
		    slots[slot].name);
		if (none)
			tree_flag(tree, "none", true);
		else
			put_outcome(tree, explained, outcome, people);
		tree_close(tree);
	}
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * The verdict
 * ------------------------------------------------------------------ */

/* FILE:LINE (KIND WHO). */
static void
put_place_words(struct tree *tree, const char *name, const struct policy_place *place)
{
	struct buffer text = BUFFER_INIT;

	explain_place(place, &text);
	tree_buffer(tree, name, &text);
}

static void
put_unmet(struct tree *tree, const struct explained *explained)
{
	const struct verdict *verdict = explained->verdict;
	struct buffer text = BUFFER_INIT;

	for (int i = 0; i < OUTCOME_COUNT && !verdict->exempt; i++)
		if (verdict->outcome[i].rule != NULL)
			explain_unmet(&verdict->outcome[i], verdict, explained->facts, "  ",
			    &text);
	if (text.length == 0)
		buffer_string(&text, verdict->exempt ?
		    "  a rule exempts: no requirement counts\n" : "  nothing\n");
	tree_buffer(tree, "unmet", &text);
}

static void
put_failed(struct tree *tree, unsigned failed)
{
	struct buffer text = BUFFER_INIT;

	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++)
		if ((failed & 1u << r) != 0)
			buffer_format(&text, "%s%s", text.length > 0 ? ", " : "",
			    policy_reason_name((enum policy_reason)r));
	tree_buffer(tree, "failed", &text);
}

static void
put_would(struct tree *tree, const struct verdict *verdict)
{
	const struct policy_outcome *outcome;

	if (verdict->would == POLICY_ACCEPT || verdict->would_by < 0)
		return;
	outcome = &verdict->outcome[verdict->would_by];
	tree_open_object(tree, "would");
	tree_text(tree, "action", policy_action_name(verdict->would));
	tree_text(tree, "reason", policy_reason_name(outcome->reason));
	put_place_words(tree, "by", &outcome->place);
	tree_close(tree);
}

/* Where the record says something else than is said now. */
static void
put_recorded(struct tree *tree, const struct explained *explained)
{
	const char *action = policy_action_name(explained->verdict->action);

	if (explained->recorded_action == NULL ||
	    strcmp(explained->recorded_action, action) == 0)
		return;
	tree_open_object(tree, "recorded");
	tree_text(tree, "action", explained->recorded_action);
	tree_text(tree, "reason", explained->recorded_reason);
	tree_close(tree);
}

static void
put_result(struct tree *tree, const struct explained *explained)
{
	const struct verdict *verdict = explained->verdict;

	put_unmet(tree, explained);
	tree_text(tree, "action", policy_action_name(verdict->action));
	tree_flag(tree, "soft_bounced", verdict->soft_bounced);
	if (verdict->reported >= 0)
		put_place_words(tree, "reported",
		    &verdict->outcome[verdict->reported].place);
	if (verdict->reason != REASON_NONE)
		tree_text(tree, "reason", policy_reason_name(verdict->reason));
	put_failed(tree, verdict->failed);
	tree_text(tree, "exempt", verdict->exempt ? verdict->exempt_reason : NULL);
	put_would(tree, verdict);
	tree_text(tree, "contact", verdict->contact);
	tree_text(tree, "note", verdict->note);
	put_recorded(tree, explained);
}

static void
put_reply(const struct explained *explained, struct tree *tree)
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

json_t *
explain_model(const struct explained *explained, struct buffer *sentence, bool people)
{
	const struct policy_outcome *blamed = explain_blamed(explained->verdict);
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	if (people) {
		if (explained->has_time)
			tree_time(&tree, "when", explained->time_ms);
		put_known(&tree, explained);
		put_certificate_words(&tree, explained->facts);
		put_facts(&tree, explained);
		put_not_given(&tree, explained->facts);
	} else
		tree_value(&tree, "record", record_of(explained));
	put_rules(&tree, explained, people);
	put_reply(explained, &tree);
	if (people)
		put_result(&tree, explained);
	if (blamed != NULL && people)
		tree_flag(&tree, "is_ours", explain_is_ours(blamed));
	else if (blamed != NULL)
		tree_text(&tree, "sentence_for", explain_is_ours(blamed) ? "us" :
		    "partner");
	tree_buffer(&tree, "sentence", sentence);
	return tree_take(&tree);
}
