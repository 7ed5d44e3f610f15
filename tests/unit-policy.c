/*
 * unit-policy.c - the functions of policy/ that cases do not reach.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/policy-text.h"

#include <openssl/ssl.h>

#include "policy/cipher.h"
#include "policy/requirement.h"
#include "base/diag.h"

#define HEX40 "0123456789abcdef0123456789abcdef01234567"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
expect_digest(const char *text, const char *expected)
{
	char out[72];

	if (!policy_fingerprint_normalize(text, out, sizeof(out)))
		fail_msg("\"%s\" is taken for none", text);
	assert_string_equal(out, expected);
}

static void
fingerprints(void **state)
{
	static const char *const bad[] = {
		"", ":", "none", "xx", "sha256:", "sha1:", "sha256:" HEX40, "sha1:" HEX64,
		"sha512:" HEX64, "md5:0123456789abcdef0123456789abcdef", HEX64 "0",
		HEX64 "00", HEX40 ":", ":" HEX40, HEX64 "\n", " " HEX64, "sha256: " HEX64,
		"sha256:sha256:" HEX64, "0123456789abcdef0123456789abcdef", "01::23",
		"01:2:3"
	};
	char out[72];

	(void)state;
	expect_digest(HEX64, "sha256:" HEX64);
	expect_digest(HEX40, "sha1:" HEX40);
	expect_digest("sha256:" HEX64, "sha256:" HEX64);
	expect_digest("SHA1:" HEX40, "sha1:" HEX40);
	expect_digest("01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:ef:01:23:45:67",
	    "sha1:" HEX40);
	expect_digest("sha1:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:ef:01:23:45:67",
	    "sha1:" HEX40);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (policy_fingerprint_normalize(bad[i], out, sizeof(out)))
			fail_msg("\"%s\" is taken as %s", bad[i], out);
	/* Room for the sha1 alone. */
	assert_true(policy_fingerprint_normalize(HEX40, out, sizeof("sha1:" HEX40)));
	assert_false(policy_fingerprint_normalize(HEX64, out, sizeof("sha1:" HEX40)));
}

static void
anchors(void **state)
{
	static const char *const anchored[] = {
		"^a$", "\\Aa\\z", "^a\\Z", "^a$|^b$", "^(a|b)$", "^[|]$", "^[]|]$",
		"^[^]|]$", "^\\|$", "^a\\$$", "^[\\]|]$", "^$"
	};
	static const char *const open[] = {
		"", "a", "^a", "a$", "^a|b$", "^a$|b", "a|^b$", "^a\\$", "\\^a$",
		"^a[$]", "[^]a$", "^a$|", "|^a$", "^a\\\\\\$", "(^a$)b",
		"^a\\", "^[a\\"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(anchored) / sizeof(anchored[0]); i++)
		if (!pattern_anchored(anchored[i]))
			fail_msg("/%s/ is taken as open", anchored[i]);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (pattern_anchored(open[i]))
			fail_msg("/%s/ is taken as anchored", open[i]);
}

static void
addresses_that_are_the_same(void **state)
{
	static const char *const same[][2] = {
		{ "a@acme.example", "A@ACME.example." }, { "<>", "" },
		{ "\"a\"@acme.example", "<@relay.example:a@acme.example>" },
		{ "a@b\xC3\xBC" "cher.example", "a@xn--bcher-kva.example" },
		{ "postmaster", "\"PostMaster\"" }
	};
	static const char *const different[][2] = {
		{ "a@acme.example", "b@acme.example" }, { "a@acme.example", "a@acme.test" },
		{ "a@acme.example", "a" }, { "", "a" }, { "a", "a@" },
		{ "a@acme.example", "a+b@acme.example" }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (!policy_same_address(same[i][0], same[i][1]))
			fail_msg("%s is not %s", same[i][0], same[i][1]);
	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++)
		if (policy_same_address(different[i][0], different[i][1]))
			fail_msg("%s is %s", different[i][0], different[i][1]);
}

