/*
 * log.c - tlsward log: records of the journal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/log.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/screen.h"
#include "journal/journal.h"
#include "base/buffer.h"

/* So much output is gathered while there are more rows. */
#define OUTPUT_ENOUGH (32u * 1024u)

/* So often --follow looks for what is new. */
#define FOLLOW_MS 200

/* Set by a signal: --follow is to end. */
static volatile sig_atomic_t ended;

static void
end_following(int number)
{
	(void)number;
	ended = 1;
}

struct log_run {
	struct log_options options;
	struct tool_journal journal;
	struct screen screen;
	struct buffer output;
	int64_t shown;
	int64_t last_id;
	enum screen_result result;
};

/* ------------------------------------------------------------------ *
 * Columns for people
 * ------------------------------------------------------------------ */

/* How wide each column is; 0: there is no room for it. */
struct layout {
	int time, action, reason, tls, from, client, rule;
};

static struct layout
choose_layout(const struct screen *screen)
{
	int width = screen->width, rest;

	if (width == 0)
		return (struct layout){ 19, 12, 16, 10, 24, 24, 24 };
	if (width >= 100) {
		rest = (width - 63) / 3;
		return (struct layout){ 19, 12, 16, 10, rest, rest, rest };
	}
	if (width >= 70) {
		rest = (width - 51) / 2;
		return (struct layout){ 14, 10, 12, 10, rest, rest, 0 };
	}
	return (struct layout){ 14, 10, 0, 0, width - 26, 0, 0 };
}

/* One column and the blank before it. */
static void
put_cell(struct log_run *run, const char *text, int width)
{
	if (width == 0)
		return;
	if (run->output.length > 0 && run->output.text[run->output.length - 1] != '\n')
		buffer_add(&run->output, " ", 1);
	screen_cell(&run->output, text, width, run->screen.width > 0);
}

/* Takes the blanks from the line's end, and ends it. */
static void
end_line(struct buffer *line)
{
	while (line->length > 0 && line->text[line->length - 1] == ' ')
		line->length--;
	buffer_add(line, "\n", 1);
}

static void
write_header(struct log_run *run)
{
	struct layout layout = choose_layout(&run->screen);

	screen_colour(&run->screen, &run->output, COLOUR_BOLD);
	screen_cell(&run->output, "TIME (UTC)", layout.time, true);
	put_cell(run, "ACTION", layout.action);
	put_cell(run, "REASON", layout.reason);
	put_cell(run, "TLS", layout.tls);
	put_cell(run, "FROM", layout.from);
	put_cell(run, "CLIENT", layout.client);
	put_cell(run, "RULE", layout.rule);
	screen_plain(&run->screen, &run->output);
	end_line(&run->output);
}

static const char *
first_of(const char *one, const char *other, const char *third)
{
	return one != NULL ? one : other != NULL ? other : third != NULL ? third : "-";
}

/* "reject", "(reject)" of a rule under monitor, "accept 120" of a roll-up. */
static enum screen_colour
action_of(sqlite3_stmt *row, struct buffer *text)
{
	const char *action = first_of(journal_row_text(row, "action"), NULL, NULL);
	const char *would = journal_row_text(row, "would");

	if (would != NULL)
		buffer_format(text, "(%s)", would);
	else if (journal_row_messages(row) > 0)
		buffer_format(text, "%s %lld", action,
		    (long long)journal_row_messages(row));
	else
		buffer_string(text, action);
	if (would != NULL)
		return COLOUR_YELLOW;
	return strcmp(action, "accept") == 0 ? COLOUR_GREEN :
	    strcmp(action, "reject") == 0 ? COLOUR_RED : COLOUR_YELLOW;
}

static void
write_action(struct log_run *run, sqlite3_stmt *row, int width)
{
	struct buffer action = BUFFER_INIT;

	buffer_add(&run->output, " ", 1);
	screen_colour(&run->screen, &run->output, action_of(row, &action));
	screen_cell(&run->output, action.failed ? "" : action.text, width,
	    run->screen.width > 0);
	screen_plain(&run->screen, &run->output);
	buffer_free(&action);
}

static void
write_text(struct log_run *run, sqlite3_stmt *row)
{
	struct layout layout = choose_layout(&run->screen);
	bool would = journal_row_text(row, "would") != NULL;
	const char *tls = first_of(journal_row_text(row, "tls_version"), NULL, NULL);
	struct buffer time = BUFFER_INIT;

	screen_time(&time, journal_row_time(row));
	/* Without the year where there is little room. */
	if (!time.failed)
		buffer_string(&run->output, time.text + 19 - layout.time);
	buffer_free(&time);
	write_action(run, row, layout.action);
	put_cell(run, first_of(journal_row_text(row, would ? "would_reason" : "reason"),
	    journal_row_text(row, "exempt"), NULL), layout.reason);
	put_cell(run, strcmp(tls, "none") == 0 ? "clear text" : tls, layout.tls);
	put_cell(run, first_of(journal_row_text(row, "from"),
	    journal_row_text(row, "domain"), NULL), layout.from);
	put_cell(run, first_of(journal_row_text(row, "client_name"),
	    journal_row_messages(row) > 0 ?
	    journal_row_text(row, "client_network") : NULL,
	    journal_row_text(row, "client_addr")), layout.client);
	put_cell(run, first_of(journal_row_text(row, would ? "would_rule" : "rule"),
	    NULL, NULL), layout.rule);
	end_line(&run->output);
}

