/*
 * replay.c - tlsward replay: recorded sessions judged by another policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/replay.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tool/screen.h"
#include "tool/tool.h"
#include "tool/tree.h"

/* So many files of a log are taken. */
#define FILES_MAX 1024

struct replay_run {
	struct judge judge;
	struct review_replay replay;
	struct tally tally;
	struct maillog_totals totals;
	const char *journal;		/* --journal; NULL: the settings' */
	const char *since, *until;	/* as given; NULL: not */
	const char *files[FILES_MAX];	/* --maillog */
	int file_count;
	bool json, all;
};

/* ------------------------------------------------------------------ *
 * As one JSON object; its members are documented in tlsward(1)
 * ------------------------------------------------------------------ */

struct put_number {
	const char *name;
	size_t place;		/* of an int64_t */
};

static void
put_numbers(struct tree *tree, const struct put_number *rows, const void *from)
{
	for (; rows->name != NULL; rows++)
		tree_number(tree, rows->name,
		    *(const int64_t *)((const char *)from + rows->place));
}

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
put_row_counts(struct tree *tree, const struct tally_row *row)
{
	static const struct put_number numbers[] = {
		{ "transactions", offsetof(struct tally_row, transactions) },
		{ "tls", offsetof(struct tally_row, tls) },
		{ "clear", offsetof(struct tally_row, clear) },
		{ "unknown", offsetof(struct tally_row, unknown) },
		{ "local", offsetof(struct tally_row, local) },
		{ "changed", offsetof(struct tally_row, changed) },
		{ "would", offsetof(struct tally_row, would) },
		{ "uncertain", offsetof(struct tally_row, uncertain) },
		{ NULL, 0 }
	};

	put_numbers(tree, numbers, row);
	tree_open_array(tree, "changes");
	for (size_t i = 0; i < row->change_count; i++)
		put_change(tree, &row->changes[i]);
	tree_close(tree);
}

static void
put_rule_row(struct tree *tree, const struct tally_row *row)
{
	static const struct put_number numbers[] = {
		{ "transactions", offsetof(struct tally_row, transactions) },
		{ "changed", offsetof(struct tally_row, changed) },
		{ "would", offsetof(struct tally_row, would) },
		{ "uncertain", offsetof(struct tally_row, uncertain) },
		{ NULL, 0 }
	};

	tree_place(tree, "rule", &row->place);
	tree_text(tree, "rule_kind", policy_rule_kind_name(row->place.kind));
	tree_text(tree, "rule_name", row->place.name);
	put_numbers(tree, numbers, row);
}

static void
put_rows(struct tree *tree, const char *name, const struct tally_list *list)
{
	tree_open_array(tree, name);
	for (size_t i = 0; i < list->count; i++) {
		tree_open_object(tree, NULL);
		if (list->rows[i].name != NULL) {
			tree_text(tree, "domain", list->rows[i].name);
			put_row_counts(tree, &list->rows[i]);
		} else
			put_rule_row(tree, &list->rows[i]);
		tree_close(tree);
	}
	tree_close(tree);
}

static void
put_maillog(struct tree *tree, const struct maillog_totals *totals)
{
	static const struct put_number numbers[] = {
		{ "lines", offsetof(struct maillog_totals, lines) },
		{ "other_lines", offsetof(struct maillog_totals, other_lines) },
		{ "refused", offsetof(struct maillog_totals, refused) },
		{ "unfinished", offsetof(struct maillog_totals, unfinished) },
		{ "reinjected", offsetof(struct maillog_totals, reinjected) },
		{ "without_client", offsetof(struct maillog_totals, without_client) },
		{ "tls_lines", offsetof(struct maillog_totals, tls_lines) },
		{ "certificates", offsetof(struct maillog_totals, certificates) },
		{ NULL, 0 }
	};

	tree_open_object(tree, "maillog");
	put_numbers(tree, numbers, totals);
	tree_close(tree);
}

static void
replay_json_write(const struct replay_result *result, struct buffer *text)
{
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	tree_text(&tree, "policy", result->policy);
	if (result->since_ms != INT64_MIN)
		tree_time(&tree, "since", result->since_ms);
	if (result->until_ms != INT64_MAX)
		tree_time(&tree, "until", result->until_ms);
	put_row_counts(&tree, &result->tally->total);
	put_rows(&tree, "domains", &result->tally->domains);
	put_rows(&tree, "rules", &result->tally->rules);
	if (result->maillog != NULL)
		put_maillog(&tree, result->maillog);
	tree_write(tree_take(&tree), false, text);
	buffer_string(text, "\n");
}

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

