/*
 * explain.c - tlsward explain: facts in, the verdict out, step by step.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/explain.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/mustache.h"
#include "tool/screen.h"
#include "tool/tool.h"
#include "journal/journal.h"
#include "base/buffer.h"
#include "base/date.h"

#define RECORD_MAX (1 << 20)	/* bytes of its line */

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

/* Takes the record on the first line of standard input. False, having said why not. */
static bool
read_first_record(struct journal_facts *facts)
{
	char error[JOURNAL_ERROR_MAX], *line = NULL;
	size_t room = 0;
	ssize_t length;
	bool ok = false;

	errno = 0;
	length = getline(&line, &room, stdin);
	if (length > 0 && line[length - 1] == '\n')
		length--;
	if (length < 0 && errno != 0)
		(void)tool_trouble("cannot read standard input: %s", strerror(errno));
	else if (length < 0)
		(void)tool_trouble("standard input: there is no record");
	else if (length > RECORD_MAX)
		(void)tool_trouble("standard input: the line is longer than 1 MiB");
	else if (!journal_facts_read(facts, line, (size_t)length, error))
		(void)tool_trouble("standard input: %s", error);
	else
		ok = true;
	free(line);
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
print_explained(const struct explained *explained, bool json)
{
	struct buffer text = BUFFER_INIT, sentence = BUFFER_INIT;
	json_t *document;
	int status = STATUS_TROUBLE;

	if (explain_sentence(explained, &sentence)) {
		document = explain_model(explained, &sentence, !json);
		if (json) {
			tree_write(document, false, &text);
			buffer_string(&text, "\n");
			status = STATUS_FINE;
		} else if (mustache_fill_file("page/explain.txt", MUSTACHE_SCREEN,
		    document, &text))
			status = STATUS_FINE;
	}
	if (status == STATUS_FINE && screen_write(&text) == SCREEN_FAILED)
		status = STATUS_TROUBLE;
	buffer_free(&sentence);
	buffer_free(&text);
	return status;
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

	set_time(run, &explained);
	if (!judge_facts(&run->judge.loaded, explained.time_ms / 1000, &facts, &verdict))
		return tool_trouble("not enough memory");
	return print_explained(&explained, run->json);
}

static int
run_with(struct run *run, int count, char **arguments)
{
	int status = STATUS_TROUBLE;

	run->facts = journal_facts_new();
	if (run->facts == NULL)
		return tool_trouble("not enough memory");
	if ((!run->record || read_first_record(run->facts)) &&
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
