/*
 * replay.c - what another policy would have done with recorded traffic.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>

#include "review/maillog.h"
#include "base/array.h"

/* So many kinds of change of one domain are told apart; others are counted together. */
#define CHANGES_MAX 16

/* Some messages, as they were and as they would be. */
struct item {
	const struct facts *facts;
	int64_t transactions;
	int64_t last_ms;
	enum policy_action was;
	const struct verdict *verdict;
	bool certain;
};

struct replaying {
	const struct review_replay *replay;
	struct policy_ranges *ranges, *before;	/* of the policies */
	struct tally *tally;
	struct intern domains, rules;	/* the numbers of rows */
	bool failed;			/* memory was short */
};

/* ------------------------------------------------------------------ *
 * Rows
 * ------------------------------------------------------------------ */

/* The row that "key" tells apart from others; NULL where memory is short. */
static struct tally_row *
find_row(struct tally_list *list, struct intern *keys, const char *key)
{
	uint32_t number;
	bool added;

	if (!array_reserve(list->rows, list->count + 1, &list->room))
		return NULL;
	number = intern_add(keys, key, strlen(key), &added);
	if (number == INTERN_NONE)
		return NULL;
	if (added)
		list->rows[list->count++] = (struct tally_row){ 0 };
	return &list->rows[number];
}

static struct tally_row *
domain_of(struct replaying *replaying, const struct item *item)
{
	const char *from = item->facts->from, *name = item->verdict->from_domain;
	struct tally_row *row;

	if (name[0] == '\0' && from != NULL && policy_same_address(from, "<>"))
		name = "<>";
	row = find_row(&replaying->tally->domains, &replaying->domains, name);
	if (row != NULL && row->name == NULL && (row->name = strdup(name)) == NULL)
		return NULL;
	return row;
}

/* The row of what decided the verdict: places are of the policy. */
static struct tally_row *
rule_of(struct replaying *replaying, const struct policy_place *place)
{
	struct buffer key = BUFFER_INIT;
	struct tally_row *row = NULL;

	/* "name" tells the entries of a line apart. */
	buffer_format(&key, "%s:%u %s", place->file, place->line,
	    place->name != NULL ? place->name : "");
	if (!key.failed)
		row = find_row(&replaying->tally->rules, &replaying->rules, key.text);
	buffer_free(&key);
	if (row != NULL)
		row->place = *place;
	return row;
}

/* ------------------------------------------------------------------ *
 * Counting
 * ------------------------------------------------------------------ */

static void
forget_example(struct tally_change *change)
{
	free(change->tls_version);
	free(change->cipher);
	free(change->client);
	change->tls_version = change->cipher = change->client = NULL;
}

static char *
client_text(const struct facts *facts)
{
	const char *name = facts->client_name, *address = facts->client_addr;
	struct buffer text = BUFFER_INIT;

	if (name != NULL && address != NULL)
		buffer_format(&text, "%s [%s]", name, address);
	else
		buffer_string(&text, name != NULL ? name : address != NULL ? address :
		    facts->local ? "this host" : "unknown");
	if (text.failed)
		buffer_free(&text);
	return text.text;
}

static bool
keep_example(struct tally_change *change, const struct item *item)
{
	const struct facts *facts = item->facts;

	forget_example(change);
	change->last_ms = item->last_ms;
	if (facts->tls_version != NULL &&
	    (change->tls_version = strdup(facts->tls_version)) == NULL)
		return false;
	if (facts->cipher != NULL && (change->cipher = strdup(facts->cipher)) == NULL)
		return false;
	return (change->client = client_text(facts)) != NULL;
}

static bool
count_change(struct tally_row *row, const struct tally_change *wanted,
    const struct item *item)
{
	struct tally_change *change = row->changes;
	size_t i = 0;

	if (change == NULL &&
	    (change = row->changes = calloc(CHANGES_MAX, sizeof(*change))) == NULL)
		return false;
	while (i < row->change_count && (change[i].from != wanted->from ||
	    change[i].to != wanted->to || change[i].monitored != wanted->monitored ||
	    change[i].reason != wanted->reason))
		i++;
	if (i == CHANGES_MAX)
		i--;
	else if (i == row->change_count)
		change[row->change_count++] = *wanted;
	change[i].transactions += item->transactions;
	return (change[i].client != NULL && item->last_ms < change[i].last_ms) ||
	    keep_example(&change[i], item);
}

