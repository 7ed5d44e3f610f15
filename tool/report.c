/*
 * report.c - tlsward report: whose mail was refused, whose would be, and how mail goes.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/screen.h"
#include "base/buffer.h"
#include "base/suggest.h"
#include "base/text.h"

#define DAY_MS (INT64_C(86400) * 1000)
#define DEFAULT_SINCE_DAYS 30
#define DEFAULT_READY_DAYS 14

enum report_form { FORM_TEXT, FORM_JSON, FORM_CSV };

struct report_run {
	const char *config, *policy, *journal_path, *node, *html, *to, *from;
	int64_t since_ms, until_ms;
	char domain[256];
	const char *partner;		/* as it was given; NULL: not */
	bool mail, force;
	struct buffer called;		/* what the review knows that by */
	struct buffer meant;
	enum report_form form;
	struct report_view view;
	struct loaded loaded;
	struct tool_journal journal;
	struct review *report;
	struct diagnoses *diagnoses;
	struct buffer output;
};

/* ------------------------------------------------------------------ *
 * Reading
 * ------------------------------------------------------------------ */

/* What handshakes failed of, in words. */
static bool
read_diagnoses(struct report_run *run)
{
	struct diags *diags = diags_new();

	if (diags != NULL) {
		run->diagnoses = diagnoses_read(run->config, diags);
		diags_print(diags, false, stderr);
		diags_free(&diags);
	}
	return run->diagnoses != NULL;
}

static int
read_report(struct report_run *run)
{
	struct review_options options = {
		.since_ms = run->since_ms,
		.until_ms = run->until_ms,
		.domain = run->domain[0] == '\0' ? NULL : run->domain,
		.partner = run->partner,
		.policy = run->loaded.policy,
		.now_ms = run->view.now_ms, .ready_days = run->view.ready_days,
		.judged = settings_policy_options(run->loaded.settings, 0)
	};
	char error[REVIEW_ERROR_MAX];

	options.diagnoses = run->diagnoses;
	run->report = review_read(run->journal.db, run->journal.path, &options, error);
	if (run->report == NULL)
		return tool_trouble("%s", error);
	run->view.report = run->report;
	run->view.loaded = &run->loaded;
	run->view.watched = run->report->watched_ms != 0 || run->report->out.messages > 0;
	run->view.journal = run->journal.path;
	return STATUS_FINE;
}

/* Is an agreement called so: by its name, what it names, or its place? */
static bool
goes_by(const struct review_agreement *agreement, const char *text)
{
	struct buffer label = BUFFER_INIT, place = BUFFER_INIT;
	bool called;

	report_agreement_label(agreement, &label);
	if (agreement->place.file != NULL)
		buffer_format(&place, "%s:%u", agreement->place.file, agreement->place.line);
	called = (label.text != NULL && strcasecmp(label.text, text) == 0) ||
	    (agreement->who != NULL && strcasecmp(agreement->who, text) == 0) ||
	    (agreement->kind == RULE_DEFAULT && strcasecmp(text, "default") == 0) ||
	    (place.text != NULL && strcmp(place.text, text) == 0);
	buffer_free(&label);
	buffer_free(&place);
	return called;
}

/* The agreement under which mail of a domain comes in; NULL: none of its own. */
static const struct review_agreement *
domain_agreement(const struct report_run *run, const char *domain)
{
	struct policy_options options = settings_policy_options(run->loaded.settings,
	    run->view.now_ms / 1000);
	struct policy_standing standing;
	struct buffer sender = BUFFER_INIT;
	const struct review_agreement *found = NULL;

	buffer_format(&sender, "?@%s%s", domain[0] == '.' ? "?" : "", domain);
	if (!sender.failed && policy_standing(run->loaded.policy, sender.text, &options,
	    &standing) == 0 && standing.place.kind == RULE_FROM)
		for (size_t i = 0; i < run->report->agreement_count; i++) {
			const struct review_agreement *one = &run->report->agreements[i];

			if (standing.partner != NULL ? one->name != NULL &&
			    strcmp(one->name, standing.partner) == 0 :
			    one->kind == RULE_FROM && one->place.file != NULL &&
			    one->place.line == standing.place.line &&
			    strcmp(one->place.file, standing.place.file) == 0)
				found = one;
		}
	buffer_free(&sender);
	return found;
}

