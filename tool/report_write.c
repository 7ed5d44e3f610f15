/*
 * report_write.c - a report as JSON and as CSV.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "tool/report.h"
#include "journal/record.h"
#include "journal/row_write.h"
#include "base/buffer.h"

/* An object or array that is being written. */
struct json {
	struct buffer *text;
	bool more;		/* a comma is due */
};

static void
separate(struct json *json)
{
	if (json->more)
		buffer_add(json->text, ",", 1);
	json->more = true;
}

static void
open_in(struct json *json, const char *name, const char *bracket)
{
	separate(json);
	if (name != NULL)
		buffer_format(json->text, "\"%s\":", name);
	buffer_string(json->text, bracket);
	json->more = false;
}

static void
close_in(struct json *json, const char *bracket)
{
	buffer_string(json->text, bracket);
	json->more = true;
}

static void
put_number(struct json *json, const char *name, int64_t number)
{
	separate(json);
	buffer_format(json->text, "\"%s\":%lld", name, (long long)number);
}

static void
put_flag(struct json *json, const char *name, bool flag)
{
	separate(json);
	buffer_format(json->text, "\"%s\":%s", name, flag ? "true" : "false");
}

/* What is unknown is left out. */
static void
put_text(struct json *json, const char *name, const char *text)
{
	if (text == NULL)
		return;
	separate(json);
	buffer_format(json->text, "\"%s\":", name);
	row_write_json_string(text, json->text);
}

static void
put_time(struct json *json, const char *name, int64_t time_ms)
{
	char text[RECORD_TIME_SIZE];

	if (time_ms == 0)
		return;
	record_time(time_ms, text);
	put_text(json, name, text);
}

static void
put_protocols(struct json *json, const int64_t *protocols)
{
	open_in(json, "protocols", "{");
	for (int i = 0; i < PROTOCOL_COUNT; i++)
		if (protocols[i] > 0)
			put_number(json, policy_protocol_name((enum policy_protocol)i),
			    protocols[i]);
	close_in(json, "}");
}

static void
put_reasons(struct json *json, const char *name, const int64_t *reasons)
{
	open_in(json, name, "{");
	for (int i = 0; i < REASON_COUNT; i++)
		if (reasons[i] > 0)
			put_number(json, i == REASON_NONE ? "other" :
			    policy_reason_name((enum policy_reason)i), reasons[i]);
	close_in(json, "}");
}

static void
put_counts(struct json *json, const struct review_counts *counts)
{
	put_number(json, "transactions", counts->transactions);
	put_number(json, "encrypted", counts->encrypted);
	put_protocols(json, counts->protocol);
	put_number(json, "accepted", counts->accepted);
	put_number(json, "exempted", counts->exempted);
	put_number(json, "held", counts->held);
	put_number(json, "rejected", counts->rejected);
	put_number(json, "tempfailed", counts->tempfailed);
	put_number(json, "would", counts->would);
}

static void
put_session(struct json *json, const char *name, const struct review_session *session)
{
	if (session->time_ms == 0)
		return;
	open_in(json, name, "{");
	put_time(json, "time", session->time_ms);
	put_text(json, "protocol", policy_protocol_name(session->protocol));
	put_text(json, "tls_version", session->tls_version);
	put_text(json, "cipher", session->cipher);
	if (session->bits >= 0)
		put_number(json, "bits", session->bits);
	put_text(json, "host", session->host);
	put_text(json, "client_addr", session->client_addr);
	put_text(json, "helo", session->helo);
	put_text(json, "action", session->reason == NULL ? NULL :
	    policy_action_name(session->action));
	put_text(json, "reason", session->reason);
	put_text(json, "rule", session->rule);
	put_text(json, "reply", session->reply);
	close_in(json, "}");
}

static void
put_certificates(struct json *json, const struct review_domain *domain)
{
	open_in(json, "certificates", "[");
	for (size_t i = 0; i < domain->certificate_count; i++) {
		const struct review_certificate *certificate = &domain->certificates[i];

		open_in(json, NULL, "{");
		put_text(json, "cert_cn", certificate->cn);
		put_text(json, "cert_issuer", certificate->issuer);
		put_text(json, "cert_fingerprint", certificate->fingerprint);
		put_text(json, "cert_pubkey_fingerprint", certificate->pubkey_fingerprint);
		put_text(json, "cert_key", certificate->key);
		put_text(json, "cert_signature", certificate->signature);
		put_text(json, "cert_not_after", certificate->not_after);
		put_flag(json, "verified", certificate->verified);
		put_number(json, "transactions", certificate->transactions);
		put_time(json, "last", certificate->last_ms);
		close_in(json, "}");
	}
	close_in(json, "]");
	put_number(json, "other_certificates", domain->other_certificates);
}

