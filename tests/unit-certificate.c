/*
 * unit-certificate.c - partners' certificates, where time and chance come in.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tests/policy-text.h"

#include <fcntl.h>
#include <stdlib.h>

#include "lint/lint.h"
#include "policy/certificate.h"
#include "base/arena.h"
#include "base/date.h"
#include "base/diag.h"
#include "base/tape.h"

#define DAY INT64_C(86400)
#define EXPIRES INT64_C(4733510400)	/* 2120-01-01T00:00:00Z */
#define DAMAGES 3000
#define NOTHING_IN_IT "there is no certificate in it (PEM is expected)"

static char folder[4096];

/* The path of one of the certificates that the cases have. */
static const char *
file_of(const char *name)
{
	static char path[5000];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void
expect_report(const struct policy *policy, int64_t now, const char *words)
{
	struct diags *diags = diags_new();
	size_t count;

	assert_non_null(diags);
	lint_dates(policy, now, diags);
	count = diags_count(diags);
	assert_int_equal(diags_errors(diags), 0);
	assert_int_equal(count > 0, words != NULL);
	for (size_t i = 0; i < count; i++)
		assert_non_null(strstr(diags_at(diags, i)->message, words));
	diags_free(&diags);
}

/* The same policy tells more as time passes. */
static void
reports_by_time(void **state)
{
	struct diags *diags = diags_new();
	struct policy *pinned, *known;
	char text[6000];

	(void)state;
	assert_non_null(diags);
	(void)snprintf(text, sizeof(text), "default { require certificate file \"%s\" }",
	    file_of("acme.pem"));
	pinned = policy_text_load(text);
	known = policy_text_load("default { require tls }");
	assert_int_equal(policy_load_certificates(known, folder, diags),
	    POLICY_LOADED);
	expect_report(pinned, JUNE_2026, NULL);
	expect_report(known, JUNE_2026, NULL);
	expect_report(pinned, EXPIRES - 30 * DAY, NULL);
	expect_report(pinned, EXPIRES - 30 * DAY + 1, " expires on 2120-01-01T00:00:00Z");
	expect_report(known, EXPIRES - 30 * DAY + 1, " expires on 2120-01-01T00:00:00Z");
	expect_report(pinned, EXPIRES, " expires on ");
	expect_report(pinned, EXPIRES + 1, " expired on ");
	expect_report(pinned, INT64_C(1000000000), " is not valid before 2020-01-01");
	policy_free(&pinned);
	policy_free(&known);
	diags_free(&diags);
}

static void
expect_ends(const struct policy *policy, int64_t now, int64_t certificate,
    int64_t period)
{
	struct policy_ends ends;

	policy_next_ends(policy, now, &ends);
	assert_int_equal(ends.certificate, certificate);
	assert_int_equal(ends.period, period);
}

/* What has ended, and what is in no rule, is no end to come. */
static void
next_ends(void **state)
{
	struct diags *diags = diags_new();
	struct policy *policy;
	char text[6000];

	(void)state;
	assert_non_null(diags);
	policy = policy_text_load("profile p { exempt until 2026-06-16 }\n"
	    "from a.example .a.example { require tls; monitor until 2026-07-01 }\n"
	    "to b.example .b.example { exempt until 2026-06-25 }\n"
	    "client local { exempt until 2026-06-15 }\n");
	expect_ends(policy, JUNE_2026, INT64_MAX, JUNE_2026 + 10 * DAY);
	expect_ends(policy, JUNE_2026 + 10 * DAY, INT64_MAX, JUNE_2026 + 16 * DAY);
	expect_ends(policy, JUNE_2026 + 16 * DAY, INT64_MAX, INT64_MAX);
	assert_int_equal(policy_load_certificates(policy, folder, diags),
	    POLICY_LOADED);
	expect_ends(policy, JUNE_2026, EXPIRES, JUNE_2026 + 10 * DAY);
	expect_ends(policy, EXPIRES, INT64_MAX, INT64_MAX);
	policy_free(&policy);
	(void)snprintf(text, sizeof(text), "default { require certificate file \"%s\" }",
	    file_of("acme.pem"));
	policy = policy_text_load(text);
	expect_ends(policy, EXPIRES - 1, EXPIRES, INT64_MAX);
	policy_free(&policy);
	diags_free(&diags);
}

/* What a fingerprint makes known is judged; whoever asked has what he had. */
static void
a_decision_leaves_the_facts_alone(void **state)
{
	struct policy *policy = policy_text_load("default { otherwise reject\n"
	    "require certificate key >= 3072\n}\n");
	struct diags *diags = diags_new();
	const struct facts facts = { .bits = -1, .from = "a@acme.example", TLS12,
		.cert_fingerprint = "sha256:8F6E207C38375A3CEAACCFE6D49DE14E"
		    "466763AE0B657717968D0FD84169835E" };
	const struct facts before = facts;
	struct verdict verdict;
	struct facts all;

	(void)state;
	assert_non_null(diags);
	policy_text_decide(policy, &facts, &verdict);
	assert_int_equal(verdict.reason, REASON_UNKNOWN_FACT);
	assert_int_equal(policy_load_certificates(policy, folder, diags),
	    POLICY_LOADED);
	policy_text_decide(policy, &facts, &verdict);
	assert_int_equal(verdict.action, POLICY_ACCEPT);
	all = policy_complete_facts(policy, &facts);
	assert_string_equal(all.cert_key, "ec:P-256");
	assert_string_equal(all.cert_source, "acme.pem");
	assert_memory_equal(&facts, &before, sizeof(facts));
	policy_free(&policy);
	diags_free(&diags);
}

/* An exemption is told of from 14 days before its end on. */
static void
periods_by_time(void **state)
{
	const int64_t until = JUNE_2026 + 100 * DAY;	/* 2026-09-23 */
	struct policy *policy = policy_text_load("to b.example .b.example { require tls\n"
	    "exempt until 2026-09-23 }\n");

	(void)state;
	expect_report(policy, JUNE_2026, NULL);
	expect_report(policy, until - 14 * DAY - 1, NULL);
	expect_report(policy, until - 14 * DAY, "2026-09-23 is in 14 days: this exempt ");
	expect_report(policy, until - 13 * DAY - 1, "is in 14 days");
	expect_report(policy, until - DAY, "is in 1 day: ");
	expect_report(policy, until - 1, "is in 1 day: ");
	expect_report(policy, until, "2026-09-23 is past: this exempt does nothing");
	policy_free(&policy);
}

static size_t
read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	assert_true(fd >= 0);
	length = read(fd, text, size);
	assert_true(length > 0);
	(void)close(fd);
	return (size_t)length;
}

