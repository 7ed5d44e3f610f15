/*
 * unit-authres.c - the header field Authentication-Results, read and written.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "milter/authres.h"
#include "tests/fake-milter/allocation.h"

#define OURS "mx.ours.example"

static enum authres_claim
claim(const char *value, const char *id)
{
	struct authres *authres = authres_new(id);
	enum authres_claim claimed;

	assert_non_null(authres);
	claimed = authres_claims(authres, value);
	authres_free(&authres);
	assert_null(authres);
	return claimed;
}

static int
hex(const char *digits)
{
	char text[3] = { digits[0], digits[1], '\0' };

	return (int)strtol(text, NULL, 16);
}

static void
unescape(char *text)
{
	char *out = text;

	while (*text != '\0') {
		char c = *text++;

		if (c == '\\' && *text == 'x') {
			c = (char)hex(text + 1);
			text += 3;
		} else if (c == '\\') {
			c = *text == 'n' ? '\n' : *text == 't' ? '\t' :
			    *text == 'r' ? '\r' : '\\';
			text++;
		}
		*out++ = c;
	}
	*out = '\0';
}

static void
claims_as_listed(void **state)
{
	const char *srcdir = getenv("srcdir");
	char path[512], line[1024];
	int count = 0, wrong = 0;
	FILE *file;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/tests/cases/authres/claims.txt",
	    srcdir != NULL ? srcdir : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		bool ours = strncmp(line, "ours", 4) == 0;
		char *value = line + (ours ? 4 : 5);

		if (line[0] == '#')
			continue;
		assert_true(ours || strncmp(line, "other", 5) == 0);
		line[strcspn(line, "\n")] = '\0';
		value += *value == ' ';
		count++;
		unescape(value);
		if (claim(value, OURS) != (ours ? AUTHRES_OURS : AUTHRES_OTHER)) {
			(void)fprintf(stderr, "not %s: %s\n", ours ? "ours" : "other",
			    value);
			wrong++;
		}
	}
	(void)fclose(file);
	assert_true(count > 100);
	assert_int_equal(wrong, 0);
}

static void
claims_of_other_ids(void **state)
{
	(void)state;
	assert_int_equal(claim("\xc3\xbc.example; a=b", "xn--tda.example"),
	    AUTHRES_OURS);
	assert_int_equal(claim("xn--tda.example; a=b", "xn--tda.example"),
	    AUTHRES_OURS);
	assert_int_equal(claim("\xc3\xbc.example; a=b", "xn--4ca.example"),
	    AUTHRES_OTHER);
	assert_int_equal(claim("\"mx:1\"; a=b", "mx:1"), AUTHRES_OURS);
	assert_int_equal(claim("mx:1; a=b", "mx:1"), AUTHRES_OURS);
	assert_int_equal(claim("mx:12; a=b", "mx:1"), AUTHRES_OTHER);
	assert_int_equal(claim("1; a=b", "1"), AUTHRES_OURS);
}

static void
names_of_the_field(void **state)
{
	(void)state;
	assert_true(authres_is_field("Authentication-Results"));
	assert_true(authres_is_field("AUTHENTICATION-results"));
	assert_true(authres_is_field("Authentication-Results \t"));
	assert_false(authres_is_field("Authentication-Results2"));
	assert_false(authres_is_field("X-Authentication-Results"));
	assert_false(authres_is_field("ARC-Authentication-Results"));
	assert_false(authres_is_field("Authentication-Result"));
	assert_false(authres_is_field("Authentication-Results x"));
	assert_false(authres_is_field(""));
}

/* Nothing takes a hostile value's length squared, or reads beyond its end. */
static void
hostile_values(void **state)
{
	static const char *const parts[] = { "(", ")", "\"", "\\", ";", "mx.ours.", "()",
	    "(\\", "\xc2", "\xe2\x80", "=?", " ", "mx.ours.example" };
	const size_t size = 300000;
	char *value = malloc(size + 32);

	(void)state;
	assert_non_null(value);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t length = 0;

		while (length < size) {
			(void)strcpy(value + length, parts[i]);
			length += strlen(parts[i]);
		}
		assert_int_not_equal(claim(value, OURS), AUTHRES_NO_MEMORY);
	}
	free(value);
}

/* ------------------------------------------------------------------ *
 * Writing
 * ------------------------------------------------------------------ */

static struct facts
session(const char *version, const char *cipher)
{
	struct facts facts = FACTS_INIT;

	facts.tls_version = version;
	facts.cipher = cipher;
	return facts;
}

static struct verdict
accepted(int bits, const char *file)
{
	struct verdict verdict;

	memset(&verdict, 0, sizeof(verdict));
	verdict.bits = bits;
	verdict.would_by = -1;
	verdict.reported = file != NULL ? OUTCOME_FROM : -1;
	verdict.outcome[OUTCOME_FROM].place.file = file;
	verdict.outcome[OUTCOME_FROM].place.line = 12;
	return verdict;
}

