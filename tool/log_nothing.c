/*
 * log_nothing.c - tlsward log: why there is nothing to show.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/log.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The time of the newest row of one table, or all, that meets the filter; 0: none. */
static int
newest_of(const struct tool_journal *journal, const struct review_filter *filter,
    enum journal_table table, int64_t *newest_ms)
{
	int result = SQLITE_OK;

	*newest_ms = 0;
	for (int i = 0; result == SQLITE_OK && i < JOURNAL_TABLES; i++) {
		sqlite3_stmt *rows = NULL;

		if (table != JOURNAL_TABLES && i != (int)table)
			continue;
		result = review_rows(journal->db, filter, (enum journal_table)i, -1, &rows);
		if (result != SQLITE_OK || rows == NULL)
			continue;
		while ((result = sqlite3_step(rows)) == SQLITE_ROW &&
		    !review_filter_meets(filter, rows))
			continue;
		if (result == SQLITE_ROW && journal_row_time(rows) > *newest_ms)
			*newest_ms = journal_row_time(rows);
		result = result == SQLITE_ROW || result == SQLITE_DONE ? SQLITE_OK : result;
		(void)sqlite3_finalize(rows);
	}
	return result;
}

/* ------------------------------------------------------------------ *
 * Names
 * ------------------------------------------------------------------ */

/* Says so where the journal does not have a name: *said. NULL, "": none was given. */
static int
say_unknown(const struct tool_journal *journal, const char *option,
    enum review_name kind, const char *name, bool *said)
{
	struct buffer meant = BUFFER_INIT;
	int result = SQLITE_OK;

	if (*said || name == NULL || name[0] == '\0' || strcmp(name, "<>") == 0)
		return SQLITE_OK;
	result = review_find_meant(journal->db, kind, name, &meant);
	*said = result == SQLITE_OK && strcmp(meant.text, name) != 0 &&
	    (kind != NAME_PARTNER || strcasecmp(meant.text, name) != 0);
	if (*said && meant.length > 0)
		(void)tool_trouble("nothing of --%s \"%s\": did you mean --%s \"%s\"?",
		    option, name, option, meant.text);
	else if (*said)
		(void)tool_trouble("nothing of --%s \"%s\": the journal does not have it%s",
		    option, name, kind != NAME_ID ? "" :
		    "; accepted messages are in roll-ups, which have no ids "
		    "(journal-accepted)");
	buffer_free(&meant);
	return result;
}

static int
say_names(const struct tool_journal *journal, const struct review_filter *filter,
    bool *said)
{
	const struct review_address *from = &filter->from;
	const struct {
		const char *option;
		enum review_name kind;
		const char *name;
	} names[] = {
		{ "queue-id", NAME_ID, filter->queue_id },
		{ "session", NAME_ID, filter->session },
		{ "partner", NAME_PARTNER, filter->partner },
		{ "domain", NAME_DOMAIN, filter->domain },
		{ "rule", NAME_RULE, filter->rule },
		{ "client", NAME_CLIENT, filter->client == CLIENT_NAME ?
		    filter->client_text : NULL },
		/* Of an address its domain, and then all of it. */
		{ "from", NAME_DOMAIN, from->local == 0 ? from->text : from->domain },
		{ "from", NAME_FROM, from->local > 0 ? from->text : NULL },
		{ "to", NAME_TO, filter->to.text },
	};
	int result = SQLITE_OK;

	for (size_t i = 0; result == SQLITE_OK && i < sizeof(names) / sizeof(names[0]); i++)
		result = say_unknown(journal, names[i].option, names[i].kind, names[i].name,
		    said);
	return result;
}

/* ------------------------------------------------------------------ *
 * Filters
 * ------------------------------------------------------------------ */

/* What there would be without one filter, or with more of what is asked for. */
#define FROM_TO(first, last) offsetof(struct review_filter, first), \
	offsetof(struct review_filter, last) + sizeof(((struct review_filter *)0)->last)
