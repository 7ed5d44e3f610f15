/*
 * report_mail.c - a message to a partner: what fails, since when, what to change.
 *
 * All of it is ASCII in lines of at most 78 characters; what came from the network is
 * escaped, and none of it is in a header.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tool/report.h"
#include "tool/screen.h"
#include "journal/journal.h"
#include "base/buffer.h"
#include "base/text.h"

#define LINE_MAX_MAIL 76

/* What a partner's postmaster has to change, by reason. */
static const char *const instructions[REASON_COUNT] = {
	[REASON_NONE] = "See our replies in your log.",
	[REASON_TLS] = "Let your outgoing mail server use STARTTLS with us (Postfix: "
	    "smtp_tls_security_level = encrypt for our domain).",
	[REASON_TLS_VERSION] = "Enable the protocol version named above on your outgoing "
	    "mail server, and update its TLS library where that does not have it.",
	[REASON_BITS] = "Remove ciphers with short keys (3DES, export and the like) from "
	    "your outgoing mail server's list.",
	[REASON_CIPHER] = "Let your outgoing mail server offer the ciphers named above.",
	[REASON_FORWARD_SECRECY] = "Let your outgoing mail server offer ciphers with "
	    "ephemeral keys (ECDHE, DHE), or TLS 1.3.",
	[REASON_AEAD] = "Let your outgoing mail server offer AEAD ciphers (AES-GCM, "
	    "ChaCha20-Poly1305).",
	[REASON_CERTIFICATE] = "Let your outgoing mail server present a client "
	    "certificate that we can verify (Postfix: smtp_tls_chain_files).",
	[REASON_CERTIFICATE_NAME] = "Present a client certificate with one of the names "
	    "above, or tell us the new name.",
	[REASON_CERTIFICATE_ISSUER] = "Present a client certificate by the issuer above, "
	    "or tell us the new one.",
	[REASON_CERTIFICATE_FINGERPRINT] = "Present the certificate or key that is "
	    "registered with us, or send us the fingerprint of the new one.",
	[REASON_CERTIFICATE_KEY] = "Have your client certificate issued for a stronger "
	    "key.",
	[REASON_CERTIFICATE_SIGNATURE] = "Have your client certificate signed with a "
	    "stronger algorithm.",
	[REASON_CERTIFICATE_VALIDITY] = "Renew your client certificate in time.",
	[REASON_UNKNOWN_FACT] = "Nothing: we could not see what we needed, and look into "
	    "that ourselves."
};

static void
add_safe(struct buffer *line, const char *text)
{
	text_escape(line, text, strlen(text), TEXT_QUOTED_ASCII);
}

/* Writes text in words on lines; the first with "first" before it. */
static void
put(struct buffer *mail, const char *first, const char *text)
{
	size_t indent = strlen(first), used = indent;
	bool begun = false;

	buffer_string(mail, first);
	while (*text != '\0') {
		size_t length = strcspn(text, " "), piece;

		if (begun && used + 1 + length > LINE_MAX_MAIL) {
			buffer_format(mail, "\n%*s", (int)indent, "");
			used = indent;
		} else if (begun) {
			buffer_add(mail, " ", 1);
			used++;
		}
		/* A word as long as that has no business to be a word. */
		for (piece = length; used + piece > LINE_MAX_MAIL; ) {
			size_t fits = LINE_MAX_MAIL - used;

			buffer_add(mail, text, fits);
			buffer_format(mail, "\n%*s", (int)indent, "");
			text += fits;
			length -= fits;
			piece -= fits;
			used = indent;
		}
		buffer_add(mail, text, piece);
		used += piece;
		begun = true;
		text += length + strspn(text + length, " ");
	}
	buffer_add(mail, "\n", 1);
}

static void
put_buffer(struct buffer *mail, const char *first, struct buffer *text)
{
	mail->failed = mail->failed || text->failed;
	if (!text->failed && text->text != NULL)
		put(mail, first, text->text);
	buffer_clear(text);
}

/* An address that cannot end a header, or be two. */
static bool
is_address(const char *text, size_t length)
{
	const char *at = memchr(text, '@', length);

	if (at == NULL || at == text || at == text + length - 1 || length > 320)
		return false;
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr(",;:<>()[]\"\\", text[i]))
			return false;
	return memchr(at + 1, '@', length - (size_t)(at + 1 - text)) == NULL;
}

