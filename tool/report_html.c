/*
 * report_html.c - a report as one page: its head, what wants attention, its foot.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report_html.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tool/page.h"
#include "base/buffer.h"

int64_t
report_html_complied(const struct review_counts *counts)
{
	int64_t complied = counts->accepted - counts->exempted - counts->would;

	return complied < 0 ? 0 : complied;
}

/* ------------------------------------------------------------------ *
 * Tables
 * ------------------------------------------------------------------ */

void
report_html_table(struct buffer *page, const char *id, const char *caption,
    const struct report_html_column *columns, size_t count)
{
	html_format(page, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
	    "aria-labelledby=\"%s-caption\">\n<table class=\"sortable\" id=\"%s\">\n"
	    "<caption id=\"%s-caption\">%s</caption>\n<thead><tr>", id, id, id, caption);
	for (size_t i = 0; i < count; i++)
		html_format(page, columns[i].number ?
		    "<th scope=\"col\" class=\"number\">%s</th>" :
		    "<th scope=\"col\">%s</th>", columns[i].name);
	buffer_string(page, "</tr></thead>\n<tbody>\n");
}

void
report_html_table_end(struct buffer *page, size_t left)
{
	buffer_string(page, "</tbody>\n</table>\n</div>\n");
	if (left > 0)
		html_format(page, "<p class=\"note\">%s more are not shown here: "
		    "<code>tlsward report --csv</code> lists them all.</p>\n",
		    html_count((int64_t)left).text);
}

void
report_html_count(struct buffer *page, int64_t count)
{
	html_format(page, "<td class=\"number\" data-v=\"%" PRId64 "\">%s</td>", count,
	    html_count(count).text);
}

void
report_html_date(struct buffer *page, int64_t ms)
{
	html_format(page, "<td class=\"date\" data-v=\"%" PRId64 "\">%s</td>", ms,
	    html_day(ms).text);
}

void
report_html_part(struct buffer *page, int64_t part, int64_t whole)
{
	int64_t value = whole <= 0 ? -1 : (int64_t)((double)part / (double)whole * 1e6);

	html_format(page, "<td class=\"number\" data-v=\"%" PRId64 "\">%s</td>", value,
	    html_share(part, whole).text);
}

/* ------------------------------------------------------------------ *
 * The head
 * ------------------------------------------------------------------ */

static void
write_header(struct buffer *page, const struct report_view *view)
{
	const struct review *report = view->report;

	buffer_string(page, "<header>\n<h1>TLS of incoming mail</h1>\n");
	html_format(page, "<p class=\"period\">%s to %s UTC", html_minute(
	    report->since_ms).text, html_minute(report->until_ms).text);
	if (report->domain != NULL)
		html_format(page, ", senders of <bdi>%s</bdi>", report->domain);
	buffer_string(page, "</p>\n<p class=\"lead\">What is known is known of these "
	    "sessions, and of no others. Counted are transactions, not messages "
	    "delivered: the mail server may have refused some later, for reasons of its "
	    "own. A refusal is one recipient that was refused.</p>\n"
	    "<nav aria-label=\"Sections\"><ul>"
	    "<li><a href=\"#attention\">Attention</a></li>"
	    "<li><a href=\"#charts\">Charts</a></li>"
	    "<li><a href=\"#partners\">Partners</a></li>"
	    "<li><a href=\"#candidates\">Would pass a rule</a></li>"
	    "<li><a href=\"#downgrades\">Downgrades</a></li>"
	    "<li><a href=\"#certificates\">Certificates</a></li>"
	    "<li><a href=\"#limits\">Not known here</a></li>"
	    "</ul></nav>\n</header>\n");
}

static void
write_figure(struct buffer *page, const char *class, const char *name,
    struct html_number value, const char *more, struct html_number of)
{
	html_format(page, "<div class=\"%s\"><dt>%s</dt><dd><span class=\"big\">%s"
	    "</span> <span class=\"more sub\">%s %s</span></dd></div>\n", class, name,
	    value.text, of.text, more);
}

static void
write_figures(struct buffer *page, const struct review *report)
{
	const struct review_counts *totals = &report->totals;
	int64_t refusals = report_refusals(totals);
	int64_t clear = totals->protocol[PROTOCOL_CLEAR];

	buffer_string(page, "<section class=\"plain\" aria-labelledby=\"figures\">\n"
	    "<h2 class=\"hidden\" id=\"figures\">In figures</h2>\n"
	    "<dl class=\"figures\">\n");
	write_figure(page, "", "Transactions", html_count(totals->transactions),
	    totals->exempted == 1 ? "was let in by an exemption" :
	    "were let in by an exemption", html_count(totals->exempted));
	write_figure(page, clear == 0 ? "is-good" : "is-warn", "Over TLS",
	    html_share(totals->encrypted, totals->transactions), "in clear text",
	    html_count(clear));
	write_figure(page, refusals == 0 ? "is-good" : "is-bad", "Refused",
	    html_count(refusals), "of them for good, the others may try again",
	    html_count(totals->rejected));
	write_figure(page, totals->would == 0 ? "is-good" : "is-warn",
	    "Would be refused", html_count(totals->would),
	    "of all, if rules under monitor were enforced",
	    html_share(totals->would, totals->transactions));
	buffer_string(page, "</dl>\n</section>\n");
}

/* ------------------------------------------------------------------ *
 * What wants attention
 * ------------------------------------------------------------------ */

struct attention {
	size_t refused, downgraded, would, ending, ready, exemptions;
};

