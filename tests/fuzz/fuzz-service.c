/*
 * fuzz-service.c - one client of the policy service, and what it is answered.
 *
 * The first byte chooses the policy and what a quarantine is, the second how the bytes
 * after it come: in pieces of which size, and whether beside a milter, alone, or as it
 * turns out. What is answered is held against a reader of the protocol that is written
 * here.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz-daemon.h"

#include "milter/facts.h"

static struct service service;
static struct settings settings;
static size_t policy_index;
static bool beside;

/* ------------------------------------------------------------------ *
 * The protocol, by hand
 * ------------------------------------------------------------------ */

/* The value of an attribute in lines that end in NUL or newline; NULL: none. */
static char *
oracle_value(const char *text, size_t length, const char *name, char *room, size_t size)
{
	const char *end = text + length;
	size_t name_length = strlen(name), value;

	for (const char *line = text; line < end; line += strcspn(line, "\n") + 1) {
		value = strcspn(line, "\n");
		if (value > 0 && line[value - 1] == '\r')
			value--;
		if (value <= name_length || strncmp(line, name, name_length) != 0 ||
		    line[name_length] != '=')
			continue;
		(void)snprintf(room, size, "%.*s", (int)(value - name_length - 1),
		    line + name_length + 1);
		return room;
	}
	return NULL;
}

/* The strictest that the policy allows to be answered, from what certainly counts. */
static enum policy_action
oracle_judge(const char *text, size_t length)
{
	static char from[20000], to[20000], protocol[20000], cipher[20000], bits[64];
	static char address[20000], digest[20000], subject[20000], issuer[20000];
	static char user[20000], name[20000];
	struct facts facts = FACTS_INIT;
	const struct policy_options options = settings_policy_options(&settings, 1);
	struct verdict verdict;
	bool empty;
	char normal[CORRELATION_DIGEST_SIZE], key[CORRELATION_DIGEST_SIZE], *value;

#define VALUE(attribute, room) oracle_value(text, length, attribute, room, sizeof(room))
	facts.mta = "postfix";
	value = VALUE("sender", from);
	facts.from = value != NULL ? address_trim(value) : NULL;
	value = VALUE("recipient", to);
	facts.to = value != NULL ? address_trim(value) : NULL;
	facts.client_addr = VALUE("client_address", address);
	value = VALUE("sasl_username", user);
	facts.sasl_username = value != NULL && value[0] != '\0' ? value : NULL;
	facts.tls_version = VALUE("encryption_protocol", protocol);
	if (facts.tls_version != NULL && facts.tls_version[0] == '\0')
		facts.tls_version = "none";
	value = VALUE("encryption_cipher", cipher);
	if (facts.tls_version != NULL && value != NULL && value[0] != '\0')
		facts.cipher = value;
	value = VALUE("encryption_keysize", bits);
	if (facts.tls_version != NULL)
		facts.bits = correlation_number(value);
	value = VALUE("ccert_fingerprint", digest);
	if (value != NULL && value[0] == '\0')
		facts.cert_fingerprint = "none";
	else if (value != NULL && policy_fingerprint_normalize(value, normal,
	    sizeof(normal)))
		facts.cert_fingerprint = normal;
	empty = value == NULL || value[0] == '\0';
	value = VALUE("ccert_pubkey_fingerprint", digest);
	if (value != NULL && value[0] == '\0')
		facts.cert_pubkey_fingerprint = "none";
	else if (value != NULL && policy_fingerprint_normalize(value, key, sizeof(key)))
		facts.cert_pubkey_fingerprint = key;
	else if (value != NULL && empty)
		facts.cert_fingerprint = NULL;	/* a raw key, but not which */
	value = VALUE("ccert_subject", subject);
	facts.cert_verified = POLICY_NO;
	if (value != NULL && value[0] != '\0') {
		facts.cert_verified = POLICY_YES;
		facts.cert_cn = encoded_text(value, name, sizeof(name));
	}
	value = VALUE("ccert_issuer", issuer);
	if (value != NULL && value[0] != '\0') {
		facts.cert_verified = POLICY_YES;
		facts.cert_cn = facts.cert_cn != NULL ? facts.cert_cn : "";
	}
#undef VALUE
	check(policy_decide(daemon_policy(policy_index), &facts, &options,
	    &verdict) == 0);
	return verdict.action;
}

