/*
 * fleet_summed.c - roll-ups of a long time, added up by PostgreSQL as far as no report can
 * tell: whole days by their summaries; of others what they can by those of their parts, and
 * the hours that are left by the hour.
 *
 * Rows of the same facts become one between two cuts, where their domain has had TLS alone
 * or clear text alone. Of other domains rows stay as the summaries have them
 * (conf/postgresql/days.sql), or by the hour.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet_room.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "review/reading.h"

#define DAY 24
#define PART 3

/* All times are hours since the epoch. */
struct summing {
	struct fleet *fleet;
	const struct fleet_summed *asked;
	struct buffer sql;
	struct buffer hours;		/* the question for what is left */
	int64_t *days;			/* those whose summary holds */
	int count;
	int64_t *part_list;		/* the same of their parts */
	int part_count;
};

/* ------------------------------------------------------------------ *
 * Days and their parts
 * ------------------------------------------------------------------ */

static const char summed_days_sql[] =
    "SELECT (date_part('epoch', s.since) / 3600)::bigint, s.hours FROM tlsward.summarized AS s"
    " WHERE s.since >= to_timestamp($1::bigint * 3600.0) AND"
    " s.since < to_timestamp($2::bigint * 3600.0) AND s.version = (SELECT sum(t.version)"
    " FROM tlsward.touched AS t WHERE t.part >= s.since AND t.part < s.since +"
    " s.hours * interval '1 hour') ORDER BY s.since, s.hours DESC";

/* Whether nothing is to be told apart within so many hours. */
static bool
is_whole(const struct summing *summing, int64_t at, int hours)
{
	const struct fleet_summed *asked = summing->asked;

	for (size_t i = 0; i < FLEET_CUTS; i++)
		if (asked->cuts[i] > at && asked->cuts[i] < at + hours)
			return false;
	return at >= asked->from && at + hours <= asked->to &&
	    (at + hours <= asked->hourly_from || at >= asked->hourly_to);
}

static bool
has_day(const struct summing *summing, int64_t day)
{
	for (int i = 0; i < summing->count; i++)
		if (summing->days[i] == day)
			return true;
	return false;
}

/* Takes what an answer tells of. False: memory is short. */
static bool
take_found(struct summing *summing, const PGresult *result)
{
	size_t rows = (size_t)PQntuples(result) + 1;

	summing->days = calloc(rows, sizeof(*summing->days));
	summing->part_list = calloc(rows, sizeof(*summing->part_list));
	if (summing->days == NULL || summing->part_list == NULL)
		return false;
	for (int row = 0; row < PQntuples(result); row++) {
		int64_t at = strtoll(PQgetvalue(result, row, 0), NULL, 10);
		int hours = atoi(PQgetvalue(result, row, 1));

		if (hours == DAY && is_whole(summing, at, DAY))
			summing->days[summing->count++] = at;
		else if (hours == PART && is_whole(summing, at, PART) &&
		    !has_day(summing, at / DAY * DAY))
			summing->part_list[summing->part_count++] = at;
	}
	return true;
}

/* Finds the days; false: "fleet->trouble" says why not, or memory is short. */
static bool
find_days(struct summing *summing)
{
	char numbers[2][24];
	const char *values[2] = { numbers[0], numbers[1] };
	PGresult *result;
	bool fine;

	(void)snprintf(numbers[0], sizeof(numbers[0]), "%" PRId64, summing->asked->from);
	(void)snprintf(numbers[1], sizeof(numbers[1]), "%" PRId64, summing->asked->to);
	result = PQexecParams(summing->fleet->connection, summed_days_sql, 2, NULL, values,
	    NULL, NULL, 0);
	fine = PQresultStatus(result) == PGRES_TUPLES_OK;
	if (!fine)
		fleet_say_failed(summing->fleet, result, summing->fleet->trouble);
	else
		fine = take_found(summing, result);
	PQclear(result);
	return fine;
}

