/*
 * query.c - the questions that tlsward log asks the journal.
 *
 * Of the table record one filter leads, by its index, which the question names; the
 * others only look at its rows. Where the leading one has several values, there
 * is one question for each and SQLite merges the answers by time, so that the newest
 * rows come at once, however many there are. For names below a domain, for networks and
 * for the rules of a file the index is read and the numbers of the rows are sorted, where
 * there are not too many. The other tables are in the order of their hours.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdarg.h>
#include <string.h>

#include "base/buffer.h"

/* So many rows of an index that is not in the order of time are sorted. */
#define FOUND_MAX 50000

/*
 * The tables, and which of their columns the filters look at; NULL: no row of it has
 * that. Accepted messages that are rolled up may be of any local part, and from any
 * address in their network; deliveries that are counted may be to any local part.
 */
#define DELIVERY_QUERY \
	.action = JOURNAL_SENT_ACTION, .direction = "'out'", .would = JOURNAL_SENT_BELOW, \
	.would_reason = "reason", .would_rule = "rule"
static const struct query_table {
	const char *from, *time, *newest_first;
	const char *kind, *action, *domain, *address, *name, *rule, *reason;
	const char *sender_domain, *sender, *to, *to_resolved, *to_domain;
	const char *partner, *queue_id, *session;
	const char *direction, *would, *would_reason, *would_rule;
} query_tables[] = {
	[JOURNAL_RECORD] = { .from = "record", .time = "time",
	    .newest_first = "time DESC, id DESC", .kind = "decision",
	    .action = "action", .domain = "domain", .address = "client_addr",
	    .name = "client_name", .rule = "rule", .reason = "reason",
	    .sender_domain = "domain", .sender = "\"from\"", .to = "\"to\"",
	    .to_resolved = "to_resolved", .partner = "partner", .queue_id = "queue_id",
	    .session = "session", .direction = "'in'",
	    .would = "would IS NOT NULL AND action = 'accept'", .would_reason = "would_reason",
	    .would_rule = "would_rule" },
	[JOURNAL_ROLLUP] = { .time = "hour * 3600000 + last",
	    .newest_first = "hour DESC, last DESC, facts.digest", .kind = "decision",
	    .action = "'accept'", .domain = "domain", .name = "client_name",
	    .address = "coalesce(client_address, client_network)", .rule = "rule",
	    .sender_domain = "domain",
	    .partner = "partner", .session = "session", .direction = "'in'" },
	[JOURNAL_HANDSHAKE] = { .from = "handshake", .time = "hour * 3600000 + last",
	    .newest_first = "hour DESC, last DESC, direction DESC, host DESC, address DESC,"
	    " next_hop DESC, reason DESC", .kind = "handshake",
	    .domain = "CASE direction WHEN 'in' THEN host ELSE next_hop END",
	    .address = "address", .name = "host", .reason = "reason",
	    .partner = "", .direction = "direction" },
	[JOURNAL_DELIVERY] = { .from = "delivery", .time = "hour * 3600000 + last",
	    .newest_first = "hour DESC, last DESC, next_hop DESC, relay DESC, address DESC,"
	    " tls_version DESC, cipher DESC, bits DESC, verification DESC, result DESC,"
	    " tls_reason DESC, rule DESC, rule_kind DESC, rule_name DESC, partner DESC,"
	    " verdict DESC, reason DESC", .kind = "delivery",
	    .domain = "next_hop", .address = "address", .name = "relay", .rule = "rule",
	    .reason = "reason", .to_domain = "next_hop", .partner = "partner",
	    DELIVERY_QUERY },
	[JOURNAL_TROUBLE] = { .from = "trouble", .time = "time",
	    .newest_first = "time DESC, id DESC", .kind = "delivery",
	    .domain = "next_hop", .address = "address", .name = "relay", .rule = "rule",
	    .reason = "iif(tls_reason = '', reason, tls_reason)", .to = "\"to\"",
	    .partner = "partner", .queue_id = "queue_id", DELIVERY_QUERY },
};

/* ------------------------------------------------------------------ *
 * Functions for SQL
 * ------------------------------------------------------------------ */

