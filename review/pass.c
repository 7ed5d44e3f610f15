/*
 * pass.c - the pass over the journal's rows, in the order of their time.
 *
 * Records come between roll-ups, so that what is told of a sender can be followed.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <string.h>

#include "base/hash.h"
#include "journal/journal.h"

/* What both tables have of a session, in the order of enum pass_column. */
#define PASS_COLUMNS(null, login, client) \
	"domain, " null ", tls_version, cipher, bits, cert_verified, cert_cn, cert_issuer," \
	" cert_fingerprint, cert_pubkey_fingerprint, cert_key, cert_signature," \
	" cert_not_after, local IS NOT NULL OR " login " IS NOT NULL, client_name, " client "," \
	" rule, rule_kind, rule_name, rule_via, partner"

enum pass_column {
	PASS_DOMAIN, PASS_NULL, PASS_STRENGTH, PASS_VERIFIED = PASS_STRENGTH + 3,
	PASS_CERTIFICATE, PASS_OURS = PASS_CERTIFICATE + 7, PASS_NAME, PASS_NETWORK,
	PASS_ADDRESS, PASS_RULE, PASS_KIND, PASS_WHO, PASS_VIA, PASS_PARTNER,
	/* Of facts alone: */
	PASS_EXEMPTION,
	/* Of records alone: */
	PASS_ID = PASS_EXEMPTION, PASS_TIME, PASS_FROM, PASS_TO, PASS_SESSION, PASS_ACTION, PASS_REASON,
	PASS_WOULD, PASS_WOULD_REASON, PASS_WOULD_RULE, PASS_EXEMPTED
};

#define PASS_FACTS "SELECT " PASS_COLUMNS("null_sender IS NOT NULL", "authenticated", \
	"client_network, client_address") ", exemption IS NOT NULL"

static const char pass_facts_sql[] = PASS_FACTS " FROM facts LEFT JOIN certificate"
    " ON certificate.id = facts.certificate WHERE facts.id = ?1";

/* As PASS_ROLLUPS. */
#define SUMMED "SELECT summed, first, last, messages, client_addr, charted, way FROM "
/* In this order: what is asked for meanwhile is waited for last. */
static const char pass_summed_sql[] =
    SUMMED "summed_hours UNION ALL " SUMMED "summed_spans ORDER BY first, summed";

/*
 * The sets of facts that a fleet adds up are taken here at once: in the order of rows each
 * would be looked for somewhere else. All that is gone with the transaction.
 */
#define SET_COLUMNS "domain, null_sender, tls_version, cipher, bits, cert_verified, cert_cn," \
	" cert_issuer, cert_fingerprint, cert_pubkey_fingerprint, cert_key, cert_signature," \
	" cert_not_after, local, authenticated, client_name, client_network, client_address," \
	" rule, rule_kind, rule_name, rule_via, partner, exemption"
static const char pass_sets_sql[] =
    "CREATE TABLE main.taken_set (id INTEGER PRIMARY KEY, " SET_COLUMNS ");"
    "INSERT INTO main.taken_set SELECT id, " SET_COLUMNS " FROM summed_set ORDER BY id";
static const char pass_set_sql[] = PASS_FACTS " FROM main.taken_set WHERE id = ?1";

static const char pass_records_sql[] =
    "SELECT " PASS_COLUMNS("\"from\" = '<>'", "sasl_username", "NULL, client_addr")
    ", id, time, \"from\", \"to\", session, action, reason, would, would_reason,"
    " would_rule, exempted FROM record WHERE time >= ?1 AND time < ?2"
    " AND direction IS NOT 'out'";

#define PASS_ROLLUPS "SELECT facts, hour * 3600000 + first, hour * 3600000 + last," \
	" messages, client_addr"
#define PASS_HOURS " WHERE hour BETWEEN ?1 / 3600000 AND (?2 - 1) / 3600000"

/*
 * Prepares a question with its filter on the domain; binds that and the period in which
 * rows are looked at, whether they are counted or not.
 */
