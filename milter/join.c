/*
 * join.c - what the policy service heard of a session, for the milter's side of it.
 *
 * One lock is enough: what is done under it is a walk along one chain of a hash
 * table. Entries come from an array made at the start, so that nothing can fail
 * later (memory that was never used costs nothing); they are reused in the order of
 * their age.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/join.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "policy/policy.h"

#define BUCKETS 4096u			/* a power of two */

/* Longer addresses than RFC 5321 allows are never the same. */
#define ADDRESS_SIZE 321

struct entry {
	struct entry *next;		/* in its bucket */
	struct entry *older, *newer;	/* in the order of "when" */
	struct join_key key;
	uint64_t process;
	uint64_t when;			/* on the table's own clock */
	int64_t time_ms;
	struct join_tls tls;
	struct join_digests digests;
	char sender[ADDRESS_SIZE];
	char recipient[ADDRESS_SIZE];
};

struct join {
	pthread_mutex_t lock;
	uint64_t clock;			/* one tick for each request and MAIL */
	uint64_t seed;
	struct entry *oldest, *newest;
	size_t fresh;			/* entries never used begin here */
	struct join_seat *seats[BUCKETS];
	struct entry *requests[BUCKETS];
	struct entry entries[JOIN_REQUESTS_MAX];
};

static void
append(struct join *join, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = join->newest;
	if (join->newest != NULL)
		join->newest->newer = entry;
	else
		join->oldest = entry;
	join->newest = entry;
}

static void
unchain(struct join *join, struct entry *entry)
{
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		join->oldest = entry->newer;
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		join->newest = entry->older;
}

