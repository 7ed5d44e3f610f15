/*
 * unit-journal-store.c - the journal's writer: what is in its tables, and trouble.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/journal-file.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "journal/journal.h"
#include "journal/record.h"
#include "journal/store_room.h"

#define NOW INT64_C(1790000000000)
#define PATIENCE_MS 60000
#define CURRENT "4"			/* the schema's version */

/* What the store said. */
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;
static char said[65536];
static atomic_llong fake_now;

static void
say(void *context, enum severity level, const char *text)
{
	(void)context;
	(void)level;
	(void)pthread_mutex_lock(&said_lock);
	if (strlen(said) + strlen(text) + 2 < sizeof(said)) {
		(void)strcat(said, text);
		(void)strcat(said, "\n");
	}
	(void)pthread_mutex_unlock(&said_lock);
}

static int
times_said(const char *text)
{
	int count = 0;

	(void)pthread_mutex_lock(&said_lock);
	for (const char *at = said; (at = strstr(at, text)) != NULL; at++)
		count++;
	(void)pthread_mutex_unlock(&said_lock);
	return count;
}

static int64_t
now_is(void *context)
{
	(void)context;
	return atomic_load(&fake_now);
}

static void
pause_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* ------------------------------------------------------------------ *
 * A store, and what is put into it
 * ------------------------------------------------------------------ */

static struct journal_options options = { .path = path, .say = say, .now = now_is };

static int
set_up(void **state)
{
	(void)state;
	said[0] = '\0';
	atomic_store(&fake_now, NOW);
	options = (struct journal_options){ .path = path, .say = say, .now = now_is };
	return clear_folder();
}

static struct journal_store *
start(void)
{
	return start_store(&options);
}

static const struct verdict accepting = { .reported = -1, .would_by = -1,
	.from_domain = "acme.example" };
static const struct verdict refusing = { .reported = 0, .would_by = -1,
	.action = POLICY_REJECT, .reason = REASON_TLS, .failed = 1u << REASON_TLS,
	.outcome[0].place = { "policy.conf", 12, "acme.example", RULE_FROM },
	.outcome[0].reason = REASON_TLS, .from_domain = "acme.example" };

static struct facts
some_facts(void)
{
	struct facts facts = FACTS_INIT;

	facts.mta = "postfix";
	facts.session = "5f00-1";
	facts.client_addr = "192.0.2.7";
	facts.client_name = "mx.acme.example";
	facts.from = "a@acme.example";
	facts.to = "b@ours.example";
	facts.tls_version = "TLSv1.3";
	facts.bits = 256;
	return facts;
}

static void
put(struct journal_store *store, const struct verdict *verdict,
    const struct facts *facts, int64_t time_ms)
{
	const struct journal_record record = { time_ms, facts, verdict };

	journal_store_put(store, &record);
}

static void
put_refusals(struct journal_store *store, int count)
{
	struct facts facts = some_facts();

	for (int i = 0; i < count; i++)
		put(store, &refusing, &facts, NOW + i);
}

static struct journal_stats
stats_of(struct journal_store *store)
{
	struct journal_stats stats;

	journal_store_stats(store, &stats);
	return stats;
}

/* ------------------------------------------------------------------ *
 * What another connection sees
 * ------------------------------------------------------------------ */

#define assert_sql(sql, expected) assert_answer((sql), (expected), said)

/* Waits until the query says so; there may be no journal yet. */
static void
await_sql(const char *sql, const char *expected)
{
	char answer[8192] = "nothing";
	struct stat status;

	while (stat(path, &status) != 0)
		pause_ms(10);
	for (int i = 0; i < PATIENCE_MS / 10 && strcmp(answer, CURRENT) != 0; i++) {
		ask(path, "PRAGMA user_version", answer, sizeof(answer));
		pause_ms(strcmp(answer, CURRENT) != 0 ? 10 : 0);
	}
	for (int i = 0; i < PATIENCE_MS / 20; i++) {
		ask(path, sql, answer, sizeof(answer));
		if (strcmp(answer, expected) == 0)
			return;
		pause_ms(20);
	}
	fail_msg("%s: %s instead of %s", sql, answer, expected);
}

static void
await_said(const char *text)
{
	for (int i = 0; i < PATIENCE_MS / 20 && times_said(text) == 0; i++)
		pause_ms(20);
	assert_int_equal(times_said(text), 1);
}

static void
await_trouble(struct journal_store *store, bool trouble)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		struct journal_stats stats = stats_of(store);

		if (stats.trouble == trouble && (trouble || stats.queue == 0))
			return;
		pause_ms(10);
	}
	fail_msg("trouble is not %d: %s", trouble, said);
}

/* ------------------------------------------------------------------ *
 * What is in the tables
 * ------------------------------------------------------------------ */

static void
columns_are_the_records_fields(void **state)
{
	struct journal_store *store = start();
	const struct record_field *field = NULL;
	char sql[128];

	(void)state;
	stop_store(&store);
	while ((field = record_field_next(field, IN_RECORD)) != NULL) {
		(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM"
		    " pragma_table_info('record') WHERE name = '%s'", field->name);
		assert_sql(sql, "1");
	}
	(void)snprintf(sql, sizeof(sql), "%d", record_field_count(IN_RECORD) + 2);
	assert_sql("SELECT count(*) FROM pragma_table_info('record')", sql);
	assert_sql("PRAGMA auto_vacuum", "2");
	assert_sql("PRAGMA journal_mode", "wal");
	assert_sql("PRAGMA application_id", "1414288215");
}

static void
a_refusal_is_there_when_put_returns(void **state)
{
	struct journal_store *store = start();

	(void)state;
	for (int i = 1; i <= 50; i++) {
		char count[16];

		put_refusals(store, 1);
		(void)snprintf(count, sizeof(count), "%d", i);
		assert_sql("SELECT count(*) FROM record", count);
	}
	assert_int_equal(stats_of(store).written, 50);
	stop_store(&store);
	assert_sql("PRAGMA integrity_check", "ok");
	assert_string_equal(said, "");
}

/* A value is what a JSON reader would find in the record. */
static void
values_are_the_records(void **state)
{
	static const char *const names[] = { "a.example", "b\xff\"\\\n.example" };
	struct journal_store *store = start();
	struct facts facts = some_facts();
	char longest[10000];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	facts.helo = "\xc3\xa4\xff\xfe<script>\n\x01\xe2\x80\xae";
	facts.client_ptr = longest;
	facts.cert_san = names;
	facts.cert_san_count = 2;
	facts.client_port = 4711;
	facts.cert_cn = "";
	put(store, &refusing, &facts, NOW);
	assert_sql("SELECT helo FROM record",
	    "\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd<script>\n\x01\xe2\x80\xae");
	assert_sql("SELECT length(client_ptr) FROM record", "4099");
	assert_sql("SELECT substr(client_ptr, 4095) FROM record", "xx...");
	assert_sql("SELECT json_extract(cert_san, '$[1]') FROM record",
	    "b\xef\xbf\xbd\"\\\n.example");
	assert_sql("SELECT json_array_length(failed) || json_extract(failed, '$[0]')"
	    " FROM record", "1tls");
	assert_sql("SELECT client_port || action || reason || rule || rule_kind || "
	    "rule_name || bits || exempted || domain || time FROM record",
	    "4711rejecttlspolicy.conf:12fromacme.example2560acme.example1790000000000");
	assert_sql("SELECT typeof(cert_cn) || typeof(cert_issuer) || typeof(nrcpt) || "
	    "typeof(bits) FROM record", "textnullnullinteger");
	stop_store(&store);
}

