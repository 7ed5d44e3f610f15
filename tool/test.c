/*
 * test.c - tlsward test: cases of what a policy is to say.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/case.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/explain.h"
#include "base/text.h"

/* A policy and its settings, loaded once, and what the cases have reached of it. */
struct suite {
	char *policy;		/* the file; NULL: the one that the settings name */
	char *config;		/* the settings file; NULL: as for tool_load() */
	int status;		/* of loading it */
	struct loaded loaded;
	bool *reached;		/* by the rule's index */
	size_t rules;
	struct suite *next;
};

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
test_put(struct test_run *run)
{
	bool ok = !run->text.failed;

	if (ok && run->text.length > 0)
		(void)fwrite(run->text.text, 1, run->text.length, stdout);
	buffer_clear(&run->text);
	if (!ok)
		(void)tool_no_memory();
	return ok;
}

/* ------------------------------------------------------------------ *
 * The policies that cases are judged by
 * ------------------------------------------------------------------ */

static bool
same_path(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
suite_free(struct suite *suite)
{
	free(suite->reached);
	tool_unload(&suite->loaded);
	free(suite->policy);
	free(suite->config);
	free(suite);
}

/* False where memory is short. That the policy cannot be used is its status. */
static bool
suite_load(struct suite *suite, const char *policy, const char *config)
{
	if ((policy != NULL && (suite->policy = strdup(policy)) == NULL) ||
	    (config != NULL && (suite->config = strdup(config)) == NULL))
		return false;
	suite->status = tool_load_usable(suite->policy, suite->config, &suite->loaded);
	if (suite->status != STATUS_FINE)
		return true;
	suite->rules = policy_rule_count(suite->loaded.policy);
	suite->reached = calloc(suite->rules + 1, sizeof(*suite->reached));
	return suite->reached != NULL;
}

/* The suite for these two files; NULL where memory is short. */
static struct suite *
suite_find(struct suite **suites, const char *policy, const char *config)
{
	struct suite **last = suites, *suite;

	for (; *last != NULL; last = &(*last)->next)
		if (same_path((*last)->policy, policy) && same_path((*last)->config, config))
			return *last;
	suite = calloc(1, sizeof(*suite));
	if (suite == NULL)
		return NULL;
	if (!suite_load(suite, policy, config)) {
		suite_free(suite);
		return NULL;
	}
	return *last = suite;
}

/*
 * The path that begins with "length" bytes of "cases", where that is a file; else NULL.
 * False where memory is short.
 */
static bool
if_there(const char *cases, int length, const char *ending, char **path)
{
	if (asprintf(path, "%.*s%s", length, cases, ending) == -1) {
		*path = NULL;
		return false;
	}
	if (access(*path, F_OK) != 0) {
		free(*path);
		*path = NULL;
	}
	return true;
}

/*
 * The policy beside a file of cases: acme.conf for acme.test, else policy.conf in the
 * same folder; NULL where neither is there. To be freed. False where memory is short.
 */
static bool
suite_beside(const char *cases, char **found)
{
	const char *slash = strrchr(cases, '/');
	int folder = slash != NULL ? (int)(slash + 1 - cases) : 0;
	int stem = (int)strlen(cases) - 5;

	if (stem > folder && strcmp(cases + stem, ".test") == 0 &&
	    (!if_there(cases, stem, ".conf", found) || *found != NULL))
		return *found != NULL;
	return if_there(cases, folder, "policy.conf", found);
}

/* What is said on the command line goes before what the file of cases says. */
static struct suite *
choose_suite(struct test_run *run, const struct cases *cases)
{
	const char *policy = run->judge.policy, *config = run->judge.config;
	char *beside = NULL;
	struct suite *suite = NULL;
	bool found = true;

	if (config == NULL) {
		config = cases->settings;
		if (policy == NULL)
			policy = cases->policy;
	}
	if (policy == NULL && config == NULL)
		found = suite_beside(cases->path, &beside);
	if (found)
		suite = suite_find(&run->suites, beside != NULL ? beside : policy, config);
	free(beside);
	if (suite == NULL)
		(void)tool_no_memory();
	run->trouble |= suite == NULL || suite->status != STATUS_FINE;
	return suite;
}

/* ------------------------------------------------------------------ *
 * Which rules were reached
 * ------------------------------------------------------------------ */

/*
 * Counts the rules that a verdict was made of: those that applied, and of a verdict
 * that exempts those alone that exempt, for the others had no say.
 */
static void
count_coverage(struct suite *suite, const struct verdict *verdict)
{
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		const struct policy_outcome *outcome = &verdict->outcome[i];
		size_t rule = policy_outcome_rule(suite->loaded.policy, outcome);

		if (rule < suite->rules && (!verdict->exempt || outcome->exempt))
			suite->reached[rule] = true;
	}
}

