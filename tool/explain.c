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
#include <time.h>

#include "tool/mustache.h"
#include "tool/screen.h"
#include "base/date.h"
#include "base/text.h"

#define RECORD_MAX (1 << 20)	/* bytes of its line */
#define RECORDS_MAX 10		/* of one id */

struct run {
	struct judge judge;
	const char *journal, *node, *last;
	int count;		/* of facts that are given */
	char **arguments;
	struct journal_facts *facts;
	struct screen screen;
	bool json, verbose;
	bool record;		/* standard input has one */
	bool has_record;	/* the facts are of one */
	bool blind;		/* no policy can be used: the record alone is told */
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
		(void)tool_no_memory();
	else if (!journal_facts_set_written(facts, name.text, equals + 1, error))
		(void)tool_trouble("%s", error);
	else
		ok = true;
	buffer_free(&name);
	return ok;
}

static bool
take_facts(const struct run *run)
{
	char error[JOURNAL_ERROR_MAX];
	bool ok = true;

	for (int i = 0; i < run->count; i++)
		if (!take_fact(run->facts, run->arguments[i]))
			ok = false;
	if (!ok || journal_facts_whole(journal_facts_get(run->facts), error))
		return ok;
	(void)tool_trouble("%s", error);
	if (journal_facts_get(run->facts)->queue_id != NULL ||
	    journal_facts_get(run->facts)->session != NULL)
		(void)tool_trouble("for a record of the journal give its id alone, without a "
		    "name and \"=\"");
	return false;
}

static bool
take_record(struct run *run, const char *from, const char *line, size_t length)
{
	char error[JOURNAL_ERROR_MAX];

	run->has_record = journal_facts_read(run->facts, line, length, error);
	if (!run->has_record)
		(void)tool_trouble("%s: %s", from, error);
	return run->has_record;
}

/* Takes the record on the first line of standard input. False, having said why not. */
static bool
read_first_record(struct run *run)
{
	char *line = malloc(RECORD_MAX + 1);
	size_t length = 0;
	bool ok = false;
	int c = 0;

	while (line != NULL && length <= RECORD_MAX && (c = getc(stdin)) != EOF && c != '\n')
		line[length++] = (char)c;
	if (line == NULL)
		(void)tool_no_memory();
	else if (ferror(stdin))
		(void)tool_trouble("cannot read standard input: %s", strerror(errno));
	else if (length == 0 && c == EOF)
		(void)tool_trouble("standard input: there is no record");
	else if (length > RECORD_MAX)
		(void)tool_trouble("standard input: the line is longer than 1 MiB");
	else
		ok = take_record(run, "standard input", line, length);
	free(line);
	return ok;
}

/* ------------------------------------------------------------------ *
 * What is printed
 * ------------------------------------------------------------------ */

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
	/* With another fact it is a session that nobody had. */
	explained->has_time = run->count == 0;
}

/* The headline begins with what happened: in the colour of that. */
static void
add_coloured(const struct run *run, const struct verdict *verdict, const char *text,
    struct buffer *out)
{
	enum screen_colour colour = verdict->action == POLICY_REJECT ? COLOUR_RED :
	    verdict->action != POLICY_ACCEPT || verdict->would != POLICY_ACCEPT ?
	    COLOUR_YELLOW : COLOUR_GREEN;
	size_t word = strcspn(text, " :");

	screen_colour(&run->screen, out, colour);
	buffer_add(out, text, word);
	screen_plain(&run->screen, out);
	buffer_string(out, text + word);
}

static int
print_explained(const struct run *run, const struct explained *explained)
{
	struct buffer text = BUFFER_INIT, folded = BUFFER_INIT, out = BUFFER_INIT;
	json_t *document = run->json ? explain_model(explained) :
	    explain_people(explained, run->verbose);
	bool made;

	if (document == NULL)
		return STATUS_TROUBLE;
	if (run->json)
		return mustache_print(NULL, document);
	made = mustache_fill_file("page/explain.txt", MUSTACHE_SCREEN, document, &text);
	if (made) {
		screen_fold(&text, run->screen.width > 0 ? run->screen.width : INT_MAX, false,
		    &folded);
		out.failed = folded.failed;
		if (!folded.failed)
			add_coloured(run, explained->verdict, folded.text, &out);
		made = screen_write(&out) != SCREEN_FAILED;
	}
	buffer_free(&text);
	buffer_free(&folded);
	buffer_free(&out);
	return made ? STATUS_FINE : STATUS_TROUBLE;
}

