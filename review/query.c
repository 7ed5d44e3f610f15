/*
 * query.c - the questions that tlsward log asks the journal.
 *
 * One filter leads, by its index; the others only look at its rows, which the "+"
 * before their columns tells SQLite. Where the leading one has several values, there
 * is one question for each and SQLite merges the answers by time, so that the newest
 * rows come at once, however many there are. What an index cannot answer (names below
 * a domain, networks) is looked up in it first: a few rows are then asked for by their
 * numbers, and with more of them it does to go by time.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/review.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum lead {
	LEAD_ID, LEAD_FOUND, LEAD_CLIENT, LEAD_DOMAIN, LEAD_RULE, LEAD_REASON,
	LEAD_WOULD, LEAD_ACTION, LEAD_TIME
};

/* The parameters, by number. */
#define P_SINCE "?1"
#define P_UNTIL "?2"
#define P_AFTER "?3"
#define P_DOMAIN "?4"
#define P_CLIENT "?5"
#define P_RULE "?6"
#define P_LIMIT "?7"

/* So many lines of a file are asked for one by one, and so many rows by number. */
#define RULES_MAX 64
#define FOUND_MAX 2000

/* ------------------------------------------------------------------ *
 * Words and networks
 * ------------------------------------------------------------------ */

struct review_words
review_action_words(void)
{
	struct review_words words = { .count = 0 };

	for (int i = POLICY_ACCEPT; i <= POLICY_REJECT; i++)
		words.list[words.count++] = policy_action_name((enum policy_action)i);
	return words;
}

struct review_words
review_reason_words(void)
{
	struct review_words words = { .count = 0 };

	for (enum policy_reason reason = policy_reason_next(REASON_NONE);
	    reason < REASON_COUNT; reason = policy_reason_next(reason))
		words.list[words.count++] = policy_reason_name(reason);
	return words;
}

size_t
review_words_find(const struct review_words *words, const char *text, size_t length)
{
	size_t i = 0;

	while (i < words->count && (strlen(words->list[i]) != length ||
	    memcmp(words->list[i], text, length) != 0))
		i++;
	return i;
}

/* Reads "192.0.2.1", all of whose bits count, or "192.0.2.0/24". */
static bool
read_network(const char *text, struct review_network *network, bool *has_prefix)
{
	size_t length = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN], *end;
	unsigned long prefix, most;

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	network->is_v4 = inet_pton(AF_INET, address, network->bytes) == 1;
	if (!network->is_v4 && inet_pton(AF_INET6, address, network->bytes) != 1)
		return false;
	most = network->is_v4 ? 32 : 128;
	network->prefix = (unsigned)most;
	*has_prefix = text[length] == '/';
	if (!*has_prefix)
		return true;
	if (text[length + 1] < '0' || text[length + 1] > '9')
		return false;
	prefix = strtoul(text + length + 1, &end, 10);
	network->prefix = (unsigned)prefix;
	return *end == '\0' && prefix <= most;
}

bool
review_filter_client(struct review_filter *filter, const char *text)
{
	bool has_prefix;

	if (!read_network(text, &filter->network, &has_prefix)) {
		filter->client = CLIENT_NAME;
		return strchr(text, '/') == NULL && policy_domain(text, filter->client_text,
		    sizeof(filter->client_text));
	}
	filter->client = has_prefix ? CLIENT_NETWORK : CLIENT_ADDR;
	(void)inet_ntop(filter->network.is_v4 ? AF_INET : AF_INET6, filter->network.bytes,
	    filter->client_text, sizeof(filter->client_text));
	return true;
}

/* Are the first "prefix" bits the same? */
static bool
same_bits(const unsigned char *one, const unsigned char *other, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	return memcmp(one, other, whole) == 0 && (rest == 0 ||
	    (one[whole] ^ other[whole]) >> (8 - rest) == 0);
}

/* Is the one, an address or a network, within the network asked for or around it? */
static bool
meets_network(const struct review_filter *filter, const char *text)
{
	const struct review_network *wanted = &filter->network;
	struct review_network found;
	bool has_prefix;

	return text != NULL && read_network(text, &found, &has_prefix) &&
	    found.is_v4 == wanted->is_v4 && same_bits(found.bytes, wanted->bytes,
	    wanted->prefix < found.prefix ? wanted->prefix : found.prefix);
}

