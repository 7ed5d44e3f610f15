/*
 * report_people.c - what people are told of a report: what the page and its tables, the
 * text and the message to a partner are filled from.
 *
 * The members of report --json, and beside them names to show, shares, lists in words.
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

/* Certificates are listed so long before they end. */
#define ENDS_MS (INT64_C(90) * 86400 * 1000)

int64_t
report_complied(const struct review_counts *counts)
{
	int64_t complied = counts->accepted - counts->exempted - counts->would;

	return complied < 0 ? 0 : complied;
}

void
report_share(struct tree *tree, const char *name, int64_t part, int64_t whole)
{
	double share = whole <= 0 ? 0 : (double)part / (double)whole;
	int tenths = (int)(share * 1000 + 0.5);
	int down = whole <= 0 ? 0 : (int)(part * 1000 / whole);
	char text[32] = "\xE2\x80\x93", below[32];

	if (tenths >= 1000 && part < whole)
		tenths = 999;
	if (whole > 0 && tenths <= 0 && part > 0)
		(void)snprintf(text, sizeof(text), "under 0.1%%");
	else if (whole > 0 && tenths % 1000 == 0)
		(void)snprintf(text, sizeof(text), "%d%%", tenths / 10);
	else if (whole > 0)
		(void)snprintf(text, sizeof(text), "%d.%d%%", tenths / 10, tenths % 10);
	(void)snprintf(below, sizeof(below), "%d.%d %%", down / 10, down % 10);
	tree_value(tree, name, json_pack("{s:s, s:s, s:I}", "text", text, "down", below,
	    "millionths", (json_int_t)(whole <= 0 ? -1 : (int64_t)(share * 1e6))));
}

/* ------------------------------------------------------------------ *
 * One domain
 * ------------------------------------------------------------------ */

/*
 * "TLSv1.3 30, clear text 1": protocols, the best first; or reasons, those without a name
 * of their own last.
 */
static void
put_list(struct tree *tree, const char *name, const int64_t *counts, int count,
    const char *(*name_of)(int i), bool best_first)
{
	struct buffer list = BUFFER_INIT;

	for (int i = 0; i < count; i++) {
		int at = best_first ? count - 1 - i : (i + 1) % count;

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
badge_of(const struct report_partner *partner)
{
	static const char *const badges[] = {
		[STATE_NO_RULE] = "quiet", [STATE_ENFORCED] = "good",
		[STATE_MONITORED] = "warn", [STATE_EXEMPT] = "warn"
	};

	return partner->ready ? "good" : badges[partner->standing.state];
}

/* The address of a session that has a name beside it. */
static void
mark_session(struct tree *tree, const char *which, const struct review_session *session)
{
	json_t *made = json_object_get(tree_innermost(tree), which);

	if (made != NULL && session->host != NULL && session->client_addr != NULL &&
	    strcmp(session->host, session->client_addr) != 0 &&
	    json_object_set(made, "other_addr", json_object_get(made, "client_addr")) != 0)
		tree->failed = true;
}

static bool
ends_within(const struct report_view *view,
    const struct review_certificate *certificate, int64_t within_ms)
{
	return certificate->not_after_ms != 0 &&
	    certificate->not_after_ms - view->now_ms < within_ms;
}

/* How a certificate is to be looked at that ends in "left" milliseconds. */
static void
mark_end(struct tree *tree, json_t *certificate, int64_t left)
{
	const char *how = left < 0 ? "expired" : left < REPORT_SOON_MS ? "soon" :
	    "later";

	if (json_object_set_new(certificate, how, json_true()) != 0 ||
	    json_object_set_new(certificate, "hours",
	    json_integer(left / 3600000)) != 0)
		tree->failed = true;
}

static void
mark_certificates(struct tree *tree, const struct report_view *view,
    const struct review_domain *seen)
{
	json_t *list = json_object_get(tree_innermost(tree), "certificates");

	for (size_t i = 0; i < seen->certificate_count; i++)
		if (seen->certificates[i].not_after_ms != 0)
			mark_end(tree, json_array_get(list, i),
			    seen->certificates[i].not_after_ms - view->now_ms);
}

json_t *
report_people_partner(const struct report_view *view,
    const struct report_partner *partner)
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
	put_list(&tree, "protocol_list", counts->protocol, PROTOCOL_COUNT, protocol_at,
	    true);
	put_list(&tree, "refused_list", seen->refused, REASON_COUNT, report_reason_name,
	    false);
	put_list(&tree, "would_list", seen->would, REASON_COUNT, report_reason_name,
	    false);
	tree_number(&tree, "least_bits", seen->bits_least);
	tree_number(&tree, "clear", counts->protocol[PROTOCOL_CLEAR]);
	mark_session(&tree, "last_refused", &seen->last_refused);
	mark_session(&tree, "last_would", &seen->last_would);
	mark_session(&tree, "weakest", &seen->weakest);
	mark_certificates(&tree, view, seen);
	return tree_take(&tree);
}

/* What is no longer in the journal, in words. */
static void
mark_discarded(struct tree *tree, const struct review *report)
{
	json_t *list = json_object_get(tree_innermost(tree), "discarded");

	for (size_t i = 0; i < report->discarded_count; i++)
		if (json_object_set_new(json_array_get(list, i), "meaning",
		    json_string(report->discarded[i].meaning)) != 0)
			tree->failed = true;
}

void
report_people_head(struct tree *tree, const struct report_view *view)
{
	const struct review *report = view->report;
	const struct review_counts *totals = &report->totals;

	report_json_head(tree, view);
	tree_time(tree, "now", view->now_ms);
	tree_text(tree, "version", TLSWARD_VERSION);
	tree_text(tree, "journal", view->journal);
	tree_text(tree, "candidate_rule", REPORT_CANDIDATE_RULE);
	tree_flag(tree, "begins_later", report->oldest_ms > report->since_ms);
	tree_number(tree, "refusals", report_refusals(totals));
	tree_number(tree, "clear", totals->protocol[PROTOCOL_CLEAR]);
	report_share(tree, "over_tls", totals->encrypted, totals->transactions);
	report_share(tree, "would_be", totals->would, totals->transactions);
	put_list(tree, "protocol_list", totals->protocol, PROTOCOL_COUNT, protocol_at,
	    true);
	put_list(tree, "refused_list", report->refused, REASON_COUNT, report_reason_name,
	    false);
	report_json_tail(tree, view);
	mark_discarded(tree, report);
}

/* ------------------------------------------------------------------ *
 * The tables
 * ------------------------------------------------------------------ */

static bool
in_partners(const struct report_partner *partner)
{
	return partner->has_rule;
}

static bool
in_details(const struct report_partner *partner)
{
	return partner->state <= REPORT_EXPIRY;
}

static bool
in_candidates(const struct report_partner *partner)
{
	return partner->candidate;
}

static bool
in_downgrades(const struct report_partner *partner)
{
	return partner->seen->downgrade.transactions > 0;
}

static const struct {
	const char *name;
	size_t most;
	bool (*has)(const struct report_partner *partner);
} tables[] = {
	{ "partners", ROWS_MAX, in_partners },
	{ "details", DETAILS_MAX, in_details },
	{ "candidates", ROWS_MAX, in_candidates },
	{ "downgrades", ROWS_MAX, in_downgrades },
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
			tree_value(tree, NULL, report_people_partner(view,
			    &view->partners[i]));
			shown++;
		}
	}
	tree_close(tree);
	tree_number(tree, "left", (int64_t)left);
	tree_close(tree);
}

