/*
 * ship.c - tlsward ship: the journal, into a fleet's PostgreSQL.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/ship.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#ifdef TLSWARD_LIBPQ

#include <fcntl.h>
#include <signal.h>
#include <syslog.h>
#include <unistd.h>

#include "journal/database.h"
#include "journal/ship.h"

/* ------------------------------------------------------------------ *
 * Signals
 * ------------------------------------------------------------------ */

static struct ship_signals ship_signals;
static volatile sig_atomic_t ship_untimely;	/* the exit status of an end on the way */

/* Whenever it ends, nothing is lost: what waits for a name server need not be waited for. */
static void
on_ship_signal(int number)
{
	if (number == SIGHUP)
		ship_signals.hurries = 1;
	else if (ship_signals.connecting)
		_exit(ship_untimely);
	else
		ship_signals.ends = 1;
}

static void
take_ship_signals(bool once)
{
	struct sigaction action = { .sa_handler = on_ship_signal };

	ship_untimely = once ? STATUS_TROUBLE : STATUS_FINE;
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

/* ------------------------------------------------------------------ *
 * What it says
 * ------------------------------------------------------------------ */

static int
priority_of(enum severity level)
{
	return level == SEVERITY_ERROR ? LOG_ERR : level == SEVERITY_WARNING ? LOG_WARNING :
	    LOG_NOTICE;
}

/* As the daemon writes its messages, and whole: others write to the file, too. */
static void
ship_log(const struct settings *settings, enum severity level, const char *text)
{
	struct buffer line = BUFFER_INIT;
	int fd = settings->log == SETTINGS_LOG_FILE ? open(settings->log_path, O_WRONLY |
	    O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640) : STDERR_FILENO;

	journal_message_write(tool_now_ms(), level, text, settings->log_format, 0, &line);
	buffer_string(&line, "\n");
	if (line.failed || write(fd != -1 ? fd : STDERR_FILENO, line.text, line.length) == -1)
		(void)tool_trouble("%s", text);
	if (fd != -1 && fd != STDERR_FILENO)
		(void)close(fd);
	buffer_free(&line);
}

/* Where the settings have the daemon's log; once, to whoever called. */
static void
ship_tell(void *context, enum severity level, const char *text)
{
	const struct ship_run *run = context;

	if (run->once)
		(void)fprintf(stderr, "tlsward ship: %s\n", text);
	else if (run->loaded.settings->log == SETTINGS_LOG_SYSLOG)
		syslog(priority_of(level), "%s", text);
	else
		ship_log(run->loaded.settings, level, text);
}

/* ------------------------------------------------------------------ *
 * From where to where
 * ------------------------------------------------------------------ */

/* What the call or the settings name, as libpq takes it; NULL, having said so: neither. */
static const char *
ship_conninfo(const struct ship_run *run)
{
	const char *to = run->to != NULL ? run->to : run->loaded.settings != NULL ?
	    run->loaded.settings->ship_to : NULL;

	if (to == NULL)
		(void)tool_trouble("the settings have no ship-to: it says which database it is, or "
		    "--to does");
	return to != NULL ? database_conninfo(to) : NULL;
}

/* The settings; where none are named the call may do without a file of them. */
static bool
load_ship_settings(struct ship_run *run)
{
	const char *path = run->config != NULL ? run->config : settings_default_path();
	struct diags *diags = diags_new();
	enum settings_load_result result = SETTINGS_NO_MEMORY;

	if (run->config == NULL && run->to != NULL && access(path, F_OK) != 0)
		path = NULL;
	if (diags != NULL)
		result = settings_load(path, &run->loaded.settings, diags);
	if (result == SETTINGS_NO_MEMORY)
		(void)tool_no_memory();
	else if (result != SETTINGS_LOADED)
		diags_print(diags, false, stderr);
	diags_free(&diags);
	return result == SETTINGS_LOADED;
}

static int
ship_from(struct ship_run *run, const char *journal, const char *conninfo, const char *name)
{
	static const int statuses[] = {
		[SHIP_ENDED] = STATUS_FINE, [SHIP_SOME_REFUSED] = STATUS_NO,
		[SHIP_FAILED] = STATUS_TROUBLE
	};
	char node[SETTINGS_NODE_MAX];

	ship_signals.connecting = 1;	/* it may wait for DNS, too */
	settings_node(run->loaded.settings, node);
	ship_signals.connecting = 0;
	return statuses[ship_run(&(struct ship_options){
		.path = journal, .node = run->loaded.settings->node, .fallback = node,
		.conninfo = conninfo, .name = name,
		.once = run->once, .signals = &ship_signals, .say = ship_tell, .context = run
	})];
}

static int
ship_all(struct ship_run *run, const char *conninfo)
{
	const char *journal = run->journal != NULL ? run->journal :
	    run->loaded.settings->journal;
	int status = STATUS_TROUBLE;
	char *name;

	if (journal == NULL)
		return tool_trouble("the settings have no journal: name one with --journal");
	if (strncmp(journal, "sqlite:", 7) == 0)
		journal += 7;
	tool_become_owner(journal, false);
	name = database_name(conninfo);
	if (name == NULL)
		status = tool_no_memory();
	else if (name[0] == '\0')
		status = tool_trouble("this is no CONNINFO of libpq: write \"host=HOST dbname=NAME "
		    "user=USER\" or \"postgresql://USER@HOST/NAME\"");
	else {
		if (run->loaded.settings->log == SETTINGS_LOG_SYSLOG)
			openlog("tlsward-ship", LOG_PID, run->loaded.settings->syslog_facility);
		status = ship_from(run, journal, conninfo, name);
	}
	free(name);
	return status;
}

static int
ship_there(struct ship_run *run)
{
	const char *conninfo;
	int status = STATUS_TROUBLE;

	/* Before all else: a reload while it starts must not be its end. */
	if (run->what != SHIP_MAINTAIN)
		take_ship_signals(run->once);
	conninfo = load_ship_settings(run) ? ship_conninfo(run) : NULL;
	if (conninfo != NULL)
		status = run->what == SHIP_MAINTAIN ? ship_maintain(run, conninfo) :
		    ship_all(run, conninfo);
	settings_free(&run->loaded.settings);
	return status;
}

#endif

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static int
run_ship(const struct command *command, int argc, char **argv)
{
	static struct ship_run run;
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (optind < argc)
		return tool_stray(command, argv[optind], "--to");
	if (run.what == SHIP_SCHEMA)
		return ship_schema(&run);
#ifdef TLSWARD_LIBPQ
	return ship_there(&run);
#else
	return tool_trouble("this tlsward was built without libpq, and sends nothing to "
	    "PostgreSQL");
#endif
}

static const struct tool_option ship_command_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct ship_run, config),
	OPTION("journal", 0, OPTION_TEXT, struct ship_run, journal),
	OPTION("keep", 0, OPTION_TIME, struct ship_run, keep_since),
	OPTION_FORM("maintain", struct ship_run, what, SHIP_MAINTAIN),
	OPTION("once", 0, OPTION_FLAG, struct ship_run, once),
	OPTION_FORM("schema", struct ship_run, what, SHIP_SCHEMA),
	OPTION("to", 0, OPTION_TEXT, struct ship_run, to),
	OPTION_END
};

const struct command command_ship = {
	.name = "ship",
	.run = run_ship,
	.options = ship_command_options,
	.arguments = "[--once | --schema | --maintain] [--to CONNINFO] [-c FILE]",
	.about = "send the journal to a fleet's PostgreSQL; its tables, and their care",
	.help =
	    "  --once                  send what is there and end; else follow the journal\n"
	    "  --schema                write the SQL that makes the tables, or renews them\n"
	    "  --maintain              make partitions ahead, drop old ones; for their owner\n"
	    "  --keep AGE              with --maintain: drop what is older; 400d, else journal-keep\n"
	    "  --to CONNINFO           the database, postgresql:...; else the settings' ship-to\n"
	    "  --journal PATH          the journal; else the one the settings name\n"
	    "  -c FILE, --config FILE  the settings; else the default settings file\n\n"
	    "What was sent is known in the database: nothing is sent twice, or left out,\n"
	    "whoever is killed. SIGHUP tries at once what is waited for.\n",
	.examples =
	    "  tlsward ship --schema | psql dbname=tlsward\n"
	    "  tlsward ship --once\n",
};
