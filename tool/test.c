/*
 * test.c - tlsward test: cases of what a policy is to say.
 *
 * SPDX-License-Identifier: ISC
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool/case.h"
#include "tool/suite.h"
#include "tool/test_result.h"
#include "base/buffer.h"
#include "base/diag.h"

struct test_run {
	struct judge judge;		/* its options alone */
	bool coverage;
	bool json;
	struct suite *suites;
	size_t passed, failed, invalid;
	bool trouble;			/* something could not be read or used */
	struct buffer text;
};

/* What has been gathered goes out. False where memory was short. */
static bool
put(struct test_run *run)
{
	bool ok = !run->text.failed;

	if (ok && run->text.length > 0)
		(void)fwrite(run->text.text, 1, run->text.length, stdout);
	buffer_clear(&run->text);
	if (!ok)
		(void)tool_trouble("not enough memory");
	return ok;
}

/* What is said on the command line goes before what the file of cases says. */
static struct suite *
choose_suite(struct test_run *run, const struct cases *cases)
{
	const char *policy = run->judge.policy, *config = run->judge.config;
	char *beside = NULL;
	struct suite *suite;

	if (config == NULL) {
		config = cases->settings;
		if (policy == NULL)
			policy = cases->policy;
	}
	if (policy == NULL && config == NULL)
		policy = beside = suite_beside(cases->path);
	suite = suite_find(&run->suites, policy, config);
	free(beside);
	if (suite == NULL)
		(void)tool_trouble("not enough memory");
	run->trouble |= suite == NULL || suite->status != STATUS_FINE;
	return suite;
}

/* As of when: the file's own "at", the option's day, or now. */
static int64_t
time_of(const struct test_run *run, const struct cases *cases)
{
	return cases->has_at ? cases->at * 1000 : judge_time_ms(&run->judge);
}

/* False where memory is short. */
static bool
judge_case(struct test_run *run, struct suite *suite, const struct cases *cases)
{
	int64_t now_ms = time_of(run, cases);
	struct facts facts = *journal_facts_get(cases->now.facts);
	struct verdict verdict;
	const struct journal_record record = {
		.time_ms = now_ms, .facts = &facts, .verdict = &verdict
	};
	const struct test_result result = {
		.file = cases->path, .test = &cases->now, .record = &record,
		.policy = suite->loaded.path, .config = suite->loaded.settings_path,
		.has_day = cases->has_at || run->judge.day.given
	};
	bool passed, short_of_memory;

	if (!judge_facts(&suite->loaded, now_ms / 1000, &facts, &verdict))
		goto fail;
	coverage_count(&suite->coverage, suite->loaded.policy, &verdict);
	passed = test_passed(&result, &short_of_memory);
	if (short_of_memory)
		goto fail;
	run->passed += passed;
	run->failed += !passed;
	if (run->json) {
		test_json(&result, passed, &run->text);
		buffer_string(&run->text, "\n");
	} else if (!passed)
		test_text(&result, &run->text);
	return put(run);
fail:
	(void)tool_trouble("not enough memory");
	return false;
}

/* Takes one item of the file. False: it ends here. */
static bool
take_item(struct test_run *run, struct cases *cases, struct suite **suite)
{
	struct diags *diags = diags_new();
	enum case_item item;

	if (diags == NULL) {
		(void)tool_trouble("not enough memory");
		run->trouble = true;
		return false;
	}
	item = cases_next(cases, diags);
	if (item == CASE_END && cases->count == 0 && !cases->has_errors)
		diags_add(diags, SEVERITY_ERROR, NULL, cases->path, 0, 0, NULL, 0,
		    "there is no case in it");
	run->trouble |= diags_count(diags) > 0 || item == CASE_UNREADABLE;
	(void)fflush(stdout);
	diags_print(diags, stderr);
	diags_free(&diags);
	run->invalid += item == CASE_WRONG;
	if (item == CASE_READ && *suite == NULL)
		*suite = choose_suite(run, cases);
	if (item == CASE_READ && (*suite == NULL || ((*suite)->status == STATUS_FINE &&
	    !judge_case(run, *suite, cases)))) {
		run->trouble = true;
		return false;
	}
	return item == CASE_READ || item == CASE_WRONG;
}

