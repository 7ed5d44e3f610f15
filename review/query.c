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

/* The parameters, by number; NULL or "": all there is. */
#define P_SINCE "?1"
#define P_UNTIL "?2"
#define P_AFTER "?3"
#define P_DOMAIN "?4"
#define P_ADDR "?5"
#define P_NAME "?6"
#define P_RULE "?7"
#define P_LIMIT "?8"
#define P_ACTIONS "?9"		/* ",reject,tempfail," */
#define P_REASONS "?10"

/* What a row has to meet; with so much about it, none of these leads. */
#define MEETS_NAME(column, name) \
	"(" name " = '' OR " column " = " name " OR (substr(" name ", 1, 1) = '.' AND" \
	" substr(" column ", -length(" name ")) = " name "))"
#define MEETS_DOMAIN(column, null_sender) \
	"(" MEETS_NAME(column, P_DOMAIN) " OR (" P_DOMAIN " = '<>' AND " column \
	" IS NULL AND " null_sender "))"
#define MEETS_WORDS(column, words) \
	"(" words " IS NULL OR instr(" words ", ',' || " column " || ','))"
/* With FILE all of its lines; ';' comes after ':'. */
#define MEETS_RULE(column) \
	"(" P_RULE " IS NULL OR " column " = " P_RULE " OR (" column " >= " P_RULE \
	" || ':' AND " column " < " P_RULE " || ';'))"

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
 * Records
 * ------------------------------------------------------------------ */

/*
 * One question, led by a condition; "plus" before the time where that is not by an
 * index that goes on with the time.
 */
static void
query_question(struct buffer *sql, const struct review_filter *filter, const char *lead,
    const char *plus)
{
	buffer_string(sql, sql->length > 0 ? " UNION ALL SELECT " : "SELECT ");
	journal_row_columns(sql);
	buffer_format(sql, " FROM record WHERE %s", lead);
	if (filter->since_ms != 0)
		buffer_format(sql, " AND %stime >= " P_SINCE, plus);
	if (filter->until_ms != 0)
		buffer_format(sql, " AND %stime < " P_UNTIL, plus);
	buffer_string(sql, " AND " MEETS_WORDS("action", P_ACTIONS)
	    " AND " MEETS_DOMAIN("domain", "\"from\" = '<>'")
	    " AND (" P_ADDR " IS NULL OR client_addr = " P_ADDR ")"
	    " AND " MEETS_NAME("client_name", P_NAME));
	buffer_string(sql, filter->would ? " AND +would IS NOT NULL"
	    " AND " MEETS_WORDS("would_reason", P_REASONS)
	    " AND " MEETS_RULE("would_rule") :
	    " AND " MEETS_WORDS("reason", P_REASONS) " AND " MEETS_RULE("rule"));
}

/* The same, led by a value: "before" and "after" make a condition of it. */
static void
query_value(struct buffer *sql, const struct review_filter *filter, const char *before,
    const char *value, const char *after)
{
	struct buffer lead = BUFFER_INIT;

	buffer_format(&lead, "%s%s%s", before, value, after);
	if (lead.failed)
		sql->failed = true;
	else
		query_question(sql, filter, lead.text, "");
	buffer_free(&lead);
}

/* A question for each word from the number "first" on. */
static void
query_words(struct buffer *sql, const struct review_filter *filter, const char *before,
    const struct review_words *words, size_t first)
{
	for (size_t i = first; i < words->count; i++)
		query_value(sql, filter, before, words->list[i], "'");
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

	query_value(sql, filter, "rule = ", P_RULE, "");
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
		query_value(sql, filter, "rule = ",
		    (const char *)sqlite3_column_text(row, 1), "");
		(void)sqlite3_reset(row);
		ok = ++count < RULES_MAX && !from.failed;
	}
	(void)sqlite3_finalize(row);
	buffer_free(&from);
	buffer_free(&to);
	return ok;
}

