/*
 * fleet_summed.c - roll-ups of a long time, added up by PostgreSQL as far as no report can
 * tell: four days and whole days by their summaries; of others what they can by those of
 * their parts, and the hours that are left by the hour.
 *
 * Rows are of three kinds (conf/postgresql/days.sql): what was counted of a set of facts, which
 * becomes one between two cuts, also of sets that are alike; what is followed of mixed
 * domains; and what is both, of sets whose rows stay apart.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet_room.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "review/reading.h"

#define DAY 24
#define DAYS 96

/* What has a summary. All times are hours since the epoch. */
struct span {
	int64_t at;
	int hours;
};

struct summing {
	struct fleet *fleet;
	const struct fleet_summed *asked;
	struct buffer sql;
	struct span *spans;		/* those that are read, in the order of time */
	int count;
	int members;			/* of the question's UNION, so far */
};

/* ------------------------------------------------------------------ *
 * What there is
 * ------------------------------------------------------------------ */

static const char summed_spans_sql[] =
    "SELECT (date_part('epoch', since) / 3600)::bigint, hours FROM tlsward.summarized_now"
    " WHERE since >= to_timestamp($1::bigint * 3600.0) AND"
    " since < to_timestamp($2::bigint * 3600.0) ORDER BY since, hours DESC";

static bool
is_in_asked(const struct summing *summing, int64_t at, int hours)
{
	return at < summing->asked->until && at + hours > summing->asked->since;
}

/* Whether nothing is to be told apart within so many hours. */
static bool
is_whole(const struct summing *summing, int64_t at, int hours)
{
	const struct fleet_summed *asked = summing->asked;

	for (size_t i = 0; i < FLEET_CUTS; i++)
		if (asked->cuts[i] > at && asked->cuts[i] < at + hours)
			return false;
	return at >= asked->from && at + hours <= asked->to &&
	    (asked->recent <= at || asked->recent >= at + hours) &&
	    (at + hours <= asked->hourly_from || at >= asked->hourly_to) &&
	    !(hours > DAY && asked->daily && is_in_asked(summing, at, hours));
}

/* The time behind the span that an hour is in; the hour itself: it is in none. */
static int64_t
end_of_span(const struct summing *summing, int64_t hour)
{
	for (int i = 0; i < summing->count; i++)
		if (summing->spans[i].at <= hour &&
		    hour < summing->spans[i].at + summing->spans[i].hours)
			return summing->spans[i].at + summing->spans[i].hours;
	return hour;
}

/* Takes the longest of what an answer tells of. False: memory is short. */
static bool
take_spans(struct summing *summing, const PGresult *result)
{
	summing->spans = calloc((size_t)PQntuples(result) + 1, sizeof(*summing->spans));
	for (int row = 0; row < PQntuples(result) && summing->spans != NULL; row++) {
		int64_t at = strtoll(PQgetvalue(result, row, 0), NULL, 10);
		int hours = atoi(PQgetvalue(result, row, 1));

		if (is_whole(summing, at, hours) && end_of_span(summing, at) == at)
			summing->spans[summing->count++] = (struct span){ at, hours };
	}
	return summing->spans != NULL;
}

/* Asks about the time; false: "fleet->trouble" says why there is no answer, or memory is short. */
static bool
ask_of_time(struct summing *summing, const char *sql,
    bool (*take)(struct summing *summing, const PGresult *result))
{
	char numbers[2][24];
	const char *values[2] = { numbers[0], numbers[1] };
	PGresult *result;
	bool fine;

	(void)snprintf(numbers[0], sizeof(numbers[0]), "%" PRId64, summing->asked->from);
	(void)snprintf(numbers[1], sizeof(numbers[1]), "%" PRId64, summing->asked->to);
	result = PQexecParams(summing->fleet->connection, sql, 2, NULL, values, NULL, NULL, 0);
	fine = PQresultStatus(result) == PGRES_TUPLES_OK;
	if (!fine)
		fleet_say_failed(summing->fleet, result, summing->fleet->trouble);
	else
		fine = take(summing, result);
	PQclear(result);
	return fine;
}

