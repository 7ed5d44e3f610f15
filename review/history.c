/*
 * history.c - what can only be told over time: a fall-back to clear text, and whether an
 * agreement under monitor could be enforced.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"
#include "base/array.h"

/* So much TLS alone makes clear text news. */
#define TLS_ALONE_MS (30 * 24 * JOURNAL_HOUR_MS)
#define TLS_ALONE_MESSAGES 20

/* Such a part of that, again between clear text, makes a steady mixer. */
#define MIXER_SHARE 3

/* So long an address stays that of the agreement which its mail met. */
#define ADDRESS_MS (90 * 24 * JOURNAL_HOUR_MS)
#define ADDRESS_SHARED (INTERN_NONE - 1)

bool
review_is_would(const struct row_event *event)
{
	return event->would && event->action == POLICY_ACCEPT;
}

bool
review_is_met(const struct row_event *event)
{
	return event->action == POLICY_ACCEPT && !event->would && !event->exempt &&
	    event->reason == REASON_NONE;
}

/* ------------------------------------------------------------------ *
 * New fall-backs
 * ------------------------------------------------------------------ */

/* Notes since when a domain's mail has come over TLS from a host or a network. */
static void
note_tls_host(struct review_keep *keep, uint32_t domain, const char *host, int64_t since_ms)
{
	uint32_t number;
	bool added;

	if (host == NULL)
		return;
	review_key(keep, domain, host);
	number = review_row(keep, &keep->tls_hosts, keep->tls_since_ms, &keep->tls_host_room,
	    &added);
	if (number != INTERN_NONE && added)
		keep->tls_since_ms[number] = since_ms;
}

/* Had it by then? */
static bool
is_tls_host(struct review_keep *keep, uint32_t domain, const char *host, int64_t now_ms)
{
	uint32_t number = INTERN_NONE;

	if (host != NULL) {
		review_key(keep, domain, host);
		number = review_row_find(keep, &keep->tls_hosts);
	}
	return number != INTERN_NONE && keep->tls_since_ms[number] <= now_ms;
}

/* Clear text now: is it news? Steady mixers have had it before. */
static bool
is_new_clear_text(const struct sender_history *history, int64_t now_ms)
{
	if (history->tls_messages == 0)
		return false;
	return now_ms - history->tls_ms >= TLS_ALONE_MS ||
	    (history->clear_ms == 0 && history->tls_messages >= TLS_ALONE_MESSAGES);
}

static void
start_fall_back(struct review *review, struct sender_history *history, uint32_t sender,
    int64_t now_ms)
{
	struct review_domain *domain = &review->keep->sender_list[sender];

	if (domain->new_clear_text == NULL)
		domain->new_clear_text = calloc(1, sizeof(*domain->new_clear_text));
	if (domain->new_clear_text == NULL) {
		review->keep->failed = true;
		return;
	}
	history->sender = sender;
	*domain->new_clear_text = (struct review_fall_back){
		.domain = domain->name, .since_ms = now_ms, .tls_ms = history->tls_ms,
		.tls_messages = history->tls_messages
	};
}

/*
 * Clear text again, after TLS that was as much as what came before the first: it was no
 * fall-back, but a sender who has always mixed them.
 */
static void
drop_mixer(struct review *review, struct sender_history *history)
{
	struct review_domain *domain = &review->keep->sender_list[history->sender];
	const struct review_fall_back *news = domain->new_clear_text;

	if (news->since_ms - news->tls_ms >= TLS_ALONE_MS ||
	    history->tls_messages * MIXER_SHARE < news->tls_messages)
		return;
	free(domain->new_clear_text);
	domain->new_clear_text = NULL;
	history->sender = INTERN_NONE;
}

/*
 * The last in clear text is that of the row which ends last, whatever rows were put
 * together; of two that end together one or the other, but always the same.
 */
static bool
is_last(const struct review_fall_back *news, const struct session_facts *session,
    int64_t last_ms)
{
	if (last_ms != news->last_ms || news->host == NULL)
		return last_ms >= news->last_ms;
	return session->host != NULL && strcmp(session->host, news->host) >= 0;
}

