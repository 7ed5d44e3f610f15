/*
 * take.c - counting a row: in all, for its agreements and for its sender.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* As what a row counts for an agreement. */
enum part {
	PART_REPORTED,		/* its rule is the one that is reported */
	PART_APPLIED,		/* its from rule applied, another one is reported */
	PART_WOULD		/* it alone would have refused what was let in */
};

static void
note_times(int64_t *first_ms, int64_t *last_ms, const struct row_event *event)
{
	review_note_times(first_ms, last_ms, event->first_ms, event->last_ms);
}

static void
take_refusal(struct review_side *side, const struct row_event *event, enum part part)
{
	if (part == PART_APPLIED) {
		side->refused_elsewhere++;
		return;
	}
	side->refused++;
	side->tempfailed += event->action == POLICY_TEMPFAIL;
	side->refused_for[event->reason]++;
	note_times(&side->first_refused_ms, &side->last_refused_ms, event);
}

/* "would": it is the side of the agreement that would have refused. */
static void
take_side(struct review_side *side, const struct strength_row *row,
    const struct row_event *event, int64_t messages, enum part part, bool would)
{
	side->messages += messages;
	side->protocol[row->strength.protocol] += messages;
	if (row->encrypted)
		side->encrypted += messages;
	note_times(&side->first_ms, &side->last_ms, event);
	if (event->refused)
		take_refusal(side, event, part);
	else if (review_is_met(event))
		side->met += messages;
	if (event->exempt)
		side->exempt += messages;
	if (event->action == POLICY_QUARANTINE && part != PART_APPLIED)
		side->held += messages;
	if (would && review_is_would(event)) {
		side->would_be_refused += messages;
		side->would_for[event->would_reason] += messages;
		note_times(&side->first_would_ms, &side->last_would_ms, event);
	}
}

/* The bucket of a time; SIZE_MAX: none. */
static size_t
bucket_at(const struct review *review, int64_t time_ms)
{
	int64_t at;

	if (review->bucket_count == 0 || time_ms < review->buckets[0].start_ms)
		return SIZE_MAX;
	at = (time_ms - review->buckets[0].start_ms) / review->bucket_ms;
	return at < (int64_t)review->bucket_count ? (size_t)at : SIZE_MAX;
}

/* Notes when an agreement refused, and the last of what it refused, or would have. */
static void
note_failure(struct review *review, uint32_t number, const struct row_event *event,
    bool would)
{
	struct review_agreement *agreement = &review->agreements[number];
	struct agreement_work *work = &review->keep->agreement_work[number];
	size_t at = bucket_at(review, event->first_ms);

	if (would && review_is_would(event)) {
		work->would_id = event->record;
		work->would_ms = event->first_ms;
	}
	if (!event->refused)
		return;
	work->refused_id = event->record;
	work->refused_ms = event->first_ms;
	if (agreement->refused_over_time == NULL && review->bucket_count > 0) {
		agreement->refused_over_time = calloc(review->bucket_count,
		    sizeof(*agreement->refused_over_time));
		review->keep->failed |= agreement->refused_over_time == NULL;
	}
	if (at != SIZE_MAX && agreement->refused_over_time != NULL)
		agreement->refused_over_time[at]++;
}

static void
count_shown(struct review_keep *keep, struct review_agreement *agreement,
    const struct session_facts *session, int64_t messages, int64_t last_ms)
{
	struct review_certificate *grown;
	uint32_t number = session->certificate;
	size_t i = 0;

	while (i < agreement->certificate_count && agreement->certificates[i].number != number)
		i++;
	if (i == REVIEW_LIST_MAX) {
		agreement->other_certificates += messages;
		return;
	}
	if (i == agreement->certificate_count) {
		grown = realloc(agreement->certificates, (i + 1) * sizeof(*grown));
		if (grown == NULL) {
			keep->failed = true;
			return;
		}
		agreement->certificates = grown;
		grown[agreement->certificate_count++] = keep->certificate_rows[number];
	}
	agreement->certificates[i].messages += messages;
	agreement->certificates[i].verified |= session->verified;
	if (last_ms > agreement->certificates[i].last_ms)
		agreement->certificates[i].last_ms = last_ms;
}

