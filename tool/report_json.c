/*
 * report_json.c - a report as JSON and CSV.
 *
 * The names of the members are documented in tlsward(1); what is unknown or does not
 * apply is left out.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <stdlib.h>
#include <unistd.h>

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
			tree_number(tree, i == REASON_NONE ? "other" :
			    policy_reason_name((enum policy_reason)i), reasons[i]);
	tree_close(tree);
}

static void
put_last_session(struct tree *tree, const char *name, const struct review_session *session)
{
	if (session->time_ms == 0) {
		tree_value(tree, name, json_null());
		return;
	}
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

static void
put_one_certificate(struct tree *tree, const struct review_certificate *certificate)
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
	tree_number(tree, "transactions", certificate->messages);
	tree_time(tree, "last", certificate->last_ms);
}

/* ------------------------------------------------------------------ *
 * By agreement
 * ------------------------------------------------------------------ */

/* As tree_text() and tree_time(), but with null where there is none. */
static void
put_known(struct tree *tree, const char *name, const char *text)
{
	tree_value(tree, name, tree_string(text));
}

static void
put_when(struct tree *tree, const char *name, int64_t time_ms)
{
	if (time_ms == 0)
		tree_value(tree, name, json_null());
	tree_time(tree, name, time_ms);
}

static void
put_side(struct tree *tree, const char *name, const struct review_side *side, bool out)
{
	tree_open_object(tree, name);
	tree_number(tree, "messages", side->messages);
	tree_number(tree, "encrypted", side->encrypted);
	tree_number(tree, "met", side->met);
	tree_number(tree, "exempt", side->exempt);
	tree_number(tree, "held", side->held);
	tree_number(tree, "refused", side->refused);
	tree_number(tree, "refused_elsewhere", side->refused_elsewhere);
	tree_number(tree, "tempfailed", side->tempfailed);
	tree_number(tree, "would_be_refused", side->would_be_refused);
	put_reasons(tree, "reasons", side->refused_for);
	put_reasons(tree, "would_reasons", side->would_for);
	put_protocols(tree, side->protocol);
	if (out) {
		tree_number(tree, "deferred_for_tls", side->deferred_for_tls);
		tree_number(tree, "verified", side->verified);
		tree_number(tree, "sent", side->sent);
		tree_number(tree, "sent_encrypted", side->went.encrypted);
		tree_number(tree, "sent_verified", side->went.verified);
		tree_number(tree, "sent_unmet", side->went.unmet);
		put_reasons(tree, "unmet_reasons", side->went.unmet_for);
		put_when(tree, "first_unmet", side->went.first_unmet_ms);
		put_when(tree, "last_unmet", side->went.last_unmet_ms);
		tree_number(tree, "deferred", side->deferred);
		tree_number(tree, "bounced", side->bounced);
	}
	put_when(tree, "first", side->first_ms);
	put_when(tree, "last", side->last_ms);
	put_when(tree, "first_refused", side->first_refused_ms);
	put_when(tree, "last_refused", side->last_refused_ms);
	put_when(tree, "first_would", side->first_would_ms);
	put_when(tree, "last_would", side->last_would_ms);
	tree_close(tree);
}

static void
put_sides(struct tree *tree, const struct review_side *in,
    const struct review_side *out)
{
	put_side(tree, "in", in, false);
	put_side(tree, "out", out, true);
}

static void
put_fall_back(struct tree *tree, const struct review_fall_back *fall_back)
{
	if (fall_back == NULL) {
		tree_value(tree, "new_clear_text", json_null());
		return;
	}
	tree_open_object(tree, "new_clear_text");
	put_known(tree, "domain", fall_back->domain);
	put_when(tree, "since", fall_back->since_ms);
	put_when(tree, "last", fall_back->last_ms);
	tree_number(tree, "messages", fall_back->messages);
	put_when(tree, "tls_since", fall_back->tls_ms);
	tree_number(tree, "tls_messages", fall_back->tls_messages);
	put_known(tree, "host", fall_back->host);
	put_known(tree, "network", fall_back->network);
	tree_flag(tree, "known_host", fall_back->known_host);
	tree_close(tree);
}

json_t *
report_json_domain(const struct review_domain *domain)
{
	struct tree tree = tree_on(json_object());

	tree_text(&tree, "domain", domain->name);
	put_sides(&tree, &domain->in, &domain->out);
	put_fall_back(&tree, domain->new_clear_text);
	tree_flag(&tree, "candidate", domain->strong);
	return tree_take(&tree);
}