static int
explain(const struct run *run)
{
	struct facts facts = *journal_facts_get(run->facts);
	struct verdict verdict = { .reported = -1, .would_by = -1 };
	struct explained explained = {
		.loaded = &run->judge.loaded, .given = journal_facts_get(run->facts),
		.facts = &facts, .verdict = &verdict, .blind = run->blind,
		.record = run->has_record && run->count == 0 ? run->facts : NULL
	};

	set_time(run, &explained);
	if (!run->blind && !judge_facts(&run->judge.loaded, explained.time_ms / 1000, &facts,
	    &verdict))
		return tool_no_memory();
	return print_explained(run, &explained);
}

/* ------------------------------------------------------------------ *
 * From the journal
 * ------------------------------------------------------------------ */

/* An id that is an address, a domain or a partner with a record: *count is then 1. */
static int
find_last(const struct tool_journal *journal, const struct review_find *find,
    const char **last, int *count)
{
	const char *at = strrchr(find->text, '@');
	struct review_find other = { at != NULL ? at + 1 : find->text, true };
	struct buffer lines = BUFFER_INIT;
	int result = SQLITE_OK;

	*last = other.text;
	*count = 0;
	if (!find->is_domain)
		result = review_find_records(journal->db, &other, 1, &lines, count);
	buffer_free(&lines);
	return result;
}

/* Where nothing else is known of it. "had": its domain or partner has a record. */
static int
say_nothing_found(const struct tool_journal *journal, const struct review_find *find,
    const char *last, bool had)
{
	struct buffer hint = BUFFER_INIT;
	int status = STATUS_NO;

	buffer_string(&hint, "");
	if (!had && text_is_address(find->text))
		buffer_format(&hint, ": did you mean tlsward log --client %s?", find->text);
	else if (had || (!find->is_domain && strchr(find->text, '.') != NULL))
		buffer_format(&hint, ": did you mean --last %s?", last);
	else if (!find->is_domain)
		buffer_string(&hint, ": accepted messages may be in roll-ups, which have no "
		    "ids (journal-accepted)");
	if (hint.failed)
		status = tool_no_memory();
	else
		(void)tool_trouble("%s has no record of a %s \"%s\"%s", journal->path,
		    find->is_domain ? "domain or partner" : "queue id or session",
		    find->text, hint.text);
	buffer_free(&hint);
	return status;
}

/* Says what is there instead, or what was meant. */
static int
not_found(const struct tool_journal *journal, const struct review_find *find)
{
	struct buffer meant = BUFFER_INIT;
	int64_t messages = 0, last_ms;
	const char *last;
	int status = STATUS_NO, count, result = find_last(journal, find, &last, &count);

	if (result == SQLITE_OK)
		result = review_find_rollups(journal->db, find, &messages, &last_ms);
	if (result == SQLITE_OK)
		result = review_find_meant(journal->db, find->is_domain ?
		    NAME_DOMAIN_OR_PARTNER : NAME_ID, find->text, &meant);
	if (result != SQLITE_OK)
		status = tool_journal_trouble(journal, result);
	else if (count == 0 && messages > 0)
		(void)tool_trouble("\"%s\": all %lld messages were accepted, and are in roll-ups "
		    "(journal-accepted rollup): these count sessions that are alike, so there "
		    "is no single one to explain; tlsward report tells of them", find->text,
		    (long long)messages);
	else if (count == 0 && meant.length > 0)
		(void)tool_trouble("%s has no record of \"%s\": did you mean \"%s\"?",
		    journal->path, find->text, meant.text);
	else
		status = say_nothing_found(journal, find, last, count > 0);
	buffer_free(&meant);
	return status;
}

/* Later messages of the domain may have been rolled up. */
static int
tell_later(const struct tool_journal *journal, const struct review_find *find,
    int64_t time_ms)
{
	int64_t messages, last_ms;
	int result = review_find_rollups(journal->db, find, &messages, &last_ms);
	char day[DATE_DAY_SIZE];

	if (result != SQLITE_OK)
		return tool_journal_trouble(journal, result);
	date_write_day(last_ms / 1000, day);
	if (last_ms > time_ms)
		(void)printf("Messages of %s were accepted later, the last on %s: they are in "
		    "roll-ups, which have no single session to explain.\n", find->text, day);
	return STATUS_FINE;
}

/* Explains each of the lines, "count" of them, the newest first. */
static int
explain_lines(struct run *run, const char *line, int count)
{
	int status = STATUS_FINE;

	for (int i = 0; i < count && i < RECORDS_MAX && status == STATUS_FINE; i++) {
		size_t length = strcspn(line, "\n");

		if (i > 0 && !run->json)
			(void)puts("");
		(void)fflush(stdout);
		status = take_record(run, "the journal", line, length) &&
		    take_facts(run) ? explain(run) : STATUS_TROUBLE;
		line += length + 1;
	}
	if (count > RECORDS_MAX && !run->json)
		(void)printf("\nThere are more records of it; these are the newest %d.\n",
		    RECORDS_MAX);
	return status;
}

