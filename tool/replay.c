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

#include "tool/screen.h"
#include "tool/tree.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/text.h"

/* So many files of a log are taken. */
#define FILES_MAX 1024

/* So many domains and rules are shown, if not all. */
#define SHOWN_MAX 25

struct replay_run {
	struct judge judge;
	struct review_replay replay;	/* from INT64_MIN, to INT64_MAX: to the ends */
	struct tally tally;
	struct maillog_totals totals;
	const char *journal;		/* --journal; NULL: the settings' */
	const char *since, *until;	/* as given; NULL: not */
	const char *files[FILES_MAX];	/* --maillog */
	int file_count;
	bool json, all;
};

/* A number of a struct; in a table, which a row without a name ends. */
struct count {
	const char *name;	/* in JSON */
	size_t place;		/* of an int64_t */
	/* For people: its column, or the words about so many; NULL: not shown. */
	const char *by_rule, *by_domain;
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

/* ------------------------------------------------------------------ *
 * As one JSON object; its members are documented in tlsward(1)
 * ------------------------------------------------------------------ */

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
put_row(struct tree *tree, const struct tally_row *row)
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
	if (is_rule)
		return;
	tree_open_array(tree, "changes");
	for (size_t i = 0; i < row->change_count; i++)
		put_change(tree, &row->changes[i]);
	tree_close(tree);
}

static void
put_rows(struct tree *tree, const char *name, const struct tally_list *list)
{
	tree_open_array(tree, name);
	for (size_t i = 0; i < list->count; i++) {
		tree_open_object(tree, NULL);
		put_row(tree, &list->rows[i]);
		tree_close(tree);
	}
	tree_close(tree);
}

/* What the log could not tell. */
static const struct count log_counts[] = {
	{ LOG_COUNT(lines), NULL, NULL },
	{ LOG_COUNT(other_lines), NULL, NULL },
	{ LOG_COUNT(refused), NULL,
	    "refusals by Postfix itself are not among these transactions" },
	{ LOG_COUNT(unfinished), NULL, NULL },	/* is told of last */
	{ LOG_COUNT(reinjected), NULL,
	    "messages that a content filter gave back are not counted again" },
	{ LOG_COUNT(without_client), NULL,
	    "lines of messages of which the log does not tell how they came (bounces made "
	    "here, older mail)" },
	{ LOG_COUNT(tls_lines), NULL, NULL },
	{ LOG_COUNT(certificates), NULL, NULL },
	{ NULL, 0, NULL, NULL }
};

static void
replay_json_write(const struct replay_run *run, struct buffer *text)
{
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	tree_text(&tree, "policy", run->judge.loaded.path);
	if (run->replay.since_ms != INT64_MIN)
		tree_time(&tree, "since", run->replay.since_ms);
	if (run->replay.until_ms != INT64_MAX)
		tree_time(&tree, "until", run->replay.until_ms);
	put_row(&tree, &run->tally.total);
	put_rows(&tree, "domains", &run->tally.domains);
	put_rows(&tree, "rules", &run->tally.rules);
	if (run->file_count > 0) {
		tree_open_object(&tree, "maillog");
		for (const struct count *count = log_counts; count->name != NULL; count++)
			tree_number(&tree, count->name, count_of(&run->totals, count));
		tree_close(&tree);
	}
	tree_write(tree_take(&tree), false, text);
	buffer_string(text, "\n");
}

/* ------------------------------------------------------------------ *
 * For people
 * ------------------------------------------------------------------ */

/* For "would now be". */
static const char *const participles[] = {
	[POLICY_ACCEPT] = "accepted", [POLICY_QUARANTINE] = "held",
	[POLICY_TEMPFAIL] = "tempfailed", [POLICY_REJECT] = "rejected"
};

static void
add_minute(int64_t ms, const char *before, struct buffer *text)
{
	char time[DATE_MS_SIZE];

	date_write_ms(ms, time);
	buffer_format(text, "%s%.10s %.5s UTC", before, time, time + 11);
}

static const char *
plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