static void
follow_clear(struct review *review, struct sender_history *history,
    const struct session_facts *session, const struct row_event *event)
{
	struct review_keep *keep = review->keep;
	uint32_t sender = session->has_applied ? session->applied.sender :
	    session->reported.sender;
	struct review_fall_back *news;

	if (is_new_clear_text(history, event->first_ms)) {
		history->sender = INTERN_NONE;
		if (sender != INTERN_NONE && event->first_ms >= review->since_ms &&
		    event->first_ms < review->until_ms)
			start_fall_back(review, history, sender, event->first_ms);
	} else if (history->sender != INTERN_NONE)
		drop_mixer(review, history);
	history->clear_ms = event->last_ms;
	history->tls_ms = history->tls_messages = 0;
	if (history->sender == INTERN_NONE || event->first_ms >= review->until_ms ||
	    keep->failed)
		return;
	news = keep->sender_list[history->sender].new_clear_text;
	news->messages += event->own;
	if (!is_last(news, session, event->last_ms))
		return;
	news->last_ms = event->last_ms;
	news->host = session->host;
	news->network = session->network;
}

void
review_find_known(struct review *review)
{
	struct review_keep *keep = review->keep;

	for (size_t i = 0; i < keep->sender_count && !keep->failed; i++) {
		struct review_fall_back *news = keep->sender_list[i].new_clear_text;
		uint32_t domain;

		if (news == NULL)
			continue;
		domain = review_history_number(review, news->domain);
		news->known_host = is_tls_host(keep, domain, news->network, news->last_ms) ||
		    is_tls_host(keep, domain, news->host, news->last_ms);
	}
}

static void
follow_sender(struct review *review, struct session_facts *session,
    const struct row_event *event)
{
	struct review_keep *keep = review->keep;
	const struct strength_row *row = &keep->strength_rows[session->strength];
	struct sender_history *history = &keep->history[session->domain];

	if (row->encrypted && event->way != ROW_FOLLOWED && !session->tls_noted) {
		note_tls_host(keep, session->domain, session->network, event->first_ms);
		note_tls_host(keep, session->domain, session->host, event->first_ms);
		session->tls_noted = true;
	}
	if (event->way == ROW_COUNTED)
		return;
	if (row->strength.protocol == PROTOCOL_CLEAR)
		follow_clear(review, history, session, event);
	else if (row->encrypted) {
		if (history->tls_messages == 0)
			history->tls_ms = event->first_ms;
		history->tls_messages += event->own;
	}
}

/* ------------------------------------------------------------------ *
 * What would be ready
 * ------------------------------------------------------------------ */

/* The host of a session, for an agreement; NULL: memory is short. */
static struct host_row *
host_row(struct review_keep *keep, uint32_t agreement, struct session_facts *session)
{
	const char *host = session->host;
	bool added;
	uint32_t number;

	if (agreement == session->reported.agreement && session->host_number > 0)
		return &keep->host_rows[session->host_number - 1];
	review_key(keep, agreement, host);
	number = review_row(keep, &keep->hosts, keep->host_rows, &keep->host_room, &added);
	if (number == INTERN_NONE)
		return NULL;
	if (added)
		keep->host_rows[number] = (struct host_row){
			.agreement = agreement,
			.host = intern_text(&keep->hosts, number) + sizeof(agreement)
		};
	if (agreement == session->reported.agreement)
		session->host_number = number + 1;
	return &keep->host_rows[number];
}

