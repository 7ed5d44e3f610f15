/*
 * report_mail.c - a message to a partner: what fails, since when, what to change.
 *
 * All of it is ASCII in lines of at most 78 characters; what came from the network is
 * escaped, and none of it is in a header.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <string.h>
#include <time.h>

#include "tool/explain.h"
#include "tool/screen.h"

/* Of a line of the body. */
#define MAIL_WIDTH 76

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

	tree_open_array(tree, "agreement");
	for (int kind = KIND_FIRST; kind < KIND_END && rule->rule != NULL; kind++)
		if (policy_required_text(rule, (enum policy_reason)kind, required,
		    sizeof(required)))
			tree_text(tree, NULL, required);
	tree_close(tree);
}

/* Counts by protocol or reason, which are an object, one by one. */
static void
put_pairs(struct tree *tree, const char *name, json_t *counts)
{
	const char *what;
	json_t *count;

	tree_open_array(tree, name);
	json_object_foreach(counts, what, count)
		tree_value(tree, NULL, json_pack("{s:s, s:O}", "what", what, "count",
		    count));
	tree_close(tree);
}

static void
put_changes(struct tree *tree, const struct review_domain *seen,
    const struct policy_outcome *rule)
{
	tree_open_array(tree, "changes");
	for (int i = 0; i < REASON_COUNT; i++) {
		if (seen->refused[i] == 0 && seen->would[i] == 0)
			continue;
		tree_open_object(tree, NULL);
		tree_text(tree, "reason", report_reason_name(i));
		explain_advice(tree, "advice", (enum policy_reason)i, rule);
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
	put_pairs(&tree, "sessions_by", json_object_get(partner, "protocols"));
	put_pairs(&tree, "refusals_by", json_object_get(partner, "refused"));
	put_pairs(&tree, "would_by", json_object_get(partner, "would_reasons"));
	put_agreement(&tree, rule);
	tree_time(&tree, "first_failed", seen->first_failed_ms);
	put_changes(&tree, seen, rule);
	return tree_take(&tree);
}

int
report_mail_write(const struct report_mail *request, struct buffer *mail)
{
	struct verdict verdict;
	struct buffer text = BUFFER_INIT;
	bool made;

	if (put_headers(request, mail) != STATUS_FINE)
		return STATUS_TROUBLE;
	if (!find_rule(request, &verdict))
		return tool_trouble("not enough memory");
	made = mustache_fill_file("page/mail.txt", MUSTACHE_ASCII,
	    mail_values(request, &verdict.outcome[OUTCOME_FROM]), &text);
	screen_fold(&text, MAIL_WIDTH, true, mail);
	buffer_free(&text);
	return made ? STATUS_FINE : STATUS_TROUBLE;
}