/* Whether there is a summary of a part that begins within so many hours. */
static bool
has_day_part(const struct summing *summing, int64_t at, int hours)
{
	for (int i = 0; i < summing->part_count; i++)
		if (summing->part_list[i] >= at && summing->part_list[i] < at + hours)
			return true;
	return false;
}

/* How many cuts are at a time or before: what has the same number may be put together. */
static int
cuts_before(const struct summing *summing, int64_t hour)
{
	int part = 0;

	for (size_t i = 0; i < FLEET_CUTS; i++)
		part += summing->asked->cuts[i] <= hour;
	return part;
}

/* ------------------------------------------------------------------ *
 * The question
 * ------------------------------------------------------------------ */

/* Which sets of facts, where these are not all. */
static void
add_wanted(struct summing *summing)
{
	const char *domain = summing->asked->domain;
	char *text = domain == NULL ? NULL : PQescapeLiteral(summing->fleet->connection,
	    domain, strlen(domain));

	if (domain == NULL)
		return;
	buffer_string(&summing->sql, "wanted AS MATERIALIZED (SELECT id FROM tlsward.facts WHERE ");
	if (strcmp(domain, "<>") == 0)
		buffer_string(&summing->sql, "domain IS NULL AND null_sender = 'yes'), ");
	else if (domain[0] == '.')
		buffer_format(&summing->sql, "right(domain, length(%s)) = %s), ",
		    text == NULL ? "" : text, text == NULL ? "" : text);
	else
		buffer_format(&summing->sql, "domain = %s), ", text == NULL ? "" : text);
	summing->sql.failed |= text == NULL;
	PQfreemem(text);
}

/* Which sets of facts; and of which rows stay apart. */
static void
add_sets(struct summing *summing)
{
	buffer_string(&summing->sql, "(WITH ");
	add_wanted(summing);
	buffer_format(&summing->sql, "by_address AS MATERIALIZED (SELECT id FROM"
	    " tlsward.followed_facts WHERE by_address), apart AS MATERIALIZED ("
	    "SELECT id FROM by_address UNION ALL SELECT unnest(ids) FROM tlsward.mixed_of("
	    "to_timestamp(%" PRId64 " * 3600.0), to_timestamp(%" PRId64 " * 3600.0))), ",
	    summing->asked->from, summing->asked->to);
}

/* What of a table is wanted: of the domain asked for its sets are few. */
static const char *
wanted_of(const struct summing *summing)
{
	return summing->asked->domain == NULL ? "" :
	    " AND facts IN (SELECT id FROM wanted)";
}

/* The days of a list from "first" on up to the next cut, as an array; returns what is next. */
static int
add_days(struct summing *summing, int first)
{
	int i = first;

	buffer_string(&summing->sql, "ARRAY[");
	do
		buffer_format(&summing->sql, "%sto_timestamp(%" PRId64 " * 3600.0)",
		    i > first ? ", " : "", summing->days[i]);
	while (++i < summing->count && !summing->asked->daily &&
	    cuts_before(summing, summing->days[i]) == cuts_before(summing, summing->days[first]));
	buffer_string(&summing->sql, "]");
	return i;
}

/* The days; those between two cuts have the same number. */
static void
add_all_days(struct summing *summing)
{
	struct buffer *sql = &summing->sql;

	buffer_string(sql, "summed AS (SELECT facts, min(first) AS first,"
	    " max(last) AS last, tlsward.total(messages) AS messages, min(client_addr) AS"
	    " client_addr, part FROM (SELECT 0 AS facts, 0::bigint AS first, 0::bigint AS last,"
	    " 0::bigint AS messages, NULL::text AS client_addr, 0::bigint AS part WHERE false");
	for (int i = 0; i < summing->count; ) {
		buffer_format(sql, " UNION ALL SELECT facts, first, last, messages, client_addr,"
		    " %d FROM tlsward.rollup_day WHERE day = ANY (", -i - 1);
		i = add_days(summing, i);
		buffer_format(sql, ")%s", wanted_of(summing));
	}
}

