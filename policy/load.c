/*
 * load.c - a policy, from its file on.
 *
 * SPDX-License-Identifier: ISC
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"
#include "policy/partner_certificate.h"
#include "base/file.h"

void
policy_written_free(struct policy_written **written)
{
	struct source_node *node;

	if (*written == NULL)
		return;
	for (node = (*written)->sources; node != NULL; node = node->next)
		source_free(&node->source);
	arena_release(&(*written)->words);
	arena_release(&(*written)->blocks);
	free((*written)->rules);
	free(*written);
	*written = NULL;
}

bool
policy_written_sort(const struct policy_written *written, struct diags *diags,
    size_t first)
{
	const struct source_node *node;
	size_t count = 0, at;
	const char **files;

	for (node = written->sources; node != NULL; node = node->next)
		count++;
	if ((files = calloc(count + 1, sizeof(*files))) == NULL)
		return false;
	at = count;
	for (node = written->sources; node != NULL; node = node->next)
		files[--at] = node->source.path;
	diags_sort(diags, first, files, count);
	free(files);
	return true;
}

static void
digest_certificates(struct parser *p)
{
	for (const struct pinned_file *each = p->policy->pinned; each != NULL;
	    each = each->next)
		parse_digest(p, each->certificate.digests[OF_CERTIFICATE_SHA256].digest,
		    each->certificate.digests[OF_CERTIFICATE_SHA256].length);
}

/* The folder of the policy file, with its slash. */
static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strndup(path, slash == NULL ? 0 : (size_t)(slash + 1 - path));
}

static enum policy_load_result
load(struct parser *p, const char *path)
{
	size_t errors_before = diags_errors(p->diags);
	struct source_node *node;
	int error;

	if (p->policy == NULL || p->written == NULL ||
	    (p->folder = folder_of(path)) == NULL)
		return POLICY_NO_MEMORY;
	p->last_profile = &p->written->profiles;
	p->last_pinned = &p->policy->pinned;
	p->last_dated = &p->policy->dated;
	error = parse_open(p, path, &node);
	if (error == ENOMEM)
		return POLICY_NO_MEMORY;
	if (error != 0) {
		diags_add(p->diags, SEVERITY_ERROR, NULL, path, 0, 0, NULL, 0,
		    "cannot be read: %s", file_why(error));
		return POLICY_UNREADABLE;
	}
	parse_file(p, node);
	digest_certificates(p);
	if (!p->no_memory)
		parse_resolve(p);
	if (p->no_memory || p->written->words.failed || p->policy->arena.failed)
		return POLICY_NO_MEMORY;
	return diags_errors(p->diags) == errors_before ? POLICY_LOADED :
	    POLICY_INVALID;
}

enum policy_load_result
policy_load_written(const char *path, struct tape *tape, struct policy **policy,
    struct policy_written **written, struct diags *diags)
{
	struct parser p = {
		.policy = policy_new(), .diags = diags, .tape = tape,
		.written = calloc(1, sizeof(struct policy_written))
	};
	size_t before = diags_count(diags);
	enum policy_load_result result = load(&p, path);

	if (p.written != NULL && !policy_written_sort(p.written, diags, before))
		result = POLICY_NO_MEMORY;
	free(p.named);
	intern_free(&p.profiles.names);
	free(p.profiles.things);
	intern_free(&p.partners.names);
	free(p.partners.things);
	certificate_reader_free(&p.reader);
	free(p.folder);
	if (result == POLICY_LOADED)
		cipher_table_close(p.policy->ciphers);
	else
		policy_free(&p.policy);
	if (result != POLICY_LOADED && result != POLICY_INVALID)
		policy_written_free(&p.written);
	*policy = p.policy;
	*written = p.written;
	return result;
}

enum policy_load_result
policy_load_taped(const char *path, const char *folder, struct tape *tape,
    struct policy **policy, struct diags *diags)
{
	struct policy_written *written;
	enum policy_load_result result =
	    policy_load_written(path, tape, policy, &written, diags);

	policy_written_free(&written);
	if (result == POLICY_LOADED && folder != NULL)
		result = partners_load(*policy, folder, tape, diags);
	if (result != POLICY_LOADED)
		policy_free(policy);
	return result;
}

enum policy_load_result
policy_load(const char *path, struct policy **policy, struct diags *diags)
{
	return policy_load_taped(path, NULL, NULL, policy, diags);
}
