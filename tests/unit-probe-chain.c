/*
 * unit-probe-chain.c - what a chain of certificates is worth.
 *
 * The certificates are made here: a root, what it signs, and what is wrong with some.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tool/probe.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1780000000)

/* Who there is. */
enum who {
	ROOT, MIDDLE, LEAF, OTHER_ROOT, OTHER_LEAF, CROSS, EXPIRED, EARLY, EXPIRED_MIDDLE,
	UNDER_EXPIRED, SELF, WILDCARD, ONLY_CN, IDN_CN, ADDRESSES, CLIENT, NUL_NAME, PEOPLE
};

static const struct person {
	const char *name;
	enum who issuer;
	enum who key;		/* whose; CROSS has another's */
	const char *names;	/* subjectAltName */
	int64_t from, to;	/* in days from now */
	const char *usage;	/* "": it is an authority */
} people[PEOPLE] = {
	[ROOT] = { "Root", ROOT, ROOT, NULL, -100, 1000, "" },
	[MIDDLE] = { "Middle", ROOT, MIDDLE, NULL, -50, 500, "" },
	[LEAF] = { "mx.acme.example", MIDDLE, LEAF, "DNS:mx.acme.example,DNS:acme.example",
	    -10, 90, "serverAuth" },
	[OTHER_ROOT] = { "Other Root", OTHER_ROOT, OTHER_ROOT, NULL, -100, 1000, "" },
	[OTHER_LEAF] = { "mx.other.example", OTHER_ROOT, OTHER_LEAF, "DNS:mx.other.example",
	    -10, 90, "serverAuth" },
	/* The root of the others signs the key of ours. */
	[CROSS] = { "Root", OTHER_ROOT, ROOT, NULL, -50, 400, "" },
	[EXPIRED] = { "mx.acme.example", MIDDLE, EXPIRED, "DNS:mx.acme.example", -100, -1,
	    "serverAuth" },
	[EARLY] = { "mx.acme.example", MIDDLE, EARLY, "DNS:mx.acme.example", 1, 90,
	    "serverAuth" },
	[EXPIRED_MIDDLE] = { "Old Middle", ROOT, EXPIRED_MIDDLE, NULL, -50, -2, "" },
	[UNDER_EXPIRED] = { "mx.acme.example", EXPIRED_MIDDLE, UNDER_EXPIRED,
	    "DNS:mx.acme.example", -10, 90, "serverAuth" },
	[SELF] = { "mx.acme.example", SELF, SELF, "DNS:mx.acme.example", -10, 90,
	    "serverAuth" },
	[WILDCARD] = { "wild", MIDDLE, WILDCARD, "DNS:*.acme.example,DNS:m*.partial.example",
	    -10, 90, "serverAuth" },
	[ONLY_CN] = { "mx.acme.example", MIDDLE, ONLY_CN, NULL, -10, 90, "serverAuth" },
	[IDN_CN] = { "b\xC3\xBC" "cher.example", MIDDLE, IDN_CN, NULL, -10, 90,
	    "serverAuth" },
	[ADDRESSES] = { "mx", MIDDLE, ADDRESSES, "IP:192.0.2.7,IP:2001:db8::7", -10, 90,
	    "serverAuth" },
	[CLIENT] = { "mx.acme.example", MIDDLE, CLIENT, "DNS:mx.acme.example", -10, 90,
	    "clientAuth" },
	[NUL_NAME] = { "mx", MIDDLE, NUL_NAME, NULL, -10, 90, "serverAuth" },
};

static X509 *certificates[PEOPLE];
static EVP_PKEY *keys[PEOPLE];
static char root_file[] = "/tmp/unit-probe-chain-XXXXXX";

