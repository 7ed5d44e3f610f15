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

void
review_key(struct review_keep *keep, uint32_t number, const char *text)
{
	buffer_clear(&keep->key);
	buffer_add(&keep->key, (const char *)&number, sizeof(number));
	buffer_string(&keep->key, text == NULL ? "" : text);
}

uint32_t
review_row_number(struct review_keep *keep, struct intern *table, void *rows, size_t size,
    size_t *room, bool *added)
{
	uint32_t number = INTERN_NONE;
	char *all;

	*added = false;
	if (!keep->key.failed && array_fit(rows, size, table->count + 1, room))
		number = intern_add(table, keep->key.text, keep->key.length, added);
	keep->failed |= number == INTERN_NONE;
	if (*added) {
		memcpy(&all, rows, sizeof(all));
		memset(all + number * size, 0, size);
	}
	return number;
}

uint32_t
review_row_find(struct review_keep *keep, const struct intern *table)
{
	keep->failed |= keep->key.failed;
	return keep->key.failed ? INTERN_NONE :
	    intern_find(table, keep->key.text, keep->key.length);
}

int
review_each(struct review *review, const char *sql,
    void (*take)(struct review *review, sqlite3_stmt *row))
{
	sqlite3_stmt *rows = NULL;
	int result = sqlite3_prepare_v2(review->keep->db, sql, -1, &rows, NULL);

	if (result == SQLITE_OK) {
		/* Where there is no such parameter, that this fails does not matter. */
		(void)sqlite3_bind_int64(rows, 1, review->since_ms);
		(void)sqlite3_bind_int64(rows, 2, review->until_ms);
		(void)sqlite3_bind_text(rows, 3, review->keep->options->domain, -1,
		    SQLITE_STATIC);
	}
	while (result == SQLITE_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
		take(review, rows);
		result = review->keep->failed ? SQLITE_NOMEM : SQLITE_OK;
	}
	(void)sqlite3_finalize(rows);
	return result;
}

const char *
review_column(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

enum policy_reason
review_reason_called(const char *name)
{
	for (int reason = REASON_NONE + 1; name != NULL && reason < REASON_COUNT; reason++)
		if (strcmp(name, policy_reason_name((enum policy_reason)reason)) == 0)
			return (enum policy_reason)reason;
	return REASON_NONE;
}

void
review_note_times(int64_t *first_ms, int64_t *last_ms, int64_t first, int64_t last)
{
	if (*first_ms == 0 || first < *first_ms)
		*first_ms = first;
	if (last > *last_ms)
		*last_ms = last;
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
	number = review_row(keep, &keep->strengths, keep->strength_rows, &keep->strength_room,
	    &added);
	if (added) {
		strength = &keep->strength_rows[number];
		policy_strength(keep->options->policy, &facts, &strength->strength);
		strength->encrypted = policy_encrypted(&facts) == POLICY_YES;
		strength->strong = strength->strength.protocol >= PROTOCOL_TLS_1_2 &&
		    strength->strength.bits >= 128 && strength->strength.forward_secrecy;
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

uint32_t
review_certificate_number(struct review *review, sqlite3_stmt *row, int first)
{
	struct review_keep *keep = review->keep;
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
	number = review_row(keep, &keep->certificates, keep->certificate_rows,
	    &keep->certificate_room, &added);
	if (added)
		start_certificate(keep, number);
	return keep->failed ? INTERN_NONE : number;
}

uint32_t
review_sender_number(struct review *review, uint32_t agreement, const char *domain)
{
	struct review_keep *keep = review->keep;
	size_t most = keep->options->domains_max;
	uint32_t number;
	bool added;

	if (keep->failed)
		return INTERN_NONE;
	/* The default's senders have no agreement. */
	if (agreement != INTERN_NONE && review->agreements[agreement].kind == RULE_DEFAULT)
		agreement = INTERN_NONE;
	review_key(keep, agreement, domain);
	number = review_row_find(keep, &keep->senders);
	if (number != INTERN_NONE ||
	    keep->senders.count >= (most == 0 ? REVIEW_DOMAINS_MAX : most))
		return number;
	number = review_row(keep, &keep->senders, keep->sender_list, &keep->sender_room, &added);
	if (!added)
		return INTERN_NONE;
	keep->sender_list[number].name = intern_text(&keep->senders, number) +
	    sizeof(agreement);
	keep->sender_count = (size_t)number + 1;
	keep->sender_list[number].agreement = agreement;
	keep->sender_list[number].strong = true;
	return number;
}

uint32_t
review_history_number(struct review *review, const char *domain)
{
	struct review_keep *keep = review->keep;
	uint32_t number;
	bool added;

	buffer_clear(&keep->key);
	buffer_string(&keep->key, domain);
	number = review_row(keep, &keep->histories, keep->history, &keep->history_room, &added);
	if (added)
		keep->history[number].sender = INTERN_NONE;
	return keep->failed ? INTERN_NONE : number;
}

uint32_t
review_address_find(struct review *review, const char *address)
{
	const struct intern *addresses = &review->keep->addresses;

	return address == NULL || addresses->count == 0 ? INTERN_NONE :
	    intern_find(addresses, address, strlen(address));
}