static void
kinds_of_records(void **state)
{
	struct journal_store *store = start();
	struct facts facts = some_facts();
	struct verdict verdict = accepting;

	(void)state;
	put(store, &verdict, &facts, NOW);
	verdict.would = POLICY_REJECT;
	put(store, &verdict, &facts, NOW);
	verdict.would = POLICY_ACCEPT;
	verdict.exempt = true;
	put(store, &verdict, &facts, NOW);
	verdict.exempt = false;
	verdict.action = POLICY_QUARANTINE;
	put(store, &verdict, &facts, NOW);
	verdict.action = POLICY_TEMPFAIL;
	put(store, &verdict, &facts, NOW);
	stop_store(&store);
	assert_sql("SELECT count(*) || '/' || sum(exempted) FROM record", "4/1");
	assert_sql("SELECT messages FROM rollup", "1");
	options.accepted_full = true;
	store = start();
	put(store, &accepting, &facts, NOW);
	stop_store(&store);
	assert_sql("SELECT count(*) FROM record", "5");
	assert_sql("SELECT sum(messages) FROM rollup", "1");
}

static void
accepted_messages_are_rolled_up(void **state)
{
	struct journal_store *store = start();
	struct facts facts = some_facts(), other = some_facts();
	char from[64];

	(void)state;
	facts.cert_cn = "mx.acme.example";
	facts.cert_fingerprint = "sha256:"
	    "0000000000000000000000000000000000000000000000000000000000000001";
	for (int i = 0; i < 100; i++) {
		(void)snprintf(from, sizeof(from), "user%d@acme.example", i);
		facts.from = from;
		put(store, &accepting, &facts, NOW + i * 1000);
	}
	/* The next host of that network, and another network, and the hour after. */
	facts.client_addr = "192.0.2.250";
	put(store, &accepting, &facts, NOW);
	facts.client_addr = "198.51.100.1";
	put(store, &accepting, &facts, NOW);
	other.client_addr = "2001:db8:1:2:3:4:5:6";
	other.sasl_username = "me";
	other.from = "<>";
	put(store, &accepting, &other, NOW + JOURNAL_HOUR_MS);
	await_sql("SELECT sum(messages) FROM rollup", "103");
	put(store, &accepting, &facts, NOW + 500000);
	stop_store(&store);
	assert_sql("SELECT count(*) || '/' || max(messages) FROM rollup", "3/101");
	assert_sql("SELECT messages || '/' || first || '/' || last || '/' || sender FROM "
	    "rollup JOIN facts ON facts.id = facts WHERE client_network = "
	    "'192.0.2.0/24'", "101/800000/899000/user0");
	assert_sql("SELECT messages || '/' || last FROM rollup JOIN facts ON facts.id = "
	    "facts WHERE client_network = '198.51.100.0/24'", "2/1300000");
	assert_sql("SELECT client_network || authenticated || null_sender FROM facts "
	    "WHERE authenticated IS NOT NULL", "2001:db8:1:2::/64yesyes");
	assert_sql("SELECT count(*) FROM certificate", "1");
	assert_sql("SELECT count(*) FROM facts JOIN certificate ON certificate = "
	    "certificate.id WHERE cert_cn = 'mx.acme.example'", "2");
	/* The same set is found again by a store that begins anew. */
	store = start();
	put(store, &accepting, &facts, NOW + 1);
	stop_store(&store);
	assert_sql("SELECT count(*) FROM facts", "3");
	assert_sql("SELECT sum(messages) FROM rollup", "105");
}

/* The address decides what via and require client say, so it is a set's own. */
static void
agreements_keep_the_clients_address(void **state)
{
	struct verdict agreed = accepting, fallback = accepting;
	struct journal_store *store = start();
	struct facts facts = some_facts();
	char address[32];

	(void)state;
	agreed.reported = fallback.reported = OUTCOME_FROM;
	agreed.outcome[OUTCOME_FROM].place = (struct policy_place){ "policy.conf", 12,
	    "acme.example", RULE_FROM };
	fallback.outcome[OUTCOME_FROM].place = (struct policy_place){ "policy.conf", 1,
	    NULL, RULE_DEFAULT };
	put(store, &agreed, &facts, NOW);
	put(store, &fallback, &facts, NOW);
	facts.client_addr = "192.0.2.8";
	put(store, &agreed, &facts, NOW);
	put(store, &agreed, &facts, NOW);
	put(store, &fallback, &facts, NOW);
	stop_store(&store);
	assert_sql("SELECT group_concat(ifnull(client_address, '-') || ' ' || client_network"
	    " || ' ' || messages, ', ') FROM (SELECT * FROM rollup JOIN facts ON"
	    " facts.id = facts ORDER BY client_address)", "- 192.0.2.0/24 2,"
	    " 192.0.2.7 192.0.2.0/24 1, 192.0.2.8 192.0.2.0/24 2");
	/* Not more than there is room for, and then by networks; anew each hour. */
	store = start();
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
		facts.client_addr = address;
		put(store, &agreed, &facts, NOW);
	}
	put(store, &agreed, &facts, NOW + JOURNAL_HOUR_MS);
	stop_store(&store);
	assert_sql("SELECT count(client_address) || ' ' || sum(messages) FROM rollup JOIN"
	    " facts ON facts.id = facts WHERE client_network LIKE '10.%'", "129 1001");
	assert_sql("SELECT count(*) FROM rollup JOIN facts ON facts.id = facts"
	    " WHERE client_network LIKE '10.%' AND client_address IS NULL", "4");
}

/* Our own mail, of which there is much, is rolled up, and the exemption told. */
static void
our_own_exempt_mail_is_rolled_up(void **state)
{
	struct verdict exempting = accepting;
	struct journal_store *store = start();
	struct facts facts = some_facts();

	(void)state;
	exempting.exempt = true;
	exempting.exempt_reason = "ours";
	put(store, &exempting, &facts, NOW);
	facts.sasl_username = "me";
	put(store, &exempting, &facts, NOW);
	facts.sasl_username = NULL;
	facts.local = true;
	exempting.exempt_reason = NULL;
	facts.client_resolve = "temp";
	put(store, &exempting, &facts, NOW);
	stop_store(&store);
	assert_sql("SELECT count(*) || ' ' || exempt FROM record", "1 ours");
	assert_sql("SELECT group_concat(ifnull(authenticated, '-') || ifnull(local, '-') ||"
	    " exemption || ifnull(client_resolve, '-')) FROM (SELECT * FROM facts ORDER BY"
	    " local)", "yes-ours-,-yestemp");
}

