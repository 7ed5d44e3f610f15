/*
 * known.c - the certificates of partners, from a folder.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/known.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/messages.h"
#include "policy/session.h"
#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"

/* A digest by which a certificate is found. */
struct known_digest {
	struct fingerprint digest;
	bool of_key;
	size_t known;			/* an index of the list */
};

struct known {
	struct pinned_file file;
	const char *name;		/* of the file, in its folder */
	char key_digest[72];		/* as a fact */
};

struct policy_certificates {
	struct arena arena;
	struct known *list;		/* in byte order of their names */
	size_t count;
	size_t room;
	struct known_digest *digests;	/* sorted */
	size_t digest_count;
};

void
known_free(struct policy_certificates **known)
{
	if (*known == NULL)
		return;
	arena_release(&(*known)->arena);
	free((*known)->list);
	free((*known)->digests);
	free(*known);
	*known = NULL;
}

static int
compare(const struct known_digest *a, const struct known_digest *b)
{
	if (a->of_key != b->of_key)
		return a->of_key ? 1 : -1;
	if (a->digest.algorithm != b->digest.algorithm)
		return a->digest.algorithm < b->digest.algorithm ? -1 : 1;
	return memcmp(a->digest.digest, b->digest.digest, sizeof(a->digest.digest));
}

static int
by_digest(const void *a, const void *b)
{
	const struct known_digest *x = a, *y = b;
	int order = compare(x, y);

	return order != 0 ? order : x->known < y->known ? -1 : x->known > y->known;
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
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* FOLDER/NAME, in the arena. */
static const char *
join(struct arena *arena, const char *folder, const char *name)
{
	size_t length = strlen(folder);
	char *path = arena_alloc(arena, length + strlen(name) + 2);

	if (path == NULL)
		return NULL;
	(void)strcpy(path, folder);
	(void)strcat(path, length > 0 && folder[length - 1] == '/' ? "" : "/");
	(void)strcat(path, name);
	return path;
}

/* Reads one file of the folder. Returns 0, or -1 when memory is short. */
static int
add_file(struct policy_certificates *known, struct certificate_reader *reader,
    const char *folder, const char *name, struct diags *diags)
{
	struct known *fresh;
	enum certificate_result result;

	if (!array_reserve(known->list, known->count + 1, &known->room))
		return -1;
	fresh = &known->list[known->count];
	memset(fresh, 0, sizeof(*fresh));
	fresh->file.path = join(&known->arena, folder, name);
	fresh->file.opened = fresh->file.place.file = fresh->file.path;
	fresh->name = arena_text(&known->arena, name, strlen(name));
	if (fresh->file.path == NULL || fresh->name == NULL)
		return -1;
	result = certificate_read(reader, fresh->file.path, &known->arena,
	    &fresh->file.certificate, &fresh->file.found);
	if (result == CERTIFICATE_NO_MEMORY)
		return -1;
	if (result != CERTIFICATE_READ) {
		diags_add(diags, SEVERITY_WARNING, NULL, fresh->file.path, 0, 0, NULL, 0,
		    "no partner's certificate: %s", certificate_problem(result));
		return 0;
	}
	(void)fingerprint_write(&fresh->file.certificate.digests[OF_KEY_SHA256],
	    fresh->key_digest, sizeof(fresh->key_digest));
	known->count++;
	return 0;
}

static int
make_index(struct policy_certificates *known)
{
	known->digests = calloc(known->count * CERTIFICATE_DIGESTS + 1,
	    sizeof(*known->digests));
	if (known->digests == NULL)
		return -1;
	for (size_t i = 0; i < known->count; i++)
		for (int d = 0; d < CERTIFICATE_DIGESTS; d++)
			known->digests[known->digest_count++] = (struct known_digest){
				.digest = known->list[i].file.certificate.digests[d],
				.of_key = d == OF_KEY_SHA256 || d == OF_KEY_SHA1,
				.known = i
			};
	qsort(known->digests, known->digest_count, sizeof(*known->digests), by_digest);
	return 0;
}

/* Reads all files of the folder. Returns 0, an errno, or ENOMEM. */
static int
read_folder(struct policy_certificates *known, struct certificate_reader *reader,
    const char *folder, struct diags *diags)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_certificate_file, by_name);
	int error = count == -1 ? errno : 0;

	for (int i = 0; i < count; i++) {
		if (error == 0 && add_file(known, reader, folder, entries[i]->d_name,
		    diags) != 0)
			error = ENOMEM;
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (error == 0 && (make_index(known) != 0 || known->arena.failed))
		error = ENOMEM;
	return error;
}

