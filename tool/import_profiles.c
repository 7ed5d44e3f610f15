/*
 * import_profiles.c - which of the shipped profiles a host can keep.
 *
 * The profiles themselves are asked, each in a policy of its own, with every session that
 * the suites that are known can make: so an administrator's changes count, too.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_host.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/tool.h"
#include "policy/policy.h"
#include "base/diag.h"
#include "base/file.h"

#define SENDER "a@partner.example"

/* A policy of that one profile; NULL: it cannot be used. */
static struct policy *
profile_load(struct import *import, const char *path, const char *name)
{
	struct diags *diags = diags_new();
	struct policy *policy = NULL;
	const char *text = import_text(import, "include \"%s\"\nfrom partner.example "
	    "{ use %s }\n", path, name);
	char there[TOOL_PATH_SIZE];
	int file = tool_text_file(text, strlen(text), there);

	if (file == -1)
		exit(STATUS_TROUBLE);
	tool_need(diags != NULL && policy_load(there, &policy, diags) != POLICY_NO_MEMORY &&
	    !diags_failed(diags));
	(void)close(file);
	diags_free(&diags);
	return policy;
}

static bool
profile_takes(const struct policy *policy, const struct suite *suite,
    enum host_version version)
{
	struct facts facts = FACTS_INIT;
	struct policy_options options = { .now = 0 };
	struct verdict verdict;

	facts.from = SENDER;
	facts.tls_version = host_version_record(version);
	facts.cipher = suite->name;
	return policy_decide(policy, &facts, &options, &verdict) == 0 &&
	    verdict.action == POLICY_ACCEPT && verdict.reason == REASON_NONE;
}

/* How many of all sessions it takes. */
static size_t
profile_count(const struct policy *policy)
{
	size_t taken = 0;
	const struct suite *suite;

	for (size_t i = 0; (suite = suite_at(i)) != NULL; i++)
		for (int version = HOST_SSL_3; version < HOST_VERSIONS; version++)
			taken += suite_goes_with(suite, (enum host_version)version) &&
			    profile_takes(policy, suite, (enum host_version)version);
	return taken;
}

static bool
profile_is_kept(const struct policy *policy, const struct host_side *side)
{
	for (size_t i = 0; i < side->suite_count; i++)
		for (int version = HOST_SSL_3; version < HOST_VERSIONS; version++)
			if (side->versions[version] == HOST_ON &&
			    suite_goes_with(side->suites[i], (enum host_version)version) &&
			    profile_takes(policy, side->suites[i], (enum host_version)version))
				return true;
	return false;
}

/* Adds a profile that is kept; *least: how many sessions the strictest so far takes. */
static void
profile_add(struct import *import, struct host_profiles *profiles, const char *name,
    size_t taken, size_t *least)
{
	profiles->all = import_text(import, "%s%s%s", profiles->all,
	    profiles->all[0] != '\0' ? ", " : "", name);
	if (profiles->strictest == NULL || taken < *least) {
		profiles->strictest = name;
		*least = taken;
	}
}

/* The files of profiles: of the source tree, or as they were installed. */
static bool
profile_files(glob_t *found)
{
	char pattern[512];
	int result;

	file_data_path("profiles/*.conf", pattern, sizeof(pattern));
	result = glob(pattern, 0, NULL, found);
	if (result == GLOB_NOMATCH)
		result = glob(TLSWARD_SYSCONFDIR "/tlsward/profiles/*.conf", 0, NULL, found);
	tool_need(result != GLOB_NOSPACE);
	return result == 0;
}

bool
host_profiles(struct import *import, const struct host *host, struct host_profiles *client,
    struct host_profiles *server)
{
	glob_t found = { .gl_pathc = 0 };
	size_t least_client = 0, least_server = 0;

	*client = *server = (struct host_profiles){ .all = "", .strictest = NULL };
	if (!profile_files(&found))
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *slash = strrchr(found.gl_pathv[i], '/');
		const char *base = slash != NULL ? slash + 1 : found.gl_pathv[i];
		const char *name = import_text(import, "%.*s", (int)strcspn(base, "."), base);
		struct policy *policy = profile_load(import, found.gl_pathv[i], name);
		size_t taken;

		if (policy == NULL)
			continue;
		taken = profile_count(policy);
		if (profile_is_kept(policy, &host->client))
			profile_add(import, client, name, taken, &least_client);
		if (profile_is_kept(policy, &host->server))
			profile_add(import, server, name, taken, &least_server);
		policy_free(&policy);
	}
	globfree(&found);
	return true;
}
