/*
 * unit-probe-findings.c - what tlsward probe finds, of servers that are not there.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/probe_result.h"

#include <errno.h>

#include "unit.h"

/* MTA-STS and what frees a target are another's. */
bool
probe_sts_fits(const struct probe_sts *sts, const char *host)
{
	(void)sts;
	(void)host;
	return true;
}

void
probe_target_free(struct probe_target *target)
{
	(void)target;
}

/* A healthy server of today; its chain has no certificates but those that are told of. */
static struct probe_result *
healthy(void)
{
	struct probe_result *result = calloc(1, sizeof(*result));
	struct probe_host *host = &result->target.hosts[0];
	struct probe_address *address = &host->addresses[0];
	struct probe_chain *chain = &result->seen[0][0].chain;

	assert_non_null(result);
	result->now = 1000000000;
	result->target.host_count = host->address_count = 1;
	strcpy(result->target.asked, "mx.acme.example");
	strcpy(host->name, "mx.acme.example");
	strcpy(address->text, "192.0.2.7");
	address->reached = REACHED_TLS;
	address->starttls = address->renegotiation = true;
	address->offers[PROBE_TLS_1_2] = address->offers[PROBE_TLS_1_3] = OFFER_YES;
	address->protocol = PROBE_TLS_1_3;
	strcpy(address->cipher, "TLS_AES_256_GCM_SHA384");
	address->chain = sk_X509_new_null();
	assert_true(sk_X509_push(address->chain, X509_new()) > 0);
	*chain = (struct probe_chain){
		.ordered = true, .complete = true, .verified = true, .names_host = true,
		.not_before = 1, .not_after = 2000000000, .first_end = 2000000000,
		.key = "rsa:2048", .signature = "sha256"
	};
	return result;
}

static void
done(struct probe_result *result)
{
	sk_X509_pop_free(result->target.hosts[0].addresses[0].chain, X509_free);
	free(result->findings);
	free(result);
}

/* Whether that finding alone is found; NULL: none. */
static void
finds(struct probe_result *result, const char *id, enum probe_level level)
{
	assert_true(probe_find(result));
	assert_int_equal(result->finding_count, id != NULL);
	if (id != NULL) {
		assert_string_equal(result->findings[0].id, id);
		assert_int_equal(result->findings[0].level, level);
		assert_string_not_equal(result->findings[0].fix, "");
		assert_null(strstr(result->findings[0].text, "%s"));
	}
	done(result);
}

static void
nothing_of_a_healthy_server(void **state)
{
	(void)state;
	finds(healthy(), NULL, PROBE_INFO);
}

/* Each edge of a number that decides, on both sides. */
static void
edges(void **state)
{
	static const struct {
		int64_t end;
		int dh_bits;
		const char *key, *id;
		enum probe_level level;
	} cases[] = {
		{ 1000000000 + 14 * 86400 - 1, 0, "rsa:2048", "ends-soon", PROBE_WARNING },
		{ 1000000000 + 14 * 86400, 0, "rsa:2048", NULL, PROBE_INFO },
		{ 2000000000, 1023, "rsa:2048", "weak-dh", PROBE_FAULT },
		{ 2000000000, 1024, "rsa:2048", "weak-dh", PROBE_WARNING },
		{ 2000000000, 2047, "rsa:2048", "weak-dh", PROBE_WARNING },
		{ 2000000000, 2048, "rsa:2048", NULL, PROBE_INFO },
		{ 2000000000, -1, "rsa:2048", NULL, PROBE_INFO },
		{ 2000000000, 0, "rsa:2047", "weak-key", PROBE_FAULT },
		{ 2000000000, 0, "ec:P-256", NULL, PROBE_INFO },
		{ 999999999, 0, "rsa:2048", "expired", PROBE_FAULT }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_result *result = healthy();
		struct probe_chain *chain = &result->seen[0][0].chain;

		chain->not_after = chain->first_end = cases[i].end;
		strcpy(chain->key, cases[i].key);
		result->target.hosts[0].addresses[0].dh_bits = cases[i].dh_bits;
		finds(result, cases[i].id, cases[i].level);
	}
}

