/*
 * finish.c - what a review looks up once all rows are counted.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"
#include "base/buffer.h"
#include "base/intern.h"

/* The statements of this file, prepared once. */
struct late {
	sqlite3_stmt *record, *facts, *tls;
};

static const char record_sql[] =
    "SELECT tls_version, cipher, bits, client_name, client_addr, helo, reply,"
    " action, reason, failed, rule, would, would_reason, would_failed, would_rule"
    " FROM record WHERE id = ?1";

static const char late_facts_sql[] =
    "SELECT tls_version, cipher, bits, client_name, client_network, rule FROM facts"
    " WHERE id = ?1";

/* When each client of a domain came over TLS, in all of the journal. */
static const char tls_sql[] =
    "SELECT client_network, tls_version, cipher, bits,"
    " (SELECT hour * 3600000 + first FROM rollup WHERE rollup.facts = facts.id"
    "  ORDER BY hour LIMIT 1) FROM facts WHERE domain = ?1 AND tls_version <> 'none'"
    " UNION ALL SELECT * FROM (SELECT client_addr, tls_version, cipher, bits, time"
    "  FROM record WHERE domain = ?1 AND tls_version <> 'none' AND time < ?2"
    "  ORDER BY time LIMIT 1000)";

static void
fill_host(struct review *review, sqlite3_stmt *row, struct review_session *session)
{
	const char *name = review_column(row, 3);

	session->tls_version = review_text(review, review_column(row, 0));
	session->cipher = review_text(review, review_column(row, 1));
	session->client_addr = review_text(review, review_column(row, 4));
	session->host = name != NULL ? review_text(review, name) : session->client_addr;
}

/* Fills what a record tells of a session; of its monitored rule where "would". */
static void
fill_record(struct review *review, sqlite3_stmt *row, bool would,
    struct review_session *session)
{
	uint32_t number = review_strength_number(review, row, 0);
	int first = would ? 11 : 7;

	fill_host(review, row, session);
	if (number == INTERN_NONE)
		return;
	session->protocol = review->keep->strength_rows[number].strength.protocol;
	session->bits = review->keep->strength_rows[number].strength.bits;
	session->helo = review_text(review, review_column(row, 5));
	session->reply = would ? NULL : review_text(review, review_column(row, 6));
	session->action = journal_action(review_column(row, first));
	session->reason = review_text(review, review_column(row, first + 1));
	session->failed = review_text(review, review_column(row, first + 2));
	session->rule = review_text(review, review_column(row, first + 3));
}

static int
finish_session(struct review *review, struct late *late, struct row_place place, bool would,
    struct review_session *session)
{
	sqlite3_stmt *row = place.is_record ? late->record : late->facts;
	int result;

	if (place.id == 0)
		return SQLITE_DONE;
	(void)sqlite3_bind_int64(row, 1, place.id);
	result = sqlite3_step(row);
	if (result == SQLITE_ROW) {
		if (place.is_record)
			fill_record(review, row, would, session);
		else {
			fill_host(review, row, session);
			session->rule = review_text(review, review_column(row, 5));
		}
		result = SQLITE_DONE;
	}
	(void)sqlite3_reset(row);
	return result;
}

/* ------------------------------------------------------------------ *
 * Downgrades
 * ------------------------------------------------------------------ */

/* A client of the domain came over TLS at "tls_ms": was it in clear text later? */
static void
compare_client(struct review *review, uint32_t domain, const char *client,
    int64_t tls_ms)
{
	struct review_keep *keep = review->keep;
	struct review_downgrade *downgrade = &review->domains[domain].downgrade;
	const struct clear_row *clear;
	uint32_t number;

	if (tls_ms == 0 || tls_ms >= keep->work[domain].clear_last_ms)
		return;
	if (downgrade->tls_ms == 0 || tls_ms < downgrade->tls_ms)
		downgrade->tls_ms = tls_ms;
	number = review_clear_number(review, domain, client, true);
	if (number == INTERN_NONE)
		return;
	clear = &keep->clear_rows[number];
	if (tls_ms >= clear->last_ms)
		return;
	downgrade->same_network = true;
	if (clear->last_ms >= downgrade->last_ms) {
		downgrade->last_ms = clear->last_ms;
		downgrade->network = clear->network;
	}
}

