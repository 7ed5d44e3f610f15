/*
 * unit-authres.c - the header field Authentication-Results, read and written.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include "milter/authres.h"

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
	};

	return UNIT_RUN(argc, argv, tests);
}
