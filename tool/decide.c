/*
 * decide.c - tlsward decide: facts in, records out, a line each.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/lines.h"
#include "tool/screen.h"
#include "base/buffer.h"

/* So much output is gathered while there is more input to go on with. */
#define OUTPUT_ENOUGH (64u * 1024u)

struct decide_run {
	struct judge judge;
	struct journal_facts *facts;
	struct lines lines;
	struct buffer output;
	bool has_errors;		/* some line was in error */
};

/* False, having said why, where the output is not whole. */
static bool
decide_flush(struct decide_run *run)
{
	enum screen_result result = screen_write(&run->output);

	if (result == SCREEN_GONE)
		(void)tool_trouble("cannot write to standard output: %s", strerror(EPIPE));
	return result == SCREEN_WRITTEN;
}

static void
decide_error(struct decide_run *run, const char *error)
{
	journal_error_write(error, run->lines.number, &run->output);
	buffer_add(&run->output, "\n", 1);
	run->has_errors = true;
}

static void
decide_line(struct decide_run *run, const char *line, size_t length)
{
	int64_t now_ms = judge_time_ms(&run->judge);
	struct facts facts;
	struct verdict verdict;
	struct journal_record record = {
		.time_ms = now_ms, .facts = &facts, .verdict = &verdict
	};
	char error[JOURNAL_ERROR_MAX];

	if (!journal_facts_read(run->facts, line, length, error)) {
		decide_error(run, error);
		return;
	}
	facts = *journal_facts_get(run->facts);
	if (!judge_facts(&run->judge.loaded, now_ms / 1000, &facts, &verdict)) {
		decide_error(run, "not enough memory");
		return;
	}
	journal_record_write(&record, JOURNAL_JSON, 0, &run->output);
	buffer_add(&run->output, "\n", 1);
}

/* A caller that waits for the answers to what it sent gets them first. */
static bool
decide_fill(struct decide_run *run)
{
	if (!lines_ready(&run->lines) && !decide_flush(run))
		return false;
	if (lines_fill(&run->lines))
		return true;
	(void)tool_trouble("cannot read standard input: %s", strerror(errno));
	return false;
}

static int
decide_all(struct decide_run *run)
{
	const char *line;
	size_t length;

	for (;;) {
		switch (lines_next(&run->lines, &line, &length)) {
		case LINE_READ:
			decide_line(run, line, length);
			break;
		case LINE_LONG:
			decide_error(run, "the line is longer than 1 MiB");
			break;
		case LINE_MORE:
			if (!decide_fill(run))
				return STATUS_TROUBLE;
			break;
		case LINE_END:
			if (!decide_flush(run))
				return STATUS_TROUBLE;
			return run->has_errors ? STATUS_NO : STATUS_FINE;
		}
		if (run->output.length >= OUTPUT_ENOUGH && !decide_flush(run))
			return STATUS_TROUBLE;
	}
}

static int
decide(struct decide_run *run)
{
	int status = judge_load(&run->judge);

	if (status == STATUS_FINE) {
		run->facts = journal_facts_new();
		if (run->facts == NULL || !lines_open(&run->lines, STDIN_FILENO))
			status = tool_trouble("not enough memory");
		else
			status = decide_all(run);
	}
	journal_facts_free(&run->facts);
	lines_close(&run->lines);
	buffer_free(&run->output);
	judge_free(&run->judge);
	return status;
}

static int
run_decide(const struct command *command, int argc, char **argv)
{
	struct decide_run run = { .output = BUFFER_INIT };
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	return optind < argc ? tool_usage(command) : decide(&run);
}

static const struct tool_option decide_options[] = {
	JUDGE_OPTIONS(struct decide_run),
	OPTION_END
};

const struct command command_decide = {
	.name = "decide",
	.run = run_decide,
	.arguments = "[--policy FILE] [-c FILE] [--at DATE]",
	.options = decide_options,
	.about = "judge JSON Lines of facts from standard input",
	.help =
	    JUDGE_HELP "\n"
	    "Each line is an object of facts by the record's names, one recipient a\n"
	    "line, and gives one record, in order. A line that is not valid gives an\n"
	    "object with \"error\" and \"line\", and the status 1 in the end. Answers\n"
	    "are not held back when there is nothing more to read.\n",
};
