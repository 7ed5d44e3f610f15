/*
 * log.c - tlsward log: records of the journal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/log.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/intern.h"

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

/* A table, while its rows are gone through. */
struct log_table {
	sqlite3_stmt *rows;
	bool more;		/* there is a row */
	int64_t after;		/* --follow: the last id seen or, without ids, its time */
};

struct log_run {
	const char *config, *policy, *journal_path, *node, *reasons;
	struct loaded loaded;		/* where a partner is asked for */
	struct review_options whose;
	struct diagnoses *diagnoses;	/* where there are reasons */
	struct review_filter filter;
	int64_t limit;		/* 0: none */
	bool follow;
	enum log_form form;
	struct tool_journal journal;
	struct log_text text;
	struct buffer output;
	struct log_table tables[JOURNAL_TABLES];
	struct intern seen;	/* counted rows of the time up to which --follow came */
	int64_t shown, more;
	enum screen_result result;
};

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
	if (run->form == LOG_JSON) {
		journal_row_json(row, &run->output);
		buffer_add(&run->output, "\n", 1);
	} else if (run->form == LOG_CSV)
		journal_row_csv(row, &run->output);
	else
		log_text_row(&run->text, row, &run->output);
	run->shown++;
	if (run->output.length >= OUTPUT_ENOUGH)
		log_flush(run);
}

static void
show_names(struct log_run *run)
{
	if (run->form == LOG_CSV)
		journal_row_csv_names(&run->output, review_is_fleet(run->journal.db));
	else if (run->form == LOG_TEXT && run->text.screen.terminal)
		log_text_names(&run->text, &run->output);
	log_flush(run);
}

static bool
is_enough(const struct log_run *run)
{
	return run->result != SCREEN_WRITTEN ||
	    (run->limit > 0 && run->shown >= run->limit);
}

