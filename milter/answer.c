/*
 * answer.c - from a request of the policy delegation protocol to its answer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/delegation.h"

#include <string.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "base/hash.h"
#include "milter/decision.h"
#include "milter/facts.h"
#include "milter/service_listener.h"

/* Where names are decoded to. A longer one becomes the empty name. */
#define NAME_SIZE 512

struct answer_room {
	char subject[NAME_SIZE];
	char issuer[NAME_SIZE];
	struct correlation_digests digests;
};

static void
answer_dunno(struct buffer *out)
{
	buffer_string(out, "action=DUNNO\n\n");
}

static void
answer_internal_error(struct buffer *out)
{
	buffer_string(out, "action=451 " DECISION_FAILED_CODE " " DECISION_FAILED_TEXT "\n\n");
}

/* ------------------------------------------------------------------ *
 * From attributes to facts
 * ------------------------------------------------------------------ */

/*
 * A fingerprint that cannot be compared with any pin is none that is known. An empty one
 * is of nothing: no certificate, or no certificate around a raw key (RFC 7250).
 */
static void
read_digest(struct service *service, const char *value,
    char out[CORRELATION_DIGEST_SIZE])
{
	out[0] = '\0';
	if (value == NULL)
		return;
	if (value[0] == '\0') {
		correlation_text(out, CORRELATION_DIGEST_SIZE, "none");
	} else if (!policy_fingerprint_normalize(value, out, CORRELATION_DIGEST_SIZE)) {
		out[0] = '\0';
		log_limited(service->log, &service->digest, SEVERITY_ERROR,
		    "configuration: Postfix reports fingerprints that no pin can be"
		    " compared with: set smtpd_tls_fingerprint_digest = sha256");
	}
}

static void
read_digests(struct service *service, const struct delegation *request,
    struct correlation_digests *digests)
{
	read_digest(service, delegation_get(request, ATTRIBUTE_CCERT_FINGERPRINT),
	    digests->certificate);
	read_digest(service, delegation_get(request,
	    ATTRIBUTE_CCERT_PUBKEY_FINGERPRINT), digests->pubkey);
	/* A raw key of which no more is known. */
	if (digests->pubkey[0] == '\0' &&
	    delegation_find(request, ATTRIBUTE_CCERT_PUBKEY_FINGERPRINT) != NULL &&
	    delegation_find(request, ATTRIBUTE_CCERT_FINGERPRINT) == NULL)
		digests->certificate[0] = '\0';
}

/* Postfix shows the names of a certificate that it verified, and no others. */
static void
gather_certificate(const struct delegation *request, struct answer_room *room,
    struct facts *facts)
{
	const char *subject = delegation_find(request, ATTRIBUTE_CCERT_SUBJECT);
	const char *issuer = delegation_find(request, ATTRIBUTE_CCERT_ISSUER);

	if (room->digests.certificate[0] != '\0')
		facts->cert_fingerprint = room->digests.certificate;
	if (room->digests.pubkey[0] != '\0')
		facts->cert_pubkey_fingerprint = room->digests.pubkey;
	facts->cert_verified = subject != NULL || issuer != NULL ? POLICY_YES : POLICY_NO;
	if (facts->cert_verified != POLICY_YES)
		return;
	facts->cert_cn = encoded_text(subject != NULL ? subject : "",
	    room->subject, sizeof(room->subject));
	if (issuer != NULL)
		facts->cert_issuer = encoded_text(issuer, room->issuer,
		    sizeof(room->issuer));
}

static void
gather_request_tls(const struct delegation *request, struct answer_room *room,
    struct facts *facts)
{
	const char *protocol = delegation_get(request, ATTRIBUTE_ENCRYPTION_PROTOCOL);

	if (protocol == NULL)
		return;
	if (protocol[0] == '\0') {
		facts->tls_version = "none";
		return;
	}
	facts->tls_version = protocol;
	facts->cipher = delegation_find(request, ATTRIBUTE_ENCRYPTION_CIPHER);
	facts->bits = correlation_number(delegation_get(request,
	    ATTRIBUTE_ENCRYPTION_KEYSIZE));
	gather_certificate(request, room, facts);
}

/* A name that Postfix gives as "unknown" is none. */
static const char *
host_name(const struct delegation *request, enum attribute attribute)
{
	const char *name = delegation_find(request, attribute);

	return name != NULL && strcmp(name, "unknown") != 0 ? name : NULL;
}

/* As the milter takes it, in the request's own text: once for each. */
static const char *
trimmed_address(const struct delegation *request, enum attribute attribute)
{
	size_t value = request->values[attribute];

	return value != 0 ? address_trim(request->text + value) : NULL;
}

static void
gather_request(const struct delegation *request, const struct answer_state *state,
    struct answer_room *room, struct facts *facts)
{
	const struct facts nothing = FACTS_INIT;
	const char *sender = trimmed_address(request, ATTRIBUTE_SENDER);