/* ------------------------------------------------------------------ *
 * Rows
 * ------------------------------------------------------------------ */

/* What the question could not ask. */
static bool
is_wanted(const struct log_options *options, sqlite3_stmt *row)
{
	if (options->client == LOG_CLIENT_NONE || options->client == LOG_CLIENT_NAME)
		return true;
	if (journal_row_messages(row) > 0)
		return log_meets_network(options,
		    journal_row_text(row, "client_network"));
	return log_in_network(options, journal_row_text(row, "client_addr"));
}

static void
flush(struct log_run *run)
{
	if (run->result == SCREEN_WRITTEN)
		run->result = screen_write(&run->output);
}

static void
show(struct log_run *run, sqlite3_stmt *row)
{
	if (!is_wanted(&run->options, row))
		return;
	if (run->options.form == LOG_JSON) {
		journal_row_json(row, &run->output);
		buffer_add(&run->output, "\n", 1);
	} else if (run->options.form == LOG_CSV)
		journal_row_csv(row, &run->output);
	else
		write_text(run, row);
	run->shown++;
	if (run->output.length >= OUTPUT_ENOUGH)
		flush(run);
}

static void
show_names(struct log_run *run)
{
	if (run->options.form == LOG_CSV)
		journal_row_csv_names(&run->output);
	else if (run->options.form == LOG_TEXT)
		write_header(run);
	flush(run);
}

static bool
is_enough(const struct log_run *run)
{
	return run->result != SCREEN_WRITTEN ||
	    (run->options.limit > 0 && run->shown >= run->options.limit);
}

/* Steps; false at the end and, with *result set, on an error. NULL has no rows. */
static bool
step(sqlite3_stmt *rows, int *result)
{
	int code = rows == NULL ? SQLITE_DONE : sqlite3_step(rows);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		*result = code;
	return code == SQLITE_ROW;
}

/* Records and roll-ups, merged by their times. */
static int
show_merged(struct log_run *run, sqlite3_stmt *records, sqlite3_stmt *rollups)
{
	int result = SQLITE_OK;
	bool one = step(records, &result), other = step(rollups, &result);

	while ((one || other) && result == SQLITE_OK && !is_enough(run)) {
		if (one && (!other ||
		    journal_row_time(records) >= journal_row_time(rollups))) {
			show(run, records);
			one = step(records, &result);
		} else {
			show(run, rollups);
			other = step(rollups, &result);
		}
	}
	return result;
}

static int
show_all(struct log_run *run)
{
	sqlite3_stmt *records = NULL, *rollups = NULL;
	sqlite3 *db = run->journal.db;
	int result = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);

	if (result == SQLITE_OK)
		result = log_prepare_records(db, &run->options, -1, &records);
	if (result == SQLITE_OK)
		result = log_prepare_rollups(db, &run->options, &rollups);
	if (result == SQLITE_OK)
		result = show_merged(run, records, rollups);
	(void)sqlite3_finalize(records);
	(void)sqlite3_finalize(rollups);
	if (sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	flush(run);
	return result;
}

/* ------------------------------------------------------------------ *
 * --follow
 * ------------------------------------------------------------------ */

/* The records that were added since; in the order in which they were. */
static int
show_new(struct log_run *run)
{
	sqlite3_stmt *rows = NULL;
	int result = log_prepare_records(run->journal.db, &run->options, run->last_id,
	    &rows);

	if (result != SQLITE_OK)
		return result;
	while (!is_enough(run) && step(rows, &result)) {
		run->last_id = journal_row_id(rows);
		show(run, rows);
	}
	(void)sqlite3_finalize(rows);
	flush(run);
	return result;
}

/* An integer that a statement gives; -1 where it fails. */
static int64_t
ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *row = NULL;
	int64_t number = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK &&
	    sqlite3_step(row) == SQLITE_ROW)
		number = sqlite3_column_int64(row, 0);
	(void)sqlite3_finalize(row);
	return number;
}

