/*
 * report_page.c - the tables of a report's page, and what wants attention.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

/* So many rows of a table, and so many domains in detail. */
#define ROWS_MAX 500
#define DETAILS_MAX 100

/* Certificates are listed so long before they end. */
#define ENDS_MS (INT64_C(90) * 86400 * 1000)

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

static void
put_certificate_row(struct tree *tree, const struct report_view *view,
    const struct review_domain *seen, const struct review_certificate *certificate)
{
	int64_t left_ms = certificate->not_after_ms - view->now_ms;

	tree_open_object(tree, NULL);
	tree_text(tree, "name", report_domain_name(seen));
	report_json_certificate(tree, certificate);
	tree_number(tree, "hours", left_ms / 3600000);
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
		if (found[i] > 0)
			tree_value(tree, names[i], json_pack("{s:I}", "count",
			    (json_int_t)found[i]));
	}
	tree_flag(tree, "any", all > 0);
	tree_close(tree);
}

void
report_page(struct tree *tree, const struct report_view *view)
{
	report_people_head(tree, view);
	put_attention(tree, view);
	report_points(tree, view);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		put_table(tree, view, i);
	put_certificates_table(tree, view);
}
