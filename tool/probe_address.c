/*
 * probe_address.c - what one address is asked, in which order.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/probe_smtp.h"
#include "tool/probe_tls.h"
#include "tool/probe_wire.h"

#define ADDRESS_REFUSALS_MAX 2

/* One address while it is asked. */
struct address_run {
	struct probe_budget *budget;
	struct probe_address *address;
	struct tls_client *client;
	const char *host;	/* for progress */
	const char *name;	/* for SNI; NULL: none */
	unsigned refusals;
	bool told;		/* how it speaks SMTP is in the address */
	bool stop;		/* nothing more is asked */
	bool no_memory;
};

const char *
probe_protocol_name(enum probe_protocol protocol)
{
	static const char *const names[PROBE_PROTOCOLS] = {
		"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"
	};

	return names[protocol];
}

/* How it speaks SMTP: of the conversation that came furthest. */
static void
address_tell(struct address_run *run, const struct smtp_told *told)
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

/* Gets a connection on which TLS can begin. False: it does not, or no more is asked. */
static bool
address_begin(struct address_run *run, struct wire *wire, const char *what)
{
	struct smtp_told told;
	enum smtp_result result;

	if (run->stop)
		return false;
	result = smtp_begin(wire, run->budget, run->address, run->host, what, &told);
	if (result == SMTP_STARTTLS) {
		address_tell(run, &told);
		return true;
	}
	wire_close(wire);
	if (result == SMTP_DEADLINE)
		run->address->cut_short = true;
	if (run->address->reached < REACHED_STARTTLS)
		address_tell(run, &told);
	run->refusals++;
	if (result == SMTP_LEAVE || run->refusals >= ADDRESS_REFUSALS_MAX)
		run->address->refused = run->stop = true;
	else if (result != SMTP_REFUSED)
		run->stop = true;
	return false;
}

static void
address_take(struct probe_address *address, struct tls_answer *answer)
{
	address->protocol = answer->protocol;
	address->offers[answer->protocol] = OFFER_YES;
	memcpy(address->cipher, answer->cipher, sizeof(address->cipher));
	memcpy(address->group, answer->group, sizeof(address->group));
	address->bits = answer->bits;
	address->renegotiation = answer->renegotiation;
	address->chain = answer->chain;
	address->wants_certificate = answer->wants_certificate ? OFFER_YES : OFFER_NO;
	address->requires_certificate = answer->requires_certificate;
	address->authorities = answer->authorities;
	address->authority_count = answer->authority_count;
	answer->chain = NULL;
	answer->authorities = NULL;
	answer->authority_count = 0;
}

/* As a client of today. */
static void
address_ask_today(struct address_run *run)
{
	const struct tls_ask ask = { PROBE_TLS_1_0, PROBE_TLS_1_3, NULL, NULL, run->name };
	struct tls_answer answer;
	struct wire wire;

	if (!address_begin(run, &wire, "a handshake as of today") &&
	    !address_begin(run, &wire, "a handshake as of today, once more"))
		return;
	tls_shake(run->client, &wire, &ask, &answer);
	wire_close(&wire);
	if (answer.result == TLS_SHAKEN)
		run->address->reached = REACHED_TLS;
	else
		memcpy(run->address->said, answer.said, sizeof(answer.said));
	if (answer.hello)
		address_take(run->address, &answer);
	run->no_memory |= answer.result == TLS_NO_MEMORY;
	tls_answer_free(&answer);
}

/* An address is no name for SNI (RFC 6066). */
static const char *
address_sni(const char *name)
{
	struct in6_addr ignored;

	return name == NULL || name[0] == '\0' ||
	    inet_pton(AF_INET, name, &ignored) == 1 ||
	    inet_pton(AF_INET6, name, &ignored) == 1 ? NULL : name;
}

bool
probe_address_ask(struct probe_budget *budget, const char *name,
    struct probe_address *address)
{
	struct address_run run = { .budget = budget, .address = address,
		.host = name != NULL ? name : address->text, .name = address_sni(name) };

	if ((run.client = tls_client_new()) == NULL)
		return false;
	address_ask_today(&run);
	tls_client_free(&run.client);
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