static void
unreadable_and_invalid_policies_are_none(void **state)
{
	struct diags *diags = diags_new();
	struct policy *policy = (struct policy *)diags;
	char path[32];
	int fd;

	(void)state;
	assert_non_null(diags);
	assert_int_equal(policy_load("/nonesuch/policy.conf", &policy, diags),
	    POLICY_UNREADABLE);
	assert_null(policy);
	assert_int_equal(diags_errors(diags), 1);
	policy_text_file("from", 4, &fd, path);
	policy = (struct policy *)diags;
	assert_int_equal(policy_load(path, &policy, diags), POLICY_INVALID);
	assert_null(policy);
	assert_int_equal(diags_errors(diags), 2);
	(void)close(fd);
	policy_free(&policy);
	policy_free(NULL);
	diags_free(&diags);
}

/* Whether that requirement on a certificate needs what only a known one tells. */
static bool
needs_known(const char *requirement)
{
	struct policy_summary summary;
	struct policy *policy;
	char text[128];

	(void)snprintf(text, sizeof(text), "default { require certificate %s }\n",
	    requirement);
	policy = policy_text_load(text);
	policy_summarize(policy, &summary);
	policy_free(&policy);
	return summary.needs_known;
}

static void
summaries(void **state)
{
	struct policy_summary summary;
	struct policy *policy = policy_text_load("");

	(void)state;
	policy_summarize(policy, &summary);
	assert_int_equal(summary.rules, 0);
	assert_false(summary.has_default);
	assert_false(summary.has_to_rules);
	policy_free(&policy);
	policy = policy_text_load("default { require certificate }\n"
	    "to a.example .a.example { exempt }\nfrom <> { }\n");
	policy_summarize(policy, &summary);
	assert_int_equal(summary.rules, 3);
	assert_int_equal(summary.listed, 0);
	assert_true(summary.has_default);
	assert_true(summary.has_to_rules);
	assert_true(summary.has_to_exempt);
	assert_true(summary.needs_certificate);
	assert_false(summary.needs_fingerprint);
	policy_free(&policy);
	policy = policy_text_load("from <> { require certificate fingerprint sha1:"
	    HEX40 " }\nto a.example .a.example { }\n");
	policy_summarize(policy, &summary);
	assert_false(summary.has_default);
	assert_false(summary.has_to_exempt);
	assert_true(summary.needs_certificate);
	assert_true(summary.needs_fingerprint);
	assert_true(summary.uses_fingerprint);
	assert_false(summary.needs_known);
	policy_free(&policy);
	assert_true(needs_known("key >= 2048"));
	assert_true(needs_known("signature >= sha256"));
	assert_true(needs_known("valid-for >= 7 days"));
	assert_false(needs_known("name a.example"));
}

