/*
 * correlation.c - what the policy service heard of a session, for the milter's side.
 *
 * One lock is enough: what is done under it is a walk along one chain of a hash
 * table. Entries come from an array made at the start, so that nothing can fail
 * later (memory that was never used costs nothing); they are reused in the order of
 * their age.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/correlation.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "policy/policy.h"

#define BUCKETS 4096u			/* a power of two */

/* Longer addresses than RFC 5321 allows are never the same. */
#define ADDRESS_SIZE 321

struct entry {
	LIST_ENTRY(entry) same;		/* of this bucket */
	TAILQ_ENTRY(entry) age;
	struct connection connection;
	uint64_t process;
	uint64_t when;			/* on the table's own clock */
	int64_t time_ms;
	struct correlation_tls tls;
	struct correlation_digests digests;
	char sender[ADDRESS_SIZE];
	char recipient[ADDRESS_SIZE];
};

LIST_HEAD(sessions, correlation_session);
LIST_HEAD(entries, entry);

struct correlation {
	pthread_mutex_t lock;
	uint64_t clock;			/* one tick for each request and MAIL */
	struct hash_key key;
	TAILQ_HEAD(, entry) ages;	/* the oldest is the first */
	size_t fresh;			/* places never used begin here */
	struct sessions sessions[BUCKETS];
	struct entries entries[BUCKETS];
	struct entry places[CORRELATION_REQUESTS_MAX];
};

struct correlation *
correlation_new(void)
{
	struct correlation *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	(void)pthread_mutex_init(&table->lock, NULL);
	TAILQ_INIT(&table->ages);
	/* Without it, strangers could choose ports that share a chain: a nuisance. */
	hash_seed(&table->key);
	return table;
}

void
correlation_free(struct correlation **table)
{
	if (*table == NULL)
		return;
	(void)pthread_mutex_destroy(&(*table)->lock);
	free(*table);
	*table = NULL;
}

/* ------------------------------------------------------------------ *
 * Connections
 * ------------------------------------------------------------------ */

int
correlation_number(const char *text)
{
	char *end;
	long number;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return -1;
	number = strtol(text, &end, 10);
	return *end == '\0' && number <= UINT16_MAX ? (int)number : -1;
}

/* The address without what some put around it; false where it is too long. */
static bool
strip_address(const char *text, char *out, size_t size)
{
	size_t length;

	if (strncmp(text, "IPv6:", 5) == 0)
		text += 5;
	length = strlen(text);
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (length >= size)
		return false;
	memcpy(out, text, length);
	out[length] = '\0';
	return true;
}

void
endpoint_read(struct endpoint *end, const char *address, const char *port)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	int number = correlation_number(port);

	memset(end, 0, sizeof(*end));
	end->port = number > 0 ? (uint16_t)number : 0;
	if (address == NULL || !strip_address(address, text, sizeof(text)))
		return;
	if (inet_pton(AF_INET, text, end->address + sizeof(mapped)) == 1) {
		memcpy(end->address, mapped, sizeof(mapped));
		end->known = true;
	} else {
		end->known = inet_pton(AF_INET6, text, end->address) == 1;
	}
}

void
correlation_text(char *out, size_t size, const char *text)
{
	size_t length = text != NULL ? strlen(text) : 0;

	if (length >= size)
		length = 0;
	if (length > 0)
		memcpy(out, text, length);
	out[length] = '\0';
}

bool
connection_same(const struct connection *a, const struct connection *b)
{
	if (a->client.port != b->client.port || a->client.known != b->client.known ||
	    memcmp(a->client.address, b->client.address, sizeof(a->client.address)) != 0)
		return false;
	if (a->server.port != 0 && b->server.port != 0 &&
	    a->server.port != b->server.port)
		return false;
	return !a->server.known || !b->server.known ||
	    memcmp(a->server.address, b->server.address, sizeof(a->server.address)) == 0;
}

