/*
 * unit-lint.c - the functions of lint/ that cases do not reach.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lint/warn.h"

/* The list that a folder has, which reads without an error. */
static struct providers *
read_providers(const char *folder)
{
	struct diags *diags = diags_new();
	struct providers *providers;

	assert_non_null(diags);
	assert_int_equal(setenv("TLSWARD_DATADIR", folder, 1), 0);
	providers = providers_read(diags);
	assert_non_null(providers);
	diags_print(diags, stderr);
	assert_int_equal(diags_count(diags), 0);
	diags_free(&diags);
	return providers;
}

/* Each name of the list that is shipped is found. */
static void
shipped_providers(void **state)
{
	const char *top = getenv("srcdir");
	char path[4096], line[256], name[128], below[160];
	struct providers *providers;
	unsigned count = 0;
	FILE *in;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/conf", top != NULL ? top : ".");
	providers = read_providers(path);
	(void)snprintf(path, sizeof(path), "%s/conf/shared-providers",
	    top != NULL ? top : ".");
	in = fopen(path, "r");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		if (line[0] == '#' || sscanf(line, "%127s", name) != 1)
			continue;
		count++;
		(void)snprintf(below, sizeof(below), "MX.%s", name);
		if (provider_of(providers, name, strlen(name)) == NULL ||
		    provider_of(providers, below, strlen(below)) == NULL)
			fail_msg("%s is not found", name);
		(void)snprintf(below, sizeof(below), "a.b.not%s", name);
		assert_null(provider_of(providers, below, strlen(below)));
	}
	(void)fclose(in);
	assert_true(count > 30);
	assert_null(provider_of(providers, "", 0));
	assert_null(provider_of(providers, "com", 3));
	assert_null(provider_of(providers, "a.b.google.com", 14));
	assert_string_equal(provider_of(providers, "x.mail.protection.outlook.com", 29),
	    "Microsoft 365");
	providers_free(&providers);
	assert_null(providers);
}

static void
no_providers(void **state)
{
	struct providers *providers = read_providers("/nonesuch");

	(void)state;
	assert_null(provider_of(providers, "google.com", 10));
	providers_free(&providers);
}

static void
broken_providers(void **state)
{
	char folder[] = "/tmp/unit-lint-XXXXXX", path[64];
	struct diags *diags = diags_new();
	struct providers *providers;
	const struct diag *diag;
	FILE *out;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/shared-providers", folder);
	out = fopen(path, "w");
	assert_non_null(out);
	(void)fputs("# none\n\n a.example\tA  B # c\r\n  b.example #C\nc.example  C", out);
	(void)fclose(out);
	assert_int_equal(setenv("TLSWARD_DATADIR", folder, 1), 0);
	providers = providers_read(diags);
	assert_non_null(providers);
	assert_string_equal(provider_of(providers, "A.example", 9), "A  B");
	assert_string_equal(provider_of(providers, "c.example", 9), "C");
	assert_null(provider_of(providers, "b.example", 9));
	assert_int_equal(diags_count(diags), 1);
	diag = diags_at(diags, 0);
	assert_int_equal(diag->severity, SEVERITY_ERROR);
	assert_string_equal(diag->file, path);
	assert_int_equal(diag->line, 4);
	assert_int_equal(diag->column, 3);
	providers_free(&providers);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	providers = providers_read(diags);
	assert_non_null(providers);
	assert_int_equal(diags_errors(diags), 2);
	assert_string_equal(diags_at(diags, 1)->message, "cannot be read: it is no file of at most 1 MiB");
	providers_free(&providers);
	(void)rmdir(path);
	(void)rmdir(folder);
	diags_free(&diags);
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
		cmocka_unit_test(shipped_providers),
		cmocka_unit_test(no_providers),
		cmocka_unit_test(broken_providers),
		cmocka_unit_test(regex_names)
	};

	return UNIT_RUN(argc, argv, tests);
}
