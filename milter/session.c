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

#include "journal/journal.h"

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
	session->version = NULL;
	session->heard_mail = false;
	session->mail_macro = NULL;
	if (session->fault == FAULT_REUSED)
		session->fault = FAULT_NONE;
}

void
session_set_peer(struct session *session, const struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	const void *bytes = NULL;
	int family = AF_INET;

	if (address == NULL) {
		session->peer = PEER_NONE;
	} else if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		bytes = &in.sin_addr;
		session->port = ntohs(in.sin_port);
	} else if (address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof(in6));
		family = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ? AF_INET : AF_INET6;
		bytes = &in6.sin6_addr.s6_addr[family == AF_INET ? 12 : 0];
		session->port = ntohs(in6.sin6_port);
	}
	if (bytes == NULL)
		return;
	(void)inet_ntop(family, bytes, session->address, sizeof(session->address));
	session->peer = PEER_INET;
}

void
session_set_helo(struct session *session, const char *helo)
{
	char *copy = strndup(helo, SESSION_HELO_MAX);

	if (copy == NULL) {
		session->fault = FAULT_MEMORY;
		return;
	}
	free(session->helo);
	session->helo = copy;
}

int
session_begin(struct session *session, struct snapshot **snapshot,
    const struct facts *facts, const char *from_resolved)
{
	size_t size = facts_copy_size(facts);
	size_t more = from_resolved != NULL ? strlen(from_resolved) + 1 : 0;
	struct message *message = calloc(1, sizeof(*message) + size + more);

	if (message == NULL)
		return -1;
	facts_copy(&message->facts, facts, message->room);
	if (more > 0)
		message->from_resolved = memcpy(message->room + size, from_resolved, more);
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
	free(message->judged_room);
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
	char *room;

	if (message->is_judged &&
	    message_rank(&judgement->verdict) <= message_rank(&message->judged.verdict))
		return 0;
	room = malloc(facts_copy_size(&judgement->facts));
	if (room == NULL)
		return -1;
	message->judged.verdict = judgement->verdict;
	message->judged.unrecorded = judgement->unrecorded;
	facts_copy(&message->judged.facts, &judgement->facts, room);
	free(message->judged_room);
	message->judged_room = room;
	message->is_judged = true;
	return 0;
}
