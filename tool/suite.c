/*
 * suite.c - the policies that tests are run against, each loaded once.
 *
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/suite.h"
#include "journal/journal.h"
#include "base/buffer.h"

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
suite_free(struct suite *suite)
{
	coverage_close(&suite->coverage);
	tool_unload(&suite->loaded);
	free(suite->policy);
	free(suite->config);
	free(suite);
}

/* Keeps what it is known by. False where memory is short. */
static bool
name_suite(struct suite *suite, const char *policy, const char *config)
{
	if (policy != NULL && (suite->policy = strdup(policy)) == NULL)
		return false;
	if (config != NULL && (suite->config = strdup(config)) == NULL)
		return false;
	return true;
}

struct suite *
suite_find(struct suite **suites, const char *policy, const char *config)
{
	struct suite **last = suites, *suite;

	for (; *last != NULL; last = &(*last)->next)
		if (same((*last)->policy, policy) && same((*last)->config, config))
			return *last;
	suite = calloc(1, sizeof *suite);
	if (suite == NULL)
		return NULL;
	if (!name_suite(suite, policy, config))
		goto fail;
	suite->status = tool_load_usable(suite->policy, suite->config, &suite->loaded);
	if (suite->status == STATUS_FINE &&
	    !coverage_open(&suite->coverage, suite->loaded.policy))
		goto fail;
	*last = suite;
	return suite;
fail:
	suite_free(suite);
	return NULL;
}

void
suites_free(struct suite **suites)
{
	while (*suites != NULL) {
		struct suite *suite = *suites;

		*suites = suite->next;
		suite_free(suite);
	}
}

/* The path where that is a file, else NULL. Takes over what the buffer has. */
static char *
if_there(struct buffer *path)
{
	if (!path->failed && access(path->text, F_OK) == 0)
		return path->text;
	buffer_free(path);
	return NULL;
}

char *
suite_beside(const char *cases)
{
	static const char ending[] = ".test";
	const char *slash = strrchr(cases, '/');
	size_t folder = slash != NULL ? (size_t)(slash - cases) + 1 : 0;
	size_t length = strlen(cases), stem = length - (sizeof ending - 1);
	struct buffer path = BUFFER_INIT;
	char *found = NULL;

	if (length > folder + sizeof ending - 1 && strcmp(cases + stem, ending) == 0) {
		buffer_add(&path, cases, stem);
		buffer_string(&path, ".conf");
		found = if_there(&path);
	}
	if (found != NULL)
		return found;
	buffer_add(&path, cases, folder);
	buffer_string(&path, "policy.conf");
	return if_there(&path);
}