/* in_network(ADDRESS, NETWORK), for SQL: the one within the other or around it. */
static void
sql_in_network(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct review_network network;
	bool has_prefix;

	(void)count;
	sqlite3_result_int(context, review_network_read((const char *)
	    sqlite3_value_text(values[1]), &network, &has_prefix) &&
	    review_network_has(&network, (const char *)sqlite3_value_text(values[0])));
}

/* domain_of(ADDRESS), for SQL: as A-labels. */
static void
sql_domain_of(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *address = (const char *)sqlite3_value_text(values[0]);
	const char *at = address != NULL ? strrchr(address, '@') : NULL;
	char domain[256];

	(void)count;
	if (at != NULL && policy_domain(at + 1, domain, sizeof(domain)))
		sqlite3_result_text(context, domain, -1, SQLITE_TRANSIENT);
}

/* of_partner(DIRECTION, HOST, ADDRESS, NEXT_HOP), for SQL: of handshakes. */
static void
sql_of_partner(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *texts[4] = { NULL };
	struct review_handshake one = { .out = false };

	for (int i = 0; i < count && i < 4; i++) {
		texts[i] = (const char *)sqlite3_value_text(values[i]);
		if (texts[i] != NULL && texts[i][0] == '\0')
			texts[i] = NULL;
	}
	one.out = texts[0] != NULL && strcmp(texts[0], "out") == 0;
	one.host = texts[1];
	one.address = texts[2];
	one.next_hop = texts[3];
	sqlite3_result_int(context, review_is_handshake_of(sqlite3_user_data(context), &one));
}