static void
extend(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* A name that goes on behind a NUL, as a stranger may have one signed. */
static void
extend_with_nul(X509 *x509)
{
	static const char name[] = "mx.acme.example\0.evil.example";
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_IA5STRING *string = ASN1_IA5STRING_new();

	assert_int_equal(ASN1_STRING_set(string, name, sizeof(name) - 1), 1);
	GENERAL_NAME_set0_value(one, GEN_DNS, string);
	assert_int_equal(sk_GENERAL_NAME_push(names, one), 1);
	assert_int_equal(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0,
	    X509V3_ADD_DEFAULT), 1);
	GENERAL_NAMES_free(names);
}

static void
set_names(X509 *x509, const struct person *person)
{
	X509_NAME *subject = X509_get_subject_name(x509);

	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
	    (const unsigned char *)person->name, -1, -1, 0), 1);
	assert_int_equal(X509_set_issuer_name(x509, person->issuer == person->key ? subject :
	    X509_get_subject_name(certificates[person->issuer])), 1);
}

static X509 *
make_certificate(enum who who)
{
	const struct person *person = &people[who];
	X509 *x509 = X509_new();
	bool authority = person->usage[0] == '\0';

	assert_int_equal(X509_set_version(x509, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), (long)who + 1), 1);
	set_names(x509, person);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x509),
	    (time_t)(NOW + person->from * DAY)));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x509),
	    (time_t)(NOW + person->to * DAY)));
	assert_int_equal(X509_set_pubkey(x509, keys[person->key]), 1);
	extend(x509, NID_basic_constraints, authority ? "critical,CA:TRUE" : "CA:FALSE");
	if (!authority)
		extend(x509, NID_ext_key_usage, person->usage);
	if (person->names != NULL)
		extend(x509, NID_subject_alt_name, person->names);
	if (who == NUL_NAME)
		extend_with_nul(x509);
	assert_true(X509_sign(x509, keys[person->issuer], EVP_sha256()) > 0);
	return x509;
}

static int
make_people(void **state)
{
	int fd = mkstemp(root_file);
	FILE *file = fdopen(fd, "w");

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < PEOPLE; i++)
		keys[i] = people[i].key == (enum who)i ? EVP_EC_gen("P-256") : NULL;
	for (int i = 0; i < PEOPLE; i++)
		certificates[i] = make_certificate((enum who)i);
	assert_int_equal(PEM_write_X509(file, certificates[ROOT]), 1);
	return fclose(file);
}

static int
free_people(void **state)
{
	(void)state;
	for (int i = 0; i < PEOPLE; i++) {
		X509_free(certificates[i]);
		EVP_PKEY_free(keys[i]);
	}
	return unlink(root_file);
}

#define SENT_MAX 4
#define NOBODY PEOPLE

/* What "sent" (until NOBODY) is worth to a host. */
static void
look_at(const enum who *sent, const struct probe_host *host, const char *domain,
    struct probe_chain *chain)
{
	STACK_OF(X509) *stack = sk_X509_new_null();

	for (int i = 0; i < SENT_MAX && sent[i] != NOBODY; i++)
		assert_true(sk_X509_push(stack, certificates[sent[i]]) > 0);
	assert_true(probe_chain_look(stack, host, domain, root_file, NOW, chain));
	sk_X509_free(stack);
}

/* It is large. */
static struct probe_host *
host_named(const char *name)
{
	struct probe_host *host = calloc(1, sizeof(*host));

	assert_non_null(host);
	(void)snprintf(host->name, sizeof(host->name), "%s", name);
	return host;
}

