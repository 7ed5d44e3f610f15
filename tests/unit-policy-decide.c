/*
 * unit-policy-decide.c - verdicts under strain: limits, sizes, threads, replies.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/policy-text.h"

#include <pthread.h>

#include "policy/rules.h"

#define LONG ((size_t)1 << 20)
#define ENTRIES 200000
#define THREADS 8
#define ROUNDS 200

static char *
repeat(const char *part, size_t length, const char *end)
{
	size_t part_length = strlen(part), count = length / part_length;
	char *text = malloc(count * part_length + strlen(end) + 1);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * part_length, part, part_length);
	(void)strcpy(text + count * part_length, end);
	return text;
}

static struct verdict
decide(const struct policy *policy, const struct facts *facts)
{
	struct verdict verdict;

	policy_text_decide(policy, facts, &verdict);
	return verdict;
}

/* -- Limits ---------------------------------------------------------- */

static void
a_hopeless_expression_neither_matches_nor_exempts(void **state)
{
	static const char *const settings[] = {
		"exempt", "require tls; otherwise reject; monitor", "note \"n\"",
		"require tls >= 1.0; otherwise reject"
	};
	char *domain = repeat("a", 200, "!");
	char *from = malloc(300);
	struct facts facts = { .bits = -1, .from = from, TLS12 };

	(void)state;
	assert_non_null(from);
	(void)snprintf(from, 300, "x@%s", domain);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char text[256];
		struct policy *policy;
		struct verdict verdict;

		(void)snprintf(text, sizeof(text),
		    "from /^(([a-z])+.)+[A-Z]([a-z])+$/ { %s }\ndefault { exempt }\n",
		    settings[i]);
		policy = policy_text_load(text);
		verdict = decide(policy, &facts);
		assert_int_equal(verdict.action, POLICY_TEMPFAIL);
		assert_int_equal(verdict.reason, REASON_UNKNOWN_FACT);
		assert_false(verdict.exempt);
		assert_true(verdict.outcome[OUTCOME_FROM].undecided);
		policy_free(&policy);
	}
	free(from);
	free(domain);
}

static void
a_hopeless_expression_passes_no_certificate(void **state)
{
	struct policy *policy = policy_text_load("default {\n"
	    "require certificate name /(a+)+b/ otherwise reject\n"
	    "require certificate issuer /(a+)+b/ otherwise quarantine\n}\n");
	char *name = repeat("a", 300, "cb");
	struct facts facts = {
		.bits = -1, .from = "<>", .cert_verified = POLICY_YES, .cert_cn = name,
		.cert_issuer = name, TLS12
	};
	struct verdict verdict = decide(policy, &facts);

	(void)state;
	assert_int_equal(verdict.action, POLICY_TEMPFAIL);
	assert_int_equal(verdict.reason, REASON_UNKNOWN_FACT);
	assert_int_equal(verdict.failed,
	    1u << REASON_CERTIFICATE_NAME | 1u << REASON_CERTIFICATE_ISSUER);
	assert_int_equal(verdict.outcome[OUTCOME_FROM].check[REASON_CERTIFICATE_NAME],
	    CHECK_UNKNOWN);
	facts.cert_cn = facts.cert_issuer = "aab";
	assert_int_equal(decide(policy, &facts).action, POLICY_ACCEPT);
	free(name);
	policy_free(&policy);
}

/* Another pattern or name that matches counts, whatever one cannot be judged. */
static void
a_match_counts_beside_a_hopeless_expression(void **state)
{
	struct policy *policy = policy_text_load("default { otherwise reject\n"
	    "require certificate name /(a+)+b/ good.example\n}\n");
	char *name = repeat("a", 300, "cb");
	const char *const names[] = { name, "good.example" };
	struct facts facts = {
		.bits = -1, .from = "<>", .cert_verified = POLICY_YES,
		.cert_san = names, .cert_san_count = 2, TLS12
	};

	(void)state;
	assert_int_equal(decide(policy, &facts).action, POLICY_ACCEPT);
	facts.cert_san_count = 1;
	assert_int_equal(decide(policy, &facts).reason, REASON_UNKNOWN_FACT);
	free(name);
	policy_free(&policy);
}

/* -- Encryption ------------------------------------------------------ */

