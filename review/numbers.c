/*
 * numbers.c - what rows of the journal have in common, each by its number.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <string.h>

#include "base/array.h"
#include "base/date.h"

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
number_key(struct review_keep *keep, struct intern *intern, bool *added)
{
	uint32_t number = INTERN_NONE;

	*added = false;
	if (!keep->key.failed)
		number = intern_add(intern, keep->key.text, keep->key.length, added);
	if (number == INTERN_NONE)
		keep->failed = true;
	return number;
}

/* Room for the element "number" of an array, which is zeroed; else keep->failed. */
#define make_element(keep, array, number, room) \
	(array_reserve((array), (size_t)(number) + 1, (room)) ? \
	    (memset(&(array)[number], 0, sizeof(*(array))), true) : \
	    ((keep)->failed = true, false))

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

	if (!make_element(keep, review->domains, number, &keep->domain_room) ||
	    !make_element(keep, keep->work, number, &keep->work_room))
		return;
	domain = &review->domains[number];
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
review_strength_number(struct review *review, sqlite3_stmt *row, int first)
{
	struct review_keep *keep = review->keep;
	struct facts facts = FACTS_INIT;
	struct strength_row *strength;
	uint32_t number;
	bool added;

	facts.tls_version = review_column(row, first);
	facts.cipher = review_column(row, first + 1);
	if (sqlite3_column_type(row, first + 2) != SQLITE_NULL)
		facts.bits = sqlite3_column_int(row, first + 2);
	buffer_clear(&keep->key);
	key_text(&keep->key, facts.tls_version);
	key_text(&keep->key, facts.cipher);
	buffer_add(&keep->key, (const char *)&facts.bits, sizeof(facts.bits));
	number = number_key(keep, &keep->strengths, &added);
	if (added && make_element(keep, keep->strength_rows, number,
	    &keep->strength_room)) {
		strength = &keep->strength_rows[number];
		policy_strength(keep->options->policy, &facts, &strength->strength);
		strength->cipher = review_text(review, facts.cipher);
	}
	return keep->failed ? INTERN_NONE : number;
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

	row->number = number;
	row->cn = next_text(&at);
	row->issuer = next_text(&at);
	row->fingerprint = next_text(&at);
	row->raw_key = row->fingerprint != NULL && strcmp(row->fingerprint, "none") == 0;
	if (row->raw_key)
		row->fingerprint = NULL;
	row->pubkey_fingerprint = next_text(&at);
	row->key = next_text(&at);
	row->signature = next_text(&at);
	row->not_after = next_text(&at);
	if (row->not_after != NULL && date_read_time(row->not_after, &when))
		row->not_after_ms = when * 1000;
}

/* "first" is the first of the certificate's columns. */
static uint32_t
certificate_number(struct review_keep *keep, sqlite3_stmt *row, int first)
{
	const struct facts facts = {
		.cert_fingerprint = review_column(row, first + 2),
		.cert_pubkey_fingerprint = review_column(row, first + 3),
	};
	bool added, any = false;
	uint32_t number;

	if (policy_presented(&facts) == PRESENTED_NOTHING)
		return INTERN_NONE;
	buffer_clear(&keep->key);
	for (int i = 0; i < 7; i++) {
		const char *text = review_column(row, first + i);

		any = any || (i < 4 && text != NULL);
		key_text(&keep->key, text);
	}
	if (!any)
		return INTERN_NONE;
	number = number_key(keep, &keep->certificates, &added);
	if (added && make_element(keep, keep->certificate_rows, number,
	    &keep->certificate_room))
		start_certificate(keep, number);
	return keep->failed ? INTERN_NONE : number;
}

uint32_t
review_clear_number(struct review *review, uint32_t domain, const char *client,
    bool find)
{
	struct review_keep *keep = review->keep;
	char network[JOURNAL_NETWORK_SIZE] = "";
	struct clear_row *row;
	uint32_t number;
	bool added;

	/* Roll-ups have the network already. */
	if (client != NULL && strchr(client, '/') == NULL &&
	    journal_network(client, network))
		client = network;
	else if (client == NULL || strchr(client, '/') == NULL)
		client = "";
	buffer_clear(&keep->key);
	buffer_add(&keep->key, (const char *)&domain, sizeof(domain));
	buffer_string(&keep->key, client);
	if (find)
		return client[0] == '\0' || keep->key.failed ? INTERN_NONE :
		    intern_find(&keep->clears, keep->key.text, keep->key.length);
	number = number_key(keep, &keep->clears, &added);
	if (added && make_element(keep, keep->clear_rows, number, &keep->clear_room)) {
		row = &keep->clear_rows[number];
		row->domain = domain;
		row->network = intern_text(&keep->clears, number) + sizeof(domain);
	}
	return keep->failed ? INTERN_NONE : number;
}

void
review_session_read(struct review *review, sqlite3_stmt *row, struct session_row *session)
{
	struct review_keep *keep = review->keep;
	const char *verified = review_column(row, SESSION_VERIFIED);

	session->clear = INTERN_NONE;
	session->domain = review_domain_number(review, review_column(row, SESSION_DOMAIN),
	    sqlite3_column_int(row, SESSION_NULL) != 0);
	session->strength = review_strength_number(review, row, SESSION_STRENGTH);
	session->certificate = certificate_number(keep, row, SESSION_CERTIFICATE);
	if (keep->failed)
		return;
	if (session->certificate != INTERN_NONE && verified != NULL &&
	    strcmp(verified, "yes") == 0)
		keep->certificate_rows[session->certificate].verified = true;
	if (session->domain != INTERN_NONE &&
	    keep->strength_rows[session->strength].strength.protocol == PROTOCOL_CLEAR)
		session->clear = review_clear_number(review, session->domain,
		    review_column(row, SESSION_CLIENT), false);
}