static int
pass_prepare(struct review *review, const char *before, const char *null_sender,
    const char *order, sqlite3_stmt **rows)
{
	const char *domain = review->keep->options->domain;
	struct buffer sql = BUFFER_INIT;
	int result = SQLITE_NOMEM;

	buffer_string(&sql, before);
	if (domain != NULL && strcmp(domain, "<>") == 0)
		buffer_format(&sql, " AND domain IS NULL AND %s", null_sender);
	else if (domain != NULL && domain[0] == '.')
		buffer_string(&sql, " AND domain LIKE '%' || ?3 AND substr(domain, -length(?3)) = ?3");
	else if (domain != NULL)
		buffer_string(&sql, " AND domain = ?3");
	buffer_string(&sql, order);
	if (!sql.failed)
		result = sqlite3_prepare_v2(review->keep->db, sql.text, -1, rows, NULL);
	buffer_free(&sql);
	if (result != SQLITE_OK)
		return result;
	(void)sqlite3_bind_int64(*rows, 1, review->keep->from_ms);
	(void)sqlite3_bind_int64(*rows, 2, review->keep->to_ms);
	/* There is no ?3 without a domain: that this fails does not matter. */
	if (domain != NULL)
		(void)sqlite3_bind_text(*rows, 3, domain, -1, SQLITE_STATIC);
	return SQLITE_OK;
}

/* ------------------------------------------------------------------ *
 * Sessions
 * ------------------------------------------------------------------ */

static enum policy_rule_kind
kind_called(const char *name)
{
	int kind = RULE_CLIENT;

	while (kind < RULE_DEFAULT && (name == NULL ||
	    strcmp(name, policy_rule_kind_name((enum policy_rule_kind)kind)) != 0))
		kind++;
	return (enum policy_rule_kind)kind;
}

/* The agreement of the row's sender where another rule is reported. */
static uint32_t
applied_agreement(struct review *review, sqlite3_stmt *row, bool is_record)
{
	const char *domain = review_column(row, PASS_DOMAIN);
	struct facts facts = FACTS_INIT;
	char sender[512] = "<>";

	if (domain != NULL)
		(void)snprintf(sender, sizeof(sender), "?@%s", domain);
	facts.client_name = review_column(row, PASS_NAME);
	facts.client_addr = review_column(row, PASS_ADDRESS);
	facts.from = is_record ? review_column(row, PASS_FROM) : NULL;
	if (facts.from == NULL)
		facts.from = sender;
	return review_agreement_of_sender(review, review_column(row, PASS_PARTNER), &facts);
}

static void
read_parties(struct review *review, sqlite3_stmt *row, bool is_record,
    struct session_facts *session)
{
	const char *domain = review_column(row, PASS_DOMAIN);
	const struct row_rule rule = {
		.any = review_column(row, PASS_KIND) != NULL,
		.kind = kind_called(review_column(row, PASS_KIND)),
		.rule = review_column(row, PASS_RULE), .name = review_column(row, PASS_WHO),
		.via = review_column(row, PASS_VIA), .partner = review_column(row, PASS_PARTNER)
	};

	if (domain == NULL)
		domain = sqlite3_column_int(row, PASS_NULL) != 0 ? "<>" : "";
	session->domain = review_history_number(review, domain);
	session->reported = (struct party){ review_agreement_of(review, &rule), INTERN_NONE };
	session->applied = (struct party){ INTERN_NONE, INTERN_NONE };
	session->has_applied = rule.any && rule.kind < RULE_FROM;
	if (session->has_applied)
		session->applied.agreement = applied_agreement(review, row, is_record);
}

static void
read_session(struct review *review, sqlite3_stmt *row, bool is_record,
    struct session_facts *session)
{
	const char *name = review_column(row, PASS_NAME);
	const char *address = review_column(row, PASS_ADDRESS);
	const char *network = review_column(row, PASS_NETWORK);
	const char *verified = review_column(row, PASS_VERIFIED);
	char around[JOURNAL_NETWORK_SIZE];

	if (network == NULL && address != NULL && journal_network(address, around))
		network = around;
	session->strength = review_strength_number(review, row, PASS_STRENGTH);
	session->certificate = review_certificate_number(review, row, PASS_CERTIFICATE);
	session->verified = verified != NULL && strcmp(verified, "yes") == 0;
	session->ours = sqlite3_column_int(row, PASS_OURS) != 0;
	session->network = review_text(review, network);
	session->address = review_text(review, address);
	session->host = name != NULL ? review_text(review, name) : address != NULL ?
	    session->address : session->network;
	read_parties(review, row, is_record, session);
}