static void
whether_it_is_encrypted_is_one_answer(void **state)
{
	static const struct {
		const char *version;
		const char *cipher;
		int bits;
		enum policy_tri encrypted;
		int counted;		/* the verdict's bits */
	} cases[] = {
		{ NULL, NULL, -1, POLICY_UNKNOWN, -1 },
		{ "none", NULL, -1, POLICY_NO, -1 },
		{ "none", "ECDHE-RSA-AES128-GCM-SHA256", 128, POLICY_NO, 128 },
		{ "TLSv1.2", NULL, -1, POLICY_YES, -1 },
		{ "TLSv9", NULL, -1, POLICY_YES, -1 },
		{ "TLSv1.2", "(NONE)", -1, POLICY_NO, -1 },
		{ "TLSv1.2", "(NONE)", 0, POLICY_NO, 0 },
		{ NULL, "(NONE)", -1, POLICY_NO, -1 },
		{ "TLSv1.2", "NULL-SHA256", 0, POLICY_NO, 0 },
		{ "TLSv1.2", "ECDHE-RSA-NULL-SHA", -1, POLICY_NO, 0 },
		{ "TLSv1.2", "TLS_RSA_WITH_NULL_SHA256", -1, POLICY_NO, -1 },
		{ NULL, "TLS_AES_128_GCM_SHA256", -1, POLICY_YES, 128 },
		{ "TLSv1.3", "TLS_AES_256_GCM_SHA384", 0, POLICY_YES, 256 },
		{ "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", 0, POLICY_YES, 128 },
		{ "TLSv1.2", "of-tomorrow", 0, POLICY_YES, 0 }
	};
	struct policy *policy = policy_text_load("default { require tls }\n");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct facts facts = {
			.from = "a@acme.example", .tls_version = cases[i].version,
			.cipher = cases[i].cipher, .bits = cases[i].bits
		};
		const struct verdict verdict = decide(policy, &facts);
		struct policy_strength strength;

		assert_int_equal(policy_encrypted(&facts), cases[i].encrypted);
		assert_int_equal(verdict.action, cases[i].encrypted == POLICY_YES ?
		    POLICY_ACCEPT : POLICY_TEMPFAIL);
		assert_int_equal(verdict.reason, cases[i].encrypted == POLICY_YES ?
		    REASON_NONE : cases[i].encrypted == POLICY_NO ? REASON_TLS :
		    REASON_UNKNOWN_FACT);
		assert_int_equal(verdict.bits, cases[i].counted);
		policy_strength(policy, &facts, &strength);
		assert_int_equal(strength.protocol == PROTOCOL_CLEAR,
		    cases[i].encrypted == POLICY_NO);
		assert_int_equal(strength.bits, cases[i].counted);
	}
	policy_free(&policy);
}

/* The answer goes by names: those of the suites that are known bear it out. */
static void
a_suite_that_does_not_encrypt_has_a_name_that_says_so(void **state)
{
	struct cipher_table *table = cipher_table_new();
	const struct cipher *cipher;

	(void)state;
	assert_non_null(table);
	for (size_t i = 0; (cipher = cipher_at(table, i)) != NULL; i++)
		assert_int_equal(cipher_name_is_null(cipher->name), cipher->bits == 0);
	cipher_table_free(&table);
}

/* -- Sizes ----------------------------------------------------------- */

static void
long_names_are_matched_whole(void **state)
{
	struct policy *policy = policy_text_load(
	    "from .acme.example { require tls; otherwise reject }\n"
	    "to .ours.example { require tls; otherwise reject }\n"
	    "client .acme.example { require tls; otherwise reject }\n");
	char *local = repeat("x", LONG, "@mx.acme.example");
	char *label = repeat("x", LONG, ".acme.example");
	char *labels = repeat("a.", LONG, "acme.example");
	char *beyond_ascii = repeat("\xC3\xBC", 600, ".acme.example");
	char *froms[] = { local, label, labels, beyond_ascii };

	(void)state;
	for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++) {
		struct facts facts = FACTS_INIT;
		char *address = repeat("x@", 2, froms[i]);

		facts.tls_version = "none";
		facts.from = i == 0 ? froms[i] : address;
		assert_int_equal(decide(policy, &facts).action, POLICY_REJECT);
		free(address);
	}
	{
		struct facts facts = { .bits = -1, .from = "<>", .tls_version = "none",
			.client_name = labels };
		char *recipient = repeat("x@", 2, labels);

		assert_int_equal(decide(policy, &facts).action, POLICY_REJECT);
		facts.client_name = NULL;
		facts.to = recipient;
		assert_int_equal(decide(policy, &facts).action, POLICY_ACCEPT);
		free(recipient);
	}
	for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++)
		free(froms[i]);
	policy_free(&policy);
}

static void
long_names_are_cut_in_the_verdict_alone(void **state)
{
	struct policy *policy = policy_text_load(
	    "default { require tls; otherwise reject }\n");
	char *from = repeat("x@a", 3, "");
	char *domain = repeat("b", 600, ".example");
	char *address = repeat("x@", 2, domain);
	struct facts facts = FACTS_INIT;
	struct verdict verdict;

	(void)state;
	facts.from = address;
	facts.tls_version = "none";
	verdict = decide(policy, &facts);
	assert_int_equal(strlen(verdict.from_domain), 255);
	facts.from = from;
	verdict = decide(policy, &facts);
	assert_string_equal(verdict.from_domain, "a");
	free(address);
	free(domain);
	free(from);
	policy_free(&policy);
}

