/*
 * unit-tls-policy.c - the stricter of an agreement and what another service asks for.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/policy-text.h"

#include "base/buffer.h"
#include "policy/tls_policy.h"

#define NOT_UNDERSTOOD "TEMP the service of tls-policy-next gave "

static const char policy_of_all[] =
    "deliver tls.example { require tls }\n"
    "deliver new.example { require tls >= 1.2 }\n"
    "deliver old.example { require ciphersuites \"TLS_AES_256_GCM_SHA384\"; "
    "require tls >= 1.0 }\n"
    "deliver latest.example { require tls >= 1.3 }\n"
    "deliver name.example { require certificate name mx.a.example }\n"
    "deliver cert.example { require certificate; require tls >= 1.2 }\n"
    "deliver dane.example { require dane }\n"
    "deliver pin.example { require certificate fingerprint sha256:"
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }\n"
    "deliver cert-or-not.example { require tls; require certificate "
    "otherwise accept }\n"
    "deliver exempt.example { require tls; exempt }\n"
    "deliver accept.example { require tls otherwise accept }\n"
    "deliver nothing.example { require nothing }\n"
    "deliver watched.example { require tls; monitor }\n"
    "deliver later.example { require tls from 2026-07-01 }\n";

static const char *const levels[] = {
	"NOTFOUND ", "TEMP later", "PERM no such map", "OK none", "OK may", "OK encrypt",
	"OK dane", "OK half-dane", "OK dane-only", "OK verify", "OK secure match=mx.b.example",
	"OK fingerprint match=AB:CD", "OK nonsense", "OK ", "", "nonsense"
};

static struct verdict
judge(const struct policy *policy, const struct policy_options *options, const char *hop)
{
	const struct facts facts = { .direction = "out", .next_hop = hop };
	struct verdict verdict;

	assert_int_equal(policy_decide(policy, &facts, options, &verdict), 0);
	return verdict;
}

static void
check_reply_of(const struct policy *policy, const struct policy_postfix *postfix,
    const char *hop, const char *theirs, const char *expected)
{
	struct policy_options options = policy_text_options;
	struct buffer reply = BUFFER_INIT;
	struct verdict verdict;
	bool fine;

	options.postfix = *postfix;
	verdict = judge(policy, &options, hop);
	fine = policy_tls_policy_with(&verdict, theirs, &reply);
	assert_false(reply.failed);
	if (strcmp(reply.text, expected) != 0)
		print_error("%s with %s: %s\n", hop, theirs, reply.text);
	assert_string_equal(reply.text, expected);
	assert_int_equal(fine, strncmp(expected, NOT_UNDERSTOOD,
	    strlen(NOT_UNDERSTOOD)) != 0 && strncmp(expected, "PERM", 4) != 0);
	buffer_free(&reply);
}

static void
check_reply(const struct policy *policy, unsigned version, const char *hop,
    const char *theirs, const char *expected)
{
	const struct policy_postfix postfix = { .version = version };

	check_reply_of(policy, &postfix, hop, theirs, expected);
}

/* -- Whose word counts ------------------------------------------------ */

static void
a_rule_on_the_certificate_is_ours_alone(void **state)
{
	static const char *const alone[][2] = {
		{ "name.example", "OK secure match=mx.a.example" },
		{ "cert.example", "OK verify protocols=>=TLSv1.2" },
		{ "dane.example", "OK dane-only" }, { "exempt.example", "OK may" },
		{ "accept.example", "OK may" }, { "nothing.example", "OK may" },
	};
	struct policy *policy = policy_text_load(policy_of_all);

	(void)state;
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		struct verdict verdict = judge(policy, &policy_text_options, alone[i][0]);

		assert_false(policy_tls_policy_asks_next(&verdict));
		check_reply(policy, 307, alone[i][0], NULL, alone[i][1]);
		for (size_t j = 0; j < sizeof(levels) / sizeof(levels[0]); j++)
			check_reply(policy, 307, alone[i][0], levels[j], alone[i][1]);
	}
	policy_free(&policy);
}

