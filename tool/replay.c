/*
 * replay.c - tlsward replay: recorded sessions judged by another policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool/mustache.h"
#include "tool/tree.h"
#include "base/buffer.h"

/* So many domains and rules are shown, if not all. */
#define SHOWN_MAX 25

struct replay_run {
	struct judge judge;
	struct review_replay replay;	/* from INT64_MIN, to INT64_MAX: to the ends */
	struct tally tally;
	struct maillog_totals totals;
	const char *journal, *node;	/* --journal, --node; NULL: the settings', all */
	const char *since, *until;	/* as given; NULL: not */
	struct tool_files files;	/* --maillog */
	bool json, all;
};

/* A number of a struct; in a table, which a row without a name ends. */
struct count {
	const char *name;	/* in JSON */
	size_t place;		/* of an int64_t */
	const char *by_rule, *by_domain;	/* its columns for people; NULL: not shown */
};

#define ROW_COUNT(member) #member, offsetof(struct tally_row, member)
#define LOG_COUNT(member) #member, offsetof(struct maillog_totals, member)

/* Rules have those alone that have a column there. */
static const struct count row_counts[] = {
	{ ROW_COUNT(transactions), "transactions", "transactions" },
	{ ROW_COUNT(tls), NULL, "TLS" },
	{ ROW_COUNT(clear), NULL, "clear" },
	{ ROW_COUNT(unknown), NULL, "unknown" },
	{ ROW_COUNT(local), NULL, NULL },
	{ ROW_COUNT(changed), "changed", "changed" },
	{ ROW_COUNT(would), "monitored", NULL },
	{ ROW_COUNT(uncertain), "uncertain", "uncertain" },
	{ NULL, 0, NULL, NULL }
};

static int64_t
count_of(const void *from, const struct count *count)
{
	return *(const int64_t *)((const char *)from + count->place);
}

/* What the log told. */
static const struct count log_counts[] = {
	{ LOG_COUNT(lines), NULL, NULL }, { LOG_COUNT(other_lines), NULL, NULL },
	{ LOG_COUNT(unread_lines), NULL, NULL }, { LOG_COUNT(handshakes_failed), NULL, NULL },
	{ LOG_COUNT(refused), NULL, NULL }, { LOG_COUNT(unfinished), NULL, NULL },
	{ LOG_COUNT(reinjected), NULL, NULL }, { LOG_COUNT(without_client), NULL, NULL },
	{ LOG_COUNT(tls_lines), NULL, NULL }, { LOG_COUNT(certificates), NULL, NULL },
	{ NULL, 0, NULL, NULL }
};

/* ------------------------------------------------------------------ *
 * For people, beside the members of JSON
 * ------------------------------------------------------------------ */

/* Numbers in columns, or what is above them where there is no row. */
static void
put_cells(struct tree *tree, const char *name, const struct tally_row *row, bool by_rule)
{
	struct buffer cells = BUFFER_INIT;
	char number[24];

	for (const struct count *count = row_counts; count->name != NULL; count++) {
		const char *column = by_rule ? count->by_rule : count->by_domain;

		if (column == NULL)
			continue;
		if (row != NULL)
			(void)snprintf(number, sizeof(number), "%" PRId64, count_of(row, count));
		buffer_format(&cells, count == row_counts ? "%12s" : " %10s",
		    row != NULL ? number : column);
	}
	tree_buffer(tree, name, &cells);
}

static const char *
domain_label(const char *name)
{
	if (name == NULL)
		return NULL;
	return name[0] == '\0' ? "(no domain)" : strcmp(name, "<>") == 0 ?
	    "<> (bounces)" : name;
}

/* How many would now be what, of how many of whose, and how one of them came. */
static void
put_change_words(struct tree *tree, const struct tally_row *row,
    const struct tally_change *change)
{
	static const char *const participles[] = {
		[POLICY_ACCEPT] = "accepted", [POLICY_QUARANTINE] = "held",
		[POLICY_TEMPFAIL] = "tempfailed", [POLICY_REJECT] = "rejected"
	};
	const char *version = change->tls_version;

	tree_number(tree, "of", row->transactions);
	tree_text(tree, "whose", domain_label(row->name));
	tree_text(tree, "result", participles[change->to]);
	if (!change->monitored && change->from != POLICY_ACCEPT)
		tree_text(tree, "before", participles[change->from]);
	tree_text(tree, "protocol", version == NULL ? change->cipher != NULL ? "TLS" :
	    "unknown protocol" : strcmp(version, "none") == 0 ? "clear text" : version);
}

static void
put_row_words(struct tree *tree, const struct tally_row *row, bool is_rule)
{
	put_cells(tree, "cells", row, is_rule);
	tree_text(tree, "label", domain_label(row->name));
	tree_flag(tree, "is_one", row->uncertain == 1);
}

/* ------------------------------------------------------------------ *
 * One JSON object; its members are documented in tlsward(1)
 * ------------------------------------------------------------------ */

static void
put_change(struct tree *tree, const struct tally_row *row,
    const struct tally_change *change, bool people)
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
	if (people)
		put_change_words(tree, row, change);
	tree_close(tree);
}