/* To the letter, for who keeps it in a file. */
static void
a_policy_as_it_is_printed(void **state)
{
	struct policy *policy = policy_text_load(
	    "profile p { require certificate fingerprint sha1:" HEX40 " }\n"
	    "default { require tls >= 1.2; contact \"a \\\"b\\\"\"; note \"n\" }\n"
	    "from a.example .a.example /x/ {\n"
	    "use p; require bits >= 128 otherwise reject 550 5.7.1 \"no {{ {bits}\"\n"
	    "require certificate name n.example /y/i; otherwise quarantine\n"
	    "monitor until 2030-01-02\n}\n"
	    "client 192.0.2.0/24 { require tls; exempt \"old\" }\n");
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	assert_int_equal(policy_print(policy, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text,
	    "default {\n\trequire tls >= 1.2\n"
	    "\tcontact \"a \\\"b\\\"\"\n\tnote \"n\"\n}\n\n"
	    "from a.example .a.example /x/ {\n"
	    "\trequire bits >= 128 otherwise reject 550 5.7.1 \"no {{ {bits}\"\n"
	    "\trequire certificate name \"n.example\" /y/i\n"
	    "\trequire certificate fingerprint sha1:" HEX40 "\n"
	    "\totherwise quarantine\n\tmonitor until 2030-01-02\n}\n\n"
	    "client 192.0.2.0/24 {\n\trequire tls\n\texempt \"old\"\n}\n");
	free(text);
	policy_free(&policy);
}

/* Nothing of a kind can be forgotten. */
static void
each_kind_of_requirement_has_a_whole_row(void **state)
{
	const char *words[REQUIREMENT_WORDS_MAX];
	size_t count;

	(void)state;
	for (int kind = KIND_FIRST; kind < KIND_END; kind++) {
		const struct requirement_kind *row =
		    requirement_kind((enum policy_reason)kind);
		const void *const *member;

		if (kind == REASON_TLS)
			continue;
		assert_non_null(row);
		assert_int_equal(row->kind, kind);
		assert_true(row->reason >= KIND_FIRST && row->reason < KIND_END);
		assert_true(row->presumes >= PRESUMES_NOTHING);
		assert_true(row->name[0] != '\0' && row->other_name[0] != '\0');
		member = (const void *const *)&row->why;
		for (size_t i = 0; i < sizeof(row->why) / sizeof(*member); i++)
			assert_non_null(member[i]);
		assert_string_equal(row->why.word, policy_reason_name(row->reason));
		/* The servers that a partner registered are not told to strangers. */
		assert_true((strstr(row->why.reply, "{required}") != NULL) ==
		    (row->kind != REASON_CLIENT));
		assert_true(row->why.advice[0] != '\0');
		assert_non_null(row->facts[0]);
		assert_true(row->demands[0] != '\0');
		assert_int_equal(strstr(row->demands, "%s") == NULL,
		    row->value == requirement_no_value);
		assert_null(row->facts[REQUIREMENT_FACTS_MAX]);
		assert_true(row->outbound >= LEVEL_UNTOLD && row->sendmail != NULL);
		assert_int_equal(row->outbound == LEVEL_UNTOLD, row->untold != NULL);
		assert_true(row->parse != NULL && row->meets != NULL &&
		    row->print != NULL && row->value != NULL && row->covers != NULL &&
		    row->implied != NULL);
	}
	assert_null(requirement_kind(REASON_NONE));
	assert_ptr_equal(requirement_kind(REASON_TLS),
	    requirement_kind(REASON_TLS_VERSION));
	assert_null(requirement_kind(REASON_UNKNOWN_FACT));
	assert_null(requirement_find("", "certificate name", words, &count));
	assert_int_equal(count, 9);
	assert_null(requirement_find("certificate ", NULL, words, &count));
	assert_int_equal(count, 7);
	assert_ptr_equal(requirement_find("certificate ", "file", words, &count),
	    requirement_kind(REASON_CERTIFICATE_FINGERPRINT));
}

/* What verdicts say, in the order in which it is looked for, and each word once. */
static void
reasons_go_one_by_one(void **state)
{
	static const char *const words[] = {
		"client", "tls", "tls-version", "bits", "cipher", "forward-secrecy", "aead",
		"certificate", "certificate-name", "certificate-issuer",
		"certificate-fingerprint", "certificate-key", "certificate-signature",
		"certificate-validity", "dane", "unknown-fact"
	};
	enum policy_reason reason = REASON_NONE;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		reason = policy_reason_next(reason);
		assert_string_equal(policy_reason_name(reason), words[i]);
		assert_true(policy_advice(reason, NULL)[0] != '\0');
	}
	assert_int_equal(policy_reason_next(reason), REASON_COUNT);
}

static void
names_of_enumerations(void **state)
{
	(void)state;
	assert_string_equal(policy_action_name(POLICY_ACCEPT), "accept");
	assert_string_equal(policy_action_name(POLICY_REJECT), "reject");
	assert_string_equal(policy_reason_name(REASON_CERTIFICATE_FINGERPRINT),
	    "certificate-fingerprint");
	assert_string_equal(policy_reason_name(REASON_UNKNOWN_FACT), "unknown-fact");
	assert_string_equal(policy_rule_kind_name(RULE_CLIENT), "client");
	assert_string_equal(policy_rule_kind_name(RULE_DEFAULT), "default");
	for (int kind = KIND_FIRST; kind < KIND_END; kind++)
		assert_true(*policy_kind_name((enum policy_reason)kind) != '\0');
}

