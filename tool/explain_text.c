/*
 * explain_text.c - a verdict and its steps, in words.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/explain.h"

#include "tool/mustache.h"

#define PLACE_WORDS "{{rule}} ({{rule_kind}}{{#rule_name}} {{rule_name}}{{/rule_name}})"

/* Sections of a member stand on lines of their own, so that these go where it is not. */
static const char words[] =
    "what came\n"
    "{{#when}}\n"
    "  when:        {{when|second}} UTC\n"
    "{{/when}}\n"
    "{{#known}}\n"
    "  client:      "
    "{{#here}}a program on this host, not over SMTP{{/here}}"
    "{{^here}}{{client_name}}{{#client_name}} {{/client_name}}"
    "{{#client_addr}}[{{client_addr}}]{{/client_addr}}"
    "{{^client_name}}{{^client_addr}}not known{{/client_addr}}{{/client_name}}"
    "{{#helo}}, which calls itself {{helo}}{{/helo}}"
    "{{#sasl_username}}, authenticated as {{sasl_username}}{{/sasl_username}}{{/here}}\n"
    "  mail:        from {{from}}{{#to}} to {{to}}{{/to}}"
    "{{#to_resolved}}, resolved to {{to_resolved}}{{/to_resolved}}\n"
    "  session:     {{#clear}}clear text, not encrypted{{/clear}}"
    "{{#untold}}whether it was encrypted is not known{{/untold}}"
    "{{#tls}}{{tls_version}}{{^tls_version}}a protocol that is not known{{/tls_version}}"
    ", {{#cipher}}cipher {{cipher}}{{/cipher}}"
    "{{^cipher}}a cipher that is not known{{/cipher}}"
    "{{#has_bits}}, {{verdict_bits|plain}} bits{{/has_bits}}{{/tls}}\n"
    "{{/known}}\n"
    "  certificate: {{certificate}}\n"
    "facts\n"
    "{{#facts}}\n"
    "  {{name}} {{value}}{{source}}\n"
    "{{/facts}}\n"
    "{{{not_given}}}"
    "what is required\n"
    "{{#rules}}\n"
    "  {{slot}}: {{#none}}none applies{{/none}}{{^none}}" PLACE_WORDS "{{/none}}\n"
    "{{#is_entry}}\n"
    "{{#line}}\n"
    "      {{rule}}: {{line}}\n"
    "{{/line}}\n"
    "{{/is_entry}}\n"
    "{{#statement}}\n"
    "{{#line}}\n"
    "      {{place}}: {{line}}\n"
    "{{/line}}\n"
    "{{/statement}}\n"
    "{{#undecided}}\n"
    "    its regular expression hit the limit: it is unknown whether the rule applies\n"
    "{{/undecided}}\n"
    "{{#exempt}}\n"
    "    exempt: accept, whatever another rule says\n"
    "{{/exempt}}\n"
    "{{#requirements}}\n"
    "    require {{kind}}: {{outcome}}\n"
    "{{#is_apart}}\n"
    "{{#line}}\n"
    "      {{place}}: {{line}}\n"
    "{{/line}}\n"
    "{{/is_apart}}\n"
    "{{#required}}\n"
    "      required: {{required}}; otherwise {{action}}\n"
    "{{/required}}\n"
    "      session: {{held_against}}\n"
    "{{/requirements}}\n"
    "{{#action}}\n"
    "    this rule: {{action}}{{#reason}}, reason {{reason}}{{/reason}}"
    "{{#monitored}}; under monitor, so it counts as accept{{/monitored}}\n"
    "{{/action}}\n"
    "{{/rules}}\n"
    "what is not met\n"
    "{{{unmet}}}"
    "verdict: {{action}}"
    "{{#soft_bounced}} (soft-bounce: it was a reject){{/soft_bounced}}\n"
    "  rule     {{reported}}{{^reported}}none applies{{/reported}}\n"
    "{{#reason}}\n"
    "  reason   {{reason}}\n"
    "{{/reason}}\n"
    "{{#failed}}\n"
    "  failed   {{failed}}\n"
    "{{/failed}}\n"
    "{{#exempt}}\n"
    "  exempt   {{exempt}}\n"
    "{{/exempt}}\n"
    "{{#would}}\n"
    "  would    {{action}}, reason {{reason}}, by {{by}}\n"
    "{{/would}}\n"
    "{{#reply}}\n"
    "  reply    {{reply}}\n"
    "{{/reply}}\n"
    "{{#contact}}\n"
    "  contact  {{contact}}\n"
    "{{/contact}}\n"
    "{{#note}}\n"
    "  note     {{note}}\n"
    "{{/note}}\n"
    "{{#recorded}}\n"
    "  recorded {{action}}{{#reason}}, reason {{reason}}{{/reason}}: by another policy, or "
    "other settings\n"
    "{{/recorded}}\n"
    "{{#sentence}}\n"
    "{{#is_ours}}\n"
    "for ourselves\n"
    "{{/is_ours}}\n"
    "{{^is_ours}}\n"
    "for the partner's postmaster\n"
    "{{/is_ours}}\n"
    "  {{{sentence}}}\n"
    "{{/sentence}}\n";

void
explain_text(const struct explained *explained, struct buffer *text)
{
	char error[MUSTACHE_ERROR_MAX];
	struct mustache *template = mustache_parse("", words, error);
	json_t *values = explain_model(explained, true);

	if (template == NULL || values == NULL)
		text->failed = true;
	else
		mustache_fill(template, values, MUSTACHE_SCREEN, text);
	mustache_free(&template);
	json_decref(values);
}