static const struct relaxation {
	size_t from, to;		/* what of the filter is cleared */
	enum journal_table table;	/* what can be there then; JOURNAL_TABLES: all */
	const char *say;
} relaxations[] = {
	{ 0, 0, JOURNAL_ROLLUP,
	    "accepted messages are in roll-ups: --action accept shows them" },
	{ 0, 0, JOURNAL_DELIVERY,
	    "deliveries without trouble are shown with --kind delivery" },
	{ FROM_TO(since_ms, until_ms), JOURNAL_TABLES, "what there is, is of another time" },
	{ FROM_TO(kinds, kinds), JOURNAL_TABLES, "what there is, is of another --kind" },
	{ FROM_TO(actions, actions), JOURNAL_TABLES, "what there is, has another --action" },
	{ FROM_TO(direction, direction), JOURNAL_TABLES,
	    "what there is, is of the other --direction" },
	{ FROM_TO(reasons, reasons), JOURNAL_TABLES, "what there is, has another --reason" },
	{ FROM_TO(would, would), JOURNAL_TABLES, "what there is, was not let in by monitor" },
	{ FROM_TO(text, text), JOURNAL_TABLES, "what there is, has another --text" },
	{ FROM_TO(client, client), JOURNAL_TABLES, "what there is, is of another --client" },
	{ FROM_TO(kinds, would), JOURNAL_TABLES,
	    "each filter has something, all of them together have nothing" },
};

/* False where that changes nothing. */
static bool
relax(struct review_filter *filter, const struct relaxation *relaxation)
{
	static const char zeros[sizeof(struct review_filter)];
	char *from = (char *)filter + relaxation->from;
	size_t size = relaxation->to - relaxation->from;

	if (relaxation->table == JOURNAL_ROLLUP && filter->actions.count == 0)
		filter->actions = (struct review_words){
		    { policy_action_name(POLICY_ACCEPT) }, 1 };
	else if (relaxation->table == JOURNAL_DELIVERY && filter->kinds.count == 0)
		filter->kinds = review_kind_words();
	else if (memcmp(from, zeros, size) != 0)
		memset(from, 0, size);
	else
		return false;
	return true;
}

static int
say_relaxed(const struct tool_journal *journal, const struct review_filter *filter,
    bool *said)
{
	int result = SQLITE_OK;

	for (size_t i = 0; result == SQLITE_OK && !*said &&
	    i < sizeof(relaxations) / sizeof(relaxations[0]); i++) {
		struct review_filter other = *filter;
		struct buffer time = BUFFER_INIT;
		int64_t newest_ms;

		if (!relax(&other, &relaxations[i]))
			continue;
		result = newest_of(journal, &other, relaxations[i].table, &newest_ms);
		*said = newest_ms != 0;
		screen_time(&time, newest_ms);
		if (time.failed)
			result = SQLITE_NOMEM;
		else if (*said)
			(void)tool_trouble("nothing found: %s (the newest: %s)",
			    relaxations[i].say, time.text);
		buffer_free(&time);
	}
	return result;
}

/* Whether the period ends before the journal begins, or begins behind its end. */
static int
say_period(const struct tool_journal *journal, const struct review_filter *filter,
    bool *said)
{
	struct buffer time = BUFFER_INIT;
	int64_t oldest_ms, newest_ms;
	int result = review_find_extent(journal->db, &oldest_ms, &newest_ms);
	bool before = filter->until_ms != 0 && filter->until_ms <= oldest_ms;
	bool behind = filter->since_ms > newest_ms;

	if (result != SQLITE_OK)
		return result;
	*said = before || behind || newest_ms == 0;
	screen_time(&time, before ? oldest_ms : newest_ms);
	if (time.failed)
		result = SQLITE_NOMEM;
	else if (newest_ms == 0)
		(void)tool_trouble("nothing found: the journal is empty");
	else if (*said)
		(void)tool_trouble("nothing found: the journal %s %s",
		    before ? "begins" : "ends", time.text);
	buffer_free(&time);
	return result;
}

int
log_say_nothing(const struct tool_journal *journal, const struct review_filter *filter)
{
	bool said = false;
	int result = say_period(journal, filter, &said);

	if (result == SQLITE_OK && !said)
		result = say_names(journal, filter, &said);
	if (result == SQLITE_OK && !said)
		result = say_relaxed(journal, filter, &said);
	if (result != SQLITE_OK)
		return tool_journal_trouble(journal, result);
	if (!said)
		(void)tool_trouble("nothing found");
	return STATUS_FINE;
}
