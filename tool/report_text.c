/*
 * report_text.c - a report as text for people.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "tool/report.h"
#include "tool/screen.h"
#include "base/buffer.h"
#include "base/text.h"

/* Without a terminal, and without --all. */
#define WIDTH 79
#define OTHERS_SHOWN 20

struct page {
	const struct report_view *view;
	struct buffer *text;
	struct buffer line;	/* a paragraph that is being put together */
	int width;
};

static void
add_count(struct buffer *line, int64_t number, const char *one, const char *more)
{
	screen_number(line, number);
	buffer_format(line, " %s", number == 1 ? one : more);
}

static void
add_safe(struct buffer *line, const char *text)
{
	text_visible(line, text);
}

/* Writes the paragraph with its words on lines of the page's width. */
static void
end_paragraph(struct page *page, int indent)
{
	const char *at = page->line.failed || page->line.text == NULL ? "" :
	    page->line.text;
	int used = 0;

	page->text->failed = page->text->failed || page->line.failed;
	while (*at != '\0') {
		size_t length = strcspn(at, " ");
		struct buffer word = BUFFER_INIT;
		int wide;

		buffer_add(&word, at, length);
		wide = word.failed ? (int)length : screen_width_of(word.text);
		if (used > 0 && used + 1 + wide > page->width) {
			buffer_add(page->text, "\n", 1);
			used = 0;
			buffer_format(page->text, "%*s", indent + 2, "");
			used += indent + 2;
		} else if (used > 0) {
			buffer_add(page->text, " ", 1);
			used++;
		} else {
			buffer_format(page->text, "%*s", indent, "");
			used += indent;
		}
		buffer_add(page->text, at, length);
		used += wide;
		buffer_free(&word);
		at += length + strspn(at + length, " ");
	}
	buffer_add(page->text, "\n", 1);
	buffer_clear(&page->line);
}

static void
add_share(struct buffer *line, const struct review_counts *counts)
{
	int share = report_per_mille(counts);

	buffer_format(line, "%d.%d %% encrypted", share / 10, share % 10);
}

static void
add_protocols(struct buffer *line, const int64_t *protocols)
{
	bool first = true;

	for (int i = PROTOCOL_COUNT - 1; i >= 0; i--)
		if (protocols[i] > 0) {
			buffer_format(line, "%s%s ", first ? "" : ", ",
			    policy_protocol_name((enum policy_protocol)i));
			screen_number(line, protocols[i]);
			first = false;
		}
}

static void
add_reasons(struct buffer *line, const int64_t *reasons)
{
	bool first = true;

	for (int i = 0; i < REASON_COUNT; i++) {
		int reason = (i + 1) % REASON_COUNT;

		if (reasons[reason] == 0)
			continue;
		buffer_format(line, "%s%s ", first ? "" : ", ", reason == REASON_NONE ?
		    "other" : policy_reason_name((enum policy_reason)reason));
		screen_number(line, reasons[reason]);
		first = false;
	}
}

static void
write_counts(struct page *page, const struct review_counts *counts, int indent)
{
	add_count(&page->line, counts->transactions, "transaction", "transactions");
	if (counts->transactions > 0) {
		buffer_string(&page->line, ", ");
		add_share(&page->line, counts);
		buffer_string(&page->line, ": ");
		add_protocols(&page->line, counts->protocol);
	}
	end_paragraph(page, indent);
}

/* "2026-01-31 12:00:00 from mx2.acme.example [192.0.2.1]" */
static void
add_session(struct buffer *line, const struct review_session *session)
{
	screen_time(line, session->time_ms);
	if (session->host != NULL) {
		buffer_string(line, " from ");
		add_safe(line, session->host);
	}
	if (session->client_addr != NULL && session->client_addr != session->host) {
		buffer_string(line, " [");
		add_safe(line, session->client_addr);
		buffer_string(line, "]");
	}
}

static void
write_failure(struct page *page, const char *what, int64_t count,
    const int64_t *reasons, const struct review_session *last)
{
	if (count == 0)
		return;
	buffer_format(&page->line, "%s: ", what);
	screen_number(&page->line, count);
	buffer_string(&page->line, " (");
	add_reasons(&page->line, reasons);
	buffer_string(&page->line, "); the last ");
	add_session(&page->line, last);
	if (last->reason != NULL) {
		buffer_string(&page->line, ": ");
		add_safe(&page->line, last->reason);
		buffer_format(&page->line, ", %s", policy_protocol_name(last->protocol));
	}
	end_paragraph(page, 4);
}

static void
write_weakest(struct page *page, const struct review_domain *domain)
{
	const struct review_session *weakest = &domain->weakest;

	if (weakest->time_ms == 0)
		return;
	buffer_format(&page->line, "weakest session: %s",
	    policy_protocol_name(weakest->protocol));
	if (weakest->cipher != NULL) {
		buffer_string(&page->line, " ");
		add_safe(&page->line, weakest->cipher);
	}
	buffer_string(&page->line, ", ");
	add_session(&page->line, weakest);
	end_paragraph(page, 4);
}

