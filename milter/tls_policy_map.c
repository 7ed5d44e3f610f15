/*
 * tls_policy_map.c - a socketmap that tells Postfix how mail goes out.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/tls_policy_map.h"

#include <string.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "base/text.h"
#include "milter/tls_policy_next.h"
#include "policy/tls_policy.h"

/* Of what the service behind says, so much is shown. */
#define SHOWN 200

/* Postfix tries again, later. */
#define NO_MEMORY "TEMP not enough memory"
#define ENDING "TEMP the daemon is ending"
#define NOT_ASKED "TEMP the service behind cannot be asked"

/* ------------------------------------------------------------------ *
 * A look-up
 * ------------------------------------------------------------------ */

/* What the service behind is heard in. */
struct next_event {
	struct service_listener *listener;
	struct service *service;
	int64_t now_ms;
};

enum lookup { LOOKUP_ANSWERED, LOOKUP_ASKS_NEXT, LOOKUP_NO_MEMORY };

static void
tell_useless(struct service *service, const char *next_reply)
{
	struct buffer shown = BUFFER_INIT;

	text_visible(&shown, next_reply);
	if (!shown.failed)
		log_limited(service->log, &service->useless, SEVERITY_ERROR, "TLS policy map: "
		    "the service of tls-policy-next gave a reply that is of no use, and mail "
		    "waits: %.*s", SHOWN, shown.text);
	buffer_free(&shown);
}

/* Appends the reply to a key, by the policy in force and what the service behind says. */
static enum lookup
look_up(struct service *service, const char *key, const char *next_reply,
    struct buffer *reply)
{
	const struct policy_options options = settings_policy_options(service->settings,
	    log_time_ms() / 1000);
	struct snapshot *snapshot = snapshots_acquire(service->snapshots);
	enum lookup result = LOOKUP_NO_MEMORY;
	struct facts facts = FACTS_INIT;
	struct verdict verdict;

	facts.mta = "postfix";
	facts.direction = "out";
	facts.next_hop = key;
	if (policy_decide(snapshot->policy, &facts, &options, &verdict) == 0) {
		result = LOOKUP_ANSWERED;
		if (next_reply == NULL && service->next != NULL &&
		    policy_tls_policy_asks_next(&verdict))
			result = LOOKUP_ASKS_NEXT;
		else if (!policy_tls_policy_with(&verdict, next_reply, reply))
			tell_useless(service, next_reply);
	}
	snapshots_release(service->snapshots, &snapshot);
	return reply->failed ? LOOKUP_NO_MEMORY : result;
}

/* ------------------------------------------------------------------ *
 * A request
 * ------------------------------------------------------------------ */

/* Counts a reply by its first word in one of four counters; TIMEOUT is a TEMP, too. */
static void
count_reply(struct service *service, enum counter first, const char *reply)
{
	counters_add(&service->counters, first +
	    (strncmp(reply, "OK ", 3) == 0 ? 0 : strncmp(reply, "NOTFOUND ", 9) == 0 ? 1 :
	    strncmp(reply, "PERM ", 5) == 0 ? 3 : 2));
}

static void
send_reply(struct service *service, struct service_client *client, const char *reply,
    size_t length)
{
	count_reply(service, COUNTER_LOOKUPS_OK, reply);
	netstring_append(&client->answers, reply, length);
}

/* Answers, or asks the service behind and has the client wait. */
static void
answer_key(struct service *service, struct service_client *client, const char *key,
    const char *next_reply)
{
	int64_t began = histogram_clock();
	struct buffer reply = BUFFER_INIT;
	enum lookup result = look_up(service, key, next_reply, &reply);
	int64_t now = histogram_clock();

	histogram_add(&service->counters.looking_up, now - began);
	if (result == LOOKUP_ANSWERED) {
		send_reply(service, client, reply.text, reply.length);
	} else if (result == LOOKUP_NO_MEMORY) {
		log_limited(service->log, &service->lookup, SEVERITY_ERROR,
		    "TLS policy map: not enough memory: mail that goes out has to wait");
		send_reply(service, client, NO_MEMORY, strlen(NO_MEMORY));
	} else if (tls_policy_next_ask(service->next, client->state.serial, key,
	    now / 1000000)) {
		client->waiting = true;
	} else {
		counters_add(&service->counters, COUNTER_NEXT_TEMP);
		send_reply(service, client, NOT_ASKED, strlen(NOT_ASKED));
	}
	buffer_free(&reply);
}

