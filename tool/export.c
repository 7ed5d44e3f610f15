/*
 * export.c - tlsward export: the rules on mail that goes out, as a map of an MTA.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lint/lint.h"
#include "policy/tls_policy.h"
#include "base/diag.h"

struct export_run {
	struct judge judge;
	/* The map of that MTA, policy_write_postfix_map() or the other. */
	int (*write)(const struct policy *policy, const char *path,
	    const struct policy_options *options, struct diags *diags, FILE *out);
};

/* The map of what is loaded, with its diagnostics in "diags". */
static int
write_map(const struct export_run *run, struct diags *diags)
{
	const struct loaded *loaded = &run->judge.loaded;
	struct policy_options options = settings_policy_options(loaded->settings,
	    judge_time_ms(&run->judge) / 1000);

	if (run->write(loaded->policy, loaded->path, &options, diags, stdout) != 0)
		return tool_no_memory();
	lint_allow(loaded->policy, diags, false);
	diags_print(diags, true, stderr);
	return diags_errors(diags) > 0 ? STATUS_NO : STATUS_FINE;
}

static int
run_export(const struct command *command, int argc, char **argv)
{
	struct export_run run = { .write = NULL };
	struct diags *diags;
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (argc - optind == 1 && strcmp(argv[optind], "postfix") == 0)
		run.write = policy_write_postfix_map;
	else if (argc - optind == 1 && strcmp(argv[optind], "sendmail") == 0)
		run.write = policy_write_access_map;
	else
		return tool_usage(command);
	status = judge_load(&run.judge);
	if (status == STATUS_FINE && (diags = diags_new()) != NULL) {
		status = write_map(&run, diags);
		diags_free(&diags);
	} else if (status == STATUS_FINE)
		status = tool_no_memory();
	judge_free(&run.judge);
	return status;
}

static const struct tool_option export_options[] = {
	JUDGE_OPTIONS(struct export_run), OPTION_END
};

const struct command command_export = {
	.name = "export",
	.run = run_export,
	.arguments = "[OPTION...] postfix|sendmail",
	.about = "the rules on mail that goes out, as a map for an MTA",
	.help = JUDGE_HELP,
	.examples =
	    "  tlsward export postfix > /etc/postfix/tlsward.new\n"
	    "  tlsward export sendmail --at 2027-01-01\n",
	.options = export_options
};