static void
odd_addresses_do_no_harm(void **state)
{
	static const char *const odd[] = {
		"@", "@@", "\"", "\"\"", "\"@", "\\", "x@", "@x", "a@b@c", "<", ">", "<>",
		"<<>>", ":", "@:", "@a:", "@a:b@c", ".", "x@.", "x@..", "x@.acme.example",
		"\xff@\xff", "x@\xC3", "x@xn--", "x@xn--a", "\"\\", "\"\\\"", "\"a@b",
		"x@[192.0.2.1]", "x@[]", " ", "x @ y", "x@\n", "+@acme.example", "+"
	};
	struct policy *policy = policy_text_load("default { require tls }\n"
	    "from /./ x@acme.example .acme.example { require tls }\n"
	    "to /./ x@acme.example postmaster { require tls }\nclient /./ { }\n");

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct facts facts = {
			.bits = -1, .from = odd[i], .to = odd[i], .to_resolved = odd[i],
			.client_name = odd[i], .client_addr = odd[i], .cipher = odd[i],
			.tls_version = odd[i], .cert_fingerprint = odd[i],
			.cert_verified = POLICY_YES, .cert_cn = odd[i]
		};
		struct policy_reply reply;
		struct verdict verdict = decide(policy, &facts);

		(void)policy_reply(&verdict, &facts, &reply);
	}
	policy_free(&policy);
}

/* The last "@" outside quotes counts; with quotes that never end the last of all. */
static void
the_domain_of_an_address(void **state)
{
	static const char *const domains[][2] = {
		{ "a@b.example", "b.example" }, { "a@b.example@c.example", "c.example" },
		{ "\"a@b.example\"@c.example", "c.example" }, { "\"a@b.example\"", "" },
		{ "a\"@b.example\"@c.example\"@d.example\"",
		    "c.example\"@d.example\"" },
		{ "\"a@b.example", "b.example" },
		{ "a@b.example\"@c.example", "c.example" },
		{ "\"a\\\"@b.example\"@c.example", "c.example" },
		{ "\"a\\\\\"@b.example", "b.example" },
		{ "a\\\"@b.example", "b.example" }, { "\"a@b.example\\", "b.example\\" },
		{ "<a@b.example>", "b.example" }, { "<a@b.example", "b.example" },
		{ "@b.example,@c.example:a@d.example", "d.example" },
		{ "@b.example", "b.example" }, { "a", "" }, { "a@", "" }, { "a@.", "" },
		{ "a@B.Example.", "b.example" }, { "a@b.example..", "b.example." },
	};
	struct policy *policy = policy_text_load("default { require tls }\n");

	(void)state;
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		struct facts facts = { .bits = -1, .from = domains[i][0] };
		struct verdict verdict = decide(policy, &facts);

		assert_string_equal(verdict.from_domain, domains[i][1]);
	}
	policy_free(&policy);
}