/* How many certificates of a domain end within "within_ms". */
static size_t
count_ends(const struct report_view *view, const struct review_domain *seen,
    int64_t within_ms)
{
	size_t count = 0;

	for (size_t i = 0; i < seen->certificate_count; i++)
		count += ends_within(view, &seen->certificates[i], within_ms);
	return count;
}

static void
put_certificate_row(struct tree *tree, const struct report_view *view,
    const struct review_domain *seen, const struct review_certificate *certificate)
{
	tree_open_object(tree, NULL);
	tree_text(tree, "name", report_domain_name(seen));
	report_json_certificate(tree, certificate);
	mark_end(tree, tree_innermost(tree),
	    certificate->not_after_ms - view->now_ms);
	tree_close(tree);
}

static void
put_certificates_table(struct tree *tree, const struct report_view *view)
{
	size_t count = 0;

	tree_open_object(tree, "certificates");
	tree_open_array(tree, "rows");
	for (size_t i = 0; i < view->partner_count; i++) {
		const struct review_domain *seen = view->partners[i].seen;

		for (size_t j = 0; j < seen->certificate_count; j++)
			if (ends_within(view, &seen->certificates[j], ENDS_MS) &&
			    count++ < ROWS_MAX)
				put_certificate_row(tree, view, seen,
				    &seen->certificates[j]);
	}
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
		found[ENDING] += count_ends(view, seen, REPORT_SOON_MS) > 0;
		found[EXEMPTIONS] += exemption_ends(view, partner);
		found[READY] += partner->ready;
	}
	tree_open_object(tree, "attention");
	for (int i = 0; i < COUNT; i++) {
		all += found[i];
		if (found[i] > 0)
			tree_value(tree, names[i], json_pack("{s:I}", "count",
			    (json_int_t)found[i]));
	}
	tree_flag(tree, "any", all > 0);
	tree_close(tree);
}

void
report_tables(struct tree *tree, const struct report_view *view)
{
	put_attention(tree, view);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		put_table(tree, view, i);
	put_certificates_table(tree, view);
}
