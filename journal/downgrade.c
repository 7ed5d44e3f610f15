/*
 * downgrade.c - senders that fall back to clear text though they have used TLS before.
 *
 * SPDX-License-Identifier: ISC
 */
#include <string.h>

#include "journal/store_room.h"
#include "base/date.h"

#define MS_PER_DAY (INT64_C(24) * 60 * 60 * 1000)

/* So many domains are looked up in a second, of however many. */
#define LOOKS_PER_SECOND 20

/* What was found of a domain holds so long. */
#define LOOKED_UP_MS (10 * 60 * 1000)

/* Of a domain and a time; never 0. */
static uint64_t
downgrade_hash(struct downgrades *downgrades, const char *domain, int64_t time)
{
	struct hash_key key;

	hash_seed(&downgrades->seed);
	key = downgrades->seed;
	key.b ^= (uint64_t)time;
	return hash_bytes(key, domain, strlen(domain)) | 1;
}

/* What is longer than there is room counts as unknown. */
static void
downgrade_copy(char *to, size_t size, const struct row *row, const char *name)
{
	struct row_value value;
	size_t length;

	(void)row_find(row, name, &value);
	length = value.type == ROW_TEXT && value.number < size ? value.number : 0;
	if (length > 0)
		memcpy(to, value.text, length);
	to[length] = '\0';
}

void
downgrade_note(struct downgrades *downgrades, const struct row *row, int64_t now_ms)
{
	struct downgrade_case found;
	uint64_t hash;

	if (!row->clear || downgrades->waiting_count >= DOWNGRADE_WAITING)
		return;
	downgrade_copy(found.domain, sizeof(found.domain), row, "domain");
	downgrade_copy(found.client, sizeof(found.client), row, "client_addr");
	if (found.domain[0] == '\0')
		return;
	found.refused = row->refused;
	found.noted_ms = now_ms;
	hash = downgrade_hash(downgrades, found.domain, now_ms / LOOKED_UP_MS);
	if (downgrades->known[hash / 2 % DOWNGRADE_KNOWN] == hash)
		return;
	downgrades->known[hash / 2 % DOWNGRADE_KNOWN] = hash;
	downgrades->waiting[downgrades->waiting_count++] = found;
}

/* ------------------------------------------------------------------ *
 * Looking up
 * ------------------------------------------------------------------ */

struct seen {
	sqlite3_int64 last_ms;		/* 0: never */
	bool same_network;
};

/* Rows of a network or an address, a time, and how it was protected. */
static void
downgrade_find(struct store_db *db, const char *domain, const char *network,
    struct seen *seen)
{
	sqlite3_stmt *statement = store_db_statement(db, DB_TLS_SEEN, 0, NULL);

	(void)sqlite3_bind_text(statement, 1, domain, -1, SQLITE_STATIC);
	while (store_db_step(db, statement)) {
		const char *from = (const char *)sqlite3_column_text(statement, 0);
		sqlite3_int64 time = sqlite3_column_int64(statement, 1);
		const struct facts facts = {
			.tls_version = (const char *)sqlite3_column_text(statement, 2),
			.cipher = (const char *)sqlite3_column_text(statement, 3),
			.bits = -1
		};
		char own[JOURNAL_NETWORK_SIZE];

		if (policy_encrypted(&facts) != POLICY_YES)
			continue;
		seen->last_ms = time > seen->last_ms ? time : seen->last_ms;
		if (from == NULL)
			continue;
		if (journal_network(from, own))
			from = own;
		seen->same_network = seen->same_network || strcmp(from, network) == 0;
	}
}

/* Whether the domain may be told of: not yet today, and there is room to know. */
static bool
downgrade_may_tell(struct downgrades *downgrades, const char *domain, int64_t now_ms)
{
	int64_t day = now_ms / MS_PER_DAY;
	uint64_t hash = downgrade_hash(downgrades, domain, day);

	if (day != downgrades->day) {
		downgrades->day = day;
		downgrades->told_count = 0;
	}
	for (size_t i = 0; i < downgrades->told_count; i++)
		if (downgrades->told[i] == hash)
			return false;
	if (downgrades->told_count >= DOWNGRADE_TOLD)
		return false;
	downgrades->told[downgrades->told_count++] = hash;
	return true;
}

static void
downgrade_tell(const struct downgrade_case *found, const struct seen *seen,
    const char *network, struct buffer *text)
{
	char time[DATE_MS_SIZE];

	date_write_ms(seen->last_ms, time);
	buffer_format(text, "downgrade: %s sent in clear text", found->domain);
	if (found->client[0] != '\0')
		buffer_format(text, " from %s", found->client);
	buffer_format(text, " (%s), and used TLS before, last at %s; ",
	    found->refused ? "refused" : "accepted", time);
	if (network[0] == '\0')
		buffer_string(text, "where it came from is not known");
	else if (seen->same_network)
		buffer_format(text, "TLS came from that network (%s) too", network);
	else
		buffer_format(text, "TLS came from other networks than %s: the sender may "
		    "be forged", network);
	buffer_string(text, "; said once a day for each domain");
}

static bool
downgrade_may_look(struct downgrades *downgrades, int64_t now_ms)
{
	if (downgrades->second != now_ms / 1000) {
		downgrades->second = now_ms / 1000;
		downgrades->looked = 0;
	}
	return downgrades->looked++ < LOOKS_PER_SECOND;
}

/* A clock that was set back must not keep the first one waiting. */
static bool
downgrade_is_due(const struct downgrades *downgrades, int64_t now_ms)
{
	int64_t since = now_ms - downgrades->waiting[0].noted_ms;

	return downgrades->waiting_count > 0 && (since >= DOWNGRADE_DELAY_MS || since < 0);
}

void
downgrade_look(struct downgrades *downgrades, struct store_db *db, int64_t now_ms,
    struct buffer *text)
{
	struct seen seen = { 0, false };
	char network[JOURNAL_NETWORK_SIZE] = "";
	struct downgrade_case found;

	if (!downgrade_is_due(downgrades, now_ms) ||
	    !downgrade_may_look(downgrades, now_ms))
		return;
	found = downgrades->waiting[0];
	downgrades->waiting_count--;
	memmove(downgrades->waiting, downgrades->waiting + 1,
	    downgrades->waiting_count * sizeof(found));
	(void)journal_network(found.client, network);
	downgrade_find(db, found.domain, network, &seen);
	if (db->result == DB_DONE && seen.last_ms != 0 &&
	    downgrade_may_tell(downgrades, found.domain, now_ms))
		downgrade_tell(&found, &seen, network, text);
}