static void
the_same_address_is_spelled_in_many_ways(void **state)
{
	static const char *const same[][2] = {
		{ "a@b.example", "A@B.EXAMPLE." }, { "\"a b\"@b.example", "a\\ b@b.example" },
		{ "<a@b.example>", "@relay.example:a@b.example" }, { "<>", "" }, { "a", "A" },
		{ "\"a\"@b.example", "\\a@b.example" }, { "a@b\xC3\xBC.example",
		    "a@xn--b-eha.example" }, { "a@", "a@." },
	};
	static const char *const differ[][2] = {
		{ "a@b.example", "b@b.example" }, { "a@b.example", "a@c.example" },
		{ "a@b.example", "aa@b.example" }, { "a@b.example", "a@b.example.c" },
		{ "<>", "a" }, { "a", "b" }, { "a", "a@b.example" }, { "", "@b.example" },
		{ "ab@c", "a@bc" }, { "\"a@b\"@c", "a@b@d" }, { "\"a@b\"", "a@b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_true(policy_same_address(same[i][0], same[i][1]));
	for (size_t i = 0; i < sizeof(differ) / sizeof(differ[0]); i++) {
		assert_false(policy_same_address(differ[i][0], differ[i][1]));
		assert_false(policy_same_address(differ[i][1], differ[i][0]));
	}
}

/* Names of domains, of what is below domains, and of addresses, in turns. */
static char *
many_names(void)
{
	static const char *const before[] = { "", ".", "u@" };
	size_t room = (size_t)ENTRIES * 32, used = 0;
	char *text = malloc(room);

	assert_non_null(text);
	for (int i = 0; i < ENTRIES; i++)
		used += (size_t)snprintf(text + used, room - used, "%sd%d.example\n",
		    before[i % 3], i);
	return text;
}

static void
expect_found(const struct policy *policy, int i)
{
	static const char *const there[] = { "x@", "x@y.", "u@" };
	static const char *const not_there[] = { "x@y.", "x@", "x@" };
	struct facts facts = FACTS_INIT;
	char from[64];

	facts.from = from;
	facts.tls_version = "none";
	(void)snprintf(from, sizeof(from), "%sd%d.example", there[i % 3], i);
	assert_int_equal(decide(policy, &facts).action, POLICY_REJECT);
	(void)snprintf(from, sizeof(from), "%sd%d.example", not_there[i % 3], i);
	assert_int_equal(decide(policy, &facts).action, POLICY_ACCEPT);
}

static void
two_hundred_thousand_names_are_found(void **state)
{
	char *names = many_names(), path[32], text[128];
	struct policy_summary summary;
	struct policy *policy;
	int fd;

	(void)state;
	policy_text_file(names, strlen(names), &fd, path);
	(void)snprintf(text, sizeof(text),
	    "from file \"%s\" { require tls; otherwise reject }\n", path);
	policy = policy_text_load(text);
	policy_summarize(policy, &summary);
	assert_int_equal(summary.rules, 1);
	assert_int_equal(summary.listed, ENTRIES);
	for (int i = 0; i < ENTRIES; i++)
		expect_found(policy, i);
	policy_free(&policy);
	(void)close(fd);
	free(names);
}

/* -- Replies --------------------------------------------------------- */

static void
expect_fitting_reply(const struct policy *policy, const struct facts *facts)
{
	struct verdict verdict = decide(policy, facts);
	struct policy_reply reply;
	size_t length;

	assert_true(policy_reply(&verdict, facts, &reply));
	length = strlen(reply.code) + 1 + strlen(reply.enhanced) + 1 + strlen(reply.text);
	assert_int_equal(length, POLICY_REPLY_MAX);
	for (const char *c = reply.text; *c != '\0'; c++)
		assert_true(*c >= 0x20 && *c <= 0x7e);
}

static void
replies_are_cut_and_printable(void **state)
{
	static const char *const otherwise[] = {
		"", "550", "550 5.999.999", "550 5.7.1 \"{domain} {tls_version} {cipher}\""
	};
	char *version = repeat("\xC3\xBC\n\x7f", LONG, "");
	char *cipher = repeat("AES", LONG, "");
	struct facts facts = {
		.bits = -1, .from = "x@acme.example", .tls_version = version,
		.cipher = cipher
	};

	(void)state;
	for (size_t i = 0; i < sizeof(otherwise) / sizeof(otherwise[0]); i++) {
		char text[128];
		struct policy *policy;

		(void)snprintf(text, sizeof(text),
		    "default { require tls >= 1.2; otherwise reject %s }\n", otherwise[i]);
		policy = policy_text_load(text);
		expect_fitting_reply(policy, &facts);
		policy_free(&policy);
	}
	free(version);
	free(cipher);
}

static void
a_long_requirement_is_cut(void **state)
{
	char *name = repeat("n", 2000, "");
	char *text = malloc(3000);
	struct facts facts = {
		.bits = -1, .from = "<>", TLS12, .cert_verified = POLICY_NO
	};
	char required[32];
	struct policy *policy;
	struct verdict verdict;

	(void)state;
	assert_non_null(text);
	(void)snprintf(text, 3000,
	    "default { require certificate name \"%s\"; otherwise reject }\n", name);
	policy = policy_text_load(text);
	expect_fitting_reply(policy, &facts);
	verdict = decide(policy, &facts);
	assert_true(policy_required_text(&verdict.outcome[OUTCOME_FROM],
	    REASON_CERTIFICATE_NAME, required, sizeof(required)));
	assert_int_equal(strlen(required), sizeof(required) - 1);
	assert_false(policy_required_text(&verdict.outcome[OUTCOME_FROM], REASON_BITS,
	    required, sizeof(required)));
	assert_string_equal(required, "");
	assert_false(policy_required_text(&verdict.outcome[OUTCOME_CLIENT],
	    REASON_TLS_VERSION, required, sizeof(required)));
	assert_int_equal(policy_required_action(&verdict.outcome[OUTCOME_FROM],
	    REASON_CERTIFICATE_NAME), POLICY_REJECT);
	assert_int_equal(policy_required_action(&verdict.outcome[OUTCOME_FROM],
	    REASON_BITS), POLICY_ACCEPT);
	policy_free(&policy);
	free(text);
	free(name);
}

static void
what_is_not_refused_has_no_reply(void **state)
{
	struct policy *policy = policy_text_load(
	    "default { require tls; otherwise quarantine }\n");
	struct facts facts = { .bits = -1, .from = "<>", .tls_version = "none" };
	struct verdict verdict = decide(policy, &facts);
	struct policy_reply reply;

	(void)state;
	assert_int_equal(verdict.action, POLICY_QUARANTINE);
	assert_false(policy_reply(&verdict, &facts, &reply));
	assert_string_equal(reply.code, "");
	assert_string_equal(reply.text, "");
	policy_free(&policy);
}

static void
before_the_first_recipient(void **state)
{
	struct policy *policy = policy_text_load(
	    "client 192.0.2.1 { require tls; otherwise tempfail }\n"
	    "to /./ { require tls; otherwise reject }\ndefault { require tls >= 1.3 }\n");
	struct facts facts = {
		.bits = -1, .from = "x@acme.example", .client_addr = "192.0.2.1",
		.tls_version = "none"
	};
	struct verdict verdict = decide(policy, &facts);

	(void)state;
	assert_int_equal(verdict.action, POLICY_TEMPFAIL);
	assert_int_equal(verdict.reported, OUTCOME_CLIENT);
	assert_null(verdict.outcome[OUTCOME_TO].rule);
	facts.to = "x@ours.example";
	assert_int_equal(decide(policy, &facts).action, POLICY_REJECT);
	policy_free(&policy);
}

/* -- Threads --------------------------------------------------------- */

struct worker {
	pthread_t thread;
	const struct policy *policy;
	bool good;
};

static bool
judge_once(const struct policy *policy, int round)
{
	struct facts facts = {
		.bits = -1, .client_name = "mx.acme.example", .client_addr = "192.0.2.1",
		.from = round % 2 == 0 ? "hr@b\xC3\xBC" "cher.example" : "x@regex.test",
		.to = "hr+x@ours.example", .cert_verified = POLICY_YES, .cert_cn = "mx1",
		.tls_version = "TLSv1.2", .cipher = "ECDHE-RSA-AES256-GCM-SHA384"
	};
	struct policy_reply reply;
	struct verdict verdict;

	if (policy_decide(policy, &facts, &policy_text_options, &verdict) != 0 ||
	    !policy_reply(&verdict, &facts, &reply))
		return false;
	return verdict.reason == (round % 2 == 0 ? REASON_CERTIFICATE_NAME :
	    REASON_CIPHER) && verdict.action == POLICY_REJECT &&
	    strcmp(reply.enhanced, round % 2 == 0 ? "5.7.1" : "5.7.0") == 0;
}

static void *
judge(void *argument)
{
	struct worker *worker = argument;

	worker->good = true;
	for (int round = 0; round < ROUNDS; round++)
		worker->good &= judge_once(worker->policy, round);
	return NULL;
}

static void
threads_share_a_policy(void **state)
{
	struct policy *policy = policy_text_load(
	    "from b\xC3\xBC" "cher.example { require certificate name /mx[2-9]/; otherwise reject }\n"
	    "from /regex/ { require cipher \"AES128-SHA\"; otherwise reject }\n"
	    "to hr@ours.example { require bits >= 128 }\nclient /^mx/ { require aead }\n");
	struct worker workers[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		workers[i].policy = policy;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, judge,
		    &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_true(workers[i].good);
	}
	policy_free(&policy);
}

static void
expect_place(const struct policy_place *place, unsigned line, const char *name,
    enum policy_rule_kind kind)
{
	assert_non_null(place->file);
	assert_int_equal(place->line, line);
	assert_int_equal(place->kind, kind);
	if (name == NULL)
		assert_null(place->name);
	else
		assert_string_equal(place->name, name);
}

static void
rules_are_told_one_by_one(void **state)
{
	struct policy *policy = policy_text_load(
	    "default { require tls }\n"
	    "profile strict { require tls >= 1.3\n\trequire aead }\n"
	    "from acme.example b.example {\n\tuse strict\n\trequire bits >= 128 }\n"
	    "from /x/ /y/i { exempt }\nclient local { exempt }\n");
	static const char *const names[] = { NULL, "acme.example", "/x/", "local" };
	static const unsigned lines[] = { 1, 4, 7, 8 };
	static const enum policy_rule_kind kinds[] = {
		RULE_DEFAULT, RULE_FROM, RULE_FROM, RULE_CLIENT
	};
	const struct facts facts = { .from = "a@b.example", .bits = -1, TLS12 };
	const struct policy_outcome *outcome;
	struct policy_place place;
	struct verdict verdict;

	(void)state;
	assert_int_equal(policy_rule_count(policy), 4);
	for (size_t i = 0; i < 4; i++) {
		policy_rule_place(policy, i, &place);
		expect_place(&place, lines[i], names[i], kinds[i]);
	}
	policy_text_decide(policy, &facts, &verdict);
	outcome = &verdict.outcome[OUTCOME_FROM];
	assert_int_equal(policy_outcome_rule(policy, outcome), 1);
	assert_true(policy_required_place(outcome, REASON_TLS_VERSION, &place));
	expect_place(&place, 2, "b.example", RULE_FROM);
	assert_true(policy_required_place(outcome, REASON_AEAD, &place));
	expect_place(&place, 3, "b.example", RULE_FROM);
	assert_true(policy_required_place(outcome, REASON_BITS, &place));
	expect_place(&place, 6, "b.example", RULE_FROM);
	assert_false(policy_required_place(outcome, REASON_CERTIFICATE, &place));
	outcome = &verdict.outcome[OUTCOME_CLIENT];
	assert_int_equal(policy_outcome_rule(policy, outcome), SIZE_MAX);
	assert_false(policy_required_place(outcome, REASON_TLS_VERSION, &place));
	policy_free(&policy);
}

/* The standing of x@DOMAIN. */
static struct policy_standing
standing_of(const struct policy *policy, const char *domain, bool monitor, int64_t now)
{
	const struct policy_options options = { .now = now, .monitor = monitor };
	struct policy_standing standing;
	char sender[64];

	(void)snprintf(sender, sizeof(sender), "x@%s", domain);
	assert_int_equal(policy_standing(policy, sender, &options, &standing), 0);
	return standing;
}

static void
standings(void **state)
{
	static const struct {
		const char *domain;
		bool monitor;
		enum policy_state state;
		bool limited, demands;
	} known[] = {
		{ "enforced.example", false, STATE_ENFORCED, false, true },
		{ "enforced.example", true, STATE_MONITORED, false, true },
		{ "nothing.example", false, STATE_ENFORCED, false, false },
		{ "monitored.example", false, STATE_MONITORED, true, true },
		{ "monitored.example", true, STATE_MONITORED, true, true },
		{ "was.example", false, STATE_ENFORCED, false, true },
		{ "was.example", true, STATE_MONITORED, false, true },
		{ "exempt.example", false, STATE_EXEMPT, false, false },
		{ "until.example", false, STATE_EXEMPT, true, true },
		{ "until.example", true, STATE_EXEMPT, true, true },
		{ "other.example", false, STATE_NO_RULE, false, false }
	};
	struct policy *policy = policy_text_load(
	    "from enforced.example { require tls; contact \"c\"; note \"n\" }\n"
	    "from nothing.example { }\n"
	    "from monitored.example { require tls; monitor until 2026-06-16 }\n"
	    "from was.example { require tls; monitor until 2026-06-15\n"
	    "exempt until 2026-06-15 \"old\" }\n"
	    "from exempt.example { monitor until 2026-06-16; exempt \"x\" }\n"
	    "from until.example { require tls; exempt until 2026-06-16 \"y\" }\n");
	struct policy_standing standing;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		standing = standing_of(policy, known[i].domain, known[i].monitor, JUNE_2026);
		assert_int_equal(standing.state, known[i].state);
		assert_int_equal(standing.limited, known[i].limited);
		assert_int_equal(standing.demands, known[i].demands);
		if (known[i].limited)
			assert_int_equal(standing.until, JUNE_2026 + 86400);
		assert_int_equal(standing.place.file != NULL, i + 1 <
		    sizeof(known) / sizeof(known[0]));
	}
	standing = standing_of(policy, "enforced.example", false, JUNE_2026);
	assert_string_equal(standing.contact, "c");
	assert_string_equal(standing.note, "n");
	assert_int_equal(standing.place.line, 1);
	standing = standing_of(policy, "until.example", false, JUNE_2026 + 86399);
	assert_string_equal(standing.exempt_reason, "y");
	standing = standing_of(policy, "until.example", false, JUNE_2026 + 86400);
	assert_int_equal(standing.state, STATE_ENFORCED);
	assert_null(standing.exempt_reason);
	policy_free(&policy);
}

/* What a rule is, for those who report of it: of itself, and by whom it is for. */
static void
rules_by_number(void **state)
{
	static const struct {
		const char *name, *address;
		int by[4];
	} clients[] = {
		{ "mx.acme.example", NULL, { 0, NAMES_VIA, NAMES_REQUIRED, 0 } },
		{ "mx.other.example", "192.0.2.7", { 0, NAMES_VIA, NAMES_VIA, 0 } },
		{ NULL, "198.51.100.1", { 0, 0, 0, 0 } }
	};
	static const char *const whos[] = {
		"acme.example", "acme.example", "domain b.example /x/ via 192.0.2.0/24", ""
	};
	struct policy *policy = policy_text_load("partner Acme { domain acme.example\n"
	    "incoming { require tls; require tls >= 1.3 from 2026-07-01 }\n"
	    "incoming via mx.acme.example 192.0.2.7 { monitor } }\n"
	    "from domain b.example /x/ via 192.0.2.0/24 { require client mx.acme.example }\n"
	    "default { }\n");
	const struct policy_options options = { .now = JUNE_2026 };
	struct policy_standing standing;
	struct facts facts;
	char *text;
	size_t length;
	FILE *out;

	(void)state;
	policy_rule_standing(policy, 0, &options, &standing);
	assert_string_equal(standing.partner, "Acme");
	assert_true(standing.next > JUNE_2026 && standing.next < INT64_MAX);
	policy_rule_standing(policy, 3, &options, &standing);
	assert_null(standing.partner);
	assert_true(standing.next == INT64_MAX);
	for (size_t i = 0; i < 4; i++) {
		out = open_memstream(&text, &length);
		assert_non_null(out);
		assert_int_equal(policy_print_who(policy, i, out), i < 3);
		assert_int_equal(fclose(out), 0);
		assert_string_equal(text + (text[0] == ' '), whos[i]);
		free(text);
		assert_int_equal(policy_rule_client(policy, i, NULL, JUNE_2026) !=
		    NAMES_NO_CLIENT, i == 1 || i == 2);
		for (size_t k = 0; k < sizeof(clients) / sizeof(clients[0]); k++) {
			facts = (struct facts)FACTS_INIT;
			facts.client_name = clients[k].name;
			facts.client_addr = clients[k].address;
			assert_int_equal(policy_rule_client(policy, i, &facts, JUNE_2026),
			    clients[k].by[i]);
		}
	}
	assert_true(policy_rule_is_via(policy, 0, NULL));
	assert_false(policy_rule_is_via(policy, 1, NULL));
	assert_true(policy_rule_is_via(policy, 1, "192.0.2.7"));
	assert_false(policy_rule_is_via(policy, 2, "192.0.2.7"));
	policy_free(&policy);
}

/* How many certificates a rule demands, or (SIZE_MAX) the folder has, that end by then. */
static int
count_registered(const struct policy *policy, size_t rule, int64_t end, const char **file)
{
	const struct pinned_file *at = NULL;
	struct policy_registered registered;
	int count = 0;

	while (policy_registered_next(policy, rule, JUNE_2026, end, &at, &registered)) {
		assert_true(registered.not_after < end && registered.cn != NULL);
		*file = strrchr(registered.file, '/') + 1;
		count++;
	}
	return count;
}

/* What a rule demands, at a time, and the certificates that are registered with it. */
static void
rules_demand(void **state)
{
	const char *top = getenv("srcdir"), *file = "";
	const int64_t last = INT64_MAX, year_2100 = INT64_C(4102444800);
	char folder[PATH_MAX], text[4 * PATH_MAX];
	struct diags *diags = diags_new();
	struct policy *policy;

	(void)state;
	(void)snprintf(text, sizeof(text), "%s/tests/cases/policy/good/known-certificates",
	    top != NULL ? top : ".");
	assert_non_null(realpath(text, folder));
	(void)snprintf(text, sizeof(text),
	    "from a.example { require certificate file \"%s/pin.pem\""
	    " \"%s/partners/acme-next.pem\" }\n"
	    "from b.example { require certificate fingerprint sha256:"
	    "e57d4a6c0205" "6d755daaac13e0db0576" "4e3b346c3c3a81b3cc0ceb5731530cd4 }\n"
	    "from c.example { require tls; require tls >= 1.3 from 2026-07-01 }\n"
	    "default { }\n", folder, folder);
	policy = policy_text_load(text);
	(void)strcat(folder, "/partners");
	assert_int_equal(policy_load_certificates(policy, folder, diags), POLICY_LOADED);
	assert_int_equal(count_registered(policy, 0, last, &file), 2);
	assert_int_equal(count_registered(policy, 0, year_2100, &file), 0);
	assert_int_equal(count_registered(policy, 1, last, &file), 1);
	assert_string_equal(file, "acme-next.pem");
	assert_int_equal(count_registered(policy, 2, last, &file), 0);
	assert_true(count_registered(policy, SIZE_MAX, last, &file) > 5);
	assert_false(policy_rule_required(policy, 2, REASON_BITS, JUNE_2026, text,
	    sizeof(text)));
	assert_true(policy_rule_required(policy, 2, REASON_TLS_VERSION, JUNE_2026, text,
	    sizeof(text)));
	assert_string_equal(text, "TLS");
	assert_true(policy_rule_required(policy, 2, REASON_TLS_VERSION, year_2100, text,
	    sizeof(text)));
	assert_string_equal(text, "TLS 1.3 or newer");
	policy_free(&policy);
	diags_free(&diags);
}

/* -- What is hidden --------------------------------------------------- */

static const char hidden_policy[] =
    "from acme.example { require tls; otherwise tempfail }\n"
    "from strict@acme.example { require tls; otherwise reject }\n"
    "from alike.example { require tls; otherwise reject }\n"
    "from one@alike.example two@alike.example { require tls >= 1.2; otherwise reject }\n"
    "from watched.example { require tls; otherwise tempfail; monitor }\n"
    "from one@watched.example { require tls; otherwise reject; monitor }\n"
    "to vip@ours.example { require tls; otherwise reject }\n"
    "to ours.example { note \"met by all\" }\n"
    "client 192.0.2.128/25 { require tls; otherwise reject }\n"
    "client 255.0.0.0/8 2001:db8:1::/48 { require tls; otherwise quarantine }\n"
    "default { require tls; otherwise quarantine }\n";

static void
what_is_hidden_may_matter(void **state)
{
	static const struct {
		const char *from, *address;
		struct policy_hidden hidden;
		bool certain;
	} cases[] = {
		{ "x@acme.example", NULL, { 0 }, true },
		{ "x@acme.example", NULL, { .sender = true }, false },
		{ "strict@acme.example", NULL, { .sender = true }, false },
		{ "x@alike.example", NULL, { .sender = true }, true },
		{ "x@watched.example", NULL, { .sender = true }, false },
		{ "x@other.example", NULL, { .sender = true }, true },
		{ "<>", NULL, { .sender = true }, true },
		{ "x@acme.example", NULL, { .recipient = true }, false },
		{ "x@acme.example", NULL, { .sender = true, .recipient = true }, false },
		{ "x@alike.example", NULL, { .recipient = true }, true },
		{ "x@acme.example", "192.0.2.0", { .network = "192.0.2.0/24" }, false },
		{ "x@alike.example", "192.0.2.0", { .network = "192.0.2.0/24" }, true },
		{ "x@acme.example", "192.0.2.0", { .network = "192.0.2.0/25" }, true },
		{ "x@acme.example", "198.51.100.0", { .network = "198.51.100.0/24" }, true },
		{ "x@other.example", "255.255.255.0", { .network = "255.255.255.0/24" }, true },
		{ "x@acme.example", "255.255.255.0", { .network = "255.255.255.0/24" }, true },
		{ "x@watched.example", "2001:db8::", { .network = "2001:db8::/32" }, false },
		{ "x@acme.example", "192.0.2.0", { .network = "somewhere" }, false }
	};
	struct policy *policy = policy_text_load(hidden_policy);
	struct policy_ranges *ranges = policy_ranges_new(policy);

	(void)state;
	assert_non_null(ranges);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct facts facts = {
			.bits = -1, .from = cases[i].from, .tls_version = "none",
			.client_addr = cases[i].address
		};
		const struct verdict known = decide(policy, &facts);
		struct verdict verdict;
		bool certain;

		assert_int_equal(policy_decide_hidden(ranges, &facts, &cases[i].hidden,
		    &policy_text_options, &verdict, &certain), 0);
		assert_int_equal(verdict.action, known.action);
		if (certain != cases[i].certain)
			fail_msg("case %zu is %scertain", i, certain ? "" : "not ");
	}
	policy_ranges_free(&ranges);
	policy_ranges_free(&ranges);
	policy_free(&policy);
}

