/*
 * partner_certificate.c - the certificates of partners, from a folder.
 *
 * SPDX-License-Identifier: ISC
 */
#include "policy/partner_certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/session.h"
#include "base/array.h"
#include "base/diag.h"
#include "base/tape.h"

struct partner {
	struct pinned_file file;
	const char *name;		/* of the file, in its folder */
	char key_digest[72];		/* as a fact */
};

/* A digest by which a certificate is found. */
struct digest_entry {
	struct fingerprint digest;
	bool of_key;
	const struct partner *partner;
};

struct partners {
	struct arena arena;
	struct partner *list;		/* in byte order of their names */
	size_t count;
	size_t room;
	struct digest_entry *digests;	/* sorted */
	size_t digest_count;
};

void
partners_free(struct partners **partners)
{
	if (*partners == NULL)
		return;
	arena_release(&(*partners)->arena);
	free((*partners)->list);
	free((*partners)->digests);
	free(*partners);
	*partners = NULL;
}

const struct pinned_file *
partner_files(const struct policy *policy)
{
	return policy->partners != NULL && policy->partners->count > 0 ?
	    &policy->partners->list[0].file : NULL;
}

static int
compare_digests(const struct digest_entry *a, const struct digest_entry *b)
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
	const struct digest_entry *x = a, *y = b;
	int order = compare_digests(x, y);

	return order != 0 ? order : x->partner < y->partner ? -1 :
	    x->partner > y->partner;
}

/* ------------------------------------------------------------------ *
 * Loading
 * ------------------------------------------------------------------ */

static bool
is_certificate_file(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && dot != NULL &&
	    (strcmp(dot, ".pem") == 0 || strcmp(dot, ".crt") == 0);
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
	const char *problem, *kind;

	if (path == NULL ||
	    !array_reserve(partners->list, partners->count + 1, &partners->room))
		return -1;
	partner.file.path = partner.file.opened = partner.file.place.file = path;
	errno = 0;
	problem = certificate_read(reader, path, &partners->arena,
	    &partner.file.certificate);
	if (problem == certificate_no_memory)
		return -1;
	if (problem != NULL) {
		kind = errno != 0 && strcmp(problem, strerror(errno)) == 0 ?
		    "certificate-unreadable" : "not-a-certificate";
		diags_add(diags, SEVERITY_WARNING, kind, path, 0, 0, NULL, 0,
		    "no partner's certificate: %s", problem);
		return 0;
	}
	(void)fingerprint_write(&partner.file.certificate.digests[OF_KEY_SHA256],
	    partner.key_digest, sizeof(partner.key_digest));
	partners->list[partners->count++] = partner;
	return 0;
}

/* Once all are there. Returns 0, or -1 when memory is short. */
static int
index_partners(struct partners *partners)
{
	partners->digests = calloc(partners->count * CERTIFICATE_DIGESTS + 1,
	    sizeof(*partners->digests));
	if (partners->digests == NULL)
		return -1;
	for (size_t i = 0; i < partners->count; i++) {
		struct partner *partner = &partners->list[i];

		if (i + 1 < partners->count)
			partner->file.next = &partners->list[i + 1].file;
		for (int d = 0; d < CERTIFICATE_DIGESTS; d++)
			partners->digests[partners->digest_count++] = (struct digest_entry){
				.digest = partner->file.certificate.digests[d],
				.of_key = d == OF_KEY_SHA256 || d == OF_KEY_SHA1,
				.partner = partner
			};
	}
	qsort(partners->digests, partners->digest_count, sizeof(*partners->digests),
	    by_digest);
	return 0;
}

/* Reads all files of the folder. Returns 0, an errno, or ENOMEM. */
static int
read_folder(struct partners *partners, struct certificate_reader *reader,
    struct tape *tape, const char *folder, struct diags *diags)
{
	struct file names;
	enum file_result result = tape_ask(tape, TAPE_FOLDER, folder, &names);
	int error = result == FILE_READ ? 0 : result == FILE_NO_MEMORY ? ENOMEM : errno;
	const char *name = NULL;