bool
review_filter_meets(const struct review_filter *filter, sqlite3_stmt *row)
{
	return (filter->client != CLIENT_ADDR && filter->client != CLIENT_NETWORK) ||
	    meets_network(filter, journal_row_text(row, journal_row_messages(row) > 0 ?
	    "client_network" : "client_addr"));
}

/* ------------------------------------------------------------------ *
 * Conditions
 * ------------------------------------------------------------------ */

/* A column is equal to a parameter, or where that is so, a name below it. */
static void
query_name(struct buffer *sql, const char *plus, const char *column, const char *name,
    const char *parameter)
{
	if (name[0] == '.')
		buffer_format(sql, " AND substr(%s, -length(%s)) = %s", column, parameter,
		    parameter);
	else if (name[0] != '\0')
		buffer_format(sql, " AND %s%s = %s", plus, column, parameter);
}

/* With FILE all of its lines; ';' comes after ':'. */
static void
query_rule(struct buffer *sql, const char *plus, const char *column)
{
	buffer_format(sql, " AND (%s%s = " P_RULE " OR (%s%s >= " P_RULE " || ':' AND"
	    " %s%s < " P_RULE " || ';'))", plus, column, plus, column, plus, column);
}

/* One of the words, where there are some; of a leading filter "value". */
static void
query_words(struct buffer *sql, const char *column, const struct review_words *words,
    const char *value)
{
	if (value != NULL)
		buffer_format(sql, " AND %s = '%s'", column, value);
	else if (words->count > 0) {
		buffer_format(sql, " AND +%s IN (", column);
		for (size_t i = 0; i < words->count; i++)
			buffer_format(sql, "%s'%s'", i == 0 ? "" : ", ", words->list[i]);
		buffer_string(sql, ")");
	}
}

/* ------------------------------------------------------------------ *
 * Records
 * ------------------------------------------------------------------ */

static enum lead
choose_lead(const struct review_filter *filter, bool by_id)
{
	if (by_id)
		return LEAD_ID;
	if (filter->client == CLIENT_ADDR ||
	    (filter->client == CLIENT_NAME && filter->client_text[0] != '.'))
		return LEAD_CLIENT;
	if (filter->domain[0] != '\0' && filter->domain[0] != '.')
		return LEAD_DOMAIN;
	if (filter->would)
		return LEAD_WOULD;
	if (filter->rule != NULL)
		return LEAD_RULE;
	if (filter->reasons.count > 0)
		return LEAD_REASON;
	return filter->actions.count > 0 ? LEAD_ACTION : LEAD_TIME;
}

/* One question. "value": what the leading filter asks for, where it has a list. */
static void
query_question(struct buffer *sql, const struct review_filter *filter, enum lead lead,
    const char *value)
{
	/* "+" keeps the index of a column from being used. */
	const char *time = lead > LEAD_FOUND ? "" : "+";
	const char *domain = lead == LEAD_DOMAIN ? "" : "+";
	const char *client = lead == LEAD_CLIENT ? "" : "+";

	buffer_string(sql, sql->length > 0 ? " UNION ALL SELECT " : "SELECT ");
	journal_row_columns(sql);
	buffer_string(sql, " FROM record WHERE " P_AFTER " IS NOT NULL");
	if (lead == LEAD_ID)
		buffer_string(sql, " AND id > " P_AFTER);
	else if (lead == LEAD_FOUND)
		buffer_format(sql, " AND id IN (%s)", value);
	if (filter->since_ms != 0)
		buffer_format(sql, " AND %stime >= " P_SINCE, time);
	if (filter->until_ms != 0)
		buffer_format(sql, " AND %stime < " P_UNTIL, time);
	query_words(sql, "action", &filter->actions, lead == LEAD_ACTION ? value : NULL);
	query_words(sql, filter->would ? "would_reason" : "reason", &filter->reasons,
	    lead == LEAD_REASON ? value : NULL);
	if (lead == LEAD_WOULD)
		buffer_format(sql, " AND would = '%s'", value);
	else if (filter->would)
		buffer_string(sql, " AND +would IS NOT NULL");
	if (strcmp(filter->domain, "<>") == 0)
		buffer_format(sql, " AND %sdomain IS NULL AND \"from\" = '<>'", domain);
	else
		query_name(sql, domain, "domain", filter->domain, P_DOMAIN);
	if (filter->client == CLIENT_ADDR)
		query_name(sql, client, "client_addr", filter->client_text, P_CLIENT);
	else if (filter->client == CLIENT_NAME)
		query_name(sql, client, "client_name", filter->client_text, P_CLIENT);
	if (lead == LEAD_RULE && value != NULL)
		buffer_format(sql, " AND rule = %s", value);
	else if (filter->rule != NULL)
		query_rule(sql, lead == LEAD_RULE ? "" : "+",
		    filter->would ? "would_rule" : "rule");
}