static void
put_ciphers(struct json *json, const struct review_domain *domain)
{
	open_in(json, "ciphers", "[");
	for (size_t i = 0; i < domain->cipher_count; i++) {
		open_in(json, NULL, "{");
		put_text(json, "cipher", domain->ciphers[i].name);
		put_number(json, "transactions", domain->ciphers[i].transactions);
		close_in(json, "}");
	}
	close_in(json, "]");
	put_number(json, "other_ciphers", domain->other_ciphers);
}

static void
put_standing(struct json *json, const struct report_partner *partner)
{
	const struct policy_standing *standing = &partner->standing;
	char rule[1024];

	put_text(json, "policy", report_standing_name(standing));
	if (standing->limited)
		put_time(json, "until", standing->until * 1000);
	if (standing->place.file != NULL) {
		(void)snprintf(rule, sizeof rule, "%s:%u", standing->place.file,
		    standing->place.line);
		put_text(json, "rule", rule);
		put_text(json, "rule_kind", policy_rule_kind_name(standing->place.kind));
		put_text(json, "rule_name", standing->place.name);
	}
	put_text(json, "exempt", standing->exempt_reason);
	put_text(json, "contact", standing->contact);
	put_text(json, "note", standing->note);
	if (standing->state == STATE_MONITORED)
		put_flag(json, "ready", partner->ready);
	put_time(json, "last_would_refusal", partner->last_would_ms);
}

static void
put_downgrade(struct json *json, const struct review_downgrade *downgrade)
{
	if (downgrade->transactions == 0)
		return;
	open_in(json, "downgrade", "{");
	put_number(json, "transactions", downgrade->transactions);
	put_flag(json, "same_network", downgrade->same_network);
	put_text(json, "network", downgrade->network);
	put_time(json, "last", downgrade->last_ms);
	put_time(json, "tls", downgrade->tls_ms);
	close_in(json, "}");
}

static void
put_partner(struct json *json, const struct report_partner *partner)
{
	const struct review_domain *seen = partner->seen;

	open_in(json, NULL, "{");
	put_text(json, "domain", seen->name);
	put_text(json, "state", report_state_name(partner->state));
	put_standing(json, partner);
	put_counts(json, &seen->counts);
	put_reasons(json, "refused", seen->refused);
	put_reasons(json, "would_reasons", seen->would);
	put_time(json, "first", seen->first_ms);
	put_time(json, "last", seen->last_ms);
	put_ciphers(json, seen);
	put_certificates(json, seen);
	put_session(json, "weakest", &seen->weakest);
	put_session(json, "last_refused", &seen->last_refused);
	put_session(json, "last_would", &seen->last_would);
	put_downgrade(json, &seen->downgrade);
	put_flag(json, "candidate", partner->candidate);
	close_in(json, "}");
}

static void
put_series(struct json *json, const struct review *report)
{
	open_in(json, "series", "[");
	for (size_t i = 0; i < report->bucket_count; i++) {
		const struct review_bucket *bucket = &report->buckets[i];

		open_in(json, NULL, "{");
		put_time(json, "start", bucket->start_ms);
		put_protocols(json, bucket->protocol);
		put_number(json, "refused", bucket->refused);
		close_in(json, "}");
	}
	close_in(json, "]");
}

static void
put_discarded(struct json *json, const struct review *report)
{
	open_in(json, "discarded", "[");
	for (size_t i = 0; i < report->discarded_count; i++) {
		const struct review_discarded *row = &report->discarded[i];

		open_in(json, NULL, "{");
		put_text(json, "why", row->why);
		put_number(json, "records", row->records);
		put_number(json, "messages", row->messages);
		put_time(json, "last", row->last_ms);
		close_in(json, "}");
	}
	close_in(json, "]");
}

void
report_json_write(const struct report_view *view, struct buffer *text)
{
	const struct review *report = view->report;
	struct json json = { text, false };

	open_in(&json, NULL, "{");
	put_time(&json, "since", report->since_ms);
	put_time(&json, "until", report->until_ms);
	put_time(&json, "oldest", report->oldest_ms);
	put_time(&json, "newest", report->newest_ms);
	put_text(&json, "filter", report->domain);
	put_number(&json, "ready_days", view->ready_days);
	open_in(&json, "totals", "{");
	put_counts(&json, &report->totals);
	put_reasons(&json, "refused", report->refused);
	put_reasons(&json, "would_reasons", report->would);
	close_in(&json, "}");
	put_number(&json, "series_seconds", report->bucket_ms / 1000);
	put_series(&json, report);
	open_in(&json, "domains", "[");
	for (size_t i = 0; i < view->partner_count; i++)
		if (report_is_listed(&view->partners[i]))
			put_partner(&json, &view->partners[i]);
	close_in(&json, "]");
	put_number(&json, "others", report->others);
	put_discarded(&json, report);
	close_in(&json, "}");
	buffer_add(text, "\n", 1);
}

