/*
 * replay_json.c - what tlsward replay found, as one JSON object.
 *
 * The names of the members are documented in tlsward(1); what is unknown or does not
 * apply is left out.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/replay.h"

#include <stdlib.h>

#include "tool/tree.h"

static void
put_change(struct tree *tree, const struct tally_change *change)
{
	tree_open_object(tree, NULL);
	tree_text(tree, "from", policy_action_name(change->from));
	tree_text(tree, "to", policy_action_name(change->to));
	tree_flag(tree, "monitored", change->monitored);
	if (change->reason != REASON_NONE)
		tree_text(tree, "reason", policy_reason_name(change->reason));
	tree_number(tree, "transactions", change->transactions);
	tree_text(tree, "tls_version", change->tls_version);
	tree_text(tree, "cipher", change->cipher);
	tree_text(tree, "client", change->client);
	tree_time(tree, "last", change->last_ms);
	tree_close(tree);
}

static void
put_domain_counts(struct tree *tree, const struct tally_domain *domain)
{
	tree_number(tree, "transactions", domain->transactions);
	tree_number(tree, "tls", domain->tls);
	tree_number(tree, "clear", domain->clear);
	tree_number(tree, "unknown", domain->unknown);
	tree_number(tree, "local", domain->local);
	tree_number(tree, "changed", domain->changed);
	tree_number(tree, "would", domain->would);
	tree_number(tree, "uncertain", domain->uncertain);
	tree_open_array(tree, "changes");
	for (size_t i = 0; i < domain->change_count; i++)
		put_change(tree, &domain->changes[i]);
	tree_close(tree);
}

static void
put_domains(struct tree *tree, const struct tally *tally)
{
	const struct tally_domain **sorted = tally_sorted(tally);

	if (sorted == NULL) {
		tree->failed = true;
		return;
	}
	tree_open_array(tree, "domains");
	for (size_t i = 0; sorted[i] != NULL; i++) {
		tree_open_object(tree, NULL);
		tree_text(tree, "domain", sorted[i]->name);
		put_domain_counts(tree, sorted[i]);
		tree_close(tree);
	}
	tree_close(tree);
	free(sorted);
}

static void
put_rules(struct tree *tree, const struct tally *tally)
{
	const struct tally_rule **sorted = tally_sorted_rules(tally);

	if (sorted == NULL) {
		tree->failed = true;
		return;
	}
	tree_open_array(tree, "rules");
	for (size_t i = 0; sorted[i] != NULL; i++) {
		tree_open_object(tree, NULL);
		tree_place(tree, "rule", &sorted[i]->place);
		tree_text(tree, "rule_kind", policy_rule_kind_name(sorted[i]->place.kind));
		tree_text(tree, "rule_name", sorted[i]->place.name);
		tree_number(tree, "transactions", sorted[i]->transactions);
		tree_number(tree, "changed", sorted[i]->changed);
		tree_number(tree, "would", sorted[i]->would);
		tree_number(tree, "uncertain", sorted[i]->uncertain);
		tree_close(tree);
	}
	tree_close(tree);
	free(sorted);
}

static void
put_maillog(struct tree *tree, const struct maillog_totals *totals)
{
	tree_open_object(tree, "maillog");
	tree_number(tree, "lines", totals->lines);
	tree_number(tree, "other_lines", totals->other_lines);
	tree_number(tree, "refused", totals->refused);
	tree_number(tree, "unfinished", totals->unfinished);
	tree_number(tree, "reinjected", totals->reinjected);
	tree_number(tree, "without_client", totals->without_client);
	tree_number(tree, "tls_lines", totals->tls_lines);
	tree_number(tree, "certificates", totals->certificates);
	tree_close(tree);
}

bool
replay_write_json(const struct replay_result *result, FILE *out)
{
	struct tree tree = { .depth = 0 };
	struct buffer text = BUFFER_INIT;
	bool written;

	tree_open_object(&tree, NULL);
	tree_text(&tree, "policy", result->policy);
	if (result->since_ms != INT64_MIN)
		tree_time(&tree, "since", result->since_ms);
	if (result->until_ms != INT64_MAX)
		tree_time(&tree, "until", result->until_ms);
	put_domain_counts(&tree, &result->tally->total);
	put_domains(&tree, result->tally);
	put_rules(&tree, result->tally);
	if (result->maillog != NULL)
		put_maillog(&tree, result->maillog);
	tree_write(tree_take(&tree), false, &text);
	buffer_string(&text, "\n");
	written = !text.failed;
	if (written)
		(void)fwrite(text.text, 1, text.length, out);
	buffer_free(&text);
	return written;
}