/* Its standing in the policy in force. */
static void
put_terms(struct tree *tree, const struct review_agreement *agreement)
{
	static const char *const states[] = {
		[STATE_NO_RULE] = "none", [STATE_ENFORCED] = "enforced",
		[STATE_MONITORED] = "monitored", [STATE_EXEMPT] = "exempt"
	};

	put_known(tree, "name", agreement->name);
	if (agreement->place.file == NULL)
		tree_value(tree, "rule", json_null());
	tree_place(tree, "rule", &agreement->place);
	tree_text(tree, "rule_kind", policy_rule_kind_name(agreement->kind));
	put_known(tree, "who", agreement->who);
	put_known(tree, "contact", agreement->contact);
	put_known(tree, "note", agreement->note);
	tree_text(tree, "state", agreement->state == STATE_ENFORCED && !agreement->demands ?
	    "none" : states[agreement->state]);
	put_when(tree, "until", agreement->until_ms);
	put_when(tree, "next", agreement->next_ms);
}

static void
put_ready(struct tree *tree, const struct review_agreement *agreement)
{
	tree_flag(tree, "ready", agreement->ready);
	tree_open_array(tree, "ready_but_for");
	for (size_t i = 0; i < agreement->ready_but_for_count; i++)
		tree_value(tree, NULL, json_pack("{s:o, s:I}",
		    "host", tree_string(agreement->ready_but_for[i].host),
		    "messages", (json_int_t)agreement->ready_but_for[i].messages));
	tree_close(tree);
}

json_t *
report_json_agreement(const struct review_agreement *agreement)
{
	struct tree whole = tree_on(json_object()), *tree = &whole;

	put_terms(tree, agreement);
	put_sides(tree, &agreement->in, &agreement->out);
	tree_open_object(tree, "tls_reasons");
	for (size_t i = 0; i < agreement->trouble_count; i++)
		tree_number(tree, agreement->troubles[i].reason,
		    agreement->troubles[i].deliveries);
	tree_close(tree);
	tree_number(tree, "handshakes_failed", agreement->handshakes_failed);
	put_ready(tree, agreement);
	put_fall_back(tree, agreement->new_clear_text);
	put_last_session(tree, "last_refused", &agreement->last_refused);
	put_last_session(tree, "last_would", &agreement->last_would);
	tree_open_array(tree, "certificates");
	for (size_t i = 0; i < agreement->certificate_count; i++) {
		tree_open_object(tree, NULL);
		put_one_certificate(tree, &agreement->certificates[i]);
		tree_close(tree);
	}
	tree_close(tree);
	tree_open_array(tree, "senders");
	for (size_t i = 0; i < agreement->sender_count; i++)
		tree_value(tree, NULL, report_json_domain(&agreement->senders[i]));
	tree_close(tree);
	return tree_take(tree);
}

json_t *
report_json_handshake(const struct review_handshake *handshake)
{
	static const char *const by[] = {
		[BY_NOTHING] = NULL, [BY_VIA] = "via", [BY_CLIENT] = "client",
		[BY_ADDRESS] = "address", [BY_NAME] = "name", [BY_NEXT_HOP] = "next-hop"
	};
	struct tree whole = tree_on(json_object()), *tree = &whole;

	tree_text(tree, "direction", handshake->out ? "out" : "in");
	put_known(tree, "host", handshake->host);
	put_known(tree, "address", handshake->address);
	put_known(tree, "next_hop", handshake->next_hop);
	put_known(tree, "partner", handshake->agreement == NULL ? NULL :
	    handshake->agreement->name);
	put_known(tree, "who", handshake->agreement == NULL ? NULL :
	    handshake->agreement->who);
	put_known(tree, "by", by[handshake->by]);
	tree_text(tree, "reason", handshake->reason);
	put_known(tree, "meaning", handshake->meaning);
	put_known(tree, "cause", handshake->cause);
	put_known(tree, "fix", handshake->fix);
	put_known(tree, "side", handshake->side);
	tree_number(tree, "count", handshake->count);
	tree_time(tree, "first", handshake->first_ms);
	tree_time(tree, "last", handshake->last_ms);
	put_known(tree, "sample", handshake->sample);
	if (handshake->others > 0)
		tree_number(tree, "others", handshake->others);
	return tree_take(tree);
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
		tree_number(tree, "watched", row->watched);
		tree_time(tree, "last", row->last_ms);
		tree_close(tree);
	}
	tree_close(tree);
}

