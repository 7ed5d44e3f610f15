/*
 * report_json.c - a report as JSON.
 *
 * The names of the members are documented in tlsward(1); what is unknown or does not
 * apply is left out.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

static void
put_protocols(struct tree *tree, const int64_t *protocols)
{
	tree_open_object(tree, "protocols");
	for (int i = 0; i < PROTOCOL_COUNT; i++)
		if (protocols[i] > 0)
			tree_number(tree, policy_protocol_name((enum policy_protocol)i),
			    protocols[i]);
	tree_close(tree);
}

static void
put_reasons(struct tree *tree, const char *name, const int64_t *reasons)
{
	tree_open_object(tree, name);
	for (int i = 0; i < REASON_COUNT; i++)
		if (reasons[i] > 0)
			tree_number(tree, report_reason_name(i), reasons[i]);
	tree_close(tree);
}

static void
put_counts(struct tree *tree, const struct review_counts *counts)
{
	tree_number(tree, "transactions", counts->transactions);
	tree_number(tree, "encrypted", counts->encrypted);
	put_protocols(tree, counts->protocol);
	tree_number(tree, "accepted", counts->accepted);
	tree_number(tree, "exempted", counts->exempted);
	tree_number(tree, "held", counts->held);
	tree_number(tree, "rejected", counts->rejected);
	tree_number(tree, "tempfailed", counts->tempfailed);
	tree_number(tree, "would", counts->would);
}

static void
put_one_session(struct tree *tree, const char *name, const struct review_session *session)
{
	if (session->time_ms == 0)
		return;
	tree_open_object(tree, name);
	tree_time(tree, "time", session->time_ms);
	tree_text(tree, "protocol", policy_protocol_name(session->protocol));
	tree_text(tree, "tls_version", session->tls_version);
	tree_text(tree, "cipher", session->cipher);
	if (session->bits >= 0)
		tree_number(tree, "bits", session->bits);
	tree_text(tree, "host", session->host);
	tree_text(tree, "client_addr", session->client_addr);
	tree_text(tree, "helo", session->helo);
	tree_text(tree, "action", session->reason == NULL ? NULL :
	    policy_action_name(session->action));
	tree_text(tree, "reason", session->reason);
	tree_text(tree, "rule", session->rule);
	tree_text(tree, "reply", session->reply);
	tree_close(tree);
}

void
report_json_certificate(struct tree *tree, const struct review_certificate *certificate)
{
	tree_flag(tree, "raw_key", certificate->raw_key);
	tree_text(tree, "cert_cn", certificate->cn);
	tree_text(tree, "cert_issuer", certificate->issuer);
	tree_text(tree, "cert_fingerprint", certificate->fingerprint);
	tree_text(tree, "cert_pubkey_fingerprint", certificate->pubkey_fingerprint);
	tree_text(tree, "cert_key", certificate->key);
	tree_text(tree, "cert_signature", certificate->signature);
	tree_text(tree, "cert_not_after", certificate->not_after);
	tree_flag(tree, "verified", certificate->verified);
	tree_number(tree, "transactions", certificate->transactions);
	tree_time(tree, "last", certificate->last_ms);
}

static void
put_certificates(struct tree *tree, const struct review_domain *domain)
{
	tree_open_array(tree, "certificates");
	for (size_t i = 0; i < domain->certificate_count; i++) {
		tree_open_object(tree, NULL);
		report_json_certificate(tree, &domain->certificates[i]);
		tree_close(tree);
	}
	tree_close(tree);
	tree_number(tree, "other_certificates", domain->other_certificates);
}

static void
put_ciphers(struct tree *tree, const struct review_domain *domain)
{
	tree_open_array(tree, "ciphers");
	for (size_t i = 0; i < domain->cipher_count; i++) {
		tree_open_object(tree, NULL);
		tree_text(tree, "cipher", domain->ciphers[i].name);
		tree_number(tree, "transactions", domain->ciphers[i].transactions);
		tree_close(tree);
	}
	tree_close(tree);
	tree_number(tree, "other_ciphers", domain->other_ciphers);
}

static void
put_standing(struct tree *tree, const struct report_partner *partner)
{
	const struct policy_standing *standing = &partner->standing;

	tree_text(tree, "policy", report_standing_name(standing));
	if (standing->limited)
		tree_time(tree, "until", standing->until * 1000);
	if (standing->place.file != NULL) {
		tree_place(tree, "rule", &standing->place);
		tree_text(tree, "rule_kind", policy_rule_kind_name(standing->place.kind));
		tree_text(tree, "rule_name", standing->place.name);
	}
	tree_text(tree, "exempt", standing->exempt_reason);
	tree_text(tree, "contact", standing->contact);
	tree_text(tree, "note", standing->note);
	if (standing->state == STATE_MONITORED)
		tree_flag(tree, "ready", partner->ready);
	tree_time(tree, "last_would_refusal", partner->last_would_ms);
}

static void
put_downgrade(struct tree *tree, const struct review_downgrade *downgrade)
{
	if (downgrade->transactions == 0)
		return;
	tree_open_object(tree, "downgrade");
	tree_number(tree, "transactions", downgrade->transactions);
	tree_flag(tree, "same_network", downgrade->same_network);
	tree_text(tree, "network", downgrade->network);
	tree_time(tree, "last", downgrade->last_ms);
	tree_time(tree, "tls", downgrade->tls_ms);
	tree_close(tree);
}

void
report_json_partner(struct tree *tree, const struct report_partner *partner)
{
	const struct review_domain *seen = partner->seen;

	tree_text(tree, "domain", seen->name);
	tree_text(tree, "state", report_state_name(partner->state));
	put_standing(tree, partner);
	put_counts(tree, &seen->counts);
	put_reasons(tree, "refused", seen->refused);
	put_reasons(tree, "would_reasons", seen->would);
	tree_time(tree, "first", seen->first_ms);
	tree_time(tree, "last", seen->last_ms);
	put_ciphers(tree, seen);
	put_certificates(tree, seen);
	put_one_session(tree, "weakest", &seen->weakest);
	put_one_session(tree, "last_refused", &seen->last_refused);
	put_one_session(tree, "last_would", &seen->last_would);
	put_downgrade(tree, &seen->downgrade);
	tree_flag(tree, "candidate", partner->candidate);
}

static void
put_series(struct tree *tree, const struct review *report)
{
	tree_open_array(tree, "series");
	for (size_t i = 0; i < report->bucket_count; i++) {
		const struct review_bucket *bucket = &report->buckets[i];

		tree_open_object(tree, NULL);
		tree_time(tree, "start", bucket->start_ms);
		put_protocols(tree, bucket->protocol);
		tree_number(tree, "refused", bucket->refused);
		tree_close(tree);
	}
	tree_close(tree);
}

static void
put_discarded(struct tree *tree, const struct review *report)
{
	tree_open_array(tree, "discarded");
	for (size_t i = 0; i < report->discarded_count; i++) {
		const struct review_discarded *row = &report->discarded[i];

		tree_open_object(tree, NULL);
		tree_text(tree, "why", row->why);
		tree_number(tree, "records", row->records);
		tree_number(tree, "messages", row->messages);
		tree_time(tree, "last", row->last_ms);
		tree_close(tree);
	}
	tree_close(tree);
}

void
report_json_head(struct tree *tree, const struct report_view *view)
{
	const struct review *report = view->report;

	tree_time(tree, "since", report->since_ms);
	tree_time(tree, "until", report->until_ms);
	tree_time(tree, "oldest", report->oldest_ms);
	tree_time(tree, "newest", report->newest_ms);
	tree_text(tree, "filter", report->domain);
	tree_number(tree, "ready_days", view->ready_days);
	tree_open_object(tree, "totals");
	put_counts(tree, &report->totals);
	put_reasons(tree, "refused", report->refused);
	put_reasons(tree, "would_reasons", report->would);
	tree_close(tree);
	tree_number(tree, "series_seconds", report->bucket_ms / 1000);
	put_series(tree, report);
}

void
report_json_tail(struct tree *tree, const struct report_view *view)
{
	tree_number(tree, "others", view->report->others);
	put_discarded(tree, view->report);
}

/* Some members alone, as text, without brackets. */
static void
put_members(void (*put)(struct tree *tree, const struct report_view *view),
    const struct report_view *view, struct buffer *text)
{
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	put(&tree, view);
	tree_write(tree_take(&tree), true, text);
}

static json_t *
one_partner(const struct report_partner *partner)
{
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	report_json_partner(&tree, partner);
	return tree_take(&tree);
}

/* A domain at a time: a tree of all of them takes ten times what the text does. */
void
report_json_write(const struct report_view *view, struct buffer *text)
{
	const char *comma = "";

	buffer_string(text, "{");
	put_members(report_json_head, view, text);
	buffer_string(text, ",\"domains\":[");
	for (size_t i = 0; i < view->partner_count; i++)
		if (report_is_listed(&view->partners[i])) {
			buffer_string(text, comma);
			tree_write(one_partner(&view->partners[i]), false, text);
			comma = ",";
		}
	buffer_string(text, "],");
	put_members(report_json_tail, view, text);
	buffer_string(text, "}\n");
}
