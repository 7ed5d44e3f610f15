/*
 * replay_text.c - what tlsward replay found, for people.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool/screen.h"
#include "journal/journal.h"
#include "base/buffer.h"
#include "base/text.h"

/* So many domains and rules are shown, if not all. */
#define SHOWN_MAX 25

/* "reject" as "rejected", for "would now be". */
static const char *
participle(enum policy_action action)
{
	switch (action) {
	case POLICY_ACCEPT:
		return "accepted";
	case POLICY_QUARANTINE:
		return "held";
	case POLICY_TEMPFAIL:
		return "put off (tempfail)";
	case POLICY_REJECT:
		return "rejected";
	}
	return "unknown";
}

static void
add_day(int64_t ms, struct buffer *text)
{
	char time[JOURNAL_TIME_SIZE];

	journal_time(ms, time);
	buffer_add(text, time, 16);
	text->text[text->length - 6] = ' ';
	buffer_string(text, " UTC");
}

static const char *
plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

static void
add_name(const char *name, struct buffer *text)
{
	if (name[0] == '\0')
		buffer_string(text, "(no domain)");
	else if (strcmp(name, "<>") == 0)
		buffer_string(text, "<> (bounces)");
	else
		text_visible(text, name);
}

/* "TLSv1.1, AES128-SHA from mx2.acme.example [192.0.2.7], last 2026-11-20 10:00 UTC" */
static void
add_example(const struct tally_change *change, struct buffer *text)
{
	if (change->tls_version == NULL)
		buffer_string(text, change->cipher != NULL ? "TLS" : "unknown protocol");
	else if (strcmp(change->tls_version, "none") == 0)
		buffer_string(text, "clear text");
	else
		text_visible(text, change->tls_version);
	if (change->cipher != NULL) {
		buffer_string(text, " with ");
		text_visible(text, change->cipher);
	}
	buffer_string(text, " from ");
	text_visible(text, change->client);
	if (change->last_ms != 0) {
		buffer_string(text, ", last ");
		add_day(change->last_ms, text);
	}
}

/* "12 of 4,310 transactions of acme.example would now be rejected (tls-version): ..." */
static void
add_change(const struct tally_domain *domain, const struct tally_change *change,
    bool total, struct buffer *text)
{
	buffer_string(text, "  ");
	screen_number(text, change->transactions);
	buffer_string(text, " of ");
	screen_number(text, domain->transactions);
	buffer_format(text, " transaction%s", plural(domain->transactions));
	if (!total) {
		buffer_string(text, " of ");
		add_name(domain->name, text);
	}
	buffer_format(text, " would %sbe %s", change->monitored ? "" : "now ",
	    participle(change->to));
	if (change->monitored)
		buffer_string(text, " if the rule were not under monitor");
	else if (change->from != POLICY_ACCEPT)
		buffer_format(text, ", not %s", participle(change->from));
	if (change->reason != REASON_NONE)
		buffer_format(text, " (%s)", policy_reason_name(change->reason));
	if (!total) {
		buffer_string(text, ": ");
		add_example(change, text);
	}
	buffer_string(text, "\n");
}

static void
add_uncertain(const struct tally_domain *domain, bool total, struct buffer *text)
{
	if (domain->uncertain == 0)
		return;
	buffer_string(text, "  ");
	screen_number(text, domain->uncertain);
	buffer_format(text, " transaction%s", plural(domain->uncertain));
	if (!total) {
		buffer_string(text, " of ");
		add_name(domain->name, text);
	}
	buffer_format(text, " %s uncertain: the policy asks for an address that was not "
	    "kept\n", domain->uncertain == 1 ? "is" : "are");
}

static void
add_protocols(const struct tally_domain *domain, struct buffer *text)
{
	static const char *const names[] = {
		" over TLS, ", " in clear text, ", " not known, ", " of this host itself"
	};
	const int64_t counts[] = {
		domain->tls, domain->clear, domain->unknown, domain->local
	};

	buffer_string(text, "  ");
	for (size_t i = 0; i < 4; i++) {
		screen_number(text, counts[i]);
		buffer_string(text, names[i]);
	}
	buffer_string(text, "\n");
}

static void
add_total(const struct replay_result *result, struct buffer *text)
{
	const struct tally_domain *total = &result->tally->total;

	buffer_string(text, "Policy ");
	text_visible(text, result->policy);
	buffer_string(text, result->maillog != NULL ? ", held against a Postfix log" :
	    ", held against the journal");
	if (result->since_ms != INT64_MIN) {
		buffer_string(text, " from ");
		add_day(result->since_ms, text);
	}
	if (result->until_ms != INT64_MAX) {
		buffer_string(text, " to ");
		add_day(result->until_ms, text);
	}
	buffer_string(text, "\n\n");
	screen_number(text, total->transactions);
	buffer_format(text, " transaction%s; ", plural(total->transactions));
	screen_number(text, total->changed);
	buffer_string(text, " would be judged otherwise");
	if (total->would > 0) {
		buffer_string(text, ", ");
		screen_number(text, total->would);
		buffer_string(text, " more if no rule were under monitor");
	}
	buffer_string(text, "\n");
	add_protocols(total, text);
	for (size_t i = 0; i < total->change_count; i++)
		add_change(total, &total->changes[i], true, text);
	add_uncertain(total, true, text);
}