static void
write_ciphers(struct page *page, const struct review_domain *domain)
{
	if (domain->cipher_count == 0)
		return;
	buffer_string(&page->line, "ciphers: ");
	for (size_t i = 0; i < domain->cipher_count; i++) {
		buffer_string(&page->line, i == 0 ? "" : ", ");
		add_safe(&page->line, domain->ciphers[i].name);
		buffer_string(&page->line, " ");
		screen_number(&page->line, domain->ciphers[i].transactions);
	}
	if (domain->other_ciphers > 0) {
		buffer_string(&page->line, ", others ");
		screen_number(&page->line, domain->other_ciphers);
	}
	end_paragraph(page, 4);
}

static void
write_certificate(struct page *page, const struct review_certificate *certificate)
{
	const char *digest = certificate->fingerprint != NULL ? certificate->fingerprint :
	    certificate->pubkey_fingerprint;
	int64_t now = page->view->now_ms;

	buffer_string(&page->line, "certificate ");
	add_safe(&page->line, certificate->cn != NULL ? certificate->cn : "without a name");
	if (certificate->issuer != NULL) {
		buffer_string(&page->line, " by ");
		add_safe(&page->line, certificate->issuer);
	}
	if (digest != NULL) {
		buffer_string(&page->line, " ");
		add_safe(&page->line, digest);
	}
	buffer_string(&page->line, certificate->verified ? ", verified" : ", not verified");
	if (certificate->not_after_ms != 0) {
		buffer_string(&page->line, certificate->not_after_ms < now ?
		    ", EXPIRED " : ", valid until ");
		screen_day(&page->line, certificate->not_after_ms);
		if (certificate->not_after_ms >= now &&
		    certificate->not_after_ms - now < REPORT_SOON_MS)
			buffer_string(&page->line, " (SOON)");
	}
	buffer_string(&page->line, "; ");
	add_count(&page->line, certificate->transactions, "transaction", "transactions");
	buffer_string(&page->line, ", last ");
	screen_day(&page->line, certificate->last_ms);
	end_paragraph(page, 4);
}

static void
write_downgrade(struct page *page, const struct review_downgrade *downgrade)
{
	if (downgrade->transactions == 0)
		return;
	buffer_string(&page->line, "DOWNGRADE: ");
	add_count(&page->line, downgrade->transactions, "transaction", "transactions");
	buffer_string(&page->line, " in clear text though this sender had used TLS (");
	screen_day(&page->line, downgrade->tls_ms);
	buffer_string(&page->line, "); the last ");
	screen_time(&page->line, downgrade->last_ms);
	if (downgrade->network != NULL) {
		buffer_string(&page->line, ", ");
		add_safe(&page->line, downgrade->network);
	}
	buffer_string(&page->line, downgrade->same_network ?
	    ": from the same network" : ": from elsewhere, may be forged");
	end_paragraph(page, 4);
}

static void
add_standing(struct page *page, const struct report_partner *partner)
{
	const struct policy_standing *standing = &partner->standing;
	struct buffer *line = &page->line;

	buffer_string(line, report_standing_name(standing));
	if (standing->limited) {
		buffer_string(line, " until ");
		screen_day(line, standing->until * 1000);
	}
	if (standing->state == STATE_MONITORED) {
		if (partner->ready)
			buffer_format(line, ", ready (no would-be refusal for %d days)",
			    page->view->ready_days);
		else
			buffer_string(line, ", not ready");
	}
	if (standing->place.file != NULL) {
		buffer_string(line, ", ");
		add_safe(line, standing->place.file);
		buffer_format(line, ":%u", standing->place.line);
	}
	if (standing->exempt_reason != NULL) {
		buffer_string(line, ", \"");
		add_safe(line, standing->exempt_reason);
		buffer_string(line, "\"");
	}
	if (standing->contact != NULL) {
		buffer_string(line, ", contact ");
		add_safe(line, standing->contact);
	}
}

static void
write_partner(struct page *page, const struct report_partner *partner)
{
	const struct review_domain *seen = partner->seen;

	buffer_add(page->text, "\n", 1);
	add_safe(&page->line, report_domain_name(seen));
	buffer_string(&page->line, ": ");
	add_standing(page, partner);
	end_paragraph(page, 0);
	write_counts(page, &seen->counts, 4);
	write_failure(page, "refused", report_refusals(&seen->counts), seen->refused,
	    &seen->last_refused);
	write_failure(page, "would be refused", seen->counts.would, seen->would,
	    &seen->last_would);
	write_downgrade(page, &seen->downgrade);
	write_weakest(page, seen);
	write_ciphers(page, seen);
	for (size_t i = 0; i < seen->certificate_count; i++)
		write_certificate(page, &seen->certificates[i]);
	if (seen->last_ms != 0) {
		buffer_string(&page->line, "seen from ");
		screen_time(&page->line, seen->first_ms);
		buffer_string(&page->line, " to ");
		screen_time(&page->line, seen->last_ms);
		end_paragraph(page, 4);
	}
}