/* Sets of facts: those whose rows stay apart, and with these those of agreements. */
static const char summed_apart_sql[] =
    "SELECT coalesce(array_agg(id) FILTER (WHERE is_apart), '{}'), coalesce(array_agg(id),"
    " '{}') FROM tlsward.apart_of(to_timestamp($1::bigint * 3600.0),"
    " to_timestamp($2::bigint * 3600.0))";

static bool
take_apart_sets(struct summing *summing, const PGresult *result)
{
	char **parameters = summing->fleet->parameters;

	for (int i = 0; i < 2; i++) {
		free(parameters[FLEET_APART + i]);
		parameters[FLEET_APART + i] = strdup(PQgetvalue(result, 0, i));
	}
	return parameters[FLEET_APART] != NULL && parameters[FLEET_OWN] != NULL;
}

/* ------------------------------------------------------------------ *
 * The question
 * ------------------------------------------------------------------ */

#define WANTED ", wanted AS MATERIALIZED (SELECT id FROM tlsward.facts WHERE "

/* Which sets of facts are "own", which stay apart, and which are wanted, if not all. */
static void
add_sets(struct summing *summing)
{
	const char *domain = summing->asked->domain;
	char *text = domain == NULL ? NULL : PQescapeLiteral(summing->fleet->connection,
	    domain, strlen(domain));

	buffer_string(&summing->sql, "WITH own AS MATERIALIZED (SELECT unnest($7) AS id),"
	    " apart AS MATERIALIZED (SELECT unnest($6) AS id)");
	if (domain != NULL && strcmp(domain, "<>") == 0)
		buffer_string(&summing->sql, WANTED "domain IS NULL AND null_sender = 'yes')");
	else if (text != NULL && domain[0] == '.')
		buffer_format(&summing->sql, WANTED "right(domain, length(%s)) = %s)", text, text);
	else if (text != NULL)
		buffer_format(&summing->sql, WANTED "domain = %s)", text);
	summing->sql.failed |= domain != NULL && text == NULL;
	PQfreemem(text);
}

/*
 * What rows of the same facts have in common that become one. Odd: they are in the chart. Of
 * those that tell whether a host under an agreement met it lately there is one more bit.
 * Other rows stay apart, by their first message: those that are followed, below zero; those
 * that are both, from KEY_APART on; and those that are counted, from KEY_COUNTED on.
 */
#define KEY_RECENT 2
#define KEY_MAIN 4		/* times what tells them apart */
#define KEY_APART INT64_C(1000000000)
#define KEY_COUNTED (INT64_C(1) << 60)

static int64_t
key_of_hour(const struct summing *summing, int64_t at, bool charted)
{
	const struct fleet_summed *asked = summing->asked;
	int64_t bucket = at >= asked->hourly_from && at < asked->hourly_to ? at : at / DAY;
	int64_t main = 0;

	for (size_t i = 0; i < FLEET_CUTS; i++)
		main += asked->cuts[i] <= at;
	charted = charted && is_in_asked(summing, at, 1);
	if (charted)
		main += (bucket + 1) * (FLEET_CUTS + 1);
	return main * KEY_MAIN + charted;
}

/* The key of a span, by which rows of it are put together with others. */
static int64_t
key_of_span(const struct summing *summing, const struct span *span)
{
	return key_of_hour(summing, span->at, span->hours < DAY || summing->asked->daily);
}

/* Which rows are wanted: of the domain asked for; outside of the period those of "own" sets. */
static void
add_wanted_rows(struct summing *summing, int64_t at, int hours)
{
	if (summing->asked->domain != NULL)
		buffer_string(&summing->sql, " AND facts IN (TABLE wanted)");
	if (!is_in_asked(summing, at, hours) || summing->asked->by_rule)
		buffer_string(&summing->sql, " AND facts IN (TABLE own)");
}

static void
add_union(struct summing *summing)
{
	buffer_string(&summing->sql, summing->members++ > 0 ? " UNION ALL " : "");
}

/* The spans from "first" up to "behind" that are so long, or of any length (0), as an array. */
static void
add_times(struct summing *summing, int first, int behind, int hours)
{
	const char *before = "";

	buffer_string(&summing->sql, " = ANY (ARRAY[");
	for (int i = first; i < behind; i++)
		if (hours == 0 || summing->spans[i].hours == hours) {
			buffer_format(&summing->sql, "%sto_timestamp(%" PRId64 " * 3600.0)",
			    before, summing->spans[i].at);
			before = ", ";
		}
	buffer_string(&summing->sql, "]::timestamptz[])");
}