static void
without_a_rule_theirs_goes_through(void **state)
{
	static const char *const hops[] = {
		"other.example", "[192.0.2.1]:25", "watched.example", "later.example"
	};
	static const char *const odd[] = {
		"OK secure match=a servername=hostname policy_type=sts { policy_string = a, b }",
		"OK nonsense", "OK ,may=,", "TIMEOUT ", "TEMP ", "PERM ", "NOTFOUND", "PERM",
		"OK dane protocols=!TLSv9"
	};
	struct policy *policy = policy_text_load(policy_of_all);

	(void)state;
	for (size_t i = 0; i < sizeof(hops) / sizeof(hops[0]); i++) {
		struct verdict verdict = judge(policy, &policy_text_options, hops[i]);

		assert_true(policy_tls_policy_asks_next(&verdict));
		check_reply(policy, 307, hops[i], NULL, "NOTFOUND ");
		for (size_t j = 0; j < 13; j++)
			check_reply(policy, 307, hops[i], levels[j], levels[j]);
		for (size_t j = 0; j < sizeof(odd) / sizeof(odd[0]); j++)
			check_reply(policy, 307, hops[i], odd[j], odd[j]);
		for (size_t j = 13; j < sizeof(levels) / sizeof(levels[0]); j++)
			check_reply(policy, 307, hops[i], levels[j],
			    NOT_UNDERSTOOD "no reply that is known");
		check_reply(policy, 307, hops[i], "OK , \t", NOT_UNDERSTOOD
		    "no reply that is known");
		check_reply(policy, 307, hops[i], "OKAY may", NOT_UNDERSTOOD
		    "no reply that is known");
	}
	policy_free(&policy);
}

static void
under_monitor_of_all_theirs_goes_through(void **state)
{
	struct policy *policy = policy_text_load(policy_of_all);
	struct policy_options options = policy_text_options;
	static const char *const hops[] = { "tls.example", "name.example", "exempt.example" };

	(void)state;
	options.monitor = true;
	for (size_t i = 0; i < 3; i++) {
		struct verdict verdict = judge(policy, &options, hops[i]);
		struct buffer reply = BUFFER_INIT;

		assert_true(policy_tls_policy_asks_next(&verdict));
		assert_true(policy_tls_policy_with(&verdict, "OK dane", &reply));
		assert_string_equal(reply.text, "OK dane");
		buffer_free(&reply);
	}
	policy_free(&policy);
}

