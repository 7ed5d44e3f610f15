/*
 * log_query.c - the questions that tlsward log asks the journal.
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
#include <string.h>

#include "tool/log.h"
#include "journal/journal.h"
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

static bool
is_network(const struct log_options *options)
{
	return options->client == LOG_CLIENT_NETWORK;
}

static enum lead
choose_lead(const struct log_options *options, bool by_id)
{
	if (by_id)
		return LEAD_ID;
	if (options->client == LOG_CLIENT_ADDR ||
	    (options->client == LOG_CLIENT_NAME && options->client_text[0] != '.'))
		return LEAD_CLIENT;
	if (options->domain[0] != '\0' && options->domain[0] != '.')
		return LEAD_DOMAIN;
	if (options->rule != NULL && !options->would)
		return LEAD_RULE;
	if (options->has_reasons && !options->would)
		return LEAD_REASON;
	if (options->would)
		return LEAD_WOULD;
	return options->has_actions ? LEAD_ACTION : LEAD_TIME;
}

/* "+" keeps the index of a column from being used. */
static const char *
plus(bool leads)
{
	return leads ? "" : "+";
}

static void
add_domain(struct buffer *sql, const struct log_options *options, bool leads)
{
	if (options->domain[0] == '\0')
		return;
	if (strcmp(options->domain, "<>") == 0)
		buffer_format(sql, " AND %sdomain IS NULL AND \"from\" = '<>'"
		    " AND " P_DOMAIN " IS NOT NULL", plus(leads));
	else if (options->domain[0] != '.')
		buffer_format(sql, " AND %sdomain = " P_DOMAIN, plus(leads));
	else
		buffer_string(sql, " AND substr(domain, -length(" P_DOMAIN ")) = " P_DOMAIN);
}

static void
add_client(struct buffer *sql, const struct log_options *options, bool leads)
{
	bool below = options->client_text[0] == '.';

	if (options->client == LOG_CLIENT_ADDR)
		buffer_format(sql, " AND %sclient_addr = " P_CLIENT, plus(leads));
	else if (options->client == LOG_CLIENT_NAME && !below)
		buffer_format(sql, " AND %sclient_name = " P_CLIENT, plus(leads));
	else if (options->client == LOG_CLIENT_NAME)
		buffer_string(sql, " AND substr(client_name, -length(" P_CLIENT ")) = "
		    P_CLIENT);
}

/* With FILE all of its lines; ';' comes after ':'. */
static void
add_rule(struct buffer *sql, const struct log_options *options, bool leads)
{
	const char *column = options->would ? "would_rule" : "rule";

	if (options->rule != NULL)
		buffer_format(sql, " AND (%s%s = " P_RULE " OR (%s%s >= " P_RULE " || ':' AND"
		    " %s%s < " P_RULE " || ';'))", plus(leads), column, plus(leads), column,
		    plus(leads), column);
}

static void
add_words(struct buffer *sql, const char *column, const bool *chosen, size_t count,
    const char *(*name)(size_t))
{
	bool first = true;

	buffer_format(sql, " AND +%s IN (", column);
	for (size_t i = 0; i < count; i++)
		if (chosen[i]) {
			buffer_format(sql, "%s'%s'", first ? "" : ", ", name(i));
			first = false;
		}
	buffer_string(sql, ")");
}

static const char *
action_name(size_t action)
{
	return policy_action_name((enum policy_action)action);
}

static const char *
reason_name(size_t reason)
{
	return policy_reason_name((enum policy_reason)reason);
}

/* One question. "value": what the leading filter asks for, where it has a list. */
static void
add_select(struct buffer *sql, const struct log_options *options, enum lead lead,
    const char *value)
{
	buffer_string(sql, "SELECT ");
	journal_row_columns(sql);
	buffer_string(sql, " FROM record WHERE ");
	if (lead == LEAD_ID)
		buffer_string(sql, "id > " P_AFTER);
	else if (lead == LEAD_FOUND)
		buffer_format(sql, "id IN (%s) AND " P_AFTER " IS NOT NULL", value);
	else
		buffer_string(sql, P_AFTER " IS NOT NULL");
	if (options->since_ms != 0)
		buffer_format(sql, " AND %stime >= " P_SINCE, plus(lead > LEAD_FOUND));
	if (options->until_ms != 0)
		buffer_format(sql, " AND %stime < " P_UNTIL, plus(lead > LEAD_FOUND));
	if (lead == LEAD_ACTION)
		buffer_format(sql, " AND action = '%s'", value);
	else if (options->has_actions)
		add_words(sql, "action", options->actions, POLICY_REJECT + 1, action_name);
	if (lead == LEAD_REASON)
		buffer_format(sql, " AND reason = '%s'", value);
	else if (options->has_reasons)
		add_words(sql, options->would ? "would_reason" : "reason", options->reasons,
		    REASON_COUNT, reason_name);
	if (lead == LEAD_WOULD)
		buffer_format(sql, " AND would = '%s'", value);
	else if (options->would)
		buffer_string(sql, " AND +would IS NOT NULL");
	add_domain(sql, options, lead == LEAD_DOMAIN);
	add_client(sql, options, lead == LEAD_CLIENT);
	if (lead == LEAD_RULE && value != NULL)
		buffer_format(sql, " AND rule = %s", value);
	else
		add_rule(sql, options, lead == LEAD_RULE);
}

