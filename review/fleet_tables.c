/*
 * fleet_tables.c - the tables of a journal, and what each is in PostgreSQL.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/fleet_room.h"

#include <string.h>

#define WANTED "journal = ANY ($1)"
#define OF_NODE "($3 IS NULL OR node = $3)"

/* The number before a local id, as $1 and $2 have it. */
#define GLOBAL_ID "((($1)[array_position($2, journal || node)]::bigint << 40) + id)"

/*
 * What a text is in the row with the earliest first message, as that of a journal stays
 * what it was: milliseconds in an hour have seven digits.
 */
#define OF_EARLIEST "min((lpad(first::text, 7, '0') || coalesce('+' || "
#define OF_EARLIEST_END ", '')) COLLATE \"C\")"
#define EARLIEST(column) \
	"CASE WHEN length(" OF_EARLIEST column OF_EARLIEST_END ") > 7 THEN substr(" \
	OF_EARLIEST column OF_EARLIEST_END ", 9) END"

#define SUM(column) "sum(" column ")::bigint"

static const struct fleet_column special_columns[] = {
	{ "record", "id", GLOBAL_ID, FLEET_PLAIN, false },
	{ "record", "time", NULL, FLEET_MS, false },
	{ "trouble", "id", GLOBAL_ID, FLEET_PLAIN, false },
	{ "trouble", "time", NULL, FLEET_MS, false },
	{ "rollup", "hour", NULL, FLEET_HOURS, false },
	{ "rollup", "messages", SUM("messages"), FLEET_PLAIN, true },
	{ "rollup", "first", "min(first)", FLEET_PLAIN, true },
	{ "rollup", "last", "max(last)", FLEET_PLAIN, true },
	{ "rollup", "session", EARLIEST("session"), FLEET_PLAIN, true },
	{ "rollup", "client_addr", EARLIEST("client_addr"), FLEET_PLAIN, true },
	{ "rollup", "sender", EARLIEST("sender"), FLEET_PLAIN, true },
	{ "handshake", "hour", NULL, FLEET_HOURS, false },
	{ "handshake", "count", SUM("count"), FLEET_PLAIN, true },
	{ "handshake", "first", "min(first)", FLEET_PLAIN, true },
	{ "handshake", "last", "max(last)", FLEET_PLAIN, true },
	{ "handshake", "sample", EARLIEST("sample"), FLEET_PLAIN, true },
	{ "delivery", "hour", NULL, FLEET_HOURS, false },
	{ "delivery", "count", SUM("count"), FLEET_PLAIN, true },
	{ "delivery", "first", "min(first)", FLEET_PLAIN, true },
	{ "delivery", "last", "max(last)", FLEET_PLAIN, true },
	{ "discarded", "records", SUM("records"), FLEET_PLAIN, true },
	{ "discarded", "messages", SUM("messages"), FLEET_PLAIN, true },
	{ "discarded", "watched", SUM("watched"), FLEET_PLAIN, true },
	{ "discarded", "last", "max(last)", FLEET_MS, true },
	/* Some are times. */
	{ "watched", "value", "CASE WHEN name IN ('time', 'line_time', 'lag')"
	    " THEN max(value) ELSE sum(value)::bigint END", FLEET_PLAIN, true },
	{ "running", "since", NULL, FLEET_MS, false },
	{ "extent", "oldest", NULL, FLEET_MS, false },
	{ "extent", "newest", NULL, FLEET_MS, false },
};

/* Of the two that are there that of facts. */
static const struct fleet_column digest_of_facts = {
	"accepted", "digest", "f.digest", FLEET_PLAIN, false
};

/* What the daemon and the shipper have columns for, and nobody asks. */
static const struct fleet_column unasked = { "", "changed", "0", FLEET_PLAIN, true };

#define HANDSHAKE_KEY "hour, direction, host, address, next_hop, reason"
#define DELIVERY_KEY "hour, next_hop, relay, address, tls_version, cipher, bits," \
	" verification, result, tls_reason, rule, rule_kind, rule_name, partner, verdict," \
	" reason"

/* When the oldest and the newest of a table were: of all rows of one hour, without their sums. */
#define EXTENT_TIMES(table) "SELECT min(time), max(time) FROM tlsward." table " WHERE " OF_NODE
#define EXTENT_END(table, end, column) "(SELECT " end "(hour) + " end "(" column ")" \
	" * interval '1 millisecond' FROM tlsward." table " WHERE " WANTED " AND hour = (SELECT " \
	end "(hour) FROM tlsward." table " WHERE " WANTED "))"
#define EXTENT_HOURS(table) " UNION ALL SELECT " EXTENT_END(table, "min", "first") ", " \
	EXTENT_END(table, "max", "last")

#define SUMMED "summed INTEGER, first INTEGER, last INTEGER, messages INTEGER," \
	" client_addr TEXT, charted INTEGER, way INTEGER"