static void
expect(const struct facts *facts, const struct verdict *verdict, const char *wanted)
{
	char value[AUTHRES_VALUE_MAX];

	assert_true(authres_write(OURS, facts, verdict, value, sizeof(value)));
	assert_string_equal(value, wanted);
	assert_int_equal(claim(value, OURS), AUTHRES_OURS);
}

static void
sessions_are_told(void **state)
{
	static const struct {
		const char *version, *cipher;
		int bits;
		const char *wanted;
	} cases[] = {
		{ "none", NULL, -1, "x-tls=none" },
		{ NULL, NULL, -1, "x-tls=permerror" },
		{ "TLSv1.2", "NULL-SHA256", 0, "x-tls=none" },
		{ NULL, "X-NULL-Y", -1, "x-tls=none" },
		{ "TLSv1.2", NULL, -1, "x-tls=pass smtp.version=TLSv1.2" },
		{ NULL, "AES128-SHA", 128, "x-tls=pass smtp.cipher=AES128-SHA smtp.bits=128" },
		{ "TLSv1/1\"", "a\nb", -1, "x-tls=pass smtp.version=\"TLSv1/1\\\"\"" },
		{ "", "\xc3\xbc", -1, "x-tls=pass" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct facts facts = session(cases[i].version, cases[i].cipher);
		struct verdict verdict = accepted(cases[i].bits, NULL);
		char value[AUTHRES_VALUE_MAX], wanted[256];

		assert_true(authres_write(OURS, &facts, &verdict, value, sizeof(value)));
		(void)snprintf(wanted, sizeof(wanted), OURS "; %s policy.tlsward=accept",
		    cases[i].wanted);
		for (char *at = value; (at = strstr(at, "\n\t")) != NULL; )
			memmove(at, at + 1, strlen(at));
		for (char *at = value; (at = strchr(at, '\t')) != NULL; )
			*at = ' ';
		assert_string_equal(value, wanted);
	}
}

static void
rules_are_told(void **state)
{
	struct facts facts = session("none", NULL);
	struct verdict verdict = accepted(-1, "policy.d/a \"b\".conf");

	(void)state;
	expect(&facts, &verdict, OURS "; x-tls=none policy.tlsward=accept\n"
	    "\tpolicy.rule=\"policy.d/a \\\"b\\\".conf:12\"");
	verdict = accepted(-1, "b\303\274cher.conf");
	expect(&facts, &verdict, OURS "; x-tls=none policy.tlsward=accept");
	verdict = accepted(-1, "p");
	verdict.reason = REASON_TLS;
	verdict.would = POLICY_TEMPFAIL;
	verdict.would_by = OUTCOME_TO;
	verdict.outcome[OUTCOME_TO].reason = REASON_UNKNOWN_FACT;
	verdict.outcome[OUTCOME_TO].place.file = "q";
	verdict.exempt = true;
	expect(&facts, &verdict, OURS "; x-tls=none policy.tlsward=accept\n"
	    "\tpolicy.reason=tls policy.rule=\"p:12\" policy.exempt=yes\n"
	    "\tpolicy.would=tempfail policy.would-reason=unknown-fact\n"
	    "\tpolicy.would-rule=\"q:0\"");
}

static void
certificates_are_told_safely(void **state)
{
	struct facts facts = session("TLSv1.3", NULL);
	struct verdict verdict = accepted(-1, NULL);
	const char *plain = OURS "; x-tls=pass smtp.version=TLSv1.3\n"
	    "\tpolicy.tlsward=accept";
	char name[140];

	(void)state;
	facts.cert_cn = "client.example";
	expect(&facts, &verdict, plain);
	facts.cert_verified = POLICY_NO;
	expect(&facts, &verdict, plain);
	facts.cert_verified = POLICY_YES;
	expect(&facts, &verdict, OURS "; x-tls=pass smtp.version=TLSv1.3\n"
	    "\tsmtp.cert-cn=client.example policy.tlsward=accept");
	facts.cert_cn = "a\"; \\x=pass";
	expect(&facts, &verdict, OURS "; x-tls=pass smtp.version=TLSv1.3\n"
	    "\tsmtp.cert-cn=\"a\\\"; \\\\x=pass\" policy.tlsward=accept");
	facts.cert_cn = "a\r\nX-Evil: yes";
	expect(&facts, &verdict, plain);
	facts.cert_cn = "Bl\xc3\xa5";
	expect(&facts, &verdict, plain);
	facts.cert_cn = "rub\x7fout";
	expect(&facts, &verdict, plain);
	facts.cert_cn = "";
	expect(&facts, &verdict, plain);
	memset(name, 'x', sizeof(name));
	name[129] = '\0';
	facts.cert_cn = name;
	expect(&facts, &verdict, plain);
}

/* The longest of everything: all of it is there, and lines are lines. */
static void
lines_are_short(void **state)
{
	char name[129], value[AUTHRES_VALUE_MAX], small[64];
	struct facts facts = FACTS_INIT;
	struct verdict verdict;

	(void)state;
	memset(name, '"', 128);
	name[128] = '\0';
	facts.tls_version = facts.cipher = facts.cert_cn = name;
	facts.cert_verified = POLICY_YES;
	verdict = accepted(256, "p");
	assert_true(authres_write(name, &facts, &verdict, value, sizeof(value)));
	for (const char *line = value; *line != '\0'; line += *line == '\n') {
		size_t length = strcspn(line, "\n");

		assert_true(length < 400);
		assert_true(line == value || *line == '\t');
		line += length;
	}
	assert_non_null(strstr(value, "policy.rule=\"p:12\""));
	assert_false(authres_write(OURS, &facts, &verdict, small, sizeof(small)));
	assert_string_equal(small, "");
	assert_false(authres_write("a\nb", &facts, &verdict, value, sizeof(value)));
}

/* PCRE2's own memory is out of reach: it is asked in vain instead. */
static int step_fails = PCRE2_ERROR_NOMEMORY;

LIBRARY(pcre2_match_context *, pcre2_match_context_create_8,
    (pcre2_general_context *context), (context), NULL)
LIBRARY(pcre2_code *, pcre2_compile_8, (PCRE2_SPTR text, PCRE2_SIZE length,
    uint32_t options, int *error, PCRE2_SIZE *at, pcre2_compile_context *context),
    (text, length, options, error, at, context), NULL)
LIBRARY(int, pcre2_substitute_8, (const pcre2_code *code, PCRE2_SPTR text,
    PCRE2_SIZE length, PCRE2_SIZE start, uint32_t options, pcre2_match_data *data,
    pcre2_match_context *context, PCRE2_SPTR with, PCRE2_SIZE with_length,
    PCRE2_UCHAR *out, PCRE2_SIZE *out_length), (code, text, length, start, options,
    data, context, with, with_length, out, out_length), step_fails)

/* Looks for a claim with one allocation failing. False: no allocation was left to. */
static bool
look_short(const char *value, long failing, const char *id, struct forged *forged)
{
	struct authres *authres;
	bool failed;

	memset(forged, 0, sizeof(*forged));
	allocation_fail(failing);
	authres = authres_new(id);
	if (authres != NULL)
		forged_look(forged, AUTHRES_FIELD, value, authres);
	else
		forged->lost = true;
	failed = allocation_count() >= failing;
	allocation_fail(0);
	authres_free(&authres);
	return failed;
}

/* A field that could not be looked at is lost, and never somebody else's. */
static void
every_failure_of_looking_is_seen(void **state)
{
	static const struct {
		const char *value, *id;
		size_t ours;
	} cases[] = {
		{ OURS "; spf=pass", OURS, 1 }, { "other.example; spf=pass", OURS, 0 },
		{ "\"mx.\\ours.example\"; x", OURS, 1 }, { "(not closed; x", OURS, 0 },
		{ "b\xC3\xBC" "cher.example; x", "xn--bcher-kva.example", 1 }
	};

	(void)state;
	allocation_watch();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct forged forged;
		bool more = true;

		for (long n = 1; more; n++) {
			more = look_short(cases[i].value, n, cases[i].id, &forged);
			assert_int_equal(forged.lost, more);
			assert_int_equal(forged.count, more ? 0 : cases[i].ours);
			forged_clear(&forged);
			assert_int_equal(allocation_live(), 0);
		}
	}
}