static void
more_sets_than_memory_takes(void **state)
{
	struct journal_store *store = start();
	struct facts facts = some_facts();
	char name[64];

	(void)state;
	for (int i = 0; i < 9000; i++) {
		(void)snprintf(name, sizeof(name), "mx%d.acme.example", i);
		facts.client_name = name;
		put(store, &accepting, &facts, NOW);
		if (i % 1000 == 0)
			while (stats_of(store).queue > 4000)
				pause_ms(1);
	}
	stop_store(&store);
	assert_sql("SELECT count(*) || '/' || sum(messages) FROM rollup", "9000/9000");
}

static void *
refuse_many(void *argument)
{
	put_refusals(argument, 200);
	return NULL;
}

static void
many_threads(void **state)
{
	struct journal_store *store = start();
	pthread_t threads[16];

	(void)state;
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, refuse_many, store), 0);
	for (size_t i = 0; i < 16; i++)
		(void)pthread_join(threads[i], NULL);
	assert_sql("SELECT count(*) FROM record", "3200");
	stop_store(&store);
	assert_string_equal(said, "");
}

/* Else every set of facts would be in the journal again after an upgrade. */
static void
digests_stay_what_they_were(void **state)
{
	struct journal_store *store = start();
	struct facts facts = some_facts();

	(void)state;
	facts.cert_cn = "mx.acme.example";
	put(store, &accepting, &facts, NOW);
	stop_store(&store);
	assert_sql("SELECT lower(hex(digest)) FROM facts",
	    "45ab68ad8fd14144d1bf73df8c6aa79b6c4fbd94ac11a096e645183f0fe8eae2");
	assert_sql("SELECT lower(hex(digest)) FROM certificate",
	    "ee5ee79a3e5abecbb0cbc784186762a7d5df2e44bd4031e080d80aee20c00996");
}

/* ------------------------------------------------------------------ *
 * Other files
 * ------------------------------------------------------------------ */

/* A journal from before some of the fields. */
static void
columns_of_new_fields_are_added(void **state)
{
	struct journal_store *store = start();
	sqlite3 *db;

	(void)state;
	put_refusals(store, 1);
	stop_store(&store);
	db = connect_to(path);
	run_sql(db, "ALTER TABLE record DROP COLUMN note;"
	    "ALTER TABLE record DROP COLUMN nrcpt; ALTER TABLE facts DROP COLUMN bits;"
	    "ALTER TABLE certificate DROP COLUMN cert_san;"
	    "ALTER TABLE rollup DROP COLUMN session");
	assert_int_equal(journal_look_at(db), JOURNAL_OLDER);
	(void)sqlite3_close(db);
	store = start();
	put_refusals(store, 1);
	stop_store(&store);
	db = connect_to(path);
	assert_int_equal(journal_look_at(db), JOURNAL_FINE);
	(void)sqlite3_close(db);
	assert_sql("SELECT count(*) FROM record WHERE note IS NULL", "2");
	assert_sql("SELECT type FROM pragma_table_info('record') WHERE name = 'nrcpt'",
	    "INTEGER");
	assert_sql("SELECT count(bits) FROM facts", "0");
	assert_sql("PRAGMA user_version", CURRENT);
	assert_string_equal(said, "");
}

/* Makes it one of version 3. */
#define UNCHANGED(table) "DROP TRIGGER " table "_gone; DROP INDEX " table "_changed;" \
	"ALTER TABLE " table " DROP COLUMN changed;"
#define BACK_TO_3 "DROP TRIGGER record_gone; DROP TRIGGER trouble_gone;" \
	UNCHANGED("rollup") UNCHANGED("handshake") UNCHANGED("delivery") \
	UNCHANGED("discarded") UNCHANGED("watched") "DROP TABLE policies;" \
	"DROP TABLE identity; DROP TABLE highest; PRAGMA user_version = 3;"

/* An older journal's rows stay, and it is no longer the old one. */
static void
a_journal_of_version_1_is_converted(void **state)
{
	struct journal_store *store = start();
	struct facts facts = some_facts();
	sqlite3 *db;

	(void)state;
	put_refusals(store, 1);
	put(store, &accepting, &facts, NOW);
	stop_store(&store);
	db = connect_to(path);
	run_sql(db, BACK_TO_3 "DROP INDEX record_queue_id; DROP INDEX record_session;"
	    "DROP TABLE handshake; DROP TABLE delivery; DROP TABLE trouble;"
	    "DROP TABLE watched; DROP TABLE position;"
	    "ALTER TABLE discarded DROP COLUMN watched; PRAGMA user_version = 1");
	assert_int_equal(journal_look_at(db), JOURNAL_OLDER);
	(void)sqlite3_close(db);
	assert_int_equal(journal_store_look(path), JOURNAL_FINE);
	store = start();
	put_refusals(store, 1);
	stop_store(&store);
	db = connect_to(path);
	assert_int_equal(journal_look_at(db), JOURNAL_FINE);
	(void)sqlite3_close(db);
	assert_sql("SELECT count(*) FROM record", "2");
	assert_sql("SELECT sum(messages) FROM rollup", "1");
	assert_sql("SELECT count(*) FROM sqlite_schema WHERE tbl_name IN ('handshake',"
	    " 'delivery', 'trouble', 'watched', 'position') AND type = 'table'", "5");
	assert_sql("SELECT count(*) FROM sqlite_schema WHERE name IN ('record_queue_id',"
	    " 'record_session')", "2");
	assert_sql("PRAGMA integrity_check", "ok");
	assert_string_equal(said, "");
}

static void
a_journal_of_version_2_is_converted(void **state)
{
	struct journal_store *store = start();
	sqlite3 *db;

	(void)state;
	put_refusals(store, 1);
	stop_store(&store);
	db = connect_to(path);
	run_sql(db, BACK_TO_3 "ALTER TABLE trouble DROP COLUMN bits;"
	    "ALTER TABLE trouble DROP COLUMN rule_kind;"
	    "ALTER TABLE trouble DROP COLUMN rule_name;"
	    "ALTER TABLE trouble DROP COLUMN verdict;"
	    "ALTER TABLE trouble DROP COLUMN reason;"
	    "INSERT INTO trouble VALUES (1, 1, 'Q1', 'x@acme.example', 'acme.example', 'mx',"
	    " '192.0.2.1', 'none', '', 'none', 'deferred', 'other', '4.7.5', 'text', '', '');"
	    "PRAGMA user_version = 2");
	assert_int_equal(journal_look_at(db), JOURNAL_OLDER);
	(void)sqlite3_close(db);
	store = start();
	stop_store(&store);
	assert_sql("PRAGMA user_version", CURRENT);
	assert_sql("SELECT count(*) FROM record", "1");
	assert_sql("SELECT queue_id || bits || rule_kind || rule_name || verdict || reason"
	    " FROM trouble", "Q1-1");
	assert_sql("PRAGMA integrity_check", "ok");
	assert_string_equal(said, "");
}