/* The client's end alone: the server's may be unknown to one of the two. */
static size_t
bucket_of(const struct correlation *table, const struct connection *connection)
{
	return (size_t)hash_bytes(table->key, &connection->client,
	    offsetof(struct endpoint, known)) & (BUCKETS - 1);
}

/* ------------------------------------------------------------------ *
 * The milter's side
 * ------------------------------------------------------------------ */

/* The next session of a connection behind "after" (NULL: the first), or NULL. */
static struct correlation_session *
next_session(struct correlation *table, const struct connection *connection,
    const struct correlation_session *after)
{
	struct correlation_session *at = after != NULL ? LIST_NEXT(after, same) :
	    LIST_FIRST(&table->sessions[bucket_of(table, connection)]);

	while (at != NULL && !connection_same(&at->connection, connection))
		at = LIST_NEXT(at, same);
	return at;
}

/* Of all other sessions of that connection the windows end now. */
void
correlation_begin(struct correlation *table, struct correlation_session *session,
    const struct connection *connection)
{
	struct correlation_session *other = NULL;

	if (!connection->client.known)
		return;
	memset(session, 0, sizeof(*session));
	session->connection = *connection;
	(void)pthread_mutex_lock(&table->lock);
	session->begin = ++table->clock;
	while ((other = next_session(table, connection, other)) != NULL)
		if (other->end == 0)
			other->end = table->clock;
	LIST_INSERT_HEAD(&table->sessions[bucket_of(table, connection)], session, same);
	session->known = true;
	(void)pthread_mutex_unlock(&table->lock);
}

/* Of a session that was superseded the window ended before it begins. */
void
correlation_mail(struct correlation *table, struct correlation_session *session)
{
	const struct correlation_session *other;

	if (!session->known)
		return;
	(void)pthread_mutex_lock(&table->lock);
	session->begin = ++table->clock;
	other = next_session(table, &session->connection, NULL);
	if (other == session)
		other = next_session(table, &session->connection, other);
	session->contested = other != NULL;
	(void)pthread_mutex_unlock(&table->lock);
}

void
correlation_end(struct correlation *table, struct correlation_session *session)
{
	/* Only this session's own callbacks set it, one after the other. */
	if (!session->known)
		return;
	(void)pthread_mutex_lock(&table->lock);
	LIST_REMOVE(session, same);
	session->known = false;
	(void)pthread_mutex_unlock(&table->lock);
}

bool
correlation_has(struct correlation *table, const struct connection *connection)
{
	bool found;

	(void)pthread_mutex_lock(&table->lock);
	found = next_session(table, connection, NULL) != NULL;
	(void)pthread_mutex_unlock(&table->lock);
	return found;
}

/* ------------------------------------------------------------------ *
 * The policy service's side
 * ------------------------------------------------------------------ */

/* The place for a request: the older one's that it replaces, a new one, the oldest. */
static struct entry *
place_for(struct correlation *table, const struct correlation_request *request)
{
	struct entry *entry;

	LIST_FOREACH(entry, &table->entries[bucket_of(table, &request->connection)], same)
		if (entry->process == request->process &&
		    connection_same(&entry->connection, &request->connection))
			break;
	if (entry == NULL && table->fresh < CORRELATION_REQUESTS_MAX)
		return &table->places[table->fresh++];
	if (entry == NULL)
		entry = TAILQ_FIRST(&table->ages);
	LIST_REMOVE(entry, same);
	TAILQ_REMOVE(&table->ages, entry, age);
	return entry;
}

void
correlation_add(struct correlation *table, const struct correlation_request *request,
    int64_t now_ms)
{
	struct entry *entry;

	if (!request->connection.client.known || request->connection.client.port == 0)
		return;
	(void)pthread_mutex_lock(&table->lock);
	entry = place_for(table, request);
	entry->connection = request->connection;
	entry->process = request->process;
	entry->tls = request->tls;
	entry->digests = request->digests;
	correlation_text(entry->sender, sizeof(entry->sender), request->sender);
	correlation_text(entry->recipient, sizeof(entry->recipient), request->recipient);
	entry->when = ++table->clock;
	entry->time_ms = now_ms;
	LIST_INSERT_HEAD(&table->entries[bucket_of(table, &entry->connection)], entry,
	    same);
	TAILQ_INSERT_TAIL(&table->ages, entry, age);
	(void)pthread_mutex_unlock(&table->lock);
}

