/*
 * explain.c - tlsward explain: facts in, the verdict out, step by step.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/explain.h"
#include "tool/lines.h"
#include "tool/tool.h"
#include "journal/journal.h"
#include "base/buffer.h"
#include "base/date.h"

struct run {
	struct judge judge;
	struct journal_facts *facts;
	bool json;
	bool record;		/* standard input has one */
};

/* Takes NAME=VALUE; says what is wrong with it where it is none. */
static bool
take_fact(struct journal_facts *facts, const char *argument)
{
	const char *equals = strchr(argument, '=');
	struct buffer name = BUFFER_INIT;
	char error[JOURNAL_ERROR_MAX];
	bool ok = false;

	if (equals == NULL || equals == argument) {
		(void)tool_trouble("\"%s\" is not of the form NAME=VALUE", argument);
		return false;
	}
	buffer_add(&name, argument, (size_t)(equals - argument));
	if (name.failed)
		(void)tool_trouble("not enough memory");
	else if (!journal_facts_set(facts, name.text, equals + 1, error))
		(void)tool_trouble("%s", error);
	else
		ok = true;
	buffer_free(&name);
	return ok;
}

static bool
take_facts(struct journal_facts *facts, int count, char **arguments)
{
	bool ok = true;

	for (int i = 0; i < count; i++)
		if (!take_fact(facts, arguments[i]))
			ok = false;
	if (ok && journal_facts_get(facts)->from == NULL) {
		(void)tool_trouble("from= is missing (the null sender is \"<>\")");
		ok = false;
	}
	return ok;
}

/* The first line of standard input. False, having said why, where it is no record. */
static bool
read_line(struct lines *lines, struct journal_facts *facts)
{
	char error[JOURNAL_ERROR_MAX];
	const char *line;
	size_t length;

	for (;;) {
		switch (lines_next(lines, &line, &length)) {
		case LINE_READ:
			if (journal_facts_read(facts, line, length, error))
				return true;
			(void)tool_trouble("standard input: %s", error);
			return false;
		case LINE_LONG:
			(void)tool_trouble("standard input: the line is longer than 1 MiB");
			return false;
		case LINE_END:
			(void)tool_trouble("standard input: there is no record");
			return false;
		case LINE_MORE:
			if (lines_fill(lines))
				break;
			(void)tool_trouble("cannot read standard input: %s",
			    strerror(errno));
			return false;
		}
	}
}

static bool
read_record(struct journal_facts *facts)
{
	struct lines lines;
	bool ok = lines_open(&lines, STDIN_FILENO);

	if (!ok)
		(void)tool_trouble("not enough memory");
	else
		ok = read_line(&lines, facts);
	lines_close(&lines);
	return ok;
}

/* When the session was: on the day of --at, or at the time of its record. */
static void
set_time(const struct run *run, struct explained *explained)
{
	const char *recorded = journal_facts_result(run->facts, "time");
	int64_t when;

	explained->time_ms = judge_time_ms(&run->judge);
	explained->has_day = run->judge.day.given;
	if (explained->has_day || recorded == NULL || !date_read_time(recorded, &when))
		return;
	explained->time_ms = when * 1000;
	explained->has_time = true;
}

static int
explain(struct run *run)
{
	struct facts facts = *journal_facts_get(run->facts);
	struct verdict verdict;
	struct explained explained = {
		.policy = run->judge.loaded.policy, .path = run->judge.loaded.path,
		.given = journal_facts_get(run->facts), .facts = &facts,
		.verdict = &verdict,
		.recorded_action = journal_facts_result(run->facts, "action"),
		.recorded_reason = journal_facts_result(run->facts, "reason")
	};
	struct buffer text = BUFFER_INIT;
	int status = STATUS_FINE;

	set_time(run, &explained);
	if (!judge_facts(&run->judge.loaded, explained.time_ms / 1000, &facts, &verdict))
		return tool_trouble("not enough memory");
	if (run->json) {
		tree_write(explain_model(&explained, false), false, &text);
		buffer_string(&text, "\n");
	} else
		explain_text(&explained, &text);
	if (text.failed)
		status = tool_trouble("not enough memory");
	else
		(void)fputs(text.text, stdout);
	buffer_free(&text);
	return status;
}

static int
run_with(struct run *run, int count, char **arguments)
{
	int status = STATUS_TROUBLE;

	run->facts = journal_facts_new();
	if (run->facts == NULL)
		return tool_trouble("not enough memory");
	if ((!run->record || read_record(run->facts)) &&
	    take_facts(run->facts, count, arguments)) {
		status = judge_load(&run->judge);
		if (status == STATUS_FINE)
			status = explain(run);
	}
	judge_free(&run->judge);
	journal_facts_free(&run->facts);
	return status;
}

static int
run_explain(const struct command *command, int argc, char **argv)
{
	struct run run = { .facts = NULL };
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (optind == argc && !run.record)
		return tool_usage(command);
	return run_with(&run, argc - optind, argv + optind);
}

static const struct tool_option explain_options[] = {
	OPTION("json", 0, OPTION_FLAG, struct run, json),
	OPTION("record", 0, OPTION_FLAG, struct run, record),
	JUDGE_OPTIONS(struct run),
	OPTION_END
};

const struct command command_explain = {
	.name = "explain",
	.run = run_explain,
	.options = explain_options,
	.arguments = "[--policy FILE] [-c FILE] [--at DATE] [--json] [--record] "
	    "[NAME=VALUE...]",
	.about = "show step by step how the policy judges some facts",
	.help =
	    JUDGE_HELP
	    "  --json                  one object for scripts, in place of text\n"
	    "  --record                read the facts from a record, a line of JSON on\n"
	    "                          standard input; judged as at its time, unless\n"
	    "                          --at says otherwise\n"
	    "  NAME=VALUE              a fact by the record's name, as\n"
	    "                          from=alice@acme.example tls_version=TLSv1.2;\n"
	    "                          what is not given is unknown\n",
};