/* Counts a row for an agreement and its sender, of which either may be none. */
static void
take_party(struct review *review, const struct party *party,
    const struct session_facts *session, const struct row_event *event, int64_t messages,
    enum part part)
{
	struct review_keep *keep = review->keep;
	const struct strength_row *row = &keep->strength_rows[session->strength];
	bool would = party->agreement == event->would_by;

	if (party->sender != INTERN_NONE) {
		take_side(&keep->sender_list[party->sender].in, row, event, messages, part,
		    would);
		keep->sender_list[party->sender].strong &= row->strong;
	} else if (party->agreement == INTERN_NONE)
		review->others += messages;
	if (party->agreement == INTERN_NONE)
		return;
	take_side(&review->agreements[party->agreement].in, row, event, messages, part, would);
	if (part != PART_APPLIED)
		note_failure(review, party->agreement, event, would);
	if (session->certificate != INTERN_NONE)
		count_shown(keep, &review->agreements[party->agreement],
		    session, messages, event->last_ms);
}

static void
take_total(struct review *review, const struct session_facts *session,
    const struct row_event *event)
{
	const struct strength_row *row = &review->keep->strength_rows[session->strength];
	size_t at = bucket_at(review, event->first_ms);

	take_side(&review->in, row, event, event->messages, PART_REPORTED, true);
	if (at == SIZE_MAX || event->uncharted)
		return;
	review->buckets[at].protocol[row->strength.protocol] += event->messages;
	review->buckets[at].refused += event->refused;
}

/* Where a to or client rule under monitor would have refused what others let in. */
static struct party
party_of_would(struct review *review, const struct session_facts *session,
    const struct row_event *event)
{
	struct party party = { event->would_by, INTERN_NONE };

	if (party.agreement == session->reported.agreement ||
	    party.agreement == session->applied.agreement || !review_is_would(event))
		party.agreement = INTERN_NONE;
	if (party.agreement != INTERN_NONE)
		party.sender = review_sender_number(review, party.agreement,
		    intern_text(&review->keep->histories, session->domain));
	return party;
}

/* Of a roll-up by the hour. */
static bool
is_in_period(const struct review *review, const struct row_event *event)
{
	int64_t since = review->since_ms;

	if (event->record == 0)
		since -= since % JOURNAL_HOUR_MS;
	return event->first_ms >= since && event->first_ms < review->until_ms;
}

/* Only of what is in the period: there is a limit on how many senders there are. */
static void
find_senders(struct review *review, struct session_facts *session)
{
	const char *domain = intern_text(&review->keep->histories, session->domain);

	session->has_senders = true;
	session->reported.sender = review_sender_number(review, session->reported.agreement,
	    domain);
	if (session->has_applied)
		session->applied.sender = review_sender_number(review,
		    session->applied.agreement, domain);
}

void
review_take(struct review *review, struct session_facts *session,
    const struct row_event *event)
{
	struct review_keep *keep = review->keep;
	bool counted = is_in_period(review, event);
	struct party would;

	if (keep->failed)
		return;
	if (counted && !session->has_senders)
		find_senders(review, session);
	would = party_of_would(review, session, event);
	if (keep->failed || (keep->only != INTERN_NONE &&
	    session->reported.agreement != keep->only &&
	    session->applied.agreement != keep->only && would.agreement != keep->only))
		return;
	review_follow(review, session, event);
	if (!counted || event->way == ROW_FOLLOWED)
		return;
	take_total(review, session, event);
	take_party(review, &session->reported, session, event, event->own, PART_REPORTED);
	if (session->has_applied)
		take_party(review, &session->applied, session, event, event->applied,
		    PART_APPLIED);
	if (would.agreement != INTERN_NONE)
		take_party(review, &would, session, event, event->own, PART_WOULD);
}
