/*
 * replay_text.c - what tlsward replay found, for people.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/replay.h"

#include <inttypes.h>
#include <string.h>

#include "tool/screen.h"
#include "journal/journal.h"
#include "base/buffer.h"
#include "base/date.h"
#include "base/text.h"

/* So many domains and rules are shown, if not all. */
#define SHOWN_MAX 25

/* For "would now be". */
static const char *const participles[] = {
	[POLICY_ACCEPT] = "accepted", [POLICY_QUARANTINE] = "held",
	[POLICY_TEMPFAIL] = "put off (tempfail)", [POLICY_REJECT] = "rejected"
};

static void
add_minute(int64_t ms, const char *before, struct buffer *text)
{
	char time[DATE_MS_SIZE];

	date_write_ms(ms, time);
	buffer_format(text, "%s%.10s %.5s UTC", before, time, time + 11);
}

static const char *
plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

static void
add_domain_name(const char *name, struct buffer *text)
{
	if (name[0] == '\0')
		buffer_string(text, "(no domain)");
	else if (strcmp(name, "<>") == 0)
		buffer_string(text, "<> (bounces)");
	else
		text_visible(text, name);
}

/* " transactions of acme.example"; of all without the name. */
static void
add_transactions(const struct tally_row *row, int64_t count, struct buffer *text)
{
	buffer_format(text, "%s transaction%s", screen_digits(count).text, plural(count));
	if (row->name != NULL) {
		buffer_string(text, " of ");
		add_domain_name(row->name, text);
	}
}

/* "TLSv1.1 with AES128-SHA from mx2.acme.example [192.0.2.7], last 2026-11-20 10:00 UTC" */
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
	if (change->last_ms != 0)
		add_minute(change->last_ms, ", last ", text);
}

/* "12 of 4,310 transactions of acme.example would now be rejected (tls-version): ..." */
static void
add_change(const struct tally_row *row, const struct tally_change *change,
    struct buffer *text)
{
	buffer_format(text, "  %s of ", screen_digits(change->transactions).text);
	add_transactions(row, row->transactions, text);
	buffer_format(text, " would %sbe %s", change->monitored ? "" : "now ",
	    participles[change->to]);
	if (change->monitored)
		buffer_string(text, " if the rule were not under monitor");
	else if (change->from != POLICY_ACCEPT)
		buffer_format(text, ", not %s", participles[change->from]);
	if (change->reason != REASON_NONE)
		buffer_format(text, " (%s)", policy_reason_name(change->reason));
	if (row->name != NULL) {
		buffer_string(text, ": ");
		add_example(change, text);
	}
	buffer_string(text, "\n");
}

/* What changes for a domain, or for all. */
static void
add_changes(const struct tally_row *row, struct buffer *text)
{
	for (size_t i = 0; i < row->change_count; i++)
		add_change(row, &row->changes[i], text);
	if (row->uncertain == 0)
		return;
	buffer_string(text, "  ");
	add_transactions(row, row->uncertain, text);
	buffer_format(text, " %s uncertain: the policy asks for an address that was not "
	    "kept\n", row->uncertain == 1 ? "is" : "are");
}

static void
add_total(const struct replay_result *result, struct buffer *text)
{
	const struct tally_row *total = &result->tally->total;

	buffer_string(text, "Policy ");
	text_visible(text, result->policy);
	buffer_string(text, result->maillog != NULL ? ", held against a Postfix log" :
	    ", held against the journal");
	if (result->since_ms != INT64_MIN)
		add_minute(result->since_ms, " from ", text);
	if (result->until_ms != INT64_MAX)
		add_minute(result->until_ms, " to ", text);
	buffer_string(text, "\n\n");
	add_transactions(total, total->transactions, text);
	buffer_format(text, "; %s would be judged otherwise",
	    screen_digits(total->changed).text);
	if (total->would > 0)
		buffer_format(text, ", %s more if no rule were under monitor",
		    screen_digits(total->would).text);
	buffer_format(text, "\n  %s over TLS, %s in clear text, %s not known, %s of this "
	    "host itself\n", screen_digits(total->tls).text,
	    screen_digits(total->clear).text, screen_digits(total->unknown).text,
	    screen_digits(total->local).text);
	add_changes(total, text);
}

static void
add_rest(size_t left, const char *what, struct buffer *text)
{
	if (left > 0)
		buffer_format(text, "  ... and %zu more %s: --all shows them\n", left, what);
}

static void
add_domains(const struct replay_result *result, struct buffer *text)
{
	const struct tally_list *list = &result->tally->domains;
	size_t shown = 0, left = 0;

	buffer_string(text, "\nWhat would change, by sender domain\n");
	for (size_t i = 0; i < list->count; i++) {
		if (list->rows[i].change_count == 0 && list->rows[i].uncertain == 0)
			continue;
		if (shown == SHOWN_MAX && !result->all)
			left++;
		else {
			add_changes(&list->rows[i], text);
			shown++;
		}
	}
	if (shown == 0)
		buffer_string(text, "  nothing\n");
	add_rest(left, "domains", text);
}

/* A line of numbers, 12 columns wide and then 10 each. */
static void
add_numbers(const int64_t *numbers, size_t count, struct buffer *text)
{
	for (size_t i = 0; i < count; i++)
		buffer_format(text, i == 0 ? "%12" PRId64 : " %10" PRId64, numbers[i]);
	buffer_string(text, "  ");
}

/* How the domains' transactions came, or what each rule decided. */
static void
add_table(const struct replay_result *result, const struct tally_list *list,
    struct buffer *text)
{
	bool rules = list == &result->tally->rules;
	size_t shown = list->count < SHOWN_MAX || result->all ? list->count : SHOWN_MAX;

	for (size_t i = 0; i < shown; i++) {
		const struct tally_row *row = &list->rows[i];

		if (rules) {
			add_numbers((const int64_t[]){ row->transactions, row->changed,
			    row->would, row->uncertain }, 4, text);
			text_visible(text, row->place.file);
			buffer_format(text, ":%u %s ", row->place.line,
			    policy_rule_kind_name(row->place.kind));
			text_visible(text, row->place.name != NULL ? row->place.name : "");
		} else {
			add_numbers((const int64_t[]){ row->transactions, row->tls,
			    row->clear, row->unknown, row->changed, row->uncertain }, 6, text);
			add_domain_name(row->name, text);
		}
		buffer_string(text, "\n");
	}
	add_rest(list->count - shown, rules ? "rules" : "domains", text);
}

/* What the log could not tell. */
static void
add_maillog(const struct maillog_totals *totals, struct buffer *text)
{
	buffer_format(text, "\nThe log: %s lines of Postfix\n",
	    screen_digits(totals->lines).text);
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

void
replay_text_write(const struct replay_result *result, struct buffer *text)
{
	add_total(result, text);
	add_domains(result, text);
	buffer_format(text, "\n%12s %10s %10s %10s  %s\n", "transactions", "changed",
	    "monitored", "uncertain", "by rule");
	add_table(result, &result->tally->rules, text);
	buffer_format(text, "\n%12s %10s %10s %10s %10s %10s  %s\n", "transactions", "TLS",
	    "clear", "unknown", "changed", "uncertain", "sender domain");
	add_table(result, &result->tally->domains, text);
	if (result->maillog != NULL)
		add_maillog(result->maillog, text);
	buffer_string(text, "\nThese are transactions that were recorded: what the mail "
	    "server refused later for its\nown reasons is among them, and of other "
	    "sessions nothing is known.\n");
}
