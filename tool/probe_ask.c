/*
 * probe_ask.c - one question to an address, and what its answer adds to what is known.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "tool/probe_smtp.h"
#include "tool/probe_wire.h"

#define ASK_REFUSALS_MAX 2
#define ASK_FLIGHT_MS 5000	/* for what follows a ServerHello: it may never come */

/* ------------------------------------------------------------------ *
 * What is known
 * ------------------------------------------------------------------ */

enum probe_offer *
ask_takes(struct probe_address *address, enum suite_kind kind)
{
	enum probe_offer *const takes[SUITE_KINDS] = {
		[SUITE_3DES] = &address->takes_3des, [SUITE_RC4] = &address->takes_rc4,
		[SUITE_DES] = &address->takes_des, [SUITE_EXPORT] = &address->takes_export,
		[SUITE_ANONYMOUS] = &address->takes_anonymous,
		[SUITE_NULL] = &address->takes_null
	};

	return takes[kind];
}

enum probe_protocol
ask_newest(const struct probe_address *address, enum probe_protocol most)
{
	for (int i = (int)most; i >= 0; i--)
		if (address->offers[i] == OFFER_YES)
			return (enum probe_protocol)i;
	return PROBE_PROTOCOLS;
}

/* What of an answer up to TLS 1.2 or of a handshake is noted in any case. */
static void
ask_note(struct probe_address *address, enum probe_protocol protocol, uint16_t code)
{
	const struct suite *suite = suite_of_code(code);
	struct probe_suite *at = address->suites;

	address->offers[protocol] = OFFER_YES;
	if (suite != NULL && suite->kind != SUITE_SOUND)
		*ask_takes(address, suite->kind) = OFFER_YES;
	for (size_t i = 0; i < address->suite_count; i++, at++)
		if (at->code == code) {
			at->protocol = protocol > at->protocol ? protocol : at->protocol;
			return;
		}
	if (address->suite_count == PROBE_SUITES_MAX)
		return;
	address->suite_count++;
	at->code = code;
	at->protocol = protocol;
	if (suite != NULL)
		(void)snprintf(at->name, sizeof(at->name), "%s", suite->name);
	else
		(void)snprintf(at->name, sizeof(at->name), "0x%04X", code);
}

/* ------------------------------------------------------------------ *
 * A connection
 * ------------------------------------------------------------------ */

/* How it speaks SMTP, of the conversation that came furthest. */
static void
ask_tell(struct ask_run *run, const struct smtp_told *told)
{
	struct probe_address *address = run->address;

	if (run->told && told->reached <= address->reached)
		return;
	run->told = true;
	address->reached = told->reached;
	address->error = told->error;
	address->starttls = told->starttls;
	memcpy(address->said, told->said, sizeof(address->said));
	memcpy(address->banner, told->banner, sizeof(address->banner));
}

/* A server that does not answer, or does not want to, is asked twice at most. */
static void
ask_refused(struct ask_run *run, bool leave)
{
	if (++run->refusals >= ASK_REFUSALS_MAX || leave)
		run->address->refused = run->stop = true;
}

/* Gets a connection on which TLS can begin. */
static bool
ask_begin(struct ask_run *run, struct wire *wire, const char *what)
{
	struct smtp_told told;
	enum smtp_result result;

	if (run->stop)
		return false;
	result = smtp_begin(wire, run->budget, run->address, run->host, what, &told);
	ask_tell(run, &told);
	if (result == SMTP_FINE)
		return true;
	wire_close(wire);
	if (result == SMTP_DEADLINE)
		run->address->cut_short = run->stop = true;
	else if (result == SMTP_REFUSED || result == SMTP_LEAVE)
		ask_refused(run, result == SMTP_LEAVE);
	else
		run->stop = true;
	return false;
}

/* ------------------------------------------------------------------ *
 * Handshakes
 * ------------------------------------------------------------------ */

enum ask_result
ask_handshake(struct ask_run *run, const struct tls_ask *ask, const char *what,
    struct tls_answer *answer)
{
	struct wire wire;