	*facts = nothing;
	facts->mta = "postfix";
	facts->session = state->session;
	if (state->connection.client.known) {
		facts->client_addr = delegation_get(request, ATTRIBUTE_CLIENT_ADDRESS);
		facts->client_port = state->connection.client.port;
	}
	facts->client_name = host_name(request, ATTRIBUTE_CLIENT_NAME);
	facts->client_ptr = host_name(request, ATTRIBUTE_REVERSE_CLIENT_NAME);
	facts->helo = delegation_find(request, ATTRIBUTE_HELO_NAME);
	facts->sasl_username = delegation_find(request, ATTRIBUTE_SASL_USERNAME);
	facts->from = sender != NULL ? sender : "<>";
	facts->to = trimmed_address(request, ATTRIBUTE_RECIPIENT);
	facts->queue_id = delegation_find(request, ATTRIBUTE_QUEUE_ID);
	gather_request_tls(request, room, facts);
}

/* ------------------------------------------------------------------ *
 * Beside the milter
 * ------------------------------------------------------------------ */

/* What Postfix's instance begins with: the id of its process. */
static uint64_t
process_of(const struct delegation *request, const struct answer_state *state)
{
	const char *instance = delegation_find(request, ATTRIBUTE_INSTANCE);
	const struct hash_key fixed = { 0, 0 };

	if (instance == NULL)
		return state->serial;
	return hash_bytes(fixed, instance, strcspn(instance, ".")) | UINT64_C(1) << 63;
}

static void
keep_request(struct service *service, const struct answer_state *state,
    const struct delegation *request, const struct facts *facts,
    const struct correlation_digests *digests)
{
	struct correlation_request heard = {
		.connection = state->connection,
		.process = process_of(request, state),
		.digests = *digests,
		.sender = facts->from,
		.recipient = facts->to,
	};

	/* Of a session in clear text nothing is to be told; it may become another. */
	if (policy_encrypted(facts) != POLICY_YES)
		return;
	facts_tls(facts, &heard.tls);
	correlation_add(service->correlation, &heard, log_time_ms());
}

/* ------------------------------------------------------------------ *
 * Alone
 * ------------------------------------------------------------------ */

/*
 * Whether an accepted recipient is worth a record: the first of its message is, and
 * a later one where its verdict has more to say. Remembers that it was.
 */
static bool
is_news(struct answer_state *state, const char *instance, const struct verdict *verdict)
{
	int rank = message_rank(verdict);

	if (instance != NULL && strcmp(state->instance, instance) == 0 &&
	    rank / 4 <= state->rank / 4)
		return false;
	correlation_text(state->instance, sizeof(state->instance), instance);
	state->rank = rank;
	return true;
}

static void
answer_with(const struct judgement *judgement, struct buffer *out)
{
	const struct verdict *verdict = &judgement->verdict;
	char reason[DECISION_REASON_SIZE];
	struct policy_reply reply;

	if (decision_refuses(verdict) &&
	    policy_reply(verdict, &judgement->facts, &reply)) {
		buffer_format(out, "action=%s %s %s\n\n", reply.code, reply.enhanced,
		    reply.text);
	} else if (decision_refuses(verdict)) {
		answer_internal_error(out);
	} else if (verdict->action == POLICY_QUARANTINE) {
		decision_hold_reason(verdict, reason);
		buffer_format(out, "action=HOLD %s\n\n", reason);
	} else {
		answer_dunno(out);
	}
}

static void
judge_request(struct service *service, struct answer_state *state,
    const struct delegation *request, const struct facts *facts, struct buffer *out)
{
	struct snapshot *snapshot = snapshots_acquire(service->snapshots);
	const struct question question = { .snapshot = snapshot, .facts = facts,
	    .can_quarantine = true };
	struct judgement judgement;

	counters_session(&service->counters, facts, &state->counted);
	if (decision_make(service, &question, &judgement) == 0) {
		if (decision_refuses(&judgement.verdict) || is_news(state,
		    delegation_find(request, ATTRIBUTE_INSTANCE), &judgement.verdict))
			decision_record(service, &judgement);
		answer_with(&judgement, out);
	} else if (decision_error_accepts(service, FAULT_MEMORY, state->session)) {
		answer_dunno(out);
	} else {
		answer_internal_error(out);
	}
	snapshots_release(service->snapshots, &snapshot);
}

/* ------------------------------------------------------------------ *
 * The request
 * ------------------------------------------------------------------ */

const char *
answer_manner(const struct settings *settings)
{
	switch (settings->policy_service_answers) {
	case SETTINGS_ANSWERS_FACTS:
		return "facts for the milter, no verdicts";
	case SETTINGS_ANSWERS_VERDICT:
		return "verdicts";
	default:
		return settings->set_at[SETTING_listen].line > 0 ?
		    "facts for the milter, no verdicts (auto, with listen)" :
		    "verdicts, until the milter has a client (auto, without listen)";
	}
}

