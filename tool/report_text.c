/*
 * report_text.c - a report as text for people.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include "tool/screen.h"

/* Without a terminal, and without --all. */
#define WIDTH 79
#define OTHERS_SHOWN 20

static const char head[] =
    "TLS of incoming mail from {{since|second}} to {{until|second}} UTC"
    "{{#filter}}, senders of {{filter}}{{/filter}}\n"
    "{{#begins_later}}\n"
    "The journal begins at {{oldest|second}}.\n"
    "{{/begins_later}}\n"
    "{{#lost}}\n"
    "Not in the journal: {{records}} record{{records|s}} and {{messages}} "
    "message{{messages|s}} of roll-ups, {{meaning}}; the newest of {{last|second}}\n"
    "{{/lost}}\n"
    "\n"
    "{{#totals}}\n"
    "{{transactions}} transaction{{transactions|s}}"
    "{{/totals}}"
    "{{#protocol_list}}, {{over_tls.down}} encrypted: {{protocol_list}}"
    "{{/protocol_list}}\n"
    "{{#totals}}{{accepted}} accepted ({{exempted}} by an exemption), {{held}} held, "
    "{{/totals}}"
    "{{refusals}} refusal{{refusals|s}}{{#refusals}} ({{refused_list}}){{/refusals}}, "
    "{{totals.would}} that rules under monitor would refuse\n"
    "This is known of these sessions, and of no others. Counted are transactions, not "
    "messages delivered: the mail server may have refused some later, for reasons of its "
    "own. A refusal is a recipient.\n"
    "{{#others}}\n"
    "{{others}} transaction{{others|s}} of domains beyond those listed.\n"
    "{{/others}}\n";

#define SESSION_WORDS \
    "{{time|second}}{{#host}} from {{host}}{{/host}}" \
    "{{#other_addr}} [{{other_addr}}]{{/other_addr}}"
#define FAILURE_WORDS SESSION_WORDS \
    "{{#reason}}: {{reason}}, {{protocol}}{{/reason}}"

static const char partner_words[] =
    "\n"
    "{{name}}: {{policy}}{{#until}} until {{until|day}}{{/until}}"
    "{{#monitored}}{{#ready}}, ready (no would-be refusal for {{ready_days|plain}} days)"
    "{{/ready}}{{^ready}}, not ready{{/ready}}{{/monitored}}"
    "{{#rule}}, {{rule}}{{/rule}}{{#exempt}}, \"{{exempt}}\"{{/exempt}}"
    "{{#contact}}, contact {{contact}}{{/contact}}\n"
    "    {{transactions}} transaction{{transactions|s}}"
    "{{#transactions}}, {{over_tls.down}} encrypted: {{protocol_list}}{{/transactions}}\n"
    "{{#refusals}}\n"
    "    refused: {{refusals}} ({{refused_list}}); the last "
    "{{#last_refused}}" FAILURE_WORDS "{{/last_refused}}\n"
    "{{/refusals}}\n"
    "{{#would}}\n"
    "    would be refused: {{would}} ({{would_list}}); the last "
    "{{#last_would}}" FAILURE_WORDS "{{/last_would}}\n"
    "{{/would}}\n"
    "{{#downgrade}}\n"
    "    DOWNGRADE: {{transactions}} transaction{{transactions|s}} in clear text though "
    "this sender had used TLS ({{tls|day}}); the last {{last|second}}"
    "{{#network}}, {{network}}{{/network}}: {{#same_network}}from the same network"
    "{{/same_network}}{{^same_network}}from elsewhere, may be forged{{/same_network}}\n"
    "{{/downgrade}}\n"
    "{{#weakest}}\n"
    "    weakest session: {{protocol}}{{#cipher}} {{cipher}}{{/cipher}}, "
    SESSION_WORDS "\n"
    "{{/weakest}}\n"
    "{{#has_ciphers}}\n"
    "    ciphers: {{#cipher_list}}{{#more}}, {{/more}}{{cipher}} {{transactions}}"
    "{{/cipher_list}}{{#other_ciphers}}, others {{other_ciphers}}{{/other_ciphers}}\n"
    "{{/has_ciphers}}\n"
    "{{#certificates}}\n"
    "    certificate {{cert_cn}}{{^cert_cn}}without a name{{/cert_cn}}"
    "{{#cert_issuer}} by {{cert_issuer}}{{/cert_issuer}}"
    "{{#cert_fingerprint}} {{cert_fingerprint}}{{/cert_fingerprint}}"
    "{{^cert_fingerprint}}{{#cert_pubkey_fingerprint}} {{cert_pubkey_fingerprint}}"
    "{{/cert_pubkey_fingerprint}}{{/cert_fingerprint}}"
    ", {{^verified}}not {{/verified}}verified"
    "{{#expired}}, EXPIRED {{cert_not_after|day}}{{/expired}}"
    "{{#soon}}, valid until {{cert_not_after|day}} (SOON){{/soon}}"
    "{{#later}}, valid until {{cert_not_after|day}}{{/later}}"
    "; {{transactions}} transaction{{transactions|s}}, last {{last|day}}\n"
    "{{/certificates}}\n"
    "{{#last}}\n"
    "    seen from {{first|second}} to {{last|second}}\n"
    "{{/last}}\n";

