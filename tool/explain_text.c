/*
 * explain_text.c - a verdict and its steps, in words.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/explain.h"

#include <string.h>

#include "tool/mustache.h"
#include "base/text.h"

#define REQUIRED_MAX 1024

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

/* ------------------------------------------------------------------ *
 * Words that a failed test has too
 * ------------------------------------------------------------------ */

void
explain_place(const struct policy_place *place, struct buffer *text)
{
	text_visible(text, place->file != NULL ? place->file : "");
	buffer_format(text, ":%u (%s", place->line, policy_rule_kind_name(place->kind));
	if (place->name != NULL) {
		buffer_string(text, " ");
		text_visible(text, place->name);
	}
	buffer_string(text, ")");
}

void
explain_session(enum policy_reason kind, const struct verdict *verdict,
    const struct facts *facts, struct buffer *text)
{
	const char *const *names = policy_kind_facts(kind);

	for (size_t i = 0; names[i] != NULL; i++) {
		const char *name = names[i];

		buffer_format(text, "%s%s ", i > 0 ? ", " : "", name);
		if (journal_fact_text(facts, name, text))
			continue;
		if (strcmp(name, "bits") == 0 && verdict->bits >= 0)
			buffer_format(text, "%d by the cipher's name", verdict->bits);
		else
			buffer_string(text, "unknown");
	}
}

void
explain_unmet(const struct policy_outcome *outcome, const struct verdict *verdict,
    const struct facts *facts, const char *indent, struct buffer *text)
{
	char required[REQUIRED_MAX];

	if (outcome->undecided) {
		buffer_format(text, "%swhether the rule ", indent);
		explain_place(&outcome->place, text);
		buffer_string(text, " applies is unknown: its regular expression hit "
		    "the limit\n");
	}
	for (unsigned k = KIND_FIRST; k < KIND_END; k++) {
		enum policy_reason kind = (enum policy_reason)k;
		bool unknown = outcome->check[kind] == CHECK_UNKNOWN;
		struct policy_place place;

		if (!unknown && outcome->check[kind] != CHECK_UNMET)
			continue;
		buffer_format(text, "%srequire %s", indent, policy_kind_name(kind));
		if (policy_required_place(outcome, kind, &place)) {
			buffer_string(text, " (");
			text_visible(text, place.file);
			buffer_format(text, ":%u)", place.line);
		}
		buffer_string(text, unknown ? ": unknown: " : ": not met: ");
		if (!policy_required_text(outcome, kind, required, sizeof(required)))
			(void)strcpy(required, "TLS, which another requirement implies");
		text_visible(text, required);
		buffer_string(text, "; this session: ");
		explain_session(kind, verdict, facts, text);
		buffer_string(text, "\n");
	}
}