/* A value that reaches a limit of the reading is taken for ours. */
static void
what_is_given_up_is_ours(void **state)
{
	const char *value = "other.example; spf=pass";
	struct forged forged;
	bool more = true;
	size_t ours = 0;

	(void)state;
	step_fails = PCRE2_ERROR_MATCHLIMIT;
	for (long n = 1; more; n++) {
		more = look_short(value, n, OURS, &forged);
		assert_true(!more || forged.lost || forged.count == 1);
		ours += forged.count;
		forged_clear(&forged);
	}
	assert_true(ours >= 3);
	step_fails = PCRE2_ERROR_NOMEMORY;
}

static void
too_many_claims_are_lost(void **state)
{
	struct authres *authres = authres_new(OURS);
	struct forged forged = { .lost = false };

	(void)state;
	assert_non_null(authres);
	for (int i = 0; i < FORGED_MAX; i++)
		forged_look(&forged, AUTHRES_FIELD, OURS "; x", authres);
	assert_false(forged.lost);
	assert_int_equal(forged.count, FORGED_MAX);
	forged_look(&forged, AUTHRES_FIELD, "other.example; x", authres);
	assert_false(forged.lost);
	forged_look(&forged, AUTHRES_FIELD, OURS "; x", authres);
	assert_true(forged.lost);
	forged_clear(&forged);
	authres_free(&authres);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_as_listed),
		cmocka_unit_test(claims_of_other_ids),
		cmocka_unit_test(names_of_the_field),
		cmocka_unit_test(hostile_values),
		cmocka_unit_test(sessions_are_told),
		cmocka_unit_test(rules_are_told),
		cmocka_unit_test(certificates_are_told_safely),
		cmocka_unit_test(lines_are_short),
		cmocka_unit_test(every_failure_of_looking_is_seen),
		cmocka_unit_test(what_is_given_up_is_ours),
		cmocka_unit_test(too_many_claims_are_lost),
	};

	return UNIT_RUN(argc, argv, tests);
}