/* What was there has no number, and gets one with the next message. */
static void
a_journal_of_version_3_is_converted(void **state)
{
	struct journal_store *store = start();
	struct facts facts = some_facts();
	sqlite3 *db;

	(void)state;
	put(store, &accepting, &facts, NOW);
	put(store, &accepting, &facts, NOW + JOURNAL_HOUR_MS);
	stop_store(&store);
	db = connect_to(path);
	run_sql(db, BACK_TO_3 "INSERT INTO handshake VALUES (1, 'in', 'host', 'addr', '',"
	    " 'reason', 1, 0, 0, 'sample'); INSERT INTO watched VALUES ('bytes handshake', 9);");
	assert_int_equal(journal_look_at(db), JOURNAL_OLDER);
	(void)sqlite3_close(db);
	store = start();
	put(store, &accepting, &facts, NOW);
	stop_store(&store);
	assert_sql("PRAGMA user_version", CURRENT);
	assert_sql("SELECT group_concat(messages || ' ' || changed) FROM rollup", "2 1,1 0");
	assert_sql("SELECT changed FROM handshake", "0");
	assert_sql("SELECT value FROM watched", "164");
	assert_sql("SELECT length(journal) || (journal GLOB '*[^0-9a-f]*') FROM identity", "320");
	assert_sql("PRAGMA integrity_check", "ok");
	assert_string_equal(said, "");
}

/* Whatever was taken away, and whoever did. */
static void
no_number_is_given_twice(void **state)
{
	struct journal_store *store = start();
	struct facts facts = some_facts();
	sqlite3 *db;

	(void)state;
	put_refusals(store, 3);
	put(store, &accepting, &facts, NOW);
	stop_store(&store);
	db = connect_to(path);
	run_sql(db, "DELETE FROM record WHERE id > 1; DELETE FROM rollup");
	(void)sqlite3_close(db);
	store = start();
	put_refusals(store, 1);
	put(store, &accepting, &facts, NOW);
	stop_store(&store);
	assert_sql("SELECT group_concat(id) FROM record", "1,4");
	assert_sql("SELECT group_concat(changed) FROM rollup", "2");
	db = connect_to(path);
	run_sql(db, "DELETE FROM record WHERE id = 1; DELETE FROM rollup");
	(void)sqlite3_close(db);
	store = start();
	put_refusals(store, 1);
	put(store, &accepting, &facts, NOW);
	put(store, &accepting, &facts, NOW + JOURNAL_HOUR_MS);
	stop_store(&store);
	assert_sql("SELECT group_concat(id) FROM record", "4,5");
	assert_sql("SELECT group_concat(changed) FROM rollup", "3,4");
}

static void
each_file_has_an_identity(void **state)
{
	char first[64], second[64];
	struct journal_store *store = start();

	(void)state;
	stop_store(&store);
	ask(path, "SELECT journal FROM identity", first, sizeof(first));
	store = start();
	stop_store(&store);
	assert_sql("SELECT journal FROM identity", first);
	assert_int_equal(unlink(path), 0);
	store = start();
	stop_store(&store);
	ask(path, "SELECT journal FROM identity", second, sizeof(second));
	assert_int_equal(strlen(second), 32);
	assert_string_not_equal(first, second);
}