/* -- Facts that no MTA gives ------------------------------------------ */

#define ZEROS64 "0000000000000000000000000000000000000000000000000000000000000000"

static void
facts_that_say_nothing_are_unknown(void **state)
{
	static const struct {
		const char *rule;
		struct facts facts;
		enum policy_action action;
		enum policy_reason reason;
	} cases[] = {
		{ "require certificate valid-for >= 7 days",
		    { .cert_fingerprint = ZEROS64, .cert_not_after = "soon" },
		    POLICY_TEMPFAIL, REASON_UNKNOWN_FACT },
		{ "require certificate valid-for >= 7 days",
		    { .cert_fingerprint = ZEROS64, .cert_not_after = "" },
		    POLICY_TEMPFAIL, REASON_UNKNOWN_FACT },
		{ "require certificate fingerprint sha256:" ZEROS64,
		    { .cert_fingerprint = "garbage" },
		    POLICY_TEMPFAIL, REASON_UNKNOWN_FACT },
		{ "require certificate fingerprint sha256:" ZEROS64,
		    { .cert_fingerprint = "garbage", .cert_pubkey_fingerprint = ZEROS64 },
		    POLICY_ACCEPT, REASON_NONE },
		{ "require certificate fingerprint sha256:" ZEROS64,
		    { .cert_fingerprint = "d41d8cd98f00b204e9800998ecf8427e",
		    .cert_pubkey_fingerprint = "more garbage" },
		    POLICY_TEMPFAIL, REASON_UNKNOWN_FACT },
		{ "require bits >= 1", { .cipher = "of-tomorrow" },
		    POLICY_TEMPFAIL, REASON_UNKNOWN_FACT }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct facts facts = cases[i].facts;
		struct policy *policy;
		struct verdict verdict;
		char text[256];

		(void)snprintf(text, sizeof(text), "default { %s; otherwise reject }\n",
		    cases[i].rule);
		policy = policy_text_load(text);
		facts.bits = -1;
		facts.tls_version = "TLSv1.2";
		verdict = decide(policy, &facts);
		assert_int_equal(verdict.action, cases[i].action);
		assert_int_equal(verdict.reason, cases[i].reason);
		policy_free(&policy);
	}
}

