/*
 * probe_address.c - what an address is asked, in which order.
 *
 * Of a server as it should be, in about eight connections: a handshake as of today; one
 * of TLS 1.2; whether it has anything older, which a hello of TLS 1.1 with all suites
 * shows, and one of SSL 3; whether it takes a suite that it should not, all in one hello; whose
 * order of suites counts; a certificate of the other kind of key; the size of its
 * Diffie-Hellman group. What is not in order takes one more each.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "tool/probe_ask.h"
#include "base/text.h"

const char *
probe_protocol_name(enum probe_protocol protocol)
{
	static const char *const names[PROBE_PROTOCOLS] = {
		"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"
	};

	return names[protocol];
}

/* ------------------------------------------------------------------ *
 * What it showed
 * ------------------------------------------------------------------ */

/* The first answer is that of the best handshake. */
static void
address_take_handshake(struct probe_address *address, struct tls_answer *answer)
{
	address->protocol = answer->protocol;
	memcpy(address->cipher, answer->cipher, sizeof(address->cipher));
	memcpy(address->group, answer->group, sizeof(address->group));
	address->bits = answer->bits;
	address->renegotiation = answer->renegotiation;
	address->wants_certificate = answer->wants_certificate ? OFFER_YES :
	    answer->shaken ? OFFER_NO : OFFER_UNKNOWN;
	address->requires_certificate = answer->requires_certificate;
	address->chain = answer->chain;
	address->authorities = answer->authorities;
	address->authority_count = answer->authority_count;
	answer->chain = NULL;
	answer->authorities = NULL;
	answer->authority_count = 0;
}

static STACK_OF(X509) *
address_read_chain(const struct hello_answer *answer)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct hello_part part = answer->chain;
	const uint8_t *der;
	size_t length;

	while (chain != NULL &&
	    (der = hello_next_certificate(answer, &part, &length)) != NULL) {
		X509 *certificate = d2i_X509(NULL, &der, (long)length);

		if (certificate == NULL || sk_X509_push(chain, certificate) == 0) {
			X509_free(certificate);
			break;
		}
	}
	if (chain != NULL && sk_X509_num(chain) == 0) {
		sk_X509_free(chain);
		chain = NULL;
	}
	return chain;
}

static void
address_read_authorities(const struct hello_answer *answer, struct probe_address *address)
{
	struct hello_part part = answer->authorities;
	const uint8_t *der;
	size_t length;

	address->authorities = calloc(PROBE_AUTHORITIES_MAX, sizeof(*address->authorities));
	while (address->authorities != NULL &&
	    address->authority_count < PROBE_AUTHORITIES_MAX &&
	    (der = hello_next_authority(answer, &part, &length)) != NULL) {
		X509_NAME *name = d2i_X509_NAME(NULL, &der, (long)length);
		char *text = name != NULL ? tls_name_text(name) : NULL;

		X509_NAME_free(name);
		if (text == NULL)
			break;
		address->authorities[address->authority_count++] = text;
	}
}

/* What is read of a hello's answer stands in for the handshake that there was not. */
static void
address_take_hello(struct ask_run *run)
{
	struct probe_address *address = run->address;
	const struct hello_answer *answer = run->answer;
	const struct suite *suite = suite_of_code(answer->suite);

	if (address->cipher[0] == '\0' && suite != NULL) {
		address->protocol = answer->version;
		(void)snprintf(address->cipher, sizeof(address->cipher), "%s", suite->name);
		address->bits = suite_bits(suite);
		address->renegotiation = answer->renegotiation;
	}
	address->renegotiation &= answer->renegotiation;
	if (address->chain == NULL)
		address->chain = address_read_chain(answer);
	if (address->wants_certificate == OFFER_UNKNOWN && answer->whole &&
	    answer->version < PROBE_TLS_1_3) {
		address->wants_certificate = answer->wants_certificate ? OFFER_YES :
		    OFFER_NO;
		if (answer->authorities.length > 0)
			address_read_authorities(answer, address);
	}
}

/* ------------------------------------------------------------------ *
 * Versions
 * ------------------------------------------------------------------ */

/* A version that was passed over, or refused, is not there. */
static void
address_without(struct probe_address *address, int from, int to)
{
	for (int i = from; i <= to; i++)
		if (address->offers[i] == OFFER_UNKNOWN)
			address->offers[i] = OFFER_NO;
}

