/*
 * report_page.c - what the template of a report's page is filled from.
 *
 * The members of report --json, with what people are told beside: names to show,
 * shares, which of the tables a domain is in.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <stdio.h>
#include <string.h>

#include "tool/screen.h"

/* So many rows of a table, and so many domains in detail. */
#define ROWS_MAX 500
#define DETAILS_MAX 100

#define DAY_MS (INT64_C(86400) * 1000)
#define ENDS_MS (90 * DAY_MS)		/* certificates are listed so long before */

int64_t
report_complied(const struct review_counts *counts)
{
	int64_t complied = counts->accepted - counts->exempted - counts->would;

	return complied < 0 ? 0 : complied;
}

void
report_share(struct tree *tree, const char *name, int64_t part, int64_t whole)
{
	char text[32] = "\xE2\x80\x93";
	int tenths = whole <= 0 ? 0 : (int)((double)part / (double)whole * 1000 + 0.5);

	if (tenths >= 1000 && part < whole)
		tenths = 999;
	if (whole > 0 && tenths <= 0 && part > 0)
		(void)snprintf(text, sizeof(text), "under 0.1%%");
	else if (whole > 0 && tenths % 1000 == 0)
		(void)snprintf(text, sizeof(text), "%d%%", tenths / 10);
	else if (whole > 0)
		(void)snprintf(text, sizeof(text), "%d.%d%%", tenths / 10, tenths % 10);
	tree_open_object(tree, name);
	tree_text(tree, "text", text);
	tree_number(tree, "millionths", whole <= 0 ? -1 :
	    (int64_t)((double)part / (double)whole * 1e6));
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * One domain
 * ------------------------------------------------------------------ */

/* "tls 3, bits 1" of an object of counts; the last first where "turned" is set. */
static void
put_list(struct tree *tree, const char *name, const int64_t *counts, int count,
    const char *(*name_of)(int i), bool turned)
{
	struct buffer list = BUFFER_INIT;

	for (int i = 0; i < count; i++) {
		int at = turned ? count - 1 - i : i;

		if (counts[at] == 0)
			continue;
		buffer_format(&list, "%s%s ", list.length == 0 ? "" : ", ", name_of(at));
		screen_number(&list, counts[at]);
	}
	tree_buffer(tree, name, &list);
}

static const char *
protocol_at(int i)
{
	return policy_protocol_name((enum policy_protocol)i);
}

static const char *
reason_at(int i)
{
	return i == REASON_NONE ? "other" : policy_reason_name((enum policy_reason)i);
}

static const char *
badge_of(const struct report_partner *partner)
{
	static const char *const badges[] = {
		[STATE_NO_RULE] = "quiet", [STATE_ENFORCED] = "good",
		[STATE_MONITORED] = "warn", [STATE_EXEMPT] = "warn"
	};

	return partner->ready ? "good" : badges[partner->standing.state];
}

/* A session, and which it is. */
static void
put_session_of(struct tree *tree, const char *which, const struct review_session *session)
{
	if (session->time_ms == 0)
		return;
	tree_open_object(tree, NULL);
	tree_flag(tree, which, true);
	report_json_session(tree, session);
	if (session->host != NULL && session->client_addr != NULL &&
	    strcmp(session->host, session->client_addr) != 0)
		tree_text(tree, "other_addr", session->client_addr);
	tree_close(tree);
}

static void
put_cipher_list(struct tree *tree, const struct review_domain *seen)
{
	tree_flag(tree, "has_ciphers", seen->cipher_count > 0);
	tree_open_array(tree, "cipher_list");
	for (size_t i = 0; i < seen->cipher_count; i++) {
		tree_open_object(tree, NULL);
		tree_flag(tree, "more", i > 0);
		tree_text(tree, "cipher", seen->ciphers[i].name);
		tree_number(tree, "transactions", seen->ciphers[i].transactions);
		tree_close(tree);
	}
	tree_close(tree);
}

static json_t *
make_partner(const struct report_view *view, const struct report_partner *partner)
{
	const struct review_domain *seen = partner->seen;
	const struct review_counts *counts = &seen->counts;
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	report_json_partner(&tree, partner);
	tree_text(&tree, "name", report_domain_name(seen));
	tree_text(&tree, "badge", badge_of(partner));
	tree_flag(&tree, "monitored", partner->standing.state == STATE_MONITORED);
	tree_flag(&tree, "urgent", partner->state <= REPORT_DOWNGRADE);
	tree_number(&tree, "ready_days", view->ready_days);
	tree_number(&tree, "refusals", report_refusals(counts));
	report_share(&tree, "over_tls", counts->encrypted, counts->transactions);
	report_share(&tree, "complied", report_complied(counts), counts->transactions);
	put_list(&tree, "protocol_list", counts->protocol, PROTOCOL_COUNT, protocol_at, true);
	put_list(&tree, "refused_list", seen->refused, REASON_COUNT, reason_at, false);
	put_list(&tree, "would_list", seen->would, REASON_COUNT, reason_at, false);
	tree_number(&tree, "least_bits", seen->bits_least);
	put_cipher_list(&tree, seen);
	tree_open_array(&tree, "sessions");
	put_session_of(&tree, "last_refused", &seen->last_refused);
	put_session_of(&tree, "last_would", &seen->last_would);
	put_session_of(&tree, "weakest", &seen->weakest);
	tree_close(&tree);
	return tree_take(&tree);
}

/* ------------------------------------------------------------------ *
 * The tables
 * ------------------------------------------------------------------ */

static bool
is_partner(const struct report_partner *partner)
{
	return partner->has_rule;
}

static bool
is_detailed(const struct report_partner *partner)
{
	return partner->state <= REPORT_EXPIRY;
}

static bool
is_candidate(const struct report_partner *partner)
{
	return partner->candidate;
}

static bool
is_downgraded(const struct report_partner *partner)
{
	return partner->seen->downgrade.transactions > 0;
}

static const struct {
	const char *name;
	size_t most;
	bool (*has)(const struct report_partner *partner);
} tables[] = {
	{ "partners", ROWS_MAX, is_partner },
	{ "details", DETAILS_MAX, is_detailed },
	{ "candidates", ROWS_MAX, is_candidate },
	{ "downgrades", ROWS_MAX, is_downgraded },
};

/* The rows of one table; each is made for itself, so that no two tables share one. */
static void
put_table(struct tree *tree, const struct report_view *view, size_t which)
{
	size_t shown = 0, left = 0;

	tree_open_object(tree, tables[which].name);
	tree_open_array(tree, "rows");
	for (size_t i = 0; i < view->partner_count; i++) {
		if (!tables[which].has(&view->partners[i]))
			continue;
		if (shown == tables[which].most)
			left++;
		else {
			tree_value(tree, NULL, make_partner(view, &view->partners[i]));
			shown++;
		}
	}
	tree_close(tree);
	tree_number(tree, "left", (int64_t)left);
	tree_close(tree);
}

static void
put_certificate_row(struct tree *tree, const struct report_view *view,
    const struct review_domain *seen, const struct review_certificate *certificate)
{
	int64_t left_ms = certificate->not_after_ms - view->now_ms;

	tree_open_object(tree, NULL);
	tree_text(tree, "name", report_domain_name(seen));
	report_json_certificate(tree, certificate);
	tree_number(tree, "hours", left_ms / (DAY_MS / 24));
	tree_flag(tree, "expired", left_ms < 0);
	tree_flag(tree, "soon", left_ms >= 0 && left_ms < REPORT_SOON_MS);
	tree_flag(tree, "later", left_ms >= REPORT_SOON_MS);
	tree_close(tree);
}

/* Certificates that end within "within_ms": how many, and rows of them into a tree. */
static size_t
list_ends(const struct report_view *view, const struct review_domain *seen,
    int64_t within_ms, struct tree *tree, size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < seen->certificate_count; i++) {
		int64_t end = seen->certificates[i].not_after_ms;

		if (end == 0 || end - view->now_ms >= within_ms)
			continue;
		if (count++ < room)
			put_certificate_row(tree, view, seen, &seen->certificates[i]);
	}
	return count;
}