/*
 * Whether the milter judges. Of one session that cannot be told by what the milter
 * sees: one that it does not see is a content filter's way back as well.
 */
static bool
is_beside(const struct service *service)
{
	const struct settings *settings = service->settings;

	if (settings->policy_service_answers != SETTINGS_ANSWERS_AUTO)
		return settings->policy_service_answers == SETTINGS_ANSWERS_FACTS;
	return settings->set_at[SETTING_listen].line > 0 ||
	    atomic_load(&service->milter_asked);
}

/* Says of clients whom only the policy service sees that they are not judged. */
static void
tell_unjudged(struct service *service, const struct answer_state *state)
{
	if (!atomic_load(&service->milter_asked))
		log_limited(service->log, &service->unjudged, SEVERITY_ERROR,
		    "configuration: nothing is judged: the policy service answers facts,"
		    " and no client came to the milter since the start: set Postfix's"
		    " smtpd_milters, or here policy-service-answers verdict");
	else if (!correlation_has(service->correlation, &state->connection) &&
	    !atomic_exchange(&service->beyond_told, true))
		log_message(service->log, SEVERITY_WARNING, "the policy service is asked"
		    " about clients whom the milter does not see (a content filter's way"
		    " back?): they are not judged; this is said once");
}

static void
note_connection(struct answer_state *state, const struct delegation *request)
{
	struct connection connection;

	memset(&connection, 0, sizeof(connection));
	endpoint_read(&connection.client, delegation_get(request, ATTRIBUTE_CLIENT_ADDRESS),
	    delegation_get(request, ATTRIBUTE_CLIENT_PORT));
	endpoint_read(&connection.server, delegation_get(request, ATTRIBUTE_SERVER_ADDRESS),
	    delegation_get(request, ATTRIBUTE_SERVER_PORT));
	if (state->session[0] != '\0' && connection_same(&state->connection, &connection))
		return;
	state->connection = connection;
	state->counted = 0;
	session_make_id(state->session);
}

bool
answer_request(struct service *service, struct answer_state *state,
    const struct delegation *request, struct buffer *out)
{
	const char *stage = delegation_get(request, ATTRIBUTE_PROTOCOL_STATE);
	struct answer_room room = { .subject = "" };
	struct facts facts;

	counters_add(&service->counters, COUNTER_REQUESTS);
	if (atomic_load(&service->stage) >= SERVICE_CLOSED) {
		buffer_string(out, "action=451 " DECISION_ENDING_CODE " "
		    DECISION_ENDING_TEXT "\n\n");
		return true;
	}
	if (stage == NULL)
		return false;
	if (strcmp(stage, "RCPT") != 0) {
		answer_dunno(out);
		return true;
	}
	if (delegation_get(request, ATTRIBUTE_CLIENT_ADDRESS) == NULL ||
	    delegation_get(request, ATTRIBUTE_SENDER) == NULL ||
	    delegation_find(request, ATTRIBUTE_RECIPIENT) == NULL)
		return false;
	note_connection(state, request);
	read_digests(service, request, &room.digests);
	gather_request(request, state, &room, &facts);
	if (is_beside(service)) {
		tell_unjudged(service, state);
		keep_request(service, state, request, &facts, &room.digests);
		answer_dunno(out);
	} else {
		judge_request(service, state, request, &facts, out);
	}
	return true;
}

static enum client_end
take_request(struct service *service, struct service_client *client, const char *bytes,
    size_t length, size_t *taken)
{
	static const enum client_end ends[] = {
		[DELEGATION_EMPTY] = CLIENT_GOES_ON, [DELEGATION_PARTIAL] = CLIENT_GOES_ON,
		[DELEGATION_COMPLETE] = CLIENT_GOES_ON,
		[DELEGATION_GARBAGE] = CLIENT_GARBAGE,
		[DELEGATION_TOO_LARGE] = CLIENT_TOO_LARGE,
		[DELEGATION_NO_MEMORY] = CLIENT_NO_MEMORY,
	};
	enum client_end end;

	*taken = delegation_feed(&client->request, bytes, length);
	end = ends[client->request.state];
	client->under_way = client->request.state != DELEGATION_COMPLETE;
	if (client->under_way)
		return end;
	if (!answer_request(service, &client->state, &client->request, &client->answers))
		end = CLIENT_GARBAGE;
	delegation_clear(&client->request);
	return end;
}

const struct service_protocol policy_service = {
	.name = "policy service",
	.garbage = "what it sent is not a policy delegation request",
	.closed = COUNTER_CLIENTS_CLOSED,
	.clients = COUNTER_CLIENTS,
	.limits = { .clients = 4096, .first_ms = 30000, .request_ms = 10000,
	    .answer_ms = 10000, .idle_ms = 600000 },
	.take = take_request,
};