/* "mailto:" is how some write it. */
static const char *
without_scheme(const char *text)
{
	return strncmp(text, "mailto:", 7) == 0 ? text + 7 : text;
}

/*
 * The addresses among words, in a header. Returns how many, and of an option's value
 * ("strict") 0 where one of them is none; a contact may have others, a telephone's.
 */
static size_t
put_addresses(struct buffer *mail, const char *name, const char *words, bool strict)
{
	size_t count = 0;

	while (*(words += strspn(words, " ,")) != '\0') {
		size_t length = strcspn(words, " ,");
		const char *address = without_scheme(words);
		size_t rest = length - (size_t)(address - words);

		if (is_address(address, rest))
			buffer_format(mail, "%s%.*s", count++ == 0 ? name : ",\n ",
			    (int)rest, address);
		else if (strict)
			return 0;
		words += length;
	}
	if (count > 0)
		buffer_add(mail, "\n", 1);
	return count;
}

static void
put_date(struct buffer *mail, int64_t now_ms)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
	};
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm = { 0 };

	(void)gmtime_r(&now, &tm);
	buffer_format(mail, "Date: %s, %d %s %d %02d:%02d:%02d +0000\n", days[tm.tm_wday],
	    tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
}

static int
put_headers(const struct report_mail *request, struct buffer *mail)
{
	const char *domain = request->partner->seen->name;
	const char *contact = request->partner->standing.contact;

	if (request->to != NULL) {
		if (put_addresses(mail, "To: ", request->to, true) == 0)
			return tool_trouble("--to \"%s\" is no mail address", request->to);
	} else if (contact == NULL || put_addresses(mail, "To: ", contact, false) == 0)
		return tool_trouble("the policy has no mail address to write to for %s: set "
		    "\"contact\" in its rule, or give one with --to", domain);
	if (request->from != NULL && put_addresses(mail, "From: ", request->from,
	    true) != 1)
		return tool_trouble("--from \"%s\" is no mail address", request->from);
	put_date(mail, request->view->now_ms);
	/* A name in A-labels, which was checked when the option was read. */
	if (strlen(domain) > 40)
		buffer_format(mail, "Subject: TLS of your mail to us:\n %s\n", domain);
	else
		buffer_format(mail, "Subject: TLS of your mail to us: %s\n", domain);
	buffer_string(mail, "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: 7bit\nAuto-Submitted: auto-generated\n\n");
	return STATUS_FINE;
}

static void
put_seen(const struct report_mail *request, struct buffer *mail, struct buffer *line)
{
	const struct review *report = request->view->report;
	const struct review_counts *counts = &request->partner->seen->counts;
	bool first = true;

	buffer_format(line, "this is about mail from senders of %s that reached us from ",
	    request->partner->seen->name);
	screen_day(line, report->since_ms);
	buffer_string(line, " to ");
	screen_day(line, report->until_ms);
	buffer_string(line, " (UTC). What follows is known of these sessions alone.");
	buffer_string(mail, "Hello,\n\n");
	put_buffer(mail, "", line);
	buffer_string(mail, "\nWhat we saw from you:\n\n");
	buffer_format(line, "%lld transactions, %lld of them encrypted",
	    (long long)counts->transactions, (long long)counts->encrypted);
	for (int i = 0; i < PROTOCOL_COUNT; i++)
		if (counts->protocol[i] > 0) {
			buffer_format(line, "%s%s %lld", first ? ": " : ", ",
			    policy_protocol_name((enum policy_protocol)i),
			    (long long)counts->protocol[i]);
			first = false;
		}
	put_buffer(mail, "  * ", line);
	for (size_t i = 0; i < request->partner->seen->certificate_count; i++) {
		const struct review_certificate *certificate =
		    &request->partner->seen->certificates[i];

		buffer_string(line, "certificate ");
		add_safe(line, certificate->cn != NULL ? certificate->cn : "without a name");
		if (certificate->not_after_ms != 0) {
			buffer_string(line, ", valid until ");
			screen_day(line, certificate->not_after_ms);
		}
		put_buffer(mail, "  * ", line);
	}
}