/* What the rows are read by, and where they are. */
struct pass {
	sqlite3_stmt *rollups, *records;
	sqlite3_stmt *facts;
	sqlite3_stmt *sets;		/* those that were taken at once; NULL: none */
	int rollup, record;		/* SQLITE_ROW: there is one; or how it ended */
};

/* Finds the row of facts, which is to be reset; NULL: "result" says why not. */
static sqlite3_stmt *
find_facts(const struct pass *pass, int64_t id, int *result)
{
	sqlite3_stmt *tried[] = { pass->sets, pass->facts };

	*result = SQLITE_DONE;
	for (int i = 0; i < 2 && *result == SQLITE_DONE; i++) {
		if (tried[i] == NULL)
			continue;
		(void)sqlite3_bind_int64(tried[i], 1, id);
		if ((*result = sqlite3_step(tried[i])) == SQLITE_ROW)
			return tried[i];
		(void)sqlite3_reset(tried[i]);
	}
	return NULL;
}

/* The facts numbered "id", read the first time; INTERN_NONE: an error. */
static uint32_t
pass_facts(struct review *review, const struct pass *pass, int64_t id, int *result)
{
	struct review_keep *keep = review->keep;
	sqlite3_stmt *row;
	bool added;
	uint32_t number;

	buffer_clear(&keep->key);
	buffer_add(&keep->key, (const char *)&id, sizeof(id));
	number = review_row(keep, &keep->session_ids, keep->sessions, &keep->session_room,
	    &added);
	if (!added)
		return number;
	row = find_facts(pass, id, result);
	if (row != NULL) {
		keep->sessions[number].id = id;
		read_session(review, row, false, &keep->sessions[number]);
		keep->sessions[number].exempt = sqlite3_column_int(row, PASS_EXEMPTION) != 0;
		*result = sqlite3_reset(row);
	} else if (*result == SQLITE_DONE)
		*result = SQLITE_CORRUPT;
	return *result == SQLITE_OK && !keep->failed ? number : INTERN_NONE;
}

/* ------------------------------------------------------------------ *
 * Roll-ups
 * ------------------------------------------------------------------ */

static void
pass_rollup(struct review *review, struct pass *pass)
{
	struct session_facts *session;
	int64_t messages = sqlite3_column_int64(pass->rollups, 3);
	bool summed = pass->sets != NULL;
	int result = SQLITE_OK;
	uint32_t facts = pass_facts(review, pass,
	    sqlite3_column_int64(pass->rollups, 0), &result);
	const char *address = review_column(pass->rollups, 4);

	if (facts == INTERN_NONE) {
		pass->rollup = result == SQLITE_OK ? SQLITE_NOMEM : result;
		return;
	}
	session = &review->keep->sessions[facts];
	review_take(review, session, &(struct row_event){
		.first_ms = sqlite3_column_int64(pass->rollups, 1),
		.last_ms = sqlite3_column_int64(pass->rollups, 2),
		.messages = messages, .own = messages, .applied = messages,
		.exempt = session->exempt, .would_by = INTERN_NONE,
		.address = review_address_find(review, address != NULL ? address :
		    session->address),
		.uncharted = summed && sqlite3_column_int(pass->rollups, 5) == 0,
		.way = summed ? (enum row_way)sqlite3_column_int(pass->rollups, 6) : ROW_BOTH
	});
	pass->rollup = sqlite3_step(pass->rollups);
}

/* ------------------------------------------------------------------ *
 * Records
 * ------------------------------------------------------------------ */

/* The same in each run: which of two in one place is forgotten is not to be chance. */
static uint64_t
hash_pair(uint32_t salt, const char *one, const char *other)
{
	struct hash_key key = { 0 };

	key.b = hash_bytes(key, one, strlen(one)) + salt;
	return hash_bytes(key, other != NULL ? other : "", other != NULL ? strlen(other) : 0);
}

/*
 * Whether a refusal is of a transaction that was counted for the agreement (INTERN_NONE:
 * in all) a moment ago: of the same session and sender. A recipient that comes again is
 * another attempt.
 */
