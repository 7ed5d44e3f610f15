/*
 * replay.c - tlsward replay: recorded sessions judged by another policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/replay.h"

#include <getopt.h>
#include <string.h>

#include "tool/tool.h"

/* So many files of a log are taken. */
#define FILES_MAX 1024

struct replay_run {
	struct judge judge;
	struct policy_options options;
	struct policy_ranges *ranges;
	struct tally tally;
	struct maillog_totals totals;
	const char *journal;		/* --journal; NULL: the settings' */
	const char *since, *until;	/* as given; NULL: not */
	int64_t since_ms, until_ms;
	const char *files[FILES_MAX];	/* --maillog */
	int file_count;
	bool json, all;
	bool failed;			/* memory was short */
};

/* ------------------------------------------------------------------ *
 * Judging
 * ------------------------------------------------------------------ */

static bool
judge_item(struct replay_run *run, const struct facts *facts,
    const struct policy_hidden *hidden, struct tally_item *item)
{
	const struct facts completed = policy_complete_facts(run->judge.loaded.policy,
	    facts);
	struct verdict verdict;

	item->facts = &completed;
	item->verdict = &verdict;
	run->failed = policy_decide_hidden(run->ranges, &completed, hidden,
	    &run->options, &verdict, &item->certain) != 0 ||
	    !tally_add(&run->tally, item);
	return !run->failed;
}

static bool
take_session(void *context, const struct review_decision *session)
{
	struct tally_item item = {
		.transactions = session->messages,
		.last_ms = session->last_ms,
		.was = session->action,
	};
	const struct policy_hidden hidden = {
		.sender = session->rolled_up,
		.recipient = session->facts->to == NULL,
		.network = session->client_network,
	};

	return judge_item(context, session->facts, &hidden, &item);
}

static bool
take_message(void *context, const struct maillog_message *message)
{
	struct tally_item item = {
		.transactions = 1, .last_ms = message->time_ms, .was = POLICY_ACCEPT
	};
	const struct policy_hidden hidden = { .recipient = true };

	return judge_item(context, message->facts, &hidden, &item);
}

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

static int
read_journal(struct replay_run *run)
{
	struct tool_journal journal;
	int status = STATUS_TROUBLE, result;

	if (tool_open_journal(run->journal, run->judge.config, &journal)) {
		result = review_decisions_read(journal.db, run->since_ms, run->until_ms,
		    take_session, run);
		if (run->failed || result == SQLITE_NOMEM)
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
read_maillog(struct replay_run *run)
{
	const struct maillog_reading reading = {
		.paths = run->files, .count = run->file_count, .since_ms = run->since_ms,
		.until_ms = run->until_ms, .take = take_message, .context = run
	};
	char error[REVIEW_ERROR_MAX];

	if (maillog_read(&reading, &run->totals, error))
		return STATUS_FINE;
	return tool_trouble("%s", run->failed ? "not enough memory" : error);
}

static int
write_result(const struct replay_run *run)
{
	const struct replay_result result = {
		.tally = &run->tally,
		.policy = run->judge.loaded.path,
		.since_ms = run->since_ms,
		.until_ms = run->until_ms,
		.maillog = run->file_count > 0 ? &run->totals : NULL,
		.all = run->all,
	};
	bool written = run->json ? replay_write_json(&result, stdout) :
	    replay_write_text(&result, stdout);

	return written ? STATUS_FINE : tool_trouble("not enough memory");
}

/* The period: of the journal the last 30 days, of a log all of it, if not given. */
static bool
set_period(struct replay_run *run)
{
	int64_t now_ms = tool_now_ms();

	run->until_ms = now_ms + 1;
	run->since_ms = INT64_MIN;
	if (run->until != NULL && !tool_since(run->until, &run->until_ms))
		return false;
	if (run->since == NULL && run->file_count == 0)
		run->since = "30d";
	/* A log's times may be those of another clock. */
	if (run->until == NULL && run->file_count > 0)
		run->until_ms = INT64_MAX;
	return run->since == NULL || tool_since(run->since, &run->since_ms);
}

static int
replay(struct replay_run *run)
{
	int status;

	if (!set_period(run))
		return STATUS_TROUBLE;
	status = judge_load(&run->judge);
	if (status != STATUS_FINE)
		return status;
	run->options = settings_policy_options(run->judge.loaded.settings,
	    judge_time_ms(&run->judge) / 1000);
	run->ranges = policy_ranges_new(run->judge.loaded.policy);
	if (run->ranges == NULL)
		return tool_trouble("not enough memory");
	status = run->file_count > 0 ? read_maillog(run) : read_journal(run);
	return status == STATUS_FINE ? write_result(run) : status;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static bool
add_file(const char *path, void *context)
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
		if (!add_file(argv[optind], &run))
			return STATUS_TROUBLE;
	if (run.file_count > 0 && run.journal != NULL)
		return tool_trouble("--journal and --maillog cannot be given together");
	status = replay(&run);
	policy_ranges_free(&run.ranges);
	tally_free(&run.tally);
	judge_free(&run.judge);
	return status;
}

static const struct tool_option replay_options[] = {
	OPTION("all", 0, OPTION_FLAG, struct replay_run, all),
	OPTION("journal", 0, OPTION_TEXT, struct replay_run, journal),
	OPTION("json", 0, OPTION_FLAG, struct replay_run, json),
	OPTION_CALL("maillog", 0, add_file),
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
