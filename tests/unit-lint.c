/*
 * unit-lint.c - the functions of lint/ that cases do not reach.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include "lint/provider.h"
#include "lint/regex_name.h"

/* Each name of the table is found, so that it is sorted. */
static void
providers(void **state)
{
	const char *top = getenv("srcdir");
	char line[256], name[128], below[160];
	unsigned count = 0;
	FILE *in;

	(void)state;
	(void)snprintf(line, sizeof(line), "%s/lint/provider.c",
	    top != NULL ? top : ".");
	in = fopen(line, "r");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		if (sscanf(line, "\t{ \"%127[^\"]\"", name) != 1)
			continue;
		count++;
		(void)snprintf(below, sizeof(below), "MX.%s", name);
		if (provider_of(name, strlen(name)) == NULL ||
		    provider_of(below, strlen(below)) == NULL)
			fail_msg("%s is not found", name);
		(void)snprintf(below, sizeof(below), "a.b.not%s", name);
		assert_null(provider_of(below, strlen(below)));
	}
	(void)fclose(in);
	assert_true(count > 30);
	assert_null(provider_of("", 0));
	assert_null(provider_of("com", 3));
	assert_null(provider_of("a.b.google.com", 14));
}

static void
regex_names(void **state)
{
	static const struct {
		const char *text, *name;
		bool start, label, itself, end, loose;
	} names[] = {
		{ "a\\.example", "a.example", false, false, false, false, false },
		{ "^a\\.example$", "a.example", true, false, false, true, false },
		{ "\\Aa.example\\z", "a.example", true, false, false, true, true },
		{ "\\.a\\.example$", "a.example", false, true, false, true, false },
		{ "^.*\\.a\\.example$", "a.example", false, true, false, true, false },
		{ ".+a\\-b.example.*$", "a-b.example", false, false, false, false, true },
		{ "(^|\\.)a\\.example$", "a.example", false, true, true, true, false },
		{ "^(.*\\.)?a\\.example$", "a.example", false, true, true, true, false },
		{ "(.*\\.)?a\\.example$", "a.example", false, false, false, true, false }
	};
	static const char *const all[] = { "", "^", "$", ".*", "^.*$", "^.+", "(.*)$" };
	static const char *const others[] = {
		"^$", "a", "a.b", "example$", "a\\.example\\.", "a\\.exampl?e", "[a]\\.example",
		"a|b\\.example", "^\\.a\\.example$", "a\\.example+", "\\.", "(a)\\.example",
		"\\Qa.example\\E", "a..example", "a\\.b1\\.12"
	};
	static const struct {
		const char *text, *plain;
	} first[] = {
		{ "", "" }, { "a\\.(com|net)$", "a\\.com$" }, { "(|a-b)x", "x" },
		{ "(?:a\\.b|c)(d|e)", "a\\.bd" }, { "(a)", "a" },
		{ "(^|\\.)a", "(^|\\.)a" }, { "(a|b)+", "(a|b)+" },
		{ "(a|.)(?i)\\(b|c)", "(a|.)(?i)\\(b|c)" }, { "((a|b)c)", "(ac)" }
	};
	struct regex_name regex;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		regex_name_read(names[i].text, &regex);
		assert_int_equal(regex.shape, REGEX_NAME);
		assert_string_equal(regex.name, names[i].name);
		assert_int_equal(regex.from_start, names[i].start);
		assert_int_equal(regex.at_label, names[i].label);
		assert_int_equal(regex.or_itself, names[i].itself);
		assert_int_equal(regex.to_end, names[i].end);
		assert_int_equal(regex.loose_dot, names[i].loose);
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		regex_name_read(all[i], &regex);
		assert_int_equal(regex.shape, REGEX_ALL);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		regex_name_read(others[i], &regex);
		if (regex.shape != REGEX_OTHER)
			fail_msg("%s is taken for a name", others[i]);
	}
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		char plain[64];

		regex_name_first(first[i].text, plain);
		assert_string_equal(plain, first[i].plain);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(providers),
		cmocka_unit_test(regex_names)
	};

	return UNIT_RUN(argc, argv, tests);
}
