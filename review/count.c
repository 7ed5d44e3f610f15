/*
 * count.c - counting the rows of a review.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>

struct review_bucket *
review_bucket_at(struct review *review, int64_t time_ms)
{
	int64_t at;

	if (review->bucket_count == 0 || time_ms < review->buckets[0].start_ms)
		return NULL;
	at = (time_ms - review->buckets[0].start_ms) / review->bucket_ms;
	return at < (int64_t)review->bucket_count ? &review->buckets[at] : NULL;
}

static void
count_session(struct review_counts *counts, enum policy_protocol protocol, int64_t n)
{
	counts->transactions += n;
	counts->protocol[protocol] += n;
	if (protocol > PROTOCOL_UNKNOWN)
		counts->encrypted += n;
}

/* Is the one session weaker than the other, or as weak and later? */
static bool
is_weaker(const struct strength_row *row, int64_t time_ms,
    const struct review_session *weakest)
{
	if (row->strength.protocol != weakest->protocol)
		return row->strength.protocol < weakest->protocol;
	if (row->strength.bits != weakest->bits)
		return row->strength.bits < weakest->bits;
	return time_ms > weakest->time_ms;
}

static void
count_strength(struct review_domain *domain, struct domain_work *work,
    const struct strength_row *row, const struct seen *seen)
{
	const struct policy_strength *strength = &row->strength;

	if (strength->protocol < PROTOCOL_TLS_1_2 || strength->bits < 128 ||
	    !strength->forward_secrecy)
		domain->strong = false;
	if (strength->protocol != PROTOCOL_CLEAR && strength->bits >= 0 &&
	    (domain->bits_least < 0 || strength->bits < domain->bits_least))
		domain->bits_least = strength->bits;
	if (is_weaker(row, seen->last_ms, &domain->weakest)) {
		domain->weakest.protocol = strength->protocol;
		domain->weakest.bits = strength->bits;
		domain->weakest.time_ms = seen->last_ms;
		work->weakest = seen->place;
	}
}

static void
count_cipher(struct review_keep *keep, struct review_domain *domain, const char *name,
    int64_t n)
{
	struct review_cipher *grown;
	size_t i = 0;

	if (name == NULL)
		return;
	/* The names are in one table: the same name is the same pointer. */
	while (i < domain->cipher_count && domain->ciphers[i].name != name)
		i++;
	if (i == REVIEW_LIST_MAX) {
		domain->other_ciphers += n;
		return;
	}
	if (i == domain->cipher_count) {
		grown = realloc(domain->ciphers, (i + 1) * sizeof(*grown));
		if (grown == NULL) {
			keep->failed = true;
			return;
		}
		domain->ciphers = grown;
		domain->ciphers[domain->cipher_count++] = (struct review_cipher){ name, 0 };
	}
	domain->ciphers[i].transactions += n;
}

static void
count_certificate(struct review_keep *keep, struct review_domain *domain,
    const struct seen *seen)
{
	struct review_certificate *grown;
	size_t i = 0;

	if (seen->session.certificate == INTERN_NONE)
		return;
	while (i < domain->certificate_count &&
	    domain->certificates[i].number != seen->session.certificate)
		i++;
	if (i == REVIEW_LIST_MAX) {
		domain->other_certificates += seen->transactions;
		return;
	}
	if (i == domain->certificate_count) {
		grown = realloc(domain->certificates, (i + 1) * sizeof(*grown));
		if (grown == NULL) {
			keep->failed = true;
			return;
		}
		domain->certificates = grown;
		grown[domain->certificate_count++] =
		    keep->certificate_rows[seen->session.certificate];
	}
	domain->certificates[i].transactions += seen->transactions;
	if (seen->last_ms > domain->certificates[i].last_ms)
		domain->certificates[i].last_ms = seen->last_ms;
}

static void
count_clear(struct review_keep *keep, const struct seen *seen)
{
	struct clear_row *row;

	if (seen->session.clear == INTERN_NONE)
		return;
	row = &keep->clear_rows[seen->session.clear];
	row->transactions += seen->transactions;
	if (seen->last_ms > row->last_ms)
		row->last_ms = seen->last_ms;
	if (seen->last_ms > keep->work[row->domain].clear_last_ms)
		keep->work[row->domain].clear_last_ms = seen->last_ms;
}

void
review_count(struct review *review, const struct seen *seen)
{
	struct review_keep *keep = review->keep;
	const struct strength_row *row = &keep->strength_rows[seen->session.strength];
	struct review_bucket *bucket = review_bucket_at(review, seen->first_ms);
	struct review_domain *domain;

	count_session(&review->totals, row->strength.protocol, seen->transactions);
	if (bucket != NULL)
		bucket->protocol[row->strength.protocol] += seen->transactions;
	if (seen->session.domain == INTERN_NONE) {
		review->others += seen->transactions;
		return;
	}
	domain = &review->domains[seen->session.domain];
	count_session(&domain->counts, row->strength.protocol, seen->transactions);
	if (domain->first_ms == 0 || seen->first_ms < domain->first_ms)
		domain->first_ms = seen->first_ms;
	if (seen->last_ms > domain->last_ms)
		domain->last_ms = seen->last_ms;
	count_strength(domain, &keep->work[seen->session.domain], row, seen);
	count_cipher(keep, domain, row->cipher, seen->transactions);
	count_certificate(keep, domain, seen);
	count_clear(keep, seen);
}
