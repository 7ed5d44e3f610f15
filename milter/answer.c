/*
 * answer.c - from a request of the policy delegation protocol to its answer.
 *
 * SPDX-License-Identifier: ISC
 */
#include "milter/answer.h"

#include <string.h>

#include "milter/decision.h"
#include "milter/encoded.h"
#include "milter/facts.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "base/limiter.h"

/* Where names are decoded to. A longer one becomes the empty name. */
#define NAME_SIZE 512

struct answer_room {
	char subject[NAME_SIZE];
	char issuer[NAME_SIZE];
	struct join_digests digests;
};

static void
dunno(struct buffer *out)
{
	buffer_string(out, "action=DUNNO\n\n");
}

/* ------------------------------------------------------------------ *
 * From attributes to facts
 * ------------------------------------------------------------------ */

/* A fingerprint that cannot be compared with any pin is none that is known. */
static void
read_digest(struct service *service, const char *value, char out[JOIN_DIGEST_SIZE])
{
	unsigned long held = 0;

	out[0] = '\0';
	if (value == NULL)
		return;
	if (value[0] == '\0') {
		join_text(out, JOIN_DIGEST_SIZE, "none");
	} else if (!policy_fingerprint_normalize(value, out, JOIN_DIGEST_SIZE)) {
		out[0] = '\0';
		if (limiter_allows(&service->digest, log_time_ms(), &held))
			log_message(service->log, SEVERITY_ERROR, "configuration: Postfix "
			    "reports fingerprints that no pin can be compared with: set "
			    "smtpd_tls_fingerprint_digest = sha256 (%lu more since the "
			    "last such line)", held);
	}
}

static void
read_digests(struct service *service, const struct delegation *request,
    struct join_digests *digests)
{
	read_digest(service, delegation_get(request, ATTRIBUTE_CCERT_FINGERPRINT),
	    digests->certificate);
	read_digest(service, delegation_get(request,
	    ATTRIBUTE_CCERT_PUBKEY_FINGERPRINT), digests->pubkey);
}

/* Postfix shows the names of a certificate that it verified, and no others. */
static bool
is_verified(const struct delegation *request)
{
	return delegation_find(request, ATTRIBUTE_CCERT_SUBJECT) != NULL ||
	    delegation_find(request, ATTRIBUTE_CCERT_ISSUER) != NULL;
}

static void
gather_certificate(const struct delegation *request, struct answer_room *room,
    struct facts *facts)
{
	const char *subject = delegation_get(request, ATTRIBUTE_CCERT_SUBJECT);
	const char *issuer = delegation_find(request, ATTRIBUTE_CCERT_ISSUER);

	if (room->digests.certificate[0] != '\0')
		facts->cert_fingerprint = room->digests.certificate;
	if (room->digests.pubkey[0] != '\0')
		facts->cert_pubkey_fingerprint = room->digests.pubkey;
	facts->cert_verified = is_verified(request) ? POLICY_YES : POLICY_NO;
	if (facts->cert_verified != POLICY_YES)
		return;
	facts->cert_cn = encoded_text(subject != NULL ? subject : "",
	    room->subject, sizeof(room->subject));
	if (issuer != NULL)
		facts->cert_issuer = encoded_text(issuer, room->issuer,
		    sizeof(room->issuer));
}

static void
gather_tls(const struct delegation *request, struct answer_room *room,
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
	facts->bits = facts_read_bits(delegation_get(request, ATTRIBUTE_ENCRYPTION_KEYSIZE));
	gather_certificate(request, room, facts);
}

/* A name that Postfix gives as "unknown" is none. */
static const char *
host_name(const struct delegation *request, enum attribute attribute)
{
	const char *name = delegation_find(request, attribute);

	return name != NULL && strcmp(name, "unknown") != 0 ? name : NULL;
}

static void
gather(const struct delegation *request, const struct asker *asker,
    struct answer_room *room, struct facts *facts)
{
	const struct facts nothing = FACTS_INIT;
	const char *sender = delegation_find(request, ATTRIBUTE_SENDER);

	*facts = nothing;
	facts->mta = "postfix";
	facts->session = asker->session;
	if (asker->key.client.known) {
		facts->client_addr = delegation_get(request, ATTRIBUTE_CLIENT_ADDRESS);
		facts->client_port = asker->key.client.port;
	}
	facts->client_name = host_name(request, ATTRIBUTE_CLIENT_NAME);
	facts->client_ptr = host_name(request, ATTRIBUTE_REVERSE_CLIENT_NAME);
	facts->helo = delegation_find(request, ATTRIBUTE_HELO_NAME);
	facts->sasl_username = delegation_find(request, ATTRIBUTE_SASL_USERNAME);
	facts->from = sender != NULL ? sender : "<>";
	facts->to = delegation_get(request, ATTRIBUTE_RECIPIENT);
	facts->queue_id = delegation_find(request, ATTRIBUTE_QUEUE_ID);
	gather_tls(request, room, facts);
}

/* ------------------------------------------------------------------ *
 * Beside the milter
 * ------------------------------------------------------------------ */

/* What Postfix's instance begins with: the id of its process. */
static uint64_t
process_of(const struct delegation *request, const struct asker *asker)
{
	const char *instance = delegation_find(request, ATTRIBUTE_INSTANCE);
	uint64_t hash = 0xcbf29ce484222325u;

	if (instance == NULL)
		return asker->serial;
	for (; *instance != '\0' && *instance != '.'; instance++)
		hash = (hash ^ (unsigned char)*instance) * 0x100000001b3u;
	return hash | UINT64_C(1) << 63;
}

