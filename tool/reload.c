/*
 * reload.c - tlsward reload: the policy on disk is put in force, and what came of it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/control.h"
#include "tool/tree.h"

/* Longer than the daemon waits for one. */
#define RELOAD_WAIT_MS 310000

struct reload_run {
	const char *config;
	const char *pid;
};

/* ------------------------------------------------------------------ *
 * The answer
 * ------------------------------------------------------------------ */

static unsigned
reload_number(json_t *object, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(object, name));

	return number > 0 && number <= INT32_MAX ? (unsigned)number : 0;
}

/* As `tlsward check` prints it. */
static void
print_diagnostic(json_t *each)
{
	const char *severity = json_string_value(json_object_get(each, "severity"));
	const char *message = json_string_value(json_object_get(each, "message"));
	const struct diag diag = {
		.severity = severity == NULL || strcmp(severity, "error") == 0 ?
		    SEVERITY_ERROR : strcmp(severity, "warning") == 0 ? SEVERITY_WARNING :
		    SEVERITY_INFO,
		.id = json_string_value(json_object_get(each, "id")),
		.file = json_string_value(json_object_get(each, "file")),
		.line = reload_number(each, "line"),
		.column = reload_number(each, "column"),
		.message = message != NULL ? message : "",
		.source = json_string_value(json_object_get(each, "source")),
		.skipped = (int)reload_number(each, "skipped"),
	};

	diag_print(&diag, stderr);
}

/* ", 4 rules", in the number that it is; nothing of "optional" ones that are not there. */
static void
print_number(json_t *object, const char *name, const char *one, const char *many,
    bool optional)
{
	unsigned number = reload_number(object, name);

	if (number > 0 || !optional)
		(void)printf(", %u %s", number, number == 1 ? one : many);
}

static void
print_policy(json_t *policy)
{
	const char *digest = json_string_value(json_object_get(policy, "digest"));

	print_number(policy, "rules", "rule", "rules", false);
	print_number(policy, "partners", "partner", "partners", false);
	print_number(policy, "listed", "list entry", "list entries", true);
	(void)printf(", %s", digest != NULL ? digest : "");
}

static void
print_reloaded(json_t *answer)
{
	json_t *policy = json_object_get(answer, "policy");
	const char *file = json_string_value(json_object_get(policy, "file"));

	(void)printf("reloaded: %s is in force", file != NULL ? file : "the policy");
	print_number(answer, "warnings", "warning", "warnings", true);
	print_policy(policy);
	(void)puts(json_is_false(json_object_get(policy, "has_default")) ?
	    ", no default: mail without a rule is accepted" : "");
}

static void
print_kept(json_t *answer)
{
	json_t *policy = json_object_get(answer, "policy");
	const char *loaded = json_string_value(json_object_get(policy, "loaded"));

	(void)printf("not reloaded");
	print_number(answer, "errors", "error", "errors", true);
	(void)printf("; the policy of %s is still in force",
	    loaded != NULL ? loaded : "before");
	print_policy(policy);
	(void)puts("");
}

static int
tell_reload(json_t *answer)
{
	json_t *list = json_object_get(answer, "diagnostics"), *each;
	bool taken = json_is_true(json_object_get(answer, "taken"));
	size_t i;

	json_array_foreach(list, i, each)
		print_diagnostic(each);
	if (taken)
		print_reloaded(answer);
	else
		print_kept(answer);
	return taken ? STATUS_FINE : STATUS_NO;
}

/* ------------------------------------------------------------------ *
 * The command
 * ------------------------------------------------------------------ */

/* Where nobody can be asked, a signal can be sent: nobody hears then how that went. */
static int
send_signal(const char *pid)
{
	char *end;
	long number = strtol(pid, &end, 10);

	if (*end != '\0' || number < 2 || number > INT32_MAX)
		return tool_trouble("--pid %s: that is not a process id", pid);
	if (kill((pid_t)number, SIGHUP) != 0)
		return tool_trouble("process %ld cannot be sent SIGHUP: %s", number,
		    strerror(errno));
	(void)printf("process %ld was sent SIGHUP: its log tells how the reload went\n",
	    number);
	return STATUS_FINE;
}

static int
reload(const struct reload_run *run, const struct settings *settings)
{
	char why[CONTROL_WHY_MAX];
	json_t *answer;
	enum control_result result = control_ask(settings, "reload", RELOAD_WAIT_MS, &answer,
	    why);
	int status;

	if (result == CONTROL_ANSWERED) {
		status = tell_reload(answer);
		json_decref(answer);
		return status;
	}
	(void)tool_trouble("%s", why);
	if (result == CONTROL_GONE)
		(void)fputs("a reload that was under way is tried once more by the daemon:"
		    " tlsward status tells\nwhat is in force\n", stderr);
	return run->pid != NULL && (result == CONTROL_OFF || result == CONTROL_ABSENT) ?
	    send_signal(run->pid) : STATUS_TROUBLE;
}

static int
run_reload_command(const struct command *command, int argc, char **argv)
{
	struct reload_run run = { NULL, NULL };
	int status = tool_options(command, argc, argv, &run);
	struct settings *settings;
	bool broken;

	if (status != -1)
		return status;
	if (optind < argc)
		return tool_stray(command, argv[optind], "-c");
	settings = control_settings(run.config, &broken);
	status = settings == NULL ? STATUS_TROUBLE : reload(&run, settings);
	settings_free(&settings);
	return status;
}

static const struct tool_option reload_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct reload_run, config),
	OPTION("pid", 0, OPTION_TEXT, struct reload_run, pid),
	OPTION_END
};

const struct command command_reload = {
	.name = "reload",
	.run = run_reload_command,
	.options = reload_options,
	.arguments = "[-c FILE] [--pid PID]",
	.about = "have the daemon load its policy again, and tell what came of it",
	.help =
	    "  -c FILE, --config FILE  the daemon with these settings\n"
	    "  --pid PID               send this process SIGHUP where nobody can be asked:\n"
	    "                          the settings have \"control none\", or no socket is there\n\n"
	    "The status is 0 where the policy on disk is in force, 1 where it has errors and\n"
	    "the one before is kept, and 2 where the daemon cannot be asked. Log files are\n"
	    "opened anew in any case.\n",
	.examples =
	    "  tlsward check && tlsward reload\n",
};
