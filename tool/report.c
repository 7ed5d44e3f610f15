/*
 * report.c - tlsward report: who complies, and who does not.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/screen.h"
#include "base/array.h"
#include "base/buffer.h"

#define DAY_MS (INT64_C(86400) * 1000)
#define DEFAULT_SINCE_DAYS 30
#define DEFAULT_READY_DAYS 14

enum report_form { FORM_TEXT, FORM_JSON, FORM_CSV };

struct report_run {
	const char *config, *policy, *journal_path, *html, *to, *from;
	int64_t since_ms, until_ms;
	char domain[256];
	bool partner, mail;
	enum report_form form;
	struct report_view view;
	struct loaded loaded;
	struct tool_journal journal;
	struct review *report;
	const char **partners;
	size_t partner_count, partner_room;
	struct buffer output;
};

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

static bool
is_asked_for(const struct report_run *run, const char *partner)
{
	size_t below = strlen(run->domain), length = strlen(partner);

	if (run->domain[0] == '\0')
		return true;
	if (run->domain[0] != '.')
		return strcmp(partner, run->domain) == 0;
	return length > below && strcmp(partner + length - below, run->domain) == 0;
}

/* The partners that the policy names have their entry, seen or not. */
static bool
list_partners(struct report_run *run)
{
	size_t index = 0;
	const char *name;

	while ((name = policy_partner_next(run->loaded.policy, &index)) != NULL) {
		if (name[0] == '.' || !is_asked_for(run, name))
			continue;
		if (!array_reserve(run->partners, run->partner_count + 1,
		    &run->partner_room))
			return false;
		run->partners[run->partner_count++] = name;
	}
	return true;
}

static int
read_report(struct report_run *run)
{
	struct review_options options = {
		.since_ms = run->since_ms,
		.until_ms = run->until_ms,
		.domain = run->domain[0] == '\0' ? NULL : run->domain,
		.policy = run->loaded.policy
	};
	char error[REVIEW_ERROR_MAX];

	if (!list_partners(run))
		return tool_trouble("not enough memory");
	options.partners = run->partners;
	options.partner_count = run->partner_count;
	run->report = review_read(run->journal.db, run->journal.path, &options, error);
	if (run->report == NULL)
		return tool_trouble("%s", error);
	run->view.report = run->report;
	run->view.journal = run->journal.path;
	return report_view_make(&run->view, &run->loaded, &run->journal);
}

/* ------------------------------------------------------------------ *
 * Writing
 * ------------------------------------------------------------------ */

static int
write_mail(struct report_run *run)
{
	struct report_mail mail = {
		.view = &run->view, .loaded = &run->loaded, .to = run->to, .from = run->from
	};

	for (size_t i = 0; i < run->view.partner_count; i++)
		if (strcmp(run->view.partners[i].seen->name, run->domain) == 0)
			mail.partner = &run->view.partners[i];
	if (mail.partner == NULL)
		return tool_trouble("%s has no rule, and nothing of it is in the journal",
		    run->domain);
	return report_mail_write(&mail, &run->output);
}

static int
write_report(struct report_run *run)
{
	struct screen screen;
	int status = STATUS_FINE;

	if (run->html != NULL)
		return report_html_save(&run->view, run->html);
	if (run->mail)
		status = write_mail(run);
	else if (run->form == FORM_JSON)
		report_json_write(&run->view, &run->output);
	else if (run->form == FORM_CSV)
		status = report_csv_write(&run->view, &run->output);
	else {
		screen_open(&screen);
		status = report_text_write(&run->view, screen.width, &run->output);
	}
	if (status == STATUS_FINE && screen_write(&run->output) == SCREEN_FAILED)
		status = STATUS_TROUBLE;
	return status;
}

