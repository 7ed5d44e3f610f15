/*
 * hosts.c - the hosts that mail of some domains came from, and how.
 *
 * SPDX-License-Identifier: ISC
 */
#include "review/reading.h"

#include <stdlib.h>
#include <string.h>

#include "journal/store.h"
#include "base/array.h"

enum {
	HOST_NAME, HOST_NETWORK, HOST_ADDRESS, HOST_VERSION, HOST_CIPHER, HOST_BITS,
	HOST_FINGERPRINT, HOST_KEY, HOST_CN, HOST_MESSAGES, HOST_REFUSED
};

/*
 * Mail of the host itself, of users who logged in, and what goes out is not theirs; the
 * last is never rolled up.
 */
#define THEIRS(login) \
	" AND local IS NULL AND " login " IS NULL" \
	" AND domain LIKE '%%' || ?2 AND (domain = ?2 OR substr(domain, -length(?3)) = ?3)"

/* "%s" is that of review_accepted(). */
static const char hosts_sql[] =
    "SELECT client_name, client_network, CASE min(client_addr)"
    " WHEN max(client_addr) THEN max(client_addr) END, tls_version,"
    " cipher, bits, cert_fingerprint, cert_pubkey_fingerprint, cert_cn,"
    " sum(messages), 0 FROM %s"
    " WHERE hour >= ?1 / 3600000" THEIRS("authenticated") " GROUP BY facts"
    " UNION ALL SELECT client_name, NULL, client_addr, tls_version, cipher, bits,"
    " cert_fingerprint, cert_pubkey_fingerprint, cert_cn, 1,"
    " action IN ('reject', 'tempfail') FROM record WHERE time >= ?1"
    THEIRS("sasl_username") " AND direction IS NOT 'out'";

struct hosts_work {
	struct review_hosts *hosts;
	const struct policy *policy;
	struct intern names;
	size_t room;
	bool failed;			/* memory was short */
};

static const char *
hosts_text(struct hosts_work *work, const char *text)
{
	const char *kept = text == NULL ? NULL :
	    arena_text(&work->hosts->arena, text, strlen(text));

	work->failed |= text != NULL && kept == NULL;
	return kept;
}

/* The host of a row, by its verified name or else its network. NULL: memory is short. */
static struct review_host *
find_host(struct hosts_work *work, sqlite3_stmt *row)
{
	struct review_hosts *hosts = work->hosts;
	const char *name = review_column(row, HOST_NAME);
	const char *address = review_column(row, HOST_ADDRESS);
	const char *network = review_column(row, HOST_NETWORK), *key;
	char around[JOURNAL_NETWORK_SIZE];
	struct review_host *host;
	uint32_t number;
	bool added;

	if (network == NULL && address != NULL)
		network = journal_network(address, around) ? around : address;
	key = name != NULL ? name : network != NULL ? network : "";
	number = intern_add(&work->names, key, strlen(key), &added);
	if (number == INTERN_NONE ||
	    !array_reserve(hosts->list, hosts->count + 1, &work->room)) {
		work->failed = true;
		return NULL;
	}
	host = &hosts->list[number];
	if (added) {
		hosts->count++;
		*host = (struct review_host){
			.name = hosts_text(work, name), .network = hosts_text(work, network),
			.address = hosts_text(work, address), .bits_least = -1,
			.protocol = PROTOCOL_COUNT, .forward_secrecy = true
		};
	} else if (host->address != NULL &&
	    (address == NULL || strcmp(address, host->address) != 0))
		host->address = NULL;
	return host;
}

/* Counts what a session presented: its key, where that is told, or its certificate. */
static void
count_key(struct hosts_work *work, struct review_host *host, sqlite3_stmt *row,
    int64_t messages)
{
	bool of_key = true;
	const char *digest = review_column(row, HOST_KEY);
	size_t i = 0;

	if (digest == NULL || strcmp(digest, "none") == 0) {
		of_key = false;
		digest = review_column(row, HOST_FINGERPRINT);
	}
	if (digest == NULL || strcmp(digest, "none") == 0) {
		host->without_key += messages;
		return;
	}
	while (i < host->key_count && strcmp(host->keys[i].digest, digest) != 0)
		i++;
	if (i == REVIEW_KEYS_MAX) {
		host->other_keys += messages;
		return;
	}
	if (i == host->key_count)
		host->keys[host->key_count++] = (struct review_key){
			.digest = hosts_text(work, digest), .of_key = of_key,
			.cn = hosts_text(work, review_column(row, HOST_CN))
		};
	host->keys[i].messages += messages;
}

