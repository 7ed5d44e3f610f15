/*
 * find.c - single records of the journal: by an id, or the last of a domain.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <string.h>
#include <strings.h>

#include "journal/journal.h"
#include "base/buffer.h"
#include "base/suggest.h"

/* What a word can have been meant for is looked for in so many records. */
#define RECENT_RECORDS "5000"

/* ?1 is the domain as records have it, ?2 what was asked for. */
#define OF_ID "queue_id = ?2 OR session = ?2"
#define OF_DOMAIN \
	"domain = ?1 OR (?1 = '<>' AND \"from\" = '<>') OR partner = ?2 COLLATE NOCASE" \
	" OR (?1 <> '' AND substr(lower(\"to\"), -length('@' || ?1)) = '@' || ?1)"

static int
find_prepare(sqlite3 *db, const char *sql, const struct review_find *find,
    sqlite3_stmt **rows)
{
	char domain[256] = "";
	int result = sqlite3_prepare_v2(db, sql, -1, rows, NULL);

	if (strcmp(find->text, "<>") == 0)
		(void)strcpy(domain, find->text);
	else if (!policy_domain(find->text, domain, sizeof(domain)))
		domain[0] = '\0';
	if (result == SQLITE_OK && sqlite3_bind_parameter_count(*rows) > 0)
		result = sqlite3_bind_text(*rows, 1, domain, -1, SQLITE_TRANSIENT);
	if (result == SQLITE_OK && sqlite3_bind_parameter_count(*rows) > 1)
		result = sqlite3_bind_text(*rows, 2, find->text, -1, SQLITE_STATIC);
	return result;
}

int
review_find_records(sqlite3 *db, const struct review_find *find, int most,
    struct buffer *lines, int *count)
{
	struct buffer sql = BUFFER_INIT;
	sqlite3_stmt *rows = NULL;
	int result = SQLITE_NOMEM;