/* Rows of: the next hop, theirs, what comes out. */
static void
check_rows(const char *const (*rows)[3], size_t count)
{
	struct policy *policy = policy_text_load(policy_of_all);

	for (size_t i = 0; i < count; i++)
		check_reply(policy, 307, rows[i][0], rows[i][1], rows[i][2]);
	policy_free(&policy);
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void
the_stricter_level_is_the_answer(void **state)
{
	static const char *const rows[][3] = {
		{ "tls.example", "NOTFOUND ", "OK encrypt" },
		{ "tls.example", "NOTFOUND", "OK encrypt" },
		{ "tls.example", "OK none", "OK encrypt" },
		{ "tls.example", "OK may ciphers=null protocols=nonsense x", "OK encrypt" },
		{ "tls.example", "OK dane", "OK encrypt" },
		{ "tls.example", "OK half-dane", "OK encrypt" },
		{ "tls.example", "OK encrypt", "OK encrypt" },
		{ "tls.example", "OK dane-only", "OK dane-only" },
		{ "tls.example", "OK DANE-ONLY", "OK DANE-ONLY" },
		{ "tls.example", "OK verify", "OK verify" },
		{ "tls.example", "OK fingerprint match=AB:CD match=EF",
		    "OK fingerprint match=AB:CD match=EF" },
		{ "new.example", "NOTFOUND ", "OK encrypt protocols=>=TLSv1.2" },
		{ "new.example", "OK dane", "OK encrypt protocols=>=TLSv1.2" },
		{ "new.example", "OK dane-only", "OK dane-only protocols=>=TLSv1.2" },
		{ "new.example", "OK secure match=mx.b.example:.c.example servername=hostname",
		    "OK secure match=mx.b.example:.c.example servername=hostname "
		    "protocols=>=TLSv1.2" },
		/* As postfix-tlspol answers QUERYwithTLSRPT. */
		{ "new.example", "OK secure match=a.b servername=hostname policy_type=sts "
		    "policy_domain=b mx_host_pattern=a.b { policy_string = version: STSv1 } "
		    "{ policy_string = mode: enforce }",
		    "OK secure match=a.b servername=hostname policy_type=sts "
		    "policy_domain=b mx_host_pattern=a.b { policy_string = version: STSv1 } "
		    "{ policy_string = mode: enforce } protocols=>=TLSv1.2" },
		{ "cert-or-not.example", "OK dane-only", "OK dane-only" },
		{ "cert-or-not.example", "NOTFOUND ", "OK encrypt" },
		{ "tls.example", "TEMP not now", "TEMP not now" },
		{ "tls.example", "TEMP ", "TEMP " },
		{ "tls.example", "TIMEOUT late", "TEMP late" },
		{ "tls.example", "PERM no such map", NOT_UNDERSTOOD "an error that stays" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void
what_cannot_be_understood_is_a_temp(void **state)
{
	static const char *const rows[][3] = {
		{ "tls.example", "", NOT_UNDERSTOOD "no reply that is known" },
		{ "tls.example", "ok dane", NOT_UNDERSTOOD "no reply that is known" },
		{ "tls.example", "OK", NOT_UNDERSTOOD "no reply that is known" },
		{ "tls.example", "OK ,", NOT_UNDERSTOOD "no reply that is known" },
		{ "tls.example", "OK dane-onl", NOT_UNDERSTOOD
		    "no security level that is known" },
		{ "tls.example", "OK match=a secure", NOT_UNDERSTOOD
		    "no security level that is known" },
		{ "tls.example", "OK secure match", NOT_UNDERSTOOD
		    "an attribute that cannot be read" },
		{ "tls.example", "OK secure =a", NOT_UNDERSTOOD
		    "an attribute that cannot be read" },
		{ "tls.example", "OK secure { match=a", NOT_UNDERSTOOD
		    "an attribute that cannot be read" },
		{ "new.example", "OK secure policy_string={a", NOT_UNDERSTOOD
		    "an attribute that cannot be read" },
		{ "tls.example", "OK secure {", NOT_UNDERSTOOD
		    "an attribute that cannot be read" },
		{ "tls.example", "OK secure {}", NOT_UNDERSTOOD
		    "an attribute that cannot be read" },
		{ "tls.example", "OK secure {a=b}c{d=e}", NOT_UNDERSTOOD
		    "an attribute that cannot be read" },
		{ "tls.example", "OK secure {{protocols}=TLSv1}}", NOT_UNDERSTOOD
		    "an attribute that cannot be read" },
		/* A Postfix before 3.10 would read three attributes. */
		{ "tls.example", "OK secure match=a{ protocols=TLSv1 match=}", NOT_UNDERSTOOD
		    "an attribute that cannot be read" },
		{ "tls.example", "OK secure ciphers=high match=a CIPHERS=high", NOT_UNDERSTOOD
		    "an attribute that is there twice" },
		{ "tls.example", "OK secure exclude=A exclude=B", NOT_UNDERSTOOD
		    "an attribute that is there twice" },
		{ "tls.example", "OK secure ciphers=best", NOT_UNDERSTOOD
		    "a grade of ciphers that is not known" },
		{ "tls.example", "OK secure ciphers=", NOT_UNDERSTOOD
		    "a grade of ciphers that is not known" },
		{ "new.example", "OK secure protocols=TLSv9", NOT_UNDERSTOOD
		    "a protocol that is not known" },
		{ "new.example", "OK secure protocols=0303x", NOT_UNDERSTOOD
		    "a protocol that is not known" },
		{ "new.example", "OK secure protocols=TLSv1.2:!", NOT_UNDERSTOOD
		    "a protocol that is not known" },
		{ "new.example", "OK secure protocols=>=", NOT_UNDERSTOOD
		    "a protocol that is not known" },
		{ "new.example", "OK secure protocols=SSLv3", NOT_UNDERSTOOD
		    "no protocol that is allowed here" },
		{ "new.example", "OK secure protocols=<=TLSv1.1", NOT_UNDERSTOOD
		    "no protocol that is allowed here" },
		{ "old.example", "OK dane-only protocols=>=TLSv1.3", NOT_UNDERSTOOD
		    "no protocol that is allowed here" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void
what_postfix_would_not_read_is_a_temp(void **state)
{
	struct policy *policy = policy_text_load(policy_of_all);
	struct buffer theirs = BUFFER_INIT, expected = BUFFER_INIT;

	(void)state;
	buffer_string(&theirs, "OK secure match=");
	while (theirs.length < 99976)
		buffer_add(&theirs, "a", 1);
	buffer_format(&expected, "%s protocols=>=TLSv1.2", theirs.text);
	check_reply(policy, 307, "new.example", theirs.text, expected.text);
	while (theirs.length < 100000)
		buffer_add(&theirs, "a", 1);
	check_reply(policy, 307, "tls.example", theirs.text, theirs.text);
	check_reply(policy, 307, "new.example", theirs.text, NOT_UNDERSTOOD
	    "more than Postfix reads");
	buffer_free(&theirs);
	buffer_free(&expected);
	policy_free(&policy);
}

/* -- Attributes that both have ---------------------------------------- */

static void
protocols_are_those_that_both_allow(void **state)
{
	/* Of: theirs; with TLS 1.2 and newer; with TLS 1.0 to 1.2; for TLS 1.3 alone. */
	static const char *const rows[][4] = {
		{ "!SSLv2:!SSLv3", ">=TLSv1.2", ">=TLSv1:<=TLSv1.2", ">=TLSv1.3" },
		{ ">=TLSv1", ">=TLSv1.2", ">=TLSv1:<=TLSv1.2", ">=TLSv1.3" },
		{ ">=tlsv1.1", ">=TLSv1.2", ">=TLSv1.1:<=TLSv1.2", ">=TLSv1.3" },
		{ "TLSv1.2", ">=TLSv1.2:<=TLSv1.2", ">=TLSv1.2:<=TLSv1.2", NULL },
		{ "TLSv1.2:TLSv1.3", ">=TLSv1.2", ">=TLSv1.2:<=TLSv1.2", ">=TLSv1.3" },
		{ "TLSv1:TLSv1.1:TLSv1.2", ">=TLSv1.2:<=TLSv1.2", ">=TLSv1:<=TLSv1.2", NULL },
		{ "!TLSv1.3", ">=TLSv1.2:<=TLSv1.2", ">=TLSv1:<=TLSv1.2", NULL },
		{ ">=TLSv1.1:<=TLSv1.2", ">=TLSv1.2:<=TLSv1.2", ">=TLSv1.1:<=TLSv1.2", NULL },
		{ "!TLSv1.1", ">=TLSv1.2", ">=TLSv1:<=TLSv1.2:!TLSv1.1", ">=TLSv1.3" },
		{ "TLSv1.3", ">=TLSv1.3", NULL, ">=TLSv1.3" },
	};
	static const char *const hops[] = { "new.example", "old.example", "latest.example" };
	struct policy *policy = policy_text_load(policy_of_all);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t j = 0; j < 3; j++) {
			char theirs[100], expected[100], joined[100];

			(void)snprintf(theirs, sizeof(theirs),
			    "OK dane-only protocols=%s", rows[i][0]);
			(void)snprintf(joined, sizeof(joined),
			    "OK dane-only protocols=%s", rows[i][j + 1]);
			(void)snprintf(expected, sizeof(expected), "%s",
			    rows[i][j + 1] != NULL ? joined : NOT_UNDERSTOOD
			    "no protocol that is allowed here");
			check_reply(policy, 307, hops[j], theirs, expected);
		}
	check_reply(policy, 0, "new.example", "OK dane-only protocols=TLSv1:TLSv1.2",
	    "OK dane-only protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.3");
	check_reply(policy, 307, "tls.example", "OK dane-only protocols=!TLSv1.1 x=",
	    "OK dane-only x= protocols=!TLSv1.1");
	check_reply(policy, 310, "new.example",
	    "OK dane-only, {protocols = >=TLSv1, TLSv1.2:TLSv1.3}, {a= b c}",
	    "OK dane-only {a= b c} protocols=>=TLSv1.2");
	check_reply(policy, 310, "tls.example",
	    "OK dane-only { protocols = >=TLSv1.2, match=a.b ciphers=null }",
	    "OK dane-only protocols=>=TLSv1.2:match=a.b:ciphers=null");
	check_reply(policy, 310, "tls.example", "OK dane-only protocols\v= exclude= {\fa=b}",
	    "OK dane-only {\fa=b}");
	policy_free(&policy);
}

static void
what_either_excludes_is_excluded(void **state)
{
	struct policy *policy = policy_text_load(
	    "deliver tls.example { require tls }\n"
	    "deliver fs.example { require forward-secrecy }\n");
	struct policy_options options = policy_text_options;
	struct verdict verdict = judge(policy, &options, "fs.example");
	struct buffer ours = BUFFER_INIT, theirs = BUFFER_INIT, expected = BUFFER_INIT;
	const char *excluded;

	(void)state;
	assert_true(policy_tls_policy(&verdict, &ours));
	excluded = strstr(ours.text, "exclude=") + strlen("exclude=");
	buffer_format(&expected, "OK verify exclude=%s", excluded);
	check_reply(policy, 0, "fs.example", "OK verify", expected.text);
	buffer_clear(&expected);
	buffer_format(&expected, "OK verify ciphers=high exclude=RC4:%s", excluded);
	check_reply(policy, 0, "fs.example", "OK verify exclude=RC4 ciphers=high",
	    expected.text);
	/* What both have is there once. */
	buffer_format(&theirs, "OK verify exclude=RC4:%s", excluded);
	buffer_clear(&expected);
	buffer_format(&expected, "OK verify exclude=RC4:%s", excluded);
	check_reply(policy, 0, "fs.example", theirs.text, expected.text);
	check_reply(policy, 0, "tls.example", "OK verify exclude=aNULL:RC4 ciphers=medium",
	    "OK verify ciphers=medium exclude=aNULL:RC4");
	check_reply(policy, 0, "tls.example", "OK verify {exclude = a, b} ciphers=null",
	    "OK verify exclude=a:b");
	buffer_free(&ours);
	buffer_free(&theirs);
	buffer_free(&expected);
	policy_free(&policy);
}

/* What the service says takes main.cf's place, too. */
static void
nothing_goes_below_main_cf(void **state)
{
	static const struct policy_postfix postfix = {
		.version = 307, .refused = 1u << PROTOCOL_TLS_1_0 | 1u << PROTOCOL_TLS_1_3,
		.excluded = "RC4:DES", .null_grade = true
	};
	static const char *const rows[][3] = {
		{ "tls.example", "OK dane-only", "OK dane-only ciphers=medium" },
		{ "tls.example", "OK verify ciphers=null", "OK verify ciphers=medium" },
		{ "tls.example", "OK verify ciphers=high", "OK verify ciphers=high" },
		{ "tls.example", "OK verify protocols=>=TLSv1 exclude=MD5",
		    "OK verify ciphers=medium protocols=>=TLSv1.1:<=TLSv1.2 "
		    "exclude=MD5:RC4:DES" },
		{ "new.example", "OK verify protocols=TLSv1:TLSv1.2 exclude=RC4:MD5",
		    "OK verify ciphers=medium protocols=>=TLSv1.2:<=TLSv1.2 "
		    "exclude=RC4:MD5:DES" },
		{ "tls.example", "OK verify protocols=TLSv1.3", NOT_UNDERSTOOD
		    "no protocol that is allowed here" },
		{ "other.example", "OK verify protocols=TLSv1.3 exclude=MD5",
		    "OK verify protocols=TLSv1.3 exclude=MD5" },
	};
	struct policy *policy = policy_text_load(policy_of_all);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_reply_of(policy, &postfix, rows[i][0], rows[i][1], rows[i][2]);
	policy_free(&policy);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_on_the_certificate_is_ours_alone),
		cmocka_unit_test(without_a_rule_theirs_goes_through),
		cmocka_unit_test(under_monitor_of_all_theirs_goes_through),
		cmocka_unit_test(the_stricter_level_is_the_answer),
		cmocka_unit_test(what_cannot_be_understood_is_a_temp),
		cmocka_unit_test(what_postfix_would_not_read_is_a_temp),
		cmocka_unit_test(protocols_are_those_that_both_allow),
		cmocka_unit_test(what_either_excludes_is_excluded),
		cmocka_unit_test(nothing_goes_below_main_cf)
	};

	return UNIT_RUN(argc, argv, tests);
}