static bool
is_same_attempt(struct review_keep *keep, sqlite3_stmt *row, uint32_t agreement)
{
	const char *session = review_column(row, PASS_SESSION);
	const char *to = review_column(row, PASS_TO);
	uint64_t transaction, recipient, *slot;

	if (session == NULL || to == NULL)
		return false;
	transaction = hash_pair(agreement, session, review_column(row, PASS_FROM));
	recipient = hash_pair(0, to, NULL);
	slot = keep->seen_refused[transaction & (RECENT - 1)];
	if (slot[0] == transaction && slot[1] != recipient)
		return true;
	slot[0] = transaction;
	slot[1] = recipient;
	return false;
}

static uint32_t
would_agreement(struct review *review, sqlite3_stmt *row,
    const struct session_facts *session)
{
	const char *rule = review_column(row, PASS_RULE);
	const char *would = review_column(row, PASS_WOULD_RULE);
	uint32_t number;

	if (would == NULL || (rule != NULL && strcmp(rule, would) == 0))
		return session->reported.agreement;
	number = review_agreement_at(review, would);
	return number != INTERN_NONE ? number : session->reported.agreement;
}

static void
pass_record(struct review *review, sqlite3_stmt *row)
{
	enum policy_action action = journal_action(review_column(row, PASS_ACTION));
	struct session_facts session = { .id = 0 };
	struct row_event event = {
		.first_ms = sqlite3_column_int64(row, PASS_TIME),
		.last_ms = sqlite3_column_int64(row, PASS_TIME),
		.record = sqlite3_column_int64(row, PASS_ID), .messages = 1,
		.action = action,
		.refused = action == POLICY_REJECT || action == POLICY_TEMPFAIL,
		.would = review_column(row, PASS_WOULD) != NULL,
		.exempt = sqlite3_column_int(row, PASS_EXEMPTED) != 0,
		.reason = review_reason_called(review_column(row, PASS_REASON)),
		.would_reason = 
		    review_reason_called(review_column(row, PASS_WOULD_REASON)),
		.would_by = INTERN_NONE,
		.address = review_address_find(review, review_column(row, PASS_ADDRESS)),
		.way = ROW_BOTH
	};

	read_session(review, row, true, &session);
	if (review->keep->failed)
		return;
	if (event.would)
		event.would_by = would_agreement(review, row, &session);
	event.own = event.applied = 1;
	if (event.refused) {
		event.messages = !is_same_attempt(review->keep, row, INTERN_NONE);
		event.own = !is_same_attempt(review->keep, row, session.reported.agreement);
		event.applied = session.has_applied && session.applied.agreement != INTERN_NONE &&
		    !is_same_attempt(review->keep, row, session.applied.agreement);
	}
	review_take(review, &session, &event);
}

/* ------------------------------------------------------------------ *
 * All of them
 * ------------------------------------------------------------------ */

/* Takes the records up to a moment, INT64_MAX: all that are left. */
static void
pass_records(struct review *review, struct pass *pass, int64_t until_ms)
{
	while (pass->record == SQLITE_ROW && !review->keep->failed &&
	    sqlite3_column_int64(pass->records, PASS_TIME) < until_ms) {
		pass_record(review, pass->records);
		pass->record = sqlite3_step(pass->records);
	}
}

static void
pass_all(struct review *review, struct pass *pass)
{
	pass->rollup = sqlite3_step(pass->rollups);
	pass->record = sqlite3_step(pass->records);
	while (pass->rollup == SQLITE_ROW && !review->keep->failed) {
		pass_records(review, pass,
		    sqlite3_column_int64(pass->rollups, 1));
		if (!review->keep->failed)
			pass_rollup(review, pass);
	}
	pass_records(review, pass, INT64_MAX);
}

/* What the days that were added up have in the chart. */
static void
chart_total(struct review *review, sqlite3_stmt *row)
{
	uint32_t strength = review_strength_number(review, row, 2);
	int64_t at = (sqlite3_column_int64(row, 0) - review->buckets[0].start_ms) /
	    review->bucket_ms;

	if (strength != INTERN_NONE && at >= 0 && at < (int64_t)review->bucket_count)
		review->buckets[at].protocol[review->keep->strength_rows[strength].strength.
		    protocol] += sqlite3_column_int64(row, 1);
}

