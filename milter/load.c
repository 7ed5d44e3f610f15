/*
 * load.c - the policy that the settings name: loading it, and what is said of it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/tape.h"
#include "lint/lint.h"
#include "milter/counters.h"

#define DATES_TOLD 5	/* so many by name, in the one line of a start */
#define DAILY_WAIT_MAX_MS (60 * 60 * 1000)

/* Adds one line of all that lint_dates() has to say: the first few, and how many more. */
static void
load_tell_dates(const struct settings *settings, const struct policy *policy,
    int64_t now, struct diags *diags)
{
	struct diags *dates = diags_new();
	struct buffer text = BUFFER_INIT;
	const struct diag *each = NULL;
	size_t count = 0;

	if (dates == NULL)
		return;
	lint_dates(policy, now, dates);
	lint_allow(policy, dates, false);
	while (count < DATES_TOLD && (each = diags_at(dates, count)) != NULL) {
		buffer_format(&text, "%s%s", count++ > 0 ? "; " : "", each->file);
		if (each->line > 0)
			buffer_format(&text, ":%u", each->line);
		buffer_format(&text, ": %s", each->message);
	}
	if (diags_count(dates) > count)
		buffer_format(&text, "; and %zu more", diags_count(dates) - count);
	if (count > 0 && !text.failed)
		diags_add(diags, SEVERITY_WARNING, "dates", settings->policy, 0, 0, NULL, 0,
		    "dates and certificates to look at (tlsward check): %s", text.text);
	buffer_free(&text);
	diags_free(&dates);
}

/* What every load ends with. */
static struct policy *
load_finish(const struct settings *settings, const char *settings_path,
    enum policy_load_result result, struct policy *policy, struct diags *diags)
{
	if (result == POLICY_LOADED) {
		settings_check_policy(settings, settings_path, policy, diags);
		lint_allow(policy, diags, false);
	} else if (diags_errors(diags) == 0)
		diags_add(diags, SEVERITY_ERROR, NULL, settings->policy, 0, 0, NULL, 0,
		    "%s", result == POLICY_NO_MEMORY ?
		    "not enough memory to load the policy" :
		    "the policy cannot be used");
	if (diags_errors(diags) > 0)
		policy_free(&policy);
	return policy;
}

struct policy *
load_policy(const struct settings *settings, const char *settings_path,
    struct tape *tape, struct diags *diags)
{
	struct policy *policy = NULL;
	enum policy_load_result result = policy_load_taped(settings->policy,
	    settings->partner_certificates, tape, &policy, diags);

	if (result == POLICY_LOADED)
		load_tell_dates(settings, policy, log_time_ms() / 1000, diags);
	/* Else the next worker would have another policy, or none. */
	if (tape != NULL && tape_failed(tape))
		diags_add(diags, SEVERITY_ERROR, NULL, settings->policy, 0, 0, NULL, 0,
		    "the policy cannot be kept for the next worker: %s", strerror(errno));
	return load_finish(settings, settings_path, result, policy, diags);
}

struct policy *
load_checked(struct settings *settings, const char *settings_path,
    struct diags *diags)
{
	struct policy *policy = NULL;
	const struct lint_postfix postfix = { settings_ask_postfix, settings };
	enum policy_load_result result = lint_load(settings->policy,
	    settings->partner_certificates, log_time_ms() / 1000, &postfix, &policy, diags);

	return load_finish(settings, settings_path, result, policy, diags);
}

bool
load_timed(struct loaded *loaded, const struct settings *settings,
    const char *settings_path, int tape, struct diags *diags)
{
	int64_t began = histogram_clock();

	tape_free(&loaded->tape);
	loaded->tape = tape != -1 ? tape_play(tape) : tape_record();
	if (loaded->tape == NULL && diags != NULL)
		diags_add(diags, SEVERITY_ERROR, NULL, settings->policy, 0, 0, NULL, 0,
		    "the policy cannot be kept in memory: %s", strerror(errno));
	if (loaded->tape != NULL && diags != NULL)
		loaded->policy = load_policy(settings, settings_path, loaded->tape, diags);
	if (loaded->policy != NULL)
		policy_summarize(loaded->policy, &loaded->summary);
	else
		tape_free(&loaded->tape);
	loaded->at_ms = log_time_ms();
	loaded->took_ns = histogram_clock() - began;
	return loaded->policy != NULL;
}

void
load_release(struct loaded *loaded)
{
	policy_free(&loaded->policy);
	tape_free(&loaded->tape);
}

static void
log_diag(const struct diag *diag, void *log)
{
	char place[32] = "", kind[48] = "";

	if (diag->line > 0)
		(void)snprintf(place, sizeof(place), ":%u:%u", diag->line, diag->column);
	if (diag->id != NULL)
		(void)snprintf(kind, sizeof(kind), " [%s]", diag->id);
	if (diag->file == NULL)
		log_message(log, diag->severity, "%s", diag->message);
	else
		log_message(log, diag->severity, "%s%s: %s: %s%s", diag->file, place,
		    severity_name(diag->severity), diag->message, kind);
}

void
load_log_diags(struct log *log, const struct diags *diags)
{
	diags_show(diags, false, log_diag, log);
}

void
load_log_policy(struct log *log, const char *what, const struct settings *settings,
    const struct policy_summary *summary)
{
	char out[64] = "";

	if (summary->deliver_rules > 0)
		(void)snprintf(out, sizeof(out), " (%zu on mail that goes out)",
		    summary->deliver_rules);
	log_message(log, SEVERITY_INFO, "%s: %zu rules%s, %zu listed, %s", what,
	    summary->rules, out, summary->listed, settings->policy);
	if (summary->rules == 0)
		log_message(log, SEVERITY_ERROR, "the policy has no rules: all mail is accepted,"
		    " in clear text too; see %s", settings->policy);
	else if (!summary->has_default)
		log_message(log, SEVERITY_WARNING, "the policy has no default block:"
		    " senders without a rule are accepted, in clear text too");
}

bool
daily_due(struct daily *daily, int64_t now_ms)
{
	bool due = now_ms - daily->last >= DAILY_MS;

	if (due || now_ms < daily->last)
		daily->last = now_ms;
	return due;
}

int
daily_wait(const struct daily *daily, int64_t now_ms)
{
	int64_t left = daily->last + DAILY_MS - now_ms;

	return left > DAILY_WAIT_MAX_MS ? DAILY_WAIT_MAX_MS : left < 0 ? 0 : (int)left;
}

void
daily_report(struct log *log, const struct policy *policy, int64_t now_ms)
{
	struct diags *diags = diags_new();

	if (diags == NULL) {
		log_message(log, SEVERITY_ERROR,
		    "not enough memory to look through certificates and dates");
		return;
	}
	lint_dates(policy, now_ms / 1000, diags);
	lint_allow(policy, diags, false);
	load_log_diags(log, diags);
	diags_free(&diags);
}
