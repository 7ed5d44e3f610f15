/*
 * explain_verdict.c - what is not met, the verdict and the reply, in words.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "tool/explain.h"
#include "base/buffer.h"
#include "base/text.h"

#define REQUIRED_MAX 1024

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
		if (!policy_required_text(outcome, kind, required, sizeof required))
			(void)strcpy(required, "TLS, which another requirement implies");
		text_visible(text, required);
		buffer_string(text, "; this session: ");
		explain_session(kind, verdict, facts, text);
		buffer_string(text, "\n");
	}
}

static void
add_unmet(const struct explained *explained, struct buffer *text)
{
	size_t before;

	buffer_string(text, "what is not met\n");
	before = text->length;
	for (int i = 0; i < OUTCOME_COUNT && !explained->verdict->exempt; i++)
		if (explained->verdict->outcome[i].rule != NULL)
			explain_unmet(&explained->verdict->outcome[i],
			    explained->verdict, explained->facts, "  ", text);
	if (text->length == before)
		buffer_string(text, explained->verdict->exempt ?
		    "  a rule exempts: no requirement counts\n" : "  nothing\n");
}

static void
add_failed(unsigned failed, struct buffer *text)
{
	const char *before = "  failed   ";

	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		if ((failed & 1u << r) == 0)
			continue;
		buffer_format(text, "%s%s", before,
		    policy_reason_name((enum policy_reason)r));
		before = ", ";
	}
	buffer_string(text, failed != 0 ? "\n" : "");
}

static void
add_would(const struct verdict *verdict, struct buffer *text)
{
	const struct policy_outcome *outcome;

	if (verdict->would == POLICY_ACCEPT || verdict->would_by < 0)
		return;
	outcome = &verdict->outcome[verdict->would_by];
	buffer_format(text, "  would    %s, reason %s, by ",
	    policy_action_name(verdict->would), policy_reason_name(outcome->reason));
	explain_place(&outcome->place, text);
	buffer_string(text, "\n");
}

static void
add_line(const char *name, const char *value, struct buffer *text)
{
	if (value == NULL)
		return;
	buffer_format(text, "  %-8s ", name);
	text_visible(text, value);
	buffer_string(text, "\n");
}

/* Where the record says something else than is said now. */
static void
add_recorded(const struct explained *explained, struct buffer *text)
{
	const char *action = policy_action_name(explained->verdict->action);

	if (explained->recorded_action == NULL ||
	    strcmp(explained->recorded_action, action) == 0)
		return;
	buffer_string(text, "  recorded ");
	text_visible(text, explained->recorded_action);
	if (explained->recorded_reason != NULL) {
		buffer_string(text, ", reason ");
		text_visible(text, explained->recorded_reason);
	}
	buffer_string(text, ": by another policy, or other settings\n");
}

static void
add_sentence(const struct explained *explained, struct buffer *text)
{
	const struct policy_outcome *blamed = explain_blamed(explained->verdict);
	struct buffer sentence = BUFFER_INIT;

	if (explain_sentence(explained, &sentence) && !sentence.failed) {
		buffer_string(text, explain_is_ours(blamed) ? "for ourselves\n  " :
		    "for the partner's postmaster\n  ");
		buffer_add(text, sentence.text, sentence.length);
		buffer_string(text, "\n");
	}
	text->failed |= sentence.failed;
	buffer_free(&sentence);
}

static void
add_reply(const struct explained *explained, struct buffer *text)
{
	struct policy_reply reply;

	if (policy_reply(explained->verdict, explained->facts, &reply))
		buffer_format(text, "  reply    %s %s %s\n", reply.code, reply.enhanced,
		    reply.text);
}

void
explain_verdict(const struct explained *explained, struct buffer *text)
{
	const struct verdict *verdict = explained->verdict;

	add_unmet(explained, text);
	buffer_format(text, "verdict: %s%s\n", policy_action_name(verdict->action),
	    verdict->soft_bounced ? " (soft-bounce: it was a reject)" : "");
	buffer_string(text, "  rule     ");
	if (verdict->reported >= 0)
		explain_place(&verdict->outcome[verdict->reported].place, text);
	else
		buffer_string(text, "none applies");
	buffer_string(text, "\n");
	if (verdict->reason != REASON_NONE)
		add_line("reason", policy_reason_name(verdict->reason), text);
	add_failed(verdict->failed, text);
	add_line("exempt", verdict->exempt ? verdict->exempt_reason : NULL, text);
	add_would(verdict, text);
	add_reply(explained, text);
	add_line("contact", verdict->contact, text);
	add_line("note", verdict->note, text);
	add_recorded(explained, text);
	add_sentence(explained, text);
}