static void
keep(struct service *service, const struct asker *asker,
    const struct delegation *request)
{
	struct join_request heard = {
		.key = asker->key,
		.process = process_of(request, asker),
		.sender = delegation_get(request, ATTRIBUTE_SENDER),
		.recipient = delegation_get(request, ATTRIBUTE_RECIPIENT),
	};

	/* Of a session in clear text nothing is to be told; it may become another. */
	if (delegation_find(request, ATTRIBUTE_ENCRYPTION_PROTOCOL) == NULL)
		return;
	join_text(heard.tls.protocol, sizeof(heard.tls.protocol),
	    delegation_get(request, ATTRIBUTE_ENCRYPTION_PROTOCOL));
	join_text(heard.tls.cipher, sizeof(heard.tls.cipher),
	    delegation_get(request, ATTRIBUTE_ENCRYPTION_CIPHER));
	heard.tls.bits = facts_read_bits(delegation_get(request,
	    ATTRIBUTE_ENCRYPTION_KEYSIZE));
	heard.tls.verified = is_verified(request);
	read_digests(service, request, &heard.digests);
	join_put(service->join, &heard, log_time_ms());
}

/* ------------------------------------------------------------------ *
 * Alone
 * ------------------------------------------------------------------ */

/*
 * Whether an accepted recipient is worth a record: the first of its message is, and
 * a later one where its verdict has more to say. Remembers that it was.
 */
static bool
is_news(struct asker *asker, const char *instance, const struct verdict *verdict)
{
	int rank = message_rank(verdict);

	if (instance != NULL && strcmp(asker->instance, instance) == 0 &&
	    rank / 4 <= asker->rank / 4)
		return false;
	join_text(asker->instance, sizeof(asker->instance), instance);
	asker->rank = rank;
	return true;
}

static void
refuse(const struct verdict *verdict, const struct facts *facts, struct buffer *out)
{
	struct policy_reply reply;

	if (policy_reply(verdict, facts, &reply))
		buffer_format(out, "action=%s %s %s\n\n", reply.code, reply.enhanced,
		    reply.text);
	else
		buffer_string(out, "action=451 4.3.0 Internal error, please try again "
		    "later\n\n");
}

static void
give(const struct verdict *verdict, const struct facts *facts, struct buffer *out)
{
	char reason[DECISION_REASON_SIZE];

	if (decision_refuses(verdict)) {
		refuse(verdict, facts, out);
	} else if (verdict->action == POLICY_QUARANTINE) {
		decision_hold_reason(verdict, reason);
		buffer_format(out, "action=HOLD %s\n\n", reason);
	} else {
		dunno(out);
	}
}

static void
judge(struct service *service, struct asker *asker, const struct delegation *request,
    struct buffer *out)
{
	struct snapshot *snapshot = snapshots_acquire(service->snapshots);
	struct question question = { .snapshot = snapshot, .can_quarantine = true };
	struct answer_room room = { .subject = "" };
	struct verdict verdict;
	struct facts facts;

	read_digests(service, request, &room.digests);
	gather(request, asker, &room, &facts);
	counters_session(&service->counters, &facts, &asker->counted);
	question.facts = &facts;
	if (decision_make(service, &question, &verdict) == 0) {
		if (decision_refuses(&verdict) || is_news(asker,
		    delegation_find(request, ATTRIBUTE_INSTANCE), &verdict))
			decision_record(service, &facts, &verdict);
		give(&verdict, &facts, out);
	} else if (decision_error_accepts(service, asker->session)) {
		dunno(out);
	} else {
		buffer_string(out, "action=451 4.3.0 Internal error, please try again "
		    "later\n\n");
	}
	snapshots_release(service->snapshots, &snapshot);
}

/* ------------------------------------------------------------------ *
 * The request
 * ------------------------------------------------------------------ */

/* Whether the milter has that session before it, and judges it. */
static bool
is_beside(const struct service *service, const struct asker *asker)
{
	switch (service->settings->policy_service_answers) {
	case SETTINGS_ANSWERS_FACTS:
		return true;
	case SETTINGS_ANSWERS_VERDICT:
		return false;
	default:
		return join_sees(service->join, &asker->key);
	}
}

static void
take_key(struct asker *asker, const struct delegation *request)
{
	struct join_key key;

	memset(&key, 0, sizeof(key));
	join_end_set(&key.client, delegation_get(request, ATTRIBUTE_CLIENT_ADDRESS),
	    delegation_get(request, ATTRIBUTE_CLIENT_PORT));
	join_end_set(&key.server, delegation_get(request, ATTRIBUTE_SERVER_ADDRESS),
	    delegation_get(request, ATTRIBUTE_SERVER_PORT));
	if (asker->session[0] != '\0' && join_same(&asker->key, &key))
		return;
	asker->key = key;
	asker->counted = 0;
	session_make_id(asker->session);
}

bool
answer_request(struct service *service, struct asker *asker,
    const struct delegation *request, struct buffer *out)
{
	const char *state = delegation_get(request, ATTRIBUTE_PROTOCOL_STATE);

	counters_add(&service->counters, COUNTER_REQUESTS);
	if (state == NULL)
		return false;
	if (strcmp(state, "RCPT") != 0) {
		dunno(out);
		return true;
	}
	if (delegation_get(request, ATTRIBUTE_CLIENT_ADDRESS) == NULL ||
	    delegation_get(request, ATTRIBUTE_SENDER) == NULL ||
	    delegation_find(request, ATTRIBUTE_RECIPIENT) == NULL)
		return false;
	take_key(asker, request);
	if (is_beside(service, asker)) {
		keep(service, asker, request);
		dunno(out);
	} else {
		judge(service, asker, request, out);
	}
	return true;
}