/* Says that there is no such agreement, and which was meant. */
static int
no_such_partner(struct report_run *run)
{
	const char *meant = NULL;
	struct buffer label = BUFFER_INIT, best = BUFFER_INIT, shown = BUFFER_INIT;

	(void)review_find_meant(run->journal.db, NAME_DOMAIN_OR_PARTNER, run->partner, &best);
	for (size_t i = 0; i < run->report->agreement_count; i++) {
		const struct review_agreement *one = &run->report->agreements[i];
		const char *candidates[3] = { best.length == 0 ? "" : best.text };

		buffer_clear(&label);
		report_agreement_label(one, &label);
		candidates[1] = label.failed ? "" : label.text;
		candidates[2] = one->who == NULL ? "" : one->who;
		meant = suggest_word(run->partner, strlen(run->partner), candidates, 3);
		if (meant != NULL && meant != candidates[0]) {
			buffer_clear(&best);
			buffer_string(&best, meant);
		} else if (best.length == 0 && strncasecmp(candidates[1], run->partner,
		    strlen(run->partner)) == 0)
			buffer_string(&best, candidates[1]);
	}
	if (best.length > 0)
		text_visible(&shown, best.text);
	if (shown.length > 0 && !shown.failed)
		(void)tool_trouble("there is no agreement with \"%s\": did you mean \"%s\"?",
		    run->partner, shown.text);
	else
		(void)tool_trouble("there is no agreement with \"%s\", and nothing of it is in "
		    "the journal", run->partner);
	buffer_free(&label);
	buffer_free(&best);
	buffer_free(&shown);
	return STATUS_TROUBLE;
}

/*
 * Finds what --partner names: an agreement, else a domain, which is --domain then. False
 * where there is neither.
 */
static bool
find_partner(struct report_run *run)
{
	const struct review_agreement *all = run->report->agreements, *found = NULL;

	for (size_t i = 0; i < run->report->agreement_count; i++)
		if (found == NULL && goes_by(&all[i], run->partner))
			found = &all[i];
	if (found == NULL) {
		if (!policy_domain(run->partner, run->domain, sizeof(run->domain)) ||
		    strchr(run->domain, '.') == NULL)
			return false;
		found = domain_agreement(run, run->domain);
	}
	if (found == NULL)
		return true;
	run->domain[0] = '\0';
	buffer_string(&run->called, found->name != NULL ? found->name :
	    found->who != NULL ? found->who : "default");
	return true;
}

/* Of a domain that has no mail: which was meant. */
static void
find_meant(struct report_run *run)
{
	if (run->report->in.messages == 0 && run->report->out.messages == 0 &&
	    review_find_meant(run->journal.db, NAME_DOMAIN, run->domain, &run->meant) ==
	    SQLITE_OK && run->meant.length > 0 &&
	    strcasecmp(run->meant.text, run->domain) != 0)
		run->view.meant = run->meant.text;
}

/* Once more where what --partner names is not what the review goes by. */
static int
read_partner(struct report_run *run)
{
	const char *asked = run->partner;
	int status;

	if (!find_partner(run))
		return no_such_partner(run);
	if (run->called.failed)
		return tool_no_memory();
	run->partner = run->domain[0] != '\0' ? NULL : run->called.text;
	if (run->partner == NULL || strcasecmp(run->partner, asked) != 0) {
		review_free(&run->report);
		status = read_report(run);
		if (status != STATUS_FINE)
			return status;
	}
	for (size_t i = 0; run->partner != NULL && i < run->report->agreement_count; i++)
		if (goes_by(&run->report->agreements[i], run->partner))
			run->view.only = &run->report->agreements[i];
	run->partner = asked;
	return STATUS_FINE;
}

static int
read_asked(struct report_run *run)
{
	int status = read_diagnoses(run) ? read_report(run) :
	    tool_no_memory();

	if (status == STATUS_FINE && run->partner != NULL)
		status = read_partner(run);
	if (status == STATUS_FINE && run->domain[0] != '\0')
		find_meant(run);
	return status;
}

/* ------------------------------------------------------------------ *
 * Writing
 * ------------------------------------------------------------------ */

/* The agreement to write about; of a domain without one that under which it came. */
static const struct review_agreement *
mail_agreement(const struct report_run *run)
{
	if (run->view.only != NULL)
		return run->view.only;
	for (size_t i = 0; i < run->report->agreement_count; i++)
		if (report_is_shown(&run->view, &run->report->agreements[i]))
			return &run->report->agreements[i];
	return NULL;
}

static int
write_mail(struct report_run *run)
{
	struct report_mail mail = {
		.view = &run->view, .loaded = &run->loaded, .to = run->to, .from = run->from,
		.force = run->force, .agreement = mail_agreement(run)
	};

	if (mail.agreement == NULL)
		return tool_trouble("%s has no rule, and nothing of it is in the journal",
		    run->partner);
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
		status = report_text_write(&run->view, &screen, &run->output);
	}
	if (status == STATUS_FINE && screen_write(&run->output) == SCREEN_FAILED)
		status = STATUS_TROUBLE;
	return status;
}

static int
report_on(struct report_run *run)
{
	int status = tool_load_usable(run->policy, run->config, &run->loaded);

	if (status == STATUS_FINE && !tool_open_journal(run->journal_path, run->node,
	    run->config, &run->journal))
		status = STATUS_TROUBLE;
	if (status == STATUS_FINE)
		status = read_asked(run);
	if (status == STATUS_FINE)
		status = write_report(run);
	buffer_free(&run->output);
	buffer_free(&run->called);
	buffer_free(&run->meant);
	review_free(&run->report);
	diagnoses_free(&run->diagnoses);
	tool_close_journal(&run->journal);
	tool_unload(&run->loaded);
	return status;
}

