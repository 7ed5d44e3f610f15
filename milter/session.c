/*
 * session.c - what is kept of an SMTP connection and of the message on it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/session.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The members of struct facts that are strings. */
static const size_t strings[] = {
	offsetof(struct facts, mta), offsetof(struct facts, session),
	offsetof(struct facts, client_addr), offsetof(struct facts, client_name),
	offsetof(struct facts, client_ptr), offsetof(struct facts, helo),
	offsetof(struct facts, sasl_username), offsetof(struct facts, from),
	offsetof(struct facts, to), offsetof(struct facts, to_resolved),
	offsetof(struct facts, queue_id), offsetof(struct facts, tls_version),
	offsetof(struct facts, cipher), offsetof(struct facts, cert_cn),
	offsetof(struct facts, cert_issuer), offsetof(struct facts, cert_subject_dn),
	offsetof(struct facts, cert_issuer_dn),
	offsetof(struct facts, cert_fingerprint),
	offsetof(struct facts, cert_pubkey_fingerprint),
	offsetof(struct facts, cert_key), offsetof(struct facts, cert_signature),
	offsetof(struct facts, cert_not_after), offsetof(struct facts, cert_source),
};
#define STRING_COUNT (sizeof(strings) / sizeof(strings[0]))

/* Those that a recipient may have of its own. */
static const size_t own[] = {
	offsetof(struct facts, to), offsetof(struct facts, to_resolved),
	offsetof(struct facts, queue_id), offsetof(struct facts, cert_fingerprint),
	offsetof(struct facts, cert_pubkey_fingerprint),
};
#define OWN_COUNT (sizeof(own) / sizeof(own[0]))

void
session_make_id(char id[SESSION_ID_SIZE])
{
	static atomic_uint counter;
	struct timespec now;
	uint64_t microseconds;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	microseconds = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	(void)snprintf(id, SESSION_ID_SIZE, "%013llx-%x", (unsigned long long)microseconds,
	    atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed));
}

struct session *
session_new(void)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session != NULL)
		session_make_id(session->id);
	return session;
}

void
session_free(struct session **session, struct snapshots *snapshots)
{
	if (*session == NULL)
		return;
	session_end(*session, snapshots);
	free((*session)->helo);
	free(*session);
	*session = NULL;
}

void
session_restart(struct session *session, struct snapshots *snapshots)
{
	session_end(session, snapshots);
	free(session->helo);
	session->helo = NULL;
	session->address[0] = '\0';
	session->port = 0;
	session->peer = PEER_UNKNOWN;
	session->counted = 0;
}

static void
set_ipv6(struct session *session, const struct sockaddr_in6 *address)
{
	const void *bytes = &address->sin6_addr;
	int family = AF_INET6;

	if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
		family = AF_INET;
		bytes = &address->sin6_addr.s6_addr[12];
	}
	(void)inet_ntop(family, bytes, session->address, sizeof(session->address));
	session->port = ntohs(address->sin6_port);
	session->peer = PEER_INET;
}

void
session_set_peer(struct session *session, const struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address == NULL) {
		session->peer = PEER_NONE;
	} else if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		(void)inet_ntop(AF_INET, &in.sin_addr, session->address,
		    sizeof(session->address));
		session->port = ntohs(in.sin_port);
		session->peer = PEER_INET;
	} else if (address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof(in6));
		set_ipv6(session, &in6);
	}
}

void
session_set_helo(struct session *session, const char *helo)
{
	char *copy = strndup(helo, SESSION_HELO_MAX);

	if (copy == NULL) {
		session->incomplete = true;
		return;
	}
	free(session->helo);
	session->helo = copy;
}

static const char *
string_at(const struct facts *facts, size_t offset)
{
	const char *string;

	memcpy(&string, (const char *)facts + offset, sizeof(string));
	return string;
}

static void
set_string(struct facts *facts, size_t offset, const char *string)
{
	memcpy((char *)facts + offset, &string, sizeof(string));
}

/* Copies "string" to *room and moves *room behind it; NULL stays NULL. */
static const char *
copy_string(const char *string, char **room)
{
	size_t size;
	char *copy = *room;

	if (string == NULL)
		return NULL;
	size = strlen(string) + 1;
	memcpy(copy, string, size);
	*room += size;
	return copy;
}

static size_t
string_size(const char *string)
{
	return string != NULL ? strlen(string) + 1 : 0;
}

int
session_begin(struct session *session, struct snapshot **snapshot,
    const struct facts *facts, const char *from_resolved)
{
	struct message *message;
	size_t size = string_size(from_resolved);
	char *room;

	for (size_t i = 0; i < STRING_COUNT; i++)
		size += string_size(string_at(facts, strings[i]));
	message = calloc(1, sizeof(*message) + size);
	if (message == NULL)
		return -1;
	room = message->text;
	message->facts = *facts;
	for (size_t i = 0; i < STRING_COUNT; i++)
		set_string(&message->facts, strings[i],
		    copy_string(string_at(facts, strings[i]), &room));
	message->from_resolved = copy_string(from_resolved, &room);
	message->snapshot = *snapshot;
	*snapshot = NULL;
	session->message = message;
	return 0;
}

void
session_end(struct session *session, struct snapshots *snapshots)
{
	struct message *message = session->message;

	if (message == NULL)
		return;
	session->message = NULL;
	snapshots_release(snapshots, &message->snapshot);
	forged_clear(&message->forged);
	free(message->recipient);
	free(message);
}

bool
message_follows(const struct verdict *verdict)
{
	return verdict->action != POLICY_ACCEPT || verdict->exempt ||
	    verdict->would != POLICY_ACCEPT;
}

/* Strictness first; of equals the one that the record has more to say of. */
int
message_rank(const struct verdict *verdict)
{
	return (int)verdict->action * 16 + (int)verdict->would * 4 +
	    (verdict->exempt ? 2 : 0) + (verdict->reason != REASON_NONE ? 1 : 0);
}

int
message_keep(struct message *message, const struct judgement *judgement)
{
	const struct facts *facts = &judgement->facts;
	size_t size = 0;
	char *strings_of, *room;

	if (message->is_judged &&
	    message_rank(&judgement->verdict) <= message_rank(&message->judged.verdict))
		return 0;
	for (size_t i = 0; i < OWN_COUNT; i++)
		size += string_size(string_at(facts, own[i]));
	strings_of = malloc(size + 1);
	if (strings_of == NULL)
		return -1;
	room = strings_of;
	message->judged = *judgement;
	for (size_t i = 0; i < OWN_COUNT; i++)
		set_string(&message->judged.facts, own[i],
		    copy_string(string_at(facts, own[i]), &room));
	message->is_judged = true;
	free(message->recipient);
	message->recipient = strings_of;
	return 0;
}
