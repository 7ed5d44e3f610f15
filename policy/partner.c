/*
 * partner.c - the certificates of partners, from a folder.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/partner.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/session.h"
#include "base/array.h"
#include "base/diag.h"

struct partner {
	struct pinned_file file;
	const char *name;		/* of the file, in its folder */
	char key_digest[72];		/* as a fact */
};

struct partners {
	struct arena arena;
	struct partner *list;		/* in byte order of their names */
	size_t count;
	size_t room;
};

void
partners_free(struct partners **partners)
{
	if (*partners == NULL)
		return;
	arena_release(&(*partners)->arena);
	free((*partners)->list);
	free(*partners);
	*partners = NULL;
}

const struct pinned_file *
partner_files(const struct policy *policy)
{
	return policy->partners != NULL && policy->partners->count > 0 ?
	    &policy->partners->list[0].file : NULL;
}

/* ------------------------------------------------------------------ *
 * Loading
 * ------------------------------------------------------------------ */

static int
is_certificate_file(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot != NULL &&
	    (strcmp(dot, ".pem") == 0 || strcmp(dot, ".crt") == 0);
}

static int
by_file_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* FOLDER/NAME, in the arena, and where in it NAME begins. */
static const char *
join_path(struct arena *arena, const char *folder, const char *name, const char **at)
{
	size_t length = strlen(folder);
	char *path = arena_alloc(arena, length + strlen(name) + 2);

	if (path == NULL)
		return NULL;
	memcpy(path, folder, length);
	if (length == 0 || folder[length - 1] != '/')
		path[length++] = '/';
	*at = strcpy(path + length, name);
	return path;
}

/* Reads one file of the folder. Returns 0, or -1 when memory is short. */
static int
add_partner(struct partners *partners, struct certificate_reader *reader,
    const char *folder, const char *name, struct diags *diags)
{
	struct partner partner = { 0 };
	const char *path = join_path(&partners->arena, folder, name, &partner.name);
	const char *problem;

	if (path == NULL ||
	    !array_reserve(partners->list, partners->count + 1, &partners->room))
		return -1;
	partner.file.path = partner.file.opened = partner.file.place.file = path;
	problem = certificate_read(reader, path, &partners->arena,
	    &partner.file.certificate);
	if (problem == certificate_no_memory)
		return -1;
	if (problem != NULL) {
		diags_add(diags, SEVERITY_WARNING, NULL, path, 0, 0, NULL, 0,
		    "no partner's certificate: %s", problem);
		return 0;
	}
	(void)fingerprint_write(&partner.file.certificate.digests[OF_KEY_SHA256],
	    partner.key_digest, sizeof(partner.key_digest));
	partners->list[partners->count++] = partner;
	return 0;
}

/* Reads all files of the folder. Returns 0, an errno, or ENOMEM. */
static int
read_folder(struct partners *partners, struct certificate_reader *reader,
    const char *folder, struct diags *diags)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_certificate_file, by_file_name);
	int error = count == -1 ? errno : 0;

	for (int i = 0; i < count; i++) {
		if (error == 0 && add_partner(partners, reader, folder,
		    entries[i]->d_name, diags) != 0)
			error = ENOMEM;
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	for (size_t i = 0; i + 1 < partners->count; i++)
		partners->list[i].file.next = &partners->list[i + 1].file;
	return error == 0 && partners->arena.failed ? ENOMEM : error;
}

enum policy_load_result
policy_load_certificates(struct policy *policy, const char *folder,
    struct diags *diags)
{
	struct partners *partners = calloc(1, sizeof(*partners));
	struct certificate_reader *reader = certificate_reader_new();
	int error = ENOMEM;

	if (partners != NULL && reader != NULL)
		error = read_folder(partners, reader, folder, diags);
	certificate_reader_free(&reader);
	if (error == 0) {
		policy->partners = partners;
		return POLICY_LOADED;
	}
	partners_free(&partners);
	if (error == ENOMEM)
		return POLICY_NO_MEMORY;
	diags_add(diags, SEVERITY_ERROR, NULL, folder, 0, 0, NULL, 0,
	    "the folder of partner-certificates cannot be read: %s", strerror(error));
	return POLICY_UNREADABLE;
}

/* ------------------------------------------------------------------ *
 * Facts
 * ------------------------------------------------------------------ */

/*
 * The first partner from "at" on whose certificate, or its key, has that digest; NULL:
 * there is none.
 */