/* ------------------------------------------------------------------ *
 * The call
 * ------------------------------------------------------------------ */

static bool
take_days(const char *text, void *context)
{
	struct report_run *run = context;
	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && digits < 6 && text[digits] == '\0') {
		run->view.ready_days = atoi(text);
		return true;
	}
	(void)tool_trouble("\"%s\" is not a number of days", text);
	return false;
}

static int
check_call(const struct report_run *run)
{
	if (run->mail && run->partner == NULL)
		return tool_trouble("--mail needs --partner NAME");
	if (run->partner != NULL && run->domain[0] != '\0')
		return tool_trouble("--partner and --domain do not go together");
	if (!run->mail && (run->to != NULL || run->from != NULL || run->force))
		return tool_trouble("--to, --from and --force go with --mail");
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
		return tool_stray(command, argv[optind], "--domain");
	return check_call(&run) == STATUS_FINE ? report_on(&run) : STATUS_TROUBLE;
}

static const struct tool_option report_options[] = {
	OPTION("config", 'c', OPTION_TEXT, struct report_run, config),
	OPTION("policy", 0, OPTION_TEXT, struct report_run, policy),
	JOURNAL_OPTIONS(struct report_run, journal_path, node),
	OPTION("since", 0, OPTION_TIME, struct report_run, since_ms),
	OPTION("until", 0, OPTION_TIME, struct report_run, until_ms),
	OPTION("domain", 0, OPTION_DOMAIN, struct report_run, domain),
	OPTION("partner", 0, OPTION_TEXT, struct report_run, partner),
	OPTION_CALL("ready-days", 0, take_days),
	OPTION("to", 0, OPTION_TEXT, struct report_run, to),
	OPTION("from", 0, OPTION_TEXT, struct report_run, from),
	OPTION("html", 0, OPTION_TEXT, struct report_run, html),
	OPTION("mail", 0, OPTION_FLAG, struct report_run, mail),
	OPTION("force", 0, OPTION_FLAG, struct report_run, force),
	OPTION("all", 0, OPTION_FLAG, struct report_run, view.all),
	OPTION("verbose", 'v', OPTION_FLAG, struct report_run, view.verbose),
	OPTION_IN_UTC,
	OPTION_FORM("json", struct report_run, form, FORM_JSON),
	OPTION_FORM("csv", struct report_run, form, FORM_CSV),
	OPTION_END
};

const struct command command_report = {
	.name = "report",
	.run = run_report,
	.options = report_options,
	.arguments = "[OPTION...] [--json | --csv | --html FILE | --mail]",
	.about = "whose mail was refused, whose would be, and how mail goes out",
	.help =
	    "  --since TIME            90m, 24h, 30d, 2w ago, today, yesterday, a day or a\n"
	    "                          time (2026-01-31 12:00, or as RFC 3339 has it);\n"
	    "                          the default is 30d\n"
	    "  --until TIME            what was before then\n"
	    "  --partner NAME          one agreement in detail: a partner, a domain of it, a\n"
	    "                          rule by its place (FILE:LINE) or what it names\n"
	    "  --domain D              mail of one domain, and whether it comes and goes over\n"
	    "                          TLS; those below it: .D\n"
	    "  -v, --verbose           each agreement in detail, and domains without one\n"
	    "  --all                   all agreements and domains, whatever their number\n"
	    "  --ready-days N          monitored and ready: no would-be refusal for N\n"
	    "                          days (14)\n"
	    "  --utc                   times in UTC, not in the local time zone\n"
	    "  --json, --csv           for programs; CSV has a row an agreement\n"
	    "  --html FILE             one page, for browsers and printers; - is standard\n"
	    "                          output\n"
	    "  --mail                  a message to the partner's contact, for sendmail -t\n"
	    "  --to ADDRESS            to this address instead\n"
	    "  --force                 a message though nothing failed\n"
	    "  --from ADDRESS          with this From field; else sendmail adds its own\n"
	    JOURNAL_HELP
	    "  --policy FILE           the policy; else the one the settings name\n"
	    "  -c FILE, --config FILE  the settings; else the default settings file\n\n"
	    "What came in is counted by transaction, each attempt. What went out, and\n"
	    "handshakes that failed, are known where tlsward watch reads the log. The\n"
	    "policy is the one that is in the file now.\n",
	.examples =
	    "  tlsward report --since 7d\n"
	    "  tlsward report --partner Acme\n"
	    "  tlsward report --domain acme.example\n"
	    "  tlsward report --html report.html\n"
	    "  tlsward report --partner Acme --mail | sendmail -t\n",
};