/* Whether a domain that this code point follows is told to have white space. */
static bool
is_told_as_space(uint32_t code)
{
	struct diags *diags = diags_new();
	struct policy *policy = NULL;
	char text[64], path[32], said[1024] = "";
	FILE *out = fmemopen(said, sizeof(said), "w");
	int fd, length;

	assert_non_null(diags);
	assert_non_null(out);
	length = snprintf(text, sizeof(text), code < 0x800 ? "from a.example%c%c { }\n" :
	    "from a.example%c%c%c { }\n", code < 0x800 ? 0xc0 | code >> 6 :
	    0xe0 | code >> 12, code < 0x800 ? 0x80 | (code & 0x3f) :
	    0x80 | (code >> 6 & 0x3f), 0x80 | (code & 0x3f));
	policy_text_file(text, (size_t)length, &fd, path);
	(void)policy_load(path, &policy, diags);
	policy_free(&policy);
	diags_print(diags, true, out);
	(void)fclose(out);
	(void)close(fd);
	diags_free(&diags);
	return strstr(said, "white space beyond ASCII") != NULL;
}

static void
white_space_beyond_ascii(void **state)
{
	static const uint32_t spaces[] = { 0x80, 0x85, 0xa0, 0x1680, 0x2000, 0x2005, 0x200a,
	    0x2028, 0x2029, 0x202f, 0x205f, 0x3000 };
	static const uint32_t others[] = { 0xa1, 0x167f, 0x1681, 0x1fff, 0x200b, 0x2027,
	    0x202a, 0x202e, 0x2030, 0x205e, 0x2060, 0x2fff, 0x3001 };

	(void)state;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		assert_true(is_told_as_space(spaces[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(is_told_as_space(others[i]));
}

/* Where OpenSSL is of another opinion in some release. */
static bool
is_disputed(const struct cipher *cipher, int bits)
{
	return cipher->short_tag && bits == 64;
}

static void
compare_suite(const struct cipher_table *table, const SSL_CIPHER *suite)
{
	const struct cipher *cipher = cipher_find(table, SSL_CIPHER_get_name(suite));
	int exchange = SSL_CIPHER_get_kx_nid(suite), bits = SSL_CIPHER_get_bits(suite, NULL);
	bool same;

	assert_non_null(cipher);
	same = (cipher->bits == bits || is_disputed(cipher, bits)) &&
	    cipher->aead == (SSL_CIPHER_is_aead(suite) == 1) &&
	    cipher->tls13 == (exchange == NID_kx_any) && cipher->forward_secrecy ==
	    (exchange == NID_kx_dhe || exchange == NID_kx_ecdhe);
	if (!same)
		fail_msg("%s: %d bits, forward secrecy %d, AEAD %d; OpenSSL: %d bits",
		    cipher->name, cipher->bits, cipher->forward_secrecy, cipher->aead,
		    bits);
}

/* The names say what OpenSSL says, of every suite that it has. */
static void
suites_are_worth_what_openssl_says(void **state)
{
	struct cipher_table *table = cipher_table_new();
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	SSL *ssl = context != NULL ? SSL_new(context) : NULL;
	size_t count = 0;

	(void)state;
	assert_non_null(ssl);
	assert_non_null(table);
	for (unsigned number = 0; number <= 0xffff; number++) {
		const unsigned char id[2] = {
			(unsigned char)(number >> 8), (unsigned char)(number & 0xff)
		};
		const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, id);

		if (suite == NULL || strstr(SSL_CIPHER_get_name(suite), "SCSV") != NULL)
			continue;
		compare_suite(table, suite);
		count++;
	}
	assert_true(count > 100);
	SSL_free(ssl);
	SSL_CTX_free(context);
	cipher_table_free(&table);
}

/* And the same where no OpenSSL is asked any more, or says another thing. */
static void
suites_are_worth_what_their_names_say(void **state)
{
	static const struct {
		const char *name;
		int bits;
		bool forward_secrecy, aead, tls13;
	} suites[] = {
		{ "TLS_AES_128_CCM_8_SHA256", 128, false, true, true },
		{ "ECDHE-ECDSA-AES256-CCM8", 256, true, true, false },
		{ "TLS_CHACHA20_POLY1305_SHA256", 256, false, true, true },
		{ "TLS_SHA256_SHA256", 0, false, false, true },
		{ "ECDHE-RSA-NULL-SHA", 0, true, false, false },
		{ "ECDHE-RSA-DES-CBC3-SHA", 112, true, false, false },
		{ "SRP-RSA-3DES-EDE-CBC-SHA", 112, false, false, false },
		{ "EXP1024-DHE-DSS-RC4-SHA", 56, true, false, false },
		{ "EXP-EDH-RSA-DES-CBC-SHA", 40, true, false, false },
		{ "EDH-RSA-DES-CBC-SHA", 56, true, false, false },
		{ "ECDHE-PSK-AES128-CBC-SHA", 128, false, false, false },
		{ "ECDH-RSA-AES256-GCM-SHA384", 256, false, true, false },
	};
	struct cipher_table *table = cipher_table_new();

	(void)state;
	assert_non_null(table);
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		const struct cipher *cipher = cipher_find(table, suites[i].name);

		assert_non_null(cipher);
		assert_int_equal(cipher->bits, suites[i].bits);
		assert_int_equal(cipher->forward_secrecy, suites[i].forward_secrecy);
		assert_int_equal(cipher->aead, suites[i].aead);
		assert_int_equal(cipher->tls13, suites[i].tls13);
	}
	assert_null(cipher_find(table, "NO-SUCH-SHA"));
	cipher_table_free(&table);
}

static void
domains(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "a..b", "a..", "127.0.0.1", "a.1", "a b", "a@b", "1"
	};
	char out[256], longest[300];

	(void)state;
	assert_true(policy_domain("A.Example.", out, sizeof(out)));
	assert_string_equal(out, "a.example");
	assert_true(policy_domain(".a_b.example-2", out, sizeof(out)));
	assert_string_equal(out, ".a_b.example-2");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (policy_domain(bad[i], out, sizeof(out)))
			fail_msg("\"%s\" is taken for a domain", bad[i]);
	assert_false(policy_domain("a.example", out, 9));
	assert_true(policy_domain("a.example", out, 10));
	memset(longest, 'x', sizeof(longest));
	for (size_t i = 60; i < sizeof(longest); i += 61)
		longest[i] = '.';
	longest[253] = '\0';
	assert_true(policy_domain(longest, out, sizeof(out)));
	longest[253] = 'x';
	longest[254] = '\0';
	assert_false(policy_domain(longest, out, sizeof(out)));
}