/* Binds the words as MEETS_WORDS() has them. */
static void
bind_words(sqlite3_stmt *rows, int number, const struct review_words *words)
{
	struct buffer text = BUFFER_INIT;

	for (size_t i = 0; i < words->count; i++)
		buffer_format(&text, "%s%s,", i == 0 ? "," : "", words->list[i]);
	if (text.text != NULL)
		(void)sqlite3_bind_text(rows, number, text.text, -1, SQLITE_TRANSIENT);
	buffer_free(&text);
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
	(void)sqlite3_bind_text(*rows, 5, filter->client == CLIENT_ADDR ?
	    filter->client_text : NULL, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(*rows, 6, filter->client == CLIENT_NAME ?
	    filter->client_text : "", -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(*rows, 7, filter->rule, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(*rows, 8, filter->limit);
	bind_words(*rows, 9, &filter->actions);
	bind_words(*rows, 10, &filter->reasons);
	return SQLITE_OK;
}

/*
 * The rows whose column is below a name or (NULL) in the network asked for, as a
 * condition. False where there are too many, or they could not be read.
 */
static bool
find_rows(sqlite3 *db, const char *column, const char *below,
    const struct review_filter *filter, struct buffer *found)
{
	struct buffer sql = BUFFER_INIT;
	sqlite3_stmt *row = NULL;
	int result = SQLITE_NOMEM, count = 0;

	buffer_string(found, "id IN (");
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
	buffer_string(found, ")");
	return result == SQLITE_DONE && !found->failed;
}

/* Looks for the rows of a filter that no index leads to. */
static bool
find_rows_of(sqlite3 *db, const struct review_filter *filter, struct buffer *found)
{
	if (filter->client == CLIENT_NETWORK)
		return find_rows(db, "client_addr", NULL, filter, found);
	if (filter->client == CLIENT_NAME)
		return find_rows(db, "client_name", filter->client_text, filter, found);
	return filter->domain[0] == '.' &&
	    find_rows(db, "domain", filter->domain, filter, found);
}

/* The questions whose filter leads: where there are several, the one for fewest rows. */
static void
query_questions(sqlite3 *db, struct buffer *sql, const struct review_filter *filter)
{
	const struct review_words actions = review_action_words();
	struct buffer found = BUFFER_INIT;

	if (filter->client == CLIENT_ADDR)
		query_question(sql, filter, "client_addr = " P_ADDR, "");
	else if (filter->client == CLIENT_NAME && filter->client_text[0] != '.')
		query_question(sql, filter, "client_name = " P_NAME, "");
	else if (find_rows_of(db, filter, &found))
		query_question(sql, filter, found.text, "+");
	else if (strcmp(filter->domain, "<>") == 0)
		query_question(sql, filter, "domain IS NULL AND \"from\" = '<>'", "");
	else if (filter->domain[0] != '\0' && filter->domain[0] != '.')
		query_question(sql, filter, "domain = " P_DOMAIN, "");
	else if (filter->would)
		/* No rule under monitor would accept. */
		query_words(sql, filter, "would = '", &actions, 1);
	else if (filter->rule != NULL) {
		if (!query_rules(db, sql, filter)) {
			buffer_clear(sql);
			query_question(sql, filter, "(rule = " P_RULE " OR (rule >= " P_RULE
			    " || ':' AND rule < " P_RULE " || ';'))", "");
		}
	} else if (filter->reasons.count > 0)
		query_words(sql, filter, "reason = '", &filter->reasons, 0);
	else if (filter->actions.count > 0)
		query_words(sql, filter, "action = '", &filter->actions, 0);
	else
		query_question(sql, filter, "1", "");
	buffer_free(&found);
}

int
review_records(sqlite3 *db, const struct review_filter *filter, int64_t after,
    sqlite3_stmt **rows)
{
	struct buffer sql = BUFFER_INIT;
	bool by_id = after >= 0;

	if (by_id)
		query_question(&sql, filter, "id > " P_AFTER, "+");
	else
		query_questions(db, &sql, filter);
	/* "time" and "id" are the first and the last column of each question. */
	buffer_string(&sql, by_id ? " ORDER BY id" : " ORDER BY time DESC, id DESC");
	if (!by_id && filter->limit > 0 && filter->client != CLIENT_NETWORK)
		buffer_string(&sql, " LIMIT " P_LIMIT);
	return query_prepare(db, &sql, filter, after, rows);
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
	buffer_format(&sql, " LEFT JOIN certificate ON certificate.id = facts.certificate"
	    " WHERE %s", named && filter->domain[0] != '.' ? "facts.domain = " P_DOMAIN : "1");
	if (filter->since_ms != 0)
		buffer_string(&sql, " AND rollup.hour >= " P_SINCE " / 3600000"
		    " AND rollup.hour * 3600000 + rollup.last >= " P_SINCE);
	if (filter->until_ms != 0)
		buffer_string(&sql, " AND rollup.hour <= " P_UNTIL " / 3600000"
		    " AND rollup.hour * 3600000 + rollup.first < " P_UNTIL);
	buffer_string(&sql, " AND " MEETS_DOMAIN("facts.domain", "facts.null_sender = 'yes'")
	    " AND " MEETS_NAME("facts.client_name", P_NAME) " AND " MEETS_RULE("facts.rule"));
	buffer_string(&sql, " ORDER BY rollup.hour DESC, rollup.last DESC");
	return query_prepare(db, &sql, filter, 0, rows);
}
