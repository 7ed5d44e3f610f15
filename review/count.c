/*
 * count.c - counting the rows of a review, each thing by its number.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/date.h"
#include "base/intern.h"


/* Room for element "count" of an array; false (and failed) where memory is short. */
static bool
make_room(struct review_keep *keep, void *array, size_t count, size_t *room, size_t size)
{
	void **place = array, *grown;
	size_t more = *room == 0 ? 64 : *room * 2;

	if (count < *room)
		return true;
	grown = realloc(*place, more * size);
	if (grown == NULL) {
		keep->failed = true;
		return false;
	}
	*place = grown;
	*room = more;
	return true;
}

/* A text or its absence, so that the two differ. */
static void
key_text(struct buffer *key, const char *text)
{
	if (text == NULL)
		buffer_add(key, "", 1);
	else {
		buffer_add(key, "+", 1);
		buffer_add(key, text, strlen(text) + 1);
	}
}

static uint32_t
add_key(struct review_keep *keep, struct intern *intern, bool *added)
{
	uint32_t number = INTERN_NONE;

	*added = false;
	if (!keep->key.failed)
		number = intern_add(intern, keep->key.text, keep->key.length, added);
	if (number == INTERN_NONE)
		keep->failed = true;
	return number;
}

const char *
review_column(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

const char *
review_text(struct review *review, const char *text)
{
	struct review_keep *keep = review->keep;
	uint32_t number;
	bool added;

	if (text == NULL)
		return NULL;
	number = intern_add(&keep->texts, text, strlen(text), &added);
	if (number == INTERN_NONE) {
		keep->failed = true;
		return NULL;
	}
	return intern_text(&keep->texts, number);
}

static void
start_domain(struct review *review, uint32_t number)
{
	struct review_keep *keep = review->keep;
	struct review_domain *domain;

	if (!make_room(keep, &review->domains, number, &keep->domain_room,
	    sizeof *review->domains) ||
	    !make_room(keep, &keep->work, number, &keep->work_room, sizeof *keep->work))
		return;
	domain = &review->domains[number];
	memset(domain, 0, sizeof *domain);
	memset(&keep->work[number], 0, sizeof *keep->work);
	domain->name = intern_text(&keep->domains, number);
	domain->bits_least = -1;
	domain->strong = true;
	domain->weakest.protocol = PROTOCOL_COUNT;
	review->domain_count = (size_t)number + 1;
}

uint32_t
review_domain_number(struct review *review, const char *domain, bool null)
{
	struct review_keep *keep = review->keep;
	size_t most = keep->options->domains_max;
	const char *name = domain != NULL ? domain : null ? "<>" : "";
	uint32_t number = intern_find(&keep->domains, name, strlen(name));
	bool added;

	if (number != INTERN_NONE ||
	    review->domain_count >= (most == 0 ? REVIEW_DOMAINS_MAX : most))
		return number;
	number = intern_add(&keep->domains, name, strlen(name), &added);
	if (number == INTERN_NONE)
		keep->failed = true;
	else
		start_domain(review, number);
	return keep->failed ? INTERN_NONE : number;
}

uint32_t
review_strength_number(struct review *review, const char *tls_version,
    const char *cipher, int bits)
{
	struct review_keep *keep = review->keep;
	struct facts facts = FACTS_INIT;
	struct strength_row *row;
	uint32_t number;
	bool added;

	buffer_clear(&keep->key);
	key_text(&keep->key, tls_version);
	key_text(&keep->key, cipher);
	buffer_add(&keep->key, (const char *)&bits, sizeof bits);
	number = add_key(keep, &keep->strengths, &added);
	if (!added || !make_room(keep, &keep->strength_rows, number,
	    &keep->strength_room, sizeof *keep->strength_rows))
		return keep->failed ? INTERN_NONE : number;
	facts.tls_version = tls_version;
	facts.cipher = cipher;
	facts.bits = bits;
	row = &keep->strength_rows[number];
	policy_strength(keep->options->policy, &facts, &row->strength);
	row->cipher = review_text(review, cipher);
	return number;
}

/* The text at *at of a key, and moves on. */
static const char *
next_text(const char **at)
{
	const char *text = *at + 1;

	if (**at == '\0') {
		(*at)++;
		return NULL;
	}
	*at = text + strlen(text) + 1;
	return text;
}

static void
start_certificate(struct review_keep *keep, uint32_t number)
{
	struct review_certificate *row = &keep->certificate_rows[number];
	const char *at = intern_text(&keep->certificates, number);
	int64_t when;

	memset(row, 0, sizeof *row);
	row->number = number;
	row->cn = next_text(&at);
	row->issuer = next_text(&at);
	row->fingerprint = next_text(&at);
	row->pubkey_fingerprint = next_text(&at);
	row->key = next_text(&at);
	row->signature = next_text(&at);
	row->not_after = next_text(&at);
	if (row->not_after != NULL && date_read_time(row->not_after, &when))
		row->not_after_ms = when * 1000;
}

uint32_t
review_certificate_number(struct review *review, sqlite3_stmt *row, int first)
{
	struct review_keep *keep = review->keep;
	const char *fingerprint = review_column(row, first + 2);
	bool added, any = false;
	uint32_t number;

	/* "none": it is known that none was presented. */
	if (fingerprint != NULL && strcmp(fingerprint, "none") == 0)
		return INTERN_NONE;
	buffer_clear(&keep->key);
	for (int i = 0; i < 7; i++) {
		const char *text = review_column(row, first + i);

		any = any || (i < 4 && text != NULL && strcmp(text, "none") != 0);
		key_text(&keep->key, text);
	}
	if (!any)
		return INTERN_NONE;
	number = add_key(keep, &keep->certificates, &added);
	if (added && make_room(keep, &keep->certificate_rows, number,
	    &keep->certificate_room, sizeof *keep->certificate_rows))
		start_certificate(keep, number);
	return keep->failed ? INTERN_NONE : number;
}

uint32_t
review_clear_number(struct review *review, uint32_t domain, const char *network)
{
	struct review_keep *keep = review->keep;
	struct clear_row *row;
	uint32_t number;
	bool added;

	if (domain == INTERN_NONE)
		return INTERN_NONE;
	buffer_clear(&keep->key);
	buffer_add(&keep->key, (const char *)&domain, sizeof domain);
	buffer_string(&keep->key, network == NULL ? "" : network);
	number = add_key(keep, &keep->clears, &added);
	if (added && make_room(keep, &keep->clear_rows, number, &keep->clear_room,
	    sizeof *keep->clear_rows)) {
		row = &keep->clear_rows[number];
		memset(row, 0, sizeof *row);
		row->domain = domain;
		row->network = intern_text(&keep->clears, number) + sizeof domain;
	}
	return keep->failed ? INTERN_NONE : number;
}

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
		grown = realloc(domain->ciphers, (i + 1) * sizeof *grown);
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

	if (seen->certificate == INTERN_NONE)
		return;
	while (i < domain->certificate_count &&
	    domain->certificates[i].number != seen->certificate)
		i++;
	if (i == REVIEW_LIST_MAX) {
		domain->other_certificates += seen->transactions;
		return;
	}
	if (i == domain->certificate_count) {
		grown = realloc(domain->certificates, (i + 1) * sizeof *grown);
		if (grown == NULL) {
			keep->failed = true;
			return;
		}
		domain->certificates = grown;
		grown[domain->certificate_count++] =
		    keep->certificate_rows[seen->certificate];
	}
	domain->certificates[i].transactions += seen->transactions;
	if (seen->last_ms > domain->certificates[i].last_ms)
		domain->certificates[i].last_ms = seen->last_ms;
}

static void
count_clear(struct review_keep *keep, const struct seen *seen)
{
	struct clear_row *row;

	if (seen->clear == INTERN_NONE)
		return;
	row = &keep->clear_rows[seen->clear];
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
	const struct strength_row *row = &keep->strength_rows[seen->strength];
	struct review_bucket *bucket = review_bucket_at(review, seen->first_ms);
	struct review_domain *domain;

	count_session(&review->totals, row->strength.protocol, seen->transactions);
	if (bucket != NULL)
		bucket->protocol[row->strength.protocol] += seen->transactions;
	if (seen->domain == INTERN_NONE) {
		review->others += seen->transactions;
		return;
	}
	domain = &review->domains[seen->domain];
	count_session(&domain->counts, row->strength.protocol, seen->transactions);
	if (domain->first_ms == 0 || seen->first_ms < domain->first_ms)
		domain->first_ms = seen->first_ms;
	if (seen->last_ms > domain->last_ms)
		domain->last_ms = seen->last_ms;
	count_strength(domain, &keep->work[seen->domain], row, seen);
	count_cipher(keep, domain, row->cipher, seen->transactions);
	count_certificate(keep, domain, seen);
	count_clear(keep, seen);
}
