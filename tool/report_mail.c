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

#include <string.h>
#include <time.h>

#include "tool/advice.h"
#include "tool/screen.h"

/* Of a line of the body. */
#define MAIL_WIDTH 76

static const char body[] =
    "Hello,\n\n"
    "this is about mail from senders of {{domain}} that reached us from {{since|day}} to "
    "{{until|day}} (UTC). What follows is known of these sessions alone.\n\n"
    "What we saw from you:\n\n"
    "  * {{transactions}} transaction{{transactions|s}}, {{encrypted}} of them encrypted"
    "{{#protocol_list}}: {{protocol_list}}{{/protocol_list}}\n"
    "{{#certificates}}\n"
    "  * certificate {{cert_cn}}{{^cert_cn}}without a name{{/cert_cn}}"
    "{{#cert_not_after}}, valid until {{cert_not_after|day}}{{/cert_not_after}}\n"
    "{{/certificates}}\n"
    "{{#has_agreement}}\n"
    "\nWhat we require of these sessions:\n\n"
    "{{/has_agreement}}\n"
    "{{#agreement}}\n"
    "  * {{.}}\n"
    "{{/agreement}}\n"
    "\n"
    "{{^first_failed}}\n"
    "Nothing of this failed our requirements: there is nothing to change.\n"
    "{{/first_failed}}\n"
    "{{#first_failed}}\n"
    "What failed, since {{first_failed|second}} UTC:\n\n"
    "{{#failures}}\n"
    "{{#counts}}\n"
    "  * {{reason}}: {{count}} {{#refused}}refused{{/refused}}{{^refused}}let through for "
    "now, which we will refuse one day{{/refused}}\n"
    "{{/counts}}\n"
    "{{#last}}\n"
    "    the last at {{time|second}}{{#host}} from {{host}}{{/host}}"
    "{{#other_addr}} [{{other_addr}}]{{/other_addr}} ({{protocol}}"
    "{{#cipher}} {{cipher}}{{/cipher}}){{#reason}}: {{reason}}{{/reason}}\n"
    "{{/last}}\n"
    "{{/failures}}\n"
    "\nWhat to change on your outgoing mail server:\n\n"
    "{{#changes}}\n"
    "  * {{reason}}: {{advice}}{{#hint}} ({{hint}}){{/hint}}\n"
    "{{/changes}}\n"
    "{{/first_failed}}\n"
    "\n"
    "Counted are transactions, and refused recipients: whether a message arrived later is "
    "not known here. Times are UTC.\n";

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
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm = { 0 };
	char date[64];

	/* The locale is that of C, but for the width of characters. */
	(void)gmtime_r(&now, &tm);
	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	buffer_format(mail, "Date: %s\n", date);
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

/* ------------------------------------------------------------------ *
 * What the body is filled from
 * ------------------------------------------------------------------ */

/* Judges the partner's sender, for what its rule requires. False: no memory. */
static bool
find_rule(const struct report_mail *request, struct verdict *verdict)
{
	struct policy_options options = settings_policy_options(
	    request->loaded->settings, request->view->now_ms / 1000);
	struct facts facts = FACTS_INIT;
	struct buffer sender = BUFFER_INIT;
	bool found;

	buffer_format(&sender, "?@%s", request->partner->seen->name);
	facts.from = sender.text;
	found = !sender.failed &&
	    policy_decide(request->loaded->policy, &facts, &options, verdict) == 0;
	/* The verdict's names are its own, its rule is the policy's. */
	buffer_free(&sender);
	return found;
}

/* What the rule requires, in its own words. */
static void
put_agreement(struct tree *tree, const struct policy_outcome *rule)
{
	char required[512];
	bool any = false;

	tree_open_array(tree, "agreement");
	for (int kind = KIND_FIRST; kind < KIND_END && rule->rule != NULL; kind++)
		if (policy_required_text(rule, (enum policy_reason)kind, required,
		    sizeof(required))) {
			tree_text(tree, NULL, required);
			any = true;
		}
	tree_close(tree);
	tree_flag(tree, "has_agreement", any);
}

/* Refusals, or what would be: how often for which reasons, and the last session. */
static void
put_failures(struct tree *tree, const int64_t *reasons, bool refused, json_t *last)
{
	tree_open_object(tree, NULL);
	tree_open_array(tree, "counts");
	for (int i = 0; i < REASON_COUNT; i++) {
		if (reasons[i] == 0)
			continue;
		tree_open_object(tree, NULL);
		tree_text(tree, "reason", report_reason_name(i));
		tree_number(tree, "count", reasons[i]);
		tree_flag(tree, "refused", refused);
		tree_close(tree);
	}
	tree_close(tree);
	if (last != NULL)
		tree_value(tree, "last", json_incref(last));
	tree_close(tree);
}

static void
put_changes(struct tree *tree, const struct review_domain *seen,
    const struct policy_outcome *rule)
{
	tree_open_array(tree, "changes");
	for (int i = 0; i < REASON_COUNT; i++) {
		struct buffer text = BUFFER_INIT;

		if (seen->refused[i] == 0 && seen->would[i] == 0)
			continue;
		tree_open_object(tree, NULL);
		tree_text(tree, "reason", report_reason_name(i));
		advice_write((enum policy_reason)i, rule, &text);
		tree_buffer(tree, "advice", &text);
		tree_text(tree, "hint", policy_advice_hint((enum policy_reason)i));
		tree_close(tree);
	}
	tree_close(tree);
}

/* NULL where memory is short. */
static json_t *
mail_values(const struct report_mail *request, const struct policy_outcome *rule)
{
	const struct report_view *view = request->view;
	const struct review_domain *seen = request->partner->seen;
	json_t *partner = report_people_partner(view, request->partner);
	struct tree tree = { .open = { partner }, .depth = 1, .failed = partner == NULL };

	tree_time(&tree, "since", view->report->since_ms);
	tree_time(&tree, "until", view->report->until_ms);
	put_agreement(&tree, rule);
	tree_time(&tree, "first_failed", seen->first_failed_ms);
	tree_open_array(&tree, "failures");
	put_failures(&tree, seen->refused, true, json_object_get(partner, "last_refused"));
	put_failures(&tree, seen->would, false, json_object_get(partner, "last_would"));
	tree_close(&tree);
	put_changes(&tree, seen, rule);
	return tree_take(&tree);
}

int
report_mail_write(const struct report_mail *request, struct buffer *mail)
{
	struct verdict verdict;
	struct buffer text = BUFFER_INIT;

	if (put_headers(request, mail) != STATUS_FINE)
		return STATUS_TROUBLE;
	if (!find_rule(request, &verdict))
		return tool_trouble("not enough memory");
	report_fill(body, mail_values(request, &verdict.outcome[OUTCOME_FROM]),
	    MUSTACHE_ASCII, &text);
	screen_fold(&text, MAIL_WIDTH, true, mail);
	buffer_free(&text);
	return STATUS_FINE;
}