/* What the rule requires, in its own words. */
static int
put_agreement(const struct report_mail *request, struct buffer *mail,
    struct buffer *line)
{
	struct policy_options options = settings_policy_options(
	    request->loaded->settings, request->view->now_ms / 1000);
	struct facts facts = FACTS_INIT;
	struct verdict verdict;
	char required[512];
	int count = 0;

	buffer_format(line, "?@%s", request->partner->seen->name);
	if (line->failed)
		return tool_trouble("not enough memory");
	facts.from = line->text;
	if (policy_decide(request->loaded->policy, &facts, &options, &verdict) != 0)
		return tool_trouble("not enough memory");
	buffer_clear(line);
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		if (verdict.outcome[OUTCOME_FROM].rule != NULL &&
		    policy_required_text(&verdict.outcome[OUTCOME_FROM],
		    (enum policy_reason)kind, required, sizeof required)) {
			if (count++ == 0)
				buffer_string(mail, "\nWhat we require of these sessions:\n\n");
			add_safe(line, required);
			put_buffer(mail, "  * ", line);
		}
	return STATUS_FINE;
}

static void
put_failures(struct buffer *mail, struct buffer *line, const char *what,
    const int64_t *reasons, const struct review_session *last)
{
	for (int i = 0; i < REASON_COUNT; i++) {
		if (reasons[i] == 0)
			continue;
		buffer_format(line, "%s: %lld %s", i == REASON_NONE ? "other" :
		    policy_reason_name((enum policy_reason)i), (long long)reasons[i], what);
		put_buffer(mail, "  * ", line);
	}
	if (last->time_ms == 0)
		return;
	buffer_string(line, "the last at ");
	screen_time(line, last->time_ms);
	if (last->host != NULL) {
		buffer_string(line, " from ");
		add_safe(line, last->host);
	}
	if (last->client_addr != NULL && last->client_addr != last->host) {
		buffer_string(line, " [");
		add_safe(line, last->client_addr);
		buffer_string(line, "]");
	}
	buffer_format(line, " (%s", policy_protocol_name(last->protocol));
	if (last->cipher != NULL) {
		buffer_string(line, " ");
		add_safe(line, last->cipher);
	}
	buffer_string(line, ")");
	if (last->reason != NULL) {
		buffer_string(line, ": ");
		add_safe(line, last->reason);
	}
	put_buffer(mail, "    ", line);
}

static void
put_changes(const struct review_domain *seen, struct buffer *mail)
{
	buffer_string(mail, "\nWhat to change:\n\n");
	for (int i = 0; i < REASON_COUNT; i++)
		if (seen->refused[i] > 0 || seen->would[i] > 0) {
			buffer_format(mail, "  * %s:\n", i == REASON_NONE ? "other" :
			    policy_reason_name((enum policy_reason)i));
			put(mail, "    ", instructions[i]);
		}
}

static void
put_outcome(const struct report_mail *request, struct buffer *mail, struct buffer *line)
{
	const struct review_domain *seen = request->partner->seen;

	if (seen->first_failed_ms == 0) {
		buffer_string(mail, "\n");
		put(mail, "", "Nothing of this failed our requirements: there is nothing to "
		    "change.");
		return;
	}
	buffer_string(line, "What failed, since ");
	screen_time(line, seen->first_failed_ms);
	buffer_string(line, " UTC:");
	buffer_string(mail, "\n");
	put_buffer(mail, "", line);
	buffer_string(mail, "\n");
	put_failures(mail, line, "refused", seen->refused, &seen->last_refused);
	put_failures(mail, line, "let through for now, which we will refuse one day",
	    seen->would, &seen->last_would);
	put_changes(seen, mail);
}

int
report_mail_write(const struct report_mail *request, struct buffer *mail)
{
	struct buffer line = BUFFER_INIT;
	int status = put_headers(request, mail);

	if (status == STATUS_FINE) {
		put_seen(request, mail, &line);
		status = put_agreement(request, mail, &line);
	}
	if (status == STATUS_FINE) {
		put_outcome(request, mail, &line);
		buffer_string(mail, "\n");
		put(mail, "", "Counted are transactions, and refused recipients: whether a "
		    "message arrived later is not known here. Times are UTC.");
	}
	buffer_free(&line);
	return status;
}