	memset(answer, 0, sizeof(*answer));
	answer->result = TLS_SILENT;
	if (!ask_begin(run, &wire, what))
		return ASK_UNKNOWN;
	tls_shake(run->client, &wire, ask, answer);
	wire_close(&wire);
	run->no_memory |= answer->result == TLS_NO_MEMORY;
	run->stop |= run->no_memory;
	/* One that misses a certificate would say this to everybody. */
	if (answer->result == TLS_SILENT ||
	    (answer->code == 421 && !answer->requires_certificate))
		ask_refused(run, answer->code == 421);
	if (answer->result == TLS_DEADLINE)
		run->address->cut_short = run->stop = true;
	if (answer->hello) {
		ask_note(run->address, answer->protocol, answer->suite);
		return ASK_TAKEN;
	}
	return answer->result == TLS_ALERT || answer->result == TLS_CLOSED ? ASK_REFUSED :
	    ASK_UNKNOWN;
}

/* ------------------------------------------------------------------ *
 * Hellos
 * ------------------------------------------------------------------ */

size_t
ask_suites(enum probe_protocol version, unsigned kinds, uint16_t suites[SUITES_MAX])
{
	const struct suite *suite;
	size_t count = 0;

	for (size_t i = 0; (suite = suite_at(i)) != NULL; i++)
		if ((kinds >> suite->kind & 1) != 0 &&
		    suite_is_tls13(suite) == (version == PROBE_TLS_1_3) &&
		    (version >= PROBE_TLS_1_2 || !suite_is_tls12(suite)))
			suites[count++] = suite->code;
	return count;
}

/* Takes what comes until it is enough. */
static enum wire_result
ask_listen(struct wire *wire, struct hello_answer *answer)
{
	enum wire_result result = WIRE_DONE;
	uint8_t bytes[4096];

	memset(answer, 0, sizeof(*answer));
	for (bool more = true, hello = false; more; ) {
		size_t length = sizeof(bytes);

		if ((result = wire_receive(wire, bytes, &length)) != WIRE_DONE)
			break;
		more = hello_take(answer, bytes, length);
		if (answer->said == HELLO_SERVER && !hello) {
			hello = true;
			wire_expect_until(wire, probe_clock_ms() + ASK_FLIGHT_MS);
		}
	}
	return result;
}

/* Sends the hello and, when its answer has come, the end. */
static enum wire_result
ask_speak(struct wire *wire, const struct hello_ask *ask, struct hello_answer *answer)
{
	static const uint8_t end[] = { 21, 3, 1, 0, 2, 1, 0 };	/* close_notify */
	uint8_t hello[HELLO_SIZE];
	size_t size = hello_write(ask, hello);
	enum wire_result result;

	wire_expect(wire);
	result = wire_send(wire, hello, size);
	/* One that closed may have said why before. */
	if (result == WIRE_DONE || result == WIRE_CLOSED)
		result = ask_listen(wire, answer);
	if (answer->said == HELLO_SERVER)
		(void)wire_send(wire, end, sizeof(end));
	return result;
}

static bool
ask_offered(const struct hello_ask *ask, uint16_t suite)
{
	for (size_t i = 0; i < ask->count; i++)
		if (ask->suites[i] == suite)
			return true;
	return false;
}

/* What came of it; a choice that was not offered is none. */
static enum ask_result
ask_hello_result(struct ask_run *run, const struct hello_ask *ask,
    enum wire_result result)
{
	const struct hello_answer *answer = run->answer;

	if (answer->said == HELLO_SERVER && answer->known &&
	    answer->version <= ask->version && ask_offered(ask, answer->suite)) {
		ask_note(run->address, answer->version, answer->suite);
		return ASK_TAKEN;
	}
	if (answer->said == HELLO_ALERT ||
	    (result == WIRE_CLOSED && answer->records == 0 && answer->header_size == 0))
		return ASK_REFUSED;
	if (result == WIRE_SILENT)
		ask_refused(run, false);
	if (result == WIRE_DEADLINE)
		run->address->cut_short = run->stop = true;
	return ASK_UNKNOWN;
}

enum ask_result
ask_hello(struct ask_run *run, enum probe_protocol version, const uint16_t *suites,
    size_t count, const char *what)
{
	struct hello_ask ask = { .version = version, .name = run->name };
	enum wire_result result;
	struct wire wire;

	ask.count = count < SUITES_MAX ? count : SUITES_MAX;
	memcpy(ask.suites, suites, ask.count * sizeof(*suites));
	if (RAND_bytes(ask.random, sizeof(ask.random)) != 1) {
		run->no_memory = run->stop = true;
		return ASK_UNKNOWN;
	}
	if (!ask_begin(run, &wire, what))
		return ASK_UNKNOWN;
	result = ask_speak(&wire, &ask, run->answer);
	wire_close(&wire);
	return ask_hello_result(run, &ask, result);
}