/* Goes to the next row that meets the filter; an SQLite error or SQLITE_OK. */
static int
log_step(struct log_run *run, struct log_table *table)
{
	int code = table->rows == NULL ? SQLITE_DONE : SQLITE_ROW;

	while (code == SQLITE_ROW && (code = sqlite3_step(table->rows)) == SQLITE_ROW &&
	    !review_filter_meets(&run->filter, table->rows))
		continue;
	table->more = code == SQLITE_ROW;
	return table->more || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The table whose row is the newest; of the same time, the first one's. */
static struct log_table *
newest_table(struct log_run *run)
{
	struct log_table *newest = NULL;

	for (struct log_table *table = run->tables; table < run->tables + JOURNAL_TABLES;
	    table++)
		if (table->more && (newest == NULL || journal_row_time(table->rows) >
		    journal_row_time(newest->rows)))
			newest = table;
	return newest;
}

/* On a terminal the rows for which there is no room are counted. */
static int
show_merged(struct log_run *run)
{
	bool counts = run->form == LOG_TEXT && run->text.screen.terminal;
	struct log_table *table;
	int result = SQLITE_OK;

	while (result == SQLITE_OK && (table = newest_table(run)) != NULL) {
		if (!is_enough(run))
			show_row(run, table->rows);
		else if (counts && run->result == SCREEN_WRITTEN) {
			log_flush(run);
			run->more++;
		} else
			break;
		result = log_step(run, table);
	}
	return result;
}

static int
show_all(struct log_run *run)
{
	sqlite3 *db = run->journal.db;
	int result = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);

	if (run->limit == 0 && run->form == LOG_TEXT && run->text.screen.height > 3)
		run->limit = run->text.screen.height - 3;
	for (int i = 0; result == SQLITE_OK && i < JOURNAL_TABLES; i++) {
		result = review_rows(db, &run->filter, (enum journal_table)i, -1,
		    &run->tables[i].rows);
		if (result == SQLITE_OK)
			result = log_step(run, &run->tables[i]);
	}
	if (result == SQLITE_OK)
		result = show_merged(run);
	for (int i = 0; i < JOURNAL_TABLES; i++)
		(void)sqlite3_finalize(run->tables[i].rows);
	if (sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	if (run->more > 0)
		buffer_format(&run->output, "%s more; -n N shows N, a pipe shows all\n",
		    screen_digits(run->more).text);
	log_flush(run);
	return result;
}

/* ------------------------------------------------------------------ *
 * --follow
 * ------------------------------------------------------------------ */

/* Whether a row with a count is another one than when it was last seen. */
static bool
is_new(struct log_run *run, struct log_table *table)
{
	struct buffer line = BUFFER_INIT;
	bool is = true;

	if (journal_row_time(table->rows) > table->after)
		intern_free(&run->seen);
	table->after = journal_row_time(table->rows);
	journal_row_json(table->rows, &line);
	if (line.failed || intern_add(&run->seen, line.text, line.length, &is) == INTERN_NONE)
		run->output.failed = true;
	buffer_free(&line);
	return is;
}

/* The rows that were added since, in the order in which they were. */
static int
show_new(struct log_run *run, enum journal_table number, bool quiet)
{
	struct log_table *table = &run->tables[number];
	int result = review_rows(run->journal.db, &run->filter, number, table->after,
	    &table->rows);

	while (result == SQLITE_OK && !is_enough(run) &&
	    (result = log_step(run, table)) == SQLITE_OK && table->more) {
		if (number == JOURNAL_HANDSHAKE && !is_new(run, table))
			continue;
		if (number != JOURNAL_HANDSHAKE)
			table->after = journal_row_id(table->rows);
		if (!quiet)
			show_row(run, table->rows);
	}
	(void)sqlite3_finalize(table->rows);
	log_flush(run);
	return result;
}

/* Roll-ups are not followed, nor are deliveries that had TLS. */
static int
show_new_rows(struct log_run *run)
{
	int result = show_new(run, JOURNAL_RECORD, false);

	if (result == SQLITE_OK)
		result = show_new(run, JOURNAL_HANDSHAKE, false);
	return result == SQLITE_OK ? show_new(run, JOURNAL_TROUBLE, false) : result;
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
	db = review_open(run->journal.path, NULL, error);
	if (db == NULL)
		return number;
	review_close(&run->journal.db);
	run->journal.db = db;
	memset(run->tables, 0, sizeof(run->tables));
	intern_free(&run->seen);
	return now;
}

/* From now on, or from --since. */
static int
begin_following(struct log_run *run)
{
	static const struct {
		enum journal_table table;
		const char *sql;
	} last[] = {
		{ JOURNAL_RECORD, "SELECT coalesce(max(id), 0) FROM record" },
		{ JOURNAL_TROUBLE, "SELECT coalesce(max(id), 0) FROM trouble" },
		{ JOURNAL_HANDSHAKE, "SELECT coalesce(max(hour * 3600000 + last), 0) FROM"
		    " handshake WHERE hour = (SELECT max(hour) FROM handshake)" },
	};

	if (run->filter.since_ms != 0)
		return SQLITE_OK;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		run->tables[last[i].table].after = ask(run->journal.db, last[i].sql);
		if (run->tables[last[i].table].after < 0)
			return SQLITE_ERROR;
	}
	return show_new(run, JOURNAL_HANDSHAKE, true);
}