static void
how_chains_are_put_together(void **state)
{
	enum { ORDERED = 1, COMPLETE = 2, ROOT_SENT = 4, SELF_SIGNED = 8 };
	static const struct {
		enum who sent[SENT_MAX];
		unsigned is;
		size_t unneeded;
		int error, depth;
		int first_end;
		const char *missing;
	} cases[] = {
		{ { LEAF, MIDDLE, NOBODY }, ORDERED | COMPLETE, 0, X509_V_OK, 0, 90, "" },
		{ { LEAF, MIDDLE, ROOT, NOBODY }, ORDERED | COMPLETE | ROOT_SENT, 0,
		    X509_V_OK, 0, 90, "" },
		{ { LEAF, ROOT, MIDDLE, NOBODY }, COMPLETE | ROOT_SENT, 0, X509_V_OK, 0, 90,
		    "" },
		{ { LEAF, NOBODY }, ORDERED, 0,
		    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, 90, "CN=Middle" },
		/* Neither is the root of use without what is between. */
		{ { LEAF, ROOT, NOBODY }, ORDERED | ROOT_SENT, 1,
		    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, 90, "CN=Middle" },
		{ { LEAF, LEAF, MIDDLE, NOBODY }, ORDERED | COMPLETE, 1, X509_V_OK, 0, 90, "" },
		{ { LEAF, OTHER_LEAF, MIDDLE, NOBODY }, ORDERED | COMPLETE, 1, X509_V_OK, 0, 90,
		    "" },
		{ { LEAF, MIDDLE, OTHER_ROOT, NOBODY }, ORDERED | COMPLETE | ROOT_SENT, 1,
		    X509_V_OK, 0, 90, "" },
		{ { LEAF, MIDDLE, CROSS, NOBODY }, ORDERED | COMPLETE, 0, X509_V_OK, 0, 90,
		    "" },
		{ { OTHER_LEAF, NOBODY }, ORDERED, 0,
		    X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, 90, "CN=Other Root" },
		{ { OTHER_LEAF, OTHER_ROOT, NOBODY }, ORDERED | COMPLETE | ROOT_SENT, 0,
		    X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, 1, 90, "" },
		{ { SELF, NOBODY }, ORDERED | COMPLETE | SELF_SIGNED, 0,
		    X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0, 90, "" },
		{ { EXPIRED, MIDDLE, NOBODY }, ORDERED | COMPLETE, 0,
		    X509_V_ERR_CERT_HAS_EXPIRED, 0, -1, "" },
		{ { EARLY, MIDDLE, NOBODY }, ORDERED | COMPLETE, 0,
		    X509_V_ERR_CERT_NOT_YET_VALID, 0, 90, "" },
		{ { UNDER_EXPIRED, EXPIRED_MIDDLE, NOBODY }, ORDERED | COMPLETE, 0,
		    X509_V_ERR_CERT_HAS_EXPIRED, 1, -2, "" },
		{ { CLIENT, MIDDLE, NOBODY }, ORDERED | COMPLETE, 0,
		    X509_V_ERR_INVALID_PURPOSE, 0, 90, "" },
	};
	struct probe_host *host = host_named("mx.acme.example");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_chain chain;

		look_at(cases[i].sent, host, NULL, &chain);
		assert_int_equal((chain.ordered ? ORDERED : 0) |
		    (chain.complete ? COMPLETE : 0) | (chain.root_sent ? ROOT_SENT : 0) |
		    (chain.self_signed ? SELF_SIGNED : 0), cases[i].is);
		assert_int_equal(chain.unneeded, cases[i].unneeded);
		assert_int_equal(chain.verify_error, cases[i].error);
		assert_int_equal(chain.verified, cases[i].error == X509_V_OK);
		assert_int_equal(chain.verify_depth, cases[i].error == X509_V_OK ?
		    chain.verify_depth : cases[i].depth);
		assert_string_equal(chain.missing, cases[i].missing);
		assert_int_equal(chain.first_end, NOW + cases[i].first_end * DAY);
	}
	free(host);
}

