/*
 * log.c - tlsward log: records of the journal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/screen.h"
#include "base/buffer.h"
#include "base/suggest.h"

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

enum log_form { LOG_TEXT, LOG_JSON, LOG_CSV };

struct log_run {
	const char *config, *journal_path;
	struct review_filter filter;
	bool follow;
	enum log_form form;
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

enum column { TIME, ACTION, REASON, TLS, SENDER, CLIENT, RULE, COLUMNS };

/* How wide each column is; 0: there is no room for it. */
static void
choose_widths(int width, int widths[COLUMNS])
{
	static const int wide[] = { 19, 12, 16, 10, 24, 24, 24 };
	static const int less[] = { 14, 10, 12, 10, 0, 0, 0 };
	static const int little[] = { 14, 10, 0, 0, 0, 0, 0 };

	memcpy(widths, width == 0 || width >= 100 ? wide : width >= 70 ? less : little,
	    sizeof(wide));
	if (width >= 100)
		widths[SENDER] = widths[CLIENT] = widths[RULE] = (width - 63) / 3;
	else if (width >= 70)
		widths[SENDER] = widths[CLIENT] = (width - 51) / 2;
	else if (width > 0)
		widths[SENDER] = width - 26;
}

/* The action has a colour, or all where that is bold. */
static void
write_cells(struct log_run *run, const char *const cells[COLUMNS],
    enum screen_colour colour)
{
	const struct screen *screen = &run->screen;
	struct buffer *line = &run->output;
	int widths[COLUMNS];

	choose_widths(screen->width, widths);
	if (colour == COLOUR_BOLD)
		screen_colour(screen, line, colour);
	for (int i = 0; i < COLUMNS; i++) {
		bool coloured = i == ACTION && colour != COLOUR_BOLD;
		/* Of a time without the year, where there is little room. */
		const char *text = i == TIME && colour != COLOUR_BOLD ?
		    cells[i] + 19 - widths[i] : cells[i];

		if (widths[i] == 0)
			continue;
		buffer_string(line, i > 0 ? " " : "");
		if (coloured)
			screen_colour(screen, line, colour);
		screen_cell(line, text, widths[i], screen->width > 0);
		if (coloured)
			screen_plain(screen, line);
	}
	if (colour == COLOUR_BOLD)
		screen_plain(screen, line);
	while (line->length > 0 && line->text[line->length - 1] == ' ')
		line->length--;
	buffer_add(line, "\n", 1);
}

/* The first of the fields that the row has; "-" where it has none. */
static const char *
first_of(sqlite3_stmt *row, const char *name, const char *other, const char *third)
{
	const char *text = journal_row_text(row, name);

	if (text == NULL && other != NULL)
		text = journal_row_text(row, other);
	if (text == NULL && third != NULL)
		text = journal_row_text(row, third);
	return text != NULL ? text : "-";
}

