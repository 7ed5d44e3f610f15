/*
 * report_view.c - a report of the journal, joined with the policy in force.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define DAY_MS (INT64_C(86400) * 1000)

const char *
report_state_name(enum report_state state)
{
	static const char *const names[] = {
		[REPORT_REFUSED] = "refused", [REPORT_DOWNGRADE] = "downgrade",
		[REPORT_WOULD] = "would be refused", [REPORT_EXPIRY] = "certificate ends",
		[REPORT_FORGED] = "clear text from elsewhere",
		[REPORT_CLEAR] = "some clear text", [REPORT_QUIET] = "nothing failed"
	};

	return names[state];
}

const char *
report_standing_name(const struct policy_standing *standing)
{
	static const char *const names[] = {
		[STATE_NO_RULE] = "no rule", [STATE_ENFORCED] = "enforced",
		[STATE_MONITORED] = "monitored", [STATE_EXEMPT] = "exempt"
	};

	return names[standing->state];
}

const char *
report_reason_name(int reason)
{
	return reason == REASON_NONE ? "other" :
	    policy_reason_name((enum policy_reason)reason);
}

int64_t
report_refusals(const struct review_counts *counts)
{
	return counts->rejected + counts->tempfailed;
}

bool
report_is_listed(const struct report_partner *partner)
{
	return partner->has_rule || partner->seen->last_ms != 0;
}

const char *
report_domain_name(const struct review_domain *domain)
{
	if (strcmp(domain->name, "<>") == 0)
		return "(bounces)";
	return domain->name[0] == '\0' ? "(no domain)" : domain->name;
}

/* ------------------------------------------------------------------ *
 * What the policy says
 * ------------------------------------------------------------------ */

/* The certificate that the partner used last has ended, or will soon. */
static bool
ends_soon(const struct review_domain *domain, int64_t now_ms)
{
	int64_t end = domain->certificate_count == 0 ? 0 :
	    domain->certificates[0].not_after_ms;

	return end != 0 && end - now_ms < REPORT_SOON_MS;
}

static enum report_state
state_of(const struct review_domain *domain, int64_t now_ms)
{
	if (report_refusals(&domain->counts) > 0)
		return REPORT_REFUSED;
	if (domain->downgrade.transactions > 0 && domain->downgrade.same_network)
		return REPORT_DOWNGRADE;
	if (domain->counts.would > 0)
		return REPORT_WOULD;
	if (ends_soon(domain, now_ms))
		return REPORT_EXPIRY;
	if (domain->downgrade.transactions > 0)
		return REPORT_FORGED;
	return domain->counts.protocol[PROTOCOL_CLEAR] > 0 ? REPORT_CLEAR : REPORT_QUIET;
}

/* No local part that a rule would name. */
static int
find_standing(const struct report_view *view, const struct loaded *loaded,
    const struct review_domain *domain, struct policy_standing *standing)
{
	struct policy_options options = settings_policy_options(loaded->settings,
	    view->now_ms / 1000);
	struct buffer sender = BUFFER_INIT;
	int result = -1;

	if (strcmp(domain->name, "<>") == 0)
		buffer_string(&sender, "<>");
	else
		/* Below a domain: one that has no name of its own. */
		buffer_format(&sender, "?@%s%s", domain->name[0] == '.' ? "?" : "",
		    domain->name);
	if (!sender.failed)
		result = policy_standing(loaded->policy, sender.text, &options, standing);
	buffer_free(&sender);
	return result;
}

/* Monitored, with mail in the last days, and none that would have been refused. */
static bool
find_ready(const struct report_view *view, sqlite3 *db, struct report_partner *partner)
{
	int64_t since = view->now_ms - view->ready_days * DAY_MS;
	int64_t first_ms;

	partner->last_would_ms = partner->seen->last_would.time_ms;
	if (partner->standing.state != STATE_MONITORED || partner->seen->last_ms == 0)
		return true;
	/* What the period shows need not be looked up again. */
	if (partner->last_would_ms == 0 || partner->last_would_ms < since) {
		if (!review_history(db, partner->seen->name,
		    &partner->last_would_ms, &first_ms))
			return false;
		partner->ready = partner->last_would_ms < since && first_ms != 0 &&
		    first_ms <= since && partner->seen->last_ms >= since;
	}
	return true;
}

static int
join_partner(const struct report_view *view, const struct loaded *loaded,
    const struct tool_journal *journal, struct report_partner *partner)
{
	const struct review_domain *domain = partner->seen;

	if (find_standing(view, loaded, domain, &partner->standing) != 0)
		return tool_trouble("not enough memory");
	partner->state = state_of(domain, view->now_ms);
	partner->has_rule = partner->standing.state != STATE_NO_RULE &&
	    partner->standing.place.kind == RULE_FROM;
	partner->candidate = !partner->has_rule && domain->strong &&
	    strchr(domain->name, '.') != NULL &&
	    domain->counts.transactions >= REPORT_CANDIDATE_LEAST;
	if (!find_ready(view, journal->db, partner))
		return tool_journal_trouble(journal, sqlite3_errcode(journal->db));
	return STATUS_FINE;
}

static int64_t
how_much(const struct report_partner *partner)
{
	switch (partner->state) {
	case REPORT_REFUSED:
		return report_refusals(&partner->seen->counts);
	case REPORT_DOWNGRADE:
	case REPORT_FORGED:
		return partner->seen->downgrade.transactions;
	case REPORT_WOULD:
		return partner->seen->counts.would;
	case REPORT_CLEAR:
		return partner->seen->counts.protocol[PROTOCOL_CLEAR];
	case REPORT_EXPIRY:
	case REPORT_QUIET:
		break;
	}
	return partner->seen->counts.transactions;
}

static int
worst_first(const void *a, const void *b)
{
	const struct report_partner *one = a, *other = b;

	if (one->state != other->state)
		return one->state < other->state ? -1 : 1;
	if (how_much(one) != how_much(other))
		return how_much(one) > how_much(other) ? -1 : 1;
	return strcmp(one->seen->name, other->seen->name);
}

int
report_view_make(struct report_view *view, const struct loaded *loaded,
    const struct tool_journal *journal)
{
	size_t count = view->report->domain_count;

	view->partners = calloc(count + 1, sizeof(*view->partners));
	if (view->partners == NULL)
		return tool_trouble("not enough memory");
	for (size_t i = 0; i < count; i++) {
		view->partners[i].seen = &view->report->domains[i];
		if (join_partner(view, loaded, journal, &view->partners[i]) !=
		    STATUS_FINE)
			return STATUS_TROUBLE;
	}
	view->partner_count = count;
	qsort(view->partners, count, sizeof(*view->partners), worst_first);
	return STATUS_FINE;
}