/* Which policies nodes of a fleet run, where they run different ones; by digest. */
static void
put_policies(struct tree *tree, const struct review *report)
{
	const struct review_running *row = report->running;

	if (report->running_count == 0)
		return;
	tree_open_array(tree, "policies");
	for (size_t i = 0; i < report->running_count;) {
		const char *digest = row[i].digest;

		tree_open_object(tree, NULL);
		tree_text(tree, "digest", digest);
		tree_open_array(tree, "nodes");
		for (; i < report->running_count && row[i].digest == digest; i++) {
			tree_open_object(tree, NULL);
			tree_text(tree, "node", row[i].node);
			tree_text(tree, "file", row[i].file);
			tree_time(tree, "since", row[i].since_ms);
			tree_close(tree);
		}
		tree_close(tree);
		tree_close(tree);
	}
	tree_close(tree);
}

/* The flat members are those of what came in. */
static void
put_totals(struct tree *tree, const struct review *report)
{
	const struct review_side *in = &report->in;

	tree_open_object(tree, "totals");
	tree_number(tree, "transactions", in->messages);
	tree_number(tree, "encrypted", in->encrypted);
	put_protocols(tree, in->protocol);
	tree_number(tree, "accepted", in->met + in->exempt + in->would_be_refused);
	tree_number(tree, "exempted", in->exempt);
	tree_number(tree, "held", in->held);
	tree_number(tree, "rejected", in->refused - in->tempfailed);
	tree_number(tree, "tempfailed", in->tempfailed);
	tree_number(tree, "would", in->would_be_refused);
	put_reasons(tree, "refused", in->refused_for);
	put_reasons(tree, "would_reasons", in->would_for);
	put_sides(tree, &report->in, &report->out);
	tree_close(tree);
}

/* The host that this is read on. */
static void
put_site(struct tree *tree)
{
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0')
		tree_text(tree, "site", name);
}

static void
put_period(struct tree *tree, const struct review *report)
{
	tree_open_object(tree, "period");
	put_when(tree, "since", report->since_ms);
	put_when(tree, "until", report->until_ms);
	put_when(tree, "oldest", report->oldest_ms);
	put_when(tree, "newest", report->newest_ms);
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
	put_site(tree);
	put_period(tree, report);
	tree_text(tree, "filter", report->domain != NULL ? report->domain : report->partner);
	tree_number(tree, "ready_days", view->ready_days);
	put_totals(tree, report);
	tree_number(tree, "series_seconds", report->bucket_ms / 1000);
	put_series(tree, report);
}

void
report_json_tail(struct tree *tree, const struct report_view *view)
{
	tree_number(tree, "others", view->report->others);
	put_discarded(tree, view->report);
	put_policies(tree, view->report);
}

/* Some members alone, as text, without brackets. */
static void
put_members(void (*put)(struct tree *tree, const struct report_view *view),
    const struct report_view *view, struct buffer *text)
{
	struct tree tree = tree_on(json_object());

	put(&tree, view);
	tree_write(tree_take(&tree), true, text);
}

/* One at a time: a tree of all of them takes ten times what the text does. */
void
report_json_write(const struct report_view *view, struct buffer *text)
{
	const struct review *report = view->report;

	buffer_string(text, "{");
	put_members(report_json_head, view, text);
	buffer_string(text, ",\"partners\":[");
	for (size_t i = 0; i < report->agreement_count; i++) {
		buffer_string(text, i > 0 ? "," : "");
		tree_write(report_json_agreement(&report->agreements[i]), false, text);
	}
	buffer_string(text, "],\"handshakes\":[");
	for (size_t i = 0; i < report->handshake_count; i++) {
		buffer_string(text, i > 0 ? "," : "");
		tree_write(report_json_handshake(&report->handshakes[i]), false, text);
	}
	buffer_string(text, "],\"domains\":[");
	for (size_t i = 0; i < report->domain_count; i++) {
		buffer_string(text, i > 0 ? "," : "");
		tree_write(report_json_domain(&report->domains[i]), false, text);
	}
	buffer_string(text, "],");
	put_members(report_json_tail, view, text);
	buffer_string(text, "}\n");
}

/* ------------------------------------------------------------------ *
 * CSV, from the same
 * ------------------------------------------------------------------ */

/* Fills one part of the template, whose members are "values". */
static bool
fill_csv(const struct mustache *template, const char *part, json_t *values,
    struct buffer *text)
{
	return mustache_fill(template, values == NULL ? NULL :
	    json_pack("{s:o}", part, values), text);
}

int
report_csv_write(const struct report_view *view, struct buffer *text)
{
	struct mustache template;
	bool made = mustache_read("page/report.csv", MUSTACHE_CSV, &template) &&
	    fill_csv(&template, "head", json_true(), text);

	for (size_t i = 0; i < view->report->agreement_count && made; i++)
		made = fill_csv(&template, "agreement",
		    report_json_agreement(&view->report->agreements[i]), text);
	free(template.text);
	return made ? STATUS_FINE : STATUS_TROUBLE;
}