/* What hours have in common: the same number. Of each day it is another. */
#define PARTS 100

static void
add_union(struct buffer *sql)
{
	buffer_string(sql, sql->length > 0 ? " UNION ALL " : "");
}

/* The address of an hour's row, as that of a fleet's has it; NULL: that of the facts. */
#define SUMMED_ADDRESS "CASE WHEN facts IN (SELECT id FROM by_address) THEN (SELECT nullif(" \
	"substr(min(tlsward.earliest(r.first, r.client_addr)), 9), '') FROM tlsward.rollup AS r" \
	" WHERE r.facts = h.facts AND r.hour = to_timestamp(h.first / 3600000 * 3600.0)) END"

/* An hour of all nodes. */
static void
add_hour(struct summing *summing, int64_t hour, int64_t part)
{
	int64_t ms = hour * JOURNAL_HOUR_MS;

	add_union(&summing->hours);
	buffer_format(&summing->hours, "SELECT facts, %" PRId64 " + min(first) AS first,"
	    " %" PRId64 " + max(last) AS last, tlsward.total(messages) AS messages,"
	    " %" PRId64 "::bigint AS part FROM tlsward.rollup"
	    " WHERE hour = to_timestamp(%" PRId64 " * 3600.0)%s GROUP BY facts", ms, ms,
	    part, hour, wanted_of(summing));
}

/* The summary of a part of a day. */
static void
add_part(struct summing *summing, int64_t hour, int64_t part)
{
	buffer_format(&summing->sql, " UNION ALL SELECT facts, first, last, messages, client_addr,"
	    " %" PRId64 " FROM tlsward.rollup_part"
	    " WHERE part = to_timestamp(%" PRId64 " * 3600.0)%s", part, hour,
	    wanted_of(summing));
}

/* All hours of days. */
static void
add_whole_days(struct summing *summing, int64_t from, int64_t to)
{
#define OF_HOUR "date_part('epoch', hour)::bigint"
	add_union(&summing->hours);
	buffer_format(&summing->hours, "SELECT facts, " OF_HOUR " * 1000 + min(first) AS first,"
	    " " OF_HOUR " * 1000 + max(last) AS last, tlsward.total(messages) AS messages,"
	    " " OF_HOUR " / 86400 * %d AS part FROM tlsward.rollup"
	    " WHERE hour >= to_timestamp(%" PRId64 " * 3600.0)"
	    " AND hour < to_timestamp(%" PRId64 " * 3600.0)%s GROUP BY hour, facts", PARTS, from,
	    to, wanted_of(summing));
}

/* A day that a cut divides, or of which each hour is a row, or that has no summary. */
static void
add_day_by_hours(struct summing *summing, int64_t day)
{
	const struct fleet_summed *asked = summing->asked;
	int64_t part = day / DAY * PARTS, next;

	for (int64_t hour = day; hour < day + DAY && hour < asked->to; hour = next) {
		part += (hour >= asked->hourly_from && hour < asked->hourly_to) ||
		    cuts_before(summing, hour) != cuts_before(summing, hour - 1);
		next = hour + 1;
		if (has_day_part(summing, hour, 1)) {
			add_part(summing, hour, part);
			next = hour + PART;
		} else if (hour >= asked->from)
			add_hour(summing, hour, part);
	}
}