static void
put_certificates_table(struct tree *tree, const struct report_view *view)
{
	size_t count = 0;

	tree_open_object(tree, "certificates");
	tree_open_array(tree, "rows");
	for (size_t i = 0; i < view->partner_count; i++)
		count += list_ends(view, view->partners[i].seen, ENDS_MS, tree,
		    count < ROWS_MAX ? ROWS_MAX - count : 0);
	tree_close(tree);
	tree_number(tree, "left", count > ROWS_MAX ? (int64_t)(count - ROWS_MAX) : 0);
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * What wants attention
 * ------------------------------------------------------------------ */

static bool
exemption_ends(const struct report_view *view, const struct report_partner *partner)
{
	return partner->has_rule && partner->standing.state == STATE_EXEMPT &&
	    partner->standing.limited &&
	    partner->standing.until * 1000 - view->now_ms < REPORT_SOON_MS;
}

static void
put_attention(struct tree *tree, const struct report_view *view)
{
	enum { REFUSED, DOWNGRADED, WOULD, ENDING, EXEMPTIONS, READY, COUNT };
	static const char *const names[COUNT] = {
		"refused", "downgraded", "would", "ending", "exemptions", "ready"
	};
	int64_t found[COUNT] = { 0 }, all = 0;

	for (size_t i = 0; i < view->partner_count; i++) {
		const struct report_partner *partner = &view->partners[i];
		const struct review_domain *seen = partner->seen;

		found[REFUSED] += report_refusals(&seen->counts) > 0;
		found[DOWNGRADED] += seen->downgrade.transactions > 0 &&
		    seen->downgrade.same_network;
		found[WOULD] += seen->counts.would > 0;
		found[ENDING] += list_ends(view, seen, REPORT_SOON_MS, NULL, 0) > 0;
		found[EXEMPTIONS] += exemption_ends(view, partner);
		found[READY] += partner->ready;
	}
	tree_open_object(tree, "attention");
	for (int i = 0; i < COUNT; i++) {
		all += found[i];
		if (found[i] == 0)
			continue;
		tree_open_object(tree, names[i]);
		tree_number(tree, "count", found[i]);
		tree_flag(tree, "many", found[i] > 1);
		tree_close(tree);
	}
	tree_flag(tree, "any", all > 0);
	tree_close(tree);
}

/* What is no longer in the journal, in words. */
static void
put_lost(struct tree *tree, const struct review *report)
{
	tree_open_array(tree, "lost");
	for (size_t i = 0; i < report->discarded_count; i++) {
		tree_open_object(tree, NULL);
		tree_text(tree, "meaning", report->discarded[i].meaning);
		tree_number(tree, "records", report->discarded[i].records);
		tree_number(tree, "messages", report->discarded[i].messages);
		tree_time(tree, "last", report->discarded[i].last_ms);
		tree_close(tree);
	}
	tree_close(tree);
}

void
report_page(struct tree *tree, const struct report_view *view)
{
	const struct review *report = view->report;

	report_json_head(tree, view);
	tree_time(tree, "now", view->now_ms);
	tree_text(tree, "version", TLSWARD_VERSION);
	tree_text(tree, "journal", view->journal);
	tree_text(tree, "candidate_rule", REPORT_CANDIDATE_RULE);
	tree_flag(tree, "begins_later", report->oldest_ms > report->since_ms);
	tree_number(tree, "refusals", report_refusals(&report->totals));
	tree_number(tree, "clear", report->totals.protocol[PROTOCOL_CLEAR]);
	report_share(tree, "over_tls", report->totals.encrypted,
	    report->totals.transactions);
	report_share(tree, "would_be", report->totals.would, report->totals.transactions);
	put_attention(tree, view);
	report_points(tree, view);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		put_table(tree, view, i);
	put_certificates_table(tree, view);
	put_lost(tree, report);
	report_json_tail(tree, view);
}