static int
log_follow(struct log_run *run)
{
	struct sigaction action = { .sa_handler = end_following };
	ino_t number = file_number(run->journal.path);
	int64_t seen = -1, version;
	int result;

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	result = begin_following(run);
	while (ended == 0 && result == SQLITE_OK && !is_enough(run)) {
		version = ask(run->journal.db, "PRAGMA data_version");
		if (version != seen || version < 0)
			result = show_new_rows(run);
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

/* Whose handshakes are, the policy tells, as report does; the journal where there is none. */
static int
find_whose(struct log_run *run)
{
	const char *settings = run->config != NULL ? run->config : settings_default_path();
	int64_t now_ms = tool_now_ms();
	char error[REVIEW_ERROR_MAX];

	if (run->filter.partner == NULL ||
	    (run->policy == NULL && access(settings, R_OK) != 0) ||
	    tool_load_usable(run->policy, run->config, &run->loaded) != STATUS_FINE)
		return STATUS_FINE;
	run->whose = (struct review_options){
		.since_ms = run->filter.since_ms, .until_ms = run->filter.until_ms != 0 ?
		    run->filter.until_ms : now_ms + 1, .now_ms = now_ms,
		.partner = run->filter.partner, .policy = run->loaded.policy,
		.judged = settings_policy_options(run->loaded.settings, 0)
	};
	run->filter.partners = review_read(run->journal.db, run->journal.path, &run->whose,
	    error);
	return run->filter.partners != NULL ? STATUS_FINE : tool_trouble("%s", error);
}

static int
log_rows(struct log_run *run)
{
	int result, status = STATUS_FINE;

	if (!tool_open_journal(run->journal_path, run->node, run->config, &run->journal))
		status = STATUS_TROUBLE;
	else if (run->follow && review_is_fleet(run->journal.db))
		status = tool_trouble("--follow reads the journal of one host: rows of a fleet come "
		    "when they are sent, in no order; ask again with --since, or follow on the "
		    "node itself");
	else if ((status = find_whose(run)) == STATUS_FINE) {
		log_text_begin(&run->text, review_is_fleet(run->journal.db));
		show_names(run);
		result = run->follow ? log_follow(run) : show_all(run);
		if (result != SQLITE_OK)
			status = tool_journal_trouble(&run->journal, result);
		else if (run->shown == 0 && run->form == LOG_TEXT && !run->follow &&
		    run->result == SCREEN_WRITTEN)
			status = log_say_nothing(&run->journal, &run->filter);
	}
	if (run->result == SCREEN_FAILED)
		status = STATUS_TROUBLE;
	review_free(&run->filter.partners);
	tool_unload(&run->loaded);
	tool_close_journal(&run->journal);
	buffer_free(&run->output);
	intern_free(&run->seen);
	return status;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static bool
take_actions(const char *text, void *context)
{
	struct review_words words = review_action_words();
	struct log_run *run = context;

	return log_take_words("action", text, &words, &run->filter.actions);
}

static bool
take_kinds(const char *text, void *context)
{
	struct review_words words = review_kind_words();
	struct log_run *run = context;

	return log_take_words("kind", text, &words, &run->filter.kinds);
}

static bool
take_direction(const char *text, void *context)
{
	const struct review_words words = { { "in", "out" }, 2 };
	struct review_words chosen = { .count = 0 };
	struct log_run *run = context;

	if (!log_take_words("direction", text, &words, &chosen))
		return false;
	run->filter.direction = chosen.count == 1 ? chosen.list[0] : NULL;
	return true;
}

static bool
take_from(const char *text, void *context)
{
	return log_take_address(text, &((struct log_run *)context)->filter.from);
}

static bool
take_to(const char *text, void *context)
{
	return log_take_address(text, &((struct log_run *)context)->filter.to);
}

static bool
take_client(const char *text, void *context)
{
	return log_take_client(text, &((struct log_run *)context)->filter);
}

static bool
take_limit(const char *text, void *context)
{
	size_t digits = strspn(text, "0123456789");
	struct log_run *run = context;

	if (digits > 0 && digits < 18 && text[digits] == '\0')
		run->limit = strtoll(text, NULL, 10);
	if (run->limit > 0)
		return true;
	(void)tool_trouble("\"%s\" is not a number of records", text);
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
		return tool_stray(command, argv[optind], "--domain");
	if (run.follow && run.filter.until_ms != 0)
		return tool_trouble("--follow has no end: leave out --until");
	status = run.reasons == NULL || log_take_reasons(run.reasons, run.config, &run.diagnoses,
	    &run.filter.reasons) ? log_rows(&run) : STATUS_TROUBLE;
	diagnoses_free(&run.diagnoses);
	return status;
}

static const struct tool_option log_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct log_run, config),
	JOURNAL_OPTIONS(struct log_run, journal_path, node),
	OPTION("since", 0, OPTION_TIME, struct log_run, filter.since_ms),
	OPTION("until", 0, OPTION_TIME, struct log_run, filter.until_ms),
	OPTION_CALL("kind", 0, take_kinds),
	OPTION_CALL("direction", 0, take_direction),
	OPTION_CALL("action", 0, take_actions),
	OPTION_CALL("from", 0, take_from),
	OPTION_CALL("to", 0, take_to),
	OPTION("partner", 0, OPTION_TEXT, struct log_run, filter.partner),
	OPTION("policy", 0, OPTION_TEXT, struct log_run, policy),
	OPTION("queue-id", 0, OPTION_TEXT, struct log_run, filter.queue_id),
	OPTION("session", 0, OPTION_TEXT, struct log_run, filter.session),
	OPTION("text", 0, OPTION_TEXT, struct log_run, filter.text),
	OPTION("domain", 0, OPTION_DOMAIN, struct log_run, filter.domain),
	OPTION_CALL("client", 0, take_client),
	OPTION("reason", 0, OPTION_TEXT, struct log_run, reasons),
	OPTION("rule", 0, OPTION_TEXT, struct log_run, filter.rule),
	OPTION_CALL("limit", 'n', take_limit),
	OPTION("would", 0, OPTION_FLAG, struct log_run, filter.would),
	OPTION("follow", 'f', OPTION_FLAG, struct log_run, follow),
	OPTION_IN_UTC,
	OPTION_FORM("json", struct log_run, form, LOG_JSON),
	OPTION_FORM("csv", struct log_run, form, LOG_CSV),
	OPTION_END
};

const struct command command_log = {
	.name = "log",
	.run = run_log,
	.options = log_options,
	.arguments = "[--follow] [FILTER...] [--json | --csv]",
	.about = "show what was decided, and what failed on the way",
	.help =
	    "  --since TIME            90m, 24h, 30d, 2w ago, today, yesterday, a day or a\n"
	    "                          time (2026-01-31 12:00, or as RFC 3339 has it)\n"
	    "  --until TIME            what was before then\n"
	    "  --kind KIND,...         decision, handshake (failed ones), delivery; the last\n"
	    "                          two are what tlsward watch reads\n"
	    "  --direction DIRECTION   in or out: what came in, or what went out, with the\n"
	    "                          number of deliveries that nothing was wrong with\n"
	    "  --from ADDRESS          the sender: an address, or one half of it\n"
	    "  --to ADDRESS            the recipient, likewise\n"
	    "  --partner NAME          what an agreement is about\n"
	    "  --domain D              the sender's domain, or that of a host, or where mail\n"
	    "                          goes; what is below it: .D\n"
	    "  --client C              an address, a network or a verified name\n"
	    "  --queue-id ID           the mail server's\n"
	    "  --session ID            the session's, as replies may have it\n"
	    "  --text TEXT             what has that in any of its texts, in any case\n"
	    "  --action ACTION,...     accept, quarantine, tempfail, reject; with accept\n"
	    "                          the roll-ups of accepted messages too\n"
	    "  --reason REASON,...     the reasons of a refusal or of a failure\n"
	    "  --rule FILE[:LINE]      the rule that was reported\n"
	    "  --would                 what rules under monitor would have refused, and what\n"
	    "                          went out below an agreement; then --reason and\n"
	    "                          --rule are theirs\n"
	    "  -n N, --limit N         no more than N; on a terminal else a screen\n"
	    "  -f, --follow            what comes from now on (or --since), oldest first\n"
	    "  --utc                   times in UTC, not in the local time zone\n"
	    "  --json, --csv           for programs\n"
	    "  --policy FILE           the policy, for --partner; else the one the settings\n"
	    "                          name\n"
	    JOURNAL_HELP
	    "  -c FILE, --config FILE  the settings; else the default settings file\n\n"
	    "Newest first: messages refused, held, monitored and exempted (with the setting\n"
	    "journal-accepted full all of them), handshakes that failed, and deliveries\n"
	    "with trouble over TLS or below their agreement; with --kind delivery also the\n"
	    "number of others.\n",
	.examples =
	    "  tlsward log --partner Acme --since yesterday\n"
	    "  tlsward log --from alice@acme.example --to bob@ours.example\n"
	    "  tlsward log --kind handshake,delivery --domain .acme.example\n"
	    "  tlsward log --text 'registered one' --since '2026-01-31 08:00'\n"
	    "  tlsward log --follow --action reject\n",
};