/* The key of a request for our map, or NULL. */
static const char *
key_of(const struct buffer *request)
{
	static const char map[] = TLS_POLICY_MAP_NAME " ";

	return request->length >= strlen(map) &&
	    memcmp(request->text, map, strlen(map)) == 0 ? request->text + strlen(map) : NULL;
}

/*
 * Nobody has a rule on what cannot be a next hop, and of parents the rule has been found
 * already. Another map is an error: with NOTFOUND a typo in main.cf would let all mail go.
 */
static void
answer_lookup(struct service *service, struct service_client *client)
{
	static const char notfound[] = "NOTFOUND ", wrong[] =
	    "PERM no such map: it is called " TLS_POLICY_MAP_NAME;
	const struct buffer *request = &client->lookup.string;
	const char *key = key_of(request);

	if (key == NULL)
		send_reply(service, client, wrong, strlen(wrong));
	else if (atomic_load(&service->stage) != SERVICE_OPEN)
		send_reply(service, client, ENDING, strlen(ENDING));
	else if (strlen(request->text) != request->length || key[0] == '.')
		send_reply(service, client, notfound, strlen(notfound));
	else
		answer_key(service, client, key, NULL);
}

static enum client_end
take_lookup(struct service *service, struct service_client *client, const char *bytes,
    size_t length, size_t *taken)
{
	static const enum client_end ends[] = {
		[NETSTRING_EMPTY] = CLIENT_GOES_ON, [NETSTRING_PARTIAL] = CLIENT_GOES_ON,
		[NETSTRING_COMPLETE] = CLIENT_GOES_ON,
		[NETSTRING_GARBAGE] = CLIENT_GARBAGE,
		[NETSTRING_TOO_LARGE] = CLIENT_TOO_LARGE,
		[NETSTRING_NO_MEMORY] = CLIENT_NO_MEMORY,
	};
	enum client_end end;

	*taken = netstring_feed(&client->lookup, TLS_POLICY_REQUEST_MAX, bytes, length);
	end = ends[client->lookup.state];
	client->under_way = client->lookup.state != NETSTRING_COMPLETE;
	if (client->under_way)
		return end;
	answer_lookup(service, client);
	if (!client->waiting)
		netstring_clear(&client->lookup);
	return end;
}

/* ------------------------------------------------------------------ *
 * The service behind
 * ------------------------------------------------------------------ */

/* By the policy that is in force now. */
static void
take_next(void *context, uint64_t token, const char *reply, size_t length)
{
	struct next_event *event = context;
	struct service_client *client = service_listener_waiting(event->listener, token);

	(void)length;
	count_reply(event->service, COUNTER_NEXT_OK, reply);
	if (client == NULL)
		return;
	client->waiting = false;
	if (atomic_load(&event->service->stage) != SERVICE_OPEN)
		send_reply(event->service, client, ENDING, strlen(ENDING));
	else
		answer_key(event->service, client, key_of(&client->lookup.string), reply);
	netstring_clear(&client->lookup);
	service_listener_go_on(event->listener, client, event->now_ms);
}

static void
on_event(struct service_listener *listener, struct service *service, uint64_t which,
    int64_t now_ms)
{
	struct next_event event = { listener, service, now_ms };

	tls_policy_next_event(service->next, which, now_ms, take_next, &event);
}

static void
on_tick(struct service_listener *listener, struct service *service, int64_t now_ms)
{
	struct next_event event = { listener, service, now_ms };

	if (service->next != NULL)
		tls_policy_next_tick(service->next, now_ms, take_next, &event);
}

static void
on_leave(struct service *service, struct service_client *client)
{
	tls_policy_next_forget(service->next, client->state.serial);
}

const struct service_protocol tls_policy_map = {
	.name = "TLS policy map",
	.garbage = "what it sent is not a netstring",
	.closed = COUNTER_MAP_CLIENTS_CLOSED,
	.clients = COUNTER_MAP_CLIENTS,
	.limits = { .clients = 4096, .first_ms = 30000, .request_ms = 10000,
	    .answer_ms = 10000, .idle_ms = 100000 },
	.take = take_lookup,
	.event = on_event,
	.tick = on_tick,
	.leave = on_leave,
};