/* ------------------------------------------------------------------ *
 * CSV
 * ------------------------------------------------------------------ */

static const char csv_names[] =
    "domain,state,policy,until,rule,contact,ready,transactions,encrypted,clear_text,"
    "accepted,exempted,held,rejected,tempfailed,would,first,last,weakest,weakest_cipher,"
    "weakest_time,weakest_host,last_refused,last_refused_reason,last_refused_host,"
    "last_would,last_would_reason,last_would_host,downgrade,downgrade_same_network,"
    "certificate,certificate_not_after,candidate\r\n";

static void
csv_text(struct buffer *line, const char *text)
{
	buffer_add(line, ",", 1);
	row_write_csv_value(text, line);
}

static void
csv_number(struct buffer *line, int64_t number)
{
	buffer_format(line, ",%lld", (long long)number);
}

static void
csv_time(struct buffer *line, int64_t time_ms)
{
	char text[RECORD_TIME_SIZE];

	if (time_ms != 0)
		record_time(time_ms, text);
	csv_text(line, time_ms == 0 ? NULL : text);
}

static void
csv_policy(struct buffer *line, const struct report_partner *partner)
{
	const struct policy_standing *standing = &partner->standing;
	char rule[1024] = "";

	if (standing->place.file != NULL)
		(void)snprintf(rule, sizeof rule, "%s:%u", standing->place.file,
		    standing->place.line);
	csv_text(line, report_state_name(partner->state));
	csv_text(line, report_standing_name(standing));
	csv_time(line, standing->limited ? standing->until * 1000 : 0);
	csv_text(line, rule);
	csv_text(line, standing->contact);
	csv_text(line, standing->state != STATE_MONITORED ? NULL :
	    partner->ready ? "yes" : "no");
}

static void
csv_counts(struct buffer *line, const struct review_domain *seen)
{
	const struct review_counts *counts = &seen->counts;

	csv_number(line, counts->transactions);
	csv_number(line, counts->encrypted);
	csv_number(line, counts->protocol[PROTOCOL_CLEAR]);
	csv_number(line, counts->accepted);
	csv_number(line, counts->exempted);
	csv_number(line, counts->held);
	csv_number(line, counts->rejected);
	csv_number(line, counts->tempfailed);
	csv_number(line, counts->would);
	csv_time(line, seen->first_ms);
	csv_time(line, seen->last_ms);
}

static void
csv_partner(struct buffer *line, const struct report_partner *partner)
{
	const struct review_domain *seen = partner->seen;
	const struct review_certificate *certificate = seen->certificate_count == 0 ?
	    NULL : &seen->certificates[0];

	row_write_csv_value(seen->name, line);
	csv_policy(line, partner);
	csv_counts(line, seen);
	csv_text(line, seen->weakest.time_ms == 0 ? NULL :
	    policy_protocol_name(seen->weakest.protocol));
	csv_text(line, seen->weakest.cipher);
	csv_time(line, seen->weakest.time_ms);
	csv_text(line, seen->weakest.host);
	csv_time(line, seen->last_refused.time_ms);
	csv_text(line, seen->last_refused.reason);
	csv_text(line, seen->last_refused.host);
	csv_time(line, seen->last_would.time_ms);
	csv_text(line, seen->last_would.reason);
	csv_text(line, seen->last_would.host);
	csv_number(line, seen->downgrade.transactions);
	csv_text(line, seen->downgrade.transactions == 0 ? NULL :
	    seen->downgrade.same_network ? "yes" : "no");
	csv_text(line, certificate == NULL ? NULL : certificate->cn);
	csv_text(line, certificate == NULL ? NULL : certificate->not_after);
	csv_text(line, partner->candidate ? "yes" : "no");
	buffer_string(line, "\r\n");
}

void
report_csv_write(const struct report_view *view, struct buffer *text)
{
	buffer_string(text, csv_names);
	for (size_t i = 0; i < view->partner_count; i++)
		if (report_is_listed(&view->partners[i]))
			csv_partner(text, &view->partners[i]);
}