/* A name that is set is taken; one that was found is not for a domain more or less. */
static void
a_journal_has_the_node_s_name(void **state)
{
	static const struct { const char *name; bool set; const char *then; } steps[] = {
		{ "mx1", false, "mx1" }, { "mx1.a.example", false, "mx1" },
		{ "mx1.a.example", true, "mx1.a.example" }, { "mx1", false, "mx1.a.example" },
		{ "mx1.a", false, "mx1.a.example" }, { "mx", false, "mx" },
		{ "mx1.a.example", false, "mx1.a.example" }, { "mx1", true, "mx1" },
		{ NULL, false, "mx1" }, { "mx10", false, "mx10" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct journal_store *store;

		options.node = steps[i].name;
		options.node_is_set = steps[i].set;
		store = start();
		stop_store(&store);
		assert_sql("SELECT node FROM identity", steps[i].then);
	}
}

#define POLICIES "SELECT group_concat(since || ' ' || digest || ' ' || file || ' ' ||" \
	" changed) FROM (SELECT * FROM policies ORDER BY changed)"

/* However often it is started and loaded; the clock may be set back. */
static void
a_policy_is_told_once(void **state)
{
	struct journal_store *store;

	(void)state;
	options.policy = "/etc/p.conf";
	store = start();
	journal_store_policy(store, "sha256:aa", 5000);
	await_sql(POLICIES, "5000 sha256:aa /etc/p.conf 1");
	journal_store_policy(store, "sha256:aa", 6000);
	stop_store(&store);
	store = start();
	journal_store_policy(store, "sha256:aa", 7000);
	await_sql(POLICIES, "5000 sha256:aa /etc/p.conf 1");
	journal_store_policy(store, "sha256:bb", 4000);
	await_sql(POLICIES, "5000 sha256:aa /etc/p.conf 1,4000 sha256:bb /etc/p.conf 2");
	journal_store_policy(store, "sha256:aa", 4000);
	await_sql(POLICIES, "5000 sha256:aa /etc/p.conf 1,4000 sha256:aa /etc/p.conf 3");
	stop_store(&store);
	assert_string_equal(said, "");
}

static void
a_new_file_is_told_the_policy(void **state)
{
	struct journal_store *store;

	(void)state;
	options.policy = "p.conf";
	store = start();
	journal_store_policy(store, "sha256:aa", 5000);
	await_sql(POLICIES, "5000 sha256:aa p.conf 1");
	assert_int_equal(unlink(path), 0);
	put_refusals(store, 1);
	await_sql(POLICIES, "5000 sha256:aa p.conf 1");
	stop_store(&store);
}

static void
make_database(const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	run_sql(db, sql);
	(void)sqlite3_close(db);
}

static void
assert_untouched(const char *sql, enum journal_look look)
{
	struct journal_store *store;
	char before[64], after[64];

	make_database(sql);
	assert_int_equal(journal_store_look(path), look);
	ask(path, "SELECT a FROM precious", before, sizeof(before));
	store = start();
	await_trouble(store, true);
	put_refusals(store, 3);
	stop_store(&store);
	ask(path, "SELECT a FROM precious", after, sizeof(after));
	assert_string_equal(before, after);
	assert_sql("SELECT count(*) FROM sqlite_schema", "1");
	assert_sql("PRAGMA journal_mode", "delete");
	assert_int_equal(times_said(journal_look_text(look)), 1);
}

static void
a_newer_journal_is_left_alone(void **state)
{
	(void)state;
	assert_untouched("PRAGMA application_id = 1414288215; PRAGMA user_version = 99;"
	    "CREATE TABLE precious (a); INSERT INTO precious VALUES (7)", JOURNAL_NEWER);
}

static void
a_foreign_database_is_left_alone(void **state)
{
	(void)state;
	assert_untouched("CREATE TABLE precious (a); INSERT INTO precious VALUES (7)",
	    JOURNAL_FINE);
	assert_int_equal(set_up(state), 0);
	assert_untouched("PRAGMA application_id = 5; CREATE TABLE precious (a);"
	    "INSERT INTO precious VALUES (7)", JOURNAL_FOREIGN);
}

static void
looks(void **state)
{
	struct journal_store *store;
	sqlite3 *db = NULL;
	char name[128];

	(void)state;
	assert_int_equal(journal_store_look(path), JOURNAL_ABSENT);
	(void)snprintf(name, sizeof(name), "%s/no/journal.db", folder);
	assert_int_equal(journal_store_look(name), JOURNAL_NO_FOLDER);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(journal_store_look(path), JOURNAL_FOREIGN);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(name, sizeof(name), "%s/a?b%%41#c", folder);
	assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
	run_sql(db, "PRAGMA application_id = 5; CREATE TABLE precious (a)");
	(void)sqlite3_close(db);
	assert_int_equal(journal_store_look(name), JOURNAL_FOREIGN);
	store = start();
	stop_store(&store);
	assert_int_equal(journal_store_look(path), JOURNAL_FINE);
}

/* ------------------------------------------------------------------ *
 * Trouble
 * ------------------------------------------------------------------ */

static void
locked_by_somebody_else(void **state)
{
	struct journal_store *store = start();
	sqlite3 *other;

	(void)state;
	put_refusals(store, 1);
	other = connect_to(path);
	run_sql(other, "BEGIN IMMEDIATE");
	/* The first one waits a little; then nobody does. */
	put_refusals(store, 100);
	assert_true(stats_of(store).trouble);
	assert_int_equal(stats_of(store).held, 100);
	await_said("database is locked");
	run_sql(other, "ROLLBACK");
	(void)sqlite3_close(other);
	await_trouble(store, false);
	assert_sql("SELECT count(*) FROM record", "101");
	assert_sql("SELECT count(*) FROM record AS a JOIN record AS b ON a.id = b.id + 1 "
	    "WHERE a.time < b.time", "0");
	await_said("written again");
	assert_int_equal(stats_of(store).lost, 0);
	stop_store(&store);
}

/* The folder is renamed away, so that nothing can be opened at that path. */
static void
no_folder_and_memory_full(void **state)
{
	struct journal_store *store;
	char inner[128], moved[128], file[160], count[32];
	struct facts facts = some_facts();

	(void)state;
	(void)snprintf(inner, sizeof(inner), "%s/inner", folder);
	(void)snprintf(moved, sizeof(moved), "%s/moved", folder);
	(void)snprintf(file, sizeof(file), "%s/journal.db", inner);
	options.path = file;
	store = start();
	await_trouble(store, true);
	put_refusals(store, JOURNAL_HELD_MAX + 500);
	put(store, &accepting, &facts, NOW);
	assert_int_equal(stats_of(store).lost, 501);
	await_said("as many records wait");
	assert_int_equal(mkdir(inner, 0700), 0);
	await_trouble(store, false);
	ask(file, "SELECT count(*) FROM record", count, sizeof(count));
	assert_string_equal(count, "10000");
	ask(file, "SELECT records || '/' || messages FROM discarded WHERE why = 'memory'",
	    count, sizeof(count));
	assert_string_equal(count, "500/1");
	/* And away again, with what was written. */
	assert_int_equal(rename(inner, moved), 0);
	put_refusals(store, 5);
	assert_true(stats_of(store).trouble);
	assert_int_equal(rename(moved, inner), 0);
	await_trouble(store, false);
	stop_store(&store);
	ask(file, "SELECT count(*) FROM record", count, sizeof(count));
	assert_true(strcmp(count, "10005") == 0 || strcmp(count, "10006") == 0);
}

static void
remove_all(void)
{
	char name[128];

	for (int i = 0; i < 3; i++) {
		static const char *const suffixes[] = { "", "-wal", "-shm" };

		(void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
}

static void
removed_under_it(void **state)
{
	struct journal_store *store = start();

	(void)state;
	put_refusals(store, 10);
	remove_all();
	put_refusals(store, 7);
	assert_sql("SELECT count(*) FROM record", "7");
	assert_sql("PRAGMA user_version", CURRENT);
	assert_false(stats_of(store).trouble);
	await_said("removed or renamed");
	stop_store(&store);
	assert_sql("SELECT count(*) FROM record", "7");
	assert_sql("PRAGMA integrity_check", "ok");
}

static void
one_of_its_files_removed(void **state)
{
	struct journal_store *store = start();
	char name[128];

	(void)state;
	put_refusals(store, 10);
	(void)snprintf(name, sizeof(name), "%s-wal", path);
	assert_int_equal(unlink(name), 0);
	put_refusals(store, 1);
	assert_sql("SELECT count(*) >= 11 FROM record", "1");
	(void)snprintf(name, sizeof(name), "%s-shm", path);
	assert_int_equal(unlink(name), 0);
	put_refusals(store, 1);
	assert_sql("SELECT count(*) >= 12 FROM record", "1");
	stop_store(&store);
	assert_sql("PRAGMA integrity_check", "ok");
}

static void
renamed_under_it(void **state)
{
	struct journal_store *store = start();
	char moved[128], count[32];

	(void)state;
	(void)snprintf(moved, sizeof(moved), "%s.old", path);
	put_refusals(store, 10);
	assert_int_equal(rename(path, moved), 0);
	put_refusals(store, 7);
	assert_sql("SELECT count(*) FROM record", "7");
	stop_store(&store);
	/* What was committed before is whole in the file that has it. */
	ask(moved, "SELECT count(*) FROM record WHERE time < 1790000000010", count,
	    sizeof(count));
	assert_true(atoi(count) >= 10);
	ask(moved, "PRAGMA integrity_check", count, sizeof(count));
	assert_string_equal(count, "ok");
	assert_sql("PRAGMA integrity_check", "ok");
}

/* Whether a file set aside is there. */
static int
set_aside_count(void)
{
	DIR *listing = opendir(folder);
	struct dirent *entry;
	int count = 0;

	assert_non_null(listing);
	while ((entry = readdir(listing)) != NULL)
		if (strstr(entry->d_name, ".corrupt-") != NULL &&
		    strstr(entry->d_name, "Z-") == NULL)
			count++;
	(void)closedir(listing);
	return count;
}

static void
spoil(off_t from, size_t length)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	for (size_t i = 0; i < length; i += 8)
		assert_int_equal(pwrite(fd, "spoiled!", 8, from + (off_t)i), 8);
	(void)close(fd);
}

static void
corrupt_before_it_is_opened(void **state)
{
	struct journal_store *store = start();

	(void)state;
	put_refusals(store, 10);
	stop_store(&store);
	spoil(0, 4096);
	assert_int_equal(journal_store_look(path), JOURNAL_FINE);
	store = start();
	put_refusals(store, 3);
	assert_sql("SELECT count(*) FROM record", "3");
	stop_store(&store);
	assert_int_equal(set_aside_count(), 1);
	assert_int_equal(times_said("set aside as"), 1);
}

/* A journal by its numbers, and nothing of one in it. */
static void
without_its_tables(void **state)
{
	static const char *const versions[] = { "1", CURRENT };
	struct journal_store *store;

	for (size_t i = 0; i < 2; i++) {
		char sql[128];

		assert_int_equal(set_up(state), 0);
		(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = 1414288215;"
		    "PRAGMA user_version = %s; CREATE TABLE other (a)", versions[i]);
		make_database(sql);
		store = start();
		put_refusals(store, 3);
		assert_sql("SELECT count(*) FROM record", "3");
		stop_store(&store);
		assert_int_equal(set_aside_count(), 1);
	}
}

static void
corrupt_under_it(void **state)
{
	struct journal_store *store = start();
	struct stat status;

	(void)state;
	put_refusals(store, 2000);
	stop_store(&store);
	store = start();
	assert_int_equal(stat(path, &status), 0);
	spoil(4096, (size_t)status.st_size - 4096);
	put_refusals(store, 5);
	await_said("set aside as");
	assert_sql("SELECT count(*) FROM record", "5");
	assert_sql("PRAGMA integrity_check", "ok");
	stop_store(&store);
	assert_int_equal(set_aside_count(), 1);
}

static void
truncated_under_it(void **state)
{
	struct journal_store *store = start();

	(void)state;
	put_refusals(store, 2000);
	stop_store(&store);
	store = start();
	assert_int_equal(truncate(path, 0), 0);
	for (int i = 0; i < 20 && times_said("set aside as") == 0; i++)
		put_refusals(store, 50);
	stop_store(&store);
	assert_sql("PRAGMA integrity_check", "ok");
	store = start();
	put_refusals(store, 5);
	stop_store(&store);
	assert_sql("PRAGMA integrity_check", "ok");
}

/* Another writer has the header of a new log written, and is killed or waits. */
static void
log_begun_anew_by_another(void **state)
{
	struct store_db db;
	char log[80];
	FILE *file;

	(void)state;
	store_db_open(&db, path);
	assert_int_equal(db.result, DB_DONE);
	store_db_begin(&db);
	store_db_discard(&db, "age", &(struct dropped){ .records = 1 });
	assert_true(store_db_commit(&db));
	assert_true(db.wal_pages > 0);
	assert_int_equal(sqlite3_wal_checkpoint_v2(db.db, NULL, SQLITE_CHECKPOINT_PASSIVE,
	    NULL, NULL), SQLITE_OK);
	(void)snprintf(log, sizeof(log), "%s-wal", path);
	file = fopen(log, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 16, SEEK_SET), 0);
	(void)fputs("newsalts", file);
	assert_int_equal(fclose(file), 0);
	store_db_look(&db);
	assert_int_equal(db.result, DB_DONE);
	store_db_close(&db, false);
}

/* What a refusal's put promised, after its process ended without a word. */
static void
log_overwritten_under_it(void **state)
{
	struct journal_store *store = start();
	char command[512], copy[160];
	int fd;

	(void)state;
	put_refusals(store, 10);
	(void)snprintf(copy, sizeof(copy), "%s-wal", path);
	fd = open(copy, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "overwritten!", 12, 8), 12);
	(void)close(fd);
	put_refusals(store, 1);
	(void)snprintf(copy, sizeof(copy), "%s/copy.db", folder);
	(void)snprintf(command, sizeof(command), "cp '%s' '%s' && cp '%s-wal' '%s-wal'",
	    path, copy, path, copy);
	assert_int_equal(system(command), 0);
	ask(copy, "SELECT count(*) FROM record", command, sizeof(command));
	assert_string_equal(command, "1");
	stop_store(&store);
	assert_int_equal(set_aside_count(), 1);
}

