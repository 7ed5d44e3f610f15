/*
 * probe_more.c - what else an address is asked: weak suites, the terms of a rule, another
 * certificate, the size of a group.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdio.h>
#include <string.h>

#include "tool/probe_ask.h"

/* ------------------------------------------------------------------ *
 * Suites that should not be
 * ------------------------------------------------------------------ */

/* Offers those kinds alone of which nothing is known. False: it did not say. */
static bool
more_ask_weak(struct ask_run *run, enum probe_protocol version)
{
	uint16_t suites[SUITES_MAX];
	enum ask_result result = ASK_TAKEN;

	while (result == ASK_TAKEN) {
		unsigned kinds = 0;
		size_t count;

		for (int i = SUITE_SOUND + 1; i < SUITE_KINDS; i++)
			if (*ask_takes(run->address, (enum suite_kind)i) == OFFER_UNKNOWN)
				kinds |= 1U << i;
		if (kinds == 0)
			return true;
		count = ask_suites(version, kinds, suites);
		result = ask_hello(run, version, suites, count, "weak suites");
	}
	return result == ASK_REFUSED;
}

/* Some take a suite with one version alone; TLS 1.1 has none that TLS 1.0 has not. */
void
ask_weaknesses(struct ask_run *run)
{
	struct probe_address *address = run->address;
	int newest = (int)ask_newest(address, PROBE_TLS_1_2);
	bool all = newest != PROBE_PROTOCOLS || address->offers[PROBE_TLS_1_2] == OFFER_NO;

	for (int i = PROBE_TLS_1_2; i >= PROBE_SSL_3; i--)
		if (address->offers[i] == OFFER_YES && (i == newest || i != PROBE_TLS_1_1))
			all &= more_ask_weak(run, (enum probe_protocol)i);
	for (int i = SUITE_SOUND + 1; all && i < SUITE_KINDS; i++)
		if (*ask_takes(address, (enum suite_kind)i) == OFFER_UNKNOWN)
			*ask_takes(address, (enum suite_kind)i) = OFFER_NO;
}

/* ------------------------------------------------------------------ *
 * What a rule wants
 * ------------------------------------------------------------------ */

/* The suites up to TLS 1.2 of a list, also those that OpenSSL does not have any more. */
static size_t
more_read_list(const struct ask_run *run, const char *list, uint16_t suites[SUITES_MAX])
{
	static const char separators[] = ": ,;";
	size_t count = tls_list(run->client, list, suites, SUITES_MAX);

	while (*(list += strspn(list, separators)) != '\0') {
		size_t length = strcspn(list, separators);
		const struct suite *suite = suite_of_name(list, length);
		bool there = suite == NULL || suite_is_tls13(suite);

		for (size_t i = 0; i < count && !there; i++)
			there = suites[i] == suite->code;
		if (!there && count < SUITES_MAX)
			suites[count++] = suite->code;
		list += length;
	}
	return count;
}

static void
more_grant(struct probe_address *address, enum probe_protocol protocol, uint16_t code)
{
	const struct suite *suite = suite_of_code(code);

	address->wish.taken = OFFER_YES;
	address->wish.protocol = protocol;
	if (suite == NULL)
		return;
	(void)snprintf(address->wish.cipher, sizeof(address->wish.cipher), "%s",
	    suite->name);
	address->wish.bits = suite_bits(suite);
}