static int
report_on(struct report_run *run)
{
	int status = tool_load_usable(run->policy, run->config, &run->loaded);

	if (status == STATUS_FINE && !tool_open_journal(run->journal_path, run->config,
	    &run->journal))
		status = STATUS_TROUBLE;
	if (status == STATUS_FINE)
		status = read_report(run);
	if (status == STATUS_FINE)
		status = write_report(run);
	free(run->view.partners);
	free(run->partners);
	buffer_free(&run->output);
	review_free(&run->report);
	tool_close_journal(&run->journal);
	tool_unload(&run->loaded);
	return status;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static bool
take_domain(const char *text, void *context)
{
	struct report_run *run = context;

	return tool_domain(text, run->domain);
}

static bool
take_partner(const char *text, void *context)
{
	struct report_run *run = context;

	run->partner = true;
	return take_domain(text, run);
}

static bool
take_days(const char *text, void *context)
{
	struct report_run *run = context;
	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && digits < 6 && text[digits] == '\0') {
		run->view.ready_days = atoi(text);
		return true;
	}
	(void)tool_trouble("\"%s\" is no number of days", text);
	return false;
}

static int
check_call(const struct report_run *run)
{
	if (run->mail && (!run->partner || run->domain[0] == '.' || run->domain[0] == '<'))
		return tool_trouble("--mail needs --partner DOMAIN, one domain");
	if (!run->mail && (run->to != NULL || run->from != NULL))
		return tool_trouble("--to and --from go with --mail");
	if (run->until_ms <= run->since_ms)
		return tool_trouble("the period ends before it begins");
	return STATUS_FINE;
}

static int
run_report(const struct command *command, int argc, char **argv)
{
	struct report_run run = { .output = BUFFER_INIT };
	int status;

	run.view.now_ms = tool_now_ms();
	run.view.ready_days = DEFAULT_READY_DAYS;
	run.since_ms = run.view.now_ms - DEFAULT_SINCE_DAYS * DAY_MS;
	run.until_ms = run.view.now_ms + 1;
	status = tool_options(command, argc, argv, &run);
	if (status != -1)
		return status;
	if (optind < argc)
		return tool_usage(command);
	return check_call(&run) == STATUS_FINE ? report_on(&run) : STATUS_TROUBLE;
}

static const struct tool_option report_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct report_run, config),
	OPTION("policy", 0, OPTION_TEXT, struct report_run, policy),
	OPTION("journal", 0, OPTION_TEXT, struct report_run, journal_path),
	OPTION("since", 0, OPTION_TIME, struct report_run, since_ms),
	OPTION("until", 0, OPTION_TIME, struct report_run, until_ms),
	OPTION_CALL("domain", 0, take_domain),
	OPTION_CALL("partner", 0, take_partner),
	OPTION_CALL("ready-days", 0, take_days),
	OPTION("to", 0, OPTION_TEXT, struct report_run, to),
	OPTION("from", 0, OPTION_TEXT, struct report_run, from),
	OPTION("html", 0, OPTION_TEXT, struct report_run, html),
	OPTION("mail", 0, OPTION_FLAG, struct report_run, mail),
	OPTION("all", 0, OPTION_FLAG, struct report_run, view.all),
	OPTION_FORM("json", struct report_run, form, FORM_JSON),
	OPTION_FORM("csv", struct report_run, form, FORM_CSV),
	OPTION_END
};

const struct command command_report = {
	.name = "report",
	.run = run_report,
	.options = report_options,
	.arguments = "[OPTION...] [--json | --csv | --html FILE | --mail]",
	.about = "who complies, and who does not",
	.help =
	    "  --since TIME            90m, 24h, 30d, 2w ago, a day, a time (RFC 3339);\n"
	    "                          the default is 30d\n"
	    "  --until TIME            what was before then\n"
	    "  --domain D              one domain; those below it: .D\n"
	    "  --partner D             the same\n"
	    "  --all                   domains without a rule to the last\n"
	    "  --ready-days N          monitored and ready: no would-be refusal for N\n"
	    "                          days (14)\n"
	    "  --json, --csv           for programs; CSV has one row a domain\n"
	    "  --html FILE             one page, for browsers and printers; - is standard\n"
	    "                          output\n"
	    "  --mail                  a message to the partner's contact, for sendmail -t\n"
	    "  --to ADDRESS            to this address instead\n"
	    "  --from ADDRESS          with this From field; else sendmail adds its own\n"
	    "  --journal FILE          the journal; else the one the settings name\n"
	    "  --policy FILE           the policy; else the one the settings name\n"
	    "  -c FILE, --config FILE  the settings; else the default settings file\n\n"
	    "What is counted are transactions: whether a message was delivered is not\n"
	    "known here. The policy is the one that is in the file now.\n",
};