/* Whatever is in a file, it gives a certificate or none. */
static void
damaged_files(void **state)
{
	struct certificate_reader *reader = certificate_reader_new(NULL);
	char whole[8192], damaged[8192], path[32];
	size_t length = read_text(file_of("acme.pem"), whole, sizeof(whole));
	unsigned seed = 1, none = 0;

	(void)state;
	assert_non_null(reader);
	for (int i = 0; i < DAMAGES; i++) {
		struct certificate certificate;
		struct arena arena = { 0 };
		const char *problem;
		int fd;

		memcpy(damaged, whole, length);
		for (int j = rand_r(&seed) % 4; j >= 0; j--)
			damaged[(size_t)rand_r(&seed) % length] = "AzQ9+/=-\n\0"[
			    rand_r(&seed) % 10];
		policy_text_file(damaged, length - (size_t)(i % 10 == 0 ?
		    (size_t)rand_r(&seed) % length : 0), &fd, path);
		problem = certificate_read(reader, path, &arena, &certificate);
		if (problem != NULL)
			assert_string_equal(problem, NOTHING_IN_IT);
		none += problem != NULL;
		arena_release(&arena);
		(void)close(fd);
	}
	assert_true(none > 100);
	certificate_reader_free(&reader);
	assert_null(reader);
}

static void
odd_files(void **state)
{
	struct certificate_reader *reader = certificate_reader_new(NULL);
	struct arena arena = { 0 };
	struct certificate certificate;

	(void)state;
	assert_non_null(reader);
	assert_string_equal(certificate_read(reader, "/", &arena, &certificate),
	    "it is not a file");
	assert_string_equal(certificate_read(reader, "/dev/zero", &arena, &certificate),
	    "it is not a file");
	assert_string_equal(certificate_read(reader, "/nonesuch", &arena, &certificate),
	    "No such file or directory");
	certificate_reader_free(&reader);
	arena_release(&arena);
}