static void
test_file(struct test_run *run, const char *path)
{
	struct suite *suite = NULL;
	struct cases cases;

	if (!cases_open(&cases, path))
		run->trouble = true;
	else
		while (take_item(run, &cases, &suite))
			continue;
	cases_close(&cases);
}

static void
add_coverage(struct test_run *run)
{
	const char *before = "";

	if (run->json)
		buffer_string(&run->text, ",\"coverage\":[");
	for (const struct suite *suite = run->suites; suite != NULL; suite = suite->next) {
		const struct loaded *loaded = &suite->loaded;

		if (suite->status != STATUS_FINE)
			continue;
		if (!run->json) {
			coverage_text(&suite->coverage, loaded->policy, loaded->path,
			    &run->text);
			continue;
		}
		buffer_string(&run->text, before);
		coverage_json(&suite->coverage, loaded->policy, loaded->path,
		    &run->text);
		before = ",";
	}
	if (run->json)
		buffer_string(&run->text, "]");
}

static void
summarize(struct test_run *run)
{
	if (run->json)
		buffer_format(&run->text, "{\"passed\":%zu,\"failed\":%zu,"
		    "\"invalid\":%zu", run->passed, run->failed, run->invalid);
	if (run->coverage)
		add_coverage(run);
	if (run->json)
		buffer_string(&run->text, "}\n");
	else {
		buffer_format(&run->text, "%zu passed, %zu failed", run->passed,
		    run->failed);
		if (run->invalid > 0)
			buffer_format(&run->text, ", %zu not valid", run->invalid);
		buffer_string(&run->text, "\n");
	}
	run->trouble |= !put(run);
}

static int
run_all(struct test_run *run, int count, char **files)
{
	for (int i = 0; i < count; i++)
		test_file(run, files[i]);
	summarize(run);
	suites_free(&run->suites);
	buffer_free(&run->text);
	if (run->trouble)
		return STATUS_TROUBLE;
	return run->failed > 0 ? STATUS_NO : STATUS_FINE;
}

static int
run_test(const struct command *command, int argc, char **argv)
{
	struct test_run run = { .text = BUFFER_INIT };
	int status = tool_options(command, argc, argv, &run);

	if (status != -1)
		return status;
	if (optind == argc)
		return tool_usage(command);
	return run_all(&run, argc - optind, argv + optind);
}

static const struct tool_option test_options[] = {
	OPTION("coverage", 0, OPTION_FLAG, struct test_run, coverage),
	OPTION("json", 0, OPTION_FLAG, struct test_run, json),
	JUDGE_OPTIONS(struct test_run),
	OPTION_END
};

const struct command command_test = {
	.name = "test",
	.run = run_test,
	.options = test_options,
	.arguments = "[--policy FILE] [-c FILE] [--at DATE] [--coverage] [--json] "
	    "FILE...",
	.about = "hold a policy against files of cases",
	.help =
	    "  --policy FILE           the policy; else the one the settings name\n"
	    "  -c FILE, --config FILE  the settings; with neither, the policy that the\n"
	    "                          file of cases names, or NAME.conf beside NAME.test,\n"
	    "                          or policy.conf beside it, or that of the default\n"
	    "                          settings file\n"
	    "  --at DATE               judge as on that day (YYYY-MM-DD, UTC), where the\n"
	    "                          file says nothing else\n"
	    "  --coverage              tell which rules no case reached\n"
	    "  --json                  a line of JSON a case, and one that sums up\n\n"
	    "A case is a line: from=a@acme.example tls_version=TLSv1.1 => reject\n"
	    "tls-version; see POLICY TESTS in tlsward-policy(5). The status is 1 when a\n"
	    "case failed, and 2 when a file cannot be read or is not valid.\n",
};