static void
names_that_are_compared(void **state)
{
	static const struct {
		enum who leaf;
		const char *host, *domain;
		bool names_host, names_domain;
	} cases[] = {
		{ LEAF, "mx.acme.example", "acme.example", true, true },
		{ LEAF, "mx2.acme.example", "acme.example", false, true },
		{ LEAF, "mx.acme.example", "other.example", true, false },
		{ LEAF, "mx.acme.example", NULL, true, false },
		{ LEAF, "a.mx.acme.example", "example", false, false },
		{ WILDCARD, "mx.acme.example", "acme.example", true, false },
		{ WILDCARD, "a.mx.acme.example", "xacme.example", false, false },
		{ WILDCARD, "mx.partial.example", "m.partial.example", false, false },
		{ WILDCARD, "wild", NULL, false, false },
		{ ONLY_CN, "mx.acme.example", "acme.example", true, false },
		{ IDN_CN, "xn--bcher-kva.example", "bcher.example", true, false },
		{ ADDRESSES, "192.0.2.7", NULL, true, false },
		{ ADDRESSES, "2001:db8::7", NULL, true, false },
		{ ADDRESSES, "192.0.2.8", NULL, false, false },
		{ NUL_NAME, "mx.acme.example", NULL, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_host *host = host_named(cases[i].host);
		struct probe_chain chain;

		look_at((enum who[]){ cases[i].leaf, MIDDLE, NOBODY }, host, cases[i].domain,
		    &chain);
		assert_int_equal(chain.names_host, cases[i].names_host);
		assert_int_equal(chain.names_domain, cases[i].names_domain);
		free(host);
	}
}

static void
names_that_are_shown(void **state)
{
	static const struct {
		enum who leaf;
		const char *names;
	} cases[] = {
		{ LEAF, "mx.acme.example, acme.example" },
		{ ONLY_CN, "mx.acme.example" },
		{ ADDRESSES, "192.0.2.7, 2001:db8::7" },
		{ NUL_NAME, "mx.acme.example\\u0000.evil.example" },
	};
	struct probe_host *host = host_named("mx.acme.example");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_chain chain;

		look_at((enum who[]){ cases[i].leaf, MIDDLE, NOBODY }, host, NULL, &chain);
		assert_string_equal(chain.names, cases[i].names);
		assert_string_equal(chain.issuer, "CN=Middle");
		assert_string_equal(chain.key, "ec:P-256");
		assert_string_equal(chain.signature, "sha256");
		assert_int_equal(chain.not_before, NOW - 10 * DAY);
		assert_int_equal(chain.not_after, NOW + 90 * DAY);
		assert_ptr_equal(strstr(chain.sha256, "sha256:"), chain.sha256);
		assert_int_equal(strlen(chain.sha256), 71);
		assert_int_equal(strlen(chain.key_sha256), 71);
		assert_string_not_equal(chain.sha256, chain.key_sha256);
	}
	free(host);
}

/* One record that is about a certificate. */
struct record {
	uint8_t usage, selector, matching;
	enum who of;
};

static void
add_record(struct probe_host *host, const struct record *record)
{
	struct probe_tlsa *tlsa = &host->tlsa[host->tlsa_count++];
	unsigned char *der = NULL;
	X509 *x509 = certificates[record->of];
	int size = record->selector == 1 ?
	    i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der) : i2d_X509(x509, &der);
	unsigned length = 0;

	assert_true(size > 0 && (size_t)size < sizeof(tlsa->data));
	tlsa->usage = record->usage;
	tlsa->selector = record->selector;
	tlsa->matching = record->matching;
	tlsa->size = (size_t)size;
	if (record->matching == 0)
		memcpy(tlsa->data, der, (size_t)size);
	else {
		assert_int_equal(EVP_Digest(der, (size_t)size, tlsa->data, &length,
		    record->matching == 2 ? EVP_sha512() : EVP_sha256(), NULL), 1);
		tlsa->size = length;
	}
	OPENSSL_free(der);
}

#define NO_RECORD { 0, 0, 0, NOBODY }