static void
add_domain_name(const char *name, struct buffer *text)
{
	if (name[0] == '\0')
		buffer_string(text, "(no domain)");
	else if (strcmp(name, "<>") == 0)
		buffer_string(text, "<> (bounces)");
	else
		text_visible(text, name);
}

/* " transactions of acme.example"; of all without the name. */
static void
add_transactions(const struct tally_row *row, int64_t count, struct buffer *text)
{
	buffer_format(text, "%s transaction%s", screen_digits(count).text, plural(count));
	if (row->name != NULL) {
		buffer_string(text, " of ");
		add_domain_name(row->name, text);
	}
}

/* "TLSv1.1 with AES128-SHA from mx2.acme.example [192.0.2.7], last 2026-11-20 10:00 UTC" */
static void
add_example(const struct tally_change *change, struct buffer *text)
{
	if (change->tls_version == NULL)
		buffer_string(text, change->cipher != NULL ? "TLS" : "unknown protocol");
	else if (strcmp(change->tls_version, "none") == 0)
		buffer_string(text, "clear text");
	else
		text_visible(text, change->tls_version);
	if (change->cipher != NULL) {
		buffer_string(text, " with ");
		text_visible(text, change->cipher);
	}
	buffer_string(text, " from ");
	text_visible(text, change->client);
	if (change->last_ms != 0)
		add_minute(change->last_ms, ", last ", text);
}

/* "12 of 4,310 transactions of acme.example would now be rejected (tls-version): ..." */
static void
add_change(const struct tally_row *row, const struct tally_change *change,
    struct buffer *text)
{
	buffer_format(text, "  %s of ", screen_digits(change->transactions).text);
	add_transactions(row, row->transactions, text);
	buffer_format(text, " would %sbe %s", change->monitored ? "" : "now ",
	    participles[change->to]);
	if (change->monitored)
		buffer_string(text, " if the rule were not under monitor");
	else if (change->from != POLICY_ACCEPT)
		buffer_format(text, ", not %s", participles[change->from]);
	if (change->reason != REASON_NONE)
		buffer_format(text, " (%s)", policy_reason_name(change->reason));
	if (row->name != NULL) {
		buffer_string(text, ": ");
		add_example(change, text);
	}
	buffer_string(text, "\n");
}

/* What changes for a domain, or for all. */
static void
add_changes(const struct tally_row *row, struct buffer *text)
{
	for (size_t i = 0; i < row->change_count; i++)
		add_change(row, &row->changes[i], text);
	if (row->uncertain == 0)
		return;
	buffer_string(text, "  ");
	add_transactions(row, row->uncertain, text);
	buffer_format(text, " %s uncertain: the policy asks for an address that was not "
	    "kept\n", row->uncertain == 1 ? "is" : "are");
}

static void
add_total(const struct replay_run *run, struct buffer *text)
{
	const struct tally_row *total = &run->tally.total;

	buffer_string(text, "Policy ");
	text_visible(text, run->judge.loaded.path);
	buffer_string(text, run->file_count > 0 ? ", held against a Postfix log" :
	    ", held against the journal");
	if (run->replay.since_ms != INT64_MIN)
		add_minute(run->replay.since_ms, " from ", text);
	if (run->replay.until_ms != INT64_MAX)
		add_minute(run->replay.until_ms, " to ", text);
	buffer_string(text, "\n\n");
	add_transactions(total, total->transactions, text);
	buffer_format(text, "; %s would be judged otherwise",
	    screen_digits(total->changed).text);
	if (total->would > 0)
		buffer_format(text, ", %s more if no rule were under monitor",
		    screen_digits(total->would).text);
	buffer_format(text, "\n  %s over TLS, %s in clear text, %s not known, %s of this "
	    "host itself\n", screen_digits(total->tls).text,
	    screen_digits(total->clear).text, screen_digits(total->unknown).text,
	    screen_digits(total->local).text);
	add_changes(total, text);
}

static void
add_rest(size_t left, const char *what, struct buffer *text)
{
	if (left > 0)
		buffer_format(text, "  ... and %zu more %s: --all shows them\n", left, what);
}