	*count = 0;
	buffer_string(&sql, "SELECT ");
	journal_row_columns(&sql, JOURNAL_RECORD);
	buffer_string(&sql, review_is_fleet(db) ? ", fleet_node(id)" : "");
	buffer_format(&sql, " FROM record WHERE (%s) AND ?2 <> '' ORDER BY time DESC, id DESC"
	    " LIMIT %d", find->is_domain ? OF_DOMAIN : OF_ID, most);
	if (!sql.failed)
		result = find_prepare(db, sql.text, find, &rows);
	buffer_free(&sql);
	while (result == SQLITE_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
		journal_row_json(rows, lines);
		buffer_string(lines, "\n");
		result = lines->failed ? SQLITE_NOMEM : SQLITE_OK;
		++*count;
	}
	(void)sqlite3_finalize(rows);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* Takes the two numbers of the row that a question has, and ends it. */
static int
find_numbers(sqlite3_stmt *row, int result, int64_t *one, int64_t *other)
{
	*one = *other = 0;
	if (result == SQLITE_OK && (result = sqlite3_step(row)) == SQLITE_ROW) {
		*one = sqlite3_column_int64(row, 0);
		*other = sqlite3_column_int64(row, 1);
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(row);
	return result;
}

int
review_find_rollups(sqlite3 *db, const struct review_find *find, int64_t *messages,
    int64_t *last_ms)
{
	sqlite3_stmt *row = NULL;
	int result = find_prepare(db, "SELECT coalesce(sum(messages), 0),"
	    " coalesce(max(hour * 3600000 + last), 0) FROM rollup"
	    " WHERE ?2 <> '' AND facts IN (SELECT id FROM facts WHERE domain = ?1 UNION ALL"
	    " SELECT id FROM facts WHERE null_sender = 'yes' AND ?1 = '<>' UNION ALL"
	    " SELECT id FROM facts WHERE partner = ?2 COLLATE NOCASE)", find,
	    &row);

	return find_numbers(row, result, messages, last_ms);
}

/* Where names of a kind stand; ids and addresses only where they are new. */
#define NEWEST(column, table) "SELECT " column " FROM (SELECT " column " FROM " table \
	" ORDER BY time DESC LIMIT " RECENT_RECORDS ")"
static const char *const names_of[] = {
	[NAME_DOMAIN_OR_PARTNER] = "SELECT DISTINCT domain FROM facts UNION"
	    " SELECT DISTINCT domain FROM record UNION SELECT DISTINCT partner FROM record",
	[NAME_ID] = NEWEST("queue_id", "record") " UNION " NEWEST("session", "record")
	    " UNION " NEWEST("queue_id", "trouble"),
	[NAME_DOMAIN] = "SELECT DISTINCT domain FROM facts UNION"
	    " SELECT DISTINCT domain FROM record UNION SELECT DISTINCT next_hop FROM delivery"
	    " UNION SELECT DISTINCT next_hop FROM handshake",
	[NAME_PARTNER] = "SELECT DISTINCT partner FROM facts UNION"
	    " SELECT DISTINCT partner FROM delivery UNION"
	    " SELECT DISTINCT partner FROM trouble UNION " NEWEST("partner", "record"),
	[NAME_CLIENT] = "SELECT DISTINCT client_name FROM facts UNION"
	    " SELECT DISTINCT client_name FROM record UNION"
	    " SELECT DISTINCT host FROM handshake UNION SELECT DISTINCT relay FROM delivery",
	[NAME_RULE] = "SELECT DISTINCT rule FROM facts UNION"
	    " SELECT DISTINCT rule FROM record UNION"
	    " SELECT DISTINCT would_rule FROM record WHERE would IS NOT NULL UNION"
	    " SELECT DISTINCT rule FROM delivery UNION SELECT"
	    " rtrim(rtrim(rule, '0123456789'), ':') FROM (SELECT DISTINCT rule FROM record)",
	[NAME_FROM] = NEWEST("\"from\"", "record"),
	[NAME_TO] = NEWEST("\"to\"", "record") " UNION " NEWEST("\"to\"", "trouble"),
};

/* How well a name fits what was asked for. */
enum fit { FIT_NOT, FIT_LIKE, FIT_DOT, FIT_SAME };

/* Of an address either its local part or its domain is another one. */
static bool
is_address_like(const char *text, const char *name)
{
	const char *at = strchr(text, '@'), *other = strchr(name, '@');
	const char *candidates[1] = { other != NULL ? other + 1 : NULL };
	char local[65];

	if (at == NULL || other == NULL || other - name >= (ptrdiff_t)sizeof(local))
		return false;
	if (strcasecmp(at, other) != 0)
		return at - text == other - name &&
		    strncasecmp(text, name, (size_t)(at - text)) == 0 &&
		    suggest_word(at + 1, strlen(at + 1), candidates, 1) != NULL;
	memcpy(local, name, (size_t)(other - name));
	local[other - name] = '\0';
	candidates[0] = local;
	return suggest_word(text, (size_t)(at - text), candidates, 1) != NULL;
}

/* The name itself, but for a dot before it, or what is below it, or one like it. */
static enum fit
name_fits(const char *text, const char *name, const char *best)
{
	const char *candidates[] = { name, best };
	size_t length = strlen(text), had = strlen(name);
	bool is_below = had > length && strcasecmp(name + had - length, text) == 0;

	if (strcasecmp(text, name) == 0 || (is_below && text[0] == '.'))
		return FIT_SAME;
	if ((text[0] == '.' && strcasecmp(text + 1, name) == 0) ||
	    (is_below && name[had - length - 1] == '.'))
		return FIT_DOT;
	if (strchr(text, '@') != NULL)
		return is_address_like(text, name) ? FIT_LIKE : FIT_NOT;
	return had > 0 && suggest_word(text, length, candidates, best[0] == '\0' ? 1 : 2) ==
	    name ? FIT_LIKE : FIT_NOT;
}

int
review_find_meant(sqlite3 *db, enum review_name kind, const char *text,
    struct buffer *meant)
{
	enum fit best = FIT_NOT, fit;
	sqlite3_stmt *rows = NULL;
	int result = sqlite3_prepare_v2(db, names_of[kind], -1, &rows, NULL);

	buffer_string(meant, "");
	while (result == SQLITE_OK && (result = sqlite3_step(rows)) == SQLITE_ROW) {
		const char *name = review_column(rows, 0);

		result = meant->failed ? SQLITE_NOMEM : SQLITE_OK;
		fit = name == NULL || meant->failed ? FIT_NOT : name_fits(text, name,
		    best == FIT_LIKE ? meant->text : "");
		if (fit < best || fit == FIT_NOT || (fit == best && fit != FIT_LIKE))
			continue;
		best = fit;
		buffer_clear(meant);
		if (fit == FIT_DOT && text[0] != '.')
			buffer_format(meant, ".%s", text);
		else
			buffer_string(meant, fit == FIT_SAME && text[0] == '.' ? text : name);
	}
	(void)sqlite3_finalize(rows);
	return result != SQLITE_DONE ? result : meant->failed ? SQLITE_NOMEM : SQLITE_OK;
}

int
review_find_extent(sqlite3 *db, int64_t *oldest_ms, int64_t *newest_ms)
{
#define HOURS(table) " UNION ALL SELECT (SELECT min(hour * 3600000 + first) FROM " table \
	" WHERE hour = (SELECT min(hour) FROM " table ")), (SELECT max(hour * 3600000 + last)" \
	" FROM " table " WHERE hour = (SELECT max(hour) FROM " table "))"
	static const char sql[] = "SELECT min(oldest), max(newest) FROM"
	    " (SELECT (SELECT min(time) FROM record) AS oldest, (SELECT max(time) FROM record)"
	    " AS newest UNION ALL"
	    " SELECT (SELECT min(time) FROM trouble), (SELECT max(time) FROM trouble)"
	    HOURS("rollup") HOURS("handshake") HOURS("delivery") ")";
	sqlite3_stmt *row = NULL;
	int result = sqlite3_prepare_v2(db, review_is_fleet(db) ?
	    "SELECT oldest, newest FROM extent" : sql, -1, &row, NULL);

	return find_numbers(row, result, oldest_ms, newest_ms);
}