/* What the summaries of days have not. */
static void
add_hours(struct summing *summing)
{
	const struct fleet_summed *asked = summing->asked;
	int64_t next;

	for (int64_t day = asked->from / DAY * DAY; day < asked->to; day = next) {
		for (next = day; next < asked->to && is_whole(summing, next, DAY) &&
		    !has_day(summing, next) && !has_day_part(summing, next, DAY); next += DAY)
			continue;
		if (next > day) {
			add_whole_days(summing, day, next);
			continue;
		}
		next = day + DAY;
		if (!has_day(summing, day))
			add_day_by_hours(summing, day);
	}
	if (summing->hours.length > 0)
		buffer_format(&summing->sql, " UNION ALL SELECT facts, first, last, messages, "
		    SUMMED_ADDRESS ", part FROM (%s) AS h", summing->hours.text);
	summing->sql.failed |= summing->hours.failed;
}

/* All rows. Of a set whose rows stay apart there are no two with the same "first". */
static void
add_rows(struct summing *summing)
{
	buffer_format(&summing->sql, ") AS rest GROUP BY facts, part,"
	    " CASE WHEN facts IN (SELECT id FROM apart) THEN first END"
	    ") SELECT facts AS summed, first, last, messages, client_addr,"
	    " (%d = 1 OR part >= 0)::int AS charted FROM summed) AS summed",
	    summing->asked->daily);
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
	buffer_format(sql, " WHERE %s AND f.used >= date_trunc('month', to_timestamp(%" PRId64
	    " * 3600.0) AT TIME ZONE 'UTC')) AS summed_set", domain == NULL ? "true" : "false",
	    summing->asked->from);
}

/* What sessions had of TLS, by whole days of the period. */
static void
add_totals(struct summing *summing, struct buffer *sql)
{
	const char *before = "";

	buffer_string(sql, "(SELECT (date_part('epoch', day) * 1000)::bigint AS day, messages,"
	    " tls_version, cipher, bits FROM tlsward.rollup_day_total WHERE day = ANY (ARRAY[");
	for (int i = 0; i < summing->count && !summing->asked->daily; i++)
		if (summing->days[i] >= summing->asked->since &&
		    summing->days[i] < summing->asked->until) {
			buffer_format(sql, "%sto_timestamp(%" PRId64 " * 3600.0)", before,
			    summing->days[i]);
			before = ", ";
		}
	buffer_string(sql, "]::timestamptz[])) AS summed_total");
}

/*
 * The sets are too many for what PostgreSQL gives to each question, and as it cannot know how
 * many they are it would sort what is hashed in a part of the time.
 */
static void
give_memory(struct fleet *fleet, const struct fleet_summed *asked)
{
	PQclear(PQexec(fleet->connection, "SET LOCAL work_mem = '256MB'; SET LOCAL"
	    " enable_mergejoin = off"));
	if (asked->domain == NULL)
		PQclear(PQexec(fleet->connection, "SET LOCAL enable_nestloop = off; SET LOCAL"
		    " enable_sort = off"));
}

void
fleet_sum_clear(struct fleet *fleet)
{
	for (int i = 0; i < 3; i++) {
		free(fleet->summed[i]);
		fleet->summed[i] = NULL;
	}
}

int
fleet_sum(struct fleet *fleet, const struct fleet_summed *asked)
{
	struct summing summing = {
		.fleet = fleet, .asked = asked, .sql = BUFFER_INIT, .hours = BUFFER_INIT
	};
	struct buffer totals = BUFFER_INIT, sets = BUFFER_INIT;
	int days = -1;

	fleet_sum_clear(fleet);
	if (fleet->trouble[0] == '\0' && find_days(&summing))
		days = summing.count + summing.part_count;
	if (days > 0) {
		add_sets(&summing);
		add_all_days(&summing);
		add_hours(&summing);
		add_rows(&summing);
		add_totals(&summing, &totals);
		add_set_columns(&summing, &sets);
		give_memory(fleet, asked);
		fleet->summed[0] = summing.sql.text;
		fleet->summed[1] = totals.text;
		fleet->summed[2] = sets.text;
		days = summing.sql.failed || totals.failed || sets.failed ? -1 : days;
	}
	free(summing.days);
	free(summing.part_list);
	buffer_free(&summing.hours);
	return days;
}