/* Of partners that a policy names itself. */
/* What rules name, in reading order; of a list its file, once. */
static void
names_in_reading_order(void **state)
{
	static const char list[] = "listed.example\nother.example\n";
	const char *const expected[] = {
		"a.example", ".a.example", "/x/", "u@c.example", "<>", NULL, "b.example"
	};
	struct policy_named named;
	char path[32], text[256];
	struct policy *policy;
	size_t index = 0;
	int fd;

	(void)state;
	policy_text_file(list, strlen(list), &fd, path);
	(void)snprintf(text, sizeof(text), "from a.example .a.example /x/ u@c.example <> { }\n"
	    "from file \"%s\" { }\nto d.example { }\nfrom b.example { }\n", path);
	policy = policy_text_load(text);
	for (size_t i = 0; i < 7; i++) {
		assert_true(policy_named_next(policy, RULE_FROM, &index, &named));
		assert_int_equal(named.is_list, expected[i] == NULL);
		assert_int_equal(named.rule, i < 5 ? 0 : i == 5 ? 1 : 3);
		if (expected[i] != NULL)
			assert_string_equal(named.name, expected[i]);
	}
	assert_false(policy_named_next(policy, RULE_FROM, &index, &named));
	policy_free(&policy);
	(void)close(fd);
}