/* What is wrong for others is information where DANE verifies, but not with MTA-STS. */
static void
dane_softens(void **state)
{
	(void)state;
	for (int sts = 0; sts < 2; sts++) {
		struct probe_result *result = healthy();
		struct probe_chain *chain = &result->seen[0][0].chain;
		struct probe_host *host = &result->target.hosts[0];

		chain->self_signed = true;
		chain->verified = false;
		chain->verify_error = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
		chain->tlsa_usable = host->tlsa_count = 1;
		chain->tlsa_matches = chain->tlsa_of_chain = true;
		host->secure = host->tlsa_secure = SECURE_YES;
		result->target.sts.record = sts == 1;
		finds(result, "self-signed", sts == 1 ? PROBE_FAULT : PROBE_INFO);
	}
}

/* An address that this machine has no way to says nothing of the server. */
static void
no_way_is_no_fault(void **state)
{
	static const struct {
		int error;
		const char *id;
		enum probe_level level;
	} cases[] = {
		{ ENETUNREACH, "no-route", PROBE_INFO },
		{ ECONNREFUSED, "unreachable", PROBE_FAULT },
		{ ETIMEDOUT, "unreachable", PROBE_FAULT }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_result *result = healthy();
		struct probe_address *address = &result->target.hosts[0].addresses[0];

		sk_X509_pop_free(address->chain, X509_free);
		*address = (struct probe_address){ .error = cases[i].error };
		finds(result, cases[i].id, cases[i].level);
	}
}

/* What had no time to answer is not blamed for it. */
static void
no_time_is_no_fault(void **state)
{
	struct probe_result *result = healthy();
	struct probe_address *address = &result->target.hosts[0].addresses[0];

	(void)state;
	sk_X509_pop_free(address->chain, X509_free);
	*address = (struct probe_address){
		.reached = REACHED_CONNECTION, .cut_short = true
	};
	result->stopped = true;
	finds(result, "not-all-asked", PROBE_INFO);
}

static void
signature_of_an_authority(void **state)
{
	struct probe_result *result = healthy();

	(void)state;
	strcpy(result->seen[0][0].chain.weak_signature, "sha1");
	finds(result, "weak-signature", PROBE_WARNING);
}

/* The first line does not make a fault look well. */
static void
first_line_tells_faults(void **state)
{
	struct probe_result *result = healthy();
	struct probe_target *target = &result->target;
	struct probe_address *address = &target->hosts[0].addresses[0];

	(void)state;
	address->offers[PROBE_TLS_1_2] = address->offers[PROBE_TLS_1_3] = OFFER_NO;
	address->offers[PROBE_SSL_3] = address->offers[PROBE_TLS_1_0] = OFFER_YES;
	address->reached = REACHED_STARTTLS;
	strcpy(target->hosts[1].name, "mx2.acme.example");
	target->hosts[1].address_count = 1;
	target->hosts[1].addresses[0].error = ECONNREFUSED;
	target->host_count = 2;
	assert_true(probe_find(result));
	probe_answer(result);
	assert_non_null(strstr(result->answer, "offers nothing newer than TLS 1.0;"));
	assert_non_null(strstr(result->answer, "there is a fault of mx2.acme.example"));
	done(result);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_a_healthy_server),
		cmocka_unit_test(edges),
		cmocka_unit_test(dane_softens),
		cmocka_unit_test(no_way_is_no_fault),
		cmocka_unit_test(no_time_is_no_fault),
		cmocka_unit_test(signature_of_an_authority),
		cmocka_unit_test(first_line_tells_faults)
	};

	return UNIT_RUN(argc, argv, tests);
}