static int
find_tls(struct review *review, sqlite3_stmt *rows, uint32_t domain)
{
	struct review_keep *keep = review->keep;
	int result;

	(void)sqlite3_bind_text(rows, 1, review->domains[domain].name, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(rows, 2, keep->work[domain].clear_last_ms);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
		uint32_t number = review_strength_number(review, rows, 1);

		if (number != INTERN_NONE && keep->strength_rows[number].strength.protocol >
		    PROTOCOL_UNKNOWN)
			compare_client(review, domain, review_column(rows, 0),
			    sqlite3_column_int64(rows, 4));
	}
	(void)sqlite3_reset(rows);
	return result;
}

/* Where no network is the same, the last clear text of all is told of. */
static void
count_downgrades(struct review *review)
{
	for (size_t i = 0; i < review->keep->clears.count; i++) {
		const struct clear_row *row = &review->keep->clear_rows[i];
		struct review_downgrade *downgrade = &review->domains[row->domain].downgrade;

		if (downgrade->tls_ms == 0 || row->last_ms <= downgrade->tls_ms)
			continue;
		downgrade->transactions += row->transactions;
		if (!downgrade->same_network && row->last_ms > downgrade->last_ms) {
			downgrade->last_ms = row->last_ms;
			downgrade->network = row->network[0] == '\0' ? NULL : row->network;
		}
	}
}

/* ------------------------------------------------------------------ *
 * All domains
 * ------------------------------------------------------------------ */

static int
finish_domain(struct review *review, struct late *late, uint32_t number)
{
	struct domain_work *work = &review->keep->work[number];
	struct review_domain *domain = &review->domains[number];
	int result = finish_session(review, late, work->weakest, false, &domain->weakest);

	if (result == SQLITE_DONE)
		result = finish_session(review, late, (struct row_place){ true, work->refused_id },
		    false, &domain->last_refused);
	if (result == SQLITE_DONE)
		result = finish_session(review, late, (struct row_place){ true, work->would_id },
		    true, &domain->last_would);
	/* Bounces and mail without a domain are nobody's in particular. */
	if (result == SQLITE_DONE && work->clear_last_ms != 0 && strchr(domain->name, '.'))
		result = find_tls(review, late->tls, number);
	return result;
}

static int
by_use(const void *a, const void *b)
{
	const struct review_cipher *one = a, *other = b;

	if (one->transactions != other->transactions)
		return one->transactions > other->transactions ? -1 : 1;
	return strcmp(one->name, other->name);
}

static int
by_last(const void *a, const void *b)
{
	const struct review_certificate *one = a, *other = b;

	if (one->last_ms != other->last_ms)
		return one->last_ms > other->last_ms ? -1 : 1;
	return one->number < other->number ? -1 : one->number > other->number;
}

static int
by_transactions(const void *a, const void *b)
{
	const struct review_domain *one = a, *other = b;

	if (one->counts.transactions != other->counts.transactions)
		return one->counts.transactions > other->counts.transactions ? -1 : 1;
	return strcmp(one->name, other->name);
}

/* Order, and the last words on what was counted. */
static void
settle(struct review *review)
{
	for (size_t i = 0; i < review->domain_count; i++) {
		struct review_domain *domain = &review->domains[i];

		if (domain->counts.transactions == 0)
			domain->strong = false;
		if (domain->cipher_count > 0)
			qsort(domain->ciphers, domain->cipher_count,
			    sizeof(*domain->ciphers), by_use);
		for (size_t k = 0; k < domain->certificate_count; k++)
			domain->certificates[k].verified = review->keep->certificate_rows[
			    domain->certificates[k].number].verified;
		if (domain->certificate_count > 0)
			qsort(domain->certificates, domain->certificate_count,
			    sizeof(*domain->certificates), by_last);
	}
	if (review->domain_count > 0)
		qsort(review->domains, review->domain_count, sizeof(*review->domains),
		    by_transactions);
}

int
review_finish(struct review *review)
{
	sqlite3 *db = review->keep->db;
	struct late late = { 0 };
	int result = sqlite3_prepare_v2(db, record_sql, -1, &late.record, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(db, late_facts_sql, -1, &late.facts, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(db, tls_sql, -1, &late.tls, NULL);
	if (result == SQLITE_OK)
		result = SQLITE_DONE;
	for (uint32_t i = 0; i < review->domain_count && result == SQLITE_DONE; i++)
		result = finish_domain(review, &late, i);
	count_downgrades(review);
	settle(review);
	(void)sqlite3_finalize(late.record);
	(void)sqlite3_finalize(late.facts);
	(void)sqlite3_finalize(late.tls);
	return result;
}