/* Where a statement runs they are there already. */
static int
add_sql_functions(sqlite3 *db, struct review *partners)
{
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC, result;

	result = sqlite3_create_function(db, "in_network", 2, flags, NULL, sql_in_network,
	    NULL, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_create_function(db, "domain_of", 1, flags, NULL,
		    sql_domain_of, NULL, NULL);
	if (result == SQLITE_OK && partners != NULL)
		result = sqlite3_create_function(db, "of_partner", 4, SQLITE_UTF8, partners,
		    sql_of_partner, NULL, NULL);
	return result == SQLITE_BUSY ? SQLITE_OK : result;
}

static void
query_network(struct buffer *sql, const char *column, const struct review_filter *filter)
{
	const unsigned char *bytes = filter->network.bytes;
	unsigned whole = filter->network.prefix < 24 ? filter->network.prefix / 8 : 3;

	/* Networks are a /24: what they begin with is found sooner. */
	if (filter->network.is_v4 && whole > 0) {
		buffer_format(sql, " AND %s LIKE '", column);
		for (unsigned i = 0; i < whole; i++)
			buffer_format(sql, "%u.", bytes[i]);
		buffer_string(sql, "%'");
	}
	buffer_format(sql, " AND in_network(%s, '%s/%u')", column, filter->client_text,
	    filter->network.prefix);
}

/* ------------------------------------------------------------------ *
 * Conditions
 * ------------------------------------------------------------------ */

/* Appends in a format of SQLite's: %Q is a text as SQL has it. */
static void
query_add(struct buffer *sql, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = sqlite3_vmprintf(format, arguments);
	va_end(arguments);
	if (text != NULL)
		buffer_string(sql, text);
	sql->failed |= text == NULL;
	sqlite3_free(text);
}

/* A column is a text, or where that begins with a dot below it, whatever the case. */
static void
query_name(struct buffer *sql, const char *column, const char *name)
{
	if (name[0] == '.')
		query_add(sql, " AND %s LIKE '%%' || %Q AND substr(%s, -length(%Q)) = %Q", column, name,
		    column, name, name);
	else
		query_add(sql, " AND %s = %Q", column, name);
}

/* That of a sender: of a bounce there is none. */
static void
query_domain(struct buffer *sql, const struct query_table *table, const char *column,
    const char *domain)
{
	if (strcmp(domain, "<>") != 0)
		query_name(sql, column, domain);
	else if (table->sender != NULL)
		buffer_format(sql, " AND %s IS NULL AND %s = '<>'", column, table->sender);
	else
		buffer_string(sql, table->sender_domain != NULL ?
		    " AND null_sender = 'yes'" : " AND 0");
}

static void
query_words(struct buffer *sql, const char *column, const struct review_words *words)
{
	if (words->count == 0)
		return;
	buffer_format(sql, " AND %s IN (", column);
	for (size_t i = 0; i < words->count; i++)
		query_add(sql, "%s%Q", i == 0 ? "" : ", ", words->list[i]);
	buffer_string(sql, ")");
}

/* With FILE all of its lines; ';' comes after ':'. */
static void
query_rule(struct buffer *sql, const char *column, const char *rule)
{
	query_add(sql, " AND %s >= %Q AND %s < %Q || ';' AND (%s = %Q OR %s >= %Q || ':')", column,
	    rule, column, rule, column, rule, column, rule);
}

/* The local part, if one is given. */
static void
query_local(struct buffer *sql, const char *column, const struct review_address *address)
{
	const char *at = strchr(address->text, '@') == NULL ? "@" : "";
	int length = (int)address->local;

	if (length > 0)
		query_add(sql, " AND substr(%s || '@', 1, length(%.*Q || '%s')) ="
		    " %.*Q || '%s' COLLATE NOCASE", column, length, address->text, at, length,
		    address->text, at);
}

/* A recipient as the client gave it, or what the MTA made of that. */
static void
query_recipient(struct buffer *sql, const struct query_table *table,
    const struct review_address *to)
{
	const char *columns[] = { table->to, table->to_resolved };

	buffer_string(sql, " AND (0");
	for (int i = 0; i < 2; i++) {
		char domain[64];

		if (columns[i] == NULL)
			continue;
		(void)snprintf(domain, sizeof(domain), "domain_of(%s)", columns[i]);
		buffer_string(sql, " OR (1");
		if (to->domain[0] != '\0')
			query_name(sql, domain, to->domain);
		query_local(sql, columns[i], to);
		buffer_string(sql, ")");
	}
	buffer_string(sql, ")");
}

/*
 * Failed handshakes have no envelope. Without a policy they are of hosts below domains that
 * mail under the agreement came from or went to, or from which accepted mail under it came;
 * and on the way to these domains.
 */
static void
query_partner(struct buffer *sql, const struct query_table *table,
    const struct review_filter *filter)
{
	const char *partner = filter->partner;

	if (table->partner[0] != '\0') {
		query_add(sql, " AND %s = %Q COLLATE NOCASE", table->partner, partner);
		return;
	}
	if (filter->partners != NULL) {
		buffer_string(sql, " AND of_partner(direction, host, address, next_hop)");
		return;
	}
	/* The name, and all that it is below. */
	query_add(sql, " AND ((WITH RECURSIVE up(name) AS (SELECT %s UNION ALL"
	    " SELECT substr(name, instr(name, '.') + 1) FROM up WHERE instr(name, '.') > 0)"
	    " SELECT max(name IN (SELECT domain FROM facts WHERE partner = %Q COLLATE NOCASE"
	    " UNION SELECT next_hop FROM delivery WHERE partner = %Q COLLATE NOCASE)) FROM up)"
	    " OR (direction = 'in' AND (host IN (SELECT client_name FROM facts"
	    " WHERE partner = %Q COLLATE NOCASE) OR address IN (SELECT client_address"
	    " FROM facts WHERE partner = %Q COLLATE NOCASE))))", table->domain, partner,
	    partner, partner, partner);
}

/* Whether a row of the table can meet the filter: it has all that is looked at. */
static bool
query_can(const struct query_table *table, const struct review_filter *filter)
{
	const struct review_words *kinds = &filter->kinds;

	return (kinds->count == 0 || review_words_find(kinds, table->kind,
	    strlen(table->kind)) < kinds->count) &&
	    (filter->actions.count == 0 || table->action != NULL) &&
	    (filter->reasons.count == 0 || table->reason != NULL) &&
	    (filter->rule == NULL || table->rule != NULL) &&
	    (!filter->would || table->would != NULL) &&
	    (!filter->from.given || table->sender_domain != NULL) &&
	    (!filter->to.given || table->to != NULL || table->to_domain != NULL) &&
	    (filter->queue_id == NULL || table->queue_id != NULL) &&
	    (filter->session == NULL || table->session != NULL);
}

static void
query_who(struct buffer *sql, const struct review_filter *filter,
    const struct query_table *table)
{
	const struct review_address *from = &filter->from, *to = &filter->to;

	if (filter->domain[0] != '\0')
		query_domain(sql, table, table->domain, filter->domain);
	if (filter->client == CLIENT_ADDR || filter->client == CLIENT_NETWORK)
		query_network(sql, table->address, filter);
	if (filter->client == CLIENT_NAME)
		query_name(sql, table->name, filter->client_text);
	if (from->domain[0] != '\0')
		query_domain(sql, table, table->sender_domain, from->domain);
	if (from->given && table->sender != NULL)
		query_local(sql, table->sender, from);
	if (to->given && table->to != NULL)
		query_recipient(sql, table, to);
	else if (to->domain[0] != '\0')
		query_name(sql, table->to_domain, to->domain);
	if (filter->partner != NULL)
		query_partner(sql, table, filter);
}

/* Behind a first condition. */
static void
query_conditions(struct buffer *sql, const struct review_filter *filter,
    const struct query_table *table)
{
	const char *reason = filter->would ? table->would_reason : table->reason;

	if (filter->since_ms != 0)
		buffer_format(sql, " AND %s >= %lld", table->time, (long long)filter->since_ms);
	if (filter->until_ms != 0)
		buffer_format(sql, " AND %s < %lld", table->time, (long long)filter->until_ms);
	query_words(sql, table->action, &filter->actions);
	query_words(sql, reason, &filter->reasons);
	if (filter->rule != NULL)
		query_rule(sql, filter->would ? table->would_rule : table->rule, filter->rule);
	if (filter->would)
		buffer_format(sql, " AND %s", table->would);
	if (filter->direction != NULL)
		query_add(sql, " AND %s = %Q", table->direction, filter->direction);
	if (filter->queue_id != NULL)
		query_add(sql, " AND queue_id = %Q", filter->queue_id);
	if (filter->session != NULL)
		query_add(sql, " AND %s = %Q", table->session, filter->session);
	query_who(sql, filter, table);
}

/* ------------------------------------------------------------------ *
 * Records
 * ------------------------------------------------------------------ */

static void
query_columns(struct buffer *sql, const struct review_filter *filter,
    enum journal_table table)
{
	journal_row_columns(sql, table);
	if (filter->fleet)
		buffer_string(sql, table == JOURNAL_RECORD || table == JOURNAL_TROUBLE ?
		    ", fleet_node(id)" : ", fleet_node(0)");
}

/* One question, by an index (NULL: by none) and led by a condition. */
static void
query_question(struct buffer *sql, const struct review_filter *filter, const char *index,
    const char *lead)
{
	buffer_string(sql, sql->length > 0 ? " UNION ALL SELECT " : "SELECT ");
	query_columns(sql, filter, JOURNAL_RECORD);
	buffer_string(sql, " FROM record");
	if (!filter->older)
		buffer_format(sql, index == NULL ? " NOT INDEXED" : " INDEXED BY record_%s",
		    index);
	buffer_format(sql, " WHERE %s", lead);
	query_conditions(sql, filter, &query_tables[JOURNAL_RECORD]);
}

/* The same, led by a value. */
static void
query_value(struct buffer *sql, const struct review_filter *filter, const char *column,
    const char *value)
{
	struct buffer lead = BUFFER_INIT;

	query_add(&lead, "%s = %Q", column, value);
	if (lead.failed)
		sql->failed = true;
	else
		query_question(sql, filter, column, lead.text);
	buffer_free(&lead);
}

/* A question for each word from the number "first" on. */
static void
query_each(struct buffer *sql, const struct review_filter *filter, const char *column,
    const struct review_words *words, size_t first)
{
	for (size_t i = first; i < words->count; i++)
		query_value(sql, filter, column, words->list[i]);
}

/* What an index finds, but not in the order of time, as the inside of a SELECT. */
static void
query_index(struct buffer *sql, const char *column, const struct buffer *condition)
{
	buffer_format(sql, "SELECT id AS found FROM record INDEXED BY record_%s WHERE"
	    " %s IS NOT NULL%s", column, column, condition->failed ? "" : condition->text);
	sql->failed |= condition->failed;
}

/* With so many rows it is quicker to go by time. */
static bool
finds_few(sqlite3 *db, const char *column, const struct buffer *condition)
{
	struct buffer sql = BUFFER_INIT;
	sqlite3_stmt *row = NULL;
	bool few;

	buffer_string(&sql, "SELECT count(*) FROM (");
	query_index(&sql, column, condition);
	buffer_format(&sql, " LIMIT %d)", FOUND_MAX);
	few = !sql.failed && sqlite3_prepare_v2(db, sql.text, -1, &row, NULL) == SQLITE_OK &&
	    sqlite3_step(row) == SQLITE_ROW && sqlite3_column_int(row, 0) < FOUND_MAX;
	(void)sqlite3_finalize(row);
	buffer_free(&sql);
	return few;
}

/* These alone are sorted: the limit keeps SQLite from leaving that out. */
static void
query_found(struct buffer *sql, const struct review_filter *filter, const char *column,
    const struct buffer *condition)
{
	buffer_string(sql, "SELECT ");
	journal_row_columns(sql, JOURNAL_RECORD);
	buffer_string(sql, " FROM (");
	query_index(sql, column, condition);
	buffer_string(sql, " ORDER BY time DESC, id DESC LIMIT -1)"
	    " CROSS JOIN record ON record.id = found WHERE 1");
	query_conditions(sql, filter, &query_tables[JOURNAL_RECORD]);
}

/* Names below one, the lines of a file, or addresses in the network. */
static bool
query_part(sqlite3 *db, struct buffer *sql, const struct review_filter *filter,
    const char *column, const char *value)
{
	struct buffer condition = BUFFER_INIT;
	bool few;

	if (value == NULL || (value[0] != '.' && value != filter->rule &&
	    filter->client != CLIENT_NETWORK))
		return false;
	if (filter->client == CLIENT_NETWORK)
		query_network(&condition, column, filter);
	else if (value == filter->rule)
		query_rule(&condition, column, value);
	else
		query_name(&condition, column, value);
	few = finds_few(db, column, &condition);
	if (few)
		query_found(sql, filter, column, &condition);
	buffer_free(&condition);
	return few;
}

/* The questions whose filter leads: where there are several, the one for fewest rows. */
static void
query_questions(sqlite3 *db, struct buffer *sql, const struct review_filter *filter)
{
	const struct review_words actions = review_action_words();
	const char *domain = filter->from.domain[0] != '\0' ? filter->from.domain :
	    filter->domain;
	const char *name = filter->client == CLIENT_NAME ? filter->client_text : "";

	if (filter->queue_id != NULL)
		query_value(sql, filter, "queue_id", filter->queue_id);
	else if (filter->session != NULL)
		query_value(sql, filter, "session", filter->session);
	else if (filter->client == CLIENT_ADDR)
		query_value(sql, filter, "client_addr", filter->client_text);
	else if (query_part(db, sql, filter, filter->client == CLIENT_NETWORK ? "client_addr" :
	    "client_name", name))
		return;
	else if (name[0] != '\0' && name[0] != '.')
		query_value(sql, filter, "client_name", name);
	else if (query_part(db, sql, filter, "domain", domain))
		return;
	else if (strcmp(domain, "<>") == 0)
		query_question(sql, filter, "domain", "domain IS NULL");
	else if (domain[0] != '\0' && domain[0] != '.')
		query_value(sql, filter, "domain", domain);
	else if (filter->would)
		/* No rule under monitor would accept. */
		query_each(sql, filter, "would", &actions, 1);
	else if (query_part(db, sql, filter, "rule", filter->rule))
		return;
	else if (filter->reasons.count > 0)
		query_each(sql, filter, "reason", &filter->reasons, 0);
	else if (filter->actions.count > 0)
		query_each(sql, filter, "action", &filter->actions, 0);
	else
		query_question(sql, filter, "time", "1");
}

/* One question: PostgreSQL sees which condition leads to few rows. */
static void
query_fleet(struct buffer *sql, const struct review_filter *filter)
{
	if (filter->client == CLIENT_ADDR)
		query_value(sql, filter, "client_addr", filter->client_text);
	else
		query_question(sql, filter, NULL, "1");
}

/* ------------------------------------------------------------------ *
 * All tables
 * ------------------------------------------------------------------ */

/* The question for a table whose rows stand by the hour, or are few. */
static void
query_hours(sqlite3 *db, struct buffer *sql, const struct review_filter *filter,
    enum journal_table table)
{
	const struct query_table *known = &query_tables[table];
	bool named = filter->domain[0] != '\0' || filter->from.domain[0] != '\0';

	buffer_string(sql, "SELECT ");
	query_columns(sql, filter, table);
	buffer_format(sql, " FROM %s WHERE %s", table == JOURNAL_ROLLUP ?
	    review_accepted(db, named) : known->from, table == JOURNAL_DELIVERY ? "tls_reason = '' AND NOT (" JOURNAL_SENT_BELOW ")" : "1");
	if (table != JOURNAL_TROUBLE && filter->since_ms != 0)
		buffer_format(sql, " AND hour >= %lld",
		    (long long)journal_hour(filter->since_ms));
	if (table != JOURNAL_TROUBLE && filter->until_ms != 0)
		buffer_format(sql, " AND hour <= %lld",
		    (long long)journal_hour(filter->until_ms));
	query_conditions(sql, filter, known);
}

/*
 * Roll-ups are of accepted messages that nothing was wrong with, deliveries that are
 * counted of those that had TLS or needed none: both only where they are asked for.
 */
static bool
wants_table(const struct review_filter *filter, enum journal_table table)
{
	const char *accept = policy_action_name(POLICY_ACCEPT);
	bool accepted = review_words_find(&filter->actions, accept, strlen(accept)) <
	    filter->actions.count;

	return query_can(&query_tables[table], filter) &&
	    (table != JOURNAL_ROLLUP || accepted) && (table != JOURNAL_DELIVERY ||
	    accepted || filter->kinds.count > 0 || (filter->direction != NULL &&
	    strcmp(filter->direction, "out") == 0));
}

int
review_rows(sqlite3 *db, const struct review_filter *filter, enum journal_table table,
    int64_t after, sqlite3_stmt **rows)
{
	struct review_filter asked = *filter;
	struct buffer sql = BUFFER_INIT;
	int result = SQLITE_NOMEM;
	bool by_id = after >= 0;

	*rows = NULL;
	if (!wants_table(filter, table))
		return SQLITE_OK;
	filter = &asked;
	asked.fleet = review_is_fleet(db);
	asked.older = asked.fleet || journal_is_older(db);
	if (table != JOURNAL_RECORD)
		query_hours(db, &sql, filter, table);
	else if (by_id)
		query_question(&sql, filter, NULL, "1");
	else if (filter->fleet)
		query_fleet(&sql, filter);
	else
		query_questions(db, &sql, filter);
	if (by_id && (table == JOURNAL_RECORD || table == JOURNAL_TROUBLE))
		buffer_format(&sql, " AND id > %lld ORDER BY id", (long long)after);
	else if (by_id)
		buffer_format(&sql, " AND %s >= %lld ORDER BY %s", query_tables[table].time,
		    (long long)after, query_tables[table].time);
	else
		buffer_format(&sql, " ORDER BY %s", query_tables[table].newest_first);
	if (!sql.failed)
		result = add_sql_functions(db, filter->partners);
	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(db, sql.text, -1, rows, NULL);
	buffer_free(&sql);
	return result;
}

bool
review_filter_meets(const struct review_filter *filter, sqlite3_stmt *row)
{
	return filter->text == NULL || journal_row_has(row, filter->text);
}