const struct fleet_table fleet_tables[] = {
	{ .name = "record", .of = { "record" }, .from = "tlsward.record", .where = OF_NODE,
	    .rows = 1e7 },
	{ .name = "trouble", .of = { "trouble" }, .from = "tlsward.trouble",
	    .where = OF_NODE, .rows = 1e6 },
	{ .name = "rollup", .of = { "rollup" }, .from = "tlsward.rollup", .where = WANTED,
	    .group = "hour, facts", .rows = 1e8 },
	{ .name = "facts", .of = { "facts" }, .from = "tlsward.facts", .where = "true",
	    .rows = 1e6, .blocks = true },
	{ .name = "certificate", .of = { "certificate" }, .from = "tlsward.certificate",
	    .where = "true", .rows = 1e5, .blocks = true },
	{ .name = "accepted", .of = { "rollup", "facts", "certificate" },
	    .from = "tlsward.rollup AS r JOIN tlsward.facts AS f ON f.id = r.facts",
	    .where = WANTED, .group = "hour, r.facts, f.id",
	    .more_from = " LEFT JOIN tlsward.certificate AS c ON c.id = f.certificate",
	    .more_group = ", c.id", .rows = 1e8 },
	{ .name = "handshake", .of = { "handshake" }, .from = "tlsward.handshake",
	    .where = WANTED, .group = HANDSHAKE_KEY, .rows = 1e6 },
	{ .name = "delivery", .of = { "delivery" }, .from = "tlsward.delivery",
	    .where = WANTED, .group = DELIVERY_KEY, .rows = 1e7 },
	{ .name = "discarded", .of = { "discarded" }, .from = "tlsward.discarded",
	    .where = WANTED, .group = "why", .rows = 3 },
	{ .name = "watched", .of = { "watched" }, .from = "tlsward.watched",
	    .where = WANTED, .group = "name", .rows = 10 },
	/*
	 * What each node's newest journal was told last, in the order of that: a clock may go
	 * back. A node whose shipper was not there for a day is gone, or not known of.
	 */
	{ .name = "running",
	    .declared = "node TEXT PRIMARY KEY, digest TEXT, file TEXT, since INTEGER",
	    .from = "(SELECT DISTINCT ON (node) node, digest, file, since"
	    " FROM tlsward.policies JOIN tlsward.journal ON number = policies.journal"
	    " WHERE number = ANY ($1) AND seen > now() - interval '1 day'"
	    " ORDER BY node, number DESC, changed DESC) AS running", .where = "true",
	    .rows = 50 },
	{ .name = "extent", .declared = "oldest INTEGER, newest INTEGER",
	    .from = "(SELECT min(oldest) AS oldest, max(newest) AS newest FROM ("
	    EXTENT_TIMES("record") " UNION ALL " EXTENT_TIMES("trouble") EXTENT_HOURS("rollup")
	    EXTENT_HOURS("handshake") EXTENT_HOURS("delivery") ") AS tables (oldest, newest))"
	    " AS extent", .where = "true", .rows = 1 },
	/* Those of fleet_sum(). */
	{ .name = "summed_spans", .declared = SUMMED, .where = "true", .made = FLEET_SPANS,
	    .rows = 1e6 },
	{ .name = "summed_hours", .declared = SUMMED, .where = "true", .made = FLEET_HOURS_LEFT,
	    .rows = 1e6 },
	{ .name = "summed_set", .declared = "id INTEGER, domain TEXT,"
	    " null_sender TEXT, tls_version TEXT, cipher TEXT, bits INTEGER,"
	    " cert_verified TEXT, cert_cn TEXT, cert_issuer TEXT, cert_fingerprint TEXT,"
	    " cert_pubkey_fingerprint TEXT, cert_key TEXT, cert_signature TEXT,"
	    " cert_not_after TEXT, local TEXT, authenticated TEXT, client_name TEXT,"
	    " client_network TEXT, client_address TEXT, rule TEXT, rule_kind TEXT,"
	    " rule_name TEXT, rule_via TEXT, partner TEXT, exemption TEXT",
	    .where = "true", .made = FLEET_SETS, .rows = 1e6 },
	{ .name = "summed_total", .declared = "day INTEGER, messages INTEGER,"
	    " tls_version TEXT, cipher TEXT, bits INTEGER", .where = "true", .made = FLEET_TOTALS,
	    .rows = 1e3 },
	{ .name = NULL },
};

const struct fleet_column *
fleet_column_find(const char *table, const char *name)
{
	if (strcmp(name, unasked.name) == 0)
		return &unasked;
	/* The same table, with more beside it. */
	if (strcmp(table, "accepted") == 0 && strcmp(name, digest_of_facts.name) == 0)
		return &digest_of_facts;
	if (strcmp(table, "accepted") == 0)
		table = "rollup";
	for (size_t i = 0; i < sizeof(special_columns) / sizeof(special_columns[0]); i++)
		if (strcmp(special_columns[i].table, table) == 0 &&
		    strcmp(special_columns[i].name, name) == 0)
			return &special_columns[i];
	return NULL;
}