static int
replay_journal(struct replay_run *run)
{
	struct tool_journal journal;
	int status = STATUS_TROUBLE, result;

	if (tool_open_journal(run->journal, run->judge.config, &journal)) {
		result = review_replay_journal(journal.db, &run->replay, &run->tally);
		if (result == SQLITE_NOMEM)
			status = tool_trouble("not enough memory");
		else if (result != SQLITE_OK)
			status = tool_journal_trouble(&journal);
		else
			status = STATUS_FINE;
	}
	tool_close_journal(&journal);
	return status;
}

static int
replay_maillog(struct replay_run *run)
{
	char error[REVIEW_ERROR_MAX];

	if (review_replay_maillog(run->files, run->file_count, &run->replay, &run->tally,
	    &run->totals, error))
		return STATUS_FINE;
	return tool_trouble("%s", error);
}

static int
write_replay(const struct replay_run *run)
{
	const struct replay_result result = {
		.tally = &run->tally,
		.policy = run->judge.loaded.path,
		.since_ms = run->replay.since_ms,
		.until_ms = run->replay.until_ms,
		.maillog = run->file_count > 0 ? &run->totals : NULL,
		.all = run->all,
	};
	struct buffer text = BUFFER_INIT;
	int status = STATUS_FINE;

	if (run->json)
		replay_json_write(&result, &text);
	else
		replay_text_write(&result, &text);
	if (text.failed)
		status = tool_trouble("not enough memory");
	else
		(void)fputs(text.text, stdout);
	buffer_free(&text);
	return status;
}

/* The period: of the journal the last 30 days, of a log all of it, if not given. */
static bool
replay_period(struct replay_run *run)
{
	int64_t now_ms = tool_now_ms();

	run->replay.until_ms = now_ms + 1;
	run->replay.since_ms = INT64_MIN;
	if (run->until != NULL && !tool_since(run->until, &run->replay.until_ms))
		return false;
	if (run->since == NULL && run->file_count == 0)
		run->since = "30d";
	/* A log's times may be those of another clock. */
	if (run->until == NULL && run->file_count > 0)
		run->replay.until_ms = INT64_MAX;
	return run->since == NULL || tool_since(run->since, &run->replay.since_ms);
}

static int
replay(struct replay_run *run)
{
	int status;

	if (!replay_period(run))
		return STATUS_TROUBLE;
	status = judge_load(&run->judge);
	if (status != STATUS_FINE)
		return status;
	run->replay.policy = run->judge.loaded.policy;
	run->replay.options = settings_policy_options(run->judge.loaded.settings,
	    judge_time_ms(&run->judge) / 1000);
	status = run->file_count > 0 ? replay_maillog(run) : replay_journal(run);
	return status == STATUS_FINE ? write_replay(run) : status;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static bool
add_log(const char *path, void *context)
{
	struct replay_run *run = context;

	if (run->file_count == FILES_MAX) {
		(void)tool_trouble("more than %d files", FILES_MAX);
		return false;
	}
	run->files[run->file_count++] = path;
	return true;
}

static int
run_replay(const struct command *command, int argc, char **argv)
{
	static struct replay_run run;
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (optind < argc && run.file_count == 0)
		return tool_usage(command);
	for (; optind < argc; optind++)
		if (!add_log(argv[optind], &run))
			return STATUS_TROUBLE;
	if (run.file_count > 0 && run.journal != NULL)
		return tool_trouble("--journal and --maillog cannot be given together");
	status = replay(&run);
	tally_free(&run.tally);
	judge_free(&run.judge);
	return status;
}

static const struct tool_option replay_options[] = {
	OPTION("all", 0, OPTION_FLAG, struct replay_run, all),
	OPTION("journal", 0, OPTION_TEXT, struct replay_run, journal),
	OPTION("json", 0, OPTION_FLAG, struct replay_run, json),
	OPTION_CALL("maillog", 0, add_log),
	OPTION("since", 0, OPTION_TEXT, struct replay_run, since),
	OPTION("until", 0, OPTION_TEXT, struct replay_run, until),
	JUDGE_OPTIONS(struct replay_run),
	OPTION_END
};

const struct command command_replay = {
	.name = "replay",
	.run = run_replay,
	.options = replay_options,
	.arguments = "[--policy FILE] [--since TIME] [--maillog FILE...]",
	.about = "what another policy would have done with recorded traffic",
	.help =
	    JUDGE_HELP
	    "  --since TIME            from then on: 24h, 30d, a day or a time; else 30d\n"
	    "                          of the journal, and all of a log\n"
	    "  --until TIME            to before then\n"
	    "  --journal PATH          the journal; else the one the settings name\n"
	    "  --maillog FILE...       Postfix logs, plain or gzip, instead of the journal\n"
	    "  --all                   all domains and rules, not only the first ones\n"
	    "  --json                  one JSON object\n\n"
	    "Every recorded session is judged by the policy; said is what would change, by\n"
	    "domain and by rule. Where roll-ups or a log hide an address that the policy\n"
	    "asks for, it is said how many transactions are uncertain.\n",
};