static void
write_heading(struct page *page, const char *heading)
{
	buffer_add(page->text, "\n", 1);
	buffer_string(&page->line, heading);
	end_paragraph(page, 0);
}

static void
write_partners(struct page *page, bool with_rule)
{
	const struct report_view *view = page->view;
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < view->partner_count; i++) {
		const struct report_partner *partner = &view->partners[i];

		if (partner->has_rule != with_rule || !report_is_listed(partner))
			continue;
		if (!with_rule && !view->all && shown == OTHERS_SHOWN) {
			left++;
			continue;
		}
		if (shown++ == 0)
			write_heading(page, with_rule ? "DOMAINS WITH A RULE, the worst first" :
			    "DOMAINS WITHOUT A RULE OF THEIR OWN, the worst first");
		write_partner(page, partner);
	}
	if (left > 0) {
		buffer_string(&page->line, "... and ");
		add_count(&page->line, (int64_t)left, "more domain", "more domains");
		buffer_string(&page->line, ": --all lists them.");
		buffer_add(page->text, "\n", 1);
		end_paragraph(page, 0);
	}
}

static void
write_candidates(struct page *page)
{
	const struct report_view *view = page->view;
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < view->partner_count; i++) {
		const struct report_partner *partner = &view->partners[i];

		if (!partner->candidate)
			continue;
		if (!view->all && shown == OTHERS_SHOWN) {
			left++;
			continue;
		}
		if (shown++ == 0) {
			write_heading(page, "WITHOUT A RULE, AND WOULD PASS ONE");
			buffer_string(&page->line, "All of these sessions meet \""
			    REPORT_CANDIDATE_RULE "\":");
			end_paragraph(page, 0);
		}
		add_safe(&page->line, partner->seen->name);
		buffer_string(&page->line, ", ");
		add_count(&page->line, partner->seen->counts.transactions, "transaction",
		    "transactions");
		end_paragraph(page, 4);
	}
	if (left > 0) {
		buffer_format(&page->line, "... and %zu more: --all lists them.", left);
		end_paragraph(page, 4);
	}
}

static void
write_discarded(struct page *page)
{
	const struct review *report = page->view->report;

	for (size_t i = 0; i < report->discarded_count; i++) {
		const struct review_discarded *row = &report->discarded[i];

		buffer_string(&page->line, "Not in the journal: ");
		add_count(&page->line, row->records, "record", "records");
		buffer_string(&page->line, " and ");
		add_count(&page->line, row->messages, "message", "messages");
		buffer_format(&page->line, " of roll-ups, %s; the newest of ", row->meaning);
		screen_time(&page->line, row->last_ms);
		end_paragraph(page, 0);
	}
}

static void
write_summary(struct page *page)
{
	const struct review *report = page->view->report;
	const struct review_counts *totals = &report->totals;

	buffer_string(&page->line, "TLS of incoming mail from ");
	screen_time(&page->line, report->since_ms);
	buffer_string(&page->line, " to ");
	screen_time(&page->line, report->until_ms);
	buffer_string(&page->line, " UTC");
	if (report->domain != NULL) {
		buffer_string(&page->line, ", senders of ");
		add_safe(&page->line, report->domain);
	}
	end_paragraph(page, 0);
	if (report->oldest_ms > report->since_ms) {
		buffer_string(&page->line, "The journal begins at ");
		screen_time(&page->line, report->oldest_ms);
		buffer_string(&page->line, ".");
		end_paragraph(page, 0);
	}
	write_discarded(page);
	buffer_add(page->text, "\n", 1);
	write_counts(page, totals, 0);
	screen_number(&page->line, totals->accepted);
	buffer_string(&page->line, " accepted (");
	screen_number(&page->line, totals->exempted);
	buffer_string(&page->line, " by an exemption), ");
	screen_number(&page->line, totals->held);
	buffer_string(&page->line, " held, ");
	add_count(&page->line, report_refusals(totals), "refusal", "refusals");
	if (report_refusals(totals) > 0) {
		buffer_string(&page->line, " (");
		add_reasons(&page->line, report->refused);
		buffer_string(&page->line, ")");
	}
	buffer_string(&page->line, ", ");
	screen_number(&page->line, totals->would);
	buffer_string(&page->line, " that rules under monitor would refuse");
	end_paragraph(page, 0);
	buffer_string(&page->line, "This is known of these sessions, and of no others. "
	    "Counted are transactions, not messages delivered: the mail server may have "
	    "refused some later, for reasons of its own. A refusal is a recipient.");
	end_paragraph(page, 0);
	if (report->others > 0) {
		add_count(&page->line, report->others, "transaction", "transactions");
		buffer_string(&page->line, " of domains beyond those listed.");
		end_paragraph(page, 0);
	}
}

void
report_text_write(const struct report_view *view, int width, struct buffer *text)
{
	struct page page = {
		.view = view, .text = text, .line = BUFFER_INIT,
		.width = width == 0 ? WIDTH : width
	};

	write_summary(&page);
	write_partners(&page, true);
	write_partners(&page, false);
	write_candidates(&page);
	buffer_free(&page.line);
}