static void
add_domains(const struct replay_run *run, struct buffer *text)
{
	const struct tally_list *list = &run->tally.domains;
	size_t shown = 0, left = 0;

	buffer_string(text, "\nWhat would change, by sender domain\n");
	for (size_t i = 0; i < list->count; i++) {
		if (list->rows[i].change_count == 0 && list->rows[i].uncertain == 0)
			continue;
		if (shown == SHOWN_MAX && !run->all)
			left++;
		else {
			add_changes(&list->rows[i], text);
			shown++;
		}
	}
	if (shown == 0)
		buffer_string(text, "  nothing\n");
	add_rest(left, "domains", text);
}

/* What each rule decided, or how the domains' transactions came; first the columns. */
static void
add_table(const struct replay_run *run, bool rules, struct buffer *text)
{
	const struct tally_list *list = rules ? &run->tally.rules : &run->tally.domains;
	size_t shown = list->count < SHOWN_MAX || run->all ? list->count : SHOWN_MAX;
	const char *column;

	buffer_string(text, "\n");
	for (const struct count *count = row_counts; count->name != NULL; count++)
		if ((column = rules ? count->by_rule : count->by_domain) != NULL)
			buffer_format(text, count == row_counts ? "%12s" : " %10s", column);
	buffer_format(text, "  %s\n", rules ? "by rule" : "sender domain");
	for (size_t i = 0; i < shown; i++) {
		const struct tally_row *row = &list->rows[i];

		for (const struct count *count = row_counts; count->name != NULL; count++)
			if ((rules ? count->by_rule : count->by_domain) != NULL)
				buffer_format(text, count == row_counts ? "%12" PRId64 :
				    " %10" PRId64, count_of(row, count));
		buffer_string(text, "  ");
		if (rules) {
			text_visible(text, row->place.file);
			buffer_format(text, ":%u %s ", row->place.line,
			    policy_rule_kind_name(row->place.kind));
			text_visible(text, row->place.name != NULL ? row->place.name : "");
		} else
			add_domain_name(row->name, text);
		buffer_string(text, "\n");
	}
	add_rest(list->count - shown, rules ? "rules" : "domains", text);
}

static void
add_maillog(const struct maillog_totals *totals, struct buffer *text)
{
	buffer_format(text, "\nThe log: %s lines of Postfix\n",
	    screen_digits(totals->lines).text);
	for (const struct count *count = log_counts; count->name != NULL; count++)
		if (count->by_domain != NULL && count_of(totals, count) > 0)
			buffer_format(text, "  %" PRId64 " %s\n", count_of(totals, count),
			    count->by_domain);
	if (totals->unfinished > 0)
		buffer_format(text, "  %" PRId64 " messages began whose sender is not "
		    "logged\n", totals->unfinished);
	if (totals->tls_lines == 0)
		buffer_string(text, "  It tells of no TLS at all: is smtpd_tls_loglevel 0 in "
		    "main.cf? Set it to 1.\n");
	else if (totals->certificates == 0)
		buffer_string(text, "  No session presented a certificate: where "
		    "smtpd_tls_ask_ccert is off, none is asked for.\n");
}

static void
replay_text_write(const struct replay_run *run, struct buffer *text)
{
	add_total(run, text);
	add_domains(run, text);
	add_table(run, true, text);
	add_table(run, false, text);
	if (run->file_count > 0)
		add_maillog(&run->totals, text);
	buffer_string(text, "\nThese are transactions that were recorded: what the mail "
	    "server refused later for its\nown reasons is among them, and of other "
	    "sessions nothing is known.\n");
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

	if (review_replay_maillog(run->files, run->file_count, &run->replay, &run->tally,
	    &run->totals, error))
		return STATUS_FINE;
	return tool_trouble("%s", error);
}

static int
write_replay(const struct replay_run *run)
{
	struct buffer text = BUFFER_INIT;
	int status = STATUS_FINE;

	if (run->json)
		replay_json_write(run, &text);
	else
		replay_text_write(run, &text);
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