/* The best version that both have; TLS 1.3 has the suites that were seen with it. */
void
ask_wish(struct ask_run *run)
{
	const struct probe_wish *wish = run->budget->wish;
	struct probe_address *address = run->address;
	uint16_t suites[SUITES_MAX];
	enum ask_result result;
	int version = PROBE_TLS_1_3;
	size_t count;

	if (wish == NULL)
		return;
	while (version >= PROBE_SSL_3 && (address->offers[version] != OFFER_YES ||
	    (wish->protocols >> version & 1) == 0))
		version--;
	if (version < PROBE_SSL_3) {
		address->wish.taken = address->reached < REACHED_STARTTLS || run->stop ?
		    OFFER_UNKNOWN : OFFER_NO;
		return;
	}
	for (size_t i = 0; version == PROBE_TLS_1_3 && i < address->suite_count; i++)
		if (address->suites[i].protocol == PROBE_TLS_1_3) {
			more_grant(address, PROBE_TLS_1_3, address->suites[i].code);
			return;
		}
	count = wish->ciphers[0] != '\0' ? more_read_list(run, wish->ciphers, suites) :
	    ask_suites((enum probe_protocol)version, SUITE_ALL_KINDS, suites);
	if (count == 0)
		return;
	result = ask_hello(run, (enum probe_protocol)version, suites, count,
	    "what the rule wants");
	if (result == ASK_TAKEN && (wish->protocols >> run->answer->version & 1) != 0)
		more_grant(address, run->answer->version, run->answer->suite);
	else if (result != ASK_UNKNOWN)
		address->wish.taken = OFFER_NO;
}

/* ------------------------------------------------------------------ *
 * Certificates and groups
 * ------------------------------------------------------------------ */

static bool
more_has_leaf(const struct probe_address *address, const X509 *leaf)
{
	for (int i = 0; address->others != NULL && i < sk_X509_num(address->others); i++)
		if (X509_cmp(sk_X509_value(address->others, i), leaf) == 0)
			return true;
	return X509_cmp(sk_X509_value(address->chain, 0), leaf) == 0;
}

/* Whether it has a certificate with the other kind of key. */
void
ask_other_leaf(struct ask_run *run)
{
	struct probe_address *address = run->address;
	struct tls_ask ask = { PROBE_TLS_1_0, PROBE_TLS_1_3,
		"ECDHE+aECDSA:@SECLEVEL=0", "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:"
		"ECDSA+SHA224:ECDSA+SHA1:ed25519:ed448", run->name };
	const char *what = "a certificate with an ECDSA key";
	struct tls_answer answer;
	X509 *leaf;

	if (address->chain == NULL || run->stop)
		return;
	if (EVP_PKEY_get_base_id(X509_get0_pubkey(sk_X509_value(address->chain, 0))) !=
	    EVP_PKEY_RSA) {
		ask.ciphers = "aRSA:!eNULL:!PSK:!SRP:@SECLEVEL=0";
		ask.signatures = "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
		    "RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA224:RSA+SHA1";
		what = "a certificate with an RSA key";
	}
	(void)ask_handshake(run, &ask, what, &answer);
	leaf = answer.chain != NULL ? sk_X509_value(answer.chain, 0) : NULL;
	if (leaf != NULL && !more_has_leaf(address, leaf)) {
		if (address->others == NULL)
			address->others = sk_X509_new_null();
		if (address->others != NULL && X509_up_ref(leaf) == 1 &&
		    sk_X509_push(address->others, leaf) == 0)
			X509_free(leaf);
	}
	tls_answer_free(&answer);
}

void
ask_dh(struct ask_run *run)
{
	struct probe_address *address = run->address;
	enum probe_protocol version = ask_newest(address, PROBE_TLS_1_2);
	uint16_t suites[SUITES_MAX];
	enum ask_result result;
	size_t count, kept = 0;

	if (version == PROBE_PROTOCOLS)
		return;
	count = ask_suites(version, 1U << SUITE_SOUND | 1U << SUITE_3DES, suites);
	for (size_t i = 0; i < count; i++)
		if (suite_exchange(suite_of_code(suites[i])) == EXCHANGE_DHE)
			suites[kept++] = suites[i];
	result = ask_hello(run, version, suites, kept, "the size of its DH group");
	address->dh_bits = result == ASK_REFUSED ? 0 :
	    result == ASK_TAKEN && run->answer->dh_bits > 0 ? run->answer->dh_bits : -1;
}