/* A disk that is full, for one process: no file may grow beyond a size. */
static void
disk_full_in_child(void)
{
	struct rlimit limit = { 400000, RLIM_INFINITY };
	struct journal_store *store = start();

	(void)signal(SIGXFSZ, SIG_IGN);
	put_refusals(store, 5);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		_exit(2);
	put_refusals(store, 1000);
	if (!stats_of(store).trouble || stats_of(store).written < 5)
		_exit(3);
	limit.rlim_cur = RLIM_INFINITY;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	await_trouble(store, false);
	if (stats_of(store).lost != 0 || !journal_store_stop(store, STOP_MS))
		_exit(4);
	_exit(times_said("until it can be written") == 1 ? 0 : 5);
}

static void
disk_full(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		disk_full_in_child();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_sql("SELECT count(*) FROM record", "1005");
	assert_sql("PRAGMA integrity_check", "ok");
}

/* As after a kill -9: what was put is there, and the journal opens. */
static void
killed(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		struct journal_store *store = start();

		put_refusals(store, 777);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_sql("SELECT count(*) FROM record", "777");
	assert_sql("PRAGMA integrity_check", "ok");
}

/* Each writes what the one before left, and leaves something itself. */
static void
killed_again_and_again(void **state)
{
	struct journal_store *store;

	(void)state;
	for (int i = 0; i < 5; i++) {
		pid_t child = fork();

		if (child == 0) {
			put_refusals(start(), 100);
			(void)kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(child, NULL, 0), child);
	}
	store = start();
	await_sql("SELECT count(*) FROM record", "500");
	stop_store(&store);
	assert_sql("SELECT count(*) FROM record", "500");
	assert_string_equal(said, "");
}

/* ------------------------------------------------------------------ *
 * What a flood is put into
 * ------------------------------------------------------------------ */

/* An open journal, and its file of refusals beside it. */
struct redo_test {
	sqlite3 *db;
	struct redo redo;
	char file[80];
};

static void
begin_redo(struct redo_test *test)
{
	struct journal_store *store = start();

	stop_store(&store);
	*test = (struct redo_test){ .redo.fd = -1 };
	test->db = connect_to(path);
	(void)snprintf(test->file, sizeof(test->file), "%s-redo", path);
	assert_null(redo_open(&test->redo, path, test->db));
	assert_int_not_equal(test->redo.fd, -1);
}

static void
end_redo(struct redo_test *test)
{
	redo_close(&test->redo, false);
	(void)sqlite3_close(test->db);
}

/* Adds one with such a time; returns whether there was room. */
static bool
add_redo(struct redo_test *test, int64_t time_ms)
{
	const struct facts facts = some_facts();
	const struct journal_record record = { time_ms, &facts, &refusing };
	struct row *row = row_new(&record, ROW_RECORD);
	bool added;

	assert_non_null(row);
	added = redo_add(&test->redo, row);
	assert_int_equal(added, row->redo != 0);
	free(row);
	return added;
}

/* As another process finds it: how many, and the times of the first and the last. */
static int
reopen_redo(struct redo_test *test, int64_t *first, int64_t *last)
{
	struct row *rows;
	int count = 0;

	redo_close(&test->redo, false);
	test->redo = (struct redo){ .fd = -1 };
	rows = redo_open(&test->redo, path, test->db);
	*first = rows != NULL ? rows->time_ms : 0;
	for (struct row *row = rows; row != NULL; row = row->next, count++)
		*last = row->time_ms;
	rows_free(rows);
	return count;
}