/* What no client can be: no rule on one applies, and none is known. */
static void
clients_that_are_none_match_nothing(void **state)
{
	static const char *const addresses[] = {
		"192.0.2.0/24", "192.0.2.1/32", "unknown", "", "192.0.2.1 ", "192.0.2"
	};
	struct policy *policy = policy_text_load(
	    "client 192.0.2.0/24 /./ mx.acme.example { require tls; otherwise reject }\n");
	struct facts facts = {
		.bits = -1, .from = "<>", .tls_version = "none", .client_name = ""
	};

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		facts.client_addr = addresses[i];
		assert_int_equal(decide(policy, &facts).action, POLICY_ACCEPT);
	}
	facts.client_addr = "192.0.2.1";
	assert_int_equal(decide(policy, &facts).action, POLICY_REJECT);
	policy_free(&policy);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hopeless_expression_neither_matches_nor_exempts),
		cmocka_unit_test(a_hopeless_expression_passes_no_certificate),
		cmocka_unit_test(a_match_counts_beside_a_hopeless_expression),
		cmocka_unit_test(whether_it_is_encrypted_is_one_answer),
		cmocka_unit_test(
		    a_suite_that_does_not_encrypt_has_a_name_that_says_so),
		cmocka_unit_test(long_names_are_matched_whole),
		cmocka_unit_test(long_names_are_cut_in_the_verdict_alone),
		cmocka_unit_test(odd_addresses_do_no_harm),
		cmocka_unit_test(the_domain_of_an_address),
		cmocka_unit_test(the_same_address_is_spelled_in_many_ways),
		cmocka_unit_test(two_hundred_thousand_names_are_found),
		cmocka_unit_test(replies_are_cut_and_printable),
		cmocka_unit_test(a_long_requirement_is_cut),
		cmocka_unit_test(what_is_not_refused_has_no_reply),
		cmocka_unit_test(before_the_first_recipient),
		cmocka_unit_test(rules_are_told_one_by_one),
		cmocka_unit_test(standings),
		cmocka_unit_test(rules_by_number),
		cmocka_unit_test(rules_demand),
		cmocka_unit_test(threads_share_a_policy),
		cmocka_unit_test(what_is_hidden_may_matter),
		cmocka_unit_test(facts_that_say_nothing_are_unknown),
		cmocka_unit_test(clients_that_are_none_match_nothing)
	};

	return UNIT_RUN(argc, argv, tests);
}