/* Rows of the summaries from "first" up to "behind", which have the same key. */
static void
add_spans(struct summing *summing, int first, int behind)
{
	bool parts = summing->spans[first].hours < DAY;
	int64_t key = key_of_span(summing, &summing->spans[first]);
	const char *column = parts ? "part" : "day";

	add_union(summing);
	buffer_format(&summing->sql, "SELECT summed, min(first), max(last), tlsward.total(messages),"
	    " min('0000000+' || client_addr), key FROM (SELECT CASE WHEN facts NOT IN (TABLE own) THEN"
	    " coalesce(one, facts) ELSE facts END AS summed, first, last, messages, client_addr, CASE"
	    " WHEN NOT counted THEN -first * 2 WHEN facts NOT IN (TABLE own) THEN %" PRId64
	    " WHEN followed AND facts IN (TABLE apart) THEN first * 2 + %d WHEN NOT followed AND"
	    " client_addr IS NOT NULL THEN %" PRId64 " + first * 2 WHEN %s >= to_timestamp(%" PRId64
	    " * 3600.0) THEN %" PRId64 " ELSE %" PRId64 " END AS key FROM tlsward.rollup_%s WHERE"
	    " %s", key, (int)(key & 1), KEY_COUNTED + (key & 1), column, summing->asked->recent,
	    key + KEY_RECENT, key, column, column);
	add_times(summing, first, behind, 0);
	if (!parts) {
		buffer_format(&summing->sql, " AND (hours = %d) = (day", DAYS);
		add_times(summing, first, behind, DAYS);
		buffer_string(&summing->sql, ")");
	}
	add_wanted_rows(summing, summing->spans[first].at, summing->spans[first].hours);
	buffer_string(&summing->sql, ") AS spans GROUP BY summed, key");
}

static void
add_all_spans(struct summing *summing)
{
	int first = 0, next;

	for (; first < summing->count; first = next) {
		const struct span *span = &summing->spans[first];

		for (next = first + 1; next < summing->count &&
		    (summing->spans[next].hours < DAY) == (span->hours < DAY) &&
		    key_of_span(summing, &summing->spans[next]) == key_of_span(summing, span); )
			next++;
		add_spans(summing, first, next);
	}
}

/*
 * Hours of all nodes, which follow each other and have the same key. Of what stays apart those
 * of an hour are one row, and its address is that of the earliest. In the hour in which the
 * period ends it matters when each set of facts came first.
 */
static void
add_hours(struct summing *summing, int64_t from, int64_t to)
{
	const struct fleet_summed *asked = summing->asked;
	int64_t key = key_of_hour(summing, from, true) + (from >= asked->recent ? KEY_RECENT : 0);
	char ms[64] = "date_part('epoch', hour)::bigint * 1000";

	/* To have PostgreSQL work that out takes longer than all the rest. */
	if (to - from == 1)
		(void)snprintf(ms, sizeof(ms), "%" PRId64, from * JOURNAL_HOUR_MS);
	add_union(summing);
	buffer_format(&summing->sql, "SELECT facts, %s + min(first), %s + max(last),"
	    " tlsward.total(messages), min(CASE WHEN facts IN (TABLE apart) THEN"
	    " tlsward.earliest(first, client_addr) END), CASE WHEN facts IN (TABLE apart) THEN"
	    " %s * 2 + %d ELSE %" PRId64 " END, %s FROM tlsward.rollup WHERE hour >= to_timestamp(%" PRId64
	    " * 3600.0) AND hour < to_timestamp(%" PRId64 " * 3600.0)", ms, ms, ms, (int)(key & 1),
	    key, from == asked->cuts[FLEET_UNTIL] && from < asked->until ? "true" :
	    "facts IN (TABLE own)", from, to);
	add_wanted_rows(summing, from, 1);
	buffer_string(&summing->sql, " GROUP BY facts, hour");
}