static bool
exemption_ends(const struct report_view *view, const struct report_partner *partner)
{
	return partner->has_rule && partner->standing.state == STATE_EXEMPT &&
	    partner->standing.limited &&
	    partner->standing.until * 1000 - view->now_ms < REPORT_SOON_MS;
}

static struct attention
gather(const struct report_view *view)
{
	struct attention found = { 0 };

	for (size_t i = 0; i < view->partner_count; i++) {
		const struct report_partner *partner = &view->partners[i];
		const struct review_domain *seen = partner->seen;

		found.refused += report_refusals(&seen->counts) > 0;
		found.downgraded += seen->downgrade.transactions > 0 &&
		    seen->downgrade.same_network;
		found.would += seen->counts.would > 0;
		found.ready += partner->ready;
		found.exemptions += exemption_ends(view, partner);
		for (size_t j = 0; j < seen->certificate_count; j++) {
			int64_t end = seen->certificates[j].not_after_ms;

			if (end != 0 && end - view->now_ms < REPORT_SOON_MS) {
				found.ending++;
				break;
			}
		}
	}
	return found;
}

static void
write_item(struct buffer *page, size_t count, const char *class, const char *badge,
    const char *anchor, const char *text)
{
	if (count == 0)
		return;
	html_format(page, "<li><span class=\"badge %s\">%s</span><span>"
	    "<a href=\"#%s\">%s %s</a> %s</span></li>\n", class, badge, anchor,
	    html_count((int64_t)count).text, count == 1 ? "domain" : "domains", text);
}

static void
write_attention(struct buffer *page, const struct report_view *view)
{
	struct attention found = gather(view);

	buffer_string(page, "<section aria-labelledby=\"attention\">\n"
	    "<h2 id=\"attention\">What wants attention</h2>\n<ul class=\"todo\">\n");
	write_item(page, found.refused, "bad", "Refused", "partners",
	    "had mail refused: are these customers who do not know?");
	write_item(page, found.downgraded, "bad", "Downgrade", "downgrades",
	    "sent in clear text from a network that had used TLS before.");
	write_item(page, found.would, "warn", "Not ready", "partners",
	    "sent mail that a rule under monitor would have refused.");
	write_item(page, found.ending, "warn", "Expiry", "certificates",
	    "showed a certificate that has expired, or will within 30 days.");
	write_item(page, found.exemptions, "warn", "Exemption", "partners",
	    "will lose an exemption within 30 days.");
	write_item(page, found.ready, "good", "Ready", "partners",
	    "could be enforced: no would-be refusal for long enough.");
	if (found.refused + found.downgraded + found.would + found.ending +
	    found.exemptions + found.ready == 0)
		buffer_string(page, "<li>Nothing, in these sessions.</li>\n");
	buffer_string(page, "</ul>\n</section>\n");
}

/* ------------------------------------------------------------------ *
 * The foot
 * ------------------------------------------------------------------ */

static void
write_discarded(struct buffer *page, const struct review *report)
{
	for (size_t i = 0; i < report->discarded_count; i++) {
		const struct review_discarded *row = &report->discarded[i];

		html_format(page, "<li>%s records and %s messages of roll-ups are not in "
		    "the journal, %s; the newest is of %s UTC.</li>\n",
		    html_count(row->records).text, html_count(row->messages).text,
		    row->meaning, html_minute(row->last_ms).text);
	}
}

static void
write_limits(struct buffer *page, const struct report_view *view)
{
	const struct review *report = view->report;

	buffer_string(page, "<section aria-labelledby=\"limits\">\n"
	    "<h2 id=\"limits\">What this report does not know</h2>\n<ul>\n"
	    "<li>Whether a message was delivered: that is decided after tlsward.</li>\n"
	    "<li>What a partner's other sessions are like, with us or with others.</li>\n"
	    "<li>Who a sender is: the envelope sender is anybody's choice, and only a "
	    "verified certificate or a pinned key shows who is there.</li>\n"
	    "<li>Accepted mail is counted by the hour: the period is exact to the hour "
	    "for it.</li>\n");
	if (report->oldest_ms > report->since_ms)
		html_format(page, "<li>What was before %s UTC: the journal begins "
		    "there.</li>\n", html_minute(report->oldest_ms).text);
	write_discarded(page, report);
	if (report->others > 0)
		html_format(page, "<li>%s transactions are of domains beyond those "
		    "listed.</li>\n", html_count(report->others).text);
	buffer_string(page, "</ul>\n</section>\n");
}

static void
write_page(struct buffer *page, const struct report_view *view)
{
	page_begin(page, "TLS of incoming mail - tlsward report");
	write_header(page, view);
	buffer_string(page, "<main id=\"main\">\n");
	write_figures(page, view->report);
	write_attention(page, view);
	report_html_charts(page, view);
	report_html_partners(page, view);
	report_html_details(page, view);
	report_html_domains(page, view);
	write_limits(page, view);
	buffer_string(page, "</main>\n<footer>\n");
	html_format(page, "<p>Made at %s UTC by tlsward %s from the journal "
	    "<bdi>%s</bdi>, with the policy as it is now. All times are UTC.</p>\n"
	    "</footer>\n", html_minute(view->now_ms).text, TLSWARD_VERSION,
	    view->journal);
	page_end(page);
}

int
report_html_save(const struct report_view *view, const char *path)
{
	struct buffer page = BUFFER_INIT;
	int result = -1;

	write_page(&page, view);
	if (page.failed)
		errno = ENOMEM;
	else
		result = page_save(&page, path);
	int error = errno;

	buffer_free(&page);
	errno = error;
	return result;
}