/* "reject", "(reject)" of a rule under monitor, "accept 120" of a roll-up. */
static enum screen_colour
action_of(sqlite3_stmt *row, struct buffer *text)
{
	const char *action = first_of(row, "action", NULL, NULL);
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
log_text(struct log_run *run, sqlite3_stmt *row)
{
	bool would = journal_row_text(row, "would") != NULL;
	const char *tls = first_of(row, "tls_version", NULL, NULL);
	struct buffer time = BUFFER_INIT, action = BUFFER_INIT;
	enum screen_colour colour = action_of(row, &action);

	screen_time(&time, journal_row_time(row));
	if (time.failed || action.failed)
		run->output.failed = true;
	else
		write_cells(run, (const char *const[COLUMNS]){
			[TIME] = time.text, [ACTION] = action.text,
			[REASON] = first_of(row, would ? "would_reason" : "reason",
			    "exempt", NULL),
			[TLS] = strcmp(tls, "none") == 0 ? "clear text" : tls,
			[SENDER] = first_of(row, "from", "domain", NULL),
			[CLIENT] = first_of(row, "client_name",
			    journal_row_messages(row) > 0 ? "client_network" : NULL,
			    "client_addr"),
			[RULE] = first_of(row, would ? "would_rule" : "rule", NULL, NULL)
		}, colour);
	buffer_free(&time);
	buffer_free(&action);
}

/* ------------------------------------------------------------------ *
 * Rows
 * ------------------------------------------------------------------ */

static void
log_flush(struct log_run *run)
{
	if (run->result == SCREEN_WRITTEN)
		run->result = screen_write(&run->output);
}

static void
show_row(struct log_run *run, sqlite3_stmt *row)
{
	if (!review_filter_meets(&run->filter, row))
		return;
	if (run->form == LOG_JSON) {
		journal_row_json(row, &run->output);
		buffer_add(&run->output, "\n", 1);
	} else if (run->form == LOG_CSV)
		journal_row_csv(row, &run->output);
	else
		log_text(run, row);
	run->shown++;
	if (run->output.length >= OUTPUT_ENOUGH)
		log_flush(run);
}

static void
show_names(struct log_run *run)
{
	static const char *const names[] = {
		"TIME (UTC)", "ACTION", "REASON", "TLS", "FROM", "CLIENT", "RULE"
	};

	if (run->form == LOG_CSV)
		journal_row_csv_names(&run->output);
	else if (run->form == LOG_TEXT)
		write_cells(run, names, COLOUR_BOLD);
	log_flush(run);
}

static bool
is_enough(const struct log_run *run)
{
	return run->result != SCREEN_WRITTEN ||
	    (run->filter.limit > 0 && run->shown >= run->filter.limit);
}

/* Steps; false at the end and, with *result set, on an error. NULL has no rows. */
static bool
log_step(sqlite3_stmt *rows, int *result)
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
	bool one = log_step(records, &result), other = log_step(rollups, &result);

	while ((one || other) && result == SQLITE_OK && !is_enough(run)) {
		if (one && (!other ||
		    journal_row_time(records) >= journal_row_time(rollups))) {
			show_row(run, records);
			one = log_step(records, &result);
		} else {
			show_row(run, rollups);
			other = log_step(rollups, &result);
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
		result = review_records(db, &run->filter, -1, &records);
	if (result == SQLITE_OK)
		result = review_rollups(db, &run->filter, &rollups);
	if (result == SQLITE_OK)
		result = show_merged(run, records, rollups);
	(void)sqlite3_finalize(records);
	(void)sqlite3_finalize(rollups);
	if (sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	log_flush(run);
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
	int result = review_records(run->journal.db, &run->filter, run->last_id,
	    &rows);

	if (result != SQLITE_OK)
		return result;
	while (!is_enough(run) && log_step(rows, &result)) {
		run->last_id = journal_row_id(rows);
		show_row(run, rows);
	}
	(void)sqlite3_finalize(rows);
	log_flush(run);
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
log_follow(struct log_run *run)
{
	struct sigaction action = { .sa_handler = end_following };
	ino_t number = file_number(run->journal.path);
	int64_t seen = -1, version;
	int result = SQLITE_OK;

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	run->last_id = run->filter.since_ms != 0 ? 0 :
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
log_rows(struct log_run *run)
{
	int result, status = STATUS_FINE;

	screen_open(&run->screen);
	if (!tool_open_journal(run->journal_path, run->config, &run->journal))
		status = STATUS_TROUBLE;
	else {
		show_names(run);
		result = run->follow ? log_follow(run) : show_all(run);
		if (result != SQLITE_OK)
			status = tool_journal_trouble(&run->journal, result);
	}
	if (run->result == SCREEN_FAILED)
		status = STATUS_TROUBLE;
	tool_close_journal(&run->journal);
	buffer_free(&run->output);
	return status;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

/* Says that "word" is not one of "words", and which was meant. */
static bool
no_such_word(const char *what, const char *word, const struct review_words *words)
{
	const char *meant = suggest_word(word, strlen(word), words->list, words->count);
	struct buffer all = BUFFER_INIT;

	for (size_t i = 0; i < words->count; i++)
		buffer_format(&all, "%s%s", i == 0 ? "" : ", ", words->list[i]);
	if (meant != NULL)
		(void)tool_trouble("there is no %s \"%s\": did you mean \"%s\"?", what,
		    word, meant);
	else
		(void)tool_trouble("there is no %s \"%s\": they are %s", what, word,
		    all.failed ? "" : all.text);
	buffer_free(&all);
	return false;
}

/* Adds each word of a list separated by commas to those chosen. */
static bool
take_words(const char *what, const char *text, const struct review_words *words,
    struct review_words *chosen)
{
	char word[64];

	for (;; text++) {
		size_t length = strcspn(text, ",");
		size_t found = review_words_find(words, text, length);

		(void)snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ?
		    length : sizeof(word) - 1), text);
		if (found == words->count)
			return no_such_word(what, word, words);
		if (review_words_find(chosen, text, length) == chosen->count)
			chosen->list[chosen->count++] = words->list[found];
		text += length;
		if (*text == '\0')
			return true;
	}
}

static bool
take_actions(const char *text, void *context)
{
	struct review_words words = review_action_words();
	struct log_run *run = context;

	return take_words("action", text, &words, &run->filter.actions);
}

static bool
take_reasons(const char *text, void *context)
{
	struct review_words words = review_reason_words();
	struct log_run *run = context;

	return take_words("reason", text, &words, &run->filter.reasons);
}

static bool
take_log_domain(const char *text, void *context)
{
	struct log_run *run = context;

	return tool_domain(text, run->filter.domain);
}

static bool
take_client(const char *text, void *context)
{
	struct log_run *run = context;

	if (review_filter_client(&run->filter, text))
		return true;
	if (strchr(text, '/') != NULL)
		(void)tool_trouble("\"%s\" is no network: write 192.0.2.0/24 or "
		    "2001:db8::/32", text);
	else
		(void)tool_trouble("\"%s\" is neither an address, a network nor a name",
		    text);
	return false;
}

static bool
take_limit(const char *text, void *context)
{
	size_t digits = strspn(text, "0123456789");
	struct log_run *run = context;

	if (digits > 0 && digits < 18 && text[digits] == '\0')
		run->filter.limit = strtoll(text, NULL, 10);
	if (run->filter.limit > 0)
		return true;
	(void)tool_trouble("\"%s\" is no number of records", text);
	return false;
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
	if (run.follow && run.filter.until_ms != 0)
		return tool_trouble("--follow has no end: leave out --until");
	return log_rows(&run);
}

static const struct tool_option log_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct log_run, config),
	OPTION("journal", 0, OPTION_TEXT, struct log_run, journal_path),
	OPTION("since", 0, OPTION_TIME, struct log_run, filter.since_ms),
	OPTION("until", 0, OPTION_TIME, struct log_run, filter.until_ms),
	OPTION_CALL("action", 0, take_actions),
	OPTION_CALL("domain", 0, take_log_domain),
	OPTION_CALL("client", 0, take_client),
	OPTION_CALL("reason", 0, take_reasons),
	OPTION("rule", 0, OPTION_TEXT, struct log_run, filter.rule),
	OPTION_CALL("limit", 'n', take_limit),
	OPTION("would", 0, OPTION_FLAG, struct log_run, filter.would),
	OPTION("follow", 'f', OPTION_FLAG, struct log_run, follow),
	OPTION_FORM("json", struct log_run, form, LOG_JSON),
	OPTION_FORM("csv", struct log_run, form, LOG_CSV),
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
