/*
 * report_html_tables.c - the tables of a report's page.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report_html.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

#define ENDS_MS (INT64_C(90) * 86400 * 1000)

static void
begin(struct buffer *page, const char *id, const char *heading, const char *about)
{
	html_format(page, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n"
	    "<p class=\"note\">%s</p>\n", id, id, heading, about);
}

static void
write_name(struct buffer *page, const struct review_domain *domain)
{
	html_format(page, "<tr><th scope=\"row\"><bdi>%s</bdi></th>",
	    report_domain_name(domain));
}

/* ------------------------------------------------------------------ *
 * Partners
 * ------------------------------------------------------------------ */

static void
write_standing(struct buffer *page, const struct report_partner *partner)
{
	static const char *const classes[] = {
		[STATE_NO_RULE] = "quiet", [STATE_ENFORCED] = "good",
		[STATE_MONITORED] = "warn", [STATE_EXEMPT] = "warn"
	};
	const struct policy_standing *standing = &partner->standing;

	html_format(page, "<span class=\"badge %s\">%s%s</span>", partner->ready ? "good" :
	    classes[standing->state], report_standing_name(standing),
	    partner->ready ? ", ready" :
	    standing->state == STATE_MONITORED ? ", not ready" : "");
	if (standing->limited)
		html_format(page, " <span class=\"sub\">until %s</span>",
		    html_day(standing->until * 1000).text);
}

static void
write_weakest(struct buffer *page, const struct review_session *weakest)
{
	if (weakest->time_ms == 0)
		buffer_string(page, "<td>\xE2\x80\x93</td>");
	else
		html_format(page, "<td>%s <span class=\"sub\">%s</span></td>",
		    policy_protocol_name(weakest->protocol), weakest->cipher);
}

static void
write_partner_row(struct buffer *page, const struct report_partner *partner)
{
	const struct review_domain *seen = partner->seen;
	const struct review_counts *counts = &seen->counts;

	write_name(page, seen);
	buffer_string(page, "<td>");
	write_standing(page, partner);
	buffer_string(page, "</td>");
	report_html_count(page, counts->transactions);
	report_html_part(page, counts->encrypted, counts->transactions);
	report_html_part(page, report_html_complied(counts), counts->transactions);
	report_html_count(page, report_refusals(counts));
	report_html_count(page, counts->would);
	write_weakest(page, &seen->weakest);
	html_format(page, "<td><bdi>%s</bdi></td></tr>\n", partner->standing.contact);
}

void
report_html_partners(struct buffer *page, const struct report_view *view)
{
	static const struct report_html_column columns[] = {
		{ "Partner", false }, { "Rule", false }, { "Transactions", true },
		{ "Over TLS", true }, { "Complied", true }, { "Refused", true },
		{ "Would be", true }, { "Weakest session", false }, { "Contact", false }
	};
	size_t shown = 0, left = 0;

	begin(page, "partners", "Partners", "Domains with a rule of their own; first those "
	    "that want attention. Complied: accepted, without an exemption, and "
	    "without a rule under monitor that would have refused.");
	report_html_table(page, "partners-table", "Partners and their sessions", columns,
	    sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < view->partner_count; i++) {
		if (!view->partners[i].has_rule)
			continue;
		if (shown == REPORT_HTML_ROWS)
			left++;
		else {
			write_partner_row(page, &view->partners[i]);
			shown++;
		}
	}
	report_html_table_end(page, left);
	buffer_string(page, "</section>\n");
}

/* ------------------------------------------------------------------ *
 * Domains without a rule
 * ------------------------------------------------------------------ */

static void
write_candidates(struct buffer *page, const struct report_view *view)
{
	static const struct report_html_column columns[] = {
		{ "Domain", false }, { "Transactions", true }, { "Least bits", true },
		{ "First seen", false }, { "Last seen", false }
	};
	size_t shown = 0, left = 0;

	begin(page, "candidates", "Without a rule, and would pass one",
	    "All of these sessions meet: " REPORT_CANDIDATE_RULE ".");
	report_html_table(page, "candidates-table", "Domains that would pass a rule", columns,
	    sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < view->partner_count; i++) {
		const struct review_domain *seen = view->partners[i].seen;

		if (!view->partners[i].candidate)
			continue;
		if (shown++ >= REPORT_HTML_ROWS) {
			left++;
			continue;
		}
		write_name(page, seen);
		report_html_count(page, seen->counts.transactions);
		report_html_count(page, seen->bits_least);
		report_html_date(page, seen->first_ms);
		report_html_date(page, seen->last_ms);
		buffer_string(page, "</tr>\n");
	}
	report_html_table_end(page, left);
	buffer_string(page, "</section>\n");
}