/* A folder that cannot be read leaves the policy as it was; an empty one adds nothing. */
static void
folders_of_certificates(void **state)
{
	char folder[] = "/tmp/tlsward-policy-XXXXXX";
	struct policy *policy = policy_text_load("default { require tls }\n");
	struct diags *diags = diags_new();
	struct policy_ends ends;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(policy_load_certificates(policy, "/nonesuch", diags),
	    POLICY_UNREADABLE);
	assert_int_equal(diags_errors(diags), 1);
	assert_non_null(strstr(diags_at(diags, 0)->message, "No such file"));
	assert_int_equal(policy_load_certificates(policy, folder, diags), POLICY_LOADED);
	assert_int_equal(diags_count(diags), 1);
	policy_next_ends(policy, JUNE_2026, &ends);
	assert_true(ends.certificate == INT64_MAX);
	(void)rmdir(folder);
	diags_free(&diags);
	policy_free(&policy);
}

/* What there is no room for is not printed, and that is said. */
static void
a_full_disk(void **state)
{
	struct policy *policy = policy_text_load("default { require tls }\n");
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	assert_int_equal(policy_print(policy, out), -1);
	(void)fclose(out);
	policy_free(&policy);
}

/* What is asked for is what the session shows to be missing. */
static void
advice_fits_the_session(void **state)
{
	struct facts facts = { .cert_verified = POLICY_NO, .cert_fingerprint = "sha256:00" };
	struct facts out = { .direction = "out" };

	(void)state;
	assert_non_null(strstr(policy_advice(REASON_CERTIFICATE_NAME, &facts),
	    "client authentication"));
	facts.cert_fingerprint = "none";
	assert_string_equal(policy_advice(REASON_CERTIFICATE, &facts),
	    policy_advice(REASON_CERTIFICATE, NULL));
	facts.cert_verified = POLICY_YES;
	facts.cert_cn = "";
	assert_non_null(strstr(policy_advice(REASON_CERTIFICATE_NAME, &facts),
	    "subjectAltName"));
	facts.cert_cn = "mx.other.example";
	assert_string_equal(policy_advice(REASON_CERTIFICATE_NAME, &facts),
	    policy_advice(REASON_CERTIFICATE_NAME, NULL));
	/* Of a server nobody asks for its certificate. */
	for (int reason = REASON_TLS; reason <= REASON_CERTIFICATE_FINGERPRINT; reason++)
		assert_null(strstr(policy_advice((enum policy_reason)reason, &out),
		    "when our server asks"));
}

/* There is advice for every reason. */
static void
advice_is_whole(void **state)
{
	(void)state;
	for (int reason = 0; reason < REASON_COUNT; reason++)
		assert_non_null(policy_advice((enum policy_reason)reason, NULL));
	assert_string_equal(policy_protocol_name(PROTOCOL_CLEAR), "clear text");
	assert_string_equal(policy_protocol_name(PROTOCOL_TLS_1_3), "TLSv1.3");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprints),
		cmocka_unit_test(anchors),
		cmocka_unit_test(white_space_beyond_ascii),
		cmocka_unit_test(addresses_that_are_the_same),
		cmocka_unit_test(unreadable_and_invalid_policies_are_none),
		cmocka_unit_test(summaries),
		cmocka_unit_test(a_policy_as_it_is_printed),
		cmocka_unit_test(each_kind_of_requirement_has_a_whole_row),
		cmocka_unit_test(reasons_go_one_by_one),
		cmocka_unit_test(names_of_enumerations),
		cmocka_unit_test(suites_are_worth_what_openssl_says),
		cmocka_unit_test(suites_are_worth_what_their_names_say),
		cmocka_unit_test(domains),
		cmocka_unit_test(names_in_reading_order),
		cmocka_unit_test(folders_of_certificates),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(advice_fits_the_session),
		cmocka_unit_test(advice_is_whole)
	};

	return UNIT_RUN(argc, argv, tests);
}