static void
put_row(struct tree *tree, const struct tally_row *row, bool people)
{
	bool is_rule = row->place.file != NULL;

	if (is_rule) {
		tree_place(tree, "rule", &row->place);
		tree_text(tree, "rule_kind", policy_rule_kind_name(row->place.kind));
		tree_text(tree, "rule_name", row->place.name);
	} else
		tree_text(tree, "domain", row->name);
	for (const struct count *count = row_counts; count->name != NULL; count++)
		if (!is_rule || count->by_rule != NULL)
			tree_number(tree, count->name, count_of(row, count));
	if (people)
		put_row_words(tree, row, is_rule);
	if (is_rule)
		return;
	tree_open_array(tree, "changes");
	for (size_t i = 0; i < row->change_count; i++)
		put_change(tree, row, &row->changes[i], people);
	tree_close(tree);
}

/*
 * The rows, or those alone for which something changes; for people the first, and as
 * "left" how many are behind these.
 */
static void
put_rows(struct tree *tree, const struct replay_run *run, const char *name,
    const struct tally_list *list, bool changing, const char *left)
{
	size_t count = 0, most = run->json || run->all ? SIZE_MAX : SHOWN_MAX;

	tree_open_array(tree, name);
	for (size_t i = 0; i < list->count; i++) {
		const struct tally_row *row = &list->rows[i];

		if ((changing && row->change_count == 0 && row->uncertain == 0) ||
		    count++ >= most)
			continue;
		tree_open_object(tree, NULL);
		put_row(tree, row, !run->json);
		tree_close(tree);
	}
	tree_close(tree);
	if (!run->json && count > most)
		tree_number(tree, left, (int64_t)(count - most));
}

/* NULL where memory is short. */
static json_t *
replay_values(const struct replay_run *run)
{
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	tree_text(&tree, "policy", run->judge.loaded.path);
	if (run->replay.since_ms != INT64_MIN)
		tree_time(&tree, "since", run->replay.since_ms);
	if (run->replay.until_ms != INT64_MAX)
		tree_time(&tree, "until", run->replay.until_ms);
	put_row(&tree, &run->tally.total, !run->json);
	put_rows(&tree, run, "domains", &run->tally.domains, false, "domains_left");
	put_rows(&tree, run, "rules", &run->tally.rules, false, "rules_left");
	if (!run->json) {
		put_rows(&tree, run, "changing", &run->tally.domains, true, "changing_left");
		put_cells(&tree, "rule_columns", NULL, true);
		put_cells(&tree, "domain_columns", NULL, false);
	}
	if (run->files.count > 0) {
		tree_open_object(&tree, "maillog");
		for (const struct count *count = log_counts; count->name != NULL; count++)
			tree_number(&tree, count->name, count_of(&run->totals, count));
		tree_close(&tree);
	}
	return tree_take(&tree);
}

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

static int
replay_journal(struct replay_run *run)
{
	struct tool_journal journal;
	int status = STATUS_TROUBLE, result;

	if (tool_open_journal(run->journal, run->node, run->judge.config, &journal)) {
		result = review_replay_journal(journal.db, &run->replay, &run->tally);
		status = result == SQLITE_OK ? STATUS_FINE :
		    tool_journal_trouble(&journal, result);
	}
	tool_close_journal(&journal);
	return status;
}

static int
replay_maillog(struct replay_run *run)
{
	char error[REVIEW_ERROR_MAX];
	bool read;

	/* The log is this host's, whatever is written. */
	tool_utc(false);
	read = review_replay_maillog(run->files.list, (int)run->files.count, &run->replay, &run->tally,
	    &run->totals, error);
	tool_utc(true);
	if (read) {
		if (run->totals.lines == 0)
			(void)tool_trouble("%s: not a line of a mail server in it: is it empty?",
			    run->files.list[0]);
		return STATUS_FINE;
	}
	return tool_trouble("%s", error);
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
	if (run->since == NULL && run->files.count == 0)
		run->since = "30d";
	/* A log's times may be those of another clock. */
	if (run->until == NULL && run->files.count > 0)
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
	status = run->files.count > 0 ? replay_maillog(run) : replay_journal(run);
	return status != STATUS_FINE ? status :
	    mustache_print(run->json ? NULL : "page/replay.txt", replay_values(run));
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static int
run_replay(const struct command *command, int argc, char **argv)
{
	static struct replay_run run;
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (!tool_files_rest(command, argc, argv, &run.files, "--policy"))
		return STATUS_TROUBLE;
	if (run.files.count > 0 && run.journal != NULL)
		return tool_trouble("--journal and --maillog cannot be given together");
	status = replay(&run);
	tally_free(&run.tally);
	judge_free(&run.judge);
	return status;
}

static const struct tool_option replay_options[] = {
	OPTION("all", 0, OPTION_FLAG, struct replay_run, all),
	JOURNAL_OPTIONS(struct replay_run, journal, node),
	OPTION("json", 0, OPTION_FLAG, struct replay_run, json),
	OPTION("maillog", 0, OPTION_FILES, struct replay_run, files),
	OPTION("since", 0, OPTION_TEXT, struct replay_run, since),
	OPTION("until", 0, OPTION_TEXT, struct replay_run, until),
	OPTION_IN_UTC,
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
	    JOURNAL_HELP
	    "  --maillog FILE...       logs of Postfix or Sendmail, compressed or not, instead\n"
	    "                          of the journal\n"
	    "  --all                   all domains and rules, not only the first ones\n"
	    "  --utc                   times in UTC, not in the local time zone\n"
	    "  --json                  one JSON object\n\n"
	    "The policy judges every recorded session; the answer is what would change, by\n"
	    "domain and by rule. Where roll-ups or a log hide an address that the policy\n"
	    "asks for, it says how many transactions are uncertain.\n",
	.examples =
	    "  tlsward replay --policy new.conf\n"
	    "  tlsward replay --policy new.conf --maillog /var/log/mail.log\n",
};
