/*
 * fuzz-map.c - one client of the TLS policy map, and what it is answered.
 *
 * The first byte says in pieces of which size the bytes after it come. What is answered
 * is held against a reader of the protocol that is written here, and against the policy.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/fuzz/fuzz-daemon.h"

#include "milter/tls_policy_map.h"
#include "policy/tls_policy.h"

static struct service service;
static struct settings settings;

/* The string of a netstring, and how long that is; NULL: it is none, or not whole. */
static const char *
oracle_string(const char *text, size_t left, size_t *length, size_t *taken)
{
	size_t digits = 0;

	*length = 0;
	while (digits < left && digits < 6 && text[digits] >= '0' && text[digits] <= '9')
		*length = *length * 10 + (size_t)(text[digits++] - '0');
	if (digits == 0 || digits > 5 || digits >= left || text[digits] != ':' ||
	    (digits > 1 && text[0] == '0') || *length > TLS_POLICY_REQUEST_MAX ||
	    left - digits - 1 <= *length || text[digits + 1 + *length] != ',')
		return NULL;
	*taken = digits + *length + 2;
	return text + digits + 1;
}

/* What the policy says of a key. */
static void
oracle_reply(const char *key, struct buffer *reply)
{
	const struct policy_options options = settings_policy_options(&settings,
	    log_time_ms() / 1000);
	struct buffer value = BUFFER_INIT;
	struct facts facts = FACTS_INIT;
	struct verdict verdict;

	facts.direction = "out";
	facts.next_hop = key;
	check(policy_decide(daemon_policy(0), &facts, &options, &verdict) == 0);
	if (policy_tls_policy(&verdict, &value))
		buffer_format(reply, "OK %s", value.text);
	else
		buffer_string(reply, "NOTFOUND ");
	buffer_free(&value);
}

static void
oracle_answer(const char *request, size_t length, struct buffer *answers)
{
	struct buffer reply = BUFFER_INIT;
	char *text = strndup(request, length);

	check(text != NULL);
	if (strncmp(text, "tlsward ", 8) != 0)
		buffer_string(&reply, "PERM no such map: it is called tlsward");
	else if (strlen(text) != length)
		buffer_string(&reply, "NOTFOUND ");
	else
		oracle_reply(text + 8, &reply);
	check(!reply.failed && strpbrk(reply.text, "\r\n") == NULL);
	netstring_append(answers, reply.text, reply.length);
	buffer_free(&reply);
	free(text);
}

/* All that comes of one client; what cannot be understood ends it. */
static void
serve(const char *bytes, size_t length, size_t piece)
{
	struct service_client client = { .fd = -1 };
	struct buffer wanted = BUFFER_INIT;
	enum client_end end = CLIENT_GOES_ON;
	size_t at = 0, string, taken;
	const char *request;

	while (at < length && end == CLIENT_GOES_ON) {
		size_t given = length - at < piece ? length - at : piece;

		end = tls_policy_map.take(&service, &client, bytes + at, given, &taken);
		check(taken > 0 && taken <= given);
		check(taken == given || end != CLIENT_GOES_ON || !client.under_way);
		at += taken;
	}
	for (at = 0; (request = oracle_string(bytes + at, length - at, &string,
	    &taken)) != NULL; at += taken)
		oracle_answer(request, string, &wanted);
	check(end != CLIENT_GOES_ON || !client.under_way == (at == length) || length == 0);
	check(!client.answers.failed && client.answers.length == wanted.length);
	check(wanted.length == 0 ||
	    memcmp(client.answers.text, wanted.text, wanted.length) == 0);
	service_client_close(&client);
	buffer_free(&wanted);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	size_t piece = fuzz_byte(&input) + 1;
	char *text = fuzz_rest(&input);

	daemon_start(&service, &settings, 0);
	serve(text, input.left, piece);
	free(text);
	daemon_end(&service);
	return 0;
}