static int
explain_found(struct run *run, const struct tool_journal *journal,
    const struct review_find *find)
{
	struct buffer lines = BUFFER_INIT;
	int64_t time;
	int count, status, result = review_find_records(journal->db, find,
	    find->is_domain ? 1 : RECORDS_MAX + 1, &lines, &count);

	if (result != SQLITE_OK)
		status = tool_journal_trouble(journal, result);
	else if (count == 0)
		status = not_found(journal, find);
	else {
		status = judge_load(&run->judge);
		run->blind = status != STATUS_FINE;
		status |= explain_lines(run, lines.text, count);
		if (status == STATUS_FINE && find->is_domain && !run->json && date_read_time(
		    journal_facts_result(run->facts, "time"), &time))
			status = tell_later(journal, find, time * 1000 + 999);
	}
	buffer_free(&lines);
	return status;
}

static int
explain_journal(struct run *run, const char *id)
{
	const char *at = id == NULL ? strrchr(run->last, '@') : NULL;
	const struct review_find find = {
		id != NULL ? id : at != NULL ? at + 1 : run->last, id == NULL
	};
	struct tool_journal journal;
	int status = STATUS_TROUBLE;

	if (tool_open_journal(run->journal, run->node, run->judge.config, &journal))
		status = explain_found(run, &journal, &find);
	tool_close_journal(&journal);
	return status;
}

static int
explain_facts(struct run *run)
{
	int status = STATUS_TROUBLE;

	if ((!run->record || read_first_record(run)) && take_facts(run))
		status = judge_load(&run->judge);
	return status == STATUS_FINE ? explain(run) : status;
}

/* Whether the first operand is an id; a fact's name without its value is none. */
static bool
has_id(const struct run *run)
{
	const char *name;

	if (run->last != NULL || run->record || run->count == 0 ||
	    strchr(run->arguments[0], '=') != NULL)
		return false;
	for (size_t i = 0; (name = journal_fact_name(i)) != NULL; i++)
		if (strcmp(name, run->arguments[0]) == 0)
			return false;
	return true;
}

static int
run_explain(const struct command *command, int argc, char **argv)
{
	struct run run = { .facts = NULL };
	const char *id = NULL;
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	run.count = argc - optind;
	run.arguments = argv + optind;
	if (run.count == 0 && !run.record && run.last == NULL)
		return tool_usage(command);
	if (has_id(&run)) {
		id = *run.arguments++;
		run.count--;
	}
	screen_open(&run.screen);
	run.facts = journal_facts_new();
	if (run.facts == NULL)
		return tool_no_memory();
	status = run.last != NULL || id != NULL ? explain_journal(&run, id) :
	    explain_facts(&run);
	judge_free(&run.judge);
	journal_facts_free(&run.facts);
	return status;
}

static const struct tool_option explain_options[] = {
	JOURNAL_OPTIONS(struct run, journal, node),
	OPTION("json", 0, OPTION_FLAG, struct run, json),
	OPTION("last", 0, OPTION_TEXT, struct run, last),
	OPTION("record", 0, OPTION_FLAG, struct run, record),
	OPTION_IN_UTC,
	OPTION("verbose", 'v', OPTION_FLAG, struct run, verbose),
	JUDGE_OPTIONS(struct run),
	OPTION_END
};

const struct command command_explain = {
	.name = "explain",
	.run = run_explain,
	.options = explain_options,
	.arguments = "[-v] [--json] [--record] [--policy FILE] [-c FILE] [NAME=VALUE...]\n"
	    "       tlsward explain [-v] [--json] [--journal FILE] ID | --last DOMAIN\n"
	    "           [NAME=VALUE...]",
	.about = "tell how the policy judges some facts, or a record",
	.help =
	    JUDGE_HELP
	    "  -v, --verbose           step by step: each rule that applies, each\n"
	    "                          requirement, all facts and all that comes out\n"
	    "  --json                  one object for scripts, in place of text\n"
	    "  --record                read the facts from a record, a line of JSON on\n"
	    "                          standard input; judged as at its time, unless\n"
	    "                          --at says otherwise\n"
	    "  NAME=VALUE              a fact by the record's name, as\n"
	    "                          from=alice@acme.example tls_version=1.2;\n"
	    "                          what is not given is unknown\n"
	    "  ID                      a queue id or a session: its records in the\n"
	    "                          journal, and whether the policy of today would\n"
	    "                          decide otherwise\n"
	    "  --last DOMAIN           the same of the newest record of a sender's or\n"
	    "                          recipient's domain, or a partner\n"
	    JOURNAL_HELP
	    "  --utc                   times in UTC, not in the local time zone\n",
	.examples =
	    "  tlsward explain from=alice@acme.example tls_version=1.1\n"
	    "  tlsward explain 4bXy2Q\n"
	    "  tlsward explain --last Acme\n",
};