static const char candidate_words[] =
    "    {{name}}, {{transactions}} transaction{{transactions|s}}\n";

/* A list of the report, with what comes before its first domain. */
struct text_list {
	const char *heading;
	const char *template;
	bool (*has)(const struct report_partner *partner);
	bool short_one;			/* without --all */
};

static bool
has_rule(const struct report_partner *partner)
{
	return partner->has_rule && report_is_listed(partner);
}

static bool
has_none(const struct report_partner *partner)
{
	return !partner->has_rule && report_is_listed(partner);
}

static bool
has_passed(const struct report_partner *partner)
{
	return partner->candidate;
}

static const struct text_list lists[] = {
	{ "\nDOMAINS WITH A RULE, the worst first\n", partner_words, has_rule, false },
	{ "\nDOMAINS WITHOUT A RULE OF THEIR OWN, the worst first\n", partner_words,
	    has_none, true },
	{ "\nWITHOUT A RULE, AND WOULD PASS ONE\nAll of these sessions meet \""
	    REPORT_CANDIDATE_RULE "\":\n", candidate_words, has_passed, true },
};

static void
write_domains(const struct report_view *view, const struct text_list *list,
    const struct mustache *template, struct buffer *text)
{
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < view->partner_count; i++) {
		const struct report_partner *partner = &view->partners[i];
		json_t *values;

		if (!list->has(partner))
			continue;
		if (list->short_one && !view->all && shown == OTHERS_SHOWN) {
			left++;
			continue;
		}
		buffer_string(text, shown++ == 0 ? list->heading : "");
		values = report_people_partner(view, partner);
		if (values == NULL)
			text->failed = true;
		else
			mustache_fill(template, values, MUSTACHE_SCREEN, text);
		json_decref(values);
	}
	if (left > 0)
		buffer_format(text, "\n... and %zu more domain%s: --all lists them.\n",
		    left, left == 1 ? "" : "s");
}

static void
write_text_list(const struct report_view *view, const struct text_list *list,
    struct buffer *text)
{
	char error[MUSTACHE_ERROR_MAX];
	struct mustache *template = mustache_parse("", list->template, error);

	if (template == NULL)
		text->failed = true;
	else
		write_domains(view, list, template, text);
	mustache_free(&template);
}

void
report_text_write(const struct report_view *view, int width, struct buffer *text)
{
	struct tree tree = { .depth = 0 };
	struct buffer whole = BUFFER_INIT;

	tree_open_object(&tree, NULL);
	report_people_head(&tree, view);
	report_fill(head, tree_take(&tree), MUSTACHE_SCREEN, &whole);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		write_text_list(view, &lists[i], &whole);
	screen_fold(&whole, width == 0 ? WIDTH : width, false, text);
	buffer_free(&whole);
}
