/*
 * settle.c - what is left once all rows are counted: sessions to be shown, the senders of
 * each agreement, and the order of it all.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"

static const char settle_record_sql[] =
    "SELECT tls_version, cipher, bits, client_name, client_addr, helo, \"from\", \"to\","
    " queue_id, time, reply, action, reason, failed, rule, would, would_reason,"
    " would_failed, would_rule FROM record WHERE id = ?1 AND time = ?2";

enum {
	SHOWN_NAME = 3, SHOWN_ADDRESS, SHOWN_HELO, SHOWN_FROM, SHOWN_TO, SHOWN_QUEUE,
	SHOWN_TIME, SHOWN_REPLY, SHOWN_ACTION, SHOWN_WOULD = SHOWN_ACTION + 4
};

static void
fill_shown(struct review *review, sqlite3_stmt *row, bool would,
    struct review_session *session)
{
	uint32_t number = review_strength_number(review, row, 0);
	int first = would ? SHOWN_WOULD : SHOWN_ACTION;

	if (number == INTERN_NONE)
		return;
	*session = (struct review_session){
		.time_ms = sqlite3_column_int64(row, SHOWN_TIME),
		.protocol = review->keep->strength_rows[number].strength.protocol,
		.bits = review->keep->strength_rows[number].strength.bits,
		.tls_version = review_text(review, review_column(row, 0)),
		.cipher = review_text(review, review_column(row, 1)),
		.host = review_text(review, review_column(row, SHOWN_NAME)),
		.client_addr = review_text(review, review_column(row, SHOWN_ADDRESS)),
		.helo = review_text(review, review_column(row, SHOWN_HELO)),
		.from = review_text(review, review_column(row, SHOWN_FROM)),
		.to = review_text(review, review_column(row, SHOWN_TO)),
		.queue_id = review_text(review, review_column(row, SHOWN_QUEUE)),
		.reply = would ? NULL : review_text(review, review_column(row, SHOWN_REPLY)),
		.action = journal_action(review_column(row, first)),
		.reason = review_text(review, review_column(row, first + 1)),
		.failed = review_text(review, review_column(row, first + 2)),
		.rule = review_text(review, review_column(row, first + 3))
	};
	if (session->host == NULL)
		session->host = session->client_addr;
}

static int
settle_session(struct review *review, sqlite3_stmt *row, int64_t id, int64_t time_ms,
    bool would, struct review_session *session)
{
	int result;

	if (id == 0)
		return SQLITE_DONE;
	(void)sqlite3_bind_int64(row, 1, id);
	(void)sqlite3_bind_int64(row, 2, time_ms);
	result = sqlite3_step(row);
	if (result == SQLITE_ROW) {
		fill_shown(review, row, would, session);
		result = SQLITE_DONE;
	}
	(void)sqlite3_reset(row);
	return result;
}

static int
settle_sessions(struct review *review)
{
	sqlite3_stmt *row = NULL;
	int result = sqlite3_prepare_v2(review->keep->db, settle_record_sql, -1, &row, NULL);

	if (result == SQLITE_OK)
		result = SQLITE_DONE;
	for (size_t i = 0; i < review->agreement_count && result == SQLITE_DONE; i++) {
		const struct agreement_work *work = &review->keep->agreement_work[i];

		result = settle_session(review, row, work->refused_id, work->refused_ms, false,
		    &review->agreements[i].last_refused);
		if (result == SQLITE_DONE)
			result = settle_session(review, row, work->would_id, work->would_ms, true,
			    &review->agreements[i].last_would);
	}
	(void)sqlite3_finalize(row);
	return result;
}

/* ------------------------------------------------------------------ *
 * Senders
 * ------------------------------------------------------------------ */

static int64_t
messages_of(const struct review_domain *domain)
{
	return domain->in.messages + domain->out.messages;
}

static int
by_agreement(const void *a, const void *b)
{
	const struct review_domain *one = a, *other = b;

	/* Those without an agreement have the highest number. */
	if (one->agreement != other->agreement)
		return one->agreement < other->agreement ? -1 : 1;
	if (messages_of(one) != messages_of(other))
		return messages_of(one) > messages_of(other) ? -1 : 1;
	return strcmp(one->name, other->name);
}

/* The fall-back that is shown for an agreement is the one with the latest beginning. */
static void
take_fall_back(struct review_agreement *agreement, const struct review_domain *domain)
{
	if (domain->new_clear_text != NULL && (agreement->new_clear_text == NULL ||
	    domain->new_clear_text->since_ms > agreement->new_clear_text->since_ms))
		agreement->new_clear_text = domain->new_clear_text;
}