static const struct partner *
find_partner(const struct partners *partners, const struct partner *at,
    const struct fingerprint *digest, bool of_key)
{
	bool sha1 = digest->algorithm == DIGEST_SHA1;
	enum certificate_digest which = of_key ? (sha1 ? OF_KEY_SHA1 : OF_KEY_SHA256) :
	    sha1 ? OF_CERTIFICATE_SHA1 : OF_CERTIFICATE_SHA256;

	for (; at < partners->list + partners->count; at++)
		if (fingerprint_equal(&at->file.certificate.digests[which], digest))
			return at;
	return NULL;
}

static bool
same_names(const struct certificate *a, const struct certificate *b)
{
	if (a->san_count != b->san_count)
		return false;
	for (size_t i = 0; i < a->san_count; i++)
		if (strcmp(a->san[i], b->san[i]) != 0)
			return false;
	return true;
}

/* What all certificates of one fingerprint say. */
#define SAID_TEXTS 7
#define SAID_ALIKE 5		/* the first of them; the others are the first's */

struct said {
	const char *texts[SAID_TEXTS];
	const struct certificate *names;	/* the one whose they are; NULL: none */
};

static struct said
said_by(const struct partner *partner)
{
	const struct certificate *certificate = &partner->file.certificate;

	return (struct said){
		.texts = {
			certificate->cn, certificate->issuer, certificate->key,
			certificate->signature, certificate->not_after_text,
			partner->key_digest, partner->name
		},
		.names = certificate
	};
}

/* Drops what another certificate does not say as well. */
static void
drop_other(struct said *said, const struct partner *partner)
{
	struct said other = said_by(partner);

	for (size_t i = 0; i < SAID_ALIKE; i++)
		if (said->texts[i] != NULL &&
		    strcmp(said->texts[i], other.texts[i]) != 0)
			said->texts[i] = NULL;
	if (said->names != NULL && !same_names(said->names, other.names))
		said->names = NULL;
}

/* Sets the facts that are not given. */
static void
add_said(struct facts *facts, const struct said *said)
{
	const char **const slots[SAID_TEXTS] = {
		&facts->cert_cn, &facts->cert_issuer, &facts->cert_key,
		&facts->cert_signature, &facts->cert_not_after,
		&facts->cert_pubkey_fingerprint, &facts->cert_source
	};

	for (size_t i = 0; i < SAID_TEXTS; i++)
		if (*slots[i] == NULL)
			*slots[i] = said->texts[i];
	if (facts->cert_san == NULL && said->names != NULL) {
		facts->cert_san = said->names->san;
		facts->cert_san_count = said->names->san_count;
	}
}

struct facts
policy_complete_facts(const struct policy *policy, const struct facts *facts)
{
	bool of_key = facts->cert_fingerprint == NULL;
	const char *fingerprint = of_key ? facts->cert_pubkey_fingerprint :
	    facts->cert_fingerprint;
	const struct partner *partner;
	struct facts all = *facts;
	struct fingerprint digest;
	struct said said;

	if (partner_files(policy) == NULL || fingerprint == NULL ||
	    !fingerprint_read_fact(fingerprint, &digest) ||
	    (partner = find_partner(policy->partners, policy->partners->list, &digest,
	    of_key)) == NULL)
		return all;
	/* What is added must not look like what an MTA says of those it verified. */
	all.cert_verified = session_verified(facts);
	said = said_by(partner);
	while ((partner = find_partner(policy->partners, partner + 1, &digest,
	    of_key)) != NULL)
		drop_other(&said, partner);
	add_said(&all, &said);
	return all;
}

/* ------------------------------------------------------------------ *
 * What ends by itself
 * ------------------------------------------------------------------ */

/* Takes an end that comes before the one so far, and after "now". */
static void
take_end(int64_t *first, int64_t end, int64_t now)
{
	if (end > now && end < *first)
		*first = end;
}

static void
take_period(int64_t *first, const struct period *period, int64_t now)
{
	if (period->set && period->limited)
		take_end(first, period->until, now);
}

void
policy_next_ends(const struct policy *policy, int64_t now, struct policy_ends *ends)
{
	const struct pinned_file *each;

	*ends = (struct policy_ends){ INT64_MAX, INT64_MAX };
	for (each = policy->pinned; each != NULL; each = each->next)
		take_end(&ends->certificate, each->certificate.not_after, now);
	for (each = partner_files(policy); each != NULL; each = each->next)
		take_end(&ends->certificate, each->certificate.not_after, now);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct settings_of_rule *settings = &policy->rules[i].settings;

		take_period(&ends->period, &settings->exempt, now);
		take_period(&ends->period, &settings->monitor, now);
	}
}