/*
 * Lets a fleet add up what it can, of whole days: up to moments that make a difference. The
 * chart of a filtered review, and of hours, is made of rows.
 */
static int
pass_sum(struct review *review, bool *summed)
{
	const struct review_keep *keep = review->keep;
	const int64_t hour = JOURNAL_HOUR_MS, day = 24 * hour;
	int64_t until = (review->until_ms + hour - 1) / hour, since = review->since_ms / hour;
	bool hourly = review->bucket_count == 0 || review->bucket_ms == hour;
	const int64_t values[] = {
		keep->from_ms / hour, (keep->to_ms - 1) / hour + 1, since, until,
		hourly ? since : 0, hourly ? until : 0,
		keep->options->domain != NULL || keep->options->partner != NULL,
		keep->only != INTERN_NONE && review->agreements[keep->only].kind != RULE_DEFAULT,
		0, keep->recent_ms / day * 24, since, review->until_ms / hour, until
	};
	sqlite3_stmt *sum = NULL;
	int result, days = 0;

	*summed = false;
	if (!review_is_fleet(keep->db))
		return SQLITE_OK;
	result = sqlite3_prepare_v2(keep->db,
	    "SELECT fleet_sum(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1, &sum, NULL);
	for (int i = 0; i < 13 && result == SQLITE_OK; i++)
		result = sqlite3_bind_int64(sum, i + 1, values[i]);
	if (result == SQLITE_OK)
		result = sqlite3_bind_text(sum, 9, keep->options->domain, -1, SQLITE_STATIC);
	if (result == SQLITE_OK && (result = sqlite3_step(sum)) == SQLITE_ROW) {
		days = sqlite3_column_int(sum, 0);
		result = days < 0 ? SQLITE_IOERR : SQLITE_OK;
	}
	(void)sqlite3_finalize(sum);
	*summed = days > 0;
	return result;
}

/* Takes the sets, and prepares the question for what a fleet added up. */
static int
pass_take_sets(struct review *review, struct pass *pass)
{
	sqlite3 *db = review->keep->db;
	int result = sqlite3_exec(db, pass_sets_sql, NULL, NULL, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(db, pass_set_sql, -1, &pass->sets, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(db, pass_summed_sql, -1, &pass->rollups, NULL);
	return result;
}

/* Prepares the question for roll-ups. */
static int
pass_prepare_rollups(struct review *review, struct pass *pass)
{
	const char *domain = review->keep->options->domain;
	struct buffer sql = BUFFER_INIT;
	bool summed;
	int result = pass_sum(review, &summed);

	if (result == SQLITE_OK && summed)
		result = pass_take_sets(review, pass);
	else if (result == SQLITE_OK) {
		buffer_format(&sql, PASS_ROLLUPS " FROM %s" PASS_HOURS, domain != NULL ?
		    review_accepted(review->keep->db, true) : "rollup");
		result = sql.failed ? SQLITE_NOMEM : pass_prepare(review, sql.text,
		    "null_sender = 'yes'", " ORDER BY hour, first, facts", &pass->rollups);
	}
	buffer_free(&sql);
	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(review->keep->db, pass_facts_sql, -1, &pass->facts,
		    NULL);
	return result;
}

int
review_pass(struct review *review)
{
	struct pass pass = { .rollups = NULL };
	int result = pass_prepare_rollups(review, &pass);

	if (result == SQLITE_OK)
		result = pass_prepare(review, pass_records_sql, "\"from\" = '<>'",
		    " ORDER BY time, id", &pass.records);
	if (result == SQLITE_OK) {
		pass_all(review, &pass);
		result = review->keep->failed ? SQLITE_NOMEM : pass.rollup != SQLITE_DONE ?
		    pass.rollup : pass.record;
	}
	if (result == SQLITE_DONE && pass.sets != NULL && review->bucket_count > 0)
		result = review_each(review, "SELECT day, messages, tls_version, cipher, bits"
		    " FROM summed_total", chart_total);
	(void)sqlite3_finalize(pass.rollups);
	(void)sqlite3_finalize(pass.records);
	(void)sqlite3_finalize(pass.facts);
	(void)sqlite3_finalize(pass.sets);
	return result;
}