static void
large_files(void **state)
{
	struct certificate_reader *reader = certificate_reader_new(NULL);
	struct arena arena = { 0 };
	struct certificate certificate;
	char path[32];
	int fd;

	(void)state;
	assert_non_null(reader);
	policy_text_file("x", 1, &fd, path);
	assert_int_equal(ftruncate(fd, 10 * 1024 * 1024), 0);
	assert_string_equal(certificate_read(reader, path, &arena, &certificate),
	    "it is larger than 1 MiB");
	assert_int_equal(ftruncate(fd, TAPE_PEM_MAX), 0);
	assert_string_equal(certificate_read(reader, path, &arena, &certificate),
	    NOTHING_IN_IT);
	(void)close(fd);
	certificate_reader_free(&reader);
	arena_release(&arena);
}

/* ------------------------------------------------------------------ *
 * From a tape
 * ------------------------------------------------------------------ */

/* The files of a policy that has all that names files. */
static const char *const taped[][2] = {
	{ "policy.conf", "include \"*.inc\"\ninclude \"*.none\"\n"
	    "from file \"list.txt\" { require tls; otherwise reject }\n" },
	{ "a.inc", "from a.example { require certificate file \"partner.pem\" }\n" },
	{ "b.inc", "from b.example { require tls }\n" },
	{ "list.txt", "c.example\nd.example\n" },
	{ "partner.pem", NULL },
};
#define TAPED (sizeof(taped) / sizeof(taped[0]))

static void
put_taped(const char *home, bool there)
{
	char path[64], text[8192];
	FILE *out;

	for (size_t i = 0; i < TAPED; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", home, taped[i][0]);
		if (!there) {
			assert_int_equal(unlink(path), 0);
			continue;
		}
		if (taped[i][1] == NULL)
			text[read_text(file_of("acme.pem"), text, sizeof(text) - 1)] = '\0';
		out = fopen(path, "w");
		assert_non_null(out);
		assert_true(fputs(taped[i][1] != NULL ? taped[i][1] : text, out) >= 0);
		assert_int_equal(fclose(out), 0);
	}
}

/* What a load by way of the tape gives, in words; NULL: nothing. */
static char *
load_taped(const char *home, struct tape *tape)
{
	const struct facts facts = { .from = "x@d.example", .tls_version = "none" };
	struct diags *diags = diags_new();
	struct policy *policy = NULL;
	struct verdict verdict;
	char path[64], *text = NULL;
	size_t size;
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/policy.conf", home);
	if (policy_load_taped(path, home, tape, &policy, diags) == POLICY_LOADED) {
		out = open_memstream(&text, &size);
		assert_non_null(out);
		assert_int_equal(policy_print(policy, out), 0);
		policy_text_decide(policy, &facts, &verdict);
		(void)fprintf(out, "%s %s:%u", policy_action_name(verdict.action),
		    verdict.outcome[verdict.reported].place.file,
		    verdict.outcome[verdict.reported].place.line);
		lint_dates(policy, INT64_C(4900000000), diags);
		(void)fprintf(out, " %zu", diags_count(diags));
		assert_int_equal(fclose(out), 0);
	}
	policy_free(&policy);
	diags_free(&diags);
	return text;
}

/* Whatever becomes of the files: a policy that was in force can be had again. */
static void
a_tape_gives_the_policy_again(void **state)
{
	char home[] = "/tmp/unit-certificate.XXXXXX";
	struct tape *tape = tape_record();
	char *before;

	(void)state;
	assert_non_null(mkdtemp(home));
	assert_non_null(tape);
	put_taped(home, true);
	before = load_taped(home, tape);
	assert_non_null(before);
	assert_non_null(strstr(before, "reject "));
	for (int round = 0; round < 2; round++) {
		struct tape *player = tape_play(tape_fd(tape));
		char *again;

		assert_non_null(player);
		again = load_taped(home, player);
		assert_non_null(again);
		assert_string_equal(again, before);
		assert_false(tape_failed(player));
		free(again);
		tape_free(&player);
		/* The second time nothing is there any more. */
		if (round == 0)
			put_taped(home, false);
	}
	assert_null(load_taped(home, NULL));
	tape_free(&tape);
	free(before);
	assert_int_equal(rmdir(home), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_by_time),
		cmocka_unit_test(next_ends),
		cmocka_unit_test(periods_by_time),
		cmocka_unit_test(a_decision_leaves_the_facts_alone),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(odd_files),
		cmocka_unit_test(large_files),
		cmocka_unit_test(a_tape_gives_the_policy_again)
	};
	const char *top = getenv("srcdir");
	char relative[4096];

	(void)snprintf(relative, sizeof(relative),
	    "%s/tests/cases/policy/good/certificate-files/partners",
	    top != NULL ? top : ".");
	if (realpath(relative, folder) == NULL)
		return 2;
	return UNIT_RUN(argc, argv, tests);
}
