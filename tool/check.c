/*
 * check.c - tlsward check: all that is wrong with settings and policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/tree.h"
#include "lint/lint.h"
#include "base/diag.h"

struct check_run {
	const char *config;
	const char *policy;
	struct tool_day day;
	bool print;
	bool json;
	bool strict;
	bool all;
};

static void
print_count(size_t count, const char *one, const char *many, const char *before)
{
	if (count > 0)
		(void)printf("%s%zu %s", before, count, count == 1 ? one : many);
}

static void
summarize_errors(const struct loaded *loaded)
{
	size_t errors = diags_errors(loaded->diags);
	size_t warnings = diags_warnings(loaded->diags);

	(void)printf("%s: ", loaded->path != NULL ? loaded->path :
	    loaded->settings_path);
	print_count(errors, "error", "errors", "");
	print_count(warnings, "warning", "warnings", ", ");
	(void)puts(": nothing of it is used");
}

static void
summarize_policy(const struct loaded *loaded)
{
	size_t warnings = diags_warnings(loaded->diags);
	struct policy_summary summary;

	policy_summarize(loaded->policy, &summary);
	(void)printf("%s: %zu rule%s", loaded->path, summary.rules,
	    summary.rules == 1 ? "" : "s");
	print_count(summary.listed, "list entry", "list entries", ", ");
	print_count(warnings, "warning", "warnings", ", ");
	(void)puts(summary.has_default ? "" :
	    ", no default: mail without a rule is accepted");
}

/* A line or a column; of a file as a whole there is none. */
static json_t *
json_place(unsigned place)
{
	return place > 0 ? json_integer(place) : json_null();
}

static void
write_diagnostic(const struct diag *diag, void *out)
{
	json_t *object;

	/* The number of those that are not shown, which are all counted. */
	if (diag->file == NULL)
		return;
	object = json_pack("{s:o, s:o, s:o, s:s, s:o, s:o}", "file", tree_string(diag->file),
	    "line", json_place(diag->line), "column", json_place(diag->column),
	    "severity", severity_name(diag->severity), "id", tree_string(diag->id),
	    "message", tree_string(diag->message));
	tool_need(object != NULL && json_dumpf(object, out, JSON_COMPACT) == 0);
	(void)putc('\n', out);
	json_decref(object);
}

/* Returns "status", or what it becomes by a warning. */
static int
check_report(const struct check_run *run, const struct loaded *loaded, int status)
{
	bool sums_up = !run->print && !run->json;

	if (loaded->diags != NULL && run->json)
		diags_show(loaded->diags, true, write_diagnostic, stdout);
	else if (loaded->diags != NULL)
		diags_print(loaded->diags, run->all, stderr);
	if (loaded->diags != NULL && diags_failed(loaded->diags))
		return tool_no_memory();
	if (status == STATUS_NO && sums_up)
		summarize_errors(loaded);
	if (status != STATUS_FINE)
		return status;
	if (sums_up)
		summarize_policy(loaded);
	/* Settings are half of it. A script has no use for more lines. */
	if (sums_up && run->policy == NULL && isatty(STDOUT_FILENO) == 1)
		(void)puts("Whether the mail server is attached rightly: tlsward doctor");
	if (run->print && policy_print(loaded->policy, stdout) != 0)
		return tool_trouble("cannot print the policy");
	return run->strict && diags_warnings(loaded->diags) > 0 ? STATUS_NO : STATUS_FINE;
}

static int
check(const struct check_run *run)
{
	struct loaded loaded;
	int64_t now = run->day.given ? run->day.start : tool_now_ms() / 1000;
	int status = tool_load(run->policy, run->config, now, &loaded);

	if (status == STATUS_FINE)
		settings_check_postconf(loaded.settings, loaded.path, loaded.policy,
		    loaded.diags);
	if (loaded.policy != NULL)
		lint_allow(loaded.policy, loaded.diags, run->all);
	status = check_report(run, &loaded, status);
	tool_unload(&loaded);
	return status;
}

static int
run_check(const struct command *command, int argc, char **argv)
{
	struct check_run run = { 0 };
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (argc - optind > 1 || (optind < argc && run.config != NULL) ||
	    (run.json && run.print))
		return tool_usage(command);
	run.policy = argv[optind];
	return check(&run);
}

static const struct tool_option check_options[] = {
	OPTION("all", 0, OPTION_FLAG, struct check_run, all),
	OPTION("at", 0, OPTION_DAY, struct check_run, day),
	OPTION("config", 'c', OPTION_TEXT, struct check_run, config),
	OPTION("json", 0, OPTION_FLAG, struct check_run, json),
	OPTION("print", 0, OPTION_FLAG, struct check_run, print),
	OPTION("strict", 0, OPTION_FLAG, struct check_run, strict),
	OPTION_END
};

const struct command command_check = {
	.name = "check",
	.run = run_check,
	.options = check_options,
	.arguments = "[--print | --json] [--all] [--strict] [--at DATE] "
	    "[-c FILE | POLICY]",
	.about = "find all that is wrong with the settings and the policy",
	.help =
	    "  -c FILE, --config FILE  check these settings and the policy they name\n"
	    "  POLICY                  check this policy file alone; - is standard input\n"
	    "  --all                   show all diagnostics, and not the first ones of a\n"
	    "                          kind; and tell of \"# tlsward: allow\" that is unused\n"
	    "  --at DATE               warn of what is so at the start of that day\n"
	    "                          (YYYY-MM-DD, UTC), and not now\n"
	    "  --json                  write all diagnostics as JSON to standard output\n"
	    "  --print                 print the policy as it was understood\n"
	    "  --strict                a warning makes the status 1, as an error does\n\n"
	    "With neither, the default settings file is checked. Diagnostics go to\n"
	    "standard error; the status is 1 when there are errors among them, and 2\n"
	    "when a file cannot be read.\n",
	.examples =
	    "  tlsward check && systemctl reload tlsward\n"
	    "  tlsward check --all policy.conf\n",
};
