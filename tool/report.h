/*
 * report.h - the review of a period, as text, JSON, CSV, a page and a message.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef TLSWARD_TOOL_REPORT_H
#define TLSWARD_TOOL_REPORT_H

#include "tool/mustache.h"
#include "tool/screen.h"
#include "tool/tool.h"
#include "tool/tree.h"
#include "review/review.h"
#include "base/buffer.h"

/* A certificate's end is told of this long before. */
#define REPORT_SOON_MS (INT64_C(30) * 86400 * 1000)

/* Borrows from the report and the policy. */
struct report_view {
	const struct review *report;
	const struct loaded *loaded;		/* the policy and its settings */
	const char *journal;			/* its path */
	int64_t now_ms;
	int ready_days;		/* without a would-be refusal, to be ready */
	bool all;		/* list all agreements, and domains without one */
	bool verbose;		/* in detail */
	bool watched;		/* the journal has deliveries, or handshakes that failed */
	const struct review_agreement *only;	/* of all this one; NULL: all */
	const char *meant;	/* by a filter of which there is nothing; NULL: unknown */
};

/* Append the report as JSON, text, CSV; and return the status, having said why not. */
void report_json_write(const struct report_view *view, struct buffer *text);
int report_text_write(const struct report_view *view, const struct screen *screen,
    struct buffer *text);
int report_csv_write(const struct report_view *view, struct buffer *text);

/* The tables of that text: a line for each agreement, or for each domain without one. */
void report_table_agreements(const struct report_view *view, const struct screen *screen,
    int width, struct buffer *text);
void report_table_domains(const struct report_view *view, const struct screen *screen,
    int width, struct buffer *text);

/* A domain's name to show: "(bounces)" and "(no domain)" for what has none. */
const char *report_domain_label(const struct review_domain *domain);

/* Whether something is to be told of an agreement, with the filters of the view. */
bool report_is_shown(const struct report_view *view,
    const struct review_agreement *agreement);

/* Members of the JSON, into an object that is open. */
void report_json_head(struct tree *tree, const struct report_view *view);
void report_json_tail(struct tree *tree, const struct report_view *view);

/* One element of its arrays, the caller's; NULL: memory is short. */
json_t *report_json_agreement(const struct review_agreement *agreement);
json_t *report_json_handshake(const struct review_handshake *handshake);
json_t *report_json_domain(const struct review_domain *domain);

/* The message to a partner. */
struct report_mail {
	const struct report_view *view;
	const struct review_agreement *agreement;
	const struct loaded *loaded;
	const char *to;		/* --to; NULL: the contact */
	const char *from;	/* --from; NULL: left out */
	bool force;		/* though nothing failed */
};

/*
 * Appends it. Returns STATUS_FINE, or says why not and returns STATUS_TROUBLE or, where
 * nothing failed, STATUS_NO.
 */
int report_mail_write(const struct report_mail *mail, struct buffer *text);

/* Appends its headers, up to its body. Returns STATUS_FINE, or says why not. */
#define MAIL_WIDTH 76		/* of a line */
int report_mail_headers(const struct report_mail *mail, const char *subject, bool is_ascii,
    struct buffer *text);

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

/* Whether the period has nothing at all. */
bool report_is_empty(const struct review *report);

/* "TLSv1.3 30, clear text 1": the best first; left out where there are none. */
void report_protocols(struct tree *tree, const char *name,
    const struct review_side *side);

/*
 * The members of report --json and "is_out", and "known": how it is known whose it is, in
 * words. The caller's; NULL: memory is short.
 */
json_t *report_people_handshake(const struct review_handshake *handshake);

/* The reason at a place of an array by reason, in words. Static. */
const char *report_reason_words(int reason);

/* The reasons of an array by reason, in words, most frequent first; left out where all are 0. */
void report_why(struct tree *tree, const char *name, const int64_t *counts);

/* Why mail to it waited or came back, by the table of diagnoses or else by reason. */
void report_why_waited(struct tree *tree, const char *name,
    const struct review_agreement *agreement);

/*
 * Whose mail was refused, and would have been, under an agreement that names no sender,
 * or many: "whose_refused" and "whose_would", as "a.example, b.example and 12 more".
 */
void report_whose(struct tree *tree, const struct review *review,
    const struct review_agreement *agreement);

/* What an agreement comes to, in a word or two, and the class of that in the page. */
struct report_verdict {
	const char *words;
	const char *class;		/* good, warn, bad, quiet */
	bool met;			/* there was mail, and all of it met the agreement */
};
const struct report_verdict *report_verdict(const struct review_agreement *agreement);

/*
 * Of an agreement what names it: "label", "at" (its place in the page, from 1 on),
 * "contact_links" (pieces of the contact: "text" and, of an address, "href", which can
 * stand in an attribute), "verdict", "verdict_class", its standing; and all of it: the
 * members of report --json and these, reasons and protocols in words.
 */
void report_agreement_label(const struct review_agreement *agreement,
    struct buffer *label);
void report_people_name(struct tree *tree, const struct report_view *view,
    const struct review_agreement *agreement);
json_t *report_people_agreement(const struct report_view *view,
    const struct review_agreement *agreement);
void report_points(struct tree *tree, const struct report_view *view);

/* The dates to come, the soonest first: an array, the caller's; NULL: memory is short. */
json_t *report_dates(const struct report_view *view);

/* "99.9%", of all "100%" and of a part never; "-" of nothing. */
void report_percent(int64_t part, int64_t whole, char *text, size_t size);

/* The same as a member; of nothing an en dash, and "under 0.1%" of what is less. */
void report_share(struct tree *tree, const char *name, int64_t part, int64_t whole);

#endif