static void
a_torn_entry_is_none(void **state)
{
	struct redo_test test;
	char bytes[16384], changed;
	int64_t first, last, ends[4] = { 0 };
	ssize_t size;
	int fd;

	(void)state;
	begin_redo(&test);
	for (int i = 1; i < 4; i++) {
		assert_true(add_redo(&test, NOW + i));
		ends[i] = (int64_t)test.redo.halves[0].size;
	}
	fd = open(test.file, O_RDWR);
	size = pread(fd, bytes, sizeof(bytes), 0);
	assert_int_equal(size, ends[3]);
	for (ssize_t i = 0; i < size; i++) {
		int whole = i < ends[1] ? 0 : i < ends[2] ? 1 : 2;

		assert_int_equal(ftruncate(fd, i), 0);
		assert_int_equal(reopen_redo(&test, &first, &last), whole);
		assert_int_equal(pwrite(fd, bytes, (size_t)size, 0), size);
		changed = (char)(bytes[i] ^ 0x10);
		assert_int_equal(pwrite(fd, &changed, 1, i), 1);
		assert_int_equal(reopen_redo(&test, &first, &last), whole);
		assert_int_equal(pwrite(fd, bytes, (size_t)size, 0), size);
	}
	assert_int_equal(reopen_redo(&test, &first, &last), 3);
	assert_int_equal(first, NOW + 1);
	assert_int_equal(last, NOW + 3);
	run_sql(test.db, "UPDATE identity SET journal = 'another'");
	assert_int_equal(reopen_redo(&test, &first, &last), 0);
	(void)close(fd);
	end_redo(&test);
}

/* Both halves are filled in turn, and none before what is in it is in the tables. */
static void
halves_are_filled_anew(void **state)
{
	struct redo_test test;
	int64_t first, last, number = 0, full;

	(void)state;
	begin_redo(&test);
	while (add_redo(&test, NOW + number))
		number++;
	full = number;
	assert_false(add_redo(&test, NOW));
	/* All of the first half but its last. */
	redo_done(&test.redo, test.redo.halves[0].last - 1);
	assert_false(add_redo(&test, NOW));
	redo_done(&test.redo, test.redo.halves[0].last);
	assert_true(add_redo(&test, NOW + number));
	number++;
	/* What is behind it in that half is older. */
	assert_int_equal(reopen_redo(&test, &first, &last), full / 2 + 1);
	assert_int_equal(first, NOW + full / 2);
	assert_int_equal(last, NOW + number - 1);
	/* Nothing is put over what was found. */
	assert_false(add_redo(&test, NOW));
	redo_done(&test.redo, test.redo.next - 1);
	assert_true(add_redo(&test, NOW + number));
	run_sql(test.db, "INSERT INTO highest SELECT 'redo', max(value) + 1000000 FROM"
	    " (SELECT 0 AS value)");
	assert_int_equal(reopen_redo(&test, &first, &last), 0);
	assert_true(test.redo.next > 1000000);
	end_redo(&test);
}

/* What stands in its place is left alone: each refusal waits for its commit then. */
static void
no_file_for_a_flood(void **state)
{
	char file[80];

	(void)state;
	(void)snprintf(file, sizeof(file), "%s-redo", path);
	for (int i = 0; i < 3; i++) {
		struct journal_store *store;
		char count[16];

		assert_int_equal(i == 0 ? mkfifo(file, 0600) : i == 1 ? mkdir(file, 0700) :
		    symlink("/nowhere/else", file), 0);
		store = start();
		put_refusals(store, 100);
		(void)snprintf(count, sizeof(count), "%d", 100 * (i + 1));
		assert_sql("SELECT count(*) FROM record", count);
		stop_store(&store);
		assert_int_equal(i == 1 ? rmdir(file) : unlink(file), 0);
	}
	assert_string_equal(said, "");
}

static void
one_process_has_it(void **state)
{
	struct redo_test test;
	struct redo other = { .fd = -1 };

	(void)state;
	begin_redo(&test);
	assert_null(redo_open(&other, path, test.db));
	assert_int_equal(other.fd, -1);
	redo_close(&test.redo, false);
	assert_null(redo_open(&other, path, test.db));
	assert_int_not_equal(other.fd, -1);
	redo_close(&other, true);
	end_redo(&test);
}

static void
put_after_the_end(void **state)
{
	struct journal_store *store = start();

	(void)state;
	assert_true(journal_store_stop(store, STOP_MS));
	put_refusals(store, 3);
	assert_int_equal(stats_of(store).lost, 3);
	journal_store_free(&store);
	journal_store_put(NULL, NULL);
	journal_store_free(&store);
	assert_true(journal_store_stop(NULL, 0));
}

/* ------------------------------------------------------------------ *
 * What is thrown away
 * ------------------------------------------------------------------ */

static void
old_records_go(void **state)
{
	const int64_t day = INT64_C(86400000);
	struct journal_store *store = start();
	struct facts facts = some_facts();

	(void)state;
	facts.cert_cn = "gone";
	for (int i = 0; i < 300; i++) {
		put(store, &refusing, &facts, NOW - 100 * day + i);
		put(store, &accepting, &facts,
		    NOW - 100 * day + i * JOURNAL_HOUR_MS / 10);
	}
	facts.cert_cn = NULL;
	put_refusals(store, 3);
	put(store, &accepting, &facts, NOW);
	stop_store(&store);
	options.keep_ms = 50 * day;
	store = start();
	await_sql("SELECT count(*) FROM record", "3");
	await_sql("SELECT sum(messages) FROM rollup", "1");
	await_sql("SELECT count(*) FROM facts", "1");
	await_sql("SELECT count(*) FROM certificate", "0");
	await_sql("SELECT records || '/' || messages FROM discarded WHERE why = 'age'",
	    "300/300");
	assert_int_equal(stats_of(store).discarded, 600);
	stop_store(&store);
}

static void
a_clock_that_is_set_throws_nothing_away(void **state)
{
	const int64_t day = INT64_C(86400000);
	struct journal_store *store = start();
	struct facts facts = some_facts();

	(void)state;
	put(store, &refusing, &facts, NOW - 100 * day);
	put(store, &refusing, &facts, NOW - day);
	stop_store(&store);
	options.keep_ms = 50 * day;
	store = start();
	/* By now it knows what time it is. */
	await_sql("SELECT count(*) FROM record", "1");
	atomic_store(&fake_now, NOW + 1000 * day);
	put_refusals(store, 1000);
	await_sql("SELECT count(*) FROM record", "1001");
	put_refusals(store, 1000);
	await_sql("SELECT count(*) FROM record", "2001");
	assert_sql("SELECT records FROM discarded WHERE why = 'age'", "1");
	stop_store(&store);
	store = start();
	await_sql("SELECT count(*) FROM record", "0");
	stop_store(&store);
}