/* ------------------------------------------------------------------ *
 * Bringing them together
 * ------------------------------------------------------------------ */

static bool
is_same_tls(const struct correlation_tls *a, const struct correlation_tls *b)
{
	return a->protocol[0] != '\0' && a->cipher[0] != '\0' &&
	    strcmp(a->protocol, b->protocol) == 0 && strcmp(a->cipher, b->cipher) == 0 &&
	    a->bits == b->bits && a->verified == b->verified;
}

/* Whether the session could have asked this, whatever the addresses are. */
static bool
is_candidate(const struct entry *entry, const struct correlation_session *session,
    const struct correlation_question *question, int64_t now_ms)
{
	if (!connection_same(&entry->connection, &session->connection) ||
	    entry->when <= session->begin ||
	    (session->end != 0 && entry->when > session->end))
		return false;
	/* A clock that was set back makes nothing young again. */
	if (now_ms - entry->time_ms > CORRELATION_LIFE_MS)
		return false;
	/* Verified means presented. */
	if (question->tls.verified && strcmp(entry->digests.certificate, "none") == 0)
		return false;
	return is_same_tls(&entry->tls, &question->tls);
}

static bool
is_either(const char *heard, const char *address, const char *resolved)
{
	/* It was too long to be kept. */
	if (heard[0] == '\0')
		return false;
	return (address != NULL && policy_same_address(heard, address)) ||
	    (resolved != NULL && policy_same_address(heard, resolved));
}

static bool
is_about(const struct entry *entry, const struct correlation_question *question)
{
	return is_either(entry->sender, question->from, question->from_resolved) &&
	    is_either(entry->recipient, question->to, question->to_resolved);
}

static bool
is_same_digests(const struct correlation_digests *a,
    const struct correlation_digests *b)
{
	return strcmp(a->certificate, b->certificate) == 0 &&
	    strcmp(a->pubkey, b->pubkey) == 0;
}

/*
 * The one that all agree with, of those that count for something; or NULL. "strict":
 * they must be about the question's addresses. *count is how many processes asked.
 */
static const struct entry *
agreed(const struct entries *entries, const struct correlation_session *session,
    const struct correlation_question *question, int64_t now_ms, bool strict,
    size_t *count)
{
	const struct entry *entry, *found = NULL;
	bool differ = false;

	*count = 0;
	LIST_FOREACH(entry, entries, same) {
		if (!is_candidate(entry, session, question, now_ms))
			continue;
		(*count)++;
		if (strict && !is_about(entry, question))
			continue;
		differ = differ ||
		    (found != NULL && !is_same_digests(&found->digests, &entry->digests));
		found = entry;
	}
	return differ ? NULL : found;
}

bool
correlation_find(struct correlation *table, const struct correlation_session *session,
    const struct correlation_question *question, int64_t now_ms,
    struct correlation_digests *digests)
{
	const struct entries *entries;
	const struct entry *found;
	size_t count;
	bool strict;

	memset(digests, 0, sizeof(*digests));
	if (!session->known || question->tls.protocol[0] == '\0')
		return false;
	(void)pthread_mutex_lock(&table->lock);
	entries = &table->entries[bucket_of(table, &session->connection)];
	strict = session->contested || session->end != 0;
	found = agreed(entries, session, question, now_ms, strict, &count);
	if (!strict && count > 1)
		found = agreed(entries, session, question, now_ms, true, &count);
	if (found != NULL)
		*digests = found->digests;
	(void)pthread_mutex_unlock(&table->lock);
	return found != NULL;
}