struct join *
join_new(void)
{
	struct join *join = calloc(1, sizeof(*join));

	if (join == NULL)
		return NULL;
	(void)pthread_mutex_init(&join->lock, NULL);
	/* Without it, strangers could choose ports that share a chain: a nuisance. */
	if (getrandom(&join->seed, sizeof(join->seed), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(join->seed))
		join->seed = (uint64_t)(uintptr_t)join ^ (uint64_t)time(NULL);
	return join;
}

void
join_free(struct join **join)
{
	if (*join == NULL)
		return;
	(void)pthread_mutex_destroy(&(*join)->lock);
	free(*join);
	*join = NULL;
}

/* ------------------------------------------------------------------ *
 * Names of connections
 * ------------------------------------------------------------------ */

static uint16_t
read_port(const char *text)
{
	unsigned long port = 0;

	if (text == NULL || text[0] == '\0' || strlen(text) > 5)
		return 0;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		port = port * 10 + (unsigned long)(*text - '0');
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
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
join_end_set(struct join_end *end, const char *address, const char *port)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	memset(end, 0, sizeof(*end));
	end->port = read_port(port);
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
join_text(char *out, size_t size, const char *text)
{
	size_t length = text != NULL ? strlen(text) : 0;

	if (length >= size)
		length = 0;
	if (length > 0)
		memcpy(out, text, length);
	out[length] = '\0';
}

/* The client's end alone: the server's may be unknown to one of the two. */
static size_t
bucket_of(const struct join *join, const struct join_key *key)
{
	uint64_t hash = join->seed, half[2];

	memcpy(half, key->client.address, sizeof(half));
	hash = (hash ^ half[0]) * 0x9e3779b97f4a7c15u;
	hash = (hash ^ hash >> 32 ^ half[1]) * 0xbf58476d1ce4e5b9u;
	hash = (hash ^ hash >> 29 ^ key->client.port) * 0x94d049bb133111ebu;
	return (size_t)(hash ^ hash >> 31) & (BUCKETS - 1);
}

bool
join_same(const struct join_key *a, const struct join_key *b)
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

/* ------------------------------------------------------------------ *
 * The milter's side
 * ------------------------------------------------------------------ */

/* Of all other sessions of that name the windows end now. */
static void
supersede(struct join *join, const struct join_seat *seat)
{
	for (struct join_seat *at = join->seats[bucket_of(join, &seat->key)]; at != NULL;
	    at = at->next)
		if (at->end == 0 && join_same(&at->key, &seat->key))
			at->end = join->clock;
}

static bool
has_others(const struct join *join, const struct join_seat *seat)
{
	for (const struct join_seat *at = join->seats[bucket_of(join, &seat->key)];
	    at != NULL; at = at->next)
		if (at != seat && join_same(&at->key, &seat->key))
			return true;
	return false;
}

void
join_enter(struct join *join, struct join_seat *seat, const struct join_key *key)
{
	struct join_seat **bucket;

	if (!key->client.known)
		return;
	memset(seat, 0, sizeof(*seat));
	seat->key = *key;
	(void)pthread_mutex_lock(&join->lock);
	seat->begin = ++join->clock;
	supersede(join, seat);
	bucket = &join->seats[bucket_of(join, key)];
	seat->next = *bucket;
	*bucket = seat;
	seat->taken = true;
	(void)pthread_mutex_unlock(&join->lock);
}

/* Of a session that was superseded the window ended before it begins. */
void
join_mail(struct join *join, struct join_seat *seat)
{
	if (!seat->taken)
		return;
	(void)pthread_mutex_lock(&join->lock);
	seat->begin = ++join->clock;
	seat->contested = has_others(join, seat);
	(void)pthread_mutex_unlock(&join->lock);
}

void
join_leave(struct join *join, struct join_seat *seat)
{
	struct join_seat **at;

	/* Only this session's own callbacks set it, one after the other. */
	if (!seat->taken)
		return;
	(void)pthread_mutex_lock(&join->lock);
	at = &join->seats[bucket_of(join, &seat->key)];
	while (*at != NULL && *at != seat)
		at = &(*at)->next;
	if (*at != NULL)
		*at = seat->next;
	seat->next = NULL;
	seat->taken = false;
	(void)pthread_mutex_unlock(&join->lock);
}

bool
join_sees(struct join *join, const struct join_key *key)
{
	const struct join_seat *at;

	(void)pthread_mutex_lock(&join->lock);
	at = join->seats[bucket_of(join, key)];
	while (at != NULL && !join_same(&at->key, key))
		at = at->next;
	(void)pthread_mutex_unlock(&join->lock);
	return at != NULL;
}

/* ------------------------------------------------------------------ *
 * The policy service's side
 * ------------------------------------------------------------------ */

static void
forget(struct join *join, struct entry *entry)
{
	struct entry **at = &join->requests[bucket_of(join, &entry->key)];

	while (*at != NULL && *at != entry)
		at = &(*at)->next;
	if (*at != NULL)
		*at = entry->next;
}

/* The place for a request: the older one's that it replaces, a new one, the oldest. */
static struct entry *
place_for(struct join *join, const struct join_request *request)
{
	struct entry *entry = join->requests[bucket_of(join, &request->key)];

	while (entry != NULL && (entry->process != request->process ||
	    !join_same(&entry->key, &request->key)))
		entry = entry->next;
	if (entry == NULL && join->fresh < JOIN_REQUESTS_MAX)
		return &join->entries[join->fresh++];
	if (entry == NULL)
		entry = join->oldest;
	forget(join, entry);
	unchain(join, entry);
	return entry;
}

static void
fill(struct entry *entry, const struct join_request *request)
{
	entry->key = request->key;
	entry->process = request->process;
	entry->tls = request->tls;
	entry->digests = request->digests;
	join_text(entry->sender, sizeof(entry->sender), request->sender);
	join_text(entry->recipient, sizeof(entry->recipient), request->recipient);
}

void
join_put(struct join *join, const struct join_request *request, int64_t now_ms)
{
	struct entry *entry, **bucket;

	if (!request->key.client.known || request->key.client.port == 0)
		return;
	(void)pthread_mutex_lock(&join->lock);
	entry = place_for(join, request);
	fill(entry, request);
	entry->when = ++join->clock;
	entry->time_ms = now_ms;
	bucket = &join->requests[bucket_of(join, &entry->key)];
	entry->next = *bucket;
	*bucket = entry;
	append(join, entry);
	(void)pthread_mutex_unlock(&join->lock);
}

/* ------------------------------------------------------------------ *
 * Bringing them together
 * ------------------------------------------------------------------ */

static bool
is_same_tls(const struct join_tls *a, const struct join_tls *b)
{
	return a->protocol[0] != '\0' && a->cipher[0] != '\0' &&
	    strcmp(a->protocol, b->protocol) == 0 && strcmp(a->cipher, b->cipher) == 0 &&
	    a->bits == b->bits && a->verified == b->verified;
}

/* Whether the session could have asked this, whatever the addresses are. */
static bool
is_candidate(const struct entry *entry, const struct join_seat *seat,
    const struct join_question *question, int64_t now_ms)
{
	if (!join_same(&entry->key, &seat->key) || entry->when <= seat->begin ||
	    (seat->end != 0 && entry->when > seat->end))
		return false;
	/* A clock that was set back makes nothing young again. */
	if (now_ms - entry->time_ms > JOIN_LIFE_MS)
		return false;
	/* Verified means presented. */
	if (question->tls.verified && strcmp(entry->digests.certificate, "none") == 0)
		return false;
	return is_same_tls(&entry->tls, &question->tls);
}

static bool
is_either(const char *heard, const char *address, const char *resolved)
{
	if (heard[0] == '\0')
		heard = "<>";
	return (address != NULL && policy_same_address(heard, address)) ||
	    (resolved != NULL && policy_same_address(heard, resolved));
}

static bool
is_about(const struct entry *entry, const struct join_question *question)
{
	return is_either(entry->sender, question->from, question->from_resolved) &&
	    is_either(entry->recipient, question->to, question->to_resolved);
}

static bool
is_same_digests(const struct join_digests *a, const struct join_digests *b)
{
	return strcmp(a->certificate, b->certificate) == 0 &&
	    strcmp(a->pubkey, b->pubkey) == 0;
}

/* How many processes asked within the window, that count for something. */
static size_t
count_candidates(const struct entry *entry, const struct join_seat *seat,
    const struct join_question *question, int64_t now_ms)
{
	size_t count = 0;

	for (; entry != NULL; entry = entry->next)
		count += is_candidate(entry, seat, question, now_ms);
	return count;
}

/* The one that all agree with, or NULL. */
static const struct entry *
agreed(const struct entry *entry, const struct join_seat *seat,
    const struct join_question *question, int64_t now_ms, bool strict)
{
	const struct entry *found = NULL;

	for (; entry != NULL; entry = entry->next) {
		if (!is_candidate(entry, seat, question, now_ms) ||
		    (strict && !is_about(entry, question)))
			continue;
		if (found != NULL && !is_same_digests(&found->digests, &entry->digests))
			return NULL;
		found = entry;
	}
	return found;
}

bool
join_take(struct join *join, const struct join_seat *seat,
    const struct join_question *question, int64_t now_ms, struct join_digests *digests)
{
	const struct entry *chain, *found = NULL;
	size_t count;

	memset(digests, 0, sizeof(*digests));
	if (!seat->taken || question->tls.protocol[0] == '\0')
		return false;
	(void)pthread_mutex_lock(&join->lock);
	chain = join->requests[bucket_of(join, &seat->key)];
	count = count_candidates(chain, seat, question, now_ms);
	if (count > 0)
		found = agreed(chain, seat, question, now_ms, count > 1 ||
		    seat->contested || seat->end != 0);
	if (found != NULL)
		*digests = found->digests;
	(void)pthread_mutex_unlock(&join->lock);
	return found != NULL;
}
