/*
 * report.h - a report of the journal, joined with the policy in force.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_REPORT_H
#define TLSWARD_TOOL_REPORT_H

#include <stdio.h>

#include "tool/mustache.h"
#include "tool/tool.h"
#include "tool/tree.h"
#include "review/review.h"
#include "base/buffer.h"

/* In order of what is to be looked at first. */
enum report_state {
	REPORT_REFUSED,		/* some was refused */
	REPORT_DOWNGRADE,	/* clear text from a network that had used TLS */
	REPORT_WOULD,		/* a rule under monitor would have refused some */
	REPORT_EXPIRY,		/* the certificate last seen has expired, or soon will */
	REPORT_FORGED,		/* clear text from elsewhere, TLS from home */
	REPORT_CLEAR,		/* some clear text */
	REPORT_QUIET		/* nothing of that */
};

/* A certificate's end is told of this long before. */
#define REPORT_SOON_MS (INT64_C(30) * 86400 * 1000)

/* A domain with fewer transactions is no candidate for a rule. */
#define REPORT_CANDIDATE_LEAST 10

/* The rule that a candidate would have passed. */
#define REPORT_CANDIDATE_RULE \
	"require tls >= 1.2; require bits >= 128; require forward-secrecy"

struct report_partner {
	const struct review_domain *seen;	/* what the journal has of it */
	struct policy_standing standing;	/* what the policy says of it, now */
	enum report_state state;
	bool has_rule;				/* a "from" rule names it */
	bool candidate;				/* it has none, and would pass one */
	bool ready;				/* monitored, and could be enforced */
	int64_t last_would_ms;			/* in all of the journal; 0: never */
};

/* Borrows from the report and the policy. */
struct report_view {
	const struct review *report;
	const char *journal;			/* its path */
	int64_t now_ms;
	int ready_days;		/* without a would-be refusal, to be ready */
	bool all;		/* list domains without a rule to the last */
	struct report_partner *partners;	/* by state, then by how much of it */
	size_t partner_count;
};

/*
 * Joins the domains of view->report with the policy, by the other members of the view.
 * view->partners is to be freed in any case. Says why not where that fails; returns the
 * status.
 */
int report_view_make(struct report_view *view, const struct loaded *loaded,
    const struct tool_journal *journal);

/* "refused", "downgrade" ...; "no rule", "enforced", "monitored", "exempt". Static. */
const char *report_state_name(enum report_state state);
const char *report_standing_name(const struct policy_standing *standing);

/* The reason at a place of an array by reason; [REASON_NONE] is "other". Static. */
const char *report_reason_name(int reason);

/* Refusals of the domain; the counts of an array by reason, in all. */
int64_t report_refusals(const struct review_counts *counts);

/* Does a domain have transactions, or a rule? */
bool report_is_listed(const struct report_partner *partner);

/* The name to show: "(bounces)" and "(no domain)" for what has none. */
const char *report_domain_name(const struct review_domain *domain);

/* Append the report as JSON, text, CSV; and return the status, having said why not. */
void report_json_write(const struct report_view *view, struct buffer *text);
int report_text_write(const struct report_view *view, int width, struct buffer *text);
int report_csv_write(const struct report_view *view, struct buffer *text);

/* Members of the JSON, into an object that is open. */
void report_json_head(struct tree *tree, const struct report_view *view);
void report_json_tail(struct tree *tree, const struct report_view *view);
void report_json_partner(struct tree *tree, const struct report_partner *partner);
void report_json_certificate(struct tree *tree,
    const struct review_certificate *certificate);

/* The message to a partner. */
struct report_mail {
	const struct report_view *view;
	const struct report_partner *partner;
	const struct loaded *loaded;
	const char *to;		/* --to; NULL: the contact */
	const char *from;	/* --from; NULL: left out */
};

/* Appends it. Returns STATUS_FINE, or says why not and returns STATUS_TROUBLE. */
int report_mail_write(const struct report_mail *mail, struct buffer *text);

/*
 * Writes the report as one page to the file "path" ("-": standard output), which then
 * has all of it or is as it was. Says why not where that fails. Returns the status.
 */
int report_html_save(const struct report_view *view, const char *path);

/*
 * What people are told: members of the JSON and more, into an object that is open, of the
 * report and for its page; of a domain as an object of its own (NULL: no memory).
 */
void report_people_head(struct tree *tree, const struct report_view *view);
json_t *report_people_partner(const struct report_view *view,
    const struct report_partner *partner);
void report_tables(struct tree *tree, const struct report_view *view);
void report_points(struct tree *tree, const struct report_view *view);

/* Transactions that met what their rule asks: neither exempted nor only monitored. */
int64_t report_complied(const struct review_counts *counts);

/*
 * A share as an object: its text, of which only all is "100%" and only none is "0%",
 * of nothing an en dash; "down" is rounded down to tenths ("99.9 %"); and millionths to
 * sort by, -1 of nothing.
 */
void report_share(struct tree *tree, const char *name, int64_t part, int64_t whole);

#endif