static void
settle_senders(struct review *review)
{
	struct review_keep *keep = review->keep;

	if (keep->sender_count == 0)
		return;
	for (size_t i = 0; i < keep->sender_count; i++)
		keep->sender_list[i].strong &= keep->sender_list[i].in.messages > 0;
	qsort(keep->sender_list, keep->sender_count, sizeof(*keep->sender_list), by_agreement);
	for (size_t i = 0; i < keep->sender_count; i++) {
		struct review_domain *domain = &keep->sender_list[i];
		struct review_agreement *agreement;

		if (domain->agreement == INTERN_NONE) {
			review->domains = domain;
			review->domain_count = keep->sender_count - i;
			return;
		}
		agreement = &review->agreements[domain->agreement];
		if (agreement->sender_count++ == 0)
			agreement->senders = domain;
		take_fall_back(agreement, domain);
	}
}

/* ------------------------------------------------------------------ *
 * Order
 * ------------------------------------------------------------------ */

static int
certificates_by_last(const void *a, const void *b)
{
	const struct review_certificate *one = a, *other = b;

	if (one->last_ms != other->last_ms)
		return one->last_ms > other->last_ms ? -1 : 1;
	return one->number < other->number ? -1 : one->number > other->number;
}

static void
settle_certificates(struct review_agreement *agreement)
{
	if (agreement->certificate_count > 0)
		qsort(agreement->certificates, agreement->certificate_count,
		    sizeof(*agreement->certificates), certificates_by_last);
}

/* How bad it is, and how much of that there is. */
static int
badness(const struct review_agreement *agreement, int64_t *much)
{
	const struct review_side *in = &agreement->in, *out = &agreement->out;

	if (agreement->kind == RULE_DEFAULT && agreement->name == NULL)
		return *much = 0, 0;
	if ((*much = in->refused + out->refused) > 0)
		return 6;
	if (agreement->new_clear_text != NULL)
		return *much = agreement->new_clear_text->messages, 5;
	if ((*much = in->would_be_refused + out->would_be_refused) > 0)
		return 4;
	if ((*much = agreement->handshakes_failed) > 0)
		return 3;
	*much = in->messages + out->messages;
	return agreement->state == STATE_NO_RULE ? 1 : 2;
}

static int
agreements_worst_first(const void *a, const void *b)
{
	const struct review_agreement *one = a, *other = b;
	int64_t much, more;
	int bad = badness(one, &much), worse = badness(other, &more);

	if (bad != worse)
		return bad > worse ? -1 : 1;
	if (much != more)
		return much > more ? -1 : 1;
	return one->number < other->number ? -1 : 1;
}

/* Whether what was asked for has to do with it. */
static bool
is_wanted(const struct review *review, const struct review_agreement *agreement)
{
	const struct review_keep *keep = review->keep;

	if (keep->only != INTERN_NONE)
		return agreement->number == keep->only;
	return keep->options->domain == NULL || agreement->number == keep->of_domain ||
	    agreement->in.messages + agreement->out.messages > 0;
}

static void
drop_unwanted(struct review *review)
{
	size_t kept = 0;

	for (size_t i = 0; i < review->agreement_count; i++)
		if (is_wanted(review, &review->agreements[i]))
			review->agreements[kept++] = review->agreements[i];
		else
			review_agreement_clear(&review->agreements[i]);
	review->agreement_count = kept;
	if (review->keep->only != INTERN_NONE)
		review->domain_count = 0;
}

/* Agreements have their places now. */
static void
link_handshakes(struct review *review)
{
	struct agreement_work *work = review->keep->agreement_work;

	for (size_t i = 0; i < review->agreement_count; i++)
		work[review->agreements[i].number].shown = &review->agreements[i];
	for (size_t i = 0; i < review->handshake_count; i++)
		if (review->handshakes[i].number != INTERN_NONE)
			review->handshakes[i].agreement =
			    work[review->handshakes[i].number].shown;
}

const struct review_agreement *
review_agreement_of_rule(const struct review *review, size_t index)
{
	const struct review_keep *keep = review->keep;

	return keep->agreement_work[keep->rule_agreements[index]].shown;
}

int
review_settle(struct review *review)
{
	int result = settle_sessions(review);

	if (result != SQLITE_DONE)
		return result;
	review_find_known(review);
	review_find_ready(review);
	settle_senders(review);
	for (size_t i = 0; i < review->agreement_count; i++)
		settle_certificates(&review->agreements[i]);
	drop_unwanted(review);
	if (review->agreement_count > 0)
		qsort(review->agreements, review->agreement_count,
		    sizeof(*review->agreements), agreements_worst_first);
	link_handshakes(review);
	return result;
}