/* What the summaries have not: each hour; or whole days, of which there may be many. */
static void
add_each_hour(struct summing *summing)
{
	const struct fleet_summed *asked = summing->asked;
	int64_t hour = asked->from, first;

	while (hour < asked->to) {
		first = hour;
		while (hour < asked->to && end_of_span(summing, hour) == hour &&
		    key_of_hour(summing, hour, true) == key_of_hour(summing, first, true) &&
		    (hour != asked->recent || hour == first))
			hour++;
		if (hour - first >= DAY)
			add_hours(summing, first, hour);
		for (; first < hour && hour - first < DAY; first++)
			add_hours(summing, first, first + 1);
		if (end_of_span(summing, hour) > hour)
			hour = end_of_span(summing, hour);
	}
}

/* Of all hours, added up once more. */
static void
add_all_hours(struct summing *summing)
{
	buffer_string(&summing->sql, "SELECT CASE WHEN is_own THEN facts ELSE coalesce(one, facts)"
	    " END AS summed, min(first), max(last), tlsward.total(messages), min(address),"
	    " key FROM (");
	add_each_hour(summing);
	if (summing->members == 0)
		buffer_string(&summing->sql, "SELECT 0, 0::bigint, 0::bigint, 0::bigint, '',"
		    " 0::bigint, false WHERE false");
	buffer_string(&summing->sql, ") AS hours (facts, first, last, messages, address, key, is_own)"
	    " LEFT JOIN tlsward.facts AS f ON f.id = hours.facts GROUP BY summed, key");
}

/* The question for what summaries have, or for what they have not; NULL: memory is short. */
static char *
rows_of(struct summing *summing, void (*add_all)(struct summing *summing))
{
	struct buffer *sql = &summing->sql;

	*sql = (struct buffer)BUFFER_INIT;
	summing->members = 0;
	buffer_string(sql, "(");
	add_sets(summing);
	buffer_format(sql, " SELECT summed, first, last, messages, nullif(substr(address, 9), '') AS"
	    " client_addr, (key & 1)::int AS charted, CASE WHEN key < 0 THEN 2 WHEN key >= %" PRId64
	    " AND key < %" PRId64 " THEN 1 ELSE 0 END AS way FROM (", KEY_APART, KEY_COUNTED);
	add_all(summing);
	buffer_string(sql, ") AS added (summed, first, last, messages, address, key)) AS summed");
	if (sql->failed)
		buffer_free(sql);
	return sql->text;
}

/* The sets of facts with all their columns. */
static void
add_set_columns(const struct summing *summing, struct buffer *sql)
{
	const char *domain = summing->asked->domain;

	buffer_string(sql, "(SELECT f.id, f.domain, f.null_sender, f.tls_version, f.cipher, f.bits,"
	    " f.cert_verified, c.cert_cn, c.cert_issuer, c.cert_fingerprint,"
	    " c.cert_pubkey_fingerprint, c.cert_key, c.cert_signature, c.cert_not_after, f.local,"
	    " f.authenticated, f.client_name, f.client_network, f.client_address, f.rule,"
	    " f.rule_kind, f.rule_name, f.rule_via, f.partner, f.exemption"
	    " FROM tlsward.facts AS f LEFT JOIN tlsward.certificate AS c ON c.id = f.certificate");
	/* Others come one after another, as without summaries. */
	buffer_format(sql, " WHERE %s AND (one IS NULL OR one = f.id OR f.id IN"
	    " (SELECT unnest($6))) AND f.used >="
	    " date_trunc('month', to_timestamp(%" PRId64 " * 3600.0) AT TIME ZONE 'UTC')%s) AS"
	    " summed_set", domain == NULL ? "true" : "false", summing->asked->from,
	    summing->asked->by_rule ? " AND f.id IN (SELECT unnest($7))" : "");
}

/* What sessions had of TLS, by whole days of the period. */
static void
add_totals(struct summing *summing, struct buffer *sql)
{
	const char *before = "";

	buffer_string(sql, "(SELECT (date_part('epoch', day) * 1000)::bigint AS day, messages,"
	    " tls_version, cipher, bits FROM tlsward.rollup_day_total WHERE day = ANY (ARRAY[");
	for (int i = 0; i < summing->count && !summing->asked->daily; i++) {
		const struct span *span = &summing->spans[i];

		for (int64_t day = span->at; day + DAY <= span->at + span->hours; day += DAY)
			if (is_in_asked(summing, day, DAY)) {
				buffer_format(sql, "%sto_timestamp(%" PRId64 " * 3600.0)", before,
				    day);
				before = ", ";
			}
	}
	buffer_string(sql, "]::timestamptz[])) AS summed_total");
}