static bool
count_changes(struct tally_row *row, const struct item *item)
{
	const struct verdict *verdict = item->verdict;
	const struct tally_change change = {
		.from = item->was, .to = verdict->action, .reason = verdict->reason
	};
	const struct tally_change would = {
		.from = verdict->action, .to = verdict->would, .monitored = true,
		.reason = verdict->would_by >= 0 ?
		    verdict->outcome[verdict->would_by].reason : REASON_NONE
	};

	return (verdict->action == item->was || count_change(row, &change, item)) &&
	    (verdict->would <= verdict->action || count_change(row, &would, item));
}

static void
count_row(struct tally_row *row, const struct item *item)
{
	const struct facts *facts = item->facts;
	enum policy_tri encrypted = policy_encrypted(facts);
	int64_t n = item->transactions;

	row->transactions += n;
	row->changed += item->verdict->action != item->was ? n : 0;
	row->would += item->verdict->would > item->verdict->action ? n : 0;
	row->uncertain += item->certain ? 0 : n;
	if (facts->local)
		row->local += n;
	else if (encrypted == POLICY_UNKNOWN)
		row->unknown += n;
	else if (encrypted == POLICY_NO)
		row->clear += n;
	else
		row->tls += n;
}

static bool
count_item(struct replaying *replaying, const struct item *item)
{
	const struct verdict *verdict = item->verdict;
	int by = verdict->would > verdict->action ? verdict->would_by : verdict->reported;
	struct tally_row *total = &replaying->tally->total;
	struct tally_row *domain = domain_of(replaying, item), *rule = NULL;

	if (domain == NULL)
		return false;
	if (by >= 0 && (rule = rule_of(replaying, &verdict->outcome[by].place)) == NULL)
		return false;
	count_row(total, item);
	count_row(domain, item);
	if (rule != NULL)
		count_row(rule, item);
	return count_changes(domain, item) && count_changes(total, item);
}

/* ------------------------------------------------------------------ *
 * Judging
 * ------------------------------------------------------------------ */

/* What it was, by the policy of before. */
static bool
judge_before(const struct replaying *replaying, const struct facts *facts,
    const struct policy_hidden *hidden, struct item *item)
{
	const struct facts completed = policy_complete_facts(replaying->replay->before, facts);
	struct verdict verdict;
	bool certain;

	if (policy_decide_hidden(replaying->before, &completed, hidden,
	    &replaying->replay->options, &verdict, &certain) != 0)
		return false;
	item->was = verdict.action;
	return true;
}

static bool
judge_item(struct replaying *replaying, const struct facts *facts,
    const struct policy_hidden *hidden, struct item *item)
{
	const struct review_replay *replay = replaying->replay;
	const struct facts completed = policy_complete_facts(replay->policy, facts);
	struct verdict verdict;

	item->facts = &completed;
	item->verdict = &verdict;
	replaying->failed = (replay->before != NULL &&
	    !judge_before(replaying, facts, hidden, item)) ||
	    policy_decide_hidden(replaying->ranges, &completed, hidden,
	    &replay->options, &verdict, &item->certain) != 0 ||
	    !count_item(replaying, item);
	return !replaying->failed;
}

static bool
take_message(void *context, const struct facts *facts, int64_t time_ms)
{
	struct item item = {
		.transactions = 1, .last_ms = time_ms, .was = POLICY_ACCEPT
	};
	const struct policy_hidden hidden = { .recipient = true };

	return judge_item(context, facts, &hidden, &item);
}

/* ------------------------------------------------------------------ *
 * The journal's decisions: a set of facts once, however many hours it was seen in
 * ------------------------------------------------------------------ */

/* Both questions have these columns: TIME, ACTION, ..., and then the facts. */
enum { DECISION_TIME, DECISION_ACTION, DECISION_MESSAGES, DECISION_NETWORK, DECISION_FACTS };