static void
add_one_of(struct buffer *sql, const struct log_options *options, enum lead lead,
    const char *value)
{
	if (sql->length > 0)
		buffer_string(sql, " UNION ALL ");
	add_select(sql, options, lead, value);
}

/* So many lines of a file are asked for one by one. */
#define RULES_MAX 64

/* The rules of a file, as SQL literals; false where there are too many to list. */
static bool
add_rules(sqlite3 *db, struct buffer *sql, const struct log_options *options)
{
	static const char next[] = "SELECT min(rule), quote(min(rule)) FROM record WHERE"
	    " rule > ?1 AND rule < ?2";
	struct buffer from = BUFFER_INIT, to = BUFFER_INIT;
	sqlite3_stmt *row = NULL;
	bool ok = sqlite3_prepare_v2(db, next, -1, &row, NULL) == SQLITE_OK;
	int count = 0;

	add_one_of(sql, options, LEAD_RULE, P_RULE);
	buffer_format(&from, "%s:", options->rule);
	buffer_format(&to, "%s;", options->rule);
	for (ok = ok && !from.failed && !to.failed; ok; ) {
		(void)sqlite3_bind_text(row, 1, from.text, -1, SQLITE_TRANSIENT);
		(void)sqlite3_bind_text(row, 2, to.text, -1, SQLITE_TRANSIENT);
		ok = sqlite3_step(row) == SQLITE_ROW;
		if (!ok || sqlite3_column_type(row, 0) == SQLITE_NULL)
			break;
		buffer_clear(&from);
		buffer_string(&from, (const char *)sqlite3_column_text(row, 0));
		add_one_of(sql, options, LEAD_RULE,
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
add_questions(sqlite3 *db, struct buffer *sql, const struct log_options *options,
    enum lead lead)
{
	size_t from = 0, to = 1;

	if (lead == LEAD_RULE) {
		if (add_rules(db, sql, options))
			return;
		buffer_clear(sql);
	}
	if (lead == LEAD_ACTION || lead == LEAD_WOULD)
		to = POLICY_REJECT + 1;
	else if (lead == LEAD_REASON)
		to = REASON_COUNT;
	for (size_t i = from; i < to; i++) {
		const char *value = lead == LEAD_REASON ? reason_name(i) : action_name(i);

		if ((lead == LEAD_ACTION && !options->actions[i]) ||
		    (lead == LEAD_REASON && !options->reasons[i]) ||
		    (lead == LEAD_WOULD && i == POLICY_ACCEPT))
			continue;
		add_one_of(sql, options, lead, lead == LEAD_RULE ? NULL : value);
	}
}

static int
prepare(sqlite3 *db, struct buffer *sql, const struct log_options *options,
    int64_t after, sqlite3_stmt **rows)
{
	int result = SQLITE_NOMEM;

	if (!sql->failed)
		result = sqlite3_prepare_v2(db, sql->text, -1, rows, NULL);
	buffer_free(sql);
	if (result != SQLITE_OK)
		return result;
	/* Not all of them are in every question: that one fails does not matter. */
	(void)sqlite3_bind_int64(*rows, 1, options->since_ms);
	(void)sqlite3_bind_int64(*rows, 2, options->until_ms);
	(void)sqlite3_bind_int64(*rows, 3, after);
	(void)sqlite3_bind_text(*rows, 4, options->domain, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(*rows, 5, options->client_text, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(*rows, 6, options->rule, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(*rows, 7, options->limit);
	return SQLITE_OK;
}

/* So many rows are asked for by their numbers. */
#define FOUND_MAX 2000

/*
 * The numbers of the rows whose column is below a name or in the network asked for.
 * False where there are too many, or they could not be read.
 */
static bool
find_rows(sqlite3 *db, const char *sql, const char *below,
    const struct log_options *options, struct buffer *found)
{
	sqlite3_stmt *row = NULL;
	int result = sqlite3_prepare_v2(db, sql, -1, &row, NULL);
	int count = 0;

	buffer_string(found, "");
	if (result == SQLITE_OK && below != NULL)
		(void)sqlite3_bind_text(row, 1, below, -1, SQLITE_STATIC);
	while ((result == SQLITE_OK || result == SQLITE_ROW) &&
	    (result = sqlite3_step(row)) == SQLITE_ROW) {
		if (below == NULL && !log_in_network(options,
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
find_rows_of(sqlite3 *db, const struct log_options *options, enum lead lead,
    struct buffer *found)
{
	if (lead <= LEAD_CLIENT)
		return false;
	if (is_network(options))
		return find_rows(db, "SELECT id, client_addr FROM record INDEXED BY"
		    " record_client_addr WHERE client_addr IS NOT NULL", NULL, options, found);
	if (options->client == LOG_CLIENT_NAME)
		return find_rows(db, "SELECT id FROM record INDEXED BY record_client_name"
		    " WHERE client_name IS NOT NULL AND"
		    " substr(client_name, -length(?1)) = ?1", options->client_text, options,
		    found);
	if (options->domain[0] == '.')
		return find_rows(db, "SELECT id FROM record INDEXED BY record_domain"
		    " WHERE domain IS NOT NULL AND substr(domain, -length(?1)) = ?1",
		    options->domain, options, found);
	return false;
}

int
log_prepare_records(sqlite3 *db, const struct log_options *options, int64_t after,
    sqlite3_stmt **rows)
{
	struct buffer sql = BUFFER_INIT, found = BUFFER_INIT;
	bool by_id = after >= 0;
	enum lead lead = choose_lead(options, by_id);

	if (find_rows_of(db, options, lead, &found))
		add_one_of(&sql, options, LEAD_FOUND, found.text);
	else
		add_questions(db, &sql, options, lead);
	buffer_free(&found);
	/* "time" and "id" are the first and the last column of each question. */
	if (by_id)
		buffer_string(&sql, " ORDER BY id");
	else
		buffer_string(&sql, " ORDER BY time DESC, id DESC");
	if (!by_id && options->limit > 0 && !is_network(options))
		buffer_string(&sql, " LIMIT " P_LIMIT);
	return prepare(db, &sql, options, by_id ? after : 0, rows);
}

/* Roll-ups are of accepted messages that nothing was wrong with. */
static bool
wants_rollups(const struct log_options *options)
{
	return options->has_actions && options->actions[POLICY_ACCEPT] &&
	    !options->would && !options->has_reasons;
}

int
log_prepare_rollups(sqlite3 *db, const struct log_options *options, sqlite3_stmt **rows)
{
	struct buffer sql = BUFFER_INIT;
	bool named = options->domain[0] != '\0' && options->domain[0] != '<';

	*rows = NULL;
	if (!wants_rollups(options))
		return SQLITE_OK;
	buffer_string(&sql, "SELECT ");
	journal_row_rollup_columns(&sql);
	buffer_string(&sql, named ?
	    " FROM facts CROSS JOIN rollup ON rollup.facts = facts.id" :
	    " FROM rollup CROSS JOIN facts ON facts.id = rollup.facts");
	buffer_string(&sql, " LEFT JOIN certificate ON certificate.id = facts.certificate"
	    " WHERE " P_AFTER " IS NOT NULL");
	if (options->since_ms != 0)
		buffer_string(&sql, " AND rollup.hour >= " P_SINCE " / 3600000"
		    " AND rollup.hour * 3600000 + rollup.last >= " P_SINCE);
	if (options->until_ms != 0)
		buffer_string(&sql, " AND rollup.hour <= " P_UNTIL " / 3600000"
		    " AND rollup.hour * 3600000 + rollup.first < " P_UNTIL);
	if (strcmp(options->domain, "<>") == 0)
		buffer_string(&sql, " AND facts.domain IS NULL AND facts.null_sender = 'yes'"
		    " AND " P_DOMAIN " IS NOT NULL");
	else if (options->domain[0] == '.')
		buffer_string(&sql, " AND substr(facts.domain, -length(" P_DOMAIN ")) = "
		    P_DOMAIN);
	else if (options->domain[0] != '\0')
		buffer_string(&sql, " AND facts.domain = " P_DOMAIN);
	if (options->client == LOG_CLIENT_NAME && options->client_text[0] != '.')
		buffer_string(&sql, " AND facts.client_name = " P_CLIENT);
	else if (options->client == LOG_CLIENT_NAME)
		buffer_string(&sql, " AND substr(facts.client_name, -length(" P_CLIENT ")) = "
		    P_CLIENT);
	if (options->rule != NULL)
		buffer_string(&sql, " AND (facts.rule = " P_RULE " OR (facts.rule >= " P_RULE
		    " || ':' AND facts.rule < " P_RULE " || ';'))");
	buffer_string(&sql, " ORDER BY rollup.hour DESC, rollup.last DESC");
	return prepare(db, &sql, options, 0, rows);
}