/* A question for each rule of a file; false where there are too many to list. */
static bool
query_rules(sqlite3 *db, struct buffer *sql, const struct review_filter *filter)
{
	static const char next[] = "SELECT min(rule), quote(min(rule)) FROM record WHERE"
	    " rule > ?1 AND rule < ?2";
	struct buffer from = BUFFER_INIT, to = BUFFER_INIT;
	sqlite3_stmt *row = NULL;
	bool ok = sqlite3_prepare_v2(db, next, -1, &row, NULL) == SQLITE_OK;
	int count = 0;

	query_question(sql, filter, LEAD_RULE, P_RULE);
	buffer_format(&from, "%s:", filter->rule);
	buffer_format(&to, "%s;", filter->rule);
	for (ok = ok && !from.failed && !to.failed; ok; ) {
		(void)sqlite3_bind_text(row, 1, from.text, -1, SQLITE_TRANSIENT);
		(void)sqlite3_bind_text(row, 2, to.text, -1, SQLITE_TRANSIENT);
		ok = sqlite3_step(row) == SQLITE_ROW;
		if (!ok || sqlite3_column_type(row, 0) == SQLITE_NULL)
			break;
		buffer_clear(&from);
		buffer_string(&from, (const char *)sqlite3_column_text(row, 0));
		query_question(sql, filter, LEAD_RULE,
		    (const char *)sqlite3_column_text(row, 1));
		(void)sqlite3_reset(row);
		ok = ++count < RULES_MAX && !from.failed;
	}
	(void)sqlite3_finalize(row);
	buffer_free(&from);
	buffer_free(&to);
	return ok;
}

static void
query_questions(sqlite3 *db, struct buffer *sql, const struct review_filter *filter,
    enum lead lead)
{
	struct review_words would = review_action_words();
	const struct review_words *words = lead == LEAD_ACTION ? &filter->actions :
	    lead == LEAD_REASON ? &filter->reasons : lead == LEAD_WOULD ? &would : NULL;

	if (lead == LEAD_RULE) {
		if (query_rules(db, sql, filter))
			return;
		buffer_clear(sql);
	}
	if (words == NULL)
		query_question(sql, filter, lead, NULL);
	/* No rule under monitor would accept. */
	for (size_t i = lead == LEAD_WOULD; words != NULL && i < words->count; i++)
		query_question(sql, filter, lead, words->list[i]);
}