static bool
is_changed(const struct tally_domain *domain)
{
	return domain->change_count > 0 || domain->uncertain > 0;
}

static void
add_rest(size_t left, const char *what, struct buffer *text)
{
	if (left > 0)
		buffer_format(text, "  ... and %zu more %s: --all shows them\n", left, what);
}

static bool
add_domains(const struct replay_result *result, struct buffer *text)
{
	const struct tally_domain **sorted = tally_sorted(result->tally);
	size_t shown = 0, left = 0;

	if (sorted == NULL)
		return false;
	buffer_string(text, "\nWhat would change, by sender domain\n");
	for (size_t i = 0; sorted[i] != NULL; i++) {
		if (!is_changed(sorted[i]))
			continue;
		if (shown == SHOWN_MAX && !result->all) {
			left++;
			continue;
		}
		shown++;
		for (size_t j = 0; j < sorted[i]->change_count; j++)
			add_change(sorted[i], &sorted[i]->changes[j], false, text);
		add_uncertain(sorted[i], false, text);
	}
	if (shown == 0)
		buffer_string(text, "  nothing\n");
	add_rest(left, "domains", text);
	free(sorted);
	return true;
}

/* A table: so many transactions of each domain came over TLS. */
static bool
add_table(const struct replay_result *result, struct buffer *text)
{
	const struct tally_domain **sorted = tally_sorted(result->tally);
	size_t count = result->tally->names.count, i;

	if (sorted == NULL)
		return false;
	buffer_format(text, "\n%12s %10s %10s %10s %10s %10s  %s\n", "transactions", "TLS",
	    "clear", "unknown", "changed", "uncertain", "sender domain");
	for (i = 0; sorted[i] != NULL && (i < SHOWN_MAX || result->all); i++) {
		const struct tally_domain *domain = sorted[i];

		buffer_format(text, "%12" PRId64 " %10" PRId64 " %10" PRId64 " %10" PRId64
		    " %10" PRId64 " %10" PRId64 "  ", domain->transactions, domain->tls,
		    domain->clear, domain->unknown, domain->changed, domain->uncertain);
		add_name(domain->name, text);
		buffer_string(text, "\n");
	}
	add_rest(count - i, "domains", text);
	free(sorted);
	return true;
}

static bool
add_rules(const struct replay_result *result, struct buffer *text)
{
	const struct tally_rule **sorted = tally_sorted_rules(result->tally);
	size_t count = result->tally->places.count, i;

	if (sorted == NULL)
		return false;
	buffer_format(text, "\n%12s %10s %10s %10s  %s\n", "transactions", "changed",
	    "monitored", "uncertain", "by rule");
	for (i = 0; sorted[i] != NULL && (i < SHOWN_MAX || result->all); i++) {
		const struct tally_rule *rule = sorted[i];

		buffer_format(text, "%12" PRId64 " %10" PRId64 " %10" PRId64 " %10" PRId64
		    "  ", rule->transactions, rule->changed, rule->would,
		    rule->uncertain);
		text_visible(text, rule->place.file);
		buffer_format(text, ":%u %s ", rule->place.line,
		    policy_rule_kind_name(rule->place.kind));
		text_visible(text, rule->place.name != NULL ? rule->place.name : "");
		buffer_string(text, "\n");
	}
	add_rest(count - i, "rules", text);
	free(sorted);
	return true;
}

/* What the log could not tell. */
static void
add_maillog(const struct maillog_totals *totals, struct buffer *text)
{
	buffer_string(text, "\nThe log: ");
	screen_number(text, totals->lines);
	buffer_string(text, " lines of Postfix\n");
	if (totals->refused > 0)
		buffer_format(text, "  %" PRId64 " refusals by Postfix itself are not among "
		    "these transactions\n", totals->refused);
	if (totals->reinjected > 0)
		buffer_format(text, "  %" PRId64 " messages that a content filter gave back "
		    "are not counted again\n", totals->reinjected);
	if (totals->without_client > 0)
		buffer_format(text, "  %" PRId64 " lines of messages of which the log does "
		    "not tell how they came (bounces made here, older mail)\n",
		    totals->without_client);
	if (totals->unfinished > 0)
		buffer_format(text, "  %" PRId64 " messages began whose sender is not "
		    "logged\n", totals->unfinished);
	if (totals->tls_lines == 0)
		buffer_string(text, "  It tells of no TLS at all: is smtpd_tls_loglevel 0 in "
		    "main.cf? Set it to 1.\n");
	else if (totals->certificates == 0)
		buffer_string(text, "  No session presented a certificate: where "
		    "smtpd_tls_ask_ccert is off, none is asked for.\n");
}

bool
replay_write_text(const struct replay_result *result, FILE *out)
{
	struct buffer text = BUFFER_INIT;
	bool written;

	add_total(result, &text);
	written = add_domains(result, &text) && add_rules(result, &text) &&
	    add_table(result, &text);
	if (result->maillog != NULL)
		add_maillog(result->maillog, &text);
	buffer_string(&text, "\nThese are transactions that were recorded: what the mail "
	    "server refused later for its\nown reasons is among them, and of other "
	    "sessions nothing is known.\n");
	written = written && !text.failed;
	if (written)
		(void)fwrite(text.text, 1, text.length, out);
	buffer_free(&text);
	return written;
}