/* Waits a little. False: there is nobody to write for any more. */
static bool
wait_a_little(void)
{
	struct pollfd pollfd = { .fd = STDOUT_FILENO, .events = 0 };
	int got = poll(&pollfd, 1, FOLLOW_MS);

	return got <= 0 || (pollfd.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

static ino_t
file_number(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_ino : 0;
}

/* Another file stands in the journal's place: begin with it, once it is a journal. */
static ino_t
follow_file(struct log_run *run, ino_t number)
{
	ino_t now = file_number(run->journal.path);
	char error[REVIEW_ERROR_MAX];
	sqlite3 *db;

	if (now == number || now == 0)
		return number;
	db = review_open(run->journal.path, error);
	if (db == NULL)
		return number;
	review_close(&run->journal.db);
	run->journal.db = db;
	run->last_id = 0;
	return now;
}

static int
follow(struct log_run *run)
{
	struct sigaction action = { .sa_handler = end_following };
	ino_t number = file_number(run->journal.path);
	int64_t seen = -1, version;
	int result = SQLITE_OK;

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	run->last_id = run->options.since_ms != 0 ? 0 :
	    ask(run->journal.db, "SELECT coalesce(max(id), 0) FROM record");
	if (run->last_id < 0)
		return SQLITE_ERROR;
	while (ended == 0 && result == SQLITE_OK && !is_enough(run)) {
		version = ask(run->journal.db, "PRAGMA data_version");
		if (version != seen || version < 0)
			result = show_new(run);
		seen = version;
		if (is_enough(run) || (ended == 0 && !wait_a_little()))
			break;
		if (file_number(run->journal.path) != number) {
			number = follow_file(run, number);
			seen = -1;
		}
	}
	return result;
}

static int
run_log_options(struct log_run *run)
{
	const struct log_options *options = &run->options;
	int result, status = STATUS_FINE;

	screen_open(&run->screen);
	if (!tool_open_journal(options->journal, options->config, &run->journal))
		status = STATUS_TROUBLE;
	else {
		show_names(run);
		result = options->follow ? follow(run) : show_all(run);
		if (result != SQLITE_OK)
			status = tool_journal_trouble(&run->journal);
	}
	if (run->result == SCREEN_FAILED)
		status = STATUS_TROUBLE;
	tool_close_journal(&run->journal);
	buffer_free(&run->output);
	return status;
}

static int
run_log(const struct command *command, int argc, char **argv)
{
	struct log_run run = { .output = BUFFER_INIT };
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (optind < argc)
		return tool_usage(command);
	if (run.options.follow && run.options.until_ms != 0)
		return tool_trouble("--follow has no end: leave out --until");
	return run_log_options(&run);
}

static const struct tool_option log_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct log_run, options.config),
	OPTION("journal", 0, OPTION_TEXT, struct log_run, options.journal),
	OPTION("since", 0, OPTION_TIME, struct log_run, options.since_ms),
	OPTION("until", 0, OPTION_TIME, struct log_run, options.until_ms),
	OPTION_CALL("action", 0, log_take_actions),
	OPTION_CALL("domain", 0, log_take_domain),
	OPTION_CALL("client", 0, log_take_client),
	OPTION_CALL("reason", 0, log_take_reasons),
	OPTION("rule", 0, OPTION_TEXT, struct log_run, options.rule),
	OPTION_CALL("limit", 'n', log_take_limit),
	OPTION("would", 0, OPTION_FLAG, struct log_run, options.would),
	OPTION("follow", 'f', OPTION_FLAG, struct log_run, options.follow),
	OPTION_FORM("json", struct log_run, options.form, LOG_JSON),
	OPTION_FORM("csv", struct log_run, options.form, LOG_CSV),
	OPTION_END
};

const struct command command_log = {
	.name = "log",
	.run = run_log,
	.options = log_options,
	.arguments = "[--follow] [FILTER...] [--json | --csv]",
	.about = "show records of the journal",
	.help =
	    "  --since TIME            90m, 24h, 30d, 2w ago, a day, a time (RFC 3339)\n"
	    "  --until TIME            what was before then\n"
	    "  --action ACTION,...     accept, quarantine, tempfail, reject; with accept\n"
	    "                          the roll-ups of accepted messages too\n"
	    "  --domain D              senders of the domain; of those below it: .D\n"
	    "  --client C              an address, a network or a verified name\n"
	    "  --reason REASON,...     the reasons of a refusal\n"
	    "  --rule FILE[:LINE]      the rule that was reported\n"
	    "  --would                 what rules under monitor would have refused; then\n"
	    "                          --reason and --rule are theirs\n"
	    "  -n N, --limit N         no more than N\n"
	    "  -f, --follow            what comes from now on (or --since), oldest first\n"
	    "  --json, --csv           for programs\n"
	    "  --journal FILE          the journal; else the one the settings name\n"
	    "  -c FILE, --config FILE  the settings; else the default settings file\n\n"
	    "Newest first. Full records are shown: of refused, held, monitored and\n"
	    "exempted messages, and of all with the setting journal-accepted full.\n",
};