/*
 * As PostgreSQL cannot know how many sets there are it would sort what is hashed in a part of the
 * time. What others want of these, and how much memory, is to be as it was.
 */
void
fleet_sum_plans(PGconn *connection, bool few, bool ours)
{
	static const struct {
		const char *name, *value;
		bool many;		/* only where there are many sets */
	} settings[] = {
		{ "enable_mergejoin", "off", false },
		{ "max_parallel_workers_per_gather", "0", false },
		{ "cursor_tuple_fraction", "1", false },
		{ "enable_nestloop", "off", true },
		{ "enable_sort", "off", true },
		{ "enable_incremental_sort", "off", true },
	};
	struct buffer sql = BUFFER_INIT;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		buffer_format(&sql, "SET LOCAL %s = %s; ", settings[i].name,
		    ours && !(few && settings[i].many) ? settings[i].value : "DEFAULT");
	if (!sql.failed)
		PQclear(PQexec(connection, sql.text));
	buffer_free(&sql);
}

/* The sets are too many for what PostgreSQL gives to each question. */
static void
give_memory(PGconn *connection)
{
	PQclear(PQexec(connection, "SET LOCAL work_mem = '256MB'"));
}

/* Makes all questions. False: memory is short. */
static bool
ask_for_all(struct summing *summing)
{
	struct fleet *fleet = summing->fleet;
	struct buffer totals = BUFFER_INIT, sets = BUFFER_INIT;

	fleet->summed[FLEET_SPANS] = rows_of(summing, add_all_spans);
	fleet->summed[FLEET_HOURS_LEFT] = rows_of(summing, add_all_hours);
	add_totals(summing, &totals);
	add_set_columns(summing, &sets);
	fleet->summed[FLEET_TOTALS] = totals.text;
	fleet->summed[FLEET_SETS] = sets.text;
	return fleet->summed[FLEET_SPANS] != NULL && fleet->summed[FLEET_HOURS_LEFT] != NULL &&
	    !totals.failed && !sets.failed;
}

/*
 * What summaries have takes about as long as all the rest: it is asked for on a second
 * connection, meanwhile. Where that cannot be had it takes longer.
 */
static void
ask_meanwhile(struct fleet *fleet, const struct fleet_summed *asked)
{
	struct buffer sql = BUFFER_INIT;
	Oid types[FLEET_PARAMETERS];

	if (asked->domain != NULL || !fleet_connect_second(fleet))
		return;
	give_memory(fleet->second);
	fleet_sum_plans(fleet->second, false, true);
	buffer_string(&sql, "SELECT \"summed\", \"first\", \"last\", \"messages\","
	    " \"client_addr\", \"charted\", \"way\" FROM ");
	buffer_string(&sql, fleet->summed[FLEET_SPANS]);
	buffer_string(&sql, " WHERE true ORDER BY \"first\" NULLS FIRST, \"summed\" NULLS FIRST");
	for (int i = 0; i < FLEET_PARAMETERS; i++)
		types[i] = fleet_parameter_type((enum fleet_parameter)i);
	if (!sql.failed && PQsendQueryParams(fleet->second, sql.text, FLEET_PARAMETERS, types,
	    (const char *const *)fleet->parameters, NULL, NULL, 1) == 1)
		fleet->sent = sql.text;
	else
		buffer_free(&sql);
}

int
fleet_sum(struct fleet *fleet, const struct fleet_summed *asked)
{
	struct summing summing = { .fleet = fleet, .asked = asked, .sql = BUFFER_INIT };
	int spans = -1;

	fleet_sum_clear(fleet);
	fleet->few = asked->domain != NULL;
	if (fleet->trouble[0] == '\0' && ask_of_time(&summing, summed_spans_sql, take_spans))
		spans = summing.count;
	if (spans > 0)
		give_memory(fleet->connection);
	if (spans > 0 && (!ask_of_time(&summing, summed_apart_sql, take_apart_sets) ||
	    !ask_for_all(&summing)))
		spans = -1;
	if (spans > 0)
		ask_meanwhile(fleet, asked);
	free(summing.spans);
	return spans;
}