static const char *const fact_names[] = {
	"mta", "session", "client_addr", "client_name", "client_resolve", "local", "helo",
	"sasl_username", "from", "to", "to_resolved", "tls_version", "cipher", "bits",
	"cert_verified", "cert_cn", "cert_san", "cert_issuer", "cert_fingerprint",
	"cert_pubkey_fingerprint", "cert_key", "cert_signature", "cert_not_after"
};
#define FACT_COUNT (sizeof(fact_names) / sizeof(fact_names[0]))

#define TLS_FACTS \
	"tls_version, cipher, bits, cert_verified, cert_cn, cert_san, cert_issuer," \
	" cert_fingerprint, cert_pubkey_fingerprint, cert_key, cert_signature," \
	" cert_not_after"

static const char records_sql[] =
    "SELECT time, action, 0, NULL, mta, session, client_addr, client_name,"
    " client_resolve, local, helo, sasl_username, \"from\", \"to\", to_resolved, " TLS_FACTS " FROM record"
    " WHERE time >= ?1 AND time < ?2 ORDER BY time, id";

/* What stands beside max(hour) is of the row that has it. */
static const char rollups_sql[] =
    "SELECT r.hour * 3600000 + r.last, 'accept', r.sum,"
    " CASE WHEN f.client_address IS NULL THEN f.client_network END, f.mta, r.session,"
    " coalesce(f.client_address, r.client_addr), f.client_name, f.client_resolve,"
    " f.local, NULL, f.authenticated,"
    " CASE WHEN f.null_sender IS NOT NULL THEN '<>'"
    "  WHEN f.domain IS NULL THEN coalesce(r.sender, 'unknown')"
    "  ELSE coalesce(r.sender, 'unknown') || '@' || f.domain END,"
    " NULL, NULL, " TLS_FACTS
    " FROM (SELECT facts, sum(messages) AS sum, max(hour) AS hour, last, session,"
    "  client_addr, sender FROM rollup WHERE hour >= ?1 AND hour < ?2 GROUP BY facts) r"
    " JOIN facts f ON f.id = r.facts LEFT JOIN certificate c ON c.id = f.certificate";

/* What is no fact is left out: "error" is of no use to anybody. Lists are JSON. */
static void
set_facts(struct journal_facts *facts, sqlite3_stmt *row)
{
	char error[JOURNAL_ERROR_MAX];

	journal_facts_clear(facts);
	for (size_t i = 0; i < FACT_COUNT; i++) {
		const char *text = review_column(row, DECISION_FACTS + (int)i);

		if (text == NULL)
			continue;
		if (strcmp(fact_names[i], "cert_san") == 0)
			(void)journal_facts_set_json(facts, fact_names[i], text, error);
		else
			(void)journal_facts_set(facts, fact_names[i], text, error);
	}
}

/*
 * Where messages are rolled up, the local part of the sender is that of one of them, and
 * so is the client's address where no rule of their own kept it; there is no recipient.
 */
static bool
judge_row(struct replaying *replaying, struct journal_facts *facts, sqlite3_stmt *row)
{
	int64_t messages = sqlite3_column_int64(row, DECISION_MESSAGES);
	struct item item = {
		.transactions = messages > 0 ? messages : 1,
		.last_ms = sqlite3_column_int64(row, DECISION_TIME),
		.was = journal_action(review_column(row, DECISION_ACTION))
	};
	struct policy_hidden hidden = {
		.sender = messages > 0, .network = review_column(row, DECISION_NETWORK)
	};

	set_facts(facts, row);
	hidden.recipient = journal_facts_get(facts)->to == NULL;
	return judge_item(replaying, journal_facts_get(facts), &hidden, &item);
}