/* As a client of today, whose name for the server may not be known there. */
static enum ask_result
address_ask_today(struct ask_run *run)
{
	struct tls_ask ask = { PROBE_TLS_1_0, PROBE_TLS_1_3, NULL, NULL, run->name };
	struct probe_address *address = run->address;
	struct tls_answer answer;
	enum ask_result result = ask_handshake(run, &ask, "a handshake", &answer);

	if (address->reached < REACHED_STARTTLS && address->starttls) {
		tls_answer_free(&answer);
		result = ask_handshake(run, &ask, "a handshake, once more", &answer);
	} else if (answer.alert == SSL_AD_UNRECOGNIZED_NAME && run->name != NULL) {
		tls_answer_free(&answer);
		run->name = ask.name = NULL;
		result = ask_handshake(run, &ask, "a handshake without SNI", &answer);
	}
	if (answer.shaken && !answer.requires_certificate)
		address->reached = REACHED_TLS;
	if (answer.said[0] != '\0')
		memcpy(address->said, answer.said, sizeof(address->said));
	if (result == ASK_TAKEN) {
		address_take_handshake(address, &answer);
		address_without(address, (int)answer.protocol + 1, PROBE_TLS_1_3);
	} else if (result == ASK_REFUSED) {
		address_without(address, PROBE_TLS_1_3, PROBE_TLS_1_3);
	}
	tls_answer_free(&answer);
	return result;
}

/* TLS 1.2, or what it has below. */
static enum ask_result
address_ask_tls12(struct ask_run *run)
{
	const struct tls_ask ask = { PROBE_TLS_1_0, PROBE_TLS_1_2, NULL, NULL, run->name };
	struct probe_address *address = run->address;
	struct tls_answer answer;
	enum ask_result result = ask_handshake(run, &ask, "TLS 1.2", &answer);

	if (result == ASK_TAKEN)
		address->renegotiation &= answer.renegotiation;
	if (answer.shaken && !answer.requires_certificate &&
	    address->reached < REACHED_TLS) {
		address->reached = REACHED_TLS;
		address->said[0] = '\0';
	}
	tls_answer_free(&answer);
	return result;
}

/* A hello of that version, with all suites. */
static enum ask_result
address_ask_version(struct ask_run *run, enum probe_protocol version)
{
	uint16_t suites[SUITES_MAX];
	size_t count = ask_suites(version, SUITE_ALL_KINDS, suites);
	enum ask_result result = ask_hello(run, version, suites, count,
	    probe_protocol_name(version));

	if (result == ASK_TAKEN)
		address_take_hello(run);
	return result;
}

/* The newest that it has of "most" and below; -1: none, or it is not known. */
static int
address_step_down(struct ask_run *run, int most)
{
	struct probe_address *address = run->address;
	enum ask_result result = ASK_UNKNOWN;
	int found;

	if (most == PROBE_TLS_1_2 && address->offers[PROBE_TLS_1_3] == OFFER_YES)
		result = address_ask_tls12(run);
	if (result != ASK_TAKEN)
		result = address_ask_version(run, (enum probe_protocol)most);
	if (result == ASK_TAKEN) {
		found = (int)ask_newest(address, (enum probe_protocol)most);
		address_without(address, found + 1, most);
		return found;
	}
	/* It may have taken offence at what SSL 3 does not know. */
	if (result == ASK_REFUSED && most > PROBE_SSL_3)
		(void)address_ask_version(run, PROBE_SSL_3);
	if (result == ASK_REFUSED)
		address_without(address, PROBE_SSL_3, most);
	return -1;
}

static void
address_ask_versions(struct ask_run *run)
{
	int version = (int)ask_newest(run->address, PROBE_TLS_1_3);

	if (version == PROBE_PROTOCOLS)
		version = PROBE_TLS_1_3;
	while (version > PROBE_SSL_3 && !run->stop)
		version = address_step_down(run, version - 1);
}

/* ------------------------------------------------------------------ *
 * All
 * ------------------------------------------------------------------ */

static void
address_ask_all(struct ask_run *run)
{
	(void)address_ask_today(run);
	if (run->address->reached < REACHED_STARTTLS)
		return;
	address_ask_versions(run);
	ask_wish(run);
	if (run->budget->full)
		ask_all_suites(run);
	if (!run->address->suites_whole)
		ask_weaknesses(run);
	if (!run->budget->full)
		ask_order(run);
	ask_other_leaf(run);
	ask_dh(run);
}

/* An address is no name for SNI (RFC 6066). */
static const char *
address_sni(const char *name)
{
	return name == NULL || name[0] == '\0' || text_is_address(name) ? NULL : name;
}

bool
probe_address_ask(struct probe_budget *budget, const char *name,
    struct probe_address *address)
{
	struct ask_run run = { .budget = budget, .address = address,
		.host = name != NULL ? name : address->text, .name = address_sni(name) };

	run.client = tls_client_new();
	run.answer = calloc(1, sizeof(*run.answer));
	if (run.client != NULL && run.answer != NULL)
		address_ask_all(&run);
	else
		run.no_memory = true;
	tls_client_free(&run.client);
	free(run.answer);
	return !run.no_memory;
}

void
probe_address_free(struct probe_address *address)
{
	sk_X509_pop_free(address->chain, X509_free);
	sk_X509_pop_free(address->others, X509_free);
	for (size_t i = 0; i < address->authority_count; i++)
		free(address->authorities[i]);
	free(address->authorities);
	address->chain = address->others = NULL;
	address->authorities = NULL;
	address->authority_count = 0;
}
