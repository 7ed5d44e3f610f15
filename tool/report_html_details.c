/*
 * report_html_details.c - what a report's page says of one partner.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report_html.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

static void
write_session(struct buffer *page, const struct review_session *session)
{
	html_format(page, "%s UTC from ", html_minute(session->time_ms).text);
	html_value(page, session->host);
	if (session->client_addr != NULL && session->host != NULL &&
	    strcmp(session->client_addr, session->host) != 0)
		html_format(page, " [<bdi>%s</bdi>]", session->client_addr);
	if (session->helo != NULL)
		html_format(page, ", HELO <samp><bdi>%s</bdi></samp>", session->helo);
	html_format(page, ", %s", policy_protocol_name(session->protocol));
	if (session->cipher != NULL)
		html_format(page, " <bdi>%s</bdi>", session->cipher);
	if (session->reason != NULL)
		html_format(page, "; reason: %s", session->reason);
	if (session->reply != NULL)
		html_format(page, "<span class=\"sub\">Reply: <bdi>%s</bdi></span>",
		    session->reply);
}

static void
write_failures(struct buffer *page, const char *name, int64_t count,
    const int64_t reasons[REASON_COUNT], const struct review_session *last)
{
	const char *comma = "";

	if (count == 0)
		return;
	html_format(page, "<dt>%s</dt><dd>%s: ", name, html_count(count).text);
	for (int i = 0; i < REASON_COUNT; i++) {
		if (reasons[i] == 0)
			continue;
		html_format(page, "%s%s %s", comma, i == REASON_NONE ? "other" :
		    policy_reason_name((enum policy_reason)i),
		    html_count(reasons[i]).text);
		comma = ", ";
	}
	buffer_string(page, "</dd>");
	if (last->time_ms != 0) {
		buffer_string(page, "<dt>The last of them</dt><dd>");
		write_session(page, last);
		buffer_string(page, "</dd>");
	}
	buffer_string(page, "\n");
}

static void
write_rule(struct buffer *page, const struct report_view *view,
    const struct report_partner *partner)
{
	const struct policy_standing *standing = &partner->standing;

	html_format(page, "<dt>Rule</dt><dd>%s", report_standing_name(standing));
	if (standing->limited)
		html_format(page, " until %s", html_day(standing->until * 1000).text);
	if (partner->ready)
		html_format(page, " and ready: no would-be refusal for %d days",
		    view->ready_days);
	if (standing->place.file != NULL)
		html_format(page, ", <code>%s:%d</code>", standing->place.file,
		    (int)standing->place.line);
	if (standing->exempt_reason != NULL)
		html_format(page, ", <q><bdi>%s</bdi></q>", standing->exempt_reason);
	buffer_string(page, "</dd>\n");
	if (standing->contact != NULL)
		html_format(page, "<dt>Contact</dt><dd><bdi>%s</bdi></dd>\n",
		    standing->contact);
}

static void
write_protocols(struct buffer *page, const struct review_domain *seen)
{
	const char *comma = "";

	buffer_string(page, "<dt>Protocols</dt><dd>");
	for (int i = PROTOCOL_COUNT - 1; i >= 0; i--) {
		if (seen->counts.protocol[i] == 0)
			continue;
		html_format(page, "%s%s %s", comma,
		    policy_protocol_name((enum policy_protocol)i),
		    html_count(seen->counts.protocol[i]).text);
		comma = ", ";
	}
	buffer_string(page, "</dd>\n");
	if (seen->cipher_count == 0)
		return;
	buffer_string(page, "<dt>Ciphers</dt><dd>");
	for (size_t i = 0; i < seen->cipher_count; i++)
		html_format(page, "%s<bdi>%s</bdi> %s", i == 0 ? "" : ", ",
		    seen->ciphers[i].name, html_count(seen->ciphers[i].transactions).text);
	buffer_string(page, "</dd>\n");
}

static void
write_certificates(struct buffer *page, const struct review_domain *seen)
{
	for (size_t i = 0; i < seen->certificate_count; i++) {
		const struct review_certificate *one = &seen->certificates[i];

		buffer_string(page, "<dt>Certificate</dt><dd>");
		html_value(page, one->cn);
		if (one->issuer != NULL)
			html_format(page, " by <bdi>%s</bdi>", one->issuer);
		html_format(page, ", %s", one->verified ? "verified" : "not verified");
		if (one->not_after_ms != 0)
			html_format(page, ", valid until %s",
			    html_day(one->not_after_ms).text);
		if (one->fingerprint != NULL)
			html_format(page, "<span class=\"sub\">%s</span>", one->fingerprint);
		buffer_string(page, "</dd>\n");
	}
}

static void
write_partner(struct buffer *page, const struct report_view *view,
    const struct report_partner *partner)
{
	const struct review_domain *seen = partner->seen;

	html_format(page, "<article class=\"partner\">\n<h3><bdi>%s</bdi> "
	    "<span class=\"badge %s\">%s</span></h3>\n<dl>\n",
	    report_domain_name(seen), partner->state <= REPORT_DOWNGRADE ? "bad" : "warn",
	    report_state_name(partner->state));
	write_rule(page, view, partner);
	write_protocols(page, seen);
	write_failures(page, "Refused", report_refusals(&seen->counts), seen->refused,
	    &seen->last_refused);
	write_failures(page, "Would be refused", seen->counts.would, seen->would,
	    &seen->last_would);
	if (seen->weakest.time_ms != 0) {
		buffer_string(page, "<dt>Weakest session</dt><dd>");
		write_session(page, &seen->weakest);
		buffer_string(page, "</dd>\n");
	}
	write_certificates(page, seen);
	buffer_string(page, "</dl>\n</article>\n");
}

void
report_html_details(struct buffer *page, const struct report_view *view)
{
	size_t shown = 0, left = 0;

	buffer_string(page, "<section aria-labelledby=\"details\">\n"
	    "<h2 id=\"details\">In detail</h2>\n<p class=\"note\">Domains that had mail "
	    "refused, would have, fell back to clear text, or whose certificate "
	    "ends.</p>\n");
	for (size_t i = 0; i < view->partner_count; i++) {
		if (view->partners[i].state > REPORT_EXPIRY)
			continue;
		if (shown++ >= REPORT_HTML_DETAILS)
			left++;
		else
			write_partner(page, view, &view->partners[i]);
	}
	if (shown == 0)
		buffer_string(page, "<p>None, in these sessions.</p>\n");
	if (left > 0)
		html_format(page, "<p class=\"note\">%s more are not shown here: <code>"
		    "tlsward report --json</code> has them all.</p>\n",
		    html_count((int64_t)left).text);
	buffer_string(page, "</section>\n");
}