static size_t
count_reached(const struct suite *suite)
{
	size_t count = 0;

	for (size_t i = 0; i < suite->rules; i++)
		count += suite->reached[i];
	return count;
}

static void
coverage_text(const struct suite *suite, struct buffer *text)
{
	size_t reached = count_reached(suite);
	struct policy_place place;

	text_visible(text, suite->loaded.path);
	buffer_format(text, ": %zu of %zu rule%s reached", reached, suite->rules,
	    suite->rules == 1 ? "" : "s");
	/* Rounded down: 100 % is all of them. */
	if (suite->rules > 0)
		buffer_format(text, " (%zu %%)", reached * 100 / suite->rules);
	buffer_string(text, "\n");
	for (size_t i = 0; i < suite->rules; i++) {
		if (suite->reached[i])
			continue;
		policy_rule_place(suite->loaded.policy, i, &place);
		buffer_string(text, "  not reached: ");
		explain_place(&place, text);
		buffer_string(text, "\n");
	}
}

static void
coverage_json(const struct suite *suite, struct tree *tree)
{
	struct policy_place place;

	tree_open_object(tree, NULL);
	tree_text(tree, "policy", suite->loaded.path);
	tree_number(tree, "rules", (int64_t)suite->rules);
	tree_number(tree, "reached", (int64_t)count_reached(suite));
	tree_open_array(tree, "not_reached");
	for (size_t i = 0; i < suite->rules; i++) {
		if (suite->reached[i])
			continue;
		policy_rule_place(suite->loaded.policy, i, &place);
		tree_open_object(tree, NULL);
		tree_place(tree, "rule", &place);
		tree_text(tree, "rule_kind", policy_rule_kind_name(place.kind));
		tree_text(tree, "rule_name", place.name);
		tree_close(tree);
	}
	tree_close(tree);
	tree_close(tree);
}

/* ------------------------------------------------------------------ *
 * The cases
 * ------------------------------------------------------------------ */

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
	count_coverage(suite, &verdict);
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
	return test_put(run);
fail:
	(void)tool_no_memory();
	return false;
}

/* So many errors are told of a file. */
#define WRONG_MAX 1000

/* Takes one item of the file. False: it ends here. */
static bool
take_item(struct test_run *run, struct cases *cases, struct suite **suite)
{
	struct diags *diags = diags_new();
	enum case_item item;

	if (diags == NULL) {
		(void)tool_no_memory();
		run->trouble = true;
		return false;
	}
	item = cases_next(cases, diags);
	if (item == CASE_END && cases->count == 0 && cases->wrong == 0)
		diags_add(diags, SEVERITY_ERROR, NULL, cases->path, 0, 0, NULL, 0,
		    "there is no case in it");
	run->trouble |= diags_count(diags) > 0 || item == CASE_TROUBLE;
	(void)fflush(stdout);
	diags_print(diags, true, stderr);
	diags_free(&diags);
	run->invalid += item == CASE_WRONG;
	if (cases->wrong == WRONG_MAX) {
		(void)tool_trouble("%s has %d errors: the rest of it is not read", cases->path,
		    WRONG_MAX);
		return false;
	}
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
summarize_json(const struct test_run *run, struct buffer *text)
{
	struct tree tree = { .depth = 0 };

	tree_open_object(&tree, NULL);
	tree_number(&tree, "passed", (int64_t)run->passed);
	tree_number(&tree, "failed", (int64_t)run->failed);
	tree_number(&tree, "invalid", (int64_t)run->invalid);
	if (run->coverage) {
		tree_open_array(&tree, "coverage");
		for (const struct suite *suite = run->suites; suite != NULL;
		    suite = suite->next)
			if (suite->status == STATUS_FINE)
				coverage_json(suite, &tree);
		tree_close(&tree);
	}
	tree_write(tree_take(&tree), false, text);
	buffer_string(text, "\n");
}

static void
summarize_text(const struct test_run *run, struct buffer *text)
{
	for (const struct suite *suite = run->suites; run->coverage && suite != NULL;
	    suite = suite->next)
		if (suite->status == STATUS_FINE)
			coverage_text(suite, text);
	buffer_format(text, "%zu passed, %zu failed", run->passed, run->failed);
	if (run->invalid > 0)
		buffer_format(text, ", %zu not valid", run->invalid);
	buffer_string(text, "\n");
}

static int
test_all(struct test_run *run, int count, char **files)
{
	for (int i = 0; i < count; i++)
		test_file(run, files[i]);
	if (run->json)
		summarize_json(run, &run->text);
	else
		summarize_text(run, &run->text);
	run->trouble |= !test_put(run);
	while (run->suites != NULL) {
		struct suite *suite = run->suites;

		run->suites = suite->next;
		suite_free(suite);
	}
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
	return test_all(&run, argc - optind, argv + optind);
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
	.examples =
	    "  tlsward test --coverage policy.test\n"
	    "  tlsward test --policy new.conf policy.test\n",
};
