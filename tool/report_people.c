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
#include <strings.h>

#include "tool/screen.h"
#include "base/text.h"

/* So many reasons and senders are named. */
#define WHY_MAX 3
#define WHOSE_MAX 2

void
report_percent(int64_t part, int64_t whole, char *text, size_t size)
{
	int tenths = whole <= 0 ? 0 : (int)((part * 1000 + whole / 2) / whole);

	if (whole <= 0)
		(void)snprintf(text, size, "-");
	else if (part == 0 || part == whole)
		(void)snprintf(text, size, "%d%%", part == 0 ? 0 : 100);
	else {
		tenths = tenths == 0 ? 1 : tenths == 1000 ? 999 : tenths;
		(void)snprintf(text, size, "%d.%d%%", tenths / 10, tenths % 10);
	}
}

void
report_share(struct tree *tree, const char *name, int64_t part, int64_t whole)
{
	char text[32];

	report_percent(part, whole, text, sizeof(text));
	tree_text(tree, name, whole <= 0 ? "\xE2\x80\x93" :
	    part > 0 && part * 1000 + whole / 2 < whole ? "under 0.1%" : text);
}

/* How it is known whose a handshake is, in words; NULL: it is not. */
static const char *
known_by(enum review_by by)
{
	static const char *const words[] = {
		[BY_NOTHING] = NULL, [BY_VIA] = "named in via",
		[BY_CLIENT] = "named in require client", [BY_ADDRESS] = "by its address",
		[BY_NAME] = "by its verified name", [BY_NEXT_HOP] = "by the next hop"
	};

	return words[by];
}