static void
a_step_of_the_clock_is_believed_after_an_hour(void **state)
{
	struct retain retain = { .keep_ms = 1 };
	const int64_t year = 365 * 24 * JOURNAL_HOUR_MS, minute = 60000;
	const int64_t corrected = NOW + 2 * minute;

	(void)state;
	assert_int_equal(retain_clock(&retain, NOW, 5), NOW);
	/* It is corrected, a little at a time. */
	assert_int_equal(retain_clock(&retain, NOW + minute, 5), NOW + minute);
	assert_int_equal(retain_clock(&retain, corrected, 5), corrected);
	/* It is set, and set back. */
	assert_int_equal(retain_clock(&retain, corrected + year, 6), corrected + 1);
	assert_int_equal(retain_clock(&retain, corrected + 2, 7), corrected + 2);
	/* It is set, and set again before the hour is over. */
	assert_int_equal(retain_clock(&retain, corrected + year, 10), corrected + 5);
	assert_int_equal(retain_clock(&retain, corrected - year, 9 + JOURNAL_HOUR_MS),
	    corrected + 4 + JOURNAL_HOUR_MS);
	assert_int_equal(retain_clock(&retain, corrected - year + JOURNAL_HOUR_MS - 1,
	    8 + 2 * JOURNAL_HOUR_MS), corrected + 3 + 2 * JOURNAL_HOUR_MS);
	assert_int_equal(retain_clock(&retain, corrected - year + JOURNAL_HOUR_MS,
	    9 + 2 * JOURNAL_HOUR_MS), corrected - year + JOURNAL_HOUR_MS);
}

/* An hour's roll-ups, all of different sets. */
static void
put_history(struct journal_store *store, int count)
{
	struct facts facts = some_facts();
	char name[64];

	for (int i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "mx%d.partner.example", i % 2000);
		facts.client_name = name;
		put(store, &accepting, &facts,
		    NOW - (count - i) * JOURNAL_HOUR_MS / 1000);
		while (i % 1000 == 0 && stats_of(store).queue > 4000)
			pause_ms(1);
	}
}

static void
refusals_do_not_push_out_history(void **state)
{
	struct journal_store *store;
	char history[32], pages[32], fits[256];

	(void)state;
	store = start();
	put_history(store, 8000);
	stop_store(&store);
	ask(path, "SELECT count(*) FROM rollup", history, sizeof(history));
	ask(path, "PRAGMA page_count", pages, sizeof(pages));
	options.max_bytes = atoi(pages) * INT64_C(4096) * 3;
	store = start();
	/* Many times as many as there is room for. */
	for (int i = 0; i < 12; i++) {
		put_refusals(store, 1000);
		stop_store(&store);
		store = start();
	}
	(void)snprintf(fits, sizeof(fits), "SELECT (SELECT page_count FROM "
	    "pragma_page_count()) - (SELECT freelist_count FROM pragma_freelist_count())"
	    " <= %s * 3", pages);
	await_sql(fits, "1");
	stop_store(&store);
	assert_sql("SELECT count(*) FROM rollup", history);
	assert_sql("SELECT records > 0 AND messages = 0 FROM discarded WHERE why = 'size'",
	    "1");
	assert_sql("PRAGMA integrity_check", "ok");
}

/* ------------------------------------------------------------------ *
 * Downgrades
 * ------------------------------------------------------------------ */

static void
downgrades_are_told(void **state)
{
	struct journal_store *store = start();
	struct facts facts = some_facts();
	struct verdict other = accepting;

	(void)state;
	put(store, &accepting, &facts, NOW);
	await_sql("SELECT count(*) FROM rollup", "1");
	facts.cipher = "(NONE)";
	put(store, &refusing, &facts, NOW + 1000);
	facts.tls_version = "none";
	(void)strcpy(other.from_domain, "new.example");
	facts.from = "a@new.example";
	/* A suite that does not encrypt is clear text, before as after. */
	facts.tls_version = "TLSv1.2";
	facts.cipher = "ECDHE-RSA-NULL-SHA";
	put(store, &other, &facts, NOW + 500);
	facts.tls_version = "none";
	facts.cipher = NULL;
	put(store, &other, &facts, NOW + 1000);
	await_sql("SELECT sum(messages) FROM rollup", "3");
	atomic_fetch_add(&fake_now, 10000);
	await_said("downgrade: acme.example sent in clear text from 192.0.2.7 (refused)");
	assert_int_equal(times_said("from that network (192.0.2.0/24) too"), 1);
	/* Once a day; and from elsewhere that is said. */
	facts.client_addr = "203.0.113.9";
	put(store, &refusing, &facts, NOW + 2000);
	atomic_fetch_add(&fake_now, INT64_C(86400000));
	put(store, &refusing, &facts, NOW + 86400000);
	await_sql("SELECT count(*) FROM record", "3");
	atomic_fetch_add(&fake_now, 10000);
	await_said("other networks than 203.0.113.0/24: the sender may be forged");
	stop_store(&store);
	assert_int_equal(times_said("downgrade:"), 2);
	assert_int_equal(times_said("new.example"), 0);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
		TEST(columns_are_the_records_fields),
		TEST(a_refusal_is_there_when_put_returns),
		TEST(values_are_the_records),
		TEST(kinds_of_records),
		TEST(accepted_messages_are_rolled_up),
		TEST(agreements_keep_the_clients_address),
		TEST(our_own_exempt_mail_is_rolled_up),
		TEST(more_sets_than_memory_takes),
		TEST(digests_stay_what_they_were),
		TEST(many_threads),
		TEST(columns_of_new_fields_are_added),
		TEST(a_journal_of_version_1_is_converted),
		TEST(a_journal_of_version_2_is_converted),
		TEST(a_journal_of_version_3_is_converted),
		TEST(no_number_is_given_twice),
		TEST(each_file_has_an_identity),
		TEST(a_journal_has_the_node_s_name),
		TEST(a_policy_is_told_once),
		TEST(a_new_file_is_told_the_policy),
		TEST(a_newer_journal_is_left_alone),
		TEST(a_foreign_database_is_left_alone),
		TEST(looks),
		TEST(locked_by_somebody_else),
		TEST(no_folder_and_memory_full),
		TEST(removed_under_it),
		TEST(one_of_its_files_removed),
		TEST(renamed_under_it),
		TEST(corrupt_before_it_is_opened),
		TEST(without_its_tables),
		TEST(corrupt_under_it),
		TEST(truncated_under_it),
		TEST(log_begun_anew_by_another),
		TEST(log_overwritten_under_it),
		TEST(disk_full),
		TEST(killed),
		TEST(killed_again_and_again),
		TEST(a_torn_entry_is_none),
		TEST(halves_are_filled_anew),
		TEST(no_file_for_a_flood),
		TEST(one_process_has_it),
		TEST(put_after_the_end),
		TEST(old_records_go),
		TEST(a_clock_that_is_set_throws_nothing_away),
		TEST(a_step_of_the_clock_is_believed_after_an_hour),
		TEST(refusals_do_not_push_out_history),
		TEST(downgrades_are_told),
	};

	return run_on_journal(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