	while (error == 0 && (name = tape_name(&names, name)) != NULL)
		if (is_certificate_file(name) &&
		    add_partner(partners, reader, folder, name, diags) != 0)
			error = ENOMEM;
	free(names.text);
	if (error == 0 && (index_partners(partners) != 0 || partners->arena.failed))
		error = ENOMEM;
	return error;
}

enum policy_load_result
partners_load(struct policy *policy, const char *folder, struct tape *tape,
    struct diags *diags)
{
	struct partners *partners = calloc(1, sizeof(*partners));
	struct certificate_reader *reader = certificate_reader_new(tape);
	int error = ENOMEM;

	if (partners != NULL && reader != NULL)
		error = read_folder(partners, reader, tape, folder, diags);
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

enum policy_load_result
policy_load_certificates(struct policy *policy, const char *folder,
    struct diags *diags)
{
	return partners_load(policy, folder, NULL, diags);
}

bool
partner_fits(const struct policy_requirement *pins, const struct certificate *certificate)
{
	for (size_t i = 0; i < pins->u.pins.count; i++)
		for (size_t j = 0; j < CERTIFICATE_DIGESTS; j++)
			if (fingerprint_equal(&pins->u.pins.list[i], &certificate->digests[j]))
				return true;
	return false;
}

/* ------------------------------------------------------------------ *
 * Facts
 * ------------------------------------------------------------------ */

/* The certificates that a fingerprint fits, next to each other in the index. */
struct range {
	const struct digest_entry *first;
	size_t count;
};

static struct range
find_range(const struct partners *partners, const char *fingerprint, bool of_key)
{
	struct digest_entry wanted = { .of_key = of_key };
	size_t low = 0, high = partners->digest_count, end;

	if (!fingerprint_read_fact(fingerprint, &wanted.digest))
		return (struct range){ 0 };
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_digests(&partners->digests[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < partners->digest_count &&
	    compare_digests(&partners->digests[end], &wanted) == 0; end++)
		continue;
	return (struct range){ partners->digests + low, end - low };
}

static const struct certificate *
certificate_at(const struct range *range, size_t i)
{
	return &range->first[i].partner->file.certificate;
}

#define FACT_TEXTS 5

/* What a certificate says, in the order of the facts of set_texts(). */
static void
texts_of(const struct certificate *certificate, const char *texts[FACT_TEXTS])
{
	texts[0] = certificate->cn;
	texts[1] = certificate->issuer;
	texts[2] = certificate->key;
	texts[3] = certificate->signature;
	texts[4] = certificate->not_after_text;
}

/* Sets facts that are not given to what all certificates of the range say. */
static void
set_texts(struct facts *facts, const struct range *range)
{
	const char **const slots[FACT_TEXTS] = {
		&facts->cert_cn, &facts->cert_issuer, &facts->cert_key,
		&facts->cert_signature, &facts->cert_not_after
	};
	const char *first[FACT_TEXTS], *texts[FACT_TEXTS];

	texts_of(certificate_at(range, 0), first);
	for (size_t i = 1; i < range->count; i++) {
		texts_of(certificate_at(range, i), texts);
		for (size_t t = 0; t < FACT_TEXTS; t++)
			if (first[t] != NULL && strcmp(first[t], texts[t]) != 0)
				first[t] = NULL;
	}
	for (size_t t = 0; t < FACT_TEXTS; t++)
		if (*slots[t] == NULL)
			*slots[t] = first[t];
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
	const struct certificate *first = certificate_at(range, 0);

	for (size_t i = 1; i < range->count; i++)
		if (!same_names(first, certificate_at(range, i)))
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
	if (policy->partners == NULL || fingerprint == NULL)
		return all;
	range = find_range(policy->partners, fingerprint, of_key);
	if (range.count == 0)
		return all;
	/* What is added must not look like what an MTA says of those it verified. */
	all.cert_verified = session_verified(facts);
	set_texts(&all, &range);
	set_names(&all, &range);
	if (all.cert_pubkey_fingerprint == NULL)
		all.cert_pubkey_fingerprint = range.first[0].partner->key_digest;
	if (all.cert_source == NULL)
		all.cert_source = range.first[0].partner->name;
	return all;
}