static void
write_downgrades(struct buffer *page, const struct report_view *view)
{
	static const struct report_html_column columns[] = {
		{ "Domain", false }, { "In clear text", true }, { "Last", false },
		{ "TLS since", false }, { "Network", false }, { "From", false }
	};
	size_t shown = 0, left = 0;

	begin(page, "downgrades", "Clear text from senders that had used TLS",
	    "From the same network it is a downgrade; from elsewhere it may be forged: "
	    "the envelope sender is anybody's choice.");
	report_html_table(page, "downgrades-table", "Downgrades", columns,
	    sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < view->partner_count; i++) {
		const struct review_domain *seen = view->partners[i].seen;
		const struct review_downgrade *downgrade = &seen->downgrade;

		if (downgrade->transactions == 0)
			continue;
		if (shown++ >= REPORT_HTML_ROWS) {
			left++;
			continue;
		}
		write_name(page, seen);
		report_html_count(page, downgrade->transactions);
		report_html_date(page, downgrade->last_ms);
		report_html_date(page, downgrade->tls_ms);
		buffer_string(page, "<td>");
		html_value(page, downgrade->network);
		html_format(page, "</td><td><span class=\"badge %s\">%s</span></td></tr>\n",
		    downgrade->same_network ? "bad" : "quiet",
		    downgrade->same_network ? "same network" : "elsewhere");
	}
	report_html_table_end(page, left);
	buffer_string(page, "</section>\n");
}

/* ------------------------------------------------------------------ *
 * Certificates
 * ------------------------------------------------------------------ */

static void
write_certificate_row(struct buffer *page, const struct report_view *view,
    const struct review_domain *seen, const struct review_certificate *certificate)
{
	int64_t left = certificate->not_after_ms - view->now_ms;
	const char *class = left < 0 ? "bad" : left < REPORT_SOON_MS ? "warn" : "good";

	write_name(page, seen);
	buffer_string(page, "<td class=\"wide\">");
	html_value(page, certificate->cn);
	if (certificate->issuer != NULL)
		html_format(page, " <span class=\"sub\">by <bdi>%s</bdi></span>",
		    certificate->issuer);
	buffer_string(page, "</td>");
	report_html_date(page, certificate->not_after_ms);
	html_format(page, "<td data-v=\"%" PRId64 "\"><span class=\"badge %s\">%s</span>"
	    "</td>", left, class, left < 0 ? "expired" :
	    left < REPORT_SOON_MS ? "soon" : "later");
	html_format(page, "<td>%s</td>", certificate->key);
	html_format(page, "<td>%s</td>", certificate->verified ? "verified" :
	    "not verified");
	report_html_date(page, certificate->last_ms);
	buffer_string(page, "</tr>\n");
}

static void
write_certificates(struct buffer *page, const struct report_view *view)
{
	static const struct report_html_column columns[] = {
		{ "Domain", false }, { "Certificate", false }, { "Valid until", false },
		{ "Ends", false }, { "Key", false }, { "Chain", false },
		{ "Last seen", false }
	};
	size_t shown = 0, left = 0;

	begin(page, "certificates", "Certificates that end",
	    "Shown in these sessions, and expired or to expire within 90 days.");
	report_html_table(page, "certificates-table", "Certificates and their end", columns,
	    sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < view->partner_count; i++) {
		const struct review_domain *seen = view->partners[i].seen;

		for (size_t j = 0; j < seen->certificate_count; j++) {
			int64_t end = seen->certificates[j].not_after_ms;

			if (end == 0 || end - view->now_ms >= ENDS_MS)
				continue;
			if (shown++ >= REPORT_HTML_ROWS)
				left++;
			else
				write_certificate_row(page, view, seen,
				    &seen->certificates[j]);
		}
	}
	report_html_table_end(page, left);
	buffer_string(page, "</section>\n");
}

void
report_html_domains(struct buffer *page, const struct report_view *view)
{
	write_candidates(page, view);
	write_downgrades(page, view);
	write_certificates(page, view);
}