/* Notes that a host met an agreement, ever, or would have been refused in the last days. */
static void
follow_host(struct review *review, uint32_t agreement, struct session_facts *session,
    const struct row_event *event, bool met)
{
	struct review_keep *keep = review->keep;
	struct agreement_work *work = &keep->agreement_work[agreement];
	int64_t since_ms = keep->recent_ms;
	bool recent;
	struct host_row *row;

	/* Roll-ups may be of a day or more: of these it is the day that counts. */
	if (event->record == 0)
		since_ms -= since_ms % (24 * JOURNAL_HOUR_MS);
	recent = event->last_ms >= since_ms &&
	    (event->record == 0 || event->first_ms <= keep->now_ms);
	if (review->agreements[agreement].state != STATE_MONITORED ||
	    (!met && !recent) || (row = host_row(keep, agreement, session)) == NULL)
		return;
	row->network = session->network;
	row->met |= met;
	if (!recent)
		return;
	if (met)
		work->recent_met += event->own;
	else {
		row->would += event->own;
		work->recent_would += event->own;
	}
}

/* The address of a handshake is that of an agreement which its mail met: of one alone. */
static void
follow_address(struct review *review, uint32_t agreement, const struct row_event *event)
{
	struct review_keep *keep = review->keep;
	uint32_t *slot = &keep->address_agreements[event->address];

	if (event->last_ms < keep->now_ms - ADDRESS_MS ||
	    review->agreements[agreement].kind != RULE_FROM ||
	    !review->agreements[agreement].demands)
		return;
	*slot = *slot == INTERN_NONE || *slot == agreement ? agreement : ADDRESS_SHARED;
}

void
review_follow(struct review *review, struct session_facts *session,
    const struct row_event *event)
{
	uint32_t number = session->reported.agreement;
	bool met = review_is_met(event);

	if (!session->ours && !event->exempt)
		follow_sender(review, session, event);
	if (event->way == ROW_FOLLOWED)
		return;
	if (met && number != INTERN_NONE) {
		follow_host(review, number, session, event, true);
		if (event->address != INTERN_NONE && !session->ours)
			follow_address(review, number, event);
	}
	if (event->would_by != INTERN_NONE && review_is_would(event))
		follow_host(review, event->would_by, session, event, false);
}

/* Whether a host that would have been refused had met the agreement, as its network. */
static bool
has_met(struct review_keep *keep, const struct host_row *row)
{
	uint32_t number;

	if (row->met || row->network == NULL)
		return row->met;
	review_key(keep, row->agreement, row->network);
	number = review_row_find(keep, &keep->hosts);
	return number != INTERN_NONE && keep->host_rows[number].met;
}

static void
add_but_for(struct review *review, const struct host_row *row)
{
	struct review_agreement *agreement = &review->agreements[row->agreement];
	struct agreement_work *work = &review->keep->agreement_work[row->agreement];

	if (!array_reserve(agreement->ready_but_for, agreement->ready_but_for_count + 1,
	    &work->but_for_room)) {
		review->keep->failed = true;
		return;
	}
	agreement->ready_but_for[agreement->ready_but_for_count++] =
	    (struct review_but_for){ row->host, row->would };
}

static int
by_messages(const void *a, const void *b)
{
	const struct review_but_for *one = a, *other = b;

	if (one->messages != other->messages)
		return one->messages > other->messages ? -1 : 1;
	return strcmp(one->host, other->host);
}

void
review_find_ready(struct review *review)
{
	struct review_keep *keep = review->keep;

	for (size_t i = 0; i < keep->hosts.count && !keep->failed; i++) {
		const struct host_row *row = &keep->host_rows[i];

		if (row->would > 0 && has_met(keep, row))
			keep->agreement_work[row->agreement].regressed = true;
		else if (row->would > 0)
			add_but_for(review, row);
	}
	for (size_t i = 0; i < review->agreement_count; i++) {
		struct review_agreement *agreement = &review->agreements[i];
		const struct agreement_work *work = &keep->agreement_work[i];

		agreement->ready = agreement->state == STATE_MONITORED &&
		    agreement->kind != RULE_DEFAULT && !work->regressed &&
		    work->recent_met > 0 &&
		    work->recent_met + work->recent_would >= REVIEW_READY_MESSAGES;
		if (!agreement->ready)
			agreement->ready_but_for_count = 0;
		if (agreement->ready_but_for_count > 0)
			qsort(agreement->ready_but_for, agreement->ready_but_for_count,
			    sizeof(*agreement->ready_but_for), by_messages);
	}
}
