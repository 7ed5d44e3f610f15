/*
 * watch_judge.c - what was sent, judged by the policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ *
 * The policy and the table of diagnoses
 * ------------------------------------------------------------------ */

bool
watch_judge_load(struct watch_judge *judge)
{
	struct diags *diags;

	if (tool_load_usable(judge->policy, judge->config, &judge->loaded) != STATUS_FINE)
		return false;
	if ((diags = diags_new()) == NULL) {
		(void)tool_no_memory();
		return false;
	}
	judge->diagnoses = diagnoses_read(judge->config, diags);
	diags_print(diags, false, stderr);
	diags_free(&diags);
	if (judge->diagnoses == NULL)
		(void)tool_no_memory();
	/* An entry with an error is left out, and lines are not. */
	return judge->diagnoses != NULL;
}

bool
watch_judge_reload(struct watch_judge *judge)
{
	struct watch_judge next = { .policy = judge->policy, .config = judge->config };

	if (!watch_judge_load(&next)) {
		watch_judge_free(&next);
		return false;
	}
	watch_judge_free(judge);
	judge->loaded = next.loaded;
	judge->diagnoses = next.diagnoses;
	return true;
}

void
watch_judge_free(struct watch_judge *judge)
{
	tool_unload(&judge->loaded);
	diagnoses_free(&judge->diagnoses);
}

/* ------------------------------------------------------------------ *
 * A delivery
 * ------------------------------------------------------------------ */

/* So many in a minute that went out below their agreement are told. */
#define TOLD_MAX 20

/* "tls-version: required is TLS 1.2 or newer" */
static void
say_lacking(const struct maillog_judged *judged, char *text, size_t size)
{
	const struct policy_outcome *outcome =
	    &judged->verdict.outcome[judged->verdict.reported];
	char required[300] = "";
	int kind = KIND_FIRST;

	while (kind < KIND_END && outcome->check[kind] != CHECK_UNMET)
		kind++;
	(void)snprintf(text, size, "%s%s%s", policy_reason_name(judged->reason),
	    kind < KIND_END && policy_required_text(outcome, (enum policy_reason)kind,
	    required, sizeof(required)) ? ", required is " : "", required);
}

static bool
may_tell(struct watch_judge *judge, int64_t now_ms)
{
	if (now_ms - judge->told_ms >= LIMITER_PERIOD_MS) {
		watch_judge_settle(judge);
		judge->told_ms = now_ms;
		judge->told = 0;
	}
	if (judge->told < TOLD_MAX) {
		judge->told++;
		return true;
	}
	judge->untold++;
	return false;
}

void
watch_judge_settle(struct watch_judge *judge)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "warning: %lu more went out below their "
	    "agreements: tlsward log --direction out --would lists all", judge->untold);
	if (judge->untold > 0)
		judge->say(NULL, text);
	judge->untold = 0;
}

/* That mail went out below its agreement is told, with what may be the matter. */
static void
tell_below(struct watch_judge *judge, const struct maillog_judged *judged,
    const struct maillog_delivery *delivery, const struct journal_delivery *row)
{
	char lacking[400], text[2048];

	if (!may_tell(judge, tool_now_ms()))
		return;
	say_lacking(judged, lacking, sizeof(lacking));
	(void)snprintf(text, sizeof(text), "warning: %s to %s went out by %s below its "
	    "agreement (%s; rule %s)%s%s%s", row->queue_id, row->next_hop, row->relay,
	    lacking, row->rule,
	    judged->verdict.action == POLICY_ACCEPT ? ", which is under monitor" :
	    delivery->not_required ? ": its header has \"TLS-Required: no\"" :
	    ": the mail server did not keep to it",
	    delivery->level != NULL ? ", and had the level " : "",
	    delivery->level != NULL ? delivery->level : "");
	judge->say(NULL, text);
}

void
watch_judge_delivery(struct watch_judge *judge, const struct maillog_delivery *delivery,
    int64_t time_ms, struct journal_watch *writer)
{
	const char *at = delivery->to == NULL ? NULL : strrchr(delivery->to, '@');
	char next_hop[256] = "", rule[512];
	struct journal_delivery row = {
		.time_ms = time_ms, .queue_id = delivery->queue_id, .to = delivery->to,
		.dsn = delivery->dsn, .text = delivery->text, .next_hop = next_hop,
		.relay = delivery->relay, .address = delivery->address,
		.tls_version = delivery->tls_version, .cipher = delivery->cipher,
		.bits = delivery->bits, .verification = delivery->verification,
		.result = delivery->result
	};
	const struct policy_options options = settings_policy_options(
	    judge->loaded.settings, time_ms / 1000);
	const struct policy_outcome *outcome;
	struct maillog_judged judged;

	if (at != NULL && !policy_domain(at + 1, next_hop, sizeof(next_hop)))
		next_hop[0] = '\0';
	if (delivery->trouble != NULL)
		row.tls_reason = diagnoses_find(judge->diagnoses, delivery->trouble)->id;
	if (maillog_judge(judge->loaded.policy, &options, delivery, next_hop, &judged) &&
	    judged.verdict.reported >= 0) {
		outcome = &judged.verdict.outcome[judged.verdict.reported];
		(void)snprintf(rule, sizeof(rule), "%s:%u", outcome->place.file,
		    outcome->place.line);
		row.rule = rule;
		row.rule_kind = policy_rule_kind_name(outcome->place.kind);
		row.rule_name = outcome->place.name;
		row.partner = outcome->partner;
		row.reason = judged.reason == REASON_NONE ? NULL :
		    policy_reason_name(judged.reason);
	}
	row.verdict = judged.word;
	row.below = judged.below;
	if (judged.below)
		tell_below(judge, &judged, delivery, &row);
	journal_watch_delivery(writer, &row);
}
