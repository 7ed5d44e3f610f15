/*
 * watch.c - tlsward watch: what the mail server's log tells, into the journal.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/watch.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/store.h"
#include "tool/screen.h"

/* So long a journal that is not there yet may take to be made. */
#define MAKE_MS 5000

/* ------------------------------------------------------------------ *
 * Beginning and end
 * ------------------------------------------------------------------ */

static void
say_of_store(void *context, enum severity level, const char *text)
{
	if (level != SEVERITY_INFO)
		watch_say(context, text);
}

/* A journal that is not there yet is made, as the daemon would. */
static void
make_journal(const char *path)
{
	const struct journal_options options = { .path = path, .say = say_of_store };
	struct journal_store *store;

	if (journal_store_look(path) != JOURNAL_ABSENT)
		return;
	store = journal_store_start(&options);
	if (store != NULL && journal_store_stop(store, MAKE_MS))
		journal_store_free(&store);
}

/* Whether a file was rotated out of another one that was named. */
static bool
is_part(const struct watch_run *run, const char *file)
{
	for (size_t i = 0; i < run->files.count; i++)
		if (follow_is_rotated(file, run->files.list[i]))
			return true;
	return false;
}

static bool
open_logs(struct watch_run *run)
{
	const char *setting = run->judge.loaded.settings->maillog;
	bool fine = true;

	if (run->files.count == 0 && !run->journald && setting != NULL) {
		run->journald = strcmp(setting, "journald") == 0;
		if (!run->journald)
			run->files.list[run->files.count++] = setting;
	}
	if (run->files.count == 0 && !run->journald) {
		(void)tool_trouble("the settings name no maillog: name one with --maillog FILE "
		    "or --journald");
		return false;
	}
	run->logs = calloc(run->files.count + 1, sizeof(*run->logs));
	if (run->logs == NULL) {
		(void)tool_no_memory();
		return false;
	}
	if (run->journald)
		fine = watch_open_log(run, NULL);
	for (size_t i = 0; i < run->files.count && fine; i++)
		if (!is_part(run, run->files.list[i]))
			fine = watch_open_log(run, run->files.list[i]);
	return fine;
}

static void
say_totals(const struct watch_run *run)
{
	(void)printf("%s lines read: %s handshakes failed, %s deliveries, %s lines not "
	    "understood\n", screen_digits(run->all_lines).text,
	    screen_digits(run->handshakes).text, screen_digits(run->deliveries).text,
	    screen_digits(run->all_unread).text);
}

static int
watch(struct watch_run *run)
{
	const char *journal = run->journal != NULL ? run->journal :
	    run->judge.loaded.settings->journal;
	bool ended;

	if (journal == NULL)
		return tool_trouble("the settings have no journal: name one with --journal");
	if (strncmp(journal, "sqlite:", 7) == 0)
		journal += 7;
	tool_become_owner(journal, true);
	make_journal(journal);
	run->writer = journal_watch_open(journal);
	if (run->writer == NULL)
		return tool_no_memory();
	if (!watch_read_positions(run))
		return run->failed ? STATUS_TROUBLE : STATUS_FINE;
	if (!open_logs(run))
		return STATUS_TROUBLE;
	ended = watch_logs(run);
	watch_judge_settle(&run->judge);
	if (ended)
		say_totals(run);
	return run->failed ? STATUS_TROUBLE : STATUS_FINE;
}

static void
watch_free(struct watch_run *run)
{
	for (size_t i = 0; i < run->log_count; i++) {
		maillog_free(&run->logs[i].reader);
		follow_close(&run->logs[i].follow);
	}
	free(run->logs);
	json_decref(run->positions);
	journal_watch_close(&run->writer);
	watch_judge_free(&run->judge);
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static int
run_watch(const struct command *command, int argc, char **argv)
{
	static struct watch_run run;
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (!tool_files_rest(command, argc, argv, &run.files, "--maillog"))
		return STATUS_TROUBLE;
	if (run.files.count > 0 && run.journald)
		return tool_trouble("--journald and --maillog cannot be given together");
	run.journald = run.journald || (run.folder != NULL && run.files.count == 0);
	tzset();
	watch_take_signals();
	run.judge.say = watch_say;
	status = watch_judge_load(&run.judge) ? watch(&run) : STATUS_TROUBLE;
	watch_free(&run);
	return status;
}

static const struct tool_option watch_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct watch_run, judge.config),
	OPTION("journal", 0, OPTION_TEXT, struct watch_run, journal),
	OPTION("journald", 0, OPTION_FLAG, struct watch_run, journald),
	OPTION("journald-folder", 0, OPTION_TEXT, struct watch_run, folder),
	OPTION("maillog", 0, OPTION_FILES, struct watch_run, files),
	OPTION("once", 0, OPTION_FLAG, struct watch_run, once),
	OPTION("policy", 0, OPTION_TEXT, struct watch_run, judge.policy),
	OPTION_END
};

const struct command command_watch = {
	.name = "watch",
	.run = run_watch,
	.options = watch_options,
	.arguments = "[--once] [--maillog FILE... | --journald]",
	.about = "read the mail server's log into the journal: failed handshakes, "
	    "mail sent",
	.help =
	    "  --maillog FILE...       the logs; - is standard input; else the settings'\n"
	    "  --journald              the systemd journal\n"
	    "  --journald-folder DIR   the files of one in that folder\n"
	    "  --once                  read what is there and end; else follow the logs\n"
	    "  --journal PATH          the journal; else the one the settings name\n"
	    "  --policy FILE           the policy; else the one the settings name\n"
	    "  -c FILE, --config FILE  the settings; else the default settings file\n\n"
	    "A log is followed when it is rotated by renaming, and after a restart from\n"
	    "where it was: nothing is counted twice. SIGHUP loads the policy again.\n",
	.examples =
	    "  tlsward watch --once --maillog /var/log/mail.log\n"
	    "  journalctl -t postfix/smtp | tlsward watch --once --maillog -\n",
};
