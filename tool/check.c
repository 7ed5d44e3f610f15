/*
 * check.c - tlsward check: all that is wrong with settings and policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/tool.h"

#include <getopt.h>
#include <stdio.h>

#include "base/diag.h"

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
	size_t warnings = diags_count(loaded->diags) - errors;

	(void)printf("%s: ", loaded->path != NULL ? loaded->path :
	    loaded->settings_path);
	print_count(errors, "error", "errors", "");
	print_count(warnings, "warning", "warnings", ", ");
	(void)puts(": nothing of it is used");
}

static void
summarize_policy(const struct loaded *loaded)
{
	size_t warnings = diags_count(loaded->diags);
	struct policy_summary summary;

	policy_summarize(loaded->policy, &summary);
	(void)printf("%s: %zu rule%s", loaded->path, summary.rules,
	    summary.rules == 1 ? "" : "s");
	print_count(summary.listed, "list entry", "list entries", ", ");
	print_count(warnings, "warning", "warnings", ", ");
	(void)puts(summary.has_default ? "" :
	    ", no default: mail without a rule is accepted");
}

static int
check_report(const struct loaded *loaded, int status, bool print)
{
	if (loaded->diags != NULL)
		diags_print(loaded->diags, stderr);
	if (loaded->diags != NULL && diags_count(loaded->diags) > 0 &&
	    diags_at(loaded->diags, diags_count(loaded->diags) - 1) == NULL)
		return tool_trouble("not enough memory");
	if (status == STATUS_NO && !print)
		summarize_errors(loaded);
	if (status != STATUS_FINE)
		return status;
	if (!print) {
		summarize_policy(loaded);
		return STATUS_FINE;
	}
	if (policy_print(loaded->policy, stdout) != 0)
		return tool_trouble("cannot print the policy");
	return STATUS_FINE;
}

/* What Postfix is set to, where the policy requires something of certificates. */
static void
warn_of_postconf(const struct loaded *loaded)
{
	static const char *const warnings[] = {
		[POSTCONF_NEVER_ASKS] = "postconf says smtpd_tls_ask_ccert = no: Postfix asks "
		    "no client for its certificate, so that no session meets what the policy "
		    "requires of certificates; set it to yes in main.cf",
		[POSTCONF_MD5] = "postconf says smtpd_tls_fingerprint_digest = md5: Postfix "
		    "reports fingerprints that no pin can fit; set it to sha256 in main.cf"
	};
	struct policy_summary summary;
	enum review_postconf found;

	policy_summarize(loaded->policy, &summary);
	if (!summary.needs_certificate || loaded->settings->mta == SETTINGS_MTA_SENDMAIL)
		return;
	found = review_postconf(summary.needs_fingerprint);
	if (found != POSTCONF_FINE)
		diags_add(loaded->diags, SEVERITY_WARNING, NULL, loaded->path, 0, 0, NULL, 0,
		    "%s", warnings[found]);
}

static int
check(const char *config, const char *policy, int64_t now, bool print)
{
	struct loaded loaded;
	int status = tool_load(policy, config, now, &loaded);

	if (status == STATUS_FINE)
		warn_of_postconf(&loaded);
	if (status == STATUS_FINE && loaded.settings_path != NULL) {
		settings_check_journal(loaded.settings, loaded.settings_path, false,
		    loaded.diags);
		status = diags_errors(loaded.diags) > 0 ? STATUS_NO : STATUS_FINE;
	}
	status = check_report(&loaded, status, print);
	tool_unload(&loaded);
	return status;
}

struct check_run {
	const char *config;
	struct tool_day day;
	bool print;
};

static int
run_check(const struct command *command, int argc, char **argv)
{
	struct check_run run = { 0 };
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (argc - optind > 1 || (optind < argc && run.config != NULL))
		return tool_usage(command);
	return check(run.config, argv[optind], run.day.given ? run.day.start :
	    tool_now_ms() / 1000, run.print);
}

static const struct tool_option check_options[] = {
	OPTION("at", 0, OPTION_DAY, struct check_run, day),
	OPTION("config", 'c', OPTION_TEXT, struct check_run, config),
	OPTION("print", 0, OPTION_FLAG, struct check_run, print),
	OPTION_END
};

const struct command command_check = {
	.name = "check",
	.run = run_check,
	.options = check_options,
	.arguments = "[--print] [--at DATE] [-c FILE | POLICY]",
	.about = "find all that is wrong with the settings and the policy",
	.help =
	    "  -c FILE, --config FILE  check these settings and the policy they name\n"
	    "  POLICY                  check this policy file alone\n"
	    "  --print                 print the policy as it was understood\n"
	    "  --at DATE               warn of what is so at the start of that day\n"
	    "                          (YYYY-MM-DD, UTC), and not now\n\n"
	    "With neither, the default settings file is checked. Diagnostics go to\n"
	    "standard error; the status is 1 when there are errors among them, and 2\n"
	    "when a file cannot be read.\n",
};