static void
tlsa_records(void **state)
{
	static const struct {
		enum who sent[SENT_MAX];
		struct record records[3];	/* until NO_RECORD */
		const char *host, *domain;
		size_t usable;
		bool matches, of_chain;
	} cases[] = {
		{ { LEAF, NOBODY }, { { 3, 1, 1, LEAF }, NO_RECORD }, "mx.acme.example", NULL, 1,
		    true, true },
		{ { LEAF, NOBODY }, { { 3, 1, 2, LEAF }, NO_RECORD }, "mx.acme.example", NULL, 1,
		    true, true },
		{ { LEAF, NOBODY }, { { 3, 1, 0, LEAF }, NO_RECORD }, "mx.acme.example", NULL, 1,
		    true, true },
		{ { LEAF, NOBODY }, { { 3, 0, 1, LEAF }, NO_RECORD }, "mx.acme.example", NULL, 1,
		    true, true },
		{ { LEAF, NOBODY }, { { 3, 0, 0, LEAF }, NO_RECORD }, "mx.acme.example", NULL, 1,
		    true, true },
		/* Neither names nor dates nor authorities count for 3. */
		{ { EXPIRED, NOBODY }, { { 3, 1, 1, EXPIRED }, NO_RECORD }, "x.example", NULL,
		    1, true, true },
		{ { SELF, NOBODY }, { { 3, 1, 1, SELF }, NO_RECORD }, "x.example", NULL, 1,
		    true, true },
		{ { LEAF, NOBODY }, { { 3, 1, 1, OTHER_LEAF }, NO_RECORD }, "mx.acme.example",
		    NULL, 1, false, false },
		{ { LEAF, MIDDLE, NOBODY }, { { 3, 1, 1, MIDDLE }, NO_RECORD },
		    "mx.acme.example", NULL, 1, false, false },
		{ { LEAF, NOBODY }, { { 3, 1, 1, OTHER_LEAF }, { 3, 1, 1, LEAF }, NO_RECORD },
		    "mx.acme.example", NULL, 2, true, true },
		/* For 2 they do, and the certificate must have been sent. */
		{ { LEAF, MIDDLE, NOBODY }, { { 2, 0, 1, MIDDLE }, NO_RECORD },
		    "mx.acme.example", NULL, 1, true, true },
		{ { LEAF, MIDDLE, NOBODY }, { { 2, 1, 2, MIDDLE }, NO_RECORD },
		    "mx.acme.example", NULL, 1, true, true },
		{ { LEAF, MIDDLE, ROOT, NOBODY }, { { 2, 0, 1, ROOT }, NO_RECORD },
		    "mx.acme.example", NULL, 1, true, true },
		{ { LEAF, MIDDLE, NOBODY }, { { 2, 0, 1, ROOT }, NO_RECORD },
		    "mx.acme.example", NULL, 1, false, false },
		{ { LEAF, MIDDLE, NOBODY }, { { 2, 0, 1, MIDDLE }, NO_RECORD }, "x.example",
		    NULL, 1, false, true },
		{ { LEAF, MIDDLE, NOBODY }, { { 2, 0, 1, MIDDLE }, NO_RECORD }, "x.example",
		    "acme.example", 1, true, true },
		{ { EXPIRED, MIDDLE, NOBODY }, { { 2, 0, 1, MIDDLE }, NO_RECORD },
		    "mx.acme.example", NULL, 1, false, true },
		{ { EARLY, MIDDLE, NOBODY }, { { 2, 0, 1, MIDDLE }, NO_RECORD },
		    "mx.acme.example", NULL, 1, false, true },
		{ { CLIENT, MIDDLE, NOBODY }, { { 2, 0, 1, MIDDLE }, NO_RECORD },
		    "mx.acme.example", NULL, 1, false, true },
		{ { EXPIRED, MIDDLE, NOBODY }, { { 2, 0, 1, OTHER_ROOT }, NO_RECORD },
		    "mx.acme.example", NULL, 1, false, false },
		{ { OTHER_LEAF, OTHER_ROOT, NOBODY }, { { 2, 0, 1, OTHER_ROOT }, NO_RECORD },
		    "mx.other.example", NULL, 1, true, true },
		/* Usages 0 and 1, and what is not known, are of no use to mail. */
		{ { LEAF, MIDDLE, NOBODY }, { { 0, 0, 1, MIDDLE }, { 1, 0, 1, LEAF }, NO_RECORD },
		    "mx.acme.example", NULL, 0, false, false },
		{ { LEAF, MIDDLE, NOBODY }, { { 3, 2, 1, LEAF }, { 3, 1, 9, LEAF },
		    { 4, 1, 1, LEAF } }, "mx.acme.example", NULL, 0, false, false },
		{ { LEAF, MIDDLE, NOBODY }, { { 1, 1, 1, LEAF }, { 3, 1, 1, LEAF }, NO_RECORD },
		    "mx.acme.example", NULL, 1, true, true },
		{ { LEAF, NOBODY }, { NO_RECORD }, "mx.acme.example", NULL, 0, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_host *host = host_named(cases[i].host);
		struct probe_chain chain;

		for (size_t j = 0; j < 3 && cases[i].records[j].of != NOBODY; j++)
			add_record(host, &cases[i].records[j]);
		look_at(cases[i].sent, host, cases[i].domain, &chain);
		assert_int_equal(chain.tlsa_usable, cases[i].usable);
		assert_int_equal(chain.tlsa_matches, cases[i].matches);
		assert_int_equal(chain.tlsa_of_chain, cases[i].of_chain);
		free(host);
	}
}

/* A digest of another length is of no use, and neither is one that was cut. */
static void
tlsa_records_that_are_broken(void **state)
{
	struct probe_host *host = host_named("mx.acme.example");
	struct probe_chain chain;

	(void)state;
	add_record(host, &(struct record){ 3, 1, 1, LEAF });
	host->tlsa[0].size--;
	add_record(host, &(struct record){ 3, 1, 0, LEAF });
	host->tlsa[1].size = sizeof(host->tlsa[1].data) + 1;
	add_record(host, &(struct record){ 3, 0, 0, LEAF });
	host->tlsa[2].data[0] ^= 1;
	host->tlsa_count++;
	look_at((enum who[]){ LEAF, NOBODY }, host, NULL, &chain);
	assert_int_equal(chain.tlsa_usable, 0);
	assert_false(chain.tlsa_matches || chain.tlsa_of_chain);
	free(host);
}

/* Where a CNAME leads counts as a name: RFC 7672 section 3.2.2. */
static void
tlsa_base_is_a_name(void **state)
{
	struct probe_host *host = host_named("alias.example");
	struct probe_chain chain;

	(void)state;
	add_record(host, &(struct record){ 2, 0, 1, MIDDLE });
	(void)snprintf(host->tlsa_base, sizeof(host->tlsa_base), "mx.acme.example");
	look_at((enum who[]){ LEAF, MIDDLE, NOBODY }, host, NULL, &chain);
	assert_true(chain.tlsa_matches);
	assert_false(chain.names_host);
	free(host);
}

static void
nothing_was_sent(void **state)
{
	struct probe_host *host = host_named("mx.acme.example");
	struct probe_chain chain;

	(void)state;
	look_at((enum who[]){ NOBODY }, host, NULL, &chain);
	assert_false(chain.verified || chain.complete || chain.names_host);
	free(host);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_chains_are_put_together),
		cmocka_unit_test(names_that_are_compared),
		cmocka_unit_test(names_that_are_shown),
		cmocka_unit_test(tlsa_records),
		cmocka_unit_test(tlsa_records_that_are_broken),
		cmocka_unit_test(tlsa_base_is_a_name),
		cmocka_unit_test(nothing_was_sent),
	};
	int status;

	(void)make_people(NULL);
	status = UNIT_RUN(argc, argv, tests);
	(void)free_people(NULL);
	return status;
}
