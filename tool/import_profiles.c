/*
 * import_profiles.c - which of the shipped profiles a host can keep.
 *
 * The profiles themselves are asked, each in a policy of its own, with every session that
 * the suites that are known can make: so an administrator's changes count, too.
 *
 * SPDX-License-Identifier: ISC
 */
#include "tool/import_host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/tool.h"
#include "policy/policy.h"
#include "base/diag.h"
#include "base/tape.h"

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
		for (int version = HOST_SSL_3; suite->standard != NULL &&
		    version < HOST_VERSIONS; version++)
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

/* The names in the folder of profiles. False: it is not there. */
static bool
profile_names(const char *folder, struct file *names)
{
	enum file_result result = tape_ask(NULL, TAPE_FOLDER, folder, names);

	tool_need(result != FILE_NO_MEMORY);
	if (result != FILE_READ && errno != ENOENT)
		exit(tool_trouble("cannot read the folder of profiles %s: %s", folder,
		    strerror(errno)));
	return result == FILE_READ;
}

/* Of the source tree, or as they were installed: writes their folder, too. */
static bool
profile_files(char *folder, size_t size, struct file *names)
{
	file_data_path("profiles", folder, size);
	if (profile_names(folder, names))
		return true;
	(void)snprintf(folder, size, "%s", TLSWARD_SYSCONFDIR "/tlsward/profiles");
	return profile_names(folder, names);
}

static bool
is_profile(const char *file)
{
	size_t length = strlen(file);

	return file[0] != '.' && length > 5 && strcmp(file + length - 5, ".conf") == 0;
}

bool
host_profiles(struct import *import, const struct host *host, struct host_profiles *client,
    struct host_profiles *server)
{
	size_t least_client = 0, least_server = 0;
	char folder[512];
	const char *file = NULL;
	bool there = false;
	struct file names;

	*client = *server = (struct host_profiles){ .all = "", .strictest = NULL };
	if (!profile_files(folder, sizeof(folder), &names))
		return false;
	while ((file = tape_name(&names, file)) != NULL) {
		const char *name = import_text(import, "%.*s", (int)strcspn(file, "."), file);
		struct policy *policy = is_profile(file) ? profile_load(import,
		    import_text(import, "%s/%s", folder, file), name) : NULL;
		size_t taken;

		there |= is_profile(file);
		if (policy == NULL)
			continue;
		taken = profile_count(policy);
		if (profile_is_kept(policy, &host->client))
			profile_add(import, client, name, taken, &least_client);
		if (profile_is_kept(policy, &host->server))
			profile_add(import, server, name, taken, &least_server);
		policy_free(&policy);
	}
	free(names.text);
	return there;
}