static int
query_prepare(sqlite3 *db, struct buffer *sql, const struct review_filter *filter,
    int64_t after, sqlite3_stmt **rows)
{
	int result = SQLITE_NOMEM;

	if (!sql->failed)
		result = sqlite3_prepare_v2(db, sql->text, -1, rows, NULL);
	buffer_free(sql);
	if (result != SQLITE_OK)
		return result;
	/* Not all of them are in every question: that one fails does not matter. */
	(void)sqlite3_bind_int64(*rows, 1, filter->since_ms);
	(void)sqlite3_bind_int64(*rows, 2, filter->until_ms);
	(void)sqlite3_bind_int64(*rows, 3, after);
	(void)sqlite3_bind_text(*rows, 4, filter->domain, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(*rows, 5, filter->client_text, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(*rows, 6, filter->rule, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(*rows, 7, filter->limit);
	return SQLITE_OK;
}

/*
 * The numbers of the rows whose column is below a name or (NULL) in the network asked
 * for. False where there are too many, or they could not be read.
 */
static bool
find_rows(sqlite3 *db, const char *column, const char *below,
    const struct review_filter *filter, struct buffer *found)
{
	struct buffer sql = BUFFER_INIT;
	sqlite3_stmt *row = NULL;
	int result = SQLITE_NOMEM, count = 0;

	buffer_string(found, "");
	buffer_format(&sql, "SELECT id, %s FROM record INDEXED BY record_%s WHERE %s IS NOT"
	    " NULL%s%s%s", column, column, column, below != NULL ? " AND substr(" : "",
	    below != NULL ? column : "", below != NULL ? ", -length(?1)) = ?1" : "");
	if (!sql.failed)
		result = sqlite3_prepare_v2(db, sql.text, -1, &row, NULL);
	buffer_free(&sql);
	if (result == SQLITE_OK && below != NULL)
		(void)sqlite3_bind_text(row, 1, below, -1, SQLITE_STATIC);
	while ((result == SQLITE_OK || result == SQLITE_ROW) &&
	    (result = sqlite3_step(row)) == SQLITE_ROW) {
		if (below == NULL && !meets_network(filter,
		    (const char *)sqlite3_column_text(row, 1)))
			continue;
		buffer_format(found, "%s%lld", count == 0 ? "" : ",",
		    (long long)sqlite3_column_int64(row, 0));
		if (++count > FOUND_MAX)
			break;
	}
	(void)sqlite3_finalize(row);
	return result == SQLITE_DONE && !found->failed;
}

/* Looks for the rows of a filter that no index leads to. */
static bool
find_rows_of(sqlite3 *db, const struct review_filter *filter, enum lead lead,
    struct buffer *found)
{
	if (lead <= LEAD_CLIENT)
		return false;
	if (filter->client == CLIENT_NETWORK)
		return find_rows(db, "client_addr", NULL, filter, found);
	if (filter->client == CLIENT_NAME)
		return find_rows(db, "client_name", filter->client_text, filter, found);
	return filter->domain[0] == '.' &&
	    find_rows(db, "domain", filter->domain, filter, found);
}

int
review_records(sqlite3 *db, const struct review_filter *filter, int64_t after,
    sqlite3_stmt **rows)
{
	struct buffer sql = BUFFER_INIT, found = BUFFER_INIT;
	bool by_id = after >= 0;
	enum lead lead = choose_lead(filter, by_id);

	if (find_rows_of(db, filter, lead, &found))
		query_question(&sql, filter, LEAD_FOUND, found.text);
	else
		query_questions(db, &sql, filter, lead);
	buffer_free(&found);
	/* "time" and "id" are the first and the last column of each question. */
	buffer_string(&sql, by_id ? " ORDER BY id" : " ORDER BY time DESC, id DESC");
	if (!by_id && filter->limit > 0 && filter->client != CLIENT_NETWORK)
		buffer_string(&sql, " LIMIT " P_LIMIT);
	return query_prepare(db, &sql, filter, by_id ? after : 0, rows);
}

/* ------------------------------------------------------------------ *
 * Roll-ups
 * ------------------------------------------------------------------ */

/* They are of accepted messages that nothing was wrong with. */
static bool
wants_rollups(const struct review_filter *filter)
{
	const char *accept = policy_action_name(POLICY_ACCEPT);

	return review_words_find(&filter->actions, accept, strlen(accept)) <
	    filter->actions.count && !filter->would && filter->reasons.count == 0;
}

int
review_rollups(sqlite3 *db, const struct review_filter *filter, sqlite3_stmt **rows)
{
	struct buffer sql = BUFFER_INIT;
	bool named = filter->domain[0] != '\0' && filter->domain[0] != '<';

	*rows = NULL;
	if (!wants_rollups(filter))
		return SQLITE_OK;
	buffer_string(&sql, "SELECT ");
	journal_row_rollup_columns(&sql);
	buffer_string(&sql, named ?
	    " FROM facts CROSS JOIN rollup ON rollup.facts = facts.id" :
	    " FROM rollup CROSS JOIN facts ON facts.id = rollup.facts");
	buffer_string(&sql, " LEFT JOIN certificate ON certificate.id = facts.certificate"
	    " WHERE " P_AFTER " IS NOT NULL");
	if (filter->since_ms != 0)
		buffer_string(&sql, " AND rollup.hour >= " P_SINCE " / 3600000"
		    " AND rollup.hour * 3600000 + rollup.last >= " P_SINCE);
	if (filter->until_ms != 0)
		buffer_string(&sql, " AND rollup.hour <= " P_UNTIL " / 3600000"
		    " AND rollup.hour * 3600000 + rollup.first < " P_UNTIL);
	if (strcmp(filter->domain, "<>") == 0)
		buffer_string(&sql, " AND facts.domain IS NULL AND facts.null_sender = 'yes'");
	else
		query_name(&sql, "", "facts.domain", filter->domain, P_DOMAIN);
	if (filter->client == CLIENT_NAME)
		query_name(&sql, "", "facts.client_name", filter->client_text, P_CLIENT);
	if (filter->rule != NULL)
		query_rule(&sql, "", "facts.rule");
	buffer_string(&sql, " ORDER BY rollup.hour DESC, rollup.last DESC");
	return query_prepare(db, &sql, filter, 0, rows);
}