void
report_protocols(struct tree *tree, const char *name, const struct review_side *side)
{
	struct buffer list = BUFFER_INIT;

	for (int i = PROTOCOL_COUNT - 1; i >= 0; i--)
		if (side->protocol[i] > 0)
			buffer_format(&list, "%s%s %s", list.length == 0 ? "" : ", ",
			    policy_protocol_name((enum policy_protocol)i),
			    screen_digits(side->protocol[i]).text);
	tree_buffer(tree, name, &list);
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

/* How a certificate is to be looked at that ends in "left" milliseconds. */
static void
mark_end(struct tree *tree, json_t *certificate, int64_t left)
{
	const char *how = left < 0 ? "expired" : left < REPORT_SOON_MS ? "soon" :
	    "later";

	if (json_object_set_new(certificate, how, json_true()) != 0)
		tree->failed = true;
}

/* What is no longer in the journal, in words, and whether it was of this time. */
static void
mark_discarded(struct tree *tree, const struct review *report)
{
	json_t *list = json_object_get(tree_innermost(tree), "discarded");

	for (size_t i = 0; i < report->discarded_count; i++)
		if (json_object_update_new(json_array_get(list, i), json_pack("{s:s, s:b}",
		    "meaning", report->discarded[i].meaning, "in_period",
		    report->discarded[i].last_ms >= report->since_ms)) != 0)
			tree->failed = true;
}

/* So much of a policy's digest tells it from others, and so many of its nodes are named. */
#define DIGEST_SHOWN 12
#define NODES_SHOWN 5

/* The policies of "policies", for a sentence. */
static void
put_running(struct tree *tree)
{
	json_t *all = json_object_get(tree_innermost(tree), "policies"), *policy, *nodes;
	size_t i, shown;

	if (all == NULL)
		return;
	tree_open_object(tree, "running");
	tree_number(tree, "count", (int64_t)json_array_size(all));
	tree_open_array(tree, "list");
	json_array_foreach(all, i, policy) {
		const char *digest = json_string_value(json_object_get(policy, "digest"));

		nodes = json_object_get(policy, "nodes");
		shown = json_array_size(nodes) < NODES_SHOWN ? json_array_size(nodes) : NODES_SHOWN;
		tree_open_object(tree, NULL);
		tree_value(tree, "digest", digest == NULL ? json_null() : json_stringn(digest,
		    strnlen(digest, DIGEST_SHOWN)));
		tree_number(tree, "more", (int64_t)(json_array_size(nodes) - shown));
		tree_open_array(tree, "nodes");
		for (size_t j = 0; j < shown; j++)
			tree_value(tree, NULL, json_incref(json_array_get(nodes, j)));
		tree_close(tree);
		tree_close(tree);
	}
	tree_close(tree);
	tree_close(tree);
}

bool
report_is_empty(const struct review *report)
{
	return report->in.messages + report->out.messages == 0 && report->handshake_count == 0;
}

void
report_people_head(struct tree *tree, const struct report_view *view)
{
	const struct review *report = view->report;

	report_json_head(tree, view);
	tree_time(tree, "now", view->now_ms);
	tree_text(tree, "version", TLSWARD_VERSION);
	tree_text(tree, "journal", view->journal);
	tree_flag(tree, "begins_later", report->oldest_ms > report->since_ms);
	tree_flag(tree, "empty", report_is_empty(report));
	report_json_tail(tree, view);
	mark_discarded(tree, report);
	put_running(tree);
}

/* ------------------------------------------------------------------ *
 * An agreement
 * ------------------------------------------------------------------ */

const char *
report_reason_words(int reason)
{
	static const char *const words[REASON_COUNT] = {
		[REASON_NONE] = "another reason",
		[REASON_CLIENT] = "client is none of those agreed",
		[REASON_TLS] = "clear text",
		[REASON_TLS_VERSION] = "TLS older than agreed",
		[REASON_BITS] = "cipher has too few bits",
		[REASON_CIPHER] = "cipher is not one agreed",
		[REASON_CIPHERSUITES] = "cipher is not one agreed",
		[REASON_FORWARD_SECRECY] = "no forward secrecy",
		[REASON_AEAD] = "cipher without AEAD (CBC)",
		[REASON_CERTIFICATE] = "no verified certificate",
		[REASON_CERTIFICATE_NAME] = "certificate has another name",
		[REASON_CERTIFICATE_ISSUER] = "certificate has another issuer",
		[REASON_CERTIFICATE_FINGERPRINT] = "key is not the registered one",
		[REASON_CERTIFICATE_KEY] = "key of the certificate is too short",
		[REASON_CERTIFICATE_SIGNATURE] = "signature of the certificate is too weak",
		[REASON_CERTIFICATE_VALIDITY] = "certificate ends too soon",
		[REASON_DANE] = "not verified by DANE",
		[REASON_UNKNOWN_FACT] = "what was agreed cannot be told of the session"
	};

	return words[reason];
}

static int64_t
reason_count(const void *counts, size_t i)
{
	return ((const int64_t *)counts)[i];
}

static int64_t
refused_of(const void *domains, size_t i)
{
	return ((const struct review_domain *)domains)[i].in.refused;
}

static int64_t
would_of(const void *domains, size_t i)
{
	return ((const struct review_domain *)domains)[i].in.would_be_refused;
}

/*
 * Of those that are more than none, the one behind "before" (SIZE_MAX: the first), the
 * most first; SIZE_MAX: there are no more.
 */
static size_t
next_most(const void *all, size_t count, int64_t (*much)(const void *all, size_t i),
    size_t before)
{
	size_t next = SIZE_MAX;

	for (size_t i = 0; i < count; i++) {
		int64_t here = much(all, i), limit = before == SIZE_MAX ? INT64_MAX :
		    much(all, before);
		bool is_behind = here < limit || (here == limit && i > before);

		if (here > 0 && is_behind && (next == SIZE_MAX || here > much(all, next)))
			next = i;
	}
	return next;
}

void
report_why(struct tree *tree, const char *name, const int64_t *counts)
{
	struct buffer why = BUFFER_INIT;
	size_t at = next_most(counts, REASON_COUNT, reason_count, SIZE_MAX);
	bool several = at != SIZE_MAX &&
	    next_most(counts, REASON_COUNT, reason_count, at) != SIZE_MAX;

	for (int shown = 0; at != SIZE_MAX && shown < WHY_MAX; shown++) {
		buffer_format(&why, "%s%s", shown > 0 ? ", " : "",
		    report_reason_words((int)at));
		if (several)
			buffer_format(&why, " (%s)", screen_digits(counts[at]).text);
		at = next_most(counts, REASON_COUNT, reason_count, at);
	}
	buffer_string(&why, at != SIZE_MAX ? " and others" : "");
	tree_buffer(tree, name, &why);
}

const char *
report_domain_label(const struct review_domain *domain)
{
	if (strcmp(domain->name, "<>") == 0)
		return "(bounces)";
	return domain->name[0] == '\0' ? "(no domain)" : domain->name;
}

/* "a.example, b.example and 12 more": whose mail it was, the most first. */
static void
put_whose(struct tree *tree, const char *name, const struct review_domain *domains,
    size_t count, int64_t (*much)(const void *domains, size_t i))
{
	struct buffer whose = BUFFER_INIT;
	size_t at = next_most(domains, count, much, SIZE_MAX), left = 0;

	for (size_t i = 0; i < count; i++)
		left += much(domains, i) > 0;
	for (int shown = 0; shown < WHOSE_MAX && at != SIZE_MAX; shown++, left--) {
		buffer_format(&whose, "%s%s", shown == 0 ? "" : ", ",
		    report_domain_label(&domains[at]));
		at = next_most(domains, count, much, at);
	}
	if (left > 0)
		buffer_format(&whose, " and %s more", screen_digits((int64_t)left).text);
	tree_buffer(tree, name, &whose);
}

void
report_whose(struct tree *tree, const struct review *review,
    const struct review_agreement *agreement)
{
	bool all = agreement->kind == RULE_DEFAULT;
	const struct review_domain *domains = all ? review->domains : agreement->senders;
	size_t count = all ? review->domain_count : agreement->sender_count;

	if (agreement->name != NULL || agreement->kind == RULE_DELIVER ||
	    (agreement->kind == RULE_FROM && count < 2))
		return;
	put_whose(tree, "whose_refused", domains, count, refused_of);
	put_whose(tree, "whose_would", domains, count, would_of);
}

/* ------------------------------------------------------------------ *
 * Whom to call
 * ------------------------------------------------------------------ */

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

/* What a word of a contact is, where it is an address (RFC 3986, 6068, 3966). */
static const struct link {
	const char *begins;		/* the word; NULL: it has an @ in it */
	const char *scheme;
	const char *plain;		/* what is not written as %XX */
} links[] = {
	{ "https://", "https://", PLAIN ":/?#[]@!$&'()*+,;=%" },
	{ "http://", "http://", PLAIN ":/?#[]@!$&'()*+,;=%" },
	{ "mailto:", "mailto:", PLAIN "@+" },
	{ "tel:", "tel:", PLAIN "+()" },
	{ "+", "tel:+", PLAIN "()" },
	{ NULL, "mailto:", PLAIN "@+" },
};

static const struct link *
find_link(const char *word, size_t length)
{
	const char *at = memchr(word, '@', length);

	for (size_t i = 0; links[i].begins != NULL; i++) {
		size_t begins = strlen(links[i].begins);

		if (length > begins + 2 && strncasecmp(word, links[i].begins, begins) == 0)
			return &links[i];
	}
	return at == NULL || at == word || at + 1 == word + length ||
	    memchr(at + 1, '@', (size_t)(word + length - at - 1)) != NULL ? NULL :
	    &links[sizeof(links) / sizeof(links[0]) - 1];
}

static void
put_piece(struct tree *tree, const char *text, size_t length, const struct link *link)
{
	struct buffer piece = BUFFER_INIT, href = BUFFER_INIT;
	size_t begins = link == NULL || link->begins == NULL ? 0 : strlen(link->begins);

	if (length == 0)
		return;
	buffer_add(&piece, text, length);
	if (link != NULL)
		buffer_string(&href, link->scheme);
	for (size_t i = begins; i < length && link != NULL; i++)
		if (text[i] == ' ')	/* in a number */
			continue;
		else if (strchr(link->plain, text[i]) != NULL)
			buffer_add(&href, text + i, 1);
		else
			buffer_format(&href, "%%%02X", (unsigned char)text[i]);
	tree_open_object(tree, NULL);
	tree_buffer(tree, "text", &piece);
	/* A longer one would be cut where it is written. */
	if (href.length < MUSTACHE_VALUE_MAX)
		tree_buffer(tree, "href", &href);
	buffer_free(&href);
	tree_close(tree);
}

/* How long the word at "text" is; a telephone number has blanks in it. */
static size_t
word_length(const char *text)
{
	size_t length = strcspn(text, " \t,;<>()\"|");
	size_t begins = strncasecmp(text, "tel:", 4) == 0 ? 4 : 0;

	if (begins > 0 || text[0] == '+') {
		length = begins + strspn(text + begins, "+0123456789()-./ ");
		while (strchr(" (-./", text[length - 1]) != NULL)
			length--;
	} else
		length -= length > 0 && text[length - 1] == '.';
	return length;
}

/* The contact in pieces, with links of those that are addresses. */
static void
put_contact(struct tree *tree, const char *contact)
{
	const char *plain = contact;

	tree_open_array(tree, "contact_links");
	for (const char *at = contact; at != NULL && *at != '\0'; ) {
		size_t length = word_length(at);
		const struct link *link = find_link(at, length);

		if (link != NULL) {
			put_piece(tree, plain, (size_t)(at - plain), NULL);
			put_piece(tree, at, length, link);
			plain = at + length;
		}
		at += length > 0 ? length : 1;
	}
	if (contact != NULL)
		put_piece(tree, plain, strlen(plain), NULL);
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * An agreement
 * ------------------------------------------------------------------ */

const struct report_verdict *
report_verdict(const struct review_agreement *agreement)
{
	static const struct report_verdict verdicts[] = {
		{ "refused", "bad", false }, { "could not go out", "bad", false },
		{ "sent below it", "bad", false },
		{ "would be refused", "warn", false }, { "new clear text", "warn", false },
		{ "refused by another rule", "warn", false },
		{ "handshakes failed", "warn", false }, { "held", "warn", false },
		{ "exempt", "warn", false }, { "no rule now", "quiet", false },
		{ "nothing seen", "quiet", false }, { "nothing required", "quiet", false },
		{ "not all met", "warn", false }, { "met", "good", true }
	};
	const struct review_side *in = &agreement->in, *out = &agreement->out;
	const bool is[] = {
		in->refused > 0, out->refused > 0, out->went.unmet > 0,
		in->would_be_refused + out->would_be_refused > 0,
		agreement->new_clear_text != NULL,
		in->refused_elsewhere > 0, agreement->handshakes_failed > 0,
		in->held + out->held > 0, in->exempt + out->exempt > 0,
		agreement->state == STATE_NO_RULE, in->messages + out->messages == 0,
		!agreement->demands, in->met < in->messages || out->went.met < out->sent,
		true
	};
	size_t i = 0;

	while (!is[i])
		i++;
	return &verdicts[i];
}

/* Its name, else the kind of its rule and what that names. */
void
report_agreement_label(const struct review_agreement *agreement, struct buffer *label)
{
	if (agreement->name != NULL)
		buffer_string(label, agreement->name);
	else if (agreement->kind == RULE_DEFAULT)
		buffer_string(label, "everybody else (default)");
	else {
		if (agreement->kind != RULE_FROM)
			buffer_format(label, "%s ", policy_rule_kind_name(agreement->kind));
		buffer_string(label, agreement->who != NULL ? agreement->who : "");
	}
}

void
report_people_name(struct tree *tree, const struct report_view *view,
    const struct review_agreement *agreement)
{
	const struct report_verdict *verdict = report_verdict(agreement);
	struct buffer label = BUFFER_INIT;

	report_agreement_label(agreement, &label);
	tree_buffer(tree, "label", &label);
	tree_number(tree, "at", agreement - view->report->agreements + 1);
	put_contact(tree, agreement->contact);
	tree_text(tree, "verdict", verdict->words);
	tree_text(tree, "verdict_class", verdict->class);
	tree_flag(tree, "enforced", agreement->state == STATE_ENFORCED && agreement->demands);
	tree_flag(tree, "monitored", agreement->state == STATE_MONITORED);
	tree_flag(tree, "exempt", agreement->state == STATE_EXEMPT);
	tree_flag(tree, "ready", agreement->ready);
	if (agreement->ready_but_for_count > 0)
		tree_text(tree, "but_for", agreement->ready_but_for[0].host);
	tree_time(tree, "until", agreement->until_ms);
}

/* What was wrong with TLS where mail waited, most first; else what of the agreement. */
void
report_why_waited(struct tree *tree, const char *name,
    const struct review_agreement *agreement)
{
	struct buffer why = BUFFER_INIT;

	for (size_t i = 0; i < agreement->trouble_count && i < WHY_MAX; i++) {
		const struct review_trouble *trouble = &agreement->troubles[i];

		buffer_format(&why, "%s%s", i == 0 ? "" : ", ", trouble->meaning != NULL ?
		    trouble->meaning : trouble->reason);
		if (agreement->trouble_count > 1)
			buffer_format(&why, " (%s)", screen_digits(trouble->deliveries).text);
	}
	if (agreement->trouble_count == 0)
		report_why(tree, name, agreement->out.refused_for);
	tree_buffer(tree, name, &why);
}

json_t *
report_people_agreement(const struct report_view *view,
    const struct review_agreement *agreement)
{
	json_t *made = report_json_agreement(agreement);
	struct tree tree = tree_on(made);

	report_people_name(&tree, view, agreement);
	report_why(&tree, "why_refused", agreement->in.refused_for);
	report_why(&tree, "why_would", agreement->in.would_for);
	report_why(&tree, "why_would_out", agreement->out.would_for);
	report_why(&tree, "why_below", agreement->out.went.unmet_for);
	report_why_waited(&tree, "why_waited", agreement);
	report_protocols(&tree, "in_protocols", &agreement->in);
	report_protocols(&tree, "out_protocols", &agreement->out);
	mark_session(&tree, "last_refused", &agreement->last_refused);
	mark_session(&tree, "last_would", &agreement->last_would);
	for (size_t i = 0; i < agreement->certificate_count; i++)
		if (agreement->certificates[i].not_after_ms != 0)
			mark_end(&tree, json_array_get(json_object_get(made,
			    "certificates"), i),
			    agreement->certificates[i].not_after_ms - view->now_ms);
	return tree_take(&tree);
}

json_t *
report_people_handshake(const struct review_handshake *handshake)
{
	struct tree tree = tree_on(report_json_handshake(handshake));
	struct buffer name = BUFFER_INIT;

	tree_flag(&tree, "is_out", handshake->out);
	tree_text(&tree, "known", known_by(handshake->by));
	/* What is to be done here is nothing to ask of them. */
	if (handshake->side != NULL && (strcmp(handshake->side, "remote") == 0 ||
	    strcmp(handshake->side, "either") == 0))
		tree_text(&tree, "theirs", handshake->fix);
	if (handshake->others > 0) {
		buffer_format(&name, "%s others", screen_digits(handshake->others).text);
		tree_buffer(&tree, "host", &name);
	}
	return tree_take(&tree);
}