/* ------------------------------------------------------------------ *
 * Requests
 * ------------------------------------------------------------------ */

/* A complete request, "text" as it came. */
static void
answer(struct answer_state *state, const struct delegation *request, const char *text,
    size_t length)
{
	static const enum daemon_answer answers[] = {
		[POLICY_ACCEPT] = ANSWER_DUNNO, [POLICY_QUARANTINE] = ANSWER_HOLD,
		[POLICY_TEMPFAIL] = ANSWER_TEMPFAIL, [POLICY_REJECT] = ANSWER_REJECT
	};
	struct buffer out = BUFFER_INIT;
	unsigned records = daemon_records;
	enum daemon_answer given;
	char stage[64];
	const char *when = oracle_value(text, length, "protocol_state", stage,
	    sizeof(stage));

	if (!answer_request(&service, state, request, &out)) {
		check(out.length == 0 && daemon_records == records);
		buffer_free(&out);
		return;
	}
	given = daemon_read_answer(&out);
	check(daemon_records - records <= 1);
	if (when == NULL || strcmp(when, "RCPT") != 0 || beside)
		check(given == ANSWER_DUNNO && daemon_records == records);
	else {
		check(given == answers[oracle_judge(text, length)]);
		check(given < ANSWER_TEMPFAIL || daemon_records == records + 1);
	}
	buffer_free(&out);
}

/* Where the first empty line ends, with or without CR; 0: there is none. */
static size_t
oracle_end(const char *text, size_t length)
{
	for (size_t i = 1; i < length; i++)
		if (text[i] == '\n' && (text[i - 1] == '\n' ||
		    (i > 1 && text[i - 1] == '\r' && text[i - 2] == '\n')))
			return i + 1;
	return 0;
}

/* All that comes of one client; what cannot be understood ends it. */
static void
serve(const char *bytes, size_t length, size_t piece)
{
	struct answer_state state = { .serial = 1 };
	struct delegation request = { .state = DELEGATION_EMPTY }, whole = request;
	size_t start = 0, at = 0;

	while (at < length) {
		size_t given = length - at < piece ? length - at : piece;
		size_t taken = delegation_feed(&request, bytes + at, given);

		check(taken <= given);
		at += taken;
		if (request.state <= DELEGATION_PARTIAL) {
			check(taken == given);
			continue;
		}
		/* In one piece it is the same, up to the same byte. */
		check(delegation_feed(&whole, bytes + start, length - start) ==
		    at - start);
		check(whole.state == request.state);
		for (int i = 0; i < ATTRIBUTE_COUNT; i++)
			check(whole.values[i] == request.values[i]);
		delegation_clear(&whole);
		if (request.state != DELEGATION_COMPLETE)
			break;
		check(oracle_end(bytes + start, length - start) == at - start);
		answer(&state, &request, bytes + start, at - start);
		delegation_clear(&request);
		start = at;
	}
	check(request.state != DELEGATION_PARTIAL ||
	    oracle_end(bytes + start, length - start) == 0);
	delegation_clear(&request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	unsigned how;
	size_t quarantine;
	char *text;

	how = fuzz_byte(&input);
	policy_index = DAEMON_POLICY(how);
	quarantine = how / 64 % 3;
	how = fuzz_byte(&input);
	daemon_start(&service, &settings, policy_index);
	settings.quarantine_as = (enum settings_hold)quarantine;
	/* Told to tell facts, or to judge; or left alone beside a milter, or without one. */
	settings.policy_service_answers = how % 4 == 0 ? SETTINGS_ANSWERS_FACTS :
	    how % 4 == 1 ? SETTINGS_ANSWERS_VERDICT : SETTINGS_ANSWERS_AUTO;
	settings.set_at[SETTING_listen].line = how % 4 == 2;
	beside = how % 2 == 0;
	if (beside)
		service.correlation = correlation_new();
	check(!beside || service.correlation != NULL);
	text = fuzz_rest(&input);
	serve(text, input.left, how / 4 + 1);
	free(text);
	correlation_free(&service.correlation);
	daemon_end(&service);
	return 0;
}
