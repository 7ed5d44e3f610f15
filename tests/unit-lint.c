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
	diags_print(diags, true, stderr);
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
	assert_string_equal(diags_at(diags, 1)->message, "cannot be read: it is not a file of at most 1 MiB");
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

/* How many warnings of a kind there are. */
static size_t
count_id(const struct diags *diags, const char *id)
{
	const struct diag *each;
	size_t count = 0;

	for (size_t i = 0; (each = diags_at(diags, i)) != NULL; i++)
		count += each->id != NULL && strcmp(each->id, id) == 0;
	return count;
}

/* However many rules there are for one name, each names what is below it, too. */
static void
many_rules_for_a_name(void **state)
{
	char path[] = "/tmp/unit-lint-policy-XXXXXX";
	struct diags *diags = diags_new();
	struct policy *policy = NULL;
	int fd = mkstemp(path);
	FILE *out;

	(void)state;
	assert_int_not_equal(fd, -1);
	out = fdopen(fd, "w");
	assert_non_null(out);
	for (int i = 0; i < 200; i++)
		(void)fprintf(out, "from domain hub.example via 192.0.2.%d "
		    "{ require tls; otherwise reject }\n", i);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(lint_load(path, NULL, 0, NULL, &policy, diags), POLICY_LOADED);
	assert_int_equal(diags_count(diags), 1);
	assert_int_equal(count_id(diags, "via-only"), 1);
	policy_free(&policy);
	diags_free(&diags);
	assert_int_equal(unlink(path), 0);
}

/* What is said of a policy beside a folder with partners' certificates. */
static void
partner_certificates(void **state)
{
	static const struct {
		const char *settings;
		size_t purpose, renewal, one_key;
		const char *kind;
	} rules[] = {
		{ "require certificate name mx.server.example", 1, 0, 0, "from" },
		{ "require certificate name /mx\\.[rsev]+\\.example/; "
		  "require certificate issuer \"mx.server.example\"", 1, 0, 0, "from" },
		{ "require certificate issuer \"mx.server.example\"", 1, 0, 0, "from" },
		{ "require certificate name *.server.example; "
		  "require certificate issuer \"CA\"", 0, 0, 0, "from" },
		{ "require certificate name mx.client.example mx.both.example", 0, 0, 0, "from" },
		{ "require certificate", 0, 0, 0, "from" },
		{ "require certificate; require certificate fingerprint "
		  "sha256:5d8d94a9e3c418e5da54ba5e853185802904e335c3b060d28592d36ba4d70891", 0, 1, 0, "from" },
		{ "require certificate fingerprint sha1:"
		  "9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c9f2c", 0, 0, 1, "from" },
		/* Where mail goes the certificate is a server's. */
		{ "require certificate name mx.server.example", 0, 0, 0, "deliver" }
	};
	const char *top = getenv("srcdir");
	char folder[4096], path[] = "/tmp/unit-lint-policy-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_not_equal(fd, -1);
	(void)close(fd);
	(void)snprintf(folder, sizeof(folder),
	    "%s/tests/cases/policy/warn/certificates-not-for-clients",
	    top != NULL ? top : ".");
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct diags *diags = diags_new();
		struct policy *policy = NULL;
		FILE *out = fopen(path, "w");

		assert_non_null(diags);
		assert_non_null(out);
		(void)fprintf(out, "%s domain a.example { %s }\n",
		    rules[i].kind, rules[i].settings);
		assert_int_equal(fclose(out), 0);
		/* 2036-10-10 */
		assert_int_equal(lint_load(path, folder, 2107209600, NULL, &policy,
		    diags), POLICY_LOADED);
		assert_int_equal(diags_errors(diags), 0);
		assert_int_equal(count_id(diags, "certificate-purpose"), rules[i].purpose);
		assert_int_equal(count_id(diags, "renewal-soon"), rules[i].renewal);
		assert_int_equal(count_id(diags, "one-key"), rules[i].one_key);
		policy_free(&policy);
		diags_free(&diags);
	}
	assert_int_equal(unlink(path), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped_providers),
		cmocka_unit_test(no_providers),
		cmocka_unit_test(broken_providers),
		cmocka_unit_test(regex_names),
		cmocka_unit_test(partner_certificates),
		cmocka_unit_test(many_rules_for_a_name)
	};

	return UNIT_RUN(argc, argv, tests);
}
