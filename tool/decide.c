/*
 * decide.c - tlsward decide: facts in, records out, a line each.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/screen.h"
#include "base/buffer.h"

/* ------------------------------------------------------------------ *
 * Lines of standard input, in constant memory
 * ------------------------------------------------------------------ */

/* The longest line that is taken, without its newline. */
#define LINE_LENGTH_MAX (1024u * 1024u)

/* A line that is longer does not end; and what has so many, and no record, is none. */
#define LINE_ENDLESS (64u * LINE_LENGTH_MAX)
#define LINES_WRONG 10000

#define CHUNK (64u * 1024u)
#define ROOM (LINE_LENGTH_MAX + CHUNK)

enum line_result {
	LINE_READ,
	LINE_LONG,	/* one that is too long has been passed over */
	LINE_MORE,	/* there is no whole line: call lines_fill() */
	LINE_END
};

struct lines {
	char *text;
	size_t start, scanned, end;
	size_t number;		/* of the line last given */
	size_t skipped;		/* of a line that is too long */
	bool ended;
};

/* A line is complete; it takes "length" bytes. */
static enum line_result
lines_give(struct lines *lines, const char **line, size_t length, size_t newline)
{
	bool is_long = lines->skipped > 0 || length > LINE_LENGTH_MAX;

	*line = lines->text + lines->start;
	lines->start += length + newline;
	lines->scanned = lines->start;
	lines->skipped = 0;
	lines->number++;
	return is_long ? LINE_LONG : LINE_READ;
}

/* Gives the next line, which is valid until lines_fill(); never waits. */
static enum line_result
lines_next(struct lines *lines, const char **line, size_t *length)
{
	const char *newline = memchr(lines->text + lines->scanned, '\n',
	    lines->end - lines->scanned);

	if (newline != NULL) {
		*length = (size_t)(newline - lines->text) - lines->start;
		return lines_give(lines, line, *length, 1);
	}
	lines->scanned = lines->end;
	*length = lines->end - lines->start;
	if (lines->ended)
		return *length > 0 || lines->skipped > 0 ? lines_give(lines, line, *length, 0) :
		    LINE_END;
	if (*length > LINE_LENGTH_MAX) {
		lines->skipped += *length;
		lines->start = lines->scanned = lines->end = 0;
	}
	return LINE_MORE;
}

/* Whether reading would not wait; a wait (-1) may also end by a signal. */
static bool
input_ready(int timeout_ms)
{
	struct pollfd pollfd = { .fd = STDIN_FILENO, .events = POLLIN };
	int result = poll(&pollfd, 1, timeout_ms);

	return timeout_ms == 0 ? result != 0 : result >= 0 || errno == EINTR;
}

/* Waits for more. False, with errno set, where reading failed. */
static bool
lines_fill(struct lines *lines)
{
	if (lines->start > 0) {
		memmove(lines->text, lines->text + lines->start,
		    lines->end - lines->start);
		lines->scanned -= lines->start;
		lines->end -= lines->start;
		lines->start = 0;
	}
	for (;;) {
		size_t room = ROOM - lines->end;
		ssize_t got = read(STDIN_FILENO, lines->text + lines->end,
		    room < CHUNK ? room : CHUNK);

		if (got >= 0) {
			lines->end += (size_t)got;
			lines->ended = got == 0;
			return true;
		}
		if ((errno == EAGAIN || errno == EWOULDBLOCK) && input_ready(-1))
			continue;
		if (errno != EINTR)
			return false;
	}
}

/* ------------------------------------------------------------------ *
 * Answers
 * ------------------------------------------------------------------ */

/* So much output is gathered while there is more input to go on with. */
#define OUTPUT_ENOUGH (64u * 1024u)

struct decide_run {
	struct judge judge;
	struct journal_facts *facts;
	struct lines lines;
	struct buffer output;
	size_t errors;			/* lines that were in error */
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
	run->errors++;
}

/* False where memory is short. */
static bool
decide_line(struct decide_run *run, const char *line, size_t length)
{
	int64_t now_ms = judge_time_ms(&run->judge);
	struct facts facts;
	struct verdict verdict;
	struct journal_record record = {
		.time_ms = now_ms, .facts = &facts, .verdict = &verdict
	};
	char error[JOURNAL_ERROR_MAX];

	bool read = journal_facts_read(run->facts, line, length, error);

	if (!read && strcmp(error, "not enough memory") == 0)
		return false;
	if (!read) {
		decide_error(run, error);
		return true;
	}
	facts = *journal_facts_get(run->facts);
	if (!judge_facts(&run->judge.loaded, now_ms / 1000, &facts, &verdict))
		return false;
	journal_record_write(&record, JOURNAL_JSON, 0, &run->output);
	buffer_add(&run->output, "\n", 1);
	return true;
}

/* A caller that waits for the answers to what it sent gets them first. */
static bool
decide_fill(struct decide_run *run)
{
	if (!input_ready(0) && !decide_flush(run))
		return false;
	if (run->lines.skipped > LINE_ENDLESS || (run->errors > LINES_WRONG &&
	    run->errors == run->lines.number)) {
		(void)decide_flush(run);
		(void)tool_trouble("standard input has no records: expected JSON Lines, an "
		    "object of facts a line");
		return false;
	}
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
			if (!decide_line(run, line, length)) {
				(void)decide_flush(run);
				return tool_no_memory();
			}
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
			return run->errors > 0 ? STATUS_NO : STATUS_FINE;
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
		run->lines.text = malloc(ROOM);
		if (run->facts == NULL || run->lines.text == NULL)
			status = tool_no_memory();
		else
			status = decide_all(run);
	}
	journal_facts_free(&run->facts);
	free(run->lines.text);
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
	.examples =
	    "  echo '{\"from\":\"a@acme.example\",\"tls_version\":\"none\"}' |\n"
	    "      tlsward decide\n"
	    "  tlsward log --kind decision --json | tlsward decide --policy new.conf\n",
};