/* Counts messages that came in by one sort of session. */
static void
count_host(struct hosts_work *work, struct review_host *host, sqlite3_stmt *row)
{
	bool has_bits = sqlite3_column_type(row, HOST_BITS) != SQLITE_NULL;
	int64_t messages = sqlite3_column_int64(row, HOST_MESSAGES);
	struct facts facts = FACTS_INIT;
	struct policy_strength strength;

	facts.tls_version = review_column(row, HOST_VERSION);
	facts.cipher = review_column(row, HOST_CIPHER);
	facts.bits = has_bits ? sqlite3_column_int(row, HOST_BITS) : -1;
	policy_strength(work->policy, &facts, &strength);
	host->messages += messages;
	if (strength.protocol == PROTOCOL_CLEAR || strength.protocol == PROTOCOL_UNKNOWN) {
		host->clear += messages;
		return;
	}
	count_key(work, host, row, messages);
	if (host->protocol == PROTOCOL_COUNT || (strength.bits < host->bits_least))
		host->bits_least = strength.bits;
	host->forward_secrecy &= strength.forward_secrecy;
	if (strength.protocol < host->protocol) {
		host->protocol = strength.protocol;
		host->tls_version = hosts_text(work, facts.tls_version);
		host->cipher = hosts_text(work, facts.cipher);
		host->bits = strength.bits;
	}
}

static void
count_host_row(struct hosts_work *work, sqlite3_stmt *row)
{
	struct review_host *host = find_host(work, row);
	int64_t messages = sqlite3_column_int64(row, HOST_MESSAGES);

	if (host == NULL)
		return;
	if (sqlite3_column_int(row, HOST_REFUSED) != 0) {
		host->refused += messages;
		work->hosts->refused += messages;
	} else {
		count_host(work, host, row);
		work->hosts->messages += messages;
	}
}

static int
scan_domain(struct hosts_work *work, sqlite3_stmt *rows, int64_t since_ms,
    const char *domain)
{
	char below[260];
	int result;

	(void)snprintf(below, sizeof(below), ".%s", domain);
	(void)sqlite3_bind_int64(rows, 1, since_ms);
	(void)sqlite3_bind_text(rows, 2, domain, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(rows, 3, below, -1, SQLITE_TRANSIENT);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW && !work->failed)
		count_host_row(work, rows);
	(void)sqlite3_reset(rows);
	return result;
}

/* By messages, most first, then by what was refused. */
static int
compare_hosts(const void *a, const void *b)
{
	const struct review_host *one = a, *other = b;

	if (one->messages != other->messages)
		return one->messages > other->messages ? -1 : 1;
	if (one->refused != other->refused)
		return one->refused > other->refused ? -1 : 1;
	return strcmp(review_host_name(one), review_host_name(other));
}

const char *
review_host_name(const struct review_host *host)
{
	return host->name != NULL ? host->name : host->address != NULL ? host->address :
	    host->network != NULL ? host->network : "a host without an address";
}

struct review_hosts *
review_hosts_read(sqlite3 *db, const char *path, const struct review_options *options,
    const char *const *domains, size_t count, char error[REVIEW_ERROR_MAX])
{
	struct hosts_work work = {
		.hosts = calloc(1, sizeof(struct review_hosts)), .policy = options->policy
	};
	struct buffer sql = BUFFER_INIT;
	sqlite3_stmt *rows = NULL;
	int result = SQLITE_NOMEM;

	buffer_format(&sql, hosts_sql, review_accepted(db, true));
	if (work.hosts != NULL && !sql.failed)
		result = sqlite3_prepare_v2(db, sql.text, -1, &rows, NULL);
	buffer_free(&sql);
	for (size_t i = 0; i < count && (result == SQLITE_OK || result == SQLITE_DONE); i++)
		result = scan_domain(&work, rows, options->since_ms, domains[i]);
	if (work.failed)
		result = SQLITE_NOMEM;
	(void)sqlite3_finalize(rows);
	intern_free(&work.names);
	if (result != SQLITE_OK && result != SQLITE_DONE) {
		review_explain(db, result, path, error);
		review_hosts_free(&work.hosts);
	} else if (work.hosts->count > 0)
		qsort(work.hosts->list, work.hosts->count, sizeof(*work.hosts->list),
		    compare_hosts);
	return work.hosts;
}

void
review_hosts_free(struct review_hosts **hosts)
{
	if (*hosts == NULL)
		return;
	arena_release(&(*hosts)->arena);
	free((*hosts)->list);
	free(*hosts);
	*hosts = NULL;
}
