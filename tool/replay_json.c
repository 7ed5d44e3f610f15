/*
 * replay_json.c - what tlsward replay found, as one JSON object.
 *
 * The names of the members are documented in tlsward(1); what is unknown or does not
 * apply is left out.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/replay.h"

#include <inttypes.h>
#include <stdlib.h>

#include "journal/record.h"
#include "base/buffer.h"
#include "base/text.h"

/* Each begins with what has to stand before the value: a comma, a name. */

static void
add_text(const char *before, const char *value, struct buffer *text)
{
	if (value == NULL)
		return;
	buffer_string(text, before);
	text_json(text, value);
}

static void
add_count(const char *before, int64_t count, struct buffer *text)
{
	buffer_format(text, "%s%" PRId64, before, count);
}

static void
add_time(const char *before, int64_t ms, struct buffer *text)
{
	char time[RECORD_TIME_SIZE];

	record_time(ms, time);
	add_text(before, time, text);
}

static void
add_change(const struct tally_change *change, struct buffer *text)
{
	add_text("{\"from\":", policy_action_name(change->from), text);
	add_text(",\"to\":", policy_action_name(change->to), text);
	buffer_format(text, ",\"monitored\":%s", change->monitored ? "true" : "false");
	if (change->reason != REASON_NONE)
		add_text(",\"reason\":", policy_reason_name(change->reason), text);
	add_count(",\"transactions\":", change->transactions, text);
	add_text(",\"tls_version\":", change->tls_version, text);
	add_text(",\"cipher\":", change->cipher, text);
	add_text(",\"client\":", change->client, text);
	if (change->last_ms != 0)
		add_time(",\"last\":", change->last_ms, text);
	buffer_string(text, "}");
}

static void
add_counts(const struct tally_domain *domain, struct buffer *text)
{
	add_count("\"transactions\":", domain->transactions, text);
	add_count(",\"tls\":", domain->tls, text);
	add_count(",\"clear\":", domain->clear, text);
	add_count(",\"unknown\":", domain->unknown, text);
	add_count(",\"local\":", domain->local, text);
	add_count(",\"changed\":", domain->changed, text);
	add_count(",\"would\":", domain->would, text);
	add_count(",\"uncertain\":", domain->uncertain, text);
	buffer_string(text, ",\"changes\":[");
	for (size_t i = 0; i < domain->change_count; i++) {
		buffer_string(text, i > 0 ? "," : "");
		add_change(&domain->changes[i], text);
	}
	buffer_string(text, "]");
}

static bool
add_domains(const struct tally *tally, struct buffer *text)
{
	const struct tally_domain **sorted = tally_sorted(tally);

	if (sorted == NULL)
		return false;
	buffer_string(text, ",\"domains\":[");
	for (size_t i = 0; sorted[i] != NULL; i++) {
		add_text(i > 0 ? ",{\"domain\":" : "{\"domain\":", sorted[i]->name, text);
		buffer_string(text, ",");
		add_counts(sorted[i], text);
		buffer_string(text, "}");
	}
	buffer_string(text, "]");
	free(sorted);
	return true;
}

static void
add_rule(const struct tally_rule *rule, struct buffer *text)
{
	struct buffer place = BUFFER_INIT;

	buffer_format(&place, "%s:%u", rule->place.file, rule->place.line);
	add_text("{\"rule\":", place.text, text);
	text->failed |= place.failed;
	buffer_free(&place);
	add_text(",\"rule_kind\":", policy_rule_kind_name(rule->place.kind), text);
	add_text(",\"rule_name\":", rule->place.name, text);
	add_count(",\"transactions\":", rule->transactions, text);
	add_count(",\"changed\":", rule->changed, text);
	add_count(",\"would\":", rule->would, text);
	add_count(",\"uncertain\":", rule->uncertain, text);
	buffer_string(text, "}");
}

static bool
add_rules(const struct tally *tally, struct buffer *text)
{
	const struct tally_rule **sorted = tally_sorted_rules(tally);

	if (sorted == NULL)
		return false;
	buffer_string(text, ",\"rules\":[");
	for (size_t i = 0; sorted[i] != NULL; i++) {
		buffer_string(text, i > 0 ? "," : "");
		add_rule(sorted[i], text);
	}
	buffer_string(text, "]");
	free(sorted);
	return true;
}

static void
add_maillog(const struct maillog_totals *totals, struct buffer *text)
{
	add_count(",\"maillog\":{\"lines\":", totals->lines, text);
	add_count(",\"other_lines\":", totals->other_lines, text);
	add_count(",\"refused\":", totals->refused, text);
	add_count(",\"unfinished\":", totals->unfinished, text);
	add_count(",\"reinjected\":", totals->reinjected, text);
	add_count(",\"without_client\":", totals->without_client, text);
	add_count(",\"tls_lines\":", totals->tls_lines, text);
	add_count(",\"certificates\":", totals->certificates, text);
	buffer_string(text, "}");
}

bool
replay_write_json(const struct replay_result *result, FILE *out)
{
	struct buffer text = BUFFER_INIT;
	bool written;

	add_text("{\"policy\":", result->policy, &text);
	if (result->since_ms != INT64_MIN)
		add_time(",\"since\":", result->since_ms, &text);
	if (result->until_ms != INT64_MAX)
		add_time(",\"until\":", result->until_ms, &text);
	buffer_string(&text, ",");
	add_counts(&result->tally->total, &text);
	written = add_domains(result->tally, &text) && add_rules(result->tally, &text);
	if (result->maillog != NULL)
		add_maillog(result->maillog, &text);
	buffer_string(&text, "}\n");
	written = written && !text.failed;
	if (written)
		(void)fwrite(text.text, 1, text.length, out);
	buffer_free(&text);
	return written;
}
