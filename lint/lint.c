/*
 * lint.c - a policy, with the warnings about it.
 *
 * SPDX-License-Identifier: ISC
 */
#include "lint/lint.h"

#include "lint/warn.h"

#include "base/diag.h"

static void
lint_empty_includes(struct lint *lint)
{
	const struct empty_include *empty;

	for (empty = lint->written->empty; empty != NULL; empty = empty->next)
		lint_warn(lint, &empty->place, KIND(INCLUDE_EMPTY), empty->pattern);
}

static void
lint_valid(struct lint *lint)
{
	const struct pinned_file *file;

	for (file = lint->policy->pinned; file != NULL; file = file->next)
		lint_file(file, lint->diags);
	lint_dates(lint->policy, lint->now, lint->diags);
	lint_whos(lint);
	lint_demands(lint);
	lint_blocks(lint);
	lint_certificates(lint);
}

enum policy_load_result
lint_load(const char *path, int64_t now, struct policy **policy, struct diags *diags)
{
	size_t before = diags_count(diags);
	struct policy_written *written;
	enum policy_load_result result =
	    policy_load_written(path, policy, &written, diags);
	struct lint lint = {
		.policy = *policy, .written = written, .now = now, .diags = diags
	};

	if (written == NULL)
		return result;
	lint_empty_includes(&lint);
	if (result == POLICY_LOADED)
		lint_valid(&lint);
	policy_written_sort(written, diags, before);
	policy_written_free(&written);
	if (!lint.no_memory)
		return result;
	policy_free(policy);
	return POLICY_NO_MEMORY;
}

enum policy_load_result
lint_load_certificates(struct policy *policy, const char *folder, int64_t now,
    struct diags *diags)
{
	enum policy_load_result result = policy_load_certificates(policy, folder, diags);
	const struct pinned_file *file;

	for (file = partner_files(policy); file != NULL; file = file->next)
		lint_file(file, diags);
	for (file = partner_files(policy); file != NULL; file = file->next)
		lint_certificate(file, now, diags);
	return result;
}