enum policy_load_result
policy_load_certificates(struct policy *policy, const char *folder,
    struct diags *diags)
{
	struct policy_certificates *known = calloc(1, sizeof(*known));
	struct certificate_reader *reader = certificate_reader_new();
	int error = ENOMEM;

	if (known != NULL && reader != NULL)
		error = read_folder(known, reader, folder, diags);
	certificate_reader_free(&reader);
	if (error == 0) {
		policy->known = known;
		return POLICY_LOADED;
	}
	known_free(&known);
	if (error == ENOMEM)
		return POLICY_NO_MEMORY;
	diags_add(diags, SEVERITY_ERROR, NULL, folder, 0, 0, NULL, 0,
	    "the folder of partner-certificates cannot be read: %s", strerror(error));
	return POLICY_UNREADABLE;
}

const struct pinned_file *
known_at(const struct policy_certificates *known, size_t i)
{
	return known != NULL && i < known->count ? &known->list[i].file : NULL;
}

int64_t
known_next_end(const struct policy_certificates *known, int64_t now)
{
	int64_t end = INT64_MAX;

	for (size_t i = 0; i < known->count; i++) {
		int64_t not_after = known->list[i].file.certificate.not_after;

		if (not_after > now && not_after < end)
			end = not_after;
	}
	return end;
}

/* ------------------------------------------------------------------ *
 * Facts
 * ------------------------------------------------------------------ */

/* The certificates that a fingerprint fits, next to each other in the index. */
struct range {
	const struct policy_certificates *known;
	const struct known_digest *first;
	size_t count;
};

static struct range
find(const struct policy_certificates *known, const char *fingerprint, bool of_key)
{
	struct known_digest wanted = { .of_key = of_key };
	size_t low = 0, high = known->digest_count, end;

	if (!fingerprint_read_fact(fingerprint, &wanted.digest))
		return (struct range){ 0 };
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&known->digests[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < known->digest_count &&
	    compare(&known->digests[end], &wanted) == 0; end++)
		continue;
	return (struct range){ known, known->digests + low, end - low };
}

static const struct known *
at(const struct range *range, size_t i)
{
	return &range->known->list[range->first[i].known];
}

static const char *
get_cn(const struct certificate *certificate)
{
	return certificate->cn;
}

static const char *
get_issuer(const struct certificate *certificate)
{
	return certificate->issuer;
}

static const char *
get_key(const struct certificate *certificate)
{
	return certificate->key;
}

static const char *
get_signature(const struct certificate *certificate)
{
	return certificate->signature;
}

static const char *
get_not_after(const struct certificate *certificate)
{
	return certificate->not_after_text;
}

/* Sets a fact that is not given to what all certificates of the range say. */
static void
set(const char **fact, const struct range *range,
    const char *(*get)(const struct certificate *))
{
	const char *value = get(&at(range, 0)->file.certificate);

	for (size_t i = 1; i < range->count; i++)
		if (strcmp(get(&at(range, i)->file.certificate), value) != 0)
			return;
	if (*fact == NULL)
		*fact = value;
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

static void
set_names(struct facts *facts, const struct range *range)
{
	const struct certificate *first = &at(range, 0)->file.certificate;

	for (size_t i = 1; i < range->count; i++)
		if (!same_names(first, &at(range, i)->file.certificate))
			return;
	if (facts->cert_san == NULL && first->san_count > 0) {
		facts->cert_san = first->san;
		facts->cert_san_count = first->san_count;
	}
}

struct facts
policy_complete_facts(const struct policy *policy, const struct facts *facts)
{
	const char *fingerprint = facts->cert_fingerprint;
	bool of_key = fingerprint == NULL;
	struct facts all = *facts;
	struct range range;

	if (of_key)
		fingerprint = facts->cert_pubkey_fingerprint;
	if (policy->known == NULL || fingerprint == NULL)
		return all;
	range = find(policy->known, fingerprint, of_key);
	if (range.count == 0)
		return all;
	/* What is added must not look like what an MTA says of those it verified. */
	all.cert_verified = session_verified(facts);
	set(&all.cert_cn, &range, get_cn);
	set_names(&all, &range);
	set(&all.cert_issuer, &range, get_issuer);
	set(&all.cert_key, &range, get_key);
	set(&all.cert_signature, &range, get_signature);
	set(&all.cert_not_after, &range, get_not_after);
	if (all.cert_pubkey_fingerprint == NULL)
		all.cert_pubkey_fingerprint = at(&range, 0)->key_digest;
	if (all.cert_source == NULL)
		all.cert_source = at(&range, 0)->name;
	return all;
}