static int
judge_rows(struct replaying *replaying, sqlite3 *db, const char *sql, int64_t since,
    int64_t until)
{
	struct journal_facts *facts = journal_facts_new();
	sqlite3_stmt *row = NULL;
	int result = facts == NULL ? SQLITE_NOMEM :
	    sqlite3_prepare_v2(db, sql, -1, &row, NULL);

	if (result == SQLITE_OK) {
		(void)sqlite3_bind_int64(row, 1, since);
		(void)sqlite3_bind_int64(row, 2, until);
		while ((result = sqlite3_step(row)) == SQLITE_ROW &&
		    judge_row(replaying, facts, row))
			continue;
	}
	(void)sqlite3_finalize(row);
	journal_facts_free(&facts);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int
judge_journal(struct replaying *replaying, sqlite3 *db)
{
	const struct review_replay *replay = replaying->replay;
	/* One moment for all tables: the daemon goes on writing. */
	int result = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);

	if (result == SQLITE_OK)
		result = judge_rows(replaying, db, records_sql, replay->since_ms,
		    replay->until_ms);
	if (result == SQLITE_OK)
		result = judge_rows(replaying, db, rollups_sql,
		    journal_hour(replay->since_ms), journal_hour(replay->until_ms - 1) + 1);
	if (sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return result;
}

/* ------------------------------------------------------------------ *
 * All of it
 * ------------------------------------------------------------------ */

/* Most changes first, then most transactions. */
static int
compare_rows(const void *a, const void *b)
{
	const struct tally_row *one = a, *other = b;
	int order = (one->changed < other->changed) - (one->changed > other->changed);

	if (order == 0)
		order = (one->would < other->would) - (one->would > other->would);
	if (order == 0)
		order = (one->transactions < other->transactions) -
		    (one->transactions > other->transactions);
	if (order == 0 && one->name != NULL)
		return strcmp(one->name, other->name);
	if (order == 0)
		order = strcmp(one->place.file, other->place.file);
	return order != 0 ? order : (one->place.line > other->place.line) -
	    (one->place.line < other->place.line);
}

/* Ends the replaying: what was counted is in order. False where memory was short. */
static bool
replay_finish(struct replaying *replaying)
{
	struct tally *tally = replaying->tally;

	policy_ranges_free(&replaying->ranges);
	policy_ranges_free(&replaying->before);
	intern_free(&replaying->domains);
	intern_free(&replaying->rules);
	if (replaying->failed)
		return false;
	if (tally->domains.count > 0)
		qsort(tally->domains.rows, tally->domains.count, sizeof(struct tally_row),
		    compare_rows);
	if (tally->rules.count > 0)
		qsort(tally->rules.rows, tally->rules.count, sizeof(struct tally_row),
		    compare_rows);
	return true;
}

static struct replaying
replay_begin(const struct review_replay *replay, struct tally *tally)
{
	struct replaying replaying = {
		.replay = replay, .tally = tally, .ranges = policy_ranges_new(replay->policy)
	};

	*tally = (struct tally){ .total = { .name = NULL } };
	if (replay->before != NULL)
		replaying.before = policy_ranges_new(replay->before);
	replaying.failed = replaying.ranges == NULL ||
	    (replay->before != NULL && replaying.before == NULL);
	return replaying;
}

int
review_replay_journal(sqlite3 *db, const struct review_replay *replay,
    struct tally *tally)
{
	struct replaying replaying = replay_begin(replay, tally);
	int result = SQLITE_OK;

	if (!replaying.failed)
		result = judge_journal(&replaying, db);
	return replay_finish(&replaying) ? result : SQLITE_NOMEM;
}

bool
review_replay_maillog(const char *const *paths, int count,
    const struct review_replay *replay, struct tally *tally,
    struct maillog_totals *totals, char error[REVIEW_ERROR_MAX])
{
	struct replaying replaying = replay_begin(replay, tally);
	const struct maillog_reading reading = {
		.paths = paths, .count = count, .since_ms = replay->since_ms,
		.until_ms = replay->until_ms, .take = take_message, .context = &replaying
	};
	bool done = !replaying.failed && maillog_read(&reading, totals, error);

	if (!replay_finish(&replaying))
		review_say(error, "not enough memory");
	return done && !replaying.failed;
}

static void
free_row(struct tally_row *row)
{
	for (size_t i = 0; i < row->change_count; i++)
		forget_example(&row->changes[i]);
	free(row->changes);
	free(row->name);
}

void
tally_free(struct tally *tally)
{
	for (size_t i = 0; i < tally->domains.count; i++)
		free_row(&tally->domains.rows[i]);
	free_row(&tally->total);
	free(tally->domains.rows);
	free(tally->rules.rows);
	*tally = (struct tally){ .total = { .name = NULL } };
}
